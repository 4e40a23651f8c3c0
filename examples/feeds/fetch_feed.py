#!/usr/bin/env python3
"""Queue `rss-fetch`: reads a feed, RSS 0.9 to 2.0 or Atom, and submits each of its items to the queue `ai-process`.

Payload: sourceId, userId, url (http, https, file, or a path). A feed that is fetched twice submits its items twice; they
carry the same `itemId`, by which the second queue keeps one of each.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml
from datetime import timezone
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from worker import Refused, TryAgain, serve

TIMEOUT = 10  # seconds; below the job's timeout, so that the cause is told before the job is given up
MOST_BYTES = 8 << 20  # of a feed
MOST_TEXT = 20_000  # characters of an item; what the second queue takes is bounded


def rss_fetch(job):
    source, user, url = job.field("sourceId", str), job.field("userId", str, ""), job.field("url", str)
    content = fetch(url)
    job.progress(10, "fetched", f"{len(content)} bytes")
    items = read_feed(content)
    job.progress(20, "parsed", f"{len(items)} items")
    submitted, failures = [], []
    labels = {"source": source, **({"user": user} if user else {})}
    for number, item in enumerate(items, 1):
        item_id = hashlib.sha256(f"{source}\n{item.pop('guid')}".encode()).hexdigest()[:16]
        payload = {"sourceId": source, "userId": user, "itemId": item_id, **item}
        try:
            submitted.append(job.submit("ai-process", "ai_process", payload, labels=labels, uniqueKey=item_id))
        except Refused as refused:  # one item that is wrong does not touch the others
            failures.append({"title": item["title"], "message": str(refused)})
        job.progress(20 + 80 * number // len(items), "submitting", f"{number} of {len(items)}")
    return {"items": len(items), "submitted": submitted, "failures": failures}


def fetch(url):
    scheme = urlsplit(url).scheme
    try:
        if scheme in ("http", "https"):
            request = urllib.request.Request(url, headers={"User-Agent": "drover-example-feeds"})
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                content = answer.read(MOST_BYTES + 1)
        elif scheme in ("file", ""):
            with open(Path(urllib.request.url2pathname(urlsplit(url).path)), "rb") as file:
                content = file.read(MOST_BYTES + 1)
        else:
            raise Refused("InvalidUrl", f"{url}: only http, https and file")
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (408, 425, 429) or error.code >= 500:
                wait = error.headers.get("Retry-After", "")
                wait = int(wait) if wait.isdecimal() else None
                raise TryAgain("FeedNotNow", f"{url} answered {error.code}", wait) from None
            raise Refused("FeedGone", f"{url} answered {error.code}") from None
    except (http.client.InvalidURL, ValueError) as error:
        raise Refused("InvalidUrl", f"{url}: {error}") from None
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Refused("FeedGone", f"{url}: {error.strerror}") from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain("FeedUnreachable", f"{url}: {error}") from error
    if len(content) > MOST_BYTES:
        raise Refused("FeedTooLarge", f"{url} has more than {MOST_BYTES} bytes")
    return content


def read_feed(content):
    """[{guid, url, title, content, metadata}] in the feed's order."""
    if b"<!ENTITY" in content:
        raise Refused("NotAFeed", "a feed that declares entities may be a bomb")
    try:
        root = xml.fromstring(content)
    except (xml.ParseError, ValueError, LookupError) as error:  # LookupError: of an encoding
        raise Refused("NotAFeed", f"not XML: {error}") from None
    if local(root) not in ("rss", "RDF", "feed"):
        raise Refused("NotAFeed", f"neither RSS nor Atom: it begins with <{local(root)}>")
    return [read_item(each) for each in root.iter() if local(each) in ("item", "entry")]


def read_item(item):
    parts = {}
    for part in item:
        parts.setdefault(local(part), part)
    links = [part for part in item if local(part) == "link" and part.get("rel", "alternate") == "alternate"]
    url = (links[0].get("href") or text(links[0])).strip() if links else ""
    title = plain(text(parts.get("title"))) or url
    body = next((parts[name] for name in ("encoded", "content", "description", "summary") if name in parts), None)
    metadata = {"published": published(parts), "author": plain(text(parts.get("creator", parts.get("author"))))}
    return {
        "guid": text(parts.get("guid", parts.get("id"))).strip() or url or title,
        "url": url,
        "title": title[:500],
        "content": plain(text(body))[:MOST_TEXT],
        "metadata": {name: value for name, value in metadata.items() if value},
    }


def published(parts):
    names = [name for name in ("pubDate", "date", "published", "updated") if name in parts]
    date = text(parts[names[0]]).strip() if names else ""
    try:
        return parsedate_to_datetime(date).astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError):
        return date  # Atom's is as it should be


def local(element):
    """Its name without the namespace: feeds do not agree on those."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def text(element):
    return "".join(element.itertext()) if element is not None else ""


class PlainText(HTMLParser):
    HIDDEN, BLOCKS = ("script", "style"), ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4")

    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in self.HIDDEN
        if tag in self.BLOCKS:
            self.parts.append(" ")

    def handle_endtag(self, tag):
        self.hidden -= tag in self.HIDDEN and self.hidden > 0
        if tag in self.BLOCKS:
            self.parts.append(" ")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def plain(html):
    parser = PlainText()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.parts).split())


if __name__ == "__main__":
    serve({"rss_fetch": rss_fetch})
