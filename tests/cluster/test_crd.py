"""The CustomResourceDefinition, in a real API server, beside `drover validate`: both take the same JobQueues."""

import json
import os
import re
import subprocess

import pytest

from jobqueue_cases import BAD, EVERYTHING, GOOD, REFUSED_SETTINGS, kafka, queue


def validate(text, *options):
    return subprocess.run([os.environ["DROVER"], "validate", *options, "-"], input=text, capture_output=True, text=True)


def resolved(text):
    """The spec with every default, as the parser has it."""
    done = validate(text, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["spec"]


def create(plane, text, *options):
    return plane.kubectl("create", "-o", "json", "-f", "-", *options, given=text)


def try_to_create(plane, text):
    return create(plane, text, "--dry-run=server")


def replace(plane, text):
    return plane.kubectl("replace", "--dry-run=server", "-f", "-", given=text)


def names(message, field):
    """Whether the message is about this field or what is in it."""
    return re.search(rf'(?<![\w.]){re.escape(field)}(?![\w-])', message) is not None


def assert_refused(field, request, *arguments):
    with pytest.raises(RuntimeError) as refused:
        request(*arguments)
    assert names(str(refused.value), field)
    assert "evaluat" not in str(refused.value), "a rule that fails itself"


def paths(value, template=("worker", "template"), at=()):
    """The paths of all fields, but for what is in a pod template."""
    found = {at}
    if isinstance(value, dict) and at != template:
        for key, child in value.items():
            found |= paths(child, template, (*at, key))
    return found


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_B11_a_good_queue_is_taken_by_both_with_the_same_defaults(control_plane, text):
    stored = try_to_create(control_plane, text)
    parsed = resolved(text)
    assert resolved(stored) == parsed
    missing = paths(parsed) - paths(json.loads(stored)["spec"])
    assert not missing, "only the parser has a default there"


@pytest.mark.parametrize("text, field", BAD, ids=[f"{number}-{field}" for number, (_, field) in enumerate(BAD)])
def test_B11_a_bad_queue_is_refused_by_both_and_both_name_the_field(control_plane, text, field):
    ours = validate(text)
    assert ours.returncode == 2 and names(ours.stderr, field), ours.stderr
    assert_refused(field, try_to_create, control_plane, text)


@pytest.mark.parametrize("setting", REFUSED_SETTINGS)
def test_B11_a_setting_that_Drover_owns_is_refused_by_both(control_plane, setting):
    ours = validate(REFUSED_SETTINGS[setting])
    assert ours.returncode == 2 and names(ours.stderr, "spec.kafka.settings") and setting in ours.stderr, ours.stderr
    with pytest.raises(RuntimeError, match=rf"spec\.kafka\.settings: .*\b{re.escape(setting)}\b"):
        try_to_create(control_plane, REFUSED_SETTINGS[setting])


def test_B11_several_problems_are_told_at_once(control_plane):
    text = queue("delivery: {timeout: 30, port: 0, mode: pus}", "scaling: {maxReplicas: 0}")
    for field in ("spec.delivery.timeout", "spec.delivery.port", "spec.delivery.mode", "spec.scaling.maxReplicas"):
        assert names(validate(text).stderr, field)
        assert_refused(field, try_to_create, control_plane, text)


def test_B11_a_queue_with_a_local_command_needs_its_servers_and_worker_only_in_a_cluster(control_plane):
    def local(text):
        return text.replace("name: email", "name: email, annotations: {drover.dev/local-command: python3 worker.py}")

    for text, field in ((queue(kafka="kafka: {}"), "spec.kafka.bootstrapServers"), (queue(worker=None), "spec.worker")):
        assert validate(local(text)).returncode == 0
        assert_refused(field, try_to_create, control_plane, local(text))
    try_to_create(control_plane, local(queue()))


@pytest.fixture
def stored(control_plane):
    """Makes queues that are gone after the test."""
    made = []

    def make(text):
        made.append(json.loads(create(control_plane, text))["metadata"]["name"])
        return made[-1]

    yield make
    for name in made:
        control_plane.kubectl("delete", "jobqueue", name)


def test_B11_what_would_leave_jobs_behind_cannot_be_changed(control_plane, stored):
    stored(kafka("topic: mails, partitions: 6"))
    for more, field in (("topic: mails, partitions: 5", "spec.kafka.partitions"),
                        ("topic: letters, partitions: 6", "spec.kafka.topic"),
                        ("partitions: 6", "spec.kafka.topic")):
        assert_refused(field, replace, control_plane, kafka(more))
    replace(control_plane, kafka("topic: mails, partitions: 7"))


def test_A3_partitions_cannot_be_changed_where_keys_are_in_order(control_plane, stored):
    ordered = "delivery: {ordering: key}"
    stored(queue(ordered))
    more = queue(ordered, kafka="kafka: {bootstrapServers: 'kafka:9092', partitions: 13}")
    assert_refused("spec.kafka.partitions", replace, control_plane, more)
    replace(control_plane, queue(ordered, "paused: true"))


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


def write_status(plane, name, status):
    return plane.kubectl("patch", "jobqueue", name, "--subresource=status", "--type=merge", "-o", "json",
                         "-p", json.dumps({"status": status}))


def test_B8_the_status_is_kept_as_the_operator_writes_it(control_plane, stored):
    name = stored(EVERYTHING)
    before = control_plane.get("jobqueue", name)
    assert "status" not in before
    after = json.loads(write_status(control_plane, name, STATUS))
    assert after["status"] == STATUS
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert resolved(json.dumps(after)) == resolved(EVERYTHING)
    assert_refused("status.conditions[1]", write_status, control_plane, name, {"conditions": STATUS["conditions"][:1] * 2})


def test_B8_only_the_operator_writes_the_status(control_plane, stored):
    name = stored(queue() + f"status: {json.dumps(STATUS)}\n")
    assert "status" not in control_plane.get("jobqueue", name)


def test_B8_kubectl_get_shows_how_a_queue_does(control_plane, stored):
    name = stored(queue())
    write_status(control_plane, name, STATUS)
    header, row = (line.split() for line in control_plane.kubectl("get", "jq").splitlines())
    assert header == ["NAME", "READY", "REPLICAS", "BACKLOG", "OLDEST", "PAUSED", "AGE"]
    assert row[:4] == [name, "True", "2", "1234"] and row[5] == "False"
    assert f"jobqueue.drover.dev/{name}" in control_plane.kubectl("get", "all", "-o", "name").split()


def test_B8_kubectl_scale_moves_the_floor_that_scaling_has(control_plane, stored):
    name = stored(queue("scaling: {minReplicas: 1, maxReplicas: 5}"))
    write_status(control_plane, name, STATUS)
    scale = json.loads(control_plane.kubectl("get", "jobqueue", name, "--subresource=scale", "-o", "json"))
    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 2, "selector": "drover.dev/queue=email"}
    control_plane.kubectl("scale", "jobqueue", name, "--replicas=3")
    assert control_plane.get("jobqueue", name)["spec"]["scaling"]["minReplicas"] == 3
    assert_refused("spec.scaling.minReplicas", control_plane.kubectl, "scale", "jobqueue", name, "--replicas=6")
    control_plane.kubectl("scale", "jobqueue", name, "--replicas=0")
    assert control_plane.get("jobqueue", name)["spec"]["scaling"]["minReplicas"] == 0
