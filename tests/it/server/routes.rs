//! Routes: the handler of a request, and its parameters.

use crate::support::memory::{Served, server};
use statesocket::{
    CauseKind, Config, Message,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Handler, Params, Session},
};
use std::panic::resume_unwind;

/// Reports its route, its parameters and the query.
struct Tell(&'static str);

impl Handler for Tell {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        let params: Vec<_> = session.params().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query: Vec<_> = request.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
        let text = format!("{} [{}] [{}]", self.0, params.join(","), query.join(","));
        session.accept(Accept::new()).expect("a request is pending");
        session.send_text(&text).expect("messages may be sent at once");
    }
}

fn routed(routes: &'static [&'static str]) -> Served {
    Served::start(Config::default(), move |server| {
        routes.iter().for_each(|route| server.route(route, || Tell(route)).expect("no conflict"));
    })
}

fn told(served: &Served, target: &str) -> String {
    served.server().connect(target).receive_text()
}

fn status(served: &Served, target: &str) -> StatusCode {
    served.server().connect(target).response().expect("an answer").status
}

#[test]
fn parameters_are_decoded() {
    let served = routed(&["/ws/{room_id}", "/a/{x}/b/{y}", "/files/{*path}"]);
    for (target, expected) in [
        ("/ws/lobby", "/ws/{room_id} [room_id=lobby] []"),
        ("/ws/Stra%C3%9Fe%20%2B+1", "/ws/{room_id} [room_id=Straße ++1] []"),
        ("/ws/a%2Fb", "/ws/{room_id} [room_id=a/b] []"),
        ("/ws/%2E%2E", "/ws/{room_id} [room_id=..] []"),
        ("/a/1/b/2", "/a/{x}/b/{y} [x=1,y=2] []"),
        ("/files/a/b%2Fc", "/files/{*path} [path=a/b/c] []"),
    ] {
        assert_eq!(told(&served, target), expected, "{target}");
    }
}

#[test]
fn s5_a_route_matches_every_spelling_of_its_path() {
    let served = routed(&["/café", "/~user/a b", "/{x}/caf%C3%a9", "/100%/{{x}}", "/%ff", "/a;b"]);
    for (target, expected) in [
        ("/caf%C3%A9", "/café [] []"),
        ("/c%61f%c3%a9", "/café [] []"),
        ("/%7Euser/a%20b?q=%41", "/~user/a b [] [q=A]"),
        ("/%7e/caf%c3%A9", "/{x}/caf%C3%a9 [x=~] []"),
        ("/a%2fb/caf%c3%a9", "/{x}/caf%C3%a9 [x=a/b] []"),
        ("/100%25/%7Bx%7D", "/100%/{{x}} [] []"),
        ("/%FF", "/%ff [] []"),
    ] {
        assert_eq!(told(&served, target), expected, "{target}");
    }
    assert_eq!(status(&served, "/CAF%C3%A9"), StatusCode::NOT_FOUND, "letters have a case");
    assert_eq!(status(&served, "/a%3Bb"), StatusCode::NOT_FOUND, "an escaped delimiter is another octet");
}

#[test]
fn s5_a_route_that_no_request_can_have_is_an_error() {
    let mut server = server(Config::default());
    for path in ["ws", "", "/ws?room=1", "/ws#top", "/{open"] {
        let error = server.route(path, || Tell("never")).expect_err(path);
        assert_eq!(error.path, path);
    }
    server.route("/caf%C3%A9", || Tell("first")).expect("the route is new");
    server.route("/café", || Tell("second")).expect_err("it is the same path");
}

#[test]
fn a_parameter_that_is_not_utf8_gets_a_400() {
    let served = routed(&["/ws/{room_id}"]);
    for target in ["/ws/%FF", "/ws/a%C3", "/ws/%ED%A0%80"] {
        assert_eq!(status(&served, target), StatusCode::BAD_REQUEST, "{target}");
    }
}

#[test]
fn a_path_without_a_route_gets_a_404() {
    let served = routed(&["/ws", "/ws/{room_id}"]);
    for target in ["/", "/w", "/ws/", "/ws/a/b", "/WS", "/?ws"] {
        assert_eq!(status(&served, target), StatusCode::NOT_FOUND, "{target}");
    }
}

#[test]
fn a_literal_takes_precedence_over_a_parameter() {
    let served = routed(&["/ws/{room_id}", "/ws/lobby", "/ws"]);
    for (target, expected) in
        [("/ws/lobby", "/ws/lobby [] []"), ("/ws/lobbies", "/ws/{room_id} [room_id=lobbies] []"), ("/ws", "/ws [] []")]
    {
        assert_eq!(told(&served, target), expected, "{target}");
    }
}

#[test]
fn the_query_is_not_part_of_the_path() {
    let served = routed(&["/ws/{room_id}"]);
    for (target, expected) in [
        ("/ws/a?x=1&x=2&y", "/ws/{room_id} [room_id=a] [x=1,x=2,y=]"),
        ("/ws/a?n=J%C3%BCrgen+K&/b", "/ws/{room_id} [room_id=a] [n=Jürgen K,/b=]"),
        ("/ws/a?", "/ws/{room_id} [room_id=a] []"),
    ] {
        assert_eq!(told(&served, target), expected, "{target}");
    }
}

#[test]
fn a_path_that_cannot_be_routed_is_an_error() {
    let mut server = server(Config::default());
    server.route("/ws/{room_id}", || Tell("")).expect("the route is new");
    for path in
        ["ws", "", "{room_id}", "/ws", "/ws/{room_id}", "/ws/{room}", "/x/{", "/x/{}", "/{*rest}/x", "/x/{id:int}"]
    {
        let error = server.route(path, || Tell("")).expect_err(path);
        assert_eq!(error.path, path);
        assert_eq!(error.to_string(), format!("{path:?} cannot be routed: {}", error.reason));
    }
    server.route("/ws/lobby", || Tell("")).expect("a literal beside a parameter is no conflict");
}

#[test]
fn a_parameter_of_another_router_is_an_error() {
    let mut server = server(Config::default());
    for path in ["/ws/:room", "/ws/<room>", "/ws/<int:room>/x", "/files/*path", "/files/*", "/ws/{room?}"] {
        let checked = |_: &Request, _: &Params| Ok(Tell(""));
        let page = |_: &Request, _: &Params| Response::new(StatusCode::OK);
        let errors = [
            server.route(path, || Tell("")),
            server.route_checked(path, checked),
            server.route_with(path, |_| {}, || Tell("")),
            server.route_http(path, page),
            server.route_metrics(path),
        ];
        assert!(errors.iter().all(|error| error.as_ref().is_err_and(|error| error.path == path)), "{path}: {errors:?}");
    }
}

#[test]
fn a_colon_or_a_star_in_a_literal_stands_for_itself() {
    let served = routed(&["/rooms:join", "/::1", "/*.txt"]);
    for target in ["/rooms:join", "/::1", "/*.txt"] {
        assert_eq!(told(&served, target), format!("{target} [] []"));
    }
    assert_eq!(status(&served, "/a.txt"), StatusCode::NOT_FOUND);
}

/// Counts the messages of its connection.
struct Count(u32);

impl Handler for Count {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.0 += 1;
        session.send_text(&self.0.to_string()).expect("the connection is open");
    }
}

#[test]
fn every_connection_has_its_own_handler() {
    let served = Served::start(Config::default(), |server| server.route("/ws", || Count(0)).expect("the route is new"));
    let mut clients = [(); 3].map(|()| served.server().connect("/ws"));
    for count in ["1", "2"] {
        for client in &mut clients {
            client.send_text("").expect("the client is open");
            served.settle();
            assert_eq!(client.receive_text(), count);
        }
    }
}

#[test]
fn s10_a_factory_sees_the_request_and_may_answer_it() {
    let served = Served::start(Config::default(), |server| {
        let check = |request: &Request, params: &Params| match request.query("token").as_deref() {
            Some("secret") if params.get("room") == Some("red") => Ok(Tell("made")),
            Some("informational") => Err(Response::new(StatusCode::CONTINUE).into()),
            Some("panic") => resume_unwind(Box::new("this is what the test is about")),
            Some(_) => Err(Response::new(StatusCode::FORBIDDEN).into()),
            None => Err(StatusCode::UNAUTHORIZED.into()),
        };
        server.route_checked("/{room}", check).expect("the route is new");
    });
    assert_eq!(told(&served, "/red?token=secret"), "made [room=red] [token=secret]");
    for (target, expected) in [
        ("/red", StatusCode::UNAUTHORIZED),
        ("/red?token=x", StatusCode::FORBIDDEN),
        ("/blue?token=secret", StatusCode::FORBIDDEN),
        ("/red?token=informational", StatusCode::INTERNAL_SERVER_ERROR),
        ("/red?token=panic", StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        assert_eq!(status(&served, target), expected, "{target}");
    }
    let tally = served.stop();
    assert_eq!(tally.ended(CauseKind::Rejected), 5, "{tally}");
}
