"""C9: cron schedules over several schedulers, on an Apache Kafka."""

import calendar
import collections
import time

from schedulers import Schedulers, wait_for

POLICIES = ("runOnce", "skip", "catchUp")
EVERY_SECOND = {"cron": "* * * * * *", "job": {"type": "tick", "payload": {"n": 1}}}


def planned(schedulers, count):
    """{planned time: [job ids]} of what came."""
    wait_for(lambda: sum(end for _, end in schedulers.kafka.offsets(schedulers.jobs).values()) >= count, f"{count} runs")
    runs = collections.defaultdict(list)
    for record in schedulers.kafka.read(schedulers.jobs, count=count):
        runs[record.header("drover-scheduled-at")].append(record.header("drover-job-id"))
    return runs


def seconds_left_out(times):
    seconds = [calendar.timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%S.000Z")) for at in times]
    return max(seconds) - min(seconds) + 1 - len(set(seconds))


def assert_each_second_once(runs):
    assert all(len(ids) == 1 for ids in runs.values()), {at: ids for at, ids in runs.items() if len(ids) > 1}
    assert seconds_left_out(runs) == 0, sorted(runs)
    assert len({ids[0] for ids in runs.values()}) == len(runs)


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
    for policy in POLICIES:
        schedulers.upsert(f"often-{policy.lower()}", EVERY_SECOND | {"missedRuns": policy})
    wait_for(lambda: first.status["scheduled"] >= 6, "runs")
    rare_at = 0
    while time.time() > rare_at - 1:  # killed before it comes, however slow the machine is
        rare_at = int(time.time()) + 10
        rare = time.strftime("%S %M %H * * *", time.gmtime(rare_at))
        for policy in POLICIES:
            schedulers.upsert(f"rare-{policy.lower()}", EVERY_SECOND | {"missedRuns": policy, "cron": rare})
        wait_for(lambda: sum(rare in told["rule"] for told in schedulers.states().values()) == 3, "three that are noted")
    first.kill()
    time.sleep(rare_at + 64 - time.time())  # what starts within a minute was not missed
    back = schedulers.start()
    back.wait_until_ready(12)
    wait_for(lambda: back.status["scheduled"] >= 3 * 60, "runs")
    back.stop()

    runs = collections.defaultdict(list)
    for record in schedulers.kafka.read(schedulers.jobs):
        runs[record.header("drover-schedule")].append(record.header("drover-scheduled-at"))
    assert all(len(set(times)) == len(times) for times in runs.values()), "twice"
    planned_at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(rare_at))
    assert runs["rare-runonce"] == runs["rare-catchup"] == [planned_at] and "rare-skip" not in runs
    assert seconds_left_out(runs["often-catchup"]) == 0
    # Where later ones are due anyway.
    assert seconds_left_out(runs["often-skip"]) > 0 and seconds_left_out(runs["often-runonce"]) > 0


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
    wait_for(lambda: not schedulers.states(), "its state to go")
    assert not schedulers.states(schedulers.gateway)
    before = only.status["scheduled"]
    time.sleep(2.5)
    assert only.status["scheduled"] == before


def test_C9_a_schedule_whose_job_its_topic_does_not_take_holds_no_other_up(cluster, tmp_path):
    with Schedulers(cluster, tmp_path, partitions=1) as schedulers:  # one transaction for all of the same second
        only = schedulers.start()
        only.wait_until_ready(1)
        small = schedulers.prefix + "small"
        schedulers.kafka.create(small, max_message_bytes=1000)
        schedulers.queue_record()
        schedulers.queue_record("test.small", kafka={"topic": small})
        schedulers.upsert("large", {"cron": "* * * * * *", "job": {"payload": "x" * 5000}}, queue="test.small")
        wait_for(lambda: "test.small/large" in only.status["scheduleTroubles"], "a trouble that is told")
        schedulers.upsert("tick", EVERY_SECOND)
        assert_each_second_once(planned(schedulers, 8))
        assert set(only.status["scheduleTroubles"]) == {"test.small/large"}


def test_C9_the_last_run_is_told_to_all_gateways(schedulers):
    only = schedulers.start()
    only.wait_until_ready(12)
    schedulers.queue_record()
    schedulers.upsert("tick", EVERY_SECOND)
    runs = planned(schedulers, 2)
    told = schedulers.states(schedulers.gateway)["tick"]
    assert told["lastPlanned"] >= max(runs) and told["runs"] >= len(runs)
