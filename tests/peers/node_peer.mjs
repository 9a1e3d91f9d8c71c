// npm ws as client of the echo example, and as server of the client example, or as client of the tokio_echo example;
// started by run. Prints a line "ok - ..." or "not ok - ..." for each check.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { LIMIT, check, runChecks } from "./checks.mjs";

const { ECHO_ADDRESS, ECHO_PID, CLIENT, PEER, PEERS_HOME } = process.env;
const { WebSocket, WebSocketServer } = createRequire(`${PEERS_HOME}/node/`)("ws");

const MIB = 1 << 20;
const TEXT_MIB = "aé€😀xyzuvw".repeat(65536);
const BYTES_MIB = Buffer.from(Array.from({ length: MIB }, (_, n) => n % 251));

// what the client example says on its standard error
const log = createWriteStream(`${PEERS_HOME}/client-node.log`);

// tokio_echo returns messages unchanged at every path, and has no page.
const isTokio = PEER === "node-tokio";
const returned = (text, room = "") => isTokio ? text : `Returned Message: ${text} from Server${room}`;

/** A WebSocket whose events can be awaited in the order in which they came. */
class Peer {
  static async open(path, protocols = []) {
    const peer = new Peer(new WebSocket(`ws://${ECHO_ADDRESS}${path}`, protocols, { maxPayload: 0, handshakeTimeout: LIMIT }));
    await once(peer.ws, "open");
    return peer;
  }

  constructor(ws) {
    this.ws = ws;
    this.messages = [];
    this.waiting = [];
    this.closed = new Promise((resolve) => ws.on("close", (code, reason) => resolve({ code, reason: String(reason) })));
    ws.on("error", () => {}); // "close" follows and is checked
    ws.on("upgrade", (response) => (this.response = response));
    ws.on("message", (data, isBinary) => {
      const message = isBinary ? data : String(data);
      this.waiting.length ? this.waiting.shift()(message) : this.messages.push(message);
    });
  }

  receive() {
    if (this.messages.length) return this.messages.shift();
    const next = new Promise((resolve) => this.waiting.push(resolve));
    return Promise.race([next, this.closed.then(({ code }) => assert.fail(`closed with ${code} instead of a message`))]);
  }

  async close(...args) {
    this.ws.close(...args);
    return this.closed;
  }
}

check("text and binary round trip on /ws", async () => {
  const peer = await Peer.open("/ws");
  peer.ws.send("héllo 😀");
  assert.equal(await peer.receive(), returned("héllo 😀"));
  peer.ws.send(Buffer.from([0, 255, 16]));
  assert.deepEqual(await peer.receive(), Buffer.from([0, 255, 16]));
  assert.equal((await peer.close(1000)).code, 1000);
});

check("/ws/{room_id} names the room and the raw query", async () => {
  for (const [path, rest] of [["/ws/lobby?a=b&c=%20d", " (room lobby, query a=b&c=%20d)"], ["/ws/42", " (room 42)"]]) {
    const peer = await Peer.open(path);
    peer.ws.send("hi");
    assert.equal(await peer.receive(), returned("hi", rest));
    await peer.close();
  }
}, !isTokio);

check("empty messages", async () => {
  const peer = await Peer.open("/echo");
  peer.ws.send("");
  assert.equal(await peer.receive(), "");
  peer.ws.send(Buffer.alloc(0));
  assert.deepEqual(await peer.receive(), Buffer.alloc(0));
  await peer.close();
});

check("1 MiB of text and of bytes", async () => {
  assert.equal(Buffer.byteLength(TEXT_MIB), MIB);
  const peer = await Peer.open("/echo");
  peer.ws.send(TEXT_MIB);
  assert.ok((await peer.receive()) === TEXT_MIB, "the text differs");
  peer.ws.send(BYTES_MIB);
  assert.ok(BYTES_MIB.equals(await peer.receive()), "the bytes differ");
  await peer.close();
});

check("fragmented text, a code point split over the fragments", async () => {
  const peer = await Peer.open("/echo");
  const octets = Buffer.from("a😀b€");
  octets.forEach((octet, n) => peer.ws.send(Buffer.from([octet]), { binary: false, fin: n === octets.length - 1 }));
  assert.equal(await peer.receive(), "a😀b€");
  await peer.close();
});

check("fragmented bytes, with a ping between the fragments", async () => {
  const peer = await Peer.open("/echo");
  const pong = once(peer.ws, "pong");
  peer.ws.send(BYTES_MIB.subarray(0, 70000), { fin: false });
  peer.ws.ping("between");
  peer.ws.send(Buffer.alloc(0), { fin: false });
  peer.ws.send(BYTES_MIB.subarray(70000, 70001), { fin: true });
  assert.equal(String((await pong)[0]), "between");
  assert.ok(BYTES_MIB.subarray(0, 70001).equals(await peer.receive()), "the bytes differ");
  await peer.close();
});

check("a ping with payload gets its pong", async () => {
  const peer = await Peer.open("/ws");
  for (const payload of ["", "payload", "x".repeat(125)]) {
    const pong = once(peer.ws, "pong");
    peer.ws.ping(payload);
    assert.equal(String((await pong)[0]), payload);
  }
  await peer.close();
});

check("subprotocol: the first of the offers that the server lists", async () => {
  for (const [offer, chosen] of [[["chat"], "chat"], [["superchat", "chat"], "superchat"], [["unknown", "chat"], "chat"]]) {
    const peer = await Peer.open("/ws", offer);
    assert.equal(peer.ws.protocol, chosen);
    await peer.close();
  }
  const none = await Peer.open("/ws");
  assert.equal("sec-websocket-protocol" in none.response.headers, false);
  await none.close();
}, !isTokio);

check("no subprotocol in common: the answer names none, which ws refuses", async () => {
  const ws = new WebSocket(`ws://${ECHO_ADDRESS}/ws`, ["unknown"]);
  let headers;
  ws.on("upgrade", (response) => (headers = response.headers));
  const [error] = await once(ws, "error");
  assert.match(error.message, /no subprotocol/i);
  assert.equal("sec-websocket-protocol" in headers, false);
});

check("an unknown path is rejected with 404", async () => {
  const ws = new WebSocket(`ws://${ECHO_ADDRESS}/unknown`);
  ws.on("error", () => {});
  const [, response] = await once(ws, "unexpected-response");
  assert.equal(response.statusCode, 404);
  ws.terminate();
}, !isTokio);

check("a plain GET is answered with 426 and Upgrade: websocket", async () => {
  const [response] = await once(http.get(`http://${ECHO_ADDRESS}/ws`, { agent: false }), "response");
  response.resume();
  assert.equal(response.statusCode, 426);
  assert.equal(response.headers.upgrade.toLowerCase(), "websocket");
});

check("closes by the client: 1000, 1001, 3000, 4999 with a reason", async () => {
  for (const [code, reason] of [[1000, ""], [1001, ""], [3000, "três"], [4999, "r".repeat(123)]]) {
    const peer = await Peer.open("/ws");
    peer.ws.send("hi");
    await peer.receive();
    const start = performance.now();
    assert.equal((await peer.close(code, reason)).code, code);
    assert.ok(performance.now() - start < 4000, "the server left the socket open");
  }
});

check("a close without a code is answered with one without a code (1005)", async () => {
  const peer = await Peer.open("/ws");
  assert.equal((await peer.close()).code, 1005);
});

check("200 connections at once", async () => {
  // all are open before any of them speaks
  const peers = await Promise.all(Array.from({ length: 200 }, (_, n) => Peer.open(`/ws/${n}`)));
  await Promise.all(peers.map(async (peer, n) => {
    for (let turn = 0; turn < 3; turn++) {
      peer.ws.send(`${turn}`);
      assert.equal(await peer.receive(), returned(`${turn}`, ` (room ${n})`));
    }
    assert.equal((await peer.close(1000)).code, 1000);
  }));
});

check("50 messages in one go, answered in order", async () => {
  const peer = await Peer.open("/ws");
  peer.ws._socket.cork();
  for (let n = 0; n < 50; n++) peer.ws.send(`${n}`);
  peer.ws._socket.uncork();
  for (let n = 0; n < 50; n++) assert.equal(await peer.receive(), returned(`${n}`));
  await peer.close();
});

/** Runs the client example against a server whose connections go to `serve`. */
async function program({ serve, args = [], server: options = {} }, run) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 0, ...options });
  await once(server, "listening");
  const connected = once(server, "connection").then(([ws, request]) => {
    const peer = new Peer(ws);
    serve?.(ws);
    return { peer, request };
  });
  const child = spawn(CLIENT, [`ws://127.0.0.1:${server.address().port}/room?a=b`, ...args]);
  child.stderr.pipe(log, { end: false });
  child.stdin.on("error", () => {}); // the client may end before it has read everything
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, "close").then(([status]) => status);
  try {
    await run({
      connected,
      exit,
      say: (line) => child.stdin.write(`${line}\n`),
      hear: async () => (await lines.next()).value,
      endInput: () => child.stdin.end(),
    });
  } finally {
    child.kill("SIGKILL");
    for (const ws of server.clients) ws.terminate();
    server.close();
  }
}

const echo = (ws) => ws.on("message", (data, binary) => ws.send(data, { binary }));

check("client example: lines both ways, request as asked for, close 1000 at the end of input", () =>
  program({ serve: echo, args: ["--subprotocol", "chat", "--header", "X-Test: 1"] }, async (client) => {
    const { peer, request } = await client.connected;
    assert.equal(request.url, "/room?a=b");
    assert.equal(request.headers["x-test"], "1");
    assert.equal(peer.ws.protocol, "chat");
    for (const line of ["hello", "héllo 😀", "", "x".repeat(100_000)]) {
      client.say(line);
      assert.equal(await client.hear(), line);
    }
    client.endInput();
    assert.equal((await peer.closed).code, 1000);
    assert.equal(await client.exit, 0, "exit status");
  }), !isTokio);

check("client example: --close-code and --close-reason", () =>
  program({ serve: echo, args: ["--close-code", "4001", "--close-reason", "bye"] }, async (client) => {
    client.say("hello");
    assert.equal(await client.hear(), "hello");
    client.endInput();
    const { peer } = await client.connected;
    assert.deepEqual(await peer.closed, { code: 4001, reason: "bye" });
    assert.equal(await client.exit, 0, "exit status");
  }), !isTokio);

check("client example: 1 MiB, fragments and pings from the server", () =>
  program({}, async (client) => {
    const { peer } = await client.connected;
    peer.ws.send(TEXT_MIB);
    const octets = Buffer.from("a😀b€");
    octets.forEach((octet, n) => peer.ws.send(Buffer.from([octet]), { binary: false, fin: n === octets.length - 1 }));
    const pong = once(peer.ws, "pong");
    peer.ws.ping("payload");
    peer.ws.send("done");
    assert.ok((await client.hear()) === TEXT_MIB, "the text differs");
    assert.equal(await client.hear(), "a😀b€");
    assert.equal(await client.hear(), "done");
    assert.equal(String((await pong)[0]), "payload");
    client.endInput();
    assert.equal((await peer.closed).code, 1000);
    assert.equal(await client.exit, 0, "exit status");
  }), !isTokio);

check("client example: exit status by the way the connection ended", async () => {
  const ends = [
    [(ws) => ws.close(1000), 0],
    [(ws) => ws.close(1001), 1],
    [(ws) => ws.close(1011, "server"), 1],
    [(ws) => ws.close(4000), 1],
    [(ws) => ws.terminate(), 1],
  ];
  for (const [serve, status] of ends) {
    // its input stays open: the connection alone must end it
    await program({ serve }, async (client) => assert.equal(await client.exit, status, `exit status after ${serve}`));
  }
}, !isTokio);

check("client example: status 2 when it cannot connect", async () => {
  const verifyClient = (_, answer) => answer(false, 404);
  await program({ server: { verifyClient } }, async (client) => assert.equal(await client.exit, 2, "exit status after 404"));
  // a port that was free a moment ago
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  free.close();
  await once(free, "close");
  const child = spawn(CLIENT, [`ws://127.0.0.1:${port}/`], { stdio: "ignore" });
  assert.equal((await once(child, "close"))[0], 2, "exit status when refused");
}, !isTokio);

check("at SIGTERM the server closes all connections with 1001", async () => {
  const peers = await Promise.all(["/ws", "/ws/room", "/echo"].map((path) => Peer.open(path)));
  for (const peer of peers) {
    peer.ws.send("hi");
    await peer.receive();
  }
  process.kill(Number(ECHO_PID), "SIGTERM");
  for (const peer of peers) assert.equal((await peer.closed).code, 1001);
});

await runChecks(PEER);
// anything that a failed check left open must not keep the process alive
process.exit(0);
