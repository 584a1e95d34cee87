// Sends binary payloads with the real client, and prints what it receives as one line of JSON.
// Run: node binary.mjs URL
import { io } from 'socket.io-client';

const socket = io(`${process.argv[2]}/files`, { transports: ['websocket'], reconnection: false });
const plain = (value) => JSON.parse(JSON.stringify(value)); // a Buffer becomes {type, data}
const events = [];
socket.onAny((name, ...args) => events.push([name, ...plain(args)]));

const acks = [];
for (const payload of [
  Buffer.from([0, 255]),
  { name: 'a', parts: [Buffer.from('one'), Buffer.from('two')], empty: Buffer.alloc(0) },
  new Uint8Array([7]),
  'text',
]) {
  acks.push(plain(await socket.timeout(5000).emitWithAck('echo', payload)));
}
acks.push(plain(await socket.timeout(5000).emitWithAck('share', Buffer.from('shared'))));
await socket.timeout(5000).emitWithAck('echo', null); // broadcasts come before this answer

const closed = new Promise((resolve) => socket.on('disconnect', resolve));
socket.emit('echo', [Buffer.alloc(1), Buffer.alloc(1), Buffer.alloc(1), Buffer.alloc(1)]); // one too many
const reason = await closed;
console.log(JSON.stringify({ acks, events, reason }));
