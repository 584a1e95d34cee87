import { readFileSync } from 'node:fs';

export type Membership = Record<string, string[]>;

const DEFAULT_MEMBERSHIP: Membership = {
  user_alice: ['general', 'random'],
  user_bob: ['general', 'random'],
  user_carol: ['general'],
  user_dave: ['private'],
  user_erin: ['quiet'],
  user_frank: ['quiet'],
};

function loadMembership(env: NodeJS.ProcessEnv): Membership {
  if (env.CHANNELS) return JSON.parse(env.CHANNELS);
  if (env.CHANNELS_FILE) return JSON.parse(readFileSync(env.CHANNELS_FILE, 'utf8'));
  return DEFAULT_MEMBERSHIP;
}

/** The settings that the process reads from its environment at start. */
export const config = {
  port: Number(process.env.PORT ?? 3000),
  host: process.env.HOST ?? '127.0.0.1',
  corsOrigin: process.env.CORS_ORIGIN ?? 'http://localhost:3000',
  /** A PEM public key; `\n` may be written as two characters, as in a .env file. */
  clerkJwtKey: process.env.CLERK_JWT_KEY?.replace(/\\n/g, '\n'),
  authorizedParties: process.env.CLERK_AUTHORIZED_PARTIES?.split(','),
  blacklist: process.env.BLACKLIST === '1',
  redisUrl: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  typingTtlMs: Number(process.env.TYPING_TTL_MS ?? 5000),
  membership: loadMembership(process.env),
};
