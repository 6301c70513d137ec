/* The forms of a model beside its own, one file for each.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_EXPORT_H
#define BP_EXPORT_H

#include "backprop.h"

/* C99 source. `prefix` is bp_model_export's. */
bp_status bp_export_c(const char *path, const bp_network *network, const bp_encoder *encoder, const char *prefix, bp_error *error);

/* Arrays for NumPy: weights, and numbers of the encoder. */
bp_status bp_export_npz(const char *path, const bp_network *network, const bp_encoder *encoder, bp_error *error);

/* A graph for ONNX. */
bp_status bp_export_onnx(const char *path, const bp_network *network, const bp_encoder *encoder, bp_error *error);

#endif
