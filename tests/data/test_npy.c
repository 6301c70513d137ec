/* NPY: what is read, and how each lie of a header is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "helper_data.h"
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
