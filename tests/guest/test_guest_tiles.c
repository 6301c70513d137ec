/* Mixed precision in somebody else's program: the host's floating-point state neither matters nor changes, and AMX's tiles are left
 * as they were found.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* feenableexcept */
#include <criterion/criterion.h>
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "helper_outcome.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

static const bp_precision mixed[] = {BP_BF16, BP_BF16X2, BP_BF16X3};

enum { MIXED = sizeof mixed / sizeof *mixed };

static problem mixed_problem(bp_precision precision, uint32_t threads)
{
    problem p = outcome_problem(threads);

    p.settings.precision = (int32_t)precision;
    return p;
}

/* -------------------------------------------------------------------------------------------- floating-point state */

/* Weights whose terms lie around the smallest normal number, subnormal ones, and one that no bf16 holds. */
static void make_awkward(float W[INPUTS * HIDDEN])
{
    for (int j = 0; j < INPUTS * HIDDEN; j++)
        W[j] = (float)(1 + j) * (j % 2 ? 0x1.fffffep-126f : -0x1.8p-118f) * (j % 3 ? 1.0f : 0x1p-12f);
    W[0] = 0x1.fffffep127f;
}

static unsigned control_state(void)
{
#if defined(__x86_64__)
    return _mm_getcsr(); /* with the flags of what has happened */
#else
    return (unsigned)fegetround();
#endif
}

/* Everything once in a host that rounds its own way and traps; before it, weights that are taken up and set back. */
static void check_host(bp_precision precision, int direction, uint32_t threads, const outcome *usual)
{
    problem p = mixed_problem(precision, threads);
    handles h = handles_create(&p);
    float *first = problem_parameters(h.network), awkward[INPUTS * HIDDEN];
    outcome *o = calloc(1, sizeof *o);

    make_awkward(awkward);
    fesetround(direction);
    feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
    unsigned before = control_state();
    bp_network_set(h.network, 0, awkward, NULL, NULL);
    bp_trainer_sync(h.trainer);
    bp_network_set(h.network, 0, first, NULL, NULL);
    bp_trainer_sync(h.trainer);
    bp_status status = compute(&h, o);
    unsigned after = control_state();
    fedisableexcept(FE_ALL_EXCEPT);
    fesetenv(FE_DFL_ENV);
    cr_assert_eq(status, BP_OK);
    cr_assert_eq(before, after, "direction %d: %#x became %#x", direction, before, after);
    outcome_finish(&h, o);
    assert_same_outcome(o, usual, "mixed precision in another host");
    free(o);
    free(first);
    handles_free(&h);
    problem_free(&p);
}

static outcome *usual_outcome(bp_precision precision)
{
    problem p = mixed_problem(precision, 1);
    handles h = handles_create(&p);
    outcome *o = outcome_of(&h);

    handles_free(&h);
    problem_free(&p);
    return o;
}

Test(guest_tiles, keep_the_hosts_floating_point_state_and_do_not_feel_it)
{
    for (size_t i = 0; i < MIXED; i++) {
        outcome *usual = usual_outcome(mixed[i]);
        check_host(mixed[i], FE_TONEAREST, 1, usual);
        check_host(mixed[i], FE_UPWARD, 2, usual);
        check_host(mixed[i], FE_TOWARDZERO, 1, usual);
        free(usual);
    }
}

/* -------------------------------------------------------------------------------------------------------------- tiles */

#if defined(__x86_64__)
#define TILE_STATE (UINT64_C(3) << 17) /* XTILECFG, XTILEDATA */

/* The parts of the thread's state that are not as at its beginning. */
static uint64_t states_in_use(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return (uint64_t)high << 32 | low;
}

static bool can_be_seen(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx) && eax & 4 && bp_cpu_has(BP_ISA_AMX);
}

static void assert_no_tiles(const char *when)
{
    cr_assert_eq(states_in_use() & TILE_STATE, 0, "%s: %#llx", when, (unsigned long long)states_in_use());
}

static void assert_no_tiles_in_team(uint32_t threads, const char *when)
{
    uint64_t in_use[8] = {0};

#pragma omp parallel num_threads((int)threads)
    in_use[omp_get_thread_num()] = states_in_use();
    for (uint32_t t = 0; t < threads; t++)
        cr_assert_eq(in_use[t] & TILE_STATE, 0, "%s, thread %u of %u: %#llx", when, t, threads, (unsigned long long)in_use[t]);
}

/* In the middle of a fit, outside of any step. */
static int look(void *context, const bp_progress *progress)
{
    uint64_t *seen = context;

    (void)progress;
    *seen |= states_in_use();
    return 0;
}

static void check_calls(const handles *h, uint32_t threads)
{
    static float y_hat[ROWS * OUTPUTS], d_x[BATCH * INPUTS];
    uint64_t seen = 0;
    bp_callbacks callbacks = {.context = &seen, .epoch = look, .pause = look, .pause_steps = 1};

    cr_assert_eq(bp_trainer_step(h->trainer, BATCH, h->p->x, h->p->y, NULL, NULL, NULL), BP_OK);
    assert_no_tiles_in_team(threads, "step");
    cr_assert_eq(bp_trainer_forward(h->trainer, BATCH, h->p->x, y_hat, NULL), BP_OK);
    assert_no_tiles_in_team(threads, "forward");
    cr_assert_eq(bp_trainer_loss(h->trainer, h->p->y, NULL, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(h->trainer, NULL, d_x, NULL), BP_OK);
    assert_no_tiles_in_team(threads, "backward");
    cr_assert_eq(bp_trainer_update(h->trainer, 0, NULL), BP_OK);
    bp_trainer_sync(h->trainer);
    assert_no_tiles_in_team(threads, "update and sync");
    cr_assert_eq(bp_network_predict(h->network, h->workspace, ROWS, h->p->x, y_hat, NULL), BP_OK);
    assert_no_tiles_in_team(threads, "predict");
    cr_assert_eq(bp_trainer_fit(h->trainer, NULL, h->p->examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, NULL, NULL), BP_OK);
    cr_assert_eq(seen & TILE_STATE, 0, "a callback saw %#llx", (unsigned long long)seen);
    assert_no_tiles_in_team(threads, "fit");
}

/* A loss that is not finite ends the steps early. */
static void check_divergence(const handles *h)
{
    h->p->x[0] = INFINITY;
    cr_assert_eq(bp_trainer_step(h->trainer, BATCH, h->p->x, h->p->y, NULL, NULL, NULL), BP_DIVERGED);
    assert_no_tiles("a step that diverged");
}

Test(guest_tiles, are_released_by_every_call_on_every_thread)
{
    if (!can_be_seen())
        cr_skip_test("no AMX here, or no way to see its state");
    bp_blocks_amx.enter();
    uint64_t entered = states_in_use();
    bp_blocks_amx.leave();
    cr_assert_neq(entered & TILE_STATE, 0, "tiles in use are not seen");
    for (size_t i = 0; i < MIXED; i++)
        for (uint32_t threads = 1; threads <= 3; threads++) {
            problem p = mixed_problem(mixed[i], threads);
            p.settings.exact_threads = 1;
            handles h = handles_create(&p);
            cr_assert_str_eq(bp_trainer_isa(h.trainer), "amx");
            assert_no_tiles("create");
            check_calls(&h, threads);
            check_divergence(&h);
            handles_free(&h);
            problem_free(&p);
        }
}
#endif

Test(guest_tiles, leave_errno_alone)
{
    outcome *o = calloc(1, sizeof *o);

    errno = 4711;
    bp_cpu_has(BP_ISA_AMX);
    cr_assert_eq(errno, 4711, "asking for permission");
    for (size_t i = 0; i < MIXED; i++) {
        problem p = mixed_problem(mixed[i], 1);
        handles h = handles_create(&p);
        errno = 4711;
        bp_status status = compute_parts(&h, o);
        cr_assert_eq(errno, 4711);
        cr_assert_eq(status, BP_OK);
        handles_free(&h);
        problem_free(&p);
    }
    free(o);
}
