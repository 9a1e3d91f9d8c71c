//! Peers that break the protocol.

use crate::support::{
    Raw,
    loopback::{RawClient, Served, Witness, beside_an_echo},
    request_head,
};
use statesocket::Config;

fn assert_closes(served: &Served, bytes: &[u8], code: u16) {
    let mut client = served.open();
    client.write(bytes);
    client.assert_closed(code);
}

#[test]
fn garbage_instead_of_frames_touches_no_other_connection() {
    beside_an_echo(|served| {
        let garbage: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u8 | 0x70).collect();
        assert_closes(served, &garbage, 1002);
    });
}

#[test]
fn a_protocol_violation_touches_no_other_connection() {
    beside_an_echo(|served| {
        assert_closes(served, &Raw::new(Raw::TEXT, "unmasked").bytes(), 1002);
        assert_closes(served, &Raw::new(Raw::TEXT, b"\xFF").masked().bytes(), 1007);
        assert_closes(served, &Raw::new(Raw::CONTINUATION, "").masked().bytes(), 1002);
        assert_closes(served, &Raw::close(1005, "").masked().bytes(), 1002);
    });
}

#[test]
fn a_client_that_talks_before_its_answer_touches_no_other_connection() {
    let (served, _calls) = Served::witnessed(Config::default(), |session, request| match request.raw_query() {
        Some("wait") => {}
        _ => Witness::accept(session, request),
    });
    let mut neighbour = served.open();
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws?wait", &[]));
    neighbour.echo("before");
    let frame = Raw::new(Raw::BINARY, vec![7; 60_000]).masked().bytes();
    client.write(&frame);
    neighbour.echo("between");
    client.write(&frame);
    let answer = client.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    neighbour.echo("after");
}
