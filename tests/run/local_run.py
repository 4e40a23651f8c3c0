"""A `drover run` under test: its lines, its queues' latest figures, its end."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "platform"))

from processes import (dependency, end_with_parent, reserve_ports, reserve_ports_from_a_base,  # noqa: E402
                       wait_until)

DROVER = os.environ.get("DROVER", str(ROOT / "build" / "bin" / "drover"))
# Above --port-base: what four sidecars with two ports each and their workers take.
PORTS = [*range(8), *range(500, 504)]


def broker_program():
    return os.environ.get("DROVER_BROKER") or str(dependency("broker.sh"))


def drover(*arguments, stdin=None):
    """A command that ends by itself."""
    return subprocess.run([DROVER, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120)


def queue_file(folder, name="jobs", command=None, **spec):
    """The path of a JobQueue file with this spec; `command` is a shell's, by default the worker of these tests."""
    command = command or f"exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'fixtures' / 'worker.py'))}"
    document = {
        "apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue",
        "metadata": {"name": name, "annotations": {"drover.dev/local-command": command,
                                                   "drover.dev/local-output": "out/report.html"}},
        "spec": {"kafka": {"bootstrapServers": "localhost:9092", "partitions": 4, "replicationFactor": 1},
                 "worker": {"template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}},
                 "delivery": {"concurrency": 4, "timeout": "30s"},
                 "retry": {"maxAttempts": 3, "initial": "100ms", "backoff": "fixed"},
                 "scaling": {"minReplicas": 0, "maxReplicas": 1, "targetWait": "1s", "idleAfter": "1s"}}}
    for room, fields in spec.items():
        old = document["spec"].get(room)
        document["spec"][room] = old | fields if isinstance(old, dict) else fields
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return path


def journal(folder):
    """What the workers have answered."""
    path = folder / "journal"
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        fcntl.flock(lines, fcntl.LOCK_SH)  # no half lines
        return [json.loads(line) for line in lines]


class LocalRun:
    """Started at once, in a folder of its own; killed, with all it has started, at the end of the block."""

    def __init__(self, folder, *arguments, port=None, files=(), broker=True, terminal=False):
        self.folder = folder
        base, self._reservations = reserve_ports_from_a_base(PORTS)
        if not port:
            self._reservations += reserve_ports(1)
            port = self._reservations[-1].getsockname()[1]
        self.broker_port = port
        command = [DROVER, "run", "--data", folder / "data", "--port-base", base, "--broker", broker_program(),
                   *(["--broker-port", self.broker_port] if broker else []), *arguments]
        for file in files or sorted(folder.glob("*.json")):
            command += ["-f", file]
        reader, writer = pty.openpty() if terminal else os.pipe()
        self._output = open(reader, encoding="utf-8", errors="replace", newline="\n")
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
            env={**os.environ, "JOURNAL": str(folder / "journal")}, start_new_session=True, preexec_fn=end_with_parent)
        os.close(writer)
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
            for line in self._output:
                self.lines.append(line.rstrip("\r\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self._output.close()
        for sock in self._reservations:
            sock.close()

    @property
    def text(self):
        return "\n".join(self.lines)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=120):
        """The exit code."""
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def wait_for(self, condition, what, seconds=60):
        def look():
            result = condition()
            assert result or self.process.poll() is None, f"ended with {self.process.returncode} without {what}:\n{self.text}"
            return result
        try:
            return wait_until(look, what, seconds)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.text}") from None

    def wait_for_line(self, pattern, seconds=60):
        return self.wait_for(lambda: re.search(pattern, self.text), f"line with {pattern}", seconds)

    def figures(self, queue="jobs"):
        """The queue's latest line as a dict; empty before the first one."""
        for line in reversed(list(self.lines)):
            fields = dict(part.partition("=")[::2] for part in shlex.split(line)) if line.startswith("t=") else {}
            if fields.get("queue") == queue:
                return fields
        return {}

    def wait_for_figures(self, seconds=60, queue="jobs", **wanted):
        wanted = {name: str(value) for name, value in wanted.items()}
        return self.wait_for(lambda: wanted.items() <= self.figures(queue).items(), f"{queue} with {wanted}", seconds)

    def children(self):
        """{pid: command line} of the processes that it has started."""
        found = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid:
                    found[int(stat.parent.name)] = (stat.parent / "cmdline").read_text().replace("\0", " ")
        return found

    def child(self, pattern):
        """The pid of the one whose command line has this."""
        def look():
            pids = [pid for pid, command in self.children().items() if re.search(pattern, command)]
            return pids[0] if pids else None
        return self.wait_for(look, f"process {pattern}")

    def submit(self, *arguments, stdin=None):
        return drover("submit", "--kafka", f"127.0.0.1:{self.broker_port}", "--patience", "100s", *arguments, stdin=stdin)

    def submit_jobs(self, jobs, queue="jobs"):
        path = self.folder / "jobs.lines"
        path.write_text("".join(json.dumps(job) + "\n" for job in jobs))
        done = self.submit("-q", queue, "--lines", path)
        assert done.returncode == 0, done.stderr


def interrupt(run):
    run.signal(signal.SIGINT)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
