"""Schemathesis finds nothing against the served OpenAPI document (C15): it asks all that the document allows, and what it
forbids, of queues, jobs and schedules that there are."""

import subprocess

import pytest
from gateway_process import Gateway

from local_run import LocalRun, queue_file
from processes import dependency, wait_until

SEED = 20261
EXAMPLES = 10  # of each operation and phase
# What is of the right form may still be refused: a deadline that is over, a zone that is none, a patch that does not fit.
CONFIGURATION = """
[parameters]
queue = "jobs"
"path.id" = "{done}"
"query.wait" = "1s"
operation = "{operation}"
name = "nightly"

[[operations]]
include-operation-id = ["deleteJob"]
parameters = {{ "path.id" = "{old}" }}

[[operations]]
include-operation-id = ["retryJob"]
parameters = {{ "path.id" = "{failed}" }}
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = ["cancelJob"]
parameters = {{ "path.id" = "{delayed}" }}

[[operations]]
include-operation-id = ["submitJob", "submitJobs", "putSchedule", "beginBulk", "cleanQueue", "listJobs"]
checks.positive_data_acceptance.enabled = false

[checks]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "5xx"]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemathesis")
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, retry={"maxAttempts": 1})
    (folder / "tokens.yaml").write_text("tokens: [{name: root, token: admin-token, roles: [admin]}]")
    with LocalRun(folder) as run:
        run.wait_for_line(r"gateway (http://\S+)")
        with Gateway(folder, f"127.0.0.1:{run.broker_port}", "--tokens", folder / "tokens.yaml") as gateway:
            gateway.folder = folder
            root = gateway.client("admin-token")
            wait_until(root.is_ready, "a gateway that is ready")
            wait_until(lambda: root.get("/v1/queues")["queues"], "its queue")
            yield gateway


def what_there_is(root):
    done, old, failed = (root.submit("jobs", payload) for payload in ({"answer": '{"a": 1}'}, {}, {"status": 422}))
    assert [root.job(job)["state"] for job in (done, old, failed)] == ["completed", "completed", "failed"]
    schedule = {"cron": "0 3 * * *", "job": {"payload": 1}}
    assert root.ask("PUT", "/v1/queues/jobs/schedules/nightly", schedule).status == 201
    operation = root.ask("POST", "/v1/queues/jobs/bulk", {"action": "delete", "filter": {"ids": ["none"]}})
    return {"done": done, "old": old, "failed": failed, "delayed": root.submit("jobs", 1, delay="1h"), "operation": operation.json["id"]}


def test_it_finds_nothing_C15(gateway):
    root = gateway.client("admin-token")
    configuration = gateway.folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(**what_there_is(root)))
    found = subprocess.run(
        [dependency("schemathesis.sh"), "--config-file", configuration, "run", f"http://127.0.0.1:{gateway.port}/v1/openapi.json",
         "--header", "Authorization: Bearer admin-token", "--phases", "examples,coverage,fuzzing,stateful", "--seed", str(SEED),
         "--max-examples", str(EXAMPLES), "--generation-database", "none", "--continue-on-failure", "--request-timeout", "120",
         # They do not end by themselves, as it waits for answers to; test_jobs.py and test_watching.py follow them.
         "--exclude-operation-id", "followJob", "--exclude-operation-id", "followQueues", "--no-color"],
        cwd=gateway.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1500)
    assert found.returncode == 0, "\n".join(line[:400] for line in found.stdout.splitlines() if line.strip())
    assert root.is_ready()
