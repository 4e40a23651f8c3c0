"""What goes wrong around the operator: its Kafka, its leader, its API server, and what people write."""

import contextlib
import datetime
import itertools
import json
import signal
import socketserver
import threading
import time

import pytest

from api_proxy import ApiProxy, watches, writes
from kafka_client import KafkaClient, Record
from kafka_cluster import KafkaCluster
from operators import JobQueue, Operator


def jobs(count):
    return [Record(b"x", f"{n}".encode(), [("drover-job-id", f"{n}")]) for n in range(count)]


def admin_kubeconfig(plane, name):
    """Of a ServiceAccount of its own, so that the audit log tells who wrote."""
    plane.kubectl("create", "serviceaccount", name)
    plane.kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--serviceaccount=default:{name}")
    return plane.service_account_kubeconfig("default", name)


def writes_of(plane, account):
    """When which writes of this ServiceAccount came to the API server, but for those about its lease."""
    found = []
    for event in plane.audit():
        if event["user"]["username"] == f"system:serviceaccount:default:{account}" and event["verb"] not in ("get", "list", "watch"):
            if event["objectRef"]["resource"] != "leases":
                at = datetime.datetime.fromisoformat(event["requestReceivedTimestamp"].replace("Z", "+00:00"))
                found.append((at.timestamp(), event["verb"], event["objectRef"]["resource"]))
    return found


def test_B6_a_broker_outage_changes_no_scale_and_is_said(plane, folder):
    with KafkaCluster.temporary() as cluster, Operator(plane, folder) as operator:
        kafka = KafkaClient(cluster.bootstrap)
        queue = JobQueue(kafka, scaling={"idleAfter": "2s", "maxReplicas": 10}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        kafka.produce(queue.topic, jobs(200))
        operator.wait_for_replicas(queue, lambda count: count == 2, "two replicas")
        cluster.kill_all()
        operator.wait_for_condition(queue, "KafkaReachable", "False")
        held_until = time.monotonic() + 45
        while time.monotonic() < held_until:  # for much longer than idleAfter
            assert queue.replicas(plane) == 2
            time.sleep(0.5)
        assert plane.get("jobqueue", queue.name)["status"]["lastDecision"]["reason"] == "FiguresUnknown"
        # A new operator knows no more, and holds as well.
        operator.stop()
        with Operator(plane, folder) as successor:
            successor.wait_for_log("leading")
            held_until = time.monotonic() + 15
            while time.monotonic() < held_until:
                assert queue.replicas(plane) == 2
                time.sleep(0.5)
            cluster.start()
            back = time.monotonic()
            successor.wait_for_condition(queue, "KafkaReachable")
            print(f"seen {time.monotonic() - back:.1f} s after Kafka was back")
            queue.delete(plane)
            successor.stop()


def test_B8_a_partition_without_a_leader_holds_its_own_queue_only(plane, folder):
    with KafkaCluster.temporary(brokers=3, settings=["min.insync.replicas=1"]) as cluster, Operator(plane, folder) as operator:
        kafka = KafkaClient(cluster.bootstrap)
        safe = [JobQueue(kafka, kafka={"replicationFactor": 3}, scaling={"targetLag": 10}).apply(plane) for _ in range(3)]
        stuck = [JobQueue(kafka, kafka={"replicationFactor": 1}).apply(plane) for _ in range(2)]
        topics = [f"alone{n}" for n in range(40)]  # one of them at least is on the broker that goes
        kafka.create(*topics)
        for queue in (*safe, *stuck):
            operator.wait_for_condition(queue, "Ready")
        cluster.kill(3)
        for queue in stuck:
            condition = operator.wait_for_condition(queue, "KafkaReachable", "False", "LeaderNotAvailable", seconds=120)
            assert f"Topic {queue.topic}" in condition["message"]
        for count in (1, 2, 3):
            for queue in safe:
                kafka.produce(queue.topic, jobs(10))
                operator.wait_for_replicas(queue, lambda found: found == count, f"{count} replicas", 120)
                assert operator.conditions(queue)["KafkaReachable"]["status"] == "True"

        def is_without_leader(topic):
            try:
                assert kafka.offsets(topic)
            except RuntimeError as error:
                assert "leader" in str(error).lower()
                return True
            return False
        assert any(is_without_leader(topic) for topic in topics), "a topic is there, whoever leads it"
        cluster.start([3])
        for queue in stuck:
            operator.wait_for_condition(queue, "Ready", seconds=180)
        for queue in (*safe, *stuck):
            queue.delete(plane)
        operator.stop()


def test_B9_a_standby_takes_over_from_a_killed_leader(plane, kafka, folder):
    lease = "default/killed"
    with Operator(plane, folder, lease=lease) as leader:
        leader.wait_for_log("leading")
        with Operator(plane, folder, lease=lease) as standby:
            standby.wait_until(lambda: standby.get("/readyz")[0] == 200, "readiness of the standby")
            assert standby.metrics()["drover_operator_leading"] == 0
            leader.kill()
            killed = time.monotonic()
            queue = JobQueue(kafka).apply(plane)
            standby.wait_for_condition(queue, "Ready")
            took = time.monotonic() - killed
            print(f"the standby had made the queue ready {took:.1f} s after the leader's death")
            # An orderly end gives the lease away at once.
            standby.stop()
            assert not plane.get("lease", "killed")["spec"].get("holderIdentity")
            queue.delete(plane)


def test_B9_a_leader_that_was_frozen_writes_nothing_when_it_wakes(plane, kafka, folder):
    lease = "default/frozen"
    names = ("frozen-one", "frozen-two")
    one, two = (Operator(plane, folder, lease=lease, kubeconfig=admin_kubeconfig(plane, name)) for name in names)
    with one, two:
        leader, standby = one, two
        leader.wait_until(lambda: any("leading" == line["message"] for line in leader.log() + standby.log()), "leader")
        if any(line["message"] == "leading" for line in standby.log()):
            leader, standby, names = standby, leader, names[::-1]
        queue = JobQueue(kafka).apply(plane)
        leader.wait_for_condition(queue, "Ready")
        leader.send(signal.SIGSTOP)
        frozen = time.time()
        standby.wait_for_log("leading")
        # Work for both: what the frozen one would like to do.
        kafka.produce(queue.topic, jobs(150))
        standby.wait_for_replicas(queue, lambda count: count == 2, "two replicas")
        time.sleep(max(0.0, frozen + 20 - time.time()))
        leader.send(signal.SIGCONT)
        leader.wait_for_log("leading no more")
        plane.kubectl("scale", "deployment", queue.deployment, "--replicas=1")
        standby.wait_for_replicas(queue, lambda count: count == 2, "two replicas again")
        late = [write for write in writes_of(plane, names[0]) if write[0] > frozen + 1]
        assert len(late) <= 1, late
        assert [write for write in writes_of(plane, names[1]) if write[0] > frozen], "the standby wrote"
        queue.delete(plane)


def test_B9_who_leads_no_more_does_not_finish_a_row_of_writes(plane, kafka, folder, proxy):
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig, lease="default/row") as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10, "idleAfter": "2s"}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        kafka.produce(queue.topic, jobs(30))
        operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("readyReplicas") == 3, "three ready pods")
        # What each pod costs is written before a scale-in. The first of these writes outlasts the leadership.
        with proxy.fault(writes("pods"), delay=14) as slow, contextlib.ExitStack() as unled:
            for (_, partition), (_, end) in kafka.offsets(queue.topic).items():
                kafka.set_position(f"drover.default.{queue.name}", queue.topic, partition, end)
            operator.wait_until(lambda: slow.seen, "the first write")
            unled.enter_context(proxy.fault(lambda _, path: "/leases" in path, status=500))
            operator.wait_for_log("leading no more")
            while time.monotonic() < slow.seen[0] + 17:
                assert len(slow.seen) == 1
                time.sleep(0.2)
        operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
        queue.delete(plane)
        operator.stop()


def test_B9_an_api_server_that_was_away_finds_all_as_it_should_be(plane, kafka, folder):
    with Operator(plane, folder, lease="default/away") as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        with plane.without_api_server():
            operator.wait_for_log("leading no more")
            kafka.produce(queue.topic, jobs(30))
            assert operator.get("/healthz")[0] == 200
        operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
        assert operator.running
        queue.delete(plane)
        operator.stop()


@pytest.mark.parametrize("allowed", [True, False])
def test_D5_brokers_that_are_not_allowed_are_never_asked(plane, kafka, folder, allowed):
    with Operator(plane, folder, "--allow-kafka", kafka.bootstrap if allowed else "elsewhere:9092") as operator:
        queue = JobQueue(kafka).apply(plane)
        if allowed:
            operator.wait_for_condition(queue, "Ready")
        else:
            condition = operator.wait_for_condition(queue, "KafkaReachable", "False", "NotAllowed")
            assert kafka.bootstrap in condition["message"]
            assert queue.replicas(plane) is None
        queue.delete(plane)
        operator.stop()


def test_D5_a_secret_is_taken_from_the_queues_own_namespace_only(plane, kafka, folder):
    plane.kubectl("create", "namespace", "other")
    plane.kubectl("-n", "other", "create", "secret", "generic", "client", "--from-literal=client.id=other")
    with Operator(plane, folder) as operator:
        queue = JobQueue(kafka, kafka={"authSecret": "client"}).apply(plane)
        condition = operator.wait_for_condition(queue, "KafkaReachable", "False", "SecretNotFound")
        assert "client" in condition["message"]
        plane.kubectl("create", "secret", "generic", "client", "--from-literal=ssl.ca.location=/etc/passwd")
        queue.annotate(plane, "look", "again")
        operator.wait_for_condition(queue, "KafkaReachable", "False", "NotAllowed")
        plane.kubectl("delete", "secret", "client")
        plane.kubectl("create", "secret", "generic", "client", "--from-literal=client.id=ours")
        queue.annotate(plane, "look", "once more")
        operator.wait_for_condition(queue, "Ready")
        queue.delete(plane)
        operator.stop()


def test_B8_a_queue_that_Kafka_refuses_says_so_and_disturbs_no_other(plane, folder):
    with KafkaCluster.temporary(sasl=True, acls=True) as cluster, Operator(plane, folder) as operator:
        access = cluster.description()["sasl"]

        def secret(name, user):
            settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": user,
                        "sasl.password": access["password"]}
            plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"},
                         "stringData": settings})
            return settings

        secret("refused", access["stranger"])
        kafka = KafkaClient(access["bootstrap"], secret("taken", access["user"]))
        refused = JobQueue(kafka, kafka={"authSecret": "refused"}).apply(plane)
        taken = JobQueue(kafka, kafka={"authSecret": "taken"}).apply(plane)
        condition = operator.wait_for_condition(refused, "KafkaReachable", "False", "Unauthorized")
        assert condition["message"]
        operator.wait_for_condition(taken, "Ready")
        kafka.produce(taken.topic, jobs(1))
        operator.wait_for_replicas(taken, lambda count: count == 1, "a replica")
        assert refused.replicas(plane) is None
        secret("refused", access["user"])
        refused.annotate(plane, "look", "again")
        operator.wait_for_condition(refused, "Ready")
        for queue in (refused, taken):
            queue.delete(plane)
        operator.stop()


def test_B8_a_kafka_that_no_queue_uses_any_more_is_not_counted_as_away(plane, folder):
    with Operator(plane, folder) as operator:
        queue = JobQueue(KafkaClient("127.0.0.1:1")).apply(plane)  # where nobody listens
        gauge = 'drover_operator_kafka_reachable{bootstrap_servers="127.0.0.1:1"}'
        operator.wait_until(lambda: operator.metrics().get(gauge) == 0, "word that Kafka is away")
        queue.delete(plane)
        operator.wait_until(lambda: gauge not in operator.metrics(), "end of that word")
        operator.stop()


@pytest.fixture
def proxy(plane, folder):
    with ApiProxy(plane, folder) as between:
        yield between


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_B8_what_the_API_server_refuses_is_counted_and_said_and_done_when_it_gives_in(plane, kafka, folder, proxy, status):
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig) as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        with proxy.fault(writes("deployments"), status=status, headers={"retry-after": 1}) as fault:
            kafka.produce(queue.topic, jobs(30))
            condition = operator.wait_for_condition(queue, "Ready", "False", "ApplyFailed")
            assert f"the proxy answers {status}" in condition["message"]
            operator.wait_until(lambda: operator.metrics()['drover_operator_reconciles_total{result="error"}'] >= 2, "failures")
            begin, end = fault.seen[0], time.monotonic()
            assert len(fault.seen) <= 5 + 3 * (end - begin), "it is tried again, and not all the time"
            assert queue.replicas(plane) == 0
        operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
        operator.wait_until(lambda: operator.conditions(queue)["Ready"]["reason"] != "ApplyFailed", "end of the trouble")
        queue.delete(plane)
        operator.stop()


@pytest.mark.parametrize("status", [429, 503])
def test_B8_an_API_server_that_asks_to_be_spared_is_spared(plane, kafka, folder, proxy, status):
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig) as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        with proxy.fault(writes(f"deployments/{queue.deployment}"), status=status, headers={"retry-after": 6}) as fault:
            for count in (1, 2, 3):  # whatever else is news
                kafka.produce(queue.topic, jobs(10))
                operator.wait_until(lambda: len(fault.seen) >= count, f"try {count}")
            waits = [later - earlier for earlier, later in itertools.pairwise(fault.seen)]
            assert min(waits) > 5.9, waits
        operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
        queue.delete(plane)
        operator.stop()


@pytest.mark.parametrize("refused", ["list", "patch"])
def test_B8_a_scale_in_that_cannot_be_prepared_is_said_and_waits(plane, kafka, folder, proxy, refused):
    fits = writes("pods") if refused == "patch" else lambda method, path: method == "GET" and "/pods?" in path
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig) as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10, "idleAfter": "2s"}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        kafka.produce(queue.topic, jobs(30))
        operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
        operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("readyReplicas") == 3, "three ready pods")
        with proxy.fault(fits, status=403):
            for (_, partition), (_, end) in kafka.offsets(queue.topic).items():
                kafka.set_position(f"drover.default.{queue.name}", queue.topic, partition, end)
            condition = operator.wait_for_condition(queue, "Ready", "False", "ScaleInNotPrepared")
            assert "the proxy answers 403" in condition["message"]
            assert queue.replicas(plane) == 3
        operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
        operator.wait_for_condition(queue, "Ready")
        queue.delete(plane)
        operator.stop()


def test_B8_what_the_API_server_finds_wrong_is_not_asked_for_all_the_time(plane, kafka, folder, proxy):
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig) as operator:
        queue = JobQueue(kafka, scaling={"targetLag": 10}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        with proxy.fault(writes("deployments"), status=422) as fault:
            kafka.produce(queue.topic, jobs(30))
            operator.wait_for_condition(queue, "Ready", "False", "ApplyFailed")
            operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("backlog") == 30, "the whole backlog")
            asked = len(fault.seen)
            held_until = time.monotonic() + 20  # with nothing new; the next try is a minute after the last
            while time.monotonic() < held_until:
                assert len(fault.seen) <= asked + 2
                time.sleep(0.5)
        queue.annotate(plane, "look", "again")
        operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
        queue.delete(plane)
        operator.stop()


def test_B8_a_watch_that_is_cut_in_the_middle_of_a_line_goes_on_without_a_gap(plane, kafka, folder, proxy):
    with Operator(plane, folder, kubeconfig=proxy.kubeconfig) as operator:
        first = JobQueue(kafka).apply(plane)
        operator.wait_for_condition(first, "Ready")
        with proxy.fault(watches("jobqueues"), cut_after=200) as fault:
            operator_sees = [JobQueue(kafka).apply(plane) for _ in range(3)]
            # The watch that was there is whole; the next ones are cut.
            plane.kubectl("annotate", "jobqueue", first.name, "look=again")
            for queue in operator_sees:
                operator.wait_for_condition(queue, "Ready")
            assert operator.get("/healthz")[0] == 200
        last = JobQueue(kafka).apply(plane)
        operator.wait_for_condition(last, "Ready")
        print(f"{len(fault.seen)} watches were cut")
        for queue in (first, last, *operator_sees):
            queue.delete(plane)
        operator.stop()


def test_B8_a_slow_API_server_is_waited_for(plane, kafka, folder, proxy):
    with proxy.fault(lambda *_: True, delay=1.0), \
            Operator(plane, folder, kubeconfig=proxy.kubeconfig, lease="default/slow") as operator:
        queue = JobQueue(kafka).apply(plane)
        operator.wait_for_condition(queue, "Ready", seconds=90)
        assert not any(line["message"] == "leading no more" for line in operator.log())
        queue.delete(plane)


@contextlib.contextmanager
def face_of_a_sidecar(address, answer=None):
    """At the port where the operator asks pods: when it was asked. Without an answer it is silent, as on a dead node."""
    asked = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            asked.append(time.monotonic())
            self.request.recv(4096)
            if answer is None:
                self.request.recv(1)  # until the other side has waited long enough
            else:
                text = json.dumps(answer).encode()
                self.request.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server((address, 4041), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def pod_at(plane, queue, address):
    """One of the queue's, on no node."""
    name = f"{queue.name}-at-{address.replace('.', '-')}"
    plane.apply({"apiVersion": "v1", "kind": "Pod",
                 "metadata": {"name": name, "namespace": queue.namespace, "labels": {"drover.dev/queue": queue.name}},
                 "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "drover.test/worker:1"}]}})
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    plane.kubectl("-n", queue.namespace, "patch", "pod", name, "--subresource=status", "--type=merge",
                  "-p", json.dumps({"status": status}))
    return name


def test_B13_a_pod_that_does_not_answer_is_left_alone_for_a_while(plane, kafka, folder):
    template = {"spec": {"containers": [{"name": "app", "image": "drover.test/worker:1"}], "nodeSelector": {"no": "node"}}}
    with Operator(plane, folder) as operator, face_of_a_sidecar("127.0.77.1") as dead, \
            face_of_a_sidecar("127.0.77.2", {"inFlight": 1, "workerReachable": False}) as alive:
        queue = JobQueue(kafka, worker={"template": template}).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        pods = [pod_at(plane, queue, address) for address in ("127.0.77.1", "127.0.77.2")]
        kafka.produce(queue.topic, jobs(10))  # pods that start are asked every three seconds
        operator.wait_until(lambda: len(alive) >= 6, "six questions to the one that answers")
        assert 1 <= len(dead) <= 1 + (time.monotonic() - dead[0]) / 60
        condition = operator.wait_for_condition(queue, "WorkerUnreachable")
        assert pods[1] in condition["message"]
        for name in pods:
            plane.kubectl("delete", "pod", name, "--force")
        queue.delete(plane)
        operator.stop()


def test_B13_many_queues_created_at_once_are_all_made_ready(plane, kafka, folder):
    count = 60
    with Operator(plane, folder) as operator:
        queues = [JobQueue(kafka, kafka={"partitions": 1}) for _ in range(count)]
        plane.apply(*(queue.manifest for queue in queues))

        def ready():
            names = {queue.name for queue in queues}
            found = [each for each in plane.get("jobqueues")["items"] if each["metadata"]["name"] in names]
            return count == sum(any(one["type"] == "Ready" and one["status"] == "True"
                                    for one in each.get("status", {}).get("conditions", [])) for each in found)
        operator.wait_until(ready, f"{count} queues that are ready", 180)
        plane.kubectl("delete", "jobqueues", *(queue.name for queue in queues))
        operator.stop()
