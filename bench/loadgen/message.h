// A message whose content says when it left, and which one it is.
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>

#include "client.h"

typedef struct {
  uint64_t sent_at;
  int number;
} Stamp;

Stamp message_send(Client *client, bool acked, int number);

// Whether the packet is the event of a new message.
bool message_read(const char *packet, size_t length, Stamp *stamp);

#endif
