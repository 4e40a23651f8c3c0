#!/usr/bin/env python3
"""A gateway's scheduler with many jobs that wait: how long its start takes, how much it keeps, how fast it dispatches.

    bench/delayed_jobs.py [--jobs 1000000] [--size 200] [--due 100000] [--build build/dev]

On an Apache Kafka of one broker on this machine. Build drover_scheduler_tool and drover_kafka_tool before.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / place) for place in ("platform", "integration", "gateway/scheduler")]


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    raise RuntimeError("no VmRSS")


def unnamed_files_mib(pid, folder):
    total = 0
    for each in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if str(folder) in os.readlink(each):
            total += os.stat(each).st_size
    return total >> 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--due", type=int, default=100_000)
    parser.add_argument("--build", default="build/dev")
    options = parser.parse_args()
    os.environ["DROVER"] = str(ROOT / options.build / "bin" / "drover")
    from kafka_cluster import KafkaCluster
    from schedulers import Schedulers, wait_for

    with KafkaCluster.temporary() as cluster, tempfile.TemporaryDirectory() as folder, \
            Schedulers(cluster, pathlib.Path(folder)) as schedulers:
        schedulers.delay(options.jobs, 7200, 10800, size=options.size)
        empty = Schedulers(cluster, pathlib.Path(folder), partitions=12)
        idle = empty.start()
        idle.wait_until_ready(12)
        print(f"without jobs: {resident_mib(idle.pid)} MiB", flush=True)
        idle.stop()

        begin = time.monotonic()
        only = schedulers.start()
        wait_for(lambda: len(only.status.get("partitions", [])) == 12, "all partitions", 600)
        took = time.monotonic() - begin
        assert sum(only.status["waiting"].values()) == options.jobs
        print(f"{options.jobs} jobs of {options.size} bytes: ready {took:.1f} s after its start, "
              f"{resident_mib(only.pid)} MiB resident, {unnamed_files_mib(only.pid, folder)} MiB in files", flush=True)

        before = only.status["dispatched"]
        schedulers.delay(options.due, 5, 5.001, size=options.size, id_prefix="due ")
        wait_for(lambda: only.status["dispatched"] > before, "the first of many", 600)
        begin = time.monotonic()
        wait_for(lambda: only.status["dispatched"] >= before + options.due, "the last of many", 600)
        print(f"{options.due} jobs due at once: {options.due / (time.monotonic() - begin):.0f} a second, "
              f"{resident_mib(only.pid)} MiB resident", flush=True)
        only.stop()


if __name__ == "__main__":
    main()
