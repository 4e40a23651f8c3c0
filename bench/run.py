#!/usr/bin/env python3
"""make bench: what the sidecar costs, beside the same HTTP client without Kafka, beside bare consuming, and way by way.

    bench/run.py [--build build/bench] [--rounds 5] [--jobs 400000] [--only speed,latency,…] [--embedded]

Everything runs on this machine in one go, in interleaved rounds: read the ratios, not the absolute figures. Each figure
is appended to bench/results.jsonl with the commit and the machine; bench/README.md says what is promised.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import gateway
from harness import BYTES, LANES, ROOT, Bench, interleaved, median, ratio  # puts tests/platform on the path, too
from embedded_broker import EmbeddedBroker
from kafka_cluster import KafkaCluster


def note_medians(note, measurement, rows, fields=("jobs_s", "cpu_us_job")):
    for name, measured in rows.items():
        note({"what": f"{measurement}/{name}", **{field: median(measured, field) for field in fields}})


def speed(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)
    bench.drain(topic, options.jobs)  # not counted: a JVM that still compiles takes the cores from whoever comes first
    rows = interleaved(options.rounds, {
        "client": lambda: bench.bare_client(options.jobs),
        "sidecar": lambda: bench.drain(topic, options.jobs),
        "consumer": lambda: bench.bare_consumer(topic, options.jobs)})
    note_medians(note, "speed", rows)
    cpu, rate = ratio(rows, "cpu_us_job", "sidecar", "client"), ratio(rows, "jobs_s", "sidecar", "client")
    note({"what": "speed/ratios", "cpu_to_client": cpu, "cpu_limit": 1.4, "rate_to_client": rate, "rate_limit": 0.75,
          "repeated": max(row["repeated"] for row in rows["sidecar"]),
          "rss_mib": max(row["rss_mib"] for row in rows["sidecar"])})
    return cpu <= 1.4 and rate >= 0.75


def latency(bench, options, note):
    topics = iter(f"paced-{turn}" for turn in range(options.rounds))
    rows = interleaved(options.rounds, {
        "echo": lambda: bench.echo(1000, 10), "sidecar": lambda: bench.paced(next(topics), 1000, 10)})
    note_medians(note, "latency", rows, ("p50_ms", "p99_ms"))
    more = {q: round(median(rows["sidecar"], q) - median(rows["echo"], q), 3) for q in ("p50_ms", "p99_ms")}
    note({"what": "latency/more than an echo", **more, "p50_limit": 2, "p99_limit": 10})
    return more["p50_ms"] <= 2 and more["p99_ms"] <= 10


def memory(bench, options, note):
    well = True
    count = 1_000_000
    for name, filled, size in (("a million jobs", count, 256), ("a backlog of 5 GB", 5_000_000, BYTES)):
        samples = bench.memory(bench.backlog(f"memory-{size}", filled, size=size), count)
        early = statistics.median(rss for jobs, rss in samples if count * 0.1 <= jobs < count * 0.4)
        late = statistics.median(rss for jobs, rss in samples if jobs >= count * 0.7)
        most = max(rss for _, rss in samples)
        note({"what": f"memory/{name}", "jobs": count, "early_mib": round(early, 1), "late_mib": round(late, 1),
              "most_mib": round(most, 1), "limit_mib": 64})
        well = well and most <= 64 and late <= early * 1.1
    return well


def batches(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)

    def of(size):
        return lambda: bench.drain(topic, options.jobs, delivery={"batch": {"maxSize": size, "maxWait": "5ms"}})

    sizes = {"of 10": of(10), "of 100": of(100)}
    rows = interleaved(options.rounds, sizes | {"single": lambda: bench.drain(topic, options.jobs)})
    note_medians(note, "batches", rows)
    rate = min(median(rows[size], "jobs_s") for size in sizes)
    cpu = max(median(rows[size], "cpu_us_job") for size in sizes)
    note({"what": "batches/worst of 10 and 100", "jobs_s": rate, "rate_limit": 43_000, "cpu_us_job": cpu, "cpu_limit": 23,
          "rss_mib": max(row["rss_mib"] for size in sizes for row in rows[size])})
    return rate > 43_000 and cpu < 23


def pull(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)

    def asking_for(most):
        return lambda: bench.drain(topic, options.jobs, pull=most, delivery={"mode": "pull"})

    rows = interleaved(options.rounds, {
        "push": lambda: bench.drain(topic, options.jobs), "1 at a time": asking_for(1), "10 at a time": asking_for(10)})
    note_medians(note, "pull", rows)
    note({"what": "pull/ratios", **{f"{of} to push": ratio(rows, "jobs_s", of, "push") for of in ("1 at a time", "10 at a time")}})
    return True


def lanes(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)
    each = options.jobs // len(LANES)
    topics = [(lane, bench.backlog(f"lane-{lane}", each, first=each * index)) for index, lane in enumerate(LANES)]
    rows = interleaved(options.rounds, {
        "one": lambda: bench.drain(topic, options.jobs),
        "five": lambda: bench.drain("lane-normal", each * len(LANES), lanes=topics)})
    note_medians(note, "lanes", rows)
    note({"what": "lanes/ratio", "rate_to_one": ratio(rows, "jobs_s", "five", "one")})
    return True


def keys(bench, options, note):
    topic = bench.backlog("keyed", options.jobs, keys=10_000)
    rows = interleaved(options.rounds, {
        order: lambda order=order: bench.drain(topic, options.jobs, delivery={"ordering": order}) for order in ("none", "key")})
    note_medians(note, "keys", rows)
    disordered = {order: sum(row["disordered"] for row in measured) for order, measured in rows.items()}
    note({"what": "keys/ratio", "rate_to_none": ratio(rows, "jobs_s", "key", "none"), "disordered": disordered["key"],
          "disordered_limit": 0, "disordered_without": disordered["none"]})
    return disordered["key"] == 0


def limit(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)
    first = bench.drain(topic, options.jobs)["jobs_s"]
    long = bench.backlog("limited", first * 16)  # lasts longer than is measured, should a round be faster

    def pair():
        reached = bench.drain(topic, options.jobs)["jobs_s"]
        rate = round(reached * 0.8)
        limited = bench.steady(long, 10, delivery={"rateLimit": {"max": rate, "per": "1s"}})
        return {"reached": reached, "jobs_s": round(limited), "error_percent": round((limited / rate - 1) * 100, 2)}

    rows = [pair() for _ in range(options.rounds)]
    error = statistics.median(abs(row["error_percent"]) for row in rows)
    note({"what": "limit/80 % of the rate", "without": median(rows, "reached"), "jobs_s": median(rows, "jobs_s"),
          "error_percent": error, "error_limit": 2, "errors": [row["error_percent"] for row in rows]})
    return error <= 2


def events(bench, options, note):
    topic = bench.backlog("backlog", options.jobs)
    bench.create("events")
    rows = interleaved(options.rounds, {
        "without": lambda: bench.drain(topic, options.jobs),
        "with": lambda: bench.drain(topic, options.jobs, eventsTopic="events")})
    note_medians(note, "events", rows)
    rate = ratio(rows, "jobs_s", "with", "without")
    written = bench.size("events") / options.jobs / options.rounds
    note({"what": "events/ratio", "rate_to_without": rate, "rate_limit": 0.8, "events_job": round(written, 3)})
    return rate >= 0.8


MEASUREMENTS = {measure.__name__: measure for measure in (
    speed, latency, memory, batches, pull, lanes, keys, limit, events, gateway.submit, gateway.submit_latency, gateway.status)}


def say(record, results):
    print(json.dumps(record), flush=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    stamp = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit, "cpus": os.cpu_count(), "kernel": platform.release()}
    with open(results, "a") as file:
        file.write(json.dumps(stamp | record) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=400_000)
    parser.add_argument("--only", default=",".join(MEASUREMENTS))
    parser.add_argument("--embedded", action="store_true", help="the embedded broker instead of Apache Kafka")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results.jsonl")
    options = parser.parse_args()
    broker = EmbeddedBroker.temporary() if options.embedded else KafkaCluster.temporary(java_options=("-Xms1g", "-Xmx1g"))
    missed = []
    with broker as kafka, tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build, kafka.bootstrap, kafka.pids()[1], folder)
        for name in options.only.split(","):
            kind = "embedded" if options.embedded else "kafka"
            if not MEASUREMENTS[name](bench, options, lambda record: say({"broker": kind} | record, options.results)):
                missed.append(name)
    print("reached" if not missed else f"not reached: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
