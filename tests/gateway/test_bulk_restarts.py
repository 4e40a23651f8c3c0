"""Bulk operations on an Apache Kafka, whose gateways are killed or are several: each job once (C7)."""

import collections
import contextlib
import json
import os
import random
import re
import signal

import pytest
from gateway_client import GatewayClient
from gateway_process import Gateway

from kafka_cluster import KafkaCluster
from local_run import LocalRun, drover, journal, queue_file
from processes import wait_until

JOBS = 400
MEND = [{"op": "replace", "path": "/status", "value": 200}]  # so that what was redriven does not die again


@pytest.fixture(scope="module")
def cluster():
    with KafkaCluster.temporary() as kafka:
        yield kafka


@pytest.fixture
def folder(tmp_path):
    # A name of its own, since the tests share a Kafka.
    queue_file(tmp_path, f"q{random.randrange(10**9)}", scaling={"minReplicas": 1}, retry={"maxAttempts": 1},
               delivery={"concurrency": 16})
    return tmp_path


@contextlib.contextmanager
def running(folder, cluster):
    """The run, the queue's name, and a client of the run's gateway."""
    queue = next(folder.glob("*.json")).stem
    with LocalRun(folder, "--kafka", cluster.bootstrap, broker=False) as run:
        client = GatewayClient(run.wait_for_line(r"gateway (http://\S+)")[1])
        run.wait_for(client.is_ready, "a gateway that is ready")
        run.wait_for(lambda: f"default.{queue}" in {each["name"] for each in client.get("/v1/queues")["queues"] if "lag" in each},
                     "a look at the queue")
        yield run, queue, client


def fail_many(client, queue, count=JOBS):
    answer = client.ask("POST", f"/v1/queues/{queue}/jobs:batch", [{"payload": {"status": 422, "n": n}} for n in range(count)])
    assert answer.status == 202, answer.body
    wait_until(lambda: client.get(f"/v1/queues/{queue}")["counts"]["failed"] == count, "their failure", 120)
    return [job["id"] for job in answer.json["jobs"]]


def retry_all(client, queue, **order):
    answer = client.ask("POST", f"/v1/queues/{queue}/bulk", {"action": "retry", **order})
    assert answer.status == 202, answer.body
    return f"/v1/queues/{queue}/bulk/{answer.json['id']}"


def look(client, path):
    """Nothing while its gateway is away or has not read it yet."""
    with contextlib.suppress(OSError):
        answer = client.ask("GET", path)
        if answer.status == 200:
            return answer.json
    return {"state": "running", "done": -1}


def hand_overs(folder):
    return collections.Counter(entry["headers"]["drover-job-id"] for entry in journal(folder))


def assert_each_came_twice(folder, jobs):
    wait_until(lambda: sum(hand_overs(folder).values()) >= 2 * len(jobs), "the second runs", 120)
    assert hand_overs(folder) == {job: 2 for job in jobs}


def test_C7_a_bulk_retry_survives_kills_of_its_gateway_and_does_nothing_twice(cluster, folder):
    with running(folder, cluster) as (run, queue, client):
        jobs = fail_many(client, queue)
        path = retry_all(client, queue, ratePerSecond=40)
        for goal in (40, 150, 260):
            wait_until(lambda: look(client, path)["done"] >= goal, f"{goal} of them", 120)
            gateway = run.child(" gateway --port")
            os.kill(gateway, signal.SIGKILL)
            wait_until(lambda: run.child(" gateway --port") != gateway, "another gateway")
        end = wait_until(lambda: (found := look(client, path))["state"] != "running" and found, "its end", 180)
        assert (end["state"], end["matched"], end["done"], end["skipped"], end["failed"]) == ("completed", JOBS, JOBS, 0, 0)
        assert_each_came_twice(folder, jobs)
        # What died again is a letter of its own, which another operation may take.
        again = client.ask("POST", f"/v1/queues/{queue}/bulk", {"action": "retry", "dryRun": True}).json
        assert again["matched"] == JOBS


def test_C7_of_two_gateways_one_runs_an_operation_and_the_other_goes_on_when_it_dies(cluster, folder):
    with running(folder, cluster) as (run, queue, client):
        for name in ("a", "b"):
            (folder / name).mkdir()
        with Gateway(folder / "a", cluster.bootstrap) as first, Gateway(folder / "b", cluster.bootstrap) as second:
            gateways = {"a": first, "b": second}
            for gateway in gateways.values():
                wait_until(gateway.client().is_ready, "a gateway that is ready")
            jobs = fail_many(client, queue)
            paths = [retry_all(gateway.client(), queue, ratePerSecond=30, reason=name, edit=MEND) for name, gateway in gateways.items()]
            # Both are about the same letters: they share them, and none of them is redriven twice.
            wait_until(lambda: sum(look(client, path)["done"] for path in paths) >= 60, "some of them", 120)
            for gateway in gateways.values():
                if gateway.logged("a bulk operation runs here"):
                    gateway.kill()
            ends = [wait_until(lambda: (found := look(client, path))["state"] != "running" and found, "its end", 180) for path in paths]
            assert all(end["state"] == "completed" for end in ends)
            assert sum(end["done"] for end in ends) == JOBS
            assert_each_came_twice(folder, jobs)


def test_C7_single_retries_and_the_command_line_meet_a_bulk_retry_and_no_letter_is_redriven_twice(cluster, folder):
    with running(folder, cluster) as (run, queue, client):
        jobs = fail_many(client, queue, 200)
        (folder / "a").mkdir()
        with Gateway(folder / "a", cluster.bootstrap) as other:
            wait_until(other.client().is_ready, "a gateway that is ready")
            wait_until(lambda: other.client().get(f"/v1/queues/{queue}")["counts"]["failed"] == 200, "what its view knows", 60)
            path = retry_all(client, queue, ratePerSecond=40, edit=MEND)
            statuses = collections.Counter(other.client().ask("POST", f"/v1/jobs/{job}/retry", {"edit": MEND}).status for job in jobs[::10])
            assert set(statuses) <= {202, 409}, statuses
            redriven = drover("dead", "redrive", "-q", queue, "--kafka", cluster.bootstrap, "--limit", "50", "--patch", json.dumps(MEND))
            assert redriven.returncode == 0, redriven.stderr
            by_command = int(re.match(r"(\d+) jobs? of", redriven.stdout)[1])
            end = wait_until(lambda: (found := look(client, path))["state"] != "running" and found, "its end", 180)
            assert end["state"] == "completed" and end["done"] + end["skipped"] == end["matched"]
            assert end["done"] + statuses[202] + by_command == len(jobs)
            assert_each_came_twice(folder, jobs)


def test_C7_a_bulk_delete_survives_a_kill_of_its_gateway_and_counts_each_job_once(cluster, folder):
    with running(folder, cluster) as (run, queue, client):
        answer = client.ask("POST", f"/v1/queues/{queue}/jobs:batch", [{"payload": {}}] * 300)
        wait_until(lambda: client.get(f"/v1/queues/{queue}")["counts"]["completed"] == 300, "their end", 120)
        begun = client.ask("POST", f"/v1/queues/{queue}/bulk", {"action": "delete", "ratePerSecond": 60}).json
        path = f"/v1/queues/{queue}/bulk/{begun['id']}"
        wait_until(lambda: look(client, path)["done"] >= 60, "some of them", 60)
        gateway = run.child(" gateway --port")
        os.kill(gateway, signal.SIGKILL)
        wait_until(lambda: run.child(" gateway --port") != gateway, "another gateway")
        end = wait_until(lambda: (found := look(client, path))["state"] != "running" and found, "its end", 120)
        assert [end[name] for name in ("state", "matched", "done", "skipped", "failed")] == ["completed", 300, 300, 0, 0]
        wait_until(lambda: client.ask("GET", f"/v1/jobs/{answer.json['jobs'][0]['id']}").status == 404, "the removal of the oldest")
        wait_until(lambda: client.get(f"/v1/queues/{queue}")["counts"]["completed"] == 0, "the removal of all")
