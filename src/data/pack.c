/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include "bpd_write.h"
#include "csv.h"
#include "data_kind.h"
#include "dataset_read.h"
#include "error.h"
#include "file.h"
#include "float_state.h"
#include "npy_parts.h"
#include "reader.h"
#include "settings.h"
#include "size.h"

/* Bytes: 500 MB of text in 1.66 s, and in 1.61 s through memory (2 threads, medians of 4), which saves a pass and touches more
 * pages. */
#define WINDOW ((uint64_t)64 << 20)

static uint64_t longest_segment(const bp_csv_survey *survey)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < survey->count; i++)
        rows = bp_size_max(rows, survey->segments[i].rows);
    return rows;
}

/* A number is counted as f64, since types are not known yet. */
static uint64_t window_of(const bp_dataset *dataset, const bp_csv_survey *survey, uint64_t bytes)
{
    uint64_t rows = bytes / (dataset->column_count * sizeof(double)), least = longest_segment(survey) + BP_BPD_ROWS - 1;
    return bp_size_min(bp_size_max(rows, least), dataset->rows);
}

static void tell(const bp_dataset *dataset, bp_pack_counts *result)
{
    if (result)
        *result = (bp_pack_counts){.rows = dataset->rows, .columns = dataset->column_count};
}

static bp_status take_rows(void *context, uint64_t rows, bp_error *error)
{
    return bp_bpd_write_rows(context, rows, error);
}

static bp_status pack_table(bp_dataset *dataset, const bp_csv_table *table, const bp_settings *settings, const char *path,
                            bp_pack_counts *result, bp_error *error)
{
    bp_bpd_writer writer;
    bp_csv_sink sink = {.grain = BP_BPD_ROWS, .take = take_rows, .context = &writer};
    bp_status status;

    BP_TRY(bp_csv_fill(dataset, table, error));
    BP_TRY(bp_dataset_set_roles(dataset, settings, BP_NEED_NAMES, error));
    tell(dataset, result);
    BP_TRY(bp_bpd_write_begin(&writer, dataset, path, error));
    if (table->window < dataset->rows)
        status = bp_csv_pour(dataset, table, &sink, error);
    else
        status = bp_bpd_write_rows(&writer, dataset->rows, error);
    return bp_bpd_write_end(&writer, status, error);
}

bp_status bp_pack_csv(const char *data, char separator, const bp_settings *settings, size_t chunk, uint64_t bytes, const char *path,
                      const bp_allocator *allocator, bp_pack_counts *result, bp_error *error)
{
    bp_csv_file file;
    bp_dataset *dataset;

    BP_TRY(bp_csv_open(&file, data, separator, settings, false, chunk, allocator, &dataset, error));
    file.table.window = window_of(dataset, &file.survey, bytes);
    bp_status status = pack_table(dataset, &file.table, settings, path, result, error);
    bp_csv_close(&file);
    bp_dataset_free(dataset);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------------ NPY */

static bp_status pack_parts(bp_npy_parts *parts, const bp_settings *settings, const char *path, bp_pack_counts *result,
                            bp_error *error)
{
    bp_bpd_writer writer;

    BP_TRY(bp_dataset_set_roles(parts->dataset, settings, BP_NEED_NAMES, error));
    tell(parts->dataset, result);
    BP_TRY(bp_bpd_write_begin(&writer, parts->dataset, path, error));
    return bp_bpd_write_end(&writer, bp_npy_parts_pour(parts, take_rows, &writer, error), error);
}

static BP_OUT_OF_LINE bp_status pack_npy(const char *data, const bp_settings *settings, uint64_t bytes, const char *path,
                                         const bp_allocator *allocator, bp_pack_counts *result, bool *whole, bp_error *error)
{
    bp_npy_parts parts;
    bp_dataset *dataset;

    BP_TRY(bp_dataset_new(data, allocator, &dataset, error));
    bp_status status = bp_npy_parts_begin(&parts, dataset, settings, bytes, BP_BPD_ROWS, error);
    *whole = status == BP_OK && !parts.rows;
    if (status == BP_OK && !*whole)
        status = pack_parts(&parts, settings, path, result, error);
    bp_npy_parts_end(&parts);
    bp_dataset_free(dataset);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------------- others */

static bp_status pack_whole(const char *data, const bp_settings *settings, const char *path, const bp_allocator *allocator,
                            bp_pack_counts *result, bp_error *error)
{
    bp_dataset *dataset;

    BP_TRY(bp_dataset_read(data, settings, BP_NEED_NAMES, allocator, &dataset, error));
    tell(dataset, result);
    bp_status status = bp_dataset_pack(dataset, path, error);
    bp_dataset_free(dataset);
    return status;
}

bp_status bp_pack_npy(const char *data, const bp_settings *settings, uint64_t bytes, const char *path,
                      const bp_allocator *allocator, bp_pack_counts *result, bp_error *error)
{
    bool whole = false;
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = pack_npy(data, settings, bytes, path, allocator, result, &whole, error);

    bp_float_end(host);
    return whole ? pack_whole(data, settings, path, allocator, result, error) : status;
}

bp_status bp_pack(const char *data, const bp_settings *settings, const char *path, const bp_allocator *allocator,
                  bp_pack_counts *result, bp_error *error)
{
    bp_settings full;
    char separator;

    bp_settings_complete(settings, &full);
    bool skips = full.missing_targets == BP_MISSING_TARGETS_SKIP;
    if (!skips && bp_data_kind_of(data) == BP_DATA_NPY && bp_file_is_regular(data))
        return bp_pack_npy(data, &full, WINDOW, path, allocator, result, error);
    if (skips || !bp_reader_is_csv(data, &separator))
        return pack_whole(data, &full, path, allocator, result, error);
    return bp_pack_csv(data, separator, &full, BP_CSV_CHUNK, WINDOW, path, allocator, result, error);
}
