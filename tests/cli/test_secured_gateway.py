"""The command line against a gateway with tokens and a certificate, and against one that goes away for a while."""

import os
import signal
import subprocess

import pytest
from conftest import Program
from gateway_process import Gateway

from processes import wait_until

TOKENS = """
tokens:
- {name: viewer, token: view-token, roles: [view]}
- {name: app, token: app-token, roles: [submit, view]}
"""


@pytest.fixture(scope="module")
def secured(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secured")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem", "-out",
                    "ca.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   cwd=folder, check=True, capture_output=True)
    (folder / "tokens.yaml").write_text(TOKENS)
    with Gateway(folder, f"127.0.0.1:{stack.run.broker_port}", "--tokens", folder / "tokens.yaml", "--tls-cert",
                 folder / "ca.pem", "--tls-key", folder / "key.pem") as gateway:
        gateway.folder = folder
        yield gateway


def test_D2_C14_a_token_and_an_authority_come_from_options_the_environment_or_a_context(secured, tmp_path):
    address = f"https://localhost:{secured.port}"
    drover = Program(tmp_path, address)
    ca = ("--ca", secured.folder / "ca.pem")
    assert "cannot reach the gateway" in drover.complaint("queues", code=3)  # whose certificate nobody trusts
    wait_until(lambda: drover.run("queues", *ca).returncode == 1, "a gateway that is ready")
    assert "wants a token: --token-file FILE, DROVER_TOKEN" in drover.complaint("queues", *ca, code=1)
    drover.environment["DROVER_TOKEN"] = "wrong"
    assert "does not know this token" in drover.complaint("queues", *ca, code=1)
    drover.environment["DROVER_TOKEN"] = "view-token"
    wait_until(lambda: drover.run("submit", "-q", "jobs", "1", *ca).returncode == 1, "a gateway that has read its queues")
    assert "may not submit" in drover.complaint("submit", "-q", "jobs", "1", *ca, code=1)
    assert "may not operate" in drover.complaint("pause", "-q", "jobs", *ca, code=1)
    file = tmp_path / "token"
    file.write_text("app-token\n")
    assert drover.run("submit", "-q", "jobs", "1", "--wait", *ca, "--token-file", file).returncode == 0
    for name in ("DROVER_TOKEN", "DROVER_GATEWAY"):
        del drover.environment[name]
    drover("context", "add", "secured", "--gateway", address, *ca, "--token-file", file)
    assert "default.jobs" in drover("queues")
    assert drover.run("submit", "-q", "jobs", "1", "--wait").returncode == 0


def test_D2_a_job_is_watched_through_the_end_of_its_gateway(drover, stack, tmp_path):
    job = drover("submit", "-q", "slow", f'{{"until": "{tmp_path / "go"}"}}').strip()
    watching = drover.start("watch", job, "-o", "json")
    wait_until(lambda: drover.json("status", job)["state"] == "active", "a job that runs")
    os.kill(stack.run.child(" gateway "), signal.SIGKILL)
    wait_until(stack.gateway.is_ready, "the gateway again")
    (tmp_path / "go").touch()
    out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0 and '"state": "completed"' in out, err
