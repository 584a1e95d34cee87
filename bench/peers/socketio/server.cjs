// A plain socket.io server. It verifies the token once, when a client connects, and has no guard, no
// validation and no store.
const { createPublicKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const jwt = require("jsonwebtoken");
const { Server } = require("socket.io");

const key = createPublicKey(process.env.CLERK_JWT_KEY);
const channels = JSON.parse(readFileSync(process.env.CHANNELS_FILE));
const AUTHORS_KEPT = 100_000; // the authors of the last messages, who receive the receipts

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
const authors = new Map();
let messages = 0;

io.use((socket, next) => {
  try {
    socket.userId = jwt.verify(socket.handshake.auth.token, key, { algorithms: ["RS256"] }).sub;
    next();
  } catch {
    next(new Error("authentication failed"));
  }
});

function remember(id, author) {
  authors.set(id, author);
  if (authors.size > AUTHORS_KEPT) authors.delete(authors.keys().next().value);
}

io.on("connection", (socket) => {
  const { userId } = socket;
  socket.join(`user:${userId}`);
  for (const channel of channels[userId] ?? []) socket.join(`channel:${channel}`);

  socket.on("typing:get", ({ channelId }, ack) => ack?.({ data: [] }));

  socket.on("typing", ({ channelId }, ack) => {
    const indicator = { userId, channelId, isTyping: true, timestamp: new Date() };
    socket.to(`channel:${channelId}`).emit("typing", indicator);
    ack?.({ data: indicator });
  });

  socket.on("sendMessage", ({ content, channelId }, ack) => {
    const now = new Date();
    const message = {
      id: `msg_${++messages}`,
      content,
      channelId,
      userId,
      createdAt: now,
      updatedAt: now,
      deliveryStatus: "SENT",
      user: { id: userId },
    };
    remember(message.id, userId);
    io.to(`channel:${channelId}`).emit("message.created", message);
    ack?.({ data: message });
  });

  socket.on("message:delivered", ({ messageId }, ack) => {
    const timestamp = new Date();
    const delivery = { messageId, recipientId: userId, status: "DELIVERED", timestamp };
    io.to(`user:${authors.get(messageId)}`).emit("message:delivered", delivery);
    ack?.({ data: delivery });
  });
});

http.listen(Number(process.env.PORT), "127.0.0.1", 4096);
