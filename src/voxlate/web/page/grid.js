/** The grid of a data set: a row for each case, a column for each contrast, and one for what a job makes. */

import { el } from "./dom.js";
import { texts } from "./texts.js";

const SIGNS = { there: "●", poor: "▲", synthetic: "S", missing: "–", done: "✓", waiting: "…", present: "●", cannot: "✕", failed: "✕" };
const words = texts.cohorts;

/** `opens` looks at what was made of a case, and peeks at its scans; `mark` has the contrast whose scans can be marked as poor, the cases that are, and what happens when one is. */
export function grid(told, titles, job, cases, opens, mark) {
  const title = (name) => titles[name] ?? name;
  const made = new Map(cases.map((one) => [one.case, one]));
  const head = el("tr", {}, el("th", { scope: "col" }, words.case), ...told.contrasts.map((name) => el("th", { scope: "col" }, title(name))),
    job ? el("th", { scope: "col", class: "new" }, `${words.run} ${title(job.target)}`) : null);
  const rows = told.cases.map((row, number) => el("tr", {},
    el("th", { scope: "row" }, el("button", { type: "button", class: "name-button", "data-key": `scans ${row.case}`, title: words.peek, onclick: () => opens.peek(number) }, row.case)),
    ...row.cells.map((state, column) => (told.contrasts[column] === mark.contrast && state === "there"
      ? markable(row.case, mark) : cell(state, row.reasons[told.contrasts[column]]))),
    job ? outcome(made.get(row.case), opens) : null));
  return el("div", { class: "cohort-grid" },
    legend(["there", "missing", "poor", "synthetic"]),
    el("div", { class: "sheet-scroll", tabindex: 0, role: "region", "aria-label": words.grid },
      el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))));
}

function cell(state, reason) {
  const label = reason ? `${words.cells[state]}: ${reason}` : words.cells[state];
  return el("td", { class: `cell ${state}`, title: label }, el("span", { "aria-hidden": "true" }, SIGNS[state]), el("span", { class: "sr" }, label));
}

function markable(name, { marked, turn }) {
  const isMarked = marked.has(name);
  const state = isMarked ? "poor" : "there";
  const label = `${name}, ${words.cells[state]}. ${isMarked ? words.unmark : words.mark}`;
  return el("td", { class: `cell ${state}` },
    el("button", { type: "button", class: "mark-button", "aria-pressed": String(isMarked), "aria-label": label, title: isMarked ? words.unmark : words.mark, "data-key": `mark ${name}`, onclick: () => turn(name) }, SIGNS[state]));
}

function outcome(one, opens) {
  if (!one) return el("td", { class: "cell waiting" }, el("span", { class: "sr" }, words.cells.missing));
  const took = one.state === "done" && one.seconds ? ` ${texts.took(one.seconds)}` : "";
  const label = `${words.outcomes[one.state]}${took}`;
  return el("td", { class: `cell new ${one.state}` },
    el("span", { "aria-hidden": "true" }, SIGNS[one.state]), " ", el("span", {}, label),
    one.state === "done" ? el("button", { type: "button", class: "small-button", "data-key": `case ${one.number}`, "aria-label": `${texts.look}: ${one.case}`, onclick: () => opens.look(one.number) }, texts.look) : null,
    one.reason ? el("p", { class: "small" }, one.reason) : null);
}

function legend(states) {
  return el("ul", { class: "legend", "aria-label": words.legend }, ...states.map((state) =>
    el("li", {}, el("span", { class: `cell ${state}`, "aria-hidden": "true" }, SIGNS[state]), words.cells[state])));
}
