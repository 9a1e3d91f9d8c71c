//! `Sec-WebSocket-Extensions` (RFC 6455 section 9.1).

use super::grammar::{Budget, ListFault, Malformed, is_token, trim};
use crate::error::HandshakeError;
use http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS};

/// One element of a `Sec-WebSocket-Extensions` header: a name and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Extension {
    /// The registered name, such as `permessage-deflate`.
    pub name: String,
    /// The parameters in order, each with its value if it has one, without quotes.
    pub params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// The extensions in the `Sec-WebSocket-Extensions` of `headers`, all its lines in order. A
    /// [`Request`](super::Request) has them in [`extensions`](super::Request::extensions).
    ///
    /// ```
    /// use statesocket::{handshake::Extension, http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS}};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("foo; bar=\"2\", foo"));
    /// let [first, second] = &Extension::all(&headers, 100)?[..] else { panic!() };
    /// assert_eq!((first.name.as_str(), second.name.as_str()), ("foo", "foo"));
    /// assert_eq!(first.params, [("bar".to_owned(), Some("2".to_owned()))]);
    /// # Ok::<(), statesocket::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    /// [`HandshakeError::InvalidExtensions`] if the header does not follow the grammar, and
    /// [`HandshakeError::TooManyElements`] if there are more than `max_elements`, as for
    /// [`Config::max_list_elements`](crate::Config::max_list_elements).
    pub fn all(headers: &HeaderMap, max_elements: usize) -> Result<Vec<Self>, HandshakeError> {
        parse_all(headers, Budget(max_elements))
            .map_err(|fault| fault.into_error(max_elements, HandshakeError::InvalidExtensions))
    }
}

fn parse_all(headers: &HeaderMap, mut budget: Budget) -> Result<Vec<Extension>, ListFault> {
    let (mut extensions, mut has_lines) = (Vec::new(), false);
    for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        has_lines = true;
        let value = value.to_str().map_err(|_| Malformed)?;
        // A comma inside a quoted string is an error in any case: the unquoted value must be a token.
        for element in value.split(',').map(trim) {
            budget.take(1 + element.bytes().filter(|byte| *byte == b';').count())?;
            if !element.is_empty() {
                extensions.push(parse(element)?);
            }
        }
    }
    if extensions.is_empty() && has_lines { Err(ListFault::Malformed) } else { Ok(extensions) }
}

/// `extension = extension-token *( ";" extension-param )`
fn parse(element: &str) -> Result<Extension, Malformed> {
    let mut parts = element.split(';').map(trim);
    let name = parts.next().filter(|name| is_token(name)).ok_or(Malformed)?.to_owned();
    let mut params = Vec::new();
    for param in parts {
        params.push(parse_param(param)?);
    }
    Ok(Extension { name, params })
}

/// `extension-param = token [ "=" (token | quoted-string) ]`, where "the value after quoted-string unescaping MUST
/// conform to the 'token' ABNF".
fn parse_param(param: &str) -> Result<(String, Option<String>), Malformed> {
    let (name, value) = match param.split_once('=') {
        Some((name, value)) => (trim(name), Some(unquote(trim(value))?)),
        None => (param, None),
    };
    let is_valid = is_token(name) && value.as_deref().is_none_or(is_token);
    if is_valid { Ok((name.to_owned(), value)) } else { Err(Malformed) }
}

/// The text without the quotes and escapes of a quoted string (RFC 9110 section 5.6.4). An unescaped quote inside
/// stays, so the result is not a token.
fn unquote(value: &str) -> Result<String, Malformed> {
    let Some(rest) = value.strip_prefix('"') else { return Ok(value.to_owned()) };
    let inner = rest.strip_suffix('"').ok_or(Malformed)?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(next) = chars.next() {
        text.push(if next == '\\' { chars.next().ok_or(Malformed)? } else { next });
    }
    Ok(text)
}
