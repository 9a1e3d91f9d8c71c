//! The properties of compression, on bytes that proptest draws.

use crate::{
    proof::{self, compression, extensions, inflating, script},
    support::strategies::{compressed_frames, defects},
};
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use std::collections::HashMap;

/// What two ends keep, the header of a client and that of a server, most of them nearly right.
fn extension_headers() -> impl Strategy<Value = Vec<u8>> {
    let values = ["", "", "=8", "=9", "=10", "=12", "=15", "=\"1\\0\"", "=7", "=16", "=08", "=1", "="];
    let names = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "server_max_window_bits=12",
        "client_max_window_bits=11",
        "foo",
    ];
    let param = prop_oneof![
        4 => select(names[..6].to_vec()).prop_map(str::to_owned),
        1 => (select(names.to_vec()), select(values.to_vec())).prop_map(|(name, value)| name.to_owned() + value),
    ];
    let name = prop_oneof![9 => Just("permessage-deflate"), 1 => Just("foo")];
    let element = (name, vec(param, 0..3))
        .prop_map(|(name, params)| params.into_iter().fold(name.to_owned(), |element, param| element + "; " + &param));
    let answer = prop_oneof![4 => vec(element.clone(), 1), 1 => vec(element.clone(), 0..3)];
    let header = |elements: Vec<String>| elements.join(", ").into_bytes();
    (any::<[u8; 2]>(), vec(element, 1..4), answer, prop::option::weighted(0.3, defects())).prop_map(
        move |(choices, offers, answer, defects)| {
            let mut headers = [header(offers), b"\n".to_vec(), header(answer)].concat();
            defects.iter().for_each(|defects| defects.apply(&mut headers));
            [&choices[..], &headers].concat()
        },
    )
}

/// Payloads of compressed messages with two bytes before each, and what they are read with.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let stream = (compressed_frames(), vec(any::<u8>(), 1..8));
    let bytes = (stream, prop::option::weighted(0.4, defects())).prop_map(|((stream, kinds), defects)| {
        let frames = stream.concat().into_iter().zip(kinds.into_iter().cycle());
        let mut bytes: Vec<u8> = frames
            .filter(|(frame, _)| frame.payload.len() < 256)
            .flat_map(|(frame, kind)| [&[kind, frame.payload.len() as u8][..], &frame.payload].concat())
            .collect();
        defects.iter().for_each(|defects| defects.apply(&mut bytes));
        bytes
    });
    (any::<[u8; 4]>(), vec(any::<u8>(), 0..6), bytes).prop_map(|([directions, how, history, choices], cuts, bytes)| {
        inflating::encode([directions, how, history, choices | 0x10], &cuts, &bytes)
    })
}

fn holds(name: &str, data: &[u8]) {
    let property = proof::ALL.iter().find(|property| property.name == name).expect("a property of that name");
    (property.check)(data);
}

proptest! {
    #[test]
    fn d1_d2_both_ends_agree_on_what_the_rfc_allows(headers in extension_headers()) {
        holds("extensions_header", &headers);
    }

    #[test]
    fn d17_compressed_messages_are_read_as_the_reference_says(messages in payloads()) {
        holds("inflate_messages", &messages);
    }

    #[test]
    fn connections_that_share_engines_hear_what_was_said_to_them(steps in vec(any::<u8>(), 0..400)) {
        holds("deflate_round_trip", &steps);
    }
}

#[test]
fn drawn_extensions_are_often_valid() {
    let mut runner = TestRunner::deterministic();
    let mut counts = [0; 2];
    for _ in 0..1_000 {
        let headers = extension_headers().new_tree(&mut runner).expect("headers can be drawn").current();
        let reached = extensions::reaches(&headers);
        counts.iter_mut().zip(reached).for_each(|(count, reached)| *count += u32::from(reached));
    }
    assert!(counts.iter().all(|count| *count >= 100), "{counts:?}");
}

/// The properties demand little of messages that are plain, or wrong.
#[test]
fn drawn_messages_are_often_compressed() {
    let mut runner = TestRunner::deterministic();
    let script = (vec(any::<u8>(), 0..300), any::<[u8; 3]>())
        .prop_map(|(script, choices)| [script, compression::end(choices)].concat());
    let (mut sent, mut kinds) = ([0; 2], HashMap::new());
    for _ in 0..1_000 {
        let data = script.new_tree(&mut runner).expect("bytes can be drawn").current();
        let trace = script::run(&data);
        let compressed = trace.frames_written().iter().filter(|frame| frame.first & 0x40 != 0).count();
        if let Some(reach) = trace.reach[0] {
            sent[usize::from(reach.takeover)] += compressed;
        }
        let data = payloads().new_tree(&mut runner).expect("payloads can be drawn").current();
        for kind in inflating::kinds(&data) {
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    assert!(sent.iter().all(|count| *count >= 100), "sent without and with takeover: {sent:?}");
    for kind in ["message", "1002", "1007", "1009"] {
        let count = kinds.get(kind).copied().unwrap_or_default();
        assert!(count >= 20, "{kind}: {count} of {kinds:?}");
    }
}
