// Messages that are stored. Each sender sends the next message when the last is acked; the unit is an acked
// message. With `--report` every other member reports each message, and the only sender waits for the acks
// of all reports; the unit is then an acked report.
#include "clock.h"
#include "message.h"
#include "modes.h"

#define PATIENCE (60 * SECOND)

static int reported;
static bool is_answered;

static bool is_sender(const Client *client) { return client->index < options.senders; }

static void send_from(Client *client) {
  reported = 0;
  message_send(client, true, client->index);
  client_flush(client);
}

static void on_ack(Client *client, uint64_t id) {
  is_answered = true;
  bool counts = is_sender(client) != options.reports;
  if (counts) count_unit(read_at - client->sent_at[id % (uint64_t)options.window]);
  if (!options.reports) return send_from(client);
  if (!is_sender(client) && ++reported == ready_count - 1) send_from(&clients[0]);
}

static void on_event(Client *client, const char *packet, size_t length) {
  Stamp stamp;
  if (!options.reports || is_sender(client) || !message_read(packet, length, &stamp)) return;
  message_report(client, packet, length);
}

static void run(void) {
  for (int i = 0; i < options.senders; i++)
    if (clients[i].state == READY) send_from(&clients[i]);
  // The first messages of many senders may take longer than the warm-up.
  for (uint64_t end = now_ns() + PATIENCE; !is_answered && now_ns() < end;) clients_poll(10);
  measure(NULL);
}

const Mode send_mode = {.name = "send", .handlers = {on_ack, on_event}, .run = run};
