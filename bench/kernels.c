/* Kernels by shape and table, on one thread, beside the peak of the same table in the same run.
 *
 *     cmake -B build -DBP_BENCH=ON && cmake --build build && bench/run kernels
 *
 * forward and dx are whole layers in the blocks that training takes, with bias and without activation; dW is product_columns over
 * all tiles of a layer. JSON lines: kernel, isa, m, k, n (0 where there is none), samples, and per_second with its unit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "cpu.h"
#include "forward.h"
#include "layout.h"
#include "team.h"
#include "timing.h"

#define ROWS_AT_ONCE 1024 /* of product_columns: the parts in which training walks long chains */
#define SCALAR_MOST 1e8   /* operations that the scalar table is given: it makes 2e9 a second */
#define ELEMENTS 32768    /* of the element-wise kernels: 128 KiB each, inside L2 */
#define PEAK_ROUNDS 20000 /* some 100 us */
#define TABLES 4

typedef struct shape {
    uint32_t m, k, n;
} shape;

static const shape shapes[] = {{32, 8, 16},     {256, 32, 64},     {256, 64, 64},      {100, 300, 300},  {128, 512, 10},
                               {128, 784, 512}, {512, 1024, 1024}, {1024, 2048, 2048}, {16384, 128, 128}};

/* One layer, its pass, and what else a kernel may want: x, y, u, v [ELEMENTS]. */
typedef struct operands {
    const bp_kernels *kernels;
    shape shape;
    bp_layout layout;
    bp_pass pass;
    bp_weights weights;
    float *parameters, *dW;
    float *x, *y, *u, *v;
    unsigned char *bytes;
} operands;

static void *take(size_t count, size_t size)
{
    size_t bytes = (count * size + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);

    if (!memory) {
        fputs("bench_kernels: no memory\n", stderr);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

static float *take_random(size_t count)
{
    float *values = take(count, sizeof *values);
    uint32_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    return values;
}

/* ------------------------------------------------------------------------------------------------------------- products */

static void call_forward(void *context)
{
    operands *o = context;
    bp_forward(&o->weights, &o->pass, (bp_span){0, o->shape.m}, (bp_strip){.room = NULL});
}

static void call_dx(void *context)
{
    operands *o = context;
    bp_backward(&o->weights, &o->pass, (bp_span){0, o->shape.m}, true, (bp_strip){.room = NULL});
}

static void one_tile(const operands *o, size_t i, size_t j, float *dW)
{
    size_t panel = bp_pass_panel(&o->pass), m = o->shape.m, h = o->shape.k - i < 32 ? o->shape.k - i : 32;
    const float *a = o->pass.a[0] + i / 32 * panel, *b = o->pass.d[1] + j / 32 * panel;

    for (size_t done = 0; done < m; done += ROWS_AT_ONCE) {
        size_t rows = m - done < ROWS_AT_ONCE ? m - done : ROWS_AT_ONCE;
        o->kernels->product_columns(h, rows, a + 32 * done, b + 32 * done, o->shape.n - j < 32 ? o->shape.n - j : 32,
                                    bp_chain_at(done, rows, m), NULL, dW, NULL);
    }
}

static void call_dW(void *context)
{
    operands *o = context;

    for (size_t j = 0; j < o->shape.n; j += 32)
        for (size_t i = 0; i < o->shape.k; i += 32)
            one_tile(o, i, j, o->dW + (j / 32 * o->layout.layer[0].k_panels + i / 32) * 1024);
}

static void make_operands(operands *o, shape s)
{
    uint32_t sizes[] = {s.k, s.n};
    size_t tiles;
    bp_error error;

    o->shape = s;
    if (bp_layout_make(1, sizes, BP_IDENTITY, &o->layout, &error) != BP_OK)
        exit(1);
    tiles = (size_t)o->layout.layer[0].k_panels * o->layout.layer[0].n_panels;
    o->pass = (bp_pass){.ld = s.m | 1};
    o->pass.a[0] = take_random((size_t)o->layout.layer[0].k_panels * 32 * o->pass.ld);
    o->pass.a[1] = take_random((size_t)o->layout.layer[0].n_panels * 32 * o->pass.ld);
    o->pass.d[0] = take_random((size_t)o->layout.layer[0].k_panels * 32 * o->pass.ld);
    o->pass.d[1] = take_random((size_t)o->layout.layer[0].n_panels * 32 * o->pass.ld);
    o->parameters = take_random(o->layout.floats);
    o->weights = (bp_weights){.layout = &o->layout, .parameters = o->parameters};
    o->weights.transposed[0] = take_random(tiles * 1024);
    o->dW = take_random(tiles * 1024);
}

static void free_operands(operands *o)
{
    for (int i = 0; i < 2; i++) {
        free(o->pass.a[i]);
        free(o->pass.d[i]);
    }
    free(o->parameters);
    free(o->weights.transposed[0]);
    free(o->dW);
}

/* -------------------------------------------------------------------------------------------------------- element-wise */

static const bp_update update = {.scale = 1e-3f,
                                 .rate = 1e-6f,
                                 .keep = 1,
                                 .momentum = 0.9f,
                                 .beta1 = 0.9f,
                                 .beta2 = 0.999f,
                                 .rest1 = 0.1f,
                                 .rest2 = 0.001f,
                                 .root = 1,
                                 .epsilon = 1e-8f};

#define ACTIVATION(name, which)                                             \
    static void call_##name(void *context)                                  \
    {                                                                       \
        operands *o = context;                                              \
        memcpy(o->y, o->x, ELEMENTS * sizeof *o->y); /* fresh z */          \
        o->kernels->activate[which](ELEMENTS, o->y, o->u);                  \
    }                                                                       \
    static void call_##name##_slope(void *context)                          \
    {                                                                       \
        operands *o = context;                                              \
        memcpy(o->u, o->x, ELEMENTS * sizeof *o->u); /* not ever smaller */ \
        o->kernels->slope[which](ELEMENTS, o->x, o->u);                     \
    }

ACTIVATION(relu, BP_RELU)
ACTIVATION(leaky_relu, BP_LEAKY_RELU)
ACTIVATION(sigmoid, BP_SIGMOID)
ACTIVATION(tanh, BP_TANH)
ACTIVATION(elu, BP_ELU)
ACTIVATION(gelu, BP_GELU)
ACTIVATION(silu, BP_SILU)
ACTIVATION(softplus, BP_SOFTPLUS)

static void call_copy(void *context)
{
    operands *o = context;
    memcpy(o->y, o->x, ELEMENTS * sizeof *o->y);
}

static void call_sgd(void *context)
{
    operands *o = context;
    o->kernels->sgd(ELEMENTS, &update, o->y, o->x);
}

static void call_momentum(void *context)
{
    operands *o = context;
    o->kernels->momentum(ELEMENTS, &update, o->y, o->x, o->u);
}

static void call_adam(void *context)
{
    operands *o = context;
    o->kernels->adam(ELEMENTS, &update, o->y, o->x, o->u, o->v);
}

static void call_transpose(void *context)
{
    operands *o = context;
    for (size_t i = 0; i < ELEMENTS; i += 1024)
        o->kernels->transpose(32, 32, o->x + i, o->y + i);
}

static void call_spread_f32(void *context)
{
    operands *o = context;
    for (size_t i = 0; i < ELEMENTS; i += 1024)
        o->kernels->spread_f32(1, &(const float *){o->x + i}, 1024, 1024, o->y + i / 32);
}

static void call_spread_u8(void *context)
{
    operands *o = context;
    for (size_t i = 0; i < ELEMENTS; i += 1024)
        o->kernels->spread_u8(1, &(const uint8_t *){o->bytes + i}, 1024, 255, 1024, o->y + i / 32);
}

static const struct {
    const char *name;
    void (*call)(void *context);
} elementwise[] = {{"copy", call_copy},
                   {"relu", call_relu},
                   {"relu slope", call_relu_slope},
                   {"leaky_relu", call_leaky_relu},
                   {"leaky_relu slope", call_leaky_relu_slope},
                   {"sigmoid", call_sigmoid},
                   {"sigmoid slope", call_sigmoid_slope},
                   {"tanh", call_tanh},
                   {"tanh slope", call_tanh_slope},
                   {"elu", call_elu},
                   {"elu slope", call_elu_slope},
                   {"gelu, slope kept", call_gelu},
                   {"gelu slope", call_gelu_slope},
                   {"silu, slope kept", call_silu},
                   {"silu slope", call_silu_slope},
                   {"softplus", call_softplus},
                   {"softplus slope", call_softplus_slope},
                   {"sgd", call_sgd},
                   {"momentum", call_momentum},
                   {"adam", call_adam},
                   {"transpose", call_transpose},
                   {"spread_f32", call_spread_f32},
                   {"spread_u8", call_spread_u8}};

/* ------------------------------------------------------------------------------------------------------------ measuring */

static const bp_kernels *tables[TABLES];
static size_t table_count;

static void find_tables(void)
{
    static const bp_isa sets[] = {BP_ISA_SCALAR, BP_ISA_AVX2, BP_ISA_AVX512, BP_ISA_NEON};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (bp_cpu_has(sets[i]) && bp_cpu_kernels(sets[i], &tables[table_count], NULL) == BP_OK)
            table_count++;
}

static float sink;

static void call_peak(void *context)
{
    const bp_kernels *kernels = context;
    kernels->peak(PEAK_ROUNDS, &sink);
}

/* Operations a second of the table's registers, right behind other work; nothing but a busy machine makes a sample slower. */
static double hot_peak(const bp_kernels *kernels)
{
    timing t = {.call = call_peak, .context = (void *)(size_t)kernels};
    timing_measure(&t, 1, TIMING_SECONDS);
    return kernels->peak(PEAK_ROUNDS, &sink) / timing_least(&t);
}

static void print(const timing *t, const operands *o, const char *kernel, double amount, const char *unit, double peak)
{
    printf("{\"benchmark\":\"kernel\",\"kernel\":\"%s\",\"isa\":\"%s\",\"m\":%u,\"k\":%u,\"n\":%u,\"unit\":\"%s\",\"per_second\":%."
           "6g,",
           kernel, o->kernels->name, o->shape.m, o->shape.k, o->shape.n, unit, amount / timing_median(t));
    if (peak > 0)
        printf("\"fraction_of_peak\":%.4f,", amount / timing_median(t) / peak);
    timing_print(t);
    puts("}");
    fflush(stdout);
}

static void measure_product(const char *name, void (*call)(void *), const operands *layer)
{
    double operations = 2.0 * layer->shape.m * layer->shape.k * layer->shape.n;
    operands by_table[TABLES];
    timing timings[TABLES];
    size_t count = 0;

    for (size_t i = 0; i < table_count; i++) {
        if (tables[i] == &bp_kernels_scalar && operations > SCALAR_MOST)
            continue;
        by_table[count] = *layer;
        by_table[count].kernels = by_table[count].weights.arithmetic.kernels = tables[i];
        timings[count] = (timing){.call = call, .context = &by_table[count]};
        count++;
    }
    timing_measure(timings, count, TIMING_SECONDS);
    for (size_t i = 0; i < count; i++)
        print(&timings[i], &by_table[i], name, operations, "flop", hot_peak(by_table[i].kernels));
}

static void measure_shape(shape s)
{
    operands layer;

    make_operands(&layer, s);
    measure_product("forward", call_forward, &layer);
    measure_product("dx", call_dx, &layer);
    measure_product("dW", call_dW, &layer);
    free_operands(&layer);
}

static void measure_elementwise(const char *name, void (*call)(void *), const operands *o)
{
    operands by_table[TABLES];
    timing timings[TABLES];

    for (size_t i = 0; i < table_count; i++) {
        by_table[i] = *o;
        by_table[i].kernels = tables[i];
        timings[i] = (timing){.call = call, .context = &by_table[i]};
    }
    timing_measure(timings, table_count, TIMING_SECONDS / 4);
    for (size_t i = 0; i < table_count; i++)
        print(&timings[i], &by_table[i], name, ELEMENTS, "element", 0);
}

static void measure_all(void *context, bp_member member)
{
    operands o = {.x = take_random(ELEMENTS),
                  .y = take_random(ELEMENTS),
                  .u = take_random(ELEMENTS),
                  .v = take(ELEMENTS, sizeof(float)),
                  .bytes = take(ELEMENTS, 1)};
    (void)context, (void)member;

    for (size_t i = 0; i < sizeof elementwise / sizeof *elementwise; i++)
        measure_elementwise(elementwise[i].name, elementwise[i].call, &o);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        measure_shape(shapes[i]);
    free(o.x);
    free(o.y);
    free(o.u);
    free(o.v);
    free(o.bytes);
}

int main(void)
{
    find_tables();
    bp_team_run(1, measure_all, NULL); /* with subnormals flushed, as steps are */
    return 0;
}
