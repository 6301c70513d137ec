/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "refused_tiles.h"

#if defined(__x86_64__)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define REQUEST_PERMISSION 0x1023 /* the code of arch_prctl; the half of its argument that comes first in memory */

#define LOAD(FIELD) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, FIELD))
#define SKIP_UNLESS(VALUE, COUNT) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (VALUE), 0, (COUNT))
#define ANSWER(WHAT) BPF_STMT(BPF_RET | BPF_K, (WHAT))

bool refuse_tiles(int number)
{
    struct sock_filter code[] = {
        LOAD(arch),
        SKIP_UNLESS(AUDIT_ARCH_X86_64, 5),
        LOAD(nr),
        SKIP_UNLESS(SYS_arch_prctl, 3),
        LOAD(args[0]),
        SKIP_UNLESS(REQUEST_PERMISSION, 1),
        ANSWER(SECCOMP_RET_ERRNO | (uint32_t)number),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}
#else
bool refuse_tiles(int number)
{
    (void)number;
    return false;
}
#endif
