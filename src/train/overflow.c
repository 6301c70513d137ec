/* SPDX-License-Identifier: Apache-2.0 */
#include "overflow.h"

#include "error.h"
#include "finite.h"

/* The first layer, counted from 1; 0: none. */
static uint32_t find_layer(const bp_trainer *trainer)
{
    const float *blocks[] = {trainer->network->parameters, trainer->moments.first, trainer->moments.second};

    for (uint32_t i = 0; i < trainer->network->layout.layers; i++) {
        const bp_layer *layer = &trainer->network->layout.layer[i];
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
            if (blocks[b] && !bp_all_finite(blocks[b] + layer->w, bp_layer_floats(layer)))
                return i + 1;
    }
    return 0;
}

bp_status bp_overflow_check(const bp_trainer *trainer, bp_error *error)
{
    uint32_t layer = find_layer(trainer);

    if (!layer)
        return BP_OK;
    bp_status status =
        bp_fail(error, BP_DIVERGED, "step %llu: the update of layer %u is not finite", (unsigned long long)trainer->updates, layer);
    if (error) {
        error->step = trainer->updates;
        error->layer = (int32_t)layer;
    }
    return status;
}
