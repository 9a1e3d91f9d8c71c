//! The properties, by the names under which a violation is reported.

pub(super) const JOINT_STATE: &str = "I-1: the two states are one of the six pairs, at each end";
pub(super) const CLIMBS: &str = "I-2: each party only moves forward";
pub(super) const ABSORBING: &str =
    "I-3: Closed is final: no transition, no new byte, no event except the one Disconnect";
pub(super) const KNOWLEDGE_LAG: &str = "I-5: what an end knows of its peer is never ahead of the peer";
pub(super) const ONE_DISCONNECT: &str = "I-7: a connection reports exactly one Disconnect";
pub(super) const ORDER: &str = "I-8: events come in order: opening, messages as they were sent, Disconnect";
pub(super) const CODE: &str = "I-9: the code is that of the Close received, 1005 if it has none, 1006 if none came";
pub(super) const AFTER_CLOSE: &str = "I-11: after a Close only Pongs are sent";
pub(super) const ONE_CLOSE: &str = "I-12: at most one Close is sent, with a code that may be sent";
pub(super) const ONE_HEAD: &str = "I-15: one HTTP head is sent first, and frames only after the opening handshake";
pub(super) const SHUTDOWN: &str = "I-16: writing is shut down at most once, at the end, and nothing is written after";
pub(super) const PONGS: &str = "I-17: each Ping is answered with its own Pong, in order, and nothing else is answered";
pub(super) const REFUSAL: &str = "I-19: a call that the states forbid is refused and changes nothing";
pub(super) const ALLOWED: &str = "I-19: a call that the states allow is not refused";
pub(super) const NO_STUCK_STATE: &str = "I-22: from every state the clock alone leads to the end";
pub(super) const CLEAN_END: &str = "I-22: two cooperating ends end clean";
pub(super) const ALL_RECEIVED: &str = "I-23: one end receives what the other sent";
pub(super) const EACH_OTHERS_CODE: &str = "I-24: each end sees the code that the other sent";
pub(super) const ECHO: &str = "section 5.5.1: an automatic answer to a Close has its code";
pub(super) const FAILURE_CODE: &str = "section 7.1.7: a violation is answered with its own code";
pub(super) const HISTORY: &str = "every history is a path through the table";
pub(super) const FRAGMENTS: &str = "section 5.4: the fragments of one message follow each other, up to its last";
pub(super) const HELD: &str = "I-28: what is held is not handed out, and all else is";
