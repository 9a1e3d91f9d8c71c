//! The tally of all connections.

use crate::support::{
    Raw, accepted_head,
    loopback::LONG,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    CauseKind, Config,
    handshake::Request,
    http::StatusCode,
    server::{Handler, Session, Tally},
};
use std::time::Duration;

const OPENING: Duration = Duration::from_secs(5);

/// Does what the query says.
struct Obedient;

impl Handler for Obedient {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("reject") => {
                session.reject(StatusCode::FORBIDDEN).expect("a request is pending");
                return;
            }
            Some("wait") => return,
            Some("panic") => panic!("as the test wants it"),
            _ => session.accept(Default::default()).expect("a request is pending"),
        }
        match request.raw_query() {
            Some("close") => session.close(1000, "").expect("the connection is open"),
            Some("abort") => session.abort(),
            _ => {}
        }
    }
}

fn serve() -> Served {
    let config = Config::default().with(|config| config.opening_timeout = Some(OPENING));
    Served::start(config, |server| server.route("/ws", || Obedient).expect("the route is new"))
}

/// A client sends `bytes`, and its connection ends within a time. Then the client ends it too.
#[track_caller]
fn ends_within(served: &Served, time: Duration, bytes: &[u8]) {
    let ended = served.tally().total_ended();
    let mut client = RawClient::dial(served);
    client.write(bytes);
    served.advance(time);
    assert_eq!(served.tally().total_ended(), ended + 1);
    let _ = client.rest();
    drop(client);
    served.settle();
    assert_eq!(served.connections(), 0);
}

fn open_then(target: &str, frames: &[Raw]) -> Vec<u8> {
    let frames = frames.iter().flat_map(|frame| frame.clone().masked().bytes());
    request_head(target, &[]).into_iter().chain(frames).collect()
}

/// The kinds of ends that have occurred, with their numbers.
fn ended(tally: &Tally) -> Vec<(CauseKind, u64)> {
    let all = CauseKind::ALL.map(|kind| (kind, tally.ended(kind)));
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn the_tally_adds_up_by_cause() {
    let served = serve();
    let ends_after = |bytes: &[u8]| ends_within(&served, Duration::ZERO, bytes);
    for _ in 0..3 {
        ends_after(&open_then("/ws", &[Raw::close(1000, "")]));
    }
    for _ in 0..2 {
        ends_after(&open_then("/ws?close", &[Raw::close(1000, "")]));
    }
    ends_after(&open_then("/ws?reject", &[]));
    ends_after(&open_then("/nowhere", &[]));
    ends_after(&open_then("/ws?panic", &[]));
    ends_after(b"nonsense\r\n\r\n");
    ends_after(&open_then("/ws", &[Raw::new(0xB, "")]));
    ends_after(&open_then("/ws", &[Raw::new(Raw::TEXT, b"\xFF")]));
    ends_after(&open_then("/ws?abort", &[]));
    // These two time out, since they send no more.
    ends_within(&served, OPENING, b"GET");
    ends_within(&served, OPENING, b"");
    drop(RawClient::dial(&served));
    served.settle();

    let expected = [
        (CauseKind::PeerClosed, 3),
        (CauseKind::LocalClosed, 2),
        (CauseKind::Rejected, 3),
        (CauseKind::Handshake, 1),
        (CauseKind::Protocol, 2),
        (CauseKind::TransportLost, 1),
        (CauseKind::TimedOut, 2),
        (CauseKind::Aborted, 1),
    ];
    let tally = served.tally();
    assert_eq!(ended(&tally), expected);
    assert_eq!((tally.accepted, tally.dropped, tally.clean), (15, 0, 5));
    assert_eq!(
        tally.to_string(),
        "15 accepted, 15 ended, 5 clean, 3 peer closed, 2 closed locally, 3 rejected, 1 handshake failed, \
         2 protocol violation, 1 transport lost, 2 timed out, 1 aborted"
    );
}

#[test]
fn the_tally_counts_present_connections_as_accepted() {
    let served = serve();
    assert_eq!(served.tally(), Default::default());
    assert_eq!(served.tally().to_string(), "0 accepted, 0 ended, 0 clean");
    let _client = served.open();
    assert_eq!((served.tally().accepted, served.tally().total_ended()), (1, 0));
}

#[test]
fn the_tally_adds_up_after_a_stop() {
    for is_graceful in [true, false] {
        let served = serve();
        let mut open = served.open();
        let [mut waiting, silent] = [(); 2].map(|()| RawClient::dial(&served));
        waiting.write(&request_head("/ws?wait", &[]));
        served.settle();
        if is_graceful {
            served.handle.shutdown(1001, LONG).expect("the server is running");
            assert_eq!(open.frame(), Raw::close(1001, ""));
            open.send(Raw::close(1001, ""));
        } else {
            served.handle.stop().expect("the server is running");
        }
        drop((waiting, open));
        served.settle();
        assert!(served.server().is_stopped());
        drop(silent);
        let tally = served.tally();
        let expected = if is_graceful {
            &[(CauseKind::LocalClosed, 1), (CauseKind::Rejected, 1), (CauseKind::Aborted, 1)][..]
        } else {
            &[(CauseKind::Aborted, 3)]
        };
        assert_eq!(ended(&tally), expected);
        assert_eq!((tally.accepted, tally.clean), (3, u64::from(is_graceful)));
    }
}

#[test]
fn a_connection_that_came_before_the_answer_was_read_counts() {
    let served = serve();
    let mut client = RawClient::dial(&served);
    client.write(&request_head("/ws", &[]));
    assert_eq!(client.head().as_bytes(), accepted_head(&request_head("/ws", &[]), &[]));
    drop(client);
    served.settle();
    assert_eq!(served.connections(), 0);
    assert_eq!(served.tally().ended(CauseKind::TransportLost), 1);
}
