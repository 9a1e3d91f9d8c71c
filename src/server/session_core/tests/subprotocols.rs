//! The line in the log about an offer of subprotocols of which none is chosen (row S19).

use super::{
    log_lines::{capture, take_lines},
    scene::Scene,
};
use crate::{
    AcceptError, Connection,
    handshake::{Accept, Connect},
    server::{handler::Handler, routes::Route, session::Session},
};
use std::sync::Arc;

/// A session that gets a request for `path`, with an offer of `subprotocols`.
fn asked(path: &str, subprotocols: &[&str]) -> Scene {
    capture();
    let uri = format!("ws://server.example.com{path}");
    let mut scene = Scene::new(&uri);
    let connect = Connect::new(&uri).expect("a URI");
    let connect = subprotocols.iter().try_fold(connect, |connect, name| connect.subprotocol(*name));
    let config = Arc::new(scene.client.config().clone());
    scene.client = Connection::client(&connect.expect("unique tokens"), config, scene.now);
    scene
        .shared
        .routes
        .insert("/default", Route::Handlers { factory: Box::new(|_, _| Ok(Box::new(Default))), config: None })
        .expect("the route is new");
    scene.client_writes();
    scene
}

/// The lines that say that no subprotocol is chosen.
fn complaints() -> Vec<String> {
    take_lines().into_iter().filter(|line| line.contains("without a subprotocol")).collect()
}

/// A handler that leaves everything to the trait.
struct Default;

impl Handler for Default {}

const COMPLAINT: &str = "DEBUG statesocket #1 192.0.2.1:1: accepted without a subprotocol, though the client offered \
    chat, v2.chat: a browser fails this connection";

#[test]
fn s19_an_offer_of_which_nothing_is_chosen_is_a_line_in_the_log() {
    for path in ["/", "/default", "/?wait"] {
        let mut scene = asked(path, &["chat", "v2.chat"]);
        if path == "/?wait" {
            assert_eq!(complaints(), [""; 0], "nothing is answered yet");
            scene.next_turn().lend(|view, handle| {
                Session::new(view, handle).accept(Accept::new()).expect("the request waits");
            });
        }
        assert_eq!(complaints(), [COMPLAINT], "{path}");
    }
}

#[test]
fn s19_no_line_is_logged_if_nothing_was_offered_or_one_is_chosen() {
    asked("/default", &[]);
    assert_eq!(complaints(), [""; 0]);
    let mut scene = asked("/?wait", &["chat", "v2.chat"]);
    scene.next_turn().lend(|view, handle| {
        let mut session = Session::new(view, handle);
        let refused = session.accept(Accept::new().subprotocol("other"));
        assert_eq!(refused, Err(AcceptError::SubprotocolNotOffered("other".into())));
        session.accept(Accept::new().subprotocol("v2.chat")).expect("it was offered");
        session.accept(Accept::new()).expect_err("it is open already");
    });
    assert_eq!(complaints(), [""; 0]);
}
