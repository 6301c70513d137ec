/* How a function says why it failed: one place that fills the caller's bp_error.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_ERROR_H
#define BP_ERROR_H

#include "backprop.h"

/* Leaves the enclosing function with the status of `call` unless it is BP_OK. */
#define BP_TRY(call)                      \
    do {                                  \
        bp_status bp_try_status = (call); \
        if (bp_try_status != BP_OK)       \
            return bp_try_status;         \
    } while (0)

/* Each fills *error (may be NULL) and returns the status, so that callers can say `return bp_fail(...)`. */
bp_status bp_fail(bp_error *error, bp_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* BP_IO: the text is followed by what the system says of `number`, an errno. */
bp_status bp_fail_system(bp_error *error, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* BP_BAD_FILE at a line counted from 1 ("PATH:LINE: ..."), or at a byte ("PATH: byte N: ..."). */
bp_status bp_fail_line(bp_error *error, const char *path, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bp_status bp_fail_offset(bp_error *error, const char *path, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Versions of a file format that are read, from first to last: BP_OK, or BP_BAD_FILE with what to do. "model", "checkpoint". */
bp_status bp_check_version(const char *path, const char *kind, uint64_t version, uint64_t first, uint64_t last, bp_error *error);

#endif
