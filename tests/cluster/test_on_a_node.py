"""Drover as its users meet it: helm install and kubectl apply, on a node with real containers, and a real Kafka."""

import collections
import json
import os
import pathlib
import subprocess

import pytest

from container_image import collect_drover
from kafka_client import DROVER, KafkaClient, Record
from kafka_cluster import KafkaCluster
from kubernetes_node import KubernetesNode
from operators import SIDECAR_IMAGE, WORKER_IMAGE, JobQueue
from processes import dependency

HERE = pathlib.Path(__file__).resolve().parent
CHART = HERE.parents[1] / "charts" / "drover"


class Installation:
    """A node with Drover, and a Kafka for its pods."""

    def __init__(self, node, cluster):
        self.node = node
        self.kafka = KafkaClient(cluster.bootstrap)
        self.for_pods = KafkaClient(node.offer_kafka(cluster))

    def helm(self, *arguments):
        done = subprocess.run([self.node.bin / "helm", *map(str, arguments)], env=os.environ | self.node.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def operator_logs(self):
        """The log lines of all operator pods, in time."""
        text = self.node.kubectl("-n", "drover", "logs", "-l", "app.kubernetes.io/name=drover", "--tail=-1")
        return sorted((json.loads(line) for line in text.splitlines() if line.startswith("{")), key=lambda line: line["time"])

    def queue(self, **spec):
        return JobQueue(self.for_pods, events=True, **spec).apply(self.node)

    def pods(self, queue):
        return self.node.get("pods", "-l", f"drover.dev/queue={queue.name}")["items"]

    def wait_for_condition(self, queue, kind, status="True"):
        def holds():
            found = self.node.get("jobqueue", queue.name).get("status", {}).get("conditions", [])
            return any(each["type"] == kind and each["status"] == status for each in found)
        try:
            self.node.wait_until(holds, f"condition {kind} {status} of {queue.name}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {json.dumps(self.node.get('jobqueue', queue.name).get('status'), indent=1)}; "
                               f"{self.operator_logs()[-20:]}") from None

    def ends(self, queue):
        """{job id: [states of its events but for its start]}"""
        found = collections.defaultdict(list)
        for record in self.kafka.read("drover.events"):
            event = json.loads(record.value)
            if event["queue"] == f"default.{queue.name}" and event["state"] != "started":
                found[record.key.decode()].append(event["state"])
        return found

    def wait_for_ends(self, queue, count, seconds=300):
        self.node.wait_until(lambda: len(self.ends(queue)) >= count, f"ends of {count} jobs", seconds)
        return self.ends(queue)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    worker = folder / "worker"
    worker.mkdir()
    subprocess.run([dependency("go.sh"), "build", "-trimpath", "-o", worker / "worker", HERE / "worker" / "main.go"], check=True,
                   env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"})
    drover = collect_drover(DROVER, folder / "drover")
    with KubernetesNode.temporary() as node, KafkaCluster.temporary(elsewhere=node.address) as cluster:
        node.add_image(folder / "drover", SIDECAR_IMAGE, **drover)
        node.add_image(worker, WORKER_IMAGE, Entrypoint=["/worker"], User="65532:65532")
        installation = Installation(node, cluster)
        installation.helm("install", "drover", CHART, "--namespace", "drover", "--create-namespace", "--wait", "--timeout", "3m",
                          "--set", f"image.repository={SIDECAR_IMAGE.rpartition(':')[0]}",
                          "--set", f"gateway.kafka.bootstrapServers={installation.for_pods.bootstrap}",
                          "--set", "gateway.persistence.enabled=false",  # nobody makes volumes there
                          "--set-string", f"image.tag={SIDECAR_IMAGE.rpartition(':')[2]}")
        yield installation


def jobs(count, takes, prefix="job"):
    return [Record(takes.encode(), f"{prefix}-{n}".encode(), [("drover-job-id", f"{prefix}-{n}")]) for n in range(count)]


def test_B1_300_jobs_bring_pods_up_and_down_and_each_is_done_once(installed):
    queue = installed.queue(delivery={"concurrency": 4}, scaling={"idleAfter": "5s", "targetWait": "5s"})
    installed.wait_for_condition(queue, "Ready")
    assert installed.pods(queue) == []
    installed.kafka.produce(queue.topic, jobs(300, "200ms"))
    ends = installed.wait_for_ends(queue, 300)
    installed.node.wait_until(lambda: not installed.pods(queue), "end of all pods")
    assert set(map(tuple, ends.values())) == {("completed",)}, collections.Counter(map(tuple, ends.values()))
    decisions = [line for line in installed.operator_logs() if line["message"] == "scaled" and line["queue"].endswith(queue.name)]
    for line in decisions:
        print(line["time"], line["from"], "→", line["to"], line["reason"] + ":", line["why"])
    assert decisions[0]["from"] == 0 and decisions[-1]["to"] == 0
    assert max(line["to"] for line in decisions) > 1
    status = installed.node.get("jobqueue", queue.name)["status"]
    assert (status["backlog"], status["replicas"], status["deadLetters"]) == (0, 0, 0)
    queue.delete(installed.node)


def test_B7_scale_in_rollout_and_eviction_repeat_no_job_and_cut_none_off(installed):
    """While each pod is busy all the time, with jobs of three seconds."""
    queue = installed.queue(delivery={"concurrency": 2, "timeout": "20s"}, kafka={"partitions": 6},
                            scaling={"minReplicas": 3, "maxReplicas": 3, "idleAfter": "60s"})
    installed.wait_for_condition(queue, "Ready")
    installed.node.wait_until(lambda: sum(map(is_running, installed.pods(queue))) == 3, "three running pods")
    installed.kafka.produce(queue.topic, jobs(90, "3s"))
    installed.wait_for_ends(queue, 6)
    queue.patch(installed.node, spec={"scaling": {"minReplicas": 1, "maxReplicas": 2}})
    installed.node.wait_until(lambda: len(installed.pods(queue)) == 2, "two pods")
    installed.wait_for_ends(queue, 24)
    template = queue.manifest["spec"]["worker"]["template"] | {"metadata": {"annotations": {"rollout": "2"}}}
    queue.patch(installed.node, spec={"worker": {"template": template}})
    installed.node.kubectl("rollout", "status", f"deployment/{queue.deployment}", "--timeout=180s")
    installed.wait_for_ends(queue, 40)
    evicted = next(pod for pod in installed.pods(queue) if is_running(pod))["metadata"]["name"]
    installed.node.kubectl("create", "--raw", f"/api/v1/namespaces/default/pods/{evicted}/eviction", "-f", "-", given={
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": evicted, "namespace": "default"}})
    ends = installed.wait_for_ends(queue, 90)
    assert set(map(tuple, ends.values())) == {("completed",)}, collections.Counter(map(tuple, ends.values()))
    queue.delete(installed.node)


def is_running(pod):
    return "deletionTimestamp" not in pod["metadata"] and any(
        each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def test_B8_an_image_that_cannot_be_pulled_is_said_and_heals(installed):
    queue = installed.queue(scaling={"minReplicas": 1}, worker={"template": {"spec": {"containers": [
        {"name": "app", "image": "drover.test/missing:1"}]}}})

    def reason():
        conditions = installed.node.get("jobqueue", queue.name).get("status", {}).get("conditions", [])
        return next((each["reason"] for each in conditions if each["type"] == "Ready"), None)
    installed.node.wait_until(lambda: reason() in ("ErrImagePull", "ImagePullBackOff"), "its reason")
    queue.patch(installed.node, spec={"worker": {"template": {"spec": {"containers": [{"name": "app", "image": WORKER_IMAGE}]}}}})
    installed.wait_for_condition(queue, "Ready")
    queue.delete(installed.node)


def test_D5_an_operator_pod_leads_none_was_started_twice_and_there_is_no_shell(installed):
    pods = installed.node.get("pods", "-n", "drover", "-l", "app.kubernetes.io/component=operator")["items"]
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods] == [0, 0]
    holder = installed.node.get("lease", "-n", "drover", "drover")["spec"]["holderIdentity"]
    assert any(holder.startswith(pod["metadata"]["name"]) for pod in pods)
    with pytest.raises(RuntimeError, match="no such file or directory"):
        installed.node.kubectl("-n", "drover", "exec", pods[0]["metadata"]["name"], "--", "/bin/sh", "-c", "true")


def test_D5_helm_test_upgrade_and_uninstall(installed):
    print(installed.helm("test", "drover", "--namespace", "drover"))
    installed.helm("upgrade", "drover", CHART, "--namespace", "drover", "--reuse-values", "--set", "operator.replicas=1", "--wait")
    queue = installed.queue()
    installed.wait_for_condition(queue, "Ready")
    installed.helm("uninstall", "drover", "--namespace", "drover", "--wait")
    assert installed.node.get("deployment", queue.deployment)["spec"]["replicas"] == 0, "the workers are the user's"
    assert installed.node.get("jobqueue", queue.name), "and so are the queues"
