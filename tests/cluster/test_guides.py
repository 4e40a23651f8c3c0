"""The guides' commands for a cluster, on a real API server with KWOK's pods: helm and kubectl do what the guides say that they do,
and curl asks a real gateway.

What runs in pods runs on this machine instead, as the chart would start it: one operator, one gateway. So these commands do less
here than at a reader's: `kubectl port-forward` (nothing to forward), `kubectl exec` (the program of this machine runs), and
`kubectl logs` (only that what it names is there)."""

import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "docs"))

from chart import CHART, helm, helm_program, rendered  # noqa: E402
from chart_gateway import gateway, status_of, tokens_of  # noqa: E402
from embedded_broker import EmbeddedBroker  # noqa: E402
from guides import DOCS, blocks, write_files  # noqa: E402
from kafka_client import DROVER, KafkaClient, Record  # noqa: E402
from kubernetes_node import ControlPlane  # noqa: E402
from operators import Operator  # noqa: E402
from shell import Shell  # noqa: E402

NAMESPACE = "drover"
PRELUDE = r"""
kubectl() {
  case " $* " in
    *' port-forward '*) ;;
    *' exec '*' -- drover '*) while [[ $1 != -- ]]; do shift; done; shift; command "$@" ;;
    *' logs --selector '*) command kubectl --namespace drover get pods --selector "$5" > /dev/null ;;
    *' logs '*) command kubectl --namespace drover get "$4" > /dev/null ;;
    *) command kubectl "$@" ;;
  esac
}
curl() { command curl --show-error --fail-with-body "$@"; echo; }
"""


@pytest.fixture(scope="module")
def plane():
    """One that knows no JobQueue yet."""
    with ControlPlane.temporary(fake_nodes=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.temporary() as one:
        yield one


class Reader:
    """At a shell in a folder with the chart, who follows a guide."""

    def __init__(self, plane, broker, folder):
        self.broker, self.folder, self.port = broker, folder, 0
        (folder / "charts").mkdir()
        (folder / "charts" / "drover").symlink_to(CHART)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "drover").symlink_to(DROVER)
        (programs / "helm").symlink_to(helm_program())
        path = f"{programs}:{plane.environment['PATH']}"
        self.shell = Shell(folder, PRELUDE, **plane.environment | {"PATH": path})

    def run(self, block):
        # The documents' names, for what is there.
        text = block.text.replace("kafka.example:9092", self.broker.bootstrap).replace("localhost:4100", f"localhost:{self.port}")
        return self.shell.run(text, str(block))


def on_a_cluster(guide):
    return [block for block in blocks(DOCS / f"{guide}.md") if block.language == "sh" and block.purpose.startswith("cluster")]


def one_of(found, text):
    block, = (block for block in found if text in block.text)
    return block


@pytest.fixture
def installed(plane, broker, tmp_path):
    """A Reader who has done as the quick start says up to the installation, with the programs running that it installs."""
    found = on_a_cluster("quick-start")
    reader = Reader(plane, broker, tmp_path)
    with reader.shell:
        write_files(DOCS / "quick-start.md", tmp_path)
        reader.run(found[0])  # kafka=, image=
        said = reader.run(one_of(found, "helm install"))
        assert "get secret drover-gateway-tokens" in said
        plane.wait_until(lambda: "jobqueues.drover.dev" in plane.kubectl("api-resources", "-o", "name"), "JobQueues")
        (tmp_path / "gateway").mkdir()
        objects = rendered(f"--set=gateway.kafka.bootstrapServers={broker.bootstrap}", namespace=NAMESPACE)
        with Operator(plane, tmp_path, lease=f"{NAMESPACE}/drover"), gateway(plane, objects, tmp_path / "gateway", NAMESPACE) as port:
            reader.port = port
            token = tokens_of(plane, NAMESPACE)["admin-token"]
            plane.wait_until(lambda: status_of(port, "/readyz") == 200 and status_of(port, "/v1/queues", token) == 200, "gateway")
            yield reader
            # While the operator is there to let go.
            plane.kubectl("delete", "jobqueues", "--all", "--all-namespaces", "--timeout=60s")
    options = ("--namespace", NAMESPACE, "--kubeconfig", plane.kubeconfig)
    if "drover" in helm("list", "--short", *options):
        helm("uninstall", "drover", *options)


def test_D7_the_quick_start_runs_on_a_cluster(installed, plane):
    found = on_a_cluster("quick-start")
    rest = found[2:]
    queue, submit, away = (one_of(rest, text) for text in ("kubectl apply", "/v1/queues/hello/jobs", "helm uninstall"))
    for block in rest[:rest.index(queue) + 1]:
        installed.run(block)
    assert "drover-hello" in plane.kubectl("get", "deployments", "-o", "name")
    assert plane.get("deployment", "drover-hello")["spec"]["replicas"] == 0
    plane.wait_until(lambda: '"default.hello"' in installed.shell.run(
        f"command curl --silent --header 'Authorization: Bearer {tokens_of(plane, NAMESPACE)['admin-token']}' "
        f"localhost:{installed.port}/v1/queues", "queues"), "the gateway's word of the queue")
    for block in rest[rest.index(queue) + 1:rest.index(submit) + 1]:
        printed = installed.run(block)
    assert '"state":"waiting"' in printed
    plane.wait_until(lambda: plane.get("deployment", "drover-hello")["spec"]["replicas"] > 0, "a worker for the first job")
    installed.run(away)
    plane.wait_until(lambda: "drover" not in plane.kubectl("get", "statefulsets,deployments", "--all-namespaces", "-o", "name"),
                     "end of all that was installed, the worker too")


def test_D7_the_commands_of_the_operations_guide_run(installed, plane, broker):
    write_files(DOCS / "operations.md", installed.folder)
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    plane.apply({"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue", "metadata": {"name": "email", "namespace": "shop"},
                 "spec": {"kafka": {"bootstrapServers": broker.bootstrap, "partitions": 2}, "events": True,
                          "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "mailer"}]}}}}})
    plane.kubectl("wait", "--for=condition=Ready", "jobqueue/email", "--namespace", "shop", "--timeout=60s")
    KafkaClient(broker.bootstrap).produce("shop.email.dlq", [Record(b'{"to": "ada"}', b"k", [
        ("drover-job-id", "job-1"), ("drover-error-class", "Http503"), ("drover-failed-at", "2026-01-01T00:00:00.000Z"),
        ("__dlq.errors.topic", "shop.email"), ("__dlq.errors.partition", "0"), ("__dlq.errors.offset", "0"),
        ("__dlq.errors.message", "the mail server is down")])])
    token = tokens_of(plane, NAMESPACE)["admin-token"]
    plane.wait_until(lambda: status_of(installed.port, "/v1/queues/shop.email", token) == 200, "the gateway's word of the queue")
    printed = {block: installed.run(block) for block in on_a_cluster("operations")}

    def of(text):
        return printed[one_of(printed, text)]
    assert "Http503" in of("drover dead list")
    assert "1" in of("--dry-run")
    assert "shop" in of("get jobqueues --all-namespaces\n") and "shop.email" in of("api $gateway/v1/queues\n")
    assert "shop.email" in of("KafkaReachable")
    assert re.search(r"drover_gateway_spool_records 0", of("spool_records"))
    assert plane.get("jobqueue", "email", "--namespace", "shop")["spec"]["scaling"]["minReplicas"] == 2
    tokens = tokens_of(plane, NAMESPACE)
    assert "shop-app" in tokens["tokens.yaml"] and tokens["admin-token"] == token
