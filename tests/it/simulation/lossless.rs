//! What must also hold where nothing is lost: the network only delays and splits, no timeout is short, no limit small,
//! and nobody aborts.

use super::{
    CLIENT, SERVER,
    plan::{Decision, Plan},
    rules::{End, Verdict, ensure},
    wire::Frame,
    world::Outcome,
};
use statesocket::{Cause, Disconnect, SocketAction, Timer};

pub(super) fn judge(plan: &Plan, outcome: &Outcome, ends: &[End<'_>; 2]) -> Verdict {
    nothing_runs_out(ends)?;
    match &plan.decision {
        Decision::Accept { .. } => {
            closes_are_clean(ends)?;
            everything_arrives(outcome, &ends[CLIENT], &ends[SERVER]).map_err(|rule| format!("client: {rule}"))?;
            everything_arrives(outcome, &ends[SERVER], &ends[CLIENT]).map_err(|rule| format!("server: {rule}"))
        }
        Decision::Reject { status, body, .. } => {
            let kept = body.len().min(plan.ends[CLIENT].config.max_rejection_body_bytes);
            is_rejected(ends, *status, &body[..kept])
        }
        Decision::Close { .. } => is_rejected(ends, 403, b""),
        Decision::ShutDown { .. } => is_rejected(ends, 503, b""),
        Decision::Never => Err("a plan without trouble decides".to_owned()),
    }
}

/// Checks that this is a plan without trouble.
fn nothing_runs_out(ends: &[End<'_>; 2]) -> Verdict {
    let mut fired = ends.iter().flat_map(|end| &end.record.fired);
    ensure(fired.all(|timer| *timer == Timer::Ping), || "a timer other than Ping fired".to_owned())
}

/// Both ends have sent and received a Close, and each has reported the other's. If the two crossed, each end is the
/// initiator in its own view; otherwise both name the same one.
fn closes_are_clean(ends: &[End<'_>; 2]) -> Verdict {
    let [client, server] = ends.each_ref().map(final_disconnect);
    ensure(client.is_clean && server.is_clean, || format!("not clean: {client:?}, {server:?}"))?;
    ensure(client.received == server.sent, || format!("{:?} became {:?}", server.sent, client.received))?;
    ensure(server.received == client.sent, || format!("{:?} became {:?}", client.sent, server.received))?;
    let is_agreed = match (&client.cause, &server.cause) {
        (Cause::LocalClosed, Cause::LocalClosed) => client.initiator != server.initiator,
        (Cause::LocalClosed, Cause::PeerClosed) | (Cause::PeerClosed, Cause::LocalClosed) => {
            client.initiator == server.initiator
        }
        _ => false,
    };
    ensure(is_agreed, || format!("who closed: {client:?}, {server:?}"))?;
    // RFC 6455 section 7.1.1: the server closes the TCP connection first, and the client waits for it.
    let actions = ends.each_ref().map(|end| &*end.record.socket_actions);
    let expected = [&[SocketAction::Close][..], &[SocketAction::ShutdownWrite, SocketAction::Close]];
    ensure(actions == expected, || format!("the actions on the sockets are {actions:?}"))
}

/// Every accepted message is received, whoever closed when: a connection reports everything before the peer's Close,
/// and there are no messages behind it. The same holds for every Ping, and for every Pong except those behind the
/// Close, which answer Pings that were on their way.
fn everything_arrives(outcome: &Outcome, me: &End<'_>, peer: &End<'_>) -> Verdict {
    let (read, written) = (outcome.network.read_by(me.index).len(), outcome.network.written(peer.index).len());
    ensure(read == written, || format!("{read} of {written} bytes were read"))?;
    let (received, sent) = (me.record.received.len(), peer.record.sent.len());
    ensure(received == sent, || format!("{received} of {sent} messages were received"))?;
    let pings = me.record.pings.len() + me.record.left_out;
    for (opcode, told) in [(Frame::PING, pings), (Frame::PONG, me.record.pongs.len())] {
        let before_close = peer.written.iter().take_while(|frame| frame.opcode != Frame::CLOSE);
        let sent = before_close.filter(|frame| frame.opcode == opcode).count();
        ensure(told == sent, || format!("{told} of {sent} frames of opcode {opcode} were reported"))?;
    }
    Ok(())
}

fn is_rejected(ends: &[End<'_>; 2], status: u16, body: &[u8]) -> Verdict {
    let [client, server] = ends.each_ref().map(final_disconnect);
    let is_cause = |cause: &Cause| matches!(cause, Cause::Rejected(told) if told.as_u16() == status);
    ensure(is_cause(&client.cause) && is_cause(&server.cause), || {
        format!("{:?} and {:?}", client.cause, server.cause)
    })?;
    let [(told, came)] = &*ends[CLIENT].record.rejected else {
        return Err("the client did not report the rejection".to_owned());
    };
    ensure(*told == status && came == body, || format!("{status} with {} bytes: {}", body.len(), came.len()))
}

fn final_disconnect<'o>(end: &End<'o>) -> &'o Disconnect {
    end.last.disconnect.as_ref().unwrap_or(end.disconnect)
}
