// One Socket.IO connection over WebSocket, and the loop that moves all of them.
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { AWAY, DIALLING, UPGRADING, OPENED, ADMITTED, READY } State;

typedef struct {
  char *bytes;
  size_t length, capacity;
} Buffer;

typedef struct {
  int fd, index, room;
  State state;
  uint8_t mask[4];
  Buffer in, out;          // `in`: of a frame that has not come whole
  bool waits_to_write;
  uint64_t dials_at;       // chat: when to come again
  uint64_t next_ack;       // the id of the next event
  uint64_t *sent_at;       // of the last `window` events, by ack id
  uint64_t acts_at, leaves_at;  // chat: when to go on, when to go
  bool types;              // chat: whether it typed since its last message
} Client;

// What a mode is told. `packet` is without its "42", and is followed by a NUL.
typedef struct {
  void (*on_ack)(Client *client, uint64_t id);
  void (*on_event)(Client *client, const char *packet, size_t length);
} Ears;

extern Client *clients;
extern int ready_count;        // connections that stand
extern int failed_count;       // that never stood
extern int dropped_count;      // that stood and were closed by the server
extern int refusal_count;      // acks that were an error
extern uint64_t read_at;       // when the bytes at hand were read

void clients_create(const Ears *ears);
void clients_connect(void);    // all of them; ends when each stands or has failed
void clients_poll(int milliseconds);
void clients_run(double seconds);

void client_dial(Client *client);
// Closes without a word, or, politely, with a close frame first.
void client_leave(Client *client, bool politely);

// Sends [event,payload] with an ack id if `acked`; `format` is the payload's.
__attribute__((format(printf, 4, 5))) void client_emit(Client *client, bool acked,
                                                       const char *event, const char *format, ...);
// Writes what was emitted. While a client's bytes are being read, that is done by itself.
void client_flush(Client *client);

#endif
