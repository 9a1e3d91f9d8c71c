//! A layer alone, with a client of rustls at the other end of a stream in memory.

mod cuts;
mod handshake;
mod scene;

use super::*;
use rustls::{AlertDescription, version::TLS13};
use scene::{Scene, UNLIMITED, VERSIONS};

/// Bytes that are not all the same.
fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[test]
fn bytes_arrive_in_both_directions_whatever_their_number() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        for len in [1, 2, 125, 1 << 10, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 64 << 10, 300 << 10] {
            let bytes = sample(len);
            scene.client_sends(&bytes);
            assert_eq!(scene.read_all(), (bytes.clone(), Err(ErrorKind::WouldBlock)), "{version:?}, {len}");
            assert_eq!(scene.write(&bytes), Ok(len), "{version:?}, {len}");
            assert!(scene.client_reads().expect("the server keeps the rules") == bytes, "{version:?}, {len}");
            assert_eq!(scene.layer.held(), 0, "{version:?}, {len}");
        }
    }
}

#[test]
fn records_of_one_byte_and_reads_of_one_byte_give_the_same_bytes() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        let bytes = sample(2_000);
        for byte in &bytes {
            scene.client_sends(&[*byte]);
        }
        let mut encrypted = std::mem::take(&mut scene.wire.input);
        // All at once, and then byte by byte.
        scene.wire.input.extend(encrypted.drain(..encrypted.len() / 2));
        let mut received = scene.read_all().0;
        for byte in encrypted {
            scene.wire.input.push_back(byte);
            match scene.read() {
                Ok(more) => received.extend(more),
                Err(error) => assert_eq!(error, ErrorKind::WouldBlock),
            }
        }
        assert!(received == bytes, "{version:?}");
        assert_eq!(scene.layer.held(), 0);
    }
}

#[test]
fn a_record_that_is_cut_by_the_end_gives_nothing() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        let mut records = vec![0];
        for _ in 0..3 {
            scene.client_sends(&[7; 50]);
            records.push(scene.wire.input.len());
        }
        let all: Vec<u8> = scene.wire.input.drain(..).collect();
        for cut in 0..=all.len() {
            let mut scene = Scene::open(version);
            for _ in 0..3 {
                scene.client_sends(&[7; 50]);
            }
            scene.wire.input.truncate(cut);
            scene.wire.has_ended = true;
            let whole = records.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!(scene.read_all(), (vec![7; 50 * whole], Ok(())), "{version:?}, {cut}");
        }
    }
}

#[test]
fn one_read_and_one_write_carry_64_kib_with_their_header() {
    let mut scene = Scene::open(&TLS13);
    let (header, payload) = ([1; 14], sample(64 << 10));
    scene.client_sends(&[&header[..], &payload].concat());
    assert!(scene.read().expect("bytes have come") == [&header[..], &payload].concat());
    let slices = [IoSlice::new(&header), IoSlice::new(&[]), IoSlice::new(&payload)];
    assert_eq!(scene.layer.write(&mut scene.wire, &slices).expect("there is room"), 14 + (64 << 10));
    assert_eq!(scene.wire.calls, [1, 1]);
    assert!(scene.client_reads().expect("the server keeps the rules") == [&header[..], &payload].concat());
}

#[test]
fn short_slices_share_a_record() {
    let mut scene = Scene::open(&TLS13);
    let slices = [b"one".as_slice(), b"two", b"three"].map(IoSlice::new);
    assert_eq!(scene.layer.write(&mut scene.wire, &slices).expect("there is room"), 11);
    // A header, the bytes with their type, and a tag.
    assert_eq!(scene.wire.output.len(), 5 + 11 + 1 + 16);
    assert_eq!(scene.client_reads().expect("the server keeps the rules"), b"onetwothree");
}

#[test]
fn a_stream_that_takes_little_gets_everything_in_order() {
    for step in [1, 7, 1_000, 20_000] {
        let mut scene = Scene::open(&TLS13);
        let bytes = sample(if step == 1 { 3_000 } else { 100 << 10 });
        (scene.wire.room, scene.wire.calls) = (0, [0; 2]);
        let mut written = 0;
        let mut received = Vec::new();
        while written < bytes.len() {
            scene.wire.room += step;
            let count = scene.write(&bytes[written..]).expect("the stream does not fail");
            written += count;
            assert!(count <= step, "{count} bytes count as written of {step}");
            assert_eq!(scene.layer.has_unsent(), written < bytes.len(), "the last byte counts last");
            assert!(scene.layer.held() <= 66 << 10, "{} bytes are held", scene.layer.held());
            received.extend(scene.client_reads().expect("the server keeps the rules"));
        }
        assert!(received == bytes, "{step}");
        assert_eq!((scene.layer.held(), scene.layer.has_unsent()), (0, false));
    }
}

#[test]
fn a_failed_write_leaves_what_the_peer_has_sent() {
    let mut scene = Scene::open(&TLS13);
    scene.client_sends(b"the last words");
    scene.wire.is_broken = true;
    assert_eq!(scene.write(b"in vain"), Err(ErrorKind::ConnectionReset));
    assert_eq!(scene.write(b"in vain"), Err(ErrorKind::BrokenPipe));
    assert_eq!(scene.read(), Ok(b"the last words".to_vec()));
    // The answer to the client cannot be sent, and what comes with it is read all the same.
    let mut scene = Scene::new(&TLS13);
    scene.wire.is_broken = true;
    let flight = scene.client_flight();
    scene.wire.input.extend(flight);
    assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    assert_eq!(scene.write(b"in vain"), Err(ErrorKind::BrokenPipe));
}

#[test]
fn plain_http_gets_an_alert() {
    for request in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\0\0"] {
        let mut scene = Scene::new(&TLS13);
        scene.wire.input.extend(request);
        assert_eq!([scene.read(), scene.read()], [const { Err(ErrorKind::InvalidData) }; 2]);
        let alert: Vec<u8> = scene.wire.output.drain(..).collect();
        assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, 50]), "a fatal decode_error: {alert:?}");
        assert_eq!(scene.write(b"HTTP/1.1 400 "), Err(ErrorKind::BrokenPipe));
    }
}

#[test]
fn what_comes_before_a_bad_record_is_read_before_the_failure() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        scene.client_sends(b"good");
        scene.client_sends(b"bad");
        *scene.wire.input.back_mut().expect("a record") ^= 1;
        assert_eq!((scene.read(), scene.layer.has_ended()), (Ok(b"good".to_vec()), true));
        assert_eq!([scene.read(), scene.read()], [const { Err(ErrorKind::InvalidData) }; 2]);
        let error = scene.client_reads().expect_err("an alert");
        assert_eq!(error, rustls::Error::AlertReceived(AlertDescription::BadRecordMac));
        assert_eq!(scene.wire.calls[0], 1, "the failure needs no read of the stream");
    }
}

#[test]
fn close_notify_is_the_end_and_what_follows_is_ignored() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        scene.client_sends(b"last");
        scene.client.send_close_notify();
        let flight = scene.client_flight();
        scene.wire.input.extend(flight);
        scene.wire.input.extend(b"\x17\x03\x03\x00\x20 more");
        assert_eq!((scene.read(), scene.layer.has_ended()), (Ok(b"last".to_vec()), true));
        assert_eq!([scene.read(), scene.read()], [const { Ok(Vec::new()) }; 2]);
        // Our direction goes on until we end it.
        assert_eq!(scene.write(b"answer"), Ok(6));
        assert_eq!(scene.client_reads(), Ok(b"answer".to_vec()));
        scene.layer.end_output(&mut scene.wire).expect("the stream does not fail");
        scene.client_reads().expect("the server keeps the rules");
        assert!(scene.client.process_new_packets().expect("no bytes").peer_has_closed());
        assert_eq!(scene.layer.held(), 0);
    }
}

#[test]
fn close_notify_waits_behind_the_bytes_before_it_and_comes_once() {
    let mut scene = Scene::open(&TLS13);
    scene.wire.room = 20;
    assert!(scene.write(b"bytes that wait").expect("the stream does not fail") < 15);
    for _ in 0..2 {
        scene.layer.end_output(&mut scene.wire).expect("the stream does not fail");
        assert!(scene.layer.has_unsent());
    }
    scene.wire.room = UNLIMITED;
    scene.layer.flush(&mut scene.wire).expect("the stream does not fail");
    assert_eq!(scene.wire.output.len(), (5 + 15 + 17) + (5 + 2 + 17));
    assert_eq!(scene.client_reads(), Ok(b"bytes that wait".to_vec()));
    assert!(scene.client.process_new_packets().expect("no bytes").peer_has_closed());
}

#[test]
fn whatever_comes_behind_our_close_notify_is_dropped() {
    for version in VERSIONS {
        let mut scene = Scene::open(version);
        scene.layer.end_output(&mut scene.wire).expect("the stream does not fail");
        scene.client_sends(b"late");
        assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
        scene.wire.input.extend(b"\x17\x03\x03\x00\x14aaaaaaaaaaaaaaaaaaaa");
        assert_eq!((scene.read(), scene.layer.has_ended()), (Err(ErrorKind::WouldBlock), false));
        scene.wire.has_ended = true;
        assert_eq!((scene.read(), scene.layer.has_ended()), (Ok(Vec::new()), true));
        scene.client_reads().expect("no alert follows");
    }
}

#[test]
fn an_idle_layer_is_small() {
    assert!(size_of::<Layer>() <= 1_300, "{}", size_of::<Layer>());
}

#[test]
fn discarded_input_holds_nothing_and_comes_to_its_end() {
    let mut scene = Scene::open(&TLS13);
    scene.client_sends(b"a record");
    let last = scene.wire.input.pop_back().expect("a record");
    assert_eq!(scene.read(), Err(ErrorKind::WouldBlock));
    assert!(scene.layer.held() > 0);
    scene.layer.discard_input();
    assert_eq!(scene.layer.held(), 0);
    scene.wire.input.push_back(last);
    scene.client_sends(b"another");
    assert_eq!((scene.read(), scene.layer.held(), scene.layer.has_ended()), (Err(ErrorKind::WouldBlock), 0, false));
    assert_eq!(scene.write(b"nothing follows"), Err(ErrorKind::BrokenPipe));
    scene.layer.end_output(&mut scene.wire).expect("the stream does not fail");
    assert_eq!(scene.wire.output.len(), 0);
    scene.wire.has_ended = true;
    assert_eq!(scene.read(), Ok(Vec::new()));
}
