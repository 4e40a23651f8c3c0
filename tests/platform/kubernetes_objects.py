"""Objects of an API server, read as `kubectl get` reads them. Tests look several times a second: a kubectl of its own for
each look would cost them more CPU than all that they test."""

import argparse
import http.client
import json
import ssl
import threading
import time
import urllib.parse

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ObjectReader:
    """Over kept connections, one for each thread, with a client certificate. `pki` is the folder that has it."""

    def __init__(self, port, pki, user):
        self._port = port
        self._tls = ssl.create_default_context(cafile=pki / "ca.pem")
        self._tls.load_cert_chain(pki / f"{user}.pem", pki / f"{user}.key")
        self._kept = threading.local()
        self._kinds = {}  # by each name that kubectl takes: (path before the namespace, plural, whether it has namespaces)

    def get(self, *arguments):
        """Takes KIND [NAME] with kubectl's -n, -A, -l and --field-selector; the object or list of objects."""
        asked = _PARSER.parse_intermixed_args(list(map(str, arguments)))
        prefix, plural, has_namespaces = self._kind(asked.kind)
        namespace = f"/namespaces/{asked.namespace}" if has_namespaces and not asked.all_namespaces else ""
        query = {name: value for name, value in (("labelSelector", asked.selector), ("fieldSelector", asked.field_selector)) if value}
        path = f"{prefix}{namespace}/{plural}" + (f"/{asked.name}" if asked.name else "")
        return self._read(path + (f"?{urllib.parse.urlencode(query)}" if query else ""))

    def _kind(self, name):
        if name not in self._kinds:
            for root in ("/api", "/apis"):
                for group in self._read(root, DISCOVERY)["items"]:
                    self._learn(group)
        if name not in self._kinds:
            raise RuntimeError(f"the API server has no {name}")
        return self._kinds[name]

    def _learn(self, group):
        name = group["metadata"].get("name", "")
        version = group["versions"][0]  # the one that kubectl takes
        prefix = f"/apis/{name}/{version['version']}" if name else f"/api/{version['version']}"
        for each in version["resources"]:
            kind = (prefix, each["resource"], each["scope"] == "Namespaced")
            for known in (each["resource"], each["singularResource"], *each.get("shortNames", ())):
                self._kinds.setdefault(known, kind)

    def _read(self, path, accept="application/json"):
        for is_new in (False, True):
            connection = self._connection(is_new)
            try:
                connection.request("GET", path, headers={"accept": accept})
                answer = connection.getresponse()
                body = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:  # the server may have ended a kept one
                connection.close()
                if is_new:
                    raise RuntimeError(f"GET {path}: {error}") from None
                continue
            if answer.status == 429:  # as kubectl does; a kind that was just defined is not there at once
                time.sleep(float(answer.headers.get("retry-after", 1)))
                return self._read(path, accept)
            if answer.status != 200:
                raise RuntimeError(f"GET {path}: Error from server ({body.get('reason')}): {body.get('message')}")
            return body

    def _connection(self, is_new):
        if is_new or not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=60)
        return self._kept.connection


def _parser():
    parser = argparse.ArgumentParser(prog="get", allow_abbrev=False)
    parser.add_argument("kind")
    parser.add_argument("name", nargs="?")
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("-A", "--all-namespaces", action="store_true")
    parser.add_argument("-l", "--selector")
    parser.add_argument("--field-selector")
    return parser


_PARSER = _parser()
