"""The verdicts of Python websockets and wsproto, without their sockets."""

from dataclasses import dataclass, field

import websockets.client
import websockets.exceptions
import websockets.protocol
import websockets.server
import websockets.uri
import wsproto.connection
import wsproto.events

MAX_FRAME, MAX_MESSAGE = 300, 303
CLOSE = 8
KINDS = {1: "text", 2: "binary", 9: "ping", 10: "pong"}


@dataclass
class Verdict:
    """The output of `tests/tools/verdicts.rs`. `failure` is the code of the answer to a violation, if there is one."""

    events: list = field(default_factory=list)
    state: str = "open"
    sent: list = field(default_factory=list)
    code: int = 1006
    reason: bytes = b""
    initiator: str = "nobody"
    is_clean: bool = False
    failure: int | None = None


def parse_frames(data):
    """The frames of an endpoint's output, as (opcode, payload)."""
    out, at = [], 0
    while at < len(data):
        first, second = data[at], data[at + 1]
        form = {126: 2, 127: 8}.get(second & 0x7F, 0)
        length = int.from_bytes(data[at + 2 : at + 2 + form], "big") if form else second & 0x7F
        at += 2 + form
        key = data[at : at + 4] if second & 0x80 else bytes(4)
        at += 4 if second & 0x80 else 0
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[at : at + length]))
        at += length
        out.append((first & 0x0F, payload))
    return out


def close_code(frames):
    """The code of the first Close in the output; 1005 if it is empty, None if there is no Close."""
    for opcode, payload in frames:
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big") if payload else 1005
    return None


class Websockets:
    """`ServerProtocol` and `ClientProtocol`. They return frames; messages are assembled here, as its connections do."""

    name = "websockets"

    def __init__(self, role, state):
        limits = {"state": websockets.protocol.OPEN, "max_size": (MAX_MESSAGE, MAX_FRAME)}
        if role == "server":
            self.protocol = websockets.server.ServerProtocol(**limits)
        else:
            self.protocol = websockets.client.ClientProtocol(websockets.uri.parse_uri("ws://localhost/"), **limits)
        self.verdict = Verdict()
        self.parts, self.kind = [], None
        self.has_failed = False
        if state == "closing":
            self.protocol.send_close(1000, "done")

    def receive(self, data):
        if not self.has_failed:
            self.protocol.receive_data(data)
            for frame in self.protocol.events_received():
                self.on_frame(frame)

    def on_frame(self, frame):
        if self.has_failed or frame.opcode == CLOSE:
            return
        payload = bytes(frame.data)
        if frame.opcode >= CLOSE:
            self.verdict.events.append([KINDS[frame.opcode], payload.hex()])
            return
        self.kind = self.kind or KINDS[frame.opcode]
        self.parts.append(payload)
        if frame.fin:
            payload = b"".join(self.parts)
            try:
                self.kind == "text" and payload.decode()
                self.verdict.events.append([self.kind, payload.hex()])
            except UnicodeDecodeError:
                self.has_failed = True
                if self.protocol.parser_exc is None and self.protocol.close_rcvd is None:
                    self.protocol.fail(1007)
                    self.verdict.failure = 1007
            self.parts, self.kind = [], None

    @property
    def failure(self):
        error = self.protocol.parser_exc
        if self.verdict.failure or error is None:
            return self.verdict.failure
        if isinstance(error, UnicodeDecodeError):
            return 1007
        return 1009 if isinstance(error, websockets.exceptions.PayloadTooBig) else 1002

    def finish(self):
        protocol, verdict = self.protocol, self.verdict
        verdict.failure = self.failure
        if protocol.state is not websockets.protocol.OPEN:
            is_over = protocol.close_rcvd is not None or verdict.failure is not None
            verdict.state = "closed" if is_over else "closing"
        verdict.sent = parse_frames(b"".join(protocol.data_to_send()))
        protocol.receive_eof()
        assert protocol.state is websockets.protocol.CLOSED
        verdict.code, verdict.reason = int(protocol.close_code), protocol.close_reason.encode()
        verdict.is_clean = protocol.close_rcvd is not None and protocol.close_sent is not None
        if protocol.close_rcvd is not None:
            verdict.initiator = "peer" if protocol.close_rcvd_then_sent else "local"
        elif protocol.close_sent is not None:
            verdict.initiator = "local"
        return verdict


class Wsproto:
    """`wsproto.connection.Connection`. It answers nothing by itself; that is done here, as its manual says."""

    name = "wsproto"

    def __init__(self, role, state):
        kinds = {"server": wsproto.connection.SERVER, "client": wsproto.connection.CLIENT}
        self.connection = wsproto.connection.Connection(kinds[role])
        self.verdict = Verdict()
        self.output = b""
        self.parts, self.is_over = [], False
        if state == "closing":
            self.send(wsproto.events.CloseConnection(1000, "done"))
            self.verdict.initiator = "local"

    def send(self, event):
        self.output += self.connection.send(event)

    def receive(self, data):
        if self.is_over:
            return
        self.connection.receive_data(data)
        for event in self.connection.events():
            self.on_event(event)
            if self.is_over:
                return

    def on_event(self, event):
        match event:
            case wsproto.events.CloseConnection():
                self.is_over = True
                self.on_close(event)
            case wsproto.events.Ping():
                self.verdict.events.append(["ping", event.payload.hex()])
                if self.connection.state is wsproto.connection.ConnectionState.OPEN:
                    self.send(event.response())
            case wsproto.events.Pong():
                self.verdict.events.append(["pong", event.payload.hex()])
            case wsproto.events.TextMessage() | wsproto.events.BytesMessage():
                is_text = isinstance(event, wsproto.events.TextMessage)
                self.parts.append(event.data.encode() if is_text else bytes(event.data))
                if event.message_finished:
                    self.verdict.events.append(["text" if is_text else "binary", b"".join(self.parts).hex()])
                    self.parts = []

    def on_close(self, event):
        states = wsproto.connection.ConnectionState
        verdict, state = self.verdict, self.connection.state
        if state in (states.REMOTE_CLOSING, states.CLOSED):
            verdict.code, verdict.reason, verdict.is_clean = int(event.code), (event.reason or "").encode(), True
            verdict.initiator = "peer" if state is states.REMOTE_CLOSING else "local"
            if state is states.REMOTE_CLOSING:
                self.send(event.response())
        else:
            verdict.failure, verdict.initiator = int(event.code), "local"
            if state is states.OPEN:
                self.send(wsproto.events.CloseConnection(event.code, ""))

    @property
    def failure(self):
        return self.verdict.failure

    def finish(self):
        is_closing = self.connection.state is wsproto.connection.ConnectionState.LOCAL_CLOSING
        self.verdict.state = "closed" if self.is_over else "closing" if is_closing else "open"
        self.verdict.sent = parse_frames(self.output)
        return self.verdict
