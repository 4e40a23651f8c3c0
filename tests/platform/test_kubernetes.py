"""The Kubernetes for tests does what tests will build on: make cluster-test. It needs root; see kubernetes_node.py."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from container_image import copy_program
from kafka_cluster import KafkaCluster
from kubernetes_node import API_SERVICE, BUSYBOX, ControlPlane, KubernetesNode, is_ready
from processes import wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOL = pathlib.Path(os.environ.get("DROVER", ROOT / "build" / "dev" / "bin" / "drover")).resolve().with_name("drover_kafka_tool")

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.drover.test"},
    "spec": {"group": "drover.test", "scope": "Namespaced",
             "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "properties": {"spec": {
                     "type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}}}}}}]},
}


def widget(name, size):
    return {"apiVersion": "drover.test/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": size}}


def pod(name, *command, image=BUSYBOX, labels=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": image, "command": list(command)}], **spec}}


def traces(directory):
    """What still speaks of the folder: processes, mounts as any process sees them, cgroups."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(directory).encode() in (process / "cmdline").read_bytes():
                found.append((process / "cmdline").read_text())
            found += [line for line in (process / "mountinfo").read_text().splitlines() if str(directory) in line]
        except OSError:  # it has ended
            continue
    found += [str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"*{directory.name}*")]
    return found + [str(directory)] * directory.exists()


class Alone(unittest.TestCase):
    """The control plane without a node."""

    def test_it_takes_a_crd_and_goes_away_without_leaving_a_trace(self):
        with ControlPlane.temporary() as plane:
            self.assertTrue(traces(plane.dir))
            self.assertEqual(json.loads(plane.kubectl("version", "-o", "json"))["serverVersion"]["minor"], "36")
            plane.apply(WIDGETS)
            plane.kubectl("wait", "--for=condition=Established", "crd/widgets.drover.test", "--timeout=60s")
            plane.apply(widget("small", 1))
            self.assertEqual(plane.get("widget", "small")["spec"], {"size": 1})
            with self.assertRaisesRegex(RuntimeError, "should be greater than or equal to 1"):
                plane.apply(widget("none", 0))
        wait_until(lambda: not traces(plane.dir), "end of all of it", 60)

    def test_a_service_account_may_do_what_its_role_says_and_the_audit_log_tells_of_it(self):
        with ControlPlane.temporary() as plane:
            plane.kubectl("create", "serviceaccount", "reader")
            plane.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
            plane.kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:reader")
            path = plane.service_account_kubeconfig("default", "reader")
            plane.kubectl("--kubeconfig", path, "get", "configmaps")
            with self.assertRaisesRegex(RuntimeError, "Forbidden"):
                plane.kubectl("--kubeconfig", path, "get", "secrets")
            seen = {(event["verb"], event["objectRef"]["resource"], event["responseStatus"]["code"])
                    for event in plane.audit() if event["user"]["username"] == "system:serviceaccount:default:reader"
                    and "objectRef" in event}
            self.assertEqual(seen, {("list", "configmaps", 200), ("list", "secrets", 403)})

    def test_fake_nodes_play_the_pods_of_a_deployment(self):
        with ControlPlane.temporary(fake_nodes=2) as plane:
            plane.kubectl("create", "deployment", "web", "--image=drover.test/none:1", "--replicas=20")
            plane.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
            pods = plane.get("pods")["items"]
            self.assertEqual(len(pods), 20)
            self.assertEqual({item["spec"]["nodeName"] for item in pods}, {"fake1", "fake2"})

    def test_a_component_that_ended_fails_who_waits_with_its_own_words(self):
        with ControlPlane.temporary() as plane:
            subprocess.run(["kill", "-KILL", str(plane.pids()["etcd"])], check=True)
            with self.assertRaisesRegex(RuntimeError, "etcd ended with -9"):
                plane.wait_until(lambda: False, "anything")

    def test_nothing_runs_on_when_the_command_ends_by_whatever_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number), subprocess.Popen(
                    [sys.executable, HERE / "kubernetes_node.py", "up", "--control-plane"], stdout=subprocess.PIPE,
                    text=True) as command:
                kubeconfig = pathlib.Path(command.stdout.readline().removeprefix("export KUBECONFIG=").strip())
                self.assertTrue(kubeconfig.exists())
                command.send_signal(number)
                command.wait()
                if number == signal.SIGKILL:  # nobody was left to remove it
                    wait_until(lambda: traces(kubeconfig.parent) == [str(kubeconfig.parent)], "end of its processes")
                    shutil.rmtree(kubeconfig.parent)
                self.assertEqual(traces(kubeconfig.parent), [])


class Node(unittest.TestCase):
    """One node for all of these; each test has a namespace of its own."""

    @classmethod
    def setUpClass(cls):
        cls.node = cls.enterClassContext(KubernetesNode.temporary())

    def setUp(self):
        self.namespace = self._testMethodName.replace("_", "-")[:60].rstrip("-")
        self.kubectl("create", "namespace", self.namespace)
        self.node.wait_until(lambda: "default" in self.kubectl("get", "serviceaccounts", "-o", "name"), "ServiceAccount default")

    def tearDown(self):
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def kubectl(self, *arguments, **options):
        return self.node.kubectl("--namespace", self.namespace, *arguments, **options)

    def create(self, *objects):
        for thing in objects:
            self.kubectl("apply", "-f", "-", given=thing)

    def pod(self, name):
        return json.loads(self.kubectl("get", "pod", name, "-o", "json"))

    def wait_for_end(self, name):
        """What it said, once it has succeeded."""
        def ended():
            phase = self.pod(name)["status"]["phase"]
            if phase == "Failed":
                raise RuntimeError(f"pod {name} failed: {self.kubectl('logs', name)}")
            return phase == "Succeeded"

        self.node.wait_until(ended, f"end of pod {name}")
        return self.kubectl("logs", name)

    def create_web(self):
        self.create(pod("web", "sh", "-c", "mkdir /w && echo hello from $HOSTNAME >/w/index.html && exec httpd -f -p 8080 -h /w",
                        labels={"app": "web"}),
                    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                     "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}})
        self.node.wait_until(lambda: is_ready(self.pod("web")), "pod that is ready")

    def answers(self, host, port):
        try:
            return self.node.http_get(host, port) == (200, "hello from web\n")
        except ConnectionError:
            return False

    def test_a_container_runs_and_answers_and_can_be_looked_into(self):
        self.create_web()
        address = self.pod("web")["status"]["podIP"]
        self.node.wait_until(lambda: self.answers(address, 8080), "answer of the pod")
        self.assertEqual(self.kubectl("exec", "web", "--", "hostname"), "web\n")

    def test_a_service_resolves_by_dns_and_leads_to_its_pod(self):
        self.create_web()
        service = json.loads(self.kubectl("get", "service", "web", "-o", "json"))["spec"]["clusterIP"]
        self.node.wait_until(lambda: self.answers(service, 80), "answer of the Service")
        full = f"web.{self.namespace}.svc.cluster.local"
        self.create(pod("client", "sh", "-c", f"wget -qO- http://web/ && wget -qO- http://{full}/ && nslookup {full}"))
        said = self.wait_for_end("client")
        self.assertEqual(said.count("hello from web\n"), 2)
        self.assertIn(service, said)

    def test_a_native_sidecar_starts_first_and_ends_last(self):
        until_term = "trap '{}; exit 0' TERM; {}; while :; do sleep 1000 & wait $!; done".format
        mount = {"image": BUSYBOX, "volumeMounts": [{"name": "notes", "mountPath": "/notes"}]}
        sidecar = {"name": "sidecar", "restartPolicy": "Always", **mount,
                   "command": ["sh", "-c", until_term("cat /notes/main >/dev/termination-log", "echo began >/notes/sidecar")],
                   "startupProbe": {"exec": {"command": ["test", "-e", "/notes/sidecar"]}, "periodSeconds": 1}}
        main = {"name": "main", **mount,
                "command": ["sh", "-c", until_term("sleep 2; echo ended >/notes/main", "cp /notes/sidecar /dev/termination-log")]}
        pair = pod("pair", volumes=[{"name": "notes", "emptyDir": {}}], initContainers=[sidecar], containers=[main],
                   terminationGracePeriodSeconds=60)
        pair["metadata"]["finalizers"] = ["drover.test/look"]  # what is left of it can be read
        self.create(pair)
        self.node.wait_until(lambda: is_ready(self.pod("pair")), "pod that is ready")
        self.kubectl("delete", "pod", "pair", "--wait=false")

        def last_words():
            status = self.pod("pair")["status"]
            states = [status[kind][0]["state"].get("terminated") for kind in ("containerStatuses", "initContainerStatuses")]
            return all(states) and [state.get("message") for state in states]

        try:
            # Each container read, as it came or went, what the other one had written before.
            said = self.node.wait_until(last_words, "end of both containers")
        finally:
            self.kubectl("patch", "pod", "pair", "--type=merge", "--patch", '{"metadata": {"finalizers": null}}')
        self.assertEqual(said, ["began\n", "ended\n"])

    def test_a_pod_reaches_the_api_with_its_service_account(self):
        token = "/var/run/secrets/kubernetes.io/serviceaccount"
        self.create(pod("client", "sh", "-c", f"test -s {token}/token && test -s {token}/ca.crt && nc -w 10 $KUBERNETES_SERVICE_HOST "
                        "$KUBERNETES_SERVICE_PORT </dev/null && echo $KUBERNETES_SERVICE_HOST"))
        self.assertEqual(self.wait_for_end("client"), f"{API_SERVICE}\n")

    def test_a_pod_reaches_a_kafka_of_this_machine(self):
        with tempfile.TemporaryDirectory() as root:
            copy_program(TOOL, root)
            self.node.add_image(root, "drover.test/kafka-tool:1", Entrypoint=[str(TOOL)])
        with KafkaCluster.temporary(elsewhere=self.node.address) as kafka:
            def tool(bootstrap, *arguments):
                return [str(TOOL), "--kafka", bootstrap, *arguments]

            from_pod = self.node.offer_kafka(kafka)
            subprocess.run(tool(kafka.bootstrap, "create", "greetings", "--partitions", "3", "--replication", "1"), check=True)
            # Each partition's offsets come from the broker that the metadata names, at the address it gives itself.
            self.create(pod("client", *tool(from_pod, "offsets", "greetings"), image="drover.test/kafka-tool:1"))
            lines = [json.loads(line) for line in self.wait_for_end("client").splitlines()]
            self.assertEqual(sorted((line["partition"], line["start"], line["end"]) for line in lines),
                             [(0, 0, 0), (1, 0, 0), (2, 0, 0)])

    def test_an_image_that_is_not_there_is_refused_at_once(self):
        self.create(pod("missing", "true", image="drover.test/none:1"))

        def complaint():
            waiting = [status["state"].get("waiting", {}) for status in self.pod("missing")["status"].get("containerStatuses", [])]
            return waiting and waiting[0]["reason"] != "ContainerCreating" and waiting[0]["message"]

        # Whatever else it waited for, a name or an address, would be a time-out.
        self.assertIn("127.0.0.1:1: connect: connection refused", self.node.wait_until(complaint, "refusal of the image"))


class WholeNode(unittest.TestCase):
    def test_it_goes_away_with_its_containers_without_leaving_a_trace(self):
        with KubernetesNode.temporary() as node:
            node.apply(pod("sleeper", "sleep", "100000"))
            node.wait_until(lambda: is_ready(node.get("pod", "sleeper")), "pod that is ready")
            self.assertTrue(any("containerd-shim" in trace for trace in traces(node.dir)))
        wait_until(lambda: not traces(node.dir), "end of all of it", 60)


if __name__ == "__main__":
    unittest.main()
