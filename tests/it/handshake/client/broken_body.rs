//! A rejection with a broken body is still a rejection (row K3).

use super::{SIZES, client, read_rejection};
use crate::support::{feed, pending};
use statesocket::{Cause, Config, Event};

/// A 503 with `framing` in its headers, and `body`.
fn unavailable(framing: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n{framing}\r\n\r\n{body}").into_bytes()
}

/// Checks that a rejection with `framing` and `body` is handed out with the body `kept` before the stream ends, in
/// pieces of any size.
#[track_caller]
fn assert_cut_off(framing: &str, body: &str, kept: &str) {
    for size in SIZES {
        let response = read_rejection(1000, &unavailable(framing, body), size, false);
        let status = response.status.as_u16();
        assert_eq!(
            (status, &response.headers["retry-after"], &response.body[..]),
            (503, &"7".parse().unwrap(), kept.as_bytes()),
            "{framing:?} {body:?} {size}"
        );
    }
}

const CHUNKED: &str = "Transfer-Encoding: chunked";

#[test]
fn k3_a_chunked_body_that_is_not_chunked_is_cut_off_at_its_beginning() {
    for body in [
        "Service Unavailable",
        "<html>",
        "\r\n",
        "\n",
        ";a=b\r\n\r\n",
        " 5\r\nHello",
        "-1\r\n",
        "0x5\r\nHello",
        "+5\r\nHello",
        "\u{e9}",
    ] {
        assert_cut_off(CHUNKED, body, "");
    }
}

#[test]
fn k3_empty_elements_of_the_transfer_codings_are_ignored() {
    for framing in [
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: gzip, chunked ,,\t",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: ",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: , CHUNKED\r\nTransfer-Encoding:,",
    ] {
        assert_cut_off(framing, "5\r\nHello\r\n0\r\n\r\n", "Hello");
    }
}

/// RFC 9112 section 5.2: a user agent replaces each fold with spaces.
#[test]
fn k3_a_folded_header_of_a_response_is_one_value() {
    let framing = "X-Folded: one\r\n two\r\n\t\r\n \tthree\r\nContent-Length:\r\n 5";
    for size in SIZES {
        let response = read_rejection(1000, &unavailable(framing, "Hello"), size, false);
        let words: Vec<_> = response.headers["x-folded"].to_str().unwrap().split_ascii_whitespace().collect();
        assert_eq!((words, &response.body[..]), (vec!["one", "two", "three"], &b"Hello"[..]), "{size}");
        assert_eq!(response.headers["retry-after"], "7");
    }
}

#[test]
fn k3_a_fault_after_good_chunks_cuts_the_body_off_there() {
    let good = "3\r\nno \r\n5;a=\"b\"\r\nHello\r\n";
    for bad in ["x", "\r\n", "5\n", "5 5\r\n", "5x", "g\r\n", "5;a\n", "5\rx", "5;a\rx", "5 ;a\r\r\n"] {
        assert_cut_off(CHUNKED, &format!("{good}{bad}"), "no Hello");
    }
}

/// RFC 9112 section 7.1: `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF`.
#[test]
fn k3_a_chunk_without_its_line_end_is_kept_and_ends_the_body() {
    for behind in ["X", "XX0\r\n\r\n", "\n\n0\r\n\r\n", "\rX0\r\n\r\n", "0\r\n\r\n"] {
        assert_cut_off(CHUNKED, &format!("5\r\nHello{behind}"), "Hello");
    }
}

/// RFC 9112 section 7.1: "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors
/// due to integer conversion overflows".
#[test]
fn k3_a_chunk_size_that_overflows_cuts_the_body_off() {
    for size in ["10000000000000000", "FFFFFFFFFFFFFFFFF", "123456789abcdef01"] {
        assert_cut_off(CHUNKED, &format!("2\r\nHi\r\n{size}\r\nthere"), "Hi");
    }
    let largest = unavailable(CHUNKED, "2\r\nHi\r\nFFFFFFFFFFFFFFFF\r\n there");
    for size in SIZES {
        assert_eq!(read_rejection(1000, &largest, size, true).body, "Hi there", "{size}");
        assert_eq!(read_rejection(5, &largest, size, false).body, "Hi th", "{size}");
    }
    let with_zeros = format!("{}5\r\nHello\r\n0\r\n\r\n", "0".repeat(1000));
    assert_cut_off(CHUNKED, &with_zeros, "Hello");
}

#[test]
fn k3_a_line_of_a_chunk_size_over_1024_bytes_cuts_the_body_off() {
    for (len, kept) in [(1023, "HiHello"), (1024, "HiHello"), (1025, "Hi")] {
        let long = format!("5;{}\r\n", "x".repeat(len - 4));
        assert_cut_off(CHUNKED, &format!("2\r\nHi\r\n{long}Hello\r\n0\r\n\r\n"), kept);
    }
    for endless in ["0".repeat(1025), format!("5;{}", "x".repeat(1023)), format!("5{}", " ".repeat(1024))] {
        assert_cut_off(CHUNKED, &format!("2\r\nHi\r\n{endless}"), "Hi");
    }
}

/// RFC 9112 section 7.1.2: trailers may be discarded. They are not read, because the connection ends after the body.
#[test]
fn k3_a_body_is_whole_whatever_its_trailers_are() {
    for trailers in ["", "\r\n", "A: b\r\n\r\n", "no colon\r\n\r\n", "X: \0\n", &"x".repeat(100_000)] {
        assert_cut_off(CHUNKED, &format!("5\r\nHello\r\n0\r\n{trailers}"), "Hello");
    }
}

/// RFC 9112 section 6.3 item 5: the framing is invalid, and the client "MUST close the connection to the server".
#[test]
fn k3_a_body_of_an_invalid_length_is_cut_off_at_its_beginning() {
    for framing in [
        "Content-Length:",
        "Content-Length: ,",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 5x",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: five",
        "Content-Length: 5, 6",
        "Content-Length: 5,",
        "Content-Length: \u{e9}",
        "Content-Length: 18446744073709551616",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\ncontent-length: x",
    ] {
        assert_cut_off(framing, "Hello", "");
    }
}

/// RFC 9110 section 8.6: the same length several times may count as one.
#[test]
fn k3_a_length_that_is_repeated_is_one_length() {
    for framing in ["Content-Length: 5, 5", "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 05"] {
        assert_cut_off(framing, "Hello and more", "Hello");
    }
}

/// RFC 9112 section 6.3 item 3: "the Transfer-Encoding overrides the Content-Length".
#[test]
fn k3_a_broken_transfer_coding_still_overrides_a_length() {
    for length in ["1", "5, 6", "x"] {
        let framing = format!("Content-Length: {length}\r\n{CHUNKED}");
        assert_cut_off(&framing, "5\r\nHello\r\n0\r\n\r\n", "Hello");
        assert_cut_off(&framing, "5\r\nHello\r\nx", "Hello");
        assert_cut_off(&framing, "Hello", "");
    }
}

#[test]
fn k3_a_body_that_ends_early_in_any_way_is_cut_off() {
    for (framing, body, kept) in [
        ("Content-Length: 10", "Hello", "Hello"),
        (CHUNKED, "A\r\nHello", "Hello"),
        (CHUNKED, "5\r\nHello", "Hello"),
        (CHUNKED, "5\r\nHello\r", "Hello"),
        (CHUNKED, "5\r\nHello\r\n5;a", "Hello"),
        (CHUNKED, "", ""),
    ] {
        let bytes = unavailable(framing, body);
        assert_eq!(read_rejection(1000, &bytes, 3, true).body, kept, "{framing} {body:?}");
        let mut failed = client(1000);
        assert_eq!(feed(&mut failed, &bytes), [], "{framing} {body:?}");
        failed.transport_failed();
        let events = pending(&mut failed);
        let [Event::Rejected(response), Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((&response.body[..], &end.cause), (kept.as_bytes(), &Cause::Rejected(response.status)));
    }
}

#[test]
fn k3_the_status_and_not_the_body_decides_on_a_retry() {
    for (status, is_retryable) in [(503, true), (502, true), (429, true), (404, false), (301, false), (501, false)] {
        for (framing, body) in [(CHUNKED, "no chunk"), ("Content-Length: x", "Hello")] {
            let bytes = format!("HTTP/1.1 {status} X\r\n{framing}\r\n\r\n{body}");
            let events = feed(&mut client(Config::default().max_rejection_body_bytes), bytes.as_bytes());
            let [Event::Rejected(_), Event::Disconnect(end)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(end.is_retryable(), is_retryable, "{status}, {framing}");
        }
    }
}
