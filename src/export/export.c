/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "float_state.h"

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length > tail && strcmp(path + length - tail, suffix) == 0;
}

static BP_OUT_OF_LINE bp_status export(const char *path, const bp_network *network, const bp_encoder *encoder,
                                       const bp_settings *settings, const char *prefix, bp_error *error)
{
    if (ends_with(path, ".c"))
        return bp_export_c(path, network, encoder, prefix, error);
    if (prefix)
        return bp_fail(error, BP_INVALID, "%s: a name is for C source alone", path);
    if (ends_with(path, ".onnx"))
        return bp_export_onnx(path, network, encoder, error);
    if (ends_with(path, ".npz"))
        return bp_export_npz(path, network, encoder, error);
    if (ends_with(path, ".safetensors"))
        return bp_model_save(path, network, encoder, settings, error);
    return bp_fail(error, BP_INVALID, "%s: the end of the name says what a model becomes: .c, .npz, .onnx or .safetensors", path);
}

bp_status bp_model_export(const char *path, const bp_network *network, const bp_encoder *encoder, const bp_settings *settings,
                          const char *prefix, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = export(path, network, encoder, settings, prefix, error);
    bp_float_end(host);
    return status;
}
