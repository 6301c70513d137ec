/* One block of rows of a pass, on a team of threads: each takes the next task until none is left.
 *
 *      tasks        column x segment of 4096 rows | column of categories | columns of bytes
 *      then         the segments of a column become its sum, in their order
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "size.h"
#include "statistics.h"
#include "team.h"

#define SEGMENT ((uint64_t)4096)
#define CHAINS (SEGMENT / BP_SUM_BLOCK)
#define LEVEL 6 /* of a segment's node: 2^6 chains */
#define LANES 8 /* chains at once: an addition takes 4 cycles, and two begin in each */

_Static_assert(CHAINS == 1 << LEVEL, "a segment is a complete node");

/* What is found in one segment of a column. */
typedef struct finding {
    double node; /* of a segment that is whole in this block */
    double low;
    double high;
    uint64_t missing;
} finding;

typedef struct block_work {
    bp_statistics *s;
    const bp_dataset *block;
    bp_rows rows;
    uint64_t first; /* segment of the pass where the block begins */
    size_t segments;
    finding *found; /* [segments, number_count] */
    size_t task;    /* the next one */
    size_t column;  /* the next one, of the numbers, to be summed up */
} block_work;

/* Rows of the block, and whether they are the whole segment. */
typedef struct span {
    uint64_t begin;
    size_t count;
} span;

static span span_of(const block_work *w, size_t segment)
{
    uint64_t from = (w->first + segment) * SEGMENT, end = from + SEGMENT, first = w->s->taken;
    uint64_t begin = from > first ? from - first : 0;

    return (span){begin, (size_t)(bp_size_min(end - first, w->rows.count) - begin)};
}

#define LOAD(type)                        \
    for (size_t i = 0; i < at.count; i++) \
    values[i] = (double)*(const type *)(const void *)(data + bp_rows_at(rows, at.begin + i) * stride)

static void load(const bp_column *column, bp_rows rows, span at, double *values)
{
    const char *data = column->data;
    size_t stride = column->stride;

    if (column->entries) {
        for (size_t i = 0; i < at.count; i++)
            values[i] = bp_column_number(column, bp_rows_at(rows, at.begin + i));
        return;
    }
    switch (column->type) {
    case BP_TYPE_U8:
        LOAD(uint8_t);
        break;
    case BP_TYPE_I32:
        LOAD(int32_t);
        break;
    case BP_TYPE_F32:
        LOAD(float);
        break;
    default:
        LOAD(double);
    }
}

/* Comparisons with NaN are false: what is missing changes neither end. */
static void find_range(const double *values, size_t count, finding *f)
{
    double low[LANES], high[LANES];

    for (size_t k = 0; k < LANES; k++) {
        low[k] = INFINITY;
        high[k] = -INFINITY;
    }
    f->missing = 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        low[i % LANES] = value < low[i % LANES] ? value : low[i % LANES];
        high[i % LANES] = value > high[i % LANES] ? value : high[i % LANES];
        f->missing += isnan(value) ? 1 : 0;
    }
    f->low = low[0];
    f->high = high[0];
    for (size_t k = 1; k < LANES; k++) {
        f->low = low[k] < f->low ? low[k] : f->low;
        f->high = high[k] > f->high ? high[k] : f->high;
    }
}

/* What a pass sums: values, then squares of deviations; 0 for what is missing. */
static void prepare(const bp_statistics *s, const bp_column_statistics *c, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value = s->second ? values[i] - c->mean : values[i];
        value = s->second ? value * value : value;
        values[i] = isnan(value) ? 0 : value;
    }
}

/* The node of a whole segment: chains of 64 values, then the tree. */
static double sum_segment(const double *values)
{
    double chain[CHAINS];

    for (size_t first = 0; first < CHAINS; first += LANES) {
        double lane[LANES] = {0};
        for (size_t i = 0; i < BP_SUM_BLOCK; i++)
            for (size_t k = 0; k < LANES; k++)
                lane[k] += values[(first + k) * BP_SUM_BLOCK + i];
        memcpy(chain + first, lane, sizeof lane);
    }
    for (size_t width = CHAINS / 2; width; width /= 2)
        for (size_t i = 0; i < width; i++)
            chain[i] = chain[2 * i] + chain[2 * i + 1];
    return chain[0];
}

static void take_numbers(const block_work *w, size_t task)
{
    const bp_statistics *s = w->s;
    size_t column = s->numbers[task % s->number_count];
    const bp_column_statistics *c = &s->columns[column];
    span at = span_of(w, task / s->number_count);
    double values[SEGMENT];

    if (s->second && !(c->want & BP_WANT_DEVIATION))
        return;
    load(&w->block->columns[column], w->rows, at, values);
    if (!s->second)
        find_range(values, at.count, &w->found[task]);
    if (at.count < SEGMENT)
        return; /* its values are added one by one, as parts of it come with other blocks */
    prepare(s, c, values, at.count);
    w->found[task].node = sum_segment(values);
}

static void count_categories(const block_work *w, size_t column)
{
    bp_column_statistics *c = &w->s->columns[column];

    for (uint64_t i = 0; i < w->rows.count; i++) {
        int32_t code = bp_column_code(&w->block->columns[column], bp_rows_at(w->rows, i));
        if (code < 0)
            c->missing++;
        else
            c->counts[code]++;
    }
}

/* The tasks of categories and bytes come first: they are long. */
static void take_task(const block_work *w, size_t task)
{
    bp_statistics *s = w->s;
    size_t codes = s->second ? 0 : s->code_count, bytes = s->second ? 0 : s->byte_count;

    if (task < codes)
        count_categories(w, s->codes[task]);
    else if (task < codes + bytes)
        bp_byte_sums_add(&s->bytes[task - codes], w->block, w->rows);
    else
        take_numbers(w, task - codes - bytes);
}

static size_t count_tasks(const block_work *w)
{
    const bp_statistics *s = w->s;
    return (s->second ? 0 : s->code_count + s->byte_count) + w->segments * s->number_count;
}

/* ------------------------------------------------------------------------------------------------------------- summing up */

static void add_finding(const block_work *w, size_t number, size_t segment)
{
    bp_statistics *s = w->s;
    bp_column_statistics *c = &s->columns[s->numbers[number]];
    const finding *f = &w->found[segment * s->number_count + number];
    span at = span_of(w, segment);
    double values[SEGMENT];

    if (!s->second) {
        c->missing += f->missing;
        c->low = f->low < c->low ? f->low : c->low;
        c->high = f->high > c->high ? f->high : c->high;
    }
    if (at.count == SEGMENT) {
        bp_sum_add_node(&c->sum, LEVEL, f->node);
        return;
    }
    load(&w->block->columns[s->numbers[number]], w->rows, at, values);
    prepare(s, c, values, at.count);
    for (size_t i = 0; i < at.count; i++)
        bp_sum_add(&c->sum, values[i]);
}

static void sum_up(const block_work *w, size_t number)
{
    const bp_statistics *s = w->s;

    if (!s->second || s->columns[s->numbers[number]].want & BP_WANT_DEVIATION)
        for (size_t segment = 0; segment < w->segments; segment++)
            add_finding(w, number, segment);
}

static BP_OUT_OF_LINE void take_tasks(block_work *w, bp_member member)
{
    size_t tasks = count_tasks(w), task;

    while ((task = __atomic_fetch_add(&w->task, 1, __ATOMIC_RELAXED)) < tasks)
        take_task(w, task);
    bp_team_barrier(member);
    while ((task = __atomic_fetch_add(&w->column, 1, __ATOMIC_RELAXED)) < w->s->number_count)
        sum_up(w, task);
}

/* A team flushes subnormals; data have them. */
static void work(void *context, bp_member member)
{
    bp_float_state team = bp_float_begin(BP_SUBNORMALS_KEPT);
    take_tasks(context, member);
    bp_float_end(team);
}

/* ----------------------------------------------------------------------------------------------------------------- refusals */

static const char *cause_of(const bp_column *column, unsigned want, uint64_t row)
{
    bool missing;

    if (column->categorical)
        return want & BP_REFUSE_MISSING && bp_column_code(column, row) < 0 ? BP_TARGET_MISSING : NULL;
    double value = bp_column_number(column, row);
    missing = want & BP_REFUSE_MISSING && isnan(value);
    if (missing)
        return column->role == BP_ROLE_TARGET ? BP_TARGET_MISSING : "column \"%.200s\": a weight is missing";
    if (want & BP_REFUSE_INFINITE && isinf(value))
        return "column \"%.200s\": a number is infinite";
    if (!(want & BP_REFUSE_NEGATIVE && value < 0))
        return NULL;
    return column->role == BP_ROLE_TARGET ? "column \"%.200s\": the target is negative, and loss poisson takes numbers from 0 on"
                                          : "column \"%.200s\": a weight is negative";
}

static bool is_suspect(const bp_column_statistics *c)
{
    return (c->want & BP_REFUSE_MISSING && c->missing) ||
           (c->want & BP_REFUSE_INFINITE && (c->high == INFINITY || c->low == -INFINITY)) ||
           (c->want & BP_REFUSE_NEGATIVE && c->low < 0);
}

/* Looks for the row where a column's statistics tell that there is one; none has been found in an earlier block. */
static BP_OUT_OF_LINE bp_status check_columns(const bp_statistics *s, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    for (size_t column = 0; column < s->column_count; column++)
        for (uint64_t i = 0; is_suspect(&s->columns[column]) && i < rows.count; i++) {
            const char *cause = cause_of(&block->columns[column], s->columns[column].want, bp_rows_at(rows, i));
            if (cause)
                return bp_dataset_fail(block, bp_rows_at(rows, i), error, cause, block->columns[column].name);
        }
    return BP_OK;
}

bp_status bp_statistics_add(bp_statistics *s, const bp_dataset *block, bp_rows rows, bp_error *error)
{
    block_work w = {.s = s, .block = block, .rows = rows, .first = s->taken / SEGMENT};
    size_t bytes;

    if (!rows.count)
        return BP_OK;
    w.segments = (size_t)((s->taken + rows.count - 1) / SEGMENT - w.first + 1);
    if (!bp_size_mul(w.segments * sizeof *w.found, bp_size_max(s->number_count, 1), &bytes))
        bytes = SIZE_MAX;
    w.found = bytes == SIZE_MAX ? NULL : bp_allocate(&s->pool.allocator, bytes);
    if (!w.found)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes for statistics were refused", bytes);
    bp_team_run(bp_data_threads(s->threads, rows.count * (s->number_count + s->code_count)), work, &w);
    bp_release(&s->pool.allocator, w.found, bytes);
    s->taken += rows.count;
    if (s->second)
        return BP_OK;
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = check_columns(s, block, rows, error);
    bp_float_end(host);
    return status;
}
