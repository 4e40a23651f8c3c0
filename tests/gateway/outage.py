#!/usr/bin/env python3
"""Kills the gateway and stops Kafka while clients submit, and counts what that costs.

    outage.py [--jobs 50000] [--clients 50] [--kills 10] [--outages 3] [--outage-seconds 30] [--seed N] [--rate 250]

An Apache Kafka of one broker, a gateway with its view in SQLite, a sidecar, and a worker that writes down each
hand-over. Clients submit --rate jobs a second, one by one and in batches, and repeat what was not answered with a 202
under the same Idempotency-Key. A third of the kills (-9) come while Kafka is away, a third as it comes back, the others
at any time; the gateway starts again at once, on the same data. Kafka is killed (-9) and stopped (SIGSTOP) in turn.

At the end every id that got a 202 must be completed, for the worker and for the gateway; a key must have had one id, and
a job one hand-over, but for those that the sidecar had not committed when an outage outlived its session.

Prints what happens, and one line of JSON at the end. The exit code is 0 when all of it holds.
"""

import argparse
import collections
import concurrent.futures
import http.client
import json
import math
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "run", "integration"))]

from chaos import Chaos, Log, WorkerProcess, main, moments  # noqa: E402
from gateway_process import Gateway  # noqa: E402
from kafka_client import KafkaClient, Record  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from processes import end_with_parent, reserve_ports, wait_until  # noqa: E402
from sidecars import Queue, to_seconds  # noqa: E402

PARTITIONS = 4
NODE = 1
BATCHES = 5            # one client in five submits batches
LARGEST_BATCH = 40
ASKED_AGAIN = 0.05     # of what was accepted: the same request once more, which is the same jobs
BURST = 0.5            # seconds: all that is due goes at once, so that a kill meets many requests on their way
MOST_OPEN = 10         # requests on their way for which a kill waits, at most
PAUSE = 0.1            # seconds before a request is repeated
RELAYING = 2.0         # seconds after Kafka's return in which the spool is likely to be relayed
RETRY = {"maxAttempts": 3, "backoff": "fixed", "initial": "100ms", "jitter": 0}
HANG = 120             # seconds in which nothing moves
CONCURRENCY = 16
MOST_PER_LOSS = 1024 * PARTITIONS + CONCURRENCY  # jobs that run again when partitions are lost: docs/gateway.md


class Pace:
    """Numbers of jobs for whoever asks, so many a second, in bursts. What nobody asks for in time is not made up for."""

    def __init__(self, jobs, rate):
        self._jobs, self._rate = jobs, rate
        self._lock = threading.Lock()
        self._at = time.monotonic()
        self.taken = 0
        self.ended = False

    def take(self, most):
        with self._lock:
            numbers = range(self.taken, min(self.taken + most, self._jobs))
            self.taken = numbers.stop
            at = max(self._at, time.monotonic())
            self._at = at + len(numbers) / self._rate
        time.sleep(max(0.0, math.ceil(at / BURST) * BURST - time.monotonic()))
        return numbers


class Client:
    """Submits until there are no more jobs. `ids` is the job's number -> the id of its 202."""

    def __init__(self, number, port, queue, pace, seed):
        self._dice = random.Random(f"{seed}-{number}")
        self._most = LARGEST_BATCH if number % BATCHES == 0 else 1
        self._path = f"/v1/queues/{queue}/jobs" + (":batch" if self._most > 1 else "")
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG)
        self._pace = pace
        self.ids = {}
        self.other_ids = []  # (number, id, another one for the same key)
        self.unanswered = self.refused = self.asked_again = 0
        self.is_open = False  # a request is on its way

    def run(self):
        while numbers := self._pace.take(self._dice.randint(1, self._most)):
            jobs = [{"payload": {"n": n, "ms": self._dice.randint(0, 10)}} for n in numbers]
            self._submit(numbers, json.dumps(jobs if self._most > 1 else jobs[0]))
            if self._dice.random() < ASKED_AGAIN:
                self.asked_again += 1
                self._submit(numbers, json.dumps(jobs if self._most > 1 else jobs[0]))
        self._connection.close()

    def _submit(self, numbers, body):
        key = {"Idempotency-Key": f"job-{numbers.start}"}
        while (answer := self._ask(body, key)) is None:
            if self._pace.ended:
                return
            time.sleep(PAUSE)
        accepted = answer["jobs"] if self._most > 1 else [answer]
        for number, job in zip(numbers, accepted, strict=True):
            if self.ids.setdefault(number, job["id"]) != job["id"]:
                self.other_ids.append((number, self.ids[number], job["id"]))

    def _ask(self, body, headers):
        """What a 202 says. Nothing: the same again."""
        try:
            if self._connection.sock is None:
                self._connection.connect()
        except OSError:  # between a kill and the next start
            return None
        self.is_open = True
        try:
            self._connection.request("POST", self._path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self.unanswered += 1
            return None
        finally:
            self.is_open = False
        if response.status == 202:
            return json.loads(text)
        self.refused += 1
        # The gateway does not know its queues yet, or a part of the batch was not taken, or the request that got no answer
        # is still on its way.
        if response.status in (503, 207) or (response.status == 409 and b"ask again" in text):
            return None
        raise AssertionError(f"{response.status} {text}")


class Outage:
    def __init__(self, options, folder, kafka, say=print):
        self.options, self.folder, self.kafka, self.say = options, folder, kafka, say
        self.dice = random.Random(options.seed)
        self.client = KafkaClient(kafka.bootstrap)
        self.queue = Queue(self.client, folder, partitions=PARTITIONS, delivery={"concurrency": CONCURRENCY},
                           retry=RETRY, control=True)
        self.queue.events_topic = "drover.events"  # which the gateway makes
        self.name = f"test.{self.queue.name}"
        self._reservation, = reserve_ports(1)
        self.port = self._reservation.getsockname()[1]
        self.starts = 0
        self.start_gateway()
        self.announce()
        self.worker = WorkerProcess(folder, 0)
        self.sidecar = self.queue.sidecar(self.worker)
        self.log = Log([self.worker.log])
        self.looks = [(0.0, {})]  # (when, what was committed then)
        self.stops = 0

    # --- the gateway

    def start_gateway(self):
        self.starts += 1
        self.gateway = Gateway(self.folder, self.kafka.bootstrap, port=self.port)

    def announce(self):
        """As the operator would."""
        wait_until(self.gateway.client().is_ready, "a gateway that is ready")
        queue = {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue",
                 "metadata": {"name": self.queue.name, "namespace": "test"},
                 "spec": {"kafka": {"bootstrapServers": self.kafka.bootstrap, "partitions": PARTITIONS, "replicationFactor": 1},
                          "retry": RETRY, "events": True,
                          "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}},
                          "retention": {"completed": {"count": 2 * self.options.jobs}}}}
        self.client.produce("drover.gateway", [Record(json.dumps(queue).encode(), f"queue/{self.name}".encode())])
        wait_until(lambda: self.name in {each["name"] for each in self.get("/v1/queues")["queues"] if "lag" in each},
                   "a look at the queue")

    def get(self, path):
        return self.gateway.client().get(path)

    def kill_gateway(self):
        """With requests on their way, where the clients get any through."""
        wanted, end = self.dice.randint(1, MOST_OPEN), time.monotonic() + 2 * BURST
        while sum(client.is_open for client in self.clients) < wanted and time.monotonic() < end:
            time.sleep(0.0005)
        self.gateway.kill()
        self.say("gateway killed")
        self.gateway.log_file.rename(self.folder / f"gateway-{self.starts}.log")
        self.start_gateway()

    # --- Kafka

    def stop_kafka(self, kill):
        if kill:
            self.kafka.kill(NODE)
        else:
            os.kill(self.kafka.pids()[NODE], signal.SIGSTOP)
        self.say(f"Kafka {'killed' if kill else 'stopped'}")

    def bring_back_kafka(self, killed):
        if killed:
            self.kafka.start([NODE], end_with_parent)
        else:
            os.kill(self.kafka.pids()[NODE], signal.SIGCONT)
        self.say("Kafka is back")

    def outage(self, kills_during, kills_after):
        kill = (self.options.seed + self.stops) % 2 == 0
        self.stops += 1
        self.looks.append((time.time(), self.client.positions(self.queue.group)))
        self.stop_kafka(kill)
        seconds = self.options.outage_seconds
        self.in_turn([(self.dice.uniform(0, seconds), self.kill_gateway) for _ in range(kills_during)]
                     + [(seconds, lambda: self.bring_back_kafka(kill))])
        self.in_turn([(self.dice.uniform(0, RELAYING), self.kill_gateway) for _ in range(kills_after)])

    @staticmethod
    def in_turn(events):
        """Each (seconds from now, what is done then)."""
        begin = time.monotonic()
        for at, event in sorted(events, key=lambda event: event[0]):
            time.sleep(max(0.0, begin + at - time.monotonic()))
            event()

    # --- the run

    def schedule(self):
        """[(jobs that have been taken, what is done then)]"""
        o = self.options
        kinds = ("during", "after", "any time") if o.outages else ("any time",)
        kills = collections.Counter()
        for i in range(o.kills):
            kind = kinds[i % len(kinds)]
            kills[kind, self.dice.randrange(o.outages) if kind != "any time" else 0] += 1
        warm_up, span = o.jobs // 20, o.jobs * 0.8
        events = [(at, self.kill_gateway) for at in moments(kills["any time", 0], span, 0, self.dice)]
        for i, at in enumerate(moments(o.outages, span, 1.5 * o.outage_seconds * o.rate, self.dice)):
            events.append((at, lambda i=i: self.outage(kills["during", i], kills["after", i])))
        return sorted(((warm_up + at, event) for at, event in events), key=lambda event: event[0])

    def run(self):
        o = self.options
        self.sidecar.wait_until_joined(self.queue.all_partitions)
        pace = Pace(o.jobs, o.rate)
        clients = self.clients = [Client(number, self.port, self.name, pace, o.seed) for number in range(o.clients)]
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(o.clients) as pool:
            done = [pool.submit(client.run) for client in clients]

            def reached(count):
                for each in done:
                    if each.done():
                        each.result()  # raises what it met
                return pace.taken >= count

            try:
                for at, event in self.schedule():
                    wait_until(lambda: reached(at), f"job {at:.0f} of the clients", 3600)
                    event()
                for each in done:
                    each.result()
            finally:
                pace.ended = True  # where one of them has failed
        took = time.monotonic() - begin
        ids = {number: job for client in clients for number, job in client.ids.items()}
        self.say(f"{len(ids)} of {o.jobs} jobs accepted, {len(ids) / took:.0f} a second; waiting for the end of all")
        self.wait_while_it_moves(lambda: len(ids) - len(self.log.read().completed() & ids.keys()))
        handed_over = len({run["id"] for run in self.log.read().all()})
        self.wait_while_it_moves(lambda: handed_over - self.counts()["completed"])
        found = self.result(ids, clients) | {"seconds": round(took, 1), "sidecar_ended": self.stop_sidecar()}
        found["ok"] &= found["sidecar_ended"]
        return found

    def stop_sidecar(self):
        """Whether it ends in order."""
        self.sidecar.terminate()
        try:
            if self.sidecar.wait() == 0:
                return True
        except subprocess.TimeoutExpired:
            self.say("the sidecar does not end")
        self.say(self.sidecar.log_text()[-8000:])
        return False

    def counts(self):
        return collections.Counter(self.get(f"/v1/queues/{self.name}")["counts"])

    @staticmethod
    def wait_while_it_moves(left):
        """Until nothing is left, or what is left stays so for long: it does not come any more."""
        last, since = None, time.monotonic()
        while (now := left()) and time.monotonic() - since < HANG:
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.2)

    # --- what it came to

    def result(self, ids, clients):
        runs = sorted(self.log.read().all(), key=lambda run: run["begin"])
        by_id = collections.defaultdict(list)
        for run in runs:
            by_id[run["id"]].append(run)
        completed = {job for job, tries in by_id.items() if any(run["status"] == 200 for run in tries)}
        accepted = set(ids.values())
        again = self.handed_over_again(by_id)
        same = [run for run, is_copy in again if not is_copy]
        excused = self.not_committed_when_lost(runs)
        listed = self.listed()
        written = sum(end for _, end in self.client.offsets(self.queue.topic).values())
        total = lambda name: sum(getattr(client, name) for client in clients)  # noqa: E731
        found = {
            "jobs": self.options.jobs, "acknowledged": len(ids), "completed": len(completed & accepted),
            "lost": len(accepted - completed),
            "handed_over_twice": len(again), "bound": min(len(excused), MOST_PER_LOSS * len(self.losses())),
            "twice_without_excuse": len({run["id"] for run in same} - excused),
            "copies_handed_over": len(again) - len(same), "copies_written": written - len(by_id),
            "jobs_without_a_202": len(by_id.keys() - accepted),
            "other_ids_for_a_key": sum(len(client.other_ids) for client in clients),
            "submits_unanswered": total("unanswered"), "submits_refused": total("refused"),
            "submits_asked_again": total("asked_again"),
            "completed_by_the_gateways_count": self.counts()["completed"],
            "completed_by_its_list": len(listed), "not_completed_for_the_gateway": len(accepted - listed),
            "gateway_kills": self.starts - 1, "outages": self.stops,
            "sidecar_lost_its_partitions": len(self.losses()), "seed": self.options.seed,
        }
        found["ok"] = (found["acknowledged"] == self.options.jobs == len(accepted)
                       and found["handed_over_twice"] <= found["bound"]
                       and found["completed_by_the_gateways_count"] == found["completed_by_its_list"] == len(by_id)
                       and not any(found[name] for name in (
                           "lost", "twice_without_excuse", "copies_handed_over", "jobs_without_a_202", "other_ids_for_a_key",
                           "not_completed_for_the_gateway")))
        for job in [*{run["id"] for run, is_copy in again if is_copy or run["id"] not in excused}][:5]:
            self.say(f"handed over twice, and by no outage: {by_id[job]}")
        for job in [*(accepted - completed)][:5]:
            self.say(f"lost: {job}")
        if accepted - completed:
            self.say(f"the sidecar counts {self.sidecar.stats()} and said\n{self.sidecar.log_text()[-8000:]}")
        return found

    @staticmethod
    def handed_over_again(by_id):
        """[(a hand-over of a try that had been handed over before, whether its record is another one, a copy)]"""
        again = []
        for runs in by_id.values():
            seen = collections.defaultdict(set)  # a try's records
            for run in runs:
                place = run["topic"], run["partition"], run["offset"]
                if seen[run["attempt"]]:
                    again.append((run, place not in seen[run["attempt"]]))
                seen[run["attempt"]].add(place)
        return again

    def losses(self):
        """[(when the sidecar learned that it had lost its partitions, when it had some again)]"""
        def of_the_queue(line):
            return line.get("partitions", self.queue.topic + " ").startswith(self.queue.topic + " ")
        lines = [(to_seconds(line["time"]), line["message"]) for line in self.sidecar.log() if of_the_queue(line)]
        assigned = [at for at, message in lines if message == "partitions assigned"]
        return [(at, min((later for later in assigned if later >= at), default=float("inf")))
                for at, message in lines if "lost" in message]

    def not_committed_when_lost(self, runs):
        """The jobs of what had been handed over and not committed when the partitions were lost."""
        found = set()
        for lost_at, again_at in self.losses():
            at, positions = [look for look in self.looks if look[0] <= lost_at][-1]
            found |= {run["id"] for run in runs if run["begin"] < again_at and not Chaos.is_committed(run, at, positions)}
        return found

    def listed(self):
        """The ids of all completed jobs, page by page."""
        ids, cursor = [], ""
        while True:
            page = self.get(f"/v1/queues/{self.name}/jobs?state=completed&limit=1000&cursor={cursor}")
            ids += [job["id"] for job in page["jobs"]]
            if not (cursor := page.get("cursor")):
                assert len(ids) == len(set(ids)), "a job is listed twice"
                return set(ids)

    def close(self):
        for process in (self.gateway, self.sidecar):
            process.__exit__()
        self.worker.close()
        self._reservation.close()


def run(options, say):
    with tempfile.TemporaryDirectory(prefix="drover-outage-") as folder:
        with KafkaCluster.temporary() as kafka:
            outage = Outage(options, pathlib.Path(folder), kafka, say)
            try:
                return outage.run()
            finally:
                outage.close()


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--outages", type=int, default=3)
    parser.add_argument("--outage-seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=250, help="jobs submitted a second")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(parse, run))
