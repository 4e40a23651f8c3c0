"""relay.py FD PORT: hands each connection that comes in at the listening socket FD on to 127.0.0.1:PORT.

The socket stays in the network in which it was made, and the outgoing side is in this process's: that is the whole trick.
"""

import asyncio
import contextlib
import socket
import sys


async def copy(reader, writer):
    """Until the end of what comes, and says so to the other side; an answer may still be on its way back."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def relay(port, reader, writer):
    with contextlib.suppress(ConnectionError, OSError):  # one side is away: so is, by closing, the other
        with contextlib.closing(writer):
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(other_writer):
                await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))


async def main(fd, port):
    listening = socket.socket(fileno=fd)
    async with await asyncio.start_server(lambda *connection: relay(port, *connection), sock=listening) as server:
        await server.serve_forever()


asyncio.run(main(*map(int, sys.argv[1:])))
