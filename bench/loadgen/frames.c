#include "frames.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char *grown(Buffer *buffer, size_t length) {
  if (buffer->length + length > buffer->capacity) {
    buffer->capacity = (buffer->length + length) * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
  }
  char *end = buffer->bytes + buffer->length;
  buffer->length += length;
  return end;
}

void buffer_add(Buffer *buffer, const char *bytes, size_t length) {
  if (length) memcpy(grown(buffer, length), bytes, length);
}

static void add_frame(Client *client, int opcode, const char *bytes, size_t length) {
  size_t header = length < 126 ? 6 : 8;  // no client here sends 64 KiB
  uint8_t *out = (uint8_t *)grown(&client->out, header + length);
  *out++ = (uint8_t)(0x80 | opcode);
  if (length < 126) {
    *out++ = (uint8_t)(0x80 | length);
  } else {
    *out++ = 0x80 | 126;
    *out++ = (uint8_t)(length >> 8);
    *out++ = (uint8_t)length;
  }
  memcpy(out, client->mask, 4);
  out += 4;
  for (size_t i = 0; i < length; i++) out[i] = (uint8_t)bytes[i] ^ client->mask[i & 3];
}

void frame_text(Client *client, const char *bytes, size_t length) {
  add_frame(client, TEXT_FRAME, bytes, length);
}

void frame_close(Client *client) { add_frame(client, CLOSE_FRAME, "\x03\xe8", 2); }

bool frame_read(char *bytes, size_t available, Frame *frame) {
  const uint8_t *at = (const uint8_t *)bytes;
  if (available < 2) return false;
  size_t header = 2;
  uint64_t length = at[1] & 127;
  if (length > 125) {
    int digits = length == 126 ? 2 : 8;
    header += (size_t)digits;
    if (available < header) return false;
    length = 0;
    for (int i = 0; i < digits; i++) length = length << 8 | at[2 + i];
  }
  frame->opcode = at[0] & 15;
  frame->bytes = bytes + header;
  frame->length = (size_t)length;
  frame->size = header + (size_t)length;
  return available >= frame->size;
}
