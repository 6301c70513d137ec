/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include <string.h>

#include "grid.h"
#include "pass.h"
#include "plan.h"
#include "shard_tree.h"
#include "size.h"

/* -------------------------------------------------------------------------------------------------------- what was measured */

/* Of one core, operands in L2: operations or bytes in a nanosecond, nanoseconds for everything else. */
typedef struct rates {
    const char *kernels;
    double rows;                 /* operations of product_rows in a ns, whole panels */
    double columns;              /* of product_columns */
    size_t vector;               /* columns of a panel are padded to multiples of it */
    double start;                /* steps that a chain's beginning and end are worth */
    double call;                 /* of a kernel */
    double bend[BP_ACTIVATIONS]; /* an element's activation or slope, by bp_activation */
    double row, element;         /* gathered */
    double example, output;      /* of the loss */
    double add;                  /* an element of two sums */
    double update[3];            /* a parameter, by moments; its copy in W^T included */
    double tiny[3];              /* a tiny network's shard, its row, and a vector of a row's hidden units for each input */
} rates;

/* identity, relu, leaky_relu, sigmoid, tanh, elu, gelu, silu, softplus; the last four by `bench/run kernels`. */
#define BEND_AVX512 0.00, 0.04, 0.04, 0.35, 0.45, 0.25, 0.80, 0.50, 0.40
#define BEND_AVX2 0.00, 0.06, 0.06, 0.70, 0.90, 0.40, 1.20, 0.80, 0.60
#define BEND_NEON 0.00, 0.12, 0.12, 1.40, 1.80, 0.80, 2.40, 1.60, 1.20
#define BEND_SCALAR 0.00, 0.50, 0.50, 5.00, 7.00, 5.00, 11.0, 7.00, 5.00

/* avx512: products and a tiny network's step as the standard workloads have them on a Xeon with 48 KiB L1d and 2 MiB L2 a core at
 * 2.9-3.4 GHz (docs/scaling.md), all else estimates from single runs of `bench/model --constants` there; avx2 and scalar in
 * proportion. neon: twice 128 bits a cycle at 3 GHz, from instruction tables, not measured. Large steps depend on rows and columns
 * alone. */
static const rates measured[] = {
    {"avx512", 178, 170, 16, 4, 20, {BEND_AVX512}, 8, 0.12, 4, 1, 0.04, {0.12, 0.20, 0.45}, {16, 3.6, 0.32}},
    {"avx2", 90, 88, 8, 4, 20, {BEND_AVX2}, 8, 0.15, 4, 1.4, 0.06, {0.16, 0.28, 0.70}, {20, 4.9, 0.31}},
    {"neon", 42, 40, 4, 4, 20, {BEND_NEON}, 8, 0.20, 4, 4, 0.12, {0.30, 0.50, 1.40}, {20, 5.0, 0.40}},
    {"scalar", 10, 10, 1, 2, 20, {BEND_SCALAR}, 8, 0.40, 4, 4, 0.50, {1.20, 2.00, 5.00}, {20, 2.0, 0.62}},
};

/* Of blocks of bf16, by terms: operations of whole products in a nanosecond, nanoseconds to pack an element; and steps of 32 that a
 * chain's beginning and end are worth. amx and avx512: `bench/run blocks` on the same machine; avx2 and scalar there, too, the
 * packing estimated; neon in proportion to f32's. */
typedef struct block_rates {
    const char *blocks;
    double product[BP_TERMS_MAX];
    double pack[BP_TERMS_MAX];
    double start;
} block_rates;

static const block_rates measured_blocks[] = {
    {"amx", {1600, 720, 400}, {0.06, 0.13, 0.20}, 2.0}, {"avx512", {140, 50, 25}, {0.22, 0.35, 0.50}, 0.2},
    {"avx2", {87, 30, 15}, {0.40, 0.70, 1.00}, 0.2},    {"neon", {38, 13, 7}, {0.80, 1.40, 2.00}, 0.2},
    {"scalar", {11, 4, 2}, {1.50, 3.00, 4.50}, 0.2},
};

/* Where bytes come from. */
typedef enum level { L2, L3, MEMORY, OTHERS, LEVELS } level;

/* Bytes in a nanosecond to one core, the same machine (research: tile loads 170 and 29 from L2 and L3, read-modify-write of 1 GiB
 * 29 on one core, 53 on two), the lines of other cores by way of L3; and what a NUMA node's memory gives to all of its cores. */
static const double bandwidth[LEVELS] = {200, 20, 12, 12};
#define NODE_BANDWIDTH 150.0

/* Nanoseconds: of a barrier of two threads 300 (OpenMP's on two free cores), and more for each that counts itself in, since the
 * counter's line goes from core to core; twice that between packages. Opening and closing a region: 800 for two. */
#define BARRIER 200.0
#define BARRIER_OF_THREAD 60.0
#define FORK 600.0
#define FORK_OF_THREAD 100.0

/* A step's lines that go from core to core one by one, as they are asked for: 32-64-64-1 on two threads was 7 us longer than
 * without, 5-24-41-12-3-3 with 171 rows 6. */
#define EXCHANGE 3000.0

/* Rows that a product takes through a layer together, and panels of a that the gradient takes where they have 512 rows (product.c,
 * tiles.c). */
#define ROWS_TOGETHER 256.0
#define STAYING_ROWS 512.0 /* of block_product.c */
#define PANELS_TOGETHER 8

static const rates *rates_of(const bp_kernels *kernels)
{
    size_t i = 0;

    while (i + 1 < sizeof measured / sizeof *measured && strcmp(measured[i].kernels, kernels->name) != 0)
        i++;
    return &measured[i];
}

static const block_rates *block_rates_of(const bp_block_kernels *blocks)
{
    size_t i = 0;

    while (i + 1 < sizeof measured_blocks / sizeof *measured_blocks && strcmp(measured_blocks[i].blocks, blocks->name) != 0)
        i++;
    return &measured_blocks[i];
}

bp_operand_cost bp_cost_of_operands(const bp_arithmetic *arithmetic)
{
    unsigned terms = arithmetic->terms;

    if (!terms)
        return (bp_operand_cost){.operations = 150, .weight_bytes = sizeof(float), .row_bytes = sizeof(float)};
    const block_rates *own = block_rates_of(arithmetic->blocks);
    return (bp_operand_cost){
        .operations = own->product[terms - 1],
        .weight_bytes = sizeof(float),
        .weight_ns = own->pack[terms - 1],
        .row_bytes = (double)terms * sizeof(uint16_t),
    };
}

/* ----------------------------------------------------------------------------------------------------- one thread's phase */

typedef struct model {
    const bp_layout *layout;
    const bp_plan *plan;
    const bp_topology *machine;
    const rates *rates;
    double rows;   /* of the busiest thread */
    double share;  /* of the tiles, the busiest thread's */
    double others; /* of what was written by the whole team, the part that other threads wrote */
    level level;   /* that holds what a thread touches between two uses of the same bytes */
} model;

/* What a thread does in a phase. */
typedef struct load {
    double ns;
    double ahead[LEVELS];   /* bytes that are asked for while there is arithmetic to do: W, W^T */
    double exposed[LEVELS]; /* bytes that are waited for */
} load;

static double ceiling(double count, double unit)
{
    double units = (double)(size_t)(count / unit);
    return units * unit < count ? units + 1 : units;
}

static level level_of(const model *m, double bytes)
{
    const bp_topology *t = m->machine;

    if (bytes <= (double)t->l2_bytes / t->l2_sharing)
        return L2;
    uint32_t sharing = m->plan->threads < t->l3_sharing ? m->plan->threads : t->l3_sharing;
    return bytes <= (double)t->l3_bytes / sharing ? L3 : MEMORY;
}

static double bandwidth_of(const model *m, level from)
{
    double shared = NODE_BANDWIDTH * m->machine->numa_nodes / m->plan->threads;
    return from == MEMORY && shared < bandwidth[MEMORY] ? shared : bandwidth[from];
}

static double microseconds(const model *m, const load *work)
{
    double ahead = 0, exposed = 0;

    for (level from = L2; from < LEVELS; from++) {
        ahead += work->ahead[from] / bandwidth_of(m, from);
        exposed += work->exposed[from] / bandwidth_of(m, from);
    }
    return 1e-3 * ((ahead > work->ns ? ahead : work->ns) + exposed);
}

static double padded(const model *m, uint32_t columns)
{
    return (double)bp_size_round_up(columns, m->rates->vector);
}

/* Columns of a product that take as long: a narrow one loads and turns a's rows for all of its columns, which is worth two fifths
 * of a vector (95 rows of 883: 6.8 us for one column, 8.2 for two, 14.5 for eight; 16.4 by product_rows). */
static double columns_of(const model *m, uint32_t columns, bool narrow)
{
    return narrow ? 0.4 * (double)m->rates->vector + columns : padded(m, columns);
}

/* Nanoseconds of the sums of some blocks of c, each of `steps` blocks of the reduction. */
static double block_sums(const model *m, double blocks, double steps)
{
    const block_rates *own = block_rates_of(m->plan->arithmetic.blocks);
    return blocks * (steps + own->start) * 2 * BP_PANEL * BP_PANEL * BP_PANEL / own->product[m->plan->arithmetic.terms - 1];
}

static double pack(const model *m, double elements)
{
    return elements * block_rates_of(m->plan->arithmetic.blocks)->pack[m->plan->arithmetic.terms - 1];
}

/* Bytes that the team wrote before the last barrier: what others wrote comes out of their caches. */
static void take_shared(const model *m, double bytes, double from[LEVELS])
{
    from[OTHERS] += bytes * m->others;
    from[m->level] += bytes * (1 - m->others);
}

/* What multiply below has, in mixed precision: W is read and packed for each STAYING_ROWS of the rows, c is packed both ways, and
 * written in f32, too, but for some layers (pass.h), which is not told apart here. */
static void multiply_blocks(const model *m, uint32_t k, uint32_t n, bp_activation bend, unsigned parts, load *work)
{
    double across = (double)m->plan->threads / parts, rows = across > 1 ? ceiling((double)m->plan->batch, parts) : m->rows;
    double row_blocks = ceiling(rows, BP_PANEL), panels = bp_panels(n) / across, elements = panels * BP_PANEL * rows;
    double times = m->plan->packs_whole ? 1 : ceiling(rows, STAYING_ROWS), bytes = 2.0 * m->plan->arithmetic.terms;

    work->ns += block_sums(m, row_blocks * panels, bp_panels(k)) + elements * m->rates->bend[bend];
    work->ns += pack(m, times * k * n / across) + pack(m, 2 * elements);
    work->ahead[m->level] += (4.0 * k * n / across) * times + bytes * rows * k / across;
    work->ahead[OTHERS] += bytes * rows * k * (1 - 1 / across);
    work->exposed[m->level] += (4 + 2 * bytes) * elements;
}

/* c [rows, n] = a [rows, k] b, b being a layer's W or W^T, and c's activation or slope; the rows are cut in `parts`, and the
 * threads of a part divide the columns (grid.h). Who owns columns has updated b's, but reads what others made of a. */
static void multiply(const model *m, uint32_t k, uint32_t n, bool narrow, bp_activation bend, unsigned parts, load *work)
{
    double across = (double)m->plan->threads / parts, rows = across > 1 ? ceiling((double)m->plan->batch, parts) : m->rows;
    double columns = columns_of(m, n, narrow) / across, blocks = ceiling(rows, ROWS_TOGETHER), weights = 4.0 * k * n / across;

    if (m->plan->arithmetic.terms) {
        multiply_blocks(m, k, n, bend, parts, work);
        return;
    }
    work->ns += 2 * rows * (k + m->rates->start) * columns / m->rates->rows;
    work->ns += blocks * bp_panels(n) / across * m->rates->call + rows * n / across * m->rates->bend[bend];
    work->exposed[m->level] += 4 * rows * (k / across + 2.0 * n / across);
    work->exposed[OTHERS] += 4 * rows * k * (1 - 1 / across);
    if (across > 1)
        work->ahead[m->level] += weights;
    else
        take_shared(m, weights, work->ahead);
    work->ahead[level_of(m, weights + 4 * ROWS_TOGETHER * (k + n / across))] += weights * (blocks - 1);
}

static double forward(const model *m)
{
    load work = {0};

    for (uint32_t i = 0; i < m->layout->layers; i++) {
        const bp_layer *layer = &m->layout->layer[i];
        multiply(m, layer->k, layer->n, layer->narrow, layer->activation, m->plan->layer[i].forward_parts, &work);
    }
    return microseconds(m, &work);
}

static double backward(const model *m)
{
    load work = {0};

    for (uint32_t i = 1; i < m->layout->layers; i++) {
        const bp_layer *layer = &m->layout->layer[i];
        multiply(m, layer->n, layer->k, bp_layer_is_narrow_backward(layer), layer[-1].activation, m->plan->layer[i].backward_parts,
                 &work);
    }
    return microseconds(m, &work);
}

static double gather(const model *m)
{
    uint32_t inputs = m->layout->layer[0].k;
    load work = {.ns = m->rows * (m->rates->row + inputs * m->rates->element), .exposed = {[L3] = 4 * m->rows * inputs}};
    return microseconds(m, &work);
}

static double loss(const model *m)
{
    return m->rows * (m->rates->example + m->layout->layer[m->layout->layers - 1].n * m->rates->output) * 1e-3;
}

/* Chains of dW over `rows` in `shards`, of a part of the layer. Fewer than three rows of a narrow layer's tile wait for
 * themselves. */
static double chains(const model *m, const bp_layer *layer, double rows, double shards, double part)
{
    double tiles = part * layer->k_panels * layer->n_panels * shards;

    if (m->plan->arithmetic.terms)
        return block_sums(m, tiles, ceiling(rows / shards, BP_PANEL)) + tiles * m->rates->call +
               part * rows * layer->n * m->rates->add;
    double elements = layer->narrow ? (layer->n < 3 ? 3 : layer->n) * padded(m, layer->k) : layer->k * padded(m, layer->n);
    return 2 * (rows + m->rates->start * shards) * part * elements / m->rates->columns + tiles * m->rates->call;
}

/* A layer in tiles: the owner of some takes all rows of their panels of a and dL/dz. */
static void compute_tiles(const model *m, uint32_t number, load *work)
{
    const bp_layer *layer = &m->layout->layer[number];
    double rows = (double)m->plan->batch, shards = ceiling(rows, (double)m->plan->layer[number].shard_rows);
    unsigned terms = m->plan->arithmetic.terms;
    double tiles = m->share * layer->k_panels * layer->n_panels, panel = (terms ? 2.0 * terms : 4.0) * rows * BP_PANEL;
    double panels_of_a = tiles < layer->k_panels ? tiles : layer->k_panels;
    double panels_of_d = ceiling(tiles, layer->k_panels) * ceiling(panels_of_a, PANELS_TOGETHER);

    work->ns += chains(m, layer, rows, shards, m->share) + (shards - 1) * m->share * (double)bp_layer_floats(layer) * m->rates->add;
    take_shared(m, panel * (panels_of_a + panels_of_d), work->exposed);
}

/* A layer in buffers: each thread's own shards, then the sum over threads of the slice that it owns. */
static void fill_buffers(const model *m, uint32_t number, load *work)
{
    const bp_layer *layer = &m->layout->layer[number];
    double shards = ceiling(m->rows, (double)m->plan->layer[number].shard_rows), floats = (double)bp_layer_floats(layer);
    double buffers = 4 * floats * bp_fold_blocks((size_t)shards);

    work->ns += chains(m, layer, m->rows, shards, 1) + (shards - 1) * floats * m->rates->add;
    work->exposed[level_of(m, buffers)] += 12 * floats * shards;
    work->ns += (m->plan->threads - 1) * m->share * floats * m->rates->add;
    take_shared(m, 4 * m->share * floats * m->plan->threads, work->exposed);
}

static double gradient(const model *m)
{
    unsigned moments = m->plan->moments;
    double floats = m->share * (double)m->layout->floats;
    load work = {.ns = floats * m->rates->update[moments]};

    work.ahead[m->level] += 4 * floats * (3 + 2 * moments); /* W read and written, W^T written, moments read and written */
    for (uint32_t i = 0; i < m->layout->layers; i++)
        m->plan->layer[i].buffered ? fill_buffers(m, i, &work) : compute_tiles(m, i, &work);
    return microseconds(m, &work);
}

/* --------------------------------------------------------------------------------------------------------------- a step */

/* Shards in one call each, of which a vector over hidden units meets every input twice. */
static double tiny(const model *m)
{
    const bp_layer *hidden = &m->layout->layer[0];
    double vectors = padded(m, hidden->n) / (double)m->rates->vector, shards = ceiling(m->rows, (double)m->plan->grain);
    return 1e-3 * (shards * m->rates->tiny[0] + m->rows * (m->rates->tiny[1] + vectors * (hidden->k + 4) * m->rates->tiny[2]));
}

static double tiny_update(const model *m)
{
    double floats = (m->layout->layer[0].k + 3.0) * BP_PANEL;
    return 1e-3 * (m->rates->tiny[0] + floats * (m->rates->update[m->plan->moments] + m->plan->threads * m->rates->add));
}

static model model_of(const bp_layout *layout, const bp_plan *plan, const bp_topology *machine)
{
    model m = {.layout = layout, .plan = plan, .machine = machine, .rates = rates_of(plan->arithmetic.kernels)};
    bp_range first = bp_team_range((bp_member){0, plan->threads, NULL}, plan->batch, plan->grain);
    double together = plan->chunk ? (double)bp_size_min(plan->chunk, plan->batch) : (double)first.end;
    double floats = (double)layout->floats;

    m.rows = (double)first.end;
    m.share = ceiling((double)plan->tiles, plan->threads) / (double)plan->tiles;
    m.others = 1 - 1.0 / plan->threads;
    m.level = level_of(&m, together * (double)bp_pass_row_bytes(layout, plan->arithmetic.terms) +
                               4 * (floats * 2 + floats * m.share * plan->moments));
    return m;
}

bp_cost bp_cost_of(const bp_layout *layout, const struct bp_plan *plan, const bp_topology *machine)
{
    model m = model_of(layout, plan, machine);
    bp_cost cost = {gather(&m), forward(&m), loss(&m), backward(&m), gradient(&m), 0, 0, 0};

    if (plan->threads > 1) {
        cost.barriers =
            1e-3 * bp_grid_barriers(plan, layout) * (BARRIER + BARRIER_OF_THREAD * plan->threads) * (machine->packages > 1 ? 2 : 1);
        cost.barriers += 1e-3 * EXCHANGE;
        cost.fork = 1e-3 * (FORK + FORK_OF_THREAD * plan->threads);
    }
    if (plan->tiny)
        cost = (bp_cost){.forward = tiny(&m), .gradient = tiny_update(&m), .barriers = cost.barriers, .fork = cost.fork};
    cost.step = cost.gather + cost.forward + cost.loss + cost.backward + cost.gradient + cost.barriers;
    return cost;
}
