"""The dashboard in Debian's Chromium, at a real gateway with real jobs: every page and action, light, dark and narrow (D3)."""

import http.server
import pathlib
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stack import LOOKS, ROOT, Stack, modules, play  # noqa: E402

sys.path.insert(0, str(ROOT / "tests" / "gateway"))

from embedded_broker import EmbeddedBroker  # noqa: E402
from processes import wait_until  # noqa: E402
from gateway_process import Gateway  # noqa: E402

TOKENS = """
tokens:
- {name: ann, token: viewer-token, roles: [view]}
- {name: bob, token: operator-token, roles: [operate], queues: ["default.*"]}
- {name: root, token: admin-token, roles: [admin]}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    modules()
    with Stack(tmp_path_factory.mktemp("stack"), *(f"night-{look}" for look in LOOKS)) as stack:
        stack.gateway.ask("POST", "/v1/queues/reports/pause", {"reason": "the report database moves"})
        stack.submit_many("reports", [{"n": n} for n in range(40)], type="monthly")
        stack.mail_ids = stack.mails(200)
        stack.submit_many("push", [{"n": n} for n in range(2000)], type="notify")
        stack.failed("mail", 10)
        yield stack


@pytest.fixture(scope="module")
def pictures():
    """Of what was to be seen where something failed; they stay."""
    folder = ROOT / "build" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def first(stack, queue, query):
    return stack.gateway.get(f"/v1/queues/{queue}/jobs?{query}&limit=1")["jobs"][0]["id"]


def plays(scenario, stack, look, pictures, **task):
    problem = play(scenario, stack.address, look, pictures, **task)
    assert problem is None, problem


@pytest.mark.parametrize("look", LOOKS)
def test_D3_the_overview_says_what_is_wrong_and_why(stack, pictures, look):
    plays("overview", stack, look, pictures)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_a_queues_page_has_its_figures_and_pauses_it(stack, pictures, look):
    plays("queue", stack, look, pictures, queue="archive")


@pytest.mark.parametrize("look", LOOKS)
def test_D3_jobs_are_found_selected_and_come_in_by_themselves(stack, pictures, look):
    plays("jobs", stack, look, pictures, quick="push")


@pytest.mark.parametrize("look", LOOKS)
def test_D3_a_jobs_page_tells_all_and_cancels_resubmits_and_deletes(stack, pictures, look):
    retried = stack.gateway.submit("push", {"fail": "Busy", "message": "the push service answers 503"}, type="notify")
    running = stack.long_job()
    stack.gateway.wait_for_state(retried, "failed")
    plays("job", stack, look, pictures, failed=first(stack, "mail", "state=failed&error=RelayRefused"), running=running,
          completed=first(stack, "mail", "state=completed"), retried=retried)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_schedules_are_made_changed_and_deleted(stack, pictures, look):
    plays("schedules", stack, look, pictures)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_many_jobs_are_acted_upon_after_a_dry_run(stack, pictures, look):
    slow = stack.submit_many("mail", [{"fail": "Slow", "status": 422, "message": "too slow"}] * 20, type="send-mail")
    for job in slow:
        stack.gateway.wait_for_state(job, "failed")
    running = [stack.long_job() for _ in range(2)]
    for job in running:
        stack.gateway.wait_for_state(job, "active")
    plays("bulk", stack, look, pictures, slow=len(slow), running=running)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_rehearsal_a_cause_is_found_and_its_jobs_are_redriven(stack, pictures, look):
    queue = f"night-{look}"
    ids = stack.mails(200, queue=queue)
    for job in ids[3::20]:  # 5 %
        stack.gateway.wait_for_state(job, "failed")
    plays("rehearsal", stack, look, pictures, queue=queue, dead=10)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_workers_show_what_is_in_hand_and_the_audit_trail_who_did_what(stack, pictures, look):
    running = stack.long_job()
    stack.gateway.wait_for_state(running, "active")
    plays("watch", stack, look, pictures, running=running)
    stack.gateway.ask("POST", f"/v1/jobs/{running}/cancel")
    stack.gateway.wait_for_state(running, "cancelled")


def test_D3_a_token_is_asked_for_and_roles_are_respected(stack, pictures, tmp_path):
    (tmp_path / "tokens.yaml").write_text(TOKENS)
    with Gateway(tmp_path, f"127.0.0.1:{stack.run.broker_port}", "--tokens", tmp_path / "tokens.yaml") as gateway:
        root = gateway.client("admin-token")
        job = first(stack, "mail", "state=failed&error=RelayRefused")
        wait_until(lambda: root.is_ready() and root.ask("GET", f"/v1/jobs/{job}").status == 200, "a gateway that has read the events")
        problem = play("roles", f"http://127.0.0.1:{gateway.port}", "light", pictures, viewer="viewer-token",
                       operator="operator-token", admin="admin-token", job=job)
        assert problem is None, problem


class Switch:
    """Stops and starts a gateway when it is told to over HTTP: POST /stop, /start."""

    def __init__(self, folder, bootstrap):
        self.folder, self.bootstrap = folder, bootstrap
        self.gateway = Gateway(folder, bootstrap)
        self.port = self.gateway.port

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                {"/stop": self.stop, "/start": self.start}[handler.path]()
                handler.send_response(200)
                handler.end_headers()

            def log_message(self, *_):
                pass

        # One thread for all: a gateway ends with the thread that started it.
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def stop(self):
        self.gateway.stop()

    def start(self):
        self.gateway = Gateway(self.folder, self.bootstrap, port=self.port)
        wait_until(self.gateway.client().is_ready, "the gateway again")

    def __enter__(self):
        wait_until(self.gateway.client().is_ready, "the gateway")
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.gateway.__exit__(*error)


@pytest.mark.parametrize("look", LOOKS)
def test_D3_without_queues_and_without_a_gateway_it_says_what_to_do(pictures, tmp_path, look):
    modules()
    with EmbeddedBroker.temporary() as broker, Switch(tmp_path, broker.bootstrap) as switch:
        problem = play("away", f"http://127.0.0.1:{switch.port}", look, pictures, stop=switch.url("/stop"), start=switch.url("/start"))
        assert problem is None, problem


def test_D3_its_types_hold_and_its_pure_parts_are_right():
    dashboard = ROOT / "dashboard"
    subprocess.run([ROOT / "deps" / "node_modules.sh", dashboard], check=True)
    for command in (["tsc", "--noEmit"], ["vitest", "run"]):
        done = subprocess.run([dashboard / "node_modules" / ".bin" / command[0], *command[1:]], cwd=dashboard, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
