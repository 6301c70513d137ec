/* SPDX-License-Identifier: Apache-2.0 */
#include "fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "encoder.h"
#include "error.h"
#include "feed.h"
#include "finite.h"
#include "memory.h"
#include "size.h"
#include "statistics.h"

/* Sparse rows have the fingerprint of the same rows with their zeros, without a look at each zero: of x in f32, blocks of 64
 * numbers that are all +0 count, and are not hashed. */
#define BLOCK 64

typedef struct numbers {
    bp_hash *hash;
    uint32_t inputs;
    uint64_t done;    /* blocks of the row */
    uint64_t skipped; /* blocks that are 0, just before */
} numbers;

static void add_skipped(numbers *n)
{
    if (n->skipped)
        bp_hash_add(n->hash, &n->skipped, sizeof n->skipped);
    n->skipped = 0;
}

/* Block `number` of the row; those that were left out before it are 0. */
static void add_block(numbers *n, uint64_t number, const float *block)
{
    static const float zeros[BLOCK] = {0};
    size_t count = bp_size_min(BLOCK, n->inputs - (size_t)number * BLOCK);

    n->skipped += number - n->done;
    n->done = number + 1;
    if (memcmp(block, zeros, count * sizeof *block) == 0) {
        n->skipped++;
        return;
    }
    add_skipped(n);
    bp_hash_add(n->hash, block, count * sizeof *block);
}

static void end_numbers(numbers *n)
{
    n->skipped += (n->inputs + BLOCK - 1) / BLOCK - n->done;
    add_skipped(n);
}

static void add_sparse(bp_hash *hash, const bp_examples *examples, uint64_t row)
{
    numbers n = {.hash = hash, .inputs = examples->inputs};
    bp_sparse_row entries = bp_examples_sparse_row(examples, row);

    for (size_t e = 0; e < entries.count;) {
        uint32_t number = entries.column[e] / BLOCK;
        float block[BLOCK] = {0};
        for (; e < entries.count && entries.column[e] / BLOCK == number; e++)
            block[entries.column[e] % BLOCK] = entries.value[e];
        add_block(&n, number, block);
    }
    end_numbers(&n);
}

static void add_dense(bp_hash *hash, const bp_examples *examples, uint64_t row)
{
    const unsigned char *x = (const unsigned char *)examples->x + row * examples->x_stride;
    numbers n = {.hash = hash, .inputs = examples->inputs};

    if (examples->x_type == BP_TYPE_U8) {
        bp_hash_add(hash, x, examples->inputs);
        return;
    }
    for (size_t number = 0; number * BLOCK < examples->inputs; number++)
        add_block(&n, number, (const float *)(const void *)x + number * BLOCK);
    end_numbers(&n);
}

static void add_row(bp_hash *hash, const bp_examples *examples, uint64_t row)
{
    (examples->sparse.first ? add_sparse : add_dense)(hash, examples, row);
    if (examples->classes)
        bp_hash_add(hash, &examples->classes[row], sizeof *examples->classes);
    else if (examples->y)
        bp_hash_add(hash, examples->y + row * examples->y_stride, examples->outputs * sizeof(float));
    if (examples->weight)
        bp_hash_add(hash, &examples->weight[row], sizeof *examples->weight);
}

/* A row's inputs as floats, where they are: all of them, or the entries of a sparse row. */
static const float *floats_of(const bp_examples *examples, uint64_t row, size_t *count)
{
    *count = examples->x_type == BP_TYPE_F32 ? examples->inputs : 0;
    if (!examples->sparse.first)
        return (const float *)(const void *)((const unsigned char *)examples->x + row * examples->x_stride);
    bp_sparse_row entries = bp_examples_sparse_row(examples, row);
    *count = entries.count;
    return entries.value;
}

static bp_status refuse(const char *what, uint64_t row, const char *kind, uint64_t column, float value, bp_error *error)
{
    return bp_fail(error, BP_INVALID, "%s row %llu, %s %llu: %g, where a finite number is needed", what,
                   (unsigned long long)row + 1, kind, (unsigned long long)column + 1, (double)value);
}

/* Rows are read here before any training, and are in cache. */
static bp_status check_row(const bp_examples *examples, uint64_t row, const char *what, bp_error *error)
{
    size_t count;
    const float *x = floats_of(examples, row, &count), *y = examples->classes ? NULL : examples->y;

    if (!bp_all_finite(x, count))
        for (size_t i = 0; i < count; i++)
            if (!bp_all_finite(x + i, 1))
                return refuse(what, row, "input", examples->sparse.first ? bp_examples_sparse_row(examples, row).column[i] : i,
                              x[i], error);
    for (size_t j = 0; y && j < examples->outputs; j++)
        if (!bp_all_finite(y + row * examples->y_stride + j, 1))
            return refuse(what, row, "target", j, y[row * examples->y_stride + j], error);
    return BP_OK;
}

static bp_status add_rows(bp_hash *hash, const bp_examples *examples, bp_rows rows, const char *what, bp_error *error)
{
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t row = rows.index ? rows.index[i] : i;
        add_row(hash, examples, row);
        BP_TRY(check_row(examples, row, what, error));
    }
    return BP_OK;
}

/* What comes out of an encoder is finite. */
static bp_status add_segments(bp_hash *hash, bp_feed *feed, bp_rows rows, bp_error *error)
{
    BP_TRY(bp_feed_begin(feed, rows, 0, error));
    for (uint64_t done = 0; done < rows.count; done += feed->segment.rows) {
        BP_TRY(bp_feed_next(feed, feed->segment.rows, error));
        for (uint64_t row = 0; row < feed->segment.rows; row++)
            add_row(hash, &feed->segment, row);
    }
    return BP_OK;
}

static bp_status add_pages(bp_hash *hash, const bp_examples *examples, bp_rows rows, bp_error *error)
{
    bp_feed *feed;

    BP_TRY(bp_feed_create(examples, 1, bp_data_threads(examples->pages->bound.encoder->threads, rows.count * examples->inputs),
                          &examples->allocator, &feed, error));
    bp_status status = add_segments(hash, feed, rows, error);
    bp_feed_free(feed);
    return status;
}

static bp_status add_examples(bp_hash *hash, const bp_examples *examples, bp_rows rows, const char *what, bp_error *error)
{
    uint64_t shape[] = {rows.count,
                        examples->inputs,
                        examples->outputs,
                        (uint64_t)examples->x_type,
                        examples->classes != NULL,
                        examples->weight != NULL};

    bp_hash_add(hash, shape, sizeof shape);
    bp_hash_add(hash, &examples->x_divisor, sizeof examples->x_divisor);
    if (examples->pages)
        return add_pages(hash, examples, rows, error);
    return add_rows(hash, examples, rows, what, error);
}

static bp_status hash_examples(const bp_examples *examples, bp_rows rows, const char *what, char digits[BP_HASH_DIGITS + 1],
                               bp_error *error)
{
    bp_hash hash;

    bp_hash_begin(&hash);
    if (examples)
        BP_TRY(add_examples(&hash, examples, rows, what, error));
    bp_hash_digits(&hash, digits);
    return BP_OK;
}

/* The text of the model file has all that an encoder does. */
static bp_status hash_encoder(const bp_encoder *encoder, const bp_allocator *allocator, char digits[BP_HASH_DIGITS + 1],
                              bp_error *error)
{
    bp_hash hash;
    char *text;
    size_t size;

    bp_hash_begin(&hash);
    if (encoder) {
        BP_TRY(bp_encoder_to_json(encoder, allocator, &text, &size, error));
        bp_hash_add(&hash, text, size);
        bp_release(allocator, text, size + 1);
    }
    bp_hash_digits(&hash, digits);
    return BP_OK;
}

bp_status bp_fingerprint(const bp_encoder *encoder, const bp_examples *training, bp_rows training_rows,
                         const bp_examples *validation, bp_rows validation_rows, bp_fingerprints *result, bp_error *error)
{
    BP_TRY(hash_examples(training, training_rows, "training", result->training, error));
    BP_TRY(hash_examples(validation, validation_rows, "validation", result->validation, error));
    return hash_encoder(encoder, &training->allocator, result->encoder, error);
}

const char *bp_fingerprints_differ(const bp_fingerprints *a, const bp_fingerprints *b, const char **of_a, const char **of_b)
{
    const char *const parts[][3] = {{"training rows", a->training, b->training},
                                    {"validation rows", a->validation, b->validation},
                                    {"columns' names, categories or scales", a->encoder, b->encoder}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i][1], parts[i][2]) != 0) {
            *of_a = parts[i][1];
            *of_b = parts[i][2];
            return parts[i][0];
        }
    return NULL;
}

void bp_fingerprint_describe(const bp_examples *training, bp_rows training_rows, const bp_examples *validation,
                             bp_rows validation_rows, char text[BP_DATA_TEXT])
{
    snprintf(text, BP_DATA_TEXT, "%llu training rows and %llu validation rows, %u input%s and %u output%s",
             (unsigned long long)training_rows.count, validation ? (unsigned long long)validation_rows.count : 0ULL,
             training->inputs, training->inputs == 1 ? "" : "s", training->outputs, training->outputs == 1 ? "" : "s");
}
