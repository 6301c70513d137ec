/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include "size.h"

/* Bytes in a nanosecond that a thread gets out of the caches of others: what grids are chosen by (784-512-10, 128 rows, two
 * threads: panels save 0.5 MB of 1.6 for each). */
#define OTHERS_BANDWIDTH 10.0

/* Nanoseconds that two more barriers cost, and the part of a layer's time that must be saved at least. */
#define BARRIERS 2000.0
#define WORTH 0.05

/* Panels, unless all have equally many, and tiles that each thread must have at least: none is 10 % above its share then. */
#define EACH 20

/* ------------------------------------------------------------------------------------------------------------- choice */

/* Nanoseconds for what others made: a thread's part of b, and a where others have made some of its columns. */
static double reading(const bp_operand_cost *cost, size_t k, size_t n, size_t m, unsigned threads, unsigned parts)
{
    double across = (double)threads / parts, rows = (double)m / parts;
    double weights = (double)n * (double)k / across, others = rows * (double)k * (1.0 - 1.0 / across);
    return (cost->weight_bytes * weights + cost->row_bytes * others) / OTHERS_BANDWIDTH + cost->weight_ns * weights;
}

static bool is_even(size_t k, size_t n, unsigned threads, unsigned parts)
{
    size_t across = threads / parts, panels = bp_panels((uint32_t)n), tiles = panels * bp_panels((uint32_t)k);
    return (panels % across == 0 || panels >= EACH * across) && tiles >= (size_t)EACH * threads;
}

/* Parts of the rows for c [m, n] = a [m, k] b. */
static unsigned choose_parts(const bp_operand_cost *cost, size_t k, size_t n, size_t m, unsigned threads)
{
    double all = reading(cost, k, n, m, threads, threads), least = all;
    double work = 2.0 * (double)m * (double)k * (double)n / threads / cost->operations;
    unsigned best = threads;

    for (unsigned parts = 1; parts < threads; parts++) {
        double some = reading(cost, k, n, m, threads, parts);
        if (threads % parts == 0 && is_even(k, n, threads, parts) && some < least) {
            best = parts;
            least = some;
        }
    }
    return all - least > BARRIERS + WORTH * work ? best : threads;
}

/* d[i] has the panels of a[i]: their owner has made a[i], and will make dW of layer i - 1 from both. */
void bp_grid_choose(const bp_layout *layout, bp_plan *plan)
{
    bp_operand_cost cost = bp_cost_of_operands(&plan->arithmetic);

    for (uint32_t i = 0; i < layout->layers; i++) {
        const bp_layer *layer = &layout->layer[i];
        plan->layer[i].forward_parts = plan->layer[i].backward_parts = plan->threads;
        if (plan->chunk || plan->threads == 1)
            continue;
        plan->layer[i].forward_parts = choose_parts(&cost, layer->k, layer->n, plan->batch, plan->threads);
        plan->layer[i].backward_parts = i && plan->layer[i - 1].forward_parts < plan->threads
                                            ? plan->layer[i - 1].forward_parts
                                            : choose_parts(&cost, layer->n, layer->k, plan->batch, plan->threads);
    }
}

/* -------------------------------------------------------------------------------------------------------------- shares */

/* A team that turned out smaller than planned takes rows alone. */
static unsigned parts_for(unsigned parts, bp_member member)
{
    return member.threads % parts ? member.threads : parts;
}

static bp_block block_of(unsigned parts, size_t grain, size_t panels, bp_member member, size_t m)
{
    unsigned across = member.threads / parts;
    bp_range rows = bp_team_range((bp_member){member.index / across, parts, NULL}, m, grain);

    return (bp_block){
        .rows = {rows.first, rows.end - rows.first},
        .panels = bp_team_range((bp_member){member.index % across, across, NULL}, panels, 1),
    };
}

bp_block bp_grid_forward(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, size_t m)
{
    return block_of(parts_for(plan->layer[layer].forward_parts, member), plan->grain, layout->layer[layer].n_panels, member, m);
}

bp_block bp_grid_backward(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, size_t m)
{
    return block_of(parts_for(plan->layer[layer].backward_parts, member), plan->grain, layout->layer[layer].k_panels, member, m);
}

bool bp_grid_divides_forward(const bp_plan *plan, uint32_t layer, bp_member member)
{
    return parts_for(plan->layer[layer].forward_parts, member) < member.threads;
}

bool bp_grid_divides_backward(const bp_plan *plan, uint32_t layer, bp_member member)
{
    return parts_for(plan->layer[layer].backward_parts, member) < member.threads;
}

/* ------------------------------------------------------------------------------------------------------------- tiles */

/* Cost of the layer's tiles that are not owned by panels. */
static double loose_cost(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member)
{
    bp_range tiles = bp_plan_layer_tiles(plan, layout, layer);
    return bp_grid_divides_forward(plan, layer, member) ? 0.0 : plan->layer[layer].tile_cost * (double)(tiles.end - tiles.first);
}

/* The first loose tile at or behind a part of their cost. */
static size_t tile_at(const bp_plan *plan, const bp_layout *layout, bp_member member, double part)
{
    double cost = 0;

    for (uint32_t i = 0; i < layout->layers; i++)
        cost += loose_cost(plan, layout, i, member);
    cost *= part;
    for (uint32_t i = 0; i < layout->layers; i++) {
        double all = loose_cost(plan, layout, i, member);
        if (cost < all)
            return plan->layer[i].first_tile + (size_t)(cost / plan->layer[i].tile_cost);
        cost -= all;
    }
    return plan->tiles;
}

bp_range bp_grid_loose_tiles(const bp_plan *plan, const bp_layout *layout, bp_member member)
{
    double share = 1.0 / member.threads;
    return (bp_range){
        member.index == 0 ? 0 : tile_at(plan, layout, member, share * member.index),
        member.index + 1 == member.threads ? plan->tiles : tile_at(plan, layout, member, share * (member.index + 1)),
    };
}

/* Tiles of the member's panels, divided among those who have the same panels of other rows. */
static bp_range own_tiles(unsigned parts, size_t first, size_t height, size_t panels, bp_member member)
{
    bp_range own = block_of(parts, 1, panels, member, parts).panels;
    bp_range part =
        bp_team_range((bp_member){member.index / (member.threads / parts), parts, NULL}, (own.end - own.first) * height, 1);

    first += own.first * height;
    return (bp_range){first + part.first, first + part.end};
}

bp_range bp_grid_tiles(const bp_plan *plan, const bp_layout *layout, uint32_t layer, bp_member member, bp_range loose)
{
    bp_range all = bp_plan_layer_tiles(plan, layout, layer);

    if (bp_grid_divides_forward(plan, layer, member))
        return own_tiles(parts_for(plan->layer[layer].forward_parts, member), all.first, layout->layer[layer].k_panels,
                         layout->layer[layer].n_panels, member);
    bp_range some = {bp_size_max(all.first, loose.first), bp_size_min(all.end, loose.end)};
    return some.first < some.end ? some : (bp_range){all.first, all.first};
}

unsigned bp_grid_barriers(const bp_plan *plan, const bp_layout *layout)
{
    bp_member member = {0, plan->threads, NULL};
    unsigned barriers = plan->threads > 1 ? 2 + plan->split : 0;
    bool before = false; /* the layer before, in the order of the pass, was divided */

    for (uint32_t i = 0; i < layout->layers; before = bp_grid_divides_forward(plan, i++, member))
        barriers += before || bp_grid_divides_forward(plan, i, member);
    barriers += before;
    before = false;
    for (uint32_t i = layout->layers; i-- > 1; before = bp_grid_divides_backward(plan, i, member))
        barriers += before || bp_grid_divides_backward(plan, i, member);
    return barriers;
}
