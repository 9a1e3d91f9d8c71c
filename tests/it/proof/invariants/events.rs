//! Invariants of the events.

use crate::proof::{
    frames::joined,
    reference::{self, Said},
    trace::{Call, Trace},
};
use statesocket::{Cause, Delivery, Event, Phase};

pub(super) fn i_7_there_is_exactly_one_disconnect(trace: &Trace) {
    assert_eq!(trace.disconnects().len(), 1, "I-7: {:?}", trace.disconnects());
    let mut is_told = false;
    for (_, step, after) in trace.iter() {
        is_told |= matches!(step.event, Some(Event::Disconnect(_)));
        assert_eq!(after.disconnect.is_some(), is_told, "I-7: `disconnect` returns it once it is reported: {step:?}");
    }
}

pub(super) fn i_8_events_come_in_order_and_none_is_lost(trace: &Trace) {
    let mut is_open = trace.is_established;
    let mut has_begun = trace.is_established;
    let mut has_ended = false;
    for (_, step, after) in trace.iter() {
        is_open |= matches!(step.call, Call::Accept(_)) && step.refusal.is_none();
        let Some(event) = &step.event else { continue };
        assert!(!has_ended, "I-8: {event:?} after the end");
        match event {
            Event::Request(_) | Event::Accepted(_) | Event::Rejected(_) | Event::InvalidResponse(_) => {
                assert!(!std::mem::replace(&mut has_begun, true), "I-8: {event:?} comes first and once");
                is_open |= matches!(event, Event::Accepted(_));
                assert_eq!(is_open, after.phase == Phase::Open, "I-8: {event:?}");
            }
            Event::Disconnect(_) => has_ended = true,
            _ => assert!(is_open, "I-8: {event:?} before the connection was open"),
        }
    }
    let steps = steps_to_the_end(trace);
    let (heard, expected) = (heard(trace, steps), said_before_end(trace, steps));
    assert!(expected.starts_with(&heard), "I-8: {heard:?} of {expected:?}");
    if is_open && trace.end().is_some_and(|end| was_read_to_the_end(&end.cause)) {
        assert_eq!(heard, expected, "I-8: nothing from before the end is lost");
    }
    all_is_told_while_it_is_open(trace);
}

/// The number of steps up to the end.
fn steps_to_the_end(trace: &Trace) -> usize {
    let is_end = |event: &Option<Event<'_>>| matches!(event, Some(Event::Disconnect(_)));
    trace.steps.iter().position(|step| is_end(&step.event)).map_or(trace.steps.len(), |at| at + 1)
}

/// Whether the end was caused by input or by its absence.
fn was_read_to_the_end(cause: &Cause) -> bool {
    matches!(cause, Cause::PeerClosed | Cause::LocalClosed | Cause::Protocol(_) | Cause::TransportLost(None))
}

/// At the end of the script, after the pending events, everything that the peer said is reported.
fn all_is_told_while_it_is_open(trace: &Trace) {
    let is_wait = |call: &Call| matches!(call, Call::ResumeReading | Call::Receive { .. } | Call::PollEvent);
    let end = (trace.drawn..trace.steps.len()).find(|&at| !is_wait(&trace.steps[at].call)).unwrap_or_default();
    if trace.views[end].phase != Phase::Open || trace.views[end].held_by.is_some() {
        return;
    }
    assert_eq!(heard(trace, end), said_before_end(trace, end), "I-8: everything received is reported");
}

fn heard(trace: &Trace, steps: usize) -> Vec<Said> {
    let events: Vec<_> = trace.steps[..steps].iter().filter_map(|step| step.event.clone()).collect();
    match trace.config.delivery {
        Delivery::Messages => events.iter().filter_map(Said::of).collect(),
        _ => joined(&events).iter().filter_map(Said::of).collect(),
    }
}

/// What the peer has said with the bytes of the first `steps`.
fn said(trace: &Trace, steps: usize) -> Vec<Said> {
    reference::read(&trace.frames_received(steps), trace.role, &trace.config, trace.reach[1])
}

fn said_before_end(trace: &Trace, steps: usize) -> Vec<Said> {
    let mut said = said(trace, steps);
    said.retain(|said| !said.is_end());
    said
}

/// RFC 6455 section 7.1.5.
pub(super) fn i_9_the_code_is_that_of_the_close_received(trace: &Trace) {
    for end in trace.disconnects().iter().chain(trace.end()) {
        let code = u16::from(end.code);
        assert!(matches!(code, 1000..=1003 | 1005..=1014 | 3000..=4999), "I-9: {end:?}");
        assert_eq!(code == 1006, end.received.is_none(), "I-9: 1006 means that no Close was received: {end:?}");
        if let Some(received) = &end.received {
            assert_eq!((received.code, received.reason.as_str()), (end.code, end.reason.as_str()), "I-9");
            let said = said(trace, trace.steps.len());
            let Some(Said::Close(close)) = said.last() else { panic!("I-9: no Close was received: {end:?}") };
            let (code, reason) = close.as_ref().map_or((1005, ""), |(code, reason)| (*code, reason.as_str()));
            assert_eq!(
                (u16::from(end.code), end.reason.as_str()),
                (code, reason),
                "I-9: code and reason are those received"
            );
        }
        assert_eq!(end.is_clean, end.received.is_some() && end.sent.is_some(), "I-9: {end:?}");
        assert!(end.cause != Cause::LocalClosed || end.is_clean, "I-9: our Close was answered: {end:?}");
    }
    let has_opened = trace.views.iter().any(|view| view.phase == Phase::Open);
    if has_opened && trace.end().is_some_and(|end| end.cause == Cause::TransportLost(None)) {
        let said = said(trace, steps_to_the_end(trace));
        assert!(!said.last().is_some_and(Said::is_end), "I-9: the transport was lost behind the end: {said:?}");
    }
}

/// RFC 6455 section 7.1.7: "An endpoint MUST NOT continue to attempt to process data (including a responding Close
/// frame) from the remote endpoint after being instructed to _Fail the WebSocket Connection_."
pub(super) fn i_14_after_a_violation_nothing_is_read(trace: &Trace) {
    for (before, step, after) in trace.iter() {
        if !before.disconnect.as_ref().is_some_and(|end| is_failed(&end.cause)) {
            continue;
        }
        if let Call::Receive { given, taken } = &step.call {
            assert_eq!((given.len(), &step.event, before), (*taken, &None, after), "I-14");
        }
    }
    for end in trace.disconnects().iter().filter(|end| is_failed(&end.cause)) {
        assert_eq!((u16::from(end.code), end.is_clean), (1006, false), "I-14: {end:?}");
    }
    a_violation_is_one_and_is_answered_with_its_code(trace);
}

fn is_failed(cause: &Cause) -> bool {
    matches!(cause, Cause::Protocol(_) | Cause::Handshake(_))
}

fn a_violation_is_one_and_is_answered_with_its_code(trace: &Trace) {
    for (before, step, _) in trace.iter() {
        let Some(Event::Disconnect(end)) = &step.event else { continue };
        let Cause::Protocol(error) = &end.cause else { continue };
        let said = said(trace, trace.steps.len());
        assert_eq!(said.last(), Some(&Said::Violation(error.close_code().into())), "I-14: {end:?}");
        // Unless our Close was sent before.
        if before.can_send {
            let sent = end.sent.as_ref().map(|close| close.code);
            assert_eq!(sent, Some(error.close_code()), "I-14: {end:?}");
        }
    }
}
