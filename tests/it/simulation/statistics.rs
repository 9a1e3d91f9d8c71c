//! The results of all runs: a simulation in which nothing happens would break no rule.

use super::{
    CLIENT, SERVER,
    plan::{Plan, Trouble},
    record::Due,
    wire::{behind_head, frames},
    world::Outcome,
};
use statesocket::{Cause, CloseCode, CloseReply, Delivery, Timer};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Statistics {
    /// The number of runs, or the sum over them, by name.
    counts: BTreeMap<String, usize>,
}

impl Statistics {
    pub(super) fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        self.count("run", 1);
        self.count("step", outcome.steps);
        self.count("second", usize::try_from(outcome.ended / 1_000_000).unwrap_or(usize::MAX));
        self.count_if("lossless", plan.is_lossless());
        self.count_if("interfered", outcome.network.has_interfered());
        for trouble in &plan.troubles {
            self.count(&format!("{trouble:?}"), 1);
        }
        let [client, server] = &outcome.records;
        self.count_if("opened", client.has_opened);
        self.count_if("rejected", !client.rejected.is_empty());
        let last = [CLIENT, SERVER]
            .map(|index| outcome.records[index].last.as_ref().and_then(|last| last.disconnect.as_ref()));
        self.count_if("clean", last.iter().all(|end| end.is_some_and(|end| end.is_clean)));
        self.count_if("crossed", last.iter().all(|end| end.is_some_and(|end| end.cause == Cause::LocalClosed)));
        for (index, record) in [client, server].into_iter().enumerate() {
            let name = ["client", "server"][index];
            let config = &plan.ends[index].config;
            match record.disconnects.first().map(|end| &end.cause) {
                Some(Cause::TimedOut(timer)) => self.count(&format!("TimedOut({timer:?})"), 1),
                Some(cause) => self.count(&format!("{name} {}", variant(cause)), 1),
                None => {}
            }
            for timer in &record.fired {
                self.count(&format!("timer {timer:?}"), 1);
            }
            self.count("message", record.received.len());
            let is_compressed = |bytes: &[u8]| frames(bytes).0.iter().filter(|frame| frame.is_compressed).count();
            let frames = behind_head(outcome.network.read_by(index)).map_or(0, is_compressed);
            self.count("compressed frame", frames);
            self.count("byte", outcome.network.read_by(index).len());
            self.count("ping", record.pings.len());
            self.count("pong", record.pongs.len());
            self.count("Ping left out", record.left_out);
            self.count("refused", record.refused);
            self.count_if("held by a pause", record.held[0] > 0);
            self.count_if("held by output", record.held[1] > 0);
            let has_empty = record.disconnects.first().is_some_and(|end| {
                end.received.as_ref().is_some_and(|close| close.code == CloseCode::NO_STATUS_RECEIVED)
            });
            self.count_if("empty Close", has_empty);
            let superseded = |due: &&Due| matches!(due, Due::Pong { is_superseded: true, .. });
            self.count("superseded", record.due.iter().filter(superseded).count());
            self.count("fragment", record.due.iter().filter(|due| matches!(due, Due::Data { opcode: 0, .. })).count());
            self.count_if("chunks", record.received.len() > 1 && config.delivery == Delivery::Chunks);
            let is_manual = config.close_reply == CloseReply::Manual && record.ended_with.is_some();
            self.count_if("manual reply", is_manual && last[index].is_some_and(|end| end.cause == Cause::PeerClosed));
        }
    }

    fn count_if(&mut self, name: &str, holds: bool) {
        self.count(name, usize::from(holds));
    }

    fn count(&mut self, name: &str, n: usize) {
        *self.counts.entry(name.to_owned()).or_default() += n;
    }

    /// The count of `name` per thousand runs.
    pub(super) fn per_thousand(&self, name: &str) -> usize {
        let of = |name| self.counts.get(name).copied().unwrap_or_default();
        of(name) * 1000 / of("run").max(1)
    }

    /// What is possible and was never seen.
    pub(super) fn missing(&self) -> Vec<String> {
        let timers = Timer::ALL.map(|timer| format!("timer {timer:?}"));
        let troubles = Trouble::ALL.map(|trouble| format!("{trouble:?}"));
        let causes = ["client", "server"].into_iter().flat_map(|name| CAUSES.map(|cause| format!("{name} {cause}")));
        let ends = Timer::ALL.into_iter().filter(|timer| !matches!(timer, Timer::Ping | Timer::Linger));
        let timed_out = ends.map(|timer| format!("TimedOut({timer:?})"));
        let all = timers.into_iter().chain(troubles).chain(causes).chain(timed_out);
        all.filter(|name| !self.counts.contains_key(name)).collect()
    }
}

/// The kind of end, at either end.
const CAUSES: [&str; 7] =
    ["PeerClosed", "LocalClosed", "Rejected", "Handshake", "Protocol", "TransportLost", "Aborted"];

fn variant(cause: &Cause) -> String {
    format!("{cause:?}").split('(').next().unwrap_or_default().to_owned()
}
