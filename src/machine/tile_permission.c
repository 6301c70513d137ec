/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "tile_permission.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX_BF16 (1u << 22) /* cpuid leaf 7, edx */
#define AMX_TILE (1u << 24)
#define REQUEST_PERMISSION 0x1023 /* arch_prctl(ARCH_REQ_XCOMP_PERM, tile data), Linux 5.16 */
#define TILE_DATA 18

bool bp_tiles_exist(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && edx & AMX_BF16 && edx & AMX_TILE;
}

static const char *cause(int error)
{
    switch (error) {
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
        return "this kernel does not know them";
    case ENOSPC:
        return "a thread's stack for signals is too small for them";
    case EPERM:
    case EACCES:
        return "this process is not allowed to ask for them";
    default:
        return "the kernel refused them";
    }
}

static const char *ask(void)
{
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ? NULL : cause(errno);
}
#else
bool bp_tiles_exist(void)
{
    return false;
}

static const char *ask(void)
{
    return NULL;
}
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool permitted;
static _Atomic(const char *) refusal; /* read by those, too, who have not asked */

/* The caller's errno stays as it is. */
static void ask_once(void)
{
    int before = errno;

    if (bp_tiles_exist()) {
        const char *answer = ask();
        permitted = !answer;
        atomic_store_explicit(&refusal, answer, memory_order_relaxed);
    }
    errno = before;
}

bool bp_tiles_permitted(void)
{
    pthread_once(&once, ask_once);
    return permitted;
}

const char *bp_tiles_refusal(void)
{
    return atomic_load_explicit(&refusal, memory_order_relaxed);
}
