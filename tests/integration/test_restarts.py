"""What a sidecar's end costs: after a kill only what was unfinished runs again, after an orderly stop nothing."""

import http.client
import itertools
import select
import threading

import pytest

from kafka_client import KafkaClient, Record
from processes import wait_until
from sidecars import Queue
from worker import Gate, Reply, Worker

JOBS = 200


@pytest.fixture(params=["kafka", "embedded broker"])
def broker(request):
    """(client, what happens to the broker between the two sidecars)"""
    if request.param == "kafka":
        return request.getfixturevalue("kafka"), lambda: None
    embedded = request.getfixturevalue("embedded_broker")

    def kill_and_start():
        embedded.kill()
        embedded.start()

    return KafkaClient(embedded.bootstrap), kill_and_start


def test_A2_after_a_kill_only_the_unfinished_job_runs_again(broker, folder):
    """The finished ones above it stand in the metadata of the commit, which outlives sidecar and broker."""
    client, disturb = broker
    queue = Queue(client, folder)
    slow = Gate()
    with Worker(lambda job: Reply(after=slow if job.key in ("0", "77") else None)) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(*(Record(b"x", str(i).encode()) for i in range(JOBS)))
            worker.wait_for(lambda jobs: len(jobs) == JOBS, "all jobs")
            finished = [[1, 76], [78, JOBS - 78]]

            def position():
                at = client.positions(queue.group).get((queue.topic, 0))
                return at if at and at["decoded"]["finished"] == finished else None

            at = wait_until(position, "commit of the finished jobs", 60)
            assert at["offset"] == 0 and len(at["metadata"]) <= 4096
            sidecar.kill()
        disturb()
        slow.open()
        with queue.sidecar(worker) as sidecar:
            again = worker.wait_for(lambda jobs: len(jobs) >= JOBS + 2 and jobs[JOBS:], "the unfinished jobs")
            queue.produce(Record(b"x", b"last"))
            worker.wait_for(lambda jobs: jobs[-1].key == "last", "a job behind them")
            queue.wait_until_committed(JOBS + 1)
            assert sorted(job.key for job in again) == ["0", "77"]
            assert len(worker.jobs) == JOBS + 3
            assert sidecar.stats()["repeated"] == JOBS - 2
            sidecar.stop()


def test_A2_concurrency_is_used_and_never_exceeded(kafka, folder):
    queue = Queue(kafka, folder, partitions=3, delivery={"concurrency": 7})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker, queue.sidecar(worker) as sidecar:
        queue.produce(*(Record(b"x", str(i).encode()) for i in range(60)))
        worker.wait_for(lambda jobs: len(jobs) >= 7, "seven jobs in flight")
        stats = sidecar.wait_for(lambda stats: stats["held"] > 0, "a job that waits though it is ready")
        assert stats["inFlight"] == 7
        gate.open()
        sidecar.wait_for(lambda stats: stats["completed"] == 60, "the others")
        assert most_at_once(worker.jobs) == 7


def most_at_once(jobs):
    """As the worker has seen it, to whom a job comes late and leaves early."""
    turns = sorted([(job.at, 1) for job in jobs] + [(job.answered_at, -1) for job in jobs])
    return max(itertools.accumulate(turn for _, turn in turns))


def test_A2_a_group_whose_offsets_are_gone_from_the_topic_goes_on_at_the_first_that_exists(kafka, folder):
    """Past the end of a topic that was made anew: said loudly, and no job of the new topic is passed over."""
    queue = Queue(kafka, folder)
    with Worker() as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(*(Record(b"x", b"old") for _ in range(5)))
            queue.wait_until_committed(5)
            sidecar.stop()
        kafka.delete(queue.topic)
        wait_until(lambda: recreated(kafka, queue), "new topic")
        queue.produce(Record(b"x", b"new"))
        with queue.sidecar(worker) as sidecar:
            sidecar.wait_for(lambda stats: stats["completed"] == 1, "the new job")
            assert [job.key for job in worker.jobs[5:]] == ["new"]


def recreated(kafka, queue):
    """Kafka deletes in the background and meanwhile refuses the name."""
    try:
        queue.create()
    except RuntimeError as error:
        assert "exist" in str(error).lower() or "marked for deletion" in str(error).lower(), error
        return False
    return kafka.offsets(queue.topic).get((queue.topic, 0)) == (0, 0)


class Feed:
    """Produces jobs in small bursts, each acknowledged before the next, until it is told to stop."""

    def __init__(self, queue, burst=100):
        self._queue, self._burst = queue, burst
        self._stopping = threading.Event()
        self._error = None
        self.count = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            for burst in itertools.count():
                if self._stopping.is_set():
                    return
                self._queue.produce(*(Record(b"x", f"{burst}-{i}".encode()) for i in range(self._burst)))
                self.count += self._burst
        except RuntimeError as error:
            self._error = error

    def stop(self):
        self._stopping.set()
        self._thread.join()
        if self._error:
            raise self._error
        return self.count


def test_A15_a_rolling_restart_hands_no_job_over_twice_and_dead_letters_none(kafka, folder):
    queue = Queue(kafka, folder, partitions=12, delivery={"concurrency": 4})
    with Worker(lambda job: Reply(after=0.03)) as worker:
        sidecars = [queue.sidecar(worker) for _ in range(3)]
        feed = Feed(queue)
        try:
            for sidecar in sidecars:
                sidecar.wait_until_joined()
            for i, old in enumerate(sidecars):
                seen = len(worker.jobs)
                worker.wait_for(lambda jobs: len(jobs) >= seen + 50, "load")
                old.stop()
                sidecars[i] = queue.sidecar(worker)
                sidecars[i].wait_until_joined()
            count = feed.stop()
            worker.wait_for(lambda jobs: len(jobs) >= count and len({job.key for job in jobs}) == count, "every job", 120)
            queue.wait_until_committed(count)
            stats = [sidecar.stats() for sidecar in sidecars]
            for sidecar in sidecars:
                sidecar.stop()
        finally:
            feed.stop()
            for sidecar in sidecars:
                sidecar.__exit__()
        assert len(worker.jobs) == count, "none twice"
        assert {job.attempt for job in worker.jobs} == {1}
        assert sum(each["deadLettered"] + each["retried"] for each in stats) == 0
        assert queue.dead() == []


def test_A15_a_drain_finishes_what_is_in_flight_and_leaves_the_rest(kafka, folder):
    queue = Queue(kafka, folder, delivery={"concurrency": 2})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker:
        with queue.sidecar(worker) as sidecar:
            queue.produce(*(Record(b"x", str(i).encode()) for i in range(10)))
            sidecar.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (2, 8), "all jobs in hand")
            drain = http.client.HTTPConnection("127.0.0.1", sidecar.probe_port, timeout=60)
            drain.request("GET", "/drain")
            sidecar.wait_for(lambda stats: stats["held"] == 0, "drain under way")
            # One thread answers both: an answer to the drain would have been sent before these statistics.
            assert not select.select([drain.sock], [], [], 0)[0], "it waits for what is in flight"
            gate.open()
            assert drain.getresponse().status == 200
            drain.close()
            assert len(worker.jobs) == 2
            assert queue.committed() == 2
            assert sidecar.get("/readyz")[0] == 503
            sidecar.stop()
        with queue.sidecar(worker):
            worker.wait_for(lambda jobs: len(jobs) == 10, "the rest")
            queue.wait_until_committed(10)
        assert sorted(int(job.key) for job in worker.jobs) == list(range(10)), "none twice"


def test_A15_a_rebalance_lets_a_slow_job_finish_where_it_is(kafka, folder):
    """A second sidecar joins while a job of each partition is in flight: a partition moves only after its job is done and
    committed."""
    # In the order of partitions, so that each of them has one job in flight.
    queue = Queue(kafka, folder, partitions=2, steps=(), delivery={"ordering": "partition", "concurrency": 2})
    gate = Gate()
    with Worker(lambda job: Reply(after=gate)) as worker:
        with queue.sidecar(worker) as first:
            first.wait_until_joined(2)
            where = [at["partition"] for at in queue.produce(*(Record(b"x", str(i).encode()) for i in range(12)))]
            assert min(where.count(0), where.count(1)) > 1, "some wait in each"
            first.wait_for(lambda stats: (stats["inFlight"], stats["held"]) == (2, 10), "all jobs in hand")
            with queue.sidecar(worker) as second:
                first.wait_for(lambda stats: stats["held"] < 10, "the revoke")  # what waits is given up at once
                assert second.stats()["partitions"] == 0
                gate.open()
                second.wait_until_joined()
                worker.wait_for(lambda jobs: len({job.key for job in jobs}) == 12, "all jobs")
                queue.wait_until_committed(12)
                first.stop()
                second.stop()
        assert len(worker.jobs) == 12, "none twice"
