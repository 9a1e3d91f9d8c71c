use super::Raw;
use std::io::{self, BufReader, Read, Write};

/// A client that writes arbitrary bytes into a stream.
#[derive(Debug)]
pub(crate) struct RawClient<S>(BufReader<S>);

impl<S: Read + Write> RawClient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &S {
        self.0.get_ref()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn stream_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the server reads");
    }

    pub(crate) fn send(&mut self, frame: Raw) {
        self.write(&frame.masked().bytes());
    }

    /// Reads the head of a 101.
    #[track_caller]
    pub(crate) fn assert_accepted(&mut self) {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    /// Reads a head, including the empty line.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.take::<1>()[0]);
        }
        String::from_utf8(head).expect("a head is ASCII")
    }

    /// Reads a frame.
    pub(crate) fn frame(&mut self) -> Raw {
        let start = self.take::<2>();
        let mut bytes = start.to_vec();
        let length = match start[1] & 0x7F {
            126 => u64::from(u16::from_be_bytes(self.take_into(&mut bytes))),
            127 => u64::from_be_bytes(self.take_into(&mut bytes)),
            short => u64::from(short),
        };
        let payload = self.0.by_ref().take(length).read_to_end(&mut bytes).expect("a payload follows its header");
        assert_eq!(payload as u64, length, "a payload is whole");
        Raw::parse(&mut bytes.as_slice())
    }

    /// Sends `text`, and takes its echo.
    #[track_caller]
    pub(crate) fn echo(&mut self, text: &str) {
        self.send(Raw::new(Raw::TEXT, text));
        assert_eq!(self.frame(), Raw::new(Raw::TEXT, text));
    }

    /// Reads to the end of the stream.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).map(|_| bytes)
    }

    /// The same as text, for a stream that ends cleanly.
    pub(crate) fn rest_as_text(&mut self) -> String {
        String::from_utf8(self.rest().expect("the stream ends cleanly")).expect("text")
    }

    /// Reads a Close with `code`, then the end of the stream.
    #[track_caller]
    pub(crate) fn assert_closed(&mut self, code: u16) {
        let close = self.frame();
        assert_eq!((close.first, &close.payload[..2]), (0x80 | Raw::CLOSE, &code.to_be_bytes()[..]), "{close:?}");
        assert_eq!(self.rest().expect("the server ends the stream cleanly"), b"");
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).expect("the server sends more");
        bytes
    }

    fn take_into<const N: usize>(&mut self, bytes: &mut Vec<u8>) -> [u8; N] {
        let taken = self.take();
        bytes.extend_from_slice(&taken);
        taken
    }
}

impl<S: Read> Read for RawClient<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}
