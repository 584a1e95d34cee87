// The modes, one file each, and the figures that they count.
#ifndef MODES_H
#define MODES_H

#include <stdbool.h>

#include "client.h"
#include "histogram.h"
#include "options.h"
#include "usage.h"

struct Mode {
  const char *name;
  Handlers handlers;
  void (*run)(void);   // called when all are connected; calls `measure` at most once
};

extern const Mode ack_mode, fanout_mode, chat_mode, send_mode, connect_mode, idle_mode;

typedef struct {
  bool counts;             // whether the measurement is running
  uint64_t units;          // acks or deliveries
  uint64_t unanswered;     // messages that did not reach every member in time
  Histogram latency;
  Usage began, ended;      // `began.at` is 0 if nothing was measured
  double disconnect_cpu;   // CPU seconds of the server for all disconnects
} Measured;

extern Measured measured;

// Runs the warm-up and the measurement; calls `step` before each poll.
void measure(void (*step)(uint64_t now));
// Counts one unit of this duration if the measurement is running.
void count_unit(uint64_t nanoseconds);

#endif
