import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection, ConnectionLost } from "../../../app/web/connection.js";
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
  return { connection, sockets, phases };
}

async function online(options) {
  const made = opened(options);
  await made.sockets[0].up();
  await settled();
  return made;
}

test("a fresh token is given for every single connection", async () => {
  const { sockets } = await online();

  sockets[0].down("transport close");
  const second = await sockets[0].up();
  const third = await sockets[0].up();

  assert.notEqual(second.token, third.token);
});

test("a client that is let in and then refused was never online", async () => {
  const { sockets, phases } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  await sockets[0].up();
  sockets[0].hear("error", { message: "authentication failed", code: "token_expired", detail: "" });
  sockets[0].down("io server disconnect");
  await settled();

  assert.deepEqual(phases, ["connecting", "unauthorized"]);
});

test("a client that is refused again and again gives up within four seconds", async () => {
  const { connection, sockets } = opened({
    answers: { "message:getOfflineCount": () => new Promise(() => {}) },
  });

  for (let refusal = 0; refusal < 4; refusal += 1) {
    await sockets[0].up();
    sockets[0].hear("error", { message: "authentication failed", code: "token_party" });
    sockets[0].down("io server disconnect");
    while (connection.phase !== "refused" && sockets[0].connects === refusal) {
      await pass(mock.timers, 50);
    }
  }

  assert.equal(sockets[0].connects, 3);
  assert.equal(connection.phase, "refused");
  assert.ok(Date.now() < 4_000, `it took ${Date.now()} ms`);
});

test("it comes back by itself, ever more slowly, when the server ended it", async () => {
  const { connection, sockets } = await online();

  sockets[0].down("io server disconnect");
  const phase = connection.phase;
  await pass(mock.timers, 500);

  assert.equal(phase, "lost");
  assert.equal(sockets[0].connects, 1);
});

test("it leaves coming back to socket.io-client when the connection was lost", async () => {
  const { connection, sockets } = await online();

  sockets[0].down("ping timeout");
  await pass(mock.timers, 60_000);

  assert.equal(connection.phase, "lost");
  assert.equal(sockets[0].connects, 0);
});

for (const [code, tries] of [
  ["revoked", 0],
  ["token_signature", 3],
  ["too_many_sockets", 20],
]) {
  test(`it comes back ${tries} times when it is refused for ${code}`, async () => {
    const { connection, sockets } = opened();

    for (let refusal = 0; refusal < 20; refusal += 1) {
      sockets[0].refuse("Authentication failed", { code, detail: "No." });
      await pass(mock.timers, 15_000);
    }

    assert.equal(sockets[0].connects, tries);
    assert.equal(connection.phase, tries === 20 ? "unauthorized" : "refused");
    assert.equal(connection.detail, "No.");
  });
}

test("an authentication error is told from an unreachable server", async () => {
  const { connection, sockets } = opened();

  sockets[0].active = true;
  sockets[0].io.engine.close = () => {};
  sockets[0].refuse("websocket error");
  const refusedByNobody = connection.phase;
  sockets[0].refuse("Authentication required", { code: "token_missing", detail: "Send one." });

  assert.equal(refusedByNobody, "lost");
  assert.equal(connection.phase, "unauthorized");
});

test("it tries again when there is no token to be had", async () => {
  const { connection, sockets } = opened({
    getToken: async () => {
      throw new Error("no network");
    },
  });
  let closed = 0;
  sockets[0].io.engine.close = () => (closed += 1);

  sockets[0].options.auth(() => assert.fail("there is no token to give"));
  await pass(mock.timers, 1_000);

  assert.equal(connection.detail, "No token: no network");
  assert.equal(closed, 1);
});

test("a second connection takes over before the token expires", async () => {
  const { connection, sockets, phases } = await online();
  await pass(mock.timers, 44_000);
  const before = sockets.length;

  await pass(mock.timers, 1_500);
  const wasClosed = sockets[0].closedByUs;
  await sockets[1].up();
  await settled();

  assert.deepEqual([before, sockets.length, wasClosed], [1, 2, false]);
  assert.equal(sockets[0].closedByUs, true);
  assert.equal(sockets[1].options.reconnection, true);
  assert.deepEqual(phases, ["connecting", "online"]);
  assert.equal(connection.token.lifeMs, 60_000);
});

test("the first connection stays until it has its answers", async () => {
  let answer;
  const { connection, sockets } = await online({
    answers: { sendMessage: () => new Promise((resolve) => (answer = resolve)) },
  });
  const sent = connection.ask("sendMessage", {});
  await pass(mock.timers, 46_000);
  await sockets[1].up();
  await settled();
  const wasClosed = sockets[0].closedByUs;

  answer({ data: "stored" });
  const stored = await sent;
  await settled();

  assert.equal(wasClosed, false);
  assert.equal(stored, "stored");
  assert.equal(sockets[0].closedByUs, true);
});

test("the first connection stays when the second does not come up", async () => {
  const { connection, sockets } = await online();
  await pass(mock.timers, 46_000);

  sockets[1].refuse("websocket error");
  await pass(mock.timers, 1_000);

  assert.equal(connection.phase, "online");
  assert.equal(sockets.length, 3);
});

test("it comes back all the same when the first ends and then the second does not come up", async () => {
  const { sockets } = await online();
  await pass(mock.timers, 46_000);

  sockets[0].down("io server disconnect");
  sockets[1].refuse("websocket error");
  await pass(mock.timers, 1_000);

  assert.equal(sockets[0].connects, 1);
});

test("the second connection goes on alone when the first is lost meanwhile", async () => {
  const { connection, sockets } = await online();
  await pass(mock.timers, 46_000);

  sockets[0].down("transport close");
  await sockets[1].up();
  await settled();

  assert.equal(connection.phase, "online");
  assert.equal(await connection.ask("sendMessage", {}), null);
  assert.equal(sockets[1].asked.at(-1)[0], "sendMessage");
});

test("a renewal starts when the server says that the token has expired", async () => {
  const expired = { error: "authentication failed", code: "token_expired", temporary: false };
  const { connection, sockets } = await online({ answers: { typing: () => expired } });

  await assert.rejects(connection.ask("typing", {}), { code: "token_expired", temporary: true });

  assert.equal(sockets.length, 2);
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
  const { connection, sockets } = await online();
  sockets[0].down("transport close");

  await assert.rejects(connection.ask("sendMessage", {}), ConnectionLost);

  assert.deepEqual(sockets[0].asked, [["message:getOfflineCount", undefined]]);
});

test("nothing happens any more when it was closed", async () => {
  const { connection, sockets } = await online();

  connection.close();
  await pass(mock.timers, 120_000);

  assert.deepEqual([connection.phase, connection.token, sockets.length], ["offline", null, 1]);
});
