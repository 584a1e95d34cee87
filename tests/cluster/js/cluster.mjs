// Code of all servers in Node.js: the official Redis adapter, and the commands of the tests in Python.
// Commands arrive on stdin, and results leave on stdout: one JSON text per line.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient, createCluster } from "redis";

/**
 * Connects to Redis, or to a Redis Cluster if the URL begins with redis+cluster. Returns the adapter's
 * constructor for a mode, and an emitter.
 */
export async function connectCluster(url, mode) {
  const publisher = url.startsWith("redis+cluster:")
    ? createCluster({ rootNodes: [{ url: url.replace("redis+cluster:", "redis:") }] })
    : createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", () => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const newAdapter = {
    classic: () => createAdapter(publisher, subscriber),
    // For the bench: a server without other nodes.
    none: () => undefined,
  }[mode] ?? (() => createShardedAdapter(publisher, subscriber, { subscriptionMode: mode }));
  return { adapter: newAdapter(), emitter: new Emitter(publisher) };
}

/** Reports the port of a listening server, and runs commands until stdin ends. */
export async function runCommands(port, io, emitter) {
  report({ event: "listening", args: [port] });
  const commands = commandsOf(io, emitter);
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, command, ...selection } = JSON.parse(line);
    // Wrap the call, because a command that throws must not end the loop.
    new Promise((resolve) => resolve(commands[command](selection))).then(
      (result) => report({ id, result: Array.isArray(result) ? result : null }),
      (error) => report({ id, error: error.message }),
    );
  }
}

export function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function commandsOf(io, emitter) {
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
  return commands;
}
