//! Bytes between the buffers of a session and the records of rustls.

use rustls::{
    server::ServerConnectionData,
    unbuffered::{EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, WriteTraffic},
};
use std::io::{self, IoSlice, IoSliceMut};

/// The most bytes that are encrypted at once: 64 KiB behind the header of their frame, and a little more.
pub(super) const MAX_BATCH: usize = (64 << 10) + 64;

/// A slice of this length is encrypted where it is. Shorter ones that follow each other are gathered, so that a header
/// shares a record with its payload. A record holds as many bytes.
const MIN_DIRECT: usize = 16 << 10;

/// The slices that take what is decrypted.
pub(super) struct Plain<'p, 's> {
    slices: &'p mut [IoSliceMut<'s>],
    /// The first slice that is not full, and the number of bytes in it.
    slice: usize,
    filled: usize,
    len: usize,
}

impl<'p, 's> Plain<'p, 's> {
    pub(super) fn new(slices: &'p mut [IoSliceMut<'s>]) -> Self {
        Self { slices, slice: 0, filled: 0, len: 0 }
    }

    /// The number of bytes that all slices hold.
    pub(super) fn room(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum()
    }

    /// The number of bytes in the slices.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Appends `bytes`, for which there is room.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            let free = &mut self.slices[self.slice][self.filled..];
            let count = bytes.len().min(free.len());
            free[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.filled += count;
            if self.filled == self.slices[self.slice].len() {
                (self.slice, self.filled) = (self.slice + 1, 0);
            }
        }
    }
}

/// Encrypts bytes from the front of `slices`, at most [`MAX_BATCH`], into `wire` from `end` on, which it moves. `wire`
/// grows as needed. Returns the number of bytes that were encrypted.
///
/// # Errors
/// The keys may encrypt no more.
pub(super) fn encrypt(
    traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    slices: &[IoSlice<'_>],
    gathered: &mut Vec<u8>,
    wire: &mut Vec<u8>,
    end: &mut usize,
) -> io::Result<usize> {
    let mut len = 0;
    let mut slices = slices.iter().filter(|slice| !slice.is_empty()).peekable();
    while len < MAX_BATCH
        && let Some(first) = slices.next()
    {
        let room = MAX_BATCH - len;
        let is_short = |slice: &&IoSlice<'_>| slice.len() < MIN_DIRECT;
        let bytes = if is_short(&first) && slices.peek().is_some_and(is_short) {
            gathered.clear();
            gathered.extend_from_slice(first);
            while gathered.len() < room
                && let Some(next) = slices.next_if(is_short)
            {
                gathered.extend_from_slice(next);
            }
            gathered.as_slice()
        } else {
            first
        };
        let bytes = &bytes[..bytes.len().min(room)];
        encrypt_piece(traffic, bytes, wire, end)?;
        len += bytes.len();
    }
    Ok(len)
}

fn encrypt_piece(
    traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    bytes: &[u8],
    wire: &mut Vec<u8>,
    end: &mut usize,
) -> io::Result<()> {
    let mut result = traffic.encrypt(bytes, &mut wire[*end..]);
    if let Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) = result {
        wire.resize(*end + required_size, 0);
        result = traffic.encrypt(bytes, &mut wire[*end..]);
    }
    *end += result.map_err(io::Error::other)?;
    Ok(())
}

/// Queues the end of our direction, in the memory that `memory` gives.
pub(super) fn encrypt_end<'m>(
    traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    memory: impl FnOnce(usize) -> &'m mut [u8],
) {
    // Without room it tells how much it needs. It needs none if an alert has ended the connection.
    if let Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) =
        traffic.queue_close_notify(&mut [])
    {
        let result = traffic.queue_close_notify(memory(required_size));
        debug_assert!(result.is_ok_and(|len| len == required_size), "it fills the memory that it has asked for");
    }
}

/// Copies bytes of the handshake, or an alert, into the memory that `memory` gives.
pub(super) fn encode<'m>(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    memory: impl FnOnce(usize) -> &'m mut [u8],
) {
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = data.encode(&mut []) {
        let result = data.encode(memory(required_size));
        debug_assert!(result.is_ok_and(|len| len == required_size), "it fills the memory that it has asked for");
    }
}
