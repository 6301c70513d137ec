/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "encoder_bind.h"
#include "error.h"
#include "examples.h"
#include "float_state.h"
#include "memory.h"
#include "size.h"

#define TILE ((uint64_t)64) /* rows written column by column while they stay in cache */
#define PIECE ((size_t)64)  /* columns written row by row */

/* -------------------------------------------------------------------------------------------------------------- values */

static bp_status convert(const bp_bound *a, const bp_column *column, uint64_t row, double mean, double scale, float *result,
                         bp_error *error)
{
    double value = bp_column_number(column, row);
    float scaled = (float)((value - mean) / scale);

    if (!isfinite(scaled))
        return bp_dataset_fail(a->dataset, row, error,
                               isnan(value) ? "column \"%.200s\": a number is missing" : "column \"%.200s\": %g is too large",
                               column->name, value);
    *result = scaled;
    return BP_OK;
}

static bp_status convert_numbers(const bp_bound *a, const bp_feature *feature, const bp_column *column, uint64_t begin,
                                 uint64_t end, float *x, bp_error *error)
{
    size_t width = a->encoder->inputs;

    for (uint64_t row = begin; row < end; row++)
        BP_TRY(convert(a, column, row, feature->mean, feature->scale, &x[row * width + feature->first], error));
    return BP_OK;
}

static bp_status set_categories(const bp_bound *a, size_t index, uint64_t begin, uint64_t end, float *x, bp_error *error)
{
    const bp_feature *feature = &a->encoder->features[index];
    const bp_binding *b = &a->features[index];
    size_t width = a->encoder->inputs;
    char number[32];

    for (uint64_t row = begin; row < end; row++) {
        int32_t category = bp_bound_category(a, index, row);
        if (category >= 0)
            x[row * width + feature->first + (size_t)category] = 1;
        else if (!b->map && *bp_column_text(b->column, row, number))
            return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": the number %s where the model learned categories",
                                   feature->name, number);
    }
    return BP_OK;
}

static bp_status write_columns(const bp_bound *a, float *x, bp_error *error)
{
    memset(x, 0, (size_t)a->dataset->rows * a->encoder->inputs * sizeof *x);
    for (uint64_t begin = 0; begin < a->dataset->rows; begin += TILE) {
        uint64_t end = begin + TILE < a->dataset->rows ? begin + TILE : a->dataset->rows;
        for (size_t i = 0; i < a->encoder->feature_count; i++) {
            const bp_feature *feature = &a->encoder->features[i];
            if (feature->categories)
                BP_TRY(set_categories(a, i, begin, end, x, error));
            else
                BP_TRY(convert_numbers(a, feature, a->features[i].column, begin, end, x, error));
        }
    }
    return BP_OK;
}

/* What 64 features, of which `count` are there, subtract and divide by. */
typedef struct piece {
    size_t count;
    double mean[PIECE];
    double scale[PIECE];
} piece;

static void set_piece(const bp_encoder *encoder, size_t first, piece *p)
{
    p->count = bp_size_min(encoder->inputs - first, PIECE);
    for (size_t i = 0; i < PIECE; i++) {
        p->mean[i] = i < p->count ? encoder->features[first + i].mean : 0;
        p->scale[i] = i < p->count ? encoder->features[first + i].scale : 1;
    }
}

/* Loops of known length are vectorised: a byte costs 1 ns, where column by column it costs 10. */
#define READ_PIECE(name, type)                                     \
    static void name(const void *at, size_t count, double *values) \
    {                                                              \
        type numbers[PIECE] = {0};                                 \
                                                                   \
        memcpy(numbers, at, count * sizeof *numbers);              \
        for (size_t i = 0; i < PIECE; i++)                         \
            values[i] = (double)numbers[i];                        \
    }

READ_PIECE(read_u8, uint8_t)
READ_PIECE(read_i32, int32_t)
READ_PIECE(read_f32, float)
READ_PIECE(read_f64, double)

static void read_piece(bp_type type, const void *at, size_t count, double *values)
{
    switch (type) {
    case BP_TYPE_U8:
        read_u8(at, count, values);
        break;
    case BP_TYPE_I32:
        read_i32(at, count, values);
        break;
    case BP_TYPE_F32:
        read_f32(at, count, values);
        break;
    default:
        read_f64(at, count, values);
    }
}

/* False where a result is not finite. */
static bool rescale(const piece *p, const double *values, float *x)
{
    float scaled[PIECE];
    int bad = 0;

    for (size_t i = 0; i < PIECE; i++) {
        scaled[i] = (float)((values[i] - p->mean[i]) / p->scale[i]);
        bad |= !(fabsf(scaled[i]) <= FLT_MAX);
    }
    memcpy(x, scaled, p->count * sizeof *x);
    return !bad;
}

static bp_status write_row(const bp_bound *a, const piece *pieces, uint64_t row, float *x, bp_error *error)
{
    const bp_column *first = a->features[0].column;
    const char *from = (const char *)first->data + row * first->stride;
    size_t size = bp_type_size(first->type), width = a->encoder->inputs;
    double values[PIECE];
    bool good = true;

    for (size_t i = 0; i < width; i += PIECE) {
        const piece *p = &pieces[i / PIECE];
        read_piece(first->type, from + i * size, p->count, values);
        good &= rescale(p, values, x + row * width + i);
    }
    for (size_t i = 0; !good && i < width; i++) /* tells what is wrong */
        BP_TRY(convert_numbers(a, &a->encoder->features[i], a->features[i].column, row, row + 1, x, error));
    return BP_OK;
}

static bp_status write_matrix(bp_bound *a, float *x, bp_error *error)
{
    size_t count = (a->encoder->inputs + PIECE - 1) / PIECE;
    piece *pieces = bp_pool_take_array(&a->pool, count, sizeof *pieces, error);

    if (!pieces)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        set_piece(a->encoder, i * PIECE, &pieces[i]);
    for (uint64_t row = 0; row < a->dataset->rows; row++)
        BP_TRY(write_row(a, pieces, row, x, error));
    return BP_OK;
}

static bp_status write_classes(const bp_bound *a, int32_t *classes, bp_error *error)
{
    const bp_column *column = a->targets[0].column;
    char number[32];

    for (uint64_t row = 0; row < a->dataset->rows; row++) {
        classes[row] = bp_bound_class(a, row);
        if (classes[row] >= 0)
            continue;
        const char *text = bp_column_text(column, row, number);
        return bp_dataset_fail(a->dataset, row, error,
                               *text ? "column \"%.200s\": \"%.100s\" is no class that the model knows"
                                     : "column \"%.200s\": the target is missing",
                               column->name, text);
    }
    return BP_OK;
}

static bp_status write_targets(const bp_bound *a, float *y, bp_error *error)
{
    size_t width = a->encoder->target_count;

    for (size_t i = 0; i < width; i++) {
        const bp_target *target = &a->encoder->targets[i];
        for (uint64_t row = 0; row < a->dataset->rows; row++)
            BP_TRY(convert(a, a->targets[i].column, row, target->mean, target->scale, &y[row * width + i], error));
    }
    return BP_OK;
}

static bp_status write_weights(const bp_bound *a, float *weight, bp_error *error)
{
    for (uint64_t row = 0; row < a->dataset->rows; row++) {
        BP_TRY(convert(a, a->weight, row, 0, a->encoder->weight_mean, &weight[row], error));
        if (weight[row] < 0)
            return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": a weight is negative", a->weight->name);
    }
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------ examples */

/* What the examples' block holds; pieces that are not needed have no bytes. */
typedef struct pieces {
    float *x;
    float *y;
    int32_t *classes;
    float *weight;
} pieces;

/* Called twice: over an empty arena to measure, then over the block. */
static pieces carve(const bp_bound *a, bp_arena *arena)
{
    size_t rows = (size_t)a->dataset->rows;
    bool classed = a->encoder->class_count > 0;
    pieces p;

    p.x = bp_arena_take(arena, a->borrow ? 0 : rows, a->encoder->inputs * sizeof *p.x);
    p.y = bp_arena_take(arena, a->with_targets && !classed ? rows : 0, a->encoder->target_count * sizeof *p.y);
    p.classes = bp_arena_take(arena, a->with_targets && classed ? rows : 0, sizeof *p.classes);
    p.weight = bp_arena_take(arena, a->weight ? rows : 0, sizeof *p.weight);
    return p;
}

/* Names or identifiers taken for categories make inputs without number: worth telling where memory does not suffice. */
static bp_status refuse_memory(const bp_bound *a, bp_error *error)
{
    const bp_encoder *encoder = a->encoder;
    const bp_feature *widest = encoder->features;

    for (size_t i = 1; i < encoder->feature_count; i++)
        if (encoder->features[i].category_count > widest->category_count)
            widest = &encoder->features[i];
    if (widest->category_count > encoder->inputs / 2)
        return bp_fail(error, BP_NO_MEMORY,
                       "%s: memory for %llu rows of %u inputs was refused; %zu of them are the categories of column \"%.100s\"",
                       a->dataset->path, (unsigned long long)a->dataset->rows, encoder->inputs, widest->category_count,
                       widest->name);
    return bp_fail(error, BP_NO_MEMORY, "%s: memory for %llu rows of %u inputs was refused", a->dataset->path,
                   (unsigned long long)a->dataset->rows, encoder->inputs);
}

static bp_status take_pieces(const bp_bound *a, bp_examples *e, pieces *p, bp_error *error)
{
    bp_arena arena = {0};

    carve(a, &arena);
    e->owned_size = arena.used;
    e->owned = arena.used == SIZE_MAX ? NULL : bp_allocate(&e->allocator, arena.used);
    if (!e->owned)
        return refuse_memory(a, error);
    arena = (bp_arena){.base = e->owned};
    *p = carve(a, &arena);
    return BP_OK;
}

static bp_status fill_inputs(bp_bound *a, bp_examples *e, float *x, bp_error *error)
{
    if (a->borrow) {
        e->x_type = BP_TYPE_U8;
        e->x = a->features[0].column->data;
        e->x_stride = a->features[0].column->stride;
        e->x_divisor = (float)a->encoder->features[0].scale;
        return BP_OK;
    }
    e->x_type = BP_TYPE_F32;
    e->x = x;
    e->x_stride = (size_t)e->inputs * sizeof *x;
    e->x_divisor = 1;
    return a->matrix ? write_matrix(a, x, error) : write_columns(a, x, error);
}

static bp_status fill_examples(bp_bound *a, bp_examples *e, bp_error *error)
{
    pieces p;

    BP_TRY(take_pieces(a, e, &p, error));
    BP_TRY(fill_inputs(a, e, p.x, error));
    if (a->weight) {
        BP_TRY(write_weights(a, p.weight, error));
        e->weight = p.weight;
    }
    if (!a->with_targets)
        return BP_OK;
    e->outputs = a->encoder->outputs;
    if (a->encoder->class_count) {
        e->classes = p.classes;
        return write_classes(a, p.classes, error);
    }
    e->y = p.y;
    e->y_stride = a->encoder->target_count;
    return write_targets(a, p.y, error);
}

static bp_status make_examples(bp_bound *a, bp_examples **result, bp_error *error)
{
    bp_examples *e = bp_allocate_zeroed(&a->pool.allocator, sizeof *e);

    if (!e)
        return bp_fail(error, BP_NO_MEMORY, "memory for examples was refused");
    e->allocator = a->pool.allocator;
    e->rows = a->dataset->rows;
    e->inputs = a->encoder->inputs;
    bp_status status = fill_examples(a, e, error);
    if (status != BP_OK) {
        bp_examples_free(e);
        return status;
    }
    *result = e;
    return BP_OK;
}

static BP_OUT_OF_LINE bp_status apply(const bp_encoder *encoder, const bp_dataset *dataset, int with_targets,
                                      const bp_allocator *allocator, bp_examples **result, bp_error *error)
{
    bp_bound a = {.encoder = encoder, .dataset = dataset, .with_targets = with_targets != 0};

    a.pool.allocator = bp_allocator_or_default(allocator);
    bp_status status = bp_encoder_bind(&a, error);
    if (status == BP_OK)
        status = make_examples(&a, result, error);
    bp_pool_release(&a.pool);
    return status;
}

bp_status bp_encoder_apply(const bp_encoder *encoder, const bp_dataset *dataset, int with_targets, const bp_allocator *allocator,
                           bp_examples **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = apply(encoder, dataset, with_targets, allocator, result, error);
    bp_float_end(host);
    return status;
}
