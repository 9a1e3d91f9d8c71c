//! Any lengths, any cuts of what arrives, any room for what leaves: the bytes are the same.

use super::{
    sample,
    scene::{Scene, VERSIONS},
};
use proptest::prelude::*;
use std::{collections::VecDeque, io::ErrorKind};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The client sends so many bytes.
    Send(usize),
    /// So many encrypted bytes arrive, and are read.
    Arrive(usize),
    /// The server writes so many bytes.
    Write(usize),
    /// The stream takes so many more encrypted bytes.
    Take(usize),
    /// The client changes its keys, and asks the server to. Only TLS 1.3 has that.
    ChangeKeys,
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => 1_usize..200, 2 => 16_000_usize..17_000, 1 => 1_usize..70_000];
    prop_oneof![
        4 => len.clone().prop_map(Step::Send),
        6 => len.clone().prop_map(Step::Arrive),
        4 => len.clone().prop_map(Step::Write),
        6 => len.prop_map(Step::Take),
        1 => Just(Step::ChangeKeys),
    ]
}

/// What both ends have sent and received.
#[derive(Default)]
struct Bytes {
    to_server: Vec<u8>,
    at_server: Vec<u8>,
    to_client: Vec<u8>,
    at_client: Vec<u8>,
}

struct Run {
    scene: Scene,
    /// The encrypted bytes of the client that have not arrived.
    under_way: VecDeque<u8>,
    /// The bytes of the server that do not count as written.
    unwritten: VecDeque<u8>,
    bytes: Bytes,
}

impl Run {
    fn take(&mut self, step: Step) {
        match step {
            Step::Send(len) => {
                let bytes = sample(len);
                for piece in bytes.chunks(16 << 10) {
                    std::io::Write::write_all(&mut self.scene.client.writer(), piece).expect("there is room");
                    let flight = self.scene.client_flight();
                    self.under_way.extend(flight);
                }
                self.bytes.to_server.extend(bytes);
            }
            Step::Arrive(len) => {
                let len = len.min(self.under_way.len());
                self.scene.wire.input.extend(self.under_way.drain(..len));
                let (bytes, end) = self.scene.read_all();
                assert_eq!(end, Err(ErrorKind::WouldBlock), "the stream is open");
                self.bytes.at_server.extend(bytes);
            }
            Step::Write(len) => {
                let bytes = sample(len);
                self.unwritten.extend(&bytes);
                self.bytes.to_client.extend(bytes);
                self.write();
            }
            Step::Take(len) => {
                self.scene.wire.room += len;
                self.write();
            }
            Step::ChangeKeys if self.scene.client.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) => {
                self.scene.client.refresh_traffic_keys().expect("the handshake is over");
                let flight = self.scene.client_flight();
                self.under_way.extend(flight);
            }
            Step::ChangeKeys => {}
        }
    }

    fn write(&mut self) {
        let written = self.scene.write(self.unwritten.make_contiguous()).expect("the stream does not fail");
        self.unwritten.drain(..written);
        assert!(self.scene.layer.held() <= 150 << 10, "{} bytes are held", self.scene.layer.held());
        self.bytes.at_client.extend(self.scene.client_reads().expect("the server keeps the rules"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn any_cuts_and_any_room_give_the_same_bytes(version in 0..2_usize, steps in prop::collection::vec(step(), 1..60)) {
        let mut scene = Scene::open(VERSIONS[version]);
        scene.wire.room = 0;
        let mut run = Run { scene, under_way: VecDeque::new(), unwritten: VecDeque::new(), bytes: Bytes::default() };
        for step in steps {
            run.take(step);
            prop_assert!(run.bytes.to_server.starts_with(&run.bytes.at_server));
            prop_assert!(run.bytes.to_client.starts_with(&run.bytes.at_client));
        }
        run.take(Step::Arrive(usize::MAX));
        run.take(Step::Take(usize::MAX / 2));
        // An answer to new keys may have been waiting for room.
        run.take(Step::Write(1));
        prop_assert!(run.bytes.at_server == run.bytes.to_server);
        prop_assert!(run.bytes.at_client == run.bytes.to_client);
        prop_assert_eq!((run.scene.layer.held(), run.scene.layer.has_unsent()), (0, false));
    }
}
