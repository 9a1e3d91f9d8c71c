"""
Python's ssl, with TLS 1.2 and 1.3: as client of the echo example with --cert, and as server of the client example;
started by run. Prints a line "ok - ..." or "not ok - ..." for each check.
"""

import asyncio
import os
import pathlib
import signal
import socket
import ssl
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from checks import LIMIT, check, equal, run

HOST, PORT = os.environ["ECHO_ADDRESS"].rsplit(":", 1)
URL = "wss://localhost:%s/echo" % PORT
FILES = pathlib.Path(__file__).resolve().parent.parent / "certificates"
CERT, KEY = str(FILES / "localhost.pem"), str(FILES / "localhost.key")
MIB = 1 << 20
VERSIONS = [("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3)]
LOG = open(os.path.join(os.environ["PEERS_HOME"], "client-python-tls.log"), "wb")


def trust(version):
    context = ssl.create_default_context(cafile=CERT)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def client(version, **options):
    return connect(URL, ssl=trust(version), proxy=None, max_size=None, open_timeout=LIMIT, close_timeout=5, **options)


def dial(context=None, session=None):
    """A blocking socket, with TLS if there is a context."""
    raw = socket.create_connection((HOST, int(PORT)), timeout=LIMIT)
    if context is None:
        return raw
    return context.wrap_socket(raw, server_hostname="localhost", session=session, suppress_ragged_eofs=False)


def ask(stream):
    """Opens a WebSocket on the stream."""
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    stream.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    equal(head.split(b" ")[1], b"101", "the status")


for NAME, VERSION in VERSIONS:

    @check(NAME + ": messages of 0 bytes to 15 MiB, and the version and protocol agreed on")
    async def _(version=VERSION, name=NAME):
        async with client(version) as ws:
            tls = ws.transport.get_extra_info("ssl_object")
            equal((tls.version().replace("v", " "), tls.selected_alpn_protocol()), (name, "http/1.1"))
            for size in 0, 1, 125, 126, 16383, 16384, 65535, 65536, MIB, 15 * MIB:
                message = bytes(range(256)) * (size // 256) + bytes(size % 256)
                await ws.send(message)
                equal(await ws.recv() == message, True, "the echo of %d bytes" % size)
        equal(ws.close_code, 1000, "the code")

    @check(NAME + ": 3,000 messages under way")
    async def _(version=VERSION):
        async with client(version) as ws:
            sender = asyncio.create_task(send_all(ws))
            for number in range(3000):
                equal(await ws.recv(), str(number) * (number % 50))
            await sender

    @check(NAME + ": a session resumes")
    async def _(version=VERSION):
        context = trust(version)
        with dial(context) as first:
            ask(first)
            session = first.session
        with dial(context, session) as second:
            ask(second)
            equal(second.session_reused, True, "whether it resumes")

    @check(NAME + ": the server ends with a Close and with close_notify")
    async def _(version=VERSION):
        with dial(trust(version)) as stream:
            ask(stream)
            stream.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
            equal(stream.recv(100), b"\x88\x02\x03\xe8")
            # without close_notify this is an SSLEOFError
            equal(stream.recv(100), b"")

    @check(NAME + ": a record that comes byte by byte")
    async def _(version=VERSION):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust(version).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with dial() as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def until_done(act):
                while True:
                    try:
                        return act()
                    except ssl.SSLWantReadError:
                        send()
                        incoming.write(raw.recv(1 << 16))
                    finally:
                        send()

            def send():
                for byte in outgoing.read():
                    raw.sendall(bytes([byte]))

            until_done(tls.do_handshake)
            request = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            request += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            until_done(lambda: tls.write(request))
            equal(until_done(lambda: tls.read(12)), b"HTTP/1.1 101")

    @check(NAME + ": the client example against a server of Python")
    async def _(version=VERSION):
        seen = []

        async def handler(ws):
            try:
                async for message in ws:
                    seen.append(message)
                    await ws.send(message)
            except ConnectionClosed:
                pass
            seen.append(ws.close_code)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(CERT, KEY)
        async with serve(handler, "127.0.0.1", 0, ssl=context, max_size=None, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            args = [os.environ["CLIENT"], "wss://localhost:%d/" % port, "--ca", CERT]
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*args, stdin=pipe, stdout=pipe, stderr=LOG)
            lines = ["Hello", "", "x" * MIB]
            out, _ = await process.communicate(("\n".join(lines) + "\n").encode())
            equal((process.returncode, seen), (0, lines + [1000]))


async def send_all(ws):
    for number in range(3000):
        await ws.send(str(number) * (number % 50))


@check("a client that offers h2 only is refused")
async def _():
    context = trust(ssl.TLSVersion.TLSv1_3)
    context.set_alpn_protocols(["h2"])
    try:
        dial(context)
    except ssl.SSLError as error:
        equal("no application protocol" in str(error).lower().replace("_", " "), True, str(error))
    else:
        raise AssertionError("it is not refused")


@check("plain HTTP gets an alert at once")
async def _():
    with dial() as raw:
        began = time.monotonic()
        raw.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = raw.recv(100)
        equal((answer[0], answer[5:], raw.recv(100)), (21, b"\x02\x32", b""))
        equal(time.monotonic() - began < 5, True, "no timeout")


@check("a client that leaves without close_notify does no harm")
async def _():
    for version in (version for _, version in VERSIONS):
        stream = dial(trust(version))
        ask(stream)
        stream.close()
        async with client(version) as ws:
            await ws.send("still here")
            equal(await ws.recv(), "still here")


@check("a handshake that stalls is cut after the opening timeout")
async def _():
    raw = [dial() for _ in range(3)]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust(ssl.TLSVersion.TLSv1_3).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    began = time.monotonic()
    raw[1].sendall(hello[: len(hello) // 2])
    raw[2].sendall(hello)
    for stream in raw:
        while await asyncio.to_thread(stream.recv, 1 << 16):
            pass
        equal(9.5 < time.monotonic() - began < 12, True, "10 s")


@check("at SIGTERM the server closes with 1001")
async def _():
    async with client(ssl.TLSVersion.TLSv1_3) as ws:
        await ws.send("hi")
        await ws.recv()
        os.kill(int(os.environ["ECHO_PID"]), signal.SIGTERM)
        await ws.wait_closed()
        equal(ws.close_code, 1001, "code")


asyncio.run(run("python-tls"))
