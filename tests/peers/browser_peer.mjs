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
const TABLET = { width: 768, height: 1024 };
const PHONE = { width: 360, height: 740 };
const SCHEMES = ["light", "dark"];
const CONTRAST = 4.5; // WCAG 2.1, 1.4.3: at least, for text of this size

let page;
const faults = [];

const OPENED = "client: Open → Requested";
const ACCEPTED = "application: Accept → Open";

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

/** Waits until the page and the server know just this phase. */
async function bothIn(phase) {
  await shows("page-phase", phase);
  await shows("server-phase", phase);
}

const texts = (selector) => page.locator(selector).allTextContents();

/** Runs a check at each width, light and dark. */
async function everywhere(run) {
  for (const [size, viewport] of Object.entries({ desktop: DESKTOP, tablet: TABLET, phone: PHONE })) {
    await page.setViewportSize(viewport);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await run(`${size}-${colorScheme}`);
    }
  }
  await page.setViewportSize(DESKTOP);
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

/** The least contrast of a text on the page with what is behind it, and the text. Runs on the page. */
function leastContrast() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data, (byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return color === "rgba(0, 0, 0, 0)" && element.parentElement ? ground(element.parentElement) : color;
  };
  const contrasts = Array.from(document.querySelectorAll("body *")).flatMap((element) => {
    const text = Array.from(element.childNodes).filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim()).join("");
    const isShown = (text || element.localName === "input") && element.checkVisibility();
    if (!isShown || ["script", "style"].includes(element.localName)) return [];
    const [dark, light] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
    return [[(light + 0.05) / (dark + 0.05), text || element.id]];
  });
  return contrasts.reduce((least, one) => (one[0] < least[0] ? one : least));
}

check("the page connects, and shows both states as they change", async () => {
  await page.goto(`http://${ECHO_ADDRESS}/`);
  await bothIn("Idle");
  await bothShow("–");
  assert.match(await page.textContent("#status"), /^No connection yet: press Connect/);
  assert.equal(await page.getAttribute("#connect", "aria-disabled"), "false");
  await page.click("#connect");
  await bothShow("Connected");
  assert.deepEqual(await data("state"), [
    "client Connected, application Connecting",
    "client Connected, application Connected",
  ]);
});

check("the page shows the phase, the history and the row of the table as the server knows them", async () => {
  await bothIn("Open");
  assert.deepEqual([await page.textContent("#server-client"), await page.textContent("#server-application")], ["Connected", "Connected"]);
  assert.deepEqual(await texts("#history li"), [OPENED, ACCEPTED]);
  assert.equal(await page.textContent("#row-phase"), "Open");
  assert.deepEqual(await texts("#row tbody tr[data-legal=true] td"), [
    ...["Message", "same", "same"], ...["Ping", "same", "same"], ...["Pong", "same", "same"],
    ...["Close", "ClientClosed", "ApplicationClosed"], ...["Abort", "Closed", "Closed"],
  ]);
  assert.deepEqual(await texts("#row tbody tr[data-legal=false] td:first-child"), ["Open", "Accept", "Reject"]);
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

// a button, the phase in which it stays for a while, the history, the code, whether the end is clean, and its cause
for (const [id, pause, history, code, clean, cause] of [
  ["way-server-close", "", [ACCEPTED, "application: Close → ApplicationClosed", "client: Close → Closed"], "4000", "yes", "closed by us"],
  ["way-slow-close", "ClientClosed", [ACCEPTED, "client: Close → ClientClosed", "application: Close → Closed"], "4001", "yes", "closed by the peer"],
  ["way-late", "Requested", [ACCEPTED]],
  ["way-reject", "Requested", ["application: Reject → Closed"], "1006", "no", "answered with 403 Forbidden"],
  ["way-server-abort", "", [ACCEPTED, "application: Abort → Closed"], "1006", "no", "aborted by us"],
  ["way-page-abort", "", ["client: Abort → Closed"], "1006", "no", "transport lost"],
  ["way-violation", "", [ACCEPTED, "application: Abort → Closed"], "1009", "no", "protocol violation"],
  ["way-silence", "Open", [ACCEPTED, "application: Abort → Closed"], "1001", "no", "timed out: next message"],
]) {
  check(`${id} leads where it says, from any phase`, async () => {
    await page.click(`#${id}`);
    if (pause) await bothIn(pause);
    await bothIn(code ? "Closed" : "Open");
    assert.deepEqual(await texts("#history li"), [OPENED, ...history]);
    if (!code) return;
    await shows("final-code", code);
    assert.ok((await page.textContent("#server-end")).includes(cause), await page.textContent("#server-end"));
    const status = await page.textContent("#status");
    assert.ok(status.startsWith(`Ended with ${code}; the server says: ${cause}`), status);
    if (clean === "yes") await shows("final-clean", "yes");
  });
}

check("of two ways at once, the last one counts", async () => {
  await page.click("#way-silence");
  await page.click("#way-late");
  await page.click("#way-server-close");
  await bothIn("Closed");
  await shows("final-code", "4000");
  assert.deepEqual(await texts("#history li"), [OPENED, ACCEPTED, "application: Close → ApplicationClosed", "client: Close → Closed"]);
});

check("readable on a desktop, a tablet and a phone, light and dark", () => everywhere(async (name) => {
  await page.screenshot({ path: `${PEERS_HOME}/${name}.png`, fullPage: true });
  // the longest that there is
  await page.evaluate(() => {
    for (const id of ["page-phase", "server-phase"]) document.getElementById(id).textContent = "ApplicationClosed";
  });
  const [wide, narrow] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= narrow, `${name} scrolls sideways: ${wide} > ${narrow}`);
  const [least, text] = await page.evaluate(leastContrast);
  assert.ok(least >= CONTRAST, `${name}: contrast ${least.toFixed(2)} of "${text}"`);
}));

check("the states stay in sight, and the log is below the controls of a phone", () => everywhere(async (name) => {
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  const [top, shown, below] = await page.evaluate(() => {
    const box = (id) => document.getElementById(id).getBoundingClientRect();
    const { left, top } = box("server-phase");
    return [box("bar").top, document.elementFromPoint(left + 2, top + 2)?.id, box("log").top > box("way-silence").bottom];
  });
  assert.deepEqual([top, shown, below], [0, "server-phase", !name.startsWith("desktop")], name);
}));

check("the keyboard alone is enough", () => everywhere(async (name) => {
  await page.goto(`http://${ECHO_ADDRESS}/`);
  const expected = [
    "path", "protocols", "connect", "text", "send-text", "bytes", "send-bytes", "code", "reason", "close",
    ...(await page.locator(".ways button").evaluateAll((buttons) => buttons.map((button) => button.id))), "log",
  ];
  assert.equal(expected.length, 19);
  const steps = [...expected.map((id) => ["Tab", id]), ...expected.slice(0, -1).reverse().map((id) => ["Shift+Tab", id])];
  for (const [key, id] of steps) {
    await page.keyboard.press(key);
    const [focused, isSeen] = await page.evaluate(() => {
      const { left, top, width } = document.activeElement.getBoundingClientRect();
      const seen = document.elementFromPoint(left + width / 2, top + 5);
      return [document.activeElement.id, document.activeElement.contains(seen)];
    });
    assert.deepEqual([focused, isSeen], [id, true], `${name}: ${key}`);
  }
  await page.focus("#connect");
  await page.keyboard.press("Enter");
  await bothShow("Connected");
  assert.equal(await page.evaluate(() => document.activeElement.id), "connect");
  await page.focus("#close");
  await page.keyboard.press("Space");
  await shows("final-code", "1000");
  await page.focus("#way-late");
  await page.keyboard.press("Enter");
  await bothIn("Requested");
}));

check("each field and button has a name, and what changes is told", async () => {
  const nameless = await page.locator("input, button").evaluateAll((all) =>
    all.filter((one) => !(one.labels?.length === 1 || one.textContent.trim())).map((one) => one.id));
  assert.deepEqual(nameless, []);
  assert.deepEqual([await page.getAttribute("#log", "aria-live"), await page.getAttribute("#status", "role")], ["polite", "status"]);
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
  await shows("server-phase", "unknown");
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
