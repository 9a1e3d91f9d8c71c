"""
Python websockets as client of the echo example, and as server of the client example, or as client of the tokio_echo
example; started by run. Prints a line "ok - ..." or "not ok - ..." for each check.
"""

import asyncio
import http.client
import os
import signal
import socket
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from checks import LIMIT, check, equal, run

ADDRESS = os.environ["ECHO_ADDRESS"]
URL = "ws://" + ADDRESS
PEER = os.environ["PEER"]
# tokio_echo returns messages unchanged at every path, and has no page.
IS_TOKIO = PEER == "python-tokio"
MIB = 1 << 20
TEXT_MIB = "aé€😀xyzuvw" * 65536
BYTES_MIB = bytes(range(256)) * 4096

# what the client example says on its standard error
LOG = open(os.path.join(os.environ["PEERS_HOME"], "client-python.log"), "wb")


def client(path, **options):
    # no proxy: everything stays on the loopback interface
    return connect(URL + path, proxy=None, max_size=None, open_timeout=LIMIT, close_timeout=5, **options)


def returned(text, room=""):
    return text if IS_TOKIO else "Returned Message: %s from Server" % text + room


@check("text and binary round trip on /ws")
async def _():
    async with client("/ws") as ws:
        await ws.send("héllo 😀")
        equal(await ws.recv(), returned("héllo 😀"))
        await ws.send(b"\x00\xff\x10")
        equal(await ws.recv(), b"\x00\xff\x10")


@check("/ws/{room_id} names the room and the raw query", not IS_TOKIO)
async def _():
    async with client("/ws/lobby?a=b&c=%20d") as ws:
        await ws.send("hi")
        equal(await ws.recv(), returned("hi", " (room lobby, query a=b&c=%20d)"))
    async with client("/ws/42") as ws:
        await ws.send("hi")
        equal(await ws.recv(), returned("hi", " (room 42)"))


@check("/echo returns each message unchanged and with its type")
async def _():
    async with client("/echo") as ws:
        for message in "text", b"bytes", "\0", b"\0":
            await ws.send(message)
            equal(await ws.recv(), message)


@check("empty messages")
async def _():
    async with client("/echo") as ws:
        for message in "", b"":
            await ws.send(message)
            equal(await ws.recv(), message)
    async with client("/ws") as ws:
        await ws.send("")
        equal(await ws.recv(), returned(""))


@check("1 MiB of text and of bytes")
async def _():
    equal(len(TEXT_MIB.encode()), MIB, "length")
    equal(len(BYTES_MIB), MIB, "length")
    async with client("/echo") as ws:
        for message in TEXT_MIB, BYTES_MIB:
            await ws.send(message)
            equal(await ws.recv(), message)
    async with client("/ws") as ws:
        await ws.send(TEXT_MIB)
        equal(await ws.recv(), returned(TEXT_MIB))


@check("fragmented text, a code point split over the fragments")
async def _():
    octets = "a😀b€".encode()
    async with client("/echo") as ws:
        await ws.send([octets[n : n + 1] for n in range(len(octets))], text=True)
        equal(await ws.recv(), "a😀b€")
        await ws.send(["", "one ", "", "two"])
        equal(await ws.recv(), "one two")


@check("fragmented bytes, with a ping between the fragments")
async def _():
    async with client("/echo") as ws:
        pongs = []

        async def fragments():
            for _ in range(4):
                yield BYTES_MIB[: 1 << 16]
                pongs.append(await ws.ping())

        await ws.send(fragments())
        equal(await ws.recv(), BYTES_MIB[: 1 << 16] * 4)
        for pong in pongs:
            await pong


@check("a ping with payload gets its pong")
async def _():
    async with client("/ws") as ws:
        for payload in b"", b"payload", b"x" * 125:
            await (await ws.ping(payload))


@check("subprotocol: the first of the offers that the server lists", not IS_TOKIO)
async def _():
    offers = [
        (["chat"], "chat"),
        (["superchat", "chat"], "superchat"),
        (["unknown", "chat"], "chat"),
        (["unknown"], None),
        (None, None),
    ]
    for offer, chosen in offers:
        async with client("/ws", subprotocols=offer) as ws:
            equal(ws.subprotocol, chosen, "subprotocol for %s" % offer)
            equal("Sec-WebSocket-Protocol" in ws.response.headers, chosen is not None, "presence of the header")


@check("an unknown path is rejected with 404", not IS_TOKIO)
async def _():
    for path in "/unknown", "/ws/a/b", "/echo/":
        try:
            async with client(path):
                raise AssertionError(path + " was accepted")
        except InvalidStatus as error:
            equal(error.response.status_code, 404, "status of " + path)


def http_request(method, path, headers):
    connection = http.client.HTTPConnection(ADDRESS, timeout=LIMIT)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@check("plain HTTP: the page, 404, 405 and 426", not IS_TOKIO)
async def _():
    status, headers, body = await asyncio.to_thread(http_request, "GET", "/", {})
    equal(status, 200, "status of /")
    equal(headers.get_content_type(), "text/html", "type of /")
    assert b'id="client-state"' in body, "the page shows no states"
    status, headers, _ = await asyncio.to_thread(http_request, "GET", "/unknown", {})
    equal(status, 404, "status of /unknown")
    status, headers, _ = await asyncio.to_thread(http_request, "GET", "/ws", {})
    equal(status, 426, "status of a plain GET")
    equal((headers["Upgrade"] or "").lower(), "websocket", "Upgrade")
    for fields in {}, UPGRADE:
        status, headers, _ = await asyncio.to_thread(http_request, "POST", "/ws", fields)
        equal(status, 405, "status of POST")
        assert "GET" in (headers["Allow"] or ""), "no Allow: GET after POST"
    status, headers, _ = await asyncio.to_thread(
        http_request, "GET", "/ws", dict(UPGRADE, **{"Sec-WebSocket-Version": "8"}))
    equal(status, 426, "status of version 8")
    equal(headers["Sec-WebSocket-Version"], "13", "Sec-WebSocket-Version")


@check("closes by the client: 1000, 1001, 3000, 4999 with a reason")
async def _():
    for code, reason in (1000, ""), (1001, ""), (3000, "três"), (4999, "r" * 123):
        async with client("/ws") as ws:
            await ws.send("hi")
            await ws.recv()
            start = time.monotonic()
            await ws.close(code, reason)
            equal(ws.close_code, code, "code")
            equal(ws.protocol.close_rcvd.code, code, "code in the answer")
            equal(ws.protocol.close_rcvd_then_sent, False, "server began")
            assert time.monotonic() - start < 4, "the server left the socket open"


@check("a close without a code is answered with one without a code (1005)")
async def _():
    async with client("/ws") as ws:
        async with ws.send_context():
            ws.protocol.send_close()
        await ws.wait_closed()
        equal(ws.close_code, 1005, "code")


@check("200 connections at once")
async def _():
    async def speak(n, ws):
        for turn in range(3):
            await ws.send("%d" % turn)
            equal(await ws.recv(), returned("%d" % turn, " (room %d)" % n))
        await ws.close()
        equal(ws.close_code, 1000, "code")

    # all are open before any of them speaks
    opened = await asyncio.gather(*(client("/ws/%d" % n) for n in range(200)))
    await asyncio.gather(*(speak(n, ws) for n, ws in enumerate(opened)))


@check("50 messages in one go, answered in order")
async def _():
    async with client("/ws") as ws:
        for n in range(50):
            ws.protocol.send_text(b"%d" % n)
        ws.transport.write(b"".join(ws.protocol.data_to_send()))
        for n in range(50):
            equal(await ws.recv(), returned("%d" % n))


class Program:
    """The client example, run against a handler of ours."""

    def __init__(self, handler, *args, path="/room?a=b", **options):
        self.handler, self.args, self.path, self.options = handler, args, path, options

    async def __aenter__(self):
        self.server = await serve(self.handle, "127.0.0.1", 0, max_size=None, **self.options)
        port = self.server.sockets[0].getsockname()[1]
        self.ended = asyncio.get_running_loop().create_future()
        self.process = await asyncio.create_subprocess_exec(
            os.environ["CLIENT"], "ws://127.0.0.1:%d%s" % (port, self.path), *self.args,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=LOG, limit=4 * MIB)
        return self

    async def handle(self, ws):
        try:
            await self.handler(ws)
        except ConnectionClosed:
            pass
        except Exception as error:
            if not self.ended.done():
                self.ended.set_exception(error)
            raise
        await ws.wait_closed()
        if not self.ended.done():
            self.ended.set_result(ws)

    async def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self):
        return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def end_input(self):
        self.process.stdin.close()
        await self.process.stdin.wait_closed()

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self.server.close()


async def echo(ws):
    async for message in ws:
        await ws.send(message)


@check("client example: lines both ways, request as asked for, close 1000 at the end of input", not IS_TOKIO)
async def _():
    async def handler(ws):
        equal(ws.request.path, "/room?a=b", "path")
        equal(ws.request.headers["X-Test"], "1", "X-Test")
        equal(ws.subprotocol, "chat", "subprotocol")
        await echo(ws)

    async with Program(handler, "--subprotocol", "chat", "--header", "X-Test: 1", subprotocols=["chat"]) as program:
        for line in "hello", "héllo 😀", "", "x" * 100_000:
            await program.say(line)
            equal(await program.hear(), line)
        await program.end_input()
        ws = await program.ended
        equal(ws.close_code, 1000, "code")
        equal(await program.process.wait(), 0, "exit status")


@check("client example: --close-code and --close-reason", not IS_TOKIO)
async def _():
    async with Program(echo, "--close-code", "4001", "--close-reason", "bye") as program:
        await program.say("hello")
        equal(await program.hear(), "hello")
        await program.end_input()
        ws = await program.ended
        equal((ws.close_code, ws.close_reason), (4001, "bye"), "code and reason")
        equal(await program.process.wait(), 0, "exit status")


@check("client example: 1 MiB, fragments and pings from the server", not IS_TOKIO)
async def _():
    async def handler(ws):
        await ws.send(TEXT_MIB)
        octets = "a😀b€".encode()
        await ws.send([octets[n : n + 1] for n in range(len(octets))], text=True)
        await (await ws.ping(b"payload"))
        await ws.send("done")
        await echo(ws)

    async with Program(handler) as program:
        for line in TEXT_MIB, "a😀b€", "done":
            equal(await program.hear(), line)
        await program.end_input()
        equal((await program.ended).close_code, 1000, "code")
        equal(await program.process.wait(), 0, "exit status")


@check("client example: exit status by the way the connection ended", not IS_TOKIO)
async def _():
    async def drop(ws):
        await ws.recv()
        ws.transport.abort()

    for code, status in (1000, 0), (1001, 1), (1011, 1), (4000, 1):
        async with Program(lambda ws: ws.close(code, "server")) as program:
            # its input stays open: the connection alone must end it
            equal(await program.process.wait(), status, "exit status after %d" % code)
    async with Program(drop) as program:
        await program.say("hello")
        equal(await program.process.wait(), 1, "exit status after a lost connection")


@check("client example: status 2 when it cannot connect", not IS_TOKIO)
async def _():
    def not_found(connection, request):
        return connection.respond(404, "no such room\n")

    async with Program(echo, process_request=not_found) as program:
        equal(await program.process.wait(), 2, "exit status after 404")
    # bound but not listening, so that no one else can take the port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused = "ws://127.0.0.1:%d/" % taken.getsockname()[1]
        for args in [refused], ["http://127.0.0.1/"], ["ws://"], []:
            process = await asyncio.create_subprocess_exec(
                os.environ["CLIENT"], *args, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
            try:
                _, errors = await asyncio.wait_for(process.communicate(), LIMIT)
            finally:
                if process.returncode is None:
                    process.kill()
            equal(process.returncode, 2, "exit status with arguments %s" % args)
            assert errors, "no message with arguments %s" % args


@check("at SIGTERM the server closes all connections with 1001")
async def _():
    async def one(path):
        async with client(path) as ws:
            await ws.send("hi")
            await ws.recv()
            opened.release()
            await ws.wait_closed()
            return ws

    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(one(path)) for path in ("/ws", "/ws/room", "/echo")]
    for _ in tasks:
        await opened.acquire()
    os.kill(int(os.environ["ECHO_PID"]), signal.SIGTERM)
    for ws in await asyncio.gather(*tasks):
        equal(ws.close_code, 1001, "code")
        equal(ws.protocol.close_rcvd_then_sent, True, "server began")


asyncio.run(run(PEER))
