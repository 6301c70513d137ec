/* Permutation importance: what a metric loses when one column's values are dealt out anew among the rows. (Breiman: Random forests;
 * Machine Learning 45, 2001.) All inputs that the encoder makes of a column move together.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "error.h"
#include "evaluate.h"
#include "examples.h"
#include "feed.h"
#include "float_state.h"
#include "memory.h"
#include "metric.h"
#include "random.h"
#include "size.h"
#include "sum.h"

typedef struct shuffling {
    const bp_network *network;
    bp_workspace *workspace;
    const bp_encoder *encoder;
    bp_metric metric;
    uint32_t repeats;
    uint64_t seed;
    bp_examples examples; /* the chosen rows, dense, in memory of their own */
    float *x;             /* [rows, inputs], changed column by column */
    float *y;             /* [rows, outputs]; NULL for classes */
    int32_t *classes;     /* [rows]; NULL for numbers */
    float *weight;        /* [rows]; NULL: all 1 */
    float *own;           /* [rows, width of the widest column] */
    uint64_t *order;      /* [rows] */
    double *drops;        /* [repeats] */
    double score;         /* before */
} shuffling;

/* -------------------------------------------------------------------------------------------------------------- columns */

static uint32_t column_end(const bp_encoder *encoder, size_t column)
{
    return column + 1 < encoder->feature_count ? encoder->features[column + 1].first : encoder->inputs;
}

static uint32_t widest_column(const bp_encoder *encoder)
{
    uint32_t widest = 0;

    for (size_t c = 0; c < encoder->feature_count; c++)
        if (column_end(encoder, c) - encoder->features[c].first > widest)
            widest = column_end(encoder, c) - encoder->features[c].first;
    return widest;
}

/* Fisher and Yates; a function of seed, column and repeat. */
static void shuffle(const shuffling *s, size_t column, uint32_t repeat)
{
    for (uint64_t row = 0; row < s->examples.rows; row++)
        s->order[row] = row;
    for (uint64_t left = s->examples.rows; left > 1; left--) {
        uint64_t chosen = bp_random_below(bp_random(s->seed, BP_STREAM_PERMUTATION, repeat, (uint32_t)column, left), left);
        uint64_t last = s->order[left - 1];
        s->order[left - 1] = s->order[chosen];
        s->order[chosen] = last;
    }
}

static bp_status ask(const shuffling *s, double *value, bp_error *error)
{
    bp_metrics metrics;

    BP_TRY(bp_evaluate_watched(s->network, s->workspace, s->encoder, &s->examples, (bp_rows){NULL, s->examples.rows}, s->metric,
                               &metrics, error));
    *value = metrics.watched;
    return BP_OK;
}

/* The column's inputs of row order[r], or of row r where order is NULL, become row r's. */
static void place(const shuffling *s, size_t column, const uint64_t *order)
{
    uint32_t first = s->encoder->features[column].first, width = column_end(s->encoder, column) - first;

    for (uint64_t row = 0; row < s->examples.rows; row++)
        memcpy(s->x + row * s->examples.inputs + first, s->own + (order ? order[row] : row) * width, width * sizeof *s->x);
}

static void keep(const shuffling *s, size_t column)
{
    uint32_t first = s->encoder->features[column].first, width = column_end(s->encoder, column) - first;

    for (uint64_t row = 0; row < s->examples.rows; row++)
        memcpy(s->own + row * width, s->x + row * s->examples.inputs + first, width * sizeof *s->own);
}

static BP_OUT_OF_LINE bp_importance summarise(const shuffling *s, size_t column)
{
    bp_sum sum, squares;
    double count = (double)s->repeats;

    bp_sum_start(&sum);
    bp_sum_start(&squares);
    for (uint32_t r = 0; r < s->repeats; r++)
        bp_sum_add(&sum, bp_metric_rises((int32_t)s->metric) ? s->score - s->drops[r] : s->drops[r] - s->score);
    double mean = bp_sum_total(&sum) / count;
    for (uint32_t r = 0; r < s->repeats; r++) {
        double away = (bp_metric_rises((int32_t)s->metric) ? s->score - s->drops[r] : s->drops[r] - s->score) - mean;
        bp_sum_add(&squares, away * away);
    }
    return (bp_importance){s->encoder->features[column].name, mean,
                           s->repeats > 1 ? sqrt(bp_sum_total(&squares) / (count - 1.0)) : NAN, column};
}

static bp_status try_column(const shuffling *s, size_t column, bp_importance *result, bp_error *error)
{
    keep(s, column);
    for (uint32_t repeat = 0; repeat < s->repeats; repeat++) {
        shuffle(s, column, repeat);
        place(s, column, s->order);
        BP_TRY(ask(s, &s->drops[repeat], error));
    }
    place(s, column, NULL);
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    *result = summarise(s, column);
    bp_float_end(host);
    return BP_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- rows */

static void carve(shuffling *s, const bp_examples *examples, uint64_t rows, bp_arena *arena)
{
    size_t n = (size_t)rows, inputs, outputs, own;

    if (!bp_size_mul(n, examples->inputs, &inputs) || !bp_size_mul(n, examples->outputs, &outputs) ||
        !bp_size_mul(n, widest_column(s->encoder), &own))
        inputs = outputs = own = SIZE_MAX;
    s->x = bp_arena_take(arena, inputs, sizeof *s->x);
    s->own = bp_arena_take(arena, own, sizeof *s->own);
    s->order = bp_arena_take(arena, n, sizeof *s->order);
    s->drops = bp_arena_take(arena, s->repeats, sizeof *s->drops);
    s->classes = examples->classes ? bp_arena_take(arena, n, sizeof *s->classes) : NULL;
    s->y = examples->classes ? NULL : bp_arena_take(arena, outputs, sizeof *s->y);
    s->weight = examples->weight ? bp_arena_take(arena, n, sizeof *s->weight) : NULL;
}

static bp_status copy_segments(const shuffling *s, bp_feed *feed, bp_rows rows, bp_error *error)
{
    size_t row_bytes = feed->from->inputs * sizeof *s->x;

    BP_TRY(bp_feed_begin(feed, rows, 0, error));
    for (uint64_t done = 0; done < rows.count; done += feed->segment.rows) {
        BP_TRY(bp_feed_next(feed, feed->segment.rows, error));
        memcpy(s->x + done * feed->from->inputs, feed->segment.x, feed->segment.rows * row_bytes);
    }
    return BP_OK;
}

/* Block after block: row after row, each would read a block of its own (40,000 rows: 2.8 s). */
static bp_status copy_pages(const shuffling *s, const bp_examples *examples, bp_rows rows, bp_error *error)
{
    bp_feed *feed;

    BP_TRY(bp_feed_create(examples, 1, 1, &examples->allocator, &feed, error));
    bp_status status = copy_segments(s, feed, rows, error);
    bp_feed_free(feed);
    return status;
}

static bp_status copy_rows(shuffling *s, const bp_examples *examples, bp_rows rows, bp_error *error)
{
    if (examples->pages)
        BP_TRY(copy_pages(s, examples, rows, error));
    for (uint64_t r = 0; r < rows.count; r++) {
        uint64_t row = rows.index ? rows.index[r] : r;
        BP_TRY(bp_examples_row(examples, row, examples->pages ? NULL : s->x + r * examples->inputs,
                               s->y ? s->y + r * examples->outputs : NULL, error));
        if (s->classes)
            s->classes[r] = examples->classes[row];
        if (s->weight)
            s->weight[r] = examples->weight[row];
    }
    s->examples = (bp_examples){
        .rows = rows.count,
        .inputs = examples->inputs,
        .outputs = examples->outputs,
        .x_type = BP_TYPE_F32,
        .x = s->x,
        .x_stride = examples->inputs * sizeof *s->x,
        .x_divisor = 1,
        .y = s->y,
        .y_stride = examples->outputs,
        .classes = s->classes,
        .weight = s->weight,
    };
    return BP_OK;
}

/* --------------------------------------------------------------------------------------------------------------- whole */

static int compare(const void *left, const void *right)
{
    const bp_importance *l = left, *r = right;

    if (l->mean != r->mean)
        return l->mean > r->mean ? -1 : 1;
    return (l->place > r->place) - (l->place < r->place);
}

static BP_OUT_OF_LINE void sort(bp_importance *list, size_t count)
{
    qsort(list, count, sizeof *list, compare);
}

static bp_status try_columns(shuffling *s, bp_importance *result, bp_error *error)
{
    BP_TRY(ask(s, &s->score, error));
    if (isnan(s->score))
        return bp_fail(error, BP_INVALID, "importance: these rows have no %s to lose", bp_metric_name((int32_t)s->metric));
    for (size_t column = 0; column < s->encoder->feature_count; column++)
        BP_TRY(try_column(s, column, &result[column], error));
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    sort(result, s->encoder->feature_count);
    bp_float_end(host);
    return BP_OK;
}

static bp_status check(const shuffling *s, const bp_examples *examples, bp_rows rows, bp_error *error)
{
    if (s->repeats < 1)
        return bp_fail(error, BP_INVALID, "importance: 0 repeats, 1 at least");
    if ((uint32_t)s->metric >= BP_METRICS)
        return bp_fail(error, BP_INVALID, "importance: %d is no metric", (int)s->metric);
    BP_TRY(bp_evaluate_check(s->network, s->encoder, examples, rows, error));
    BP_TRY(bp_examples_check_rows(examples, rows, "row", error));
    return bp_metric_check(s->metric, bp_has_classes(s->network, examples), error);
}

static bp_status weigh(shuffling *s, const bp_examples *examples, bp_rows rows, const bp_allocator *allocator,
                       bp_importance *result, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(s, examples, rows.count, &arena);
    size_t bytes;
    void *memory = bp_arena_commit(&arena, allocator, &bytes);
    if (!memory)
        return bp_fail(error, BP_NO_MEMORY, "importance with %llu rows: %zu bytes were refused", (unsigned long long)rows.count,
                       bytes);
    carve(s, examples, rows.count, &arena);
    bp_status status = copy_rows(s, examples, rows, error);
    if (status == BP_OK)
        status = try_columns(s, result, error);
    bp_release(allocator, memory, bytes);
    return status;
}

bp_status bp_network_importance(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                                const bp_examples *examples, bp_rows rows, int32_t metric, uint32_t repeats, uint64_t seed,
                                const bp_allocator *allocator, bp_importance *result, double *score, bp_error *error)
{
    bp_allocator chosen = bp_allocator_or_default(allocator);
    shuffling s = {.network = network,
                   .workspace = workspace,
                   .encoder = encoder,
                   .metric = (bp_metric)metric,
                   .repeats = repeats,
                   .seed = seed};

    if (!rows.index)
        rows.count = examples->rows;
    if (metric == BP_METRIC_AUTO)
        s.metric = bp_has_classes(network, examples) ? BP_METRIC_ACCURACY : BP_METRIC_R2;
    BP_TRY(check(&s, examples, rows, error));
    BP_TRY(weigh(&s, examples, rows, &chosen, result, error));
    if (score)
        *score = s.score;
    return BP_OK;
}
