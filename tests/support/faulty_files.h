/* A file table that fails one call, interrupts every second one, hands over little at a time, or has a full disk.
 *
 *     faulty_files faults = {.fail_at = 3, .number = EIO};
 *     faulty_files_begin(&faults);  ...  faulty_files_end();
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_FAULTY_FILES_H
#define BP_TEST_FAULTY_FILES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct faulty_files {
    size_t fail_at;    /* the call, counted from 1, that fails with `number`; 0: none */
    int number;        /* errno */
    bool interrupting; /* every second open, read, write and fsync is interrupted first */
    size_t at_most;    /* bytes of one read or write; 0: any */
    size_t room;       /* bytes that fit on the disk; 0: any */
    size_t calls;      /* made so far */
    size_t written;    /* bytes */
    bool dropped_sync; /* a file was renamed before an fsync of it */
    bool synced;       /* an fsync came since the last write */
} faulty_files;

void faulty_files_begin(faulty_files *faults);
void faulty_files_end(void);

#endif
