#!/usr/bin/env python3
"""Queue `email`: sends over the mail server at $SMTP_URL, smtp://[user:password@]host[:port] or smtps://…

send-email            one message to all of `to`, `cc` and `bcc`
send-batch-email      a message for each of `to`; one that fails does not touch the others
send-scheduled-email  not before `scheduledTime` (RFC 3339)

Payload: to, subject, html or text or both; from, cc, bcc, attachments [{filename, and path or content}]. Paths are
below $ATTACHMENTS, by default `attachments` where the worker runs.
"""

import mimetypes
import os
import re
import smtplib
import ssl
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import formataddr, formatdate, parseaddr
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import places
from worker import Refused, TryAgain, serve

SMTP = urlsplit(os.environ.get("SMTP_URL", "smtp://127.0.0.1:25"))
SENDER = os.environ.get("MAIL_FROM", "Drover <drover@localhost.localdomain>")
ATTACHMENTS = Path(os.environ.get("ATTACHMENTS", "attachments")).resolve()
TIMEOUT = 15  # seconds; below the job's timeout, so that the cause is told before the job is given up
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")


def send_one(job):
    recipients = {name: job.fields(name, []) for name in ("to", "cc", "bcc")}
    if not recipients["to"]:
        raise Refused("InvalidPayload", "to has to name a recipient")
    addresses = [check_address(each) for name in recipients for each in recipients[name]]
    message = compose(job, recipients["to"], recipients["cc"], job.id)
    job.progress(10, "validated")
    with connect() as server:
        job.progress(30, "sending")
        refused = deliver(server, message, addresses)
    job.progress(80, "sent")
    places.append("email.jsonl", {"job": job.id, "to": addresses, "refused": refused})
    job.progress(100, "logged")
    sent = len(addresses) - len(refused)
    return {"messageId": message["Message-ID"], "sent": sent, "failed": len(refused), "refused": refused}


def send_batch(job):
    recipients = job.fields("to")
    if not recipients:
        raise Refused("InvalidPayload", "to has to name a recipient")
    compose(job, [], [], job.id)  # what is wrong with every message is wrong with the job
    job.progress(10, "validated")
    failures, later = [], None
    for number, to in enumerate(recipients):
        job.progress(30 + 50 * number // len(recipients), "sending", f"{number} of {len(recipients)}")
        try:
            address = check_address(to)
            message = compose(job, [to], [], f"{job.id}.{number}")
            with connect() as server:
                deliver(server, message, [address])
        except (Refused, TryAgain) as failure:
            failures.append({"to": to, "error": failure.kind, "message": str(failure)})
            later = failure if isinstance(failure, TryAgain) else later
    if later and len(failures) == len(recipients):
        raise later  # nothing was sent, so another try sends nothing twice
    job.progress(80, "sent")
    total, failed = len(recipients), len(failures)
    refused = {each["to"]: each["message"] for each in failures}
    places.append("email.jsonl", {"job": job.id, "to": recipients, "refused": refused})
    result = {"total": total, "sent": total - failed, "failed": failed, "failures": failures}
    job.progress(100, "logged", result=result)
    return result


def send_scheduled(job):
    try:
        due = datetime.fromisoformat(job.field("scheduledTime", str).replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        reason = f"scheduledTime has to be a time such as 2026-01-31T08:00:00Z: {error}"
        raise Refused("InvalidPayload", reason) from None
    if due <= datetime.now(timezone.utc):
        return send_one(job)
    # Back to the queue, which knows how to wait. Whoever submits with `runAt` at once saves this turn.
    run_at = due.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = job.submit("email", "send-email", job.payload, runAt=run_at, uniqueKey=f"scheduled-{job.id}")
    return {"scheduled": name, "runAt": run_at}


def check_address(text):
    """The bare address of "Ada <ada@example.org>"."""
    address = parseaddr(text)[1]
    if not ADDRESS.fullmatch(address):
        raise Refused("InvalidAddress", f"{text!r} is no mail address")
    return address


def compose(job, to, cc, name):
    message = EmailMessage()
    text, html = job.field("text", str, None), job.field("html", str, None)
    if not text and not html:
        raise Refused("InvalidPayload", "html or text has to hold the message")
    try:
        message["From"] = job.field("from", str, SENDER)
        check_address(message["From"])
        for header, addresses in ("To", to), ("Cc", cc):
            if addresses:
                message[header] = ", ".join(formataddr(parseaddr(each)) for each in addresses)
        message["Subject"] = job.field("subject", str)
        message["Date"] = formatdate()
        # The same in every try: a mailbox that gets it twice can tell.
        message["Message-ID"] = f"<{quote(name, safe='')}@drover>"
    except ValueError as error:  # such as a line break, which would begin another header
        raise Refused("InvalidHeader", str(error)) from None
    message.set_content(text or "This message is to be read as HTML.")
    if html:
        message.add_alternative(html, subtype="html")
    for attachment in job.field("attachments", list, []):
        attach(message, attachment)
    return message


def attach(message, attachment):
    if not isinstance(attachment, dict) or not isinstance(attachment.get("content", attachment.get("path")), str):
        raise Refused("InvalidPayload", "an attachment has to have a filename, and content or a path")
    path = ATTACHMENTS / attachment.get("path", "")
    try:
        if "content" in attachment:
            content = attachment["content"].encode()
        elif path.resolve().is_relative_to(ATTACHMENTS):  # or whoever submits jobs gets any file of this machine
            content = path.read_bytes()
        else:
            raise Refused("AttachmentNotReadable", f"{path} is outside of {ATTACHMENTS}")
    except (OSError, ValueError) as error:
        raise Refused("AttachmentNotReadable", f"{path}: {error}") from None
    name = str(attachment.get("filename") or path.name)
    kind = (mimetypes.guess_type(name)[0] or "application/octet-stream").split("/")
    message.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)


def connect():
    tls = ssl.create_default_context()
    try:
        if SMTP.scheme == "smtps":
            server = smtplib.SMTP_SSL(SMTP.hostname, SMTP.port or 465, timeout=TIMEOUT, context=tls)
        else:
            server = smtplib.SMTP(SMTP.hostname, SMTP.port or 25, timeout=TIMEOUT)
        if SMTP.username:
            if SMTP.scheme != "smtps":
                server.starttls(context=tls)  # a password never goes out in the clear
            server.login(unquote(SMTP.username), unquote(SMTP.password or ""))
        return server
    except (OSError, smtplib.SMTPException) as error:  # our settings or the server: not the fault of this message
        raise TryAgain("MailServerUnreachable", f"{SMTP.hostname}: {error}") from error


def deliver(server, message, addresses):
    """Returns {address: answer} of those that the server refused while it took others."""
    try:
        refused = server.send_message(message, to_addrs=addresses)
        return {address: said(*answer) for address, answer in refused.items()}
    except smtplib.SMTPRecipientsRefused as error:  # all of them
        answers = {address: said(*answer) for address, answer in error.recipients.items()}
        if any(code < 500 for code, _ in error.recipients.values()):
            raise TryAgain("RecipientNotNow", f"refused for now: {answers}") from None
        raise Refused("RecipientRefused", f"refused: {answers}") from None
    except smtplib.SMTPResponseException as error:
        kind, failure = ("MailNotNow", TryAgain) if error.smtp_code < 500 else ("MailRefused", Refused)
        raise failure(kind, said(error.smtp_code, error.smtp_error)) from None
    except smtplib.SMTPNotSupportedError as error:  # such as an address that is not ASCII
        raise Refused("MailRefused", str(error)) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgain("MailServerUnreachable", f"the connection broke: {error}") from error


def said(code, text):
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}".replace("\n", " ")


if __name__ == "__main__":
    serve({"send-email": send_one, "send-batch-email": send_batch, "send-scheduled-email": send_scheduled})
