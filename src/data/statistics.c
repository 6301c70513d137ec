/* SPDX-License-Identifier: Apache-2.0 */
#include "statistics.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "machine.h"
#include "memory.h"
#include "size.h"

/* A team costs some 10 us, a value 1 to 3 ns. */
#define VALUES_OF_A_THREAD ((uint64_t)1 << 15)

unsigned bp_data_threads(unsigned threads, uint64_t values)
{
    uint64_t worth = values / VALUES_OF_A_THREAD;

    if (worth <= 1 || threads == 1)
        return 1;
    if (!threads) {
        bp_machine machine;
        bp_machine_read(&machine);
        threads = machine.threads;
    }
    return worth < threads ? (unsigned)worth : threads;
}

/* ------------------------------------------------------------------------------------------------------- which columns */

static bool is_bytes(const bp_column *column)
{
    return !column->categorical && column->type == BP_TYPE_U8;
}

static bool is_wanted(const bp_statistics *s, size_t column)
{
    return s->columns[column].want != 0;
}

/* Neighbours of bytes that are wanted, from `first` on. */
static size_t count_bytes(const bp_statistics *s, const bp_dataset *shape, size_t first)
{
    size_t count = 0;

    while (count < BP_BYTE_COLUMNS && first + count < s->column_count && is_bytes(&shape->columns[first + count]) &&
           is_wanted(s, first + count))
        count++;
    return count;
}

static bp_status start_categories(bp_statistics *s, const bp_column *column, size_t index, bp_error *error)
{
    size_t count = bp_size_max(column->category_count, 1);
    uint64_t *counts = bp_pool_take_array(&s->pool, count, sizeof *counts, error);

    if (!counts)
        return BP_NO_MEMORY;
    memset(counts, 0, count * sizeof *counts);
    s->columns[index].counts = counts;
    s->codes[s->code_count++] = index;
    return BP_OK;
}

static bp_status start_columns(bp_statistics *s, const bp_dataset *shape, bp_error *error)
{
    for (size_t i = 0; i < s->column_count; i++) {
        bp_column_statistics *c = &s->columns[i];
        size_t bytes = count_bytes(s, shape, i);
        if (!is_wanted(s, i))
            continue;
        c->low = INFINITY;
        c->high = -INFINITY;
        bp_sum_start(&c->sum);
        if (shape->columns[i].categorical) {
            BP_TRY(start_categories(s, &shape->columns[i], i, error));
        } else if (bytes) {
            bp_byte_sums_start(&s->bytes[s->byte_count++], i, bytes);
            i += bytes - 1;
        } else {
            s->numbers[s->number_count++] = i;
        }
    }
    return BP_OK;
}

/* How many groups of bytes there are, 1 at least. */
static size_t count_groups(const bp_statistics *s, const bp_dataset *shape)
{
    size_t groups = 0;

    for (size_t i = 0; i < s->column_count; i++) {
        size_t bytes = count_bytes(s, shape, i);
        groups += bytes > 0;
        i += bytes ? bytes - 1 : 0;
    }
    return bp_size_max(groups, 1);
}

static bp_status take_columns(bp_statistics *s, const bp_dataset *shape, const unsigned *want, bp_error *error)
{
    size_t count = shape->column_count;

    s->columns = bp_pool_take_array(&s->pool, count, sizeof *s->columns, error);
    s->numbers = s->columns ? bp_pool_take_array(&s->pool, count, sizeof *s->numbers, error) : NULL;
    s->codes = s->numbers ? bp_pool_take_array(&s->pool, count, sizeof *s->codes, error) : NULL;
    if (!s->codes)
        return BP_NO_MEMORY;
    s->column_count = count;
    memset(s->columns, 0, count * sizeof *s->columns);
    for (size_t i = 0; i < count; i++)
        s->columns[i].want = want[i];
    s->bytes = bp_pool_take_array(&s->pool, count_groups(s, shape), sizeof *s->bytes, error);
    return s->bytes ? start_columns(s, shape, error) : BP_NO_MEMORY;
}

bp_status bp_statistics_create(const bp_dataset *shape, const unsigned *want, unsigned threads, const bp_allocator *allocator,
                               bp_statistics **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_statistics *s = bp_allocate_zeroed(&memory, sizeof *s);

    if (!s)
        return bp_fail(error, BP_NO_MEMORY, "%s: memory for statistics was refused", shape->path);
    s->pool.allocator = memory;
    s->threads = threads;
    bp_status status = take_columns(s, shape, want, error);
    if (status != BP_OK) {
        bp_statistics_free(s);
        return status;
    }
    *result = s;
    return BP_OK;
}

void bp_statistics_free(bp_statistics *s)
{
    if (!s)
        return;
    bp_allocator memory = s->pool.allocator;
    bp_pool_release(&s->pool);
    bp_release(&memory, s, sizeof *s);
}

/* --------------------------------------------------------------------------------------------------------- end of a pass */

static void end_bytes(bp_statistics *s)
{
    for (size_t g = 0; g < s->byte_count; g++)
        for (size_t i = 0; i < s->bytes[g].count; i++) {
            bp_column_statistics *c = &s->columns[s->bytes[g].first + i];
            c->low = s->bytes[g].low[i];
            c->high = s->bytes[g].high[i];
            c->mean = s->rows ? (double)s->bytes[g].sum[i] / (double)s->rows : 0;
            c->deviation = s->rows ? bp_byte_deviation(&s->bytes[g], i, s->rows) : 0;
        }
}

/* The sum of what is there, over how much of it there is. */
static double mean_of(const bp_statistics *s, const bp_column_statistics *c)
{
    return s->rows > c->missing ? bp_sum_total(&c->sum) / (double)(s->rows - c->missing) : 0;
}

static BP_OUT_OF_LINE bool end_pass(bp_statistics *s)
{
    bool another = false;

    if (!s->second) {
        s->rows = s->taken;
        end_bytes(s);
    }
    for (size_t i = 0; i < s->number_count; i++) {
        bp_column_statistics *c = &s->columns[s->numbers[i]];
        if (s->second) {
            c->deviation = c->want & BP_WANT_DEVIATION ? sqrt(mean_of(s, c)) : 0;
        } else {
            c->mean = mean_of(s, c);
            another = another || c->want & BP_WANT_DEVIATION;
        }
        bp_sum_start(&c->sum);
    }
    s->taken = 0;
    s->second = true;
    return another;
}

bool bp_statistics_next(bp_statistics *s)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bool another = end_pass(s);
    bp_float_end(host);
    return another;
}
