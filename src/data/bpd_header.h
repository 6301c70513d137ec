/* The header of a .bpd file: read as if anybody had made it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_BPD_HEADER_H
#define BP_BPD_HEADER_H

#include "dataset.h"

/* Rows and columns of the file of `size` bytes, their data NULL, for an empty data set. *end: where the header ends. */
bp_status bp_bpd_read_header(bp_dataset *dataset, int fd, uint64_t size, uint64_t *end, bp_error *error);

#endif
