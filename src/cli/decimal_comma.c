/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal_comma.h"

#include <string.h>

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

bool bp_has_decimal_commas(const bp_dataset *dataset, uint64_t column)
{
    bp_column_info info;
    bool found = false;

    if (bp_dataset_column(dataset, column, &info, NULL) != BP_OK || !info.categorical)
        return false;
    for (uint64_t i = 0; i < info.categories && i < LOOKED_AT; i++) {
        int answer = judge(bp_dataset_category(dataset, column, i));
        if (answer < 0)
            return false;
        found = found || answer;
    }
    return found;
}
