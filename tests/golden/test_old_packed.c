/* .bpd files of every version that there was hold the table that they were made of: names, types, and the text of every field.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "backprop.h"
#include "bpd.h"
#include "helper_golden.h"

/* The next field of a line, which is cut there. */
static const char *next_field(char **line)
{
    char *field = *line, *end = field + strcspn(field, "\t\n");

    *line = *end == '\t' ? end + 1 : end;
    *end = '\0';
    return field;
}

/* "f64?" */
static void describe(const bp_column_info *info, char text[16])
{
    static const char *const types[] = {"u8", "i32", "f32", "f64"};

    snprintf(text, 16, "%s%s%s", info->categorical ? "category" : types[info->type], info->role == 1 ? "*" : "",
             info->has_missing ? "?" : "");
}

static void check_columns(const bp_dataset *dataset, char *names, char *types, const char *stem)
{
    bp_column_info info;
    char type[16];

    for (uint64_t column = 0; column < bp_dataset_columns(dataset); column++) {
        cr_assert_eq(bp_dataset_column(dataset, column, &info, NULL), BP_OK);
        describe(&info, type);
        cr_assert_str_eq(info.name, next_field(&names), "%s", stem);
        cr_assert_str_eq(type, next_field(&types), "%s: %s", stem, info.name);
    }
    cr_assert(!*names && !*types, "%s: columns are missing", stem);
}

static void check_row(const bp_dataset *dataset, uint64_t row, char *line, const char *stem)
{
    char text[200];

    for (uint64_t column = 0; column < bp_dataset_columns(dataset); column++) {
        cr_assert_eq(bp_dataset_text(dataset, row, column, text, sizeof text, NULL), BP_OK);
        cr_assert_str_eq(text, next_field(&line), "%s: row %llu, column %llu", stem, (unsigned long long)row,
                         (unsigned long long)column);
    }
}

static void check_rows(const char *stem)
{
    char line[1000], types[1000];
    bp_settings settings;
    bp_dataset *dataset;
    bp_error error;
    uint64_t row = 0;
    FILE *file = golden_open(stem, ".rows");

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_dataset_read(golden_path(stem, ".bpd"), &settings, 1, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert(fgets(line, sizeof line, file) && fgets(types, sizeof types, file));
    check_columns(dataset, line, types, stem);
    for (; fgets(line, sizeof line, file); row++)
        check_row(dataset, row, line, stem);
    cr_assert_eq(row, bp_dataset_rows(dataset), "%s", stem);
    bp_dataset_free(dataset);
    fclose(file);
}

Test(old_packed, holds_the_table_that_it_was_made_of)
{
    for (uint64_t version = 1; version <= BP_BPD_VERSION; version++)
        golden_each("bpd", version, ".bpd", check_rows);
}
