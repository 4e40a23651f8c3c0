#!/usr/bin/env python3
"""Queue `image-processing`: make-thumbnails, with Pillow (Debian: python3-pil).

Payload: path; sizes, each the longer side in pixels (default [64, 256]). The thumbnails are
$OUT_DIR/images/<name>-<hash of the path>-<size>.png, or .jpg for a JPEG.
"""

import hashlib
import io
from pathlib import Path

from PIL import Image, ImageOps

import places
from worker import Refused, TryAgain, serve

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".png", "WEBP": ".png"}
Image.MAX_IMAGE_PIXELS = 50_000_000  # Pillow refuses a picture of twice as many: it would not fit into memory


def make_thumbnails(job):
    path, sizes = Path(job.field("path", str)), job.field("sizes", list, [64, 256])
    if not sizes or not all(isinstance(size, int) and 1 <= size <= 4096 for size in sizes):
        raise Refused("InvalidPayload", "sizes has to be a list of pixels, 1 to 4096")
    try:
        with Image.open(path, formats=list(FORMATS)) as picture:
            kind, (width, height) = picture.format, picture.size
            job.progress(10, "opened", f"{kind}, {width} x {height}")
            picture = ImageOps.exif_transpose(picture)
            picture.load()
    except FileNotFoundError:
        raise Refused("FileNotFound", f"{path}: no such file") from None
    except Image.DecompressionBombError as error:
        raise Refused("PictureTooLarge", str(error)) from None
    except (Image.UnidentifiedImageError, SyntaxError, ValueError, EOFError) as error:
        raise Refused("NotAPicture", str(error)) from None
    except OSError as error:
        if error.errno is None:  # Pillow's own: the file ends too early, or is damaged
            raise Refused("NotAPicture", f"{path}: {error}") from None
        raise TryAgain("FileNotReadable", str(error)) from error
    picture = picture.convert("RGB" if kind == "JPEG" else "RGBA")

    made = []
    for number, size in enumerate(sizes, 1):
        small = picture.copy()
        small.thumbnail((size, size))
        name = f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}-{size}{FORMATS[kind]}"
        target = places.folder("images") / name
        content = io.BytesIO()
        small.save(content, "JPEG" if kind == "JPEG" else "PNG")
        places.replace(target, content.getvalue())
        made.append({"file": str(target), "width": small.width, "height": small.height})
        job.progress(10 + 90 * number // len(sizes), "scaled", f"{size} pixels")
    return {"format": kind, "width": width, "height": height, "thumbnails": made}


if __name__ == "__main__":
    serve({"make-thumbnails": make_thumbnails})
