//! Invariants of the two states, of calls, and of the end.

use crate::proof::trace::{Call, Trace, View};
use statesocket::{
    Event, Phase, Role,
    State::{Connected, Connecting, Disconnected},
};

pub(super) fn i_1_the_joint_state_is_one_of_six(trace: &Trace) {
    let six = [
        (Connecting, Connecting),
        (Connected, Connecting),
        (Connected, Connected),
        (Disconnected, Connected),
        (Connected, Disconnected),
        (Disconnected, Disconnected),
    ];
    for view in &trace.views {
        assert!(six.contains(&(view.client_state, view.application_state)), "I-1: {view:?}");
    }
}

pub(super) fn i_2_a_party_only_moves_forward(trace: &Trace) {
    for (before, step, after) in trace.iter() {
        assert!(before.client_state <= after.client_state, "I-2: the client went back: {step:?}");
        assert!(before.application_state <= after.application_state, "I-2: the application went back: {step:?}");
    }
}

pub(super) fn i_3_closed_is_final(trace: &Trace) {
    for (before, step, after) in trace.iter().filter(|(before, ..)| before.phase == Phase::Closed) {
        assert_eq!((after.phase, after.moves), (Phase::Closed, before.moves), "I-3: {step:?}");
        assert!(before.output.ends_with(&after.output), "I-3: bytes were queued: {step:?}");
        assert!(matches!(step.event, None | Some(Event::Disconnect(_))), "I-3: {step:?}");
    }
}

pub(super) fn i_6_messages_may_be_sent_only_between_opening_and_our_close(trace: &Trace) {
    for view in &trace.views {
        let (local, peer) = match trace.role {
            Role::Client => (view.client_state, view.application_state),
            Role::Server => (view.application_state, view.client_state),
        };
        assert_eq!(view.can_send, local == Connected && peer != Connecting, "I-6: {view:?}");
    }
}

/// Checks that nothing visible changes, nor, if the call was watched, its internals. Returns the number of calls
/// that were refused and watched.
pub(super) fn i_19_a_refused_call_changes_nothing(trace: &Trace) -> usize {
    let mut watched = 0;
    for (before, step, after) in trace.iter() {
        let Some(refusal) = &step.refusal else { continue };
        assert_eq!(before, after, "I-19: {:?} was refused ({})", step.call, refusal.text);
        if let Some([text_before, text_after]) = &step.texts {
            assert_eq!(text_before, text_after, "I-19: {:?} was refused ({})", step.call, refusal.text);
            watched += 1;
        }
    }
    watched
}

pub(super) fn i_22_the_clock_alone_brings_the_end(trace: &Trace) {
    assert!(trace.last().is_finished, "I-22: the connection is stuck in {:?}", trace.last());
    let config = &trace.config;
    let has_deadlines = [config.opening_timeout, config.accept_timeout, config.closing_timeout, config.linger_timeout]
        .iter()
        .all(Option::is_some);
    let ends_silence = config.idle_timeout.is_some() || (config.ping_interval.and(config.pong_timeout)).is_some();
    if has_deadlines && ends_silence {
        let helped =
            trace.iter().skip(trace.drawn).find(|(before, step, _)| step.call == Call::Abort && !before.is_finished);
        assert!(helped.is_none(), "I-22: no deadline is left in {:?}", helped.map(|(before, ..)| before));
    }
}

pub(super) fn i_25_after_the_end_nothing_changes_anything(trace: &Trace) {
    let is_over = |view: &View| view.is_finished && view.disconnect.is_some();
    for (before, step, after) in trace.iter().filter(|(before, ..)| is_over(before)) {
        assert_eq!(before, after, "I-25: {step:?}");
        assert!(step.event.is_none(), "I-25: {step:?}");
    }
    let after_end = trace.iter().skip_while(|(before, ..)| !is_over(before)).count();
    assert!(after_end >= 8, "I-25: the script calls everything once more after the end");
}
