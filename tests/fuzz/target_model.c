/* Model files, and the encoder's text in them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "encoder.h"
#include "fuzz.h"
#include "memory.h"
#include "memory_files.h"
#include "tensors.h"

typedef struct model {
    bp_network *network;
    bp_encoder *encoder;
    bp_settings settings;
} model;

static void free_model(model *m)
{
    bp_network_free(m->network);
    bp_encoder_free(m->encoder);
}

static bool parse(model *m, const unsigned char *bytes, size_t size, bp_error *error)
{
    *m = (model){.network = NULL};
    bp_settings_init(&m->settings, sizeof m->settings);
    return fuzz_went_well(bp_model_parse(bytes, size, budget_allocator(), &m->network, &m->encoder, &m->settings, error), error);
}

/* -------------------------------------------------------------------------------------------------------------- seeds */

static bp_encoder *fit_encoder(void)
{
    bp_dataset *dataset = fuzz_table();
    bp_encoder *encoder = NULL;
    bp_error error;

    fuzz_must(bp_encoder_fit(dataset, (bp_rows){0}, fuzz_settings("target", "y", NULL), budget_allocator(), &encoder, &error),
              &error, "a seed's encoder");
    bp_dataset_free(dataset);
    return encoder;
}

static size_t seed(unsigned char *bytes, size_t room)
{
    model m = {.encoder = fit_encoder(), .settings = *fuzz_settings("hidden", "3", "task", "binary", "dropout", "0.1", NULL)};
    bp_encoder_info info;
    bp_error error;

    bp_encoder_describe(m.encoder, &info);
    fuzz_must(bp_network_create(&m.settings, info.inputs, info.outputs, budget_allocator(), &m.network, &error), &error, "a seed");
    fuzz_must(bp_model_save("seed.model", m.network, m.encoder, &m.settings, &error), &error, "a seed");
    free_model(&m);
    return tensors_take("seed.model", bytes, room);
}

static size_t seed_encoder(unsigned char *bytes, size_t room)
{
    bp_encoder *encoder = fit_encoder();
    bp_error error;
    size_t size;
    char *text;

    fuzz_must(bp_encoder_to_json(encoder, budget_allocator(), &text, &size, &error), &error, "a seed");
    if (size > room)
        fuzz_die("a seed of %zu bytes", size);
    memcpy(bytes, text, size);
    bp_release(budget_allocator(), text, size + 1);
    bp_encoder_free(encoder);
    return size;
}

/* ------------------------------------------------------------------------------------------------------------- models */

static void save(const model *m, const char *name)
{
    bp_error error = {0};

    fuzz_must(bp_model_save(name, m->network, m->encoder, &m->settings, &error), &error, "saving what was loaded");
}

static void predict(const model *m)
{
    uint32_t layers = bp_network_layers(m->network);
    bp_workspace *workspace;
    bp_layer_info first, last;
    bp_error error = {0};

    bp_network_layer(m->network, 0, &first, &error);
    bp_network_layer(m->network, layers - 1, &last, &error);
    float *x = calloc(first.inputs, sizeof *x), *y = calloc(last.outputs, sizeof *y);
    fuzz_must(bp_workspace_create(m->network, 1, BP_ISA_AUTO, budget_allocator(), &workspace, &error), &error, "a workspace");
    fuzz_must(bp_network_predict(m->network, workspace, 1, x, y, &error), &error, "predicting");
    bp_workspace_free(workspace);
    free(x);
    free(y);
}

static bool run(const unsigned char *bytes, size_t size)
{
    bp_error error = {0};
    model once, twice;
    size_t length;

    if (!parse(&once, bytes, size, &error))
        return false;
    budget_lift();
    save(&once, "once.model");
    predict(&once);
    const unsigned char *written = memory_files_get("once.model", &length);
    if (!parse(&twice, written, length, &error))
        fuzz_die("what was saved cannot be loaded: %s", error.text);
    save(&twice, "twice.model");
    tensors_must_be_same("once.model", "twice.model");
    free_model(&once);
    free_model(&twice);
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- encoders */

static char *text_of(const bp_encoder *encoder, size_t *size)
{
    bp_error error = {0};
    char *text;

    fuzz_must(bp_encoder_to_json(encoder, budget_allocator(), &text, size, &error), &error, "an encoder's text");
    return text;
}

static bool run_encoder(const unsigned char *bytes, size_t size)
{
    const bp_allocator *allocator = budget_allocator();
    bp_encoder *once = NULL, *twice = NULL;
    bp_examples *examples = NULL;
    bp_error error = {0};
    size_t length, same;

    if (!fuzz_went_well(bp_encoder_from_json((const char *)bytes, size, allocator, &once, &error), &error))
        return false;
    budget_lift();
    char *text = text_of(once, &length);
    fuzz_must(bp_encoder_from_json(text, length, allocator, &twice, &error), &error, text);
    char *again = text_of(twice, &same);
    if (length != same || memcmp(text, again, length) != 0)
        fuzz_die("an encoder's text is another: %s, %s", text, again);
    bp_release(allocator, text, length + 1);
    bp_release(allocator, again, same + 1);
    bp_dataset *dataset = fuzz_table();
    if (fuzz_went_well(bp_encoder_apply(twice, dataset, 0, allocator, &examples, &error), &error))
        bp_examples_free(examples);
    bp_dataset_free(dataset);
    bp_encoder_free(once);
    bp_encoder_free(twice);
    return true;
}

/* jansson's tree takes some 50 times the text, and more for many small lists; a weight of one output is padded to a panel. */
const fuzz_target fuzz_model = {.name = "model",
                                .factor = 400,
                                .constant = (size_t)1 << 20,
                                .seed = seed,
                                .repair = tensors_repair,
                                .checked = true,
                                .run = run};
const fuzz_target fuzz_encoder = {
    .name = "encoder", .factor = 400, .constant = (size_t)1 << 20, .seed = seed_encoder, .run = run_encoder};
