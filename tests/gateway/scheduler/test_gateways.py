"""C8, C9: delayed jobs and schedules through real gateways, of which one is killed or has a wrong clock."""

import collections
import concurrent.futures
import contextlib
import datetime
import json
import re
import time

import pytest
from gateway_process import Gateway
from kafka_client import TOOL, KafkaClient, Record
from schedulers import assert_each_once_and_none_early, percentile, wait_for

PARTITIONS = 12  # of drover.delayed
BATCH = 500
SESSION = 6000  # ms, of a gateway: docs/schedules.md


class Gateways:
    """Several on one Kafka, with queues that nobody works on."""

    def __init__(self, cluster, folder):
        self.kafka = KafkaClient(cluster.bootstrap)
        self._folder, self._ends = folder, contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ends.close()

    def start(self, name, clock_seconds=0):
        """`clock_seconds`: how much its machine's clock is ahead."""
        command = ["env", f"LD_PRELOAD={TOOL.with_name('drover_shifted_clock.so')}",
                   f"SHIFTED_CLOCK_SECONDS={clock_seconds}"] if clock_seconds else []
        gateway = Gateway(self._folder, self.kafka.bootstrap, name=name, command=command)
        return self._ends.enter_context(gateway)

    def make_queue(self, name):
        topic = f"default.{name}"
        self.kafka.create(topic, partitions=4, message_timestamp_type="LogAppendTime")
        self.kafka.create(f"{topic}.dlq", f"{topic}.control")
        spec = {"kafka": {"bootstrapServers": self.kafka.bootstrap, "partitions": 4, "replicationFactor": 1},
                "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}}}
        self.kafka.produce("drover.gateway", [Record(key=f"queue/{topic}", value=json.dumps(
            {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue", "metadata": {"name": name, "namespace": "default"}, "spec": spec}))])
        return topic

    def written(self, topic, count):
        """Records of jobs, once there are as many."""
        wait_for(lambda: sum(end for _, end in self.kafka.offsets(topic).values()) >= count, f"{count} jobs")
        return self.kafka.read(topic, count=count)


@pytest.fixture
def gateways(cluster, tmp_path):
    with Gateways(cluster, tmp_path) as made:
        yield made


def knows(gateway, topic):
    return wait_for(lambda: gateway.client().ask("GET", f"/v1/queues/{topic}").status == 200, f"{topic} at a gateway")


def owned(gateway):
    text = gateway.client().ask("GET", "/metrics").body.decode()
    return set(map(int, re.findall(r'drover_gateway_scheduler_partition\{partition="(\d+)"\} 1$', text, re.MULTILINE)))


def share_the_work(*gateways):
    """What each of them owns, once all is owned and each has its part."""
    def look():
        each = [owned(gateway) for gateway in gateways]
        return each if all(each) and sorted(sum(map(sorted, each), [])) == list(range(PARTITIONS)) else None
    return wait_for(look, "partitions that are shared")


def at(moment):
    return datetime.datetime.fromtimestamp(moment / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds")


def submit_delayed(gateways, topic, due):
    """The jobs' ids, with when they are due; in batches, to each gateway in turn, several at once."""
    def submit(number):
        times = due[number * BATCH:(number + 1) * BATCH]
        jobs = [{"payload": {"n": number * BATCH + i}, "runAt": at(moment)} for i, moment in enumerate(times)]
        answer = gateways[number % len(gateways)].client().ask("POST", f"/v1/queues/{topic}/jobs:batch", jobs)
        assert answer.status == 202, answer.body
        return zip((job["id"] for job in answer.json["jobs"]), times, strict=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(pair for pairs in pool.map(submit, range(-(-len(due) // BATCH))) for pair in pairs)


def test_C8_ten_thousand_jobs_in_a_minute_over_two_gateways_of_which_one_is_killed(gateways):
    one, other = gateways.start("one"), gateways.start("other")
    topic = gateways.make_queue("later")
    for gateway in (one, other):
        knows(gateway, topic)
    killed_ones, _ = share_the_work(one, other)
    first = int(time.time() * 1000) + 10_000
    due = submit_delayed([one, other], topic, [first + i * 6 for i in range(10_000)])
    assert time.time() * 1000 < first, "the machine was too slow to submit them in time"
    partition = {record.key.decode(): record.partition for record in gateways.kafka.read("drover.delayed") if record.key}
    time.sleep(first / 1000 + 30 - time.time())  # the middle of the minute
    one.kill()
    killed_at = time.time() * 1000

    came = collections.defaultdict(list)
    for record in gateways.written(topic, len(due)):
        came[record.header("drover-job-id")].append(record.timestamp)
    late = {job: times[0] - due[job] for job, times in came.items()}
    of_killed = [ms for job, ms in late.items() if partition[job] in killed_ones and due[job] > killed_at]
    of_living = [ms for job, ms in late.items() if partition[job] not in killed_ones or due[job] < killed_at - 1000]
    for whose, values, limit in (("living owners", of_living, 500), ("the killed one's", of_killed, SESSION + 2000)):
        print(f"{whose}: {len(values)} jobs, late by p50 {percentile(values, 0.5)} ms, p99 {percentile(values, 0.99)} ms "
              f"(promised: {limit}), at most {max(values)} ms")
    assert of_killed, "the killed one had nothing left to do"
    wait_for(lambda: owned(other) == set(range(PARTITIONS)), "all partitions at the other one")
    assert_each_once_and_none_early(due, came)


def test_C9_a_schedule_put_by_three_at_once_with_different_clocks_runs_once_per_time(gateways):
    three = [gateways.start("right"), gateways.start("ahead", 3600), gateways.start("behind", -3600)]
    topic = gateways.make_queue("ticks")
    for gateway in three:
        knows(gateway, topic)

    def put(gateway):
        return gateway.client().ask("PUT", f"/v1/queues/{topic}/schedules/tick",
                                    {"cron": "* * * * * *", "job": {"type": "tick", "payload": {"n": 1}}}).status

    seen = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(2):  # and once more, in the middle
            assert all(status in (200, 201) for status in pool.map(put, three))
            seen = len(gateways.written(topic, seen + 8))
    began = time.time()
    runs = collections.defaultdict(list)
    for record in gateways.written(topic, seen):
        planned = datetime.datetime.fromisoformat(record.header("drover-scheduled-at").replace("Z", "+00:00")).timestamp()
        runs[int(planned)].append(record.timestamp / 1000)
    assert all(len(times) == 1 for times in runs.values()), {planned: times for planned, times in runs.items() if len(times) > 1}
    assert sorted(runs) == list(range(min(runs), max(runs) + 1)), "seconds were left out"
    assert all(times[0] >= planned for planned, times in runs.items()), "some ran before their time by the brokers' clock"
    assert max(runs) <= began + 1
