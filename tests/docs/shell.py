"""One shell that takes block after block, as a reader's does."""

import os
import subprocess
import uuid

from processes import end_with_parent


class Shell:
    """bash, which ends at the first command that fails. Everything that it prints is kept."""

    def __init__(self, folder, prelude="", **environment):
        self.output = ""
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env={**os.environ, **{name: str(value) for name, value in environment.items()}},
            preexec_fn=end_with_parent)
        self.run("set -euo pipefail\n" + prelude, "the prelude")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def run(self, text, what):
        """What it printed."""
        mark = f"end of {uuid.uuid4()}"
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
