//! A client for the command line: sends the lines of standard input as text, and prints the messages that arrive.
//!
//! ```text
//! cargo run --release --example client -- ws://127.0.0.1:8080/ws
//! ```
//!
//! It closes at the end of the input. The exit status is 0 if the closing handshake was clean and its code is 1000 or
//! the one given, 1 if the connection ended in another way, and 2 if it never opened.
//!
//! With `--reconnect` it reconnects after a delay, unless the end was final. Lines typed in the meantime are sent
//! later; lines sent before may be lost with their connection. It does not reconnect once the input has ended and all
//! of it is sent.

use clap::Parser;
use mio::{Events, Interest, Poll, Registry, Token, Waker, net::TcpStream};
use statesocket::{
    Action, CloseCode, Config, Connection, Disconnect, Event, Message, Phase, SocketAction,
    handshake::{Connect, Response},
    http::header::{HeaderName, HeaderValue},
    reconnect::{Backoff, Reconnect},
};
use std::{
    error::Error,
    io::{self, BufRead, Read, Write},
    process::ExitCode,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A WebSocket client: each line of standard input is a text message, and each message that arrives is a line of
/// output.
#[derive(Debug, Parser)]
struct Args {
    /// The URL to connect to, such as ws://127.0.0.1:8080/ws.
    url: String,
    /// A subprotocol to offer; may be given several times, in order of preference.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// A header of the request, such as "Authorization: Bearer abc"; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The code of the Close at the end of the input.
    #[arg(long, value_name = "CODE", default_value_t = 1000)]
    close_code: u16,
    /// The reason of that Close, at most 123 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    close_reason: String,
    /// Reconnect after a failure that may pass.
    #[arg(long)]
    reconnect: bool,
    /// The most attempts in a row.
    #[arg(long, value_name = "N", requires = "reconnect")]
    reconnect_attempts: Option<u32>,
    /// The longest delay before an attempt in milliseconds, unless the server asks for a longer one.
    #[arg(long, value_name = "MS", requires = "reconnect")]
    reconnect_delay_max: Option<u64>,
    /// Print each transition of both states on standard error.
    #[arg(long)]
    verbose: bool,
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("{name:?} is not a header name"))?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is not a header value"))?;
    Ok((name, value))
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(end) => {
            eprintln!("disconnect {}", end.disconnect);
            exit_code(&end, &args)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// How a connection ended, and whether it was open before.
struct End {
    disconnect: Disconnect,
    was_open: bool,
}

fn exit_code(end: &End, args: &Args) -> ExitCode {
    let code = u16::from(end.disconnect.code);
    if !end.was_open {
        ExitCode::from(2)
    } else if end.disconnect.is_clean && (code == 1000 || code == args.close_code) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(args: &Args) -> Result<End, Box<dyn Error>> {
    let connect = request(args)?;
    let mut input = Input::new()?;
    let mut reconnect = Reconnect::new(policy(args));
    loop {
        let end = match open(&connect, input.poll.registry()) {
            Ok(stream) => {
                let connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
                let (input, reconnect) = (&mut input, &mut reconnect);
                Ok(Client { connection, stream, args, input, reconnect, reported_transitions: 0 }.run()?)
            }
            Err(error) => Err(format!("cannot connect to {} port {}: {error}", connect.host(), connect.port())),
        };
        let delay = match &end {
            Ok(end) => reconnect.disconnected(&end.disconnect, Instant::now()),
            Err(_) => reconnect.failed(Instant::now()),
        };
        let Some(delay) = delay.filter(|_| !input.is_over()) else { return Ok(end?) };
        match &end {
            Ok(end) => eprint!("disconnect {}", end.disconnect),
            Err(error) => eprint!("error: {error}"),
        }
        eprintln!("; attempt {} to reconnect follows in {} ms", reconnect.attempts(), delay.as_millis());
        if !input.wait(delay)? {
            return Ok(end?);
        }
    }
}

fn request(args: &Args) -> Result<Connect, Box<dyn Error>> {
    let mut connect = Connect::new(&args.url)?;
    for name in &args.subprotocols {
        connect = connect.subprotocol(name)?;
    }
    for (name, value) in &args.headers {
        connect = connect.header(name.clone(), value.clone())?;
    }
    if connect.is_secure() {
        return Err("this example does not do TLS: use a ws:// URL".into());
    }
    Ok(connect)
}

fn policy(args: &Args) -> Backoff {
    let mut policy = Backoff::default();
    policy.max_attempts = if args.reconnect { args.reconnect_attempts.unwrap_or(policy.max_attempts) } else { 0 };
    policy.max_delay = args.reconnect_delay_max.map_or(policy.max_delay, Duration::from_millis);
    policy
}

fn open(connect: &Connect, registry: &Registry) -> io::Result<TcpStream> {
    let host = connect.host().trim_matches(['[', ']']);
    let stream = std::net::TcpStream::connect((host, connect.port()))?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let mut stream = TcpStream::from_std(stream);
    registry.register(&mut stream, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

const SOCKET: Token = Token(0);
const INPUT: Token = Token(1);

/// While more bytes than this are queued, the input waits.
const HIGH_WATER: usize = 1 << 20;

/// The typed lines, and the poll that a new line wakes. They outlive a connection.
struct Input {
    poll: Poll,
    /// Kept here too: if only the thread held it, its last wake-up could be lost.
    _waker: Arc<Waker>,
    lines: mpsc::Receiver<String>,
    /// A line that was taken to see whether there is one.
    next: Option<String>,
}

impl Input {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), INPUT)?);
        let kept_waker = Arc::clone(&waker);
        let (sender, lines) = mpsc::sync_channel(64);
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                // Wakes the loop first, since the loop may have to make room.
                if waker.wake().is_err() || sender.send(line).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            drop(sender);
            // If this fails, the loop has ended already.
            let _ = waker.wake();
        });
        Ok(Self { poll, _waker: kept_waker, lines, next: None })
    }

    fn take(&mut self) -> Result<String, mpsc::TryRecvError> {
        self.next.take().map_or_else(|| self.lines.try_recv(), Ok)
    }

    /// Whether no line is left, and none will come.
    fn is_over(&mut self) -> bool {
        let line = self.take();
        let is_over = line == Err(mpsc::TryRecvError::Disconnected);
        self.next = line.ok();
        is_over
    }

    /// Waits for the delay. Returns `false` if the input has ended before.
    fn wait(&mut self, delay: Duration) -> io::Result<bool> {
        let mut events = Events::with_capacity(16);
        let start = Instant::now();
        while let Some(rest) = delay.checked_sub(start.elapsed()).filter(|rest| !rest.is_zero()) {
            match self.poll.poll(&mut events, Some(rest)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ if self.is_over() => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }
}

/// Drives a connection on mio by the five steps: write, wait, read, react, tell the time.
struct Client<'a> {
    connection: Connection,
    stream: TcpStream,
    args: &'a Args,
    input: &'a mut Input,
    reconnect: &'a mut Reconnect,
    reported_transitions: usize,
}

impl Client<'_> {
    fn run(mut self) -> io::Result<End> {
        let mut events = Events::with_capacity(16);
        let mut buffer = vec![0; 64 << 10];
        loop {
            while self.take_lines() && self.write()? {}
            self.react(&mut [])?;
            self.write()?;
            match self.connection.poll_socket() {
                Some(SocketAction::Close) => break,
                // This fails only if the peer is gone; then the next read reports it.
                Some(_) => self.stream.shutdown(std::net::Shutdown::Write).unwrap_or_default(),
                None => {}
            }
            let deadline = self.connection.poll_timeout(Instant::now());
            let timeout = deadline.map(|(deadline, _)| deadline.saturating_duration_since(Instant::now()));
            match self.input.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => self.connection.handle_timeout(Instant::now()),
            }
            self.read(&mut buffer)?;
        }
        let disconnect = self.connection.disconnected().cloned();
        Ok(End {
            disconnect: disconnect.expect("a connection reports its end before it closes the socket"),
            was_open: self.connection.history().iter().any(|transition| transition.action == Action::Accept),
        })
    }

    /// Writes the output. Returns whether all of it is written.
    fn write(&mut self) -> io::Result<bool> {
        if self.connection.write_to(&mut self.stream).is_err() {
            self.connection.transport_failed();
            self.react(&mut [])?;
        }
        Ok(self.connection.output_len() == 0)
    }

    /// Sends the typed lines while the connection is open, and closes it at the end of the input. Returns whether the
    /// output is full.
    fn take_lines(&mut self) -> bool {
        while self.connection.phase() == Phase::Open {
            if self.connection.output_len() >= HIGH_WATER {
                return true;
            }
            match self.input.take() {
                Ok(line) => {
                    if let Err(error) = self.connection.send_text(&line) {
                        eprintln!("error: {error}");
                        self.connection.ensure_closed(CloseCode::GOING_AWAY, "");
                    }
                }
                Err(mpsc::TryRecvError::Empty) => return false,
                Err(mpsc::TryRecvError::Disconnected) => {
                    if let Err(error) = self.connection.close(self.args.close_code, &self.args.close_reason) {
                        eprintln!("error: {error}");
                        self.connection.ensure_closed(CloseCode::NORMAL_CLOSURE, "");
                    }
                }
            }
        }
        false
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        while self.connection.wants_read() {
            match self.stream.read(buffer) {
                Ok(0) => self.connection.receive_eof(),
                Ok(n) => self.react(&mut buffer[..n])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.connection.transport_failed(),
            }
            self.react(&mut [])?;
        }
        Ok(())
    }

    fn react(&mut self, mut input: &mut [u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        while let Some(event) = self.connection.receive(&mut input, Instant::now()) {
            match event {
                Event::Message(Message::Text(text)) => writeln!(out, "{text}")?,
                Event::Message(Message::Binary(bytes)) => writeln!(out, "{} bytes: {bytes:02x?}", bytes.len())?,
                Event::Accepted(_) => self.reconnect.opened(Instant::now()),
                Event::Rejected(response) => {
                    self.reconnect.rejected(&response);
                    report_rejection(&response);
                }
                _ => {}
            }
        }
        if self.args.verbose {
            let transitions = self.connection.history();
            transitions[self.reported_transitions..].iter().for_each(|transition| eprintln!("{transition}"));
            self.reported_transitions = transitions.len();
        }
        out.flush()
    }
}

fn report_rejection(response: &Response) {
    eprintln!("{}", response.status);
    for (name, value) in &response.headers {
        eprintln!("{name}: {}", value.to_str().unwrap_or("(not text)"));
    }
    eprintln!("{}", String::from_utf8_lossy(&response.body));
}
