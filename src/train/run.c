/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include "clock.h"
#include "error.h"
#include "examples.h"
#include "size.h"

uint64_t bp_run_steps(const bp_trainer *trainer, uint64_t rows)
{
    return rows / trainer->plan.batch + (rows % trainer->plan.batch != 0);
}

bp_minibatch bp_run_minibatch(const bp_run *run, uint64_t step)
{
    const bp_trainer *trainer = run->trainer;
    uint64_t first = step * trainer->plan.batch;
    return (bp_minibatch){
        .examples = run->examples,
        .rows = run->order ? run->order + first : NULL,
        .first = first - run->base,
        .m = bp_size_min(trainer->plan.batch, run->rows - first),
        .epoch = run->in_fit ? trainer->fit.epoch : 0,
        .step = run->in_fit ? trainer->fit.step : trainer->minibatches,
    };
}

/* The clock takes 30 ns, which the smallest networks would feel: they look every 16 steps. */
static bool time_is_up(const bp_run *run, uint64_t step)
{
    bool asked = run->pause_time > 0.0 || run->slice_end > 0.0;

    if (!asked || (run->trainer->plan.microseconds < 20.0 && step / run->trainer->plan.group % 16))
        return false;
    double now = bp_clock();
    return (run->pause_time > 0.0 && now >= run->pause_time) || (run->slice_end > 0.0 && now >= run->slice_end);
}

static bool pause_is_due(const bp_run *run, uint64_t step)
{
    uint64_t done = run->trainer->fit.steps + 1;
    return (run->pause_at && done >= run->pause_at) || time_is_up(run, step);
}

static bp_group group_of(const bp_run *run, uint64_t step, size_t m)
{
    const bp_plan *plan = &run->trainer->plan;
    uint64_t place = step % plan->group;

    return (bp_group){
        .first = place == 0,
        .last = place + 1 == plan->group || step + 1 == bp_run_steps(run->trainer, run->rows),
        .rows = place * plan->batch + m,
    };
}

void bp_run_decide(bp_run *run, uint64_t step, size_t m)
{
    run->trainer->group = group_of(run, step, m);
    if (!run->trainer->group.last)
        return;
    bp_phase_begin_update(run->trainer, run->trainer->plan.split ? 1 : m, 0.0);
    if (!run->in_fit || run->trainer->plan.full) /* the epoch's end comes next, or the line search is in its middle */
        return;
    if (atomic_load_explicit(&run->trainer->cancelled, memory_order_relaxed) || pause_is_due(run, step))
        run->stop = true;
}

void bp_run_count(bp_run *run, size_t m)
{
    bp_fit_state *state = &run->trainer->fit;

    double cost = bp_phase_cost(run->trainer, m);

    if (!run->in_fit) {
        run->trainer->minibatches++;
        run->counted += m;
        run->cost += (cost - run->cost) * ((double)m / (double)run->counted); /* of one step: cost, to the bit */
        return;
    }
    state->steps++;
    state->step++;
    state->examples += m;
    state->epoch_rows += m;
    state->epoch_loss += cost * (double)m;
}

void bp_run_barrier(bp_run *run, bp_member member)
{
    bp_trainer *trainer = run->trainer;

    if (!trainer->timed || member.index) {
        bp_team_barrier(member);
        return;
    }
    double since = bp_clock();
    bp_team_barrier(member);
    trainer->phase_seconds[BP_PHASE_WAIT] += bp_clock() - since;
}

bp_status bp_rows_of_caller(const bp_trainer *trainer, uint64_t rows, const float *x, const float *y, const float *weight,
                            bp_examples *examples, bp_error *error)
{
    const bp_layout *layout = &trainer->network->layout;
    uint32_t inputs = layout->layer[0].k, outputs = layout->layer[layout->layers - 1].n;

    if (rows < 1)
        return bp_fail(error, BP_INVALID, "a minibatch of 0 rows: this trainer takes 1 to %zu", trainer->plan.batch);
    if (trainer->plan.full)
        return bp_fail(error, BP_INVALID, "the optimizer takes all rows for each update: that is bp_trainer_fit's");
    if (!x || !y)
        return bp_fail(error, BP_INVALID, "a minibatch needs both x and y");
    *examples = (bp_examples){
        .rows = rows,
        .inputs = inputs,
        .outputs = outputs,
        .x_type = BP_TYPE_F32,
        .x = x,
        .x_stride = inputs * sizeof(float),
        .y = y,
        .y_stride = outputs,
        .weight = weight,
    };
    return BP_OK;
}

bp_status bp_minibatch_of_caller(const bp_trainer *trainer, uint64_t m, const float *x, const float *y, const float *weight,
                                 bp_examples *examples, bp_error *error)
{
    if (bp_run_steps(trainer, m) > trainer->plan.group)
        return bp_fail(error, BP_INVALID, "a minibatch of %llu rows: this trainer takes 1 to %zu", (unsigned long long)m,
                       trainer->plan.batch * trainer->plan.group);
    return bp_rows_of_caller(trainer, m, x, y, weight, examples, error);
}
