//! The cookies of a request (row S20, RFC 6265).

use crate::support::{handshake::request, request_head};
use statesocket::{Config, handshake::Request};
use std::sync::Arc;

/// A request with these `Cookie` headers.
fn asking(lines: &[&[u8]]) -> Arc<Request> {
    let head = request_head("/chat", &[]);
    let mut bytes = head[..head.len() - 2].to_vec();
    lines.iter().for_each(|line| bytes.extend([&b"Cookie:"[..], line, b"\r\n"].concat()));
    request(Config::default(), &[&bytes, &b"\r\n"[..]].concat())
}

#[track_caller]
fn assert_cookies(lines: &[&[u8]], expected: &[(&str, &str)]) {
    let request = asking(lines);
    assert_eq!(request.cookies().collect::<Vec<_>>(), expected, "{lines:?}");
    for (name, _) in expected {
        let first = expected.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        assert_eq!(request.cookie(name), first, "{name} in {lines:?}");
    }
    assert_eq!(request.cookie("absent"), None, "{lines:?}");
}

#[test]
fn s20_a_cookie_is_found_by_its_name() {
    // The examples of RFC 6265 section 3.1.
    assert_cookies(&[b" SID=31d4d96e407aad42"], &[("SID", "31d4d96e407aad42")]);
    assert_cookies(&[b" SID=31d4d96e407aad42; lang=en-US"], &[("SID", "31d4d96e407aad42"), ("lang", "en-US")]);
    assert_cookies(&[], &[]);
    assert_cookies(&[b""], &[]);
}

#[test]
fn s20_names_of_cookies_have_a_case() {
    let request = asking(&[b" sid=1; SID=2"]);
    assert_eq!([request.cookie("sid"), request.cookie("SID"), request.cookie("Sid")], [Some("1"), Some("2"), None]);
}

#[test]
fn s20_the_first_of_equal_names_wins_in_every_header() {
    assert_cookies(&[b" a=1; b=2; a=3"], &[("a", "1"), ("b", "2"), ("a", "3")]);
    assert_cookies(&[b" b=2", b" a=1; b=3", b" a=4"], &[("b", "2"), ("a", "1"), ("b", "3"), ("a", "4")]);
}

#[test]
fn s20_blanks_around_a_name_or_a_value_do_not_count() {
    for line in [&b"a=1;b=2"[..], b" a=1; b=2", b"\ta=1 ;\tb=2 ", b" a = 1 ;;  b\t=\t2; ", b" ; a=1; ; b=2;"] {
        assert_cookies(&[line], &[("a", "1"), ("b", "2")]);
    }
}

#[test]
fn s20_a_value_is_handed_out_as_it_came() {
    for value in ["\"quoted\"", "\"", "\"\"", "", "a=b==", "%20+", "a b", "a,b", "{\"k\":[1]}", "Andr\u{e9}", "\\\""] {
        assert_cookies(&[format!(" n={value}; m=1").as_bytes()], &[("n", value), ("m", "1")]);
    }
    // A semicolon ends a value, also within quotes.
    assert_cookies(&[b" n=\"a;m=b\""], &[("n", "\"a"), ("m", "b\"")]);
}

#[test]
fn s20_what_is_no_cookie_hides_no_other() {
    for other in
        [&b"n=Andr\xE9"[..], b"\xFF=1", b"\xC3", b"no-value", b"=no-name", b" =", b"=", b"", b"n\xED\xA0\x80=1"]
    {
        for line in
            [[b" sid=1; ", other].concat(), [b" ", other, b"; sid=1"].concat(), [other, b";sid=1;", other].concat()]
        {
            assert_cookies(&[&line], &[("sid", "1")]);
        }
        assert_cookies(&[other, b" sid=1", other], &[("sid", "1")]);
    }
    assert_cookies(&[b" sid=\xE9; sid=2"], &[("sid", "2")]);
    assert_eq!(asking(&[b" =x; y; z="]).cookie(""), None, "every cookie has a name");
}
