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
        assert [event["state"] for event in queue.events("twice")].count("completed") == 1
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


def test_A16_the_next_owner_of_a_partition_knows_what_the_last_one_finished(kafka, folder):
    queue = Queue(kafka, folder)
    with Worker() as worker:
        with queue.sidecar(worker) as first:
            queue.produce(job("twice"), job("once"))
            queue.wait_until_committed(2)
            first.stop()
        queue.produce(job("twice"), job("new"))
        with queue.sidecar(worker) as second:
            queue.wait_until_committed(4)
            assert second.stats()["repeated"] == 1
            second.stop()
        assert sorted(each.id for each in worker.jobs) == ["new", "once", "twice"]


def test_A16_a_retry_that_comes_again_after_a_change_of_owner_is_not_tried_again(kafka, folder):
    queue = Queue(kafka, folder)
    with Worker(lambda job: 500 if job.attempt == 1 else 200) as worker:
        with queue.sidecar(worker) as first:
            queue.produce(job("failing"))
            first.wait_for(lambda stats: stats["completed"] == 1, "its second try")
            first.stop()
        retry = kafka.read(queue.retry_topics[0], count=1)[0]
        kafka.produce(queue.retry_topics[0], [Record(retry.value, retry.key, retry.headers)])  # as a lost answer would
        with queue.sidecar(worker) as second:
            queue.wait_until_committed(2, queue.retry_group)
            assert second.stats()["repeated"] == 1
            second.stop()
        assert [each.attempt for each in worker.jobs] == [1, 2]


def test_A16_finished_records_that_were_deleted_meanwhile_are_no_trouble(kafka, folder):
    queue = Queue(kafka, folder)
    with Worker() as worker:
        with queue.sidecar(worker) as first:
            queue.produce(*(job(f"old {n}") for n in range(20)))
            queue.wait_until_committed(20)
            first.stop()
        kafka.delete_records(queue.topic, 0, 20)
        queue.produce(job("old 3"), job("new"))
        with queue.sidecar(worker) as second:
            queue.wait_until_committed(22)
            assert [line for line in second.log() if line["level"] == "error"] == []
            second.stop()
        assert sorted(each.id for each in worker.jobs[20:]) == ["new", "old 3"]


def test_A16_finished_records_that_are_large_are_not_all_read_back(kafka, folder):
    """A MiB each: a few are looked at, and then reading goes on at the first that is not finished, each once."""
    queue = Queue(kafka, folder, delivery={"maxPayload": 1_000_000})
    large = b"x" * 900_000
    with Worker() as worker:
        with queue.sidecar(worker) as first:
            queue.produce(*(Record(large, None, [("drover-job-id", f"old {n}")]) for n in range(12)))
            queue.wait_until_committed(12)
            first.stop()
        queue.produce(job("old 0"), *(job(f"new {n}") for n in range(40)))
        with queue.sidecar(worker) as second:
            queue.wait_until_committed(53)
            assert second.stats()["repeated"] == 1
            assert second.stats()["received"] == 41, "none was fetched twice"
            second.stop()
        assert sorted(each.id for each in worker.jobs[12:]) == sorted(f"new {n}" for n in range(40))


def test_A16_a_log_that_ends_before_the_committed_offset_is_read_from_its_beginning(kafka, folder):
    """Brokers lost its end: what is there was not finished, though it lies below the committed offset."""
    queue = Queue(kafka, folder)
    queue.produce(job("a"), job("b"))
    kafka.set_position(queue.group, queue.topic, 0, 40)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_for(lambda stats: stats["completed"] == 2, "both")
        assert sorted(each.id for each in worker.jobs) == ["a", "b"]
        assert any("does not exist any more" in line["message"] for line in sidecar.log())
        sidecar.stop()
