/* Samples of short pieces of work, several of them in turns, so that a machine whose speed drifts treats all alike.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BENCH_TIMING_H
#define BP_BENCH_TIMING_H

#include <stddef.h>

#define TIMING_SAMPLES 15
#define TIMING_SECONDS 1e-3 /* of a sample at least: a look at the clock takes 30 ns */

typedef struct timing {
    void (*call)(void *context);
    void *context;
    size_t calls;                   /* in a sample */
    double seconds[TIMING_SAMPLES]; /* of one call */
} timing;

/* Fills in calls and seconds. Samples take at least `seconds`. */
void timing_measure(timing *timings, size_t count, double seconds);

double timing_median(const timing *t);
double timing_least(const timing *t);

/* "samples":[...], without a line's end. */
void timing_print(const timing *t);

#endif
