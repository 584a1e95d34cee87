// Messages to rooms. Each sender sends the next message when the last has reached every member, or at a
// fixed rate.
#include <stdlib.h>

#include "clock.h"
#include "message.h"
#include "modes.h"

#define PATIENCE (5 * SECOND)
#define SLOTS_AT_A_RATE 65536

typedef struct {
  uint64_t sent_at;   // 0: no message is in flight
  int sender, reached;
} Slot;

static Slot *slots;
static int slot_count;
static uint64_t next_at, sent;

static void send_from(int number, int sender) {
  if (clients[sender].state != READY) return;
  Stamp stamp = message_send(&clients[sender], false, number);
  slots[number] = (Slot){.sent_at = stamp.sent_at, .sender = sender};
  client_flush(&clients[sender]);
}

static int sender_of(uint64_t turn) {
  uint64_t rooms = (uint64_t)options.rooms;
  uint64_t sender = turn % rooms + turn / rooms % (uint64_t)options.senders * rooms;
  return (int)(sender % (uint64_t)options.connections);
}

static void on_ack(Client *client, uint64_t id) { (void)client, (void)id; }

static void on_event(Client *client, const char *packet, size_t length) {
  Stamp stamp;
  (void)client;
  if (!message_read(packet, length, &stamp) || stamp.number >= slot_count) return;
  Slot *slot = &slots[stamp.number];
  // A slow server may still be sending messages of an earlier run.
  if (slot->sent_at != stamp.sent_at) return;
  count_unit(read_at - stamp.sent_at);
  if (++slot->reached < options.connections / options.rooms) return;
  slot->sent_at = 0;
  if (!options.rate) send_from(stamp.number, slot->sender);
}

static void keep_the_rate(uint64_t now) {
  for (; next_at <= now; next_at += seconds_ns(1 / options.rate)) {
    send_from((int)(sent % SLOTS_AT_A_RATE), sender_of(sent));
    sent++;
  }
}

static void count_the_late(void) {
  for (int i = 0; i < slot_count; i++)
    if (slots[i].sent_at && slots[i].sent_at + SECOND < measured.ended.at) measured.unanswered++;
}

static void send_the_lost_again(uint64_t now) {
  if (now < next_at) return;
  next_at = now + SECOND;
  for (int i = 0; i < slot_count; i++) {
    if (!slots[i].sent_at || now - slots[i].sent_at < PATIENCE) continue;
    measured.unanswered++;
    send_from(i, slots[i].sender);
  }
}

static void run(void) {
  slot_count =
      options.rate ? SLOTS_AT_A_RATE : options.senders * options.rooms * options.window;
  slots = calloc((size_t)slot_count, sizeof *slots);
  next_at = now_ns();
  if (options.rate) {
    measure(keep_the_rate);
    return count_the_late();
  }
  for (int i = 0; i < slot_count; i++) send_from(i, sender_of((uint64_t)i));
  measure(send_the_lost_again);
}

const Mode fanout_mode = {.name = "fanout", .handlers = {on_ack, on_event}, .run = run};
