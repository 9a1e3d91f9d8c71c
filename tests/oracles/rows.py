"""Where the verdicts may differ, each row with its reason. Everything else fails the comparison.

A row is a function of the case, our verdict and theirs. It returns None where it does not apply; True where it allows
the difference; or, if something has to be taken away or added to see what lies behind it, the bytes to compare instead.
"""

from peers import MAX_MESSAGE
from wire import completed, last_fragment, placed, up_to_close, with_minimal_length


def late(case, ours, theirs):
    """One fails at the byte that breaks a rule, the other once more of the frame is there. Section 7.1.7 sets no time."""
    if (ours.failure is None) == (theirs.failure is None) or "closed" == ours.state == theirs.state:
        return None
    return completed(case.wire, case.role)


def text_at_end(case, ours, theirs):
    """websockets leaves UTF-8 to the reader of the whole message; we check bytes as they arrive, as section 8.1 allows."""
    bad = next((frame for frame in placed(case.wire) if frame.is_bad_text), None)
    if ours.violation != "InvalidText" or bad is None or not bad.is_whole or bad.first & 0x80:
        return None
    return cut_after(case, bad)


def half_surrogate(case, ours, theirs):
    """Python's decoder rejects ED A0 only with the byte that follows."""
    bad = next((frame for frame in placed(case.wire) if frame.is_bad_text), None)
    if ours.violation != "InvalidText" or bad is None or not bad.is_half_surrogate:
        return None
    return cut_after(case, bad)


def length_form(case, ours, theirs):
    """websockets accepts lengths in any form. Section 5.2: "the minimal number of bytes MUST be used"."""
    wrong = next((frame for frame in placed(case.wire) if not frame.is_minimal), None)
    if ours.violation not in ("LengthNotMinimal", "ControlTooLong") or wrong is None:
        return None
    return with_minimal_length(case.wire, wrong)


def size_first(case, ours, theirs):
    """websockets checks the length before other rules: of two faults it names the other one."""
    is_both = any(frame.message_size + (frame.length or 0) > MAX_MESSAGE or frame.is_too_long for frame in placed(case.wire))
    return ours.failure == 1002 and theirs.failure == 1009 and is_both and same_but_code(ours, theirs) or None


def reason_first(case, ours, theirs):
    """websockets reads the reason of a Close before it checks the code: of two faults it names the other one."""
    is_close = ours.violation.startswith("InvalidCloseCode")
    return is_close and theirs.failure == 1007 and same_but_code(ours, theirs) or None


def close_in_message(case, ours, theirs):
    """websockets fails at a Close inside a fragmented message. Section 5.4: control frames "MAY be injected in the
    middle of a fragmented message"."""
    frames = up_to_close(placed(case.wire))
    is_inside = bool(frames) and frames[-1].opcode == 8 and frames[-1].has_message
    is_same = (ours.events, ours.state, ours.code, ours.reason) == (theirs.events, theirs.state, theirs.code, theirs.reason)
    return ours.failure is None and theirs.failure == 1002 and is_inside and is_same or None


def control_counted(case, ours, theirs):
    """websockets allows a control frame inside a fragmented message only the bytes that the message has left."""
    if theirs.failure != 1009:
        return None
    for frame in placed(case.wire):
        is_over = frame.opcode >= 8 and frame.has_message and frame.message_size + (frame.length or 0) > MAX_MESSAGE
        if is_over and frame.is_whole and frame.length < 126 and frame.opcode != 8:
            return case.wire[: frame.start] + case.wire[frame.end :]
    return None


def no_limits(case, ours, theirs):
    """wsproto has no limits. Section 10.4: implementations "MUST protect themselves"."""
    is_over = any(frame.is_too_long for frame in placed(case.wire))
    return ours.failure == 1009 and is_over and theirs.events[: len(ours.events)] == ours.events or None


def bad_gateway(case, ours, theirs):
    """wsproto refuses 1014. It is registered with IANA: "Bad Gateway"."""
    frames = up_to_close(placed(case.wire))
    is_1014 = bool(frames) and frames[-1].opcode == 8 and frames[-1].payload[:2] == (1014).to_bytes(2, "big")
    is_read = ours.code == 1014 or ours.violation == "InvalidCloseReason"
    return is_1014 and is_read and theirs.failure == 1002 and ours.events == theirs.events or None


def pong_after_close(case, ours, theirs):
    """wsproto cannot answer a Ping after its own Close. Section 5.5.2: "MUST send a Pong frame in response, unless it
    already received a Close frame"."""
    pongs = [(10, bytes.fromhex(payload)) for kind, payload in ours.events if kind == "ping"]
    if case.state != "closing" or not pongs or ours.sent[1:] != pongs:
        return None
    ours.sent = ours.sent[:1]
    return differences(ours, theirs) == [] or None


ROWS = {
    "websockets": [text_at_end, late, length_form, size_first, reason_first, close_in_message, control_counted],
    "wsproto": [no_limits, half_surrogate, late, bad_gateway, pong_after_close],
}


def cut_after(case, frame):
    wire = case.wire[: frame.end] + last_fragment(case.role)
    return wire if wire != case.wire else None


def same_but_code(ours, theirs):
    return [name for name in differences(ours, theirs) if name not in ("failure", "sent")] == []


def differences(ours, theirs):
    """The names of what differs. The reason of a Close that answers a violation is free text."""
    names = ["events", "failure", "state", "code", "reason", "initiator", "is_clean"]
    out = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
    if comparable(ours) != comparable(theirs):
        out.append("sent")
    return out


def comparable(verdict):
    return [(opcode, payload[:2] if opcode == 8 and verdict.failure else payload) for opcode, payload in verdict.sent]
