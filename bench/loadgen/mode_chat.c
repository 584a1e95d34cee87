// Users who type, send two seconds later, and report the messages that they receive. The unit is an
// acked event; the latency is that of a message to a member. With `--life` users also disconnect, half
// of them without a close frame, and connect again.
#include <stdlib.h>

#include "clock.h"
#include "message.h"
#include "modes.h"

#define TYPING_SECONDS 2
#define AWAY_SECONDS 3

// Returns a random duration between half and one and a half of `seconds`.
static uint64_t about(double seconds) {
  return seconds_ns(seconds * (0.5 + (double)rand() / RAND_MAX));
}

static void come(Client *client, uint64_t now) {
  client->types = false;
  client->acts_at = now + seconds_ns(options.every * (double)rand() / RAND_MAX);
  client->leaves_at = options.life ? now + about(options.life) : UINT64_MAX;
}

static void act(Client *client, uint64_t now) {
  if (client->types) {
    message_send(client, true, client->index);
    client->acts_at = now + about(options.every) - TYPING_SECONDS * SECOND;
  } else {
    client_emit(client, true, "typing", "{\"channelId\":\"%s%d\"}", options.channels,
                client->room + 1);
    client->acts_at = now + TYPING_SECONDS * SECOND;
  }
  client->types = !client->types;
  client_flush(client);
}

static void step(uint64_t now) {
  for (int i = 0; i < options.connections; i++) {
    Client *client = &clients[i];
    if (now >= client->leaves_at) {
      client_leave(client, rand() % 2);
      client->acts_at = client->leaves_at = UINT64_MAX;
      client->connects_at = now + about(AWAY_SECONDS);
    } else if (client->state == AWAY && now >= client->connects_at && options.life) {
      client_dial(client);
      come(client, now);
    } else if (client->state == READY && now >= client->acts_at) {
      act(client, now);
    }
  }
}

static void on_ack(Client *client, uint64_t id) {
  (void)client, (void)id;
  if (measured.counts) measured.units++;
}

static void on_event(Client *client, const char *packet, size_t length) {
  Stamp stamp;
  if (!message_read(packet, length, &stamp)) return;
  if (measured.counts) histogram_add(&measured.latency, read_at - stamp.sent_at);
  if (stamp.number != client->index) message_report(client, packet, length);
}

static void run(void) {
  uint64_t now = now_ns();
  for (int i = 0; i < options.connections; i++) come(&clients[i], now);
  measure(step);
}

const Mode chat_mode = {.name = "chat", .handlers = {on_ack, on_event}, .run = run};
