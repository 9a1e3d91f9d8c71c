//! The workloads with compression.

use statesocket_benches::wire::size_name;
use std::fmt;

/// What the clients offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// As browsers do.
    Takeover,
    /// The server may refer 4 KiB back, too.
    Window,
    /// Every message by itself.
    Alone,
}

#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub offer: Offer,
    /// One connection sends, and every connection gets each message.
    pub is_room: bool,
    pub len: usize,
    pub connections: usize,
    /// Messages that each connection has in flight.
    pub in_flight: usize,
}

impl Offer {
    pub const ALL: [Self; 3] = [Self::Takeover, Self::Window, Self::Alone];

    /// The value of the header.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Takeover => "permessage-deflate; client_max_window_bits",
            Self::Window => "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
            Self::Alone => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
            }
        }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Takeover => "takeover",
            Self::Window => "takeover, 4 KiB",
            Self::Alone => "no takeover",
        })
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offer, is_room, len, connections, in_flight } = self;
        let room = if *is_room { "room, " } else { "" };
        write!(f, "{room}{offer}: {}, C={connections} P={in_flight}", size_name(*len))
    }
}

/// Sizes with many connections in turn and with one in a row, many more connections, and a room.
pub fn all() -> Vec<Workload> {
    let workload = |offer, len, connections, in_flight| Workload { offer, is_room: false, len, connections, in_flight };
    let mut all = Vec::new();
    for offer in Offer::ALL {
        for len in [100, 1 << 10, 16 << 10] {
            all.extend([workload(offer, len, 50, 1), workload(offer, len, 1, 8)]);
        }
        all.push(workload(offer, 1 << 10, 1_000, 1));
    }
    for offer in [Offer::Takeover, Offer::Alone] {
        let rooms = [1 << 10, 16 << 10].map(|len| workload(offer, len, 1_000, 1));
        all.extend(rooms.map(|room| Workload { is_room: true, ..room }));
    }
    all
}
