"""Where the workers of this example leave what they make: $OUT_DIR, by default `out` beside them."""

import json
import os
import threading
from datetime import datetime, timezone
from pathlib import Path

OUT = Path(os.environ.get("OUT_DIR", Path(__file__).resolve().parent / "out"))


def folder(name: str) -> Path:
    (OUT / name).mkdir(parents=True, exist_ok=True)
    return OUT / name


def append(name: str, entry: dict) -> None:
    """Adds a line to a log that several workers may write to."""
    line = json.dumps({"time": now(), **entry}, ensure_ascii=False)
    with open(folder(".") / name, "ab", buffering=0) as log:
        log.write(f"{line}\n".encode())  # one write: lines stay whole


def replace(path: Path, content: bytes) -> None:
    """Whoever reads the file sees the old content or the new one, never half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_bytes(content)
    os.replace(part, path)


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
