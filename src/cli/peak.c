/* The machine's peak: multiply-adds in registers alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "peak.h"

#include <stdlib.h>

#include "team.h"
#include "trainer.h"

#define PEAK_SECONDS 0.1 /* long enough for the clock to settle, short enough to tell hot from cold */
#define PEAK_ROUNDS 2000 /* some ten microseconds between two looks at the clock */

typedef struct rate {
    _Alignas(64) double gflops; /* threads do not share a cache line */
    float sink;
} rate;

typedef struct measuring {
    const bp_kernels *kernels;
    rate *rates; /* [threads] */
} measuring;

static void measure(void *context, bp_member member)
{
    measuring *m = context;
    rate *mine = &m->rates[member.index];
    double operations = 0, began, seconds;

    bp_team_barrier(member);
    began = bp_clock();
    do {
        operations += m->kernels->peak(PEAK_ROUNDS, &mine->sink);
        seconds = bp_clock() - began;
    } while (seconds < PEAK_SECONDS);
    mine->gflops = operations / seconds / 1e9;
}

double bp_peak_gflops(const bp_kernels *kernels, unsigned threads)
{
    measuring m = {kernels, aligned_alloc(64, threads * sizeof *m.rates)};
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
