#!/usr/bin/env python3
"""A PostgreSQL server for tests, on a Unix socket in a folder of its own.

    postgres_server.py run [--durable] -- COMMAND...
        starts it, runs COMMAND with DROVER_TEST_POSTGRES in its environment, a connection string of its superuser, stops
        it; the exit code is the command's. A server that the command ends (DROVER_TEST_POSTGRES_PID_FILE says which
        process it is) is started again.

Imported: `with PostgresServer.temporary() as postgres: ... postgres.connection ... postgres.kill(); postgres.start()`.
The server does not run as root: there it becomes the user postgres, whom Debian's package makes.
"""

import argparse
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from processes import end_with_parent, orderly_exit, run_command, wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
# Whatever a test's machine loses with its power, no test looks at again.
NOT_DURABLE = ["-c", "fsync=off", "-c", "full_page_writes=off"]


class PostgresServer:
    """One server on one folder; it keeps its address from start to start."""

    def __init__(self, directory, durable=False):
        self.dir = pathlib.Path(directory)
        self._data = self.dir / "data"
        self._options = [] if durable else NOT_DURABLE
        self._child = None
        self.connection = f"host={self.dir} user=postgres dbname=postgres"
        self.pid_file = self._data / "postmaster.pid"
        self._as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.dir, user.pw_uid, user.pw_gid)
            # Who becomes another user loses the signal that end_with_parent() asked for.
            self._as_user = ["setpriv", "--reuid=postgres", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL"]
        self._run("initdb", "--pgdata", self._data, "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                  "--locale=C.UTF-8")

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, **options):
        """A server in a new folder; both are gone at the end, however that comes."""
        directory = tempfile.mkdtemp(prefix="drover-postgres-")
        try:
            server = cls(directory, **options)
            try:
                server.start()
                yield server
            finally:
                server.close()
        finally:
            shutil.rmtree(directory)

    def _run(self, program, *arguments):
        done = subprocess.run([*self._as_user, PROGRAMS / program, *arguments], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stdout}")

    def start(self):
        """Returns when it serves."""
        with open(self.dir / "log", "ab") as log:
            self._child = subprocess.Popen(
                [*self._as_user, PROGRAMS / "postgres", "-D", self._data, "-k", self.dir, "-c", "listen_addresses=",
                 *self._options], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=end_with_parent)
        wait_until(self._serves, "PostgreSQL that answers")

    def _serves(self):
        if self._child.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {self._child.returncode}:\n{(self.dir / 'log').read_text()}")
        return subprocess.run([PROGRAMS / "pg_isready", "--quiet", "--host", self.dir]).returncode == 0

    def stop(self):
        """An orderly stop, which does not wait for its clients."""
        self._child.send_signal(signal.SIGINT)
        self._child.wait(60)

    def kill(self):
        """As a crash: the next start recovers."""
        self._child.send_signal(signal.SIGQUIT)
        self._child.wait(60)

    def close(self):
        if self._child and self._child.poll() is None:
            self.kill()

    def keep_up(self, stopping):
        """Until it is told to stop: starts it again whenever it ended."""
        while not stopping.is_set():
            self._child.wait()
            if not stopping.is_set():
                self.start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run = parser.add_subparsers(dest="action", required=True).add_parser("run")
    run.add_argument("--durable", action="store_true", help="as it comes, with fsync: for benchmarks")
    run.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with orderly_exit(), PostgresServer.temporary(durable=arguments.durable) as postgres:
        stopping = threading.Event()
        keeper = threading.Thread(target=postgres.keep_up, args=[stopping])
        keeper.start()
        try:
            return run_command(arguments.command, {"DROVER_TEST_POSTGRES": postgres.connection,
                                                   "DROVER_TEST_POSTGRES_PID_FILE": str(postgres.pid_file)})
        finally:
            stopping.set()
            postgres.close()
            keeper.join()


if __name__ == "__main__":
    sys.exit(main())
