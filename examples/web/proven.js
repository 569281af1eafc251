// What a true receipt proves, how strongly, on what that rests, what it shows, and where its bytes are.

import { counted, element, grouped, hexOf, icon, list, svg, table, terms } from "./dom.js";
import { layoutOf } from "./receipt_layout.js";
import { showOutputs } from "./outputs.js";

const JOURNAL_SHOWN = 64; // bytes, and behind a click
const JOURNAL_UNFOLDED = 4096;
const PROOFS_SHOWN = 40; // each by itself

/**
 * {kind, verdict: [nodes], details: [nodes]}.
 *
 * `verification` is zkvm-verify's, of the bytes `receipt`; `description`: the text of the model's, or null; `sample`:
 * {rows, columns, note} of the private picture, or null; `version`: of the verifier.
 */
export function describeProven({ verification, receipt, description, sample, version }) {
  const layout = layoutOf(receipt);
  return {
    kind: verification.exitCode === 0 ? "valid" : "failed",
    verdict: verdictOf(verification, receipt),
    details: [
      whatIsProven(verification, description, sample),
      element("div", { class: "columns" }, howStrongly(verification), restsOn(verification, version)),
      whatShows(verification, layout),
      whereTheBytesAre(receipt, layout),
    ],
  };
}

function card(heading, ...children) {
  return element("section", { class: "card" }, element("h3", {}, heading), ...children);
}

function verdictOf(verification, receipt) {
  const failed = verification.exitCode !== 0;
  const heading = failed ? "Valid, but the program failed" : "Valid";
  const sentence = failed
    ? `The receipt is true. It proves that the program ended with exit code ${verification.exitCode}, not with 0: ` +
      "what it committed is not an answer, unless its author says so."
    : "The program that you named ran on some input, committed what stands below, and ended with exit code 0.";
  return [
    icon(failed ? "failed" : "valid"),
    element("div", {},
      element("h2", { id: "verdict-heading", tabindex: "-1" }, heading),
      element("p", {}, sentence),
      terms([
        ["Security", `${bitsOf(verification)} bits`],
        ["Receipt", `${grouped(receipt.length)} bytes`],
        ["Segments", grouped(verification.segments)],
        ["Checked in", `${verification.milliseconds.toFixed(1)} ms`],
      ], { class: "figures", id: "figures" })),
  ];
}

// Rounded down: never more than is proven.
function bitsOf(verification) {
  return (Math.floor(verification.securityBits * 10) / 10).toFixed(1);
}

function whatIsProven(verification, description, sample) {
  const { outputs, model } = verification;
  return card("What is proven",
    sample === null ? null : hiddenPicture(sample),
    outputs === null ? null : showOutputs(outputs, description),
    terms([
      ["Program", element("span", { class: "hex", id: "proven-image-id" }, verification.imageId)],
      ["Exit code", element("span", { id: "exit-code" }, String(verification.exitCode))],
      ["Journal", ...journalNodes(verification.journal)],
      model === null ? null : ["Description of the model", element("span", { class: "hex" }, model),
        element("p", { class: "hint" }, outputs === null
          ? "The BLAKE3 of what the program says of its model. Give that text, and the journal is read by it."
          : "The BLAKE3 of what the program says of its model: the text that you gave has it.")],
      verification.modelId === null ? null : ["Model id", element("span", { class: "hex" }, verification.modelId),
        element("p", { class: "hint" }, "The commitment to the private weights that ran. Compare it with the one " +
          "that the model's owner has published.")],
      outputs === null ? null : ["Input", ...inputNodes(verification.inputDigest)],
    ], { class: "facts" }),
    element("p", { class: "hint" }, "That the model is right, and that the input is what somebody says it is, a " +
      "receipt does not prove, unless the program checks it."));
}

function inputNodes(digest) {
  if (digest === null) return ["private: nothing in the receipt names it"];
  return [element("span", { class: "hex" }, digest),
    element("p", { class: "hint" }, "The BLAKE3 of what the program read: who has that can compare it.")];
}

function journalNodes(journal) {
  if (journal.length === 0) return ["empty"];
  const nodes = [`${grouped(journal.length)} bytes`, element("br"),
    element("span", { class: "hex", id: "journal" }, wordsOf(journal.subarray(0, JOURNAL_SHOWN)))];
  if (journal.length > JOURNAL_SHOWN) {
    const rest = journal.length > JOURNAL_UNFOLDED ? `The first ${grouped(JOURNAL_UNFOLDED)} bytes` : "All of it";
    nodes.push(" …", element("details", {}, element("summary", {}, rest),
      element("span", { class: "hex" }, wordsOf(journal.subarray(0, JOURNAL_UNFOLDED)))));
  }
  return nodes;
}

// The journal is made of words of four bytes.
function wordsOf(bytes) {
  return hexOf(bytes).match(/.{8}/g).join(" ");
}

// A frame where the picture is not: its size is known, its pixels are private.
function hiddenPicture({ rows, columns, note }) {
  const picture = svg("svg", { class: "hidden-picture", viewBox: `0 0 ${columns} ${rows}`, "aria-hidden": "true" });
  for (let x = 1; x < columns; ++x) picture.append(svg("path", { d: `M${x} 0V${rows}` }));
  for (let y = 1; y < rows; ++y) picture.append(svg("path", { d: `M0 ${y}H${columns}` }));
  picture.append(svg("text", { x: columns / 2, y: rows / 2, "font-size": rows / 2 }, "?"));
  return element("figure", { id: "sample-picture" }, picture,
    element("figcaption", {}, `The input: ${columns} × ${rows} pixels, private. ${note}`));
}

function howStrongly(verification) {
  const bits = Math.floor(verification.securityBits);
  return card("How strongly",
    element("p", {}, `${bitsOf(verification)} bits of security, proven and not conjectured: who tries to make a ` +
      "false receipt that passes must expect to compute about 2", element("sup", {}, bits),
      " hashes."),
    terms([
      ["Security", element("span", { id: "security-bits" }, `${bitsOf(verification)} bits`)],
      ["Regime", element("span", { id: "regime" }, verification.regime)],
      ["Segments", verification.segments === 1 ? "one: a single proof"
        : `${grouped(verification.segments)} proofs, which hand the memory on; the bits are those of all together`],
    ], { class: "facts" }));
}

function restsOn(verification, version) {
  return card("On what it rests", list([
    element("span", { id: "assumption" }, `One theorem on lines: ${verification.assumption}.`),
    "BLAKE3 as a random oracle. There is no trusted set-up: no secret exists with which receipts could be forged.",
    "The image id that you gave: that it is of the program that you mean.",
    `This page, its verifier (zkvm-verify ${version}) and this browser. Who changes the page can make it say ` +
      "anything, so use one that is served by somebody you trust, or by yourself.",
  ]));
}

function whatShows(verification, layout) {
  const heads = (layout?.segments ?? []).map((segment) => segment.proof).filter((proof) => proof !== null);
  const hides = heads.length === verification.segments && heads.every((proof) => proof.zeroKnowledge);
  return card("What an observer learns",
    hides ? null : element("p", { class: "warning" }, "The proofs of this receipt are not zero-knowledge, or this page " +
      "cannot read whether they are: they may show the input."),
    element("p", {}, "Everybody who has this receipt, not only who verifies it."),
    element("div", { class: "columns" },
      element("div", { id: "shown" }, element("h4", {}, "They learn"), list([
        "which program it was, its exit code, and the journal",
        lengthText(verification, heads),
        memoryText(layout),
        verification.inputDigest === null ? null : "the input's BLAKE3, which confirms a guess of the input",
        programText(verification, heads),
      ])),
      hides ? element("div", { id: "hidden" }, element("h4", {}, "They do not learn"), list([
        "the input, beyond what journal and exit code tell of it",
        "any value computed from it: registers, words of memory, activations between layers",
        "which way the program went, and where within a block of memory it read and wrote",
        privateWeightsText(verification),
      ])) : null));
}

function lengthText(verification, heads) {
  const rows = heads.reduce((sum, proof) => sum + proof.rows, 0);
  const measure = rows === 0 ? "" : `, of ${grouped(rows)} rows in all their tables`;
  return `roughly how long the run was, and how many instructions of each class it took: ` +
    `${counted(verification.segments, "segment")}${measure}`;
}

function memoryText(layout) {
  if (layout === null) return "which blocks of memory it used, of 64 KiB each";
  const distinct = (banks) => new Set(layout.segments.flatMap(banks)).size;
  const memory = distinct((segment) => segment.memory);
  const constants = distinct((segment) => segment.constants);
  const calls = [...new Set(layout.segments.flatMap((segment) => segment.calls))];
  return `which blocks of memory it used, of 64 KiB each: ${memory} of memory and ${constants} of constants` +
    `${calls.length === 0 ? "" : `; and that it called ${calls.join(" and ")}`}`;
}

function programText(verification, heads) {
  const queries = heads.length === 0 ? "some 120" : `up to ${heads[0].queries}`;
  const what = verification.modelId === null
    ? "the program itself, with every constant and every weight in it,"
    : "the program itself, without its weights, but with operators, shapes, zero points and scales,";
  return element("span", {}, element("strong", {}, `${what} if they have enough receipts, or one of many segments; and one confirms a guess of it.`),
    ` Each proof opens ${queries} rows of each of its columns; thirteen receipts have given all 4,736 weights of a ` +
    "small network back.");
}

function privateWeightsText(verification) {
  if (verification.modelId !== null) return "the weights, beyond their scales and what many answers tell of them: as the program's description has it, " +
      "it reads them as private input, under the model id.";
  if (verification.outputs !== null) return null; // they stand in the program
  return "weights, if the program reads them as private input. A description of the model says whether it does.";
}

function whereTheBytesAre(receipt, layout) {
  const heading = "Where the bytes are";
  if (layout === null) return card(heading, element("p", {}, "This page does not know the receipt's layout."));
  const parts = foldedParts(layout.parts);
  const share = (part) => `${(100 * part.bytes / receipt.length).toFixed(1)} %`;
  const key = (part) => element("span", { class: `key ${part.kind}`, "aria-hidden": "true" });
  return card(heading,
    element("div", { class: "parts-bar", id: "parts-bar", "aria-hidden": "true" }, parts.map((part) => {
      const piece = element("span", { class: part.kind, title: `${part.name}: ${grouped(part.bytes)} bytes` });
      piece.style.flexGrow = part.bytes;
      return piece;
    })),
    table({ id: "parts-table", class: "numbers" }, "Parts of the receipt, in their order. In the bar no part is " +
      "thinner than a line.", ["Part", "Bytes", "Share"], [
      ...parts.map((part) => [element("span", {}, key(part), part.name), grouped(part.bytes), share(part)]),
      ["All", grouped(receipt.length), "100.0 %"],
    ]));
}

// Of many proofs, those behind the first ones as one part.
function foldedParts(parts) {
  const first = parts.findIndex((part) => part.kind.startsWith("proof"));
  const kept = first + PROOFS_SHOWN;
  if (parts.length <= kept + 1) return parts;
  const folded = parts.slice(kept);
  const bytes = folded.reduce((sum, part) => sum + part.bytes, 0);
  return [...parts.slice(0, kept), { name: `Proofs of ${grouped(folded.length)} segments more`, kind: "proof", bytes }];
}
