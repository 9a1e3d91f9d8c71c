//! wtx, as in its example: one write per message. It checks UTF-8 (simdutf8), masks, reserved bits except the first,
//! and a limit of 64 MiB per message.

use super::tasks::run;
use std::{io, net::TcpListener};
use tokio::net::TcpStream;
use wtx::{
    collection::Vector,
    web_socket::{OpCode, WebSocketAcceptor, WebSocketPayloadOrigin},
};

pub fn serve(listener: TcpListener) -> io::Result<()> {
    run(listener, echo)
}

async fn echo(stream: TcpStream) -> wtx::Result<()> {
    let mut socket = WebSocketAcceptor::default().accept(stream).await?;
    let (mut common, mut reader, mut writer) = socket.split_mut();
    let mut buffer = Vector::new();
    loop {
        buffer.clear();
        let mut frame = reader.read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive).await?;
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
