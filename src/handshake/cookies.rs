//! The cookies of a request (RFC 6265).

use super::{grammar::trim, request::Request};
use http::header::COOKIE;

impl Request {
    /// The value of the cookie `name`; `None` if the client has sent none. Names have a case.
    ///
    /// If there are several, it is the value of the first, which a browser sends for the longest path (RFC 6265 section
    /// 5.4). Section 4.2.2 warns: "servers SHOULD NOT rely upon the order in which these cookies appear".
    ///
    /// ```
    /// # use statesocket::{Config, Connection, Event};
    /// # use std::{sync::Arc, time::Instant};
    /// # let mut bytes = *b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    /// #     Cookie: session=2YotnFZF; theme=\"dark\"\r\n\r\n";
    /// # let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    /// # let event = connection.receive(&mut &mut bytes[..], Instant::now());
    /// # let Some(Event::Request(request)) = event else { panic!() };
    /// // Cookie: session=2YotnFZF; theme="dark"
    /// assert_eq!(request.cookie("session"), Some("2YotnFZF"));
    /// assert_eq!(request.cookie("theme").map(|theme| theme.trim_matches('"')), Some("dark"));
    /// assert_eq!(request.cookies().map(|(name, _)| name).collect::<Vec<_>>(), ["session", "theme"]);
    /// ```
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The names and values of all cookies, in order, of all `Cookie` headers (section 4.2.1).
    ///
    /// A value is handed out as it came: nothing is decoded, and double quotes around it belong to it (section 4.1.1),
    /// as in the crate `cookie`; Starlette removes them. A cookie that is not UTF-8 or has no name is left out, and so
    /// is text without a `=`. The other cookies of the header are not.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.headers().get_all(COOKIE).into_iter();
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).filter_map(pair)
    }
}

/// The name and the value of a cookie, without white space around them, as section 5.2 splits a cookie.
fn pair(text: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(text).ok()?.split_once('=')?;
    let (name, value) = (trim(name), trim(value));
    (!name.is_empty()).then_some((name, value))
}
