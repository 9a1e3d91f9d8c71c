//! Bytes that wait in the layer of TLS: they count for deadlines and for the memory of all sessions.

use super::{encrypted, open, open_with, serve};
use crate::support::{
    Call, Raw,
    tls::{VERSIONS, trust},
};
use statesocket::{Cause, CauseKind, Config, Timer, server::Limits, testing::ClientOptions};
use std::{io::Write, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn small_pipe() -> ClientOptions {
    ClientOptions::default().with(|options| options.pipe_bytes = 100)
}

#[test]
fn encrypted_bytes_that_are_not_taken_meet_the_write_timeout() {
    let write_timeout = 30 * SECOND;
    let config = || {
        Config::default().with(|config| {
            (config.write_timeout, config.drain_timeout) = (Some(write_timeout), None);
            (config.ping_interval, config.pong_timeout) = (None, None);
        })
    };
    let (served, calls) = serve(config());
    let mut client = open_with(&served, &small_pipe(), &trust("localhost", &VERSIONS));
    calls.request();
    // All of it is one record, which is encrypted at once.
    client.send(Raw::new(Raw::BINARY, vec![7; 8_000]));
    calls.next();
    // A byte in time postpones the deadline, though the record is not complete.
    for _ in 0..3 {
        served.advance(write_timeout - SECOND);
        assert_eq!(client.stream_mut().sock.receive_raw().len(), 100);
        served.settle();
    }
    served.advance(write_timeout - SECOND);
    assert_eq!(served.connections(), 1);
    served.advance(SECOND);
    assert_eq!(served.connections(), 0);
    let end = calls.end().disconnect;
    assert_eq!((end.cause, end.is_clean), (Cause::TimedOut(Timer::Write), false));
}

#[test]
fn k9_a_close_unread_below_tls_has_the_code_when_output_times_out() {
    for version in VERSIONS {
        let config = Config::default().with(|config| {
            (config.high_water, config.low_water) = (Some(1_000), 500);
            (config.ping_interval, config.pong_timeout) = (None, None);
        });
        let (served, calls) = serve(config);
        let mut client = open_with(&served, &small_pipe(), &trust("localhost", &[version]));
        calls.request();
        client.send(Raw::new(Raw::BINARY, vec![7; 8_000]));
        calls.next();
        let text = Raw::new(Raw::TEXT, "unread").masked().bytes();
        let close = Raw::new(Raw::CLOSE, 4001_u16.to_be_bytes()).masked().bytes();
        let records = encrypted(&mut client, &[text, close].concat());
        client.stream_mut().sock.write_all(&records).expect("the pipe has room");
        served.settle();
        assert_eq!(served.connections(), 1, "{version:?}: over the mark nothing is read");
        served.advance(60 * SECOND);
        // The handler cannot echo it, and closes.
        assert!(matches!(calls.next(), Call::Message(text) if text.as_text() == Some("unread")), "{version:?}");
        let end = calls.end().disconnect;
        assert_eq!((u16::from(end.code), end.cause, end.is_clean), (4001, Cause::PeerClosed, false), "{version:?}");
    }
}

#[test]
fn a_close_that_has_not_left_is_no_clean_end() {
    let (served, calls) = serve(Config::default());
    let mut client = open_with(&served, &small_pipe(), &trust("localhost", &VERSIONS));
    calls.request();
    client.send(Raw::new(Raw::BINARY, vec![7; 200]));
    client.send(Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes()));
    calls.next();
    assert_eq!(calls.end().disconnect.cause, Cause::PeerClosed);
    served.advance(600 * SECOND);
    assert_eq!((served.connections(), served.tally().clean), (0, 0));
    drop(client);
}

#[test]
fn the_bytes_of_a_record_are_a_sign_of_life() {
    let config = Config::default();
    let (interval, pong) = (config.ping_interval.expect("it is on"), config.pong_timeout.expect("it is on"));
    let (served, _calls) = serve(config.with(|config| config.message_timeout = None));
    let mut client = open(&served);
    let record = encrypted(&mut client, &Raw::new(Raw::TEXT, "Hello").masked().bytes());
    for byte in &record {
        served.advance(pong - SECOND);
        client.stream_mut().sock.write_all(&[*byte]).expect("the server reads");
        served.settle();
        assert_eq!(served.connections(), 1);
    }
    loop {
        let frame = client.frame();
        if frame == Raw::new(Raw::TEXT, "Hello") {
            break;
        }
        assert_eq!(frame.first, 0x80 | Raw::PING);
    }
    // And then silence.
    served.advance(interval + pong + Config::default().linger_timeout.expect("it is on"));
    assert_eq!(served.connections(), 0);
    assert_eq!(served.tally().ended(CauseKind::TimedOut), 1);
}

#[test]
fn half_a_record_meets_the_message_timeout_and_new_keys_do_not() {
    let message_timeout = Config::default().message_timeout.expect("it is on");
    for is_half in [true, false] {
        let config = Config::default().with(|config| (config.ping_interval, config.pong_timeout) = (None, None));
        let (served, calls) = serve(config);
        let mut client = open(&served);
        calls.request();
        let record = if is_half {
            encrypted(&mut client, &Raw::new(Raw::TEXT, "Hello").masked().bytes())
        } else {
            client.stream_mut().conn.refresh_traffic_keys().expect("TLS 1.3");
            encrypted(&mut client, b"")
        };
        let (first, rest) = record.split_at(record.len() / 2);
        client.stream_mut().sock.write_all(first).expect("the server reads");
        if !is_half {
            served.advance(message_timeout - SECOND);
            client.stream_mut().sock.write_all(rest).expect("the server reads");
        }
        served.advance(message_timeout - SECOND);
        assert_eq!(served.connections(), 1);
        served.advance(SECOND);
        if is_half {
            assert_eq!(calls.end().disconnect.cause, Cause::TimedOut(Timer::Message));
            client.assert_closed(1008);
        } else {
            client.echo("new keys");
        }
    }
}

#[test]
fn parts_of_records_count_for_the_memory_of_all() {
    let (served, calls) = serve(Config::default());
    served.server().set_limits(Limits::default().with(|limits| limits.max_buffered_bytes = 100 << 10));
    let mut clients: Vec<_> = (0..8).map(|_| open(&served)).collect();
    for client in &mut clients {
        let record = encrypted(client, &Raw::new(Raw::BINARY, vec![7; 16_000]).masked().bytes());
        client.stream_mut().sock.write_all(&record[..record.len() - 1]).expect("the server reads");
        served.settle();
    }
    let ended = served.tally().ended(CauseKind::Overloaded);
    assert!((2..=4).contains(&ended), "{ended}");
    drop((clients, calls));
}

#[test]
fn a_pong_that_is_encrypted_is_not_replaced() {
    for version in VERSIONS {
        let (served, calls) = serve(Config::default());
        let mut client = open_with(&served, &small_pipe(), &trust("localhost", &[version]));
        calls.request();
        // The Pongs of one turn leave in one record, which the pipe cuts.
        let pings = |numbers: std::ops::Range<u8>| -> Vec<u8> {
            numbers.flat_map(|n| Raw::new(Raw::PING, vec![n; 1 + usize::from(n % 7)]).masked().bytes()).collect()
        };
        for numbers in [0..16, 16..17, 17..30, 30..31, 31..60] {
            client.write(&pings(numbers));
            served.settle();
        }
        let mut last = None;
        while last != Some(59) {
            let pong = client.frame();
            let number = pong.payload[0];
            assert_eq!(pong, Raw::new(Raw::PONG, vec![number; 1 + usize::from(number % 7)]));
            assert!(last < Some(number), "{last:?}, {number}");
            last = Some(number);
        }
        client.echo("and nothing is lost");
    }
}

#[test]
fn a_slow_reader_gets_everything() {
    for pipe_bytes in [100, 10_000] {
        let (served, _calls) = serve(Config::default());
        let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe_bytes);
        let mut client = open_with(&served, &options, &trust("localhost", &VERSIONS));
        let message = Raw::new(Raw::BINARY, (0..200_000).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        client.send(message.clone());
        client.send(Raw::new(Raw::PING, "behind it"));
        assert!(client.frame() == message);
        assert_eq!(client.frame(), Raw::new(Raw::PONG, "behind it"));
    }
}
