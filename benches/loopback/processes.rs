//! Servers in processes of their own: one at a time, each on a CPU of its own, and gone whatever happens.

use crate::servers::{self, Server};
use rustix::{
    process::{Signal, set_parent_process_death_signal},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use socket2::{Domain, Socket, Type};
use std::{
    env, fs, io,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Sub,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Has this program be a server.
pub const SERVE: &str = "--serve";

/// A server that runs. It is killed when this is dropped, and when this process ends.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// CPU time that was used.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    pub total: Duration,
    /// Clock ticks in which the process was found in its own code, and in the kernel's.
    user_ticks: u64,
    system_ticks: u64,
}

/// Which CPU is whose.
#[derive(Clone, Copy, Debug)]
pub struct Cpus {
    pub server: usize,
    /// The load's: another one, if there is one.
    pub load: usize,
}

impl Cpus {
    /// Two of those that this process may use. It is put on that of the load.
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
    pub fn start(server: &Server, cpus: Cpus) -> io::Result<Self> {
        // A child begins on the CPU of its parent.
        pin(cpus.server)?;
        let child = Self::command(server).and_then(|mut it| it.stdin(Stdio::null()).stdout(Stdio::piped()).spawn());
        pin(cpus.load)?;
        let mut child = child?;
        let mut port = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        let mut process = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        BufReader::new(stdout).read_line(&mut port)?;
        let port = port.trim().parse().map_err(|_| io::Error::other("it has not said which port it listens on"))?;
        process.address.set_port(port);
        Ok(process)
    }

    fn command(server: &Server) -> io::Result<Command> {
        if let Some(path) = server.executable() {
            return Ok(Command::new(path));
        }
        let mut command = Command::new(env::current_exe()?);
        command.args([SERVE, server.name]);
        Ok(command)
    }

    /// The CPU time of all its threads until now.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let folder = format!("/proc/{}", self.child.id());
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += number(text.split_whitespace().next())?;
        }
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        // The name, in parentheses, may have spaces; after it the 12th and 13th fields are the ticks, see proc(5).
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
        // An error means that it has ended by itself, which its clients have noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cpu {
    /// The part that was spent in the kernel, as far as clock ticks tell.
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

/// What a child does: it says which port it listens on, and serves.
pub fn serve(name: &str) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let server = servers::find(name).map_err(io::Error::other)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    let listener = TcpListener::from(socket);
    println!("{}", listener.local_addr()?.port());
    server.serve(listener)
}
