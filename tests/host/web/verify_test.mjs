// The npm package zkvm-verify, as Node has it: of every case of tests/host/verify_cases.h it says what C++ has said.
//
//   node --test tests/host/web/verify_test.mjs      PACKAGE, CASES, GUESTS by the environment: tests/host/web/run.sh

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";

const { blake3, load, MAX_RECEIPT_BYTES, verify, VerifyError, version } = await import(`${process.env.PACKAGE}/index.js`);
const CODES = ["ok", "out-of-memory", "bad-argument", "malformed-receipt", "invalid-receipt", "wrong-program", "insecure"];
const REGIMES = ["unique decoding", "Johnson"];

class Reader {
  constructor(bytes) { this.bytes = bytes; this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length); this.at = 0; }
  take(count) {
    assert(this.at + count <= this.bytes.length);
    return this.bytes.subarray(this.at, (this.at += count));
  }
  u32() { this.at += 4; return this.view.getUint32(this.at - 4, true); }
  i32() { return this.u32() | 0; }
  f64() { this.at += 8; return this.view.getFloat64(this.at - 8, true); }
  slice() { return this.take(this.u32()); }
  text() { return new TextDecoder().decode(this.slice()); }
}

function* casesOf(bytes) {
  const reader = new Reader(bytes);
  assert.equal(new TextDecoder().decode(reader.take(4)), "ZKVC");
  const good = reader.slice();
  const count = reader.u32();
  for (let index = 0; index < count; ++index) {
    const imageId = reader.take(32), securityBits = reader.f64(), regime = ["unique", "johnson"][reader.u32()];
    const prefix = reader.u32(), suffix = reader.u32();
    const receipt = Buffer.concat([good.subarray(0, prefix), reader.slice(), good.subarray(good.length - suffix)]);
    const code = CODES[reader.u32()], message = reader.text();
    const proven = code !== "ok" ? null : {
      exitCode: reader.i32(), securityBits: reader.f64(), regime: REGIMES[reader.u32()], segments: reader.u32(),
      journal: new Uint8Array(reader.slice()), model: Buffer.from(reader.slice()).toString("hex") || null,
    };
    yield { index, imageId, securityBits, regime, receipt, code, message, proven };
  }
  assert.equal(reader.at, bytes.length);
}

const refusal = (promise) => promise.then(() => assert.fail("accepted"), (error) => error);
let cases, good;
before(async () => {
  cases = [...casesOf(await readFile(process.env.CASES))];
  good = cases.find(({ code }) => code === "ok");
});

test("every verdict is that of C++", async () => {
  const seen = new Set();
  for (const { index, imageId, securityBits, regime, receipt, code, message, proven } of cases) {
    seen.add(code);
    if (code === "ok") {
      const found = await verify(receipt, imageId, { securityBits, regime });
      assert.deepEqual({ ...found, ...proven }, found, `case ${index}`);
      assert.equal(found.imageId, Buffer.from(imageId).toString("hex"));
      continue;
    }
    const error = await refusal(verify(receipt, imageId, { securityBits, regime }));
    assert(error instanceof VerifyError, `case ${index}: ${error.stack}`);
    assert.deepEqual([error.code, error.message.slice(0, 500)], [code, message.slice(0, 500)], `case ${index}`);
    assert(error.where.startsWith("receipt") && error.what !== "" && error.isOfReceipt, message);
    if (message.includes(": expected "))
      assert.equal(`${error.where}: ${error.what}: expected ${error.expected}, found ${error.found}`, message);
  }
  assert.deepEqual(seen, new Set(["ok", "malformed-receipt", "invalid-receipt", "wrong-program", "insecure"]));
});

test("calls at once do not disturb each other", async () => {
  const some = cases.slice(0, 60);
  const answers = await Promise.all(some.map(({ receipt, imageId, securityBits, regime }) =>
    verify(receipt, imageId, { securityBits, regime }).then(() => "ok", (error) => error.code)));
  assert.deepEqual(answers, some.map(({ code }) => code));
});

test("arguments that are none", async () => {
  const { receipt, imageId } = good;
  for (const wrong of [null, undefined, 5, "text", [1, 2], {}]) {
    assert((await refusal(verify(wrong, imageId))) instanceof TypeError);
    assert((await refusal(blake3(wrong))) instanceof TypeError);
  }
  for (const wrong of [null, undefined, 5, {}]) assert((await refusal(verify(receipt, wrong))) instanceof TypeError);
  for (const wrong of ["", "0x", "00", "g".repeat(64), "0".repeat(63), ` ${"0".repeat(63)}`, new Uint8Array(31)])
    assert((await refusal(verify(receipt, wrong))) instanceof RangeError);
  for (const options of [{ securityBits: -1 }, { securityBits: NaN }, { securityBits: "128" }, { regime: "Johnson" }])
    assert((await refusal(verify(receipt, imageId, options))) instanceof RangeError);
  assert((await refusal(verify(receipt, imageId, { securityBits: 0, model: 5 }))) instanceof TypeError);
});

test("an image id is bytes or digits", async () => {
  const { receipt, imageId, securityBits } = good;
  const hex = Buffer.from(imageId).toString("hex");
  const expected = await verify(receipt, imageId, { securityBits });
  for (const id of [hex, hex.toUpperCase(), `0x${hex}`, new Uint8Array(imageId).buffer]) {
    const found = await verify(new Uint8Array(receipt).buffer, id, { securityBits });
    assert.deepEqual({ ...found, milliseconds: 0 }, { ...expected, milliseconds: 0 });
    assert(found.milliseconds > 0);
  }
});

test("too large a receipt is refused before it is copied", async () => {
  const error = await refusal(verify(new Uint8Array(MAX_RECEIPT_BYTES + 1), good.imageId));
  assert.equal(error.code, "receipt-too-large");
  const most = await refusal(verify(new Uint8Array(MAX_RECEIPT_BYTES), good.imageId));
  assert.equal(most.code, "malformed-receipt");
});

test("memory that ends is an error, and the next call has its own", async () => {
  const code = await readFile(`${process.env.PACKAGE}/zkvm_verify.wasm`);
  await load(limited(code, 20)); // pages of 64 KiB
  const error = await refusal(verify(new Uint8Array(8 << 20), good.imageId));
  assert.equal(error.code, "out-of-memory");
  assert.equal(error.isOfReceipt, false);
  await load(code);
  assert.equal((await verify(good.receipt, good.imageId, { securityBits: good.securityBits })).exitCode, good.proven.exitCode);
});

// The module with another greatest size of memory: section 5, limits with a maximum.
function limited(code, pages) {
  const out = new Uint8Array(code);
  const leb = (at) => {
    let value = 0, shift = 0, byte;
    do { byte = out[at++]; value += (byte & 127) * 2 ** shift; shift += 7; } while (byte >= 128);
    return [value, at];
  };
  for (let at = 8; at < out.length;) {
    const section = out[at];
    const [length, body] = leb(at + 1);
    if (section === 5) {
      assert.deepEqual([out[body], out[body + 1]], [1, 1]); // one memory, with a maximum
      const [, most] = leb(body + 2);
      const [, end] = leb(most);
      for (let i = most, left = pages; i < end; ++i, left >>= 7) out[i] = (left & 127) | (i + 1 < end ? 128 : 0);
      return out;
    }
    at = body + length;
  }
  return assert.fail("no memory");
}

test("a module that cannot be loaded is said, and another may follow", async () => {
  await assert.rejects(load(new Uint8Array([0, 1, 2, 3])), WebAssembly.CompileError);
  assert.equal(await version(), "0.1.0");
  await assert.rejects(load(new Uint8Array(0)));
  assert.equal(await blake3(new Uint8Array(0)), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
});

test("outputs by the description of the model", async () => {
  const receipt = await readFile(`${process.env.RECEIPTS}/columns.zkr`);
  const { imageId, model, outputs } = JSON.parse(await readFile(`${process.env.RECEIPTS}/columns.json`));
  const found = await verify(receipt, imageId, { model, securityBits: 30 });
  assert.deepEqual(Object.keys(found.outputs), ["sums", "class", "half"]);
  for (const [name, { shape, type, values, dequantised, labels, scale, zero_point: zeroPoint }] of Object.entries(outputs)) {
    const output = found.outputs[name];
    assert.deepEqual([output.shape, output.type, Array.from(output.values)], [shape, type, values]);
    assert.deepEqual(output.labels, labels ?? null);
    assert.deepEqual([output.scale, output.zeroPoint], [scale, zeroPoint ?? 0]);
    const reals = type === "float32" ? values : dequantised;
    assert.deepEqual(output.reals && Array.from(output.reals), reals ?? null);
  }
  assert.deepEqual([found.modelId, found.inputDigest], [null, null]);
  for (const wrong of [`${model} `, "", "{}", new Uint8Array(3)]) {
    const error = await refusal(verify(receipt, imageId, { model: wrong, securityBits: 30 }));
    assert.equal(error.code, "wrong-model");
    assert.equal(error.isOfReceipt, false);
  }
  assert.equal((await verify(receipt, imageId, { securityBits: 30 })).outputs, null);
});

test("two hundred verifications leave no memory behind", async () => {
  const { receipt, imageId, securityBits } = good;
  for (let i = 0; i < 20; ++i) await verify(receipt, imageId, { securityBits });
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 200; ++i) await verify(receipt, imageId, { securityBits });
  assert(process.memoryUsage().rss - before < 48 << 20);
});
