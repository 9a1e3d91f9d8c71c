//! What a client makes of an answer.

use super::{OFFER, accepted_head, asking, client_verdict, config, failure, full, keeping, terms, verdict, why};
use crate::support::drain;
use statesocket::{
    Connection, Deflate, HandshakeError, InvalidDeflate, Role, Window,
    handshake::Connect,
    http::{StatusCode, header::SEC_WEBSOCKET_EXTENSIONS},
};
use std::{sync::Arc, time::Instant};

const SNCT: &str = "server_no_context_takeover";
const CNCT: &str = "client_no_context_takeover";
const SMWB: &str = "server_max_window_bits";
const CMWB: &str = "client_max_window_bits";

#[test]
fn d5_d6_d10_d18_a_client_takes_every_valid_answer_to_the_usual_offer() {
    for (answer, expected) in [
        ("pmd", [(15, true), (15, true)]),
        ("pmd; snct", [(15, true), (15, false)]),
        ("pmd; cnct", [(15, false), (15, true)]),
        ("pmd; smwb=\"12\"", [(15, true), (12, true)]),
        ("pmd; cmwb=\"1\\2\"", [(12, true), (15, true)]),
        ("pmd; cmwb=8; cnct; smwb=9; snct", [(8, false), (9, false)]),
        ("pmd;cnct;cmwb=15", [(15, false), (15, true)]),
        (", pmd,", [(15, true), (15, true)]),
    ] {
        let agreed = client_verdict(Deflate::default(), answer).expect(answer).expect(answer);
        assert_eq!(terms(agreed), expected, "{answer}");
    }
    for bits in 8..=15 {
        let agreed = client_verdict(Deflate::default(), &format!("pmd; smwb={bits}"));
        assert_eq!(agreed.map(|agreed| agreed.map(terms)), Ok(Some([(15, true), (bits, true)])));
        let agreed = client_verdict(Deflate::default(), &format!("pmd; cmwb={bits}"));
        assert_eq!(agreed.map(|agreed| agreed.map(terms)), Ok(Some([(bits, true), (15, true)])));
    }
    assert_eq!(client_verdict(Deflate::default(), ""), Ok(None), "the server declines");
}

#[test]
fn d2_d4_d5_d6_a_client_fails_for_a_fault_in_the_answer() {
    use InvalidDeflate::{DuplicateParameter, InvalidValue, Repeated, UnknownParameter};
    for (answer, reason) in [
        ("pmd; cmwb", InvalidValue(CMWB)),
        ("pmd; smwb", InvalidValue(SMWB)),
        ("pmd; cmwb=7", InvalidValue(CMWB)),
        ("pmd; smwb=16", InvalidValue(SMWB)),
        ("pmd; cmwb=08", InvalidValue(CMWB)),
        ("pmd; smwb=+9", InvalidValue(SMWB)),
        ("pmd; snct=1", InvalidValue(SNCT)),
        ("pmd; cnct=15", InvalidValue(CNCT)),
        ("pmd; snct; snct", DuplicateParameter(SNCT)),
        ("pmd; cnct; snct; cnct", DuplicateParameter(CNCT)),
        ("pmd; smwb=9; smwb=9", DuplicateParameter(SMWB)),
        ("pmd; cmwb=9; smwb=9; cmwb=10", DuplicateParameter(CMWB)),
        ("pmd; foo", UnknownParameter("foo".to_owned())),
        ("pmd; snct; Client_Max_Window_Bits=9", UnknownParameter("Client_Max_Window_Bits".to_owned())),
        ("pmd, pmd", Repeated),
        ("pmd; smwb=9, pmd", Repeated),
    ] {
        for deflate in [Deflate::default(), keeping(Window::KiB32, Window::KiB32)] {
            let error = client_verdict(deflate, answer).expect_err(answer);
            assert_eq!(error, HandshakeError::InvalidDeflate(reason.clone()), "{answer}");
            assert_eq!((error.status(), error.to_string()), (StatusCode::BAD_GATEWAY, reason.to_string()));
        }
    }
}

#[test]
fn d2_a_client_fails_for_any_other_extension() {
    for answer in ["pmd, foo", "foo, pmd", "foo", "Permessage-Deflate", "permessage-deflat", "x-webkit-deflate-frame"] {
        let error = client_verdict(Deflate::default(), answer).expect_err(answer);
        assert_eq!(error, HandshakeError::ExtensionNotOffered, "{answer}");
    }
    for answer in ["pmd;", "pmd; smwb=", "pmd pmd", ","] {
        let error = client_verdict(Deflate::default(), answer).expect_err(answer);
        assert_eq!(error, HandshakeError::InvalidExtensions, "{answer}");
    }
    let (client, request) = asking(config(Deflate::default()), &[]);
    let line = full("pmd");
    let lines = [("Sec-WebSocket-Extensions", line.as_str()), ("+Sec-WebSocket-Extensions", &line)];
    let twice = HandshakeError::DuplicateHeader(SEC_WEBSOCKET_EXTENSIONS);
    assert_eq!(failure(client, &accepted_head(&request, &lines)), twice);
}

#[test]
fn d2_a_client_that_offers_nothing_takes_nothing() {
    assert_eq!(verdict("", "pmd"), Err(HandshakeError::ExtensionNotOffered));
    assert_eq!(verdict("foo", "pmd"), Err(HandshakeError::ExtensionNotOffered));
    assert_eq!(verdict("", ""), Ok(None));
    let connect = Connect::new("ws://server.example.com/chat").expect("a valid URI").without_deflate();
    let mut client = Connection::client(&connect, Arc::new(config(Deflate::default())), Instant::now());
    let request = drain(&mut client);
    let response = accepted_head(&request, &[("Sec-WebSocket-Extensions", &full("pmd"))]);
    assert_eq!(failure(client, &response), HandshakeError::ExtensionNotOffered);
}

#[test]
fn d8_a_window_of_the_client_that_was_not_offered_fails() {
    for answer in ["pmd; cmwb=12", "pmd; cmwb=15", "pmd; cmwb=8; cnct"] {
        assert_eq!(why("pmd", answer), InvalidDeflate::ClientWindowNotOffered, "{answer}");
        assert_eq!(why("pmd; smwb=10; snct, pmd", answer), InvalidDeflate::ClientWindowNotOffered, "{answer}");
        assert!(verdict("pmd, pmd; cmwb", answer).is_ok(), "the second offer has it: {answer}");
    }
}

#[test]
fn d7_d9_an_answer_must_grant_what_was_asked_for() {
    use InvalidDeflate::{ServerTakesOver, ServerWindowTooLarge};
    for (offer, answer, reason) in [
        ("pmd; snct", "pmd", ServerTakesOver),
        ("pmd; snct; cmwb", "pmd; cnct; cmwb=9", ServerTakesOver),
        ("pmd; smwb=10", "pmd", ServerWindowTooLarge),
        ("pmd; smwb=10", "pmd; smwb=11", ServerWindowTooLarge),
        ("pmd; smwb=8", "pmd; smwb=15", ServerWindowTooLarge),
        ("pmd; smwb=15", "pmd; snct", ServerWindowTooLarge),
        ("pmd; smwb=10, pmd; snct", "pmd; smwb=11", ServerTakesOver),
    ] {
        assert_eq!(why(offer, answer), reason, "{offer} -> {answer}");
    }
    for (offer, answer, server) in [
        ("pmd; snct", "pmd; snct", (15, false)),
        ("pmd; smwb=10", "pmd; smwb=10", (10, true)),
        ("pmd; smwb=10", "pmd; smwb=9; snct", (9, false)),
        ("pmd; smwb=10, pmd", "pmd", (15, true)),
        ("pmd; smwb=10, pmd", "pmd; smwb=11", (11, true)),
        ("pmd; smwb=10, pmd; snct", "pmd; snct", (15, false)),
    ] {
        let agreed = verdict(offer, answer).expect(answer).expect(answer);
        assert_eq!(terms(agreed)[1], server, "{offer} -> {answer}");
    }
}

#[test]
fn d3_d7_d9_a_client_of_limited_memory_takes_only_what_fits_it() {
    let limited = keeping(Window::KiB4, Window::KiB4);
    for answer in ["pmd; smwb=12", "pmd; smwb=8", "pmd; snct", "pmd; snct; smwb=15", "pmd; smwb=11; cmwb=9"] {
        let agreed = client_verdict(limited, answer).expect(answer).expect(answer);
        assert!(agreed.history(Role::Server) <= Window::KiB4, "{answer}: {agreed:?}");
    }
    for answer in ["pmd", "pmd; smwb=13", "pmd; cnct", "pmd; cmwb=9"] {
        let error = client_verdict(limited, answer).expect_err(answer);
        assert_eq!(error, HandshakeError::InvalidDeflate(InvalidDeflate::ServerTakesOver), "{answer}");
    }
}

/// Section 7.1.1.2: the parameter of a client is a hint, and binds it if it is in the response. Whatever was agreed on,
/// a client sends as it has chosen, see `src/deflate.rs`.
#[test]
fn d6_d10_the_hints_of_a_client_bind_no_server() {
    for (offer, answer, client) in [
        ("pmd; cnct", "pmd", (15, true)),
        ("pmd; cnct", "pmd; cnct", (15, false)),
        ("pmd; cmwb=10", "pmd", (15, true)),
        ("pmd; cmwb=10", "pmd; cmwb=9", (9, true)),
        ("pmd; cmwb=10", "pmd; cmwb=12", (12, true)),
        (OFFER, "pmd; cnct; cmwb=12", (12, false)),
    ] {
        let agreed = verdict(offer, answer).expect(answer).expect(answer);
        assert_eq!(terms(agreed)[0], client, "{offer} -> {answer}");
    }
}
