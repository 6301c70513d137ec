/* SPDX-License-Identifier: Apache-2.0 */
#include "split_step.h"

#include <math.h>
#include <string.h>

#include "sum.h"

/* `count` floats; true where one is not finite at the end. */
static bool take(const bp_trainer *trainer, size_t count, const float *sum, float *gradient)
{
    const bp_kernels *kernels = trainer->plan.arithmetic.kernels;

    if (!trainer->group.first)
        kernels->add(count, gradient, sum);
    else if (sum != gradient)
        memcpy(gradient, sum, count * sizeof *gradient);
    return trainer->group.last && kernels->scale(count, 1.0f / (float)trainer->group.rows, gradient);
}

void bp_split_tile(bp_trainer *trainer, bp_member member, const bp_tile *tile)
{
    bool bad = take(trainer, tile->rows * BP_PANEL, tile->dW, trainer->gradient + tile->w);

    if (tile->db && take(trainer, BP_PANEL, tile->db, trainer->gradient + tile->b))
        bad = true;
    if (bad)
        bp_phase_note_bad(trainer, member, tile->layer);
}

bool bp_split_measures(const bp_trainer *trainer)
{
    return trainer->squares != NULL && trainer->group.last;
}

void bp_split_measure(bp_trainer *trainer, size_t number)
{
    const bp_kernels *kernels = trainer->plan.arithmetic.kernels;
    bp_tile tile = bp_plan_tile(&trainer->plan, &trainer->network->layout, number);
    const float *block = trainer->plan.clips ? trainer->gradient : trainer->network->parameters;
    double squares = kernels->squares(tile.rows * BP_PANEL, block + tile.w);

    if (trainer->plan.clips && tile.i == 0)
        squares += kernels->squares(BP_PANEL, block + tile.b);
    trainer->squares[number] = squares;
}

static double all_squares(const bp_trainer *trainer)
{
    bp_sum sum;

    bp_sum_start(&sum);
    for (size_t number = 0; number < trainer->plan.tiles; number++)
        bp_sum_add(&sum, trainer->squares[number]);
    return bp_sum_total(&sum);
}

float bp_split_factor(const bp_trainer *trainer)
{
    if (!trainer->plan.clips)
        return 1.0f;
    double factor = trainer->settings.clip_norm / (sqrt(all_squares(trainer)) + 1e-6);
    return factor < 1.0 ? (float)factor : 1.0f;
}

double bp_split_objective(const bp_trainer *trainer)
{
    double J = trainer->fit.epoch_loss / (double)trainer->fit.epoch_rows;
    return trainer->squares ? J + 0.5 * trainer->settings.weight_decay * all_squares(trainer) : J;
}
