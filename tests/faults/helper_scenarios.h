/* A call, or a few, for each function of backprop.h that asks for memory.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_SCENARIOS_H
#define BP_TEST_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>

#include "helper_world.h"

/* Calls one function, with what it needs, and frees what came of it. */
typedef struct scenario {
    const char *function;
    bp_status (*call)(world *w, bp_error *error);
} scenario;

extern const scenario scenarios[]; /* the last one's call is NULL */

size_t scenario_count(void);

/* Whether there is one of the function with this name [length]. */
bool scenario_is_of(const char *name, size_t length);

#endif
