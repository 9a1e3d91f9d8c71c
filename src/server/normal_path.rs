//! The normal form of a path, in which equal paths are equal texts.

use std::{borrow::Cow, fmt::Write, str};

/// The path of a request in its normal form (RFC 3986 section 6.2.2.2): octets that need no escape are plain, all
/// others are escaped, with digits in upper case. A slash that is escaped stays so.
pub(super) fn normal_path(path: &str) -> Cow<'_, str> {
    if path.bytes().all(is_plain) { Cow::Borrowed(path) } else { Cow::Owned(encode(path)) }
}

/// The normal form of the literal parts of a route; its parameters stay as they are.
///
/// # Errors
/// The reason, if no request can have such a path.
pub(super) fn normal_route(route: &str) -> Result<String, &'static str> {
    if !route.starts_with('/') {
        return Err("a path begins with a slash");
    }
    let (mut normal, mut literal, mut rest) = (String::new(), String::new(), route);
    while let Some(next) = rest.chars().next() {
        let doubled = ["{{", "}}"].into_iter().find(|doubled| rest.starts_with(doubled));
        if let Some(doubled) = doubled {
            literal.push(next);
            rest = &rest[doubled.len()..];
        } else if next == '{' {
            let end = rest.find('}').ok_or("a parameter ends with a brace")? + 1;
            if rest[..end].contains(':') {
                return Err("a parameter has a name and no type; {*path} is the rest of the path");
            }
            normal += &encode(&std::mem::take(&mut literal));
            normal += &rest[..end];
            rest = &rest[end..];
        } else if matches!(next, '?' | '#') {
            return Err("a path has neither a query nor a fragment; a question mark is %3F");
        } else {
            literal.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok(normal + &encode(&literal))
}

/// Whether a byte stands for itself: `pchar` without escapes (RFC 3986 section 3.3), or a slash.
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@' | b'/')
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn encode(text: &str) -> String {
    let mut normal = String::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = if byte == b'%' { behind.first_chunk::<2>().and_then(hex) } else { None };
        match escaped {
            Some(octet) if is_unreserved(octet) => normal.push(octet.into()),
            Some(octet) => escape(&mut normal, octet),
            None if is_plain(byte) => normal.push(byte.into()),
            None => escape(&mut normal, byte),
        }
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    normal
}

fn escape(text: &mut String, octet: u8) {
    write!(text, "%{octet:02X}").expect("a string takes all");
}

fn hex(digits: &[u8; 2]) -> Option<u8> {
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    str::from_utf8(digits).ok().filter(|_| is_hex).and_then(|digits| u8::from_str_radix(digits, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_equal_paths_have_one_normal_form() {
        for (path, normal) in [
            ("/plain/a-b_c.d~e", "/plain/a-b_c.d~e"),
            ("/sub/!$&'()*+,;=:@", "/sub/!$&'()*+,;=:@"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/%7euser/%41", "/~user/A"),
            ("/a%2fb%2Fc", "/a%2Fb%2Fc"),
            ("/a b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/%zz%+1", "/%25zz%25+1"),
            ("/{x}", "/%7Bx%7D"),
            ("", ""),
        ] {
            assert_eq!(normal_path(path), normal, "{path}");
            assert_eq!(normal_path(normal), normal, "the normal form of a normal form");
        }
        assert!(matches!(normal_path("/ws/lobby"), Cow::Borrowed(_)), "most paths are not copied");
    }

    #[test]
    fn s5_the_parameters_of_a_route_stay_as_they_are() {
        for (route, normal) in [
            ("/ws/{room_id}", "/ws/{room_id}"),
            ("/é/{é}/{*rest}", "/%C3%A9/{é}/{*rest}"),
            ("/a{{b}}/{x}.%6ason", "/a%7Bb%7D/{x}.json"),
        ] {
            assert_eq!(normal_route(route).as_deref(), Ok(normal), "{route}");
        }
        for route in ["", "ws", "/ws?x", "/ws#x", "/{open", "*", "/{id:int}"] {
            assert!(normal_route(route).is_err(), "{route}");
        }
    }
}
