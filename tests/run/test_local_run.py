"""`drover run`, seen from outside: the real program, the embedded broker, small workers."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from local_run import LocalRun, drover, interrupt, is_alive, journal, queue_file, reserve_ports, wait_until  # noqa: E402


@contextlib.contextmanager
def unanswered_port():
    reserved, = reserve_ports(1)
    with reserved:
        yield reserved.getsockname()[1]


def payloads(folder):
    return sorted(entry["payload"] for entry in journal(folder) if entry["status"] == 200)


def test_D1_submitted_files_are_worked_on_and_until_idle_ends_with_a_summary(tmp_path):
    queue_file(tmp_path)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for number in range(50):
        (tmp_path / "in" / ("deep" if number % 2 else ".") / f"{number}.job").write_text(json.dumps({"n": number}))
    with LocalRun(tmp_path, "--until-idle", "--submit", f"jobs={tmp_path}/in/*.job") as run:
        assert run.wait() == 0, run.text
    assert len(payloads(tmp_path)) == 50
    assert "submitted 50 jobs to jobs" in run.text
    assert "Done in" in run.text
    assert any(line.split()[:4] == ["jobs", "50", "50", "0"] for line in run.lines), run.text
    assert f"report  {tmp_path}/out/report.html" in run.text


def test_D1_paths_are_submitted_instead_of_contents_when_asked_for(tmp_path):
    queue_file(tmp_path)
    (tmp_path / "a.txt").write_text("content")
    with LocalRun(tmp_path, "--until-idle", "--submit", f"jobs={tmp_path}/*.txt", "--paths") as run:
        assert run.wait() == 0, run.text
    assert payloads(tmp_path) == [str(tmp_path / "a.txt")]


def test_a_worker_that_crashes_is_started_again_and_every_job_completes(tmp_path):
    queue_file(tmp_path)
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{"n": n, "crash_once": str(tmp_path / "crashed")} for n in range(40)])
        run.wait_for_figures(completed=40, dead=0)
        assert "drover: jobs-1: the worker ended with code 3: the worker's last words; it is started again" in run.text
        interrupt(run)
        assert run.wait() == 0, run.text
    assert len({json.loads(each)["n"] for each in payloads(tmp_path)}) == 40


def test_A15_ctrl_c_finishes_what_is_in_flight_and_the_next_run_goes_on(tmp_path):
    queue_file(tmp_path)
    release = tmp_path / "release"
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{"n": n, "until": str(release)} for n in range(30)])
        run.wait_for_figures(active=4)
        interrupt(run)
        run.wait_for_line("finishing what is in flight")
        run.wait_for_figures(state="Draining", active=4)
        release.touch()
        assert run.wait() == 0, run.text
    assert len(payloads(tmp_path)) == 4
    assert "26 jobs unfinished" in run.text
    with LocalRun(tmp_path, "--until-idle") as run:
        assert run.wait() == 0, run.text
    done = [json.loads(each)["n"] for each in payloads(tmp_path)]
    assert sorted(done) == list(range(30)), "each job once"


def test_on_a_terminal_the_table_stays_in_place_and_the_cursor_comes_back(tmp_path):
    queue_file(tmp_path)
    release = tmp_path / "release"
    with LocalRun(tmp_path, terminal=True) as run:
        run.submit_jobs([{"touch": str(tmp_path / "here"), "until": str(release)}])
        run.wait_for((tmp_path / "here").exists, "job in flight")
        for _ in range(3):
            seen = len(run.lines)
            run.signal(signal.SIGWINCH)
            run.wait_for(lambda: "\x1b[2J" in "".join(run.lines[seen:]), "table drawn anew")
        interrupt(run)
        run.wait_for_line("jobs.*Draining")
        release.touch()
        assert run.wait() == 0, "a terminal of another size does not count as a second Ctrl-C: " + run.text
    assert run.text.count("\x1b[?25l") == 1, "the cursor is hidden once"
    assert run.text.index("\x1b[?25l") < run.text.index("\x1b[?25h") < run.text.index("Done in")
    assert "\x1b[4A" in run.text, "the table is drawn over itself"


def test_a_second_ctrl_c_ends_at_once_and_leaves_no_process(tmp_path):
    queue_file(tmp_path)
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{"until": str(tmp_path / "never")}])
        run.wait_for_figures(active=1)
        children = run.children()
        interrupt(run)
        run.wait_for_line("finishing what is in flight")
        interrupt(run)
        assert run.wait() == 130
    wait_until(lambda: not any(map(is_alive, children)), "end of the children")


def test_B2_replicas_follow_the_backlog_up_to_max_and_back_to_min(tmp_path):
    queue_file(tmp_path, delivery={"concurrency": 1}, scaling={"maxReplicas": 3, "targetLag": 5})
    release = tmp_path / "release"
    with LocalRun(tmp_path) as run:
        run.wait_for_figures(state="Idle", workers="0/0")
        run.submit_jobs([{"n": n, "until": str(release)} for n in range(60)])
        run.wait_for_figures(workers="3/3")
        release.touch()
        run.wait_for_figures(completed=60)
        run.wait_for_figures(workers="0/0")
        interrupt(run)
        assert run.wait() == 0, run.text
    assert len(payloads(tmp_path)) == 60, "scaling hands no job over twice"
    assert max(int(line.split("workers=")[1].split("/")[0]) for line in run.lines if "workers=" in line) == 3


def test_A14_B2_a_paused_queue_without_workers_is_not_scaled_out_until_it_goes_on(tmp_path):
    queue_file(tmp_path)

    def say(command):
        done = drover(command, "-q", "jobs", "--kafka", f"127.0.0.1:{run.broker_port}")
        assert done.returncode == 0, done.stderr

    with LocalRun(tmp_path) as run:
        run.wait_for_figures(state="Idle", workers="0/0")
        say("pause")
        run.submit_jobs([{"n": n} for n in range(10)])
        run.wait_for_figures(state="Paused", waiting=10, workers="0/0")  # of the look that knew of the jobs first
        interrupt(run)
        assert run.wait() == 0, run.text
    assert payloads(tmp_path) == [] and "workers=1" not in run.text and "workers=0/1" not in run.text, run.text
    with LocalRun(tmp_path) as run:  # which finds both
        run.wait_for_figures(state="Paused", waiting=10, workers="0/0")
        say("resume")
        run.wait_for_figures(completed=10)
        interrupt(run)
        assert run.wait() == 0, run.text
    assert run.text.index("state=Paused") < run.text.index("workers=1/1"), run.text
    assert len(payloads(tmp_path)) == 10


def test_kill_9_of_the_whole_run_loses_no_job_and_leaves_no_process(tmp_path):
    queue_file(tmp_path)
    release = tmp_path / "release"
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{"n": n, "until": str(release)} for n in range(20)])
        run.wait_for_figures(active=4)
        children = run.children()
        run.signal(signal.SIGKILL)
        run.wait()
    assert len(children) == 4, children  # broker, gateway, sidecar, worker
    wait_until(lambda: not any(map(is_alive, children)), "end of the children")
    release.touch()
    with LocalRun(tmp_path, "--until-idle") as run:
        assert run.wait() == 0, run.text
    assert {json.loads(each)["n"] for each in payloads(tmp_path)} == set(range(20))


def test_a_killed_sidecar_is_started_again_and_its_partitions_do_not_wait_for_its_session(tmp_path):
    queue_file(tmp_path, scaling={"maxReplicas": 1})
    release = tmp_path / "release"
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{"n": n, "until": str(release)} for n in range(20)])
        run.wait_for_figures(active=4)
        sidecar = run.child("sidecar --config")
        release.touch()
        os.kill(sidecar, signal.SIGKILL)
        # Its session is 100 s here; the deadline is far below.
        run.wait_for(lambda: len({json.loads(each)["n"] for each in payloads(tmp_path)}) == 20, "all jobs", 40)
        assert run.child("sidecar --config") != sidecar
        interrupt(run)
        assert run.wait() == 0, run.text


def test_a_broker_that_is_killed_is_started_again_and_the_jobs_go_on(tmp_path):
    queue_file(tmp_path)
    release = tmp_path / "release"
    with LocalRun(tmp_path, "--until-idle") as run:
        run.submit_jobs([{"n": n, "until": str(release)} for n in range(20)])
        run.wait_for_figures(active=4)
        os.kill(run.child("--port [0-9]+ --data"), signal.SIGKILL)
        run.wait_for_line("the embedded broker was killed by signal 9 .*started again")
        run.wait_for_line("the embedded broker is back")
        release.touch()
        assert run.wait() == 0, run.text
    assert {json.loads(each)["n"] for each in payloads(tmp_path)} == set(range(20))


def test_a_job_that_the_worker_refuses_is_dead_lettered_with_its_cause(tmp_path):
    queue_file(tmp_path)
    with LocalRun(tmp_path, "--until-idle") as run:
        run.submit_jobs([{"status": 422, "error": "BadAddress", "answer": "no @ in it"}, {}])
        assert run.wait() == 0, run.text
    assert "Done in" in run.text and "1 dead letter" in run.text
    assert any("1 × BadAddress" in line and "no @ in it" in line for line in run.lines), run.text


def test_a_command_that_does_not_exist_is_named_and_jobs_wait(tmp_path):
    queue_file(tmp_path, command="no-such-program --serve")
    with LocalRun(tmp_path) as run:
        run.submit_jobs([{}])
        run.wait_for_figures(state="WorkerUnreachable")
        run.wait_for(lambda: "no-such-program: not found" in run.figures().get("problem", ""), "name of the command")
        interrupt(run)
        run.wait_for_line("logs ")
        assert run.wait(15) == 0, "what is over gives the terminal back: " + run.text
    assert "1 job unfinished" in run.text


def test_a_port_that_is_taken_is_an_error_when_it_was_asked_for(tmp_path):
    queue_file(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with LocalRun(tmp_path, port=port) as run:
            assert run.wait() == 1
    assert f"port {port} is taken by another program" in run.text


def test_another_port_is_taken_and_named_when_none_was_asked_for(tmp_path):
    queue_file(tmp_path)
    blocker = socket.socket()
    blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        blocker.bind(("127.0.0.1", 9092))
        blocker.listen()
    except OSError:
        pass  # somebody else has it: all the same
    with blocker, LocalRun(tmp_path, "--until-idle", broker=False) as run:
        assert run.wait() == 0, run.text
    assert "port 9092 is taken: the broker listens on " in run.text, run.text


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    queue_file(tmp_path)
    with LocalRun(tmp_path) as first:
        first.wait_for_figures(state="Idle")
        with LocalRun(tmp_path) as second:
            assert second.wait() == 1
        assert f"in use by another 'drover run' (pid {first.process.pid})" in second.text


def test_a_kafka_that_is_away_is_said_and_ctrl_c_works(tmp_path):
    queue_file(tmp_path)
    with unanswered_port() as port, LocalRun(tmp_path, "--kafka", f"127.0.0.1:{port}", broker=False) as run:
        run.wait_for_figures(state="KafkaUnreachable")
        interrupt(run)
        assert run.wait() == 0, run.text


def test_wrong_files_are_listed_whole_and_nothing_is_started(tmp_path):
    path = queue_file(tmp_path)
    document = json.loads(path.read_text())
    document["spec"]["delivery"]["timeout"] = "soon"
    document["spec"]["surprise"] = 1
    path.write_text(json.dumps(document))
    for command in (["validate", path], ["run", "-f", path, "--data", tmp_path / "data"]):
        done = drover(*command)
        assert done.returncode == 2
        assert "spec.delivery.timeout" in done.stderr and "spec.surprise" in done.stderr
        assert f"{path}:" in done.stderr
    assert not (tmp_path / "data").exists()


def test_validate_names_each_queues_topics_and_reads_stdin(tmp_path):
    path = queue_file(tmp_path)
    done = drover("validate", path)
    topics = "default.jobs default.jobs.retry.100ms default.jobs.dlq default.jobs.control"
    assert (done.returncode, done.stdout) == (0, f"default.jobs: {topics}\n")
    assert drover("validate", "-", stdin=path.read_text()).stdout == done.stdout
    missing = drover("validate", tmp_path / "none.yaml")
    assert missing.returncode == 2 and "none.yaml" in missing.stderr


def test_D2_validate_prints_a_queue_as_JSON_with_its_defaults_written_out(tmp_path):
    path = queue_file(tmp_path)
    done = drover("validate", "-o", "json", path)
    queue = json.loads(done.stdout)
    assert queue["metadata"]["name"] == "jobs" and queue["spec"]["delivery"]["timeout"] == "30s"
    assert drover("validate", "-o", "json", "-", stdin=done.stdout).stdout == done.stdout


def test_a_queue_without_a_local_command_cannot_be_run(tmp_path):
    path = queue_file(tmp_path)
    document = json.loads(path.read_text())
    del document["metadata"]["annotations"]
    path.write_text(json.dumps(document))
    done = drover("run", "-f", path, "--data", tmp_path / "data")
    assert done.returncode == 2 and "drover.dev/local-command" in done.stderr


def test_jobs_are_submitted_as_argument_stdin_lines_and_files_with_key_type_and_headers(tmp_path):
    file = queue_file(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.txt").write_text("from a file")
    (tmp_path / "lines").write_text("first line\n\nsecond line\r\n")
    with LocalRun(tmp_path) as run:
        one = run.submit("-q", "jobs", "--key", "k", "--type", "greet", "--header", "x-tenant=a b", '{"n": 1}')
        assert one.returncode == 0, one.stderr
        assert run.submit("-f", file, "-q", "jobs", "--stdin", stdin="from stdin").returncode == 0
        lines = run.submit("--topic", "default.jobs", "--lines", tmp_path / "lines")
        assert lines.stdout.startswith("2 jobs submitted to default.jobs, ")
        assert run.submit("-q", "jobs", "--folder", tmp_path / "in", "--match", "*.txt").returncode == 0
        assert run.submit("-q", "jobs", "--folder", tmp_path / "in", "--paths").returncode == 0
        run.wait_for_figures(completed=6)
        interrupt(run)
        assert run.wait() == 0, run.text
    assert payloads(tmp_path) == sorted(['{"n": 1}', "from stdin", "first line", "second line", "from a file",
                                         str(tmp_path / "in" / "one.txt")])
    headers = next(entry["headers"] for entry in journal(tmp_path) if entry["payload"] == '{"n": 1}')
    assert headers["drover-job-id"] == one.stdout.strip()
    assert headers["drover-type"] == "greet" and headers["drover-key"] == "k"
    assert headers["kafka-header-x-tenant"] == "a b"
    assert headers["content-type"] == "application/json"


def test_submit_refuses_wrong_input_before_it_sends_anything(tmp_path):
    file = queue_file(tmp_path, delivery={"maxPayload": 10})
    for arguments, message in [
        (["-f", file, "-q", "nobody", "x"], "no queue 'nobody'"),
        (["-q", "jobs"], "give one of"),
        (["-q", "jobs", "x", "--stdin"], "give one of"),
        (["-q", "jobs", "x", "--delay", "soon"], "--delay"),
        (["-q", "jobs", "x", "--header", "drover-attempt=9"], "Drover's own"),
        (["-q", "jobs", "x", "--priority", "urgent"], "urgent"),
        (["-q", "jobs", "--folder", tmp_path / "none"], "is not a folder"),
        (["x"], "which queue"),
    ]:
        with unanswered_port() as port:
            done = drover("submit", "--kafka", f"127.0.0.1:{port}", *arguments)
        assert done.returncode == 2 and message in done.stderr, (arguments, done)


def test_submit_refuses_a_payload_over_the_queues_limit_and_names_a_missing_topic(tmp_path):
    file = queue_file(tmp_path, delivery={"maxPayload": 10})
    with LocalRun(tmp_path) as run:
        run.wait_for_figures(state="Idle")
        large = run.submit("-f", file, "-q", "jobs", "12345678901")
        assert large.returncode == 2 and "over the queue's limit" in large.stderr
        missing = drover("submit", "--kafka", f"127.0.0.1:{run.broker_port}", "--topic", "nothing", "x")
        assert missing.returncode == 1 and "no topic nothing" in missing.stderr
        interrupt(run)
        assert run.wait() == 0, run.text
    assert payloads(tmp_path) == []
