/* backprop export: a model in another form, by the end of the output's name.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "message.h"
#include "places.h"

static int export(const bp_arguments *arguments, const char *path)
{
    bp_network *network;
    bp_encoder *encoder;
    bp_settings settings;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    if (bp_model_load(arguments->operands[0], NULL, &network, &encoder, &settings, &error) != BP_OK)
        return bp_say_input_error(arguments, &error);
    bp_status status = bp_model_export(path, network, encoder, &settings, arguments->option[BP_OPTION_NAME], &error);
    bp_encoder_free(encoder);
    bp_network_free(network);
    return status == BP_OK ? BP_EXIT_DONE : bp_say_error(arguments, &error);
}

static int run(bp_arguments *arguments)
{
    const char *path = arguments->option[BP_OPTION_OUTPUT_EXPORT];
    const char *suffix = path ? strrchr(path, '.') : NULL;
    int code = bp_places_check(arguments);

    if (code != BP_EXIT_DONE)
        return code;
    if (!path)
        return bp_say_usage(
            arguments->command,
            "--output FILE is needed; the end of its name says what the model becomes: .c, .npz, .onnx or .safetensors");
    if (arguments->option[BP_OPTION_NAME] && (!suffix || strcmp(suffix, ".c") != 0))
        return bp_say_usage(arguments->command, "--name is for C source alone, and %s is none", path);
    return export(arguments, path);
}

static const char *const settings[] = {NULL};
static const bp_option_id options[] = {BP_OPTION_OUTPUT_EXPORT, BP_OPTION_NAME, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_export = {
    "export", "MODEL -o FILE", "the model as C source, as NumPy arrays, as ONNX, or another copy of it", 1, 1, settings, options,
    run};
