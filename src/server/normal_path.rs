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
/// The reason, if no request can have such a path, or if it is written for another router.
pub(super) fn normal_route(route: &str) -> Result<String, Cow<'static, str>> {
    if !route.starts_with('/') {
        return Err("a path begins with a slash".into());
    }
    if let Some((foreign, ours)) = route.split('/').find_map(|segment| Some((segment, parameter(segment)?))) {
        return Err(format!("a parameter is {ours}, not {foreign}").into());
    }
    let (mut normal, mut literal, mut rest) = (String::new(), String::new(), route);
    while let Some(next) = rest.chars().next() {
        let doubled = ["{{", "}}"].into_iter().find(|doubled| rest.starts_with(doubled));
        if let Some(doubled) = doubled {
            literal.push(next);
            rest = &rest[doubled.len()..];
        } else if next == '{' {
            let end = rest.find('}').ok_or("a parameter ends with a brace")? + 1;
            let name = &rest[1..end - 1];
            if name.contains(':') {
                return Err("a parameter has a name and no type; {*path} is the rest of the path".into());
            }
            if !name.trim_start_matches('*').chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
                return Err("the name of a parameter has letters, digits, _ and -".into());
            }
            normal += &encode(&std::mem::take(&mut literal));
            normal += &rest[..end];
            rest = &rest[end..];
        } else if matches!(next, '?' | '#') {
            return Err("a path has neither a query nor a fragment; a question mark is %3F".into());
        } else {
            literal.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok(normal + &encode(&literal))
}

/// The parameter of this router in place of a segment that is one of another router: `:name`, `*name`, `*`, `<name>` or
/// `<type:name>`. A colon or a star elsewhere is legal in a path and means itself; `<` and `>` are not.
fn parameter(segment: &str) -> Option<String> {
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    if let Some(name) = segment.strip_prefix(':') {
        return is_name(name).then(|| format!("{{{name}}}"));
    }
    if let Some(name) = segment.strip_prefix('*') {
        let name = if name.is_empty() { "path" } else { name };
        return is_name(name).then(|| format!("{{*{name}}}"));
    }
    let typed = segment.strip_prefix('<')?.strip_suffix('>')?;
    let name = typed.rsplit(':').next().filter(|name| is_name(name)).unwrap_or("name");
    Some(format!("{{{name}}}"))
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
        for route in ["", "ws", "/ws?x", "/ws#x", "/{open", "*", "/{id:int}", "/{id?}", "/{rest...}", "/{a b}"] {
            assert!(normal_route(route).is_err(), "{route}");
        }
    }

    #[test]
    fn a_segment_in_the_syntax_of_another_router_is_no_literal() {
        for (route, reason) in [
            ("/ws/:room", "a parameter is {room}, not :room"),
            ("/:room/chat", "a parameter is {room}, not :room"),
            ("/{x}/:_é2", "a parameter is {_é2}, not :_é2"),
            ("/files/*rest", "a parameter is {*rest}, not *rest"),
            ("/*", "a parameter is {*path}, not *"),
            ("/ws/<room>", "a parameter is {room}, not <room>"),
            ("/ws/<int:room_id>/x", "a parameter is {room_id}, not <int:room_id>"),
            ("/<>", "a parameter is {name}, not <>"),
        ] {
            assert_eq!(normal_route(route).unwrap_err(), reason, "{route}");
        }
    }

    /// RFC 3986 section 3.3 allows a colon and a star in a segment.
    #[test]
    fn a_colon_or_a_star_in_a_literal_means_itself() {
        for route in
            ["/v1/rooms:join", "/a:b", "/:", "/::1", "/:8080", "/:memory:", "/a*", "/*.txt", "/**", "/:{x}", "/%3Cx%3E"]
        {
            assert_eq!(normal_route(route).as_deref(), Ok(route));
        }
        assert_eq!(normal_route("/a<b>/<c").as_deref(), Ok("/a%3Cb%3E/%3Cc"));
    }
}
