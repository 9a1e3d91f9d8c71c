// Compressed messages: npm ws as client and as server of the tool deflate_peer, with sets of parameters; started by
// run. Prints a line "ok - ..." or "not ok - ..." for each check.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { check, runChecks } from "./checks.mjs";

const { DEFLATE_PEER, ECHO_ADDRESS, ECHO_PID, PEERS_HOME } = process.env;
const { WebSocket, WebSocketServer } = createRequire(`${PEERS_HOME}/node/`)("ws");

const MIB = 1 << 20;

// What is asked for: the arguments of deflate_peer, and the options of ws.
const AS_SERVER = [
  ["", {}],
  ["", { clientMaxWindowBits: false }],
  ["--level 1", { clientMaxWindowBits: 10 }],
  ["--level 9 --receive-history 9", {}],
  ["", { serverMaxWindowBits: 15, clientMaxWindowBits: 15 }],
  ["", { serverMaxWindowBits: 10 }],
  ["--threshold 0", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
  ["--send-history 15", { serverMaxWindowBits: 8, clientMaxWindowBits: 8 }],
  ["", { serverNoContextTakeover: true }],
  ["", { clientNoContextTakeover: true }],
  ["", { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 10 }],
  ["--send-history 0 --receive-history 0", {}],
  ["--send-history 15 --receive-history 15", {}],
  ["--send-history 8 --receive-history 8", {}],
  ["--fragments 1000", {}],
];
const AS_CLIENT = [
  ["", {}],
  ["--level 1", { serverMaxWindowBits: 12, clientMaxWindowBits: 12 }],
  ["--level 9", { clientMaxWindowBits: 10 }],
  ["", { clientMaxWindowBits: 9 }],
  ["--send-history 15 --threshold 0", { clientMaxWindowBits: 8 }],
  ["", { serverMaxWindowBits: 15, clientMaxWindowBits: 15 }],
  ["", { serverMaxWindowBits: 10 }],
  ["", { serverMaxWindowBits: 8, clientMaxWindowBits: 8 }],
  ["", { serverNoContextTakeover: true }],
  ["", { clientNoContextTakeover: true }],
  ["", { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 10 }],
  ["--send-history 0 --client-receive-history 0", {}],
  ["--client-receive-history 10", {}],
  ["--send-history 8", {}],
  ["--fragments 1000", {}],
];

// the same numbers in each run
let state = 7;
const random = (n) => (state = (state * 48271) % 2147483647) % n;

function text(size) {
  let out = "";
  while (out.length < size) out += `{"user": "${random(50)}", "text": "hallo ${random(10000)}"}, `;
  return out.slice(0, size);
}

const TEXTS = [0, 1, 31, 100, 100, 1000, 1000, 16_000, 65_536, MIB].map(text);
const NOISE = [1, 1000, 100_000].map((size) => Buffer.from(Array.from({ length: size }, () => random(256))));
const MESSAGES = [...TEXTS, ...TEXTS.slice(0, -1).map((message) => Buffer.from(message)), ...NOISE, Buffer.alloc(MIB)];
const PLAIN = MESSAGES.reduce((sum, message) => sum + message.length, 0);

/** Sends each message, whole and in fragments, and compares the echo; returns the bytes of the echoes. */
async function exchange(ws) {
  const waiting = [];
  ws.on("message", (data, isBinary) => waiting.shift()?.(isBinary ? data : String(data)));
  const closed = once(ws, "close").then(([code]) => assert.fail(`closed with ${code} instead of a message`));
  closed.catch(() => {});
  const echo = async (message, send) => {
    const answer = new Promise((resolve) => waiting.push(resolve));
    send();
    const echoed = await Promise.race([answer, closed]);
    const same = typeof message === "string" ? echoed === message : message.equals(echoed);
    assert.ok(same, `an echo of ${message.length} bytes differs`);
  };
  const before = ws._socket.bytesRead;
  for (const message of MESSAGES) await echo(message, () => ws.send(message));
  const used = ws._socket.bytesRead - before;
  for (const message of [TEXTS[7], Buffer.from(TEXTS[8])]) {
    let pongs = 0;
    ws.on("pong", () => pongs++);
    const pings = Math.ceil(message.length / 7000);
    await echo(message, () => {
      for (let n = 0; n < pings; n++) {
        ws.send(message.slice(n * 7000, (n + 1) * 7000), { fin: n === pings - 1 });
        ws.ping("between");
      }
    });
    ws.ping("last");
    while (pongs <= pings) await once(ws, "pong");
    ws.removeAllListeners("pong");
  }
  // both ends refer to what was before the Pings
  for (const message of TEXTS.slice(3, 6)) await echo(message, () => ws.send(message));
  return used;
}

/** What deflate_peer prints of the agreement that `ws` has. */
function agreed(ws) {
  const { params } = ws._extensions["permessage-deflate"];
  const shown = (end) => {
    const alone = params[`${end}_no_context_takeover`] ? " without context takeover" : "";
    return `${end} ${params[`${end}_max_window_bits`] ?? 15} bits${alone}`;
  };
  return `permessage-deflate: ${shown("client")}, ${shown("server")}`;
}

/** Runs deflate_peer. */
async function tool(args, run) {
  const child = spawn(DEFLATE_PEER, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, "close").then(([status]) => status);
  try {
    await run(async () => (await lines.next()).value, exit);
  } finally {
    child.kill("SIGKILL");
  }
}

// the random bytes, and less than half of the rest
const isShort = (used) => assert.ok(used < 101_100 + (PLAIN - 101_001) / 2, `${used} of ${PLAIN} bytes`);

const named = (options) => Object.entries(options).map(([name, value]) => `${name}=${value}`).join(", ") || "nothing";

for (const [options, params] of AS_SERVER) {
  check(`server ${options || "by default"}, offered ${named(params)}`, () =>
    tool(["serve", ...options.split(" ").filter(Boolean)], async (line) => {
      const url = (await line()).replace("listening on http", "ws");
      const ws = new WebSocket(url, { maxPayload: 0, perMessageDeflate: { threshold: 0, ...params } });
      await once(ws, "open");
      const used = await exchange(ws);
      assert.equal(await line(), agreed(ws));
      isShort(used);
      ws.terminate();
    }));
}

for (const [options, params] of AS_CLIENT) {
  check(`client ${options || "by default"}, answered ${named(params)}`, async () => {
    const perMessageDeflate = { threshold: 0, ...params };
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 0, perMessageDeflate });
    await once(server, "listening");
    const connected = once(server, "connection");
    try {
      const url = `ws://127.0.0.1:${server.address().port}/`;
      await tool(["connect", url, ...options.split(" ").filter(Boolean)], async (line, exit) => {
        const [ws] = await connected;
        const used = await exchange(ws);
        assert.equal(await line(), agreed(ws));
        isShort(used);
        ws.close(1000);
        assert.match(await line(), /1000 \(closed by the peer\)/);
        assert.equal(await exit, 0, "exit status");
      });
    } finally {
      for (const ws of server.clients) ws.terminate();
      server.close();
    }
  });
}

check("many connections with --deflate in turn", async () => {
  const sockets = Array.from({ length: 50 }, () => new WebSocket(`ws://${ECHO_ADDRESS}/echo`, { perMessageDeflate: { threshold: 0 } }));
  await Promise.all(sockets.map((ws) => once(ws, "open")));
  for (let turn = 0; turn < 10; turn++) {
    await Promise.all(sockets.map(async (ws, n) => {
      const message = `${n} ${TEXTS[5]} ${turn}`;
      ws.send(message);
      const [data] = await once(ws, "message");
      assert.equal(String(data), message);
    }));
  }
  for (const ws of sockets) {
    assert.ok(ws._socket.bytesRead < 5000, `${ws._socket.bytesRead} bytes for 10 echoes of 1,000`);
    ws.terminate();
  }
});

check("at SIGTERM the server closes a connection that compresses with 1001", async () => {
  const ws = new WebSocket(`ws://${ECHO_ADDRESS}/echo`);
  await once(ws, "open");
  assert.match(ws.extensions, /^permessage-deflate/);
  ws.send(TEXTS[5]);
  await once(ws, "message");
  process.kill(Number(ECHO_PID), "SIGTERM");
  assert.equal((await once(ws, "close"))[0], 1001);
});

await runChecks("node-deflate");
// anything that a failed check left open must not keep the process alive
process.exit(0);
