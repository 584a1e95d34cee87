// The application of gateways.py in NestJS 12: the same gateways and handlers, in the same order.
import 'reflect-metadata';
import { ArgumentsHost, CallHandler, CanActivate, Catch, createParamDecorator } from '@nestjs/common';
import { DefaultValuePipe, ExecutionContext, Module, NestInterceptor } from '@nestjs/common';
import { ParseIntPipe, PipeTransform, SetMetadata } from '@nestjs/common';
import { UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { Ack, BaseWsExceptionFilter, ConnectedSocket, MessageBody } from '@nestjs/websockets';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { WsException, WsResponse } from '@nestjs/websockets';
import { catchError, concat, from, map, of, throwError } from 'rxjs';
import { Namespace, Server, Socket } from 'socket.io';

type AckFunction = (...args: unknown[]) => void;

class FencedGateway {
  @SubscribeMessage('fence') fence() { return true; }
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

@WebSocketGateway()
class RoomsGateway extends FencedGateway {
  @WebSocketServer() server!: Server;

  @SubscribeMessage('clients') clients() { return this.server.engine.clientsCount; }

  @SubscribeMessage('join')
  async join(client: Socket, rooms: string | string[]) {
    await client.join(rooms);
    client.data.joined = rooms;
    return [...client.rooms];
  }

  @SubscribeMessage('leave')
  async leave(client: Socket, room: string) {
    await client.leave(room);
    return [...client.rooms];
  }

  @SubscribeMessage('client.emit')
  emitToClient(client: Socket, args: unknown[]) { client.emit('told', ...args); }

  @SubscribeMessage('client.to')
  clientTo(client: Socket, rooms: string | string[]) { client.to(rooms).emit('told', 'client.to', rooms); }

  @SubscribeMessage('client.in')
  clientIn(client: Socket, rooms: string | string[]) { client.in(rooms).emit('told', 'client.in', rooms); }

  @SubscribeMessage('client.except')
  clientExcept(client: Socket, rooms: string | string[]) {
    client.except(rooms).emit('told', 'client.except', rooms);
  }

  @SubscribeMessage('client.to.except')
  clientToExcept(client: Socket, [room, other]: string[]) {
    client.to(room).except(other).emit('told', 'client.to.except');
  }

  @SubscribeMessage('client.broadcast')
  clientBroadcast(client: Socket) { client.broadcast.emit('told', 'client.broadcast'); }

  @SubscribeMessage('client.broadcast.to')
  clientBroadcastTo(client: Socket, rooms: string | string[]) {
    client.broadcast.to(rooms).emit('told', 'client.broadcast.to', rooms);
  }

  @SubscribeMessage('client.volatile')
  clientVolatile(client: Socket) { client.volatile.emit('told', 'client.volatile'); }

  @SubscribeMessage('server.to')
  serverTo(_: Socket, rooms: string | string[]) { this.server.to(rooms).emit('told', 'server.to', rooms); }

  @SubscribeMessage('server.to.to')
  serverToTo(_: Socket, [room, other]: string[]) {
    this.server.to(room).to(other).emit('told', 'server.to.to');
  }

  @SubscribeMessage('server.in')
  serverIn(_: Socket, rooms: string | string[]) { this.server.in(rooms).emit('told', 'server.in', rooms); }

  @SubscribeMessage('server.except')
  serverExcept(_: Socket, rooms: string | string[]) {
    this.server.except(rooms).emit('told', 'server.except', rooms);
  }

  @SubscribeMessage('server.to.except')
  serverToExcept(_: Socket, [room, other]: string[]) {
    this.server.to(room).except(other).emit('told', 'server.to.except');
  }

  @SubscribeMessage('server.emit')
  serverEmit() { this.server.emit('told', 'server.emit'); }

  @SubscribeMessage('server.volatile')
  serverVolatile(_: Socket, room: string) {
    this.server.to(room).volatile.emit('told', 'server.volatile');
  }

  @SubscribeMessage('server.local')
  serverLocal() { this.server.local.emit('told', 'server.local'); }

  @SubscribeMessage('server.of')
  serverOf(_: Socket, namespace: string) { this.server.of(namespace).emit('told', 'server.of'); }

  @SubscribeMessage('fetchSockets')
  async fetchSockets(_: Socket, room: string) {
    const sockets = await this.server.in(room).fetchSockets();
    return sockets.map((each) => [each.handshake.auth.name, each.id, [...each.rooms], each.data]);
  }

  @SubscribeMessage('fetchSockets, then each')
  async fetchEach(_: Socket, [room, other]: string[]) {
    for (const each of await this.server.in(room).fetchSockets()) {
      each.join(other);
      each.emit('told', 'one of them');
      each.leave(room);
      if (each.data.joined === 'red') each.disconnect();
    }
  }

  @SubscribeMessage('socketsJoin')
  socketsJoin(_: Socket, [room, rooms]: [string, string | string[]]) {
    this.server.in(room).socketsJoin(rooms);
  }

  @SubscribeMessage('socketsLeave')
  socketsLeave(_: Socket, [room, rooms]: [string, string | string[]]) {
    this.server.in(room).socketsLeave(rooms);
  }

  @SubscribeMessage('disconnectSockets')
  disconnectSockets(_: Socket, [room, close]: [string, boolean]) {
    this.server.in(room).disconnectSockets(close);
  }

  @SubscribeMessage('disconnect me')
  disconnectMe(client: Socket, close: boolean) {
    client.disconnect(close);
    client.emit('told', 'too late');
    this.server.emit('told', [client.connected, client.rooms.size]);
  }

  @SubscribeMessage('lists')
  lists(client: Socket, room: string) {
    return {
      sockets: this.server.sockets.sockets.size,
      isListed: this.server.sockets.sockets.has(client.id),
      room: [...(this.server.sockets.adapter.rooms.get(room) ?? [])],
      sids: [...(this.server.sockets.adapter.sids.get(client.id) ?? [])],
      connections: this.server.engine.clientsCount,
      connected: client.connected,
      namespace: client.nsp.name,
    };
  }
}

@WebSocketGateway({ namespace: 'acks' })
class AcksGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;

  @SubscribeMessage('ask me')
  async askMe(client: Socket, question: unknown) {
    return ['answered', await client.timeout(5000).emitWithAck('question', question)];
  }

  @SubscribeMessage('ask me in vain')
  async askMeInVain(client: Socket) {
    try {
      return await client.timeout(20).emitWithAck('unanswered');
    } catch {
      return 'in vain';
    }
  }

  @SubscribeMessage('ask all')
  async askAll(_: Socket, question: unknown) {
    return await this.server.timeout(5000).emitWithAck('question', question);
  }

  @SubscribeMessage('ask a room')
  async askRoom(client: Socket, question: unknown) {
    client.join('askers');
    return await this.server.to('askers').timeout(5000).emitWithAck('question', question);
  }

  @SubscribeMessage('ask nobody')
  async askNobody() { return await this.server.to('nobody').timeout(5000).emitWithAck('question'); }

  @SubscribeMessage('ask all in vain')
  async askAllInVain(_: Socket, question: unknown) {
    try {
      return await this.server.timeout(1500).emitWithAck('question unless two', question);
    } catch (error) {
      return ['in vain', (error as { responses: unknown[] }).responses];
    }
  }

  @SubscribeMessage('by hand')
  byHand(@MessageBody() data: unknown, @Ack() ack: AckFunction) {
    ack(data, 'second');
    ack('again');
    return 'dropped';
  }

  @SubscribeMessage('unmarked ack')
  unmarkedAck(_: Socket, data: unknown, ack?: AckFunction) {
    if (ack) ack(data);
    return 'dropped';
  }

  @SubscribeMessage('never acked')
  neverAcked(@ConnectedSocket() client: Socket, @Ack() ack?: AckFunction) {
    client.emit('told', Boolean(ack));
    return 'dropped';
  }
}

@WebSocketGateway({ namespace: 'listeners' })
class ListenersGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;

  handleConnection(client: Socket) {
    client.on('listened', (data: unknown, ack: AckFunction) => ack(['listener', data]));
    client.once('listened once', (data: unknown) => client.emit('told', data));
    client.on('handled, too', (data: unknown) => client.emit('told', 'the listener', data));
    client.on('disconnecting', (reason: string) => this.tell(client, 'disconnecting', reason));
    client.on('disconnect', (reason: string) => this.tell(client, 'disconnect', reason));
  }

  handleDisconnect(client: Socket, reason: string) {
    if (client.handshake.auth.hooks) this.tell(client, 'handleDisconnect', reason);
  }

  tell(client: Socket, event: string, reason: string) {
    client.broadcast.emit('told', event, reason, [...client.rooms], client.connected);
  }

  @SubscribeMessage('handled, too')
  handled(client: Socket, data: unknown) { client.emit('told', 'the gateway', data); }

  @SubscribeMessage('on and off')
  onAndOff(client: Socket) {
    const listener = () => client.emit('told', 'removed listener');
    client.on('removed', listener);
    client.on('removed', () => client.emit('told', 'other listener'));
    client.off('removed', listener);
  }

  @SubscribeMessage('join') join(client: Socket, room: string) { client.join(room); }
  @SubscribeMessage('leave') leave(client: Socket, close: boolean) { client.disconnect(close); }
}

@WebSocketGateway({ namespace: 'lobby' })
class LobbyGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;

  async handleConnection(client: Socket) {
    client.emit('told', 'before join', client.connected, [...client.rooms]);
    await client.join('lobby');
    this.server.to('lobby').emit('told', 'lobby', client.handshake.auth.name);
    this.server.emit('told', 'everybody', client.handshake.auth.name);
    client.broadcast.emit('told', 'others', client.handshake.auth.name);
    client.to('lobby').emit('told', 'others in the lobby', client.handshake.auth.name);
    if (client.handshake.auth.leaves) client.disconnect();
  }

  handleDisconnect(client: Socket, reason: string) {
    this.server.emit('told', 'left', client.handshake.auth.name, reason, client.rooms.size);
  }

  @SubscribeMessage('handshake')
  handshake(client: Socket) {
    const { auth, query, address, time, issued, url, secure, xdomain, headers } = client.handshake;
    const { host, connection, upgrade, 'x-test': header } = headers;
    return {
      ...{ auth, query, address, time, url, secure, xdomain },
      issued: Math.abs(issued - Date.now()) < 60_000,
      headers: { host, connection, upgrade, header },
      names: Object.keys(headers).sort(),
    };
  }
}

@WebSocketGateway({ namespace: '/admin' })
class AdminGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;
  calls: unknown[] = [];

  afterInit(server: Namespace) {
    server.use((client, next) => { this.calls.push(client.handshake.auth.key); next(); });
    server.use(async (client, next) => {
      await client.join('checked');
      client.data.key = client.handshake.auth.key;
      next();
    });
    server.use((client, next) => {
      const error = Object.assign(new Error('no key'), { data: { code: 'no_key' } });
      next(client.data.key === 'sesame' ? undefined : error);
    });
  }

  handleConnection(client: Socket) { client.emit('told', client.data.key, [...client.rooms]); }

  handleDisconnect(client: Socket) { this.calls.push(`${client.handshake.auth.name} left`); }

  @SubscribeMessage('calls') called() { return this.calls.splice(0); }
  @SubscribeMessage('elsewhere')
  elsewhere(client: Socket) { client.nsp.server.of('/').emit('told', client.nsp.name); }
  @SubscribeMessage('disconnect me')
  disconnectMe(client: Socket, close: boolean) { client.disconnect(close); }
}

@WebSocketGateway({ namespace: /^\/team-\d+$/ })
class TeamsGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;

  afterInit(server: Namespace) {
    server.use((client, next) => {
      next(client.handshake.auth.banned ? new Error('banned') : undefined);
    });
  }

  handleConnection(client: Socket) { client.nsp.emit('told', 'welcome to', client.nsp.name); }
  @SubscribeMessage('team')
  team(client: Socket) {
    client.nsp.emit('told', 'the team', client.nsp.name);
    return [client.nsp.name, client.nsp.sockets.size];
  }
  @SubscribeMessage('all teams') allTeams() { this.server.emit('told', 'all teams'); }
  @SubscribeMessage('join') join(client: Socket) { client.join('room'); }
  @SubscribeMessage('room') room(client: Socket) { client.nsp.to('room').emit('told', 'the room'); }
}

@WebSocketGateway({ namespace: /part/ })
class PartGateway extends FencedGateway {}

const isFence = (context: ExecutionContext) => context.switchToWs().getPattern() === 'fence';

class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext) {
    const client = context.switchToWs().getClient<Socket>();
    return isFence(context) || client.handshake.auth.key === 'sesame';
  }
}

@UseGuards(new KeyGuard())
@WebSocketGateway({ namespace: 'guarded' })
class GuardedGateway extends FencedGateway {
  handleConnection(client: Socket) { client.emit('told', 'welcome'); }
  @SubscribeMessage('enter') enter() { return 'entered'; }
}

enum Ev { ENUM = 'named by an enum', OTHER = 'other' }

class Point { constructor(readonly x: number, readonly y: number) {} }
class Moved { constructor(readonly event: unknown, readonly data: unknown) {} }

class TeapotException extends WsException {
  constructor() { super({ status: 'teapot', message: 'short and stout' }); }
}

@WebSocketGateway({ namespace: 'results' })
class ResultsGateway extends FencedGateway {
  @SubscribeMessage(Ev.ENUM) named() { return { event: Ev.OTHER, data: Ev.ENUM }; }
  @SubscribeMessage('echo') echo(_: Socket, data: unknown) { return data; }
  @SubscribeMessage('async echo') async asyncEcho(_: Socket, data: unknown) { return data; }
  @SubscribeMessage('body') body(@MessageBody() data: unknown) { return ['body', data]; }
  @SubscribeMessage('field') field(@MessageBody('a.b') value: unknown) { return ['field', value]; }
  @SubscribeMessage('default')
  byDefault(@MessageBody() data: unknown = 'default') { return data; }
  @SubscribeMessage('default of a field')
  fieldByDefault(@MessageBody('x') x: unknown = 'default') { return [x]; }
  @SubscribeMessage('default of a pipe')
  pipeDefault(@MessageBody('x', new DefaultValuePipe(5)) x: unknown) { return [x]; }
  @SubscribeMessage('socket')
  socket(@MessageBody() data: unknown, @ConnectedSocket() client: Socket) { return [data, client.id]; }
  @SubscribeMessage('nothing') nothing() {}
  @SubscribeMessage('object') point() { return new Point(1, 2); }
  @SubscribeMessage('object with event')
  moved(_: Socket, event: unknown) { return new Moved(event, new Point(1, 2)); }
  @SubscribeMessage('event without data') withoutData() { return { event: 'empty' }; }
  @SubscribeMessage('response')
  response(): WsResponse<number[]> { return { event: 'response', data: [1, 2] }; }
  @SubscribeMessage('date') date() { return { at: new Date(0) }; }
  @SubscribeMessage('set') set() { return new Set([1]); }
  @SubscribeMessage('not a number') notANumber() { return [NaN, Infinity]; }
  @SubscribeMessage('return an error') returnError() { return new WsException('no'); }

  @SubscribeMessage('throw') throw_() { throw new WsException('no'); }
  @SubscribeMessage('throw an object') throwObject() { throw new WsException({ reason: 'no' }); }
  @SubscribeMessage('throw later')
  async throwLater() { await Promise.resolve(); throw new WsException('later'); }
  @SubscribeMessage('ack, then throw')
  ackThenThrow(_: Socket, data: unknown, ack: AckFunction) { ack(data); throw new WsException('late'); }
  @SubscribeMessage('throw unknown') throwUnknown() { throw new Error('secret'); }
  @SubscribeMessage('throw a subclass') throwSubclass() { throw new TeapotException(); }

  @SubscribeMessage('stream') stream() { return from([1, 2, 3]); }
  @SubscribeMessage('stream of events')
  events() { return from([1, 2]).pipe(map((data) => ({ event: 'item', data }))); }
  @SubscribeMessage('stream of both')
  both() { return of({ event: 'item', data: 1 }, 'the ack', { event: 'item', data: 2 }); }
  @SubscribeMessage('failing stream')
  failing() { return concat(of(1), throwError(() => new WsException('late'))); }
  @SubscribeMessage('failing at once')
  failingAtOnce() { return throwError(() => new WsException('early')); }
  @SubscribeMessage('stream of a promise') async later() { return from([1, 2]); }
  @SubscribeMessage('stream with null') withNull() { return from([null, 2]); }
  @SubscribeMessage('empty stream') empty() { return from([]); }
}

const traced = (client: Socket, word: string) => (client.data.trace ??= []).push(word);

class TraceGuard implements CanActivate {
  constructor(readonly name: string) {}
  canActivate(context: ExecutionContext) {
    if (!isFence(context)) traced(context.switchToWs().getClient(), `guard ${this.name}`);
    return true;
  }
}

class TraceInterceptor implements NestInterceptor {
  constructor(readonly name: string) {}
  intercept(context: ExecutionContext, next: CallHandler) {
    const client: Socket = context.switchToWs().getClient();
    if (!isFence(context)) traced(client, `before ${this.name}`);
    return next.handle().pipe(map((result) => {
      if (!isFence(context)) traced(client, `after ${this.name}`);
      return result;
    }));
  }
}

class TracePipe implements PipeTransform {
  constructor(readonly name: string) {}
  transform(value: unknown, { type }: { type: string }) {
    const isTraced = Array.isArray(value) && value[0] === 'traced';
    return isTraced ? [...value, `${type} ${this.name}`] : value;
  }
}

class RoleGuard implements CanActivate {
  private readonly reflector = new Reflector();
  canActivate(context: ExecutionContext) {
    const role = this.reflector.getAllAndOverride('role', [context.getHandler(), context.getClass()]);
    return role === context.switchToWs().getClient<Socket>().handshake.auth.role;
  }
}

class ThrowingGuard implements CanActivate {
  canActivate(): boolean { throw new WsException('not you'); }
}

class AsyncGuard implements CanActivate {
  async canActivate(context: ExecutionContext) {
    return Promise.resolve(context.switchToWs().getData() === 'sesame');
  }
}

class ContextInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext) {
    const host = context.switchToWs();
    const [client, data, ack, pattern] = context.getArgs();
    return of([
      context.getType(), context.getClass().name, context.getHandler().name,
      host.getPattern(), pattern, host.getData(), data, host.getClient() === client, Boolean(ack),
    ]);
  }
}

class TruthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean { return context.switchToWs().getData(); }
}

class ThrowingPipe implements PipeTransform {
  transform(): unknown { throw new WsException('from a pipe'); }
}

class ThrowingInterceptor implements NestInterceptor {
  intercept(): never { throw new WsException('from an interceptor'); }
}

class BrokenGuard implements CanActivate {
  canActivate(): boolean { throw new Error('from a guard'); }
}

class RescueInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(catchError(() => of('rescued')));
  }
}

class CacheInterceptor implements NestInterceptor {
  intercept() { return of('cached'); }
}

class WrapInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((value) => ({ wrapped: value })));
  }
}

class CatNotFound extends Error {}

@Catch(CatNotFound)
class CatFilter extends BaseWsExceptionFilter {
  catch(_: CatNotFound, host: ArgumentsHost) { super.catch(new WsException('no such cat'), host); }
}

@Catch()
class AnyFilter {
  catch(error: Error, host: ArgumentsHost) {
    host.switchToWs().getClient<Socket>().emit('caught', error.message, host.switchToWs().getData());
  }
}

@Catch(WsException)
class NamedFilter {
  constructor(readonly name: string) {}
  catch(error: WsException, host: ArgumentsHost) {
    host.switchToWs().getClient<Socket>().emit('caught', this.name, error.getError());
  }
}

@Catch()
class BrokenFilter {
  catch() { throw new Error('from a filter'); }
}

const Name = createParamDecorator((field: string, context: ExecutionContext) =>
  context.switchToWs().getClient<Socket>().handshake.auth[field]);

const Throws = createParamDecorator(() => { throw new WsException('from a decorator'); });

@SetMetadata('role', 'reader')
@UseGuards(new TraceGuard('class 1'), new TraceGuard('class 2'))
@UseInterceptors(new TraceInterceptor('class'))
@UsePipes(new TracePipe('class'))
@UseFilters(new AnyFilter())
@WebSocketGateway({ namespace: 'pipeline' })
class PipelineGateway extends FencedGateway {
  @UseGuards(new TraceGuard('method'))
  @UseInterceptors(new TraceInterceptor('method 1'), new TraceInterceptor('method 2'))
  @UsePipes(new TracePipe('method 1'), new TracePipe('method 2'))
  @SubscribeMessage('trace')
  trace(@ConnectedSocket() client: Socket, @MessageBody(new TracePipe('argument')) data: string[]) {
    traced(client, 'handler');
    return data;
  }
  @SubscribeMessage('traced') traced(client: Socket) { return client.data.trace.splice(0); }

  @UseGuards(new RoleGuard())
  @SubscribeMessage('for readers') forReaders() { return 'read'; }
  @SetMetadata('role', 'writer')
  @UseGuards(new RoleGuard())
  @SubscribeMessage('for writers') forWriters() { return 'written'; }
  @UseGuards(new ThrowingGuard())
  @SubscribeMessage('for nobody') forNobody() { return 'never'; }

  @UseGuards(new AsyncGuard())
  @SubscribeMessage('password') password() { return 'opened'; }

  @UseGuards(new TruthGuard(), new TraceGuard('second'))
  @SubscribeMessage('truth') truth(client: Socket) { return client.data.trace.splice(0); }

  @SubscribeMessage('throwing pipe')
  throwingPipe(@MessageBody(new ThrowingPipe()) _: unknown) { return 'never'; }
  @SubscribeMessage('throwing decorator')
  throwingDecorator(@Throws() _: unknown) { return 'never'; }
  @UseInterceptors(new ThrowingInterceptor())
  @SubscribeMessage('throwing interceptor') throwingInterceptor() { return 'never'; }
  @UseGuards(new BrokenGuard())
  @SubscribeMessage('broken guard') brokenGuard() { return 'never'; }

  @UseInterceptors(new ContextInterceptor())
  @SubscribeMessage('context') context() {}
  @UseInterceptors(new RescueInterceptor())
  @SubscribeMessage('rescue') rescue() { throw new Error('secret'); }
  @UseInterceptors(new CacheInterceptor())
  @SubscribeMessage('cache') cache() { return 'never'; }
  @UseInterceptors(new WrapInterceptor())
  @SubscribeMessage('wrap') wrap() { return 1; }
  @UseInterceptors(new WrapInterceptor())
  @SubscribeMessage('wrap a stream') wrapStream() { return from([1, 2]); }

  @UseFilters(new CatFilter())
  @SubscribeMessage('cat') cat() { throw new CatNotFound(); }
  @UseFilters(new CatFilter())
  @SubscribeMessage('dog') dog() { throw new Error('no such dog'); }
  @UseFilters(new NamedFilter('1'), new NamedFilter('2'))
  @SubscribeMessage('two filters') twoFilters() { throw new WsException('which?'); }
  @UseFilters(new NamedFilter('of WsException'))
  @SubscribeMessage('another error') anotherError() { throw new Error('not for this filter'); }
  @UseFilters(new BrokenFilter())
  @SubscribeMessage('broken filter') brokenFilter() { throw new WsException('lost'); }
  @UseFilters(new BaseWsExceptionFilter({ includeCause: false }))
  @SubscribeMessage('no cause') noCause() { throw new WsException('no cause'); }
  @SubscribeMessage('number')
  number(@MessageBody('n', ParseIntPipe) n: number) { return { n }; }
  @SubscribeMessage('name') name(@Name('name') name: string) { return { name }; }
  @SubscribeMessage('piped name')
  pipedName(@Name('names', new TracePipe('argument')) names: string[]) { return names; }
}

@WebSocketGateway({ namespace: 'hooks' })
class HooksGateway extends FencedGateway {
  @WebSocketServer() server!: Namespace;
  calls: unknown[] = [];
  latches = new Set<string>();

  afterInit(server: Namespace) { this.calls.push(['afterInit', server === this.server]); }
  onModuleInit() { this.calls.push('onModuleInit'); }
  onApplicationBootstrap() { this.calls.push('onApplicationBootstrap'); }
  async handleConnection(client: Socket) {
    client.emit('told', 'handleConnection begins');
    await this.released(client.handshake.auth.waits);
    client.emit('told', 'handleConnection ends');
  }
  async released(latch?: string) { while (latch && !this.latches.has(latch)) await later(1); }
  @SubscribeMessage('release') release(_: Socket, latch: string) { this.latches.add(latch); }
  @SubscribeMessage('calls') called() { return this.calls; }
  @SubscribeMessage('slow')
  async slow(client: Socket, number: number) {
    client.emit('told', 'slow begins', number);
    await this.released('slow');
    client.emit('told', 'slow ends', number);
  }
  @SubscribeMessage('told early')
  early(client: Socket, data: unknown) { client.emit('told', 'handled', data); }
}

@WebSocketGateway({ namespace: 'shared' })
class FirstGateway extends FencedGateway {
  handleConnection(client: Socket) { client.emit('told', 'first'); }
  @SubscribeMessage('first') first() { return 'first'; }
}

@WebSocketGateway({ namespace: 'shared' })
class SecondGateway {
  @WebSocketServer() server!: Namespace;
  handleConnection(client: Socket) { client.emit('told', 'second'); }
  handleDisconnect(client: Socket) { this.server.emit('told', 'second saw', client.id, 'leave'); }
  @SubscribeMessage('second') second() { return 'second'; }
}

@WebSocketGateway({ path: '/binary' })
class BinaryGateway extends FencedGateway {
  @SubscribeMessage('echo') echo(_: Socket, data: unknown) { return data; }
  @SubscribeMessage('bytes') bytes(client: Socket) { client.emit('told', Buffer.from('bytes'), 1); }
  @SubscribeMessage('bytes of an object')
  object() { return { event: 'told', data: { bytes: Buffer.from([0, 255]) } }; }
  @SubscribeMessage('ask me')
  async askMe(client: Socket) {
    return await client.timeout(5000).emitWithAck('question', Buffer.from('?'));
  }
}

@Module({
  providers: [
    RoomsGateway, AcksGateway, ListenersGateway, LobbyGateway, AdminGateway, TeamsGateway,
    PartGateway, GuardedGateway,
    ResultsGateway, PipelineGateway, HooksGateway, FirstGateway, SecondGateway, BinaryGateway,
  ],
})
class AppModule {}

export async function serve(): Promise<string> {
  const app = await NestFactory.create(AppModule, { logger: false });
  app.useGlobalGuards(new TraceGuard('global'));
  app.useGlobalInterceptors(new TraceInterceptor('global'));
  app.useGlobalPipes(new TracePipe('global'));
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}
