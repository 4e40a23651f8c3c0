"""Webhooks (C13): whoever wants to hear how jobs end, and of alerts, is told, signed, at least once."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gateway_process import Gateway

from local_run import DROVER, LocalRun, queue_file
from processes import wait_until

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver:
    """What is posted to it, by path; answers as told, 200 by default."""

    def __init__(self):
        self.posts, self.answers = [], {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                planned = receiver.answers.get(self.path, [])
                self.send_response(planned.pop(0) if planned else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def about(self, path, job):
        return [(headers, json.loads(body)) for where, headers, body in list(self.posts)
                if where == path and json.loads(body)["data"].get("id") == job]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def settings(receiver):
    return f"""
webhooks:
- {{name: failures, url: "{receiver.url}/failures", secret: {SECRET}}}
- {{name: ends, url: "{receiver.url}/ends", queues: ["default.jobs"], events: [completed, cancelled]}}
callbacks: {{hosts: ["127.0.0.1:*"], secret: {SECRET}}}
alerts: {{waiting: 3, for: 1s}}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory, receiver):
    folder = tmp_path_factory.mktemp("webhooks")
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, retry={"maxAttempts": 1})
    queue_file(folder, "slow", scaling={"minReplicas": 1}, delivery={"concurrency": 1}, retry={"maxAttempts": 1})
    (folder / "webhooks.yaml").write_text(settings(receiver))
    with LocalRun(folder) as run:
        run.wait_for_line(r"gateway (http://\S+)")
        yield Stack(folder, f"127.0.0.1:{run.broker_port}")


class Stack:
    def __init__(self, folder, bootstrap):
        self.folder, self.bootstrap = folder, bootstrap

    def gateway(self, name):
        gateway = Gateway(self.folder, self.bootstrap, "--webhooks", self.folder / "webhooks.yaml", name=name)
        client = gateway.client()
        wait_until(client.is_ready, "a gateway that is ready")
        wait_until(lambda: len(client.get("/v1/queues")["queues"]) == 2, "both queues")
        return gateway


@pytest.fixture(scope="module")
def gateway(stack):
    with stack.gateway("first") as gateway:
        yield gateway


def told(receiver, path, job):
    return wait_until(lambda: receiver.about(path, job), f"word of {job} at {path}")


def is_signed(headers, body):
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()


def test_a_failed_job_is_told_with_its_cause_and_signed_C13(gateway, receiver):
    job = gateway.client().submit("jobs", {"status": 422, "error": "BadAddress"}, type="greet")
    headers, message = told(receiver, "/failures", job)[0]
    assert message["type"] == "job.failed" and message["data"]["queue"] == "default.jobs"
    assert message["data"]["error"]["class"] == "BadAddress" and message["data"]["type"] == "greet"
    raw = next(body for path, _, body in receiver.posts if path == "/failures" and job.encode() in body)
    assert is_signed(headers, raw) and headers["content-type"] == "application/json"
    assert not receiver.about("/ends", job)


def test_only_what_a_webhook_asks_for_is_told_C13(gateway, receiver):
    done = gateway.client().submit("jobs", {"answer": '{"n": 1}'})
    other = gateway.client().submit("slow", {})
    headers, message = told(receiver, "/ends", done)[0]
    assert message["data"]["result"] == {"n": 1} and "webhook-signature" not in headers
    assert gateway.client().job(other)["state"] == "completed"
    last = gateway.client().submit("jobs", {})
    told(receiver, "/ends", last)
    assert not receiver.about("/ends", other) and not receiver.about("/failures", done)


def test_a_jobs_own_callback_is_called_where_that_is_allowed_C13(gateway, receiver):
    client = gateway.client()
    job = client.submit("jobs", {}, callback=f"{receiver.url}/mine?id=7")
    elsewhere = client.submit("jobs", {}, callback="http://169.254.169.254/latest/meta-data")
    headers, message = told(receiver, "/mine?id=7", job)[0]
    assert message["type"] == "job.completed" and "webhook-signature" in headers
    assert client.job(elsewhere)["state"] == "completed"
    warning = gateway.wait_for_log("a job's callback is to nowhere that callbacks.hosts allows")
    assert warning["job"] == elsewhere


def test_a_receiver_in_trouble_is_tried_again_and_hears_each_end_under_one_id_C13(gateway, receiver):
    receiver.answers["/failures"] = [503]
    job = gateway.client().submit("jobs", {"status": 422})
    attempts = wait_until(lambda: len(found := receiver.about("/failures", job)) >= 2 and found, "a second attempt")
    assert len({headers["webhook-id"] for headers, _ in attempts}) == 1
    gateway.wait_for_log("a webhook is not reached, which is tried again")
    metrics = gateway.client().ask("GET", "/metrics").body.decode()
    assert 'drover_gateway_webhook_attempts_total{outcome="again",webhook="failures"}' in metrics


def test_an_alert_is_told_when_it_begins_and_when_it_is_over_C13(gateway, stack, receiver):
    gate = stack.folder / "gate-of-alerts"
    jobs = [gateway.client().submit("slow", {"until": str(gate)}) for _ in range(6)]

    def alerts(kind):
        return [message["data"] for path, _, body in list(receiver.posts) if path == "/failures"
                and (message := json.loads(body))["type"] == kind and message["data"]["alert"] == "JobsWaiting"]
    firing = wait_until(lambda: alerts("alert.firing"), "an alert")
    assert firing[0]["queue"] == "default.slow" and "jobs wait, more than 3" in firing[0]["message"]
    assert not alerts("alert.resolved")
    gate.touch()
    assert all(gateway.client().job(job)["state"] == "completed" for job in jobs)
    wait_until(lambda: alerts("alert.resolved"), "its end")
    assert len(alerts("alert.firing")) == 1


def test_what_a_killed_gateway_had_not_told_the_next_one_tells_C13(stack, gateway, receiver):
    receiver.answers["/failures"] = [503] * 1000
    job = gateway.client().submit("jobs", {"status": 422})
    first = told(receiver, "/failures", job)[0][0]["webhook-id"]
    gateway.kill()
    receiver.answers["/failures"] = []
    before = len(receiver.about("/failures", job))
    with stack.gateway("second"):
        told_later = wait_until(lambda: receiver.about("/failures", job)[before:], "word of it by the second gateway")
        assert told_later[0][0]["webhook-id"] == first


def test_a_file_that_is_wrong_is_refused_with_every_problem_C13(stack, tmp_path):
    file = tmp_path / "webhooks.yaml"
    file.write_text("webhooks: [{name: a, url: 'mailto:x'}]\nallerts: {}")
    ended = subprocess.run([DROVER, "gateway", "--port", "0", "--kafka", stack.bootstrap, "--data", tmp_path / "data", "--webhooks", file],
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "webhooks[0].url" in ended.stdout + ended.stderr and "allerts" in ended.stdout + ended.stderr
