/* The kernels of mixed precision by table, on one thread, beside the peak of the same table in the same run.
 *
 *     cmake -B build -DBP_BENCH=ON && cmake --build build && bench/run blocks
 *
 * A product is four strips of 32 rows by as many panels as take 768 KiB, eight at most: what a training step leaves in L2. Packings
 * are of 32 blocks in turn, 128 KiB of floats. JSON lines: kernel, isa, terms, count (of blocks in a chain; 0 where there is none),
 * samples, and per_second with its unit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "team.h"
#include "timing.h"

#define STRIPS 4
#define PANELS 8
#define TOGETHER_BYTES (768 << 10)
#define COUNT_MOST 64
#define BLOCKS 32     /* that are packed */
#define SLOW_MOST 1e8 /* operations that the scalar table is given */
#define PEAK_ROUNDS 2000
#define TABLES 4

typedef struct subject {
    const bp_block_kernels *blocks;
    unsigned terms;
    size_t count, panels;
    bp_packing packing;
    uint16_t *left, *right;
    float *c, *from;
} subject;

static void *take(size_t bytes)
{
    void *memory = aligned_alloc(64, bytes);

    if (!memory) {
        fputs("bench_blocks: no memory\n", stderr);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

static void call_product(void *context)
{
    const subject *s = context;
    size_t strip = s->count * s->terms * BP_BLOCK_TERM, share = strip / 32 / s->panels / 4 * 4;

    for (size_t i = 0; i < STRIPS; i++)
        for (size_t j = 0; j < s->panels; j++) {
            const uint16_t *next = s->left + (i + 1) % STRIPS * strip + j * share * 32;
            const bp_stream ahead[] = {{(const void *)next, share}, {NULL, 0}};
            s->blocks->product(32, s->terms, s->count, s->left + i * strip, s->right + j * strip, BP_CHAIN_WHOLE, NULL, ahead,
                               s->c + (i * PANELS + j) * BP_BLOCK_TERM);
        }
}

static void call_pack(void *context)
{
    const subject *s = context;

    for (size_t i = 0; i < BLOCKS; i++)
        s->blocks->pack[s->packing](s->terms, 32, 32, s->from + i * BP_BLOCK_TERM, s->left + i * s->terms * BP_BLOCK_TERM);
}

#define CALL_REPACKING(name)                                                      \
    static void call_##name(void *context)                                        \
    {                                                                             \
        const subject *s = context;                                               \
                                                                                  \
        for (size_t i = 0, block = s->terms * BP_BLOCK_TERM; i < BLOCKS; i++)     \
            s->blocks->name(s->terms, s->left + i * block, s->right + i * block); \
    }
CALL_REPACKING(turn)
CALL_REPACKING(pair)

static const bp_block_kernels *tables[TABLES];
static size_t table_count;

static void find_tables(void)
{
    static const bp_isa sets[] = {BP_ISA_SCALAR, BP_ISA_AVX2, BP_ISA_AVX512, BP_ISA_AMX, BP_ISA_NEON};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (bp_cpu_has(sets[i]) && bp_cpu_blocks(sets[i], &tables[table_count], NULL) == BP_OK)
            table_count++;
}

static float sink;

static void call_peak(void *context)
{
    const subject *s = context;
    s->blocks->peak(PEAK_ROUNDS, &sink);
}

/* Operations a second in registers alone, right behind other work. */
static double hot_peak(subject *s)
{
    timing t = {.call = call_peak, .context = s};
    timing_measure(&t, 1, TIMING_SECONDS);
    return s->blocks->peak(PEAK_ROUNDS, &sink) / timing_least(&t);
}

static void print(const timing *t, const subject *s, const char *kernel, double amount, const char *unit, double peak)
{
    printf("{\"benchmark\":\"blocks\",\"kernel\":\"%s\",\"isa\":\"%s\",\"terms\":%u,\"count\":%zu,\"unit\":\"%s\",\"per_second\":%."
           "6g,",
           kernel, s->blocks->name, s->terms, s->count, unit, amount / timing_median(t));
    if (peak > 0)
        printf("\"fraction_of_peak\":%.4f,", amount / timing_median(t) / peak);
    timing_print(t);
    puts("}");
    fflush(stdout);
}

/* The same work for every table; those of one kind are measured in turns. */
static void measure(const subject *base, const char *name, void (*call)(void *), double amount, const char *unit, bool product)
{
    subject by_table[TABLES];
    timing timings[TABLES];
    size_t count = 0;

    for (size_t i = 0; i < table_count; i++) {
        if (tables[i] == &bp_blocks_scalar && amount > SLOW_MOST)
            continue;
        by_table[count] = *base;
        by_table[count].blocks = tables[i];
        timings[count] = (timing){.call = call, .context = &by_table[count]};
        tables[i]->enter();
        count++;
    }
    timing_measure(timings, count, TIMING_SECONDS);
    for (size_t i = 0; i < count; i++)
        print(&timings[i], &by_table[i], name, amount, unit, product ? hot_peak(&by_table[i]) : 0);
    for (size_t i = 0; i < table_count; i++)
        tables[i]->leave();
}

static void measure_products(subject *s)
{
    static const size_t counts[] = {2, 4, 16, 25, 32, COUNT_MOST};

    for (s->terms = 1; s->terms <= BP_TERMS_MAX; s->terms++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            size_t strip = counts[i] * s->terms * BP_BLOCK_TERM * sizeof(uint16_t);
            s->count = counts[i];
            s->panels = TOGETHER_BYTES / strip < PANELS ? TOGETHER_BYTES / strip : PANELS;
            measure(s, "product", call_product, 2.0 * 32 * STRIPS * 32 * (double)(s->panels * 32 * s->count), "flop", true);
        }
}

static void measure_packings(subject *s)
{
    static const char *const names[] = {"pack left", "pack right", "pack right turned"};

    s->count = 0;
    for (s->terms = 1; s->terms <= BP_TERMS_MAX; s->terms++)
        for (s->packing = BP_PACK_LEFT; s->packing < BP_PACKINGS; s->packing++)
            measure(s, names[s->packing], call_pack, BLOCKS * BP_BLOCK_TERM, "element", false);
    for (s->terms = 1; s->terms <= BP_TERMS_MAX; s->terms++) {
        measure(s, "turn", call_turn, BLOCKS * BP_BLOCK_TERM, "element", false);
        measure(s, "pair", call_pair, BLOCKS * BP_BLOCK_TERM, "element", false);
    }
}

/* Random numbers in every operand: a product of zeros draws less power, and is faster. */
static void fill(subject *s)
{
    uint32_t state = 1;

    for (size_t i = 0; i < BLOCKS * BP_BLOCK_TERM; i++) {
        state = state * 1664525u + 1013904223u;
        s->from[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    for (size_t i = 0; i < COUNT_MOST * BP_TERMS_MAX * PANELS; i++) {
        const float *from = s->from + i % BLOCKS * BP_BLOCK_TERM;
        bp_blocks_scalar.pack[BP_PACK_LEFT](1, 32, 32, from, s->left + i % (COUNT_MOST * BP_TERMS_MAX * STRIPS) * BP_BLOCK_TERM);
        bp_blocks_scalar.pack[BP_PACK_RIGHT](1, 32, 32, from, s->right + i * BP_BLOCK_TERM);
    }
}

static void measure_all(void *context, bp_member member)
{
    const size_t operand = COUNT_MOST * BP_TERMS_MAX * BP_BLOCK_TERM * sizeof(uint16_t);
    subject s = {.left = take(STRIPS * operand),
                 .right = take(PANELS * operand),
                 .c = take(STRIPS * PANELS * BP_BLOCK_TERM * sizeof(float)),
                 .from = take(BLOCKS * BP_BLOCK_TERM * sizeof(float))};
    (void)context, (void)member;

    fill(&s);
    measure_products(&s);
    measure_packings(&s);
    free(s.left);
    free(s.right);
    free(s.c);
    free(s.from);
}

int main(void)
{
    find_tables();
    bp_team_run(1, measure_all, NULL); /* with subnormals flushed, as steps are */
    return 0;
}
