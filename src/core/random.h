/* Random numbers from counters: a number is a function of where it is used, so there is no state to save or share.
 *
 * Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) from Random123.
 * key = seed; counter = (element: 64 bits, step or layer: 32 bits, stream: 8 bits and epoch: 24 bits).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_RANDOM_H
#define BP_RANDOM_H

#include <stdint.h>

#include <Random123/philox.h>

/* What a number is for; never renumber: models depend on it. */
typedef enum bp_random_stream {
    BP_STREAM_WEIGHTS = 1,
    BP_STREAM_ORDER = 2,
    BP_STREAM_SPLIT = 3,
    BP_STREAM_BENCH = 4,
    BP_STREAM_DROPOUT = 5,
    BP_STREAM_TRIALS = 6,
    BP_STREAM_PERMUTATION = 7
} bp_random_stream;

/* What a counter says of its use: stream, and epoch below 2^24 (taken modulo). */
static inline uint32_t bp_random_use(bp_random_stream stream, uint64_t epoch)
{
    return (uint32_t)stream << 24 | (uint32_t)(epoch & 0xffffff);
}

/* 128 random bits. `index` is the step or the layer. */
static inline philox4x32_ctr_t bp_random(uint64_t seed, bp_random_stream stream, uint64_t epoch, uint32_t index, uint64_t element)
{
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t counter = {{(uint32_t)element, (uint32_t)(element >> 32), index, bp_random_use(stream, epoch)}};
    return philox4x32(counter, key);
}

/* Uniform in [0, 1): 53 bits. */
static inline double bp_random_unit(philox4x32_ctr_t bits)
{
    return (double)(((uint64_t)bits.v[1] << 32 | bits.v[0]) >> 11) * 0x1p-53;
}

/* Uniform in 0 ... bound - 1, bound > 0, from 64 random bits by the high half of a product (Lemire 2019). Its bias, below
 * bound / 2^64, is left in: a retry would make the number of draws depend on the draw. */
static inline uint64_t bp_random_share(uint64_t bits, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)bits * bound >> 64);
}

static inline uint64_t bp_random_below(philox4x32_ctr_t bits, uint64_t bound)
{
    return bp_random_share((uint64_t)bits.v[1] << 32 | bits.v[0], bound);
}

#endif
