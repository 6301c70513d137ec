/* Where the system does not permit AMX's tiles, mixed precision is computed without them: the same bits, and the plan says why.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sigaltstack */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "helper_outcome.h"
#include "refused_tiles.h"
#include "tile_permission.h"

/* In a child, which may use tiles if the system lets it: its exit code is 1 where it does. Who has asked cannot be refused any
 * more, so the test's own process does not ask. */
static bool would_be_permitted(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(bp_tiles_permitted());
    cr_assert_gt(child, 0);
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static problem mixed_problem(int32_t isa)
{
    problem p = outcome_problem(2);

    p.settings.precision = BP_BF16X2;
    p.settings.isa = isa;
    return p;
}

static void check_outcome(void)
{
    problem automatic = mixed_problem(BP_ISA_AUTO), scalar = mixed_problem(BP_ISA_SCALAR);
    handles h = handles_create(&automatic), of_scalar = handles_create(&scalar);
    outcome *o = outcome_of(&h), *wanted = outcome_of(&of_scalar);

    cr_assert(strcmp(bp_trainer_isa(h.trainer), "amx") != 0);
    assert_same_outcome(o, wanted, "without tiles");
    free(o);
    free(wanted);
    handles_free(&h);
    handles_free(&of_scalar);
    problem_free(&automatic);
    problem_free(&scalar);
}

static void check_text(bp_precision precision, const char *cause)
{
    problem p = mixed_problem(BP_ISA_AUTO);
    char text[4000];

    p.settings.precision = (int32_t)precision;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    cr_assert_lt(bp_trainer_plan(trainer, text, sizeof text), sizeof text);
    cr_assert_eq(strstr(text, cause) != NULL, precision != BP_F32, "\"%s\" in precision %d:\n%s", cause, precision, text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

static void check_refusal(const char *cause)
{
    problem p = mixed_problem(BP_ISA_AMX);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = NULL;
    bp_workspace *workspace = NULL;
    bp_error error;

    cr_assert_eq(bp_trainer_create(network, &p.settings, NULL, 0, NULL, &trainer, &error), BP_INVALID);
    cr_assert(strstr(error.text, cause), "%s", error.text);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AMX, NULL, &workspace, &error), BP_INVALID);
    cr_assert(strstr(error.text, cause), "%s", error.text);
    bp_network_free(network);
    problem_free(&p);
}

/* After the system has been made to refuse. */
static void check_without_tiles(const char *cause)
{
    errno = 4711;
    cr_assert(!bp_tiles_permitted() && errno == 4711);
    check_outcome();
    check_text(BP_BF16, cause);
    check_text(BP_F32, cause);
    check_refusal(cause);
}

static void check_error(int number, const char *cause)
{
    if (!would_be_permitted())
        cr_skip_test("no AMX here");
    if (!refuse_tiles(number))
        cr_skip_test("no filters of system calls here");
    check_without_tiles(cause);
}

Test(guest_permission, that_a_sandbox_denies_is_done_without)
{
    check_error(EPERM, "this process is not allowed to ask for them");
}

Test(guest_permission, that_an_old_kernel_does_not_know_is_done_without)
{
    check_error(EINVAL, "this kernel does not know them");
}

/* Linux permits tiles only where every thread's stack for signals could hold them. */
Test(guest_permission, that_a_small_stack_for_signals_forbids_is_done_without)
{
    static char small[8192];
    stack_t before, stack = {.ss_sp = small, .ss_size = sizeof small};

    if (!would_be_permitted())
        cr_skip_test("no AMX here");
    cr_assert_eq(sigaltstack(&stack, &before), 0);
    if (!would_be_permitted())
        check_without_tiles("a thread's stack for signals is too small for them");
    else
        cr_skip_test("this kernel does not look at stacks for signals");
    sigaltstack(&before, NULL);
}
