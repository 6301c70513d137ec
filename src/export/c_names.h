/* Identifiers for anybody's names: lower case, what is no letter or digit as '_', no word that C or C++ reserves.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_C_NAMES_H
#define BP_C_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define BP_C_NAME_MAX 56 /* with the NUL: C99 tells 63 characters apart */
typedef char bp_c_name[BP_C_NAME_MAX];

/* "Sepal length (cm)" is sepal_length_cm; a name without letters and digits becomes `otherwise`. */
void bp_c_name_make(bp_c_name name, const char *text, const char *otherwise);

/* Makes each of names [count] one of its own, by a number behind those that stood before. */
void bp_c_names_separate(bp_c_name *names, size_t count);

/* Whether a text is an identifier of at most BP_C_NAME_MAX - 1 characters that is not reserved. */
bool bp_c_name_is_valid(const char *text);

#endif
