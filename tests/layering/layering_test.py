"""The rooms keep to their table; and the reader that says so sees what it should.

    layering_test.py --root SOURCE_TREE --report FILE.xml
"""
import argparse
import sys
import tempfile
import time
import unittest
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent))
import layering

ROOT = Path(__file__).resolve().parents[2]


class ThisTree(unittest.TestCase):
    def assert_none(self, violations):
        found = [str(v) for v in violations]
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_every_include_follows_the_table_of_rooms(self):
        self.assert_none(layering.check_arrows(ROOT))

    def test_every_cmake_link_follows_the_table_of_rooms(self):
        self.assert_none(layering.check_links(ROOT))

    def test_libraries_are_named_only_where_they_are_wrapped(self):
        self.assert_none(layering.check_libraries(ROOT))

    def test_pure_rooms_have_no_thread_lock_clock_randomness_log_or_file(self):
        self.assert_none(layering.check_purity(ROOT))

    def test_sources_of_every_room_that_exists_are_read(self):
        read = {layering.room_of(file) for file in layering.sources(ROOT)}
        exist = {room for room in layering.ROOMS if any((ROOT / room).glob("*.h"))}
        self.assertLessEqual(exist, read)
        self.assertIn("src/base", exist)


class TheTable(unittest.TestCase):
    def test_operator_and_sidecar_never_reach_each_other(self):
        for one, other in (("operator", "sidecar"), ("sidecar", "operator")):
            for room in (one, f"{one}/core"):
                self.assertFalse({other, f"{other}/core"} & layering.reach(room), room)

    def test_no_room_reaches_itself(self):
        for room, used in layering.ROOMS.items():
            for other in used:
                self.assertNotIn(room, layering.reach(other) - {other}, f"{room} -> {other}")

    def test_it_names_only_rooms(self):
        named = [*layering.PURE, *(r for rooms in layering.LIBRARIES.values() for r in rooms),
                 *(r for rooms in layering.ROOMS.values() for r in rooms)]
        self.assertLessEqual(set(named), set(layering.ROOMS))


class TheReader(unittest.TestCase):
    """Small trees with one thing wrong each, and ones with nothing wrong."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for header in ("src/base/time.h", "src/jobqueue/job.h", "src/kafka/consumer.h", "src/http/server.h",
                       "src/kube/watch.h", "sidecar/core/engine.h", "sidecar/loop.h", "operator/core/decide.h",
                       "operator/reconcile.h", "gateway/api.h", "cli/run.h"):
            self.write(header, "#pragma once\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def found(self, check):
        return [(v.file, v.line) for v in check(self.root)]

    def assert_refused(self, check, file, *texts):
        for text in texts:
            with self.subTest(text):
                self.write(file, f"// first line\n{text}\n")
                self.assertEqual(self.found(check), [(file, 2)])

    def assert_accepted(self, check, file, *texts):
        for text in texts:
            with self.subTest(text):
                self.write(file, text)
                self.assertEqual(self.found(check), [])

    def test_an_arrow_that_the_table_lacks_is_refused(self):
        for file, header in (("operator/x.cpp", "sidecar/loop.h"), ("operator/x.cpp", "sidecar/core/engine.h"),
                             ("sidecar/x.cpp", "operator/core/decide.h"), ("sidecar/core/x.cpp", "sidecar/loop.h"),
                             ("src/base/x.h", "src/jobqueue/job.h"), ("src/jobqueue/x.h", "src/kafka/consumer.h"),
                             ("src/http/x.h", "src/kube/watch.h"), ("gateway/x.h", "cli/run.h"),
                             ("operator/core/x.h", "operator/reconcile.h"), ("sidecar/x.h", "src/kube/watch.h")):
            with self.subTest(f"{file} -> {header}"):
                self.write(file, f'\n#include "{header}"\n')
                self.assertEqual(self.found(layering.check_arrows), [(file, 2)])
                (self.root / file).unlink()

    def test_angle_brackets_and_spaces_hide_no_arrow(self):
        self.assert_refused(layering.check_arrows, "operator/x.cpp",
                            "#include <sidecar/loop.h>", '  #  include "sidecar/loop.h"', '#include"sidecar/loop.h"')

    def test_arrows_of_the_table_are_accepted_also_through_other_rooms(self):
        self.assert_accepted(layering.check_arrows, "cli/x.cpp",
                             '#include "operator/reconcile.h"\n#include "sidecar/loop.h"\n#include "src/base/time.h"\n')
        self.assert_accepted(layering.check_arrows, "sidecar/x.cpp", '#include "src/jobqueue/job.h"\n')
        self.assert_accepted(layering.check_arrows, "operator/x.cpp", '#include "src/http/server.h"\n')

    def test_an_include_that_is_no_path_from_the_root_is_refused(self):
        self.assert_refused(layering.check_arrows, "sidecar/x.cpp",
                            '#include "loop.h"', '#include "../sidecar/loop.h"', '#include "core/engine.h"',
                            '#include "sidecar/missing.h"', '#include "./loop.h"')

    def test_a_source_outside_every_room_is_refused(self):
        self.write("src/utils/strings.h", "#pragma once\n")
        self.assertEqual(self.found(layering.check_arrows), [("src/utils/strings.h", 1)])

    def test_commented_includes_do_not_count(self):
        self.assert_accepted(layering.check_arrows, "operator/x.cpp",
                             '// #include "sidecar/loop.h"\n', '/*\n#include "sidecar/loop.h"\n*/\n')

    def test_a_link_that_the_table_lacks_is_refused(self):
        self.write("sidecar/CMakeLists.txt", "drover_room(drover_sidecar SOURCES loop.cpp)\n")
        self.write("operator/CMakeLists.txt",
                   "# the operator\ndrover_room(drover_operator\n  SOURCES x.cpp\n  ROOMS drover_sidecar LIBRARIES y)\n")
        self.assertEqual(self.found(layering.check_links), [("operator/CMakeLists.txt", 2)])
        self.write("cli/CMakeLists.txt", "drover_room(drover_cli SOURCES run.cpp ROOMS drover_sidecar)\n")
        (self.root / "operator/CMakeLists.txt").unlink()
        self.assertEqual(self.found(layering.check_links), [])

    def test_a_link_to_something_that_is_no_room_is_refused(self):
        self.write("cli/CMakeLists.txt", "drover_room(drover_cli SOURCES run.cpp ROOMS Threads::Threads)\n")
        self.assertEqual(self.found(layering.check_links), [("cli/CMakeLists.txt", 1)])

    def test_a_library_outside_its_room_is_refused(self):
        for file, header in (("sidecar/x.cpp", "librdkafka/rdkafka.h"), ("src/http/x.cpp", "spdlog/spdlog.h"),
                             ("sidecar/core/x.cpp", "boost/asio/io_context.hpp"), ("cli/x.cpp", "yaml-cpp/yaml.h"),
                             ("sidecar/core/x.cpp", "nlohmann/json.hpp"), ("src/base/x.h", "boost/asio.hpp"),
                             ("sidecar/x.cpp", "boost/beast.hpp"), ("cli/x.cpp", "fmt/format.h"), ("cli/x.cpp", "sqlite3.h")):
            with self.subTest(f"{file} -> {header}"):
                self.write(file, f"\n#include <{header}>\n")
                self.assertEqual(self.found(layering.check_libraries), [(file, 2)])
                (self.root / file).unlink()

    def test_a_system_header_in_a_pure_room_is_refused_and_elsewhere_accepted(self):
        self.assert_refused(layering.check_libraries, "sidecar/core/x.cpp", "#include <unistd.h>", "#include <sys/time.h>")
        (self.root / "sidecar/core/x.cpp").unlink()
        self.assert_accepted(layering.check_libraries, "cli/x.cpp", "#include <unistd.h>\n#include <fnmatch.h>\n#include <vector>\n")

    def test_impure_headers_in_a_core_are_refused(self):
        self.assert_refused(layering.check_purity, "operator/core/x.cpp",
                            *(f"#include <{header}>" for header in sorted(layering.IMPURE_HEADERS)))

    def test_impure_calls_in_a_core_are_refused(self):
        self.assert_refused(layering.check_purity, "sidecar/core/x.cpp",
                            "auto t = std::chrono::system_clock::now();", "auto t = steady_clock::now ();",
                            "auto t = time(nullptr);", "clock_gettime(CLOCK_REALTIME, &t);", "int x = std::rand();",
                            "std::mt19937_64 dice;", "std::jthread worker;", "std::this_thread::sleep_for(1s);",
                            "std::scoped_lock lock(m_);", 'spdlog::info("x");', 'std::cerr << "x";', 'printf("x");',
                            'std::fprintf(stderr, "x");', 'auto home = std::getenv("HOME");', 'fopen("x", "r");')

    def test_pure_code_that_only_looks_impure_is_accepted(self):
        self.assert_accepted(layering.check_purity, "sidecar/core/x.cpp",
                             "// never std::chrono::system_clock::now()\n", 'auto s = "std::cout << rand()";\n',
                             'auto s = R"(steady_clock::now())";\n', "std::snprintf(b, 4, x);\n",
                             "using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;\n",
                             "Decision decide(Time now);\nauto d = decide(now);\n", "int n = 1'000; auto t = run_time(0);\n")

    def test_a_core_may_say_which_invariant_broke_when_it_aborts(self):
        self.assert_accepted(layering.check_purity, "sidecar/core/x.cpp",
                             'std::fprintf(stderr, "engine: %s\\n",\n             what);\n    std::abort();\n')
        self.assert_refused(layering.check_purity, "sidecar/core/x.cpp",
                            'std::fprintf(stderr, "engine: %s", what);\nreturn;\nstd::abort();')

    def test_shells_may_have_threads_and_clocks(self):
        self.assert_accepted(layering.check_purity, "sidecar/x.cpp",
                             "#include <thread>\nauto t = std::chrono::steady_clock::now();\n")

    def test_code_after_a_string_with_a_comment_sign_is_read(self):
        self.assert_refused(layering.check_purity, "sidecar/core/x.cpp",
                            'auto u = "http://x"; auto t = std::chrono::steady_clock::now();',
                            "auto c = '\"'; auto t = std::chrono::steady_clock::now(); auto d = '\"';",
                            "int n = 1'000'000; auto t = std::chrono::steady_clock::now(); int m = 2'000;")


class JUnitResult(unittest.TextTestResult):
    """Collects what the report needs; a failed subtest fails its test."""

    def __init__(self, *args):
        super().__init__(*args)
        self.cases, self.began = {}, 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.cases[test.id()] = {"test": test, "problem": None, "seconds": 0.0}

    def stopTest(self, test):
        super().stopTest(test)
        self.cases[test.id()]["seconds"] = time.monotonic() - self.began

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.cases[test.id()]["problem"] = self.failures[-1][1]

    def addError(self, test, err):
        super().addError(test, err)
        if test.id() in self.cases:  # not the setup of a class
            self.cases[test.id()]["problem"] = self.errors[-1][1]

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.cases[test.id()]["problem"] = f"{subtest}: {err[1]}"

    def write_report(self, path):
        bad = [case for case in self.cases.values() if case["problem"]]
        suite = ElementTree.Element("testsuite", name="layering", tests=str(len(self.cases)), failures=str(len(bad)))
        for case in self.cases.values():
            element = ElementTree.SubElement(suite, "testcase", classname=type(case["test"]).__name__,
                                             name=case["test"]._testMethodName, time=f"{case['seconds']:.3f}")
            if case["problem"]:
                ElementTree.SubElement(element, "failure", message="failed").text = case["problem"]
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    global ROOT
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    ROOT = options.root
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(resultclass=JUnitResult).run(suite)
    if options.report:
        result.write_report(options.report)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
