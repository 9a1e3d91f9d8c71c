//! What an endpoint made of its input, in words that belong to neither implementation.

use statesocket::Role;
use std::ops::Range;

/// A case: an open endpoint, and the bytes from its peer.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) role: Role,
    /// Whether the endpoint has sent its own Close before the bytes arrive.
    pub(super) has_closed: bool,
    pub(super) limits: Limits,
    pub(super) wire: Vec<u8>,
}

/// The limits of RFC 6455 section 10.4, the same for both. Those of frames and messages differ, so that an error tells
/// which one applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) frame: usize,
    pub(super) message: usize,
    pub(super) fragments: u32,
}

impl Limits {
    pub(super) const TIGHT: Self = Self { frame: 150, message: 200, fragments: 3 };
    /// Room for a frame with each form of the length.
    pub(super) const WIDE: Self = Self { frame: 70_000, message: 140_000, fragments: 1_000 };
    /// Room for everything that an endpoint with these limits sends.
    pub(super) const REPLIES: Self = Self { frame: 200_000, message: 210_000, fragments: 1_000 };
}

impl Case {
    /// The first byte of `data` chooses role, limits and whether the endpoint has closed; the rest is what the peer
    /// sends.
    pub(super) fn new(data: &[u8]) -> Option<Self> {
        let (&choice, wire) = data.split_first()?;
        Some(Self {
            role: if choice & 1 == 0 { Role::Server } else { Role::Client },
            limits: if choice & 2 == 0 { Limits::WIDE } else { Limits::TIGHT },
            has_closed: choice & 4 != 0,
            wire: wire.to_vec(),
        })
    }

    /// The bytes from which [`Case::new`] reads this case.
    pub(super) fn choice(role: Role, is_tight: bool, has_closed: bool) -> u8 {
        u8::from(role == Role::Client) | u8::from(is_tight) << 1 | u8::from(has_closed) << 2
    }
}

/// Everything that an endpoint showed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trace {
    /// Its events, each with the number of bytes that had arrived.
    pub(super) items: Vec<(usize, Item)>,
    pub(super) end: End,
    /// The number of bytes that had arrived by the end.
    pub(super) end_at: usize,
    /// Its output.
    pub(super) output: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With the code and the reason, if there is a body.
    Close(Option<(u16, String)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything was valid; then the stream ended.
    Lost,
    /// A Close arrived.
    Closed,
    Failed(Fault),
}

/// The faults of a frame, in the order in which ours checks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Reserved,
    OpCode,
    FragmentedControl,
    Mask,
    ControlTooLong,
    LengthNotMinimal,
    LengthOverflow,
    Continuation,
    Interleaved,
    FrameSize,
    MessageSize,
    Fragments,
    CloseBody,
    CloseCode(u16),
    Utf8,
}

impl Fault {
    /// The position in the order in which tungstenite checks for it; last if it does not.
    pub(super) fn rank_in_tungstenite(self, role: Role) -> usize {
        match (self, role) {
            (Self::OpCode, _) => 0,
            (Self::FrameSize, _) => 1,
            (Self::Mask, Role::Server) => 2,
            (Self::Reserved, _) => 3,
            (Self::Mask, Role::Client) => 4,
            (Self::FragmentedControl, _) => 5,
            (Self::ControlTooLong, _) => 6,
            (Self::CloseBody, _) => 7,
            (Self::Continuation, _) => 8,
            (Self::Interleaved, _) => 9,
            (Self::MessageSize, _) => 10,
            (Self::Utf8, _) => 11,
            (Self::LengthNotMinimal | Self::LengthOverflow | Self::Fragments | Self::CloseCode(_), _) => usize::MAX,
        }
    }

    /// Its code according to RFC 6455 section 7.4.1.
    pub(super) fn close_code(self) -> u16 {
        match self {
            Self::Utf8 => 1007,
            Self::FrameSize | Self::MessageSize => 1009,
            // "a generic status code that can be returned when there is no other more suitable status code"
            Self::Fragments => 1008,
            Self::Reserved
            | Self::OpCode
            | Self::FragmentedControl
            | Self::Mask
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::LengthOverflow
            | Self::Continuation
            | Self::Interleaved
            | Self::CloseBody
            | Self::CloseCode(_) => 1002,
        }
    }
}

impl Trace {
    pub(super) fn items(&self) -> Vec<&Item> {
        self.items.iter().map(|(_, item)| item).collect()
    }

    pub(super) fn pings(&self) -> Vec<Item> {
        let pong = |item: &Item| if let Item::Ping(payload) = item { Some(Item::Pong(payload.clone())) } else { None };
        self.items.iter().filter_map(|(_, item)| pong(item)).collect()
    }
}

/// A frame at its place in the bytes, complete or not, right or wrong.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) start: usize,
    pub(super) first: u8,
    /// The second byte, if it is there.
    pub(super) second: Option<u8>,
    /// The place of the extended length.
    pub(super) extended: Range<usize>,
    /// The length, if all of it is there.
    pub(super) len: Option<u64>,
    /// The end of the frame, if its length is there.
    pub(super) end: usize,
}

impl Placed {
    fn at(wire: &[u8], start: usize) -> Self {
        let second = wire.get(start + 1).copied();
        let form = match second.map(|second| second & 0x7F) {
            Some(126) => 2,
            Some(127) => 8,
            Some(_) | None => 0,
        };
        let extended = start + 2..start + 2 + form;
        let short = second.map(|second| u64::from(second & 0x7F));
        let long =
            wire.get(extended.clone()).map(|bytes| bytes.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)));
        let len = if form == 0 { short } else { long };
        let key = if second.is_some_and(|second| second & 0x80 != 0) { 4 } else { 0 };
        let payload = extended.end + key;
        let end = len.map_or(usize::MAX, |len| payload.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)));
        Self { start, first: wire[start], second, extended, len, end }
    }

    /// The frame that contains the byte before `place`.
    pub(super) fn around(wire: &[u8], place: usize) -> Self {
        let mut frame = Self::at(wire, 0);
        while frame.end < place {
            frame = Self::at(wire, frame.end);
        }
        frame
    }

    /// All frames that begin before `place`.
    pub(super) fn before(wire: &[u8], place: usize) -> Vec<Self> {
        let mut frames = Vec::new();
        let mut start = 0;
        while start < place {
            let frame = Self::at(wire, start);
            start = frame.end;
            frames.push(frame);
        }
        frames
    }

    /// Whether the whole header had arrived by `place`.
    pub(super) fn has_header(&self, place: usize) -> bool {
        self.len.is_some_and(|len| self.end as u64 - len <= place as u64)
    }

    pub(super) fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    /// RFC 6455 section 5.2: "in all cases, the minimal number of bytes MUST be used to encode the length".
    pub(super) fn is_minimal(&self) -> bool {
        match self.extended.len() {
            2 => self.len.is_none_or(|len| len > 125),
            8 => self.len.is_none_or(|len| len > 0xFFFF),
            _ => true,
        }
    }

    /// Whether the header shows `fault`; a fault that no header can show counts as shown.
    pub(super) fn shows(&self, fault: Fault, case: &Case) -> bool {
        let is_masked = self.second.is_some_and(|second| second & 0x80 != 0);
        match fault {
            Fault::Reserved => self.first & 0x70 != 0,
            Fault::OpCode => !matches!(self.first & 0x0F, 0..=2 | 8..=10),
            Fault::FragmentedControl => self.is_control() && self.first & 0x80 == 0,
            Fault::Mask => is_masked != (case.role == Role::Server),
            Fault::ControlTooLong => self.is_control() && self.second.is_some_and(|second| second & 0x7F > 125),
            Fault::LengthNotMinimal => !self.is_minimal(),
            Fault::LengthOverflow => self.len.is_some_and(|len| len >> 63 != 0),
            Fault::Continuation => self.first & 0x0F == 0,
            Fault::Interleaved => matches!(self.first & 0x0F, 1 | 2),
            Fault::FrameSize => self.len.is_some_and(|len| len > case.limits.frame as u64),
            Fault::MessageSize | Fault::Fragments => !self.is_control(),
            Fault::CloseBody | Fault::CloseCode(_) => self.first & 0x0F == 8,
            Fault::Utf8 => matches!(self.first & 0x0F, 0 | 1 | 8),
        }
    }

    /// The same bytes with the length of this frame in the shortest form.
    pub(super) fn with_minimal_length(&self, wire: &[u8]) -> Vec<u8> {
        let len = self.len.expect("the frame has a length that is not minimal");
        let mask = self.second.expect("the frame has a length") & 0x80;
        let mut bytes = wire[..=self.start].to_vec();
        match u16::try_from(len) {
            Ok(short @ ..126) => bytes.push(mask | short as u8),
            Ok(long) => bytes.extend([&[mask | 126], &long.to_be_bytes()[..]].concat()),
            Err(_) => bytes.extend([&[mask | 127], &len.to_be_bytes()[..]].concat()),
        }
        bytes.extend(&wire[self.extended.end..]);
        bytes
    }

    /// The same bytes with the missing rest of this frame, which is the last: a length in its shortest form as far as
    /// possible, a key and a payload of zeros. `None` if nothing is missing.
    pub(super) fn completed(&self, wire: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut bytes = wire.to_vec();
        if self.second.is_none() {
            bytes.push(0);
        }
        let shortest: &[u8] = match self.extended.len() {
            2 => &[0, 126],
            8 => &[0, 0, 0, 0, 0, 1, 0, 0],
            _ => &[],
        };
        bytes.extend(&shortest[bytes.len().saturating_sub(self.start + 2).min(shortest.len())..]);
        let frame = Self::at(&bytes, self.start);
        let payload = frame.extended.end + if bytes[self.start + 1] & 0x80 == 0 { 0 } else { 4 };
        let has_room = frame.len.is_some_and(|len| len <= limit as u64);
        bytes.resize(bytes.len().max(if has_room { frame.end } else { payload }), 0);
        (bytes.len() > wire.len()).then_some(bytes)
    }
}
