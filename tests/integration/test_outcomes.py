"""What the worker answers, and what becomes of the job: the design's table, on a real Kafka.

One queue and one sidecar for the whole table: each record's key names its case, and the case says what is answered to
each attempt.
"""

import datetime
import json
import re
import time

import pytest

from kafka_client import Record
from sidecars import Queue, to_seconds
from worker import SILENCE, Reply, Worker

# What is answered in turn; the last of them again and again.
COMPLETES = {
    "200": [Reply(200, body=b"result")],
    "202 and 299": [Reply(202)],
    "404 then 200": [Reply(404), Reply(200)],
    "408 then 200": [Reply(408), Reply(200)],
    "409 then 200": [Reply(409), Reply(200)],
    "500 then 200": [Reply(500), Reply(200)],
    "301 then 200": [Reply(301, {"Location": "/elsewhere"}), Reply(200)],
    "500 twice then 200": [Reply(500), Reply(502), Reply(200)],
    "500 that says done": [Reply(500, {"Drover-Outcome": "done"})],
    "400 that says retry": [Reply(400, {"Drover-Outcome": "retry"}), Reply(200)],
    "200 that says retry": [Reply(200, {"drover-outcome": "Retry"}), Reply(200)],
    "503 with Retry-After": [Reply(503, {"Retry-After": "1"}), Reply(200)],
    "429 with Retry-After": [Reply(429, {"Retry-After": "1"})] + 4 * [Reply(429)] + [Reply(200)],
    "timeout then 200": [SILENCE, Reply(200)],
}
DIES = {  # case: (answers, error class, attempts made, status)
    "400": ([Reply(400)], "Http400", 1, 400),
    "422 with a class": ([Reply(422, {"Drover-Error": "NoSuchStreet"}, b"Elm Street\nis not in Springfield")],
                         "NoSuchStreet", 1, 422),
    "200 that says dead": ([Reply(200, {"Drover-Outcome": "dead"}, b"never")], "Http200", 1, 200),
    "500 that says dead": ([Reply(500, {"Drover-Outcome": "dead"})], "Http500", 1, 500),
    "500 always": ([Reply(500, body=b"out of paper")], "Http500", 3, 500),
    "301 always": ([Reply(301)], "Http301", 3, 301),
    "an outcome that does not exist": ([Reply(200, {"Drover-Outcome": "maybe"})], "InvalidOutcome", 3, 200),
    "timeout always": ([SILENCE], "Timeout", 3, None),
    "its deadline is over": ([Reply(200)], "DeadlineExceeded", 0, None),
}
TIMEOUTS = {"timeout then 200": "10s",  # of each try, so the second one has to be answered within it, on any machine
            "timeout always": "200ms"}


def from_now(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record_of(case):
    headers = [("colour", b"\xffred")]
    if case in TIMEOUTS:
        headers.append(("drover-timeout", TIMEOUTS[case]))
    if case == "its deadline is over":
        headers.append(("drover-deadline", from_now(-1)))
    return Record(f"payload of {case}".encode(), case.encode(), headers)


class Outcome:
    def __init__(self, queue, offsets, worker, dead, retries, stats):
        self.queue, self.offsets, self.worker, self.dead, self.retries, self.stats = (
            queue, offsets, worker, dead, retries, stats)

    def attempts(self, case):
        return [job.attempt for job in self.worker.of(case)]


@pytest.fixture(scope="module")
def ran(kafka, folder):
    answers = COMPLETES | {case: plan[0] for case, plan in DIES.items()}

    def answer(job):
        replies = answers[job.key]
        return replies[min(len(worker.of(job.key)), len(replies) - 1)]

    queue = Queue(kafka, folder, steps=("100ms", "1s"), delivery={"concurrency": 32})
    worker = Worker(answer)
    with worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        offsets = {case: at["offset"] for case, at in zip(answers, queue.produce(*map(record_of, answers)))}
        stats = sidecar.wait_for(
            lambda stats: stats["completed"] == len(COMPLETES) and stats["deadLettered"] == len(DIES), "end of every job")
        dead = {record.key.decode(): record for record in queue.dead(count=len(DIES))}
        retries = kafka.read(*queue.retry_topics)
        sidecar.stop()
        worker.wait_for(lambda jobs: all(job.answered_at or job.cut_at for job in jobs), "end of every connection")
        yield Outcome(queue, offsets, worker, dead, retries, stats)


@pytest.mark.parametrize("case", COMPLETES)
def test_A4_a_job_is_completed_after_as_many_attempts_as_failed_before(ran, case):
    costing = [reply for reply in COMPLETES[case] if reply.status != 429]
    assert max(ran.attempts(case)) == len(costing)
    assert len(ran.attempts(case)) == len(COMPLETES[case])
    assert case not in ran.dead


@pytest.mark.parametrize("case", DIES)
def test_A4_a_job_is_dead_lettered_after_as_many_attempts_as_its_answer_asks_for(ran, case):
    _, error_class, made, status = DIES[case]
    letter = ran.dead[case]
    assert ran.attempts(case) == list(range(1, made + 1))
    assert letter.header("drover-error-class") == error_class
    assert letter.header("drover-error-status") == (None if status is None else str(status))
    assert letter.header("drover-attempt") == letter.header("__dlq.errors.delivery.count") == str(made)


def test_A4_429_costs_no_attempt(ran):
    assert ran.attempts("429 with Retry-After") == [1] * 6


@pytest.mark.parametrize("case", ["429 with Retry-After", "503 with Retry-After"])
def test_A4_retry_after_is_waited_for(ran, case):
    first, second = ran.worker.of(case)[:2]
    assert second.at - first.answered_at >= 1


def test_A5_no_retry_comes_before_its_due_time(ran):
    """The due time is in the retry's record: the first of a job's is that of its second hand-over, and so on."""
    for case in COMPLETES | DIES:
        jobs = ran.worker.of(case)
        due = sorted(to_seconds(record.header("drover-due-at")) for record in ran.retries if record.key == case.encode())
        assert len(due) == len(jobs[1:]), case
        assert all(job.at >= due_at for job, due_at in zip(jobs[1:], due)), case
        assert all(b.at - a.answered_at >= 0.1 for a, b in zip(jobs, jobs[1:]) if a.answered_at), case


def test_A5_the_retry_record_counts_the_attempts_and_keeps_the_job(ran):
    first, second = sorted((record for record in ran.retries if record.key == b"500 always"),
                           key=lambda record: int(record.header("drover-attempt")))
    for made, record in ((1, first), (2, second)):
        assert record.topic == f"{ran.queue.topic}.retry.100ms"
        assert record.value == b"payload of 500 always"
        assert record.header("drover-attempt") == str(made)
        assert record.header("drover-original-topic") == ran.queue.topic
        assert record.header("drover-original-offset") == str(ran.offsets["500 always"])
        assert record.header("drover-error-class") == "Http500"
        assert record.all("colour") == [b"\xffred"]


def test_A6_a_dead_letter_says_all_about_its_cause(ran):
    letter = ran.dead["422 with a class"]
    assert letter.header("drover-error-class") == "NoSuchStreet"
    assert letter.header("__dlq.errors.message") == "Elm Street"
    assert letter.header("drover-error-response") == "Elm Street\nis not in Springfield"
    assert letter.header("drover-error-status") == "422"


def test_A6_a_dead_letter_tells_where_the_job_came_from_by_kafkas_names(ran):
    for case, letter in ran.dead.items():
        assert letter.header("__dlq.errors.topic") == letter.header("drover-original-topic") == ran.queue.topic
        assert letter.header("__dlq.errors.partition") == letter.header("drover-original-partition") == "0"
        offset = str(ran.offsets[case])
        assert letter.header("__dlq.errors.offset") == letter.header("drover-original-offset") == offset
        assert letter.header("__dlq.errors.group") == ran.queue.group
        assert letter.header("drover-job-id") == f"{ran.queue.topic}-0-{offset}"
        assert to_seconds(letter.header("drover-original-timestamp")) <= to_seconds(letter.header("drover-failed-at"))


def test_A6_a_dead_letter_lists_every_attempt_with_its_time_pod_and_outcome(ran):
    attempts = json.loads(ran.dead["500 always"].header("drover-attempts"))
    jobs = ran.worker.of("500 always")
    assert [(entry["attempt"], entry["outcome"]) for entry in attempts] == [(1, "Http500"), (2, "Http500"), (3, "Http500")]
    assert len({entry["pod"] for entry in attempts}) == 1 and attempts[0]["pod"].startswith("pod-")
    for entry, job in zip(attempts, jobs):
        assert to_seconds(entry["at"]) >= job.answered_at - 0.001  # cut to milliseconds
    assert not ran.dead["its deadline is over"].all("drover-attempts")


def test_A6_key_payload_and_the_users_headers_of_a_dead_letter_are_untouched(ran):
    for case, letter in ran.dead.items():
        assert letter.key == case.encode()
        assert letter.value == f"payload of {case}".encode()
        assert letter.all("colour") == [b"\xffred"]


def test_A7_a_job_that_hangs_is_cancelled_after_its_own_timeout(ran):
    for case, cut in (("timeout then 200", [True, False]), ("timeout always", [True, True, True])):
        assert [job.cut_at is not None for job in ran.worker.of(case)] == cut
    waited = re.fullmatch(r"no answer within (\d+) ms", ran.dead["timeout always"].header("__dlq.errors.message"))
    assert 200 <= int(waited[1]) < 300_000  # which is the queue's


def test_A7_a_job_is_not_handed_over_after_its_deadline(ran):
    assert ran.attempts("its deadline is over") == []


def test_the_statistics_count_what_happened(ran):
    stats = ran.stats
    assert stats["handedOver"] == len(ran.worker.jobs)
    assert sum(stats["deadByClass"].values()) == len(DIES)
    assert stats["deadByClass"]["NoSuchStreet"] == 1
    assert stats["inFlight"] == 0 and stats["trouble"] == ""


def test_A7_a_job_that_hangs_is_cancelled_at_its_deadline(kafka, folder):
    """On a slow machine the deadline may be over before the job is handed over: then the next one has more time."""
    queue = Queue(kafka, folder)
    with Worker(lambda job: SILENCE) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        for number, seconds in enumerate((2, 8, 32), 1):
            queue.produce(Record(b"x", b"a", [("drover-deadline", from_now(seconds))]))
            letter = queue.dead(count=number)[-1]
            assert letter.header("drover-error-class") == "DeadlineExceeded"
            if worker.jobs:
                break
        job, = worker.jobs
        assert letter.header("drover-attempt") == "1" and letter.header("drover-error-status") is None
        worker.wait_for(lambda _: job.cut_at is not None, "end of its connection")
        assert job.cut_at >= to_seconds(letter.header("drover-deadline"))


def test_A7_a_job_that_hangs_is_cancelled_after_the_queues_timeout(kafka, folder):
    queue = Queue(kafka, folder, delivery={"timeout": "300ms"})
    with Worker(lambda job: SILENCE) as worker, queue.sidecar(worker):
        before = time.time()  # a worker notes a receipt late, so nothing after the hand-over can be measured from it
        queue.produce(Record(b"x", b"a"))
        second = worker.wait_for(lambda jobs: len(jobs) >= 2 and jobs[1], "second attempt")
        assert second.attempt == 2
        assert second.at - before >= 0.3 + 0.1  # the timeout and the wait
        worker.wait_for(lambda jobs: jobs[0].cut_at is not None, "end of the first connection")


def fail_and_refuse(worker, job):
    """The second attempt waits until the test has started the worker again, however long what comes before it takes."""
    if job.attempt > 1:
        return Reply(500)
    worker.refuse()
    return Reply(500, then="close")


def test_A5_the_attempts_made_survive_a_kill_of_the_sidecar(kafka, folder):
    queue = Queue(kafka, folder, steps=("1s",), retry={"initial": "1s"})
    with Worker(lambda job: fail_and_refuse(worker, job)) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(Record(b"x", b"a"))
            kafka.read(*queue.retry_topics, count=1)
            queue.wait_until_committed(1)
            sidecar.kill()
        worker.start()
        with queue.sidecar(worker):
            letter, = queue.dead(count=1)
        assert [job.attempt for job in worker.jobs] == [1, 2, 3]
        assert len({job.incarnation for job in worker.jobs}) == 2
        pods = [entry["pod"] for entry in json.loads(letter.header("drover-attempts"))]
        assert pods[0] != pods[1] == pods[2]


def test_A5_the_attempts_of_a_job_that_waits_in_its_place_survive_an_orderly_restart(kafka, folder):
    queue = Queue(kafka, folder, steps=(), delivery={"ordering": "key"}, retry={"delays": ["5s", "0s"]})
    with Worker(lambda job: fail_and_refuse(worker, job)) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(Record(b"x", b"a"))
            worker.wait_for(lambda jobs: jobs and jobs[0].answered_at, "first failure")
            sidecar.stop()
        position = kafka.positions(queue.group)[queue.topic, 0]
        assert position["offset"] == 0
        attempt, = position["decoded"]["attempts"]
        assert (attempt["offset"], attempt["attempts"]) == (0, 1)
        worker.start()
        with queue.sidecar(worker):
            queue.dead(count=1)
        assert [job.attempt for job in worker.jobs] == [1, 2, 3]
        assert worker.jobs[1].at >= attempt["due_at"] / 1000


def test_A5_delays_that_are_listed_are_waited_for_in_turn(kafka, folder):
    queue = Queue(kafka, folder, steps=("200ms", "600ms"),
                  retry={"maxAttempts": 4, "delays": ["0s", "200ms", "600ms"], "jitter": 0})
    with Worker(lambda job: 500) as worker, queue.sidecar(worker):
        queue.produce(Record(b"x", b"a"))
        queue.dead(count=1)
        waits = [b.at - a.answered_at for a, b in zip(worker.jobs, worker.jobs[1:])]
        assert len(waits) == 3
        assert waits[1] >= 0.2 and waits[2] >= 0.6
