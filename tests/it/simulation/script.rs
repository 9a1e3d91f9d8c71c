//! The acts of an application, in order.

use super::{
    Time,
    plan::SECOND,
    random::{Random, any_magnitude, one_of},
};
use rand::RngExt;
use statesocket::Message;
use std::{ops::Range, rc::Rc};

#[derive(Clone, Debug)]
pub(super) enum Act {
    Send(Rc<Message<'static>>),
    SendShared(Rc<Message<'static>>),
    Fragment { message: Rc<Message<'static>>, range: Range<usize>, is_last: bool },
    Ping(Vec<u8>),
    Pause,
    Resume,
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Close(u16, String),
    EnsureClosed(u16, String),
    ShutDown(u16),
    Abort,
}

/// An answer of the application to a Close: some more messages, then its own Close.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) after: Time,
    pub(super) message: Option<Rc<Message<'static>>>,
    pub(super) close: Ending,
}

/// The largest fragment. It is below any limit on the output, so that a refused one fits later.
const MAX_FRAGMENT: usize = 4_000;

/// A few acts, with the time of each. A pause is followed by a resume.
pub(super) fn acts(random: &mut Random, largest: usize) -> Vec<(Time, Act)> {
    let (mut acts, mut at) = (Vec::new(), 0);
    for _ in 0..any_magnitude(random, 0..=20) {
        if random.random() {
            at += random.random_range(0..SECOND / 2);
        }
        match random.random_range(0..12) {
            0..=3 => acts.push((at, Act::Send(message(random, largest)))),
            4 | 5 => acts.push((at, Act::SendShared(message(random, largest)))),
            6 | 7 => at = fragments(random, largest, at, &mut acts),
            8..=10 => {
                // Sometimes more than are each answered.
                for _ in 0..one_of(random, &[1, 1, 1, 2, 20]) {
                    acts.push((at, Act::Ping(bytes(random, 125))));
                }
            }
            _ => {
                acts.push((at, Act::Pause));
                at += random.random_range(0..SECOND / 2);
                acts.push((at, Act::Resume));
            }
        }
    }
    acts
}

/// A message in fragments, with Pings between them. Returns when the last one is sent.
fn fragments(random: &mut Random, largest: usize, mut at: Time, acts: &mut Vec<(Time, Act)>) -> Time {
    let message = message(random, largest);
    let mut start = 0;
    let count = random.random_range(1..6);
    // A code point has to fit.
    let size = (message.len() / count).clamp(4, MAX_FRAGMENT);
    loop {
        let wanted = (start + random.random_range(0..=2 * size).min(MAX_FRAGMENT)).min(message.len());
        let is_boundary = |at: &usize| message.as_text().is_none_or(|text| text.is_char_boundary(*at));
        let end = (start..=wanted).rev().find(is_boundary).unwrap_or(start);
        let is_last = end == message.len();
        acts.push((at, Act::Fragment { message: Rc::clone(&message), range: start..end, is_last }));
        if is_last {
            return at;
        }
        start = end;
        if random.random_bool(0.3) {
            at += random.random_range(0..SECOND / 5);
        }
        if random.random_bool(0.2) {
            acts.push((at, Act::Ping(bytes(random, 125))));
        }
    }
}

pub(super) fn ending(random: &mut Random, may_abort: bool) -> (Time, Ending) {
    let at = if random.random_bool(0.2) { 0 } else { random.random_range(0..4 * SECOND) };
    let ending = match random.random_range(0..10) {
        0..=2 if may_abort => Ending::Abort,
        0..=5 => close(random),
        // A code that may not be sent is replaced by one that may.
        6..=8 => Ending::EnsureClosed(random.random_range(900..5_100), text(random, 300)),
        _ => Ending::ShutDown(one_of(random, &[1001, 1012])),
    };
    (at, ending)
}

pub(super) fn giving_up(random: &mut Random) -> (Time, Ending) {
    let at = random.random_range(0..SECOND / 2);
    (at, one_of(random, &[Ending::Abort, Ending::ShutDown(1001), Ending::EnsureClosed(1000, String::new())]))
}

pub(super) fn reply(random: &mut Random) -> Reply {
    let after = if random.random() { 0 } else { random.random_range(0..SECOND) };
    let message = random.random_bool(0.5).then(|| message(random, 1_000));
    Reply { after, message, close: close(random) }
}

fn close(random: &mut Random) -> Ending {
    let code = one_of(random, &[1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4999]);
    Ending::Close(code, if code == 1005 { String::new() } else { text(random, 123) })
}

fn message(random: &mut Random, largest: usize) -> Rc<Message<'static>> {
    Rc::new(if random.random() { Message::from(text(random, largest)) } else { Message::from(bytes(random, largest)) })
}

/// Code points of every length, in a sequence that does not repeat soon.
fn text(random: &mut Random, most: usize) -> String {
    let unit: String = (0..41).map(|_| one_of(random, &['a', 'b', 'c', ' ', 'ä', 'ß', '€', '漢', '😀'])).collect();
    let len = any_magnitude(random, 0..=most);
    let mut text = unit.repeat(len / unit.len() + 1);
    text.truncate((0..=len).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default());
    text
}

pub(super) fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let unit: Vec<u8> = (0..101).map(|_| random.random()).collect();
    let len = any_magnitude(random, 0..=most);
    unit.into_iter().cycle().take(len).collect()
}
