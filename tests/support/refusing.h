/* An allocator that counts what is alive, now and at most, and refuses one allocation: whoever fails on it must give back the rest.
 *
 *     for (refusing r = refuse_at(0); ...; r = refuse_at(r.refuse + 1))
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_REFUSING_H
#define BP_TEST_REFUSING_H

#include <stdbool.h>

#include "backprop.h"

typedef struct refusing {
    size_t refuse; /* the allocation, counted from 0, that is refused; SIZE_MAX: none */
    bool onwards;  /* and so are all behind it */
    size_t asked;
    size_t alive;
    size_t bytes; /* alive */
    size_t most;  /* bytes alive at a time */
} refusing;

refusing refuse_at(size_t allocation);
bp_allocator refusing_allocator(refusing *state);

#endif
