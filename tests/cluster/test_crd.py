"""The CustomResourceDefinition, in a real API server, beside `drover validate`: both take the same JobQueues."""

import json
import os
import re
import subprocess

import pytest

from jobqueue_cases import BAD, EVERYTHING, GOOD, REFUSED_SETTINGS, ROOT, kafka, queue

CRD = ROOT / "crds" / "jobqueues.drover.dev.yaml"


def validate(text, *options):
    return subprocess.run([os.environ["DROVER"], "validate", *options, "-"], input=text, capture_output=True, text=True)


def resolved(text):
    """The queue with every default, as the parser has it."""
    done = validate(text, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def kubectl(control_plane):
    def run(*arguments, **options):
        return control_plane.kubectl(*arguments, **options)

    assert run("apply", "-f", CRD).returncode == 0
    assert run("wait", "--for=condition=Established", "--timeout=120s", "-f", CRD).returncode == 0
    return run


def create(kubectl, text, *options):
    """What becomes of the queue, without making it."""
    return kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", *options, stdin=text)


def names(message, field):
    """Whether the message is about this field or what is in it."""
    return re.search(rf'(?<![\w.]){re.escape(field)}(?![\w-])', message) is not None


def paths(value, template=("spec", "worker", "template"), at=()):
    """The paths of all fields, but for what is in a pod template."""
    found = {at}
    if isinstance(value, dict) and at != template:
        for key, child in value.items():
            found |= paths(child, template, (*at, key))
    return found


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_B11_a_good_queue_is_taken_by_both_with_the_same_defaults(kubectl, text):
    done = create(kubectl, text)
    assert done.returncode == 0, done.stderr
    stored = json.loads(done.stdout)
    parsed = resolved(text)
    assert resolved(done.stdout)["spec"] == parsed["spec"]
    missing = paths({"spec": parsed["spec"]}) - paths({"spec": stored["spec"]})
    assert not missing, "only the parser has a default there"


@pytest.mark.parametrize("text, field", BAD, ids=[f"{number}-{field}" for number, (_, field) in enumerate(BAD)])
def test_B11_a_bad_queue_is_refused_by_both_and_both_name_the_field(kubectl, text, field):
    ours = validate(text)
    assert ours.returncode == 2 and names(ours.stderr, field), ours.stderr
    theirs = create(kubectl, text)
    assert theirs.returncode != 0 and names(theirs.stderr, field), theirs.stderr
    assert "rule evaluation error" not in theirs.stderr


@pytest.mark.parametrize("setting", REFUSED_SETTINGS)
def test_B11_a_setting_that_Drover_owns_is_refused_by_both(kubectl, setting):
    for done in (validate(REFUSED_SETTINGS[setting]), create(kubectl, REFUSED_SETTINGS[setting])):
        assert done.returncode != 0 and "spec.kafka.settings" in done.stderr and setting in done.stderr, done.stderr


def test_B11_every_problem_is_told_at_once(kubectl):
    refused = create(kubectl, queue("delivery: {timeout: 30, port: 0, mode: pus}", "scaling: {maxReplicas: 0}"))
    for field in ("spec.delivery.timeout", "spec.delivery.port", "spec.delivery.mode", "spec.scaling.maxReplicas"):
        assert names(refused.stderr, field), refused.stderr


def test_D1_a_queue_with_a_local_command_needs_its_servers_and_worker_only_in_a_cluster(kubectl):
    local = queue(kafka=None, worker=None).replace(
        "{name: email}", "{name: email, annotations: {drover.dev/local-command: python3 worker.py}}").replace(
        "spec:\n", "spec: {}\n")
    assert validate(local).returncode == 0
    refused = create(kubectl, local)
    assert refused.returncode != 0 and names(refused.stderr, "spec.kafka"), refused.stderr


@pytest.fixture
def stored(kubectl):
    """A queue that exists; gone after the test."""
    made = []

    def make(text):
        done = kubectl("create", "-o", "json", "-f", "-", stdin=text)
        assert done.returncode == 0, done.stderr
        made.append(json.loads(done.stdout)["metadata"]["name"])
        return made[-1]

    yield make
    for name in made:
        assert kubectl("delete", "jobqueue", name).returncode == 0


def change(kubectl, text):
    return kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=text)


def test_B11_what_would_leave_jobs_behind_cannot_be_changed(kubectl, stored):
    stored(kafka("topic: mails, partitions: 6"))
    for more, field in (("topic: mails, partitions: 5", "spec.kafka.partitions"),
                        ("topic: letters, partitions: 6", "spec.kafka.topic"),
                        ("partitions: 6", "spec.kafka.topic")):
        refused = change(kubectl, kafka(more))
        assert refused.returncode != 0 and names(refused.stderr, field), refused.stderr
    taken = change(kubectl, kafka("topic: mails, partitions: 7"))
    assert taken.returncode == 0, taken.stderr


def test_A3_partitions_cannot_be_changed_where_keys_are_in_order(kubectl, stored):
    ordered = "delivery: {ordering: key}"
    stored(queue(ordered))
    refused = change(kubectl, queue(ordered, kafka="kafka: {bootstrapServers: 'kafka:9092', partitions: 13}"))
    assert refused.returncode != 0 and names(refused.stderr, "spec.kafka.partitions"), refused.stderr
    taken = change(kubectl, queue(ordered, "paused: true"))
    assert taken.returncode == 0, taken.stderr


STATUS = {
    "observedGeneration": 1,
    "conditions": [
        {"type": kind, "status": status, "observedGeneration": 1, "lastTransitionTime": "2026-11-26T13:00:00Z",
         "reason": reason, "message": ""}
        for kind, status, reason in (("Ready", "True", "WorkersReady"), ("Paused", "False", "NotPaused"))],
    "replicas": 2,
    "readyReplicas": 1,
    "selector": "drover.dev/queue=email",
    "backlog": 1234,
    "retrying": 5,
    "deadLetters": 6,
    "oldestSince": "2026-11-26T13:00:00.123Z",
    "lastDecision": {"replicas": 2, "reason": "TargetWait", "message": "2 for 1234 jobs", "at": "2026-11-26T13:00:00Z"},
    "scalingMemory": {"arrivalRate": 1.5, "wishes": [{"slice": 1, "replicas": 2}]},
    "retrySteps": ["2s", "1m30s"],
}


def write_status(kubectl, name, status):
    return kubectl("patch", "jobqueue", name, "--subresource=status", "--type=merge", "-o", "json",
                   "-p", json.dumps({"status": status}))


def test_B8_the_status_is_kept_as_the_operator_writes_it(kubectl, stored):
    name = stored(EVERYTHING)
    before = json.loads(kubectl("get", "jobqueue", name, "-o", "json").stdout)
    assert "status" not in before
    done = write_status(kubectl, name, STATUS)
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    assert after["status"] == STATUS
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert resolved(done.stdout)["spec"] == resolved(EVERYTHING)["spec"]
    twice = write_status(kubectl, name, {"conditions": [STATUS["conditions"][0]] * 2})
    assert twice.returncode != 0 and names(twice.stderr, "status.conditions"), twice.stderr


def test_B8_kubectl_get_shows_how_a_queue_does(kubectl, stored):
    name = stored(queue())
    write_status(kubectl, name, STATUS)
    header, row = kubectl("get", "jq").stdout.splitlines()
    assert header.split() == ["NAME", "READY", "REPLICAS", "BACKLOG", "OLDEST", "PAUSED", "AGE"]
    assert row.split()[:4] == [name, "True", "2", "1234"] and row.split()[5] == "False"
    assert f"jobqueue.drover.dev/{name}" in kubectl("get", "all", "-o", "name").stdout


def test_B8_kubectl_scale_moves_the_floor_that_scaling_has(kubectl, stored):
    name = stored(queue("scaling: {maxReplicas: 5}"))
    write_status(kubectl, name, STATUS)
    scale = json.loads(kubectl("get", "jobqueue", name, "--subresource=scale", "-o", "json").stdout)
    assert scale["spec"] == {} or scale["spec"] == {"replicas": 0}
    assert scale["status"] == {"replicas": 2, "selector": "drover.dev/queue=email"}
    done = kubectl("scale", "jobqueue", name, "--replicas=3")
    assert done.returncode == 0, done.stderr
    after = json.loads(kubectl("get", "jobqueue", name, "-o", "json").stdout)
    assert after["spec"]["scaling"]["minReplicas"] == 3
    refused = kubectl("scale", "jobqueue", name, "--replicas=6")
    assert refused.returncode != 0 and names(refused.stderr, "spec.scaling.minReplicas"), refused.stderr
