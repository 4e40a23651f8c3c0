"""What strangers and bad programs do to the port: whatever it is, they get a problem (RFC 9457) or a closed connection,
nothing of what is not theirs, and the jobs of everybody else are taken in meanwhile (C14)."""

import contextlib
import http.client
import json
import os
import pathlib
import resource
import select
import socket
import threading
import urllib.parse

import pytest
from gateway_client import Answer
from gateway_process import Gateway

from local_run import LocalRun, queue_file
from postgres_server import PostgresServer
from processes import wait_until

TOKENS = """
tokens:
- {name: root, token: admin-token, roles: [admin]}
- {name: tenant, token: tenant-token, roles: [submit, view, operate], queues: [default.jobs]}
"""
AUTHORIZATION = "Authorization: Bearer tenant-token\r\n"
CROWD = 10_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two tenants' queues, and the announcements of them."""
    folder = tmp_path_factory.mktemp("abuse")
    schema = {"properties": {"to": {"pattern": "^[^@ ]+@[^@ ]+$"}, "at": {"format": "date-time"}}}
    queue_file(folder, "jobs", scaling={"minReplicas": 1}, schemas={"checked": schema})
    queue_file(folder, "secret", scaling={"minReplicas": 1}, retry={"maxAttempts": 1})
    (folder / "tokens.yaml").write_text(TOKENS)
    with LocalRun(folder) as run:
        run.wait_for_line(r"gateway (http://\S+)")
        yield run


@contextlib.contextmanager
def served(run, *options, **how):
    with Gateway(run.folder, f"127.0.0.1:{run.broker_port}", "--tokens", run.folder / "tokens.yaml", *options, **how) as gateway:
        root = gateway.client("admin-token")
        wait_until(root.is_ready, "a gateway that is ready")
        wait_until(lambda: all("lag" in queue for queue in root.get("/v1/queues")["queues"])
                   and len(root.get("/v1/queues")["queues"]) == 2, "a look at both queues")
        yield gateway


@pytest.fixture(scope="module")
def gateway(run):
    with served(run, name="on-sqlite") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def gateways(run, gateway):
    """On both databases."""
    with PostgresServer.temporary() as postgres, \
            served(run, "--database", postgres.connection, name="on-postgres") as other:
        yield gateway, other


class Bystander:
    """Submits jobs, one after the other, each on a connection of its own."""

    def __init__(self, gateway):
        self._client = gateway.client("admin-token")
        self._answers, self._trouble, self._over = 0, None, False
        self._thread = threading.Thread(target=self._submit, daemon=True)

    def _submit(self):
        try:
            while not self._over:
                answer = self._client.ask("POST", "/v1/queues/secret/jobs", {"payload": {}})
                assert answer.status == 202, answer.body
                self._answers += 1
        except (OSError, AssertionError, http.client.HTTPException) as trouble:
            self._trouble = trouble

    def is_served(self, times=3):
        """Waits for so many answers from now on."""
        begin = self._answers

        def look():
            assert self._trouble is None, self._trouble
            return self._answers > begin + times  # the first one may have been on its way
        wait_until(look, "answer for those who do no harm")

    def __enter__(self):
        self._thread.start()
        self.is_served()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.is_served()
        self._over = True
        self._thread.join()


@pytest.fixture
def bystander(gateway):
    with Bystander(gateway) as bystander:
        yield bystander
    assert gateway.client("admin-token").is_ready(), gateway.log_file.read_text()[-3000:]


def connect(gateway, receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", gateway.port))
    return connection


def head(method, path, *lines):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *lines]).encode("latin-1") + b"\r\n\r\n"


def read_to_end(connection):
    """All that comes; a reset ends it too."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answers_in(text):
    """The messages in it, each with its length."""
    found = []
    while text:
        top, _, rest = text.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        found.append((int(lines[0].split()[1]), fields, rest[:length]))
        text = rest[length:]
    return found


def assert_problem(answer, *statuses):
    status, fields, body = answer
    assert status in statuses, answer
    assert fields["content-type"] == "application/problem+json", answer
    assert json.loads(body)["status"] == status


def ask_raw(gateway, request):
    """The answers, until the gateway closes the connection; the last request has to ask for that, or to be refused."""
    with connect(gateway) as connection:
        connection.sendall(request)
        return answers_in(read_to_end(connection))


def memory_of(gateway):
    status = pathlib.Path(f"/proc/{gateway.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def descriptors_of(gateway):
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


# --- time

def test_those_who_send_a_byte_a_second_are_cut_off_C14(gateway, bystander):
    begun = head("POST", "/v1/queues/jobs/jobs", AUTHORIZATION.strip(), "Content-Length: 1000")
    slow = {connect(gateway): [b"", begun[:40]] for _ in range(25)} | {connect(gateway): [begun, b"{" * 1000] for _ in range(25)}
    for connection, (at_once, _) in slow.items():
        connection.sendall(at_once)
    answers = {connection: b"" for connection in slow}
    rest = {connection: slowly for connection, (_, slowly) in slow.items()}
    while rest:
        for connection in list(rest):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(rest[connection][:1])
            rest[connection] = rest[connection][1:]
        ready, _, _ = select.select(list(rest), [], [], 1)  # the second
        for connection in ready:
            answers[connection] = read_to_end(connection)
            del rest[connection]
    for connection, answer in answers.items():
        assert_problem(answers_in(answer)[0], 408)
        connection.close()


def test_who_does_not_read_is_let_go_C14(gateway, bystander):
    client = gateway.client("admin-token")
    for _ in range(3):
        batch = [{"payload": 1, "labels": {"text": "x" * 900}}] * 300
        assert client.ask("POST", "/v1/queues/jobs/jobs:batch", batch).status == 202
    page = "/v1/queues/jobs/jobs?limit=1000"
    wait_until(lambda: len(client.ask("GET", page).body) > 500_000, "a large answer")
    before = descriptors_of(gateway)
    readers = [connect(gateway, receive_buffer=4096) for _ in range(40)]
    for reader in readers:  # more than the kernel takes for them
        reader.sendall(head("GET", page, AUTHORIZATION.strip()) * 50)
    streams = [connect(gateway, receive_buffer=4096) for _ in range(100)]
    for stream in streams:
        stream.sendall(head("GET", "/v1/events", AUTHORIZATION.strip()))
    bystander.is_served()
    wait_until(lambda: descriptors_of(gateway) < before + len(streams) + 20, "end of those who do not read")
    for connection in readers + streams:
        connection.close()
    wait_until(lambda: descriptors_of(gateway) < before + 20, "end of their connections")


def test_half_requests_leave_nothing_behind_C14(gateway, bystander):
    whole = head("POST", "/v1/queues/jobs/jobs", AUTHORIZATION.strip(), "Content-Length: 400") + b'{"payload": "' + b"x" * 200
    before = descriptors_of(gateway)
    for size in range(1, len(whole)):
        connection = connect(gateway)
        connection.sendall(whole[:size])
        if size % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # its end is a reset
        connection.close()
    for wait in ("?wait=60s", "/events"):  # and those who leave while they wait
        job = gateway.client("admin-token").submit("jobs", {}, delay="1h")
        for _ in range(50):
            with connect(gateway) as connection:
                connection.sendall(head("GET", f"/v1/jobs/{job}{wait}", AUTHORIZATION.strip()))
    wait_until(lambda: descriptors_of(gateway) < before + 20, "end of their connections")


# --- amounts

@pytest.mark.parametrize("framing", ["length", "chunked", "expected"])
def test_a_body_of_100_MB_is_refused_before_it_is_there_C14(gateway, bystander, framing):
    lines = {"length": ["Content-Length: 104857600"], "chunked": ["Transfer-Encoding: chunked"],
             "expected": ["Content-Length: 104857600", "Expect: 100-continue"]}[framing]
    piece = b"x" * 65536 if framing != "chunked" else b"10000\r\n" + b"x" * 65536 + b"\r\n"
    before = memory_of(gateway)
    with connect(gateway) as connection:
        connection.sendall(head("POST", "/v1/queues/jobs/jobs", AUTHORIZATION.strip(), *lines))
        sent, answer = 0, b""
        while not answer:
            assert sent < 100 << 20, "it takes all of it"
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sent += connection.send(piece) if framing != "expected" else 0
            if select.select([connection], [], [], 0 if framing != "expected" else 60)[0]:
                answer = read_to_end(connection)
    assert_problem(answers_in(answer)[0], 413)
    assert memory_of(gateway) < before + (64 << 20)


def test_a_body_that_no_job_of_the_queue_has_is_not_even_parsed_C14(gateway, bystander):
    client = gateway.client("tenant-token")
    for body in (b'{"payload": [' + b"[]," * 5_000_000 + b"1]}", b"{" + b'"a":1,' * 2_000_000 + b'"payload": 1}'):
        answer = client.ask("POST", "/v1/queues/jobs/jobs", body)
        assert answer.status == 413 and "bytes" in answer.json["detail"]


def test_large_bodies_of_many_take_no_more_memory_than_they_may_C14(gateway, bystander):
    before = memory_of(gateway)
    begun = head("POST", "/v1/queues/jobs/jobs", "Content-Length: 16000000")  # without a token
    crowd, refused = [], 0
    for _ in range(60):
        connection = connect(gateway)
        connection.sendall(begun)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"x" * 15_000_000)
        if select.select([connection], [], [], 0)[0]:
            for answer in answers_in(read_to_end(connection)):
                assert_problem(answer, 503, 408)
                refused += 1
        crowd.append(connection)
    bystander.is_served()
    assert refused > 0 and memory_of(gateway) < before + (500 << 20)
    for connection in crowd:
        connection.close()


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_idle_connections_disturb_nobody_and_leave_no_memory_taken_C14(many_files, gateway, bystander):
    before, memory = descriptors_of(gateway), []
    for _ in range(3):
        crowd = [connect(gateway) for _ in range(CROWD)]
        wait_until(lambda: descriptors_of(gateway) >= before + CROWD - 10, "the crowd")
        bystander.is_served()
        crowd[-1].sendall(head("GET", "/healthz", "Connection: close"))
        assert answers_in(read_to_end(crowd[-1]))[0][0] == 200
        for connection in crowd:
            connection.close()
        wait_until(lambda: descriptors_of(gateway) < before + 20, "end of the crowd")
        memory.append(memory_of(gateway))
    assert memory[2] < memory[0] * 1.2 + (20 << 20), memory


def test_connections_beyond_the_limit_are_closed_and_the_others_served_C14(run):
    files = 700
    with served(run, name="of-few-files", command=("prlimit", f"--nofile={files}:{files}")) as gateway:
        kept = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        with contextlib.closing(kept):
            for crowd_size in (0, files):
                crowd = [connect(gateway) for _ in range(crowd_size)]
                wait_until(lambda: len(select.select(crowd, [], [], 0)[0]) >= crowd_size / 4, "end of those beyond the limit")
                kept.request("POST", "/v1/queues/jobs/jobs", b'{"payload": 1}', {"Authorization": "Bearer tenant-token"})
                assert Answer(kept.getresponse()).status == 202
            assert descriptors_of(gateway) < files
        for connection in crowd:
            assert connection.recv(1) == b"" if select.select([connection], [], [], 0)[0] else True
            connection.close()
        wait_until(lambda: descriptors_of(gateway) < files / 4, "end of the crowd")
        with Bystander(gateway):
            pass


def test_many_requests_at_once_on_one_connection_are_answered_in_order_C14(gateway, bystander):
    count = 5000
    requests = b"".join(head("GET", f"/v1/jobs/unknown-{n}", AUTHORIZATION.strip(), *["Connection: close"] * (n == count - 1))
                        for n in range(count))
    with connect(gateway) as connection:
        sender = threading.Thread(target=connection.sendall, args=[requests])
        sender.start()
        bystander.is_served()
        answers = answers_in(read_to_end(connection))
        sender.join()
    assert len(answers) == count
    for n, answer in enumerate(answers):
        assert_problem(answer, 404)
        assert f"unknown-{n}" in json.loads(answer[2])["detail"]


# --- requests that can be read in two ways

PAUSE = head("POST", "/v1/queues/jobs/pause", AUTHORIZATION.strip(), "Content-Length: 0")


@pytest.mark.parametrize("lines, body", [
    (["Content-Length: 0", f"Content-Length: {len(PAUSE)}"], b""), ([f"Content-Length: {len(PAUSE)}", "Content-Length: 0"], b""),
    (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n"), (["Transfer-Encoding: chunked", "Content-Length: 5"], b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"), (["Transfer-Encoding: identity"], b""),
    (["Transfer-Encoding : chunked"], b"0\r\n\r\n"), (["Content-Length: +0"], b""), (["Content-Length: 0x0"], b""),
    (["Transfer-Encoding: chunked"], b"0x0\r\n\r\n"), (["Transfer-Encoding: chunked"], b"-1\r\n\r\n"),
    (["Content-Length: 18446744073709551616"], b""), (["Host: b"], b"")])
def test_a_request_hides_no_other_one_C14(gateway, bystander, lines, body):
    answers = ask_raw(gateway, head("POST", "/v1/queues/jobs/jobs", AUTHORIZATION.strip(), *lines) + body + PAUSE)
    assert len(answers) == 1
    assert_problem(answers[0], 400, 413, 501)
    assert not gateway.client("admin-token").get("/v1/queues/jobs")["paused"]


@pytest.mark.parametrize("path, statuses", [
    ("/v1/queues/secret%2F..%2Fjobs", (404,)), ("/v1/queues/jobs/../secret", (404,)), ("/v1/queues/jobs/%2e%2e/secret", (404,)),
    ("//v1/queues", (404,)), ("/v1//queues", (404,)), ("/v1/queues/", (404,)), ("/v1/queues/jobs%00", (400,)), ("/v1/queues/%", (400,)),
    ("/v1/queues/jobs%2Fjobs", (404,)), ("/v1%2Fqueues", (404,)), ("/v1/jobs/x%2Fhistory", (404,)), ("/v1/queues/jobs%0d%0aX-Bad:%201", (400,)),
    ("/../../etc/passwd", (404,)), ("/assets/../../../etc/passwd", (404,)), ("/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", (404,)),
    ("/assets/..%5c..%5cetc", (404,)), ("/v1/queues/jobs\\jobs", (404,)), ("/V1/queues", (404,)), ("/v1/queues;x=1", (404,)),
    ("/v1/queues/%ff%fe", (404,)), ("/v1/queues/*", (404,)), ("/v1/queues/default.*", (404,)), ("/v1/jobs/%", (400,)), ("*", (404,)),
    ("/v1/queues/jobs/bulk/..%2fdefault.secret%2fx", (404,)), ("/v1/queues/jobs/schedules/..%2f..%2fsecret", (404,)),
    ("/v1/queues/" + "x" * 30_000, (404,)), ("/" + "a/" * 15_000, (404,))])
def test_a_path_leads_nowhere_else_C14(gateway, bystander, path, statuses):
    answer, = ask_raw(gateway, head("GET", path, AUTHORIZATION.strip(), "Connection: close"))
    assert_problem(answer, *statuses)
    assert "x-bad" not in answer[1] and b"root:" not in answer[2]


def test_an_id_may_have_a_slash_C2(gateway):
    answer, = ask_raw(gateway, head("GET", "/v1/jobs/a%2Fb%20c", AUTHORIZATION.strip(), "Connection: close"))
    assert_problem(answer, 404)
    assert "a/b c" in json.loads(answer[2])["detail"]


# --- values

@pytest.mark.parametrize("lines", [
    ["Authorization: Bearer " + "x" * 40_000], ["X: " + "y" * 40_000], [f"X-{n}: 1" for n in range(5000)], ["X" * 40_000 + ": 1"]])
def test_a_huge_head_is_refused_C14(gateway, bystander, lines):
    assert_problem(ask_raw(gateway, head("GET", "/v1/queues", *lines))[0], 431)


@pytest.mark.parametrize("line, status", [
    ("Authorization: Bearer tenant-token, Bearer admin-token", 401), ("Authorization: Bearer  tenant-token", 401),
    ("Authorization: Basic dGVuYW50LXRva2Vu", 401), ("Authorization: tenant-token", 401), ("Authorization: Bearer tenant-token\xff", 401),
    ("Authorization: Bearer tenant-token\x00", 400), ("Authorization: Bearer", 401), ("Authorization: Bearer '' OR 1=1", 401)])
def test_a_token_is_the_whole_token_C14(gateway, bystander, line, status):
    assert_problem(ask_raw(gateway, head("GET", "/v1/queues", line, "Connection: close"))[0], status)


INJECTIONS = ["a\r\nX-Bad: 1", "a\nX-Bad: 1", "a\rX-Bad: 1", "\u2028X-Bad: 1", "a\0b"]


def test_no_value_becomes_a_header_C14(gateway, bystander):
    client = gateway.client("tenant-token")
    for value in INJECTIONS:
        answers = [client.ask("GET", f"/v1/jobs/{urllib.parse.quote(value)}"),
                   client.ask("GET", f"/v1/queues/jobs/jobs?text={urllib.parse.quote(value)}&cursor={urllib.parse.quote(value)}"),
                   client.ask("POST", "/v1/queues/jobs/jobs", {"payload": value, "type": value}),
                   client.ask("POST", "/v1/queues/jobs/jobs", {"payload": value, "key": value, "uniqueKey": value, "labels": {value: value}}),
                   client.ask("POST", "/v1/queues/jobs/pause", {"reason": value}), client.ask("POST", "/v1/queues/jobs/resume")]
        for answer in answers:
            assert answer.status < 500 and not any("x-bad" in name for name in answer.headers), (value, answer.body)
        raw = head("POST", "/v1/queues/jobs/jobs", AUTHORIZATION.strip(), f"Idempotency-Key: {urllib.parse.unquote(value)}"
                   .encode("ascii", "replace").decode(), "Content-Length: 13", "Connection: close") + b'{"payload":1}'
        for status, fields, _ in ask_raw(gateway, raw):
            assert status in (202, 400) and "x-bad" not in fields
    job = client.submit("jobs", INJECTIONS[0], uniqueKey="of its own", labels={"a": INJECTIONS[0]})
    assert client.job(job)["labels"] == {"a": INJECTIONS[0]}
    assert not any("x-bad" in name for name in client.ask("GET", f"/v1/jobs/{job}/payload").headers)


def test_a_reason_is_a_short_text_C14(gateway):
    root = gateway.client("admin-token")
    wait_until(lambda: not root.get("/v1/queues/jobs")["paused"], "the end of another test's pause, as the gateway sees it")
    job = root.submit("jobs", {}, delay="1h")
    for path in ("queues/jobs/pause", "queues/jobs/resume", "queues/jobs/empty", "queues/jobs/clean", f"jobs/{job}/cancel"):
        for reason in ("x" * 1025, {}, 7):
            answer = root.ask("POST", "/v1/" + path, {"reason": reason})
            assert answer.status == 400 and "reason" in answer.json["detail"], (path, answer.body)
    assert not root.get("/v1/queues/jobs")["paused"]


def test_bytes_that_are_no_text_are_no_trouble_C14(gateways):
    for gateway in gateways:
        with Bystander(gateway):
            for query in ("text", "type", "error", "label", "state", "cursor", "from", "limit", "%ff"):
                answer, = ask_raw(gateway, head("GET", f"/v1/queues/jobs/jobs?{query}=%ff%c0%80%ed%a0%80", AUTHORIZATION.strip(), "Connection: close"))
                if query not in ("text", "type", "error", "label", "%ff"):
                    assert_problem(answer, 400)
                else:
                    assert (answer[0], json.loads(answer[2])["jobs"] == []) in ((200, True), (200, False))
            for path in ("/v1/jobs/%ff", "/v1/queues/jobs/schedules/%ff", "/v1/queues/jobs/bulk/%ff", "/queues/jobs/jobs/%ff", "/api/check-status/%ff"):
                answer, = ask_raw(gateway, head("GET", path, AUTHORIZATION.strip(), "Connection: close"))
                assert answer[0] == 404 and json.loads(answer[2])
            body = b'{"payload": {"a": "\xff"}}'
            for path in ("jobs", "jobs:batch", "bulk", "pause"):
                answer, = ask_raw(gateway, head("POST", f"/v1/queues/jobs/{path}", AUTHORIZATION.strip(), f"Content-Length: {len(body)}",
                                                "Connection: close") + body)
                assert_problem(answer, 400)


@pytest.mark.parametrize("method, path", [
    ("POST", "/v1/queues/jobs/jobs"), ("POST", "/v1/queues/jobs/jobs:batch"), ("POST", "/v1/queues/jobs/bulk"), ("POST", "/v1/queues/jobs/clean"),
    ("POST", "/v1/queues/jobs/pause"), ("POST", "/v1/queues/jobs/empty"), ("PUT", "/v1/queues/jobs/schedules/deep"),
    ("POST", "/v1/jobs/unknown/retry"), ("POST", "/queues/jobs/clean"), ("POST", "/queues/test-email")])
def test_deep_json_goes_no_deeper_C14(gateway, bystander, method, path):
    client = gateway.client("admin-token")
    for deep in ("[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"payload":' * 100_000, '{"payload":' + '{"a":' * 5000 + "1" + "}" * 5001):
        answer = client.ask(method, path, deep)
        assert answer.status in (400, 404, 413), answer.body
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_payload_cannot_make_its_schema_take_for_ever_C14(gateway, bystander):
    client = gateway.client("tenant-token")
    for payload in ({"to": "a" * 120_000}, {"to": "@" * 120_000}, {"to": "a@" * 60_000}, {"at": "1" * 120_000}):
        answer = client.ask("POST", "/v1/queues/jobs/jobs", {"type": "checked", "payload": payload})
        assert answer.status == 400 and "payload." in answer.json["detail"], answer.body[:300]
    assert client.ask("POST", "/v1/queues/jobs/jobs", {"type": "checked", "payload": {"to": "a" * 60_000 + "@b"}}).status == 202


# --- what is somebody else's

SQL = ["'", "''", '"', "' OR '1'='1", "' OR 1=1 --", "x'; DROP TABLE jobs; --", "') UNION SELECT * FROM jobs --", "$1", "?1", ":a", "%", "_",
       "\\", "\\'", "E'\\x41'", "/* */", "\u2019", "NULL", "1; SELECT pg_sleep(60)", "x" * 900]


def test_what_looks_like_SQL_is_only_text_C14(gateways):
    for gateway in gateways:
        with Bystander(gateway):
            check_sql(gateway)


def check_sql(gateway):
    client = gateway.client("tenant-token")
    listed = "/v1/queues/jobs/jobs?limit=1000&"
    for text in SQL:
        mark = f"{text}{os.urandom(4).hex()}" if len(text) < 900 else text
        quoted = urllib.parse.quote(mark)
        job = client.submit("jobs", {"a": mark}, type=mark, key=mark, uniqueKey=mark + os.urandom(4).hex(), labels={mark: "", "mark": mark})
        assert client.job(job)["state"] == "completed"
        for query in (f"type={quoted}", f"label={quoted}", f"label=mark%3D{quoted}", f"text={quoted}"):
            assert job in {found["id"] for found in client.get(listed + query)["jobs"]}, query
        assert {found["type"] for found in client.get(listed + f"type={quoted}")["jobs"]} == {mark}
        for query in (f"error={quoted}", f"type={urllib.parse.quote(text + 'never')}"):
            assert client.get(listed + query)["jobs"] == [], query
        for query in (f"state={quoted}", f"from={quoted}", f"before={quoted}", f"limit={quoted}", f"cursor={quoted}"):
            assert client.ask("GET", listed + query).status == 400, query
        for method, path in [("GET", "/v1/jobs/{}"), ("DELETE", "/v1/jobs/{}"), ("GET", "/v1/jobs/{}/history"), ("POST", "/v1/jobs/{}/cancel"),
                             ("GET", "/v1/queues/{}"), ("GET", "/v1/queues/jobs/bulk/{}"), ("GET", "/v1/queues/jobs/schedules/{}"),
                             ("GET", "/queues/jobs/jobs/{}"), ("GET", "/api/check-status/{}"), ("GET", "/api/queue-status?queue={}")]:
            assert client.ask(method, path.format(quoted)).status == 404, path
        for field in ("type", "error", "label", "text"):
            order = {"action": "delete", "filter": {field: mark + "never"}, "dryRun": True}
            assert client.ask("POST", "/v1/queues/jobs/bulk", order).json["matched"] == 0
        order = {"action": "delete", "filter": {"ids": [mark]}, "dryRun": True, "reason": mark}
        assert client.ask("POST", "/v1/queues/jobs/bulk", order).json["matched"] == 0
        order = {"action": "delete", "filter": {"type": mark, "label": mark, "text": mark}, "dryRun": True}
        assert client.ask("POST", "/v1/queues/jobs/bulk", order).json["matched"] >= 1
        for filters in ({"state": mark}, {"from": mark}, {"finishedBefore": mark}):
            assert client.ask("POST", "/v1/queues/jobs/bulk", {"action": "delete", "filter": filters}).status == 400
        again = client.ask("POST", "/v1/queues/jobs/jobs", {"payload": 1}, {"Idempotency-Key": mark[:200].encode("ascii", "replace")})
        assert again.status in (202, 409)
        assert client.job(job, wait=None)["type"] == mark  # still there


def test_another_tenants_job_is_as_unknown_as_one_that_is_not_C14(gateways):
    for gateway in gateways:
        root, tenant = gateway.client("admin-token"), gateway.client("tenant-token")
        hidden = root.submit("secret", {"status": 422}, type="hidden")
        assert root.job(hidden)["state"] == "failed"
        order = root.ask("POST", "/v1/queues/secret/bulk", {"action": "delete", "filter": {"ids": ["none"]}})
        cursor = root.get("/v1/queues/secret/jobs?limit=1").get("cursor", "")
        for method, path in [("GET", "/v1/jobs/{}"), ("GET", "/v1/jobs/{}?wait=1s"), ("GET", "/v1/jobs/{}/events"), ("GET", "/v1/jobs/{}/history"),
                             ("GET", "/v1/jobs/{}/logs"), ("GET", "/v1/jobs/{}/result"), ("GET", "/v1/jobs/{}/payload"),
                             ("POST", "/v1/jobs/{}/cancel"), ("POST", "/v1/jobs/{}/retry"), ("POST", "/v1/jobs/{}/retry?queue=jobs"),
                             ("POST", "/v1/jobs/{}/retry?queue=secret"), ("DELETE", "/v1/jobs/{}"), ("GET", "/queues/jobs/jobs/{}"),
                             ("DELETE", "/queues/jobs/jobs/{}"), ("POST", "/queues/jobs/jobs/{}/retry"), ("GET", "/api/check-status/{}")]:
            unknown = "00000000-0000-7000-8000-000000000000"
            seen, other = (tenant.ask(method, path.format(job)) for job in (hidden, unknown))
            assert seen.status == other.status == 404, (path, seen.body)
            assert seen.body.replace(hidden.encode(), b"") == other.body.replace(unknown.encode(), b""), path
        assert tenant.ask("GET", f"/v1/queues/jobs/bulk/{order.json['id']}").status == 404
        found = tenant.ask("GET", f"/v1/queues/jobs/jobs?limit=1000&cursor={cursor}")
        assert found.status in (200, 400) and b"secret" not in found.body
        assert tenant.get("/v1/queues/jobs/jobs?type=hidden")["jobs"] == []
        order = {"action": "delete", "filter": {"ids": [hidden]}, "dryRun": True}
        assert tenant.ask("POST", "/v1/queues/jobs/bulk", order).json["matched"] == 0
        with contextlib.closing(tenant.stream("/v1/events?queue=default.secret")) as events:
            assert next(events)[1]["queues"] == []
        assert root.job(hidden, wait=None)["state"] == "failed"
