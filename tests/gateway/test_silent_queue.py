"""A queue that tells no events: the view knows none of its jobs, and its dead letters are there all the same (C6, C7)."""

import json

import pytest
from gateway_process import Gateway
from kafka_client import KafkaClient, Record

from local_run import LocalRun, journal, queue_file
from processes import wait_until


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("silent")
    file = queue_file(folder, "silent", scaling={"minReplicas": 1}, retry={"maxAttempts": 1})
    (folder / "own").mkdir()
    with LocalRun(folder, "--no-gateway") as run:
        with Gateway(folder / "own", f"127.0.0.1:{run.broker_port}") as gateway:
            client = gateway.client()
            run.wait_for(client.is_ready, "a gateway that is ready")
            # As the operator would announce it; a run with a gateway has every queue tell events.
            KafkaClient(f"127.0.0.1:{run.broker_port}").produce("drover.gateway", [Record(file.read_bytes(), b"queue/default.silent")])
            run.wait_for(lambda: [queue for queue in client.get("/v1/queues")["queues"] if "lag" in queue], "a look at the queue")
            client.folder = folder
            yield client


def hand_overs(gateway, job):
    return sum(entry["headers"]["drover-job-id"] == job for entry in journal(gateway.folder))


def failed(gateway):
    """A job whose dead letter is there."""
    before = gateway.get("/v1/queues/silent")["counts"]["dead"]
    job = gateway.submit("silent", {"status": 422})
    wait_until(lambda: gateway.get("/v1/queues/silent")["counts"]["dead"] == before + 1, "its dead letter")
    return job


def test_C6_a_job_that_the_view_does_not_know_is_retried_by_its_letter(silent):
    assert silent.get("/v1/queues/silent")["events"] is False
    job = failed(silent)
    for n, path in enumerate([f"/v1/jobs/{job}/retry?queue=silent", f"/queues/silent/jobs/{job}/retry"], 1):
        letters = silent.get("/v1/queues/silent")["counts"]["dead"]
        answer = silent.ask("POST", path)
        assert (answer.status, answer.json) == (202, {"id": job, "state": "waiting", "run": n})
        wait_until(lambda: silent.get("/v1/queues/silent")["counts"]["dead"] == letters + 1, "the letter of its next run")
        assert hand_overs(silent, job) == n + 1
    assert silent.ask("POST", "/v1/jobs/12345/retry?queue=silent").status == 404


def test_C7_a_bulk_retry_needs_no_events_and_a_bulk_cancel_says_that_it_does(silent):
    job = failed(silent)
    begun = silent.ask("POST", "/v1/queues/silent/bulk",
                       {"action": "retry", "filter": {"ids": [job]}, "edit": [{"op": "replace", "path": "/status", "value": 200}]})
    assert begun.status == 202
    end = wait_until(lambda: (found := silent.get(begun.headers["location"]))["state"] != "running" and found, "its end")
    assert (end["matched"], end["done"]) == (1, 1)
    wait_until(lambda: hand_overs(silent, job) == 2, "its second run")
    assert [json.loads(entry["payload"])["status"] for entry in journal(silent.folder) if entry["headers"]["drover-job-id"] == job] == [422, 200]
    for action in ("cancel", "delete"):
        refused = silent.ask("POST", "/v1/queues/silent/bulk", {"action": action})
        assert refused.status == 409 and "spec.events" in refused.json["detail"]
