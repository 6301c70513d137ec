/* The kernels of mixed precision, and the contract of each: f32 operands are rounded to bf16, or split into sums of two or three
 * bf16 terms, and blocks of 32 x 32 of them are multiplied. As in kernels.h: arithmetic only, the same bits from every table,
 * callers have flushing of subnormals on.
 *
 * Terms. t0 = bf16(x), t1 = bf16(x - t0), t2 = bf16((x - t0) - t1), each rounded to nearest, ties to even; the differences are
 * exact, or subnormal and flushed. A subnormal x counts as 0 of its sign. An infinity, and what rounds beyond bf16's range, is an
 * infinity as the only term; in splits of several its sums are NaN, since infinity minus infinity is among them.
 *
 * A block is [terms][32][32] bf16, 64-byte aligned, in one of two orders:
 *
 *      left     [32 rows of c][32 of the reduction]
 *      right    [2 halves of the columns of c][16 pairs of the reduction][16 columns][2]
 *
 * so that each is two tiles of AMX one behind the other.
 * What lies outside of a matrix is +0 in both operands: the padding is part of the chain.
 *
 * Sums. One step takes 32 of the reduction index, p = 0 ... 31, of one term of each operand, as the TDPBF16PS instruction does:
 *
 *      even = chain of fused multiply-adds from +0 over p = 0, 2, ... 30        odd = the same over p = 1, 3, ... 31
 *      c = c + (even + odd)
 *
 * everything rounded to nearest even in f32, operands and results flushed. Steps follow in ascending order of the reduction index;
 * of each 32 of it, with several terms, in the order of terms (left, right)
 *
 *      2 terms    (1,0) (0,1) (0,0)                        3 terms    (2,0) (1,0) (1,1) (0,1) (0,2) (0,0)
 *
 * so that small products come first. The bits of a NaN are outside of the contract.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BLOCKS_H
#define BP_BLOCKS_H

#include "kernels.h"

#define BP_TERMS_MAX 3
#define BP_BLOCK_TERM (32 * 32) /* elements of one term */

/* How a block of a matrix is packed: as which operand, and whether turned. Element (r, j) of the matrix: */
typedef enum bp_packing {
    BP_PACK_LEFT,                     /* row r of c, reduction index j: a in a W, dL/dz in dL/dz W^T */
    BP_PACK_RIGHT,                    /* reduction index r, column j of c: W in a W, dL/dz in a^T dL/dz */
    BP_PACK_RIGHT_TURNED,             /* reduction index j, column r of c: W in dL/dz W^T */
    BP_PACKINGS,                      /* of floats */
    BP_PACK_LEFT_TURNED = BP_PACKINGS /* row j of c, reduction index r: a in a^T dL/dz; of terms alone */
} bp_packing;

typedef struct bp_block_kernels {
    const char *name;

    /* A thread's state around products: every thread that calls `product` is between the two. */
    void (*enter)(void);
    void (*leave)(void);

    /* One block from `from` [rows][32], of which `columns` count; rows and columns from 1 to 32. `to` is 64-byte aligned. By
     * bp_packing. */
    void (*pack[BP_PACKINGS])(unsigned terms, size_t rows, size_t columns, const float *from, uint16_t *to);

    /* A block that is packed left, packed left turned, or right: its terms are ordered anew, and not split twice. */
    void (*turn)(unsigned terms, const uint16_t *left, uint16_t *to);
    void (*pair)(unsigned terms, const uint16_t *left, uint16_t *to);

    /* c [rows][32], rows from 1 to 32, = sum over `count` blocks, one at least, of left[i] right[i], both contiguous. `chain` says
     * whether it starts at +0 or goes on from c, and whether + (+0), bias and `end` follow, as in product_rows (`end` may be NULL).
     * ReLU's slope is told from end->signs, the first term of a's block as a left one: a <= 0 where that is, since rounding keeps
     * the sign, and what rounds to 0 is subnormal, so 0 already. `ahead`: streams as in product_columns; all their lines are asked
     * for, evenly over the blocks. */
    void (*product)(size_t rows, unsigned terms, size_t count, const uint16_t *left, const uint16_t *right, bp_chain chain,
                    const bp_end *end, const bp_stream *ahead, float *c);

    /* Products in registers alone, on random operands, for the machine's peak: returns floating-point operations done; *sink takes
     * a value that depends on all of them. The caller is between enter and leave. */
    double (*peak)(size_t rounds, float *sink);
} bp_block_kernels;

/* Products of terms that a step takes: 1, 3, 6. */
static inline unsigned bp_term_products(unsigned terms)
{
    return terms * (terms + 1) / 2;
}

extern const bp_block_kernels bp_blocks_scalar;
#if defined(__x86_64__)
extern const bp_block_kernels bp_blocks_avx2;
extern const bp_block_kernels bp_blocks_avx512;
extern const bp_block_kernels bp_blocks_amx;
#elif defined(__aarch64__)
extern const bp_block_kernels bp_blocks_neon;
#endif

#endif
