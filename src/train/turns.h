/* Steps of many trainers in one call: who steps which of them.
 *
 * Turns are cut in as many equal shares as there are threads. A thread takes its own share first, so that a trainer which
 * stands at the same place in every call meets the caches it has been in, then what is left of the others'. Each trainer is
 * stepped by one thread, as if alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TURNS_H
#define BP_TURNS_H

#include <stdbool.h>

#include "backprop.h"

/* Threads that the turns are worth: `threads` at most. */
unsigned bp_turns_threads(const bp_turn *turns, uint64_t count, uint32_t threads);

/* Takes every turn, on a team of `threads`; returns whether all of them went well. */
bool bp_turns_take(bp_turn *turns, uint64_t count, unsigned threads);

#endif
