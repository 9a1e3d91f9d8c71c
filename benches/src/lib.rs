//! Workloads, each of which can be checked and then run again without the checks, to be measured.

pub mod callgrind;
pub mod codec;
pub mod control;
pub mod exchange;
pub mod opening;
mod output;
pub mod table;
pub mod wire;

use statesocket::Message;

/// Where what a workload does is seen.
pub trait Sink {
    /// A message was received, and that is all that becomes of it.
    fn message(&mut self, message: &Message<'_>);
    /// Bytes leave for the peer.
    fn output(&mut self, bytes: &[u8]);
}

/// Keeps the compiler from leaving work out, and does nothing else.
pub struct Unseen;

impl Sink for Unseen {
    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) {
        std::hint::black_box(message);
    }

    #[inline(always)]
    fn output(&mut self, bytes: &[u8]) {
        std::hint::black_box(bytes);
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub messages: Vec<Message<'static>>,
    pub output: Vec<u8>,
}

impl Sink for Seen {
    fn message(&mut self, message: &Message<'_>) {
        self.messages.push(message.clone().into_owned());
    }

    fn output(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }
}

/// Work that can be done any number of times.
pub trait Workload {
    /// How often one `run` does what is counted.
    fn units(&self) -> usize;

    /// Gets ready for a `run`; not measured.
    fn reset(&mut self) {}

    fn run<S: Sink>(&mut self, sink: &mut S);

    /// Panics if what a `run` did is wrong.
    fn check(&self, seen: &Seen);
}

/// A [`Workload`] with a name.
pub struct Bench {
    pub name: String,
    make: Box<dyn Fn() -> Box<dyn Work> + Send>,
}

impl Bench {
    pub fn new<W: Work + 'static>(name: impl Into<String>, make: impl Fn() -> W + Send + 'static) -> Self {
        Self { name: name.into(), make: Box::new(move || Box::new(make())) }
    }

    /// Runs twice, checked, so that what is measured is not the first of its kind. Then runs in `measure`, and returns
    /// how many units of work that was.
    pub fn run(&self, measure: fn(&mut dyn Work)) -> usize {
        let mut work = (self.make)();
        work.check();
        work.check();
        work.reset();
        measure(&mut *work);
        work.units()
    }
}

/// A [`Workload`] of any type.
pub trait Work {
    fn units(&self) -> usize;
    fn reset(&mut self);
    fn run(&mut self);
    fn check(&mut self);
}

impl<W: Workload> Work for W {
    fn units(&self) -> usize {
        Workload::units(self)
    }

    fn reset(&mut self) {
        Workload::reset(self);
    }

    fn run(&mut self) {
        Workload::run(self, &mut Unseen);
    }

    fn check(&mut self) {
        let mut seen = Seen::default();
        Workload::reset(self);
        Workload::run(self, &mut seen);
        Workload::check(self, &seen);
    }
}
