// The configuration of Prisma's command line for the tests. With `engine: 'js'` Prisma's migrations run
// without a native engine, on the connection of an adapter.
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { defineConfig } from 'prisma/config';

// `db push` reads PostgreSQL's system tables, which have columns of the type "char". The adapter rejects
// this type, and must return it as `Character`.
const CHAR = 18;
const TEXT = 25;
const charColumns = new WeakMap<object, number[]>();

class Pool extends pg.Pool {
  async query(...parameters: any[]): Promise<any> {
    const result = await (super.query as any)(...parameters);
    const found: number[] = [];
    result.fields?.forEach((field: any, index: number) => {
      if (field.dataTypeID !== CHAR) return;
      found.push(index);
      field.dataTypeID = TEXT;
    });
    charColumns.set(result.rows, found);
    return result;
  }
}

class CharAdapter extends PrismaPg {
  async connect(): Promise<any> {
    const connected: any = await super.connect();
    const queryRaw = connected.queryRaw.bind(connected);
    connected.queryRaw = async (query: any) => {
      const result = await queryRaw(query);
      for (const index of charColumns.get(result.rows) ?? [])
        result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    return connected;
  }
}

const pool = new Pool({ connectionString: process.env.DATABASE_URL });

export default defineConfig({
  schema: process.env.SCHEMA,
  migrations: { path: process.env.MIGRATIONS },
  engine: 'js',
  adapter: async () => new CharAdapter(pool as any) as any,
  experimental: { adapter: true, externalTables: true },
  tables: { external: process.env.EXTERNAL_TABLES?.split(' ') ?? [] },
});
