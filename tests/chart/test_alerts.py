"""The chart's alert rules in Prometheus' own judgement: promtool evaluates each on made-up series."""

import json
import re
import subprocess

import pytest
import yaml

from chart import CHART, GOLDEN, ROOT, find, rendered

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
OPERATOR = 'job="drover", namespace="drover-system"'
GATEWAY = 'job="drover-gateway", namespace="drover-system", pod="drover-gateway-0"'
EMAIL = 'namespace="shop", queue="email"'
OF_EMAIL = f'{GATEWAY}, queue="shop.email"'
SIDECAR = f'{EMAIL}, pod="drover-email-1"'
QUEUE = {"namespace": "shop", "queue": "email"}
POD = {"pod": "drover-gateway-0"}
LONG = "x240"  # times 15 s: an hour


def grows(by):
    return f"0+{by}{LONG}"


def stays(at):
    return f"{at}{LONG}"


def ended(completed, failed):
    return {f'bull_jobs_total{{{OF_EMAIL}, status="completed"}}': grows(completed),
            f'bull_jobs_total{{{OF_EMAIL}, status="failed"}}': grows(failed)}


def ended_by_sidecars(completed, failed):
    return {f"drover_jobs_completed_total{{{SIDECAR}}}": grows(completed),
            f"drover_jobs_dead_lettered_total{{{SIDECAR}}}": grows(failed)}


def took(seconds, queue="email"):
    series = f'{{{GATEWAY}, queue="shop.{queue}", job="send"}}'.replace('job="drover-gateway", ', "")
    return {f"bull_job_duration_seconds_sum{series}": grows(seconds * 2), f"bull_job_duration_seconds_count{series}": grows(2)}


def took_by_sidecars(seconds):
    return {f"drover_job_duration_seconds_sum{{{SIDECAR}}}": grows(seconds * 2),
            f"drover_job_duration_seconds_count{{{SIDECAR}}}": grows(2)}


def waited(seconds):
    return {f"drover_job_wait_seconds_sum{{{SIDECAR}}}": grows(seconds * 3),
            f"drover_job_wait_seconds_count{{{SIDECAR}}}": grows(3)}


def oldest(seconds, ready=1, paused=0):
    return {f"drover_queue_oldest_seconds{{{EMAIL}}}": stays(seconds), f"drover_queue_replicas_ready{{{EMAIL}}}": stays(ready),
            f"drover_queue_paused{{{EMAIL}}}": stays(paused)}


# Alert, series, and the labels with which it fires after an hour; None: it does not.
CASES = [
    ("DroverOperatorWithoutLeader", {}, {"job": "drover", "namespace": "drover-system"}),
    ("DroverOperatorWithoutLeader", {f"drover_operator_leading{{{OPERATOR}, pod=\"a\"}}": stays(0)}, {}),
    ("DroverOperatorWithoutLeader", {f"drover_operator_leading{{{OPERATOR}, pod=\"a\"}}": stays(0),
                                     f"drover_operator_leading{{{OPERATOR}, pod=\"b\"}}": stays(1)}, None),
    ("DroverOperatorReconcilesFail", {f'drover_operator_reconciles_total{{{OPERATOR}, result="error"}}': grows(1)}, {}),
    ("DroverOperatorReconcilesFail", {f'drover_operator_reconciles_total{{{OPERATOR}, result="ok"}}': grows(1)}, None),
    ("DroverKafkaUnreachable", {'drover_operator_kafka_reachable{instance="a", bootstrap_servers="kafka:9092"}': stays(0),
                                'drover_operator_leading{instance="a"}': stays(1)},
     {"bootstrap_servers": "kafka:9092", "instance": "a"}),
    ("DroverKafkaUnreachable", {'drover_operator_kafka_reachable{instance="a", bootstrap_servers="kafka:9092"}': stays(0),
                                'drover_operator_leading{instance="a"}': stays(0)}, None),
    ("DroverGatewayDown", {}, {"job": "drover-gateway", "namespace": "drover-system"}),
    ("DroverGatewayDown", {f"drover_gateway_kafka_away{{{GATEWAY}}}": stays(1)}, None),
    ("DroverGatewayKafkaAway", {f"drover_gateway_kafka_away{{{GATEWAY}}}": stays(1)}, POD),
    ("DroverGatewayKafkaAway", {f"drover_gateway_kafka_away{{{GATEWAY}}}": stays(0)}, None),
    ("DroverGatewaySpoolOld", {f"drover_gateway_spool_oldest_seconds{{{GATEWAY}}}": stays(601)}, POD),
    ("DroverGatewaySpoolOld", {f"drover_gateway_spool_oldest_seconds{{{GATEWAY}}}": stays(600)}, None),
    ("DroverGatewayJobsRefused", {f"drover_gateway_refused_total{{{GATEWAY}}}": stays(1)}, POD),
    ("DroverGatewayJobsRefused", {f"drover_gateway_refused_total{{{GATEWAY}}}": stays(0),
                                  f"drover_gateway_spool_damaged{{{GATEWAY}}}": stays(2)}, POD),
    ("DroverGatewayJobsRefused", {f"drover_gateway_refused_total{{{GATEWAY}}}": stays(0),
                                  f"drover_gateway_spool_damaged{{{GATEWAY}}}": stays(0)}, None),
    ("DroverGatewayFails", {f'drover_gateway_requests_total{{{GATEWAY}, route="/v1/jobs/{{id}}", status="503"}}': grows(6),
                            f'drover_gateway_requests_total{{{GATEWAY}, route="/v1/jobs/{{id}}", status="200"}}': grows(94)}, {}),
    ("DroverGatewayFails", {f'drover_gateway_requests_total{{{GATEWAY}, route="/v1/jobs/{{id}}", status="503"}}': grows(5),
                            f'drover_gateway_requests_total{{{GATEWAY}, route="/v1/jobs/{{id}}", status="200"}}': grows(95)}, None),
    ("DroverGatewayFails", {f'drover_gateway_requests_total{{{GATEWAY}, route="/readyz", status="503"}}': grows(6),
                            f'drover_gateway_requests_total{{{GATEWAY}, route="/v1/queues", status="200"}}': grows(1)}, None),
    ("DroverGatewayViewStands", {f"drover_gateway_view_up{{{GATEWAY}}}": stays(0)}, {}),
    ("DroverGatewayViewStands", {f"drover_gateway_view_up{{{GATEWAY}}}": stays(1)}, None),
    ("DroverGatewayDelayedJobsLate", {f"drover_gateway_scheduler_behind_seconds{{{GATEWAY}}}": stays(31)}, POD),
    ("DroverGatewayDelayedJobsLate", {f"drover_gateway_scheduler_behind_seconds{{{GATEWAY}}}": stays(30)}, None),
    ("DroverGatewayDelayedJobsStand", {f"drover_gateway_scheduler_up{{{GATEWAY}}}": stays(0)}, {}),
    ("DroverGatewayDelayedJobsStand", {f"drover_gateway_scheduler_up{{{GATEWAY}}}": stays(1)}, None),
    ("DroverDeadLettersGrow", {f"drover_queue_dead_letters{{{EMAIL}}}": grows(1)}, QUEUE),
    ("DroverDeadLettersGrow", {f"drover_queue_dead_letters{{{EMAIL}}}": stays(7)}, None),
    ("DroverJobsWaitTooLong", oldest(901), QUEUE),
    ("DroverJobsWaitTooLong", oldest(900), None),
    ("DroverJobsWaitTooLong", oldest(901, paused=1), None),
    # S3's thresholds, on both sides of each.
    ("DroverTooManyWaiting", {f'drover_gateway_jobs{{{OF_EMAIL}, state="waiting"}}': stays(1001)}, QUEUE),
    ("DroverTooManyWaiting", {f'drover_gateway_jobs{{{OF_EMAIL}, state="waiting"}}': stays(1000),
                              f'drover_gateway_jobs{{{OF_EMAIL}, state="completed"}}': stays(5000)}, None),
    ("DroverTooManyWaiting", {f"drover_queue_backlog{{{EMAIL}}}": stays(1001)}, QUEUE),
    ("DroverTooManyWaiting", {f"drover_queue_backlog{{{EMAIL}}}": stays(1001),
                              f'drover_gateway_jobs{{{OF_EMAIL}, state="waiting"}}': stays(1000)}, None),
    ("DroverTooManyFail", ended(94, 6), QUEUE),
    ("DroverTooManyFail", ended(95, 5), None),
    ("DroverTooManyFail", ended(0, 0), None),
    ("DroverTooManyFail", ended_by_sidecars(94, 6), QUEUE),
    ("DroverTooManyFail", ended_by_sidecars(95, 5), None),
    ("DroverTooManyFail", ended(95, 5) | ended_by_sidecars(1, 1), None),
    ("DroverJobsTakeTooLong", took(10.5), QUEUE),
    ("DroverJobsTakeTooLong", took(9.9), None),
    ("DroverJobsTakeTooLong", took(600, queue="exports"), None),
    ("DroverJobsTakeTooLong", took(600, queue="email-exports"), None),
    ("DroverJobsTakeTooLong", took_by_sidecars(10.5), QUEUE),
    ("DroverJobsTakeTooLong", took_by_sidecars(9.9), None),
    ("DroverMeanWaitTooLong", waited(61), QUEUE),
    ("DroverMeanWaitTooLong", waited(59.9) | oldest(300), None),
    ("DroverMeanWaitTooLong", oldest(61, ready=0), QUEUE),
    ("DroverMeanWaitTooLong", oldest(60, ready=0), None),
    ("DroverMeanWaitTooLong", oldest(61, ready=0, paused=1), None),
    ("DroverQueueNotReady", {f"drover_queue_ready{{{EMAIL}}}": stays(0)}, QUEUE),
    ("DroverQueueNotReady", {f"drover_queue_ready{{{EMAIL}}}": stays(1)}, None),
    ("DroverWorkerUnreachable", {f"drover_worker_reachable{{{SIDECAR}}}": stays(0)}, QUEUE | {"pod": "drover-email-1"}),
    ("DroverWorkerUnreachable", {f"drover_worker_reachable{{{SIDECAR}}}": stays(1)}, None),
    ("DroverWritesFail", {f"drover_write_failures_total{{{SIDECAR}}}": grows(1)}, QUEUE),
    ("DroverWritesFail", {f"drover_write_failures_total{{{SIDECAR}}}": stays(3)}, None),
]


def rules(*options):
    return find(rendered("--set=metrics.alerts.enabled=true", *options), "PrometheusRule")["spec"]


def alerts(*options):
    return {rule["alert"]: rule for group in rules(*options)["groups"] for rule in group["rules"]}


def promtool(*arguments, folder):
    return subprocess.run(["promtool", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def labels_as_text(labels):
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def judged(cases, folder, spec):
    """promtool's verdict on whether each case fires as it should."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(spec))
    tests = []
    for alert, series, labels in cases:
        # Severity is the rule's own; the rest is whom it is about.
        asked = f'count without (alertname, alertstate, severity) (ALERTS{{alertname="{alert}", alertstate="firing"}})'
        tests.append({"interval": "15s", "name": f"{alert} {series} {labels}",
                      "input_series": [{"series": name, "values": values} for name, values in series.items()],
                      "promql_expr_test": [{"expr": asked, "eval_time": "1h", "exp_samples":
                                            [] if labels is None else [{"labels": labels_as_text(labels), "value": 1}]}]})
    (folder / "tests.yaml").write_text(yaml.safe_dump(
        {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": tests}))
    return promtool("test", "rules", "tests.yaml", folder=folder)


def test_C13_each_alert_fires_at_its_threshold_and_not_below(tmp_path):
    done = judged(CASES, tmp_path, rules())
    assert done.returncode == 0, done.stdout


def test_C13_each_alert_is_seen_firing_and_not_firing():
    for fires in (True, False):
        assert {alert for alert, _, labels in CASES if (labels is not None) == fires} == set(alerts())


def test_C13_the_judge_can_say_no(tmp_path):
    done = judged([("DroverTooManyWaiting", {f"drover_queue_backlog{{{EMAIL}}}": stays(1000)}, QUEUE)], tmp_path, rules())
    assert done.returncode == 1 and "FAILED" in done.stdout


def test_C13_other_thresholds_count(tmp_path):
    spec = rules("--values", GOLDEN / "full.values.yaml")
    cases = [("DroverTooManyFail", ended(88, 12), None), ("DroverTooManyFail", ended(87, 13), QUEUE),
             ("DroverJobsTakeTooLong", took(600), None),
             ("DroverJobsTakeTooLong", took(3, queue="mail"), {"namespace": "shop", "queue": "mail"}),
             ("DroverMeanWaitTooLong", waited(89.9), None), ("DroverMeanWaitTooLong", waited(91), QUEUE),
             ("DroverTooManyWaiting", {f"drover_queue_backlog{{{EMAIL}}}": stays(10_000_000)}, None),
             ("DroverTooManyWaiting", {f"drover_queue_backlog{{{EMAIL}}}": stays(10_000_001)}, QUEUE)]
    done = judged(cases, tmp_path, spec)
    assert done.returncode == 0, done.stdout


def test_C13_prometheus_takes_the_rules_and_their_texts(tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    done = promtool("check", "rules", "rules.yaml", folder=tmp_path)
    assert done.returncode == 0 and f"{len(alerts())} rules found" in done.stdout, done.stdout


def test_D5_prometheus_understands_each_question_of_the_dashboard(tmp_path):
    config = find(rendered("--set=metrics.dashboard.enabled=true"), "ConfigMap")
    panels = [panel for panel in json.loads(config["data"]["drover.json"])["panels"] if panel["type"] != "row"]
    # What Grafana puts in their place.
    filled = [re.sub(r"\$(namespace|queue)", "(a|b)", target["expr"].replace("$__rate_interval", "1m"))
              for panel in panels for target in panel["targets"]]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"question:{number}", "expr": expression} for number, expression in enumerate(filled)]}]}))
    done = promtool("check", "rules", "rules.yaml", folder=tmp_path)
    assert done.returncode == 0 and len(filled) > 30, done.stdout


def test_C13_an_alert_says_in_words_what_is_wrong(tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [{
        "interval": "15s", "input_series": [{"series": name, "values": values} for name, values in ended(90, 10).items()],
        "alert_rule_test": [{"eval_time": "1h", "alertname": "DroverTooManyFail", "exp_alerts": [{
            "exp_labels": QUEUE | {"severity": "warning"},
            "exp_annotations": {
                "summary": "10% of the jobs of shop.email that end have failed.",
                "description": "Failed for good, that is, after all their tries; within 15 minutes.",
                "runbook_url": "docs/operations.md#drovertoomanyfail"}}]}]}]}))
    done = promtool("test", "rules", "tests.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("options", [(), ("--set=metrics.alerts.runbookUrl=https://wiki.example/drover",)], ids=["default", "given"])
def test_C13_each_alert_leads_to_its_section_of_the_operations_guide(options):
    where = options[0].partition("=")[2].partition("=")[2] if options else "docs/operations.md"
    anchors = {heading.lower() for heading in re.findall(r"^#+ (Drover\w+)$", OPERATIONS, re.MULTILINE)}
    for name, rule in alerts(*options).items():
        place, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert place == where and anchor == name.lower() and anchor in anchors
    assert anchors == {name.lower() for name in alerts()}


def test_C13_the_gateways_own_alerts_have_the_same_limits():
    limits = (ROOT / "gateway" / "core" / "alert_rules.h").read_text()
    ours = yaml.safe_load((CHART / "values.yaml").read_text())["metrics"]["alerts"]
    queues = ", ".join(f'"*.{name}"' for name in ours["meanDuration"]["queues"])
    for line in (f"waiting = {ours['waiting']};", f"failure_rate = {ours['failedPercent'] / 100};",
                 f"wait = std::chrono::minutes({ours['meanWaitSeconds'] // 60});",
                 f"mean_run = std::chrono::seconds({ours['meanDuration']['seconds']});", f"mean_run_queues{{{queues}}};"):
        assert line in limits


def test_C13_without_a_gateway_nobody_is_told_that_it_is_down():
    assert not [name for name in alerts("--set=gateway.enabled=false") if name.startswith("DroverGateway")]
