/* Each allocation refused in turn, to every function of backprop.h that asks for memory: by the handle's allocator, and by malloc,
 * from which what the library stands on has its own. An error, nothing lost, and the same call with memory goes well.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "helper_malloc_refused.h"
#include "helper_scenarios.h"

/* ---------------------------------------------------------------------------------------------------------- refusing */

enum { EVERY_UP_TO = 150 }; /* allocations that are refused one by one; behind them, every seventh */

/* The call without one allocation, and then with all. False where it asked for no more than `number` of them. */
static bool refuse_one(world *w, const scenario *s, size_t number, bool by_malloc, bool onwards)
{
    const char *where = by_malloc ? "malloc" : "the allocator";
    size_t alive = w->memory.alive, begin = w->memory.asked;
    long blocks = malloc_alive();
    bp_error error = {0};

    w->memory.refuse = by_malloc ? SIZE_MAX : begin + number;
    w->memory.onwards = onwards;
    if (by_malloc)
        malloc_refuse_at(number, onwards);
    bp_status status = s->call(w, &error);
    size_t asked = by_malloc ? malloc_refuse_end() : w->memory.asked - begin;
    w->memory.refuse = SIZE_MAX;
    w->memory.onwards = false;
    cr_assert(status == BP_NO_MEMORY || (status == BP_OK && (by_malloc || asked <= number)), "%s, allocation %zu of %s: %d, %s",
              s->function, number, where, (int)status, error.text);
    cr_assert(status == BP_OK || (error.status == BP_NO_MEMORY && *error.text), "%s says nothing", s->function);
    cr_assert(w->memory.alive == alive && malloc_alive() == blocks, "%s, allocation %zu of %s: memory is lost", s->function, number,
              where);
    cr_assert_eq(s->call(w, &error), BP_OK, "%s, again after allocation %zu of %s: %s", s->function, number, where, error.text);
    return asked > number;
}

static size_t refuse_each(world *w, bool by_malloc)
{
    size_t all = 0;

    for (const scenario *s = scenarios; s->call; s++) {
        bp_error error;
        cr_assert_eq(s->call(w, &error), BP_OK, "%s: %s", s->function, error.text); /* and what is made once is there */
        for (int onwards = 0; onwards <= 1; onwards++)
            for (size_t number = 0; refuse_one(w, s, number, by_malloc, onwards); number += number < EVERY_UP_TO ? 1 : 7)
                all++;
    }
    return all;
}

Test(refused_memory, of_the_allocator_is_an_error_and_loses_nothing)
{
    for (uint32_t threads = 1; threads <= 2; threads++) {
        world *w = world_begin(threads);
        printf("refused memory: %zu allocations of %zu calls, %u threads\n", refuse_each(w, false), scenario_count(), threads);
        world_end(w);
    }
}

/* On one thread: OpenMP, which starts teams, ends the process where malloc refuses it memory. */
Test(refused_memory, of_malloc_is_an_error_and_loses_nothing)
{
    if (!malloc_can_be_refused())
        cr_skip_test("left out: sanitizers stand in front of malloc themselves");
    world *w = world_begin(1);
    printf("refused memory: %zu allocations by malloc\n", refuse_each(w, true));
    world_end(w);
}
