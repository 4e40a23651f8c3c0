"""Who may do what (C14): tokens, roles on queues, the audit log, TLS; and what the port takes from strangers."""

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from gateway_process import Gateway

from embedded_broker import EmbeddedBroker
from local_run import DROVER, LocalRun, queue_file
from processes import wait_until

TOKENS = """
tokens:
- {name: app, token: app-token, roles: [submit], queues: [default.jobs]}
- {name: viewer, token: view-token, roles: [view], queues: [default.jobs]}
- {name: operator, token: operate-token, roles: [operate], queues: ["default.*"]}
- {name: root, token: admin-token, roles: [admin]}
- {name: old, token: old-token, roles: [admin], expires: 2020-01-01T00:00:00Z}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    queue_file(folder, "jobs", scaling={"minReplicas": 1})
    queue_file(folder, "secret", scaling={"minReplicas": 1})
    (folder / "tokens.yaml").write_text(TOKENS)
    with LocalRun(folder) as run:  # its own gateway is open to all on loopback, and announces the queues
        run.wait_for_line(r"gateway (http://\S+)")
        with Gateway(folder, f"127.0.0.1:{run.broker_port}", "--tokens", folder / "tokens.yaml") as gateway:
            gateway.folder = folder
            root = gateway.client("admin-token")
            wait_until(root.is_ready, "a gateway that is ready")
            wait_until(lambda: len(root.get("/v1/queues")["queues"]) == 2, "both queues")
            yield gateway


def test_without_a_good_token_nothing_is_answered_C14(gateway):
    for token in (None, "wrong", "old-token", "app-token x"):
        for method, path in [("GET", "/v1/queues"), ("POST", "/v1/queues/jobs/jobs"), ("GET", "/queues/status"), ("GET", "/v1/audit")]:
            answer = gateway.client(token).ask(method, path, b"")
            assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer"), (token, path)
    for path in ("/healthz", "/readyz", "/metrics", "/v1/openapi.json"):
        assert gateway.client().ask("GET", path).status == 200


def test_a_role_holds_on_its_own_queues_only_C14(gateway):
    app, viewer, operator = (gateway.client(token) for token in ("app-token", "view-token", "operate-token"))
    job = app.submit("jobs", {})
    hidden = operator.submit("secret", {})
    assert operator.job(hidden)["state"] == "completed"
    assert viewer.job(job)["state"] == "completed"
    assert app.ask("GET", f"/v1/jobs/{job}").status == 403
    assert viewer.ask("POST", "/v1/queues/jobs/jobs", {"payload": 1}).status == 403
    assert viewer.ask("POST", "/v1/queues/jobs/pause").status == 403
    # What it may not see is not there.
    for method, path in [("GET", f"/v1/jobs/{hidden}"), ("GET", "/v1/queues/secret"), ("GET", "/v1/queues/default.secret/jobs"),
                         ("GET", f"/v1/jobs/{hidden}/logs"), ("GET", f"/api/check-status/{hidden}")]:
        assert viewer.ask(method, path).status == 404, path
    assert [queue["name"] for queue in viewer.get("/v1/queues")["queues"]] == ["default.jobs"]
    assert [queue["name"] for queue in viewer.get("/queues/status")["queues"]] == ["jobs"]
    assert operator.ask("GET", "/v1/audit").status == 403


def test_bulk_operations_are_for_operators_and_whole_queues_for_admins_C14(gateway):
    viewer, operator, root = (gateway.client(token) for token in ("view-token", "operate-token", "admin-token"))
    order = {"action": "retry", "filter": {"type": "none of them"}}
    assert viewer.ask("POST", "/v1/queues/jobs/bulk", order).status == 403
    assert viewer.ask("POST", "/v1/queues/jobs/bulk", order | {"dryRun": True}).status == 403
    assert viewer.ask("POST", "/v1/queues/secret/bulk", order).status == 404
    begun = operator.ask("POST", "/v1/queues/jobs/bulk", order | {"reason": "to see"})
    assert begun.status == 202 and begun.json["by"] == "operator"
    path = f"/v1/queues/jobs/bulk/{begun.json['id']}"
    assert viewer.get(path)["id"] == begun.json["id"]
    assert viewer.ask("POST", path + "/abort").status == 403
    job = operator.submit("jobs", {"status": 422})
    assert operator.job(job)["state"] == "failed"
    assert viewer.ask("POST", f"/v1/jobs/{job}/retry").status == 403
    for method, path in [("POST", "/v1/queues/jobs/empty"), ("POST", "/v1/queues/jobs/clean"), ("DELETE", "/queues/jobs/empty"),
                         ("POST", "/queues/jobs/clean")]:
        assert operator.ask(method, path).status == 403, path
    assert root.ask("POST", "/v1/queues/jobs/empty", {"reason": "a new start"}).status == 200
    wait_until(lambda: {("operator", "POST /v1/queues/{queue}/bulk", "to see"), ("root", "POST /v1/queues/{queue}/empty", "a new start")}
               <= {(entry["who"], entry["action"], entry.get("reason")) for entry in root.get("/v1/audit")["entries"]}, "the entries")


def test_the_audit_log_tells_who_did_what_C14(gateway):
    operator, root = gateway.client("operate-token"), gateway.client("admin-token")
    assert operator.ask("POST", "/v1/queues/secret/pause", {"reason": "a look"}).status == 200
    assert operator.ask("POST", "/v1/queues/secret/resume").status == 200
    gateway.client("view-token").ask("POST", "/v1/queues/jobs/pause")  # refused, and noted

    def told():
        return {(entry["who"], entry["action"], entry.get("queue"), entry.get("reason"), entry["status"])
                for entry in root.get("/v1/audit")["entries"]}
    wait_until(lambda: told() >= {("operator", "POST /v1/queues/{queue}/pause", "default.secret", "a look", 200),
                                  ("operator", "POST /v1/queues/{queue}/resume", "default.secret", None, 200),
                                  ("viewer", "POST /v1/queues/{queue}/pause", "default.jobs", None, 403)}, "the entries")
    newest = root.get("/v1/audit?limit=1")["entries"]
    assert len(newest) == 1 and newest[0]["id"] not in {e["id"] for e in root.get(f"/v1/audit?before={newest[0]['id']}")["entries"]}


def test_new_tokens_are_taken_while_it_runs_and_bad_ones_are_not_C14(gateway):
    file = gateway.folder / "tokens.yaml"
    file.write_text(TOKENS + "- {name: new, token: new-token, roles: [view]}\n")
    wait_until(lambda: gateway.client("new-token").ask("GET", "/v1/queues").status == 200, "the new token")
    file.write_text("tokens: [{name: broken}]")
    assert "tokens[0]" in gateway.wait_for_log("the tokens stay as they were")["error"]
    assert gateway.client("new-token").ask("GET", "/v1/queues").status == 200
    file.write_text(TOKENS)
    wait_until(lambda: gateway.client("new-token").ask("GET", "/v1/queues").status == 401, "the old tokens")


@pytest.mark.parametrize("options, complaint", [
    (["--tokens", "nowhere.yaml"], "nowhere.yaml"), (["--tls-cert", "cert.pem"], "key"),
    (["--database", "mysql://x"], "mysql"), (["--address", "example.org"], "example.org")])
def test_wrong_settings_end_it_at_once_C14(tmp_path, options, complaint):
    done = subprocess.run([DROVER, "gateway", "--port", "0", "--kafka", "127.0.0.1:1", "--data", tmp_path / "d", *options],
                          capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 2 and complaint in done.stdout, done.stdout


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", f"{name}.key", "-out",
                    f"{name}.pem", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"],
                   cwd=folder, check=True, capture_output=True)


def test_tls_is_served_and_a_new_certificate_is_taken_C14(tmp_path):
    for name in ("first", "second"):
        certificate(tmp_path, name)
    for end in ("pem", "key"):
        shutil.copy(tmp_path / f"first.{end}", tmp_path / f"live.{end}")

    def status(trusted):
        context = ssl.create_default_context(cafile=tmp_path / f"{trusted}.pem")
        connection = http.client.HTTPSConnection("localhost", gateway.port, context=context, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status

    def refuses(trusted):
        try:
            return status(trusted) is None
        except ssl.SSLCertVerificationError:
            return True
    with EmbeddedBroker.temporary() as broker, \
            Gateway(tmp_path, broker.bootstrap, "--tls-cert", tmp_path / "live.pem", "--tls-key", tmp_path / "live.key") as gateway:
        assert status("first") == 200 and refuses("second")
        for end in ("pem", "key"):  # not both at once: in between they do not fit
            shutil.copy(tmp_path / f"second.{end}", tmp_path / f"new.{end}")
            os.replace(tmp_path / f"new.{end}", tmp_path / f"live.{end}")
        wait_until(lambda: refuses("first"), "the new certificate")
        assert status("second") == 200


def test_it_stops_in_order_though_somebody_waits_C14(tmp_path, gateway):
    with EmbeddedBroker.temporary() as broker, Gateway(tmp_path, broker.bootstrap) as other:
        wait_until(other.client().is_ready, "a gateway that is ready")
        idle = socket.create_connection(("127.0.0.1", other.port))
        with contextlib.closing(idle):
            assert other.stop() == 0
