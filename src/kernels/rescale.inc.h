/* Columns of numbers become rows: what an encoder does with them.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Where remainders are exact and nothing overflows but what no float holds. */
#define SCALE_LEAST 0x1p-500
#define SCALE_MOST 0x1p500

typedef struct rescaling {
    double mean[BP_RESCALED], scale[BP_RESCALED], reciprocal[BP_RESCALED];
    bool good; /* all scales are usual */
} rescaling;

/* The correctly rounded d / scale: a product's error is below 2 units in the last place, one correction makes it less than one, and
 * the next is P. Markstein's theorem (see shape.inc.h). With these signs a zero keeps its own. A division takes four times as long. */
INLINED vd d_quotient(vd d, vd scale, vd reciprocal)
{
    vd q = d * reciprocal;

    q = v_fma_wide(-v_fma_wide(q, scale, -d), reciprocal, q);
    return v_fma_wide(-v_fma_wide(q, scale, -d), reciprocal, q);
}

INLINED vf rescale_halves(const vd x[HALVES], const rescaling *s, size_t column)
{
    vd halves[HALVES];

    UNROLLED
    for (size_t h = 0; h < HALVES; h++)
        halves[h] = d_quotient(x[h] - d_set(s->mean[column]), d_set(s->scale[column]), d_set(s->reciprocal[column]));
    return v_narrow(halves);
}

/* The sign bit is set where a number is not finite. */
INLINED vi vi_not_finite(vf x)
{
    return vi_add(v_bits(v_abs(x)), vi_set(0x00800000));
}

static bool has_sign(vi bits)
{
    uint32_t own[VL], all = 0;

    vi_store(own, bits);
    for (size_t i = 0; i < VL; i++)
        all |= own[i];
    return all >> 31;
}

static void set_rescaling(size_t columns, const double *mean, const double *scale, rescaling *s)
{
    s->good = true;
    for (size_t c = 0; c < columns; c++) {
        s->mean[c] = mean[c];
        s->scale[c] = scale[c];
        s->reciprocal[c] = 1.0 / scale[c];
        s->good &= scale[c] >= SCALE_LEAST && scale[c] <= SCALE_MOST;
    }
}

INLINED void store_part(float *to, vf x, size_t count)
{
    float part[VL];

    if (count == VL) {
        v_store(to, x);
        return;
    }
    v_store(part, x);
    memcpy(to, part, count * sizeof *to);
}

/* VL rows of up to VL columns at once; then the rows that are left, or all of them where scales are not usual, one by one. */
#define RESCALE(name, type, load)                                                                                              \
    INLINED bool name##_block(const type *const *from, size_t row, size_t column, size_t width, const rescaling *s,            \
                              float *const *rows)                                                                              \
    {                                                                                                                          \
        vf block[VL] = {v_set(0.0f)};                                                                                          \
        vi bad = vi_set(0);                                                                                                    \
                                                                                                                               \
        for (size_t c = 0; c < width; c++) {                                                                                   \
            vd x[HALVES];                                                                                                      \
            for (size_t h = 0; h < HALVES; h++)                                                                                \
                x[h] = load(from[column + c] + row + h * DL);                                                                  \
            block[c] = rescale_halves(x, s, column + c);                                                                       \
            bad = vi_or(bad, vi_not_finite(block[c]));                                                                         \
        }                                                                                                                      \
        v_transpose(block);                                                                                                    \
        for (size_t r = 0; r < VL; r++)                                                                                        \
            store_part(rows[row + r] + column, block[r], width);                                                               \
        return !has_sign(bad);                                                                                                 \
    }                                                                                                                          \
                                                                                                                               \
    static bool name##_one(const type *from, size_t row, size_t end, size_t column, const rescaling *s, float *const *rows)    \
    {                                                                                                                          \
        bool good = true;                                                                                                      \
                                                                                                                               \
        for (; row < end; row++) {                                                                                             \
            float x = (float)(((double)from[row] - s->mean[column]) / s->scale[column]);                                       \
            rows[row][column] = x;                                                                                             \
            good &= __builtin_fabsf(x) <= FLT_MAX;                                                                             \
        }                                                                                                                      \
        return good;                                                                                                           \
    }                                                                                                                          \
                                                                                                                               \
    static bool name(size_t count, size_t columns, const type *const *from, const double *mean, const double *scale,           \
                     float *const *rows)                                                                                       \
    {                                                                                                                          \
        rescaling s;                                                                                                           \
        bool good = true;                                                                                                      \
                                                                                                                               \
        set_rescaling(columns, mean, scale, &s);                                                                               \
        size_t whole_rows = s.good ? count - count % VL : 0, whole_columns = columns - columns % VL;                           \
        for (size_t row = 0; row < whole_rows; row += VL) {                                                                    \
            for (size_t column = 0; column < whole_columns; column += VL)                                                      \
                good &= name##_block(from, row, column, VL, &s, rows);                                                         \
            if (whole_columns < columns)                                                                                       \
                good &= name##_block(from, row, whole_columns, columns - whole_columns, &s, rows);                             \
        }                                                                                                                      \
        for (size_t column = 0; column < columns; column++)                                                                    \
            good &= name##_one(from[column], whole_rows, count, column, &s, rows);                                             \
        return good;                                                                                                           \
    }

RESCALE(rescale_f32, float, v_load_wide)
RESCALE(rescale_f64, double, d_load)
