//! What a server answers. The tables abbreviate the names of the extension and its parameters, see `full`.

use super::{answer, assert_answer, choices, full, keeping, refusal, request_head, server, terms};
use crate::support::{drain, feed};
use statesocket::{Config, Deflate, HandshakeError, Window, handshake::Accept};

#[track_caller]
fn assert_declined(offer: &str) {
    for deflate in choices() {
        assert_answer(deflate, offer, "");
    }
}

#[test]
fn d1_d6_d7_d8_d9_d10_each_offer_has_its_answer() {
    let [ours, none] = choices();
    for (offer, with_history, without) in [
        ("pmd", "cnct", "snct; cnct"),
        ("pmd; cmwb", "cmwb=12", "snct; cnct"),
        ("pmd ; cmwb", "cmwb=12", "snct; cnct"),
        ("pmd; cmwb=15", "cmwb=12", "snct; cnct"),
        ("pmd; cmwb=10", "cmwb=10", "snct; cnct"),
        ("pmd; cmwb=8", "cmwb=8", "snct; cnct"),
        ("pmd; cmwb=\"1\\0\"", "cmwb=10", "snct; cnct"),
        ("pmd; smwb=15", "smwb=15; cnct", "snct; smwb=15; cnct"),
        ("pmd; smwb=10", "smwb=10; cnct", "snct; smwb=10; cnct"),
        ("pmd; smwb=9", "smwb=9; cnct", "snct; smwb=9; cnct"),
        ("pmd; smwb=\"10\"", "smwb=10; cnct", "snct; smwb=10; cnct"),
        ("pmd; smwb=8", "smwb=8; cnct", "snct; smwb=8; cnct"),
        ("pmd; snct", "snct; cnct", "snct; cnct"),
        ("pmd; cnct", "cnct", "snct; cnct"),
        ("pmd;cmwb;snct", "snct; cmwb=12", "snct; cnct"),
        ("pmd; snct; cnct; smwb=10; cmwb=10", "snct; smwb=10; cmwb=10; cnct", "snct; smwb=10; cnct"),
        ("pmd; cmwb; cnct", "cmwb=12; cnct", "snct; cnct"),
        ("pmd; cmwb=12", "cmwb=12", "snct; cnct"),
        ("pmd; cmwb=13", "cmwb=12", "snct; cnct"),
        ("pmd\t;\tcmwb\t", "cmwb=12", "snct; cnct"),
    ] {
        assert_answer(ours, offer, with_history);
        assert_answer(none, offer, without);
    }
}

#[test]
fn d3_the_first_valid_offer_is_taken() {
    let [ours, none] = choices();
    for (offer, with_history, without) in [
        ("pmd; smwb=10, pmd", "smwb=10; cnct", "snct; smwb=10; cnct"),
        ("pmd, pmd; snct", "cnct", "snct; cnct"),
        ("pmd-other, pmd", "cnct", "snct; cnct"),
        ("pmd; foo, pmd; cmwb", "cmwb=12", "snct; cnct"),
        ("pmd; smwb=7, pmd; smwb=9, pmd; cmwb", "smwb=9; cnct", "snct; smwb=9; cnct"),
        ("foo; bar=1, pmd; cmwb, baz", "cmwb=12", "snct; cnct"),
        ("pmd,", "cnct", "snct; cnct"),
        (", pmd", "cnct", "snct; cnct"),
    ] {
        assert_answer(ours, offer, with_history);
        assert_answer(none, offer, without);
    }
}

#[test]
fn d3_offers_on_several_lines_are_one_list() {
    let mut server = server(super::config(Deflate::default()));
    let lines = ["pmd; foo", "pmd; cmwb=9, pmd"].map(full);
    let changes = [("Sec-WebSocket-Extensions", lines[0].as_str()), ("+Sec-WebSocket-Extensions", &lines[1])];
    feed(&mut server, &request_head("/chat", &changes));
    server.accept(Accept::new()).expect("a request is pending");
    let head = String::from_utf8(drain(&mut server)).expect("a head is text");
    assert!(head.contains(&full("Sec-WebSocket-Extensions: pmd; cmwb=9\r\n")), "{head}");
}

#[test]
fn d1_an_offer_with_a_fault_is_declined() {
    for offer in [
        "pmd; foo",
        "pmd; foo=1",
        "pmd; Server_No_Context_Takeover",
        "pmd; cmwb; foo",
        "pmd; snct; snct",
        "pmd; cnct; snct; cnct",
        "pmd; smwb=10; smwb=10",
        "pmd; smwb=10; smwb=11",
        "pmd; cmwb; cmwb",
        "pmd; cmwb; cmwb=10",
        "pmd; foo, pmd; bar",
    ] {
        assert_declined(offer);
    }
}

#[test]
fn d1_another_extension_is_declined() {
    for offer in ["permessage-deflat", "Permessage-Deflate", "x-webkit-deflate-frame", "permessage-deflate2; cmwb"] {
        assert_declined(offer);
    }
}

#[test]
fn d1_a_malformed_header_is_answered_with_400() {
    for offer in [
        "pmd;",
        "pmd; smwb=",
        "pmd; smwb=\"\"",
        "pmd; smwb=\"10",
        "pmd; snct=\"\"",
        "pmd; =10",
        "pmd pmd",
        "pmd; a=\"b;c\"",
        "pmd; x=\"a, pmd\"",
        "pmd, pmd; smwb=",
    ] {
        for deflate in choices() {
            let request = request_head("/chat", &[("Sec-WebSocket-Extensions", &full(offer))]);
            assert_eq!(refusal(super::config(deflate), &request).0, HandshakeError::InvalidExtensions, "{offer}");
        }
    }
}

#[test]
fn d4_no_context_takeover_has_no_value() {
    for offer in ["pmd; snct=1", "pmd; cnct=true", "pmd; snct=\"1\"", "pmd; cnct=snct", "pmd; snct; cnct=1"] {
        assert_declined(offer);
    }
}

#[test]
fn d5_d6_d18_a_window_has_8_to_15_bits_without_leading_zeros() {
    for bits in 0..=300 {
        let is_window = (8..=15).contains(&bits);
        let window = |answer: String| if is_window { answer } else { String::new() };
        assert_answer(Deflate::default(), &format!("pmd; smwb={bits}"), &window(format!("smwb={bits}; cnct")));
        let client = window(format!("cmwb={}", bits.min(12)));
        assert_answer(Deflate::default(), &format!("pmd; cmwb={bits}"), &client);
    }
    for value in ["08", "+9", "0x9", "015", "-9", "9.", "1e1", "ten", "9a", "000", "4294967304"] {
        for name in ["smwb", "cmwb"] {
            assert_answer(Deflate::default(), &format!("pmd; {name}={value}"), "");
        }
    }
    assert_declined("pmd; smwb");
}

#[test]
fn d6_d8_the_window_of_the_client_is_the_lesser_of_ours_and_its_hint() {
    for window in (8..=15).filter_map(Window::from_bits) {
        let ours = window.bits().expect("a window");
        let deflate = keeping(Window::KiB4, window);
        for hint in 8..=15 {
            let least = ours.min(hint);
            let (text, agreed) = answer(deflate, &format!("pmd; cmwb={hint}")).expect("it is taken");
            let expected = if least == 15 { "pmd".to_owned() } else { format!("pmd; cmwb={least}") };
            assert_eq!(text, full(&expected), "{ours} and {hint}");
            assert_eq!(terms(agreed), [(least, true), (15, true)], "{ours} and {hint}");
        }
        let (text, agreed) = answer(deflate, "pmd").expect("it is taken");
        assert!(!text.contains("max_window_bits"), "not offered: {text}");
        assert_eq!(terms(agreed), [(15, ours == 15), (15, true)], "a client that cannot be told keeps nothing: {ours}");
    }
}

#[test]
fn d7_d18_the_window_of_the_server_is_the_offered_one_whatever_it_keeps() {
    for sent in [Window::Bytes256, Window::KiB4, Window::KiB32] {
        for bits in 8..=15 {
            let (text, agreed) =
                answer(keeping(sent, Window::KiB32), &format!("pmd; smwb={bits}")).expect("it is taken");
            assert_eq!((text, terms(agreed)), (full(&format!("pmd; smwb={bits}")), [(15, true), (bits, true)]));
        }
        let (text, agreed) = answer(keeping(sent, Window::KiB32), "pmd").expect("it is taken");
        assert_eq!((text, terms(agreed)), (full("pmd"), [(15, true), (15, true)]), "nothing is answered unasked");
    }
}

#[test]
fn d9_d10_who_keeps_nothing_says_so() {
    let kept = Window::KiB32;
    for (deflate, offer, expected, agreed) in [
        (keeping(kept, kept), "pmd", "pmd", [true, true]),
        (keeping(kept, kept), "pmd; snct", "pmd; snct", [true, false]),
        (keeping(kept, kept), "pmd; cnct", "pmd; cnct", [false, true]),
        (keeping(Window::None, kept), "pmd", "pmd; snct", [true, false]),
        (keeping(Window::None, kept), "pmd; cmwb", "pmd; snct", [true, false]),
        (keeping(kept, Window::None), "pmd; cmwb=9", "pmd; cnct", [false, true]),
        (keeping(kept, Window::KiB16), "pmd; smwb=12", "pmd; smwb=12; cnct", [false, true]),
    ] {
        let (text, terms_) = answer(deflate, offer).expect("it is taken");
        assert_eq!(text, full(expected), "{deflate:?} {offer}");
        assert_eq!(terms(terms_).map(|(_, takeover)| takeover), agreed, "{deflate:?} {offer}");
    }
}

#[test]
fn d1_without_deflate_nothing_is_answered() {
    let head = request_head("/chat", &[("Sec-WebSocket-Extensions", super::OFFER)]);
    let cases =
        [(Config::default(), Accept::new()), (super::config(Deflate::default()), Accept::new().without_deflate())];
    for (config, accept) in cases {
        let mut server = server(config);
        feed(&mut server, &head);
        server.accept(accept).expect("a request is pending");
        let answer = String::from_utf8(drain(&mut server)).expect("a head is text");
        assert!(!answer.contains("Sec-WebSocket-Extensions"), "{answer}");
        assert_eq!(server.deflate(), None);
    }
}
