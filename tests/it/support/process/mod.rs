//! Programs in processes of their own: the examples, and what they print.

mod built;
mod fault_server;

pub(crate) use built::{FEATURES, path_of};
pub(crate) use fault_server::FaultServer;

use super::loopback::PATIENCE;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

/// A child process. Dropping this kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

/// The lines of a stream, as they arrive.
#[derive(Debug)]
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // It reads on even if nobody listens, so that the child never blocks.
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self(lines)
    }

    /// The next line; `None` at the end of the stream.
    #[track_caller]
    pub(crate) fn next(&self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line arrived within {PATIENCE:?}"),
        }
    }

    /// The next line that contains `text`.
    #[track_caller]
    pub(crate) fn find(&self, text: &str) -> String {
        let mut before = Vec::new();
        while let Some(line) = self.next() {
            if line.contains(text) {
                return line;
            }
            before.push(line);
        }
        panic!("no {text:?} in {before:#?}")
    }

    /// All remaining lines.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

impl Process {
    /// Runs the example `name`.
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(path_of(name)).args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let command = command.env_remove("RUST_LOG").env("NO_COLOR", "1");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("it can be run");
        let stdin = child.stdin.take();
        let stdout = Lines::of(child.stdout.take().expect("it is piped"));
        let stderr = Lines::of(child.stderr.take().expect("it is piped"));
        Self { child, stdin, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to standard input.
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("the input has not ended");
        stdin.write_all(text.as_bytes()).expect("it reads");
    }

    /// Makes a client send a line, and takes the echo.
    #[track_caller]
    pub(crate) fn greeted(mut self) -> Self {
        self.write("Hello\n");
        assert_eq!(self.stdout.next().as_deref(), Some("Hello"));
        self
    }

    /// Ends standard input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end of the process. Returns its status, and the remaining lines of standard output and standard
    /// error.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        let status = self.child.wait().expect("the child is not reaped yet");
        (status.code(), stdout, stderr)
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(kill.expect("kill can be run").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
