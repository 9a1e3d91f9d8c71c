//! What both ends have agreed on.

use super::{OFFER, config, full, keeping, terms, verdict};
use crate::support::{Pair, drain, feed, handshake::server, request_head};
use statesocket::{Agreed, Config, Connection, Deflate, Event, Phase, Role, Window, handshake::Accept};
use std::{sync::Arc, time::Instant};

fn windows() -> impl Iterator<Item = Window> {
    std::iter::once(Window::None).chain((8..=15).filter_map(Window::from_bits))
}

#[test]
fn d3_d7_d9_d10_d18_both_ends_agree_and_neither_keeps_more_than_it_chose() {
    for received in windows() {
        for client_received in windows() {
            for sent in [Window::None, Window::KiB4, Window::KiB32] {
                let mut deflate = keeping(sent, received);
                deflate.client_receive_history = client_received;
                let pair = Pair::open(config(deflate));
                let agreed = pair.client.deflate().expect("both want to");
                assert_eq!(pair.server.deflate(), Some(agreed), "{deflate:?}");
                assert!(agreed.history(Role::Client) <= received, "{deflate:?}: {agreed:?}");
                assert!(agreed.history(Role::Server) <= client_received, "{deflate:?}: {agreed:?}");
                if sent == Window::None {
                    assert_eq!([Role::Client, Role::Server].map(|it| agreed.history(it)), [Window::None; 2]);
                }
            }
        }
    }
}

#[test]
fn d3_ends_of_which_one_does_not_compress_agree_on_nothing() {
    for (client_config, server_config) in [
        (config(Deflate::default()), Config::default()),
        (Config::default(), config(Deflate::default())),
        (Config::default(), Config::default()),
    ] {
        let mut pair = Pair::new(client_config);
        pair.server = server(server_config);
        pair.to_server();
        pair.server.accept(Accept::new()).expect("a request is pending");
        assert!(matches!(pair.to_client().as_slice(), [Event::Accepted(_)]));
        assert_eq!([pair.client.phase(), pair.server.phase()], [Phase::Open; 2]);
        assert_eq!([pair.client.deflate(), pair.server.deflate()], [None; 2]);
    }
}

#[test]
fn d1_the_configuration_of_a_request_decides() {
    let head = request_head("/chat", &[("Sec-WebSocket-Extensions", OFFER)]);
    for (before, after, expected) in [
        (Config::default(), config(Deflate::default()), Some([(12, true), (15, true)])),
        (config(Deflate::default()), config(keeping(Window::None, Window::None)), Some([(15, false), (15, false)])),
        (config(Deflate::default()), Config::default(), None),
    ] {
        let mut server = server(before);
        feed(&mut server, &head);
        server.set_config(Arc::new(after)).expect("a request waits");
        server.accept(Accept::new()).expect("a request waits");
        drain(&mut server);
        assert_eq!(server.deflate().map(terms), expected);
    }
}

#[test]
fn d1_what_was_agreed_on_elsewhere_is_known() {
    let agreed = verdict(OFFER, &full("pmd; snct; cmwb=9")).expect("a valid answer").expect("an answer");
    for role in [Role::Client, Role::Server] {
        for (terms, expected) in [(Agreed::new().deflate(agreed), Some(agreed)), (Agreed::new(), None)] {
            for config in [Config::default(), config(Deflate::default())] {
                let connection = Connection::established(role, terms.clone(), Arc::new(config), Instant::now());
                assert_eq!(connection.deflate(), expected, "{role:?}");
            }
        }
    }
}
