/* The model file's names, shared by the file that writes it and the one that reads it; docs/model-format.md tells all.
 *
 * Tensors are named as in the equal torch.nn.Sequential: Linear, activation, dropout, Linear, ... An identity is no module there,
 * and no dropout neither.
 *
 *      784-512-10, relu:      0.weight [512, 784]   0.bias [512]   2.weight [10, 512]   2.bias [10]
 *      the same, identity:    0.weight              0.bias         1.weight             1.bias
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_MODEL_H
#define BP_MODEL_H

#include <stdbool.h>
#include <stdio.h>

#include "backprop.h"

#define BP_MODEL_FORMAT "backprop-model"
#define BP_MODEL_VERSION 1
#define BP_MODEL_SETTING "setting." /* before the key of each setting that fixes the result */

#define BP_MODEL_NAME_MAX 24
typedef char bp_model_name[BP_MODEL_NAME_MAX];

/* The place of layer `layer`, counted from 0, in the Sequential. */
static inline uint32_t bp_model_module(uint32_t layer, bp_activation hidden, double dropout)
{
    return layer * (1u + (hidden != BP_IDENTITY) + (dropout > 0.0));
}

static inline void bp_model_name_tensor(bp_model_name name, uint32_t layer, bp_activation hidden, double dropout, const char *part)
{
    snprintf(name, BP_MODEL_NAME_MAX, "%lu.%s", (unsigned long)bp_model_module(layer, hidden, dropout), part);
}

/* The hidden layers' activation; identity where there is none. */
bp_activation bp_model_activation(const bp_network *network);

/* What of their activations training left out; 0 where there is none. */
double bp_model_dropout(const bp_network *network);

/* Whether a setting is kept under its key: it fixes the result, and neither shapes nor metadata of their own say it. */
bool bp_model_keeps(const bp_setting *setting);

#endif
