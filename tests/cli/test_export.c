/* Tests of backprop export.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "helper_program.h"
#include "scratch.h"

TestSuite(export, .init = scratch_begin, .fini = scratch_end);

Test(export, c_source_prints_what_predict_prints)
{
    static const char program[] = "#include \"iris.c\"\n"
                                  "double answer(double x1, double x2, const char *colour, const char **class_name);\n"
                                  "double answer(double x1, double x2, const char *colour, const char **class_name)\n"
                                  "{\n"
                                  "    iris_row row;\n"
                                  "    iris_result r;\n"
                                  "    row.x1 = x1;\n"
                                  "    row.x2 = x2;\n"
                                  "    row.colour = colour;\n"
                                  "    if (iris_predict_row(&row, &r) != 0)\n"
                                  "        return -1;\n"
                                  "    *class_name = iris_class[r.best];\n"
                                  "    return r.probability[1];\n"
                                  "}\n";
    double (*answer)(double, double, const char *, const char **);
    char name[32], colour[32];
    double x1, x2, low;
    int rows = 0;

    write_classes("data.csv", 100, 1);
    run_program(0, "train data.csv --target class --epochs 3 --hidden 8 -q -o iris.safetensors");
    run_program(0, "export iris.safetensors -o iris.c");
    cr_assert_str_eq(last_outcome()->out, "");
    scratch_write("answer.c", program, strlen(program));
    void *library = compile(compiler_way(1), "answer.c");
    compiled_function(library, "answer", &answer, sizeof answer);
    const char *line = run_program(0, "predict iris.safetensors data.csv --keep x1,x2,colour")->out;
    while ((line = strchr(line, '\n') + 1) && *line) {
        const char *class_name;
        cr_assert_eq(sscanf(line, "%lf,%lf,%31[^,],%31[^,],%*f,%lf", &x1, &x2, colour, name, &low), 5, "%s", line);
        double share = answer(x1, x2, colour, &class_name);
        cr_assert_eq((float)low, (float)share, "row %d: %.9g, not %.9g", rows, share, low);
        cr_assert_str_eq(class_name, name);
        rows++;
    }
    cr_assert_eq(rows, 100);
    compiled_free(library);
}

Test(export, a_number_that_is_too_large_is_told_by_its_column)
{
    static const char program[] = "#include \"m.c\"\n"
                                  "int answer(double x1, double x2, float *y);\n"
                                  "int answer(double x1, double x2, float *y)\n"
                                  "{\n"
                                  "    m_row row;\n"
                                  "    m_result r;\n"
                                  "    int bad;\n"
                                  "    row.x1 = x1;\n"
                                  "    row.x2 = x2;\n"
                                  "    r.y = *y;\n"
                                  "    bad = m_predict_row(&row, &r);\n"
                                  "    *y = r.y;\n"
                                  "    return bad;\n"
                                  "}\n";
    int (*answer)(double, double, float *);
    float y = -7;

    write_values("data.csv", 60, 1);
    run_program(0, "train data.csv --target y --epochs 1 --hidden 3 -q -o model");
    run_program(0, "export model -o m.c");
    scratch_write("answer.c", program, strlen(program));
    void *library = compile(compiler_way(0), "answer.c");
    compiled_function(library, "answer", &answer, sizeof answer);
    cr_assert_eq(answer(0.5, (double)INFINITY, &y), 2);
    cr_assert_eq(answer(1e300, 0, &y), 1);
    cr_assert_eq(y, -7.0f);
    cr_assert_eq(answer(0.5, 0.5, &y), 0);
    cr_assert_neq(y, -7.0f);
    compiled_free(library);
}

Test(export, a_copy_of_a_model_is_the_model)
{
    write_values("data.csv", 60, 1);
    run_program(0, "train data.csv --target y --epochs 1 --hidden 3 -q");
    run_program(0, "export model.safetensors -o copy.safetensors");
    cr_assert(same_bytes("model.safetensors", "copy.safetensors"));
}

Test(export, numpy_arrays_are_the_model_s_numbers_and_the_same_each_time)
{
    size_t size;

    write_classes("data.csv", 60, 1);
    run_program(0, "train data.csv --target class --epochs 1 --hidden 3 -q -o m");
    run_program(0, "export m -o a.npz");
    run_program(0, "export m -o b.npz");
    cr_assert(same_bytes("a.npz", "b.npz"));
    unsigned char *bytes = scratch_read("a.npz", &size);
    static const char *const names[] = {"W1.npy", "b1.npy", "W2.npy", "b2.npy", "mean.npy", "scale.npy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert(memmem(bytes, size, names[i], strlen(names[i])), "%s", names[i]);
    cr_assert(!memmem(bytes, size, "target_mean", 11));
    free(bytes);
}

Test(export, what_cannot_be_is_refused_and_writes_nothing)
{
    write_values("data.csv", 60, 1);
    run_program(0, "train data.csv --target y --epochs 1 --hidden 3 -q -o m.safetensors");
    run_program(2, "export m.safetensors");
    cr_assert(strstr(last_outcome()->err, "--output FILE is needed"), "%s", last_outcome()->err);
    run_program(2, "export m.safetensors -o m.safetensors");
    run_program(2, "export m.safetensors -o n.safetensors --name x");
    run_program(2, "export m.safetensors -o n.c --name 1x");
    cr_assert(strstr(last_outcome()->err, "\"1x\""), "%s", last_outcome()->err);
    run_program(2, "export m.safetensors -o n.exe");
    cr_assert(strstr(last_outcome()->err, ".c"), "%s", last_outcome()->err);
    run_program(3, "export data.csv -o n.c");
    cr_assert_eq(scratch_count(), 2);
}
