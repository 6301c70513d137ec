/* SPDX-License-Identifier: Apache-2.0 */
#include "c_names.h"

#include <stdio.h>
#include <string.h>

/* Words of C and C++ in lower case, and macros that compilers define without being asked. */
static bool is_reserved(const char *name)
{
    static const char words[] =
        " alignas alignof and and_eq asm auto bitand bitor bool break case catch char class co_await co_return co_yield compl "
        "concept"
        " const const_cast consteval constexpr constinit continue decltype default delete do double dynamic_cast else enum errno"
        " explicit export extern false float for friend goto i386 if inline int linux long math_errhandling mutable namespace new"
        " noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return"
        " short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef"
        " typeid typename typeof union unix unsigned using virtual void volatile wchar_t while xor xor_eq ";
    char word[BP_C_NAME_MAX + 2];

    snprintf(word, sizeof word, " %s ", name);
    return strstr(words, word) != NULL;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

void bp_c_name_make(bp_c_name name, const char *text, const char *otherwise)
{
    size_t used = 0;

    if (is_digit(*text))
        name[used++] = 'x';
    for (; *text && used < BP_C_NAME_MAX - 2; text++) {
        if (is_word(*text))
            name[used++] = lower(*text);
        else if (used && name[used - 1] != '_' && is_word(text[1]))
            name[used++] = '_';
    }
    name[used] = '\0';
    if (!used)
        snprintf(name, BP_C_NAME_MAX, "%s", otherwise);
    if (is_reserved(name))
        strcat(name, "_");
}

/* Whether `name` stands among names [count]. */
static bool is_taken(const bp_c_name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void bp_c_names_separate(bp_c_name *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        bp_c_name name;
        memcpy(name, names[i], sizeof name);
        for (size_t n = 2; is_taken(names, i, name); n++)
            snprintf(name, sizeof name, "%.*s_%zu", (int)sizeof name - 22, names[i], n);
        memcpy(names[i], name, sizeof name);
    }
}

bool bp_c_name_is_valid(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return length && !text[length] && length < BP_C_NAME_MAX && !is_digit(*text) && !is_reserved(text);
}
