//! A server's end of an open connection, of ours or of a peer.

use crate::{
    frames::{SansIo, Soketto},
    messages::{Rsws, Sockudo, Tungstenite},
    ours::Ours,
    polled::{Fast, TokioWebsockets},
    socket::Socket,
};
use std::rc::Rc;

/// The largest message and frame that anybody is to take.
pub const MAX_BYTES: usize = 16 << 20;

/// What was wrong with what was read.
pub type Refusal = String;

/// The message that is sent, if any is.
#[derive(Clone)]
pub struct Sample {
    pub is_text: bool,
    pub payload: Vec<u8>,
}

pub trait Peer {
    /// Reads what has arrived at the socket, and delivers each message to it. With `echo`, sends each back, as late as
    /// the interface allows, so that one write does for several.
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal>;

    /// Sends the sample so many times.
    fn send(&mut self, count: usize);
}

pub struct Kind {
    /// Its package.
    pub name: &'static str,
    /// What of it is called, and how it is configured.
    pub what: &'static str,
    pub connect: fn(Rc<Socket>, Sample) -> Box<dyn Peer>,
}

/// Ours is the first.
pub const ALL: [Kind; 8] = [
    Kind {
        name: "statesocket",
        what: "`Connection`, a lent output buffer",
        connect: |socket, sample| Box::new(Ours::new(socket, sample)),
    },
    Kind {
        name: "tungstenite",
        what: "`WebSocketContext`",
        connect: |socket, sample| Box::new(Tungstenite::new(socket, sample)),
    },
    Kind {
        name: "sockudo-ws",
        what: "`Protocol::process_into`, `encode_message`; features simd, fastrand",
        connect: |socket, sample| Box::new(Sockudo::new(socket, sample)),
    },
    Kind {
        name: "tokio-websockets",
        what: "`WebSocketStream`, polled by hand; flush threshold 64 KiB",
        connect: |socket, sample| Box::new(TokioWebsockets::new(socket, sample)),
    },
    Kind {
        name: "fastwebsockets",
        what: "`FragmentCollector`, polled by hand; feature simd",
        connect: |socket, sample| Box::new(Fast::new(socket, sample)),
    },
    Kind {
        name: "rsws",
        what: "`Frame::parse`, `FrameValidator`, `MessageAssembler`, `Frame::write`",
        connect: |socket, sample| Box::new(Rsws::new(socket, sample)),
    },
    Kind {
        name: "websocket-sans-io",
        what: "frames only: `WebsocketFrameDecoder`, `encode_frame_header`",
        connect: |socket, sample| Box::new(SansIo::new(socket, sample)),
    },
    Kind {
        name: "soketto",
        what: "frames only: `base::Codec`",
        connect: |socket, sample| Box::new(Soketto::new(socket, sample)),
    },
];
