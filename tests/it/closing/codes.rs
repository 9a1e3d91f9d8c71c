//! The table of close codes: every number, in both directions, for both roles.

use crate::support::{Pair, ROLES, Raw, assert_fails, disconnect_in, established, peer_sends, sent};
use statesocket::{CloseCode, CloseError, Config, Phase, ProtocolError, Role};
use std::collections::HashSet;

/// The table of RFC 6455 section 7.4 and of the IANA registry: whether a Close on the wire may carry `code`.
fn is_on_the_wire(code: u16) -> bool {
    match code {
        0..=999 => false,
        1000..=1003 => true,
        1004..=1006 => false,
        1007..=1009 => true,
        1010 => true,
        1011 => true,
        1012..=1014 => true,
        1015..=2999 => false,
        3000..=3999 => true,
        4000..=4999 => true,
        5000.. => false,
    }
}

fn may_send(code: u16, role: Role) -> bool {
    is_on_the_wire(code) && !(code == 1010 && role == Role::Server)
}

#[test]
fn each_code_of_the_registry_has_a_name_of_its_own() {
    let named = |code: &u16| CloseCode::new(*code).name().is_some();
    let codes: Vec<_> = (0..=u16::MAX).filter(named).collect();
    assert_eq!(codes, [(1000..=1003).collect::<Vec<_>>(), (1005..=1015).collect()].concat());
    let names: HashSet<_> = codes.iter().map(|code| CloseCode::new(*code).name()).collect();
    assert_eq!(names.len(), codes.len());
}

#[test]
fn a_code_is_compared_with_its_number_on_either_side() {
    for number in [1000_u16, 1001, 1002] {
        let is_equal = number == 1001;
        assert_eq!((CloseCode::GOING_AWAY == number, number == CloseCode::GOING_AWAY), (is_equal, is_equal));
    }
}

#[test]
fn c1_every_close_code_received() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let mut connection = established(role, Config::default());
            let frame = Raw::close(code, "why");
            if !is_on_the_wire(code) {
                let error = ProtocolError::InvalidCloseCode(code);
                assert_fails(&mut connection, &frame.for_endpoint(role), error, &format!("{code} to a {role:?}"));
                continue;
            }
            let disconnect = disconnect_in(&peer_sends(&mut connection, [frame]));
            assert_eq!((disconnect.code.into(), disconnect.reason.as_str()), (code, "why"), "{code} to a {role:?}");
            assert!(disconnect.is_clean, "{code} to a {role:?}");
            assert_eq!(sent(&mut connection), [Raw::close(code, "why")], "{code} is answered by a {role:?}");
        }
    }
}

#[test]
fn c2_every_close_code_sent() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let case = format!("{code} from a {role:?}");
            let mut connection = established(role, Config::default());
            let result = connection.close(code, "why");
            if may_send(code, role) {
                assert_eq!(result, Ok(()), "{case}");
                assert_eq!(sent(&mut connection), [Raw::close(code, "why")], "{case}");
            } else {
                assert_eq!(result, Err(CloseError::InvalidCode(CloseCode::from(code))), "{case}");
                assert_eq!((connection.phase(), connection.output()), (Phase::Open, &[][..]), "{case}");
                connection.ensure_closed(code, "why");
                let instead = if code == 1005 { 1000 } else { 1011 };
                assert_eq!(sent(&mut connection), [Raw::close(instead, "why")], "{case}, ensured");
            }
        }
    }
}

#[test]
fn c6_no_local_code_is_sent_however_it_is_written() {
    for role in ROLES {
        for code in [
            CloseCode::ABNORMAL_CLOSURE,
            CloseCode::TLS_HANDSHAKE,
            CloseCode::new(1006),
            CloseCode::new(1015),
            CloseCode::new(1004),
            CloseCode::new(5000),
        ] {
            let mut connection = established(role, Config::default());
            assert_eq!(connection.close(code, ""), Err(CloseError::InvalidCode(code)), "{code:?} from a {role:?}");
            connection.ensure_closed(code, "");
            assert_eq!(sent(&mut connection), [Raw::close(1011, "")], "{code:?} from a {role:?}");
        }
    }
}

#[test]
fn c12_every_code_that_may_be_sent_reaches_the_peer() {
    for code in (0..=u16::MAX).filter(|code| is_on_the_wire(*code)).step_by(37).chain([1000, 1014, 3000, 4999]) {
        for role in ROLES.into_iter().filter(|role| may_send(code, *role)) {
            let mut pair = Pair::open(Config::default());
            let (here, there) = match role {
                Role::Client => {
                    pair.client.close(code, "why").unwrap();
                    (disconnect_in(&pair.to_server()), disconnect_in(&pair.to_client()))
                }
                Role::Server => {
                    pair.server.close(code, "why").unwrap();
                    (disconnect_in(&pair.to_client()), disconnect_in(&pair.to_server()))
                }
            };
            assert_eq!((here.code.into(), here.reason.as_str()), (code, "why"), "{code} from a {role:?}");
            assert_eq!((there.code.into(), there.reason.as_str()), (code, "why"), "{code} back to a {role:?}");
        }
    }
}
