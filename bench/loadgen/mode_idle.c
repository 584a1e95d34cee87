// Idle connections. `connect` ends when all are open; `idle` measures them for whole ping intervals, then
// closes all at once and waits until the server has cleaned up.
#include "clock.h"
#include "modes.h"

#define QUIET_CPU_SECONDS 0.01
#define QUIET_STEPS 5
#define STEP_SECONDS 0.2
#define CLEANUP_SECONDS 180

static void on_ack(Client *client, uint64_t id) { (void)client, (void)id; }

static void on_event(Client *client, const char *packet, size_t length) {
  (void)client, (void)packet, (void)length;
}

static void only_connect(void) {}

static void disconnect_all(void) {
  Usage before = usage_of(options.pid), last = before;
  for (int i = 0; i < options.connections; i++) client_leave(&clients[i], false);
  for (int quiet = 0; quiet < QUIET_STEPS;) {
    clients_run(STEP_SECONDS);
    Usage now = usage_of(options.pid);
    quiet = now.server_cpu - last.server_cpu < QUIET_CPU_SECONDS ? quiet + 1 : 0;
    last = now;
    if (now.at - before.at > CLEANUP_SECONDS * SECOND) die("the server does not become idle");
  }
  measured.disconnect_cpu = last.server_cpu - before.server_cpu;
}

static void idle(void) {
  measure(NULL);
  disconnect_all();
}

const Mode connect_mode = {.name = "connect", .handlers = {on_ack, on_event}, .run = only_connect};
const Mode idle_mode = {.name = "idle", .handlers = {on_ack, on_event}, .run = idle};
