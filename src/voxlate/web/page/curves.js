/** Curves of a training, by uPlot: the losses of the steps, and the metrics of the validations, a plot for each. */

import { el } from "./dom.js";
import { grid } from "./markdown.js";
import { number, words } from "./texts-rooms.js";

const COLOURS = ["#63c5f5", "#ffc43d", "#7fd6a5", "#ff9d8a", "#c9a6ff", "#e4ebf0"];
const FIRST = ["MAE", "PSNR", "SSIM", "Dice"];

/** Loaded when the first curve is shown. */
const load = async () => {
  try {
    const { default: Plot } = await import("/page/vendor/uPlot.esm.js");
    document.head.append(el("link", { rel: "stylesheet", href: "/page/vendor/uPlot.min.css" }));
    return Plot;
  } catch {
    return null;
  }
};
let loaded = null;

/** Shows curves in an element, and again whenever it is called; tables where the plots cannot be drawn. */
export async function showCurves(place, curves) {
  if (!curves.length) return place.replaceChildren(el("p", { class: "small" }, words.noCurves));
  const Plot = await (loaded ??= load());
  const losses = curves.filter((one) => one.kind === "loss");
  const metrics = curves.filter((one) => one.kind === "metric").sort((a, b) => rank(a) - rank(b));
  const groups = [[words.losses, losses], ...metrics.slice(0, 3).map((one) => [one.title, [one]])].filter(([, all]) => all.length);
  if (!Plot) return place.replaceChildren(el("p", { class: "small" }, words.noPlots), last(curves));
  const wanted = groups.map(([title]) => title).join("|");
  if (place.dataset.plots !== wanted || !place.plots) {
    place.dataset.plots = wanted;
    place.plots = null;
    place.replaceChildren(...groups.map(() => el("figure", { class: "plot" })), el("details", {}, el("summary", {}, words.lastValues)));
  }
  place.querySelector("details").replaceChildren(el("summary", {}, words.lastValues), last(curves));
  place.plots ??= groups.map(([title, all], index) => plot(Plot, place.children[index], title, all));
  groups.forEach(([, all], index) => place.plots[index].setData(table(all)));
}

const rank = (one) => (FIRST.includes(one.title) ? FIRST.indexOf(one.title) : FIRST.length);

function table(curves) {
  const steps = [...new Set(curves.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const rows = curves.map((one) => {
    const at = new Map(one.steps.map((step, index) => [step, one.values[index]]));
    return steps.map((step) => at.get(step) ?? null);
  });
  return [steps, ...rows];
}

function plot(Plot, figure, title, curves) {
  const ink = { stroke: "#a3b3bf", grid: { stroke: "#2c3842", width: 1 }, ticks: { stroke: "#2c3842", width: 1 }, font: "12px system-ui" };
  const direction = curves.length === 1 && curves[0].kind === "metric" ? words.better[curves[0].better] : "";
  const values = (value) => (value === null || value === undefined ? "–" : number(value));
  const made = new Plot({
    title: direction ? `${title} (${direction})` : title,
    width: figure.clientWidth || 420,
    height: 210,
    scales: { x: { time: false } },
    axes: [{ ...ink, label: words.steps, labelFont: "12px system-ui", labelSize: 18 }, { ...ink, size: 62, values: (_, all) => all.map(values) }],
    series: [{ label: words.step, value: (_, value) => values(value) }, ...curves.map((one, index) => ({
      label: one.title, stroke: COLOURS[index % COLOURS.length], width: 1.6, spanGaps: true,
      dash: index < COLOURS.length ? undefined : [6, 4], points: { show: one.steps.length < 30 }, value: (_, value) => values(value),
    }))],
  }, table(curves), figure);
  figure.setAttribute("aria-label", title);
  figure.querySelector("canvas")?.setAttribute("aria-hidden", "true");
  new ResizeObserver(() => made.setSize({ width: figure.clientWidth, height: 210 })).observe(figure);
  return made;
}

const last = (curves) => grid([words.what, words.step, words.value],
  curves.map((one) => [one.title, String(one.steps.at(-1)), number(one.values.at(-1))]));
