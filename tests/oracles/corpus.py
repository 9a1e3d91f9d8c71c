"""Generated cases: the output of a peer that is mostly right."""

import random
from dataclasses import dataclass

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
WRONG_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
PIECES = ["a", "\u00e9", "\u20ac", "\U0001f600", "\ufeff", "\0", "text"]
NOT_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]


@dataclass
class Case:
    number: int
    role: str  # whose connection it is: server or client
    state: str  # open, or closing: its own Close has been sent
    wire: bytes

    def line(self):
        return f"{self.role} {self.state} {self.wire.hex()}"


def frame(rng, role, opcode, payload, fin=True, wrong=None):
    first = opcode | (0x80 if fin else 0)
    if wrong == "rsv":
        first |= rng.choice([0x10, 0x20, 0x40, 0x70])
    if wrong == "opcode":
        first = first & 0xF0 | rng.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    if wrong == "fin":
        first ^= 0x80
    masked = (role == "server") != (wrong == "mask")
    forms = [form for form in (0, 2, 8) if len(payload) <= {0: 125, 2: 0xFFFF, 8: 1 << 63}[form]]
    form = rng.choice(forms[1:] or forms) if wrong == "length" else forms[0]
    short = {0: len(payload), 2: 126, 8: 127}[form]
    header = bytes([first, short | (0x80 if masked else 0)]) + (len(payload).to_bytes(form, "big") if form else b"")
    if wrong == "huge":
        header = bytes([first, 127 | (0x80 if masked else 0)]) + rng.choice([1 << 16, 1 << 40, 1 << 63]).to_bytes(8, "big")
    if not masked:
        return header + payload
    key = rng.randbytes(4)
    return header + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def payload_of(rng, opcode):
    if opcode == TEXT:
        text = "".join(rng.choices(PIECES, k=rng.randrange(6))).encode()
        if rng.random() < 0.08:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(NOT_UTF8) + text[at:]
        return text
    return rng.randbytes(rng.choices([rng.randrange(8), rng.randrange(120, 135), rng.randrange(295, 305)], [8, 1, 1])[0])


def close_body(rng):
    kind = rng.random()
    if kind < 0.15:
        return b""
    if kind < 0.2:
        return rng.randbytes(1)
    code = rng.choice(WRONG_CODES if kind < 0.35 else CODES)
    reason = rng.choice(NOT_UTF8) if rng.random() < 0.1 else "".join(rng.choices(PIECES, k=rng.randrange(4))).encode()
    return code.to_bytes(2, "big") + reason


def control(rng):
    kind = rng.choice([PING, PONG])
    return kind, rng.randbytes(rng.randrange(126, 140) if rng.random() < 0.03 else rng.randrange(5))


def frames(rng):
    """A message in one or several fragments with other frames between them, or a control frame, as (opcode, payload, fin)."""
    kind = rng.random()
    if kind < 0.2:
        opcode, payload = control(rng)
        return [(opcode, payload, True)]
    if kind < 0.35:
        return [(CLOSE, close_body(rng), True)]
    if kind < 0.37:
        return [(0, b"stray", rng.random() < 0.5)]
    opcode = rng.choice([TEXT, BINARY])
    payload = payload_of(rng, opcode)
    cuts = sorted(rng.randrange(len(payload) + 1) for _ in range(rng.choice([0, 0, 1, 2, 3])))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)])]
    out = []
    for at, part in enumerate(parts):
        out.append((opcode if at == 0 else 0, part, at == len(parts) - 1))
        if at < len(parts) - 1 and rng.random() < 0.25:
            inner = rng.random()
            if inner < 0.75:
                out.append((*control(rng), True))
            elif inner < 0.9:
                out.append((CLOSE, close_body(rng), True))
            else:
                out.append((TEXT, b"interleaved", True))
    return out


def rare():
    """Cases that are rarely generated, and cases on a border."""
    rng = random.Random(0)
    for role in ("server", "client"):
        surrogate = [(TEXT, b"\xed\xa0", False), (PONG, b"", True), (0, b"\x80", True)]
        long = [(BINARY, bytes(300), False), (PING, b"count", True), (0, b"", True)]
        for frames in (surrogate, long):
            yield role, b"".join(frame(rng, role, *each) for each in frames)
        for length in (0, 125, 126, 300, 301, 65535, 65536):
            for opcode in (BINARY, PING, PONG, CLOSE):
                yield role, frame(rng, role, opcode, bytes([3]) * length)
                yield role, frame(rng, role, opcode, bytes([3]) * length, wrong="length")
        for code in (*CODES, *WRONG_CODES):
            yield role, frame(rng, role, CLOSE, code.to_bytes(2, "big") + b"why")


def cases(seed, count):
    for number, (role, wire) in enumerate(rare(), start=count):
        yield Case(number, role, "open", wire)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        role = rng.choice(["server", "client"])
        state = "closing" if rng.random() < 0.25 else "open"
        wire = b""
        for _ in range(rng.randrange(1, 6)):
            for opcode, payload, fin in frames(rng):
                wrong = rng.choice(["rsv", "opcode", "fin", "mask", "length", "huge"]) if rng.random() < 0.05 else None
                wire += frame(rng, role, opcode, payload, fin, wrong)
        if rng.random() < 0.1:
            at = rng.randrange(len(wire))
            wire = wire[:at] + bytes([wire[at] ^ 1 << rng.randrange(8)]) + wire[at + 1 :]
        if rng.random() < 0.2:
            wire = wire[: rng.randrange(len(wire) + 1)]
        yield Case(number, role, state, wire)
