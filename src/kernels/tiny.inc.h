/* A network of one hidden layer and one output on the rows of a shard, from gathering to the gradient, in registers and L1.
 *
 * Vectors run over hidden units, but for the output's z, L and dL/dz: there they run over rows, since a vector over one output
 * would hold one number. Rows pass in groups; the chains of dW and db go on from group to group in the gradient itself.
 *
 * The + (+0) that ends a chain of z or dL/da is left out: the sign of a zero there reaches sums alone, and those of dW and db end
 * with it.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* ------------------------------------------------------------------------------------------------------------- tiles */

/* Rows that pass together: x, a and dL/dz of the hidden layer; y, w, and z, then dL/dz, of the output, with room for a last vector. */
typedef struct group {
    size_t rows;
    bp_chain chain;
    float *x, *a, *d; /* [rows][32] */
    _Alignas(64) float y[BP_TINY_ROWS + 16], weight[BP_TINY_ROWS + 16], dz[BP_TINY_ROWS + 16];
} group;

/* Rows of a = x W + b: chains over `count` inputs. */
INLINED void fused_rows(size_t rows, size_t vectors, size_t count, const float *x, const float *w, const float *bias, bool relu, float *a)
{
    vf sums[TILE_ROWS + 2][TILE_VECTORS];

    tile_begin(rows, vectors, BP_CHAIN_FIRST, NULL, sums);
    for (size_t s = 0; s < count; s++)
        tile_step(rows, vectors, x + s, 32, w + 32 * s, sums);
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        UNROLLED
        for (size_t v = 0; v < vectors; v++) {
            vf z = v_add(sums[i][v], v_load(bias + v * VL));
            sums[i][v] = relu ? v_relu(z) : z;
        }
    tile_store(rows, vectors, sums, a);
}

/* The first rows of dW in one vector of columns, and all else that runs over the same rows of dL/dz: where the activation is ReLU,
 * dL/dz itself; then db, and dW of the output layer, as a row. */
INLINED void fused_first(size_t rows, const bp_tiny *t, const group *g, size_t column, float *dw1, float *db1, float *dw2)
{
    vf sums[TILE_ROWS], zero = v_set(0.0f), w2 = v_load(t->w2 + column);
    const float *x = g->x, *a = g->a + column;
    float *to = g->d + column;
    bool first = g->chain & BP_CHAIN_FIRST, last = g->chain & BP_CHAIN_LAST, relu = t->activate == relu_activate;
    vf biases = first ? zero : v_load(db1 + column), weights = first ? zero : v_load(dw2 + column);

    UNROLLED
    for (size_t i = 0; i < rows; i++)
        sums[i] = first ? zero : v_load(dw1 + 32 * i + column);
    UNROLLED_BY(4)
    for (size_t r = 0; r < g->rows; r++, x += 32, a += 32, to += 32) {
        vf output = v_set(g->dz[r]), value = v_load(a), d;
        if (relu)
            v_store(to, d = v_mul_where(v_not_le(value, zero), output, w2)); /* relu_slope */
        else
            d = v_load(to);
        biases = v_add(biases, d);
        weights = v_fma(value, output, weights);
        UNROLLED
        for (size_t i = 0; i < rows; i++)
            sums[i] = v_fma(v_set(x[i]), d, sums[i]);
    }
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        v_store(dw1 + 32 * i + column, last ? v_add(sums[i], zero) : sums[i]);
    v_store(db1 + column, last ? v_add(biases, zero) : biases);
    v_store(dw2 + column, last ? v_add(weights, zero) : weights);
}

typedef void fused_first_tile(const bp_tiny *t, const group *g, size_t column, float *dw1, float *db1, float *dw2);
typedef void fused_rows_tile(size_t count, const float *x, const float *w, const float *bias, bool relu, float *a);

#undef TILE
#define TILE(R, V)                                                                                                             \
    OUT_OF_LINE void fused_rows_##R##x##V(size_t count, const float *x, const float *w, const float *bias, bool relu, float *a) \
    {                                                                                                                          \
        fused_rows(R, V, count, x, w, bias, relu, a);                                                                          \
    }
#define FIRST_TILE(R)                                                                                                           \
    OUT_OF_LINE void fused_first_##R##x1(const bp_tiny *t, const group *g, size_t column, float *dw1, float *db1, float *dw2)    \
    {                                                                                                                           \
        fused_first(R, t, g, column, dw1, db1, dw2);                                                                            \
    }

TILE_ROW(1) FIRST_TILE(1)
TILE_ROW(2) FIRST_TILE(2)
TILE_ROW(3) FIRST_TILE(3)
#if TILE_ROWS >= 6
TILE_ROW(4) FIRST_TILE(4)
TILE_ROW(5) FIRST_TILE(5)
TILE_ROW(6) FIRST_TILE(6)
#endif
#if TILE_ROWS >= 14
TILE_ROW(7) FIRST_TILE(7)
TILE_ROW(8) FIRST_TILE(8)
TILE_ROW(9) FIRST_TILE(9)
TILE_ROW(10) FIRST_TILE(10)
TILE_ROW(11) FIRST_TILE(11)
TILE_ROW(12) FIRST_TILE(12)
TILE_ROW(13) FIRST_TILE(13)
TILE_ROW(14) FIRST_TILE(14)
#endif

static fused_rows_tile *const fused_rows_tiles[TILE_ROWS][TILE_VECTORS] = {ENTRIES(fused_rows)};
#undef ENTRY
#define ENTRY(R, KIND) KIND##_##R##x1
static fused_first_tile *const fused_first_tiles[TILE_ROWS] = {ENTRIES(fused_first)};

#if TILE_ROWS >= 14
#define NARROW_ROWS 16 /* of one vector there is room for two more: 32 rows are two tiles, not three */
OUT_OF_LINE void fused_rows_16x1(size_t count, const float *x, const float *w, const float *bias, bool relu, float *a)
{
    fused_rows(NARROW_ROWS, 1, count, x, w, bias, relu, a);
}
#endif

/* Vectors of the tile that begins at a column. */
INLINED size_t fused_vectors(size_t n, size_t column)
{
    size_t vectors = (n - column + VL - 1) / VL;
    return vectors < TILE_VECTORS ? vectors : TILE_VECTORS;
}

/* ------------------------------------------------------------------------------------------------------------ forward */

/* Numbers of the rows; `room` is for those that nobody has listed. */
INLINED const uint64_t *list_rows(const bp_tiny_rows *rows, size_t first, size_t count, uint64_t room[BP_TINY_ROWS])
{
    if (rows->rows)
        return rows->rows + first;
    for (size_t r = 0; r < count; r++)
        room[r] = rows->first + first + r;
    return room;
}

/* VL columns of each row, or as many as there are. */
INLINED void gather_columns(size_t count, const uint64_t *list, const float *from, size_t stride, size_t columns, float *to)
{
    UNROLLED_BY(8)
    for (size_t r = 0; r < count; r++)
        v_store(to + 32 * r, v_load_some(from + list[r] * stride, columns));
}

INLINED void gather_numbers(size_t count, const uint64_t *list, const float *from, size_t stride, float *to)
{
    UNROLLED_BY(8)
    for (size_t r = 0; r < count; r++)
        to[r] = from[list[r] * stride];
}

INLINED void gather_group(const bp_tiny *t, const bp_tiny_rows *rows, size_t first, group *g)
{
    uint64_t room[BP_TINY_ROWS];
    const uint64_t *list = list_rows(rows, first, g->rows, room);

    for (size_t column = 0; column < t->k; column += VL)
        gather_columns(g->rows, list, rows->x + column, rows->x_stride, t->k - column < VL ? t->k - column : VL, g->x + column);
    gather_numbers(g->rows, list, rows->y, rows->y_stride, g->y);
    if (rows->weight)
        gather_numbers(g->rows, list, rows->weight, 1, g->weight);
    else
        for (size_t r = 0; r < g->rows; r += VL)
            v_store(g->weight + r, v_set(1.0f));
    v_store(g->y + g->rows, v_set(0.0f));
    v_store(g->weight + g->rows, v_set(0.0f));
}

#define FUSED_ACTIVATION(NAME)                         \
    for (size_t column = 0; column < t->n; column += VL) \
        NAME##_of_vectors(g->rows, 32, g->a + column)

/* Slopes that are kept stand where dL/dz will. */
#define FUSED_KEEPING(NAME)                              \
    for (size_t column = 0; column < t->n; column += VL) \
        NAME##_of_vectors(g->rows, 32, g->a + column, true, g->d + column)

/* ReLU was done in the tiles. */
INLINED void activate_group(const bp_tiny *t, const group *g)
{
    if (t->activate == leaky_relu_activate)
        FUSED_ACTIVATION(leaky_relu);
    if (t->activate == sigmoid_activate)
        FUSED_ACTIVATION(sigmoid);
    if (t->activate == tanh_activate)
        FUSED_ACTIVATION(tanh);
    if (t->activate == elu_activate)
        FUSED_ACTIVATION(elu);
    if (t->activate == softplus_activate)
        FUSED_ACTIVATION(softplus);
    if (t->activate == gelu_activate)
        FUSED_KEEPING(gelu);
    if (t->activate == silu_activate)
        FUSED_KEEPING(silu);
}

INLINED void forward_group(const bp_tiny *t, const group *g)
{
    size_t done = 0;
    bool relu = t->activate == relu_activate;

#ifdef NARROW_ROWS
    for (; t->n <= VL && done + NARROW_ROWS <= g->rows; done += NARROW_ROWS)
        fused_rows_16x1(t->k, g->x + 32 * done, t->w1, t->b1, relu, g->a + 32 * done);
#endif
    size_t tiles = (g->rows - done + TILE_ROWS - 1) / TILE_ROWS, height = tiles ? (g->rows - done + tiles - 1) / tiles : 0;
    for (size_t rows; done < g->rows; done += rows) {
        rows = g->rows - done < height ? g->rows - done : height;
        for (size_t column = 0; column < t->n; column += TILE_VECTORS * VL)
            fused_rows_tiles[rows - 1][fused_vectors(t->n, column) - 1](t->k, g->x + 32 * done, t->w1 + column, t->b1 + column, relu,
                                                                       g->a + 32 * done + column);
    }
    activate_group(t, g);
}

/* ----------------------------------------------------------------------------------------------------- output and loss */

/* z of `blocks` x VL rows: a chain waits for itself, so two run at once. */
INLINED void output_of_rows(size_t blocks, const bp_tiny *t, const float *a, float *to)
{
    vf z[2], four[4];
    size_t column = 0;

    for (size_t b = 0; b < blocks; b++)
        z[b] = v_set(0.0f);
    for (; column + 4 <= t->n; column += 4)
        UNROLLED
        for (size_t b = 0; b < blocks; b++) {
            v_load_four(a + 32 * VL * b + column, 32, four);
            UNROLLED
            for (size_t j = 0; j < 4; j++)
                z[b] = v_fma(four[j], v_set(t->w2[column + j]), z[b]);
        }
    for (size_t b = 0; b < blocks && column < t->n; b++) {
        v_load_four(a + 32 * VL * b + column, 32, four);
        UNROLLED
        for (size_t j = 0; j < 3; j++)
            if (column + j < t->n)
                z[b] = v_fma(four[j], v_set(t->w2[column + j]), z[b]);
    }
    UNROLLED
    for (size_t b = 0; b < blocks; b++)
        v_store(to + b * VL, v_add(z[b], v_set(*t->b2)));
}

/* L of VL rows, as loss.inc.h has it for one column, times w. Returns 0 x that: not 0 where one is not finite. */
INLINED vd loss_of_rows(bool logistic, const group *g, size_t r, const float *e, double *losses)
{
    vd none = d_set(0.0), square[HALVES] = {0};
    float difference[VL];

    v_store(difference, v_sub(v_load(g->dz + r), v_load(g->y + r)));
    add_squares(difference, square);
    for (size_t h = 0; h < HALVES; h++) {
        vd z = v_load_wide(g->dz + r + h * DL), y = v_load_wide(g->y + r + h * DL), w = v_load_wide(g->weight + r + h * DL);
        vd loss = w * (logistic ? logistic_line(z, y) + d_log1p(v_load_wide(e + h * DL)) : d_set(0.5) * square[h]);
        none = none + loss * d_set(0.0);
        d_store(losses + h * DL, loss);
    }
    return none;
}

/* From z, which stands in dz, to dL/dz; w L to losses. True where all are finite: then each times 0 is 0. */
INLINED bool loss_of_group(bool logistic, group *g, double *losses)
{
    double some[VL];
    float e_of_rows[VL];
    vd none = d_set(0.0);

    for (size_t r = 0; r < g->rows; r += VL) {
        bool whole = r + VL <= g->rows;
        vf p = v_load(g->dz + r), e;
        if (logistic) {
            v_exp_less(1, &p, &e);
            v_store(e_of_rows, e);
            v_sigmoid_of(1, &e, &p);
        }
        none = none + loss_of_rows(logistic, g, r, e_of_rows, whole ? losses + r : some);
        v_store(g->dz + r, v_mul(v_sub(p, v_load(g->y + r)), v_load(g->weight + r)));
        for (size_t i = r; !whole && i < g->rows; i++)
            losses[i] = some[i - r];
    }
    d_store(some, none);
    for (size_t j = 1; j < DL; j++)
        some[0] += some[j];
    return some[0] == 0.0;
}

/* The same of losses element by element. */
#define GROUP_LOSS(NAME)                                                                                                       \
    OUT_OF_LINE bool NAME##_group(group *g, float shape, double *losses)                                                       \
    {                                                                                                                          \
        vd none = d_set(0.0);                                                                                                  \
        double some[VL];                                                                                                       \
        float asides[VL], slopes[VL];                                                                                          \
        for (size_t r = 0; r < g->rows; r += VL) {                                                                             \
            bool whole = r + VL <= g->rows;                                                                                    \
            double *to = whole ? losses + r : some;                                                                            \
            vf z = v_load(g->dz + r), y = v_load(g->y + r), weight = v_load(g->weight + r), d, aside;                          \
            NAME##_slopes(1, &z, &y, v_set(shape), &d, &aside);                                                                \
            v_store(asides, aside);                                                                                            \
            v_store(slopes, d);                                                                                                \
            for (size_t h = 0; h < HALVES; h++) {                                                                              \
                vd line = NAME##_line(v_load_wide(asides + h * DL), v_load_wide(slopes + h * DL), v_load_wide(g->dz + r + h * DL), \
                                      v_load_wide(g->y + r + h * DL));                                                         \
                vd loss = v_load_wide(g->weight + r + h * DL) * (d_set(0.0) + line);                                           \
                none = none + loss * d_set(0.0);                                                                               \
                d_store(to + h * DL, loss);                                                                                    \
            }                                                                                                                  \
            v_store(g->dz + r, v_mul(d, weight));                                                                              \
            for (size_t i = r; !whole && i < g->rows; i++)                                                                     \
                losses[i] = some[i - r];                                                                                       \
        }                                                                                                                      \
        d_store(some, none);                                                                                                   \
        for (size_t j = 1; j < DL; j++)                                                                                        \
            some[0] += some[j];                                                                                                \
        return some[0] == 0.0;                                                                                                 \
    }

GROUP_LOSS(absolute_error)
GROUP_LOSS(huber)
GROUP_LOSS(quantile)
GROUP_LOSS(poisson)

OUT_OF_LINE bool squared_group(group *g, double *losses) { return loss_of_group(false, g, losses); }
OUT_OF_LINE bool logistic_group(group *g, double *losses) { return loss_of_group(true, g, losses); }

/* Rows behind the last are whatever the scratch holds: nothing of them is kept, but they must not pass for a loss. */
INLINED bool output_group(const bp_tiny *t, group *g, double *losses)
{
    size_t r = 0;

    for (; r + VL < g->rows; r += 2 * VL)
        output_of_rows(2, t, g->a + 32 * r, g->dz + r);
    if (r < g->rows)
        output_of_rows(1, t, g->a + 32 * r, g->dz + r);
    v_store(g->dz + g->rows, v_set(0.0f));
    switch (t->loss) {
    case 2:
        return logistic_group(g, losses);
    case 3:
        return absolute_error_group(g, t->shape, losses);
    case 4:
        return huber_group(g, t->shape, losses);
    case 5:
        return quantile_group(g, t->shape, losses);
    case 6:
        return poisson_group(g, t->shape, losses);
    default:
        return squared_group(g, losses);
    }
}

/* ----------------------------------------------------------------------------------------------------------- backward */

#define FUSED_SLOPE(SLOPE, FROM)                                                                                \
    for (size_t column = 0; column < t->n; column += VL) {                                                      \
        vf w2 = v_load(t->w2 + column);                                                                         \
        for (size_t r = 0; r < g->rows; r++)                                                                    \
            v_store(g->d + 32 * r + column, SLOPE(v_load((FROM) + 32 * r + column), v_mul(v_set(g->dz[r]), w2))); \
    }

/* dL/dz of the hidden layer; ReLU's comes with the first tile. */
INLINED void backward_group(const bp_tiny *t, const group *g)
{
    if (t->activate == leaky_relu_activate)
        FUSED_SLOPE(leaky_relu_slope, g->a)
    if (t->activate == sigmoid_activate)
        FUSED_SLOPE(sigmoid_slope, g->a)
    if (t->activate == tanh_activate)
        FUSED_SLOPE(tanh_slope, g->a)
    if (t->activate == identity_activate)
        FUSED_SLOPE(identity_slope, g->a)
    if (t->activate == elu_activate)
        FUSED_SLOPE(elu_slope, g->a)
    if (t->activate == softplus_activate)
        FUSED_SLOPE(softplus_slope, g->a)
    if (t->activate == gelu_activate || t->activate == silu_activate)
        FUSED_SLOPE(kept_slope, g->d)
}

/* With 0 behind it, up to the end of a vector. */
INLINED void output_bias(const group *g, float *db2)
{
    float bias = g->chain & BP_CHAIN_FIRST ? 0.0f : *db2;

    for (size_t r = 0; r < g->rows; r++)
        bias += g->dz[r];
    v_store(db2, v_set(0.0f));
    *db2 = g->chain & BP_CHAIN_LAST ? bias + 0.0f : bias;
}

INLINED void gradient_group(const bp_tiny *t, const group *g, float *dw1, float *db1, float *dw2, float *db2)
{
    size_t tiles = (t->k + TILE_ROWS - 1) / TILE_ROWS, height = (t->k + tiles - 1) / tiles;

    output_bias(g, db2);
    for (size_t column = 0; column < t->n; column += VL)
        fused_first_tiles[height - 1](t, g, column, dw1, db1, dw2);
    if (height < t->k)
        product_columns(t->k - height, g->rows, g->x + height, g->d, t->n, g->chain, NULL, dw1 + 32 * height, NULL);
}

static bool tiny(const bp_tiny *t, const bp_tiny_rows *from, size_t m, float *gradient, double *losses)
{
    float *db1 = gradient + 32 * t->k;
    bool finite = true;
    group g;

    g.x = t->scratch;
    g.a = g.x + BP_TINY_BLOCK;
    g.d = g.a + BP_TINY_BLOCK;
    for (size_t first = 0; first < m; first += BP_TINY_ROWS) {
        g.rows = m - first < BP_TINY_ROWS ? m - first : BP_TINY_ROWS;
        g.chain = bp_chain_at(first, g.rows, m);
        gather_group(t, from, first, &g);
        forward_group(t, &g);
        if (!output_group(t, &g, losses + first))
            finite = false;
        backward_group(t, &g);
        gradient_group(t, &g, gradient, db1, db1 + 32, db1 + 64);
    }
    return finite;
}

/* ------------------------------------------------------------------------------------------------------------- update */

/* Vectors that hold numbers: `columns` of each row, the rest of its 32 are padding. */
#define FUSED_PART(VECTOR, NUMBER, ROWS, COLUMNS, UPDATE, BAD)                                                            \
    {                                                                                                                    \
        optimized o = {s->part[NUMBER].w, gradient, s->part[NUMBER].first, s->part[NUMBER].second};                      \
        for (size_t row = 0; row < 32 * (ROWS); row += 32)                                                               \
            for (size_t column = 0; column < (COLUMNS); column += VL)                                                    \
                VECTOR(UPDATE, &o, row + column, BAD);                                                                   \
        gradient += 32 * (ROWS);                                                                                         \
    }

#define FUSED_UPDATE(NAME, VECTOR)                                                                                        \
    OUT_OF_LINE void NAME(const bp_tiny_state *s, const bp_update *weights, const bp_update *biases, const float *gradient, \
                          bool bad[2])                                                                                   \
    {                                                                                                                    \
        vf hidden = v_set(0.0f), output = v_set(0.0f);                                                                   \
        FUSED_PART(VECTOR, 0, s->k, s->n, weights, &hidden)                                                                    \
        FUSED_PART(VECTOR, 1, 1, s->n, biases, &hidden)                                                                       \
        FUSED_PART(VECTOR, 2, 1, s->n, weights, &output)                                                                       \
        FUSED_PART(VECTOR, 3, 1, 1, biases, &output)                                                                         \
        bad[0] = is_bad(hidden);                                                                                         \
        bad[1] = is_bad(output);                                                                                         \
    }

FUSED_UPDATE(tiny_sgd, sgd_vector)
FUSED_UPDATE(tiny_momentum, momentum_vector)
FUSED_UPDATE(tiny_adam, adam_vector)
FUSED_UPDATE(tiny_rmsprop, rmsprop_vector)

static void tiny_update(const bp_tiny_state *state, const bp_update *weights, const bp_update *biases, const float *gradient,
                        bool bad[2])
{
    if (state->rmsprop)
        tiny_rmsprop(state, weights, biases, gradient, bad);
    else if (state->part[0].second)
        tiny_adam(state, weights, biases, gradient, bad);
    else if (state->part[0].first)
        tiny_momentum(state, weights, biases, gradient, bad);
    else
        tiny_sgd(state, weights, biases, gradient, bad);
}
