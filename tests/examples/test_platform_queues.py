"""examples/platform: S3's eight queues, each worker as a process, with a real mail server, real files and real pictures."""

import asyncio
import csv
import datetime
import gzip
import json
import re
import ssl
import subprocess
import sys
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))

from example_worker import (DEADLINE, EXAMPLES, PYTHON, Sidecar, WorkerProcess, copy_of, environment, reserve_ports,  # noqa: E402
                            run_script, summary_of)
from local_run import LocalRun, interrupt  # noqa: E402

HELLO = {"to": "ada@example.org", "subject": "Hello", "text": "How are you?"}
PROGRAMS = {  # command, and a job that it does, with its type
    "email": ([PYTHON, "send_email.py"], "send-email", HELLO),
    "sms": ([PYTHON, "send_sms.py"], "send-sms", {"phone": "+4915112345678", "message": "Hello"}),
    "notification": ([PYTHON, "notify.py"], "send-notification", {"userId": "ada", "title": "Hello", "message": "How are you?"}),
    "device-operation": ([PYTHON, "operate_device.py"], "start-device", {"deviceId": "cam-7", "userId": "ada"}),
    "data-export": ([PYTHON, "export_data.py"], "export-data", {"rows": [{"a": 1}]}),
    "report-generation": (["node", "make_report.mjs"], "generate-report", {"title": "T", "values": [{"label": "a", "value": 1}]}),
    "image-processing": ([PYTHON, "process_image.py"], "make-thumbnails", {"path": "picture.png"}),
    "log-processing": (["out/process_log"], "process-log", {"path": "/etc/passwd"}),
}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    example = copy_of("platform", tmp_path_factory.mktemp("platform"))
    subprocess.run(["go", "build", "-o", "out/process_log", "process_log.go"], cwd=example, env=environment(), check=True)
    Image.new("RGB", (30, 20), "teal").save(example / "picture.png")
    return example


@pytest.fixture
def sidecar():
    sidecar = Sidecar()
    yield sidecar
    sidecar.stop()


class MailServer:
    """A real one, in this process. `refuse` maps an address to the answer that it gets instead of 250."""

    def __init__(self, **options):
        self.messages, self.refuse, self.hold = [], {}, None  # [(recipients, message)]
        self.asked = threading.Event()
        self._reserved = reserve_ports(1)[0]
        self.port = self._reserved.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def start(self):
        self._controller.start()
        return self

    def stop(self):
        if self._controller.loop.is_running():
            self._controller.stop()
        self._reserved.close()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        self.asked.set()
        while self.hold and not self.hold.is_set():
            await asyncio.sleep(0.01)
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@pytest.fixture
def mail():
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def start(example, sidecar, tmp_path):
    """Starts the worker of a queue."""
    started = []

    def start(queue, **variables):
        worker = WorkerProcess(PROGRAMS[queue][0], example, sidecar,
                               **{"OUT_DIR": tmp_path / "out", "STEP_SECONDS": 0, "SMTP_URL": "smtp://127.0.0.1:9", **variables})
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.__exit__()


# --- what all of them have in common ---


@pytest.fixture(params=PROGRAMS)
def queue(request):
    return request.param


@pytest.fixture
def any_worker(queue, start, mail):
    return start(queue, SMTP_URL=f"smtp://127.0.0.1:{mail.port}")


def good_job(queue, example):
    _, kind, payload = PROGRAMS[queue]
    path = {"path": str(example / payload["path"])} if "path" in payload else {}
    return {"payload": {**payload, **path}, "drover_type": kind, "drover_key": "+4915112345678"}


def test_D6_a_job_is_done_with_a_result_and_progress_up_to_100_under_its_lease(any_worker, queue, example, sidecar):
    connection = any_worker.connect()
    for _ in range(2):
        answer = any_worker.post(connection=connection, drover_job_id="job/ 1", drover_lease="lease-7",
                                 **good_job(queue, example))
        assert answer.status == 200 and isinstance(answer.json, dict), answer
    assert sidecar.percents()[-1] == 100 and sidecar.percents()[0] < 100
    assert {lease for _, lease, _ in sidecar.progress} == {"lease-7"}
    assert all("step" in body for _, _, body in sidecar.progress)


def test_D6_a_sidecar_that_knows_no_progress_is_said_once_and_costs_nothing(any_worker, queue, example, sidecar):
    sidecar.answers["progress"] = [404] * 100
    for _ in range(3):
        assert any_worker.post(**good_job(queue, example)).status == 200
    assert any_worker.said.count("takes no progress: 404") == 1, any_worker.said


def test_D6_a_job_without_a_type_is_of_the_queues_first_type(any_worker, queue, example):
    assert any_worker.post(**{**good_job(queue, example), "drover_type": ""}).status == 200


def test_A4_a_payload_that_is_no_json_object_is_dead_with_its_cause(any_worker):
    any_worker.refuses(b"{", "MalformedPayload")
    any_worker.refuses(b"\xff\xfe", "MalformedPayload")
    for payload in (b"[]", b"null", b"{}", b"3"):
        answer = any_worker.post(payload)
        assert answer.status == 422 and answer.error in ("MalformedPayload", "InvalidPayload"), answer


def test_A4_a_type_that_nobody_knows_is_dead_with_its_cause(any_worker, queue, example):
    any_worker.refuses(**{**good_job(queue, example), "drover_type": "paint-house"}, kind="UnknownType", reason="paint-house")


def test_A15_sigterm_ends_each_while_a_connection_is_open(any_worker, queue, example):
    connection = any_worker.connect()
    assert any_worker.post(connection=connection, **good_job(queue, example)).status == 200
    assert any_worker.stop() == 0, any_worker.said


# --- the part that the workers in Python share ---


def test_A9_a_stale_lease_ends_the_work(start, sidecar, tmp_path):
    worker = start("device-operation")
    sidecar.answers["progress"] = [204, 409]
    answer = worker.post({"deviceId": "cam-7"}, drover_type="start-device")
    assert (answer.status, answer.error) == (409, "Stale")
    assert json.loads((tmp_path / "out" / "devices" / "cam-7.json").read_text())["done"] == 1, "nothing after the 409"


def test_a_fault_of_the_program_asks_for_another_try_and_is_told_whole(start, tmp_path):
    worker = start("device-operation")
    (tmp_path / "out" / "devices").mkdir(parents=True)
    (tmp_path / "out" / "devices" / "cam-7.json").write_text("{")
    answer = worker.post({"deviceId": "cam-7"}, drover_type="start-device")
    assert (answer.status, answer.error) == (500, "JSONDecodeError")
    assert "Traceback" in worker.said and "operate_device.py" in worker.said


def test_A15_sigterm_lets_the_mail_in_hand_be_sent_and_answered(start, mail):
    mail.hold = threading.Event()
    worker = start("email", SMTP_URL=f"smtp://127.0.0.1:{mail.port}")
    connection = worker.connect()
    worker.send(HELLO, connection)
    assert mail.asked.wait(DEADLINE)
    worker.terminate()
    worker.wait_until_it_refuses()
    assert worker.process.poll() is None
    mail.hold.set()
    assert connection.getresponse().status == 200
    assert worker.process.wait(DEADLINE) == 0 and len(mail.messages) == 1


def test_a_further_job_that_the_sidecar_does_not_take_now_asks_for_another_try(start, sidecar):
    worker = start("sms")
    sidecar.answers["jobs"] = [503, 400]
    answers = [worker.post({"phone": "+4915112345678", "message": "Hi"}) for _ in range(2)]
    assert [(answer.status, answer.error) for answer in answers] == [(503, "NotSubmitted"), (422, "NotSubmitted")]
    sidecar.stop()
    assert worker.post({"phone": "+4915112345678", "message": "Hi"}).status == 503


def test_A18_the_trace_goes_on_to_further_jobs(start, sidecar):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    start("sms").post({"phone": "+4915112345678", "message": "Hi"}, traceparent=trace)
    assert [headers.get("traceparent") for _, headers, _ in sidecar.jobs] == [trace]


# --- email ---


@pytest.fixture
def email(start, mail):
    return start("email", SMTP_URL=f"smtp://127.0.0.1:{mail.port}")


def test_D6_email_is_sent_over_smtp_with_text_html_copies_and_attachments(email, mail, sidecar, example, tmp_path):
    (example / "attachments").mkdir(exist_ok=True)
    (example / "attachments" / "terms.pdf").write_bytes(b"%PDF-1.4\n\x00")
    payload = {"to": ["Ada L. <ada@example.org>", "grace@example.org"], "cc": "carl@example.org", "bcc": "bert@example.org",
               "from": "Shop <shop@example.org>", "subject": "Grüße & more", "text": "Plain", "html": "<b>Rich</b>",
               "attachments": [{"filename": "a.txt", "content": "as promised"}, {"path": "terms.pdf"}]}
    answer = email.post(payload, drover_type="send-email", drover_job_id="0190-7")
    assert answer.status == 200, answer
    assert answer.json == {"messageId": "<0190-7@drover>", "sent": 4, "failed": 0, "refused": {}}
    [(recipients, message)] = mail.messages
    assert recipients == ["ada@example.org", "grace@example.org", "carl@example.org", "bert@example.org"]
    assert message["To"] == '"Ada L." <ada@example.org>, grace@example.org' and message["Cc"] == "carl@example.org"
    assert message["Bcc"] is None and message["From"] == "Shop <shop@example.org>" and message["Subject"] == "Grüße & more"
    assert message.get_body(["plain"]).get_content().strip() == "Plain"
    assert message.get_body(["html"]).get_content().strip() == "<b>Rich</b>"
    files = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert files["a.txt"].strip() == "as promised" and files["terms.pdf"] == b"%PDF-1.4\n\x00"
    assert sidecar.percents() == [10, 30, 80, 100]
    assert json.loads((tmp_path / "out" / "email.jsonl").read_text())["job"] == "0190-7"


def test_a_mail_that_is_sent_twice_has_one_message_id(email, mail):
    for attempt in ("1", "2"):
        email.post(HELLO, drover_job_id="0190-8", drover_attempt=attempt)
    assert [message["Message-ID"] for _, message in mail.messages] == ["<0190-8@drover>"] * 2


@pytest.mark.parametrize("wrong, kind", [
    ({"to": None}, "InvalidPayload"), ({"to": []}, "InvalidPayload"), ({"to": [7]}, "InvalidPayload"),
    ({"subject": ""}, "InvalidPayload"), ({"subject": None}, "InvalidPayload"), ({"text": None}, "InvalidPayload"),
    ({"to": "ada"}, "InvalidAddress"), ({"to": "ada@host"}, "InvalidAddress"), ({"cc": "a@b@example.org"}, "InvalidAddress"),
    ({"bcc": "a b@example.org"}, "InvalidAddress"), ({"from": "me"}, "InvalidAddress"),
    ({"subject": "Hi\r\nBcc: all@example.org"}, "InvalidHeader"),
    ({"attachments": [{"filename": "x"}]}, "InvalidPayload"), ({"attachments": ["x"]}, "InvalidPayload"),
    ({"attachments": [{"path": "missing.pdf"}]}, "AttachmentNotReadable"),
    ({"attachments": [{"path": "../send_email.py"}]}, "AttachmentNotReadable"),
    ({"attachments": [{"path": "/etc/passwd"}]}, "AttachmentNotReadable"),
])
def test_A4_an_email_that_is_wrong_is_dead_with_its_cause_and_not_sent(email, mail, sidecar, wrong, kind):
    email.refuses({**HELLO, **wrong}, kind)
    assert mail.messages == [] and sidecar.progress == []


def test_recipients_that_the_server_refuses_do_not_touch_the_others(email, mail):
    mail.refuse["gone@example.org"] = "550 5.1.1 no such user"
    answer = email.post({**HELLO, "to": ["gone@example.org", "ada@example.org"]})
    assert answer.json["refused"] == {"gone@example.org": "550 5.1.1 no such user"}
    assert (answer.json["sent"], answer.json["failed"]) == (1, 1)
    assert mail.messages[0][0] == ["ada@example.org"]


def test_A4_a_mailbox_that_is_gone_is_dead_and_one_that_is_busy_asks_for_another_try(email, mail):
    mail.refuse = {"gone@example.org": "550 5.1.1 no such user", "busy@example.org": "450 4.2.1 try later"}
    email.refuses({**HELLO, "to": "gone@example.org"}, "RecipientRefused", "no such user")
    answer = email.post({**HELLO, "to": "busy@example.org"})
    assert (answer.status, answer.error) == (503, "RecipientNotNow") and "try later" in answer.text


def test_A4_a_mail_server_that_is_away_asks_for_another_try(email, mail):
    mail.stop()
    answer = email.post(HELLO)
    assert (answer.status, answer.error) == (503, "MailServerUnreachable")


def test_D6_a_batch_goes_one_by_one_and_counts_what_failed(email, mail, sidecar):
    mail.refuse["gone@example.org"] = "550 5.1.1 no such user"
    to = ["ada@example.org", "nobody", "gone@example.org", "Grace <grace@example.org>"]
    answer = email.post({**HELLO, "to": to}, drover_type="send-batch-email", drover_job_id="b-1")
    assert (answer.json["total"], answer.json["sent"], answer.json["failed"]) == (4, 2, 2)
    assert [(each["to"], each["error"]) for each in answer.json["failures"]] == [
        ("nobody", "InvalidAddress"), ("gone@example.org", "RecipientRefused")]
    assert [(recipients, message["Message-ID"]) for recipients, message in mail.messages] == [
        (["ada@example.org"], "<b-1.0@drover>"), (["grace@example.org"], "<b-1.3@drover>")]
    assert mail.messages[0][1]["To"] == "ada@example.org", "nobody sees who else got it"
    assert sidecar.percents() == [10, 30, 42, 55, 67, 80, 100]
    assert sidecar.progress[-1][2]["result"] == answer.json


def test_a_batch_of_which_nothing_could_be_sent_asks_for_another_try(email, mail):
    mail.stop()
    answer = email.post({**HELLO, "to": ["ada@example.org", "nobody"]}, drover_type="send-batch-email")
    assert (answer.status, answer.error) == (503, "MailServerUnreachable")


def test_a_batch_that_is_wrong_as_a_whole_is_dead(email, mail):
    email.refuses({"to": ["ada@example.org"], "subject": "No content"}, "InvalidPayload", drover_type="send-batch-email")
    email.refuses({**HELLO, "to": []}, "InvalidPayload", drover_type="send-batch-email")
    assert mail.messages == []


def test_C8_a_scheduled_email_goes_back_to_the_queue_until_its_time(email, mail, sidecar):
    answer = email.post({**HELLO, "scheduledTime": "2099-01-31T09:00:00+01:00"}, drover_type="send-scheduled-email")
    assert answer.json == {"scheduled": "further-1", "runAt": "2099-01-31T08:00:00.000Z"}
    [(queue, _, job)] = sidecar.jobs
    assert (queue, job["type"], job["runAt"]) == ("email", "send-email", "2099-01-31T08:00:00.000Z")
    assert mail.messages == []
    assert email.post(job["payload"], drover_type=job["type"]).json["sent"] == 1, "as it will come back"


def test_a_scheduled_email_whose_time_has_come_is_sent(email, mail):
    email.post({**HELLO, "scheduledTime": "2025-10-21T10:30:00Z"}, drover_type="send-scheduled-email")
    assert len(mail.messages) == 1
    email.refuses({**HELLO, "scheduledTime": "tomorrow"}, "InvalidPayload", drover_type="send-scheduled-email")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_password_goes_out_over_tls_only(start, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    def authenticate(_server, _session, _envelope, _mechanism, login):
        return AuthResult(success=(login.login, login.password) == (b"mailer", b"p@ss"), handled=False)

    secret = {"authenticator": authenticate, "auth_required": True}
    for scheme, options in (("smtps", {"ssl_context": tls, "auth_require_tls": False}),
                            ("smtp", {"tls_context": tls, "require_starttls": True})):
        mail = MailServer(**options, **secret).start()
        try:
            url = f"{scheme}://mailer:p%40ss@127.0.0.1:{mail.port}"
            with_it, wrong = start("email", SMTP_URL=url, SSL_CERT_FILE=certificate), start(
                "email", SMTP_URL=url.replace("p%40ss", "guess"), SSL_CERT_FILE=certificate)
            assert with_it.post(HELLO).status == 200, with_it.said
            assert (wrong.post(HELLO).status, len(mail.messages)) == (503, 1)
            untrusting = start("email", SMTP_URL=url)
            assert (untrusting.post(HELLO).status, len(mail.messages)) == (503, 1)
        finally:
            mail.stop()


# --- sms ---


@pytest.fixture
def sms(start):
    return start("sms")


def texts(tmp_path):
    return [json.loads(line) for line in (tmp_path / "out" / "sms.jsonl").read_text().splitlines()]


PHONE = "+4915112345678"


@pytest.mark.parametrize("provider", ["aliyun", "tencent", "twilio"])
def test_D6_sms_goes_out_by_the_provider_that_was_asked_for(sms, tmp_path, provider):
    answer = sms.post({"phone": PHONE, "message": "Hi", "provider": provider}, drover_type="send-sms", drover_key=PHONE)
    assert answer.json["provider"] == provider
    assert [(each["provider"], each["phone"], each["text"]) for each in texts(tmp_path)] == [(f"{provider} (stub)", PHONE, "Hi")]


@pytest.mark.parametrize("wrong, kind", [
    ({"provider": "pigeon"}, "UnknownProvider"), ({"phone": "12"}, "InvalidPhone"), ({"phone": "call me"}, "InvalidPhone"),
    ({"phone": None}, "InvalidPayload"), ({"phone": []}, "InvalidPayload"), ({"message": None}, "InvalidPayload"),
    ({"message": "x" * 501}, "MessageTooLong"), ({"template": "nonsense"}, "UnknownTemplate"),
    ({"template": "welcome", "variables": {}}, "MissingVariable"), ({"template": "welcome", "variables": 3}, "InvalidPayload"),
])
def test_A4_an_sms_that_is_wrong_is_dead_with_its_cause(sms, sidecar, tmp_path, wrong, kind):
    payload = {"phone": PHONE, "message": "Hi", **wrong}
    key = payload["phone"] if isinstance(payload["phone"], str) else ""
    sms.refuses(payload, kind, drover_key=key)
    sms.refuses(payload, kind)
    assert sidecar.jobs == [] and not (tmp_path / "out" / "sms.jsonl").exists()


def test_an_sms_is_made_from_a_template(sms, tmp_path):
    payload = {"phone": PHONE, "template": "reminder", "variables": {"name": "Ada", "what": "the lecture", "when": 9}}
    assert sms.post(payload, drover_key=PHONE).status == 200
    assert texts(tmp_path)[0]["text"] == "Ada, do not forget: the lecture at 9."


def test_A13_an_sms_without_its_phone_as_key_goes_back_under_it_so_that_the_limit_holds(sms, sidecar, tmp_path):
    answer = sms.post({"phone": PHONE, "message": "Hi"}, drover_key="somebody", drover_type="send-sms")
    assert answer.json["submitted"] == {PHONE: "further-1"}
    [(queue, _, job)] = sidecar.jobs
    assert (queue, job["type"], job["key"], job["payload"]) == ("sms", "send-sms", PHONE, {"phone": PHONE, "message": "Hi"})
    assert sms.post(job["payload"], drover_type=job["type"], drover_key=job["key"]).json["messageId"], "now it is sent"
    assert len(texts(tmp_path)) == 1


def test_D6_a_batch_of_sms_becomes_a_job_for_each_phone_and_one_that_is_none_does_not_touch_the_others(sms, sidecar):
    phones = [PHONE, "no phone", "+12025550143"]
    answer = sms.post({"phone": phones, "message": "Hi"}, drover_type="send-batch-sms")
    assert (answer.json["total"], len(answer.json["submitted"]), answer.json["failed"]) == (3, 2, 1)
    assert answer.json["failures"][0]["phone"] == "no phone"
    assert [(job["type"], job["key"]) for _, _, job in sidecar.jobs] == [("send-sms", PHONE), ("send-sms", "+12025550143")]


def test_a_verification_code_is_sent_while_it_is_of_use(sms, tmp_path):
    def send(minutes_ago, **more):
        created = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes_ago)
        payload = {"phone": PHONE, "code": "482913", "createdAt": created.isoformat().replace("+00:00", "Z"), **more}
        return sms.post(payload, drover_type="send-verification-code", drover_key=PHONE)

    assert send(4).status == 200
    assert texts(tmp_path)[0]["text"] == "Your code is 482913. It is valid for 5 minutes."
    assert (send(6).status, send(6).error) == (422, "CodeExpired")
    assert send(6, expiresIn=10).status == 200
    assert send(2, expiresIn=1.5).error == "CodeExpired"
    assert send(1, createdAt="now").error == "InvalidPayload"
    assert len(texts(tmp_path)) == 2


# --- notification ---


class Webhook(HTTPServer):
    """Answers with the statuses of `answers` in turn, then 200."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.taken, self.answers = [], []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            status = self.server.answers.pop(0) if self.server.answers else 200
            self.server.taken.append((self.headers["Idempotency-Key"], json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.end_headers()

        def log_message(self, *_):
            pass


@pytest.fixture
def webhook():
    server = Webhook()
    yield server
    server.shutdown()
    server.server_close()


NEWS = {"userId": ["ada", "grace@example.org"], "title": "News", "message": "Your export is ready"}


def test_D6_a_notification_is_in_each_users_inbox_once_however_often_it_comes(start, tmp_path):
    worker = start("notification")
    for job in ("n-1", "n-1", "n-2"):
        assert worker.post(NEWS, drover_type="send-notification", drover_job_id=job).json["notified"] == 2
    for user in NEWS["userId"]:
        lines = (tmp_path / "out" / "inbox" / f"{user}.jsonl").read_text().splitlines()
        assert [json.loads(line)["id"] for line in lines] == ["n-1", "n-2"]


def test_D6_a_notification_goes_to_a_webhook(start, webhook):
    worker = start("notification")
    url = f"http://127.0.0.1:{webhook.server_port}/hook"
    worker.post({**NEWS, "channels": ["webhook"], "url": url, "data": {"n": 1}}, drover_job_id="n-3")
    assert [(key, body["id"], body["userId"], body["data"]) for key, body in webhook.taken] == [
        ("n-3.ada", "n-3", "ada", {"n": 1}), ("n-3.grace@example.org", "n-3", "grace@example.org", {"n": 1})]


def test_A4_a_webhook_that_is_busy_asks_for_another_try_and_one_that_refuses_is_dead(start, webhook):
    worker = start("notification")
    payload = {**NEWS, "userId": "ada", "channels": "webhook", "url": f"http://127.0.0.1:{webhook.server_port}"}
    webhook.answers = [500, 429, 404]
    busy, limited, refused = (worker.post(payload) for _ in range(3))
    assert (busy.status, busy.error) == (503, "WebhookNotNow")
    assert (limited.status, limited.headers["Retry-After"]) == (503, "7")
    assert (refused.status, refused.error) == (422, "WebhookRefused")
    webhook.shutdown()
    webhook.server_close()
    away = worker.post(payload)
    assert (away.status, away.error) == (503, "WebhookUnreachable")


@pytest.mark.parametrize("wrong, kind", [
    ({"userId": "../ada"}, "InvalidUser"), ({"userId": ".."}, "InvalidUser"), ({"title": None}, "InvalidPayload"),
    ({"channels": ["owl"]}, "UnknownChannel"), ({"channels": "webhook", "url": "file:///etc/passwd"}, "InvalidUrl"),
    ({"channels": "webhook"}, "InvalidPayload"), ({"channels": "webhook", "url": "http://a b/"}, "InvalidUrl"),
])
def test_A4_a_notification_that_is_wrong_is_dead_with_its_cause(start, wrong, kind):
    start("notification").refuses({**NEWS, **wrong}, kind)


# --- device-operation ---


@pytest.fixture
def devices(start):
    return start("device-operation")


def device(tmp_path, name="cam-7"):
    return json.loads((tmp_path / "out" / "devices" / f"{name}.json").read_text())


@pytest.mark.parametrize("kind, percents, steps", [
    ("start-device", [10, 30, 50, 70, 90, 100], "check allocate start initialise verify done"),
    ("install-app", [20, 40, 60, 80, 95, 100], "download verify push install verify done"),
    ("stop-device", [20, 50, 80, 95, 100], "check stop release verify done"),
    ("restart-device", [20, 40, 60, 80, 95, 100], "check stop start initialise verify done"),
])
def test_A9_D6_a_device_operation_tells_each_step_with_its_percentage(devices, sidecar, kind, percents, steps):
    answer = devices.post({"deviceId": "cam-7", "userId": "ada", "params": {"app": "motion"}}, drover_type=kind)
    assert answer.status == 200, answer
    assert sidecar.percents() == percents
    assert [body["step"] for _, _, body in sidecar.progress] == steps.split()
    assert sidecar.progress[-1][2]["result"] == answer.json


def test_D6_operations_change_the_device(devices, tmp_path):
    def do(kind, **params):
        answer = devices.post({"deviceId": "cam-7", "userId": "ada", "params": params}, drover_type=kind)
        assert answer.status == 200, answer
        return answer.json["state"], answer.json["apps"]

    assert do("start-device") == ("running", {})
    assert do("install-app", app="motion", version="2.1") == ("running", {"motion": "2.1"})
    assert do("restart-device") == ("running", {"motion": "2.1"})
    assert do("uninstall-app", app="motion") == ("running", {})
    assert do("stop-device") == ("stopped", {})
    assert device(tmp_path)["changedBy"] == "ada"


def test_a_device_operation_that_comes_again_goes_on_where_it_stopped(devices, sidecar, tmp_path):
    sidecar.answers["progress"] = [204, 204, 409]
    payload = {"deviceId": "cam-7", "operation": "start"}
    assert devices.post(payload, drover_type="start-device", drover_job_id="d-1").status == 409
    sidecar.progress.clear()
    assert devices.post(payload, drover_type="start-device", drover_job_id="d-1", drover_attempt="2").status == 200
    assert sidecar.percents() == [50, 70, 90, 100]
    sidecar.progress.clear()
    assert devices.post(payload, drover_type="start-device", drover_job_id="d-1", drover_attempt="3").status == 200
    assert sidecar.percents() == [100], "all was done"
    assert devices.post(payload, drover_type="start-device", drover_job_id="d-2").status == 200
    assert sidecar.percents() == [100, 10, 30, 50, 70, 90, 100], "another job begins at the beginning"


def test_A4_a_device_that_is_offline_asks_for_another_try(devices, tmp_path):
    (tmp_path / "out" / "devices").mkdir(parents=True)
    (tmp_path / "out" / "devices" / "cam-7.json").write_text('{"id": "cam-7", "state": "offline"}')
    answer = devices.post({"deviceId": "cam-7"}, drover_type="start-device")
    assert (answer.status, answer.error) == (503, "DeviceOffline")


@pytest.mark.parametrize("kind, payload, error", [
    ("start-device", {}, "InvalidPayload"), ("start-device", {"deviceId": "../x"}, "InvalidDevice"),
    ("start-device", {"deviceId": "cam-7", "operation": "stop"}, "InvalidPayload"),
    ("install-app", {"deviceId": "cam-7"}, "InvalidPayload"),
    ("uninstall-app", {"deviceId": "cam-7", "params": {"app": "motion"}}, "NotInstalled"),
])
def test_A4_a_device_operation_that_is_wrong_is_dead_with_its_cause(devices, kind, payload, error):
    devices.refuses(payload, error, drover_type=kind)


# --- data-export ---


@pytest.fixture
def export(start, tmp_path):
    (tmp_path / "status").write_text(
        "Package: bash\nStatus: install ok installed\nSection: shells\nVersion: 5.2\nDescription: a shell\n that reads: commands\n\n"
        "Package: dash\nSection: shells\nVersion: 0.5\n\nPackage: zlib1g\nSection: libs\nVersion: 1.2\n")
    return start("data-export", DPKG_STATUS=tmp_path / "status")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_D6_an_export_is_a_csv_file_that_reads_back(export, sidecar):
    rows = [{"name": "Ada", "note": 'says "hi",\nthen goes', "n": -1.5}, {"name": "Gräce", "ok": True}]
    answer = export.post({"name": "people", "rows": rows, "columns": ["name", "n", "note"]}, drover_type="export-data")
    assert answer.status == 200, answer
    assert Path(answer.json["file"]).name == "people.csv"
    assert rows_of(answer.json["file"]) == [["name", "n", "note"], ["Ada", "-1.5", 'says "hi",\nthen goes'], ["Gräce", "", ""]]
    assert sidecar.percents() == [10, 10, 90, 100]


def test_D6_the_packages_of_a_machine_are_exported_and_reported(export, sidecar):
    answer = export.post({"name": "packages", "source": "packages", "columns": ["Package", "Section"], "reportBy": "Section"})
    assert rows_of(answer.json["file"])[1:] == [["bash", "shells"], ["dash", "shells"], ["zlib1g", "libs"]]
    [(queue, _, job)] = sidecar.jobs
    assert (queue, job["type"]) == ("report-generation", "generate-report")
    assert job["payload"]["values"] == [{"label": "shells", "value": 2}, {"label": "libs", "value": 1}]


def test_an_export_can_be_of_some_rows(export):
    answer = export.post({"source": "packages", "columns": "Package", "where": {"Section": "libs"}}, drover_job_id="e-1")
    assert rows_of(answer.json["file"]) == [["Package"], ["zlib1g"]] and answer.json["file"].endswith("/e-1.csv")


def test_an_export_tells_how_far_it_is(export, sidecar):
    export.post({"rows": [{"n": n} for n in range(5000)]})
    assert sidecar.percents() == [10, 10, 24, 38, 52, 66, 90, 100]


def test_no_cell_of_an_export_is_a_formula(export):
    answer = export.post({"rows": [{"a": "=1+2"}, {"a": "@x"}, {"a": "-1"}, {"a": -1}]})
    assert rows_of(answer.json["file"]) == [["a"], ["'=1+2"], ["'@x"], ["'-1"], ["-1"]]


def test_a_source_that_cannot_be_read_now_asks_for_another_try(start, tmp_path):
    answer = start("data-export", DPKG_STATUS=tmp_path / "gone").post({"source": "packages"})
    assert (answer.status, answer.error) == (503, "SourceNotReadable")


@pytest.mark.parametrize("wrong, kind", [
    ({"name": "../x"}, "InvalidName"), ({"rows": [1]}, "InvalidPayload"), ({"rows": None}, "InvalidPayload"),
    ({"source": "moon"}, "UnknownSource"), ({"columns": ["b"]}, "UnknownColumn"), ({"reportBy": "b"}, "UnknownColumn"),
])
def test_A4_an_export_that_is_wrong_is_dead_with_its_cause(export, sidecar, wrong, kind):
    export.refuses({"rows": [{"a": 1}], **wrong}, kind)
    assert sidecar.jobs == []


# --- report-generation ---


def test_D6_a_report_has_numbers_and_a_chart(start, sidecar):
    values = [{"label": "Monday", "value": 4}, {"label": "Tuesday", "value": 1}, {"label": "Wednesday", "value": 2.5}]
    answer = start("report-generation").post({"name": "week", "title": "A week", "unit": "visits", "values": values})
    assert answer.json == {"file": answer.json["file"], "total": 7.5, "mean": 2.5, "median": 2.5, "least": 1, "most": 4}
    page = Path(answer.json["file"]).read_text()
    assert "<dt>total</dt><dd>7.5 visits</dd>" in page and "<h1>A week</h1>" in page
    widths = [float(width) for width in re.findall(r'<rect x="200.0" y="4" width="([\d.]+)"', page)]
    assert widths == [600, 150, 375], "as long as the values say"
    assert sidecar.percents() == [20, 60, 100] and sidecar.progress[-1][2]["result"] == answer.json


def page_of(worker, payload):
    return Path(worker.post(payload).json["file"]).read_text()


def test_a_report_of_negative_values_has_bars_to_the_left(start):
    page = page_of(start("report-generation"), {"title": "T", "values": [{"label": "a", "value": -1}, {"label": "b", "value": 1}]})
    assert re.findall(r'<rect x="([\d.]+)" y="4" width="([\d.]+)"', page) == [("200.0", "300.0"), ("500.0", "300.0")]


def test_a_report_escapes_what_it_is_given(start):
    evil = "<script>'\"&"
    page = page_of(start("report-generation"), {"title": evil, "unit": evil, "values": [{"label": evil, "value": 1}]})
    assert "<script" not in page and page.count("&#60;script&#62;&#39;&#34;&#38;") == 8


@pytest.mark.parametrize("wrong", [{"title": ""}, {"values": []}, {"values": [{"label": "a"}]}, {"values": [None]}, {"name": "../x"},
                                   {"values": [{"label": "a", "value": "1"}]}, {"unit": 1}])
def test_A4_a_report_that_is_wrong_is_dead_with_its_cause(start, wrong):
    start("report-generation").refuses({"title": "T", "values": [{"label": "a", "value": 1}], **wrong}, "InvalidPayload")


def test_a_report_that_cannot_be_written_asks_for_another_try(start, tmp_path):
    (tmp_path / "file").touch()
    answer = start("report-generation", OUT_DIR=tmp_path / "file").post({"title": "T", "values": [{"label": "a", "value": 1}]})
    assert (answer.status, answer.error) == (503, "ENOTDIR")


# --- image-processing ---


@pytest.fixture
def images(start):
    return start("image-processing")


def test_D6_thumbnails_of_a_picture_keep_its_shape(images, sidecar, tmp_path):
    Image.effect_noise((600, 300), 90).save(tmp_path / "noise.jpg")
    answer = images.post({"path": str(tmp_path / "noise.jpg"), "sizes": [100, 40, 2000]}, drover_type="make-thumbnails")
    assert (answer.json["format"], answer.json["width"], answer.json["height"]) == ("JPEG", 600, 300)
    sizes = []
    for made in answer.json["thumbnails"]:
        with Image.open(made["file"]) as picture:
            assert picture.format == "JPEG" and picture.size == (made["width"], made["height"])
            sizes.append(picture.size)
    assert sizes == [(100, 50), (40, 20), (600, 300)], "never larger than the picture"
    assert sidecar.percents() == [10, 40, 70, 100]


def test_D6_thumbnails_of_the_pictures_of_this_machine(images):
    paths = [path for pattern in ("*.png", "*.jpg", "*.gif") for path in sorted(Path("/usr/share").rglob(pattern))[:15]]
    assert paths, "a Debian system with documentation has pictures"
    for path in paths:
        answer = images.post({"path": str(path)})
        assert answer.status == 200, (path, answer)
        for made in answer.json["thumbnails"]:
            with Image.open(made["file"]) as picture:
                picture.load()
                assert max(picture.size) <= 256


def test_a_thumbnail_of_a_turned_photograph_stands_upright_and_transparency_stays(images, tmp_path):
    turned = Image.new("RGB", (80, 40), "red")
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held on its side
    turned.save(tmp_path / "turned.jpg", exif=exif)
    made = images.post({"path": str(tmp_path / "turned.jpg"), "sizes": [40]}).json["thumbnails"][0]
    assert (made["width"], made["height"]) == (20, 40)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    with Image.open(images.post({"path": str(tmp_path / "clear.png"), "sizes": [4]}).json["thumbnails"][0]["file"]) as picture:
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 0


def test_A4_what_is_no_picture_is_dead_with_its_cause(images, tmp_path):
    Image.effect_noise((200, 200), 90).save(tmp_path / "noise.png")
    content = (tmp_path / "noise.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[:len(content) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    for name in ("cut.png", "text.png", "empty.png"):
        images.refuses({"path": str(tmp_path / name)}, "NotAPicture")
    images.refuses({"path": str(tmp_path / "gone.png")}, "FileNotFound")
    for sizes in ([], ["64"], [0], [5000], 64):
        images.refuses({"path": str(tmp_path / "noise.png"), "sizes": sizes}, "InvalidPayload")


def test_a_picture_that_would_fill_the_memory_is_dead_with_its_cause(images, tmp_path):
    Image.new("1", (20_000, 6_000)).save(tmp_path / "bomb.png")
    images.refuses({"path": str(tmp_path / "bomb.png")}, "PictureTooLarge")


def test_A4_a_picture_that_cannot_be_read_now_asks_for_another_try(images, tmp_path):
    answer = images.post({"path": str(tmp_path)})  # a folder: IsADirectoryError, as other troubles of a disk
    assert (answer.status, answer.error) == (503, "FileNotReadable")


# --- log-processing ---


@pytest.fixture
def logs(start):
    return start("log-processing")


DPKG_LOG = """2026-11-24 10:00:00 startup archives unpack
2026-11-24 10:00:01 status installed bash:amd64 5.2
2026-11-25 10:00:02 status half-configured install-info:amd64 1.2
"""


def test_D6_a_log_is_counted_by_day_and_event(logs, sidecar, tmp_path):
    (tmp_path / "dpkg.log").write_text(DPKG_LOG)
    answer = logs.post({"path": str(tmp_path / "dpkg.log")}, drover_type="process-log")
    assert answer.json == {"path": str(tmp_path / "dpkg.log"), "lines": 3, "bytes": len(DPKG_LOG), "levels": {},
                           "days": {"2026-11-24": 2, "2026-11-25": 1}, "events": {"startup": 1, "status": 2}}
    [file] = (tmp_path / "out" / "logs").iterdir()
    assert json.loads(file.read_text()) == answer.json and re.fullmatch(r"dpkg\.log-[0-9a-f]{8}\.json", file.name)
    assert sidecar.percents()[-1] == 100 and sidecar.progress[-1][2]["result"] == answer.json


def test_a_log_is_counted_by_level_also_when_it_is_packed(logs, tmp_path):
    text = "".join(f"2026-11-24T10:00:{n % 60:02} {'ERROR' if n % 4 == 0 else 'info'} line {n}\n" for n in range(100_000))
    (tmp_path / "app.log.gz").write_bytes(gzip.compress(text.encode()))
    assert logs.post({"path": str(tmp_path / "app.log.gz")}).json["levels"] == {"error": 25_000, "info": 75_000}


def test_A9_a_long_log_tells_how_far_it_is(logs, sidecar, tmp_path):
    (tmp_path / "long.log").write_text("2026-11-24 10:00:00 status x\n" * 100_000)
    assert logs.post({"path": str(tmp_path / "long.log")}).json["lines"] == 100_000
    percents = sidecar.percents()
    assert percents == sorted(percents) and len(percents) >= 8 and percents[0] == 10 and percents[-1] == 100


def test_D6_the_logs_of_this_machine_are_counted(logs):
    answer = logs.post({"path": "/var/log/dpkg.log"})
    text = Path("/var/log/dpkg.log").read_text()
    assert answer.status == 200 and answer.json["lines"] >= text.count("\n")
    assert answer.json["events"].get("status", 0) >= len(re.findall(r"^\S+ \S+ status ", text, re.MULTILINE))


def test_A4_what_is_no_log_is_dead_with_its_cause(logs, tmp_path):
    (tmp_path / "binary").write_bytes(b"one\n\x00\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(DPKG_LOG.encode())[:50])
    (tmp_path / "line").write_bytes(b"x" * 2_000_000)
    for name in ("binary", "cut.gz", "line"):
        logs.refuses({"path": str(tmp_path / name)}, "NotALog")
    logs.refuses({"path": str(tmp_path / "gone")}, "FileNotFound")
    logs.refuses({"path": str(tmp_path)}, "NotAFile")
    logs.refuses({"path": "relative.log"}, "InvalidPayload")


# --- all together ---


def test_A5_an_email_waits_for_a_mail_server_that_comes_back(tmp_path, monkeypatch):
    mail = MailServer()
    for name, value in environment(SMTP_URL=f"smtp://127.0.0.1:{mail.port}", OUT_DIR=tmp_path / "out").items():
        monkeypatch.setenv(name, value)
    try:
        with LocalRun(tmp_path, files=[copy_of("platform", tmp_path) / "queues.yaml"]) as run:
            job = run.submit("-q", "email", "--type", "send-email", json.dumps(HELLO))
            assert job.returncode == 0, job.stderr
            run.wait_for_figures(queue="email", retries=1)
            mail.start()
            run.wait_for_figures(queue="email", completed=1, dead=0)
            interrupt(run)
            assert run.wait() == 0, run.text
    finally:
        mail.stop()
    assert [message["Message-ID"] for _, message in mail.messages] == [f"<{job.stdout.strip()}@drover>"]


def test_D6_its_one_command_runs_all_eight_queues_with_a_mail_server(tmp_path):
    out = tmp_path / "out"
    code, text = run_script(EXAMPLES / "platform" / "run.sh", tmp_path, OUT_DIR=out)
    assert code == 0, text
    expected = {"demo": (1, 1, 0), "email": (5, 4, 1), "sms": (5, 4, 1), "notification": (1, 1, 0), "device-operation": (4, 4, 0),
                "data-export": (1, 1, 0), "report-generation": (2, 2, 0)}
    for queue, (jobs, completed, dead) in expected.items():
        assert summary_of(queue, text) == (jobs, completed, 0, dead), text
    for queue in ("image-processing", "log-processing"):
        jobs, completed, _, dead = summary_of(queue, text)
        assert jobs == completed > 0 and dead == 0, text
    assert "1 × InvalidAddress" in text and "1 × UnknownProvider" in text

    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in (out / "mail" / "new").iterdir()]
    assert sorted((mail["Subject"], mail["To"]) for mail in mails) == [
        ("A moment later", "grace@example.org"), ("News", "ada@example.org"), ("News", "grace@example.org"),
        ("Reminder", "ada@example.org"), ("Welcome", "Ada <ada@example.org>, grace@example.org")]
    assert sorted(each["phone"] for each in texts(tmp_path)) == ["+12025550143", "+4915112345678", "+8613800138000"]
    assert device(tmp_path)["apps"] == {"motion": "2.1"} and device(tmp_path)["state"] == "running"
    assert len(rows_of(out / "exports" / "packages.csv")) > 100
    assert "packages by Section" in (out / "reports" / "packages-by-Section.html").read_text()
    assert "Wednesday" in (out / "reports" / "visitors.html").read_text()
    assert len(list((out / "images").iterdir())) >= 2 and len(list((out / "logs").iterdir())) >= 2
    assert len((out / "inbox" / "ada.jsonl").read_text().splitlines()) == 1
