//! Servers in processes of their own: one at a time, on a CPU of its own, killed whatever happens.

use crate::{
    command::{self, accepts, free_port},
    servers::{self, Server},
    workload::Task,
};
use rustix::{
    process::{Signal, set_parent_process_death_signal},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use socket2::{Domain, Socket, Type};
use std::{
    env,
    fmt::Display,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    ops::Sub,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often a server that has been started is asked whether it accepts connections.
const POLL: Duration = Duration::from_millis(10);

/// A server that runs. It is killed when this value is dropped, and when this process ends.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// CPU time that a process has used.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    pub total: Duration,
    /// Clock ticks at which the process ran its own code, and the kernel's.
    user_ticks: u64,
    system_ticks: u64,
}

/// The CPUs of the server and of the load.
#[derive(Clone, Copy, Debug)]
pub struct Cpus {
    pub server: usize,
    /// Another one, if there is one.
    pub load: usize,
}

impl Cpus {
    /// Chooses two CPUs that this process may use. Moves this process to the CPU of the load generator.
    pub fn choose() -> io::Result<Self> {
        let set = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
        let server = allowed.next().expect("this process runs on a CPU");
        let load = allowed.next().unwrap_or(server);
        pin(load)?;
        Ok(Self { server, load })
    }
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

impl Process {
    /// Starts `server` for a task, does `work`, and ends it.
    ///
    /// # Errors
    /// The server does not start, or `work` fails. If the server has ended by itself, the message says so.
    pub fn with<T>(
        server: &Server,
        task: Task,
        cpus: Cpus,
        work: impl FnOnce(&Self) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut process = Self::start(server.command(task).ok_or("it has no room")?, cpus)?;
        work(&process).map_err(|error| {
            // Its connections are closed a moment before it has ended.
            thread::sleep(POLL);
            match process.child.try_wait() {
                Ok(Some(status)) => format!("{error}; the server has ended by itself ({status})"),
                _ => error,
            }
        })
    }

    fn start(command: &command::Command, cpus: Cpus) -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("no port is free: {error}"))?;
        let failure = |error: &dyn Display| format!("the command `{}` {error}", command.text(port));
        let child = Self::spawn(command.arguments(port), cpus);
        let child = child.map_err(|error| failure(&format_args!("cannot be run: {error}")))?;
        let mut process = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
        process.wait_until_it_accepts(command.patience).map_err(|error| failure(&error))?;
        Ok(process)
    }

    /// Runs this program with `arguments` on the CPU of the server.
    fn spawn(arguments: impl Iterator<Item = String>, cpus: Cpus) -> io::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        // A child begins on the CPU of its parent.
        pin(cpus.server)?;
        let child = command.spawn();
        pin(cpus.load)?;
        child
    }

    fn wait_until_it_accepts(&mut self, patience: Duration) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(|error| format!("cannot be waited for: {error}"))?;
            if let Some(status) = ended {
                return Err(format!("has ended ({status}) before it accepted a connection"));
            }
            if accepts(self.address).map_err(|error| format!("cannot be connected to: {error}"))? {
                return Ok(());
            }
            if start.elapsed() > patience {
                return Err(format!("does not listen on {} after {patience:?}", self.address));
            }
            thread::sleep(POLL);
        }
    }

    /// The CPU time that all its threads have used until now.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let folder = format!("/proc/{}", self.child.id());
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += number(text.split_whitespace().next())?;
        }
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        // The name, in parentheses, may contain spaces. The 12th and 13th fields behind it are the ticks: see proc(5).
        let (_, fields) = stat.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
        let mut ticks = fields.split_whitespace().skip(11);
        let (user_ticks, system_ticks) = (number(ticks.next())?, number(ticks.next())?);
        Ok(Cpu { total: Duration::from_nanos(nanoseconds), user_ticks, system_ticks })
    }

    /// Bytes of its memory that are in RAM.
    pub fn resident(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let rss = text.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or(io::ErrorKind::InvalidData)?;
        Ok(number(rss.split_whitespace().next())? << 10)
    }
}

fn number(field: Option<&str>) -> io::Result<u64> {
    field.and_then(|it| it.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended by itself, which its clients notice.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cpu {
    /// The part that was spent in the kernel, to the precision of the clock ticks.
    pub fn system_part(&self) -> f64 {
        self.system_ticks as f64 / (self.user_ticks + self.system_ticks).max(1) as f64
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            total: self.total.saturating_sub(before.total),
            user_ticks: self.user_ticks - before.user_ticks,
            system_ticks: self.system_ticks - before.system_ticks,
        }
    }
}

/// Is the server called `name`, at `port` of 127.0.0.1, until the bench ends.
pub fn serve(name: &str, port: u16) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if let Some(result) = servers::serve_loops(name, port) {
        return result;
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(4096)?;
    servers::serve(name, socket.into())
}
