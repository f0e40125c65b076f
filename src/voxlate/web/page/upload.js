/** Files come in: dropped or chosen, whole folders too, and go to the server one by one. */

import { ask, put } from "./api.js";
import { $, el } from "./dom.js";
import { texts } from "./texts.js";

const AT_ONCE = 3;

export function offerUpload(most, onrecognised) {
  const send = (files) => {
    if (sizeOf(files) > most) fail(new Error(texts.tooLarge(sizeOf(files), most)));
    else upload(files, onrecognised).catch(fail);
  };
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", (event) => {
      const files = [...event.target.files];
      event.target.value = "";
      if (files.length) send(files);
    });
  }
  const over = (on) => (event) => { event.preventDefault(); $("drop").classList.toggle("over", on); };
  for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, over(true));
  document.addEventListener("dragleave", over(false));
  document.addEventListener("drop", async (event) => {
    over(false)(event);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(filesIn))).flat() : [...event.dataTransfer.files];
    if (files.length) send(files);
  });
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesIn))).flat());
  }
}

const sizeOf = (files) => files.reduce((sum, file) => sum + file.size, 0);

async function upload(files, onrecognised) {
  const all = sizeOf(files) || 1;
  const gone = new Map();
  const bar = el("progress", { max: 1, value: 0, "aria-label": texts.uploading(0) });
  const line = el("p", { class: "small" }, texts.uploading(0));
  $("upload-state").replaceChildren(bar, line);
  const tell = (file) => (bytes) => {
    gone.set(file, bytes);
    const share = Math.min(1, [...gone.values()].reduce((sum, one) => sum + one, 0) / all);
    bar.value = share;
    line.textContent = texts.uploading(share);
  };
  const { id } = await ask("POST", "/uploads");
  const waiting = [...files];
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) await put(`/uploads/${id}/files`, file, tell(file));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  bar.removeAttribute("value");
  line.textContent = texts.recognising;
  const told = await ask("POST", `/uploads/${id}/finish`);
  $("upload-state").replaceChildren(...told.left_out.map((one) => el("p", { class: "warning" }, one)));
  onrecognised(told);
}

function fail(error) {
  $("upload-state").replaceChildren(el("p", { class: "warning", role: "alert" }, error.message));
}
