import { verifyToken } from '@clerk/backend';
import { config } from '../config.js';

/** The document's `clerkClient` without network access: it uses a PEM key instead of Clerk's JWKS. */
export const clerkClient = {
  verifyToken: (token: string) =>
    verifyToken(token, {
      jwtKey: config.clerkJwtKey,
      authorizedParties: config.authorizedParties,
    }),
};
