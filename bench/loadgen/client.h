// A Socket.IO connection over WebSocket, and the event loop of all connections.
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
  Buffer in, out;          // `in`: the bytes of an incomplete frame
  bool waits_to_write;
  uint64_t connects_at;    // chat: when to connect again
  uint64_t next_ack;       // the id of the next event
  uint64_t *sent_at;       // send times of the last `window` events, by ack id
  uint64_t acts_at, leaves_at;  // chat: when to act next, when to disconnect
  bool types;              // chat: whether it has typed since its last message
} Client;

// The callbacks of a mode. `packet` has no leading "42" and is followed by a NUL.
typedef struct {
  void (*on_ack)(Client *client, uint64_t id);
  void (*on_event)(Client *client, const char *packet, size_t length);
} Handlers;

extern Client *clients;
extern int ready_count;        // open connections
extern int failed_count;       // connections that never opened
extern int dropped_count;      // open connections that the server closed
extern int refusal_count;      // acks with an error
extern uint64_t read_at;       // when the current bytes were read

void clients_create(const Handlers *of_mode);
void clients_connect(void);    // connects all clients; returns when each is open or has failed
void clients_poll(int milliseconds);
void clients_run(double seconds);

void client_dial(Client *client);
// Closes the connection; if `politely`, sends a close frame first.
void client_leave(Client *client, bool politely);

// Sends [event,payload] with an ack id if `acked`; `format` is the payload's.
__attribute__((format(printf, 4, 5))) void client_emit(Client *client, bool acked,
                                                       const char *event, const char *format, ...);
// Writes the emitted events. This happens by itself after a client's bytes were read.
void client_flush(Client *client);

#endif
