// See index.d.ts.

export const MAX_RECEIPT_BYTES = 64 * 2 ** 20;
const KEPT_BYTES = 64 * 2 ** 20; // an instance that has grown beyond is not kept: its memory never shrinks

const REGIMES = ["unique", "johnson"]; // by their numbers in host/zkvm_verify_c.h
const ARRAYS = [["int8", Int8Array], ["uint8", Uint8Array], ["int32", Int32Array], ["float32", Float32Array]];
const OF_RECEIPT = new Set(["malformed-receipt", "invalid-receipt", "wrong-program", "insecure"]);
const MESSAGE_BYTES = 512;
const OPTIONS_BYTES = 16;
const OUTPUT_BYTES = 44;

export class VerifyError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "VerifyError";
    this.code = code;
    this.isOfReceipt = OF_RECEIPT.has(code);
    // PLACE: PLACE: WHAT, or PLACE: WHAT: expected THIS, found THAT.
    const told = /^(?:(.*?): )?expected (.*), found (.*)$/s.exec(message);
    const place = told ? told[1] ?? "" : message;
    const end = place.lastIndexOf(": ");
    this.where = end < 0 ? "" : place.slice(0, end);
    this.what = end < 0 ? place : place.slice(end + 2);
    this.expected = told ? told[2] : null;
    this.found = told ? told[3] : null;
  }
}

class OutOfMemory extends Error {}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // a name may begin with that character
let loading = null; // the module, a promise
let ready = null; // an instance of it, a promise

async function compiled(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (source !== undefined) return WebAssembly.compile(bytesOf(source, "source"));
  const url = new URL("./zkvm_verify.wasm", import.meta.url);
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const files = "node:fs/promises"; // not a literal: bundlers for browsers would look for it
    const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ files);
    return WebAssembly.compile(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`zkvm_verify.wasm: expected the file, found HTTP status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer()); // of any MIME type
}

function moduleOf(source) {
  if (source !== undefined || loading === null) {
    const promise = compiled(source);
    loading = promise;
    ready = null;
    promise.catch(() => { if (loading === promise) loading = null; }); // the next call tries again
  }
  return loading;
}

export async function load(source) {
  await moduleOf(source);
}

async function made() {
  const module = await moduleOf();
  // Of the system nothing is there, and nothing is asked for but where something has gone wrong.
  const system = new Proxy({}, { get: (_, name) => name === "proc_exit" ? () => { throw new Error("exit"); } : () => 52 });
  try {
    const { exports } = await WebAssembly.instantiate(module, {
      wasi_snapshot_preview1: system,
      zkvm: { out_of_memory: () => { throw new OutOfMemory(); } },
    });
    exports._initialize();
    return { exports, isSpent: false };
  } catch (error) {
    throw typed(error);
  }
}

// One that all calls share, each from its first step to its last without a pause. After a trap there is another.
async function instance() {
  for (;;) {
    const current = ready ??= made();
    const found = await current.catch((error) => {
      if (ready === current) ready = null;
      throw error;
    });
    if (!found.isSpent) return found;
    if (ready === current) ready = null;
  }
}

// Of what is thrown behind the checks of arguments.
function typed(error) {
  if (error instanceof VerifyError) return error;
  if (error instanceof OutOfMemory || error instanceof RangeError)
    return new VerifyError("out-of-memory", "memory: expected more, found none");
  return new VerifyError("internal", `the verifier failed: ${error.message}`);
}

async function using(work) {
  const used = await instance();
  try {
    return work(new Face(used.exports));
  } catch (error) {
    used.isSpent = !(error instanceof VerifyError);
    throw typed(error);
  } finally {
    used.isSpent ||= used.exports.memory.buffer.byteLength > KEPT_BYTES;
  }
}

// The memory of an instance. Views are made anew for each use: they end where it grows.
class Face {
  constructor(exports) { this.exports = exports; }
  get view() { return new DataView(this.exports.memory.buffer); }
  u32(at) { return this.view.getUint32(at, true); }
  i32(at) { return this.view.getInt32(at, true); }
  bytes(at, count) { return new Uint8Array(this.exports.memory.buffer, at, count).slice(); }
  hex(at) { return at === 0 ? null : hexOf(this.bytes(at, 32)); }
  text(at) {
    if (at === 0) return null;
    const all = new Uint8Array(this.exports.memory.buffer, at);
    return decoder.decode(all.slice(0, all.indexOf(0)));
  }
  allocate(count) {
    const at = this.exports.malloc(Math.max(1, count));
    if (at === 0) throw new OutOfMemory();
    return at;
  }
  copy(bytes) {
    const at = this.allocate(bytes.length);
    new Uint8Array(this.exports.memory.buffer).set(bytes, at);
    return at;
  }
  check(code, message) {
    if (code !== 0) throw new VerifyError(this.text(this.exports.zkvm_code_name(code)), this.text(message));
  }
}

function bytesOf(value, what) {
  const kind = Object.prototype.toString.call(value); // of another realm, too
  if (kind === "[object Uint8Array]") return new Uint8Array(value.buffer, value.byteOffset, value.length);
  if (kind === "[object ArrayBuffer]") return new Uint8Array(value);
  throw new TypeError(`${what}: expected a Uint8Array or an ArrayBuffer, found ${value === null ? "null" : typeof value}`);
}

function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function imageIdOf(value) {
  if (typeof value !== "string") {
    const bytes = bytesOf(value, "image id");
    if (bytes.length !== 32) throw new RangeError(`image id: expected 32 bytes, found ${bytes.length}`);
    return bytes.slice();
  }
  const digits = value.replace(/^0x/i, "");
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new RangeError(`image id: expected 64 hex digits, found ${JSON.stringify(value)}`);
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

function optionsOf(options) {
  const { securityBits = 128, regime = "johnson", model } = { __proto__: null, ...options };
  if (typeof securityBits !== "number" || !(securityBits >= 0)) throw new RangeError("securityBits: expected a number from 0 on");
  if (!REGIMES.includes(regime)) throw new RangeError(`regime: expected one of ${REGIMES.join(", ")}`);
  const text = typeof model === "string" ? new TextEncoder().encode(model) : model;
  return { securityBits, regime, model: text === undefined || text === null ? null : bytesOf(text, "model").slice() };
}

export async function verify(receipt, imageId, options) {
  const given = bytesOf(receipt, "receipt");
  const id = imageIdOf(imageId);
  const wanted = optionsOf(options);
  if (given.length > MAX_RECEIPT_BYTES) {
    throw new VerifyError("receipt-too-large", `receipt: size: expected at most ${MAX_RECEIPT_BYTES} bytes, found ${given.length}`);
  }
  const bytes = given.slice(); // the caller may change them before the verifier runs
  return using((face) => {
    const begun = performance.now();
    const result = verifyIn(face, bytes, id, wanted);
    result.milliseconds = performance.now() - begun;
    return result;
  });
}

function verifyIn(face, receipt, id, { securityBits, regime, model }) {
  const { exports } = face;
  const given = [];
  const put = (bytes) => { given.push(face.copy(bytes)); return given.at(-1); };
  const message = put(new Uint8Array(MESSAGE_BYTES));
  const out = put(new Uint8Array(4));
  const options = put(new Uint8Array(OPTIONS_BYTES));
  face.view.setFloat64(options, securityBits, true);
  face.view.setInt32(options + 8, REGIMES.indexOf(regime), true);
  let proven = 0;
  let outputs = 0;
  try {
    face.check(exports.zkvm_verify(put(receipt), receipt.length, put(id), options, out, message), message);
    proven = face.u32(out);
    const result = verificationAt(face, proven, id);
    if (model !== null) {
      face.check(exports.zkvm_read_outputs(proven, put(model), model.length, out, message), message);
      outputs = face.u32(out);
      Object.assign(result, outputsAt(face, outputs));
    }
    return result;
  } finally {
    exports.zkvm_outputs_free(outputs);
    exports.zkvm_verification_free(proven);
    for (const at of given) exports.free(at);
  }
}

function verificationAt(face, at, id) {
  const regime = face.i32(at + 20);
  return {
    imageId: hexOf(id),
    exitCode: face.i32(at + 16),
    journal: face.bytes(face.u32(at), face.u32(at + 4)),
    securityBits: face.view.getFloat64(at + 8, true),
    regime: face.text(face.exports.zkvm_regime_name(regime)),
    assumption: face.text(face.exports.zkvm_regime_assumption(regime)),
    segments: face.u32(at + 24),
    model: face.u32(at + 28) === 1 ? face.hex(at + 32) : null,
    outputs: null,
    modelId: null,
    inputDigest: null,
    milliseconds: 0,
  };
}

function outputsAt(face, at) {
  const batch = face.u32(at + 8);
  const all = Array.from({ length: face.u32(at + 4) }, (_, i) => outputAt(face, face.u32(at) + OUTPUT_BYTES * i, batch));
  // No prototype: an output may be named "constructor".
  return {
    outputs: Object.assign(Object.create(null), Object.fromEntries(all)),
    modelId: face.hex(face.u32(at + 12)),
    inputDigest: face.hex(face.u32(at + 16)),
  };
}

function outputAt(face, at, batch) {
  const words = (from, count) => Array.from({ length: count }, (_, i) => face.u32(from + 4 * i));
  const [type, Elements] = ARRAYS[face.i32(at + 32)];
  const count = face.u32(at + 16);
  const elements = (from, Kind) => new Kind(face.bytes(from, count * Kind.BYTES_PER_ELEMENT).buffer);
  const shape = words(face.u32(at + 4), face.u32(at + 8));
  const reals = face.u32(at + 20);
  const scale = face.view.getFloat32(at + 40, true);
  const known = new Map(); // a few labels stand in many places
  const labels = words(face.u32(at + 24), face.u32(at + 28)).map((label) => {
    if (!known.has(label)) known.set(label, face.text(label));
    return known.get(label);
  });
  return [face.text(face.u32(at)), {
    shape: batch === 1 ? shape : [batch, ...shape],
    type,
    values: elements(face.u32(at + 12), Elements),
    reals: reals === 0 ? null : elements(reals, Float32Array),
    scale: scale === 0 ? null : scale,
    zeroPoint: face.i32(at + 36),
    labels: labels.length === 0 ? null : labels,
  }];
}

export async function blake3(data) {
  const bytes = bytesOf(data, "data").slice();
  return using((face) => {
    const from = face.copy(bytes);
    const to = face.allocate(32);
    face.exports.zkvm_blake3(from, bytes.length, to);
    const digest = face.hex(to);
    face.exports.free(from);
    face.exports.free(to);
    return digest;
  });
}

export async function version() {
  return using((face) => face.text(face.exports.zkvm_version()));
}
