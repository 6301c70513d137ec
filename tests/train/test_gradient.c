/* The gradient by either strategy, on any team, from every table: the bits of chains over shards and the tree over them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "gradient.h"
#include "grid.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "numbers.h"
#include "sets.h"

static const uint32_t sizes[] = {33, 65, 31, 2};

enum { LAYERS = 3, ROWS_MOST = 1100, PARAMETERS_MOST = 34 * 65 + 66 * 31 + 32 * 2 };

/* Activations and dL/dz of all layers as plain matrices: a[l] [rows, sizes[l]], d[l] [rows, sizes[l]] for l > 0. */
typedef struct subject {
    bp_layout layout;
    size_t m;
    bool whole; /* all rows are one shard, as in a large layer */
    float a[LAYERS][ROWS_MOST * 65];
    float d[LAYERS + 1][ROWS_MOST * 65];
    float wanted[PARAMETERS_MOST]; /* W then b, layer after layer */
} subject;

static float fused(const float *a, size_t a_step, const float *b, size_t b_step, size_t count)
{
    float sum = 0.0f;

    for (size_t r = 0; r < count; r++)
        sum = fmaf(a ? a[r * a_step] : 1.0f, b[r * b_step], sum);
    return sum + 0.0f;
}

/* The tree over shards first ... first + count - 1 of one element, a column of a (or ones) times a column of d. */
static float tree(const subject *s, size_t shard_rows, size_t first, size_t count, const float *a, size_t k, const float *d,
                  size_t n)
{
    size_t left = 1, row = first * shard_rows;

    if (count == 1)
        return fused(a ? a + row * k : NULL, k, d + row * n, n, row + shard_rows < s->m ? shard_rows : s->m - row);
    while (left * 2 < count)
        left *= 2;
    float right = tree(s, shard_rows, first + left, count - left, a, k, d, n);
    return tree(s, shard_rows, first, left, a, k, d, n) + right;
}

static void gradient_by_hand(subject *s, const bp_plan *plan)
{
    float *to = s->wanted;

    for (size_t l = 0; l < LAYERS; l++) {
        size_t k = sizes[l], n = sizes[l + 1], rows = plan->layer[l].shard_rows, shards = bp_plan_shards(&plan->layer[l], s->m);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < n; j++)
                *to++ = tree(s, rows, 0, shards, s->a[l] + i, k, s->d[l + 1] + j, n);
        for (size_t j = 0; j < n; j++)
            *to++ = tree(s, rows, 0, shards, NULL, 0, s->d[l + 1] + j, n);
    }
}

/* ------------------------------------------------------------------------------------------------------ by the engine */

typedef struct engine {
    subject *s;
    bp_plan plan;
    bp_gradients gradients;
    bp_pass pass;
    float *resting;
    float *result; /* in the layout */
    void *memory;
} engine;

static void carve(engine *e, bp_arena *arena)
{
    bp_pass_carve(&e->pass, &e->s->layout, 0, e->plan.batch, true, arena);
    e->resting = bp_arena_take(arena, e->s->layout.floats, sizeof(float));
    bp_gradients_carve(&e->gradients, &e->s->layout, &e->plan, e->resting, arena);
    e->result = bp_arena_take(arena, e->s->layout.floats, sizeof(float));
}

static void spread(const float *from, size_t m, size_t n, const bp_pass *pass, float *to)
{
    for (size_t r = 0; r < m; r++)
        for (size_t j = 0; j < n; j++)
            to[j / 32 * bp_pass_panel(pass) + 32 * r + j % 32] = from[r * n + j];
}

/* Columns behind the last: NaN in a, which nobody may read, 0 in dL/dz, as backward leaves it. All sums begin as NaN. */
static void begin(engine *e, subject *s, const bp_settings *settings)
{
    bp_arena arena = {.base = NULL};

    e->s = s;
    cr_assert_eq(bp_plan_make(&s->layout, settings, NULL, &e->plan, NULL), BP_OK);
    for (size_t l = 0; s->whole && l < LAYERS; l++)
        e->plan.layer[l].shard_rows = e->plan.grain = e->plan.batch;
    carve(e, &arena);
    size_t bytes = arena.used;
    e->memory = aligned_alloc(BP_ALIGNMENT, (bytes + 63) / 64 * 64);
    memset(e->memory, 0xff, bytes);
    arena = (bp_arena){.base = e->memory};
    carve(e, &arena);
    for (size_t l = 0; l < LAYERS; l++) {
        memset(e->pass.d[l + 1], 0, s->layout.layer[l].n_panels * bp_pass_panel(&e->pass) * sizeof(float));
        spread(s->a[l], s->m, sizes[l], &e->pass, e->pass.a[l]);
        spread(s->d[l + 1], s->m, sizes[l + 1], &e->pass, e->pass.d[l + 1]);
    }
}

/* One chain over all rows is walked in parts of 32, as long chains are. */
static bp_tile tile_of(engine *e, bp_member member, size_t number)
{
    bp_tile tile = bp_plan_tile(&e->plan, &e->s->layout, number);
    const bp_layer_plan *layer = &e->plan.layer[tile.layer];
    size_t m = e->s->m, part = !layer->buffered && bp_plan_shards(layer, m) == 1 ? 32 : m;

    for (size_t row = 0; row < m; row += part)
        bp_gradients_tile(&e->gradients, member, &e->pass, (bp_span){row, row + part < m ? part : m - row}, m, NULL, &tile);
    return tile;
}

static void run(void *context, bp_member member)
{
    engine *e = context;
    bp_range rows = bp_team_range(member, e->s->m, e->plan.grain);
    size_t chunk = e->s->m % 2 ? e->plan.grain : 24; /* whole shards, or parts of them */

    bp_gradients_begin(&e->gradients, member);
    for (size_t row = rows.first; row < rows.end; row += chunk)
        bp_gradients_walk(&e->gradients, member, &e->pass, (bp_span){row, row + chunk < rows.end ? chunk : rows.end - row}, row,
                          e->s->m);
    bp_team_barrier(member);
    bp_range loose = bp_grid_loose_tiles(&e->plan, &e->s->layout, member);
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        bp_range tiles = bp_grid_tiles(&e->plan, &e->s->layout, layer, member, loose);
        for (size_t number = tiles.first; number < tiles.end; number++) {
            bp_tile tile = tile_of(e, member, number);
            memcpy(e->result + tile.w, tile.dW, tile.rows * BP_PANEL * sizeof(float));
            if (tile.db)
                memcpy(e->result + tile.b, tile.db, BP_PANEL * sizeof(float));
        }
    }
}

/* Clears what is no padding on the way. */
static void assert_padding_is_zero(const engine *e)
{
    for (size_t l = 0; l < LAYERS; l++) {
        const bp_layer *layer = &e->s->layout.layer[l];
        memset(e->result + layer->b, 0, layer->n * sizeof(float));
        for (size_t i = 0; i < layer->k; i++)
            for (size_t j = 0; j < layer->n; j++)
                e->result[bp_layer_place(layer, i, j)] = 0;
    }
    for (size_t i = 0; i < e->s->layout.floats; i++)
        cr_assert_eq(e->result[i], 0, "float %zu", i);
}

static void check_way(subject *s, const bp_settings *settings)
{
    static float flat[PARAMETERS_MOST];
    engine e;
    float *to = flat;

    begin(&e, s, settings);
    gradient_by_hand(s, &e.plan);
    for (int round = 0; round < 2; round++) { /* the second begins on what the first has left */
        bp_team_run(e.plan.threads, run, &e);
        to = flat;
        for (size_t l = 0; l < LAYERS; l++) {
            bp_layer_unpack(&s->layout.layer[l], e.result, to, to + sizes[l] * sizes[l + 1]);
            to += (sizes[l] + 1) * sizes[l + 1];
        }
        for (size_t i = 0; i < PARAMETERS_MOST; i++)
            cr_assert(memcmp(flat + i, s->wanted + i, sizeof *flat) == 0,
                      "m %zu, batch %zu, %u threads, %s, %s: [%zu] is %a, not %a", s->m, e.plan.batch, e.plan.threads,
                      e.plan.arithmetic.kernels->name, e.plan.blocks ? "buffers" : "tiles", i, (double)flat[i],
                      (double)s->wanted[i]);
        assert_padding_is_zero(&e);
    }
    free(e.memory);
}

static subject *subject_of(size_t m)
{
    subject *s = malloc(sizeof *s);

    cr_assert_eq(bp_layout_make(LAYERS, sizes, BP_RELU, &s->layout, NULL), BP_OK);
    s->m = m;
    s->whole = false;
    for (size_t l = 0; l < LAYERS; l++) {
        scatter_f32(s->a[l], m * sizes[l], l, 1);
        scatter_f32(s->d[l + 1], m * sizes[l + 1], l + 10, 1);
    }
    return s;
}

static void check_every_way(subject *s, uint64_t batch)
{
    static const uint32_t teams[] = {1, 2, 3, 8};
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.batch_size = batch;
    settings.exact_threads = 1;
    for (settings.gradient = BP_GRADIENT_BUFFERS; settings.gradient <= BP_GRADIENT_TILES; settings.gradient++)
        for (settings.isa = BP_ISA_SCALAR; settings.isa; settings.isa = (int32_t)set_after((bp_isa)settings.isa))
            for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
                settings.threads = teams[t];
                check_way(s, &settings);
            }
    free(s);
}

Test(gradient, has_the_bits_of_chains_and_tree_every_way)
{
    check_every_way(subject_of(1), 1);
    check_every_way(subject_of(33), 100);
    check_every_way(subject_of(100), 100);
}

Test(gradient, of_a_ragged_minibatch_has_the_same_bits_every_way)
{
    check_every_way(subject_of(128 * 4 + 1), 1024);
    check_every_way(subject_of(128 * 7 + 37), 1024); /* eight shards: the second of three members begins at an odd one */
}

Test(gradient, of_chains_that_are_cut_has_the_bits_of_whole_ones)
{
    subject *s = subject_of(ROWS_MOST);

    s->whole = true;
    check_every_way(s, ROWS_MOST);
}
