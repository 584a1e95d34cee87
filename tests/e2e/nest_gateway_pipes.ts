// The gateway of test_framework_pipes.py in Nest 12. It sends the payloads of nest_gateway_pipes.json to
// itself, and prints that file with Nest's answers. It needs @nestjs/platform-socket.io, class-validator,
// class-transformer, socket.io-client and tsc with experimentalDecorators and emitDecoratorMetadata:
//   tsc -p . && node dist/nest_gateway_pipes.js nest_gateway_pipes.json > new.json
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { DefaultValuePipe, Module, ParseArrayPipe, ParseBoolPipe, ParseIntPipe, UsePipes, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { IsInt, IsOptional } from 'class-validator';
import { io } from 'socket.io-client';

const exceptionFactory = (message: string) => new WsException(message);
const properties = (errors: any[]) => new WsException(errors.map((each) => each.property).join(','));

class PageDto {
  @IsInt() page: number;
  @IsOptional() @IsInt() size?: number;
}

@WebSocketGateway()
@UsePipes(new ValidationPipe({ exceptionFactory: properties }))
class PagesGateway {
  @SubscribeMessage('payload')
  payload(@MessageBody(new ParseIntPipe({ exceptionFactory })) page: number) { return { page }; }

  @SubscribeMessage('field')
  field(@MessageBody('page', new ParseIntPipe({ exceptionFactory })) page: number) { return { page }; }

  @SubscribeMessage('default pipe')
  defaultPipe(@MessageBody('page', new DefaultValuePipe('3'), new ParseIntPipe({ exceptionFactory })) page: number) {
    return { page };
  }

  @SubscribeMessage('default value')
  defaultValue(@MessageBody('page') page = 3) { return { page }; }

  @SubscribeMessage('required')
  required(@MessageBody('page', new ParseIntPipe({ exceptionFactory })) page = 3) { return { page }; }

  @SubscribeMessage('optional')
  optional(@MessageBody('page', new ParseIntPipe({ optional: true, exceptionFactory })) page = 3) { return { page }; }

  @SubscribeMessage('list')
  list(@MessageBody('ids', new ParseArrayPipe({ items: Number, exceptionFactory })) ids: number[]) { return { ids }; }

  @SubscribeMessage('flag')
  flag(@MessageBody('flag', new ParseBoolPipe({ exceptionFactory })) flag: boolean) { return { flag }; }

  @SubscribeMessage('whitelist')
  @UsePipes(new ValidationPipe({ whitelist: true, transform: true, exceptionFactory: properties }))
  whitelist(@MessageBody() body: PageDto) { return { body }; }

  @SubscribeMessage('forbid')
  @UsePipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, exceptionFactory: properties }))
  forbid(@MessageBody() body: PageDto) { return { body }; }
}

@Module({ providers: [PagesGateway] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const client = io(await app.getUrl(), { transports: ['websocket'] });
const answered: string[] = [];
for (const { event, data } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const answer = await new Promise((resolve) => {
    client.once('exception', ({ message }) => resolve({ refused: message }));
    client.emit(event, data, resolve);
  });
  client.off('exception');
  answered.push('  ' + JSON.stringify({ event, data, answer }));
}
console.log('[\n' + answered.join(',\n') + '\n]');
client.disconnect();
await app.close();
