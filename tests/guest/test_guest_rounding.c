/* From a file to a model in a host that rounds, flushes or traps as it likes: the same bytes, and the host's state is kept.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* feenableexcept */
#include <criterion/criterion.h>
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "backprop.h"
#include "scratch.h"

enum { ROWS = 90, OUTPUT = 1, INPUTS = 6, LAYERS = 2 };

/* Numbers that no rounding mode but the right one reads, and some that flushing would lose. */
static void write_table(void)
{
    static const char *const kinds[] = {"red", "green", "blue"};
    char text[ROWS * 160];
    size_t used = (size_t)sprintf(text, "long,short,tiny,kind,weight,y\n");

    for (unsigned i = 0; i < ROWS; i++)
        used += (size_t)sprintf(text + used, "0.%u23456789012345%u,%u.%u,%u.5e-310,%s,0.%u,%u.%u7e-1\n", i + 1, i * 7919, i,
                                i % 7 + 1, i % 9 + 1, kinds[i % 3], i % 5 + 1, i * 31 % 101, i);
    scratch_write("table.csv", text, used);
}

/* What the host may have set, and what of it there is to compare: all but the flags of what has happened. */
typedef struct host {
    int direction;
    bool flushing, trapping;
} host;

typedef struct host_state {
    int direction, traps;
    unsigned sse;
} host_state;

static void become(host h)
{
    fesetround(h.direction);
    if (h.trapping)
        feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
#if defined(__x86_64__)
    _mm_setcsr(h.flushing ? _mm_getcsr() | 0x8040u : _mm_getcsr());
#endif
}

static host_state look(void)
{
    host_state state = {.direction = fegetround(), .traps = fegetexcept()};
#if defined(__x86_64__)
    state.sse = _mm_getcsr() & ~0x3fu;
#endif
    return state;
}

/* All that goes from the table to the model file, and what else can be asked on the way. */
typedef struct journey {
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples, *borrowed;
    bp_network *network;
    bp_trainer *trainer;
    bp_trace *trace;
    bp_workspace *workspace;
    uint64_t training[ROWS], validation[ROWS], training_count, validation_count;
    float x[ROWS * INPUTS], y[ROWS];
    double decoded[ROWS], trace_loss, trace_gradient[4];
    bp_gradcheck_layer checks[LAYERS];
    bp_progress progress;
    bp_metrics metrics;
    bp_error error;
    char texts[ROWS][5][40], rate[40], pytorch[20000], plan[2000];
} journey;

static bp_status set_up(journey *j, bp_settings *settings)
{
    static const char *const given[][2] = {
        {"target", "y"},
        {"weight-column", "weight"},
        {"validation-split", "0.35"},
        {"hidden", "7"},
        {"activation", "tanh"},
        {"learning-rate", "0.0123456789012345678"},
        {"schedule", "cosine"},
        {"optimizer", "adam"},
        {"beta2", "0.98765432109876543"},
        {"batch-size", "16"},
        {"epochs", "3"},
        {"patience", "2"},
        {"threads", "2"},
    };
    bp_status status = BP_OK;

    bp_settings_init(settings, sizeof *settings);
    for (size_t i = 0; status == BP_OK && i < sizeof given / sizeof *given; i++)
        status = bp_settings_set(settings, given[i][0], given[i][1], &j->error);
    return status;
}

static bp_status read_and_encode(journey *j, const bp_settings *s)
{
    bp_status status = bp_dataset_read("table.csv", s, 0, NULL, &j->dataset, &j->error);

    for (uint64_t row = 0; row < ROWS; row++)
        for (uint64_t column = 0; status == BP_OK && column < 5; column++)
            status = bp_dataset_text(j->dataset, row, column, j->texts[row][column], sizeof j->texts[row][column], &j->error);
    if (status == BP_OK)
        status = bp_dataset_split(j->dataset, (bp_rows){0}, s, j->training, &j->training_count, j->validation, &j->validation_count,
                                  &j->error);
    if (status == BP_OK)
        status = bp_encoder_fit(j->dataset, (bp_rows){j->training, j->training_count}, s, NULL, &j->encoder, &j->error);
    if (status == BP_OK)
        status = bp_encoder_apply(j->encoder, j->dataset, 1, NULL, &j->examples, &j->error);
    for (uint64_t row = 0; status == BP_OK && row < ROWS; row++) {
        status = bp_examples_row(j->examples, row, j->x + row * INPUTS, j->y + row, &j->error);
        j->decoded[row] = (double)j->y[row];
    }
    if (status == BP_OK)
        bp_encoder_decode(j->encoder, ROWS, j->decoded);
    return status;
}

static bp_status train(journey *j, const bp_settings *s)
{
    bp_status status = bp_network_create(s, INPUTS, OUTPUT, NULL, &j->network, &j->error);

    if (status == BP_OK)
        status = bp_trainer_create(j->network, s, NULL, 0, NULL, &j->trainer, &j->error);
    if (status == BP_OK)
        status = bp_trainer_fit(j->trainer, j->encoder, j->examples, (bp_rows){j->training, j->training_count}, j->examples,
                                (bp_rows){j->validation, j->validation_count}, NULL, &j->progress, &j->error);
    return status == BP_OK ? bp_model_save("model", j->network, j->encoder, s, &j->error) : status;
}

/* The model read and written once more: its numbers are text in part. */
static bp_status load_and_save(journey *j, const bp_settings *s)
{
    bp_settings settings = *s;
    bp_network *network = NULL;
    bp_encoder *encoder = NULL;
    bp_status status = bp_model_load("model", NULL, &network, &encoder, &settings, &j->error);

    if (status == BP_OK)
        status = bp_model_save("again", network, encoder, &settings, &j->error);
    bp_network_free(network);
    bp_encoder_free(encoder);
    return status;
}

static bp_status look_inside(journey *j, const bp_settings *s)
{
    bp_trace_layer layer;
    bp_status status = bp_trace_create(j->network, j->x, j->y, NULL, &j->trace, &j->error);

    if (status == BP_OK)
        status = bp_trace_at(j->trace, 0, &layer, &j->error);
    if (status != BP_OK)
        return status;
    j->trace_loss = bp_trace_loss(j->trace);
    memcpy(j->trace_gradient, layer.dL_dW, sizeof j->trace_gradient);
    bp_trainer_plan(j->trainer, j->plan, sizeof j->plan);
    bp_model_pytorch(j->network, j->encoder, j->pytorch, sizeof j->pytorch);
    status = bp_settings_get(s, "learning-rate", j->rate, sizeof j->rate, &j->error);
    return status == BP_OK ? bp_gradcheck(j->network, s, 16, j->x, j->y, 5, NULL, j->checks, &j->error) : status;
}

/* Weights that are scaled to mean 1: seen in the loss. */
static bp_status borrow(journey *j)
{
    static float weights[ROWS];
    bp_array x = {j->x, BP_TYPE_F32, 0, ROWS, INPUTS, 0}, y = {j->y, BP_TYPE_F32, 0, ROWS, 1, 0};
    bp_array weight = {weights, BP_TYPE_F32, 0, ROWS, 1, 0};

    for (size_t i = 0; i < ROWS; i++)
        weights[i] = (float)(i % 7 + 1);
    bp_status status = bp_examples_borrow(&x, &y, &weight, NULL, &j->borrowed, &j->error);
    if (status == BP_OK)
        status = bp_workspace_create(j->network, 1, BP_ISA_AUTO, NULL, &j->workspace, &j->error);
    if (status == BP_OK)
        status = bp_network_evaluate(j->network, j->workspace, NULL, j->borrowed, (bp_rows){0}, &j->metrics, &j->error);
    return status;
}

static bp_status travel(journey *j)
{
    bp_settings settings;
    bp_status status = set_up(j, &settings);

    if (status == BP_OK)
        status = read_and_encode(j, &settings);
    if (status == BP_OK)
        status = train(j, &settings);
    if (status == BP_OK)
        status = load_and_save(j, &settings);
    if (status == BP_OK)
        status = look_inside(j, &settings);
    return status == BP_OK ? borrow(j) : status;
}

static void journey_free(journey *j)
{
    bp_workspace_free(j->workspace);
    bp_trace_free(j->trace);
    bp_trainer_free(j->trainer);
    bp_network_free(j->network);
    bp_examples_free(j->borrowed);
    bp_examples_free(j->examples);
    bp_encoder_free(j->encoder);
    bp_dataset_free(j->dataset);
    free(j);
}

static void assert_same_file(const char *name, const char *wanted, const char *where)
{
    size_t size, wanted_size;
    unsigned char *bytes = scratch_read(name, &size), *wanted_bytes = scratch_read(wanted, &wanted_size);

    cr_assert(size == wanted_size && memcmp(bytes, wanted_bytes, size) == 0, "%s: file %s", where, name);
    free(bytes);
    free(wanted_bytes);
}

#define ASSERT_SAME(FIELD) cr_expect(memcmp(a->FIELD, b->FIELD, sizeof a->FIELD) == 0, "%s: " #FIELD, where)

static void assert_same_journey(const journey *a, const journey *b, const char *where)
{
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < 5; column++)
            cr_expect_str_eq(a->texts[row][column], b->texts[row][column], "%s", where);
    cr_expect(a->training_count == b->training_count && a->validation_count == b->validation_count, "%s: counts", where);
    ASSERT_SAME(training);
    ASSERT_SAME(validation);
    ASSERT_SAME(x);
    ASSERT_SAME(y);
    ASSERT_SAME(decoded);
    ASSERT_SAME(trace_gradient);
    cr_expect_str_eq(a->rate, b->rate);
    cr_expect_str_eq(a->pytorch, b->pytorch);
    cr_expect_str_eq(a->plan, b->plan, "%s: %s", where, b->plan);
    cr_expect(a->trace_loss == b->trace_loss, "%s: the trace's loss", where);
    for (size_t i = 0; i < LAYERS; i++)
        cr_expect(a->checks[i].engine == b->checks[i].engine && a->checks[i].differences == b->checks[i].differences,
                  "%s: gradcheck", where);
    cr_expect(a->progress.train_loss == b->progress.train_loss && a->progress.learning_rate == b->progress.learning_rate &&
                  a->progress.validation.rmse == b->progress.validation.rmse && a->metrics.loss == b->metrics.loss,
              "%s: losses", where);
    assert_same_file("model", "usual", where);
    assert_same_file("again", "usual", where);
}

static void check_host(host h, const journey *usual)
{
    journey *j = calloc(1, sizeof *j);
    char where[80];

    become(h);
    host_state before = look();
    bp_status status = travel(j);
    host_state after = look();
    fesetenv(FE_DFL_ENV);
    snprintf(where, sizeof where, "direction %#x, flushing %d, trapping %d", (unsigned)h.direction, h.flushing, h.trapping);
    cr_assert_eq(status, BP_OK, "%s: %s", where, j->error.text);
    cr_expect(before.direction == after.direction && before.traps == after.traps && before.sse == after.sse, "%s: the state",
              where);
    assert_same_journey(j, usual, where);
    journey_free(j);
}

Test(guest_rounding, does_not_change_what_is_read_encoded_trained_and_saved, .init = scratch_begin, .fini = scratch_end)
{
    static const int directions[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    journey *usual = calloc(1, sizeof *usual);

    write_table();
    cr_assert_eq(travel(usual), BP_OK, "%s", usual->error.text);
    cr_assert_eq(rename("model", "usual"), 0);
    cr_assert_eq(strtod(usual->texts[1][2], NULL), 2.5e-310, "a subnormal number is %s", usual->texts[1][2]);
    for (size_t d = 0; d < 4; d++)
        for (int others = 0; others < 4; others++)
            check_host((host){directions[d], others & 1, others & 2}, usual);
    journey_free(usual);
}
