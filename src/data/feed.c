/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "size.h"
#include "team.h"

#define NOWHERE UINT64_MAX

/* A segment has room for this and one block at least: with what is read and written around it, it stays in a second-level cache
 * (100 inputs on one thread: an epoch takes 1.14 times as long as in memory, with four times the room 1.25). */
#define ROOM ((uint64_t)2 << 20)

/* ---------------------------------------------------------------------------------------------------------------- making */

static uint64_t choose_capacity(const bp_examples *from, uint64_t least)
{
    uint64_t blocks = ROOM / (BP_BPD_ROWS * from->inputs * sizeof(float));
    uint64_t most = (from->rows - 1) / BP_BPD_ROWS + 1;

    blocks = blocks < 1 ? 1 : blocks;
    return least + (blocks < most ? blocks : most) * BP_BPD_ROWS;
}

/* Called twice: over an empty arena to measure, then over the block. */
static void carve(bp_feed *feed, bp_arena *arena)
{
    const bp_examples *from = feed->from;
    bp_examples *segment = &feed->segment;
    size_t rows = (size_t)feed->capacity;

    feed->place = bp_arena_take(arena, BP_BPD_ROWS, sizeof *feed->place);
    feed->spare = bp_arena_take(arena, feed->threads, from->inputs * sizeof(float));
    segment->x = bp_arena_take(arena, rows, from->inputs * sizeof(float));
    if (from->y)
        segment->y = bp_arena_take(arena, rows, from->outputs * sizeof(float));
    if (from->classes)
        segment->classes = bp_arena_take(arena, rows, sizeof *segment->classes);
    if (from->weight)
        segment->weight = bp_arena_take(arena, rows, sizeof *segment->weight);
}

static bp_status take_memory(bp_feed *feed, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(feed, &arena);
    feed->memory = bp_arena_commit(&arena, &feed->allocator, &feed->bytes);
    if (!feed->memory)
        return bp_fail(error, BP_NO_MEMORY, "%llu rows of %u inputs, to be held at once: %zu bytes were refused",
                       (unsigned long long)feed->capacity, feed->from->inputs, feed->bytes);
    carve(feed, &arena);
    BP_TRY(bp_pages_again(feed->from->pages, &feed->allocator, &feed->pages, error));
    return bp_ahead_create(feed->from->pages->file->bpd, feed->reads, &feed->allocator, &feed->ahead, error);
}

bp_status bp_feed_create(const bp_examples *from, uint64_t least, unsigned threads, const bp_allocator *allocator, bp_feed **result,
                         bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_feed *feed = bp_allocate_zeroed(&memory, sizeof *feed);

    if (!feed)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", sizeof *feed);
    *feed =
        (bp_feed){.allocator = memory, .from = from, .threads = threads, .reads = threads >= from->pages->cores, .least = least};
    feed->capacity = choose_capacity(from, least);
    feed->segment = (bp_examples){
        .inputs = from->inputs,
        .outputs = from->outputs,
        .x_type = BP_TYPE_F32,
        .x_stride = from->inputs * sizeof(float),
        .x_divisor = 1,
        .y_stride = from->y ? from->outputs : 0,
    };
    bp_status status = take_memory(feed, error);
    if (status != BP_OK) {
        bp_feed_free(feed);
        return status;
    }
    *result = feed;
    return BP_OK;
}

void bp_feed_free(bp_feed *feed)
{
    if (!feed)
        return;
    bp_allocator memory = feed->allocator;
    bp_ahead_free(feed->ahead);
    bp_pages_free(feed->pages);
    bp_release(&memory, feed->memory, feed->bytes);
    bp_release(&memory, feed, sizeof *feed);
}

/* -------------------------------------------------------------------------------------------------------------- encoding */

/* The segment's arrays are the feed's own. */
static float *place_of(const bp_feed *feed, uint64_t place)
{
    return (float *)feed->segment.x + place * feed->from->inputs;
}

static void copy_targets(const bp_feed *feed, uint64_t row, uint64_t to)
{
    const bp_examples *from = feed->from, *segment = &feed->segment;
    uint32_t outputs = from->outputs;

    if (from->y)
        memcpy((float *)segment->y + to * outputs, from->y + row * from->y_stride, outputs * sizeof *from->y);
    if (from->classes)
        ((int32_t *)segment->classes)[to] = from->classes[row];
    if (from->weight)
        ((float *)segment->weight)[to] = from->weight[row];
}

#define BYTES_AHEAD 512

/* Rows of the segment lie anywhere: their lines are asked for before they are written. */
static void prefetch_place(const bp_feed *feed, const float *place)
{
    size_t bytes = bp_size_min(feed->segment.x_stride, BYTES_AHEAD);

    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *)place + at, 1);
}

/* Rows that nobody wants go to `spare`. */
static bp_status encode_tile(const bp_feed *feed, uint64_t begin, uint64_t end, float *spare, bp_error *error)
{
    float *rows[BP_WRITE_ROWS];
    bool wanted = false;

    for (uint64_t row = begin; row < end; row++) {
        uint64_t place = feed->place[row];
        rows[row - begin] = place == NOWHERE ? spare : place_of(feed, place);
        if (place == NOWHERE)
            continue;
        wanted = true;
        prefetch_place(feed, rows[row - begin]);
        copy_targets(feed, feed->block.number * BP_BPD_ROWS + row, place);
    }
    return wanted ? bp_pages_write(feed->pages, begin, end, rows, error) : BP_OK;
}

static BP_OUT_OF_LINE bp_status encode_rows(const bp_feed *feed, bp_range range, float *spare, bp_error *error)
{
    for (uint64_t begin = range.first; begin < range.end; begin += BP_WRITE_ROWS)
        BP_TRY(encode_tile(feed, begin, bp_size_min(begin + BP_WRITE_ROWS, range.end), spare, error));
    return BP_OK;
}

/* A team flushes subnormals; data have them. */
static bp_status encode_kept(const bp_feed *feed, bp_range range, float *spare, bp_error *error)
{
    bp_float_state state = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = encode_rows(feed, range, spare, error);
    bp_float_end(state);
    return status;
}

typedef struct encoding {
    bp_feed *feed;
    int failed;
} encoding;

static void note(encoding *e, bp_status status)
{
    if (status != BP_OK)
        __atomic_store_n(&e->failed, 1, __ATOMIC_RELAXED);
}

/* A block that has not been read yet, the member's columns. */
static void read_part(encoding *e, bp_member member)
{
    const bp_bpd *bpd = e->feed->pages->window.bpd;
    bp_range columns = bp_team_range(member, bpd->dataset->column_count, 1);

    note(e, bp_bpd_read_columns(bpd, e->feed->block.number, columns.first, columns.end, e->feed->block.bytes, NULL));
    bp_team_barrier(member);
}

static void encode_part(void *context, bp_member member)
{
    encoding *e = context;
    const bp_feed *feed = e->feed;
    bp_range range = bp_team_range(member, (size_t)feed->pages->window.dataset.rows, BP_WRITE_ROWS);

    if (!feed->block.read)
        read_part(e, member);
    if (!__atomic_load_n(&e->failed, __ATOMIC_RELAXED)) /* what was read may be anything */
        note(e, encode_kept(feed, range, feed->spare + member.index * feed->from->inputs, NULL));
}

/* What is wrong is looked for again by one thread: the first that is wrong is told at any number of threads. */
static bp_status encode_again(bp_feed *feed, bp_error *error)
{
    if (!feed->block.read)
        BP_TRY(bp_bpd_read_block(feed->pages->window.bpd, feed->block.number, feed->block.bytes, error));
    return encode_kept(feed, (bp_range){0, (size_t)feed->pages->window.dataset.rows}, feed->spare, error);
}

static bp_status encode_block(bp_feed *feed, bp_error *error)
{
    encoding e = {.feed = feed};

    bp_team_run(feed->threads, encode_part, &e);
    if (e.failed)
        BP_TRY(encode_again(feed, error));
    feed->block.read = true;
    return BP_OK;
}

/* -------------------------------------------------------------------------------------------------------------- segments */

bp_status bp_feed_begin(bp_feed *feed, bp_rows rows, uint64_t first, bp_error *error)
{
    feed->rows = rows;
    feed->first = first;
    feed->segment.rows = 0;
    feed->block = (bp_ahead_block){.first = first, .end = first};
    return bp_ahead_begin(feed->ahead, rows, first, error);
}

static void *row_of(const void *rows, uint64_t row, size_t size)
{
    return (unsigned char *)rows + row * size;
}

static void move_to_front(const bp_feed *feed, const void *rows, uint64_t used, size_t size)
{
    if (rows)
        memmove(row_of(rows, 0, size), row_of(rows, used, size), (size_t)(feed->segment.rows - used) * size);
}

static void drop(bp_feed *feed, uint64_t used)
{
    bp_examples *segment = &feed->segment;

    move_to_front(feed, segment->x, used, segment->x_stride);
    move_to_front(feed, segment->y, used, segment->outputs * sizeof(float));
    move_to_front(feed, segment->classes, used, sizeof *segment->classes);
    move_to_front(feed, segment->weight, used, sizeof *segment->weight);
    segment->rows -= used;
    feed->first += used;
}

/* Finds places for the next rows of the block at hand, `most` or as many as there are before one comes a second time. */
static uint64_t find_places(const bp_feed *feed, uint64_t most)
{
    memset(feed->place, 0xff, BP_BPD_ROWS * sizeof *feed->place); /* NOWHERE */
    for (uint64_t i = 0; i < most; i++) {
        uint64_t *place = &feed->place[bp_rows_at(feed->rows, feed->block.first + i) % BP_BPD_ROWS];
        if (*place != NOWHERE)
            return i;
        *place = feed->segment.rows + i;
    }
    return most;
}

static bp_status take_rows(bp_feed *feed, uint64_t most, bp_error *error)
{
    uint64_t count = find_places(feed, most);

    BP_TRY(encode_block(feed, error));
    feed->segment.rows += count;
    feed->block.first += count;
    return BP_OK;
}

/* A block is encoded in one piece where it can be: a piece of a shuffled one costs as much as all of it. */
bp_status bp_feed_next(bp_feed *feed, uint64_t used, bp_error *error)
{
    drop(feed, used);
    for (;;) {
        if (feed->block.first == feed->block.end) {
            BP_TRY(bp_ahead_next(feed->ahead, &feed->block, error));
            if (feed->block.first == feed->block.end)
                return BP_OK;
            bp_window_show(&feed->pages->window, feed->block.number, feed->block.bytes);
        }
        uint64_t room = feed->capacity - feed->segment.rows, count = feed->block.end - feed->block.first;
        if (count > room && feed->segment.rows >= feed->least)
            return BP_OK;
        BP_TRY(take_rows(feed, bp_size_min(count, room), error));
    }
}
