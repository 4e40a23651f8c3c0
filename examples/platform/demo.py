#!/usr/bin/env python3
"""Queue `demo`: submits the jobs that its payload lists, {"jobs": [{queue, type, payload, key, priority, delay, …}]}.

`files` in one of them is a pattern: it stands for a job for each file that fits, `most` of them, with the file's path in
the payload.
"""

from glob import iglob
from itertools import islice

from worker import serve


def play(job):
    submitted = 0
    for entry in job.field("jobs", list):
        pattern, most = entry.pop("files", None), entry.pop("most", 10)
        paths = islice(iglob(pattern, recursive=True), most) if pattern else [None]
        for path in paths:
            payload = {**entry["payload"], **({"path": path} if path else {})}
            job.submit(**{**entry, "payload": payload})
            submitted += 1
    return {"submitted": submitted}


if __name__ == "__main__":
    serve({"play": play})
