"""What the gateway accepts is in Kafka in the end, through kills of the submitter and outages of Kafka (C1, C11)."""

import collections
import os
import queue
import subprocess
import threading
import time

from kafka_client import DROVER, KafkaClient

SUBMITTER = DROVER.with_name("drover_submit_lines")
SUBMITS = int(os.environ.get("DROVER_TEST_SUBMITS", 3000))
KILLS = int(os.environ.get("DROVER_TEST_KILLS", 3))
OUTAGES = int(os.environ.get("DROVER_TEST_OUTAGES", 1))
OUTAGE_SECONDS = float(os.environ.get("DROVER_TEST_OUTAGE_SECONDS", 5))
CLIENTS = 50


class Submitter:
    """A submitter with CLIENTS records unanswered at a time, which counts what was accepted."""

    def __init__(self, bootstrap, spool, topic):
        self._command = [SUBMITTER, bootstrap, spool, topic]
        self.accepted, self.spooled, self.failed = [], 0, 0
        self.start()

    def start(self):
        self.child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, bufsize=1)
        self._answers = queue.Queue()
        threading.Thread(target=self._read, args=(self.child.stdout, self._answers), daemon=True).start()

    @staticmethod
    def _read(stream, answers):
        for line in stream:
            answers.put(line)

    def send(self, number):
        self.child.stdin.write(f"job-{number} value {number}\n")

    def take(self, timeout=60):
        answer = self._answers.get(timeout=timeout)
        if answer.startswith("{"):  # a log line
            return False
        job, outcome = answer.split()[:2]
        if outcome == "error":
            self.failed += 1
        else:
            self.accepted.append(job)
            self.spooled += outcome == "spool"
        return True

    def kill(self):
        self.child.kill()
        self.child.wait()
        while not self._answers.empty():
            self.take()


def test_C1_C11_nothing_that_was_accepted_is_lost_by_kills_and_outages(embedded_broker, tmp_path):
    client = KafkaClient(embedded_broker.bootstrap)
    client.create("jobs", partitions=4)
    submitter = Submitter(embedded_broker.bootstrap, str(tmp_path / "spool"), "jobs")
    # In the middle of an outage, too: the last kill comes while Kafka is away.
    kills = {SUBMITS * (i + 1) // (KILLS + 1) for i in range(KILLS)}
    outages = {SUBMITS * (i + 1) // (OUTAGES + 1) - SUBMITS // 20 for i in range(OUTAGES)}
    open_submits = 0
    back_at = None  # Kafka

    # By this thread: a broker ends with the thread that started it.
    def end_outage(wait=False):
        nonlocal back_at
        if back_at is None or (not wait and time.monotonic() < back_at):
            return
        time.sleep(max(0.0, back_at - time.monotonic()))  # as long as Kafka is to be away
        embedded_broker.start()
        back_at = None

    for number in range(SUBMITS):
        if number in outages:
            end_outage(wait=True)
            embedded_broker.kill()
            back_at = time.monotonic() + OUTAGE_SECONDS
        end_outage()
        if number in kills:
            submitter.kill()
            submitter.start()
            open_submits = 0
        submitter.send(number)
        open_submits += 1
        while open_submits >= CLIENTS:
            open_submits -= submitter.take()
    while open_submits > 0:
        open_submits -= submitter.take()
    end_outage(wait=True)
    accepted = set(submitter.accepted)
    assert len(accepted) == len(submitter.accepted), "answered twice"
    records = client.read("jobs", count=len(accepted))
    missing = accepted - {record.header("drover-job-id") for record in records}
    if missing:  # still being relayed
        submitter.child.stdin.close()
        submitter.child.wait(60)
        submitter.start()
        submitter.child.stdin.close()
        submitter.child.wait(60)
        records = client.read("jobs", count=len(accepted))
    else:
        submitter.child.stdin.close()
        submitter.child.wait(60)
    counts = collections.Counter(record.header("drover-job-id") for record in records)
    places = collections.defaultdict(set)
    for record in records:
        places[record.header("drover-job-id")].add(record.partition)
    copies = sum(counts.values()) - len(counts)
    print(f"{len(accepted)} of {SUBMITS} accepted, {submitter.spooled} of them in the spool, {submitter.failed} refused, "
          f"{copies} written twice")
    assert not accepted - set(counts)
    assert submitter.spooled > 0 or OUTAGES == 0
    assert all(len(partitions) == 1 for partitions in places.values()), "a copy went elsewhere"
