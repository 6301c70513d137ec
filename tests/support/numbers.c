/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"

#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014) of both */
static uint64_t mix(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed * 0xd1342543de82ef95u) + (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double scattered(uint64_t seed, uint64_t index)
{
    return (double)(mix(seed, index) >> 41) * 0x1p-22 - 1; /* 23 bits */
}

void scatter_f64(double *numbers, size_t count, uint64_t seed, double scale)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = scale * scattered(seed, i);
}

void scatter_f32(float *numbers, size_t count, uint64_t seed, double scale)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)(scale * scattered(seed, i));
}

void scatter_targets(float *y, size_t m, size_t n, bp_loss loss, uint64_t seed)
{
    scatter_f32(y, m * n, seed, 1);
    if (loss == BP_BINARY_CROSS_ENTROPY)
        for (size_t i = 0; i < m * n; i++)
            y[i] = y[i] > 0 ? 1 : 0;
    if (loss == BP_POISSON)
        for (size_t i = 0; i < m * n; i++)
            y[i] = (float)(int)(2 * y[i] + 2);
    if (loss == BP_CROSS_ENTROPY) {
        memset(y, 0, m * n * sizeof *y);
        for (size_t row = 0; row < m; row++)
            y[row * n + mix(seed, row) % n] = 1;
    }
}
