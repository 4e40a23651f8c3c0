"""The guides as data: their fenced blocks, and what each is for.

A block's first line says in what language it is, and then what the tests do with it:

    sh laptop               run beside `drover run`, in order, in one shell
    sh laptop background    what goes on meanwhile
    sh cluster …            run against an API server (tests/cluster/test_guides.py)
    sh kafka                run against an Apache Kafka
    sh elsewhere            not run: it needs what no test has
    LANGUAGE file=NAME      written to that file, which the commands use
    LANGUAGE before         what somebody comes from
"""

import dataclasses
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GUIDES = [DOCS / f"{name}.md" for name in
          ("quick-start", "operations", "migrate-from-bull", "migrate-from-keda", "migrate-from-dapr")]


@dataclasses.dataclass(frozen=True)
class Block:
    page: str  # below the root
    line: int
    language: str
    purpose: str
    text: str

    @property
    def file(self):
        """Its name, where it is one."""
        return self.purpose.partition("file=")[2]

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(path):
    found, lines = [], path.read_text().splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if not (fence := re.fullmatch(r"\s*```(.*)", line)):
            continue
        if start is None:
            start = number, fence[1]
        else:
            language, _, purpose = start[1].partition(" ")
            text = textwrap.dedent("\n".join(lines[start[0]:number - 1])) + "\n"
            found.append(Block(str(path.relative_to(ROOT)), start[0], language, purpose, text))
            start = None
    assert start is None, f"{path}: a block that begins at {start} does not end"
    return found


def blocks_for(path, *purposes):
    return [block for block in blocks(path) if block.purpose in purposes]


def write_files(path, folder):
    for block in blocks(path):
        if block.file:
            (folder / block.file).write_text(block.text)
