"""The workers of examples/changelogs, run as processes and spoken to as a sidecar does.

`StubSidecar` stands in for the sidecar: it takes what a worker submits, and answers what a test tells it to. The real
one meets these workers in `make run` and in the integration tests.
"""

import gzip
import http.client
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "changelogs"
DEADLINE = 60  # seconds until a wait is a failure; no test is faster or slower for it
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

HELLO = """\
hello (2.12-1) unstable; urgency=high

  * New upstream release, fixes CVE-2022-12345 and CVE-2021-0001.

 -- Jane Doe <jane@example.org>  Mon, 05 Sep 2022 10:00:00 +0200

hello (2.11-2) unstable; urgency=medium

  * Mentions CVE-2022-12345 again.

 -- Jane Doe <jane@example.org>  Tue, 04 Jan 2022 10:00:00 +0000

hello (2.10-1) unstable; urgency=low

  * Old.

 -- Jane Doe <jane@example.org>  Sun, 01 Mar 2015 10:00:00 +0000
"""


class StubSidecar(ThreadingHTTPServer):
    """Takes submitted jobs on /v1/queues/findings/jobs. `answers` are given in turn, then 202."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.taken, self.answers, self.hold = [], [], None
        self.asked = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self):
        self.shutdown()
        self.server_close()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.asked.set()
            if self.server.hold:
                self.server.hold.wait(DEADLINE)
            answer = self.server.answers.pop(0) if self.server.answers else (202, {})
            if answer == "hang up":
                self.close_connection = True
                return
            status, headers = answer
            if status == 202:
                self.server.taken.append((self.path, dict(self.headers), json.loads(body)))
            content = b'{"id":"0190","state":"waiting"}'
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            if headers.get("Connection") == "silent":
                self.close_connection = True  # as a server that ends an idle connection without saying so

        def log_message(self, *_):
            pass


class Process:
    """A worker as a process. It listens on a port of its own choice and says which in its first line."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen(
            command,
            cwd=EXAMPLE,
            env={**os.environ, "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            raise AssertionError(f"{command} did not start: {self.process.communicate()[1].decode()}")
        self.port = json.loads(line)["port"]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def post(self, body, headers=None, connection=None):
        own = connection or self.connect()
        own.request("POST", "/", body, headers or {})
        answer = own.getresponse()
        content = answer.read()
        if not connection:
            own.close()
        return answer.status, answer.headers, content

    def wait_until_it_refuses(self):
        """Until it no longer listens: then a signal to end has arrived."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), DEADLINE):
                    pass
            except ConnectionError:
                return
        raise AssertionError(f"it still listens on port {self.port}")

    def stop(self, how=signal.SIGTERM):
        """Ends the process and returns its exit code and what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        _, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said.decode()


class ParseWorker(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)], check=True)
        self.sidecar = StubSidecar()
        self.addCleanup(self.sidecar.stop)
        self.worker = Process([sys.executable, "parse.py"], DROVER_SIDECAR=self.sidecar.url)
        self.addCleanup(self.worker.stop)

    def file(self, content, name="changelog.gz", package="hello"):
        path = self.folder / package / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def packed(self, text, **where):
        return self.file(gzip.compress(text if isinstance(text, bytes) else text.encode()), **where)

    def finding(self, path):
        """The finding that the worker submits for this file."""
        status, _, said = self.worker.post(path.encode())
        self.assertEqual(status, 200, said)
        return self.sidecar.taken[-1][2]["payload"]

    def assert_dead(self, payload, kind, reason):
        status, headers, said = self.worker.post(payload if isinstance(payload, bytes) else payload.encode())
        self.assertEqual((status, headers["Drover-Error"]), (422, kind), said)
        self.assertIn(reason, said.decode())
        self.assertNotIn(b"\n", said)
        self.assertEqual(self.sidecar.taken, [])

    def test_A1_python_worker_parses_a_debian_changelog(self):
        path = self.packed(HELLO)
        finding = self.finding(path)
        self.assertEqual(
            finding,
            {
                "file": path,
                "package": "hello",
                "identity": "debian:hello",
                "format": "debian",
                "releases": {"2015": 1, "2022": 2},
                "undated": 0,
                "unread": 0,
                "urgent": 1,
                "lastUrgent": {"version": "2.12-1", "year": 2022},
                "cves": ["CVE-2021-0001", "CVE-2022-12345"],
            },
        )

    def test_A1_python_worker_submits_its_finding_to_the_second_queue_under_the_packages_key(self):
        self.finding(self.packed(HELLO))
        path, _, job = self.sidecar.taken[0]
        self.assertEqual(path, "/v1/queues/findings/jobs")
        self.assertEqual((job["type"], job["key"]), ("finding", "hello"))

    def test_A1_python_worker_answers_many_jobs_on_one_connection(self):
        connection = self.worker.connect()
        path = self.packed(HELLO).encode()
        statuses = [self.worker.post(path, connection=connection)[0] for _ in range(50)]
        self.assertEqual(statuses, [200] * 50)
        self.assertEqual(len(self.sidecar.taken), 50)

    def test_python_worker_carries_the_trace_on_to_the_job_it_submits(self):
        self.worker.post(self.packed(HELLO).encode(), {"traceparent": TRACE})
        self.worker.post(self.packed(HELLO).encode())
        self.assertEqual([headers.get("traceparent") for _, headers, _ in self.sidecar.taken], [TRACE, None])

    def test_reads_a_gnu_changelog_as_changes_rather_than_releases(self):
        finding = self.finding(
            self.packed("2020-03-01  Jo  <jo@x.org>\n\n\t* a.c: Fix.\n\n2019-12-01  Jo  <jo@x.org>\n\n\t* b.c: New.\n", package="gnu-thing")
        )
        self.assertEqual((finding["package"], finding["format"]), ("gnu-thing", "gnu"))
        self.assertEqual((finding["releases"], finding["changes"]), ({}, {"2019": 1, "2020": 1}))

    def test_reads_a_git_log_as_changes_rather_than_releases(self):
        log = "commit 9e8325c62adb9f7c6211cb7c4f6970a27fcb67f1\nAuthor: A <a@x.org>\nDate:   Thu Feb 9 18:26:35 2023 -0500\n\n    Fix CVE-2023-1234\n"
        finding = self.finding(self.packed(log))
        self.assertEqual((finding["format"], finding["changes"], finding["cves"]), ("git-log", {"2023": 1}, ["CVE-2023-1234"]))

    def test_reads_release_notes_with_dates_on_below_or_missing(self):
        notes = (
            "Version 1.5\n-----------\n\nReleased 2022-07-17\n\n- Since 1.4 nothing broke.\n\n"
            "v1.4.1 (Feb 2021)\n- fix\n\n## [1.4.0] - 2020-01-02\n\n1.3.9\n=====\n- first\n"
        )
        finding = self.finding(self.packed(notes))
        self.assertEqual((finding["releases"], finding["undated"]), ({"2020": 1, "2021": 1, "2022": 1}, 1))

    def test_files_with_the_same_text_have_the_same_identity(self):
        notes = "1.2.3 (2020-01-02)\n- fix\n"
        one, other = self.finding(self.packed(notes, package="one")), self.finding(self.packed(notes, package="other"))
        self.assertEqual(one["identity"], other["identity"])
        self.assertNotEqual(one["package"], other["package"])

    def test_an_entry_without_a_heading_is_counted_as_unread(self):
        broken = HELLO.replace("hello (2.11-2) unstable; urgency=medium", "hello 2.11-2 unstable")
        finding = self.finding(self.packed(broken))
        self.assertEqual((finding["releases"], finding["unread"]), ({"2015": 1, "2022": 1}, 1))

    def test_reads_every_member_of_a_gzip_file(self):
        half = HELLO.index("hello (2.11")
        content = gzip.compress(HELLO[:half].encode()) + gzip.compress(HELLO[half:].encode())
        self.assertEqual(self.finding(self.file(content))["releases"], {"2015": 1, "2022": 2})

    def test_reads_bytes_that_are_not_utf8(self):
        latin = HELLO.replace("Jane Doe", "J\u00e4ne D\u00f6e").encode("latin-1")
        self.assertEqual(self.finding(self.packed(latin))["releases"], {"2015": 1, "2022": 2})

    def test_a_truncated_gzip_is_dead_with_its_cause(self):
        noise = random.Random(1).randbytes(4000).hex()
        self.assert_dead(self.file(gzip.compress((HELLO + noise).encode())[:1000]), "CorruptGzip", "ends too early")

    def test_a_damaged_gzip_is_dead_with_its_cause(self):
        content = bytearray(gzip.compress(HELLO.encode()))
        content[-8] ^= 0xFF  # its checksum
        self.assert_dead(self.file(bytes(content)), "CorruptGzip", "incorrect data check")

    def test_a_file_that_is_no_gzip_is_dead_with_its_cause(self):
        self.assert_dead(self.file(HELLO.encode()), "CorruptGzip", "not a gzip file")

    def test_an_empty_file_is_dead_with_its_cause(self):
        self.assert_dead(self.file(b""), "EmptyChangelog", "no bytes")

    def test_a_file_that_unpacks_to_nothing_is_dead_with_its_cause(self):
        self.assert_dead(self.packed("\n \n"), "EmptyChangelog", "unpacks to nothing")

    def test_binary_data_is_dead_with_its_cause(self):
        self.assert_dead(self.packed(bytes(range(256)) * 100), "UnparseableChangelog", "binary data")

    def test_prose_without_a_release_is_dead_and_the_cause_quotes_it(self):
        self.assert_dead(self.packed('Not used.\r\nSee\x1b[31m "git log"'), "UnparseableChangelog", 'Not used. See[31m "git log"')

    def test_a_missing_file_is_dead_with_its_cause(self):
        self.assert_dead(str(self.folder / "gone"), "FileNotFound", "no such file")

    def test_a_folder_is_dead_with_its_cause(self):
        self.assert_dead(str(self.folder), "NotAFile", "not a regular file")

    def test_a_pipe_is_dead_with_its_cause_and_does_not_hang_the_worker(self):
        os.mkfifo(self.folder / "pipe")
        self.assert_dead(str(self.folder / "pipe"), "NotAFile", "not a regular file")

    def test_a_payload_that_is_no_absolute_path_is_dead_with_its_cause(self):
        for payload in (b"", b"../etc/passwd", b"/a\0b", b"/a\xff"):
            with self.subTest(payload=payload):
                self.assert_dead(payload, "InvalidPath", "the payload")

    def test_a_payload_longer_than_any_path_is_refused_unread(self):
        self.assertEqual(self.worker.post(b"/" * 5000)[0], 413)

    def test_a_bomb_of_200_mb_is_dead_and_takes_no_such_memory(self):
        def peak():
            status = Path(f"/proc/{self.worker.process.pid}/status").read_text()
            return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))

        self.finding(self.packed(HELLO))
        self.sidecar.taken.clear()
        before = peak()
        packer, megabyte = zlib.compressobj(wbits=31), b"\n" * 1_000_000
        bomb = b"".join(packer.compress(megabyte) for _ in range(200)) + packer.flush()
        self.assert_dead(self.file(bomb), "ChangelogTooLarge", "unpacks to more than")
        # The limit is 24 MiB, held twice while zlib joins its blocks; the 200 MB would show.
        self.assertLess(peak() - before, 100 * 1024)

    def test_text_made_to_make_the_patterns_backtrack_gets_its_answer(self):
        evil = [
            b"a_" * 500_000,
            b"a b " * 250_000,
            b"Version 1.1 " + b"1" * 90 + b"!zzz\n",
            (b"Version 1.1" + b" 1.1" * 20 + b" zzz\n") * 2000,
            b"x (1) y; urgency=low\n" + b"\n --" + b" 20" * 200_000 + b"\n",
        ]
        for text in evil:
            with self.subTest(text=text[:20]):
                self.assertIn(self.worker.post(self.packed(text).encode())[0], (200, 422))

    def test_asks_for_another_try_while_the_sidecar_is_away(self):
        self.sidecar.stop()
        status, headers, said = self.worker.post(self.packed(HELLO).encode())
        self.assertEqual((status, headers["Drover-Error"]), (503, None), said)
        self.assertIn(b"did not take the finding", said)

    def test_asks_for_another_try_as_late_as_the_sidecar_wishes(self):
        self.sidecar.answers = [(429, {"Retry-After": "7"}), (503, {})]
        path = self.packed(HELLO).encode()
        waits = [(answer[0], answer[1]["Retry-After"]) for answer in (self.worker.post(path), self.worker.post(path))]
        self.assertEqual(waits, [(503, "7"), (503, None)])

    def test_a_finding_that_the_sidecar_refuses_is_dead_with_its_cause(self):
        self.sidecar.answers = [(422, {})]
        self.assert_dead(self.packed(HELLO), "FindingRefused", "refused the finding with 422")

    def test_a_kept_connection_that_the_sidecar_ended_costs_no_try(self):
        self.sidecar.answers = [(202, {"Connection": "silent"})]
        connection, path = self.worker.connect(), self.packed(HELLO).encode()
        statuses = [self.worker.post(path, connection=connection)[0] for _ in range(3)]
        self.assertEqual((statuses, len(self.sidecar.taken)), ([200] * 3, 3))

    def test_a_sidecar_that_hangs_up_on_a_new_connection_is_asked_once(self):
        self.sidecar.answers = ["hang up"]
        self.assertEqual(self.worker.post(self.packed(HELLO).encode())[0], 503)
        self.assertEqual(self.sidecar.taken, [])

    def test_finishes_the_job_in_hand_before_it_ends(self):
        self.sidecar.hold = threading.Event()
        connection = self.worker.connect()
        connection.request("POST", "/", self.packed(HELLO))
        self.assertTrue(self.sidecar.asked.wait(DEADLINE))
        self.worker.process.send_signal(signal.SIGTERM)
        self.worker.wait_until_it_refuses()
        self.assertIsNone(self.worker.process.poll())
        self.sidecar.hold.set()
        self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(self.worker.stop(), (0, ""))

    def test_ends_while_a_connection_is_idle(self):
        connection = self.worker.connect()
        self.worker.post(self.packed(HELLO), connection=connection)
        self.assertEqual(self.worker.stop(), (0, ""))

    def test_says_what_is_missing_in_its_environment(self):
        environment = {name: value for name, value in os.environ.items() if name not in ("PORT", "DROVER_SIDECAR")}
        ended = subprocess.run([sys.executable, "parse.py"], cwd=EXAMPLE, env=environment, capture_output=True, timeout=DEADLINE)
        self.assertEqual(ended.returncode, 2)
        self.assertIn(b"PORT", ended.stderr)

    def test_A1_python_worker_reads_most_changelogs_of_this_machine_and_names_the_cause_of_the_others(self):
        files = sorted(str(path) for path in Path("/usr/share/doc").glob("*/changelog*.gz"))[:300]
        self.assertGreater(len(files), 20, "a Debian system has changelogs")
        connection, causes = self.worker.connect(), {}
        for path in files:
            status, headers, said = self.worker.post(path.encode(), connection=connection)
            cause = status if status == 200 else (status, headers["Drover-Error"])
            causes.setdefault(cause, []).append((path, said))
        self.assertLessEqual(set(causes), {200, (422, "UnparseableChangelog")}, causes)
        self.assertEqual(len(self.sidecar.taken), len(causes[200]))
        self.assertGreater(len(causes[200]), len(files) / 2)


def finding(**fields):
    return {
        "file": "/doc/hello/changelog.gz",
        "package": "hello",
        "identity": "debian:hello",
        "format": "debian",
        "releases": {"2021": 1, "2022": 2},
        "undated": 0,
        "unread": 0,
        "urgent": 1,
        "lastUrgent": {"version": "2.12-1", "year": 2022},
        "cves": ["CVE-2022-12345"],
        **fields,
    }


class ReportWorker(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)], check=True)
        self.start()

    def start(self):
        self.worker = Process(["node", "report.mjs"], REPORT_DIR=str(self.folder))
        self.addCleanup(self.worker.stop)

    def add(self, **fields):
        status, _, said = self.worker.post(json.dumps(finding(**fields)).encode())
        self.assertEqual(status, 200, said)
        return said.decode()

    def lines(self):
        return [json.loads(line) for line in (self.folder / "findings.jsonl").read_text().splitlines()]

    def page(self):
        """The page as the worker leaves it when it is told to stop."""
        self.assertEqual(self.worker.stop(), (0, ""))
        return (self.folder / "report.html").read_text()

    def test_A1_node_worker_answers_when_the_finding_is_on_disk(self):
        self.add()
        self.assertEqual([line["file"] for line in self.lines()], ["/doc/hello/changelog.gz"])

    def test_A1_node_worker_takes_what_the_python_worker_submits(self):
        sidecar = StubSidecar()
        self.addCleanup(sidecar.stop)
        parse = Process([sys.executable, "parse.py"], DROVER_SIDECAR=sidecar.url)
        self.addCleanup(parse.stop)
        files = {
            "debian": HELLO,
            "gnu": "2020-03-01  Jo  <jo@x.org>\n\n\t* a.c: Fix.\n",
            "git": "commit 9e8325c62adb9f7\nAuthor: A <a@x.org>\nDate:   Thu Feb 9 18:26:35 2023 -0500\n\n    Fix\n",
            "notes": "1.2.3 (2020-01-02)\n- fix\n",
        }
        for package, text in files.items():
            path = self.folder / f"{package}.gz"
            path.write_bytes(gzip.compress(text.encode()))
            self.assertEqual(parse.post(str(path).encode())[0], 200)
            status, _, said = self.worker.post(json.dumps(sidecar.taken[-1][2]["payload"]).encode())
            self.assertEqual(status, 200, said)
        self.assertEqual(len(self.lines()), 4)
        self.assertIn("4 files read, 4 of them distinct", self.page())

    def test_A1_node_worker_keeps_every_finding_of_jobs_handed_over_at_the_same_time(self):
        failures = []

        def hand_over(worker_number):
            connection = self.worker.connect()
            for n in range(25):
                body = json.dumps(finding(file=f"/doc/{worker_number}/{n}")).encode()
                if self.worker.post(body, connection=connection)[0] != 200:
                    failures.append((worker_number, n))

        threads = [threading.Thread(target=hand_over, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len({line["file"] for line in self.lines()}), 200)

    def test_a_finding_delivered_twice_is_kept_once(self):
        self.add()
        self.assertEqual(self.add(), "1 files")
        self.assertEqual(len(self.lines()), 1)

    def test_the_newest_finding_of_a_file_wins_also_after_a_restart(self):
        self.add(urgent=1)
        self.add(urgent=3)
        self.assertEqual(self.worker.stop(), (0, ""))
        self.start()
        self.assertEqual(self.add(file="/doc/other", identity="debian:other", package="other", urgent=4), "2 files")
        self.assertIn("<b>7</b><span>urgent releases</span>", self.page())

    def test_a_kill_loses_no_finding_that_was_answered(self):
        for n in range(5):
            self.add(file=f"/doc/{n}")
        self.worker.stop(signal.SIGKILL)
        self.start()
        self.assertEqual(self.add(file="/doc/5"), "6 files")

    def test_a_last_line_cut_off_by_a_crash_is_removed(self):
        self.add()
        self.worker.stop(signal.SIGKILL)
        with open(self.folder / "findings.jsonl", "a") as journal:
            journal.write('{"file": "/doc/ha')
        self.start()
        self.assertEqual(self.add(file="/doc/whole"), "2 files")
        self.assertEqual([line["file"] for line in self.lines()], ["/doc/hello/changelog.gz", "/doc/whole"])

    def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_overwritten(self):
        self.worker.stop()
        content = json.dumps(finding()) + "\nrubbish\n"
        (self.folder / "findings.jsonl").write_text(content)
        with self.assertRaisesRegex(AssertionError, "findings.jsonl, line 2"):
            self.start()
        self.assertEqual((self.folder / "findings.jsonl").read_text(), content)

    def test_what_is_no_finding_is_dead_with_its_cause(self):
        wrong = {
            "JSON": b"{",
            "an object": b"[]",
            "format": json.dumps(finding(format="x")).encode(),
            "file": json.dumps(finding(file=None)).encode(),
            "releases": json.dumps(finding(releases={"<b>": 1})).encode(),
            "urgent has to be a count": json.dumps(finding(urgent=-1)).encode(),
            "CVE numbers": json.dumps(finding(cves=["CVE-2022-1<script>"])).encode(),
        }
        for reason, body in wrong.items():
            with self.subTest(reason=reason):
                status, headers, said = self.worker.post(body)
                self.assertEqual((status, headers["Drover-Error"]), (422, "InvalidFinding"))
                self.assertIn(reason, said.decode())
        self.assertEqual(self.lines(), [])

    def test_a_finding_over_a_megabyte_is_refused_and_the_connection_goes_on(self):
        connection = self.worker.connect()
        status, headers, _ = self.worker.post(b" " * 2_000_000, connection=connection)
        self.assertEqual((status, headers["Drover-Error"]), (413, "FindingTooLarge"))
        self.assertEqual(self.worker.post(json.dumps(finding()).encode(), connection=connection)[0], 200)

    def test_a_disk_that_takes_no_more_asks_for_another_try_and_keeps_what_it_had(self):
        self.worker.stop()
        command = ["bash", "-c", "trap '' XFSZ; ulimit -f 4; exec node report.mjs"]  # 4 KiB for each file
        self.worker = Process(command, REPORT_DIR=str(self.folder))
        self.addCleanup(self.worker.stop)
        self.add()
        many = [f"CVE-2022-{n}" for n in range(10000, 10500)]
        status, headers, said = self.worker.post(json.dumps(finding(file="/doc/large", cves=many)).encode())
        self.assertEqual((status, headers["Drover-Error"]), (500, "EFBIG"), said)
        self.assertEqual(self.add(file="/doc/small"), "2 files")
        self.assertEqual([line["file"] for line in self.lines()], ["/doc/hello/changelog.gz", "/doc/small"])

    def test_the_page_counts_files_that_tell_the_same_story_once(self):
        self.add(file="/doc/a")
        self.add(file="/doc/b", releases={"2022": 1}, urgent=0)
        page = self.page()
        self.assertIn("2 files read, 1 of them distinct", page)
        self.assertIn("<b>3</b><span>releases</span>", page)

    def test_the_page_shows_years_urgent_releases_and_cve_numbers(self):
        self.add()
        page = self.page()
        self.assertIn("<title>2022: 2 releases (2 Debian, 0 upstream)</title>", page)
        self.assertIn('<th scope="row">hello</th>', page)
        self.assertIn("CVE-2022-12345", page)

    def test_the_page_escapes_whatever_a_finding_says(self):
        evil = "<script>alert(1)</script>\"'&"
        self.add(package=evil, identity=evil, lastUrgent={"version": evil, "year": 2022})
        page = self.page()
        self.assertNotIn("<script", page)
        self.assertEqual(page.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), 4)

    def test_the_page_loads_nothing_from_elsewhere(self):
        self.add()
        page = self.page()
        for word in ("src=", "href=", "url(", "@import", "<link", "<script"):
            self.assertNotIn(word, page)

    def test_a_page_of_no_findings_is_a_page(self):
        self.assertIn("No release with a date yet.", self.page())

    def test_the_page_is_written_while_jobs_go_on(self):
        self.add()
        page, n = self.folder / "report.html", 0
        end = time.monotonic() + DEADLINE
        while not page.exists() and time.monotonic() < end:  # each turn waits for the disk, so this is no busy loop
            n += 1
            self.add(file=f"/doc/{n}")
        self.assertTrue(page.read_text().endswith("</html>\n"))

    def test_finishes_the_jobs_in_hand_before_it_ends(self):
        connection = self.worker.connect()
        body = json.dumps(finding()).encode()
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        self.add(file="/doc/other")  # answered after the first half above was taken in
        self.worker.process.send_signal(signal.SIGTERM)
        self.worker.wait_until_it_refuses()
        connection.send(body[10:])
        self.assertEqual(connection.getresponse().status, 200)
        self.assertIn("2 files read", self.page())

    def test_says_that_its_port_is_missing(self):
        environment = {name: value for name, value in os.environ.items() if name != "PORT"}
        ended = subprocess.run(["node", "report.mjs"], cwd=EXAMPLE, env=environment, capture_output=True, timeout=DEADLINE)
        self.assertEqual(ended.returncode, 2)
        self.assertIn(b"PORT", ended.stderr)


if __name__ == "__main__":
    unittest.main()
