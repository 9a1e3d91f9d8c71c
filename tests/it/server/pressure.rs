//! A peer that does not read is not read.

use crate::support::{
    Raw,
    loopback::{PATIENCE, RawClient, Served, Witness},
};
use statesocket::Config;
use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

const PAYLOAD: usize = 32 << 10;

/// A frame that tells which it is in every byte group.
fn frame(n: u32) -> Raw {
    Raw::new(Raw::BINARY, n.to_be_bytes().repeat(PAYLOAD / 4))
}

/// Writes frames until the socket takes no more for a while. Returns how many were begun, and what of the last is left.
fn write_until_blocked(stream: &mut TcpStream) -> (u32, Vec<u8>) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket has time-outs");
    for n in 0..100_000 {
        let bytes = frame(n).masked().bytes();
        let mut written = 0;
        while written < bytes.len() {
            match stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    stream.set_write_timeout(Some(PATIENCE)).expect("a socket has time-outs");
                    return (n + 1, bytes[written..].to_vec());
                }
                Err(error) => panic!("after {n} frames: {error}"),
            }
        }
    }
    panic!("3 GB went to a server that cannot get rid of them");
}

/// Room for what is read before reading stops, and far less than what the sender would like to send.
fn config() -> Config {
    let mut config = Config::default();
    config.max_output_bytes = 1 << 20;
    config
}

#[test]
fn a_sender_that_does_not_read_is_held_up_and_loses_nothing() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let mut client = RawClient::open(served.address, "/ws");
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    let (count, rest) = write_until_blocked(&mut writer);

    RawClient::open(served.address, "/ws").echo("others go on");
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&rest).expect("the server reads again"));
        for n in 0..count {
            assert!(client.frame() == frame(n), "frame {n} of {count} came back changed");
        }
    });
    client.echo("as before");
    drop(calls);
}

#[test]
fn a_sender_that_does_not_read_may_vanish() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let client = RawClient::open(served.address, "/ws");
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    write_until_blocked(&mut writer);
    drop((client, writer));
    let end = calls.end_after_all();
    assert_eq!(u16::from(end.disconnect.code), 1006);
    drop(served);
    calls.assert_no_more();
}

#[test]
fn what_does_not_fit_the_output_of_a_peer_that_does_not_read_is_not_queued() {
    let (served, calls) = Served::witnessed(config(), |peer, request| {
        Witness::accept(peer, request);
        let error =
            (0..10_000).find_map(|n| peer.send_binary(&frame(n).payload).err()).expect("the output has a limit");
        assert!(matches!(error, statesocket::SendError::OutputFull { .. }), "{error}");
        peer.close(4000, "enough").expect("a Close fits");
    });
    let mut client = RawClient::open(served.address, "/ws");
    let count = (1 << 20) / (PAYLOAD as u32 + 10);
    for n in 0..count {
        assert!(client.frame() == frame(n), "frame {n} of {count} came back changed");
    }
    assert_eq!(client.frame(), Raw::close(4000, "enough"));
    calls.request();
}
