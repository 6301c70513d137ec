/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include "error.h"
#include "memory.h"
#include "quota.h"

static bp_status bind(bp_pages *pages, bp_error *error)
{
    BP_TRY(bp_window_make(&pages->window, pages->file, &pages->bound.pool, error));
    BP_TRY(bp_encoder_bind(&pages->bound, error));
    /* What lies side by side in one block need not in the next. */
    pages->bound.matrix = pages->bound.borrow = false;
    return bp_bound_prepare(&pages->bound, error);
}

static bp_status create(const bp_pages *like, bool with_targets, const bp_allocator *allocator, bp_pages **result, bp_error *error)
{
    bp_pages *pages = bp_allocate_zeroed(allocator, sizeof *pages);

    if (!pages)
        return bp_fail(error, BP_NO_MEMORY, "memory for examples was refused");
    pages->file = like->file;
    pages->cores = like->cores;
    pages->bound = (bp_bound){.encoder = like->bound.encoder, .dataset = &pages->window.dataset, .with_targets = with_targets};
    pages->bound.pool.allocator = *allocator;
    bp_status status = bind(pages, error);
    if (status != BP_OK) {
        bp_pages_free(pages);
        return status;
    }
    *result = pages;
    return BP_OK;
}

bp_status bp_pages_create(const bp_encoder *encoder, const bp_dataset *file, bool with_targets, const bp_allocator *allocator,
                          bp_pages **result, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(allocator);
    bp_pages like = {.file = file, .bound.encoder = encoder};
    bp_quota quota;

    bp_quota_read("", bp_quota_affinity(), &quota);
    like.cores = quota.usable;
    return create(&like, with_targets, &memory, result, error);
}

void bp_pages_free(bp_pages *pages)
{
    if (!pages)
        return;
    bp_allocator memory = pages->bound.pool.allocator;
    bp_pool_release(&pages->bound.pool);
    bp_release(&memory, pages, sizeof *pages);
}

bp_status bp_pages_write(const bp_pages *pages, uint64_t begin, uint64_t end, float *const *rows, bp_error *error)
{
    bp_strange strange = {0, 0}; /* counted when the encoder was applied */

    return bp_bound_write_rows(&pages->bound, begin, end, rows, &strange, error);
}

bp_status bp_pages_again(const bp_pages *pages, const bp_allocator *allocator, bp_pages **result, bp_error *error)
{
    return create(pages, false, allocator, result, error);
}

static bp_status read_row(bp_pages *pages, uint64_t row, void *buffer, float *x, bp_error *error)
{
    BP_TRY(bp_bpd_read_block(pages->file->bpd, row / BP_BPD_ROWS, buffer, error));
    bp_window_show(&pages->window, row / BP_BPD_ROWS, buffer);
    return bp_pages_write(pages, row % BP_BPD_ROWS, row % BP_BPD_ROWS + 1, &x, error);
}

bp_status bp_pages_row(const bp_pages *pages, uint64_t row, float *x, bp_error *error)
{
    const bp_allocator *allocator = &pages->bound.pool.allocator;
    size_t bytes = bp_bpd_block_bytes(pages->file->bpd, row / BP_BPD_ROWS);
    bp_pages *own;

    BP_TRY(bp_pages_again(pages, allocator, &own, error));
    void *buffer = bp_allocate(allocator, bytes);
    bp_status status =
        buffer ? read_row(own, row, buffer, x, error) : bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    bp_release(allocator, buffer, bytes);
    bp_pages_free(own);
    return status;
}
