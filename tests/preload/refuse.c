/* Loaded before a program (LD_PRELOAD): between the beginning and the end of its main, one call is refused.
 *
 *      BP_REFUSE     memory | files | threads: malloc and its kin; open ... close; pthread_create
 *      BP_REFUSE_AT  the call, counted from 1; 0: none. With '+' behind it, all that follow too; of threads, as long as so many
 *                    would be there at once
 *      BP_REFUSE_BY  errno, for files
 *      BP_REFUSE_TO  the file in which the number of calls is left
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* RTLD_NEXT, syscall */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NOTHING, MEMORY, FILES, THREADS };

static enum kind watched; /* NOTHING outside of main */
static size_t refuse_at;
static bool onwards;
static int reason;
static atomic_size_t calls;
static bool spared; /* hwloc does not survive a refusal, nor jansson a lasting one: the program asks for room for all beforehand */

static bool refused(enum kind kind)
{
    if (kind != watched || spared)
        return false;
    size_t call = 1 + atomic_fetch_add(&calls, 1);
    if (!refuse_at || call < refuse_at || (call > refuse_at && !onwards))
        return false;
    errno = kind == MEMORY ? ENOMEM : reason;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ memory */

/* glibc's own names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return refused(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refused(MEMORY) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return refused(MEMORY) ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused(MEMORY) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *memory = refused(MEMORY) ? NULL : __libc_memalign(alignment, size);

    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------- files */

/* Straight to the kernel, since a table of the real functions would have to be filled before the first call. */
int open(const char *path, int flags, ...)
{
    va_list list;

    va_start(list, flags);
    unsigned mode = flags & O_CREAT ? va_arg(list, unsigned) : 0;
    va_end(list);
    return refused(FILES) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    return refused(FILES) ? -1 : syscall(SYS_read, fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    return refused(FILES) ? -1 : syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    return refused(FILES) ? -1 : syscall(SYS_write, fd, bytes, size);
}

int fsync(int fd)
{
    return refused(FILES) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
    return refused(FILES) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int rename(const char *from, const char *to)
{
    return refused(FILES) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* What is refused has happened all the same: no system gives the descriptor back. */
int close(int fd)
{
    bool refuse = refused(FILES);
    int number = errno, result = (int)syscall(SYS_close, fd);

    if (!refuse)
        return result;
    errno = number;
    return -1;
}

/* ----------------------------------------------------------------------------------------------------------- threads */

/* A system with places for so many: a thread's is free again when it has ended. */
static atomic_size_t alive;

typedef struct beginning {
    void *(*run)(void *);
    void *argument;
} beginning;

static void *run_counted(void *context)
{
    beginning own = *(beginning *)context;

    free(context);
    void *result = own.run(own.argument);
    atomic_fetch_sub(&alive, 1);
    return result;
}

static bool no_place(void)
{
    if (watched != THREADS || !onwards)
        return refused(THREADS);
    atomic_fetch_add(&calls, 1);
    return atomic_load(&alive) + 1 >= refuse_at;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    beginning *own = __libc_malloc(sizeof *own);

    if (!own || no_place()) {
        free(own);
        return EAGAIN;
    }
    if (!create)
        *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    *own = (beginning){run, argument};
    atomic_fetch_add(&alive, 1);
    return create(thread, attributes, run_counted, own);
}

/* ------------------------------------------------------------------------------------------------------------- spared */

void *json_loadb(const char *text, size_t size, size_t flags, void *error);

void *json_loadb(const char *text, size_t size, size_t flags, void *error)
{
    void *(*load)(const char *, size_t, size_t, void *);

    *(void **)&load = dlsym(RTLD_NEXT, "json_loadb");
    spared = onwards;
    void *root = load(text, size, flags, error);
    spared = false;
    return root;
}

int hwloc_topology_init(void **topology);
void hwloc_topology_destroy(void *topology);

int hwloc_topology_init(void **topology)
{
    int (*init)(void **);

    *(void **)&init = dlsym(RTLD_NEXT, "hwloc_topology_init");
    spared = true;
    return init(topology);
}

void hwloc_topology_destroy(void *topology)
{
    void (*destroy)(void *);

    *(void **)&destroy = dlsym(RTLD_NEXT, "hwloc_topology_destroy");
    destroy(topology);
    spared = false;
}

/* -------------------------------------------------------------------------------------------------------------- main */

static int (*program)(int argc, char **argv, char **environment);

static size_t number_of(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

static void watch(void)
{
    const char *kind = getenv("BP_REFUSE"), *at = getenv("BP_REFUSE_AT");

    refuse_at = number_of("BP_REFUSE_AT");
    onwards = at && strchr(at, '+');
    reason = (int)number_of("BP_REFUSE_BY");
    if (kind)
        watched = strcmp(kind, "memory") == 0 ? MEMORY : strcmp(kind, "files") == 0 ? FILES : THREADS;
}

/* At the end of main, or where something in it calls exit. */
static __attribute__((destructor)) void leave_count(void)
{
    const char *path = getenv("BP_REFUSE_TO");
    char text[32];

    watched = NOTHING;
    int length = snprintf(text, sizeof text, "%zu\n", atomic_load(&calls)),
        fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd >= 0) {
        ssize_t written = write(fd, text, (size_t)length);
        (void)written;
        close(fd);
    }
}

static int watched_main(int argc, char **argv, char **environment)
{
    watch();
    int code = program(argc, argv, environment);
    watched = NOTHING;
    return code;
}

/* What a program's start calls with the address of its main. */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(watched_main, argc, argv, init, fini, rtld_fini, stack_end);
}
