//! The faults, and the expected reactions.

use crate::{
    Args,
    bench::{Bench, Echoes, Figures, NEIGHBOURS},
    crowds,
    peer::{PATIENCE, Peer, frame, request},
    rooms,
};
use socket2::SockRef;
use std::{
    collections::VecDeque,
    error::Error,
    io,
    net::{Shutdown, SocketAddr},
    thread,
    time::{Duration, Instant},
};

/// Causes the fault `n` times at a server. Returns the reaction that every peer saw.
type Act = fn(SocketAddr, usize) -> io::Result<String>;

struct Fault {
    name: &'static str,
    n: usize,
    /// The configuration of the server.
    server: &'static [&'static str],
    act: Act,
    /// What the peers see, and how the server counts the ends: all causes, in the order of `CauseKind::ALL`.
    expected: (&'static str, &'static str),
    /// The most heap per connection, in bytes.
    most_heap: u64,
    /// The most heap, in bytes.
    budget: u64,
    /// The longest wait of a neighbour for an echo.
    patience: Duration,
}

impl Fault {
    const fn with_heap(mut self, most_heap: u64) -> Self {
        self.most_heap = most_heap;
        self
    }

    /// Whether each of the `n` is a connection that stays open.
    fn takes_sockets(&self) -> bool {
        self.name.starts_with("connects") || self.server == BOUNDED
    }

    const fn within(mut self, budget: u64) -> Self {
        self.budget = budget;
        self
    }

    const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// `Config::max_output_bytes`.
const LIMIT: u64 = 4 << 20;
/// A wait that no busy machine explains.
pub(crate) const HELD_OFF: Duration = Duration::from_secs(2);
/// The longest wait of a neighbour for its echo on an idle machine, unless a handler sleeps.
const MOST_LATENCY: Duration = Duration::from_millis(50);
/// The longest wait of an honest member of a flooded room for its own message, on an idle machine.
pub(crate) const MOST_ROOM_LATENCY: Duration = Duration::from_millis(200);
/// The most heap of a flooded room.
const ROOM_BUDGET: u64 = 32 << 20;
/// `Limits::max_buffered_bytes`.
const BOUNDED: &[&str] = &["--buffered-mib", "64"];
/// The same, and what each of the connections needs beside it.
const BUDGET: u64 = (64 << 20) + 20_000 * (2 << 10);
/// The most memory of large messages that the server's loop recycles, for all connections together.
const RECYCLED: u64 = 4 << 20;
/// A reader must take 1 MiB per second after half a second.
const SLOW: &[&str] = &["--drain-ms", "500", "--drain-rate", "1048576"];
const HALF: &[&str] = &["--message-ms", "500"];
const POOR: &[&str] = &["--memory-mib", "512", "--max-message-mib", "1024"];
/// Places that are full after a second.
const BUSY: &[&str] = &["--max-handshakes", "1000"];
const FEW_FILES: &[&str] = &["--files", "1024"];
const SHORT: &[&str] = &["--opening-ms", "500", "--message-ms", "500"];

fn faults(args: &Args) -> Vec<Fault> {
    let fault = |name, n, server, act, expected| {
        let (most_heap, budget, patience) = (u64::MAX, u64::MAX, MOST_LATENCY);
        Fault { name, n, server, act, expected, most_heap, budget, patience }
    };
    vec![
        fault("connects and says nothing", args.silent, &["--opening-ms", "3000"], say_nothing, ("EOF", "timed out")),
        fault("1,100 silent a second", 4_400, BUSY, |to, n| besiege(to, n, b""), ("101", "transport lost, aborted")),
        fault(
            "1,100 half heads a second",
            4_400,
            BUSY,
            |to, n| besiege(to, n, b"GET"),
            ("101", "transport lost, aborted"),
        ),
        fault(
            "silent, with 1,024 files",
            4_400,
            FEW_FILES,
            |to, n| besiege(to, n, b""),
            ("101", "transport lost, aborted"),
        ),
        fault("open until no file is left", 2_000, FEW_FILES, open_all, ("503", "rejected, transport lost")),
        fault("request byte by byte", args.crowd, SHORT, |to, n| trickle(to, n, None), ("408", "timed out")),
        fault(
            "frame header byte by byte",
            args.crowd,
            SHORT,
            |to, n| trickle(to, n, Some(&[0x82, 0xFF, 0, 0, 0, 0, 0, 1])),
            ("1008", "timed out"),
        ),
        fault(
            "payload byte by byte",
            args.crowd,
            SHORT,
            |to, n| trickle(to, n, Some(&[0x82, 0xFD, 0, 0, 0, 0, 1])),
            ("1008", "timed out"),
        ),
        fault("head of 10,000 lines", args.crowd, &[], long_head, ("431", "handshake failed")),
        fault(
            "length of 2^63",
            args.crowd,
            &[],
            |to, n| violate(to, n, &[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            ("1002", "protocol violation"),
        ),
        fault(
            "control frame of 16 MiB",
            args.crowd,
            &[],
            |to, n| violate(to, n, &[0x89, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0]),
            ("1002", "protocol violation"),
        ),
        fault("16 MiB claimed, not sent", args.crowd, &[], claim, ("-", "transport lost")),
        fault("empty fragments", args.flood, &[], fragments, ("1008", "protocol violation")),
        fault("Pings, never reads", args.flood, &[], pings, ("-", "transport lost")),
        // The limits that bound a peer which does not read: the output mark and one reply, and all of the output. The
        // 16 KiB are for the rest of the read.
        fault("1,023 questions, never reads", 20, &[], ask_and_never_read, ("-", "transport lost"))
            .with_heap((64 << 10) + (64 << 10) + (16 << 10) + RECYCLED / 20),
        fault("reads slowly", 20, SLOW, read_slowly, ("-", "timed out")).with_heap(LIMIT + (64 << 10)),
        // The handler makes 60 MiB of answers at once.
        fault("half a message, never reads", 20, HALF, half_a_message, ("-", "timed out"))
            .with_heap(LIMIT + (1 << 20))
            .with_patience(Duration::from_millis(200)),
        fault("head of 15.6 KiB, no answer", 20, &[], |to, n| wait_with_head(to, n, 15_600), ("-", "transport lost"))
            .with_heap(64 << 10),
        // The system clears half a GiB of memory.
        fault("900 MiB, 512 MiB of memory", 2, POOR, large_message, ("1013", "protocol violation"))
            .with_patience(Duration::from_millis(500)),
        fault("RST while open", args.crowd, &[], resets, ("-", "transport lost")),
        fault("half-close while open", args.crowd, &[], half_closes, ("EOF", "transport lost")),
        fault(
            "answers no Ping",
            args.crowd,
            &["--ping-ms", "300", "--pong-ms", "1000"],
            |to, n| violate(to, n, &[]),
            ("1011", "timed out"),
        ),
        fault(
            "handler panics",
            args.crowd,
            &[],
            |to, n| violate(to, n, &frame(0x81, b"panic")),
            ("1011", "closed locally"),
        ),
        fault("handler panics at once", args.crowd, &[], refuse, ("500", "rejected")),
        fault("handler sleeps half a second", 10, &[], sleep, ("-", "transport lost"))
            .with_patience(Duration::from_secs(1)),
        fault("floods a room", 31, &[], |to, n| rooms::flood(to, n, "/room"), ("-", "transport lost"))
            .within(ROOM_BUDGET),
        fault(
            "the same, by a handle",
            31,
            &[],
            |to, n| rooms::flood(to, n, "/room-by-handle"),
            ("-", "transport lost"),
        )
        .within(ROOM_BUDGET),
        fault(
            "half messages of 20,000",
            args.bounded,
            BOUNDED,
            crowds::half_messages,
            ("-", "transport lost, overloaded"),
        )
        .within(BUDGET),
        fault("20,000 that never read", args.bounded, BOUNDED, crowds::never_read, ("-", "transport lost, overloaded"))
            .within(BUDGET),
    ]
}

/// Returns whether every reaction was as expected.
pub(crate) fn run_all(args: &Args) -> Result<bool, Box<dyn Error>> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(600);
    let mut is_well = true;
    println!(
        "{:<28} | {:>9} | {:<5} | {:<32} | {:>24} | {:>28}",
        "fault", "how many", "told", "how the server counts it", "heap at the peak", "others' echoes, longest wait"
    );
    let is_asked_for = |fault: &Fault| args.only.as_ref().is_none_or(|part| fault.name.contains(part));
    for mut fault in faults(args).into_iter().filter(is_asked_for) {
        if fault.n > room && fault.takes_sockets() {
            println!("the system allows {room} sockets, not the {} requested", fault.n);
            fault.n = room;
        }
        is_well &= run(&fault)?;
    }
    println!("{}", if is_well { "nothing is lost" } else { "something is lost" });
    Ok(is_well)
}

/// Causes a fault, and prints the reaction. A busy machine may delay an echo, so a late one is tried twice, and only
/// [`HELD_OFF`] is wrong.
fn run(fault: &Fault) -> Result<bool, Box<dyn Error>> {
    let mut is_held_off = true;
    for _ in 0..2 {
        let bench = Bench::start(fault.server)?;
        let told = (fault.act)(bench.address, fault.n);
        let figures = bench.finish()?;
        let told = told.unwrap_or_else(|error| error.to_string());
        print(fault, &told, &figures);
        let longest = figures.echoes.longest;
        match judge(fault, &told, &figures) {
            Ok(()) if longest <= fault.patience => return Ok(true),
            Ok(()) => {
                println!("  LATE: a neighbour waited for {longest:.1?}, more than {:?}", fault.patience);
                is_held_off &= longest > HELD_OFF;
            }
            Err(complaint) => {
                println!("  WRONG: {complaint}");
                return Ok(false);
            }
        }
    }
    Ok(!is_held_off)
}

fn judge(fault: &Fault, told: &str, figures: &Figures) -> Result<(), String> {
    let Echoes { back, sent, .. } = figures.echoes;
    if told != fault.expected.0 {
        return Err(format!("the peers should see {}", fault.expected.0));
    }
    if back != sent {
        return Err(format!("{} echoes are lost", sent - back));
    }
    let causes: Vec<_> = figures.ended.iter().map(|(cause, _)| cause.as_str()).collect();
    if causes.join(", ") != fault.expected.1 {
        return Err(format!("all should have ended as {}", fault.expected.1));
    }
    // The neighbours and what the server shares among all have a part in the peak.
    let allowed = fault.most_heap.saturating_mul(figures.accepted).saturating_add(512 << 10).min(fault.budget);
    if figures.heap_at_the_peak > allowed {
        return Err(format!("{} bytes are on the heap, {allowed} are allowed", figures.heap_at_the_peak));
    }
    if figures.heap_left > 16 << 10 {
        return Err(format!("{} bytes are left on the heap", figures.heap_left));
    }
    Ok(())
}

fn print(fault: &Fault, told: &str, figures: &Figures) {
    let ended: Vec<_> = figures.ended.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    let heap = figures.heap_at_the_peak;
    let heap = format!("{heap} B, {} each", heap / (figures.accepted + NEIGHBOURS as u64));
    let Echoes { back, sent, longest } = figures.echoes;
    println!(
        "{:<28} | {:>9} | {told:<5} | {:<32} | {heap:>24} | {:>28}",
        fault.name,
        fault.n,
        ended.join(", "),
        format!("{back}/{sent}, {longest:.1?}")
    );
}

fn crowd(n: usize, mut come: impl FnMut() -> io::Result<Peer>) -> io::Result<Vec<Peer>> {
    (0..n).map(|_| come()).collect()
}

/// The result of `ask` for every peer; an error if two differ.
fn all_told(peers: &mut [Peer], ask: fn(&mut Peer) -> io::Result<String>) -> io::Result<String> {
    let answers = peers.iter_mut().map(ask).collect::<io::Result<Vec<_>>>()?;
    let first = answers.first().cloned().unwrap_or_default();
    match answers.iter().find(|answer| **answer != first) {
        Some(other) => Err(io::Error::other(format!("{first} and {other}"))),
        None => Ok(first),
    }
}

fn end(peer: &mut Peer) -> io::Result<String> {
    match peer.frame() {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok("EOF".to_owned()),
        other => other.map(|frame| format!("{frame:?}")),
    }
}

fn say_nothing(to: SocketAddr, n: usize) -> io::Result<String> {
    all_told(&mut crowd(n, || Peer::dial(to))?, end)
}

/// Connects `n` times at 1,100 per second and sends no more than `bytes`, while newcomers echo. Prints how long one
/// waited at most.
fn besiege(to: SocketAddr, n: usize, bytes: &[u8]) -> io::Result<String> {
    const PER_TICK: usize = 11;
    const TICK: Duration = Duration::from_millis(10);
    /// More than the server has places for. The others have been evicted.
    const KEPT: usize = 2_000;
    let begin = Instant::now();
    let ticks = n / PER_TICK;
    let newcomers = thread::spawn(move || {
        let mut longest = Duration::ZERO;
        while begin.elapsed() < TICK * ticks as u32 {
            let came = Instant::now();
            if !Peer::open(to)?.echoes("a newcomer") {
                return Err(io::Error::other("a newcomer's echo is lost"));
            }
            longest = longest.max(came.elapsed());
            thread::sleep(TICK);
        }
        Ok(longest)
    });
    let mut kept = VecDeque::new();
    for tick in 1..=ticks {
        for _ in 0..PER_TICK {
            let mut peer = Peer::dial(to)?;
            peer.write(bytes)?;
            kept.push_back(peer);
        }
        kept.drain(..kept.len().saturating_sub(KEPT));
        thread::sleep((TICK * tick as u32).saturating_sub(begin.elapsed()));
    }
    let longest = newcomers.join().map_err(|_| io::Error::other("the newcomers panicked"))??;
    println!("newcomers among them waited for {longest:.1?} at most, from the connect to the first echo");
    Ok("101".to_owned())
}

/// Opens connections until one is refused, and some more. Checks that each of those gets an answer.
fn open_all(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut open = Vec::new();
    for _ in 0..n {
        let mut peer = Peer::ask(to, "/echo")?;
        match peer.status()?.as_str() {
            "101" => open.push(peer),
            "503" if open.len() > n / 10 => {}
            other => return Err(io::Error::other(format!("{other} after {}", open.len()))),
        }
    }
    Ok("503".to_owned())
}

/// Sends a request, or `bytes` on an open connection, one byte at a time and the last one over and over, until time is
/// up.
fn trickle(to: SocketAddr, n: usize, bytes: Option<&[u8]>) -> io::Result<String> {
    let mut peers = crowd(n, || if bytes.is_some() { Peer::open(to) } else { Peer::dial(to) })?;
    let is_open = bytes.is_some();
    let bytes = bytes.unwrap_or(b"GET /echo HTTP/1.1\r\nX: x");
    let deadline = Instant::now() + Duration::from_millis(900);
    for at in 0.. {
        if Instant::now() > deadline {
            break;
        }
        for peer in &mut peers {
            // A peer may have got its answer already.
            let _ = peer.write(&[bytes[at.min(bytes.len() - 1)]]);
        }
        thread::sleep(Duration::from_millis(40));
    }
    all_told(&mut peers, if is_open { Peer::close_code } else { Peer::status })
}

fn long_head(to: SocketAddr, n: usize) -> io::Result<String> {
    let head = request("/echo", &"a:\r\n".repeat(10_000));
    let come = || Peer::dial(to).and_then(|mut peer| peer.write(head.as_bytes()).map(|()| peer));
    all_told(&mut crowd(n, come)?, Peer::status)
}

fn violate(to: SocketAddr, n: usize, bytes: &[u8]) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    peers.iter_mut().try_for_each(|peer| peer.write(bytes))?;
    let told = all_told(&mut peers, Peer::close_code)?;
    // Answers the Close, where the server waits for that.
    peers.iter_mut().for_each(|peer| drop(peer.write(&frame(0x88, &1011_u16.to_be_bytes()))));
    Ok(told)
}

fn refuse(to: SocketAddr, n: usize) -> io::Result<String> {
    all_told(&mut crowd(n, || Peer::ask(to, "/panic"))?, Peer::status)
}

fn claim(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    let header = [0x82, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'x'];
    peers.iter_mut().try_for_each(|peer| peer.write(&header))?;
    thread::sleep(Duration::from_millis(200));
    Ok("-".to_owned())
}

fn fragments(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peer = Peer::open(to)?;
    peer.write(&frame(0x02, b""))?;
    let thousand = frame(0x00, b"").repeat(1000);
    for _ in 0..n / 1000 {
        peer.write(&thousand)?;
    }
    peer.close_code()
}

fn pings(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peer = Peer::open(to)?;
    let thousand = frame(0x89, &[b'p'; 100]).repeat(1000);
    for _ in 0..n / 1000 {
        peer.write(&thousand)?;
    }
    Ok("-".to_owned())
}

/// All questions come in one read; each gets an answer of 64 KiB.
fn ask_and_never_read(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    let questions = frame(0x81, b"?").repeat(1_023);
    peers.iter_mut().try_for_each(|peer| peer.write(&questions))?;
    thread::sleep(Duration::from_millis(500));
    Ok("-".to_owned())
}

/// Reads 4 KiB 20 times per second, for longer than the server allows.
fn read_slowly(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    let questions = frame(0x81, b"?").repeat(1_023);
    peers.iter_mut().try_for_each(|peer| peer.write(&questions))?;
    // The sockets take some MiB at once, which pay for as many seconds.
    let deadline = Instant::now() + Duration::from_secs(8);
    while Instant::now() < deadline {
        peers.retain_mut(|peer| peer.read_some(4 << 10).is_ok_and(|len| len > 0));
        thread::sleep(Duration::from_millis(50));
    }
    Ok("-".to_owned())
}

/// A fragment of 512 KiB, and a Ping whose answer of 3 MiB is not read.
fn half_a_message(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    let half = [&[0x02, 0xFF, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0][..], &vec![0; 512 << 10]].concat();
    peers.iter_mut().try_for_each(|peer| peer.write(&[half.clone(), frame(0x89, b"!")].concat()))?;
    thread::sleep(Duration::from_secs(1));
    Ok("-".to_owned())
}

/// Sends half a message of 900 MiB. A sixteenth earns it the memory for all of it.
fn large_message(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    let header = [&[0x82, 0xFF][..], &(900_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    let piece = vec![0; 1 << 20];
    for peer in &mut peers {
        peer.write(&header)?;
        // The server may have refused it by then.
        (0..450).try_for_each(|_| peer.write(&piece)).unwrap_or_default();
    }
    all_told(&mut peers, Peer::close_code)
}

/// A request of about `len` bytes that waits for its answer.
fn wait_with_head(to: SocketAddr, n: usize, len: usize) -> io::Result<String> {
    let head = request("/wait", &format!("x: {}\r\n", "y".repeat(995)).repeat(len / 1_000));
    let come = || Peer::dial(to).and_then(|mut peer| peer.write(head.as_bytes()).map(|()| peer));
    let peers = crowd(n, come)?;
    thread::sleep(Duration::from_millis(500));
    drop(peers);
    Ok("-".to_owned())
}

fn resets(to: SocketAddr, n: usize) -> io::Result<String> {
    let peers = crowd(n, || Peer::open(to))?;
    peers.iter().try_for_each(|peer| SockRef::from(peer.stream()).set_linger(Some(Duration::ZERO)))?;
    Ok("-".to_owned())
}

fn half_closes(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peers = crowd(n, || Peer::open(to))?;
    peers.iter().try_for_each(|peer| peer.stream().shutdown(Shutdown::Write))?;
    all_told(&mut peers, end)
}

/// One message after another; each waits for its echo.
fn sleep(to: SocketAddr, n: usize) -> io::Result<String> {
    let mut peer = Peer::open(to)?;
    let begin = Instant::now();
    for _ in 0..n {
        if !peer.echoes("sleep") || begin.elapsed() > PATIENCE {
            return Err(io::Error::other("the slow handler's echo is lost"));
        }
    }
    Ok("-".to_owned())
}
