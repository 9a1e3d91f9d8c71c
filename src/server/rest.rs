//! The rest of a read: bytes that the connection holds back.

use std::collections::TryReserveError;

/// Bytes of the client that the connection has not taken yet. Usually none, which costs one pointer.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<Box<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    memory: Vec<u8>,
    /// The bytes before it have been taken.
    start: usize,
}

impl Rest {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The memory of the bytes, in bytes.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |bytes| bytes.memory.capacity())
    }

    /// Keeps `bytes`, behind those that it has. The client decides how many they are.
    ///
    /// # Errors
    /// If there is no memory for them. None of them is kept then.
    pub(super) fn try_push(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        if !bytes.is_empty() {
            let memory = &mut self.0.get_or_insert_default().memory;
            memory.try_reserve(bytes.len())?;
            memory.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Offers the bytes to `take`, which shortens the slice by those that it takes. Nothing moves, so any number of
    /// offers together cost linear time.
    pub(super) fn offer(&mut self, take: impl FnOnce(&mut &mut [u8])) {
        let Some(bytes) = &mut self.0 else { return };
        let mut left = &mut bytes.memory[bytes.start..];
        take(&mut left);
        let left = left.len();
        bytes.start = bytes.memory.len() - left;
        if left == 0 {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_offered_in_order_until_they_are_taken() {
        let mut rest = Rest::default();
        rest.try_push(b"").expect("no memory is needed");
        assert!(rest.is_empty());
        rest.try_push(b"abc").expect("there is memory");
        rest.offer(|bytes| {
            let taken = bytes.split_off_mut(..2).expect("three bytes are there");
            assert_eq!(taken, b"ab");
        });
        rest.try_push(b"de").expect("there is memory");
        rest.offer(|bytes| assert_eq!(*bytes, b"cde"));
        rest.offer(|bytes| *bytes = &mut []);
        assert!(rest.is_empty());
        rest.offer(|_| panic!("nothing is left"));
        assert_eq!(size_of::<Rest>(), size_of::<usize>());
    }
}
