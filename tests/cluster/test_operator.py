"""The operator on a real API server and a real Kafka. KWOK plays the pods; a sidecar of this machine does their work."""

import datetime
import time

import pytest

from kafka_client import Record
from operators import JobQueue, Operator, run_sidecar
from worker import Worker


@pytest.fixture(scope="module")
def operator(plane, folder):
    with Operator(plane, folder) as running:
        yield running


@pytest.fixture
def queue(plane, kafka, operator):
    made = JobQueue(kafka).apply(plane)
    operator.wait_for_condition(made, "Ready")
    yield made
    made.delete(plane)


def jobs(count, prefix="job"):
    return [Record(b"x", f"{prefix}-{n}".encode(), [("drover-job-id", f"{prefix}-{n}")]) for n in range(count)]


def is_there(kafka, topic):
    try:
        return len(kafka.offsets(topic)) == 3
    except RuntimeError as error:  # while it is being made
        assert "leader" in str(error).lower()
        return False


def test_B1_a_queue_gets_its_topics_and_its_workers_objects(plane, kafka, operator, queue):
    names = (queue.topic, f"{queue.topic}.retry.2s", f"{queue.topic}.retry.4s", f"{queue.topic}.dlq", f"{queue.topic}.control")
    offsets = kafka.offsets(*names)
    assert {name: sum(topic == name for topic, _ in offsets) for name in names} == {
        names[0]: 3, names[1]: 3, names[2]: 3, names[3]: 3, names[4]: 1}
    deployment = plane.get("deployment", queue.deployment)
    assert deployment["spec"]["replicas"] == 0
    pod = deployment["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["initContainers"]] == ["drover-sidecar"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    for kind in ("deployment", "configmap", "serviceaccount", "poddisruptionbudget"):
        owner, = plane.get(kind, queue.deployment)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("JobQueue", queue.name, True)


def test_B2_replicas_follow_the_backlog_and_go_back_to_zero(plane, kafka, operator, queue, folder):
    with operator.frozen():  # a look between two requests of the producer would see fewer
        kafka.produce(queue.topic, jobs(300))
    wanted = operator.wait_for_replicas(queue, lambda count: count > 0, "replicas above 0")
    assert wanted == 3, "300 jobs at 100 each"
    with Worker() as worker, run_sidecar(plane, queue, worker, folder) as sidecar:
        sidecar.wait_for(lambda stats: stats["completed"] == 300, "all jobs")
        assert operator.wait_for_replicas(queue, lambda count: count == 0, "no replica") == 0
        sidecar.stop()
    assert sorted(job.id for job in worker.jobs) == sorted(f"job-{n}" for n in range(300))
    status = plane.get("jobqueue", queue.name)["status"]
    assert status["lastDecision"]["reason"] == "Idle"
    assert status["backlog"] == 0


def test_B2_no_more_replicas_than_partitions(plane, kafka, operator, queue):
    with operator.frozen():
        kafka.produce(queue.topic, jobs(5000))
    assert operator.wait_for_replicas(queue, lambda count: count > 0, "replicas above 0") == 3


def test_B8_status_says_what_was_seen_and_decided(plane, kafka, operator, queue):
    kafka.produce(queue.topic, jobs(7))
    operator.wait_for_replicas(queue, lambda count: count == 1, "a replica")
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("readyReplicas") == 1, "a ready replica")
    found = plane.get("jobqueue", queue.name)
    status = found["status"]
    assert status["observedGeneration"] == found["metadata"]["generation"]
    assert status["selector"] == f"drover.dev/queue={queue.name}"
    assert status["lastDecision"]["reason"] == "TargetLag"
    assert "7 jobs unfinished" in status["lastDecision"]["message"]
    conditions = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert conditions["Active"] == ("True", "JobsWaiting")
    assert conditions["KafkaReachable"] == ("True", "Reachable")
    assert conditions["TopicsReady"] == ("True", "TopicsExist")
    assert conditions["Paused"] == ("False", "NotPaused")
    events = plane.get("events", f"--field-selector=involvedObject.name={queue.name}")["items"]
    assert any(each["reason"] == "ScaledOut" and "From 0 to 1" in each["message"] for each in events)
    row = plane.kubectl("get", "jobqueue", queue.name).splitlines()[-1].split()
    assert row[1:4] == ["True", "1", "7"]


def test_B9_what_somebody_else_changes_of_ours_is_made_so_again(plane, kafka, operator, queue):
    plane.kubectl("scale", "deployment", queue.deployment, "--replicas=9")
    operator.wait_for_replicas(queue, lambda count: count == 0, "the decided scale")
    # What is not ours stays.
    plane.kubectl("label", "deployment", queue.deployment, "team=mail")
    plane.kubectl("set", "image", f"deployment/{queue.deployment}", "drover-sidecar=somebody/else:2")
    operator.wait_until(lambda: plane.get("deployment", queue.deployment)["spec"]["template"]["spec"]["initContainers"][0]
                        ["image"].startswith("drover.test/"), "our image")
    assert plane.get("deployment", queue.deployment)["metadata"]["labels"]["team"] == "mail"
    plane.kubectl("delete", "deployment", queue.deployment)
    operator.wait_until(lambda: queue.replicas(plane) == 0, "another Deployment")


def test_B10_annotations_hold_the_scale_and_force_one(plane, kafka, operator, queue):
    queue.annotate(plane, "drover.dev/paused-scale-out", "true")
    operator.wait_until(lambda: operator.metrics(), "metrics")
    kafka.produce(queue.topic, jobs(3))
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"]["lastDecision"]["reason"] == "ScaleOutPaused",
                        "a decision to hold")
    assert queue.replicas(plane) == 0
    queue.annotate(plane, "drover.dev/paused-scale-out", None)
    operator.wait_for_replicas(queue, lambda count: count == 1, "a replica")
    other = JobQueue(kafka, annotations={"drover.dev/force-active": "true"}).apply(plane)
    operator.wait_for_replicas(other, lambda count: count == 1, "a replica by force")
    other.delete(plane)


def test_B10_a_schedule_raises_the_replicas_when_its_time_comes(plane, kafka, operator):
    def cron(at):
        return at.strftime("%S %M %H * * *")

    opens = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
    closes = opens + datetime.timedelta(seconds=10)
    queue = JobQueue(kafka, scaling={"idleAfter": "0s", "schedules": [
        {"start": cron(opens), "end": cron(closes), "minReplicas": 2}]}).apply(plane)
    operator.wait_for_replicas(queue, lambda count: count == 0, "a Deployment")
    operator.wait_for_replicas(queue, lambda count: count == 2, "the schedule's replicas")
    seen = datetime.datetime.now(datetime.timezone.utc)
    assert opens.replace(microsecond=0) <= seen
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"]["lastDecision"]["reason"] == "Schedule", "its reason")
    assert "minReplicas" not in plane.get("jobqueue", queue.name)["status"]["lastDecision"]["message"]
    operator.wait_for_replicas(queue, lambda count: count == 0, "the end of the schedule")
    assert closes.replace(microsecond=0) <= datetime.datetime.now(datetime.timezone.utc)
    queue.delete(plane)


def test_B5_a_topic_deleted_by_hand_is_made_again(plane, kafka, operator, queue):
    kafka.delete(f"{queue.topic}.dlq")
    operator.wait_until(lambda: is_there(kafka, f"{queue.topic}.dlq"), "the topic", 90)
    operator.wait_for_condition(queue, "TopicsReady")


def test_B12_a_changed_template_is_a_rollout(plane, kafka, operator, queue):
    queue.patch(plane, spec={"worker": {"template": {"spec": {"containers": [{"name": "app", "image": "drover.test/other:2"}]}}}})
    operator.wait_until(lambda: plane.get("deployment", queue.deployment)["spec"]["template"]["spec"]["containers"][0]["image"]
                        == "drover.test/other:2", "the new image")


def test_B12_what_may_change_while_pods_run_starts_none_anew(plane, kafka, operator, queue, folder):
    with Worker() as worker, run_sidecar(plane, queue, worker, folder, "pod-hot") as sidecar:
        sidecar.wait_until_joined()
        before = plane.get("deployment", queue.deployment)["spec"]["template"]
        queue.patch(plane, spec={"delivery": {"concurrency": 3}, "paused": True})
        sidecar.wait_for(lambda stats: stats["generation"] == 2 and stats["paused"], "the new configuration")
        operator.wait_for_condition(queue, "Paused", reason="PausedBySpec")
        assert plane.get("deployment", queue.deployment)["spec"]["template"] == before
        queue.patch(plane, spec={"paused": False})
        sidecar.wait_for(lambda stats: not stats["paused"], "the end of the pause")
        sidecar.stop()


def test_B12_retries_of_an_earlier_policy_are_not_left_behind(plane, kafka, operator, folder):
    queue = JobQueue(kafka, retry={"initial": "10s", "maxDelay": "20s", "maxAttempts": 2}).apply(plane)
    operator.wait_for_condition(queue, "Ready")
    kafka.produce(queue.topic, jobs(1))
    with Worker(lambda job: 500 if job.attempt == 1 else 200) as worker:
        with run_sidecar(plane, queue, worker, folder, "pod-before") as sidecar:
            sidecar.wait_for(lambda stats: stats["retried"] == 1, "the retry")
            sidecar.stop()
        queue.patch(plane, spec={"retry": {"initial": "2s"}})
        operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"]["retrySteps"] == ["10s", "2s"], "both steps")
        operator.wait_until(lambda: queue.sidecar_config(plane)["retiredRetryTopics"], "the old topic among those to read")
        with run_sidecar(plane, queue, worker, folder, "pod-after") as sidecar:
            sidecar.wait_for(lambda stats: stats["completed"] == 1, "the job")
            sidecar.stop()
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"]["retrySteps"] == ["2s"], "one step")
    operator.wait_until(lambda: not queue.sidecar_config(plane)["retiredRetryTopics"], "none but the new topic")
    queue.delete(plane)


def test_B1_a_deleted_queue_takes_its_objects_along_and_leaves_its_topics(plane, kafka, operator):
    queue = JobQueue(kafka).apply(plane)
    operator.wait_for_condition(queue, "Ready")
    queue.delete(plane)
    operator.wait_until(lambda: queue.replicas(plane) is None, "end of the Deployment", 90)
    assert len(kafka.offsets(queue.topic)) == 3


def test_B1_a_queue_that_asks_for_it_takes_its_topics_along_when_no_pod_is_left(plane, kafka, operator):
    queue = JobQueue(kafka, kafka={"deleteTopics": True}).apply(plane)
    operator.wait_for_condition(queue, "Ready")
    kafka.produce(queue.topic, jobs(150))
    operator.wait_for_replicas(queue, lambda count: count == 2, "two replicas")
    neighbour = JobQueue(kafka, name=f"{queue.name}x").apply(plane)
    operator.wait_for_condition(neighbour, "Ready")
    queue.delete(plane)
    operator.wait_until(lambda: not plane.get("jobqueues", f"--field-selector=metadata.name={queue.name}")["items"],
                        "end of the JobQueue", 90)
    for topic in ("", ".retry.2s", ".retry.4s", ".dlq", ".control"):
        assert not kafka.offsets(queue.topic + topic)
        assert kafka.offsets(neighbour.topic + topic)
    neighbour.delete(plane)


def test_B1_a_pod_that_failed_and_stays_keeps_no_topics(plane, kafka, operator):
    queue = JobQueue(kafka, kafka={"deleteTopics": True}).apply(plane)
    operator.wait_for_condition(queue, "Ready")
    name = f"evicted-{queue.name}"
    plane.apply({"apiVersion": "v1", "kind": "Pod",
                 "metadata": {"name": name, "namespace": "default", "labels": {"drover.dev/queue": queue.name}},
                 "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "drover.test/worker:1"}]}})
    plane.kubectl("patch", "pod", name, "--subresource=status", "--type=merge",
                  "-p", '{"status": {"phase": "Failed", "reason": "Evicted"}}')
    queue.delete(plane)
    operator.wait_until(lambda: not plane.get("jobqueues", f"--field-selector=metadata.name={queue.name}")["items"],
                        "end of the JobQueue", 90)
    assert not kafka.offsets(queue.topic)
    assert plane.get("pod", name)["status"]["phase"] == "Failed"
    plane.kubectl("delete", "pod", name)


def test_B1_a_queue_made_anew_under_its_name_is_told_its_figures(plane, kafka, operator, queue):
    other = JobQueue(kafka).apply(plane)  # so that its Kafka is not forgotten as well
    operator.wait_for_condition(other, "Ready")
    kafka.produce(queue.topic, jobs(5))
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("backlog") == 5, "the backlog")
    for _ in range(3):
        plane.kubectl("delete", "jobqueue", queue.name)
        queue.apply(plane)
        operator.wait_for_condition(queue, "KafkaReachable")
        operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("backlog") == 5, "the backlog")
    other.delete(plane)


def test_B1_a_deployment_is_adopted_and_let_go(plane, kafka, operator):
    labels = {"app": "mailer"}
    plane.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mailer", "namespace": "default"},
                 "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                          "template": {"metadata": {"labels": labels},
                                       "spec": {"containers": [{"name": "main", "image": "drover.test/mailer:1"}]}}}})
    queue = JobQueue(kafka, targetRef={"kind": "Deployment", "name": "mailer"}).apply(plane)
    operator.wait_for_condition(queue, "Ready")
    operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
    adopted = plane.get("deployment", "mailer")
    pod = adopted["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["initContainers"]] == ["drover-sidecar"]
    assert [each["image"] for each in pod["containers"]] == ["drover.test/mailer:1"]
    assert "ownerReferences" not in adopted["metadata"]
    queue.delete(plane)

    def is_alone():
        spec = plane.get("deployment", "mailer")["spec"]["template"]["spec"]
        return "initContainers" not in spec and spec["containers"][0]["image"] == "drover.test/mailer:1"
    operator.wait_until(is_alone, "the Deployment as it was")
    operator.wait_until(lambda: not plane.get("jobqueues", f"--field-selector=metadata.name={queue.name}")["items"],
                        "end of the JobQueue")


def deployment(name):
    """A user's, with a container main."""
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [{"name": "main", "image": f"drover.test/{name}:1"}]}}}}


def queue_of(plane, name):
    """Whose sidecar the Deployment has; None where it has none."""
    found = plane.get("deployment", name)
    label = found["metadata"].get("labels", {}).get("drover.dev/queue")
    assert (label is not None) == ("initContainers" in found["spec"]["template"]["spec"])
    return label


def test_B1_a_deployment_that_is_named_no_more_is_let_go(plane, kafka, folder):
    plane.apply(deployment("home"), deployment("house"))
    with Operator(plane, folder) as first:
        queue = JobQueue(kafka, targetRef={"kind": "Deployment", "name": "home"}).apply(plane)
        first.wait_until(lambda: queue_of(plane, "home") == queue.name, "the sidecar in the first")
        first.stop()
    queue.patch(plane, spec={"targetRef": {"name": "house"}})  # while nobody looks
    with Operator(plane, folder) as second:
        second.wait_until(lambda: (queue_of(plane, "home"), queue_of(plane, "house")) == (None, queue.name),
                          "the sidecar in the second, and in no other")
        container = {"name": "app", "image": "drover.test/worker:1"}
        queue.patch(plane, spec={"targetRef": None, "worker": {"template": {"spec": {"containers": [container]}}}})
        second.wait_until(lambda: queue_of(plane, "house") is None, "no sidecar in either")
        queue.deployment = f"drover-{queue.name}"
        second.wait_for_replicas(queue, lambda count: count == 0, "its own Deployment")
        second.wait_until(lambda: not plane.get("jobqueue", queue.name)["metadata"].get("finalizers"), "end of the finalizer")
        assert plane.get("deployment", "home")["spec"]["template"]["spec"]["containers"][0]["image"] == "drover.test/home:1"
        queue.delete(plane)
        second.stop()


def test_B1_the_workers_of_its_template_end_where_a_queue_names_a_deployment(plane, kafka, operator, queue):
    """And not go on at the scale that they had, seen by nobody."""
    own = queue.deployment
    kafka.produce(queue.topic, jobs(20))
    operator.wait_for_replicas(queue, lambda count: count > 0, "replicas")
    plane.apply(deployment("taking-over"))
    queue.patch(plane, spec={"targetRef": {"kind": "Deployment", "name": "taking-over"}, "worker": None})
    operator.wait_until(lambda: queue_of(plane, "taking-over") == queue.name, "the sidecar in the one it names")
    operator.wait_until(lambda: plane.get("deployment", own)["spec"]["replicas"] == 0, "no replica of its own")
    queue.deployment = "taking-over"
    operator.wait_for_replicas(queue, lambda count: count > 0, "replicas of the one it names")


def test_B8_of_two_queues_for_one_deployment_the_later_one_leaves_it_alone(plane, kafka, operator):
    plane.apply(deployment("shared"))
    target = {"kind": "Deployment", "name": "shared"}
    first, second = (JobQueue(kafka, name=name, targetRef=target).apply(plane) for name in ("sharing-a", "sharing-b"))
    operator.wait_until(lambda: queue_of(plane, "shared") == first.name, "the sidecar of the first")
    condition = operator.wait_for_condition(second, "Ready", "False", "DeploymentTaken")
    assert "shared" in condition["message"] and first.name in condition["message"]
    operator.wait_for_replicas(first, lambda count: count == 0, "no replica")
    generation = plane.get("deployment", "shared")["metadata"]["generation"]
    kafka.produce(second.topic, jobs(5))
    operator.wait_until(lambda: plane.get("jobqueue", second.name)["status"].get("backlog") == 5, "its backlog")
    assert plane.get("deployment", "shared")["metadata"]["generation"] == generation
    # One that ends takes nothing from the other, and what the older one leaves is the younger one's.
    third = JobQueue(kafka, name="sharing-c", targetRef=target).apply(plane)
    operator.wait_for_condition(third, "Ready", "False", "DeploymentTaken")
    plane.kubectl("delete", "jobqueue", third.name)
    assert queue_of(plane, "shared") == first.name
    assert plane.get("deployment", "shared")["metadata"]["generation"] == generation
    plane.kubectl("delete", "jobqueue", first.name)
    operator.wait_until(lambda: queue_of(plane, "shared") == second.name, "the sidecar of the second")
    operator.wait_for_replicas(second, lambda count: count == 1, "a replica")
    second.delete(plane)


def test_B9_an_adopted_deployment_made_anew_is_adopted_again(plane, kafka, operator):
    labels = {"app": "renewed"}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "renewed", "namespace": "default"},
                "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                         "template": {"metadata": {"labels": labels},
                                      "spec": {"containers": [{"name": "main", "image": "drover.test/renewed:1"}]}}}}
    plane.apply(manifest)
    queue = JobQueue(kafka, targetRef={"kind": "Deployment", "name": "renewed"}).apply(plane)

    def is_adopted():
        return "initContainers" in plane.get("deployment", "renewed")["spec"]["template"]["spec"]
    operator.wait_until(is_adopted, "the sidecar")
    operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
    plane.kubectl("delete", "deployment", "renewed")
    plane.apply(manifest)
    operator.wait_until(is_adopted, "the sidecar in the new Deployment", 120)
    operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
    scaled = [line for line in operator.log() if line["message"] == "scaled" and line["queue"].endswith(queue.name)]
    assert [(line["from"], line["to"]) for line in scaled] == [(2, 0), (2, 0)]
    queue.delete(plane)


def test_B8_a_deployment_that_is_not_there_is_named_and_waited_for(plane, kafka, operator):
    queue = JobQueue(kafka, targetRef={"kind": "Deployment", "name": "late"}).apply(plane)
    condition = operator.wait_for_condition(queue, "Ready", "False", "DeploymentNotFound")
    assert "late" in condition["message"]
    labels = {"app": "late"}
    plane.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "late", "namespace": "default"},
                 "spec": {"selector": {"matchLabels": labels},
                          "template": {"metadata": {"labels": labels},
                                       "spec": {"containers": [{"name": "main", "image": "drover.test/late:1"}]}}}})
    operator.wait_for_condition(queue, "Ready")
    queue.delete(plane)


def test_B4_the_first_job_of_an_idle_queue_is_answered_within_seconds(plane, kafka, operator, queue):
    """How fast is the benchmark's matter; that it does not take one of KEDA's intervals is ours."""
    begin = time.monotonic()
    kafka.produce(queue.topic, jobs(1))
    operator.wait_for_replicas(queue, lambda count: count == 1, "a replica", 20)
    print(f"from before the first job to one replica: {time.monotonic() - begin:.2f} s")


def test_B4_the_first_job_of_a_new_lane_is_answered_within_seconds(plane, kafka, operator, queue):
    """And not with the next regular look, which comes after 15 s at the earliest."""
    queue.patch(plane, spec={"priorities": ["high", "normal"]})
    operator.wait_until(lambda: is_there(kafka, f"{queue.topic}.high"), "the lane's topic")
    kafka.produce(f"{queue.topic}.high", jobs(1))
    operator.wait_for_replicas(queue, lambda count: count == 1, "a replica", 12)
