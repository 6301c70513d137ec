/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include <stdlib.h>
#include <string.h>

#include "csv_cursor.h"
#include "dataset_read.h"
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "size.h"

#define WORTH_A_TEAM ((uint64_t)8 * BP_CSV_CHUNK) /* smaller files are read in less time than the machine is looked at */

/* The fields of the first row, while it is not known yet whether they are names. */
typedef struct first_row {
    bp_csv_field *fields; /* [count], spans of text */
    size_t count;
    size_t field_bytes;
    char *text;
    size_t text_bytes;
    size_t size; /* of the row, its line end included */
    uint64_t line;
    uint64_t next_line; /* behind it */
} first_row;

static bp_status take_first_row(first_row *row, bp_csv_cursor *cursor, const bp_allocator *allocator, bp_error *error)
{
    for (;; cursor->at++) {
        void *list = row->fields;
        bp_status status = bp_grow(allocator, &list, &row->field_bytes, (row->count + 1) * sizeof *row->fields, error);
        row->fields = list;
        BP_TRY(status);
        BP_TRY(bp_csv_take_field(cursor, &row->fields[row->count++], error));
        if (*cursor->at != cursor->separator)
            return BP_OK;
    }
}

static bp_status read_first_row(first_row *row, const bp_csv_source *source, const bp_csv_dialect *dialect,
                                const bp_csv_segment *segment, bp_error *error)
{
    size_t size = (size_t)(segment->end - segment->begin);

    row->text_bytes = size + BP_CSV_ROOM;
    row->text = bp_allocate(&source->allocator, row->text_bytes);
    if (!row->text)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", source->path, row->text_bytes);
    BP_TRY(bp_csv_source_read(source, segment->begin, row->text, size, error));
    row->text[size] = '\n';
    memset(row->text + size + 1, 0, BP_CSV_ROOM - 1);
    bp_csv_cursor cursor = {
        .path = source->path, .separator = dialect->separator, .at = row->text, .end = row->text + size, .row_line = segment->line};
    row->line = segment->line;
    BP_TRY(take_first_row(row, &cursor, &source->allocator, error));
    bp_csv_end_row(&cursor);
    row->size = bp_size_min((size_t)(cursor.at - row->text), size);
    row->next_line = cursor.row_line;
    return BP_OK;
}

static void release_first_row(first_row *row, const bp_allocator *allocator)
{
    bp_release(allocator, row->fields, row->field_bytes);
    bp_release(allocator, row->text, row->text_bytes);
}

static BP_OUT_OF_LINE bool has_no_number(const first_row *row, const bp_csv_dialect *dialect)
{
    double value;

    for (size_t i = 0; i < row->count; i++) {
        bp_csv_kind kind = bp_csv_classify(dialect, row->fields[i], &value);
        if (kind == BP_CSV_NUMBER || kind == BP_CSV_INFINITE)
            return false;
    }
    return true;
}

/* A first row without any number is a header: it names the columns, be they of numbers or of text. */
static bool looks_like_header(const first_row *row, const bp_csv_dialect *dialect)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bool header = has_no_number(row, dialect);
    bp_float_end(host);
    return header;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bp_status check_unique(bp_dataset *dataset, uint64_t line, bp_error *error)
{
    size_t count = dataset->column_count, bytes = count * sizeof(char *);
    char **names = bp_allocate(&dataset->pool.allocator, bytes);
    bp_status status = BP_OK;

    if (!names)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", bytes);
    for (size_t i = 0; i < count; i++)
        names[i] = dataset->columns[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count && status == BP_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = bp_fail_line(error, dataset->path, line, "two columns are named \"%.200s\"", names[i]);
    bp_release(&dataset->pool.allocator, names, bytes);
    return status;
}

static bp_status take_names(bp_dataset *dataset, const first_row *row, bp_error *error)
{
    for (size_t i = 0; i < row->count; i++) {
        bp_csv_field name = bp_csv_trim(row->fields[i]);
        if (!name.length)
            return bp_fail_line(error, dataset->path, row->line,
                                "the header has no name for column %zu (--header no: there is no header)", i + 1);
        dataset->columns[i].name = bp_pool_text(&dataset->pool, name.text, name.length, error);
        if (!dataset->columns[i].name)
            return BP_NO_MEMORY;
    }
    return check_unique(dataset, row->line, error);
}

static bp_status mark_categorical(bp_dataset *dataset, const bp_settings *settings, bool lenient, bp_error *error)
{
    const char *list = settings->categorical;
    bp_column *column;

    for (;;) {
        BP_TRY(bp_dataset_next_named(dataset, "categorical", lenient, &list, &column, error));
        if (!column)
            return BP_OK;
        column->categorical = true;
    }
}

/* The rows of data are those behind the header. */
static void pass_header(bp_csv_survey *survey, const first_row *row)
{
    bp_csv_segment *first = &survey->segments[0];

    first->begin += row->size;
    first->line = row->next_line;
    first->rows--;
    survey->rows--;
    for (size_t i = 1; i < survey->count; i++)
        survey->segments[i].row--;
}

static bp_status name_columns(bp_dataset *dataset, const bp_csv_dialect *dialect, const first_row *row, bp_csv_survey *survey,
                              const bp_settings *settings, bp_error *error)
{
    bool header = settings->header == BP_HEADER_AUTO ? looks_like_header(row, dialect) : settings->header == BP_HEADER_YES;

    if (header && survey->rows == 1)
        return bp_fail_line(error, dataset->path, row->line, "a header and no row of data");
    BP_TRY(bp_dataset_make_columns(dataset, row->count, error));
    if (!header)
        return bp_dataset_number_columns(dataset, 0, row->count, "column", error);
    BP_TRY(take_names(dataset, row, error));
    pass_header(survey, row);
    return BP_OK;
}

static bp_status take_header(bp_dataset *dataset, bp_csv_file *file, const bp_settings *settings, bool lenient, bp_error *error)
{
    first_row row = {0};

    if (file->survey.rows == 0)
        return bp_fail_line(error, dataset->path, 1, "the file is empty");
    bp_status status = read_first_row(&row, &file->source, &file->dialect, &file->survey.segments[0], error);
    if (status == BP_OK)
        status = name_columns(dataset, &file->dialect, &row, &file->survey, settings, error);
    release_first_row(&row, &dataset->pool.allocator);
    BP_TRY(status);
    dataset->rows = file->survey.rows;
    file->table.window = dataset->rows;
    return mark_categorical(dataset, settings, lenient, error);
}

static unsigned team_for(const bp_csv_source *source, const bp_settings *settings, size_t chunk)
{
    uint64_t chunks = source->size / chunk + 1;
    uint32_t threads = settings->threads;

    if (threads == 0)
        threads = source->size < WORTH_A_TEAM ? 1 : bp_machine_threads(NULL, 0);
    return (unsigned)(threads < chunks ? threads : chunks);
}

static bp_status survey_rows(bp_dataset *dataset, bp_csv_file *file, char separator, const bp_settings *settings, bool lenient,
                             size_t chunk, bp_error *error)
{
    file->table = (bp_csv_table){.source = &file->source,
                                 .dialect = &file->dialect,
                                 .survey = &file->survey,
                                 .threads = team_for(&file->source, settings, chunk)};
    BP_TRY(bp_csv_survey_make(&file->source, chunk, file->table.threads, &file->survey, error));
    bp_status status = bp_csv_dialect_make(&file->dialect, &file->source, separator, settings, error);
    if (status == BP_OK)
        status = take_header(dataset, file, settings, lenient, error);
    if (status != BP_OK)
        bp_csv_survey_release(&file->survey, &file->source.allocator);
    return status;
}

bp_status bp_csv_open(bp_csv_file *file, const char *path, char separator, const bp_settings *settings, bool lenient, size_t chunk,
                      const bp_allocator *allocator, bp_dataset **result, bp_error *error)
{
    bp_dataset *dataset;

    if (settings->target_file[0])
        return bp_fail(error, BP_INVALID, "%s: a CSV file holds its targets itself; --target-file is for IDX", path);
    BP_TRY(bp_dataset_new(path, allocator, &dataset, error));
    bp_status status = bp_csv_source_open(&file->source, dataset->path, &dataset->pool.allocator, error);
    if (status == BP_OK) {
        status = survey_rows(dataset, file, separator, settings, lenient, chunk, error);
        if (status != BP_OK)
            bp_csv_source_close(&file->source);
    }
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}

void bp_csv_close(bp_csv_file *file)
{
    bp_csv_survey_release(&file->survey, &file->source.allocator);
    bp_csv_source_close(&file->source);
}

bp_status bp_csv_read_by(const char *path, char separator, const bp_settings *settings, bool lenient, size_t chunk,
                         const bp_allocator *allocator, bp_dataset **result, bp_error *error)
{
    bp_csv_file file;
    bp_dataset *dataset;

    BP_TRY(bp_csv_open(&file, path, separator, settings, lenient, chunk, allocator, &dataset, error));
    bp_status status = bp_csv_fill(dataset, &file.table, error);
    bp_csv_close(&file);
    if (status != BP_OK) {
        bp_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return BP_OK;
}

bp_status bp_csv_read(const char *path, char separator, const bp_settings *settings, bool lenient, const bp_allocator *allocator,
                      bp_dataset **result, bp_error *error)
{
    return bp_csv_read_by(path, separator, settings, lenient, BP_CSV_CHUNK, allocator, result, error);
}
