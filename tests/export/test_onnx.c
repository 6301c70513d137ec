/* Tests of ONNX files, taken apart by a reader of the test's own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "helper_model.h"
#include "scratch.h"

TestSuite(onnx, .init = scratch_begin, .fini = scratch_end);

typedef struct message {
    const unsigned char *at, *end;
} message;

/* One field: a number, or a message or bytes. */
typedef struct field {
    uint64_t number, value;
    message inside;
} field;

static uint64_t varint(message *m)
{
    uint64_t value = 0;
    unsigned shift = 0;

    do {
        cr_assert_lt(m->at, m->end);
        value |= (uint64_t)(*m->at & 0x7f) << shift;
        shift += 7;
    } while (*m->at++ & 0x80);
    return value;
}

static bool next(message *m, field *f)
{
    if (m->at == m->end)
        return false;
    uint64_t tag = varint(m);
    *f = (field){.number = tag >> 3};
    if ((tag & 7) == 0) {
        f->value = varint(m);
        return true;
    }
    uint64_t size = (tag & 7) == 5 ? 4 : varint(m);
    cr_assert((tag & 7) == 2 || (tag & 7) == 5);
    cr_assert_leq(size, (uint64_t)(m->end - m->at));
    f->inside = (message){m->at, m->at + size};
    m->at += size;
    return true;
}

/* The first field of that number. */
static field find(message m, uint64_t number)
{
    field f;
    while (next(&m, &f))
        if (f.number == number)
            return f;
    cr_assert(false, "no field %d", (int)number);
    return f;
}

static bool is_text(message m, const char *text)
{
    return (size_t)(m.end - m.at) == strlen(text) && memcmp(m.at, text, strlen(text)) == 0;
}

static message read_graph(const char *path, unsigned char **bytes)
{
    size_t size;
    *bytes = scratch_read(path, &size);
    return find((message){*bytes, *bytes + size}, 7).inside;
}

/* The nodes' operators in their order. */
static void operators_of(message graph, char *text, size_t capacity)
{
    message all = graph;
    field f, part;
    size_t used = 0;

    *text = '\0';
    while (next(&all, &f))
        if (f.number == 1) {
            message node = f.inside;
            while (next(&node, &part))
                if (part.number == 4)
                    used += (size_t)snprintf(text + used, capacity - used, "%s%.*s", used ? " " : "",
                                             (int)(part.inside.end - part.inside.at), (const char *)part.inside.at);
        }
}

static void expect_tensor(message graph, const char *name, uint64_t type, const void *data, size_t bytes)
{
    field f;

    while (next(&graph, &f))
        if (f.number == 5 && is_text(find(f.inside, 8).inside, name)) {
            message raw = find(f.inside, 9).inside;
            cr_assert_eq(find(f.inside, 2).value, type, "%s", name);
            cr_assert_eq((size_t)(raw.end - raw.at), bytes, "%s", name);
            cr_assert(memcmp(raw.at, data, bytes) == 0, "%s", name);
            return;
        }
    cr_assert(false, "no tensor %s", name);
}

Test(onnx, holds_weights_and_one_operator_after_the_other)
{
    static const char *const activations[] = {"identity", "relu",    "leaky_relu", "elu",     "gelu",
                                              "silu",     "sigmoid", "tanh",       "softplus"};
    static const char *const operators[] = {"Gemm Gemm Softmax",
                                            "Gemm Relu Gemm Softmax",
                                            "Gemm LeakyRelu Gemm Softmax",
                                            "Gemm Elu Gemm Softmax",
                                            "Gemm Mul Erf Add Mul Mul Gemm Softmax",
                                            "Gemm Sigmoid Mul Gemm Softmax",
                                            "Gemm Sigmoid Gemm Softmax",
                                            "Gemm Tanh Gemm Softmax",
                                            "Gemm Softplus Gemm Softmax"};
    float W[3 * 33], b[33];
    char text[200];
    bp_error error;

    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        bp_network *network = make_network(activations[i]);
        unsigned char *bytes;
        cr_assert_eq(bp_model_export("m.onnx", network, NULL, NULL, NULL, &error), BP_OK, "%s", error.text);
        message graph = read_graph("m.onnx", &bytes);
        operators_of(graph, text, sizeof text);
        cr_assert_str_eq(text, operators[i]);
        cr_assert_eq(bp_network_get(network, 0, W, b, NULL), BP_OK);
        expect_tensor(graph, "W1", 1, W, sizeof W);
        expect_tensor(graph, "b1", 1, b, sizeof b);
        cr_assert_eq(bp_network_get(network, 1, W, b, NULL), BP_OK);
        expect_tensor(graph, "W2", 1, W, 66 * sizeof *W);
        free(bytes);
        bp_network_free(network);
    }
}

Test(onnx, numbers_of_the_encoder_stand_around_a_regression)
{
    static char *names[] = {"age", "age=missing", "weight"};
    static const double mean[] = {40.5, 0, 0.1}, scale[] = {12.25, 1, 2}, target_mean = 3, target_scale = 4;
    bp_feature features[] = {{.name = "age", .mean = 40.5, .scale = 12.25, .fill = 40.5, .has_missing = true, .first = 0},
                             {.name = "weight", .mean = 0.1, .scale = 2, .first = 2}};
    bp_target targets[] = {{"y", 3, 4}};
    bp_encoder encoder = {.task = BP_TASK_REGRESSION,
                          .features = features,
                          .feature_count = 2,
                          .targets = targets,
                          .target_count = 1,
                          .inputs = 3,
                          .outputs = 1,
                          .input_names = names};
    bp_settings settings = make_settings("4", "relu", "squared_error");
    bp_network *network;
    bp_error error;
    unsigned char *bytes;
    char text[200];

    cr_assert_eq(bp_network_create(&settings, 3, 1, NULL, &network, NULL), BP_OK);
    cr_assert_eq(bp_model_export("m.onnx", network, &encoder, NULL, NULL, &error), BP_OK, "%s", error.text);
    message graph = read_graph("m.onnx", &bytes);
    operators_of(graph, text, sizeof text);
    cr_assert_str_eq(text, "Sub Div Cast Gemm Relu Gemm Cast Mul Add");
    expect_tensor(graph, "mean", 11, mean, sizeof mean);
    expect_tensor(graph, "scale", 11, scale, sizeof scale);
    expect_tensor(graph, "target_mean", 11, &target_mean, sizeof target_mean);
    expect_tensor(graph, "target_scale", 11, &target_scale, sizeof target_scale);
    free(bytes);
    bp_network_free(network);
}
