/* A network's shape from --layers N,N,..., and random examples for it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "shape.h"

#include <string.h>

#include "message.h"
#include "options.h"
#include "random.h"

int bp_shape_read(const bp_arguments *arguments, const char *fallback, bp_shape *shape)
{
    const char *text = arguments->option[BP_OPTION_LAYERS] ? arguments->option[BP_OPTION_LAYERS] : fallback;
    uint64_t widths[BP_HIDDEN_MAX + 2];
    size_t count = bp_option_list(text, 1, (uint64_t)1 << 24, widths, BP_HIDDEN_MAX + 2);
    bp_error error;

    if (count < 2)
        return bp_say_usage(arguments->command, "--layers '%.100s': expected sizes such as 784,512,10", text);
    shape->settings = arguments->settings;
    shape->inputs = (uint32_t)widths[0];
    shape->outputs = (uint32_t)widths[count - 1];
    shape->settings.hidden_count = (uint32_t)count - 2;
    for (size_t i = 0; i + 2 < count; i++)
        shape->settings.hidden[i] = (uint32_t)widths[i + 1];
    if (shape->settings.loss == BP_LOSS_AUTO)
        shape->settings.loss = shape->outputs > 1 ? BP_CROSS_ENTROPY : BP_SQUARED_ERROR;
    if (bp_settings_check(&shape->settings, &error) != BP_OK)
        return bp_say_error(arguments, &error);
    if (shape->settings.loss == BP_CROSS_ENTROPY && shape->outputs < 2)
        return bp_say_usage(arguments->command, "--loss cross_entropy needs two outputs or more");
    return BP_EXIT_DONE;
}

static float target(bp_loss loss, philox4x32_ctr_t bits)
{
    double unit = bp_random_unit(bits);
    if (loss == BP_POISSON)
        return (float)(int)(4 * unit);
    return loss == BP_BINARY_CROSS_ENTROPY ? (float)(unit < 0.5) : (float)(2 * unit - 1);
}

void bp_shape_fill(const bp_shape *shape, uint64_t rows, float *x, float *y)
{
    uint64_t seed = shape->settings.seed, inputs = shape->inputs, outputs = shape->outputs;

    for (uint64_t i = 0; i < rows * inputs; i++)
        x[i] = (float)(2 * bp_random_unit(bp_random(seed, BP_STREAM_BENCH, 0, 0, i)) - 1);
    memset(y, 0, rows * outputs * sizeof *y);
    for (uint64_t row = 0; row < rows; row++) {
        if (shape->settings.loss == BP_CROSS_ENTROPY)
            y[row * outputs + bp_random_below(bp_random(seed, BP_STREAM_BENCH, 0, 1, row), outputs)] = 1;
        else
            for (uint64_t i = row * outputs; i < (row + 1) * outputs; i++)
                y[i] = target((bp_loss)shape->settings.loss, bp_random(seed, BP_STREAM_BENCH, 0, 1, i));
    }
}
