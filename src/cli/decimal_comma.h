/* Texts of a CSV file that were meant as numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_DECIMAL_COMMA_H
#define BP_DECIMAL_COMMA_H

#include "command.h"

/* "1,5", a category of a column whose categories are numbers to who writes 1,5 for 1.5; so many of them are looked at that it
 * takes no time. NULL where they are not, where --categorical names the column, and where the data, the first operand, are no
 * CSV file. */
const char *bp_decimal_comma(const bp_arguments *arguments, const bp_dataset *dataset, uint64_t column);

#endif
