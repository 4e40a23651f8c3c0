"""Lag that is right, whatever is committed and whatever the topic went through: what KEDA's own tests of its Kafka scaler
expect, with three partitions and a replica for each job."""

import contextlib
import time

import pytest

from kafka_client import Record
from operators import JobQueue, Operator, run_sidecar
from worker import SILENCE, Worker


@pytest.fixture(scope="module")
def operator(plane, folder):
    with Operator(plane, folder) as running:
        yield running


@pytest.fixture
def queue(plane, kafka, operator):
    made = a_queue(plane, kafka, operator)
    yield made
    made.delete(plane)


def a_queue(plane, kafka, operator, **spec):
    made = JobQueue(kafka, scaling={"targetLag": 1, "idleAfter": "2s", "maxReplicas": 10}, **spec).apply(plane)
    operator.wait_for_condition(made, "Ready")
    return made


def jobs(count):
    return [Record(b"x", f"{n}".encode()) for n in range(count)]


def stays(plane, queue, replicas, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert queue.replicas(plane) == replicas
        time.sleep(0.2)


def group(queue, suffix=""):
    return f"drover.{queue.namespace}.{queue.name}{suffix}"


def commit(kafka, queue, offsets):
    for partition, offset in enumerate(offsets):
        kafka.set_position(group(queue), queue.topic, partition, offset)


def ends(kafka, queue):
    return [end for _, (_, end) in sorted(kafka.offsets(queue.topic).items())]


def test_B2_an_idle_queue_stays_at_zero(plane, operator, queue):
    stays(plane, queue, 0, 30)


def test_B2_messages_bring_replicas_up_to_the_partitions_and_no_further(plane, kafka, operator, queue):
    kafka.produce(queue.topic, jobs(1))
    operator.wait_for_replicas(queue, lambda count: count == 1, "one replica")
    kafka.produce(queue.topic, jobs(1))
    operator.wait_for_replicas(queue, lambda count: count == 2, "two replicas")
    kafka.produce(queue.topic, jobs(5))
    operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
    stays(plane, queue, 3, 5)


def test_B2_the_replicas_get_the_same_number_of_partitions(plane, kafka, operator, queue, folder):
    """Of the topic and of its two retry topics: with three of each and three pods, each has one of each."""
    kafka.produce(queue.topic, jobs(3))
    operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
    with contextlib.ExitStack() as running:
        worker = running.enter_context(Worker(lambda job: SILENCE))
        pods = [running.enter_context(run_sidecar(plane, queue, worker, folder, f"pod-{n}")) for n in range(3)]
        for pod in pods:
            pod.wait_for(lambda stats: stats["partitions"] == 3, "a third of nine partitions")
        for pod in pods:
            pod.kill()


def test_B5_without_a_commit_all_that_exists_is_to_be_done(plane, kafka, operator):
    """For a queue that is new to a topic which has been there."""
    queue = JobQueue(kafka, scaling={"targetLag": 1, "maxReplicas": 10})
    kafka.create(queue.topic, partitions=3)
    kafka.produce(queue.topic, jobs(2))
    queue.apply(plane)
    operator.wait_for_replicas(queue, lambda count: count == 2, "two replicas")
    queue.delete(plane)


@pytest.mark.parametrize("kind", ["at the end", "past the end"])
def test_B5_where_everything_is_committed_nothing_is_to_be_done(plane, kafka, operator, kind):
    queue = JobQueue(kafka, scaling={"targetLag": 1, "idleAfter": "2s", "maxReplicas": 10})
    kafka.create(queue.topic, partitions=3)
    kafka.produce(queue.topic, jobs(20))
    commit(kafka, queue, [end + (7 if kind == "past the end" else 0) for end in ends(kafka, queue)])
    queue.apply(plane)
    operator.wait_for_condition(queue, "Ready")
    stays(plane, queue, 0, 5)
    queue.delete(plane)


def test_B5_what_idle_groups_committed_is_committed_again(plane, kafka, operator):
    """Of several queues that come at once, each group's, before Kafka forgets it."""
    queues = [JobQueue(kafka) for _ in range(3)]
    for queue in queues:
        kafka.create(queue.topic, partitions=3)
        kafka.produce(queue.topic, jobs(20))
        commit(kafka, queue, ends(kafka, queue))

    def commits(queue):
        return sum(group(queue).encode() in record.key for record in kafka.read("__consumer_offsets"))

    before = {queue.name: commits(queue) for queue in queues}
    positions = {queue.name: kafka.positions(group(queue)) for queue in queues}
    plane.apply(*(queue.manifest for queue in queues))
    for queue in queues:
        operator.wait_until(lambda: commits(queue) >= before[queue.name] + 3, "a commit of each partition", 120)
        assert kafka.positions(group(queue)) == positions[queue.name]
        queue.delete(plane)


def test_B5_what_retention_deleted_is_not_to_be_done_any_more(plane, kafka, operator):
    """The committed offset is older than anything that exists."""
    queue = JobQueue(kafka, scaling={"targetLag": 1, "idleAfter": "2s", "maxReplicas": 10})
    kafka.create(queue.topic, partitions=3)
    kafka.produce(queue.topic, jobs(50))
    commit(kafka, queue, [0, 0, 0])
    for partition, end in enumerate(ends(kafka, queue)):
        kafka.delete_records(queue.topic, partition, end)
    queue.apply(plane)
    operator.wait_for_condition(queue, "Ready")
    stays(plane, queue, 0, 5)
    kafka.produce(queue.topic, jobs(1))
    operator.wait_for_replicas(queue, lambda count: count == 1, "a replica for what is new")
    queue.delete(plane)


def test_B5_transaction_markers_are_no_jobs(plane, kafka, operator, queue, folder):
    kafka.produce_in_transactions(queue.topic, jobs(3))
    operator.wait_for_replicas(queue, lambda count: count >= 1, "replicas")
    with Worker() as worker, run_sidecar(plane, queue, worker, folder) as sidecar:
        sidecar.wait_for(lambda stats: stats["completed"] == 3, "all jobs")
        operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
        sidecar.stop()
    assert plane.get("jobqueue", queue.name)["status"]["backlog"] == 0


def test_B5_a_job_that_is_stuck_brings_no_further_replicas(plane, kafka, operator, folder):
    queue = a_queue(plane, kafka, operator, delivery={"timeout": "10m"})
    kafka.produce(queue.topic, jobs(1))
    with Worker(lambda job: SILENCE) as worker, run_sidecar(plane, queue, worker, folder) as sidecar:
        sidecar.wait_for(lambda stats: stats["inFlight"] == 1, "the job in flight")
        operator.wait_for_replicas(queue, lambda count: count == 1, "one replica")
        stays(plane, queue, 1, 15)
        sidecar.kill()
    queue.delete(plane)


def test_B2_two_queues_do_not_disturb_each_other(plane, kafka, operator, queue):
    other = a_queue(plane, kafka, operator)
    kafka.produce(queue.topic, jobs(3))
    operator.wait_for_replicas(queue, lambda count: count == 3, "three replicas")
    stays(plane, other, 0, 3)
    commit(kafka, queue, ends(kafka, queue))
    operator.wait_for_replicas(queue, lambda count: count == 0, "no replica")
    kafka.produce(other.topic, jobs(2))
    operator.wait_for_replicas(other, lambda count: count == 2, "two replicas")
    stays(plane, queue, 0, 3)
    other.delete(plane)


def test_B5_partitions_that_somebody_adds_are_counted(plane, kafka, operator, queue):
    kafka.create(queue.topic, partitions=9)
    kafka.produce(queue.topic, jobs(60))
    added = sum(end for (_, partition), (_, end) in kafka.offsets(queue.topic).items() if partition >= 3)
    assert added > 0, "some of them are in new partitions"
    operator.wait_until(lambda: plane.get("jobqueue", queue.name)["status"].get("backlog") == 60, "all jobs in the backlog", 120)
