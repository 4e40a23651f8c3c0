#!/usr/bin/env python3
"""Queue `notification`: tells users what happened.

send-notification  to `userId`, one or many, over each of `channels`:
                   inbox (the default): a line in $OUT_DIR/inbox/<userId>.jsonl; webhook: a POST of the notification to `url`

Payload: userId, title, message, channels, url, data. A job that comes twice leaves one line in an inbox; a webhook gets
it twice, with the same `id`.
"""

import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import places
from worker import Refused, TryAgain, serve

TIMEOUT = 10  # seconds
_inboxes = threading.Lock()


def notify(job):
    users, channels = job.fields("userId"), job.fields("channels", ["inbox"])
    for user in users:
        if not re.fullmatch(r"[\w.@-]{1,100}", user) or user.startswith("."):
            raise Refused("InvalidUser", f"{user!r} is no user's id")
    for channel in channels:
        if channel not in CHANNELS:
            raise Refused("UnknownChannel", f"no channel {channel!r} is known here, only {', '.join(CHANNELS)}")
    notification = {"id": job.id, "title": job.field("title", str), "message": job.field("message", str),
                    "data": job.field("data", dict, {})}
    job.progress(10, "validated")
    for number, channel in enumerate(channels, 1):
        for user in users:
            CHANNELS[channel](job, user, notification)
        job.progress(10 + 90 * number // len(channels), channel)
    return {"notified": len(users), "channels": channels}


def inbox(_, user, notification):
    path = places.folder("inbox") / f"{user}.jsonl"
    with _inboxes:
        known = path.read_text().splitlines() if path.exists() else []
        if not any(json.loads(line)["id"] == notification["id"] for line in known):
            places.append(f"inbox/{user}.jsonl", notification)


def webhook(job, user, notification):
    url = job.field("url", str)
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refused("InvalidUrl", "url has to begin with http:// or https://")
    body = json.dumps({**notification, "userId": user}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"{job.id}.{user}"}
    try:
        request = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (408, 425, 429) or error.code >= 500:
                wait = error.headers.get("Retry-After", "")
                wait = int(wait) if wait.isdecimal() else None
                raise TryAgain("WebhookNotNow", f"{url} answered {error.code}", wait) from None
            raise Refused("WebhookRefused", f"{url} answered {error.code}") from None
    except http.client.InvalidURL as error:
        raise Refused("InvalidUrl", str(error)) from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain("WebhookUnreachable", f"{url}: {error}") from error


CHANNELS = {"inbox": inbox, "webhook": webhook}

if __name__ == "__main__":
    serve({"send-notification": notify})
