// The scripts of the clients. Each receives a function that connects a client and waits for it. The
// client writes everything that it receives to the transcript; see driver.mjs.

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Connects two clients whose namespaces share a connection, as the namespaces of a page do. */
async function share(connect, first, second) {
  const one = await connect("one", first);
  const manager = one.socket.io;
  return [one, await connect("two", { ...second, manager })];
}

export const scripts = {
  async "join and leave rooms"(connect) {
    const one = await connect("one");
    await one.ask("join", "red");
    await one.ask("join", ["blue", "green"]);
    await one.ask("join", ["blue"]);
    await one.ask("join", []);
    await one.ask("leave", "blue");
    await one.ask("leave", "no room");
    await one.ask("join", one.socket.id);
    await one.emit("server.to", one.socket.id);
  },

  async "unusual names of rooms"(connect) {
    const [one, two] = [await connect("one"), await connect("two")];
    for (const room of ["", " ", "__proto__", "constructor", "é😀", "a,b", "x".repeat(1000)]) {
      await one.ask("join", room);
      await two.emit("server.to", room);
      await two.emit("client.to", [room, room]);
      await one.ask("leave", room);
    }
    await one.emit("server.except", "no room");
    await one.emit("server.to", []);
    await one.emit("server.except", []);
    await one.emit("client.to", []);
  },

  async "rooms whose name is not a string"(connect) {
    const one = await connect("one");
    await one.emit("join", 5);
  },

  async "leave the room of the own id"(connect) {
    const one = await connect("one");
    await one.ask("leave", one.socket.id);
    await one.emit("client.emit", ["still here"]);
    await one.emit("server.to", one.socket.id);
  },

  async "join the room of another client"(connect) {
    const [one, two] = [await connect("one"), await connect("two")];
    await one.ask("join", two.socket.id);
    await one.emit("server.to", two.socket.id);
    await one.emit("client.to", two.socket.id);
    await one.ask("fetchSockets", two.socket.id);
  },

  async "emit to this client"(connect) {
    const one = await connect("one");
    await one.emit("client.emit", []);
    await one.emit("client.emit", [null]);
    await one.emit("client.emit", [1, "two", [3], { four: 4 }, false]);
    await one.emit("client.volatile");
  },

  async "emit to rooms"(connect) {
    const [one, two, three] = [await connect("one"), await connect("two"), await connect("three")];
    await one.ask("join", ["red"]);
    await two.ask("join", ["red", "blue"]);
    await three.ask("join", ["blue"]);
    for (const event of ["client.to", "client.in", "client.broadcast.to", "server.to", "server.in"]) {
      await one.emit(event, "red");
      await one.emit(event, ["red", "blue"]);
      await one.emit(event, ["no room"]);
      await one.emit(event, two.socket.id);
      await one.emit(event, one.socket.id);
    }
    await one.emit("server.to.to", ["red", "blue"]);
    await one.emit("server.volatile", "red");
  },

  async "emit to all but some"(connect) {
    const [one, two, three] = [await connect("one"), await connect("two"), await connect("three")];
    await one.ask("join", ["red"]);
    await two.ask("join", ["red", "blue"]);
    await three.ask("join", ["blue"]);
    await one.emit("client.broadcast");
    await one.emit("client.except", "blue");
    await one.emit("client.except", ["red", "blue"]);
    await one.emit("client.except", two.socket.id);
    await one.emit("client.to.except", ["red", "blue"]);
    await one.emit("client.to.except", ["blue", "red"]);
    await one.emit("server.except", "red");
    await one.emit("server.except", ["red", "blue"]);
    await one.emit("server.except", one.socket.id);
    await one.emit("server.to.except", ["blue", "red"]);
    await one.emit("server.emit");
    await one.emit("server.local");
  },

  async "fetch and move the sockets of a room"(connect) {
    const [one, two] = [await connect("one"), await connect("two")];
    await one.ask("join", "red");
    await two.ask("join", ["red", "blue"]);
    await one.ask("fetchSockets", "red");
    await one.ask("fetchSockets", "blue");
    await one.ask("fetchSockets", "no room");
    await one.emit("socketsJoin", ["red", "green"]);
    await one.emit("server.to", "green");
    await one.emit("socketsJoin", ["blue", ["yellow", "orange"]]);
    await one.emit("server.to", "orange");
    await one.emit("socketsLeave", ["blue", ["red", "yellow"]]);
    await one.emit("server.to", ["red", "yellow"]);
    await one.emit("socketsLeave", ["red", "green"]);
    await one.emit("server.to", "green");
  },

  async "use the fetched sockets"(connect) {
    const [one, two] = [await connect("one"), await connect("two")];
    await one.ask("join", "red");
    await two.ask("join", ["red", "blue"]);
    await two.emit("fetchSockets, then each", ["red", "last"]);
    await one.sees("disconnect");
    await two.ask("fetchSockets", "red");
    await two.ask("fetchSockets", "last");
  },

  async "disconnect the sockets of a room"(connect) {
    const [one, two, three] = [await connect("one"), await connect("two"), await connect("three")];
    await two.ask("join", "red");
    await three.ask("join", "blue");
    await one.emit("disconnectSockets", ["no room", false]);
    await one.emit("disconnectSockets", ["red", false]);
    await two.sees("disconnect");
    await one.ask("fetchSockets", "red");
    await one.emit("disconnectSockets", ["blue", true]);
    await three.sees("disconnect");
    await one.emit("server.emit");
  },

  async "disconnect one client"(connect) {
    const [one, two, three] = [await connect("one"), await connect("two"), await connect("three")];
    two.emit("disconnect me", false);
    await two.sees("disconnect");
    await one.sees("told");
    three.emit("disconnect me", true);
    await three.sees("disconnect");
    await one.sees("told", 2);
  },

  async "list sockets and rooms"(connect) {
    const [one, two] = [await connect("one"), await connect("two")];
    await one.ask("lists", "red");
    await one.ask("join", "red");
    await two.ask("join", "red");
    await one.ask("lists", "red");
    const id = two.socket.id;
    two.socket.disconnect();
    await one.answers("clients", 2);
    await one.ask("lists", id);
    await one.ask("lists", null);
  },

  async "acks of clients"(connect) {
    const one = await connect("one", { namespace: "/acks" });
    await one.ask("ask me", { id: 1 });
    await one.ask("ask me", null);
    await one.ask("ask me in vain");
    await one.ask("ask a room", 7);
    await one.ask("ask nobody");
    await one.ask("ask all", "all");
    await connect("two", { namespace: "/acks" });
    await one.ask("ask all in vain", "all");
  },

  async "acks of the server"(connect) {
    const one = await connect("one", { namespace: "/acks" });
    await one.ask("by hand", "data");
    await one.ask("unmarked ack", "data");
    await one.emit("unmarked ack", "data");
    await one.tryAsk("never acked", "data");
    await one.emit("never acked", "data");
  },

  async "listeners of a socket"(connect) {
    const one = await connect("one", { namespace: "/listeners" });
    await one.ask("listened", 5);
    await one.ask("listened", 6);
    await one.emit("on and off");
    await one.emit("removed");
  },

  async "a listener of an event that the gateway handles"(connect) {
    const one = await connect("one", { namespace: "/listeners" });
    await one.emit("handled, too", 1);
  },

  async "a listener of disconnect besides handleDisconnect"(connect) {
    const one = await connect("one", { namespace: "/listeners" });
    const two = await connect("two", { namespace: "/listeners", auth: { hooks: true } });
    two.socket.disconnect();
    await one.sees("told", 3);
  },

  async "a listener for one event"(connect) {
    const one = await connect("one", { namespace: "/listeners" });
    await one.emit("listened once", "first");
    await one.emit("listened once", "second");
  },

  async "disconnecting and disconnect"(connect) {
    const options = { namespace: "/listeners" };
    const names = ["one", "two", "three", "four", "five"];
    const clients = [];
    for (const name of names) clients.push(await connect(name, options));
    const [one, two, three, four, five] = clients;
    await two.emit("join", "red");
    two.socket.disconnect();
    await Promise.all([one, three, four, five].map((each) => each.sees("told", 2)));
    three.socket.io.engine.close();
    await Promise.all([one, four, five].map((each) => each.sees("told", 4)));
    three.socket.disconnect();
    four.emit("leave", false);
    await Promise.all([one, five].map((each) => each.sees("told", 6)));
    five.emit("leave", true);
    await one.sees("told", 8);
  },

  async "events while a client connects"(connect) {
    const options = { namespace: "/lobby" };
    const [one, two] = [await connect("one", options), await connect("two", options)];
    two.socket.disconnect();
    await one.sees("told", 8);
  },

  async "a client that is disconnected while it connects"(connect) {
    const one = await connect("one", { namespace: "/lobby" });
    const two = await connect("two", { namespace: "/lobby", auth: { leaves: true } });
    await two.sees("disconnect");
    await one.sees("told", 8);
  },

  async "the handshake"(connect) {
    const plain = await connect("one", { namespace: "/lobby" });
    await plain.ask("handshake");
    const full = await connect("two", {
      namespace: "/lobby",
      auth: { key: "sesame", list: [1, { a: null }] },
      query: { room: "red blue", empty: "", n: 5 },
      extraHeaders: { "X-Test": "a header" },
    });
    await full.ask("handshake");
  },

  async "a middleware refuses"(connect) {
    const admitted = await connect("one", { namespace: "/admin", auth: { key: "sesame" } });
    await connect("two", { namespace: "/admin", auth: { key: "wrong" } });
    await connect("three", { namespace: "/admin" });
    const last = await connect("four", { namespace: "/admin", auth: { key: "sesame" } });
    await last.emit("disconnect me", false);
    await admitted.ask("calls");
  },

  async "an unknown namespace"(connect) {
    await connect("one", { namespace: "/unknown" });
    await connect("two", { namespace: "/adm" });
    await connect("three", { namespace: "/admin/" });
    await connect("four", { namespace: "/Admin" });
    await connect("five", { namespace: "/admin/x" });
  },

  async "a page of another origin"(connect) {
    await connect("one", {
      extraHeaders: { Origin: "https://other.example" },
      reconnection: false,
    });
  },

  async "several namespaces on one connection"(connect) {
    const [one, two] = await share(connect, {}, { namespace: "/admin", auth: { key: "sesame" } });
    await two.emit("elsewhere");
    await one.emit("server.emit");
    await one.emit("server.of", "/admin");
    await one.emit("server.of", "admin");
    await two.emit("disconnect me", false);
    await one.emit("client.emit", ["still here"]);
  },

  async "an unknown namespace leaves the others"(connect) {
    const [one] = await share(connect, {}, { namespace: "/unknown" });
    await one.emit("client.emit", ["still here"]);
  },

  async "a refused namespace leaves the others"(connect) {
    const [one] = await share(connect, {}, { namespace: "/admin", auth: { key: "wrong" } });
    await one.emit("client.emit", ["still here"]);
  },

  async "closing a connection ends all its namespaces"(connect) {
    const [one, two] = await share(connect, {}, { namespace: "/admin", auth: { key: "sesame" } });
    two.emit("disconnect me", true);
    await two.sees("disconnect");
    await one.sees("disconnect");
  },

  async "disconnecting sockets ends all namespaces of their connections"(connect) {
    const [one, two] = await share(connect, {}, { namespace: "/admin", auth: { key: "sesame" } });
    await one.ask("join", "red");
    one.socket.emit("disconnectSockets", ["red", true]);
    await one.sees("disconnect");
    await two.sees("disconnect");
  },

  async "a client leaves one namespace and returns"(connect) {
    const [one, two] = await share(connect, {}, { namespace: "/lobby" });
    two.socket.disconnect();
    await one.emit("client.emit", ["still here"]);
    two.socket.connect();
    await two.sees("connect", 2);
    await two.fence();
  },

  async "a client reconnects after it has lost the connection"(connect) {
    const one = await connect("one");
    await one.ask("join", "red");
    one.socket.io.engine.close();
    await one.sees("connect", 2);
    await one.answers("clients", 2);
    await one.ask("lists", "red");
  },

  async "a client that begins with polling"(connect) {
    await connect("one", { transports: ["polling"], reconnection: false });
  },

  async "the same namespace again after a disconnect"(connect) {
    const one = await connect("one");
    await one.ask("join", "red");
    one.socket.disconnect();
    one.socket.connect();
    await one.sees("connect", 2);
    await one.ask("lists", "red");
  },

  async "namespaces by regular expression"(connect) {
    const one = await connect("one", { namespace: "/team-1" });
    const two = await connect("two", { namespace: "/team-1" });
    const three = await connect("three", { namespace: "/team-22" });
    await connect("four", { namespace: "/team-x" });
    await connect("five", { namespace: "/team-1x" });
    await connect("six", { namespace: "/team-1", auth: { banned: true } });
    await one.ask("team");
    await three.ask("team");
    await three.emit("all teams");
    for (const client of [one, three]) await client.emit("join");
    await one.emit("room");
    await two.emit("room");
    await three.emit("room");
  },

  async "a regular expression that matches a part of the name"(connect) {
    await connect("one", { namespace: "/part" });
    await connect("two", { namespace: "/a-part-of-it" });
  },

  async "the guards of a gateway's class"(connect) {
    const one = await connect("one", { namespace: "/guarded", auth: { key: "sesame" } });
    await one.ask("enter");
    const two = await connect("two", { namespace: "/guarded" });
    await two.emit("enter");
  },

  async "order of the hooks"(connect) {
    const one = await connect("one", { namespace: "/hooks" });
    await one.sees("told", 2);
    await one.ask("calls");
  },

  async "events before the end of handleConnection"(connect) {
    const two = await connect("two", { namespace: "/hooks" });
    const options = { namespace: "/hooks", early: ["told early", 1], auth: { waits: "early" } };
    const connecting = connect("one", options);
    await later(300);
    await two.emit("release", "early");
    await (await connecting).sees("told", 3);
  },

  async "events during another event"(connect) {
    const options = { namespace: "/hooks" };
    const [one, two] = [await connect("one", options), await connect("two", options)];
    one.socket.emit("slow", 1);
    one.socket.emit("slow", 2);
    await one.maySee("told", 4);
    await two.emit("release", "slow");
    await one.sees("told", 6);
  },

  async "several gateways in one namespace"(connect) {
    const options = { namespace: "/shared" };
    const [one, two] = [await connect("one", options), await connect("two", options)];
    await one.ask("first");
    await one.ask("second");
    two.socket.disconnect();
    await one.sees("told", 3);
  },

  async "binary payloads"(connect) {
    const one = await connect("one", { path: "/binary" });
    await one.ask("echo", Buffer.from("abc"));
    await one.ask("echo", { list: [Buffer.from([1]), "text", Buffer.from([])] });
    await one.ask("echo", Buffer.from("a"), 2);
    await one.emit("bytes");
    await one.emit("bytes of an object");
    await one.ask("ask me");
  },

  async "an enum as the name of an event"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.emit("named by an enum");
  },

  async "payloads and acks"(connect) {
    const one = await connect("one", { namespace: "/results" });
    const values = [0, -1, 1.5, 0.1, 1e21, 2 ** 53, "", "text", "\u2028é😀", false, true, [], [1, [2]]];
    for (const value of [...values, {}, { a: { b: null } }, { __proto__: null, constructor: 1 }]) {
      await one.ask("echo", value);
      await one.ask("async echo", value);
    }
    await one.tryAsk("echo", null);
    await one.tryAsk("echo");
    await one.tryAsk("nothing");
    await one.ask("echo", 1, "two", [3]);
    await one.ask("body", 1, 2);
    await one.ask("body", null);
    await one.ask("socket", 1);
    await one.emit("echo", "no ack wanted");
  },

  async "arguments of events"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.ask("body", undefined, 1);
    await one.ask("body", [1, 2]);
    await one.ask("body", [[]]);
    await one.ask("body", []);
    await one.ask("body", null, null);
    await one.ask("body", { date: new Date(0), nothing: undefined, nan: NaN });
    await one.emit("throw", [1, 2]);
    await one.emit("throw", []);
    await one.emit("throw", null);
    await one.emit("throw", undefined);
  },

  async "many events at once"(connect) {
    const one = await connect("one", { namespace: "/results" });
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    await Promise.all(numbers.map((number) => one.ask("echo", number)));
  },

  async "unusual names of events"(connect) {
    const one = await connect("one", { namespace: "/results" });
    for (const event of ["", "__proto__", "constructor", "toString", "handleConnection", "é😀"]) {
      await one.emit("object with event", event);
    }
  },

  async "fields of the payload"(connect) {
    const one = await connect("one", { namespace: "/results" });
    for (const value of [{ "a.b": 1 }, { a: { b: 1 } }, { "a.b": 0 }, { "a.b": null }, 5, "text", []]) {
      await one.ask("field", value);
    }
    await one.ask("field", null);
    await one.ask("field");
  },

  async "defaults of parameters"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.ask("default");
    await one.ask("default", 0);
    await one.ask("default of a field", { x: 0 });
    await one.ask("default of a field", {});
    await one.ask("default of a field", { x: null });
    await one.ask("default of a pipe", { x: 0 });
    await one.ask("default of a pipe", {});
    await one.ask("default of a pipe", { x: null });
  },

  async "results with an event"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.tryAsk("echo", { event: "an event", data: { x: 1 } });
    await one.tryAsk("echo", { event: "an event", data: null });
    await one.tryAsk("echo", { event: "an event", data: 1, more: 2 });
    await one.tryAsk("object with event", "an event");
    await one.tryAsk("event without data");
    await one.tryAsk("response");
    await one.emit("response");
  },

  async "results with a falsy event"(connect) {
    const one = await connect("one", { namespace: "/results" });
    for (const event of ["", 0, false, null]) {
      await one.tryAsk("echo", { event, data: 1 });
      await one.tryAsk("object with event", event);
    }
  },

  async "objects as acks"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.ask("object");
    await one.ask("not a number");
    await one.ask("set");
    await one.ask("date");
    await one.ask("return an error");
  },

  async "errors without an ack"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.emit("throw", { any: "data" });
    await one.emit("throw");
    await one.emit("throw", 1, 2);
    await one.emit("throw an object", 1);
    await one.emit("throw later", 1);
    await one.emit("throw a subclass", 1);
  },

  async "unexpected errors"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.emit("throw unknown", 1);
  },

  async "errors with an ack"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.tryAsk("throw", 1);
    await one.tryAsk("throw an object", 1);
  },

  async "errors after the ack"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.ask("ack, then throw", 7);
    await one.fence();
  },

  async "streams"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.ask("stream");
    await one.emit("stream");
    await one.emit("stream of events");
    await one.ask("stream of both");
    await one.tryAsk("failing stream");
    await one.emit("failing at once");
    await one.ask("stream of a promise");
    await one.ask("stream with null");
    await one.tryAsk("empty stream");
  },

  async "events that no gateway handles"(connect) {
    const one = await connect("one", { namespace: "/results" });
    await one.emit("no such event", 1);
  },

  async "order of guards, interceptors and pipes"(connect) {
    const one = await connect("one", { namespace: "/pipeline" });
    await one.ask("trace", ["traced"]);
    await one.ask("traced");
  },

  async "guards"(connect) {
    const one = await connect("one", { namespace: "/pipeline", auth: { role: "reader" } });
    const two = await connect("two", { namespace: "/pipeline", auth: { role: "writer" } });
    await one.ask("for readers");
    await two.ask("for writers");
    await one.ask("password", "sesame");
    for (const truth of [true, 1, "no", { a: 0 }, [0]]) await one.ask("truth", truth);
    for (const truth of [false, 0, "", null]) await one.emit("truth", truth);
  },

  async "guards that refuse"(connect) {
    const one = await connect("one", { namespace: "/pipeline", auth: { role: "reader" } });
    await one.emit("for writers", 1);
    await one.emit("for nobody", 2);
    await one.emit("password", "simsalabim");
  },

  async "interceptors"(connect) {
    const one = await connect("one", { namespace: "/pipeline" });
    await one.ask("rescue");
    await one.ask("cache");
    await one.ask("wrap");
    await one.ask("wrap a stream");
    await one.ask("context", [1]);
  },

  async "filters"(connect) {
    const one = await connect("one", { namespace: "/pipeline" });
    await one.emit("cat", "Tom");
    await one.emit("dog", "Spike");
    await one.emit("two filters");
    await one.emit("another error");
    await one.emit("no cause", 1);
    await one.emit("broken filter", 1);
    await one.tryAsk("broken filter", 1);
    for (const origin of ["pipe", "decorator", "interceptor"]) await one.emit(`throwing ${origin}`, 1);
    await one.emit("broken guard", 1);
  },

  async "pipes and parameter decorators"(connect) {
    const one = await connect("one", { namespace: "/pipeline", auth: { names: ["traced"] } });
    await one.ask("number", { n: "5" });
    await one.ask("number", { n: 6 });
    await one.emit("number", { n: "five" });
    await one.ask("name");
    await one.ask("piped name");
  },
};
