//! Invariants of the output.

use crate::{
    proof::{
        compression,
        reference::{self, Said},
        trace::{Call, Step, Trace, loses_transport},
    },
    support::{Raw, feed},
};
use statesocket::{Agreed, Config, Connection, Event, Phase, Role, SocketAction};
use std::{sync::Arc, time::Instant};

/// RFC 6455 section 5.5.1: "The application MUST NOT send any more data frames after sending a Close frame". After a
/// received Close there is nothing to answer either.
pub(super) fn i_11_after_our_close_only_pongs_are_sent(trace: &Trace) {
    let frames = trace.frames_written();
    let after_close = frames.iter().skip_while(|frame| frame.opcode() != Raw::CLOSE).skip(1);
    for frame in after_close {
        assert_eq!(frame.opcode(), Raw::PONG, "I-11: {frame:?} after our Close");
    }
    for (before, step, after) in trace.iter() {
        let has_received = before.disconnect.as_ref().is_some_and(|end| end.received.is_some());
        if has_received && !(step.is_of_application() && step.refusal.is_none()) {
            assert!(before.output.ends_with(&after.output), "I-11: {step:?} queued bytes after the peer's Close");
        }
    }
}

pub(super) fn i_12_at_most_one_close_is_sent(trace: &Trace) {
    let frames = trace.frames_written();
    let closes: Vec<_> = frames.iter().filter(|frame| frame.opcode() == Raw::CLOSE).collect();
    assert!(closes.len() <= 1, "I-12: {closes:?}");
    let has_failed = trace.iter().any(|(before, step, _)| step.call == Call::TransportFailed && !before.is_finished);
    if !trace.has_lost_output() && !has_failed {
        let is_told = trace.end().is_some_and(|end| end.sent.is_some());
        assert_eq!(closes.len(), usize::from(is_told), "I-12: the reported Close is sent: {:?}", trace.end());
    }
    for close in closes {
        let sent = trace.end().and_then(|end| end.sent.as_ref()).map(|sent| (u16::from(sent.code), &sent.reason));
        let Some((code, reason)) = sent else { panic!("I-12: {close:?} is not reported") };
        let Some((wire_code, wire_reason)) = close.payload.split_first_chunk() else {
            assert_eq!((code, close.payload.len()), (1005, 0), "I-12: an empty Close is 1005, and only that is");
            continue;
        };
        let wire_code = u16::from_be_bytes(*wire_code);
        assert_eq!((wire_code, wire_reason), (code, reason.as_bytes()), "I-12: the reported Close is the one sent");
        assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "I-12: {code} is never on the wire");
    }
}

/// What the application sent without an error, in order and complete; an abort may cut it short.
pub(super) fn i_13_messages_leave_as_they_were_sent(trace: &Trace) {
    let sent = data_frames(trace);
    let frames = compression::plain(trace.frames_written(), trace.reach[0]);
    let left: Vec<_> = frames.iter().filter(|frame| frame.opcode() < Raw::CLOSE).collect();
    let as_sent: Vec<_> = left.iter().map(|frame| (frame.first, frame.payload.as_slice())).collect();
    assert!(sent.starts_with(&as_sent), "I-13: {as_sent:?} of {sent:?}");
    if !trace.has_lost_output() {
        assert_eq!(left.len(), sent.len(), "I-13: every sent message is written");
    }
    for (before, step, _) in trace.iter().filter(|(_, step, _)| step.refusal.is_none() && data(step).is_some()) {
        assert!(before.can_send, "I-13: {step:?} in {:?}", before.phase);
    }
    for frame in &frames {
        assert_eq!(
            frame.key.is_some(),
            trace.role == Role::Client,
            "I-13: a client masks and a server does not: {frame:?}"
        );
        assert_eq!(frame.first & 0x70, 0, "I-13: no other extension is in use: {frame:?}");
        let is_control = frame.opcode() >= Raw::CLOSE;
        assert!(!is_control || (frame.first & 0x80 != 0 && frame.payload.len() <= 125), "I-13: {frame:?}");
    }
}

/// The first byte and the payload of each frame that the sends of the application ask for.
fn data_frames(trace: &Trace) -> Vec<(u8, &[u8])> {
    let mut is_mid_message = false;
    let sent = trace.steps.iter().filter(|step| step.refusal.is_none()).filter_map(data);
    sent.map(|(opcode, payload, is_last)| {
        let opcode = if is_mid_message { Raw::CONTINUATION } else { opcode };
        is_mid_message = !is_last;
        (u8::from(is_last) << 7 | opcode, payload)
    })
    .collect()
}

/// The opcode of a message, the payload of this part, and whether it is the last.
fn data(step: &Step) -> Option<(u8, &[u8], bool)> {
    Some(match &step.call {
        Call::Text(text) => (Raw::TEXT, text.as_bytes(), true),
        Call::TextFragment(text, is_last) => (Raw::TEXT, text.as_bytes(), *is_last),
        Call::Binary(bytes) | Call::Shared(bytes) | Call::HandedOver(bytes) => (Raw::BINARY, bytes, true),
        Call::BinaryFragment(bytes, is_last) => (Raw::BINARY, bytes, *is_last),
        _ => return None,
    })
}

pub(super) fn i_15_one_http_head_comes_before_any_frame(trace: &Trace) {
    if trace.is_established {
        return;
    }
    let head = String::from_utf8(trace.head_written()).expect("a head is text");
    match trace.role {
        Role::Client => {
            assert!(trace.has_lost_output() || head.starts_with("GET /chat HTTP/1.1\r\n"), "I-15: {head}");
            let opening = trace.iter().take_while(|(.., after)| matches!(after.phase, Phase::Idle | Phase::Requested));
            for (before, step, after) in opening {
                assert!(before.output.ends_with(&after.output), "I-15: {step:?} queued bytes before the answer");
            }
        }
        Role::Server => {
            let is_head = head.starts_with("HTTP/1.1 ") || (trace.has_lost_output() && "HTTP/1.1 ".starts_with(&head));
            assert!(head.is_empty() || is_head, "I-15: {head}");
            let is_accepted =
                trace.steps.iter().any(|step| matches!(step.call, Call::Accept(_)) && step.refusal.is_none());
            assert!(!head.starts_with("HTTP/1.1 101 ") || is_accepted, "I-15: nobody accepted");
            let written = String::from_utf8_lossy(&trace.written()).into_owned();
            assert!(written.matches("HTTP/1.1 ").count() <= 1, "I-15: one response: {written}");
            for (before, step, after) in trace.iter().filter(|(before, ..)| before.phase == Phase::Requested) {
                let is_answer = after.phase != Phase::Requested;
                assert!(is_answer || before.output == after.output, "I-15: {step:?} answers nothing");
            }
        }
    }
}

pub(super) fn i_16_the_socket_is_shut_down_once_and_nothing_written_after(trace: &Trace) {
    let mut actions = Vec::new();
    for (before, step, _) in trace.iter() {
        match &step.call {
            Call::PollSocket(Some(action)) => {
                assert_eq!((before.phase, before.queued), (Phase::Closed, 0), "I-16: {step:?}");
                actions.push(*action);
            }
            Call::Advance(bytes) => assert!(bytes.is_empty() || actions.is_empty(), "I-16: {step:?}"),
            _ => {}
        }
    }
    let after_failure = trace.iter().skip_while(|(before, step, after)| !loses_transport(before, step, after));
    for (_, step, after) in after_failure {
        assert_eq!(after.queued, 0, "I-16: the output after {step:?} cannot be written");
    }
    let orders: [&[_]; 2] = [&[SocketAction::Close], &[SocketAction::ShutdownWrite, SocketAction::Close]];
    assert!(orders.contains(&actions.as_slice()), "I-16: {actions:?}");
    // RFC 6455 section 7.1.1: a client "SHOULD wait for a TCP Close from the server", also after a failure.
    if trace.role == Role::Client {
        assert_eq!(actions, [SocketAction::Close], "I-16: a client waits for the server");
    }
}

/// RFC 6455 section 5.5.3: "A Pong frame sent in response to a Ping frame must have identical "Application data"".
pub(super) fn i_17_pings_are_answered_in_order(trace: &Trace) {
    let pings: Vec<Vec<u8>> = trace
        .while_writable()
        .filter_map(|(_, step, _)| match (&step.event, &step.call) {
            (Some(Event::Ping(payload)), _) => Some(payload.to_vec()),
            (None, Call::Pong(payload)) if step.refusal.is_none() => Some(payload.clone()),
            _ => None,
        })
        .collect();
    let frames = trace.frames_written();
    let pongs: Vec<_> = frames.iter().filter(|frame| frame.opcode() == Raw::PONG).map(|pong| &pong.payload).collect();
    let mut rest = pings.iter();
    for pong in &pongs {
        assert!(rest.any(|ping| ping == *pong), "I-17: {pong:?} answers no Ping, or not in order");
    }
    if !trace.has_lost_output() {
        assert_eq!(pongs.last().copied(), pings.last(), "I-17: the last Ping is answered");
    }
    sixteen_pongs_may_wait(trace);
}

/// RFC 6455 section 5.5.3: it "MAY elect to send a Pong frame for only the most recently processed Ping frame". We do
/// so only for a Ping that comes after sixteen answers since the output was last empty.
fn sixteen_pongs_may_wait(trace: &Trace) {
    let mut waiting = 0;
    for (before, step, after) in trace.while_writable() {
        if before.output.is_empty() {
            waiting = 0;
        }
        let Some(Event::Ping(payload)) = &step.event else { continue };
        waiting += 1;
        if waiting <= 16 {
            let mut queued =
                after.output.strip_prefix(before.output.as_slice()).expect("I-17: nothing is replaced yet");
            let pong = Raw::parse(&mut queued);
            assert_eq!((pong.first, &*pong.payload, queued.len()), (0x80 | Raw::PONG, &**payload, 0), "I-17: {pong:?}");
        }
    }
}

/// By the reference, and by our own strict reader in the other role.
pub(super) fn i_18_everything_that_is_sent_can_be_read(trace: &Trace) {
    let peer = trace.role.peer();
    let frames: Vec<u8> = trace.frames_written().iter().flat_map(Raw::bytes).collect();
    let said = reference::read(&frames, peer, &Config::default(), trace.reach[0]);
    assert!(!said.iter().any(|said| matches!(said, Said::Violation(_))), "I-18: {said:?}");
    let agreed = trace.agree(Agreed::new().seed([7; 32]));
    let mut reader = Connection::established(peer, agreed, Arc::new(Config::default()), Instant::now());
    let heard: Vec<_> = feed(&mut reader, &frames).iter().filter_map(Said::of).collect();
    let told: Vec<_> = said.into_iter().take_while(|said| !said.is_end()).collect();
    assert_eq!(heard, told, "I-18");
}

/// The sends of the application are limited by the configuration. What the connection queues by itself has limits of
/// its own: sixteen Pongs, a Ping, a Close, an HTTP head.
pub(super) fn i_21_the_limits_bound_what_is_held(trace: &Trace) {
    const AUTOMATIC: usize = 18 * 131 + 1024;
    // One frame may be longer than the limit, if no other one of the application is queued.
    let longest = trace.steps.iter().filter_map(data).map(|(_, payload, _)| payload.len() + 14).max();
    let most = trace.config.max_output_bytes.max(longest.unwrap_or_default());
    for view in &trace.views {
        assert_eq!(view.queued, view.output.len(), "I-21: all that is queued can be written");
        assert!(view.queued <= most.saturating_add(AUTOMATIC), "I-21: {} wait", view.queued);
    }
    for (n, (before, step, after)) in trace.iter().enumerate() {
        let is_sent = data(step).is_some() || matches!(step.call, Call::Ping(_) | Call::Pong(_));
        if is_sent && step.refusal.is_none() && after.queued > trace.config.max_output_bytes {
            let written = trace.written_by(n);
            let gone = trace.frames_in(&written).len();
            let frames = trace.frames_in(&[written, before.output.clone()].concat());
            let is_message = |frame: &Raw| frame.opcode() < Raw::CLOSE;
            let queued = after.queued;
            assert!(!frames[gone..].iter().any(is_message), "I-21: {queued} bytes are queued after {step:?}");
        }
    }
    for event in trace.events() {
        if let Event::Message(message) = event {
            assert!(message.len() as u64 <= trace.config.max_message_bytes, "I-21: {} bytes", message.len());
        }
    }
}
