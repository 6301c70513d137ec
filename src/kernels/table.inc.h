/* The bodies under one vocabulary, and the table of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"
#include "blocks.h"

#include <float.h>
#include <string.h>

#include "random.h"
#include "series.h"
#include "sum.h"

#include "common.inc.h"
#include "activation.inc.h"
#include "product.inc.h"
#include "narrow.inc.h"
#include "sparse.inc.h"
#include "double.inc.h"
#include "random.inc.h"
#include "loss.inc.h"
#include "squared.inc.h"
#include "elementwise.inc.h"
#include "softmax.inc.h"
#include "optimizer.inc.h"
#include "shape.inc.h"
#include "rescale.inc.h"
#include "tiny.inc.h"
#include "block_parts.inc.h"
#include "blocks.inc.h"

#define TEXT_OF(name) #name
#define NAME_OF(name) TEXT_OF(name)

const bp_kernels ISA(bp_kernels) = {
    .name = &NAME_OF(ISA(x))[2],
    .product_rows = product_rows,
    .product_narrow = product_narrow,
    .product_columns = product_columns,
    .sparse_rows = sparse_rows,
    .sparse_narrow = sparse_narrow,
    .scatter_rows = scatter_rows,
    .scatter_narrow = scatter_narrow,
    .add = add,
    .activate = {identity_activate, relu_activate, leaky_relu_activate, sigmoid_activate, tanh_activate,
                 elu_activate, gelu_activate, silu_activate, softplus_activate},
    .slope = {identity_descend, relu_descend, leaky_relu_descend, sigmoid_descend, tanh_descend,
              elu_descend, kept_descend, kept_descend, softplus_descend},
    .loss = {squared_error, cross_entropy, binary_cross_entropy, absolute_error, huber, quantile, poisson},
    .tiny = tiny,
    .tiny_update = tiny_update,
    .softmax = softmax,
    .exponential = exponential,
    .sgd = sgd,
    .momentum = momentum,
    .adam = adam,
    .rprop = rprop,
    .rmsprop = rmsprop,
    .squares = squares,
    .scale = scale,
    .transpose = transpose,
    .rescale_f32 = rescale_f32,
    .rescale_f64 = rescale_f64,
    .spread_f32 = spread_f32,
    .one_hot = one_hot,
    .spread_u8 = spread_u8,
    .random_bits = random_bits,
    .draw_kept = draw_kept,
    .drop = drop,
    .peak = peak,
};

const bp_block_kernels ISA(bp_blocks) = {
    .name = &NAME_OF(ISA(x))[2],
    .enter = no_state,
    .leave = no_state,
    .pack = {pack_left, pack_right, pack_right_turned},
    .turn = turn_terms,
    .pair = pair_terms,
    .product = block_product,
    .peak = peak,
};
