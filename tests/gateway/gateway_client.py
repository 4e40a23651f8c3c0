"""Asks a gateway, as a program would."""

import http.client
import json
import socket
import urllib.parse

from processes import wait_until

ENDED = {"completed", "failed", "cancelled"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class GatewayClient:
    def __init__(self, address, token=None):
        self.host = urllib.parse.urlsplit(address).netloc
        self.token = token

    def ask(self, method, path, body=None, headers=None, timeout=90):
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(self.host, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def submit(self, queue, payload, **fields):
        """The new job's id."""
        answer = self.ask("POST", f"/v1/queues/{queue}/jobs", {"payload": payload, **fields})
        assert answer.status == 202, answer.body
        return answer.json["id"]

    def job(self, job, wait="60s"):
        return self.get(f"/v1/jobs/{job}" + (f"?wait={wait}" if wait else ""))

    def wait_for_state(self, job, *states):
        return wait_until(lambda: (found := self.job(job, wait=None))["state"] in states and found, f"{job} {states}")

    def events(self, job):
        """Server-sent events of a job, as they come, until the gateway ends the stream."""
        return self.stream(f"/v1/jobs/{job}/events")

    def stream(self, path):
        connection = http.client.HTTPConnection(self.host, timeout=90)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"} if self.token else {})
        response = connection.getresponse()
        assert response.status == 200 and response.getheader("content-type") == "text/event-stream"
        event = None
        for line in response:
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield event, json.loads(line.removeprefix("data: "))
        connection.close()

    def raw(self, request):
        """All that comes back for these bytes."""
        host, _, port = self.host.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)
