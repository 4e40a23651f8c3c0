#!/usr/bin/env python3
"""Kills everything at random, and counts what that costs.

    chaos.py [--jobs 20000] [--seed N] [--sidecar-kills 10] [--worker-kills 10] [--broker-kills 2] [--rate 170]

Three Kafka brokers, 12 partitions of three copies, three sidecars with a worker each. Jobs are produced at --rate a
second; at moments that the seed decides sidecars, workers and brokers are killed with SIGKILL and started again. At the
end every job must have completed or been dead-lettered, jobs handed over twice must be no more than were in flight or
finished since the last commit at the kills, and a killed sidecar's partitions must stand still for at most 7 s.

Prints what happens, and one line of JSON at the end. The exit code is 0 when all of it holds.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "platform")]

from kafka_client import KafkaClient, Record, to_line  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from processes import end_with_parent, orderly_exit, reserve_ports, wait_until  # noqa: E402
from sidecars import Queue  # noqa: E402

PODS = 3
PARTITIONS = 12
STANDSTILL_LIMIT = 7.0  # seconds
# Measured with the peers' own programs on such a machine, for comparison.
PEERS = {"Dapr": 10.0, "Parallel Consumer": 44.7}
SIDECAR_KILLS_APART = 8.0  # seconds: so that each standstill has one cause
SESSION = 5.0  # seconds, a little less than a sidecar's: for so long nobody else commits what a killed one has left
FAILOVER = 10.0  # seconds after a broker's death in which the group's coordinator moves and forgives its members' silence
WARM_UP = 0.15  # of the jobs: brokers that have just been started compile their code, and everything takes them long
BROKER_KILLS_APART = 20.0  # the copies must be in sync again, else it is the second one that loses jobs


def plan_of(number, dice):
    """One in twenty fails once, one in a hundred can never be done."""
    kind = dice.random()
    plan = {"n": number, "ms": dice.randint(5, 40)}
    if kind < 0.01:
        return plan | {"dead": True}
    return plan | ({"fail": 1} if kind < 0.06 else {})


def moments(count, span, apart, dice):
    """`count` random moments, in order, at least `apart` from each other where the span allows it."""
    apart = min(apart, span / max(count, 1) * 0.9)
    free = span - apart * count
    return [at + i * apart for i, at in enumerate(sorted(dice.uniform(0, free) for _ in range(count)))]


class Log:
    """What the workers wrote; read as it grows."""

    def __init__(self, files):
        self._files = {file: 0 for file in files}
        self.by_number = collections.defaultdict(list)  # a job's hand-overs, each {begin, end, status, topic, …}
        self._last = {}  # (incarnation, id, attempt): the hand-over that ends next

    def read(self):
        for file, position in self._files.items():
            if not file.exists():
                continue
            with file.open("rb") as lines:
                lines.seek(position)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    position += len(line)
                    self._add(json.loads(line) | {"log": file})
            self._files[file] = position
        return self

    def _add(self, line):
        name = line["incarnation"], line["id"], line["attempt"]
        if line["event"] == "begin":
            run = line | {"begin": line["at"], "end": None, "status": None}
            self.by_number[line["n"]].append(run)
            self._last[name] = run
        else:
            self._last[name] |= {"end": line["at"], "status": line["status"]}

    def all(self):
        return [run for runs in self.by_number.values() for run in runs]

    def completed(self):
        return {number for number, runs in self.by_number.items() if any(run["status"] == 200 for run in runs)}


class WorkerProcess:
    def __init__(self, folder, number):
        self._reservation, = reserve_ports(1)
        self.port = self._reservation.getsockname()[1]
        self.log = folder / f"worker-{number}.jsonl"
        self._errors = (folder / f"worker-{number}.err").open("ab")
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), "--port", str(self.port), "--log", str(self.log)],
            stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors, preexec_fn=end_with_parent,
            env={"PYTHONPATH": str(HERE.parent / "platform"), "PATH": "/usr/bin:/bin"})

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        self.kill()
        self._reservation.close()
        self._errors.close()


class Feed:
    """Produces through one process, whose producer waits for the brokers where it must."""

    def __init__(self, client, topic):
        self._process = subprocess.Popen(client.command("produce", topic, timeout=300), stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                         preexec_fn=end_with_parent)

    def produce(self, plan):
        self._process.stdin.write(to_line(Record(json.dumps(plan).encode(), f"key-{plan['n']}".encode())))
        self._process.stdin.flush()

    def finish(self):
        """How many are acknowledged."""
        acknowledged, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"producing failed: {errors}")
        return len(acknowledged.splitlines())


class Chaos:
    def __init__(self, options, folder, cluster, say=print):
        self.options, self.folder, self.cluster, self.say = options, folder, cluster, say
        self.dice = random.Random(options.seed)
        self.client = KafkaClient(cluster.bootstrap)
        self.queue = Queue(self.client, folder, partitions=PARTITIONS, replication=3, steps=("500ms",),
                           delivery={"concurrency": 8, "timeout": "10s"},
                           retry={"maxAttempts": 8, "initial": "500ms", "jitter": 0})
        self.plans = [plan_of(number, self.dice) for number in range(options.jobs)]
        self.workers = [WorkerProcess(folder, number) for number in range(PODS)]
        self.sidecars = [self.queue.sidecar(worker) for worker in self.workers]
        self.log = Log([worker.log for worker in self.workers])
        self.killed = []       # of sidecars: {at, incarnation, positions}
        self.broker_away = []  # [from, to, positions]
        self.committed = {}    # as last seen: what was committed then is so for good
        # What may take long while a broker is away: positions and brokers' starts.
        self.later = concurrent.futures.ThreadPoolExecutor()
        self.asked = []
        self.starting = None

    def run(self):
        wait_until(lambda: sum(sidecar.stats()["partitions"] for sidecar in self.sidecars) == self.queue.all_partitions,
                   "assignment")
        feed = Feed(self.client, self.queue.topic)
        events = self.schedule(self.options.jobs / self.options.rate)
        # What happens is tied to the jobs produced, not to the clock: a slow machine has the same story.
        pause = 0.0
        begin = time.monotonic()
        for i, plan in enumerate(self.plans):
            time.sleep(max(0.0, begin + pause + i / self.options.rate - time.monotonic()))
            while events and events[0][0] <= i / self.options.rate:
                started = time.monotonic()
                events.pop(0)[1]()
                pause += time.monotonic() - started
            feed.produce(plan)
        produced = feed.finish()
        self.bring_back_broker()
        self.later.shutdown()
        for done in self.asked:
            done.result()
        self.say(f"{produced} jobs produced; waiting for the end of all")
        dead = self.wait_for_the_end()
        for sidecar in self.sidecars:
            sidecar.stop()
        return self.result(produced, dead)

    def schedule(self, span):
        """[(seconds of producing, what is done then)]"""
        o, dice = self.options, self.dice
        warm_up, span = span * WARM_UP, span * (1 - WARM_UP)
        events = [(at, self.kill_sidecar) for at in moments(o.sidecar_kills, span, SIDECAR_KILLS_APART, dice)]
        events += [(at, self.kill_worker) for at in moments(o.worker_kills, span, 0, dice)]
        for at in moments(o.broker_kills, span, BROKER_KILLS_APART, dice):
            events += [(at, self.kill_broker), (at + dice.uniform(2, 5), self.bring_back_broker)]
        return sorted(((warm_up + at, event) for at, event in events), key=lambda event: event[0])

    # --- what happens

    def kill_sidecar(self):
        number = self.dice.randrange(PODS)
        sidecar = self.sidecars[number]
        positions = self.ask_positions()
        stats = sidecar.stats()
        sidecar.kill()
        at = time.time()
        self.say(f"sidecar {number} killed, {stats['inFlight']} in flight, {stats['partitions']} partitions")
        kill = {"at": at, "worker": number, "log": self.workers[number].log, "positions": positions}
        # As its container would be: at once, while the group still believes in the dead one.
        self.sidecars[number] = self.queue.sidecar(self.workers[number])
        self.killed.append(kill)
        self.asked.append(self.later.submit(self.ask_what_was_left, kill))

    def kill_worker(self):
        number = self.dice.randrange(PODS)
        self.workers[number].kill()
        self.say(f"worker {number} killed")
        self.workers[number].start()

    def kill_broker(self):
        self.bring_back_broker()
        if self.starting:
            self.starting.result()  # two of three away would be more than Kafka promises to survive
        node = self.dice.randint(1, 3)
        positions = self.ask_positions()
        self.cluster.kill(node)
        self.broker_away.append([time.time(), None, positions])
        self.say(f"broker {node} killed")

    def bring_back_broker(self):
        if self.broker_away and self.broker_away[-1][1] is None and (self.starting is None or self.starting.done()):
            self.starting = self.later.submit(self.start_broker, self.broker_away[-1])
            self.asked.append(self.starting)

    def start_broker(self, away):
        node, = (node for node in self.cluster.nodes if node not in self.cluster.pids())
        self.cluster.start([node])  # without the death signal, which would come when this thread ends
        away[1] = time.time()
        self.say(f"broker {node} is back")

    def ask_positions(self):
        """What is committed on main and retry topics, or was when a broker could last tell."""
        try:
            self.committed = self.client.positions(self.queue.group) | self.client.positions(self.queue.retry_group)
        except RuntimeError as error:
            self.say(f"positions not read: {error}")
        return self.committed

    def ask_what_was_left(self, kill):
        """What was committed at the kill: what one sees just after it, or, where that took too long, just before it."""
        positions = self.ask_positions()
        if time.time() <= kill["at"] + SESSION:
            kill["positions"] = positions

    # --- the end

    def wait_for_the_end(self):
        """The numbers of the dead-lettered jobs, once there is no other open one."""
        numbers = set(range(self.options.jobs))
        hopeless = {plan["n"] for plan in self.plans if plan.get("dead")}

        def ended():
            open_ones = numbers - self.log.read().completed()
            if len(open_ones - hopeless) > self.options.jobs / 100:
                return None
            dead = {json.loads(record.value)["n"] for record in self.queue.dead()}
            return [dead] if open_ones <= dead else None

        return wait_until(ended, "end of every job", 300)[0]

    def result(self, produced, dead):
        self.log.read()
        completed = self.log.completed()
        repeated = self.repeated_jobs()
        excused, by_brokers = self.excused_jobs()
        standstills = self.standstills()
        clean = [gap for gap, disturbed in standstills if not disturbed]
        positions = self.client.positions(self.queue.group) | self.client.positions(self.queue.retry_group)
        ends = self.client.offsets(self.queue.topic, *self.queue.retry_topics)
        behind = sum(end - positions[at]["offset"] if at in positions else end for at, (_, end) in ends.items())
        unexcused = repeated - excused - by_brokers
        found = {
            "jobs": self.options.jobs, "acknowledged": produced, "completed": len(completed), "dead_lettered": len(dead),
            "lost": self.options.jobs - len(completed | dead),
            "completed_and_dead_lettered": len(completed & dead),
            "handed_over_twice": len(repeated),
            "in_flight_or_finished_since_the_last_commit": len(excused),
            "in_flight_or_finished_since_the_last_commit_when_a_broker_died": len(by_brokers - excused),
            "twice_without_excuse": len(unexcused),
            "uncommitted_at_the_end": behind,
            "standstill_s": round(max(clean, default=0), 2),
            "standstill_beside_a_brokers_death_s": round(max((gap for gap, disturbed in standstills if disturbed), default=0), 2),
            "standstills": len(standstills), "standstill_of_peers_s": PEERS,
            "sidecars_killed": len(self.killed), "workers_killed": self.options.worker_kills,
            "brokers_killed": len(self.broker_away), "seed": self.options.seed,
        }
        found["ok"] = bool(found["lost"] == 0 and not unexcused and behind == 0 and produced == self.options.jobs
                           and len(repeated) <= len(excused) + len(by_brokers - excused)
                           and clean and found["standstill_s"] <= STANDSTILL_LIMIT)
        for number in sorted(unexcused)[:10]:
            self.say(f"handed over twice, and by no kill: {self.log.by_number[number]}")
        return found

    def repeated_jobs(self):
        """The numbers of the jobs of which some attempt was handed over more than once."""
        def is_repeated(runs):
            attempts = [run["attempt"] for run in runs]
            return len(attempts) != len(set(attempts))
        return {number for number, runs in self.log.by_number.items() if is_repeated(runs)}

    def excused_jobs(self):
        """(those that each killed sidecar had in flight or had finished above what was committed, the same of all
        sidecars at a broker's death and while the group's coordinator moves: nothing is committed then, and members may
        be thrown out of their group)"""
        runs = self.log.all()
        by_sidecars, by_brokers = set(), set()
        for kill in self.killed:
            kill["incarnation"] = self.incarnation_at(runs, kill)
            for run in runs:
                if run["incarnation"] == kill["incarnation"] and not self.is_committed(run, kill["at"], kill["positions"]):
                    by_sidecars.add(run["n"])
        for at, _, positions in self.broker_away:
            for run in runs:
                if run["begin"] <= at + FAILOVER and not self.is_committed(run, at, positions):
                    by_brokers.add(run["n"])
        return by_sidecars, by_brokers

    @staticmethod
    def is_committed(run, at, positions):
        if run["end"] is None or run["end"] > at:
            return False
        position = positions.get((run["topic"], run["partition"]))
        if position is None:
            return False
        finished = position["decoded"]["finished"] if position["decoded"] else []
        return run["offset"] < position["offset"] or any(first <= run["offset"] < first + n for first, n in finished)

    @staticmethod
    def incarnation_at(runs, kill):
        """Of the sidecar that was killed: the last that handed over to this worker before."""
        mine = [run for run in runs if run["log"] == kill["log"] and run["begin"] <= kill["at"]]
        return max(mine, key=lambda run: run["begin"])["incarnation"] if mine else None

    def standstills(self):
        """[(seconds from a kill to the next hand-over of a partition that the dead one had, whether a broker died too)]"""
        by_partition = collections.defaultdict(list)
        for run in sorted(self.log.all(), key=lambda run: run["begin"]):
            if run["topic"] == self.queue.topic:
                by_partition[run["partition"]].append(run)
        found = []
        for kill in self.killed:
            for runs in by_partition.values():
                before = [run for run in runs if run["begin"] <= kill["at"]]
                after = [run for run in runs if run["begin"] > kill["at"] and run["incarnation"] != kill["incarnation"]]
                if not before or not after or before[-1]["incarnation"] != kill["incarnation"]:
                    continue
                gap = after[0]["begin"] - kill["at"]
                disturbed = any(died < kill["at"] + gap and died + FAILOVER > kill["at"] for died, *_ in self.broker_away)
                found.append((gap, disturbed))
        return found

    def close(self):
        self.later.shutdown(cancel_futures=True)
        for sidecar in self.sidecars:
            sidecar.__exit__()
        for worker in self.workers:
            worker.close()


def run(options, say):
    with tempfile.TemporaryDirectory(prefix="drover-chaos-") as folder:
        with KafkaCluster.temporary(brokers=3, settings=["broker.session.timeout.ms=3000"]) as cluster:
            chaos = Chaos(options, pathlib.Path(folder), cluster, say)
            try:
                return chaos.run()
            finally:
                chaos.close()


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=170, help="jobs produced a second")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sidecar-kills", type=int, default=10)
    parser.add_argument("--worker-kills", type=int, default=10)
    parser.add_argument("--broker-kills", type=int, default=2)
    return parser.parse_args(arguments)


def main(parse, run):
    """Of a script whose run(options, say) answers with what it found, "ok" among it: prints that; the exit code."""
    options = parse()
    begin = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begin:7.2f} s  {text}", flush=True)

    say(f"seed {options.seed}")
    with orderly_exit():
        found = run(options, say)
    print(json.dumps(found))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(parse, run))
