/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_texts[] = {
    [BP_OK] = "ok",
    [BP_INVALID] = "invalid argument",
    [BP_NO_MEMORY] = "no memory",
    [BP_IO] = "input or output failed",
    [BP_BAD_FILE] = "bad file",
    [BP_DIVERGED] = "diverged",
    [BP_CANCELLED] = "cancelled",
    [BP_FORKED] = "used after fork",
};

const char *bp_status_text(bp_status status)
{
    size_t count = sizeof status_texts / sizeof *status_texts;
    return (size_t)status < count ? status_texts[status] : "unknown status";
}

/* Clears the error and writes prefix + message; returns how many characters of the text are used. */
static size_t write_text(bp_error *error, bp_status status, const char *prefix, const char *format, va_list arguments)
{
    memset(error, 0, sizeof *error);
    error->status = (int32_t)status;
    int used = snprintf(error->text, sizeof error->text, "%s", prefix);
    if (used < 0 || (size_t)used >= sizeof error->text)
        return sizeof error->text - 1;
    int more = vsnprintf(error->text + used, sizeof error->text - (size_t)used, format, arguments);
    size_t total = (size_t)used + (more > 0 ? (size_t)more : 0);
    return total < sizeof error->text ? total : sizeof error->text - 1;
}

bp_status bp_fail(bp_error *error, bp_status status, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return status;
    va_start(arguments, format);
    write_text(error, status, "", format, arguments);
    va_end(arguments);
    return status;
}

bp_status bp_fail_system(bp_error *error, int number, const char *format, ...)
{
    va_list arguments;
    char reason[128];

    if (!error)
        return BP_IO;
    va_start(arguments, format);
    size_t used = write_text(error, BP_IO, "", format, arguments);
    va_end(arguments);
    error->system = number;
    if (strerror_r(number, reason, sizeof reason))
        snprintf(reason, sizeof reason, "error %d", number);
    snprintf(error->text + used, sizeof error->text - used, ": %s", reason);
    return BP_IO;
}

bp_status bp_fail_line(bp_error *error, const char *path, uint64_t line, const char *format, ...)
{
    va_list arguments;
    char prefix[600];

    if (!error)
        return BP_BAD_FILE;
    snprintf(prefix, sizeof prefix, "%.500s:%llu: ", path, (unsigned long long)line);
    va_start(arguments, format);
    write_text(error, BP_BAD_FILE, prefix, format, arguments);
    va_end(arguments);
    error->line = line;
    return BP_BAD_FILE;
}

bp_status bp_fail_offset(bp_error *error, const char *path, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    char prefix[600];

    if (!error)
        return BP_BAD_FILE;
    snprintf(prefix, sizeof prefix, "%.500s: byte %llu: ", path, (unsigned long long)offset);
    va_start(arguments, format);
    write_text(error, BP_BAD_FILE, prefix, format, arguments);
    va_end(arguments);
    error->offset = offset;
    return BP_BAD_FILE;
}

bp_status bp_check_version(const char *path, const char *kind, uint64_t version, uint64_t first, uint64_t last, bp_error *error)
{
    if (version > last)
        return bp_fail(
            error, BP_BAD_FILE,
            "%s: a %s of version %llu, written by a newer version of backprop; backprop %s reads up to version %llu: update "
            "it, or make the %s with this one",
            path, kind, (unsigned long long)version, bp_version(), (unsigned long long)last, kind);
    if (version < first)
        return bp_fail(
            error, BP_BAD_FILE,
            "%s: a %s of version %llu, from before the first release; backprop %s reads versions from %llu on: make it anew", path,
            kind, (unsigned long long)version, bp_version(), (unsigned long long)first);
    return BP_OK;
}
