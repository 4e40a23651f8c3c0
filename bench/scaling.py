#!/usr/bin/env python3
"""What the operator costs, and how fast it is, on a real API server with KWOK's nodes and a real Kafka.

    bench/scaling.py [--build build/bench] [--only scale-up,burst,idle,many] [--queues 1000]

Jobs are written by drover_kafka_tool of build/dev.

scale-up  from the acknowledgement of an idle queue's first job to spec.replicas = 1 of its Deployment, 50 times
burst     with a backlog of 5,000: how many decisions until the right scale stands
idle      CPU of the operator with 100 idle queues, over a minute
many      JobQueues of one partition and two retry steps, created at once: time until all are ready, CPU, memory, the CPU
          of a decision for each of them and what it brings, and of one pass over all of them awake; at a tenth, and at
          --queues
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / place) for place in ("cluster", "integration", "platform")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--only", default="scale-up,burst,idle,many")
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=50)
    return parser.parse_args()


ARGUMENTS = arguments()
os.environ["DROVER"] = str(ROOT / ARGUMENTS.build / "bin" / "drover")
os.environ.setdefault("DROVER_KAFKA_TOOL", str(ROOT / "build" / "dev" / "bin" / "drover_kafka_tool"))

from conftest import teach  # noqa: E402
from kafka_client import KafkaClient, Record  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from kubernetes_node import ControlPlane  # noqa: E402
from operators import JobQueue, Operator  # noqa: E402
from processes import end_with_parent, orderly_exit  # noqa: E402

RECONCILES = 'drover_operator_reconciles_total{result="ok"}'
BETWEEN_LOOKS = 0.5  # seconds, at queues that are awake
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def jobs(count):
    return [Record(b"x", str(n).encode()) for n in range(count)]


def at(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


class ReplicaWatch:
    """When the replicas that each Deployment's spec asks for changed."""

    def __init__(self, plane):
        self.seen = {}  # name: [(time, replicas)]
        columns = 'jsonpath={.metadata.name} {.spec.replicas}{"\\n"}'
        self._process = subprocess.Popen(
            [plane.bin / "kubectl", "--kubeconfig", plane.kubeconfig, "get", "deployments", "--watch", "-o", columns],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, preexec_fn=end_with_parent)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            name, replicas = line.split()
            changes = self.seen.setdefault(name, [])
            if not changes or changes[-1][1] != int(replicas):
                changes.append((time.time(), int(replicas)))

    def changes(self, queue):
        return list(self.seen.get(queue.deployment, ()))

    def close(self):
        self._process.kill()
        self._process.wait()
        self._thread.join()


def make_queues(plane, client, count, **spec):
    queues = [JobQueue(client, **spec) for _ in range(count)]
    for begin in range(0, count, 200):
        plane.apply(*(queue.manifest for queue in queues[begin:begin + 200]))
    return queues


def wait_until_ready(plane, operator, count, seconds=600):
    def all_ready():
        conditions = (each.get("status", {}).get("conditions", []) for each in plane.get("jobqueues")["items"])
        return sum(any(one["type"] == "Ready" and one["status"] == "True" for one in some) for some in conditions) >= count
    operator.wait_until(all_ready, f"{count} queues that are ready", seconds)


def delete_all(plane, operator):
    plane.kubectl("delete", "jobqueues", "--all", "--wait=true")
    operator.wait_until(lambda: not plane.get("deployments")["items"], "end of all Deployments", 600)


def scale_up(plane, client, folder):
    with Operator(plane, folder) as operator:
        queues = make_queues(plane, client, ARGUMENTS.trials)
        wait_until_ready(plane, operator, len(queues))
        watch = ReplicaWatch(plane)
        took, acknowledged = [], {}
        for queue in queues:
            operator.wait_until(lambda: watch.changes(queue), "the Deployment in the watch")
            written, = client.produce(queue.topic, jobs(1))
            operator.wait_until(lambda: watch.changes(queue)[-1][1] == 1, "one replica")
            took.append(watch.changes(queue)[-1][0] - written["acknowledged"] / 1000)
            acknowledged[queue.name] = written["acknowledged"] / 1000
        watch.close()
        scaled = {line["queue"].rpartition("/")[2]: at(line["time"]) for line in operator.log() if line["message"] == "scaled"}
        logged = [scaled[name] - moment for name, moment in acknowledged.items()]
        delete_all(plane, operator)
        operator.stop()
    print("scale-up, one after the other, in brackets until the operator says so: "
          + ", ".join(f"{one:.2f} ({other:.2f})" for one, other in zip(took, logged)))
    print(f"scale-up: {len(took)} trials, median {statistics.median(took):.2f} s (limit 0.5), most {max(took):.2f} s (limit 1.2)")


def burst(plane, client, folder):
    with Operator(plane, folder) as operator:
        queue = JobQueue(client, kafka={"partitions": 12}, scaling={"maxReplicas": 50}).apply(plane)
        wait_until_ready(plane, operator, 1)
        watch = ReplicaWatch(plane)
        operator.wait_until(lambda: watch.changes(queue), "the Deployment in the watch")
        client.produce(queue.topic, jobs(5000))
        operator.wait_until(lambda: watch.changes(queue)[-1][1] == 12, "12 replicas")
        steps = [replicas for _, replicas in watch.changes(queue)]
        watch.close()
        delete_all(plane, operator)
        operator.stop()
    print(f"burst: 5,000 jobs, replicas {' → '.join(map(str, steps))} (12 are to be asked for in one decision)")


def idle(plane, client, folder):
    with Operator(plane, folder) as operator:
        make_queues(plane, client, 100, kafka={"partitions": 12})
        wait_until_ready(plane, operator, 100)
        time.sleep(10)
        before, begin = cpu_seconds(operator.pid), time.monotonic()
        time.sleep(60)
        share = (cpu_seconds(operator.pid) - before) / (time.monotonic() - begin)
        print(f"idle: 100 queues of 12 partitions: {share:.2%} of a core (limit 2 %), {resident_mib(operator.pid):.0f} MiB")
        delete_all(plane, operator)
        operator.stop()


def many(plane, client, folder):
    shape = {"kafka": {"partitions": 1}, "retry": {"maxAttempts": 3, "initial": "2s", "maxDelay": "4s"},
             "scaling": {"idleAfter": "300s"}}
    costs = []
    for count in (ARGUMENTS.queues // 10, ARGUMENTS.queues):
        with Operator(plane, folder) as operator:
            begin = time.monotonic()
            queues = make_queues(plane, client, count, **shape)
            wait_until_ready(plane, operator, count, 1800)
            took, cpu = time.monotonic() - begin, cpu_seconds(operator.pid)
            client.produce(queues[0].topic, [Record(b"x", b"0", topic=queue.topic) for queue in queues])
            operator.wait_until(lambda: sum(each["spec"]["replicas"] for each in plane.get("deployments")["items"]) == count,
                                "a replica for each queue", 600)
            deciding = cpu_seconds(operator.pid) - cpu
            # Awake, all of them: each look is a whole one. Decisions are few, as the figures stay as they are.
            before, begin, rounds = cpu_seconds(operator.pid), time.monotonic(), []
            reconciles = operator.metrics()[RECONCILES]
            while time.monotonic() < begin + 30:
                rounds.append(next(value for name, value in operator.metrics().items()
                                   if name.startswith("drover_operator_lag_read_seconds")))
                time.sleep(1)
            used = cpu_seconds(operator.pid) - before
            share = used / (time.monotonic() - begin)
            reconciles = operator.metrics()[RECONCILES] - reconciles
            costs.append({"queues": count, "all_ready_s": round(took, 1), "cpu_until_ready_s": round(cpu, 1),
                          "cpu_until_scaled_s": round(deciding, 2),
                          "pass_s": round(statistics.median(rounds), 2), "awake_cores": round(share, 2),
                          "reconciles": int(reconciles), "work_of_a_pass_s": round(share * (statistics.median(rounds) + BETWEEN_LOOKS), 2),
                          "rss_mib": round(resident_mib(operator.pid))})
            print(f"many: {json.dumps(costs[-1])}", flush=True)
            delete_all(plane, operator)
            operator.stop()
    small, large = costs
    factor = large["queues"] / small["queues"]
    print(f"many: {factor:.0f} times the queues, {large['cpu_until_ready_s'] / small['cpu_until_ready_s']:.1f} times the CPU; "
          f"{large['cpu_until_scaled_s'] / small['cpu_until_scaled_s']:.1f} times that until each is scaled from 0 to 1; "
          f"{large['work_of_a_pass_s'] / small['work_of_a_pass_s']:.1f} times the work of a pass, which is {large['work_of_a_pass_s']} s (limit 2), {large['rss_mib']} MiB (limit 200)")


def main():
    parts = {"scale-up": scale_up, "burst": burst, "idle": idle, "many": many}
    with orderly_exit(), tempfile.TemporaryDirectory() as folder, KafkaCluster.temporary(java_options=("-Xmx2g",)) as cluster, \
            ControlPlane.temporary(fake_nodes=4) as plane:
        teach(plane)
        for name in ARGUMENTS.only.split(","):
            parts[name](plane, KafkaClient(cluster.bootstrap), pathlib.Path(folder))


if __name__ == "__main__":
    main()
