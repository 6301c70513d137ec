/* JSON text (RFC 8259) -> jansson's tree.
 *
 * jansson's own reader is not asked: where memory is refused it leaves characters out of a text, reads behind the text's end where the
 * closing quote was one of them, and ends the process where it was a digit. What its trees are made by says so instead.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_JSON_TEXT_H
#define BP_JSON_TEXT_H

#include <jansson.h>

#include "backprop.h"

#define BP_JSON_DEPTH 32 /* of lists in lists; what the library writes has 5 */

/* What is wrong with a text, and at which of its bytes. */
typedef struct bp_json_problem {
    size_t at;
    char text[160];
} bp_json_problem;

/* An object or a list. BP_NO_MEMORY or BP_BAD_FILE, without an error's text: `problem` has the cause of the latter. Refused are also
 * equal names in an object, NUL in a text, whole numbers beyond 63 bits and others beyond f64. Give *root to json_decref. */
bp_status bp_json_parse(const char *text, size_t size, const bp_allocator *allocator, json_t **root, bp_json_problem *problem);

#endif
