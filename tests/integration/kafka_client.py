"""Kafka for tests: records, topics and committed positions, through drover_kafka_tool."""

import base64
import dataclasses
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
DROVER = pathlib.Path(os.environ.get("DROVER", ROOT / "build" / "dev" / "bin" / "drover")).resolve()
TOOL = pathlib.Path(os.environ.get("DROVER_KAFKA_TOOL", DROVER.with_name("drover_kafka_tool")))


@dataclasses.dataclass
class Record:
    value: bytes | None = b""
    key: bytes | None = None
    headers: list = dataclasses.field(default_factory=list)  # of (name, bytes or str)
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None  # milliseconds since the epoch

    def all(self, name):
        return [value for other, value in self.headers if other == name]

    def header(self, name):
        """Its text; None when it is missing. Of a header that Drover writes there is only one."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0].decode() if values else None


def _encoded(data):
    if data is None:
        return None
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def _decoded(text):
    return None if text is None else base64.b64decode(text)


def to_line(record):
    line = {"key": _encoded(record.key), "value": _encoded(record.value),
            "headers": [[name, _encoded(value)] for name, value in record.headers]}
    return json.dumps(line | ({"topic": record.topic} if record.topic else {})) + "\n"


class KafkaClient:
    def __init__(self, bootstrap, settings=None):
        self.bootstrap = bootstrap
        self.settings = dict(settings or {})  # by librdkafka's names

    def command(self, *arguments, timeout=60):
        settings = [part for name, value in self.settings.items() for part in ("--set", f"{name}={value}")]
        return [str(TOOL), "--kafka", self.bootstrap, "--timeout", str(timeout), *settings, *map(str, arguments)]

    def create(self, *topics, partitions=1, replication=1, **config):
        settings = [part for name, value in config.items() for part in ("--config", f"{name.replace('_', '.')}={value}")]
        self._run("create", *topics, "--partitions", partitions, "--replication", replication, *settings)

    def delete(self, *topics):
        self._run("delete", *topics)

    def produce(self, topic, records):
        """Returns, once all are acknowledged, where they stand."""
        return self._lines("produce", topic, stdin="".join(map(to_line, records)))

    def produce_in_transactions(self, topic, records):
        """Their values only, each in a transaction of its own."""
        self._run("produce-in-transactions", topic, stdin="".join(map(to_line, records)))

    def read(self, *topics, count=0):
        """All records of the topics, at least `count`: it waits for them."""
        return [Record(_decoded(line["value"]), _decoded(line["key"]),
                       [(name, _decoded(value)) for name, value in line["headers"]],
                       line["topic"], line["partition"], line["offset"], line["timestamp"])
                for line in self._lines("read", *topics, "--count", count)]

    def offsets(self, *topics):
        """{(topic, partition): (start, end)}"""
        return {(line["topic"], line["partition"]): (line["start"], line["end"]) for line in self._lines("offsets", *topics)}

    def positions(self, group):
        """{(topic, partition): {offset, metadata, decoded}} of what the group has committed."""
        return {(line["topic"], line["partition"]): line for line in self._lines("positions", group)}

    def set_position(self, group, topic, partition, offset):
        self._run("set-positions", group, stdin=json.dumps({"topic": topic, "partition": partition, "offset": offset}))

    def delete_records(self, topic, partition, before):
        self._run("delete-records", stdin=json.dumps({"topic": topic, "partition": partition, "offset": before}))

    def _lines(self, *arguments, stdin=""):
        return [json.loads(line) for line in self._run(*arguments, stdin=stdin).splitlines()]

    def _run(self, *arguments, stdin=""):
        done = subprocess.run(self.command(*arguments), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout
