/** Elements without markup in strings: what comes from a scan is text and never HTML. */

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function select(label, options, chosen, onchange, attributes = {}) {
  const box = el("select", { onchange: (event) => onchange(event.target.value), ...attributes });
  for (const [value, name] of options) box.append(el("option", { value, selected: value === chosen }, name));
  return el("label", { class: "field" }, el("span", {}, label), box);
}

/** Buttons of which one is pressed. */
export function choice(label, options, chosen, onchange) {
  const group = el("div", { class: "choice", role: "group", "aria-label": label });
  const set = (value) => {
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.value === value));
  };
  for (const [value, name] of options) {
    group.append(el("button", { type: "button", value, onclick: () => { set(value); onchange(value); } }, name));
  }
  set(chosen);
  return { group, set };
}
