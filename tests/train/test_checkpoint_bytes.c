/* A checkpoint is the same file whatever way its trainer took: what lies behind the last column of a panel, too.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "scratch.h"
#include "sets.h"

static const char path[] = "way.checkpoint";

typedef struct content {
    unsigned char *bytes;
    size_t count;
} content;

static content checkpoint_by(const problem *p, const bp_settings *way)
{
    bp_network *network = problem_network(p);
    problem own = *p;

    own.settings = *way;
    bp_trainer *trainer = problem_trainer(&own, network);
    problem_fit(&own, trainer);
    cr_assert_eq(bp_trainer_checkpoint(trainer, path, NULL), BP_OK);
    bp_trainer_free(trainer);
    bp_network_free(network);
    content c;
    c.bytes = scratch_read(path, &c.count);
    return c;
}

static void check_ways(const problem *p)
{
    bp_settings way = p->settings;

    way.exact_threads = 1;
    way.isa = BP_ISA_SCALAR;
    way.gradient = BP_GRADIENT_TILES;
    content wanted = checkpoint_by(p, &way);
    for (way.isa = BP_ISA_SCALAR; way.isa; way.isa = (int32_t)set_after((bp_isa)way.isa))
        for (way.gradient = BP_GRADIENT_BUFFERS; way.gradient <= BP_GRADIENT_TILES; way.gradient++)
            for (way.threads = 1; way.threads <= 3; way.threads += 2) {
                content got = checkpoint_by(p, &way);
                cr_assert(got.count == wanted.count && memcmp(got.bytes, wanted.bytes, got.count) == 0,
                          "%u-%u-%u, activation %d: isa %d, gradient %d, %u threads", p->inputs, p->settings.hidden[0], p->outputs,
                          p->settings.activation, way.isa, way.gradient, way.threads);
                free(got.bytes);
            }
    free(wanted.bytes);
}

Test(checkpoint_bytes, do_not_depend_on_threads_strategy_or_instruction_set)
{
    scratch_begin();
    for (bp_activation activation = BP_IDENTITY; activation <= BP_SOFTPLUS; activation++)
        for (uint32_t outputs = 1; outputs <= 2; outputs++)
            for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAM; optimizer++) {
                bp_settings settings = problem_settings((uint32_t[]){19}, 1, activation, BP_SQUARED_ERROR, optimizer);
                settings.batch_size = 50;
                settings.epochs = 2;
                problem p = problem_create(settings, 5, outputs, 120, 3);
                check_ways(&p);
                problem_free(&p);
            }
    scratch_end();
}
