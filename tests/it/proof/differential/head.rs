//! A head as lines, right or wrong, so that one line can be inspected or replaced.

const KEY: &str = "Sec-WebSocket-Key";
const VERSION: &str = "Sec-WebSocket-Version";
const ACCEPT: &str = "Sec-WebSocket-Accept";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

#[derive(Clone, Debug)]
pub(super) struct Head {
    raw: Vec<u8>,
    /// The lines up to the empty one, without line ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// Whether the empty line is there.
    pub(super) is_whole: bool,
    /// The bytes behind the empty line.
    pub(super) rest: Vec<u8>,
    /// Whether each line feed follows a carriage return.
    pub(super) is_crlf: bool,
}

impl Head {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut head =
            Self { raw: bytes.to_vec(), lines: Vec::new(), is_whole: false, rest: Vec::new(), is_crlf: true };
        let mut left = bytes;
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            let line = &left[..end];
            left = &left[end + 1..];
            head.is_crlf &= line.ends_with(b"\r");
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                head.lines.push(line.to_vec());
            } else if !head.lines.is_empty() {
                head.is_whole = true;
                head.rest = left.to_vec();
                return head;
            }
        }
        if !left.is_empty() {
            head.lines.push(left.to_vec());
        }
        head
    }

    /// Whether it is a response before the final one.
    pub(super) fn is_interim(&self) -> bool {
        let mut words = self.lines.first().map(Vec::as_slice).unwrap_or_default().split(|byte| *byte == b' ');
        let is_response = words.next().is_some_and(|version| version.starts_with(b"HTTP/"));
        is_response && matches!(words.next(), Some([b'1', tens, ones]) if [*tens, *ones] != *b"01")
    }

    /// Whether a header goes on in the next line.
    pub(super) fn is_folded(&self) -> bool {
        self.lines.iter().skip(2).any(|line| goes_on(line))
    }

    /// With each folded header on one line.
    pub(super) fn unfolded(&self) -> Self {
        let mut head = self.clone();
        head.lines.clear();
        for line in &self.lines {
            match head.lines.last_mut().filter(|_| goes_on(line)) {
                Some(last) => last.extend([b"  ", line.as_slice()].concat()),
                None => head.lines.push(line.clone()),
            }
        }
        head
    }

    /// The bytes of a complete head with these lines.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend(line);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.rest);
        bytes
    }

    /// The values of the headers called `name`.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let headers = self.lines.iter().skip(1).filter_map(|line| split(line));
        headers.filter(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// All comma-separated elements of the headers called `name`.
    pub(super) fn elements(&self, name: &str) -> Vec<String> {
        let values = self.values(name);
        values.iter().flat_map(|value| value.split(',')).map(|element| element.trim().to_owned()).collect()
    }

    /// Whether the headers called `name` are a list in ASCII that contains `token`.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        let elements = self.elements(name);
        elements.iter().all(|element| element.is_ascii())
            && elements.iter().any(|element| element.eq_ignore_ascii_case(token))
    }

    /// Without the headers called `name`.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut head = self.clone();
        let mut at = 0;
        head.lines.retain(|line| {
            at += 1;
            at == 1 || split(line).is_none_or(|(of, _)| !of.eq_ignore_ascii_case(name))
        });
        head
    }

    /// With one header called `name`.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut head = self.without(name);
        head.lines.push(format!("{name}: {value}").into_bytes());
        head
    }

    /// Without the bytes behind it.
    pub(super) fn alone(&self) -> Self {
        Self { rest: Vec::new(), ..self.clone() }
    }

    /// The same bytes, and an end.
    pub(super) fn with_end(&self) -> Vec<u8> {
        let end: &[u8] = if self.raw.ends_with(b"\r") { b"\n\r\n" } else { b"\r\n\r\n" };
        [self.raw.as_slice(), end].concat()
    }

    /// The same bytes, with a carriage return before each line feed.
    pub(super) fn with_line_ends(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &byte in &self.raw {
            if byte == b'\n' && bytes.last() != Some(&b'\r') {
                bytes.push(b'\r');
            }
            bytes.push(byte);
        }
        bytes
    }

    /// With the second word of the first line replaced.
    pub(super) fn with_target(&self, target: &str) -> Self {
        let mut head = self.clone();
        let mut words: Vec<_> = self.lines[0].split(|byte| *byte == b' ').collect();
        words[1] = target.as_bytes();
        head.lines[0] = words.join(&b' ');
        head
    }

    /// The digit after `HTTP/1.`, at the beginning of a status line or the end of a request line.
    pub(super) fn minor_version(&self) -> Option<u8> {
        self.minor_version_at().map(|at| self.lines[0][at])
    }

    fn minor_version_at(&self) -> Option<usize> {
        let line = self.lines.first()?;
        let at = if line.starts_with(b"HTTP/1.") { 7 } else { line.len().checked_sub(1)? };
        (line[..at].ends_with(b"HTTP/1.") && line.get(at)?.is_ascii_digit()).then_some(at)
    }

    pub(super) fn with_version_1_1(&self) -> Self {
        let mut head = self.clone();
        if let Some(at) = self.minor_version_at() {
            head.lines[0][at] = b'1';
        }
        head
    }

    /// What is certainly wrong, although tungstenite accepts it.
    pub(super) fn fault(&self, is_request: bool) -> Option<&'static str> {
        let count = |name| self.values(name).len();
        let once: &[&str] = if is_request { &[KEY, VERSION] } else { &["Upgrade", ACCEPT, PROTOCOL] };
        let names = self.elements(PROTOCOL);
        let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
        let line = self.lines.first().map(Vec::as_slice).unwrap_or_default();
        let faults = [
            ("a bare line feed", !self.is_crlf),
            ("not ASCII", self.read_by_the_handshake(is_request).any(|line| !line.is_ascii())),
            ("an Origin that is none", is_request && self.values("Origin") != [""; 0] && !self.has_plain_origin()),
            ("a header twice", once.iter().any(|name| count(name) > 1)),
            ("not one Host", is_request && count("Host") != 1),
            (
                "a body",
                is_request
                    && (count("Transfer-Encoding") > 0
                        || self.values("Content-Length").iter().any(|length| length != "0")),
            ),
            ("a subprotocol twice", is_request && names.iter().any(|name| !name.is_empty() && is_twice(name))),
            ("a fragment in the target", is_request && line.contains(&b'#')),
            ("an extension that was not offered", !is_request && count(EXTENSIONS) > 0),
        ];
        faults.into_iter().find_map(|(fault, is_there)| is_there.then_some(fault))
    }

    /// The first line of a request, and the lines of those headers that the handshake reads.
    fn read_by_the_handshake(&self, is_request: bool) -> impl Iterator<Item = &Vec<u8>> {
        let names: &[&str] = if is_request {
            &["Host", "Origin", "Upgrade", "Connection", KEY, VERSION, PROTOCOL, EXTENSIONS]
        } else {
            &["Upgrade", "Connection", ACCEPT, PROTOCOL, EXTENSIONS]
        };
        let is_read = |line: &&Vec<u8>| {
            let (name, _) = split(line).unwrap_or_default();
            names.iter().any(|read| name.eq_ignore_ascii_case(read))
        };
        self.lines.iter().take(usize::from(is_request)).chain(self.lines.iter().skip(1).filter(is_read))
    }

    /// Whether there is exactly one `Origin`, in printable ASCII.
    pub(super) fn has_plain_origin(&self) -> bool {
        let [origin] = self.values("Origin").try_into().unwrap_or_default();
        !origin.is_empty() && origin.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    }

    /// Whether there is exactly one `Host`, which is certainly valid.
    pub(super) fn has_plain_host(&self) -> bool {
        let [host] = self.values("Host").try_into().unwrap_or_default();
        let (name, port): (&str, &str) = host.split_once(':').unwrap_or((&host, "80"));
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        is_name && port.len() < 5 && port.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether the target is certainly a resource name.
    pub(super) fn has_plain_target(&self) -> bool {
        let target = self.lines.first().and_then(|line| line.split(|byte| *byte == b' ').nth(1)).unwrap_or_default();
        target.starts_with(b"/") && target.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/?=&-._~".contains(byte))
    }
}

fn split(line: &[u8]) -> Option<(String, String)> {
    let line = String::from_utf8_lossy(line);
    line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// Whether a line goes on with the header before it.
fn goes_on(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}
