// The sidebar: next to the messages on a wide screen, a drawer over them on a narrow one.
import { byId } from "./dom.js";

const NARROW = "(max-width: 46rem)";

export class SidebarView {
  #sidebar = byId("sidebar");
  #opener = byId("open-sidebar");
  #narrow = matchMedia(NARROW);

  constructor() {
    this.#opener.addEventListener("click", () => this.#slide(true));
    byId("close-sidebar").addEventListener("click", () => this.#dismiss());
    byId("backdrop").addEventListener("click", () => this.#dismiss());
    this.#sidebar.addEventListener("keydown", ({ key }) => key === "Escape" && this.#dismiss());
    this.#narrow.addEventListener("change", () => this.#crossed());
    this.#show(false);
  }

  /** Closes the drawer on a narrow screen. */
  close() {
    this.#slide(false);
  }

  #dismiss() {
    if (!this.#narrow.matches) return;
    this.#slide(false);
    this.#opener.focus();
  }

  /** The width has changed: the sidebar becomes a drawer, or the reverse, without sliding. */
  #crossed() {
    document.body.classList.remove("drawer-slides");
    this.#show(false);
  }

  #slide(isOpen) {
    document.body.classList.toggle("drawer-slides", this.#narrow.matches);
    this.#show(isOpen);
  }

  #show(isOpen) {
    document.body.classList.toggle("drawer-open", isOpen);
    this.#opener.setAttribute("aria-expanded", String(isOpen));
    this.#sidebar.inert = this.#narrow.matches && !isOpen;
    byId("conversation").inert = this.#narrow.matches && isOpen;
    if (isOpen) byId("close-sidebar").focus();
  }
}
