/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "numbers.h"
#include "scratch.h"

static void write_csv(void)
{
    static const char *const colours[] = {"red", "green", "blue"}, *const classes[] = {"low", "middle", "high"};
    FILE *file = fopen("data.csv", "w");

    fprintf(file, "x1,x2,colour,class\n");
    for (uint64_t i = 0; i < WORLD_ROWS; i++) {
        double x1 = scattered(1, i), x2 = scattered(2, i);
        size_t colour = (size_t)(1.5 * (1 + scattered(3, i)));
        if (i % 17 == 5)
            fprintf(file, ",%.5f,%s,%s\n", x2, colours[colour], classes[i % 3]);
        else
            fprintf(file, "%.5f,%.5f,%s,%s\n", x1, x2, colours[colour], classes[x1 + x2 < -0.3 ? 0 : x1 + x2 < 0.3 ? 1 : 2]);
    }
    cr_assert_eq(fclose(file), 0);
}

static void write_gzip(void)
{
    size_t size;
    unsigned char *bytes = scratch_read("data.csv", &size);
    gzFile file = gzopen("data.csv.gz", "wb");

    cr_assert_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(file), Z_OK);
    free(bytes);
}

static void write_npy(void)
{
    char text[119];
    unsigned char file[128 + 40 * sizeof(float)] = "\x93NUMPY\1";

    memset(text, ' ', sizeof text);
    file[8] = 118;
    int length = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 4), }");
    text[length] = ' ';
    text[117] = '\n';
    memcpy(file + 10, text, 118);
    for (uint64_t i = 0; i < 40; i++)
        memcpy(file + 128 + 4 * i, &(float){(float)scattered(4, i)}, 4);
    scratch_write("data.npy", file, sizeof file);
}

static void write_svm(void)
{
    FILE *file = fopen("data.svm", "w");

    for (uint64_t i = 0; i < 30; i++)
        fprintf(file, "%d %d:%.3f %d:1\n", (int)(i % 2), 1 + (int)(i % 5), scattered(6, i), 7 + (int)(i % 3));
    cr_assert_eq(fclose(file), 0);
}

static void write_idx(void)
{
    unsigned char images[16 + 20 * 9] = {0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 3},
                                   labels[8 + 20] = {0, 0, 8, 1, 0, 0, 0, 20};

    for (uint64_t i = 0; i < 20 * 9; i++)
        images[16 + i] = (unsigned char)(127 + 120 * scattered(7, i));
    for (size_t i = 0; i < 20; i++)
        labels[8 + i] = (unsigned char)(i % 3);
    scratch_write("data-images-idx3-ubyte", images, sizeof images);
    scratch_write("data-labels-idx1-ubyte", labels, sizeof labels);
}

static bp_settings make_settings(uint32_t threads)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    strcpy(settings.target, "class");
    settings.hidden[0] = 8;
    settings.hidden_count = 1;
    settings.threads = threads;
    settings.exact_threads = threads > 1;
    settings.batch_size = WORLD_BATCH;
    settings.epochs = 2;
    return settings;
}

#define MUST(call) cr_assert_eq(call, BP_OK, "%s", error.text)

static void make_handles(world *w)
{
    bp_encoder_info info;
    bp_error error;

    MUST(bp_dataset_read("data.csv", &w->settings, 0, &w->allocator, &w->dataset, &error));
    MUST(bp_dataset_pack(w->dataset, "data.bpd", &error));
    MUST(bp_encoder_fit(w->dataset, (bp_rows){0}, &w->settings, &w->allocator, &w->encoder, &error));
    bp_encoder_settle(w->encoder, WORLD_ROWS, &w->settings);
    bp_encoder_describe(w->encoder, &info);
    cr_assert(info.inputs == WORLD_INPUTS && info.outputs == WORLD_OUTPUTS, "%u inputs, %u outputs", info.inputs, info.outputs);
    MUST(bp_encoder_apply(w->encoder, w->dataset, 1, &w->allocator, &w->examples, &error));
    MUST(bp_network_create(&w->settings, info.inputs, info.outputs, &w->allocator, &w->network, &error));
    MUST(bp_network_create(&w->settings, info.inputs, info.outputs, &w->allocator, &w->other, &error));
    MUST(bp_trainer_create(w->network, &w->settings, NULL, 0, &w->allocator, &w->trainer, &error));
    MUST(bp_workspace_create(w->network, w->settings.threads, BP_ISA_AUTO, &w->allocator, &w->workspace, &error));
    for (uint64_t i = 0; i < WORLD_ROWS; i++) {
        MUST(bp_examples_row(w->examples, i, w->x + i * WORLD_INPUTS, w->y + i * WORLD_OUTPUTS, &error));
        w->index[0][i] = i;
    }
    MUST(bp_evaluation_create(w->network, w->workspace, w->encoder, w->examples, (bp_rows){0}, &w->allocator, &w->evaluation,
                              &error));
    MUST(bp_trace_create(w->network, w->x, w->y, &w->allocator, &w->trace, &error));
    MUST(bp_model_save("model", w->network, w->encoder, &w->settings, &error));
    MUST(bp_trainer_fit(w->trainer, w->encoder, w->examples, (bp_rows){0}, NULL, (bp_rows){0}, NULL, NULL, &error));
    MUST(bp_trainer_checkpoint(w->trainer, "checkpoint", &error));
    w->model = scratch_read("model", &w->model_size);
}

world *world_begin(uint32_t threads)
{
    world *w = calloc(1, sizeof *w);

    scratch_begin();
    write_csv();
    write_gzip();
    write_npy();
    write_svm();
    write_idx();
    w->memory = refuse_at(SIZE_MAX);
    w->allocator = refusing_allocator(&w->memory);
    w->settings = make_settings(threads);
    make_handles(w);
    return w;
}

void world_end(world *w)
{
    bp_trace_free(w->trace);
    bp_evaluation_free(w->evaluation);
    bp_workspace_free(w->workspace);
    bp_trainer_free(w->trainer);
    bp_network_free(w->other);
    bp_network_free(w->network);
    bp_examples_free(w->examples);
    bp_encoder_free(w->encoder);
    bp_dataset_free(w->dataset);
    free(w->model);
    cr_assert(w->memory.alive == 0 && w->memory.bytes == 0, "%zu blocks are left", w->memory.alive);
    free(w);
    scratch_end();
}
