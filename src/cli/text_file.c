/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* fopencookie */
#include "text_file.h"

#include "error.h"

static ssize_t write_part(void *cookie, const char *bytes, size_t size)
{
    bp_text_file *text = cookie;

    if (text->status == BP_OK)
        text->status = bp_replacement_write(&text->replacement, bytes, size, &text->error);
    return text->status == BP_OK ? (ssize_t)size : 0;
}

bp_status bp_text_file_begin(bp_text_file *text, const char *path, bp_error *error)
{
    text->status = BP_OK;
    BP_TRY(bp_replacement_begin(&text->replacement, path, error));
    text->lines = fopencookie(text, "w", (cookie_io_functions_t){.write = write_part});
    if (!text->lines) {
        bp_replacement_abandon(&text->replacement);
        return bp_fail(error, BP_NO_MEMORY, "%s: no memory to write it", path);
    }
    setvbuf(text->lines, text->buffer, _IOFBF, sizeof text->buffer);
    return BP_OK;
}

bp_status bp_text_file_end(bp_text_file *text, bp_error *error)
{
    bool cut = (ferror(text->lines) | fclose(text->lines)) != 0;

    if (text->status == BP_OK && !cut)
        return bp_replacement_commit(&text->replacement, error);
    bp_replacement_abandon(&text->replacement);
    if (text->status == BP_OK)
        return bp_fail(error, BP_NO_MEMORY, "%s: no memory to write all of it", text->replacement.name);
    *error = text->error;
    return text->status;
}
