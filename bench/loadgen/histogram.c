#include "histogram.h"

static int bucket_of(uint64_t value) {
  if (value < SUB_BUCKETS) return (int)value;
  int exponent = 63 - __builtin_clzll(value);
  return (exponent - 5) * SUB_BUCKETS + (int)((value >> (exponent - 6)) - SUB_BUCKETS);
}

static uint64_t least_of(int bucket) {
  if (bucket < SUB_BUCKETS) return (uint64_t)bucket;
  return (uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << (bucket / SUB_BUCKETS - 1);
}

void histogram_add(Histogram *histogram, uint64_t nanoseconds) {
  histogram->counts[bucket_of(nanoseconds)]++;
  histogram->total++;
}

double histogram_quantile(const Histogram *histogram, double quantile) {
  uint64_t before = (uint64_t)(quantile * (double)histogram->total), seen = 0;
  for (int bucket = 0; bucket < BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen > before) return (double)least_of(bucket) / 1e3;
  }
  return 0;
}
