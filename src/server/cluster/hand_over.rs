//! A loop that accepts connections and hands them over to the loops of a cluster.

use super::super::{Server, accept::Arrival, handle::Command, intake::Intake, refusal::Refusal, transport::Transport};

impl Server {
    /// Gives a new connection to another loop, if this loop accepts for others. Returns it otherwise.
    pub(in super::super) fn hand_over(&mut self, arrival: Arrival) -> Option<Arrival> {
        if !self.hands_over {
            return Some(arrival);
        }
        let next = self.shared.handle.take_turn();
        let refusal = match self.life.intake() {
            // The loops stop too, and may have ended.
            Intake::RefuseAll => Refusal::Stopping,
            Intake::Normal if !next.has_room() => Refusal::ServerFull,
            Intake::Normal => {
                let Arrival { stream, address, .. } = arrival;
                match stream {
                    // If the loop has got too many commands since, the connection is closed.
                    Transport::Tcp(stream) => drop(next.command(Command::Adopt(stream.into(), address))),
                    #[cfg(feature = "testing")]
                    Transport::Memory(_) => unreachable!("a server in memory is alone"),
                }
                return None;
            }
        };
        self.refuse_at_once(arrival, refusal);
        None
    }

    /// This loop accepts nothing more. The loops to which it has handed over do not either, once they have got it all.
    pub(in super::super) fn hand_over_no_more(&self) {
        if self.hands_over {
            for one in self.shared.handle.loops() {
                // A loop that has ended accepts nothing.
                let _ = one.command(Command::StopAccepting);
            }
        }
    }
}
