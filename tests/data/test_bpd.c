/* Tests of .bpd files: they give back what was packed, and refuse what is damaged or absurd.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "bpd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faulty_files.h"
#include "helper_data.h"
#include "scratch.h"

TestSuite(bpd, .init = scratch_begin, .fini = scratch_end);

/* Numbers of both sizes, categories, missing ones of each. */
static void write_table(const char *name, unsigned rows)
{
    FILE *file = fopen(name, "w");

    cr_assert(file);
    fputs("age,colour,exact,y\n", file);
    for (unsigned i = 0; i < rows; i++)
        fprintf(file, "%u,%s,%u.1,%u\n", i % 90, i % 7 == 3 ? "" : i % 3 ? "red" : "\"dark, blue\"", 1000000 + i, i % 5);
    fclose(file);
}

static void must_pack(const char *from, const char *to)
{
    bp_dataset *dataset;
    bp_error error = {0};

    cr_assert_eq(bp_dataset_read(from, with(NULL), 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_dataset_pack(dataset, to, &error), BP_OK, "%s", error.text);
    bp_dataset_free(dataset);
}

static void expect_same(const bp_dataset *left, const bp_dataset *right)
{
    char text[64];

    cr_assert_eq(left->rows, right->rows);
    cr_assert_eq(left->column_count, right->column_count);
    cr_assert_eq(left->integer_classes, right->integer_classes);
    cr_assert_eq(left->numbered, right->numbered);
    for (uint64_t i = 0; i < left->column_count; i++) {
        const bp_column *a = &left->columns[i], *b = &right->columns[i];
        cr_assert_str_eq(a->name, b->name);
        cr_assert(a->type == b->type && a->categorical == b->categorical && a->has_missing == b->has_missing && a->role == b->role,
                  "column %s is another", a->name);
        cr_assert_eq(a->category_count, b->category_count);
        for (size_t k = 0; k < a->category_count; k++)
            cr_assert_str_eq(a->categories[k], b->categories[k]);
        for (uint64_t row = 0; row < left->rows; row++) {
            snprintf(text, sizeof text, "%s", field(left, row, i));
            cr_assert_str_eq(field(right, row, i), text, "row %llu, column %s", (unsigned long long)row, a->name);
        }
    }
}

Test(bpd, a_packed_table_is_read_as_the_table_is)
{
    static const unsigned rows[] = {1, 63, 8192, 8193, 20000};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_table("t.csv", rows[i]);
        must_pack("t.csv", "t.bpd");
        bp_dataset *csv = must_read("t.csv", with("target", "y", NULL)), *bpd = must_read("t.bpd", with("target", "y", NULL));
        expect_same(csv, bpd);
        bp_dataset_free(csv);
        bp_dataset_free(bpd);
    }
}

Test(bpd, a_packed_matrix_keeps_its_targets_and_serves_as_it_is)
{
    static unsigned char pixels[10000][40], labels[10000]; /* a block is read and checked in two pieces */

    for (size_t i = 0; i < 10000; i++) {
        for (size_t j = 0; j < 40; j++)
            pixels[i][j] = (unsigned char)(i * 7 + j);
        labels[i] = (unsigned char)(i % 10);
    }
    write_idx("m-images-idx3-ubyte", 8, 3, (uint32_t[]){10000, 4, 10}, pixels, sizeof pixels);
    write_idx("m-labels-idx1-ubyte", 8, 1, (uint32_t[]){10000}, labels, sizeof labels);
    must_pack("m-images-idx3-ubyte", "m.bpd");
    bp_dataset *idx = must_read("m-images-idx3-ubyte", with(NULL)), *bpd = must_read("m.bpd", with(NULL));
    expect_same(idx, bpd);
    for (size_t j = 1; j < 40; j++)
        cr_assert_eq((const char *)bpd->columns[j].data, (const char *)bpd->columns[0].data + j, "pixels lie side by side");
    bp_dataset_free(idx);
    bp_dataset_free(bpd);
}

Test(bpd, every_damaged_byte_is_found)
{
    bp_dataset *dataset;
    unsigned char *bytes;
    size_t size;

    write_table("t.csv", 40);
    must_pack("t.csv", "t.bpd");
    bytes = scratch_read("t.bpd", &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (unsigned char)(1 << i % 8);
        scratch_write("bad.bpd", bytes, size);
        cr_assert_eq(bp_dataset_read("bad.bpd", with(NULL), 1, NULL, &dataset, NULL), BP_BAD_FILE, "byte %zu", i);
        bytes[i] ^= (unsigned char)(1 << i % 8);
    }
    free(bytes);
}

Test(bpd, a_file_of_another_length_is_refused)
{
    bp_dataset *dataset;
    unsigned char *bytes;
    size_t size;

    write_table("t.csv", 40);
    must_pack("t.csv", "t.bpd");
    bytes = scratch_read("t.bpd", &size);
    bytes = realloc(bytes, size + 1);
    cr_assert(bytes);
    bytes[size] = 0;
    for (size_t cut = 0; cut <= size + 1; cut++) {
        scratch_write("bad.bpd", bytes, cut);
        bp_status status = bp_dataset_read("bad.bpd", with(NULL), 1, NULL, &dataset, NULL);
        cr_assert_eq(status, cut == size ? BP_OK : BP_BAD_FILE, "%zu of %zu bytes", cut, size);
        if (status == BP_OK)
            bp_dataset_free(dataset);
    }
    free(bytes);
}

/* A header whose checksum is right all the same. */
static void write_forged(const unsigned char *bytes, size_t size, size_t at, const void *patch, size_t length)
{
    unsigned char *copy = malloc(size);
    uint64_t header;

    cr_assert(copy);
    memcpy(copy, bytes, size);
    memcpy(&header, copy + 24, sizeof header);
    memcpy(copy + at, patch, length);
    memset(copy + 48, 0, 16);
    bp_bpd_header_sum(copy, (size_t)header, copy + 48);
    scratch_write("bad.bpd", copy, size);
    free(copy);
}

Test(bpd, absurd_counts_are_refused_before_memory_is_asked_for)
{
    static const uint64_t counts[] = {0, 30, 60, 8192, UINT32_MAX, UINT64_MAX / 8, UINT64_MAX / 64, UINT64_MAX};
    static const size_t places[] = {8, 12, 32, 36, 68, 72}; /* version, block, columns, flags, length of a name, categories */
    unsigned char *bytes;
    size_t size;

    write_table("t.csv", 40);
    must_pack("t.csv", "t.bpd");
    bytes = scratch_read("t.bpd", &size);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        write_forged(bytes, size, 16, &counts[i], 8);
        must_refuse("bad.bpd", with(NULL), BP_BAD_FILE, "bad.bpd");
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            uint32_t value = (uint32_t)counts[i];
            if (memcmp(bytes + places[k], &value, 4) == 0)
                continue;
            write_forged(bytes, size, places[k], &value, 4);
            must_refuse("bad.bpd", with(NULL), BP_BAD_FILE, "bad.bpd");
        }
    }
    free(bytes);
}

Test(bpd, chunks_that_changed_places_are_found)
{
    unsigned char *bytes, keep[128];
    uint64_t begin;
    size_t size;

    write_text("t.csv", "a,b\n1,2\n3,4\n");
    must_pack("t.csv", "t.bpd");
    bytes = scratch_read("t.bpd", &size);
    memcpy(&begin, bytes + 24, sizeof begin);
    memcpy(keep, bytes + begin, 128);
    memmove(bytes + begin, bytes + begin + 128, 128);
    memcpy(bytes + begin + 128, keep, 128);
    scratch_write("bad.bpd", bytes, size);
    must_refuse("bad.bpd", with("target", "b", NULL), BP_BAD_FILE, "damaged");
    free(bytes);
}

Test(bpd, a_call_that_fails_leaves_the_old_file_or_an_error)
{
    bp_dataset *dataset, *again = NULL;
    faulty_files count = {0};

    write_table("t.csv", 100);
    dataset = must_read("t.csv", with("target", "y", NULL));
    scratch_write("t.bpd", "old", 3);
    faulty_files_begin(&count);
    cr_assert_eq(bp_dataset_pack(dataset, "t.bpd", NULL), BP_OK);
    size_t written = count.calls;
    cr_assert_eq(bp_dataset_read("t.bpd", with("memory", "1GiB", NULL), 1, NULL, &again, NULL), BP_OK);
    faulty_files_end();
    bp_dataset_free(again);
    for (size_t call = 1; call <= count.calls - 1; call++) { /* the last one closes a file that has been read */
        faulty_files faults = {.fail_at = call, .number = EIO};
        faulty_files_begin(&faults);
        bp_status status = call <= written ? bp_dataset_pack(dataset, "t.bpd", NULL) : BP_IO;
        if (call > written) {
            faults.calls = written;
            status = bp_dataset_read("t.bpd", with("memory", "1GiB", NULL), 1, NULL, &again, NULL);
        }
        faulty_files_end();
        cr_assert(status == BP_IO || call == written, "call %zu of %zu: %d", call, count.calls, status);
        cr_assert_eq(bp_dataset_read("t.bpd", with("memory", "1GiB", NULL), 1, NULL, &again, NULL), BP_OK, "after call %zu", call);
        bp_dataset_free(again);
        cr_assert_eq(scratch_count(), 2, "call %zu leaves a file", call);
    }
    bp_dataset_free(dataset);
}

Test(bpd, calls_that_come_in_pieces_change_nothing)
{
    faulty_files faults = {.interrupting = true, .at_most = 37};
    unsigned char *whole, *pieces;
    size_t size, other;
    bp_dataset *dataset;

    write_table("t.csv", 500);
    must_pack("t.csv", "whole.bpd");
    dataset = must_read("whole.bpd", with("target", "y", NULL));
    cr_assert_eq(bp_dataset_pack(dataset, "whole.bpd", NULL), BP_OK);
    faulty_files_begin(&faults);
    cr_assert_eq(bp_dataset_pack(dataset, "pieces.bpd", NULL), BP_OK);
    bp_dataset *again = must_read("pieces.bpd", with("target", "y", NULL));
    faulty_files_end();
    expect_same(dataset, again);
    whole = scratch_read("whole.bpd", &size);
    pieces = scratch_read("pieces.bpd", &other);
    cr_assert(size == other && memcmp(whole, pieces, size) == 0);
    free(whole);
    free(pieces);
    bp_dataset_free(dataset);
    bp_dataset_free(again);
}

/* ------------------------------------------------------------------------------------------------------------ in parts */

/* The element of the second column, categories, at row 5 becomes a code that there is not; its chunk's sum is right all the
 * same. */
static void write_bad_code(unsigned char *bytes, size_t size)
{
    uint64_t begin, sum;
    int32_t code = 2;

    memcpy(&begin, bytes + 24, sizeof begin);
    unsigned char *chunk = bytes + begin + 128;
    memcpy(chunk + 64 + 4 * 5, &code, sizeof code);
    sum = bp_bpd_sum(chunk + 64, 64, 1);
    memcpy(chunk, &sum, sizeof sum);
    scratch_write("bad.bpd", bytes, size);
}

Test(bpd, what_is_read_in_parts_is_checked_when_it_is_read)
{
    faulty_files faults = {.fail_at = 1, .number = EIO};
    bp_dataset *dataset;
    unsigned char *bytes;
    bp_error error;
    char text[64];
    size_t size;

    write_table("t.csv", 16);
    must_pack("t.csv", "t.bpd");
    bytes = scratch_read("t.bpd", &size);
    write_bad_code(bytes, size);
    dataset = must_read("bad.bpd", with("target", "y", "memory", "1", NULL));
    cr_assert(bp_dataset_is_paged(dataset));
    cr_assert_eq(bp_dataset_text(dataset, 4, 1, text, sizeof text, NULL), BP_OK);
    cr_assert_eq(bp_dataset_text(dataset, 5, 1, text, sizeof text, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "row 6: column \"colour\": category 2 of 2"), "%s", error.text);
    faulty_files_begin(&faults);
    cr_assert_eq(bp_dataset_text(dataset, 4, 1, text, sizeof text, NULL), BP_IO);
    faulty_files_end();
    bp_dataset_free(dataset);
    must_refuse("bad.bpd", with("target", "colour", "memory", "1", NULL), BP_BAD_FILE, "row 6"); /* targets are read at once */
    must_refuse("bad.bpd", with("target", "y", "group", "colour", "memory", "1", NULL), BP_BAD_FILE, "row 6");
    must_refuse("t.bpd", with("target", "y", "target-file", "y.npy", NULL), BP_INVALID, "belongs to packing");
    free(bytes);
}

Test(bpd, rows_of_parts_have_to_ascend)
{
    bp_encoder *encoder = NULL;
    bp_error error;

    write_table("t.csv", 16);
    must_pack("t.csv", "t.bpd");
    const bp_settings *settings = with("target", "y", "memory", "1", NULL);
    bp_dataset *dataset = must_read("t.bpd", settings);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){(uint64_t[]){3, 7, 7}, 3}, settings, NULL, &encoder, &error), BP_INVALID);
    cr_assert(strstr(error.text, "ascend"), "%s", error.text);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){(uint64_t[]){3, 7, 8}, 3}, settings, NULL, &encoder, &error), BP_OK, "%s",
                 error.text);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}
