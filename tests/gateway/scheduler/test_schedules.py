"""C9: cron schedules over several schedulers, on an Apache Kafka."""

import collections
import json
import time

from schedulers import wait_for

EVERY_SECOND = {"cron": "* * * * * *", "job": {"type": "tick", "payload": {"n": 1}}}


def planned(schedulers, count):
    """{planned time: [job ids]} of what came."""
    wait_for(lambda: sum(end for _, end in schedulers.kafka.offsets(schedulers.jobs).values()) >= count, f"{count} runs")
    runs = collections.defaultdict(list)
    for record in schedulers.kafka.read(schedulers.jobs, count=count):
        runs[record.header("drover-scheduled-at")].append(record.header("drover-job-id"))
    return runs


def assert_each_second_once(runs):
    assert all(len(ids) == 1 for ids in runs.values()), {at: ids for at, ids in runs.items() if len(ids) > 1}
    times = sorted(time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) for at in runs)
    gaps = [(a, b) for a, b in zip(times, times[1:]) if b - a != 1]
    assert not gaps, gaps
    assert len({ids[0] for ids in runs.values()}) == len(runs)


def test_C9_a_schedule_upserted_by_three_at_once_runs_once_per_time(schedulers):
    one, other = schedulers.start(), schedulers.start()
    for each in (one, other):
        each.wait_until_ready(6)
    schedulers.queue_record()
    writers = [schedulers.upsert_process("tick", EVERY_SECOND) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    runs = planned(schedulers, 8)
    assert_each_second_once(runs)
    # All of them say the same once more, in the middle.
    writers = [schedulers.upsert_process("tick", EVERY_SECOND) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert_each_second_once(planned(schedulers, len(runs) + 4))


def test_C9_each_time_runs_once_whichever_scheduler_dies(schedulers):
    running = [schedulers.start(), schedulers.start()]
    for each in running:
        each.wait_until_ready(6)
    schedulers.queue_record()
    schedulers.upsert("tick", EVERY_SECOND)
    seen = 0
    for _ in range(2):
        seen = len(planned(schedulers, seen + 3))
        owner = wait_for(lambda: next((each for each in running if each.status["scheduled"]), None), "the one that runs it")
        running.remove(owner)
        owner.kill()
        running.append(schedulers.start())
        seen = len(planned(schedulers, seen + 10))  # what was due meanwhile, too
    assert_each_second_once(planned(schedulers, seen))


def test_C9_what_was_missed_runs_by_its_policy(schedulers):
    first = schedulers.start()
    first.wait_until_ready(12)
    schedulers.queue_record()
    for name, policy in (("once", "runOnce"), ("none", "skip"), ("all", "catchUp")):
        schedulers.upsert(name, EVERY_SECOND | {"missedRuns": policy, "job": {"type": name, "payload": 1}})
    wait_for(lambda: first.status["scheduled"] >= 6, "runs")
    first.kill()
    gone_at = time.time()
    time.sleep(64)  # a run is missed after a minute
    back = schedulers.start()
    back.wait_until_ready(12)
    back_at = time.time()
    wait_for(lambda: back.status["scheduled"] > 0, "runs")
    time.sleep(3)
    back.stop()
    times = collections.defaultdict(set)
    for record in schedulers.kafka.read(schedulers.jobs):
        at = record.header("drover-scheduled-at")
        assert at not in times[record.header("drover-type")], "twice"
        times[record.header("drover-type")].add(at)
    missed_before = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(back_at - 66))
    first_missed = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(gone_at))

    def missed(name):
        return sorted(at for at in times[name] if first_missed < at[:19] <= time.strftime(
            "%Y-%m-%dT%H:%M:%S", time.gmtime(back_at - 60)))

    print({name: (len(found), len(missed(name))) for name, found in times.items()}, missed_before)
    seconds = sorted(times["all"])
    assert_each_second_once({at: [at] for at in seconds})
    assert len(missed("none")) < len(missed("all"))


def test_C9_a_schedule_of_a_queue_that_is_not_there_says_so_and_runs_when_it_comes(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.upsert("tick", EVERY_SECOND)
    wait_for(lambda: only.status["scheduleTroubles"] == {"test.queue/tick": "there is no queue test.queue"}, "a trouble that is told")
    schedulers.queue_record()
    wait_for(lambda: only.status["scheduled"] >= 3 and not only.status["scheduleTroubles"], "runs")
    assert_each_second_once(planned(schedulers, 3))


def test_C9_a_removed_schedule_runs_no_more_and_leaves_nothing(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.queue_record()
    schedulers.upsert("tick", EVERY_SECOND)
    planned(schedulers, 3)
    schedulers.remove("tick")

    def last(topic):
        return {record.key.decode(): record.value for record in schedulers.kafka.read(topic)}

    wait_for(lambda: last(schedulers.delayed).get("schedule-run/test.queue/tick", b"") is None, "its state to go")
    assert last(schedulers.gateway)["schedule-run/test.queue/tick"] is None
    before = only.status["scheduled"]
    time.sleep(2.5)
    assert only.status["scheduled"] == before


def test_C9_the_last_run_is_told_to_all_gateways(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.queue_record()
    schedulers.upsert("tick", EVERY_SECOND)
    runs = planned(schedulers, 2)
    wait_for(lambda: any(record.key == b"schedule-run/test.queue/tick" and json.loads(record.value).get("lastPlanned") in runs
                         for record in schedulers.kafka.read(schedulers.gateway)), "the last run in the gateways' topic")
