/** Puts the page together: texts, upload, what was recognised, the queue, the stage. */

import { ask, url } from "./api.js";
import { $, el } from "./dom.js";
import { Queue } from "./queue.js";
import { offerRooms } from "./rooms.js";
import { showScans } from "./scans.js";
import { ofJob, ofScan } from "./subjects.js";
import { texts } from "./texts.js";
import { offerUpload } from "./upload.js";
import { show } from "./viewer.js";

let viewer = null;

for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts[element.dataset.text];
$("keys").replaceChildren(...texts.keys.flatMap(([key, words]) => [el("dt", {}, key), el("dd", {}, words)]));
$("help-open").addEventListener("click", () => $("help").showModal());

function welcome() {
  $("stage").replaceChildren(
    el("div", { class: "welcome" },
      el("h2", {}, texts.welcome),
      el("ol", {}, ...texts.steps.map((one) => el("li", {}, one))),
      el("p", { class: "warning" }, texts.welcomeNote)),
  );
}

function look(job, titles) {
  const screen = el("div", { class: "look" });
  const isDicom = job.result.form === "dicom";
  const files = [["image", isDicom ? texts.download.dicom : texts.download.nifti]];
  if (isDicom) files.push(["nifti", texts.download.nifti]);
  files.push(["sidecar", texts.download.sidecar], ["picture", texts.download.picture]);
  const links = files.map(([what, words]) => el("a", { href: url(`/jobs/${job.id}/files/${what}`), download: true, class: "button" }, words));
  const warnings = [...(job.result.seen ? [texts.seen] : []), ...job.result.warnings];
  $("stage").replaceChildren(
    el("div", { class: "title" },
      el("h2", {}, `${job.sources.map((one) => titles[one]).join(" + ")} → ${titles[job.target]}`),
      el("span", { class: "mark" }, texts.mark),
      el("div", { class: "row", role: "group", "aria-label": texts.downloads }, el("span", { class: "small" }, texts.downloads), ...links)),
    ...(warnings.length ? [el("details", { class: "warnings" }, el("summary", {}, `${texts.warned} (${warnings.length})`),
      el("ul", {}, ...warnings.map((one) => el("li", {}, one))))] : []),
    screen,
  );
  viewer = show(screen, ofJob(job, titles));
}

function lookAtScan(upload, scan, titles) {
  const screen = el("div", { class: "look" });
  $("stage").replaceChildren(el("div", { class: "title" }, el("h2", {}, titles[scan.contrast] ?? texts.unknownContrast), el("span", { class: "small" }, texts.asUploaded)), screen);
  viewer = show(screen, ofScan(upload, scan, titles));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "?") $("help").showModal();
  else if (viewer?.press(event)) event.preventDefault();
});

welcome();
try {
  const about = await ask("GET", "/about");
  const titles = Object.fromEntries(about.contrasts.map((one) => [one.name, one.title]));
  const queue = new Queue(titles, (job) => look(job, titles));
  const does = { ordered: (job) => queue.await(job), look: (upload, scan) => lookAtScan(upload, scan, titles) };
  offerUpload(about.upload_bytes, (upload) => showScans(upload, about.contrasts, does));
  await queue.read();
  offerRooms({ about, titles, leave: welcome });
  document.body.dataset.ready = "yes";
} catch (error) {
  $("upload-state").replaceChildren(el("p", { class: "warning", role: "alert" }, `${texts.lostServer} ${error.message}`));
}
