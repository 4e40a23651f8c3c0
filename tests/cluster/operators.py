"""`drover operator` as a process of this machine, and JobQueues for it."""

import contextlib
import http.client
import itertools
import json
import signal
import subprocess

from kafka_client import DROVER
from processes import end_with_parent, wait_until
from sidecars import Sidecar

SIDECAR_IMAGE = "drover.test/drover:1"
WORKER_IMAGE = "drover.test/worker:1"
_numbers = itertools.count(1)


class Operator:
    """It ends with the test whatever happens. `plane` is a ControlPlane; its admin's rights, unless told otherwise."""

    def __init__(self, plane, folder, *options, kubeconfig=None, lease=None):
        self.plane = plane
        self.name = f"operator{next(_numbers)}"
        self.log_file = folder / f"{self.name}.log"
        command = [DROVER, "operator", "--kubeconfig", kubeconfig or plane.kubeconfig, "--image", SIDECAR_IMAGE,
                   "--identity", self.name, "--port", "0", *(["--lease", lease] if lease else []), *options]
        with self.log_file.open("wb") as out:
            self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.pid = self._process.pid
        self.port = self.wait_for_log("operator started")["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running:
            self.send(signal.SIGCONT)
            self.kill()

    @property
    def running(self):
        return self._process.poll() is None

    def send(self, number):
        self._process.send_signal(number)

    @contextlib.contextmanager
    def frozen(self):
        """So that it sees what is done meanwhile all at once."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        """An orderly end; fails when it is not one."""
        self.send(signal.SIGTERM)
        code = self._process.wait(30)
        assert code == 0, f"the operator ended with {code}:\n{self.log_text()}"

    def log_text(self):
        return self.log_file.read_text(errors="replace")

    def log(self):
        return [json.loads(line) for line in self.log_text().splitlines(keepends=True)
                if line.startswith("{") and line.endswith("\n")]

    def wait_for_log(self, message, seconds=60):
        def found():
            line = next((line for line in self.log() if line["message"] == message), None)
            if line is None and not self.running:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self.log_text()}")
            return line
        return self.wait_until(found, f"log line: {message}", seconds)

    def wait_until(self, condition, what, seconds=60):
        """A failure shows the end of the log."""
        try:
            return wait_until(condition, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the operator said:\n{self.log_text()[-4000:]}") from None

    def get(self, path):
        """(status, body)"""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self):
        """{name with labels: value}"""
        lines = (line for line in self.get("/metrics")[1].splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    # --- what it made of a queue ---

    def conditions(self, queue):
        """{type: condition}"""
        status = self.plane.get("jobqueue", queue.name, "-n", queue.namespace).get("status", {})
        return {each["type"]: each for each in status.get("conditions", [])}

    def wait_for_condition(self, queue, kind, status="True", reason=None, seconds=60):
        def holds():
            condition = self.conditions(queue).get(kind)
            fits = condition and condition["status"] == status and reason in (None, condition["reason"])
            return condition if fits else None
        return self.wait_until(holds, f"condition {kind} {status} {reason or ''} of {queue.name}", seconds)

    def wait_for_replicas(self, queue, fits, what, seconds=60):
        """Of the Deployment's spec; that number."""
        def asked():
            found = queue.replicas(self.plane)
            return (found,) if found is not None and fits(found) else None
        return self.wait_until(asked, f"{what} of {queue.name}", seconds)[0]


class JobQueue:
    """A manifest under a name of its own. `spec` is laid over one that is small and quick."""

    def __init__(self, client, namespace="default", name=None, annotations=None, labels=None, **spec):
        self.kafka = client
        self.namespace = namespace
        self.name = name or f"queue{next(_numbers)}"
        container = {"name": "app", "image": WORKER_IMAGE, "ports": [{"containerPort": 8080}]}
        parts = {"kafka": {"bootstrapServers": client.bootstrap, "partitions": 3, "replicationFactor": 1},
                 "delivery": {"concurrency": 1}, "retry": {"initial": "2s", "maxDelay": "4s"},
                 "scaling": {"idleAfter": "5s", "maxReplicas": 10}}
        if "targetRef" not in spec:
            parts["worker"] = {"template": {"spec": {"containers": [container]}}}
        for field, value in spec.items():
            parts[field] = parts.get(field, {}) | value if isinstance(value, dict) else value
        self.manifest = {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue",
                         "metadata": {"name": self.name, "namespace": namespace, "annotations": annotations or {},
                                      "labels": labels or {}},
                         "spec": parts}
        self.topic = f"{namespace}.{self.name}"
        self.deployment = spec["targetRef"]["name"] if "targetRef" in spec else f"drover-{self.name}"

    def apply(self, plane):
        plane.apply(self.manifest)
        return self

    def patch(self, plane, **patch):
        plane.kubectl("-n", self.namespace, "patch", "jobqueue", self.name, "--type=merge", "-p", json.dumps(patch))

    def annotate(self, plane, annotation, value):
        self.patch(plane, metadata={"annotations": {annotation: value}})

    def replicas(self, plane):
        """Of the Deployment's spec; None where there is none."""
        found = plane.get("deployments", "-n", self.namespace, f"--field-selector=metadata.name={self.deployment}")["items"]
        return found[0]["spec"]["replicas"] if found else None

    def sidecar_config(self, plane):
        """What its pods are started with."""
        return json.loads(plane.get("configmap", f"drover-{self.name}", "-n", self.namespace)["data"]["sidecar.json"])

    def delete(self, plane):
        plane.kubectl("-n", self.namespace, "delete", "jobqueue", self.name, "--wait=false")


def run_sidecar(plane, queue, worker, folder, pod="pod-1"):
    """With the configuration that its pods would have."""
    config = queue.sidecar_config(plane)
    config["delivery"]["port"] = worker.port
    return Sidecar(config | {"pod": pod, "appPort": 0, "probePort": 0, "probeAddress": "127.0.0.1"}, folder)
