/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <stdarg.h>
#include <stdio.h>

void bp_write(bp_writer *writer, const char *format, ...)
{
    va_list arguments;
    size_t room = writer->length < writer->capacity ? writer->capacity - writer->length : 0;

    va_start(arguments, format);
    int more = vsnprintf(room ? writer->text + writer->length : NULL, room, format, arguments);
    va_end(arguments);
    writer->length += more > 0 ? (size_t)more : 0;
}
