import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { config } from '../config.js';
import type { TypingIndicator } from '../types.js';

interface Entry {
  indicator: TypingIndicator;
  socketId: string;
  timer: NodeJS.Timeout;
}

/** The typing users of each channel. An entry expires after `typingTtlMs` without a new `typing`. */
@Injectable()
export class TypingService implements OnModuleDestroy {
  private readonly channels = new Map<string, Map<string, Entry>>();

  start(
    channelId: string,
    userId: string,
    socketId: string,
    onExpire: (stopped: TypingIndicator) => void,
  ): TypingIndicator {
    this.stop(channelId, userId);
    const indicator = { userId, channelId, isTyping: true, timestamp: new Date() };
    const timer = setTimeout(() => {
      const stopped = this.stop(channelId, userId);
      if (stopped) onExpire(stopped);
    }, config.typingTtlMs);
    const users = this.channels.get(channelId) ?? new Map<string, Entry>();
    this.channels.set(channelId, users.set(userId, { indicator, socketId, timer }));
    return indicator;
  }

  /** Ends the entry. Returns the event to broadcast, or undefined if the user was not typing. */
  stop(channelId: string, userId: string): TypingIndicator | undefined {
    const users = this.channels.get(channelId);
    const entry = users?.get(userId);
    if (!users || !entry) return undefined;
    clearTimeout(entry.timer);
    users.delete(userId);
    if (users.size === 0) this.channels.delete(channelId);
    return { ...entry.indicator, isTyping: false, timestamp: new Date() };
  }

  stopSocket(socketId: string, userId: string): TypingIndicator[] {
    return [...this.channels]
      .filter(([, users]) => users.get(userId)?.socketId === socketId)
      .map(([channelId]) => this.stop(channelId, userId)!);
  }

  list(channelId: string): TypingIndicator[] {
    return [...(this.channels.get(channelId)?.values() ?? [])].map((entry) => entry.indicator);
  }

  onModuleDestroy(): void {
    for (const users of this.channels.values()) {
      for (const { timer } of users.values()) clearTimeout(timer);
    }
  }
}
