/* SPDX-License-Identifier: Apache-2.0 */
#include "info_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal_comma.h"
#include "message.h"
#include "report.h"
#include "shown.h"

typedef struct material {
    const bp_arguments *arguments;
    bp_dataset *dataset;
    uint64_t columns;
    bp_column_summary *summaries; /* [columns] */
    uint64_t inputs;              /* of all columns */
    bp_encoder *encoder;          /* fitted on all rows; NULL where there is no target, or training would refuse them */
    bp_encoder_info info;
    bp_error refusal; /* why it would; without text: it would not */
} material;

static const char *kind_of(const bp_column_info *column)
{
    static const char *const types[] = {"u8", "i32", "f32", "f64"};
    return column->categorical ? "categories" : types[column->type];
}

static const char *role_of(const bp_column_info *column)
{
    static const char *const roles[] = {"input", "target", "weight", "not used"};
    return roles[column->role];
}

/* ----------------------------------------------------------------------------------------------------------------- JSON */

static json_t *frequent_list(const material *m, uint64_t column)
{
    const bp_column_summary *summary = &m->summaries[column];
    json_t *list = json_array();

    for (uint64_t i = 0; i < summary->frequent_count; i++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "category", json_string(bp_dataset_category(m->dataset, column, summary->frequent[i])));
        json_object_set_new(entry, "rows", bp_json_count(summary->frequent_rows[i]));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *column_object(const material *m, uint64_t index, const bp_column_info *info)
{
    const bp_column_summary *summary = &m->summaries[index];
    json_t *column = json_object();

    json_object_set_new(column, "name", json_string(info->name));
    json_object_set_new(column, "type", json_string(kind_of(info)));
    json_object_set_new(column, "role", json_string(role_of(info)));
    json_object_set_new(column, "missing", bp_json_count(summary->missing));
    json_object_set_new(column, "constant", json_boolean(summary->constant));
    json_object_set_new(column, "unique", json_boolean(summary->unique));
    json_object_set_new(column, "inputs", bp_json_count(summary->inputs));
    json_object_set_new(column, "categories", info->categorical ? bp_json_count(info->categories) : json_null());
    if (info->categorical) {
        json_object_set_new(column, "rare", bp_json_count(summary->rare));
        json_object_set_new(column, "frequent", frequent_list(m, index));
        return column;
    }
    json_object_set_new(column, "min", bp_json_number(summary->low));
    json_object_set_new(column, "max", bp_json_number(summary->high));
    json_object_set_new(column, "mean", bp_json_number(summary->mean));
    json_object_set_new(column, "deviation", bp_json_number(summary->deviation));
    return column;
}

static int print_json(const material *m)
{
    json_t *object = json_object(), *columns = json_array();
    bp_column_info info;

    for (uint64_t i = 0; bp_dataset_column(m->dataset, i, &info, NULL) == BP_OK; i++)
        json_array_append_new(columns, column_object(m, i, &info));
    json_object_set_new(object, "kind", json_string("data"));
    json_object_set_new(object, "rows", bp_json_count(bp_dataset_rows(m->dataset)));
    json_object_set_new(object, "skipped", bp_json_count(bp_dataset_skipped(m->dataset)));
    json_object_set_new(object, "inputs", bp_json_count(m->inputs));
    json_object_set_new(object, "task", m->encoder ? json_string(bp_task_name((bp_task)m->info.task)) : json_null());
    json_object_set_new(object, "outputs", m->encoder ? bp_json_count(m->info.outputs) : json_null());
    json_object_set_new(object, "refused", m->refusal.text[0] ? json_string(m->refusal.text) : json_null());
    json_object_set_new(object, "columns", columns);
    return bp_json_print(object);
}

/* ----------------------------------------------------------------------------------------------------------------- text */

#define COLUMNS_SHOWN 40
#define CATEGORY_SHOWN 30 /* bytes */

static void print_categories(const material *m, uint64_t column, const bp_column_info *info)
{
    const bp_column_summary *summary = &m->summaries[column];

    printf("%llu%s", (unsigned long long)info->categories, info->categories ? ": " : "");
    for (uint64_t i = 0; !summary->unique && i < summary->frequent_count; i++) {
        printf(i ? ", " : "");
        bp_shown_print(bp_dataset_category(m->dataset, column, summary->frequent[i]), 0, CATEGORY_SHOWN);
        printf(" %llu", (unsigned long long)summary->frequent_rows[i]);
    }
    if (summary->unique)
        bp_shown_print(bp_dataset_category(m->dataset, column, 0), 0, CATEGORY_SHOWN);
    if (info->categories > (summary->unique ? 1 : summary->frequent_count))
        printf(", ...");
}

static void print_numbers(const bp_column_summary *summary)
{
    if (!isnan(summary->low))
        printf("%.6g to %.6g, mean %.6g", summary->low, summary->high, summary->mean);
}

/* What people should look at before they train. */
static void print_remarks(const material *m, uint64_t index, const bp_column_info *info)
{
    const bp_column_summary *summary = &m->summaries[index];
    uint64_t rows = bp_dataset_rows(m->dataset);

    if (summary->missing)
        printf("; %llu missing", (unsigned long long)summary->missing);
    if (summary->constant)
        printf(rows == summary->missing ? "; nothing but missing values" : "; the same in every row");
    else if (bp_decimal_comma(m->arguments, m->dataset, index))
        printf("; if these are numbers: --decimal comma");
    else if (summary->unique && info->role == 0)
        printf("; differs in every row: if it only names them, --ignore-columns");
    if (info->role)
        printf("; %s", role_of(info));
    else if (summary->inputs != 1)
        printf("; %llu inputs", (unsigned long long)summary->inputs);
}

static void print_column(const material *m, uint64_t index)
{
    bp_column_info info = {0};

    (void)bp_dataset_column(m->dataset, index, &info, NULL); /* there is such a column */
    printf("  ");
    bp_shown_print(info.name, 24, SIZE_MAX);
    printf(" %-10s  ", kind_of(&info));
    if (info.categorical)
        print_categories(m, index, &info);
    else
        print_numbers(&m->summaries[index]);
    print_remarks(m, index, &info);
    putchar('\n');
}

static void print_text(const material *m)
{
    uint64_t rows = bp_dataset_rows(m->dataset), skipped = bp_dataset_skipped(m->dataset);

    printf("%llu row%s, %llu column%s\n", (unsigned long long)rows, rows == 1 ? "" : "s", (unsigned long long)m->columns,
           m->columns == 1 ? "" : "s");
    if (skipped)
        printf("%llu more row%s left out, since the target is missing\n", (unsigned long long)skipped,
               skipped == 1 ? " is" : "s are");
    for (uint64_t i = 0; i < m->columns; i++) {
        if (m->columns <= COLUMNS_SHOWN || i < COLUMNS_SHOWN - 10 || i >= m->columns - 10) /* the last may be targets */
            print_column(m, i);
        if (m->columns > COLUMNS_SHOWN && i == COLUMNS_SHOWN - 11)
            printf("  ... (--json has all)\n");
    }
    printf("%llu inputs of a network", (unsigned long long)m->inputs);
    if (m->encoder)
        printf(", %lu output%s; task %s\n", (unsigned long)m->info.outputs, m->info.outputs == 1 ? "" : "s",
               bp_task_name((bp_task)m->info.task));
    else
        printf(m->refusal.text[0] ? "\n" : "; --target NAME says what it is to predict\n");
    if (m->refusal.text[0]) {
        printf("training would be refused: ");
        bp_shown_print(m->refusal.text, 0, SIZE_MAX);
        putchar('\n');
    }
}

/* ------------------------------------------------------------------------------------------------------------------ all */

static bool has_target(const bp_dataset *dataset)
{
    bp_column_info info;

    for (uint64_t i = 0; bp_dataset_column(dataset, i, &info, NULL) == BP_OK; i++)
        if (info.role == 1)
            return true;
    return false;
}

static int look(material *m)
{
    const bp_arguments *arguments = m->arguments;
    bp_error error;

    m->columns = bp_dataset_columns(m->dataset);
    m->summaries = calloc((size_t)m->columns + 1, sizeof *m->summaries);
    if (!m->summaries) {
        bp_say("no memory");
        return BP_EXIT_FAILED;
    }
    if (bp_dataset_summarise(m->dataset, arguments->settings.threads, NULL, m->summaries, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    for (uint64_t i = 0; i < m->columns; i++)
        m->inputs += m->summaries[i].inputs;
    if (!has_target(m->dataset))
        return BP_EXIT_DONE;
    if (bp_encoder_fit(m->dataset, (bp_rows){NULL, 0}, &arguments->settings, NULL, &m->encoder, &m->refusal) == BP_OK) {
        bp_encoder_describe(m->encoder, &m->info);
        m->refusal.text[0] = '\0';
    }
    return BP_EXIT_DONE;
}

int bp_info_data(const bp_arguments *arguments)
{
    material m = {.arguments = arguments};
    bp_error error;
    int code;

    if (arguments->option[BP_OPTION_PYTORCH])
        return bp_say_usage(arguments->command, "--pytorch is for models");
    if (bp_dataset_read(arguments->operands[0], &arguments->settings, BP_NEED_NAMES, NULL, &m.dataset, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    code = look(&m);
    if (code == BP_EXIT_DONE && arguments->option[BP_OPTION_JSON])
        code = print_json(&m);
    else if (code == BP_EXIT_DONE)
        print_text(&m);
    bp_encoder_free(m.encoder);
    free(m.summaries);
    bp_dataset_free(m.dataset);
    return code;
}
