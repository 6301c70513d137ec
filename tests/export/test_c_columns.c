/* Tests of what stands around a network in its C source: rows as they are in the table, results as predict gives them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "numbers.h"
#include "scratch.h"

TestSuite(c_columns, .init = scratch_begin, .fini = scratch_end);

#define ROWS 60
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Names that C does not have, and texts that could end a comment, a literal or a line. */
static const char header[] =
    "age,Gr\303\266\303\237e (cm),\"int\",INT,*/ int x; /*,\"a ?\?/\",\342\200\256turned,1st,\"new\nline\\\",colour,unix";
static const char *const colours[] = {"red", "\"\"quoted\"\" ?\?/", "back\\slash", "gr\303\274n", "//", "%s@_x", "*/"};
#define NUMBERS 9

/* Every column of numbers but the last misses some, but not in the rows that it is fitted on: there only every other one. */
static bool is_missing(int row, int column)
{
    return (row + column) % 13 == 5 && (row > ROWS / 2 || column % 2) && column + 1 < NUMBERS;
}

/* The categories of a row: some are missing, some occur once in the rows for fitting, some never. */
static int colour_of(int row)
{
    return row % 11 == 3 ? -1 : row == 8 ? 6 : row > 50 ? 5 : row % 5;
}

/* A CSV file of all that, then columns x1 ... x12, and the targets. `c` gets the rows as initialisers of the C struct. */
static void write_table(const char *targets, const char *(*target)(int row), FILE *c)
{
    FILE *file = fopen("data.csv", "w");

    cr_assert(file);
    fputs(header, file);
    for (int i = 1; i <= 12; i++)
        fprintf(file, ",x%d", i);
    fprintf(file, ",%s\n", targets);
    for (int row = 0; row < ROWS; row++) {
        fprintf(c, "    {");
        for (int i = 0; i < NUMBERS; i++) {
            double value = pow(10, i - 4) * (1000 + scattered((uint64_t)i, (uint64_t)row));
            fprintf(file, is_missing(row, i) ? "," : "%.17g,", value);
            fprintf(c, is_missing(row, i) ? "(double)NAN, " : "%a, ", value);
        }
        fprintf(file, "\"%s\",%s", colour_of(row) < 0 ? "" : colours[colour_of(row)], row % 3 ? "yes" : "no");
        fprintf(c, colour_of(row) < 0 ? row % 2 ? "NULL," : "\"\"," : "COLOUR%d,", colour_of(row));
        fprintf(c, " \"%s\", {", row % 3 ? "yes" : "no");
        for (int i = 0; i < 12; i++) {
            fprintf(file, ",%d", (row * 7 + i * i) % 10);
            fprintf(c, "%d%s", (row * 7 + i * i) % 10, i < 11 ? ", " : "}},\n");
        }
        fprintf(file, ",%s\n", target(row));
    }
    fclose(file);
}

static bp_settings settings_of(const char *target, const char *task)
{
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_settings_set(&settings, "target", target, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_settings_set(&settings, "task", task, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_settings_set(&settings, "hidden", "11", &error), BP_OK, "%s", error.text);
    settings.given = 0;
    return settings;
}

/* What predict says of each row, in the order of a result's floats: y [ROWS][width]. */
static void predict_rows(const bp_network *network, const bp_encoder *encoder, const bp_dataset *dataset, size_t width, float *y)
{
    bp_encoder_info info;
    bp_examples *examples;
    bp_workspace *workspace;
    bp_error error;
    double values[8];

    bp_encoder_describe(encoder, &info);
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 0, NULL, &examples, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_workspace_create(network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    float *raw = malloc(ROWS * info.outputs * sizeof *raw);
    cr_assert_eq(bp_network_predict_rows(network, workspace, examples, (bp_rows){NULL, 0}, raw, NULL), BP_OK);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < width; i++) {
            values[i] = (double)raw[row * info.outputs + (info.outputs == width ? i : 0)];
            if (info.outputs < width)
                values[i] = (double)(i ? raw[row] : 1 - raw[row]);
            if (i + 1 == width && !info.classes)
                bp_encoder_decode(encoder, 1, values);
            for (size_t j = 0; i + 1 == width && j < width; j++)
                y[row * width + j] = (float)values[j];
        }
    free(raw);
    bp_workspace_free(workspace);
    bp_examples_free(examples);
}

/* The C file's rows are predicted as the table's, in every way of compiling. `results` is what a result's floats are called. */
static void compare(const char *target, const char *task, const char *(*value)(int row), size_t width, const char *results)
{
    static const char opening[] = "#include \"net.c\"\n#include <math.h>\n#include <stddef.h>\n"
                                  "#define COLOUR0 \"red\"\n"
                                  "#define COLOUR1 \"\\\"quoted\\\" \\?\\?/\"\n"
                                  "#define COLOUR2 \"back\\\\slash\"\n"
                                  "#define COLOUR3 \"gr\\303\\274n\"\n"
                                  "#define COLOUR4 \"//\"\n"
                                  "#define COLOUR5 \"%s@_x\"\n"
                                  "#define COLOUR6 \"*/\"\n"
                                  "static const net_row rows[] = {\n";
    FILE *c = fopen("driver.c", "w");
    bp_settings settings = settings_of(target, task);
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_encoder_info info;
    bp_network *network;
    bp_error error;
    float expected[ROWS * 8], y[8];
    const char *way;
    uint64_t fitted[ROWS / 2];

    for (uint64_t i = 0; i < ROWS / 2; i++)
        fitted[i] = i;
    cr_assert(c);
    fputs("#include <stddef.h>\nint answer(int row, float *y);\n", c);
    fputs(opening, c);
    write_table(target, value, c);
    fprintf(
        c,
        "};\nint answer(int row, float *y)\n{\n    net_result r;\n    int i, bad = net_predict_row(&rows[row], &r);\n"
        "    const float *from[] = {%s};\n    for (i = 0; i < %zu && !bad; i++)\n        y[i] = *from[i];\n    return bad;\n}\n",
        results, width);
    fclose(c);
    cr_assert_eq(bp_dataset_read("data.csv", &settings, 0, NULL, &dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){fitted, ROWS / 2}, &settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    bp_encoder_describe(encoder, &info);
    settings.task = info.task;
    cr_assert_eq(bp_network_create(&settings, info.inputs, info.outputs, NULL, &network, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_model_export("net.c", network, encoder, NULL, NULL, &error), BP_OK, "%s", error.text);
    predict_rows(network, encoder, dataset, width, expected);
    for (size_t number = 0; (way = compiler_way(number)); number++) {
        void *library = compile(way, "driver.c");
        int (*answer)(int row, float *y);
        compiled_function(library, "answer", &answer, sizeof answer);
        for (int row = 0; row < ROWS; row++) {
            cr_assert_eq(answer(row, y), 0);
            for (size_t i = 0; i < width; i++)
                cr_assert(memcmp(&y[i], &expected[(size_t)row * width + i], sizeof *y) == 0, "%s: row %d, %zu: %a, not %a", way,
                          row, i, (double)y[i], (double)expected[(size_t)row * width + i]);
        }
        compiled_free(library);
    }
    bp_network_free(network);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

static const char *class_of(int row)
{
    static const char *const classes[] = {"low", "a \"\"q\"\" ?\?/", "*/"};
    static char field[32];

    snprintf(field, sizeof field, "\"%s\"", classes[row % 3]);
    return field;
}

static const char *side_of(int row)
{
    return row % 5 < 2 ? "left" : "right";
}

static const char *values_of(int row)
{
    static char fields[64];

    snprintf(fields, sizeof fields, "%d,%.4f", row * row, 100 + scattered(5, (uint64_t)row));
    return fields;
}

Test(c_columns, classes_have_the_probabilities_of_predict)
{
    compare("kind", "multiclass", class_of, 3, "&r.probability[0], &r.probability[1], &r.probability[2]");
}

Test(c_columns, two_classes_share_one_output)
{
    compare("side", "binary", side_of, 2, "&r.probability[0], &r.probability[1]");
}

Test(c_columns, numbers_are_in_their_own_units)
{
    compare("double,DOUBLE", "regression", values_of, 2, "&r.double_, &r.double__2");
}
