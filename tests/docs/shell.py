"""One shell that takes block after block, as a reader's does."""

import contextlib
import os
import signal
import subprocess
import threading
import uuid

from processes import end_with_parent

LIMIT = 300  # seconds of a block; only there so that what hangs ends in a message


class Shell:
    """bash, which ends at the first command that fails. Everything that it prints is kept."""

    def __init__(self, folder, prelude="", **environment):
        self.output = ""
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env={**os.environ, **{name: str(value) for name, value in environment.items()}},
            preexec_fn=end_with_parent, start_new_session=True)
        self.run("set -euo pipefail\n" + prelude, "the prelude")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # a command had failed, and what was to follow is not read
            self._process.stdin.close()
        self._process.stdout.close()

    def _kill(self):
        """With all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, text, what):
        """What it printed."""
        mark = f"end of {uuid.uuid4()}"
        limit = threading.Timer(LIMIT, self._kill)
        limit.start()
        try:
            return self._run(text, mark, what)
        finally:
            limit.cancel()

    def _run(self, text, mark, what):
        self._process.stdin.write(f"{text}\necho '{mark}'\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line.rstrip("\n").endswith(mark):
                printed += line.rstrip("\n").removesuffix(mark)
                self.output += printed
                return printed
            printed += line
        raise AssertionError(f"{what}: a command failed, code {self._process.wait()}:\n{text}\n--- it printed\n{printed}")
