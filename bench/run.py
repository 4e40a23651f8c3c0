#!/usr/bin/env python3
"""make bench: what the sidecar costs, beside the same HTTP client without Kafka and beside bare consuming.

    bench/run.py [--build build/bench] [--rounds 5] [--jobs 400000] [--only speed,latency,memory] [--embedded]

Everything runs on this machine in one go, in interleaved rounds: read the ratios, not the absolute figures. Each figure
is appended to bench/results.jsonl with the commit and the machine; bench/README.md says what is promised.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "platform"))
from embedded_broker import EmbeddedBroker  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from processes import reserve_ports  # noqa: E402

PARTITIONS, BYTES, IN_FLIGHT = 12, 1024, 64
TICKS = os.sysconf("SC_CLK_TCK")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def wait_for(condition, what, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            if (value := condition()):
                return value
        time.sleep(0.1)
    raise TimeoutError(what)


def cpu_micros(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / TICKS


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of {pid}")


class Bench:
    def __init__(self, build, bootstrap, folder):
        self.parts = build / "bin" / "drover_bench"
        self.drover = build / "bin" / "drover"
        self.bootstrap = bootstrap
        self.folder = pathlib.Path(folder)
        self.reserved = reserve_ports(3)  # kept, so that nobody else is given them
        self.worker_port, self.app_port, self.probe_port = (held.getsockname()[1] for held in self.reserved)
        self.runs = 0

    def part(self, *arguments):
        done = subprocess.run([self.parts, *map(str, arguments)], check=True, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else None

    def create(self, topic):
        self.part("create", "--kafka", self.bootstrap, "--topic", topic, "--partitions", PARTITIONS)

    def fill(self, topic, count, rate=0, size=BYTES):
        self.part("fill", "--kafka", self.bootstrap, "--topic", topic, "--count", count, "--bytes", size, "--rate", rate)

    @contextlib.contextmanager
    def worker(self):
        process = subprocess.Popen([self.parts, "worker", "--port", str(self.worker_port)])
        try:
            wait_for(lambda: get(f"http://127.0.0.1:{self.worker_port}/stats"), "the worker")
            yield
        finally:
            process.terminate()
            process.wait()

    def received(self):
        return get(f"http://127.0.0.1:{self.worker_port}/stats")

    def latency(self):
        return get(f"http://127.0.0.1:{self.worker_port}/latency")

    @contextlib.contextmanager
    def sidecar(self, topic, concurrency=IN_FLIGHT):
        self.runs += 1
        config = {
            "version": 1, "queue": "jobs", "namespace": "bench", "pod": "bench-0",
            "kafka": {"bootstrap.servers": self.bootstrap}, "topic": topic,
            "deadLetterTopic": topic + ".dlq", "group": f"drover.bench.{os.getpid()}.{self.runs}",
            "delivery": {"port": self.worker_port, "concurrency": concurrency},
            "appPort": self.app_port, "probePort": self.probe_port, "probeAddress": "127.0.0.1"}
        file = self.folder / "sidecar.json"
        file.write_text(json.dumps(config))
        with open(self.folder / "sidecar.log", "a") as log:
            process = subprocess.Popen([self.drover, "sidecar", "--config", file], stdout=log)
        try:
            wait_for(lambda: get(f"http://127.0.0.1:{self.probe_port}/readyz"), "the sidecar")
            yield process
        finally:
            process.terminate()
            if process.wait() != 0:
                raise RuntimeError("the sidecar did not end well")

    # --- measurements ---

    def bare_client(self, count):
        with self.worker():
            return self.part("client", "--port", self.worker_port, "--count", count, "--bytes", BYTES, "--in-flight", IN_FLIGHT)

    def bare_consumer(self, topic, count):
        return self.part("consume", "--kafka", self.bootstrap, "--topic", topic, "--partitions", PARTITIONS, "--count", count)

    def drain(self, topic, count):
        """All jobs of a filled topic through a new group: rate between the first and the last receipt."""
        with self.worker(), self.sidecar(topic) as process:
            wait_for(lambda: self.received()["jobs"] >= count, f"{count} jobs")
            stats = self.received()
            rate = count / (stats["last_us"] - stats["first_us"]) * 1e6
            return {"jobs_s": round(rate), "cpu_us_job": round(cpu_micros(process.pid) / count, 2),
                    "repeated": stats["repeated"], "rss_mib": round(rss_mib(process.pid), 1)}

    def paced(self, topic, rate, seconds):
        """Produce to receipt at a steady rate, an idle queue otherwise."""
        self.create(topic)
        with self.worker(), self.sidecar(topic):
            self.fill(topic, rate * 2, rate)  # joined and warm
            wait_for(lambda: self.received()["jobs"] == rate * 2, "the first jobs")
            get(f"http://127.0.0.1:{self.worker_port}/reset")
            self.fill(topic, rate * seconds, rate)
            wait_for(lambda: self.received()["jobs"] == rate * seconds, "all jobs")
            return self.latency()

    def echo(self, rate, seconds):
        with self.worker():
            answer = self.part("client", "--port", self.worker_port, "--count", rate * seconds, "--bytes", BYTES, "--rate", rate)
            return {"p50_ms": answer["p50_ms"], "p99_ms": answer["p99_ms"]}

    def memory(self, topic, count):
        """Resident memory while `count` jobs go through a backlog: early and late."""
        with self.worker(), self.sidecar(topic) as process:
            samples = []
            while (jobs := self.received()["jobs"]) < count:
                samples.append((jobs, rss_mib(process.pid)))
                time.sleep(0.1)
            early = [rss for jobs, rss in samples if count * 0.1 <= jobs < count * 0.4]
            late = [rss for jobs, rss in samples if jobs >= count * 0.7]
            return {"jobs": count, "early_mib": round(statistics.median(early), 1),
                    "late_mib": round(statistics.median(late), 1), "most_mib": round(max(rss for _, rss in samples), 1)}


def median(rows, field):
    return statistics.median(row[field] for row in rows)


def say(record, results):
    print(json.dumps(record), flush=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    stamp = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit, "cpus": os.cpu_count(), "kernel": platform.release()}
    with open(results, "a") as file:
        file.write(json.dumps(stamp | record) + "\n")


def speed(bench, options, note):
    bench.create("speed")
    bench.fill("speed", options.jobs)
    rows = {"client": [], "consumer": [], "sidecar": []}
    bench.drain("speed", options.jobs)  # not counted: a JVM that still compiles takes the cores from whoever comes first
    for _ in range(options.rounds):
        rows["client"].append(bench.bare_client(options.jobs))
        rows["sidecar"].append(bench.drain("speed", options.jobs))
        rows["consumer"].append(bench.bare_consumer("speed", options.jobs))
    for name, measured in rows.items():
        note({"what": f"speed/{name}", "jobs_s": median(measured, "jobs_s"), "cpu_us_job": median(measured, "cpu_us_job")})
    pairs = list(zip(rows["sidecar"], rows["client"]))
    cpu = statistics.median(s["cpu_us_job"] / c["cpu_us_job"] for s, c in pairs)
    rate = statistics.median(s["jobs_s"] / c["jobs_s"] for s, c in pairs)
    note({"what": "speed/ratios", "cpu_to_client": round(cpu, 2), "cpu_limit": 1.4, "rate_to_client": round(rate, 2),
          "rate_limit": 0.75, "repeated": max(row["repeated"] for row in rows["sidecar"]),
          "rss_mib": max(row["rss_mib"] for row in rows["sidecar"])})
    return cpu <= 1.4 and rate >= 0.75


def latency(bench, options, note):
    rows = {"echo": [], "sidecar": []}
    for turn in range(options.rounds):
        rows["echo"].append(bench.echo(1000, 10))
        rows["sidecar"].append(bench.paced(f"paced-{turn}", 1000, 10))
    for name, measured in rows.items():
        note({"what": f"latency/{name}", "p50_ms": median(measured, "p50_ms"), "p99_ms": median(measured, "p99_ms")})
    more = {q: round(median(rows["sidecar"], q) - median(rows["echo"], q), 3) for q in ("p50_ms", "p99_ms")}
    note({"what": "latency/more than an echo", **more, "p50_limit": 2, "p99_limit": 10})
    return more["p50_ms"] <= 2 and more["p99_ms"] <= 10


def memory(bench, options, note):
    well = True
    for name, count, size in (("a million jobs", 1_000_000, 256), ("a backlog of 5 GB", 5_000_000, BYTES)):
        topic = f"memory-{size}"
        bench.create(topic)
        bench.fill(topic, count, size=size)
        measured = bench.memory(topic, min(count, 1_000_000))
        note({"what": f"memory/{name}", **measured, "limit_mib": 64})
        well = well and measured["most_mib"] <= 64 and measured["late_mib"] <= measured["early_mib"] * 1.1
    return well


MEASUREMENTS = {"speed": speed, "latency": latency, "memory": memory}


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
        bench = Bench(options.build, kafka.bootstrap, folder)
        for name in options.only.split(","):
            kind = "embedded" if options.embedded else "kafka"
            if not MEASUREMENTS[name](bench, options, lambda record: say({"broker": kind} | record, options.results)):
                missed.append(name)
    print("reached" if not missed else f"not reached: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
