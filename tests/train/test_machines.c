/* Plans for machines that do not exist: every row and tile has one owner, owners have equal shares, and whatever a machine makes
 * of a network, the result has the same bits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid.h"
#include "helper_engine.h"
#include "machine.h"
#include "plan.h"

static const char *const machines[] = {
    "core:1 pu:1",
    "core:2 pu:1",
    "core:3 pu:4",
    "package:1 l3:1(size=16777216) l2:8(size=262144) l1d:1(size=32768) core:1 pu:2",
    "package:1 l2:16(size=131072) l1d:1(size=16384) core:1 pu:1",
    "package:2 [numa] l3:1(size=100663296) l2:24(size=2097152) l1d:1(size=49152) core:1 pu:2",
    "package:2 [numa] l3:8(size=33554432) l2:8(size=1048576) l1d:1(size=49152) core:1 pu:2",
    "package:4 [numa] core:7 pu:1",
    "package:8 [numa] core:16 pu:2",
    "package:1 l3:1(size=4294967296) l2:96(size=134217728) l1d:1(size=1048576) core:1 pu:1",
};

typedef struct workload {
    uint32_t layers;
    uint32_t sizes[6];
    uint64_t batch;
    bp_optimizer optimizer;
} workload;

static const workload workloads[] = {
    {2, {8, 16, 1}, 32, BP_SGD},
    {3, {32, 64, 64, 1}, 256, BP_ADAM},
    {2, {784, 512, 10}, 128, BP_SGD},
    {4, {784, 1024, 1024, 1024, 10}, 512, BP_ADAM},
    {4, {2048, 2048, 2048, 2048, 2048}, 1024, BP_SGD},
    {3, {64, 128, 128, 8}, 16384, BP_SGD},
    {3, {64, 128, 128, 8}, 1000, BP_ADAMW},
    {1, {1, 1}, 1, BP_SGD},
    {1, {3, 2}, 1000000, BP_SGD},
    {5, {31, 33, 1000, 7, 65, 3}, 777, BP_ADAM},
    {1, {100000, 1}, 7, BP_SGD},
    {1, {1, 4000}, 5000, BP_SGD},
};

enum { MACHINES = sizeof machines / sizeof *machines, WORKLOADS = sizeof workloads / sizeof *workloads };

typedef struct planned {
    bp_layout layout;
    bp_machine machine;
    bp_plan plan;
} planned;

static void make(const char *machine, const workload *w, planned *p)
{
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    settings.threads = 0;
    settings.batch_size = w->batch;
    settings.optimizer = (int32_t)w->optimizer;
    cr_assert_eq(bp_layout_make(w->layers, w->sizes, BP_RELU, &p->layout, NULL), BP_OK);
    cr_assert(bp_machine_imagine(machine, &p->machine), "%s", machine);
    cr_assert_eq(bp_plan_make(&p->layout, &settings, &p->machine, &p->plan, &error), BP_OK, "%s", error.text);
}

typedef void plan_check(const planned *p, const char *name);

static void on_all(plan_check *check)
{
    static planned p;
    char name[300];

    for (size_t m = 0; m < MACHINES; m++)
        for (size_t w = 0; w < WORKLOADS; w++) {
            make(machines[m], &workloads[w], &p);
            snprintf(name, sizeof name, "workload %zu on %s, %u threads, %s", w, machines[m], p.plan.threads,
                     p.plan.blocks ? "buffers" : "tiles");
            check(&p, name);
        }
}

static bp_member member_of(const planned *p, unsigned index)
{
    return (bp_member){index, p->plan.threads, NULL};
}

static bp_range tiles_of(const planned *p, uint32_t layer, unsigned index)
{
    bp_member member = member_of(p, index);
    return bp_grid_tiles(&p->plan, &p->layout, layer, member, bp_grid_loose_tiles(&p->plan, &p->layout, member));
}

/* ------------------------------------------------------------------------------------------------------------- legal */

static void team_fits(const planned *p, const char *name)
{
    cr_assert(p->plan.threads >= 1 && p->plan.threads <= p->machine.topology.cores && p->plan.threads <= p->plan.batch, "%s", name);
}

Test(machines, a_team_has_no_more_threads_than_there_are_cores_and_rows)
{
    on_all(team_fits);
}

static void rows_have_one_owner(const planned *p, const char *name)
{
    size_t covered = 0;

    for (unsigned t = 0; t < p->plan.threads; t++) {
        bp_range rows = bp_team_range(member_of(p, t), p->plan.batch, p->plan.grain);
        cr_assert(rows.first == covered && rows.end >= rows.first, "%s: member %u", name, t);
        for (uint32_t l = 0; l < p->layout.layers; l++) {
            size_t shard = p->plan.layer[l].shard_rows;
            cr_assert(!p->plan.layer[l].buffered || rows.first % shard == 0 || rows.first == rows.end || shard >= p->plan.batch,
                      "%s: member %u begins inside a shard", name, t);
        }
        covered = rows.end;
    }
    cr_assert_eq(covered, p->plan.batch, "%s", name);
}

Test(machines, every_row_has_one_owner)
{
    on_all(rows_have_one_owner);
}

static void tiles_have_one_owner(const planned *p, const char *name)
{
    unsigned char *owners = calloc(p->plan.tiles, 1);

    for (unsigned t = 0; t < p->plan.threads; t++)
        for (uint32_t l = 0; l < p->layout.layers; l++) {
            bp_range tiles = tiles_of(p, l, t);
            for (size_t tile = tiles.first; tile < tiles.end; tile++)
                owners[tile]++;
        }
    for (size_t tile = 0; tile < p->plan.tiles; tile++)
        cr_assert_eq(owners[tile], 1, "%s: tile %zu has %d owners", name, tile, owners[tile]);
    free(owners);
}

Test(machines, every_tile_has_one_owner)
{
    on_all(tiles_have_one_owner);
}

/* The blocks of a[layer + 1], or d[layer], hold as many elements as there are. */
static void blocks_cover(const planned *p, uint32_t layer, bool backward, const char *name)
{
    size_t m = p->plan.batch, panels = backward ? p->layout.layer[layer].k_panels : p->layout.layer[layer].n_panels, covered = 0;
    unsigned parts = backward ? p->plan.layer[layer].backward_parts : p->plan.layer[layer].forward_parts;

    for (unsigned t = 0; t < p->plan.threads; t++) {
        bp_block block = backward ? bp_grid_backward(&p->plan, &p->layout, layer, member_of(p, t), m)
                                  : bp_grid_forward(&p->plan, &p->layout, layer, member_of(p, t), m);
        size_t wide = block.panels.end - block.panels.first, across = p->plan.threads / parts;
        cr_assert(block.rows.first + block.rows.count <= m && block.panels.end <= panels, "%s: member %u", name, t);
        cr_assert(parts == p->plan.threads || 10 * wide * across <= 11 * panels, "%s: member %u has %zu panels", name, t, wide);
        covered += block.rows.count * wide;
    }
    cr_assert_eq(covered, m * panels, "%s: layer %u", name, layer);
}

static void products_have_one_owner(const planned *p, const char *name)
{
    for (uint32_t l = 0; l < p->layout.layers; l++) {
        blocks_cover(p, l, false, name);
        blocks_cover(p, l, true, name);
    }
}

Test(machines, every_row_and_panel_of_a_product_has_one_owner)
{
    on_all(products_have_one_owner);
}

static void shards_are_those_of_one_core(const planned *p, const char *name)
{
    for (uint32_t l = 0; l < p->layout.layers; l++) {
        uint32_t sizes[] = {p->layout.layer[l].k, p->layout.layer[l].n};
        static planned alone;
        make(machines[0], &(workload){1, {sizes[0], sizes[1]}, p->plan.batch, BP_SGD}, &alone);
        cr_assert_eq(p->plan.layer[l].shard_rows, alone.plan.layer[0].shard_rows, "%s: layer %u", name, l);
    }
}

Test(machines, shards_are_the_same_on_every_machine)
{
    on_all(shards_are_those_of_one_core);
}

/* ---------------------------------------------------------------------------------------------------------- balanced */

/* A team that the plan has chosen has even rows: an uneven one costs what a smaller one does. A row is not divided. */
static void rows_are_even(const planned *p, const char *name)
{
    double mean = (double)p->plan.batch / p->plan.threads;

    for (unsigned t = 0; t < p->plan.threads; t++) {
        bp_range rows = bp_team_range(member_of(p, t), p->plan.batch, p->plan.grain);
        cr_assert((double)(rows.end - rows.first) <= 1.1 * mean || (double)(rows.end - rows.first) < mean + 1,
                  "%s: member %u has rows %zu of %g on average", name, t, rows.end - rows.first, mean);
    }
}

Test(machines, no_thread_has_a_tenth_more_rows_than_the_average)
{
    on_all(rows_are_even);
}

static double cost_of(const planned *p, bp_range tiles)
{
    double cost = 0;

    for (size_t number = tiles.first; number < tiles.end; number++)
        cost += p->plan.layer[bp_plan_tile(&p->plan, &p->layout, number).layer].tile_cost;
    return cost;
}

static void tiles_are_even(const planned *p, const char *name)
{
    double mean = cost_of(p, (bp_range){0, p->plan.tiles}) / p->plan.threads;

    if (p->plan.tiles < 10 * p->plan.threads) /* a tile is not divided */
        return;
    for (unsigned t = 0; t < p->plan.threads; t++) {
        double cost = 0;
        for (uint32_t l = 0; l < p->layout.layers; l++)
            cost += cost_of(p, tiles_of(p, l, t));
        cr_assert(cost <= 1.1 * mean, "%s: member %u has tiles for %g, %g on average", name, t, cost, mean);
    }
}

Test(machines, no_thread_has_a_tenth_more_tiles_than_the_average)
{
    on_all(tiles_are_even);
}

/* --------------------------------------------------------------------------------------------------------- sensible */

static unsigned threads_on(const char *machine, size_t w)
{
    static planned p;
    make(machine, &workloads[w], &p);
    return p.plan.threads;
}

Test(machines, a_short_step_is_one_threads_anywhere)
{
    for (size_t m = 0; m < MACHINES; m++)
        cr_assert_eq(threads_on(machines[m], 0), 1, "%s", machines[m]);
}

Test(machines, a_long_step_is_everybodys)
{
    for (size_t m = 0; m < MACHINES; m++) {
        static planned p;
        make(machines[m], &workloads[4], &p);
        cr_assert_geq(10 * p.plan.threads, 8 * p.machine.topology.cores, "%s: %u threads of %u", machines[m], p.plan.threads,
                      p.machine.topology.cores);
    }
}

static void team_is_expected_to_gain(const planned *p, const char *name)
{
    cr_assert(p->plan.threads == 1 || p->plan.cost.step < p->plan.microseconds, "%s: %g us, and %g on one thread", name,
              p->plan.cost.step, p->plan.microseconds);
}

Test(machines, a_team_is_expected_to_be_faster_than_one_thread)
{
    on_all(team_is_expected_to_gain);
}

/* -------------------------------------------------------------------------------------------------------------- bits */

enum { ROWS = 2048, INPUTS = 40, OUTPUTS = 3, FLOATS = 6000, TEAMS = 64 };

static bp_settings small_problem(void)
{
    bp_settings settings = settings_for((uint32_t[]){64, 33}, 2, BP_TANH, BP_SQUARED_ERROR);

    settings.batch_size = ROWS;
    settings.optimizer = BP_ADAM;
    return settings;
}

/* Weights after two steps by exactly this team, in this way. */
static void weights_by(unsigned threads, bp_gradient gradient, float *weights)
{
    static float x[ROWS * INPUTS], y[ROWS * OUTPUTS];
    bp_settings settings = small_problem();

    for (size_t i = 0; i < ROWS * INPUTS; i++)
        x[i] = (float)(i * 2654435761u % 1000) / 500.0f - 1.0f;
    for (size_t i = 0; i < ROWS * OUTPUTS; i++)
        y[i] = (float)(i * 40503u % 100) / 50.0f - 1.0f;
    settings.threads = threads;
    settings.exact_threads = 1;
    settings.gradient = (int32_t)gradient;
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);
    for (int step = 0; step < 2; step++)
        cr_assert_eq(bp_trainer_step(trainer, ROWS - 5 * (uint64_t)step, x, y, NULL, NULL, NULL), BP_OK);
    get_weights(network, weights);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

Test(machines, what_any_of_them_makes_of_a_network_has_the_same_bits)
{
    static float wanted[FLOATS], weights[FLOATS];
    static bool done[1024][3];
    workload w = {3, {INPUTS, 64, 33, OUTPUTS}, ROWS, BP_ADAM};
    static planned p;
    unsigned ways = 0;

    weights_by(1, BP_GRADIENT_AUTO, wanted);
    for (size_t m = 0; m < MACHINES; m++) {
        make(machines[m], &w, &p);
        bp_gradient way = p.plan.blocks ? BP_GRADIENT_BUFFERS : BP_GRADIENT_TILES;
        if (done[p.plan.threads][way])
            continue;
        done[p.plan.threads][way] = true;
        ways++;
        weights_by(p.plan.threads, way, weights);
        cr_assert_eq(memcmp(weights, wanted, sizeof wanted), 0, "%s: %u threads, %s", machines[m], p.plan.threads,
                     way == BP_GRADIENT_BUFFERS ? "buffers" : "tiles");
    }
    cr_assert_geq(ways, 3, "the machines are too much alike");
}
