/* gzip around anything, here around CSV.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "budget.h"
#include "csv.h"
#include "fuzz.h"
#include "memory.h"
#include "memory_files.h"
#include "stream.h"

enum { HEAD = 10, TAIL = 8 };

static void put_u32(unsigned char *at, uLong value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

/* The plain head, and the sums behind the deflated data, as far as those go. */
static size_t repair(unsigned char *bytes, size_t size, size_t room)
{
    static unsigned char plain[1 << 20];
    z_stream z = {.next_in = bytes + HEAD, .next_out = plain, .avail_out = sizeof plain};

    if (size < HEAD)
        return size;
    memcpy(bytes, "\x1f\x8b\x08\0\0\0\0\0\0\xff", HEAD);
    z.avail_in = (uInt)(size - HEAD);
    if (inflateInit2(&z, -15) != Z_OK)
        return size;
    int code = inflate(&z, Z_FINISH);
    size_t made = sizeof plain - z.avail_out, end = size - z.avail_in;
    inflateEnd(&z);
    if (code != Z_STREAM_END || end + TAIL > room)
        return size;
    put_u32(bytes + end, crc32(0, plain, (uInt)made));
    put_u32(bytes + end + 4, (uLong)made);
    return end + TAIL > size ? end + TAIL : size;
}

static size_t seed(unsigned char *bytes, size_t room)
{
    static char text[] = "a,b\n1,2\n3,4\n1,2\n3,4\n";
    z_stream z = {.next_in = (unsigned char *)text, .avail_in = sizeof text - 1, .next_out = bytes, .avail_out = (uInt)room};

    if (deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        fuzz_die("zlib does not pack");
    deflateEnd(&z);
    return room - z.avail_out;
}

/* All that comes out, piece by piece: as much, and the same bytes, as at once. */
static void compare_pieces(const unsigned char *all, size_t size)
{
    unsigned char piece[97];
    bp_stream *stream;
    bp_error error;
    size_t at = 0, got;

    fuzz_must(bp_stream_open("in.csv.gz", budget_allocator(), &stream, &error), &error, "opened again");
    do {
        fuzz_must(bp_stream_read(stream, piece, sizeof piece, &got, &error), &error, "read again");
        if (got > size - at || memcmp(all + at, piece, got) != 0)
            fuzz_die("piece by piece other bytes come than at once");
        at += got;
    } while (got == sizeof piece);
    if (at != size)
        fuzz_die("piece by piece %zu bytes come, at once %zu", at, size);
    bp_stream_close(stream);
}

/* A CSV file is read the same, packed or plain, but for its name in messages. */
static void compare_plain(const unsigned char *all, size_t size)
{
    bp_settings settings = *fuzz_settings(NULL, NULL);
    bp_dataset *packed, *plain;

    budget_lift();
    memory_files_put("in.csv", all, size);
    packed = fuzz_read("in.csv.gz", &settings);
    plain = fuzz_read("in.csv", &settings);
    if (!packed != !plain)
        fuzz_die("one of in.csv.gz and in.csv is refused");
    fuzz_must_agree(packed, &(bp_error){0}, plain, &(bp_error){0}, "gzip");
}

static bool run(const unsigned char *bytes, size_t size)
{
    bp_stream *stream;
    void *all;
    size_t length, capacity;
    bp_error error = {0};

    memory_files_put("in.csv.gz", bytes, size);
    fuzz_must(bp_stream_open("in.csv.gz", budget_allocator(), &stream, &error), &error, "opening");
    bp_status status = bp_stream_read_up_to(stream, SIZE_MAX / 4, &all, &length, &capacity, &error);
    bp_stream_close(stream);
    if (!fuzz_went_well(status, &error))
        return false;
    compare_pieces(all, length);
    compare_plain(all, length);
    bp_release(budget_allocator(), all, capacity);
    return true;
}

/* A byte of deflate says 1032 at most; a block that grows is there twice, while it doubles. */
const fuzz_target fuzz_gzip = {
    .name = "gzip", .factor = 4 * 1032, .constant = (size_t)4 << 20, .seed = seed, .repair = repair, .run = run};
