import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ChatClient } from "../../../app/web/chat_client.js";
import { pass, settled } from "./eventually.mjs";
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

/** Alice, online. */
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
  await settled();
  return { client, socket: sockets[0] };
}

const contents = (client) => client.messages("general").map(({ content }) => content);
const asked = (socket, event) =>
  socket.asked.filter(([name]) => name === event).map(([, payload]) => payload);

test("missed messages come page by page, in order, and are marked as delivered", async () => {
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
    asked(socket, "message:delivered").map(({ messageId }) => messageId),
    ["m-1", "m-2", "m-3"],
  );
  assert.equal(client.unread("general"), 3);
});

test("one's own message is shown once when it is heard before its ack", async () => {
  const own = message(1, { userId: "alice", content: "hello" });
  let answer;
  const { client, socket } = await alice({
    sendMessage: () => new Promise((resolve) => (answer = resolve)),
  });
  const shown = [];
  client.addEventListener("messages", () => shown.push(contents(client).length));

  client.send("general", "hello");
  await settled();
  socket.hear("message.created", own);
  await settled();
  answer({ data: own });
  await settled();

  assert.deepEqual(contents(client), ["hello"]);
  assert.ok(shown.every((count) => count <= 1), `shown: ${shown}`);
});

test("a message is seen when it arrives where the user looks", async () => {
  const { client, socket } = await alice();

  client.attend("general");
  socket.hear("message.created", message(1));
  client.attend(null);
  socket.hear("message.created", message(2));
  await pass(mock.timers, 500);

  assert.deepEqual(asked(socket, "message:seen"), [{ messageId: "m-1" }]);
  assert.deepEqual(asked(socket, "message:delivered"), [{ messageId: "m-2" }]);
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
  await settled();

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
  assert.ok(!contents(client).includes(""), "a message that was not asked for is not deleted");
  assert.ok(asked(socket, "message:getOffline").length < 25);
});

test("unsent messages are told when they change, and are sent after a reload", async () => {
  const stored = message(1, { userId: "alice", content: "hello" });
  const before = await alice();
  let unsent;
  before.client.addEventListener("unsent", ({ detail }) => (unsent = structuredClone(detail)));
  before.socket.down("transport close");
  before.client.send("general", "hello");
  await settled();
  const gone = { ...unsent[0], id: "id-of-a-left-channel", channelId: "left" };

  const { client, socket } = await alice({ sendMessage: () => ({ data: stored }) }, [...unsent, gone]);

  assert.deepEqual(asked(socket, "sendMessage"), [
    { channelId: "general", content: "hello", clientMessageId: unsent[0].id },
  ]);
  assert.deepEqual(contents(client), ["hello"]);
});

test("no further message is taken when too many are unsent", async () => {
  const { client, socket } = await alice();
  socket.down("transport close");

  const taken = Array.from({ length: 201 }, (_, number) => client.send("general", `${number}`));

  assert.equal(taken.lastIndexOf(true), 199);
  assert.equal(client.messages("general").length, 200);
});

test("the first receipt of a message asks for those of all recipients, later ones do not", async () => {
  const statuses = [
    { messageId: "m-1", recipientId: "bob", status: "READ" },
    { messageId: "m-1", recipientId: "carol", status: "SENT" },
  ];
  const { client, socket } = await alice({ "message:getStatus": () => ({ data: statuses }) });
  socket.hear("message.created", message(1, { userId: "alice" }));
  await settled();

  socket.hear("message:seen", statuses[0]);
  await settled();
  const early = client.messages("general")[0].deliveryStatus;
  socket.hear("message:delivered", { ...statuses[1], status: "DELIVERED" });
  await settled();

  assert.equal(early, "SENT");
  assert.equal(client.messages("general")[0].deliveryStatus, "DELIVERED");
  assert.equal(asked(socket, "message:getStatus").length, 1);
});

test("of a message with very many recipients the server's counts are shown, asked for now and then", async () => {
  const answers = [
    { data: [], nextCursor: "more", counts: { SENT: 250, DELIVERED: 49, READ: 1 } },
    { data: [], nextCursor: "more", counts: { SENT: 0, DELIVERED: 100, READ: 200 } },
  ];
  const { client, socket } = await alice({ "message:getStatus": () => answers.shift() });
  const seen = { messageId: "m-1", recipientId: "bob", status: "READ" };
  socket.hear("message.created", message(1, { userId: "alice" }));
  await settled();

  socket.hear("message:seen", seen);
  await settled();
  const [{ receipts, deliveryStatus }] = client.messages("general");
  for (let times = 0; times < 300; times += 1) socket.hear("message:seen", seen);
  await pass(mock.timers, 2_000);

  assert.deepEqual(receipts, { recipients: 300, delivered: 50, read: 1 });
  assert.equal(deliveryStatus, "SENT");
  assert.equal(client.messages("general")[0].deliveryStatus, "DELIVERED");
  assert.equal(asked(socket, "message:getStatus").length, 2);
});

test("one's own typing in another tab is no news", async () => {
  const { client, socket } = await alice();

  for (const userId of ["alice", "bob"]) {
    socket.hear("typing", { userId, channelId: "general", isTyping: true });
  }

  assert.deepEqual(client.typing("general"), ["bob"]);
});

test("what happened to a channel's messages meanwhile is seen after a reconnection", async () => {
  let history = [message(1), message(2)];
  const { client, socket } = await alice({
    "message:getOffline": ({ channelId }) => ({
      data: { messages: channelId ? history : [], nextCursor: null },
    }),
  });
  client.attend("general");
  await settled();

  socket.down("transport close");
  history = [message(2, { content: "edited", updatedAt: "2026-01-02T00:00:00.000Z" })];
  await socket.up();
  await settled();

  assert.deepEqual(contents(client), ["", "edited"]);
  assert.equal(client.messages("general")[0].deleted, true);
});

test("a message that waits for the connection is sent as soon as there is one", async () => {
  const stored = message(1, { userId: "alice", content: "hello" });
  const { client, socket } = await alice({ sendMessage: () => ({ data: stored }) });
  socket.down("transport close");

  client.send("general", "hello");
  await pass(mock.timers, 5_000);
  const before = client.messages("general").map(({ deliveryStatus }) => deliveryStatus);
  await socket.up();
  await settled();

  assert.deepEqual(before, ["SENDING"]);
  assert.deepEqual(asked(socket, "sendMessage").length, 1);
  assert.deepEqual(contents(client), ["hello"]);
});

test("messages written without a connection wait for it for hours, and leave in order", async () => {
  const { client, socket } = await alice({
    sendMessage: ({ content }) => ({
      data: message(content === "one" ? 1 : 2, { userId: "alice", content }),
    }),
  });
  socket.down("transport close");
  for (const content of ["one", "two"]) client.send("general", content);
  await settled();
  mock.timers.tick(3 * 3_600_000);
  await settled();
  const before = client.messages("general").map(({ deliveryStatus }) => deliveryStatus);

  await socket.up();
  await settled();

  assert.deepEqual(before, ["SENDING", "SENDING"]);
  assert.deepEqual(asked(socket, "sendMessage").map(({ content }) => content), ["one", "two"]);
});

test("how much was missed is told at every return, also when it was nothing", async () => {
  let count = 3;
  const { client, socket } = await alice({
    "message:getOfflineCount": () => ({ data: { count, channels: { general: count } } }),
  });
  const told = [];
  client.addEventListener("missed", ({ detail }) => told.push(detail.count));

  for (count of [2, 0]) {
    socket.down("transport close");
    await socket.up();
    await settled();
  }

  assert.deepEqual(told, [2, 0]);
});

test("a message is not seen before the end of the channel is in sight", async () => {
  const { client, socket } = await alice();
  client.attend("general", false);
  socket.hear("message.created", message(1));
  await pass(mock.timers, 500);
  const before = [client.unread("general"), asked(socket, "message:seen").length];

  client.attend("general", true);
  await pass(mock.timers, 500);

  assert.deepEqual(before, [1, 0]);
  assert.equal(client.unread("general"), 0);
  assert.deepEqual(asked(socket, "message:seen"), [{ messageId: "m-1" }]);
});
