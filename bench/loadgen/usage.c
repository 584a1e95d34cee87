#include "usage.h"

#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "options.h"

static double cpu_seconds(clockid_t clock) {
  struct timespec used;
  if (clock_gettime(clock, &used)) die("the server has ended");
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static long resident_kb(pid_t server) {
  char path[64], line[256];
  long kb = 0;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)server);
  FILE *file = fopen(path, "r");
  if (!file) die("%s cannot be read", path);
  while (fgets(line, sizeof line, file) && sscanf(line, "Rss: %ld", &kb) != 1) continue;
  fclose(file);
  return kb;
}

Usage usage_of(pid_t server) {
  clockid_t clock;
  if (clock_getcpuclockid(server, &clock)) die("there is no process %d", (int)server);
  return (Usage){
      .at = now_ns(),
      .server_cpu = cpu_seconds(clock),
      .own_cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID),
      .resident_kb = resident_kb(server),
  };
}
