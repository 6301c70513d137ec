/* backprop trace: every number of the forward and backward pass of one example.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "report.h"
#include "subject.h"
#include "text.h"

#define SHOWN 8 /* entries of a vector, and rows of a matrix, that are printed as text */

typedef struct tracing {
    const bp_arguments *arguments;
    bp_subject subject;
    uint64_t row; /* counted from 1 */
    float *x;     /* [inputs] */
    float *y;     /* [outputs] */
    bp_trace *trace;
    uint32_t layers;
} tracing;

/* ------------------------------------------------------------------------------------------------------------- JSON */

static json_t *matrix(const double *values, uint32_t rows, uint32_t columns)
{
    json_t *array = json_array();
    for (uint32_t row = 0; row < rows; row++)
        json_array_append_new(array, bp_json_numbers(values + (size_t)row * columns, columns));
    return array;
}

static json_t *layer_object(const tracing *t, uint32_t index)
{
    json_t *object = json_object();
    bp_trace_layer layer;

    if (bp_trace_at(t->trace, index, &layer, NULL) != BP_OK)
        return object;
    json_object_set_new(object, "z", bp_json_numbers(layer.z, layer.outputs));
    json_object_set_new(object, "a", bp_json_numbers(layer.a, layer.outputs));
    json_object_set_new(object, "dL_da", bp_json_numbers(layer.dL_da, layer.outputs));
    json_object_set_new(object, "dL_dz", bp_json_numbers(layer.dL_dz, layer.outputs));
    json_object_set_new(object, "dL_dW", matrix(layer.dL_dW, layer.inputs, layer.outputs));
    json_object_set_new(object, "dL_db", bp_json_numbers(layer.dL_db, layer.outputs));
    return object;
}

static int print_json(const tracing *t)
{
    json_t *object = json_object(), *layers = json_array();

    json_object_set_new(object, "row", bp_json_count(t->row));
    json_object_set_new(object, "x", bp_json_floats(t->x, t->subject.info.inputs));
    json_object_set_new(object, "y", bp_json_floats(t->y, t->subject.info.outputs));
    json_object_set_new(object, "loss", bp_json_number(bp_trace_loss(t->trace)));
    for (uint32_t i = 0; i < t->layers; i++)
        json_array_append_new(layers, layer_object(t, i));
    json_object_set_new(object, "layers", layers);
    return bp_json_print(object);
}

/* ------------------------------------------------------------------------------------------------------------- text */

static void print_vector(const char *name, const double *values, uint32_t count)
{
    char number[32];

    printf("  %-12s", name);
    for (uint32_t i = 0; i < count && i < SHOWN; i++) {
        bp_text_f32((float)values[i] + 0.0f, number); /* a -0 would only puzzle */
        printf(" %s", number);
    }
    if (count > SHOWN)
        printf(" ... (%lu in all; --json has them)", (unsigned long)count);
    putchar('\n');
}

static void print_floats(const char *name, const float *values, uint32_t count)
{
    double shown[SHOWN];

    for (uint32_t i = 0; i < count && i < SHOWN; i++)
        shown[i] = (double)values[i];
    print_vector(name, shown, count);
}

static void print_matrix(const char *name, const double *values, uint32_t rows, uint32_t columns)
{
    for (uint32_t row = 0; row < rows && row < SHOWN; row++)
        print_vector(row == 0 ? name : "", values + (size_t)row * columns, columns);
    if (rows > SHOWN)
        printf("  %-12s ... (%lu rows in all; --json has them)\n", "", (unsigned long)rows);
}

static void print_forward(const tracing *t, uint32_t index)
{
    static const char *const names[] = {"identity", "relu", "leaky_relu", "sigmoid", "tanh"};
    bp_layer_info info;
    bp_trace_layer layer;

    if (bp_trace_at(t->trace, index, &layer, NULL) != BP_OK || bp_network_layer(t->subject.network, index, &info, NULL) != BP_OK)
        return;
    printf("\nlayer %lu: %lu inputs, %lu outputs, g = %s\n", (unsigned long)index + 1, (unsigned long)layer.inputs,
           (unsigned long)layer.outputs, names[info.activation]);
    print_vector(index ? "z = a' W + b" : "z = x W + b", layer.z, layer.outputs);
    print_vector("a = g(z)", layer.a, layer.outputs);
}

static void print_backward(const tracing *t, uint32_t index)
{
    bp_trace_layer layer;

    if (bp_trace_at(t->trace, index, &layer, NULL) != BP_OK)
        return;
    printf("\nlayer %lu, %s\n", (unsigned long)index + 1,
           index + 1 == t->layers ? "where dL/da comes from the loss" : "where dL/da = dL/dz W^T of the layer behind it");
    print_vector("dL/da", layer.dL_da, layer.outputs);
    printf("  dL/dz = dL/da (*) g'(z)\n");
    print_vector("dL/dz", layer.dL_dz, layer.outputs);
    printf("  dL/dW = %s^T dL/dz\n", index ? "a'" : "x");
    print_matrix("dL/dW", layer.dL_dW, layer.inputs, layer.outputs);
    printf("  dL/db = dL/dz\n");
    print_vector("dL/db", layer.dL_db, layer.outputs);
}

static const char *loss_formula(bp_loss loss)
{
    static const char *const formulas[] = {
        [BP_SQUARED_ERROR] = "1/2 sum (y^ - y)^2",
        [BP_CROSS_ENTROPY] = "-sum y log softmax(y^)",
        [BP_BINARY_CROSS_ENTROPY] = "-sum y log p + (1 - y) log(1 - p), p = 1 / (1 + e^-y^)",
        [BP_ABSOLUTE_ERROR] = "sum |y^ - y|",
        [BP_HUBER] = "sum e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), e = y^ - y",
        [BP_QUANTILE] = "sum max(q (y - y^), (q - 1) (y - y^))",
        [BP_POISSON] = "sum e^y^ - y y^",
    };
    return formulas[loss];
}

static void print_text(const tracing *t)
{
    char loss[32];

    printf("row %llu, as the network sees it; a' is the a of the layer before\n", (unsigned long long)t->row);
    print_floats("x", t->x, t->subject.info.inputs);
    print_floats("y", t->y, t->subject.info.outputs);
    printf("\nFORWARD, from the first layer to the last\n");
    for (uint32_t i = 0; i < t->layers; i++)
        print_forward(t, i);
    bp_text_f64(bp_trace_loss(t->trace), loss);
    printf("\nLOSS, where y^ is the last a\n  L = %s\n    = %s\n\nBACKWARD, from the last layer to the first\n",
           loss_formula(bp_network_loss(t->subject.network)), loss);
    for (uint32_t i = t->layers; i-- > 0;)
        print_backward(t, i);
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static int read_row(tracing *t)
{
    const char *text = bp_option_text(t->arguments, BP_OPTION_ROW);

    if (!bp_text_parse_u64(text, strlen(text), &t->row) || t->row == 0)
        return bp_say_usage(t->arguments->command, "--row '%.100s': expected a row's number, counted from 1", text);
    return BP_EXIT_DONE;
}

static int make_trace(tracing *t)
{
    bp_error error;
    bp_status status;

    if (t->row > bp_examples_rows(t->subject.examples))
        return bp_say_usage(t->arguments->command, "--row %llu: the data have %llu rows", (unsigned long long)t->row,
                            (unsigned long long)bp_examples_rows(t->subject.examples));
    t->x = calloc(t->subject.info.inputs, sizeof *t->x);
    t->y = calloc(t->subject.info.outputs, sizeof *t->y);
    if (!t->x || !t->y) {
        bp_say("no memory");
        return BP_EXIT_FAILED;
    }
    t->layers = bp_network_layers(t->subject.network);
    status = bp_examples_row(t->subject.examples, t->row - 1, t->x, t->y, &error);
    if (status == BP_OK)
        status = bp_trace_create(t->subject.network, t->x, t->y, NULL, &t->trace, &error);
    return status == BP_OK ? BP_EXIT_DONE : bp_say_error(t->arguments, &error);
}

static int print(const tracing *t)
{
    if (t->arguments->option[BP_OPTION_JSON])
        return print_json(t);
    print_text(t);
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    tracing t = {.arguments = arguments};
    int code = read_row(&t);

    if (code == BP_EXIT_DONE)
        code = bp_subject_open(&t.subject, arguments, true);
    if (code == BP_EXIT_DONE)
        code = make_trace(&t);
    if (code == BP_EXIT_DONE)
        code = print(&t);
    bp_trace_free(t.trace);
    bp_subject_close(&t.subject);
    free(t.x);
    free(t.y);
    return code;
}

static const char *const settings[] = {"target-file", "header", "delimiter", "decimal", "missing", "max-index", NULL};
static const bp_option_id options[] = {BP_OPTION_ROW, BP_OPTION_JSON, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_trace = {
    "trace", "MODEL DATA", "one example's forward and backward pass, with all partial derivatives", 2, 2, settings, options, run};
