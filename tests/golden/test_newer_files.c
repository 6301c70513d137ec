/* Files of a version that is not known here are refused with both versions and what to do, whatever else they hold.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "backprop.h"
#include "bpd.h"
#include "checkpoint.h"
#include "helper_golden.h"
#include "model.h"
#include "problem.h"
#include "scratch.h"

TestSuite(newer_files, .init = scratch_begin, .fini = scratch_end);

/* One reader behind one call: reads "file" plus the suffix, and frees what came of it. */
typedef bp_status reader(bp_error *error);

static void must_say(reader *read, const char *stem, const char *kind, uint64_t found, uint64_t known)
{
    char newer[200], known_here[64];
    bp_error error;

    snprintf(newer, sizeof newer, "a %s of version %llu, written by a newer version of backprop", kind, (unsigned long long)found);
    snprintf(known_here, sizeof known_here, "up to version %llu: update it", (unsigned long long)known);
    cr_assert_eq(read(&error), BP_BAD_FILE, "%s", stem);
    cr_assert(strstr(error.text, "file") && strstr(error.text, newer) && strstr(error.text, known_here), "%s: %s", stem,
              error.text);
}

/* --------------------------------------------------------------------------------------------- models and checkpoints */

static bp_status read_model(bp_error *error)
{
    bp_network *network = NULL;
    bp_encoder *encoder = NULL;

    bp_status status = bp_model_load("file", NULL, &network, &encoder, NULL, error);
    bp_network_free(network);
    bp_encoder_free(encoder);
    return status;
}

/* Of another run, which is told only after the version. */
static bp_status read_checkpoint(bp_error *error)
{
    problem p = problem_create(problem_settings((uint32_t[]){3}, 1, BP_RELU, BP_SQUARED_ERROR, BP_SGD), 2, 1, 5, 1);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);

    bp_status status = bp_trainer_resume(trainer, "file", error);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
    return status;
}

/* The same bytes with another version; with its own it is refused, if at all, for what it says. */
static void check_tensors(const char *stem, const char *suffix, reader *read, const char *kind, uint64_t known)
{
    size_t size;
    unsigned char *bytes = scratch_read(golden_path(stem, suffix), &size);
    bp_error error;

    golden_set_version(bytes, size, known + 1);
    scratch_write("file", bytes, size);
    must_say(read, stem, kind, known + 1, known);
    golden_set_version(bytes, size, known);
    scratch_write("file", bytes, size);
    cr_assert_neq(read(&error), BP_BAD_FILE, "%s", error.text);
    free(bytes);
}

static void check_model(const char *stem)
{
    check_tensors(stem, ".safetensors", read_model, "model", BP_MODEL_VERSION);
}

static void check_checkpoint(const char *stem)
{
    check_tensors(stem, ".checkpoint", read_checkpoint, "checkpoint", BP_CHECKPOINT_VERSION);
}

Test(newer_files, that_are_models_are_refused_with_what_to_do)
{
    golden_each("model", BP_MODEL_VERSION, ".safetensors", check_model);
}

Test(newer_files, that_are_checkpoints_are_refused_with_what_to_do)
{
    golden_each("checkpoint", BP_CHECKPOINT_VERSION, ".checkpoint", check_checkpoint);
}

/* Those that no release has written. */
static void check_unreleased(const char *stem)
{
    size_t size;
    unsigned char *bytes = scratch_read(golden_path(stem, ".checkpoint"), &size);
    bp_error error;

    golden_set_version(bytes, size, BP_CHECKPOINT_FIRST - 1);
    scratch_write("file", bytes, size);
    cr_assert_eq(read_checkpoint(&error), BP_BAD_FILE);
    cr_assert(strstr(error.text, "of version 3, from before the first release") && strstr(error.text, "from 4 on: make it anew"),
              "%s", error.text);
    free(bytes);
}

Test(newer_files, and_checkpoints_from_before_the_first_release_are_refused)
{
    golden_each("checkpoint", BP_CHECKPOINT_FIRST, ".checkpoint", check_unreleased);
}

/* ---------------------------------------------------------------------------------------------------------------- .bpd */

static bp_status read_packed(bp_error *error)
{
    bp_settings settings;
    bp_dataset *dataset = NULL;

    bp_settings_init(&settings, sizeof settings);
    bp_status status = bp_dataset_read("file.bpd", &settings, 1, NULL, &dataset, error);
    bp_dataset_free(dataset);
    return status;
}

static void write_packed(unsigned char *bytes, size_t size, uint32_t version)
{
    bp_bpd_head head;

    memcpy(&head, bytes, sizeof head);
    head.version = version;
    memset(head.checksum, 0, sizeof head.checksum);
    memcpy(bytes, &head, sizeof head);
    bp_bpd_header_sum(bytes, (size_t)head.bytes, head.checksum);
    memcpy(bytes, &head, sizeof head);
    scratch_write("file.bpd", bytes, size);
}

static void check_packed(const char *stem)
{
    size_t size;
    unsigned char *bytes = scratch_read(golden_path(stem, ".bpd"), &size);
    bp_error error;

    write_packed(bytes, size, BP_BPD_VERSION + 1);
    must_say(read_packed, stem, ".bpd file", BP_BPD_VERSION + 1, BP_BPD_VERSION);
    write_packed(bytes, size, BP_BPD_VERSION);
    cr_assert_eq(read_packed(&error), BP_OK, "%s", error.text);
    free(bytes);
}

Test(newer_files, that_are_packed_data_are_refused_with_what_to_do)
{
    golden_each("bpd", BP_BPD_VERSION, ".bpd", check_packed);
}
