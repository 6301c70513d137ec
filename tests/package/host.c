/* What a host does with a library that was built with BP_EMBEDDED, and what it cannot. Run in an empty directory:
 *
 *     host    trains on arrays of its own and again on a .bpd file, leaves both models, and prints the machine and the plans;
 *             "refused" has a line for each thing that could not be done: the status and the text
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <backprop.h>

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 3000, COLUMNS = 40 };

static FILE *refused;
static float x[ROWS][COLUMNS], y[ROWS];

static void check(bp_status status, const bp_error *error)
{
    if (status == BP_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static bp_dataset *lend(void)
{
    bp_array inputs = {.data = x, .type = BP_TYPE_F32, .rows = ROWS, .columns = COLUMNS};
    bp_array targets = {.data = y, .type = BP_TYPE_F32, .rows = ROWS, .columns = 1};
    bp_dataset *dataset;
    bp_error error;
    unsigned state = 1;

    for (int i = 0; i < ROWS; i++, y[i - 1] = x[i - 1][0] * x[i - 1][1])
        for (int j = 0; j < COLUMNS; j++)
            x[i][j] = (float)((state = state * 1103515245u + 12345u) >> 16 & 1023);
    check(bp_dataset_borrow(&inputs, &targets, NULL, NULL, &dataset, &error), &error);
    return dataset;
}

static void train(const bp_dataset *dataset, const char *model)
{
    bp_rows all = {NULL, 0};
    bp_settings settings;
    bp_encoder *encoder;
    bp_examples *examples;
    bp_encoder_info info;
    bp_network *network;
    bp_trainer *trainer;
    bp_error error;
    char plan[4000];

    bp_settings_init(&settings, sizeof settings);
    check(bp_settings_set(&settings, "hidden", "200,200", &error), &error);
    check(bp_settings_set(&settings, "epochs", "3", &error), &error);
    check(bp_settings_set(&settings, "threads", "auto", &error), &error);
    check(bp_encoder_fit(dataset, all, &settings, NULL, &encoder, &error), &error);
    check(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), &error);
    bp_encoder_describe(encoder, &info);
    bp_encoder_settle(encoder, ROWS, &settings);
    check(bp_network_create(&settings, info.inputs, info.outputs, NULL, &network, &error), &error);
    check(bp_trainer_create(network, &settings, NULL, 0, NULL, &trainer, &error), &error);
    bp_trainer_plan(trainer, plan, sizeof plan);
    printf("%s\n", plan);
    check(bp_trainer_fit(trainer, encoder, examples, all, NULL, all, NULL, NULL, &error), &error);
    check(bp_model_save(model, network, encoder, &settings, &error), &error);
    if (bp_model_export("weights.npz", network, encoder, NULL, NULL, &error))
        fprintf(refused, "%d %s\n", (int)error.status, error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    bp_examples_free(examples);
    bp_encoder_free(encoder);
}

static void read_files(void)
{
    static const char *const names[] = {"a.csv", "a.tsv.gz", "-", "a.npy", "a.svm", "a.libsvm.gz", "a-idx3-ubyte", "a.idx"};
    bp_settings settings;
    bp_dataset *dataset;
    bp_error error;

    bp_settings_init(&settings, sizeof settings);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bp_dataset_read(names[i], &settings, BP_NEED_NOTHING, NULL, &dataset, &error))
            fprintf(refused, "%d %s\n", (int)error.status, error.text);
    if (bp_pack("a.csv", &settings, "b.bpd", NULL, NULL, &error))
        fprintf(refused, "%d %s\n", (int)error.status, error.text);
}

int main(void)
{
    bp_dataset *lent = lend(), *read;
    bp_settings settings;
    bp_error error;
    char reason[100];

    refused = fopen("refused", "w");
    if (!refused)
        return 1;
    printf("%u threads: ", (unsigned)bp_machine_threads(reason, sizeof reason));
    printf("%s\n", reason);
    train(lent, "lent.safetensors");
    check(bp_dataset_pack(lent, "data.bpd", &error), &error);
    bp_dataset_free(lent);
    bp_settings_init(&settings, sizeof settings);
    check(bp_dataset_read("data.bpd", &settings, BP_NEED_TARGET, NULL, &read, &error), &error);
    train(read, "read.safetensors");
    bp_dataset_free(read);
    read_files();
    return fclose(refused) != 0;
}
