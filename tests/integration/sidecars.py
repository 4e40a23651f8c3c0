"""Queues and the sidecars that serve them, as processes."""

import datetime
import http.client
import itertools
import json
import os
import pathlib
import signal
import subprocess

from kafka_client import DROVER, Record
from processes import end_with_parent, wait_until

_numbers = itertools.count(1)


class Queue:
    """The topics of one queue, made anew, and the configuration of its sidecars.

    `steps` are the retry topics', such as ("100ms", "1s"). What a test says of `delivery` and `retry` goes into the
    configuration as it is. Where a test says nothing of it, no job times out because the machine is slow. `lanes` are
    the names of all of them, most urgent first. `control` and `events`: the queue has such a topic.
    """

    def __init__(self, kafka, folder, partitions=1, replication=1, steps=("100ms",), delivery=None, retry=None,
                 create=True, name=None, control=False, events=False, lanes=(), **config):
        self.kafka = kafka
        self.folder = pathlib.Path(folder)
        self.name = name or f"queue{next(_numbers)}-{os.getpid()}"
        self.topic = f"test.{self.name}"
        self.dead_letters = f"{self.topic}.dlq"
        self.steps = steps
        self.retry_topics = [f"{self.topic}.retry.{step}" for step in steps]
        self.control_topic = f"{self.topic}.control" if control else ""
        self.events_topic = f"{self.topic}.events" if events else ""
        self.group = f"drover.test.{self.name}"
        self.lanes = {lane: (self.topic, self.group) if lane == "normal" else (f"{self.topic}.{lane}", f"{self.group}.{lane}")
                      for lane in lanes}
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
        return self.partitions * (max(len(self.lanes), 1) + len(self.steps))

    def create(self):
        lane_topics = {topic for topic, _ in self.lanes.values()} - {self.topic}
        self.kafka.create(self.topic, *lane_topics, *self.retry_topics, self.dead_letters, partitions=self.partitions,
                          replication=self.replication)
        self.create_control()
        self.create_events()

    def create_control(self):
        if self.control_topic:
            self.kafka.create(self.control_topic, replication=self.replication, cleanup_policy="compact")

    def create_events(self):
        if self.events_topic:
            self.kafka.create(self.events_topic, replication=self.replication)

    def config(self, port, **changes):
        return {
            "version": 1, "queue": self.name, "namespace": "test", "pod": f"pod-{next(self._sidecars)}",
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, **self.kafka.settings},
            "topic": self.topic, "deadLetterTopic": self.dead_letters,
            "retryTopics": [{"topic": topic, "step": step} for topic, step in zip(self.retry_topics, self.steps)],
            "group": self.group, "retryGroup": self.retry_group,
            "controlTopic": self.control_topic, "eventsTopic": self.events_topic,
            "lanes": [{"lane": lane, "topic": topic, "group": group} for lane, (topic, group) in self.lanes.items()],
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

    def control(self, key, value):
        """Writes to the control topic: a dict is JSON, None takes back what the key said."""
        value = json.dumps(value).encode() if isinstance(value, dict) else value
        self.kafka.produce(self.control_topic, [Record(value, key.encode())])

    def pause(self, paused=True):
        self.control("pause/test", {"paused": paused, "by": "a test", "at": now()})

    def cancel(self, job_id):
        self.control(f"cancel/{job_id}", {"by": "a test", "at": now()})

    def events(self, job_id=None, count=0):
        """What was told of all jobs, or of this one, in order. `count` as in KafkaClient.read()."""
        events = [json.loads(record.value) for record in self.kafka.read(self.events_topic, count=count)]
        return [event for event in events if job_id in (None, event["jobId"])]

    def wait_for_events(self, condition, what, job_id=None):
        """Until condition(events) is true; those events."""
        def fulfilled():
            events = self.events(job_id)
            return events if condition(events) else None
        return wait_until(fulfilled, what, 60)

    def committed(self, group=None):
        """How many records of the queue's topics lie below what is committed, start offsets being 0."""
        return sum(position["offset"] for position in self.kafka.positions(group or self.group).values())

    def wait_until_committed(self, count, group=None, seconds=60):
        wait_until(lambda: self.committed(group) >= count, f"commit of {count} records", seconds)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_seconds(rfc3339):
    return datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()


class Sidecar:
    """A process; it ends with the test whatever happens."""

    def __init__(self, config, folder, wait=True, env=None):
        self.config = config
        self.folder = pathlib.Path(folder)
        self.name = config["pod"]
        stem = f"{config['queue']}-{self.name}"
        file = self.folder / f"{stem}.json"
        file.write_text(json.dumps(config))
        self.log_file = self.folder / f"{stem}.log"
        with self.log_file.open("wb") as out:
            self._process = subprocess.Popen([str(DROVER), "sidecar", "--config", str(file)], stdin=subprocess.DEVNULL,
                                             stdout=out, stderr=subprocess.STDOUT, preexec_fn=end_with_parent,
                                             env=os.environ | (env or {}))
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

    def get(self, path, seconds=60):
        """(status, body)"""
        return request(self.probe_port, "GET", path, seconds=seconds)

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

    def say(self, job, deed, body=b"", lease=None, job_id=None, content_type="application/json"):
        """(status, JSON) of POST /v1/jobs/{id}/{deed}, about this hand-over, or with another lease or another id."""
        headers = {"content-type": content_type, "drover-lease": lease or job.lease}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = request(self.app_port, "POST", f"/v1/jobs/{job_id or job.id}/{deed}", body, headers)
        return status, json.loads(answer)

    def lease(self, **wanted):
        """The answer to POST /v1/lease: (status, JSON)"""
        status, answer = request(self.app_port, "POST", "/v1/lease", json.dumps(wanted).encode())
        return status, json.loads(answer)

    def _wait_until(self, condition, what, seconds):
        try:
            return wait_until(condition, what, seconds)
        except TimeoutError as error:
            stats = self.stats() if self.running else None
            raise TimeoutError(f"{error}; it counts {stats} and said:\n{self.log_text()[-4000:]}") from None


def request(port, method, path, body=None, headers=None, seconds=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
