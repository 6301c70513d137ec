/* Stands for npz_file.c where BP_EMBEDDED leaves zlib out, whose CRC-32 a ZIP archive needs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "export.h"

bp_status bp_export_npz(const char *path, const bp_network *network, const bp_encoder *encoder, bp_error *error)
{
    (void)network;
    (void)encoder;
    return bp_fail(error, BP_INVALID,
                   "%s: this build of libbackprop writes no .npz (BP_EMBEDDED): .safetensors holds the same weights", path);
}
