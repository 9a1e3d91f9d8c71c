//! Bytes on the wire, written without the code under test.

/// A frame with any header bits, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
    pub(crate) key: Option<[u8; 4]>,
}

impl Raw {
    pub(crate) const CONTINUATION: u8 = 0x0;
    pub(crate) const TEXT: u8 = 0x1;
    pub(crate) const BINARY: u8 = 0x2;
    pub(crate) const CLOSE: u8 = 0x8;
    pub(crate) const PING: u8 = 0x9;
    pub(crate) const PONG: u8 = 0xA;

    /// A final, unmasked frame.
    pub(crate) fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { first: 0x80 | opcode, payload: payload.as_ref().to_vec(), key: None }
    }

    /// A Close with `code` and `reason`.
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        Self::new(Self::CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// The same with FIN cleared.
    pub(crate) fn more(mut self) -> Self {
        self.first &= 0x7F;
        self
    }

    /// The same with `bits` of the first byte set.
    pub(crate) fn set(mut self, bits: u8) -> Self {
        self.first |= bits;
        self
    }

    /// The same, masked as a client must.
    pub(crate) fn masked(mut self) -> Self {
        self.key = Some([0x37, 0xFA, 0x21, 0x3D]);
        self
    }

    /// The bytes, with the length in its shortest form.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let form = match self.payload.len() {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        self.bytes_with_length_form(form)
    }

    /// The bytes, with the length in the second byte (`form` 0) or in 2 or 8 further bytes.
    pub(crate) fn bytes_with_length_form(&self, form: usize) -> Vec<u8> {
        let mask_bit = u8::from(self.key.is_some()) << 7;
        let len = self.payload.len();
        let mut bytes = vec![self.first];
        match form {
            0 => bytes.push(mask_bit | u8::try_from(len).expect("fits seven bits")),
            2 => {
                bytes.push(mask_bit | 126);
                bytes.extend(u16::try_from(len).expect("fits two bytes").to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        match self.key {
            None => bytes.extend(&self.payload),
            Some(key) => {
                bytes.extend(key);
                bytes.extend(mask(&self.payload, key));
            }
        }
        bytes
    }
}

/// `payload`, masked or unmasked. Tests mask megabytes in debug builds, so this takes 16 bytes at a time.
pub(super) fn mask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let wide = u128::from_ne_bytes([key; 4].as_flattened().try_into().expect("16 bytes"));
    let mut masked = Vec::with_capacity(payload.len());
    let (chunks, rest) = payload.as_chunks();
    for chunk in chunks {
        masked.extend_from_slice(&(u128::from_ne_bytes(*chunk) ^ wide).to_ne_bytes());
    }
    masked.extend(rest.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    masked
}

/// The request of RFC 6455 section 1.3 for `target`, with `changes`: `("Name", "value")` replaces or adds that header,
/// `("Name", "")` removes it, `("+Name", "value")` adds another line.
pub(crate) fn request_head(target: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let headers = [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    head(&format!("GET {target} HTTP/1.1"), &headers, changes)
}

/// The 101 response to `request`, with `changes` as for [`request_head`].
pub(crate) fn accepted_head(request: &[u8], changes: &[(&str, &str)]) -> Vec<u8> {
    let request = std::str::from_utf8(request).expect("a request head is ASCII");
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a request has a key");
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept.as_str())];
    head("HTTP/1.1 101 Switching Protocols", &headers, changes)
}

/// Any response head.
pub(crate) fn response_head(status_line: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    head(status_line, headers, &[])
}

fn head(first_line: &str, headers: &[(&str, &str)], changes: &[(&str, &str)]) -> Vec<u8> {
    let mut lines: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (name, value) in changes {
        if let Some(name) = name.strip_prefix('+') {
            lines.push((name.to_owned(), (*value).to_owned()));
            continue;
        }
        let at = lines.iter().position(|(old, _)| old == name);
        match (at, value.is_empty()) {
            (Some(at), true) => drop(lines.remove(at)),
            (Some(at), false) => (*value).clone_into(&mut lines[at].1),
            (None, true) => {}
            (None, false) => lines.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{first_line}\r\n{lines}\r\n").into_bytes()
}
