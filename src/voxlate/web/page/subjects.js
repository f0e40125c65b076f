/** What the viewer can show: a scan, what a job made of scans, or a case of a data set that a job has made. */

import { url } from "./api.js";
import { texts } from "./texts.js";

/** A volume: its words, its unit, where grey begins and ends, and where the server has it, whole and in slices. */
function shown(label, contrast, unit, window, synthetic, view, slice) {
  const cut = ({ plane, share, low, high }) => url(`${slice}?${new URLSearchParams({ plane, share, low, high })}`);
  return { label, contrast, unit, window, synthetic, view: url(view), slice: cut };
}

function ofMade(key, place, contrasts, units, windows, titles) {
  const make = ([which, contrast]) => {
    const isMade = which === "prediction";
    const label = isMade ? texts.prediction : texts.source;
    return shown(label, titles[contrast] ?? contrast, units[which] ?? "", windows[which], isMade, `${place}/views/${which}.nii`, `${place}/slices/${which}.png`);
  };
  const { prediction, ...sources } = contrasts;
  return { key, left: Object.entries(sources).map(make), right: prediction ? make(["prediction", prediction]) : null };
}

export function ofJob(job, titles) {
  const sources = job.sources.map((name, number) => [number ? `source${number + 1}` : "source", name]);
  const units = { ...Object.fromEntries(sources.map(([which]) => [which, job.units.source])), ...job.units };
  const contrasts = { ...Object.fromEntries(sources), prediction: job.target };
  return ofMade(job.id, `/jobs/${job.id}`, contrasts, units, job.result.windows, titles);
}

/** A case of a job or of a data set, which its place in the API tells, as the server has prepared it. */
export function ofCase(place, look, titles) {
  return ofMade(place, place, look.contrasts, look.units, look.windows, titles);
}

export function ofScan(upload, scan, titles) {
  const place = `/uploads/${upload.id}/scans/${scan.id}`;
  const contrast = titles[scan.contrast] ?? texts.unknownContrast;
  const one = shown(texts.scan, contrast, scan.unit, scan.window, scan.synthetic, `${place}/view.nii`, `${place}/slice.png`);
  return { key: place, left: [one], right: null };
}
