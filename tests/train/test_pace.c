/* Which way a fit steps, told by invented times.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "pace.h"

/* Steps for `seconds` where the team takes `team` seconds a step and one thread `solo`; returns the share of solo steps' time. */
static double go(bp_pace *pace, double seconds, double team, double solo)
{
    double alone = 0.0, time = 0.0;

    while (time < seconds) {
        bool one = bp_pace_threads(pace) == 1;
        double cost = one ? solo : team, rest = bp_pace_rest(pace);
        uint64_t steps = rest > cost ? (uint64_t)(rest / cost) + 1 : 1;
        bp_pace_take(pace, steps, (double)steps * cost);
        time += (double)steps * cost;
        alone += one ? (double)steps * cost : 0.0;
    }
    return alone / time;
}

Test(pace, the_faster_way_gets_the_time)
{
    bp_pace pace;

    bp_pace_begin(&pace, 8, false);
    cr_expect_lt(go(&pace, 30.0, 1e-3, 5e-3), 0.02, "a good team was left alone");
    cr_expect_gt(go(&pace, 30.0, 5e-3, 1e-3), 0.93, "a hindered team was kept");
    cr_expect_lt(go(&pace, 30.0, 1e-3, 5e-3), 0.07, "a team that is free again was not taken back");
}

Test(pace, trials_cost_little_even_where_a_step_is_long)
{
    bp_pace pace;

    bp_pace_begin(&pace, 2, false);
    cr_expect_lt(go(&pace, 1000.0, 1.0, 2.0), 0.012);
    bp_pace_begin(&pace, 2, false);
    cr_expect_lt(go(&pace, 1.0, 1e-6, 2e-6), 0.02);
}

Test(pace, nothing_is_tried_where_there_is_nothing_to_choose)
{
    bp_pace pace;

    bp_pace_begin(&pace, 8, true);
    cr_expect_eq(bp_pace_rest(&pace), 0.0);
    cr_expect_eq(go(&pace, 10.0, 1.0, 1e-3), 0.0, "an exact team was broken up");
    cr_expect_eq(bp_pace_threads(&pace), 8);
    bp_pace_begin(&pace, 1, false);
    cr_expect_eq(bp_pace_rest(&pace), 0.0);
}
