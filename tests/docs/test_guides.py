"""What the guides say is true as far as a program can tell: their commands run, their files are valid, their links lead somewhere.

What is meant for a cluster is run by tests/cluster/test_guides.py."""

import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / place) for place in ("platform", "run", "integration"))]

from guides import DOCS, GUIDES, ROOT, blocks, blocks_for, write_files  # noqa: E402
from kafka_client import KafkaClient, Record  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from local_run import DROVER, LocalRun, interrupt  # noqa: E402
from shell import Shell  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "charts" / "drover" / "README.md", *sorted(DOCS.rglob("*.md")),
         *sorted((ROOT / "examples").glob("*/README.md"))]
NOT_RUN = {"quick-start": ["make build"], "operations": ["kubectl --namespace drover scale statefulset drover-gateway --replicas=0"]}


# --- on a laptop ---

# The guides' ports are 4100 and 9092; here they are free ones, so that tests run side by side.
PRELUDE = """
drover() {
  case " $* " in
    *' -f '*) [[ $1 == validate ]] || set -- "$@" --kafka "127.0.0.1:$BROKER_PORT" ;; # straight over Kafka
  esac
  command drover "$@"
}
curl() { command curl --show-error --fail-with-body "$@"; echo; }
"""


class Laptop:
    """A reader who has two terminals."""

    def __init__(self, guide, folder):
        self.guide = DOCS / f"{guide}.md"
        self.folder = folder
        self.done = set()
        write_files(self.guide, folder)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "drover").symlink_to(DROVER)
        background, = blocks_for(self.guide, "laptop background")
        command, _, file = background.text.strip().rpartition(" ")
        assert command == "drover run -f", f"{background}: how is that started?"
        self.run = LocalRun(folder, files=[folder / file])
        self.run.wait_for_line(r"http://127\.0\.0\.1:\d+")
        self.port = int(re.search(r"gateway.*http://127\.0\.0\.1:(\d+)", self.run.text)[1])
        self.run.wait_for(lambda: self.get("/readyz")[0] == 200, "gateway")
        self.shell = Shell(folder, PRELUDE, PATH=f"{programs}:/usr/local/bin:/usr/bin:/bin", BROKER_PORT=self.run.broker_port,
                           DROVER_GATEWAY=f"http://127.0.0.1:{self.port}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.shell.__exit__(*error)
        with self.run:
            if error == (None, None, None):
                interrupt(self.run)  # Ctrl-C, as the guide has it
                assert self.run.wait() == 0, self.run.text

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def counts(self, queue):
        status, body = self.get(f"/v1/queues/{queue}")
        return json.loads(body)["counts"] if status == 200 else {}

    def wait_for_counts(self, queue, **wanted):
        self.run.wait_for(lambda: wanted.items() <= self.counts(queue).items(), f"{queue} with {wanted}: {self.counts(queue)}")

    def read_on(self, until=None):
        """Runs the blocks that come next: up to the one that has `until`, or all. What they printed."""
        printed = ""
        for block in blocks_for(self.guide, "laptop"):
            if block in self.done:
                continue
            self.done.add(block)
            printed += self.shell.run(block.text.replace("localhost:4100", f"localhost:{self.port}"), str(block))
            if until and until in block.text:
                return printed
        assert until is None, f"{self.guide.name} has no block with {until}"
        return printed


def test_D7_the_quick_start_runs_on_a_laptop(tmp_path):
    with Laptop("quick-start", tmp_path) as laptop:
        assert "hello grace" in laptop.read_on(until="/result")
        laptop.read_on(until="nobody")
        laptop.wait_for_counts("hello", completed=3, failed=1)
        printed = laptop.read_on(until="dead redrive")
        laptop.wait_for_counts("hello", completed=4, failed=0)
        assert "1" in printed
        laptop.read_on()
        laptop.wait_for_counts("hello", delayed=1, waiting=0, active=0)
        schedule = json.loads(laptop.get("/v1/queues/hello/schedules/nightly")[1])
        assert schedule["cron"] == "30 2 * * *"
        # Of what completed a view keeps the last 1,000.
        laptop.run.wait_for(lambda: laptop.counts("hello").get("completed", 0) >= 1000, "thousand")


def test_D7_the_example_for_those_who_come_from_Bull_runs(tmp_path):
    if not shutil.which("node"):
        pytest.fail("node is needed")
    with Laptop("migrate-from-bull", tmp_path) as laptop:
        laptop.read_on()
        laptop.wait_for_counts("email", completed=2, failed=1)
        jobs = json.loads(laptop.get("/v1/queues/email/jobs")[1])["jobs"]
        assert {(job["type"], job["state"]) for job in jobs} == {
            ("welcome", "completed"), ("reminder", "completed"), ("welcome", "failed")}
        failed, = (job for job in jobs if job["state"] == "failed")
        assert failed["error"]["class"] == "NoAddress"
        assert all(job["progress"]["percent"] == 50 for job in jobs if job["state"] == "completed")


def test_D7_the_example_for_those_who_come_from_KEDA_runs(tmp_path):
    with Laptop("migrate-from-keda", tmp_path) as laptop:
        laptop.read_on()
        laptop.wait_for_counts("shop.orders", completed=1, failed=0)


def test_D7_the_example_for_those_who_come_from_Dapr_runs(tmp_path):
    with Laptop("migrate-from-dapr", tmp_path) as laptop:
        laptop.read_on()
        laptop.wait_for_counts("orders", completed=1, failed=1)


# --- on a Kafka that is there already ---

KAFKAS_OWN = """
kafka-consumer-groups.sh() { java -cp "$KAFKA_HOME/libs/*" org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@" 2> /dev/null; }
"""


def test_D7_a_queue_that_was_given_the_old_groups_offsets_goes_on_where_it_stopped(tmp_path):
    """Moving over, as the guide for those who come from KEDA says."""
    guide = DOCS / "migrate-from-keda.md"
    block, = blocks_for(guide, "kafka")
    write_files(guide, tmp_path)
    with KafkaCluster.temporary() as cluster:
        client = KafkaClient(cluster.bootstrap)
        client.create("orders", partitions=12)
        client.produce("orders", [Record(b"done long ago", f"customer-{n}".encode(), []) for n in range(100)])
        with Shell(tmp_path, KAFKAS_OWN, KAFKA_HOME=cluster.home, kafka=cluster.bootstrap) as shell:
            shell.run('kafka-consumer-groups.sh --bootstrap-server $kafka --group orders --topic orders --reset-offsets '
                      '--to-latest --execute', "the old consumer's last commit")
            shell.run(block.text, str(block))
        client.produce("orders", [Record(b"new", f"customer-{n}".encode(), []) for n in range(7)])
        with LocalRun(tmp_path, "--kafka", cluster.bootstrap, "--until-idle", files=[tmp_path / "orders.yaml"], broker=False) as run:
            assert run.wait() == 0, run.text
            assert run.figures("orders")["completed"] == "7", run.text


# --- files ---

def job_queues():
    for path in [*PAGES]:
        for block in blocks(path):
            if block.language == "yaml" and block.purpose != "before" and "kind: JobQueue" in block.text:
                yield block


@pytest.mark.parametrize("block", job_queues(), ids=str)
def test_D7_a_JobQueue_of_the_guides_is_valid(block):
    done = subprocess.run([DROVER, "validate", "-"], input=block.text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_D7_the_gateway_takes_the_webhooks_of_the_operations_guide(tmp_path):
    write_files(DOCS / "operations.md", tmp_path)
    (tmp_path / "file").touch()

    def complaint():
        done = subprocess.run([DROVER, "gateway", "--kafka", "localhost:1", "--webhooks", tmp_path / "webhooks.yaml",
                               "--data", tmp_path / "file" / "in-no-folder"], capture_output=True, text=True)
        assert done.returncode == 2
        return done.stdout + done.stderr
    assert "in-no-folder" in complaint(), "it got as far as that"
    (tmp_path / "webhooks.yaml").write_text((tmp_path / "webhooks.yaml").read_text().replace("meanRun:", "meanRuns:"))
    assert "meanRuns" in complaint()


def test_D7_the_files_that_people_come_from_can_be_read():
    for path in GUIDES:
        for block in blocks(path):
            if block.language == "yaml":
                list(yaml.safe_load_all(block.text))


def test_D7_the_programs_of_the_guides_are_programs(tmp_path):
    found = [block for path in GUIDES for block in blocks(path) if block.language in ("js", "python")]
    assert len(found) > 5
    for block in found:
        if block.language == "python":
            compile(block.text, str(block), "exec")
        else:
            (tmp_path / "program.mjs").write_text(block.text)
            done = subprocess.run(["node", "--check", tmp_path / "program.mjs"], capture_output=True, text=True)
            assert done.returncode == 0, f"{block}: {done.stderr}"


def test_D7_every_block_says_what_is_done_with_it():
    purposes = {"laptop", "laptop background", "cluster", "cluster setup", "cluster exec", "kafka", "elsewhere"}
    for path in GUIDES:
        for block in blocks(path):
            if block.language == "sh":
                assert block.purpose in purposes, block
            else:
                assert block.file or block.purpose in ("before", "jobqueue"), block


def test_D7_what_is_not_run_is_known():
    found = {path.stem: [block.text.splitlines()[0] for block in blocks_for(path, "elsewhere")] for path in GUIDES}
    assert {guide: first for guide, first in found.items() if first} == NOT_RUN


def test_D7_the_configuration_reference_is_what_the_definition_says():
    done = subprocess.run([ROOT / "crds" / "reference.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_D7_the_reference_has_every_field_of_the_definition():
    definition = yaml.safe_load((ROOT / "crds" / "jobqueues.drover.dev.yaml").read_text())
    version, = definition["spec"]["versions"]
    page = (DOCS / "configuration.md").read_text()

    def names(schema):
        for name, child in {**schema.get("properties", {}), **schema.get("items", {}).get("properties", {})}.items():
            yield name
            yield from names(child)
    missing = {name for name in names(version["schema"]["openAPIV3Schema"]["properties"]["spec"]) if f"{name}`" not in page
               and f".{name}" not in page}
    assert not missing


# --- links ---

def anchors(path):
    """As GitHub makes them of headings."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_D7_links_lead_somewhere(page):
    text = re.sub(r"^\s*```.*?^\s*```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if urllib.parse.urlparse(target).scheme:
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(path), f"{page.name}: there is no {target}"


def test_D7_every_page_can_be_reached_from_the_readme():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)\s#]+)", page.read_text()):
            if not urllib.parse.urlparse(target).scheme and (page.parent / target).is_file():
                todo.append((page.parent / target).resolve())
    assert set(DOCS.glob("*.md")) <= seen, set(DOCS.glob("*.md")) - seen
