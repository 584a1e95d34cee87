// A Socket.IO server in Node.js with the official Redis adapter, for the tests in Python. Commands
// arrive on stdin, and results leave on stdout: one JSON text per line.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [url, mode] = process.argv.slice(2);
const publisher = createClient({ url });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", () => {});
await Promise.all([publisher.connect(), subscriber.connect()]);

// The mode `none` is for the bench: a server without other nodes.
const newAdapter = {
  classic: () => createAdapter(publisher, subscriber),
  none: () => undefined,
}[mode] ?? (() => createShardedAdapter(publisher, subscriber, { subscriptionMode: mode }));
const http = createServer();
const io = new Server(http, { adapter: newAdapter(), transports: ["websocket"] });
const emitter = new Emitter(publisher);

for (const namespace of [io, io.of("/admin")]) {
  namespace.on("connection", (socket) => {
    socket.data.name = socket.handshake.auth.name;
    socket.on("join", (room, done) => {
      socket.join(room);
      done("joined");
    });
  });
}

// Events of other servers. `question` is answered with its argument and this server's language.
io.on("news", (...args) => report({ event: "news", args }));
io.on("question", (text, answer) => answer(`${text} from Node`));

// With `emitter`, a command is sent by the emitter of @socket.io/redis-emitter.
const of = ({ namespace = "/", ...options }) => (options.emitter ? emitter : io).of(namespace);
const select = ({ rooms = [], except = [], ...options }) => of(options).in(rooms).except(except);

const commands = {
  // Emits bursts of `burst` events, for the bench.
  async flood({ bursts, burst, pauseMs, ...selection }) {
    for (let count = 0; count < bursts; count++) {
      for (let each = 0; each < burst; each++) commands.emit(selection);
      await sleep(pauseMs);
    }
  },
  emit: (selection) => select(selection).emit(selection.event, ...selection.args),
  emitVolatile: (selection) => select(selection).volatile.emit(selection.event, ...selection.args),
  emitBytes: (selection) => select(selection).emit(selection.event, Buffer.from(selection.text)),
  emitDate: (selection) => select(selection).emit(selection.event, { at: new Date(selection.at) }),
  emitWithAck: (selection) =>
    select(selection).timeout(selection.ms).emitWithAck(selection.event, ...selection.args),
  socketsJoin: (selection) => select(selection).socketsJoin(selection.joined),
  socketsLeave: (selection) => select(selection).socketsLeave(selection.left),
  disconnectSockets: (selection) => select(selection).disconnectSockets(selection.close),
  serverSideEmit: ({ event, args, ...options }) => of(options).serverSideEmit(event, ...args),
  allRooms: async (selection) => [...(await of(selection).adapter.allRooms())],
  serverSideEmitWithAck: ({ event, args }) => io.serverSideEmitWithAck(event, ...args),
  async fetchSockets(selection) {
    const sockets = await select(selection).fetchSockets();
    return sockets.map(({ id, data, rooms, handshake }) => ({
      id,
      data,
      rooms: [...rooms],
      handshake,
    }));
  },
};

function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

http.listen(0, "127.0.0.1", () => report({ event: "listening", args: [http.address().port] }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...selection } = JSON.parse(line);
  Promise.resolve(commands[command](selection)).then(
    (result) => report({ id, result: Array.isArray(result) ? result : null }),
    (error) => report({ id, error: error.message }),
  );
}
process.exit(0);
