"""Jobs that take longer than a request: the worker answers 202, keeps its lease alive, and ends the job by it."""

import http.client

import pytest

from kafka_client import Record
from sidecars import Queue
from worker import SILENCE, Gate, Reply, Worker


def job(job_id, *headers, value=b"x"):
    return Record(value, job_id.encode(), [("drover-job-id", job_id), *headers])


def accepting_queue(kafka, folder, **config):
    delivery = {"asyncCompletion": True} | config.pop("delivery", {})
    return Queue(kafka, folder, delivery=delivery, **config)


def of(worker, job_id, attempt=1):
    """The hand-over of this attempt, once the sidecar has had the answer to it."""
    return worker.wait_for(lambda jobs: next((each for each in jobs if (each.id, each.attempt) == (job_id, attempt)
                                              and each.answered_at), None), f"{job_id}#{attempt}")


def accepted(job):
    return Reply(202)


def test_A8_a_job_answered_with_202_stays_active_until_it_is_completed_by_its_lease(kafka, folder):
    queue = accepting_queue(kafka, folder, events=True)
    with Worker(accepted) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("long"))
        long = of(worker, "long")
        queue.produce(job("other"))
        other = of(worker, "other")
        assert sidecar.say(other, "complete")[0] == 200
        stats = sidecar.wait_for(lambda stats: stats["completed"] == 1, "the other one")
        assert stats["inFlight"] == 1
        assert queue.committed() == 0, "nothing is committed past a job that is active"
        assert sidecar.say(long, "complete", {"pages": 3}) == (200, {"cancel": False, "drain": False})
        queue.wait_until_committed(2)
        assert len(worker.jobs) == 2
        completed = queue.events("long")[-1]
        assert (completed["state"], completed["result"]) == ("completed", {"pages": 3})
        assert sidecar.say(long, "heartbeat")[0] == 409, "it has ended"
        sidecar.stop()


def test_A8_renewed_leases_keep_a_job_active_for_ten_timeouts(kafka, folder):
    """What is waited for is a job beside it that times out ten times over, one try after the other."""
    queue = accepting_queue(kafka, folder, steps=(), delivery={"timeout": "2s"},
                            retry={"maxAttempts": 10, "initial": "1ms"})

    def answer(job):
        return Reply(202) if job.id == "long" else SILENCE

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("long"))
        long = of(worker, "long")
        queue.produce(job("clock", ("drover-timeout", "2s")))
        until = set()
        while sidecar.stats()["deadLettered"] == 0:
            status, heard = sidecar.say(long, "heartbeat")
            assert status == 200
            until.add(heard["expiresAt"])
        assert len(until) > 10 and [each.attempt for each in worker.of("clock")] == list(range(1, 11))
        assert sidecar.say(long, "complete")[0] == 200
        queue.wait_until_committed(2)
        assert len(worker.of("long")) == 1, "never handed over again"
        sidecar.stop()


def test_A8_an_expired_lease_is_over_and_the_job_is_tried_again(kafka, folder):
    queue = accepting_queue(kafka, folder)
    with Worker(accepted) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("late", ("drover-timeout", "500ms")))
        worker.wait_for(lambda jobs: len(jobs) == 2, "the second try")
        first = worker.jobs[0]
        for deed in ("complete", "fail", "heartbeat", "progress", "logs"):
            status, problem = sidecar.say(first, deed)
            assert (status, problem["status"]) == (409, 409), deed
            assert "late" in problem["detail"]
        worker.wait_for(lambda jobs: len(jobs) == 3, "the third try, as the second one expires too")
        letter, = queue.dead(count=1)
        assert letter.header("drover-error-class") == "Timeout"
        assert [each.attempt for each in worker.jobs] == [1, 2, 3]
        assert len({each.lease for each in worker.jobs}) == 3
        sidecar.stop()


@pytest.mark.parametrize("first, second", [("complete", "fail"), ("fail", "complete"), ("complete", "complete")])
def test_A8_a_lease_ends_its_job_once(kafka, folder, first, second):
    queue = accepting_queue(kafka, folder)
    with Worker(lambda job: Reply(202 if job.attempt == 1 else 200)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("once"))
        once = of(worker, "once")
        assert sidecar.say(once, first)[0] == 200
        assert sidecar.say(once, second)[0] == 409
        sidecar.wait_for(lambda stats: stats["completed"] == 1, "its end")
        assert len(worker.jobs) == (1 if first == "complete" else 2)
        sidecar.stop()


@pytest.mark.parametrize("deed, body, ends", [
    ("complete", {"n": 1}, "completed"), ("fail", {"error": "Broken", "retryable": False}, "failed")])
def test_A8_an_app_that_is_faster_with_the_job_than_with_its_202_is_believed(kafka, folder, deed, body, ends):
    queue = accepting_queue(kafka, folder, events=True)
    gate = Gate()
    with Worker(lambda job: Reply(202, after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("fast"))
        fast = worker.wait_for(lambda jobs: jobs and jobs[0], "the job")
        assert sidecar.say(fast, deed, body)[0] == 200
        for again in ("complete", "fail", "heartbeat"):
            assert sidecar.say(fast, again)[0] == 409, "it has said how it ended"
        gate.open()
        queue.wait_until_committed(1)
        assert queue.events("fast")[-1]["state"] == ends
        queue.produce(job("next"))  # most likely where the first one was
        following = of(worker, "next")
        assert sidecar.say(following, "heartbeat")[0] == 200
        assert sidecar.say(following, "complete")[0] == 200
        queue.wait_until_committed(2)
        assert len(worker.jobs) == 2
        sidecar.stop()


def test_A8_leases_that_do_not_fit_are_refused_and_change_nothing(kafka, folder):
    queue = accepting_queue(kafka, folder)
    with Worker(accepted) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(job("a"), job("b"))
            a, b = of(worker, "a"), of(worker, "b")
            for deed in ("complete", "fail", "heartbeat", "progress", "logs"):
                for lease in (b.lease, "nonsense", "-", a.incarnation, a.incarnation + "-", a.lease + "0", a.lease + "z",
                              "0-" + a.lease, a.incarnation + "-ffffffffffffffff", a.incarnation + "-1ffffffffffffffff"):
                    assert sidecar.say(a, deed, lease=lease)[0] == 409, (deed, lease)
                assert sidecar.say(a, deed, job_id="c")[0] == 409
            status, problem = sidecar.say(a, "complete", lease=" ")
            assert status == 400 and "drover-lease" in problem["detail"]
            assert sidecar.say(a, "no-such-deed")[0] == 404
            assert sidecar.stats()["inFlight"] == 2
            sidecar.kill()
        with queue.sidecar(worker) as sidecar:
            worker.wait_for(lambda jobs: len(jobs) == 4, "both again")
            assert sidecar.say(a, "complete")[0] == 409, "the lease of an earlier incarnation"
            for each in worker.jobs[2:]:
                assert each.attempt == 1
                assert sidecar.say(each, "complete")[0] == 200
            queue.wait_until_committed(2)
            sidecar.stop()


def test_A8_what_fail_says_decides_how_the_job_goes_on(kafka, folder):
    queue = accepting_queue(kafka, folder, steps=("100ms", "1s"))
    with Worker(accepted) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("again"), job("later"), job("never"))
        assert sidecar.say(of(worker, "again"), "fail")[0] == 200
        later = of(worker, "later")
        assert sidecar.say(later, "fail", {"error": "Busy", "message": "the printer is busy", "retryAfter": "1s"})[0] == 200
        assert sidecar.say(of(worker, "never"), "fail", {"error": "NoSuchStreet", "message": "Elm Street\nis not there",
                                                         "retryable": False})[0] == 200
        letter, = queue.dead(count=1)
        assert letter.header("drover-error-class") == "NoSuchStreet"
        assert "Elm Street" in letter.header("__dlq.errors.message")
        assert letter.header("drover-attempt") == "1"
        assert sidecar.say(of(worker, "again", 2), "complete")[0] == 200
        second = of(worker, "later", 2)
        assert second.at - later.answered_at >= 1
        status, problem = sidecar.say(second, "fail", {"retryable": "no", "retryAfter": "soon", "colour": 1})
        assert status == 400
        assert all(field in problem["detail"] for field in ("retryable", "retryAfter", "colour"))
        assert sidecar.say(second, "complete")[0] == 200, "what was not understood has not ended it"
        queue.wait_until_committed(3)
        retries = {record.header("drover-job-id"): record for record in kafka.read(*queue.retry_topics)}
        assert retries["later"].header("drover-error-class") == "Busy"
        assert "NoSuchStreet" not in [record.header("drover-error-class") for record in retries.values()]
        sidecar.stop()


def test_A8_without_asyncCompletion_202_is_the_end_and_the_lease_ends_nothing(kafka, folder):
    queue = Queue(kafka, folder)
    gate = Gate()
    with Worker(lambda job: Reply(202, after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("plain"))
        plain = worker.wait_for(lambda jobs: jobs and jobs[0], "the job")
        assert sidecar.say(plain, "heartbeat")[0] == 200
        status, problem = sidecar.say(plain, "complete")
        assert status == 409 and "asyncCompletion" in problem["detail"]
        gate.open()
        queue.wait_until_committed(1)
        sidecar.stop()


def test_A8_all_jobs_that_a_killed_worker_had_accepted_run_again(kafka, folder):
    queue = accepting_queue(kafka, folder)
    with Worker(lambda job: Reply(202 if job.attempt == 1 else 200)) as worker, queue.sidecar(worker) as sidecar:
        names = ["a", "b", "c", "d"]
        queue.produce(*(job(name, ("drover-timeout", "2s")) for name in names))
        worker.wait_for(lambda jobs: len([each for each in jobs if each.answered_at]) >= 4, "four jobs in hand")
        worker.crash()
        worker.start()
        sidecar.wait_for(lambda stats: stats["completed"] == 4, "all of them")
        assert {each.id for each in worker.jobs if each.attempt > 1} == set(names)
        assert queue.dead() == []
        sidecar.stop()


def draining(sidecar):
    drain = http.client.HTTPConnection("127.0.0.1", sidecar.probe_port, timeout=60)
    drain.request("GET", "/drain")
    return drain


def test_A8_a_drain_is_said_to_the_heartbeat_and_waits_for_the_job(kafka, folder):
    queue = accepting_queue(kafka, folder, delivery={"maxDrain": "5m"})
    with Worker(accepted) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("slow"))
        slow = of(worker, "slow")
        sidecar.wait_for(lambda stats: stats["inFlight"] == 1, "the job in hand")
        assert sidecar.say(slow, "heartbeat")[1]["drain"] is False
        drain = draining(sidecar)
        queue.produce(job("next"))
        sidecar._wait_until(lambda: sidecar.say(slow, "heartbeat")[1]["drain"], "drain", 60)
        assert sidecar.say(slow, "progress", {"percent": 90})[1]["drain"] is True
        assert sidecar.say(slow, "complete")[0] == 200
        answer = drain.getresponse()
        assert answer.status == 200
        drain.close()
        assert queue.committed() == 1
        assert len(worker.jobs) == 1, "nothing new is handed over"
        sidecar.stop()


def test_A8_after_maxDrain_the_job_is_given_up_and_the_next_sidecar_runs_it_at_no_cost_of_an_attempt(kafka, folder):
    queue = accepting_queue(kafka, folder, retry={"maxAttempts": 1}, delivery={"maxDrain": "100ms"}, events=True)
    with Worker(accepted) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(job("slow"))
            slow = of(worker, "slow")
            assert sidecar.say(slow, "heartbeat")[0] == 200
            drain = draining(sidecar)
            assert drain.getresponse().status == 200
            assert sidecar.say(slow, "complete")[0] == 409, "somebody else gets it"
            drain.close()
            sidecar.stop()
        assert queue.committed() == 0
        with queue.sidecar(worker) as sidecar:
            again = worker.wait_for(lambda jobs: len(jobs) == 2 and jobs[1].answered_at and jobs[1], "the job again")
            assert again.attempt == 1
            assert sidecar.say(again, "complete")[0] == 200
            queue.wait_until_committed(1)
            sidecar.stop()
        assert {event["state"] for event in queue.events("slow")} <= {"started", "completed"}
        assert queue.dead() == []
