"""The Kubernetes that the cluster tests share, one start of it for all of them."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "platform")]

from kubernetes_node import ControlPlane  # noqa: E402


@pytest.fixture(scope="session")
def control_plane():
    """An API server that knows JobQueues, and nothing that acts on them."""
    with ControlPlane.temporary() as plane:
        crd = HERE.parents[1] / "crds" / "jobqueues.drover.dev.yaml"
        plane.kubectl("apply", "-f", crd)
        plane.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", crd)
        yield plane
