//! The allowed differences in the opening handshake, each with its reason and a head that shows it.

use super::{
    head::Head,
    verdict::{Refusal, Verdict, request},
};
use crate::support::{accepted_head, request_head};
use statesocket::HandshakeError;

const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// An allowed difference on heads. A row applies only to a head that shows what the row is about, and only if the two
/// agree once that is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HandshakeRow {
    /// A head that is wrong in the middle: one of the two waits for its end.
    Early,
    /// tungstenite accepts a bare line feed as a line end. RFC 6455 section 4.1: the handshake "MUST be a valid HTTP
    /// request", whose lines end in CRLF. RFC 9112 section 2.2 lets a recipient be lenient, which allows request
    /// smuggling.
    BareLineFeed,
    /// tungstenite does not check `Origin`. RFC 6454 section 7.1 writes it in printable ASCII.
    Origin,
    /// tungstenite does not check `Host`. RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request)".
    Host,
    /// tungstenite accepts any target. RFC 6455 section 3: the target is a resource name, and has no fragment.
    Target,
    /// tungstenite ignores the body of a request, whose bytes would be read as frames.
    Body,
    /// tungstenite uses the first of several lines of a header. RFC 6455 section 11.3: it "MUST NOT appear more than
    /// once".
    Duplicate,
    /// tungstenite does not check the offered subprotocols. RFC 6455 section 4.1: tokens, which "MUST all be unique
    /// strings".
    Subprotocols,
    /// tungstenite does not check the offered extensions. RFC 6455 section 9.1: they "MUST conform to" its grammar.
    Extensions,
    /// tungstenite splits the first `Connection` line of a request at spaces, and expects a single word in a response.
    /// It ignores further lines. RFC 6455 section 4.1: the header has to "contain" the token; RFC 9110 section 5.6.1
    /// defines a list.
    ConnectionList,
    /// tungstenite accepts no list in the `Upgrade` of a request, and ignores further lines. RFC 6455 section 4.2.1:
    /// "containing the value 'websocket'".
    UpgradeList,
    /// tungstenite refuses bytes directly behind the request. RFC 9112 section 9.3.2 lets a client send on.
    Junk,
    /// tungstenite takes an interim response for the final one. RFC 9110 section 15.2: a client "MUST be able to parse
    /// one or more 1xx responses received prior to a final response".
    Interim,
    /// tungstenite does not check the chosen extensions. RFC 6455 section 4.1: one that was not offered "MUST" fail.
    ExtensionChosen,
    /// tungstenite insists on a subprotocol if some were offered. RFC 6455 section 4.2.2 lets the server choose none.
    NoSubprotocol,
    /// tungstenite accepts only HTTP/1.1. A later minor version may also ask for a WebSocket (RFC 6455 section 4.1: "at
    /// least 1.1"), and a rejection may have any minor version (RFC 9110 section 2.5).
    MinorVersion,
    /// tungstenite decodes the key, and refuses one whose last digit has bits that do not count. RFC 6455 section
    /// 4.2.2: "It is not necessary for the server to base64-decode the |Sec-WebSocket-Key| value."
    KeyBits,
    /// tungstenite refuses a folded header. RFC 9112 section 5.2: a user agent "MUST replace each received obs-fold
    /// with one or more SP octets".
    Fold,
}

impl HandshakeRow {
    pub(crate) const ALL: [Self; 18] = [
        Self::BareLineFeed,
        Self::Early,
        Self::Origin,
        Self::Junk,
        Self::Interim,
        Self::Host,
        Self::Target,
        Self::Body,
        Self::Duplicate,
        Self::Subprotocols,
        Self::Extensions,
        Self::ConnectionList,
        Self::UpgradeList,
        Self::ExtensionChosen,
        Self::NoSubprotocol,
        Self::MinorVersion,
        Self::KeyBits,
        Self::Fold,
    ];

    /// Whether this row explains the difference.
    pub(super) fn allows(self, side: Side, ours: &Verdict, theirs: &Verdict, head: &Head) -> bool {
        let refuses = |error: &HandshakeError| matches!(ours, Verdict::Refused(Refusal::Ours(ours)) if ours == error);
        let they_refuse = matches!(theirs, Verdict::Refused(_));
        let only_we_accept = they_refuse && matches!(ours, Verdict::Accepted { .. });
        let has = |name| !head.values(name).is_empty();
        match self {
            Self::Early => {
                let one_waits = [ours, theirs].contains(&&Verdict::Waits);
                one_waits && (they_refuse || matches!(ours, Verdict::Refused(_))) && !head.is_whole
            }
            Self::BareLineFeed => refuses(&HandshakeError::Malformed) && !head.is_crlf,
            Self::Origin => refuses(&HandshakeError::InvalidOrigin) && !head.has_plain_origin(),
            Self::Host => refuses(&HandshakeError::InvalidHost) && !head.has_plain_host(),
            Self::Target => refuses(&HandshakeError::InvalidTarget) && !head.has_plain_target(),
            Self::Body => refuses(&HandshakeError::RequestBody) && (has("Content-Length") || has("Transfer-Encoding")),
            Self::Duplicate => self.repeated(ours, head).is_some(),
            Self::Subprotocols => {
                let names = head.elements(PROTOCOL);
                let mut unique = names.clone();
                unique.sort();
                unique.dedup();
                let are_plain = unique.len() == names.len() && names.iter().all(|name| is_plain(name));
                refuses(&HandshakeError::InvalidSubprotocol) && has(PROTOCOL) && !are_plain
            }
            Self::Extensions => {
                let elements = head.elements(EXTENSIONS);
                let mut words = elements.iter().flat_map(|element| element.split([';', '='])).map(str::trim);
                refuses(&HandshakeError::InvalidExtensions) && has(EXTENSIONS) && !words.all(is_plain)
            }
            Self::ConnectionList => {
                let first = head.values("Connection").into_iter().next().unwrap_or_default();
                let is_listed = head.lists("Connection", "upgrade");
                let is_found = match side {
                    Side::Server => first.split([' ', ',']).any(|word| word.eq_ignore_ascii_case("upgrade")),
                    Side::Client => first.eq_ignore_ascii_case("upgrade"),
                };
                (only_we_accept && is_listed && !is_found)
                    || (refuses(&HandshakeError::ConnectionMissing) && !is_listed && is_found)
            }
            Self::UpgradeList => {
                let first = head.values("Upgrade").into_iter().next().unwrap_or_default();
                let is_listed = head.lists("Upgrade", "websocket");
                let is_found = first.eq_ignore_ascii_case("websocket");
                let only_we_refuse = refuses(&HandshakeError::UpgradeRequired) && !is_listed && is_found;
                side == Side::Server && ((only_we_accept && is_listed && !is_found) || only_we_refuse)
            }
            Self::Junk => *theirs == Verdict::Junk && !head.rest.is_empty(),
            Self::Interim => matches!(theirs, Verdict::Rejected(100 | 102..=199)) && head.is_whole,
            Self::ExtensionChosen => {
                let is_refused =
                    refuses(&HandshakeError::ExtensionNotOffered) || refuses(&HandshakeError::InvalidExtensions);
                side == Side::Client && is_refused && has(EXTENSIONS)
            }
            Self::NoSubprotocol => {
                let says = "SubProtocol error: Server sent no subprotocol";
                let is_why = matches!(theirs, Verdict::Refused(Refusal::Theirs(error)) if error.ends_with(says));
                only_we_accept && is_why && !has(PROTOCOL)
            }
            Self::MinorVersion => {
                let is_refused = matches!(ours, Verdict::Refused(_));
                they_refuse && !is_refused && head.is_whole && head.minor_version().is_some_and(|minor| minor != b'1')
            }
            Self::KeyBits => {
                let says = r#"Invalid "Sec-WebSocket-Key" header value"#;
                let is_why = matches!(theirs, Verdict::Refused(Refusal::Theirs(error)) if error.ends_with(says));
                only_we_accept && is_why && side == Side::Server
            }
            Self::Fold => {
                let is_refused = matches!(ours, Verdict::Refused(_));
                side == Side::Client && they_refuse && !is_refused && head.is_folded()
            }
        }
    }

    /// The same head without the difference.
    pub(super) fn repair(self, ours: &Verdict, head: &Head) -> Vec<u8> {
        match self {
            Self::Early => head.with_end(),
            Self::BareLineFeed => head.with_line_ends(),
            Self::Origin => head.with("Origin", "https://example.com").bytes(),
            Self::Host => head.with("Host", "server.example.com").bytes(),
            Self::Target => head.with_target("/chat").bytes(),
            Self::Body => head.without("Content-Length").without("Transfer-Encoding").bytes(),
            Self::Duplicate => {
                let name = self.repeated(ours, head).unwrap_or_default();
                head.with(name, &head.values(name)[0]).bytes()
            }
            Self::Subprotocols => head.without(PROTOCOL).bytes(),
            Self::Extensions | Self::ExtensionChosen => head.without(EXTENSIONS).bytes(),
            Self::ConnectionList => head.with("Connection", "Upgrade").bytes(),
            Self::UpgradeList => head.with("Upgrade", "websocket").bytes(),
            Self::Junk => head.alone().bytes(),
            Self::Interim => head.rest.clone(),
            Self::NoSubprotocol => head.with(PROTOCOL, "chat").bytes(),
            Self::MinorVersion => head.with_version_1_1().bytes(),
            Self::KeyBits => head.with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").bytes(),
            Self::Fold => head.unfolded().bytes(),
        }
    }

    /// The header that we refuse because it appears more than once.
    fn repeated<'v>(self, ours: &'v Verdict, head: &Head) -> Option<&'v str> {
        let Verdict::Refused(Refusal::Ours(error)) = ours else { return None };
        let name = match error {
            HandshakeError::DuplicateHeader(name) => name.as_str(),
            HandshakeError::UpgradeMissing => "Upgrade",
            _ => return None,
        };
        (head.values(name).len() > 1).then_some(name)
    }

    /// Input of `differential_handshake` that needs this row.
    pub(crate) fn example(self) -> Vec<u8> {
        let asks = |changes: &[(&str, &str)]| [&[0], request_head("/chat", changes).as_slice()].concat();
        let answers = |choice: u8, changes: &[(&str, &str)]| {
            [&[choice], accepted_head(&request(choice & 2 != 0), changes).as_slice()].concat()
        };
        match self {
            Self::BareLineFeed => b"\0GET /chat HTTP/1.1\nHost: a\r\n".to_vec(),
            Self::Early => b"\0GET /chat HTTP/1.1\r\nNo-Colon\r\n".to_vec(),
            Self::Origin => asks(&[("Origin", "caf\u{e9}")]),
            Self::Host => asks(&[("Host", "")]),
            Self::Target => [&[0], request_head("/chat#part", &[]).as_slice()].concat(),
            Self::Body => asks(&[("Content-Length", "5")]),
            Self::Duplicate => asks(&[("+Sec-WebSocket-Version", "13")]),
            Self::Subprotocols => asks(&[(PROTOCOL, "chat, chat")]),
            Self::Extensions => asks(&[(EXTENSIONS, "a;;b")]),
            Self::ConnectionList => answers(1, &[("Connection", "keep-alive, Upgrade")]),
            Self::UpgradeList => asks(&[("Upgrade", "h2c, websocket")]),
            Self::Junk => [asks(&[]), b"\x81".to_vec()].concat(),
            Self::Interim => [b"\x01HTTP/1.1 103 Early Hints\r\n\r\n", &answers(1, &[])[1..]].concat(),
            Self::ExtensionChosen => answers(1, &[(EXTENSIONS, "permessage-deflate")]),
            Self::NoSubprotocol => answers(3, &[]),
            Self::KeyBits => asks(&[("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==")]),
            Self::Fold => b"\x01HTTP/1.1 404 Not Found\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Self::MinorVersion => b"\x01HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    }
}

/// Whether `word` is certainly a token.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
