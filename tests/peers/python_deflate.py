"""
Compressed messages: Python websockets as client and as server of the tool deflate_peer, with sets of parameters, and of
the examples with --deflate; started by run. Prints a line "ok - ..." or "not ok - ..." for each check.
"""

import asyncio
import contextlib
import os
import random
import signal

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

from checks import check, equal, run

PEER = os.environ["DEFLATE_PEER"]
URL = "ws://" + os.environ["ECHO_ADDRESS"]
MIB = 1 << 20
RANDOM = random.Random(7)
LOG = open(os.path.join(os.environ["PEERS_HOME"], "client-python-deflate.log"), "wb")

# What the server and the client of each pair may ask for: the arguments of deflate_peer, and those of the factory of
# websockets. Python's zlib cannot compress with a window of 8 bits.
AS_SERVER = [
    ("", dict(client_max_window_bits=True)),
    ("", dict()),
    ("--level 1", dict(client_max_window_bits=10)),
    ("--level 9 --receive-history 9", dict(client_max_window_bits=True)),
    ("", dict(server_max_window_bits=15, client_max_window_bits=15)),
    ("", dict(server_max_window_bits=10, client_max_window_bits=True)),
    ("--threshold 0", dict(server_max_window_bits=9)),
    ("--send-history 15", dict(server_max_window_bits=8, client_max_window_bits=True)),
    ("", dict(server_no_context_takeover=True)),
    ("", dict(client_no_context_takeover=True)),
    ("", dict(server_no_context_takeover=True, client_no_context_takeover=True,
              server_max_window_bits=10, client_max_window_bits=10)),
    ("--send-history 0 --receive-history 0", dict(client_max_window_bits=True)),
    ("--send-history 15 --receive-history 15", dict(client_max_window_bits=True)),
    ("--send-history 8 --receive-history 10", dict(client_max_window_bits=True)),
    ("--fragments 1000", dict(client_max_window_bits=True)),
]
AS_CLIENT = [
    ("", dict()),
    ("--level 1", dict(server_max_window_bits=12, client_max_window_bits=12)),
    ("--level 9", dict(client_max_window_bits=10)),
    ("", dict(client_max_window_bits=9)),
    ("--send-history 15 --threshold 0", dict(client_max_window_bits=8)),
    ("", dict(client_max_window_bits=15, server_max_window_bits=15)),
    ("", dict(server_max_window_bits=10)),
    ("", dict(server_max_window_bits=9, client_max_window_bits=9)),
    ("", dict(server_no_context_takeover=True)),
    ("", dict(client_no_context_takeover=True)),
    ("", dict(server_no_context_takeover=True, client_no_context_takeover=True,
              server_max_window_bits=10, client_max_window_bits=10)),
    ("--send-history 0 --client-receive-history 0", dict()),
    ("--client-receive-history 10", dict()),
    ("--send-history 8", dict()),
    ("--fragments 1000", dict()),
]


class Counted:
    """Counts the bytes of the peer."""

    received = 0

    def data_received(self, data):
        self.received += len(data)
        super().data_received(data)


class Client(Counted, ClientConnection):
    pass


class Server(Counted, ServerConnection):
    pass


def text(size):
    out = ""
    while len(out) < size:
        out += '{"user": "%d", "text": "héllo %d"}, ' % (RANDOM.randrange(50), RANDOM.randrange(10_000))
    return out.encode()[:size].decode("utf-8", "ignore")


MESSAGES = [text(size) for size in (0, 1, 31, 100, 100, 1000, 1000, 16_000, 65_536, MIB)]
MESSAGES += [message.encode() for message in MESSAGES[:-1]]
MESSAGES += [RANDOM.randbytes(size) for size in (1, 1000, 100_000)] + [bytes(MIB)]
PLAIN = sum(len(m.encode() if isinstance(m, str) else m) for m in MESSAGES)


async def exchange(ws):
    """Sends each message, whole and in fragments, and compares the echo; returns the bytes of the echoes."""
    before = ws.received
    for message in MESSAGES:
        await ws.send(message)
        equal(await ws.recv(), message, "an echo")
    used = ws.received - before

    pongs = []

    async def fragments(message):
        for start in range(0, len(message), 7000):
            yield message[start : start + 7000]
            pongs.append(await ws.ping(b"between %d" % len(pongs)))

    for message in MESSAGES[7], MESSAGES[8].encode():
        await ws.send(fragments(message))
        equal(await ws.recv(), message, "an echo of fragments")
    for pong in pongs:
        await pong
    # both ends refer to what was before the Pings
    for message in MESSAGES[3:6]:
        await ws.send(message)
        equal(await ws.recv(), message, "a later echo")
    return used


def agreed(ws, local):
    """What deflate_peer prints of the extension of `ws`, which is the `local` end."""
    [extension] = ws.protocol.extensions

    def shown(end):
        side = "local" if end == local else "remote"
        alone = getattr(extension, side + "_no_context_takeover")
        bits = getattr(extension, side + "_max_window_bits")
        return "%s %d bits%s" % (end, bits, " without context takeover" if alone else "")

    return "permessage-deflate: %s, %s" % (shown("client"), shown("server"))


@contextlib.asynccontextmanager
async def tool(*args):
    process = await asyncio.create_subprocess_exec(
        PEER, *args, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_of(process):
    return (await process.stdout.readline()).decode().rstrip("\n")


def named(params):
    return "; ".join(name if value is True else "%s=%s" % (name, value) for name, value in params.items()) or "nothing"


for options, params in AS_SERVER:
    @check("server %s, offered %s" % (options or "by default", named(params)))
    async def _(options=options, params=params):
        async with tool("serve", *options.split()) as process:
            url = (await line_of(process)).removeprefix("listening on ").replace("http", "ws", 1)
            factory = ClientPerMessageDeflateFactory(**params)
            async with connect(url, proxy=None, max_size=None, compression=None, extensions=[factory],
                               create_connection=Client) as ws:
                used = await exchange(ws)
                equal(await line_of(process), agreed(ws, "client"), "the agreement")
                # the random bytes, and less than half of the rest
                assert used < 101_100 + (PLAIN - 101_001) / 2, "%d of %d bytes" % (used, PLAIN)


for options, params in AS_CLIENT:
    @check("client %s, answered %s" % (options or "by default", named(params)))
    async def _(options=options, params=params):
        done = asyncio.get_running_loop().create_future()

        async def handler(ws):
            try:
                done.set_result((await exchange(ws), agreed(ws, "server")))
            except Exception as error:
                done.set_exception(error)

        factory = ServerPerMessageDeflateFactory(**params)
        async with serve(handler, "127.0.0.1", 0, max_size=None, compression=None, extensions=[factory],
                         create_connection=Server) as server:
            port = server.sockets[0].getsockname()[1]
            async with tool("connect", "ws://127.0.0.1:%d/" % port, *options.split()) as process:
                used, agreement = await done
                equal(await line_of(process), agreement, "the agreement")
                assert used < 101_100 + (PLAIN - 101_001) / 2, "%d of %d bytes" % (used, PLAIN)
                assert "1000 (closed by the peer)" in await line_of(process), "the end"
                equal(await process.wait(), 0, "the exit status")


@check("echo example with --deflate: the answer, shorter messages, the line in its log")
async def _():
    async with connect(URL + "/echo", proxy=None, max_size=None, create_connection=Client) as ws:
        equal(ws.response.headers["Sec-WebSocket-Extensions"], "permessage-deflate; client_max_window_bits=12", "answer")
        assert await exchange(ws) < PLAIN / 2, "the echoes are not shorter"
        host, port = ws.local_address
        with open(os.environ["ECHO_LOG"], encoding="utf-8") as log:
            line = "%s:%d: permessage-deflate: client 12 bits, server 15 bits" % (host, port)
            assert line in log.read(), "no line %r" % line
    async with connect(URL + "/echo", proxy=None, compression=None) as ws:
        assert "Sec-WebSocket-Extensions" not in ws.response.headers, "compression without an offer"
        await ws.send("plain")
        equal(await ws.recv(), "plain")


@check("client example with --deflate: lines both ways, shorter, and what is agreed on by --verbose")
async def _():
    received = asyncio.get_running_loop().create_future()

    async def handler(ws):
        async for message in ws:
            await ws.send(message)
        received.set_result(ws.received)

    async with serve(handler, "127.0.0.1", 0, max_size=None, create_connection=Server) as server:
        url = "ws://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            os.environ["CLIENT"], url, "--deflate", "--verbose", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=4 * MIB)
        for message in MESSAGES[:9]:
            process.stdin.write(message.encode() + b"\n")
            equal(await line_of(process), message, "a line")
        _, errors = await process.communicate(b"")
        equal(process.returncode, 0, "the exit status")
        assert b"permessage-deflate: client 12 bits, server 12 bits\n" in errors, errors
        assert await received < sum(map(len, MESSAGES[:9])) / 2, "the lines are not shorter"


@check("at SIGTERM the server closes a connection that compresses with 1001")
async def _():
    async with connect(URL + "/ws", proxy=None) as ws:
        await ws.send("hi")
        equal(await ws.recv(), "Returned Message: hi from Server")
        os.kill(int(os.environ["ECHO_PID"]), signal.SIGTERM)
        await ws.wait_closed()
        equal(ws.close_code, 1001, "code")


asyncio.run(run("python-deflate"))
