//! This crate's event loop with its defaults: UTF-8, masks, every limit, and every timer except the idle one.

use statesocket::{
    Config, Message,
    server::{Handler, Server, Session},
};
use std::{io, net::TcpListener};

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        if let Err(error) = session.send(message) {
            session.ensure_closed(1011, &error.to_string());
        }
    }
}

pub fn serve(listener: TcpListener) -> io::Result<()> {
    let mut server = Server::from_listener(listener, Config::default())?;
    server.route("/echo", || Echo).map_err(io::Error::other)?;
    server.run()
}
