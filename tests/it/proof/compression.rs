//! What both ends agree on for permessage-deflate, drawn for a case; and compressed frames, read again.

use crate::support::{
    Raw,
    walker::{Fault, Walk, walk_as_far_as_it_goes, walk_message},
};
use statesocket::{Agreed, Config, Connection, Role};
#[cfg(feature = "deflate")]
use statesocket::{
    AgreedDeflate, Deflate, Window,
    handshake::{Extension, deflate},
    http::header::SEC_WEBSOCKET_EXTENSIONS,
};

pub(crate) const RSV1: u8 = 0x40;

/// How one end may refer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The window, in bytes.
    pub(crate) window: usize,
    /// Whether it may refer to earlier messages.
    pub(crate) takeover: bool,
}

/// What a case has agreed on, and how its ends compress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    #[cfg(feature = "deflate")]
    agreed: AgreedDeflate,
    #[cfg(feature = "deflate")]
    deflate: Deflate,
}

/// The offer of a client that lets a server choose everything.
pub(crate) const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// Bytes that end with this have three choices before it. Others agree on nothing.
pub(crate) const MARK: [u8; 3] = *b"pmd";

/// The outcome of an opening handshake, with fixed randomness.
pub(crate) fn agreed(compression: Option<Compression>) -> Agreed {
    let agreed = Agreed::new().seed([7; 32]);
    match compression {
        Some(compression) => compression.agree(agreed),
        None => agreed,
    }
}

/// What the end of a case draws, and the bytes before it.
pub(crate) fn split(data: &[u8]) -> (Option<Compression>, &[u8]) {
    #[cfg(feature = "deflate")]
    if let Some((rest, choices)) = data.strip_suffix(&MARK).and_then(|data| data.split_last_chunk()) {
        return (Some(Compression::drawn(*choices)), rest);
    }
    (None, data)
}

/// The end of a case with these choices: the windows and takeovers, how hard and what to compress, the history.
pub(crate) fn end(choices: [u8; 3]) -> Vec<u8> {
    [choices, MARK].concat()
}

#[cfg(feature = "deflate")]
impl Compression {
    pub(crate) fn drawn([directions, how, history]: [u8; 3]) -> Self {
        let deflate = Deflate::default().with(|deflate| {
            deflate.level = [6, 1, 9, 2][usize::from(how & 3)];
            deflate.threshold = [Some(0), None, Some(10), Some(100)][usize::from(how >> 2 & 3)];
            deflate.fragments = how & 0x10 != 0;
            deflate.send_history = Window::from_bits(15 - history % 9).unwrap_or(Window::None);
        });
        let answer = answer(directions);
        let agreed = deflate::agree(&extensions(OFFER), &extensions(&answer));
        Self { agreed: agreed.expect("the answer fits the offer").expect("it has an element"), deflate }
    }

    /// Sets the choices.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.deflate = Some(self.deflate);
    }

    /// Adds what was agreed on.
    fn agree(&self, agreed: Agreed) -> Agreed {
        agreed.deflate(self.agreed)
    }

    /// How far `sender` may refer back.
    pub(crate) fn reach(&self, sender: Role) -> Reach {
        reach(self.agreed, sender)
    }
}

#[cfg(not(feature = "deflate"))]
#[expect(clippy::unused_self, reason = "there is no such value")]
impl Compression {
    pub(crate) fn apply(&self, _: &mut Config) {}

    fn agree(&self, agreed: Agreed) -> Agreed {
        agreed
    }

    pub(crate) fn reach(&self, _: Role) -> Reach {
        unreachable!("nothing is agreed on without the feature")
    }
}

/// The answer of a server: four bits for each direction.
pub(crate) fn answer(directions: u8) -> String {
    let [client, server] = [directions & 15, directions >> 4];
    let mut answer = format!(
        "permessage-deflate; server_max_window_bits={}; client_max_window_bits={}",
        15 - (server & 7),
        15 - (client & 7)
    );
    for (name, direction) in [("server", server), ("client", client)] {
        if direction & 8 != 0 {
            answer += &format!("; {name}_no_context_takeover");
        }
    }
    answer
}

#[cfg(feature = "deflate")]
fn extensions(value: &str) -> Vec<Extension> {
    let headers = [(SEC_WEBSOCKET_EXTENSIONS, value.parse().expect("a header"))];
    Extension::all(&headers.into_iter().collect(), 100).expect("a right header")
}

#[cfg(feature = "deflate")]
fn reach(agreed: AgreedDeflate, sender: Role) -> Reach {
    Reach { window: 1 << agreed.window_bits(sender), takeover: agreed.has_takeover(sender) }
}

/// How far `sender` may refer back on this connection; `None` without an agreement.
pub(crate) fn reach_on(connection: &Connection, sender: Role) -> Option<Reach> {
    #[cfg(feature = "deflate")]
    return connection.deflate().map(|agreed| reach(agreed, sender));
    #[cfg(not(feature = "deflate"))]
    {
        let _ = (connection, sender);
        None
    }
}

/// The plain text of one direction that later messages may refer to.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    reach: Reach,
    text: Vec<u8>,
}

impl Past {
    pub(crate) const fn new(reach: Reach) -> Self {
        Self { reach, text: Vec::new() }
    }

    /// Reads the first bytes of a payload, or all if it is `whole`: its text as far as it goes, and whether that is
    /// right.
    pub(crate) fn read(&self, payload: &[u8], whole: bool) -> (Vec<u8>, bool) {
        let (walk, result) = walk_as_far_as_it_goes(payload, &self.text, self.reach.window, whole);
        let is_short = result == Err(Fault::Short);
        (walk.text, result.is_ok() || is_short && !whole)
    }

    /// Notes the text of a message.
    pub(crate) fn push(&mut self, text: &[u8]) {
        if self.reach.takeover {
            self.text.extend(text);
            let excess = self.text.len().saturating_sub(self.reach.window);
            self.text.drain(..excess);
        }
    }
}

/// The frames as they would have left without compression. Checks that a sender of this `reach` may send them, and that
/// none refers farther back.
pub(crate) fn plain(frames: Vec<Raw>, reach: Option<Reach>) -> Vec<Raw> {
    let Some(reach) = reach else { return frames };
    let mut past = Past::new(reach);
    // The payload and the text of the compressed message in progress.
    let mut open: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut read = |mut frame: Raw| {
        if frame.opcode() >= Raw::CLOSE {
            return frame;
        }
        if frame.first & RSV1 != 0 {
            assert!(
                frame.opcode() != Raw::CONTINUATION && open.is_none(),
                "only the first frame has the bit: {frame:?}"
            );
            open = Some((Vec::new(), Vec::new()));
        }
        let Some((payload, text)) = &mut open else { return frame };
        payload.extend(&frame.payload);
        let is_last = frame.first & 0x80 != 0;
        let walk = if is_last {
            walk_message(payload, &past.text).expect("a whole message")
        } else {
            let (walk, result) = walk_as_far_as_it_goes(payload, &past.text, usize::MAX, false);
            result.expect("a fragment ends at a block");
            walk
        };
        check_reach(&walk, reach, payload);
        frame.payload = walk.text[text.len()..].to_vec();
        frame.first &= !RSV1;
        *text = walk.text;
        if is_last {
            past.push(text);
            open = None;
        }
        frame
    };
    frames.into_iter().map(&mut read).collect()
}

fn check_reach(walk: &Walk, reach: Reach, payload: &[u8]) {
    assert!(walk.farthest <= reach.window, "{} bytes back with a window of {}", walk.farthest, reach.window);
    assert!(walk.blocks.iter().all(|(_, is_final)| !is_final), "we write no final blocks: {payload:x?}");
}
