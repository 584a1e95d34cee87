// Making elements. Text is only ever set as text: what people write is never taken for HTML.

const GOLDEN_ANGLE = 137.5; // neighbours get colours far apart
const MOST_ANNOUNCED = 50;
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** `element("li", {class: "user", onclick: f}, "Alice")` */
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
  use.setAttribute("href", `#icon-${name}`); // in index.html: offline, nothing can be fetched
  svg.append(use);
  return svg;
}

/** A button that shows an icon and is read as `label`. */
export function iconButton(name, label, onclick) {
  const attributes = { type: "button", class: "quiet", title: label, onclick };
  return element("button", attributes, icon(name), hidden(label));
}

/** For screen readers alone. */
export function hidden(text) {
  return element("span", { class: "visually-hidden" }, text);
}

/** A disc with the user's initial; a user's colour is the same everywhere. */
export function avatar(userId, name) {
  const disc = element("span", { class: "avatar", "aria-hidden": "true" }, name.slice(0, 1));
  let hash = 0;
  for (const character of userId) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  disc.style.setProperty("--hue", String((hash * GOLDEN_ANGLE) % 360));
  return disc;
}

/** Has a screen reader say it, after what it has still to say: nothing is overwritten. */
export function announce(sentence) {
  const announcer = byId("announcer");
  announcer.append(element("p", null, sentence));
  if (announcer.childElementCount > MOST_ANNOUNCED) announcer.firstElementChild.remove();
}

/** A function that has `draw` called before the next frame, once, however often it is called. */
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

/** "Alice", "Alice and Bob", "Alice, Bob, and Carol" */
export function listOf(names) {
  return new Intl.ListFormat("en").format(names);
}
