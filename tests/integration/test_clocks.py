"""Pods whose clocks are wrong: what is due is due by the brokers' time."""

import datetime
import pathlib
import time

import pytest

from kafka_client import Record
from sidecars import Queue, Sidecar
from worker import Reply, Worker

WRONG_BY = 60  # seconds
LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@pytest.mark.parametrize("wrong_by", [WRONG_BY, -WRONG_BY])
def test_A5_A13_a_pod_whose_clock_is_wrong_goes_by_the_brokers(kafka, folder, wrong_by):
    """With its own it would run the job a minute early, or a minute late."""
    control = f"test.clock{wrong_by}.control"
    kafka.create(control, partitions=1, cleanup_policy="compact", message_timestamp_type="LogAppendTime")
    queue = Queue(kafka, folder, controlTopic=control)
    wrong = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{wrong_by:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with Worker(lambda job: Reply(200)) as worker, Sidecar(queue.config(worker.port), folder, env=wrong) as sidecar:
        sidecar.wait_for_log(lambda line: "clock is not the brokers'" in line["message"], "what is wrong")
        sidecar.wait_until_joined(queue.all_partitions)
        due = time.time() + 3
        text = datetime.datetime.fromtimestamp(due, datetime.timezone.utc).isoformat(timespec="milliseconds")
        queue.produce(Record(b"x", b"a", [("drover-due-at", text.replace("+00:00", "Z"))]))
        worker.wait_for(lambda jobs: len(jobs) == 1, "the job")
        assert due - 0.002 <= worker.jobs[0].at < due + WRONG_BY / 2
        sidecar.stop()
