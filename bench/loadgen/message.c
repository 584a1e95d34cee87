#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "options.h"

#define CONTENT_CHARS 64
#define LONGEST_ID 64
#define CREATED "[\"message.created\","

Stamp message_send(Client *client, bool acked, int number) {
  Stamp stamp = {.sent_at = now_ns(), .number = number};
  char content[CONTENT_CHARS + 1];
  int length = sprintf(content, "t=%llu;%d;", (unsigned long long)stamp.sent_at, number);
  memset(content + length, 'x', sizeof content - (size_t)length);
  content[CONTENT_CHARS] = 0;
  client_emit(client, acked, "sendMessage", "{\"content\":\"%s\",\"channelId\":\"%s%d\"}", content,
              options.channels, client->room + 1);
  return stamp;
}

bool message_read(const char *packet, size_t length, Stamp *stamp) {
  if (strncmp(packet, CREATED, sizeof CREATED - 1)) return false;
  const char *found = memmem(packet, length, "\"t=", 3);
  if (!found) return false;
  char *end;
  stamp->sent_at = strtoull(found + 3, &end, 10);
  stamp->number = atoi(end + 1);
  return true;
}

void message_report(Client *client, const char *packet, size_t length) {
  const char *id = memmem(packet, length, "\"id\":\"", 6);
  if (!id) return;
  id += 6;
  size_t chars = strcspn(id, "\"");
  if (chars > LONGEST_ID) return;
  client_emit(client, true, "message:delivered", "{\"messageId\":\"%.*s\"}", (int)chars, id);
}
