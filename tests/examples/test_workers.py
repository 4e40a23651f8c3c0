"""examples/workers: the same worker in five languages. Each test is run on each of them."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from example_worker import DEADLINE, EXAMPLES, PYTHON, WorkerProcess, copy_of, environment, run_script, summary_of, wait_until  # noqa: E402
from local_run import LocalRun, interrupt  # noqa: E402

COMMANDS = {
    "python": [PYTHON, "worker.py"],
    "node": ["node", "worker.mjs"],
    "go": ["out/worker"],
    "java": ["java", "Worker.java"],
    "shell": ["bash", "worker.sh"],
}
LICENSES = sorted(str(path) for path in Path("/usr/share/common-licenses").iterdir())


@pytest.fixture(scope="module", params=COMMANDS)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def folder(language, tmp_path_factory):
    folder = copy_of("workers", tmp_path_factory.mktemp(language)) / language
    if language == "go":
        subprocess.run(["go", "build", "-o", "out/worker", "worker.go"], cwd=folder, env=environment(), check=True)
    return folder


@pytest.fixture(scope="module")
def shared(language, folder):
    """For the tests that do not end it."""
    with WorkerProcess(COMMANDS[language], folder) as worker:
        yield worker


@pytest.fixture
def worker(language, folder):
    with WorkerProcess(COMMANDS[language], folder) as worker:
        yield worker


def test_A1_a_job_is_answered_with_its_result(shared, tmp_path):
    path = tmp_path / "a file with spaces"
    path.write_bytes(b"one\0two\n" * 100_000)
    answer = shared.post(str(path), content_type="text/plain")
    assert answer.status == 200, answer
    assert answer.json == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": 800_000}


def test_an_empty_file_has_a_checksum_too(shared, tmp_path):
    (tmp_path / "empty").touch()
    assert shared.post(str(tmp_path / "empty")).json == {"sha256": hashlib.sha256().hexdigest(), "bytes": 0}


def test_A1_many_jobs_come_over_one_connection(shared):
    connection = shared.connect()
    connection.connect()
    first = connection.sock
    for path in LICENSES[:10]:
        answer = shared.post(path, connection)
        assert answer.json["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
        shared.post("no path", connection)
    assert connection.sock is first, "the connection stayed open, after a failure too"


def test_jobs_on_several_connections_are_worked_on_side_by_side(shared):
    connections = [shared.connect() for _ in range(8)]
    for connection, path in zip(connections, LICENSES):
        shared.send(path, connection)
    for connection, path in zip(connections, LICENSES):
        answer = connection.getresponse()
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() in answer.read().decode()


def test_A4_a_file_that_is_not_there_yet_asks_for_another_try(shared, tmp_path):
    answer = shared.post(str(tmp_path / "later"))
    assert (answer.status, answer.error) == (503, "FileNotFound"), answer
    (tmp_path / "later").touch()
    assert shared.post(str(tmp_path / "later")).status == 200


@pytest.mark.parametrize("payload", [b"", b"relative/path", b"{}", b"/etc/pass\0wd"])
def test_A4_a_payload_that_is_no_path_is_dead_with_its_cause(shared, payload):
    shared.refuses(payload, "InvalidPath", "absolute path")


def test_A4_a_folder_and_a_device_are_dead_with_their_cause(shared):
    shared.refuses("/etc", "NotAFile")
    shared.refuses("/dev/zero", "NotAFile")


def test_A15_sigterm_ends_an_idle_worker_while_a_connection_is_open(worker):
    connection = worker.connect()
    assert worker.post("/etc/passwd", connection).status == 200
    assert worker.stop() == 0, worker.said


def test_A15_sigterm_lets_the_job_in_hand_be_answered(worker, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(512 << 20)  # takes no disk, and long enough to see the worker at it
    connection = worker.connect()
    worker.send(str(large), connection)
    wait_until(lambda: worker.has_open(large), "worker that reads the file", DEADLINE)
    assert worker.stop() == 0, worker.said
    answer = connection.getresponse()
    assert answer.status == 200 and b"536870912" in answer.read()


def test_the_java_worker_compiles_without_a_warning(tmp_path):
    compiler = ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-Xlint:all,-serial", "-Werror", "-d", tmp_path]
    subprocess.run([*compiler, EXAMPLES / "workers" / "java" / "Worker.java"], check=True)


def test_A1_D6_all_five_run_side_by_side_under_drover_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", environment()["PATH"])
    example = copy_of("workers", tmp_path)
    (tmp_path / "jobs").write_text("\n".join([*LICENSES, str(tmp_path / "missing"), "no path"]))
    with LocalRun(tmp_path, files=[example / "queues.yaml"]) as run:
        for language in COMMANDS:
            assert run.submit("-q", f"checksum-{language}", "--lines", tmp_path / "jobs").returncode == 0
        for language in COMMANDS:
            run.wait_for_figures(queue=f"checksum-{language}", completed=len(LICENSES), dead=2, retries=2)
        interrupt(run)
        assert run.wait() == 0, run.text
    assert "1 × InvalidPath" in run.text and "1 × FileNotFound" in run.text


def test_D6_its_one_command_runs_all_five(tmp_path):
    code, text = run_script(EXAMPLES / "workers" / "run.sh", tmp_path)
    assert code == 0, text
    for language in COMMANDS:
        assert summary_of(f"checksum-{language}", text) == (len(LICENSES), len(LICENSES), 0, 0)
