"""A proxy before a Kubernetes API server that misbehaves as it is told, for whoever goes through it."""

import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import ssl
import threading
import time
from collections.abc import Callable


@dataclasses.dataclass
class Fault:
    """What happens to requests that fit, instead of or beside what they ask for."""

    fits: Callable[[str, str], bool]  # of method and path with query
    status: int | None = None  # the answer, which the API server never hears of
    headers: dict = dataclasses.field(default_factory=dict)
    delay: float = 0  # seconds, before all else
    cut_after: int | None = None  # bytes of the answer's body, then the connection ends
    seen: list = dataclasses.field(default_factory=list)  # when each came


def writes(kind):
    """Requests that change objects of this kind, by its plural."""
    return lambda method, path: method not in ("GET", "HEAD") and re.search(rf"/{kind}(/|\?|$)", path) is not None


def watches(kind):
    return lambda method, path: method == "GET" and f"/{kind}?" in path and "watch=" in path


class ApiProxy:
    """Without TLS on its own side; towards the API server it is the admin."""

    def __init__(self, plane, folder):
        config = json.loads(plane.kubeconfig.read_text())
        self._server = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
        self._tls = ssl.create_default_context(cafile=plane.dir / "pki" / "ca.pem")
        self._tls.load_cert_chain(plane.dir / "pki" / "admin.pem", plane.dir / "pki" / "admin.key")
        self._faults = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                with contextlib.suppress(ConnectionError):  # the operator ended, or gave up waiting
                    super().handle_one_request()

            def answer(self):
                proxy._answer(self)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.kubeconfig = folder / f"proxy-{self._http.server_port}.kubeconfig"
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._http.server_port}"}
        config["users"][0]["user"] = {"token": "none"}
        self.kubeconfig.write_text(json.dumps(config))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def fault(self, fits, **how):
        made = Fault(fits, **how)
        self._faults.append(made)
        try:
            yield made
        finally:
            self._faults.remove(made)

    def _answer(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        fault = next((each for each in list(self._faults) if each.fits(request.command, request.path)), None)
        if fault:
            fault.seen.append(time.monotonic())
            time.sleep(fault.delay)
            if fault.status:
                self._refuse(request, fault)
                return
        self._pass_on(request, body, fault.cut_after if fault else None)

    @staticmethod
    def _refuse(request, fault):
        text = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.status,
                           "message": f"the proxy answers {fault.status}"}).encode()
        request.send_response(fault.status)
        for name, value in ({"content-type": "application/json", "content-length": len(text)} | fault.headers).items():
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(text)

    def _pass_on(self, request, body, cut_after):
        with contextlib.closing(http.client.HTTPSConnection(self._server, context=self._tls)) as server:
            kept = {name: value for name, value in request.headers.items()
                    if name.lower() in ("accept", "content-type", "user-agent")}
            server.request(request.command, request.path, body, kept)
            answer = server.getresponse()
            request.send_response(answer.status)
            request.send_header("content-type", answer.headers.get("content-type", "application/json"))
            request.send_header("transfer-encoding", "chunked")
            request.end_headers()
            sent = 0
            while piece := answer.read1(65536):
                if cut_after is not None:
                    piece = piece[:cut_after - sent]
                request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                request.wfile.flush()
                sent += len(piece)
                if sent == cut_after:
                    request.close_connection = True
                    request.connection.shutdown(2)
                    return
            request.wfile.write(b"0\r\n\r\n")
