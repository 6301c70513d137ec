/* Lists the tests of plain criterion.h as SUITE/NAME, or runs the one that is named; scripts/check runs them all. A fork for each
 * would not do: in a child of a fork a team is alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static plain_test *tests;
static bool any_failed;

void plain_enter(plain_test *test)
{
    test->next = tests;
    tests = test;
}

void plain_failed(bool fatal, const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%d: not true: %s", file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    any_failed = true;
    if (fatal)
        _exit(1);
}

void plain_log(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* What the suite of a test adds to it; nothing where it has no entry of its own. */
static plain_test suite_of(const plain_test *test)
{
    for (const plain_test *entry = tests; entry; entry = entry->next)
        if (!entry->body && strcmp(entry->suite, test->suite) == 0)
            return *entry;
    return (plain_test){0};
}

static void call(void (*function)(void))
{
    if (function)
        function();
}

static void run(const plain_test *test)
{
    plain_test suite = suite_of(test);

    alarm(test->timeout ? test->timeout : suite.timeout);
    call(suite.init);
    call(test->init);
    test->body();
    call(test->fini);
    call(suite.fini);
}

int main(int count, char **names)
{
    char name[200];

    for (const plain_test *test = tests; test; test = test->next) {
        if (!test->body)
            continue;
        snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
        if (count == 1) {
            puts(name);
        } else if (strcmp(name, names[1]) == 0) {
            run(test);
            return any_failed;
        }
    }
    return count > 1;
}
