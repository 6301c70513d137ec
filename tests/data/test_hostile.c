/* No file harms: damage of any kind is read or refused, and nothing leaks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "faulty_files.h"
#include "helper_data.h"
#include "numbers.h"
#include "pack.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(hostile, .init = scratch_begin, .fini = scratch_end);

#define TABLE "n,t,w,y\n1,a,1,x\n2.5,\"b\"\"\n,\",2,y\n-3e2,\xC3\xA9,1,x\n4,a,0,y\n5,b,1,x\n"

/* Everything that the program would do with the file; whatever comes of it is right, but for a crash or a leak. */
static bp_status use(const char *name, const bp_settings *settings, const bp_allocator *allocator)
{
    bp_dataset *dataset = NULL;
    bp_encoder *encoder = NULL;
    bp_examples *examples = NULL;
    bp_error error = {0};

    bp_status status = bp_dataset_read(name, settings, 0, allocator, &dataset, &error);
    if (status == BP_OK)
        status = bp_encoder_fit(dataset, (bp_rows){0}, settings, allocator, &encoder, &error);
    if (status == BP_OK)
        status = bp_encoder_apply(encoder, dataset, 1, allocator, &examples, &error);
    cr_assert_eq(error.status, (int32_t)status);
    cr_assert(status == BP_OK || error.text[0]);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    return status;
}

static void use_counted(const char *name, const bp_settings *settings)
{
    refusing counter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&counter);

    bp_status status = use(name, settings, &allocator);
    cr_assert(status == BP_OK || status == BP_BAD_FILE || status == BP_INVALID, "%s", bp_status_text(status));
    cr_assert_eq(counter.alive, 0);
}

/* Flips, overwrites and cuts, 600 times. */
static void damage(const char *name, const bp_settings *settings)
{
    static const unsigned char nasty[] = {0, 0xFF, '"', ',', '\n', '\r', 0x80, 0x7F};
    size_t size;
    unsigned char *good = scratch_read(name, &size);
    unsigned char *bad = malloc(size);

    for (uint64_t i = 0; i < 600; i++) {
        size_t cut = size;
        memcpy(bad, good, size);
        for (uint64_t k = 0; k <= i % 4; k++) {
            size_t at = (size_t)((scattered(2 + k, i) + 1) / 2 * (double)size);
            unsigned value = (unsigned)((scattered(9 + k, i) + 1) * 128);
            if (i % 3 == 0)
                bad[at] = nasty[value % sizeof nasty];
            else if (i % 3 == 1)
                bad[at] ^= (unsigned char)(1u << value % 8);
            else
                cut = at;
        }
        scratch_write(name, bad, cut);
        use_counted(name, settings);
    }
    free(bad);
    free(good);
}

static void write_idx_pair(void)
{
    unsigned char pixels[40];

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(7 * i);
    write_idx("images.idx", 0x08, 3, (uint32_t[]){10, 2, 2}, pixels, sizeof pixels);
    write_idx("labels.idx", 0x08, 1, (uint32_t[]){10}, "\0\1\2\0\1\2\0\1\2\0", 10);
}

Test(hostile, damaged_csv_never_harms)
{
    write_text("a.csv", TABLE);
    damage("a.csv", with("target", "y", "weight-column", "w", NULL));
}

Test(hostile, damaged_gzip_never_harms)
{
    append_gzip("a.csv.gz", TABLE, strlen(TABLE));
    damage("a.csv.gz", with("target", "y", "weight-column", "w", NULL));
}

Test(hostile, damaged_idx_never_harms)
{
    write_idx_pair();
    damage("images.idx", with(NULL));
    write_idx_pair();
    damage("labels.idx", with(NULL));
    write_idx_pair();
    damage("images.idx", with("scale", "standard", NULL));
}

/* ---------------------------------------------------------------------------------------------------- what is refused */

/* A good file of each kind, and the settings that it is read with. */
typedef struct sample {
    const char *name;
    const char *key[3];
    const char *value[3];
} sample;

static const sample samples[] = {
    {"a.csv", {"target", "weight-column", "threads"}, {"y", "w", "2"}},
    {"a.csv.gz", {"target"}, {"n"}},
    {"images.idx", {NULL}, {NULL}},
    {"noise.idx.gz", {"target-file"}, {"small.idx"}},
    {"a.npy", {"target-file"}, {"y.npy"}},
    {"a.svm", {NULL}, {NULL}},
    {"a.svm.gz", {"scale"}, {"none"}},
    {"a.bpd", {"target"}, {"y"}},
    {"a.bpd", {"target", "group", "memory"}, {"y", "t", "1"}}, /* in parts */
};

static const bp_settings *settings_of(const sample *s)
{
    return with(s->key[0] ? s->key[0] : "seed", s->key[0] ? s->value[0] : "1", s->key[1], s->value[1], s->key[2], s->value[2],
                NULL);
}

/* Two columns of whole numbers that i32 holds. */
static void write_npy(const char *name, const char *order, const char *shape, size_t count)
{
    static char file[128 + 8 * 2 * 8200] = "\x93NUMPY\1";
    int length = snprintf(file + 10, 118, "{'descr': '<i8', 'fortran_order': %s, 'shape': %s}", order, shape);

    memset(file + 10 + length, ' ', (size_t)(118 - length));
    file[8] = 118;
    for (size_t i = 0; i < count; i++)
        memcpy(file + 128 + 8 * i, &(int64_t){(int64_t)i % 3}, 8);
    scratch_write(name, file, 128 + 8 * count);
}

/* Bytes that hardly pack, so that zlib needs its window. */
static void write_noise(void)
{
    enum { ROWS = 100, COLUMNS = 1000 };
    static unsigned char file[16 + ROWS * COLUMNS] = {0, 0, 8, 2, 0, 0, 0, ROWS, 0, 0, COLUMNS >> 8, COLUMNS & 255};

    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        file[12 + i] = (unsigned char)(int)(128 + 127 * scattered(5, i));
    append_gzip("noise.idx.gz", file, 12 + (size_t)ROWS * COLUMNS);
    write_idx("small.idx", 0x0B, 1, (uint32_t[]){ROWS}, file + 12, 2 * (size_t)ROWS);
}

static void write_samples(void)
{
    static const char svm[] = "1 1:2 5:0.5\n0 2:1\n1 7:3\n";
    bp_error error = {0};

    write_text("a.csv", TABLE);
    append_gzip("a.csv.gz", TABLE, strlen(TABLE));
    write_idx_pair();
    write_noise();
    write_npy("a.npy", "True", "(5, 2)", 10);
    write_npy("y.npy", "True", "(5,)", 5);
    write_text("a.svm", svm);
    append_gzip("a.svm.gz", svm, strlen(svm));
    cr_assert_eq(bp_pack("a.csv", with("target", "y", "weight-column", "w", NULL), "a.bpd", NULL, NULL, &error), BP_OK, "%s",
                 error.text);
}

/* Refuses the first allocation, then the second, ... until all go well. */
static void refuse_each(const sample *s)
{
    for (size_t i = 0;; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        bp_status status = use(s->name, settings_of(s), &allocator);
        cr_assert_eq(counter.alive, 0, "%s: %zu blocks leak when allocation %zu is refused", s->name, counter.alive, i);
        if (counter.asked <= i) {
            cr_assert_eq(status, BP_OK, "%s: %s", s->name, bp_status_text(status));
            return;
        }
        cr_assert_eq(status, BP_NO_MEMORY, "%s, allocation %zu: %s", s->name, i, bp_status_text(status));
    }
}

Test(hostile, a_refused_allocation_leaks_nothing)
{
    write_samples();
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        refuse_each(&samples[i]);
}

/* Lets the first call on a file fail, then the second, ... until all go well. */
static void fail_each(const sample *s)
{
    for (size_t call = 1, told = 0;; call++) {
        refusing counter = refuse_at(SIZE_MAX);
        bp_allocator allocator = refusing_allocator(&counter);
        faulty_files faults = {.fail_at = call, .number = EIO};
        faulty_files_begin(&faults);
        bp_status status = use(s->name, settings_of(s), &allocator);
        faulty_files_end();
        cr_assert_eq(counter.alive, 0, "%s: %zu blocks leak when call %zu fails", s->name, counter.alive, call);
        if (faults.calls < call) {
            cr_assert_eq(status, BP_OK);
            cr_assert_geq(told, 3, "%s", s->name); /* open, fstat, and a read */
            return;
        }
        cr_assert(status == BP_IO || status == BP_OK, "%s, call %zu: %s", s->name, call, bp_status_text(status)); /* closing */
        told += status == BP_IO;
    }
}

Test(hostile, a_call_that_fails_is_told_and_leaks_nothing)
{
    write_samples();
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        fail_each(&samples[i]);
}

/* ---- packed in parts: read three times, the last one a window of rows at a time */

static bp_status pack_in_parts(const bp_allocator *allocator)
{
    return bp_pack_csv("long.csv", 0, with("target", "n", NULL), 1024, 1, "long.bpd", allocator, NULL, NULL);
}

static void write_long(void)
{
    FILE *file = fopen("long.csv", "w");

    fputs("n,t\n", file);
    for (unsigned i = 0; i < 8900; i++)
        fprintf(file, "%u,%c%u\n", i % 10, 'a' + (int)(i % 3), i % 40);
    fclose(file);
}

Test(hostile, a_table_packed_in_parts_loses_nothing_where_memory_is_refused)
{
    write_long();
    for (size_t i = 0;; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        bp_status status = pack_in_parts(&allocator);
        cr_assert_eq(counter.alive, 0, "%zu blocks leak when allocation %zu is refused", counter.alive, i);
        if (counter.asked <= i) {
            cr_assert_eq(status, BP_OK);
            break;
        }
        cr_assert_eq(status, BP_NO_MEMORY, "allocation %zu: %s", i, bp_status_text(status));
        cr_assert_eq(scratch_count(), 1, "allocation %zu leaves a file", i);
    }
}

Test(hostile, a_table_packed_in_parts_leaves_nothing_where_a_call_fails)
{
    write_long();
    for (size_t call = 1, told = 0;; call += call < 20 ? 1 : 7) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        faulty_files_begin(&faults);
        bp_status status = pack_in_parts(NULL);
        faulty_files_end();
        if (faults.calls < call) {
            cr_assert_eq(status, BP_OK);
            cr_assert_gt(told, 20);
            break;
        }
        told += status == BP_IO;
        cr_assert(status == BP_OK || (status == BP_IO && scratch_count() == 1), "call %zu: %s", call, bp_status_text(status));
        remove("long.bpd");
    }
}

/* Rows that follow each other, so that they are read in parts. */
static bp_status pack_npy(const bp_allocator *allocator)
{
    return bp_pack_npy("rows.npy", with("target-file", "y.npy", NULL), 1, "rows.bpd", allocator, NULL, NULL);
}

Test(hostile, an_npy_file_that_is_packed_loses_nothing_where_memory_or_a_call_is_refused)
{
    write_npy("rows.npy", "False", "(8200, 2)", 16400);
    write_npy("y.npy", "False", "(8200,)", 8200);
    for (size_t i = 0, asked = 1; i <= asked; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        cr_assert_eq(pack_npy(&allocator), counter.asked > i ? BP_NO_MEMORY : BP_OK, "allocation %zu", i);
        cr_assert_eq(counter.alive, 0, "allocation %zu", i);
        asked = counter.asked;
    }
    for (size_t call = 1, calls = 1; call <= calls; call++) {
        faulty_files faults = {.fail_at = call, .number = EIO};
        faulty_files_begin(&faults);
        bp_status status = pack_npy(NULL);
        faulty_files_end();
        cr_assert(status == BP_IO || status == BP_OK, "call %zu: %s", call, bp_status_text(status)); /* closing */
        calls = faults.calls;
    }
}

/* ---- what is larger than a file of a test can be */

Test(hostile, an_array_whose_bytes_cannot_be_counted_is_refused)
{
    refusing counter = refuse_at(SIZE_MAX);
    bp_pool pool = {.allocator = refusing_allocator(&counter)};
    bp_error error = {0};

    cr_assert_null(bp_pool_take_array(&pool, SIZE_MAX / 2, 4, &error));
    cr_assert_eq(error.status, BP_NO_MEMORY);
    cr_assert(strstr(error.text, "more than there can be"), "%s", error.text);
    cr_assert_eq(counter.asked, 0);
}

static bp_status read_classes(size_t count)
{
    char *text = malloc(16 * count + 300);
    size_t used = (size_t)sprintf(text, "{\"classes\":[");
    bp_encoder *encoder = NULL;

    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "%s\"%06zu\"", i ? "," : "", i);
    used += (size_t)sprintf(text + used, "],\"inputs\":[{\"mean\":0,\"name\":\"x\",\"scale\":1}],"
                                         "\"targets\":[{\"mean\":0,\"name\":\"y\",\"scale\":1}],\"task\":\"multiclass\"}");
    bp_status status = bp_encoder_from_json(text, used, NULL, &encoder, NULL);
    bp_encoder_free(encoder);
    free(text);
    return status;
}

Test(hostile, an_encoder_has_as_many_classes_as_there_may_be)
{
    cr_assert_eq(read_classes(BP_CLASSES_MAX), BP_OK);
    cr_assert_eq(read_classes(BP_CLASSES_MAX + 1), BP_BAD_FILE);
}

Test(hostile, a_need_that_there_is_not_is_refused)
{
    bp_dataset *dataset;
    bp_error error;

    scratch_write("a.csv", "x,y\n1,2\n3,4\n", 12);
    for (int need = -1; need <= 3; need += 4) {
        cr_assert_eq(bp_dataset_read("a.csv", with("target", "y", NULL), need, NULL, &dataset, &error), BP_INVALID);
        cr_assert(strstr(error.text, "is no bp_need"), "%s", error.text);
    }
}
