/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* pthread_sigmask */
#include "ahead.h"

#include <pthread.h>
#include <signal.h>

#include "error.h"
#include "memory.h"
#include "size.h"
#include "team.h"

typedef struct slot {
    void *bytes;
    bp_ahead_block block;
    bp_status status;
    bp_error error;
} slot;

struct bp_ahead {
    bp_allocator allocator;
    const bp_bpd *bpd;
    bool caller_reads; /* all slots have the same bytes then: one at a time is handed out */
    size_t block_bytes;
    slot slots[BP_AHEAD_BLOCKS];

    bool running;        /* there is a thread */
    bool held;           /* the caller has the oldest slot */
    unsigned generation; /* of the process that has the thread */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bp_rows rows;
    uint64_t place; /* of the next row to read, the thread's own */

    /* under the lock */
    uint64_t filled; /* slots so far */
    uint64_t emptied;
    bool over; /* no more will be filled */
    bool stop; /* none is wanted any more */
};

static bool take_slots(bp_ahead *ahead)
{
    for (size_t i = 0; i < BP_AHEAD_BLOCKS; i++) {
        bool shares = i && ahead->caller_reads;
        ahead->slots[i].bytes = shares ? ahead->slots[0].bytes : bp_allocate(&ahead->allocator, ahead->block_bytes);
        if (!ahead->slots[i].bytes)
            return false;
    }
    return true;
}

bp_status bp_ahead_create(const bp_bpd *bpd, bool reads, const bp_allocator *allocator, bp_ahead **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_ahead *ahead = bp_allocate_zeroed(&memory, sizeof *ahead);

    if (!ahead)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", sizeof *ahead);
    ahead->allocator = memory;
    ahead->bpd = bpd;
    ahead->caller_reads = reads;
    ahead->block_bytes = bp_bpd_block_bytes(bpd, 0); /* the last block is no longer */
    if (!take_slots(ahead)) {
        bp_fail(error, BP_NO_MEMORY, "%s: %d blocks of %zu bytes were refused", bpd->dataset->path, BP_AHEAD_BLOCKS,
                ahead->block_bytes);
        bp_ahead_free(ahead);
        return BP_NO_MEMORY;
    }
    *result = ahead;
    return BP_OK;
}

static uint64_t block_at(bp_rows rows, uint64_t place)
{
    return bp_rows_at(rows, place) / BP_BPD_ROWS;
}

/* Rows of the block at `first` that follow each other. */
static bp_ahead_block find_block(const bp_ahead *ahead, uint64_t first)
{
    bp_rows rows = ahead->rows;
    bp_ahead_block block = {.number = block_at(rows, first), .first = first, .end = first + 1};

    if (rows.index)
        while (block.end < rows.count && block_at(rows, block.end) == block.number)
            block.end++;
    else
        block.end = bp_size_min((block.number + 1) * BP_BPD_ROWS, rows.count);
    return block;
}

/* The oldest slot that is free; NULL where nothing is wanted any more. */
static slot *wait_for_room(bp_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stop && ahead->filled - ahead->emptied == BP_AHEAD_BLOCKS)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    slot *room = ahead->stop ? NULL : &ahead->slots[ahead->filled % BP_AHEAD_BLOCKS];
    pthread_mutex_unlock(&ahead->lock);
    return room;
}

static void hand_over(bp_ahead *ahead, bool last)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->filled++;
    ahead->over = last;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

static void bring(const bp_ahead *ahead, slot *s)
{
    s->block.bytes = s->bytes;
    s->block.read = !ahead->caller_reads;
    s->status = BP_OK;
    if (s->block.read)
        s->status = bp_bpd_read_block(ahead->bpd, s->block.number, s->bytes, &s->error);
    else
        bp_bpd_will_need(ahead->bpd, s->block.number);
}

static void *read_blocks(void *context)
{
    bp_ahead *ahead = context;
    bool last = false;
    slot *s;

    while (!last && (s = wait_for_room(ahead))) {
        s->block = find_block(ahead, ahead->place);
        bring(ahead, s);
        ahead->place = s->block.end;
        last = s->status != BP_OK || ahead->place == ahead->rows.count;
        hand_over(ahead, last);
    }
    return NULL;
}

/* The host's signals are for its own threads. */
static int start_thread(bp_ahead *ahead)
{
    sigset_t all, own;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &own);
    int number = pthread_create(&ahead->thread, NULL, read_blocks, ahead);
    pthread_sigmask(SIG_SETMASK, &own, NULL);
    return number;
}

bp_status bp_ahead_begin(bp_ahead *ahead, bp_rows rows, uint64_t first, bp_error *error)
{
    bp_ahead_end(ahead);
    ahead->rows = rows;
    ahead->place = first;
    ahead->filled = ahead->emptied = 0;
    ahead->over = first >= rows.count;
    ahead->stop = ahead->held = false;
    if (ahead->over)
        return BP_OK;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    int number = start_thread(ahead);
    if (number) {
        pthread_cond_destroy(&ahead->changed);
        pthread_mutex_destroy(&ahead->lock);
        return bp_fail_system(error, number, "%s: a thread to read ahead was refused", ahead->bpd->dataset->path);
    }
    ahead->running = true;
    ahead->generation = bp_team_generation();
    return BP_OK;
}

/* Whether there is one; the slot that was held is free from now on. */
static bool wait_for_block(bp_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->emptied += ahead->held;
    ahead->held = false;
    pthread_cond_broadcast(&ahead->changed);
    while (ahead->filled == ahead->emptied && !ahead->over)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    ahead->held = ahead->filled > ahead->emptied;
    pthread_mutex_unlock(&ahead->lock);
    return ahead->held;
}

bp_status bp_ahead_next(bp_ahead *ahead, bp_ahead_block *result, bp_error *error)
{
    if (!ahead->running || !wait_for_block(ahead)) {
        *result = (bp_ahead_block){.first = ahead->rows.count, .end = ahead->rows.count};
        return BP_OK;
    }
    const slot *s = &ahead->slots[ahead->emptied % BP_AHEAD_BLOCKS];
    *result = s->block;
    if (s->status != BP_OK && error)
        *error = s->error;
    return s->status;
}

/* In a child of fork there is no thread to be told, and the lock is as whoever had it left it. */
static bool has_thread(const bp_ahead *ahead)
{
    return ahead->running && ahead->generation == bp_team_generation();
}

void bp_ahead_end(bp_ahead *ahead)
{
    bool there = has_thread(ahead);

    ahead->running = false;
    if (!there)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
}

void bp_ahead_free(bp_ahead *ahead)
{
    if (!ahead)
        return;
    bp_allocator memory = ahead->allocator;
    bp_ahead_end(ahead);
    for (size_t i = 0; i < (ahead->caller_reads ? 1 : BP_AHEAD_BLOCKS); i++)
        bp_release(&memory, ahead->slots[i].bytes, ahead->block_bytes);
    bp_release(&memory, ahead, sizeof *ahead);
}
