/* Checkpoints with a checksum that is right and content that is not: each fault is refused by name, and the trainer is as it was.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "safetensors.h"
#include "scratch.h"

TestSuite(checkpoint_forged, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 12, TENSORS = 32, PAIRS = 96 };

static problem subject(bp_optimizer optimizer)
{
    bp_settings settings = problem_settings((uint32_t[]){4}, 1, BP_TANH, BP_SQUARED_ERROR, optimizer);

    settings.batch_size = optimizer == BP_LBFGS ? 0 : 4;
    settings.epochs = 3;
    return problem_create(settings, 3, 2, ROWS, 13);
}

static void save(const problem *p)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    bp_error error;

    problem_fit(p, trainer);
    cr_assert_eq(bp_trainer_checkpoint(trainer, "good", &error), BP_OK, "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

/* What is put in the place of a pair or a tensor of the good file; all but the name NULL or 0: it is left out. */
typedef struct forgery {
    const char *name;  /* of the pair, or of the tensor where there is no such pair */
    const char *value; /* of the pair; its key with KEY */
    size_t at;         /* number of the tensor that becomes */
    double number;     /* this one */
    enum { DROPPED, PAIR, KEY, NUMBER, DTYPE, RANK, SHORTER } kind;
    bp_status status;
    const char *fault; /* NULL: accepted */
} forgery;

static void forge_pairs(const forgery *f, const bp_safetensors *good, bp_pair pairs[PAIRS], size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < good->pair_count; i++) {
        bp_pair pair = good->metadata[i];
        if (strcmp(pair.key, "checksum") == 0 || (f->kind == DROPPED && strcmp(pair.key, f->name) == 0))
            continue;
        if (f->kind == PAIR && strcmp(pair.key, f->name) == 0)
            pair.value = f->value;
        if (f->kind == KEY && strcmp(pair.key, f->name) == 0)
            pair.key = f->value;
        pairs[(*count)++] = pair;
    }
}

static void forge_number(const forgery *f, bp_tensor *tensor, void *copy)
{
    memcpy(copy, tensor->data, tensor->size);
    if (tensor->dtype == BP_DTYPE_F32)
        ((float *)copy)[f->at] = (float)f->number;
    else if (tensor->dtype == BP_DTYPE_F64)
        ((double *)copy)[f->at] = f->number;
    else
        ((uint64_t *)copy)[f->at] = (uint64_t)f->number;
    tensor->data = copy;
}

static void forge_tensors(const forgery *f, const bp_safetensors *good, void *copy, bp_tensor tensors[TENSORS], size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < good->tensor_count; i++) {
        bp_tensor tensor = good->tensors[i];
        bool this = strcmp(tensor.name, f->name) == 0;
        if (this && f->kind == NUMBER)
            forge_number(f, &tensor, copy);
        if (this && f->kind == DTYPE)
            tensor.dtype = tensor.dtype == BP_DTYPE_F32 ? BP_DTYPE_I32 : BP_DTYPE_I64;
        if (this && f->kind == RANK)
            tensor.shape[tensor.rank++] = 1;
        if (this && f->kind == SHORTER)
            tensor.shape[0]--;
        if (!this || f->kind != DROPPED)
            tensors[(*count)++] = tensor;
    }
}

static void forge(const forgery *f)
{
    bp_safetensors *good;
    bp_tensor tensors[TENSORS];
    bp_pair pairs[PAIRS];
    size_t tensor_count, pair_count;
    bp_error error;

    cr_assert_eq(bp_safetensors_read("good", NULL, &good, &error), BP_OK, "%s", error.text);
    cr_assert(good->tensor_count <= TENSORS && good->pair_count <= PAIRS);
    void *copy = malloc(good->size);
    forge_pairs(f, good, pairs, &pair_count);
    forge_tensors(f, good, copy, tensors, &tensor_count);
    cr_assert_eq(bp_safetensors_write("forged", tensors, tensor_count, pairs, pair_count, NULL, &error), BP_OK, "%s", error.text);
    free(copy);
    bp_safetensors_free(good);
}

static void check(const problem *p, const forgery *f)
{
    bp_network *network = problem_network(p);
    bp_trainer *trainer = problem_trainer(p, network);
    uint64_t count = bp_network_parameters(network);
    float *before = problem_parameters(network);
    bp_error error;

    forge(f);
    bp_status status = bp_trainer_resume(trainer, "forged", &error);
    cr_assert_eq(status, f->fault ? f->status : BP_OK, "%s: %s: %s", f->name, bp_status_text(status), error.text);
    if (f->fault) {
        float *after = problem_parameters(network);
        cr_assert(strstr(error.text, f->fault), "%s: \"%s\" does not say \"%s\"", f->name, error.text, f->fault);
        cr_assert_eq(problem_first_difference(before, after, count), count, "%s", f->name);
        free(after);
    }
    free(before);
    bp_trainer_free(trainer);
    bp_network_free(network);
}

static void check_all(bp_optimizer optimizer, const forgery *forgeries, size_t count)
{
    problem p = subject(optimizer);

    save(&p);
    for (size_t i = 0; i < count; i++)
        check(&p, &forgeries[i]);
    problem_free(&p);
}

Test(checkpoint_forged, content_that_cannot_be_is_refused_by_name)
{
    static const forgery forgeries[] = {
        {.name = "nothing"},
        {.name = "data", .status = BP_BAD_FILE, .fault = "has no \"data\" that tells its data"},
        {.name = "data", .kind = PAIR, .value = "", .status = BP_BAD_FILE, .fault = "has no \"data\" that tells its data"},
        {.name = "format", .status = BP_BAD_FILE, .fault = "its format is not said"},
        {.name = "format", .kind = PAIR, .value = "backprop-model", .status = BP_BAD_FILE, .fault = "its format is backprop-model"},
        {.name = "version", .status = BP_BAD_FILE, .fault = "no \"version\" that is a number"},
        {.name = "version", .kind = PAIR, .value = "four", .status = BP_BAD_FILE, .fault = "no \"version\" that is a number"},
        {.name = "version", .kind = PAIR, .value = "5", .status = BP_BAD_FILE, .fault = "version 5, written by a newer version"},
        {.name = "setting.seed"}, /* of a file from before there was one: the default, as this run has it */
        {.name = "setting.epochs", .status = BP_INVALID, .fault = "--epochs 200, this run has 3"},
        {.name = "setting.seed", .kind = KEY, .value = "setting.sead", .status = BP_BAD_FILE, .fault = "does not know: sead"},
        {.name = "setting.seed", .kind = PAIR, .value = "2", .status = BP_INVALID, .fault = "--seed 2, this run has 1"},
        {.name = "layers", .status = BP_BAD_FILE, .fault = "lacks \"layers\""},
        {.name = "layers", .kind = PAIR, .value = "3,5,2", .status = BP_INVALID, .fault = "layers 3,5,2, this run has 3,4,2"},
        {.name = "loss", .status = BP_BAD_FILE, .fault = "lacks \"loss\""},
        {.name = "loss", .kind = PAIR, .value = "99", .status = BP_INVALID, .fault = "loss number 99"},
        {.name = "activation", .kind = PAIR, .value = "-1", .status = BP_INVALID, .fault = "activation number -1"},
        {.name = "fingerprint.training", .status = BP_BAD_FILE, .fault = "has no \"fingerprint.training\""},
        {.name = "fingerprint.validation",
         .kind = PAIR,
         .value = "0123456789abcdef0123456789abcdef0",
         .status = BP_BAD_FILE,
         .fault = "has no \"fingerprint.validation\""},
        {.name = "fingerprint.encoder",
         .kind = PAIR,
         .value = "",
         .status = BP_BAD_FILE,
         .fault = "has no \"fingerprint.encoder\""},
        {.name = "counters", .status = BP_BAD_FILE, .fault = "has no tensor \"counters\""},
        {.name = "counters", .kind = DTYPE, .status = BP_BAD_FILE, .fault = "\"counters\" is I64, not U64"},
        {.name = "counters", .kind = RANK, .status = BP_BAD_FILE, .fault = "another shape"},
        {.name = "counters", .kind = SHORTER, .status = BP_BAD_FILE, .fault = "another shape"},
        {.name = "counters", .kind = NUMBER, .at = 0, .number = 4, .status = BP_BAD_FILE, .fault = "epoch 4, best 0 of 3"},
        {.name = "counters", .kind = NUMBER, .at = 7, .number = 4, .status = BP_BAD_FILE, .fault = "epoch 3, best 4 of 3"},
        {.name = "values", .status = BP_BAD_FILE, .fault = "has no tensor \"values\""},
        {.name = "values", .kind = DTYPE, .status = BP_BAD_FILE, .fault = "\"values\" is I64, not F64"},
        {.name = "parameters", .status = BP_BAD_FILE, .fault = "has no tensor \"parameters\""},
        {.name = "parameters", .kind = SHORTER, .status = BP_BAD_FILE, .fault = "another shape"},
        {.name = "parameters",
         .kind = NUMBER,
         .at = 3,
         .number = (double)INFINITY,
         .status = BP_BAD_FILE,
         .fault = "3 is not finite"},
        {.name = "moment.first", .status = BP_BAD_FILE, .fault = "has no tensor \"moment.first\""},
        {.name = "moment.second",
         .kind = NUMBER,
         .at = 0,
         .number = (double)NAN,
         .status = BP_BAD_FILE,
         .fault = "0 is not finite"},
    };

    check_all(BP_ADAM, forgeries, sizeof forgeries / sizeof *forgeries);
}

Test(checkpoint_forged, the_state_of_lbfgs_is_looked_at)
{
    static const forgery forgeries[] = {
        {.name = "nothing"},
        {.name = "lbfgs", .status = BP_BAD_FILE, .fault = "has no tensor \"lbfgs\""},
        {.name = "lbfgs", .kind = NUMBER, .at = 1, .number = 11, .status = BP_BAD_FILE, .fault = "cannot be the state"},
        {.name = "lbfgs", .kind = NUMBER, .at = 1, .number = -1, .status = BP_BAD_FILE, .fault = "cannot be the state"},
        {.name = "lbfgs", .kind = NUMBER, .at = 2, .number = 10, .status = BP_BAD_FILE, .fault = "cannot be the state"},
        {.name = "lbfgs", .kind = NUMBER, .at = 2, .number = -1, .status = BP_BAD_FILE, .fault = "cannot be the state"},
        {.name = "lbfgs", .kind = NUMBER, .at = 2, .number = (double)NAN, .status = BP_BAD_FILE, .fault = "cannot be the state"},
        {.name = "lbfgs",
         .kind = NUMBER,
         .at = 4,
         .number = (double)INFINITY,
         .status = BP_BAD_FILE,
         .fault = "cannot be the state"},
        {.name = "lbfgs.s0", .status = BP_BAD_FILE, .fault = "has no tensor \"lbfgs.s0\""},
    };

    check_all(BP_LBFGS, forgeries, sizeof forgeries / sizeof *forgeries);
}
