//! The handshake, and what follows of it: tickets, other keys.

use super::{
    super::*,
    scene::{Scene, VERSIONS, client_config, server_config},
};
use rustls::{AlertDescription, HandshakeKind, version::TLS13};

/// A handshake, and a request behind the second flight of the client. The flight of the `number` given comes in two
/// parts, the first of `cut` bytes. Returns the length of that flight.
fn shake_hands_with_a_cut(scene: &mut Scene, number: usize, cut: usize) -> usize {
    let (mut len, mut received) = (0, Vec::new());
    for n in 0..3 {
        if n == 1 {
            scene.client.writer().write_all(b"GET /").expect("there is room");
        }
        let mut first = scene.client_flight();
        if n == number {
            len = first.len();
            let rest = first.split_off(cut);
            scene.wire.input.extend(first);
            received.extend(scene.read_all().0);
            first = rest;
        }
        scene.wire.input.extend(first);
        received.extend(scene.read_all().0);
        scene.client_reads().expect("the server keeps the rules");
    }
    assert_eq!((&*received, scene.layer.held()), (&b"GET /"[..], 0), "{number}, {cut}");
    len
}

#[test]
fn a_flight_may_be_cut_anywhere() {
    for version in VERSIONS {
        for number in 0..2 {
            let len = shake_hands_with_a_cut(&mut Scene::new(version), number, 0);
            for cut in 1..len {
                shake_hands_with_a_cut(&mut Scene::new(version), number, cut);
            }
        }
    }
}

#[test]
fn nothing_is_written_before_the_handshake_allows_it() {
    let mut scene = Scene::new(&TLS13);
    let mut hello = scene.client_flight();
    // The message of the handshake comes in records of its own, and its end is missing.
    let end = hello.split_off(hello.len() - 10);
    let length = u16::try_from(hello.len() - 5).expect("a short record").to_be_bytes();
    hello[3..5].copy_from_slice(&length);
    scene.wire.input.extend(&hello);
    assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    assert_eq!([scene.layer.take_heard(), scene.layer.take_heard()], [Some(true), None]);
    assert_eq!(scene.write(b"HTTP/1.1 503 "), Ok(0));
    scene.layer.end_output(&mut scene.wire).expect("the stream does not fail");
    assert_eq!((scene.wire.output.len(), scene.layer.is_handshaking()), (0, true));
    scene.wire.input.extend([&[22, 3, 1, 0, 10][..], &end].concat());
    assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    scene.client_reads().expect("the server keeps the rules");
    let flight = scene.client_flight();
    scene.wire.input.extend(flight);
    assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    assert!(!scene.layer.is_handshaking());
}

#[test]
fn half_a_message_of_the_handshake_can_be_followed_by_anything() {
    let half = |scene: &mut Scene| {
        let hello = scene.client_flight();
        scene.wire.input.extend([&[22, 3, 1, 0, 20][..], &hello[5..25]].concat());
        assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    };
    let alert = |scene: &mut Scene| {
        scene.wire.input.extend([21, 3, 1, 0, 2, 1, 0]);
        assert_eq!(scene.read(), Err(ErrorKind::InvalidData));
    };
    let no_record = |scene: &mut Scene| {
        scene.wire.input.extend(b"GET / HTTP/1.1\r\n");
        assert_eq!(scene.read(), Err(ErrorKind::InvalidData));
    };
    let end = |scene: &mut Scene| {
        scene.wire.has_ended = true;
        assert_eq!(scene.read(), Ok(Vec::new()));
    };
    let discard = |scene: &mut Scene| scene.layer.discard_input();
    let cases: [&dyn Fn(&mut Scene); 5] = [&alert, &no_record, &end, &discard, &|_| {}];
    for what_follows in cases {
        let mut scene = Scene::new(&TLS13);
        half(&mut scene);
        what_follows(&mut scene);
        for _ in 0..2 {
            assert!(matches!(scene.write(b"HTTP/1.1 408 "), Ok(0) | Err(ErrorKind::BrokenPipe)));
            let _ = scene.layer.end_output(&mut scene.wire);
        }
    }
}

#[test]
fn a_message_of_the_handshake_in_too_many_records_is_refused() {
    let mut scene = Scene::new(&TLS13);
    // A ClientHello of 60,000 bytes, one per record.
    scene.wire.input.extend([22, 3, 1, 0, 4, 1, 0, 0xEA, 0x60]);
    for _ in 0..60_000 {
        scene.wire.input.extend([22, 3, 1, 0, 1, 0]);
        if scene.wire.input.len() >= 6_000 {
            match scene.read() {
                Err(ErrorKind::WouldBlock) => assert!(scene.layer.held() <= 2 * MAX_PARTIAL),
                other => {
                    assert_eq!((other, scene.layer.held()), (Err(ErrorKind::InvalidData), 0));
                    return;
                }
            }
        }
    }
    panic!("{} bytes are held", scene.layer.held());
}

#[test]
fn the_client_may_change_its_keys_and_has_ours_changed() {
    let mut scene = Scene::open(&TLS13);
    for round in 0..3 {
        scene.client.refresh_traffic_keys().expect("TLS 1.3");
        scene.client_sends(b"new keys");
        assert_eq!(scene.read(), Ok(b"new keys".to_vec()), "{round}");
        assert_eq!(scene.write(b"ours too"), Ok(8), "{round}");
        assert_eq!(scene.client_reads(), Ok(b"ours too".to_vec()), "{round}");
    }
}

#[test]
fn one_ticket_resumes_the_next_connection() {
    for version in VERSIONS {
        let (server, client) = (server_config(), client_config(version));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut scene = Scene::with(server.clone(), client.clone());
            scene.shake_hands();
            assert_eq!(scene.client.handshake_kind(), Some(expected), "{version:?}");
            assert_eq!(scene.client.tls13_tickets_received(), u32::from(version == &TLS13), "{version:?}");
        }
    }
}

#[test]
fn a_client_speaks_http_1_1_or_nothing() {
    let offer = |protocols: &[&[u8]]| {
        let mut client = (*client_config(&TLS13)).clone();
        client.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Scene::with(server_config(), Arc::new(client))
    };
    let (both, http): (&[&[u8]], &[u8]) = (&[b"h2", b"http/1.1"], b"http/1.1");
    for (protocols, agreed) in [(&[][..], None), (both, Some(http))] {
        let mut scene = offer(protocols);
        scene.shake_hands();
        assert_eq!(scene.client.alpn_protocol(), agreed);
    }
    let mut scene = offer(&[b"h2"]);
    let flight = scene.client_flight();
    scene.wire.input.extend(flight);
    assert_eq!(scene.read(), Err(ErrorKind::InvalidData));
    let error = scene.client_reads().expect_err("an alert");
    assert_eq!(error, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));
}
