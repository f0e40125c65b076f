/** The fields of a recipe as a form: a few first, the others folded by section, each with its words and its bounds. */

import { el } from "./dom.js";
import { words } from "./texts-rooms.js";

const ORDER = ["loss", "method", "window", "training", "plan"];

export function recipeForm(fields, onchange) {
  const inputs = new Map();
  const make = (field) => el("div", { class: "entry" }, ...entry(field, inputs, onchange));
  const main = fields.filter((one) => one.main);
  const rest = ORDER.map((name) => [name, fields.filter((one) => !one.main && one.section === name)]).filter(([, all]) => all.length);
  const element = el("div", { class: "recipe" },
    el("fieldset", {}, el("legend", {}, words.mainFields), el("div", { class: "entries" }, ...main.map(make))),
    ...rest.map(([name, all]) => el("details", {}, el("summary", {}, words.fieldsCount(words.sections[name], all.length)), el("div", { class: "entries" }, ...all.map(make)))));
  return { element, changed: () => changed(fields, inputs) };
}

function entry(field, inputs, onchange) {
  const id = `field-${field.field}`;
  const hint = [field.words.replaceAll("`", ""), words.range(field.minimum, field.maximum), field.empty ? words.leftEmpty : "", field.settled ? words.settled : ""].filter(Boolean).join(" ");
  const about = { id, "aria-describedby": `${id}-words`, onchange, "data-field": field.field };
  let input;
  if (field.kind === "choice") {
    const options = [...(field.empty ? [""] : []), ...field.choices];
    input = el("select", about, ...options.map((one) => el("option", { value: one, selected: one === (field.value ?? "") }, one)));
  } else if (field.kind === "boolean") {
    input = el("input", { ...about, type: "checkbox", checked: Boolean(field.value) });
  } else {
    input = el("input", { ...about, type: "text", inputmode: ["number", "integer"].includes(field.kind) ? "decimal" : "text", value: written(field), spellcheck: "false", autocomplete: "off" });
  }
  inputs.set(field.field, input);
  return [el("label", { for: id }, field.field), input, el("p", { class: "small", id: `${id}-words` }, hint)];
}

function written(field) {
  if (field.value === null || field.value === undefined) return "";
  return field.kind === "json" ? JSON.stringify(field.value) : String(field.value);
}

/** From a field to its value, of those that somebody has changed. */
function changed(fields, inputs) {
  const found = {};
  for (const field of fields) {
    const input = inputs.get(field.field);
    if (field.kind === "boolean") {
      if (input.checked !== Boolean(field.value)) found[field.field] = input.checked;
    } else if (input.value.trim() !== written(field)) {
      found[field.field] = read(field, input.value.trim());
    }
  }
  return found;
}

function read(field, text) {
  if (text === "" && (field.empty || field.kind !== "text")) return null;
  if (field.kind === "number" || field.kind === "integer") {
    const value = Number(text);
    if (Number.isNaN(value)) throw new Error(words.badNumber(field.field));
    return value;
  }
  if (field.kind !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    if (/^[\w.+-]+$/.test(text)) return text;
    throw new Error(words.badJson(field.field));
  }
}
