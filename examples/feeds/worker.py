"""The part that every worker in Python shares: jobs come in; answers, progress and further jobs go out. It needs the
standard library only; copy it beside your own worker.

    def send(job):
        to = job.field("to", str)
        job.progress(10, "validated")
        return {"sent": 1}                  # 200: done, with this result

    serve({"send-email": send})             # by type; a job without one is of the first

`Refused` makes the job a dead letter at once (422), `TryAgain` asks for another try (503). Any other exception is a
fault of this program: 500 with its class, and another try.

A job may come twice. So make its effect depend on `job.id` or on what it says, never on how often it came.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

SIDECAR_TIMEOUT = 10  # seconds
_REQUIRED = object()


class Refused(Exception):
    """No retry would help. `kind` becomes the class of the dead letter."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


class TryAgain(Exception):
    """A later try may do better, after `retry_after` seconds or the queue's backoff."""

    def __init__(self, kind: str, reason: str, retry_after: float | None = None):
        super().__init__(reason)
        self.kind, self.retry_after = kind, retry_after


class Stale(Exception):
    """This hand-over has ended: the job timed out or was cancelled. Whatever else is done for it is in vain."""


class Job:
    def __init__(self, headers, body: bytes):
        self.id = _text(headers, "drover-job-id")
        self.type = _text(headers, "drover-type")
        self.key = _text(headers, "drover-key")
        self.attempt = int(headers.get("drover-attempt", 1))
        self._lease = headers.get("drover-lease", "")
        self._trace = headers.get("traceparent")
        try:
            self.payload = json.loads(body)
        except ValueError as error:
            raise Refused("MalformedPayload", f"the payload is not JSON: {error}") from None
        if not isinstance(self.payload, dict):
            raise Refused("MalformedPayload", "the payload has to be a JSON object")

    def field(self, name: str, kind: type | tuple, default=_REQUIRED):
        """The payload's field. Refused where it is missing without a default, or of another kind."""
        value = self.payload.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if not isinstance(value, kind) or value == "" or isinstance(value, bool) and kind is not bool:
            kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
            raise Refused("InvalidPayload", f"{name} has to be {kinds}")
        return value

    def fields(self, name: str, default=_REQUIRED) -> list[str]:
        """The payload's field as a list of texts; one text counts as a list of it."""
        value = self.field(name, (str, list), default)
        texts = [value] if isinstance(value, str) else value
        if not all(isinstance(text, str) and text for text in texts):
            raise Refused("InvalidPayload", f"{name} has to be one text or a list of them")
        return texts

    def progress(self, percent: float, step: str, message: str | None = None, result=None) -> None:
        """Tells how far the job is. What cannot be told costs the job nothing. Raises Stale."""
        told = {"percent": percent, "step": step, "message": message, "result": result}
        told = {name: value for name, value in told.items() if value is not None}
        path = f"/v1/jobs/{quote(self.id, safe='')}/progress"
        try:
            status, said = _sidecar.post(path, told, {"drover-lease": self._lease})
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, repr(error)
        if status == 409:
            raise Stale(said)
        if not 200 <= status < 300:
            _say_once(status, f"the sidecar takes no progress: {status or ''} {said}")

    def submit(self, queue: str, type: str, payload: dict, **more) -> str:
        """Submits a further job and returns its id; it is durable then. `more`: key, priority, delay, runAt, …"""
        body = {"type": type, "payload": payload, **more}
        trace = {"traceparent": self._trace} if self._trace else {}
        try:
            status, said = _sidecar.post(f"/v1/queues/{quote(queue, safe='')}/jobs", body, trace)
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain("NotSubmitted", f"the sidecar did not take a job for {queue}: {error!r}") from error
        if status == 202:
            return json.loads(said)["id"]
        if status in (400, 413, 422):
            raise Refused("NotSubmitted", f"the sidecar refused a job for {queue} with {status}: {said}")
        raise TryAgain("NotSubmitted", f"the sidecar answered {status} to a job for {queue}: {said}")


def _text(headers, name: str) -> str:
    """The header's value, which is base64 where it is not ASCII."""
    value = headers.get(name, "")
    if name in headers.get("drover-base64", "").replace(" ", "").split(","):
        return base64.b64decode(value).decode("utf-8", "replace")
    return value


class _Sidecar(threading.local):
    """One kept connection for each thread."""

    def __init__(self):
        self.address = urlsplit(os.environ.get("DROVER_SIDECAR", "http://127.0.0.1:4040"))
        self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=SIDECAR_TIMEOUT)

    def post(self, path: str, body: dict, headers: dict) -> tuple[int, str]:
        kept = self.connection.sock is not None
        try:
            self.connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (ConnectionError, http.client.BadStatusLine):
            self.connection.close()
            if not kept:
                raise
            return self.post(path, body, headers)  # an idle connection was closed: that says nothing of this request
        except BaseException:
            self.connection.close()  # an answer that comes late must not be taken for the next one's
            raise


_sidecar = _Sidecar()
_said: set = set()


def _say_once(key, line: str) -> None:
    if key not in _said:
        _said.add(key)
        print(f"{line.strip()}\n", end="", file=sys.stderr, flush=True)


def _outcome(work: dict, headers, body: bytes) -> tuple[int, str, dict]:
    """Status, text and headers of the answer."""
    try:
        job = Job(headers, body)
        function = work.get(job.type or next(iter(work)))
        if not function:
            raise Refused("UnknownType", f"no job of type {job.type!r} is known here, only {', '.join(work)}")
        result = function(job)
        return 200, json.dumps(result, ensure_ascii=False), {"Content-Type": "application/json"}
    except Refused as refused:
        return 422, str(refused), {"Drover-Error": refused.kind}
    except TryAgain as later:
        wait = {"Retry-After": f"{later.retry_after:.0f}"} if later.retry_after is not None else {}
        return 503, str(later), {"Drover-Error": later.kind, **wait}
    except Stale as stale:
        return 409, str(stale), {"Drover-Error": "Stale"}
    except Exception as error:
        traceback.print_exc()
        return 500, str(error), {"Drover-Error": type(error).__name__}


class _Jobs(BaseHTTPRequestHandler):
    """One connection of the sidecar, in a thread of its own: one job after the other."""

    protocol_version = "HTTP/1.1"  # the connection stays open for the next job
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.in_hand += 1
        try:
            self._answer(*_outcome(self.server.work, self.headers, body))
        finally:
            with self.server.changed:
                self.server.in_hand -= 1
                self.server.changed.notify()

    def _answer(self, status, text, headers):
        content = text.encode("utf-8", "replace")
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        """The sidecar tells the outcome of every job."""


class _Worker(ThreadingHTTPServer):
    daemon_threads = True  # an idle connection must not hold up the end
    request_queue_size = 128


def serve(work: dict) -> None:
    """Takes jobs on 127.0.0.1:$PORT until SIGTERM; then finishes what is in hand. `work`: function(job) by type."""
    end = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, end)  # before the first thread, which inherits it
    worker = _Worker(("127.0.0.1", int(os.environ["PORT"])), _Jobs)
    worker.work, worker.in_hand, worker.changed = work, 0, threading.Condition()
    threading.Thread(target=worker.serve_forever, args=(0.05,), daemon=True).start()
    print(json.dumps({"message": "listening", "port": worker.server_port}), flush=True)
    signal.sigwait(end)
    worker.shutdown()
    worker.server_close()  # takes no further connection
    with worker.changed:
        worker.changed.wait_for(lambda: worker.in_hand == 0)
