/** The little of Markdown that a model card has: headings, paragraphs, lists, tables, bold words and code. */

import { el } from "./dom.js";

export function markdown(text) {
  const found = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    if (/^#+ /.test(line)) { found.push(el(`h${Math.min(5, 2 + line.indexOf(" "))}`, {}, ...inline(line.replace(/^#+ /, "")))); at += 1; }
    else if (line.startsWith("|")) at = table(lines, at, found);
    else if (/^[-*] /.test(line)) at = list(lines, at, found);
    else if (line.trim()) at = paragraph(lines, at, found);
    else at += 1;
  }
  return found;
}

function paragraph(lines, at, found) {
  let end = at;
  while (end < lines.length && lines[end].trim() && !/^(#+ |\||[-*] )/.test(lines[end])) end += 1;
  found.push(el("p", {}, ...inline(lines.slice(at, end).join(" "))));
  return end;
}

function list(lines, at, found) {
  const items = [];
  let end = at;
  for (; end < lines.length && lines[end].trim(); end += 1) {
    if (/^[-*] /.test(lines[end])) items.push(lines[end].slice(2));
    else items[items.length - 1] += ` ${lines[end].trim()}`;
  }
  found.push(el("ul", {}, ...items.map((one) => el("li", {}, ...inline(one)))));
  return end;
}

function table(lines, at, found) {
  let end = at;
  while (end < lines.length && lines[end].startsWith("|")) end += 1;
  const rows = lines.slice(at, end).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  found.push(grid(rows[0], rows.slice(2)));
  return end;
}

/** A table with a head; the first cell of each row names it. */
export function grid(head, rows, caption = "") {
  const cells = (row) => [el("th", { scope: "row" }, ...nodes(row[0])), ...row.slice(1).map((one) => el("td", {}, ...nodes(one)))];
  return el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": caption || head.join(", ") },
    el("table", {},
      caption ? el("caption", {}, caption) : null,
      el("thead", {}, el("tr", {}, ...head.map((one) => el("th", { scope: "col" }, ...nodes(one))))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...cells(row))))));
}

const nodes = (cell) => (typeof cell === "string" ? inline(cell) : [cell]);

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).filter(Boolean).map((part) =>
    part.startsWith("**") ? el("strong", {}, part.slice(2, -2)) : part.startsWith("`") ? el("code", {}, part.slice(1, -1)) : part);
}
