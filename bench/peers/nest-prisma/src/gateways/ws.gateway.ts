import { UseGuards } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { TokenBlacklistService } from '../auth/token-blacklist.service.js';
import { WsGuard } from '../auth/ws.guard.js';
import { config } from '../config.js';
import { EventService } from '../services/event.service.js';
import { MessageService } from '../services/message.service.js';
import { TypingService } from '../services/typing.service.js';
import type {
  AuthenticatedSocket,
  DeliveryStatus,
  Message,
  SocketResponse,
  TypingIndicator,
} from '../types.js';
import { BaseGateway } from './base.gateway.js';

@WebSocketGateway({
  transports: ['websocket'],
  cors: { origin: config.corsOrigin, credentials: true },
})
export class WsGateway extends BaseGateway implements OnGatewayConnection, OnGatewayDisconnect {
  constructor(
    blacklist: TokenBlacklistService,
    private readonly eventService: EventService,
    private readonly messages: MessageService,
    private readonly typing: TypingService,
  ) {
    super(blacklist);
  }

  async handleConnection(client: AuthenticatedSocket): Promise<void> {
    if (!(await this.validateClient(client))) return;

    const userId = this.getClientUserId(client)!;

    // Join personal room
    client.join(`user:${userId}`);

    // Join channel rooms
    const channels = await this.eventService.getUserChannels(userId);
    channels.forEach((channelId) => {
      client.join(`channel:${channelId}`);
      this.eventService.subscribe(channelId, client.id, userId);
    });
  }

  async handleDisconnect(client: AuthenticatedSocket): Promise<void> {
    const userId = this.getClientUserId(client);
    if (!userId) return;

    this.typing.stopSocket(client.id, userId).forEach((stopped) => this.broadcastTyping(stopped));

    // Cleanup all rooms
    const channels = await this.eventService.getUserChannels(userId);
    channels.forEach((channelId) => {
      this.eventService.unsubscribe(channelId, client.id, userId);
      client.leave(`channel:${channelId}`);
    });

    client.leave(`user:${userId}`);
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('sendMessage')
  sendMessage(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<Message>> {
    return this.respond(async () => {
      const { content, channelId } = fields(body, 'content', 'channelId');
      const message = await this.messages.create(client.userId, channelId, content);
      const stopped = this.typing.stop(channelId, client.userId);
      if (stopped) this.broadcastTyping(stopped);
      this.server.to(`channel:${channelId}`).emit('message.created', message);
      return message;
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('updateMessage')
  updateMessage(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<Message>> {
    return this.respond(async () => {
      const { messageId, content } = fields(body, 'messageId', 'content');
      const message = await this.messages.update(client.userId, messageId, content);
      this.server.to(`channel:${message.channelId}`).emit('message.updated', message);
      return message;
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('deleteMessage')
  deleteMessage(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<{ messageId: string }>> {
    return this.respond(async () => {
      const { messageId } = fields(body, 'messageId');
      const { channelId } = await this.messages.remove(client.userId, messageId);
      this.server.to(`channel:${channelId}`).emit('message.deleted', { messageId });
      return { messageId };
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('message:delivered')
  messageDelivered(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<DeliveryStatus>> {
    return this.respond(async () => this.mark(client, body, 'message:delivered', 'DELIVERED'));
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('message:seen')
  messageSeen(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<DeliveryStatus>> {
    return this.respond(async () => this.mark(client, body, 'message:seen', 'READ'));
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('message:getStatus')
  getStatus(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<DeliveryStatus[]>> {
    return this.respond(async () => this.messages.statuses(client.userId, fields(body, 'messageId').messageId));
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('typing')
  startTyping(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<TypingIndicator>> {
    return this.respond(async () => {
      const { channelId } = fields(body, 'channelId');
      await this.messages.requireMember(channelId, client.userId);
      const indicator = this.typing.start(channelId, client.userId, client.id, (stopped) =>
        this.broadcastTyping(stopped),
      );
      client.to(`channel:${channelId}`).emit('typing', indicator);
      return indicator;
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('typing:stop')
  stopTyping(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<TypingIndicator>> {
    return this.respond(async () => {
      const { channelId } = fields(body, 'channelId');
      await this.messages.requireMember(channelId, client.userId);
      const stopped = this.typing.stop(channelId, client.userId);
      if (stopped) client.to(`channel:${channelId}`).emit('typing', stopped);
      return stopped ?? { userId: client.userId, channelId, isTyping: false, timestamp: new Date() };
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('typing:get')
  getTyping(
    @ConnectedSocket() client: AuthenticatedSocket,
    @MessageBody() body: unknown,
  ): Promise<SocketResponse<TypingIndicator[]>> {
    return this.respond(async () => {
      const { channelId } = fields(body, 'channelId');
      await this.messages.requireMember(channelId, client.userId);
      return this.typing.list(channelId);
    });
  }

  @UseGuards(WsGuard)
  @SubscribeMessage('message:getOfflineCount')
  getOfflineCount(@ConnectedSocket() client: AuthenticatedSocket): Promise<SocketResponse<{ count: number }>> {
    return this.respond(async () => ({ count: await this.messages.offlineCount(client.userId) }));
  }

  private async mark(
    client: AuthenticatedSocket,
    body: unknown,
    event: string,
    status: 'DELIVERED' | 'READ',
  ): Promise<DeliveryStatus> {
    const { messageId } = fields(body, 'messageId');
    const { message, delivery, changed } = await this.messages.mark(client.userId, messageId, status);
    if (changed) this.server.to(`user:${message.userId}`).emit(event, delivery);
    return delivery;
  }

  /** Sends to the whole channel, including the typing user's sockets, because none of them caused it. */
  private broadcastTyping(stopped: TypingIndicator): void {
    this.server.to(`channel:${stopped.channelId}`).emit('typing', stopped);
  }

  private async respond<T>(work: () => Promise<T>): Promise<SocketResponse<T>> {
    try {
      return { data: await work() };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }
}

/** Returns the named fields of a payload; each must be a non-empty string. */
function fields<K extends string>(body: unknown, ...names: K[]): Record<K, string> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Error('payload must be an object');
  }
  for (const name of names) {
    const value = (body as Record<string, unknown>)[name];
    if (typeof value !== 'string' || value.trim() === '') {
      throw new Error(`${name} must be a non-empty string`);
    }
  }
  return body as Record<K, string>;
}
