/* A network's shape from --layers N,N,...
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SHAPE_H
#define BP_SHAPE_H

#include "command.h"

typedef struct bp_shape {
    uint32_t inputs;
    uint32_t outputs;
    bp_settings settings; /* hidden filled in, loss settled */
} bp_shape;

/* From --layers, or `fallback` where it is not given. The exit code. */
int bp_shape_read(const bp_arguments *arguments, const char *fallback, bp_shape *shape);

/* Random inputs in (-1, 1) and targets that fit the loss: x [rows, inputs], y [rows, outputs]. */
void bp_shape_fill(const bp_shape *shape, uint64_t rows, float *x, float *y);

#endif
