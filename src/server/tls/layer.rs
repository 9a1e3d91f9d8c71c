//! TLS on one connection of a server, between its stream and its session.

mod records;
#[cfg(all(test, any(feature = "tls-ring", feature = "tls-aws-lc")))]
mod tests;

use super::unsent::Unsent;
use records::{Plain, encode, encrypt, encrypt_end};
use rustls::{
    ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, UnbufferedStatus},
};
use std::{
    cell::RefCell,
    fmt,
    io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
    sync::Arc,
};

/// The most encrypted bytes that one read takes, in bytes: those of 64 KiB in records of any sensible size, and more.
/// A read must have room for as many, since nothing that is decrypted is kept.
pub(crate) const MAX_READ: usize = 128 << 10;

/// The most bytes that wait for the rest of their record, or of their message of the handshake. The longest record has
/// 18 KiB. Longer messages of the handshake are rare: a chain of certificates of the client may come near.
const MAX_PARTIAL: usize = 32 << 10;

thread_local! {
    /// The memory for each read and write of this thread. Nothing stays in it between two of them.
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::NEW) };
}

#[derive(Debug)]
struct Scratch {
    /// Encrypted bytes that are read.
    input: Vec<u8>,
    /// Encrypted bytes that are written.
    output: Vec<u8>,
    /// Bytes that are encrypted together.
    gathered: Vec<u8>,
}

/// TLS on one connection of a server, by rustls's unbuffered interface.
///
/// Each read of the layer reads once from the stream, and each write writes once. The layer keeps bytes only while the
/// rest of a record has not come, or while the stream does not take what is encrypted; so an idle one holds none.
///
/// Neither the end of the stream nor `close_notify` says that the session has ended well: a Close frame does. So both
/// are read as the end of the stream.
pub(crate) struct Layer {
    tls: UnbufferedServerConnection,
    /// The beginning of a record, or of a message of the handshake in several records.
    partial: Vec<u8>,
    unsent: Unsent,
    input: Input,
    /// Bytes of the peer have come that no read has returned.
    has_heard: bool,
    /// A write to the stream has failed.
    is_broken: bool,
}

/// What a read finds, apart from bytes.
enum Input {
    Open,
    /// Bytes are dropped up to the end.
    Discarded,
    /// The end of the stream, or `close_notify`.
    Ended,
    /// The peer has broken a rule of TLS.
    Failed(Box<rustls::Error>),
}

impl Layer {
    /// # Errors
    /// If the configuration cannot be used.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            partial: Vec::new(),
            unsent: Unsent::default(),
            input: Input::Open,
            has_heard: false,
            is_broken: false,
        })
    }

    /// Whether the handshake is not complete.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether a read finds the end or a failure, without reading from the stream.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.input, Input::Ended | Input::Failed(_))
    }

    /// Whether encrypted bytes wait until the stream takes them.
    pub(crate) const fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// How many bytes are encrypted that no write has reported as written. The next write must begin with them.
    pub(crate) const fn encrypted(&self) -> usize {
        self.unsent.unreported()
    }

    /// The memory of the bytes that wait, in bytes.
    pub(crate) const fn held(&self) -> usize {
        self.partial.capacity() + self.unsent.capacity()
    }

    /// `Some` if bytes of the peer have come, since the last call, that no read has returned: whether a part of a
    /// record waits for its rest.
    pub(crate) fn take_heard(&mut self) -> Option<bool> {
        std::mem::replace(&mut self.has_heard, false).then_some(!self.partial.is_empty())
    }

    /// Drops what has come, and from now on everything up to the end of the stream. No read returns bytes any more, and
    /// nothing is encrypted.
    pub(crate) fn discard_input(&mut self) {
        if matches!(self.input, Input::Open) {
            self.partial = Vec::new();
            self.input = Input::Discarded;
        }
    }

    /// Reads once from the stream, and decrypts the records that are complete. What they hold fills `plain` from the
    /// front. Sends what the handshake has to say.
    ///
    /// # Errors
    /// The error of the stream. `WouldBlock` if no record with bytes for the session is complete; there may be more in
    /// the stream. [`InvalidData`](ErrorKind::InvalidData) if the peer has broken a rule of TLS; an alert says so to
    /// the peer.
    ///
    /// # Panics
    /// If `plain` has room for fewer bytes than [`MAX_READ`].
    pub(crate) fn read(&mut self, stream: &mut (impl Read + Write), plain: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match &self.input {
            Input::Open | Input::Discarded => {}
            Input::Ended => return Ok(0),
            Input::Failed(error) => return Err(invalid(error)),
        }
        let mut plain = Plain::new(plain);
        assert!(plain.room() >= MAX_READ, "a read has room for all that it may decrypt");
        SCRATCH.with_borrow_mut(|Scratch { input: wire, .. }| {
            wire.resize(MAX_READ, 0);
            let held = self.partial.len();
            wire[..held].copy_from_slice(&self.partial);
            let count = stream.read(&mut wire[held..])?;
            if count == 0 {
                self.input = Input::Ended;
                return Ok(0);
            }
            if matches!(self.input, Input::Discarded) {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.decrypt(&mut wire[..held + count], &mut plain);
            // After a failed write the peer may still have sent its Close. The next write reports the failure.
            self.is_broken |= self.unsent.write_to(stream).is_err();
            self.has_heard = plain.len() == 0;
            match &self.input {
                Input::Failed(error) if plain.len() == 0 => Err(invalid(error)),
                Input::Open | Input::Discarded if plain.len() == 0 => Err(ErrorKind::WouldBlock.into()),
                // What came before the end or the failure is read before it.
                Input::Open | Input::Discarded | Input::Ended | Input::Failed(_) => Ok(plain.len()),
            }
        })
    }

    /// Takes all complete records from the front of `wire`, and keeps the rest.
    fn decrypt(&mut self, wire: &mut [u8], plain: &mut Plain<'_, '_>) {
        let mut start = 0;
        let result = loop {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut wire[start..]);
            let is_done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        plain.push(record.payload);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, |len| self.unsent.grow(len));
                    false
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake) => true,
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.input = Input::Ended;
                    true
                }
                // The configuration allows no early data: a request could be repeated.
                Ok(_) => break Err(rustls::Error::General("a state that does not occur".to_owned())),
                Err(error) => break Err(error),
            };
            start += discard;
            if is_done {
                break Ok(());
            }
        };
        let rest = &wire[start.min(wire.len())..];
        let result = match result {
            Ok(()) if rest.len() > MAX_PARTIAL => {
                Err(rustls::Error::General("a message of the handshake is too long".to_owned()))
            }
            result => result,
        };
        self.partial.clear();
        match result {
            Ok(()) if !rest.is_empty() && !self.has_ended() => self.partial.extend_from_slice(rest),
            Ok(()) => self.partial = Vec::new(),
            Err(error) => self.fail(error),
        }
    }

    /// Ends reading and writing, and queues the alert, if there is one.
    fn fail(&mut self, error: rustls::Error) {
        self.partial = Vec::new();
        self.input = Input::Failed(Box::new(error));
        while self.tls.wants_write() {
            match self.tls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, |len| self.unsent.grow(len)),
                _ => break,
            }
        }
    }

    /// Encrypts bytes from the front of `slices`, 64 KiB with the header of a frame at most, and writes them to the
    /// stream once. Returns how many count as written. Encrypted bytes that the stream does not take wait for the next
    /// call, which must begin with the same bytes.
    ///
    /// # Errors
    /// The error of the stream. `WouldBlock` if no more bytes count as written, and before the handshake allows any.
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) after a failure.
    pub(crate) fn write(&mut self, stream: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush(stream)?;
        let written = self.unsent.take_written();
        if written > 0 {
            return Ok(written);
        }
        if self.has_unsent() {
            return Err(ErrorKind::WouldBlock.into());
        }
        SCRATCH.with_borrow_mut(|Scratch { output: wire, gathered, .. }| {
            let (len, end) = self.encrypt(slices, gathered, wire)?;
            let taken = self.write_once(stream, &wire[..end])?;
            let written = if taken == end {
                len
            } else {
                self.unsent.keep(&wire[..end], taken, len);
                self.unsent.take_written()
            };
            if written > 0 { Ok(written) } else { Err(ErrorKind::WouldBlock.into()) }
        })
    }

    /// Writes what waits, as far as the stream takes it.
    ///
    /// # Errors
    /// The error of the stream, but for `WouldBlock`. [`BrokenPipe`](ErrorKind::BrokenPipe) after a failure.
    pub(crate) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        if self.is_broken || matches!(self.input, Input::Failed(_)) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.unsent.write_to(stream).inspect_err(|_| self.is_broken = true)
    }

    /// Ends our direction: queues `close_notify`, unless the handshake is not complete, and writes what waits as far as
    /// the stream takes it. Nothing is written afterwards, and what the peer sends is dropped.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub(crate) fn end_output(&mut self, stream: &mut impl Write) -> io::Result<()> {
        if self.may_encrypt()
            && let Ok(ConnectionState::WriteTraffic(mut traffic)) =
                self.tls.process_tls_records(&mut self.partial).state
        {
            encrypt_end(&mut traffic, |len| self.unsent.grow(len));
            // The session needs no more bytes, and rustls must see no fault of the peer any more: its alert would be
            // the second one, at which a debug assertion fails.
            self.discard_input();
        }
        self.flush(stream)
    }

    /// Whether rustls may be asked to encrypt. It also looks at what has come: the beginning of a message of the
    /// handshake, which it has seen before, must still be in `partial`.
    const fn may_encrypt(&self) -> bool {
        !self.is_broken && matches!(self.input, Input::Open | Input::Ended)
    }

    /// Encrypts bytes from the front of `slices` into `wire`. Returns their number and that of the encrypted ones.
    ///
    /// # Errors
    /// `WouldBlock` if the handshake does not allow it. [`BrokenPipe`](ErrorKind::BrokenPipe) after a failure.
    fn encrypt(
        &mut self,
        slices: &[IoSlice<'_>],
        gathered: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> io::Result<(usize, usize)> {
        if !self.may_encrypt() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        match self.tls.process_tls_records(&mut self.partial).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let mut end = 0;
                let len = encrypt(&mut traffic, slices, gathered, wire, &mut end)?;
                Ok((len, end))
            }
            Ok(_) => Err(ErrorKind::WouldBlock.into()),
            Err(_) => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// Writes once. Returns how many bytes the stream has taken.
    fn write_once(&mut self, stream: &mut impl Write, encrypted: &[u8]) -> io::Result<usize> {
        match stream.write(encrypted) {
            Ok(taken) => Ok(taken),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => {
                self.is_broken = true;
                Err(error)
            }
        }
    }
}

impl Scratch {
    const NEW: Self = Self { input: Vec::new(), output: Vec::new(), gathered: Vec::new() };
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("is_handshaking", &self.is_handshaking())
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

/// What the peer has done, as an error of the stream.
fn invalid(error: &rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error.clone())
}
