/* Random numbers of core/random.h, one in each lane: Philox-4x32-10, whose words lie in the low halves of 64-bit lanes. What
 * stands in their high halves reaches no result.
 *
 * SPDX-License-Identifier: Apache-2.0 */

typedef struct philox {
    vu word[4];
} philox;

INLINED vu u_set(uint64_t a) { return (vu){0} + a; }

INLINED philox philox_round(philox x, uint32_t key0, uint32_t key1)
{
    vu first = v_mul_low(x.word[0], u_set(PHILOX_M4x32_0)), second = v_mul_low(x.word[2], u_set(PHILOX_M4x32_1));
    return (philox){{(second >> 32) ^ x.word[1] ^ key0, second, (first >> 32) ^ x.word[3] ^ key1, first}};
}

INLINED philox philox_of(vu element, uint32_t index, uint32_t use, uint64_t seed)
{
    philox x = {{element, element >> 32, u_set(index), u_set(use)}};
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);

    UNROLLED
    for (int round = 0; round < 10; round++, key0 += PHILOX_W32_0, key1 += PHILOX_W32_1)
        x = philox_round(x, key0, key1);
    return x;
}

/* The first two words, as bp_random_below takes them. */
INLINED vu two_words(philox x) { return x.word[1] << 32 | (x.word[0] & 0xffffffffu); }

static void random_bits(uint64_t seed, uint32_t use, uint32_t index, uint64_t first, size_t count, uint64_t *to)
{
    uint64_t rest[DL];
    vu element;

    for (size_t j = 0; j < DL; j++)
        element[j] = first + j;
    for (size_t i = 0; i < count; i += DL, element += DL) {
        vu bits = two_words(philox_of(element, index, use, seed));
        if (count - i >= DL) {
            memcpy(to + i, &bits, sizeof bits);
        } else {
            memcpy(rest, &bits, sizeof bits);
            memcpy(to + i, rest, (count - i) * sizeof *to);
        }
    }
}

#define DRAWS 8 /* of four words each, for a row of 32 columns */

static void draw_kept(uint64_t seed, uint32_t use, uint32_t index, uint64_t first, uint64_t stride, size_t rows, uint32_t threshold,
                      uint32_t *kept)
{
    uint64_t word[4][DRAWS];
    vu lane;

    for (size_t j = 0; j < DL; j++)
        lane[j] = j;
    for (size_t r = 0; r < rows; r++) {
        uint32_t bits = 0;
        UNROLLED
        for (size_t q = 0; q < DRAWS; q += DL) {
            philox x = philox_of(lane + (first + r * stride + q), index, use, seed);
            for (size_t w = 0; w < 4; w++)
                memcpy(&word[w][q], &x.word[w], sizeof x.word[w]);
        }
        for (size_t j = 0; j < 4 * DRAWS; j++)
            bits |= (uint32_t)((uint32_t)word[j % 4][j / 4] >= threshold) << j;
        kept[r] = bits;
    }
}

static void drop(size_t rows, float scale, const uint32_t *kept, float *a)
{
    float factor[32];

    for (size_t r = 0; r < rows; r++) {
        for (uint32_t j = 0; j < 32; j++)
            factor[j] = kept[r] >> j & 1 ? scale : 0.0f;
        for (size_t j = 0; j < 32; j += VL)
            v_store(a + 32 * r + j, v_mul(v_load(a + 32 * r + j), v_load(factor + j)));
    }
}
