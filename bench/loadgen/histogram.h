// Durations in logarithmic buckets, 64 per octave: quantiles are accurate to about 1 %.
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

// Returns microseconds, or 0 if the histogram is empty.
double histogram_quantile(const Histogram *histogram, double quantile);

#endif
