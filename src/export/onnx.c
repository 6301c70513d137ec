/* A model as ONNX: the graph of its layers, with the numbers of its encoder around it; docs/export.md tells what goes in and out.
 * Field numbers are those of onnx.proto.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "export.h"
#include "file.h"
#include "input_scale.h"
#include "memory.h"
#include "model.h"
#include "network.h"
#include "protobuf.h"
#include "size.h"

#define IR_VERSION 8
#define OPSET 13 /* the oldest with all that is used */

enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14
};
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_TYPE = 20, TYPE_FLOAT = 1, TYPE_INT = 2 };
enum { TENSOR_DIMENSIONS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_DATA = 9, FLOAT = 1, DOUBLE = 11 };

typedef char value_name[24]; /* of a value that flows from node to node */

typedef struct writing {
    bp_protobuf p;
    const bp_network *network;
    const bp_encoder *encoder; /* may be NULL */
    void *memory;
    size_t memory_size;
    float *W, *b;    /* of the largest layer */
    double *numbers; /* of the encoder: [inputs] or [targets] */
    value_name last; /* the value that has been computed last */
    unsigned values; /* how many there are */
} writing;

/* ------------------------------------------------------------------------------------------------------------- pieces */

static void add_tensor(writing *w, const char *name, unsigned type, uint64_t rows, uint64_t columns, const void *data)
{
    size_t opened = bp_protobuf_open(&w->p, GRAPH_INITIALIZER);
    size_t count = (size_t)(columns ? rows * columns : rows);

    if (rows)
        bp_protobuf_number(&w->p, TENSOR_DIMENSIONS, rows);
    if (columns)
        bp_protobuf_number(&w->p, TENSOR_DIMENSIONS, columns);
    bp_protobuf_number(&w->p, TENSOR_TYPE, type);
    bp_protobuf_text(&w->p, TENSOR_NAME, name);
    bp_protobuf_bytes(&w->p, TENSOR_DATA, data, (rows ? count : 1) * (type == FLOAT ? sizeof(float) : sizeof(double)));
    bp_protobuf_close(&w->p, opened);
}

/* A node's one attribute. */
typedef struct attribute {
    const char *name; /* NULL: none */
    unsigned type;
    uint64_t integer;
    float number;
} attribute;

static void add_attribute(writing *w, attribute a)
{
    size_t opened = bp_protobuf_open(&w->p, NODE_ATTRIBUTE);

    bp_protobuf_text(&w->p, ATTRIBUTE_NAME, a.name);
    if (a.type == TYPE_FLOAT)
        bp_protobuf_float(&w->p, ATTRIBUTE_FLOAT, a.number);
    else
        bp_protobuf_number(&w->p, ATTRIBUTE_INT, a.integer);
    bp_protobuf_number(&w->p, ATTRIBUTE_TYPE, a.type);
    bp_protobuf_close(&w->p, opened);
}

/* A node of the values left, and right and third unless NULL. Its result is the last value. */
static void add_node(writing *w, const char *operator, const char * left, const char *right, const char *third, attribute a)
{
    size_t opened = bp_protobuf_open(&w->p, GRAPH_NODE);

    bp_protobuf_text(&w->p, NODE_INPUT, left);
    if (right)
        bp_protobuf_text(&w->p, NODE_INPUT, right);
    if (third)
        bp_protobuf_text(&w->p, NODE_INPUT, third);
    snprintf(w->last, sizeof w->last, "v%u", ++w->values);
    bp_protobuf_text(&w->p, NODE_OUTPUT, w->last);
    bp_protobuf_text(&w->p, NODE_OPERATOR, operator);
    if (a.name)
        add_attribute(w, a);
    bp_protobuf_close(&w->p, opened);
}

/* Of the last value, and another one unless NULL. */
static void apply(writing *w, const char *operator, const char * right)
{
    value_name left;

    memcpy(left, w->last, sizeof left);
    add_node(w, operator, left, right, NULL, (attribute){0});
}

static void cast(writing *w, const char *from, unsigned type)
{
    add_node(w, "Cast", from, NULL, NULL, (attribute){.name = "to", .type = TYPE_INT, .integer = type});
}

/* x or y [rows, columns], with any number of rows. */
static void add_value(writing *w, unsigned field, const char *name, unsigned type, uint32_t columns)
{
    bp_protobuf *p = &w->p;
    size_t value = bp_protobuf_open(p, field), of_type, tensor, shape, dimension;

    bp_protobuf_text(p, 1, name);
    of_type = bp_protobuf_open(p, 2);
    tensor = bp_protobuf_open(p, 1);
    bp_protobuf_number(p, 1, type);
    shape = bp_protobuf_open(p, 2);
    dimension = bp_protobuf_open(p, 1);
    bp_protobuf_text(p, 2, "rows");
    bp_protobuf_close(p, dimension);
    dimension = bp_protobuf_open(p, 1);
    bp_protobuf_number(p, 1, columns);
    bp_protobuf_close(p, dimension);
    bp_protobuf_close(p, shape);
    bp_protobuf_close(p, tensor);
    bp_protobuf_close(p, of_type);
    bp_protobuf_close(p, value);
}

static void add_pair(writing *w, const char *kind, uint32_t number, const char *value)
{
    size_t opened = bp_protobuf_open(&w->p, MODEL_METADATA);
    value_name key;

    snprintf(key, sizeof key, "%s.%lu", kind, (unsigned long)number + 1);
    bp_protobuf_text(&w->p, 1, key);
    bp_protobuf_text(&w->p, 2, value);
    bp_protobuf_close(&w->p, opened);
}

/* -------------------------------------------------------------------------------------------------------------- graph */

/* gelu and silu are made of several operators: z (1 + erf(z / sqrt 2)) / 2, z / (1 + e^-z). */
static void add_gelu(writing *w)
{
    value_name z;

    memcpy(z, w->last, sizeof z);
    apply(w, "Mul", "root");
    apply(w, "Erf", NULL);
    apply(w, "Add", "one");
    apply(w, "Mul", z);
    apply(w, "Mul", "half");
}

static void add_silu(writing *w)
{
    value_name z;

    memcpy(z, w->last, sizeof z);
    apply(w, "Sigmoid", NULL);
    apply(w, "Mul", z);
}

static void add_gelu_constants(writing *w)
{
    static const float root = 0x1.6a09e6p-1f, one = 1, half = 0.5f; /* 1 / sqrt 2 */

    add_tensor(w, "root", FLOAT, 0, 0, &root);
    add_tensor(w, "one", FLOAT, 0, 0, &one);
    add_tensor(w, "half", FLOAT, 0, 0, &half);
}

static void add_activation(writing *w, bp_activation activation)
{
    static const char *const operators[] = {
        [BP_RELU] = "Relu", [BP_SIGMOID] = "Sigmoid", [BP_TANH] = "Tanh", [BP_ELU] = "Elu", [BP_SOFTPLUS] = "Softplus"};
    value_name z;

    memcpy(z, w->last, sizeof z);
    if (activation == BP_LEAKY_RELU)
        add_node(w, "LeakyRelu", z, NULL, NULL, (attribute){.name = "alpha", .type = TYPE_FLOAT, .number = 0.01f});
    else if (activation == BP_GELU)
        add_gelu(w);
    else if (activation == BP_SILU)
        add_silu(w);
    else if (activation != BP_IDENTITY)
        apply(w, operators[activation], NULL);
}

static void add_layer(writing *w, uint32_t layer)
{
    bp_layer_info info = {0};
    value_name a, W, b;

    (void)bp_network_layer(w->network, layer, &info, NULL); /* there is such a layer */
    (void)bp_network_get(w->network, layer, w->W, w->b, NULL);
    snprintf(W, sizeof W, "W%lu", (unsigned long)layer + 1);
    snprintf(b, sizeof b, "b%lu", (unsigned long)layer + 1);
    add_tensor(w, W, FLOAT, info.inputs, info.outputs, w->W);
    add_tensor(w, b, FLOAT, info.outputs, 0, w->b);
    memcpy(a, w->last, sizeof a);
    add_node(w, "Gemm", a, W, b, (attribute){0});
    if (layer + 1 < bp_network_layers(w->network))
        add_activation(w, (bp_activation)info.activation);
}

static void add_scaling(writing *w)
{
    size_t inputs = w->encoder->inputs;

    for (size_t i = 0; i < inputs; i++)
        w->numbers[i] = bp_input_scale_of(w->encoder, i).mean;
    add_tensor(w, "mean", DOUBLE, inputs, 0, w->numbers);
    for (size_t i = 0; i < inputs; i++)
        w->numbers[i] = bp_input_scale_of(w->encoder, i).scale;
    add_tensor(w, "scale", DOUBLE, inputs, 0, w->numbers);
    apply(w, "Sub", "mean");
    apply(w, "Div", "scale");
    cast(w, w->last, FLOAT);
}

/* To the targets' own units, in double. */
static void add_unscaling(writing *w)
{
    size_t targets = w->encoder->target_count;
    value_name y;

    for (size_t i = 0; i < targets; i++)
        w->numbers[i] = w->encoder->targets[i].scale;
    add_tensor(w, "target_scale", DOUBLE, targets, 0, w->numbers);
    for (size_t i = 0; i < targets; i++)
        w->numbers[i] = w->encoder->targets[i].mean;
    add_tensor(w, "target_mean", DOUBLE, targets, 0, w->numbers);
    memcpy(y, w->last, sizeof y);
    cast(w, y, DOUBLE);
    apply(w, "Mul", "target_scale");
    apply(w, "Add", "target_mean");
}

/* The last value becomes y. */
static void add_prediction(writing *w)
{
    bp_loss loss = bp_network_loss(w->network);
    value_name z;

    memcpy(z, w->last, sizeof z);
    if (loss == BP_CROSS_ENTROPY)
        add_node(w, "Softmax", z, NULL, NULL, (attribute){.name = "axis", .type = TYPE_INT, .integer = 1});
    else if (loss == BP_BINARY_CROSS_ENTROPY)
        apply(w, "Sigmoid", NULL);
    else if (loss == BP_POISSON)
        apply(w, "Exp", NULL);
}

static void add_graph(writing *w)
{
    uint32_t layers = bp_network_layers(w->network);
    bool values = w->encoder && !w->encoder->class_count;
    bp_layer_info first = {0}, last = {0};
    size_t opened = bp_protobuf_open(&w->p, MODEL_GRAPH);

    (void)bp_network_layer(w->network, 0, &first, NULL);
    (void)bp_network_layer(w->network, layers - 1, &last, NULL);
    bp_protobuf_text(&w->p, GRAPH_NAME, "model");
    add_value(w, GRAPH_INPUT, "x", w->encoder ? DOUBLE : FLOAT, first.inputs);
    if (bp_model_activation(w->network) == BP_GELU)
        add_gelu_constants(w);
    if (w->encoder)
        add_scaling(w);
    for (uint32_t i = 0; i < layers; i++)
        add_layer(w, i);
    add_prediction(w);
    if (values)
        add_unscaling(w);
    add_value(w, GRAPH_OUTPUT, w->last, values ? DOUBLE : FLOAT, last.outputs);
    bp_protobuf_close(&w->p, opened);
}

/* -------------------------------------------------------------------------------------------------------------- whole */

static void add_names(writing *w)
{
    bp_encoder_info info;

    bp_encoder_describe(w->encoder, &info);
    for (uint32_t i = 0; i < info.inputs; i++)
        add_pair(w, "input", i, bp_encoder_input(w->encoder, i));
    for (uint32_t i = 0; i < info.classes; i++)
        add_pair(w, "class", i, bp_encoder_class(w->encoder, i));
    for (uint32_t i = 0; i < info.targets; i++)
        add_pair(w, "target", i, bp_encoder_target(w->encoder, i));
}

static void carve(writing *w, bp_arena *arena)
{
    size_t weights = 0, widest = 0;

    for (uint32_t i = 0; i < bp_network_layers(w->network); i++) {
        bp_layer_info info = {0};
        (void)bp_network_layer(w->network, i, &info, NULL);
        weights = bp_size_max(weights, (size_t)info.inputs * info.outputs);
        widest = bp_size_max(widest, info.outputs);
    }
    w->W = bp_arena_take(arena, weights, sizeof *w->W);
    w->b = bp_arena_take(arena, widest, sizeof *w->b);
    w->numbers =
        bp_arena_take(arena, w->encoder ? bp_size_max(w->encoder->inputs, w->encoder->target_count) : 0, sizeof *w->numbers);
}

static bp_status take_memory(writing *w, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(w, &arena);
    w->memory = bp_arena_commit(&arena, &w->p.allocator, &w->memory_size);
    if (!w->memory)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", w->memory_size);
    carve(w, &arena);
    return BP_OK;
}

static bp_status write_all(writing *w, bp_error *error)
{
    size_t opened;

    BP_TRY(bp_network_check_encoder(w->network, w->encoder, error));
    BP_TRY(take_memory(w, error));
    bp_protobuf_number(&w->p, MODEL_IR_VERSION, IR_VERSION);
    bp_protobuf_text(&w->p, MODEL_PRODUCER, "backprop");
    bp_protobuf_text(&w->p, MODEL_PRODUCER_VERSION, bp_version());
    opened = bp_protobuf_open(&w->p, MODEL_OPSET);
    bp_protobuf_text(&w->p, 1, ""); /* of ONNX itself */
    bp_protobuf_number(&w->p, 2, OPSET);
    bp_protobuf_close(&w->p, opened);
    add_graph(w);
    if (w->encoder)
        add_names(w);
    return w->p.status;
}

bp_status bp_export_onnx(const char *path, const bp_network *network, const bp_encoder *encoder, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(NULL);
    writing w = {.p = {.allocator = memory, .error = error}, .network = network, .encoder = encoder, .last = "x"};
    bp_status status = write_all(&w, error);

    if (status == BP_OK)
        status = bp_file_replace(path, &(bp_file_piece){w.p.bytes, w.p.length}, 1, error);
    bp_release(&memory, w.memory, w.memory_size);
    bp_protobuf_free(&w.p);
    return status;
}
