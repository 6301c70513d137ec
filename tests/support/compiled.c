/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "compiled.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The last one would make fused multiply-adds of what is written as a product and a sum, unless the source forbids it. */
#if defined(__x86_64__)
#define FUSED "-std=gnu11 -O2 -mfma"
#else
#define FUSED "-std=gnu11 -O2"
#endif
static const char *const flags[] = {"-std=c99 -pedantic -O0", "-std=c99 -pedantic -O2", FUSED};
#define FLAGS (sizeof flags / sizeof *flags)

const char *compiler_way(size_t number)
{
    static char way[512];
    char compilers[] = BP_COMPILERS, *rest = compilers, *compiler = NULL;

    for (size_t i = 0; i <= number / FLAGS; i++)
        compiler = strtok_r(i ? NULL : rest, "|", &rest);
    if (!compiler)
        return NULL;
    snprintf(way, sizeof way, "%s %s", compiler, flags[number % FLAGS]);
    return way;
}

void *compile(const char *way, const char *source)
{
    static int number; /* a library that is loaded keeps its name */
    char command[2048], said[2048] = "", path[64];
    FILE *pipe;

    snprintf(path, sizeof path, "./compiled%d.so", number++);
    snprintf(command, sizeof command, "%s -Wall -Wextra -Werror -shared -fPIC -o %s %s -lm 2>&1", way, path, source);
    pipe = popen(command, "r");
    cr_assert(pipe);
    size_t size = fread(said, 1, sizeof said - 1, pipe);
    said[size] = '\0';
    cr_assert_eq(pclose(pipe), 0, "%s\n%s", command, said);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(library, "%s", dlerror());
    return library;
}

void compiled_function(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);

    cr_assert(symbol, "%s", dlerror());
    cr_assert_eq(size, sizeof symbol);
    memcpy(function, &symbol, size);
}

void compiled_free(void *library)
{
    dlclose(library);
}
