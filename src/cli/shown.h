/* Text from files and command lines on its way to a person's terminal, which must not take it for commands.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SHOWN_H
#define BP_SHOWN_H

#include <stddef.h>

/* Puts '?' for each byte of a control character, in place: C0, DEL, and C1 in UTF-8, of which U+009B begins sequences as ESC [
 * does. Line ends are among them. */
void bp_shown_clean(char *text);

/* Prints it so on standard output: `most` bytes of it at most, and spaces up to `width`. */
void bp_shown_print(const char *text, size_t width, size_t most);

#endif
