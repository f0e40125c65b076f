/** Trainings: begun from a recipe's form after a look at the data, watched by curves and figures, stopped and resumed. */

import { ask } from "./api.js";
import { showCurves } from "./curves.js";
import { el, select } from "./dom.js";
import { recipeForm } from "./form.js";
import { layOut, picture, problem, repeat, section } from "./layout.js";
import { grid } from "./markdown.js";
import { words } from "./texts-rooms.js";

const ACTIVE = ["queued", "running"];

export function open(place, [chosen], context) {
  const { list, detail } = layOut(place);
  const titled = (names) => names.map((name) => context.titles[name] ?? name).join(", ");
  let shown = null;
  let asked = false;
  const fill = async () => {
    const trainings = await ask("GET", "/trainings");
    const kept = document.activeElement?.getAttribute?.("href");
    list.replaceChildren(
      el("h2", {}, words.trainingTitle),
      el("a", { class: "button main", href: "#training/new" }, words.newTraining),
      trainings.length ? el("ul", { class: "choices" }, ...trainings.map((one) => line(one, chosen, titled))) : el("p", { class: "small" }, words.noTrainings));
    if (kept) list.querySelector(`[href="${CSS.escape(kept)}"]`)?.focus();
    const one = trainings.find((training) => training.id === chosen);
    if (one) await (shown ??= view(detail, titled))(one);
    else if (!asked) { asked = true; await newTraining(detail, context).catch((error) => problem(detail, error)); }
    place.dataset.ready = `training ${chosen ?? ""}`;
  };
  const stop = repeat(1.5, fill);
  return { close: stop };
}

function line(one, chosen, titled) {
  const state = one.state === "running" && one.share !== null ? words.spent(one.share) : words.trainingStates[one.state];
  return el("li", { class: one.state }, el("a", { href: `#training/${one.id}`, "aria-current": one.id === chosen ? "true" : null },
    el("strong", {}, one.name), el("span", { class: "small" }, words.modelMakes(titled(one.sources), titled([one.target]))), el("span", { class: "state" }, state)));
}

/** What is shown of a training: built once, and brought up to date with each answer. */
function view(place, titled) {
  const plots = el("div", { class: "plots" });
  const head = el("div", { class: "title" });
  const told = el("div", { role: "status" });
  const failed = el("div", {});
  const figures = el("div", {});
  let drawn = "";
  place.replaceChildren(head, failed, told, section(words.curves, plots), section(words.latestFigure, figures));
  const act = (one, text, method, path) => el("button", { type: "button", "data-act": path || "remove", onclick: () => {
    if (method === "DELETE" && !window.confirm(words.sureTraining)) return;
    ask(method, `/trainings/${one.id}${path}`).then(() => { if (method === "DELETE") location.hash = "training"; }).catch((error) => problem(failed, error));
  } }, text);
  return async (one) => {
    const active = ACTIVE.includes(one.state);
    const now = JSON.stringify([one.state, one.model]);
    if (head.dataset.now !== now) {
      head.dataset.now = now;
      head.replaceChildren(el("h2", {}, one.name), el("span", { class: "small" }, `${words.modelMakes(titled(one.sources), titled([one.target]))}. ${words.of(one.data, one.recipe)}`),
        el("div", { class: "row" },
          one.model ? el("a", { class: "button main", href: `#models/${one.model}` }, words.toModel) : null,
          active ? act(one, words.stop, "POST", "/stop") : null,
          ["failed", "cancelled"].includes(one.state) ? act(one, words.resume, "POST", "/resume") : null,
          active ? null : act(one, words.removeTraining, "DELETE", "")));
    }
    const stage = one.state === "running" ? (words.trainingStages[one.stage] ?? one.stage) : words.trainingStates[one.state];
    told.replaceChildren(
      el("p", { "data-state": one.state }, one.share === null ? stage : `${stage}, ${words.spent(one.share)}`),
      active ? el("progress", { max: 1, value: one.share, "aria-label": stage }) : "",
      one.reason ? el("p", { class: "warning" }, one.reason) : "");
    await showCurves(plots, await ask("GET", `/trainings/${one.id}/curves`));
    const names = one.figures.map((figure) => figure.id).join();
    if (names !== drawn || !figures.firstChild) { drawn = names; showFigures(figures, one); }
  };
}

/** The last figure, and a choice of the others. */
function showFigures(place, one) {
  if (!one.figures.length) return place.replaceChildren(el("p", { class: "small" }, words.noFigures));
  const steps = one.figures.filter((figure) => figure.title.startsWith("step"));
  const last = (steps.length ? steps : one.figures).at(-1);
  const shown = el("div", { class: "figures one" });
  const show = (id) => shown.replaceChildren(picture(`/trainings/${one.id}/figures/${id}.png`, one.figures.find((figure) => figure.id === id).title));
  place.replaceChildren(select(words.stepFigure, one.figures.map((figure) => [figure.id, figure.title]), last.id, show), shown);
  show(last.id);
}

async function newTraining(place, context) {
  const [data, recipes] = await Promise.all([ask("GET", "/datasets"), ask("GET", "/recipes")]);
  if (!data.length) return place.replaceChildren(el("h2", {}, words.newTraining), el("p", { class: "warning" }, words.noData));
  const wish = { data: data[0].id, recipe: recipes[0].name, sources: [], target: "", minutes: 30, name: "" };
  const contrasts = context.about.contrasts.map((one) => [one.name, one.title]);
  const [basics, fields, found, failed] = Array.from({ length: 4 }, () => el("div", { class: "stack" }));
  const check = el("button", { type: "button", class: "main", id: "check" }, words.checkFirst);
  const train = el("button", { type: "button", id: "train", disabled: true }, words.train);
  let form = null;
  let checked = null;

  const stale = () => { if (checked) found.replaceChildren(el("p", { class: "small" }, words.changedSince)); checked = null; train.disabled = true; };
  const order = () => ({ ...wish, fields: form.changed() });
  const choose = async (name) => {
    wish.recipe = name;
    stale();
    const told = await ask("GET", `/recipes/${name}`);
    Object.assign(wish, { sources: told.sources, target: told.target });
    form = recipeForm(told.fields, stale);
    fields.replaceChildren(form.element);
    const about = recipes.find((one) => one.name === name);
    const set = (key) => (value) => { wish[key] = value; stale(); };
    const typed = (id, key, label, value, hint, read = (text) => text) => el("div", { class: "entry" }, el("label", { for: id }, label),
      el("input", { id, type: "text", value, autocomplete: "off", "aria-describedby": `${id}-words`, onchange: (event) => set(key)(read(event.target.value.trim())) }), el("p", { class: "small", id: `${id}-words` }, hint));
    basics.replaceChildren(
      el("div", { class: "form-row" },
        select(words.data, data.map((one) => [one.id, one.name]), wish.data, set("data"), { id: "train-data" }),
        select(words.recipe, recipes.map((one) => [one.name, words.recipeMinutes(one)]), name, (value) => choose(value).catch((error) => problem(failed, error)), { id: "train-recipe" })),
      el("p", { class: "small" }, words.recipeWhen(about)),
      el("div", { class: "form-row" },
        sources(contrasts, wish, stale),
        select(words.target, contrasts, wish.target, set("target"), { id: "train-target" })),
      el("div", { class: "entries" },
        typed("train-minutes", "minutes", words.minutes, String(wish.minutes ?? ""), words.minutesHint, (text) => (text === "" ? null : Number(text))),
        typed("train-name", "name", words.name, wish.name, words.nameHint)));
  };
  check.addEventListener("click", async () => {
    failed.replaceChildren();
    check.disabled = true;
    try {
      let told = await ask("POST", "/checks", order());
      while (ACTIVE.includes(told.state)) {
        found.replaceChildren(el("p", { role: "status", class: "small" }, words.checking(told.stage, told.done, told.of)));
        await new Promise((resolve) => setTimeout(resolve, 500));
        told = await ask("GET", `/checks/${told.id}`);
      }
      if (told.state !== "done") throw new Error(told.reason);
      const errors = showFindings(found, told);
      checked = told.id;
      train.disabled = errors > 0;
      if (!train.disabled) train.classList.add("main");
    } catch (error) {
      found.replaceChildren();
      problem(failed, error);
    }
    check.disabled = false;
  });
  train.addEventListener("click", async () => {
    try {
      const told = await ask("POST", "/trainings", { ...order(), check: checked });
      location.hash = `training/${told.id}`;
    } catch (error) {
      problem(failed, error);
    }
  });
  await choose(wish.recipe);
  place.replaceChildren(el("h2", {}, words.newTraining), basics, el("p", { class: "small" }, words.checkHint), el("div", { class: "row" }, check, train), failed, found, fields);
}

function sources(contrasts, wish, stale) {
  const box = el("fieldset", { class: "checks" }, el("legend", {}, words.sources));
  for (const [name, title] of contrasts) {
    const input = el("input", { type: "checkbox", value: name, checked: wish.sources.includes(name), onchange: () => {
      wish.sources = [...box.querySelectorAll("input:checked")].map((one) => one.value);
      stale();
    } });
    box.append(el("label", {}, input, title));
  }
  return box;
}

/** What the preflight found; tells how many errors there are. */
function showFindings(place, told) {
  const count = (severity) => told.findings.filter((one) => one.severity === severity).length;
  const errors = count("error");
  const rows = told.findings.map((one) => [one.severity, one.case, one.message]);
  place.replaceChildren(
    el("p", { class: errors ? "warning" : "fine", role: "status" }, words.checked(told.cases, errors, count("warning"))),
    errors ? el("p", { class: "warning" }, words.errorsFirst) : "",
    rows.length ? grid(words.findingHead, rows) : el("p", { class: "small" }, words.nothingFound),
    told.left_out.length ? el("details", {}, el("summary", {}, words.leftOut(told.left_out.length)), el("ul", { class: "small" }, ...told.left_out.map((one) => el("li", {}, one)))) : "");
  return errors;
}
