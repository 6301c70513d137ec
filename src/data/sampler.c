/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include <string.h>

#include "bpd.h"
#include "random.h"

#define DRAWS 256 /* made together: vectors of them take 1 ns each, one at a time 6 */

/* What draws of the stream are for: their counters' `index`. Never renumber: models depend on it. */
enum { OF_ALL_ROWS, OF_BLOCKS, OF_ROWS_OF_A_BLOCK };

typedef struct shuffling {
    const bp_kernels *kernels;
    uint64_t seed;
    uint64_t epoch;
} shuffling;

/* Fisher and Yates from the end: place i takes one of the places 0 ... i, by draw base + i. */
static void shuffle(const shuffling *s, uint32_t index, uint64_t base, uint64_t count, uint64_t *list)
{
    uint64_t draws[DRAWS];

    for (uint64_t end = count, first; end > 1; end = first) {
        first = (end - 1) / DRAWS * DRAWS;
        s->kernels->random_bits(s->seed, bp_random_use(BP_STREAM_ORDER, s->epoch), index, base + first, (size_t)(end - first),
                                draws);
        for (uint64_t i = end; i-- > first;) {
            uint64_t j = bp_random_share(draws[i - first], i + 1);
            uint64_t kept = list[i];
            list[i] = list[j];
            list[j] = kept;
        }
    }
}

static uint64_t row_at(bp_rows rows, uint64_t i)
{
    return rows.index ? rows.index[i] : i;
}

void bp_sampler_order(const bp_kernels *kernels, bp_rows rows, bp_shuffle way, uint64_t seed, uint64_t epoch, uint64_t *order)
{
    for (uint64_t i = 0; i < rows.count; i++)
        order[i] = row_at(rows, i);
    if (way == BP_SHUFFLE_FULL)
        shuffle(&(shuffling){kernels, seed, epoch}, OF_ALL_ROWS, 0, rows.count, order);
}

/* blocks->ends: where each block's rows begin. */
static void find_begins(bp_rows rows, bp_block_order *blocks)
{
    uint64_t at = 0;

    memset(blocks->ends, 0, (size_t)blocks->count * sizeof *blocks->ends);
    for (uint64_t i = 0; i < rows.count; i++)
        blocks->ends[row_at(rows, i) / BP_BPD_ROWS]++;
    for (uint64_t turn = 0; turn < blocks->count; turn++) {
        uint64_t *end = &blocks->ends[blocks->turns[turn]], count = *end;
        *end = at;
        at += count;
    }
}

void bp_sampler_blocks(const bp_kernels *kernels, bp_rows rows, bp_shuffle way, uint64_t seed, uint64_t epoch,
                       bp_block_order *blocks, uint64_t *order)
{
    shuffling s = {kernels, seed, epoch};

    for (uint64_t turn = 0; turn < blocks->count; turn++)
        blocks->turns[turn] = turn;
    if (way == BP_SHUFFLE_BLOCKS)
        shuffle(&s, OF_BLOCKS, 0, blocks->count, blocks->turns);
    find_begins(rows, blocks);
    for (uint64_t i = 0; i < rows.count; i++) /* a begin walks to its block's end */
        order[blocks->ends[row_at(rows, i) / BP_BPD_ROWS]++] = row_at(rows, i);
    for (uint64_t turn = 0, begin = 0, end; turn < blocks->count && way == BP_SHUFFLE_BLOCKS; turn++, begin = end) {
        uint64_t block = blocks->turns[turn];
        end = blocks->ends[block];
        shuffle(&s, OF_ROWS_OF_A_BLOCK, block * BP_BPD_ROWS, end - begin, order + begin);
    }
}
