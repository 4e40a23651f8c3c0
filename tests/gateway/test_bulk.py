"""One failed job again, or many: bulk operations through HTTP (C6, C7)."""

import collections
import datetime
import time

import pytest
from conftest import Stack, is_time
from gateway_client import GatewayClient

from local_run import LocalRun, journal, queue_file
from processes import wait_until

COUNTS = ("matched", "done", "skipped", "failed")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A queue whose jobs have one attempt, and one that nobody works off."""
    folder = tmp_path_factory.mktemp("bulk")
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, retry={"maxAttempts": 1}, delivery={"concurrency": 16})
    queue_file(folder, "slow", scaling={"minReplicas": 1}, retry={"maxAttempts": 1}, delivery={"concurrency": 1})
    with LocalRun(folder) as run:
        yield Stack(run, GatewayClient(run.wait_for_line(r"gateway (http://\S+)")[1]), folder)


def failed_jobs(gateway, count, queue="jobs", **payload):
    """Their ids, once all of them are known to have failed."""
    answer = gateway.ask("POST", f"/v1/queues/{queue}/jobs:batch",
                         [{"type": payload.get("error", "any"), "payload": {"status": 422, "n": n, **payload}} for n in range(count)])
    assert answer.status == 202, answer.body
    jobs = [job["id"] for job in answer.json["jobs"]]
    wait_until(lambda: all(gateway.job(job, wait=None)["state"] == "failed" for job in jobs), "their failure")
    return jobs


def begin(gateway, queue="jobs", **order):
    answer = gateway.ask("POST", f"/v1/queues/{queue}/bulk", order)
    assert answer.status == 202, answer.body
    assert answer.headers["location"] == f"/v1/queues/default.{queue}/bulk/{answer.json['id']}"
    return answer.json


def operation(gateway, begun):
    return gateway.get(f"/v1/queues/{begun['queue']}/bulk/{begun['id']}")


def ended(gateway, begun):
    return wait_until(lambda: (found := operation(gateway, begun))["state"] != "running" and found, f"end of {begun}")


def just_after(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() + 0.05


def handed_over(folder, jobs):
    """How often each of these jobs came to the worker."""
    jobs = set(jobs)
    return collections.Counter(entry["headers"]["drover-job-id"] for entry in journal(folder)
                               if entry["headers"]["drover-job-id"] in jobs)


def test_C6_a_failed_job_is_retried_as_its_next_run_once(stack):
    job, = failed_jobs(stack.gateway, 1)
    answer = stack.gateway.ask("POST", f"/v1/jobs/{job}/retry", {"reason": "again"})
    assert (answer.status, answer.json) == (202, {"id": job, "state": "waiting", "run": 1})
    wait_until(lambda: handed_over(stack.folder, [job])[job] == 2, "its next run")
    again = wait_until(lambda: (found := stack.gateway.job(job, wait=None))["state"] == "failed" and found["run"] == 1 and found, "its end")
    assert again["attempt"] == 1
    answer = stack.gateway.ask("POST", f"/v1/jobs/{job}/retry?queue=jobs")
    assert (answer.status, answer.json["run"]) == (202, 2)
    assert stack.gateway.ask("POST", f"/v1/jobs/{job}/retry?queue=nowhere").status == 404


def test_C7_a_retry_edits_the_payload_before(stack):
    job, = failed_jobs(stack.gateway, 1)
    edit = [{"op": "replace", "path": "/status", "value": 200}, {"op": "add", "path": "/answer", "value": "edited"}]
    wrong = stack.gateway.ask("POST", f"/v1/jobs/{job}/retry", {"edit": [{"op": "remove", "path": "/nowhere"}]})
    assert wrong.status == 400 and "nowhere" in wrong.json["detail"]
    assert stack.gateway.ask("POST", f"/v1/jobs/{job}/retry", {"edit": edit}).status == 202
    done = wait_until(lambda: (found := stack.gateway.job(job, wait=None))["state"] == "completed" and found, "its end")
    assert done["run"] == 1 and stack.gateway.ask("GET", f"/v1/jobs/{job}/result").body == b"edited"


def test_C6_only_a_failed_job_can_be_retried(stack):
    job = stack.gateway.submit("jobs", {})
    assert stack.gateway.job(job)["state"] == "completed"
    refused = stack.gateway.ask("POST", f"/v1/jobs/{job}/retry")
    assert refused.status == 409 and "completed" in refused.json["detail"]
    assert stack.gateway.ask("POST", "/v1/jobs/12345/retry").status == 404


def test_C7_a_dry_run_counts_and_shows_and_does_nothing(stack):
    jobs = failed_jobs(stack.gateway, 30, error="Dry")
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/bulk", {"action": "redrive", "filter": {"type": "Dry"}, "dryRun": True})
    assert answer.status == 200 and answer.json["matched"] == 30
    sample = answer.json["sample"]
    assert len(sample) == 20 and {job["id"] for job in sample} <= set(jobs)
    assert all(job["state"] == "failed" and job["error"]["class"] == "Dry" and is_time(job["submittedAt"]) for job in sample)
    one = stack.gateway.ask("POST", "/v1/queues/jobs/bulk", {"action": "retry", "filter": {"ids": [jobs[3], "x"]}, "dryRun": True})
    assert one.json["matched"] == 1 and one.json["sample"][0]["id"] == jobs[3]
    assert handed_over(stack.folder, jobs) == {job: 1 for job in jobs}


def test_C7_a_bulk_retry_does_each_match_once_and_nothing_else(stack):
    jobs = failed_jobs(stack.gateway, 40, error="Bulk")
    others = failed_jobs(stack.gateway, 5, error="Other")
    assert stack.gateway.ask("POST", f"/v1/jobs/{jobs[0]}/retry").status == 202
    begun = begin(stack.gateway, action="retry", filter={"error": "Bulk", "state": "failed"}, reason="the mail server is back")
    assert (begun["state"], begun["by"], begun["reason"], begun["action"]) == ("running", "anonymous", "the mail server is back", "retry")
    end = ended(stack.gateway, begun)
    # Of the one that was retried before, its second letter may have been there when the operation began.
    assert end["state"] == "completed" and end["done"] == end["matched"] in (39, 40) and end["skipped"] == end["failed"] == 0
    wait_until(lambda: sum(handed_over(stack.folder, jobs[1:]).values()) == 78, "their second runs")
    assert handed_over(stack.folder, others) == {job: 1 for job in others}
    assert stack.gateway.get("/v1/queues/jobs/bulk")["operations"][0] == end
    wait_until(lambda: all((found := stack.gateway.job(job, wait=None))["run"] == 1 and found["state"] == "failed" for job in jobs[1:]),
               "what the view knows")
    assert handed_over(stack.folder, jobs[1:]) == {job: 2 for job in jobs[1:]}


def test_C7_a_bulk_retry_keeps_its_rate_and_is_aborted_at_once(stack):
    jobs = failed_jobs(stack.gateway, 500, error="Slowly")
    begun = begin(stack.gateway, action="retry", filter={"error": "Slowly"}, ratePerSecond=50,
                  edit=[{"op": "replace", "path": "/status", "value": 200}])
    began = time.monotonic()
    wait_until(lambda: operation(stack.gateway, begun)["done"] >= 60, "some of them")
    assert time.monotonic() - began >= 0.9  # the first may come at once, the rest takes its time
    running = operation(stack.gateway, begun)
    assert running["state"] == "running" and running["matched"] == 500 and running["ratePerSecond"] == 50
    answer = stack.gateway.ask("POST", f"/v1/queues/jobs/bulk/{begun['id']}/abort", {"reason": "enough"})
    assert answer.status == 202
    end = ended(stack.gateway, begun)
    assert end["state"] == "aborted" and 60 <= end["done"] < 400 and is_time(end["endedAt"])
    wait_until(lambda: sum(handed_over(stack.folder, jobs).values()) >= 500 + end["done"], "the second runs")
    wait_until(lambda: sum(stack.gateway.job(job, wait=None)["state"] == "completed" for job in jobs) == end["done"], "their end")
    assert sum(handed_over(stack.folder, jobs).values()) == 500 + end["done"]
    again = stack.gateway.ask("POST", f"/v1/queues/jobs/bulk/{begun['id']}/abort")
    assert again.status == 409 and "aborted" in again.json["detail"]
    rest = ended(stack.gateway, begin(stack.gateway, action="retry", filter={"error": "Slowly"},
                                      edit=[{"op": "replace", "path": "/status", "value": 200}]))
    assert rest["done"] == 500 - end["done"]
    wait_until(lambda: handed_over(stack.folder, jobs) == {job: 2 for job in jobs}, "all of them once")


def test_C7_what_cannot_be_redriven_is_counted_and_told(stack):
    jobs = failed_jobs(stack.gateway, 3, error="Unfit")
    end = ended(stack.gateway, begin(stack.gateway, action="retry", filter={"error": "Unfit"},
                                     edit=[{"op": "test", "path": "/n", "value": 1}, {"op": "replace", "path": "/status", "value": 200}]))
    assert [end[name] for name in COUNTS] == [3, 1, 0, 2] and end["state"] == "completed" and "patch does not fit" in end["trouble"]
    assert stack.gateway.job(jobs[1])["state"] == "completed"


@pytest.mark.parametrize("body, detail", [
    ("", "action must be"), ("[]", "JSON object"), ("{", "not JSON"), ({"action": "explode"}, "action must be"),
    ({"action": "retry", "filter": {"state": "completed"}}, "filter.state: retry"), ({"action": "retry", "filter": {"sate": "failed"}}, "sate"),
    ({"action": "delete", "filter": {"state": "active"}}, "filter.state: delete"), ({"action": "cancel", "filter": {"state": "failed"}}, "cancel"),
    ({"action": "retry", "ratePerSecond": 0}, "ratePerSecond"), ({"action": "retry", "ratePerSecond": "fast"}, "ratePerSecond"),
    ({"action": "retry", "edit": {"op": "add"}}, "edit"), ({"action": "cancel", "edit": []}, "edit is for a retry"),
    ({"action": "retry", "filter": {"from": "noon"}}, "filter.from"), ({"action": "retry", "filter": {"ids": []}}, "filter.ids"),
    ({"action": "retry", "dryRun": "yes"}, "dryRun"), ({"action": "retry", "reason": "x" * 2000}, "reason"), ({"action": "retry", "x": 1}, "x is not"),
])
def test_C7_what_is_wrong_with_an_order_is_named(stack, body, detail):
    answer = stack.gateway.ask("POST", "/v1/queues/jobs/bulk", body)
    assert answer.status == 400 and detail in answer.json["detail"], answer.body


def test_C7_an_unknown_operation_is_not_found(stack):
    for method, path in [("GET", "bulk/x"), ("POST", "bulk/x/abort")]:
        assert stack.gateway.ask(method, f"/v1/queues/jobs/{path}").status == 404


@pytest.fixture
def held(stack, tmp_path):
    """The queue `slow` works on a job until the test makes the file."""
    until = tmp_path / "go on"
    job = stack.gateway.submit("slow", {"until": str(until), "touch": str(tmp_path / "began")})
    wait_until((tmp_path / "began").exists, "its begin")
    yield until
    until.touch()
    assert stack.gateway.job(job)["state"] == "completed"


def test_C7_a_bulk_cancel_reaches_waiting_and_delayed_jobs(stack, held):
    waiting = [stack.gateway.submit("slow", {"n": n}, type="mail") for n in range(30)]
    delayed = [stack.gateway.submit("slow", {"n": n}, type="mail", delay="1h") for n in range(5)]
    spared = stack.gateway.submit("slow", {}, type="other")
    for job in (*delayed, waiting[-1]):
        stack.gateway.wait_for_state(job, "delayed", "waiting")
    order = {"action": "cancel", "filter": {"type": "mail"}, "reason": "all wrong"}
    # The view hears of each a moment after it was taken.
    wait_until(lambda: stack.gateway.ask("POST", "/v1/queues/slow/bulk", order | {"dryRun": True}).json["matched"] == 35, "all of them")
    end = ended(stack.gateway, begin(stack.gateway, "slow", **order))
    assert [end[name] for name in COUNTS] == [35, 35, 0, 0] and end["state"] == "completed"
    for job in (*waiting, *delayed):
        stack.gateway.wait_for_state(job, "cancelled")
    held.touch()
    assert stack.gateway.job(spared)["state"] == "completed"
    assert not handed_over(stack.folder, waiting + delayed)


def test_C7_a_bulk_delete_takes_what_has_ended_out_of_the_view(stack):
    jobs = [stack.gateway.submit("jobs", {}, type="ended", labels={"user": str(n % 2)}) for n in range(20)]
    for job in jobs:
        assert stack.gateway.job(job)["state"] == "completed"
    order = {"action": "delete", "filter": {"type": "ended", "label": "user=1"}, "ratePerSecond": 100}
    end = ended(stack.gateway, begin(stack.gateway, **order))
    assert [end[name] for name in COUNTS] == [10, 10, 0, 0]
    wait_until(lambda: [stack.gateway.ask("GET", f"/v1/jobs/{job}").status for job in jobs] == [200, 404] * 10, "their removal")
    ids = ended(stack.gateway, begin(stack.gateway, action="delete", filter={"ids": [*jobs, "unknown"]}))
    assert [ids[name] for name in COUNTS] == [10, 10, 0, 0]


def test_C6_a_clean_takes_old_failures_out_of_the_view_and_keeps_their_letters(stack):
    jobs = failed_jobs(stack.gateway, 3, error="Cleaned")
    last = stack.gateway.job(jobs[-1])
    young = stack.gateway.ask("POST", "/v1/queues/jobs/clean", {"grace": "1h", "state": "failed"})
    assert young.status == 202 and ended(stack.gateway, young.json)["matched"] == 0
    wait_until(lambda: time.time() > just_after(last["finishedAt"]), "a moment later")
    begun = stack.gateway.ask("POST", "/v1/queues/jobs/clean", {"grace": "0s", "state": "failed", "reason": "spring"})
    assert begun.status == 202 and begun.json["action"] == "delete" and begun.json["reason"] == "spring"
    assert ended(stack.gateway, begun.json)["done"] >= 3
    wait_until(lambda: all(stack.gateway.ask("GET", f"/v1/jobs/{job}").status == 404 for job in jobs), "their removal")
    left = stack.gateway.ask("POST", "/v1/queues/jobs/bulk", {"action": "retry", "filter": {"ids": jobs}, "dryRun": True})
    assert left.json["matched"] == 3
    for body in ({"grace": "soon"}, {"state": "waiting"}, {"age": "1h"}):
        assert stack.gateway.ask("POST", "/v1/queues/jobs/clean", body).status == 400


def test_C6_an_empty_drops_all_that_waits_and_lets_run_what_runs(stack, held):
    waiting = [stack.gateway.submit("slow", {"n": n}) for n in range(10)]
    delayed = [stack.gateway.submit("slow", {"n": n}, delay="1h") for n in range(3)]
    for job in delayed:
        stack.gateway.wait_for_state(job, "delayed")
    wait_until(lambda: stack.gateway.get("/v1/queues/slow")["lag"] == 11, "a look at all of them")
    answer = stack.gateway.ask("POST", "/v1/queues/slow/empty", {"reason": "a new start"})
    assert answer.status == 200 and answer.json["queue"] == "default.slow" and 13 <= answer.json["dropped"] <= 14
    for job in (*waiting, *delayed):
        stack.gateway.wait_for_state(job, "cancelled")
    after = stack.gateway.submit("slow", {})
    held.touch()
    assert stack.gateway.job(after)["state"] == "completed"
    assert not handed_over(stack.folder, waiting + delayed)
    assert stack.gateway.ask("POST", "/v1/queues/slow/empty", {"edit": []}).status == 400


def test_C12_older_front_ends_retry_empty_and_clean(stack, held):
    job, = failed_jobs(stack.gateway, 1, error="Older")
    answer = stack.gateway.ask("POST", f"/queues/jobs/jobs/{job}/retry")
    assert answer.status == 202 and answer.json["run"] == 1
    assert stack.gateway.ask("POST", "/queues/jobs/jobs/12345/retry").status == 404
    waiting = stack.gateway.submit("slow", {})
    answer = stack.gateway.ask("DELETE", "/queues/slow/empty")
    assert answer.status == 200 and answer.json["success"] is True
    stack.gateway.wait_for_state(waiting, "cancelled")
    done = stack.gateway.submit("jobs", {}, type="older")
    last = stack.gateway.job(done)
    assert stack.gateway.ask("POST", "/queues/jobs/clean").status == 200
    assert stack.gateway.ask("POST", "/queues/jobs/clean", {"grace": "1h"}).status == 400
    wait_until(lambda: time.time() > just_after(last["finishedAt"]), "a moment later")
    answer = stack.gateway.ask("POST", "/queues/jobs/clean", {"grace": 0, "type": "completed"})
    assert answer.status == 200 and answer.json["success"] is True
    wait_until(lambda: stack.gateway.ask("GET", f"/queues/jobs/jobs/{done}").status == 404, "its removal")
