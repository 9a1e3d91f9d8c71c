//! A server for one fault, and its neighbours.

use crate::peer::{PATIENCE, Peer};
use std::{
    error::Error,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The number of clients that echo during a fault.
pub(crate) const NEIGHBOURS: usize = 5;

/// A server in a process of its own. Dropping this kills it.
pub(crate) struct Bench {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Option<JoinHandle<Vec<String>>>,
    pub(crate) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    neighbours: Option<JoinHandle<Echoes>>,
}

/// The results.
pub(crate) struct Figures {
    /// The causes of all ends but the neighbours', with their counts.
    pub(crate) ended: Vec<(String, u64)>,
    pub(crate) accepted: u64,
    pub(crate) heap_at_the_peak: u64,
    pub(crate) heap_left: u64,
    pub(crate) echoes: Echoes,
}

/// The echoes of the neighbours.
#[derive(Clone, Copy, Default)]
pub(crate) struct Echoes {
    pub(crate) sent: u64,
    pub(crate) back: u64,
    /// The longest wait for one.
    pub(crate) longest: Duration,
}

impl Bench {
    pub(crate) fn start(args: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().ok_or("it is piped")?);
        let mut first = String::new();
        stdout.read_line(&mut first)?;
        let address = first.trim_end().strip_prefix("listening on ").ok_or("the server does not listen")?.parse()?;
        let lines = thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.filter(|line| !line.starts_with("disconnect ")).collect()
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let neighbours = Some(start_neighbours(address, Arc::clone(&is_over))?);
        Ok(Self { child, stdin, lines: Some(lines), address, is_over, neighbours })
    }

    /// Ends the neighbours, then the server.
    pub(crate) fn finish(mut self) -> Result<Figures, Box<dyn Error>> {
        self.is_over.store(true, Ordering::Relaxed);
        let neighbours = self.neighbours.take().ok_or("the neighbours are running")?;
        let echoes = neighbours.join().map_err(|_| "a neighbour panicked")?;
        // The server gets a moment for the last clients; then it is stopped.
        thread::sleep(Duration::from_millis(200));
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("the server does not end".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let lines = self.lines.take().ok_or("the lines are being read")?.join().map_err(|_| "no lines")?;
        figures(&lines, echoes)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn figures(lines: &[String], echoes: Echoes) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures { ended: Vec::new(), accepted: 0, heap_at_the_peak: 0, heap_left: 0, echoes };
    for line in lines {
        let (name, count) = line.rsplit_once(' ').ok_or("a name and a number")?;
        let count = count.parse()?;
        match name {
            "accepted" => figures.accepted = count,
            "heap at the peak" => figures.heap_at_the_peak = count,
            "heap left" => figures.heap_left = count,
            // Evicted connections have a cause, too.
            "clean" | "evicted" => {}
            cause => figures.ended.push((cause.to_owned(), count)),
        }
    }
    if figures.ended.iter().map(|(_, count)| count).sum::<u64>() != figures.accepted {
        return Err(format!("some connections have not ended: {lines:?}").into());
    }
    // The neighbours close cleanly.
    if let Some((_, count)) = figures.ended.iter_mut().find(|(cause, _)| cause == "peer closed") {
        *count -= (NEIGHBOURS as u64).min(*count);
    }
    figures.ended.retain(|(_, count)| *count > 0);
    figures.accepted -= NEIGHBOURS as u64;
    Ok(figures)
}

/// Neighbours that echo until it is over.
fn start_neighbours(address: SocketAddr, is_over: Arc<AtomicBool>) -> io::Result<JoinHandle<Echoes>> {
    let mut peers = (0..NEIGHBOURS).map(|_| Peer::open(address)).collect::<io::Result<Vec<_>>>()?;
    Ok(thread::spawn(move || {
        let mut echoes = Echoes::default();
        let mut is_last_round = false;
        while !is_last_round {
            is_last_round = is_over.load(Ordering::Relaxed);
            for peer in &mut peers {
                let begin = Instant::now();
                echoes.sent += 1;
                echoes.back += u64::from(peer.echoes("all is well"));
                echoes.longest = echoes.longest.max(begin.elapsed());
            }
            thread::sleep(Duration::from_millis(1));
        }
        for peer in &mut peers {
            // A neighbour that has lost its connection has also lost an echo.
            let _ = peer.write(&crate::peer::frame(0x88, &1000_u16.to_be_bytes())).and_then(|()| peer.close_code());
        }
        echoes
    }))
}
