//! The last bytes of a server reach a client that goes on sending. The system would reset the connection if the server
//! closed its socket with bytes unread.

use crate::support::{
    Raw,
    loopback::{RawClient, Served},
    request_head,
};
use statesocket::{Config, handshake::Response, http::StatusCode};

#[test]
fn the_last_bytes_arrive_while_the_client_goes_on_sending() {
    let served = Served::echo(Config::default());
    let mut client = served.open();
    let unmasked = Raw::new(Raw::BINARY, vec![7; 1 << 20]).bytes();
    client.write(&unmasked);
    let close = client.frame();
    assert_eq!(&close.payload[..2], 1002_u16.to_be_bytes());
    client.write(&unmasked);
    assert_eq!(client.rest().expect("no reset"), b"");
    client.write(&unmasked);
}

#[test]
fn a_rejection_arrives_while_the_client_goes_on_sending() {
    let body = "no\n".repeat(100_000);
    let refusal = Response::new(StatusCode::FORBIDDEN).body(body.clone());
    let (served, _calls) = Served::witnessed(Config::default(), move |session, _| {
        session.reject(refusal.clone()).expect("a request is pending");
    });
    let mut client = RawClient::dial(served.address);
    client.write(&[&request_head("/ws", &[])[..], &[0; 100_000]].concat());
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    client.write(&[0; 100_000]);
    assert_eq!(client.rest_as_text(), body);
}
