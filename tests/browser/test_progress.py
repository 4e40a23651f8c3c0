"""<drover-progress> on the example page of an upload, in Debian's Chromium (D4)."""

import base64
import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stack import LOOKS, ROOT, modules, play  # noqa: E402

from gateway_client import GatewayClient  # noqa: E402
from local_run import LocalRun  # noqa: E402
from processes import end_with_parent  # noqa: E402

UPLOAD = ROOT / "examples" / "upload"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Its address."""
    modules()
    folder = tmp_path_factory.mktemp("upload")
    with LocalRun(folder, files=[UPLOAD / "queues.yaml"]) as run:
        address = run.wait_for_line(r"gateway (http://\S+)")[1]
        run.wait_for(GatewayClient(address).is_ready, "a gateway that is ready")
        server = subprocess.Popen(["node", UPLOAD / "server.mjs"], stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent,
                                  env={**os.environ, "GATEWAY": address, "OUT_DIR": str(folder / "out"), "SERVICE_PORT": "0"})
        try:
            yield re.search(r"http://\S+", server.stdout.readline())[0]
        finally:
            server.kill()
            server.wait()


@pytest.mark.parametrize("look", LOOKS)
def test_D4_an_upload_is_followed_to_its_result_or_error(page, tmp_path, look):
    picture = base64.b64encode(bytes(range(128, 256)) * 40).decode()
    problem = play("upload", page, look, tmp_path, text="Some words of a text that is read.\n", picture=picture)
    assert problem is None, problem
