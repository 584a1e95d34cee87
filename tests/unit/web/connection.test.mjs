import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection, ConnectionLost, TIMEOUT_MS } from "../../../app/web/connection.js";
import { pass, settled } from "./eventually.mjs";
import { scriptedIo, tokenOf } from "./scripted_io.mjs";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

/** An open connection, not yet up. */
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
  await settled();
  return made;
}

test("a fresh token is given for every single connection", async () => {
  const { socket } = await online();

  socket.down("transport close");
  const second = await socket.up();
  const third = await socket.up();

  assert.notEqual(second.token, third.token);
});

test("a client that is let in and then refused was never online", async () => {
  const { socket, phases } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  await socket.up();
  socket.hear("error", { message: "authentication failed", code: "token_expired", detail: "" });
  socket.down("io server disconnect");
  await settled();

  assert.deepEqual(phases, ["connecting", "unauthorized"]);
});

test("a client that is refused again and again gives up within four seconds", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  for (let refusal = 0; refusal < 4; refusal += 1) {
    await socket.up();
    socket.hear("error", { message: "authentication failed", code: "token_party" });
    socket.down("io server disconnect");
    while (connection.phase !== "refused" && socket.connects === refusal + 1) {
      await pass(mock.timers, 50);
    }
  }

  assert.equal(socket.connects, 1 + 3);
  assert.equal(connection.phase, "refused");
  assert.ok(Date.now() < 4_000, `it took ${Date.now()} ms`);
});

test("it is online once when the connection is lost while it waits to be let in", async () => {
  const limited = { error: "Slow down.", code: "rate_limited", temporary: true, retryAfterMs: 300 };
  const answers = [limited];
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => answers.shift() ?? { data: { count: 0 } } },
  });
  let times = 0;
  connection.addEventListener("online", () => (times += 1));

  await socket.up();
  await settled();
  socket.down("transport close");
  await socket.up();
  await pass(mock.timers, 500);

  assert.equal(times, 1);
});

test("it comes back by itself, ever more slowly, when the server ended it", async () => {
  const { connection, socket } = await online();

  socket.down("io server disconnect");
  const phase = connection.phase;
  await pass(mock.timers, 500);

  assert.equal(phase, "lost");
  assert.equal(socket.connects, 1 + 1);
});

test("it leaves coming back to socket.io-client when the connection was lost", async () => {
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
  test(`it comes back ${tries} times when it is refused for ${code}`, async () => {
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

test("a temporary refusal is no failed sign-in, and the server says when to come back", async () => {
  const { connection, socket, phases } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  await socket.up();
  socket.hear("error", {
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

test("it comes back again and again, and not too soon, when a refusal is temporary", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });
  const refusal = { code: "too_many_sockets", detail: "No.", temporary: true, retryAfterMs: 20_000 };

  for (let refused = 1; refused <= 20; refused += 1) {
    await socket.up();
    socket.hear("error", { message: "authentication failed", ...refusal });
    socket.down("transport close");
    await pass(mock.timers, 20_000);
    assert.equal(socket.connects, refused);
    await pass(mock.timers, 15_000); // the longest backoff: not all clients come at once
    assert.equal(socket.connects, refused + 1);
  }

  assert.equal(connection.phase, "lost");
});

test("a loss is left to socket.io-client when the connection before it was refused", async () => {
  const { connection, socket } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });
  await socket.up();
  socket.hear("error", { code: "unavailable", temporary: true, retryAfterMs: 1_000 });
  socket.down("transport close");
  await pass(mock.timers, 1_500);

  socket.down("transport close");
  await pass(mock.timers, 60_000);

  assert.equal(connection.detail, "The connection was lost.");
  assert.equal(socket.connects, 1 + 1);
});

test("a restart is announced, and it comes back when the server says", async () => {
  const { connection, socket, phases } = await online();
  const heard = [];
  connection.addEventListener("message", ({ detail }) => heard.push(detail.name));

  socket.hear("server:draining", { reconnectAfterMs: 3_000 });
  const announced = [connection.phase, connection.detail];
  socket.down("transport close");
  const told = connection.detail;
  await pass(mock.timers, 3_500);
  await socket.up();
  await settled();

  assert.deepEqual(announced, ["online", "The server is about to restart."]);
  assert.deepEqual(phases, ["connecting", "online", "online", "lost", "online"]);
  assert.equal(told, "The server is restarting; trying again.");
  assert.equal(connection.detail, "");
  assert.equal(socket.connects, 2);
  assert.deepEqual(heard, []);
});

test("an authentication error is told from an unreachable server", async () => {
  const { connection, socket } = opened();

  socket.active = true;
  socket.io.engine.close = () => {};
  socket.refuse("websocket error");
  const refusedByNobody = connection.phase;
  socket.refuse("Authentication required", { code: "token_missing", detail: "Send one." });

  assert.equal(refusedByNobody, "lost");
  assert.equal(connection.phase, "unauthorized");
});

test("it tries again when there is no token to be had", async () => {
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
  await settled();

  assert.deepEqual(given, []);
});

test("it does not wait for a token for ever", async () => {
  const { connection, socket } = opened({ getToken: () => new Promise(() => {}) });

  socket.options.auth(() => assert.fail("there is no token to give"));
  await pass(mock.timers, TIMEOUT_MS);

  assert.equal(connection.detail, "No token: nothing within 10 s");
});

const refreshes = (socket) =>
  socket.asked.filter(([event]) => event === "auth:refresh").map(([, { token }]) => token);

test("a new token is handed in when the server says that the old one expires soon", async () => {
  const given = [tokenOf(60), tokenOf(90)];
  const tokens = [...given];
  const { connection, socket, phases } = await online({ getToken: async () => tokens.shift() });
  const lives = [];
  connection.addEventListener("token", () => lives.push(connection.token.lifeMs));
  const heard = [];
  connection.addEventListener("message", ({ detail }) => heard.push(detail.name));

  socket.hear("auth:expiring", { expiresAt: "2026-01-01T00:00:15.000Z" });
  await settled();

  assert.deepEqual(refreshes(socket), [given[1]]);
  assert.deepEqual(lives, [90_000]);
  assert.deepEqual(phases, ["connecting", "online"]);
  assert.deepEqual(heard, []);
});

test("a new token is handed in before the old one expires when the server says nothing", async () => {
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

test("one new token is handed in at a time", async () => {
  let answer;
  const { socket } = await online({
    answers: { "auth:refresh": () => new Promise((resolve) => (answer = resolve)) },
  });

  for (let warnings = 0; warnings < 3; warnings += 1) {
    socket.hear("auth:expiring", {});
    await settled();
  }
  const meanwhile = refreshes(socket).length;
  answer({ data: {} });
  await settled();
  socket.hear("auth:expiring", {});
  await settled();

  assert.deepEqual([meanwhile, refreshes(socket).length], [1, 2]);
});

test("an event that is refused for an expired token has a new one handed in", async () => {
  const expired = { error: "The token has expired.", code: "token_expired", temporary: false };
  const { connection, socket } = await online({ answers: { typing: () => expired } });

  await assert.rejects(connection.ask("typing", {}), { code: "token_expired", temporary: true });
  await settled();

  assert.equal(refreshes(socket).length, 1);
});

test("it tries again, ever more slowly, when a new token cannot be checked", async () => {
  const unavailable = { error: "Try again.", code: "keys_unavailable", temporary: true };
  const answers = [unavailable, unavailable, { data: {} }];
  const { connection, socket } = await online({
    answers: { "auth:refresh": () => answers.shift() },
  });

  socket.hear("auth:expiring", {});
  await pass(mock.timers, 2_000);

  assert.equal(refreshes(socket).length, 3);
  assert.equal(new Set(refreshes(socket)).size, 3);
  assert.equal(connection.phase, "online");
});

test("it tries again when a new token is not to be had", async () => {
  let isDown = false;
  const getToken = async () => {
    if (isDown) throw new Error("no network");
    return tokenOf(60);
  };
  const { connection, socket } = await online({ getToken });

  isDown = true;
  socket.hear("auth:expiring", {});
  await pass(mock.timers, 2_000);
  const meanwhile = [refreshes(socket).length, connection.phase];
  isDown = false;
  await pass(mock.timers, 4_000);

  assert.deepEqual(meanwhile, [0, "online"]);
  assert.equal(refreshes(socket).length, 1);
});

test("a new token that is refused for good is not followed by the next", async () => {
  const refused = { error: "Not for here.", code: "token_party", temporary: false };
  const { connection, socket } = await online({ answers: { "auth:refresh": () => refused } });

  socket.hear("auth:expiring", {});
  await pass(mock.timers, 30_000);

  assert.equal(refreshes(socket).length, 1);
  assert.equal(connection.phase, "online");
});

test("it asks for no further token when the server ends the session meanwhile", async () => {
  let tokens = 0;
  const unavailable = { error: "Try again.", code: "keys_unavailable", temporary: true };
  const { connection, socket } = await online({
    answers: { "auth:refresh": () => unavailable },
    getToken: async () => tokenOf((tokens += 60)),
  });

  socket.hear("auth:expiring", {});
  await settled();
  socket.hear("error", { message: "authentication revoked", code: "revoked", detail: "No." });
  socket.down("io server disconnect");
  await pass(mock.timers, 60_000);

  assert.equal(tokens, 2 * 60);
  assert.deepEqual([connection.phase, connection.detail], ["refused", "No."]);
});

test("a refresh of a lost connection does not hold up that of the next", async () => {
  let isStuck = true;
  const { socket } = await online({
    answers: { "auth:refresh": () => (isStuck ? new Promise(() => {}) : { data: {} }) },
  });
  socket.hear("auth:expiring", {});
  await settled();
  isStuck = false;

  socket.down("transport close");
  await socket.up();
  await settled();
  socket.hear("auth:expiring", {});
  await settled();

  assert.equal(refreshes(socket).length, 2);
});

test("a rate limit is waited out and said", async () => {
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

test("an error has the server's sentence, code and whether it may help to try again", async () => {
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

test("nothing happens any more when it was closed", async () => {
  const { connection, socket } = await online();

  connection.close();
  const asked = socket.asked.length;
  await pass(mock.timers, 120_000);

  assert.deepEqual([connection.phase, connection.token], ["offline", null]);
  assert.deepEqual([socket.connects, socket.asked.length], [1, asked]);
});

test("it does not come back when it is closed while it waits to", async () => {
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
  await settled();

  assert.deepEqual([connection.phase, socket.connects], ["online", 2]);
});
