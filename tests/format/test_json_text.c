/* Tests of JSON's reader: it takes what jansson's own takes and refuses the rest at its byte; no refused memory ends the process.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "refusing.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char sample[] =
    "{\"dtype\":\"F32\",\"shape\":[12, 0,-345],\"x\":{\"a\":[1.5,-2e-3,0.25E+2,-0,[],{}]},\"t\":[true,false,null],"
    "\"\\u00e9\\ud83d\\ude00\\n\\\"\\/\":\"\xc3\xa9\xf0\x9f\x98\x80 \\\\ \\b\\f\\r\\t \\u20AC\"} \t\r\n";

/* Of a copy of exactly that size, so that a byte too far is a byte out of bounds. */
static bp_status parse(const char *text, size_t size, json_t **root, bp_json_problem *problem)
{
    char *copy = malloc(size ? size : 1);

    memcpy(copy, text, size);
    bp_status status = bp_json_parse(copy, size, NULL, root, problem);
    free(copy);
    return status;
}

static void compare(const char *text, size_t size)
{
    bp_json_problem problem = {0};
    json_t *root = NULL, *wanted = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    bp_status status = parse(text, size, &root, &problem);

    cr_assert_eq(status, wanted ? BP_OK : BP_BAD_FILE, "%.*s: %d, %s", (int)size, text, (int)status, problem.text);
    cr_assert(!wanted || json_equal(root, wanted), "%.*s", (int)size, text);
    cr_assert(status == BP_OK || (!root && *problem.text && problem.at <= size), "%.*s", (int)size, text);
    json_decref(root);
    json_decref(wanted);
}

Test(json_text, is_read_as_by_jansson_whatever_byte_is_changed)
{
    char text[sizeof sample];
    size_t size = sizeof sample - 1;

    for (size_t length = 0; length <= size; length++)
        compare(sample, length);
    memcpy(text, sample, size);
    for (size_t i = 0; i < size; i++)
        for (int byte = 0; byte < 256; byte++) {
            text[i] = (char)byte;
            compare(text, size);
            text[i] = sample[i];
        }
}

Test(json_text, numbers_are_read_as_by_jansson)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "00",
        "01",
        "-",
        "-01",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "1E-",
        "1e5",
        "1e400",
        "-1e400",
        "1e-400",
        "9223372036854775807",
        "1e1.5",
        "0x10",
        "1_0",
        "NaN",
        "Infinity",
        "0.1",
        "1.0000e-2",
        "-0.0",
        "9223372036854775808",
        "4.9e-324",
        "1.7976931348623157e308",
        "123456789.123456789e-5",
        "-9223372036854775807",
        "99999999999999999999",
    };
    char text[64];

    for (size_t i = 0; i < COUNT(numbers); i++) {
        int size = snprintf(text, sizeof text, "[%s]", numbers[i]);
        compare(text, (size_t)size);
    }
}

Test(json_text, is_refused_at_its_byte)
{
    static const struct {
        const char *text;
        size_t at;
        const char *fault;
    } cases[] = {
        {"", 0, "'{' or '['"},
        {"  1", 2, "'{' or '['"},
        {"[1] x", 4, "behind the end"},
        {"[1 2]", 3, "',' or ']'"},
        {"{\"a\":1]", 6, "',' or '}'"},
        {"{\"a\" 1}", 5, "':'"},
        {"{a:1}", 1, "'\"'"},
        {"{\"a\":1,\"a\":2}", 10, "duplicate"},
        {"[tru]", 1, "a value"},
        {"[\"a", 3, "end within a text"},
        {"[\"a\n\"]", 3, "control character"},
        {"[\"\\x\"]", 3, "escape"},
        {"[\"\\u12g4\"]", 6, "hexadecimal"},
        {"[\"\\u0000\"]", 8, "u0000"},
        {"[\"\\udc00\"]", 8, "DC00"},
        {"[\"\\ud800x\"]", 8, "D800"},
        {"[\"\\ud800\\u0041\"]", 14, "D800"},
        {"[\"\xed\xa0\x80\"]", 2, "0xed"},
        {"[9223372036854775808]", 20, "63 bits"},
        {"[-1e999]", 7, "f64"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bp_json_problem problem;
        json_t *root;
        cr_assert_eq(parse(cases[i].text, strlen(cases[i].text), &root, &problem), BP_BAD_FILE, "%s", cases[i].text);
        cr_assert(problem.at == cases[i].at && strstr(problem.text, cases[i].fault), "%s: %s at %zu", cases[i].text, problem.text,
                  problem.at);
    }
}

static bp_status parse_nested(size_t depth)
{
    bp_json_problem problem;
    json_t *root = NULL;
    char text[100];

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    bp_status status = parse(text, 2 * depth, &root, &problem);
    json_decref(root);
    return status;
}

Test(json_text, has_a_greatest_depth)
{
    cr_assert_eq(parse_nested(BP_JSON_DEPTH), BP_OK);
    cr_assert_eq(parse_nested(BP_JSON_DEPTH + 1), BP_BAD_FILE);
}

/* ------------------------------------------------------------------------------------------------------ refused memory */

static size_t asked, refused_from, refused_to;
static long alive;

static void *allocate_or_refuse(size_t size)
{
    size_t number = asked++;

    if (number >= refused_from && number < refused_to)
        return NULL;
    alive++;
    return malloc(size);
}

static void release(void *memory)
{
    alive -= memory != NULL;
    free(memory);
}

static bool well_without(size_t from, size_t to)
{
    bp_json_problem problem;
    json_t *root = NULL;

    asked = 0;
    refused_from = from;
    refused_to = to;
    bp_status status = parse(sample, sizeof sample - 1, &root, &problem);
    cr_assert_eq(status, asked > from ? BP_NO_MEMORY : BP_OK, "%zu to %zu: %d, %s", from, to, (int)status, problem.text);
    cr_assert_eq(root != NULL, status == BP_OK);
    json_decref(root);
    cr_assert_eq(alive, 0, "%zu to %zu: %ld blocks are left", from, to, alive);
    return status == BP_OK;
}

/* jansson's own reader ends the process in some of these, and reads behind its memory in others. */
Test(json_text, of_a_tree_that_is_refused_nothing_is_left)
{
    size_t from = 0;

    json_set_alloc_funcs(allocate_or_refuse, release);
    for (; !well_without(from, from + 1); from++)
        cr_assert_not(well_without(from, SIZE_MAX));
    json_set_alloc_funcs(malloc, free);
    cr_assert_gt(from, 30);
}

Test(json_text, memory_of_its_own_comes_from_the_allocator)
{
    refusing memory = refuse_at(0);
    bp_allocator allocator = refusing_allocator(&memory);
    bp_json_problem problem;
    json_t *root;

    cr_assert_eq(bp_json_parse("{}", 2, &allocator, &root, &problem), BP_NO_MEMORY);
    memory = refuse_at(SIZE_MAX);
    cr_assert_eq(bp_json_parse("{}", 2, &allocator, &root, &problem), BP_OK);
    cr_assert(memory.asked == 1 && memory.alive == 0);
    json_decref(root);
}
