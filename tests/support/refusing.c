/* SPDX-License-Identifier: Apache-2.0 */
#include "refusing.h"

#include <stdlib.h>

refusing refuse_at(size_t allocation)
{
    return (refusing){.refuse = allocation};
}

static void *refusing_allocate(void *context, size_t size, size_t alignment)
{
    refusing *state = context;
    size_t number = state->asked++;
    if (number == state->refuse || (state->onwards && number > state->refuse))
        return NULL;
    void *memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    state->alive += memory != NULL;
    state->bytes += memory ? size : 0;
    state->most = state->bytes > state->most ? state->bytes : state->most;
    return memory;
}

static void refusing_release(void *context, void *memory, size_t size)
{
    refusing *state = context;
    state->alive--;
    state->bytes -= size;
    free(memory);
}

bp_allocator refusing_allocator(refusing *state)
{
    return (bp_allocator){.context = state, .allocate = refusing_allocate, .release = refusing_release};
}
