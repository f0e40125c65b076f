/** Slices that the server draws, for browsers without WebGL: two rows, a slider for each plane. */

import { url } from "./api.js";
import { el } from "./dom.js";
import { texts } from "./texts.js";

const PLANES = ["axial", "coronal", "sagittal"];

export class Slices {
  constructor(place, job, titles, why) {
    const sheet = el("div", { class: "sheet" });
    for (const plane of PLANES) {
      const pictures = ["source", "prediction"].map((which) => {
        const alt = `${texts[which]}, ${texts.planeNames[plane]}`;
        return { which, image: el("img", { alt }) };
      });
      const draw = (share) => {
        for (const { which, image } of pictures) {
          const [low, high] = job.result.windows[which];
          image.src = url(`/jobs/${job.id}/slices/${which}.png?${new URLSearchParams({ plane, share, low, high })}`);
        }
      };
      const slider = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": texts.planeSlider[plane], onchange: (event) => draw(event.target.value) });
      const figures = pictures.map(({ which, image }) =>
        el("figure", {}, image, el("figcaption", { class: which }, `${texts[which]} · ${titles[which === "source" ? job.source : job.target]}`)));
      sheet.append(el("div", { class: "plane" }, ...figures, slider));
      draw(0.5);
    }
    place.replaceChildren(el("p", { class: "warning" }, why), sheet);
    place.dataset.ready = job.id;
  }

  press() {
    return false;
  }
}
