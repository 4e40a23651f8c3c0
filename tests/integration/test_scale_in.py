"""What it costs when pods come and go under load: job by job, and how long partitions stand still."""

import collections
import concurrent.futures
import contextlib
import itertools
import json
import random
import time

from chaos import Feed
from sidecars import Queue
from worker import Reply, Worker

MOST, LEAST, PARTITIONS = 6, 2, 12  # of the pods; the queue's
SPAN, EVERY = 120.0, 5.0            # seconds of load, and from a change to the next
CONCURRENCY = 12
RATE = 36        # jobs a second: more than two pods can do (15) and less than six (45), whose jobs take 1.6 s each
HEAD_START = 400  # jobs that are there before the first change


class Pod:
    """A worker and its sidecar, which end as the containers of a pod do: the app gets SIGTERM once `/drain` has
    answered, and the sidecar after it."""

    def __init__(self, queue):
        self.worker = Worker(lambda job: Reply(after=json.loads(job.payload)["ms"] / 1000))
        self.sidecar = queue.sidecar(self.worker)
        self.up_at = time.time()
        self.ends_at = self.stats = None

    def end(self):
        self.ends_at = time.time()
        status, stats = self.sidecar.get("/drain", seconds=300)
        assert status == 200, self.sidecar.log_text()
        self.stats = json.loads(stats)
        self.worker.__exit__()
        self.sidecar.stop()

    def close(self):
        self.sidecar.__exit__()
        if self.stats is None:
            self.worker.__exit__()


def test_A15_B7_scale_in_under_load_does_each_job_once_and_retries_none(kafka, folder, capsys):
    """From six pods to two and back, every five seconds for two minutes, with jobs that take 0.2 to 3 s.

    Prints how long partitions were idle, as a share of the two minutes. A partition is idle at a moment at which it has a
    backlog, a record produced and not handed over yet, none of its jobs is in flight with any pod, and some pod that runs
    and does not drain has a place free. While all of them are full there is nothing to gain, and whose jobs they have is
    chance: `without_a_job_in_flight` counts that too. The moment from an answer to the next hand-over is idle as well.
    """
    # Sessions that outlast what holds up the machine: this is about members that leave. Not longer: one that ends while it
    # joins is waited for by the group, for a session.
    queue = Queue(kafka, folder, partitions=PARTITIONS, delivery={"concurrency": CONCURRENCY}, sessionTimeout="20s")
    dice = random.Random(7)
    numbers = itertools.count()
    with contextlib.ExitStack() as ends, concurrent.futures.ThreadPoolExecutor() as later:
        pods, ended, ending = [], [], []

        def start():
            pods.append(Pod(queue))
            ends.callback(pods[-1].close)

        def scale(count):
            while len(pods) > count:
                ended.append(pods.pop(dice.randrange(len(pods))))
                ending.append(later.submit(ended[-1].end))
            while len(pods) < count:
                start()

        def jobs():
            return [job for pod in pods + ended for job in list(pod.worker.jobs)]

        scale(MOST)
        for pod in pods:
            pod.sidecar.wait_until_ready()
        feed = Feed(kafka, queue.topic)

        def produce():
            feed.produce({"n": next(numbers), "ms": dice.randint(200, 3000)})

        for _ in range(HEAD_START):
            produce()
        begin, wall_begin = time.monotonic(), time.time()
        changes = collections.deque((EVERY * i, LEAST if i % 2 else MOST) for i in range(1, round(SPAN / EVERY)))
        for i in range(round(SPAN * RATE)):
            at = i / RATE
            time.sleep(max(0.0, begin + at - time.monotonic()))
            if changes and changes[0][0] <= at:
                scale(changes.popleft()[1])
            produce()
        wall_end = time.time()
        scale(MOST)
        count = feed.finish()
        assert count == HEAD_START + round(SPAN * RATE)
        queue.wait_until_committed(count, seconds=300)
        scale(0)
        for each in ending:
            each.result()

        done = jobs()
        times = collections.Counter((job.header("kafka-partition"), job.header("kafka-offset")) for job in done)
        assert [where for where, n in times.items() if n > 1] == [], "none twice"
        assert len(times) == len(done) == count
        assert {job.attempt for job in done} == {1} and {job.header("kafka-topic") for job in done} == {queue.topic}
        total = collections.Counter()
        for pod in ended:
            total.update({name: pod.stats[name] for name in ("completed", "retried", "deadLettered")})
        assert (total["completed"], total["retried"], total["deadLettered"]) == (count, 0, 0)
        assert queue.dead() == []
        assert sum(bool(pod.worker.jobs) for pod in ended) > MOST, "pods that came later had their share"

    shares = standing_still(kafka.read(queue.topic), ended, wall_begin, wall_end)
    backlog, idle, without = ([each[i] for each in shares] for i in range(3))
    assert sum(backlog) / PARTITIONS > 0.5, "where there is nothing to do, nobody is idle"
    with capsys.disabled():
        print("\nscale-in under load: " + json.dumps({
            "jobs": count, "pods": len(ended), "changes": round(SPAN / EVERY), "backlog": rounded(backlog),
            "idle": rounded(idle), "without_a_job_in_flight": rounded(without),
            "idle_by_partition": [round(share, 3) for share in idle]}))


def standing_still(records, pods, begin, end):
    """Of each partition, as shares of this time: (it has a backlog, it is idle, it has a backlog and no job in flight)"""
    turns = [(record.timestamp / 1000, 0, record.partition, 1, None) for record in records]
    for pod in pods:
        turns += [(pod.up_at, 1, None, 0, pod), (pod.ends_at, 2, None, 0, pod)]
        for job in pod.worker.jobs:
            partition = int(job.header("kafka-partition"))
            turns += [(job.at, 3, partition, -1, pod), (job.answered_at, 4, partition, 0, pod)]
    turns.sort(key=lambda turn: turn[:2])
    turns.append((end, 5, None, 0, None))

    backlog, in_flight, busy, up = collections.Counter(), collections.Counter(), collections.Counter(), set()
    seconds = [[0.0, 0.0, 0.0] for _ in range(PARTITIONS)]
    for (at, what, partition, more, pod), (until, *_) in itertools.pairwise(turns):
        backlog[partition] += more
        if what == 1:
            up.add(pod)
        elif what == 2:
            up.discard(pod)
        elif what in (3, 4):
            change = 1 if what == 3 else -1
            in_flight[partition] += change
            busy[pod] += change
        passed = min(until, end) - max(at, begin)
        if passed <= 0:
            continue
        is_free = any(busy[pod] < CONCURRENCY for pod in up)
        for each in range(PARTITIONS):
            if backlog[each] > 0:
                seconds[each][0] += passed
                if in_flight[each] == 0:
                    seconds[each][1] += passed if is_free else 0
                    seconds[each][2] += passed
    return [[share / (end - begin) for share in each] for each in seconds]


def rounded(shares):
    return {"mean": round(sum(shares) / len(shares), 3), "most": round(max(shares), 3)}
