//! Room for new clients: who makes it, and who does not.

use crate::support::memory::{Echo, Guest};
use statesocket::{
    CauseKind, Config,
    handshake::Request,
    server::{Handler, Limits, Session, WhenFull},
    testing::TestServer,
};
use std::time::Duration;

/// A whole request.
const ALL: usize = usize::MAX;

const LONG: Duration = Duration::from_secs(600);

/// Leaves each request without an answer.
struct Waits;

impl Handler for Waits {
    fn on_request(&mut self, _: &mut Session<'_>, _: &Request) {}
}

fn server(change: impl FnOnce(&mut Limits)) -> TestServer {
    let mut server = TestServer::new(Config::default()).expect("the configuration is right");
    server.route("/ws", || Echo).expect("the route is new");
    server.route("/wait", || Waits).expect("the route is new");
    server.set_limits(Limits::default().with(change));
    server
}

/// A client that has sent `count` bytes of its request, which the server has read.
#[track_caller]
fn come(server: &mut TestServer, target: &str, count: usize) -> Guest {
    let (accepted, mut guest) = (server.tally().accepted, Guest::dial(server, target));
    guest.ask_more(count);
    guest.assert_waits(server);
    assert_eq!(server.tally().accepted, accepted + 1);
    guest
}

/// Completes the request of a client that is not evicted.
#[track_caller]
fn complete(server: &mut TestServer, guest: &mut Guest) {
    guest.ask_more(ALL);
    guest.assert_answered(server, 101);
    guest.echo(server);
}

#[track_caller]
fn assert_adds_up(server: &TestServer, evicted: u64) {
    let tally = server.tally();
    assert_eq!((tally.evicted, tally.ended(CauseKind::Aborted)), (evicted, evicted), "{tally}");
    assert!(tally.total_ended() <= tally.accepted, "{tally}");
}

#[test]
fn a4_the_oldest_silent_client_makes_room_for_a_connection() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let mut server = server(|limits| (limits.max_connections, limits.when_full) = (3, when_full));
        let mut inside = Guest::open(&mut server);
        let [oldest, mut second] = [(); 2].map(|()| come(&mut server, "/ws", 0));
        let mut newcomer = Guest::open(&mut server);
        oldest.assert_ended(&mut server, None);
        complete(&mut server, &mut second);
        for client in [&mut inside, &mut newcomer] {
            client.echo(&mut server);
        }
        assert_adds_up(&server, 1);
    }
}

#[test]
fn a4_the_oldest_silent_client_makes_room_for_a_handshake() {
    let mut server = server(|limits| limits.max_handshakes = 2);
    let [oldest, mut second] = [(); 2].map(|()| come(&mut server, "/ws", 0));
    let mut newcomer = Guest::open(&mut server);
    oldest.assert_ended(&mut server, None);
    complete(&mut server, &mut second);
    newcomer.echo(&mut server);
    assert_adds_up(&server, 1);
}

#[test]
fn a4_an_unfinished_request_makes_room_if_no_client_is_silent() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 3,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (3, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 3,
    ] {
        let mut server = server(change);
        // This one comes first and speaks last.
        let mut first = come(&mut server, "/ws", 0);
        let mut second = come(&mut server, "/ws", 20);
        first.ask_more(20);
        first.assert_waits(&mut server);
        let silent = come(&mut server, "/ws", 0);

        let mut third = come(&mut server, "/ws", 20);
        silent.assert_ended(&mut server, None);
        let _newcomer = Guest::open(&mut server);
        first.assert_ended(&mut server, Some(503));
        for client in [&mut second, &mut third] {
            complete(&mut server, client);
        }
        assert_adds_up(&server, 2);
    }
}

#[test]
fn a4_clients_from_before_a_limit_per_address_make_room_too() {
    let mut server = server(|_| {});
    let [oldest, mut second] = [(); 2].map(|()| come(&mut server, "/ws", 0));
    server.set_limits(Limits::default().with(|limits| limits.max_connections_per_address = 2));
    let mut newcomer = Guest::open(&mut server);
    oldest.assert_ended(&mut server, None);
    complete(&mut server, &mut second);
    newcomer.echo(&mut server);
    assert_adds_up(&server, 1);
}

#[test]
fn a4_a_client_that_is_served_takes_no_place_of_a_refused_one() {
    let mut server = server(|limits| limits.max_connections = 1);
    let inside = Guest::open(&mut server);
    let _refused: Vec<_> = (0..256).map(|_| come(&mut server, "/ws", 0)).collect();
    drop(inside);
    server.settle();
    let _newcomer = Guest::open(&mut server);
    assert_adds_up(&server, 0);
}

/// A client needs a moment between its connect and its request.
#[test]
fn a4_the_newest_silent_client_stays_amid_half_requests() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 8,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (8, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 8,
    ] {
        let mut server = server(change);
        let mut crowd: Vec<_> = (0..7).map(|_| come(&mut server, "/ws", 20)).collect();
        let mut silent = come(&mut server, "/ws", 0);
        crowd.push(come(&mut server, "/ws", 20));
        crowd[0].assert_ended(&mut server, Some(503));
        complete(&mut server, &mut silent);
        assert_adds_up(&server, 1);
    }
}

#[test]
fn a4_an_older_silent_client_makes_room_amid_half_requests() {
    let mut server = server(|limits| limits.max_handshakes = 8);
    let mut crowd: Vec<_> = (0..5).map(|_| come(&mut server, "/ws", 20)).collect();
    let silent = come(&mut server, "/ws", 0);
    crowd.extend((0..3).map(|_| come(&mut server, "/ws", 20)));
    silent.assert_ended(&mut server, None);
    for client in &mut crowd {
        complete(&mut server, client);
    }
    assert_adds_up(&server, 1);
}

#[test]
fn a4_open_clients_and_whole_requests_make_no_room() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let mut server = server(|limits| (limits.max_connections, limits.when_full) = (2, when_full));
        let mut inside = Guest::open(&mut server);
        let waiting = come(&mut server, "/wait", ALL);
        let newcomer = Guest::ask(&mut server);
        match when_full {
            WhenFull::Wait => newcomer.assert_waits(&mut server),
            _ => newcomer.assert_answered(&mut server, 503),
        }
        inside.echo(&mut server);
        waiting.assert_waits(&mut server);
        assert_adds_up(&server, 0);
    }
}

#[test]
fn a4_a_client_whose_request_has_just_arrived_is_served() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, when_full));
        let mut first = come(&mut server, "/ws", 0);
        let newcomer = Guest::ask(&mut server);
        first.ask_more(ALL);
        first.assert_answered(&mut server, 101);
        match when_full {
            WhenFull::Wait => newcomer.assert_waits(&mut server),
            _ => newcomer.assert_answered(&mut server, 503),
        }
        first.echo(&mut server);
        assert_adds_up(&server, 0);
        if when_full == WhenFull::Wait {
            drop(first);
            newcomer.assert_answered(&mut server, 101);
        }
    }
}

#[test]
fn a4_a_client_that_has_just_left_makes_room() {
    let mut server = server(|limits| limits.max_connections = 1);
    drop(come(&mut server, "/ws", 0));
    let _newcomer = Guest::open(&mut server);
    assert_adds_up(&server, 0);
    assert_eq!(server.tally().ended(CauseKind::TransportLost), 1);
}

#[test]
fn a4_many_silent_clients_take_one_place_after_another_in_one_turn() {
    for change in [
        |limits: &mut Limits| limits.max_connections = 1,
        |limits: &mut Limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait),
        |limits: &mut Limits| limits.max_handshakes = 1,
    ] {
        let mut server = server(change);
        let mut crowd: Vec<_> = (0..50).map(|_| Guest::dial(&mut server, "/ws")).collect();
        let mut last = Guest::ask(&mut server);
        last.assert_answered(&mut server, 101);
        for client in &mut crowd {
            client.assert_ended(&mut server, None);
        }
        last.echo(&mut server);
        assert_adds_up(&server, 50);
    }
}

#[test]
fn a4_a_silent_client_that_is_being_refused_makes_room_for_the_next() {
    let mut server = server(|limits| limits.max_connections = 1);
    let mut inside = Guest::open(&mut server);
    let crowd: Vec<_> = (0..256).map(|_| come(&mut server, "/ws", 0)).collect();
    let next = Guest::ask(&mut server);
    next.assert_answered(&mut server, 503);
    crowd[0].assert_ended(&mut server, None);
    inside.echo(&mut server);
    assert_eq!((server.tally().evicted, server.tally().dropped), (1, 0));
}

#[test]
fn a4_nobody_makes_room_in_vain_below_a_lower_limit() {
    let mut server = server(|limits| limits.max_connections = 5);
    let mut inside = [(); 3].map(|()| Guest::open(&mut server));
    let mut silent = [(); 2].map(|()| come(&mut server, "/ws", 0));
    server.set_limits(Limits::default().with(|limits| limits.max_connections = 3));
    let refused = Guest::ask(&mut server);
    refused.assert_answered(&mut server, 503);
    assert_eq!(server.tally().evicted, 0, "even without them there is no room");

    server.set_limits(Limits::default().with(|limits| limits.max_connections = 4));
    let _newcomer = Guest::open(&mut server);
    for client in &mut silent {
        client.assert_ended(&mut server, None);
    }
    for client in &mut inside {
        client.echo(&mut server);
    }
    assert_adds_up(&server, 2);
}

#[test]
fn a4_a_client_without_room_is_answered_when_the_server_stops() {
    let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait));
    let mut first = come(&mut server, "/ws", 0);
    let newcomers = [Guest::ask(&mut server), Guest::ask(&mut server)];
    first.ask_more(ALL);
    // The first of them has been accepted when it turns out that nobody makes room.
    first.assert_answered(&mut server, 101);
    server.handle().shutdown(1001, LONG).expect("the server is running");
    for newcomer in &newcomers {
        newcomer.assert_answered(&mut server, 503);
    }
    server.settle();
    assert!(server.is_stopped());
    assert_eq!((server.tally().accepted, server.tally().total_ended(), server.tally().evicted), (3, 3, 0));
}

#[test]
fn a4_a_server_that_waits_for_room_does_not_spin() {
    let mut server = server(|limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait));
    let mut first = come(&mut server, "/ws", 0);
    let newcomer = Guest::ask(&mut server);
    first.ask_more(ALL);
    first.assert_answered(&mut server, 101);
    newcomer.assert_waits(&mut server);
    let begin = server.now();
    server.turn(Some(Duration::from_millis(100))).expect("the loop does not fail");
    assert_eq!(server.now() - begin, Duration::from_millis(100), "there is nothing to do");
}

struct Stops;

impl Handler for Stops {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.handle().stop().expect("the server is running");
    }
}

#[test]
fn a4_a_handler_may_stop_the_server_while_room_is_made() {
    let mut server = server(|limits| limits.max_connections = 1);
    server.route("/stop", || Stops).expect("the route is new");
    let mut first = come(&mut server, "/stop", 0);
    let _newcomer = Guest::ask(&mut server);
    first.ask_more(ALL);
    server.settle();
    assert!(server.is_stopped());
    assert_eq!((server.tally().total_ended(), server.tally().ended(CauseKind::Aborted)), (server.tally().accepted, 1));
}
