// Serves gateways.ts, and runs the scripts of scripts.mjs for test_parity.py. The first line of the
// output has the URL of the Nest server. Each further line answers a command {script, urls}: the
// transcript of the script on each server.
import { createInterface } from "node:readline";
import { io, Manager } from "socket.io-client";
import { serve } from "./gateways.js";
import { scripts } from "./scripts.mjs";

process.env.TZ = "UTC";

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client of one script, which writes what it receives to its transcript. */
class Client {
  constructor(url, name, { namespace = "/", manager, auth, early, ...options } = {}) {
    this.name = name;
    this.ids = [];
    this.lines = [];
    this.asked = 0;
    const connection = { transports: ["websocket"], forceNew: true, reconnectionDelay: 50 };
    manager ??= new Manager(url, { ...connection, ...options });
    this.socket = manager.socket(namespace, { auth: { name, ...auth } });
    if (early) this.socket.emit(...early); // the client sends this as soon as it is connected
    this.socket.on("connect", () => {
      this.ids.push(this.socket.id);
      this.write("connect");
    });
    this.socket.on("disconnect", (reason) => this.write("disconnect", reason));
    this.socket.on("connect_error", ({ message, data }) => this.write("connect_error", message, data));
    this.socket.onAny((event, ...args) => {
      const ack = args.at(-1);
      if (typeof ack !== "function") return this.write(event, ...args);
      this.write(event, ...args.slice(0, -1), "wants an ack");
      const isAnswered = event === "question" || (event === "question unless two" && name !== "two");
      if (isAnswered) ack([name, args[0]], "second argument");
    });
  }

  write(event, ...args) {
    this.lines.push([this.name, event, ...args]);
  }

  /** Waits until the client has received this event (the given number of times). */
  sees(event, times = 1) {
    return this.until(() => this.count(event) >= times, event);
  }

  /** Waits until the server has accepted or refused the client. */
  connected() {
    return this.until(() => this.count("connect") + this.count("connect_error") > 0, "connect");
  }

  async until(isTrue, event) {
    for (let waits = 0; !isTrue(); waits += 1) {
      if (waits > 5000) throw new Error(`${this.name} has not seen ${event}`);
      await later(1);
    }
  }

  /** Waits for an event that the server may send or not. */
  async maySee(event, times) {
    const deadline = Date.now() + 300;
    while (this.count(event) < times && Date.now() < deadline) await later(1);
  }

  /** Waits until the server answers an event with this value. */
  async answers(event, value) {
    while ((await this.socket.emitWithAck(event)) !== value) await later(1);
  }

  count(event) {
    return this.lines.filter((line) => line[1] === event).length;
  }

  /** Emits an event, and waits until the server has handled it. */
  emit(event, ...args) {
    this.socket.emit(event, ...args);
    return this.fence();
  }

  /** Emits an event that wants an ack, and waits for the ack. */
  async ask(event, ...args) {
    const ack = `ack ${(this.asked += 1)} of ${event}`;
    this.socket.emit(event, ...args, (...answer) => this.write(ack, ...answer));
    await this.sees(ack);
  }

  /** Emits an event that wants an ack, which the server may send or not. */
  async tryAsk(event, ...args) {
    const ack = `ack ${(this.asked += 1)} of ${event}`;
    this.socket.emit(event, ...args, (...answer) => this.write(ack, ...answer));
    await this.fence();
  }

  /** Waits until the server has handled the client's events. */
  async fence() {
    for (let round = 0; round < 2 && this.socket.connected; round += 1) {
      await this.socket.timeout(30_000).emitWithAck("fence").catch(() => {});
    }
  }
}

/** Replaces ids by names, the time by a word, and the server's address by another. */
function normalise(lines, clients, url) {
  const host = new URL(url).host;
  let text = JSON.stringify(lines, (_, value) => (value === undefined ? "(undefined)" : value));
  for (const { ids, name } of clients) {
    ids.forEach((id, index) => (text = text.replaceAll(id, `(id ${index + 1} of ${name})`)));
  }
  text = text.replaceAll(host, "(host)");
  text = text.replaceAll(/\w{3} \w{3} \d\d \d{4} [\d:]{8} GMT\+0000 \([\w ]+\)/g, "(time)");
  return JSON.parse(text);
}

async function run(script, url) {
  await emptied(url);
  const clients = [];
  const connect = async (name, options) => {
    const client = new Client(url, name, options);
    clients.push(client);
    await client.connected();
    await client.fence();
    return client;
  };
  const error = await scripts[script](connect).catch((error) => error);
  for (const client of clients) await client.fence();
  if (error) clients[0].write("failed", error.message);
  const lines = clients.flatMap((client) => [...client.lines]);
  for (const { socket } of clients) socket.disconnect();
  return normalise(lines, clients, url);
}

const probes = new Map();

/** Waits until a server has no client except the probe, so that scripts do not affect each other. */
async function emptied(url) {
  if (!probes.has(url)) probes.set(url, io(url, { transports: ["websocket"], forceNew: true }));
  while ((await probes.get(url).emitWithAck("clients")) > 1) await later(1);
}

process.stdout.write(`${JSON.stringify({ url: await serve(), scripts: Object.keys(scripts) })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const { script, urls } = JSON.parse(line);
  const transcripts = await Promise.all(urls.map((url) => run(script, url)));
  process.stdout.write(`${JSON.stringify({ script, transcripts })}\n`);
}
process.exit(0);
