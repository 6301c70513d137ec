/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "fence.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

fence fence_make(size_t size)
{
    size_t page = page_size(), inside = (size + page - 1) / page * page;
    unsigned char *map = mmap(NULL, inside + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert(map != MAP_FAILED);
    cr_assert(inside == 0 || mprotect(map + page, inside, PROT_READ | PROT_WRITE) == 0); /* QEMU 7.2 refuses 0 bytes */
    return (fence){map + page, inside};
}

void fence_free(const fence *f)
{
    munmap(f->first - page_size(), f->size + 2 * page_size());
}

void *fence_at(const fence *f, size_t size, bool front)
{
    cr_assert_leq(size, f->size);
    return front ? f->first : f->first + f->size - size;
}

float *fence_floats(const fence *f, size_t count, bool front)
{
    return fence_at(f, count * sizeof(float), front);
}
