"""Frames at their place in the bytes, complete or not, right or wrong."""

import codecs
from dataclasses import dataclass

from corpus import CLOSE, TEXT
from peers import MAX_FRAME, MAX_MESSAGE


@dataclass
class Placed:
    start: int
    first: int
    second: int | None
    form: int  # bytes of extended length
    length: int | None  # None if some of it is missing
    payload: bytes
    end: int | None  # None if some of the header is missing
    is_whole: bool
    has_message: bool = False  # whether it comes inside a fragmented message
    message_size: int = 0  # of that message before it
    is_bad_text: bool = False  # whether the text up to its end cannot become UTF-8
    is_half_surrogate: bool = False  # of that because of two bytes whose third is still to come

    @property
    def opcode(self):
        return self.first & 0x0F

    @property
    def is_minimal(self):
        return self.form == 0 or self.length is None or self.length > {2: 125, 8: 0xFFFF}[self.form]

    @property
    def is_too_long(self):
        if self.length is None:
            return False
        is_message = self.opcode in (0, 1, 2)
        return self.length > MAX_FRAME or (is_message and self.message_size + self.length > MAX_MESSAGE)


def placed(wire):
    """All frames; the last one may be incomplete."""
    out, at = [], 0
    is_open, is_text, size, decoder = False, False, 0, None
    while at < len(wire):
        frame = one(wire, at)
        frame.has_message, frame.message_size = is_open, size if is_open else 0
        if frame.opcode in (0, 1, 2) and (frame.opcode == 0) == is_open:
            if not is_open:
                is_text, size, decoder = frame.opcode == TEXT, 0, codecs.getincrementaldecoder("utf-8")()
            size += frame.length or 0
            is_open = not frame.first & 0x80
            try:
                if is_text:
                    decoder.decode(frame.payload, frame.is_whole and not is_open)
            except UnicodeDecodeError:
                frame.is_bad_text = True
            held = decoder.getstate()[0] if is_text else b""
            frame.is_half_surrogate = len(held) == 2 and held[0] == 0xED and held[1] >= 0xA0
            frame.is_bad_text |= frame.is_half_surrogate
        out.append(frame)
        if frame.end is None:
            break
        at = frame.end
    return out


def one(wire, start):
    first, rest = wire[start], wire[start + 1 :]
    second = rest[0] if rest else None
    form = {126: 2, 127: 8}.get(second & 0x7F, 0) if rest else 0
    extended = rest[1 : 1 + form]
    length = None
    if rest and len(extended) == form:
        length = int.from_bytes(extended, "big") if form else second & 0x7F
    key_at = start + 2 + form
    key = wire[key_at : key_at + 4] if rest and second & 0x80 else bytes(4)
    at = key_at + (4 if rest and second & 0x80 else 0)
    end = None if length is None else at + length
    payload = wire[at:end] if end is not None and len(key) == 4 else b""
    payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return Placed(start, first, second, form, length, payload, end, end is not None and end <= len(wire))


def last_fragment(role):
    return b"\x80\x80\0\0\0\0" if role == "server" else b"\x80\0"


def completed(wire, role):
    """The same bytes with the rest of the last frame and the end of an unfinished message. None if nothing is missing."""
    frames = placed(wire)
    if not frames:
        return None
    last, out = frames[-1], wire
    if last.second is None:
        out += b"\x80" if role == "server" else b"\0"
    shortest = {2: (126).to_bytes(2, "big"), 8: (1 << 16).to_bytes(8, "big")}.get(last.form, b"")
    out += shortest[len(out) - last.start - 2 :] if shortest else b""
    last = one(out, last.start)
    if last.length is not None and last.length <= MAX_FRAME:
        out += bytes(max(0, last.end - len(out)))
    elif last.second & 0x80:
        out += bytes(max(0, last.start + 2 + last.form + 4 - len(out)))
    message = [frame for frame in placed(out) if frame.opcode in (0, 1, 2)]
    if message and not message[-1].first & 0x80 and one(out, last.start).is_whole:
        out += last_fragment(role)
    return out if len(out) > len(wire) else None


def with_minimal_length(wire, frame):
    mask = frame.second & 0x80
    if frame.length < 126:
        header = bytes([frame.first, mask | frame.length])
    elif frame.length < 1 << 16:
        header = bytes([frame.first, mask | 126]) + frame.length.to_bytes(2, "big")
    else:
        header = bytes([frame.first, mask | 127]) + frame.length.to_bytes(8, "big")
    return wire[: frame.start] + header + wire[frame.start + 2 + frame.form :]


def up_to_close(frames):
    """The frames up to and including the first Close."""
    for at, frame in enumerate(frames):
        if frame.opcode == CLOSE:
            return frames[: at + 1]
    return frames
