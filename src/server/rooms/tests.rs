use super::*;
use proptest::prelude::*;

fn id(number: usize) -> LocalId {
    LocalId::new(number, number as u32 + 100)
}

fn text(message: &SharedMessage) -> String {
    String::from_utf8(message.payload().to_vec()).expect("the message is text")
}

/// Takes all messages that wait for the session, and returns in how many pieces they come.
fn take(rooms: &mut Rooms, id: LocalId) -> (Vec<String>, usize) {
    let (mut texts, mut pieces) = (Vec::new(), 0);
    while let Some((number, next)) = rooms.next_for(id, true) {
        pieces += 1;
        match next {
            Next::One(message) => texts.push(text(message)),
            Next::All(messages) => texts.extend(messages.iter().map(text)),
        }
        rooms.took(id, number);
    }
    (texts, pieces)
}

/// Ends the turn: every session takes its messages.
fn deliver(rooms: &mut Rooms, mut took: impl FnMut(LocalId, Vec<String>)) {
    let (sessions, last) = rooms.waiting_sessions();
    for session in sessions {
        if let Some(id) = rooms.turn_to(session) {
            let texts = take(rooms, id).0;
            took(id, texts);
        }
    }
    rooms.forget(last);
    assert!(!rooms.has_waiting());
}

#[test]
fn a_burst_comes_in_one_piece_and_an_exception_is_left_out() {
    let mut rooms = Rooms::default();
    assert_eq!([1, 2, 3].map(|number| rooms.join(id(number), "a")), [true; 3]);
    assert!(!rooms.join(id(1), "a"), "it is a member");
    let news = ["1", "2", "3"].map(SharedMessage::text);
    assert_eq!(news.each_ref().map(|news| rooms.publish("a", news, None)), [3; 3]);
    let all = || ["1", "2", "3"].map(str::to_owned).to_vec();
    assert_eq!((take(&mut rooms, id(1)), take(&mut rooms, id(2))), ((all(), 1), (all(), 1)));
    assert_eq!(rooms.publish("a", &SharedMessage::text("4"), Some(id(3))), 2);
    assert_eq!(take(&mut rooms, id(3)), (all(), 3), "one by one, without the last");
    assert_eq!(take(&mut rooms, id(1)), (vec!["4".to_owned()], 1));
    assert_eq!(rooms.publish("b", &SharedMessage::text("5"), None), 0, "there is no such room");
    assert_eq!(rooms.publish("a", &SharedMessage::text("6"), Some(id(9))), 3, "it is no member");
}

#[test]
fn s15_nothing_waits_for_a_session_that_has_its_messages() {
    let mut rooms = Rooms::default();
    assert!([1, 2].iter().all(|number| rooms.join(id(*number), "a") && rooms.join(id(*number), "b")));
    rooms.publish("a", &SharedMessage::text("1"), None);
    rooms.publish("b", &SharedMessage::text("2"), None);
    assert_eq!(take(&mut rooms, id(1)).0, ["1", "2"]);
    assert_eq!([1, 2, 3].map(|number| rooms.may_wait_for(id(number))), [false, true, false]);
    // Each member of two busy rooms is there twice, and acts once.
    let mut acted = Vec::new();
    let (sessions, _) = rooms.waiting_sessions();
    for session in sessions {
        if let Some(id) = rooms.turn_to(session) {
            acted.push(id);
            take(&mut rooms, id);
        }
    }
    assert_eq!(acted, [id(2)]);
}

#[test]
fn only_members_of_the_time_of_a_message_get_it() {
    let mut rooms = Rooms::default();
    rooms.join(id(1), "a");
    rooms.join(id(2), "a");
    rooms.publish("a", &SharedMessage::text("before"), None);
    rooms.join(id(3), "a");
    assert!(rooms.leave(id(1), "a") && !rooms.leave(id(1), "a") && !rooms.leave(id(1), "b"));
    rooms.end(id(2));
    rooms.publish("a", &SharedMessage::text("after"), None);
    let mut got = Vec::new();
    deliver(&mut rooms, |id, texts| got.push((id, texts)));
    assert_eq!(got, [(id(1), vec!["before".to_owned()]), (id(3), vec!["after".to_owned()])]);
    assert_eq!((rooms.members("a").collect::<Vec<_>>(), rooms.of(id(3)).collect::<Vec<_>>()), (vec![id(3)], vec!["a"]));
    rooms.end(id(3));
    assert_eq!((rooms.count("a"), rooms.by_name.len(), rooms.rooms.len(), rooms.seats.len()), (0, 0, 0, 0));
}

#[test]
fn s15_a_session_gets_in_order_what_waits_in_the_rooms_that_it_has_left() {
    for taken in [0, 1] {
        let mut rooms = Rooms::default();
        assert!(rooms.join(id(1), "a") && rooms.join(id(1), "b"));
        for (room, text) in [("a", "1"), ("b", "2"), ("a", "3")] {
            rooms.publish(room, &SharedMessage::text(text), None);
        }
        for _ in 0..taken {
            let (number, _) = rooms.next_for(id(1), false).expect("three wait");
            rooms.took(id(1), number);
        }
        assert!(rooms.leave(id(1), "a") && rooms.leave(id(1), "b"));
        assert!(rooms.has_waiting());
        assert_eq!(take(&mut rooms, id(1)).0, ["1", "2", "3"][taken..]);
        let (_, last) = rooms.waiting_sessions();
        rooms.forget(last);
        assert_eq!((rooms.has_waiting(), rooms.seats.len()), (false, 0));
    }
}

#[test]
fn a_session_floods_with_the_bytes_of_all_copies() {
    let mut rooms = Rooms::default();
    (0..4).for_each(|number| assert!(rooms.join(id(number), "a")));
    let quarter = SharedMessage::binary(&[0; (MAX_COPIED_PER_TURN - MESSAGE_BYTES) / 4 - COPY_BYTES]);
    rooms.publish("a", &quarter, None);
    assert!(!rooms.is_flooded());
    rooms.publish("a", &SharedMessage::text("x"), None);
    assert!(rooms.is_flooded());
    rooms.begin_turn();
    assert!(!rooms.is_flooded());
}

#[test]
fn s15_empty_messages_flood_and_fill_too() {
    let mut rooms = Rooms::default();
    rooms.join(id(1), "a");
    let empty = SharedMessage::text("");
    let count = (1..MAX_WAITING).find(|_| {
        rooms.publish("a", &empty, None);
        rooms.is_flooded()
    });
    assert!(count.is_some_and(|count| (100_000..300_000).contains(&count)), "{count:?}");
    assert!(!rooms.is_full());
    rooms.begin_turn();
    (0..100_000).for_each(|_| assert_eq!(rooms.publish("a", &empty, None), 1));
    assert!(rooms.is_full());
    deliver(&mut rooms, |_, _| {});
    assert_eq!((rooms.is_full(), rooms.waiting_bytes), (false, 0));
    rooms.publish("a", &empty, None);
    rooms.end(id(1));
    assert_eq!((rooms.has_waiting(), rooms.waiting_bytes), (false, 0), "the messages of a room that closes are gone");
}

#[test]
fn s15_the_work_for_a_member_of_many_rooms_is_linear() {
    const ROOMS: usize = 2_000;
    let names: Vec<_> = (0..ROOMS).map(|number| number.to_string()).collect();
    let mut rooms = Rooms::default();
    for name in &names {
        assert!(rooms.join(id(1), name) && rooms.join(id(2), name));
    }
    names.iter().for_each(|name| assert_eq!(rooms.publish(name, &SharedMessage::text(name), None), 2));
    rooms.begin_turn();
    assert_eq!(take(&mut rooms, id(1)), (names.clone(), ROOMS));
    assert!(rooms.copied <= 2 * ROOMS * LOOK_BYTES, "{} bytes", rooms.copied);
    // Nobody has published since.
    rooms.begin_turn();
    assert_eq!((take(&mut rooms, id(1)).1, rooms.copied), (0, 0));
    rooms.forget(rooms.published());
    rooms.publish("7", &SharedMessage::text("again"), None);
    rooms.begin_turn();
    assert_eq!(take(&mut rooms, id(2)).0, ["again"]);
    assert!(rooms.copied <= 2 * LOOK_BYTES, "only the room with a message is looked at: {} bytes", rooms.copied);
}

#[test]
fn s15_a_session_that_has_left_gets_its_messages_though_all_rooms_close() {
    let mut rooms = Rooms::default();
    assert!(rooms.join(id(1), "a") && rooms.join(id(2), "a") && rooms.join(id(1), "b"));
    rooms.publish("a", &SharedMessage::text("to both"), None);
    assert!(rooms.leave(id(1), "a") && rooms.leave(id(2), "a"));
    let mut got = Vec::new();
    let (sessions, last) = rooms.waiting_sessions();
    for session in sessions {
        let id_of_session = rooms.turn_to(session).expect("a message waits");
        got.extend(take(&mut rooms, id_of_session).0);
        rooms.end(id(1));
    }
    rooms.forget(last);
    assert_eq!((got, rooms.has_waiting(), rooms.seats.len()), (vec!["to both".to_owned(); 2], false, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    End(usize),
    Publish(usize, Option<usize>),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (session, room) = (0..5usize, 0..3usize);
    prop_oneof![
        3 => (session.clone(), room.clone()).prop_map(|(session, room)| Step::Join(session, room)),
        1 => (session.clone(), room.clone()).prop_map(|(session, room)| Step::Leave(session, room)),
        1 => session.clone().prop_map(Step::End),
        4 => (room, proptest::option::of(session.clone())).prop_map(|(room, except)| Step::Publish(room, except)),
        2 => session.prop_map(Step::Take),
    ]
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Five sessions and three rooms, and a model that sends every message at once.
#[derive(Default)]
struct Scene {
    rooms: Rooms,
    members: [[bool; 3]; 5],
    expected: [Vec<String>; 5],
    got: [Vec<String>; 5],
    /// The number of messages.
    published: usize,
}

impl Scene {
    fn act(&mut self, step: &Step) {
        match *step {
            Step::Join(session, room) => {
                assert_eq!(self.rooms.join(id(session), NAMES[room]), !self.members[session][room]);
                self.members[session][room] = true;
            }
            Step::Leave(session, room) => {
                assert_eq!(self.rooms.leave(id(session), NAMES[room]), self.members[session][room]);
                self.members[session][room] = false;
            }
            Step::End(session) => {
                self.rooms.end(id(session));
                self.members[session] = [false; 3];
                self.got[session] = self.expected[session].clone();
            }
            Step::Publish(room, except) => self.publish(room, except),
            Step::Take(session) => {
                self.got[session].extend(take(&mut self.rooms, id(session)).0);
                assert_eq!(self.got[session], self.expected[session]);
            }
        }
        for (room, name) in NAMES.into_iter().enumerate() {
            let ids: Vec<_> = (0..5).filter(|session| self.members[*session][room]).map(id).collect();
            assert_eq!(self.rooms.count(name), ids.len());
            assert_eq!(self.rooms.members(name).collect::<Vec<_>>(), ids);
        }
    }

    fn publish(&mut self, room: usize, except: Option<usize>) {
        let to: Vec<_> = (0..5).filter(|session| self.members[*session][room] && Some(*session) != except).collect();
        self.published += 1;
        let message = self.published.to_string();
        let count = self.rooms.publish(NAMES[room], &SharedMessage::text(&message), except.map(id));
        assert_eq!(count, to.len());
        to.into_iter().for_each(|session| self.expected[session].push(message.clone()));
    }

    /// Ends the turn. Each session takes one of the `steps` before it gets its messages.
    fn end_turn(&mut self, steps: &[Step]) {
        let mut steps = steps.iter();
        let (sessions, last) = self.rooms.waiting_sessions();
        for session in sessions {
            let id = self.rooms.turn_to(session);
            if let Some(step) = steps.next() {
                self.act(step);
            }
            if let Some(id) = id {
                self.got[id.key()].extend(take(&mut self.rooms, id).0);
            }
        }
        self.rooms.forget(last);
    }
}

proptest! {
    #[test]
    fn every_session_gets_what_is_published_while_it_is_a_member(
        turns in proptest::collection::vec(proptest::collection::vec(step(), 0..20), 0..6),
        ends in proptest::collection::vec(proptest::collection::vec(step(), 0..4), 6),
        is_in_many in any::<bool>(),
    ) {
        let mut scene = Scene::default();
        if is_in_many {
            let quiet = (0..3 * LOOKS_PER_SEARCH).map(|number| format!("quiet {number}"));
            quiet.for_each(|name| (0..5).for_each(|session| assert!(scene.rooms.join(id(session), &name))));
        }
        for (steps, end) in turns.iter().zip(&ends) {
            steps.iter().for_each(|step| scene.act(step));
            scene.end_turn(end);
        }
        while scene.rooms.has_waiting() {
            scene.end_turn(&[]);
        }
        prop_assert_eq!(&scene.got, &scene.expected);
        (0..5).for_each(|session| scene.rooms.end(id(session)));
        prop_assert_eq!((scene.rooms.rooms.len(), scene.rooms.seats.len()), (0, 0));
    }
}
