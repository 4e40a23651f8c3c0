"""Rate limits: of a queue, which all its pods share, and of each key."""

import contextlib
import itertools
import time

from kafka_client import Record
from sidecars import Queue
from worker import Reply, Worker

_numbers = itertools.count(1)


def limited_queue(kafka, folder, partitions=12, **delivery):
    control = f"test.limited{next(_numbers)}.control"
    kafka.create(control, partitions=1, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
    return Queue(kafka, folder, partitions=partitions, delivery=delivery, controlTopic=control)


@contextlib.contextmanager
def pods(queue, worker, count):
    """So many sidecars, each with its share of the partitions."""
    with contextlib.ExitStack() as stack:
        sidecars = [stack.enter_context(queue.sidecar(worker)) for _ in range(count)]
        for sidecar in sidecars:
            sidecar.wait_for(lambda stats: stats["partitions"] == queue.all_partitions / count and not stats["paused"],
                             "its share")
        yield sidecars
        for sidecar in sidecars:
            sidecar.stop()


def test_A13_ten_jobs_at_one_a_second_take_nine_seconds_on_three_pods(kafka, folder, record_property):
    queue = limited_queue(kafka, folder, rateLimit={"max": 1, "per": "1s"})
    with Worker(lambda job: Reply(200)) as worker, pods(queue, worker, 3) as sidecars:
        begin = time.time()
        queue.produce(*(Record(b"x", b"%d" % i) for i in range(10)))
        jobs = worker.wait_for(lambda jobs: len(jobs) == 10 and list(jobs), "ten jobs", 60)
        took = jobs[-1].at - begin
        record_property("took_seconds", took)  # 11 where it was written; how much more depends on the machine
        assert took >= 9
        all_stats = [sidecar.stats() for sidecar in sidecars]
        for name in ("retried", "moved", "deadLettered"):
            assert sum(stats[name] for stats in all_stats) == 0, name
        assert [job.attempt for job in jobs] == [1] * 10


def test_A13_in_any_second_three_pods_together_stay_below_the_rate(kafka, folder):
    rate = 50
    queue = limited_queue(kafka, folder, rateLimit={"max": rate, "per": "1s"})
    with Worker(lambda job: Reply(200)) as worker, pods(queue, worker, 3):
        queue.produce(*(Record(b"x", b"%d" % i) for i in range(300)))
        jobs = worker.wait_for(lambda jobs: len(jobs) == 300 and list(jobs), "all jobs", 120)
    times = sorted(job.at for job in jobs)
    bound = rate * 1 + max(1, rate * 0.1) + 3  # as rate_limits.h states it, for a window of a second
    most = max(sum(1 for at in times[i:] if at < begin + 1) for i, begin in enumerate(times))
    assert most <= bound


def test_A13_a_key_has_one_job_a_while_and_the_others_do_not_wait_for_it(kafka, folder):
    queue = limited_queue(kafka, folder, partitions=1, keyRateLimit={"max": 1, "per": "2s"})
    with Worker(lambda job: Reply(200)) as worker, pods(queue, worker, 1) as sidecars:
        queue.produce(*(Record(b"x", b"a") for _ in range(3)), *(Record(b"x", b"b%d" % i) for i in range(50)))
        jobs = worker.wait_for(lambda jobs: len(jobs) == 53 and list(jobs), "all jobs", 60)
        times = [job.at for job in jobs if job.key == "a"]
        assert all(later - earlier >= 2 - 0.05 for earlier, later in itertools.pairwise(times))
        assert max(job.at for job in jobs if job.key != "a") < times[1]
        stats = sidecars[0].stats()
        assert stats["retried"] == stats["moved"] == 0


def test_A13_a_retried_job_counts_for_the_limit_of_its_key(kafka, folder):
    queue = limited_queue(kafka, folder, partitions=1, keyRateLimit={"max": 1, "per": "1s"})
    with Worker(lambda job: Reply(500 if job.attempt == 1 else 200)) as worker, pods(queue, worker, 1):
        queue.produce(Record(b"x", b"a"))
        jobs = worker.wait_for(lambda jobs: len(jobs) == 2 and list(jobs), "both tries")
        assert jobs[1].at - jobs[0].at >= 1 - 0.05
