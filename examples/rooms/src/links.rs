//! The links between the sequencer and the broker. Each has a step, for tests, and a loop, for a thread of its own.

use crate::{
    broker::Broker,
    bus::{Answer, Bus, Input, Inputs, Refusal, Request},
    id::Id,
    sequencer::Sequencer,
};
use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError},
    thread,
    time::{Duration, Instant},
};

/// The most messages that the broker stores with one call.
const BATCH: usize = 256;

/// How long the follower waits before it looks whether the broker is back.
const RETRY: Duration = Duration::from_millis(300);

/// How long the follower waits for a sequencer that has much to do.
const PAUSE: Duration = Duration::from_millis(1);

/// The time between two ticks of the sequencer.
const TICK: Duration = Duration::from_secs(1);

/// Reads all messages of the broker, in its order.
#[derive(Debug)]
pub struct Follower<B> {
    broker: B,
    last: Id,
    is_lost: bool,
}

impl<B: Broker> Follower<B> {
    /// Begins with the oldest message that the broker has.
    pub const fn new(broker: B) -> Self {
        Self { broker, last: Id::START, is_lost: false }
    }

    /// Reads once. Returns what the sequencer is to be told.
    pub fn step(&mut self) -> Vec<Input> {
        match self.broker.read(self.last) {
            Ok(read) => {
                let back = std::mem::take(&mut self.is_lost).then_some(Input::Back);
                self.last = read.entries.last().map_or(self.last, |entry| entry.id);
                let end = read.is_end.then_some(Input::End);
                let entries = (!read.entries.is_empty()).then_some(Input::Entries(read.entries));
                back.into_iter().chain(entries).chain(end).collect()
            }
            Err(_) if self.is_lost => Vec::new(),
            Err(error) => {
                self.is_lost = true;
                vec![Input::Lost(error.reason)]
            }
        }
    }

    /// Reads until the sequencer has ended.
    pub fn run(mut self, bus: &Bus) {
        while self.step().into_iter().all(|input| bus.send(input)) {
            if self.is_lost {
                thread::sleep(RETRY);
            }
            while bus.is_full() {
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Does what the sequencer asks of the broker.
#[derive(Debug)]
pub struct Writer<B> {
    broker: B,
}

impl<B: Broker> Writer<B> {
    /// A writer to this broker.
    pub const fn new(broker: B) -> Self {
        Self { broker }
    }

    /// Does some requests. Returns what the sequencer is to be told.
    pub fn step(&mut self, requests: Vec<Request>) -> Vec<Input> {
        let (mut speakers, mut all_said, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Add { member, key, said } => {
                    speakers.push((member, key));
                    all_said.push(said);
                }
                Request::Note(rooms) => {
                    let lists = self.broker.note_present(&rooms);
                    let names = rooms.into_iter().map(|noted| noted.room);
                    inputs.push(match lists {
                        Ok(lists) => Input::Present(names.zip(lists).collect()),
                        Err(_) => Input::NotNoted(names.collect()),
                    });
                }
            }
        }
        if !all_said.is_empty() {
            let stored = self.broker.add(&all_said);
            inputs.extend(speakers.into_iter().enumerate().map(|(place, (member, key))| {
                let outcome = match &stored {
                    Ok(ids) => ids.get(place).copied().ok_or_else(|| "the broker has given no id".to_owned()),
                    Err(error) => Err(error.reason.clone()),
                };
                let may_be_stored = stored.as_ref().map_or_else(|error| error.may_have_acted, |_| true);
                let outcome = outcome.map_err(|reason| Refusal { reason, may_be_stored });
                Input::Answer(Answer { member, key, outcome })
            }));
        }
        inputs
    }

    /// Does what comes until the sequencer has ended.
    pub fn run(mut self, requests: &Receiver<Request>, bus: &Bus) {
        while let Ok(first) = requests.recv() {
            // What waits is stored together: the broker writes its file once.
            let batch = std::iter::once(first).chain(requests.try_iter().take(BATCH - 1)).collect();
            for input in self.step(batch) {
                // The members of a sequencer that has ended need no answer.
                bus.send(input);
            }
        }
    }
}

/// Runs a sequencer until no handler is left.
pub fn run_sequencer(mut sequencer: Sequencer, inputs: &Inputs, writer: &SyncSender<Request>) {
    let mut next_tick = Instant::now() + TICK;
    loop {
        let wait = next_tick.saturating_duration_since(Instant::now());
        let input = if wait.is_zero() { Input::Tick } else { inputs.wait(wait) };
        if matches!(input, Input::Tick) {
            next_tick = Instant::now() + TICK;
        }
        let is_over = matches!(input, Input::Stop);
        sequencer.handle(input);
        for request in sequencer.take_requests() {
            if let Err(TrySendError::Full(request) | TrySendError::Disconnected(request)) = writer.try_send(request) {
                sequencer.not_taken(request);
            }
        }
        if is_over {
            return;
        }
    }
}
