#!/usr/bin/env python3
"""How smooth the dashboard is: an overview of many queues and a list of 10,000 jobs that change all the time.

    DROVER=build/release/bin/drover bench/dashboard.py [QUEUES] [SECONDS]
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / place) for place in ("browser", "gateway", "run", "platform")]

from gateway_client import GatewayClient  # noqa: E402
from local_run import LocalRun, queue_file  # noqa: E402
from stack import WORKER, modules  # noqa: E402

JOBS = 10_000


def feed(gateway, names, stop):
    """A tenth of the queues have news each second, and the long list has some."""
    while not stop.wait(1):
        for name in random.sample(names, max(len(names) // 10, 1)):
            gateway.ask("POST", f"/v1/queues/{name}/jobs:batch", [{"payload": n} for n in range(3)])
        gateway.ask("POST", "/v1/queues/long/jobs:batch", [{"payload": n, "type": "new"} for n in range(5)])


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    modules()
    with tempfile.TemporaryDirectory() as data:
        folder = pathlib.Path(data)
        # Paused: there would be too many workers for one machine.
        names = [f"queue-{n:03}" for n in range(count - 1)]
        for name in [*names, "long"]:
            queue_file(folder, name, WORKER, kafka={"partitions": 1}, paused=True)
        with LocalRun(folder) as run:
            gateway = GatewayClient(run.wait_for_line(r"gateway (http://\S+)", 300)[1])
            run.wait_for(gateway.is_ready, "a gateway that is ready", 300)
            run.wait_for(lambda: sum("lag" in queue for queue in gateway.get("/v1/queues")["queues"]) == count, "all queues", 300)
            for first in range(0, JOBS, 1000):
                gateway.ask("POST", "/v1/queues/long/jobs:batch", [{"payload": {"n": first + n}, "type": "old"} for n in range(1000)])
            stop = threading.Event()
            feeder = threading.Thread(target=feed, args=(gateway, names, stop))
            feeder.start()
            try:
                task = {"gateway": f"http://{gateway.host}", "list": "#/queues/default.long/jobs", "jobs": JOBS, "seconds": seconds}
                subprocess.run(["node", ROOT / "bench" / "dashboard.mjs", json.dumps(task)], check=True)
            finally:
                stop.set()
                feeder.join()


main()
