/* The footprint: what a fit touches is what the plan tells, and what threads work on is left to them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* mincore, madvise */
#include "footprint.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "numbers.h"
#include "trainer.h"

enum { PAGE = 4096, BLOCKS = 64, ROWS = 2000 };

/* Memory straight from the system, block by block: pages exist from their first touch on. */
typedef struct pages {
    struct {
        unsigned char *at;
        size_t size;
    } block[BLOCKS];
    size_t blocks;
    size_t touched; /* bytes, where somebody has looked */
} pages;

static void *take_pages(void *context, size_t size, size_t alignment)
{
    pages *p = context;
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    void *at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    cr_assert(at != MAP_FAILED && p->blocks < BLOCKS && alignment <= PAGE);
    madvise(at, whole, MADV_NOHUGEPAGE);
    p->block[p->blocks].at = at;
    p->block[p->blocks++].size = whole;
    return at;
}

static void give_back(void *context, void *memory, size_t size)
{
    pages *p = context;
    size_t i = 0;

    (void)size;
    while (p->block[i].at != memory)
        i++;
    munmap(memory, p->block[i].size);
    p->block[i] = p->block[--p->blocks];
}

static bp_allocator allocator_of(pages *p)
{
    return (bp_allocator){p, take_pages, give_back};
}

static size_t touched_bytes(const pages *p)
{
    static unsigned char resident[1 << 20];
    size_t count = 0;

    for (size_t b = 0; b < p->blocks; b++) {
        size_t all = p->block[b].size / PAGE;
        cr_assert_leq(all, sizeof resident);
        cr_assert_eq(mincore(p->block[b].at, p->block[b].size, resident), 0);
        for (size_t i = 0; i < all; i++)
            count += resident[i] & 1;
    }
    return count * PAGE;
}

/* In a fit's last callback: training and validation have been through everything. */
static int look(void *context, const bp_progress *progress)
{
    pages *p = context;
    (void)progress;
    p->touched = touched_bytes(p);
    return 0;
}

typedef struct shape {
    uint32_t inputs, outputs;
    uint32_t hidden[3];
    uint32_t layers;
    uint64_t batch;
    bp_optimizer optimizer;
    bp_gradient gradient;
    uint32_t threads;
    bp_precision precision;
} shape;

static const shape shapes[] = {
    {784, 10, {512}, 2, 128, BP_ADAM, BP_GRADIENT_AUTO, 1, BP_F32},
    {784, 10, {512}, 2, 128, BP_ADAM, BP_GRADIENT_AUTO, 2, BP_F32},
    {64, 8, {128, 128}, 3, 1500, BP_SGD, BP_GRADIENT_BUFFERS, 1, BP_F32},
    {64, 8, {128, 128}, 3, 1500, BP_SGD, BP_GRADIENT_BUFFERS, 2, BP_F32},
    {64, 8, {128, 128}, 3, 2000, BP_SGD, BP_GRADIENT_TILES, 3, BP_F32},
    {300, 1, {500, 500}, 3, 100, BP_ADAMW, BP_GRADIENT_AUTO, 2, BP_F32},
    {600, 300, {0}, 1, 1500, BP_SGD, BP_GRADIENT_AUTO, 2, BP_F32},
    {20, 300, {0}, 1, 999, BP_SGD, BP_GRADIENT_AUTO, 2, BP_F32},
    {784, 10, {512}, 2, 128, BP_ADAM, BP_GRADIENT_AUTO, 2, BP_BF16},
    {64, 8, {128, 128}, 3, 1500, BP_SGD, BP_GRADIENT_BUFFERS, 2, BP_BF16},
    {300, 1, {500, 500}, 3, 100, BP_ADAMW, BP_GRADIENT_AUTO, 1, BP_BF16X2},
    {64, 8, {128, 128}, 3, 2000, BP_SGD, BP_GRADIENT_TILES, 3, BP_BF16X3},
    {600, 300, {0}, 1, 1500, BP_SGD, BP_GRADIENT_AUTO, 2, BP_BF16X3},
    {33, 40, {65}, 2, 999, BP_SGD, BP_GRADIENT_AUTO, 2, BP_BF16X3},
};

typedef struct subject {
    pages pages;
    bp_network *network;
    bp_trainer *trainer;
} subject;

static void begin(subject *s, const shape *of)
{
    bp_allocator allocator = allocator_of(&s->pages);
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    memcpy(settings.hidden, of->hidden, sizeof of->hidden);
    settings.hidden_count = of->layers - 1;
    settings.loss = BP_SQUARED_ERROR;
    settings.batch_size = of->batch;
    settings.optimizer = (int32_t)of->optimizer;
    settings.gradient = (int32_t)of->gradient;
    settings.precision = (int32_t)of->precision;
    settings.threads = of->threads;
    settings.exact_threads = 1;
    settings.epochs = 2;
    memset(&s->pages, 0, sizeof s->pages);
    cr_assert_eq(bp_network_create(&settings, of->inputs, of->outputs, &allocator, &s->network, NULL), BP_OK);
    cr_assert_eq(bp_trainer_create(s->network, &settings, NULL, 0, &allocator, &s->trainer, NULL), BP_OK);
}

static void end(subject *s)
{
    bp_trainer_free(s->trainer);
    bp_network_free(s->network);
    cr_assert_eq(s->pages.blocks, 0);
}

/* ------------------------------------------------------------------------------------------------------------ a fit */

static void fit(subject *s, const shape *of)
{
    static float x[ROWS * 784], y[ROWS * 300];
    bp_callbacks callbacks = {.context = &s->pages, .epoch = look};
    bp_array inputs = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = of->inputs};
    bp_array targets = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = of->outputs};
    bp_examples *examples;

    scatter_f32(x, ROWS * (size_t)of->inputs, 1, 1.0);
    scatter_f32(y, ROWS * (size_t)of->outputs, 2, 1.0);
    cr_assert_eq(bp_examples_borrow(&inputs, &targets, NULL, NULL, &examples, NULL), BP_OK);
    cr_assert_eq(
        bp_trainer_fit(s->trainer, NULL, examples, (bp_rows){NULL, ROWS}, examples, (bp_rows){NULL, ROWS}, &callbacks, NULL, NULL),
        BP_OK);
    bp_examples_free(examples);
}

/* What threads have to themselves begins and ends inside pages, and so does every panel of a pass. */
static size_t rounding(const shape *of, const pages *p)
{
    return (p->blocks + 16 * of->threads + 40) * (size_t)PAGE;
}

Test(footprint, a_fit_touches_what_the_plan_tells)
{
    static subject s;

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        begin(&s, &shapes[i]);
        fit(&s, &shapes[i]);
        bp_footprint told = bp_footprint_of(&s.network->layout, &s.trainer->plan);
        size_t all = bp_footprint_total(&told, 0) + ROWS * sizeof(uint64_t);
        cr_assert_leq(s.pages.touched, all + rounding(&shapes[i], &s.pages), "shape %zu: %zu touched, %zu told", i, s.pages.touched,
                      all);
        cr_assert_geq(10 * s.pages.touched, 8 * all, "shape %zu: only %zu touched, %zu told", i, s.pages.touched, all);
        end(&s);
    }
}

/* ------------------------------------------------------------------------------------------------------- first touch */

static bool is_untouched(const void *from, size_t bytes)
{
    static unsigned char resident[1 << 20];
    uintptr_t first = ((uintptr_t)from + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)from + bytes) / PAGE * PAGE;

    if (end <= first)
        return true;
    cr_assert_eq(mincore((void *)first, end - first, resident), 0);
    for (size_t i = 0; i < (end - first) / PAGE; i++)
        if (resident[i] & 1)
            return false;
    return true;
}

static bool are_untouched_blocks(const bp_trainer *t, const bp_pass *pass, uint32_t l)
{
    const bp_layer *layer = &t->network->layout.layer[l];
    size_t bytes = pass->row_blocks * bp_block_elements(&t->plan.arithmetic) * sizeof(uint16_t);
    const bp_packed *a = &pass->packed_a[l], *d = &pass->packed_d[l + 1];

    if (!t->plan.arithmetic.terms)
        return true;
    return is_untouched(a->across, layer->k_panels * bytes) && is_untouched(a->down, layer->k_panels * bytes) &&
           is_untouched(d->down, layer->n_panels * bytes) && (!d->across || is_untouched(d->across, layer->n_panels * bytes));
}

Test(footprint, rows_and_sums_are_first_touched_by_the_threads_that_work_on_them)
{
    static subject s;

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        begin(&s, &shapes[i]);
        const bp_trainer *t = s.trainer;
        const bp_layout *layout = &s.network->layout;
        const bp_pass *pass = t->plan.chunk ? &t->chunk[t->plan.threads - 1] : &t->pass;
        for (uint32_t l = 0; l < layout->layers; l++) {
            size_t bytes = layout->layer[l].n_panels * bp_pass_panel(pass) * sizeof(float);
            cr_assert(is_untouched(pass->a[l + 1], bytes) && is_untouched(pass->d[l + 1], bytes), "shape %zu: layer %u's rows", i,
                      l);
            cr_assert(are_untouched_blocks(t, pass, l), "shape %zu: layer %u's packed rows", i, l);
        }
        for (unsigned n = 0; n < t->plan.threads; n++)
            cr_assert(is_untouched(t->gradients.thread[n].buffers, t->plan.blocks * layout->floats * sizeof(float)),
                      "shape %zu: buffers of thread %u", i, n);
        end(&s);
    }
}

/* ------------------------------------------------------------------------------------------------------------ share */

static bp_plan plan_for(const char *description, const uint32_t *sizes, uint64_t batch, bp_gradient gradient, bp_layout *layout)
{
    bp_settings settings;
    bp_machine machine;
    bp_plan plan;

    bp_settings_init(&settings, sizeof settings);
    settings.batch_size = batch;
    settings.gradient = (int32_t)gradient;
    settings.threads = 0;
    cr_assert(bp_machine_imagine(description, &machine));
    cr_assert_eq(bp_layout_make(3, sizes, BP_RELU, layout, NULL), BP_OK);
    cr_assert_eq(bp_plan_make(layout, &settings, &machine, &plan, NULL), BP_OK);
    return plan;
}

/* Plans with buffers, and such that would have too large ones. */
typedef struct tally {
    unsigned buffered, refused;
} tally;

static void check_share(const char *description, uint32_t width, uint64_t batch, tally *count)
{
    uint32_t sizes[] = {width / 4 + 1, width, width, 2};
    bp_layout layout;
    bp_plan plan = plan_for(description, sizes, batch, BP_GRADIENT_AUTO, &layout);
    bp_footprint footprint = bp_footprint_of(&layout, &plan);
    double share = (double)footprint.gradients / (double)bp_footprint_total(&footprint, batch);

    count->buffered += plan.blocks > 0;
    count->refused += strstr(plan.gradient_reason, "of all memory") != NULL;
    cr_assert(plan.blocks == 0 || share <= BP_GRADIENT_SHARE, "%s, width %u, batch %llu: %g", description, width,
              (unsigned long long)batch, share);
}

Test(footprint, buffers_that_the_plan_chooses_are_a_quarter_of_all_memory_at_most)
{
    tally count = {0, 0};

    for (uint32_t width = 8; width <= 360; width += 32)
        for (uint64_t batch = 64; batch <= 65536; batch *= 4) {
            check_share("core:2 pu:1", width, batch, &count);
            check_share("core:8 pu:1", width, batch, &count); /* refuses some with neon, too */
            check_share("package:2 core:32 pu:1", width, batch, &count);
        }
    cr_assert(count.buffered && count.refused, "%u plans have buffers, %u would have too large ones", count.buffered,
              count.refused);
}

Test(footprint, memory_that_no_machine_has_is_told_as_such)
{
    bp_layout layout;
    uint32_t sizes[] = {1u << 24, 1u << 24, 1u << 24, 1u << 24};
    bp_plan plan = plan_for("core:4 pu:1", sizes, UINT64_C(1) << 40, BP_GRADIENT_TILES, &layout);
    bp_footprint footprint = bp_footprint_of(&layout, &plan);

    cr_assert_eq(bp_footprint_total(&footprint, SIZE_MAX), SIZE_MAX);
}
