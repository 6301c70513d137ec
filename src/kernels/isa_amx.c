/* Blocks of bf16 with AMX; see CMakeLists.txt for its flags. All other kernels are those of avx512.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include "vec_avx512.h"

#include <stddef.h>
#include <string.h>

#include "backprop.h"
#include "blocks.h"
#include "common.inc.h"

#include "block_parts.inc.h"

#include "amx_pack.inc.h"

/* Tiles 0 to 3 are the sums: rows 0 and 16 of columns 0, then of columns 16. 4 and 5 are of the left, 6 and 7 of the right. */
#define TILE 512 /* bf16 of a tile */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row, by tile */
    uint8_t rows[16];
} tile_config;

static void enter(void)
{
    static const tile_config config __attribute__((aligned(64))) = {.palette = 1,
                                                                    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                                                    .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static void leave(void)
{
    _tile_release();
}

/* gcc 12's tile loads do not say that they read memory. */
#define MEMORY_IS_WRITTEN() __asm__ volatile("" : : : "memory")

INLINED void load_sums(const float *c)
{
    MEMORY_IS_WRITTEN();
    _tile_loadd(0, c, 128);
    _tile_loadd(1, c + 16 * 32, 128);
    _tile_loadd(2, c + 16, 128);
    _tile_loadd(3, c + 16 * 32 + 16, 128);
}

INLINED void store_sums(float *c)
{
    _tile_stored(0, c, 128);
    _tile_stored(1, c + 16 * 32, 128);
    _tile_stored(2, c + 16, 128);
    _tile_stored(3, c + 16 * 32 + 16, 128);
    MEMORY_IS_WRITTEN();
}

INLINED void zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* The operands of the first step. */
INLINED void load_first(unsigned terms, const uint16_t *left, const uint16_t *right)
{
    const unsigned char *pair = term_pairs[terms - 1][0];
    const uint16_t *a = left + pair[0] * BP_BLOCK_TERM, *b = right + pair[1] * BP_BLOCK_TERM;

    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + TILE, 64);
    _tile_loadd(7, b + TILE, 64);
}

/* 32 of the reduction. A tile of the next operands is loaded as soon as its place has been used for the last time (16 blocks, the
 * right ones in L2: 1 term 1,490 -> 1,540 GF/s, 2 terms 670 -> 740). An operand whose term stays is not loaded again: 14 loads for
 * 24 products of three terms. */
INLINED void tiles_step(unsigned terms, const uint16_t *left, const uint16_t *right, const uint16_t *next_left,
                        const uint16_t *next_right)
{
    unsigned products = bp_term_products(terms);

    UNROLLED
    for (unsigned p = 0; p < products; p++) {
        bool last = p + 1 == products;
        const unsigned char *pair = term_pairs[terms - 1][p], *next = term_pairs[terms - 1][last ? 0 : p + 1];
        bool new_left = last || next[0] != pair[0], new_right = last || next[1] != pair[1];
        const uint16_t *a = (last ? next_left : left) + next[0] * BP_BLOCK_TERM;
        const uint16_t *b = (last ? next_right : right) + next[1] * BP_BLOCK_TERM;

        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        if (new_right)
            _tile_loadd(6, b, 64);
        _tile_dpbf16ps(2, 4, 7);
        if (new_left)
            _tile_loadd(4, a, 64);
        _tile_dpbf16ps(3, 5, 7);
        if (new_left)
            _tile_loadd(5, a + TILE, 64);
        if (new_right)
            _tile_loadd(7, b + TILE, 64);
    }
}

/* After some 700 ns of nothing but AMX the next tile stores stalled some 300 ns; an addition of vectors in each step prevents it
 * (25 blocks: 1,260 -> 1,550 GF/s; a permutation does not). */
INLINED void keep_vectors_awake(void)
{
    __m512 any = _mm512_setzero_ps();
    __asm__ volatile("vaddps %0, %0, %0" : "+v"(any));
}

INLINED void tiles_chain(unsigned terms, size_t count, const uint16_t *left, const uint16_t *right, const bp_stream *ahead)
{
    request soon = request_start(ahead, count);
    size_t block = terms * BP_BLOCK_TERM;

    load_first(terms, left, right);
    for (size_t i = 0; i < count; i++) {
        size_t next = i + 1 < count ? i + 1 : i; /* behind the last block: itself again, for nothing */
        request_share(&soon);
        tiles_step(terms, left + i * block, right + i * block, left + next * block, right + next * block);
        keep_vectors_awake();
    }
}

/* A product of zeros is even + odd = +0: it ends the chains where nothing else follows. */
INLINED void add_zero(void)
{
    _tile_zero(4);
    _tile_zero(6);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 6);
    _tile_dpbf16ps(3, 4, 6);
}

static void block_product(size_t rows, unsigned terms, size_t count, const uint16_t *left, const uint16_t *right, bp_chain chain,
                          const bp_end *end, const bp_stream *ahead, float *c)
{
    float whole[BP_BLOCK_TERM] __attribute__((aligned(64)));
    float *sums = rows == 32 ? c : whole; /* a tile is stored as a whole */
    bool more = end && (end->bias || end->activate || end->slope);

    if (chain & BP_CHAIN_FIRST) {
        zero_sums();
    } else {
        if (sums != c)
            memcpy(sums, c, 32 * rows * sizeof *c);
        load_sums(sums);
    }
    if (terms == 1)
        tiles_chain(1, count, left, right, ahead);
    else if (terms == 2)
        tiles_chain(2, count, left, right, ahead);
    else
        tiles_chain(3, count, left, right, ahead);
    if ((chain & BP_CHAIN_LAST) && !more)
        add_zero();
    store_sums(sums);
    if (sums != c)
        memcpy(c, sums, 32 * rows * sizeof *c);
    if ((chain & BP_CHAIN_LAST) && more)
        block_end(rows, end, bp_kernels_avx512.activate[BP_RELU], bp_kernels_avx512.slope[BP_RELU], c);
}

static double peak(size_t rounds, float *sink)
{
    float x[BP_BLOCK_TERM], total = 0.0f;
    uint16_t block[BP_BLOCK_TERM] __attribute__((aligned(64)));
    uint32_t state = 1;

    for (size_t i = 0; i < BP_BLOCK_TERM; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    pack_left(1, 32, 32, x, block);
    zero_sums();
    MEMORY_IS_WRITTEN();
    _tile_loadd(4, block, 64);
    _tile_loadd(5, block + TILE, 64);
    _tile_loadd(6, block, 64);
    _tile_loadd(7, block + TILE, 64);
    for (size_t i = 0; i < rounds; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    store_sums(x);
    for (size_t i = 0; i < BP_BLOCK_TERM; i++)
        total += x[i];
    *sink = total;
    return 2.0 * 32 * 32 * 32 * (double)rounds;
}

const bp_block_kernels bp_blocks_amx = {
    .name = "amx",
    .enter = enter,
    .leave = leave,
    .pack = {pack_left, pack_right, pack_right_turned},
    .turn = turn_terms,
    .pair = pair_terms,
    .product = block_product,
    .peak = peak,
};
#endif
