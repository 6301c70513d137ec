/* Vectors of doubles, in the compilers' own vector types: losses are made of them, a lane for each row.
 *
 * The logarithm is that of core/elementary.c, operation by operation: branches are selections here.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#define DL (sizeof(vd) / sizeof(double)) /* doubles of a vector */
#define HALVES (VL / DL)                 /* vectors that hold a double for each lane of a vf */

typedef int64_t vl __attribute__((vector_size(sizeof(vd))));

INLINED vd d_set(double a) { return a - (vd){0}; } /* less 0: plus 0 would lose the sign of -0 */
INLINED vl l_set(int64_t a) { return a - (vl){0}; }

INLINED vd d_load(const double *p)
{
    vd v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINED void d_store(double *p, vd v) { memcpy(p, &v, sizeof v); }
INLINED vd d_select(vl mask, vd yes, vd no) { return (vd)((mask & (vl)yes) | (~mask & (vl)no)); }

/* c[0] + c[1] x + ... */
INLINED vd d_polynomial(const double *c, size_t count, vd x)
{
    vd sum = d_set(c[count - 1]);
    UNROLLED
    for (size_t i = count - 1; i-- > 0;)
        sum = sum * x + d_set(c[i]);
    return sum;
}

INLINED vd d_log_of_parts(vd f, vd k, vd c)
{
    static const double odd[] = {BP_LOG_ODD};
    vd s = f / (d_set(2.0) + f);
    vd z = s * s;
    vd series = z * d_polynomial(odd, sizeof odd / sizeof *odd, z);
    vd half_square = d_set(0.5) * f * f;
    return k * d_set(BP_LN2_HIGH) - ((half_square - (s * (half_square + series) + (k * d_set(BP_LN2_LOW) + c))) - f);
}

/* x = (1 + f) 2^k for a normal x > 0. The exponent becomes a double by way of the low bits of 2^52. */
INLINED vd d_parts(vd x, vd *k)
{
    vl bits = (vl)x;
    vd m = (vd)((bits & l_set(0xfffffffffffff)) | l_set((int64_t)1023 << 52));
    vl large = m > d_set(BP_ROOT_2);

    *k = (vd)((bits >> 52) | l_set((int64_t)1075 << 52)) - d_set(0x1p52 + 1023);
    *k = *k + d_select(large, d_set(1.0), d_set(0.0));
    return d_select(large, m * d_set(0.5), m) - d_set(1.0);
}

/* bp_log for a normal x > 0; NaN passes. */
INLINED vd d_log(vd x)
{
    vd k, f = d_parts(x, &k);
    return d_select(x == x, d_log_of_parts(f, k, d_set(0.0)), x);
}

/* bp_log1p for x >= 0; NaN passes. Below 2^-54 the formula for small x gives x. */
INLINED vd d_log1p(vd x)
{
    vd k, one = d_set(1.0), u = one + x, f = d_parts(u, &k);
    vl small = x < d_set(BP_LOG1P_HIGH);
    vd lost = d_select(x < one, x - (u - one), one - (u - x)) / u;

    vd y = d_log_of_parts(d_select(small, x, f), d_select(small, d_set(0.0), k), d_select(small, d_set(0.0), lost));
    return d_select(x == x, y, x);
}

/* bp_sum for VL rows at once. */
#define SUM_LEVELS 20 /* of at most 2^24 values */
typedef struct row_sums {
    vd block[HALVES];
    vd level[SUM_LEVELS][HALVES];
    uint64_t count;
} row_sums;

INLINED void sums_start(row_sums *s)
{
    for (size_t h = 0; h < HALVES; h++)
        s->block[h] = d_set(0.0);
    s->count = 0;
}

/* The block is full: it and the complete nodes to its left become one. */
INLINED void sums_carry(row_sums *s)
{
    uint64_t blocks = s->count / BP_SUM_BLOCK - 1;

    for (size_t h = 0; h < HALVES; h++) {
        vd node = s->block[h];
        unsigned level = 0;
        for (; blocks >> level & 1; level++)
            node = s->level[level][h] + node;
        s->level[level][h] = node;
        s->block[h] = d_set(0.0);
    }
}

/* The chains, to go on in registers, and back: with `count` values more, none of them behind the block's end. */
INLINED void sums_open(const row_sums *s, vd sum[HALVES])
{
    UNROLLED
    for (size_t h = 0; h < HALVES; h++)
        sum[h] = s->block[h];
}

INLINED void sums_close(row_sums *s, size_t count, const vd sum[HALVES])
{
    UNROLLED
    for (size_t h = 0; h < HALVES; h++)
        s->block[h] = sum[h];
    s->count += count;
    if (s->count % BP_SUM_BLOCK == 0)
        sums_carry(s);
}

INLINED vd sums_total(const row_sums *s, size_t h)
{
    uint64_t blocks = s->count / BP_SUM_BLOCK;
    vd total = s->block[h];

    for (unsigned level = 0; blocks >> level; level++)
        if (blocks >> level & 1)
            total = s->level[level][h] + total;
    return total;
}
