//! Peers that do not read.

use crate::support::{
    Raw,
    loopback::{Call, Calls, PATIENCE, RawClient, Served, Witness},
};
use statesocket::{
    Cause, Config,
    server::{Session, SessionId},
};
use std::{
    io::{ErrorKind, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

const PAYLOAD: usize = 32 << 10;

/// A frame with its number in every group of four bytes.
fn frame(n: u32) -> Raw {
    Raw::new(Raw::BINARY, n.to_be_bytes().repeat(PAYLOAD / 4))
}

/// Writes frames until the socket takes no more for a while. Returns how many were begun, and the rest of the last one.
fn write_until_blocked(stream: &mut TcpStream) -> (u32, Vec<u8>) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket has timeouts");
    for n in 0..100_000 {
        let bytes = frame(n).masked().bytes();
        let mut written = 0;
        while written < bytes.len() {
            match stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    stream.set_write_timeout(Some(PATIENCE)).expect("a socket has timeouts");
                    return (n + 1, bytes[written..].to_vec());
                }
                Err(error) => panic!("after {n} frames: {error}"),
            }
        }
    }
    panic!("the server took 3 GB that it cannot echo");
}

/// Room for what is read before reading stops, and far less than the sender would like to send.
fn config() -> Config {
    let mut config = Config::default();
    config.max_output_bytes = 1 << 20;
    config
}

#[test]
fn a_sender_that_does_not_read_is_held_up_and_loses_nothing() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let mut client = served.open();
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    let (count, rest) = write_until_blocked(&mut writer);

    served.open().echo("others go on");
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
    let client = served.open();
    let mut writer = client.stream().try_clone().expect("a socket can be shared");
    write_until_blocked(&mut writer);
    drop((client, writer));
    let end = calls.end_after_all();
    assert_eq!(u16::from(end.disconnect.code), 1006);
    drop(served);
    calls.assert_no_more();
}

#[test]
fn a_close_is_read_behind_output_that_cannot_be_written() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let handle = served.handle.blocking();
    handle.send_binary(id, vec![7; 48 << 20]).expect("the server is running");
    let (sender, queued) = mpsc::channel();
    let tell = move |session: &mut Session<'_>| sender.send(session.output().len()).expect("the test is waiting");
    handle.with_session(id, tell).expect("the server is running");
    let queued = queued.recv_timeout(PATIENCE).expect("the connection exists");
    assert!(queued > 1 << 20, "the peer does not read: {queued} bytes are queued");

    client.send(Raw::close(4001, "enough"));
    // Since it has unread bytes, its end is a reset.
    drop(client);
    let end = calls.end().disconnect;
    assert_eq!((u16::from(end.code), end.reason.as_str(), end.cause), (4001, "enough", Cause::PeerClosed));
}

/// Sends a frame to a peer that does not read, if none is queued. Returns whether it did.
fn send_if_none_waits(served: &Served, id: SessionId, n: u32) -> bool {
    let (sender, is_sent) = mpsc::channel();
    let send = move |session: &mut Session<'_>| {
        let has_room = session.output().is_empty();
        if has_room {
            session.send_binary(&frame(n).payload).expect("the connection is open");
        }
        sender.send(has_room).expect("the test is waiting");
    };
    served.handle.with_session(id, send).expect("the server is running");
    is_sent.recv_timeout(PATIENCE).expect("the connection exists")
}

/// Sends frames to `client`, which does not read, until the last one stays queued in part. Returns how many were sent.
fn send_until_blocked(served: &Served, calls: &Calls, id: SessionId, client: &mut RawClient) -> u32 {
    let mut count = 0;
    let mut refusals = 0;
    while refusals < 10 {
        assert!(count < 100_000, "3 GB went to a client that does not read");
        if send_if_none_waits(served, id, count) {
            count += 1;
            refusals = 0;
        } else {
            refusals += 1;
            // With what a client sends, its system also reports room.
            client.send(Raw::new(Raw::PONG, ""));
            assert!(matches!(calls.next(), Call::Pong(_)));
        }
    }
    count
}

#[test]
fn a_client_that_has_ended_its_stream_gets_the_queued_output() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let count = send_until_blocked(&served, &calls, id, &mut client);
    client.send(Raw::close(1000, ""));
    client.stream().shutdown(Shutdown::Write).expect("the stream is up");
    assert!(calls.end().disconnect.is_clean);
    // When this connection has been served, the end of the other stream has been noticed.
    served.open().echo("Hello");
    for n in 0..count {
        assert!(client.frame() == frame(n), "frame {n} of {count} came changed");
    }
    assert_eq!(client.frame(), Raw::close(1000, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn a_message_that_does_not_fit_the_output_is_not_queued() {
    let (served, calls) = Served::witnessed(config(), |session, request| {
        Witness::accept(session, request);
        let error =
            (0..10_000).find_map(|n| session.send_binary(&frame(n).payload).err()).expect("the output has a limit");
        assert!(matches!(error, statesocket::SendError::OutputFull { .. }), "{error}");
        session.close(4000, "enough").expect("a Close always has room");
    });
    let mut client = served.open();
    let count = (1 << 20) / (PAYLOAD as u32 + 10);
    for n in 0..count {
        assert!(client.frame() == frame(n), "frame {n} of {count} came back changed");
    }
    assert_eq!(client.frame(), Raw::close(4000, "enough"));
    calls.request();
}
