"""The runner of all tests must not take anything for a success that is none."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).resolve().with_name("run_all.py")
REPORT = '<testsuite name="s"><testcase classname="C" name="a_sentence">{}</testcase></testsuite>'


class Runner(unittest.TestCase):
    """Each test is a build folder whose ctest tests are small shell scripts."""

    def run_tests(self, **scripts):
        with tempfile.TemporaryDirectory() as folder:
            build, reports = Path(folder, "build"), Path(folder, "reports")
            build.mkdir()
            lines = []
            for name, script in scripts.items():
                program = build / name
                program.write_text(f"#!/bin/sh\nreport={reports}/{name}.xml\n{script}\n")
                program.chmod(0o755)
                lines.append(f'add_test({name} "{program}")\n')
            (build / "CTestTestfile.cmake").write_text("".join(lines))
            ended = subprocess.run([sys.executable, RUNNER, "--build", build, "--reports", reports, "--only", "ctest"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
            return ended.returncode, ended.stdout.splitlines()[-1], ended.stdout

    def report(self, inside=""):
        return f"echo '{REPORT.format(inside)}' >$report"

    def test_a_test_that_passed_and_has_a_report_counts_as_passed(self):
        self.assertEqual((0, "1 passed, 0 failed"), self.run_tests(good=self.report())[:2])

    def test_a_failure_in_a_report_counts_as_failed_with_its_words(self):
        code, last, said = self.run_tests(bad=self.report("<failure>two is not three</failure>") + "; exit 1",
                                          good=self.report())
        self.assertEqual((1, "1 passed, 1 failed"), (code, last))
        self.assertIn("two is not three", said)

    def test_a_skipped_test_counts_as_failed(self):
        self.assertEqual((1, "0 passed, 1 failed"), self.run_tests(lazy=self.report("<skipped/>"))[:2])

    def test_a_program_that_ends_well_without_a_report_counts_as_failed(self):
        self.assertEqual((1, "1 passed, 1 failed"), self.run_tests(mute="exit 0", good=self.report())[:2])

    def test_a_program_that_crashes_counts_as_failed_with_what_it_said(self):
        code, last, said = self.run_tests(crash="echo last words; kill -SEGV $$")
        self.assertEqual((1, "0 passed, 1 failed"), (code, last))
        self.assertIn("last words", said)

    def test_a_program_that_fails_after_a_good_report_counts_as_failed(self):
        self.assertEqual((1, "1 passed, 1 failed"), self.run_tests(late=self.report() + "; exit 3")[:2])

    def test_a_report_that_is_cut_counts_as_failed(self):
        self.assertEqual((1, "0 passed, 1 failed"), self.run_tests(cut="printf '<testsuite><testca' >$report")[:2])

    def test_a_folder_without_tests_counts_as_failed(self):
        self.assertEqual((1, "0 passed, 1 failed"), self.run_tests()[:2])


if __name__ == "__main__":
    unittest.main()
