"""The command line against a gateway: jobs are submitted, followed, found, explained, paused, tried again."""

import json
import os
import pathlib
import re
import shlex
import socket
import stat
import subprocess

import pytest
import yaml
from conftest import WORKER, Program

from local_run import DROVER, queue_file
from processes import wait_until

UNSEEN = "\x1b"


def submit(drover, payload, *more, queue="jobs"):
    return drover("submit", "-q", queue, json.dumps(payload), *more).strip()


@pytest.fixture
def away():
    """The address of a gateway that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


# --- submit, status, watch, logs ---

def test_D2_a_job_is_submitted_and_waited_for(drover):
    done = drover.run("submit", "-q", "jobs", '{"answer": "42"}', "--wait")
    assert done.returncode == 0 and done.err.startswith("completed")
    job = done.out.strip()
    page = drover("status", job)
    assert job in page and "completed" in page and "default.jobs" in page and "History" in page
    assert drover.json("status", job)["state"] == "completed"


def test_D2_a_job_that_fails_while_it_is_waited_for_is_exit_code_1(drover):
    done = drover.run("submit", "-q", "jobs", '{"fail": "NoRoom", "message": "no room"}', "--wait")
    assert done.returncode == 1 and "NoRoom: no room" in done.err
    assert drover.complaint("watch", done.out.strip(), code=1).startswith("failed")


def test_D2_a_wait_has_a_limit_and_says_how_to_go_on(drover, tmp_path):
    done = drover.run("submit", "-q", "jobs", json.dumps({"until": str(tmp_path / "go")}), "--wait=1s")
    job = done.out.strip()
    assert done.returncode == 1 and f"drover watch {job}" in done.err
    (tmp_path / "go").touch()
    assert drover.json("watch", job)["state"] == "completed"


def test_D2_many_jobs_are_submitted_from_lines_and_waited_for(drover, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text("".join(f'{{"n": {n}}}\n' for n in range(1500)))
    done = drover.run("submit", "-q", "jobs", "--lines", lines, "--label", "lot=a", "--wait")
    assert done.returncode == 0, done.err
    assert done.out.startswith("1,500 jobs submitted to jobs, ") and "1,500 of 1,500 jobs" in done.err
    lines.write_text('{"n": 1}\n{"fail": "NoRoom"}\n')
    done = drover.run("submit", "-q", "jobs", "--lines", lines, "--wait")
    assert done.returncode == 1 and "1 failed" in done.err and "NoRoom" in done.err


def test_D2_what_a_submit_says_comes_to_the_worker_as_it_is(drover, stack):
    job = submit(drover, {"n": 1.5}, "--type", "greet", "--label", "user=7", "--max-attempts", "1", "--priority",
                 "high")
    found = stack.gateway.job(job)
    assert found["type"] == "greet" and found["labels"] == {"user": "7"} and found["maxAttempts"] == 1


def test_D2_the_same_key_is_the_same_job(drover):
    twice = [submit(drover, {}, "--idempotency-key", "k1") for _ in range(2)]
    assert twice[0] == twice[1]


def test_D2_status_and_logs_of_what_is_not_there_are_exit_code_1(drover):
    for command in ("status", "logs", "watch", "cancel", "retry"):
        assert "there is no job nobody" in drover.complaint(command, "nobody", code=1)
    assert "jbos" in drover.complaint("jobs", "-q", "jbos", code=1)


def test_D2_logs_of_a_job_are_followed_until_it_ends(drover, tmp_path):
    job = submit(drover, {"log": "first line\nsecond line", "until": str(tmp_path / "go")})
    process = drover.start("logs", "--follow", job)
    for line in ("first line\n", "second line\n"):
        assert process.stdout.readline().endswith(line), process.stderr.read()
    (tmp_path / "go").touch()
    assert process.wait(60) == 0
    assert "second line" in drover("logs", job) and drover.json("logs", job)["logs"]


# --- queues, jobs ---

def test_D2_jobs_are_found_by_state_error_label_time_and_payload(drover):
    done = drover.run("submit", "-q", "jobs", '{"fail": "Lost"}', "--label", "find=me", "--wait")
    failed = done.out.strip()
    find = ("jobs", "-q", "jobs", "--label", "find=me")
    assert drover(*find, "--state", "failed,retrying", "--error", "Lost", "-o", "id").split() == [failed]
    table = drover(*find)
    assert table.splitlines()[0].startswith("JOB") and "Lost" in table and failed in table
    assert drover.json(*find, "--state", "completed")["jobs"] == []
    assert drover.json(*find, "--since", "1h")["jobs"][0]["id"] == failed
    assert drover.json(*find, "--until", "1h")["jobs"] == []
    assert drover(*find, "--payload", '"LOST"', "-o", "id").split() == [failed]
    assert drover.json(*find, "--payload", "found")["jobs"] == []


def test_D2_more_jobs_than_a_page_has_are_listed_and_a_queue_is_emptied(drover, tmp_path):
    drover("pause", "-q", "slow")
    wait_until(lambda: drover.json("queues", "slow")["paused"], "a queue that is paused")
    lines = tmp_path / "lines"
    lines.write_text("1\n" * 1100)
    drover("submit", "-q", "slow", "--lines", lines, "--label", "lot=pages")
    list_them = ("jobs", "-q", "slow", "--label", "lot=pages", "-o", "id", "--limit")
    wait_until(lambda: len(drover(*list_them, "2000").split()) == 1100, "all of them")
    ids = drover(*list_them, "1050").split()
    assert len(ids) == len(set(ids)) == 1050
    assert "--yes" in drover.complaint("empty", "-q", "slow", code=2)
    assert "dropped" in drover("empty", "-q", "slow", "--yes", "--reason", "a test")
    drover("resume", "-q", "slow")
    assert drover.run("submit", "-q", "slow", "1", "--wait").returncode == 0


def test_D2_queues_are_listed_for_people_and_for_programs(drover):
    table = drover("queues")
    assert table.splitlines()[0].startswith("QUEUE") and "default.jobs" in table and "default.slow" in table
    assert drover("queues", "-o", "name").split() == ["default.jobs", "default.slow"]
    assert {queue["name"] for queue in drover.json("queues")["queues"]} == {"default.jobs", "default.slow"}
    assert drover.json("queues", "slow")["name"] == "default.slow"
    assert "nobody" in drover.complaint("queues", "nobody", code=1)
    assert "which queue? Give -q QUEUE; there are default.jobs, default.slow" in drover.complaint("jobs", code=2)


def test_D2_nothing_is_coloured_where_it_is_no_terminal(drover):
    job = drover.run("submit", "-q", "jobs", '{"fail": "Red"}', "--wait")
    for text in (job.err, drover("queues"), drover("jobs", "-q", "jobs"), drover("status", job.out.strip())):
        assert UNSEEN not in text


# --- pause, cancel, schedules ---

def wait_for_pause(drover, reason):
    """Of `slow`: the gateway may still see the pause of another test."""
    wait_until(lambda: reason in {pause["reason"] for pause in drover.json("queues", "slow")["pauses"]}, f"a pause: {reason}")


def test_D2_a_queue_is_paused_and_goes_on(drover, stack):
    assert "default.slow is paused" in drover("pause", "-q", "slow", "--reason", "no paper")
    job = submit(drover, {}, queue="slow")
    wait_for_pause(drover, "no paper")
    text = drover("explain", "job", job)
    assert "paused by gateway" in text and "no paper" in text
    assert "is paused" in drover("explain", "queue", "slow")
    assert "is not paused" in drover("resume", "-q", "slow")
    assert drover.json("watch", job)["state"] == "completed"


def test_D2_a_job_that_waits_is_cancelled_and_the_audit_tells_by_whom(drover, tmp_path):
    first = submit(drover, {"until": str(tmp_path / "go")}, queue="slow")
    second = submit(drover, {}, queue="slow")
    assert second in drover("cancel", second, "--reason", "a typo")
    (tmp_path / "go").touch()
    assert drover.json("watch", first)["state"] == "completed"
    assert drover.json("watch", second, code=1)["state"] == "cancelled"
    assert "by anonymous" in drover("explain", "job", second) and "a typo" in drover("explain", "job", second)


def test_D2_schedules_are_made_shown_paused_and_removed(drover):
    drover("schedules", "set", "-q", "jobs", "nightly", "--cron", "0 3 * * *", "--time-zone", "Europe/Berlin",
           "--type", "report", '{"of": "yesterday"}')
    show = ("schedules", "show", "-q", "jobs", "nightly", "-o", "json")
    made = json.loads(wait_until(lambda: drover.run(*show).out, "the schedule"))
    assert made["cron"] == "0 3 * * *" and made["job"]["payload"] == {"of": "yesterday"} and len(made["nextRuns"]) == 5
    table = drover("schedules", "-q", "jobs")
    assert "nightly" in table and "Europe/Berlin" in table and "Active" in table
    drover("schedules", "pause", "-q", "jobs", "nightly")
    wait_until(lambda: "Paused" in drover("schedules", "list", "-q", "jobs"), "a schedule that is paused")
    assert drover.json("schedules", "show", "-q", "jobs", "nightly")["job"]["type"] == "report"
    drover("schedules", "remove", "-q", "jobs", "nightly")
    wait_until(lambda: "nightly" not in drover("schedules", "-q", "jobs"), "a schedule that is gone")
    assert "nobody" in drover.complaint("schedules", "remove", "-q", "jobs", "nobody", code=1)
    assert "cron" in drover.complaint("schedules", "set", "-q", "jobs", "bad", "--cron", "often", "{}", code=2)


# --- explain ---

def test_D2_explain_tells_what_a_job_waits_for(drover, tmp_path):
    blocker = submit(drover, {"until": str(tmp_path / "go")}, queue="slow")
    wait_until(lambda: drover.json("status", blocker)["state"] == "active", "a job that runs")
    waiting = [submit(drover, {}, queue="slow") for _ in range(3)]
    assert "runs for" in drover("explain", "job", blocker)
    last = ("explain", "job", waiting[-1])
    wait_until(lambda: "2 jobs of its queue wait before it" in drover(*last), "its place")
    assert "waits" in drover(*last).splitlines()[0]
    delayed = submit(drover, {}, "--delay", "1h", queue="slow")
    assert "delayed until" in drover("explain", "job", delayed)
    queue = drover.json("explain", "queue", "slow")
    assert queue["subject"] == "queue default.slow" and any(each["about"] == "load" for each in queue["findings"])
    (tmp_path / "go").touch()
    assert drover.json("watch", waiting[-1])["state"] == "completed"
    drover("cancel", delayed)


# --- ways, contexts, tokens, exit codes ---

def test_D2_a_gateway_or_a_kafka_that_cannot_be_reached_is_exit_code_3(drover, away):
    for command in (["queues"], ["jobs", "-q", "x"], ["status", "x"], ["logs", "x"], ["submit", "-q", "x", "1"],
                    ["pause", "-q", "x"], ["cancel", "x"], ["dead", "list", "-q", "x"], ["schedules", "-q", "x"],
                    ["explain", "queue", "x"], ["bulk", "list", "-q", "x"], ["bulk", "retry", "-q", "x", "--all"]):
        assert away in drover.complaint(*command, "--gateway", away, code=3), command
    assert "cannot ask Kafka" in drover.complaint("pause", "-q", "x", "--kafka", away.removeprefix("http://"), code=3)


def test_D2_wrong_usage_is_exit_code_2_and_says_what_is_right(drover):
    for arguments, says in [
        (["submit", "-q", "jobs", "1", "--gateway", "a", "--kafka", "b"], "one kind"),
        (["submit", "-q", "jobs", "hello"], "takes JSON"),
        (["submit", "-q", "jobs", "1", "--header", "a=b"], "--kafka"),
        (["submit", "--kafka", "a:1", "-q", "jobs", "1", "--wait"], "--patience"),
        (["submit", "-q", "jobs"], "give one of"),
        (["submit", "-q", "jobs", "1", "--wait=soon"], "--wait"),
        (["submit", "-q", "jobs", "1", "--label", "x"], "--label"),
        (["jobs", "-q", "jobs", "--since", "noon"], "--since"),
        (["jobs", "-q", "jobs", "--state", "lost"], "state must be"),
        (["bulk", "retry", "-q", "jobs"], "--all"),
        (["bulk", "retry", "-q", "jobs", "--all", "--rate", "fast"], "--rate"),
        (["queues", "--gateway", "ftp://a"], "no address"),
        (["queues", "--token-file", "/nonexistent"], "/nonexistent"),
        (["top"], "needs a terminal"),
        (["nonsense"], "nonsense"),
        ([], "subcommand"),
    ]:
        done = drover.run(*arguments)
        assert done.returncode == 2 and says in done.out + done.err, (arguments, done.returncode, done.out, done.err)


def test_D2_contexts_name_gateways_and_are_for_their_owner_only(drover, stack, away, tmp_path):
    del drover.environment["DROVER_GATEWAY"]
    drover("context", "add", "gone", "--gateway", away)
    assert away in drover.complaint("queues", code=3)
    drover("context", "add", "here", "--gateway", stack.address, "--token-stdin", "--use", stdin="a token\n")
    assert "default.jobs" in drover("queues")
    file = tmp_path / "config" / "drover" / "config.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and "a token" in file.read_text()
    table = drover("context", "list")
    assert re.search(r"^here +\* ", table, re.M) and "a token" not in table + drover("context", "list", "-o", "json")
    assert away in drover.complaint("queues", "--context", "gone", code=3)
    drover("context", "use", "gone")
    drover("context", "remove", "gone")
    assert "there are here" in drover.complaint("context", "use", "gone", code=1)
    assert "default.jobs" in drover("queues", "--context", "here")
    file.write_text("contexts: [{name: x, gateway: 'ftp://y'}]")
    assert "contexts[0].gateway" in drover.complaint("queues", code=2)


def test_D2_the_same_command_goes_through_a_gateway_or_straight_to_kafka(drover, stack):
    kafka = ("--kafka", f"127.0.0.1:{stack.run.broker_port}")
    by_kafka = drover("submit", *kafka, "-q", "jobs", '{"by": "kafka"}').strip()
    by_gateway = submit(drover, {"by": "gateway"})
    for job in (by_kafka, by_gateway):
        assert wait_until(lambda: drover.run("watch", job).returncode == 0, "its end")  # noqa: B023
    drover("pause", *kafka, "-q", "slow", "--reason", "by kafka")
    wait_for_pause(drover, "by kafka")
    assert "paused by cli (ann)" in drover("explain", "queue", "slow")
    assert "still paused by" in drover("resume", "-q", "slow")
    drover("resume", *kafka, "-q", "slow")
    wait_until(lambda: not drover.json("queues", "slow")["paused"], "no pause")


def test_D2_as_a_plugin_of_kubectl_queues_are_in_the_namespace_of_the_kubeconfig(drover, stack, tmp_path):
    plugin = pathlib.Path(DROVER).parent / "kubectl-drover"
    assert os.path.realpath(plugin) == os.path.realpath(DROVER)
    kubectl = Program(tmp_path, stack.address, plugin)
    config = tmp_path / "kubeconfig"
    kubectl.environment["KUBECONFIG"] = str(config)
    for ns, code in (("default", 0), ("shop", 1)):
        config.write_text(f"current-context: c\ncontexts: [{{name: c, context: {{namespace: {ns}}}}}]\n")
        done = kubectl.run("queues", "jobs")
        assert done.returncode == code, done.err
    assert "shop.jobs" in done.err
    assert kubectl.run("queues", "-n", "default", "jobs").returncode == 0
    assert "kubectl drover" in kubectl("--help")


# --- render, completion: without a gateway ---

@pytest.fixture
def alone(tmp_path):
    return Program(tmp_path)


def test_D2_render_prints_what_the_operator_would_create(alone, tmp_path):
    file = queue_file(tmp_path, "email", WORKER, scaling={"minReplicas": 2, "maxReplicas": 3})
    documents = list(yaml.safe_load_all(alone("render", "-f", file, "--image", "registry.example/drover:1")))
    kinds = {document["kind"]: document for document in documents if document}
    deployment = kinds["Deployment"]
    assert deployment["spec"]["replicas"] == 2 and deployment["metadata"]["namespace"] == "default"
    pod = deployment["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["containers"]] == ["app"]
    assert pod["initContainers"][0]["image"] == "registry.example/drover:1"
    assert json.loads(kinds["ConfigMap"]["data"]["sidecar.json"])
    rendered = alone.json("render", "-f", file, "--brokers", "1")["queues"][0]
    assert rendered["queue"] == "default.email"
    assert [topic["topic"] for topic in rendered["topics"]] == [
        "default.email", "default.email.retry.100ms", "default.email.dlq", "default.email.control"]
    assert {each["kind"] for each in rendered["objects"]} == kinds.keys()
    assert "# - topic: default.email\n" in alone("render", "-f", file)


def test_D2_render_says_what_is_missing(alone, tmp_path):
    file = queue_file(tmp_path, "email", WORKER)
    document = json.loads(file.read_text())
    document["spec"]["targetRef"] = {"kind": "Deployment", "name": "mailer"}
    del document["spec"]["worker"]
    file.write_text(json.dumps(document))
    assert "kubectl get deployment mailer -o yaml" in alone.complaint("render", "-f", file, code=2)
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mailer"},
                  "spec": {"template": {"spec": {"containers": [{"name": "mail", "image": "mail"}]}}}}
    text = alone("render", "-f", file, "--deployment", "-", stdin=yaml.safe_dump(deployment))
    assert "drover-sidecar" in text and "name: mailer" in text
    assert "no queue 'nobody'" in alone.complaint("render", "-f", file, "-q", "nobody", code=2)
    assert "none.yaml" in alone.complaint("render", "-f", tmp_path / "none.yaml", code=2)


def completed_by_bash(program, *words):
    """What bash offers behind these words."""
    script = f"""source <({shlex.quote(program.name)} completion bash)
COMP_WORDS=(drover {shlex.join(words)}); COMP_CWORD={len(words)}
_drover; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = {**program.environment, "PATH": f"{pathlib.Path(program.name).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_D2_bash_completes_commands_options_choices_and_queues(drover):
    assert completed_by_bash(drover, "su") == ["submit"]
    assert set(completed_by_bash(drover, "dead", "")) == {"list", "show", "redrive"}
    assert "--dry-run" in completed_by_bash(drover, "dead", "redrive", "-q", "x", "--")
    assert completed_by_bash(drover, "jobs", "-o", "") == ["text", "json", "id"]
    assert completed_by_bash(drover, "jobs", "-q", "") == ["default.jobs", "default.slow"]
    assert completed_by_bash(drover, "pause", "--queue", "default.s") == ["default.slow"]
    assert completed_by_bash(drover, "explain", "queue", "default.j") == ["default.jobs"]


def test_D2_completion_does_without_a_gateway(alone):
    assert completed_by_bash(alone, "jobs", "-q", "") == [] and "--state" in completed_by_bash(alone, "jobs", "--st")


def test_D2_fish_completes_commands_options_choices_and_queues(drover):
    def offered(line):
        script = f"{shlex.quote(drover.name)} completion fish | source; complete -C {shlex.quote(line)}"
        environment = {**drover.environment, "PATH": f"{pathlib.Path(drover.name).parent}:{os.environ['PATH']}"}
        done = subprocess.run(["fish", "--no-config", "-c", script], env=environment, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return [word.split("\t")[0] for word in done.stdout.splitlines()]
    assert offered("drover su") == ["submit"]
    assert set(offered("drover dead ")) == {"list", "show", "redrive"}
    assert offered("drover jobs -q default.") == ["default.jobs", "default.slow"]
    assert offered("drover jobs -o js") == ["json"]
    assert "--dry-run" in offered("drover dead redrive --dr")


def test_D2_zsh_completes_in_a_terminal(drover, terminal):
    terminal.enter("env", f"PATH={pathlib.Path(drover.name).parent}:{os.environ['PATH']}", "PS1=%% ", "zsh", "-f")
    terminal._tmux("send-keys", "-l", "drover completion zsh > $HOME/_d; source $HOME/_d; echo rea''dy")
    terminal.type("Enter")
    terminal.wait_for(lambda screen: "ready\n" in screen, "a shell with completion")
    terminal._tmux("send-keys", "-l", "drover comp")
    terminal.type("Tab")
    terminal.wait_for("drover completion", "the command's whole name")
    terminal.type("C-u")
    terminal._tmux("send-keys", "-l", "drover jobs -q default.s")
    terminal.type("Tab")
    terminal.wait_for("drover jobs -q default.slow", "the queue's whole name")


# --- in a terminal ---

def test_D2_submit_waits_with_a_progress_bar_in_a_terminal(drover, terminal, tmp_path):
    steps = [str(tmp_path / f"step{n}") for n in range(2)]
    job = {"progress": [40, 80], "after": steps, "step": "page 2", "answer": "done"}
    terminal.enter(drover.name, "submit", "-q", "jobs", json.dumps(job), "--wait")
    seen = terminal.wait_for(lambda screen: re.search(r"active  █+░+  40 %  page 2", screen), "a bar at 40 %")
    assert "completed" not in seen
    terminal.resize(60, 20)
    pathlib.Path(steps[0]).touch()
    terminal.wait_for(lambda screen: re.search(r"active  █+░+  80 %", screen), "a bar at 80 %")
    pathlib.Path(steps[1]).touch()
    end = terminal.wait_for(lambda screen: re.search(r"completed  █+  took", screen), "the end")
    assert "80 %" not in end and "░" not in end


def test_D2_top_refreshes_in_place_chooses_pauses_and_quits(drover, terminal, stack, tmp_path):
    terminal.enter(drover.name, "top", "--interval", "0.3")
    terminal.wait_for("▸ default.jobs", "the first queue")
    terminal.type("Down")
    terminal.wait_for("▸ default.slow", "the second queue")
    blocker = submit(drover, {"until": str(tmp_path / "go")}, queue="slow")
    waiting = [submit(drover, {}, queue="slow") for _ in range(3)]
    terminal.wait_for(lambda screen: re.search(r"▸ default.slow +Active +3 +1 ", screen), "three that wait, one that runs")
    terminal.type("p")
    screen = terminal.wait_for(lambda screen: re.search(r"▸ default.slow +Paused", screen), "a paused queue")
    assert len(screen.splitlines()) == 24 and "q quit" in screen.splitlines()[23]
    terminal.wait_for("paused by gateway (anonymous)", "who paused it")
    terminal.resize(120, 30)
    terminal.wait_for(lambda screen: "q quit" in "".join(screen.splitlines()[29:30]) and "FAILING" in screen,
                      "the whole of a larger window")
    terminal.resize(80, 24)
    terminal.type("p")
    terminal.wait_for(lambda screen: "▸ default.slow" in screen and "Paused" not in screen, "a queue that goes on")
    (tmp_path / "go").touch()
    for job in (blocker, *waiting):
        assert drover.run("watch", job).returncode == 0
    terminal.type("q")
    terminal.wait_for(lambda screen: "▸" not in screen and "top --interval" in screen, "the shell as it was")
    terminal.enter("sh", "-c", "stty -a | grep -o '.icanon\\|.echo '; echo still alive")
    terminal.wait_for(lambda screen: "still alive\n" in screen and "-icanon" not in screen, "a shell that is at work")


def test_D2_top_says_when_the_gateway_is_away(terminal, drover, away):
    terminal.enter(drover.name, "top", "--gateway", away)
    terminal.wait_for("cannot reach the gateway", "that it is away")
    terminal.type("q")
    terminal.wait_for(lambda screen: "cannot reach" not in screen, "the shell as it was")
