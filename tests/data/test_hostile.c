/* No file harms: damage of any kind is read or refused, and nothing leaks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "helper_data.h"
#include "numbers.h"
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

/* Refuses the first allocation, then the second, ... until all go well. */
static void refuse_each(const char *name, const bp_settings *settings)
{
    for (size_t i = 0;; i++) {
        refusing counter = refuse_at(i);
        bp_allocator allocator = refusing_allocator(&counter);
        bp_status status = use(name, settings, &allocator);
        cr_assert_eq(counter.alive, 0, "%zu blocks leak when allocation %zu is refused", counter.alive, i);
        if (counter.asked <= i) {
            cr_assert_eq(status, BP_OK);
            return;
        }
        cr_assert_eq(status, BP_NO_MEMORY, "allocation %zu: %s", i, bp_status_text(status));
    }
}

Test(hostile, a_refused_allocation_leaks_nothing)
{
    write_text("a.csv", TABLE);
    refuse_each("a.csv", with("target", "y", "weight-column", "w", NULL));
    append_gzip("a.csv.gz", TABLE, strlen(TABLE));
    refuse_each("a.csv.gz", with("target", "n", NULL));
    write_idx_pair();
    refuse_each("images.idx", with(NULL));
}
