/** The list of translations: waiting, running with a forecast, ended; the server's list is the truth. */

import { ask, watch } from "./api.js";
import { $, el } from "./dom.js";
import { texts } from "./texts.js";

const ACTIVE = ["queued", "running"];

export class Queue {
  constructor(titles, onlook) {
    this.titles = titles;
    this.onlook = onlook;
    this.jobs = [];
    this.awaited = null;
    this.watched = new Map();
    setInterval(() => this.tick(), 500);
  }

  /** Reads the list; the job that is awaited is looked at when it is done. */
  async read() {
    this.jobs = (await ask("GET", "/jobs")).filter((job) => job.kind === "translate");
    const active = this.jobs.filter((job) => ACTIVE.includes(job.state)).reverse().slice(0, 2);
    for (const [name, stop] of this.watched) {
      if (!active.some((job) => job.id === name)) { stop(); this.watched.delete(name); }
    }
    for (const job of active) {
      if (!this.watched.has(job.id)) this.watched.set(job.id, watch(job.id, (told) => this.told(told)));
    }
    this.show();
  }

  async await(job) {
    this.awaited = job.id;
    await this.read();
    document.querySelector(`[data-job="${CSS.escape(job.id)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  told(job) {
    this.jobs = this.jobs.map((one) => (one.id === job.id ? job : one));
    this.show();
    if (ACTIVE.includes(job.state)) return;
    if (job.id === this.awaited && job.state === "done") this.onlook(job);
    this.read();
  }

  show() {
    const kept = document.activeElement?.dataset?.key;
    const lines = this.jobs.map((job) => this.line(job));
    $("jobs").replaceChildren(...(lines.length ? lines : [el("li", { class: "small" }, texts.noJobs)]));
    if (kept) document.querySelector(`[data-key="${CSS.escape(kept)}"]`)?.focus();
    this.tick();
  }

  line(job) {
    const title = (name) => this.titles[name] ?? name;
    const act = (words, method, path) => el(
      "button",
      {
        type: "button",
        class: "quiet",
        "data-key": `${job.id} ${words}`,
        onclick: () => ask(method, `/jobs/${job.id}${path}`).catch(() => null).then(() => this.read()),
      },
      words,
    );
    const look = () => el(
      "button",
      { type: "button", class: "main", "data-key": `${job.id} look`, onclick: () => this.onlook(job) },
      texts.look,
    );
    const took = job.state === "done" ? ` ${texts.took(job.ended - job.began)}` : "";
    return el(
      "li",
      { class: `job ${job.state}`, "data-job": job.id },
      el("div", { class: "row" },
        el("strong", {}, `${job.sources.map(title).join(" + ")} → ${title(job.target)}`),
        el("span", { class: "state" }, `${texts.states[job.state]}${took}`)),
      job.state === "running" ? el("progress", { max: 1, "aria-label": texts.states.running }) : null,
      job.state === "running" ? el("p", { class: "small left" }) : null,
      job.reason ? el("p", { class: "warning" }, job.reason) : null,
      el("div", { class: "row end" },
        ...(job.state === "done" ? [look()] : []),
        ...(ACTIVE.includes(job.state) ? [act(texts.cancel, "POST", "/cancel")] : []),
        ...(["failed", "cancelled"].includes(job.state) ? [act(texts.retry, "POST", "/retry")] : []),
        ...(ACTIVE.includes(job.state) ? [] : [act(texts.remove, "DELETE", "")])),
    );
  }

  /** Moves the bars on: by the time so far of the time that is expected. */
  tick() {
    for (const job of this.jobs.filter((one) => one.state === "running")) {
      const line = document.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
      const passed = Math.max(0, Date.now() / 1000 - job.began);
      const stage = texts.stages[job.stage] ?? job.stage;
      const left = job.expected_s === null ? texts.soFar(passed)
        : passed < job.expected_s ? texts.left(job.expected_s - passed) : texts.longer(passed);
      if (job.expected_s !== null) line.querySelector("progress").value = Math.min(0.97, passed / job.expected_s);
      line.querySelector(".left").textContent = `${stage}, ${left}`;
    }
  }
}
