// Real socket.io-clients for the tests in Python, as many as they like in one process.
// Commands come in on stdin, what the clients see goes out on stdout: one JSON text per line.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { issuedBy } from "./development_tokens.mjs";

const sockets = new Map();
const tokens = new Map();

const commands = {
  // `authCallback` and `namespace` are ours, all other options are those of `io(url, options)`.
  connect({ client, url, auth, options: { authCallback, namespace = "", ...options } }) {
    const socket = io(url + namespace, {
      auth: authCallback ? (callback) => callback(auth) : auth,
      transports: ["websocket"],
      autoConnect: true,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 200,
      ...options,
    });
    watch(client, socket);
  },

  // The client of docs/refreshing-tokens.md, which is compiled to `module`.
  async connectRefreshing({ client, url, module, wanted }) {
    const issuer = issuedBy(url, wanted, () => tell(client, "no_token", []));
    const onEnd = (code, detail) => tell(client, "end", [{ code, detail }]);
    tokens.set(client, issuer); // before anything is waited for: the next order may be for it
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
    sockets.get(client).emit(event, ...args, (...answer) => tell(client, "ack", answer, question));
  },

  disconnect({ client }) {
    sockets.get(client).disconnect();
  },
};

function watch(client, socket) {
  sockets.set(client, socket);
  socket.on("connect", () => tell(client, "connect", [socket.id]));
  socket.on("disconnect", (reason) => tell(client, "disconnect", [reason]));
  socket.on("connect_error", ({ message, data }) =>
    tell(client, "connect_error", [{ message, data }]),
  );
  socket.onAny((event, ...args) => tell(client, event, args));
}

function tell(client, event, args, question) {
  process.stdout.write(`${JSON.stringify({ client, event, args, question })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  commands[command](parameters);
}
process.exit(0);
