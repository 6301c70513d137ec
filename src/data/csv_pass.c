/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_pass.h"

#include <assert.h>

#include "error.h"
#include "float_state.h"

static uint64_t visited(const bp_csv_pass *p, size_t visit)
{
    size_t count = p->among.end - p->among.first;
    return p->among.first + (p->visits == count ? visit : visit * (count - 1) / (p->visits - 1)); /* all, or several of them */
}

/* Segments are taken in ascending order: once one is bad, those behind it do not matter. */
static bool next_segment(bp_csv_pass *p, uint64_t *index)
{
    size_t visit = atomic_load(&p->next_again) < p->again_count ? atomic_fetch_add(&p->next_again, 1) : p->again_count;

    if (visit < p->again_count) {
        *index = p->again[visit];
        return true;
    }
    visit = atomic_fetch_add(&p->next, 1);
    if (visit >= p->visits)
        return false;
    *index = visited(p, visit);
    return *index < atomic_load(&p->bad);
}

static void note_error(bp_csv_pass *p, bp_csv_worker *w, uint64_t index, const bp_error *error)
{
    uint64_t bad = atomic_load(&p->bad);

    if (index >= w->error_segment)
        return;
    w->error_segment = index;
    w->error = *error;
    while (index < bad && !atomic_compare_exchange_weak(&p->bad, &bad, index)) {
    }
}

static BP_OUT_OF_LINE void take_segments(bp_csv_pass *p, unsigned member)
{
    bp_csv_worker *w = &p->workers[member];
    bp_error error;
    uint64_t index;

    while (!atomic_load(&p->stop) && next_segment(p, &index)) {
        bp_status status = bp_csv_take_segment(w, &p->table->survey->segments[index], &error);
        p->owner[index] = member;
        if (status == BP_CANCELLED) {
            w->abandoned = index;
            atomic_store(&p->stop, true);
        } else if (status != BP_OK) {
            note_error(p, w, index, &error);
        }
    }
}

static void work_on_segments(void *context, bp_member member)
{
    bp_float_state team = bp_float_begin(BP_SUBNORMALS_KEPT); /* as they are in the file */
    take_segments(context, member.index);
    bp_float_end(team);
}

/* Widens what is full or soon will be, so that the team stops seldom. */
static bp_status widen_sets(bp_csv_pass *p, bp_csv_worker *w, bp_error *error)
{
    for (size_t i = 0; i < p->set_count; i++)
        if (i == w->full || bp_csv_set_is_filling(&w->sets[i]))
            BP_TRY(bp_csv_set_widen(&w->sets[i], i == w->full ? w->full_length : 0, &p->table->source->allocator, error));
    return BP_OK;
}

/* What was broken off is taken again, and so is what nobody has come to since; together that is one segment a worker at most, since
 * none takes a new one before. */
static bp_status prepare_again(bp_csv_pass *p, bp_error *error)
{
    size_t count = 0;

    for (size_t i = atomic_load(&p->next_again); i < p->again_count; i++)
        p->again[count++] = p->again[i];
    for (unsigned i = 0; i < p->threads; i++) {
        bp_csv_worker *w = &p->workers[i];
        if (w->abandoned == BP_CSV_NOWHERE)
            continue;
        BP_TRY(widen_sets(p, w, error));
        p->again[count++] = w->abandoned;
        w->abandoned = BP_CSV_NOWHERE;
    }
    p->again_count = count;
    atomic_store(&p->next_again, 0);
    atomic_store(&p->stop, false);
    return BP_OK;
}

bp_status bp_csv_pass_error(const bp_csv_pass *p, bp_error *error)
{
    for (unsigned i = 0; i < p->threads; i++)
        if (p->workers[i].error_segment != BP_CSV_NOWHERE && p->workers[i].error_segment == p->bad) {
            if (error)
                *error = p->workers[i].error;
            return (bp_status)p->workers[i].error.status;
        }
    return BP_OK;
}

void bp_csv_pass_forget(bp_csv_pass *p)
{
    for (unsigned i = 0; i < p->threads; i++)
        p->workers[i].error_segment = BP_CSV_NOWHERE;
    atomic_store(&p->bad, BP_CSV_NOWHERE);
}

bp_status bp_csv_pass_run(bp_csv_pass *p, bp_range among, size_t visits, bp_error *error)
{
    assert(visits == among.end - among.first || visits > 1);
    p->among = among;
    p->visits = visits;
    atomic_store(&p->next, 0);
    do {
        BP_TRY(prepare_again(p, error));
        bp_team_run(p->threads, work_on_segments, p);
    } while (atomic_load(&p->stop));
    return BP_OK;
}
