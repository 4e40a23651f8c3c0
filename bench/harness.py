"""The parts of a measurement as processes: the worker, the sidecar before it, jobs in topics, and what they cost."""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "platform"))
from processes import reserve_ports  # noqa: E402

PARTITIONS, BYTES, IN_FLIGHT, PULLERS = 12, 1024, 64, 16
LANES = ("critical", "high", "normal", "low", "background")
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


# --- comparing ---

def interleaved(rounds, ways):
    """Rows of figures of each way. Every other round goes backwards, so that none is always the first."""
    rows = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways) if turn % 2 == 0 else reversed(ways):
            rows[name].append(ways[name]())
    return rows


def median(rows, field):
    return statistics.median(row[field] for row in rows)


def ratio(rows, field, of, to):
    return round(statistics.median(a[field] / b[field] for a, b in zip(rows[of], rows[to])), 2)


class Bench:
    def __init__(self, build, bootstrap, broker_pid, folder):
        self.parts = build / "bin" / "drover_bench"
        self.drover = build / "bin" / "drover"
        self.bootstrap = bootstrap
        self.broker_pid = broker_pid
        self.folder = pathlib.Path(folder)
        self.reserved = reserve_ports(3)  # kept, so that nobody else is given them
        self.worker_port, self.app_port, self.probe_port = (held.getsockname()[1] for held in self.reserved)
        self.filled = set()
        self.runs = 0

    # --- topics ---

    def part(self, *arguments):
        done = subprocess.run([self.parts, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout) if done.stdout else None

    def kafka(self, command, topic, *arguments):
        return self.part(command, "--kafka", self.bootstrap, "--topic", topic, *arguments)

    def create(self, topic):
        self.kafka("create", topic, "--partitions", PARTITIONS)

    def fill(self, topic, count, rate=0, size=BYTES, first=0, keys=0):
        self.kafka("fill", topic, "--count", count, "--bytes", size, "--rate", rate, "--first", first, "--keys", keys)

    def size(self, topic):
        return self.kafka("size", topic, "--partitions", PARTITIONS)["records"]

    def backlog(self, topic, count, **how):
        """A topic that has jobs; measurements share it."""
        if topic not in self.filled:
            self.create(topic)
            self.fill(topic, count, **how)
            self.filled.add(topic)
        return topic

    # --- processes ---

    @contextlib.contextmanager
    def worker(self):
        process = subprocess.Popen([self.parts, "worker", "--port", str(self.worker_port)])
        try:
            wait_for(lambda: self.ask("stats"), "the worker")
            yield
        finally:
            process.terminate()
            process.wait()

    def ask(self, what):
        return get(f"http://127.0.0.1:{self.worker_port}/{what}")

    def received(self):
        return self.ask("stats")["jobs"]

    @contextlib.contextmanager
    def sidecar(self, topic, delivery=(), lanes=(), **more):
        """With a new group, so from the topic's beginning. `more` is what else the configuration has."""
        self.runs += 1
        group = f"drover.bench.{os.getpid()}.{self.runs}"
        config = {
            "version": 1, "queue": "jobs", "namespace": "bench", "pod": "bench-0",
            "kafka": {"bootstrap.servers": self.bootstrap}, "topic": topic, "partitions": PARTITIONS,
            "lanes": [{"lane": lane, "topic": of_lane, "group": f"{group}.{lane}"} for lane, of_lane in lanes],
            "deadLetterTopic": topic + ".dlq", "group": group,
            "delivery": {"port": self.worker_port, "concurrency": IN_FLIGHT, **dict(delivery)},
            "appPort": self.app_port, "probePort": self.probe_port, "probeAddress": "127.0.0.1", **more}
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
        return self.kafka("consume", topic, "--partitions", PARTITIONS, "--count", count)

    def drain(self, topic, count, pull=0, **config):
        """All jobs of a backlog through a new group: rate between the first and the last receipt. `pull`: the worker
        asks for so many jobs at a time; 0: it is called."""
        with self.worker(), self.sidecar(topic, **config) as process:
            if pull:
                self.ask(f"pull/{self.app_port}/{PULLERS}/{pull}")
            wait_for(lambda: self.received() >= count, f"{count} jobs")
            stats = self.ask("stats")
            if stats["refused"]:
                raise RuntimeError(f"the sidecar refused {stats['refused']} requests")
            return {"jobs_s": round(count / (stats["last_us"] - stats["first_us"]) * 1e6),
                    "cpu_us_job": round(cpu_micros(process.pid) / count, 2), "rss_mib": round(rss_mib(process.pid), 1),
                    "repeated": stats["repeated"], "disordered": stats["disordered"]}

    def steady(self, topic, seconds, **config):
        """Jobs a second over at least so long, when the first second is over."""
        with self.worker(), self.sidecar(topic, **config):
            first = wait_for(lambda: self.ask("stats")["first_us"], "the first job")
            begin = wait_for(lambda: self.later(first + 1_000_000), "the first second's jobs")
            end = wait_for(lambda: self.later(begin["last_us"] + seconds * 1_000_000), f"{seconds} seconds of jobs")
            return (end["jobs"] - begin["jobs"]) / (end["last_us"] - begin["last_us"]) * 1e6

    def later(self, micros):
        stats = self.ask("stats")
        return stats if stats["last_us"] >= micros else None

    def paced(self, topic, rate, seconds):
        """Produce to receipt at a steady rate, an idle queue otherwise."""
        self.create(topic)
        with self.worker(), self.sidecar(topic):
            self.fill(topic, rate * 2, rate)  # joined and warm
            wait_for(lambda: self.received() == rate * 2, "the first jobs")
            self.ask("reset")
            self.fill(topic, rate * seconds, rate)
            wait_for(lambda: self.received() == rate * seconds, "all jobs")
            return self.ask("latency")

    def echo(self, rate, seconds):
        with self.worker():
            answer = self.part("client", "--port", self.worker_port, "--count", rate * seconds, "--bytes", BYTES, "--rate", rate)
            return {"p50_ms": answer["p50_ms"], "p99_ms": answer["p99_ms"]}

    def memory(self, topic, count):
        """Resident memory while `count` jobs go through a backlog: (jobs, MiB)."""
        with self.worker(), self.sidecar(topic) as process:
            samples = []
            while (jobs := self.received()) < count:
                samples.append((jobs, rss_mib(process.pid)))
                time.sleep(0.1)
            return samples
