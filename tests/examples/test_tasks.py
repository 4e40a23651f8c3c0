"""examples/tasks: S1's task service. Answers at once, is asked by task id, has intermediate results."""

import http.client
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from example_worker import DEADLINE, EXAMPLES, Sidecar, WorkerProcess, copy_of, reserve_ports, run_script, wait_until  # noqa: E402

TEXT = "The herd rests. A herd walks slowly, and the herd eats."
RESULT = {"characters": 55, "words": 11, "sentences": 2, "keywords": ["herd", "eats", "rests", "slowly", "walks"],
          "readingEase": 109}  # 206.835 − 1.015 × 11 ÷ 2 − 84.6 × 12 ÷ 11


class Service(WorkerProcess):
    def __init__(self, folder, sidecar, out, **variables):
        reserved = reserve_ports(1)[0]
        self.service_port = reserved.getsockname()[1]
        super().__init__(["node", "service.mjs"], folder, sidecar, **{
            "SERVICE_PORT": self.service_port, "OUT_DIR": out, "STAGE_SECONDS": 0, **variables})
        self._reserved_too = reserved

    def __exit__(self, *_):
        super().__exit__()
        self._reserved_too.close()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.service_port, timeout=DEADLINE)
        connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def task(self, name):
        status, task = self.ask("GET", f"/api/tasks/{name}")
        assert status == 200, task
        return task

    def wait_for(self, name, status):
        return wait_until(lambda: (task := self.task(name))["status"] == status and task, f"task that is {status}", DEADLINE)


@pytest.fixture
def sidecar():
    sidecar = Sidecar()
    yield sidecar
    sidecar.stop()


@pytest.fixture
def example(tmp_path):
    return copy_of("tasks", tmp_path)


@pytest.fixture
def service(example, sidecar, tmp_path):
    with Service(example, sidecar, tmp_path / "out") as service:
        yield service


def test_D6_a_task_is_submitted_at_once_and_followed_by_its_id_to_its_result(service, sidecar):
    assert service.ask("GET", "/api/health") == (200, {"status": "ok"})
    assert service.ask("POST", "/api/tasks", {"text": TEXT}) == (202, {"taskId": "further-1", "status": "pending"})
    [(queue, _, job)] = sidecar.jobs
    assert (queue, job) == ("tasks", {"type": "analyse", "payload": {"text": TEXT}})
    assert service.task("further-1")["status"] == "pending"
    answer = service.post(job["payload"], drover_job_id="further-1", drover_type="analyse")
    assert answer.json == RESULT
    task = service.task("further-1")
    assert (task["status"], task["percent"], task["result"]) == ("completed", 100, RESULT)
    assert [stage["step"] for stage in task["intermediate"]] == ["counted", "keywords found", "readability measured"]


def test_A9_intermediate_results_go_to_drover_under_the_lease(service, sidecar):
    service.post({"text": TEXT}, drover_job_id="t-1", drover_lease="lease-7")
    assert [(name, lease, body["percent"]) for name, lease, body in sidecar.progress] == [("t-1", "lease-7", n) for n in (30, 60, 90, 100)]
    assert sidecar.progress[0][2]["result"] == {"characters": 55, "words": 11, "sentences": 2}
    assert sidecar.progress[-1][2]["result"] == RESULT


def test_D6_a_sidecar_that_knows_no_progress_is_said_once_and_costs_nothing(service, sidecar):
    sidecar.answers["progress"] = [404] * 100
    assert [service.post({"text": TEXT}).status for _ in range(3)] == [200] * 3
    assert service.said.count("takes no progress: 404") == 1


def test_intermediate_results_are_there_while_the_task_goes_on(example, sidecar, tmp_path):
    with Service(example, sidecar, tmp_path / "out", STAGE_SECONDS=0.3) as service:
        connection = service.connect()
        service.send({"text": TEXT}, connection, drover_job_id="t-2")
        task = wait_until(lambda: (task := service.ask("GET", "/api/tasks/t-2"))[0] == 200 and task[1]["intermediate"] and task[1],
                          "intermediate result", DEADLINE)
        assert task["status"] in ("processing", "completed") and task["intermediate"][0]["words"] == 11
        assert connection.getresponse().status == 200


def test_A4_a_task_that_is_wrong_is_dead_and_known_as_failed(service):
    for payload, kind in ((b"{", "MalformedPayload"), (b"null", "InvalidPayload"), ({"text": "12 ..."}, "InvalidPayload"),
                          ({"text": ["a"]}, "InvalidPayload"), ({"text": "a" * 100_001}, "TextTooLong")):
        service.refuses(payload, kind, drover_job_id="t-3")
        task = service.task("t-3")
        assert (task["status"], task["error"]) == ("failed", kind) and task["message"]


def test_a_wrong_request_is_answered_at_once_and_submits_nothing(service, sidecar):
    for body in (b"{", {"text": ""}, {"text": 3}, b"\xff", b""):
        status, answer = service.ask("POST", "/api/tasks", body)
        assert status == 400 and answer["error"]
    assert service.ask("POST", "/api/tasks", {"text": "a" * 1_000_000})[0] == 413
    assert sidecar.jobs == []


@pytest.mark.parametrize("path", ["/api/tasks/unknown", "/api/tasks/..%2F..%2Fservice", "/api/tasks/%zz", "/api/tasks/" + "a" * 500, "/api/tasks",
                                  "/api", "/"])
def test_an_unknown_or_invalid_id_is_an_error_that_says_so(service, path):
    status, answer = service.ask("GET", path)
    assert status == 404 and "no such" in answer["error"]


def test_D6_when_the_queue_takes_no_task_the_service_does_it_at_once(service, sidecar):
    sidecar.answers["jobs"] = [503]
    status, answer = service.ask("POST", "/api/tasks", {"text": TEXT})
    assert status == 202 and answer["taskId"].startswith("direct-")
    assert service.wait_for(answer["taskId"], "completed")["result"] == RESULT
    sidecar.stop()
    status, answer = service.ask("POST", "/api/tasks", {"text": TEXT})
    assert status == 202
    service.wait_for(answer["taskId"], "completed")


def test_a_task_that_drover_refuses_is_refused(service, sidecar):
    sidecar.answers["jobs"] = [413]
    assert service.ask("POST", "/api/tasks", {"text": TEXT})[0] == 413


def test_A4_a_disk_that_takes_nothing_asks_for_another_try_and_the_last_try_has_failed(example, sidecar, tmp_path):
    with Service(example, sidecar, tmp_path / "out") as service:
        (tmp_path / "out" / "tasks" / "t-4.json.new").mkdir(parents=True)
        answer = service.post({"text": TEXT}, drover_job_id="t-4")
        assert (answer.status, answer.error) == (503, "EISDIR")
        (tmp_path / "out" / "tasks" / "t-4.json.new").rmdir()
        assert service.post({"text": TEXT}, drover_job_id="t-4", drover_attempt="2").status == 200


def test_A9_a_stale_lease_ends_the_work(service, sidecar):
    sidecar.answers["progress"] = [204, 409]
    answer = service.post({"text": TEXT}, drover_job_id="t-5")
    assert (answer.status, answer.error) == (409, "Stale")
    assert [stage["step"] for stage in service.task("t-5")["intermediate"]] == ["counted", "keywords found"]


def test_a_restart_forgets_no_task(example, sidecar, tmp_path):
    with Service(example, sidecar, tmp_path / "out") as service:
        service.post({"text": TEXT}, drover_job_id="t-6")
        assert service.stop() == 0
    with Service(example, sidecar, tmp_path / "out") as service:
        assert service.task("t-6")["result"] == RESULT


def test_A15_sigterm_lets_the_task_in_hand_be_answered(example, sidecar, tmp_path):
    with Service(example, sidecar, tmp_path / "out", STAGE_SECONDS=0.3) as service:
        connection = service.connect()
        service.send({"text": TEXT}, connection, drover_job_id="t-7")
        service_has_it = lambda: service.ask("GET", "/api/tasks/t-7")[0] == 200  # noqa: E731
        wait_until(service_has_it, "task in hand", DEADLINE)
        assert service.stop() == 0
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, RESULT)


def test_D6_its_one_command_submits_a_task_and_follows_it(tmp_path):
    with reserve_ports(1)[0] as reserved:
        code, text = run_script(EXAMPLES / "tasks" / "run.sh", tmp_path, OUT_DIR=tmp_path / "out", SERVICE_PORT=reserved.getsockname()[1])
    assert code == 0, text
    answers = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert answers[0]["status"] == "pending" and answers[-1]["status"] == "completed"
    assert {answer["taskId"] for answer in answers} == {answers[0]["taskId"]}
    assert answers[-1]["result"]["words"] == 58
    log = (tmp_path / "out" / "run.log").read_text()
    assert re.search(r"Done in .*tasks +1 +1 +0 +0 ", log, re.DOTALL), "drained, not killed: " + log
