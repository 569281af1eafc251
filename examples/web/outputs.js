// The outputs of a model, as the journal has them: a table of all, and bars for short rows of values.

import { counted, element, grouped, short, table } from "./dom.js";

const ROWS_SHOWN = 10; // of one output; a row runs along its last axis
const CHARTS_SHOWN = 3;
const LONGEST_CHART = 20;

/** `outputs`: zkvm-verify's; `description`: the text that it has held against the receipt. */
export function showOutputs(outputs, description) {
  const told = toldOf(description);
  const all = Object.entries(outputs).map(([name, output]) =>
    ({ name, ...output, ...told.get(name), ...rowsOf(output) }));
  return element("div", { id: "outputs" },
    all.length === 1 && all[0].rowCount === 1 ? element("p", { class: "answer", id: "answer" }, `${all[0].name}: `,
      element("strong", {}, answerOf(all[0], 0))) : null,
    table({ id: "outputs-table" }, "Outputs, from the journal", ["Output", "Elements", "Says"], all.map((output) =>
      [output.name, elementsOf(output), answersOf(output)])),
    all.flatMap(chartsOf));
}

// What only the description has: names of all classes, and whether values are numbers of classes. It has been verified,
// so what cannot be read here is merely left out.
function toldOf(description) {
  try {
    const { outputs } = JSON.parse(description);
    return new Map(outputs.map(({ name, labels = [], index = false }) => [name, { classes: labels, isIndex: index }]));
  } catch {
    return new Map();
  }
}

function rowsOf({ shape, values }) {
  const length = shape.at(-1) ?? 1;
  return { rowLength: length, rowCount: length === 0 ? 0 : values.length / length };
}

// "int8, 1 × 10"
function elementsOf({ type, shape }) {
  return shape.length === 0 ? type : `${type}, ${shape.map(grouped).join(" × ")}`;
}

const elementAt = (output, at) => (output.reals ?? output.values)[at];

// What one row says: the number of a class, a value, or which one is the greatest.
function answerOf(output, row) {
  const first = row * output.rowLength;
  if (output.isIndex) {
    return Array.from(output.values.subarray(first, first + output.rowLength).slice(0, ROWS_SHOWN),
      (value, i) => `class ${grouped(value)}${quoted(output.labels?.[first + i])}`).join(", ");
  }
  if (output.rowLength === 1) return short(elementAt(output, first));
  const greatest = greatestOf(output, row);
  const label = output.labels?.[row];
  return `${label ? "class" : "number"} ${grouped(greatest)}${quoted(label)} is the greatest: ` +
    short(elementAt(output, first + greatest));
}

function answersOf(output) {
  if (output.rowCount === 0) return "nothing";
  if (output.rowCount === 1) return answerOf(output, 0);
  const shown = Math.min(output.rowCount, ROWS_SHOWN);
  const rest = output.rowCount - shown;
  return element("div", {},
    element("ol", { start: "0" }, Array.from({ length: shown }, (_, row) => element("li", {}, answerOf(output, row)))),
    rest === 0 ? null : `and ${counted(rest, "row")} more`);
}

const quoted = (label) => label ? ` “${label}”` : "";

// Of equal ones the first, as ArgMax takes it.
// The first of the greatest, as the verifier has it for labels: NaN is the least.
function greatestOf(output, row) {
  const first = row * output.rowLength;
  let greatest = 0;
  for (let i = 1; i < output.rowLength; ++i) {
    const best = output.values[first + greatest], value = output.values[first + i];
    if (value > best || (Number.isNaN(best) && !Number.isNaN(value))) greatest = i;
  }
  return greatest;
}

function chartsOf(output) {
  if (output.isIndex || output.rowLength < 2 || output.rowLength > LONGEST_CHART) return [];
  return Array.from({ length: Math.min(output.rowCount, CHARTS_SHOWN) }, (_, row) => chartOf(output, row));
}

function chartOf(output, row) {
  const values = Array.from({ length: output.rowLength }, (_, i) => elementAt(output, row * output.rowLength + i));
  const greatest = greatestOf(output, row);
  const low = Math.min(0, ...values);
  const range = Math.max(0, ...values) - low || 1;
  const which = output.rowCount === 1 ? "" : `, row ${row}`;
  const chart = table({ class: "chart" }, `Values of ${output.name}${which}; bars from zero`,
    [output.labels ? "Class" : "Number", "Value", "Bar"], values.map((value, i) => [
      `${i}${output.classes?.[i] ? ` · ${output.classes[i]}` : ""}`,
      i === greatest ? element("span", {}, short(value), element("span", { class: "tag" }, "greatest")) : short(value),
      barOf(value, low, range),
    ]));
  chart.tBodies[0].rows[greatest].classList.add("greatest");
  return chart;
}

function barOf(value, low, range) {
  const fill = element("span", { class: value < 0 ? "fill below" : "fill" });
  fill.style.left = `${100 * (Math.min(0, value) - low) / range}%`;
  fill.style.width = `${100 * Math.abs(value) / range}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}
