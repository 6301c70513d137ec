/* .bpd files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpd.h"
#include "fuzz.h"
#include "memory_files.h"
#include "size.h"

enum { COLUMNS = 256, ROWS = 20000 };

static size_t seed(unsigned char *bytes, size_t room)
{
    bp_dataset *dataset = fuzz_table();
    bp_error error;
    size_t size;

    fuzz_must(bp_dataset_pack(dataset, "seed.bpd", &error), &error, "packing a seed");
    bp_dataset_free(dataset);
    const unsigned char *packed = memory_files_get("seed.bpd", &size);
    if (size > room)
        fuzz_die("a seed of %zu bytes", size);
    memcpy(bytes, packed, size);
    return size;
}

/* The columns' types, as far as the header can be understood. */
static size_t find_types(const unsigned char *header, const bp_bpd_head *head, bp_type types[COLUMNS])
{
    size_t at = sizeof *head;
    bp_bpd_column column;
    uint32_t length;

    for (size_t i = 0; i < head->columns; i++) {
        if (i == COLUMNS || head->bytes - at < sizeof column)
            return 0;
        memcpy(&column, header + at, sizeof column);
        at += sizeof column;
        if (column.type > BP_TYPE_F64 || column.name_length > head->bytes - at)
            return 0;
        types[i] = (bp_type)column.type;
        at += column.name_length;
        for (uint32_t k = 0; k < column.categories; k++) {
            if (head->bytes - at < sizeof length)
                return 0;
            memcpy(&length, header + at, sizeof length);
            at += sizeof length;
            if (length > head->bytes - at)
                return 0;
            at += length;
        }
    }
    return head->columns;
}

/* Sums of all chunks, cut or lengthened to what the header says; 0 where there is no room. */
static size_t repair_chunks(unsigned char *bytes, size_t size, size_t room, const bp_bpd_head *head, const bp_type *types)
{
    size_t at = (size_t)head->bytes;

    for (uint64_t block = 0; block * BP_BPD_ROWS < head->rows; block++)
        for (size_t i = 0; i < head->columns; i++) {
            uint64_t rows = head->rows - block * BP_BPD_ROWS;
            size_t length = (size_t)bp_bpd_chunk_bytes(types[i], rows < BP_BPD_ROWS ? rows : BP_BPD_ROWS);
            if (length > room - at)
                return 0;
            if (at + length > size) {
                memset(bytes + size, 0, at + length - size);
                size = at + length;
            }
            uint64_t unit[BP_BPD_UNIT / 8] = {
                bp_bpd_sum(bytes + at + BP_BPD_UNIT, length - BP_BPD_UNIT, block * head->columns + i)};
            memcpy(bytes + at, unit, sizeof unit);
            at += length;
        }
    return at;
}

static size_t repair(unsigned char *bytes, size_t size, size_t room)
{
    bp_type types[COLUMNS];
    bp_bpd_head head;

    if (size < sizeof head)
        return size;
    memcpy(&head, bytes, sizeof head);
    memcpy(head.magic, BP_BPD_MAGIC, sizeof head.magic);
    if (head.bytes < sizeof head || head.bytes > size)
        head.bytes = size / 2 / BP_BPD_UNIT * BP_BPD_UNIT;
    if (head.bytes < sizeof head)
        return size;
    memset(head.checksum, 0, sizeof head.checksum);
    memcpy(bytes, &head, sizeof head);
    bp_bpd_header_sum(bytes, (size_t)head.bytes, head.checksum);
    memcpy(bytes, &head, sizeof head);
    size_t repaired = head.rows <= ROWS && find_types(bytes, &head, types) ? repair_chunks(bytes, size, room, &head, types) : 0;
    return repaired ? repaired : size;
}

static bool run(const unsigned char *bytes, size_t size)
{
    bp_settings settings = *fuzz_settings(NULL, NULL);

    memory_files_put("in.bpd", bytes, size);
    bp_dataset *dataset = fuzz_read("in.bpd", &settings);
    if (dataset)
        fuzz_use_dataset(dataset, &settings);
    return dataset != NULL;
}

const fuzz_target fuzz_bpd = {
    .name = "bpd", .factor = 40, .constant = (size_t)1 << 20, .seed = seed, .repair = repair, .checked = true, .run = run};
