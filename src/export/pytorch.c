/* The network as Python source: the equal torch.nn.Sequential, and what stands around it in the encoder.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "encoder.h"
#include "input_scale.h"
#include "model.h"
#include "text.h"
#include "writer.h"

/* A Python string; UTF-8 stands as it is, but for control characters, which a terminal would obey. */
static void add_string(bp_writer *s, const char *string)
{
    bp_write(s, "\"");
    for (const unsigned char *c = (const unsigned char *)string; *c; c++)
        if (*c == '"' || *c == '\\')
            bp_write(s, "\\%c", *c);
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080 to U+009F */
            bp_write(s, "\\x%02x", (unsigned)*++c);
        else if (*c < 0x20 || *c == 0x7f)
            bp_write(s, "\\x%02x", (unsigned)*c);
        else
            bp_write(s, "%c", *c);
    bp_write(s, "\"");
}

static void add_number(bp_writer *s, double value)
{
    char text[32];

    bp_text_f64(value, text);
    bp_write(s, "%s", text);
}

/* ---------------------------------------------------------------------------------------------------------- network */

/* The class of torch.nn; NULL for the identity, which needs none. */
static const char *module_of(bp_activation activation)
{
    static const char *const modules[] = {[BP_IDENTITY] = NULL,     [BP_RELU] = "ReLU", [BP_LEAKY_RELU] = "LeakyReLU",
                                          [BP_SIGMOID] = "Sigmoid", [BP_TANH] = "Tanh", [BP_ELU] = "ELU",
                                          [BP_GELU] = "GELU",       [BP_SILU] = "SiLU", [BP_SOFTPLUS] = "Softplus"};
    return modules[activation];
}

static void add_network(bp_writer *s, const bp_network *network)
{
    uint32_t layers = bp_network_layers(network);

    bp_write(s, "model = nn.Sequential(\n");
    for (uint32_t layer = 0; layer < layers; layer++) {
        bp_layer_info info = {0};
        (void)bp_network_layer(network, layer, &info, NULL); /* there is such a layer */
        const char *module = module_of((bp_activation)info.activation);
        bp_write(s, "    nn.Linear(%lu, %lu),\n", (unsigned long)info.inputs, (unsigned long)info.outputs);
        if (layer + 1 < layers && module)
            bp_write(s, "    nn.%s(),\n", module);
        if (layer + 1 < layers && bp_model_dropout(network) > 0.0) {
            bp_write(s, "    nn.Dropout(");
            add_number(s, bp_model_dropout(network));
            bp_write(s, "),\n");
        }
    }
    bp_write(s, ")\nmodel.load_state_dict(load_file(\"model.safetensors\"))\nmodel.eval()\n");
}

/* ---------------------------------------------------------------------------------------------------------- encoder */

/* The number behind each element of a list. */
typedef double number_of(const bp_encoder *encoder, size_t index);

static double input_mean(const bp_encoder *encoder, size_t input)
{
    return bp_input_scale_of(encoder, input).mean;
}

static double input_scale(const bp_encoder *encoder, size_t input)
{
    return bp_input_scale_of(encoder, input).scale;
}

static double input_fill(const bp_encoder *encoder, size_t input)
{
    return bp_input_scale_of(encoder, input).fill;
}

static double target_mean(const bp_encoder *encoder, size_t target)
{
    return encoder->targets[target].mean;
}

static double target_scale(const bp_encoder *encoder, size_t target)
{
    return encoder->targets[target].scale;
}

/* One number where all are the same: 784 times 255 is nothing to read. */
static void add_numbers(bp_writer *s, const char *name, const bp_encoder *encoder, size_t count, number_of *number)
{
    bool same = true;

    for (size_t i = 1; i < count; i++)
        same = same && number(encoder, i) == number(encoder, 0);
    bp_write(s, "%s = torch.tensor([", name);
    for (size_t i = 0; i < (same ? 1 : count); i++) {
        bp_write(s, i ? ", " : "");
        add_number(s, number(encoder, i));
    }
    bp_write(s, "], dtype=torch.float64)\n");
}

typedef const char *name_of(const bp_encoder *encoder, uint32_t index);

static void add_names(bp_writer *s, const char *variable, const bp_encoder *encoder, uint32_t count, name_of *name)
{
    bp_write(s, "%s = [", variable);
    for (uint32_t i = 0; i < count; i++) {
        bp_write(s, i ? ", " : "");
        add_string(s, name(encoder, i));
    }
    bp_write(s, "]\n");
}

static void add_encoder(bp_writer *s, const bp_encoder *encoder)
{
    bp_write(s, "\n# columns of x, and what each becomes: (x - mean) / scale; NAME=CATEGORY is 1 for that category, else 0\n");
    if (bp_input_scale_fills(encoder))
        bp_write(s, "# a missing number is fill in x, and 1 in NAME=missing\n");
    add_names(s, "inputs", encoder, encoder->inputs, bp_encoder_input);
    add_numbers(s, "mean", encoder, encoder->inputs, input_mean);
    add_numbers(s, "scale", encoder, encoder->inputs, input_scale);
    if (bp_input_scale_fills(encoder))
        add_numbers(s, "fill", encoder, encoder->inputs, input_fill);
    if (encoder->class_count) {
        add_names(s, "classes", encoder, (uint32_t)encoder->class_count, bp_encoder_class);
        return;
    }
    add_names(s, "targets", encoder, (uint32_t)encoder->target_count, bp_encoder_target);
    add_numbers(s, "target_mean", encoder, encoder->target_count, target_mean);
    add_numbers(s, "target_scale", encoder, encoder->target_count, target_scale);
}

static void add_predict(bp_writer *s, const bp_network *network, const bp_encoder *encoder)
{
    bp_loss loss = bp_network_loss(network);

    bp_write(s, "\n\ndef predict(x):\n    z = model(%s)\n", encoder ? "((x.double() - mean) / scale).float()" : "x.float()");
    if (loss == BP_CROSS_ENTROPY)
        bp_write(s, "    return z.softmax(dim=1)\n");
    else if (loss == BP_BINARY_CROSS_ENTROPY)
        bp_write(s, "    return z.sigmoid()\n");
    else if (loss == BP_POISSON)
        bp_write(s, "    return z.exp()\n");
    else
        bp_write(s, encoder && !encoder->class_count ? "    return z.double() * target_scale + target_mean\n" : "    return z\n");
}

size_t bp_model_pytorch(const bp_network *network, const bp_encoder *encoder, char *text, size_t capacity)
{
    bp_writer s = {.text = text, .capacity = capacity};

    bp_write(&s, "import torch\nfrom torch import nn\nfrom safetensors.torch import load_file\n\n");
    add_network(&s, network);
    if (encoder)
        add_encoder(&s, encoder);
    add_predict(&s, network, encoder);
    return s.length;
}
