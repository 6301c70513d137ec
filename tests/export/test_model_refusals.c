/* Tests of reading model files: nothing damaged or foreign loads, and its fault is told.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_model.h"
#include "safetensors.h"
#include "scratch.h"

TestSuite(model_refusals, .init = scratch_begin, .fini = scratch_end);

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bp_status parse(const void *bytes, size_t size, bp_error *error)
{
    void *copy = malloc(size ? size : 1);
    bp_network *network = NULL;

    cr_assert(copy);
    memcpy(copy, bytes, size);
    bp_status status = bp_model_parse(copy, size, NULL, &network, NULL, NULL, error);
    cr_assert((status == BP_OK) == (network != NULL));
    bp_network_free(network);
    free(copy);
    return status;
}

Test(model_refusals, every_flipped_bit_is_refused)
{
    bp_settings settings = make_settings("33", "relu", "auto");
    bp_network *network = make_network("relu");
    size_t size;

    save("model", network, NULL, &settings);
    bp_network_free(network);
    unsigned char *bytes = scratch_read("model", &size);
    cr_assert_eq(parse(bytes, size, NULL), BP_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_assert_eq(parse(bytes, size, NULL), BP_BAD_FILE, "bit %zu of byte %zu", bit % 8, bit / 8);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t length = 0; length < size; length++)
        cr_assert_eq(parse(bytes, length, NULL), BP_BAD_FILE, "%zu of %zu bytes", length, size);
    free(bytes);
}

/* A good model of 3-2-1 as tensors and pairs, to be spoiled. */
static const float numbers[6] = {1, 2, 3, 4, 5, 6};
static const bp_tensor good_tensors[] = {
    {.name = "0.weight", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = numbers},
    {.name = "0.bias", .dtype = BP_DTYPE_F32, .rank = 1, .shape = {2}, .data = numbers},
    {.name = "2.weight", .dtype = BP_DTYPE_F32, .rank = 2, .shape = {1, 2}, .data = numbers},
    {.name = "2.bias", .dtype = BP_DTYPE_F32, .rank = 1, .shape = {1}, .data = numbers},
};
static const bp_pair good_pairs[] = {
    {"format", "backprop-model"}, {"version", "1"}, {"activation", "relu"}, {"loss", "squared_error"}, {"setting.seed", "5"}};

static void refuse(const bp_tensor *tensors, size_t tensor_count, const bp_pair *pairs, size_t pair_count, const char *fault)
{
    bp_network *network = NULL;
    bp_error error;

    cr_assert_eq(bp_safetensors_write("model", tensors, tensor_count, pairs, pair_count, NULL, &error), BP_OK, "%s", error.text);
    bp_status status = bp_model_load("model", NULL, &network, NULL, NULL, &error);
    cr_assert_eq(status, fault ? BP_BAD_FILE : BP_OK, "%s", status == BP_OK ? fault : error.text);
    if (fault)
        cr_assert(strstr(error.text, fault) && strstr(error.text, "model: "), "%s, not %s", error.text, fault);
    bp_network_free(network);
}

Test(model_refusals, metadata_that_lacks_or_contradicts_is_refused_with_its_fault)
{
    static const struct {
        size_t at;
        bp_pair pair; /* instead of the good one; no key: left out */
        const char *fault;
    } cases[] = {
        {0, {"format", "backprop-model"}, NULL},
        {0, {NULL, NULL}, "no \"format\""},
        {0, {"format", "pt"}, "its format is pt"},
        {0, {"format", "backprop-checkpoint"}, "its format is backprop-checkpoint"},
        {1, {NULL, NULL}, "version"},
        {1, {"version", "one"}, "version"},
        {1, {"version", "0"}, "version"},
        {1, {"version", "2"}, "newer version of backprop"},
        {2, {NULL, NULL}, "lacks activation"},
        {2, {"activation", "swish"}, "'swish'"},
        {2, {"activation", "identity"}, "lacks the tensor 1.weight"},
        {3, {NULL, NULL}, "lacks loss"},
        {3, {"loss", "hinge"}, "'hinge'"},
        {3, {"loss", "cross_entropy"}, "cross_entropy needs 2 outputs"},
        {4, {"setting.seed", "-1"}, "seed '-1'"},
        {4, {"setting.sead", "1"}, "not know: setting.sead"},
        {4, {"setting.hidden", "4"}, "not know: setting.hidden"},
        {4, {"setting.threads", "4"}, "not know: setting.threads"},
        {4, {"encoder", "{}"}, "encoder: "},
        {4, {"encoder", "[1"}, "encoder: "},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_pair pairs[COUNT(good_pairs)];
        memcpy(pairs, good_pairs, sizeof pairs);
        pairs[cases[i].at] = cases[i].pair;
        size_t count = COUNT(pairs);
        if (!cases[i].pair.key)
            memmove(pairs + cases[i].at, pairs + cases[i].at + 1, (--count - cases[i].at) * sizeof *pairs);
        refuse(good_tensors, COUNT(good_tensors), pairs, count, cases[i].fault);
    }
}

Test(model_refusals, tensors_that_do_not_make_a_network_are_refused_with_their_fault)
{
    static const float infinite[6] = {1, 2, INFINITY, NAN, 5, 6};
    static const double wide[6] = {1, 2, 3, 4, 5, 6};
    static const struct {
        size_t at;
        bp_tensor tensor;
        const char *fault;
    } cases[] = {
        {0, {"0.weight", BP_DTYPE_F64, 2, {2, 3}, wide, 0}, "F32"},
        {1, {"0.bias", BP_DTYPE_F64, 1, {2}, wide, 0}, "0.bias"},
        {0, {"0.weight", BP_DTYPE_F32, 1, {6}, numbers, 0}, "matrix"},
        {0, {"0.weight", BP_DTYPE_F32, 2, {2, 0}, numbers, 0}, "matrix"},
        {0, {"0.weight", BP_DTYPE_F32, 2, {16777217, 0}, numbers, 0}, "matrix"},
        {0, {"0.weight", BP_DTYPE_F32, 2, {3, 2}, numbers, 0}, "one bias for each output"},
        {1, {"0.bias", BP_DTYPE_F32, 1, {3}, numbers, 0}, "one bias for each output"},
        {1, {"0.bias", BP_DTYPE_F32, 2, {2, 1}, numbers, 0}, "one bias for each output"},
        {2, {"2.weight", BP_DTYPE_F32, 2, {1, 3}, numbers, 0}, "takes 3 inputs, but the layer before gives 2"},
        {2, {"1.weight", BP_DTYPE_F32, 2, {1, 2}, numbers, 0}, "lacks the tensor 2.weight"},
        {3, {"bias", BP_DTYPE_F32, 1, {1}, numbers, 0}, "lacks the tensor 2.bias"},
        {0, {"0.weight", BP_DTYPE_F32, 2, {2, 3}, infinite, 0}, "0.weight has a value that is not finite"},
        {1, {"0.bias", BP_DTYPE_F32, 1, {2}, infinite + 2, 0}, "0.bias has a value that is not finite"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_tensor tensors[COUNT(good_tensors)];
        memcpy(tensors, good_tensors, sizeof tensors);
        tensors[cases[i].at] = cases[i].tensor;
        refuse(tensors, COUNT(tensors), good_pairs, COUNT(good_pairs), cases[i].fault);
    }
    refuse(good_tensors, 3, good_pairs, COUNT(good_pairs), "3 tensors");
    refuse(good_tensors, 0, good_pairs, COUNT(good_pairs), "0 tensors");
}

#define ENCODER_OF(inputs, targets) \
    "{\"class_type\":\"none\",\"classes\":[],\"inputs\":[" inputs "],\"targets\":[" targets "],\"task\":\"regression\"}"
#define COLUMN(name) "{\"mean\":0,\"name\":\"" name "\",\"scale\":1}"

Test(model_refusals, an_encoder_that_does_not_fit_is_refused_with_its_fault)
{
    static const char three[] = ENCODER_OF(COLUMN("a") "," COLUMN("b") "," COLUMN("c"), COLUMN("y"));
    static const struct {
        const char *encoder, *task, *fault;
    } cases[] = {
        {three, "regression", NULL},
        {three, "binary", "\"task\" does not say what the encoder does: regression"},
        {three, NULL, "\"task\" does not say what the encoder does: regression"},
        {ENCODER_OF(COLUMN("a") "," COLUMN("b"), COLUMN("y")), "regression", "the encoder is for 2 inputs and 1 outputs"},
        {ENCODER_OF(COLUMN("a") "," COLUMN("b") "," COLUMN("c"), COLUMN("y") "," COLUMN("z")), "regression",
         "the encoder is for 3 inputs and 2 outputs"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_pair pairs[COUNT(good_pairs) + 2];
        memcpy(pairs, good_pairs, sizeof good_pairs);
        pairs[COUNT(good_pairs)] = (bp_pair){"encoder", cases[i].encoder};
        pairs[COUNT(good_pairs) + 1] = (bp_pair){"task", cases[i].task};
        refuse(good_tensors, COUNT(good_tensors), pairs, COUNT(pairs) - !cases[i].task, cases[i].fault);
    }
}

Test(model_refusals, nothing_is_no_model)
{
    bp_network *network = NULL;
    bp_error error;

    cr_assert_eq(bp_model_load(NULL, NULL, &network, NULL, NULL, &error), BP_INVALID);
    cr_assert_str_eq(error.text, "a model needs a path");
    cr_assert_eq(bp_model_parse(NULL, 0, NULL, &network, NULL, NULL, &error), BP_INVALID);
    cr_assert_str_eq(error.text, "a model needs bytes");
    cr_assert_null(network);
}

Test(model_refusals, more_layers_than_can_be_are_refused)
{
    enum { MANY = 2 * (BP_HIDDEN_MAX + 2) };
    static char names[MANY][24];
    static bp_tensor tensors[MANY];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%zu.%s", i / 2 * 2, i % 2 ? "bias" : "weight");
        tensors[i] = (bp_tensor){
            .name = names[i], .dtype = BP_DTYPE_F32, .rank = i % 2 ? 1 : 2, .shape = {1, i % 2 ? 0 : 1}, .data = numbers};
    }
    refuse(tensors, MANY, good_pairs, COUNT(good_pairs), "132 tensors");
    refuse(tensors, MANY - 2, good_pairs, COUNT(good_pairs), NULL);
}
