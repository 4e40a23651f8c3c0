"""Kafka away, topics missing, authorisation refused."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from kafka_client import KafkaClient, Record
from kafka_cluster import PASSWORD, KafkaCluster
from sidecars import Queue, Sidecar
from worker import Gate, Reply, Worker

AWAY = float(os.environ.get("DROVER_TEST_BROKER_AWAY", 10))  # seconds


@pytest.fixture
def plain(secure_cluster):
    return KafkaClient(secure_cluster.bootstrap)


def test_A2_jobs_go_on_after_kafka_was_away_none_is_lost_and_no_attempt_used(secure_cluster, plain, folder):
    """Jobs in flight as it goes complete while it is away; one that fails meanwhile is retried once it is back. Its
    group may have forgotten the sidecar: then what was finished and could not be committed runs again, and no more."""
    gate = Gate()
    queue = Queue(plain, folder, partitions=4)

    def answer(job):
        if job.payload == b"fails" and job.attempt == 1:
            return Reply(500, after=gate)
        return Reply(200, after=gate if job.payload == b"slow" else 0.01)

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_until_joined(queue.all_partitions)
        first = [Record(b"slow", b"slow"), Record(b"fails", b"fails")] + [Record(b"x", b"a%d" % i) for i in range(500)]
        queue.produce(*first)
        worker.wait_for(lambda jobs: len(jobs) > 50 and {"slow", "fails"} <= {job.key for job in jobs}, "jobs under way")
        positions = plain.positions(queue.group)
        secure_cluster.stop(1)
        try:
            gate.open()
            worker.wait_for(lambda jobs: all(job.answered_at for job in jobs if job.key in ("slow", "fails")), "answers")
            time.sleep(AWAY)  # how long it is away is what this is about
            sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")
        finally:
            secure_cluster.start([1])
        queue.produce(*(Record(b"x", b"b%d" % i) for i in range(100)))
        worker.wait_for(lambda jobs: len({job.key for job in jobs}) == 602 and
                        any(job.key == "fails" and job.attempt == 2 for job in jobs), "every job", 120)
        stats = sidecar.wait_for(lambda stats: stats["inFlight"] == 0 and stats["held"] == 0, "idleness")
        queue.wait_until_committed(602)
        assert stats["retried"] == 1 and stats["deadLettered"] == 0
        sidecar.wait_for(lambda stats: stats["trouble"] == "", "end of the trouble")
        assert {job.key for job in worker.jobs if job.attempt > 1} == {"fails"}
        sidecar.stop()
        repeated = [job for job in worker.jobs if job.attempt == 1 and len(worker.of(job.key)) > 1 and job.key != "fails"]
        assert not [job.key for job in repeated if is_committed(job, queue.topic, positions)]


def is_committed(job, topic, positions):
    position = positions.get((topic, int(job.header("kafka-partition"))))
    offset = int(job.header("kafka-offset"))
    return position is not None and (offset < position["offset"] or any(
        first <= offset < first + count for first, count in position["decoded"]["finished"]))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_A2_a_dead_coordinator_is_replaced_and_nobody_spins_on_it(folder):
    """Whichever broker of three is the coordinator: a sidecar that is given partitions while it is dead reads where
    they stand from the next one."""
    with KafkaCluster.temporary(brokers=3, settings=["broker.session.timeout.ms=3000"]) as cluster:
        kafka = KafkaClient(cluster.bootstrap)
        queue = Queue(kafka, folder, partitions=6, replication=3)
        with Worker(lambda job: Reply(200)) as worker, queue.sidecar(worker) as sidecar:
            for node in (1, 2, 3):
                with queue.sidecar(worker) as other:
                    for each in (sidecar, other):
                        each.wait_for(lambda stats: stats["partitions"] == queue.all_partitions / 2, "half of them")
                    cluster.kill(node)
                    other.kill()
                begin, used = time.monotonic(), cpu_seconds(sidecar.pid)
                sidecar.wait_for(lambda stats: stats["partitions"] == queue.all_partitions, "all of them")
                done = len(worker.jobs)
                queue.produce(*(Record(b"x", b"%d-%d" % (node, i)) for i in range(100)))
                worker.wait_for(lambda jobs, so_far=done: len(jobs) >= so_far + 100, "jobs of all partitions")
                assert cpu_seconds(sidecar.pid) - used < (time.monotonic() - begin) / 2
                cluster.start([node])


def test_missing_topics_are_named_and_found_once_they_are_there(kafka, folder):
    queue = Queue(kafka, folder, create=False)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        trouble = sidecar.wait_for(lambda stats: queue.topic in stats["trouble"], "trouble")["trouble"]
        assert queue.topic in trouble
        for topic in (queue.topic, *queue.retry_topics):
            sidecar.wait_for_log(lambda line: line["level"] == "error" and topic in line.get("error", ""), f"missing {topic}")
        assert sidecar.get("/readyz")[0] == 503
        queue.create()
        queue.produce(Record(b"x", b"a"))
        worker.wait_for(lambda jobs: len(jobs) == 1, "the job")
        sidecar.wait_for(lambda stats: stats["completed"] == 1 and stats["trouble"] == "", "end of the trouble")
        sidecar.wait_until_ready()


def test_a_dead_letter_waits_for_its_missing_topic(kafka, folder):
    queue = Queue(kafka, folder, create=False)
    kafka.create(queue.topic, *queue.retry_topics)
    with Worker(lambda job: 400) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(Record(b"precious", b"a"))
        # After the second failure a commit that does not wait for the letter would have been made.
        sidecar.wait_for(lambda stats: stats["writeFailures"] > 1, "writes that fail")
        sidecar.wait_for_log(lambda line: line["level"] == "error" and queue.dead_letters in line.get("error", ""), "failure")
        assert queue.committed() == 0
        queue.create()
        letter, = queue.dead(count=1)
        assert letter.value == b"precious"
        queue.wait_until_committed(1)
        assert len(worker.jobs) == 1, "only the writing is tried again"


def test_A2_the_end_of_a_job_waits_for_an_events_topic_that_was_deleted(kafka, folder):
    """Completed or dead: no offset passes it, nothing runs again, one sees why, and it heals."""
    queue = Queue(kafka, folder, events=True)
    with Worker(lambda job: 400 if job.key == "dead" else 200) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(Record(b"x", b"before"))
        queue.wait_until_committed(1)
        kafka.delete(queue.events_topic)
        queue.produce(Record(b"x", b"done"), Record(b"x", b"dead"))
        # After the second failure of each, a commit that does not wait for the event would have been made.
        sidecar.wait_for(lambda stats: stats["writeFailures"] > 3, "writes that fail", 120)
        stats = sidecar.wait_for(lambda stats: queue.events_topic in stats["trouble"], "trouble")
        assert (stats["completed"], stats["deadLettered"], stats["held"]) == (1, 0, 2)
        assert figure(sidecar, "drover_write_failures_total") > 3
        assert queue.committed() == 1
        queue.create_events()
        queue.wait_until_committed(3)
        stats = sidecar.wait_for(lambda stats: stats["held"] == 0 and stats["trouble"] == "", "end of the trouble")
        assert (stats["completed"], stats["deadLettered"]) == (2, 1)
        ends = [(event["offset"], event["state"]) for event in queue.events() if event["state"] in ("completed", "failed")]
        assert sorted(ends) == [(1, "completed"), (2, "failed")]
        letter, = queue.dead()
        assert letter.key == b"dead"
        assert [job.key for job in worker.jobs] == ["before", "done", "dead"], "only the writing is tried again"
        sidecar.stop()


def test_A2_the_end_of_a_job_waits_where_the_events_topic_takes_no_record_of_its_size(kafka, folder):
    queue = Queue(kafka, folder)
    queue.events_topic = f"{queue.topic}.events"
    kafka.create(queue.events_topic, max_message_bytes=100)
    with Worker(lambda job: Reply(body=b"result")) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(Record(b"x", b"a"))
        sidecar.wait_for(lambda stats: stats["writeFailures"] > 3, "writes that fail")
        stats = sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")
        assert (stats["completed"], stats["held"]) == (0, 1)
        assert figure(sidecar, "drover_write_failures_total") > 3
        assert queue.committed() == 0
        kafka.delete(queue.events_topic)
        queue.create_events()  # which takes more
        queue.wait_until_committed(1)
        sidecar.wait_for(lambda stats: stats["completed"] == 1 and stats["trouble"] == "", "end of the trouble")
        assert [event["offset"] for event in queue.events() if event["state"] == "completed"] == [0]
        assert len(worker.jobs) == 1
        sidecar.stop()


def test_A6_a_dead_letter_keeps_its_payload_where_only_its_event_is_too_large(kafka, folder):
    """Both fail at once: the letter, since its topic is away, is written as it was."""
    queue = Queue(kafka, folder, create=False)
    kafka.create(queue.topic, *queue.retry_topics)
    queue.events_topic = f"{queue.topic}.events"
    kafka.create(queue.events_topic, max_message_bytes=100)
    with Worker(lambda job: 400) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(Record(b"precious", b"a"))
        sidecar.wait_for(lambda stats: stats["writeFailures"] > 2, "a second try of either", 120)
        assert queue.committed() == 0
        kafka.delete(queue.events_topic)
        queue.create()  # an events topic that takes more, too
        queue.wait_until_committed(1)
        letter, = queue.dead()
        assert (letter.key, letter.value) == (b"a", b"precious")
        assert [event["state"] for event in queue.events() if event["state"] != "started"] == ["failed"]
        assert len(worker.jobs) == 1
        sidecar.stop()


def figure(sidecar, name):
    """Of /metrics"""
    line, = (line for line in sidecar.get("/metrics")[1].decode().splitlines() if line.startswith(f"{name}{{"))
    return float(line.rpartition(" ")[2])


def grant(cluster, user, queue):
    """All that a sidecar needs, with Kafka's own tool: this is the administrator's part."""
    done = subprocess.run(
        cluster._java("-Xmx128m", "-XX:TieredStopAtLevel=1", "org.apache.kafka.tools.AclCommand",
                      "--bootstrap-server", cluster.bootstrap, "--add", "--allow-principal", f"User:{user}",
                      "--operation", "All", "--topic", queue.topic, "--group", queue.group,
                      "--resource-pattern-type", "prefixed"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def test_refused_authorisation_is_said_and_tried_again_until_it_is_granted(secure_cluster, plain, folder):
    queue = Queue(plain, folder)
    stranger = {"bootstrap.servers": secure_cluster.bootstrap_of("SASL_PLAINTEXT"), "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "stranger", "sasl.password": PASSWORD}
    with Worker() as worker, queue.sidecar(worker, kafka=stranger) as sidecar:
        queue.produce(Record(b"x", b"a"))
        sidecar.wait_for_log(lambda line: line["level"] == "error" and "authori" in line.get("error", "").lower(), "refusal")
        sidecar.wait_for(lambda stats: "authori" in stats["trouble"].lower(), "trouble")
        assert PASSWORD not in sidecar.log_text()
        grant(secure_cluster, "stranger", queue)
        worker.wait_for(lambda jobs: len(jobs) == 1, "the job")
        sidecar.wait_for(lambda stats: stats["completed"] == 1 and stats["trouble"] == "", "end of the trouble")


def test_a_wrong_password_is_said_and_tried_again(secure_cluster, plain, folder):
    queue = Queue(plain, folder)
    wrong = {"bootstrap.servers": secure_cluster.bootstrap_of("SASL_PLAINTEXT"), "security.protocol": "SASL_PLAINTEXT",
             "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "drover", "sasl.password": "not-the-password"}
    with Worker() as worker, queue.sidecar(worker, kafka=wrong) as sidecar:
        sidecar.wait_for_log(lambda line: line["level"] == "error" and "auth" in line.get("error", "").lower(), "refusal")
        sidecar.wait_for(lambda stats: stats["trouble"] != "", "trouble")
        assert "not-the-password" not in sidecar.log_text()
        sidecar.stop()


@pytest.mark.parametrize("setting, value", [("no.such.setting", "1"), ("session.timeout.ms", "soon")])
def test_a_setting_that_librdkafka_refuses_ends_the_sidecar_with_2_and_is_named(kafka, folder, setting, value):
    queue = Queue(kafka, folder, create=False)
    settings = {"bootstrap.servers": kafka.bootstrap, setting: value}
    sidecar = Sidecar(queue.config(1, kafka=settings), folder, wait=False)
    with sidecar:
        assert sidecar.wait(30) == 2
        assert setting in sidecar.log_text()


def test_A2_a_broker_that_was_frozen_is_found_again_by_everybody(folder):
    """Until it is registered again it tells of topics and of no brokers: who asks then must not forget it, or abort."""
    with KafkaCluster.temporary(settings=["broker.session.timeout.ms=1000", "broker.heartbeat.interval.ms=500"]) as kafka:
        client = KafkaClient(kafka.bootstrap)
        queue = Queue(client, folder, partitions=2)
        tool = client.command("positions", queue.group)
        with Worker() as worker, queue.sidecar(worker) as sidecar:
            sidecar.wait_until_joined(queue.all_partitions)
            for freeze in range(4):
                os.kill(kafka.pids()[1], signal.SIGSTOP)
                time.sleep(2)  # twice its session
                asking = [subprocess.Popen(tool, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)]
                time.sleep(1)  # in which their connections wait for it
                os.kill(kafka.pids()[1], signal.SIGCONT)
                said = [each.communicate(timeout=90)[1] for each in asking]
                assert [each.returncode for each in asking] == [0] * len(asking), said
                queue.produce(*(Record(b"x", b"%d-%d" % (freeze, i)) for i in range(20)))
                worker.wait_for(lambda jobs: len({job.key for job in jobs}) == 20 * (freeze + 1), "every job")
