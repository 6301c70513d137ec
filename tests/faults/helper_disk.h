/* A disk that remembers: what a replacement of one file does through the file table, and each state that a power loss may leave.
 *
 *      recorded    create  write ... write  sync  rename  sync of the directory
 *      lost after    ^       ^         ^     ^      ^       ^      any of them
 *
 * What has not been synced may be there or not, in any order: each 512 or 4096 bytes of a write, the file's new length, and each
 * change of the directory. What was not written may read as zeros or as what the disk held before.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_DISK_H
#define BP_TEST_DISK_H

#include <stdbool.h>
#include <stddef.h>

typedef enum disk_act { ACT_CREATE, ACT_WRITE, ACT_SYNC, ACT_RENAME, ACT_SYNC_DIRECTORY } disk_act;

/* What a wrong replacement would leave out or do too early. */
typedef enum disk_bug { BUG_NONE, BUG_NO_SYNC, BUG_NO_DIRECTORY_SYNC, BUG_RENAME_FIRST } disk_bug;

#define DISK_ACTS 4096

typedef struct disk {
    disk_act act[DISK_ACTS];
    size_t end[DISK_ACTS]; /* of ACT_WRITE: bytes of the file so far */
    size_t count;
    unsigned char *bytes; /* [size]: of the new file, from malloc */
    size_t size;
    char temporary[256];
    int file; /* descriptors while they are open, else -1 */
    int directory;
} disk;

/* From begin to end all replacements go to `d`; exactly one file may be replaced. Fails the test for anything else. */
void disk_begin(disk *d);
void disk_end(disk *d);
void disk_free(disk *d);

/* The record of a wrong replacement, made of a right one's. */
void disk_plant(disk *d, disk_bug bug);

/* What a reader of the file sees: it was not replaced, or it is, with these bytes. */
typedef struct disk_view {
    bool replaced;
    const unsigned char *bytes;
    size_t size;
    bool returned; /* the replacement had said that it was done */
} disk_view;

typedef bool disk_see(void *context, const disk_view *view);

/* Shows `see` every state, until it answers false; how many there were. */
size_t disk_states(const disk *d, size_t tear, disk_see *see, void *context);

#endif
