"""charts/drover, without a cluster: what helm makes of it, what its values may be, and that its words are true."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from chart import CHART, GOLDEN, KUBERNETES, LEAST, ROOT, find, golden_of, helm, rendered, template, values_files, without_chance

FULL = GOLDEN / "full.values.yaml"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
README = (CHART / "README.md").read_text()


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_helm_finds_no_fault_with_the_chart(values):
    assert "0 chart(s) failed" in helm("lint", "--strict", KUBERNETES, *LEAST, "--values", values, CHART)


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_the_objects_are_those_that_somebody_read(values):
    assert without_chance(template("--values", values)) == golden_of(values).read_text(), "if that is right: tests/chart/chart.py"


def test_D5_a_packaged_chart_makes_the_same(tmp_path):
    helm("package", CHART, "--destination", tmp_path)
    package, = tmp_path.iterdir()
    assert without_chance(template(chart=package)) == without_chance(template())


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
                     "serviceAccount.name=a,podDisruptionBudget.enabled=false,networkPolicy.enabled=false,gateway.enabled=false")
    assert sorted(each["kind"] for each in least) == ["Deployment", "Pod", "Service"]


@pytest.mark.parametrize("release, options, name", [
    ("drover", [], "drover"), ("my-drover-2", [], "my-drover-2"), ("jobs", [], "jobs-drover"),
    ("jobs", ["--set=nameOverride=jobs"], "jobs"), ("r" * 53, [], "r" * 53 + "-drover"),
    ("r" * 53, ["--set=nameOverride=" + "n" * 63], "r" * 53 + "-" + "n" * 9), ("a", ["--set=fullnameOverride=b"], "b")])
def test_D5_everything_is_named_after_the_release(release, options, name):
    objects = rendered(*options, release=release)
    deployment = find(objects, "Deployment")
    assert deployment["metadata"]["name"] == name
    assert find(objects, "StatefulSet")["metadata"]["name"] == f"{name[:44].rstrip('-')}-gateway"
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
    arguments = find(rendered(), "Pod", "drover-test")["spec"]["containers"][0]["args"]
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
    ("gateway.replicas=-1", "/gateway/replicas"),
    ("gateway.address=localhost", "/gateway/address"),
    ("gateway.kafka.bootstrapServers=kafka", "/gateway/kafka/bootstrapServers"),
    ("gateway.kafka.settingsSecret=Kafka", "/gateway/kafka/settingsSecret"),
    ("gateway.kafka.password=secret", "password"),
    ("gateway.database.url=mysql://db", "/gateway/database/url"),
    ("gateway.database.secretKey=a b", "/gateway/database/secretKey"),
    ("gateway.tokens.everybodyMayDoEverything=yes please", "/gateway/tokens/everybodyMayDoEverything"),
    ("gateway.persistence.size=8GB", "/gateway/persistence/size"),
    ("gateway.persistence.accessModes={ReadWriteMany}", "/gateway/persistence/accessModes/0"),
    ("gateway.service.type=None", "/gateway/service/type"),
    ("gateway.ingress.host=Jobs", "/gateway/ingress/host"),
    ("gateway.networkPolicy.egress.webhookPorts={0}", "/gateway/networkPolicy/egress/webhookPorts/0"),
    ("gateway.serviceAccount.create=false", "/gateway/serviceAccount/name"),
    ("metrics.alerts.waiting=-1", "/metrics/alerts/waiting"),
    ("metrics.alerts.failedPercent=100", "/metrics/alerts/failedPercent"),
    ("metrics.alerts.meanDuration.queues=email", "/metrics/alerts/meanDuration/queues"),
    ("metrics.alerts.meanDuration.seconds=0", "/metrics/alerts/meanDuration/seconds"),
    ("metrics.alerts.meanWaitSeconds=0", "/metrics/alerts/meanWaitSeconds"),
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
    # What another value excludes, which is there.
    excluded = {"gateway.database.existingSecret", "gateway.tokens.everybodyMayDoEverything"}
    assert {path for path in documented() if not changed(path)} <= switches | dashboard | excluded


# --- the gateway ---

def gateway(*options, **more):
    """Its StatefulSet's pod, and its container."""
    pod = find(rendered(*options, **more), "StatefulSet")["spec"]["template"]["spec"]
    container, = pod["containers"]
    return pod, container


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_the_gateway_knows_the_arguments_that_it_is_given(values, tmp_path):
    _, container = gateway("--values", values)
    for file, text in {"tokens/tokens.yaml": "tokens: []", "kafka/client.id": "drover", "tls/tls.crt": "none", "file": "",
                       "webhooks/webhooks.yaml": "webhooks: []"}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    arguments = [each.replace("/etc/drover", str(tmp_path)).replace("/var/lib/drover", f"{tmp_path}/file/in-no-folder")
                 for each in container["args"]]
    done = subprocess.run([os.environ["DROVER"], *arguments], capture_output=True, text=True, env={**os.environ, "DROVER_DATABASE": ""})
    # It got as far as that.
    missing = "tls/tls.key" if any(each.startswith("--tls-key") for each in arguments) else "file/in-no-folder"
    assert done.returncode == 2 and f"{tmp_path}/{missing}" in done.stdout + done.stderr, done


def test_D5_a_gateway_has_to_be_told_its_kafka():
    with pytest.raises(RuntimeError, match="gateway.kafka.bootstrapServers is missing"):
        template("--set=gateway.kafka.bootstrapServers=")
    _, container = gateway("--set=gateway.kafka.bootstrapServers=,kafka.allowedBrokers={a:1}")
    assert "--kafka=a:1" in container["args"]


def test_D5_several_gateways_need_a_database_that_they_share():
    with pytest.raises(RuntimeError, match="gateway.replicas above 1 needs a PostgreSQL"):
        template("--set=gateway.replicas=2")
    template("--set=gateway.replicas=2,gateway.database.existingSecret=db")
    with pytest.raises(RuntimeError, match="one or the other"):
        template("--set=gateway.database.url=postgresql://db,gateway.database.existingSecret=db")


@pytest.mark.parametrize("values", values_files(), ids=lambda path: path.name)
def test_D5_no_secret_is_on_a_command_line_of_the_gateway(values):
    """Nor in a variable as it is."""
    objects = rendered("--values", values)
    pod, container = gateway("--values", values)
    given = json.dumps(pod)
    url = yaml.safe_load(FULL.read_text())["gateway"]["database"]["url"]
    assert url not in given and "admin-token" not in given
    if values == FULL:
        secret = find(objects, "Secret", "drover-of-mail-gateway-database")
        assert base64.b64decode(secret["data"]["uri"]).decode() == url
        variable, = (each for each in container["env"] if each["name"] == "DROVER_DATABASE")
        assert variable["valueFrom"]["secretKeyRef"] == {"name": "drover-of-mail-gateway-database", "key": "uri"}


def test_D5_without_being_told_nobody_may_use_the_gateway_but_the_owner_of_a_random_token():
    seen = set()
    for _ in range(2):
        objects = rendered()
        secret = find(objects, "Secret", "drover-gateway-tokens")["data"]
        token = base64.b64decode(secret["admin-token"]).decode()
        file = yaml.safe_load(base64.b64decode(secret["tokens.yaml"]))
        assert len(token) == 40 and token.isalnum()
        assert file == {"tokens": [{"name": "admin", "sha256": hashlib.sha256(token.encode()).hexdigest(), "roles": ["admin"]}]}
        seen.add(token)
        pod = find(objects, "StatefulSet")["spec"]["template"]["spec"]
        container, = pod["containers"]
        assert "--tokens=/etc/drover/tokens/tokens.yaml" in container["args"]
        mounted, = (each["secret"] for each in pod["volumes"] if each["name"] == "tokens")
        assert mounted["items"] == [{"key": "tokens.yaml", "path": "tokens.yaml"}], "the token itself stays out of the pod"
    assert len(seen) == 2


def test_D5_a_gateway_is_open_only_where_somebody_says_so():
    open_to_all = "--set=gateway.tokens.everybodyMayDoEverything=true"
    _, container = gateway(open_to_all)
    assert not [each for each in container["args"] if each.startswith("--tokens")]
    assert not [each for each in rendered(open_to_all) if each["kind"] == "Secret"]
    with pytest.raises(RuntimeError, match="one or the other"):
        template(open_to_all, "--set=gateway.tokens.existingSecret=a")


def test_D5_the_gateway_has_no_rights_and_no_way_to_get_any():
    objects = rendered("--set=serviceAccount.name=of-the-operator")
    pod = find(objects, "StatefulSet")["spec"]["template"]["spec"]
    account = find(objects, "ServiceAccount", pod["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False and pod["automountServiceAccountToken"] is False
    subjects = [subject["name"] for each in objects for subject in each.get("subjects", [])]
    assert subjects and account["metadata"]["name"] not in subjects
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = pod["containers"][0]["securityContext"]
    assert context == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def test_D5_each_gateway_keeps_its_disk():
    claim, = find(rendered(), "StatefulSet")["spec"]["volumeClaimTemplates"]
    pod, container = gateway()
    assert claim["metadata"]["name"] in {each["name"] for each in container["volumeMounts"]}
    assert "--data=/var/lib/drover" in container["args"]
    none = find(rendered("--set=gateway.persistence.enabled=false"), "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in none
    assert {"name": "data", "emptyDir": {}} in none["template"]["spec"]["volumes"]


def test_D5_probes_and_services_speak_as_the_gateway_does():
    for options, scheme in (([], "http"), (["--set=gateway.tls.secretName=tls"], "https")):
        _, container = gateway(*options)
        assert {container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {scheme.upper()}
        arguments = find(rendered(*options), "Pod", "drover-gateway-test")["spec"]["containers"][0]["args"]
        assert arguments[-1] == f"{scheme}://drover-gateway:4100/readyz"
        assert ("--insecure" in arguments) == (scheme == "https")
        done = subprocess.run([os.environ["DROVER"], *arguments[:-1], "--help"], capture_output=True, text=True)
        assert done.returncode == 0, done


def test_D5_selectors_of_operator_and_gateway_never_meet():
    objects = rendered("--set=metrics.serviceMonitor.enabled=true")

    def selector(kind, name):
        spec = find(objects, kind, name)["spec"]
        found = spec.get("selector") or spec["podSelector"]
        return found.get("matchLabels", found)
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"):
        assert selector(kind, "drover")["app.kubernetes.io/component"] == "operator"
        assert selector(kind, "drover-gateway")["app.kubernetes.io/component"] == "gateway"


def test_D5_a_name_leaves_room_for_what_a_StatefulSet_adds_to_it():
    assert len(find(rendered(release="r" * 53), "StatefulSet")["metadata"]["name"]) <= 52


def test_D5_the_network_lets_in_whom_the_values_name_and_out_to_what_it_needs():
    policy = find(rendered("--values", FULL), "NetworkPolicy", "drover-of-mail-gateway")["spec"]
    rule, = policy["ingress"]
    assert rule["ports"] == [{"port": 4100, "protocol": "TCP"}]
    assert rule["from"][:2] == yaml.safe_load(FULL.read_text())["gateway"]["networkPolicy"]["from"]
    ports = {port["port"] for each in policy["egress"] for port in each["ports"]}
    assert ports == {53, 9092, 9093, 6443, 6432, 443}
    without = find(rendered("--set=networkPolicy.egress.enabled=true"), "NetworkPolicy", "drover-gateway")["spec"]
    assert 5432 not in {port["port"] for each in without["egress"] for port in each["ports"]}, "there is no database"


@pytest.fixture
def notes(tmp_path):
    """What helm says after an install. It says so to a cluster only; here it is one more object."""
    chart = tmp_path / "drover"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "NOTES.txt").unlink()
    (chart / "templates" / "notes.yaml").write_text(
        f'{{{{- define "notes" }}}}{text}{{{{ end -}}}}\nkind: Notes\nmetadata: {{name: notes}}\ntext: {{{{ include "notes" . | toJson }}}}\n')
    return lambda *options: find(rendered(*options, chart=chart, namespace="drover"), "Notes")["text"]


def test_D5_the_notes_say_how_to_reach_the_gateway_and_what_is_dangerous(notes):
    said = notes()
    assert "port-forward service/drover-gateway 4100" in said and "get secret drover-gateway-tokens" in said
    assert "WARNING" not in said
    assert "http://drover-gateway.drover:4100" in said
    said = notes("--set=gateway.tokens.everybodyMayDoEverything=true,gateway.persistence.enabled=false")
    assert said.count("WARNING") == 2 and "Bearer" not in said
    assert "The gateway" not in notes("--set=gateway.enabled=false")


# --- metrics ---

def served():
    """The metrics that operator, sidecar and gateway have."""
    sources = (ROOT / "operator" / "operator_metrics.cpp", ROOT / "sidecar" / "stats.cpp",
               ROOT / "gateway" / "gateway_metrics.cpp", ROOT / "gateway" / "submit" / "job_submitter.cpp")
    names = {name for source in sources for name in re.findall(r'"((?:drover|bull)_[a-z_]+)"', source.read_text())}
    assert len(names) > 40
    return names


def asked_for(expression):
    """Without what a histogram adds to its name."""
    names = set(re.findall(r"\b(?:drover|bull)_[a-z_]+", expression))
    return {name if name in served() else re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


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
    shown = {name for name in served()
             if name.startswith(("drover_operator_", "drover_queue_", "drover_scale_", "drover_gateway_"))}
    assert shown <= asked


def test_D5_the_label_namespace_stays_the_queues():
    endpoint, = find(rendered("--set=metrics.serviceMonitor.enabled=true"), "ServiceMonitor", "drover")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True and endpoint["port"] == "metrics"
