//! What holds of every connection at every time, whatever is called: functions of a trace.

mod closing;
mod events;
mod flow;
mod output;
mod roles;
mod states;

use super::{
    compression, parties,
    script::{self, How},
    trace::Trace,
};
use statesocket::Config;

/// An invariant, by its number in `tests/README.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invariant {
    pub(crate) number: u8,
    /// Panics if the invariant does not hold.
    pub(crate) check: fn(&Trace),
}

/// The invariants of the trace of one connection. 4, 19 and 26 compare two runs and are below; 5, 23 and 24 need two
/// ends and belong to the simulation and the exploration; 10 is the property `chunking`.
pub(crate) const OF_A_TRACE: [Invariant; 24] = [
    Invariant { number: 1, check: states::i_1_the_joint_state_is_one_of_six },
    Invariant { number: 2, check: states::i_2_a_party_only_moves_forward },
    Invariant { number: 3, check: states::i_3_closed_is_final },
    Invariant { number: 6, check: states::i_6_messages_may_be_sent_only_between_opening_and_our_close },
    Invariant { number: 7, check: events::i_7_there_is_exactly_one_disconnect },
    Invariant { number: 8, check: events::i_8_events_come_in_order_and_none_is_lost },
    Invariant { number: 9, check: events::i_9_the_code_is_that_of_the_close_received },
    Invariant { number: 11, check: output::i_11_after_our_close_only_pongs_are_sent },
    Invariant { number: 12, check: output::i_12_at_most_one_close_is_sent },
    Invariant { number: 13, check: output::i_13_messages_leave_as_they_were_sent },
    Invariant { number: 14, check: events::i_14_after_a_violation_nothing_is_read },
    Invariant { number: 15, check: output::i_15_one_http_head_comes_before_any_frame },
    Invariant { number: 16, check: output::i_16_the_socket_is_shut_down_once_and_nothing_written_after },
    Invariant { number: 17, check: output::i_17_pings_are_answered_in_order },
    Invariant { number: 18, check: output::i_18_everything_that_is_sent_can_be_read },
    Invariant { number: 21, check: output::i_21_the_limits_bound_what_is_held },
    Invariant { number: 22, check: states::i_22_the_clock_alone_brings_the_end },
    Invariant { number: 25, check: states::i_25_after_the_end_nothing_changes_anything },
    Invariant { number: 27, check: flow::i_27_a_deadline_that_waits_for_the_peer_lets_it_be_heard },
    Invariant { number: 28, check: flow::i_28_nothing_is_handed_out_while_it_is_held },
    Invariant { number: 29, check: flow::i_29_replies_pass_the_mark_by_one_frame },
    Invariant { number: 30, check: flow::i_30_the_end_of_the_transport_ends_the_peer },
    Invariant { number: 31, check: closing::i_31_a_close_is_sent_as_asked_and_answered_as_received },
    Invariant { number: 32, check: closing::i_32_a_reported_end_stays_as_reported },
];

/// Checks all of them for the connection whose life `data` draws.
pub(crate) fn check_all(data: &[u8]) {
    let trace = script::run(data);
    for invariant in OF_A_TRACE {
        (invariant.check)(&trace);
    }
    parties::follow(&trace);
    i_19_a_refused_call_changes_nothing(data, &trace);
    i_26_lent_memory_changes_nothing(data, &trace);
    i_4_the_roles_mirror_each_other(data);
}

pub(crate) use roles::i_4_the_roles_mirror_each_other;

/// `trace` is the one of `data` without lent memory.
pub(crate) fn i_26_lent_memory_changes_nothing(data: &[u8], trace: &Trace) {
    let lent = script::run_lent(data);
    if trace.reach[0].is_some() {
        // Lent engines have seen other messages, so that compressed bytes differ, and with them what finds room.
        let fits_anyway = trace.config.max_output_bytes >= Config::default().max_output_bytes;
        if fits_anyway && !trace.has_lost_output() {
            assert_eq!(lent.events(), trace.events(), "I-26: the same events with lent memory");
            let [lent, own] = [&lent, trace].map(|trace| compression::plain(trace.frames_written(), trace.reach[0]));
            assert_eq!(lent, own, "I-26: the same messages with lent memory");
        }
        return;
    }
    assert_eq!(lent.events(), trace.events(), "I-26: the same events with lent memory");
    assert_eq!(lent.written(), trace.written(), "I-26: the same bytes with lent memory");
    assert_eq!(lent.views, trace.views, "I-26: the same state after each step with lent memory");
}

/// Neither at once nor later, as a masking key drawn for nothing would. `trace` is the one of `data`.
pub(crate) fn i_19_a_refused_call_changes_nothing(data: &[u8], trace: &Trace) {
    let if_refused = |how| move |number| if trace.refused.contains(&number) { how } else { How::Made };
    let watched = states::i_19_a_refused_call_changes_nothing(&script::run_with(data, if_refused(How::Watched)));
    assert_eq!(watched, trace.refused.len(), "I-19: a refused call is refused again");
    let without = script::run_with(data, if_refused(How::LeftOut));
    assert_eq!(without.refused, [0; 0], "I-19: the same calls are refused");
    assert_eq!(without.events(), trace.events(), "I-19: the same events without the refused calls");
    assert_eq!(without.written(), trace.written(), "I-19: the same bytes without the refused calls");
    assert_eq!(without.last(), trace.last(), "I-19: the same end without the refused calls");
}
