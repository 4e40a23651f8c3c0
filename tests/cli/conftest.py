"""A `drover run` with its gateway, and the program that talks to it, shared by the tests of a module."""

import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "run", "gateway"))]

from gateway_client import GatewayClient  # noqa: E402
from local_run import DROVER, LocalRun, queue_file  # noqa: E402
from processes import end_with_parent, wait_until  # noqa: E402

WORKER = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'fixtures' / 'worker.py'))}"


class Program:
    """The command line, with a home of its own."""

    def __init__(self, home, gateway=None, name=DROVER):
        self.home, self.name = home, str(name)
        self.environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith("DROVER_") and name not in ("KUBECONFIG", "NO_COLOR")},
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "USER": "ann", "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8"}
        if gateway:
            self.environment["DROVER_GATEWAY"] = gateway

    def start(self, *arguments):
        return subprocess.Popen(
            [self.name, *map(str, arguments)], env=self.environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=end_with_parent)

    def run(self, *arguments, stdin=None):
        process = self.start(*arguments)
        process.out, process.err = process.communicate(stdin, timeout=120)
        return process

    def __call__(self, *arguments, code=0, stdin=None):
        """What it wrote on stdout."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.out}{done.err}"
        return done.out

    def complaint(self, *arguments, code):
        done = self.run(*arguments)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.out}{done.err}"
        return done.err

    def json(self, *arguments, **named):
        return json.loads(self(*arguments, "-o", "json", **named))


class Stack:
    def __init__(self, run, address, folder):
        self.run, self.address, self.folder = run, address, folder
        self.gateway = GatewayClient(address)
        run.wait_for(self.gateway.is_ready, "a gateway that is ready")
        run.wait_for(lambda: {"default.jobs", "default.slow"} <= self.looked_at(), "a look at both queues")

    def looked_at(self):
        return {queue["name"] for queue in self.gateway.get("/v1/queues")["queues"] if "lag" in queue}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Two queues, `jobs` and `slow` (one at a time), on the embedded broker."""
    folder = tmp_path_factory.mktemp("stack")
    retry = {"maxAttempts": 1}
    queue_file(folder, "jobs", WORKER, scaling={"minReplicas": 1}, retry=retry)
    queue_file(folder, "slow", WORKER, scaling={"minReplicas": 1}, delivery={"concurrency": 1}, retry=retry)
    with LocalRun(folder) as run:
        yield Stack(run, run.wait_for_line(r"gateway (http://\S+)")[1], folder)


@pytest.fixture
def drover(stack, tmp_path):
    return Program(tmp_path, stack.address)


class Terminal:
    """A tmux server with one window of 80 by 24."""

    def __init__(self, program, folder, width=80, height=24):
        self._server = ["tmux", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        shell = ["env", "-i", *(f"{name}={value}" for name, value in program.environment.items() if "\n" not in value),
                 "sh"]
        self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), *shell)

    def _tmux(self, *arguments):
        done = subprocess.run([*self._server, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def type(self, *keys):
        self._tmux("send-keys", *keys)

    def enter(self, *command):
        self._tmux("send-keys", "-l", shlex.join(map(str, command)))
        self._tmux("send-keys", "Enter")

    def resize(self, width, height):
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self):
        return self._tmux("capture-pane", "-p")

    def wait_for(self, condition, what):
        """`condition` of the screen; or a text that has to be on it."""
        holds = (lambda screen: condition in screen) if isinstance(condition, str) else condition
        try:
            return wait_until(lambda: (screen := self.screen()) and holds(screen) and screen, what, 60)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.screen()}") from None

    def close(self):
        self._tmux("kill-server")


@pytest.fixture
def terminal(drover, tmp_path):
    terminal = Terminal(drover, tmp_path)
    yield terminal
    terminal.close()
