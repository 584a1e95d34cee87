// Guarded, validated events with acks; each connection has `window` of them in flight.
#include "clock.h"
#include "modes.h"

static void ask(Client *client) {
  client_emit(client, true, "typing:get", "{\"channelId\":\"%s%d\"}", options.channels,
              client->room + 1);
}

static void on_ack(Client *client, uint64_t id) {
  count_unit(read_at - client->sent_at[id % (uint64_t)options.window]);
  ask(client);
}

static void on_event(Client *client, const char *packet, size_t length) {
  (void)client, (void)packet, (void)length;
}

static void run(void) {
  for (int i = 0; i < options.connections; i++) {
    if (clients[i].state != READY) continue;
    for (int k = 0; k < options.window; k++) ask(&clients[i]);
    client_flush(&clients[i]);
  }
  measure(NULL);
}

const Mode ack_mode = {.name = "ack", .handlers = {on_ack, on_event}, .run = run};
