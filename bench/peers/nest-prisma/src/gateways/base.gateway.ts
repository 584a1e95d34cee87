import { WebSocketServer } from '@nestjs/websockets';
import type { Server, Socket } from 'socket.io';
import { clerkClient } from '../auth/clerk-client.js';
import type { TokenBlacklistService } from '../auth/token-blacklist.service.js';
import type { AuthenticatedSocket } from '../types.js';

/** Guards do not run on `handleConnection`, so a gateway checks a new client here. */
export abstract class BaseGateway {
  @WebSocketServer()
  protected server!: Server;

  constructor(protected readonly blacklist: TokenBlacklistService) {}

  /** Authenticates a new client, or sends it the reason and disconnects it. */
  protected async validateClient(client: Socket): Promise<boolean> {
    const token = client.handshake.auth.token;
    if (!token) return this.refuse(client, 'authentication required');
    try {
      if (await this.blacklist.isBlacklisted(token)) {
        return this.refuse(client, 'authentication revoked');
      }
      const { sub } = await clerkClient.verifyToken(token);
      if (!sub) return this.refuse(client, 'authentication failed');
      Object.assign(client, { userId: sub, user: { id: sub } });
    } catch {
      return this.refuse(client, 'authentication failed');
    }
    return client.connected;
  }

  protected getClientUserId(client: AuthenticatedSocket): string | undefined {
    return client.userId;
  }

  private refuse(client: Socket, message: string): false {
    client.emit('error', { message });
    client.disconnect(true);
    return false;
  }
}
