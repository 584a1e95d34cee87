// A Socket.IO server in Node.js with the official Redis adapter and the commands of cluster.mjs.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { connectCluster, report, runCommands } from "./cluster.mjs";

const [url, mode] = process.argv.slice(2);
const { adapter, emitter } = await connectCluster(url, mode);
const http = createServer();
const io = new Server(http, { adapter, transports: ["websocket"] });

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

await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
await runCommands(http.address().port, io, emitter);
process.exit(0);
