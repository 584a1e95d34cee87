// A Socket.IO load generator: one thread, epoll, 127.0.0.1 only. It connects to a server, runs a mode,
// and prints one line of JSON with the cost for the server. The line before it, "measuring", is printed
// when the warm-up ends.
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "clock.h"
#include "modes.h"

// Some servers authenticate after they answer CONNECT; that is part of connecting too.
#define SETTLE_SECONDS 0.7
#define LONGEST_POLL_MS 2

Measured measured;

void count_unit(uint64_t nanoseconds) {
  if (!measured.counts) return;
  measured.units++;
  histogram_add(&measured.latency, nanoseconds);
}

static void poll_for(double seconds, void (*step)(uint64_t now)) {
  uint64_t now, end = now_ns() + seconds_ns(seconds);
  while ((now = now_ns()) < end) {
    if (step) step(now);
    clients_poll(LONGEST_POLL_MS);
  }
}

void measure(void (*step)(uint64_t now)) {
  poll_for(options.warmup, step);
  puts("measuring");  // so that the caller can read figures of its own now
  fflush(stdout);
  measured.began = usage_of(options.pid);
  measured.counts = true;
  poll_for(options.seconds, step);
  measured.counts = false;
  measured.ended = usage_of(options.pid);
}

static void raise_open_files(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static double per(double amount, double count) { return count > 0 ? amount / count : 0; }

static void print_measured(int connected, long resident_before) {
  const Usage *began = &measured.began, *ended = &measured.ended;
  double seconds = (double)(ended->at - began->at) / SECOND;
  double cpu = ended->server_cpu - began->server_cpu, units = (double)measured.units;
  printf(",\"seconds\":%.3f,\"units\":%.0f,\"per_second\":%.1f,\"cpu_us_per_unit\":%.3f", seconds,
         units, units / seconds, per(cpu * 1e6, units));
  printf(",\"server_share\":%.4f,\"generator_share\":%.4f", cpu / seconds,
         (ended->own_cpu - began->own_cpu) / seconds);
  printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"unanswered\":%llu",
         histogram_quantile(&measured.latency, 0.5), histogram_quantile(&measured.latency, 0.99),
         (unsigned long long)measured.unanswered);
  printf(",\"memory_kb_per_connection\":%.2f,\"disconnect_cpu_us\":%.2f",
         per((double)(ended->resident_kb - resident_before), connected),
         per(measured.disconnect_cpu * 1e6, connected));
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  options_parse(count, arguments);
  clients_create(&options.mode->handlers);
  Usage before = usage_of(options.pid);
  clients_connect();
  int connected = ready_count;
  if (!connected) die("no connection is open");
  double connect_seconds = (double)(now_ns() - before.at) / SECOND;
  clients_run(SETTLE_SECONDS);
  double connect_cpu = usage_of(options.pid).server_cpu - before.server_cpu;
  options.mode->run();
  printf("{\"mode\":\"%s\",\"connected\":%d,\"failed\":%d,\"dropped\":%d,\"refused\":%d",
         options.mode->name, connected, failed_count, dropped_count, refusal_count);
  printf(",\"connects_per_second\":%.1f,\"connect_cpu_us\":%.2f", connected / connect_seconds,
         per(connect_cpu * 1e6, connected));
  if (measured.began.at) print_measured(connected, before.resident_kb);
  puts("}");
  return 0;
}
