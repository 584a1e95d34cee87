#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "frames.h"
#include "modes.h"
#include "options.h"

#define CONNECT_SECONDS 240
#define MAX_PACKET 8192
#define REFUSAL "[{\"error\""

Client *clients;
int ready_count, failed_count, dropped_count, refusal_count;
uint64_t read_at;

static int epoll;
static const Handlers *handlers;
static char input[1 << 18];

void clients_create(const Handlers *of_mode) {
  handlers = of_mode;
  epoll = epoll_create1(0);
  clients = calloc((size_t)options.connections, sizeof *clients);
  srand(1);
  for (int i = 0; i < options.connections; i++) {
    Client *client = &clients[i];
    client->fd = -1;
    client->index = i;
    client->room = i % options.rooms;
    client->sent_at = calloc((size_t)options.window, sizeof *client->sent_at);
    for (int k = 0; k < 4; k++) client->mask[k] = (uint8_t)(rand() % 255 + 1);
  }
}

static void forget(Client *client) {
  close(client->fd);
  client->fd = -1;
  client->state = AWAY;
  client->in.length = client->out.length = 0;
}

static void lost(Client *client) {
  if (client->state == READY) {
    ready_count--;
    dropped_count++;
  } else {
    failed_count++;
  }
  client->connects_at = now_ns() + SECOND;
  forget(client);
}

static void want(Client *client, bool to_write, int operation) {
  struct epoll_event event = {
      .events = EPOLLIN | (to_write ? EPOLLOUT : 0),
      .data.ptr = client,
  };
  client->waits_to_write = to_write;
  epoll_ctl(epoll, operation, client->fd, &event);
}

void client_flush(Client *client) {
  Buffer *out = &client->out;
  ssize_t written = send(client->fd, out->bytes, out->length, MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN) return lost(client);
  if (written > 0) {
    out->length -= (size_t)written;
    memmove(out->bytes, out->bytes + written, out->length);
  }
  bool rest = out->length > 0;
  if (rest != client->waits_to_write) want(client, rest, EPOLL_CTL_MOD);
}

void client_emit(Client *client, bool acked, const char *event, const char *format, ...) {
  char packet[MAX_PACKET];
  int length = 0;
  if (acked) {
    client->sent_at[client->next_ack % (uint64_t)options.window] = now_ns();
    length = sprintf(packet, "42%llu[\"%s\",", (unsigned long long)client->next_ack++, event);
  } else {
    length = sprintf(packet, "42[\"%s\",", event);
  }
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(packet + length, (size_t)(MAX_PACKET - length - 1), format, arguments);
  va_end(arguments);
  packet[length++] = ']';
  frame_text(client, packet, (size_t)length);
}

// ---- packets of the server

static void authenticate(Client *client) {
  char packet[MAX_PACKET];
  const char *token = options.tokens[(options.first + client->index) % options.token_count];
  int length = snprintf(packet, sizeof packet, "40{\"token\":\"%s\"}", token);
  frame_text(client, packet, (size_t)length);
}

static void refused(Client *client, const char *packet, size_t length) {
  static bool is_reported;
  if (!is_reported) fprintf(stderr, "loadgen: refused: %.*s\n", (int)length, packet);
  is_reported = true;
  lost(client);
}

static void on_ack(Client *client, const char *packet) {
  char *answer;
  uint64_t id = strtoull(packet, &answer, 10);
  if (!strncmp(answer, REFUSAL, sizeof REFUSAL - 1)) refusal_count++;
  handlers->on_ack(client, id);
}

static void on_socket_io_packet(Client *client, const char *packet, size_t length) {
  switch (packet[1]) {
    case '0':
      client->state = READY;
      ready_count++;
      return;
    case '2': return handlers->on_event(client, packet + 2, length - 2);
    case '3': return on_ack(client, packet + 2);
    default: return refused(client, packet, length);
  }
}

static void on_frame(Client *client, const Frame *frame) {
  if (frame->opcode == CLOSE_FRAME) return lost(client);
  if (frame->opcode != TEXT_FRAME || frame->length < 1) return;
  switch (frame->bytes[0]) {
    case '0':
      client->state = ADMITTED;
      return authenticate(client);
    case '2': return frame_text(client, "3", 1);
    case '4':
      if (frame->length > 1) on_socket_io_packet(client, frame->bytes, frame->length);
      return;
    default: return refused(client, frame->bytes, frame->length);
  }
}

static size_t upgraded(Client *client, char *bytes) {
  char *end = strstr(bytes, "\r\n\r\n");
  if (!end) return 0;
  if (memcmp(bytes, "HTTP/1.1 101", 12)) {
    refused(client, bytes, strcspn(bytes, "\r"));
    return 0;
  }
  client->state = OPENED;
  return (size_t)(end + 4 - bytes);
}

static void on_readable(Client *client) {
  Buffer *kept = &client->in;
  size_t have = kept->length, used = 0;
  if (have) memcpy(input, kept->bytes, have);
  ssize_t count = recv(client->fd, input + have, sizeof input - have - 1, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return lost(client);
  read_at = now_ns();
  have += (size_t)count;
  input[have] = 0;
  if (client->state == UPGRADING) used = upgraded(client, input);
  Frame frame;
  while (client->state >= OPENED && frame_read(input + used, have - used, &frame)) {
    used += frame.size;
    // The NUL bounds searches in the frame for numbers and strings.
    char next = frame.bytes[frame.length];
    frame.bytes[frame.length] = 0;
    on_frame(client, &frame);
    frame.bytes[frame.length] = next;
  }
  if (client->state == AWAY) return;
  kept->length = 0;
  buffer_add(kept, input + used, have - used);
  if (client->out.length && !client->waits_to_write) client_flush(client);
}

// ---- connecting and closing

void client_dial(Client *client) {
  struct sockaddr_in address = {
      .sin_family = AF_INET,
      .sin_port = htons((uint16_t)options.port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  int on = 1;
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (client->fd < 0) die("socket: %s; see ulimit -n", strerror(errno));
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  client->state = DIALLING;
  client->next_ack = 0;
  if (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
    return lost(client);
  want(client, true, EPOLL_CTL_ADD);
}

static void upgrade(Client *client) {
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        options.port);
  client->state = UPGRADING;
  buffer_add(&client->out, request, (size_t)length);
}

static void on_writable(Client *client) {
  if (client->state == DIALLING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return lost(client);
    upgrade(client);
  }
  client_flush(client);
}

void client_leave(Client *client, bool politely) {
  if (client->state == AWAY) return;
  if (client->state == READY) ready_count--;
  if (politely) {
    frame_close(client);
    client_flush(client);
  }
  if (client->state != AWAY) forget(client);
}

void clients_poll(int milliseconds) {
  static struct epoll_event events[4096];
  int count = epoll_wait(epoll, events, 4096, milliseconds);
  for (int i = 0; i < count; i++) {
    Client *client = events[i].data.ptr;
    if (client->state != AWAY && events[i].events & EPOLLOUT) on_writable(client);
    if (client->state != AWAY && events[i].events & ~(uint32_t)EPOLLOUT) on_readable(client);
  }
}

void clients_run(double seconds) {
  uint64_t end = now_ns() + seconds_ns(seconds);
  while (now_ns() < end) clients_poll(10);
}

void clients_connect(void) {
  uint64_t end = now_ns() + CONNECT_SECONDS * SECOND;
  int dialled = 0, settled;
  while ((settled = ready_count + failed_count + dropped_count) < options.connections) {
    while (dialled < options.connections && dialled - settled < options.concurrency) {
      client_dial(&clients[dialled++]);
      settled = ready_count + failed_count + dropped_count;
    }
    clients_poll(20);
    if (now_ns() > end) die("after %d s only %d connections are open", CONNECT_SECONDS, ready_count);
    if (failed_count > 50 && !ready_count) die("every connection failed");
  }
}
