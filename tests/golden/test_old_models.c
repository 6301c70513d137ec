/* Models of every version that there was predict what they did when they were made, to the bit.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backprop.h"
#include "helper_golden.h"
#include "model.h"

typedef struct subject {
    bp_settings settings;
    bp_network *network;
    bp_encoder *encoder;
    bp_encoder_info info;
    bp_dataset *dataset;
    bp_examples *examples;
    uint64_t rows;
    float *y; /* [rows, info.outputs], as the network predicts */
} subject;

static const char *data_of(const char *stem)
{
    static const char *const suffixes[] = {".csv", ".svm", "-images-idx3-ubyte"};

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (access(golden_path(stem, suffixes[i]), R_OK) == 0)
            return golden_path(stem, suffixes[i]);
    cr_assert_fail("%s has no data", stem);
    return NULL;
}

static subject subject_open(const char *stem)
{
    subject s;
    bp_workspace *workspace;
    bp_error error;

    bp_settings_init(&s.settings, sizeof s.settings);
    cr_assert_eq(bp_model_load(golden_path(stem, ".safetensors"), NULL, &s.network, &s.encoder, &s.settings, &error), BP_OK, "%s",
                 error.text);
    bp_encoder_describe(s.encoder, &s.info);
    cr_assert_eq(bp_dataset_read(data_of(stem), &s.settings, 1, NULL, &s.dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(s.encoder, s.dataset, 0, NULL, &s.examples, &error), BP_OK, "%s", error.text);
    s.rows = bp_examples_rows(s.examples);
    s.y = malloc(s.rows * s.info.outputs * sizeof *s.y);
    cr_assert_eq(bp_workspace_create(s.network, 1, BP_ISA_AUTO, NULL, &workspace, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_network_predict_rows(s.network, workspace, s.examples, (bp_rows){NULL, s.rows}, s.y, &error), BP_OK, "%s",
                 error.text);
    bp_workspace_free(workspace);
    return s;
}

static void subject_close(subject *s)
{
    free(s->y);
    bp_examples_free(s->examples);
    bp_dataset_free(s->dataset);
    bp_encoder_free(s->encoder);
    bp_network_free(s->network);
}

/* ------------------------------------------------------------------------------------------------------ what was recorded */

/* The next field of a line, which is cut there. */
static const char *next_field(char **line)
{
    char *field = *line, *end = field + strcspn(field, ",\n");

    *line = *end == ',' ? end + 1 : end;
    *end = '\0';
    return field;
}

static bool is_float(const char *text, float value)
{
    float recorded = strtof(text, NULL);
    return memcmp(&recorded, &value, sizeof value) == 0;
}

static float probability(const subject *s, const float *y, uint32_t class)
{
    return s->info.outputs == 1 ? (class ? y[0] : 1 - y[0]) : y[class];
}

/* Its name is that of the likeliest class. */
static void check_classes(const subject *s, const float *y, char *line, const char *stem, uint64_t row)
{
    uint32_t best = 0;
    const char *name = next_field(&line);

    for (uint32_t class = 0; class < s->info.classes; class ++) {
        if (probability(s, y, class) > probability(s, y, best))
            best = class;
        cr_assert(is_float(next_field(&line), probability(s, y, class)), "%s: row %llu, class %u: %.9g", stem,
                  (unsigned long long)row, class, (double)probability(s, y, class));
    }
    cr_assert_str_eq(name, bp_encoder_class(s->encoder, best), "%s: row %llu", stem, (unsigned long long)row);
}

static void check_values(const subject *s, const float *y, char *line, const char *stem, uint64_t row)
{
    double values[8];

    for (uint32_t i = 0; i < s->info.outputs; i++)
        values[i] = (double)y[i];
    bp_encoder_decode(s->encoder, 1, values);
    for (uint32_t i = 0; i < s->info.outputs; i++)
        cr_assert(is_float(next_field(&line), (float)values[i]), "%s: row %llu, target %u: %.9g", stem, (unsigned long long)row, i,
                  values[i]);
}

/* What `backprop predict` wrote when the model was made: names, then a line for each row. */
static void check_predictions(const char *stem)
{
    char line[1000];
    uint64_t row = 0;
    subject s = subject_open(stem);
    FILE *file = golden_open(stem, ".predictions");

    cr_assert(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); row++) {
        cr_assert_lt(row, s.rows, "%s", stem);
        (s.info.classes ? check_classes : check_values)(&s, s.y + row * s.info.outputs, line, stem, row);
    }
    cr_assert_eq(row, s.rows, "%s", stem);
    fclose(file);
    subject_close(&s);
}

Test(old_models, predict_what_they_did)
{
    for (uint64_t version = 1; version <= BP_MODEL_VERSION; version++)
        golden_each("model", version, ".safetensors", check_predictions);
}
