/* Tests of model files: what is saved loads the same, equal networks give equal bytes,
 * and no failure harms an old model.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "encoder.h"
#include "faulty_files.h"
#include "helper_model.h"
#include "memory.h"
#include "numbers.h"
#include "refusing.h"
#include "safetensors.h"
#include "scratch.h"

TestSuite(model, .init = scratch_begin, .fini = scratch_end);

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bp_network *load(const char *path)
{
    bp_network *network = NULL;
    bp_error error;

    cr_assert_eq(bp_model_load(path, NULL, &network, NULL, NULL, &error), BP_OK, "%s", error.text);
    return network;
}

static void assert_same_networks(const bp_network *one, const bp_network *two)
{
    float W[2][4096], b[2][64];

    cr_assert_eq(bp_network_layers(one), bp_network_layers(two));
    cr_assert_eq(bp_network_loss(one), bp_network_loss(two));
    for (uint32_t layer = 0; layer < bp_network_layers(one); layer++) {
        bp_layer_info left, right;
        cr_assert_eq(bp_network_layer(one, layer, &left, NULL), BP_OK);
        cr_assert_eq(bp_network_layer(two, layer, &right, NULL), BP_OK);
        cr_assert(left.inputs == right.inputs && left.outputs == right.outputs && left.activation == right.activation);
        cr_assert_eq(bp_network_get(one, layer, W[0], b[0], NULL), BP_OK);
        cr_assert_eq(bp_network_get(two, layer, W[1], b[1], NULL), BP_OK);
        cr_assert_eq(memcmp(W[0], W[1], left.inputs * left.outputs * sizeof(float)), 0);
        cr_assert_eq(memcmp(b[0], b[1], left.outputs * sizeof(float)), 0);
    }
}

/* ------------------------------------------------------------------------------------------------------- round trip */

Test(model, every_kind_of_network_loads_as_it_was_saved)
{
    static const char *const cases[][3] = {
        {"none", "relu", "squared_error"},          {"7", "identity", "squared_error"}, {"33", "relu", "cross_entropy"},
        {"5,32,9", "tanh", "binary_cross_entropy"}, {"1", "sigmoid", "squared_error"},  {"4,4", "leaky_relu", "cross_entropy"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_settings settings = make_settings(cases[i][0], cases[i][1], cases[i][2]);
        bp_network *network;
        cr_assert_eq(bp_network_create(&settings, 3, 2, NULL, &network, NULL), BP_OK);
        save("model", network, NULL, i % 2 ? &settings : NULL);
        bp_network *again = load("model");
        assert_same_networks(network, again);
        bp_network_free(again);
        bp_network_free(network);
    }
}

Test(model, tensors_are_those_of_the_equal_sequential)
{
    static const char *const activations[] = {"relu", "identity"}, *const last[] = {"2.weight", "1.weight"};
    static const uint64_t first_shape[] = {33, 3}, last_shape[] = {2, 33};

    for (size_t i = 0; i < 2; i++) {
        bp_network *network = make_network(activations[i]);
        float W[99], out_in;
        bp_safetensors *file;
        const bp_tensor *tensor;
        save("model", network, NULL, NULL);
        cr_assert_eq(bp_safetensors_read("model", NULL, &file, NULL), BP_OK);
        cr_assert_eq(file->tensor_count, 4);
        cr_assert_eq(bp_safetensors_expect(file, last[i], BP_DTYPE_F32, 2, last_shape, &tensor, NULL), BP_OK);
        cr_assert_eq(bp_safetensors_expect(file, "0.weight", BP_DTYPE_F32, 2, first_shape, &tensor, NULL), BP_OK);
        cr_assert_eq(bp_network_get(network, 0, W, NULL, NULL), BP_OK);
        memcpy(&out_in, (const char *)tensor->data + (7 * 3 + 2) * sizeof(float), sizeof out_in);
        cr_assert_eq(out_in, W[2 * 33 + 7], "weight is [out, in]");
        bp_safetensors_free(file);
        bp_network_free(network);
    }
}

Test(model, dropout_counts_among_the_modules_and_comes_back)
{
    static const char *const activations[] = {"relu", "identity"}, *const last[] = {"3.weight", "2.weight"};

    for (size_t i = 0; i < 2; i++) {
        bp_settings settings = make_settings("33", activations[i], "cross_entropy"), loaded;
        bp_network *network, *again;
        bp_safetensors *file;
        settings.dropout = 0.375;
        bp_settings_init(&loaded, sizeof loaded);
        cr_assert_eq(bp_network_create(&settings, 3, 2, NULL, &network, NULL), BP_OK);
        save("model", network, NULL, NULL);
        cr_assert_eq(bp_safetensors_read("model", NULL, &file, NULL), BP_OK);
        cr_assert(bp_safetensors_tensor(file, last[i]) && bp_safetensors_tensor(file, "0.weight"));
        cr_assert_eq(bp_model_load("model", NULL, &again, NULL, &loaded, NULL), BP_OK);
        assert_same_networks(network, again);
        cr_assert_eq(loaded.dropout, 0.375);
        bp_safetensors_free(file);
        bp_network_free(again);
        bp_network_free(network);
    }
}

Test(model, settings_that_fix_the_result_come_back_and_others_stay)
{
    static const char *const pairs[][2] = {
        {"optimizer", "sgd"},         {"learning-rate", "0.125"},       {"momentum", "0.9"},   {"seed", "18446744073709551615"},
        {"target", "species, \"x\""}, {"schedule", "cosine:warmup=12"}, {"batch-size", "full"}};
    bp_settings settings = make_settings("33", "relu", "auto"), loaded;
    bp_network *network = make_network("relu");
    char text[BP_TEXT_MAX];
    bp_error error;

    for (size_t i = 0; i < COUNT(pairs); i++)
        cr_assert_eq(bp_settings_set(&settings, pairs[i][0], pairs[i][1], NULL), BP_OK);
    settings.threads = 7;
    strcpy(settings.target_file, "/a/path");
    save("model", network, NULL, &settings);
    bp_settings_init(&loaded, sizeof loaded);
    loaded.threads = 3;
    cr_assert_eq(bp_model_load("model", NULL, NULL, NULL, &loaded, &error), BP_OK, "%s", error.text);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        cr_assert_eq(bp_settings_get(&loaded, pairs[i][0], text, sizeof text, NULL), BP_OK);
        cr_assert_str_eq(text, pairs[i][1]);
    }
    cr_assert(loaded.hidden_count == 1 && loaded.hidden[0] == 33 && loaded.loss == BP_CROSS_ENTROPY);
    cr_assert_eq(loaded.threads, 3);
    cr_assert_str_eq(loaded.target_file, "");
    cr_assert_eq(loaded.given, 0);
    bp_network_free(network);
}

Test(model, nothing_of_machine_or_place_goes_in)
{
    bp_settings one = make_settings("33", "relu", "auto"), two = one;
    bp_network *network = make_network("relu");
    size_t sizes[2];

    two.threads = 16;
    two.isa = BP_ISA_SCALAR;
    two.gradient = BP_GRADIENT_TILES;
    two.exact_threads = 1;
    two.given = UINT64_MAX;
    strcpy(two.target_file, "/another/path");
    save("one", network, NULL, &one);
    cr_assert_eq(mkdir("elsewhere", 0777), 0);
    save("elsewhere/two", network, NULL, &two);
    unsigned char *left = scratch_read("one", &sizes[0]), *right = scratch_read("elsewhere/two", &sizes[1]);
    cr_assert_eq(sizes[0], sizes[1]);
    cr_assert_eq(memcmp(left, right, sizes[0]), 0);
    free(left);
    free(right);
    remove("elsewhere/two");
    bp_network_free(network);
}

/* -3 ... 3 and a target of classes 0 and 1. */
static bp_encoder *make_encoder(bp_dataset **dataset)
{
    static double x[8][3], y[8];
    bp_array inputs = {.data = x, .type = BP_TYPE_F64, .rows = 8, .columns = 3};
    bp_array targets = {.data = y, .type = BP_TYPE_F64, .rows = 8, .columns = 1};
    bp_settings settings = make_settings("33", "relu", "auto");
    bp_encoder *encoder;
    bp_error error;

    scatter_f64(&x[0][0], 24, 3, 3);
    for (int i = 0; i < 8; i++)
        y[i] = i % 3;
    settings.task = BP_TASK_MULTICLASS;
    cr_assert_eq(bp_dataset_borrow(&inputs, &targets, NULL, NULL, dataset, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_fit(*dataset, (bp_rows){.count = 8}, &settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    return encoder;
}

Test(model, the_encoder_comes_back)
{
    bp_settings settings = make_settings("33", "relu", "cross_entropy");
    bp_allocator allocator = bp_allocator_or_default(NULL);
    bp_dataset *dataset;
    bp_encoder *encoder = make_encoder(&dataset), *again = NULL;
    bp_network *network;
    char *text[2];
    size_t size[2];
    bp_error error;

    cr_assert_eq(bp_network_create(&settings, 3, 3, NULL, &network, NULL), BP_OK);
    save("model", network, encoder, &settings);
    cr_assert_eq(bp_model_load("model", NULL, NULL, &again, NULL, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_to_json(encoder, &allocator, &text[0], &size[0], NULL), BP_OK);
    cr_assert_eq(bp_encoder_to_json(again, &allocator, &text[1], &size[1], NULL), BP_OK);
    cr_assert_str_eq(text[0], text[1]);
    for (int i = 0; i < 2; i++)
        bp_release(&allocator, text[i], size[i] + 1);
    bp_encoder_free(again);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
    bp_network_free(network);
}

Test(model, an_encoder_for_another_network_is_refused)
{
    bp_dataset *dataset;
    bp_encoder *encoder = make_encoder(&dataset);
    bp_network *network = make_network("relu"); /* 2 outputs; the encoder has 3 classes */
    bp_error error;

    cr_assert_eq(bp_model_save("model", network, encoder, NULL, &error), BP_INVALID);
    cr_assert_eq(scratch_count(), 0);
    bp_network_free(network);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(model, weights_that_are_not_finite_are_not_saved)
{
    bp_network *network = make_network("relu");
    float b[33] = {0, 1, NAN};
    bp_error error;

    cr_assert_eq(bp_network_set(network, 0, NULL, b, NULL), BP_OK);
    cr_assert_eq(bp_model_save("model", network, NULL, NULL, &error), BP_INVALID);
    cr_assert(strstr(error.text, "layer 1"), "%s", error.text);
    cr_assert_eq(scratch_count(), 0);
    bp_network_free(network);
}

/* ---------------------------------------------------------------------------------------------------------- failures */

Test(model, any_failing_call_leaves_the_old_model)
{
    bp_network *old = make_network("tanh"), *fresh = make_network("relu");
    bp_status status = BP_IO;

    for (size_t call = 1; status != BP_OK; call++) {
        faulty_files faults = {.fail_at = call, .number = 28};
        bp_error error;
        save("model", old, NULL, NULL);
        faulty_files_begin(&faults);
        status = bp_model_save("model", fresh, NULL, NULL, &error);
        faulty_files_end();
        if (faults.calls < call)
            break;
        bp_network *found = load("model");
        bool replaced = status == BP_OK || strstr(error.text, "is replaced");
        assert_same_networks(found, replaced ? fresh : old);
        bp_network_free(found);
        cr_assert_eq(scratch_count(), 1);
        status = BP_IO;
    }
    bp_network_free(old);
    bp_network_free(fresh);
}

Test(model, refused_memory_loses_nothing)
{
    bp_network *network = make_network("relu");
    bp_status status = BP_NO_MEMORY;
    size_t refused = 0;

    save("model", network, NULL, NULL);
    for (; status != BP_OK; refused++) {
        refusing memory = refuse_at(refused);
        bp_allocator allocator = refusing_allocator(&memory);
        bp_network *again = NULL;
        status = bp_model_load("model", &allocator, &again, NULL, NULL, NULL);
        cr_assert(status == BP_OK || status == BP_NO_MEMORY);
        bp_network_free(again);
        cr_assert_eq(memory.alive, 0);
    }
    cr_assert_geq(refused, 7);
    bp_network_free(network);
}
