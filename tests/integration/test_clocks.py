"""Pods and brokers whose clocks differ: what is due is due by the brokers' time."""

import contextlib
import datetime
import time

import pytest

from kafka_client import TOOL, KafkaClient, Record
from kafka_cluster import KafkaCluster
from sidecars import Queue
from worker import Worker

AHEAD = 30  # seconds
# A sidecar knows the brokers' time as well as a record's way to them and back is short.
KNOWN_WITHIN = 5


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD], ids=["a broker ahead", "a broker behind"])
def test_A5_a_pod_goes_by_the_brokers_clock(folder, monkeypatch, ahead):
    """librdkafka waits by the time of day, so it is the broker that is given a wrong one."""
    with contextlib.ExitStack() as stack:
        with monkeypatch.context() as wrong:
            wrong.setenv("LD_PRELOAD", str(TOOL.with_name("drover_shifted_clock.so")))
            wrong.setenv("SHIFTED_CLOCK_SECONDS", str(ahead))
            cluster = stack.enter_context(KafkaCluster.temporary())
        kafka = KafkaClient(cluster.bootstrap)
        control = f"test.clock{ahead}.control"
        kafka.create(control, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
        queue = Queue(kafka, folder, controlTopic=control)
        with Worker() as worker, queue.sidecar(worker) as sidecar:
            sidecar.wait_for_log(lambda line: "clock is not the brokers'" in line["message"], "what is wrong")
            sidecar.wait_until_joined(queue.all_partitions)
            due = time.time() + ahead + 3  # of the broker
            text = datetime.datetime.fromtimestamp(due, datetime.timezone.utc).isoformat(timespec="milliseconds")
            queue.produce(Record(b"x", b"a", [("drover-due-at", text.replace("+00:00", "Z"))]))
            worker.wait_for(lambda jobs: len(jobs) == 1, "the job", 120)
            late = worker.jobs[0].at + ahead - due
            assert -0.01 <= late < AHEAD - KNOWN_WITHIN
            sidecar.stop()
