"""The Kubernetes that the cluster tests share, one start of each for all of them."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "integration", "chart"))]

from kafka_client import KafkaClient  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from kubernetes_node import ControlPlane  # noqa: E402

CRD = HERE.parents[1] / "crds" / "jobqueues.drover.dev.yaml"


def teach(plane):
    """JobQueues."""
    plane.kubectl("apply", "-f", CRD)

    def is_served():  # kubectl wait gives up where there is no condition at all yet
        conditions = plane.get("crd", "jobqueues.drover.dev").get("status", {}).get("conditions") or []  # null at first
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
    plane.wait_until(is_served, "JobQueues in the API")


@pytest.fixture(scope="session")
def control_plane():
    """An API server that knows JobQueues, and nothing that acts on them."""
    with ControlPlane.temporary() as plane:
        teach(plane)
        yield plane


@pytest.fixture(scope="session")
def plane():
    """With controllers and a node on which KWOK plays the pods."""
    with ControlPlane.temporary(fake_nodes=1) as cluster:
        teach(cluster)
        yield cluster


@pytest.fixture(scope="session")
def kafka():
    """A client of an Apache Kafka that nobody stops."""
    with KafkaCluster.temporary() as cluster:
        yield KafkaClient(cluster.bootstrap)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("operators")
