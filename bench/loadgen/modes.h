// What the connections do, a file each, and what is counted.
#ifndef MODES_H
#define MODES_H

#include <stdbool.h>

#include "client.h"
#include "histogram.h"
#include "options.h"
#include "usage.h"

struct Mode {
  const char *name;
  Ears ears;
  void (*run)(void);   // after all are connected; calls `measure` once, or has nothing to measure
};

extern const Mode ack_mode, fanout_mode, chat_mode, connect_mode, idle_mode;

typedef struct {
  bool counts;             // whether the warm-up is over and the end has not come
  uint64_t units;          // acks, or deliveries
  uint64_t unanswered;     // messages that did not reach all in time
  Histogram latency;
  Usage began, ended;      // `began.at` is 0 when nothing was measured
  double disconnect_cpu;   // server's seconds for all connections
} Measured;

extern Measured measured;

// Polls through warm-up and measurement; `step` is called before each poll.
void measure(void (*step)(uint64_t now));
// One unit that took this long, if it counts.
void count_unit(uint64_t nanoseconds);

#endif
