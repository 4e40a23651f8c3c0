"""What people do at the command line about dead letters, and about a queue that shall stop: `drover dead`, `pause`,
`resume`, `cancel`. Seen from outside: the program, the embedded broker, a sidecar and a worker that fails."""

import json
import signal
import subprocess
import time

import pytest

from kafka_client import DROVER, KafkaClient, Record
from processes import end_with_parent, wait_until
from sidecars import Queue
from worker import Reply, Worker


class Mail:
    """A worker that knows no address without an @, and cannot deliver at all while `down`."""

    def __init__(self):
        self.down = True
        self.delivered = []

    def answer(self, job):
        try:
            to = json.loads(job.payload)["to"]
        except ValueError:
            to = "nobody@example.org"
        if "@" not in to:
            return Reply(422, {"Drover-Error": "NoSuchAddress"}, f"'{to}' is no address\nask its owner".encode())
        if self.down:
            return Reply(503, body=f"mail server {job.header('kafka-offset')} is away".encode())
        self.delivered.append((job.header("kafka-header-drover-run"), job.attempt, json.loads(job.payload)))
        return Reply(200)


class Commands:
    """The program about one queue, by name."""

    def __init__(self, kafka, queue):
        self.queue = queue
        self._where = ["-q", queue.topic, "--kafka", kafka.bootstrap]

    def start(self, *arguments):
        *command, = arguments[:2] if arguments[0] == "dead" else arguments[:1]
        rest = arguments[len(command):]
        return subprocess.Popen([str(DROVER), *command, *self._where, *rest], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, preexec_fn=end_with_parent)

    def __call__(self, *arguments, code=0):
        """What it wrote, both kinds together."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, f"{process.returncode}: {out}{err}"
        return out + err

    def json(self, *arguments):
        process = self.start(*arguments, "-o", "json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return json.loads(out)


@pytest.fixture
def kafka_of_test(embedded_broker):
    return KafkaClient(embedded_broker.bootstrap)


@pytest.fixture
def queue(kafka_of_test, folder):
    queue = Queue(kafka_of_test, folder, partitions=2, retry={"maxAttempts": 2})
    queue.control = f"{queue.topic}.control"
    kafka_of_test.create(queue.control)
    return queue


@pytest.fixture
def drover(kafka_of_test, queue):
    return Commands(kafka_of_test, queue)


def control_records(queue):
    """{key: value} of the last ones, without what was taken back."""
    last = {record.key.decode(): record.value for record in queue.kafka.read(queue.control)}
    return {key: json.loads(value) for key, value in last.items() if value}


def mail(to, n, **headers):
    return Record(json.dumps({"n": n, "to": to}).encode(), str(n).encode(), list(headers.items()))


@pytest.fixture
def mails(queue):
    """A sidecar with a worker, to which six jobs have been and have died: three of no address, two that could not be
    delivered, one that is not JSON."""
    mails = Mail()
    with Worker(mails.answer) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        queue.produce(*(mail(f"ada{n} at example.org", n) for n in range(3)),
                      *(mail("bob@example.org", n, **{"drover-type": "urgent", "colour": "red"}) for n in range(3, 5)),
                      Record(b"not JSON \xff", b"x", [("drover-job-id", "no-json")]))
        queue.dead(count=6)
        mails.sidecar = sidecar
        yield mails


def ends(queue):
    return sum(end for _, end in queue.kafka.offsets(queue.topic).values())


def test_D2_dead_letters_are_listed_by_error_and_by_the_shape_of_their_message(mails, drover):
    listed = drover.json("dead", "list")
    assert listed["count"] == 6 and listed["redriven"] == 0
    groups = {group["error"]: group for group in listed["groups"]}
    assert len(groups) == len(listed["groups"]) == 2
    assert groups["NoSuchAddress"]["count"] == groups["Http503"]["count"] == 3
    assert groups["NoSuchAddress"]["messageShape"] == "'…' is no address"
    assert groups["NoSuchAddress"]["first"] <= groups["NoSuchAddress"]["last"]
    example = drover.json("dead", "show", groups["NoSuchAddress"]["exampleJob"])
    assert example["error"] == "NoSuchAddress" and example["message"] == groups["NoSuchAddress"]["exampleMessage"]
    text = drover("dead", "list")
    assert "NoSuchAddress" in text and "'…' is no address" in text and "6 dead letters" in text


def test_A6_D2_show_tells_all_that_a_dead_letter_holds(mails, queue, drover):
    letter = next(record for record in queue.dead() if record.header("drover-type"))
    job = letter.header("drover-job-id")
    shown = drover.json("dead", "show", job)
    assert shown["job"] == job and shown["type"] == "urgent" and shown["error"] == "Http503"
    assert shown["attempts"] == 2 and [each["outcome"] for each in shown["tries"]] == ["Http503", "Http503"]
    assert json.loads(shown["payload"]) == {"n": int(letter.key), "to": "bob@example.org"}
    assert shown["key"] == letter.key.decode() and shown["redriven"] is None
    assert (shown["partition"], shown["offset"]) == (letter.partition, letter.offset)
    assert shown["original"]["topic"] == queue.topic
    assert [(each["name"], each["value"]) for each in shown["headers"]] == [(n, v.decode()) for n, v in letter.headers]
    text = drover("dead", "show", job)
    for part in (job, "Http503", "urgent", "colour", "red", '"to": "bob@example.org"', "mail server"):
        assert part in text, text
    assert drover.json("dead", "show", "no-json")["payloadBase64"] == "bm90IEpTT04g/w=="
    assert "bm90IEpTT04g/w==" in drover("dead", "show", "no-json")


def test_C7_a_dry_run_tells_what_would_happen_and_changes_nothing(mails, queue, drover):
    before = ends(queue)
    patch = '[{"op": "replace", "path": "/to", "value": "eve@example.org"}]'
    text = drover("dead", "redrive", "--error", "NoSuchAddress", "--limit", "2", "--patch", patch, "--dry-run")
    assert text.count(f"->  {queue.topic}, run 1") == 2 and text.count('"to":"eve@example.org"') == 2
    assert "2 jobs would be redriven" in text
    text = drover("dead", "redrive", "--patch", patch, "--dry-run", code=1)
    assert "skipped no-json: the payload is not JSON" in text and "5 jobs would be redriven" in text
    assert ends(queue) == before and control_records(queue) == {}


def test_C7_patched_letters_are_redriven_at_a_rate_and_completed_and_not_a_second_time(mails, queue, drover, tmp_path):
    patch = tmp_path / "patch.json"
    patch.write_text('[{"op": "test", "path": "/n", "value": 1},{"op": "replace", "path": "/to", "value": "ada@example.org"}]')
    text = drover("dead", "redrive", "--error", "NoSuchAddress", "--patch", f"@{patch}", "--dry-run", code=1)
    assert "1 job would be redriven" in text and "does not fit the payload" in text
    patch.write_text('[{"op": "replace", "path": "/to", "value": "ada@example.org"}]')
    mails.down = False
    before = time.monotonic()
    text = drover("dead", "redrive", "--error", "NoSuchAddress", "--patch", f"@{patch}", "--rate", "10/s", "--by", "ann")
    assert time.monotonic() - before >= 0.2, "three jobs at ten a second"
    assert "3 jobs of 3 redriven" in text
    mails.sidecar.wait_for(lambda stats: stats["completed"] == 3, "completion of the redriven jobs")
    assert sorted(payload["n"] for _, _, payload in mails.delivered) == [0, 1, 2]
    assert {payload["to"] for _, _, payload in mails.delivered} == {"ada@example.org"}
    assert {attempt for _, attempt, _ in mails.delivered} == {1}
    redriven = [record for record in queue.kafka.read(queue.topic) if record.header("drover-run") == "1"]
    letters = {record.header("drover-job-id"): record for record in queue.dead()}
    for record in redriven:
        letter = letters[record.header("drover-job-id")]
        mark = control_records(queue)[f"redriven/{queue.dead_letters}/{letter.partition}/{letter.offset}"]
        assert (mark["job"], mark["run"], mark["to"], mark["by"]) == (record.header("drover-job-id"), 1, queue.topic, "ann")
        assert record.key == letter.key and not record.all("drover-error-class")
    assert len(redriven) == 3

    end = ends(queue)
    assert "3 letters were redriven before" in drover("dead", "redrive", "--error", "NoSuchAddress")
    assert ends(queue) == end
    listed = {group["error"]: group for group in drover.json("dead", "list")["groups"]}
    assert listed["NoSuchAddress"]["redriven"] == 3 and listed["Http503"]["redriven"] == 0
    assert drover.json("dead", "show", redriven[0].header("drover-job-id"))["redriven"]["by"] == "ann"


def test_C7_a_job_that_dies_again_is_a_letter_of_its_next_run_which_can_be_redriven(mails, queue, drover):
    job = next(record.header("drover-job-id") for record in queue.dead() if record.header("drover-type"))
    drover("dead", "redrive", "--id", job)
    queue.dead(count=7)
    assert "0, 1" in drover("dead", "show", job)
    assert drover.json("dead", "show", job, "--run", "1")["attempts"] == 2
    mails.down = False
    assert "1 job of 1 redriven" in drover("dead", "redrive", "--type", "urgent", "--id", job)
    mails.sidecar.wait_for(lambda stats: stats["completed"] == 1, "completion of the redriven job")
    assert control_records(queue).keys() == {
        f"redriven/{queue.dead_letters}/{record.partition}/{record.offset}"
        for record in queue.dead() if record.header("drover-job-id") == job}


def letter_of(job, **headers):
    return Record(b"{}", None, [("drover-job-id", job), ("drover-error-class", "Http500"), *headers.items()])


def test_C7_a_letter_whose_payload_is_gone_is_told_and_skipped(queue, drover):
    queue.kafka.produce(queue.dead_letters, [
        Record(None, None, [("drover-job-id", "huge"), ("drover-payload-left-out", "true"),
                            ("drover-original-topic", queue.topic), ("drover-original-partition", "1"),
                            ("drover-original-offset", "42"), ("drover-original-timestamp", "2026-03-01T12:00:00Z")]),
        letter_of("small")])
    text = drover("dead", "redrive", code=1)
    assert f"skipped huge: its payload did not fit into the dead-letter topic; the job's own record is {queue.topic} " \
        "partition 1 offset 42" in text
    assert "1 job of 1 redriven" in text and "1 skipped" in text
    assert [record.header("drover-job-id") for record in queue.kafka.read(queue.topic)] == ["small"]


def test_C7_several_letters_of_one_run_of_a_job_are_redriven_as_one(queue, drover):
    queue.kafka.produce(queue.dead_letters, [letter_of("twice")] * 2)
    assert "1 job of 1 redriven" in drover("dead", "redrive")
    assert len(queue.kafka.read(queue.topic)) == 1 and len(control_records(queue)) == 2
    queue.kafka.produce(queue.dead_letters, [letter_of("twice")])
    assert "0 jobs of 0 redriven" in drover("dead", "redrive")


def test_C7_a_job_goes_back_to_the_lane_it_came_from(queue, drover):
    lane = f"{queue.topic}.high"
    queue.kafka.create(lane)
    origin = {"drover-original-partition": "0", "drover-original-offset": "1",
              "drover-original-timestamp": "2026-03-01T12:00:00Z"}
    queue.kafka.produce(queue.dead_letters, [
        letter_of("high", **{"drover-original-topic": lane, **origin}),
        letter_of("low", **{"drover-original-topic": f"{queue.topic}.low", **origin})])
    drover("dead", "redrive")
    assert [record.header("drover-job-id") for record in queue.kafka.read(lane)] == ["high"]
    assert [record.header("drover-job-id") for record in queue.kafka.read(queue.topic)] == ["low"]


def test_C7_ctrl_c_stops_between_two_jobs_and_the_next_redrive_goes_on(queue, drover):
    queue.kafka.produce(queue.dead_letters, [letter_of(f"job-{n}") for n in range(3)])
    process = drover.start("dead", "redrive", "--rate", "1/h")
    wait_until(lambda: control_records(queue), "mark of the first letter")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "1 job of 3 redriven" in out and "stopped" in err
    text = drover("dead", "redrive")
    assert "2 jobs of 2 redriven" in text and "1 letter was redriven before" in text
    redriven = sorted(record.header("drover-job-id") for record in queue.kafka.read(queue.topic))
    assert redriven == ["job-0", "job-1", "job-2"]


def test_A14_pause_and_resume_write_their_record_and_name_who_else_pauses(queue, drover, tmp_path):
    text = drover("pause", "--reason", "no paper", "--by", "ann")
    assert f"{queue.topic} is paused:" in text and "by cli (ann)" in text and "no paper" in text
    record = control_records(queue)["pause/cli"]
    assert (record["paused"], record["by"], record["reason"]) == (True, "ann", "no paper")

    queue.kafka.produce(queue.control, [Record(b'{"paused": true, "reason": "rollout"}', b"pause/operator")])
    text = drover("resume", "--by", "bob")
    assert f"{queue.topic} is still paused:" in text and "by operator: rollout" in text and "by cli" not in text
    assert control_records(queue)["pause/cli"]["paused"] is False

    queue.kafka.produce(queue.control, [Record(None, b"pause/operator")])
    file = tmp_path / "queue.yaml"
    file.write_text(json.dumps({
        "apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue", "metadata": {"name": "mail"},
        "spec": {"kafka": {"bootstrapServers": queue.kafka.bootstrap, "topic": queue.topic},
                 "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "mail"}]}}}}}))
    done = subprocess.run([str(DROVER), "resume", "-f", str(file), "-q", "mail"], capture_output=True, text=True)
    assert done.returncode == 0 and "default.mail is not paused" in done.stdout, done


def test_A14_cancel_writes_a_record_with_an_expiry_for_each_job(queue, drover):
    text = drover("cancel", "job-1", "job/2", "--for", "1h", "--reason", "wrong list", "--by", "ann")
    assert "job-1" in text and "job/2" in text and "is cancelled until" in text
    records = control_records(queue)
    assert records.keys() == {"cancel/job-1", "cancel/job/2"}
    assert records["cancel/job-1"]["at"] < records["cancel/job-1"]["expiresAt"]
    assert records["cancel/job-1"]["by"] == "ann" and records["cancel/job-1"]["reason"] == "wrong list"


@pytest.mark.parametrize("arguments, code, says", [
    (("dead", "redrive", "--error", "NoSuch"), 1, "none is what was asked for"),
    (("dead", "redrive", "--until", "1h"), 1, "none is what was asked for"),
    (("dead", "redrive", "--since", "1h", "--until", "2h"), 2, "--since must be before --until"),
    (("dead", "redrive", "--id", "nobody"), 1, "there is no dead letter of job nobody"),
    (("dead", "redrive", "--id", "there", "--id", "nobody", "--dry-run"), 1, "there is no dead letter of job nobody"),
    (("dead", "redrive", "--patch", "{}"), 2, "must be a JSON array"),
    (("dead", "redrive", "--patch", '[{"op": "add", "path": "to", "value": 1}]'), 2, "operation 1 of the patch: path"),
    (("dead", "redrive", "--patch", "@/nonexistent"), 2, "cannot read /nonexistent"),
    (("dead", "redrive", "--rate", "fast"), 2, "--rate must be"),
    (("dead", "redrive", "--since", "noon"), 2, "--since must be"),
    (("dead", "show", "nobody"), 1, "there is no dead letter of job nobody"),
    (("cancel", "a\nb"), 2, "job"),
    (("cancel", "a", "--for", "-1h"), 2, "--for must be"),
])
def test_D2_what_was_asked_for_in_vain_is_told(queue, drover, arguments, code, says):
    queue.kafka.produce(queue.dead_letters, [letter_of("there")])
    assert says in drover(*arguments, code=code)
    assert control_records(queue) == {}


def test_D2_a_queue_that_does_not_exist_and_a_kafka_that_is_away_are_told(kafka_of_test, queue, drover, embedded_broker):
    for command in (["dead", "list"], ["dead", "redrive"], ["pause"], ["cancel", "a"]):
        done = subprocess.run([str(DROVER), *command, "-q", "shop.emial", "--kafka", kafka_of_test.bootstrap],
                              capture_output=True, text=True)
        assert done.returncode == 1 and "there is no topic shop.emial" in done.stderr, done
    kafka_of_test.delete(queue.control)
    assert f"there is no topic {queue.control}" in drover("pause", code=1)
    assert "no dead letters" in drover("dead", "list")
    embedded_broker.kill()
    for command in (["dead", "list"], ["pause"]):
        assert f"cannot ask Kafka at {kafka_of_test.bootstrap}" in drover(*command, code=3)
