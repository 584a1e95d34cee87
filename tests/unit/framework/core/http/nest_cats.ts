// The controller of test_nest_cats.py in Nest 12. It sends the requests of nest_cats.json to itself,
// and prints that file with Nest's answers. It needs @nestjs/platform-express and tsc with
// experimentalDecorators and emitDecoratorMetadata:
//   tsc -p . && node dist/nest_cats.js nest_cats.json > new.json
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import {
  BadRequestException, Body, CanActivate, ConflictException, Controller, Delete, Get, Header, Headers,
  HttpCode, HttpException, ImATeapotException, Module, NotFoundException, Param, ParseIntPipe, Post,
  Query, Res, UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

class RefusingGuard implements CanActivate {
  canActivate() { return false; }
}

@Controller('cats')
class CatsController {
  @Get('dict') dict() { return { one: 1 }; }
  @Get('list') list() { return [1]; }
  @Get('text') text() { return '<b>ü</b>'; }
  @Get('none') none() {}
  @Get('bool') bool() { return true; }
  @Get('number') number() { return 5; }
  @Get('not-found') notFound() { throw new NotFoundException('No such cat'); }
  @Get('bare') bare() { throw new ConflictException(); }
  @Get('coded') coded() { throw new HttpException('Slow down', 420, { errorCode: 'slow' }); }
  @Get('object') object() { throw new HttpException({ reason: 'tea' }, 418); }
  @Get('listed') listed() { throw new BadRequestException(['a', 'b']); }
  @Get('teapot') teapot() { throw new ImATeapotException(); }
  @Get('bug') bug() { throw new Error('secret'); }
  @Get('refused') @UseGuards(RefusingGuard) refused() {}
  @Get('query') query(@Query('tag') tag: unknown, @Query() all: unknown) { return [tag ?? null, all]; }
  @Get('headers') headers(@Headers('X-One') one: unknown) { return [one ?? null]; }
  @Get('int/:id') int(@Param('id', ParseIntPipe) id: number) { return { id }; }
  @Post() created() { return 'created'; }
  @Delete() @HttpCode(204) @Header('X-Name', 'value') removed() {}
  @Post('status') status(@Res({ passthrough: true }) response: any) {
    response.status(202);
    return 'accepted';
  }
  @Post('body') body(@Body() body: unknown, @Body('name') name: unknown) {
    return [body ?? null, name ?? null];
  }
}

@Module({ controllers: [CatsController] })
class CatsModule {}

const app = await NestFactory.create(CatsModule, { logger: false });
await app.listen(0, '127.0.0.1');
const answered = [];
for (const { request } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const [method, path, type, body] = request;
  const headers = { 'X-One': '1', ...(type ? { 'Content-Type': type } : {}) };
  const response = await fetch(await app.getUrl() + path, { method, headers, body });
  const answer = [response.status, response.headers.get('Content-Type'), await response.text()];
  answered.push({ request, answer });
}
console.log('[\n' + answered.map((each) => '  ' + JSON.stringify(each)).join(',\n') + '\n]');
await app.close();
