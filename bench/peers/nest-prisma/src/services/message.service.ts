import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { DeliveryStatus } from '../types.js';
import { PrismaService } from './prisma.service.js';

/** Stores messages in PostgreSQL with Prisma, in the same steps as ChatGenius. */
@Injectable()
export class MessageService {
  constructor(private readonly prisma: PrismaService) {}

  async create(userId: string, channelId: string, content: string) {
    const user = await this.prisma.user.findUnique({ where: { id: userId } });
    if (!user) throw new Error('User not found');
    await this.requireMember(channelId, userId);
    const message = await this.prisma.message.create({
      data: { id: randomUUID(), content, channelId, userId, deliveryStatus: 'SENT' },
      include: { user: true },
    });
    await this.prisma.message.update({
      where: { id: message.id },
      data: { deliveryStatus: 'DELIVERED' },
    });
    return { ...message, deliveryStatus: 'DELIVERED' as const };
  }

  async update(userId: string, messageId: string, content: string) {
    await this.requireAuthor(messageId, userId, 'update');
    return this.prisma.message.update({
      where: { id: messageId },
      data: { content },
      include: { user: true },
    });
  }

  async remove(userId: string, messageId: string) {
    const message = await this.requireAuthor(messageId, userId, 'delete');
    await this.prisma.message.delete({ where: { id: messageId } });
    return message;
  }

  async mark(userId: string, messageId: string, status: 'DELIVERED' | 'READ') {
    const message = await this.requireReadable(messageId, userId);
    if (message.userId === userId) throw new Error('Not a recipient of this message');
    let changed = false;
    if (status === 'READ') {
      await this.prisma.readReceipt.upsert({
        where: { messageId_userId: { messageId, userId } },
        create: { messageId, userId },
        update: {},
      });
      const { count } = await this.prisma.message.updateMany({
        where: { id: messageId, deliveryStatus: { not: 'READ' } },
        data: { deliveryStatus: 'READ' },
      });
      changed = count > 0;
    } else {
      const { count } = await this.prisma.message.updateMany({
        where: { id: messageId, deliveryStatus: { in: ['SENDING', 'SENT'] } },
        data: { deliveryStatus: 'DELIVERED' },
      });
      changed = count > 0;
    }
    const delivery: DeliveryStatus = { messageId, recipientId: userId, status, timestamp: new Date() };
    return { message, delivery, changed };
  }

  async statuses(userId: string, messageId: string): Promise<DeliveryStatus[]> {
    await this.requireReadable(messageId, userId);
    const receipts = await this.prisma.readReceipt.findMany({ where: { messageId } });
    return receipts.map((r) => ({ messageId, recipientId: r.userId, status: 'READ', timestamp: r.readAt }));
  }

  offlineCount(userId: string): Promise<number> {
    return this.prisma.message.count({
      where: {
        userId: { not: userId },
        channel: { members: { some: { userId } } },
        readReceipts: { none: { userId } },
      },
    });
  }

  async requireMember(channelId: string, userId: string): Promise<void> {
    const member = await this.prisma.channelMember.findUnique({
      where: { channelId_userId: { channelId, userId } },
    });
    if (!member) throw new Error('Not a member of this channel');
  }

  private async requireReadable(messageId: string, userId: string) {
    const message = await this.prisma.message.findUnique({ where: { id: messageId } });
    if (!message) throw new Error('Message not found');
    await this.requireMember(message.channelId, userId);
    return message;
  }

  private async requireAuthor(messageId: string, userId: string, verb: string) {
    const message = await this.requireReadable(messageId, userId);
    if (message.userId !== userId) throw new Error(`Only the author can ${verb} this message`);
    return message;
  }
}
