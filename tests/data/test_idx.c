/* IDX: what is read, and how each lie of a header is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "helper_data.h"
#include "scratch.h"

TestSuite(idx, .init = scratch_begin, .fini = scratch_end);

#define IMAGES "train-images-idx3-ubyte"
#define LABELS "train-labels-idx1-ubyte"

static const unsigned char pixels[12] = {0, 1, 2, 3, 40, 50, 60, 70, 255, 254, 253, 252};
static const unsigned char digits[3] = {7, 0, 7};

static void write_images(void)
{
    write_idx(IMAGES, 0x08, 3, (uint32_t[]){3, 2, 2}, pixels, sizeof pixels);
}

static void write_labels(const char *name)
{
    write_idx(name, 0x08, 1, (uint32_t[]){3}, digits, sizeof digits);
}

static bp_error refuse(const char *part)
{
    return must_refuse(IMAGES, with(NULL), BP_BAD_FILE, part);
}

Test(idx, images_find_their_labels_by_name)
{
    write_images();
    write_labels(LABELS);
    bp_dataset *dataset = must_read(IMAGES, with(NULL));
    bp_column_info info;

    cr_assert_eq(bp_dataset_rows(dataset), 3);
    cr_assert_eq(bp_dataset_columns(dataset), 5);
    cr_assert_str_eq(field(dataset, 1, 2), "60");
    cr_assert_str_eq(field(dataset, 2, 4), "7");
    cr_assert_eq(bp_dataset_column(dataset, 4, &info, NULL), BP_OK);
    cr_assert_str_eq(info.name, "label");
    cr_assert_eq(info.role, 1);
    cr_assert_eq(info.type, BP_TYPE_U8);
    bp_dataset_free(dataset);
}

Test(idx, labels_may_be_packed_where_images_are_not_and_the_reverse)
{
    write_images();
    write_labels("plain");
    size_t size;
    unsigned char *bytes = scratch_read("plain", &size);
    append_gzip(LABELS ".gz", bytes, size);
    free(bytes);
    bp_dataset_free(must_read(IMAGES, with(NULL)));

    bytes = scratch_read(IMAGES, &size);
    append_gzip("t10k-images-idx3-ubyte.gz", bytes, size);
    free(bytes);
    write_labels("t10k-labels-idx1-ubyte");
    bp_dataset *dataset = must_read("t10k-images-idx3-ubyte.gz", with(NULL));
    cr_assert_str_eq(field(dataset, 2, 0), "255");
    bp_dataset_free(dataset);
}

/* Other names are no reason to look elsewhere, or to look at all. */
Test(idx, labels_are_looked_for_by_these_names_alone)
{
    static const struct {
        const char *images, *labels;
        bool found;
    } cases[] = {
        {"./images.idx", "labels.idx", true},
        {"images-ubyte", "labels-ubyte", true},
        {"images-idx0.idx", "labels-idx0.idx", true},
        {"images-idx9-ubyte", "labels-idx1-ubyte", true},
        {"imagesidx:.idx", "labelsidx:.idx", true},
        {"./a-images.idx", "b-labels.idx", false},
        {"pictures-idx3-ubyte", "labels-idx1-ubyte", false},
    };
    bp_dataset *dataset;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_idx(cases[i].images, 0x08, 3, (uint32_t[]){3, 2, 2}, pixels, sizeof pixels);
        write_labels(cases[i].labels);
        cr_assert_eq(bp_dataset_read(cases[i].images, with(NULL), 0, NULL, &dataset, NULL), cases[i].found ? BP_OK : BP_INVALID,
                     "%s", cases[i].images);
        if (cases[i].found)
            bp_dataset_free(dataset);
        remove(cases[i].labels);
    }
}

Test(idx, labels_that_are_there_and_damaged_are_refused)
{
    bp_dataset *dataset;

    write_images();
    write_idx(LABELS, 0x08, 1, (uint32_t[]){4}, digits, sizeof digits);
    cr_assert_eq(bp_dataset_read(IMAGES, with(NULL), 1, NULL, &dataset, NULL), BP_BAD_FILE); /* though targets are optional */
}

Test(idx, a_name_too_long_to_write_the_labels_into_has_none)
{
    char name[BP_TEXT_MAX]; /* as long as the system takes one */
    size_t most = sizeof name - 1 - strlen(IMAGES);
    bp_dataset *dataset;

    write_images();
    for (size_t i = 0; i < most; i++)
        name[i] = i % 2 || i == most - 1 ? '/' : '.';
    strcpy(name + most, IMAGES);
    write_labels(LABELS);
    cr_assert_eq(bp_dataset_read(name, with(NULL), 0, NULL, &dataset, NULL), BP_INVALID);
    cr_assert_eq(bp_dataset_read(name, with(NULL), 1, NULL, &dataset, NULL), BP_OK);
    bp_dataset_free(dataset);
}

Test(idx, targets_may_come_from_a_file_that_is_named)
{
    bp_dataset *dataset;

    write_images();
    must_refuse(IMAGES, with(NULL), BP_INVALID, "--target-file");
    cr_assert_eq(bp_dataset_read(IMAGES, with(NULL), 1, NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_dataset_columns(dataset), 4);
    bp_dataset_free(dataset);
    write_labels("answers.idx");
    dataset = must_read(IMAGES, with("target-file", "answers.idx", NULL));
    cr_assert_eq(bp_dataset_columns(dataset), 5);
    bp_dataset_free(dataset);
}

Test(idx, every_type_is_read_in_its_byte_order)
{
    static const struct {
        unsigned char type;
        unsigned char bytes[16];
        size_t size;
        const char *text[2];
    } cases[] = {
        {0x08, {200, 3}, 2, {"200", "3"}},
        {0x09, {0xFE, 127}, 2, {"-2", "127"}},
        {0x0B, {0xFF, 0x00, 0x01, 0x02}, 4, {"-256", "258"}},
        {0x0C, {0x80, 0, 0, 0, 0, 1, 0, 2}, 8, {"-2147483648", "65538"}},
        {0x0D, {0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0}, 8, {"1", "-2.5"}},
        {0x0E, {0x3F, 0xB9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9A, 0xBF, 0xF0, 0, 0, 0, 0, 0, 0}, 16, {"0.1", "-1"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bp_dataset *dataset;
        bp_error error = {0};
        write_idx("a.idx", cases[i].type, 1, (uint32_t[]){2}, cases[i].bytes, cases[i].size);
        cr_assert_eq(bp_dataset_read("a.idx", with(NULL), 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
        cr_assert_str_eq(field(dataset, 0, 0), cases[i].text[0]);
        cr_assert_str_eq(field(dataset, 1, 0), cases[i].text[1]);
        bp_dataset_free(dataset);
    }
}

Test(idx, a_wrong_magic_is_refused)
{
    static const unsigned char magics[][4] = {{1, 0, 8, 1}, {0, 1, 8, 1}, {0, 0, 7, 1}, {0, 0, 0x0A, 1}, {0, 0, 8, 0}};

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        scratch_write(IMAGES, magics[i], 4);
        cr_assert_eq(refuse("wrong magic").offset, 0);
    }
}

Test(idx, sizes_that_do_not_agree_are_refused_at_their_offset)
{
    write_labels(LABELS);
    write_idx(IMAGES, 0x08, 3, (uint32_t[]){3, 2, 2}, pixels, 11);
    cr_expect_eq(refuse("truncated: the header tells of 12 bytes").offset, 16 + 11);
    write_idx(IMAGES, 0x08, 3, (uint32_t[]){2, 2, 2}, pixels, 9);
    cr_expect_eq(refuse("too long").offset, 16 + 8);
    write_idx(IMAGES, 0x08, 3, (uint32_t[]){3, 0, 2}, pixels, 0);
    cr_expect_eq(refuse("dimension 2 is 0").offset, 8);
    scratch_write(IMAGES, "\0\0\x08\x03\0\0\0\x03\0\0", 10);
    cr_expect_eq(refuse("truncated: the IDX header").offset, 10);
    scratch_write(IMAGES, "", 0);
    cr_expect_eq(refuse("truncated").offset, 0);
    write_idx(IMAGES, 0x08, 2, (uint32_t[]){2, 3}, pixels, 6);
    refuse("2 rows, but 3 rows of targets");
}

static void *allocate_a_little(void *context, size_t size, size_t alignment)
{
    size_t rounded = (size + alignment - 1) / alignment * alignment;

    (void)context;
    return size > 2 << 20 ? NULL : aligned_alloc(alignment, rounded);
}

static void release_it(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

/* Were the header believed, more than two megabytes would be asked for, and be refused as BP_NO_MEMORY. */
Test(idx, huge_counts_are_refused_before_memory_is_asked_for)
{
    static const uint32_t sizes[][3] = {{0x7FFFFFFF, 1, 1},          {0x80000000, 1, 1},
                                        {0xFFFFFFFF, 4096, 4096},    {0xFFFFFFFF, 0xFFFFFFFF, 1},
                                        {0x80000000, 2, 0x80000000}, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}};
    static const unsigned char types[] = {0x08, 0x0B, 0x0E};
    bp_allocator allocator = {.allocate = allocate_a_little, .release = release_it};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t t = 0; t < sizeof types; t++) {
            bp_dataset *dataset = NULL;
            bp_error error = {0};
            write_idx(IMAGES, types[t], 3, sizes[i], pixels, sizeof pixels);
            cr_assert_eq(bp_dataset_read(IMAGES, with(NULL), 1, &allocator, &dataset, &error), BP_BAD_FILE, "%s", error.text);
            cr_assert_gt(error.offset, 0);
        }
}

Test(idx, more_columns_than_a_network_has_inputs_are_refused)
{
    write_idx(IMAGES, 0x08, 3, (uint32_t[]){1, 4096, 4097}, pixels, sizeof pixels);
    cr_assert_eq(refuse("more than 16777216 columns").offset, 12);
}

Test(idx, an_infinite_number_is_refused)
{
    bp_dataset *dataset;
    bp_error error = {0};

    write_idx("a.idx", 0x0D, 1, (uint32_t[]){2}, "\x3F\x80\0\0\x7F\x80\0\0", 8);
    cr_assert_eq(bp_dataset_read("a.idx", with(NULL), 1, NULL, &dataset, &error), BP_BAD_FILE);
    cr_assert_eq(error.offset, 12);
    cr_assert(strstr(error.text, "row 2, column 1: an infinite number"), "%s", error.text);
}
