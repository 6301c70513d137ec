/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include <stdbool.h>
#include <string.h>

#include "memory.h"

/* What jansson makes of a header, and once more. Where it is refused in the middle of a number, jansson 2.14 ends the process. A text
 * that is there is small enough for so many times its bytes to be counted. */
#define ROOM_TIMES 16

/* Where memory is refused, jansson calls the text wrong, or leaves characters out of it. So it is parsed twice, and both have to
 * come to the same: at 10 ms for a million bytes, twice is still cheap. */
bp_status bp_json_parse(const char *text, size_t size, json_t **root, json_error_t *problem)
{
    json_error_t other;

    if (!bp_memory_has_room(ROOM_TIMES * size))
        return BP_NO_MEMORY;
    json_t *first = json_loadb(text, size, JSON_REJECT_DUPLICATES, problem);
    json_t *second = json_loadb(text, size, JSON_REJECT_DUPLICATES, &other);
    bool both = first && second && json_equal(first, second);
    bool none =
        !first && !second && problem->text[0] && strcmp(problem->text, other.text) == 0 && bp_memory_has_room(ROOM_TIMES * size);

    json_decref(second);
    if (both)
        *root = first;
    else
        json_decref(first);
    return both ? BP_OK : none ? BP_BAD_FILE : BP_NO_MEMORY;
}
