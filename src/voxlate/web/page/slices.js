/** Slices that the server draws, for browsers without WebGL: two rows, a slider for each plane, the same windows. */

import { el, select } from "./dom.js";
import { texts } from "./texts.js";
import { presetsFor, windowOf } from "./windows.js";

const PLANES = ["axial", "coronal", "sagittal"];

export class Slices {
  constructor(place, subject, why) {
    const volumes = [subject.left[0], ...(subject.right ? [subject.right] : [])];
    this.preset = "auto";
    this.planes = PLANES.map((plane) => this.plane(plane, volumes));
    const sheet = el("div", { class: "sheet" }, ...this.planes.map((one) => one.element));
    const bar = el("div", { class: "bar", role: "group", "aria-label": texts.window },
      select(texts.window, presetsFor(volumes), "auto", (name) => {
        this.preset = name;
        for (const one of this.planes) one.draw();
      }));
    place.replaceChildren(el("p", { class: "warning" }, why), bar, sheet);
    for (const one of this.planes) one.draw();
    place.dataset.ready = subject.key;
  }

  plane(plane, volumes) {
    const pictures = volumes.map((volume) => el("img", { alt: `${volume.label}, ${texts.planeNames[plane]}` }));
    const slider = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": texts.planeSlider[plane] });
    const draw = () => volumes.forEach((volume, number) => {
      const [low, high] = windowOf(volume, this.preset);
      pictures[number].src = volume.slice({ plane, share: slider.value, low, high });
    });
    slider.addEventListener("change", draw);
    const figures = volumes.map((volume, number) =>
      el("figure", {}, pictures[number], el("figcaption", { class: volume.synthetic ? "prediction" : "source" }, `${volume.label} · ${volume.contrast}`)));
    return { draw, element: el("div", { class: "plane" }, ...figures, slider) };
  }

  press() {
    return false;
  }
}
