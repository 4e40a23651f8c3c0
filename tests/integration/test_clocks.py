"""Pods and brokers whose clocks differ: what is due is due by the brokers' time."""

import datetime
import pathlib
import time

from kafka_client import KafkaClient, Record
from kafka_cluster import KafkaCluster
from sidecars import Queue
from worker import Reply, Worker

DIFFERENCE = 15  # seconds
LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def test_A5_a_pod_goes_by_the_brokers_clock(folder, monkeypatch):
    """The broker's is ahead: by its own, the pod would run the job late. (The other way round cannot be
    played: a Kafka whose clock is put back does not start.)"""
    ahead = DIFFERENCE
    with monkeypatch.context() as wrong:  # librdkafka cannot be given a wrong time, it waits by it: so the broker is
        wrong.setenv("LD_PRELOAD", str(LIBRARY))
        wrong.setenv("FAKETIME", f"{ahead:+d}s")
        wrong.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        cluster = KafkaCluster.temporary()
        kafka_cluster = cluster.__enter__()
    try:
        kafka = KafkaClient(kafka_cluster.bootstrap)
        control = f"test.clock{ahead}.control"
        kafka.create(control, partitions=1, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
        queue = Queue(kafka, folder, controlTopic=control)
        with Worker(lambda job: Reply(200)) as worker, queue.sidecar(worker) as sidecar:
            sidecar.wait_for_log(lambda line: "clock is not the brokers'" in line["message"], "what is wrong")
            sidecar.wait_until_joined(queue.all_partitions)
            due = time.time() + ahead + 3
            text = datetime.datetime.fromtimestamp(due, datetime.timezone.utc).isoformat(timespec="milliseconds")
            queue.produce(Record(b"x", b"a", [("drover-due-at", text.replace("+00:00", "Z"))]))
            worker.wait_for(lambda jobs: len(jobs) == 1, "the job", 120)
            late = worker.jobs[0].at + ahead - due
            assert -0.01 <= late < DIFFERENCE - 2
            sidecar.stop()
    finally:
        cluster.__exit__(None, None, None)
