//! The request of a client, as bytes and for an HTTP library.

use super::{
    super::{
        expected::Expected,
        head::{write_header, write_headers},
        put_header,
    },
    Connect,
};
use crate::{config::Config, random::Random};
use data_encoding::BASE64;
use http::{
    HeaderMap, Method, Uri, Version,
    header::{CONNECTION, HeaderValue, UPGRADE},
};

/// The bytes reserved for a request, which most do not exceed.
const USUAL_LEN: usize = 256;

impl Connect {
    /// The request for an HTTP library to send, and the answer that it must get. `config` is that of the connection.
    ///
    /// Over HTTP/1.1 it is a GET with an `Upgrade` (RFC 6455 section 4.1), whose URI is the path and the query. For
    /// HTTP/2 and HTTP/3 it is an extended CONNECT with an `http` or `https` URI (RFC 8441 section 4, RFC 9220). The
    /// library must set its `:protocol` to `websocket`; hyper does with `hyper::ext::Protocol` among the extensions.
    ///
    /// ```
    /// use statesocket::{Config, handshake::Connect, http};
    ///
    /// let (connect, config) = (Connect::new("wss://example.com/ws")?.subprotocol("chat")?, Config::default());
    /// let (request, expected) = connect.to_request(http::Version::HTTP_2, &config);
    /// assert_eq!((request.method(), request.uri()), (&http::Method::CONNECT, &"https://example.com/ws".parse()?));
    /// # let send = |_| http::Response::builder().header("sec-websocket-protocol", "chat").body(());
    /// let response = send(request)?;
    /// let agreed = expected.check(&response, &config)?;
    /// // Once the library has upgraded: `Connection::established(Role::Client, agreed, ...)`.
    /// assert_eq!(agreed.subprotocol.as_deref(), Some("chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_request(&self, version: Version, config: &Config) -> (http::Request<()>, Expected) {
        let is_connect = version >= Version::HTTP_2;
        let key = (!is_connect).then(|| self.draw_key(&mut self.random()));
        let host = format!("{}{}", self.host(), self.port_suffix());
        let mut request = http::Request::new(());
        let mut headers = HeaderMap::new();
        let mut uri = Uri::builder();
        if is_connect {
            *request.method_mut() = Method::CONNECT;
            *request.version_mut() = version;
            uri = uri.scheme(if self.is_secure() { "https" } else { "http" }).authority(host);
        } else {
            put_header(&mut headers, "Host", host.as_bytes());
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        *request.uri_mut() = uri.path_and_query(self.resource().concat()).build().expect("these are parts of a URI");
        self.write_offers(key.as_deref(), config, |name, value| put_header(&mut headers, name, value));
        headers.extend(self.headers.clone());
        *request.headers_mut() = headers;
        (request, self.expected(key.as_deref()))
    }

    pub(crate) fn random(&self) -> Random {
        self.seed.map_or_else(Random::from_system, Random::from_seed)
    }

    /// The key of a new handshake, in base64.
    pub(crate) fn draw_key(&self, random: &mut Random) -> String {
        BASE64.encode(&self.key.unwrap_or_else(|| random.nonce()))
    }

    /// What the answer to a request with `key` must be.
    pub(crate) fn expected(&self, key: Option<&str>) -> Expected {
        let expected = Expected::new(key, &self.subprotocols, self.seed);
        #[cfg(feature = "deflate")]
        let expected = expected.without_deflate(self.is_without_deflate);
        expected
    }

    /// Appends the request (section 4.1) with the given `Sec-WebSocket-Key`.
    pub(crate) fn encode(&self, key: &str, config: &Config, output: &mut Vec<u8>) {
        output.reserve(USUAL_LEN);
        output.extend_from_slice(b"GET ");
        for part in self.resource() {
            output.extend_from_slice(part.as_bytes());
        }
        for part in [" HTTP/1.1\r\nHost: ", self.host(), &self.port_suffix()] {
            output.extend_from_slice(part.as_bytes());
        }
        output.extend_from_slice(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        self.write_offers(Some(key), config, |name, value| write_header(output, name, value));
        write_headers(output, &self.headers);
        output.extend_from_slice(b"\r\n");
    }

    /// The path, and "?" and the query (section 3: "/" if the path is empty; the query if it is not empty).
    fn resource(&self) -> [&str; 3] {
        let query = self.uri.query().filter(|query| !query.is_empty());
        let (mark, query) = query.map_or(("", ""), |query| ("?", query));
        [self.uri.path(), mark, query]
    }

    /// ":" and the port, unless it is the default one.
    fn port_suffix(&self) -> String {
        if self.port() == self.default_port() { String::new() } else { format!(":{}", self.port()) }
    }

    /// Writes the headers that are the same over every version of HTTP, and the key.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "only extensions depend on `config`"))]
    fn write_offers(&self, key: Option<&str>, config: &Config, mut write: impl FnMut(&str, &[u8])) {
        write("Sec-WebSocket-Version", b"13");
        if let Some(key) = key {
            write("Sec-WebSocket-Key", key.as_bytes());
        }
        if !self.subprotocols.is_empty() {
            write("Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = config.deflate.as_ref().filter(|_| !self.is_without_deflate) {
            write("Sec-WebSocket-Extensions", super::super::deflate::offer(deflate).as_bytes());
        }
    }
}
