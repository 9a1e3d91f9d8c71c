//! Handshakes that do not come to an end, on a virtual clock.

use super::{Act, Client, dial, encrypted, request, serve};
use crate::support::{
    request_head,
    tls::{VERSIONS, trust},
};
use statesocket::{CauseKind, Config, testing::ClientOptions};
use std::{
    io::{Read, Write},
    time::Duration,
};

/// Sends the ClientHello.
fn say_hello(client: &mut Client) {
    let hello = encrypted(client, b"");
    client.stream_mut().sock.write_all(&hello).expect("the server reads");
}

#[test]
fn a_stalled_handshake_is_cut_at_the_opening_timeout() {
    let opening = Config::default().opening_timeout.expect("it is on");
    let nothing = |_: &mut Client| {};
    let half_hello = |client: &mut Client| {
        let hello = encrypted(client, b"");
        client.stream_mut().sock.write_all(&hello[..hello.len() / 2]).expect("the server reads");
    };
    let hello = say_hello;
    let tls_alone = |client: &mut Client| {
        let (tls, stream) = {
            let owned = client.stream_mut();
            (&mut owned.conn, &mut owned.sock)
        };
        while tls.is_handshaking() {
            tls.complete_io(stream).expect("the server keeps the rules");
        }
    };
    let half_request = |client: &mut Client| client.write(&request_head("/ws", &[])[..40]);
    let stalls: [(&str, Act<'_>, bool); 5] = [
        ("nothing", &nothing, false),
        ("half a hello", &half_hello, false),
        ("a hello", &hello, false),
        ("TLS without a request", &tls_alone, false),
        ("half a request", &half_request, true),
    ];
    for version in VERSIONS {
        for (name, stall, is_answered) in stalls {
            let (served, calls) = serve(Config::default());
            let mut client = dial(&served, &ClientOptions::default(), &trust("localhost", &[version]));
            served.settle();
            stall(&mut client);
            served.advance(opening - Duration::from_millis(1));
            assert_eq!(served.connections(), 1, "{version:?}, {name}");
            served.advance(Duration::from_millis(1));
            if is_answered {
                let answer = client.rest_as_text();
                assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            }
            drop(client);
            served.settle();
            assert_eq!(
                (served.connections(), served.tally().ended(CauseKind::TimedOut)),
                (0, 1),
                "{version:?}, {name}"
            );
            drop(served);
            calls.assert_no_more();
        }
    }
}

#[test]
fn a_server_that_stops_does_not_wait_for_handshakes_of_tls() {
    for is_half in [false, true] {
        let (served, calls) = serve(Config::default());
        let mut client = dial(&served, &ClientOptions::default(), &trust("localhost", &VERSIONS));
        let hello = encrypted(&mut client, b"");
        let len = if is_half { hello.len() / 2 } else { hello.len() };
        client.stream_mut().sock.write_all(&hello[..len]).expect("the server reads");
        served.settle();
        served.handle.shutdown(1001, Duration::from_secs(5)).expect("the server is running");
        served.settle();
        assert_eq!(served.connections(), 0, "{is_half}");
        drop(served);
        calls.assert_no_more();
    }
}

#[test]
fn a_client_that_does_not_take_the_servers_flight_is_cut() {
    let opening = Config::default().opening_timeout.expect("it is on");
    let (served, _calls) = serve(Config::default());
    let options = ClientOptions::default().with(|options| options.pipe_bytes = 300);
    let mut client = dial(&served, &options, &trust("localhost", &VERSIONS));
    say_hello(&mut client);
    served.settle();
    assert_eq!(served.connections(), 1);
    served.advance(opening);
    assert_eq!((served.connections(), served.tally().ended(CauseKind::TimedOut)), (0, 1));
    let mut flight = Vec::new();
    let _ = client.stream_mut().sock.read_to_end(&mut flight);
    assert!(flight.len() <= 300);
}

#[test]
fn a_flight_that_the_pipe_cuts_goes_on_when_there_is_room() {
    for pipe_bytes in [1, 100, 300] {
        let (served, _calls) = serve(Config::default());
        let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe_bytes);
        let mut client = super::open_with(&served, &options, &trust("localhost", &VERSIONS));
        client.echo("Hello");
    }
}

#[test]
fn a_crowd_whose_hellos_come_in_one_turn_is_served() {
    let (served, _calls) = serve(Config::default());
    let mut clients = [(); 40].map(|()| dial(&served, &ClientOptions::default(), &trust("localhost", &VERSIONS)));
    clients.iter_mut().for_each(say_hello);
    clients.iter_mut().for_each(request);
    clients[39].echo("Hello");
}
