//! The invariants of our Close: its code and reason, and whether it leaves.

use crate::{
    proof::trace::{Call, Step, Trace, View, loses_transport},
    support::Raw,
};
use statesocket::{Cause, CloseFrame, CloseReply, Event, Party, Phase, Role};

/// RFC 6455 section 5.5.1: "the endpoint typically echos the status code it received". A body is not added to an empty
/// Close on the way out, nor to the answer to one; 1005 stands for it.
pub(super) fn i_31_a_close_is_sent_as_asked_and_answered_as_received(trace: &Trace) {
    let mut has_failed = false;
    for (before, step, after) in trace.iter() {
        has_failed |= loses_transport(before, step, after);
        let Some((code, reason)) = asked(trace, before, step) else { continue };
        let Some(end) = trace.end() else { panic!("I-31: no end after {step:?}") };
        match &end.sent {
            Some(sent) => {
                let local = if trace.role == Role::Client { Party::Client } else { Party::Application };
                let is_answer = end.received.is_some() && end.initiator != Some(local);
                assert!(!(has_failed && is_answer), "I-31: an answer that cannot leave is not told: {end:?}");
                assert_eq!((u16::from(sent.code), sent.reason.as_str()), (code, reason.as_str()), "I-31: {step:?}");
            }
            None => assert!(has_failed, "I-31: the Close of {step:?} is not sent: {end:?}"),
        }
    }
}

/// No command takes back what is queued at the end, nor the Close that makes it clean.
pub(super) fn i_32_a_reported_end_stays_as_reported(trace: &Trace) {
    let mut written = Vec::new();
    let mut has_left = false;
    for (before, step, after) in trace.iter() {
        if let Call::Advance(bytes) = &step.call {
            written.extend(bytes);
            has_left = has_written_close(trace, &written);
        }
        let may_drop = matches!(step.call, Call::Advance(_) | Call::TransportFailed | Call::HandleTimeout);
        if before.phase == Phase::Closed && !may_drop {
            assert_eq!(before.output, after.output, "I-32: {step:?}");
        }
        let Some(end) = &after.disconnect else { continue };
        let is_clean = end.received.is_some() && has_left;
        assert_eq!(after.has_closed_cleanly, is_clean, "I-32: {step:?} of {end:?}");
    }
}

/// Whether `written` has all of a Close.
fn has_written_close(trace: &Trace, written: &[u8]) -> bool {
    trace.frames_in(written).iter().any(|frame| frame.opcode() == Raw::CLOSE)
}

/// The code and the reason of the Close that `step` has to send.
fn asked(trace: &Trace, before: &View, step: &Step) -> Option<(u16, String)> {
    let has_frames = !matches!(before.phase, Phase::Idle | Phase::Requested);
    let plain = |close: &CloseFrame| (close.code.into(), close.reason.to_string());
    let asked = match (&step.call, &step.event) {
        (Call::Close(code, reason) | Call::Fail(code, reason), _) if has_frames => (*code, reason.clone()),
        (Call::EnsureClosed(1005, reason), _) if reason.is_empty() && before.can_send => (1005, String::new()),
        (Call::ReplyClose, _) => plain(before.disconnect.as_ref()?.received.as_ref()?),
        (_, Some(Event::Disconnect(end)))
            if end.cause == Cause::PeerClosed && trace.config.close_reply == CloseReply::Automatic =>
        {
            plain(end.received.as_ref()?)
        }
        _ => return None,
    };
    step.refusal.is_none().then_some(asked)
}
