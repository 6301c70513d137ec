/* The bytes of files, whatever they are wrapped in.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faulty_files.h"
#include "helper_data.h"
#include "memory.h"
#include "numbers.h"
#include "scratch.h"
#include "stream.h"

#define SIZE ((size_t)300000)

TestSuite(stream, .init = scratch_begin, .fini = scratch_end);

static unsigned char *make_bytes(void)
{
    unsigned char *bytes = malloc(SIZE);

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(int)(100 * scattered(1, i / 3));
    return bytes;
}

/* Reads it all, `step` bytes at a time, and compares. */
static void expect_bytes(const char *name, const unsigned char *want, size_t size, size_t step)
{
    bp_stream *stream;
    bp_error error = {0};
    unsigned char *got = malloc(size + step);
    size_t used = 0, part;

    cr_assert_eq(bp_stream_open(name, NULL, &stream, &error), BP_OK, "%s", error.text);
    do {
        cr_assert_eq(bp_stream_read(stream, got + used, step, &part, &error), BP_OK, "%s", error.text);
        used += part;
    } while (part == step && used <= size);
    bp_stream_close(stream);
    cr_assert_eq(used, size);
    cr_assert_arr_eq(got, want, size);
    free(got);
}

static bp_error refused(const char *name, bp_status status, const char *part)
{
    static unsigned char sink[2 * SIZE];
    bp_stream *stream;
    bp_error error = {0};
    size_t got;

    bp_status answer = bp_stream_open(name, NULL, &stream, &error);
    if (answer == BP_OK) {
        answer = bp_stream_read(stream, sink, sizeof sink, &got, &error);
        bp_stream_close(stream);
    }
    cr_assert_eq(answer, status, "%s: %s", bp_status_text(answer), error.text);
    cr_assert(strstr(error.text, part), "\"%s\" does not say \"%s\"", error.text, part);
    return error;
}

Test(stream, packed_and_plain_are_the_same)
{
    unsigned char *bytes = make_bytes();

    scratch_write("a", bytes, SIZE);
    append_gzip("a.gz", bytes, SIZE);
    append_gzip("members.gz", bytes, 1000);
    append_gzip("members.gz", bytes, 0);
    append_gzip("members.gz", bytes + 1000, SIZE - 1000);
    for (size_t step = 777; step < 2 * SIZE; step *= 7) {
        expect_bytes("a", bytes, SIZE, step);
        expect_bytes("a.gz", bytes, SIZE, step);
        expect_bytes("members.gz", bytes, SIZE, step);
    }
    memset(bytes, 'a', SIZE); /* 300 bytes, of which all has been taken long before all has come out */
    append_gzip("b.gz", bytes, SIZE);
    for (size_t step = 777; step < 2 * SIZE; step *= 7)
        expect_bytes("b.gz", bytes, SIZE, step);
    free(bytes);
}

Test(stream, interrupted_and_short_reads_lose_nothing)
{
    unsigned char *bytes = make_bytes();
    faulty_files faults = {.interrupting = true, .at_most = 1009};

    append_gzip("a.gz", bytes, SIZE);
    scratch_write("a", bytes, SIZE);
    faulty_files_begin(&faults);
    expect_bytes("a", bytes, SIZE, SIZE);
    expect_bytes("a.gz", bytes, SIZE, SIZE);
    faulty_files_end();
    free(bytes);
}

Test(stream, every_truncation_of_a_packed_file_is_refused)
{
    unsigned char *bytes = make_bytes();
    size_t size;

    append_gzip("a.gz", bytes, 500);
    unsigned char *packed = scratch_read("a.gz", &size);
    for (size_t cut = 0; cut < size; cut++) {
        scratch_write("cut.gz", packed, cut);
        bp_error error = refused("cut.gz", BP_BAD_FILE, "truncated");
        cr_assert_eq(error.offset, cut);
    }
    free(packed);
    free(bytes);
}

Test(stream, every_changed_byte_of_packed_data_is_noticed)
{
    unsigned char *bytes = make_bytes();
    size_t size;

    append_gzip("a.gz", bytes, 500);
    unsigned char *packed = scratch_read("a.gz", &size);
    for (size_t at = 10; at < size; at++) { /* the header before it has a time and flags that mean nothing here */
        packed[at] ^= 0x10;
        scratch_write("bad.gz", packed, size);
        refused("bad.gz", BP_BAD_FILE, "bad.gz");
        packed[at] ^= 0x10;
    }
    free(packed);
    free(bytes);
}

Test(stream, what_follows_packed_data_is_refused)
{
    size_t size;

    append_gzip("a.gz", "text", 4);
    unsigned char *packed = scratch_read("a.gz", &size);
    packed = realloc(packed, size + 4);
    memcpy(packed + size, "junk", 4);
    scratch_write("bad.gz", packed, size + 4);
    free(packed);
    cr_assert_geq(refused("bad.gz", BP_BAD_FILE, "corrupt").offset, size);
}

Test(stream, what_is_no_file_is_refused)
{
    cr_assert_eq(mkdir("dir.csv", 0777), 0);
    refused("dir.csv", BP_BAD_FILE, "directory");
    cr_assert_eq(refused("none.csv", BP_IO, "none.csv").system, ENOENT);
    write_text("plain.gz", "this is not packed");
    refused("plain.gz", BP_BAD_FILE, "corrupt");
    write_text("empty.gz", "");
    refused("empty.gz", BP_BAD_FILE, "truncated");
    rmdir("dir.csv");
}

Test(stream, a_failing_read_is_told)
{
    faulty_files faults = {.fail_at = 3, .number = EIO};

    write_text("a.csv", "some text");
    faulty_files_begin(&faults);
    cr_assert_eq(refused("a.csv", BP_IO, "a.csv").system, EIO);
    faulty_files_end();
}

Test(stream, a_growing_block_stops_at_its_limit)
{
    unsigned char *bytes = make_bytes();
    bp_allocator allocator = bp_allocator_or_default(NULL);

    append_gzip("a.gz", bytes, SIZE);
    for (size_t limit = 1; limit < 2 * SIZE; limit = limit * 5 + 1) {
        bp_stream *stream;
        void *block;
        size_t size, capacity;
        cr_assert_eq(bp_stream_open("a.gz", NULL, &stream, NULL), BP_OK);
        cr_assert_eq(bp_stream_read_up_to(stream, limit, &block, &size, &capacity, NULL), BP_OK);
        cr_assert_eq(size, limit < SIZE ? limit : SIZE);
        cr_assert_arr_eq((unsigned char *)block, bytes, size);
        cr_assert_leq(capacity, limit);
        bp_release(&allocator, block, capacity);
        bp_stream_close(stream);
    }
    free(bytes);
}

/* A plain file is never moved; a packed one promises no more than a few times its own size. */
Test(stream, a_block_begins_with_what_the_file_promises)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    const size_t large = 3000001, packed_begin = (size_t)1 << 20;
    unsigned char *zeros = calloc(large, 1);
    const char *const names[] = {"a", "a.gz"};

    scratch_write("a", zeros, large);
    append_gzip("a.gz", zeros, large);
    for (size_t i = 0; i < 2; i++) {
        bp_stream *stream;
        void *block;
        size_t size, capacity;
        cr_assert_eq(bp_stream_open(names[i], NULL, &stream, NULL), BP_OK);
        cr_assert_eq(bp_stream_read_up_to(stream, SIZE_MAX / 4, &block, &size, &capacity, NULL), BP_OK);
        cr_assert_eq(size, large);
        cr_assert_eq(capacity, i == 0 ? large + 1 : 4 * packed_begin, "%s: %zu bytes", names[i], capacity);
        bp_release(&allocator, block, capacity);
        bp_stream_close(stream);
        cr_assert_eq(bp_stream_open(names[i], NULL, &stream, NULL), BP_OK); /* a limit that is no doubling of the first block */
        cr_assert_eq(bp_stream_read_up_to(stream, 3 * packed_begin / 2, &block, &size, &capacity, NULL), BP_OK);
        cr_assert_eq(size, 3 * packed_begin / 2);
        cr_assert_eq(capacity, size);
        bp_release(&allocator, block, capacity);
        bp_stream_close(stream);
    }
    free(zeros);
}

/* Whatever comes out of what is left, and however little is asked for at once. */
Test(stream, every_truncation_is_refused_in_small_steps_too)
{
    unsigned char *bytes = calloc(SIZE, 1), step[258];
    bp_status status;
    size_t size, got;

    append_gzip("a.gz", bytes, SIZE);
    unsigned char *packed = scratch_read("a.gz", &size);
    for (size_t cut = 0; cut < size; cut++) {
        bp_stream *stream;
        scratch_write("cut.gz", packed, cut);
        cr_assert_eq(bp_stream_open("cut.gz", NULL, &stream, NULL), BP_OK);
        do
            status = bp_stream_read(stream, step, sizeof step - cut % 7, &got, NULL);
        while (status == BP_OK && got);
        cr_assert_eq(status, BP_BAD_FILE, "%zu of %zu bytes", cut, size);
        bp_stream_close(stream);
    }
    free(packed);
    free(bytes);
}
