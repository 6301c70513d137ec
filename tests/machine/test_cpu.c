/* The table of kernels that a limit on the instruction set gives.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "cpu.h"

#include <criterion/criterion.h>

static const char *const names[] = {"auto", "scalar", "avx2", "avx512", "neon"};

Test(cpu, a_limit_gives_the_table_of_its_name_or_is_refused)
{
    for (bp_isa isa = BP_ISA_SCALAR; isa <= BP_ISA_NEON; isa++) {
        const bp_kernels *kernels = NULL;
        bp_error error;
        if (bp_cpu_has(isa)) {
            cr_assert_eq(bp_cpu_kernels(isa, &kernels, &error), BP_OK, "%s", error.text);
            cr_assert_str_eq(kernels->name, names[isa]);
        } else {
            cr_assert_eq(bp_cpu_kernels(isa, &kernels, &error), BP_INVALID);
            cr_assert_null(kernels);
        }
    }
}

Test(cpu, no_limit_gives_the_widest)
{
    const bp_kernels *kernels;
    bp_isa widest = BP_ISA_NEON;

    while (!bp_cpu_has(widest))
        widest--;
    cr_assert_eq(bp_cpu_kernels(BP_ISA_AUTO, &kernels, NULL), BP_OK);
    cr_assert_str_eq(kernels->name, names[widest]);
}

Test(cpu, what_is_no_instruction_set_is_refused)
{
    const bp_kernels *kernels = NULL;

    cr_assert_not(bp_cpu_has(BP_ISA_AUTO));
    cr_assert_not(bp_cpu_has((bp_isa)99));
    cr_assert_eq(bp_cpu_kernels((bp_isa)99, &kernels, NULL), BP_INVALID);
    cr_assert_null(kernels);
}

Test(cpu, no_table_has_a_gap)
{
    for (bp_isa isa = BP_ISA_SCALAR; isa <= BP_ISA_NEON; isa++) {
        const bp_kernels *table;
        if (bp_cpu_kernels(isa, &table, NULL) != BP_OK)
            continue;
        const void *const *entry = (const void *const *)table; /* a name, then functions alone */
        for (size_t i = 0; i < sizeof *table / sizeof *entry; i++)
            cr_assert_not_null(entry[i], "%s, entry %zu", table->name, i);
    }
}
