"""The gateway beside BullMQ: jobs come in, one by one and in batches, and are asked for by id. bench/README.md says what is
compared with what. Imported by run.py."""

import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import urllib.request

from harness import BYTES, PARTITIONS, ROOT, cpu_micros, interleaved, median, ratio, reserve_ports, rss_mib, wait_for
from processes import end_with_parent

CONNECTIONS, BATCH, BATCHES_AT_ONCE = 64, 100, 8
# Each kind of durability has a queue and a Redis. `kept`: with the operating system, on its way to the disk; a machine that
# loses its power loses the last of it. `synced`: on the disk before it is said to be safe. `told`: as `kept`, with events.
KAFKA_SETTING = {"kept": "", "told": "", "synced": "flush.messages=1"}
APPENDFSYNC = {"kept": "everysec", "synced": "always"}


class Costs:
    """What processes cost while something is done: µs of CPU, by name."""

    def __init__(self, **pids):
        self.pids, self.before = pids, {name: cpu_micros(pid) for name, pid in pids.items()}

    def so_far(self, jobs):
        return {f"{name}_us_job": round((cpu_micros(pid) - self.before[name]) / jobs, 2) for name, pid in self.pids.items()}


class GatewayBench:
    """A gateway with its queues. `told` tells events, so that the view knows each job; the others do not."""

    def __init__(self, bench):
        self.bench = bench
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gateway-", dir=bench.folder))

    @contextlib.contextmanager
    def running(self):
        log = self.folder / "log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [self.bench.drover, "gateway", "--port", "0", "--kafka", self.bench.bootstrap, "--data", self.folder / "data"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        try:
            started = wait_for(lambda: re.search(r'"gateway started".*?"port":(\d+)', log.read_text()), "the gateway's port")
            self.port = int(started[1])
            wait_for(lambda: self.text("/readyz"), "the gateway")
            for queue, setting in KAFKA_SETTING.items():
                self.make_queue(queue, setting)
            self.events = self.bench.size("drover.events")  # that the view should have: those of gateways before
            self.wait_for_view()
            yield self
        finally:
            self.process.terminate()
            if self.process.wait() != 0:
                raise RuntimeError("the gateway did not end well")

    def make_queue(self, name, setting):
        """As the operator would."""
        for topic, partitions in ((f"default.{name}", PARTITIONS), (f"default.{name}.dlq", 1), (f"default.{name}.control", 1)):
            self.bench.kafka("create", topic, "--partitions", partitions, "--set", setting)
        queue = {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue", "metadata": {"name": name, "namespace": "default"},
                 "spec": {"kafka": {"bootstrapServers": self.bench.bootstrap, "partitions": PARTITIONS, "replicationFactor": 1},
                          "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}},
                          "retry": {"maxAttempts": 1}, "events": name == "told"}}
        self.bench.kafka("put", "drover.gateway", "--key", f"queue/default.{name}", "--value", json.dumps(queue))
        wait_for(lambda: self.text(f"/v1/queues/{name}"), f"queue {name}")

    def text(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def wait_for_view(self):
        wait_for(lambda: self.figure("drover_gateway_view_events") >= self.events, "the view to have all jobs")

    def figure(self, metric):
        return float(re.search(rf"^{metric} (\S+)", self.text("/metrics"), re.MULTILINE)[1])

    def submit(self, queue, count, batch=0, rate=0, ids=""):
        """CPU is counted until the view has what it was told of."""
        costs = Costs(gateway=self.process.pid, kafka=self.bench.broker_pid)
        answer = self.submitted(queue, count, batch, rate, ids)
        if queue == "told":
            self.events += count
            self.wait_for_view()
        return with_totals(answer | costs.so_far(count), servers=("gateway", "kafka"))

    def spool(self, count, batch=0):
        """While Kafka does not answer. CPU is counted until it has all that was spooled."""
        costs = Costs(gateway=self.process.pid, kafka=self.bench.broker_pid)
        os.kill(self.bench.broker_pid, signal.SIGSTOP)
        try:
            self.submitted("kept", CONNECTIONS)  # they wait until Kafka is taken to be away
            answer = self.submitted("kept", count, batch)
        finally:
            os.kill(self.bench.broker_pid, signal.SIGCONT)
        wait_for(lambda: self.figure("drover_gateway_spool_records") == 0, "an empty spool")
        return with_totals(answer | costs.so_far(count), servers=("gateway", "kafka"))

    def submitted(self, queue, count, batch=0, rate=0, ids=""):
        answer = self.bench.part("submit", "--port", self.port, "--queue", queue, "--count", count, "--bytes", BYTES,
                                 "--batch", batch, "--rate", rate, "--connections", BATCHES_AT_ONCE if batch else CONNECTIONS,
                                 "--ids", ids)
        if answer["failed"]:
            raise RuntimeError(f"{answer['failed']} submits failed")
        return answer

    def status(self, ids, count):
        costs = Costs(gateway=self.process.pid)
        answer = self.bench.part("status", "--port", self.port, "--ids", ids, "--count", count, "--connections", CONNECTIONS)
        if answer["failed"]:
            raise RuntimeError(f"{answer['failed']} jobs were not found")
        return answer | costs.so_far(count)


def with_totals(row, servers):
    """`cpu_us_job`: of all processes, the one that asks too. BullMQ is a library: what the gateway does for Drover is done in
    the process of whoever submits, so `servers_us_job`, without that one, flatters it."""
    total = sum(value for field, value in row.items() if field.endswith("_us_job"))
    return row | {"cpu_us_job": round(total, 2), "jobs_cpu_s": round(1e6 / total),
                  "servers_us_job": round(sum(row[f"{name}_us_job"] for name in servers), 2)}


class BullMQ:
    """Redis, emptied before each measurement, and BullMQ in a Node.js process."""

    def __init__(self, bench, durability):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="redis-", dir=bench.folder))
        self.appendfsync = APPENDFSYNC[durability]

    @contextlib.contextmanager
    def running(self):
        self.reserved = reserve_ports(1)
        port = str(self.reserved[0].getsockname()[1])
        with contextlib.ExitStack() as ends:
            log = ends.enter_context((self.folder / "log").open("wb"))
            # Its append-only file is not rewritten meanwhile, which would cost a process of its own.
            self.redis = ends.enter_context(self.ending(subprocess.Popen(
                ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", "--appendonly", "yes",
                 "--appendfsync", self.appendfsync, "--auto-aof-rewrite-percentage", "0", "--maxmemory-policy", "noeviction"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)))
            self.port = port
            wait_for(lambda: self.redis_says("ping") == "PONG", "Redis")
            self.node = ends.enter_context(self.ending(subprocess.Popen(
                ["node", ROOT / "bench" / "bullmq" / "bullmq.mjs", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, preexec_fn=end_with_parent)))
            yield self

    @staticmethod
    @contextlib.contextmanager
    def ending(process):
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def redis_says(self, *command):
        return subprocess.run(["redis-cli", "-p", self.port, *command], capture_output=True, text=True).stdout.strip()

    def order(self, **what):
        self.node.stdin.write(json.dumps(what) + "\n")
        self.node.stdin.flush()
        answer = self.node.stdout.readline()
        if not answer:
            raise RuntimeError("BullMQ's process has ended")
        return json.loads(answer)

    def add(self, count, batch=0, rate=0):
        self.redis_says("flushall", "sync")
        costs = Costs(redis=self.redis.pid, node=self.node.pid)
        answer = self.order(do="add", count=count, bytes=BYTES, batch=batch, rate=rate,
                            inFlight=BATCHES_AT_ONCE if batch else CONNECTIONS)
        return with_totals(answer | costs.so_far(count), servers=("redis",))

    def get(self, count):
        costs = Costs(redis=self.redis.pid, node=self.node.pid)
        answer = self.order(do="get", count=count, inFlight=CONNECTIONS)
        return with_totals(answer | costs.so_far(count), servers=("redis",))


@contextlib.contextmanager
def both(bench):
    subprocess.run([ROOT / "deps" / "debian.sh", "--packages", "redis-server"], check=True)
    subprocess.run([ROOT / "deps" / "node_modules.sh", ROOT / "bench" / "bullmq"], check=True)
    with contextlib.ExitStack() as ends:
        gateway = ends.enter_context(GatewayBench(bench).running())
        yield gateway, {durability: ends.enter_context(BullMQ(bench, durability).running()) for durability in APPENDFSYNC}


def submit(bench, options, note):
    """One by one and in batches, each as durable as the other side's."""
    well = True
    with both(bench) as (gateway, bullmq):
        for how, batch, count in (("one by one", 0, options.jobs // 8), ("batches of 100", BATCH, options.jobs // 2)):
            counts = {"kept": count, "told": count, "synced": count // 4}
            ways = {f"drover, {queue}": lambda queue=queue: gateway.submit(queue, counts[queue], batch) for queue in counts}
            ways["drover, spool"] = lambda: gateway.spool(counts["synced"], batch)
            ways |= {f"bullmq, {name}": lambda name=name: bullmq[name].add(counts[name], batch) for name in bullmq}
            for way in 3 * list(ways.values()):
                way()  # not counted: a JVM and a Node.js that still compile
            rows = interleaved(options.rounds, ways)
            for name, measured in rows.items():
                fields = [field for field in measured[0] if field != "failed"]
                note({"what": f"submit {how}/{name}", **{field: round(median(measured, field), 2) for field in fields}})
            for ours, theirs in (("kept", "kept"), ("told", "kept"), ("synced", "synced"), ("spool", "synced")):
                pair = f"drover, {ours}", f"bullmq, {theirs}"
                rate, per_cpu = (ratio(rows, field, *pair) for field in ("jobs_s", "jobs_cpu_s"))
                note({"what": f"submit {how}/{ours} to BullMQ", "rate": rate, "jobs_cpu_s": per_cpu, "limit": 1,
                      "servers_cpu": ratio(rows, "servers_us_job", *pair),
                      "rates": [round(a["jobs_s"] / b["jobs_s"], 2) for a, b in zip(*(rows[name] for name in pair))]})
                well = well and rate > 1 and per_cpu > 1
    return well


def submit_latency(bench, options, note):
    """1,000 jobs a second."""
    with both(bench) as (gateway, bullmq):
        ways = {f"drover, {queue}": lambda queue=queue: gateway.submit(queue, 10_000, rate=1000) for queue in KAFKA_SETTING}
        ways |= {f"bullmq, {name}": lambda name=name: bullmq[name].add(10_000, rate=1000) for name in bullmq}
        for way in ways.values():
            way()
        rows = interleaved(options.rounds, ways)
        for name, measured in rows.items():
            note({"what": f"submit latency/{name}", **{field: median(measured, field) for field in ("p50_ms", "p99_ms")}})
    worst = median(rows["drover, told"], "p99_ms")
    note({"what": "submit latency/at 1,000 a second", "p99_ms": worst, "p99_limit": 10})
    return worst < 10


def status(bench, options, note):
    """By id, of jobs that the view has."""
    ids = bench.folder / "ids"
    with both(bench) as (gateway, bullmq):
        gateway.submit("told", options.jobs // 4, BATCH, ids=ids)
        bullmq["kept"].add(options.jobs // 4, BATCH)
        ways = {"drover": lambda: gateway.status(ids, options.jobs // 4), "bullmq": lambda: bullmq["kept"].get(options.jobs // 4)}
        for way in ways.values():
            way()
        rows = interleaved(options.rounds, ways)
        for name, measured in rows.items():
            fields = [field for field in measured[0] if field != "failed"]
            note({"what": f"status by id/{name}", **{field: round(median(measured, field), 2) for field in fields}})
        rss = round(rss_mib(gateway.process.pid), 1)
    rate = statistics.median(row["jobs_s"] for row in rows["drover"])
    note({"what": "status by id", "jobs_s": rate, "rate_limit": 20_000, "rss_mib": rss})
    return rate >= 20_000
