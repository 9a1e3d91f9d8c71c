"""DEFLATE (RFC 1951), block by block: writing what no library writes, and reading every distance."""

import random
import zlib

LENGTHS = [(3 + n, 0) for n in range(8)]
DISTANCES = [(1 + n, 0) for n in range(4)]
for extra in range(1, 6):
    for step in range(4):
        LENGTHS.append((3 + (4 + step << extra), extra))
LENGTHS.append((258, 0))
for extra in range(1, 14):
    for step in range(2):
        DISTANCES.append((1 + (2 + step << extra), extra))
ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8


def codes(lengths):
    """{symbol: (code, bits)} of a Huffman code."""
    code, out = 0, {}
    for bits in range(1, 16):
        for symbol, length in enumerate(lengths):
            if length == bits:
                out[symbol] = (code, bits)
                code += 1
        code <<= 1
    return out


FIXED_CODES, FIXED_DISTANCES = codes(FIXED), codes([5] * 30)


class Writer:
    def __init__(self):
        self.out, self.hold, self.count = bytearray(), 0, 0

    def bits(self, value, count):
        self.hold |= value << self.count
        self.count += count
        while self.count >= 8:
            self.out.append(self.hold & 0xFF)
            self.hold >>= 8
            self.count -= 8

    def code(self, code):
        value, count = code
        self.bits(int(format(value, "0%db" % count)[::-1], 2), count)

    def align(self):
        if self.count:
            self.bits(0, 8 - self.count)

    def stored(self, plain, is_final=False):
        self.bits(int(is_final), 3)
        self.align()
        self.out += len(plain).to_bytes(2, "little") + (len(plain) ^ 0xFFFF).to_bytes(2, "little") + plain

    def fixed(self, items, is_final=False):
        """A block with fixed codes. Each item is a literal, or a length and a distance."""
        self.bits(int(is_final) | 2, 3)
        for item in items:
            if isinstance(item, int):
                self.code(FIXED_CODES[item])
                continue
            for value, table, used, base in zip(item, (LENGTHS, DISTANCES), (FIXED_CODES, FIXED_DISTANCES), (257, 0)):
                symbol = max(n for n, (least, _) in enumerate(table) if least <= value)
                self.code(used[base + symbol])
                self.bits(value - table[symbol][0], table[symbol][1])
        self.code(FIXED_CODES[256])
        if is_final:
            self.align()


def compress(rng: random.Random, plain, history, bits):
    """`plain` as the payload of a message, in blocks of all kinds. They refer back as far as 2^`bits` allows."""
    window, writer, at = 1 << bits, Writer(), 0
    while at < len(plain):
        size = min(len(plain) - at, rng.choice([0, 1, 7, 100, 2000, 40000]))
        known, part = (history + plain[:at])[-window:], plain[at : at + size]
        is_final = rng.random() < 0.15
        kind = rng.choice(["stored", "fixed", "zlib", "zlib", "empty"])
        if kind == "stored":
            writer.stored(part, is_final)
        elif kind == "fixed":
            part = part[:3000]
            writer.fixed(matches(rng, known, part, window), is_final)
        elif kind == "empty":
            part = b""
            writer.fixed([], is_final) if rng.random() < 0.5 else writer.stored(b"", is_final)
        else:
            writer.stored(b"")  # ends at a byte
            strategy = rng.choice([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE])
            engine = zlib.compressobj(rng.randint(0, 9), zlib.DEFLATED, -max(9, bits), rng.randint(1, 9), strategy, known)
            writer.out += engine.compress(part)
            writer.out += engine.flush(zlib.Z_FINISH if is_final else rng.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
        at += len(part)
    # Section 7.2.1: an empty block without compression, less its last four bytes
    writer.bits(0, 3)
    writer.align()
    return bytes(writer.out)


def matches(rng, known, part, window):
    """Literals and matches that make `part` after `known`, some at the greatest distance that there is."""
    text, at, items = known + part, len(known), []
    while at < len(text):
        found = None
        if rng.random() < 0.5:
            seed = text[at : at + 3]
            start = max(0, at - window)
            if len(seed) == 3:
                far = text.find(seed, start, at + 2)
                near = text.rfind(seed, start, at + 2)
                found = rng.choice([far, near])
        if found is None or found < 0 or found >= at:
            items.append(text[at])
            at += 1
            continue
        length = 3
        while length < 258 and at + length < len(text) and text[found + length] == text[at + length]:
            length += 1
        length = rng.choice([length, rng.randint(3, length)])
        items.append((length, at - found))
        at += length
    return items


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bit(self):
        byte = self.data[self.at >> 3]
        bit = byte >> (self.at & 7) & 1
        self.at += 1
        return bit

    def bits(self, count):
        return sum(self.bit() << n for n in range(count))

    def symbol(self, table):
        code, count = 0, 0
        while True:
            code, count = code << 1 | self.bit(), count + 1
            symbol = table.get((code, count))
            if symbol is not None:
                return symbol


def inverted(lengths):
    return {code: symbol for symbol, code in codes(lengths).items()}


def farthest(payload, history_len):
    """Walks the blocks of a message. Returns its length, and the greatest distance in it.

    A distance must not reach beyond the `history_len` bytes before the message.
    """
    reader, size, greatest = Reader(payload + b"\0\0\xff\xff"), 0, 0
    while reader.at < len(reader.data) * 8:
        is_final, kind = reader.bits(1), reader.bits(2)
        assert kind < 3, "a block of the reserved kind"
        if kind == 0:
            reader.at = (reader.at + 7) & ~7
            length = reader.bits(16)
            assert length == reader.bits(16) ^ 0xFFFF, "the length of a stored block"
            reader.at += 8 * length
            size += length
        else:
            literals, distances = inverted(FIXED), inverted([5] * 30)
            if kind == 2:
                literals, distances = dynamic(reader)
            while (symbol := reader.symbol(literals)) != 256:
                if symbol < 256:
                    size += 1
                    continue
                least, extra = LENGTHS[symbol - 257]
                length = least + reader.bits(extra)
                least, extra = DISTANCES[reader.symbol(distances)]
                distance = least + reader.bits(extra)
                assert distance <= history_len + size, "a distance beyond the first byte"
                greatest = max(greatest, distance)
                size += length
        if is_final:
            reader.at = (reader.at + 7) & ~7
    return size, greatest


def dynamic(reader):
    counts = reader.bits(5) + 257, reader.bits(5) + 1
    order = ORDER[: reader.bits(4) + 4]
    lengths = [0] * 19
    for symbol in order:
        lengths[symbol] = reader.bits(3)
    table, out = inverted(lengths), []
    while len(out) < sum(counts):
        symbol = reader.symbol(table)
        if symbol < 16:
            out.append(symbol)
        elif symbol == 16:
            out += [out[-1]] * (3 + reader.bits(2))
        else:
            out += [0] * (3 + reader.bits(3) if symbol == 17 else 11 + reader.bits(7))
    return inverted(out[: counts[0]]), inverted(out[counts[0] :])
