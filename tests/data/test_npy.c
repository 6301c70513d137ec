/* NPY: what is read, and how each lie of a header is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataset.h"
#include "helper_data.h"
#include "npy_parts.h"
#include "pack.h"
#include "refusing.h"
#include "scratch.h"

TestSuite(npy, .init = scratch_begin, .fini = scratch_end);

static void write_npy(const char *name, unsigned char version, const char *text, const void *data, size_t size)
{
    size_t length = strlen(text), field = version == 1 ? 2 : 4;
    unsigned char *file = calloc(1, 16 + length + size);

    memcpy(file, "\x93NUMPY", 6);
    file[6] = version;
    file[8] = (unsigned char)length;
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + 8 + field, text, length);
    memcpy(file + 8 + field + length, data, size);
    scratch_write(name, file, 8 + field + length + size);
    free(file);
}

#define C_ORDER(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }          \n"
#define F_ORDER(type, shape) "{'descr': '" type "', 'fortran_order': True, 'shape': " shape ", }\n"

static void expect_row(const bp_dataset *dataset, uint64_t row, const char *first, const char *second)
{
    cr_assert_str_eq(field(dataset, row, 0), first);
    cr_assert_str_eq(field(dataset, row, 1), second);
}

static void expect_two_rows(const char *header, const void *data, size_t size, bp_type type)
{
    bp_column_info info;

    write_npy("t.npy", 1, header, data, size);
    bp_dataset *dataset = must_read("t.npy", with("target", "x2", NULL));
    cr_assert_eq(bp_dataset_rows(dataset), 2);
    cr_assert_eq(bp_dataset_columns(dataset), 2);
    expect_row(dataset, 0, "1", "2");
    expect_row(dataset, 1, "3", "4");
    cr_assert_eq(bp_dataset_column(dataset, 1, &info, NULL), BP_OK);
    cr_assert_str_eq(info.name, "x2");
    cr_assert_eq(info.role, 1);
    cr_assert_eq(info.type, (int32_t)type);
    bp_dataset_free(dataset);
}

Test(npy, each_type_and_order_of_bytes_and_elements_is_read)
{
    expect_two_rows(C_ORDER("|u1", "(2, 2)"), "\1\2\3\4", 4, BP_TYPE_U8);
    expect_two_rows(C_ORDER("<i4", "(2, 2)"), (int32_t[]){1, 2, 3, 4}, 16, BP_TYPE_I32);
    expect_two_rows(C_ORDER("<i8", "(2, 2)"), (int64_t[]){1, 2, 3, 4}, 32, BP_TYPE_I32);
    expect_two_rows(C_ORDER("<f4", "(2, 2)"), (float[]){1, 2, 3, 4}, 16, BP_TYPE_F32);
    expect_two_rows(C_ORDER("<f8", "(2, 2)"), (double[]){1, 2, 3, 4}, 32, BP_TYPE_F64);
    expect_two_rows(F_ORDER("<f8", "(2, 2)"), (double[]){1, 3, 2, 4}, 32, BP_TYPE_F64);
    expect_two_rows(F_ORDER("|u1", "(2, 2)"), "\1\3\2\4", 4, BP_TYPE_U8);
    expect_two_rows(C_ORDER(">i4", "(2, 2)"), "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 16, BP_TYPE_I32);
    expect_two_rows(C_ORDER(">f4", "(2, 2)"), "\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0\x40\x80\0\0", 16, BP_TYPE_F32);
    expect_two_rows("{\"shape\": (2,2),\"fortran_order\":False,\"descr\":\"<f4\"}", (float[]){1, 2, 3, 4}, 16, BP_TYPE_F32);
}

Test(npy, whole_numbers_of_8_bytes_are_exact_or_refused_by_row)
{
    int64_t values[4] = {-3, INT64_C(1) << 53, 7, 1};

    write_npy("t.npy", 3, C_ORDER("<i8", "(2, 2)"), values, sizeof values);
    bp_dataset *dataset = must_read("t.npy", with("target", "x1", NULL));
    expect_row(dataset, 0, "-3", "9007199254740992");
    bp_dataset_free(dataset);
    values[3] = -(INT64_C(1) << 53) - 1;
    write_npy("t.npy", 1, C_ORDER("<i8", "(2, 2)"), values, sizeof values);
    must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, "row 2, column 2: a whole number beyond 2^53");
}

Test(npy, nan_is_missing_and_infinities_are_refused_by_row_and_column)
{
    float values[6] = {1, 2, __builtin_nanf(""), 4, 5, 6};
    bp_column_info info;

    write_npy("t.npy", 2, C_ORDER("<f4", "(3, 2)"), values, sizeof values);
    bp_dataset *dataset = must_read("t.npy", with("target", "x2", NULL));
    cr_assert_str_eq(field(dataset, 1, 0), "");
    cr_assert_eq(bp_dataset_column(dataset, 0, &info, NULL), BP_OK);
    cr_assert_eq(info.has_missing, 1);
    bp_dataset_free(dataset);

    values[4] = -__builtin_inff();
    write_npy("t.npy", 1, C_ORDER("<f4", "(3, 2)"), values, sizeof values);
    must_refuse("t.npy", with("target", "x2", NULL), BP_BAD_FILE, "row 3, column 1: an infinite number");
    write_npy("t.npy", 1, F_ORDER("<f4", "(3, 2)"), values, sizeof values);
    must_refuse("t.npy", with("target", "x2", NULL), BP_BAD_FILE, "row 2, column 2: an infinite number");
    double wide[2] = {1, __builtin_inf()};
    write_npy("t.npy", 1, C_ORDER("<f8", "(2,)"), wide, sizeof wide);
    must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, "row 2, column 1: an infinite number");
}

Test(npy, targets_come_from_a_file_of_their_own_packed_or_not)
{
    size_t size;

    write_npy("x.npy", 1, C_ORDER("<f4", "(3, 2)"), (float[]){1, 2, 3, 4, 5, 6}, 24);
    write_npy("y.npy", 1, C_ORDER("<i8", "(3,)"), (int64_t[]){7, 8, 9}, 24);
    unsigned char *bytes = scratch_read("y.npy", &size);
    append_gzip("y.npy.gz", bytes, size);
    free(bytes);
    must_refuse("x.npy", with(NULL), BP_INVALID, "--target-file");
    bp_dataset *dataset = must_read("x.npy", with("target-file", "y.npy.gz", NULL));
    cr_assert_eq(bp_dataset_columns(dataset), 3);
    cr_assert_str_eq(field(dataset, 2, 2), "9");
    bp_dataset_free(dataset);

    write_npy("y2.npy", 1, F_ORDER("<f8", "(3, 2)"), (double[]){7, 8, 9, 10, 11, 12}, 48);
    dataset = must_read("x.npy", with("target-file", "y2.npy", "target", "y2", NULL));
    cr_assert_eq(bp_dataset_columns(dataset), 4);
    cr_assert_str_eq(field(dataset, 1, 3), "11");
    bp_dataset_free(dataset);
    write_npy("y.npy", 1, C_ORDER("<i8", "(2,)"), (int64_t[]){7, 8}, 16);
    must_refuse("x.npy", with("target-file", "y.npy", NULL), BP_BAD_FILE, "3 rows, but 2 rows of targets");
}

static void refuse(const char *header, size_t size, const char *part)
{
    static const char zeros[64];

    write_npy("t.npy", 1, header, zeros, size);
    bp_error error = must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, part);
    cr_assert_eq(error.line, 0);
}

Test(npy, headers_that_lie_are_refused)
{
    refuse(C_ORDER("<f4", "(2, 2)"), 15, "truncated");
    refuse(C_ORDER("<f4", "(2, 2)"), 17, "too long");
    refuse(C_ORDER("<f4", "(2, 2, 1)"), 16, "more than two dimensions");
    refuse(C_ORDER("<f4", "()"), 4, "no dimensions");
    refuse(C_ORDER("<f4", "(0, 2)"), 0, "holds no data");
    refuse(C_ORDER("<f4", "(2, 99999999)"), 16, "99999999 columns, more than");
    refuse(C_ORDER("<f8", "(9999999999999999, 9999999)"), 16, "more data than there can be");
    refuse(C_ORDER("<f8", "(99999999999999999999, 2)"), 16, "size of a dimension");
    refuse(C_ORDER("<f4", "(-2, 2)"), 16, "size of a dimension");
    refuse(C_ORDER("<f4", "(2 2)"), 16, "damaged");
    refuse(C_ORDER("<f2", "(2, 2)"), 8, "\"<f2\" are not read");
    refuse(C_ORDER("|O", "(2, 2)"), 8, "\"|O\" are not read");
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8, "a record");
    refuse("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}", 8, "True or False");
    refuse("{'descr': '<f4', 'shape': (2,)}", 8, "'fortran_order'");
    refuse("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8, "one each");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", 8, "nothing more");
    refuse("{'descr': '<f4", 0, "closing quote");
    refuse("{", 0, "damaged");
    refuse("", 0, "damaged");
}

Test(npy, files_that_are_cut_in_the_header_or_are_something_else_are_refused)
{
    size_t size;

    write_npy("t.npy", 1, C_ORDER("<f4", "(1, 2)"), (float[]){1, 2}, 8);
    unsigned char *bytes = scratch_read("t.npy", &size);
    for (size_t length = 0; length < size; length++) {
        scratch_write("t.npy", bytes, length);
        must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, length < 6 || length >= 8 ? "truncated" : "");
    }
    bytes[6] = 4;
    scratch_write("t.npy", bytes, size);
    must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, "version 4.0");
    bytes[0] = 'x';
    scratch_write("t.npy", bytes, size);
    must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, "not an NPY file");
    scratch_write("t.npy", "\x93NUMPY\2\0\xff\xff\xff\xff", 12);
    must_refuse("t.npy", with("target", "x1", NULL), BP_BAD_FILE, "4294967295 bytes");
    free(bytes);
}

enum { LONG = 20000, WIDE = 3 };

/* x.npy [LONG, WIDE]; `late` is the last element of the last row but one. */
static void write_long(const char *kind, size_t size, const void *late)
{
    unsigned char *elements = calloc(LONG * WIDE, size);
    char header[128];

    for (size_t i = 0; i < LONG * WIDE; i++) {
        float single = (float)i / 7;
        double real = (double)i / 7;
        int64_t whole = (int64_t)(i * i % 1000) - 500;
        memcpy(elements + i * size,
               strcmp(kind, "<f4") == 0   ? (void *)&single
               : strcmp(kind, "<f8") == 0 ? (void *)&real
                                          : (void *)&whole,
               size);
    }
    if (late)
        memcpy(elements + ((LONG - 1) * WIDE - 1) * size, late, size);
    snprintf(header, sizeof header, C_ORDER("%s", "(%d, %d)"), kind, LONG, WIDE);
    write_npy("x.npy", 1, header, elements, LONG * WIDE * size);
    free(elements);
}

static void expect_same_pack(const char *what, const bp_settings *settings)
{
    bp_dataset *dataset;
    bp_error error = {0};
    size_t size, other;

    cr_assert_eq(bp_dataset_read("x.npy", settings, BP_NEED_NAMES, NULL, &dataset, &error), BP_OK, "%s: %s", what, error.text);
    cr_assert_eq(bp_dataset_pack(dataset, "whole.bpd", NULL), BP_OK);
    bp_dataset_free(dataset);
    for (uint64_t bytes = 1000; bytes < 1000000; bytes *= 7) {
        cr_assert_eq(bp_pack_npy("x.npy", settings, bytes, "parts.bpd", NULL, NULL, &error), BP_OK, "%s: %s", what, error.text);
        unsigned char *whole = scratch_read("whole.bpd", &size), *parts = scratch_read("parts.bpd", &other);
        cr_assert(size == other && memcmp(whole, parts, size) == 0, "%s by %llu: %zu and %zu bytes", what,
                  (unsigned long long)bytes, size, other);
        free(whole);
        free(parts);
    }
}

Test(npy, is_packed_in_parts_as_it_is_whole)
{
    static float y[LONG];
    int64_t large = INT64_C(1) << 40;
    double nan = NAN;

    for (int i = 0; i < LONG; i++)
        y[i] = (float)i;
    write_long("<f4", 4, NULL);
    expect_same_pack("f4", with(NULL));
    expect_same_pack("f4 with a target", with("target", "x2", NULL));
    write_npy("y.npy", 1, C_ORDER("<f4", "(20000,)"), y, sizeof y);
    expect_same_pack("f4 with a file of targets", with("target-file", "y.npy", NULL));
    write_long("<f8", 8, &nan);
    expect_same_pack("f8, one missing", with(NULL));
    write_long("<i8", 8, NULL);
    expect_same_pack("i8, narrow", with(NULL));
    write_long("<i8", 8, &large);
    expect_same_pack("i8", with(NULL));
    write_long("|u1", 1, NULL);
    expect_same_pack("u1", with(NULL));
}

/* It can be read once. */
Test(npy, is_packed_out_of_a_pipe)
{
    size_t size, other;
    bp_error error;

    write_long("<f8", 8, NULL);
    cr_assert_eq(bp_pack("x.npy", with(NULL), "whole.bpd", NULL, NULL, &error), BP_OK, "%s", error.text);
    cr_assert_eq(mkfifo("pipe.npy", 0600), 0);
    cr_assert_eq(system("cat x.npy >pipe.npy &"), 0);
    cr_assert_eq(bp_pack("pipe.npy", with(NULL), "pipe.bpd", NULL, NULL, &error), BP_OK, "%s", error.text);
    unsigned char *whole = scratch_read("whole.bpd", &size), *piped = scratch_read("pipe.bpd", &other);
    cr_assert(size == other && memcmp(whole, piped, size) == 0);
    free(whole);
    free(piped);
}

static void refuse_parts(bp_status wanted, const char *text)
{
    bp_error error = {0};
    bp_status status = bp_pack_npy("x.npy", with(NULL), 1000, "none.bpd", NULL, NULL, &error);

    cr_assert(status == wanted && strstr(error.text, text), "%d: %s", (int)status, error.text);
}

Test(npy, bad_elements_are_found_in_parts_by_their_place)
{
    double infinite = INFINITY;
    size_t size;

    write_long("<f8", 8, &infinite);
    refuse_parts(BP_BAD_FILE, "row 19999, column 3: an infinite number");
    write_long("<f8", 8, NULL);
    unsigned char *bytes = scratch_read("x.npy", &size);
    scratch_write("x.npy", bytes, size - 1);
    refuse_parts(BP_BAD_FILE, "truncated: the header tells of 480000 bytes (20000 rows of 3), 479999 are there");
    bytes = realloc(bytes, size + 1);
    bytes[size] = 0;
    scratch_write("x.npy", bytes, size + 1);
    refuse_parts(BP_BAD_FILE, "too long");
    free(bytes);
}

static bp_status pass_rows(void *context, uint64_t rows, bp_error *error)
{
    (void)error;
    *(uint64_t *)context += rows;
    return BP_OK;
}

/* x.npy as it is, then as `kind` with `late` in it. */
static void expect_change_found(const char *before, const char *kind, size_t size, const void *late)
{
    bp_npy_parts parts;
    bp_dataset *dataset;
    bp_error error;
    uint64_t rows = 0;

    write_long(before, 8, NULL);
    cr_assert_eq(bp_dataset_new("x.npy", NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_npy_parts_begin(&parts, dataset, with(NULL), 1000, 100, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_npy_parts_pour(&parts, pass_rows, &rows, &error), BP_OK, "%s", error.text);
    cr_assert_eq(rows, LONG);
    write_long(kind, size, late);
    cr_assert_eq(bp_npy_parts_pour(&parts, pass_rows, &rows, &error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "changed"), "%s", error.text);
    bp_npy_parts_end(&parts);
    bp_dataset_free(dataset);
}

Test(npy, a_file_that_changes_between_its_passes_is_refused)
{
    double nan = NAN;
    int64_t large = INT64_C(1) << 40;

    expect_change_found("<f8", "<f8", 8, &nan);
    expect_change_found("<i8", "<i8", 8, &large);
    expect_change_found("<f8", "<f4", 4, NULL);
}

Test(npy, packing_in_parts_takes_the_memory_of_a_part)
{
    refusing meter = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&meter);

    write_long("<f8", 8, NULL); /* 480,000 bytes; a part has 8192 rows */
    cr_assert_eq(bp_pack_npy("x.npy", with(NULL), 1000, "parts.bpd", &allocator, NULL, NULL), BP_OK);
    cr_assert(meter.bytes == 0 && meter.most < 420000, "%zu bytes, %zu at the end", meter.most, meter.bytes);
}
