"""What a changed JobQueue says reaches sidecars that run: the record `config` of the control topic."""

import itertools
import time

from kafka_client import Record
from sidecars import Queue
from worker import SILENCE, Gate, Reply, Worker


def job(name, key=b"k"):
    return Record(b"x", key, [("drover-job-id", str(name))])


def configure(queue, generation, *sidecars, **changes):
    """Changes the configuration, and waits until these have it."""
    queue.control("config", {"generation": generation, **changes})
    for sidecar in sidecars:
        sidecar.wait_for(lambda stats: stats["generation"] == generation, f"generation {generation}")


def starts(sidecar):
    return sum(line["message"] == "sidecar started" for line in sidecar.log())


def test_B12_concurrency_goes_up_and_down_under_load_on_two_sidecars_without_a_restart(kafka, folder, record_property):
    queue = Queue(kafka, folder, control=True, partitions=2, delivery={"concurrency": 2})
    gate = Gate()
    count = 80
    with Worker(lambda job: Reply(after=0.002 if gate.is_open else gate)) as worker:
        with queue.sidecar(worker) as first, queue.sidecar(worker) as second:
            both = (first, second)
            for sidecar in both:
                sidecar.wait_for(lambda stats: stats["partitions"] == queue.all_partitions / 2 and not stats["paused"],
                                 "its share")
            queue.produce(*(job(n, b"%d" % n) for n in range(count)))
            for sidecar in both:
                sidecar.wait_for(lambda stats: stats["inFlight"] == 2 and stats["held"] > 4, "as many as it may")

            begin = time.monotonic()
            configure(queue, 1, *both, delivery={"concurrency": 6})
            for sidecar in both:
                sidecar.wait_for(lambda stats: stats["inFlight"] == 6, "more")
            took = time.monotonic() - begin
            record_property("took_seconds", took)
            assert took < 10, "a second, beside what starting Kafka's tool takes"

            configure(queue, 2, *both, delivery={"concurrency": 1})
            for sidecar in both:
                stats = sidecar.stats()
                assert (stats["inFlight"], stats["handedOver"]) == (6, 6), "what is in flight goes on"
            many = worker.wait_for(lambda jobs: len(jobs) == 12 and list(jobs), "all that are in flight")
            gate.open()
            queue.wait_until_committed(count)

            assert sorted(int(each.id) for each in worker.jobs) == list(range(count)), "each once"
            assert {each.attempt for each in worker.jobs} == {1}
            assert all(each.cut_at is None for each in worker.jobs)
            of_one = {}
            for each in worker.jobs:
                of_one.setdefault(each.incarnation, []).append(each)
            assert len(of_one) == 2
            for jobs in of_one.values():
                before = [each for each in jobs if each in many]
                after = sorted((each for each in jobs if each not in many), key=lambda each: each.at)
                assert len(before) == 6 and len(after) > 1
                assert after[0].at >= max(each.answered_at for each in before)
                assert all(later.at >= earlier.answered_at for earlier, later in itertools.pairwise(after))
            assert [starts(sidecar) for sidecar in both] == [1, 1]
            for sidecar in both:
                sidecar.stop()


def test_B12_a_failure_counts_by_the_retry_policy_of_its_time(kafka, folder):
    queue = Queue(kafka, folder, control=True, retry={"maxAttempts": 5})
    gate = Gate()
    with Worker(lambda job: Reply(500, after=gate if job.id == "a" else None)) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(job("a"))
        worker.wait_for(lambda jobs: jobs, "the first try")
        configure(queue, 1, sidecar, retry={"maxAttempts": 1})
        gate.open()
        sidecar.wait_for(lambda stats: stats["deadLettered"] == 1, "a dead letter after one try")
        assert sidecar.stats()["handedOver"] == 1

        configure(queue, 2, sidecar, retry={"maxAttempts": 2, "initial": "400ms"})
        queue.produce(job("b"))
        sidecar.wait_for(lambda stats: stats["deadLettered"] == 2, "a dead letter after two")
        first, second = [each for each in worker.jobs if each.id == "b"]
        assert second.header("drover-max-attempts") == "2"
        assert second.at - first.answered_at >= 0.4, "though the only step is one of 100 ms"
        sidecar.stop()


def test_B12_limits_come_change_and_go(kafka, folder):
    queue = Queue(kafka, folder, control=True)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(*(job(n) for n in range(10)))
        sidecar.wait_for(lambda stats: stats["completed"] == 10, "ten without a limit")

        configure(queue, 1, sidecar, delivery={"rateLimit": {"max": 1, "per": "1h"}})
        queue.produce(*(job(f"rate {n}") for n in range(6)))
        stats = sidecar.wait_for(lambda stats: stats["held"] == 6, "six in hand")
        assert stats["handedOver"] == 10, "a limit that is new begins with nothing"
        configure(queue, 2, sidecar, delivery={"rateLimit": {"max": 4, "per": "1s"}})
        sidecar.wait_for(lambda stats: stats["completed"] == 16, "all six")
        limited = [each for each in worker.jobs if each.id.startswith("rate")]
        assert limited[-1].at - limited[0].at >= 5 / 4 - 0.05

        configure(queue, 3, sidecar, delivery={"rateLimit": None, "keyRateLimit": {"max": 1, "per": "1h"}})
        queue.produce(*(job(f"key {n}") for n in range(4)), job("other", b"other"))
        stats = sidecar.wait_for(lambda stats: stats["completed"] == 18 and stats["held"] == 3, "one of each key")
        assert stats["handedOver"] == 18
        configure(queue, 4, sidecar, delivery={"keyRateLimit": None})
        sidecar.wait_for(lambda stats: stats["completed"] == 21, "all others")
        assert [each.attempt for each in worker.jobs] == [1] * 21
        sidecar.stop()


def test_B12_a_shorter_timeout_counts_for_what_is_handed_over_from_then_on(kafka, folder):
    queue = Queue(kafka, folder, control=True, partitions=1, delivery={"concurrency": 2})
    gate = Gate()

    def answer(job):
        if job.id == "before":
            return Reply(after=gate)
        return SILENCE if job.attempt == 1 else None

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(job("before"))
        worker.wait_for(lambda jobs: jobs, "the first job")
        configure(queue, 1, sidecar, delivery={"timeout": "300ms"})
        queue.produce(job("after"))
        sidecar.wait_for(lambda stats: stats["completed"] == 1, "the second job, by its second try")
        cut, again = [each for each in worker.jobs if each.id == "after"]
        assert (cut.attempt, again.attempt) == (1, 2)
        assert sidecar.stats()["inFlight"] == 1, "the first has the time that it was handed over with"
        gate.open()
        sidecar.wait_for(lambda stats: stats["completed"] == 2, "the first")
        assert len([each for each in worker.jobs if each.id == "before"]) == 1
        sidecar.stop()


def test_B12_the_largest_payload_and_where_a_worker_may_submit_change(kafka, folder):
    queue = Queue(kafka, folder, control=True, delivery={"maxPayload": "128Ki"})
    other = Queue(kafka, folder)
    large = {"payload": "x" * 300 * 1024}
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        assert sidecar.submit(queue.name, large)[0] == 413
        configure(queue, 1, sidecar, delivery={"maxPayload": "400Ki"},
                  queueTopics={queue.name: queue.topic, "elsewhere": other.topic})
        assert sidecar.submit(queue.name, large)[0] == 202
        assert sidecar.submit("elsewhere", {"payload": 1})[0] == 202
        sidecar.wait_for(lambda stats: stats["completed"] == 1, "the large one")
        assert len(kafka.read(other.topic)) == 1
        configure(queue, 2, sidecar, delivery={"maxPayload": 1})
        queue.produce(Record(b"xy"))
        sidecar.wait_for(lambda stats: stats["deadByClass"] == {"PayloadTooLarge": 1}, "one that is too large now")
        sidecar.stop()


def test_B12_what_cannot_be_used_changes_nothing_and_is_said(kafka, folder):
    queue = Queue(kafka, folder, control=True, delivery={"concurrency": 2})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(*(job(n) for n in range(8)))
        sidecar.wait_for(lambda stats: stats["inFlight"] == 2, "two")
        queue.control("config", {"generation": 1, "delivery": {"concurrency": 5000, "timeout": "1s"}})
        stats = sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")
        assert "delivery.concurrency" in stats["trouble"]
        assert (stats["generation"], stats["inFlight"]) == (0, 2)
        line = sidecar.wait_for_log(lambda line: "delivery.concurrency" in line.get("error", ""), "its field")
        assert line["level"] == "error"
        queue.control("config", b"not JSON")
        sidecar.wait_for(lambda stats: "JSON" in stats["trouble"], "the next trouble")
        queue.control("config", {"generation": 1, "delivery": {"concurrency": 4}, "of a later version": 1})
        stats = sidecar.wait_for(lambda stats: stats["inFlight"] == 4, "four")
        assert (stats["trouble"], stats["generation"]) == ("", 1)
        queue.control("config", None)
        sidecar.wait_for(lambda stats: stats["generation"] == 0, "what it was started with")
        gate.open()
        sidecar.wait_for(lambda stats: stats["completed"] == 8, "all")
        sidecar.stop()


def test_B12_a_sidecar_that_starts_goes_by_the_newest_from_its_first_hand_over_on(kafka, folder):
    queue = Queue(kafka, folder, control=True, delivery={"concurrency": 1})
    queue.control("config", {"generation": 7, "uid": "u-1", "delivery": {"concurrency": 3}})
    queue.produce(*(job(n) for n in range(12)))
    gate = Gate()

    def in_hand(sidecar, count):
        stats = sidecar.wait_for(lambda stats: stats["inFlight"] == count and stats["held"] > 0, f"{count} in flight")
        assert stats["handedOver"] == count
        return stats["generation"]

    with Worker(lambda job: Reply(after=gate)) as worker:
        with queue.sidecar(worker, generation=6, uid="u-1") as sidecar:
            assert in_hand(sidecar, 3) == 7
        # One that was started by the operator with a newer one, whose record did not get through.
        newer = queue.config(worker.port)["delivery"] | {"concurrency": 2}
        with queue.sidecar(worker, generation=8, uid="u-1", delivery=newer) as sidecar:
            assert in_hand(sidecar, 2) == 8
            sidecar.wait_for_log(lambda line: "generation 7" in line.get("error", ""), "the older one")
            assert sidecar.stats()["trouble"] == ""
            queue.control("config", {"generation": 9, "uid": "u-1", "delivery": {"concurrency": 4}})
            sidecar.wait_for(lambda stats: stats["inFlight"] == 4, "the newer one")
            queue.control("config", {"generation": 8, "uid": "u-1", "delivery": {"concurrency": 6}})
            sidecar.wait_for_log(lambda line: "generation 8" in line.get("error", ""), "an operator that is behind")
            assert (sidecar.stats()["generation"], sidecar.stats()["inFlight"]) == (9, 4)
        # A JobQueue that was made anew begins to count anew.
        with queue.sidecar(worker, generation=1, uid="u-2") as sidecar:
            assert in_hand(sidecar, 1) == 1
            gate.open()
            sidecar.wait_for(lambda stats: stats["completed"] == 12, "all")
            sidecar.stop()
