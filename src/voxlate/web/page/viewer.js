/** One volume, or two on two canvases with one crosshair, laid over each other for curtain, checkerboard and blend. */

import { choice, el, select } from "./dom.js";
import { Slices } from "./slices.js";
import { texts } from "./texts.js";
import { presetsFor, windowOf } from "./windows.js";

const PLANES = { axial: 0, coronal: 1, sagittal: 2, all: 3, render: 4 };
const OPTIONS = {
  backColor: [0.035, 0.047, 0.058, 1],
  crosshairColor: [0.36, 0.78, 1, 0.8],
  crosshairWidth: 0.5,
  crosshairWidthUnit: "percent", // of the field of view: a line in mm is lost in a large one
  show3Dcrosshair: true,
  isRadiologicalConvention: true,
  isColorbar: true,
  colorbarHeight: 0.025,
  fontColor: [0.9, 0.93, 0.95, 1],
  dragAndDropEnabled: false,
  multiplanarShowRender: 1,
  multiplanarLayout: 2,
  clipPlaneHotKey: "",
  cycleClipPlaneHotKey: "",
  viewModeHotKey: "",
  logLevel: "error",
};

/** Why there can be no viewer; empty if there can. */
function lacking() {
  if (!window.niivue) return texts.noViewer;
  return document.createElement("canvas").getContext("webgl2") ? "" : texts.noWebgl;
}

/** Shows a subject (subjects.js) in an element, by the server's slices where the browser cannot. */
export function show(place, subject) {
  const why = lacking();
  return why ? new Slices(place, subject, why) : new Viewer(place, subject);
}

class Viewer {
  constructor(place, subject) {
    Object.assign(this, { place, subject, layout: "side", plane: "all", share: 0.5, preset: "auto" });
    this.readout = el("p", { class: "readout", "aria-live": "off" });
    this.state = el("p", { class: "loading", role: "status" }, texts.loading);
    this.panes = [this.pane(subject.left[0], "source")];
    if (subject.right) this.panes.push(this.pane(subject.right, "prediction"));
    this.slider = el("input", {
      type: "range", min: 0, max: 1, step: 0.01, value: 0.5, "aria-label": texts.curtainAt,
      oninput: (event) => this.setShare(Number(event.target.value)),
    });
    this.edge = el("div", { class: "edge", "aria-hidden": "true" });
    this.screen = el("div", { class: "screen side" }, ...this.panes.map((one) => one.figure), this.edge, this.state);
    this.screen.dataset.panes = this.panes.length;
    this.slider.hidden = true;
    place.replaceChildren(this.bar(), this.screen, el("div", { class: "under" }, this.readout, this.slider));
    this.load();
  }

  pane(volume, which) {
    const words = `${volume.label} · ${volume.contrast}`;
    const canvas = el("canvas", { "aria-label": words, role: "img", tabindex: 0 });
    const caption = el("figcaption", { class: volume.synthetic ? "prediction" : "source" }, words);
    return { volume, canvas, caption, figure: el("figure", { class: which }, canvas, caption) };
  }

  bar() {
    const { left } = this.subject;
    this.layouts = choice(texts.layout, Object.entries(texts.layouts), this.layout, (one) => this.setLayout(one));
    this.planes = choice(texts.planes, Object.entries(texts.planeNames), this.plane, (one) => this.setPlane(one));
    this.presets = select(texts.window, presetsFor(this.panes.map((one) => one.volume)), "auto", (name) => this.setWindow(name));
    const sources = left.map((one, number) => [String(number), one.contrast]);
    return el(
      "div",
      { class: "bar", role: "toolbar", "aria-label": texts.planes },
      this.panes.length > 1 ? this.layouts.group : null,
      this.planes.group,
      left.length > 1 ? select(texts.source, sources, "0", (number) => this.setSource(left[Number(number)])) : null,
      this.presets,
      select(texts.colours, Object.entries(texts.colourNames), "gray", (name) => this.setColours(name)),
    );
  }

  async load() {
    const mark = texts.mark;
    class Marked extends window.niivue.Niivue {
      drawSceneCore() {
        const told = super.drawSceneCore();
        if (this.volumes.length && this.marked) {
          const size = 1.15 * this.fontPx;
          const [right, width] = [this.gl.canvas.width - 10, this.textWidth(size, mark)];
          this.drawRect([right - width - 8, 6, width + 14, size + 10], [0.035, 0.047, 0.058, 0.85]);
          this.drawTextLeft([right, 11 + size / 2], mark, 1.15, [1, 0.77, 0.24, 1]);
        }
        return told;
      }
    }
    for (const pane of this.panes) {
      pane.nv = new Marked({ ...OPTIONS, isColorbar: !this.subject.blinded, onLocationChange: (told) => this.locate(told) });
      pane.nv.marked = pane.volume.synthetic;
      await pane.nv.attachToCanvas(pane.canvas);
    }
    const [one, other] = this.panes;
    if (other) {
      one.nv.broadcastTo(other.nv, { "2d": true, "3d": true });
      other.nv.broadcastTo(one.nv, { "2d": true, "3d": true });
    }
    try {
      await Promise.all(this.panes.map((pane) => this.fill(pane)));
    } catch (error) {
      this.state.textContent = texts.lostServer;
      return;
    }
    this.state.remove();
    this.setPlane(this.plane);
    this.meet();
    this.place.dataset.ready = this.subject.key;
  }

  fill({ nv, volume }) {
    const [low, high] = windowOf(volume, this.preset);
    return nv.loadVolumes([{ url: volume.view, name: "image.nii", cal_min: low, cal_max: high }]);
  }

  /** Brings all crosshairs to one place, and tells what is there. */
  meet() {
    const [one, other] = this.panes;
    one.nv.moveCrosshairInVox(0, 0, 0);
    if (!other) return;
    other.nv.scene.crosshairPos = Array.from(one.nv.scene.crosshairPos);
    other.nv.drawScene();
  }

  async setSource(volume) {
    const [pane] = this.panes;
    pane.volume = volume;
    pane.caption.textContent = `${volume.label} · ${volume.contrast}`;
    pane.canvas.setAttribute("aria-label", pane.caption.textContent);
    await this.fill(pane);
    this.setPlane(this.plane);
    this.meet();
  }

  locate(told) {
    const value = ({ nv, volume }) => {
      const held = nv.volumes[0];
      if (!held || this.subject.blinded) return ""; // a value could tell which image it is
      const [x, y, z] = Array.from(nv.frac2vox(nv.mm2frac(told.mm))).map(Math.round); // each has a grid of its own
      const number = held.getValue(x, y, z);
      return `${volume.label} ${Math.abs(number) < 10 ? number.toFixed(2) : Math.round(number)} ${volume.unit}`;
    };
    const mm = Array.from(told.mm).slice(0, 3).map((one) => one.toFixed(0)).join(", ");
    this.readout.textContent = [`${texts.at} (${mm}) mm`, ...this.panes.map(value).filter(Boolean)].join("   ·   ");
  }

  setPlane(plane) {
    this.plane = plane;
    this.planes.set(plane);
    for (const { nv } of this.panes) nv.setSliceType(PLANES[plane]);
  }

  setLayout(layout) {
    this.layout = layout;
    this.layouts.set(layout);
    this.screen.className = `screen ${layout}`;
    this.slider.hidden = !["curtain", "blend"].includes(layout);
    this.slider.setAttribute("aria-label", layout === "blend" ? texts.blendAt : texts.curtainAt);
    this.setShare(this.share);
    for (const { nv, volume } of this.panes) {
      nv.marked = (volume.synthetic || layout !== "side") && !this.subject.blinded; // so that no curtain and no blend takes the mark away
      nv.opts.isColorbar = layout === "side" && !this.subject.blinded; // two bars over each other cannot be read
      nv.resizeListener();
    }
  }

  setShare(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.slider.value = this.share;
    if (this.panes.length < 2) return;
    const { canvas, figure: { style } } = this.panes[1];
    style.clipPath = this.layout === "curtain" ? `inset(0 0 0 ${100 * this.share}%)` : "";
    canvas.style.opacity = this.layout === "blend" ? String(this.share) : "";
    this.edge.style.left = `${100 * this.share}%`;
  }

  setWindow(name) {
    this.preset = name;
    this.presets.querySelector("select").value = name;
    for (const { nv, volume } of this.panes) {
      const [low, high] = windowOf(volume, name);
      Object.assign(nv.volumes[0], { cal_min: low, cal_max: high });
      nv.updateGLVolume();
    }
  }

  setColours(name) {
    for (const { nv } of this.panes) nv.setColormap(nv.volumes[0].id, name);
  }

  nextPreset() {
    const names = [...this.presets.querySelectorAll("option")].map((one) => one.value);
    return names[(names.indexOf(this.preset) + 1) % names.length];
  }

  /** What a key does; true if it does something. */
  press(event) {
    const planes = { 1: "all", 2: "axial", 3: "coronal", 4: "sagittal", 5: "render" };
    const layouts = { s: "side", c: "curtain", k: "checker", b: "blend" };
    const steps = {
      ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0],
      PageUp: [0, 0, 1], PageDown: [0, 0, -1],
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (planes[key]) this.setPlane(planes[key]);
    else if (layouts[key] && this.panes.length > 1) this.setLayout(layouts[key]);
    else if (key === "[") this.setShare(this.share - 0.05);
    else if (key === "]") this.setShare(this.share + 0.05);
    else if (key === "a") this.setWindow("auto");
    else if (key === "w") this.setWindow(this.nextPreset());
    else if (steps[key]) this.panes[0].nv.moveCrosshairInVox(...steps[key]);
    else return false;
    return true;
  }
}
