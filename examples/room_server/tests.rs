//! The whole life of a member, without a socket.

use super::{ALL, routes};
use serde_json::{Value, json};
use statesocket::{
    CloseCode, Config, Phase, SharedMessage,
    handshake::Connect,
    http::header::WWW_AUTHENTICATE,
    testing::{Client, ClientOptions, TestServer},
};

fn server() -> TestServer {
    let mut server = TestServer::new(Config::default()).expect("the configuration is right");
    routes(&mut server).expect("the routes are right");
    server
}

fn join(server: &mut TestServer, room: &str, name: &str) -> Client {
    server.connect(&format!("/ws/{room}?token=secret&name={name}"))
}

fn news(client: &mut Client) -> Value {
    serde_json::from_str(&client.receive_text()).expect("news are JSON")
}

#[test]
fn members_of_a_room_hear_who_comes_speaks_and_goes() {
    let mut server = server();
    let mut anna = join(&mut server, "7", "anna");
    assert_eq!(news(&mut anna), json!({ "joined": "anna", "members": 1 }));
    let (mut berta, mut clara) = (join(&mut server, "7", "berta"), join(&mut server, "8", "clara"));
    let joined = json!({ "joined": "berta", "members": 2 });
    assert_eq!([news(&mut anna), news(&mut berta)], [joined.clone(), joined]);
    assert_eq!(news(&mut clara), json!({ "joined": "clara", "members": 1 }));

    berta.send_text("hello").expect("berta is connected");
    server.settle();
    for member in [&mut anna, &mut berta] {
        assert_eq!(news(member), json!({ "from": "berta", "text": "hello" }));
    }
    assert_eq!(clara.receive(), None, "another room");

    berta.close(CloseCode::GOING_AWAY, "").expect("berta is connected");
    server.settle();
    assert_eq!(news(&mut anna), json!({ "left": "berta", "code": 1001, "members": 1 }));
    drop(anna);
    server.settle();
    assert_eq!(server.connections(), 1);
}

#[test]
fn operators_see_the_health_and_the_members() {
    let mut server = server();
    let _members = ["anna", "berta"].map(|name| join(&mut server, "7", name));
    assert_eq!(&*server.get("/health").expect("an answer").body, b"ok\n");
    let metrics = server.get("/metrics").expect("an answer");
    assert!(String::from_utf8_lossy(&metrics.body).contains("\nstatesocket_connections_open 2\n"));
}

#[test]
fn a_member_needs_the_token() {
    let mut server = server();
    let missing = server.connect("/ws/7").response().expect("an answer");
    assert_eq!((missing.status.as_u16(), &missing.headers[WWW_AUTHENTICATE]), (401, &"Bearer".parse().unwrap()));
    let wrong = server.connect("/ws/7?token=guess").response().expect("an answer");
    assert_eq!((wrong.status.as_u16(), &*wrong.body), (403, &b"this room needs a token\n"[..]));
}

#[test]
fn the_server_closes_as_it_is_asked_to() {
    let mut server = server();
    let mut client = join(&mut server, "7", "anna");
    news(&mut client);
    client.send_text("/close 1005 no such code").expect("the client is open");
    client.send_text("/close 4001 bye").expect("the client is open");
    server.settle();
    assert!(news(&mut client)["error"].is_string());
    let end = client.receive_end();
    assert_eq!((end.code, &*end.reason, client.phase()), (CloseCode::from(4001), "bye", Phase::Closed));
}

#[test]
fn the_server_speaks_text_and_prefers_the_newer_version() {
    let mut server = server();
    let connect = Connect::new("ws://localhost/ws/7?token=secret").expect("a URI");
    let connect = connect.subprotocol("chat.v1").and_then(|connect| connect.subprotocol("chat.v2")).expect("tokens");
    let mut client = server.connect_with(&connect, &ClientOptions::default());
    assert_eq!(client.subprotocol().as_deref(), Some("chat.v2"));
    news(&mut client);
    client.send_binary(b"no text").expect("the client is open");
    server.settle();
    assert_eq!(client.receive_end().code, CloseCode::UNSUPPORTED_DATA);
}

#[test]
fn the_clock_reaches_every_room() {
    let mut server = server();
    let mut members = ["7", "8"].map(|room| join(&mut server, room, "anna"));
    server.handle().publish(ALL, SharedMessage::text("tick 1")).expect("the server runs");
    server.settle();
    for member in &mut members {
        news(member);
        assert_eq!(member.receive_text(), "tick 1");
    }
}
