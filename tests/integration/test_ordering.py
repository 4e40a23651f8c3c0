"""Order by key and by partition, while jobs fail and sidecars come, go and die.

Every job's payload is its number within its key (or partition). What must hold, whoever hands over: no job starts before
the one in front of it has been completed once; within one sidecar the numbers only go up, a job that failed comes again
before the next one, and no two jobs of a key run at the same time. Only a killed sidecar may have handed over what
another hands over again.
"""

import collections
import os

import pytest

from kafka_client import Record
from sidecars import Queue
from worker import Reply, Worker

KEYS = 100
JOBS = int(os.environ.get("DROVER_TEST_JOBS_PER_KEY", 200))
PARTITIONS = 12


def fails_at_first(job):
    """One in five, spread differently over each key."""
    return (int(job.payload) + sum(job.key.encode())) % 5 == 0


@pytest.fixture(params=["key", "partition"])
def ordering(request):
    return request.param


def test_A3_order_holds_through_retries_while_sidecars_join_and_leave(kafka, folder, ordering):
    queue = Queue(kafka, folder, partitions=PARTITIONS, steps=(),
                  delivery={"ordering": ordering, "concurrency": 32},
                  # In a partition one failing job holds up all that are behind it.
                  retry={"maxAttempts": 5, "initial": "50ms" if ordering == "key" else "10ms"})
    total = KEYS * JOBS
    records = [Record(str(n).encode(), f"key-{key}".encode()) for n in range(JOBS) for key in range(KEYS)]
    where = queue.produce(*records)
    position_of = {(record.key.decode(), int(record.value)): (at["partition"], at["offset"])
                   for record, at in zip(records, where)}

    completed = set()

    def answer(job):
        if job.attempt == 1 and fails_at_first(job):
            return Reply(500)
        completed.add((job.key, job.payload))
        return Reply(200)

    def part(share):
        return lambda _: len(completed) >= share * total

    killed = []
    with Worker(answer) as worker:
        first, second = (queue.sidecar(worker) for _ in range(2))
        with first, second:
            worker.wait_for(part(0.15), "the first jobs", 120)
            with queue.sidecar(worker) as third:
                third.wait_until_joined()
                worker.wait_for(part(0.3), "jobs with three sidecars", 120)
                first.stop()
                worker.wait_for(part(0.45), "jobs after one left", 120)
                killed.append(second)
                second.kill()
                with queue.sidecar(worker) as fourth:
                    fourth.wait_until_joined()
                    worker.wait_for(part(1), "all jobs", 200)
                    queue.wait_until_committed(total)
                    fourth.stop()
                third.stop()
        handed_over = worker.jobs
    assert_order(handed_over, ordering, position_of)
    assert queue.dead() == []


def assert_order(handed_over, ordering, position_of):
    if ordering == "key":
        def sequence_of(job):
            return job.key, int(job.payload)
    else:
        in_partition = collections.defaultdict(list)
        for job, (partition, offset) in position_of.items():
            in_partition[partition].append((offset, job))
        place = {job: (partition, n) for partition, found in in_partition.items()
                 for n, (_, job) in enumerate(sorted(found))}

        def sequence_of(job):
            return place[job.key, int(job.payload)]

    sequences = collections.defaultdict(list)
    for job in handed_over:
        name, number = sequence_of(job)
        sequences[name].append((number, job))
    assert sum(len({n for n, _ in runs}) for runs in sequences.values()) == KEYS * JOBS, "every job was handed over"

    repeated = 0
    for name, runs in sequences.items():
        done_at = {}  # number: when it was first completed
        before = None
        seen = set()
        for number, job in runs:
            assert number == 0 or number - 1 in done_at, f"{name}: {number} came before {number - 1}"
            assert number == 0 or done_at[number - 1] <= job.at, f"{name}: {number} ran beside {number - 1}"
            if before is not None and before[1].incarnation == job.incarnation:
                previous, earlier = before
                step = (number - previous, job.attempt - earlier.attempt)
                assert number == previous + 1 or step == (0, 1), f"{name}: {previous}#{earlier.attempt} before {number}#{job.attempt}"
            before = number, job
            repeated += (number, job.attempt) in seen
            seen.add((number, job.attempt))
            if (job.attempt > 1 or not fails_at_first(job)) and number not in done_at:
                done_at[number] = job.answered_at
    print(f"{len(handed_over)} hand-overs of {KEYS * JOBS} jobs in {len(sequences)} sequences, {repeated} repeated")
