// Runs calls of Prisma's client for the tests in Python, on the database of the first argument. Each line
// on stdin is a JSON text, {"number": 1, "calls": [["user", "findMany", {}]]}. Several calls run in one
// transaction. A line on stdout has the number, and the results or the error.
import { createInterface } from 'node:readline';
import { PrismaPg } from '@prisma/adapter-pg';
import prismaClient from './generated/prisma/index.js';

const prisma = new prismaClient.PrismaClient({
  adapter: new PrismaPg({ connectionString: process.argv[2], max: 10 }),
});

async function answer({ number, calls }) {
  const report = { number };
  try {
    const [[model, action, parameters], ...others] = calls;
    report.results = others.length
      ? await prisma.$transaction(calls.map(([model, action, parameters]) => prisma[model][action](parameters)))
      : [await prisma[model][action](parameters)];
  } catch (error) {
    report.error = `${error.code}: ${error.message}`;
  }
  console.log(JSON.stringify(report));
}

for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line));
await prisma.$disconnect();
