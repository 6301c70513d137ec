/* One example's forward and backward pass, kept for looking at: a reference that has run once.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "reference.h"

struct bp_trace {
    bp_reference *reference;
    double loss;
};

static BP_OUT_OF_LINE bp_status create(const bp_network *network, const float *x, const float *y, const bp_allocator *allocator,
                                       bp_trace **result, bp_error *error)
{
    bp_reference *reference;

    if (!network || !x || !y)
        return bp_fail(error, BP_INVALID, "a trace needs a network, x and y");
    BP_TRY(bp_reference_of_network(network, allocator, &reference, error));
    bp_trace *trace = bp_allocate(&reference->allocator, sizeof *trace);
    if (!trace) {
        bp_reference_free(reference);
        return bp_fail(error, BP_NO_MEMORY, "trace: %zu bytes refused", sizeof *trace);
    }
    bp_reference_take(reference, x, y);
    bp_reference_forward(reference);
    trace->loss = bp_reference_loss(reference);
    bp_reference_backward(reference);
    trace->reference = reference;
    *result = trace;
    return BP_OK;
}

bp_status bp_trace_create(const bp_network *network, const float *x, const float *y, const bp_allocator *allocator,
                          bp_trace **result, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = create(network, x, y, allocator, result, error);
    bp_float_end(host);
    return status;
}

double bp_trace_loss(const bp_trace *trace)
{
    return trace->loss;
}

bp_status bp_trace_at(const bp_trace *trace, uint32_t layer, bp_trace_layer *result, bp_error *error)
{
    const bp_reference *reference = trace->reference;

    if (layer >= reference->layers)
        return bp_fail(error, BP_INVALID, "layer %u of %u: layers are counted from 0", layer, reference->layers);
    const bp_reference_layer *one = &reference->layer[layer];
    *result = (bp_trace_layer){.inputs = one->k,
                               .outputs = one->n,
                               .z = one->z,
                               .a = one->a,
                               .dL_da = one->dL_da,
                               .dL_dz = one->dL_dz,
                               .dL_dW = one->dL_dW,
                               .dL_db = one->dL_db};
    return BP_OK;
}

void bp_trace_free(bp_trace *trace)
{
    if (!trace)
        return;
    bp_allocator memory = trace->reference->allocator;
    bp_reference_free(trace->reference);
    bp_release(&memory, trace, sizeof *trace);
}
