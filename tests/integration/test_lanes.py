"""Lanes: what is urgent goes first, and what is not goes too."""

import time

from kafka_client import Record
from processes import wait_until
from sidecars import Queue, to_seconds
from worker import Gate, Reply, Worker

LANES = ("critical", "high", "normal", "low", "background")


def job(lane, n, *headers, key=None, priority=True):
    headers = [("drover-job-id", f"{lane}-{n}"), *([("drover-priority", lane)] if priority else []), *headers]
    return Record(b"x", key or f"{lane}-{n}".encode(), headers)


def lane_queue(kafka, folder, **config):
    return Queue(kafka, folder, lanes=LANES, delivery={"concurrency": 1} | config.pop("delivery", {}), **config)


def produce(queue, jobs):
    """Each lane's in their order."""
    for lane, records in jobs.items():
        queue.kafka.produce(queue.lanes[lane][0], records)


def test_A12_what_waits_at_the_start_goes_by_its_lane(kafka, folder):
    queue = lane_queue(kafka, folder)
    produce(queue, {lane: [job(lane, n) for n in range(4)] for lane in reversed(LANES)})
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        sidecar.wait_for(lambda stats: stats["completed"] == 20, "all of them")
        assert [each.id for each in worker.jobs] == [f"{lane}-{n}" for lane in LANES for n in range(4)]
        for topic, group in queue.lanes.values():
            queue.wait_until_committed(4, group)
        sidecar.stop()


def test_A12_a_critical_job_overtakes_what_is_held_already(kafka, folder):
    queue = lane_queue(kafka, folder)
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        produce(queue, {"background": [job("background", n) for n in range(5)]})
        sidecar.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (1, 4), "all of them in hand")
        produce(queue, {"critical": [job("critical", 0)]})
        sidecar.wait_for(lambda stats: stats["held"] == 5, "the critical one too")
        gate.open()
        sidecar.wait_for(lambda stats: stats["completed"] == 6, "all of them")
        assert [each.id for each in worker.jobs][:3] == ["background-0", "critical-0", "background-1"]
        sidecar.stop()


def test_A12_low_lanes_get_their_turns_under_a_steady_stream_of_critical_jobs(kafka, folder):
    """Which lasts 15 seconds at least, and a job that has waited for 5 gets a turn."""
    queue = lane_queue(kafka, folder)
    produce(queue, {"critical": [job("critical", n) for n in range(3000)], "low": [job("low", n) for n in range(3)],
                    "background": [job("background", n) for n in range(3)]})
    with Worker(lambda job: Reply(after=0.005)) as worker, queue.sidecar(worker) as sidecar:
        low = worker.wait_for(lambda jobs: [each.id for each in jobs if not each.id.startswith("critical")][5:] and list(jobs),
                              "all low ones", 120)
        assert len(low) < 3006, "there are critical ones still"
        assert [each.id for each in low if each.id.startswith("low")] == ["low-0", "low-1", "low-2"]
        assert low[0].id == "critical-0"
        sidecar.kill()


def test_A12_a_retry_goes_back_to_its_lane(kafka, folder):
    """By its priority; without one, to the lane where it first stood."""
    queue = lane_queue(kafka, folder, control=True, steps=("3s",), retry={"initial": "3s"})
    produce(queue, {"background": [job("background", 0, priority=False)], "critical": [job("critical", 0)],
                    "high": [job("high", 0, priority=False)]})
    with Worker(lambda job: 500 if job.attempt == 1 and "normal" not in job.id else 200) as worker:
        with queue.sidecar(worker) as sidecar:
            sidecar.wait_for(lambda stats: stats["retried"] == 3, "three retries")
            queue.pause()
            sidecar.wait_for(lambda stats: stats["paused"], "pause")
            before = len(worker.jobs)
            produce(queue, {"normal": [job("normal", 0), job("normal", 1)]})
            sidecar.wait_for(lambda stats: stats["held"] + stats["completed"] == 5, "all in hand")
            due = max(to_seconds(record.header("drover-due-at")) for record in kafka.read(*queue.retry_topics))
            wait_until(lambda: time.time() + sidecar.stats()["clockOffset"] > due, "the time of all retries")
            queue.pause(False)
            sidecar.wait_for(lambda stats: stats["completed"] == 5, "all of them")
            rank = {lane: n for n, lane in enumerate(LANES)}
            resumed = [each.id for each in worker.jobs[before:]]
            assert resumed == sorted(resumed, key=lambda job_id: (rank[job_id.split("-")[0]], job_id))
            sidecar.stop()


def test_A12_a_job_that_the_worker_submits_goes_to_its_lane(kafka, folder):
    queue = lane_queue(kafka, folder, paused=True)
    with Worker() as worker, queue.sidecar(worker) as sidecar:
        for lane in LANES:
            assert sidecar.submit(queue.name, {"payload": lane, "priority": lane})[0] == 202
        assert sidecar.submit(queue.name, {"payload": "none"})[0] == 202
        payloads = {lane: [record.value for record in kafka.read(topic)] for lane, (topic, _) in queue.lanes.items()}
        assert payloads == {lane: [f'"{lane}"'.encode()] + ([b'"none"'] if lane == "normal" else []) for lane in LANES}
        sidecar.kill()


def test_A12_the_order_of_a_key_holds_within_its_lane(kafka, folder):
    queue = lane_queue(kafka, folder, steps=(), partitions=2, delivery={"concurrency": 4, "ordering": "key"})

    def answer(job):
        return 500 if (job.attempt, job.id.endswith("-1")) == (1, True) else 200

    with Worker(answer) as worker, queue.sidecar(worker) as sidecar:
        produce(queue, {lane: [job(lane, n, key=b"the key") for n in range(5)] for lane in LANES})
        sidecar.wait_for(lambda stats: stats["completed"] == 25, "all of them")
        done = [each.id for each in worker.jobs if not (each.attempt == 1 and each.id.endswith("-1"))]
        for lane in LANES:
            assert [each for each in done if each.startswith(f"{lane}-")] == [f"{lane}-{n}" for n in range(5)]
        sidecar.stop()
