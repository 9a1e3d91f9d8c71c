//! Peers that disappear without a Close, at every point of a connection's life.

use crate::support::{
    Raw,
    loopback::{RawClient, Served, Witness, beside_an_echo, transitions},
    request_head,
};
use statesocket::{Action, Cause, CauseKind, Config, Party, Phase};

#[test]
fn a_client_that_vanishes_before_its_request_needs_no_handler() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    drop(RawClient::dial(served.address));
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[])[..40]);
    drop(client);
    // When this one has been served, those before it have been too.
    served.open().echo("Hello");
    calls.request();
    drop(served);
    calls.end_after_all();
    calls.assert_no_more();
}

#[test]
fn a_client_may_vanish_while_it_waits_for_the_answer() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::leave_waiting);
    let mut client = RawClient::dial(served.address);
    client.write(&request_head("/ws", &[]));
    let (id, _) = calls.request();
    drop(client);
    let end = calls.end();
    assert_eq!((u16::from(end.disconnect.code), end.disconnect.cause), (1006, Cause::TransportLost(None)));
    assert_eq!(transitions(&end.history), [(Party::Client, Action::Open), (Party::Client, Action::Abort)]);
    served.handle.with_session(id, |_| panic!("the connection is gone")).expect("the server is running");
    drop(served);
    calls.assert_no_more();
}

/// A name, what a client does before it vanishes, and the end that the handler sees.
type Vanishing = (&'static str, fn(RawClient), u16, CauseKind);

const VANISHING: [Vanishing; 8] = [
    ("open", drop, 1006, CauseKind::TransportLost),
    ("open, by a reset", |client| client.reset_after(b""), 1006, CauseKind::TransportLost),
    (
        "in a header",
        |mut client| client.write(&Raw::new(Raw::TEXT, [0; 200]).masked().bytes()[..3]),
        1006,
        CauseKind::TransportLost,
    ),
    (
        "in a payload",
        |mut client| client.write(&Raw::new(Raw::TEXT, "Hello").masked().bytes()[..9]),
        1006,
        CauseKind::TransportLost,
    ),
    (
        "in a payload, by a reset",
        |client| client.reset_after(&Raw::new(Raw::TEXT, "Hello").masked().bytes()[..9]),
        1006,
        CauseKind::TransportLost,
    ),
    (
        "between fragments",
        |mut client| client.send(Raw::new(Raw::TEXT, "Hello").more()),
        1006,
        CauseKind::TransportLost,
    ),
    (
        "after its Close, by a reset",
        |client| client.reset_after(&Raw::close(1001, "off").masked().bytes()),
        1001,
        CauseKind::PeerClosed,
    ),
    ("after its Close", |mut client| client.send(Raw::close(1001, "off")), 1001, CauseKind::PeerClosed),
];

#[test]
fn a_client_may_vanish_while_open() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    for (case, vanish, code, cause) in VANISHING {
        let client = served.open();
        calls.request();
        vanish(client);
        let end = calls.end_after_all();
        assert_eq!((u16::from(end.disconnect.code), end.disconnect.cause.kind()), (code, cause), "{case}");
        assert_eq!(end.phase, Phase::Closed, "{case}");
    }
    drop(served);
    calls.assert_no_more();
}

#[test]
fn a_client_that_vanishes_touches_no_other_connection() {
    beside_an_echo(|served| {
        drop(RawClient::dial(served.address));
        drop(served.open());
        let mut client = served.open();
        client.write(&Raw::new(Raw::BINARY, vec![7; 100_000]).masked().bytes()[..50_000]);
        drop(client);
    });
}
