"""A `drover run` with a gateway, shared by the tests of a module: once on the embedded broker with SQLite, as on a
laptop, and once on Apache Kafka with PostgreSQL, as in a cluster."""

import contextlib
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "run", "integration"))]

from gateway_client import GatewayClient  # noqa: E402
from gateway_process import Gateway  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from local_run import LocalRun, queue_file  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402


@pytest.fixture(scope="module", params=["embedded-sqlite", "kafka-postgres"])
def stack(request, tmp_path_factory):
    """Three queues: `jobs`, `slow` (one attempt, one at a time) and `asleep`, which has no workers while it has no jobs."""
    folder = tmp_path_factory.mktemp("stack")
    schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, priorities=["high", "normal"], schemas={"checked": schema})
    queue_file(folder, "slow", scaling={"minReplicas": 1}, delivery={"concurrency": 1}, retry={"maxAttempts": 1})
    queue_file(folder, "asleep")
    with contextlib.ExitStack() as ends:
        if request.param == "embedded-sqlite":
            run = ends.enter_context(LocalRun(folder))
            gateway = GatewayClient(run.wait_for_line(r"gateway (http://\S+)")[1])
        else:
            kafka = ends.enter_context(KafkaCluster.temporary())
            postgres = ends.enter_context(PostgresServer.temporary())
            run = ends.enter_context(LocalRun(folder, "--kafka", kafka.bootstrap, broker=False))
            run.wait_for_line(r"gateway (http://\S+)")  # a second one beside it, on SQLite
            gateway = ends.enter_context(Gateway(folder, kafka.bootstrap, "--database", postgres.connection)).client()
        yield Stack(run, gateway, folder)


class Stack:
    def __init__(self, run, gateway, folder):
        self.run, self.gateway, self.folder = run, gateway, folder
        run.wait_for(lambda: gateway.is_ready(), "a gateway that is ready")
        queues = {f"default.{file.stem}" for file in folder.glob("*.json")}
        run.wait_for(lambda: queues <= self.looked_at(), "a look at all queues")

    def looked_at(self):
        return {queue["name"] for queue in self.gateway.get("/v1/queues")["queues"] if "lag" in queue}


def is_time(text):
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text) is not None
