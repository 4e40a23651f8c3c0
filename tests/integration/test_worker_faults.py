"""Workers that are not there, die, or answer what is not HTTP."""

import json

import pytest

from kafka_client import Record
from processes import wait_until
from sidecars import Queue
from worker import SILENCE, Gate, Reply, Worker

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
FAULTS = {  # case: (answer, error class)
    "no answer": (Reply(raw=b"", then="close"), "ConnectionCut"),
    "half a head": (Reply(raw=HEAD, then="close"), "ConnectionCut"),
    "half a body": (Reply(raw=HEAD + b"\r\nhalf", then="close"), "ConnectionCut"),
    "half a chunk": (Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf", then="close"), "ConnectionCut"),
    "a reset": (Reply(raw=b"", then="reset"), "ConnectionCut"),
    "a hang": (SILENCE, "Timeout"),
    "a hang within the body": (Reply(raw=HEAD + b"\r\nhalf", then="hang"), "Timeout"),
    "10 MB": (Reply(body=b"x" * 10_000_000), "AnswerTooLarge"),
    "10 MB of headers": (Reply(headers={f"name-{i}": "x" * 1000 for i in range(10_000)}), "AnswerTooLarge"),
    "not HTTP": (Reply(raw=b"220 mail.example.org ESMTP\r\n\r\n", then="close"), "MalformedAnswer"),
    "binary": (Reply(raw=bytes(range(256)), then="close"), "MalformedAnswer"),
    "a header with a NUL": (Reply(raw=b"HTTP/1.1 200 OK\r\nna\0me: x\r\nContent-Length: 0\r\n\r\n"), "MalformedAnswer"),
    "a header without a colon": (Reply(raw=b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n"), "MalformedAnswer"),
    "a length that is no number": (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n"), "MalformedAnswer"),
    "two lengths": (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n"), "MalformedAnswer"),
}
GOOD = 100
# Of the jobs that can end in no other way, so that on a slow machine too nothing else times out.
HANGS = [("drover-timeout", "200ms")]


@pytest.fixture(scope="module")
def ran(kafka, folder):
    queue = Queue(kafka, folder, delivery={"concurrency": 16}, retry={"maxAttempts": 2})
    records = [Record(b"good", f"good {i}".encode()) for i in range(GOOD)]
    records[GOOD // 2:GOOD // 2] = [Record(b"bad", case.encode(), HANGS if error_class == "Timeout" else [])
                                    for case, (_, error_class) in FAULTS.items()]

    def answer(job):
        return FAULTS[job.key][0] if job.payload == b"bad" else Reply(200)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*records)
        dead = {record.key.decode(): record for record in queue.dead(count=len(FAULTS))}
        stats = sidecar.wait_for(lambda stats: stats["completed"] >= GOOD, "the good jobs")
        queue.wait_until_committed(len(records))
        sidecar.stop()
        return {"dead": dead, "jobs": worker.jobs, "stats": stats}


@pytest.mark.parametrize("case", FAULTS)
def test_an_attempt_that_the_worker_spoils_fails_with_its_cause(ran, case):
    letter = ran["dead"][case]
    attempts = json.loads(letter.header("drover-attempts"))
    assert letter.header("drover-error-class") == FAULTS[case][1], letter.header("__dlq.errors.message")
    assert [entry["outcome"] for entry in attempts] == 2 * [FAULTS[case][1]]
    assert letter.header("__dlq.errors.message")
    assert [job.attempt for job in ran["jobs"] if job.key == case] == [1, 2]


def test_an_answer_that_the_worker_spoils_harms_no_other_job(ran):
    good = [job for job in ran["jobs"] if job.payload == b"good"]
    assert len(good) == len({job.key for job in good}) == GOOD
    assert {job.attempt for job in good} == {1}
    assert ran["stats"]["completed"] == GOOD and ran["dead"].keys() == FAULTS.keys()


def test_A4_jobs_wait_for_a_worker_that_is_not_there_and_use_no_attempt(kafka, folder):
    queue = Queue(kafka, folder)
    records = [Record(b"x", str(i).encode()) for i in range(20)]
    with Worker(start=False) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*records)
        stats = sidecar.wait_for(lambda stats: stats["held"] > 0, "jobs that wait")
        assert not stats["workerReachable"] and stats["handedOver"] == 0
        sidecar.wait_until_ready()
        status, body = sidecar.get("/readyz")
        assert status == 200 and b"WorkerUnreachable" in body

        worker.start()
        worker.wait_for(lambda jobs: len(jobs) == 20, "all jobs")
        sidecar.wait_for(lambda stats: stats["completed"] == 20 and stats["workerReachable"], "completion")

        worker.crash()
        queue.produce(*records)
        sidecar.wait_for(lambda stats: stats["held"] > 0 and not stats["workerReachable"], "jobs that wait again")
        worker.start()
        stats = sidecar.wait_for(lambda stats: stats["completed"] == 40, "completion after it came back")
        assert {job.attempt for job in worker.jobs} == {1}
        assert stats["retried"] == stats["deadLettered"] == 0


def test_a_job_during_which_the_worker_died_used_an_attempt_and_those_behind_it_did_not(kafka, folder):
    gate = Gate()
    queue = Queue(kafka, folder, delivery={"concurrency": 2})
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(Record(b"x", str(i).encode()) for i in range(10)))
        in_flight = {job.key for job in worker.wait_for(lambda jobs: len(jobs) == 2 and list(jobs), "two jobs in flight")}
        worker.crash()
        gate.open()
        sidecar.wait_for(lambda stats: not stats["workerReachable"] and stats["inFlight"] == 0, "news of the crash")
        worker.start()
        stats = sidecar.wait_for(lambda stats: stats["completed"] == 10, "completion")
        assert stats["retried"] == 2 and stats["deadLettered"] == 0
        assert {job.key for job in worker.jobs if job.attempt == 2} == in_flight
        assert len(worker.jobs) == 12


def test_a_worker_that_says_nothing_holds_up_no_job_beyond_its_own_slot(kafka, folder):
    queue = Queue(kafka, folder, delivery={"concurrency": 2})
    with Worker(lambda job: SILENCE if job.key == "stuck" else Reply(200)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(Record(b"x", b"stuck"), *(Record(b"x", str(i).encode()) for i in range(50)))
        stats = sidecar.wait_for(lambda stats: stats["completed"] == 50, "the others")
        assert stats["inFlight"] == 1

        def position():
            at = kafka.positions(queue.group).get((queue.topic, 0))
            return at if at and at["decoded"]["finished"] == [[1, 50]] else None

        assert wait_until(position, "commit of the others", 60)["offset"] == 0
