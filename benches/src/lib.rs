//! Workloads. Each can be run with checks, and without them to be measured.

pub mod callgrind;
pub mod codec;
#[cfg(feature = "deflate")]
pub mod compressed;
pub mod control;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod exchange;
pub mod opening;
mod output;
pub mod table;
pub mod text;
pub mod wire;

use statesocket::Message;

/// Takes the results of a workload.
pub trait Sink {
    /// A message is received and not used further.
    fn message(&mut self, message: &Message<'_>);
    /// Bytes are written.
    fn output(&mut self, bytes: &[u8]);
}

/// Only keeps the compiler from removing work.
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

/// Keeps the results.
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

/// Work that can be repeated.
pub trait Workload {
    /// The units of work in one `run`.
    fn units(&self) -> usize;

    /// Prepares a `run`; not measured.
    fn reset(&mut self) {}

    fn run<S: Sink>(&mut self, sink: &mut S);

    /// Panics if a `run` with these results is wrong.
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

    /// Runs twice with checks, so that the measured run is not the first, and then in `measure`. Returns the units of
    /// work.
    pub fn run(&self, measure: fn(&mut dyn Work)) -> usize {
        let mut work = (self.make)();
        work.check();
        work.check();
        work.reset();
        measure(&mut *work);
        work.units()
    }
}

/// A [`Workload`] as a trait object.
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
