"""A worker that asks for its jobs, and is never called."""

import concurrent.futures
import http.client
import json
import socket

from kafka_client import Record
from sidecars import Queue

NOBODY = 1  # the worker's port, which is not called


def job(job_id, *headers, value=b"x", key=None):
    return Record(value, key, [("drover-job-id", job_id), *headers])


def pulling(kafka, folder, **config):
    return Queue(kafka, folder, delivery={"mode": "pull"} | config.pop("delivery", {}), **config)


class Pulled:
    """A job of a lease's answer, as Sidecar.say() takes it."""

    def __init__(self, item):
        self.item = item
        self.id, self.lease, self.attempt = item["id"], item["lease"], item["attempt"]


def pull(sidecar, count, **wanted):
    """So many jobs, by as many requests as that takes."""
    jobs = []
    while len(jobs) < count:
        status, answer = sidecar.lease(**{"max": count - len(jobs), "wait": "60s", **wanted})
        assert status == 200
        assert answer["jobs"], "jobs"
        jobs += map(Pulled, answer["jobs"])
    return jobs


def test_A11_jobs_are_leased_completed_and_failed(kafka, folder):
    queue = pulling(kafka, folder, events=True)
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(job("a", ("drover-type", "print"), value=b'{"n": 1}', key=b"k"), job("b", value=b"\xff"), job("c"))
        a, b, c = sorted(pull(sidecar, 3), key=lambda each: each.id)
        assert (a.item["payload"], a.item["type"], a.item["key"], a.attempt) == ({"n": 1}, "print", "k", 1)
        assert b.item["payloadBase64"] == "/w=="
        assert sidecar.say(a, "progress", {"percent": 50})[0] == 200
        assert sidecar.say(a, "complete", {"pages": 2})[0] == 200
        assert sidecar.say(b, "fail", {"error": "Busy"})[0] == 200
        assert sidecar.say(c, "fail", {"error": "NoSuchStreet", "retryable": False})[0] == 200
        assert sidecar.say(a, "complete")[0] == 409
        again, = pull(sidecar, 1)
        assert (again.id, again.attempt) == ("b", 2)
        assert sidecar.say(again, "complete")[0] == 200
        queue.wait_until_committed(3)
        letter, = queue.dead(count=1)
        assert letter.header("drover-error-class") == "NoSuchStreet"
        assert [event["state"] for event in queue.events("a")] == ["started", "progressed", "completed"]
        assert sidecar.stats()["workerReachable"], "nobody looks for a port"
        sidecar.stop()


def test_A11_a_lease_takes_no_more_than_it_asks_for_and_no_more_than_concurrency(kafka, folder):
    queue = pulling(kafka, folder, delivery={"concurrency": 4})
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(*(job(f"{n}") for n in range(10)))
        two = pull(sidecar, 2)
        rest = pull(sidecar, 2, max=100)
        assert sidecar.lease(max=10, wait=0) == (200, {"jobs": []})
        assert sidecar.stats()["inFlight"] == 4
        assert sidecar.say(two[0], "complete")[0] == 200
        assert len(pull(sidecar, 1, max=10)) == 1
        assert len({each.lease for each in two + rest}) == 4
        sidecar.kill()


def test_A11_a_pull_that_got_less_than_it_asked_for_is_over(kafka, folder):
    """What comes later is for whoever asks then, and waits until somebody does."""
    queue = pulling(kafka, folder)
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(job("a"))
        a, = pull(sidecar, 1, max=8)
        queue.produce(job("b"))
        stats = sidecar.wait_for(lambda stats: stats["received"] == 2, "the second job")
        assert (stats["inFlight"], stats["held"]) == (1, 1)
        b, = pull(sidecar, 1)
        assert (b.id, b.attempt) == ("b", 1)
        for each in (a, b):
            assert sidecar.say(each, "complete")[0] == 200
        queue.wait_until_committed(2)
        sidecar.stop()


def test_A11_those_who_wait_are_served_in_turn_and_an_empty_answer_ends_the_wait(kafka, folder):
    queue = pulling(kafka, folder)
    with queue.sidecar(NOBODY) as sidecar, concurrent.futures.ThreadPoolExecutor(5) as threads:
        assert sidecar.lease() == (200, {"jobs": []}), "without a wait"
        assert sidecar.lease(wait="100ms") == (200, {"jobs": []})
        sidecar.wait_until_joined(queue.all_partitions)
        waiting = [threads.submit(sidecar.lease, wait="60s") for _ in range(5)]
        queue.produce(*(job(f"{n}") for n in range(5)))
        answers = [each.result() for each in waiting]
        assert [status for status, _ in answers] == 5 * [200]
        jobs = [Pulled(item) for _, answer in answers for item in answer["jobs"]]
        assert sorted(each.id for each in jobs) == ["0", "1", "2", "3", "4"]
        for each in jobs:
            assert sidecar.say(each, "complete")[0] == 200
        queue.wait_until_committed(5)
        sidecar.stop()


def test_A11_one_who_goes_while_he_waits_gets_no_job_that_somebody_else_could_have(kafka, folder):
    queue = pulling(kafka, folder)
    with queue.sidecar(NOBODY) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        goers = {"a": socket.socket.close, "b": lambda waiting: waiting.shutdown(socket.SHUT_WR)}
        for job_id, leave in goers.items():
            waiting = http.client.HTTPConnection("127.0.0.1", sidecar.app_port, timeout=60)
            waiting.request("POST", "/v1/lease", json.dumps({"max": 8, "wait": "60s"}))
            sidecar.stats()  # one thread does all: it waits there by now
            leave(waiting.sock)
            sidecar.stats()
            queue.produce(job(job_id))
            pulled, = pull(sidecar, 1)
            assert (pulled.id, pulled.attempt) == (job_id, 1)
            assert sidecar.say(pulled, "complete")[0] == 200
            waiting.close()
        assert sidecar.stats()["retried"] == 0
        sidecar.stop()


def test_A11_what_a_lease_asks_for_is_checked(kafka, folder):
    queue = pulling(kafka, folder, create=False)
    with queue.sidecar(NOBODY) as sidecar:
        for field, value in (("max", 0), ("max", 1001), ("max", "1"), ("wait", "61s"), ("wait", -1), ("lease", "0s"),
                             ("lease", "25h"), ("colour", 1)):
            status, problem = sidecar.lease(**{field: value})
            assert status == 400 and field in problem["detail"], (field, value)
        sidecar.kill()
    pushing = Queue(kafka, folder, create=False)
    with pushing.sidecar(NOBODY) as sidecar:
        status, problem = sidecar.lease(max=1)
        assert status == 400 and "mode: pull" in problem["detail"]
        sidecar.kill()


def test_A11_a_paused_queue_leases_nothing_until_it_goes_on(kafka, folder):
    queue = pulling(kafka, folder, control=True)
    queue.pause()
    queue.produce(job("a"))
    with queue.sidecar(NOBODY) as sidecar, concurrent.futures.ThreadPoolExecutor(1) as threads:
        sidecar.wait_for(lambda stats: stats["held"] == 1, "the job in hand")
        assert sidecar.lease(wait="300ms") == (200, {"jobs": []})
        waiting = threads.submit(pull, sidecar, 1)
        queue.pause(False)
        a, = waiting.result()
        assert sidecar.say(a, "complete")[0] == 200
        queue.wait_until_committed(1)
        sidecar.stop()


def test_A11_an_expired_lease_goes_to_the_next_who_asks(kafka, folder):
    queue = pulling(kafka, folder)
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(job("a"))
        first, = pull(sidecar, 1, lease="200ms")
        second, = pull(sidecar, 1)
        assert (second.id, second.attempt) == ("a", 2)
        assert sidecar.say(first, "complete")[0] == 409
        assert sidecar.say(second, "complete")[0] == 200
        queue.wait_until_committed(1)
        record, = kafka.read(*queue.retry_topics)
        assert record.header("drover-error-class") == "Timeout"
        sidecar.stop()


def test_A11_a_heartbeat_renews_a_lease_for_as_long_as_it_was_asked_for(kafka, folder):
    queue = pulling(kafka, folder, delivery={"timeout": "1s"})
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(job("a"))
        a, = pull(sidecar, 1, lease="1h")
        until = [sidecar.say(a, "heartbeat")[1]["expiresAt"] for _ in range(2)]
        assert until[0] <= until[1]
        before = sidecar.say(a, "progress", {"percent": 1})[1]["expiresAt"]
        assert before == until[1], "progress renews nothing"
        queue.produce(job("clock"))
        clock, = pull(sidecar, 1)
        assert sidecar.wait_for(lambda stats: stats["retried"] == 1, "a lease of the queue's timeout is over")
        assert sidecar.say(clock, "complete")[0] == 409
        assert sidecar.say(a, "complete")[0] == 200
        sidecar.kill()


def test_A11_a_killed_sidecar_loses_no_job_that_was_leased(kafka, folder):
    queue = pulling(kafka, folder)
    with queue.sidecar(NOBODY) as sidecar:
        queue.produce(*(job(f"{n}") for n in range(4)))
        jobs = pull(sidecar, 4)
        assert sidecar.say(next(each for each in jobs if each.id == "0"), "complete")[0] == 200
        queue.wait_until_committed(1)
        sidecar.kill()
    with queue.sidecar(NOBODY) as sidecar:
        again = pull(sidecar, 3)
        assert sorted((each.id, each.attempt) for each in again) == [("1", 1), ("2", 1), ("3", 1)]
        assert sidecar.say(jobs[0], "complete")[0] == 409, "the lease of an earlier incarnation"
        for each in again:
            assert sidecar.say(each, "complete")[0] == 200
        queue.wait_until_committed(4)
        sidecar.stop()


def test_A11_a_drain_ends_waits_says_so_and_gives_leased_jobs_back(kafka, folder):
    queue = pulling(kafka, folder, delivery={"maxDrain": "100ms"}, retry={"maxAttempts": 1})
    with queue.sidecar(NOBODY) as sidecar, concurrent.futures.ThreadPoolExecutor(1) as threads:
        queue.produce(job("a"))
        a, = pull(sidecar, 1)
        waiting = threads.submit(sidecar.lease, wait="60s")
        assert sidecar.get("/drain")[0] == 200
        assert waiting.result() == (200, {"jobs": [], "drain": True}), "whether it came before the drain or after"
        assert sidecar.lease(wait="60s") == (200, {"jobs": [], "drain": True})
        assert sidecar.say(a, "complete")[0] == 409
        sidecar.stop()
    with queue.sidecar(NOBODY) as sidecar:
        again, = pull(sidecar, 1)
        assert (again.id, again.attempt) == ("a", 1)
        assert sidecar.say(again, "complete")[0] == 200
        queue.wait_until_committed(1)
        sidecar.stop()
