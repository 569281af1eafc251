// Where the bytes of a receipt are, by host/doc/receipt.md. For a picture only: whether a receipt is true, the verifier
// says, and what has not been verified is not looked at.

const ROOT_BYTES = 32;
const MAGIC_BYTES = 4;
const FIRST_LAYER_GROUP = 65472; // of the constants' numbers: stark/doc/format.md, "The key of a segment"
const BLAKE3 = 65471;
const SHA256 = 65470;

export function beginsAsReceipt(bytes) {
  return textAt(bytes, 0) === "ZKVR";
}

/**
 * {parts: [{name, kind, bytes}], segments: [{journalBytes, memory, constants, calls, proof}]}; `parts` add up to the
 * receipt. null: the layout is not the one that this file knows.
 */
export function layoutOf(receipt) {
  try {
    return readLayout(new Reader(receipt), receipt);
  } catch (error) {
    if (error instanceof RangeError) return null; // a read behind the end
    throw error;
  }
}

class Reader {
  constructor(bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
  }
  skip(count) {
    if (count > this.view.byteLength - this.position) throw new RangeError("the bytes end");
    this.position += count;
  }
  u8() { this.skip(1); return this.view.getUint8(this.position - 1); }
  u16() { this.skip(2); return this.view.getUint16(this.position - 2, true); }
  u32() { this.skip(4); return this.view.getUint32(this.position - 4, true); }
  u16s() { return Array.from({ length: this.u16() }, () => this.u16()); }
  atEnd() { return this.position === this.view.byteLength; }
}

// Neighbours differ, so that they can be told apart in the picture.
const kindOfProof = (index) => index % 2 === 0 ? "proof" : "proof-other";

function textAt(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + MAGIC_BYTES));
}

function readLayout(reader, receipt) {
  const parts = [];
  const part = (name, kind, read) => {
    const begin = reader.position;
    const result = read();
    parts.push({ name, kind, bytes: reader.position - begin });
    return result;
  };
  part("Magic and version", "head", () => reader.skip(MAGIC_BYTES + 4));
  part("Image: what pins the program", "image", () => reader.skip(reader.u32()));
  part("Exit code and journal", "journal", () => {
    reader.u32();
    reader.skip(4 * reader.u32());
  });
  const segments = part("Segments and roots of memory", "segments", () => {
    const read = readSegments(reader);
    reader.skip(ROOT_BYTES * rootCount(read));
    return read;
  });
  segments.forEach((segment, index) => part(`Proof of segment ${index}`, kindOfProof(index), () => {
    const length = reader.u32();
    const begin = reader.position;
    reader.skip(length);
    segment.proof = readProofHead(receipt.subarray(begin, reader.position));
  }));
  return reader.atEnd() ? { parts, segments } : null;
}

function readSegments(reader) {
  let journalEnd = 0;
  const segments = [];
  for (let left = reader.u32(); left > 0; --left) {
    const end = reader.u32();
    const memory = reader.u16s();
    const constants = reader.u16s();
    segments.push({
      journalBytes: 4 * (end - journalEnd),
      memory,
      constants: constants.filter((bank) => bank < SHA256),
      calls: callsOf(constants),
      proof: null,
    });
    journalEnd = end;
  }
  return segments;
}

function callsOf(constants) {
  return [
    constants.some((bank) => bank >= FIRST_LAYER_GROUP) ? "the tensor unit" : null,
    constants.includes(BLAKE3) ? "BLAKE3" : null,
    constants.includes(SHA256) ? "SHA-256" : null,
  ].filter((name) => name !== null);
}

// A root for each pair of segments of which the later is the next to use a bank of memory of the earlier. Bank 0 is in
// every segment and not listed.
function rootCount(segments) {
  const next = new Map(); // from banks to the first segment behind this one that uses them
  let count = 0;
  for (let index = segments.length - 1; index >= 0; --index) {
    const used = [0, ...segments[index].memory];
    count += new Set(used.filter((bank) => next.has(bank)).map((bank) => next.get(bank))).size;
    for (const bank of used) next.set(bank, index);
  }
  return count;
}

// {zeroKnowledge, queries, rows}: parameters, and rows of all tables. null: a form of proofs that is not known here.
function readProofHead(bytes) {
  const reader = new Reader(bytes);
  reader.skip(MAGIC_BYTES);
  if (textAt(bytes, 0) !== "ZKPF" || reader.u32() !== 4) return null;
  const zeroKnowledge = reader.u8() === 1;
  reader.u8(); // log_blowup
  const queries = reader.u16();
  reader.skip(4); // grind_query, grind_round, log_final, log_stack
  let rows = 0;
  for (let left = reader.u16(); left > 0; --left) {
    reader.u16(); // the chip
    rows += 2 ** reader.u8();
  }
  return { zeroKnowledge, queries, rows };
}
