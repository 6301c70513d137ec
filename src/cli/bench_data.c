/* Examples for bench: random ones, few enough to stay in a cache where the network is small.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bench.h"
#include "examples.h"
#include "memory.h"
#include "message.h"
#include "size.h"

/* Different minibatches, and the bytes that they may take: as many as bench/peers.py gives the other trainers, since it matters
 * in which cache they are. */
#define MINIBATCHES 8
#define BYTES ((uint64_t)256 << 20)
#define EPOCH_ROWS 65536 /* at least: the size of data sets that small networks are given */

static uint64_t different_rows(const bp_shape *shape)
{
    uint64_t row = ((uint64_t)shape->inputs + shape->outputs) * sizeof(float);
    uint64_t batch = shape->settings.batch_size, fitting = BYTES / (batch * row);
    return batch * (fitting < 1 ? 1 : fitting < MINIBATCHES ? fitting : MINIBATCHES);
}

/* Examples lie as those of a file that was read do: in huge pages. */
static bool take_memory(bp_bench *bench, uint64_t rows)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);

    if (!bp_size_mul((size_t)rows, bench->shape.inputs * sizeof *bench->x, &bench->x_bytes) ||
        !bp_size_mul((size_t)rows, bench->shape.outputs * sizeof *bench->y, &bench->y_bytes))
        return false;
    bench->x = bp_allocate(&allocator, bench->x_bytes);
    bench->y = bp_allocate(&allocator, bench->y_bytes);
    bench->classes = calloc((size_t)rows, sizeof *bench->classes);
    bench->index = calloc((size_t)bench->indices, sizeof *bench->index);
    bench->block = calloc(BP_BENCH_BLOCKS, sizeof *bench->block);
    return bench->x && bench->y && bench->classes && bench->index && bench->block;
}

/* Targets of a cross-entropy as training has them from a file, and as the other trainers are given them: a number a row. */
static void use_classes(bp_bench *bench)
{
    uint32_t outputs = bench->shape.outputs;

    for (uint64_t row = 0; row < bench->examples->rows; row++)
        while (bench->y[row * outputs + (uint64_t)bench->classes[row]] == 0)
            bench->classes[row]++;
    bench->examples->classes = bench->classes;
    bench->examples->y = NULL;
}

int bp_bench_prepare(bp_bench *bench)
{
    uint64_t rows = different_rows(&bench->shape), least = bench->shape.settings.batch_size * BP_BENCH_EPOCH;
    bp_array x, y;
    bp_error error;

    bench->indices = least > EPOCH_ROWS ? least : EPOCH_ROWS;
    if (!take_memory(bench, rows)) {
        bp_say("no memory for %llu examples", (unsigned long long)rows);
        return BP_EXIT_FAILED;
    }
    bp_shape_fill(&bench->shape, rows, bench->x, bench->y);
    for (uint64_t i = 0; i < bench->indices; i++)
        bench->index[i] = i % rows;
    x = (bp_array){.data = bench->x, .type = BP_TYPE_F32, .rows = rows, .columns = bench->shape.inputs};
    y = (bp_array){.data = bench->y, .type = BP_TYPE_F32, .rows = rows, .columns = bench->shape.outputs};
    if (bp_examples_borrow(&x, &y, NULL, NULL, &bench->examples, &error) != BP_OK)
        return bp_say_error(bench->arguments, &error);
    if (bench->shape.settings.loss == BP_CROSS_ENTROPY)
        use_classes(bench);
    return BP_EXIT_DONE;
}

void bp_bench_free(bp_bench *bench)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);

    for (size_t i = 0; i < bench->ways; i++) {
        bp_trainer_free(bench->way[i].trainer);
        bp_network_free(bench->way[i].network);
    }
    bp_examples_free(bench->examples);
    bp_release(&allocator, bench->x, bench->x_bytes);
    bp_release(&allocator, bench->y, bench->y_bytes);
    free(bench->classes);
    free(bench->index);
    free(bench->block);
}
