/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#define FIRST_SLICE 0.02
#define TRIAL_SLICE 0.005
#define KEPT_SLICE 1.0
#define TRIAL_SHARE 0.01 /* of the time, at most */

static void start_slice(bp_pace *pace, bool solo, bool trial, double slice)
{
    pace->solo = solo;
    pace->trial = trial;
    pace->slice = slice;
    pace->spent = 0.0;
    pace->steps = 0;
}

void bp_pace_begin(bp_pace *pace, unsigned team, bool fixed)
{
    *pace = (bp_pace){.team = team};
    start_slice(pace, false, false, team > 1 && !fixed ? FIRST_SLICE : 0.0);
}

unsigned bp_pace_threads(const bp_pace *pace)
{
    return pace->solo ? 1 : pace->team;
}

double bp_pace_rest(const bp_pace *pace)
{
    return pace->slice > pace->spent ? pace->slice - pace->spent : 0.0;
}

/* After a trial: the cheaper way is kept. A trial shorter than one step has one step, so the next is put off accordingly. */
static void judge_trial(bp_pace *pace)
{
    double trial_cost = pace->spent / (double)pace->steps, put_off = pace->spent / TRIAL_SHARE;
    bool change = trial_cost < pace->kept_cost;

    start_slice(pace, change ? pace->solo : !pace->solo, false, put_off > KEPT_SLICE ? put_off : KEPT_SLICE);
}

static void begin_trial(bp_pace *pace)
{
    pace->kept_cost = pace->spent / (double)pace->steps;
    start_slice(pace, !pace->solo, true, TRIAL_SLICE);
}

void bp_pace_take(bp_pace *pace, uint64_t steps, double seconds)
{
    if (pace->slice == 0.0)
        return;
    pace->spent += seconds;
    pace->steps += steps;
    if (pace->spent < pace->slice || pace->steps == 0)
        return;
    if (pace->trial)
        judge_trial(pace);
    else
        begin_trial(pace);
}
