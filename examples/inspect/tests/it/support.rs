//! Captures that tests make, and the findings in them.

use etherparse::PacketBuilder;
use statesocket::Role;
use statesocket_inspect::{
    capture::{self, CaptureError},
    conversation::Conversation,
    finding::{Finding, Moment, What},
    follow::{Follow, Totals},
    frames::Frame,
    rules::Violation,
};

pub const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 50_000);
pub const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 9001);

pub const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
pub const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

pub fn request() -> Vec<u8> {
    format!("{REQUEST}\r\n").into_bytes()
}

pub fn answer() -> Vec<u8> {
    format!("{ANSWER}\r\n").into_bytes()
}

/// A frame with a short payload. A client masks it.
pub fn frame(from: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "a short frame");
    let len = payload.len() as u8;
    match from {
        Role::Server => [&[first, len], payload].concat(),
        Role::Client => {
            let key = [7, 1, 8, 2];
            let masked = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
            [first, len | 0x80].into_iter().chain(key).chain(masked).collect()
        }
    }
}

/// A packet, as Ethernet has it.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: ([u8; 4], u16),
    pub to: ([u8; 4], u16),
    pub sequence: u32,
    pub flags: &'static str,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn bytes(&self) -> Vec<u8> {
        let mut builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(self.from.0, self.to.0, 64).tcp(
            self.from.1,
            self.to.1,
            self.sequence,
            65535,
        );
        for flag in self.flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'F' => builder.fin(),
                'R' => builder.rst(),
                'A' => builder.ack(1),
                other => panic!("{other} is no flag"),
            };
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &self.payload).expect("a Vec takes everything");
        bytes
    }
}

/// Packets of one connection: both handshakes of TCP, and segments in the order given.
#[derive(Debug)]
pub struct Talk {
    pub packets: Vec<Packet>,
    ends: [([u8; 4], u16); 2],
    next: [u32; 2],
}

impl Talk {
    /// A connection whose sequence numbers wrap around soon.
    pub fn new(client: ([u8; 4], u16)) -> Self {
        let mut talk = Self { packets: Vec::new(), ends: [client, SERVER], next: [u32::MAX - 50, u32::MAX - 100] };
        talk.push(Role::Client, "S", &[]);
        talk.push(Role::Server, "SA", &[]);
        talk
    }

    /// One with its WebSocket handshake.
    pub fn opened() -> Self {
        let mut talk = Self::new(CLIENT);
        talk.say(Role::Client, &request());
        talk.say(Role::Server, &answer());
        talk
    }

    pub fn say(&mut self, from: Role, bytes: &[u8]) {
        for segment in bytes.chunks(1400) {
            self.push(from, "A", segment);
        }
    }

    pub fn push(&mut self, from: Role, flags: &'static str, payload: &[u8]) {
        let n = from as usize;
        let (from, to) = (self.ends[n], self.ends[1 - n]);
        self.packets.push(Packet { from, to, sequence: self.next[n], flags, payload: payload.to_vec() });
        let extra = u32::from(flags.contains('S')) + u32::from(flags.contains('F'));
        self.next[n] = self.next[n].wrapping_add(payload.len() as u32 + extra);
    }

    pub fn pcap(&self) -> Vec<u8> {
        pcap(&self.packets)
    }
}

/// A pcap file of Ethernet, a millisecond per packet.
pub fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for (packet, n) in packets.iter().zip(0..) {
        let bytes = packet.bytes();
        for word in [1_000_000, n * 1000, bytes.len() as u32, bytes.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(bytes);
    }
    file
}

/// The same as pcapng, with time in microseconds.
pub fn pcapng(packets: &[Packet]) -> Vec<u8> {
    let mut file = block(0x0A0D_0D0A, &[&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xFF; 8]].concat());
    file.extend(block(1, &[&[1, 0, 0, 0][..], &262_144_u32.to_le_bytes()].concat()));
    for (packet, n) in packets.iter().zip(0..) {
        let bytes = packet.bytes();
        let words = [0, 0, 1_000_000 + n * 1000, bytes.len() as u32, bytes.len() as u32].map(u32::to_le_bytes);
        file.extend(block(6, &[words.as_flattened(), &bytes].concat()));
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let body = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
    let len = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &len, &body, &len].concat()
}

/// All findings in a file.
pub fn inspect(file: &[u8]) -> (Vec<Finding>, Totals, Result<(), CaptureError>) {
    inspect_with(Follow::new(None, false), file)
}

pub fn inspect_with(mut follow: Follow, file: &[u8]) -> (Vec<Finding>, Totals, Result<(), CaptureError>) {
    let mut findings = Vec::new();
    let read = capture::read(file, |segment| follow.take(segment, &mut |found| findings.push(found)));
    follow.finish(&mut |found| findings.push(found));
    (findings, follow.totals, read)
}

/// All findings in the bytes of one connection.
pub fn converse(said: &[(Role, Vec<u8>)]) -> Vec<Finding> {
    let (mut conversation, mut findings) = (Conversation::new(1), Vec::new());
    for (from, bytes) in said {
        conversation.feed(*from, Moment::default(), bytes, &mut |found| findings.push(found));
    }
    conversation.finish(Moment::default(), &mut |found| findings.push(found));
    findings
}

pub fn violations(findings: &[Finding]) -> Vec<(Role, Violation)> {
    findings
        .iter()
        .filter_map(|found| match &found.what {
            What::Violation { by, violation, .. } => Some((*by, violation.clone())),
            _ => None,
        })
        .collect()
}

/// The frames, each with its sender and its inflated text.
pub fn frames(findings: &[Finding]) -> Vec<(Role, Frame, Option<Vec<u8>>)> {
    findings
        .iter()
        .filter_map(|found| match &found.what {
            What::Frame { from, frame, inflated } => Some((*from, frame.clone(), inflated.clone())),
            _ => None,
        })
        .collect()
}

/// What is neither a frame nor a head, without its time.
pub fn remarks(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter_map(|found| match &found.what {
            What::Phase { phase, detail } => Some(format!("{phase:?} {detail}").trim_end().to_owned()),
            What::NotWebSocket { seen } => Some(format!("other: {seen}")),
            What::Note(text) => Some(text.clone()),
            What::Violation { by, violation, .. } => Some(format!("{by:?}: {}", violation.fault)),
            What::Begin { .. } | What::Head { .. } | What::Frame { .. } => None,
        })
        .collect()
}
