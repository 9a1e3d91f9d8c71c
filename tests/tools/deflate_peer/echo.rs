//! Messages that go back.

use super::Choices;
use statesocket::{
    CloseCode, Connection, Message, SendError,
    handshake::{Accept, Request},
    server::{Handler, Server, Session},
};
use std::{error::Error, io, thread};

/// An echo server, until the end of the input.
pub(super) fn serve(choices: Choices) -> Result<(), Box<dyn Error>> {
    let mut server = Server::bind("127.0.0.1:0", choices.config())?;
    server.route("/", move || Echo(choices.fragments))?;
    println!("listening on http://{}", server.local_addr());
    let handle = server.handle();
    thread::spawn(move || {
        // Whatever ends the input, the server is to stop; an error means that it has stopped by itself.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = handle.stop();
    });
    Ok(server.run()?)
}

struct Echo(Option<usize>);

impl Handler for Echo {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        report(session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        if let Err(error) = to_session(session, &message, self.0) {
            session.ensure_closed(CloseCode::INTERNAL_ERROR, &error.to_string());
        }
    }
}

/// Prints what is agreed on.
pub(super) fn report(connection: &Connection) {
    match connection.deflate() {
        Some(agreed) => println!("permessage-deflate: {agreed}"),
        None => println!("no compression"),
    }
}

/// The same function for a session and for a connection, which have the same methods.
macro_rules! echo_to {
    ($name:ident, $target:ty) => {
        pub(super) fn $name(target: &mut $target, message: &Message<'_>, len: Option<usize>) -> Result<(), SendError> {
            let Some(len) = len.filter(|len| *len < message.len()) else {
                return target.send(message.clone());
            };
            match message {
                Message::Text(text) => {
                    let (mut rest, mut begun) = (&**text, false);
                    while !rest.is_empty() {
                        let end = (len.max(4).min(rest.len())..).find(|at| rest.is_char_boundary(*at));
                        let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
                        if begun { target.continue_text(piece, behind.is_empty()) } else { target.begin_text(piece) }?;
                        (rest, begun) = (behind, true);
                    }
                }
                Message::Binary(bytes) => {
                    target.begin_binary(&[])?;
                    let pieces = bytes.chunks(len.max(1));
                    let last = pieces.len() - 1;
                    for (n, piece) in pieces.enumerate() {
                        target.continue_binary(piece, n == last)?;
                    }
                }
            }
            Ok(())
        }
    };
}

echo_to!(to_session, Session<'_>);
echo_to!(to_connection, Connection);
