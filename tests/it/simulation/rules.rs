//! What must hold of every run, whatever the network and the applications did.

use super::{
    CLIENT, SERVER, lossless,
    plan::{Decision, Plan, Trouble},
    record::{Due, Last, Record},
    script::Ending,
    wire::{Frame, behind_head, frames},
    world::Outcome,
};
use statesocket::{Cause, CloseFrame, CloseReply, Disconnect, Party, Phase, SocketAction};
use std::collections::BTreeSet;

/// `Err` names the broken rule.
pub(super) type Verdict = Result<(), String>;

pub(super) fn ensure(holds: bool, rule: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(rule()) }
}

/// One end, with the frames that it wrote and read behind the heads.
pub(super) struct End<'o> {
    pub(super) index: usize,
    pub(super) record: &'o Record,
    pub(super) last: &'o Last,
    pub(super) disconnect: &'o Disconnect,
    pub(super) written: Vec<Frame>,
    /// The bytes of a frame that was written in part.
    pub(super) cut_off: usize,
    pub(super) read: Vec<Frame>,
}

pub(super) fn judge(plan: &Plan, outcome: &Outcome) -> Verdict {
    let ends = [end(outcome, CLIENT)?, end(outcome, SERVER)?];
    for (me, peer) in [(&ends[CLIENT], &ends[SERVER]), (&ends[SERVER], &ends[CLIENT])] {
        let name = if me.index == CLIENT { "client" } else { "server" };
        let all = [
            code_follows_from_the_close(me),
            cause_is_justified(plan, me),
            close_is_what_was_asked_for(plan, me),
            close_is_that_of_the_peer(me, peer),
            messages_are_those_sent(me, peer),
            control_frames_are_those_sent(me, peer),
            frames_are_those_due(plan, me),
            socket_is_closed_once(me),
        ];
        all.into_iter().collect::<Verdict>().map_err(|rule| format!("{name}: {rule}"))?;
    }
    opening_is_agreed_on(plan, &ends)?;
    if plan.is_lossless() { lossless::judge(plan, outcome, &ends) } else { Ok(()) }
}

fn end(outcome: &Outcome, index: usize) -> Result<End<'_>, String> {
    let record = &outcome.records[index];
    let [disconnect] = &*record.disconnects else {
        return Err(format!("not exactly one Disconnect: {:?}", record.disconnects));
    };
    ensure(record.events_after_disconnect == 0, || "an event after the Disconnect".to_owned())?;
    let last = record.last.as_ref().ok_or("the socket is not closed")?;
    ensure(last.phase == Phase::Closed, || format!("the last phase is {:?}", last.phase))?;
    let [(written, cut_off), (read, _)] = [outcome.network.written(index), outcome.network.read_by(index)]
        .map(|bytes| behind_head(bytes).filter(|_| record.has_opened).map(frames).unwrap_or_default());
    Ok(End { index, record, last, disconnect, written, cut_off, read })
}

/// RFC 6455 section 7.1.5: the code is that of the first Close received, 1005 if it has none, 1006 if none came.
fn code_follows_from_the_close(me: &End<'_>) -> Verdict {
    let told = (u16::from(me.disconnect.code), me.disconnect.reason.clone());
    let received = me.disconnect.received.as_ref().map_or((1006, String::new()), plain);
    ensure(told == received, || format!("the end is {told:?}, and the Close received {received:?}"))?;
    let on_wire = me.read.iter().find(|frame| frame.opcode == Frame::CLOSE).map(close_body);
    // After these causes, bytes that are read are not parsed.
    let was_deaf = matches!(me.disconnect.cause, Cause::Protocol(_) | Cause::TimedOut(_) | Cause::Aborted);
    let expected = on_wire.filter(|_| !was_deaf).unwrap_or((1006, String::new()));
    ensure(told == expected, || format!("the end is {told:?}, and the Close on the wire {expected:?}"))
}

fn cause_is_justified(plan: &Plan, me: &End<'_>) -> Verdict {
    let disconnect = me.last.disconnect.as_ref().unwrap_or(me.disconnect);
    let (has_sent, has_received) = (disconnect.sent.is_some(), disconnect.received.is_some());
    let local = if me.index == CLIENT { Party::Client } else { Party::Application };
    ensure(disconnect.is_clean == (has_sent && has_received), || format!("is_clean is wrong: {disconnect}"))?;
    ensure(disconnect.cause == me.disconnect.cause, || format!("the cause has changed: {disconnect}"))?;
    let holds = match &disconnect.cause {
        Cause::PeerClosed => has_received && disconnect.initiator == Some(local.peer()),
        Cause::LocalClosed => has_sent && has_received && disconnect.initiator == Some(local),
        Cause::Rejected(_) => !me.record.has_opened && disconnect.initiator == Some(Party::Application),
        Cause::Handshake(_) => !me.record.has_opened && plan.has(Trouble::SmallLimit),
        Cause::Protocol(_) => plan.has(Trouble::SmallLimit) && has_sent,
        Cause::TransportLost(None) => !has_received,
        // Of two timers that expire in one call, only the first is recorded.
        Cause::TimedOut(_) => !me.record.fired.is_empty() && !has_received,
        Cause::Aborted => plan.has(Trouble::Abort) || plan.has(Trouble::GivesUp),
        _ => false,
    };
    ensure(holds, || format!("nothing justifies the cause of {disconnect:?}"))
}

/// The Close on the wire has the code and reason that a command was given or, in an automatic answer, those received.
fn close_is_what_was_asked_for(plan: &Plan, me: &End<'_>) -> Verdict {
    let disconnect = me.last.disconnect.as_ref().unwrap_or(me.disconnect);
    let sent = disconnect.sent.as_ref().map(plain);
    let on_wire = me.written.iter().find(|frame| frame.opcode == Frame::CLOSE).map(close_body);
    ensure(on_wire.is_none() || on_wire == sent, || format!("{on_wire:?} is on the wire, and {sent:?} is reported"))?;
    let Some((code, reason)) = sent else { return Ok(()) };
    if me.record.ended_with.is_none() && disconnect.cause == Cause::PeerClosed {
        let is_automatic = plan.ends[me.index].config.close_reply == CloseReply::Automatic;
        ensure(is_automatic, || "nobody has answered the Close".to_owned())?;
        let received = disconnect.received.as_ref().map(plain);
        return ensure(received == Some((code, reason)), || format!("{received:?} is answered with another Close"));
    }
    let holds = match &me.record.ended_with {
        Some(Ending::Close(asked, said)) => code == *asked && reason == *said,
        Some(Ending::EnsureClosed(asked, said)) => code == sendable(*asked, said, me.index) && is_cut(&reason, said),
        Some(Ending::ShutDown(asked)) => code == *asked && reason.is_empty(),
        Some(Ending::Abort) => false,
        None => matches!(disconnect.cause, Cause::Protocol(_) | Cause::TimedOut(_)),
    };
    ensure(holds, || format!("{:?} became {code} {reason:?}", me.record.ended_with))
}

/// RFC 6455 section 7.4, for the codes that are drawn.
fn sendable(code: u16, reason: &str, by: usize) -> u16 {
    match code {
        1010 if by == SERVER => 1011,
        1000..=1003 | 1007..=1014 | 3000..=4999 => code,
        1005 if reason.is_empty() => 1005,
        1005 => 1000,
        _ => 1011,
    }
}

fn is_cut(reason: &str, whole: &str) -> bool {
    whole.starts_with(reason) && (reason == whole || (120..=123).contains(&reason.len()))
}

fn close_is_that_of_the_peer(me: &End<'_>, peer: &End<'_>) -> Verdict {
    let sent = peer.last.disconnect.as_ref().and_then(|disconnect| disconnect.sent.as_ref()).map(plain);
    let received = me.disconnect.received.as_ref().map(plain);
    ensure(received.is_none() || received == sent, || format!("received {received:?}, and the peer sent {sent:?}"))
}

/// The received messages are those of the peer: in order, complete, and without gaps.
fn messages_are_those_sent(me: &End<'_>, peer: &End<'_>) -> Verdict {
    let (received, sent) = (&me.record.received, &peer.record.sent);
    ensure(received.len() <= sent.len(), || format!("{} of {} messages were received", received.len(), sent.len()))?;
    let wrong = (0..received.len()).find(|&i| received[i] != sent[i]);
    ensure(wrong.is_none(), || format!("message {wrong:?} is not the one sent"))?;
    let begun = me.record.partial.as_ref().zip(sent.get(received.len()));
    ensure(begun.is_none_or(|(partial, whole)| whole.as_bytes().starts_with(&partial.bytes)), || {
        "the message that has begun is not the one sent".to_owned()
    })
}

fn control_frames_are_those_sent(me: &End<'_>, peer: &End<'_>) -> Verdict {
    for (opcode, told) in [(Frame::PING, &me.record.pings), (Frame::PONG, &me.record.pongs)] {
        let mut sent = peer.written.iter().filter(|frame| frame.opcode == opcode).map(|frame| &frame.control);
        let left_out = if opcode == Frame::PING { me.record.left_out } else { 0 };
        let wrong = told.iter().find(|payload| !sent.by_ref().take(left_out + 1).any(|sent| sent == *payload));
        ensure(wrong.is_none(), || format!("a frame of opcode {opcode} with {wrong:?} is not the one sent"))?;
    }
    Ok(())
}

/// The wire has what the calls and the received Pings demand, in order. A superseded Pong may be left out (RFC 6455
/// section 5.5.3), and an end that aborts loses its output.
fn frames_are_those_due(plan: &Plan, me: &End<'_>) -> Verdict {
    let due = &me.record.due;
    // The possible numbers of due frames that are done: of two equal Pongs it is unknown which one was left out.
    let mut done = BTreeSet::from([0]);
    let mut has_closed = false;
    for frame in &me.written {
        ensure(frame.is_masked == (me.index == CLIENT), || format!("the mask is wrong: {frame:?}"))?;
        let may_follow = !has_closed || frame.opcode == Frame::PONG;
        ensure(may_follow, || format!("after its Close it sent {frame:?}"))?;
        has_closed |= frame.opcode == Frame::CLOSE;
        let next = done.iter().flat_map(|&at| candidates(due, at)).collect::<BTreeSet<_>>();
        done = next.iter().filter(|&&at| is_due(frame, &due[at])).map(|at| at + 1).collect();
        let was_due = || next.iter().map(|&at| &due[at]).collect::<Vec<_>>();
        ensure(!done.is_empty(), || format!("{frame:?} was sent instead of {:?}", was_due()))?;
    }
    let is_all = plan.is_lossless() || me.record.socket_actions.contains(&SocketAction::ShutdownWrite);
    let is_at_end = done.iter().any(|&at| due[at..].iter().all(may_be_left_out));
    ensure(!is_all || is_at_end && me.cut_off == 0, || format!("never sent: {:?}", done.first().map(|&at| &due[at..])))
}

/// The positions from `at` on of the frames that may be next.
fn candidates(due: &[Due], at: usize) -> impl Iterator<Item = usize> {
    let left_out = due[at..].iter().take_while(|due| may_be_left_out(due)).count();
    at..due.len().min(at + left_out + 1)
}

fn may_be_left_out(due: &Due) -> bool {
    matches!(due, Due::Pong { is_superseded: true, .. })
}

fn is_due(frame: &Frame, due: &Due) -> bool {
    match due {
        Due::Data { opcode, is_final, len } => {
            // A compressed message is shorter. Its fragments need not be.
            let is_whole = *is_final && *opcode != 0;
            let has_len = if frame.is_compressed { !is_whole || frame.len < *len } else { frame.len == *len };
            (frame.opcode, frame.is_final, has_len) == (*opcode, *is_final, true)
        }
        Due::Ping(payload) => frame.opcode == Frame::PING && frame.control == *payload,
        Due::Keepalive => frame.opcode == Frame::PING && frame.len == 4,
        Due::Pong { payload, .. } => frame.opcode == Frame::PONG && frame.control == *payload,
        Due::Close => frame.opcode == Frame::CLOSE,
    }
}

fn socket_is_closed_once(me: &End<'_>) -> Verdict {
    let actions = &*me.record.socket_actions;
    let holds = matches!(actions, [SocketAction::Close] | [SocketAction::ShutdownWrite, SocketAction::Close]);
    ensure(holds, || format!("the actions on the socket are {actions:?}"))
}

fn opening_is_agreed_on(plan: &Plan, ends: &[End<'_>; 2]) -> Verdict {
    let [client, server] = ends.each_ref().map(|end| end.record);
    let counts = [client.accepted + client.rejected.len(), server.requests];
    ensure(counts.iter().all(|count| *count <= 1), || format!("more than one answer or request: {counts:?}"))?;
    ensure(!client.has_opened || server.has_opened, || "a client is open whose server is not".to_owned())?;
    let expected = match &plan.decision {
        Decision::Accept { subprotocol, .. } => *subprotocol,
        Decision::Reject { .. } | Decision::Close { .. } | Decision::ShutDown { .. } | Decision::Never => None,
    };
    for end in ends.iter().filter(|end| end.record.has_opened) {
        let agreed = end.last.subprotocol.as_deref();
        ensure(agreed == expected, || format!("{agreed:?} is spoken, and {expected:?} was chosen"))?;
    }
    let Some((status, body)) = client.rejected.first() else { return Ok(()) };
    let (expected, whole) = match &plan.decision {
        Decision::Reject { status, body, .. } => (*status, &**body),
        Decision::Close { .. } => (403, &[][..]),
        Decision::Accept { .. } | Decision::ShutDown { .. } | Decision::Never => (503, &[][..]),
    };
    // In trouble a server gives these answers by itself, and the first one when it gives up.
    let is_instead = (*status == 403 && plan.has(Trouble::GivesUp)) || matches!(status, 408 | 414 | 431 | 503);
    let may_differ = *status != expected && is_instead && !plan.is_lossless();
    ensure(may_differ || (*status == expected && whole.starts_with(body)), || format!("{expected} became {status}"))
}

fn plain(close: &CloseFrame) -> (u16, String) {
    (close.code.into(), close.reason.to_string())
}

/// An empty body counts as 1005 (RFC 6455 section 7.1.5).
fn close_body(frame: &Frame) -> (u16, String) {
    let Some((code, reason)) = frame.control.split_first_chunk() else { return (1005, String::new()) };
    (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned())
}
