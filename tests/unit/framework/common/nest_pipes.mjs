// Prints what Nest's own pipes answer, as the lines of nest_pipes.json: [pipe, options, value, answer].
// Run: node tests/unit/framework/common/nest_pipes.mjs > tests/unit/framework/common/nest_pipes.json
import '../../../../bench/peers/nest/node_modules/reflect-metadata/Reflect.js';
import * as nest from '../../../../bench/peers/nest/node_modules/@nestjs/common/index.js';

const Level = { LOW: 'low', ONE: 1, HALF: 0.5 };
const TYPES = { int: Number, float: Number, str: String, bool: Boolean };
const UUID_4 = 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
const UUID_1 = 'F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6';
const OTHERS = [null, '', ' ', 'x', true, false, [], [1], {}, { a: 1 }];
const NUMBERS = [
  0, 5, -5, 5.5, -0.5, 1e20, 1e21, 1e300, '5', '-5', '+5', '05', ' 5', '5 ', '5\n', '5.0', '5.5', '.5', '5.', '-.5', '.',
  '1e3', '1E-3', '1e', '0x10', '0b1', '1_000', '１', 'NaN', 'Infinity', '-Infinity', '9'.repeat(310),
];
const CASES = [
  ['ParseIntPipe', {}, [...OTHERS, ...NUMBERS]],
  ['ParseIntPipe', { optional: true }, [null, '', '5']],
  ['ParseFloatPipe', {}, [...OTHERS, ...NUMBERS]],
  ['ParseFloatPipe', { optional: true }, [null, '']],
  ['ParseBoolPipe', {}, [...OTHERS, 'true', 'false', 'True', 'TRUE', ' true', 0, 1, '0', '1']],
  ['ParseBoolPipe', { optional: true }, [null, '']],
  ['ParseUUIDPipe', {}, [...OTHERS, 5, UUID_4, UUID_1, `${UUID_4} `, `{${UUID_4}}`, UUID_4.replaceAll('-', ''),
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-FFFFFFFFFFFF', 'f81d4fae-7dec-91d0-a765-00a0c91e6bf6']],
  ['ParseUUIDPipe', { version: '4' }, [UUID_4, UUID_1, 5, '00000000-0000-0000-0000-000000000000']],
  ['ParseUUIDPipe', { version: 'all', optional: true }, [null, UUID_1, 'x']],
  ['ParseEnumPipe', {}, [...OTHERS, 'low', 'LOW', 'Low', 1, '1', 1.0, 0.5, '0.5', '.5', 'ONE']],
  ['ParseEnumPipe', { optional: true }, [null, '']],
  ['ParseArrayPipe', {}, [...OTHERS, 5, 'a,b', ' a , b ', ',', ['a', 1, null]]],
  ['ParseArrayPipe', { optional: true, separator: ';' }, [null, 'a;b,c']],
  ['ParseArrayPipe', { items: 'int' }, ['1,2', '1,x', '1,', ' 1 , 2', [1, '2', '"3"'], [true], ['true'], [[1]], ['[1]'], [null],
    ['null'], ['0x1'], ['{"a":1}'], ['NaN']]],
  ['ParseArrayPipe', { items: 'float' }, ['1.5,2', '1.5,x', [1.5, '2e3'], [{}]]],
  ['ParseArrayPipe', { items: 'bool' }, ['true,false', 'true,1', [true, 'false'], ['True'], [0], [null]]],
  ['ParseArrayPipe', { items: 'str' }, ['1,true', [1, true, 'x', null, 1.5]]],
  ['ParseDatePipe', {}, [...OTHERS.filter((value) => value !== ' '), '2024', '2024-03', '2024-03-01', '2024-02-30',
    '2023-02-29', '2024-02-29T10:11:12Z', '2024-03-01T10:11:12.345Z', '2024-03-01T10:11+02:00', '2024-03-01T10:11:12.3456789Z',
    '20240301', '2024-13-01', '2024-W01-1', '2024-03-01T25:00Z', 0, 1709287872345, -1, 1.7, -1.7, 1e300]],
  ['ParseDatePipe', { optional: true }, [null, '', 'x']],
  ['DefaultValuePipe', { default: 3 }, [...OTHERS, 0, 5]],
];

// Without them, ParseArrayPipe loads class-validator, which scalar items do not need.
const NO_PACKAGES = { validatorPackage: {}, transformerPackage: {} };
const optionsOf = ({ items, ...others }) => ({ ...others, ...NO_PACKAGES, items: TYPES[items] });
const create = (pipe, options) => {
  if (pipe === 'ParseEnumPipe') return new nest.ParseEnumPipe(Level, options);
  if (pipe === 'DefaultValuePipe') return new nest.DefaultValuePipe(options.default);
  return new nest[pipe](optionsOf(options));
};
const lines = [];
for (const [pipe, options, values] of CASES) {
  for (const value of values) {
    let answer;
    try {
      answer = { value: await create(pipe, options).transform(value, { type: 'body' }) };
    } catch (error) {
      answer = { error: error.message };
    }
    lines.push(JSON.stringify([pipe, options, value, answer]));
  }
}
console.log(`[\n${lines.join(',\n')}\n]`);
