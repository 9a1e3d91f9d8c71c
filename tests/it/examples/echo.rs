//! `examples/echo.rs`.

use super::EchoServer;
use crate::support::{
    Raw,
    loopback::{Client, RawClient},
    process::Process,
    request_head,
};
use statesocket::handshake::Connect;
use std::net::TcpListener;

/// Runs the server with arguments that it must refuse. Returns its only line.
#[track_caller]
fn complaint(args: &[&str]) -> String {
    let (status, stdout, stderr) = Process::start("echo", args).wait();
    assert!(status.is_some_and(|status| status != 0), "{args:?}: status {status:?}");
    assert_eq!(stdout, [""; 0], "{args:?}");
    let [line] = stderr.as_slice() else { panic!("{args:?}: not exactly one line: {stderr:#?}") };
    assert!(line.starts_with("error: "), "{args:?}: {line}");
    line.clone()
}

#[test]
fn a_bad_argument_is_one_line() {
    for args in [
        &["--nonsense"][..],
        &["surplus"],
        &["--listen"],
        &["--log", "loud"],
        &["--grace", "soon"],
        &["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"],
    ] {
        let line = complaint(args);
        assert!(args.iter().any(|arg| line.contains(arg)), "{args:?}: the line does not name the argument: {line}");
    }
}

#[test]
fn a_bad_address_is_one_line() {
    for address in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:http", "192.0.2.1:1", ""] {
        let line = complaint(&["--listen", address]);
        assert!(line.contains(&format!("cannot listen on {address}")), "{line}");
    }
}

#[test]
fn s12_a_refused_request_is_a_line_in_the_log_with_its_path_and_reason() {
    let server = EchoServer::start(&["--log", "info"]);
    for (target, changes, status, line) in [
        (
            "/nowhere",
            ("X", "1"),
            "404",
            "the request for /nowhere is answered with 404 Not Found: this path has no route",
        ),
        (
            "/ws?token=secret",
            ("Origin", "https://evil.example"),
            "403",
            "the request for /ws is answered with 403 Forbidden: pages of this origin are not served",
        ),
        (
            "/ws",
            ("Upgrade", ""),
            "426",
            "the request for /ws is answered with 426 Upgrade Required: this is a WebSocket endpoint",
        ),
    ] {
        let mut client = RawClient::dial(server.address);
        client.write(&request_head(target, &[changes]));
        let answer = client.rest_as_text();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let logged = server.process.stderr.find("is answered with");
        assert!(logged.contains(line) && !logged.contains("secret"), "{logged}");
    }
}

#[test]
fn s19_an_unanswered_offer_of_subprotocols_is_a_line_in_the_log() {
    let server = EchoServer::start(&["--log", "debug"]);
    for offer in ["chat", "b, a,c"] {
        let mut client = RawClient::dial(server.address);
        client.write(&request_head("/ws", &[("Sec-WebSocket-Protocol", offer)]));
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains("Protocol:"), "{head}");
        let line = server.process.stderr.find("without a subprotocol");
        let offered = offer.split(',').map(str::trim).collect::<Vec<_>>().join(", ");
        let client = client.stream().local_addr().expect("a bound socket");
        assert!(line.contains(&format!("{client}: ")) && line.contains(&format!("offered {offered}: ")), "{line}");
    }
}

#[test]
fn s13_a_page_is_one_line_in_the_log_and_no_disconnect() {
    let server = EchoServer::start(&["--log", "info"]);
    for method in ["GET", "HEAD"] {
        let mut client = RawClient::dial(server.address);
        client.write(format!("{method} /?token=secret HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        assert!(client.rest_as_text().starts_with("HTTP/1.1 200 "), "{method}");
        let logged = server.process.stderr.find("");
        let line = format!(": {method} / is answered with 200 OK");
        assert!(logged.ends_with(&line) && logged.contains(" 127.0.0.1:"), "{logged}");
    }
    // The next line is that of another request.
    let mut client = RawClient::dial(server.address);
    client.write(&request_head("/nowhere", &[]));
    let logged = server.process.stderr.find("");
    assert!(logged.contains("the request for /nowhere"), "{logged}");
}

#[test]
fn every_request_is_a_line_in_the_log_with_its_status() {
    let server = EchoServer::start(&["--log", "info"]);
    for (request, line) in [
        (request_head("/ws?token=secret", &[]), "the request for /ws is accepted"),
        (
            b"OPTIONS / HTTP/1.0\r\n\r\n".to_vec(),
            "(opening handshake failed: the method is neither GET nor HEAD), answered with 405 Method Not Allowed",
        ),
        (
            b"nonsense\r\n\r\n".to_vec(),
            "(opening handshake failed: the head is not well-formed HTTP), answered with 400 Bad Request",
        ),
    ] {
        let mut client = RawClient::dial(server.address);
        client.write(&request);
        client.head();
        let logged = server.process.stderr.find("");
        assert!(logged.ends_with(line) && logged.contains(" 127.0.0.1:"), "{logged}");
        drop(client);
        if line.ends_with("accepted") {
            server.process.stderr.find("disconnect 1006 (transport lost)");
        }
    }
}

#[test]
#[cfg(feature = "deflate")]
fn deflate_is_agreed_on_if_it_is_offered_and_shown_in_the_log() {
    let server = EchoServer::start(&["--deflate", "--log", "debug"]);
    for (offer, answer, shown) in [
        (
            "permessage-deflate; client_max_window_bits",
            Some("client_max_window_bits=12"),
            "client 12 bits, server 15 bits",
        ),
        ("permessage-deflate", Some("client_no_context_takeover"), "client 15 bits without context takeover"),
        ("", None, ""),
    ] {
        let mut client = RawClient::dial(server.address);
        client.write(&request_head("/ws", &[("Sec-WebSocket-Extensions", offer)]));
        let head = client.head().to_ascii_lowercase();
        let answer = answer.map(|params| format!("sec-websocket-extensions: permessage-deflate; {params}\r\n"));
        assert_eq!(head.contains("sec-websocket-extensions"), answer.is_some(), "{head}");
        if let Some(answer) = answer {
            assert!(head.contains(&answer), "{head}");
            let line = server.process.stderr.find("permessage-deflate: ");
            assert!(line.contains(shown), "{line}");
        }
    }
}

#[test]
#[cfg(not(feature = "deflate"))]
fn deflate_needs_the_feature() {
    let line = complaint(&["--listen", "127.0.0.1:0", "--deflate"]);
    assert!(line.contains("--features deflate"), "{line}");
}

#[test]
fn a_busy_port_is_one_line() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = busy.local_addr().expect("a bound socket").to_string();
    let line = complaint(&["--listen", &address]);
    assert!(line.contains(&format!("cannot listen on {address}")) && line.contains("in use"), "{line}");
}

#[test]
fn the_server_prints_its_address() {
    let server = EchoServer::start(&[]);
    assert_ne!(server.address.port(), 0);
    let second = server.process.stdout.next().expect("a second line");
    assert_eq!(second, format!("WebSocket at ws://{}/ws", server.address));
}

#[test]
fn every_path_answers_in_its_own_way() {
    let server = EchoServer::start(&[]);
    for (target, message, reply) in [
        ("/ws", "Hello", "Returned Message: Hello from Server"),
        ("/ws/lobby", "Hello", "Returned Message: Hello from Server (room lobby)"),
        ("/ws/a%2Fb?x=1&y=%20", "", "Returned Message:  from Server (room a/b, query x=1&y=%20)"),
        ("/echo", "Hello", "Hello"),
    ] {
        let mut client = server.open(target);
        client.send(Raw::new(Raw::TEXT, message));
        assert_eq!(client.frame(), Raw::new(Raw::TEXT, reply), "{target}");
        client.send(Raw::new(Raw::BINARY, [0, 1, 255]));
        assert_eq!(client.frame(), Raw::new(Raw::BINARY, [0, 1, 255]), "{target}");
    }
}

#[test]
fn the_page_is_served_and_other_paths_are_not() {
    let server = EchoServer::start(&[]);
    for (target, status, part) in [
        ("/", 200, "<!doctype html>"),
        ("/ws", 426, "this is a WebSocket endpoint"),
        ("/echo", 426, "this is a WebSocket endpoint"),
        ("/nowhere", 404, ""),
    ] {
        let mut client = RawClient::dial(server.address);
        client.write(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes());
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {head}");
        assert!(client.rest_as_text().to_lowercase().contains(&part.to_lowercase()), "{target}");
    }
    let rejected = Client::start(&Connect::new(&server.url("/")).expect("a valid URL")).rejected();
    assert_eq!(rejected.status, 404, "the page's path is no WebSocket");
}

#[test]
fn a_subprotocol_is_chosen_from_the_servers_list() {
    let server = EchoServer::start(&["--subprotocol", "chat", "--subprotocol", "superchat"]);
    for (offer, chosen) in [
        (&["soap", "superchat", "chat"][..], Some("superchat")),
        (&["chat"], Some("chat")),
        (&["soap"], None),
        (&[], None),
    ] {
        let mut connect = Connect::new(&server.url("/ws")).expect("a valid URL");
        for name in offer {
            connect = connect.subprotocol(*name).expect("a token");
        }
        let mut client = Client::start(&connect);
        client.accepted();
        assert_eq!(client.ws.subprotocol(), chosen, "{offer:?}");
    }
}

#[test]
fn the_log_shows_every_transition_and_every_disconnect() {
    let server = EchoServer::start(&["--log", "debug"]);
    let log = &server.process.stderr;
    let mut client = server.open("/ws");
    client.send(Raw::close(4001, "bye"));
    client.rest().expect("the server ends the stream cleanly");
    for (party, states) in [
        ("client", ["client_state connecting -> connected", "application_state connecting"]),
        ("application", ["client_state connected", "application_state connecting -> connected"]),
        ("client", ["client_state connected -> disconnected", "application_state connected"]),
        ("application", ["client_state disconnected", "application_state connected -> disconnected"]),
    ] {
        let line = log.find("_state");
        let has_states = states.iter().all(|state| line.contains(state));
        assert!(line.contains(&format!("{party} ")) && has_states, "{party} {states:?}: {line}");
    }
    let line = log.find("disconnect ");
    assert!(line.ends_with("disconnect 4001 \"bye\" (closed by the peer)"), "{line}");

    drop(server.open("/echo"));
    let line = log.find("disconnect ");
    assert!(line.ends_with("disconnect 1006 (transport lost)"), "{line}");
}

#[cfg(unix)]
mod signals {
    use super::*;

    #[test]
    fn the_first_signal_closes_all_connections_and_ends_with_status_0() {
        for (signal, threads) in [("TERM", "1"), ("INT", "1"), ("TERM", "3"), ("INT", "3")] {
            let server = EchoServer::start(&["--threads", threads]);
            let mut clients = ["/ws", "/echo", "/ws", "/echo", "/ws/red"].map(|path| server.open(path));
            server.process.signal(signal);
            for client in &mut clients {
                assert_eq!(client.frame(), Raw::close(1001, ""));
                client.send(Raw::close(1001, ""));
                assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
            }
            drop(clients);
            let (status, _, stderr) = server.process.wait();
            assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]), "{signal}, {threads} threads");
        }
    }

    #[test]
    fn the_level_info_logs_disconnects_and_the_tally_and_the_default_not() {
        for (args, lines) in [(&["--log", "info"][..], 3), (&[], 0), (&["--log", "off"], 0)] {
            let server = EchoServer::start(args);
            let mut client = server.open("/ws");
            client.send(Raw::close(1000, ""));
            client.rest().expect("the server ends the stream cleanly");
            drop(client);
            server.process.signal("TERM");
            let (_, _, stderr) = server.process.wait();
            let expected = [
                "the request for /ws is accepted",
                "disconnect 1000 (closed by the peer)",
                "1 accepted, 1 ended, 1 clean, 1 peer closed",
            ];
            assert_eq!(stderr.len(), lines, "{args:?}: {stderr:#?}");
            assert!(stderr.iter().zip(expected).all(|(line, end)| line.ends_with(end)), "{args:?}: {stderr:#?}");
        }
    }

    /// Checks that the server aborted its connection and ended with status 0.
    #[track_caller]
    fn assert_aborted(server: EchoServer) {
        let (status, _, stderr) = server.process.wait();
        assert_eq!(status, Some(0));
        let [_, disconnect, tally] = stderr.as_slice() else { panic!("{stderr:#?}") };
        assert!(disconnect.contains("1006 (aborted by us"), "{disconnect}");
        assert!(tally.contains("1 accepted, 1 ended, 0 clean, 1 aborted"), "{tally}");
    }

    #[test]
    fn stubborn_clients_are_cut_off_after_the_grace_period() {
        let server = EchoServer::start(&["--log", "info", "--grace", "0"]);
        let mut client = server.open("/ws");
        server.process.signal("TERM");
        assert_eq!(client.frame(), Raw::close(1001, ""));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        assert_aborted(server);
    }

    #[test]
    fn the_second_signal_ends_the_server_at_once() {
        let server = EchoServer::start(&["--log", "info", "--grace", "600"]);
        let mut client = server.open("/ws");
        server.process.signal("TERM");
        assert_eq!(client.frame(), Raw::close(1001, ""));
        server.process.signal("TERM");
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        assert_aborted(server);
    }
}

#[test]
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
fn tls_needs_a_feature() {
    let line = complaint(&["--listen", "127.0.0.1:0", "--cert", "chain.pem", "--key", "key.pem"]);
    assert!(line.contains("--features tls-ring"), "{line}");
}

#[test]
fn a_certificate_needs_a_key_and_the_other_way_round() {
    for args in [["--cert", "chain.pem"], ["--key", "key.pem"]] {
        assert!(complaint(&args).contains("required"), "{args:?}");
    }
}
