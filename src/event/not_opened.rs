//! The end of a client's connection that has never been open.

use super::Disconnect;
use crate::handshake::Response;

/// The error of `opened` of a driver: the connection of a client has ended before it was open. It converts into its
/// [`Disconnect`], for a program that treats all ends alike.
///
/// ```
/// use statesocket::{Config, blocking::WebSocket, handshake::{Connect, Response}, http::StatusCode};
/// use std::{net::TcpListener, thread};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let connect = Connect::new(&format!("ws://{}/", listener.local_addr()?))?;
/// let server = thread::spawn(move || {
///     let mut ws = WebSocket::server(listener.accept().unwrap().0, Config::default());
///     ws.request().unwrap();
///     let response = Response::new(StatusCode::FORBIDDEN).body("members only");
///     ws.reject(response.header("Server", "a club").unwrap()).unwrap();
///     ws.finish()
/// });
///
/// let mut ws = WebSocket::connect(&connect, Config::default())?;
/// let error = ws.opened().expect_err("the server says no");
/// let response = error.response.expect("the server has answered");
/// assert_eq!((response.status, &response.body[..]), (StatusCode::FORBIDDEN, &b"members only"[..]));
/// assert_eq!(response.headers["server"], "a club");
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Http")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{end}")]
#[non_exhaustive]
pub struct NotOpened {
    /// The end. Its [cause](Disconnect::cause) is [`Rejected`](crate::Cause::Rejected) if the server said no.
    pub end: Disconnect,
    /// The answer that has not opened the connection: of a server that said no, or a 101 that breaks a rule. Its body
    /// has at most [`Config::max_rejection_body_bytes`](crate::Config::max_rejection_body_bytes). `None` if no answer
    /// came, or if an event has handed it out before.
    pub response: Option<Box<Response>>,
}

impl From<NotOpened> for Disconnect {
    fn from(error: NotOpened) -> Self {
        error.end
    }
}
