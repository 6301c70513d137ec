/* npz: NumPy's arrays, each a .npy file, in a ZIP archive without compression, as numpy.savez writes it.
 *
 *      | local header, NAME.npy | .npy header, elements | ... | directory: an entry for each | end |
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_NPZ_H
#define BP_NPZ_H

#include "safetensors.h"

/* Writes F32 and F64 tensors of rank 1 or 2 by bp_file_replace, with names of up to 64 bytes. Equal tensors give equal files:
 * entries carry ZIP's first day instead of a time. BP_INVALID from 4 GiB on, which ZIP does not reach without extensions. */
bp_status bp_npz_write(const char *path, const bp_tensor *tensors, size_t count, const bp_allocator *allocator, bp_error *error);

#endif
