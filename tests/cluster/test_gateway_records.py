"""What the operator tells gateways of queues, in drover.gateway. Apart: no other operator is at work here."""

import json

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
