"""What the operator tells gateways of queues, in drover.gateway. Apart: no other operator is at work here."""

import json

from kafka_client import Record
from operators import JobQueue, Operator


def told_of(kafka, queue):
    """What drover.gateway has said of the queue, oldest first."""
    key = f"queue/{queue.namespace}.{queue.name}".encode()
    return [record.value for record in kafka.read("drover.gateway") if record.key == key]


def test_C4_gateways_are_told_of_each_queue_once_of_its_changes_and_of_its_end(plane, kafka, folder):
    with Operator(plane, folder) as operator:
        queue = JobQueue(kafka).apply(plane)
        operator.wait_for_condition(queue, "Ready")
        operator.wait_until(lambda: len(told_of(kafka, queue)) == 1, "the queue's record")
        first, = told_of(kafka, queue)
        assert json.loads(first)["spec"]["retry"]["initial"] == "2s"
        assert b"image" not in first and kafka.bootstrap.encode() not in first
        operator.stop()
    with Operator(plane, folder) as successor:
        queue.patch(plane, metadata={"labels": {"a": "b"}})
        other = JobQueue(kafka).apply(plane)  # told after whatever is said of the first
        successor.wait_until(lambda: told_of(kafka, other), "another queue's record")
        assert told_of(kafka, queue) == [first], "it was said already"
        queue.patch(plane, spec={"retry": {"maxAttempts": 7}})
        successor.wait_until(lambda: len(told_of(kafka, queue)) == 2, "the change")
        assert json.loads(told_of(kafka, queue)[1])["spec"]["retry"]["maxAttempts"] == 7
        queue.delete(plane)
        successor.wait_until(lambda: told_of(kafka, queue)[-1] is None, "a tombstone")
        other.delete(plane)
        successor.wait_until(lambda: told_of(kafka, other)[-1] is None, "a tombstone")
        successor.stop()


def test_C4_gateways_are_told_of_the_end_of_queues_that_went_while_nobody_led(plane, kafka, folder):
    lease = "default/announcer"
    for namespace in ("watched", "unwatched"):
        plane.kubectl("create", "namespace", namespace)
    gone, kept = (JobQueue(kafka, namespace="watched") for _ in range(2))
    elsewhere = JobQueue(kafka, namespace="unwatched")
    with Operator(plane, folder, lease=lease) as operator:
        for queue in (gone, kept, elsewhere):
            queue.apply(plane)
        operator.wait_until(lambda: all(told_of(kafka, queue) for queue in (gone, kept, elsewhere)), "their records")
        operator.stop()
    for queue in (gone, elsewhere):
        plane.kubectl("-n", queue.namespace, "delete", "jobqueue", queue.name)
    # What a local runner says, and the operator of another cluster.
    others = [JobQueue(kafka, namespace="watched") for _ in range(2)]
    for queue, headers in zip(others, ([], [("drover-operator", "another")])):
        kafka.produce("drover.gateway", [Record(told_of(kafka, kept)[-1], f"queue/watched.{queue.name}".encode(), headers)])
    with Operator(plane, folder, "--namespace", "watched", lease=lease) as successor:
        successor.wait_until(lambda: told_of(kafka, gone)[-1] is None, "a tombstone")
        for queue in (kept, elsewhere, *others):
            assert told_of(kafka, queue)[-1] is not None
        kept.delete(plane)
        successor.wait_until(lambda: told_of(kafka, kept)[-1] is None, "a tombstone")
        assert told_of(kafka, gone).count(None) == 1
        successor.stop()
