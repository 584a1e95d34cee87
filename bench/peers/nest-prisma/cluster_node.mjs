// Runs the gateway as a node of a cluster for the tests in Python: with the official Redis adapter, and with
// the commands of tests/cluster/js/cluster.mjs.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { connectCluster, runCommands } from '../../../tests/cluster/js/cluster.mjs';

const [redisUrl, mode, databaseUrl, jwtKey] = process.argv.slice(2);
Object.assign(process.env, { DATABASE_URL: databaseUrl, CLERK_JWT_KEY: jwtKey });
const { AppModule } = await import('./dist/app.module.js'); // reads the environment

const { adapter, emitter } = await connectCluster(redisUrl, mode);

class RedisIoAdapter extends IoAdapter {
  createIOServer(port, options) {
    this.server = super.createIOServer(port, options);
    this.server.adapter(adapter);
    return this.server;
  }
}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
const ioAdapter = new RedisIoAdapter(app);
app.useWebSocketAdapter(ioAdapter);
await app.listen(0, '127.0.0.1');
await runCommands(app.getHttpServer().address().port, ioAdapter.server, emitter);
await app.close();
process.exit(0); // the clients of Redis would keep the process running
