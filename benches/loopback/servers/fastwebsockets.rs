//! fastwebsockets, as in its example: hyper for the opening handshake, `FragmentCollector`, one write per message. It
//! checks UTF-8 (simdutf8), reserved bits and a limit of 64 MiB per frame; it accepts unmasked frames.

use super::tasks::{run, spawn, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use std::{io, net::TcpListener};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, |stream| upgrade(stream, accept))
}

pub fn accept(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    spawn(echo(upgraded));
    Ok(response)
}

async fn echo(upgraded: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
