"""`drover probe`, from outside."""

import contextlib
import http.server
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from local_run import drover, reserve_ports  # noqa: E402


@contextlib.contextmanager
def server(*statuses):
    """Answers with each status once, and with the last one from then on; yields its address and the paths asked for."""
    left, asked = list(statuses), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = b"so it is"
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{serving.server_address[1]}", asked
        finally:
            serving.shutdown()


def test_D2_a_probe_of_what_answers_well_prints_the_answer():
    with server(204, 200) as (address, asked):
        assert drover("probe", address).returncode == 0
        done = drover("probe", f"{address}/readyz?verbose=1")
    assert done.returncode == 0 and done.stdout == "so it is\n" and asked == ["/", "/readyz?verbose=1"]


def test_D2_a_probe_of_what_answers_otherwise_fails_at_once_and_says_how():
    for status in (302, 404, 503):
        with server(status) as (address, asked):
            done = drover("probe", f"{address}/readyz")
        assert done.returncode == 1 and f"{address}/readyz: {status} so it is" in done.stderr and len(asked) == 1


def test_D2_a_probe_with_time_asks_again():
    with server(503, 503, 200) as (address, asked):
        assert drover("probe", "--within=100", address).returncode == 0
    assert len(asked) == 3


def test_D2_a_probe_of_what_is_not_there_fails_when_its_time_is_over():
    reserved, = reserve_ports(1)
    with reserved:
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        for options in ([], ["--within=1"]):
            done = drover("probe", *options, address)
            assert done.returncode == 1 and address in done.stderr, done.stderr


def test_D2_a_probe_of_what_is_no_address_is_wrong():
    for url in ("drover:4200", "ftp://drover", ""):
        assert drover("probe", url).returncode == 2
