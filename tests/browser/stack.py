"""A `drover run` with its gateway, five queues and real jobs, for the browser tests and the screenshots."""

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / place) for place in ("platform", "run", "gateway")]

from gateway_client import GatewayClient  # noqa: E402
from local_run import LocalRun, queue_file  # noqa: E402
from processes import wait_until  # noqa: E402

WORKER = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'worker.py'))}"
LOOKS = ["light", "dark", "narrow"]


def modules():
    """The browser's driver, installed where it is missing."""
    subprocess.run([ROOT / "deps" / "node_modules.sh", HERE], check=True)


class Stack:
    """mail: has jobs that fail; render: long ones with progress; push: quick; reports, archive: for what is done to a queue."""

    QUEUES = ("mail", "render", "push", "reports", "archive")

    def __init__(self, folder, *further):
        """`further`: names of queues like mail."""
        self.folder = folder
        self.names = {f"default.{name}" for name in (*self.QUEUES, *further)}
        self.until = folder / "until"  # long jobs go on until it is there
        awake = {"minReplicas": 1}
        for name in ("mail", *further):
            queue_file(folder, name, WORKER, scaling=awake)
        queue_file(folder, "render", WORKER, scaling=awake, delivery={"concurrency": 2, "timeout": "10m"})
        queue_file(folder, "push", WORKER, scaling={"minReplicas": 0, "maxReplicas": 1}, retention={"completed": {"count": 50000}})
        queue_file(folder, "reports", WORKER, scaling={"minReplicas": 0, "maxReplicas": 1})
        queue_file(folder, "archive", WORKER, scaling={"minReplicas": 0, "maxReplicas": 1})

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self.run = self._stack.enter_context(LocalRun(self.folder))
        self.address = self.run.wait_for_line(r"gateway (http://\S+)")[1]
        self.gateway = GatewayClient(self.address)
        self.run.wait_for(self.gateway.is_ready, "a gateway that is ready")
        self.run.wait_for(lambda: self.names <= self.looked_at(), "all queues")
        return self

    def looked_at(self):
        return {queue["name"] for queue in self.gateway.get("/v1/queues")["queues"] if "lag" in queue}

    def __exit__(self, *error):
        self.until.touch()
        return self._stack.__exit__(*error)

    def submit_many(self, queue, payloads, **fields):
        ids = []
        for first in range(0, len(payloads), 1000):
            part = [{"payload": payload, **fields} for payload in payloads[first:first + 1000]]
            answer = self.gateway.ask("POST", f"/v1/queues/{queue}/jobs:batch", part)
            assert answer.status == 202, answer.body
            ids += [job["id"] for job in answer.json["jobs"]]
        return ids

    def mails(self, number, share=0.05, queue="mail"):
        """This many mails, of which a share goes over a relay that refuses them. Their ids."""
        every = round(1 / share)
        mails = [{"to": f"user{i}@example.org", "subject": f"Invoice {1000 + i}",
                  "relay": "mx-old" if i % every == 3 else "mx-new"} for i in range(number)]
        return self.submit_many(queue, mails, type="send-mail")

    def long_job(self, steps=40):
        payload = {"document": "handbook.md", "steps": steps, "until": str(self.until)}
        return self.gateway.submit("render", payload, type="render", labels={"user": "ada"})

    def failed(self, queue, number):
        """Waits until so many have failed."""
        return wait_until(lambda: self.counts(queue)["failed"] >= number, f"{number} failed jobs of {queue}")

    def counts(self, queue):
        return self.gateway.get(f"/v1/queues/{queue}")["counts"]


def play(scenario, address, look, pictures, **task):
    """Runs a scenario in a browser; what it printed where it failed."""
    picture = pathlib.Path(pictures) / f"{scenario}-{look}.png"
    task = {"scenario": scenario, "gateway": address, "look": look, "picture": str(picture), **task}
    done = subprocess.run(["node", HERE / "run.mjs", json.dumps(task)], capture_output=True, text=True, timeout=600, env=os.environ)
    return None if done.returncode == 0 else done.stdout + done.stderr
