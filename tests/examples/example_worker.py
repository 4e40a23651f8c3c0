"""The programs of examples/ under test: a worker as a process, spoken to with the contract's headers; a sidecar that
writes down what a worker tells it; and whole examples, with the built `drover`."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
EXAMPLES = TESTS.parent / "examples"
sys.path[:0] = [str(TESTS / "run"), str(TESTS / "platform")]

import local_run  # noqa: E402
from processes import dependency, end_with_parent, reserve_ports, reserve_ports_from_a_base, wait_until  # noqa: E402

# Above --port-base: what the sidecars of a whole example, two ports each, and their workers may take.
local_run.PORTS = [*range(40), *range(500, 520)]

DEADLINE = 60  # seconds until a wait is a failure; no test is faster or slower for it
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable  # has Debian's packages


def environment(**more):
    """What an example's programs find around them: on the PATH Debian's Python, and Go wherever deps/ has it."""
    path = f"{Path(PYTHON).parent}:{dependency('go.sh').parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **{name: str(value) for name, value in more.items()}}


def copy_of(example, folder):
    """The example in a folder of the test's own, as a user has it after a clone."""
    return Path(shutil.copytree(EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("out", ".drover", "__pycache__")))


class Sidecar(ThreadingHTTPServer):
    """Takes progress and further jobs. `answers` maps "progress" or "jobs" to statuses that are given in turn; after
    those, progress is answered 204 and jobs 202."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.progress, self.jobs = [], []  # [(job id, lease, body)], [(queue, headers, body)]
        self.answers = {"progress": [], "jobs": []}
        self.connections = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def percents(self):
        return [body["percent"] for _, _, body in self.progress if "percent" in body]

    def process_request(self, request, client_address):
        self.connections.append(request)
        super().process_request(request, client_address)

    def stop(self):
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):  # the worker has ended it
                connection.shutdown(socket.SHUT_RDWR)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            _, version, kind, name, what = self.path.split("/")
            assert version == "v1", self.path
            answers = self.server.answers[what]
            status = answers.pop(0) if answers else {"progress": 204, "jobs": 202}[what]
            if (kind, what) == ("jobs", "progress") and status == 204:
                self.server.progress.append((name, self.headers["drover-lease"], body))
            elif (kind, what) == ("queues", "jobs") and status == 202:
                self.server.jobs.append((name, {key.lower(): value for key, value in self.headers.items()}, body))
            content = b"" if status == 204 else json.dumps({"id": f"further-{len(self.server.jobs)}", "state": "waiting"}).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass


class Answer:
    def __init__(self, answer):
        self.status, self.headers = answer.status, answer.headers
        self.text = answer.read().decode()
        self.error = answer.headers["Drover-Error"]

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"{self.status} {self.error or ''} {self.text}"


class WorkerProcess:
    """A worker on a port of its own, in a session of its own; killed, with all it has started, at the end of the block."""

    def __init__(self, command, folder, sidecar=None, **variables):
        self._reserved = reserve_ports(1)[0]
        self.port = self._reserved.getsockname()[1]
        self.log = folder / f"worker-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment(PORT=self.port, DROVER_SIDECAR=sidecar.url if sidecar else "http://127.0.0.1:9", **variables),
                start_new_session=True, preexec_fn=end_with_parent)
        self._jobs = 0
        try:
            wait_until(self._is_up, "worker that listens", DEADLINE)
        except BaseException:
            self.__exit__()
            raise

    def _is_up(self):
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}: {self.said}"
        return self.accepts()

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), DEADLINE).close()
            return True
        except ConnectionError:
            return False

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def send(self, payload, connection, **headers):
        """Hands a job over; headers are written with _ for -. A payload that is no bytes or text becomes JSON."""
        self._jobs += 1
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        headers = {"drover-queue": "default.queue", "drover-job-id": f"job-{self._jobs}", "drover-attempt": "1",
                   "drover-max-attempts": "3", "drover-lease": f"lease-{self._jobs}", "kafka-topic": "default.queue",
                   "kafka-partition": "0", "kafka-offset": str(self._jobs), "content-type": "application/json",
                   **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request("POST", "/", payload.encode() if isinstance(payload, str) else payload, headers)

    def post(self, payload, connection=None, **headers):
        own = connection or self.connect()
        self.send(payload, own, **headers)
        answer = Answer(own.getresponse())
        if not connection:
            own.close()
        return answer

    def refuses(self, payload, kind, reason="", **headers):
        """Asserts that the job becomes a dead letter of this class at once."""
        answer = self.post(payload, **headers)
        assert (answer.status, answer.error) == (422, kind), answer
        assert reason in answer.text and "\n" not in answer.text.rstrip("\n"), answer
        return answer

    def processes(self):
        """The pids of its session."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if stat.read_text().rpartition(")")[2].split()[3] == str(self.process.pid):
                    yield int(stat.parent.name)

    def has_open(self, path):
        for pid in self.processes():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for descriptor in os.scandir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(FileNotFoundError):
                        if os.readlink(descriptor.path) == str(path):
                            return True
        return False

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_until_it_refuses(self):
        wait_until(lambda: not self.accepts(), "end of listening", DEADLINE)

    def stop(self):
        """SIGTERM to the first process, as in a pod; its exit code. What it leaves behind is killed, as in a pod."""
        if self.process.poll() is None:
            self.terminate()
        code = self.process.wait(DEADLINE)
        self._kill()
        return code

    def _kill(self):
        for pid in list(self.processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kill()
        self.process.wait()
        self._reserved.close()


def run_script(script, folder, *arguments, seconds=180, **variables):
    """An example's run.sh to its end, with its data in `folder`; its exit code and what it printed."""
    base, reserved = reserve_ports_from_a_base(local_run.PORTS)
    reserved += reserve_ports(1)
    command = [script, "--data", folder / "data", "--port-base", base, "--broker", local_run.broker_program(),
               "--broker-port", reserved[-1].getsockname()[1], "--logs", *arguments]
    try:
        ended = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, timeout=seconds, preexec_fn=end_with_parent,
                               env=environment(DROVER=local_run.DROVER, **variables))
    finally:
        for port in reserved:
            port.close()
    return ended.returncode, ended.stdout


def summary_of(queue, text):
    """(jobs, completed, retries, dead) of the queue in the table at the end of a run."""
    rows = [line.split() for line in text.splitlines() if line.split()[:1] == [queue]]
    assert rows, f"no summary of {queue}:\n{text}"
    return tuple(int(number.replace(",", "")) for number in rows[-1][1:5])
