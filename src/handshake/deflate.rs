//! Agreeing on permessage-deflate (RFC 7692 section 7.1), for handshakes that are done elsewhere: by an HTTP server, or
//! over HTTP/2. A [`Connection`](crate::Connection) that does its own handshake needs none of this.
//!
//! ```
//! use statesocket::{
//!     Agreed, Config, Connection, Deflate, Role,
//!     handshake::{Extension, deflate},
//!     http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS},
//! };
//! use std::{sync::Arc, time::Instant};
//!
//! let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
//! request.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("foo, permessage-deflate"));
//!
//! let config = Config::default().with(|config| config.deflate = Some(Deflate::default()));
//! let offered = Extension::all(&request, config.max_list_elements)?;
//! let mut agreed = Agreed::new();
//! if let Some((header, deflate)) = deflate::answer(&offered, &Deflate::default()) {
//!     assert_eq!(header, "permessage-deflate; client_no_context_takeover");
//!     response.insert(SEC_WEBSOCKET_EXTENSIONS, header);
//!     agreed = agreed.deflate(deflate);
//! }
//! let connection = Connection::established(Role::Server, agreed, Arc::new(config), Instant::now());
//! assert!(connection.deflate().is_some_and(|deflate| !deflate.has_takeover(Role::Client)));
//!
//! // The other end has sent the offer, and reads the answer.
//! let answered = Extension::all(&response, 100)?;
//! assert_eq!(deflate::agree(&offered, &answered), Ok(connection.deflate()));
//! # Ok::<(), statesocket::HandshakeError>(())
//! ```

use super::{extension::Extension, grammar::is_digits};
use crate::{
    deflate::{AgreedDeflate, Deflate, Direction, MAX_BITS, MIN_BITS, Window},
    error::{HandshakeError, InvalidDeflate},
};
use http::HeaderValue;
use std::{fmt, mem};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The value of `Sec-WebSocket-Extensions` with which a client offers `deflate`: `permessage-deflate;
/// client_max_window_bits` by default. There are two offers, in order of preference (RFC 7692 section 7.1.3), if
/// [`Deflate::client_receive_history`] is limited.
///
/// ```
/// use statesocket::{Deflate, Window, handshake::deflate};
///
/// let limited = Deflate::default().with(|deflate| deflate.client_receive_history = Window::KiB1);
/// let offers = "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
///               permessage-deflate; server_no_context_takeover; client_max_window_bits";
/// assert_eq!(deflate::offer(&limited), offers);
/// ```
#[must_use]
pub fn offer(deflate: &Deflate) -> HeaderValue {
    let offers: Vec<_> = offers(deflate).map(|offer| offer.to_string()).collect();
    header(offers.join(", "))
}

/// The answer of a server to what the client has `offered`: the value of `Sec-WebSocket-Extensions`, and what is agreed
/// on. `None` if there is no offer that a server can take; then the response has no such header.
///
/// The first valid offer is taken. Section 7: "A server MUST decline an extension negotiation offer for this extension"
/// with an unknown parameter, an invalid value, or two parameters of one name. The module has an example.
#[must_use]
pub fn answer(offered: &[Extension], deflate: &Deflate) -> Option<(HeaderValue, AgreedDeflate)> {
    let mut offers = offered.iter().filter(|extension| extension.name == NAME);
    let offer = offers.find_map(|extension| Params::parse(extension, Side::Offer).ok())?;
    let bits = deflate.receive_history.bits();
    let client_window = offer.client_window.and_then(|hint| {
        let bits = hint.unwrap_or(MAX_BITS).min(bits?);
        (bits < MAX_BITS).then_some(Some(bits))
    });
    let is_limited = client_window.is_some() || bits == Some(MAX_BITS);
    let answer = Params {
        // Section 7.1.1.1: a server that takes the offer of this parameter includes it.
        server_forgets: offer.server_forgets || deflate.send_history == Window::None,
        client_forgets: offer.client_forgets || !is_limited,
        server_window: offer.server_window,
        client_window,
    };
    Some((header(answer.to_string()), answer.agreed()))
}

/// What is agreed on by the extensions that a server has `answered` to those that its client has `offered`; `None` if
/// it answered with none.
///
/// # Errors
/// [`HandshakeError::InvalidDeflate`] if the answer is wrong, or fits none of the offers, and
/// [`HandshakeError::ExtensionNotOffered`] if it has any other extension. RFC 6455 section 4.1 and RFC 7692 section 7
/// have the client fail the connection. The module has an example.
pub fn agree(offered: &[Extension], answered: &[Extension]) -> Result<Option<AgreedDeflate>, HandshakeError> {
    let offers = offered.iter().filter(|extension| extension.name == NAME);
    agree_on(offers.filter_map(|extension| Params::parse(extension, Side::Offer).ok()), answered)
}

/// The same for a client that has sent [`offer`], or nothing if there is no `deflate`.
pub(super) fn agree_on_own(
    deflate: Option<&Deflate>,
    answered: &[Extension],
) -> Result<Option<AgreedDeflate>, HandshakeError> {
    agree_on(deflate.into_iter().flat_map(offers), answered)
}

fn agree_on(
    offers: impl Iterator<Item = Params>,
    answered: &[Extension],
) -> Result<Option<AgreedDeflate>, HandshakeError> {
    let mut offers = offers.peekable();
    let Some(first) = answered.first() else { return Ok(None) };
    if offers.peek().is_none() || answered.iter().any(|extension| extension.name != NAME) {
        return Err(HandshakeError::ExtensionNotOffered);
    }
    if answered.len() > 1 {
        return Err(InvalidDeflate::Repeated.into());
    }
    let answer = Params::parse(first, Side::Answer)?;
    // The last offer is the one that asks for least, so its reason counts.
    let mut verdict = Ok(());
    for offer in offers {
        verdict = answer.check(offer);
        if verdict.is_ok() {
            break;
        }
    }
    verdict?;
    Ok(Some(answer.agreed()))
}

/// The offers of a client, in order of preference. An offer of [`Deflate::send_history`] would be a hint that some
/// servers cannot read, so the client just does what it says.
fn offers(deflate: &Deflate) -> impl Iterator<Item = Params> {
    let history = deflate.client_receive_history;
    let unlimited =
        Params { client_forgets: deflate.send_history == Window::None, client_window: Some(None), ..Params::default() };
    let [first, second] = match history.bits() {
        Some(MAX_BITS) => [Some(unlimited), None],
        bits => {
            let limited = bits.map(|bits| Params { server_window: Some(bits), ..unlimited });
            [limited, Some(Params { server_forgets: true, ..unlimited })]
        }
    };
    first.into_iter().chain(second)
}

/// Whether parameters are those of an offer or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Offer,
    Answer,
}

/// The parameters of one offer or answer, each of which is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Params {
    /// `server_no_context_takeover`.
    server_forgets: bool,
    /// `client_no_context_takeover`.
    client_forgets: bool,
    /// `server_max_window_bits`.
    server_window: Option<u8>,
    /// `client_max_window_bits`, which needs no value in an offer.
    client_window: Option<Option<u8>>,
}

impl Params {
    /// Reads the parameters by section 7.1. Their order is of no account.
    fn parse(extension: &Extension, side: Side) -> Result<Self, InvalidDeflate> {
        let mut params = Self::default();
        for (name, value) in &extension.params {
            let value = value.as_deref();
            let (name, is_first) = match name.as_str() {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    (SERVER_NO_CONTEXT_TAKEOVER, !mem::replace(&mut params.server_forgets, true))
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    (CLIENT_NO_CONTEXT_TAKEOVER, !mem::replace(&mut params.client_forgets, true))
                }
                SERVER_MAX_WINDOW_BITS => {
                    let bits = value.and_then(parse_bits);
                    let bits = bits.ok_or(InvalidDeflate::InvalidValue(SERVER_MAX_WINDOW_BITS))?;
                    (SERVER_MAX_WINDOW_BITS, params.server_window.replace(bits).is_none())
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = value.and_then(parse_bits);
                    // Section 7.1.2.2: only the value in an offer is optional.
                    if bits.is_none() && (value.is_some() || side == Side::Answer) {
                        return Err(InvalidDeflate::InvalidValue(CLIENT_MAX_WINDOW_BITS));
                    }
                    (CLIENT_MAX_WINDOW_BITS, params.client_window.replace(bits).is_none())
                }
                other => return Err(InvalidDeflate::UnknownParameter(other.to_owned())),
            };
            if value.is_some() && matches!(name, SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER) {
                return Err(InvalidDeflate::InvalidValue(name));
            }
            if !is_first {
                return Err(InvalidDeflate::DuplicateParameter(name));
            }
        }
        Ok(params)
    }

    /// Checks this answer against one offer.
    fn check(&self, offer: Self) -> Result<(), InvalidDeflate> {
        if self.client_window.is_some() && offer.client_window.is_none() {
            return Err(InvalidDeflate::ClientWindowNotOffered);
        }
        if offer.server_forgets && !self.server_forgets {
            return Err(InvalidDeflate::ServerTakesOver);
        }
        if offer.server_window.is_some_and(|limit| self.server_window.is_none_or(|bits| bits > limit)) {
            return Err(InvalidDeflate::ServerWindowTooLarge);
        }
        Ok(())
    }

    /// What this answer agrees on. Section 7.1.2: without a parameter, a window has 15 bits.
    fn agreed(&self) -> AgreedDeflate {
        let client = Direction::new(self.client_window.flatten().unwrap_or(MAX_BITS), !self.client_forgets);
        let server = Direction::new(self.server_window.unwrap_or(MAX_BITS), !self.server_forgets);
        AgreedDeflate::new(client, server)
    }
}

/// One element of `Sec-WebSocket-Extensions`.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_forgets {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_window {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        match self.client_window {
            None => {}
            Some(None) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}")?,
            Some(Some(bits)) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}")?,
        }
        if self.client_forgets {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        Ok(())
    }
}

/// Section 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn parse_bits(value: &str) -> Option<u8> {
    let is_number = is_digits(value) && !value.starts_with('0');
    value.parse().ok().filter(|bits| is_number && (MIN_BITS..=MAX_BITS).contains(bits))
}

fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("names and numbers are visible characters")
}
