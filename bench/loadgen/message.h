// A message whose content has its send time and its number.
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>

#include "client.h"

typedef struct {
  uint64_t sent_at;
  int number;
} Stamp;

Stamp message_send(Client *client, bool acked, int number);

// Returns whether the packet is the event of a new message.
bool message_read(const char *packet, size_t length, Stamp *stamp);

// Reports that the client received the message of this event.
void message_report(Client *client, const char *packet, size_t length);

#endif
