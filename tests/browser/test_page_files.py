"""How the gateway serves the dashboard's files (D3)."""

import gzip
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stack import ROOT  # noqa: E402

sys.path[:0] = [str(ROOT / "tests" / place) for place in ("gateway", "platform", "run")]

from embedded_broker import EmbeddedBroker  # noqa: E402
from gateway_process import Gateway  # noqa: E402

FILES = {"/": "text/html; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8",
         "/assets/style.css": "text/css; charset=utf-8", "/favicon.svg": "image/svg+xml",
         "/drover-progress.js": "text/javascript; charset=utf-8"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "tokens.yaml").write_text("tokens: [{name: root, token: admin-token, roles: [admin]}]")
    with EmbeddedBroker.temporary() as broker, Gateway(folder, broker.bootstrap, "--tokens", folder / "tokens.yaml") as gateway:
        yield gateway.client()


@pytest.mark.parametrize("path", FILES)
def test_D3_each_file_is_for_everybody_compressed_and_locked_down(client, path):
    plain = client.ask("GET", path)
    assert plain.status == 200 and plain.headers["content-type"] == FILES[path]
    assert "content-encoding" not in plain.headers and plain.headers["x-content-type-options"] == "nosniff"
    policy = plain.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    zipped = client.ask("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert zipped.headers["content-encoding"] == "gzip" and gzip.decompress(zipped.body) == plain.body
    assert "content-encoding" not in client.ask("GET", path, headers={"Accept-Encoding": "br, gzip;q=0"}).headers
    assert client.ask("HEAD", path).headers["content-length"] == str(len(plain.body))


@pytest.mark.parametrize("path", FILES)
def test_D3_one_who_has_the_file_does_not_get_it_again(client, path):
    tag = client.ask("GET", path).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.ask("GET", path, headers={"If-None-Match": known})
        assert again.status == 304 and again.body == b"" and again.headers["etag"] == tag
    assert client.ask("GET", path, headers={"If-None-Match": '"other"'}).status == 200


def test_D3_all_of_it_is_at_most_150_KB_compressed(client):
    sizes = {path: len(client.ask("GET", path, headers={"Accept-Encoding": "gzip"}).body) for path in FILES}
    assert sum(sizes.values()) <= 150_000, sizes
    assert sizes["/drover-progress.js"] <= 5_000, sizes


def test_D3_nothing_else_is_served_and_the_API_still_asks_for_a_token(client):
    for path in ("/index.html", "/assets/", "/assets/../assets/app.js", "/assets/other.js"):
        assert client.ask("GET", path).status == 404, path
    assert client.ask("POST", "/").status == 405
    assert client.ask("GET", "/v1/queues").status == 401
