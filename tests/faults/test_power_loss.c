/* After a power loss at any moment of a replacement the old file is there or the new one, as its reader sees it; once the call has
 * returned, the new one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "helper_disk.h"
#include "problem.h"
#include "scratch.h"

TestSuite(power_loss, .init = scratch_begin, .fini = scratch_end);

enum { OLD, NEW, VERSIONS, DAMAGED };

/* A kind of file: writes a version of it, and tells which version, or DAMAGED, a reader finds. */
typedef struct kind {
    const char *name;
    const char *path; /* its reader goes by the end of the name */
    void (*write)(const char *path, int version);
    int (*read)(const char *path);
} kind;

/* ------------------------------------------------------------------------------------------------------------- kinds */

enum { INPUTS = 40, ROWS = 70 };

static problem subject(void)
{
    return problem_create(problem_settings((uint32_t[]){30}, 1, BP_RELU, BP_SQUARED_ERROR, BP_ADAM), INPUTS, 2, ROWS, 5);
}

static bp_network *make_network(int version)
{
    problem p = subject();
    bp_network *network = problem_network(&p);
    float b[2] = {(float)version, 0};

    cr_assert_eq(bp_network_set(network, 1, NULL, b, NULL), BP_OK);
    problem_free(&p);
    return network;
}

static int version_of(const bp_network *network)
{
    float b[2];

    cr_assert_eq(bp_network_get(network, 1, NULL, b, NULL), BP_OK);
    return b[0] == 0 ? OLD : b[0] == 1 ? NEW : DAMAGED;
}

static void write_model(const char *path, int version)
{
    bp_network *network = make_network(version);
    bp_error error;

    cr_assert_eq(bp_model_save(path, network, NULL, NULL, &error), BP_OK, "%s", error.text);
    bp_network_free(network);
}

static int read_model(const char *path)
{
    bp_network *network;

    if (bp_model_load(path, NULL, &network, NULL, NULL, NULL) != BP_OK)
        return DAMAGED;
    int version = version_of(network);
    bp_network_free(network);
    return version;
}

static int stop_at_once(void *context, const bp_progress *progress)
{
    (void)context;
    (void)progress;
    return 1;
}

/* Of a fit that stopped after its first step; the last layer's biases tell of the version. */
static void write_checkpoint(const char *path, int version)
{
    problem p = subject();
    bp_network *network = make_network(version);
    bp_trainer *trainer = problem_trainer(&p, network);
    bp_callbacks callbacks = {.pause = stop_at_once, .pause_steps = 1};
    bp_error error;

    cr_assert_eq(bp_trainer_fit(trainer, NULL, p.examples, (bp_rows){0}, NULL, (bp_rows){0}, &callbacks, NULL, NULL), BP_CANCELLED);
    cr_assert_eq(bp_trainer_checkpoint(trainer, path, &error), BP_OK, "%s", error.text);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

/* adam's first step changes a bias by 0.001 at most. */
static int read_checkpoint(const char *path)
{
    problem p = subject();
    bp_network *network = make_network(7);
    bp_trainer *trainer = problem_trainer(&p, network);
    int version = DAMAGED;
    float b[2];

    if (bp_trainer_resume(trainer, path, NULL) == BP_OK) {
        cr_assert_eq(bp_network_get(network, 1, NULL, b, NULL), BP_OK);
        version = b[0] > -0.01f && b[0] < 0.01f ? OLD : b[0] > 0.99f && b[0] < 1.01f ? NEW : DAMAGED;
    }
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
    return version;
}

/* Column 0 of row 3 tells of the version. */
static void write_packed(const char *path, int version)
{
    problem p = subject();
    bp_array x = problem_x(&p), y = problem_y(&p);
    bp_dataset *dataset;
    bp_error error;

    p.x[3 * INPUTS] = (float)version;
    cr_assert_eq(bp_dataset_borrow(&x, &y, NULL, NULL, &dataset, NULL), BP_OK);
    cr_assert_eq(bp_dataset_pack(dataset, path, &error), BP_OK, "%s", error.text);
    bp_dataset_free(dataset);
    problem_free(&p);
}

static int read_packed(const char *path)
{
    bp_settings settings;
    bp_dataset *dataset;
    char text[16];

    bp_settings_init(&settings, sizeof settings);
    if (bp_dataset_read(path, &settings, 1, NULL, &dataset, NULL) != BP_OK)
        return DAMAGED;
    int version = DAMAGED;
    if (bp_dataset_rows(dataset) == ROWS && bp_dataset_text(dataset, 3, 0, text, sizeof text, NULL) == BP_OK)
        version = strcmp(text, "0") == 0 ? OLD : strcmp(text, "1") == 0 ? NEW : DAMAGED;
    bp_dataset_free(dataset);
    return version;
}

/* Predictions, --write-config and exported sources have no reader here: each byte counts. */
enum { TEXT = 20000 };

static void fill_text(char *text, int version)
{
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (char)('!' + (i * 7 + (size_t)version * 31) % 90);
}

static void write_text(const char *path, int version)
{
    char text[TEXT];
    bp_file_piece pieces[] = {{text, 5000}, {text + 5000, 333}, {text + 5333, TEXT - 5333}};
    bp_error error;

    fill_text(text, version);
    cr_assert_eq(bp_file_replace(path, pieces, 3, &error), BP_OK, "%s", error.text);
}

static int read_text(const char *path)
{
    char wanted[TEXT];
    size_t size;
    unsigned char *bytes = scratch_read(path, &size);
    int found = DAMAGED;

    for (int version = OLD; version < VERSIONS; version++) {
        fill_text(wanted, version);
        if (size == TEXT && memcmp(bytes, wanted, TEXT) == 0)
            found = version;
    }
    free(bytes);
    return found;
}

static void write_export(const char *path, int version)
{
    bp_network *network = make_network(version);
    bp_error error;

    cr_assert_eq(bp_model_export(path, network, NULL, NULL, NULL, &error), BP_OK, "%s", error.text);
    bp_network_free(network);
}

static int read_export(const char *path)
{
    size_t size, other_size;
    unsigned char *bytes = scratch_read(path, &size);
    char other[32];
    int found = DAMAGED;

    for (int version = OLD; version < VERSIONS; version++) {
        snprintf(other, sizeof other, "%s%s", version == OLD ? "old_" : "new_", path);
        unsigned char *wanted = scratch_read(other, &other_size);
        if (size == other_size && memcmp(bytes, wanted, size) == 0)
            found = version;
        free(wanted);
    }
    free(bytes);
    return found;
}

static const kind kinds[] = {
    {"model", "model", write_model, read_model},     {"checkpoint", "checkpoint", write_checkpoint, read_checkpoint},
    {".bpd", "data.bpd", write_packed, read_packed}, {"text", "text", write_text, read_text},
    {".c", "m.c", write_export, read_export},        {".npz", "m.npz", write_export, read_export},
    {".onnx", "m.onnx", write_export, read_export},
};

#define KINDS (sizeof kinds / sizeof *kinds)

/* ------------------------------------------------------------------------------------------------------------ states */

typedef struct judging {
    const kind *k;
    size_t tear;
    unsigned char *seen; /* the last content that was read, and what came of it */
    size_t seen_size;
    int seen_version;
    size_t contents;
    size_t damaged, lost; /* neither old nor new; old though the call had returned */
} judging;

static int version_seen(judging *j, const disk_view *view)
{
    if (!view->replaced)
        return OLD; /* untouched: no reader is needed */
    if (j->seen && j->seen_size == view->size && memcmp(j->seen, view->bytes, view->size) == 0)
        return j->seen_version;
    free(j->seen);
    j->seen = malloc(view->size + 1);
    memcpy(j->seen, view->bytes, view->size);
    j->seen_size = view->size;
    j->contents++;
    scratch_write(j->k->path, view->bytes, view->size);
    return j->seen_version = j->k->read(j->k->path);
}

/* A damaged state is enough. */
static bool judge(void *context, const disk_view *view)
{
    judging *j = context;
    int version = version_seen(j, view);

    j->damaged += version == DAMAGED;
    j->lost += version == OLD && view->returned;
    return !j->damaged && !j->lost;
}

/* Both tears of one kind, rightly written or not; the number of states that were seen. */
static size_t all_states(const kind *k, disk_bug bug, bool *caught)
{
    size_t states = 0;
    disk d;

    k->write(k->path, OLD);
    cr_assert_eq(k->read(k->path), OLD, "%s", k->name);
    disk_begin(&d);
    k->write(k->path, NEW);
    disk_end(&d);
    cr_assert_eq(k->read(k->path), NEW, "%s", k->name);
    disk_plant(&d, bug);
    for (size_t tear = 512; tear <= 4096; tear *= 8) {
        judging j = {.k = k, .tear = tear};
        states += disk_states(&d, tear, judge, &j);
        cr_assert(bug || (!j.damaged && !j.lost), "%s, torn at %zu bytes: %s", k->name, tear,
                  j.lost ? "lost, though it was said to be written" : "damaged");
        *caught = *caught || j.damaged || j.lost;
        free(j.seen);
    }
    disk_free(&d);
    return states;
}

static void write_both_exports(void)
{
    char name[32];

    for (const kind *k = kinds; k < kinds + KINDS; k++)
        for (int version = OLD; k->write == write_export && version < VERSIONS; version++) {
            snprintf(name, sizeof name, "%s%s", version == OLD ? "old_" : "new_", k->path);
            bp_network *network = make_network(version);
            cr_assert_eq(bp_model_export(name, network, NULL, NULL, strstr(name, ".c") ? "m" : NULL, NULL), BP_OK);
            bp_network_free(network);
        }
}

Test(power_loss, leaves_the_old_file_or_the_new_one)
{
    bool caught = false;
    size_t all = 0;

    write_both_exports();
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        size_t states = all_states(k, BUG_NONE, &caught);
        printf("power loss: %zu states while a %s is replaced\n", states, k->name);
        all += states;
    }
    printf("power loss: %zu states in all\n", all);
    cr_assert_gt(all, 10000);
}

/* Else the test above would prove nothing. */
Test(power_loss, would_show_each_planted_bug)
{
    static const char *const names[] = {"", "without fsync of the file", "without fsync of the directory",
                                        "with the rename before the writes"};

    write_both_exports();
    for (const kind *k = kinds; k < kinds + KINDS; k++)
        for (disk_bug bug = BUG_NO_SYNC; bug <= BUG_RENAME_FIRST; bug++) {
            bool caught = false;
            all_states(k, bug, &caught);
            cr_assert(caught, "%s %s is taken for safe", k->name, names[bug]);
        }
}
