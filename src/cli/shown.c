/* Text from files and command lines on its way to a person's terminal.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the control character at `c`; 0: it is none. */
static int control(const unsigned char *c)
{
    if (*c < ' ' || *c == 127)
        return 1;
    return *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

void bp_shown_clean(char *text)
{
    while (*text) {
        int bytes = control((const unsigned char *)text);
        memset(text, '?', (size_t)bytes);
        text += bytes ? bytes : 1;
    }
}

void bp_shown_print(const char *text, size_t width, size_t most)
{
    size_t i = 0;

    while (text[i] && i < most) {
        int bytes = control((const unsigned char *)text + i);
        fputs(bytes == 2 ? "?" : "", stdout);
        putchar(bytes ? '?' : text[i]);
        i += bytes ? (size_t)bytes : 1;
    }
    for (; i < width; i++)
        putchar(' ');
}
