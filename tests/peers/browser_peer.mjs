// Headless Chromium drives the page of the echo example, whose server compresses in the second run; started by run.
// Prints a line "ok - ..." or "not ok - ..." for each check and leaves screenshots in $PEERS_HOME.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const { CHROMIUM, ECHO_ADDRESS, ECHO_LOG, ECHO_PID, PEER, PEERS_HOME } = process.env;
const { chromium } = createRequire(`${PEERS_HOME}/browser/`)("playwright-core");

const LIMIT = 20_000; // milliseconds for one check, however slow the machine
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

let page;
const faults = [];

const checks = [];
const check = (name, run) => checks.push([name, run]);

/** Waits until the element shows just this text. */
const shows = (id, text) =>
  page.waitForFunction(([id, text]) => document.getElementById(id).textContent === text, [id, text]);

const entries = (kind) => page.locator(`#log li[data-kind="${kind}"]`);
const data = (kind) => entries(kind).locator(".data").allTextContents();

async function open(path = "/ws", protocols = "") {
  await page.goto(`http://${ECHO_ADDRESS}/`);
  await page.fill("#path", path);
  await page.fill("#protocols", protocols);
  await page.click("#connect");
}

async function bothShow(state) {
  await shows("client-state", state);
  await shows("application-state", state);
}

/** Waits for a line of the server's log that matches all of these. */
async function logged(...patterns) {
  for (let turn = 0; turn < 50; turn++) {
    const lines = readFileSync(ECHO_LOG, "utf8").split("\n");
    if (lines.some((line) => patterns.every((pattern) => pattern.test(line)))) return;
    await sleep(100);
  }
  assert.fail(`no line of ${ECHO_LOG} matches ${patterns.join(" and ")}`);
}

check("the page connects, and shows both states as they change", async () => {
  await page.goto(`http://${ECHO_ADDRESS}/`);
  await bothShow("Connecting");
  await page.click("#connect");
  await bothShow("Connected");
  assert.deepEqual(await data("state"), [
    "client Connected, application Connecting",
    "client Connected, application Connected",
  ]);
});

check("the extensions of a WebSocket, and long messages", async () => {
  const [extensions, same] = await page.evaluate(async (url) => {
    const ws = new WebSocket(url);
    ws.binaryType = "arraybuffer";
    await new Promise((resolve) => (ws.onopen = resolve));
    const echo = (message) => new Promise((resolve) => {
      ws.onmessage = ({ data }) => resolve(data);
      ws.send(message);
    });
    const same = [];
    for (let n = 0; n < 20; n++) {
      const text = `${n} ` + "{\"user\": 7, \"text\": \"héllo\"}, ".repeat(n * n * 100);
      same.push((await echo(text)) === text);
      const bytes = new Uint8Array(await echo(new Uint8Array(n * 3000).map((_, at) => at * at)));
      same.push(bytes.length === n * 3000 && bytes.every((byte, at) => byte === ((at * at) & 255)));
    }
    ws.close();
    return [ws.extensions, same];
  }, `ws://${ECHO_ADDRESS}/echo`);
  const isCompressed = PEER.endsWith("-deflate");
  assert.equal(extensions, isCompressed ? "permessage-deflate; client_max_window_bits=12" : "");
  assert.ok(same.length === 40 && same.every(Boolean), "an echo differs");
  if (isCompressed) await logged(/permessage-deflate: client 12 bits, server 15 bits/);
});

check("text round trip", async () => {
  await page.fill("#text", "héllo 😀");
  await page.press("#text", "Enter");
  await entries("text").nth(1).waitFor();
  assert.deepEqual(await data("text"), ["héllo 😀", "Returned Message: héllo 😀 from Server"]);
  await page.fill("#text", "");
  await page.click("#send-text");
  await entries("text").nth(3).waitFor();
  assert.deepEqual((await data("text")).slice(2), ["", "Returned Message:  from Server"]);
});

check("bytes round trip", async () => {
  await page.fill("#bytes", "00 ff 1080");
  await page.press("#bytes", "Enter");
  await entries("binary").nth(1).waitFor();
  assert.deepEqual(await data("binary"), ["00 ff 10 80 (4 bytes)", "00 ff 10 80 (4 bytes)"]);
});

check("wrong input is named beside its field, and sends nothing", async () => {
  const before = await page.locator("#log li").count();
  for (const [id, value, message] of [
    ["bytes", "0g", /digits/],
    ["bytes", "012", /one is missing/],
    ["code", "999", /1000/],
    ["code", "2999", /1000/],
    ["code", "1e3", /1000/],
    ["reason", "é".repeat(62), /123 bytes.*124/],
    ["protocols", "a b", /a b/],
    ["protocols", "a, a", /twice/],
  ]) {
    await page.fill("#code", "1000");
    await page.fill(`#${id}`, value);
    await page.press(`#${id}`, "Enter");
    assert.match(await page.textContent(`#${id}-error`), message);
    assert.equal(await page.getAttribute(`#${id}`, "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), id);
    await page.fill(`#${id}`, "");
    assert.equal(await page.textContent(`#${id}-error`), "");
  }
  assert.equal(await page.locator("#log li").count(), before);
  assert.equal(await page.textContent("#client-state"), "Connected");
});

check("close 4001 \"bye\": shown by the page, and in the server's log", async () => {
  await page.fill("#code", "4001");
  await page.fill("#reason", "bye");
  await page.press("#reason", "Enter");
  await bothShow("Disconnected");
  assert.deepEqual((await data("state")).slice(2), [
    "client Disconnected, application Connected",
    "client Disconnected, application Disconnected",
  ]);
  await shows("final-code", "4001");
  await shows("final-reason", "bye");
  await shows("final-clean", "yes");
  await logged(/disconnect/i, /4001/, /bye/);
});

check("readable on a desktop and on a phone, light and dark", async () => {
  for (const [name, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${PEERS_HOME}/${name}-${colorScheme}.png`, fullPage: true });
      const [wide, narrow] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= narrow, `${name} scrolls sideways: ${wide} > ${narrow}`);
    }
  }
  await page.setViewportSize(DESKTOP);
});

check("the keyboard alone is enough", async () => {
  await page.goto(`http://${ECHO_ADDRESS}/`);
  const order = [];
  for (let n = 0; n < 12 && order.at(-1) !== "log"; n++) {
    await page.keyboard.press("Tab");
    order.push(await page.evaluate(() => document.activeElement.id));
  }
  assert.deepEqual(order, ["path", "protocols", "connect", "text", "send-text", "bytes", "send-bytes", "code", "reason", "close", "log"]);
  await page.focus("#connect");
  await page.keyboard.press("Enter");
  await bothShow("Connected");
  assert.equal(await page.evaluate(() => document.activeElement.id), "connect");
  await page.focus("#close");
  await page.keyboard.press("Space");
  await shows("final-code", "1000");
});

check("room, query and subprotocol", async () => {
  await open("/ws/lobby?a=b", "superchat, chat");
  await bothShow("Connected");
  await shows("subprotocol", "superchat");
  await page.fill("#text", "hi");
  await page.click("#send-text");
  await entries("text").nth(1).waitFor();
  assert.equal((await data("text"))[1], "Returned Message: hi from Server (room lobby, query a=b)");
  await page.fill("#code", "");
  await page.click("#close");
  await shows("final-code", "1005");
  await shows("final-clean", "yes");
});

check("a rejected path ends with both Disconnected, and another try succeeds", async () => {
  await open("/unknown");
  await bothShow("Disconnected");
  await shows("final-code", "1006");
  await shows("final-clean", "no");
  await page.fill("#path", "/ws");
  await page.click("#connect");
  await bothShow("Connected");
});

check("at SIGTERM the page shows the server's close 1001", async () => {
  await open();
  await bothShow("Connected");
  process.kill(Number(ECHO_PID), "SIGTERM");
  await bothShow("Disconnected");
  await shows("final-code", "1001");
  await shows("final-clean", "yes");
  assert.equal((await data("state")).at(-2), "client Connected, application Connected");
});

check("no script error on the page", async () => assert.deepEqual(faults, []));

// Chromium refuses to run as root inside its sandbox
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath: CHROMIUM, args, timeout: 60_000 });
try {
  page = await (await browser.newContext({ viewport: DESKTOP })).newPage();
  page.setDefaultTimeout(LIMIT);
  page.on("pageerror", (error) => faults.push(String(error)));
  for (const [name, run] of checks) {
    try {
      await run();
      console.log(`ok - ${PEER}: ${name}`);
    } catch (error) {
      console.log(`not ok - ${PEER}: ${name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 300)}`);
    }
  }
} finally {
  await browser.close();
}
