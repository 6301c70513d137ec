/* CSV and TSV. The first byte chooses settings, the second how the text is cut; the rest is the file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"
#include "csv.h"
#include "fuzz.h"
#include "memory_files.h"

static const char *const delimiters[] = {"auto", ",", ";", "tab", "|", " ", "x"};
static const char *const headers[] = {"auto", "yes", "no"};

static bp_settings choose(unsigned byte)
{
    bp_settings settings = *fuzz_settings("delimiter", delimiters[byte % 7], "header", headers[byte / 7 % 3], "decimal",
                                          byte / 21 % 2 && byte % 7 != 1 ? "comma" : "point", "missing-targets",
                                          byte / 42 % 2 ? "skip" : "error", "missing", byte / 84 % 2 ? "NA,?,-9" : "NA", NULL);

    return settings;
}

static bp_dataset *read_by(const bp_settings *settings, size_t chunk, bp_error *error)
{
    bp_dataset *dataset = NULL;

    *error = (bp_error){0};
    fuzz_went_well(bp_csv_read_by("in.csv", 0, settings, true, chunk, budget_allocator(), &dataset, error), error);
    return dataset;
}

/* Neither the size of the chunks nor the threads change what is read, or why it is not. */
static void compare_ways(bp_settings settings, unsigned cut)
{
    bp_error whole, pieces;
    bp_dataset *by_one = read_by(&settings, (size_t)1 << 18, &whole);

    settings.threads = cut % 8 ? 1 : 2 + cut / 8 % 2; /* a team is a thousand times as slow where others have the processors */
    bp_dataset *by_many = read_by(&settings, 1 + cut % 41, &pieces);
    budget_lift();
    fuzz_must_agree(by_one, &whole, by_many, &pieces, "chunks");
}

static bool run(const unsigned char *bytes, size_t size)
{
    if (size < 2)
        return false;
    bp_settings settings = choose(bytes[0]);
    memory_files_put("in.csv", bytes + 2, size - 2);
    compare_ways(settings, bytes[1]);
    bp_dataset *dataset = fuzz_read("in.csv", &settings);
    if (dataset)
        fuzz_use_dataset(dataset, &settings);
    return dataset != NULL;
}

const fuzz_target fuzz_csv = {.name = "csv", .factor = 2000, .constant = (size_t)4 << 20, .run = run};
