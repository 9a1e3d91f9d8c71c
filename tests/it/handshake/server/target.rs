//! The request target, and `Host`.

use super::why;
use crate::support::{
    handshake::{refusal, request},
    request_head,
};
use statesocket::{Config, HandshakeError};

#[test]
fn hs1_the_target_is_a_resource_name_or_an_absolute_uri() {
    for (target, path, query, url) in [
        ("/", "/", None, "ws://server.example.com/"),
        ("/?", "/", Some(""), "ws://server.example.com/?"),
        ("/chat?a=1&b=%C3%BC?x", "/chat", Some("a=1&b=%C3%BC?x"), "ws://server.example.com/chat?a=1&b=%C3%BC?x"),
        ("//other/x", "//other/x", None, "ws://server.example.com//other/x"),
        ("/%00%0D%0A", "/%00%0D%0A", None, "ws://server.example.com/%00%0D%0A"),
        ("http://other:81/x?y", "/x", Some("y"), "ws://other:81/x?y"),
        ("https://other", "/", None, "ws://other/"),
        ("ws://other?y", "/", Some("y"), "ws://other/?y"),
        ("wss://[::1]:8443/x", "/x", None, "ws://[::1]:8443/x"),
        ("HTTP://other/x", "/x", None, "ws://other/x"),
    ] {
        let request = request(Config::default(), &request_head(target, &[]));
        assert_eq!((request.path(), request.raw_query()), (path, query), "{target}");
        assert_eq!(request.url("ws"), url, "{target}");
    }
}

#[test]
fn hs1_a_repeated_name_in_the_query_has_its_last_value() {
    let of = |target| request(Config::default(), &request_head(target, &[]));
    let request = of("/chat?name=Ann&n%61me=B%C3%B6b+1&empty=&flag&na=x");
    for (name, value) in
        [("name", Some("B\u{f6}b 1")), ("empty", Some("")), ("flag", Some("")), ("nam", None), ("NAME", None)]
    {
        assert_eq!(request.query(name).as_deref(), value, "{name}");
    }
    assert_eq!((of("/chat").query("name"), of("/chat?").query("")), (None, None));
}

#[test]
fn hs1_any_other_target_is_answered_with_400() {
    for target in [
        "*",
        "?x",
        "server.example.com:80",
        "chat",
        "ftp://other/",
        "http:///x",
        "http://",
        "/a#b",
        "/#",
        "http://o/#b",
    ] {
        let error = refusal(Config::default(), &request_head(target, &[])).0;
        assert_eq!(error, HandshakeError::InvalidTarget, "{target}");
    }
}

/// RFC 3986 section 3.1: schemes are case-insensitive.
#[test]
fn hs1_the_scheme_of_an_absolute_target_is_case_insensitive() {
    for target in ["WS://other/x", "Wss://other/x", "Https://other/x"] {
        assert_eq!(request(Config::default(), &request_head(target, &[])).path(), "/x", "{target}");
    }
}

/// RFC 3986 is limited to ASCII; recipients differ in what they make of other raw bytes.
#[test]
fn hs1_a_target_outside_ascii_is_answered_with_400() {
    for target in ["/ü", "/chat?ü=1", "http://other/ü"] {
        let error = refusal(Config::default(), &request_head(target, &[])).0;
        assert_eq!(error, HandshakeError::InvalidTarget, "{target}");
    }
}

#[test]
fn hs3_host_names_the_authority() {
    for (host, name, port) in [
        ("server.example.com", "server.example.com", None),
        ("SERVER:8080", "SERVER", Some(8080)),
        ("127.0.0.1:80", "127.0.0.1", Some(80)),
        ("[::1]", "[::1]", None),
        ("[2001:db8::7]:65535", "[2001:db8::7]", Some(65535)),
        ("\t padded \t", "padded", None),
    ] {
        let request = request(Config::default(), &request_head("/chat", &[("Host", host)]));
        let authority = request.authority().expect("there is a Host");
        assert_eq!((authority.host(), authority.port_u16()), (name, port), "{host:?}");
    }
}

#[test]
fn hs3_host_must_appear_exactly_once() {
    assert_eq!(why(&[("Host", "")]), HandshakeError::InvalidHost);
    for again in ["server.example.com", "other", ""] {
        assert_eq!(why(&[("+Host", again)]), HandshakeError::InvalidHost, "again as {again:?}");
        assert_eq!(why(&[("+hOST", again)]), HandshakeError::InvalidHost, "again as {again:?}");
    }
}

#[test]
fn hs3_an_absolute_target_does_not_replace_host() {
    let target = "http://other/chat";
    for changes in [&[("Host", "")][..], &[("+Host", "other")], &[("Host", "a b")]] {
        let (error, _) = refusal(Config::default(), &request_head(target, changes));
        assert_eq!(error, HandshakeError::InvalidHost, "{changes:?}");
    }
    let request = request(Config::default(), &request_head(target, &[]));
    assert_eq!(
        request.authority().expect("there is one"),
        "other",
        "RFC 9112 section 3.2.2: the target's authority counts"
    );
}

#[test]
fn hs3_a_host_without_a_name_is_answered_with_400() {
    for host in [
        " ", "a b", "a, b", "a/b", "a?b", "a#b", "a\\b", "user@a", "http://a", "[::1", "::1", "a]b", "a:1:2", ":80",
        "%zz", "ü", "<a>",
    ] {
        assert_eq!(why(&[("Host", host)]), HandshakeError::InvalidHost, "{host:?}");
    }
}

/// RFC 3986 sections 3.2.2 and 3.2.3: a port consists of digits, and brackets hold an IPv6 address.
#[test]
fn hs3_an_invalid_port_or_address_is_answered_with_400() {
    for host in ["a:port", "a:65536", "a:-1", "a:+80", "a:8 0", "[]", "[zz]", "[::1]x", "[127.0.0.1]", "[::1]:x"] {
        assert_eq!(why(&[("Host", host)]), HandshakeError::InvalidHost, "{host:?}");
    }
}

/// RFC 9110 sections 4.2.1 and 4.2.4: an empty host must be rejected, and user information treated as an error.
#[test]
fn hs3_an_absolute_target_has_a_host_and_no_user() {
    for target in
        ["http://:80/x", "http://user@other/x", "http://user:word@other/x", "http://other:port/", "http://[zz]/"]
    {
        let (error, _) = refusal(Config::default(), &request_head(target, &[]));
        assert_eq!(error, HandshakeError::InvalidTarget, "{target}");
    }
}
