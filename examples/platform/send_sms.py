#!/usr/bin/env python3
"""Queue `sms`: sends text messages by one of three providers. Those here are stubs: they write what they would send.

send-sms                to `phone`, one or many
send-batch-sms          the same
send-verification-code  `code` to `phone`, unless `expiresIn` minutes (default 5) after `createdAt` have passed

Payload: phone; message, or template and variables; provider. The queue lets one message a minute go to each key, so
the key has to be the phone: a job that came without it, or with several phones, goes back as one job for each of them.
"""

import os
import re
from datetime import datetime, timedelta, timezone
from string import Template

import places
from worker import Refused, serve

PHONE = re.compile(r"\+?[1-9]\d{6,14}")
LONGEST = 500  # characters
TEMPLATES = {
    "verification": Template("Your code is ${code}. It is valid for ${minutes} minutes."),
    "welcome": Template("Welcome, ${name}!"),
    "reminder": Template("${name}, do not forget: ${what} at ${when}."),
}


class Stub:
    """In place of a provider's client. A real one raises TryAgain when the provider cannot be reached or is busy."""

    def __init__(self, name):
        self.name = name

    def send(self, job, phone, text):
        places.append("sms.jsonl", {"provider": f"{self.name} (stub)", "job": job.id, "phone": phone, "text": text})
        return f"{self.name}-{job.id}"


PROVIDERS = {name: Stub(name) for name in ("aliyun", "tencent", "twilio")}


def send_sms(job):
    return send(job, text_of(job))


def send_code(job):
    minutes = job.field("expiresIn", (int, float), 5)
    created = datetime.now(timezone.utc)
    try:
        created = datetime.fromisoformat(job.field("createdAt", str, created.isoformat()).replace("Z", "+00:00"))
        expires = created.astimezone(timezone.utc) + timedelta(minutes=minutes)
    except (ValueError, OverflowError) as error:
        raise Refused("InvalidPayload", f"createdAt has to be a time and expiresIn minutes: {error}") from None
    if expires <= datetime.now(timezone.utc):
        raise Refused("CodeExpired", f"the code expired at {expires:%Y-%m-%dT%H:%M:%SZ}")
    return send(job, TEMPLATES["verification"].substitute(code=job.field("code", str), minutes=f"{minutes:g}"))


def text_of(job):
    template, variables = job.field("template", str, None), job.field("variables", dict, {})
    if template and template not in TEMPLATES:
        raise Refused("UnknownTemplate", f"no template {template!r} is known here, only {', '.join(TEMPLATES)}")
    try:
        text = TEMPLATES[template].substitute(variables) if template else job.field("message", str)
    except KeyError as missing:
        raise Refused("MissingVariable", f"template {template} needs the variable {missing}") from None
    if len(text) > LONGEST:
        raise Refused("MessageTooLong", f"{len(text)} characters, of at most {LONGEST}")
    return text


def send(job, text):
    phones, name = job.fields("phone"), job.field("provider", str, os.environ.get("SMS_PROVIDER", "aliyun"))
    if name not in PROVIDERS:
        raise Refused("UnknownProvider", f"no provider {name!r} is known here, only {', '.join(PROVIDERS)}")
    if phones == [job.key]:
        check_phone(job.key)
        job.progress(10, "validated")
        message_id = PROVIDERS[name].send(job, job.key, text)
        job.progress(100, "sent")
        return {"provider": name, "messageId": message_id}
    return split(job, phones)


def split(job, phones):
    """A job for each phone, under its key. One that is no phone does not touch the others."""
    submitted, failures = {}, []
    if not phones:
        raise Refused("InvalidPayload", "phone has to name one")
    if len(phones) == 1:
        check_phone(phones[0])
    for number, phone in enumerate(phones):
        job.progress(10 + 90 * number // len(phones), "submitting", f"{number} of {len(phones)}")
        try:
            check_phone(phone)
        except Refused as failure:
            failures.append({"phone": phone, "error": failure.kind, "message": str(failure)})
            continue
        kind = "send-sms" if job.type == "send-batch-sms" else job.type or "send-sms"
        payload = {**job.payload, "phone": phone}
        submitted[phone] = job.submit("sms", kind, payload, key=phone, uniqueKey=f"{job.id}.{phone}")
    result = {"total": len(phones), "submitted": submitted, "failed": len(failures), "failures": failures}
    job.progress(100, "submitted", result=result)
    return result


def check_phone(phone):
    if not PHONE.fullmatch(phone):
        raise Refused("InvalidPhone", f"{phone!r} is no phone number")


if __name__ == "__main__":
    serve({"send-sms": send_sms, "send-batch-sms": send_sms, "send-verification-code": send_code})
