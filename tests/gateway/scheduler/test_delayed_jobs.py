"""C8: jobs that wait for a time, over several schedulers that live and die, on an Apache Kafka."""

import time

from kafka_client import Record
from kafka_cluster import KafkaCluster
from schedulers import Schedulers, assert_each_once_and_none_early, percentile, wait_for


def lateness(due, came):
    return {job: times[0] - due[job] for job, times in came.items()}


def report(what, values):
    print(f"{what}: {len(values)} jobs, late by p50 {percentile(values, 0.5)} ms, p99 {percentile(values, 0.99)} ms, "
          f"at most {max(values, default=0)} ms")


def test_C8_each_of_many_jobs_is_either_cancelled_or_dispatched(schedulers):
    one, other = schedulers.start(), schedulers.start()
    for each in (one, other):
        each.wait_until_ready(6)
    due = schedulers.delay(2000, 4, 8)
    # While they become due, by the one that need not own them.
    order = sorted(due, key=due.get)
    begin = min(due.values()) / 1000
    for number, job in enumerate(order):
        pause = begin + 4 * number / len(order) - time.time()
        if pause > 0.01:
            time.sleep(pause)
        other.cancel(job)
    for _ in order:
        assert other.commands.get(timeout=60)["error"] == ""
    wait_for(lambda: not one.status["waiting"] and not other.status["waiting"], "nothing that waits")
    wait_for(lambda: one.status["cancelled"] + other.status["cancelled"] + one.status["dispatched"] +
             other.status["dispatched"] == len(due), "all that is counted")
    cancelled = one.status["cancelled"] + other.status["cancelled"]
    came = schedulers.dispatched(len(due) - cancelled)
    # Whoever came too late has the cancel in the queue's control topic.
    forwarded = wait_for(lambda: (found := {record.key.decode().removeprefix("cancel/")
                                            for record in schedulers.kafka.read(schedulers.control)}) >= set(came) and found,
                         "cancels of what was dispatched")
    print(f"{cancelled} cancelled, {len(came)} dispatched before")
    assert cancelled > 0 and came, "nothing raced"
    assert len(came) + cancelled == len(due)
    assert all(len(times) == 1 for times in came.values())
    assert forwarded == set(came)


def test_C8_restarts_lose_nothing(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    due = schedulers.delay(3000, 1, 6)
    for kill in (True, False, True):
        wait_for(lambda: only.status["dispatched"] > 100, "jobs on their way")
        if kill:
            only.kill()
        else:
            only.stop()
        only = schedulers.start()
        due |= schedulers.delay(1000, 3, 8, id_prefix=f"more {len(due)} ")
    schedulers.dispatched(len(due))
    only.wait_until_ready(12)
    wait_for(lambda: not only.status["waiting"], "nothing that waits")
    assert_each_once_and_none_early(due, schedulers.dispatched(len(due)))


def test_C8_jobs_that_become_due_while_kafka_is_away_come_afterwards(schedulers, cluster):
    one, other = schedulers.start(), schedulers.start()
    for each in (one, other):
        each.wait_until_ready(6)
    due = schedulers.delay(3000, 2, 14)
    wait_for(lambda: one.status["dispatched"] and other.status["dispatched"], "jobs on their way")
    cluster.kill(1)
    time.sleep(8)  # longer than the session
    cluster.start([1])
    wait_for(lambda: one.status["ready"] and other.status["ready"] and not one.status["waiting"] and not other.status["waiting"],
             "nothing that waits")
    came = schedulers.dispatched(len(due))
    report("with Kafka away for 8 s", list(lateness(due, came).values()))
    assert_each_once_and_none_early(due, came)


def test_C8_a_topic_that_does_not_exist_holds_only_its_own_jobs_up(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    missing = schedulers.prefix + "later"
    lost = schedulers.delay(200, 1, 2, topic=missing, id_prefix="of no topic ")
    due = schedulers.delay(1000, 1, 4)
    came = schedulers.dispatched(len(due))
    report("beside a topic that is missing", list(lateness(due, came).values()))
    assert_each_once_and_none_early(due, came)
    wait_for(lambda: only.status["waiting"] == {"test.queue": len(lost)}, "nothing else that waits")
    schedulers.kafka.create(missing)
    assert set(schedulers.dispatched(len(lost), missing)) == set(lost)


def test_C8_a_topic_that_takes_nothing_holds_only_its_own_jobs_up(tmp_path):
    """One of its partitions has no leader, so that a transaction's time passes before anybody knows."""
    with KafkaCluster.temporary(brokers=3) as three, Schedulers(three, tmp_path, replication=3) as schedulers:
        only = schedulers.start()
        only.wait_until_ready(12)
        stuck = schedulers.prefix + "stuck"
        schedulers.kafka.create(stuck, partitions=3)
        three.kill(1)
        held = schedulers.delay(200, 1, 2, topic=stuck, id_prefix="of a stuck topic ")
        due = schedulers.delay(1000, 1, 4)
        came = schedulers.dispatched(len(due))
        report("beside a topic that takes nothing", list(lateness(due, came).values()))
        assert_each_once_and_none_early(due, came)
        wait_for(lambda: 0 < only.status["waiting"].get("test.queue", 0) <= len(held), "nothing else that waits")
        later = schedulers.delay(100, 0, 1, id_prefix="later ")
        assert set(schedulers.dispatched(len(due) + len(later))) == set(due) | set(later)
        assert only.status["behindMs"] > 1000, "those that are held up are late"
        for job in held:
            only.cancel(job)
        wait_for(lambda: not only.status["waiting"], "nothing that waits")
        wait_for(lambda: only.status["behindMs"] == 0, "nothing that is late")
        cancelled = only.status["cancelled"]
        again = schedulers.delay(200, 0, 1, topic=stuck, id_prefix="again ")
        wait_for(lambda: only.status["waiting"], "some that are held up again")
        three.start([1])
        came = schedulers.dispatched(len(held) - cancelled + len(again), stuck)
        assert cancelled > 0 and set(again) <= set(came)
        assert_each_once_and_none_early({job: due for job, due in (held | again).items() if job in came}, came)


def test_C8_a_record_that_nobody_understands_is_counted_and_passed_over(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.kafka.produce(schedulers.delayed, [Record(key="bad", value="no headers"), Record(key="cancel/x", value="no json")])
    due = schedulers.delay(100, 0, 1)
    assert_each_once_and_none_early(due, schedulers.dispatched(len(due)))
    wait_for(lambda: only.status["refused"] == 2, "two that were refused")


def test_C8_the_same_job_twice_is_one_job(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.delay(500, 4, 5)
    due = schedulers.delay(500, 4, 5)
    came = schedulers.dispatched(len(due))
    wait_for(lambda: not only.status["waiting"], "nothing that waits")
    assert_each_once_and_none_early(due, came)
