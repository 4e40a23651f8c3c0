#!/usr/bin/env python3
"""Queue `data-export`: export-data writes rows to $OUT_DIR/exports/<name>.csv.

The rows are those given as `rows`, or this machine's `source`: "packages", which dpkg keeps in $DPKG_STATUS. With
`reportBy`, a column, the counts of its values go to the queue `report-generation`.

Payload: name, rows [{column: value}] or source, columns, where {column: value}, reportBy, userId.
"""

import csv
import io
import os
import re
from collections import Counter
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import places
from worker import Refused, TryAgain, serve

DPKG_STATUS = os.environ.get("DPKG_STATUS", "/var/lib/dpkg/status")
LARGEST = 10  # groups in a report


def export(job):
    name = job.field("name", str, quote(job.id, safe="%"))
    if not re.fullmatch(r"\w[\w.%-]{0,199}", name):
        raise Refused("InvalidName", f"{name!r} is no file's name")
    where = job.field("where", dict, {})
    rows = [row for row in rows_of(job) if all(row.get(column) == value for column, value in where.items())]
    columns = job.fields("columns", []) or sorted({column for row in rows for column in row})
    report_by = job.field("reportBy", str, None)
    for column in [*columns, *([report_by] if report_by else [])]:
        if rows and not any(column in row for row in rows):
            raise Refused("UnknownColumn", f"no row has a column {column!r}")
    job.progress(10, "read", f"{len(rows)} rows")

    path = places.folder("exports") / f"{name}.csv"
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    for number, row in enumerate(rows):
        if number % 1000 == 0:
            job.progress(10 + 70 * number // len(rows), "writing", f"{number} of {len(rows)} rows")
        table.writerow([cell(row.get(column)) for column in columns])
    places.replace(path, text.getvalue().encode())
    job.progress(90, "written")

    result = {"file": str(path), "rows": len(rows), "columns": columns}
    if report_by:
        counts = Counter(str(row.get(report_by, "")) for row in rows).most_common(LARGEST)
        values = [{"label": label or "(none)", "value": count} for label, count in counts]
        report = {"title": f"{name} by {report_by}", "unit": "rows", "values": values}
        report["name"] = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{name}-by-{report_by}")[:100]
        result["report"] = job.submit("report-generation", "generate-report", report, uniqueKey=f"report-{job.id}")
    job.progress(100, "done", result=result)
    return result


def rows_of(job):
    source = job.field("source", str, None)
    if source is None:
        rows = job.field("rows", list)
        if not all(isinstance(row, dict) for row in rows):
            raise Refused("InvalidPayload", "rows has to be a list of objects")
        return rows
    if source != "packages":
        raise Refused("UnknownSource", f"no source {source!r} is known here, only packages")
    try:
        lines = Path(DPKG_STATUS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise TryAgain("SourceNotReadable", str(error)) from error
    paragraphs = [list(group) for is_blank, group in groupby(lines, lambda line: not line.strip()) if not is_blank]
    field = re.compile(r"([A-Za-z-]+): (.*)")
    return [dict(found.groups() for line in each if (found := field.match(line))) for each in paragraphs]


def cell(value):
    """A spreadsheet takes a text that begins so for a formula, which may do more than count."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


if __name__ == "__main__":
    serve({"export-data": export})
