/* What products of blocks have in common, with AMX and without: the order of terms, prefetching, and what follows a chain.
 *
 * SPDX-License-Identifier: Apache-2.0 */

#define TERM_PRODUCTS_MAX 6

/* Of a step, (left, right), by terms - 1. */
static const unsigned char term_pairs[BP_TERMS_MAX][TERM_PRODUCTS_MAX][2] = {
    {{0, 0}},
    {{1, 0}, {0, 1}, {0, 0}},
    {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}},
};

/* Streams that are asked for evenly over the steps of a product. */
typedef struct request {
    const bp_stream *stream;
    size_t asked; /* lines of it */
    size_t share; /* lines of a step */
} request;

INLINED request request_start(const bp_stream *ahead, size_t steps)
{
    static const bp_stream none = {0};
    request r = {.stream = ahead ? ahead : &none};
    size_t lines = 0;

    for (const bp_stream *stream = r.stream; stream->lines; stream++)
        lines += stream->lines;
    r.share = (lines + steps - 1) / steps;
    return r;
}

INLINED void request_share(request *r)
{
    for (size_t left = r->share; left && r->stream->lines; left--) {
        __builtin_prefetch(r->stream->first + 16 * r->asked, 0, 2);
        if (++r->asked == r->stream->lines) {
            r->stream++;
            r->asked = 0;
        }
    }
}

/* As tile_finish and tile_relu of product.inc.h do it, on a block in L1. */
INLINED void block_pass(size_t rows, const float *bias, bool relu, const uint16_t *signs, float *c)
{
    vf zero = v_set(0.0f), addend[32 / VL];

    for (size_t v = 0; v < 32 / VL; v++)
        addend[v] = bias ? v_add(v_load(bias + v * VL), zero) : zero;
    for (size_t row = 0; row < 32 * rows; row += 32)
        UNROLLED
        for (size_t v = 0; v < 32 / VL; v++) {
            vf z = v_add(v_load(c + row + v * VL), addend[v]);
            if (relu)
                z = v_relu(z);
            if (signs)
                z = v_select(v_le(v_from_bits(vi_load_high(signs + row + v * VL)), zero), zero, z);
            v_store(c + row + v * VL, z);
        }
}

/* The end of whole chains: `end` may not be NULL. activate and slope are ReLU's of the table, which the pass does itself. */
INLINED void block_end(size_t rows, const bp_end *end, void (*activate)(size_t, float *, float *),
                       void (*slope)(size_t, const float *, float *), float *c)
{
    block_pass(rows, end->bias, end->activate == activate, end->slope == slope ? end->signs : NULL, c);
    if (end->activate && end->activate != activate)
        end->activate(32 * rows, c, end->slopes);
    if (end->slope && end->slope != slope)
        end->slope(32 * rows, end->a, c);
}
