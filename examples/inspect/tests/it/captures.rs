//! Captures of whole connections, and what the report says of them.

use crate::support::{
    ANSWER, CLIENT, Packet, REQUEST, SERVER, Talk, answer, frame, frames, inspect, inspect_with, pcap, pcapng, remarks,
    request, violations,
};
use proptest::{collection, prelude::*, sample::Index};
use statesocket::{
    Config, Connection, Deflate, Event,
    Role::{Client, Server},
    handshake::{Accept, Connect},
};
use statesocket_inspect::{
    capture::{CaptureError, Flags, Segment},
    finding::{Finding, Moment, What},
    follow::{Follow, MAX_CONNECTIONS, Totals},
};
use std::{net::SocketAddr, sync::Arc, time::Instant};

fn whole() -> Talk {
    let mut talk = Talk::opened();
    talk.say(Client, &frame(Client, 0x81, b"Hello"));
    talk.say(Server, &frame(Server, 0x01, b"Hel"));
    talk.say(Server, &[frame(Server, 0x89, b"p"), frame(Server, 0x80, b"lo")].concat());
    talk.say(Client, &frame(Client, 0x8A, b"p"));
    talk.say(Client, &frame(Client, 0x88, &[3, 0xE8]));
    talk.say(Server, &frame(Server, 0x88, &[3, 0xE8]));
    talk.push(Server, "FA", &[]);
    talk.push(Client, "FA", &[]);
    talk
}

fn without_time(findings: Vec<Finding>) -> Vec<What> {
    findings.into_iter().map(|found| found.what).collect()
}

#[test]
fn a_clean_connection_reads_clean_in_both_formats() {
    let talk = whole();
    let (findings, totals, read) = inspect(&talk.pcap());
    assert_eq!((read, totals), (Ok(()), Totals { connections: 1, others: 0, violations: 0 }));
    assert_eq!(remarks(&findings), ["Requested", "Open", "ClientClosed", "Closed"]);
    let shown: Vec<_> = frames(&findings).into_iter().map(|(from, it, _)| (from, it.name(), it.is_final)).collect();
    let expected = [
        (Client, "text", true),
        (Server, "text", false),
        (Server, "ping", true),
        (Server, "continuation", true),
        (Client, "pong", true),
        (Client, "close", true),
        (Server, "close", true),
    ];
    assert_eq!(shown, expected);
    assert_eq!((findings[0].moment.packet, findings[1].moment.packet), (1, 3), "packets count from 1");
    assert_eq!(findings[1].moment.time.as_micros(), 2000);
    assert_eq!(inspect(&pcapng(&talk.packets)).0, findings);

    // Without the first SYN, or both.
    for n in [1, 2] {
        let (findings, ..) = inspect(&pcap(&talk.packets[n..]));
        assert_eq!(remarks(&findings), ["Requested", "Open", "ClientClosed", "Closed"]);
    }
}

#[test]
fn each_link_type_and_resolution_reads_the_same() {
    let talk = whole();
    let expected = inspect(&talk.pcap()).0;
    // The link type, the bytes before the header of IP, and the magic of micro- or nanoseconds.
    for (linktype, before, magic, scale) in [
        (101, 0, 0xA1B2_C3D4_u32, 1),
        (228, 0, 0xA1B2_C3D4, 1),
        (0, 4, 0xA1B2_C3D4, 1),
        (108, 4, 0xA1B2_C3D4, 1),
        (113, 16, 0xA1B2_C3D4, 1),
        (276, 20, 0xA1B2_C3D4, 1),
        (101, 0, 0xA1B2_3C4D, 1000),
    ] {
        let mut file: Vec<u8> =
            [magic, 0x0004_0002, 0, 0, 262_144, linktype].iter().flat_map(|word| word.to_le_bytes()).collect();
        for (packet, n) in talk.packets.iter().zip(0..) {
            let bytes = [&vec![0; before][..], &packet.bytes()[14..]].concat();
            for word in [1_000_000, n * 1000 * scale, bytes.len() as u32, bytes.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(bytes);
        }
        assert_eq!(inspect(&file).0, expected, "link type {linktype}, scale {scale}");
    }
}

#[test]
fn segments_of_many_connections_that_wait_are_bounded() {
    let (mut follow, mut gaps) = (Follow::new(None, true), 0);
    let payload = vec![0; 1 << 20];
    for client in 0..30 {
        let from = SocketAddr::from((CLIENT.0, 50_000 + client));
        for n in 0..4 {
            let segment = Segment {
                moment: Moment::default(),
                from,
                to: SocketAddr::from(SERVER),
                sequence: (n << 20) + u32::from(n > 0),
                flags: Flags { syn: n == 0, ..Flags::default() },
                payload: if n == 0 { &[] } else { &payload },
            };
            follow.take(&segment, &mut |found| gaps += usize::from(matches!(found.what, What::Note(_))));
        }
    }
    // The byte behind each SYN is missing. 64 MiB are those of 21 connections.
    assert_eq!(gaps, 9);
}

#[test]
fn a_file_that_is_cut_anywhere_is_read_as_far_as_it_goes() {
    let talk = whole();
    for file in [talk.pcap(), pcapng(&talk.packets)] {
        let all = without_time(inspect(&file).0);
        for len in (0..file.len()).step_by(7) {
            let (findings, _, read) = inspect(&file[..len]);
            let heads = |what: &What| matches!(what, What::Head { .. } | What::Frame { .. });
            let read_before: Vec<_> = without_time(findings).into_iter().filter(heads).collect();
            assert!(
                all.iter().filter(|what| heads(what)).cloned().collect::<Vec<_>>().starts_with(&read_before),
                "{len}"
            );
            assert!(read != Err(CaptureError::Corrupt), "{len}");
        }
    }
}

#[test]
fn a_long_packet_is_read_and_one_over_the_limit_refused() {
    let long = |len: usize| {
        let mut talk = Talk::opened();
        talk.say(Server, &[&[0x82, 127, 0, 0, 0, 0][..], &(len as u32).to_be_bytes()].concat());
        let mut file = pcap(&talk.packets);
        // No header of IP has this length: the rest of the packet is its payload.
        let mut packet = Packet {
            payload: vec![7; 1000],
            sequence: talk.packets[4].sequence.wrapping_add(10),
            ..talk.packets[4].clone()
        }
        .bytes();
        packet[16..18].fill(0);
        packet.resize(54 + len, 7);
        for word in [0, 0, packet.len() as u32, packet.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
        inspect(&file)
    };
    for len in [65_536, 70_000, 262_000, 1_000_000] {
        let (findings, _, read) = long(len);
        assert_eq!((read, frames(&findings).last().map(|(_, it, _)| it.seen)), (Ok(()), Some(len as u64)), "{len}");
    }
    assert_eq!(long(1 << 20).2, Err(CaptureError::BlockTooLarge));
}

#[test]
fn a_gap_is_named_and_the_other_direction_is_read_on() {
    let mut talk = Talk::opened();
    talk.say(Server, &frame(Server, 0x81, b"lost"));
    talk.packets.pop();
    talk.say(Server, &frame(Server, 0x81, b"behind"));
    talk.say(Client, &frame(Client, 0x81, b"heard"));
    let (findings, ..) = inspect(&talk.pcap());
    let gap = "the capture lacks 6 bytes of the server; what the server sent after is not read";
    assert_eq!(remarks(&findings)[2], gap);
    assert_eq!(frames(&findings).len(), 1);
}

#[test]
fn a_gap_before_much_is_named_at_once() {
    let mut talk = Talk::opened();
    talk.say(Server, &frame(Server, 0x81, b"lost"));
    talk.packets.pop();
    talk.say(Server, &vec![0x81; 5 << 20]);
    talk.say(Client, &frame(Client, 0x81, b"heard"));
    let (findings, ..) = inspect(&talk.pcap());
    let at = findings.iter().position(|found| matches!(found.what, What::Note(_))).expect("a note of the gap");
    assert!(matches!(findings[at + 1].what, What::Frame { .. }), "{:?}", &findings[at..]);
}

#[test]
fn the_end_of_the_stream_without_a_close_is_told() {
    let mut talk = Talk::opened();
    talk.push(Client, "FA", &[]);
    talk.push(Server, "FA", &[]);
    let expected = ["Requested", "Open", "Closed the client ends the stream without a close frame"];
    assert_eq!(remarks(&inspect(&talk.pcap()).0), expected);

    let mut talk = Talk::opened();
    talk.say(Server, &frame(Server, 0x81, b"Hello")[..4]);
    talk.push(Server, "RA", &[]);
    let (findings, ..) = inspect(&talk.pcap());
    assert_eq!(remarks(&findings)[2], "Closed the server resets the connection without a close frame");
    assert_eq!(frames(&findings)[0].1.seen, 2);
}

#[test]
fn what_is_no_websocket_is_one_line() {
    let said = |from, bytes: &[u8]| {
        let mut talk = Talk::new(CLIENT);
        talk.say(from, bytes);
        talk.say(Server, b"HTTP/1.1 200 OK\r\n\r\n");
        let (findings, totals, _) = inspect(&talk.pcap());
        assert_eq!((totals.others, totals.violations), (1, 0));
        remarks(&findings)
    };
    assert_eq!(said(Client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ["other: plain HTTP: GET / HTTP/1.1"]);
    assert_eq!(said(Client, &[0x16, 3, 1, 0, 200]), ["other: TLS: the inspector does not decrypt"]);
    assert_eq!(said(Client, b"EHLO a\r\n"), ["other: not HTTP"]);
    assert_eq!(said(Client, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n"), ["other: the request does not end"]);
    assert_eq!(said(Server, b"220 ready\r\n"), ["other: only the server has sent bytes"]);
    assert_eq!(said(Server, &[0; 70_000]), ["other: the server sends first"]);
}

#[test]
fn a_rejection_is_an_end_and_no_violation() {
    let mut talk = Talk::new(CLIENT);
    talk.say(Client, &request());
    talk.say(Server, b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(remarks(&inspect(&talk.pcap()).0), ["Requested", "Closed rejected with 403"]);
}

#[test]
fn connections_are_told_apart_and_a_port_selects() {
    let (mut one, mut two) = (Talk::opened(), Talk::new((CLIENT.0, CLIENT.1 + 1)));
    one.say(Client, &frame(Server, 0x81, b"unmasked"));
    two.say(Client, &request());
    two.say(Server, &answer());
    two.say(Client, &frame(Client, 0x81, b"fine"));
    let mixed: Vec<_> =
        one.packets.iter().zip(&two.packets).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
    let (findings, totals, _) = inspect(&pcap(&mixed));
    assert_eq!(totals, Totals { connections: 2, others: 0, violations: 1 });
    assert_eq!(findings.iter().filter(|found| found.conversation == 2).count(), 7);

    let select = |port| inspect_with(Follow::new(Some(port), false), &pcap(&mixed)).1.connections;
    assert_eq!((select(SERVER.1), select(CLIENT.1), select(80)), (2, 1, 0));
}

#[test]
fn a_port_that_is_used_again_is_another_connection() {
    let (first, mut second) = (whole(), Talk::opened());
    second.packets.iter_mut().for_each(|packet| packet.sequence = packet.sequence.wrapping_add(1 << 30));
    let (findings, totals, _) = inspect(&pcap(&[first.packets, second.packets].concat()));
    assert_eq!((totals.connections, totals.others), (2, 0));
    assert_eq!(violations(&findings), []);

    let mut plain = Talk::new(CLIENT);
    plain.say(Client, b"GET / HTTP/1.1\r\n\r\n");
    let mut second = Talk::opened();
    second.packets.iter_mut().for_each(|packet| packet.sequence = packet.sequence.wrapping_add(1 << 30));
    let (_, totals, _) = inspect(&pcap(&[plain.packets, second.packets].concat()));
    assert_eq!((totals.connections, totals.others), (2, 1));
}

#[test]
fn the_oldest_connection_makes_room() {
    let talks = (0..=MAX_CONNECTIONS).flat_map(|n| Talk::new(([10, 1, (n >> 8) as u8, n as u8], 1)).packets);
    let (findings, totals, _) = inspect(&pcap(&talks.collect::<Vec<_>>()));
    assert_eq!(totals.connections, MAX_CONNECTIONS as u64 + 1);
    let last = findings.iter().rposition(|found| matches!(found.what, What::Begin { .. })).expect("connections begin");
    assert!(matches!(&findings[last - 1], Finding { conversation: 1, what: What::NotWebSocket { .. }, .. }));
}

#[test]
fn a_capture_may_begin_behind_the_handshake() {
    let mut talk = Talk::opened();
    talk.packets.clear();
    talk.say(Server, &frame(Server, 0x81, b"Hello"));
    talk.say(Client, &frame(Client, 0x81, b"Hello"));
    let (findings, ..) = inspect_with(Follow::new(Some(SERVER.1), true), &talk.pcap());
    assert_eq!((frames(&findings).len(), violations(&findings)), (2, vec![]));
    assert_eq!(remarks(&inspect(&talk.pcap()).0).len(), 1, "without --open it is one line");
}

#[test]
fn a_packet_that_was_cut_when_captured_lacks_its_rest() {
    let mut talk = Talk::opened();
    talk.say(Server, &frame(Server, 0x81, b"Hello"));
    talk.say(Server, &frame(Server, 0x81, b"again"));
    let mut file = pcap(&talk.packets[..talk.packets.len() - 2]);
    for packet in &talk.packets[talk.packets.len() - 2..] {
        let bytes = packet.bytes();
        for word in [0, 0, bytes.len() as u32 - 3, bytes.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&bytes[..bytes.len() - 3]);
    }
    assert!(remarks(&inspect(&file).0)[2].contains("lacks 3 bytes of the server"));
}

#[test]
fn compressed_messages_are_shown_inflated() {
    let config = Arc::new(Config::default().with(|it| it.deflate = Some(Deflate::default())));
    let now = Instant::now();
    let mut client = Connection::client(&Connect::new("ws://a/").unwrap(), Arc::clone(&config), now);
    let mut server = Connection::server(config, now);
    let mut talk = Talk::new(CLIENT);
    let mut carry = |from: &mut Connection, to: &mut Connection| {
        let mut bytes = from.output().to_vec();
        from.advance(bytes.len());
        talk.say(from.role(), &bytes);
        let mut input = &mut bytes[..];
        while let Some(event) = to.receive(&mut input, now) {
            if let Event::Request(_) = event {
                to.accept(Accept::new()).unwrap();
            }
        }
    };
    carry(&mut client, &mut server);
    carry(&mut server, &mut client);
    let text = "compress this, compress this, compress this";
    for _ in 0..2 {
        client.send_text(text).unwrap();
        carry(&mut client, &mut server);
        server.send_text(text).unwrap();
        carry(&mut server, &mut client);
    }
    let (findings, ..) = inspect(&talk.pcap());
    assert_eq!(violations(&findings), []);
    assert!(remarks(&findings)[1].starts_with("Open permessage-deflate: client"), "{:?}", remarks(&findings));
    let shown = frames(&findings);
    assert_eq!(shown.len(), 4);
    for (from, frame, inflated) in shown {
        assert_eq!((frame.rsv, inflated.as_deref()), (4, Some(text.as_bytes())), "{from:?}");
    }
}

#[test]
fn an_offer_other_than_that_of_the_library_is_judged_as_it_is() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9, permessage-deflate\r\n";
    let accept = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    let mut talk = Talk::new(CLIENT);
    talk.say(Client, format!("{REQUEST}{offer}\r\n").as_bytes());
    talk.say(Server, format!("{ANSWER}{accept}\r\n").as_bytes());
    let expected = "Open permessage-deflate: client 15 bits, server 9 bits";
    assert_eq!(remarks(&inspect(&talk.pcap()).0)[1], expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Between two segments of the other end, those of one end are repeated, cut anew and put in any order.
    #[test]
    fn any_cutting_repetition_and_order_reads_the_same(
        cuts in collection::vec(1_usize..40, 1..20),
        repeated in collection::vec((any::<Index>(), any::<Index>()), 0..10),
    ) {
        let talk = whole();
        let mut cuts = cuts.into_iter().cycle();
        let mut packets: Vec<Packet> = Vec::new();
        for packet in &talk.packets {
            let mut pieces = Vec::new();
            let mut at = 0;
            while at < packet.payload.len() {
                let end = (at + cuts.next().unwrap_or(1)).min(packet.payload.len());
                let sequence = packet.sequence.wrapping_add(at as u32);
                pieces.push(Packet { sequence, payload: packet.payload[at..end].to_vec(), ..packet.clone() });
                at = end;
            }
            if pieces.is_empty() {
                pieces.push(packet.clone());
            }
            for (from, to) in &repeated {
                let piece = pieces[from.index(pieces.len())].clone();
                let to = to.index(pieces.len() + 1);
                pieces.insert(to, piece);
            }
            packets.extend(pieces);
        }
        prop_assert_eq!(without_time(inspect(&pcap(&packets)).0), without_time(inspect(&talk.pcap()).0));
    }
}

#[test]
fn ends_are_named_by_role() {
    let (findings, ..) = inspect(&whole().pcap());
    let What::Begin { ends: Some(ends) } = findings[0].what else { panic!("{:?}", findings[0]) };
    assert_eq!(ends.to_string(), "client 10.0.0.1:50000, server 10.0.0.2:9001");
}
