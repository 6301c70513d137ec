/* --resume goes on with the run that the checkpoint is of, and with no other: what differs is named.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper_program.h"
#include "numbers.h"
#include "scratch.h"

TestSuite(resume, .init = scratch_begin, .fini = scratch_end);

enum { ROWS = 120, CHANGED = 17 };

/* What a file has other than the first one. */
typedef struct difference {
    int changed;    /* x1 of row CHANGED */
    int swapped;    /* rows CHANGED and CHANGED + 1 */
    int weighted;   /* the weight of row CHANGED */
    int grouped;    /* groups */
    double unit;    /* of the target, or as it is */
    const char *x1; /* names */
    const char *red;
    const char *high;
} difference;

static void write_row(FILE *file, const difference *d, int row)
{
    double x1 = scattered(1, (uint64_t)row), x2 = scattered(2, (uint64_t)row), y = (int)(1000 * (3 * x1 - x2));
    const char *const colours[] = {d->red ? d->red : "red", "green"};

    fprintf(file, "%.4f,%.4f,%s,%d,%d,%.1f,%s\n", d->changed && row == CHANGED ? 7.5 : x1, x2, colours[row % 2],
            1 + row % 3 + (d->weighted && row == CHANGED), d->grouped ? row % 31 : row % 29, d->unit > 0 ? d->unit * y : y,
            y > 0 ? (d->high ? d->high : "high") : "low");
}

static void write_data(const char *name, difference d)
{
    FILE *file = fopen(name, "w");

    cr_assert(file);
    fprintf(file, "%s,x2,colour,weight,group,y,class\n", d.x1 ? d.x1 : "x1");
    for (int row = 0; row < ROWS; row++)
        write_row(file, &d, d.swapped && (row == CHANGED || row == CHANGED + 1) ? 2 * CHANGED + 1 - row : row);
    fclose(file);
}

#define RUN "--hidden 4 --batch-size 20 --epochs 3 --patience 0 -q -o m --checkpoint state "

static void begin(const char *arguments)
{
    unlink("state");
    run_program(0, "train %s " RUN, arguments);
}

static void goes_on(const char *arguments)
{
    run_program(0, "train %s --resume " RUN, arguments);
}

static void refused(const char *arguments, const char *what)
{
    const outcome *o = run_program(2, "train %s --resume " RUN, arguments);
    cr_assert(strstr(o->err, what), "%s: %s", arguments, o->err);
}

#define VALUES "--target y --ignore-columns class,weight,group "
#define CLASSES "--target class --ignore-columns y,weight,group "

Test(resume, takes_the_same_data_from_wherever_they_are)
{
    write_data("a.csv", (difference){0});
    write_data("b.csv", (difference){0});
    begin("a.csv " VALUES);
    goes_on("b.csv " VALUES);
    run_program(0, "pack a.csv -o c.bpd");
    goes_on("c.bpd " VALUES);
}

Test(resume, refuses_other_rows)
{
    write_data("a.csv", (difference){0});
    write_data("changed.csv", (difference){.changed = 1});
    write_data("swapped.csv", (difference){.swapped = 1});
    begin("a.csv " VALUES);
    refused("changed.csv " VALUES, "training rows are not those of the checkpoint");
    refused("swapped.csv " VALUES, "training rows are not those of the checkpoint");
}

/* Rows that are encoded as they were, but stand for others. */
Test(resume, refuses_other_names_categories_and_units)
{
    write_data("a.csv", (difference){0});
    write_data("unit.csv", (difference){.unit = 2});
    write_data("renamed.csv", (difference){.x1 = "u1"});
    write_data("rouge.csv", (difference){.red = "rouge"});
    write_data("huge.csv", (difference){.high = "huge"});
    begin("a.csv " VALUES);
    refused("unit.csv " VALUES, "columns' names, categories or scales are not those");
    refused("renamed.csv " VALUES, "columns' names, categories or scales are not those");
    refused("rouge.csv " VALUES, "columns' names, categories or scales are not those");
    begin("a.csv " CLASSES);
    refused("huge.csv " CLASSES, "columns' names, categories or scales are not those");
}

Test(resume, refuses_other_validation_rows)
{
    write_data("a.csv", (difference){0});
    write_data("v.csv", (difference){.unit = 1.5});
    write_data("changed.csv", (difference){.unit = 1.5, .changed = 1});
    begin("a.csv --validation v.csv " VALUES);
    goes_on("a.csv --validation v.csv " VALUES);
    refused("a.csv --validation changed.csv " VALUES, "validation rows are not those of the checkpoint");
    refused("a.csv " VALUES, "it has 120 training rows and 120 validation rows, 4 inputs and 1 output, these are 108 training");
    refused("a.csv --validation-split 0 " VALUES, "made with --validation-split 0.1, this run has 0");
}

Test(resume, refuses_other_weights_and_groups)
{
    write_data("a.csv", (difference){0});
    write_data("weighted.csv", (difference){.weighted = 1});
    write_data("grouped.csv", (difference){.grouped = 1});
    begin("a.csv --target y --ignore-columns class --weight-column weight --group group ");
    refused("weighted.csv --target y --ignore-columns class --weight-column weight --group group ", "training rows are not those");
    refused("grouped.csv --target y --ignore-columns class --weight-column weight --group group ", "training rows are not those");
    refused("a.csv --target y --ignore-columns class,weight --group group ", "--ignore-columns class, this run has class,weight");
    refused("a.csv --target y --ignore-columns class --group group ", "--weight-column weight, this run has none");
    refused("a.csv --target y --ignore-columns class --weight-column weight ", "--group group, this run has none");
    begin("a.csv --class-weight balanced " CLASSES);
    refused("a.csv --class-weight high=2 " CLASSES, "made with --class-weight balanced, this run has high=2");
    refused("a.csv " CLASSES, "made with --class-weight balanced, this run has none");
}
