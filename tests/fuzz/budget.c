/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define HEADER 64 /* in front of each block of jansson's, whose releases tell no size */

static size_t limit = SIZE_MAX, alive, most;

static void count(size_t size)
{
    if (size > limit || alive > limit - size)
        fuzz_die("%zu bytes are asked for with %zu taken: more than %zu in all", size, alive, limit);
    alive += size;
    if (limit != SIZE_MAX && alive > most)
        most = alive;
}

static void *allocate(void *context, size_t size, size_t alignment)
{
    (void)context;
    count(size);
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    alive -= size;
    free(memory);
}

static void *allocate_for_json(size_t size)
{
    char *memory = malloc(size + HEADER);

    count(size);
    memcpy(memory, &size, sizeof size);
    return memory + HEADER;
}

static void release_for_json(void *memory)
{
    size_t size;

    if (!memory)
        return;
    memcpy(&size, (char *)memory - HEADER, sizeof size);
    alive -= size;
    free((char *)memory - HEADER);
}

void budget_begin(size_t bytes)
{
    json_set_alloc_funcs(allocate_for_json, release_for_json);
    limit = bytes;
    alive = most = 0;
}

void budget_lift(void)
{
    limit = SIZE_MAX;
}

size_t budget_end(void)
{
    limit = SIZE_MAX;
    if (alive)
        fuzz_die("%zu bytes were not given back", alive);
    return most;
}

const bp_allocator *budget_allocator(void)
{
    static const bp_allocator allocator = {.allocate = allocate, .release = release};
    return &allocator;
}
