/** Where grey begins and ends: presets in HU for CT, and shares of the automatic window where values have no unit. */

import { texts } from "./texts.js";

const HU = { soft: [-160, 240], brain: [0, 80], mediastinum: [-125, 225], liver: [-45, 105], bone: [-450, 1050], lung: [-1350, 150] };
const SHARES = { contrast: [0.2, 0.8], bright: [0.4, 1.4], dark: [0, 0.5] };

const isCt = (one) => one.unit === "HU";

/** The presets that do something for one of several volumes, with their words. */
export function presetsFor(volumes) {
  const kinds = [["auto"], volumes.some(isCt) ? Object.keys(HU) : [], volumes.some((one) => !isCt(one)) ? Object.keys(SHARES) : []];
  return kinds.flat().map((name) => [name, texts.windows[name]]);
}

/** Black and white of a volume under a preset; one for another kind of image leaves it as it was. */
export function windowOf(volume, name) {
  const [low, high] = volume.window;
  if (isCt(volume)) return HU[name] ?? volume.window;
  const shares = SHARES[name];
  return shares ? shares.map((share) => low + share * (high - low)) : volume.window;
}
