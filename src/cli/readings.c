/* SPDX-License-Identifier: Apache-2.0 */
#include "readings.h"

#include <string.h>

#include "data_kind.h"
#include "message.h"
#include "settings.h"

/* Settings that some kinds of files alone are read by. */
static const struct {
    const char *key;
    unsigned kinds; /* bit i: bp_data_kind i */
    const char *what;
} readings[] = {
    {"header", 1u << BP_DATA_CSV, "CSV"},          {"delimiter", 1u << BP_DATA_CSV, "CSV"},
    {"decimal", 1u << BP_DATA_CSV, "CSV"},         {"missing", 1u << BP_DATA_CSV, "CSV"},
    {"categorical", 1u << BP_DATA_CSV, "CSV"},     {"max-categories", 1u << BP_DATA_CSV | 1u << BP_DATA_BPD, "CSV and .bpd"},
    {"max-index", 1u << BP_DATA_LIBSVM, "LIBSVM"}, {"memory", 1u << BP_DATA_BPD, ".bpd"}};

/* Bit i: a data file of the run is of kind i. */
static unsigned kinds_of(const bp_arguments *arguments)
{
    static const bp_option_id files[] = {BP_OPTION_TEST, BP_OPTION_VALIDATION};
    unsigned kinds = 0;

    if (arguments->operand_count)
        kinds |= 1u << bp_data_kind_of(arguments->operands[arguments->operand_count - 1]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (arguments->option[files[i]])
            kinds |= 1u << bp_data_kind_of(arguments->option[files[i]]);
    return kinds;
}

/* The place of `key` among the readings, if it is one that none of these kinds has. */
static bool is_useless(unsigned kinds, const char *key, size_t *place)
{
    if (!kinds || kinds & 1u << BP_DATA_UNKNOWN)
        return false;
    for (*place = 0; *place < sizeof readings / sizeof *readings; ++*place)
        if (strcmp(readings[*place].key, key) == 0)
            return !(readings[*place].kinds & kinds);
    return false;
}

bool bp_readings_take(const bp_arguments *arguments, const char *key)
{
    size_t place;
    return !is_useless(kinds_of(arguments), key, &place);
}

int bp_readings_check(const bp_arguments *arguments)
{
    unsigned kinds = kinds_of(arguments);
    size_t place;

    for (const char *const *key = arguments->command->settings; *key; key++)
        if (bp_settings_given(&arguments->settings, *key) && is_useless(kinds, *key, &place))
            return bp_say_usage(arguments->command, "--%s has no effect on %s: it is for %s files", *key,
                                arguments->operands[arguments->operand_count - 1], readings[place].what);
    return BP_EXIT_DONE;
}
