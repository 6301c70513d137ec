/* The plan: what bits depend on is fixed by shapes and batch alone, and the work is dealt out completely and evenly.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"
#include "plan.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t shapes[][4] = {{1, 1, 1, 1},        {784, 512, 10, 1},  {33, 65, 31, 2},
                                     {1000, 300, 700, 5}, {17, 4096, 32, 64}, {31, 1, 100, 33}};
static const uint64_t batches[] = {1, 2, 31, 32, 33, 128, 1000, 1024, 16384, 1000000};

enum { SHAPES = sizeof shapes / sizeof *shapes, BATCHES = sizeof batches / sizeof *batches };

static bp_layout layout_of(const uint32_t *sizes)
{
    bp_layout layout;
    cr_assert_eq(bp_layout_make(3, sizes, BP_RELU, &layout, NULL), BP_OK);
    return layout;
}

static bp_settings with(uint64_t batch, uint32_t threads, bp_gradient gradient)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    settings.batch_size = batch;
    settings.threads = threads;
    settings.exact_threads = 1;
    settings.gradient = (int32_t)gradient;
    return settings;
}

static bp_plan plan_of(const bp_layout *layout, const bp_settings *settings)
{
    bp_plan plan;
    bp_error error;
    cr_assert_eq(bp_plan_make(layout, settings, NULL, &plan, &error), BP_OK, "%s", error.text);
    return plan;
}

/* ------------------------------------------------------------------------------------------------------------ shards */

static void assert_same_shards(const bp_layout *layout, const bp_plan *plan, const bp_plan *other)
{
    for (uint32_t l = 0; l < layout->layers; l++)
        cr_assert_eq(plan->layer[l].shard_rows, other->layer[l].shard_rows, "layer %u: %zu and %zu rows", l,
                     plan->layer[l].shard_rows, other->layer[l].shard_rows);
}

Test(plan, rows_of_a_shard_do_not_depend_on_how_it_is_computed)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t b = 0; b < BATCHES; b++) {
            bp_layout layout = layout_of(shapes[s]);
            bp_settings first = with(batches[b], 1, BP_GRADIENT_AUTO);
            bp_plan plan = plan_of(&layout, &first);
            for (uint32_t threads = 1; threads <= 64; threads *= 4)
                for (bp_gradient gradient = BP_GRADIENT_AUTO; gradient <= BP_GRADIENT_TILES; gradient++)
                    for (bp_isa isa = BP_ISA_AUTO; isa <= BP_ISA_NEON; isa++) {
                        bp_settings settings = with(batches[b], threads, gradient);
                        settings.isa = bp_cpu_has(isa) ? (int32_t)isa : BP_ISA_AUTO;
                        settings.seed = threads;
                        bp_plan other = plan_of(&layout, &settings);
                        assert_same_shards(&layout, &plan, &other);
                    }
        }
}

Test(plan, a_shard_is_thirty_two_times_a_power_of_two_or_all_rows)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t b = 0; b < BATCHES; b++) {
            bp_layout layout = layout_of(shapes[s]);
            bp_settings settings = with(batches[b], 1, BP_GRADIENT_AUTO);
            bp_plan plan = plan_of(&layout, &settings);
            for (uint32_t l = 0; l < layout.layers; l++) {
                size_t rows = plan.layer[l].shard_rows, power = rows / 32;
                bool whole = rows == batches[b], power_of_two = rows % 32 == 0 && power && (power & (power - 1)) == 0;
                cr_assert(whole || power_of_two, "%zu rows of %llu", rows, (unsigned long long)batches[b]);
            }
        }
}

/* Models depend on these. */
Test(plan, rows_of_a_shard_are_those_of_format_one)
{
    static const size_t wanted[][2] = {{1, 32},   {32, 32},   {64, 32},    {65, 64},    {128, 64},
                                       {256, 64}, {257, 128}, {1024, 128}, {16384, 512}};
    bp_layout small = layout_of((uint32_t[]){64, 64, 64, 8}), large = layout_of((uint32_t[]){1024, 128, 128, 1});

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bp_settings settings = with(wanted[i][0], 1, BP_GRADIENT_AUTO);
        bp_plan plan = plan_of(&small, &settings);
        cr_assert_eq(plan.layer[1].shard_rows, wanted[i][1], "batch %zu: %zu", wanted[i][0], plan.layer[1].shard_rows);
        plan = plan_of(&large, &settings);
        cr_assert_eq(plan.layer[0].shard_rows, wanted[i][0], "2^17 weights: all rows");
        cr_assert_eq(plan.layer[1].shard_rows, wanted[i][1]);
    }
}

Test(plan, a_short_minibatch_keeps_the_rows_and_has_fewer_shards)
{
    bp_layer_plan layer = {.shard_rows = 64};

    cr_assert(bp_plan_shards(&layer, 1) == 1 && bp_plan_shards(&layer, 64) == 1 && bp_plan_shards(&layer, 65) == 2);
}

Test(plan, threads_of_buffers_are_cut_where_shards_begin)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t b = 0; b < BATCHES; b++) {
            bp_layout layout = layout_of(shapes[s]);
            bp_settings settings = with(batches[b], 3, BP_GRADIENT_BUFFERS);
            bp_plan plan = plan_of(&layout, &settings);
            for (uint32_t l = 0; l < layout.layers; l++) {
                bool begins = plan.grain % plan.layer[l].shard_rows == 0;
                cr_assert(begins || plan.grain >= batches[b], "grain %zu, shards of %zu", plan.grain, plan.layer[l].shard_rows);
                cr_assert(plan.chunk > 0 && plan.chunk <= plan.grain, "grain %zu, chunk %zu", plan.grain, plan.chunk);
            }
        }
}

/* ------------------------------------------------------------------------------------------------------------- tiles */

static void mark(unsigned char *seen, size_t first, size_t count, size_t all)
{
    cr_assert_leq(first + count, all);
    for (size_t i = first; i < first + count; i++)
        seen[i]++;
}

Test(plan, tiles_hold_every_parameter_once)
{
    for (size_t s = 0; s < SHAPES; s++) {
        bp_layout layout = layout_of(shapes[s]);
        bp_settings settings = with(100, 1, BP_GRADIENT_AUTO);
        bp_plan plan = plan_of(&layout, &settings);
        unsigned char *seen = calloc(layout.floats, 1);
        for (size_t number = 0; number < plan.tiles; number++) {
            bp_tile tile = bp_plan_tile(&plan, &layout, number);
            cr_assert(tile.rows >= 1 && tile.rows <= BP_PANEL && !tile.dW && !tile.db);
            mark(seen, tile.w, tile.rows * BP_PANEL, layout.floats);
            if (tile.i == 0)
                mark(seen, tile.b, BP_PANEL, layout.floats);
        }
        for (size_t i = 0; i < layout.floats; i++)
            cr_assert(seen[i] == 1, "shape %zu: float %zu is in %d tiles", s, i, seen[i]);
        free(seen);
    }
}

static double cost_of(const bp_plan *plan, const bp_layout *layout, bp_range tiles)
{
    double cost = 0;

    for (size_t number = tiles.first; number < tiles.end; number++)
        cost += plan->layer[bp_plan_tile(plan, layout, number).layer].tile_cost;
    return cost;
}

static double dearest_tile(const bp_plan *plan, const bp_layout *layout)
{
    double dearest = 0;

    for (uint32_t l = 0; l < layout->layers; l++)
        dearest = plan->layer[l].tile_cost > dearest ? plan->layer[l].tile_cost : dearest;
    return dearest;
}

/* Every tile has one owner. A member may get or lose a tile in each layer; where a layer's panels are divided, it has at most a
 * tenth more than its share of them. */
static void check_members(const bp_plan *plan, const bp_layout *layout, unsigned members)
{
    double share = cost_of(plan, layout, (bp_range){0, plan->tiles}) / members, slack = 3 * dearest_tile(plan, layout);
    unsigned char *owners = calloc(plan->tiles, 1);

    for (unsigned t = 0; t < members; t++) {
        double cost = 0;
        for (uint32_t l = 0; l < layout->layers; l++) {
            bp_member member = {t, members, NULL};
            bp_range tiles = bp_grid_tiles(plan, layout, l, member, bp_grid_loose_tiles(plan, layout, member));
            cost += cost_of(plan, layout, tiles);
            for (size_t tile = tiles.first; tile < tiles.end; tile++)
                owners[tile]++;
        }
        cr_assert(cost <= 1.1 * share + slack && cost >= 0.9 * share - slack, "member %u of %u: cost %g of %g", t, members, cost,
                  share);
    }
    for (size_t tile = 0; tile < plan->tiles; tile++)
        cr_assert_eq(owners[tile], 1, "tile %zu of %u members has %d owners", tile, members, owners[tile]);
    free(owners);
}

Test(plan, members_share_all_tiles_evenly)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (unsigned members = 1; members <= 130; members++) {
            bp_layout layout = layout_of(shapes[s]);
            bp_settings settings = with(100, members, BP_GRADIENT_AUTO);
            settings.exact_threads = 1;
            bp_plan plan = plan_of(&layout, &settings);
            check_members(&plan, &layout, members);
        }
}

/* ----------------------------------------------------------------------------------------------------------- threads */

Test(plan, exact_threads_are_exact)
{
    bp_layout layout = layout_of(shapes[0]);

    for (uint32_t threads = 1; threads <= 100; threads += 33) {
        bp_settings settings = with(1, threads, BP_GRADIENT_AUTO);
        cr_assert_eq(plan_of(&layout, &settings).threads, threads);
    }
}

Test(plan, a_tiny_step_is_one_threads)
{
    bp_layout layout = layout_of(shapes[0]);
    bp_settings settings = with(32, 64, BP_GRADIENT_AUTO);

    settings.exact_threads = 0;
    cr_assert_eq(plan_of(&layout, &settings).threads, 1);
    settings.threads = 0;
    cr_assert_eq(plan_of(&layout, &settings).threads, 1);
}

Test(plan, threads_are_a_limit)
{
    bp_layout layout = layout_of(shapes[3]);

    for (uint32_t threads = 1; threads <= 4; threads++) {
        bp_settings settings = with(1024, threads, BP_GRADIENT_AUTO);
        settings.exact_threads = 0;
        cr_assert_leq(plan_of(&layout, &settings).threads, threads);
    }
}

Test(plan, an_instruction_set_that_is_none_is_refused)
{
    bp_layout layout = layout_of(shapes[0]);
    bp_settings settings = with(1, 1, BP_GRADIENT_AUTO);
    bp_plan plan;

    settings.isa = 99;
    cr_assert_eq(bp_plan_make(&layout, &settings, NULL, &plan, NULL), BP_INVALID);
}

/* -------------------------------------------------------------------------------------------------------------- text */

Test(plan, its_text_tells_what_was_chosen)
{
    char text[2000];
    bp_layout layout = layout_of(shapes[1]);
    bp_settings settings = with(128, 3, BP_GRADIENT_BUFFERS);
    bp_plan plan = plan_of(&layout, &settings);

    bp_plan_text(&plan, &layout, text, sizeof text);
    cr_assert(strstr(text, plan.arithmetic.kernels->name) && strstr(text, "threads:  3 ") && strstr(text, "gradient: buffers"),
              "%s", text);
    cr_assert(strstr(text, "784 x 512") && strstr(text, "512 x 10"), "%s", text);
}

Test(plan, its_text_is_cut_at_any_capacity)
{
    char whole[2000], text[2000];
    bp_layout layout = layout_of(shapes[2]);
    bp_settings settings = with(100, 2, BP_GRADIENT_TILES);
    bp_plan plan = plan_of(&layout, &settings);
    size_t length = bp_plan_text(&plan, &layout, whole, sizeof whole);

    cr_assert_eq(strlen(whole), length);
    cr_assert_eq(bp_plan_text(&plan, &layout, NULL, 0), length);
    for (size_t capacity = 1; capacity <= length + 1; capacity++) {
        memset(text, 'x', sizeof text);
        cr_assert_eq(bp_plan_text(&plan, &layout, text, capacity), length);
        cr_assert(strlen(text) == capacity - 1 && strncmp(text, whole, capacity - 1) == 0 && text[capacity] == 'x', "capacity %zu",
                  capacity);
    }
}
