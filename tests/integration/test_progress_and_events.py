"""What the worker says of its jobs while they run, and what the events topic tells of them."""

import json
import time

import pytest

from kafka_client import Record
from sidecars import Queue
from worker import SILENCE, Gate, Reply, Worker


def job(job_id, *headers, value=b"x"):
    return Record(value, job_id.encode(), [("drover-job-id", job_id), *headers])


def states(events):
    return [event["state"] for event in events]


def turns(events):
    """Without the starts, which are only told of jobs that do not end soon."""
    return [event for event in events if event["state"] != "started"]


def first(worker):
    return worker.wait_for(lambda jobs: jobs and jobs[0], "the job")


def test_A9_every_turn_of_a_job_is_told_with_its_cause_and_its_place(kafka, folder):
    queue = Queue(kafka, folder, events=True, control=True)
    replies = {"good": [Reply(200, {"Content-Type": "application/json"}, b'{"pages": 3}')],
               "shaky": [Reply(500, {"Drover-Error": "OutOfPaper"}, b"no paper"), Reply(200, body=b"caf\xc3\xa9")],
               "bad": [Reply(400, body=b"no such street")],
               "unwanted": [SILENCE]}
    with Worker(lambda job: replies[job.id][job.attempt - 1]) as worker, queue.sidecar(worker) as sidecar:
        labels = ("drover-labels", '{"user": "ann"}')
        queue.produce(job("good", labels, ("drover-type", "print")), job("shaky"), job("bad"), job("unwanted"))
        worker.wait_for(lambda jobs: "unwanted" in [each.id for each in jobs], "the job to be cancelled")
        started, = queue.wait_for_events(lambda events: events, "its start, told while it runs", "unwanted")
        queue.cancel("unwanted")
        queue.wait_until_committed(4)
        queue.wait_until_committed(1, queue.retry_group)
        events = {name: queue.events(name) for name in replies}
        sidecar.stop()

    completed, = turns(events["good"])
    assert completed["state"] == "completed"
    assert (completed["type"], completed["labels"], completed["result"]) == ("print", {"user": "ann"}, {"pages": 3})
    assert completed["busyMicros"] > 0, "so that its start is known"
    for event in (started, completed):
        assert event["queue"] == f"test.{queue.name}"
        assert (event["run"], event["attempt"], event["maxAttempts"], event["pod"]) == (0, 1, 3, sidecar.name)
        assert (event["topic"], event["partition"]) == (queue.topic, 0)
        assert event["submittedAt"] <= event["at"]

    retrying, completed = turns(events["shaky"])
    assert states([retrying, completed]) == ["retrying", "completed"]
    assert (retrying["attempt"], completed["attempt"]) == (1, 2)
    assert min(retrying["busyMicros"], completed["busyMicros"]) > 0
    assert retrying["cause"] == {"class": "OutOfPaper", "status": 500, "message": "no paper"}
    assert retrying["dueAt"] > retrying["at"]
    assert completed["resultText"] == "café"
    assert {(event["topic"], event["offset"]) for event in events["shaky"]} == {(queue.topic, 1)}, "where it first stood"

    failed, = turns(events["bad"])
    assert failed["state"] == "failed"
    assert failed["cause"] == {"class": "Http400", "status": 400, "message": "no such street"}

    assert states(events["unwanted"]) == ["started", "cancelled"]
    assert [event["attempt"] for event in events["unwanted"]] == [1, 1]


def test_A9_a_retry_in_its_place_is_told_with_its_cause_too(kafka, folder):
    queue = Queue(kafka, folder, events=True, delivery={"ordering": "key"})
    with Worker(lambda job: Reply(503, body=b"later") if job.attempt == 1 else 200) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("shaky"))
        queue.wait_until_committed(1)
        events = queue.events("shaky")
        sidecar.stop()
    retrying, completed = turns(events)
    assert states([retrying, completed]) == ["retrying", "completed"]
    assert (retrying["attempt"], completed["attempt"]) == (1, 2)
    assert retrying["cause"]["status"] == 503
    assert retrying["dueAt"] > retrying["at"]


@pytest.mark.parametrize("body, field", [
    ({"percent": -5}, "percent"), ({"percent": 300}, "percent"), ({"percent": "50"}, "percent"), ({"step": 1}, "step"),
    ({"message": 1025 * "m"}, "message"), ({"result": 131073 * "r"}, "result"), ({"procent": 5}, "procent"),
    (b"[", "body"), (b"[]", "body")])
def test_A9_a_report_that_cannot_be_is_refused_by_the_name_of_its_field(reporting, body, field):
    sidecar, long = reporting
    status, problem = sidecar.say(long, "progress", body)
    assert status == 400
    assert field in problem["detail"]


@pytest.fixture(scope="module")
def reporting(kafka, folder):
    queue = Queue(kafka, folder, events=True)
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("reports"))
        yield sidecar, first(worker)
        gate.open()


def test_A9_a_worker_that_reports_a_thousand_times_floods_nobody_and_its_last_word_counts(kafka, folder):
    queue = Queue(kafka, folder, events=True)
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("busy"))
        busy = first(worker)
        begin = time.monotonic()
        for n in range(1000):
            assert sidecar.say(busy, "progress", {"percent": n / 10, "message": f"item {n}"})[0] == 200
        sidecar.say(busy, "progress", {"step": "wrapping up"})
        seconds = time.monotonic() - begin
        gate.open()
        queue.wait_until_committed(1)
        events = queue.events("busy")
        assert states(events)[0] == "started" and states(events)[-1] == "completed"
        progress = events[1:-1]
        assert set(states(progress)) == {"progressed"}
        assert 2 <= len(progress) <= seconds + 3, "about one a second"
        assert (progress[0]["percent"], progress[0]["message"]) == (0, "item 0")
        assert (progress[-1]["percent"], progress[-1]["message"], progress[-1]["step"]) == (99, "item 999", "wrapping up")
        sidecar.stop()


def test_A9_a_kept_report_of_a_try_that_times_out_is_told_as_its_own(kafka, folder):
    """Its slot is soon another job's, of which it must not be told."""
    queue = Queue(kafka, folder, events=True, delivery={"concurrency": 1})
    gate = Gate()

    def answer(job):
        return SILENCE if job.id == "stuck" else Reply(after=gate)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("stuck", ("drover-max-attempts", "1"), ("drover-timeout", "500ms")), job("next"))
        stuck = first(worker)
        for n in (1, 2):
            sidecar.say(stuck, "progress", {"percent": n})
        following = worker.wait_for(lambda jobs: len(jobs) == 2 and jobs[1], "the next job")
        sidecar.say(following, "progress", {"percent": 50})
        sidecar.say(following, "progress", {"percent": 60})
        queue.wait_for_events(lambda events: states(events).count("progressed") == 2, "both reports", "next")
        gate.open()
        queue.wait_until_committed(2)
        told = [(event["state"], event.get("percent")) for event in turns(queue.events("stuck"))]
        assert told in ([("progressed", 1), ("progressed", 2), ("failed", None)],
                        [("failed", None)]), "all that was said in time, and then its end"
        assert [event["percent"] for event in queue.events("next") if event["state"] == "progressed"] == [50, 60]
        sidecar.stop()


def test_A9_logs_come_in_order_and_what_is_over_the_bound_is_counted(kafka, folder):
    queue = Queue(kafka, folder, events=True)
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("talks"))
        talks = first(worker)
        said = sidecar.say(talks, "logs", {"lines": ["one", "two\nthree"], "level": "warn"})
        assert said[0] == 200
        begin = time.monotonic()
        for burst in range(20):
            lines = "\n".join(f"{burst}.{n}" for n in range(50)).encode()
            assert sidecar.say(talks, "logs", lines, content_type="text/plain")[0] == 200
        seconds = time.monotonic() - begin
        status, problem = sidecar.say(talks, "logs", b"line\n" * 1001, content_type="text/plain")
        assert status == 400 and "1000" in problem["detail"]
        assert sidecar.say(talks, "logs", {"level": "loud"})[0] == 400
        gate.open()
        queue.wait_until_committed(1)
        logs = [event for event in queue.events("talks") if event["state"] == "log"]
        assert (logs[0]["message"], logs[0]["level"]) == ("one\ntwo\nthree", "warn")
        lines = [line for event in logs[1:] for line in event.get("message", "").splitlines()]
        assert lines == sorted(lines, key=lambda line: [int(part) for part in line.split(".")])
        assert len(lines) <= 100 * (seconds + 2)
        assert len(lines) + sum(event.get("linesLeftOut", 0) for event in logs) == 1000, "none is lost without a word"
        sidecar.stop()


def test_A9_a_result_over_the_limit_is_left_out_and_the_job_is_done_all_the_same(kafka, folder):
    queue = Queue(kafka, folder, events=True, delivery={"asyncCompletion": True})
    large = b"x" * (128 * 1024 + 1)

    def answer(job):
        return Reply(202) if job.id == "async" else Reply(200, body=large)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("sync"))
        completed = queue.wait_for_events(turns, "its end", "sync")[-1]
        assert (completed["state"], completed["resultLeftOut"]) == ("completed", len(large))
        assert "resultText" not in completed and "result" not in completed

        queue.produce(job("async"))
        later = worker.wait_for(lambda jobs: len(jobs) == 2 and jobs[1].answered_at and jobs[1], "the job")
        status, problem = sidecar.say(later, "complete", large, content_type="text/plain")
        assert status == 400 and "131072" in problem["detail"]
        assert sidecar.say(later, "complete", large[:-1], content_type="text/plain")[0] == 200
        completed = queue.wait_for_events(turns, "its end", "async")[-1]
        assert completed["resultText"] == large[:-1].decode()
        sidecar.stop()


def test_A9_results_of_any_bytes_are_told(kafka, folder):
    queue = Queue(kafka, folder, events=True)
    bodies = {"binary": (b"\xff\x00", "resultBase64", "/wA="), "broken": (b"{", "resultText", "{"),
              "list": (b"[1]", "result", [1]), "none": (b"", None, None)}
    with Worker(lambda job: Reply(200, {"Content-Type": "application/json"}, bodies[job.id][0])) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(*map(job, bodies))
            queue.wait_until_committed(4)
            for name, (_, field, result) in bodies.items():
                completed = queue.events(name)[-1]
                found = {each: completed[each] for each in ("result", "resultText", "resultBase64") if each in completed}
                assert found == ({field: result} if field else {}), name
            sidecar.stop()


def test_A9_while_its_end_cannot_be_told_a_job_is_not_over_and_a_kill_loses_nothing(kafka, folder):
    """What is told of a job's end is safe before the job is committed."""
    queue = Queue(kafka, folder, control=True)
    queue.events_topic = f"{queue.topic}.events"  # which is not there
    with Worker() as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(job("done"))
            sidecar.wait_for(lambda stats: stats["writeFailures"] > 1 and stats["trouble"], "trouble")
            sidecar.wait_for_log(lambda line: line["level"] == "error" and queue.events_topic in json.dumps(line), "its name")
            assert (queue.committed(), sidecar.stats()["completed"], len(worker.jobs)) == (0, 0, 1)
            sidecar.kill()
        with queue.sidecar(worker) as sidecar:
            worker.wait_for(lambda jobs: len(jobs) == 2, "the job again")
            sidecar.wait_for(lambda stats: stats["writeFailures"] > 0, "trouble again")
            queue.create_events()
            queue.wait_until_committed(1)
            assert states(queue.events("done"))[-1] == "completed"
            sidecar.wait_for(lambda stats: stats["trouble"] == "" and stats["completed"] == 1, "end of the trouble")
            assert len(worker.jobs) == 2, "only the writing is tried again"
            sidecar.stop()


def test_A9_whatever_is_committed_has_been_told(kafka, folder):
    """Killed at any moment: the ends of all jobs below the committed offset are in the topic."""
    queue = Queue(kafka, folder, events=True, commitInterval="1ms")
    with Worker() as worker:
        queue.produce(*(job(f"{n}") for n in range(300)))
        for part in (50, 150, 250):
            with queue.sidecar(worker) as sidecar:
                worker.wait_for(lambda jobs, part=part: len({each.id for each in jobs}) >= part, "jobs")
                sidecar.kill()
            committed = queue.committed()
            ended = {event["offset"] for event in queue.events() if event["state"] == "completed"}
            assert ended >= set(range(committed))
