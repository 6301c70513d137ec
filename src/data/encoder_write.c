/* Rows of a bound data set -> a network's numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu.h"
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

static bp_status convert_numbers(const bp_bound *a, size_t index, uint64_t begin, uint64_t end, float *const *rows,
                                 bp_strange *strange, bp_error *error)
{
    const bp_feature *feature = &a->encoder->features[index];
    const bp_column *column = a->features[index].column;

    for (uint64_t row = begin; row < end; row++) {
        float *at = &rows[row - begin][feature->first];
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

static void set_categories(const bp_bound *a, size_t index, uint64_t begin, uint64_t end, float *const *rows, bp_strange *strange)
{
    const bp_feature *feature = &a->encoder->features[index];

    for (uint64_t row = begin; row < end; row++) {
        int32_t place = bp_bound_category(a, index, row, strange);
        float *at = &rows[row - begin][feature->first];
        memset(at, 0, bp_feature_width(feature) * sizeof *at);
        if (place >= 0)
            at[place] = 1;
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

/* Columns of numbers that follow each other in the file and among the inputs, from elements that do. */
typedef struct bp_stripe {
    size_t count;
    const void *from[BP_RESCALED];
    double mean[BP_RESCALED];
    double scale[BP_RESCALED];
} bp_stripe;

static bool is_plain(const bp_bound *a, size_t index)
{
    const bp_column *column = a->features[index].column;

    return !a->encoder->features[index].categories && !a->encoder->features[index].has_missing && column->data &&
           column->stride == bp_type_size(column->type);
}

/* From feature `first` on; the next rows are asked for, since other columns come in between. */
static void find_stripe(const bp_bound *a, size_t first, uint64_t begin, bp_stripe *s)
{
    size_t end = bp_size_min(first + BP_RESCALED, a->encoder->feature_count);
    bp_type type = a->features[first].column->type;
    size_t size = bp_type_size(type);

    s->count = 0;
    for (size_t i = first; i < end && is_plain(a, i) && a->features[i].column->type == type; i++, s->count++) {
        const char *from = (const char *)a->features[i].column->data + begin * size;
        s->from[s->count] = from;
        s->mean[s->count] = a->encoder->features[i].mean;
        s->scale[s->count] = a->encoder->features[i].scale;
        for (size_t ahead = 0; ahead < PIECE * size; ahead += 64)
            __builtin_prefetch(from + PIECE * size + ahead);
    }
}

static bool rescale_integers(const bp_bound *a, bp_type type, bp_stripe *s, size_t count, float *const *rows)
{
    double values[BP_RESCALED][PIECE];
    const double *from[BP_RESCALED];

    for (size_t i = 0; i < s->count; i++) {
        read_piece(type, s->from[i], count, values[i]);
        from[i] = values[i];
    }
    return a->kernels->rescale_f64(count, s->count, from, s->mean, s->scale, rows);
}

/* False where a number is missing or too large: what has been written then is not to be used. */
static bool convert_quickly(const bp_bound *a, size_t first, bp_stripe *s, size_t count, float *const *rows)
{
    bp_type type = a->features[first].column->type;
    const float *floats[BP_RESCALED];
    const double *doubles[BP_RESCALED];
    float *to[PIECE];

    for (size_t r = 0; r < count; r++)
        to[r] = rows[r] + a->encoder->features[first].first;
    if (type != BP_TYPE_F32 && type != BP_TYPE_F64)
        return rescale_integers(a, type, s, count, to);
    for (size_t i = 0; i < s->count; i++) {
        floats[i] = s->from[i];
        doubles[i] = s->from[i];
    }
    return type == BP_TYPE_F32 ? a->kernels->rescale_f32(count, s->count, floats, s->mean, s->scale, to)
                               : a->kernels->rescale_f64(count, s->count, doubles, s->mean, s->scale, to);
}

/* The features from `first` on that go together, one at least: their number is added to it. */
static bp_status write_columns(const bp_bound *a, size_t *first, uint64_t begin, uint64_t end, float *const *rows,
                               bp_strange *strange, bp_error *error)
{
    bp_stripe stripe;
    size_t i = *first;

    find_stripe(a, i, begin, &stripe);
    *first += stripe.count ? stripe.count : 1;
    if (stripe.count && convert_quickly(a, i, &stripe, (size_t)(end - begin), rows))
        return BP_OK;
    for (; i < *first; i++)
        if (a->encoder->features[i].categories)
            set_categories(a, i, begin, end, rows, strange);
        else
            BP_TRY(convert_numbers(a, i, begin, end, rows, strange, error));
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
        BP_TRY(convert_numbers(a, i, row, row + 1, &x, strange, error));
    return BP_OK;
}

bp_status bp_bound_prepare(bp_bound *a, bp_error *error)
{
    size_t count = (a->encoder->inputs + PIECE - 1) / PIECE;

    BP_TRY(bp_cpu_kernels(BP_ISA_AUTO, &a->kernels, error));
    if (!a->matrix || a->borrow)
        return BP_OK;
    a->pieces = bp_pool_take_array(&a->pool, count, sizeof *a->pieces, error);
    if (!a->pieces)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        set_piece(a->encoder, i * PIECE, &a->pieces[i]);
    return BP_OK;
}

bp_status bp_bound_write_rows(const bp_bound *a, uint64_t begin, uint64_t end, float *const *rows, bp_strange *strange,
                              bp_error *error)
{
    for (size_t i = 0; !a->matrix && i < a->encoder->feature_count;)
        BP_TRY(write_columns(a, &i, begin, end, rows, strange, error));
    for (uint64_t row = begin; a->matrix && row < end; row++)
        BP_TRY(write_row(a, row, rows[row - begin], strange, error));
    return BP_OK;
}

static bp_status write_inputs(const bp_bound *a, uint64_t begin, uint64_t end, float *x, bp_strange *strange, bp_error *error)
{
    float *rows[BP_WRITE_ROWS];

    for (uint64_t row = begin; row < end; row++)
        rows[row - begin] = x + (row - begin) * a->encoder->inputs;
    return bp_bound_write_rows(a, begin, end, rows, strange, error);
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
