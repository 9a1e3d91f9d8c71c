//! The same bytes into statesocket and into tungstenite: both report the same at the same places, and send the same
//! bytes back. [`Row`] lists the allowed differences for frames, [`HandshakeRow`] those for heads.

mod head;
mod head_rows;
mod heads;
mod ours;
mod rows;
mod sending;
mod theirs;
mod trace;
mod verdict;

pub(crate) use head_rows::HandshakeRow;
pub(crate) use heads::{differential_handshake, handshake_differences};
pub(crate) use rows::Row;
pub(crate) use sending::differential_sending;
pub(crate) use verdict::request;

use crate::support::Raw;
use statesocket::Role;
use std::collections::BTreeSet;
use trace::{Case, End, Fault, Item, Limits, Placed, Trace};

/// tungstenite's replacement for a code that it does not accept.
const REPLACED: (u16, &str) = (1002, "Protocol violation");

/// The first byte of `data` that makes [`differential`] compare endpoints of `role`.
pub(crate) fn choice(role: Role, is_tight: bool, has_closed: bool) -> u8 {
    Case::choice(role, is_tight, has_closed)
}

/// Both do the same with frames. The first byte of `data` chooses the role (1: client), the limits (2: tight) and
/// whether the endpoint has sent its Close before (4); the rest is what the peer sends.
///
/// # Panics
///
/// If they differ and no [`Row`] allows it.
pub(crate) fn differential(data: &[u8]) {
    differences(data);
}

/// The rows that were needed.
pub(crate) fn differences(data: &[u8]) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut next = Case::new(data);
    while let Some(case) = next {
        next = Comparison::new(case, data).run(&mut rows);
    }
    rows
}

struct Comparison<'d> {
    case: Case,
    ours: Trace,
    theirs: Trace,
    data: &'d [u8],
}

impl<'d> Comparison<'d> {
    fn new(case: Case, data: &'d [u8]) -> Self {
        let (ours, theirs) = (ours::run(&case), theirs::run(&case));
        Self { case, ours, theirs, data }
    }

    /// Compares the two. Returns a case without the difference found if that is needed to see what lies behind it.
    fn run(&self, rows: &mut BTreeSet<Row>) -> Option<Case> {
        let same = self.ours.items.iter().zip(&self.theirs.items).take_while(|(ours, theirs)| ours == theirs).count();
        let (ours, theirs) = (&self.ours.items[same..], &self.theirs.items[same..]);
        self.check_what_only_ours_minds();
        if let End::Failed(fault) = self.ours.end {
            self.check(ours.is_empty(), "only ours reported this before it failed");
            let frame = Placed::around(&self.case.wire, self.ours.end_at);
            self.check(frame.shows(fault, &self.case), "the frame does not show the fault that ours names");
            if let Some(case) = self.repaired(fault, &frame, rows) {
                return Some(case);
            }
            self.compare_failures(fault, &frame, theirs, rows);
        } else if ours != theirs || self.ours.end != self.theirs.end || self.ours.end_at != self.theirs.end_at {
            self.check(self.is_bad_gateway(ours, theirs), "the events differ");
            rows.insert(Row::BadGateway);
        }
        self.compare_output(rows);
        self.read_back();
        None
    }

    /// Where tungstenite accepts too much, agreement of the two proves nothing.
    fn check_what_only_ours_minds(&self) {
        let has_failed = matches!(self.ours.end, End::Failed(_));
        let mut frames = Placed::before(&self.case.wire, self.ours.end_at);
        frames.truncate(frames.len() - usize::from(has_failed));
        self.check(frames.iter().all(Placed::is_minimal), "a length that is not minimal is accepted");
        let mut fragments = 0;
        for frame in frames.iter().filter(|frame| !frame.is_control() && frame.has_header(self.ours.end_at)) {
            fragments = if frame.first & 0x0F == 0 { fragments + 1 } else { 1 };
            self.check(fragments <= self.case.limits.fragments, "more fragments than the limit are accepted");
        }
        if let Some((_, Item::Close(Some((code, _))))) = self.ours.items.last() {
            // RFC 6455 section 7.4, and 1012 to 1014 of the IANA registry.
            let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            self.check(may_be_sent, "a close code that may not be sent is accepted");
        }
    }

    /// Repairs what only ours refuses, and completes what tungstenite waits for.
    fn repaired(&self, fault: Fault, frame: &Placed, rows: &mut BTreeSet<Row>) -> Option<Case> {
        let case = self.case.clone();
        if matches!(fault, Fault::LengthNotMinimal | Fault::ControlTooLong) && !frame.is_minimal() {
            rows.insert(Row::LengthNotMinimal);
            let minimal = Case { wire: frame.with_minimal_length(&case.wire), ..case };
            let theirs = theirs::run(&minimal);
            let is_same = (theirs.items(), theirs.end) == (self.theirs.items(), self.theirs.end);
            self.check(is_same, "tungstenite refuses the form of a length");
            return Some(minimal);
        }
        if fault == Fault::Fragments {
            rows.insert(Row::Fragments);
            return Some(Case { limits: Limits { fragments: u32::MAX, ..case.limits }, ..case });
        }
        if self.theirs.end == End::Lost {
            rows.insert(Row::Late);
            let wire = frame.completed(&case.wire, case.limits.frame);
            self.check(wire.is_some(), "only ours finds fault with a whole frame");
            return wire.map(|wire| Case { wire, ..case });
        }
        None
    }

    /// Ours failed for `fault` in `frame`: theirs has to fail in the same frame, for the first fault that it checks.
    fn compare_failures(&self, ours: Fault, frame: &Placed, rest: &[(usize, Item)], rows: &mut BTreeSet<Row>) {
        let (role, at) = (self.case.role, self.theirs.end_at);
        self.check(frame.start < at && at <= frame.end, "the place of the failure differs");
        match (ours, self.theirs.end, rest) {
            (_, End::Failed(theirs), []) if theirs == ours => {}
            (_, End::Failed(theirs), []) => {
                let is_first = ours < theirs && theirs.rank_in_tungstenite(role) < ours.rank_in_tungstenite(role);
                self.check(is_first && frame.shows(theirs, &self.case), "the fault differs");
                rows.insert(Row::SeveralFaults);
            }
            (Fault::CloseCode(_), End::Closed, [(_, Item::Close(Some((code, reason))))]) if !self.case.has_closed => {
                self.check((*code, reason.as_str()) == REPLACED, "the code that tungstenite reports differs");
                rows.insert(Row::ForbiddenCode);
            }
            (Fault::CloseCode(code), End::Closed, [(_, Item::Close(Some((theirs, _))))]) => {
                self.check(code == *theirs, "the code that tungstenite reports differs");
                rows.insert(Row::ForbiddenCodeInReply);
            }
            _ => self.check(false, "only ours fails"),
        }
    }

    fn is_bad_gateway(&self, ours: &[(usize, Item)], theirs: &[(usize, Item)]) -> bool {
        let ([(at, Item::Close(Some((1014, _))))], [(their_at, Item::Close(Some((code, reason))))]) = (ours, theirs)
        else {
            return false;
        };
        at == their_at && (*code, reason.as_str()) == REPLACED && !self.case.has_closed
    }

    fn compare_output(&self, rows: &mut BTreeSet<Row>) {
        let (mut ours, mut theirs) = (self.sent(&self.ours.output), self.sent(&self.theirs.output));
        let pongs: Vec<Item> = ours.iter().filter(|item| matches!(item, Item::Pong(_))).cloned().collect();
        self.check(pongs == self.ours.pings(), "each Ping is answered with a Pong");
        if self.case.has_closed && !pongs.is_empty() {
            rows.insert(Row::PongAfterOwnClose);
            ours.retain(|item| !matches!(item, Item::Pong(_)));
        }
        if let End::Failed(fault) = self.ours.end
            && !self.case.has_closed
        {
            let close = ours.pop();
            let code = if let Some(Item::Close(Some((code, _)))) = close { code } else { 0 };
            self.check(code == fault.close_code(), "a violation is answered with a Close of its code");
            if self.theirs.end == End::Closed {
                self.check(is_replaced(theirs.pop()), "tungstenite answers what it reports");
            } else {
                rows.insert(Row::SilentFailure);
            }
        }
        if rows.contains(&Row::BadGateway) {
            self.check(matches!(ours.pop(), Some(Item::Close(Some((1014, _))))), "a Close is answered with its code");
            self.check(is_replaced(theirs.pop()), "tungstenite answers what it reports");
        }
        self.check(ours == theirs, "the answers differ");
    }

    /// The frames in `output`, which are only unfragmented messages and control frames here.
    fn sent(&self, output: &[u8]) -> Vec<Item> {
        let mut rest = output;
        let mut items = Vec::new();
        while !rest.is_empty() {
            let frame = Raw::parse(&mut rest);
            self.check(frame.key.is_some() == (self.case.role == Role::Client), "a client masks and a server does not");
            items.push(match (frame.first, frame.payload) {
                (0x81, payload) => Item::Text(String::from_utf8(payload).expect("a text is UTF-8")),
                (0x82, payload) => Item::Binary(payload),
                (0x88, payload) => Item::Close(payload.split_first_chunk().map(|(code, reason)| {
                    let reason = String::from_utf8(reason.to_vec()).expect("a reason is UTF-8");
                    (u16::from_be_bytes(*code), reason)
                })),
                (0x89, payload) => Item::Ping(payload),
                (0x8A, payload) => Item::Pong(payload),
                (first, _) => panic!("{first:#x} is not sent here"),
            });
        }
        items
    }

    /// Each reads what the other sends as it was meant.
    fn read_back(&self) {
        let role = self.case.role.peer();
        let read_by = |run: fn(&Case) -> Trace, output: &[u8]| {
            let case = Case { role, has_closed: false, limits: Limits::REPLIES, wire: output.to_vec() };
            let mut sent = self.sent(output);
            if let Some(end) = sent.iter().position(|item| matches!(item, Item::Close(_))) {
                sent.truncate(end + 1);
            }
            let trace = run(&case);
            let is_1014 = matches!(sent.last(), Some(Item::Close(Some((1014, _)))));
            self.check(
                is_1014 || trace.items() == sent.iter().collect::<Vec<_>>(),
                "the output is not read as it was meant",
            );
        };
        read_by(theirs::run, &self.ours.output);
        read_by(ours::run, &self.theirs.output);
    }

    #[track_caller]
    fn check(&self, is_right: bool, message: &str) {
        assert!(
            is_right,
            "{message}\n  data: {}\n  case: {:?}, limits {:?}, own close sent: {}\n  wire: {}\n  ours:   {:?}\n  theirs: {:?}",
            hex(self.data),
            self.case.role,
            self.case.limits,
            self.case.has_closed,
            hex(&self.case.wire),
            self.ours,
            self.theirs,
        );
    }
}

fn is_replaced(item: Option<Item>) -> bool {
    matches!(item, Some(Item::Close(Some((code, reason)))) if (code, reason.as_str()) == REPLACED)
}

/// The bytes in a form that can be pasted.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
