#!/usr/bin/env python3
"""Runs the tests and says how they went: `make test`.

    run_all.py --build build/dev --reports build/reports [--only SUITE...] [--tests REGEX]

Suites: ctest (all that CMake knows: unit and property tests, layering, the brokers' conformance), python-<folder> (each
tests/<folder>/test_*.py, with the built program's path in DROVER; a folder of many is several suites), python-on-a-node
(what needs a Kubernetes node, and so root) and broker (the Go tests). Every suite leaves JUnit reports in --reports, which
is emptied first. The last line is "N passed, N failed". A test that was skipped, a program that ended without its report,
and a suite without a test count as failed. The exit code is 0 only when nothing failed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
SLOWEST_TEST = 1800  # seconds; a limit for what hangs, not a measure
SIDE_BY_SIDE = 3  # suites: brokers that start and retries that wait leave the machine idle
MOST_FILES = {TESTS / "cluster": 1, TESTS / "gateway" / "scheduler": 1}  # of one suite
USUALLY = 7
ON_A_NODE = {TESTS / "cluster" / "test_on_a_node.py", TESTS / "platform" / "test_kubernetes.py"}


class Case:
    """One test case of a JUnit report. `problem` is None when it passed."""

    def __init__(self, element):
        bad = next((child for child in element if child.tag in ("failure", "error", "skipped")), None)
        skipped = bad is not None and bad.tag == "skipped" or element.get("status") == "notrun"
        self.name = f"{element.get('classname', '')}.{element.get('name', '')}"
        self.problem = None
        if skipped:
            self.problem = "skipped: tests never skip"
        elif bad is not None:
            self.problem = (bad.text or bad.get("message") or bad.tag).strip()


def read_report(path):
    """The cases of a report; one that cannot be read is one failed case."""
    try:
        return [Case(element) for element in ElementTree.parse(path).iter("testcase")]
    except ElementTree.ParseError as error:
        return write_failure(path, path.stem, f"the report cannot be read: {error}")


def write_report(path, suite, cases):
    """`cases` are (class name, name, seconds, problem or None)."""
    cases = list(cases)
    root = ElementTree.Element("testsuite", name=suite, tests=str(len(cases)),
                               failures=str(sum(problem is not None for *_, problem in cases)))
    for class_name, name, seconds, problem in cases:
        element = ElementTree.SubElement(root, "testcase", classname=class_name, name=name, time=f"{seconds:.3f}")
        if problem is not None:
            ElementTree.SubElement(element, "failure", message="failed").text = printable(problem)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return read_report(path)


def write_failure(path, name, problem):
    return write_report(path, name, [(name, "ended_well", 0, problem)])


def printable(text):
    """XML has no place for most control characters."""
    return "".join(c if c >= " " or c in "\n\t" else "?" for c in text)


def run(command, log, **options):
    """Runs `command` with its output in the file `log`; its exit code."""
    with log.open("ab") as out:
        return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, **options).returncode


def tail(log, lines=40):
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


# --- the suites: each returns its cases ---

def run_ctest(options, log):
    listed = subprocess.run(["ctest", "--test-dir", options.build, "--show-only=json-v1", "-R", options.tests],
                            check=True, stdout=subprocess.PIPE, text=True)
    names = [test["name"] for test in json.loads(listed.stdout)["tests"]]
    summary = Path(options.build, "ctest.xml").resolve()
    summary.unlink(missing_ok=True)
    code = run(["ctest", "--test-dir", options.build, "-R", options.tests, "--parallel", os.cpu_count(),
                "--timeout", SLOWEST_TEST, "--output-on-failure", "--output-junit", summary], log)
    ended = {element.get("name"): element for element in ElementTree.parse(summary).iter("testcase")}

    cases = []
    for name in names:
        report = options.reports / f"{name}.xml"
        verdict = Case(ended[name]).problem if name in ended else "ctest did not run it"
        found = read_report(report) if report.exists() else []
        if not found:
            printed = (ended[name].findtext("system-out") or "") if name in ended else ""
            found = write_failure(report, name, f"{verdict or 'it ended'}, without a test in its report\n{printed}")
        elif verdict and not any(case.problem for case in found):
            found += write_failure(options.reports / f"{name}-end.xml", name, verdict)
        cases += found
    if code and not any(case.problem for case in cases):
        cases += write_failure(options.reports / "ctest.xml", "ctest", f"ctest ended with {code}\n{tail(log)}")
    return cases


def run_python(name, files, options, log):
    report = options.reports / f"{name}.xml"
    code = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--verbose", "-rP", f"--junitxml={report}",
                f"--override-ini=junit_suite_name={name}", *files], log, cwd=ROOT,
               env=os.environ | {"DROVER": str(Path(options.build).resolve() / "bin" / "drover")})
    cases = read_report(report) if report.exists() else []
    if code and not any(case.problem for case in cases):
        cases += write_failure(options.reports / f"{name}-end.xml", name, f"pytest ended with {code}\n{tail(log)}")
    return cases


def run_broker(options, log):
    go = subprocess.run([ROOT / "deps" / "go.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    ended = subprocess.run([go, "test", "-json", "-count=1", "./..."], cwd=ROOT / "broker", stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           env=os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"})
    log.write_text(ended.stdout)
    output, cases = {}, []
    for line in ended.stdout.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        name = event.get("Test")
        if name and event["Action"] == "output":
            output.setdefault(name, []).append(event["Output"])
        elif name and event["Action"] in ("pass", "fail", "skip"):
            problem = None if event["Action"] == "pass" else "".join(output.get(name, [])) or event["Action"]
            cases.append((event["Package"].rpartition("/")[2], name, event.get("Elapsed", 0), problem))
    if ended.returncode and not any(problem for *_, problem in cases):
        cases.append(("broker", "ended_well", 0, f"go test ended with {ended.returncode}\n{tail(log)}"))
    return write_report(options.reports / "broker.xml", "broker", cases)


def python_suites(folder):
    """Name -> its files."""
    name = "python" if folder == TESTS else "python-" + "-".join(folder.relative_to(TESTS).parts)
    files = sorted(set(folder.glob("test_*.py")) - ON_A_NODE)
    parts = -(-len(files) // MOST_FILES.get(folder, USUALLY))
    if parts == 1:
        return {name: files}
    return {f"{name}-{part + 1}": files[part::parts] for part in range(parts)}


def find_suites():
    """Name -> function(options, log). The longest come first."""
    folders = {path.parent for path in set(TESTS.glob("**/test_*.py")) - ON_A_NODE}
    python = {name: partial(run_python, name, files)
              for folder in sorted(folders) for name, files in python_suites(folder).items()}
    python["python-on-a-node"] = partial(run_python, "python-on-a-node", sorted(ON_A_NODE))
    suites = python | {"ctest": run_ctest, "broker": run_broker}
    longest = ("python-cluster", "python-integration", "python-gateway-scheduler", "python-on-a-node", "python-examples", "ctest")

    def turn(name):
        return next((i for i, start in enumerate(longest) if name.startswith(start)), len(longest)), name

    return {name: suites[name] for name in sorted(suites, key=turn)}


def run_suite(suites, name, options):
    log = options.reports / f"{name}.log"
    log.touch()
    begin = time.monotonic()
    cases = suites[name](options, log)
    if not cases:
        cases = write_failure(options.reports / f"{name}-end.xml", name, f"no test ran\n{tail(log)}")
    failed = [case for case in cases if case.problem]
    print(f"{name}: {len(cases) - len(failed)} passed, {len(failed)} failed, {time.monotonic() - begin:.0f} s", flush=True)
    return cases


def main():
    suites = find_suites()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="CMake's build folder")
    parser.add_argument("--reports", required=True, type=Path)
    parser.add_argument("--only", nargs="+", metavar="SUITE", choices=suites, default=list(suites))
    parser.add_argument("--tests", default=".", metavar="REGEX", help="of ctest's tests only these")
    options = parser.parse_args()
    options.reports = options.reports.resolve()
    shutil.rmtree(options.reports, ignore_errors=True)
    options.reports.mkdir(parents=True)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(lambda name: run_suite(suites, name, options), options.only)
        cases = [case for suite in found for case in suite]

    failed = [case for case in cases if case.problem]
    for case in failed:
        print(f"\nFAILED {case.name}\n{case.problem}")
    print(f"\nReports and logs are in {os.path.relpath(options.reports)}.")
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
