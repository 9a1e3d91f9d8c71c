//! The demonstration: the page, what the server knows of the page's connection, and ways through the machine.
//!
//! A page draws a name and opens two WebSockets. The one at `/demo/{name}/state` gets each state of the other, as JSON,
//! and takes the commands `close` and `abort` for it. The other is at `/demo/{name}` and the path that the page shows.

use serde_json::json;
use statesocket::{
    Action, CloseReply, Config, Disconnect, Message, Party, Phase, Transition,
    handshake::{Accept, Request, Response},
    http::{StatusCode, header::CONTENT_TYPE},
    server::{Handler, Params, RouteError, Server, Session, SessionId},
};
use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const PAGE: &str = include_str!("page.html");

/// The delay of an answer that the server gives late.
const LATE: Duration = Duration::from_millis(1_500);

/// How long a client may say nothing at `/silence`.
const MAX_SILENCE: Duration = Duration::from_secs(3);

/// A longer message breaks the rule of all connections that are shown, in bytes.
const MAX_MESSAGE: u64 = 64 << 10;

/// The pages that watch a connection, by their names.
#[derive(Clone, Default)]
pub(crate) struct Demo(Arc<Mutex<HashMap<String, Watch>>>);

/// The connection of a page that gets states, and the one that is shown.
struct Watch {
    page: SessionId,
    shown: Option<SessionId>,
}

impl Demo {
    /// Adds the page and its ways.
    pub(crate) fn add_to(&self, server: &mut Server) -> Result<(), RouteError> {
        server.route_http("/", page)?;
        let demo = self.clone();
        server.route("/demo/{name}/state", move || Watcher::new(demo.clone()))?;
        self.show(server, "/late", |_| {}, || Way::AcceptsLate)?;
        self.show(server, "/reject", |_| {}, || Way::Rejects)?;
        self.show(server, "/slow-close", |config| config.close_reply = CloseReply::Manual, || Way::Echoes)?;
        self.show(server, "/silence", |config| config.idle_timeout = Some(MAX_SILENCE), || Way::Echoes)
    }

    /// Adds a path whose connections are shown to the page with their name.
    pub(crate) fn show<H: Handler + 'static>(
        &self,
        server: &mut Server,
        path: &str,
        change: impl FnOnce(&mut Config),
        mut factory: impl FnMut() -> H + 'static,
    ) -> Result<(), RouteError> {
        let demo = self.clone();
        let change = |config: &mut Config| {
            config.max_message_bytes = MAX_MESSAGE;
            change(config);
        };
        let factory = move || Shown { handler: factory(), demo: demo.clone() };
        server.route_with(&format!("/demo/{{name}}{path}"), change, factory)
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Watch>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a connection from now on, instead of the one before.
    fn begin(&self, session: &Session<'_>) {
        self.with(|watches| {
            if let Some(watch) = session.param("name").and_then(|name| watches.get_mut(name)) {
                watch.shown = Some(session.id());
            }
        });
    }

    /// The page to which a connection is shown.
    fn page_of(&self, session: &Session<'_>) -> Option<SessionId> {
        let name = session.param("name")?;
        self.with(|watches| watches.get(name).filter(|watch| watch.shown == Some(session.id())).map(|watch| watch.page))
    }

    /// Tells the page where its connection stands.
    fn tell(&self, session: &Session<'_>) {
        if let Some(page) = self.page_of(session) {
            // The page may have gone.
            let state = state(session.phase(), session.history(), session.disconnected());
            let _ = session.handle().send_text(page, state);
        }
    }
}

/// Where a connection stands: its phase, how it came there, and what may come next.
fn state(phase: Phase, history: &[Transition], end: Option<&Disconnect>) -> String {
    let next = |party, action| phase.next(party, action).map(|next| format!("{next:?}")).ok();
    let row = Action::ALL.map(|action| {
        let [client, application] = [Party::Client, Party::Application].map(|party| next(party, action));
        json!({ "action": format!("{action:?}"), "client": client, "application": application })
    });
    let history = history.iter().map(|step| {
        json!({ "party": step.party.to_string(), "action": format!("{:?}", step.action), "to": format!("{:?}", step.to) })
    });
    let end =
        end.map(|end| json!({ "code": u16::from(end.code), "cause": end.cause.to_string(), "clean": end.is_clean }));
    let state = json!({
        "phase": format!("{phase:?}"),
        "client": format!("{:?}", phase.client_state()),
        "application": format!("{:?}", phase.application_state()),
        "history": history.collect::<Vec<_>>(),
        "row": row,
        "end": end,
    });
    state.to_string()
}

fn page(_: &Request, _: &Params) -> Response {
    let page = Response::new(StatusCode::OK).body(PAGE);
    page.header(CONTENT_TYPE, "text/html; charset=utf-8").expect("not a reserved header")
}

/// A handler whose connection is shown.
struct Shown<H> {
    handler: H,
    demo: Demo,
}

impl<H: Handler> Handler for Shown<H> {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.demo.begin(session);
        self.demo.tell(session);
        self.handler.on_request(session, request);
        self.demo.tell(session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.handler.on_message(session, message);
        self.demo.tell(session);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        self.handler.on_timer(session, token);
        self.demo.tell(session);
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, end: &Disconnect) {
        self.handler.on_disconnect(session, end);
        self.demo.tell(session);
        if session.can(Action::Close)
            && let Some(page) = self.demo.page_of(session)
        {
            // An ended session has no timers. That of the page has.
            let _ = session.handle().notify(page, session.id());
        }
    }
}

/// A handler that leads through the machine in its own way.
enum Way {
    AcceptsLate,
    Rejects,
    Echoes,
}

impl Handler for Way {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        match self {
            Self::AcceptsLate | Self::Rejects => session.set_timer(LATE, 0),
            Self::Echoes => session.accept(Accept::new()).expect("the request has just come"),
        }
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        // The client may have gone: then there is nobody to answer.
        match self {
            Self::Rejects => drop(session.reject(StatusCode::FORBIDDEN)),
            Self::AcceptsLate | Self::Echoes => drop(session.accept(Accept::new())),
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let sent = session.send(message);
        super::close_if_failed(session, sent);
    }
}

/// The connection of a page that gets states.
struct Watcher {
    name: String,
    demo: Demo,
    /// A connection that waits for its answer to the Close of its client.
    waiting: Option<SessionId>,
}

impl Watcher {
    const fn new(demo: Demo) -> Self {
        Self { name: String::new(), demo, waiting: None }
    }

    /// Acts on a connection that is shown, and tells the page.
    fn act(&self, session: &Session<'_>, id: SessionId, act: impl FnOnce(&mut Session<'_>) + Send + 'static) {
        let demo = self.demo.clone();
        // The connection may have ended.
        let _ = session.handle().with_session(id, move |shown| {
            act(shown);
            demo.tell(shown);
        });
    }
}

impl Handler for Watcher {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("the request has just come");
        self.name = session.param("name").expect("the route has it").to_owned();
        let watch = Watch { page: session.id(), shown: None };
        self.demo.with(|watches| watches.insert(self.name.clone(), watch));
        session.send_text(&state(Phase::Idle, &[], None)).expect("nothing is queued");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let shown = self.demo.with(|watches| watches.get(&self.name).and_then(|watch| watch.shown));
        match (message.as_text(), shown) {
            (Some("close"), Some(id)) => self.act(session, id, |shown| shown.ensure_closed(4000, "as the page wished")),
            (Some("abort"), Some(id)) => self.act(session, id, |shown| shown.abort()),
            (Some("close" | "abort"), None) => {}
            _ => session.ensure_closed(1008, "no command"),
        }
    }

    fn on_event(&mut self, session: &mut Session<'_>, id: Box<dyn Any + Send>) {
        self.waiting = id.downcast().ok().map(|id| *id);
        session.set_timer(LATE, 0);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, _: u64) {
        if let Some(id) = self.waiting.take() {
            // The time for the answer may be over.
            self.act(session, id, |shown| _ = shown.reply_close());
        }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        // Another connection may have taken the name.
        self.demo.with(|watches| {
            if watches.get(&self.name).is_some_and(|watch| watch.page == session.id()) {
                watches.remove(&self.name);
            }
        });
    }
}
