//! Streams of frames, most of them right.

use super::{Data, scaled};
use crate::proof::differential::{Row, choice, differences, differential, differential_sending, hex};
use crate::support::{
    Raw,
    strategies::{Defects, defects, frames},
};
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use statesocket::Role;

/// The input from a peer: frames, and a change to the bytes of each.
#[derive(Clone, Debug)]
struct Stream {
    role: Role,
    is_tight: bool,
    has_closed: bool,
    frames: Vec<Vec<Sent>>,
    defects: Defects,
}

#[derive(Clone, Debug)]
struct Sent {
    frame: Raw,
    wrong: Wrong,
}

/// What a sender that knows the frame format can still get wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Nothing,
    Mask,
    Reserved(u8),
    /// The length in this many bytes behind the second, if it fits.
    LengthForm(usize),
    Final,
}

impl Sent {
    fn bytes(self, role: Role) -> Vec<u8> {
        let Self { mut frame, wrong } = self;
        if let Wrong::Reserved(bits) = wrong {
            frame.first |= bits << 4;
        }
        if matches!(wrong, Wrong::Final) {
            frame.first ^= 0x80;
        }
        if (role == Role::Server) != matches!(wrong, Wrong::Mask) {
            frame = frame.masked();
        }
        match wrong {
            Wrong::LengthForm(form) if form == 8 || frame.payload.len() <= 0xFFFF => frame.bytes_with_length_form(form),
            _ => frame.bytes(),
        }
    }
}

impl Stream {
    fn data(&self) -> Vec<u8> {
        let mut wire = self.frames.concat().into_iter().flat_map(|sent| sent.bytes(self.role)).collect();
        self.defects.apply(&mut wire);
        [&[choice(self.role, self.is_tight, self.has_closed)], wire.as_slice()].concat()
    }
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        60 => Just(Wrong::Nothing),
        1 => Just(Wrong::Mask),
        1 => (1..8u8).prop_map(Wrong::Reserved),
        2 => prop_oneof![Just(Wrong::LengthForm(2)), Just(Wrong::LengthForm(8))],
        1 => Just(Wrong::Final),
    ]
}

/// Frames with a fault in their content.
fn odd_frames() -> impl Strategy<Value = Vec<Raw>> {
    let opcode = select(vec![Raw::TEXT, Raw::BINARY, Raw::CONTINUATION, Raw::CLOSE, Raw::PING, Raw::PONG]);
    prop_oneof![
        16 => edge_of_text(),
        8 => (opcode, vec(any::<u8>(), 0..6)).prop_map(|(opcode, payload)| vec![Raw::new(opcode, payload)]),
        8 => (8..11u8, 126..300usize).prop_map(|(opcode, len)| vec![Raw::new(opcode, vec![b'a'; len])]),
        8 => (0..16u8, 0..6usize).prop_map(|(opcode, len)| vec![Raw::new(opcode, vec![b'a'; len])]),
        8 => vec(any::<u8>(), 0..4).prop_map(|body| vec![Raw::new(Raw::CLOSE, body)]),
        16 => (990..1020u16, "\\PC{0,4}").prop_map(|(code, reason)| vec![Raw::close(code, &reason)]),
        8 => (any::<u16>(), vec(0x70..=u8::MAX, 0..4))
            .prop_map(|(code, reason)| vec![Raw::new(Raw::CLOSE, [&code.to_be_bytes(), reason.as_slice()].concat())]),
        8 => (0..6usize).prop_map(|more| {
            let empty = Raw::new(Raw::CONTINUATION, "");
            let begun = [Raw::new(Raw::BINARY, "").more()].into_iter();
            begun.chain(vec![empty.clone().more(); more]).chain([empty]).collect()
        }),
        1 => select(vec![65_535, 65_536, 70_000, 70_001])
            .prop_map(|len| vec![Raw::new(Raw::BINARY, vec![0; len])]),
    ]
}

/// A code point, or something similar, cut by the end of a fragment.
fn edge_of_text() -> impl Strategy<Value = Vec<Raw>> {
    let bytes = vec(select(b"a\x80\x90\xA0\xBF\xC0\xC2\xDF\xE0\xED\xEF\xF0\xF4\xF5".to_vec()), 1..6);
    let text = prop_oneof![bytes, "\\PC{1,3}".prop_map(String::into_bytes)];
    (text, any::<Index>(), any::<bool>()).prop_map(|(text, cut, has_between)| {
        let (before, after) = text.split_at(cut.index(text.len() + 1));
        let between = has_between.then(|| Raw::new(Raw::PING, "between"));
        let begun = Raw::new(Raw::TEXT, before).more();
        [begun].into_iter().chain(between).chain([Raw::new(Raw::CONTINUATION, after)]).collect()
    })
}

fn stream() -> impl Strategy<Value = Stream> {
    let frames = prop_oneof![6 => frames(), 2 => odd_frames()].prop_flat_map(|frames| {
        frames
            .into_iter()
            .map(|frame| wrong().prop_map(move |wrong| Sent { frame: frame.clone(), wrong }))
            .collect::<Vec<_>>()
    });
    let role = prop_oneof![Just(Role::Server), Just(Role::Client)];
    (role, any::<bool>(), prop::bool::weighted(0.2), vec(frames, 0..8), defects()).prop_map(
        |(role, is_tight, has_closed, frames, defects)| Stream { role, is_tight, has_closed, frames, defects },
    )
}

proptest! {
    #![proptest_config(scaled(4))]

    #[test]
    fn frames_are_read_as_tungstenite_reads_them(data in stream().prop_map(|stream| Data(stream.data()))) {
        differential(&data.0);
    }

    #[test]
    fn any_bytes_are_read_as_tungstenite_reads_them(data in vec(any::<u8>(), 0..40).prop_map(Data)) {
        differential(&data.0);
    }

    #[test]
    fn tungstenite_and_our_crate_read_each_others_messages(data in vec(any::<u8>(), 0..60).prop_map(Data)) {
        differential_sending(&data.0);
    }
}

#[test]
fn every_close_code_is_read_as_tungstenite_reads_it() {
    for code in (0..=5001).chain([u16::MAX]) {
        for (role, has_closed) in [(Role::Server, false), (Role::Client, false), (Role::Client, true)] {
            let frame = Sent { frame: Raw::close(code, "why"), wrong: Wrong::Nothing };
            differential(&[&[choice(role, true, has_closed)], frame.bytes(role).as_slice()].concat());
        }
    }
}

#[test]
fn every_form_of_a_length_is_read_as_tungstenite_reads_it() {
    for opcode in [Raw::BINARY, Raw::CLOSE, Raw::PING, Raw::PONG] {
        for len in [0, 1, 2, 124, 125, 126, 127, 149, 150, 151, 65_534, 65_535, 65_536] {
            for form in [0, 2, 8].into_iter().filter(|form| *form == 8 || *form == 2 && len <= 65_535 || len <= 125) {
                for (role, is_tight) in [(Role::Server, true), (Role::Server, false), (Role::Client, true)] {
                    let frame = Raw::new(opcode, vec![3; len]);
                    let frame = Sent { frame, wrong: Wrong::LengthForm(form) };
                    differential(&[&[choice(role, is_tight, false)], frame.bytes(role).as_slice()].concat());
                }
            }
        }
    }
}

#[test]
fn each_first_two_bytes_are_read_as_tungstenite_reads_them() {
    for first in 0..=u8::MAX {
        for len in [0, 1, 2, 5, 125, 126, 127] {
            for second in [len, 0x80 | len] {
                for role in [Role::Server, Role::Client] {
                    for end in [2, 20] {
                        let bytes =
                            [first, second, 0, 4, 0, 0, 0, 1, b'a', b'b', 0, 0, 0, 0, 0x81, 1, b'c', 0x81, 1, b'd'];
                        differential(&[&[choice(role, true, false)], &bytes[..end]].concat());
                    }
                }
            }
        }
    }
}

#[test]
fn every_allowed_difference_occurs() {
    for (row, data) in Row::ALL {
        let rows = differences(data);
        assert!(rows.contains(&row), "{row:?} is not needed for {}, which needs {rows:?}", hex(data));
    }
}
