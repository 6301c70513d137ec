/* The bits of trained parameters, written down: the same from every compiler, processor and version of the library that
 * says format version 1. A difference means that models trained yesterday cannot be trained again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "helper_engine.h"
#include "helper_workload.h"
#include "numbers.h"

enum { ROWS = 333, INPUTS = 37, OUTPUTS = 5 };

typedef struct golden {
    const char *activation, *loss, *optimizer, *schedule, *precision, *option, *value; /* option "": none */
    const char *digits;
} golden;

static const golden recorded[] = {
    {"tanh", "absolute_error", "rmsprop", "constant", "f32", "", "", "963af464d7e0ee1751cffbcfe1ba63b6"},
    {"relu", "huber", "rmsprop", "constant", "f32", "momentum", "0.9", "23033949497e5bcdca230230011698d9"},
    {"gelu", "quantile", "adam", "constant", "f32", "l1", "0.001", "a1d71bae2a50b7d1fd10e03386718200"},
    {"silu", "poisson", "adam", "constant", "f32", "", "", "7fe9c0500784f3fd06ac4fcd481b4b38"},
    {"elu", "squared_error", "adam", "constant", "f32", "", "", "2c38f3b056ab0b11d563bd526fd55377"},
    {"gelu", "cross_entropy", "adam", "linear", "f32", "", "", "e552797d4233c21f88e43e2b30f664a3"},
    {"silu", "binary_cross_entropy", "sgd", "constant", "f32", "", "", "3a333ba768dff058977c6af43ada9e36"},
    {"softplus", "squared_error", "adamw", "cosine", "f32", "", "", "46e80df701af2169601d82e52f542e28"},
    {"gelu", "squared_error", "adam", "constant", "bf16", "", "", "ed2ae90dcd44c9e966a139166192cd8c"},
    {"silu", "cross_entropy", "adam", "constant", "bf16x3", "", "", "96cc70b34ccb92bb43b3c9dc5514b5e7"},
    {"identity", "squared_error", "sgd", "constant", "f32", "", "", "fe5825167b1587bb86750f863149b48e"},
    {"relu", "cross_entropy", "sgd", "linear:warmup=5", "f32", "", "", "cc364d881a172d1528efa9508cd6b679"},
    {"leaky_relu", "binary_cross_entropy", "adam", "cosine:warmup=3", "f32", "", "", "f294df016fb1cf8d04a0348dc022fb94"},
    {"sigmoid", "cross_entropy", "adamw", "cosine", "f32", "", "", "2b625caf0e9cdb6c716d3f810abb597c"},
    {"tanh", "squared_error", "adam", "linear", "f32", "", "", "a31c6b5e218dfd5d1d6c32b144df4635"},
    {"relu", "cross_entropy", "adam", "cosine", "bf16", "", "", "4673848e446f825e82fafc17e10f5540"},
    {"tanh", "squared_error", "sgd", "constant", "bf16x2", "", "", "d888ee345fe7f7ca02937205d11ffa54"},
    {"leaky_relu", "cross_entropy", "adamw", "linear:warmup=2", "bf16x3", "", "", "906402aa7b4073deaa855891516131b5"},
    {"tanh", "squared_error", "sgd", "step:every=1,factor=0.5", "f32", "clip-norm", "0.1", "c75395948dda72f2bf975eea181a6af9"},
    {"relu", "cross_entropy", "adam", "exponential", "f32", "accumulate", "3", "077f27c9e92c6af8d01a6aec10b6668b"},
    {"sigmoid", "binary_cross_entropy", "sgd", "constant", "bf16", "clip-norm", "0.05", "3707336c63547f8fc27dda894d2743c5"},
    {"tanh", "squared_error", "sgd", "constant", "f32", "shuffle", "blocks", "5ceefe208823627a8e418f6ebf168595"},
    {"relu", "cross_entropy", "adam", "constant", "f32", "dropout", "0.2", "06a95c0fcd6e44c67e1662f688eee5b9"},
    {"tanh", "squared_error", "sgd", "constant", "bf16x2", "dropout", "0.5", "e5e4c557f4616268d7042bbe4700373d"},
    {"relu", "squared_error", "adamw", "cosine", "bf16", "dropout", "0.1", "4ca0730e387b23b6aa56ade08e07a638"},
    {"relu", "cross_entropy", "adam", "constant", "f32", "label-smoothing", "0.1", "12b7c19870279262a38a437a9ffc7db6"},
    {"tanh", "binary_cross_entropy", "sgd", "cosine", "bf16x3", "label-smoothing", "0.25", "dd9e06a9f6cd71a91bcdf0682050ad2d"},
    {"tanh", "squared_error", "lbfgs", "constant", "f32", "", "", "bc5f288843bb48c96f53ac5c71a5b328"},
    {"relu", "cross_entropy", "rprop", "constant", "f32", "", "", "e3602de7090bf58d530746701c62187e"},
};

static void set(bp_settings *settings, const char *key, const char *text)
{
    bp_error error;
    cr_assert_eq(bp_settings_set(settings, key, text, &error), BP_OK, "%s", error.text);
}

static bp_settings settings_of(const golden *g)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    set(&settings, "hidden", "70,33");
    set(&settings, "activation", g->activation);
    set(&settings, "loss", g->loss);
    set(&settings, "optimizer", g->optimizer);
    set(&settings, "schedule", g->schedule);
    set(&settings, "precision", g->precision);
    set(&settings, "weight-decay", "0.01");
    set(&settings, "batch-size", "50");
    set(&settings, "epochs", "4");
    set(&settings, "seed", "12345678901");
    if (*g->option)
        set(&settings, g->option, g->value);
    settings.given = 0; /* not all of it has an effect on every optimizer */
    return settings;
}

static void hash_parameters(const bp_network *network, char digits[BP_HASH_DIGITS + 1])
{
    uint64_t count = bp_network_parameters(network);
    float *flat = malloc(count * sizeof *flat);
    bp_hash hash;

    get_weights(network, flat);
    bp_hash_begin(&hash);
    bp_hash_add(&hash, flat, count * sizeof *flat);
    bp_hash_digits(&hash, digits);
    free(flat);
}

static void train(const golden *g, char digits[BP_HASH_DIGITS + 1])
{
    static float x[ROWS * INPUTS], y[ROWS * OUTPUTS];
    bp_settings settings = settings_of(g);
    bp_array x_array = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = INPUTS};
    bp_array y_array = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = OUTPUTS};
    bp_examples *examples;
    bp_error error;

    scatter_f32(x, ROWS * INPUTS, 1, 1.0);
    scatter_targets(y, ROWS, OUTPUTS, (bp_loss)settings.loss, 2);
    cr_assert_eq(bp_examples_borrow(&x_array, &y_array, NULL, NULL, &examples, &error), BP_OK, "%s", error.text);
    bp_network *network = network_with(&settings, INPUTS, OUTPUTS, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);
    bp_status status = bp_trainer_fit(trainer, NULL, examples, (bp_rows){NULL, 0}, NULL, (bp_rows){NULL, 0}, NULL, NULL, &error);
    cr_assert_eq(status, BP_OK, "%s", error.text);
    hash_parameters(network, digits);
    bp_trainer_free(trainer);
    bp_network_free(network);
    bp_examples_free(examples);
}

Test(golden, training_gives_the_bits_that_were_written_down)
{
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++) {
        char digits[BP_HASH_DIGITS + 1];
        train(&recorded[i], digits);
        cr_expect_str_eq(digits, recorded[i].digits, "%s, %s, %s, %s, %s %s: %s", recorded[i].activation, recorded[i].loss,
                         recorded[i].optimizer, recorded[i].schedule, recorded[i].precision, recorded[i].option, digits);
    }
}

/* helper_workload.c's, in its order. */
static const char *const recorded_workloads[WORKLOADS] = {
    "7c32073b217ff1d4e1e41fe3caaef9ed", /* tiny */
    "1fd5491e9e468d569598f0cc88976018", /* small */
    "8b3a0b73135089470ffa0aa2e6559564", /* images */
    "43bbf295604d8c18136a85c09dabcec1", /* classes */
    "3824ca71c544fae7a644c881981842ab", /* wide */
    "1418e252d6d1a6ab2b17b1cc24c01d47", /* deep */
    "8a50f0ffee841bc966f1f0876cde5ad1", /* large batch */
};

/* Of all random networks, one behind the other. */
static const char *const recorded_random = "95dd602f66f85f9534c195cd174afc7e";

static void add_fitted(bp_hash *hash, const problem *p)
{
    bp_network *network = problem_network(p);
    float *parameters = problem_fitted(p, &p->settings, p->examples);

    bp_hash_add(hash, parameters, bp_network_parameters(network) * sizeof *parameters);
    free(parameters);
    bp_network_free(network);
}

Test(golden, standard_workloads_give_the_bits_that_were_written_down)
{
    for (size_t number = 0; number < WORKLOADS; number++) {
        problem p = workload_problem(number);
        char digits[BP_HASH_DIGITS + 1];
        bp_hash hash;

        bp_hash_begin(&hash);
        add_fitted(&hash, &p);
        bp_hash_digits(&hash, digits);
        cr_expect_str_eq(digits, recorded_workloads[number], "%s: %s", workload_name(number), digits);
        problem_free(&p);
    }
}

Test(golden, random_networks_give_the_bits_that_were_written_down)
{
    char digits[BP_HASH_DIGITS + 1];
    bp_hash hash;

    bp_hash_begin(&hash);
    for (uint64_t seed = 0; seed < RANDOM_PROBLEMS; seed++) {
        problem p = random_problem(seed);
        add_fitted(&hash, &p);
        problem_free(&p);
    }
    bp_hash_digits(&hash, digits);
    cr_expect_str_eq(digits, recorded_random, "%s", digits);
}

typedef struct weighted {
    const char *loss, *optimizer, *precision, *class_weight;
    bool weights; /* of examples, too */
    const char *digits;
} weighted;

/* Classes are 0 ... 4, or of binary_cross_entropy 0 and 1. */
static const weighted recorded_weights[] = {
    {"cross_entropy", "adam", "f32", "", true, "3d49fde91b4cabe0d18c64f7bdc43a12"},
    {"cross_entropy", "adam", "f32", "balanced", false, "774091912e80c1a1ea3e52997276eadd"},
    {"cross_entropy", "sgd", "f32", "1=3,4=0.25", true, "e2b58a5fccc311990b01342b9e9069b6"},
    {"binary_cross_entropy", "adam", "f32", "balanced", true, "c624db79e13b90e7584a8a2a79420d78"},
    {"binary_cross_entropy", "rprop", "f32", "1=4", false, "0437b7085c46a59f3116dc0de1c440d1"},
    {"cross_entropy", "adamw", "bf16", "balanced", true, "a12a8ae8cdea93112a93e7dc330dea8c"},
};

static bp_settings settings_of_weighted(const weighted *g)
{
    golden plain = {"tanh", g->loss, g->optimizer, "constant", g->precision, "", "", ""};
    bp_settings settings = settings_of(&plain);

    settings.task = strcmp(g->loss, "cross_entropy") == 0 ? BP_TASK_MULTICLASS : BP_TASK_BINARY;
    strcpy(settings.class_weight, g->class_weight);
    return settings;
}

/* Classes by the first two inputs, the lower ones more often. */
static void train_weighted(const weighted *g, char digits[BP_HASH_DIGITS + 1])
{
    static float x[ROWS * INPUTS], y[ROWS], w[ROWS];
    bp_settings settings = settings_of_weighted(g);
    uint32_t classes = settings.task == BP_TASK_BINARY ? 2 : OUTPUTS;
    bp_array x_array = {x, BP_TYPE_F32, 0, ROWS, INPUTS, 0}, y_array = {y, BP_TYPE_F32, 0, ROWS, 1, 0},
             w_array = {w, BP_TYPE_F32, 0, ROWS, 1, 0};
    bp_dataset *dataset;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_error error;

    scatter_f32(x, ROWS * INPUTS, 1, 1.0);
    scatter_f32(w, ROWS, 2, 1.0);
    for (int i = 0; i < ROWS; i++) {
        float place = (1 + x[i * INPUTS]) * (1 + x[i * INPUTS + 1]) / 4;
        y[i] = (float)(int)(place * (float)classes);
        w[i] = 1.25f + w[i];
    }
    cr_assert_eq(bp_dataset_borrow(&x_array, &y_array, g->weights ? &w_array : NULL, NULL, &dataset, &error), BP_OK, "%s",
                 error.text);
    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){NULL, 0}, &settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_OK, "%s", error.text);
    bp_network *network = network_with(&settings, INPUTS, classes == 2 ? 1 : classes, NULL);
    bp_trainer *trainer = trainer_with(network, &settings);
    bp_status status = bp_trainer_fit(trainer, encoder, examples, (bp_rows){NULL, 0}, NULL, (bp_rows){NULL, 0}, NULL, NULL, &error);
    cr_assert_eq(status, BP_OK, "%s", error.text);
    hash_parameters(network, digits);
    bp_trainer_free(trainer);
    bp_network_free(network);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
    bp_dataset_free(dataset);
}

Test(golden, weights_of_classes_and_examples_give_the_bits_that_were_written_down)
{
    for (size_t i = 0; i < sizeof recorded_weights / sizeof *recorded_weights; i++) {
        const weighted *g = &recorded_weights[i];
        char digits[BP_HASH_DIGITS + 1];
        train_weighted(g, digits);
        cr_expect_str_eq(digits, g->digits, "%s, %s, %s, classes '%s'%s: %s", g->loss, g->optimizer, g->precision, g->class_weight,
                         g->weights ? ", examples" : "", digits);
    }
}
