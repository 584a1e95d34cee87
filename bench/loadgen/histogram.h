// Durations in logarithmic buckets, 64 to an octave: a quantile is right to about 1 %.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define SUB_BUCKETS 64
#define BUCKETS (64 * SUB_BUCKETS)

typedef struct {
  uint64_t counts[BUCKETS];
  uint64_t total;
} Histogram;

void histogram_add(Histogram *histogram, uint64_t nanoseconds);

// In microseconds; 0 when nothing was added.
double histogram_quantile(const Histogram *histogram, double quantile);

#endif
