#!/usr/bin/env python3
"""Queue `ai-process`: a summary of an article and its keywords, by counting words; no network, no model.

Payload: sourceId, userId, itemId, url, title, content, metadata. Result: {summary, keywords}, also as
$OUT_DIR/articles/<sourceId>-<itemId>.md. The same item writes the same file, however often it comes.
"""

import os
import re
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from worker import Refused, serve

OUT = Path(os.environ.get("OUT_DIR", Path(__file__).resolve().parent / "out"))
SENTENCES, KEYWORDS = 2, 6
STOP_WORDS = set("""a about above after again against all also am an and any are as at be because been before being below
between both but by can could did do does doing down during each even every few for from further had has have having he
her here hers him his how i if in into is it its itself just like many may me might more most much must my no nor not now
of off on once one only or other our out over own said same she should so some still such than that the their them then
there these they this those through to too two under until up upon us very was we well were what when where which while
who whom why will with within without would you your""".split())


def ai_process(job):
    title, content = job.field("title", str), job.field("content", str, "")
    source, item = job.field("sourceId", str), job.field("itemId", str)
    sentences = re.findall(r"[^.!?…]+[.!?…]+[\"'”’)]*|[^.!?…]+$", content)
    sentences = [sentence.strip() for sentence in sentences if words(sentence)]
    if not sentences:
        raise Refused("NothingToSummarise", f"{title!r} has no text")
    job.progress(30, "read", f"{len(sentences)} sentences")
    weight = Counter(word for word in words(content) if word not in STOP_WORDS)
    weight.update(word for word in words(title) if word in weight)  # what the title says counts twice
    keywords = [word for word, _ in sorted(weight.items(), key=lambda each: (-each[1], each[0]))[:KEYWORDS]]
    job.progress(60, "counted", result={"keywords": keywords})
    summary = " ".join(best(sentences, weight))
    write(OUT / "articles" / f"{quote(source, safe='')}-{quote(item, safe='')}.md",
          f"# {title}\n\n{summary}\n\nKeywords: {', '.join(keywords)}\n{job.field('url', str, '')}\n")
    result = {"title": title, "summary": summary, "keywords": keywords}
    job.progress(100, "written", result=result)
    return result


def best(sentences, weight):
    """The heaviest sentences for their length, in the order of the text."""
    def score(number):
        found = words(sentences[number])
        return sum(weight[word] for word in found) / (len(found) + 5)  # + 5: a very short sentence is no summary

    chosen = sorted(range(len(sentences)), key=score, reverse=True)[:SENTENCES]
    return [sentences[number] for number in sorted(chosen)]


def words(text):
    return re.findall(r"[^\W\d_][\w'’-]+", text.lower())


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)  # whoever reads it sees a whole one


if __name__ == "__main__":
    serve({"ai_process": ai_process})
