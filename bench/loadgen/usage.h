// The resources that the server and this program have used so far.
#ifndef USAGE_H
#define USAGE_H

#include <stdint.h>
#include <sys/types.h>

typedef struct {
  uint64_t at;         // monotonic time in nanoseconds
  double server_cpu;   // CPU seconds, user and system, of all threads, counted by the kernel
  double own_cpu;      // CPU seconds of this program
  long resident_kb;    // of the server
} Usage;

Usage usage_of(pid_t server);

#endif
