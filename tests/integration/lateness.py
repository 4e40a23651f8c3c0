#!/usr/bin/env python3
"""How late retries are: never early, and how much later than a bare timer.

    lateness.py [--seconds 60] [--rate 200] [--crash-loop 300]

Produces --rate jobs a second, each of which fails twice and waits 2 s and then 4 s, without jitter. Beside it the
worker's own process sets a timer for each of these waits, and measures how late those are. Then, for --crash-loop
seconds, jobs wait for a worker that dies before it listens; none may use an attempt.

Prints one line of JSON. The exit code is 0 when no retry was early, the p99 of their lateness is at most 250 ms beyond
that of the timers, and the crash loop cost no attempt.
"""

import argparse
import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "platform")]

from kafka_client import KafkaClient, Record, to_line  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from processes import end_with_parent, orderly_exit, wait_until  # noqa: E402
from sidecars import Queue, to_seconds  # noqa: E402
from worker import Reply, Worker  # noqa: E402

ALLOWED_BEYOND_A_TIMER = 0.250
STEPS = {1: 2.0, 2: 4.0}  # attempts made: seconds until the next


def quantile(values, q):
    return sorted(values)[min(int(len(values) * q), len(values) - 1)] if values else 0.0


class Timers:
    """A bare timer for each wait, in the loop that serves the worker's connections."""

    def __init__(self):
        self.lateness = []

    def start(self, seconds):
        due = time.time() + seconds
        asyncio.get_running_loop().call_later(seconds, lambda: self.lateness.append(time.time() - due))


def produce_steadily(client, topic, rate, count):
    process = subprocess.Popen(client.command("produce", topic), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               text=True, preexec_fn=end_with_parent)
    begin = time.monotonic()
    with process.stdin as stdin:
        for i in range(count):
            time.sleep(max(0.0, begin + i / rate - time.monotonic()))
            stdin.write(to_line(Record(b"x" * 200, str(i).encode())))
            stdin.flush()
    if process.wait() != 0:
        raise RuntimeError("producing failed")


def measure(client, folder, seconds, rate):
    """{retries, early, p50, p99, timer_p50, timer_p99}; seconds."""
    queue = Queue(client, folder, partitions=12, steps=("2s", "4s"), delivery={"concurrency": 32},
                  retry={"maxAttempts": 3, "backoff": "exponential", "initial": "2s", "jitter": 0})
    timers = Timers()

    def answer(job):
        if job.attempt not in STEPS:
            return Reply(200)
        timers.start(STEPS[job.attempt])
        return Reply(500)

    count = int(seconds * rate)
    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        produce_steadily(client, queue.topic, rate, count)
        sidecar.wait_for(lambda stats: stats["completed"] >= count, "end of every job", 120)
        sidecar.stop()
        handed_over = {(job.id, job.attempt): job for job in worker.jobs}
        assert len(handed_over) == len(worker.jobs) == 3 * count, "each attempt once"

        lateness = []
        for record in client.read(*queue.retry_topics):
            made = int(record.header("drover-attempt"))
            job, failed = (handed_over[record.header("drover-job-id"), attempt] for attempt in (made + 1, made))
            due = to_seconds(record.header("drover-due-at"))
            # Early is also what comes sooner than the wait after the failure, whatever the record says.
            lateness.append(min(job.at - due, job.at - (failed.answered_at + STEPS[made])))
    assert len(lateness) == 2 * count
    return {"retries": len(lateness), "early": sum(late < 0 for late in lateness),
            "p50": quantile(lateness, 0.5), "p99": quantile(lateness, 0.99), "max": max(lateness),
            "timer_p50": quantile(timers.lateness, 0.5), "timer_p99": quantile(timers.lateness, 0.99)}


def crash_loop(client, folder, seconds, jobs=1000):
    """Attempts used while the worker dies, again and again, before it listens; 0 is right. Fails when a job is lost."""
    queue = Queue(client, folder, partitions=12)
    queue.produce(*(Record(b"x", str(i).encode()) for i in range(jobs)))
    stop = threading.Event()
    crashes = 0
    with Worker(start=False) as worker, queue.sidecar(worker) as sidecar, ThreadPoolExecutor(1) as pool:
        binds_and_dies = ("import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
                          f"s.bind(('127.0.0.1', {worker.port}))")

        def crash():
            nonlocal crashes
            while not stop.is_set():
                subprocess.run([sys.executable, "-S", "-c", binds_and_dies], check=True)
                crashes += 1
                stop.wait(1)  # as whoever restarts it backs off

        looping = pool.submit(crash)
        try:
            sidecar.wait_for(lambda stats: stats["held"] > 0, "jobs that wait")
            time.sleep(seconds)  # how long the loop goes on is what this is about
            wait_until(lambda: crashes > 1 or looping.done(), "second crash")
            stats = sidecar.stats()
            assert stats["handedOver"] == stats["completed"] == stats["deadLettered"] == 0
            assert stats["workerReachable"] is False
        finally:
            stop.set()
        looping.result()
        worker.start()
        stats = sidecar.wait_for(lambda stats: stats["completed"] == jobs, "all jobs", 120)
        sidecar.stop()
        assert len({job.key for job in worker.jobs}) == len(worker.jobs) == jobs
        return {"crashes": crashes, "jobs": jobs, "attempts_used": sum(job.attempt - 1 for job in worker.jobs),
                "dead_lettered": stats["deadLettered"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--crash-loop", type=float, default=300)
    options = parser.parse_args()
    with orderly_exit(), tempfile.TemporaryDirectory(prefix="drover-lateness-") as folder, KafkaCluster.temporary() as cluster:
        client = KafkaClient(cluster.bootstrap)
        found = measure(client, folder, options.seconds, options.rate)
        loop = crash_loop(client, folder, options.crash_loop)
    beyond = found["p99"] - found["timer_p99"]
    ok = found["early"] == 0 and beyond <= ALLOWED_BEYOND_A_TIMER and loop["attempts_used"] == loop["dead_lettered"] == 0
    print(json.dumps({name: round(value, 4) for name, value in found.items()}
                     | {"p99_beyond_a_timer": round(beyond, 4), "crash_loop": loop, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
