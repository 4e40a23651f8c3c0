"""Submits while Kafka does not answer: taken, kept on disk, and done when it does (C11)."""

import os
import signal

import pytest
from gateway_client import GatewayClient

from local_run import journal
from processes import wait_until


@pytest.mark.parametrize("stack", ["embedded-sqlite"], indirect=True)  # whose broker the test may stop
def test_a_job_that_is_submitted_while_kafka_is_away_is_done_when_it_is_back_C11(stack):
    queues, = stack.folder.rglob("queues.json")
    queues.unlink()  # as of a gateway of an earlier version
    gateway = stack.run.child(" gateway --port")
    os.kill(gateway, signal.SIGKILL)
    wait_until(lambda: stack.run.child(" gateway --port") != gateway, "another gateway")
    wait_until(queues.exists, "the queues that it has read, in a file")
    wait_until(stack.gateway.is_ready, "a gateway that is ready")
    before = stack.gateway.submit("jobs", {"before": 1})
    assert stack.gateway.job(before)["state"] == "completed"
    broker = stack.run.child("drover-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        jobs = [stack.gateway.submit("jobs", {"away": n}) for n in range(20)]
        checks = stack.gateway.get("/healthz")["checks"]
        assert not checks["kafka"]["ok"] and checks["kafka"]["reason"]
        gateway = stack.run.child(" gateway --port")
        os.kill(gateway, signal.SIGKILL)  # and its successor finds them on disk
        wait_until(lambda: stack.run.child(" gateway --port") != gateway, "another gateway")
        client = GatewayClient(stack.run.wait_for_line(r"gateway (http://\S+)")[1])
        wait_until(client.is_ready, "a gateway that knows the queues of its predecessor")
        jobs += [client.submit("jobs", {"after": n}) for n in range(20)]
        unique = client.ask("POST", "/v1/queues/jobs/jobs", {"payload": {}, "uniqueKey": "which are taken is not known"})
        assert unique.status == 503 and "unique" in unique.json["detail"]
        assert client.ask("POST", "/v1/queues/jobs/pause").status == 503
        assert client.ask("POST", "/v1/queues/nothing-like-it/jobs", {"payload": {}}).status == 404
    finally:
        os.kill(broker, signal.SIGCONT)
    wait_until(lambda: client.get("/healthz")["checks"]["queues"]["ok"], "a gateway that has read its topic")
    wait_until(lambda: {entry["headers"]["drover-job-id"] for entry in journal(stack.folder)} >= set(jobs), "all of them at the worker")
    for job in jobs:
        assert client.job(job)["state"] == "completed"
