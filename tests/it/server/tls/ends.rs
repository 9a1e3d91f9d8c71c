//! What a session over TLS carries, and how it ends.

use super::{Act, Client, dial, encrypted, open, open_with, serve};
use crate::support::{
    Call, Raw, request_head,
    tls::{VERSIONS, trust},
};
use statesocket::{
    Cause, CauseKind, Config,
    server::{Limits, WhenFull},
    testing::ClientOptions,
};
use std::{
    io::{Read, Write},
    time::Duration,
};

#[test]
fn se6_a_session_echoes_and_closes_with_both_versions() {
    for version in VERSIONS {
        let (served, calls) = serve(Config::default());
        let mut client = open_with(&served, &ClientOptions::default(), &trust("localhost", &[version]));
        assert_eq!(client.stream().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        for len in [0, 1, 125, 126, 16 << 10, 65_535, 65_536, 300 << 10, 2 << 20] {
            let message = Raw::new(Raw::BINARY, vec![7; len]);
            client.send(message.clone());
            assert!(client.frame() == message, "{version:?}, {len}");
            calls.next();
        }
        client.send(Raw::new(Raw::CLOSE, 4000_u16.to_be_bytes()));
        // The end of a stream without `close_notify` is an error to this client.
        client.assert_closed(4000);
        assert!(matches!(calls.next(), Call::Request(..)) || cfg!(debug_assertions));
        drop(client);
        let tally = served.stop();
        assert_eq!((tally.clean, tally.ended(CauseKind::PeerClosed)), (1, 1), "{version:?}");
    }
}

#[test]
fn a_server_that_stops_closes_and_then_ends_tls() {
    // A pipe of 20 bytes takes `close_notify` in two pieces.
    for pipe_bytes in [ClientOptions::default().pipe_bytes, 20] {
        let (served, _calls) = serve(Config::default());
        let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe_bytes);
        let mut client = open_with(&served, &options, &trust("localhost", &VERSIONS));
        served.handle.shutdown(1001, Duration::from_secs(1)).expect("the server is running");
        let close = client.frame();
        assert_eq!(close, Raw::new(Raw::CLOSE, 1001_u16.to_be_bytes()));
        client.send(close);
        assert_eq!(client.rest().expect("close_notify"), b"", "a pipe of {pipe_bytes} bytes");
    }
}

#[test]
fn plain_http_gets_an_alert_and_no_session() {
    let (served, calls) = serve(Config::default());
    for first in [&request_head("/ws", &[])[..], b"G", b"\x16\x03\x01\x00\x00", b"\x80\x2e\x01\x00\x02"] {
        let mut client = dial(&served, &ClientOptions::default(), &trust("localhost", &VERSIONS));
        let stream = &mut client.stream_mut().sock;
        // A record has a header of 5 bytes.
        stream.write_all(&[first, &[0; 5]].concat()).expect("the server reads");
        let mut alert = Vec::new();
        stream.read_to_end(&mut alert).expect("the server ends the stream");
        assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, _]), "{first:x?}: {alert:?}");
        assert_eq!(served.connections(), 0);
    }
    assert_eq!(served.stop().ended(CauseKind::TransportLost), 4);
    calls.assert_no_more();
}

#[test]
fn a_certificate_that_the_client_does_not_trust_is_an_end() {
    let (served, calls) = serve(Config::default());
    let mut client = dial(&served, &ClientOptions::default(), &trust("renewed", &VERSIONS));
    let error = client.stream_mut().write_all(&request_head("/ws", &[])).expect_err("it is not trusted");
    assert!(error.to_string().contains("certificate"), "{error}");
    let _ = client.stream_mut().flush();
    assert_eq!(served.stop().ended(CauseKind::TransportLost), 1);
    calls.assert_no_more();
}

/// A message, one in two fragments, and a Close, each in a record of its own.
fn conversation() -> [Vec<u8>; 4] {
    let close = Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes());
    [Raw::new(Raw::TEXT, "one"), Raw::new(Raw::TEXT, "tw").more(), Raw::new(Raw::CONTINUATION, "o"), close]
        .map(|frame| frame.masked().bytes())
}

#[test]
fn a_stream_that_is_cut_never_ends_cleanly_unless_a_close_has_come() {
    let leave = |client: &mut Client| client.stream_mut().sock.shut_down_writing();
    let end_tls = |client: &mut Client| {
        client.stream_mut().conn.send_close_notify();
        let records = encrypted(client, b"");
        client.stream_mut().sock.write_all(&records).expect("the server reads");
    };
    let reset = |client: &mut Client| client.stream_mut().sock.reset();
    let ways: [(&str, Act<'_>); 3] = [("leaves", &leave), ("ends TLS", &end_tls), ("resets", &reset)];
    for version in VERSIONS {
        for (name, end) in ways {
            for whole in 0..=4 {
                // So many bytes of the next record.
                for part in [0, 3, 10] {
                    let (served, calls) = serve(Config::default());
                    let mut client = open_with(&served, &ClientOptions::default(), &trust("localhost", &[version]));
                    calls.request();
                    for (n, frame) in conversation().iter().enumerate() {
                        let record = encrypted(&mut client, frame);
                        let cut = if n < whole {
                            record.len()
                        } else if n == whole {
                            part
                        } else {
                            0
                        };
                        client.stream_mut().sock.write_all(&record[..cut]).expect("the server reads");
                    }
                    served.settle();
                    // Behind a part of a record nothing can be encrypted any more.
                    if name == "ends TLS" && whole < 4 {
                        continue;
                    }
                    end(&mut client);
                    let has_closed = whole == 4;
                    let end = calls.end_after_all().disconnect;
                    let shown = format!("{version:?}, {name}, {whole}, {part}: {end}");
                    let expected = if has_closed { CauseKind::PeerClosed } else { CauseKind::TransportLost };
                    assert_eq!(
                        (end.cause.kind(), u16::from(end.code)),
                        (expected, if has_closed { 1000 } else { 1006 }),
                        "{shown}"
                    );
                    drop(client);
                    let tally = served.stop();
                    assert_eq!(tally.clean, u64::from(has_closed), "{shown}");
                }
            }
        }
    }
}

#[test]
fn close_notify_without_a_close_is_an_abnormal_end() {
    let (served, calls) = serve(Config::default());
    let mut client = open(&served);
    calls.request();
    client.stream_mut().conn.send_close_notify();
    let records = [encrypted(&mut client, b""), b"\x17\x03\x03\x00\x05more".to_vec()].concat();
    client.stream_mut().sock.write_all(&records).expect("the server reads");
    let end = calls.end().disconnect;
    assert_eq!((end.cause.kind(), u16::from(end.code)), (CauseKind::TransportLost, 1006));
    assert_eq!(client.rest().expect("close_notify"), b"");
}

#[test]
fn a_bad_record_behind_a_close_does_not_undo_it() {
    let (served, calls) = serve(Config::default());
    let mut client = open(&served);
    calls.request();
    let close = Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes()).masked().bytes();
    let records = [encrypted(&mut client, &close), b"\x17\x03\x03\x00\x14aaaaaaaaaaaaaaaaaaaa".to_vec()].concat();
    client.stream_mut().sock.write_all(&records).expect("the server reads");
    let end = calls.end().disconnect;
    assert_eq!((end.cause, u16::from(end.code)), (Cause::PeerClosed, 1000));
}

#[test]
fn a_full_server_answers_over_tls() {
    let (served, _calls) = serve(Config::default());
    served.server().set_limits(Limits::default().with(|limits| {
        limits.max_connections = 1;
        limits.when_full = WhenFull::Refuse;
    }));
    let _first = open(&served);
    let mut second = dial(&served, &ClientOptions::default(), &trust("localhost", &VERSIONS));
    second.write(&request_head("/ws", &[]));
    let answer = second.rest_as_text();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn handshakes_of_tls_count_as_opening_handshakes() {
    let (served, _calls) = serve(Config::default());
    served.server().set_limits(Limits::default().with(|limits| limits.max_handshakes = 2));
    let config = trust("localhost", &VERSIONS);
    let mut clients: Vec<_> = (0..3).map(|_| dial(&served, &ClientOptions::default(), &config)).collect();
    for client in &mut clients {
        let hello = encrypted(client, b"");
        client.stream_mut().sock.write_all(&hello).expect("the server reads");
        served.settle();
    }
    assert_eq!((served.connections(), served.tally().evicted), (2, 1));
}

#[test]
fn a_crowd_of_handshakes_does_not_stop_the_others() {
    let (served, _calls) = serve(Config::default());
    let config = trust("localhost", &VERSIONS);
    let mut crowd: Vec<_> = (0..100).map(|_| dial(&served, &ClientOptions::default(), &config)).collect();
    for client in &mut crowd {
        let hello = encrypted(client, b"");
        client.stream_mut().sock.write_all(&hello).expect("the server reads");
    }
    let mut has_flight = [0; 3].map(|_| {
        served.server().turn(Some(Duration::ZERO)).expect("a server in memory does not fail");
        crowd.iter_mut().map(|client| usize::from(!client.stream_mut().sock.receive_raw().is_empty())).sum::<usize>()
    });
    has_flight.sort_unstable();
    assert!(has_flight[2] > 0 && has_flight[2] <= 16, "at most 16 per turn: {has_flight:?}");
    for mut client in crowd {
        // What the server has sent is taken already.
        client.stream_mut().sock.reset();
    }
}

#[test]
fn an_end_behind_a_message_of_the_same_read_is_found_at_once() {
    for is_bad in [false, true] {
        let (served, calls) = serve(Config::default());
        let mut client = open(&served);
        calls.request();
        let message = encrypted(&mut client, &Raw::new(Raw::TEXT, "last").masked().bytes());
        let end = if is_bad {
            b"\x17\x03\x03\x00\x14aaaaaaaaaaaaaaaaaaaa".to_vec()
        } else {
            client.stream_mut().conn.send_close_notify();
            encrypted(&mut client, b"")
        };
        let records = [message, end].concat();
        client.stream_mut().sock.write_all(&records).expect("the server reads");
        assert!(matches!(calls.next(), Call::Message(message) if message.as_text() == Some("last")));
        assert_eq!(calls.end().disconnect.cause.kind(), CauseKind::TransportLost);
    }
}
