/* Texts of a CSV file that were meant as numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DECIMAL_COMMA_H
#define BP_DECIMAL_COMMA_H

#include <stdbool.h>

#include "backprop.h"

/* Whether the categories of a column are numbers to who writes 1,5 for 1.5; so many of them are looked at that it takes no time. */
bool bp_has_decimal_commas(const bp_dataset *dataset, uint64_t column);

#endif
