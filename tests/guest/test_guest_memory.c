/* Every allocation refused in turn: the call says so, nothing leaks, and what was made before is as good as ever.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "refusing.h"
#include "scratch.h"

enum { ROWS = 300, TRAINING = 200, OUTPUTS = 2 };

/* A whole life with the library; every handle is from the refusing allocator. */
typedef struct life {
    const problem *p;
    bp_allocator allocator;
    bp_examples *examples;
    bp_network *network, *second;
    bp_trainer *trainer, *resumed;
    bp_workspace *workspace;
    bp_metrics metrics;
    float predictions[ROWS * OUTPUTS];
} life;

static bp_status take_examples(life *l, bp_error *error)
{
    bp_array x = problem_x(l->p), y = problem_y(l->p), weight = {l->p->weight, BP_TYPE_F32, 0, ROWS, 1, 0};
    return bp_examples_borrow(&x, &y, &weight, &l->allocator, &l->examples, error);
}

static bp_status make_network(life *l, bp_error *error)
{
    return bp_network_create(&l->p->settings, l->p->inputs, OUTPUTS, &l->allocator, &l->network, error);
}

static bp_status make_second(life *l, bp_error *error)
{
    return bp_network_create(&l->p->settings, l->p->inputs, OUTPUTS, &l->allocator, &l->second, error);
}

static bp_status make_trainer(life *l, bp_error *error)
{
    return bp_trainer_create(l->network, &l->p->settings, NULL, 0, &l->allocator, &l->trainer, error);
}

static bp_status make_resumed(life *l, bp_error *error)
{
    return bp_trainer_create(l->second, &l->p->settings, NULL, 0, &l->allocator, &l->resumed, error);
}

static bp_status make_workspace(life *l, bp_error *error)
{
    return bp_workspace_create(l->network, 2, BP_ISA_AUTO, &l->allocator, &l->workspace, error);
}

static bp_status fit(life *l, bp_trainer *trainer, bp_error *error)
{
    uint64_t index[ROWS];

    for (uint64_t i = 0; i < ROWS; i++)
        index[i] = i;
    return bp_trainer_fit(trainer, NULL, l->examples, (bp_rows){index, TRAINING}, l->examples,
                          (bp_rows){index + TRAINING, ROWS - TRAINING}, NULL, NULL, error);
}

static bp_status fit_first(life *l, bp_error *error)
{
    return fit(l, l->trainer, error);
}

static bp_status checkpoint(life *l, bp_error *error)
{
    return bp_trainer_checkpoint(l->trainer, "c", error);
}

static bp_status resume(life *l, bp_error *error)
{
    return bp_trainer_resume(l->resumed, "c", error);
}

static bp_status fit_resumed(life *l, bp_error *error)
{
    return fit(l, l->resumed, error);
}

static bp_status evaluate(life *l, bp_error *error)
{
    return bp_network_evaluate(l->second, l->workspace, NULL, l->examples, (bp_rows){0}, &l->metrics, error);
}

static bp_status predict(life *l, bp_error *error)
{
    return bp_network_predict(l->network, l->workspace, ROWS, l->p->x, l->predictions, error);
}

typedef struct stage {
    const char *name;
    bp_status (*call)(life *l, bp_error *error);
} stage;

static const stage stages[] = {
    {"examples", take_examples},   {"network", make_network},        {"second network", make_second},
    {"trainer", make_trainer},     {"workspace", make_workspace},    {"fit", fit_first},
    {"checkpoint", checkpoint},    {"second trainer", make_resumed}, {"resume", resume},
    {"fit after it", fit_resumed}, {"evaluate", evaluate},           {"predict", predict},
};

enum { STAGES = sizeof stages / sizeof *stages };

static void end(life *l)
{
    bp_workspace_free(l->workspace);
    bp_trainer_free(l->resumed);
    bp_trainer_free(l->trainer);
    bp_network_free(l->second);
    bp_network_free(l->network);
    bp_examples_free(l->examples);
}

/* A call that fails is made once more, with memory to be had again; returns how many failed. */
static size_t live(life *l, refusing *memory)
{
    size_t failed = 0;
    bp_error error;

    for (size_t i = 0; i < STAGES; i++) {
        size_t alive = memory->alive;
        bp_status status = stages[i].call(l, &error);
        if (status == BP_OK)
            continue;
        failed++;
        cr_assert_eq(status, BP_NO_MEMORY, "%s, allocation %zu: %s", stages[i].name, memory->refuse, error.text);
        cr_assert(error.status == BP_NO_MEMORY && error.text[0], "%s says nothing", stages[i].name);
        cr_assert_eq(memory->alive, alive, "%s, allocation %zu: %zu blocks more than before", stages[i].name, memory->refuse,
                     memory->alive - alive);
        memory->refuse = SIZE_MAX;
        memory->onwards = false;
        cr_assert_eq(stages[i].call(l, &error), BP_OK, "%s again: %s", stages[i].name, error.text);
    }
    return failed;
}

static life *new_life(const problem *p, refusing *memory)
{
    life *l = calloc(1, sizeof *l);

    l->p = p;
    l->allocator = refusing_allocator(memory);
    return l;
}

static void assert_same(const life *got, const life *wanted, size_t refused)
{
    float *a = problem_parameters(got->network), *b = problem_parameters(wanted->network);
    uint64_t count = bp_network_parameters(wanted->network);

    cr_assert_eq(problem_first_difference(a, b, count), count, "allocation %zu refused: other parameters", refused);
    free(a);
    a = problem_parameters(got->second);
    cr_assert_eq(problem_first_difference(a, b, count), count, "allocation %zu refused: other parameters resumed", refused);
    free(a);
    free(b);
    cr_assert(got->metrics.loss == wanted->metrics.loss && got->metrics.r2 == wanted->metrics.r2);
    cr_assert_eq(memcmp(got->predictions, wanted->predictions, sizeof got->predictions), 0, "allocation %zu", refused);
}

static problem subject(void)
{
    bp_settings settings = problem_settings((uint32_t[]){17}, 1, BP_RELU, BP_SQUARED_ERROR, BP_ADAM);

    settings.threads = 2;
    settings.exact_threads = 1;
    settings.batch_size = 64;
    return problem_create(settings, 7, OUTPUTS, ROWS, 41);
}

static void refuse_each(bool onwards)
{
    problem p = subject();
    refusing plenty = refuse_at(SIZE_MAX);
    life *wanted = new_life(&p, &plenty);

    cr_assert_eq(live(wanted, &plenty), 0);
    cr_assert_gt(plenty.asked, STAGES);
    for (size_t number = 0; number < plenty.asked; number++) {
        refusing memory = refuse_at(number);
        memory.onwards = onwards;
        life *l = new_life(&p, &memory);
        cr_assert_eq(live(l, &memory), 1, "allocation %zu is nobody's", number);
        assert_same(l, wanted, number);
        end(l);
        free(l);
        cr_assert(memory.alive == 0 && memory.bytes == 0, "allocation %zu refused: %zu blocks are left", number, memory.alive);
    }
    end(wanted);
    free(wanted);
    cr_assert(plenty.alive == 0 && plenty.bytes == 0, "%zu blocks are left", plenty.alive);
    problem_free(&p);
}

Test(guest_memory, refused_once_harms_nothing, .init = scratch_begin, .fini = scratch_end)
{
    refuse_each(false);
}

Test(guest_memory, refused_from_some_time_on_harms_nothing, .init = scratch_begin, .fini = scratch_end)
{
    refuse_each(true);
}

/* Else other data would be refused, and a checkpoint would hold memory that nobody has written. */
Test(guest_memory, refused_at_a_fits_beginning_leaves_nothing_to_checkpoint, .init = scratch_begin, .fini = scratch_end)
{
    problem p = subject();
    refusing memory = refuse_at(SIZE_MAX);
    life *l = new_life(&p, &memory);
    bp_error error;

    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(stages[i].call(l, &error), BP_OK);
    memory.refuse = memory.asked;
    cr_assert_eq(fit_first(l, &error), BP_NO_MEMORY);
    cr_assert_eq(checkpoint(l, &error), BP_INVALID);
    cr_assert_eq(scratch_count(), 0);
    end(l);
    free(l);
    problem_free(&p);
}
