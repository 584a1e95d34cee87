// The application of test_framework_packages.py in Nest 12. It sends the events of nest_packages.json to
// itself, and prints that file with Nest's acks; an event with the ack null is sent without asking for
// one. It needs @nestjs/platform-socket.io, event-emitter, schedule, throttler, socket.io-client and tsc
// with experimentalDecorators and emitDecoratorMetadata:
//   tsc -p . && node dist/nest_packages.js nest_packages.json > new.json
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { Injectable, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Cron, CronExpression, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { SkipThrottle, Throttle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { io } from 'socket.io-client';

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

@Injectable()
class Listeners {
  heard: unknown[] = [];

  @OnEvent('**') any(value: unknown) { this.heard.push(['**', value]); return 'any'; }
  @OnEvent('*.paid') paid(value: unknown) { this.heard.push(['*.paid', value]); return 'paid'; }
  @OnEvent('order.**') order(value: unknown) { this.heard.push(['order.**', value]); return 'order'; }
  @OnEvent('order.*') one(value: unknown) { this.heard.push(['order.*', value]); return 'one'; }
  @OnEvent('order.paid') exact(value: unknown) { this.heard.push(['order.paid', value]); return 'exact'; }
  @OnEvent('order.sent')
  @OnEvent('order.received')
  twice() { this.heard.push(['sent or received']); return 'twice'; }
  @OnEvent('slow') async slow() {
    this.heard.push(['slow starts']);
    await later(1);
    this.heard.push(['slow ends']);
    return 'slow';
  }
  @OnEvent('fails') fails() { throw new Error('sesame'); }
  @OnEvent('fails loudly', { suppressErrors: false }) loudly() { throw new Error('sesame'); }

  take() { const heard = this.heard; this.heard = []; return heard; }
}

@Injectable()
class Jobs {
  runs = { cron: 0, interval: 0, timeout: 0 };
  @Cron(CronExpression.EVERY_SECOND) cron() { this.runs.cron += 1; }
  @Interval(10) interval() { this.runs.interval += 1; throw new Error('sesame'); }
  @Timeout(10) timeout() { this.runs.timeout += 1; }
}

@Injectable()
class WsThrottlerGuard extends ThrottlerGuard {
  async handleRequest(request: any) {
    const { context, limit, ttl, throttler, blockDuration, generateKey } = request;
    const key = generateKey(context, context.switchToWs().getClient().id, throttler.name);
    const { isBlocked } = await this.storageService.increment(key, ttl, limit, blockDuration, throttler.name);
    if (isBlocked) throw new WsException('Too Many Requests');
    return true;
  }
}

@WebSocketGateway()
class ShopGateway {
  counts = { limited: 0, other: 0, strict: 0, free: 0 };
  constructor(readonly emitter: EventEmitter2, readonly listeners: Listeners, readonly jobs: Jobs) {}

  @SubscribeMessage('emit') emit(@MessageBody() name: string) {
    return [this.emitter.emit(name, 7, 'surplus'), this.listeners.take()];
  }
  @SubscribeMessage('emit async') async emitAsync(@MessageBody() name: string) {
    try {
      return [await this.emitter.emitAsync(name, 7), this.listeners.take()];
    } catch { return ['raised', this.listeners.take()]; }
  }
  @SubscribeMessage('jobs') async ran() {
    await later(1100);
    const { cron, interval, timeout } = this.jobs.runs;
    return [cron >= 1, interval >= 2, timeout];
  }
  @UseGuards(WsThrottlerGuard)
  @SubscribeMessage('limited') limited() { this.counts.limited += 1; }
  @UseGuards(WsThrottlerGuard)
  @SubscribeMessage('other') other() { this.counts.other += 1; }
  @UseGuards(WsThrottlerGuard)
  @Throttle({ default: { limit: 1, ttl: 60_000 } })
  @SubscribeMessage('strict') strict() { this.counts.strict += 1; }
  @UseGuards(WsThrottlerGuard)
  @SkipThrottle()
  @SubscribeMessage('free') free() { this.counts.free += 1; }
  @SubscribeMessage('counts') counted() { return this.counts; }
}

@Module({
  imports: [
    EventEmitterModule.forRoot({ wildcard: true }),
    ScheduleModule.forRoot(),
    ThrottlerModule.forRoot([{ ttl: 60_000, limit: 2 }]),
  ],
  providers: [Listeners, Jobs, WsThrottlerGuard, ShopGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const client = io(await app.getUrl(), { transports: ['websocket'] });
const answered: string[] = [];
for (const { event, data, ack } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  if (ack === null) {
    client.emit(event, data);
    await later(20); // Nest handles events concurrently
    answered.push('  ' + JSON.stringify({ event, data, ack }));
    continue;
  }
  const answer = await client.timeout(3000).emitWithAck(event, data);
  answered.push('  ' + JSON.stringify({ event, data, ack: answer }));
}
console.log('[\n' + answered.join(',\n') + '\n]');
client.disconnect();
await app.close();
