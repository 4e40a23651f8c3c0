"""charts/drover, without a cluster: what helm makes of it, what its values may be, and that its words are true."""

import json
import os
import re
import subprocess

import pytest
import yaml

from chart import CHART, GOLDEN, KUBERNETES, ROOT, find, golden_of, helm, rendered, template, values_files

FULL = GOLDEN / "full.values.yaml"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
README = (CHART / "README.md").read_text()


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_helm_finds_no_fault_with_the_chart(values):
    assert "0 chart(s) failed" in helm("lint", "--strict", KUBERNETES, "--values", values, CHART)


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_the_objects_are_those_that_somebody_read(values):
    assert template("--values", values) == golden_of(values).read_text(), "if that is right: tests/chart/chart.py"


def test_D5_a_packaged_chart_makes_the_same(tmp_path):
    helm("package", CHART, "--destination", tmp_path)
    package, = tmp_path.iterdir()
    assert template(chart=package) == template()


def test_D5_the_version_is_the_programs():
    version = re.search(r"project\(drover VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version


def crd(objects):
    return find(objects, "CustomResourceDefinition", "jobqueues.drover.dev")


def test_D5_the_definition_of_a_JobQueue_is_the_one_in_crds():
    ours = yaml.safe_load((ROOT / "crds" / "jobqueues.drover.dev.yaml").read_text())
    charts = crd(rendered())
    assert charts["metadata"].pop("labels").keys() >= {"app.kubernetes.io/name"}
    assert charts["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert charts == ours


def test_D5_the_definition_goes_with_the_release_only_where_that_is_asked_for():
    assert not crd(rendered("--set=crds.keep=false"))["metadata"]["annotations"]
    assert all(each["kind"] != "CustomResourceDefinition" for each in rendered("--set=crds.install=false"))


def test_D5_each_part_can_be_left_out():
    least = rendered("--set=crds.install=false,rbac.create=false,rbac.aggregateToUsers=false,serviceAccount.create=false,"
                     "serviceAccount.name=a,podDisruptionBudget.enabled=false,networkPolicy.enabled=false")
    assert sorted(each["kind"] for each in least) == ["Deployment", "Pod", "Service"]


@pytest.mark.parametrize("release, options, name", [
    ("drover", [], "drover"), ("my-drover-2", [], "my-drover-2"), ("jobs", [], "jobs-drover"),
    ("jobs", ["--set=nameOverride=jobs"], "jobs"), ("r" * 53, [], "r" * 53 + "-drover"),
    ("r" * 53, ["--set=nameOverride=" + "n" * 63], "r" * 53 + "-" + "n" * 9), ("a", ["--set=fullnameOverride=b"], "b")])
def test_D5_everything_is_named_after_the_release(release, options, name):
    objects = rendered(*options, release=release)
    deployment = find(objects, "Deployment")
    assert deployment["metadata"]["name"] == name
    assert f"--lease=$(POD_NAMESPACE)/{name}" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    roles = [each for each in objects if each["kind"] == "Role"]
    assert [role["rules"][0]["resourceNames"] for role in roles] == [[name]]


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_the_operator_knows_the_arguments_that_it_is_given(values, tmp_path):
    container = find(rendered("--values", values), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    missing = tmp_path / "kubeconfig"
    done = subprocess.run([os.environ["DROVER"], *container["args"], "--kubeconfig", missing], capture_output=True, text=True)
    # It got as far as that.
    assert done.returncode == 2 and str(missing) in done.stderr, done.stderr


def test_D5_helm_test_calls_a_command_that_there_is():
    arguments = find(rendered(), "Pod")["spec"]["containers"][0]["args"]
    assert arguments[-1] == "http://drover:4200/readyz"
    done = subprocess.run([os.environ["DROVER"], *arguments[:-1], "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--within" in done.stdout


# --- values ---

BAD = [
    ("operator.replicas=-1", "/operator/replicas"),
    ("operator.replicas=two", "/operator/replicas"),
    ("operator.replicsa=2", "replicsa"),
    ("operator.resources.requests.memory=128MB", "/operator/resources/requests/memory"),
    ("operator.nodeSelector.a=b c", "/operator/nodeSelector/a"),
    ("operator.topologySpreadConstraints[0].maxSkew=1", "/operator/topologySpreadConstraints/0"),
    ("operator.terminationGracePeriodSeconds=30s", "/operator/terminationGracePeriodSeconds"),
    ("image.tag=a b", "/image/tag"),
    ("image.digest=sha256:abc", "/image/digest"),
    ("image.repository=", "/image/repository"),
    ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
    ("imagePullSecrets[0]=pull", "/imagePullSecrets/0"),
    ("crds.install=maybe", "/crds/install"),
    ("watch.namespaces=mail", "/watch/namespaces"),
    ("watch.namespaces={Mail}", "/watch/namespaces/0"),
    ("watch.namespaces={mail,mail}", "/watch/namespaces"),
    ("kafka.allowedBrokers={kafka}", "/kafka/allowedBrokers/0"),
    ("kafka.allowedBrokers={ssl://kafka:9092}", "/kafka/allowedBrokers/0"),
    ("kafka.allowedBrokers={'a:1,b:1'}", "/kafka/allowedBrokers/0"),
    ("sidecar.podMonitors=1", "/sidecar/podMonitors"),
    ("sidecar.resources.limit.cpu=1", "limit"),
    ("serviceAccount.create=false", "/serviceAccount/name"),
    ("podDisruptionBudget.maxUnavailable=half", "/podDisruptionBudget/maxUnavailable"),
    ("networkPolicy.egress.kafkaPorts={65536}", "/networkPolicy/egress/kafkaPorts/0"),
    ("metrics.serviceMonitor.interval=15", "/metrics/serviceMonitor/interval"),
    ("metrics.alerts.deadLetters.within=m", "/metrics/alerts/deadLetters/within"),
    ("metrics.alerts.oldestJobSeconds=0", "/metrics/alerts/oldestJobSeconds"),
    ("metrics.dashboard.labels.a=x/y", "/metrics/dashboard/labels/a"),
    ("fullnameOverride=Drover", "/fullnameOverride"),
    ("nothing=1", "nothing"),
]


@pytest.mark.parametrize("setting, field", BAD, ids=[setting for setting, _ in BAD])
def test_D5_a_bad_value_is_refused_by_its_name(setting, field):
    with pytest.raises(RuntimeError, match="values don't meet the specifications") as refused:
        template("--set", setting)
    assert re.search(rf"'{re.escape(field)}'", str(refused.value)), refused.value


def leaves(value, path=""):
    if isinstance(value, dict) and value:
        return {name: leaf for key, child in value.items() for name, leaf in leaves(child, f"{path}.{key}".lstrip(".")).items()}
    return {path: value}


def properties(schema, root):
    """The paths that a schema names, but for what is below those that may have any name."""
    schema = root["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if not schema.get("properties"):
        return {""}
    return {f"{key}.{path}".rstrip(".") for key, child in schema["properties"].items() for path in properties(child, root)}


def documented():
    """Path -> default, as the README has it, of its table of values."""
    table = README.partition("\n## Values\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*?) \| .*\|$", table, re.MULTILINE))


def value_at(path):
    value = VALUES
    for key in path.split("."):
        value = value[key]
    return value


def test_D5_every_value_is_documented_and_every_documented_one_exists():
    for path, default in documented().items():
        value = value_at(path)  # it exists
        if match := re.fullmatch(r"`(.*)`", default):
            assert yaml.safe_load(match[1]) == value, path
    undocumented = {leaf for leaf in leaves(VALUES) if not any(f"{leaf}.".startswith(f"{path}.") for path in documented())}
    assert not undocumented


def test_D5_the_schema_knows_the_documented_values_and_no_others():
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = {path for path in properties(schema, schema) if path != "global"}  # helm's own
    assert {path.partition("resources")[0] for path in known} == {path.partition("resources")[0] for path in documented()}


def test_D5_the_full_values_change_every_one():
    given = yaml.safe_load(FULL.read_text())

    def changed(path):
        value = given
        for key in path.split("."):
            if key not in value:
                return False
            value = value[key]
        return value != value_at(path)

    # What stays as it is, so that its parts are in the golden file.
    switches = {path for path in documented() if path.endswith(".enabled") or path.endswith(".create")}
    dashboard = {path for path in documented() if path.startswith("metrics.dashboard.")}  # its own test
    assert {path for path in documented() if not changed(path)} <= switches | dashboard


# --- metrics ---

def served():
    """The metrics that operator and sidecar have."""
    sources = (ROOT / "operator" / "operator_metrics.cpp", ROOT / "sidecar" / "stats.cpp")
    names = {name for source in sources for name in re.findall(r'"(drover_[a-z_]+)"', source.read_text())}
    assert len(names) > 20
    return names


def asked_for(expression):
    return {re.sub(r"_bucket$", "", name) for name in re.findall(r"\bdrover_[a-z_]+", expression)}


def alerts():
    groups = find(rendered("--set=metrics.alerts.enabled=true"), "PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard():
    config = find(rendered("--set=metrics.dashboard.enabled=true"), "ConfigMap")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    return json.loads(config["data"]["drover.json"])


def test_D5_alerts_ask_for_metrics_that_there_are():
    for rule in alerts():
        assert asked_for(rule["expr"]) and asked_for(rule["expr"]) <= served(), rule["alert"]


def test_D5_the_readme_has_every_alert():
    table = README.partition("\n## Alerts\n")[2]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [rule["alert"] for rule in alerts()]


def test_D5_the_dashboard_asks_for_metrics_that_there_are_and_misses_few():
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])
    asked = set()
    for panel in panels:
        for target in panel["targets"]:
            assert asked_for(target["expr"]) and asked_for(target["expr"]) <= served(), panel["title"]
            asked |= asked_for(target["expr"])
    of_the_operator = {name for name in served() if name.startswith(("drover_operator_", "drover_queue_", "drover_scale_"))}
    assert of_the_operator <= asked


def test_D5_the_label_namespace_stays_the_queues():
    endpoint, = find(rendered("--set=metrics.serviceMonitor.enabled=true"), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True and endpoint["port"] == "metrics"
