#!/usr/bin/env python3
"""An HTTP worker that does as a test says, also what no worker should, and remembers every hand-over.

In a test:
    with Worker(lambda job: Reply(500) if job.attempt == 1 else Reply(200)) as worker:
        worker.wait_for(lambda jobs: len(jobs) == 3, "three hand-overs")

As a program, which can be killed, `worker.py --port P --log FILE`: what to do stands in each payload, a JSON object
with `n` (its number), `fail` (how many attempts fail, default 0), `dead` (answer 400) and `ms` (how long it takes). Each
hand-over appends two lines of JSON to the log, one before it begins to work and one before it answers.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import socket
import struct
import threading
import time

from processes import reserve_ports

LIMIT = 64 << 20  # bytes of a request's head


class Gate:
    """Holds jobs back until the test opens it."""

    def __init__(self):
        self._opened = threading.Event()

    def open(self):
        self._opened.set()

    @property
    def is_open(self):
        return self._opened.is_set()

    async def passed(self):
        await asyncio.get_running_loop().run_in_executor(None, self._opened.wait)


@dataclasses.dataclass
class Reply:
    """`raw` replaces the whole answer. `then` is keep, close, reset (RST) or hang, which keeps the connection open and
    says nothing more. `after` is a Gate or seconds."""
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    then: str = "keep"
    after: Gate | float | None = None

    def encoded(self):
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} Status", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


SILENCE = Reply(raw=b"", then="hang")


@dataclasses.dataclass
class Job:
    """One hand-over. Times are those of time.time(). Receipts are noted late and answers early, so a wait is measured from
    `answered_at` to the next `at`: what lies between the two is no shorter than it was for the sidecar."""
    at: float
    request: str
    headers: list  # of (lower-case name, value), in order
    payload: bytes
    answered_at: float | None = None  # just before the answer was sent
    cut_at: float | None = None       # when the other side closed before it was answered

    def all(self, name):
        return [value for other, value in self.headers if other == name]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times in {self.headers}"
        return values[0] if values else None

    @property
    def id(self):
        return self.header("drover-job-id")

    @property
    def key(self):
        return self.header("drover-key")

    @property
    def attempt(self):
        return int(self.header("drover-attempt"))

    @property
    def lease(self):
        return self.header("drover-lease")

    @property
    def incarnation(self):
        """Of the sidecar that handed it over: a new one with each start."""
        return self.lease.partition("-")[0]


def parse_head(head):
    request, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    return request, [(name.lower(), value.strip(" \t")) for name, _, value in fields]


async def serve_connection(reader, writer, received, answered):
    """received(job) gives the Reply, or a coroutine of one; answered(job) is told before the answer is sent."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            at = time.time()
            request, headers = parse_head(head[:-4])
            length = next((int(value) for name, value in headers if name == "content-length"), 0)
            job = Job(at, request, headers, await reader.readexactly(length))
            reply = received(job)
            if isinstance(reply.after, Gate):
                await reply.after.passed()
            elif reply.after:
                await asyncio.sleep(reply.after)
            if reply.then == "hang":
                writer.write(reply.encoded())
                await reader.read()
                job.cut_at = time.time()
                answered(job)
                return
            job.answered_at = time.time()
            answered(job)
            writer.write(reply.encoded())
            if reply.then == "reset":
                reset(writer)
                return
            await writer.drain()
            if reply.then == "close":
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # it asked nothing more: a probe of the port, or the end of a kept connection
    finally:
        writer.close()


def reset(writer):
    """Ends the connection with an RST, as the kernel does for a process that died with input unread."""
    connection = writer.get_extra_info("socket")
    if connection.fileno() != -1:  # the other side may have ended it already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


class Worker:
    """On a port of its own, which it keeps from start to start. `answer(job)` gives a Reply, a status, or None for 200;
    it runs on the worker's thread, one job at a time."""

    def __init__(self, answer=None, start=True):
        self._answer = answer or (lambda job: None)
        self._reservation, = reserve_ports(1)
        self.port = self._reservation.getsockname()[1]
        self.jobs = []
        self._changed = threading.Condition()
        self._error = None
        self._writers = set()
        self._server = None
        self._listens = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.crash()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reservation.close()
        if self._error:
            raise self._error

    def start(self):
        async def start():
            self._listens = True
            self._server = await asyncio.start_server(self._connected, sock=listen(self.port), limit=LIMIT)
        self._on_loop(start())

    def crash(self):
        """What one sees of a process that dies: nobody listens any more, and every connection is reset."""
        async def crash():
            self.refuse()
            for writer in list(self._writers):
                reset(writer)
        self._on_loop(crash())

    def refuse(self):
        """Nobody listens any more; connections that there are go on. For `answer`: it runs on the worker's thread."""
        self._listens = False
        if self._server:
            self._server.close()
            self._server = None

    def wait_for(self, condition, what, seconds=60):
        """Until condition(jobs) is true; its result. The limit only turns a hang into a message."""
        with self._changed:
            def fulfilled():
                return self._error or condition(self.jobs)
            if not self._changed.wait_for(fulfilled, seconds):
                raise TimeoutError(f"after {seconds} s no {what}; {len(self.jobs)} hand-overs: "
                                   + ", ".join(f"{job.key or job.id}#{job.attempt}" for job in self.jobs[-20:]))
            if self._error:
                raise self._error
            return condition(self.jobs)

    def of(self, key):
        with self._changed:
            return [job for job in self.jobs if job.key == key]

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _connected(self, reader, writer):
        if not self._listens:  # it had been taken, and nobody had looked at it yet
            reset(writer)
            return
        self._writers.add(writer)
        try:
            await serve_connection(reader, writer, self._received, self._notify)
        except Exception as error:  # of the test's own function: shown to the test, see wait_for() and __exit__()
            self._error = error
            self._notify(None)
        finally:
            self._writers.discard(writer)

    def _received(self, job):
        reply = self._answer(job)
        with self._changed:
            self.jobs.append(job)
            self._changed.notify_all()
        if reply is None:
            return Reply()
        return Reply(reply) if isinstance(reply, int) else reply

    def _notify(self, _job):
        with self._changed:
            self._changed.notify_all()


# --- the program ---


def planned_reply(job, plan):
    status = 400 if plan.get("dead") else 500 if job.attempt <= plan.get("fail", 0) else 200
    return Reply(status, after=plan.get("ms", 0) / 1000)


async def run_program(port, log):
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(event, job, **more):
        line = {"event": event, "at": time.time(), "n": job.plan["n"], "attempt": job.attempt, **more}
        os.write(out, json.dumps(line).encode() + b"\n")

    def received(job):
        job.plan = json.loads(job.payload)
        write("begin", job, incarnation=job.incarnation, topic=job.header("kafka-topic"), id=job.id,
              partition=int(job.header("kafka-partition")), offset=int(job.header("kafka-offset")))
        job.reply = planned_reply(job, job.plan)
        return job.reply

    def answered(job):
        write("end", job, incarnation=job.incarnation, id=job.id, status=job.reply.status)

    server = await asyncio.start_server(lambda reader, writer: serve_connection(reader, writer, received, answered),
                                        sock=listen(port), limit=LIMIT)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    asyncio.run(run_program(options.port, options.log))


if __name__ == "__main__":
    main()
