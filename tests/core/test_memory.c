/* Tests of memory.h and size.h.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "memory.h"
#include "refusing.h"
#include "size.h"

Test(memory, every_size_is_aligned_and_can_be_released)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);

    for (size_t size = 0; size < 300; size++) {
        unsigned char *memory = bp_allocate_zeroed(&allocator, size);
        cr_assert(memory);
        cr_assert_eq((uintptr_t)memory % BP_ALIGNMENT, 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(memory[i], 0);
        memset(memory, 0xff, size);
        bp_release(&allocator, memory, size);
    }
}

Test(memory, large_blocks_begin_at_a_huge_page_and_hold_what_is_written)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    const size_t huge = (size_t)2 << 20;

    for (size_t size = 4 * huge - 1; size <= 4 * huge + 1; size++) {
        unsigned char *memory = bp_allocate(&allocator, size);
        cr_assert(memory);
        cr_assert_eq((uintptr_t)memory % (size < 4 * huge ? BP_ALIGNMENT : huge), 0, "%zu bytes", size);
        for (size_t i = 0; i < size; i += 4096)
            memory[i] = (unsigned char)(i / 4096);
        memory[size - 1] = 77;
        for (size_t i = 0; i + 4096 < size; i += 4096)
            cr_assert_eq(memory[i], (unsigned char)(i / 4096));
        bp_release(&allocator, memory, size);
    }
}

Test(memory, sizes_that_would_overflow_are_refused_without_asking)
{
    refusing state = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&state);

    cr_assert_null(bp_allocate(&allocator, SIZE_MAX));
    cr_assert_null(bp_allocate_zeroed(&allocator, SIZE_MAX / 2 + 1));
    cr_assert_eq(state.asked, 0);
}

Test(memory, releasing_nothing_is_fine)
{
    refusing state = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&state);

    bp_release(&allocator, NULL, 10);
    cr_assert_eq(state.alive, 0);
}

Test(memory, a_block_grows_and_keeps_its_content)
{
    refusing state = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&state);
    void *memory = NULL;
    size_t capacity = 0;

    for (size_t size = 1; size < 3000; size += 7) {
        cr_assert_eq(bp_grow(&allocator, &memory, &capacity, size, NULL), BP_OK);
        cr_assert_geq(capacity, size);
        for (size_t i = 0; i + 7 < size; i++)
            cr_assert_eq(((unsigned char *)memory)[i], i % 251);
        for (size_t i = 0; i < size; i++)
            ((unsigned char *)memory)[i] = (unsigned char)(i % 251);
    }
    cr_assert_lt(state.asked, 15, "%zu blocks: growth has to be geometric", state.asked);
    bp_release(&allocator, memory, capacity);
    cr_assert_eq(state.alive, 0);
    cr_assert_eq(state.bytes, 0);
}

Test(memory, a_block_that_cannot_grow_is_as_it_was)
{
    refusing state = refuse_at(1);
    bp_allocator allocator = refusing_allocator(&state);
    void *memory = NULL;
    size_t capacity = 0;

    cr_assert_eq(bp_grow(&allocator, &memory, &capacity, 8, NULL), BP_OK);
    void *before = memory;
    memcpy(memory, "content", 8);
    cr_assert_eq(bp_grow(&allocator, &memory, &capacity, 100, NULL), BP_NO_MEMORY);
    cr_assert_eq(memory, before);
    cr_assert_eq(capacity, 8);
    cr_assert_str_eq(memory, "content");
    bp_release(&allocator, memory, capacity);
}

/* A layout walked as handles do: once to measure, once to commit. */
static size_t carve(bp_arena *arena, unsigned char **first, double **second)
{
    *first = bp_arena_take(arena, 3, 1);
    *second = bp_arena_take(arena, 5, sizeof(double));
    return arena->used;
}

Test(memory, an_arena_measures_what_it_commits)
{
    _Alignas(BP_ALIGNMENT) unsigned char block[256];
    bp_arena measure = {0}, commit = {.base = block};
    unsigned char *first;
    double *second;

    size_t bytes = carve(&measure, &first, &second);
    cr_assert_null(first);
    cr_assert_null(second);
    cr_assert_eq(carve(&commit, &first, &second), bytes);
    cr_assert_eq(first, block);
    cr_assert_eq((unsigned char *)second, block + BP_ALIGNMENT);
    cr_assert_eq(bytes, 2 * BP_ALIGNMENT);
}

Test(memory, an_arena_that_overflows_stays_so)
{
    bp_arena arena = {0};

    bp_arena_take(&arena, SIZE_MAX, 2);
    cr_assert_eq(arena.used, SIZE_MAX);
    bp_arena_take(&arena, 1, 1);
    cr_assert_eq(arena.used, SIZE_MAX);
    arena = (bp_arena){0};
    bp_arena_take(&arena, SIZE_MAX / 2 + 1, 1);
    cr_assert_eq(arena.used, SIZE_MAX);
}

Test(size, products_and_sums_say_when_they_overflow)
{
    size_t result;

    cr_assert(bp_size_mul(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    cr_assert(bp_size_mul(0, SIZE_MAX, &result) && result == 0);
    cr_assert_not(bp_size_mul(SIZE_MAX / 2 + 1, 2, &result));
    cr_assert(bp_size_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    cr_assert_not(bp_size_add(SIZE_MAX, 1, &result));
    cr_assert_eq(bp_size_round_up(0, 64), 0);
    cr_assert_eq(bp_size_round_up(1, 64), 64);
    cr_assert_eq(bp_size_round_up(64, 64), 64);
}

Test(size, parts_are_nearly_equal_and_none_is_above_the_most)
{
    cr_assert_eq(bp_size_part(0, 256, 32), 32);
    cr_assert_eq(bp_size_part(256, 256, 1), 256);
    cr_assert_eq(bp_size_part(257, 256, 1), 129);
    cr_assert_eq(bp_size_part(1153, 1152, 32), 608); /* 608 and 545 */
    for (size_t count = 1; count < 3000; count++) {
        size_t part = bp_size_part(count, 512, 32);
        cr_assert(part % 32 == 0 && part <= 512 && (count + part - 1) / part == (count + 511) / 512, "%zu in parts of %zu", count,
                  part);
    }
}
