/** The rooms beside the desk where scans are translated: models, training, reader studies; one is open at a time. */

import * as datasets from "./datasets.js";
import { $, el } from "./dom.js";
import * as models from "./models.js";
import * as readers from "./readers.js";
import { words } from "./texts-rooms.js";
import * as training from "./training.js";

const ROOMS = { datasets, models, training, readers };
const ANCHORS = ["stage", "room"];

let close = null;
let press = null;

/** Opens the room that the address names, now and whenever it changes. */
export function offerRooms(context) {
  for (const name of Object.keys(ROOMS)) {
    $("rooms").append(el("a", { href: `#${name}`, "data-room": name }, words.rooms[name]));
  }
  const go = () => {
    const [name, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
    if (!ANCHORS.includes(name)) open(name, rest, context);
  };
  window.addEventListener("hashchange", go);
  document.addEventListener("keydown", keyed, { capture: true });
  go();
}

function open(name, rest, context) {
  close?.();
  close = press = null;
  const room = ROOMS[name];
  $("desk").hidden = Boolean(room);
  $("room").hidden = !room;
  $("room").replaceChildren();
  delete $("room").dataset.ready;
  document.querySelector("a.skip").setAttribute("href", room ? "#room" : "#stage");
  for (const link of $("rooms").children) {
    const here = link.dataset.room === (room ? name : "");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!room) return;
  context.leave();
  ({ close = null, press = null } = room.open($("room"), rest, context) ?? {});
}

/** Keys go to the room that is open, and not to the desk; the list of shortcuts is for both. */
function keyed(event) {
  if ($("room").hidden || event.key === "?") return;
  event.stopPropagation();
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, button, a")) return;
  if (press?.(event)) event.preventDefault();
}
