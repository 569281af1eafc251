// The page of examples/web in a real browser, Debian's Chromium: what it says of files of every kind, by mouse, by keyboard
// alone, to a screen reader; what it asks for, and how it looks (screenshots in SHOTS).
//
//   node --test page_test.mjs      PAGE, SHOTS, CHROMIUM by the environment: tests/host/web/page.sh

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const { PAGE, SHOTS, CHROMIUM } = process.env;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
                ".json": "application/json", ".wasm": "application/wasm" };
const sample = (name) => readFileSync(join(PAGE, "sample", name));
const receipt = sample("digit.zkr"), imageId = sample("image_id").toString().trim();
const changed = Buffer.from(receipt);
changed[changed.length >> 1] ^= 1;

let server, browser, address;
before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  server = createServer((request, response) => {
    // Under a path of its own: nothing of the page may ask for the root.
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname))
      .replace(/^\/some\/place/, "").replace(/\/$/, "/index.html");
    try {
      const body = readFileSync(join(PAGE, path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.on("listening", resolve));
  address = `http://127.0.0.1:${server.address().port}/some/place/`;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(async () => {
  await browser?.close();
  server?.close();
});

// A page on its own, whose errors and foreign requests fail the test.
async function opened(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
  page.on("request", (request) => { if (!request.url().startsWith(address)) wrong.push(`asked for ${request.url()}`); });
  await page.goto(address);
  await page.waitForSelector("#module-status", { state: "hidden" });
  return { page, done: async () => { assert.deepEqual(wrong, []); await context.close(); } };
}

async function verdictOf(page) {
  await page.waitForSelector("#verdict[data-verdict]");
  return page.getAttribute("#verdict", "data-verdict");
}

async function verifyFile(page, buffer, id, name = "a.zkr") {
  await page.setInputFiles("#receipt-input", { name, mimeType: "application/octet-stream", buffer });
  await page.fill("#image-id", id);
  await page.click("#verify-button");
  return verdictOf(page);
}

async function accessible(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(" ")}`), []);
}

test("the sample is valid, and its class is said", async () => {
  const { page, done } = await opened();
  await page.click("#sample-button");
  assert.equal(await verdictOf(page), "valid");
  assert.equal(await page.textContent("#verdict-heading"), "Valid");
  assert.equal(await page.textContent("#proven-image-id"), imageId);
  assert.equal(await page.textContent("#exit-code"), "0");
  assert.match(await page.textContent("#answer"), /(class|number) 4\b/);
  assert.match(await page.textContent("#security-bits"), /^12[89]\.\d bits$/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "verdict-heading");
  const parts = await page.$$eval("#parts-table tbody tr", (rows) => rows.map((row) =>
    Number(row.children[1].textContent.replace(/\D/g, ""))));
  assert.equal(parts.slice(0, -1).reduce((a, b) => a + b, 0), parts.at(-1));
  assert.equal(parts.at(-1), receipt.length);
  await accessible(page);
  await done();
});

for (const [what, file, id, code] of [
  ["a changed byte", changed, imageId, "invalid-receipt"],
  ["another program", receipt, "00".repeat(32), "wrong-program"],
  ["a truncated receipt", receipt.subarray(0, 1000), imageId, "malformed-receipt"],
  ["an empty file", Buffer.alloc(0), imageId, "malformed-receipt"],
  ["no receipt", Buffer.from("<html><script>alert(1)</script>"), imageId, "malformed-receipt"],
]) {
  test(`${what}: not valid, and why`, async () => {
    const { page, done } = await opened();
    assert.equal(await verifyFile(page, file, id), "invalid");
    assert.equal(await page.textContent("#verdict-heading"), "Not valid");
    assert.equal(await page.getAttribute("#error-code", "data-code"), code);
    if (code === "wrong-program") {
      assert.equal(await page.textContent("#error-expected"), id);
      assert.equal(await page.textContent("#error-found"), imageId);
    }
    await accessible(page);
    // The good one after it, in the same page: nothing of the first stays.
    assert.equal(await verifyFile(page, receipt, imageId), "valid");
    assert.equal(await page.$("#error-code"), null);
    await done();
  });
}

test("the receipt of the README's first command shows the digit's class", async () => {
  const { page, done } = await opened();
  await page.setInputFiles("#model-input", { name: "lenet5.model.json", mimeType: "application/json",
                                             buffer: readFileSync(process.env.MNIST_MODEL) });
  assert.equal(await verifyFile(page, readFileSync(process.env.MNIST_RECEIPT), process.env.MNIST_ID), "valid");
  assert.match(await page.textContent("#outputs-table"), /digit[^.]*4/s);
  await page.screenshot({ path: join(SHOTS, "mnist.png"), fullPage: true });
  await done();
});

test("a huge file is refused unread", async () => {
  const { page, done } = await opened();
  await page.fill("#image-id", imageId);
  await page.evaluate((size) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Blob(Array(size >> 24).fill(new Uint8Array(1 << 24))), "x"], "huge.zkr"));
    const input = document.getElementById("receipt-input");
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, 256 * 2 ** 20);
  await page.click("#verify-button");
  assert.equal(await verdictOf(page), "none");
  assert.equal(await page.getAttribute("#error-code", "data-code"), "receipt-too-large");
  await done();
});

test("files are dropped", async () => {
  const { page, done } = await opened();
  const drop = (files, selector) => page.evaluate(([list, to]) => {
    const transfer = new DataTransfer();
    for (const [name, bytes] of list) transfer.items.add(new File([new Uint8Array(bytes)], name));
    const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.querySelector(to).dispatchEvent(event);
    return event.defaultPrevented;
  }, [files.map(([name, bytes]) => [name, [...bytes]]), selector]);
  const both = [["digit.zkr", receipt], ["lenet5.model.json", sample("lenet5.model.json")]];
  assert.equal(await drop(both, "body"), true); // else the browser would leave the page
  assert.equal(await page.isHidden("#receipt-name"), true);
  assert.equal(await drop([both[0], ["b.zkr", changed]], "#drop-zone"), true);
  assert.match(await page.textContent("#receipt-error"), /one receipt/);
  await drop(both, "#drop-zone");
  assert.match(await page.textContent("#receipt-name"), /digit\.zkr/);
  await page.fill("#image-id", `0x${imageId.toUpperCase()}`);
  await page.click("#verify-button");
  assert.equal(await verdictOf(page), "valid");
  assert.match(await page.textContent("#outputs-table"), /logits/);
  await done();
});

test("another model's description is no verdict on the receipt", async () => {
  const { page, done } = await opened();
  await page.setInputFiles("#model-input", { name: "a.json", mimeType: "application/json", buffer: Buffer.from("{}") });
  assert.equal(await verifyFile(page, receipt, imageId), "none");
  assert.equal(await page.getAttribute("#error-code", "data-code"), "wrong-model");
  await page.click("#without-model-button");
  await page.waitForSelector("#verdict[data-verdict=valid]");
  await done();
});

test("the keyboard alone", async () => {
  const { page, done } = await opened();
  await page.setInputFiles("#receipt-input", { name: "a.zkr", mimeType: "", buffer: receipt }); // the system's own dialog
  await page.focus("#receipt-input");
  const visited = [];
  for (let i = 0; i < 12 && visited.at(-1) !== "verify-button"; ++i) {
    await page.keyboard.press("Tab");
    visited.push(await page.evaluate(() => document.activeElement.id));
    if (visited.at(-1) === "image-id") await page.keyboard.type("00".repeat(32));
  }
  assert.deepEqual(visited, ["image-id", "model-input", "verify-button"]);
  await page.keyboard.press("Enter");
  assert.equal(await verdictOf(page), "invalid");
  assert.equal(await page.evaluate(() => document.activeElement.id), "verdict-heading");
  await done();
});

test("fields that are wrong are named, and nothing is checked", async () => {
  const { page, done } = await opened();
  await page.click("#verify-button");
  assert.notEqual(await page.textContent("#receipt-error"), "");
  await page.setInputFiles("#receipt-input", { name: "a.zkr", mimeType: "", buffer: receipt });
  for (const text of ["", "00", "g".repeat(64)]) {
    await page.fill("#image-id", text);
    await page.click("#verify-button");
    assert.notEqual(await page.textContent("#image-id-error"), "", text);
    assert.equal(await page.getAttribute("#image-id", "aria-invalid"), "true");
    assert.equal(await page.$("#verdict-heading"), null);
  }
  await accessible(page);
  await done();
});

test("it works offline once it is loaded", async () => {
  const { page, done } = await opened();
  await page.context().setOffline(true);
  assert.equal(await verifyFile(page, receipt, imageId), "valid");
  assert.equal(await verifyFile(page, changed, imageId), "invalid");
  await done();
});

test("a verifier that is not there is said", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/zkvm_verify.wasm", (route) => route.abort());
  await page.goto(address);
  await page.waitForSelector("#page-error p");
  assert.match(await page.textContent("#page-error"), /cannot be loaded/);
  await context.close();
});

test("light, dark and narrow: looked at, and without a sideways scroll", async () => {
  for (const [name, width, colorScheme] of [["light", 1200, "light"], ["dark", 1200, "dark"], ["narrow", 320, "light"],
                                            ["narrow_dark", 390, "dark"]]) {
    const { page, done } = await opened({ viewport: { width, height: 900 }, colorScheme });
    for (const [state, act] of [["start", async () => {}],
                                ["valid", async () => { await page.click("#sample-button"); await verdictOf(page); }],
                                ["not_valid", () => verifyFile(page, changed, imageId)]]) {
      await act();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert(wide <= width, `${name}, ${state}: ${wide} columns`);
      await accessible(page);
      await page.screenshot({ path: join(SHOTS, `${name}_${state}.png`), fullPage: true });
    }
    await done();
  }
});

test("the first verdict, and how long it took", async (context) => {
  const times = [];
  for (let i = 0; i < 7; ++i) {
    const { page, done } = await opened();
    times.push(await page.evaluate(() => new Promise((resolve) => {
      const verdict = document.getElementById("verdict");
      const begun = performance.now();
      new MutationObserver(() => {
        if (verdict.dataset.verdict === "valid") resolve(performance.now() - begun);
      }).observe(verdict, { attributes: true });
      document.getElementById("sample-button").click();
    })));
    await done();
  }
  times.sort((a, b) => a - b);
  context.diagnostic(`first verdict after a click on the sample: median ${times[3].toFixed(0)} ms, best ${times[0].toFixed(0)} ms`);
  const { page, done } = await opened();
  const loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
  context.diagnostic(`load event after ${loaded.toFixed(0)} ms`);
  await done();
});
