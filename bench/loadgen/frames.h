// WebSocket frames: a client's are masked, a server's are not.
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"

enum { TEXT_FRAME = 1, CLOSE_FRAME = 8 };

typedef struct {
  int opcode;
  char *bytes;
  size_t length;  // of the payload
  size_t size;    // of the whole
} Frame;

void buffer_add(Buffer *buffer, const char *bytes, size_t length);

// Both append to the client's `out`.
void frame_text(Client *client, const char *bytes, size_t length);
void frame_close(Client *client);

// Whether there is a whole frame at `bytes`.
bool frame_read(char *bytes, size_t available, Frame *frame);

#endif
