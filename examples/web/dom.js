// Elements, and numbers in words. Text always goes in as text: what a file says is never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with these attributes; children are elements and texts, of which null is left out. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/** 441260: "441,260" */
export function grouped(number) {
  return number.toLocaleString("en-US", { maximumFractionDigits: 20 });
}

/** 1, "segment": "1 segment"; 2: "2 segments" */
export function counted(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Four significant digits, for elements of tensors. */
export function short(number) {
  return Number.isInteger(number) ? grouped(number) : String(Number(number.toPrecision(4)));
}

export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const ICONS = {
  valid: "M5 12.5l4.5 4.5L19 7.5",
  invalid: "M7 7l10 10M17 7L7 17",
  failed: "M12 6v7m0 4v.5",
  none: "M9 9.5a3 3 0 1 1 4.3 2.7c-.8.4-1.3 1-1.3 1.8m0 3v.5",
};

/** "valid", "invalid", "failed" or "none", in a circle. The text beside it says the same. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("circle", { cx: 12, cy: 12, r: 12 }), svg("path", { d: ICONS[name] }));
}

/** A list of terms; entries are [term, description], of which null is left out. */
export function terms(entries, attributes = {}) {
  return element("dl", attributes, entries.filter((entry) => entry !== null).map(([term, ...description]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, ...description))));
}

export function list(items, attributes = {}) {
  return element("ul", attributes, items.filter((item) => item !== null).map((item) => element("li", {}, item)));
}

/** A table with a row of column heads; the first cell of each row is its head. */
export function table(attributes, caption, heads, rows) {
  const head = (scope) => (content) => element("th", { scope }, content);
  return element("table", attributes,
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, heads.map(head("col")))),
    element("tbody", {}, rows.map(([first, ...rest]) =>
      element("tr", {}, head("row")(first), rest.map((cell) => element("td", {}, cell))))));
}
