"""The queue's control topic: pause, resume and cancel, on running sidecars and on those that start later."""

import time

from kafka_client import Record
from processes import wait_until
from sidecars import Queue, now
from worker import SILENCE, Gate, Reply, Worker


def job(job_id, *headers):
    return Record(b"x", job_id.encode(), [("drover-job-id", job_id), *headers])


def test_A14_a_paused_queue_finishes_what_is_in_flight_and_hands_nothing_over(kafka, folder):
    queue = Queue(kafka, folder, control=True, partitions=2, delivery={"concurrency": 2})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate if len(worker.jobs) < 2 else None)) as worker:
        with queue.sidecar(worker) as sidecar:
            sidecar.wait_until_joined(queue.all_partitions)
            queue.produce(*(job(f"{n}") for n in range(12)))
            sidecar.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (2, 10), "all of them in hand")
            begin = time.monotonic()
            queue.pause()
            sidecar.wait_for(lambda stats: stats["paused"], "pause")
            assert time.monotonic() - begin < 10, "a second, beside what starting Kafka's tool takes"
            assert "drover_paused{" in sidecar.get("/metrics")[1].decode()
            gate.open()
            # One thread does both: had it wanted to hand others over, it would have, before it says this.
            stats = sidecar.wait_for(lambda stats: stats["completed"] == 2, "what was in flight")
            assert (stats["inFlight"], stats["held"], stats["handedOver"]) == (0, 10, 2)
            queue.control("pause/somebody", {"paused": True, "at": now()})
            queue.pause(False)
            queue.cancel("0")  # behind the resume, and for a job that waits
            queue.cancel("11")
            sidecar.wait_for(lambda stats: stats["cancelled"] > 0, "what stands behind the resume")
            assert sidecar.stats()["handedOver"] == 2, "somebody else pauses it still"
            queue.control("pause/somebody", None)
            sidecar.wait_for(lambda stats: stats["completed"] + stats["cancelled"] == 12 and not stats["paused"], "all others")
            sidecar.stop()


def test_A14_a_sidecar_that_starts_reads_who_pauses_before_it_hands_anything_over(kafka, folder):
    queue = Queue(kafka, folder, control=True)
    queue.pause()
    queue.cancel("somebody else")
    queue.produce(job("a"))
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        stats = sidecar.wait_for(lambda stats: stats["held"] == 1, "the job in hand")
        assert stats["paused"] and worker.jobs == []
        queue.pause(False)
        sidecar.wait_for(lambda stats: stats["completed"] == 1, "the job")
        sidecar.stop()


def test_A14_waiting_delayed_and_running_jobs_are_cancelled(kafka, folder):
    queue = Queue(kafka, folder, control=True, events=True, steps=("100ms", "1h"),
                  delivery={"concurrency": 2, "asyncCompletion": True})

    def answer(job):
        return {"running": SILENCE, "async": Reply(202), "delayed": Reply(500, {"Retry-After": "3600"})}.get(job.id)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(job("delayed"))
        sidecar.wait_for(lambda stats: stats["retried"] == 1 and stats["held"] == 1, "the retry, back in hand")
        queue.produce(job("running"), job("async"), job("waiting"), job("last"))
        worker.wait_for(lambda jobs: {"running", "async"} <= {each.id for each in jobs}, "both that run")
        sidecar.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (2, 3), "two that wait, and the delayed one")
        running, = worker.of("running")
        held, = worker.of("async")
        assert sidecar.say(held, "heartbeat")[1]["cancel"] is False

        queue.cancel("delayed")
        queue.cancel("waiting")
        sidecar.wait_for(lambda stats: stats["cancelled"] == 2, "those that do not run")
        assert sidecar.stats()["inFlight"] == 2
        queue.cancel("async")
        sidecar.wait_for(lambda stats: stats["cancelled"] == 3, "the one with a lease")
        for deed in ("heartbeat", "progress", "logs"):
            assert sidecar.say(held, deed) == (200, {"cancel": True, "drain": False}), deed
        assert sidecar.say(held, "complete")[0] == 409
        queue.cancel("running")
        worker.wait_for(lambda jobs: running.cut_at, "its connection, closed")
        assert sidecar.say(running, "heartbeat")[1]["cancel"] is True
        queue.wait_until_committed(5)
        queue.wait_until_committed(1, queue.retry_group)
        assert sorted(each.id for each in worker.jobs) == ["async", "delayed", "last", "running"]
        ends = {event["jobId"]: event["state"] for event in queue.events()}
        assert ends == {"async": "cancelled", "delayed": "cancelled", "last": "completed", "running": "cancelled",
                        "waiting": "cancelled"}
        assert queue.dead() == []
        sidecar.stop()


def test_A14_a_cancel_survives_restarts_until_it_is_taken_back_or_expires(kafka, folder):
    queue = Queue(kafka, folder, control=True)
    for job_id in ("gone", "given back"):
        queue.cancel(job_id)
    queue.control("cancel/expired", {"at": "2020-01-01T00:00:00Z"})
    with Worker() as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(job("first"))
            queue.wait_until_committed(1)
            sidecar.kill()
        queue.control("cancel/given back", None)
        queue.produce(job("gone"), job("given back"), job("expired"))
        with queue.sidecar(worker) as sidecar:
            queue.wait_until_committed(4)
            assert sidecar.stats()["cancelled"] == 1
            sidecar.stop()
        assert [each.id for each in worker.jobs] == ["first", "given back", "expired"]


def test_A14_what_cannot_be_understood_is_said_and_skipped(kafka, folder):
    queue = Queue(kafka, folder, control=True)
    kafka.produce(queue.control_topic, [
        Record(b"not JSON", b"pause/cli"), Record(b"{}", b"pause/cli"), Record(b'{"paused": "yes"}', b"pause/cli"),
        Record(b"\xff", b"\xff"), Record(b"{}", b"cancel/"), Record(b"{}", b"cancel/x"),
        Record(b"[]", b"usage/pod"), Record(b"{}", b"a later version's/key")])
    queue.cancel("unwanted")
    queue.produce(job("unwanted"), job("wanted"))
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        queue.wait_until_committed(2)
        assert [each.id for each in worker.jobs] == ["wanted"]
        warnings = [line for line in sidecar.log() if "control topic" in line["message"]]
        assert {line["level"] for line in warnings} == {"warn"}
        assert sorted(line["offset"] for line in warnings) == list(range(8))
        sidecar.stop()


def test_A14_a_missing_control_topic_is_named_and_waited_for(kafka, folder):
    queue = Queue(kafka, folder)
    queue.control_topic = f"{queue.topic}.control"  # which is not there
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("unwanted"), job("wanted"))
        sidecar.wait_for(lambda stats: stats["held"] == 2, "the jobs in hand")
        sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")
        sidecar.wait_for_log(lambda line: line["level"] == "error" and line.get("topic") == queue.control_topic, "its name")
        assert sidecar.stats()["handedOver"] == 0
        queue.create_control()
        sidecar.wait_for(lambda stats: stats["completed"] == 2 and stats["trouble"] == "", "the jobs, without trouble")
        queue.cancel("third")
        queue.produce(job("third"))
        sidecar.wait_for(lambda stats: stats["cancelled"] + stats["completed"] == 3, "the third")
        wait_until(lambda: queue.committed() == 3, "commit", 60)
        sidecar.stop()


def test_C6_what_stands_below_a_dropped_offset_is_finished_without_a_hand_over(kafka, folder):
    queue = Queue(kafka, folder, control=True, events=True, delivery={"concurrency": 1})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker:
        with queue.sidecar(worker) as sidecar:
            sidecar.wait_until_joined(queue.all_partitions)
            queue.produce(*(job(f"{n}") for n in range(5)))
            sidecar.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (1, 4), "one that runs, and four that wait")
            queue.control(f"drop/{queue.topic}/0", {"below": 4, "by": "a test", "at": now()})
            sidecar.wait_for(lambda stats: stats["cancelled"] == 3, "those that wait below it")
            gate.open()
            sidecar.wait_for(lambda stats: stats["completed"] == 2, "the one that ran, and the one above")
            assert [each.id for each in worker.jobs] == ["0", "4"]
            queue.wait_until_committed(5)
            sidecar.stop()
        told = {event["jobId"]: event["state"] for event in queue.events() if event["state"] in ("completed", "cancelled")}
        assert told == {"0": "completed", "1": "cancelled", "2": "cancelled", "3": "cancelled", "4": "completed"}
        # One that starts later knows it before it hands anything over.
        later = Queue(kafka, folder, control=True)
        later.produce(job("a"), job("b"))
        later.control(f"drop/{later.topic}/0", {"below": 1})
        with later.sidecar(worker) as sidecar:
            sidecar.wait_for(lambda stats: (stats["completed"], stats["cancelled"]) == (1, 1), "both")
            assert [each.id for each in worker.jobs] == ["0", "4", "b"]
            sidecar.stop()
