/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal_comma.h"

#include <string.h>

#include "data_kind.h"

#define LOOKED_AT 100

/* Digits, perhaps with a sign in front; -1 otherwise, 1 where a comma and more digits follow, else 0. */
static int judge(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t whole = strspn(digits, "0123456789");

    if (!whole || !digits[whole])
        return whole ? 0 : -1;
    size_t fraction = digits[whole] == ',' ? strspn(digits + whole + 1, "0123456789") : 0;
    return fraction && !digits[whole + 1 + fraction] ? 1 : -1;
}

static bool is_listed(const char *name, const char *list)
{
    for (size_t length; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (strlen(name) == length && memcmp(name, list, length) == 0)
            return true;
    }
    return false;
}

const char *bp_decimal_comma(const bp_arguments *arguments, const bp_dataset *dataset, uint64_t column)
{
    bp_column_info info;
    const char *found = NULL;

    if (bp_dataset_column(dataset, column, &info, NULL) != BP_OK || !info.categorical ||
        bp_data_kind_of(arguments->operands[0]) != BP_DATA_CSV || is_listed(info.name, arguments->settings.categorical))
        return NULL;
    for (uint64_t i = 0; i < info.categories && i < LOOKED_AT; i++) {
        const char *category = bp_dataset_category(dataset, column, i);
        int answer = judge(category);
        if (answer < 0)
            return NULL;
        if (answer && !found)
            found = category;
    }
    return found;
}
