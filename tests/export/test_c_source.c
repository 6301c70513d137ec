/* Tests of a network's C source: what a compiler makes of it gives the bits of bp_network_predict.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "numbers.h"
#include "scratch.h"

TestSuite(c_source, .init = scratch_begin, .fini = scratch_end);

#define ROWS 150
#define INPUTS 37
#define OUTPUTS_MAX 40

typedef void predict_function(const float *x, float *y);

/* One network of a sweep. */
typedef struct model {
    bp_network *network;
    uint32_t inputs, outputs;
    char text[200];
} model;

static void set(bp_settings *settings, const char *key, const char *value)
{
    bp_error error;
    cr_assert_eq(bp_settings_set(settings, key, value, &error), BP_OK, "%s", error.text);
    settings->given = 0;
}

/* Weights large enough that functions saturate, small enough that they do not everywhere. */
static void scatter_weights(bp_network *network, double scale)
{
    for (uint32_t layer = 0; layer < bp_network_layers(network); layer++) {
        bp_layer_info info;
        cr_assert_eq(bp_network_layer(network, layer, &info, NULL), BP_OK);
        size_t count = (size_t)info.inputs * info.outputs;
        float *W = malloc((count + info.outputs) * sizeof *W);
        scatter_f32(W, count, layer + 1, scale);
        scatter_f32(W + count, info.outputs, layer + 50, 1);
        cr_assert_eq(bp_network_set(network, layer, W, W + count, NULL), BP_OK);
        free(W);
    }
}

static model make_model(const char *hidden, const char *activation, const char *loss, const char *precision, uint32_t inputs,
                        uint32_t outputs)
{
    model m = {.inputs = inputs, .outputs = outputs};
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    set(&settings, "hidden", hidden);
    set(&settings, "activation", activation);
    set(&settings, "loss", loss);
    set(&settings, "precision", precision);
    snprintf(m.text, sizeof m.text, "%u-%s-%u, %s, %s, %s", inputs, hidden, outputs, activation, loss, precision);
    cr_assert_eq(bp_network_create(&settings, inputs, outputs, NULL, &m.network, &error), BP_OK, "%s: %s", m.text, error.text);
    scatter_weights(m.network, 0.7);
    return m;
}

/* Writes model number i as m<i>.c, and its place in all.c. */
static void export_model(const model *m, size_t i)
{
    char path[32];
    bp_error error;
    FILE *all = fopen("all.c", i ? "a" : "w");

    snprintf(path, sizeof path, "m%zu.c", i);
    cr_assert_eq(bp_model_export(path, m->network, NULL, NULL, NULL, &error), BP_OK, "%s", error.text);
    cr_assert(all);
    fprintf(all, "#include \"%s\"\n", path);
    fclose(all);
}

static float *predictions_of(const model *m, const float *x, size_t rows)
{
    bp_workspace *workspace;
    float *y = malloc(rows * m->outputs * sizeof *y);

    cr_assert_eq(bp_workspace_create(m->network, 1, BP_ISA_AUTO, NULL, &workspace, NULL), BP_OK);
    cr_assert_eq(bp_network_predict(m->network, workspace, rows, x, y, NULL), BP_OK);
    bp_workspace_free(workspace);
    return y;
}

static void expect_same_bits(const model *m, const char *way, predict_function *predict, const float *x, size_t rows,
                             const float *expected)
{
    float y[OUTPUTS_MAX];

    for (size_t row = 0; row < rows; row++) {
        const float *theirs = expected + row * m->outputs;
        predict(x + row * m->inputs, y);
        for (uint32_t j = 0; j < m->outputs; j++)
            cr_assert(memcmp(&y[j], &theirs[j], sizeof y[j]) == 0, "%s, %s: row %zu, output %u is %a, not %a (x0 = %a)", m->text,
                      way, row, j, (double)y[j], (double)theirs[j], (double)x[row * m->inputs]);
    }
}

/* Compiles all models in every way, and compares every one on the same inputs. */
static void compare(const model *models, size_t count, const float *x, size_t rows)
{
    float **expected = malloc(count * sizeof *expected);
    const char *way;

    for (size_t i = 0; i < count; i++)
        expected[i] = predictions_of(&models[i], x, rows);
    for (size_t number = 0; (way = compiler_way(number)); number++) {
        void *library = compile(way, "all.c");
        for (size_t i = 0; i < count; i++) {
            predict_function *predict;
            char name[32];
            snprintf(name, sizeof name, "m%zu_predict", i);
            compiled_function(library, name, &predict, sizeof predict);
            expect_same_bits(&models[i], way, predict, x, rows, expected[i]);
        }
        compiled_free(library);
    }
    for (size_t i = 0; i < count; i++) {
        free(expected[i]);
        bp_network_free(models[i].network);
    }
    free(expected);
}

static const char *const activations[] = {"identity", "relu", "leaky_relu", "sigmoid", "tanh", "elu", "gelu", "silu", "softplus"};
static const char *const losses[] = {"squared_error", "cross_entropy", "binary_cross_entropy", "poisson"};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

Test(c_source, every_activation_loss_and_precision_gives_the_bits_of_predict)
{
    static const char *const precisions[] = {"f32", "bf16", "bf16x2", "bf16x3"};
    static const char *const hidden[] = {"33,9", "20", "none", "9,34,5"};
    model models[2 * COUNT_OF(activations) * COUNT_OF(losses)];
    float x[ROWS * INPUTS];
    size_t count = 0;

    scatter_f32(x, COUNT_OF(x), 7, 3);
    for (size_t i = 0; i < COUNT_OF(x); i += 5)
        x[i] = i % 2 ? 0.0f : -0.0f;
    for (size_t a = 0; a < COUNT_OF(activations); a++)
        for (size_t l = 0; l < COUNT_OF(losses); l++)
            for (size_t p = 0; p < COUNT_OF(precisions); p += l ? 4 : 1 + a % 3, count++) {
                models[count] = make_model(hidden[count % 4], activations[a], losses[l], precisions[p], INPUTS, l == 1 ? 19 : 3);
                export_model(&models[count], count);
            }
    compare(models, count, x, ROWS);
}

/* y = g(x), and the predictions' own functions, over all magnitudes. */
Test(c_source, functions_are_the_kernels_over_all_of_their_range)
{
    enum { NUMBERS = 200000 };
    model models[COUNT_OF(activations) + 1];
    float *x = malloc(NUMBERS * sizeof *x);
    static const float one = 1, zero = 0;

    for (size_t i = 0; i < NUMBERS; i++) { /* every sign, and magnitudes from 2^-90 to 2^10 */
        uint32_t bits =
            (uint32_t)(37u + i / 2 * 100u / (NUMBERS / 2)) << 23 | (uint32_t)(i * 2654435761u) >> 9 | (uint32_t)(i & 1) << 31;
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (size_t a = 0; a <= COUNT_OF(activations); a++) {
        bool last = a == COUNT_OF(activations);
        models[a] = make_model(last ? "none" : "1", last ? "relu" : activations[a], losses[last ? 2 : 0], "f32", 1, 1);
        for (uint32_t layer = 0; layer < bp_network_layers(models[a].network); layer++)
            cr_assert_eq(bp_network_set(models[a].network, layer, &one, &zero, NULL), BP_OK);
        export_model(&models[a], a);
    }
    compare(models, COUNT_OF(activations) + 1, x, NUMBERS);
    free(x);
}

Test(c_source, a_softmax_of_far_apart_numbers_is_the_kernel_s)
{
    model m = make_model("none", "relu", "cross_entropy", "f32", INPUTS, 33);
    float x[ROWS * INPUTS];

    scatter_weights(m.network, 30);
    scatter_f32(x, COUNT_OF(x), 3, 2);
    export_model(&m, 0);
    compare(&m, 1, x, ROWS);
}

Test(c_source, names_of_the_file_are_told_by_its_path_or_by_the_caller)
{
    model m = make_model("3", "tanh", "squared_error", "f32", 2, 1);
    bp_error error;
    static const char both[] = "#include \"7 Of-Nine.c\"\n#include \"a.c\"\n";
    static const char *const wrong[] = {"",    "9a",  "a-b",
                                        "int", "f o", "012345678901234567890123456789012345678901234567890123456789"};

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_assert_eq(bp_model_export("a.c", m.network, NULL, NULL, wrong[i], &error), BP_INVALID, "%s", wrong[i]);
    cr_assert_eq(bp_model_export("a.txt", m.network, NULL, NULL, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, ".safetensors"), "%s", error.text);
    cr_assert_eq(bp_model_export("a.safetensors", m.network, NULL, NULL, "x", &error), BP_INVALID);
    cr_assert_eq(scratch_count(), 0);
    cr_assert_eq(bp_model_export("7 Of-Nine.c", m.network, NULL, NULL, NULL, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_model_export("a.c", m.network, NULL, NULL, "_B2", &error), BP_OK, "%s", error.text);
    scratch_write("both.c", both, sizeof both - 1);
    void *library = compile(compiler_way(0), "both.c");
    predict_function *predict;
    compiled_function(library, "x7_of_nine_predict", &predict, sizeof predict);
    compiled_function(library, "_B2_predict", &predict, sizeof predict);
    compiled_free(library);
    bp_network_free(m.network);
}
