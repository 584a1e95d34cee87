// Runs any number of real socket.io-clients for the tests in Python. Commands arrive on stdin, and
// the clients' events leave on stdout: one JSON text per line.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { issuedBy } from "./development_tokens.mjs";

const sockets = new Map();
const tokens = new Map();

const commands = {
  // `authCallback`, `namespace` and `presence` are handled here; all other options are passed to
  // `io()`.
  connect({ client, url, auth, options: { authCallback, namespace = "", presence, ...options } }) {
    const socket = io(url + namespace, {
      auth: authCallback ? (callback) => callback(auth) : auth,
      transports: ["websocket"],
      autoConnect: true,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 200,
      ...options,
    });
    watch(client, socket, presence);
  },

  // Connects the client of docs/refreshing-tokens.md. `module` is this client in JavaScript.
  async connectRefreshing({ client, url, module, wanted }) {
    const issuer = issuedBy(url, wanted, () => report(client, "no_token", []));
    const onEnd = (code, detail) => report(client, "end", [{ code, detail }]);
    tokens.set(client, issuer); // before `await`: the next command may use the issuer
    const { connectChat } = await import(module);
    watch(client, connectChat(url, issuer.getToken, onEnd).socket);
  },

  want({ client, wanted }) {
    tokens.get(client).wanted = wanted;
  },

  emit({ client, event, args }) {
    sockets.get(client).emit(event, ...args);
  },

  ask({ client, event, args, question }) {
    sockets.get(client).emit(event, ...args, (...answer) => report(client, "ack", answer, question));
  },

  disconnect({ client }) {
    sockets.get(client).disconnect();
  },
};

// The chat's events `presence` depend on the other clients, so they are reported only if `presence`
// is true.
function watch(client, socket, presence = false) {
  sockets.set(client, socket);
  socket.on("connect", () => report(client, "connect", [socket.id]));
  socket.on("disconnect", (reason) => report(client, "disconnect", [reason]));
  socket.on("connect_error", ({ message, data }) =>
    report(client, "connect_error", [{ message, data }]),
  );
  socket.onAny((event, ...args) => {
    if (event === "presence" && args[0]?.channelId !== undefined && !presence) return;
    report(client, event, args);
    // Events that request an ack are acked with their first argument, except `unanswered`.
    const ack = args.at(-1);
    if (typeof ack === "function" && event !== "unanswered") ack(args[0]);
  });
}

/** Turns the JSON of a Buffer, `{type: "Buffer", data}`, into a Buffer; reports contain it too. */
function revive(key, value) {
  return value?.type === "Buffer" ? Buffer.from(value.data) : value;
}

function report(client, event, args, question) {
  process.stdout.write(`${JSON.stringify({ client, event, args, question })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line, revive);
  commands[command](parameters);
}
process.exit(0);
