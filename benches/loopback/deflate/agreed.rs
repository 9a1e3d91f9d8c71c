//! What a server has answered to the offer.

use std::fmt;

/// The parameters of permessage-deflate that a client has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub client: Direction,
    pub server: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    pub bits: u8,
    pub has_takeover: bool,
}

impl Agreed {
    /// Every message by itself.
    pub const ALONE: Self = {
        let alone = Direction { bits: 15, has_takeover: false };
        Self { client: alone, server: alone }
    };

    /// From the head of a response.
    ///
    /// # Errors
    /// The server does not compress, or answers with what no client of this bench can do.
    pub fn parse(head: &str) -> Result<Self, String> {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let value = fields
            .find_map(|(name, value)| name.eq_ignore_ascii_case("Sec-WebSocket-Extensions").then(|| value.trim()));
        let value = value.ok_or("the server does not compress")?;
        let unknown = || format!("the server answers `{value}`");
        let mut params = value.split(';').map(str::trim);
        if params.next() != Some("permessage-deflate") {
            return Err(unknown());
        }
        let takeover = Direction { bits: 15, has_takeover: true };
        let mut agreed = Self { client: takeover, server: takeover };
        for param in params {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            let bits = || value.parse().ok().filter(|bits| (9..=15).contains(bits)).ok_or_else(unknown);
            match name {
                "server_no_context_takeover" => agreed.server.has_takeover = false,
                "client_no_context_takeover" => agreed.client.has_takeover = false,
                "server_max_window_bits" => agreed.server.bits = bits()?,
                "client_max_window_bits" => agreed.client.bits = bits()?,
                _ => return Err(unknown()),
            }
        }
        Ok(agreed)
    }
}

/// The bits of the window, if messages refer to earlier ones.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_takeover { write!(f, "{}", self.bits) } else { f.write_str("none") }
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.client, self.server)
    }
}
