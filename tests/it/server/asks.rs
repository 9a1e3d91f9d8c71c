//! Calls of other threads that want an answer. They wait for a loop that runs, and wake it.

use crate::support::{
    Raw,
    loopback::{
        Calls, LONG, PATIENCE, RawClient, Served, Witness,
        turns::{open, server, turn_until},
    },
};
use statesocket::{
    Config, Message, Phase, SharedMessage,
    server::{Answer, AskError, HandleError, Handler, Server, Session, SessionId},
};
use std::{
    panic::resume_unwind,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

/// A witnessed server with an open client.
fn serve() -> (Served, Calls, RawClient, SessionId) {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let client = served.open();
    let (id, _) = calls.request();
    (served, calls, client, id)
}

/// Keeps the loop busy until the sender is dropped.
fn keep_busy(served: &Served, id: SessionId) -> Sender<()> {
    let (busy, is_busy) = mpsc::channel();
    let (free, is_free) = mpsc::channel::<()>();
    let block = move |_: &mut Session<'_>| {
        busy.send(()).expect("the test is waiting");
        let _ = is_free.recv();
    };
    served.handle.with_session(id, block).expect("the server is running");
    is_busy.recv_timeout(PATIENCE).expect("the loop executes the command");
    free
}

/// Calls `act` on a thread of its own. Fails if it does not return.
fn on_other_thread<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(act()));
    result
}

#[test]
fn s1_who_asks_a_session_gets_its_answer_in_the_order_of_the_commands() {
    let (served, _calls, mut client, id) = serve();
    let mut phase = served.handle.ask(id, |session| (session.id(), session.phase())).expect("the server is running");
    assert_eq!(phase.wait(), Ok((id, Phase::Open)));
    assert_eq!((phase.wait(), phase.try_take()), (Err(AskError::Taken), Err(AskError::Taken)));

    served.handle.send_text(id, "first").expect("the server is running");
    let mut sent = served.handle.ask(id, |session| session.send_text("second")).expect("the server is running");
    served.handle.close(id, 4000, "").expect("the server is running");
    let mut late = served.handle.ask(id, |session| session.send_text("third")).expect("the server is running");
    assert_eq!(sent.wait_timeout(PATIENCE), Ok(Ok(())));
    assert!(late.wait().is_ok_and(|sent| sent.is_err()), "the caller knows that it was not sent");
    assert_eq!([client.frame(), client.frame()], ["first", "second"].map(|text| Raw::new(Raw::TEXT, text)));
    assert_eq!(client.frame(), Raw::close(4000, ""));
}

#[test]
fn s1_many_threads_ask_and_each_gets_its_own_answer() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let sessions = [(); 4].map(|()| (served.open(), calls.request().0));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (handle, id) = (served.handle.blocking(), sessions[thread % 4].1);
            scope.spawn(move || {
                let ask =
                    |number| handle.ask(id, move |session| (session.id(), number)).expect("the server is running");
                let answers: Vec<Answer<_>> = (0..200).map(ask).collect();
                for (number, mut answer) in answers.into_iter().enumerate() {
                    assert_eq!(answer.wait(), Ok((id, number)), "thread {thread}");
                }
            });
        }
    });
}

#[test]
fn s1_who_asks_an_ended_session_or_a_stranger_is_told() {
    let (served, calls, mut client, id) = serve();
    let (_other, _calls, _client, stranger) = serve();
    let mut answer = served.handle.ask(stranger, |_| panic!("not a session of this server")).expect("it is running");
    assert_eq!(answer.wait_timeout(PATIENCE), Err::<(), _>(AskError::Gone));
    client.send(Raw::close(1000, ""));
    client.assert_closed(1000);
    drop(client);
    calls.end();
    let ended = Instant::now() + PATIENCE;
    // The end has been told. The socket is closed a moment later.
    while served.handle.ask(id, |session| session.phase()).expect("it is running").wait_timeout(PATIENCE)
        != Err(AskError::Gone)
    {
        assert!(Instant::now() < ended, "the session does not end");
    }
}

#[test]
fn s1_s6_a_closure_that_panics_is_told_apart_and_ends_only_its_session() {
    let (served, calls, mut client, id) = serve();
    let mut other = served.open();
    calls.request();
    let give_up = |_: &mut Session<'_>| -> u8 { resume_unwind(Box::new("this is what the test is about")) };
    let mut answer = served.handle.ask(id, give_up).expect("the server is running");
    assert_eq!([(); 2].map(|()| answer.wait_timeout(PATIENCE)), [Err(AskError::Panicked); 2]);
    assert_eq!(client.frame(), Raw::close(1011, ""));
    other.echo("still here");
}

#[test]
fn s1_nobody_waits_for_a_server_that_stops_or_is_dropped() {
    let (mut served, _calls, _client, id) = serve();
    let busy = keep_busy(&served, id);
    served.handle.stop().expect("the server is running");
    let asked = [(); 8].map(|()| {
        let mut answer = served.handle.ask(id, |_| panic!("the session is aborted before")).expect("it is running");
        on_other_thread(move || answer.wait())
    });
    drop(busy);
    for result in asked {
        let result: Result<(), _> = result.recv_timeout(PATIENCE).expect("nobody waits for ever");
        assert!(matches!(result, Err(AskError::Gone | AskError::Stopped)), "{result:?}");
    }
    served.wait_for_end();
    assert_eq!(served.handle.ask(id, |session| session.phase()).map(|_| ()), Err(HandleError::Stopped));

    let mut server = server(Config::default());
    let (_client, mut ids) = (open(&mut server), Vec::new());
    server.for_each(|session| ids.push(session.id()));
    let (handle, id) = (server.handle(), ids[0]);
    let (asked, is_asked) = mpsc::channel();
    let result = on_other_thread(move || {
        let mut answer = handle.ask(id, |_| panic!("the server makes no turn")).expect("the server is there");
        asked.send(()).expect("the test is waiting");
        answer.wait()
    });
    is_asked.recv_timeout(PATIENCE).expect("the thread asks");
    drop(server);
    let result: Result<(), _> = result.recv_timeout(PATIENCE).expect("nobody waits for ever");
    assert_eq!(result, Err(AskError::Stopped));
}

#[test]
fn s1_who_has_waited_long_enough_may_wait_again() {
    let (served, _calls, _client, id) = serve();
    let busy = keep_busy(&served, id);
    let mut answer = served.handle.ask(id, |session| session.id()).expect("the server is running");
    assert_eq!(
        (answer.try_take(), answer.wait_timeout(Duration::from_millis(20))),
        (Err(AskError::Pending), Err(AskError::Pending))
    );
    drop(busy);
    assert_eq!((answer.wait_timeout(PATIENCE), answer.try_take()), (Ok(id), Err(AskError::Taken)));
}

#[test]
fn s17_asks_count_among_the_commands_that_wait() {
    let (served, _calls, _client, id) = serve();
    let busy = keep_busy(&served, id);
    // Most of the limit, and a closure of 64 KiB with what a command counts itself.
    served.handle.broadcast([], SharedMessage::binary(&[7; 31 << 20])).expect("there is room");
    let large = [7u8; 64 << 10];
    let mut asked = Vec::new();
    let error = loop {
        match served.handle.ask(id, move |_| large.len()) {
            Ok(answer) => asked.push(answer),
            Err(error) => break error,
        }
    };
    assert_eq!((error, asked.len(), served.handle.queued_commands()), (HandleError::Full, 15, 16));
    drop(busy);
    assert!(asked.iter_mut().all(|answer| answer.wait() == Ok(64 << 10)));
}

/// Asks itself and others, which a handler cannot wait for.
struct Asking {
    results: Sender<[Result<Phase, AskError>; 3]>,
}

impl Handler for Asking {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        let mut answer = session.handle().ask(session.id(), |session| session.phase()).expect("the server is running");
        let waited = [answer.wait(), answer.wait_timeout(LONG)];
        // This has the commands before it executed.
        session.send_text("asked").expect("the session is open");
        self.results.send([waited[0], waited[1], answer.wait()]).expect("the test is waiting");
    }
}

#[test]
fn s1_the_thread_of_the_loop_does_not_wait_for_itself() {
    let (results, result) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/ws", move || Asking { results: results.clone() }).expect("the route is new");
    });
    let mut client = served.open();
    client.send(Raw::new(Raw::TEXT, "go"));
    let on_loop = Err(AskError::OnLoop);
    assert_eq!(result.recv_timeout(PATIENCE), Ok([on_loop, on_loop, Ok(Phase::Open)]));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "asked"));

    let mut server = server(Config::default());
    let (_client, mut ids) = (open(&mut server), Vec::new());
    server.for_each(|session| ids.push(session.id()));
    let mut answer = server.handle().ask(ids[0], |session| session.id()).expect("the server is running");
    assert_eq!((answer.wait(), answer.try_take()), (Err(AskError::OnLoop), Err(AskError::Pending)));
    turn_until(&mut server, |server: &Server| server.handle().queued_commands() == 0);
    assert_eq!(answer.wait(), Ok(ids[0]));
}

/// An answer that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("this is what the test is about"));
    }
}

#[test]
fn s1_an_answer_that_nobody_wants_harms_no_other_session() {
    let (served, calls, mut client, id) = serve();
    let mut other = served.open();
    calls.request();
    let busy = keep_busy(&served, id);
    drop(served.handle.ask(id, |session| session.send_text("called nevertheless").is_ok()).expect("it is running"));
    drop(served.handle.ask(id, |_| Bomb).expect("the server is running"));
    drop(busy);
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "called nevertheless"));
    other.echo("still here");
}
