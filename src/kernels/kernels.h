/* The table of kernels and the contract of each. Arithmetic only: no threads, no memory, no errors.
 *
 * Matrices come in panels of 32 columns: a panel is [rows][32] floats, row r at 32 r, 64-byte aligned (network/layout.h).
 * Columns behind the last one are computed too, and are worth nothing.
 *
 * Every table gives the same bits: a sum is one chain of fused multiply-adds in ascending order of its index, vectors run
 * across independent elements, and where a sum must run along a row it is over 16 lanes whatever the vector's width: lane j
 * takes columns j, j + 16, ..., then lanes fold 8, 4, 2, 1 apart. Callers have flushing of subnormals on.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_KERNELS_H
#define BP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a product stands in its chains: a long reduction index is cut in blocks, and partial sums rest in c between them. */
typedef enum bp_chain {
    BP_CHAIN_MIDDLE = 0,
    BP_CHAIN_FIRST = 1, /* starts at +0 instead of c */
    BP_CHAIN_LAST = 2,  /* ends with + (+0), then + bias where there is one */
    BP_CHAIN_WHOLE = 3
} bp_chain;

/* Of the block [done, done + step) of a chain of `count`. */
static inline bp_chain bp_chain_at(size_t done, size_t step, size_t count)
{
    return (bp_chain)((done == 0 ? BP_CHAIN_FIRST : 0) | (done + step == count ? BP_CHAIN_LAST : 0));
}

#define BP_ACTIVATIONS 9 /* of bp_activation */
#define BP_LOSSES 7      /* of bp_loss, without auto */

/* What is done to sums by rows when their chains have ended, in this order, while they are at hand. */
typedef struct bp_end {
    const float *bias;                                     /* [32] is added, or NULL */
    void (*activate)(size_t count, float *z, float *slopes); /* of the table, or NULL */
    float *slopes;                                         /* [m][32] for it, or NULL */
    void (*slope)(size_t count, const float *a, float *d); /* of the table, or NULL: with `a` [m][32] */
    const float *a;
    const uint16_t *signs; /* blocks of bf16 alone: what ReLU's slope reads in place of a, see blocks.h */
} bp_end;

/* Columns that a narrow product has at most. */
#define BP_NARROW 8

/* Columns that are rescaled together, at most. */
#define BP_RESCALED 16

/* A row of a matrix that is mostly 0: what is not, in ascending order of columns. */
typedef struct bp_sparse_row {
    const uint32_t *column; /* [count] */
    const float *value;     /* [count] */
    size_t count;
} bp_sparse_row;

/* Memory, `lines` x 64 bytes; lines are a multiple of 4. */
typedef struct bp_stream {
    const float *first;
    size_t lines;
} bp_stream;

/* Whole lines of those bytes, as many as a stream can have. */
static inline bp_stream bp_stream_of(const void *first, size_t bytes)
{
    return (bp_stream){first, bytes / 256 * 4};
}

/* The numbers of one update, the same for all elements. g is the sum over examples; g * scale is the gradient. */
typedef struct bp_update {
    float scale;         /* 1 / m */
    float rate;          /* sgd: the rate; adam: rate / (1 - beta1^t) */
    float decay;         /* added to the gradient: decay * w */
    float l1;            /* added to the gradient: l1 * the sign of w, 0 at 0 */
    float keep;          /* adamw: w is first multiplied by 1 - rate * decay; else 1 */
    float momentum;
    float beta1, beta2;  /* rmsprop: alpha is beta2 */
    float rest1, rest2;  /* 1 - beta1, 1 - beta2 */
    float root;          /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
    bool nesterov;
    bool worse;          /* rprop: the cost has grown */
} bp_update;

/* A network of one hidden layer and one output. */
#define BP_TINY_WIDTH 32 /* inputs, and hidden units, at most */
#define BP_TINY_ROWS 64  /* rows that pass at a time */

/* x, a and dL/dz of those rows: half of an L1. They begin a third of a page apart: a load that waits for a store to the same place
 * of another page is slow (8-16-1, 32 rows: a shard 0.28 us, so 0.2). */
#define BP_TINY_BLOCK (BP_TINY_ROWS * 32 + 336)
#define BP_TINY_SCRATCH (3 * BP_TINY_BLOCK)

typedef struct bp_tiny {
    size_t k, n;                            /* inputs, hidden units */
    void (*activate)(size_t count, float *z, float *slopes); /* of the table: which activation it is */
    int loss;                                 /* as in loss[]: any but cross_entropy */
    const float *w1, *b1;                   /* [k][32], [32] */
    const float *w2, *b2;                   /* W^T: [32], and one number */
    float *scratch;                         /* [BP_TINY_SCRATCH] */
    float shape;                            /* of the loss */
} bp_tiny;

/* Rows of examples, in floats: rows[i], or first + i where rows is NULL. */
typedef struct bp_tiny_rows {
    const float *x, *y, *weight; /* weight NULL: all 1 */
    size_t x_stride, y_stride;
    const uint64_t *rows;
    uint64_t first;
} bp_tiny_rows;

/* Parameters of a tiny network, and their moments: as many as the optimizer has, the rest NULL. Parts as in the gradient. */
typedef struct bp_tiny_part {
    float *w, *first, *second;
} bp_tiny_part;
typedef struct bp_tiny_state {
    size_t k, n;
    bool rmsprop; /* else sgd, momentum or adam, by the moments there are */
    bp_tiny_part part[4];
} bp_tiny_state;

typedef struct bp_kernels {
    const char *name;

    /* c [m][32] = chains over p < k of a(i, p) * b[p][.]; a in panels by rows, a(i, p) = a[p / 32 * a_panel + 32 i + p % 32];
     * b [k][32]; only `columns` (1 to 32) of a row are wanted. `end`, or NULL, is what follows where a chain ends. `ahead`
     * [k][32] or NULL: the panel that the caller will give as b next; it is brought to L2 meanwhile. */
    void (*product_rows)(size_t m, size_t k, const float *a, size_t a_panel, const float *b, size_t columns, bp_chain chain,
                         const bp_end *end, const float *ahead, float *c);

    /* The same with few columns, up to BP_NARROW, and b turned, in panels [columns][32]: number (p, j) of it is at
     * b[p / 32 * 32 columns + 32 j + p % 32]. Of c's columns no others are written. */
    void (*product_narrow)(size_t m, size_t k, const float *a, size_t a_panel, const float *b, size_t columns, bp_chain chain,
                           const bp_end *end, float *c);

    /* c [h][32] = chains over p < m of a[32 p + i] * b[32 p + .], h <= 32: a block of a^T b. `ahead`: streams that the caller
     * will read soon, up to one without lines, or NULL; as much of them as there are steps for is brought to L2 meanwhile.
     * total [32], or NULL: chains over p < m of b[32 p + .], and 0 behind `columns`; h may be 0 where nothing else is wanted. */
    void (*product_columns)(size_t h, size_t m, const float *a, const float *b, size_t columns, bp_chain chain,
                            const bp_stream *ahead, float *c, float *total);

    /* As product_rows and product_narrow with whole chains, of sparse rows; b's rows or numbers that no entry names are not looked
     * at, and must be finite for the bits to be the same. `end` has no slope. */
    void (*sparse_rows)(size_t m, const bp_sparse_row *rows, const float *b, size_t columns, const bp_end *end, float *c);
    void (*sparse_narrow)(size_t m, const bp_sparse_row *rows, const float *b, size_t columns, const bp_end *end, float *c);

    /* c += a^T d, where entry e of a is value[e] in row row[e], or row 0 where `row` is NULL, and in column[e]; rows ascending for
     * each column. d [.][32], c [.][32], of which `columns` count: with c = 0 before, and all rows of a, the bits of
     * product_columns with whole chains. Turned, c [columns][32] for each 32 columns of a, in the same way. */
    void (*scatter_rows)(size_t count, const uint32_t *column, const float *value, const uint32_t *row, const float *d,
                         size_t columns, float *c);
    void (*scatter_narrow)(size_t count, const uint32_t *column, const float *value, const uint32_t *row, const float *d,
                           size_t columns, float *c);

    /* left [count] += right [count]; counts of all element-wise kernels are multiples of 32. */
    void (*add)(size_t count, float *left, const float *right);

    /* a = g(z) in place, and d *= g'(z) told from a = g(z); by bp_activation. gelu and silu write g'(z) to `slopes`, unless it is
     * NULL, and their slope wants that as a; the others do not look at it. */
    void (*activate[BP_ACTIVATIONS])(size_t count, float *z, float *slopes);
    void (*slope[BP_ACTIVATIONS])(size_t count, const float *a, float *d);

    /* m rows of n outputs in panels `panel` floats apart: d holds y, with 0 behind the last column, and gets (p - y) w, p the
     * prediction that the loss makes of z; losses [m] get w L. weight [m], NULL: all 1. By bp_loss, from the first that is one on.
     * L is in double, but for z - y, e^(z - max), e^-|z| and e^z: those are the gradient's and the predictions' own, in f32. Of
     * absolute_error, huber and quantile d gets w dL/dz. shape: huber's delta, quantile's q; others do not look at it. */
    void (*loss[BP_LOSSES])(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses,
                            float shape);

    /* The gradient of m rows, chains over all of them: dW [k][32], db [32] of the hidden layer, dW as a row [32], db in the first
     * of 32 of the output; what lies behind the last column is worth nothing. losses [m] get w L; true where all are finite. */
    bool (*tiny)(const bp_tiny *network, const bp_tiny_rows *rows, size_t m, float *gradient, double *losses);

    /* The update from that gradient; true for a layer, hidden and output, whose gradient is not finite. */
    void (*tiny_update)(const bp_tiny_state *state, const bp_update *weights, const bp_update *biases, const float *gradient,
                        bool bad[2]);

    /* z becomes the prediction, in place: softmax of one row; e^z; the logistic function is activate[BP_SIGMOID]. */
    void (*softmax)(size_t n, size_t panel, float *z);
    void (*exponential)(size_t count, float *z);

    /* One update of w [count] by the optimizer, state u and v as it needs; true where a gradient is not finite. */
    bool (*sgd)(size_t count, const bp_update *update, float *w, const float *g);
    bool (*momentum)(size_t count, const bp_update *update, float *w, const float *g, float *u);
    bool (*rmsprop)(size_t count, const bp_update *update, float *w, const float *g, float *u, float *v); /* v NULL: no momentum */
    bool (*adam)(size_t count, const bp_update *update, float *w, const float *g, float *u, float *v);

    /* before: the gradient that was, 0 where its step was taken back; delta: the step's size, 0 before the first. */
    bool (*rprop)(size_t count, const bp_update *update, float *w, const float *g, float *before, float *delta);

    /* Sum of squares, in double: over 16 lanes, lane j takes elements j, j + 16, ..., then lanes fold 8, 4, 2, 1 apart. */
    double (*squares)(size_t count, const float *g);

    /* g *= scale; true where one is not finite. */
    bool (*scale)(size_t count, float scale, float *g);

    /* to[32 c + r] = from[32 r + c] for r < rows <= 32 and c < columns <= 32; nothing else is written. */
    void (*transpose)(size_t rows, size_t columns, const float *from, float *to);

    /* `count` rows of n floats into panels `panel` floats apart, row r at 32 r of each, and 0 up to the end of the last one's 32
     * columns. */
    void (*spread_f32)(size_t count, const float *const *rows, size_t n, size_t panel, float *to);

    /* The same for bytes over the divisor, rounded once. */
    void (*spread_u8)(size_t count, const uint8_t *const *rows, size_t n, float divisor, size_t panel, float *to);

    /* rows[r][c] = (from[c][r] - mean[c]) / scale[c] for r < count and c < columns <= BP_RESCALED: difference and quotient are rounded in
     * double, then once to a float, subnormals kept. scale > 0. False where a result is not finite; others are there. */
    bool (*rescale_f32)(size_t count, size_t columns, const float *const *from, const double *mean, const double *scale, float *const *rows);
    bool (*rescale_f64)(size_t count, size_t columns, const double *const *from, const double *mean, const double *scale, float *const *rows);

    /* 1 in column `hot` of n, 0 in all others up to the end of the last panel. */
    void (*one_hot)(size_t n, size_t hot, size_t panel, float *to);

    /* to[i] = the low 64 bits of bp_random for element first + i; `use` is bp_random_use's. */
    void (*random_bits)(uint64_t seed, uint32_t use, uint32_t index, uint64_t first, size_t count, uint64_t *to);

    /* kept [rows]: bit 4 q + w of row r is set where word w of the 128 bits of bp_random for element first + r stride + q, q < 8, is
     * not below the threshold. */
    void (*draw_kept)(uint64_t seed, uint32_t use, uint32_t index, uint64_t first, uint64_t stride, size_t rows, uint32_t threshold,
                      uint32_t *kept);

    /* a [rows][32]: column j of row r is multiplied by scale where bit j of kept[r] is set, else by 0. */
    void (*drop)(size_t rows, float scale, const uint32_t *kept, float *a);

    /* Multiply-adds in registers alone, on random operands, for the machine's peak: returns floating-point operations done;
     * *sink takes a value that depends on all of them. */
    double (*peak)(size_t rounds, float *sink);
} bp_kernels;

extern const bp_kernels bp_kernels_scalar;
#if defined(__x86_64__)
extern const bp_kernels bp_kernels_avx2;
extern const bp_kernels bp_kernels_avx512;
#elif defined(__aarch64__)
extern const bp_kernels bp_kernels_neon;
#endif

#endif
