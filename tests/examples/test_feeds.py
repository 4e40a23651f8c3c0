"""examples/feeds: S0's pipeline of two queues, fetch and summarise."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from example_worker import EXAMPLES, PYTHON, Sidecar, WorkerProcess, copy_of, run_script, summary_of  # noqa: E402

RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>F</title>
<item><title>One &amp;amp; two</title><link>https://x.example/1</link><guid>g-1</guid><pubDate>Mon, 20 Oct 2025 08:00:00 +0200</pubDate>
<description>short</description><content:encoded><![CDATA[<p>All of <b>it</b>.</p><script>x()</script><p>More.</p>]]></content:encoded></item>
<item><title>Bare</title><link>https://x.example/2</link></item></channel></rss>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>F</title></channel><item rdf:about="x/1"><title>Old</title>
<link>https://x.example/old</link><description>An old format.</description><dc:date>2001-02-03T04:05:06Z</dc:date><dc:creator>Ada</dc:creator></item></rdf:RDF>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">&lt;i&gt;Title&lt;/i&gt;</title><id>a-1</id>
<link rel="edit" href="https://x.example/edit"/><link href="https://x.example/a"/><updated>2025-10-22T10:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>In <em>parts</em>.</p></div></content></entry></feed>"""


@pytest.fixture
def sidecar():
    sidecar = Sidecar()
    yield sidecar
    sidecar.stop()


@pytest.fixture
def example(tmp_path):
    return copy_of("feeds", tmp_path)


@pytest.fixture
def fetcher(example, sidecar):
    with WorkerProcess([PYTHON, "fetch_feed.py"], example, sidecar) as worker:
        yield worker


@pytest.fixture
def summariser(example, sidecar, tmp_path):
    with WorkerProcess([PYTHON, "summarise.py"], example, sidecar, OUT_DIR=tmp_path / "out") as worker:
        yield worker


class FeedServer(HTTPServer):
    """`answers` are (status, headers, body), given in turn."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.answers = list(answers)
        self.url = f"http://127.0.0.1:{self.server_port}/feed"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = self.server.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass


def feed(tmp_path, content):
    path = tmp_path / "feed.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {"sourceId": "s", "userId": "ada", "url": f"file://{path}"}


def items(sidecar):
    return [job["payload"] for _, _, job in sidecar.jobs]


def test_D6_each_item_of_an_rss_feed_becomes_a_job_of_the_second_queue(fetcher, sidecar, tmp_path):
    answer = fetcher.post(feed(tmp_path, RSS), drover_type="rss_fetch")
    assert answer.json == {"items": 2, "submitted": ["further-1", "further-2"], "failures": []}
    assert [(queue, job["type"], job["labels"]) for queue, _, job in sidecar.jobs] == [
        ("ai-process", "ai_process", {"source": "s", "user": "ada"})] * 2
    first, second = items(sidecar)
    assert {**first, "itemId": None} == {
        "sourceId": "s", "userId": "ada", "itemId": None, "url": "https://x.example/1", "title": "One & two", "content": "All of it. More.",
        "metadata": {"published": "2025-10-20T06:00:00Z"}}
    assert (second["title"], second["content"], second["metadata"]) == ("Bare", "", {})
    assert first["itemId"] != second["itemId"]
    assert sidecar.percents() == [10, 20, 60, 100]


def test_feeds_in_the_oldest_format_and_in_atom_are_read(fetcher, sidecar, tmp_path):
    fetcher.post(feed(tmp_path, RDF))
    fetcher.post(feed(tmp_path, ATOM))
    old, atom = items(sidecar)
    assert (old["title"], old["content"], old["metadata"]) == ("Old", "An old format.", {"published": "2001-02-03T04:05:06Z", "author": "Ada"})
    assert (atom["title"], atom["url"], atom["content"]) == ("Title", "https://x.example/a", "In parts.")


def test_A16_a_feed_that_is_fetched_twice_names_its_items_as_before(fetcher, sidecar, tmp_path):
    for _ in range(2):
        fetcher.post(feed(tmp_path, RSS))
    ids = [item["itemId"] for item in items(sidecar)]
    assert ids[:2] == ids[2:] and [job["uniqueKey"] for _, _, job in sidecar.jobs] == ids


def test_a_feed_comes_over_http_also_behind_a_redirect(fetcher, sidecar):
    with FeedServer((302, {"Location": "/moved"}, ""), (200, {}, RSS)) as server:
        assert fetcher.post({"sourceId": "s", "url": server.url}).json["items"] == 2


def test_A4_a_server_that_is_busy_asks_for_another_try_and_a_feed_that_is_gone_is_dead(fetcher):
    with FeedServer((429, {"Retry-After": "9"}, ""), (502, {}, ""), (410, {}, "")) as server:
        job = {"sourceId": "s", "url": server.url}
        limited, broken, gone = (fetcher.post(job) for _ in range(3))
        assert (limited.status, limited.error, limited.headers["Retry-After"]) == (503, "FeedNotNow", "9")
        assert (broken.status, broken.headers["Retry-After"]) == (503, None)
        assert (gone.status, gone.error) == (422, "FeedGone")
    away = fetcher.post(job)
    assert (away.status, away.error) == (503, "FeedUnreachable")


@pytest.mark.parametrize("content", [b"", b"plain text", b"<html><body/></html>", RSS[:200].encode(), b"\xff\xfe\x00",
                                     b'<?xml version="1.0" encoding="no-such"?><rss/>',
                                     b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel>&b;</channel></rss>'])
def test_A4_what_is_no_feed_is_dead_with_its_cause(fetcher, sidecar, tmp_path, content):
    fetcher.refuses(feed(tmp_path, content), "NotAFeed")
    assert sidecar.jobs == []


@pytest.mark.parametrize("payload, kind", [
    ({"url": "x"}, "InvalidPayload"), ({"sourceId": "s"}, "InvalidPayload"), ({"sourceId": "s", "url": "ftp://x.example/"}, "InvalidUrl"),
    ({"sourceId": "s", "url": "http://a b/"}, "InvalidUrl"), ({"sourceId": "s", "url": "/no/such/feed"}, "FeedGone"),
    ({"sourceId": "s", "url": "/etc"}, "FeedGone"), ({"sourceId": "s", "url": "file:///a\0b"}, "InvalidUrl"),
])
def test_A4_a_source_that_is_wrong_is_dead_with_its_cause(fetcher, payload, kind):
    fetcher.refuses(payload, kind)


def test_a_feed_without_an_end_is_dead_with_its_cause(fetcher):
    fetcher.refuses({"sourceId": "s", "url": "/dev/zero"}, "FeedTooLarge")


def test_one_item_that_the_sidecar_refuses_does_not_touch_the_others(fetcher, sidecar, tmp_path):
    sidecar.answers["jobs"] = [413]
    answer = fetcher.post(feed(tmp_path, RSS))
    assert (answer.status, answer.json["items"], len(answer.json["submitted"])) == (200, 2, 1)
    assert answer.json["failures"][0]["title"] == "One & two"


def test_a_sidecar_that_takes_no_job_now_asks_for_another_try(fetcher, sidecar, tmp_path):
    sidecar.answers["jobs"] = [202, 503]
    answer = fetcher.post(feed(tmp_path, RSS))
    assert (answer.status, answer.error) == (503, "NotSubmitted")


ARTICLE = {"sourceId": "s", "itemId": "i-1", "title": "Herds", "url": "https://x.example/1", "content":
           "It rained. A herd walks slowly. The herd rests at night, and the herd eats. Somebody once said something else entirely about tea."}


def test_D6_an_article_is_summarised_by_its_own_sentences(summariser, sidecar, tmp_path):
    answer = summariser.post(ARTICLE, drover_type="ai_process")
    assert answer.json["keywords"][0] == "herd"
    assert answer.json["summary"] == "A herd walks slowly. The herd rests at night, and the herd eats."
    assert (tmp_path / "out" / "articles" / "s-i-1.md").read_text() == (
        f"# Herds\n\n{answer.json['summary']}\n\nKeywords: {', '.join(answer.json['keywords'])}\nhttps://x.example/1\n")
    assert sidecar.percents() == [30, 60, 100] and sidecar.progress[1][2]["result"]["keywords"][0] == "herd"


def test_an_article_that_comes_twice_is_one_file(summariser, tmp_path):
    summaries = [summariser.post(ARTICLE).json for _ in range(2)]
    assert summaries[0] == summaries[1] and len(list((tmp_path / "out" / "articles").iterdir())) == 1


def test_an_article_of_one_long_sentence_in_another_script_is_summarised(summariser):
    assert summariser.post({**ARTICLE, "content": "Стада шли по дороге"}).json["summary"] == "Стада шли по дороге"


@pytest.mark.parametrize("wrong, kind", [({"content": ""}, "NothingToSummarise"), ({"content": "... !?"}, "NothingToSummarise"),
                                         ({"title": None}, "InvalidPayload"), ({"content": 3}, "InvalidPayload")])
def test_A4_an_article_without_text_is_dead_with_its_cause(summariser, wrong, kind):
    payload = {**ARTICLE, **wrong}
    if payload["content"] == "":
        del payload["content"]
    summariser.refuses(payload, kind)


def test_names_that_are_no_file_names_stay_in_the_folder(summariser, tmp_path):
    assert summariser.post({**ARTICLE, "sourceId": "../../x", "itemId": "a/b"}).status == 200
    assert [path.name for path in (tmp_path / "out" / "articles").iterdir()] == ["..%2F..%2Fx-a%2Fb.md"]


def test_A15_sigterm_ends_both_workers(fetcher, summariser, tmp_path):
    fetcher.post(feed(tmp_path, RSS), fetcher.connect())
    summariser.post(ARTICLE, summariser.connect())
    assert (fetcher.stop(), summariser.stop()) == (0, 0)


def test_the_part_that_the_examples_share_is_the_same_in_each():
    copies = [path.read_text() for path in EXAMPLES.glob("*/worker.py")]
    assert len(copies) >= 2 and len(set(copies)) == 1


def test_D6_its_one_command_fetches_and_summarises(tmp_path):
    code, text = run_script(EXAMPLES / "feeds" / "run.sh", tmp_path, OUT_DIR=tmp_path / "out")
    assert code == 0, text
    assert summary_of("rss-fetch", text) == (3, 2, 0, 1) and summary_of("ai-process", text) == (5, 5, 0, 0)
    assert "1 × FeedGone" in text and "Keywords: herd" in text
    assert len(list((tmp_path / "out" / "articles").iterdir())) == 5
