/** The gallery of models: each with its card, scores, curves, figures and what it has seen; one may come, two be compared. */

import { ask, put } from "./api.js";
import { openComparison } from "./compare.js";
import { showCurves } from "./curves.js";
import { el } from "./dom.js";
import { layOut, picture, problem, section } from "./layout.js";
import { grid, markdown } from "./markdown.js";
import { number, words } from "./texts-rooms.js";

const SHOWN = 6;
const HEADLINES = ["MAE", "PSNR", "SSIM"];

export function open(place, [chosen, id], context) {
  const { list, detail } = layOut(place);
  const titled = (names) => names.map((name) => context.titles[name] ?? name).join(", ");
  const state = el("div", { role: "status" });
  const fill = async () => {
    const [models, tunings] = await Promise.all([ask("GET", "/models"), ask("GET", "/tunings")]);
    list.replaceChildren(
      el("h2", {}, words.modelsTitle),
      el("ul", { class: "choices" }, ...models.map((one) => line(one, chosen, titled))),
      uploader(state),
      models.length > 1 ? el("a", { class: "button", href: "#models/compare" }, words.compareModels) : "",
      ...(tunings.length ? [el("h2", {}, words.tunings), el("ul", { class: "choices" }, ...tunings.map((one) =>
        el("li", {}, el("a", { href: `#models/tuning/${one.id}`, "aria-current": one.id === id ? "true" : null },
          el("strong", {}, one.name), el("span", { class: "small" }, one.best === null ? words.noBest : words.best(one.best))))))] : []),
    );
    if (chosen === "compare") return openComparison(detail, models, context);
    if (chosen === "tuning") return showTuning(detail, tunings.find((one) => one.id === id));
    const model = models.find((one) => one.id === chosen);
    if (model) return showModel(detail, model, titled);
    detail.replaceChildren(el("p", { class: "hint" }, words.chooseModel));
  };
  let inner = null;
  fill().then((told) => { inner = told ?? null; place.dataset.ready = `models ${chosen ?? ""}`; }).catch((error) => problem(detail, error));
  return { close: () => inner?.close?.(), press: (event) => inner?.press?.(event) };
}

function line(one, chosen, titled) {
  return el("li", {}, el("a", { href: `#models/${one.id}`, "data-model": one.id, "aria-current": one.id === chosen ? "true" : null },
    el("strong", {}, one.name),
    el("span", { class: "small" }, words.modelMakes(titled(one.sources), titled(one.targets))),
    el("span", { class: "small" }, words.trainedOn(one.trained_on))));
}

function uploader(state) {
  const input = el("input", { type: "file", accept: ".zip", hidden: true, "aria-label": words.uploadModel, id: "model-file" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    const told = el("p", { class: "small" }, words.uploadingModel(0));
    state.replaceChildren(told);
    try {
      const { id } = await ask("POST", "/uploads");
      await put(`/uploads/${id}/files`, file, (gone) => { told.textContent = words.uploadingModel(gone / (file.size || 1)); });
      told.textContent = words.checkingModel;
      const model = await ask("POST", "/models", { upload: id });
      location.hash = `models/${model.id}`;
    } catch (error) {
      problem(state, error);
    }
  });
  return el("section", { class: "card" },
    el("button", { type: "button", onclick: () => input.click() }, words.uploadModel), input,
    el("p", { class: "small" }, words.uploadHint), state);
}

async function showModel(place, model, titled) {
  place.replaceChildren(el("p", { class: "hint", role: "status" }, words.loading));
  const page = await ask("GET", `/models/${model.id}`);
  const plots = el("div", { class: "plots" });
  const curves = page.has_curves ? await ask("GET", `/models/${model.id}/curves`) : [];
  const failed = el("div", {});
  place.replaceChildren(
    el("div", { class: "title" }, el("h2", {}, model.name),
      el("span", { class: "small" }, words.modelMakes(titled(model.sources), titled(model.targets))),
      page.came ? el("div", { class: "row" }, el("button", { type: "button", class: "quiet", onclick: () => remove(model, failed) }, words.removeModel)) : null),
    failed,
    el("p", { class: "small" }, words.about(page.method, page.size_bytes, model.digest)),
    page.paper ? el("p", { class: "small" }, page.paper) : "",
    section(words.scores, el("div", { class: "tables" }, ...scores(page.scores))),
    section(words.curves, page.has_curves ? plots : el("p", { class: "small" }, words.noLog)),
    page.figures.length ? section(words.figures, el("div", { class: "figures" }, ...page.figures.map((one) => picture(`/models/${model.id}/figures/${one.id}.png`, one.title)))) : "",
    section(words.fingerprint, ...fingerprint(page.fingerprint)),
    folded(words.card, el("div", { class: "prose" }, ...markdown(page.card))),
    folded(words.recipe, el("pre", { tabindex: 0 }, page.recipe)),
  );
  if (page.has_curves) await showCurves(plots, curves);
}

const folded = (title, inside) => el("details", { class: "part" }, el("summary", {}, title), inside);

function scores(all) {
  const tables = all.filter((one) => one.scores.length).map((one) => {
    const compared = one.scores.some((score) => score.lookup !== null);
    const head = [words.metric, words.model, ...(compared ? [words.lookup, words.beats] : [])];
    const rank = ({ title }) => (HEADLINES.includes(title) ? HEADLINES.indexOf(title) : HEADLINES.length);
    const rows = [...one.scores].sort((a, b) => rank(a) - rank(b)).map((score) => [
      `${score.title}${score.unit && score.unit !== "1" ? ` (${score.unit})` : ""}, ${words.better[score.better]}`,
      words.meanAnd(score.value, score.interval),
      ...(compared ? [number(score.lookup), score.beaten === null ? "" : score.beaten ? words.yes : words.no] : []),
    ]);
    const title = words.ofCases(one.title, one.cases);
    const rest = rows.length > SHOWN ? [el("details", {}, el("summary", {}, words.allMetrics(rows.length)), grid(head, rows, title))] : [];
    return el("div", { class: "scores" }, grid(head, rows.slice(0, SHOWN), title), el("p", { class: "small" }, one.note), ...rest);
  });
  const evaluated = all.some((one) => one.scores.some((score) => score.lookup !== null));
  return evaluated ? tables : [...tables, el("p", { class: "small" }, words.noEvaluation)];
}

function fingerprint(found) {
  const rows = found.contrasts.map((one) => [
    one.title, one.shape.join(" × "), one.spacing_mm.map((mm) => Number(mm.toFixed(2))).join(" × "),
    Object.entries(one.orientations).map(([codes, count]) => `${codes} ${count}`).join(", "),
    `${number(one.low)} to ${number(one.high)} ${one.unit}`,
  ]);
  return [grid(words.fingerprintHead, rows), el("p", { class: "small" }, words.fingerprintWords(found.cases, found.skull_stripped, found.foreground_mm))];
}

function remove(model, failed) {
  if (!window.confirm(words.sureModel)) return;
  ask("DELETE", `/models/${model.id}`).then(() => { location.hash = "models"; }).catch((error) => problem(failed, error));
}

function showTuning(place, one) {
  if (!one) return problem(place, new Error(words.chooseModel));
  const sign = one.direction === "maximise" ? -1 : 1;
  const ranked = [...one.trials].sort((a, b) => sign * ((a.value ?? sign * Infinity) - (b.value ?? sign * Infinity)));
  const rows = ranked.map((trial) => [
    trial.number === one.best ? `**${trial.number}**` : String(trial.number), trial.value === null ? "n/a" : number(trial.value),
    ...one.fields.map((field) => trial.values[field]), `${words.trialStates[trial.state] ?? trial.state} ${trial.reason}`.trim(),
  ]);
  place.replaceChildren(
    el("div", { class: "title" }, el("h2", {}, one.name)),
    el("p", { class: "small" }, one.best === null ? words.noBest : words.best(one.best)),
    grid(words.trialHead(one.metric, one.fields), rows, words.trials));
}
