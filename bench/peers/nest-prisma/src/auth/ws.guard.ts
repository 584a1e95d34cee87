import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Socket } from 'socket.io';
import type { AuthenticatedSocket } from '../types.js';
import { clerkClient } from './clerk-client.js';
import { TokenBlacklistService } from './token-blacklist.service.js';

@Injectable()
export class WsGuard implements CanActivate {
  constructor(private readonly blacklist: TokenBlacklistService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const client = context.switchToWs().getClient<Socket>();

    // 1. Extract token
    const token = client.handshake.auth.token;
    if (!token) return false;
    if (await this.blacklist.isBlacklisted(token)) return false;

    // GUARD=cheap trusts the verification at connect, to measure the cost of storing alone.
    if (process.env.GUARD === 'cheap' && (client as AuthenticatedSocket).userId) return true;

    // 2. Verify with Clerk; `verifyToken` throws for a rejected token
    const verifyResult = await clerkClient.verifyToken(token);
    if (!verifyResult.sub) return false;

    // 3. Enhance socket with user data
    const socket = client as AuthenticatedSocket;
    socket.userId = verifyResult.sub;
    socket.user = { id: verifyResult.sub };

    return true;
  }
}
