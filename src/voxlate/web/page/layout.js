/** How rooms are laid out, and what they have in common. */

import { url } from "./api.js";
import { el } from "./dom.js";

/** A room with a list on the left and what was chosen of it on the right. */
export function layOut(place) {
  const list = el("div", { class: "list" });
  const detail = el("div", { class: "detail" });
  place.replaceChildren(list, detail);
  return { list, detail };
}

export function problem(place, error) {
  place.replaceChildren(el("p", { class: "warning", role: "alert" }, error.message));
}

/** Does something again and again until told to stop; where the server does not answer, it is asked again. */
export function repeat(seconds, what) {
  let timer = null;
  let over = false;
  const once = async () => {
    if (!document.hidden) await what().catch(() => null);
    if (!over) timer = setTimeout(once, 1000 * seconds);
  };
  once();
  return () => { over = true; clearTimeout(timer); };
}

/** A part of a page under a heading. */
export const section = (title, ...inside) => el("section", { class: "part" }, el("h3", {}, title), ...inside);

/** A picture of the server's, which opens as large as it is. */
export function picture(path, title) {
  return el("figure", {}, el("a", { href: url(path), target: "_blank", rel: "noopener" }, el("img", { src: url(path), alt: title, loading: "lazy" })), el("figcaption", {}, title));
}
