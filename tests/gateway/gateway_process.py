"""A `drover gateway` of a test's own."""

import json
import signal
import subprocess

from gateway_client import GatewayClient

from local_run import DROVER
from processes import end_with_parent, wait_until


class Gateway:
    """A `drover gateway` of its own, at the broker of a `drover run` without one."""

    def __init__(self, folder, bootstrap, *options, name="gateway", port=0, command=()):
        self.log_file = folder / f"{name}.log"
        with self.log_file.open("wb") as out:
            self._process = subprocess.Popen(
                [*command, DROVER, "gateway", "--port", str(port), "--kafka", bootstrap, "--data", folder / f"{name}-data", *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.pid = self._process.pid
        self.port = self.wait_for_log("gateway started")["port"]

    def wait_for_log(self, message):
        def look():
            lines = [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]
            assert self._process.poll() is None, self.log_file.read_text()
            return next((line for line in reversed(lines) if line["message"] == message), None)
        return wait_until(look, f"log with {message}")

    def client(self, token=None):
        return GatewayClient(f"http://127.0.0.1:{self.port}", token)

    def logged(self, message):
        """Whether it has said so."""
        return message in self.log_file.read_text()

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
