/** Reader studies: begun, read without knowing which image is which, closed, reported. */

import { ask, url } from "./api.js";
import { el, select } from "./dom.js";
import { layOut, problem, repeat } from "./layout.js";
import { grid } from "./markdown.js";
import { openReading } from "./reading.js";
import { words } from "./texts-rooms.js";

const ACTIVE = ["queued", "running"];

export function open(place, [chosen, reading, reader], context) {
  if (reading === "read" && reader) return openReading(place, chosen, reader, context);
  const { list, detail } = layOut(place);
  let asked = false;
  let shown = "";
  const fill = async () => {
    const studies = await ask("GET", "/studies");
    const kept = document.activeElement?.getAttribute?.("href");
    list.replaceChildren(
      el("h2", {}, words.readersTitle),
      el("a", { class: "button main", href: "#readers/new" }, words.newStudy),
      studies.length ? el("ul", { class: "choices" }, ...studies.map((one) => line(one, chosen))) : el("p", { class: "small" }, words.noStudies));
    if (kept) list.querySelector(`[href="${CSS.escape(kept)}"]`)?.focus();
    const one = studies.find((study) => study.id === chosen);
    if (one && JSON.stringify(one) !== shown) { shown = JSON.stringify(one); await showStudy(detail, one, context); }
    else if (!one && !asked) { asked = true; await newStudy(detail, context).catch((error) => problem(detail, error)); }
    place.dataset.ready = `readers ${chosen ?? ""}`;
  };
  return { close: repeat(1.5, fill) };
}

function line(one, chosen) {
  return el("li", {}, el("a", { href: `#readers/${one.id}`, "aria-current": one.id === chosen ? "true" : null },
    el("strong", {}, one.title), el("span", { class: "small" }, words.studyKinds[one.kind]), el("span", { class: "state" }, stateOf(one))));
}

function stateOf(one) {
  if (one.closed) return words.closed;
  if (one.state === "queued") return words.waitingForPairs;
  if (one.state === "running") return words.making(one.made, one.pairs);
  return one.state === "done" ? words.ready(one.pairs) : one.state === "failed" ? words.failed : words.stopped;
}

async function showStudy(place, one, context) {
  const failed = el("div", {});
  const act = (text, sure, work) => el("button", { type: "button", class: "quiet", onclick: () => {
    if (!sure || window.confirm(sure)) work().catch((error) => problem(failed, error));
  } }, text);
  const remove = () => ask("DELETE", `/studies/${one.id}`).then(() => { location.hash = "readers"; });
  const active = ACTIVE.includes(one.state);
  const read = Object.entries(one.readers);
  place.replaceChildren(
    el("div", { class: "title" }, el("h2", {}, one.title), el("span", { class: "small" }, `${words.studyKinds[one.kind]} ${context.titles[one.target] ?? one.target}`),
      el("div", { class: "row" },
        active ? act(words.stopped, "", () => ask("POST", `/studies/${one.id}/cancel`)) : "",
        one.state === "done" && !one.closed && read.length ? act(words.close, words.sureClose, () => ask("POST", `/studies/${one.id}/close`)) : "",
        active ? "" : act(words.remove, words.sureStudy, remove))),
    failed,
    el("p", { role: "status", "data-state": one.closed ? "closed" : one.state }, stateOf(one)),
    active ? el("progress", { max: one.pairs, value: one.made, "aria-label": stateOf(one) }) : "",
    one.reason ? el("p", { class: "warning" }, one.reason) : "",
    one.state === "done" && !one.closed ? sitDown(one) : "",
    one.closed ? "" : read.length ? el("ul", {}, ...read.map(([name, count]) => el("li", {}, words.readSoFar(name, count, one.pairs)))) : el("p", { class: "small" }, words.nobody));
  if (one.closed) place.append(...report(one, await ask("GET", `/studies/${one.id}/report`)));
}

/** Where a reader begins, or goes on. */
function sitDown(one) {
  const name = el("input", { id: "reader", type: "text", maxlength: 80, autocomplete: "off", required: true, "aria-describedby": "reader-words" });
  const go = (event) => {
    event.preventDefault();
    if (name.value.trim()) location.hash = `readers/${one.id}/read/${encodeURIComponent(name.value.trim())}`;
  };
  return el("form", { class: "card sit", onsubmit: go },
    el("div", { class: "entry" }, el("label", { for: "reader" }, words.readerName), name, el("p", { class: "small", id: "reader-words" }, words.readerHint)),
    el("button", { class: "main", type: "submit" }, words.read));
}

function report(one, told) {
  const row = (share) => [share.reader === "all readings" ? words.allReadings : share.reader, `${share.count} of ${share.of}`, words.shareOf(share.count / share.of), words.shareInterval(share.interval), words.pValue(share.p)];
  const rows = [...told.readers, ...(told.readers.length > 1 ? [told.pooled] : [])].map(row);
  return [
    el("p", { class: "verdict" }, told.sentence),
    told.seen ? el("p", { class: "warning" }, words.seenCases(told.seen)) : "",
    grid(words.reportHead(told.kinds[0]), rows, words.report),
    told.agreement ? el("p", {}, words.agreement(told.agreement, told.kappa, told.shared)) : "",
    el("p", {}, words.ratings(told.kinds, told.ratings, told.rating_gap, told.rating_gap_interval)),
    el("p", { class: "small" }, `${told.blinding} ${words.seedWas(told.seed)}`),
    told.left_out.length ? el("details", {}, el("summary", {}, `${words.leftOutCases} (${told.left_out.length})`), el("ul", { class: "small" }, ...told.left_out.map((line) => el("li", {}, line)))) : "",
    el("div", { class: "row" },
      el("a", { class: "button", download: true, href: url(`/studies/${one.id}/answers.csv`) }, words.answersCsv),
      el("a", { class: "button", download: true, href: url(`/studies/${one.id}/report.html`) }, words.reportPage)),
  ];
}

async function newStudy(place, context) {
  const [data, models] = await Promise.all([ask("GET", "/datasets"), ask("GET", "/models")]);
  if (!data.length) return place.replaceChildren(el("h2", {}, words.newStudy), el("p", { class: "warning" }, words.noData));
  const wish = { kind: "real", data: data[0].id, one: models[0]?.id, other: models[1]?.id ?? models[0]?.id, target: models[0]?.targets[0] };
  const form = el("div", { class: "stack" });
  const failed = el("div", {});
  const draw = () => {
    const named = models.map((one) => [one.id, one.name]);
    const of = (id) => models.find((one) => one.id === id);
    const both = wish.kind === "models" ? [wish.one, wish.other] : [wish.one];
    const common = of(wish.one).targets.filter((name) => both.every((id) => of(id).targets.includes(name)));
    if (!common.includes(wish.target)) [wish.target = ""] = common;
    const set = (key) => (value) => { wish[key] = value; draw(); };
    form.replaceChildren(
      el("div", { class: "form-row" },
        select(words.studyKind, Object.entries(words.studyKinds), wish.kind, set("kind"), { id: "study-kind" }),
        select(words.data, data.map((one) => [one.id, one.name]), wish.data, set("data"), { id: "study-data" })),
      el("div", { class: "form-row" },
        select(wish.kind === "models" ? words.firstModel : words.model, named, wish.one, set("one"), { id: "study-one" }),
        wish.kind === "models" ? select(words.secondModel, named, wish.other, set("other"), { id: "study-other" }) : "",
        select(words.target, common.map((name) => [name, context.titles[name] ?? name]), wish.target, set("target"), { id: "study-target" })),
      wish.kind === "models" && wish.one === wish.other ? el("p", { class: "warning" }, words.sameModel) : "");
  };
  const entry = (id, label, value, hint) => el("div", { class: "entry" }, el("label", { for: id }, label), el("input", { id, type: "text", value, autocomplete: "off", "aria-describedby": `${id}-words` }), el("p", { class: "small", id: `${id}-words` }, hint));
  const typed = el("div", { class: "entries" }, entry("study-title", words.studyTitle, words.readersTitle, ""), entry("study-cases", words.cases, "20", ""), entry("study-seed", words.seed, "", words.seedHint));
  const value = (id) => typed.querySelector(`#${id}`).value.trim();
  const begin = () => {
    const models = wish.kind === "models" ? [wish.one, wish.other] : [wish.one];
    const order = { title: value("study-title"), kind: wish.kind, data: wish.data, models, target: wish.target, cases: Number(value("study-cases")), seed: value("study-seed") === "" ? null : Number(value("study-seed")) };
    ask("POST", "/studies", order).then((told) => { location.hash = `readers/${told.id}`; }).catch((error) => problem(failed, error));
  };
  draw();
  place.replaceChildren(el("h2", {}, words.newStudy), el("p", { class: "small" }, words.studyHint), form, typed, failed,
    el("div", { class: "row" }, el("button", { type: "button", class: "main", id: "begin", onclick: begin }, words.begin)));
}
