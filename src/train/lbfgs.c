/* SPDX-License-Identifier: Apache-2.0 */
#include "lbfgs.h"

#include <math.h>
#include <string.h>

#include "size.h"
#include "sum.h"
#include "trainer.h"

#define BLOCK 4096 /* floats of a chain: 16 KiB */
#define LANES 16

#define SMALLEST_GRADIENT 1e-7 /* 2-norm: torch.optim.LBFGS's tolerance_grad */
#define LEAST_CURVATURE 1e-9   /* of s y, beside y y: below it a step tells nothing but rounding */

static size_t blocks_of(size_t floats)
{
    return (floats + BLOCK - 1) / BLOCK;
}

void bp_lbfgs_carve(bp_lbfgs *lbfgs, size_t floats, bp_arena *arena)
{
    lbfgs->start = bp_arena_take(arena, floats, sizeof(float));
    lbfgs->gradient = bp_arena_take(arena, floats, sizeof(float));
    lbfgs->direction = bp_arena_take(arena, floats, sizeof(float));
    for (size_t i = 0; i < BP_LBFGS_HISTORY; i++) {
        lbfgs->s[i] = bp_arena_take(arena, floats, sizeof(float));
        lbfgs->y[i] = bp_arena_take(arena, floats, sizeof(float));
    }
    lbfgs->sums = bp_arena_take(arena, 2 * blocks_of(floats), sizeof(double));
}

void bp_lbfgs_clear(bp_lbfgs *lbfgs, size_t floats)
{
    memset(lbfgs->gradient, 0, floats * sizeof(float));
    for (size_t i = 0; i < BP_LBFGS_HISTORY; i++) {
        memset(lbfgs->s[i], 0, floats * sizeof(float));
        memset(lbfgs->y[i], 0, floats * sizeof(float));
    }
}

void bp_lbfgs_forget(bp_lbfgs *lbfgs)
{
    lbfgs->state = (bp_lbfgs_state){.scale = 1.0};
}

void bp_lbfgs_write(const bp_lbfgs_state *state, double values[BP_LBFGS_VALUES])
{
    double all[] = {state->known, (double)state->count, (double)state->next, state->f, state->scale};

    memcpy(values, all, sizeof all);
    memcpy(values + 5, state->rho, sizeof state->rho);
}

bool bp_lbfgs_read(const double values[BP_LBFGS_VALUES], bp_lbfgs_state *state)
{
    bool counts = values[1] >= 0.0 && values[1] <= BP_LBFGS_HISTORY && values[2] >= 0.0 && values[2] < BP_LBFGS_HISTORY;

    for (size_t i = 0; i < BP_LBFGS_VALUES; i++)
        counts = counts && isfinite(values[i]);
    if (!counts)
        return false;
    *state = (bp_lbfgs_state){
        .known = values[0] != 0.0, .count = (uint64_t)values[1], .next = (uint64_t)values[2], .f = values[3], .scale = values[4]};
    memcpy(state->rho, values + 5, sizeof state->rho);
    return true;
}

/* -------------------------------------------------------------------------------------------------- vectors, by a team */

/* One member's part of all vectors. What it makes of its own part only itself reads, so that products of two are all that a team
 * waits for. */
typedef struct share {
    bp_trainer *trainer;
    bp_lbfgs *lbfgs;
    bp_member member;
    size_t blocks;
    bp_range own;   /* blocks */
    bp_range place; /* floats */
    unsigned turn;  /* of the two arrays of sums: one is read while the other is written */
} share;

static share share_of(bp_trainer *trainer, bp_member member)
{
    size_t floats = trainer->network->layout.floats;
    share s = {.trainer = trainer, .lbfgs = &trainer->lbfgs, .member = member, .blocks = blocks_of(floats)};

    s.own = bp_team_range(member, s.blocks, 1);
    s.place = (bp_range){bp_size_min(s.own.first * BLOCK, floats), bp_size_min(s.own.end * BLOCK, floats)};
    return s;
}

/* A thread without a block would only wait. */
static unsigned team_for(const bp_trainer *trainer)
{
    return (unsigned)bp_size_min(trainer->plan.threads, blocks_of(trainer->network->layout.floats));
}

/* Counts are multiples of 32. */
static double chain(const float *a, const float *b, size_t count)
{
    double lane[LANES] = {0};

    for (size_t i = 0; i < count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)a[i + j] * (double)b[i + j];
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            lane[j] += lane[j + apart];
    return lane[0];
}

static double dot(share *s, const float *a, const float *b)
{
    double *sums = s->lbfgs->sums + (s->turn++ & 1) * s->blocks;
    bp_sum sum;

    for (size_t block = s->own.first; block < s->own.end; block++) {
        size_t first = block * BLOCK;
        sums[block] = chain(a + first, b + first, bp_size_min(BLOCK, s->place.end - first));
    }
    bp_team_barrier(s->member);
    bp_sum_start(&sum);
    for (size_t block = 0; block < s->blocks; block++)
        bp_sum_add(&sum, sums[block]);
    return bp_sum_total(&sum);
}

/* to = a x + b y */
static void combine(const share *s, double a, const float *x, double b, const float *y, float *to)
{
    for (size_t i = s->place.first; i < s->place.end; i++)
        to[i] = (float)(a * (double)x[i] + b * (double)y[i]);
}

static void copy(const share *s, const float *from, float *to)
{
    memcpy(to + s->place.first, from + s->place.first, (s->place.end - s->place.first) * sizeof *to);
}

/* ----------------------------------------------------------------------------------------------------------- direction */

/* Place of the remembered step `age`, 0 the last one. */
static size_t place_at(const bp_lbfgs_state *state, uint64_t age)
{
    return (size_t)((state->next + BP_LBFGS_HISTORY - 1 - age) % BP_LBFGS_HISTORY);
}

/* d = -H gradient */
static void turn(share *s, const bp_lbfgs_state *state)
{
    bp_lbfgs *l = s->lbfgs;
    float *d = l->direction;
    double alpha[BP_LBFGS_HISTORY];

    copy(s, l->gradient, d);
    for (uint64_t age = 0; age < state->count; age++) {
        size_t i = place_at(state, age);
        alpha[age] = state->rho[i] * dot(s, l->s[i], d);
        combine(s, 1.0, d, -alpha[age], l->y[i], d);
    }
    combine(s, state->scale, d, 0.0, d, d);
    for (uint64_t age = state->count; age-- > 0;) {
        size_t i = place_at(state, age);
        double beta = state->rho[i] * dot(s, l->y[i], d);
        combine(s, 1.0, d, alpha[age] - beta, l->s[i], d);
    }
    combine(s, -1.0, d, 0.0, d, d);
}

/* A new line from where the parameters stand. */
static void begin_member(void *context, bp_member member)
{
    bp_trainer *trainer = context;
    share s = share_of(trainer, member);
    bp_lbfgs *l = s.lbfgs;
    bp_lbfgs_state state = l->state;

    copy(&s, trainer->network->parameters, l->start);
    turn(&s, &state);
    double slope = dot(&s, l->gradient, l->direction), square = dot(&s, l->gradient, l->gradient);
    if (!(slope < 0.0)) { /* rounding has won: straight down */
        state.count = 0;
        combine(&s, -1.0, l->gradient, 0.0, l->gradient, l->direction);
        slope = -square;
    }
    double first = state.count || square < 1.0 ? 1.0 : 1.0 / sqrt(square);
    if (member.index == 0) { /* behind the products' barriers: all have their copy */
        l->state = state;
        bp_line_begin(&l->line, (bp_line_point){0.0, state.f, slope}, first);
    }
}

static void move_member(void *context, bp_member member)
{
    bp_trainer *trainer = context;
    share s = share_of(trainer, member);

    combine(&s, 1.0, s.lbfgs->start, s.lbfgs->line.alpha, s.lbfgs->direction, trainer->network->parameters);
}

static void move(bp_trainer *trainer)
{
    bp_team_run(team_for(trainer), move_member, trainer);
    bp_trainer_refresh(trainer);
    trainer->first_copied = false;
}

static void begin_line(bp_trainer *trainer)
{
    bp_team_run(team_for(trainer), begin_member, trainer);
    move(trainer);
}

void bp_lbfgs_begin(bp_trainer *trainer)
{
    if (trainer->lbfgs.state.known)
        begin_line(trainer);
}

/* -------------------------------------------------------------------------------------------------------------- a pass */

typedef struct pass_work {
    bp_trainer *trainer;
    bool finite;
    bool over; /* the line has come to its end */
} pass_work;

/* Weight decay's part of the gradient, and of f: decay / 2 of W's squares. Biases do not decay. `weights` gets W, 0 in b's
 * place. */
static double decay(share *s, float *weights)
{
    const bp_layout *layout = &s->trainer->network->layout;
    double rate = s->trainer->settings.weight_decay;
    float *gradient = s->trainer->gradient;

    if (rate == 0.0)
        return 0.0;
    memset(weights + s->place.first, 0, (s->place.end - s->place.first) * sizeof *weights);
    for (uint32_t i = 0; i < layout->layers; i++) {
        size_t first = bp_size_max(layout->layer[i].w, s->place.first), end = bp_size_min(layout->layer[i].b, s->place.end);
        for (size_t p = first; p < end; p++) {
            weights[p] = s->trainer->network->parameters[p];
            gradient[p] = (float)((double)gradient[p] + rate * (double)weights[p]);
        }
    }
    return 0.5 * rate * dot(s, weights, weights);
}

/* The step and the change of the gradient, remembered unless they tell nothing; the next line starts here. */
static void remember(share *s, bp_lbfgs_state *state)
{
    bp_lbfgs *l = s->lbfgs;
    size_t i = (size_t)state->next;

    combine(s, 1.0, s->trainer->network->parameters, -1.0, l->start, l->s[i]);
    combine(s, 1.0, s->trainer->gradient, -1.0, l->gradient, l->y[i]);
    double product = dot(s, l->s[i], l->y[i]), square = dot(s, l->y[i], l->y[i]);
    if (product > LEAST_CURVATURE * square) {
        state->rho[i] = 1.0 / product;
        state->scale = product / square;
        state->count = state->count < BP_LBFGS_HISTORY ? state->count + 1 : state->count;
        state->next = (state->next + 1) % BP_LBFGS_HISTORY;
    } else if (state->count == BP_LBFGS_HISTORY) {
        state->count--; /* its place was taken */
    }
}

/* The line ends where the parameters stand. Where they did not move, the remembered steps have led astray, or there are none, and
 * this is the end. */
static void end_line(share *s, bp_lbfgs_state *state, double f)
{
    if (state->known && s->lbfgs->line.alpha == 0.0) {
        state->converged = state->count == 0;
        state->count = 0;
        state->scale = 1.0;
        return;
    }
    if (state->known)
        remember(s, state);
    copy(s, s->trainer->gradient, s->lbfgs->gradient);
    state->converged = dot(s, s->trainer->gradient, s->trainer->gradient) <= SMALLEST_GRADIENT * SMALLEST_GRADIENT;
    state->known = true;
    state->f = f;
}

static void take_member(void *context, bp_member member)
{
    pass_work *work = context;
    share s = share_of(work->trainer, member);
    bp_lbfgs *l = s.lbfgs;
    const bp_fit_state *fit = &work->trainer->fit;
    bp_lbfgs_state state = l->state;
    bp_line_search line = l->line;
    double f = INFINITY, slope = INFINITY;

    if (work->finite) {
        f = fit->epoch_loss / (double)fit->epoch_rows +
            decay(&s, l->s[state.next]); /* the place is not remembered yet, or forgotten next */
        slope = state.known ? dot(&s, work->trainer->gradient, l->direction) : 0.0;
    }
    bool over = !state.known || bp_line_take(&line, f, slope);
    bp_team_barrier(member); /* all have seen the line as it was */
    if (member.index == 0)
        l->line = line;
    bp_team_barrier(member);
    if (over)
        end_line(&s, &state, f);
    bp_team_barrier(member);
    if (member.index == 0) {
        l->state = state;
        work->over = over;
    }
}

bool bp_lbfgs_take(bp_trainer *trainer, bool finite)
{
    pass_work work = {.trainer = trainer, .finite = finite};
    bool began = trainer->lbfgs.state.known;

    bp_team_run(team_for(trainer), take_member, &work);
    if (!work.over) {
        move(trainer);
        return true;
    }
    trainer->fit.rate = began ? trainer->lbfgs.line.alpha : 0.0;
    if (began || trainer->lbfgs.state.converged)
        return false;
    begin_line(trainer);
    return true;
}
