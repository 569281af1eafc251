// The page: its form, and what happens with the files. What is said of the outcome: proven.js and failures.js.

import { counted, element, grouped } from "./dom.js";
import { describeFailure } from "./failures.js";
import { describeProven } from "./proven.js";

const MAX_MODEL_BYTES = 2 ** 20; // a program holds no longer description
const MAX_MODEL_TEXT = "1 MiB";

const byId = (id) => document.getElementById(id);
const form = byId("form");
const dropZone = byId("drop-zone");
const receiptInput = byId("receipt-input");
const imageIdField = byId("image-id");
const modelInput = byId("model-input");
const verdict = byId("verdict");
const details = byId("details");

const verifier = loadVerifier();
let attempt = 0; // the latest one's number. What comes of an earlier one comes too late
let running = false; // the latest one has no outcome yet
let sample = null; // {picture, imageId}, while the form holds the sample

async function loadVerifier() {
  const module = await import("./zkvm-verify/index.js");
  await module.load(); // so that the page works offline from now on
  return { ...module, text: await module.version() };
}

verifier.then(
  ({ text }) => {
    byId("module-status").hidden = true;
    byId("verifier-version").textContent = `zkvm-verify ${text}.`;
  },
  (error) => {
    byId("module-status").hidden = true;
    showPageError(`The verifier cannot be loaded, so nothing can be checked: ${error.message}. Reload the page.`);
  });

// ---- Outcomes

// Nothing that was said before may stand beside another file or another id.
function forgetOutcome() {
  ++attempt;
  setRunning(false);
  verdict.replaceChildren();
  verdict.removeAttribute("data-verdict");
  details.replaceChildren();
  byId("page-error").replaceChildren();
}

function begin(text) {
  forgetOutcome();
  setRunning(true);
  verdict.replaceChildren(element("p", { class: "progress", id: "progress" }, text));
  return attempt;
}

function setRunning(value) {
  running = value;
  for (const id of ["verify-button", "sample-button"]) byId(id).setAttribute("aria-disabled", String(value));
}

function show({ kind, verdict: said, details: more }) {
  setRunning(false);
  verdict.dataset.verdict = kind;
  verdict.replaceChildren(...said);
  details.replaceChildren(...more);
  byId("without-model-button")?.addEventListener("click", () => { removeModel(); verifyForm(); });
  byId("verdict-heading").focus();
}

// Of this page or its files, and not of a receipt.
function showPageError(text) {
  setRunning(false);
  verdict.replaceChildren();
  byId("page-error").replaceChildren(element("p", {}, text));
}

// ---- The form

function setFieldError(field, text) {
  const place = byId(`${field.id.replace("-input", "")}-error`);
  place.textContent = text ?? "";
  place.hidden = text === null;
  if (text === null) field.removeAttribute("aria-invalid");
  else field.setAttribute("aria-invalid", "true");
}

// A copied id may be wrapped.
const imageIdText = () => imageIdField.value.replace(/\s/g, "").replace(/^0x/i, "");

function imageIdError() {
  const text = imageIdText();
  if (text === "") return "Give the image id of the program that you expect.";
  if (/[^0-9a-f]/i.test(text)) return "Only the digits 0 to 9 and a to f are allowed, and 0x before them.";
  if (text.length !== 64) return `Expected 64 hex digits, found ${grouped(text.length)}.`;
  return null;
}

function modelError() {
  const [file] = modelInput.files;
  if (!file || file.size <= MAX_MODEL_BYTES) return null;
  return `Expected a description of at most ${MAX_MODEL_TEXT}, found ${counted(file.size, "byte")}.`;
}

// Says what is wrong in the form, and goes to the first of it.
function formIsFit() {
  const errors = [
    [receiptInput, receiptInput.files.length === 0 ? "Choose a receipt, or drop one here." : null],
    [imageIdField, imageIdError()],
    [modelInput, modelError()],
  ];
  for (const [field, text] of errors) setFieldError(field, text);
  const wrong = errors.find(([, text]) => text !== null);
  wrong?.[0].focus();
  return wrong === undefined;
}

function receiptChanged() {
  forgetOutcome();
  setFieldError(receiptInput, null);
  const [file] = receiptInput.files;
  const name = byId("receipt-name");
  name.hidden = !file;
  name.textContent = file ? `${file.name}, ${counted(file.size, "byte")}` : "";
  dropZone.classList.toggle("full", Boolean(file));
}

function modelChanged() {
  forgetOutcome();
  setFieldError(modelInput, modelError());
  byId("model-remove").hidden = modelInput.files.length === 0;
}

function imageIdChanged() {
  forgetOutcome();
  setFieldError(imageIdField, null);
}

function removeModel() {
  modelInput.value = "";
  modelChanged();
}

// Somebody's own receipt is held neither against the sample's id nor against its description.
function forgetSample() {
  if (sample === null) return;
  if (imageIdText() === sample.imageId) imageIdField.value = "";
  if (modelInput.files[0] === sample.model) removeModel();
  sample = null;
}

function put(input, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
}

// ---- Verifying

async function verifyForm() {
  if (running || !formIsFit()) return;
  const mine = begin("Verifying …");
  const imageId = imageIdText();
  const picture = sample?.picture ?? null;
  try {
    const outcome = await outcomeOf(receiptInput.files[0], imageId, modelInput.files[0] ?? null, picture);
    if (mine === attempt) show(outcome);
  } catch (error) {
    if (mine === attempt) showPageError(`The page failed, which says nothing of the receipt: ${error.message}`);
  }
}

async function outcomeOf(file, imageId, modelFile, picture) {
  const { verify, VerifyError, MAX_RECEIPT_BYTES, text: version } = await verifier;
  if (file.size > MAX_RECEIPT_BYTES) return describeFailure(tooLarge(file.size, MAX_RECEIPT_BYTES), null);
  const receipt = new Uint8Array(await file.arrayBuffer());
  const model = modelFile === null ? undefined : new Uint8Array(await modelFile.arrayBuffer());
  await painted();
  try {
    const verification = await verify(receipt, imageId, { model });
    const description = model === undefined ? null : new TextDecoder().decode(model);
    return describeProven({ verification, receipt, description, sample: picture, version });
  } catch (error) {
    if (error instanceof VerifyError) return describeFailure(error, receipt);
    throw error;
  }
}

function tooLarge(found, most) {
  return {
    code: "receipt-too-large",
    where: "receipt",
    what: "size",
    expected: `at most ${counted(most, "byte")}`,
    found: counted(found, "byte"),
  };
}

// The verifier keeps the thread, so the line that says so must stand before.
function painted() {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

async function trySample() {
  if (running) return;
  const mine = begin("Loading the sample …");
  try {
    const loaded = await fetchSample();
    if (mine !== attempt) return;
    fillIn(loaded);
  } catch (error) {
    if (mine === attempt) showPageError(`The sample cannot be loaded: ${error.message}`);
    return;
  }
  await verifyForm();
}

async function fetchSample() {
  const [receipt, imageId, model, picture] = await Promise.all([
    fetched("digit.zkr").then((response) => response.arrayBuffer()),
    fetched("image_id").then((response) => response.text()),
    fetched("lenet5.model.json").then((response) => response.arrayBuffer()),
    fetched("digit.json").then((response) => response.json()),
  ]);
  return {
    receipt: new File([receipt], "digit.zkr"),
    imageId: imageId.trim(),
    model: new File([model], "lenet5.model.json", { type: "application/json" }),
    picture,
  };
}

async function fetched(name) {
  const response = await fetch(new URL(`./sample/${name}`, import.meta.url));
  if (!response.ok) throw new Error(`${name}: HTTP status ${response.status}`);
  return response;
}

function fillIn({ receipt, imageId, model, picture }) {
  put(receiptInput, receipt);
  put(modelInput, model);
  imageIdField.value = imageId;
  sample = { picture, imageId, model: modelInput.files[0] };
  receiptChanged();
  modelChanged();
  imageIdChanged();
}

// ---- Dropping files

const isDescription = (file) => /\.json$/i.test(file.name);

// At most one receipt and at most one description.
function takeDropped(files) {
  const receipts = files.filter((file) => !isDescription(file));
  const descriptions = files.filter(isDescription);
  if (files.length === 0 || receipts.length > 1 || descriptions.length > 1) {
    forgetOutcome();
    setFieldError(receiptInput, "Drop one receipt, and with it at most one description of a model (.json).");
    return;
  }
  if (receipts.length === 1) {
    forgetSample();
    put(receiptInput, receipts[0]);
    receiptChanged();
  }
  if (descriptions.length === 1) {
    put(modelInput, descriptions[0]);
    modelChanged();
  }
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
const isInZone = (event) => dropZone.contains(event.target);

// Anywhere else a browser would open the file in place of the page.
window.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = isInZone(event) ? "copy" : "none";
  dropZone.classList.toggle("over", isInZone(event));
});
window.addEventListener("dragleave", () => dropZone.classList.remove("over"));
window.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dropZone.classList.remove("over");
  if (isInZone(event)) takeDropped([...event.dataTransfer.files]);
});

// ---- Events

form.addEventListener("submit", (event) => { event.preventDefault(); verifyForm(); });
byId("sample-button").addEventListener("click", trySample);
byId("model-remove").addEventListener("click", () => { removeModel(); modelInput.focus(); });
receiptInput.addEventListener("change", () => { forgetSample(); receiptChanged(); });
modelInput.addEventListener("change", modelChanged);
imageIdField.addEventListener("input", imageIdChanged);
imageIdField.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault(); // a line feed is no part of an id
  form.requestSubmit();
});
