#!/usr/bin/env python3
"""A Drover worker in Python's standard library: one job is the path of one changelog file.

The sidecar posts the path as plain text to http://127.0.0.1:$PORT/. The worker reads the file, submits what it found
to the queue `findings` through the sidecar ($DROVER_SIDECAR), and only then answers 200. A file that no retry can make
readable is answered with 422 and its cause in `Drover-Error`, which dead-letters the job. Delivering a job twice does
no harm: the finding names its file, and the report keeps one finding for each file.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from urllib.parse import urlsplit

from changelog import BadChangelog, inflate, read_changelog

MAX_PATH = 4096
SUBMIT_TIMEOUT = 10  # seconds; below the job's timeout, so that the cause is told before the job is given up


class TryAgain(Exception):
    """A failure that a later try may not meet. `retry_after` is the sidecar's own wish, in seconds."""

    def __init__(self, reason: str, retry_after: str | None = None):
        super().__init__(reason)
        self.retry_after = retry_after


def _path(payload: bytes) -> str:
    try:
        path = payload.decode().rstrip("\n")
    except UnicodeDecodeError:
        raise BadChangelog("InvalidPath", "the payload is not UTF-8") from None
    if not path.startswith("/") or "\0" in path:
        raise BadChangelog("InvalidPath", "the payload has to be the absolute path of a file")
    return path


def find(path: str) -> dict:
    """Reads the file at `path`. Raises BadChangelog, and OSError where the machine is at fault rather than the file."""
    try:
        # Without O_NONBLOCK, opening a pipe would hang until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise BadChangelog("FileNotFound", "no such file") from None
    except PermissionError:
        raise BadChangelog("FileNotReadable", "the worker may not read this file") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadChangelog("NotAFile", "not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            text = inflate(file)
    finally:
        os.close(descriptor)
    return {"file": path, **read_changelog(text, PurePath(path).parent.name)}


class Submitter(threading.local):
    """Hands findings to the sidecar, over one kept connection for each thread."""

    def __init__(self, sidecar: str):
        address = urlsplit(sidecar)
        self.path = f"{address.path.rstrip('/')}/v1/queues/findings/jobs"
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=SUBMIT_TIMEOUT)

    def submit(self, finding: dict, traceparent: str | None) -> None:
        body = json.dumps({"type": "finding", "key": finding["package"], "payload": finding}).encode()
        headers = {"Content-Type": "application/json", **({"traceparent": traceparent} if traceparent else {})}
        try:
            answer, said = self._post(body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain(f"the sidecar did not take the finding: {error!r}") from error
        if answer.status in (400, 413, 422):
            raise BadChangelog("FindingRefused", f"the sidecar refused the finding with {answer.status}: {said}")
        if answer.status != 202:
            raise TryAgain(f"the sidecar answered {answer.status}: {said}", answer.headers.get("Retry-After"))

    def _post(self, body: bytes, headers: dict) -> tuple[http.client.HTTPResponse, str]:
        kept = self.connection.sock is not None
        try:
            self.connection.request("POST", self.path, body, headers)
            answer = self.connection.getresponse()
            return answer, answer.read(2000).decode("utf-8", "replace")
        except (ConnectionError, http.client.BadStatusLine):
            self.connection.close()
            if not kept:
                raise
            # The sidecar may close a connection while it is idle; that says nothing about this request.
            return self._post(body, headers)
        except BaseException:
            self.connection.close()  # an answer that comes late must not be taken for the next one's
            raise


class Jobs(BaseHTTPRequestHandler):
    """Answers on one connection, in its own thread, one job after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: Worker

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if not self.server.begin():
            self.close_connection = True
            self._answer(503, "this worker is stopping", {"Retry-After": "1"})
            return
        try:
            self._work(body)
        finally:
            self.server.end()

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) <= MAX_PATH:
            body = self.rfile.read(int(length))
            return body if len(body) == int(length) else None  # cut off: nobody waits for an answer
        self.close_connection = True  # what follows on this connection is the body that was not read
        self._answer(413 if length.isdecimal() else 411, f"a path of at most {MAX_PATH} bytes is needed")
        return None

    def _work(self, body: bytes) -> None:
        try:
            finding = find(_path(body))
            self.server.submitter.submit(finding, self.headers.get("traceparent"))
        except BadChangelog as bad:
            self._answer(422, str(bad), {"Drover-Error": bad.kind})
        except TryAgain as later:
            self._answer(503, str(later), {"Retry-After": later.retry_after} if later.retry_after else {})
        except OSError as error:
            self._answer(500, f"{error.strerror or error!r}", {"Drover-Error": type(error).__name__})
        else:
            told = {name: finding[name] for name in ("package", "format", "urgent")}
            told["releases"] = sum(finding["releases"].values()) + finding["undated"]
            self._answer(200, json.dumps(told), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: str, headers: dict | None = None) -> None:
        content = body.encode("utf-8", "replace")
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_) -> None:
        """The sidecar tells the outcome of every job; a line for each here would say it twice."""


class Worker(ThreadingHTTPServer):
    """Counts the jobs in hand, so that stopping can wait for them."""

    daemon_threads = True  # an idle kept connection must not hold up the end
    request_queue_size = 128

    def __init__(self, port: int, sidecar: str):
        super().__init__(("127.0.0.1", port), Jobs)
        self.submitter = Submitter(sidecar)
        self._state = threading.Condition()
        self._in_hand = 0
        self._stopping = False

    def begin(self) -> bool:
        with self._state:
            self._in_hand += not self._stopping
            return not self._stopping

    def end(self) -> None:
        with self._state:
            self._in_hand -= 1
            self._state.notify_all()

    def drain(self) -> None:
        """Takes no further connection or job, and returns when the jobs in hand are answered."""
        self.shutdown()
        self.server_close()
        with self._state:
            self._stopping = True
            self._state.wait_for(lambda: self._in_hand == 0)


def main() -> int:
    try:
        port, sidecar = int(os.environ["PORT"]), os.environ["DROVER_SIDECAR"]
        if not urlsplit(sidecar).hostname:
            raise ValueError(f"DROVER_SIDECAR is no URL: {sidecar!r}")
    except (KeyError, ValueError) as error:
        print(f"parse.py needs PORT (0 chooses one) and DROVER_SIDECAR in its environment: {error}", file=sys.stderr)
        return 2
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)  # before the first thread, which inherits it
    worker = Worker(port, sidecar)
    threading.Thread(target=worker.serve_forever, args=(0.05,), daemon=True).start()  # seconds until it sees the end
    print(json.dumps({"message": "listening", "port": worker.server_port}), flush=True)
    signal.sigwait(stop)
    worker.drain()
    return 0


if __name__ == "__main__":
    sys.exit(main())
