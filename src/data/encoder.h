/* The encoder: what each column becomes, learned from training rows, and its form as JSON text for model files.
 *
 *      column      network inputs, in this order
 *      age         "age"            (x - mean) / scale; of a missing number, (fill - mean) / scale
 *                  "age=missing"    1 for a missing number, else 0; where training rows have missing ones
 *      colour      "colour=blue"    one for each category that at least two training rows have, sorted by bytes
 *                  "colour=missing" 1 for a missing text; where training rows have missing ones
 *                  "colour=other"   1 for any other category; where training rows have categories that occur once
 *
 * Categories that occur once stand for those that are still to come: they are as many of the rows as new ones will be (Good
 * and Turing's estimate), and they train the input that new ones fall into. Without it a new category is all zeros, as is a
 * missing one where neither input is there.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ENCODER_H
#define BP_ENCODER_H

#include <stdbool.h>

#include "backprop.h"
#include "dataset.h"

#define BP_INPUTS_MAX ((uint32_t)1 << 24)
#define BP_CLASSES_MAX ((size_t)100000)

/* One input column. */
typedef struct bp_feature {
    char *name;
    double mean;
    double scale;      /* > 0 */
    double fill;       /* what stands for a missing number, in the column's unit: the training rows' mean */
    char **categories; /* [category_count], sorted by bytes; NULL for numbers */
    size_t category_count;
    bool has_missing; /* there is an input "NAME=missing" behind the number or the categories */
    bool has_other;   /* and for categories, "NAME=other" behind that */
    uint32_t first;   /* network input of the column, or of its first category */
} bp_feature;

/* How many network inputs a column becomes. */
static inline size_t bp_feature_width(const bp_feature *feature)
{
    return (feature->categories ? feature->category_count : 1) + feature->has_missing + feature->has_other;
}

/* Places among a column of categories' inputs, -1 where there is none: for a missing text, and for one that is no category. */
static inline int32_t bp_feature_other(const bp_feature *feature)
{
    return feature->has_other ? (int32_t)(feature->category_count + feature->has_missing) : -1;
}

static inline int32_t bp_feature_missing(const bp_feature *feature)
{
    return feature->has_missing ? (int32_t)feature->category_count : bp_feature_other(feature);
}

typedef struct bp_target {
    char *name;
    double mean; /* 0 and 1 for classes */
    double scale;
} bp_target;

struct bp_encoder {
    bp_pool pool;
    unsigned threads;     /* that apply it; 0: as many as the machine gives */
    bp_task task;         /* never auto */
    bp_feature *features; /* [feature_count] */
    size_t feature_count;
    bp_target *targets; /* [target_count] */
    size_t target_count;
    char **classes;       /* [class_count], by bytes or by value; NULL in a regression */
    double *class_values; /* [class_count], ascending, where classes are whole numbers; else NULL */
    size_t class_count;
    double *class_weights; /* [class_count], 0 or more; NULL: all are 1 */
    char *weight;       /* name of the column of weights, or NULL */
    double weight_mean; /* over the training rows; with class_weights the products have mean 1 there */
    uint32_t inputs;
    uint32_t outputs;
    char **input_names; /* [inputs] */
};

/* An empty encoder, to be filled and then finished. */
bp_status bp_encoder_new(const bp_allocator *allocator, bp_encoder **result, bp_error *error);

/* BP_INVALID where columns of categories become more than `most` inputs: names the one with the most. */
bp_status bp_encoder_check_categories(const bp_encoder *encoder, const char *path, uint64_t most, bp_error *error);

/* Counts inputs and outputs and names the inputs, once features, targets and classes are there. */
bp_status bp_encoder_finish(bp_encoder *encoder, bp_error *error);

/* The whole encoder as one compact JSON object with sorted keys, numbers in shortest form that reads back the same: equal
 * encoders give equal text. *text is NUL-terminated, of *size bytes without the NUL, and given back by
 * bp_release(allocator, text, size + 1). */
bp_status bp_encoder_to_json(const bp_encoder *encoder, const bp_allocator *allocator, char **text, size_t *size, bp_error *error);

/* The reverse, for untrusted text: BP_BAD_FILE says what is wrong in it. */
bp_status bp_encoder_from_json(const char *text, size_t size, const bp_allocator *allocator, bp_encoder **result, bp_error *error);

#endif
