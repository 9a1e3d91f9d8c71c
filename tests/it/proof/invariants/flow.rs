//! Invariants of flow control.

use crate::proof::trace::{Call, Step, Trace, View, loses_transport};
use statesocket::{Event, Hold, Phase, Role, State, Timer};

/// A connection that waits for bytes of the peer must read them.
pub(super) fn i_27_a_deadline_that_waits_for_the_peer_lets_it_be_heard(trace: &Trace) {
    let before_the_end = trace.iter().take_while(|(before, step, after)| !is_told_of_the_end(before, step, after));
    for (_, step, after) in before_the_end {
        let Call::PollTimeout(Some((_, timer))) = step.call else { continue };
        let waits_for_peer = match timer {
            Timer::Opening | Timer::Pong | Timer::Idle | Timer::Linger => true,
            // The peer ends this hold by reading.
            Timer::Message => after.held_by != Some(Hold::Output),
            Timer::Closing => peer(trace, after) != State::Disconnected,
            _ => false,
        };
        assert!(!waits_for_peer || after.wants_read, "I-27: {step:?} in {after:?}");
    }
}

/// Whatever is held is not handed out, and its bytes stay with the driver.
pub(super) fn i_28_nothing_is_handed_out_while_it_is_held(trace: &Trace) {
    for (before, step, _) in trace.iter().filter(|(before, ..)| before.held_by.is_some()) {
        let brings = matches!(
            step.event,
            Some(Event::Request(_) | Event::Message(_) | Event::Chunk { .. } | Event::Ping(_) | Event::Pong(_))
        );
        assert!(!brings, "I-28: {step:?} while {before:?}");
        assert!(!before.wants_read, "I-28: {before:?}");
        if let Call::Receive { given, taken } = &step.call {
            let ended = matches!(step.event, Some(Event::Disconnect(_)));
            assert!(*taken == 0 || ended, "I-28: {taken} of {} bytes taken while {before:?}", given.len());
            assert!(ended || step.rest == given.len(), "I-28: {step:?} while {before:?}");
        }
    }
}

/// An input's replies pass the high-water mark by one frame at most: the Pong or Close that answers the frame which
/// was read at the mark. A command of the application adds what it was asked to send.
pub(super) fn i_29_replies_pass_the_mark_by_one_frame(trace: &Trace) {
    const LONGEST_REPLY: usize = 2 + 4 + 125;
    let config = &trace.config;
    let mark = match trace.role {
        Role::Client => config.client_high_water,
        Role::Server => config.high_water,
    };
    let Some(mark) = mark.map(|mark| mark.min(config.max_output_bytes / 2)) else { return };
    let received = trace.iter().filter(|(_, step, _)| matches!(step.call, Call::Receive { .. } | Call::PollEvent));
    for (before, step, after) in received.filter(|(before, _, after)| after.queued > before.queued) {
        if before.phase == Phase::Open {
            assert!(after.queued <= mark + LONGEST_REPLY, "I-29: {} bytes after {step:?}", after.queued);
        }
    }
}

/// Neither a pause nor a full output hides that the transport has ended or failed.
pub(super) fn i_30_the_end_of_the_transport_ends_the_peer(trace: &Trace) {
    let after_the_end = trace.iter().skip_while(|(before, step, after)| !is_told_of_the_end(before, step, after));
    for (_, step, after) in after_the_end {
        // A full output holds frames that came before the answer; the reader of the trace does not see them.
        let is_all_taken = step.rest == 0 && after.held_by != Some(Hold::Output);
        if step.call == Call::PollEvent && step.event.is_none() && is_all_taken {
            assert_eq!(peer(trace, after), State::Disconnected, "I-30: {step:?} in {after:?}");
        }
        assert_ne!(after.held_by, Some(Hold::Pause), "I-30: {after:?}");
    }
}

fn is_told_of_the_end(before: &View, step: &Step, after: &View) -> bool {
    step.call == Call::ReceiveEof || loses_transport(before, step, after)
}

fn peer(trace: &Trace, view: &View) -> State {
    match trace.role {
        Role::Client => view.application_state,
        Role::Server => view.client_state,
    }
}
