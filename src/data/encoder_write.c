/* Rows of a bound data set -> a network's numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "encoder_bind.h"
#include "error.h"
#include "size.h"

#define PIECE ((size_t)64) /* columns written row by row, and rows column by column */
_Static_assert(PIECE == BP_WRITE_ROWS, "rows that are written together are a piece of a column");

/* -------------------------------------------------------------------------------------------------------------- values */

static bp_status refuse_number(const bp_bound *a, const bp_column *column, uint64_t row, double value, bp_error *error)
{
    if (!isnan(value))
        return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": %g is too large", column->name, value);
    return bp_dataset_fail(a->dataset, row, error,
                           column == a->weight ? "column \"%.200s\": a weight is missing" : BP_TARGET_MISSING, column->name);
}

static bp_status convert(const bp_bound *a, const bp_column *column, uint64_t row, double mean, double scale, float *result,
                         bp_error *error)
{
    double value = bp_column_number(column, row);

    *result = (float)((value - mean) / scale);
    return isfinite(*result) ? BP_OK : refuse_number(a, column, row, value, error);
}

/* x begins with the row `begin`. */
static bp_status convert_numbers(const bp_bound *a, size_t index, uint64_t begin, uint64_t end, float *x, bp_strange *strange,
                                 bp_error *error)
{
    const bp_feature *feature = &a->encoder->features[index];
    const bp_column *column = a->features[index].column;
    size_t width = a->encoder->inputs;

    for (uint64_t row = begin; row < end; row++) {
        float *at = &x[(row - begin) * width + feature->first];
        double value = bp_column_number(column, row);
        bool missing = isnan(value);
        value = missing ? feature->fill : value;
        *at = (float)((value - feature->mean) / feature->scale);
        if (!isfinite(*at))
            return refuse_number(a, column, row, value, error);
        if (feature->has_missing)
            at[1] = missing;
        else
            strange->missing += missing;
    }
    return BP_OK;
}

static void set_categories(const bp_bound *a, size_t index, uint64_t begin, uint64_t end, float *x, bp_strange *strange)
{
    size_t width = a->encoder->inputs;

    for (uint64_t row = begin; row < end; row++) {
        int32_t place = bp_bound_category(a, index, row, strange);
        if (place >= 0)
            x[(row - begin) * width + a->encoder->features[index].first + (size_t)place] = 1;
    }
}

/* What 64 features, of which `count` are there, subtract and divide by. */
typedef struct bp_piece {
    size_t count;
    double mean[PIECE];
    double scale[PIECE];
} bp_piece;

static void set_piece(const bp_encoder *encoder, size_t first, bp_piece *p)
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
static bool rescale(const bp_piece *p, const double *values, float *x)
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

/* A column whose elements follow each other, of rows that have all their numbers: false where it is no such one, and what is in x
 * then is not to be used. 1.5 ns a number, where one by one they cost 6. */
static bool convert_quickly(const bp_bound *a, size_t index, uint64_t begin, size_t count, float *x)
{
    const bp_feature *feature = &a->encoder->features[index];
    const bp_column *column = a->features[index].column;
    size_t size = bp_type_size(column->type), width = a->encoder->inputs;
    double values[PIECE];
    float scaled[PIECE];
    int bad = 0;

    if (!column->data || column->stride != size || feature->has_missing)
        return false;
    const char *from = (const char *)column->data + begin * size;
    read_piece(column->type, from, count, values);
    for (size_t ahead = 0; ahead < PIECE * size; ahead += 64) /* of the next rows: the other columns come in between */
        __builtin_prefetch(from + PIECE * size + ahead);
    for (size_t i = 0; i < PIECE; i++) {
        scaled[i] = (float)((values[i] - feature->mean) / feature->scale);
        bad |= !(fabsf(scaled[i]) <= FLT_MAX);
    }
    for (size_t i = 0; i < count; i++)
        x[i * width + feature->first] = scaled[i];
    return !bad;
}

static bp_status write_columns(const bp_bound *a, uint64_t begin, uint64_t end, float *x, bp_strange *strange, bp_error *error)
{
    memset(x, 0, (size_t)(end - begin) * a->encoder->inputs * sizeof *x);
    for (size_t i = 0; i < a->encoder->feature_count; i++)
        if (a->encoder->features[i].categories)
            set_categories(a, i, begin, end, x, strange);
        else if (!convert_quickly(a, i, begin, (size_t)(end - begin), x))
            BP_TRY(convert_numbers(a, i, begin, end, x, strange, error));
    return BP_OK;
}

static bp_status write_row(const bp_bound *a, uint64_t row, float *x, bp_strange *strange, bp_error *error)
{
    const bp_column *first = a->features[0].column;
    const char *from = (const char *)first->data + row * first->stride;
    size_t size = bp_type_size(first->type), width = a->encoder->inputs;
    double values[PIECE];
    bool good = true;

    for (size_t i = 0; i < width; i += PIECE) {
        const bp_piece *p = &a->pieces[i / PIECE];
        read_piece(first->type, from + i * size, p->count, values);
        good &= rescale(p, values, x + i);
    }
    for (size_t i = 0; !good && i < width; i++) /* fills, or tells what is wrong */
        BP_TRY(convert_numbers(a, i, row, row + 1, x, strange, error));
    return BP_OK;
}

bp_status bp_bound_prepare(bp_bound *a, bp_error *error)
{
    size_t count = (a->encoder->inputs + PIECE - 1) / PIECE;

    if (!a->matrix || a->borrow)
        return BP_OK;
    a->pieces = bp_pool_take_array(&a->pool, count, sizeof *a->pieces, error);
    if (!a->pieces)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        set_piece(a->encoder, i * PIECE, &a->pieces[i]);
    return BP_OK;
}

static bp_status write_inputs(const bp_bound *a, uint64_t begin, uint64_t end, float *x, bp_strange *strange, bp_error *error)
{
    if (!a->matrix)
        return write_columns(a, begin, end, x, strange, error);
    for (uint64_t row = begin; row < end; row++)
        BP_TRY(write_row(a, row, x + (row - begin) * a->encoder->inputs, strange, error));
    return BP_OK;
}

/* ---------------------------------------------------------------------------------------------------- targets and weights */

static bp_status write_classes(const bp_bound *a, uint64_t begin, uint64_t end, int32_t *classes, bp_error *error)
{
    const bp_column *column = a->targets[0].column;
    char number[32];

    for (uint64_t row = begin; row < end; row++) {
        classes[row] = bp_bound_class(a, row);
        if (classes[row] >= 0)
            continue;
        const char *text = bp_column_text(column, row, number);
        return bp_dataset_fail(a->dataset, row, error,
                               *text ? "column \"%.200s\": \"%.100s\" is no class that the model knows" : BP_TARGET_MISSING,
                               column->name, text);
    }
    return BP_OK;
}

static bp_status write_targets(const bp_bound *a, uint64_t begin, uint64_t end, float *y, bp_error *error)
{
    size_t width = a->encoder->target_count;

    for (size_t i = 0; i < width; i++) {
        const bp_target *target = &a->encoder->targets[i];
        for (uint64_t row = begin; row < end; row++)
            BP_TRY(convert(a, a->targets[i].column, row, target->mean, target->scale, &y[row * width + i], error));
    }
    return BP_OK;
}

/* An example's own weight times its class's, rounded once. */
static bp_status write_weights(const bp_bound *a, const bp_destination *to, uint64_t begin, uint64_t end, bp_error *error)
{
    const double *of_class = a->encoder->class_weights;

    for (uint64_t row = begin; row < end; row++) {
        double value = a->weight ? bp_column_number(a->weight, row) : 1, weight = a->weight ? value / a->encoder->weight_mean : 1;
        to->weight[row] = (float)(of_class ? weight * of_class[to->classes[row]] : weight);
        if (!isfinite(to->weight[row]))
            return refuse_number(a, a->weight, row, value, error);
        if (to->weight[row] < 0)
            return bp_dataset_fail(a->dataset, row, error, "column \"%.200s\": a weight is negative", a->weight->name);
    }
    return BP_OK;
}

static bp_status write_block(const bp_bound *a, const bp_destination *to, uint64_t begin, uint64_t end, bp_strange *strange,
                             bp_error *error)
{
    if (to->x)
        BP_TRY(write_inputs(a, begin, end, to->x + (begin - to->from) * a->encoder->inputs, strange, error));
    if (to->spread) {
        BP_TRY(write_inputs(a, begin, end, to->spread, strange, error));
        bp_bound_compress(a, to, begin, end);
    }
    if (to->classes)
        BP_TRY(write_classes(a, begin, end, to->classes, error));
    if (to->weight)
        BP_TRY(write_weights(a, to, begin, end, error));
    return to->y ? write_targets(a, begin, end, to->y, error) : BP_OK;
}

bp_status bp_bound_write(const bp_bound *a, const bp_destination *to, uint64_t begin, uint64_t end, bp_strange *strange,
                         bp_error *error)
{
    for (uint64_t next; begin < end; begin = next) {
        next = begin + bp_size_min(end - begin, BP_WRITE_ROWS);
        BP_TRY(write_block(a, to, begin, next, strange, error));
    }
    return BP_OK;
}
