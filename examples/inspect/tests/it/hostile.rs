//! No bytes cause a panic.

use crate::support::{Talk, inspect, pcap, pcapng};
use proptest::{collection, prelude::*, sample::Index};
use statesocket::{
    Role,
    Role::{Client, Server},
};
use statesocket_inspect::{
    conversation::Conversation,
    finding::{Finding, Moment},
    hex,
    report::{self, Form},
};

/// Every line of a report can be written, and has nothing that a terminal would obey.
fn write(findings: &[Finding]) {
    for (found, form) in findings.iter().flat_map(|found| [(found, Form::Text), (found, Form::Json)]) {
        let mut out = Vec::new();
        report::write(&mut out, form, found).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("a report is UTF-8");
        let plain = anstream::adapter::strip_str(&text).to_string();
        let is_obeyed = |it: char| it.is_control() && it != '\n';
        assert!(!plain.contains(is_obeyed) && plain.ends_with('\n'), "{plain:?}");
        assert!(form == Form::Text || plain.lines().count() == 1, "{plain:?}");
    }
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Client), Just(Server)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_of_two_ends(
        is_open in any::<bool>(),
        said in collection::vec((role(), collection::vec(any::<u8>(), 0..60)), 0..20),
    ) {
        let (mut conversation, mut findings) =
            (if is_open { Conversation::opened(1) } else { Conversation::new(1) }, Vec::new());
        let mut sink = |found| findings.push(found);
        for (from, bytes) in said {
            conversation.feed(from, Moment::default(), &bytes, &mut sink);
        }
        conversation.end(Client, Moment::default(), false, &mut sink);
        conversation.finish(Moment::default(), &mut sink);
        write(&findings);
    }

    #[test]
    fn any_text_in_a_dump(text in "[><# 0-9a-f\\n]{0,80}") {
        let mut findings = Vec::new();
        let _ = hex::read(&text, &mut Conversation::opened(1), &mut |found| findings.push(found));
        write(&findings);
    }

    /// A capture in which bytes are changed, and one that is nothing but its first bytes.
    #[test]
    fn any_changes_in_a_capture(
        is_ng in any::<bool>(),
        changes in collection::vec((any::<Index>(), any::<u8>()), 0..20),
        noise in collection::vec(any::<u8>(), 0..200),
    ) {
        let mut talk = Talk::opened();
        talk.say(Server, &[0x81, 5, b'H', b'e', b'l', b'l', b'o', 0x1B, 0x9B]);
        talk.say(Client, &[0xC1, 0xFF, 1, 2, 3]);
        let mut file = if is_ng { pcapng(&talk.packets) } else { pcap(&talk.packets) };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        write(&inspect(&file).0);
        file.truncate(24);
        file.extend(noise);
        write(&inspect(&file).0);
    }
}
