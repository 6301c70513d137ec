/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

/* Seconds of so many calls. */
static double take(const timing *t, size_t calls)
{
    double since = bp_clock();
    for (size_t i = 0; i < calls; i++)
        t->call(t->context);
    return bp_clock() - since;
}

/* The first call touches memory for the first time, and counts for nothing. */
static void choose_calls(timing *t, double seconds)
{
    take(t, 1);
    for (t->calls = 1; take(t, t->calls) < seconds;)
        t->calls *= 2;
}

void timing_measure(timing *timings, size_t count, double seconds)
{
    for (size_t i = 0; i < count; i++)
        choose_calls(&timings[i], seconds);
    for (size_t sample = 0; sample < TIMING_SAMPLES; sample++)
        for (size_t i = 0; i < count; i++)
            timings[i].seconds[sample] = take(&timings[i], timings[i].calls) / (double)timings[i].calls;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double timing_median(const timing *t)
{
    double sorted[TIMING_SAMPLES];

    memcpy(sorted, t->seconds, sizeof sorted);
    qsort(sorted, TIMING_SAMPLES, sizeof *sorted, by_value);
    return sorted[TIMING_SAMPLES / 2];
}

double timing_least(const timing *t)
{
    double least = t->seconds[0];

    for (size_t i = 1; i < TIMING_SAMPLES; i++)
        least = t->seconds[i] < least ? t->seconds[i] : least;
    return least;
}

void timing_print(const timing *t)
{
    printf("\"samples\":[");
    for (size_t i = 0; i < TIMING_SAMPLES; i++)
        printf("%s%.6g", i ? "," : "", t->seconds[i]);
    printf("]");
}
