// The application of test_framework_modules.py in Nest 12. It sends the events of nest_modules.json to
// itself, and prints that file with Nest's acks. It needs @nestjs/platform-socket.io, socket.io-client
// and tsc with experimentalDecorators and emitDecoratorMetadata:
//   tsc -p . && node dist/nest_modules.js nest_modules.json > new.json
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { DynamicModule, Global, Inject, Injectable, Module, Scope, SetMetadata, forwardRef } from '@nestjs/common';
import { ModuleRef, NestFactory, Reflector } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io } from 'socket.io-client';

class MailOptions { constructor(readonly sender: string) {} }

abstract class Mailer { abstract readonly sender: string; }

class SmtpMailer extends Mailer {
  constructor(readonly sender: string) { super(); }
}

let connections = 0;

async function connect(options: MailOptions): Promise<Mailer> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  connections += 1;
  return new SmtpMailer(options.sender);
}

@Global()
@Module({})
class MailModule {
  static forRoot(sender: string): DynamicModule {
    return {
      module: MailModule,
      providers: [
        { provide: MailOptions, useValue: new MailOptions(sender) },
        { provide: Mailer, useFactory: connect, inject: [MailOptions] },
        { provide: 'alias', useExisting: Mailer },
      ],
      exports: [Mailer, 'alias'],
    };
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Counter {
  count = 0;
  next() { return ++this.count; }
}

@Injectable()
class Cats {
  constructor(@Inject(forwardRef(() => Dogs)) readonly dogs: any, readonly counter: Counter) {}
}

@Injectable()
class Dogs {
  constructor(@Inject(forwardRef(() => Cats)) readonly cats: any, readonly counter: Counter) {}
}

class Created { constructor(readonly mailer: Mailer) {} }
Injectable()(Created);
Reflect.defineMetadata('design:paramtypes', [Mailer], Created);

@WebSocketGateway()
@SetMetadata('limits', { rate: 1, size: 2 })
class PetsGateway {
  constructor(
    readonly cats: Cats, readonly dogs: Dogs, readonly mailer: Mailer,
    @Inject('alias') readonly alias: Mailer, readonly moduleRef: ModuleRef, readonly reflector: Reflector,
  ) {}

  @SubscribeMessage('sender') sender() { return [this.mailer.sender, connections]; }
  @SubscribeMessage('alias') aliased() { return this.alias === this.mailer; }
  @SubscribeMessage('cycle') cycle() {
    return [this.cats.dogs === this.dogs, this.dogs.cats === this.cats];
  }
  @SubscribeMessage('transient') transient() {
    return [this.cats.counter.next(), this.cats.counter.next(), this.dogs.counter.next()];
  }
  @SubscribeMessage('get') get() { return this.moduleRef.get(Cats) === this.cats; }
  @SubscribeMessage('get another module') other() {
    return this.moduleRef.get(Mailer, { strict: false }) === this.mailer;
  }
  @SubscribeMessage('get a transient') getTransient() {
    try { this.moduleRef.get(Counter); } catch { return 'refused'; }
  }
  @SubscribeMessage('resolve') async resolve() {
    const [one, other] = [await this.moduleRef.resolve(Counter), await this.moduleRef.resolve(Counter)];
    return [one === other, one.next(), (await this.moduleRef.resolve(Cats)) === this.cats];
  }
  @SubscribeMessage('create') async create() {
    const [one, other] = [await this.moduleRef.create(Created), await this.moduleRef.create(Created)];
    return [one === other, one.mailer === this.mailer];
  }
  @SubscribeMessage('merge')
  @SetMetadata('limits', { rate: 5, burst: 3 })
  merge() {
    return this.reflector.getAllAndMerge('limits', [PetsGateway.prototype.merge, PetsGateway]);
  }
}

@Module({ providers: [Cats, Dogs, Counter, PetsGateway] })
class PetsModule {}

@Module({ imports: [PetsModule, MailModule.forRoot('pets@example.org')] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const client = io(await app.getUrl(), { transports: ['websocket'] });
const answered: string[] = [];
for (const { event } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const ack = await client.timeout(1000).emitWithAck(event);
  answered.push('  ' + JSON.stringify({ event, ack }));
}
console.log('[\n' + answered.join(',\n') + '\n]');
client.disconnect();
await app.close();
