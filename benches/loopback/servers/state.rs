//! This crate's event loop with its defaults: UTF-8, masks, every limit, and every timer except the idle one.

use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Cluster, Handler, Loops, RouteError, Server, Session},
};
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        if let Err(error) = session.send(message) {
            session.ensure_closed(1011, &error.to_string());
        }
    }
}

struct Member;

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request waits");
        session.join("room").expect("the session is open");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.publish("room", &SharedMessage::from(&message));
    }
}

pub fn serve(listener: TcpListener) -> io::Result<()> {
    serve_with(listener, Config::default(), |_| {})
}

/// The same with compression, and the defaults of that apart from its level.
#[cfg(feature = "deflate")]
pub fn serve_compressed<const LEVEL: u8>(listener: TcpListener) -> io::Result<()> {
    let deflate = statesocket::Deflate::default().with(|deflate| deflate.level = LEVEL);
    serve_with(listener, Config::default().with(|config| config.deflate = Some(deflate)), |_| {})
}

/// Several loops.
pub fn serve_loops(port: u16, loops: Loops) -> io::Result<()> {
    let set_up = |server: &mut Server, _| routes(server);
    let cluster = Cluster::spawn((Ipv4Addr::LOCALHOST, port), Config::default(), loops, set_up);
    cluster.map_err(io::Error::other)?.join().map(|_| ())
}

pub(super) fn serve_with(listener: TcpListener, config: Config, set: impl FnOnce(&mut Server)) -> io::Result<()> {
    let mut server = Server::from_listener(listener, config)?;
    set(&mut server);
    routes(&mut server).map_err(io::Error::other)?;
    server.run()
}

fn routes(server: &mut Server) -> Result<(), RouteError> {
    server.route("/echo", || Echo)?;
    server.route("/room", || Member)
}
