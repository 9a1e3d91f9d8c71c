//! The implementations that are compared.

use crate::{
    driver::{Driver, Sample},
    frames::{SansIo, Soketto},
    messages::{Rsws, Sockudo, Tungstenite},
    ours::Ours,
    polled::{Fast, TokioWebsockets},
    socket::Socket,
};
use std::rc::Rc;

pub struct Implementation {
    /// Its package.
    pub name: &'static str,
    /// The part of its API that is called, and its configuration.
    pub what: &'static str,
    pub connect: fn(Rc<Socket>, Sample) -> Box<dyn Driver>,
}

/// The first is this crate.
pub const ALL: [Implementation; 8] = [
    Implementation {
        name: "statesocket",
        what: "`Connection`, a lent output buffer",
        connect: |socket, sample| Box::new(Ours::new(socket, sample)),
    },
    Implementation {
        name: "tungstenite",
        what: "`WebSocketContext`",
        connect: |socket, sample| Box::new(Tungstenite::new(socket, sample)),
    },
    Implementation {
        name: "sockudo-ws",
        what: "`Protocol::process_into`, `encode_message`; features simd, fastrand",
        connect: |socket, sample| Box::new(Sockudo::new(socket, sample)),
    },
    Implementation {
        name: "tokio-websockets",
        what: "`WebSocketStream`, polled by hand; flush threshold 64 KiB",
        connect: |socket, sample| Box::new(TokioWebsockets::new(socket, sample)),
    },
    Implementation {
        name: "fastwebsockets",
        what: "`FragmentCollector`, polled by hand; feature simd",
        connect: |socket, sample| Box::new(Fast::new(socket, sample)),
    },
    Implementation {
        name: "rsws",
        what: "`Frame::parse`, `FrameValidator`, `MessageAssembler`, `Frame::write`",
        connect: |socket, sample| Box::new(Rsws::new(socket, sample)),
    },
    Implementation {
        name: "websocket-sans-io",
        what: "frames only: `WebsocketFrameDecoder`, `encode_frame_header`",
        connect: |socket, sample| Box::new(SansIo::new(socket, sample)),
    },
    Implementation {
        name: "soketto",
        what: "frames only: `base::Codec`",
        connect: |socket, sample| Box::new(Soketto::new(socket, sample)),
    },
];
