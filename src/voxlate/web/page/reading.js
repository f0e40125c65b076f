/** A reader at a study: two images under no name, a choice, two ratings, and the next pair. */

import { ask, url } from "./api.js";
import { el } from "./dom.js";
import { problem } from "./layout.js";
import { words } from "./texts-rooms.js";
import { show } from "./viewer.js";

const SIDES = ["left", "right"];

export function openReading(place, study, reader, context) {
  const screen = el("div", { class: "look" });
  const desk = el("div", { class: "reading" });
  const head = el("div", { class: "title" });
  const failed = el("div", { role: "status" });
  place.replaceChildren(el("div", { class: "whole" }, head, failed, screen, desk));
  let viewer = null;

  const next = async () => {
    const [about, sight] = [await ask("GET", `/studies/${study}`), await ask("POST", `/studies/${study}/next`, { reader })];
    const back = el("a", { class: "button quiet", href: `#readers/${study}` }, words.backToStudy);
    forget(screen);
    failed.replaceChildren();
    if (sight.key === null) {
      head.replaceChildren(el("h2", {}, about.title), el("div", { class: "row" }, back));
      screen.replaceChildren(el("p", { class: "hint", role: "status" }, words.allRead));
      desk.replaceChildren();
      place.dataset.ready = "all read";
      return;
    }
    head.replaceChildren(el("h2", {}, words.pairOf(sight.read, sight.of)), el("span", { class: "small" }, `${reader} · ${words.saved}`), el("div", { class: "row" }, back));
    viewer = show(screen, blinded(study, sight.key, context.titles[about.target] ?? about.target));
    desk.replaceChildren(questions(about.kind, (said) => ask("POST", `/studies/${study}/pairs/${sight.key}/answer`, said).then(next)));
    place.dataset.ready = sight.key;
  };
  next().catch((error) => problem(failed, error));
  return { press: (event) => viewer?.press(event), close: () => forget(screen) };
}

/** Gives the drawing contexts of a viewer back: a browser has few, and a study many pairs. */
function forget(screen) {
  for (const canvas of screen.querySelectorAll("canvas")) canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
  screen.replaceChildren();
}

/** A pair as the viewer shows it: two images that differ in nothing but what they show. */
function blinded(study, key, contrast) {
  const [left, right] = SIDES.map((side) => {
    const place = `/studies/${study}/pairs/${key}/${side}`;
    const slice = ({ plane, share }) => url(`${place}.png?${new URLSearchParams({ plane, share })}`);
    return { label: words[side], contrast, unit: "", window: [0, 255], synthetic: false, view: url(`${place}.nii`), slice };
  });
  return { key, left: [left], right, blinded: true };
}

function questions(kind, save) {
  const problems = el("p", { class: "warning", role: "alert", hidden: true });
  const radio = (name, value, text) => el("label", {}, el("input", { type: "radio", name, value }), text);
  const group = (name, title, options, hint) => el("fieldset", {}, el("legend", {}, title), el("div", { class: "row" }, ...options.map(([value, text]) => radio(name, value, text)), hint ? el("span", { class: "small" }, hint) : ""));
  const grades = [1, 2, 3, 4, 5].map((one) => [String(one), String(one)]);
  const button = el("button", { type: "submit", class: "main" }, words.save);
  const form = el("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const told = new FormData(form);
      if (!["choice", "left", "right"].every((name) => told.get(name))) { problems.hidden = false; problems.textContent = words.missing; return; }
      button.disabled = true;
      save({ choice: told.get("choice"), left: Number(told.get("left")), right: Number(told.get("right")), artefacts: told.get("artefacts") })
        .catch((error) => { problems.hidden = false; problems.textContent = error.message; button.disabled = false; });
    },
  },
  group("choice", words.questions[kind], SIDES.map((side) => [side, words[side]])),
  group("left", words.rating.left, grades, words.ratingHint),
  group("right", words.rating.right, grades),
  el("label", { class: "note" }, words.artefacts, el("textarea", { name: "artefacts", rows: 1, maxlength: 2000 })),
  problems, button);
  return form;
}
