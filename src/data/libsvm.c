/* SPDX-License-Identifier: Apache-2.0 */
#include "libsvm.h"

#include <math.h>
#include <string.h>

#include "entries.h"
#include "error.h"
#include "memory.h"
#include "size.h"
#include "stream.h"
#include "text.h"

/* An array that grows. */
typedef struct growing {
    void *items;
    size_t capacity; /* bytes */
    size_t count;
} growing;

typedef struct reading {
    const char *path;
    const char *at; /* the text from here on, */
    const char *end;
    uint64_t line;
    uint64_t most; /* highest index that is allowed */
    uint64_t columns;
    bool whole; /* all labels so far are whole numbers that i32 holds */
    bp_allocator allocator;
    growing labels, lines, first, column, value;
    bp_error *error;
} reading;

/* ---------------------------------------------------------------------------------------------------------------- text */

static bp_status append(reading *r, growing *to, const void *item, size_t size)
{
    BP_TRY(bp_grow(&r->allocator, &to->items, &to->capacity, (to->count + 1) * size, r->error));
    memcpy((char *)to->items + to->count++ * size, item, size);
    return BP_OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line: false at its end, or where a comment begins. */
static bool take_word(reading *r, const char **word, size_t *length)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
    *word = r->at;
    if (r->at == r->end || *r->at == '\n' || *r->at == '#')
        return false;
    while (r->at < r->end && !is_space(*r->at) && *r->at != '\n' && *r->at != '#')
        r->at++;
    *length = (size_t)(r->at - *word);
    return true;
}

static void end_line(reading *r)
{
    const char *end = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;

    r->at = end ? end + 1 : r->end;
    r->line++;
}

static int shown(size_t length)
{
    return (int)bp_size_min(length, 60);
}

/* ------------------------------------------------------------------------------------------------------------- a row */

static bp_status take_label(reading *r, const char *word, size_t length)
{
    double label;

    if (memchr(word, ',', length))
        return bp_fail_line(r->error, r->path, r->line, "several labels (\"%.*s\"): one is read", shown(length), word);
    if (!bp_text_parse_f64(word, length, &label))
        return bp_fail_line(r->error, r->path, r->line, "\"%.*s\" is no label: a line is LABEL INDEX:VALUE ...", shown(length),
                            word);
    r->whole = r->whole && label == floor(label) && fabs(label) <= INT32_MAX;
    return append(r, &r->labels, &label, sizeof label);
}

static bp_status take_index(reading *r, const char *word, size_t length, uint64_t before, uint64_t *index)
{
    if (length == 3 && memcmp(word, "qid", 3) == 0)
        return bp_fail_line(r->error, r->path, r->line, "ranking groups (qid) are not read; take them out");
    if (!bp_text_parse_u64(word, length, index))
        return bp_fail_line(r->error, r->path, r->line, "\"%.*s\" is no index", shown(length), word);
    if (!*index)
        return bp_fail_line(r->error, r->path, r->line, "index 0: they count from 1");
    if (*index <= before)
        return bp_fail_line(r->error, r->path, r->line, "index %llu behind %llu: they ascend, each once",
                            (unsigned long long)*index, (unsigned long long)before);
    if (*index > r->most)
        return bp_fail_line(r->error, r->path, r->line, "index %llu, more than %llu: --max-index raises the limit",
                            (unsigned long long)*index, (unsigned long long)r->most);
    return BP_OK;
}

static bp_status take_entry(reading *r, const char *word, size_t length, uint64_t *index)
{
    const char *colon = memchr(word, ':', length);
    uint64_t before = *index;
    double value;

    if (!colon)
        return bp_fail_line(r->error, r->path, r->line, "\"%.*s\" is no INDEX:VALUE", shown(length), word);
    BP_TRY(take_index(r, word, (size_t)(colon - word), before, index));
    size_t rest = length - (size_t)(colon + 1 - word);
    if (!bp_text_parse_f64(colon + 1, rest, &value))
        return bp_fail_line(r->error, r->path, r->line, "\"%.*s\" is no finite number", shown(rest), colon + 1);
    uint32_t place = (uint32_t)(*index - 1);
    BP_TRY(append(r, &r->column, &place, sizeof place));
    r->columns = *index > r->columns ? *index : r->columns;
    return append(r, &r->value, &value, sizeof value);
}

static bp_status take_row(reading *r, const char *word, size_t length)
{
    uint64_t index = 0, count;

    BP_TRY(take_label(r, word, length));
    BP_TRY(append(r, &r->lines, &r->line, sizeof r->line));
    while (take_word(r, &word, &length))
        BP_TRY(take_entry(r, word, length, &index));
    count = r->column.count;
    return append(r, &r->first, &count, sizeof count);
}

static bp_status take_rows(reading *r)
{
    const char *word;
    size_t length;
    uint64_t none = 0;

    BP_TRY(append(r, &r->first, &none, sizeof none));
    for (r->line = 1; r->at < r->end; end_line(r))
        if (take_word(r, &word, &length))
            BP_TRY(take_row(r, word, length));
    if (!r->labels.count || !r->columns)
        return bp_fail(r->error, BP_BAD_FILE, "%s: %s", r->path, r->labels.count ? "all inputs are 0" : "the file holds no rows");
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------- the data set */

/* The data set owns what was read, also where this fails. Rows and columns are there, so no array is empty. */
static bp_status adopt(bp_dataset *dataset, growing *from, bp_error *error)
{
    void *items = from->items;
    size_t capacity = from->capacity;

    *from = (growing){NULL, 0, 0};
    return bp_pool_adopt(&dataset->pool, items, capacity, error);
}

/* In place: i32 are half as long. */
static void narrow_labels(void *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double label;
        memcpy(&label, (char *)labels + i * sizeof label, sizeof label);
        int32_t whole = (int32_t)label;
        memcpy((char *)labels + i * sizeof whole, &whole, sizeof whole);
    }
}

static bp_status set_columns(bp_dataset *dataset, const reading *r, const bp_entries *entries, bp_error *error)
{
    size_t inputs = (size_t)r->columns;
    bp_column input = {.type = BP_TYPE_F64, .entries = entries};
    bp_array label = {r->labels.items, r->whole ? BP_TYPE_I32 : BP_TYPE_F64, 0, dataset->rows, 1, 0};

    BP_TRY(bp_dataset_make_columns(dataset, inputs + 1, error));
    for (size_t i = 0; i < inputs; i++) {
        dataset->columns[i] = input;
        dataset->columns[i].place = (uint32_t)i;
    }
    input.place = UINT32_MAX;
    input.name = bp_pool_text(&dataset->pool, "", 0, error);
    bp_column *absent = bp_pool_take(&dataset->pool, sizeof *absent, error);
    dataset->columns[inputs].name = bp_pool_text(&dataset->pool, "label", strlen("label"), error);
    if (!input.name || !absent || !dataset->columns[inputs].name)
        return BP_NO_MEMORY;
    *absent = input;
    dataset->absent = absent;
    bp_dataset_set_matrix(dataset, inputs, &label, BP_ROLE_TARGET);
    return bp_dataset_number_columns(dataset, 0, inputs, "x", error);
}

static bp_status fill(bp_dataset *dataset, reading *r, bp_error *error)
{
    bp_entries *entries = bp_pool_take(&dataset->pool, sizeof *entries, error);

    if (!entries)
        return BP_NO_MEMORY;
    *entries = (bp_entries){r->first.items, r->column.items, r->value.items};
    dataset->entries = entries;
    dataset->rows = r->labels.count;
    dataset->lines = r->lines.items;
    dataset->integer_classes = r->whole;
    if (r->whole)
        narrow_labels(r->labels.items, r->labels.count);
    BP_TRY(set_columns(dataset, r, entries, error));
    growing *all[] = {&r->labels, &r->lines, &r->first, &r->column, &r->value};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        BP_TRY(adopt(dataset, all[i], error));
    return BP_OK;
}

static void release(reading *r)
{
    growing *all[] = {&r->labels, &r->lines, &r->first, &r->column, &r->value};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        bp_release(&r->allocator, all[i]->items, all[i]->capacity);
}

static bp_status read_text(bp_dataset *dataset, const bp_settings *settings, const void *text, size_t size, bp_error *error)
{
    reading r = {
        .path = dataset->path,
        .at = text,
        .end = (const char *)text + size,
        .most = settings->max_index,
        .whole = true,
        .allocator = dataset->pool.allocator,
        .error = error,
    };
    bp_status status = take_rows(&r);

    if (status == BP_OK)
        status = fill(dataset, &r, error);
    release(&r);
    return status;
}

static bp_status read_file(bp_dataset *dataset, const bp_settings *settings, bp_error *error)
{
    const bp_allocator *allocator = &dataset->pool.allocator;
    bp_stream *stream;
    void *text;
    size_t size, capacity;

    BP_TRY(bp_stream_open(dataset->path, allocator, &stream, error));
    bp_status status = bp_stream_read_up_to(stream, SIZE_MAX / 4, &text, &size, &capacity, error);
    bp_stream_close(stream);
    BP_TRY(status);
    status = read_text(dataset, settings, text, size, error);
    bp_release(allocator, text, capacity);
    return status;
}

bp_status bp_libsvm_read(bp_dataset *dataset, const bp_settings *settings, bp_error *error)
{
    if (settings->target_file[0])
        return bp_fail(error, BP_INVALID, "%s: a LIBSVM file holds its labels itself; --target-file is for IDX and NPY",
                       dataset->path);
    return read_file(dataset, settings, error);
}
