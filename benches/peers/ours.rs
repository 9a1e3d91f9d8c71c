//! The connection of this crate, driven as an event loop drives it.

use crate::{
    driver::{Driver, Refusal, Sample},
    socket::{Socket, Stream},
};
use statesocket::{Agreed, Config, Connection, Event, Message, OutputBuffer, Role};
use std::{hint::black_box, rc::Rc, sync::Arc, time::Instant};

pub struct Ours {
    socket: Rc<Socket>,
    connection: Connection,
    message: Message<'static>,
    now: Instant,
    /// The read buffer.
    buffer: Vec<u8>,
    /// The buffer that is lent for output.
    spare: OutputBuffer,
}

impl Ours {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let message = if sample.is_text { Message::from(sample.into_text()) } else { Message::from(sample.payload) };
        let (config, now) = (Arc::<Config>::default(), Instant::now());
        let connection = Connection::established(Role::Server, Agreed::new(), config, now);
        Self { socket, connection, message, now, buffer: Vec::new(), spare: OutputBuffer::default() }
    }

    fn write(&mut self) {
        self.connection.write_to(Stream(Rc::clone(&self.socket))).expect("it can be written");
    }
}

impl Driver for Ours {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.buffer.clear();
        self.socket.read(&mut self.buffer);
        if echo {
            self.connection.lend_buffer(&mut self.spare);
        }
        let mut result = Ok(());
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut input = buffer.as_mut_slice();
        // A full output holds the rest of a read back until it is written.
        loop {
            while let Some(event) = self.connection.receive(&mut input, self.now) {
                match event {
                    Event::Message(message) => {
                        self.socket.deliver(matches!(message, Message::Text(_)), message.as_bytes());
                        if echo {
                            self.connection.send(message).expect("there is room for an echo");
                        }
                    }
                    Event::Disconnect(end) => result = Err(format!("{:?}", end.cause)),
                    other => panic!("only messages are sent: {other:?}"),
                }
            }
            if echo {
                self.write();
            }
            if input.is_empty() {
                break;
            }
        }
        if echo {
            self.connection.reclaim_buffer(&mut self.spare);
        }
        self.buffer = buffer;
        result
    }

    fn send(&mut self, count: usize) {
        self.connection.lend_buffer(&mut self.spare);
        for _ in 0..count {
            self.connection.send(black_box(&self.message)).expect("there is room");
        }
        self.write();
        self.connection.reclaim_buffer(&mut self.spare);
    }
}
