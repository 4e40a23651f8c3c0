"""Jobs that are submitted over HTTP, and followed."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import is_time
from gateway_client import ENDED

from local_run import journal
from processes import wait_until


def answered_by(stack, queue):
    """The ids of the jobs that this queue's workers have answered, in order, as often as they did; other queues of the
    stack may be at work."""
    headers = [entry["headers"] for entry in journal(stack.folder)]
    return [each["drover-job-id"] for each in headers if each["ce-source"] == f"/drover/default/{queue}"]


def test_a_job_is_accepted_done_and_its_result_is_there_C1_C2(stack):
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/jobs",
                               {"type": "greet", "payload": {"answer": '{"hello": 1}'}, "labels": {"user": "7"}},
                               {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    assert answer.status == 202 and answer.json["state"] == "waiting"
    job = answer.json["id"]
    assert uuid.UUID(job).version == 7 and answer.headers["location"] == f"/v1/jobs/{job}"
    done = stack.gateway.job(job)
    assert done["state"] == "completed" and done["attempt"] == 1 and done["queue"] == "default.jobs"
    assert done["type"] == "greet" and done["labels"] == {"user": "7"} and done["result"] == {"hello": 1}
    assert all(is_time(done[name]) for name in ("submittedAt", "finishedAt", "since", "updatedAt"))
    assert stack.gateway.get(f"/v1/jobs/{job}/result") == {"hello": 1}
    headers = next(entry["headers"] for entry in journal(stack.folder) if entry["headers"]["drover-job-id"] == job)
    assert headers["drover-type"] == "greet" and headers["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736")


def test_few_jobs_without_a_key_are_spread_over_all_partitions_C1(stack):
    answer = stack.gateway.ask("POST", "/v1/queues/asleep/jobs:batch", [{"payload": n} for n in range(12)])
    assert answer.status == 202, answer.body
    places = [stack.gateway.job(job["id"])["place"]["partition"] for job in answer.json["jobs"]]
    assert sorted(places) == sorted(3 * list(range(4)))  # as many in each of its four


def test_a_job_is_known_as_soon_as_it_is_accepted_C2(stack):
    for _ in range(20):
        job = stack.gateway.submit("slow", {})
        assert stack.gateway.job(job, wait=None)["state"] in {"waiting", "active", "completed"}


def test_what_is_told_of_a_job_is_there_as_soon_as_it_is_accepted_C2(stack):
    """It is looked for while the view learns of it."""
    def statuses(_):
        return {stack.gateway.ask("GET", f"/v1/jobs/{stack.gateway.submit('asleep', {})}/{page}").status
                for page in 20 * ("history", "logs")}

    with ThreadPoolExecutor(16) as pool:
        assert set().union(*pool.map(statuses, range(32))) == {200}


def test_its_history_tells_every_attempt_with_time_pod_and_cause_C3(stack):
    job = stack.gateway.submit("jobs", {"status": 503, "error": "NoRoom"})
    failed = stack.gateway.job(job)
    assert failed["state"] == "failed" and failed["attempt"] == 3 and failed["error"]["class"] == "NoRoom"
    history = wait_until(lambda: (found := stack.gateway.get(f"/v1/jobs/{job}/history")["history"])
                         and found[-1]["event"] == "failed" and found, "its end")
    told = [(entry["event"], entry["attempt"]) for entry in history if entry["event"] in {"retrying", "failed"}]
    assert told == [("retrying", 1), ("retrying", 2), ("failed", 3)]
    assert all(is_time(entry["at"]) for entry in history)
    assert all(entry["pod"] and entry["error"]["status"] == 503 for entry in history if entry["event"] == "retrying")


def test_a_batch_is_taken_whole_or_not_at_all_C1(stack):
    path = "/v1/queues/jobs/jobs:batch"
    answer = stack.gateway.ask("POST", path, [{"payload": {"n": n}} for n in range(100)])
    assert answer.status == 202 and len({job["id"] for job in answer.json["jobs"]}) == 100
    for job in answer.json["jobs"]:
        assert stack.gateway.job(job["id"])["state"] == "completed"
    before = len(answered_by(stack, "jobs"))
    wrong = stack.gateway.ask("POST", path, [{"payload": 1}, {"payload": 1, "prioritty": "high"}, {}])
    assert wrong.status == 400
    assert "[1]: prioritty is not a field" in wrong.json["detail"] and "[2]: payload is missing" in wrong.json["detail"]
    assert stack.gateway.ask("POST", path, [{"payload": 1}] * 1001).status == 413
    assert stack.gateway.ask("POST", path, []).json == {"jobs": []}
    last = stack.gateway.submit("jobs", {})  # what had been taken before it would have run by now
    assert stack.gateway.job(last)["state"] == "completed"
    assert answered_by(stack, "jobs")[before:] == [last]


@pytest.mark.parametrize("body, status, detail", [
    ("", 400, "the body"), ("[]", 400, "JSON object"), ("{", 400, "the body"), (b"\xff", 400, "the body"),
    ({}, 400, "payload is missing"), ({"payload": 1, "priority": "urgent"}, 400, "priority must be"),
    ({"payload": 1, "maxAttempts": 0}, 400, "maxAttempts"), ({"payload": 1, "delay": "soon"}, 400, "delay"),
    ({"payload": 1, "runAt": "tomorrow"}, 400, "runAt"), ({"payload": 1, "delay": "1s", "runAt": "2027-01-01T00:00:00Z"}, 400, "delay"),
    ({"payload": 1, "deadline": "2020-01-01T00:00:00Z"}, 400, "deadline"), ({"payload": 1, "labels": {"a": 1}}, 400, "labels"),
    ({"payload": 1, "callback": "file:///etc/passwd"}, 400, "callback"), ({"payload": "x" * 131072}, 413, "131072"),
    ({"payload": {"to": 7}, "type": "checked"}, 400, "payload.to"), ({"payload": {}, "type": "checked"}, 400, "to"),
    ("[" * 100_000, 400, "the body"), ('{"payload": 1e999}', 400, ""),
])
def test_what_is_wrong_is_named_C1(stack, body, status, detail):
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/jobs", body)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and detail in answer.json["detail"]


def test_a_payload_arrives_as_it_was_written_C1(stack):
    body = '{"payload": {"n":  12345678901234567890.10, "until": "' + str(stack.folder) + '", "é": "\\u0000"}}'
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/jobs", body)
    assert stack.gateway.job(answer.json["id"])["state"] == "completed"
    seen = [entry["payload"] for entry in journal(stack.folder) if entry["headers"]["drover-job-id"] == answer.json["id"]]
    assert seen == [body[len('{"payload": '):-1]]


def test_unknown_things_are_problems_C2(stack):
    for method, path, status in [("GET", "/v1/jobs/nobody", 404), ("GET", "/v1/queues/none", 404), ("GET", "/v2", 404),
                                 ("POST", "/v1/queues/none/jobs", 404), ("DELETE", "/v1/queues", 405),
                                 ("GET", "/v1/jobs/x?wait=soon", 400), ("GET", "/v1/queues/jobs/jobs?state=lost", 400),
                                 ("GET", "/v1/queues/jobs/jobs?limit=0", 400), ("GET", "/v1/queues/jobs/jobs?cursor=%00", 400)]:
        answer = stack.gateway.ask(method, path)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), (path, answer.body)
    assert stack.gateway.ask("DELETE", "/v1/queues").headers["allow"] == "GET"


def test_events_are_streamed_until_the_end_C2(stack):
    gate = stack.folder / "gate-of-events"
    job = stack.gateway.submit("slow", {"until": str(gate)})
    seen = []
    for event, state in stack.gateway.events(job):
        assert event == "state" and state["id"] == job
        seen.append(state["state"])
        gate.touch()
    assert seen[0] != "completed" and seen[-1] == "completed"


def test_a_long_poll_ends_with_the_job_C2(stack):
    gate = stack.folder / "gate-of-polls"
    job = stack.gateway.submit("slow", {"until": str(gate)})
    assert stack.gateway.job(job, wait="1s")["state"] not in ENDED
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(stack.gateway.job(job)))
    waiter.start()
    gate.touch()
    waiter.join()
    assert answers[0]["state"] == "completed"


def test_a_running_and_a_waiting_job_can_be_cancelled_C6(stack):
    gate, here = stack.folder / "gate-of-cancels", stack.folder / "cancelled-one-runs"
    running = stack.gateway.submit("slow", {"until": str(gate), "touch": str(here)})
    wait_until(here.exists, "the job at its worker")
    waiting = stack.gateway.submit("slow", {"never": "run"})
    for job in (waiting, running):
        answer = stack.gateway.ask("POST", f"/v1/jobs/{job}/cancel", {"reason": "not wanted"})
        assert (answer.status, answer.json) == (202, {"id": job, "state": "cancelling"})
    assert stack.gateway.job(running)["state"] == "cancelled"
    gate.touch()
    assert stack.gateway.job(waiting)["state"] == "cancelled"
    assert '{"never": "run"}' not in [entry["payload"] for entry in journal(stack.folder)]
    assert stack.gateway.ask("POST", f"/v1/jobs/{waiting}/cancel").status == 409


def test_a_job_that_has_ended_can_be_deleted_C6(stack):
    job = stack.gateway.submit("jobs", {})
    stack.gateway.job(job)
    assert stack.gateway.ask("DELETE", f"/v1/jobs/{job}").status == 204
    wait_until(lambda: stack.gateway.ask("GET", f"/v1/jobs/{job}").status == 404, "a job that is forgotten")


def test_a_queue_is_paused_and_resumed_C6(stack):
    answer = stack.gateway.ask("POST", "/v1/queues/slow/pause", {"reason": "upgrade"})
    assert (answer.status, answer.json) == (200, {"queue": "default.slow", "paused": True})
    wait_until(lambda: stack.gateway.get("/v1/queues/slow")["paused"], "a queue that is paused")
    pause = stack.gateway.get("/v1/queues/slow")["pauses"][0]
    assert (pause["source"], pause["by"], pause["reason"]) == ("gateway", "anonymous", "upgrade")
    job = stack.gateway.submit("slow", {})
    assert stack.gateway.job(job, wait="2s")["state"] == "waiting"
    assert stack.gateway.ask("POST", "/v1/queues/slow/resume").json["paused"] is False
    assert stack.gateway.job(job)["state"] == "completed"


def test_jobs_are_listed_by_state_type_label_error_and_text_C5(stack):
    tag = uuid.uuid4().hex
    fine = [stack.gateway.submit("jobs", {}, type=f"t-{tag}", labels={"batch": tag}) for _ in range(5)]
    bad = stack.gateway.submit("jobs", {"status": 422, "error": f"E{tag}"}, type=f"t-{tag}", labels={"batch": tag})
    for job in [*fine, bad]:
        assert stack.gateway.job(job)["state"] in ENDED

    def listed(query):
        return [job["id"] for job in stack.gateway.get(f"/v1/queues/jobs/jobs?{query}")["jobs"]]
    assert listed(f"label=batch={tag}") == [bad, *reversed(fine)]
    assert listed(f"type=t-{tag}&state=completed") == list(reversed(fine))
    assert listed(f"error=E{tag}") == listed(f"text={tag[:20]}&state=failed") == [bad]
    assert listed(f"text={tag}&before=2020-01-01T00:00:00Z") == []
    pages, cursor = [], ""
    while True:
        page = stack.gateway.get(f"/v1/queues/jobs/jobs?label=batch={tag}&limit=2&cursor={cursor}")
        pages.append([job["id"] for job in page["jobs"]])
        if not (cursor := page.get("cursor")):
            break
    assert [job for page in pages for job in page] == [bad, *reversed(fine)]


def test_jobs_are_found_by_what_is_in_their_payload_C5(stack):
    tag = uuid.uuid4().hex
    key = {"key": tag}  # so that all stand in one partition, among others
    user = [stack.gateway.submit("jobs", {"user": f"ann-{tag}", "n": n}, **key) for n in range(3)]
    others = [stack.gateway.submit("jobs", {"user": f"bob-{tag}", "n": n}) for n in range(20)]
    user.append(stack.gateway.submit("jobs", {"user": f"ANN-{tag}", "fail": 1, "status": 422}))
    for job in [*user, *others]:
        assert stack.gateway.job(job)["state"] in ENDED

    def found(query):
        jobs, cursor = [], ""
        while True:
            page = stack.gateway.get(f"/v1/queues/jobs/jobs?{query}&cursor={cursor}")
            jobs += [job["id"] for job in page["jobs"]]
            if not (cursor := page.get("cursor")):
                return jobs
    assert found(f"payload=ann-{tag}") == found(f"payload=Ann-{tag}&limit=3") == list(reversed(user))
    assert found(f"payload={tag}&limit=1000") == list(reversed([*user[:3], *others, user[3]]))
    assert found(f"payload=ann-{tag}&state=failed") == user[3:]
    assert found(f"payload=nobody-{tag}&limit=1000") == []


def test_counts_are_those_of_kafka_and_the_view_C4(stack):
    before = stack.gateway.get("/v1/queues/slow")
    gate, here = stack.folder / "gate-of-counts", stack.folder / "counted-one-runs"
    jobs = [stack.gateway.submit("slow", {"until": str(gate), "touch": str(here)}) for _ in range(6)]
    wait_until(here.exists, "a job at its worker")
    wait_until(lambda: (counts := stack.gateway.get("/v1/queues/slow")["counts"])["active"] == 1
               and counts["waiting"] == 5, "one active and five waiting")
    gate.touch()
    for job in jobs:
        assert stack.gateway.job(job)["state"] == "completed"
    after = wait_until(lambda: (found := stack.gateway.get("/v1/queues/slow"))["lag"] == 0 and found, "no lag")
    assert after["counts"]["completed"] == before["counts"]["completed"] + 6
    assert after["counts"]["waiting"] == after["counts"]["active"] == 0
    assert after["figures"]["completed"] >= 6 and after["figures"]["run"]["p99"] > 0
    summary = stack.gateway.get("/v1/queues")["summary"]
    assert summary["queues"] == 3 and summary["counts"]["completed"] >= after["counts"]["completed"]


def test_a_delayed_job_waits_and_runs_at_its_time_C8(stack):
    began = time.time()
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/jobs", {"payload": {"late": 1}, "delay": "2s"})
    assert (answer.status, answer.json["state"]) == (202, "delayed")
    waiting = stack.gateway.job(answer.json["id"], wait=None)
    assert waiting["state"] == "delayed" and is_time(waiting["dueAt"])
    assert stack.gateway.job(answer.json["id"])["state"] == "completed"
    assert time.time() - began >= 2


def test_a_delayed_job_can_be_cancelled_C8(stack):
    job = stack.gateway.submit("jobs", {"never": "comes"}, delay="1h")
    assert stack.gateway.ask("POST", f"/v1/jobs/{job}/cancel").status == 202
    assert stack.gateway.job(job)["state"] == "cancelled"


def test_a_schedule_runs_and_shows_its_runs_C9(stack):
    path = "/v1/queues/jobs/schedules/tick"
    wanted = {"cron": "* * * * * *", "timeZone": "Europe/Berlin", "job": {"type": "tick", "payload": {"tick": 1}}}
    made = stack.gateway.ask("PUT", path, wanted)
    assert made.status == 201 and made.json["cron"] == "* * * * * *", made.body
    assert stack.gateway.ask("GET", path).status == 200  # at once
    shown = wait_until(lambda: (found := stack.gateway.get(path)).get("runs", 0) >= 2 and found, "two runs")
    assert len(shown["nextRuns"]) == 5 and all(map(is_time, shown["nextRuns"]))
    assert stack.gateway.job(shown["lastRun"]["job"])["type"] == "tick"
    assert [each["name"] for each in stack.gateway.get("/v1/queues/jobs/schedules")["schedules"]] == ["tick"]
    assert stack.gateway.ask("PUT", path, wanted | {"paused": True}).status == 200
    assert stack.gateway.ask("DELETE", path).status == 204
    wait_until(lambda: stack.gateway.ask("GET", path).status == 404, "a schedule that is gone")


@pytest.mark.parametrize("body, detail", [
    ({}, "cron"), ({"cron": "61 * * * *", "job": {"payload": 1}}, "cron"), ({"cron": "@daily", "job": {}}, "payload"),
    ({"cron": "@daily", "timeZone": "Mars/Base", "job": {"payload": 1}}, "timeZone"),
    ({"cron": "@daily", "missedRuns": "some", "job": {"payload": 1}}, "missedRuns"),
    ({"cron": "@daily", "colour": 1, "job": {"payload": 1}}, "colour"),
    ({"cron": "@daily", "job": {"type": "checked", "payload": {}}}, "job: "),
    ({"cron": "@daily", "job": {"payload": 1, "callback": "nowhere"}}, "callback")])
def test_what_is_wrong_with_a_schedule_is_named_C9(stack, body, detail):
    answer = stack.gateway.ask("PUT", "/v1/queues/jobs/schedules/wrong", body)
    assert answer.status == 400 and detail in answer.json["detail"], answer.body


def test_the_same_idempotency_key_is_the_same_job_C10(stack):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (stack.gateway.ask("POST", "/v1/queues/jobs/jobs", {"payload": {"once": key}}, key) for _ in range(2))
    assert (first.status, again.status) == (202, 202) and first.json["id"] == again.json["id"]
    assert uuid.UUID(first.json["id"]).version == 5
    assert stack.gateway.ask("POST", "/v1/queues/jobs/jobs", {"payload": "other"}, key).status == 409
    assert stack.gateway.ask("POST", "/v1/queues/slow/jobs", {"payload": {}}, key).json["id"] != first.json["id"]
    assert stack.gateway.job(first.json["id"])["state"] == "completed"
    runs = [entry for entry in journal(stack.folder) if entry["headers"]["drover-job-id"] == first.json["id"]]
    assert len(runs) == 1
    assert stack.gateway.ask("POST", "/v1/queues/jobs/jobs", {"payload": 1}, {"Idempotency-Key": "k" * 256}).status == 400


def test_the_same_idempotency_key_is_the_same_batch_C10(stack):
    key, path = {"Idempotency-Key": uuid.uuid4().hex}, "/v1/queues/jobs/jobs:batch"
    jobs = [{"payload": {"once": key, "n": n}} for n in range(3)]
    first, again = (stack.gateway.ask("POST", path, jobs, key) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    ids = [job["id"] for job in first.json["jobs"]]
    assert len(set(ids)) == 3 and again.json["jobs"] == [{"id": job, "state": "known"} for job in ids]
    for other in (jobs[:2], [*jobs, {"payload": 4}], [{"payload": 5}, *jobs[1:]]):
        assert stack.gateway.ask("POST", path, other, key).status == 409
    assert stack.gateway.ask("POST", path, jobs, {"Idempotency-Key": "k" * 256}).status == 400
    for job in ids:
        assert stack.gateway.job(job)["state"] == "completed"
    runs = [entry for entry in journal(stack.folder) if entry["headers"]["drover-job-id"] in ids]
    assert len(runs) == 3


def test_a_unique_job_is_there_once_C10(stack):
    gate = stack.folder / "gate-of-uniques"
    unique = uuid.uuid4().hex
    first = stack.gateway.submit("slow", {"until": str(gate)}, uniqueKey=unique)
    again = stack.gateway.ask("POST", "/v1/queues/slow/jobs", {"payload": 2, "uniqueKey": unique})
    assert (again.status, again.json) == (202, {"id": first, "state": "known"})
    batch = stack.gateway.ask("POST", "/v1/queues/slow/jobs:batch", [{"payload": 3, "uniqueKey": unique}, {"payload": 4}])
    assert batch.json["jobs"][0] == {"id": first, "state": "known"} and batch.json["jobs"][1]["state"] == "waiting"
    gate.touch()
    assert stack.gateway.job(first)["state"] == "completed"
