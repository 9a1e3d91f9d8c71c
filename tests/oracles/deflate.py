#!/usr/bin/env python3
"""
Compares compressed messages with Python's zlib as the other end: see README.md.
  usage: deflate.py [--seed S] [--seconds N] [--case N]
$STATESOCKET_DEFLATE_PEER names a built example; without it, it is built.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

from deflate_stream import Writer, compress, farthest

ROOT = Path(__file__).resolve().parent.parent.parent
TAIL = b"\0\0\xff\xff"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Tool:
    """The connections under test, in another process."""

    def __init__(self, path):
        self.process = subprocess.Popen([path, "script"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "no answer to %.200r" % command
        return json.loads(answer)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0, "the exit status of the tool"


class Direction:
    """What is agreed on for the messages of one end, and its last plain bytes."""

    def __init__(self, params, name):
        self.bits = int(params.get(name + "_max_window_bits") or 15)
        self.has_takeover = name + "_no_context_takeover" not in params
        self.plain = b""
        self.new_inflater()

    def new_inflater(self):
        # zlib has no raw window of 8 bits; there only the distances are checked
        self.inflater = zlib.decompressobj(-max(9, self.bits))

    @property
    def history(self):
        return self.plain if self.has_takeover else b""

    def sent(self, plain):
        self.plain = (self.plain + plain)[-(1 << self.bits) :]


class End:
    """The other end of one connection."""

    def __init__(self, rng, tool, name):
        self.rng, self.tool, self.name = rng, tool, name
        self.role = rng.choice(["server", "client"])
        options = ["--level %d" % rng.randint(1, 9), "--threshold %d" % rng.choice([0, 0, 1, 100])]
        options += ["--%s-history %d" % (which, rng.choice([0, *range(8, 16)])) for which in ("send", "receive")]
        self.is_chunked = rng.random() < 0.3
        words = [self.role, *(["lent"] if rng.random() < 0.7 else []), *(["chunks"] if self.is_chunked else []), *options]
        params = [name for name in ("server_no_context_takeover", "client_no_context_takeover") if rng.random() < 0.3]
        if rng.random() < 0.7:
            params.append("server_max_window_bits=%d" % rng.randint(8, 15))
        if self.role == "server":
            if rng.random() < 0.7:
                params.append(rng.choice(["client_max_window_bits", "client_max_window_bits=%d" % rng.randint(8, 15)]))
            offer, answer = params, ""
        else:
            if rng.random() < 0.7:
                params.append("client_max_window_bits=%d" % rng.randint(8, 15))
            offer, answer = ["client_max_window_bits"], "; ".join(["permessage-deflate", *params])
        rng.shuffle(params)
        self.opening = "%s | %s | %s" % (" ".join(words), "; ".join(["permessage-deflate", *offer]), answer)
        self.answer = self.ask("open %s %s" % (name, self.opening))["answer"]
        agreed = dict((param.strip().split("=") + [""])[:2] for param in self.answer.split(";")[1:])
        peer = "client" if self.role == "server" else "server"
        self.ours, self.theirs = Direction(agreed, peer), Direction(agreed, self.role)
        self.is_over = False

    def ask(self, command):
        return self.tool.ask(command)

    def frames(self, payload, opcode, is_compressed):
        """The payload in random fragments, with Pings in between, and how many of those there are."""
        cuts = sorted(self.rng.randint(0, len(payload)) for _ in range(self.rng.choice([0, 0, 1, 3])))
        out, pings = b"", 0
        for n, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(payload)])):
            first = (0x40 if is_compressed else 0) | opcode if n == 0 else 0
            out += self.frame(first | (0x80 if n == len(cuts) else 0), payload[start:end])
            if n < len(cuts) and self.rng.random() < 0.5:
                out += self.frame(0x80 | PING, b"between")
                pings += 1
        return out, pings

    def frame(self, first, payload):
        mask = 0x80 if self.role == "server" else 0
        header = bytes([first])
        if len(payload) < 126:
            header += bytes([mask | len(payload)])
        elif len(payload) < 1 << 16:
            header += bytes([mask | 126]) + len(payload).to_bytes(2, "big")
        else:
            header += bytes([mask | 127]) + len(payload).to_bytes(8, "big")
        if not mask:
            return header + payload
        key = self.rng.randbytes(4)
        return header + key + masked(payload, key)

    def give(self, wire):
        """Hands over bytes in random pieces. Returns the events; parts of a message are joined."""
        events, part = [], b""
        while wire:
            size = self.rng.choice([1, 7, 300, 5000, len(wire)])
            answer = self.ask("%s receive %s" % (self.name, wire[:size].hex()))
            wire = wire[size:]
            for kind, *data in answer["events"]:
                if kind == "part":
                    part += bytes.fromhex(data[0])
                elif kind in ("text", "binary"):
                    events.append((kind, part + bytes.fromhex(data[0])))
                    part = b""
                else:
                    events.append((kind, data[0]))
        return events

    def send(self, counts):
        """A message to the connection under test."""
        rng = self.rng
        plain = text(rng, self.ours.plain)
        kind, opcode = rng.choice([("text", TEXT), ("binary", BINARY)])
        is_compressed = rng.random() < 0.8
        payload = plain
        if is_compressed:
            payload = compress(rng, plain, self.ours.history, self.ours.bits)
            self.ours.sent(plain)
            counts["received"] += 1
        wire, pings = self.frames(payload, opcode, is_compressed)
        events = self.give(wire)
        equal([event for event in events if event[0] == "ping"], [("ping", b"between".hex())] * pings, "Pings")
        equal([event for event in events if event[0] != "ping"], [(kind, plain)], "the message")

    def send_bad(self, counts):
        """A message that refers to what this end has never sent: whoever lent the inflater may have seen such bytes."""
        writer, distance = Writer(), len(self.ours.history) + self.rng.randint(1, 300)
        if distance > 1 << 15:
            return
        writer.fixed([(self.rng.randint(3, 258), distance)])
        writer.bits(0, 3)
        writer.align()
        events = self.give(self.frames(bytes(writer.out), BINARY, True)[0])
        last = [event for event in events if event[0] != "ping"]
        equal(last, [("end", "Protocol(CorruptDeflate)")], "the end of %d beyond %d" % (distance, len(self.ours.history)))
        self.is_over = True
        counts["refused"] += 1

    def receive(self, counts):
        """A message of the connection under test."""
        rng = self.rng
        plain = text(rng, self.theirs.plain)
        how = rng.choice(["text", "binary", "binary", "shared", "uncompressed", "fragments"])
        argument = plain.hex()
        if how == "fragments":
            cuts = sorted(rng.randint(0, len(plain)) for _ in range(rng.randint(1, 4)))
            argument = ",".join(plain[start:end].hex() for start, end in zip([0, *cuts], [*cuts, len(plain)]))
        sent = bytes.fromhex(self.ask("%s %s %s" % (self.name, how, argument))["sent"])
        first, payload, count = joined(sent, self.role)
        equal(first & 0x0F, TEXT if how == "text" else BINARY, "the opcode")
        equal(count > 1, how == "fragments", "whether there are fragments")
        if not first & 0x40:
            equal(payload, plain, "a plain message")
            return
        assert how != "uncompressed", "a message that was to stay plain is compressed"
        assert how == "fragments" or len(payload) < len(plain), "%d bytes became %d" % (len(plain), len(payload))
        self.check(payload, plain)
        counts["sent"] += 1
        counts["plain bytes"] += len(plain)
        counts["bytes sent"] += len(payload)

    def check(self, payload, plain):
        direction = self.theirs
        history = direction.history
        if not direction.has_takeover:
            direction.new_inflater()
        # in small steps, since zlib looks at the window only for what an earlier call has written
        out, rest = b"", payload + TAIL
        while rest:
            out += direction.inflater.decompress(rest, self.rng.randint(1, 1 + len(plain) // 8))
            rest = direction.inflater.unconsumed_tail
            assert not direction.inflater.eof, "a final block"
        out += direction.inflater.decompress(b"")
        equal(out, plain, "what zlib inflates")
        if len(plain) < 20_000:
            size, distance = farthest(payload, len(history))
            equal(size, len(plain), "the length by the walker")
            assert distance <= 1 << direction.bits, "a distance of %d in a window of %d" % (distance, 1 << direction.bits)
        direction.sent(plain)


def masked(payload, key):
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(payload), "big")


def joined(wire, role):
    """The first byte of a message, its payload, and the number of its frames."""
    first, payload, count = None, b"", 0
    while wire:
        length, at = wire[1] & 0x7F, 2
        if length > 125:
            at += {126: 2, 127: 8}[length]
            length = int.from_bytes(wire[2:at], "big")
        equal(bool(wire[1] & 0x80), role == "client", "whether a frame is masked")
        key = b""
        if role == "client":
            key, at = wire[at : at + 4], at + 4
        part = wire[at : at + length]
        payload += masked(part, key) if key else part
        if first is None:
            first = wire[0]
        else:
            equal(wire[0] & 0x7F, 0, "the reserved bits and the opcode of a continuation")
        count += 1
        is_last = bool(wire[0] & 0x80)
        wire = wire[at + length :]
        equal(is_last, not wire, "whether the last frame ends the message")
    return first, payload, count


def text(rng, before):
    """ASCII text, some of which has been sent before."""
    size, out = rng.choice([0, 1, 20, 200, 200, 2000, 2000, 9000, 70_000]), b""
    while len(out) < size:
        kind = rng.random()
        if kind < 0.4 and before:
            start = rng.choice([0, rng.randrange(len(before))])
            out += before[start : start + rng.randint(1, 400)]
        elif kind < 0.8:
            out += b'{"user": "%d", "text": "hello %d"}' % (rng.randrange(50), rng.randrange(10_000))
        elif kind < 0.9:
            out += bytes(rng.randrange(32, 127) for _ in range(rng.randint(1, 300)))
        else:
            out += bytes([rng.randrange(32, 127)]) * rng.randint(1, 3000)
    return out[:size]


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s: %.300r instead of %.300r" % (what, actual, expected))


def run_case(tool, seed, number, counts):
    rng = random.Random("%s %d" % (seed, number))
    ends = [End(rng, tool, "%d" % n) for n in range(rng.randint(1, 3))]
    for end in ends:
        bits = (end.ours.bits, end.ours.has_takeover, end.theirs.bits, end.theirs.has_takeover)
        counts["sets"].add((end.role, *bits))
    for _ in range(rng.randint(1, 25)):
        end = rng.choice(ends)
        if end.is_over:
            continue
        try:
            rng.choice([end.send, end.receive])(counts)
            if rng.random() < 0.05:
                end.send_bad(counts)
        except (AssertionError, IndexError, zlib.error) as error:
            raise AssertionError("%s\n  opened by: %s\n  answer: %s" % (error, end.opening, end.answer)) from error


def build():
    subprocess.run(["cargo", "build", "--quiet", "--release", "--features", "deflate", "--example", "deflate_peer"],
                   cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/examples/deflate_peer"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", default="%08x" % random.getrandbits(32), help="what is drawn follows from it")
    parser.add_argument("--seconds", type=float, default=20, help="how long to draw cases (default: 20)")
    parser.add_argument("--case", type=int, help="run only this one")
    args = parser.parse_args()
    print("seed %s" % args.seed, flush=True)
    tool = Tool(os.environ.get("STATESOCKET_DEFLATE_PEER") or build())
    counts = {"received": 0, "sent": 0, "refused": 0, "plain bytes": 0, "bytes sent": 0, "sets": set()}
    started, number = time.monotonic(), args.case or 0
    while True:
        try:
            run_case(tool, args.seed, number, counts)
        except AssertionError as error:
            sys.exit("case %d failed: %s\nrun it again: --seed %s --case %d" % (number, error, args.seed, number))
        number += 1
        if args.case is not None or time.monotonic() - started > args.seconds:
            break
    tool.end()
    print("%d cases, %d sets of parameters; compressed messages: %d received, %d sent in %d of %d bytes, %d refused" % (
        number - (args.case or 0), len(counts["sets"]), counts["received"], counts["sent"], counts["bytes sent"],
        counts["plain bytes"], counts["refused"]))
    if args.case is None:
        assert counts["received"] and counts["sent"] and counts["refused"], "too few messages"


main()
