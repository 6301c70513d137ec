/* Faults on purpose, one for each kind of finding: the sanitizer run is trusted only where it sees them all.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

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
