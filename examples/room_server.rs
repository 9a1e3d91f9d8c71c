//! A server with rooms, as a newcomer writes it: tokens, subprotocols, notices of who comes and goes, JSON, a clock.
//!
//! `cargo run --release --features serde --example room_server -- [ADDRESS] [--threads N]`
//!
//! Clients connect to `ws://127.0.0.1:8080/ws/{room}?token=secret&name=anna`. A text is a message to the room. The text
//! `/close 4001 bye` asks the server to close with this code and reason. N event loops share the clients and the rooms.
//! `/metrics` is for Prometheus, `/health` for a balancer.

#[cfg(all(test, feature = "testing"))]
#[path = "room_server/tests.rs"]
mod tests;

use serde_json::{Value, json};
use signal_hook::{consts, iterator::Signals};
use statesocket::{
    CloseCode, Config, Disconnect, Message, SharedMessage,
    handshake::{Accept, Request, Response},
    http::{StatusCode, header},
    server::{Cluster, Handler, RouteError, Server, Session},
};
use std::{env, error::Error, thread, time::Duration};

/// A room of all members, for the clock. No path leads to it, since a room of a path is prefixed.
const ALL: &str = "all";

struct Member {
    room: String,
    name: String,
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        let token = request.query("token");
        if token.as_deref() != Some("secret") {
            let status = if token.is_some() { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
            let response = Response::new(status).body("this room needs a token\n");
            let response = response.header(header::WWW_AUTHENTICATE, "Bearer");
            return session.reject(response.expect("not a reserved header")).expect("the request has just come");
        }
        self.room = format!("room {}", session.param("room").expect("the route has it"));
        self.name = request.query("name").map_or_else(|| session.address().to_string(), |name| name.into_owned());
        let accept = Accept::new().preferred_by_server(request, &["chat.v2", "chat.v1"]);
        session.accept(accept).expect("the request has just come, and the subprotocol is one of its offers");
        for room in [&self.room, ALL] {
            session.join(room).expect("the session is open");
        }
        let members = session.members(&self.room);
        self.tell(session, &json!({ "joined": self.name, "members": members }));
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let Some(text) = message.as_text() else {
            return session.ensure_closed(CloseCode::UNSUPPORTED_DATA, "this server speaks text");
        };
        match text.strip_prefix("/close ") {
            None => self.tell(session, &json!({ "from": self.name, "text": text })),
            Some(command) => {
                let (code, reason) = command.split_once(' ').unwrap_or((command, ""));
                let closed = code.parse::<u16>().map_err(|error| error.to_string());
                let closed = closed.and_then(|code| session.close(code, reason).map_err(|error| error.to_string()));
                if let Err(error) = closed {
                    // A full output ends the session by itself.
                    let _ = session.send_json(&json!({ "error": error }));
                }
            }
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, end: &Disconnect) {
        let members = session.members(&self.room);
        self.tell(session, &json!({ "left": self.name, "code": u16::from(end.code), "members": members }));
    }
}

impl Member {
    fn tell(&self, session: &mut Session<'_>, news: &Value) {
        session.publish(&self.room, &SharedMessage::json(news).expect("a JSON value"));
    }
}

fn routes(server: &mut Server) -> Result<(), RouteError> {
    server.route_metrics("/metrics")?;
    server.route_http("/health", |_, _| Response::new(StatusCode::OK).body("ok\n"))?;
    server.route("/ws/{room}", || Member { room: String::new(), name: String::new() })
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let mut args: Vec<_> = env::args().skip(1).collect();
    let count = args.iter().position(|arg| arg == "--threads").and_then(|at| args.drain(at..).nth(1));
    let threads: usize = count.as_deref().unwrap_or("1").parse()?;
    let listen = args.first().map_or("127.0.0.1:8080", |address| address);
    let cluster = Cluster::spawn(listen, Config::default(), threads, |server, _| routes(server))?;
    println!("listening on ws://{}/ws/{{room}}?token=secret&name=you", cluster.local_addr());
    let (clock, stopper) = (cluster.handle().blocking(), cluster.handle());
    thread::spawn(move || {
        // It fails once the server has stopped.
        for _ in (1..).take_while(|tick| clock.publish(ALL, SharedMessage::text(&format!("tick {tick}"))).is_ok()) {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let mut signals = Signals::new([consts::SIGINT, consts::SIGTERM])?;
    thread::spawn(move || {
        signals.forever().next();
        stopper.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
    });
    cluster.join()?;
    Ok(())
}
