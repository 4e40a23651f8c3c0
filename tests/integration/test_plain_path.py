"""Jobs of plain Kafka clients, and everything that a record may hold, on their way to the worker.

One queue and one sidecar for all: each record's key names its case.
"""

import base64
import json

import pytest

from kafka_client import Record
from sidecars import Queue
from worker import Worker

LIMIT = 4096  # the queue's maxPayload
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INJECTION = b"harmless\r\ndrover-attempt: 99\r\n\r\nPOST /injected HTTP/1.1\r\n\r\n"

DELIVERED = {
    "plain": Record(b"hello"),
    "null value": Record(None),
    "empty value": Record(b""),
    "binary value": Record(bytes(range(256))),
    "as large as the limit": Record(b"x" * LIMIT),
    "200 headers": Record(headers=[(f"name-{i}", f"value {i}") for i in range(200)]),
    "repeated header": Record(headers=[("colour", "red"), ("colour", "blue")]),
    "line breaks in a value": Record(headers=[("note", INJECTION)]),
    "line breaks in a name": Record(headers=[("note\r\ndrover-attempt: 99", b"x")]),
    "not UTF-8": Record(headers=[("note", b"\xff\xfe\x00"), ("other", b"plain")]),
    "empty name and empty value": Record(headers=[("", b"nameless"), ("valueless", b"")]),
    "names of HTTP": Record(headers=[("content-length", b"5"), ("transfer-encoding", b"chunked"), ("host", b"elsewhere")]),
    "a trace": Record(headers=[("traceparent", TRACE), ("tracestate", "vendor=1")]),
    "a CloudEvent": Record(b"{}", headers=[("ce_specversion", "1.0"), ("ce_id", "e-1"), ("ce_source", "/shop"),
                                           ("ce_type", "order.placed"), ("ce_subject", "grüße \r\nx"),
                                           ("content-type", "application/json")]),
    "with an id and a type": Record(headers=[("drover-job-id", "order-17"), ("drover-type", "send-email"),
                                             ("drover-max-attempts", "7"), ("drover-deadline", "2199-01-01T00:00:00Z")]),
    "clé\n": Record(b"a key that is not ASCII"),
}
DEAD = {
    "over the limit": Record(b"x" * (LIMIT + 1), headers=[("user", "ann")]),
    "far over the limit": Record(b"x" * 900_000),
    "attempt is no number": Record(b"1", headers=[("drover-attempt", "many")]),
    "deadline is no time": Record(b"2", headers=[("drover-deadline", "yesterday")]),
    "timeout is no duration": Record(b"3", headers=[("drover-timeout", "soon")]),
    "id has line breaks": Record(b"4", headers=[("drover-job-id", INJECTION)]),
    "original offset is no number": Record(b"5", headers=[("drover-original-topic", "t"), ("drover-original-partition", "0"),
                                                          ("drover-original-offset", "-")]),
}


class Outcome:
    def __init__(self, queue, offsets, jobs, dead, stats, metrics):
        self.queue, self.offsets, self.jobs, self.dead, self.stats, self.metrics = queue, offsets, jobs, dead, stats, metrics


def key_of(job):
    """A key that is not visible ASCII comes as base64, and `drover-base64` says so."""
    encoded = "drover-key" in (job.header("drover-base64") or "").split(", ")
    return base64.b64decode(job.key).decode() if encoded else job.key


@pytest.fixture(scope="module")
def ran(kafka, folder):
    queue = Queue(kafka, folder, delivery={"maxPayload": LIMIT, "path": "/work?a=b"})
    cases = DELIVERED | DEAD
    for name, record in cases.items():
        record.key = name.encode()
    offsets = {name: at["offset"] for name, at in zip(cases, queue.produce(*cases.values()))}
    keyless = queue.produce(Record(b"keyless"))[0]["offset"]
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        worker.wait_for(lambda jobs: len(jobs) >= len(DELIVERED) + 1, "hand-over of every fit record")
        dead = {record.key.decode(): record for record in queue.dead(count=len(DEAD))}
        queue.wait_until_committed(len(cases) + 1)
        stats = sidecar.stats()
        metrics = sidecar.get("/metrics")[1].decode()
        sidecar.stop()
        jobs = {key_of(job): job for job in worker.jobs}
        assert len(jobs) == len(worker.jobs), "each job is handed over once"
    return Outcome(queue, offsets | {None: keyless}, jobs, dead, stats, metrics)


def test_C13_the_mean_of_times_can_be_had_over_any_while(ran):
    def value(name):
        line, = (line for line in ran.metrics.splitlines() if line.startswith(f"{name}{{"))
        return float(line.rpartition(" ")[2])
    for times in ("drover_job_duration_seconds", "drover_job_wait_seconds"):
        assert value(f"{times}_count") == len(DELIVERED) + 1
        assert value(f"{times}_sum") > 0


def test_A1_every_fit_record_is_handed_over_once_and_no_other(ran):
    assert ran.jobs.keys() == DELIVERED.keys() | {None}
    assert ran.stats["completed"] == len(DELIVERED) + 1 and ran.stats["deadLettered"] == len(DEAD)


@pytest.mark.parametrize("case", DELIVERED)
def test_A19_a_record_without_drover_headers_keeps_its_payload_and_its_coordinates(ran, case):
    job, record = ran.jobs[case], DELIVERED[case]
    assert job.request == "POST /work?a=b HTTP/1.1"
    assert job.payload == (record.value or b"")
    assert job.header("kafka-topic") == ran.queue.topic
    assert (job.header("kafka-partition"), job.header("kafka-offset")) == ("0", str(ran.offsets[case]))
    assert job.header("drover-queue") == ran.queue.name
    assert job.attempt == 1
    assert job.header("drover-null") == ("true" if record.value is None else None)


def test_A19_the_id_of_a_plain_record_is_its_topic_partition_and_offset(ran):
    assert ran.jobs["plain"].id == f"{ran.queue.topic}-0-{ran.offsets['plain']}"
    assert ran.jobs["plain"].header("drover-max-attempts") == "3"


def test_A19_a_record_without_a_key_is_handed_over_without_one(ran):
    assert ran.jobs[None].payload == b"keyless"
    assert ran.jobs[None].key is None


def test_A18_a_plain_record_reaches_the_worker_as_a_cloud_event(ran):
    job = ran.jobs["plain"]
    assert job.header("ce-specversion") == "1.0"
    assert job.header("ce-id") == job.id
    assert job.header("ce-source") == f"/drover/test/{ran.queue.name}"
    assert job.header("ce-type") == "dev.drover.job"


def test_A18_a_cloud_event_keeps_its_attributes_and_its_content_type(ran):
    job = ran.jobs["a CloudEvent"]
    assert [job.header(f"ce-{name}") for name in ("specversion", "id", "source", "type")] == [
        "1.0", "e-1", "/shop", "order.placed"]
    assert job.header("ce-subject") == "gr%C3%BC%C3%9Fe%20%0D%0Ax"
    assert job.header("content-type") == "application/json"


def test_A18_the_trace_is_carried_to_the_worker(ran):
    assert ran.jobs["a trace"].header("traceparent") == TRACE
    assert ran.jobs["a trace"].header("tracestate") == "vendor=1"


def test_a_job_keeps_its_own_id_type_deadline_and_attempts(ran):
    job = ran.jobs["with an id and a type"]
    assert job.id == "order-17"
    assert job.header("drover-type") == job.header("ce-type") == "send-email"
    assert job.header("drover-max-attempts") == "7"
    assert job.header("drover-deadline") == "2199-01-01T00:00:00.000Z"


def test_200_headers_arrive_in_order(ran):
    job = ran.jobs["200 headers"]
    assert [(name, value) for name, value in job.headers if name.startswith("kafka-header-")] == [
        (f"kafka-header-name-{i}", f"value {i}") for i in range(200)]


def test_a_repeated_header_arrives_as_often(ran):
    assert ran.jobs["repeated header"].all("kafka-header-colour") == ["red", "blue"]


@pytest.mark.parametrize("case, value", [("line breaks in a value", INJECTION), ("not UTF-8", b"\xff\xfe\x00")])
def test_a_value_that_is_not_visible_ascii_arrives_as_base64_and_is_listed(ran, case, value):
    job = ran.jobs[case]
    assert base64.b64decode(job.header("kafka-header-note")) == value
    assert job.header("drover-base64") == "kafka-header-note"
    assert case != "not UTF-8" or job.header("kafka-header-other") == "plain"


def test_no_header_of_a_record_can_end_a_header_or_start_another(ran):
    for case in ("line breaks in a value", "line breaks in a name", "names of HTTP"):
        job = ran.jobs[case]
        assert job.attempt == 1  # header() refuses a second one
        assert job.header("content-length") == "0" and not job.all("transfer-encoding")
        assert job.header("host").startswith("127.0.0.1")
    assert ran.jobs["line breaks in a name"].all("kafka-header-note%0d%0adrover-attempt%3a%2099") == ["x"]


def test_headers_without_a_name_or_a_value_arrive(ran):
    job = ran.jobs["empty name and empty value"]
    assert job.all("kafka-header-") == ["nameless"] and job.all("kafka-header-valueless") == [""]


@pytest.mark.parametrize("case", DEAD)
def test_A17_an_unfit_record_is_dead_lettered_untouched_with_its_cause(ran, case):
    letter, record = ran.dead[case], DEAD[case]
    large = case.endswith("over the limit")
    assert letter.value == record.value
    assert letter.header("drover-error-class") == ("PayloadTooLarge" if large else "MalformedHeader")
    cause = letter.header("__dlq.errors.message")
    if large:
        assert cause == f"the payload has {len(record.value)} bytes, the queue takes {LIMIT}"
    else:
        wrong = next(name for name, value in record.headers if value in (b"many", b"-", INJECTION) or name in cause)
        assert cause.startswith(f"header {wrong}: ")
    assert letter.header("__dlq.errors.offset") == str(ran.offsets[case])
    assert letter.header("__dlq.errors.delivery.count") == "0" and not letter.all("drover-attempts")
    users = [(name, value.encode()) for name, value in record.headers if not name.startswith("drover-")]
    assert [field for field in letter.headers if not field[0].startswith(("drover-", "__dlq."))] == users


def test_A17_an_unfit_record_blocks_nothing_behind_it(ran):
    first_unfit = min(ran.offsets[case] for case in DEAD)
    assert ran.offsets[None] > first_unfit and None in ran.jobs


def test_A18_a_job_that_the_worker_submits_carries_its_trace_on(kafka, folder):
    queue = Queue(kafka, folder)
    other = Queue(kafka, folder)
    with Worker() as worker, queue.sidecar(worker, queueTopics={queue.name: queue.topic, other.name: other.topic}) as sidecar:
        status, answer = sidecar.submit(queue.name, {"type": "resize", "payload": {"width": 3}, "key": "k"}, traceparent=TRACE)
        assert status == 202 and answer["state"] == "waiting"
        job, = worker.wait_for(lambda jobs: list(jobs), "the submitted job")
        assert json.loads(job.payload) == {"width": 3}
        assert (job.id, job.key, job.header("drover-type")) == (answer["id"], "k", "resize")
        assert job.header("traceparent") == TRACE
        assert job.header("content-type") == "application/json"

        status, answer = sidecar.submit(other.name, {"payload": [1]})
        assert status == 202
        record, = kafka.read(other.topic, count=1)
        assert record.value == b"[1]" and record.header("drover-job-id") == answer["id"]


def test_a_job_that_cannot_be_submitted_is_refused_with_the_reason(kafka, folder):
    queue = Queue(kafka, folder, delivery={"maxPayload": 100})
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        assert sidecar.submit(queue.name, {"type": 1, "colour": "red"})[0] == 400
        assert sidecar.submit(queue.name, {"payload": "x" * 100})[0] == 413
        status, problem = sidecar.submit("nosuch", {"payload": 1})
        assert (status, problem["status"]) == (404, 404) and "test.nosuch" in problem["detail"]
        assert sidecar.submit(queue.name, {"payload": 1})[0] == 202
        assert queue.kafka.offsets(queue.topic)[queue.topic, 0] == (0, 1), "the good one is the first"
