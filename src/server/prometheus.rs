//! The status of a server as text for Prometheus.

use super::status::Status;
use crate::{CauseKind, Timer};
use std::fmt::{Display, Write};

/// The text of a status, family by family.
struct Text(String);

impl Status {
    /// The status in the text format of Prometheus, version 0.0.4. The page [`guide::metrics`](crate::guide::metrics)
    /// lists the metrics with their types, units and meanings. [`Server::route_metrics`](super::Server::route_metrics)
    /// serves the text.
    ///
    /// ```
    /// use statesocket::{Config, server::Server};
    ///
    /// let server = Server::bind("127.0.0.1:0", Config::default())?;
    /// let text = server.status().prometheus();
    /// assert!(text.contains("# TYPE statesocket_connections_open gauge\nstatesocket_connections_open 0\n"));
    /// assert!(text.contains("\nstatesocket_connections_ended_total{cause=\"peer_closed\"} 0\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = Text(String::new());
        self.write_connections(&mut text);
        self.write_ends(&mut text);
        self.write_load(&mut text);
        text.0
    }

    fn write_connections(&self, text: &mut Text) {
        let tally = &self.tally;
        text.gauge("connections", "Connections in any phase.", self.connections);
        text.gauge("connections_open", "Connections that are open or closing.", tally.open());
        text.gauge("handshakes", "Connections whose request has not come as a whole.", self.handshakes);
        text.gauge("requests_waiting", "Requests that wait for the answer of a handler.", self.waiting);
        text.counter("connections_accepted_total", "Connections taken from the listener.", tally.accepted);
        text.counter("connections_opened_total", "Connections whose request was accepted.", tally.opened);
        text.counter("connections_dropped_total", "Connections that got no session.", tally.dropped);
        text.counter("connections_evicted_total", "Connections that made room before a request came.", tally.evicted);
        let help = "Times that no descriptor or memory was left to accept a connection.";
        text.counter("accept_errors_total", help, tally.accept_errors);
    }

    fn write_ends(&self, text: &mut Text) {
        let tally = &self.tally;
        text.family("connections_ended_total", "counter", "Connections that have ended, by cause.");
        for kind in CauseKind::ALL {
            text.labelled("connections_ended_total", "cause", cause(kind), tally.ended(kind));
        }
        let help = "Connections that ended with the Close of both parties.";
        text.counter("connections_clean_total", help, tally.clean);
        let help = "Connections that were open and ended, by the code of the Close received; 1006 without one.";
        text.family("closes_total", "counter", help);
        for (code, count) in tally.closes() {
            text.labelled("closes_total", "code", code, count);
        }
        text.family("timeouts_total", "counter", "Connections that a timer has ended.");
        // These two end no connection.
        for timer in Timer::ALL.into_iter().filter(|timer| !matches!(timer, Timer::Ping | Timer::Linger)) {
            text.labelled("timeouts_total", "timer", name(timer), tally.timed_out(timer));
        }
        text.family("answers_total", "counter", "Requests that were answered with another status than 101.");
        for (status, count) in tally.answers() {
            text.labelled("answers_total", "status", status, count);
        }
    }

    fn write_load(&self, text: &mut Text) {
        let tally = &self.tally;
        text.counter("messages_received_total", "Messages of clients, handed out.", tally.messages_received);
        text.counter("messages_sent_total", "Messages for clients, queued.", tally.messages_sent);
        let help = "Messages of handles and rooms that could not be queued.";
        text.counter("messages_unsent_total", help, tally.unsent);
        text.counter("received_bytes_total", "Bytes read from clients, without TLS.", tally.bytes_received);
        text.counter("sent_bytes_total", "Bytes written to clients, without TLS.", tally.bytes_sent);
        let help = "Times that the output of a connection rose above the high-water mark.";
        text.counter("high_outputs_total", help, tally.high_outputs);
        text.gauge("held_bytes", "Bytes that all connections hold.", self.held_bytes);
        text.gauge("commands_queued", "Commands of handles that wait for the loop.", self.queued_commands);
        text.counter("turns_total", "Turns of the loop.", self.turns.count);
        let help = "Time of all turns; its rate is the load of the loop.";
        text.counter("busy_seconds_total", help, self.turns.busy.as_secs_f64());
        let help = "Time of the longest turn, in which all other sessions have waited.";
        text.gauge("longest_turn_seconds", help, self.turns.longest.as_secs_f64());
    }
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.line(format_args!("statesocket_{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.line(format_args!("statesocket_{name} {value}"));
    }

    /// The lines before the values of a metric.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP statesocket_{name} {help}"));
        self.line(format_args!("# TYPE statesocket_{name} {kind}"));
    }

    fn labelled(&mut self, name: &str, label: &str, of: impl Display, value: u64) {
        self.line(format_args!("statesocket_{name}{{{label}=\"{of}\"}} {value}"));
    }

    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("a String takes everything");
    }
}

const fn cause(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::PeerClosed => "peer_closed",
        CauseKind::LocalClosed => "local_closed",
        CauseKind::Rejected => "rejected",
        CauseKind::Answered => "answered",
        CauseKind::Handshake => "handshake",
        CauseKind::Protocol => "protocol",
        CauseKind::TransportLost => "transport_lost",
        CauseKind::TimedOut => "timed_out",
        CauseKind::Aborted => "aborted",
        CauseKind::Unsent => "unsent",
        CauseKind::Overloaded => "overloaded",
    }
}

const fn name(timer: Timer) -> &'static str {
    match timer {
        Timer::Opening => "opening",
        Timer::Accept => "accept",
        Timer::Ping => "ping",
        Timer::Pong => "pong",
        Timer::Idle => "idle",
        Timer::Message => "message",
        Timer::Write => "write",
        Timer::Drain => "drain",
        Timer::Closing => "closing",
        Timer::Linger => "linger",
    }
}
