/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget.h"
#include "memory_files.h"

const fuzz_target *const fuzz_targets[] = {&fuzz_csv,     &fuzz_gzip,  &fuzz_idx,        &fuzz_npy,    &fuzz_libsvm, &fuzz_bpd,
                                           &fuzz_encoder, &fuzz_model, &fuzz_checkpoint, &fuzz_config, NULL};

const fuzz_target *fuzz_find(const char *name)
{
    for (const fuzz_target *const *target = fuzz_targets; *target; target++)
        if (strcmp((*target)->name, name) == 0)
            return *target;
    return NULL;
}

bool fuzz_run(const fuzz_target *target, const unsigned char *bytes, size_t size)
{
    memory_files_begin();
    budget_begin(target->factor * size + target->constant);
    bool accepted = target->run(bytes, size);
    budget_end();
    return accepted;
}

/* Past the FILE: a target may have silenced that. */
void fuzz_die(const char *format, ...)
{
    char text[2000];
    va_list list;

    va_start(list, format);
    int length = vsnprintf(text, sizeof text - 1, format, list);
    va_end(list);
    size_t size = length < 0 ? 0 : (size_t)length < sizeof text - 1 ? (size_t)length : sizeof text - 2;
    text[size] = '\n';
    if (write(STDERR_FILENO, text, size + 1) < 0)
        _exit(1);
    abort();
}

bool fuzz_went_well(bp_status status, const bp_error *error)
{
    if (status == BP_OK)
        return true;
    if (error->status != (int32_t)status || !memchr(error->text, 0, sizeof error->text) || !error->text[0])
        fuzz_die("status %d, but the error says %d: %.1000s", (int)status, (int)error->status, error->text);
    if (status != BP_BAD_FILE && status != BP_INVALID)
        fuzz_die("refused with %s: %s", bp_status_text(status), error->text);
    return false;
}

void fuzz_must(bp_status status, const bp_error *error, const char *what)
{
    if (status != BP_OK)
        fuzz_die("%s: %s", what, error->text);
}

bp_settings *fuzz_settings(const char *key, ...)
{
    static bp_settings settings;
    bp_error error;
    va_list list;

    bp_settings_init(&settings, sizeof settings);
    va_start(list, key);
    for (; key; key = va_arg(list, const char *))
        fuzz_must(bp_settings_set(&settings, key, va_arg(list, const char *), &error), &error, "settings");
    va_end(list);
    return &settings;
}
