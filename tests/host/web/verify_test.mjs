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
  await load(await readFile(`${process.env.PACKAGE}/zkvm_verify.wasm`)); // nothing is there when they begin
  const some = cases.slice(0, 60);
  const answers = await Promise.all(some.map(({ receipt, imageId, securityBits, regime }) =>
    verify(receipt, imageId, { securityBits, regime }).then(({ imageId: id }) => `ok ${id}`, ({ message }) => message)));
  assert.deepEqual(answers, some.map(({ code, imageId, message }) =>
    code === "ok" ? `ok ${Buffer.from(imageId).toString("hex")}` : message.slice(0, 511)));
});

test("arguments that are none", async () => {
  const { receipt, imageId } = good;
  for (const wrong of [null, undefined, 5, "text", [1, 2], {}, new Int8Array(4), new SharedArrayBuffer(4)]) {
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
  assert.equal(error.isOfReceipt, false);
  const most = await refusal(verify(new Uint8Array(MAX_RECEIPT_BYTES), good.imageId));
  assert.equal(most.code, "malformed-receipt");
});

test("memory that ends is an error, and the next call has its own", async () => {
  const code = await readFile(`${process.env.PACKAGE}/zkvm_verify.wasm`);
  const { receipt, imageId, securityBits } = good;
  const asked = (bytes) => verify(bytes, imageId, { securityBits }).then(() => "ok", (error) => error.code);
  const seen = new Set();
  // From what holds no receipt, by what lets the verifier begin (its own `new` fails then), to what is enough. Pages of 64 KiB.
  for (let pages = 18; pages <= 200; pages += 2) {
    await load(limited(code, pages));
    const answers = [await asked(receipt), await asked(new Uint8Array(1)), await asked(receipt)];
    assert.equal(answers[1], "malformed-receipt", `${pages} pages`); // the next call has its own
    for (const answer of [answers[0], answers[2]]) {
      assert(["ok", "out-of-memory"].includes(answer), `${pages} pages: ${answer}`);
      seen.add(answer);
    }
  }
  assert.deepEqual(seen, new Set(["out-of-memory", "ok"]));
  const error = await refusal(verify(new Uint8Array(32 << 20), imageId));
  assert.deepEqual([error.code, error.isOfReceipt], ["out-of-memory", false]);
  assert.equal(await asked(receipt), "ok");
  await load(code);
});

test("a module that traps is an internal error each time, and no verdict", async () => {
  // (module (memory (export "memory") 1) (func (export "_initialize")) (func (export "malloc") unreachable))
  await load(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 3, 2, 0, 0, 5, 3, 1, 0, 1, 7, 33, 3, 6, 109, 101,
    109, 111, 114, 121, 2, 0, 11, 95, 105, 110, 105, 116, 105, 97, 108, 105, 122, 101, 0, 0, 6, 109, 97, 108, 108, 111, 99, 0,
    1, 10, 8, 2, 2, 0, 11, 3, 0, 0, 11]));
  for (let i = 0; i < 3; ++i) {
    const error = await refusal(verify(good.receipt, good.imageId));
    assert.deepEqual([error.code, error.isOfReceipt], ["internal", false]);
  }
  await load(await readFile(`${process.env.PACKAGE}/zkvm_verify.wasm`));
  assert.equal((await verify(good.receipt, good.imageId, { securityBits: good.securityBits })).exitCode, good.proven.exitCode);
});

test("the bytes are those of the call", async () => {
  const { receipt, imageId, securityBits } = good;
  const bytes = new Uint8Array(receipt);
  const first = verify(bytes, imageId, { securityBits });
  bytes.fill(0);
  assert.equal((await first).exitCode, good.proven.exitCode);
  const second = verify(bytes, imageId, { securityBits });
  bytes.set(receipt);
  assert.equal((await refusal(second)).code, "malformed-receipt");
  const growing = new Uint8Array(new ArrayBuffer(4, { maxByteLength: MAX_RECEIPT_BYTES + 1 }));
  const third = verify(growing, imageId);
  growing.buffer.resize(MAX_RECEIPT_BYTES + 1);
  assert.equal((await refusal(third)).code, "malformed-receipt");
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
  assert.equal(await version(), JSON.parse(await readFile(`${process.env.PACKAGE}/package.json`)).version);
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

test("verifications leave no memory behind", async () => {
  const { receipt, imageId, securityBits } = good;
  const code = await readFile(`${process.env.PACKAGE}/zkvm_verify.wasm`);
  const fits = async (pages) => {
    await load(limited(code, pages));
    return verify(receipt, imageId, { securityBits }).then(() => true, () => false);
  };
  let pages = 18;
  while (!(await fits(pages))) ++pages;
  await fits(pages + 16); // and a megabyte for what is kept from the first on
  for (let i = 0; i < 100; ++i) await verify(receipt, imageId, { securityBits });
  const shorter = receipt.subarray(0, receipt.length - 1);
  for (let i = 0; i < 100; ++i) assert.equal((await refusal(verify(shorter, imageId, { securityBits }))).code, "malformed-receipt");
  for (let i = 0; i < 2000; ++i) await blake3(shorter.subarray(0, 100));
  await load(code);
});
