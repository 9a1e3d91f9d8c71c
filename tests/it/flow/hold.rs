//! What is held is not handed out, and nothing of it is lost.

use super::{ROLES_WITH_A_MARK, marked, numbered, take, take_and_reply};
use crate::support::{
    ROLES, Raw, disconnect_in, drain, established, manual, peer_sends, pending, request_head, requested_server,
};
use statesocket::{Agreed, Cause, Config, Connection, Delivery, Event, Hold, Phase, Role, handshake::Accept};
use std::{io::Read, sync::Arc, time::Instant};

fn texts(events: &[Event<'_>]) -> Vec<String> {
    let text = |event: &Event<'_>| match event {
        Event::Message(message) => message.as_text().expect("text").to_owned(),
        other => panic!("only messages are expected: {other:?}"),
    };
    events.iter().map(text).collect()
}

#[test]
fn a1_replies_that_are_not_read_stop_the_messages_of_the_same_read() {
    for role in ROLES_WITH_A_MARK {
        let mut connection = marked(role);
        let mut bytes = numbered(1_000, role);
        let mut input = bytes.as_mut_slice();
        assert_eq!(take_and_reply(&mut connection, &mut input, &[7; 64 << 10]), 1, "{role:?}");
        assert_eq!((connection.held_by(), connection.wants_read()), (Some(Hold::Output), false));
        assert!(connection.output_len() <= (64 << 10) + 14);
        let mut total = 1;
        while !input.is_empty() {
            assert_eq!(take_and_reply(&mut connection, &mut input, b""), 0, "the output is still above the low mark");
            connection.advance(connection.output_len() - (16 << 10));
            assert_eq!(connection.held_by(), None);
            total += take_and_reply(&mut connection, &mut input, &[7; 64 << 10]);
            assert!(connection.output_len() <= (64 << 10) + (64 << 10) + 14, "{role:?}");
        }
        assert_eq!(total, 1_000);
    }
}

#[test]
fn a1_the_output_holds_between_the_marks_until_it_is_at_the_low_one() {
    for role in ROLES_WITH_A_MARK {
        let mut connection = marked(role);
        connection.send_binary(&vec![0; 100 << 10]).unwrap();
        let mut bytes = numbered(1, role);
        let mut input = bytes.as_mut_slice();
        let mut left = connection.output_len();
        for at in [99 << 10, 64 << 10, 40 << 10, (16 << 10) + 1] {
            connection.advance(left - at);
            left = at;
            assert_eq!((take(&mut connection, &mut input), connection.held_by()), (vec![], Some(Hold::Output)));
        }
        connection.advance(1);
        assert_eq!(connection.held_by(), None);
        connection.send_binary(&vec![0; 30 << 10]).unwrap();
        assert_eq!(take(&mut connection, &mut input).len(), 1, "between the marks, coming from below");
    }
}

#[test]
fn k1_a_rest_is_over_once_a_half_drained_output_has_let_it_through() {
    for role in ROLES_WITH_A_MARK {
        let mut connection = marked(role);
        connection.send_binary(&vec![0; 100 << 10]).unwrap();
        let mut bytes = numbered(1, role);
        let mut input = bytes.as_mut_slice();
        assert_eq!(take(&mut connection, &mut input), []);
        connection.advance(connection.output_len() - 1);
        assert_eq!((take(&mut connection, &mut input).len(), input.len()), (1, 0));
        connection.receive_eof();
        assert!(matches!(connection.poll_event(), Some(Event::Disconnect(_))), "{role:?}: nothing is before the end");
    }
}

#[test]
fn a1_no_mark_never_holds_and_a_client_has_none_by_default() {
    let off = Config::default().with(|config| config.high_water = None);
    for mut connection in [established(Role::Server, off), established(Role::Client, Config::default())] {
        connection.send_binary(&vec![0; 3 << 20]).unwrap();
        assert_eq!((connection.held_by(), connection.wants_read()), (None, true));
        assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "x")]).len(), 1);
    }
}

#[test]
fn a1_pongs_that_pass_the_mark_hold_too() {
    let mut server = established(Role::Server, Config::default());
    server.send_binary(&vec![0; (64 << 10) - 100]).unwrap();
    let mut bytes = Raw::new(Raw::PING, [1; 100]).masked().bytes().repeat(3);
    let mut input = bytes.as_mut_slice();
    assert_eq!(take(&mut server, &mut input).len(), 1, "its Pong is above the mark");
    assert_eq!((server.held_by(), input.len()), (Some(Hold::Output), 2 * 106));
}

#[test]
fn a1_early_bytes_wait_like_any_others() {
    let now = Instant::now();
    let mut server = Connection::server(Arc::default(), now);
    let mut bytes = [request_head("/", &[]), numbered(3, Role::Server)].concat();
    let mut input = bytes.as_mut_slice();
    assert!(matches!(take(&mut server, &mut input)[..], [Event::Request(_)]));
    server.accept(Accept::new()).unwrap();
    server.send_binary(&vec![0; 100 << 10]).unwrap();
    assert_eq!((server.poll_event(), server.receive(&mut &mut [][..], now)), (None, None));
    let mut later = numbered(1, Role::Server);
    let mut input = later.as_mut_slice();
    assert_eq!((take(&mut server, &mut input), input.len()), (vec![], 7));
    drain(&mut server);
    assert_eq!(texts(&take(&mut server, &mut input)), ["0", "1", "2", "0"], "the early ones come first");
}

/// Its last bytes were read straight into its memory, so there is no rest of any input.
#[test]
fn a1_a_large_message_that_is_complete_waits_like_any_other() {
    for role in ROLES_WITH_A_MARK {
        for hold in [Hold::Pause, Hold::Output] {
            let (mut connection, now) = (marked(role), Instant::now());
            let wire = Raw::new(Raw::BINARY, [7; 200_000]).for_endpoint(role);
            let (mut stream, mut buffer) = (wire.as_slice(), [0; 50_000]);
            let read = connection.read_from(&mut stream, &mut buffer, now).expect("a slice can be read");
            assert_eq!(connection.receive(&mut &mut buffer[..read.in_buffer], now), None);
            let read = connection.read_from(&mut stream, &mut buffer, now).expect("a slice can be read");
            assert_eq!((read.in_buffer, stream.len()), (0, 0), "{role:?}");
            match hold {
                Hold::Pause => connection.pause_reading(),
                _ => connection.send_binary(&vec![0; 100 << 10]).unwrap(),
            }
            assert_eq!(connection.held_by(), Some(hold));
            assert_eq!(connection.receive(&mut &mut [][..], now), None, "{role:?}, {hold:?}");
            assert_eq!(connection.poll_event(), None, "{role:?}, {hold:?}");
            connection.resume_reading();
            drain(&mut connection);
            let event = connection.poll_event();
            assert!(matches!(event, Some(Event::Message(message)) if message.len() == 200_000), "{role:?}, {hold:?}");
        }
    }
}

#[test]
fn k1_a_pause_stops_within_a_read_and_goes_on_where_it_stopped() {
    for role in ROLES {
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            let mut connection = established(role, Config::default().with(|config| config.delivery = delivery));
            let mut bytes =
                [numbered(2, role), Raw::new(Raw::PING, "p").for_endpoint(role), numbered(1, role)].concat();
            let mut input = bytes.as_mut_slice();
            let now = Instant::now();
            let mut count = 0;
            while !input.is_empty() {
                let (before, queued) = (input.len(), connection.output_len());
                connection.pause_reading();
                assert_eq!((connection.receive(&mut input, now), connection.poll_event()), (None, None));
                assert_eq!((input.len(), connection.held_by()), (before, Some(Hold::Pause)), "{role:?}");
                assert!(!connection.wants_read() && connection.output_len() == queued, "no Pong is sent");
                connection.resume_reading();
                assert!(connection.receive(&mut input, now).is_some());
                count += 1;
            }
            assert_eq!(count, 4, "{role:?} {delivery:?}");
        }
    }
}

#[test]
fn k1_the_rest_of_a_read_comes_before_the_end_of_the_stream() {
    for role in ROLES {
        for has_close in [false, true] {
            let mut connection = established(role, Config::default());
            let close = if has_close { Raw::close(4001, "").for_endpoint(role) } else { vec![] };
            let mut bytes = [numbered(2, role), close].concat();
            let mut input = bytes.as_mut_slice();
            connection.pause_reading();
            assert_eq!(take(&mut connection, &mut input), []);
            connection.receive_eof();
            assert_eq!((connection.held_by(), connection.poll_event()), (None, None), "the rest is awaited");
            let events = take(&mut connection, &mut input);
            assert_eq!(texts(&events[..2]), ["0", "1"], "{role:?}");
            let end = disconnect_in(&events);
            let expected = if has_close { (4001, Cause::PeerClosed) } else { (1006, Cause::TransportLost(None)) };
            assert_eq!((u16::from(end.code), end.cause), expected, "{role:?}");
        }
    }
}

#[test]
fn k1_the_rest_of_a_read_comes_before_the_failure_of_the_transport() {
    let hold: [fn(&mut Connection); 2] =
        [|connection| connection.pause_reading(), |connection| connection.send_binary(&vec![0; 100 << 10]).unwrap()];
    for role in ROLES_WITH_A_MARK {
        for hold in hold {
            let mut connection = marked(role);
            hold(&mut connection);
            let mut bytes = [numbered(1, role), Raw::close(1008, "").for_endpoint(role)].concat();
            let mut input = bytes.as_mut_slice();
            assert_eq!(take(&mut connection, &mut input), []);
            connection.transport_failed();
            assert_eq!((connection.held_by(), connection.poll_event()), (None, None));
            let events = take(&mut connection, &mut input);
            assert_eq!((events.len(), u16::from(disconnect_in(&events).code)), (2, 1008), "{role:?}");
            assert_eq!((connection.phase(), pending(&mut connection)), (Phase::Closed, vec![]));
        }
    }
}

#[test]
fn k1_a_gone_transport_ends_the_connection_whatever_is_held() {
    for role in ROLES_WITH_A_MARK {
        for lose in [Connection::receive_eof, Connection::transport_failed] {
            for paused in [false, true] {
                let mut connection = marked(role);
                connection.send_binary(&vec![0; 100 << 10]).unwrap();
                if paused {
                    connection.pause_reading();
                }
                lose(&mut connection);
                assert_eq!(
                    disconnect_in(&pending(&mut connection)).cause,
                    Cause::TransportLost(None),
                    "{role:?} {paused}"
                );
            }
        }
    }
    let mut asked = requested_server(Config::default());
    asked.pause_reading();
    assert_eq!(take(&mut asked, &mut &mut [0; 10][..]), []);
    asked.receive_eof();
    assert_eq!(disconnect_in(&pending(&mut asked)).cause, Cause::TransportLost(None), "a request is not answered");
}

#[test]
fn k1_after_a_close_nothing_is_held() {
    for role in ROLES_WITH_A_MARK {
        let mut connection = marked(role);
        connection.pause_reading();
        connection.send_binary(&vec![0; 100 << 10]).unwrap();
        let mut bytes = [numbered(1, role), Raw::close(1000, "").for_endpoint(role)].concat();
        let mut input = bytes.as_mut_slice();
        assert_eq!(take(&mut connection, &mut input), []);
        connection.close(1000, "").unwrap();
        assert_eq!((connection.held_by(), connection.wants_read()), (None, true), "{role:?}");
        let events = take(&mut connection, &mut input);
        assert!(events.len() == 2 && disconnect_in(&events).is_clean, "{role:?}: {events:?}");
    }
    for role in ROLES {
        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::close(1000, "")]);
        connection.pause_reading();
        assert_eq!((connection.held_by(), connection.wants_read()), (None, true), "{role:?}");
    }
}

#[test]
fn k1_bytes_are_held_while_a_request_waits_and_reading_is_paused() {
    let mut server = requested_server(Config::default().with(|config| config.max_early_bytes = 10));
    server.pause_reading();
    let mut bytes = numbered(10, Role::Server);
    let mut input = bytes.as_mut_slice();
    assert_eq!((take(&mut server, &mut input), input.len()), (vec![], 70), "the limit on early bytes is not touched");
    server.accept(Accept::new()).unwrap();
    assert_eq!((take(&mut server, &mut input), input.len()), (vec![], 70));
    server.resume_reading();
    assert_eq!(take(&mut server, &mut input).len(), 10);
}

#[test]
fn k1_bytes_read_behind_a_rest_do_not_overtake_it() {
    let now = Instant::now();
    let mut client = Connection::established(Role::Client, Agreed::new(), Arc::default(), now);
    let message = Raw::new(Raw::BINARY, vec![7; 200 << 10]).bytes();
    let (first, rest) = message.split_at(100 << 10);
    let mut first = first.to_vec();
    assert_eq!(take(&mut client, &mut first.as_mut_slice()), []);
    let (mut held, mut unread) = (rest[..10 << 10].to_vec(), &rest[10 << 10..]);
    client.pause_reading();
    let mut input = held.as_mut_slice();
    assert_eq!((take(&mut client, &mut input), input.len()), (vec![], 10 << 10));
    let mut buffer = vec![0; 256 << 10];
    let read = client.read_from(unread.by_ref(), &mut buffer, now).unwrap();
    assert_eq!((read.total, read.in_buffer), (rest.len() - (10 << 10), rest.len() - (10 << 10)));
    client.resume_reading();
    assert_eq!(take(&mut client, &mut input), []);
    let events = take(&mut client, &mut &mut buffer[..read.in_buffer]);
    assert!(matches!(&events[..], [Event::Message(message)] if message.as_bytes() == vec![7; 200 << 10]));
}

/// A pipe that holds at most this many bytes, like a socket buffer.
const PIPE: usize = 64 << 10;

/// Moves bytes from the output of `from` into `pipe`, as far as it has room.
fn write_into(pipe: &mut Vec<u8>, from: &mut Connection) {
    let count = from.output().len().min(PIPE - pipe.len());
    pipe.extend(&from.output()[..count]);
    from.advance(count);
}

/// Reads `pipe` behind the rest, if the connection wants to, and takes the messages. Returns their bytes.
fn read_from(pipe: &mut Vec<u8>, rest: &mut Vec<u8>, to: &mut Connection) -> usize {
    if rest.is_empty() && to.wants_read() {
        std::mem::swap(pipe, rest);
    }
    let mut bytes = std::mem::take(rest);
    let mut input = bytes.as_mut_slice();
    let events = take(to, &mut input);
    *rest = input.to_vec();
    events.iter().map(|event| if let Event::Message(message) = event { message.len() } else { 0 }).sum()
}

#[test]
fn a1_two_ends_that_send_10_mib_at_once_do_not_wait_for_each_other() {
    let now = Instant::now();
    let [mut server, mut client] =
        [Role::Server, Role::Client].map(|role| Connection::established(role, Agreed::new(), Arc::default(), now));
    for connection in [&mut server, &mut client] {
        connection.send(vec![7; 10 << 20]).expect("nothing else is queued");
    }
    let (mut up, mut down, mut rests) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    let mut received = [0, 0];
    for _ in 0..2_000 {
        write_into(&mut up, &mut client);
        write_into(&mut down, &mut server);
        received[0] += read_from(&mut up, &mut rests[0], &mut server);
        received[1] += read_from(&mut down, &mut rests[1], &mut client);
    }
    assert_eq!(received, [10 << 20; 2]);
    assert_eq!((server.output_len(), client.output_len()), (0, 0));
}
