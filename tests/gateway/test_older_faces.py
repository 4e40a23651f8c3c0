"""What front ends of older job systems ask for (C12): shapes, names and figures as they expect them."""

import pytest

from local_run import LocalRun, queue_file
from gateway_client import GatewayClient
from processes import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("older")
    for name in ("email", "sms", "device-operation"):
        queue_file(folder, name, scaling={"minReplicas": 1}, delivery={"concurrency": 1})
    with LocalRun(folder) as run:
        client = GatewayClient(run.wait_for_line(r"gateway (http://\S+)")[1])
        client.folder = folder
        run.wait_for(client.is_ready, "a gateway that is ready")
        run.wait_for(lambda: all("lag" in queue for queue in client.get("/v1/queues")["queues"]), "a look at the queues")
        yield client


SENDS = [("send-email", {"to": "a@b.example", "subject": "s", "html": "<p>"}, "email"),
         ("send-sms", {"phone": "+49123", "message": "m"}, "sms"),
         ("start-device", {"deviceId": "d", "userId": "u"}, "device-operation")]


@pytest.mark.parametrize("name, body, queue", SENDS)
def test_a_test_job_is_sent_and_shown_by_its_queue_C12(gateway, name, body, queue):
    answer = gateway.ask("POST", f"/queues/test/{name}", body)
    assert answer.status == 201 and answer.json["success"] is True
    job = answer.json["jobId"]
    shown = wait_until(lambda: (found := gateway.get(f"/queues/{queue}/jobs/{job}"))["state"] == "completed" and found, "its end")
    assert set(shown) == {"jobId", "progress", "state", "attemptsMade", "processedOn", "finishedOn"}
    assert (shown["jobId"], shown["progress"], shown["attemptsMade"]) == (job, 100, 1)
    assert isinstance(shown["finishedOn"], int) and shown["finishedOn"] > 1_700_000_000_000
    listed = gateway.get(f"/queues/{queue}/jobs?status=completed&start=0&end=10")
    assert [entry["name"] for entry in listed if entry["id"] == job] == [name]
    assert gateway.ask("POST", f"/queues/test/{name}", {}).status == 400


def test_the_status_of_all_queues_has_the_old_shape_C12(gateway):
    status = wait_until(lambda: (found := gateway.get("/queues/status"))["summary"]["totalQueues"] == 3 and found, "three")
    assert set(status) == {"timestamp", "queues", "summary"}
    assert [queue["name"] for queue in status["queues"]] == ["device-operation", "email", "sms"]
    for queue in status["queues"]:
        assert set(queue["counts"]) == {"waiting", "active", "completed", "failed", "delayed", "paused"}
    assert set(status["summary"]) == {"totalQueues", "totalWaiting", "totalActive", "totalCompleted", "totalFailed"}


def test_a_job_that_fails_says_why_and_an_unknown_one_is_not_found_C12(gateway):
    job = gateway.submit("email", {"status": 422, "error": "NoSuchAddress"})
    gateway.job(job)
    shown = gateway.get(f"/queues/email/jobs/{job}")
    assert (shown["state"], shown["failedReason"]) == ("failed", shown["failedReason"]) and shown["failedReason"]
    answer = gateway.ask("GET", "/queues/email/jobs/12345")
    assert (answer.status, answer.json) == (404, {"error": "Job not found"})
    assert gateway.ask("GET", f"/queues/sms/jobs/{job}").status == 404  # of another queue
    assert gateway.ask("GET", "/queues/email/jobs?status=lost").status == 400


def test_a_paused_queue_counts_what_waits_as_paused_C12(gateway):
    assert gateway.ask("POST", "/queues/sms/pause").status == 200
    jobs = [gateway.submit("sms", {}) for _ in range(3)]

    def counts():
        return next(queue["counts"] for queue in gateway.get("/queues/status")["queues"] if queue["name"] == "sms")
    wait_until(lambda: counts()["paused"] == 3 and counts()["waiting"] == 0, "three that are paused")
    assert len(gateway.get("/queues/sms/jobs?status=paused&start=0&end=1")) == 2
    assert gateway.get("/queues/sms/jobs?status=waiting") == []
    assert gateway.ask("POST", "/queues/sms/resume").status == 200
    for job in jobs:
        assert gateway.job(job)["state"] == "completed"


def test_a_job_is_removed_C12(gateway):
    job = gateway.submit("email", {})
    gateway.job(job)
    assert gateway.ask("DELETE", f"/queues/email/jobs/{job}").status == 204
    wait_until(lambda: gateway.ask("GET", f"/queues/email/jobs/{job}").status == 404, "a job that is gone")


def test_check_status_follows_a_task_C12(gateway):
    gate = gateway.folder / "gate"
    job = gateway.submit("device-operation", {"until": str(gate), "answer": '{"url": "x"}'})
    first = gateway.get(f"/api/check-status/{job}")
    assert first["status"] in {"pending", "processing"} and first["progress"] == 0
    wait_until(lambda: gateway.get(f"/api/check-status/{job}")["status"] == "processing", "a task that is processed")
    gate.touch()
    done = wait_until(lambda: (found := gateway.get(f"/api/check-status/{job}"))["status"] == "completed" and found, "its end")
    assert done["result"] == {"url": "x"}
    bad = gateway.submit("device-operation", {"status": 400, "error": "Broken"})
    gateway.job(bad)
    assert gateway.get(f"/api/check-status/{bad}")["error"]
    answer = gateway.ask("GET", "/api/check-status/none")
    assert answer.status == 404 and "none" in answer.json["error"]


def test_a_task_service_asks_for_health_and_rates_C12(gateway):
    assert gateway.get("/api/health")["status"] == "ok"
    job = gateway.submit("email", {})
    gateway.job(job)
    status = wait_until(lambda: (found := gateway.get("/api/queue-status?queue=email"))["processingRatePerMinute"] > 0
                        and found, "a rate")
    assert {"queueDepth", "failureRate", "retryRate", "deadLetters", "completionRate", "meanProcessingTime",
            "errorsByType"} <= set(status)
    assert 0 < status["completionRate"] <= 1 and "NoSuchAddress" in status["errorsByType"]
    assert set(gateway.get("/api/queue-status")) == set(status)
    assert gateway.ask("GET", "/api/queue-status?queue=none").status == 404


def test_a_task_service_asks_whether_a_worker_can_be_reached_C12(gateway):
    status = wait_until(lambda: (found := gateway.get("/api/ai-status?queue=email"))["available"] and found, "a worker")
    assert status["status"] == "ok" and status["queues"][0]["name"] == "email"
    assert {queue["name"] for queue in gateway.get("/api/ai-status")["queues"]} >= {"email"}
    assert gateway.ask("GET", "/api/ai-status?queue=none").status == 404


def test_metrics_have_the_old_names_too_C13(gateway):
    gateway.job(gateway.submit("email", {}, type="send-email"))

    def text():
        return gateway.ask("GET", "/metrics").body.decode()
    wait_until(lambda: 'bull_queue_depth{queue="default.email",status="completed"}' in text(), "depths")
    for line in ('bull_jobs_total{queue="default.email",status="completed"}',
                 'bull_job_duration_seconds_count{job="send-email",queue="default.email"}',
                 'drover_gateway_submitted_total{outcome="accepted",queue="default.email"}',
                 'drover_gateway_requests_total{method="POST",route="/v1/queues/{queue}/jobs",status="202"}',
                 "drover_gateway_view_up 1"):
        wait_until(lambda: line in text(), line)
