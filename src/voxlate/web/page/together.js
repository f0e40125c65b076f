/** Several scans of one person as one source: which of them are used, what is made of them, and by which model. */

import { ask } from "./api.js";
import { choice, el, select } from "./dom.js";
import { texts } from "./texts.js";

/** The card for all scans of an upload at once; null where no model takes more than one of them. */
export function togetherCard(upload, titles, onordered) {
  if (!upload.together.length) return null;
  const problem = el("p", { class: "warning", role: "alert", hidden: true });
  const place = el("div", { class: "order" });
  const show = (name) => {
    const model = upload.together.find((one) => one.model === name);
    let target = model.targets[0];
    const used = new Set(model.scans);
    const button = el("button", { type: "button", class: "main wide" }, texts.translate);
    const boxes = model.scans.map((id) => {
      const scan = upload.scans.find((one) => one.id === id);
      const tick = (event) => {
        if (event.target.checked) used.add(id);
        else used.delete(id);
        button.disabled = !used.size;
      };
      return el("label", { class: "tick" }, el("input", { type: "checkbox", checked: true, onchange: tick }), titles[scan.contrast]);
    });
    button.addEventListener("click", async () => {
      const [scan, ...also] = model.scans.filter((id) => used.has(id));
      button.disabled = true;
      try {
        onordered(await ask("POST", "/jobs", { upload: upload.id, scan, also, model: model.model, target }));
      } catch (error) {
        problem.hidden = false;
        problem.textContent = error.message;
      }
      button.disabled = false;
    });
    place.replaceChildren(
      ...(upload.together.length > 1 ? [select(texts.model, upload.together.map((one) => [one.model, one.name]), name, show)] : []),
      el("fieldset", { class: "ticks" }, el("legend", {}, texts.from), ...boxes),
      el("div", { class: "field" }, el("span", {}, texts.target),
        choice(texts.target, model.targets.map((one) => [one, titles[one] ?? one]), target, (one) => { target = one; }).group),
      el("p", { class: "small" }, model.seconds === null ? texts.takesUnknown : texts.takes(model.seconds, model.memory_mib)),
      button,
    );
  };
  show(upload.together[0].model);
  return el("article", { class: "card together" }, el("h3", {}, texts.togetherTitle), el("p", { class: "small" }, texts.togetherWhy), place, problem);
}
