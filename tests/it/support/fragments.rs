//! Fragments by one call each, whether they begin a message or continue it.

use statesocket::{Connection, SendError};

/// The next fragment of a message, for tests that do not care whether it is the first.
pub(crate) trait Fragments {
    fn send_text_fragment(&mut self, text: &str, is_last: bool) -> Result<(), SendError>;
    fn send_binary_fragment(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError>;
}

impl Fragments for Connection {
    fn send_text_fragment(&mut self, text: &str, is_last: bool) -> Result<(), SendError> {
        match (self.is_mid_message(), is_last) {
            (true, _) => self.continue_text(text, is_last),
            (false, false) => self.begin_text(text),
            (false, true) => self.send_text(text),
        }
    }

    fn send_binary_fragment(&mut self, bytes: &[u8], is_last: bool) -> Result<(), SendError> {
        match (self.is_mid_message(), is_last) {
            (true, _) => self.continue_binary(bytes, is_last),
            (false, false) => self.begin_binary(bytes),
            (false, true) => self.send_binary(bytes),
        }
    }
}
