"""charts/drover in a real API server: installed, upgraded, taken away; and what its operator may do there."""

import base64
import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import yaml

from chart import CHART, GOLDEN, LEAST, find, helm, rendered, template
from chart_gateway import gateway, status_of, tokens_of
from embedded_broker import EmbeddedBroker
from jobqueue_cases import queue
from kubernetes_node import ControlPlane
from processes import end_with_parent

NAMESPACE = "drover-system"


def install(plane, *arguments, chart=CHART, release="drover", action="install"):
    options = ["--create-namespace"] if action == "install" else []
    return helm(action, release, chart, "--namespace", NAMESPACE, "--kubeconfig", plane.kubeconfig, *options, *LEAST, *arguments)


def uninstall(plane, release="drover"):
    return helm("uninstall", release, "--namespace", NAMESPACE, "--kubeconfig", plane.kubeconfig)


def kind_of_monitoring(plural, kind):
    """What stands in for the Prometheus operator's own: any fields."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                     "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def wait_for_kind(plane, name="jobqueues.drover.dev"):
    group = name.partition(".")[2]
    plane.wait_until(lambda: name in plane.kubectl("api-resources", "--api-group", group, "-o", "name").split(), f"{name} in the API")


@pytest.fixture(scope="module")
def plane():
    """An API server that knows no JobQueue yet. Namespaces are mail and shop, beside Kubernetes' own."""
    with ControlPlane.temporary() as one:
        one.apply(*(kind_of_monitoring(*names) for names in (
            ("servicemonitors", "ServiceMonitor"), ("podmonitors", "PodMonitor"), ("prometheusrules", "PrometheusRule"))))
        for plural in ("servicemonitors", "podmonitors", "prometheusrules"):
            wait_for_kind(one, f"{plural}.monitoring.coreos.com")
        one.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("mail", "shop")))
        yield one


@pytest.fixture
def fresh(plane):
    """The same; what a test has installed there is gone after it."""
    yield plane
    for release in json.loads(helm("list", "--all", "--namespace", NAMESPACE, "--output=json", "--kubeconfig", plane.kubeconfig)):
        uninstall(plane, release["name"])
    if "jobqueues.drover.dev" in plane.kubectl("get", "crd", "-o", "name"):
        for each in plane.get("jobqueues", "--all-namespaces")["items"]:  # no operator is there to let go of them
            plane.kubectl("patch", "jobqueue", each["metadata"]["name"], "--namespace", each["metadata"]["namespace"],
                          "--type=merge", "--patch", '{"metadata": {"finalizers": null}}')
        plane.kubectl("delete", "crd", "jobqueues.drover.dev")


def names_of(plane, objects):
    """Those of the objects that there are."""
    return {(each["kind"], each["metadata"]["name"]) for each in objects
            if plane.kubectl("get", each["kind"], each["metadata"]["name"], "--ignore-not-found", "-o", "name",
                             "--namespace", each["metadata"].get("namespace", NAMESPACE))}


def known(plane):
    return plane.get("crd", "jobqueues.drover.dev")


def test_D5_the_chart_is_installed_upgraded_and_taken_away_and_queues_stay(fresh, tmp_path):
    older = tmp_path / "drover"
    shutil.copytree(CHART, older)
    text = (older / "files" / "jobqueues.drover.dev.yaml").read_text()
    assert "shortNames: [jq]" in text
    (older / "files" / "jobqueues.drover.dev.yaml").write_text(text.replace("    shortNames: [jq]\n", ""))
    objects = [each for each in rendered() if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    everything = {(each["kind"], each["metadata"]["name"]) for each in objects}

    said = install(fresh, chart=older)
    assert "watches JobQueues in all namespaces" in said and "helm test --namespace drover-system drover" in said
    wait_for_kind(fresh)
    assert names_of(fresh, objects) == everything
    assert "shortNames" not in known(fresh)["spec"]["names"]
    fresh.apply(yaml.safe_load(queue()))
    with pytest.raises(RuntimeError, match="spec.delivery.port"):
        fresh.apply(yaml.safe_load(queue("delivery: {port: 0}", name="bad")))

    install(fresh, "--set=operator.replicas=3", action="upgrade")
    assert known(fresh)["spec"]["names"]["shortNames"] == ["jq"]
    assert fresh.get("deployment", "drover", "--namespace", NAMESPACE)["spec"]["replicas"] == 3
    before = known(fresh)["metadata"]["uid"], fresh.get("jobqueue", "email")["metadata"]["uid"]

    assert "[CustomResourceDefinition] jobqueues.drover.dev" in uninstall(fresh)
    assert names_of(fresh, objects) == {("CustomResourceDefinition", "jobqueues.drover.dev")}
    install(fresh)
    assert names_of(fresh, objects) == everything
    assert before == (known(fresh)["metadata"]["uid"], fresh.get("jobqueue", "email")["metadata"]["uid"])


def test_D5_the_random_token_is_kept_by_upgrades_and_goes_with_the_release(fresh):
    install(fresh)
    first = tokens_of(fresh, NAMESPACE)
    assert hashlib.sha256(first["admin-token"].encode()).hexdigest() in first["tokens.yaml"]
    more = first["tokens.yaml"] + "- {name: shop, sha256: " + "0" * 64 + ", roles: [submit]}\n"
    fresh.kubectl("patch", "secret", "drover-gateway-tokens", "--namespace", NAMESPACE, "--patch",
                  json.dumps({"stringData": {"tokens.yaml": more}}))
    install(fresh, "--set=gateway.resources.limits.memory=1Gi", action="upgrade")
    assert tokens_of(fresh, NAMESPACE) == first | {"tokens.yaml": more}, "what people add is kept as well"
    uninstall(fresh)
    install(fresh)
    assert tokens_of(fresh, NAMESPACE)["admin-token"] != first["admin-token"]


def test_D5_the_gateway_of_the_chart_answers_to_the_token_that_the_notes_tell_of_and_to_nobody_else(fresh, tmp_path):
    with EmbeddedBroker.temporary() as broker:
        its_kafka = f"--set=gateway.kafka.bootstrapServers={broker.bootstrap}"
        said = install(fresh, its_kafka)
        assert "get secret drover-gateway-tokens -o jsonpath='{.data.admin-token}'" in said
        token = base64.b64decode(fresh.kubectl("get", "secret", "drover-gateway-tokens", "--namespace", NAMESPACE,
                                               "-o", "jsonpath={.data.admin-token}")).decode()
        with gateway(fresh, rendered(its_kafka), tmp_path, NAMESPACE) as port:
            fresh.wait_until(lambda: status_of(port, "/readyz") == 200, "readiness, which probes ask for without a token")
            assert status_of(port, "/v1/queues", token) == 200
            assert [status_of(port, "/v1/queues", each) for each in (None, "admin", token[:-1])] == [401, 401, 401]


def test_D5_the_gateway_has_no_rights_in_the_cluster(fresh):
    install(fresh)
    assert allowed(fresh, NEEDED + NEVER, EVERYWHERE, account="drover-gateway") == set()


def test_D5_without_keep_the_definition_goes_too(fresh):
    install(fresh, "--set=crds.keep=false")
    wait_for_kind(fresh)
    uninstall(fresh)
    fresh.wait_until(lambda: "jobqueues" not in fresh.kubectl("get", "crd", "-o", "name"), "end of the definition")


def test_D5_two_releases_stand_side_by_side(fresh):
    install(fresh, "--set=watch.namespaces={mail}", release="one")
    install(fresh, "--set=watch.namespaces={shop},crds.install=false", release="two")
    names = fresh.kubectl("get", "deployments", "--namespace", NAMESPACE, "-o", "name").split()
    assert names == ["deployment.apps/one-drover", "deployment.apps/two-drover"]


@pytest.mark.parametrize("values", [[], ["--values", GOLDEN / "full.values.yaml"]], ids=["default", "full"])
def test_D5_the_api_server_knows_each_field(fresh, values):
    text = template(*values, "--set=metrics.dashboard.enabled=true,crds.install=true", namespace="default")
    arguments = ("apply", "--dry-run=server", "--validate=strict", "-f", "-")
    fresh.kubectl(*arguments, given=text)
    with pytest.raises(RuntimeError, match="unknown field"):
        fresh.kubectl(*arguments, given=text.replace("enableServiceLinks:", "enableServiceLink:"))


# --- what the operator may do ---

def allowed(plane, wishes, namespaces, name="", account="drover"):
    """What of these the chart's ServiceAccount may, as (namespace, verb, resource); wishes are (verb, kubectl's
    resource[.group][/subresource])."""

    def review(namespace, verb, resource):
        whole, _, subresource = resource.partition("/")
        plural, _, group = whole.partition(".")
        return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {"verb": verb, "group": group, "resource": plural, "subresource": subresource,
                                   "namespace": namespace, "name": name}}}

    asked = [(namespace, *wish) for namespace in namespaces for wish in wishes]
    answers = plane.kubectl("create", "-o", "jsonpath={.status.allowed} ", "-f", "-", given={
        "apiVersion": "v1", "kind": "List", "items": [review(*each) for each in asked]}).split()
    assert len(answers) == len(asked) and set(answers) <= {"true", "false"}
    return {each for each, answer in zip(asked, answers) if answer == "true"}


def each_in(wishes, *namespaces):
    return {(namespace, *wish) for namespace in namespaces for wish in wishes}


NEEDED = [("watch", "jobqueues.drover.dev"), ("patch", "jobqueues.drover.dev/status"), ("patch", "deployments.apps"),
          ("create", "configmaps"), ("patch", "pods"), ("get", "secrets"), ("create", "events.events.k8s.io")]
# Whoever could do one of these could do more than a JobQueue asks for.
NEVER = [("list", "secrets"), ("watch", "secrets"), ("create", "secrets"), ("patch", "secrets"), ("delete", "jobqueues.drover.dev"),
         ("create", "jobqueues.drover.dev"), ("delete", "deployments.apps"), ("create", "pods"), ("create", "pods/exec"),
         ("delete", "pods"), ("get", "configmaps"), ("create", "serviceaccounts/token"), ("impersonate", "serviceaccounts"),
         ("create", "roles.rbac.authorization.k8s.io"), ("bind", "clusterroles.rbac.authorization.k8s.io"),
         ("escalate", "clusterroles.rbac.authorization.k8s.io"), ("patch", "nodes"), ("delete", "leases.coordination.k8s.io")]


EVERYWHERE = ("mail", "shop", NAMESPACE, "")


def test_D5_the_operator_may_do_its_work_everywhere_and_nothing_else(fresh):
    install(fresh)
    assert allowed(fresh, NEEDED + NEVER, EVERYWHERE) == each_in(NEEDED, *EVERYWHERE)


def test_D5_the_operator_may_do_nothing_outside_of_the_namespaces_that_it_watches(fresh):
    install(fresh, "--set=watch.namespaces={mail}")
    assert allowed(fresh, NEEDED + NEVER, EVERYWHERE) == each_in(NEEDED, "mail")


def test_B9_the_operator_has_its_own_lease_and_no_other(fresh):
    install(fresh)
    own = [("get", "leases.coordination.k8s.io"), ("patch", "leases.coordination.k8s.io")]
    make = [("create", "leases.coordination.k8s.io")]
    assert allowed(fresh, own + make, EVERYWHERE, "drover") == each_in(own + make, NAMESPACE)
    assert allowed(fresh, own + make, (*EVERYWHERE, "kube-system"), "another") == each_in(make, NAMESPACE)


# --- the operator itself, with these rights and no others ---

@contextlib.contextmanager
def operator(plane, objects, log):
    """`drover operator` with the arguments that the chart has for it, as the chart's ServiceAccount, on this machine.
    Yields a wait_until() that fails when it ends, with what it said."""
    arguments = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    arguments = [re.sub(r"^--port=.*", "--port=0", each.replace("$(POD_NAMESPACE)", NAMESPACE)) for each in arguments]
    with log.open("wb") as out:
        child = subprocess.Popen([os.environ["DROVER"], *arguments, "--kubeconfig",
                                  plane.service_account_kubeconfig(NAMESPACE, "drover")],
                                 stdout=out, stderr=subprocess.STDOUT, preexec_fn=end_with_parent,
                                 env={**os.environ, "POD_NAME": "drover-0"})

    def wait_until(condition, what):
        def holds():
            assert child.poll() is None, f"the operator ended:\n{log.read_text()}"
            return condition()
        try:
            return plane.wait_until(holds, what)
        except TimeoutError as error:
            pytest.fail(f"{error}; the operator says:\n{log.read_text()[-4000:]}")

    try:
        yield wait_until
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0, log.read_text()
    finally:
        child.kill()
        child.wait()


def resource_of(reference):
    group = f".{reference['apiGroup']}" if "apiGroup" in reference else ""
    sub = f"/{reference['subresource']}" if "subresource" in reference else ""
    return f"{reference['resource']}{group}{sub}"


def requests_of(plane):
    """What the operator asked the API server for: (verb, resource, namespace, status). An apply that made something
    needs the right to create it, too."""
    asked = set()
    for event in plane.audit():
        if event["user"]["username"] != f"system:serviceaccount:{NAMESPACE}:drover" or "objectRef" not in event:
            continue
        about, code = event["objectRef"], event["responseStatus"]["code"]
        asked.add((event["verb"], resource_of(about), about["namespace"], code))
        if event["verb"] == "patch" and code == 201:
            asked.add(("create", resource_of(about), about["namespace"], code))
    return asked


def granted(objects):
    """(verb, resource, namespace) of all Roles."""
    return {(verb, f"{resource}.{group}" if group and "/" not in resource else
             f"{resource.replace('/', f'.{group}/')}" if group else resource, role["metadata"]["namespace"])
            for role in objects if role["kind"] == "Role" for rule in role["rules"]
            for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}


APP = {"metadata": {"labels": {"app": "mailer"}}, "spec": {"containers": [{"name": "app", "image": "mailer"}]}}


def job_queue_of(servers, namespace, name, auth_secret=None, **spec):
    kafka = {"bootstrapServers": servers, "partitions": 2, "replicationFactor": 1}
    if auth_secret:
        kafka["authSecret"] = auth_secret
    return {"apiVersion": "drover.dev/v1alpha1", "kind": "JobQueue", "metadata": {"name": name, "namespace": namespace},
            "spec": {"kafka": kafka, "scaling": {"minReplicas": 1}, **spec}}


def secret(namespace, name, **entries):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": entries}


def test_D5_the_operator_uses_each_of_its_rights_and_lacks_none(fresh, tmp_path):
    """All that it does, once: makes workers of a template, takes over a Deployment, scales in, reads a Secret, tells of
    what it cannot do, and again a minute later."""
    with EmbeddedBroker.temporary() as broker:
        values = tmp_path / "values.yaml"
        values.write_text(json.dumps({"watch": {"namespaces": ["mail"]}, "sidecar": {"podMonitors": True},
                                      "kafka": {"allowedBrokers": [broker.bootstrap]}}))
        install(fresh, "--values", values)
        wait_for_kind(fresh)
        objects = rendered("--values", values)
        job_queue = functools.partial(job_queue_of, broker.bootstrap, "mail")
        fresh.apply(
            secret("mail", "kafka", **{"client.id": "mailer"}),
            job_queue("made", auth_secret="kafka", worker={"template": APP}),
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mailer", "namespace": "mail"},
             "spec": {"selector": {"matchLabels": {"app": "mailer"}}, "template": APP}},
            job_queue("adopted", targetRef={"name": "mailer"}),
            job_queue("wrong", worker={"template": {"spec": {"containers": [{"name": "app", "image": ""}]}}}),
            {"apiVersion": "v1", "kind": "Pod",
             "metadata": {"name": "made-1", "namespace": "mail", "labels": {"drover.dev/queue": "made"}}, "spec": APP["spec"]})
        with operator(fresh, objects, tmp_path / "operator.log") as wait_until:
            wait_until(lambda: "drover-made" in fresh.kubectl("get", "deployments", "-n", "mail", "-o", "name"), "Deployment")
            fresh.kubectl("scale", "deployment", "drover-made", "--namespace", "mail", "--replicas=5")
            # Only where that admission plugin is on, which asks for it itself.
            wanted = granted(objects) - {("update", "jobqueues.drover.dev/finalizers", "mail")}

            def used():
                return {(verb, resource, namespace) for verb, resource, namespace, _ in requests_of(fresh)}

            for right in sorted(wanted):
                wait_until(lambda: right in used(), f"use of {right}")
            assert used() <= granted(objects)
            # While it is there: one that has taken over a Deployment has to let go of it.
            fresh.kubectl("delete", "jobqueues", "--all", "--namespace", "mail", "--timeout=60s")
        assert {request for request in requests_of(fresh) if request[3] in (401, 403)} == set()


def test_D5_a_queue_gets_no_secret_of_another_namespace_and_none_goes_to_a_broker_that_is_not_allowed(fresh, tmp_path):
    with EmbeddedBroker.temporary() as broker, socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        stranger = f"127.0.0.1:{listening.getsockname()[1]}"
        allowed_only = "--set-json", f"kafka.allowedBrokers=[{json.dumps(broker.bootstrap)}]"
        install(fresh, *allowed_only)
        wait_for_kind(fresh)
        template_of = {"worker": {"template": APP}}
        fresh.apply(
            secret("shop", "private", **{"client.id": "nobody names this one"}),
            secret("shop", "theirs", **{"client.id": "shop"}),
            secret("mail", "leads-away", **{"bootstrap.servers": stranger}),
            job_queue_of(broker.bootstrap, "mail", "curious", auth_secret="private", **template_of),
            job_queue_of(broker.bootstrap, "mail", "sly", auth_secret="leads-away", **template_of),
            job_queue_of(stranger, "shop", "elsewhere", auth_secret="theirs", **template_of),
            job_queue_of(f"{broker.bootstrap},{stranger}", "shop", "both", auth_secret="theirs", **template_of),
            job_queue_of(broker.bootstrap, "shop", "good", auth_secret="theirs", **template_of))

        def reason(namespace, name):
            conditions = fresh.get("jobqueue", "--namespace", namespace, name).get("status", {}).get("conditions", [])
            return next((each["reason"] for each in conditions if each["type"] == "KafkaReachable"), None)

        with operator(fresh, rendered(*allowed_only), tmp_path / "operator.log") as wait_until:
            wait_until(lambda: reason("mail", "curious") == "SecretNotFound", "refusal of a Secret that is not there")
            for namespace, name in (("mail", "sly"), ("shop", "elsewhere"), ("shop", "both")):
                wait_until(lambda: reason(namespace, name) == "NotAllowed", f"refusal of {namespace}.{name}")
            wait_until(lambda: "drover-good" in fresh.kubectl("get", "deployments", "-n", "shop", "-o", "name"), "Deployment")
            fresh.kubectl("delete", "jobqueues", "--all", "--all-namespaces", "--timeout=60s")
        with pytest.raises(BlockingIOError):  # nobody has called
            listening.accept()
        read = {(event["objectRef"]["namespace"], event["objectRef"]["name"]) for event in fresh.audit()
                if event.get("objectRef", {}).get("resource") == "secrets" and event["user"]["username"].endswith(":drover")}
        assert ("mail", "private") in read and ("shop", "private") not in read
