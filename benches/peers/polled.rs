//! Implementations with futures: polled by hand, without a runtime, over a stream that never wakes a task.

use crate::{
    driver::{Driver, MAX_BYTES, Refusal, Sample},
    socket::{Socket, Stream},
};
use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket, WebSocketError};
use futures_core::Stream as _;
use futures_sink::Sink;
use std::{
    cell::Cell,
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A read that is dropped loses the bytes that it has read, so that one future reads forever.
pub struct Fast {
    reading: Pin<Box<dyn Future<Output = WebSocketError>>>,
    echo: Rc<Cell<bool>>,
    sender: FragmentCollector<Stream>,
    sample: Sample,
}

impl Fast {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let echo = Rc::new(Cell::new(false));
        let reading = Box::pin(Self::read(Self::collector(&socket), Rc::clone(&socket), Rc::clone(&echo)));
        Self { reading, echo, sender: Self::collector(&socket), sample }
    }

    fn collector(socket: &Rc<Socket>) -> FragmentCollector<Stream> {
        let mut websocket = WebSocket::after_handshake(Stream(Rc::clone(socket)), Role::Server);
        websocket.set_max_message_size(MAX_BYTES);
        FragmentCollector::new(websocket)
    }

    async fn read(
        mut collector: FragmentCollector<Stream>,
        socket: Rc<Socket>,
        echo: Rc<Cell<bool>>,
    ) -> WebSocketError {
        loop {
            let frame = match collector.read_frame().await {
                Ok(frame) => frame,
                Err(error) => return error,
            };
            match frame.opcode {
                OpCode::Text | OpCode::Binary => socket.deliver(frame.opcode == OpCode::Text, &frame.payload),
                _ => continue,
            }
            if echo.get() {
                collector.write_frame(frame).await.expect("it can be written");
            }
        }
    }
}

impl Driver for Fast {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        self.echo.set(echo);
        match poll(self.reading.as_mut()) {
            Poll::Ready(error) => Err(error.to_string()),
            Poll::Pending => Ok(()),
        }
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            let payload = Payload::Borrowed(black_box(&self.sample.payload));
            let frame = if self.sample.is_text { Frame::text(payload) } else { Frame::binary(payload) };
            assert!(matches!(poll(self.sender.write_frame(frame)), Poll::Ready(Ok(()))), "it can be written");
        }
    }
}

pub struct TokioWebsockets {
    socket: Rc<Socket>,
    stream: WebSocketStream<Stream>,
    /// Messages to send back when all are read, since each read flushes the output.
    echoes: Vec<Message>,
    message: Message,
}

impl TokioWebsockets {
    pub fn new(socket: Rc<Socket>, sample: Sample) -> Self {
        let limits = Limits::default().max_payload_len(Some(MAX_BYTES));
        let message = if sample.is_text {
            Message::text(sample.into_text())
        } else {
            Message::binary(Bytes::from(sample.payload))
        };
        let config = Config::default().flush_threshold(64 << 10);
        let stream = ServerBuilder::new().config(config).limits(limits).serve(Stream(Rc::clone(&socket)));
        Self { socket, stream, echoes: Vec::new(), message }
    }

    fn send_one(&mut self, message: Message) {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(())) = Pin::new(&mut self.stream).poll_ready(&mut context) else { panic!("it is ready") };
        Pin::new(&mut self.stream).start_send(message).expect("a message can be sent");
    }

    fn flush(&mut self) {
        let flushed = Pin::new(&mut self.stream).poll_flush(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(flushed, Poll::Ready(Ok(()))), "it can be written");
    }
}

impl Driver for TokioWebsockets {
    fn on_readable(&mut self, echo: bool) -> Result<(), Refusal> {
        let result = loop {
            match Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(message))) => {
                    if !message.is_text() && !message.is_binary() {
                        continue;
                    }
                    self.socket.deliver(message.is_text(), message.as_payload());
                    if echo {
                        self.echoes.push(message);
                    }
                }
                Poll::Ready(Some(Err(error))) => break Err(error.to_string()),
                Poll::Ready(None) | Poll::Pending => break Ok(()),
            }
        };
        if echo {
            let mut echoes = std::mem::take(&mut self.echoes);
            echoes.drain(..).for_each(|message| self.send_one(message));
            self.echoes = echoes;
            self.flush();
        }
        result
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            let message = black_box(&self.message).clone();
            self.send_one(message);
        }
        self.flush();
    }
}
