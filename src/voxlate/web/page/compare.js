/** Two models on one scan: both translate it, and the results stand beside each other under one crosshair. */

import { ask, put, watch } from "./api.js";
import { el, select } from "./dom.js";
import { ofJob } from "./subjects.js";
import { words } from "./texts-rooms.js";
import { show } from "./viewer.js";

export function openComparison(place, models, context) {
  const chosen = { one: models[0].id, other: (models[1] ?? models[0]).id, target: "" };
  const of = (id) => models.find((one) => one.id === id);
  const file = el("input", { type: "file", hidden: true, "aria-label": words.scan, id: "compare-file" });
  const state = el("div", { role: "status" });
  const screen = el("div", { class: "look" });
  const form = el("div", { class: "form-row" });
  let viewer = null;
  let stop = [];

  const draw = () => {
    const common = of(chosen.one).targets.filter((name) => of(chosen.other).targets.includes(name));
    if (!common.includes(chosen.target)) [chosen.target = ""] = common;
    const named = models.map((one) => [one.id, one.name]);
    const set = (key) => (value) => { chosen[key] = value; draw(); };
    const why = chosen.one === chosen.other ? words.sameModel : common.length ? "" : words.noCommonTarget;
    form.replaceChildren(
      select(words.firstModel, named, chosen.one, set("one"), { id: "compare-one" }),
      select(words.secondModel, named, chosen.other, set("other"), { id: "compare-other" }),
      common.length ? select(words.target, common.map((name) => [name, context.titles[name] ?? name]), chosen.target, set("target"), { id: "compare-target" }) : "",
      el("button", { type: "button", class: "main", disabled: Boolean(why), onclick: () => file.click() }, words.chooseScan), file);
    state.replaceChildren(...(why ? [el("p", { class: "warning" }, why)] : []));
  };

  file.addEventListener("change", async () => {
    const [scan] = file.files;
    file.value = "";
    if (!scan) return;
    state.replaceChildren(el("p", { class: "small" }, words.uploadingModel(0)));
    try {
      const { id } = await ask("POST", "/uploads");
      await put(`/uploads/${id}/files`, scan, () => {});
      const told = await ask("POST", `/uploads/${id}/finish`);
      if (told.scans.length !== 1) throw new Error(told.left_out[0] ?? words.severalScans);
      const fits = [chosen.one, chosen.other].every((model) =>
        told.scans[0].choices.some((choice) => choice.model === model && choice.targets.includes(chosen.target)));
      if (!fits) throw new Error(words.scanDoesNotFit);
      const jobs = [];
      for (const model of [chosen.one, chosen.other]) {
        const order = { upload: id, scan: told.scans[0].id, model, target: chosen.target };
        state.replaceChildren(el("p", { class: "small" }, words.translating(of(model).name)));
        jobs.push(await ended(await ask("POST", "/jobs", order)));
      }
      state.replaceChildren();
      viewer = show(screen, beside(jobs, context.titles));
    } catch (error) {
      state.replaceChildren(el("p", { class: "warning", role: "alert" }, error.message));
    }
  });

  const ended = (job) => new Promise((resolve, reject) => {
    stop.push(watch(job.id, (told) => {
      if (told.state === "done") resolve(told);
      else if (["failed", "cancelled"].includes(told.state)) reject(new Error(told.reason));
    }));
  });

  place.replaceChildren(el("div", { class: "title" }, el("h2", {}, words.compareTitle)), el("p", { class: "small" }, words.compareHint), form, state, screen);
  draw();
  return { press: (event) => viewer?.press(event), close: () => { for (const one of stop) one(); stop = []; } };
}

/** Both predictions in one window: that of the first. */
function beside(jobs, titles) {
  const [left, right] = jobs.map((job) => ({ ...ofJob(job, titles).right, label: job.model }));
  return { key: jobs.map((job) => job.id).join(" "), left: [left], right: { ...right, window: left.window } };
}
