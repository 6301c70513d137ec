/* Faults on purpose, one for each kind of finding: the sanitizer run is trusted only where it sees them all.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

#include "team.h"

/* The compiler may know neither the number nor that the memory is lost. */
static volatile int one = 1;

Test(planted, a_read_behind_the_end)
{
    char *volatile memory = malloc(8);
    cr_assert_not_null(memory);
    one = memory[7 + one];
    free(memory);
}

Test(planted, a_signed_overflow)
{
    one = INT_MAX - 1 + one + one;
}

Test(planted, a_leak)
{
    void *volatile lost = malloc(100);
    cr_assert_not_null(lost);
    lost = NULL;
}

static volatile int jump;

Test(planted, a_jump_by_what_was_never_written)
{
    int *volatile memory = malloc(100 * sizeof *memory);
    cr_assert_not_null(memory);
    if (memory[50 + one])
        jump++;
    free(memory);
}

static volatile int given[2], taken[2];

/* Each member reads what the other writes: a race, but behind the barrier. */
static void exchange(void *with_barrier, bp_member member)
{
    given[member.index] = one;
    if (with_barrier)
        bp_team_barrier(member);
    taken[member.index] = given[1 - member.index];
}

Test(planted, a_race_of_a_team)
{
    bp_team_run(2, exchange, NULL);
}

/* No fault, which a detector that did not understand the barrier would report. */
Test(planted, no_race_behind_a_barrier)
{
    int barrier = 1;

    bp_team_run(2, exchange, &barrier);
}
