#!/usr/bin/env python3
"""Pictures of each page of the dashboard, with queues that have jobs, some of which fail: `make screenshots`.

    screenshots.py FOLDER [README-PICTURE]
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stack import HERE, Stack, modules  # noqa: E402
from processes import wait_until  # noqa: E402

SECONDS = 150  # of jobs, so that the charts have a course


def feed(stack, stop):
    """Mails all the time, now and then a burst of messages."""
    second = 0
    while not stop.wait(1):
        stack.mails(20 + second % 20)
        if second % 30 == 5:
            stack.submit_many("push", [{"n": n} for n in range(3000)], type="notify")
        second += 1


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    readme = str(pathlib.Path(sys.argv[2]).resolve()) if len(sys.argv) > 2 else None
    modules()
    with tempfile.TemporaryDirectory() as data, Stack(pathlib.Path(data)) as stack:
        gateway = stack.gateway
        gateway.ask("POST", "/v1/queues/reports/pause", {"reason": "the report database moves"})
        stack.submit_many("reports", [{"month": n} for n in range(40)], type="monthly")
        gateway.ask("PUT", "/v1/queues/reports/schedules/nightly",
                    {"cron": "0 3 * * *", "timeZone": "Europe/Berlin", "job": {"type": "nightly", "payload": {"all": True}}})
        gateway.ask("PUT", "/v1/queues/mail/schedules/digest",
                    {"cron": "*/5 * * * *", "job": {"type": "digest", "payload": {"to": "all@example.org"}}})
        for _ in range(5):
            stack.long_job()
        running = wait_until(lambda: gateway.get("/v1/queues/render/jobs?state=active&limit=1")["jobs"], "a job that runs")
        full = [{"fail": "MailboxFull", "status": 422, "message": f"mailbox of user{n}@example.org is full"} for n in range(4)]
        stack.submit_many("mail", full, type="send-mail")
        retried = gateway.submit("push", {"fail": "Busy", "message": "the push service answers 503"}, type="notify")
        stop = threading.Event()
        feeder = threading.Thread(target=feed, args=(stack, stop))
        feeder.start()
        try:
            stop.wait(SECONDS)
            failed = gateway.get("/v1/queues/mail/jobs?state=failed&error=RelayRefused&limit=1")["jobs"][0]["id"]
            mended = {"action": "retry", "filter": {"state": "failed", "error": "MailboxFull"}, "ratePerSecond": 2}
            gateway.ask("POST", "/v1/queues/mail/bulk", mended | {"reason": "the mailboxes were emptied"})
            pages = {"overview": "#/?queue=default.push", "queue": "#/queues/default.mail?window=15m", "queue-jobs": "#/queues/default.mail/jobs",
                     "queue-operations": "#/queues/default.mail/operations", "job-failed": f"#/jobs/{failed}",
                     "job-retried": f"#/jobs/{retried}", "job-running": f"#/jobs/{running[0]['id']}", "dead": "#/dead",
                     "schedules": "#/schedules", "workers": "#/workers", "audit": "#/audit"}
            task = {"gateway": stack.address, "folder": str(folder), "pages": pages, "readme": readme}
            subprocess.run(["node", HERE / "screenshots.mjs", json.dumps(task)], check=True)
        finally:
            stop.set()
            feeder.join()
    print(f"the pictures are in {folder}")


main()
