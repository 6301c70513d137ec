/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include "random.h"

/* Fisher and Yates from the end: place i takes one of the places 0 ... i. */
static void shuffle_rows(uint64_t seed, uint64_t epoch, uint64_t count, uint64_t *order)
{
    for (uint64_t i = count; i-- > 1;) {
        uint64_t j = bp_random_below(bp_random(seed, BP_STREAM_ORDER, epoch, 0, i), i + 1);
        uint64_t row = order[i];
        order[i] = order[j];
        order[j] = row;
    }
}

void bp_sampler_order(bp_rows rows, bp_shuffle shuffle, uint64_t seed, uint64_t epoch, uint64_t *order)
{
    for (uint64_t i = 0; i < rows.count; i++)
        order[i] = rows.index ? rows.index[i] : i;
    if (shuffle == BP_SHUFFLE_FULL)
        shuffle_rows(seed, epoch, rows.count, order);
}
