"""What people look at while queues work: lag and scaling over time, workers, payloads, all queues as they change."""

import base64
import json

from conftest import is_time

from processes import wait_until


def queue_of(stack, name):
    return next(queue for queue in stack.gateway.get("/v1/queues")["queues"] if queue["name"] == f"default.{name}")


def test_a_queue_says_how_many_workers_it_has_and_why_D3(stack):
    scale = wait_until(lambda: (found := queue_of(stack, "jobs").get("scale")) and found["ready"] == 1 and found, "a worker")
    assert scale["desired"] == 1 and (scale["min"], scale["max"]) == (1, 1) and scale["trouble"] == []
    assert scale["reason"] and scale["message"] and is_time(scale["at"])
    shown = stack.gateway.get("/v1/queues/jobs")
    assert shown["scale"]["desired"] == 1 and shown["ordering"] == "none"
    assert shown["spec"]["retry"]["maxAttempts"] == 3 and "worker" not in shown["spec"]


def test_lag_and_scaling_are_kept_over_time_D3(stack):
    gate = stack.folder / "gate-of-lag"
    jobs = [stack.gateway.submit("slow", {"until": str(gate)}) for _ in range(5)]
    lag = wait_until(lambda: (found := stack.gateway.get("/v1/queues/slow/lag?window=5m")) and
                     any(point["lag"] >= 5 for point in found["samples"]) and found, "five jobs of lag")
    assert lag["queue"] == "default.slow" and all(is_time(point["at"]) for point in lag["samples"])
    assert [point["at"] for point in lag["samples"]] == sorted(point["at"] for point in lag["samples"])
    gate.touch()
    assert all(stack.gateway.job(job)["state"] == "completed" for job in jobs)
    for wrong in ("soon", "0s", "25h", "-1m"):
        assert stack.gateway.ask("GET", f"/v1/queues/slow/lag?window={wrong}").status == 400
    assert stack.gateway.ask("GET", "/v1/queues/none/lag").status == 404


def test_each_change_of_scale_is_kept_with_its_reason_D3(stack):
    wait_until(lambda: (found := queue_of(stack, "asleep").get("scale")) and found["desired"] == 0, "a queue that sleeps")
    assert stack.gateway.job(stack.gateway.submit("asleep", {}))["state"] == "completed"
    steps = wait_until(lambda: stack.gateway.get("/v1/queues/asleep/lag")["decisions"], "a decision")
    assert (steps[0]["from"], steps[0]["to"]) == (0, 1) and steps[0]["reason"] == "TargetLag" and is_time(steps[0]["at"])
    assert "1 job unfinished" in steps[0]["message"]


def test_workers_show_what_they_have_in_hand_D3(stack):
    gate = stack.folder / "gate-of-workers"
    job = stack.gateway.submit("slow", {"until": str(gate)}, type="long")
    workers = wait_until(lambda: stack.gateway.get("/v1/queues/slow/workers")["workers"], "an active job")
    assert [worker["active"] for worker in workers] == [1] and workers[0]["pod"]
    assert workers[0]["jobs"][0]["id"] == job and workers[0]["jobs"][0]["type"] == "long"
    gate.touch()
    assert stack.gateway.job(job)["state"] == "completed"
    assert wait_until(lambda: not stack.gateway.get("/v1/queues/slow/workers")["workers"], "no active job")


def test_rates_and_the_oldest_wait_are_of_the_last_minutes_C4(stack):
    gate = stack.folder / "gate-of-rates"
    jobs = [stack.gateway.submit("slow", {"until": str(gate)}) for _ in range(2)]
    assert wait_until(lambda: queue_of(stack, "slow").get("oldestWaitingAt"), "the oldest that waits")
    gate.touch()
    assert all(stack.gateway.job(job)["state"] == "completed" for job in jobs)
    failed = stack.gateway.submit("slow", {"status": 400, "error": "Bad"})
    assert stack.gateway.job(failed)["state"] == "failed"
    rates = wait_until(lambda: (found := queue_of(stack, "slow")["rates"])["failed"] > 0 and found, "rates")
    assert rates["completed"] > 0 and 0 < rates["failureRate"] < 1 and rates["meanRun"] > 0
    assert wait_until(lambda: "oldestWaitingAt" not in queue_of(stack, "slow"), "nothing that waits")


def test_the_payload_is_read_where_it_stands_in_kafka_C2(stack):
    body = '{"payload": {"n":  1.50, "é": 1}, "key": "customer 7"}'
    job = stack.gateway.ask("POST", "/v1/queues/jobs/jobs", body).json["id"]
    assert stack.gateway.job(job)["state"] == "completed"
    answer = stack.gateway.ask("GET", f"/v1/jobs/{job}/payload")
    assert answer.status == 200 and answer.body.decode() == '{"n":  1.50, "é": 1}'
    assert answer.headers["content-type"] == "application/json"
    assert base64.b64decode(answer.headers["drover-key"]) == b"customer 7"
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["content-security-policy"] == "sandbox"
    assert stack.gateway.ask("GET", "/v1/jobs/nobody/payload").status == 404


def test_all_queues_are_streamed_as_they_change_D3(stack):
    events = stack.gateway.stream("/v1/events?changes=true")
    event, first = next(events)
    assert event == "queues" and {"default.jobs", "default.slow"} <= {queue["name"] for queue in first["queues"]}
    assert first["summary"]["queues"] == 3
    before = queue_of(stack, "jobs")["counts"]["completed"]
    job = stack.gateway.submit("jobs", {})
    assert stack.gateway.job(job)["state"] == "completed"
    for event, data in events:
        assert event == "changes" and data["gone"] == []
        counts = {queue["name"]: queue["counts"]["completed"] for queue in data["queues"]}
        if counts.get("default.jobs", 0) > before:
            break
    events.close()
    event, one = next(stack.gateway.stream("/v1/events?queue=default.slow"))
    assert [queue["name"] for queue in one["queues"]] == ["default.slow"]


def test_whoever_asks_is_told_who_they_are_C14(stack):
    me = stack.gateway.get("/v1/me")
    assert me == {"name": "anonymous", "open": True, "roles": {"*": ["submit", "view", "operate", "admin"]}}, json.dumps(me)


def test_failed_jobs_are_grouped_by_what_their_errors_have_in_common_D3(stack):
    jobs = [stack.gateway.submit("slow", {"status": 422, "error": "RelayRefused", "answer": f"relay 10.0.0.{n} refused"},
                                 type="mail") for n in range(3)]
    jobs.append(stack.gateway.submit("slow", {"status": 422, "error": "NoAddress"}))
    assert all(stack.gateway.job(job)["state"] == "failed" for job in jobs)
    groups = {group["error"]["class"]: group for group in stack.gateway.get("/v1/queues/slow/errors?window=1h")["groups"]}
    relay = groups["RelayRefused"]
    assert relay["count"] == 3 and relay["types"] == {"mail": 3} and set(relay["sample"]) == set(jobs[:3])
    assert relay["error"]["status"] == 422 and is_time(relay["first"]) and groups["NoAddress"]["count"] == 1
    assert stack.gateway.ask("GET", "/v1/queues/slow/errors?window=never").status == 400
