"""Which room may include what, as data, and the reader that checks a source tree against it.

A room is a folder; a source belongs to the deepest room above it. To allow an arrow, add it to ROOMS here and to the
table in ARCHITECTURE.md, in the same commit.
"""
import re
from dataclasses import dataclass
from pathlib import Path

# Room -> the rooms that it may use, and through them theirs. Every room may use src/base.
ROOMS = {
    "src/base": [],
    "src/cron": [],
    "src/jobqueue": ["src/cron"],
    "src/kafka": [],
    "src/http": [],
    "src/telemetry": [],
    "src/lag": ["src/jobqueue", "src/kafka"],
    "src/letters": ["src/jobqueue"],
    "src/redrive": ["src/letters", "src/kafka"],
    "src/kube": ["src/http", "src/telemetry"],
    "sidecar/core": ["src/jobqueue"],
    "sidecar": ["sidecar/core", "src/kafka", "src/http", "src/telemetry"],
    "operator/core": ["src/jobqueue", "src/cron"],
    "operator": ["operator/core", "src/lag", "src/kube", "src/kafka", "src/telemetry"],
    "gateway/core": ["src/jobqueue", "src/cron", "src/letters"],
    "gateway/view": ["gateway/core", "src/kafka", "src/telemetry"],
    "gateway/scheduler": ["gateway/core", "src/kafka", "src/telemetry"],
    "gateway/submit": ["gateway/core", "src/kafka", "src/telemetry"],
    "gateway/webhooks": ["gateway/core", "src/kafka", "src/http", "src/telemetry"],
    "gateway/bulk": ["gateway/core", "gateway/view", "src/redrive", "src/telemetry"],
    "gateway": ["gateway/core", "gateway/view", "gateway/scheduler", "gateway/submit", "gateway/webhooks", "gateway/bulk",
                "src/lag", "src/kafka", "src/http", "src/telemetry"],
    "cli": ["src/jobqueue", "src/letters", "src/redrive", "src/kafka", "src/http", "src/telemetry", "src/lag", "src/kube", "sidecar/core", "sidecar",
            "operator/core", "operator", "gateway"],
}

# The folders whose every C++ source must lie in a room.
TREES = ["src", "sidecar", "operator", "gateway", "cli"]

# Rooms without threads, locks, clocks, randomness, logs and I/O: the cores, and what they stand on.
PURE = ["sidecar/core", "operator/core", "gateway/core", "src/letters", "src/jobqueue", "src/cron", "src/base"]

SHELLS = ["src/http", "src/kube", "sidecar", "operator", "gateway", "gateway/view", "gateway/scheduler", "gateway/submit",
          "gateway/webhooks", "gateway/bulk", "cli"]
# A library's headers, by the longest prefix that fits -> the rooms that may name them. All others may not.
LIBRARIES = {
    "tl/": ["src/base"],
    "nlohmann/": ["src/jobqueue", "src/letters", "src/telemetry", "operator/core", "gateway/core", *SHELLS],  # Kubernetes objects are JSON
    "yaml-cpp/": ["src/jobqueue", "src/kube"],
    "boost/": SHELLS,
    "boost/uuid/": ["src/jobqueue"],
    "boost/beast": ["src/http"],
    "cpprest/": ["src/http"],
    "pplx/": ["src/http"],
    "openssl/": ["src/base", "src/http"],
    "librdkafka/": ["src/kafka"],
    "spdlog/": ["src/telemetry"],
    "prometheus/": ["src/telemetry"],
    "CLI/": ["cli"],
    "sqlite3.h": ["gateway/view"],
    "libpq-fe.h": ["gateway/view"],
    "cctz/": ["src/cron"],
    "re2/": ["gateway/core"],
}
# The operating system's headers, where no library above has them: for rooms that are not pure.
SYSTEM = re.compile(r"(?:(?:sys|netinet|arpa|net|linux)/)?\w+\.h")

IMPURE_HEADERS = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "semaphore", "latch", "barrier",
    "stop_token", "random", "ctime", "iostream", "istream", "ostream", "fstream", "filesystem", "csignal", "csetjmp",
    "syncstream",
}
IMPURE_CALLS = {
    "a clock": r"_clock::now\s*\(|\b(gettimeofday|clock_gettime|timespec_get|localtime|gmtime)\s*\(|\btime\s*\(\s*(nullptr|NULL|0|&)",
    "randomness": r"\bs?rand(om)?\s*\(\s*\)|\brandom_device\b|\bmt19937|\barc4random|\bRAND_bytes\b",
    "a thread or a sleep": r"\bstd::j?thread\b|\bstd::async\b|\bsleep_(for|until)\b|\bu?sleep\s*\(|\bthread_local\b",
    "a lock": r"\bmutex\b|\block_guard\b|\bunique_lock\b|\bscoped_lock\b|\bstd::atomic\b",
    "a log or output": r"\bspdlog\b|\bstd::c(out|err|log|in)\b|(?<![\w:])(std::)?f?printf\s*\(|\b(puts|putchar|perror|syslog)\s*\(",
    "the environment": r"\b(secure_)?getenv\s*\(",
    "a file": r"\b(fopen|freopen|popen|tmpfile)\s*\(|\bstd::[io]?fstream\b",
}

# A broken invariant aborts with a message: the one output that a pure room has.
LAST_WORDS = re.compile(r"\bstd::fprintf\s*\(\s*stderr\b[^;]*;(?=\s*std::abort\s*\(\s*\))")


@dataclass(frozen=True)
class Violation:
    file: str
    line: int
    message: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.message}"


def reach(room, rooms=None):
    """The room itself, src/base, and all that it may use directly or through others."""
    rooms = ROOMS if rooms is None else rooms
    found, todo = {"src/base"}, [room]
    while todo:
        here = todo.pop()
        if here not in found or here == room:
            found.add(here)
            todo += [r for r in rooms[here] if r not in found]
    return found


def room_of(path):
    """The deepest room above a path that is relative to the root; None outside all of them."""
    parts = Path(path).parts
    for depth in range(len(parts) - 1, 0, -1):
        if (folder := "/".join(parts[:depth])) in ROOMS:
            return folder
    return None


_TOKEN = re.compile(
    r'R"(?P<tag>[^()\\\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\''
    r"|//[^\n]*|/\*.*?\*/", re.S)


def _blank(text, keep_strings):
    """Comments, and unless kept the texts between quotes, as spaces; line numbers stay."""
    def spaces(match):
        token = match.group()
        return token if keep_strings and token[0] != "/" else re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(spaces, text)


def includes(text):
    """(line, header, quoted) of every #include that is not in a comment."""
    for number, line in enumerate(_blank(text, keep_strings=True).splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line):
            yield number, match[1] or match[2], match[1] is not None


def sources(root):
    for tree in TREES:
        for path in sorted((root / tree).rglob("*")):
            if path.suffix in (".h", ".hpp", ".cpp", ".cc", ".ipp", ".inl") and path.is_file():
                yield path.relative_to(root).as_posix()


def check_arrows(root):
    """Includes of our own headers: by their path from the root, and only along the table."""
    for file in sources(root):
        room = room_of(file)
        if room is None:
            yield Violation(file, 1, "lies in no room of the table")
            continue
        for line, header, quoted in includes((root / file).read_text()):
            target = room_of(header)
            if target is None and (header.startswith((".", *(f"{tree}/" for tree in TREES)))
                                   or (quoted and not (root / header).is_file())):
                yield Violation(file, line, f'"{header}" is not a path from the root to a header of a room')
            elif target is not None and not (root / header).is_file():
                yield Violation(file, line, f'"{header}" does not exist')
            elif target is not None and target not in reach(room):
                yield Violation(file, line, f"{room} may not use {target} ({header})")


def check_links(root):
    """The same arrows between the CMake targets that drover_room() makes."""
    call = re.compile(r"drover_room\s*\(\s*(\w+)(.*?)\)", re.S)
    home, links = {}, []
    for tree in TREES:
        for path in sorted((root / tree).rglob("CMakeLists.txt")):
            file = path.relative_to(root).as_posix()
            text = re.sub(r"#[^\n]*", "", path.read_text())
            for match in call.finditer(text):
                home[match[1]] = room_of(file)
                section = re.search(r"\bROOMS\b(.*?)(?=\b(?:SOURCES|LIBRARIES)\b|$)", match[2], re.S)
                line = text.count("\n", 0, match.start()) + 1
                links += [(file, line, match[1], used) for used in (section[1].split() if section else [])]
    for file, line, target, used in links:
        room, other = home[target], home.get(used)
        if room is None or other is None:
            yield Violation(file, line, f"{target} links {used}: not both are rooms of the table")
        elif other not in reach(room):
            yield Violation(file, line, f"{target} links {used}: {room} may not use {other}")


def check_libraries(root):
    """Third-party and system headers: only in the rooms that wrap them."""
    for file in sources(root):
        room = room_of(file)
        for line, header, quoted in includes((root / file).read_text()):
            if quoted or room_of(header) or re.fullmatch(r"\w+", header):
                continue  # our own, or the standard library's
            prefix = max((p for p in LIBRARIES if header.startswith(p)), key=len, default=None)
            if prefix is None and SYSTEM.fullmatch(header):
                if room in PURE:
                    yield Violation(file, line, f"{room} is pure: no system header <{header}>")
            elif prefix is None:
                yield Violation(file, line, f"<{header}> belongs to no library of the table")
            elif room not in LIBRARIES[prefix]:
                yield Violation(file, line, f"<{header}> is for {', '.join(LIBRARIES[prefix])}, not for {room}")


def check_purity(root):
    """No thread, lock, clock, randomness, log or I/O in a pure room."""
    for file in sources(root):
        if (room := room_of(file)) not in PURE:
            continue
        text = (root / file).read_text()
        for line, header, _ in includes(text):
            if header in IMPURE_HEADERS:
                yield Violation(file, line, f"{room} is pure: no <{header}>")
        code = LAST_WORDS.sub(lambda words: re.sub(r"[^\n]", " ", words.group()), _blank(text, keep_strings=False))
        for number, line in enumerate(code.splitlines(), 1):
            if re.match(r"\s*#\s*include", line):
                continue
            for what, pattern in IMPURE_CALLS.items():
                if re.search(pattern, line):
                    yield Violation(file, number, f"{room} is pure: {what} in '{line.strip()}'")
