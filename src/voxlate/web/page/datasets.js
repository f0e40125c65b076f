/** Data sets: which there are, a grid of cases and contrasts, what can be made, and what became of each case. */

import { ask, url, watch } from "./api.js";
import { choice, el, select } from "./dom.js";
import { grid } from "./grid.js";
import { ofCase } from "./subjects.js";
import { texts } from "./texts.js";
import { show } from "./viewer.js";

const ACTIVE = ["queued", "running"];
const LOOK_MS = 700;
const words = texts.cohorts;

/** The room of data sets; the address may name one, and a run: `#datasets/ID/RUN`. */
export function open(place, rest, { titles }) {
  const room = new Cohorts(place, titles);
  room.begin(...rest);
  return { close: () => room.leave(), press: (event) => room.viewer?.press(event) };
}

class Cohorts {
  constructor(place, titles) {
    Object.assign(this, { titles, told: null, job: null, jobs: [], sets: [], cases: [], folder: "", wish: {}, watched: null, viewer: null });
    this.names = el("ul", { class: "choices" });
    this.runs = el("ol", { class: "runs" });
    this.stage = el("div", { class: "whole" });
    place.replaceChildren(el("div", { class: "list" }, el("h2", {}, words.title), this.names, el("h2", {}, words.runs), this.runs), this.stage);
  }

  title(name) {
    return this.titles[name] ?? name;
  }

  leave() {
    this.left = true;
    this.watched?.();
  }

  async begin(id, run) {
    try {
      this.sets = await ask("GET", "/datasets");
      await this.readJobs();
    } catch (error) {
      this.say(error.message);
      return;
    }
    this.names.replaceChildren(...this.sets.map((one) => el("li", {},
      el("a", { href: `#datasets/${one.id}`, "aria-current": one.id === id ? "true" : null }, one.name))));
    if (!this.sets.length) this.names.replaceChildren(el("li", { class: "small" }, words.noneShort));
    if (this.sets.some((one) => one.id === id)) await this.choose(id, { run });
    else this.say(this.sets.length ? words.choose : words.none);
  }

  say(sentence) {
    this.stage.replaceChildren(el("p", { class: "hint", role: "status" }, sentence));
  }

  async readJobs() {
    this.jobs = (await ask("GET", "/jobs")).filter((job) => job.kind === "complete");
    this.showJobs();
  }

  /** Chooses a data set: looks at it if nobody has, and waits for what is found. */
  async choose(id, { run = null, anew = false } = {}) {
    try {
      let told = await ask("GET", `/datasets/${id}`);
      if (anew || told.state === "unknown") told = await ask("POST", `/datasets/${id}/look`);
      while (told.state === "looking") {
        this.say(words.looking(told.name));
        await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
        if (this.left) return;
        told = await ask("GET", `/datasets/${id}`);
      }
      this.told = told;
    } catch (error) {
      this.say(error.message);
      return;
    }
    if (this.told.state === "failed") {
      this.stage.replaceChildren(el("p", { class: "warning", role: "alert" }, this.told.reason), this.again());
      return;
    }
    Object.assign(this, { wish: {}, marked: new Set() });
    await this.follow(this.jobs.find((job) => job.id === run) ?? this.jobs.find((job) => job.dataset === id) ?? null);
  }

  /** Shows what became of the cases of a job, as long as it goes on. */
  async follow(job) {
    this.watched?.();
    Object.assign(this, { job, cases: [], watched: null });
    if (job) {
      await this.readCases();
      if (ACTIVE.includes(job.state)) this.watched = watch(job.id, (told) => this.changed(told));
    }
    this.show();
    this.showJobs();
  }

  async changed(job) {
    if (job.id !== this.job?.id) return;
    this.job = job;
    this.jobs = this.jobs.map((one) => (one.id === job.id ? job : one));
    await this.readCases();
    this.showJobs();
    if (!this.stage.querySelector(".look")) this.show();
  }

  async readCases() {
    const told = await ask("GET", `/jobs/${this.job.id}/cases`);
    Object.assign(this, { cases: told.cases, folder: told.folder });
  }

  again() {
    return el("button", { type: "button", class: "quiet", onclick: () => this.choose(this.told.id, { anew: true, run: this.job?.id }) }, words.again);
  }

  show() {
    const { told } = this;
    if (!told || told.state !== "known") return;
    const kept = this.stage.querySelector(".sheet-scroll")?.scrollTop ?? 0;
    const active = document.activeElement?.dataset?.key;
    this.stage.replaceChildren(
      el("div", { class: "title" },
        el("h2", {}, told.name),
        el("p", { class: "small" }, words.holds(told.cases.length, told.contrasts.length, told.left_out)),
        el("div", { class: "row" }, this.again())),
      this.order(),
      ...(this.job ? [this.made()] : []),
      grid(told, this.titles, this.job, this.cases, this, { contrast: this.wish.target, marked: this.marked, turn: (name) => this.mark(name) }),
    );
    this.stage.querySelector(".sheet-scroll").scrollTop = kept;
    if (active) this.stage.querySelector(`[data-key="${CSS.escape(active)}"]`)?.focus();
  }

  mark(name) {
    if (!this.marked.delete(name)) this.marked.add(name);
    this.show();
  }

  /** What is to be made: target, model, of which cases. */
  order() {
    const { choices } = this.told;
    const problem = el("p", { class: "warning", role: "alert", hidden: true });
    if (!choices.length) return el("p", { class: "warning" }, words.nothingFits);
    const targets = [...new Set(choices.flatMap((one) => one.makes.map((make) => make.target)))];
    const most = (name) => Math.max(...choices.map((one) => one.makes.find((make) => make.target === name)?.lacking ?? 0));
    const first = [...targets].sort((one, other) => this.rank(most(one)) - this.rank(most(other)))[0];
    const wish = Object.assign(this.wish, { target: this.wish.target ?? first });
    const able = choices.filter((one) => one.makes.some((make) => make.target === wish.target));
    if (!able.some((one) => one.model === wish.model)) wish.model = able[0].model;
    const model = able.find((one) => one.model === wish.model);
    const counts = model.makes.find((make) => make.target === wish.target);
    const whole = wish.every || (!counts.lacking && !wish.poor && !this.marked.size);
    const number = whole ? counts.every : counts.lacking + (wish.poor ? counts.poor : 0) + this.marked.size;
    const set = (name) => (value) => {
      if (name === "target") this.marked.clear();
      wish[name] = value;
      this.show();
    };
    const from = model.sources.filter((name) => name !== wish.target).map((name) => this.title(name));
    const tick = (name, label, disabled) => el("label", { class: "tick" },
      el("input", { type: "checkbox", checked: Boolean(wish[name]), disabled, "data-key": `tick ${name}`, onchange: (event) => set(name)(event.target.checked) }), label);
    const button = el("button", { type: "button", class: "main", "data-key": "make", disabled: !number }, words.make(this.title(wish.target), number));
    button.addEventListener("click", () => this.make(button, problem));
    return el("div", { class: "wish" },
      el("div", { class: "bar" },
        el("div", { class: "field" }, el("span", {}, texts.target), choice(texts.target, targets.map((one) => [one, this.title(one)]), wish.target, set("target")).group),
        able.length > 1 ? select(texts.model, able.map((one) => [one.model, one.name]), wish.model, set("model"), { "data-key": "model" }) : null,
        el("p", { class: "small" }, model.takes_any ? words.fromAny(from) : words.fromAll(from))),
      el("div", { class: "bar" },
        tick("poor", words.alsoPoor(counts.poor), !counts.poor),
        tick("every", words.everyCase(counts.every), !counts.lacking),
        button),
      el("p", { class: "small" }, words.marking(this.title(wish.target))),
      problem);
  }

  /** Targets that some cases lack come first, then those that all lack, then those that none does. */
  rank(lacking) {
    if (!lacking) return 2;
    return lacking < this.told.cases.length ? 0 : 1;
  }

  async make(button, problem) {
    button.disabled = true;
    try {
      const { target, model, poor = false, every = false } = this.wish;
      const job = await ask("POST", `/datasets/${this.told.id}/jobs`, { target, model, poor, every, marked: [...this.marked] });
      await this.readJobs();
      await this.follow(job);
    } catch (error) {
      problem.hidden = false;
      problem.textContent = error.message;
      button.disabled = false;
    }
  }

  /** How far the job is, and where its images lie. */
  made() {
    const { job } = this;
    const counts = words.counts(this.cases);
    const links = job.state === "done"
      ? [el("a", { href: url(`/jobs/${job.id}/files/image`), download: true, class: "button" }, words.download)] : [];
    return el("div", { class: `made ${job.state}`, role: "status" },
      el("div", { class: "row" },
        el("strong", {}, `${words.run} ${this.title(job.target)}`), el("span", { class: "state" }, texts.states[job.state]), el("span", { class: "small" }, counts),
        el("div", { class: "row end" }, ...this.acts(job, "stage"), ...links)),
      job.state === "running" ? el("progress", { max: Math.max(1, job.of), value: job.of ? job.done : null, "aria-label": counts }) : null,
      job.reason ? el("p", { class: "warning" }, job.reason) : null,
      el("p", { class: "small path" }, `${words.folder} `, el("code", {}, this.folder)));
  }

  acts(job, where) {
    const act = (label, method, path) => el("button", {
      type: "button", class: "quiet", "data-key": `${where} ${job.id} ${label}`,
      onclick: () => ask(method, `/jobs/${job.id}${path}`).catch(() => null).then(() => this.refresh(job.id)),
    }, label);
    if (ACTIVE.includes(job.state)) return [act(texts.cancel, "POST", "/cancel")];
    const again = job.state === "done" ? [] : [act(words.resume, "POST", "/retry")];
    return [...again, act(texts.remove, "DELETE", "")];
  }

  async refresh(id) {
    await this.readJobs();
    if (this.job?.id === id) await this.follow(this.jobs.find((job) => job.id === id) ?? null);
  }

  showJobs() {
    const lines = this.jobs.map((job) => el("li", { class: `job ${job.state}`, "data-job": job.id },
      el("div", { class: "row" },
        el("strong", {}, `${job.title} → ${this.title(job.target)}`), el("span", { class: "state" }, texts.states[job.state])),
      job.state === "running" && job.of ? el("p", { class: "small" }, words.progress(job.done, job.of)) : null,
      el("div", { class: "row end" },
        el("a", { class: "button main", href: `#datasets/${job.dataset}/${job.id}` }, texts.look), ...this.acts(job, "list"))));
    this.runs.replaceChildren(...(lines.length ? lines : [el("li", { class: "small" }, texts.noJobs)]));
  }

  /** Opens what a run made of a case in the viewer. */
  look(number) {
    const { job } = this;
    const mark = el("span", { class: "mark" }, texts.mark);
    return this.lookAt(`/jobs/${job.id}/cases/${number}`, `${this.cases[number].case} → ${this.title(job.target)}`, mark);
  }

  /** Opens the scans of a case. */
  peek(number) {
    return this.lookAt(`/datasets/${this.told.id}/cases/${number}`, this.told.cases[number].case, null);
  }

  async lookAt(place, title, mark) {
    const back = el("button", { type: "button", onclick: () => { this.viewer = null; this.show(); } }, words.back);
    const screen = el("div", { class: "look" }, el("p", { class: "small", role: "status" }, texts.loading));
    this.stage.replaceChildren(el("div", { class: "title" }, back, el("h2", {}, title), ...(mark ? [mark] : [])), screen);
    this.stage.closest("main").focus(); // where keys are the viewer's
    try {
      const told = await ask("POST", `${place}/look`);
      if (!screen.isConnected) return;
      if (told.warnings.length) screen.before(el("details", { class: "warnings" }, el("summary", {}, texts.warned), el("ul", {}, ...told.warnings.map((one) => el("li", {}, one)))));
      this.viewer = show(screen, ofCase(place, told, this.titles));
    } catch (error) {
      screen.replaceChildren(el("p", { class: "warning", role: "alert" }, error.message));
    }
  }
}
