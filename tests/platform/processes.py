"""What both brokers' modules need from the operating system: processes that end with the one that started them, loopback
ports that nobody else takes, and running a command between a start and a stop."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def dependency(script, *arguments):
    """Runs a script of deps/, which prints the path of what it has made sure is there."""
    return pathlib.Path(subprocess.run([ROOT / "deps" / script, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def end_with_parent():
    """For Popen's preexec_fn: the child gets SIGKILL when this process ends, even when that was a SIGKILL too."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_time(pid):
    """With the pid it names a process for as long as the machine is up; a pid alone is given out again."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def open_process(pid, started):
    """A pidfd of the process, None when it has ended (nobody needs to have waited for it)."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if not has_ended(fd) and start_time(pid) == started:
            return fd
    except (FileNotFoundError, ProcessLookupError):  # ended in between
        pass
    os.close(fd)
    return None


def has_ended(pidfd, seconds=0):
    """Whether it ends within this time, with all its threads: then its ports and files are free."""
    return bool(select.select([pidfd], [], [], seconds)[0])


def wait_until(condition, what, seconds=120):
    """Waits for the thing itself; the limit is only there so that a broken platform ends in a message."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s there is still no {what}")
        time.sleep(0.02)
    return result


def reserve_ports(count):
    """Sockets bound to free loopback ports outside the range that outgoing connections take theirs from.

    They never listen, so while they are open a server that sets SO_REUSEADDR, as Java and Go do, can have the port and
    another reserve_ports cannot: a broker that was killed finds its port free again.
    """
    reserved = list(itertools.islice(filter(None, map(_reserve, _candidates())), count))
    if len(reserved) < count:
        raise RuntimeError(f"there are no {count} free ports on 127.0.0.1")
    return reserved


def reserve_ports_from_a_base(distances, highest=64000):
    """As reserve_ports, of ports that lie at these distances above one, for who is told only that one, at most
    `highest`."""
    for base in filter(lambda port: port <= highest, _candidates()):
        reserved = []
        for distance in distances:
            sock = _reserve(base + distance)
            if sock is None:
                break
            reserved.append(sock)
        else:
            return base, reserved
        for sock in reserved:
            sock.close()
    raise RuntimeError(f"there are no free ports at {distances} on 127.0.0.1")


def _candidates():
    low, high = (int(n) for n in pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [port for port in range(10000, 65536) if not low <= port <= high] or list(range(10000, 65536))
    random.shuffle(ports)
    return ports


def _reserve(port):
    sock = socket.socket()
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        return None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after the bind: itself it must not share
    return sock


@contextlib.contextmanager
def orderly_exit():
    """SIGTERM, SIGINT and SIGHUP leave the block as an exception, so that what was started in it is stopped."""

    def leave(number, _frame):
        raise SystemExit(128 + number)

    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, leave) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before):
            signal.signal(number, handler)


def run_command(command, environment):
    """Runs the command with these variables added; returns its exit code as a shell would see it."""
    child = subprocess.Popen(command, env={**os.environ, **environment}, preexec_fn=end_with_parent)
    try:
        code = child.wait()
        return code if code >= 0 else 128 - code
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
