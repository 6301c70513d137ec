/* One example at a time, in double, as the method is written down. The oracle of the tests, and what trace shows.
 *
 *      z = aW + b, a = g(z)                    layer after layer, a(0) = x, y^ = a(K)
 *      dL/dz = dL/da (*) g'(z)                 from the last layer to the first
 *      dL/dW = (a before)^T dL/dz
 *      dL/db = dL/dz
 *      dL/da before = dL/dz W^T
 *
 * It uses libm and plain loops: nothing it computes reaches a model file, and being slow is no fault here. Parameters
 * are one block, W then b, layer after layer; the gradient is a block in the same order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_REFERENCE_H
#define BP_REFERENCE_H

#include "backprop.h"

typedef struct bp_reference_layer {
    uint32_t k; /* inputs */
    uint32_t n; /* outputs */
    bp_activation activation;
    double *W;     /* [k, n] */
    double *b;     /* [n] */
    double *z;     /* [n] */
    double *a;     /* [n] */
    double *dL_da; /* [n] */
    double *dL_dz; /* [n] */
    double *dL_dW; /* [k, n] */
    double *dL_db; /* [n] */
} bp_reference_layer;

typedef struct bp_reference {
    bp_allocator allocator;
    void *block; /* [bytes]: every array below */
    size_t bytes;
    uint32_t layers;
    bp_loss loss;
    double loss_shape;          /* huber's delta, 1 at first; quantile's q, 1/2 */
    double label_smoothing;     /* e: targets become (1 - e) y + e / n, e / 2 with the logistic loss; 0 at first */
    size_t parameters;          /* weights and biases */
    double *parameter;          /* [parameters]: where every W and b lies */
    double *gradient;           /* [parameters]: where every dL_dW and dL_db lies */
    double *x;                  /* [inputs] */
    double *y;                  /* [outputs] */
    double *dL_dx;              /* [inputs] */
    bp_reference_layer layer[]; /* [layers] */
} bp_reference;

/* Layers of sizes [layers + 1], all parameters 0, for the caller to write. The last layer is an identity; loss is not auto. */
bp_status bp_reference_create(uint32_t layers, const uint32_t *sizes, bp_activation hidden, bp_loss loss,
                              const bp_allocator *allocator, bp_reference **result, bp_error *error);

/* The same layers and weights as a network. */
bp_status bp_reference_of_network(const bp_network *network, const bp_allocator *allocator, bp_reference **result, bp_error *error);
void bp_reference_free(bp_reference *reference);

/* Writes x [inputs] and y [outputs]; y may be NULL: it is left as it was. */
void bp_reference_take(bp_reference *reference, const float *x, const float *y);

/* From x: every z and a. */
void bp_reference_forward(bp_reference *reference);

/* L of the last a and y; writes the last layer's dL_da. */
double bp_reference_loss(bp_reference *reference);

/* From the last layer's dL_da, which may also be a loss gradient of the caller's: everything else, and dL_dx. */
void bp_reference_backward(bp_reference *reference);

/* J = 1/m sum w L over x [m, inputs], y [m, outputs], weight [m] or NULL; its gradient, in the order of the parameters, into
 * mean [parameters]. */
double bp_reference_minibatch(bp_reference *reference, uint64_t m, const float *x, const float *y, const float *weight,
                              double *mean);

#endif
