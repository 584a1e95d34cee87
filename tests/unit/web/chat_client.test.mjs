import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ChatClient } from "../../../app/web/chat_client.js";
import { pass, flushPromises } from "./eventually.mjs";
import { scriptedIo, tokenOf } from "./scripted_io.mjs";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

function message(seq, changes = {}) {
  return {
    id: `m-${seq}`,
    seq,
    channelId: "general",
    content: `message ${seq}`,
    userId: "bob",
    user: { id: "bob", name: "Bob" },
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    deliveryStatus: "SENT",
    ...changes,
  };
}

/** Returns an online client of Alice. */
async function alice(answers, unsent) {
  const { io, sockets } = scriptedIo(answers);
  const client = new ChatClient({
    io,
    url: "http://127.0.0.1",
    getToken: async () => tokenOf(60),
    userId: "alice",
    channelIds: ["general", "random"],
    unsent,
  });
  client.open();
  await sockets[0].up();
  await flushPromises();
  return { client, socket: sockets[0] };
}

const contents = (client) => client.messages("general").map(({ content }) => content);
const asked = (socket, event) =>
  socket.asked.filter(([name]) => name === event).map(([, payload]) => payload);

test("missed messages are read page by page, in order, and reported as delivered", async () => {
  const pages = {
    undefined: { messages: [message(1), message(2)], nextCursor: "two" },
    two: { messages: [message(3)], nextCursor: null },
  };
  const { client, socket } = await alice({
    "message:getOffline": ({ cursor }) => ({ data: pages[cursor] }),
  });
  await pass(mock.timers, 500);

  assert.deepEqual(contents(client), ["message 1", "message 2", "message 3"]);
  assert.deepEqual(
    asked(socket, "message:delivered").flatMap(({ messageIds }) => messageIds),
    ["m-1", "m-2", "m-3"],
  );
  assert.equal(client.unread("general"), 3);
});

test("an own message is shown once when its event comes before its ack", async () => {
  const own = message(1, { userId: "alice", content: "hello" });
  let answer;
  const { client, socket } = await alice({
    sendMessage: () => new Promise((resolve) => (answer = resolve)),
  });
  const shown = [];
  client.addEventListener("messages", () => shown.push(contents(client).length));

  client.send("general", "hello");
  await flushPromises();
  socket.receive("message.created", own);
  await flushPromises();
  answer({ data: own });
  await flushPromises();

  assert.deepEqual(contents(client), ["hello"]);
  assert.ok(shown.every((count) => count <= 1), `shown: ${shown}`);
});

test("a message is reported as seen when it arrives in the shown channel", async () => {
  const { client, socket } = await alice();

  client.attend("general");
  socket.receive("message.created", message(1));
  client.attend(null);
  socket.receive("message.created", message(2));
  await pass(mock.timers, 500);

  assert.deepEqual(asked(socket, "message:seen"), [{ messageIds: ["m-1"] }]);
  assert.deepEqual(asked(socket, "message:delivered"), [{ messageIds: ["m-2"] }]);
  assert.equal(client.unread("general"), 1);
});

test("the history is read to its end when a channel is opened", async () => {
  const pages = {
    undefined: { messages: [message(1)], nextCursor: "two" },
    two: { messages: [message(2)], nextCursor: null },
  };
  const { client, socket } = await alice({
    "message:getOffline": ({ channelId, cursor }) => ({
      data: channelId || cursor ? pages[cursor] : { messages: [], nextCursor: null },
    }),
  });

  client.attend("general");
  await flushPromises();

  assert.deepEqual(contents(client), ["message 1", "message 2"]);
  assert.deepEqual(
    asked(socket, "message:getOffline").filter(({ limit, afterSeq }) => limit > 1 && afterSeq === 0),
    [{ channelId: "general", afterSeq: 0, limit: 100 }],
  );
});

test("only the last messages are read when a long channel is opened", async () => {
  const { client, socket } = await alice({
    "message:getOffline": ({ channelId, afterSeq = 0, cursor = afterSeq, limit }) => {
      const seqs = Array.from({ length: limit }, (_, index) => cursor + index + 1);
      const messages = seqs.filter((seq) => seq <= 5_000).map((seq) => message(seq));
      const isMore = cursor + limit < 5_000;
      if (channelId === undefined && cursor === 0) return { data: { messages: [message(7)], nextCursor: null } };
      return { data: { messages, nextCursor: isMore ? cursor + limit : null } };
    },
  });

  client.attend("general");
  await pass(mock.timers, 100);

  assert.deepEqual([contents(client).length, contents(client).at(-1)], [500, "message 5000"]);
  assert.equal(client.isCut("general"), true);
  assert.ok(!contents(client).includes(""), "a message outside the range is not deleted");
  assert.ok(asked(socket, "message:getOffline").length < 25);
});

test("unsent messages are dispatched when they change, and are sent after a reload", async () => {
  const stored = message(1, { userId: "alice", content: "hello" });
  const before = await alice();
  let unsent;
  before.client.addEventListener("unsent", ({ detail }) => (unsent = structuredClone(detail)));
  before.socket.down("transport close");
  before.client.send("general", "hello");
  await flushPromises();
  const gone = { ...unsent[0], id: "id-of-a-left-channel", channelId: "left" };

  const { client, socket } = await alice({ sendMessage: () => ({ data: stored }) }, [...unsent, gone]);

  assert.deepEqual(asked(socket, "sendMessage"), [
    { channelId: "general", content: "hello", clientMessageId: unsent[0].id },
  ]);
  assert.deepEqual(contents(client), ["hello"]);
});

test("no further message is accepted when too many are unsent", async () => {
  const { client, socket } = await alice();
  socket.down("transport close");

  const accepted = Array.from({ length: 201 }, (_, number) => client.send("general", `${number}`));

  assert.equal(accepted.lastIndexOf(true), 199);
  assert.equal(client.messages("general").length, 200);
});

test("only the first receipt of a message requests the statuses of all recipients", async () => {
  const statuses = [
    { messageId: "m-1", recipientId: "bob", status: "READ" },
    { messageId: "m-1", recipientId: "carol", status: "SENT" },
  ];
  const { client, socket } = await alice({ "message:getStatus": () => ({ data: statuses }) });
  socket.receive("message.created", message(1, { userId: "alice" }));
  await flushPromises();

  socket.receive("message:seen", statuses[0]);
  await flushPromises();
  const early = client.messages("general")[0].deliveryStatus;
  socket.receive("message:delivered", { ...statuses[1], status: "DELIVERED" });
  await flushPromises();

  assert.equal(early, "SENT");
  assert.equal(client.messages("general")[0].deliveryStatus, "DELIVERED");
  assert.equal(asked(socket, "message:getStatus").length, 1);
});

test("a message with many recipients has the server's counts, requested at intervals", async () => {
  const answers = [
    { data: [], nextCursor: "more", counts: { SENT: 250, DELIVERED: 49, READ: 1 } },
    { data: [], nextCursor: "more", counts: { SENT: 0, DELIVERED: 100, READ: 200 } },
  ];
  const { client, socket } = await alice({ "message:getStatus": () => answers.shift() });
  const seen = { messageId: "m-1", recipientId: "bob", status: "READ" };
  socket.receive("message.created", message(1, { userId: "alice" }));
  await flushPromises();

  socket.receive("message:seen", seen);
  await flushPromises();
  const [{ receipts, deliveryStatus }] = client.messages("general");
  for (let times = 0; times < 300; times += 1) socket.receive("message:seen", seen);
  await pass(mock.timers, 2_000);

  assert.deepEqual(receipts, { recipients: 300, delivered: 50, read: 1 });
  assert.equal(deliveryStatus, "SENT");
  assert.equal(client.messages("general")[0].deliveryStatus, "DELIVERED");
  assert.equal(asked(socket, "message:getStatus").length, 2);
});

test("the user's own typing in another tab is ignored", async () => {
  const { client, socket } = await alice();

  for (const userId of ["alice", "bob"]) {
    socket.receive("typing", { userId, channelId: "general", isTyping: true });
  }

  assert.deepEqual(client.typing("general"), ["bob"]);
});

test("edits and deletions during an outage are shown after a reconnection", async () => {
  let history = [message(1), message(2)];
  const { client, socket } = await alice({
    "message:getOffline": ({ channelId }) => ({
      data: { messages: channelId ? history : [], nextCursor: null },
    }),
  });
  client.attend("general");
  await flushPromises();

  socket.down("transport close");
  history = [message(2, { content: "edited", updatedAt: "2026-01-02T00:00:00.000Z" })];
  await socket.up();
  await flushPromises();

  assert.deepEqual(contents(client), ["", "edited"]);
  assert.equal(client.messages("general")[0].deleted, true);
});

test("a message that waits for the connection is sent after a reconnection", async () => {
  const stored = message(1, { userId: "alice", content: "hello" });
  const { client, socket } = await alice({ sendMessage: () => ({ data: stored }) });
  socket.down("transport close");

  client.send("general", "hello");
  await pass(mock.timers, 5_000);
  const before = client.messages("general").map(({ deliveryStatus }) => deliveryStatus);
  await socket.up();
  await flushPromises();

  assert.deepEqual(before, ["SENDING"]);
  assert.deepEqual(asked(socket, "sendMessage").length, 1);
  assert.deepEqual(contents(client), ["hello"]);
});

test("messages wait for a connection for hours, and are sent in order", async () => {
  const { client, socket } = await alice({
    sendMessage: ({ content }) => ({
      data: message(content === "one" ? 1 : 2, { userId: "alice", content }),
    }),
  });
  socket.down("transport close");
  for (const content of ["one", "two"]) client.send("general", content);
  await flushPromises();
  mock.timers.tick(3 * 3_600_000);
  await flushPromises();
  const before = client.messages("general").map(({ deliveryStatus }) => deliveryStatus);

  await socket.up();
  await flushPromises();

  assert.deepEqual(before, ["SENDING", "SENDING"]);
  assert.deepEqual(asked(socket, "sendMessage").map(({ content }) => content), ["one", "two"]);
});

test("the missed count is dispatched after every reconnection, even if it is 0", async () => {
  let count = 3;
  const { client, socket } = await alice({
    "message:getOfflineCount": () => ({ data: { count, channels: { general: count } } }),
  });
  const counts = [];
  client.addEventListener("missed", ({ detail }) => counts.push(detail.count));

  for (count of [2, 0]) {
    socket.down("transport close");
    await socket.up();
    await flushPromises();
  }

  assert.deepEqual(counts, [2, 0]);
});

test("a message is not reported as seen before the end of the channel is visible", async () => {
  const { client, socket } = await alice();
  client.attend("general", false);
  socket.receive("message.created", message(1));
  await pass(mock.timers, 500);
  const before = [client.unread("general"), asked(socket, "message:seen").length];

  client.attend("general", true);
  await pass(mock.timers, 500);

  assert.deepEqual(before, [1, 0]);
  assert.equal(client.unread("general"), 0);
  assert.deepEqual(asked(socket, "message:seen"), [{ messageIds: ["m-1"] }]);
});
