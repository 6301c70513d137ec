/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_malloc_refused.h"

#include <errno.h>
#include <stdlib.h>

static _Thread_local size_t refused_at, asked;
static _Thread_local bool watching, and_on;
static _Thread_local long alive;

void malloc_refuse_at(size_t refuse, bool onwards)
{
    refused_at = refuse;
    asked = 0;
    and_on = onwards;
    watching = true;
}

size_t malloc_refuse_end(void)
{
    watching = false;
    return asked;
}

long malloc_alive(void)
{
    return alive;
}

#if BP_SANITIZED || !defined(__GLIBC__)
bool malloc_can_be_refused(void)
{
    return false;
}
#else
/* glibc's own names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
int posix_memalign(void **result, size_t alignment, size_t size);

bool malloc_can_be_refused(void)
{
    return true;
}

static bool refused(void)
{
    size_t number = watching ? asked++ : 0;

    if (!watching || number < refused_at || (number > refused_at && !and_on))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    alive += memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return refused() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (refused())
        return NULL;
    return memory ? __libc_realloc(memory, size) : counted(__libc_malloc(size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *memory = refused() ? NULL : counted(__libc_memalign(alignment, size));

    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}

void free(void *memory)
{
    alive -= memory != NULL;
    __libc_free(memory);
}
#endif
