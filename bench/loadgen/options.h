// What the command line asks for.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <sys/types.h>

typedef struct Mode Mode;

typedef struct {
  const Mode *mode;
  int port;
  pid_t pid;                 // the server's
  int connections;
  int concurrency;           // connections that are being made at once
  int window;                // ack: events in flight on a connection; fanout: messages of a sender
  int rooms;                 // connection i is in room i modulo this
  int senders;               // fanout: in each room
  double rate;               // fanout: messages per second in all; 0: each when all have the last
  double every;              // chat: seconds between two messages of a user
  double life;               // chat: seconds until a user leaves and comes again; 0: never
  double warmup, seconds;    // before and while it counts
  const char *channels;      // prefix of the channels' names: room 0 is PREFIX1
  int first;                 // connection i has token `first` + i, modulo their number
  char **tokens;
  int token_count;
} Options;

extern Options options;

void options_parse(int count, char **arguments);

// Ends the program with a sentence on stderr.
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

#endif
