"""What a changelog file says: releases a year, urgent ones, CVE numbers.

`inflate` turns an open file into bytes, `read_changelog` turns bytes into a finding. Both are total: whatever is in
the file, they return or raise `BadChangelog`, whose `kind` becomes the class of the dead letter. Memory is bounded by
MAX_BYTES. All matching is on bytes, since old changelogs mix encodings and decoding them would only cost time.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from typing import BinaryIO

# The largest changelog of a Debian system is below 7 MB; past this it is no changelog but an attack on our memory.
MAX_BYTES = 24 * 1024 * 1024
URGENT = {b"high", b"critical", b"emergency"}


class BadChangelog(Exception):
    """A file that no retry will make readable."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


def inflate(file: BinaryIO, limit: int = MAX_BYTES) -> bytes:
    """Unpacks every member of a gzip file, at most `limit` bytes of it."""
    packed = file.read(limit + 1)
    if not packed:
        raise BadChangelog("EmptyChangelog", "the file has no bytes")
    if not packed.startswith(b"\x1f\x8b"):
        raise BadChangelog("CorruptGzip", "not a gzip file")
    parts, room = [], limit
    while packed.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(packed, room + 1)
        except zlib.error as error:
            raise BadChangelog("CorruptGzip", f"damaged gzip data: {error}") from error
        room -= len(part)
        if room < 0:
            raise BadChangelog("ChangelogTooLarge", f"unpacks to more than {limit} bytes")
        if not member.eof:
            raise BadChangelog("CorruptGzip", "the gzip data ends too early")
        parts.append(part)
        packed = member.unused_data
    return b"".join(parts)


def read_changelog(text: bytes, package: str) -> dict:
    """The finding of one changelog. `package` names it where the text does not, as upstream's files do not.

    `identity` is equal for files that tell the same story, so that a report counts it once: a source package ships
    the same changelog in each of its binary packages.
    """
    if not text.strip():
        raise BadChangelog("EmptyChangelog", "the file unpacks to nothing")
    if b"\x00" in text:
        raise BadChangelog("UnparseableChangelog", "binary data, not a changelog")
    for read in (_debian, _commits, _release_notes):
        finding = read(text)
        if finding:
            break
    else:
        raise BadChangelog("UnparseableChangelog", f"no release in it; it begins: {_opening(text)}")
    source = finding.pop("source", None)
    return {
        "package": source or package,
        "identity": f"debian:{source}" if source else f"sha256:{hashlib.sha256(text).hexdigest()}",
        **finding,
        "cves": sorted({cve.decode() for cve in _CVE.findall(text)}),
    }


_CVE = re.compile(rb"CVE-(?:19|20)\d\d-\d{4,7}(?!\d)")
# A year by itself, or that of a date without separators, as 20190302. 2.2020 and 2020.1 are versions.
_YEAR = re.compile(
    rb"(?<![\d.])(?:19[89]\d|20[0-3]\d)(?![\d.]\d)(?!\d)"
    rb"|(?<!\d)(?:19[89]\d|20[0-3]\d)(?=[01]\d[0-3]\d(?!\d))"
)


def _opening(text: bytes) -> str:
    """The first words, in what a header and a log line can carry."""
    line = " ".join(text[:400].decode("utf-8", "replace").split())
    return "".join(c for c in line if c.isprintable())[:80]


def _years(counts: Counter) -> dict:
    return {str(year): counts[year] for year in sorted(counts)}


# --- Debian's own format: a heading, changes, and a trailer with the date ---------------------------------------------

_HEADING = re.compile(rb"([A-Za-z0-9][\w+.-]*) \(([^()\s]+)\)([^;\n]*);([^\n]*)")
_TRAILER = re.compile(rb"\n --(?: [^\n]*?)?(?: (\d{4}) \d{1,2}:\d\d[^\n]*| (\d{4})[^\n]*|)(?=\n|\Z)")
_URGENCY = re.compile(rb"urgency\s*=\s*([a-z]+)", re.IGNORECASE)


def _debian(text: bytes) -> dict | None:
    """Entries end with their trailer, so the text between two trailers begins with a heading, or is no entry."""
    if not _HEADING.match(text.lstrip()):
        return None
    years, undated, urgent, unread = Counter(), 0, 0, 0
    source = last_urgent = None
    start = 0
    for trailer in _TRAILER.finditer(text):
        heading = _HEADING.match(text[start : trailer.start()].lstrip())
        start = trailer.end()
        if not heading:
            unread += 1
            continue
        source = source or heading[1]
        year = trailer[1] or trailer[2]
        if year and 1980 <= int(year) <= 2039:
            years[int(year)] += 1
        else:
            undated += 1
        urgency = _URGENCY.search(heading[4])
        if urgency and urgency[1].lower() in URGENT:
            urgent += 1
            # The newest entry comes first.
            last_urgent = last_urgent or {"version": heading[2].decode("utf-8", "replace"), "year": year and int(year)}
    if source is None:
        return None
    return {
        "source": source.decode("utf-8", "replace"),
        "format": "debian",
        "releases": _years(years),
        "undated": undated,
        "unread": unread,
        "urgent": urgent,
        "lastUrgent": last_urgent,
    }


# --- Logs of single changes: GNU ChangeLog and `git log` --------------------------------------------------------------

_GIT_HEAD = re.compile(rb"^(?:commit [0-9a-f]{7,40}|Author:[ \t])", re.MULTILINE)
_GIT_DATE = re.compile(rb"\n(?:Author)?Date:[ \t][^\n]*")
_GNU_DATE = re.compile(
    rb"\n(?:(\d{4})[-/]\d{1,2}[-/]\d{1,2}[ \t]+[^\n]{0,80}(?:<|  )"
    rb"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +[A-Z][a-z]{2}[a-z]* +\d{1,2},? [^\n]{0,20}?(\d{4})[ \t]+\S)"
)


def _commits(text: bytes) -> dict | None:
    """A change is no release: it is counted on its own, so that a busy log does not pass for a busy release."""
    years = Counter()
    if _GIT_HEAD.search(text, 0, 4096):
        for date in _GIT_DATE.findall(text):
            year = _YEAR.search(date)
            years[int(year[0]) if year else None] += 1
        log = "git-log"
    else:
        for first, second in _GNU_DATE.findall(b"\n" + text):
            years[int(first or second)] += 1
        log = "gnu"
    undated = sum(years.pop(year) for year in list(years) if year is None or not 1980 <= year <= 2039)
    if not years:
        return None
    return {"format": log, "releases": {}, "undated": 0, "unread": undated, "changes": _years(years), "urgent": 0}


# --- Release notes: headings with a version, often with a date --------------------------------------------------------

_RELEASE = re.compile(
    rb"""\n(?=[^\n\d]{0,60}\d[^\n]{0,100}(?:\n|\Z))                 # a short line: this bounds all backtracking
    [ \t]{0,2}(?:<[^>\n]{1,60}>|[#=*\[(_-]){0,6}[ \t]*          # marks before a heading
    (?P<date>(?:19|20)\d\d-\d\d-\d\d[:,]?[ \t]+(?:-[ \t]+)?)?
    (?P<name>(?:[A-Za-z"'][\w.+/"':!-]*[ \t]+){0,4}?)
    [\[(]?[vVrR]?(?:[A-Za-z]\w*[-_/]){0,3}
    (?P<version>\d+(?:[._]\d+)+[\w.+~-]*|(?<=[Vv]ersion[ ])\d+|(?<=[Rr]elease[ ])\d+)
    (?P<rest>[^\n]{0,100})(?=\n|\Z)""",
    re.VERBOSE,
)
_TAG = re.compile(rb"<[^>]*>")
_WORD = re.compile(rb"[A-Za-z0-9][\w.]*")
_VERSION_WORD = re.compile(rb"[vV]?\d")
_PLAIN_WORDS = set(
    b"to and in is the a as of not yet release releases released version final stable alpha beta rc changes news notes"
    .split()
)
_DATE_BELOW = re.compile(rb"[\s=~^*_#-]*(?:<[^>\n]*>)*[^\n]{0,60}")
_DATE = re.compile(
    rb"(?:19[89]\d|20[0-3]\d)[-/.]\d{1,2}[-/.]\d{1,2}"
    rb"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b[^\n]{0,24}(?:19[89]\d|20[0-3]\d)",
    re.IGNORECASE,
)


def _is_plain(rest: bytes) -> bool:
    """What follows the version is a title after a colon, or says no more than that this is a release."""
    return rest.startswith(b": ") or all(
        _VERSION_WORD.match(word) or word.lower().rstrip(b".") in _PLAIN_WORDS
        for word in _WORD.findall(_TAG.sub(b"", rest))
    )


def _release_notes(text: bytes) -> dict | None:
    years, undated, seen = Counter(), 0, set()
    text = b"\n" + text
    for heading in _RELEASE.finditer(text):
        version, rest = heading["version"], heading["rest"]
        year = _YEAR.search(heading["date"] or b"") or _YEAR.search(rest)
        if not year and not _is_plain(rest):
            continue  # a sentence that happens to begin with a number
        if version in seen:
            continue  # a table of contents, or a version spoken of again
        seen.add(version)
        if not year:
            below = _DATE_BELOW.match(text, heading.end())
            date = below and _DATE.search(below[0])
            year = date and _YEAR.search(date[0])
        year = year or re.match(rb"20[0-3]\d(?=\.\d\d?\b)", version)
        if year:
            years[int(year[0])] += 1
        else:
            undated += 1
    if not seen:
        return None
    return {"format": "release-notes", "releases": _years(years), "undated": undated, "unread": 0, "urgent": 0}
