//! Starting the threads of a cluster.

use super::{
    super::{
        Server,
        accept::Acceptor,
        census::Column,
        farewell::Shutdown,
        handle::{Command, Handle},
        limits::Limits,
        queue::Queue,
        session_id::ServerId,
        siblings::Siblings,
        spawn::SpawnError,
        system::System,
        tally::Tally,
    },
    listeners::Listeners,
};
use crate::{CloseCode, CloseFrame, Config};
use std::{
    error::Error,
    io, mem,
    net::SocketAddr,
    panic::resume_unwind,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

type Thread = JoinHandle<io::Result<Tally>>;

/// Your code, which makes the routes of the loop with a number.
type SetUp = dyn Fn(&mut Server, usize) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// What a loop is there for.
enum Part {
    /// The loop with this number serves sessions.
    Serve(usize, Arc<SetUp>),
    /// The loop accepts for the others.
    HandOver,
}

/// The caller's ends of the channels to the thread of a loop. Each of the two waits for the other. If one gives up, its
/// ends are gone.
struct Line {
    made: mpsc::Receiver<Result<Made, SpawnError>>,
    /// Sent first.
    siblings: mpsc::Sender<Arc<Siblings<Command>>>,
    set_up: mpsc::Receiver<Result<(), SpawnError>>,
    /// Sent last.
    run: mpsc::Sender<()>,
}

/// The other ends of a [`Line`].
struct OtherEnd {
    made: mpsc::Sender<Result<Made, SpawnError>>,
    siblings: mpsc::Receiver<Arc<Siblings<Command>>>,
    set_up: mpsc::Sender<Result<(), SpawnError>>,
    run: mpsc::Receiver<()>,
}

/// A server, as the others see it.
type Made = (ServerId, Arc<Queue<Command>>);

/// The reason for which a thread does not start; `None` if it has panicked.
type Failure = Option<SpawnError>;

/// Starts all loops, or none. Returns the handle of the first and all threads.
pub(super) fn start(
    listeners: Listeners,
    config: &Config,
    set_up: impl Fn(&mut Server, usize) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
) -> Result<(Handle, Vec<Thread>), SpawnError> {
    let set_up: Arc<SetUp> = Arc::new(set_up);
    let Listeners { local_addr, loops, handing_over } = listeners;
    let has_acceptor = handing_over.is_some();
    let serving = loops.into_iter().enumerate().map(|(number, one)| (one, Part::Serve(number, Arc::clone(&set_up))));
    let (mut threads, mut lines) = (Vec::new(), Vec::new());
    let begun = serving.chain(handing_over.map(|one| (one, Part::HandOver))).try_for_each(|(acceptor, part)| {
        let (thread, line) = begin(acceptor, config.clone(), part, local_addr)?;
        threads.push(thread);
        lines.push(line);
        Ok(())
    });
    let failure = match begun.map_err(|error| Some(SpawnError::Io(error))).and_then(|()| lead(&lines, has_acceptor)) {
        Ok(handle) => return Ok((handle, threads)),
        Err(failure) => failure,
    };
    // No thread goes on without its line.
    drop(lines);
    let panics: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().err()).collect();
    match (panics.into_iter().next(), failure) {
        (Some(payload), _) => resume_unwind(payload),
        (None, Some(error)) => Err(error),
        (None, None) => unreachable!("a thread says how it has started, unless it panics"),
    }
}

/// Leads the threads through the start: all servers are made, then all are set up, then all run.
fn lead(lines: &[Line], has_acceptor: bool) -> Result<Handle, Failure> {
    let mut made = lines.iter().map(|line| answer(&line.made)).collect::<Result<Vec<_>, _>>()?;
    let acceptor = if has_acceptor { made.pop().map(|(_, queue)| queue) } else { None };
    let first = Arc::clone(&made[0].1);
    let siblings = Arc::new(Siblings::new(made, acceptor));
    for line in lines {
        // A thread that is gone does not answer either.
        let _ = line.siblings.send(Arc::clone(&siblings));
    }
    lines.iter().try_for_each(|line| answer(&line.set_up))?;
    for line in lines {
        // The thread waits for it.
        let _ = line.run.send(());
    }
    Ok(Handle::of_cluster(first, siblings))
}

fn answer<T>(answers: &mpsc::Receiver<Result<T, SpawnError>>) -> Result<T, Failure> {
    answers.recv().map_err(|_| None)?.map_err(Some)
}

/// Begins the thread of a loop.
fn begin(acceptor: Acceptor, config: Config, part: Part, local_addr: SocketAddr) -> io::Result<(Thread, Line)> {
    let (made, made_here) = mpsc::channel();
    let (siblings_here, siblings) = mpsc::channel();
    let (set_up, set_up_here) = mpsc::channel();
    let (run_here, run) = mpsc::channel();
    let name = match part {
        Part::Serve(number, _) => format!("statesocket-{number}"),
        Part::HandOver => "statesocket-in".to_owned(),
    };
    let line = Line { made: made_here, siblings: siblings_here, set_up: set_up_here, run: run_here };
    let end = OtherEnd { made, siblings, set_up, run };
    let thread = thread::Builder::new().name(name).spawn(move || {
        let Some(mut server) = prepare(acceptor, config, part, local_addr, &end) else { return Ok(Tally::default()) };
        let others = StopIfFailed(server.handle());
        server.run()?;
        mem::forget(others);
        Ok(server.tally().clone())
    })?;
    Ok((thread, line))
}

/// Makes the server of a thread, and sets it up. Returns it once all others have got so far.
fn prepare(acceptor: Acceptor, config: Config, part: Part, local_addr: SocketAddr, end: &OtherEnd) -> Option<Server> {
    let made = System::new().and_then(|system| Server::with_acceptor(acceptor, system, config));
    // The caller waits for each answer.
    let mut server = match made {
        Ok(server) => server,
        Err(error) => {
            let _ = end.made.send(Err(SpawnError::Io(error)));
            return None;
        }
    };
    let _ = end.made.send(Ok((server.shared.common.server, Arc::clone(&server.commands))));
    let siblings = end.siblings.recv().ok()?;
    let set_up = match part {
        Part::HandOver => {
            server.hands_over = true;
            server.shared.handle = Handle::of_cluster(Arc::clone(&server.commands), siblings);
            Ok(())
        }
        Part::Serve(number, set_up) => {
            server.join_cluster(siblings, number, local_addr);
            set_up(&mut server, number).map_err(SpawnError::SetUp)
        }
    };
    let _ = end.set_up.send(set_up);
    end.run.recv().ok().map(|()| server)
}

impl Server {
    /// Makes this server the loop of a cluster with a number.
    fn join_cluster(&mut self, siblings: Arc<Siblings<Command>>, number: usize, local_addr: SocketAddr) {
        self.local_addr = local_addr;
        self.loops = siblings.queues().len();
        self.shared.common.rooms.set_census(Column::new(Arc::clone(siblings.census()), number));
        self.shared.handle = Handle::of_cluster(Arc::clone(&self.commands), siblings);
        self.set_limits(Limits::default().shared_by(self.loops));
    }
}

/// Stops a cluster when it is dropped: one of its loops has failed.
struct StopIfFailed(Handle);

impl Drop for StopIfFailed {
    fn drop(&mut self) {
        let close = CloseFrame::new(CloseCode::INTERNAL_ERROR, "");
        // An error means that no other loop runs.
        let _ = self.0.shutdown_with(Shutdown::default().with(|shutdown| shutdown.close = close));
    }
}
