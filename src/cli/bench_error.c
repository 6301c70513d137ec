/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_error.h"

#include <math.h>
#include <stdlib.h>

#include "team.h"

#define LENGTH BP_ERROR_LENGTH
#define PANELS (LENGTH / BP_PANEL)

typedef struct subject {
    const bp_arithmetic *arithmetic;
    _Alignas(64) float a[PANELS][BP_PANEL][BP_PANEL]; /* [32, LENGTH], in panels */
    float b[LENGTH][BP_PANEL];                        /* [LENGTH, 32] */
    float c[BP_PANEL][BP_PANEL];
    uint16_t left[PANELS][BP_TERMS_MAX * BP_BLOCK_TERM], right[PANELS][BP_TERMS_MAX * BP_BLOCK_TERM];
} subject;

/* Sums of twelve uniform numbers: normal enough, without a logarithm. */
static float draw(uint64_t *state)
{
    float sum = -6;

    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (float)(*state >> 40) * 0x1p-24f;
    }
    return sum;
}

static void fill(float *values, size_t count, uint64_t state)
{
    for (size_t i = 0; i < count; i++)
        values[i] = draw(&state);
}

static void multiply_blocks(subject *s)
{
    const bp_arithmetic *a = s->arithmetic;
    size_t elements = bp_block_elements(a);

    for (size_t p = 0; p < PANELS; p++) {
        a->blocks->pack[BP_PACK_LEFT](a->terms, BP_PANEL, BP_PANEL, s->a[p][0], s->left[0] + p * elements);
        a->blocks->pack[BP_PACK_RIGHT](a->terms, BP_PANEL, BP_PANEL, s->b[p * BP_PANEL], s->right[0] + p * elements);
    }
    a->blocks->enter();
    a->blocks->product(BP_PANEL, a->terms, PANELS, s->left[0], s->right[0], BP_CHAIN_WHOLE, NULL, NULL, s->c[0]);
    a->blocks->leave();
}

/* On a team of one, for its floating-point state. */
static void multiply(void *context, bp_member member)
{
    subject *s = context;
    (void)member;

    fill(s->a[0][0], sizeof s->a / sizeof(float), 1);
    fill(s->b[0], sizeof s->b / sizeof(float), 2);
    if (s->arithmetic->terms)
        multiply_blocks(s);
    else
        s->arithmetic->kernels->product_rows(BP_PANEL, LENGTH, s->a[0][0], BP_PANEL * BP_PANEL, s->b[0], BP_PANEL, BP_CHAIN_WHOLE,
                                             NULL, NULL, s->c[0]);
}

static double error_at(const subject *s, size_t i, size_t j)
{
    double sum = 0, magnitude = 0;

    for (size_t p = 0; p < LENGTH; p++) {
        double term = (double)s->a[p / BP_PANEL][i][p % BP_PANEL] * (double)s->b[p][j];
        sum += term;
        magnitude += fabs(term);
    }
    return fabs((double)s->c[i][j] - sum) / magnitude;
}

double bp_product_error(const bp_arithmetic *arithmetic)
{
    subject *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    double largest = 0;

    if (!s)
        return NAN;
    s->arithmetic = arithmetic;
    bp_team_run(1, multiply, s);
    for (size_t i = 0; i < BP_PANEL; i++)
        for (size_t j = 0; j < BP_PANEL; j++)
            largest = fmax(largest, error_at(s, i, j));
    free(s);
    return largest;
}
