"""Queues and the sidecars that serve them, as processes."""

import http.client
import itertools
import json
import os
import pathlib
import signal
import subprocess

from kafka_client import DROVER
from processes import end_with_parent, wait_until

_numbers = itertools.count(1)


class Queue:
    """The topics of one queue, made anew, and the configuration of its sidecars.

    `steps` are the retry topics', such as ("100ms", "1s"). What a test says of `delivery` and `retry` goes into the
    configuration as it is. Where a test says nothing of it, no job times out because the machine is slow.
    """

    def __init__(self, kafka, folder, partitions=1, replication=1, steps=("100ms",), delivery=None, retry=None,
                 create=True, name=None, **config):
        self.kafka = kafka
        self.folder = pathlib.Path(folder)
        self.name = name or f"queue{next(_numbers)}-{os.getpid()}"
        self.topic = f"test.{self.name}"
        self.dead_letters = f"{self.topic}.dlq"
        self.steps = steps
        self.retry_topics = [f"{self.topic}.retry.{step}" for step in steps]
        self.group = f"drover.test.{self.name}"
        self.retry_group = f"{self.group}.retry"
        self.partitions = partitions
        self.replication = replication
        self._delivery = {"timeout": "5m", "concurrency": 8} | (delivery or {})
        self._retry = {"maxAttempts": 3, "backoff": "fixed", "initial": "100ms", "jitter": 0} | (retry or {})
        self._config = config
        self._sidecars = itertools.count(1)
        if create:
            self.create()

    @property
    def all_partitions(self):
        """Of all topics that its sidecars read."""
        return self.partitions * (1 + len(self.steps))

    def create(self):
        self.kafka.create(self.topic, *self.retry_topics, self.dead_letters, partitions=self.partitions,
                          replication=self.replication)

    def config(self, port, **changes):
        return {
            "version": 1, "queue": self.name, "namespace": "test", "pod": f"pod-{next(self._sidecars)}",
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, **self.kafka.settings},
            "topic": self.topic, "deadLetterTopic": self.dead_letters,
            "retryTopics": [{"topic": topic, "step": step} for topic, step in zip(self.retry_topics, self.steps)],
            "group": self.group, "retryGroup": self.retry_group,
            "queueTopics": {self.name: self.topic},
            "delivery": self._delivery | {"port": port}, "retry": self._retry,
            "appPort": 0, "probePort": 0, "probeAddress": "127.0.0.1",
        } | self._config | changes

    def sidecar(self, worker, **changes):
        """A running one that hands to this worker, which is one or its port."""
        return Sidecar(self.config(getattr(worker, "port", worker), **changes), self.folder)

    def produce(self, *records):
        return self.kafka.produce(self.topic, records)

    def dead(self, count=0):
        return self.kafka.read(self.dead_letters, count=count)

    def committed(self, group=None):
        """How many records of the queue's topics lie below what is committed, start offsets being 0."""
        return sum(position["offset"] for position in self.kafka.positions(group or self.group).values())

    def wait_until_committed(self, count, group=None):
        wait_until(lambda: self.committed(group) >= count, f"commit of {count} records", 60)


class Sidecar:
    """A process; it ends with the test whatever happens."""

    def __init__(self, config, folder, wait=True):
        self.config = config
        self.folder = pathlib.Path(folder)
        self.name = config["pod"]
        stem = f"{config['queue']}-{self.name}"
        file = self.folder / f"{stem}.json"
        file.write_text(json.dumps(config))
        self.log_file = self.folder / f"{stem}.log"
        with self.log_file.open("wb") as out:
            self._process = subprocess.Popen([str(DROVER), "sidecar", "--config", str(file)], stdin=subprocess.DEVNULL,
                                             stdout=out, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.pid = self._process.pid
        if wait:
            started = self.wait_for_log(lambda line: line["message"] == "sidecar started", "start")
            self.app_port, self.probe_port = started["appPort"], started["probePort"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running:
            self.kill()

    @property
    def running(self):
        return self._process.poll() is None

    def kill(self):
        self._process.kill()
        self._process.wait()

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds=120):
        return self._process.wait(seconds)

    def stop(self):
        """An orderly end; fails when it is not one."""
        self.terminate()
        code = self.wait()
        assert code == 0, f"the sidecar ended with {code}:\n{self.log_text()}"

    def log_text(self):
        return self.log_file.read_text(errors="replace")

    def log(self):
        lines = []
        for line in self.log_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                lines.append(json.loads(line))
        return lines

    def wait_for_log(self, matches, what, seconds=60):
        def found():
            line = next(filter(matches, self.log()), None)
            if line is None and not self.running:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self.log_text()}")
            return line
        return self._wait_until(found, f"log line: {what}", seconds)

    def get(self, path):
        """(status, body)"""
        return request(self.probe_port, "GET", path)

    def stats(self):
        return json.loads(self.get("/stats")[1])

    def wait_for(self, condition, what, seconds=60):
        """Until condition(stats) is true; those statistics."""
        def fulfilled():
            stats = self.stats()
            return stats if condition(stats) else None
        return self._wait_until(fulfilled, what, seconds)

    def wait_until_ready(self):
        """Is a member of both groups."""
        return self._wait_until(lambda: self.get("/readyz")[0] == 200, f"readiness of {self.name}", 60)

    def wait_until_joined(self, partitions=1):
        """Holds at least so many partitions."""
        return self.wait_for(lambda stats: stats["partitions"] >= partitions, f"assignment to {self.name}")

    def submit(self, queue, job, **headers):
        """(status, JSON) of POST /v1/queues/{queue}/jobs"""
        status, body = request(self.app_port, "POST", f"/v1/queues/{queue}/jobs", json.dumps(job).encode(), headers)
        return status, json.loads(body)

    def _wait_until(self, condition, what, seconds):
        try:
            return wait_until(condition, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the sidecar said:\n{self.log_text()[-4000:]}") from None


def request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
