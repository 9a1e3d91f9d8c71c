//! Peers that do not read.

use super::ask;
use crate::support::{
    Call, Calls, Raw, Witness,
    memory::{RawClient, Served},
};
use statesocket::{Cause, Config};

const PAYLOAD: usize = 8 << 10;

/// The bytes of so many frames are more than the output and both pipes hold.
const COUNT: u32 = 100;

/// A frame with its number in every group of four bytes.
fn frame(n: u32) -> Raw {
    Raw::new(Raw::BINARY, n.to_be_bytes().repeat(PAYLOAD / 4))
}

/// Room for what is read before reading stops, and far less than the sender would like to send.
fn config() -> Config {
    Config::default().with(|config| config.max_output_bytes = 256 << 10)
}

/// A client that has sent all frames as far as the server takes them, and reads nothing.
fn sender(served: &Served, calls: &Calls) -> RawClient {
    let mut client = served.open();
    calls.request();
    client.write(&(0..COUNT).flat_map(|n| frame(n).masked().bytes()).collect::<Vec<_>>());
    served.settle();
    client
}

#[test]
fn a_sender_that_does_not_read_is_held_up_and_loses_nothing() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let mut client = sender(&served, &calls);
    served.open().echo("others go on");
    let mut read = 0;
    while !matches!(calls.next(), Call::Request(..)) {
        read += 1;
    }
    assert!((10..COUNT - 10).contains(&read), "{read} of {COUNT} frames were read");
    for n in 0..COUNT {
        assert!(client.frame() == frame(n), "frame {n} of {COUNT} came back changed");
    }
    client.echo("as before");
}

#[test]
fn a_sender_that_does_not_read_may_vanish() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    drop(sender(&served, &calls));
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
    served.handle.send_binary(id, vec![7; 2 << 20]).expect("the server is running");
    let queued = ask(&served, id, |session| session.output().len());
    assert!(queued > 1 << 20, "the peer does not read: {queued} bytes are queued");

    client.send(Raw::close(4001, "enough"));
    // Since it has unread bytes, its end is a reset.
    drop(client);
    let end = calls.end().disconnect;
    assert_eq!((u16::from(end.code), end.reason.as_str(), end.cause), (4001, "enough", Cause::PeerClosed));
}

#[test]
fn a_client_that_has_ended_its_stream_gets_the_queued_output() {
    let (served, calls) = Served::witnessed(config(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    // Until the last one stays queued in part.
    let count = (0..COUNT).find(|n| {
        let bytes = frame(*n).payload;
        ask(&served, id, move |session| {
            let has_room = session.output().is_empty();
            if has_room {
                session.send_binary(&bytes).expect("the connection is open");
            }
            !has_room
        })
    });
    let count = count.expect("the pipe is full at some time");
    client.send(Raw::close(1000, ""));
    client.stream_mut().shut_down_writing();
    assert!(calls.end().disconnect.is_clean);
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
    let count = (256 << 10) / (PAYLOAD as u32 + 10);
    for n in 0..count {
        assert!(client.frame() == frame(n), "frame {n} of {count} came back changed");
    }
    assert_eq!(client.frame(), Raw::close(4000, "enough"));
    calls.request();
}
