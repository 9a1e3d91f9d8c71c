//! The same head into both implementations: both read the same request or response, or both refuse it.

use super::{
    head::Head,
    head_rows::{HandshakeRow, Side},
    hex,
    verdict::{OFFERED, Verdict, ours_as_client, ours_as_server, theirs_as_client, theirs_as_server},
};
use std::collections::BTreeSet;

/// More than any head needs.
const MAX_REPAIRS: usize = 32;

/// Both read the same from a head. The first byte of `data` chooses the role (1: client) and whether the client offers
/// subprotocols (2); the rest is what the peer sends.
///
/// # Panics
///
/// If they differ and no [`HandshakeRow`] allows it.
pub(crate) fn differential_handshake(data: &[u8]) {
    handshake_differences(data);
}

/// The rows that were needed.
pub(crate) fn handshake_differences(data: &[u8]) -> BTreeSet<HandshakeRow> {
    let mut rows = BTreeSet::new();
    let Some((&choice, bytes)) = data.split_first() else { return rows };
    // Beyond this tungstenite suspects an attack.
    if bytes.len() > 60_000 {
        return rows;
    }
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let offered: &[&str] = if choice & 2 == 0 { &[] } else { &OFFERED };
    let mut bytes = bytes.to_vec();
    for _ in 0..MAX_REPAIRS {
        let (ours, theirs) = match side {
            Side::Server => (ours_as_server(&bytes), theirs_as_server(&bytes)),
            Side::Client => (ours_as_client(&bytes, offered), theirs_as_client(&bytes, offered)),
        };
        let head = Head::of(&bytes);
        if let (Verdict::Accepted { .. }, Some(fault)) = (&ours, head.fault(side == Side::Server)) {
            // The accepted response is the one behind it.
            assert!(head.is_interim(), "{fault} is accepted: {}\n  data: {}", bytes.escape_ascii(), hex(data));
        }
        if ours == theirs {
            return rows;
        }
        let row = HandshakeRow::ALL.into_iter().find(|row| row.allows(side, &ours, &theirs, &head));
        let Some(row) = row else {
            panic!(
                "they differ\n  data: {}\n  {side:?}, offers {offered:?}, repaired before: {rows:?}\n  head: {}\n  \
                 ours:   {ours:?}\n  theirs: {theirs:?}",
                hex(data),
                bytes.escape_ascii(),
            )
        };
        rows.insert(row);
        bytes = row.repair(&ours, &head);
    }
    panic!("they still differ after all repairs\n  data: {}\n  {rows:?}", hex(data));
}
