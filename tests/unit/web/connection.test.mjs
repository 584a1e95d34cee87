import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection, ConnectionLost, TIMEOUT_MS } from "../../../app/web/connection.js";
import { pass, flushPromises } from "./eventually.mjs";
import { scriptedIo, tokenOf } from "./scripted_io.mjs";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

/** Returns an opened connection that is not admitted yet. */
function opened({ answers, getToken = async () => tokenOf(60) } = {}) {
  const { io, sockets } = scriptedIo(answers);
  const connection = new Connection({ io, url: "http://127.0.0.1", getToken });
  const phases = [];
  connection.addEventListener("phase", () => phases.push(connection.phase));
  connection.open();
  return { connection, socket: sockets[0], phases };
}

async function online(options) {
  const made = opened(options);
  await made.socket.up();
  await flushPromises();
  return made;
}

test("every connection gets a new token", async () => {
  const { socket } = await online();

  socket.down("transport close");
  const second = await socket.up();
  const third = await socket.up();

  assert.notEqual(second.token, third.token);
});

test("a client that is refused after its connection was never online", async () => {
  const { socket, phases } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  await socket.up();
  socket.receive("error", { message: "authentication failed", code: "token_expired", detail: "" });
  socket.down("io server disconnect");
  await flushPromises();

  assert.deepEqual(phases, ["connecting", "unauthorized"]);
});

test("a client that is refused repeatedly gives up within four seconds", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  for (let refusal = 0; refusal < 4; refusal += 1) {
    await socket.up();
    socket.receive("error", { message: "authentication failed", code: "token_party" });
    socket.down("io server disconnect");
    while (connection.phase !== "refused" && socket.connects === refusal + 1) {
      await pass(mock.timers, 50);
    }
  }

  assert.equal(socket.connects, 1 + 3);
  assert.equal(connection.phase, "refused");
  assert.ok(Date.now() < 4_000, `it took ${Date.now()} ms`);
});

test("it is online once when the connection is lost before its admission", async () => {
  const limited = { error: "Slow down.", code: "rate_limited", temporary: true, retryAfterMs: 300 };
  const answers = [limited];
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => answers.shift() ?? { data: { count: 0 } } },
  });
  let times = 0;
  connection.addEventListener("online", () => (times += 1));

  await socket.up();
  await flushPromises();
  socket.down("transport close");
  await socket.up();
  await pass(mock.timers, 500);

  assert.equal(times, 1);
});

test("it reconnects by itself when the server disconnected it", async () => {
  const { connection, socket } = await online();

  socket.down("io server disconnect");
  const phase = connection.phase;
  await pass(mock.timers, 500);

  assert.equal(phase, "lost");
  assert.equal(socket.connects, 1 + 1);
});

test("it leaves the reconnection to socket.io-client when the connection was lost", async () => {
  const { connection, socket } = await online();

  socket.down("ping timeout");
  await pass(mock.timers, 60_000);

  assert.equal(connection.phase, "lost");
  assert.equal(socket.connects, 1);
});

for (const [code, temporary, tries, phase] of [
  ["revoked", false, 0, "refused"],
  ["subject_changed", false, 0, "refused"],
  ["token_signature", false, 3, "refused"],
  ["too_many_sockets", true, 20, "lost"],
]) {
  test(`it reconnects ${tries} times when it is refused for ${code}`, async () => {
    const { connection, socket } = opened();

    for (let refusal = 0; refusal < 20; refusal += 1) {
      socket.refuse("Authentication failed", { code, temporary, detail: "No." });
      await pass(mock.timers, 15_000);
    }

    assert.equal(socket.connects, 1 + tries);
    assert.equal(connection.phase, phase);
    assert.match(connection.detail, /No\.$/);
  });
}

test("a temporary refusal is no failed sign-in, and has the time to reconnect", async () => {
  const { connection, socket, phases } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  await socket.up();
  socket.receive("error", {
    message: "authentication failed",
    code: "too_many_attempts",
    detail: "Too many attempts from this address.",
    temporary: true,
    retryAfterMs: 8_000,
  });
  socket.down("transport close");
  const isLeftToReconnect = socket.isLeftToReconnect;
  await pass(mock.timers, 8_000);
  const early = socket.connects;
  await pass(mock.timers, 500);

  assert.deepEqual(phases, ["connecting", "lost"]);
  assert.equal(
    connection.detail,
    "The server is busy; trying again. Too many attempts from this address.",
  );
  assert.equal(isLeftToReconnect, false);
  assert.deepEqual([early, socket.connects], [1, 2]);
});

test("it reconnects without end, and not too soon, when a refusal is temporary", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });
  const refusal = { code: "too_many_sockets", detail: "No.", temporary: true, retryAfterMs: 20_000 };

  for (let refused = 1; refused <= 20; refused += 1) {
    await socket.up();
    socket.receive("error", { message: "authentication failed", ...refusal });
    socket.down("transport close");
    await pass(mock.timers, 20_000);
    assert.equal(socket.connects, refused);
    await pass(mock.timers, 15_000); // the longest backoff
    assert.equal(socket.connects, refused + 1);
  }

  assert.equal(connection.phase, "lost");
});

test("a loss is left to socket.io-client when the connection before it was refused", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });
  await socket.up();
  socket.receive("error", { code: "unavailable", temporary: true, retryAfterMs: 1_000 });
  socket.down("transport close");
  await pass(mock.timers, 1_500);

  socket.down("transport close");
  await pass(mock.timers, 60_000);

  assert.equal(connection.detail, "The connection was lost.");
  assert.equal(socket.connects, 1 + 1);
});

test("it announces a restart, and reconnects at the time that the server names", async () => {
  const { connection, socket, phases } = await online();
  const received = [];
  connection.addEventListener("message", ({ detail }) => received.push(detail.name));

  socket.receive("server:draining", { reconnectAfterMs: 3_000 });
  const announced = [connection.phase, connection.detail];
  socket.down("transport close");
  const detail = connection.detail;
  await pass(mock.timers, 3_500);
  await socket.up();
  await flushPromises();

  assert.deepEqual(announced, ["online", "The server is about to restart."]);
  assert.deepEqual(phases, ["connecting", "online", "online", "lost", "online"]);
  assert.equal(detail, "The server is restarting; trying again.");
  assert.equal(connection.detail, "");
  assert.equal(socket.connects, 2);
  assert.deepEqual(received, []);
});

test("an authentication error differs from an unreachable server", async () => {
  const { connection, socket } = opened();

  socket.active = true;
  socket.io.engine.close = () => {};
  socket.refuse("websocket error");
  const unreachable = connection.phase;
  socket.refuse("Authentication required", { code: "token_missing", detail: "Send one." });

  assert.equal(unreachable, "lost");
  assert.equal(connection.phase, "unauthorized");
});

test("it tries again when no token is available", async () => {
  const { connection, socket } = opened({
    getToken: async () => {
      throw new Error("no network");
    },
  });
  let closed = 0;
  socket.io.engine.close = () => (closed += 1);

  socket.options.auth(() => assert.fail("there is no token to give"));
  await pass(mock.timers, 1_000);

  assert.equal(connection.detail, "No token: no network");
  assert.equal(closed, 1);
});

test("a token that comes too late for its connection is not used for the next", async () => {
  let late;
  const tokens = [new Promise((resolve) => (late = resolve)), Promise.resolve(tokenOf(60))];
  const { socket } = opened({ getToken: () => tokens.shift() });
  const given = [];

  socket.options.auth(({ token }) => given.push(token));
  await socket.up();
  late(tokenOf(60));
  await flushPromises();

  assert.deepEqual(given, []);
});

test("it has a timeout for a token", async () => {
  const { connection, socket } = opened({ getToken: () => new Promise(() => {}) });

  socket.options.auth(() => assert.fail("there is no token to give"));
  await pass(mock.timers, TIMEOUT_MS);

  assert.equal(connection.detail, "No token: no answer within 10 s");
});

const refreshes = (socket) =>
  socket.asked.filter(([event]) => event === "auth:refresh").map(([, { token }]) => token);

test("a new token is sent when the server says that the old one expires soon", async () => {
  const given = [tokenOf(60), tokenOf(90)];
  const tokens = [...given];
  const { connection, socket, phases } = await online({ getToken: async () => tokens.shift() });
  const lives = [];
  connection.addEventListener("token", () => lives.push(connection.token.lifeMs));
  const received = [];
  connection.addEventListener("message", ({ detail }) => received.push(detail.name));

  socket.receive("auth:expiring", { expiresAt: "2026-01-01T00:00:15.000Z" });
  await flushPromises();

  assert.deepEqual(refreshes(socket), [given[1]]);
  assert.deepEqual(lives, [90_000]);
  assert.deepEqual(phases, ["connecting", "online"]);
  assert.deepEqual(received, []);
});

test("a new token is sent before the old one expires when the server does not warn", async () => {
  const { socket } = await online();
  await pass(mock.timers, 49_000);
  const before = refreshes(socket).length;

  await pass(mock.timers, 2_000);
  const first = refreshes(socket).length;
  await pass(mock.timers, 50_000);

  assert.deepEqual([before, first, refreshes(socket).length], [0, 1, 2]);
});

test("a short-lived token is replaced when three quarters of its life have passed", async () => {
  const { socket } = await online({ getToken: async () => tokenOf(4) });

  await pass(mock.timers, 2_900);
  const before = refreshes(socket).length;
  await pass(mock.timers, 200);

  assert.deepEqual([before, refreshes(socket).length], [0, 1]);
});

test("one new token is sent at a time", async () => {
  let answer;
  const { socket } = await online({
    answers: { "auth:refresh": () => new Promise((resolve) => (answer = resolve)) },
  });

  for (let warnings = 0; warnings < 3; warnings += 1) {
    socket.receive("auth:expiring", {});
    await flushPromises();
  }
  const meanwhile = refreshes(socket).length;
  answer({ data: {} });
  await flushPromises();
  socket.receive("auth:expiring", {});
  await flushPromises();

  assert.deepEqual([meanwhile, refreshes(socket).length], [1, 2]);
});

test("a new token is sent when an event is refused for an expired token", async () => {
  const expired = { error: "The token has expired.", code: "token_expired", temporary: false };
  const { connection, socket } = await online({ answers: { typing: () => expired } });

  await assert.rejects(connection.ask("typing", {}), { code: "token_expired", temporary: true });
  await flushPromises();

  assert.equal(refreshes(socket).length, 1);
});

test("it tries again when the server cannot verify a new token", async () => {
  const unavailable = { error: "Try again.", code: "keys_unavailable", temporary: true };
  const answers = [unavailable, unavailable, { data: {} }];
  const { connection, socket } = await online({
    answers: { "auth:refresh": () => answers.shift() },
  });

  socket.receive("auth:expiring", {});
  await pass(mock.timers, 2_000);

  assert.equal(refreshes(socket).length, 3);
  assert.equal(new Set(refreshes(socket)).size, 3);
  assert.equal(connection.phase, "online");
});

test("it tries again when no new token is available", async () => {
  let isDown = false;
  const getToken = async () => {
    if (isDown) throw new Error("no network");
    return tokenOf(60);
  };
  const { connection, socket } = await online({ getToken });

  isDown = true;
  socket.receive("auth:expiring", {});
  await pass(mock.timers, 2_000);
  const meanwhile = [refreshes(socket).length, connection.phase];
  isDown = false;
  await pass(mock.timers, 4_000);

  assert.deepEqual(meanwhile, [0, "online"]);
  assert.equal(refreshes(socket).length, 1);
});

test("it sends no other token when a new one is refused permanently", async () => {
  const refused = { error: "Not for here.", code: "token_party", temporary: false };
  const { connection, socket } = await online({ answers: { "auth:refresh": () => refused } });

  socket.receive("auth:expiring", {});
  await pass(mock.timers, 30_000);

  assert.equal(refreshes(socket).length, 1);
  assert.equal(connection.phase, "online");
});

test("it requests no further token when the server has ended the session", async () => {
  let tokens = 0;
  const unavailable = { error: "Try again.", code: "keys_unavailable", temporary: true };
  const { connection, socket } = await online({
    answers: { "auth:refresh": () => unavailable },
    getToken: async () => tokenOf((tokens += 60)),
  });

  socket.receive("auth:expiring", {});
  await flushPromises();
  socket.receive("error", { message: "authentication revoked", code: "revoked", detail: "No." });
  socket.down("io server disconnect");
  await pass(mock.timers, 60_000);

  assert.equal(tokens, 2 * 60);
  assert.deepEqual([connection.phase, connection.detail], ["refused", "No."]);
});

test("a refresh of a lost connection does not delay that of the next", async () => {
  let isStuck = true;
  const { socket } = await online({
    answers: { "auth:refresh": () => (isStuck ? new Promise(() => {}) : { data: {} }) },
  });
  socket.receive("auth:expiring", {});
  await flushPromises();
  isStuck = false;

  socket.down("transport close");
  await socket.up();
  await flushPromises();
  socket.receive("auth:expiring", {});
  await flushPromises();

  assert.equal(refreshes(socket).length, 2);
});

test("it waits at a rate limit, and dispatches the wait", async () => {
  const limited = { error: "Slow down.", code: "rate_limited", temporary: true, retryAfterMs: 300 };
  const answers = [limited, limited, { data: "done" }];
  const { connection } = await online({ answers: { sendMessage: () => answers.shift() } });
  const waits = [];
  connection.addEventListener("throttled", ({ detail }) => waits.push(detail.retryAfterMs));

  const asked = connection.ask("sendMessage", {});
  await pass(mock.timers, 700);

  assert.equal(await asked, "done");
  assert.deepEqual(waits, [300, 300]);
});

test("an error has the server's message and code, and whether it is temporary", async () => {
  const refused = { error: "Not yours.", code: "not_the_author", temporary: false };
  const { connection } = await online({ answers: { updateMessage: () => refused } });

  await assert.rejects(connection.ask("updateMessage", {}), {
    message: "Not yours.",
    code: "not_the_author",
    temporary: false,
  });
});

test("nothing is sent when there is no connection", async () => {
  const { connection, socket } = await online();
  socket.down("transport close");

  await assert.rejects(connection.ask("sendMessage", {}), ConnectionLost);

  assert.deepEqual(socket.asked, [["message:getOfflineCount", undefined]]);
});

test("it does nothing more after it was closed", async () => {
  const { connection, socket } = await online();

  connection.close();
  const asked = socket.asked.length;
  await pass(mock.timers, 120_000);

  assert.deepEqual([connection.phase, connection.token], ["offline", null]);
  assert.deepEqual([socket.connects, socket.asked.length], [1, asked]);
});

test("it does not reconnect when it is closed before the delay is over", async () => {
  const { connection, socket } = await online();
  socket.down("io server disconnect");

  connection.close();
  await pass(mock.timers, 60_000);

  assert.deepEqual([connection.phase, socket.connects], ["offline", 1]);
});

test("it is online again when it is opened again", async () => {
  const { connection, socket } = await online();
  connection.close();

  connection.open();
  await socket.up();
  await flushPromises();

  assert.deepEqual([connection.phase, socket.connects], ["online", 2]);
});
