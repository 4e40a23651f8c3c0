"""The worker of these tests' queues. A job's payload says what comes of it:

{"relay": "mx-old"}                        fails for good, with a message that has changing numbers in it
{"fail": "Busy", "status": 503}            fails with this class and status
{"steps": 20, "until": "<file>"}           tells progress and logs, step by step, and ends when there is that file
anything else                              is done
"""

import json
import os
import pathlib
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIDECAR = os.environ["DROVER_SIDECAR"]


class Worker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
        job = job if isinstance(job, dict) else {}
        if job.get("relay") == "mx-old":
            number = int(self.headers["drover-job-id"][-4:], 16)
            return self.answer(422, f"relay mx-old refused the mail from 10.0.{number % 250}.{number // 256} after {number} ms", "RelayRefused")
        if "fail" in job:
            return self.answer(job.get("status", 503), job.get("message", "it did not work"), job["fail"])
        if "steps" in job:
            if not self.work(job["steps"], pathlib.Path(job["until"])):
                return self.answer(503, "it was told to stop", "Stopped")
            return self.answer(200, json.dumps({"pages": job["steps"]}), kind="application/json")
        return self.answer(200, json.dumps({"sent": True}), kind="application/json")

    def work(self, steps, until):
        for step in range(steps):
            percent = int(100 * step / steps)
            if self.tell("progress", {"percent": percent, "step": f"page {step + 1} of {steps}"})["cancel"]:
                return False
            self.tell("logs", {"lines": [f"rendered page {step + 1}"]})
            if step < steps - 2:
                time.sleep(0.05)
        while not until.exists():
            if self.tell("heartbeat", None)["cancel"]:
                return False
            time.sleep(0.05)
        return True

    def tell(self, what, body):
        request = urllib.request.Request(
            f"{SIDECAR}/v1/jobs/{self.headers['drover-job-id']}/{what}", b"" if body is None else json.dumps(body).encode(),
            {"drover-lease": self.headers["drover-lease"], "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:  # the job is nobody's any more
            return {"cancel": True}

    def answer(self, status, body, error=None, kind="text/plain"):
        body = body.encode()
        self.send_response(status)
        if error:
            self.send_header("Drover-Error", error)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Worker)
threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Event().wait()
