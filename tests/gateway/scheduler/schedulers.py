"""Schedulers as processes, and topics that nobody else uses."""

import collections
import json
import queue
import subprocess
import threading
import time
import uuid

from kafka_client import TOOL, KafkaClient, Record

PROGRAM = TOOL.with_name("drover_scheduler_tool")
PATIENCE = 120  # seconds; only a failing test waits so long


def wait_for(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


class Scheduler:
    def __init__(self, command, log):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.status = {"ready": False, "partitions": [], "waiting": {}, "dispatched": 0, "cancelled": 0, "scheduled": 0, "refused": 0}
        self.commands, self._log = queue.Queue(), log
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self._log, "w", encoding="utf-8") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                if "cancel" in told:
                    self.commands.put(told)
                elif "ready" in told:
                    self.status = told

    @property
    def pid(self):
        return self._process.pid

    def wait_until_ready(self, partitions=None):
        wait_for(lambda: self.status["ready"] and (partitions is None or len(self.status["partitions"]) == partitions),
                 f"a scheduler that is ready with {partitions} partitions")

    def cancel(self, job_id):
        self._process.stdin.write(job_id + "\n")
        self._process.stdin.flush()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0

    def clean_up(self):
        if self._process.poll() is None:
            self.kill()
        self._reader.join()
        self._process.stdout.close()


class Schedulers:
    def __init__(self, cluster, folder, partitions=12, replication=1):
        self.kafka = KafkaClient(cluster.bootstrap)
        self._folder = folder
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.delayed, self.gateway, self.events = (self.prefix + name for name in ("delayed", "gateway", "events"))
        self.jobs, self.control = self.prefix + "jobs", self.prefix + "jobs.control"
        config = {"message_timestamp_type": "LogAppendTime", "replication": replication}
        self.kafka.create(self.delayed, partitions=partitions, cleanup_policy="compact", **config)
        self.kafka.create(self.gateway, cleanup_policy="compact", **config)
        self.kafka.create(self.jobs, partitions=4, **config)
        self.kafka.create(self.control, self.events, **config)
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self._running:
            each.clean_up()

    def _command(self, *arguments, session=6000):
        return [str(PROGRAM), "--kafka", self.kafka.bootstrap, "--prefix", self.prefix, "--session", str(session), *map(str, arguments)]

    def start(self, session=6000):
        number = len(self._running)
        data = self._folder / f"{self.prefix}{number}"
        data.mkdir()
        made = Scheduler(self._command("run", "--data", data, "--control-topic", self.control, session=session),
                         self._folder / f"{self.prefix}{number}.log")
        self._running.append(made)
        return made

    def _run(self, *arguments):
        return subprocess.run(self._command(*arguments), stdout=subprocess.PIPE, text=True, check=True).stdout

    def delay(self, count, first, last, topic=None, size=10, id_prefix="job"):
        """{id: when it is due, in ms}; `first` and `last` are seconds from now."""
        lines = self._run("delay", "--topic", topic or self.jobs, "--count", count, "--from", int(first * 1000),
                          "--to", int(last * 1000), "--size", size, "--id-prefix", id_prefix)
        return {told["id"]: told["due"] for told in map(json.loads, lines.splitlines())}

    def queue_record(self, name="test.queue", **spec):
        namespace, short = name.split(".")
        resource = {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue",
                    "metadata": {"name": short, "namespace": namespace,
                                 "annotations": {"drover.dev/local-command": "none"}},
                    "spec": {"kafka": {"topic": self.jobs}, **spec}}
        self.kafka.produce(self.gateway, [Record(key=f"queue/{name}", value=json.dumps(resource))])

    def upsert(self, name, body, queue="test.queue"):
        self._run("upsert", "--queue", queue, "--name", name, "--body", json.dumps(body))

    def remove(self, name):
        self._run("remove", "--name", name)

    def states(self, topic=None):
        """What has been written last about the runs of each schedule."""
        found = {}
        for record in self.kafka.read(topic or self.delayed):
            if record.key.startswith(b"schedule-run/"):
                name = record.key.decode().rpartition("/")[2]
                found[name] = json.loads(record.value) if record.value else None
        return {name: told for name, told in found.items() if told}

    def _end(self, topic):
        try:
            return sum(end for _, end in self.kafka.offsets(topic).values())
        except RuntimeError as error:  # of a broker that has just started
            if "Leader epoch is newer" not in str(error):
                raise
            return 0

    def dispatched(self, count, topic=None):
        """The jobs that came, once there are `count` of them; {id: [when by the broker]}."""
        topic = topic or self.jobs
        wait_for(lambda: self._end(topic) >= count, f"{count} jobs")
        came = collections.defaultdict(list)
        for record in self.kafka.read(topic, count=count):
            came[record.header("drover-job-id")].append(record.timestamp)
        return came


def assert_each_once_and_none_early(due, came):
    assert set(came) == set(due), f"{len(set(due) - set(came))} lost, {len(set(came) - set(due))} of nobody"
    twice = [job for job, times in came.items() if len(times) > 1]
    assert not twice, f"{len(twice)} came twice"
    early = {job: due[job] - times[0] for job, times in came.items() if times[0] < due[job]}
    assert not early, f"{len(early)} were early, by up to {max(early.values())} ms"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0
