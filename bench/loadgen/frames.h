// WebSocket frames: those of a client are masked, those of a server are not.
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"

enum { TEXT_FRAME = 1, CLOSE_FRAME = 8 };

typedef struct {
  int opcode;
  char *bytes;
  size_t length;  // length of the payload
  size_t size;    // size of the frame with its header
} Frame;

void buffer_add(Buffer *buffer, const char *bytes, size_t length);

// Both functions append to the client's `out`.
void frame_text(Client *client, const char *bytes, size_t length);
void frame_close(Client *client);

// Returns whether `bytes` begins with a complete frame.
bool frame_read(char *bytes, size_t available, Frame *frame);

#endif
