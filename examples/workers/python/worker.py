#!/usr/bin/env python3
"""A Drover worker in Python's standard library. A job is the absolute path of a file, its result the file's SHA-256."""

import hashlib
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refused(Exception):
    """No retry would help: the job becomes a dead letter of this class."""

    def __init__(self, kind, reason):
        super().__init__(reason)
        self.kind = kind


def work(payload):
    path = payload.decode("utf-8", "replace")
    if not path.startswith("/") or "\0" in path:
        raise Refused("InvalidPath", "the payload has to be the absolute path of a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused("NotAFile", f"{path} is no regular file")
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    print(f"{digest.hexdigest()}  {path}\n", end="", flush=True)
    return json.dumps({"sha256": digest.hexdigest(), "bytes": size})


def outcome(payload):
    try:
        return 200, work(payload)
    except Refused as refused:
        return 422, str(refused), refused.kind
    except FileNotFoundError as error:  # not there yet
        return 503, str(error), "FileNotFound"
    except OSError as error:
        return 503, str(error), "FileNotReadable"


class Jobs(BaseHTTPRequestHandler):
    """One connection of the sidecar, in a thread of its own: one job after the other."""

    protocol_version = "HTTP/1.1"  # the connection stays open for the next job
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together

    def do_POST(self):
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.in_hand += 1
        try:
            self.answer(*outcome(payload))
        finally:
            with self.server.changed:
                self.server.in_hand -= 1
                self.server.changed.notify()

    def answer(self, status, text, kind=None):
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if kind:
            self.send_header("Drover-Error", kind)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        """The sidecar tells the outcome of every job."""


class Worker(ThreadingHTTPServer):
    daemon_threads = True  # an idle connection must not hold up the end
    in_hand, changed = 0, threading.Condition()


end = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, end)  # before the first thread, which inherits it
worker = Worker(("127.0.0.1", int(os.environ["PORT"])), Jobs)
threading.Thread(target=worker.serve_forever, args=(0.05,), daemon=True).start()
print(json.dumps({"message": "listening", "port": worker.server_port}), flush=True)

signal.sigwait(end)
worker.shutdown()
worker.server_close()  # takes no further connection
with worker.changed:
    worker.changed.wait_for(lambda: worker.in_hand == 0)
sys.exit(0)
