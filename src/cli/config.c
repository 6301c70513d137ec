/* --config: lines of `key = value`, with comments from '#' on.
 *
 *      seed = 3                    # spaces around a value do not count
 *      target = "price # net"      in quotes everything does; \" \\ and \n stand for a quote, a backslash and a new line
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "memory.h"
#include "message.h"
#include "options.h"
#include "text.h"

#define CONFIG_MAX ((size_t)1 << 20)

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts spaces off both ends, in place. */
static char *trim(char *text)
{
    size_t length;

    while (is_space(*text))
        text++;
    for (length = strlen(text); length > 0 && is_space(text[length - 1]); length--)
        ;
    text[length] = '\0';
    return text;
}

/* A '#' inside a word belongs to it: names may hold one. */
static void cut_comment(char *line)
{
    for (char *c = line; *c; c++)
        if (*c == '#' && (c == line || is_space(c[-1]))) {
            *c = '\0';
            return;
        }
}

/* What stands in quotes, in place; NULL where it is not well formed. */
static char *unquote(char *text)
{
    char *to = text, *at = text + 1;

    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\' || at[1] == 'n'))
            *to++ = *++at == 'n' ? '\n' : *at;
        else if (*at == '\\')
            return NULL;
        else
            *to++ = *at;
    }
    if (*at != '"')
        return NULL;
    cut_comment(at + 1);
    if (*trim(at + 1))
        return NULL;
    *to = '\0';
    return text;
}

/* What stands behind the '='. */
static char *read_value(char *text)
{
    while (is_space(*text))
        text++;
    if (*text == '"')
        return unquote(text);
    cut_comment(text);
    return trim(text);
}

static bool read_line(bp_arguments *arguments, const char *place, char *line, int *code)
{
    char *key_end = line + strcspn(line, "=#"), *equals = *key_end == '=' ? key_end : NULL, *value = NULL, *key;

    *key_end = '\0'; /* no key holds a '#' */
    if (equals)
        value = read_value(equals + 1);
    key = trim(line);
    if (!*key && !equals)
        return true;
    if (!*key) {
        *code = bp_say_usage(arguments->command, "%s: no key in front of '='", place);
        return false;
    }
    if (!value) {
        *code = bp_say_usage(arguments->command,
                             equals ? "%s: a quote is not closed, or text follows it" : "%s: expected 'key = value'", place);
        return false;
    }
    if (strcmp(key, "config") == 0 || strcmp(key, "help") == 0) {
        *code = bp_say_usage(arguments->command, "%s: '%s' belongs on the command line", place, key);
        return false;
    }
    return bp_arguments_set(arguments, place, key, value, code);
}

static bool read_lines(bp_arguments *arguments, const char *path, char *text, int *code)
{
    char place[4200];

    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* the mark that some editors put in front */
        text += 3;
    for (unsigned long line = 1; text; line++) {
        char *end = strchr(text, '\n');
        if (end)
            *end = '\0';
        snprintf(place, sizeof place, "%s:%lu", path, line);
        if (!read_line(arguments, place, text, code))
            return false;
        text = end ? end + 1 : NULL;
    }
    return true;
}

bool bp_config_read(bp_arguments *arguments, const char *path, int *code)
{
    bp_allocator allocator = bp_allocator_or_default(NULL);
    bp_error error;
    void *bytes;
    size_t size;

    if (bp_file_read_whole(path, &allocator, CONFIG_MAX, &bytes, &size, &error) != BP_OK) {
        *code = bp_say_input_error(arguments, &error);
        return false;
    }
    arguments->config = malloc(size + 1);
    if (arguments->config) {
        memcpy(arguments->config, bytes, size);
        arguments->config[size] = '\0';
    }
    bp_release(&allocator, bytes, size);
    if (!arguments->config || bp_text_utf8_prefix(arguments->config, size) != size) {
        bp_say(arguments->config ? "%s: not UTF-8 text" : "%s: no memory", path);
        *code = arguments->config ? BP_EXIT_BAD_INPUT : BP_EXIT_FAILED;
        return false;
    }
    return read_lines(arguments, path, arguments->config, code);
}
