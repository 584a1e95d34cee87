// Creates elements. Text is always set as text, so users' messages never become HTML.

const GOLDEN_ANGLE = 137.5; // consecutive hashes get very different hues
const MOST_ANNOUNCED = 50;
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Creates an element: `element("li", {class: "user", onclick: f}, "Alice")` */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`); // a symbol in index.html, so that icons work offline
  svg.append(use);
  return svg;
}

/** Creates a button with an icon; screen readers read the label. */
export function iconButton(name, label, onclick) {
  const attributes = { type: "button", class: "quiet", title: label, onclick };
  return element("button", attributes, icon(name), hidden(label));
}

/** Creates a text that only screen readers read. */
export function hidden(text) {
  return element("span", { class: "visually-hidden" }, text);
}

/** Creates a disc with the user's initial, in a colour that depends on the user's id. */
export function avatar(userId, name) {
  const disc = element("span", { class: "avatar", "aria-hidden": "true" }, name.slice(0, 1));
  let hash = 0;
  for (const character of userId) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  disc.style.setProperty("--hue", String((hash * GOLDEN_ANGLE) % 360));
  return disc;
}

/** Adds a sentence that a screen reader reads to the user. */
export function announce(sentence) {
  const announcer = byId("announcer");
  announcer.append(element("p", null, sentence));
  if (announcer.childElementCount > MOST_ANNOUNCED) announcer.firstElementChild.remove();
}

/** Returns a function that calls `draw` once before the next frame, however often it is called. */
export function oncePerFrame(draw) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  };
}

/** Joins names: "Alice", "Alice and Bob", "Alice, Bob, and Carol". */
export function listOf(names) {
  return new Intl.ListFormat("en").format(names);
}
