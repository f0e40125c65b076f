/** What was recognised: a card for each scan, with its correction, and what can be made of it. */

import { ask, url } from "./api.js";
import { $, choice, el, select } from "./dom.js";
import { texts } from "./texts.js";
import { togetherCard } from "./together.js";

/** Shows the scans of an upload; `does` says what happens: `ordered` with a job, `look` with a scan. */
export function showScans(upload, contrasts, does) {
  const titles = Object.fromEntries(contrasts.map((one) => [one.name, one.title]));
  const all = togetherCard(upload, titles, does.ordered);
  $("drop").classList.toggle("compact", upload.scans.length > 0);
  $("scans-section").hidden = !upload.scans.length;
  $("scans").replaceChildren(...(all ? [all] : []), ...upload.scans.map((scan) => card(upload, scan, contrasts, does)));
}

function card(upload, scan, contrasts, does) {
  const problem = el("p", { class: "warning", role: "alert", hidden: true });
  const fail = (error) => { problem.hidden = false; problem.textContent = error.message; };
  const correct = (contrast) =>
    ask("PATCH", `/uploads/${upload.id}/scans/${scan.id}`, { contrast })
      .then((told) => showScans(told, contrasts, does))
      .catch(fail);
  const options = contrasts.map((one) => [one.name, one.title]);
  if (!scan.contrast) options.unshift(["", texts.unknown]);
  const picture = el("button", { type: "button", class: "peek", "aria-label": texts.lookAtScan, title: texts.lookAtScan, onclick: () => does.look(upload, scan) },
    el("img", { src: url(`/uploads/${upload.id}/scans/${scan.id}/slice.png`), alt: "", width: 84, height: 84 }));
  const reason = scan.contrast ? (scan.reason === "you said so" ? texts.youSaid : texts.because(scan.reason)) : texts.nobodyTells;
  return el(
    "article",
    { class: "card" },
    el(
      "div",
      { class: "head" },
      picture,
      el(
        "div",
        {},
        select(texts.shows, options, scan.contrast ?? "", correct),
        el("p", { class: "small" }, reason),
        el("p", { class: "small" }, texts.voxels(scan.shape, scan.spacing_mm)),
        el("p", { class: "small" }, `${texts.axes(scan.axes)}${scan.form === "dicom" ? ` · ${texts.dicom}` : ""}`),
      ),
    ),
    scan.synthetic ? el("p", { class: "warning" }, texts.madeByModel) : null,
    notes(scan.warnings),
    scan.contrast ? order(upload, scan, contrasts, does.ordered, fail) : null,
    problem,
  );
}

function notes(warnings) {
  if (!warnings.length) return null;
  const lines = warnings.map((one) => el("li", {}, one));
  return el("details", {}, el("summary", {}, texts.notes(lines.length)), el("ul", { class: "small" }, ...lines));
}

function order(upload, scan, contrasts, onordered, fail) {
  if (!scan.choices.length) return el("p", { class: "warning" }, texts.nothingFits);
  const titles = Object.fromEntries(contrasts.map((one) => [one.name, one.title]));
  const place = el("div", { class: "order" });
  const show = (name) => {
    const model = scan.choices.find((one) => one.model === name);
    let target = model.targets[0];
    const models = scan.choices.map((one) => [one.model, one.name]);
    const button = el("button", { type: "button", class: "main wide" }, texts.translate);
    button.addEventListener("click", () => {
      button.disabled = true;
      ask("POST", "/jobs", { upload: upload.id, scan: scan.id, model: model.model, target })
        .then(onordered)
        .catch(fail)
        .finally(() => { button.disabled = false; });
    });
    place.replaceChildren(
      ...(models.length > 1 ? [select(texts.model, models, name, show)] : []),
      el("div", { class: "field" }, el("span", {}, texts.target),
        choice(texts.target, model.targets.map((one) => [one, titles[one] ?? one]), target, (one) => { target = one; }).group),
      el("p", { class: "small" }, model.seconds === null ? texts.takesUnknown : texts.takes(model.seconds, model.memory_mib)),
      button,
    );
  };
  show(scan.choices[0].model);
  return place;
}
