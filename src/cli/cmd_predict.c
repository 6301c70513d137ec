/* backprop predict: predictions as CSV, a line for each row of the data.
 *
 *      KEPT COLUMNS, class, probability_A, probability_B, ...      classes
 *      KEPT COLUMNS, predicted_TARGET, ...                         a regression, in the target's unit
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "csv_text.h"
#include "message.h"
#include "nearest.h"
#include "places.h"
#include "shown.h"
#include "size.h"
#include "subject.h"
#include "text_file.h"

#define FIELD_MAX 65536 /* bytes of a kept field; the rest is cut */

typedef struct prediction {
    const bp_arguments *arguments;
    bp_subject subject;
    uint64_t rows;
    float *y;       /* [rows, outputs] */
    double *values; /* [outputs]: one row, decoded */
    uint64_t *kept; /* [kept_count]: columns */
    size_t kept_count;
    char *field;    /* [FIELD_MAX] */
    bool to_person; /* the output is a terminal, which control characters of a name must not reach */
} prediction;

/* ------------------------------------------------------------------------------------------------------------- keep */

static bool find_column(const bp_dataset *dataset, const char *name, size_t length, uint64_t *column)
{
    bp_column_info info;

    for (*column = 0; bp_dataset_column(dataset, *column, &info, NULL) == BP_OK; ++*column)
        if (strlen(info.name) == length && memcmp(info.name, name, length) == 0)
            return true;
    return false;
}

static int refuse_kept(const prediction *p, const char *name, size_t length)
{
    const char *nearest = NULL;
    bp_column_info info;
    char own[200];

    snprintf(own, sizeof own, "%.*s", (int)bp_size_min(length, sizeof own - 1), name);
    for (uint64_t i = 0; bp_dataset_column(p->subject.dataset, i, &info, NULL) == BP_OK; i++)
        nearest = bp_nearer_name(own, nearest, info.name);
    return bp_say_usage(p->arguments->command, "--keep: no column is named '%s'%s%s%s", own, nearest ? "; did you mean '" : "",
                        nearest ? nearest : "", nearest ? "'?" : "");
}

static int find_kept(prediction *p, const char *list)
{
    p->kept = calloc(strlen(list) + 1, sizeof *p->kept); /* no more names than characters */
    if (!p->kept) {
        bp_say("no memory");
        return BP_EXIT_FAILED;
    }
    for (size_t length; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (!find_column(p->subject.dataset, list, length, &p->kept[p->kept_count++]))
            return refuse_kept(p, list, length);
    }
    return BP_EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------------------ lines */

/* A class's name or what is in p->field, the latter changed where a person is to read it. */
static void print_text(const prediction *p, int first, const char *text, FILE *file)
{
    if (p->to_person) {
        if (text != p->field)
            snprintf(p->field, FIELD_MAX, "%s", text);
        bp_shown_clean(p->field);
        text = p->field;
    }
    bp_csv_text(file, first, text);
}

/* A binary network has one output, which says how likely the second class is. */
static float probability(const prediction *p, const float *y, uint32_t class)
{
    return p->subject.info.outputs == 1 ? (class ? y[0] : 1 - y[0]) : y[class];
}

static void print_header(const prediction *p, FILE *file)
{
    const bp_encoder *encoder = p->subject.encoder;
    const char *prefix =
        bp_network_loss(p->subject.network) == BP_CROSS_ENTROPY || bp_network_loss(p->subject.network) == BP_BINARY_CROSS_ENTROPY
            ? "probability_"
            : "score_";
    bp_column_info info;

    for (size_t i = 0; i < p->kept_count; i++) {
        bp_dataset_column(p->subject.dataset, p->kept[i], &info, NULL);
        print_text(p, i == 0, info.name, file);
    }
    if (p->subject.info.classes)
        bp_csv_text(file, p->kept_count == 0, "class");
    for (uint32_t c = 0; c < p->subject.info.classes; c++) {
        snprintf(p->field, FIELD_MAX, "%s%s", prefix, bp_encoder_class(encoder, c));
        print_text(p, 0, p->field, file);
    }
    for (uint32_t t = 0; t < p->subject.info.targets && !p->subject.info.classes; t++) {
        snprintf(p->field, FIELD_MAX, "predicted_%s", bp_encoder_target(encoder, t));
        print_text(p, p->kept_count + t == 0, p->field, file);
    }
    putc('\n', file);
}

static void print_classes(const prediction *p, const float *y, FILE *file)
{
    print_text(p, p->kept_count == 0, bp_encoder_class(p->subject.encoder, bp_predicted_class(y, p->subject.info.outputs)), file);
    for (uint32_t c = 0; c < p->subject.info.classes; c++)
        bp_csv_float(file, 0, probability(p, y, c));
}

static void print_values(const prediction *p, const float *y, FILE *file)
{
    for (uint32_t i = 0; i < p->subject.info.outputs; i++)
        p->values[i] = (double)y[i];
    bp_encoder_decode(p->subject.encoder, 1, p->values);
    for (uint32_t i = 0; i < p->subject.info.outputs; i++)
        bp_csv_float(file, p->kept_count + i == 0, (float)p->values[i]);
}

static void print_row(const prediction *p, uint64_t row, FILE *file)
{
    const float *y = p->y + row * p->subject.info.outputs;

    for (size_t i = 0; i < p->kept_count; i++) {
        bp_dataset_text(p->subject.dataset, row, p->kept[i], p->field, FIELD_MAX, NULL);
        print_text(p, i == 0, p->field, file);
    }
    if (p->subject.info.classes)
        print_classes(p, y, file);
    else
        print_values(p, y, file);
    putc('\n', file);
}

static void print_all(prediction *p, FILE *file)
{
    int fd = fileno(file); /* -1: a file that will be replaced */

    p->to_person = fd >= 0 && isatty(fd);
    print_header(p, file);
    for (uint64_t row = 0; row < p->rows && !ferror(file); row++)
        print_row(p, row, file);
}

/* ----------------------------------------------------------------------------------------------------------- output */

static int refused(const char *path)
{
    bp_say("%s: cannot be written: %s", path, strerror(errno));
    return BP_EXIT_FAILED;
}

/* A device or a pipe takes lines as they come. */
static int print_to_stream(prediction *p, const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        return refused(path);
    print_all(p, file);
    errno = 0;
    return (ferror(file) | fclose(file)) != 0 ? refused(path) : BP_EXIT_DONE;
}

static int print_to_file(prediction *p, const char *path)
{
    bp_text_file text;
    bp_error error;

    if (bp_text_file_begin(&text, path, &error) != BP_OK)
        return bp_say_error(p->arguments, &error);
    print_all(p, text.lines);
    return bp_text_file_end(&text, &error) == BP_OK ? BP_EXIT_DONE : bp_say_error(p->arguments, &error);
}

static int print(prediction *p)
{
    const char *path = p->arguments->option[BP_OPTION_OUTPUT_CSV];
    struct stat status;

    if (!path || strcmp(path, "-") == 0) {
        print_all(p, stdout);
        return BP_EXIT_DONE; /* main looks whether all was written */
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return print_to_stream(p, path);
    return print_to_file(p, path);
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static int predict_rows(prediction *p)
{
    const bp_settings *settings = &p->arguments->settings;
    bp_workspace *workspace;
    bp_error error;
    bp_status status;

    status = bp_workspace_create(p->subject.network, settings->threads, (bp_isa)settings->isa, NULL, &workspace, &error);
    if (status != BP_OK)
        return bp_say_error(p->arguments, &error);
    status = bp_network_predict_rows(p->subject.network, workspace, p->subject.examples, (bp_rows){NULL, p->rows}, p->y, &error);
    bp_workspace_free(workspace);
    return status == BP_OK ? BP_EXIT_DONE : bp_say_error(p->arguments, &error);
}

static int take_memory(prediction *p)
{
    size_t floats;

    p->rows = bp_examples_rows(p->subject.examples);
    p->y = bp_size_mul((size_t)p->rows, p->subject.info.outputs, &floats) ? calloc(floats + 1, sizeof *p->y) : NULL;
    p->values = calloc(p->subject.info.outputs, sizeof *p->values);
    p->field = malloc(FIELD_MAX);
    if (p->y && p->values && p->field)
        return BP_EXIT_DONE;
    bp_say("no memory for predictions of %llu rows", (unsigned long long)p->rows);
    return BP_EXIT_FAILED;
}

static int predict(prediction *p)
{
    const char *keep = p->arguments->option[BP_OPTION_KEEP];
    int code = bp_places_check(p->arguments);

    if (code == BP_EXIT_DONE)
        code = bp_subject_open(&p->subject, p->arguments, false);
    if (code == BP_EXIT_DONE && keep)
        code = find_kept(p, keep);
    if (code == BP_EXIT_DONE)
        code = take_memory(p);
    if (code == BP_EXIT_DONE)
        code = predict_rows(p);
    return code == BP_EXIT_DONE ? print(p) : code;
}

static int run(bp_arguments *arguments)
{
    prediction p = {.arguments = arguments};
    int code = predict(&p);

    bp_subject_close(&p.subject);
    free(p.y);
    free(p.values);
    free(p.kept);
    free(p.field);
    return code;
}

static const char *const settings[] = {"header", "delimiter", "decimal", "missing", "max-index", "threads", "isa", "memory", NULL};
static const bp_option_id options[] = {BP_OPTION_KEEP, BP_OPTION_OUTPUT_CSV, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_predict = {
    "predict", "MODEL DATA", "predictions as CSV: class and probabilities, or values", 2, 2, settings, options, run};
