#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

Options options = {
    .connections = 100,
    .concurrency = 64,
    .window = 1,
    .rooms = 1,
    .senders = 1,
    .every = 10,
    .warmup = 1,
    .seconds = 3,
    .channels = "c",
};

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("loadgen: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(2);
}

static void read_tokens(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) die("%s: %s", path, strerror(errno));
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &capacity, file)) > 1) {
    line[length - 1] = 0;
    options.tokens = realloc(options.tokens, (size_t)(options.token_count + 1) * sizeof(char *));
    options.tokens[options.token_count++] = strdup(line);
  }
  free(line);
  fclose(file);
}

static const Mode *mode_named(const char *name) {
  const Mode *modes[] = {&ack_mode,  &fanout_mode,  &chat_mode,
                         &send_mode, &connect_mode, &idle_mode};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (!strcmp(modes[i]->name, name)) return modes[i];
  die("--mode %s: ack, fanout, chat, send, connect or idle", name);
}

void options_parse(int count, char **arguments) {
  static const struct option known[] = {
      {"mode", 1, 0, 'm'},    {"port", 1, 0, 'p'},    {"pid", 1, 0, 'i'},
      {"tokens", 1, 0, 't'},  {"conns", 1, 0, 'c'},   {"concurrency", 1, 0, 'k'},
      {"window", 1, 0, 'w'},  {"rooms", 1, 0, 'r'},   {"senders", 1, 0, 's'},
      {"rate", 1, 0, 'R'},    {"every", 1, 0, 'e'},   {"life", 1, 0, 'l'},
      {"warmup", 1, 0, 'W'},  {"seconds", 1, 0, 'd'}, {"channels", 1, 0, 'x'},
      {"first", 1, 0, 'f'},   {"report", 0, 0, 'o'},  {0, 0, 0, 0},
  };
  int option;
  while ((option = getopt_long(count, arguments, "", known, 0)) != -1) switch (option) {
    case 'm': options.mode = mode_named(optarg); break;
    case 'p': options.port = atoi(optarg); break;
    case 'i': options.pid = atoi(optarg); break;
    case 't': read_tokens(optarg); break;
    case 'c': options.connections = atoi(optarg); break;
    case 'k': options.concurrency = atoi(optarg); break;
    case 'w': options.window = atoi(optarg); break;
    case 'r': options.rooms = atoi(optarg); break;
    case 's': options.senders = atoi(optarg); break;
    case 'R': options.rate = atof(optarg); break;
    case 'e': options.every = atof(optarg); break;
    case 'l': options.life = atof(optarg); break;
    case 'W': options.warmup = atof(optarg); break;
    case 'd': options.seconds = atof(optarg); break;
    case 'f': options.first = atoi(optarg); break;
    case 'o': options.reports = true; break;
    case 'x': options.channels = optarg; break;
    default: die("unknown option; bench/workloads.py has examples");
  }
  if (!options.mode || !options.port || !options.pid || !options.token_count)
    die("--mode, --port, --pid and --tokens are needed");
  if (options.every < 4) die("--every 4 at least: somebody types for two seconds");
}
