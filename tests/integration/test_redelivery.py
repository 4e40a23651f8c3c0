"""A job that comes again in its partition, by its id, is not handed over again."""

from kafka_client import Record
from sidecars import Queue
from worker import Gate, Reply, Worker


def job(job_id, *headers):
    return Record(b"x", b"key", [("drover-job-id", job_id), *headers])


def test_A16_a_job_that_is_produced_twice_is_handed_over_once(kafka, folder):
    queue = Queue(kafka, folder, events=True)
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("twice"), job("once"), job("twice"))
        sidecar.wait_for(lambda stats: (stats["inFlight"], stats["repeated"]) == (2, 1), "both, and the repetition")
        assert queue.committed() == 0, "the first one is not done yet"
        gate.open()
        queue.wait_until_committed(3)
        queue.produce(job("twice"))
        queue.wait_until_committed(4)
        assert sorted(each.id for each in worker.jobs) == ["once", "twice"]
        stats = sidecar.stats()
        assert (stats["completed"], stats["repeated"]) == (2, 2)
        assert [event["state"] for event in queue.events("twice")] == ["started", "completed"]
        sidecar.stop()


def test_A16_retries_and_delays_that_cost_no_attempt_are_not_taken_for_repetitions(kafka, folder):
    queue = Queue(kafka, folder, steps=("100ms",), retry={"maxAttempts": 4})
    replies = [429, 429, 500, 429, 429, 500, 503, 200]
    with Worker(lambda job: replies[len(worker.jobs)]) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("patient"))
        sidecar.wait_for(lambda stats: stats["completed"] + stats["deadLettered"] == 1, "its end")
        assert [each.attempt for each in worker.jobs] == [1, 1, 1, 2, 2, 2, 3, 4]
        assert sidecar.stats()["repeated"] == 0
        sidecar.stop()


def test_A16_another_run_of_a_job_is_another_job(kafka, folder):
    queue = Queue(kafka, folder)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("a"), job("a", ("drover-run", "1")), job("a", ("drover-run", "1")))
        queue.wait_until_committed(3)
        assert len(worker.jobs) == 2
        assert sidecar.stats()["repeated"] == 1
        sidecar.stop()


def test_A16_records_without_an_id_are_never_taken_for_repetitions(kafka, folder):
    queue = Queue(kafka, folder)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(Record(b"the same", b"key") for _ in range(10)))
        queue.wait_until_committed(10)
        assert len(worker.jobs) == len({each.id for each in worker.jobs}) == 10
        assert sidecar.stats()["repeated"] == 0
        sidecar.stop()
