// The state of the connection, and the remaining lifetime of its token.
import { announce, byId } from "./dom.js";

const TICK_MS = 250; // the duration of the bar's transition in style.css, so that it moves evenly

const PHASES = {
  offline: "Offline",
  connecting: "Connecting",
  online: "Connected",
  lost: "Reconnecting",
  unauthorized: "Signing in again",
  refused: "Refused",
};

export class ConnectionView {
  #client;
  #token = null;

  /** @param client the `ChatClient`, which a button opens and closes */
  constructor(client) {
    this.#client = client;
    byId("toggle-connection").onclick = () => {
      if (this.#isUp()) client.close();
      else client.open();
    };
    client.addEventListener("phase", () => this.#phase());
    client.addEventListener("token", () => (this.#token = client.token));
    client.addEventListener("missed", ({ detail }) => {
      byId("offline-count").textContent = `${detail.count}${detail.more ? "+" : ""}`;
    });
    setInterval(() => this.#life(), TICK_MS);
    this.#phase();
  }

  #isUp() {
    return !["offline", "refused"].includes(this.#client.phase);
  }

  #phase() {
    const { phase, detail } = this.#client;
    document.body.dataset.phase = phase;
    byId("phase").textContent = byId("top-phase").textContent = PHASES[phase];
    byId("phase-detail").textContent = detail;
    byId("phase-detail").hidden = detail === "";
    byId("toggle-connection").textContent = this.#isUp() ? "Go offline" : "Go online";
    this.#life();
    announce(`${PHASES[phase]}. ${detail}`);
  }

  #life() {
    const token = this.#client.phase === "online" ? this.#token : null;
    const leftMs = token === null ? 0 : Math.max(0, token.expiresAt - Date.now());
    byId("token-life").textContent = token === null ? "–" : `${Math.ceil(leftMs / 1000)} s left`;
    byId("token-bar").style.setProperty("--left", token === null ? "0" : leftMs / token.lifeMs);
  }
}
