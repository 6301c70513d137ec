/* As much of Criterion as the tests here use, for where its worker processes do not start: under QEMU, which cannot execute
 * itself. A test is a function in a list that main.c keeps.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_PLAIN_CRITERION_H
#define BP_PLAIN_CRITERION_H

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A test, or with a NULL body what a suite adds to its tests. */
typedef struct plain_test {
    const char *suite, *name;
    void (*body)(void);
    void (*init)(void), (*fini)(void);
    unsigned timeout; /* seconds; 0: of no interest */
    struct plain_test *next;
} plain_test;

void plain_enter(plain_test *test);
__attribute__((format(printf, 5, 6))) void plain_failed(bool fatal, const char *file, int line, const char *condition,
                                                        const char *format, ...);
__attribute__((format(printf, 1, 2))) void plain_log(const char *format, ...);

#define PLAIN_ENTER(ID, ...)                                  \
    static plain_test ID##_entry = {__VA_ARGS__};             \
    __attribute__((constructor)) static void ID##_enter(void) \
    {                                                         \
        plain_enter(&ID##_entry);                             \
    }
#define Test(SUITE, NAME, ...)                                                                       \
    static void SUITE##_##NAME(void);                                                                \
    PLAIN_ENTER(SUITE##_##NAME, .suite = #SUITE, .name = #NAME, .body = SUITE##_##NAME, __VA_ARGS__) \
    static void SUITE##_##NAME(void)
#define TestSuite(SUITE, ...) PLAIN_ENTER(SUITE##_suite, .suite = #SUITE, __VA_ARGS__) struct SUITE##_suite

#define PLAIN_CHECK(FATAL, CONDITION, ...) \
    ((CONDITION) ? (void)0 : plain_failed(FATAL, __FILE__, __LINE__, #CONDITION, " " __VA_ARGS__))

#define cr_assert(CONDITION, ...) PLAIN_CHECK(true, CONDITION, __VA_ARGS__)
#define cr_assert_not(CONDITION, ...) PLAIN_CHECK(true, !(CONDITION), __VA_ARGS__)
#define cr_assert_null(A, ...) PLAIN_CHECK(true, (A) == NULL, __VA_ARGS__)
#define cr_assert_not_null(A, ...) PLAIN_CHECK(true, (A) != NULL, __VA_ARGS__)
#define cr_assert_eq(A, B, ...) PLAIN_CHECK(true, (A) == (B), __VA_ARGS__)
#define cr_assert_neq(A, B, ...) PLAIN_CHECK(true, (A) != (B), __VA_ARGS__)
#define cr_assert_lt(A, B, ...) PLAIN_CHECK(true, (A) < (B), __VA_ARGS__)
#define cr_assert_leq(A, B, ...) PLAIN_CHECK(true, (A) <= (B), __VA_ARGS__)
#define cr_assert_gt(A, B, ...) PLAIN_CHECK(true, (A) > (B), __VA_ARGS__)
#define cr_assert_geq(A, B, ...) PLAIN_CHECK(true, (A) >= (B), __VA_ARGS__)
#define cr_assert_str_eq(A, B, ...) PLAIN_CHECK(true, strcmp(A, B) == 0, __VA_ARGS__)
#define cr_assert_str_neq(A, B, ...) PLAIN_CHECK(true, strcmp(A, B) != 0, __VA_ARGS__)
#define cr_assert_arr_eq(A, B, SIZE, ...) PLAIN_CHECK(true, memcmp(A, B, SIZE) == 0, __VA_ARGS__)
#define cr_assert_float_eq(A, B, EPSILON, ...) PLAIN_CHECK(true, fabs((double)((A) - (B))) <= (double)(EPSILON), __VA_ARGS__)
#define cr_assert_fail(...) PLAIN_CHECK(true, false, __VA_ARGS__)
#define cr_expect(CONDITION, ...) PLAIN_CHECK(false, CONDITION, __VA_ARGS__)
#define cr_expect_eq(A, B, ...) PLAIN_CHECK(false, (A) == (B), __VA_ARGS__)
#define cr_expect_lt(A, B, ...) PLAIN_CHECK(false, (A) < (B), __VA_ARGS__)
#define cr_expect_gt(A, B, ...) PLAIN_CHECK(false, (A) > (B), __VA_ARGS__)
#define cr_expect_str_eq(A, B, ...) PLAIN_CHECK(false, strcmp(A, B) == 0, __VA_ARGS__)
#define cr_log_info(...) plain_log(__VA_ARGS__)
#define cr_skip_test(...) (plain_log(__VA_ARGS__), exit(0))

#endif
