// Why there is no "Valid", in words: for each code of zkvm-verify what it means and what to do.

import { element, icon, terms } from "./dom.js";
import { beginsAsReceipt } from "./receipt_layout.js";

const NOT_A_RECEIPT = {
  verdict: "invalid",
  title: "This file is not a receipt.",
  means: "Its first bytes are not those of a receipt.",
  advice: "Choose the .zkr file that zkvm prove has written.",
};
const OTHER_VERSION = {
  verdict: "invalid",
  title: "This is no receipt of the version that this page knows.",
  means: "An older or a newer zkvm has made it, and its bytes are laid out in another way.",
  advice: "Use the page of that version, or ask for a receipt of this one.",
};

// "invalid": the receipt is refused. "none": it has not been decided whether the receipt is true.
const FAILURES = {
  "malformed-receipt": {
    verdict: "invalid",
    title: "This is a damaged receipt.",
    means: "It begins as a receipt does, but bytes are missing, left over, or not as a receipt has them.",
    advice: "Get the file once more, and compare its length with that of the original.",
  },
  "invalid-receipt": {
    verdict: "invalid",
    title: "This is a damaged or false receipt.",
    means: "It has the form of a receipt, but a proof in it does not hold. One changed byte is enough for that.",
    advice: "Believe nothing that it says. Get the file once more; if that is refused, too, it was never true.",
  },
  "wrong-program": {
    verdict: "invalid",
    title: "This is a receipt of another program.",
    means: "Its image id is not the one that you gave.",
    advice: "If you trust the id that you gave, refuse the receipt. Do not copy the other id from here: ask the " +
      "program's author, or build the program, and run zkvm id.",
  },
  "insecure": {
    verdict: "invalid",
    title: "This receipt has too little security.",
    means: "Fewer bits of security are proven of it than are asked for here.",
    advice: "Ask for a receipt that is made with more: zkvm prove --security 128.",
  },
  "malformed-model": {
    verdict: "none",
    title: "The description is not one of a model.",
    means: "The receipt itself is valid, but the .json file is not as zkvm import writes it.",
    advice: "Verify without the description, or choose NAME.model.json.",
  },
  "wrong-model": {
    verdict: "none",
    title: "The description is of another model.",
    means: "The receipt itself is valid. The image id says which description is the right one, if the program has one, " +
      "and this is another.",
    advice: "Verify without the description, or get the one that belongs to the program.",
  },
  "unfit-tensors": {
    verdict: "none",
    title: "The run did not end as a run of this model does.",
    means: "The receipt itself is valid, but its exit code is not 0, or its journal does not have the outputs that the " +
      "description names.",
    advice: "Verify without the description: then exit code and journal are shown as they are.",
  },
  "receipt-too-large": {
    verdict: "none",
    title: "This file is too large to be checked here.",
    means: "It has not been read.",
    advice: "If it is a receipt, check it with zkvm verify.",
  },
  "out-of-memory": {
    verdict: "none",
    title: "The memory of this device is not enough.",
    means: "Checking takes some ten times the memory that the receipt has, and the browser did not give it.",
    advice: "Close other tabs, use another device, or check it with zkvm verify.",
  },
  "internal": {
    verdict: "none",
    title: "The verifier failed.",
    means: "That is a defect of the verifier and says nothing of the receipt.",
    advice: "Reload the page. If it fails again, check the receipt with zkvm verify, and report the defect.",
  },
};

const HEADINGS = { invalid: "Not valid", none: "No verdict" };
const MODEL_CODES = ["malformed-model", "wrong-model", "unfit-tensors"];

/** `error`: a VerifyError or its like; `receipt`: null if it has not been read. {verdict: [nodes], details: [nodes]} */
export function describeFailure(error, receipt) {
  const failure = failureOf(error, receipt);
  return {
    kind: failure.verdict,
    verdict: [
      icon(failure.verdict),
      element("div", {},
        element("h2", { id: "verdict-heading", tabindex: "-1" }, HEADINGS[failure.verdict]),
        element("p", { class: "reason" }, failure.title),
        element("p", {}, `${failure.means} ${failure.advice}`),
        MODEL_CODES.includes(error.code)
          ? element("button", { type: "button", id: "without-model-button" }, "Verify without the description")
          : null),
    ],
    details: [element("section", { class: "card" }, element("h3", {}, "What was found"), reasons(error))],
  };
}

function failureOf(error, receipt) {
  if (error.code === "malformed-receipt") {
    if (receipt !== null && !beginsAsReceipt(receipt)) return NOT_A_RECEIPT;
    if (error.what === "version") return OTHER_VERSION;
  }
  return FAILURES[error.code] ?? FAILURES.internal;
}

function reasons(error) {
  const ids = error.code === "wrong-program";
  const value = (id, text) => element("span", /^[0-9a-f]{64}$/.test(text) ? { id, class: "hex" } : { id }, text);
  return terms([
    ["Code", element("code", { id: "error-code", "data-code": error.code }, error.code)],
    error.where ? ["Where", element("span", { id: "error-where" }, error.where)] : null,
    error.what ? ["What", element("span", { id: "error-what" }, error.what)] : null,
    error.expected === null ? null
      : [ids ? "The program that you expect" : "Expected", value("error-expected", error.expected)],
    error.found === null ? null
      : [ids ? "The program that it names" : "Found", value("error-found", error.found)],
  ], { id: "error-details" });
}
