/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_survey.h"

#include <stdatomic.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "size.h"
#include "team.h"
#include "text.h"

#define NOWHERE UINT64_MAX
#define AHEAD ((size_t)8)   /* bytes behind a chunk that are looked at: a character is 4 at most */
#define BLOCK ((size_t)192) /* bytes counted by vectors: of any width, and no count passes 255 */

/* One chunk; [h]: where it begins outside (0) or inside quotes (1). */
typedef struct chunk_count {
    uint64_t rows[2];  /* that begin behind a line end of this chunk */
    uint64_t first[2]; /* where the first of them begins, NOWHERE */
    uint64_t lines[2]; /* line ends in front of that */
    uint64_t newlines;
    unsigned odd;      /* quotes */
    uint64_t bad;      /* first byte that is no text, NOWHERE */
    uint64_t bad_line; /* line ends in front of that */
    unsigned char bad_byte;
} chunk_count;

typedef struct survey_work {
    const bp_csv_source *source;
    size_t chunk;
    size_t chunk_count;
    chunk_count *chunks; /* [chunk_count] */
    char *buffers;       /* [threads, buffer_bytes] */
    size_t buffer_bytes;
    uint64_t start;     /* of the text, behind a byte order mark */
    atomic_size_t next; /* chunk to take */
    atomic_int status;
    bp_error *errors; /* [threads] */
} survey_work;

/* ---------------------------------------------------------------------------------------------------------- counting */

/* Whether a row begins at `text`: a blank line is none. */
static bool begins_row(const char *text)
{
    return text[0] != '\n' && !(text[0] == '\r' && text[1] == '\n');
}

typedef struct block_count {
    unsigned char newlines;
    unsigned char rows;
    unsigned char quotes;
} block_count;

/* Loops that gcc and clang make vectors of: no branch, one byte of count. */
static block_count count_block(const char *text)
{
    unsigned char newlines = 0, blank = 0, quotes = 0;

    for (size_t i = 0; i < BLOCK; i++)
        newlines = (unsigned char)(newlines + (text[i] == '\n'));
    for (size_t i = 0; i < BLOCK; i++)
        blank = (unsigned char)(blank +
                                ((text[i] == '\n') & ((text[i + 1] == '\n') | ((text[i + 1] == '\r') & (text[i + 2] == '\n')))));
    for (size_t i = 0; i < BLOCK; i++)
        quotes = (unsigned char)(quotes + (text[i] == '"'));
    return (block_count){newlines, (unsigned char)(newlines - blank), quotes};
}

static void walk_bytes(chunk_count *c, uint64_t offset, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        c->odd ^= text[i] == '"';
        if (text[i] != '\n')
            continue;
        c->newlines++;
        if (!begins_row(text + i + 1))
            continue;
        if (c->first[c->odd] == NOWHERE) {
            c->first[c->odd] = offset + i + 1;
            c->lines[c->odd] = c->newlines;
        }
        c->rows[c->odd]++;
    }
}

/* c->odd is the state while counting, so that first[0] is of rows outside quotes if the chunk begins outside. */
static void count_chunk(chunk_count *c, uint64_t offset, const char *text, size_t size)
{
    size_t at = 0;

    for (; at + BLOCK <= size; at += BLOCK) {
        block_count b = count_block(text + at);
        if (b.quotes || (b.rows && c->first[c->odd] == NOWHERE)) {
            walk_bytes(c, offset + at, text + at, BLOCK);
            continue;
        }
        c->newlines += b.newlines;
        c->rows[c->odd] += b.rows;
    }
    walk_bytes(c, offset + at, text + at, size - at);
}

/* ---------------------------------------------------------------------------------------------------------- encoding */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* ASCII without NUL. */
static bool is_simple(const char *text, size_t size)
{
    unsigned char high = 0;
    size_t at = 0;

    for (; at + BLOCK <= size; at += BLOCK) {
        unsigned char zeros = 0;
        for (size_t i = 0; i < BLOCK; i++) {
            high |= (unsigned char)text[at + i];
            zeros |= text[at + i] == 0;
        }
        if (zeros)
            return false;
    }
    for (; at < size; at++) {
        high |= (unsigned char)text[at];
        if (text[at] == 0)
            return false;
    }
    return high < 0x80;
}

/* A chunk answers for the characters that begin in it; so a byte that continues none is found by whoever owns the character
 * before it. */
static void check_encoding(chunk_count *c, uint64_t offset, const char *text, size_t size, size_t ahead)
{
    size_t begin = 0, end = size;

    c->bad = NOWHERE;
    if (is_simple(text, size) && !(ahead && is_continuation(text[size])))
        return;
    while (offset > 0 && begin < size && begin < 4 && is_continuation(text[begin]))
        begin++;
    if (begin == size) /* none begins here */
        return;
    while (end < size + bp_size_min(ahead, 4) && is_continuation(text[end]))
        end++;
    size_t good = begin + bp_text_utf8_prefix(text + begin, end - begin);
    if (good == end)
        return;
    c->bad = offset + good;
    c->bad_byte = (unsigned char)text[good];
    for (size_t i = 0; i < bp_size_min(good, size); i++)
        c->bad_line += text[i] == '\n';
}

/* ------------------------------------------------------------------------------------------------------------ chunks */

static bp_status take_chunk(survey_work *work, size_t index, char *text, bp_error *error)
{
    uint64_t offset = (uint64_t)index * work->chunk, left = work->source->size - offset;
    size_t size = left < work->chunk ? (size_t)left : work->chunk;
    size_t ahead = left - size < AHEAD ? (size_t)(left - size) : AHEAD;
    chunk_count *c = &work->chunks[index];

    BP_TRY(bp_csv_source_read(work->source, offset, text, size + ahead, error));
    memset(text + size + ahead, '\n', 2 * AHEAD - ahead); /* behind the text no row begins */
    *c = (chunk_count){.first = {NOWHERE, NOWHERE}};
    check_encoding(c, offset, text, size, ahead);
    count_chunk(c, offset, text, size);
    return BP_OK;
}

static void take_chunks(void *context, bp_member member)
{
    survey_work *work = context;
    char *buffer = work->buffers + member.index * work->buffer_bytes;
    size_t index;

    while ((index = atomic_fetch_add(&work->next, 1)) < work->chunk_count && atomic_load(&work->status) == BP_OK)
        if (take_chunk(work, index, buffer, &work->errors[member.index]) != BP_OK)
            atomic_store(&work->status, work->errors[member.index].status);
}

static bp_status fail_encoding(const survey_work *work, const chunk_count *c, uint64_t line, bp_error *error)
{
    if (c->bad_byte == 0)
        return bp_fail_line(error, work->source->path, line, "a NUL byte (byte %llu of the text): this is no text file",
                            (unsigned long long)c->bad + 1);
    return bp_fail_line(error, work->source->path, line, "not UTF-8: byte %llu of the text is 0x%02x",
                        (unsigned long long)c->bad + 1, c->bad_byte);
}

/* --------------------------------------------------------------------------------------------------------- segments */

static void begin_segment(bp_csv_survey *survey, uint64_t begin, uint64_t rows, uint64_t line)
{
    if (survey->count)
        survey->segments[survey->count - 1].end = begin;
    survey->segments[survey->count++] = (bp_csv_segment){.begin = begin, .row = survey->rows, .rows = rows, .line = line};
    survey->rows += rows;
}

/* The row at the text's very begin stands behind no line end. */
static bp_status count_first_row(survey_work *work, bp_error *error)
{
    char text[4] = {'\n', '\n', '\n', '\n'};
    uint64_t left = work->source->size - work->start;
    chunk_count *c = &work->chunks[0];

    BP_TRY(bp_csv_source_read(work->source, work->start, text, left < 2 ? (size_t)left : 2, error));
    if (!begins_row(text))
        return BP_OK;
    c->first[0] = work->start;
    c->lines[0] = 0;
    c->rows[0]++;
    return BP_OK;
}

/* Line ends that rows would have if each were a line, the last one's included. */
static bp_status count_lines(const bp_csv_source *source, uint64_t newlines, uint64_t *lines, bp_error *error)
{
    char last;

    BP_TRY(bp_csv_source_read(source, source->size - 1, &last, 1, error));
    *lines = newlines + (last != '\n');
    return BP_OK;
}

static bp_status join_chunks(survey_work *work, bp_csv_survey *survey, bp_error *error)
{
    uint64_t newlines = 0, lines;
    unsigned inside = 0;

    BP_TRY(count_first_row(work, error));
    for (size_t i = 0; i < work->chunk_count; i++) {
        const chunk_count *c = &work->chunks[i];
        if (c->bad != NOWHERE)
            return fail_encoding(work, c, newlines + c->bad_line + 1, error);
        if (c->first[inside] != NOWHERE)
            begin_segment(survey, c->first[inside], c->rows[inside], newlines + c->lines[inside] + 1);
        newlines += c->newlines;
        inside ^= c->odd;
    }
    if (survey->count)
        survey->segments[survey->count - 1].end = work->source->size;
    BP_TRY(count_lines(work->source, newlines, &lines, error));
    survey->plain = lines <= survey->rows;
    for (size_t i = 0; i < survey->count; i++)
        survey->longest = bp_size_max(survey->longest, (size_t)(survey->segments[i].end - survey->segments[i].begin));
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------------ whole */

static bp_status run_survey(survey_work *work, unsigned threads, bp_error *error)
{
    char mark[3] = {0};

    if (work->source->size >= sizeof mark)
        BP_TRY(bp_csv_source_read(work->source, 0, mark, sizeof mark, error));
    work->start = memcmp(mark, "\xEF\xBB\xBF", sizeof mark) == 0 ? sizeof mark : 0;
    bp_team_run(threads, take_chunks, work);
    for (unsigned i = 0; i < threads; i++)
        if (work->errors[i].status != BP_OK) {
            if (error)
                *error = work->errors[i];
            return (bp_status)work->errors[i].status;
        }
    return BP_OK;
}

/* One block of memory: chunks, errors, buffers. */
static void place_work(bp_arena *arena, survey_work *work, unsigned threads)
{
    work->chunks = bp_arena_take(arena, work->chunk_count, sizeof *work->chunks);
    work->errors = bp_arena_take(arena, threads, sizeof *work->errors);
    work->buffers = bp_arena_take(arena, threads, work->buffer_bytes);
}

bp_status bp_csv_survey_make(const bp_csv_source *source, size_t chunk, unsigned threads, bp_csv_survey *result, bp_error *error)
{
    survey_work work = {.source = source, .chunk = chunk, .chunk_count = (size_t)((source->size + chunk - 1) / chunk)};
    bp_csv_survey survey = {.bytes = work.chunk_count * sizeof *survey.segments};
    bp_arena arena = {0};
    size_t bytes;

    if (source->size == 0)
        return bp_fail_line(error, source->path, 1, "the file is empty");
    work.buffer_bytes = bp_size_round_up(chunk + 2 * AHEAD, BP_ALIGNMENT);
    place_work(&arena, &work, threads);
    void *memory = bp_arena_commit_zeroed(&arena, &source->allocator, &bytes);
    survey.segments = bp_allocate(&source->allocator, survey.bytes);
    place_work(&arena, &work, threads);
    bp_status status = BP_OK;
    if (!memory || !survey.segments)
        status = bp_fail(error, BP_NO_MEMORY, "%s: memory to read it was refused", source->path);
    if (status == BP_OK)
        status = run_survey(&work, threads, error);
    if (status == BP_OK)
        status = join_chunks(&work, &survey, error);
    bp_release(&source->allocator, memory, bytes);
    if (status != BP_OK)
        bp_csv_survey_release(&survey, &source->allocator);
    else
        *result = survey;
    return status;
}

void bp_csv_survey_release(bp_csv_survey *survey, const bp_allocator *allocator)
{
    bp_release(allocator, survey->segments, survey->bytes);
    survey->segments = NULL;
}
