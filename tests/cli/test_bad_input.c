/* Tests of unclear and damaged files: exit code 3, with file and place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper_program.h"
#include "scratch.h"

TestSuite(bad_input, .init = scratch_begin, .fini = scratch_end);

static void expect_refusal(const char *name, const char *words)
{
    const outcome *o = run_program(3, "train %s --target y", name);
    cr_assert_str_eq(o->out, "", "%s", name);
    cr_assert(strstr(o->err, words), "%s: %s", name, o->err);
    cr_assert(!exists("model.safetensors"), "%s", name);
}

static void expect_csv_refusal(const char *text, const char *words)
{
    write_text("data.csv", text);
    expect_refusal("data.csv", words);
}

Test(bad_input, damaged_csv_files_are_refused_with_file_and_line)
{
    expect_csv_refusal("x,y\n1,2\n1,2,3\n", "data.csv:3:");
    expect_csv_refusal("x,y\n1,\xff\n", "data.csv:2:");
    expect_csv_refusal("x,y\n1,\"2\n3,4\n", "data.csv:2:");
    expect_csv_refusal("", "data.csv");
    expect_csv_refusal("x,y\n", "data.csv");
}

Test(bad_input, a_nul_byte_is_refused)
{
    scratch_write("data.csv", "x,y\n1,\0002\n", 9);
    expect_refusal("data.csv", "data.csv:2:");
}

Test(bad_input, what_is_no_file_is_refused)
{
    expect_refusal("missing.csv", "missing.csv");
    mkdir("folder.csv", 0700);
    expect_refusal("folder.csv", "folder.csv");
    rmdir("folder.csv");
    write_text("data.xyz", "1");
    expect_refusal("data.xyz", "data.xyz");
}

Test(bad_input, damaged_idx_and_gzip_files_are_refused)
{
    scratch_write("a-images-idx3-ubyte", "\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    expect_refusal("a-images-idx3-ubyte", "a-images-idx3-ubyte");
    scratch_write("b.idx", "\1\2\3\4", 4);
    expect_refusal("b.idx", "b.idx");
    scratch_write("c.csv.gz", "\x1f\x8b\x08\0\0\0", 6);
    expect_refusal("c.csv.gz", "truncated");
}

Test(bad_input, a_target_that_is_not_named_lists_the_columns)
{
    write_text("data.csv", "height,weight\n1,2\n3,4\n");
    cr_assert(strstr(run_program(2, "train data.csv")->err, "height, weight"));
    cr_assert(strstr(run_program(2, "train data.csv --target width")->err, "height, weight"));
}

Test(bad_input, damaged_models_are_refused)
{
    size_t size;
    unsigned char *bytes;

    write_classes("data.csv", 60, 1);
    run_program(0, "train data.csv --target class --epochs 1 --hidden 3 -q -o model");
    bytes = scratch_read("model", &size);
    scratch_write("cut", bytes, size - 1);
    bytes[size - 1] ^= 1;
    scratch_write("flipped", bytes, size);
    free(bytes);
    run_program(3, "evaluate cut data.csv");
    cr_assert(strstr(run_program(3, "evaluate flipped data.csv")->err, "checksum"));
    run_program(3, "predict flipped data.csv");
    run_program(3, "info flipped");
    run_program(3, "trace data.csv data.csv");
    run_program(3, "train data.csv --from flipped");
    run_program(3, "evaluate missing data.csv");
}

Test(bad_input, data_that_lack_a_column_of_the_model_are_refused)
{
    write_classes("data.csv", 60, 1);
    run_program(0, "train data.csv --target class --epochs 1 --hidden 3 -q -o model");
    write_text("less.csv", "x1,colour\n1,red\n");
    cr_assert(strstr(run_program(3, "predict model less.csv")->err, "x2"));
}

Test(bad_input, control_characters_of_a_file_do_not_reach_the_terminal)
{
    write_text("data.csv", "x,\033[31my\n1,2\n");
    cr_assert(!strchr(run_program(2, "train data.csv")->err, '\033'));
}

static void expect_no_control(const char *arguments)
{
    const outcome *o = run_program(0, "%s", arguments);
    cr_assert(!strchr(o->out, '\033'), "%s: %s", arguments, o->out);
    cr_assert(!strstr(o->out, "\302\233"), "%s: %s", arguments, o->out);
    cr_assert(!strchr(o->err, '\033'), "%s: %s", arguments, o->err);
}

/* U+009B begins sequences as ESC [ does. */
Test(bad_input, control_characters_of_names_are_not_shown_by_info)
{
    write_text("data.csv", "x\033[31m,y\na,b\033[2J\nb,c\302\2332J\na,b\033[2J\n");
    run_program(0, "train data.csv --target y --epochs 1 --hidden 3 --validation-split 0 -q -o model --checkpoint state");
    expect_no_control("info model");
    expect_no_control("info model --pytorch");
    expect_no_control("info data.csv");
    expect_no_control("info state");
    cr_assert(strstr(run_program(0, "predict model data.csv")->out, "b\033[2J"), "a file gets the names as they are");
}
