// What the server and this program have used so far.
#ifndef USAGE_H
#define USAGE_H

#include <stdint.h>
#include <sys/types.h>

typedef struct {
  uint64_t at;         // when, in monotonic nanoseconds
  double server_cpu;   // seconds, user and system, all threads, from the kernel's own account
  double own_cpu;      // seconds
  long resident_kb;    // the server's
} Usage;

Usage usage_of(pid_t server);

#endif
