/* What is done with every data set that a reader has accepted.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "budget.h"
#include "encoder.h"
#include "fuzz.h"
#include "memory.h"
#include "memory_files.h"

bp_dataset *fuzz_read(const char *name, const bp_settings *settings)
{
    bp_dataset *dataset = NULL;
    bp_error error = {0};

    return fuzz_went_well(bp_dataset_read(name, settings, 1, budget_allocator(), &dataset, &error), &error) ? dataset : NULL;
}

static void must_be_same(const char *left, const char *right, const char *what)
{
    size_t a, b;
    const unsigned char *of_a = memory_files_get(left, &a), *of_b = memory_files_get(right, &b);

    if (!of_a || !of_b || a != b || memcmp(of_a, of_b, a) != 0)
        fuzz_die("%s: %s and %s differ", what, left, right);
}

static void pack(const bp_dataset *dataset, const char *name)
{
    bp_error error = {0};

    fuzz_must(bp_dataset_pack(dataset, name, &error), &error, "packing what was read");
}

static void check_encoder(const bp_encoder *encoder)
{
    const bp_allocator *allocator = budget_allocator();
    bp_encoder *again = NULL;
    char *text, *same;
    size_t size, length;
    bp_error error = {0};

    fuzz_must(bp_encoder_to_json(encoder, allocator, &text, &size, &error), &error, "an encoder as text");
    fuzz_must(bp_encoder_from_json(text, size, allocator, &again, &error), &error, text);
    fuzz_must(bp_encoder_to_json(again, allocator, &same, &length, &error), &error, "an encoder as text again");
    if (size != length || memcmp(text, same, size) != 0)
        fuzz_die("an encoder is another one as text: %s, %s", text, same);
    bp_release(allocator, text, size + 1);
    bp_release(allocator, same, length + 1);
    bp_encoder_free(again);
}

static void encode(const bp_dataset *dataset, const bp_settings *settings)
{
    bp_encoder *encoder = NULL;
    bp_examples *examples = NULL;
    bp_error error = {0};

    if (!fuzz_went_well(bp_encoder_fit(dataset, (bp_rows){0}, settings, budget_allocator(), &encoder, &error), &error))
        return;
    check_encoder(encoder);
    if (fuzz_went_well(bp_encoder_apply(encoder, dataset, 1, budget_allocator(), &examples, &error), &error))
        bp_examples_free(examples);
    bp_encoder_free(encoder);
}

static void pack_twice(const bp_dataset *dataset)
{
    bp_settings plain = *fuzz_settings(NULL, NULL);

    pack(dataset, "once.bpd");
    bp_dataset *again = fuzz_read("once.bpd", &plain);
    if (!again)
        fuzz_die("what was packed cannot be read");
    pack(again, "twice.bpd");
    must_be_same("once.bpd", "twice.bpd", "packing");
    bp_dataset_free(again);
}

static void must_not_pack(const bp_dataset *dataset)
{
    bp_error error = {0};

    if (fuzz_went_well(bp_dataset_pack(dataset, "once.bpd", &error), &error))
        fuzz_die("zeros were packed");
}

void fuzz_use_dataset(bp_dataset *dataset, const bp_settings *settings)
{
    budget_lift();
    if (dataset->entries)
        must_not_pack(dataset);
    else
        pack_twice(dataset);
    encode(dataset, settings);
    bp_dataset_free(dataset);
}

void fuzz_must_agree(bp_dataset *a, const bp_error *of_a, bp_dataset *b, const bp_error *of_b, const char *what)
{
    if (!a != !b || (!a && strcmp(of_a->text, of_b->text) != 0))
        fuzz_die("%s: \"%s\" and \"%s\"", what, a ? "" : of_a->text, b ? "" : of_b->text);
    if (a) {
        pack(a, "one.bpd");
        pack(b, "other.bpd");
        must_be_same("one.bpd", "other.bpd", what);
    }
    bp_dataset_free(a);
    bp_dataset_free(b);
}

bp_dataset *fuzz_table(void)
{
    static const char text[] = "age,colour,exact,y\n1,red,0.1,no\n2,,1e30,yes\n,blue,-3,no\n4,\"a \"\"b\"\"\",2.5,yes\n5,red,,no\n"
                               "6,blue,1,yes\n";

    memory_files_put("table.csv", (const unsigned char *)text, sizeof text - 1);
    return fuzz_read("table.csv", fuzz_settings("target", "y", NULL));
}
