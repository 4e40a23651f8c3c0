#!/usr/bin/env python3
"""The embedded broker for tests, on a free port and in a folder of its own.

    embedded_broker.py run [--partitions 12] -- COMMAND...
        starts it, runs COMMAND with DROVER_TEST_KAFKA in its environment, stops it; the exit code is the command's

Imported: `with EmbeddedBroker.temporary() as broker: ... broker.bootstrap ... broker.kill(); broker.start()`.
"""

import argparse
import contextlib
import json
import select
import shutil
import subprocess
import sys
import tempfile

from processes import dependency, end_with_parent, orderly_exit, reserve_ports, run_command

START_LIMIT = 120  # seconds


class EmbeddedBroker:
    """One broker on one folder; it keeps its port from start to start."""

    def __init__(self, directory, partitions=12, program=None):
        self.dir = directory
        self._program = program or dependency("broker.sh")
        self._partitions = partitions
        self._reservation, = reserve_ports(1)
        self._child = None
        self.bootstrap = f"127.0.0.1:{self._reservation.getsockname()[1]}"

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, **options):
        """A broker in a new folder; both are gone at the end, however that comes."""
        directory = tempfile.mkdtemp(prefix="drover-broker-")
        try:
            broker = cls(directory, **options)
            try:
                broker.start()
                yield broker
            finally:
                broker.close()
        finally:
            shutil.rmtree(directory)

    def start(self):
        """Returns when it serves."""
        port = self.bootstrap.rpartition(":")[2]
        self._child = subprocess.Popen(
            [self._program, "--port", port, "--data", self.dir, "--partitions", str(self._partitions)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=end_with_parent)
        with self._child.stdout as out:
            if not select.select([out], [], [], START_LIMIT)[0]:
                self.kill()
                raise TimeoutError(f"after {START_LIMIT} s the embedded broker does not serve")
            ready = out.readline()
        if not ready:
            raise RuntimeError(f"the embedded broker ended with {self._child.wait()}; it has said why above")
        assert json.loads(ready)["listening"] == self.bootstrap, ready

    def stop(self):
        """An orderly stop; fails when the broker does not end well."""
        self._child.terminate()
        if code := self._child.wait(60):
            raise RuntimeError(f"the embedded broker ended with {code}")

    def pids(self):
        return {1: self._child.pid}

    def kill(self):
        self._child.kill()
        self._child.wait()

    def close(self):
        if self._child and self._child.poll() is None:
            self.kill()
        self._reservation.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run = parser.add_subparsers(dest="action", required=True).add_parser("run")
    run.add_argument("--partitions", type=int, default=12)
    run.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with orderly_exit(), EmbeddedBroker.temporary(partitions=arguments.partitions) as broker:
        return run_command(arguments.command, {"DROVER_TEST_KAFKA": broker.bootstrap})


if __name__ == "__main__":
    sys.exit(main())
