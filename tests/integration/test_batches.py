"""Several jobs in one request: when a batch goes, and what its answer means for each of its jobs."""

import base64
import json

import pytest

from kafka_client import Record
from sidecars import Queue
from worker import Gate, Reply, Worker


def job(job_id, *headers, value=b"x", key=None):
    return Record(value, key, [("drover-job-id", job_id), *headers])


def items(request):
    return json.loads(request.payload)


def ids(request):
    return [item["id"] for item in items(request)]


def results(*each):
    return Reply(200, {"Content-Type": "application/json"}, json.dumps({"results": each}).encode())


def done(job_id):
    return {"id": job_id, "outcome": "done"}


def all_done(request):
    return results(*map(done, ids(request)))


def batching(kafka, folder, size, wait="0s", **config):
    delivery = {"batch": {"maxSize": size, "maxWait": wait}} | config.pop("delivery", {})
    return Queue(kafka, folder, delivery=delivery, **config)


def test_A10_a_full_batch_goes_at_once_and_the_rest_when_it_has_waited(kafka, folder):
    full = batching(kafka, folder, 3, "1h")
    with Worker(all_done) as worker, full.sidecar(worker) as sidecar:
        full.produce(*(job(f"{n}") for n in range(7)))
        full.wait_until_committed(6)
        assert [ids(request) for request in worker.jobs] == [["0", "1", "2"], ["3", "4", "5"]]
        sidecar.wait_for(lambda stats: stats["held"] == 1, "the seventh waits for others")
        full.produce(job("7"), job("8"))
        full.wait_until_committed(9)
        assert ids(worker.jobs[2]) == ["6", "7", "8"]
        assert worker.jobs[0].header("drover-batch") == "3"
        assert worker.jobs[0].header("drover-queue") == full.name
        sidecar.stop()

    short = batching(kafka, folder, 100, "300ms")
    with Worker(all_done) as worker, short.sidecar(worker) as sidecar:
        short.produce(*(job(f"{n}") for n in range(5)))
        short.wait_until_committed(5)
        assert sorted(each for request in worker.jobs for each in ids(request)) == ["0", "1", "2", "3", "4"]
        sidecar.stop()


def test_A10_concurrency_counts_batches(kafka, folder):
    queue = batching(kafka, folder, 5, "1h", delivery={"concurrency": 2})
    gate = Gate()

    def answer(request):
        reply = all_done(request)
        reply.after = gate
        return reply

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(job(f"{n}") for n in range(20)))
        worker.wait_for(lambda jobs: len(jobs) == 2, "two batches")
        stats = sidecar.wait_for(lambda stats: stats["held"] == 10, "the others in hand")
        assert (stats["inFlight"], len(worker.jobs)) == (10, 2)
        gate.open()
        queue.wait_until_committed(20)
        assert len(worker.jobs) == 4
        sidecar.stop()


def test_A10_each_item_has_its_own_outcome_and_a_bad_one_fails_no_other(kafka, folder):
    queue = batching(kafka, folder, 6, "1h", steps=("100ms", "1s"), events=True)
    first = [
        done("fine") | {"result": {"n": 1}},
        {"id": "again", "outcome": "retry", "error": "Busy", "message": "try later", "retryAfter": "1s"},
        {"id": "never", "outcome": "dead", "error": "NoSuchStreet"},
        {"id": "odd", "outcome": "perhaps"},
        done("twice"), {"id": "twice", "outcome": "dead", "error": "Contradicted"},
        done("a stranger"),
        # "missing" is not named
    ]

    def answer(request):
        return results(*first) if len(worker.jobs) == 0 else all_done(request)

    worker = Worker(answer)
    with worker, queue.sidecar(worker) as sidecar:
        queue.produce(*map(job, ["fine", "again", "never", "odd", "twice", "missing"]))
        letters = {letter.header("drover-job-id"): letter for letter in queue.dead(count=2)}
        queue.wait_until_committed(6)
        assert {name: letter.header("drover-error-class") for name, letter in letters.items()} == {
            "never": "NoSuchStreet", "twice": "Contradicted"}
        retries = {record.header("drover-job-id"): record for record in kafka.read(*queue.retry_topics)}
        assert {name: record.header("drover-error-class") for name, record in retries.items()} == {
            "again": "Busy", "odd": "InvalidOutcome", "missing": "MissingResult"}
        assert {record.header("drover-attempt") for record in retries.values()} == {"1"}
        assert retries["again"].topic.endswith(".1s"), "as long as it asked for"
        sidecar.wait_for_log(lambda line: "a stranger" in line.get("problem", "") and "more than one" in line["problem"],
                             "what is odd about the answer")
        queue.produce(*(job(f"{n}") for n in range(3)))  # a full batch with the three retries
        sidecar.wait_for(lambda stats: stats["completed"] == 7, "all others")
        attempts = {item["id"]: item["attempt"] for request in worker.jobs[1:] for item in items(request)}
        assert {name: attempts[name] for name in ("again", "odd", "missing")} == {"again": 2, "odd": 2, "missing": 2}
        fine = queue.events("fine")[-1]
        assert (fine["state"], fine["result"]) == ("completed", {"n": 1})
        sidecar.stop()


@pytest.mark.parametrize("name, reply, error_class", [
    ("no JSON", Reply(200, body=b"<html>"), "InvalidBatchAnswer"),
    ("no results", Reply(200, body=b"{}"), "InvalidBatchAnswer"),
    ("results that are no list", Reply(200, body=b'{"results": {"0": "done"}}'), "InvalidBatchAnswer"),
    ("no entry", results(), "MissingResult"),
    ("entries that are none", results(1, None, "0", [], {}), "MissingResult"),
    ("500", Reply(500, body=b"out of memory"), "Http500"),
    ("cut", Reply(raw=b"HTTP/1.1 200 OK\r\n", then="reset"), "ConnectionCut"),
])
def test_A10_an_answer_that_says_nothing_of_the_items_retries_them_all(kafka, folder, name, reply, error_class):
    queue = batching(kafka, folder, 3, "1h")
    with Worker(lambda request: all_done(request) if items(request)[0]["attempt"] == 2 else reply) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(*(job(f"{n}") for n in range(3)))
            sidecar.wait_for(lambda stats: stats["completed"] == 3, "all of them")
            retries = kafka.read(*queue.retry_topics)
            assert [record.header("drover-error-class") for record in retries] == 3 * [error_class]
            assert sorted(ids(worker.jobs[1])) == ["0", "1", "2"]
            assert queue.dead() == []
            sidecar.stop()


def test_A10_more_results_than_items_and_an_empty_body(kafka, folder):
    queue = batching(kafka, folder, 2, "1h")
    replies = [results(*(done(f"{n}") for n in range(5000))), Reply(200)]
    with Worker(lambda request: replies[len(worker.jobs)]) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(job(f"{n}") for n in range(4)))
        queue.wait_until_committed(4)
        sidecar.wait_for_log(lambda line: "not in the batch: 4998" in line.get("problem", ""), "what is odd")
        assert sidecar.stats()["completed"] == 4
        sidecar.stop()


def test_A10_400_for_the_whole_batch_buries_each_job_with_its_own_letter(kafka, folder):
    queue = batching(kafka, folder, 2, "1h")
    with Worker(lambda request: 400) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("a", value=b"A"), job("b", value=b"B"))
        letters = queue.dead(count=2)
        assert sorted((letter.header("drover-job-id"), letter.value) for letter in letters) == [("a", b"A"), ("b", b"B")]
        sidecar.stop()


def test_A10_an_item_that_times_out_is_tried_again_and_the_others_of_its_batch_are_waited_for(kafka, folder):
    queue = batching(kafka, folder, 2, "1h")
    gate = Gate()

    def answer(request):
        reply = all_done(request)
        reply.after = gate if "patient" in ids(request) else None
        return reply

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(job("hasty", ("drover-timeout", "300ms")), job("patient"))
        stats = sidecar.wait_for(lambda stats: stats["retried"] == 1, "the timeout")
        assert stats["inFlight"] == 1, "the patient one"
        queue.produce(job("third"))  # a full batch with the hasty one
        sidecar.wait_for(lambda stats: stats["completed"] == 2, "the second batch")
        gate.open()
        sidecar.wait_for(lambda stats: stats["completed"] == 3, "the patient one")
        attempts = sorted((item["id"], item["attempt"]) for request in worker.jobs for item in items(request))
        assert attempts == [("hasty", 1), ("hasty", 2), ("patient", 1), ("third", 1)]
        sidecar.stop()


def test_A10_with_an_ordering_key_a_batch_has_one_job_of_a_key(kafka, folder):
    queue = batching(kafka, folder, 10, "0s", steps=(), delivery={"ordering": "key"})
    order = {}

    def answer(request):
        keys = [item["key"] for item in items(request)]
        assert len(set(keys)) == len(keys), "one at a time"
        outcomes = []
        for item in items(request):
            failing = item["id"].endswith("-1") and item["attempt"] == 1
            if not failing:
                order.setdefault(item["key"], []).append(item["id"])
            outcomes.append({"id": item["id"], "outcome": "retry" if failing else "done"})
        return results(*outcomes)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(job(f"{key}-{n}", key=key.encode()) for n in range(4) for key in "abc"))
        queue.wait_until_committed(12)
        assert order == {key: [f"{key}-{n}" for n in range(4)] for key in "abc"}
        sidecar.stop()


def test_A10_whatever_a_record_holds_comes_as_json(kafka, folder):
    queue = batching(kafka, folder, 5, "1h")
    with Worker(all_done) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(
            job("json", ("drover-type", "print"), ("colour", "red"), value=b'{"a": [1, 2.50]}'),
            job("text", ("content-type", "text/plain"), value="1 caf\u00e9".encode()),
            job("binary", ("stain", b"\xff"), value=b"\xff\x00\xfe", key=b"\xf0"),
            job("null", value=None),
            job("empty", value=b""))
        queue.wait_until_committed(5)
        by_id = {item["id"]: item for item in items(worker.jobs[0])}
        assert by_id["json"]["payload"] == {"a": [1, 2.5]}
        assert b'{"a": [1, 2.50]}' in worker.jobs[0].payload, "as it was written"
        assert (by_id["json"]["type"], by_id["json"]["headers"]) == ("print", {"colour": "red"})
        assert by_id["text"]["payload"] == "1 café"
        assert base64.b64decode(by_id["binary"]["payloadBase64"]) == b"\xff\x00\xfe"
        assert base64.b64decode(by_id["binary"]["keyBase64"]) == b"\xf0"
        assert base64.b64decode(by_id["binary"]["headersBase64"]["stain"]) == b"\xff"
        assert by_id["null"]["payload"] is None
        assert by_id["empty"]["payload"] == ""
        sidecar.stop()
