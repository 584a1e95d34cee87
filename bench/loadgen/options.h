// The options of the command line.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct Mode Mode;

typedef struct {
  const Mode *mode;
  int port;
  pid_t pid;                 // process id of the server
  int connections;
  int concurrency;           // connections that are opened at the same time
  int window;                // ack: events in flight per connection; fanout: messages per sender
  int rooms;                 // connection i is in room i modulo this
  int senders;               // fanout: senders per room; send: in total
  bool reports;              // send: whether members report the delivery of each message
  double rate;               // fanout: messages per second in total; 0: next one when all have the last
  double every;              // chat: seconds between messages of a user
  double life;               // chat: seconds until a user reconnects; 0: never
  double warmup, seconds;    // durations of the warm-up and of the measurement
  const char *channels;      // prefix of the channels' names: room 0 is PREFIX1
  int first;                 // connection i has token `first` + i, modulo their number
  char **tokens;
  int token_count;
} Options;

extern Options options;

void options_parse(int count, char **arguments);

// Prints a sentence on stderr and ends the program.
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

#endif
