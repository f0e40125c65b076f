/** The views of the page, of which one is shown; the address tells which, so that a reload and the back key keep it. */

import { $, el } from "./dom.js";

/** Offers views: `{ name, words, element, open }`; the first is shown where the address names none. */
export function offerViews(views) {
  const buttons = views.map(({ name, words }) => el("a", { href: `#${name}`, class: "tab", "data-view": name }, words));
  const turn = () => {
    const view = views.find(({ name }) => `#${name}` === window.location.hash) ?? views[0];
    for (const { name, element } of views) element.hidden = name !== view.name;
    for (const button of buttons) {
      if (button.dataset.view === view.name) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    document.body.dataset.view = view.name;
    view.open?.();
  };
  $("views").replaceChildren(...buttons);
  window.addEventListener("hashchange", turn);
  turn();
}
