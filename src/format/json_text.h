/* JSON text parsed by jansson, which says the same of memory that it was refused as of text that is wrong.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_JSON_TEXT_H
#define BP_JSON_TEXT_H

#include <jansson.h>

#include "backprop.h"

/* BP_NO_MEMORY or BP_BAD_FILE, without an error's text: `problem` has the cause of the latter. Duplicate keys and names with NUL
 * inside are refused. Give *root to json_decref. */
bp_status bp_json_parse(const char *text, size_t size, json_t **root, json_error_t *problem);

#endif
