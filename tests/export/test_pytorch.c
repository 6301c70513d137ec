/* Tests of the Python source: what it says of networks and encoders, and how it is cut.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "encoder.h"

static bp_network *make_network(const char *hidden, bp_activation activation, bp_loss loss, uint32_t inputs, uint32_t outputs)
{
    bp_settings settings;
    bp_network *network;

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_settings_set(&settings, "hidden", hidden, NULL), BP_OK);
    settings.given = 0;
    settings.activation = (int32_t)activation;
    settings.loss = (int32_t)loss;
    cr_assert_eq(bp_network_create(&settings, inputs, outputs, NULL, &network, NULL), BP_OK);
    return network;
}

Test(pytorch, a_network_alone_is_a_sequential_with_its_softmax)
{
    bp_network *network = make_network("4,3", BP_LEAKY_RELU, BP_CROSS_ENTROPY, 5, 2);
    char text[4096];
    static const char expected[] = "import torch\n"
                                   "from torch import nn\n"
                                   "from safetensors.torch import load_file\n"
                                   "\n"
                                   "model = nn.Sequential(\n"
                                   "    nn.Linear(5, 4),\n"
                                   "    nn.LeakyReLU(),\n"
                                   "    nn.Linear(4, 3),\n"
                                   "    nn.LeakyReLU(),\n"
                                   "    nn.Linear(3, 2),\n"
                                   ")\n"
                                   "model.load_state_dict(load_file(\"model.safetensors\"))\n"
                                   "model.eval()\n"
                                   "\n\n"
                                   "def predict(x):\n"
                                   "    z = model(x.float())\n"
                                   "    return z.softmax(dim=1)\n";

    cr_assert_eq(bp_model_pytorch(network, NULL, text, sizeof text), strlen(expected));
    cr_assert_str_eq(text, expected);
    bp_network_free(network);
}

Test(pytorch, every_activation_has_its_module)
{
    static const char *const modules[] = {[BP_RELU] = "ReLU",       [BP_LEAKY_RELU] = "LeakyReLU",
                                          [BP_SIGMOID] = "Sigmoid", [BP_TANH] = "Tanh",
                                          [BP_ELU] = "ELU",         [BP_GELU] = "GELU",
                                          [BP_SILU] = "SiLU",       [BP_SOFTPLUS] = "Softplus"};
    char text[4096], line[40];

    for (bp_activation activation = BP_RELU; activation <= BP_SOFTPLUS; activation++) {
        bp_network *network = make_network("4", activation, BP_SQUARED_ERROR, 5, 2);
        bp_model_pytorch(network, NULL, text, sizeof text);
        snprintf(line, sizeof line, "    nn.%s(),\n", modules[activation]);
        cr_assert(strstr(text, line), "%s in %s", line, text);
        bp_network_free(network);
    }
}

Test(pytorch, an_identity_is_no_module)
{
    bp_network *network = make_network("4", BP_IDENTITY, BP_BINARY_CROSS_ENTROPY, 5, 1);
    char text[4096];

    bp_model_pytorch(network, NULL, text, sizeof text);
    cr_assert(strstr(text, "nn.Linear(5, 4),\n    nn.Linear(4, 1),\n)"), "%s", text);
    cr_assert(strstr(text, "z.sigmoid()"));
    bp_network_free(network);
}

Test(pytorch, a_regression_is_scaled_before_and_after)
{
    static char *categories[] = {"\"red\"", "b\\\n"}, *names[] = {"age", "colour=\"red\"", "colour=b\\\n", "weight"};
    bp_feature features[] = {{.name = "age", .mean = 40.5, .scale = 12.25, .first = 0},
                             {.name = "colour", .scale = 1, .categories = categories, .category_count = 2, .first = 1},
                             {.name = "weight", .mean = 0.1, .scale = 2, .first = 3}};
    bp_target targets[] = {{"y1", 3, 2}, {"y2", -1e-8, 2}};
    bp_encoder encoder = {.task = BP_TASK_REGRESSION,
                          .features = features,
                          .feature_count = 3,
                          .targets = targets,
                          .target_count = 2,
                          .inputs = 4,
                          .outputs = 2,
                          .input_names = names};
    bp_network *network = make_network("4", BP_TANH, BP_SQUARED_ERROR, 4, 2);
    char text[4096];

    bp_model_pytorch(network, &encoder, text, sizeof text);
    cr_assert(strstr(text, "\ninputs = [\"age\", \"colour=\\\"red\\\"\", \"colour=b\\\\\\x0a\", \"weight\"]\n"), "%s", text);
    cr_assert(strstr(text, "\nmean = torch.tensor([40.5, 0, 0, 0.1], dtype=torch.float64)\n"), "%s", text);
    cr_assert(strstr(text, "\nscale = torch.tensor([12.25, 1, 1, 2], dtype=torch.float64)\n"), "%s", text);
    cr_assert(strstr(text, "\ntarget_mean = torch.tensor([3, -1e-08], dtype=torch.float64)\n"), "%s", text);
    cr_assert(strstr(text, "\ntarget_scale = torch.tensor([2], dtype=torch.float64)\n"), "%s", text);
    cr_assert(strstr(text, "    return z.double() * target_scale + target_mean\n"), "%s", text);
    bp_network_free(network);
}

Test(pytorch, text_is_cut_at_the_capacity_and_counted_whole)
{
    bp_network *network = make_network("4", BP_RELU, BP_SQUARED_ERROR, 5, 1);
    char whole[4096], cut[4096];
    size_t length = bp_model_pytorch(network, NULL, whole, sizeof whole);

    for (size_t capacity = 0; capacity <= length + 1; capacity++) {
        memset(cut, '#', sizeof cut);
        cr_assert_eq(bp_model_pytorch(network, NULL, cut, capacity), length);
        if (capacity > 0) {
            cr_assert_eq(strlen(cut), capacity - 1);
            cr_assert_eq(memcmp(cut, whole, capacity - 1), 0);
        }
        cr_assert_eq(cut[capacity], '#');
    }
    bp_network_free(network);
}

Test(pytorch, dropout_is_a_module_behind_each_activation)
{
    bp_settings settings;
    bp_network *network;
    char text[4096];

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_settings_set(&settings, "hidden", "4,3", NULL), BP_OK);
    settings.dropout = 0.25;
    cr_assert_eq(bp_network_create(&settings, 5, 1, NULL, &network, NULL), BP_OK);
    bp_model_pytorch(network, NULL, text, sizeof text);
    cr_assert(strstr(text, "nn.ReLU(),\n    nn.Dropout(0.25),\n    nn.Linear(4, 3),\n    nn.ReLU(),\n    nn.Dropout(0.25),\n    "
                           "nn.Linear(3, 1),\n)"),
              "%s", text);
    bp_network_free(network);
}
