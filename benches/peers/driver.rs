//! The interface that every implementation is driven by.

/// The limit of a message and of a frame.
pub const MAX_BYTES: usize = 16 << 20;

/// The rule that the input breaks.
pub type Refusal = String;

/// The message to send.
#[derive(Clone)]
pub struct Sample {
    pub is_text: bool,
    pub payload: Vec<u8>,
}

impl Sample {
    pub fn into_text(self) -> String {
        String::from_utf8(self.payload).expect("a text is UTF-8")
    }
}

/// Carries bytes between a server's end of an open connection and the socket.
pub trait Driver {
    /// Reads the bytes that have arrived, and delivers each message. With `echo`, sends each back as late as the API
    /// allows, so that one write serves several messages.
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal>;

    /// Sends the sample `count` times.
    fn send(&mut self, count: usize);
}
