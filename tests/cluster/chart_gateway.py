"""The gateway of an installed chart, as a process of this machine."""

import base64
import contextlib
import http.client
import os
import re
import signal
import subprocess

from chart import find
from processes import end_with_parent


def tokens_of(plane, namespace):
    data = plane.get("secret", "drover-gateway-tokens", "--namespace", namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


@contextlib.contextmanager
def gateway(plane, objects, folder, namespace):
    """`drover gateway` with the arguments that these objects of the chart have for it, and what is mounted there, on this machine.
    Yields its port."""
    stateful_set = find(objects, "StatefulSet")
    container, = stateful_set["spec"]["template"]["spec"]["containers"]
    for name, value in tokens_of(plane, namespace).items():
        (folder / name).write_text(value)
    places = {"/etc/drover/tokens": str(folder), "/var/lib/drover": str(folder / "data"), "--port=4100": "--port=0"}
    arguments = container["args"]
    for there, here in places.items():
        arguments = [each.replace(there, here) for each in arguments]
    log = folder / "gateway.log"
    with log.open("wb") as out:
        child = subprocess.Popen([os.environ["DROVER"], *arguments], stdout=out, stderr=subprocess.STDOUT,
                                 preexec_fn=end_with_parent, env={**os.environ, "POD_NAME": "drover-gateway-0"})
    try:
        def port():
            assert child.poll() is None, f"the gateway ended:\n{log.read_text()}"
            started = re.search(r'"message":"gateway started".*?"port":(\d+)', log.read_text())
            return started and int(started[1])
        yield plane.wait_until(port, "gateway")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0, log.read_text()
    finally:
        child.kill()
        child.wait()


def status_of(port, path, token=None):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
