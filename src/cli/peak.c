/* SPDX-License-Identifier: Apache-2.0 */
#include "peak.h"

#include <stdlib.h>

#include "clock.h"
#include "team.h"

#define PEAK_SECONDS 0.1 /* long enough for the clock to settle, short enough to tell hot from cold */
#define PEAK_ROUNDS 2000 /* some ten microseconds between two looks at the clock */

typedef struct rate {
    _Alignas(64) double gflops; /* threads do not share a cache line */
    float sink;
} rate;

typedef struct measuring {
    const bp_arithmetic *arithmetic;
    rate *rates; /* [threads] */
} measuring;

static double run(const bp_arithmetic *arithmetic, float *sink)
{
    return arithmetic->terms ? arithmetic->blocks->peak(PEAK_ROUNDS, sink) : arithmetic->kernels->peak(PEAK_ROUNDS, sink);
}

static void measure(void *context, bp_member member)
{
    measuring *m = context;
    rate *mine = &m->rates[member.index];
    double operations = 0, began, seconds;

    bp_arithmetic_enter(m->arithmetic);
    bp_team_barrier(member);
    began = bp_clock();
    do {
        operations += run(m->arithmetic, &mine->sink);
        seconds = bp_clock() - began;
    } while (seconds < PEAK_SECONDS);
    bp_arithmetic_leave(m->arithmetic);
    mine->gflops = operations / seconds / 1e9;
}

double bp_peak_gflops(const bp_arithmetic *arithmetic, unsigned threads)
{
    measuring m = {arithmetic, aligned_alloc(64, threads * sizeof *m.rates)};
    double sum = 0;

    if (!m.rates)
        return 0;
    for (unsigned i = 0; i < threads; i++)
        m.rates[i] = (rate){.gflops = 0};
    bp_team_run(threads, measure, &m);
    for (unsigned i = 0; i < threads; i++)
        sum += m.rates[i].gflops;
    free(m.rates);
    return sum;
}
