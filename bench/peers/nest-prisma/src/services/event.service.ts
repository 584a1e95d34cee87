import { Injectable } from '@nestjs/common';
import { PrismaService } from './prisma.service.js';

/** Reads the channels of a user from the database, and keeps the subscribed sockets in memory. */
@Injectable()
export class EventService {
  private readonly subscriptions = new Map<string, Map<string, string>>();

  constructor(private readonly prisma: PrismaService) {}

  async getUserChannels(userId: string): Promise<string[]> {
    const rows = await this.prisma.channelMember.findMany({
      where: { userId },
      select: { channelId: true },
    });
    return rows.map((row) => row.channelId);
  }

  subscribe(channelId: string, socketId: string, userId: string): void {
    const sockets = this.subscriptions.get(channelId) ?? new Map<string, string>();
    this.subscriptions.set(channelId, sockets.set(socketId, userId));
  }

  unsubscribe(channelId: string, socketId: string, userId: string): void {
    const sockets = this.subscriptions.get(channelId);
    if (sockets?.get(socketId) !== userId) return;
    sockets.delete(socketId);
    if (sockets.size === 0) this.subscriptions.delete(channelId);
  }
}
