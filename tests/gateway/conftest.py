"""A `drover run` with its gateway, shared by the tests of a module."""

import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "run", "integration"))]

from gateway_client import GatewayClient  # noqa: E402
from local_run import LocalRun, queue_file  # noqa: E402


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Two queues, `jobs` and `slow` (one attempt, one at a time), on the embedded broker."""
    folder = tmp_path_factory.mktemp("stack")
    schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, priorities=["high", "normal"], schemas={"checked": schema})
    queue_file(folder, "slow", scaling={"minReplicas": 1}, delivery={"concurrency": 1}, retry={"maxAttempts": 1})
    with LocalRun(folder) as run:
        address = run.wait_for_line(r"gateway (http://\S+)")[1]
        yield Stack(run, GatewayClient(address), folder)


class Stack:
    def __init__(self, run, gateway, folder):
        self.run, self.gateway, self.folder = run, gateway, folder
        run.wait_for(lambda: gateway.is_ready(), "a gateway that is ready")
        run.wait_for(lambda: {"default.jobs", "default.slow"} <= self.looked_at(), "a look at both queues")

    def looked_at(self):
        return {queue["name"] for queue in self.gateway.get("/v1/queues")["queues"] if "lag" in queue}


def is_time(text):
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text) is not None
