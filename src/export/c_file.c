/* A model as one file of C99 that needs nothing but fmaf; docs/export.md shows what is in it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "c_columns.h"
#include "c_functions.h"
#include "error.h"
#include "export.h"
#include "file.h"
#include "memory.h"
#include "model.h"
#include "network.h"
#include "settings.h"
#include "size.h"
#include "weights.h"

#define PER_LINE 8 /* numbers */

typedef struct writing {
    bp_c_text c;
    const bp_network *network;
    const bp_encoder *encoder; /* may be NULL */
    bp_c_columns columns;      /* of the encoder */
    bp_arithmetic arithmetic;  /* of the network's precision */
    void *memory;
    size_t memory_size;
    float *W;        /* of the largest layer */
    float *b;        /* of the widest */
    float *rows;     /* [32][32] of W, and 0 */
    uint16_t *terms; /* of them */
} writing;

static bp_layer_info layer_of(const writing *w, uint32_t layer)
{
    bp_layer_info info = {0};

    (void)bp_network_layer(w->network, layer, &info, NULL); /* there is such a layer */
    return info;
}

/* ------------------------------------------------------------------------------------------------------------- heading */

/* The widths of the two arrays that hidden layers take in turns. */
static void widths_of(const writing *w, size_t widest[2])
{
    widest[0] = widest[1] = 0;
    for (uint32_t i = 0; i + 1 < bp_network_layers(w->network); i++)
        widest[i % 2] = bp_size_max(widest[i % 2], layer_of(w, i).outputs);
}

static void describe_layers(writing *w)
{
    uint32_t layers = bp_network_layers(w->network);
    char precision[32] = "", loss[32] = "", activation[32] = "";
    bp_settings names;

    bp_settings_init(&names, sizeof names);
    names.activation = (int32_t)bp_model_activation(w->network);
    names.loss = (int32_t)bp_network_loss(w->network);
    names.precision = (int32_t)bp_network_precision(w->network);
    (void)bp_settings_get(&names, "activation", activation, sizeof activation, NULL);
    (void)bp_settings_get(&names, "loss", loss, sizeof loss, NULL);
    (void)bp_settings_get(&names, "precision", precision, sizeof precision, NULL);
    bp_c_print(&w->c, " * layers %lu", (unsigned long)layer_of(w, 0).inputs);
    for (uint32_t i = 0; i < layers; i++)
        bp_c_print(&w->c, "-%lu", (unsigned long)layer_of(w, i).outputs);
    bp_c_print(&w->c, ", activation %s, loss %s, precision %s, %llu parameters\n", activation, loss, precision,
               (unsigned long long)bp_network_parameters(w->network));
}

/* What a call needs of its own: activations, and a row's inputs and outputs. */
static size_t stack_floats(const writing *w)
{
    size_t widest[2];

    widths_of(w, widest);
    return widest[0] + widest[1] + (w->encoder ? w->encoder->inputs + w->encoder->outputs : 0);
}

static void write_heading(writing *w)
{
    bp_c_print(&w->c,
               "/* A network that backprop %s has trained, as C99. It allocates nothing and changes no global: any thread may call "
               "it.\n *\n",
               bp_version());
    describe_layers(w);
    bp_c_code(&w->c, " *\n"
                     " *     cc -std=c99 -O2 -ffp-contract=off -c FILE.c        and -lm where a program is linked, for fmaf\n"
                     " *\n"
                     " * A file that uses it includes the declarations alone:\n"
                     " *\n"
                     " *     #define @_DECLARATIONS\n"
                     " *     #include \"FILE.c\"\n"
                     " *\n");
    if (w->encoder)
        bp_c_code(&w->c, " *     @_row row = {...};\n"
                         " *     @_result result;\n"
                         " *     if (@_predict_row(&row, &result) == 0)\n"
                         " *         ...\n"
                         " *\n");
    bp_c_print(&w->c,
               " * Results have the bits of `backprop predict` where no intermediate one is below the normal numbers (2^-126), on "
               "processors\n"
               " * that compute in float and double as IEEE 754 says (not the x87), and without -ffast-math. A call takes some %zu "
               "bytes of\n"
               " * stack. */\n",
               stack_floats(w) * sizeof(float) + 512);
}

static void write_declarations(writing *w)
{
    bp_c_code(&w->c, "#ifndef @_DECLARED\n"
                     "#define @_DECLARED\n\n"
                     "#ifdef __cplusplus\n"
                     "extern \"C\" {\n"
                     "#endif\n\n");
    if (w->encoder)
        bp_c_columns_declare(&w->c, &w->columns);
    bp_c_print(&w->c,
               "/* The network alone: y [%lu] from x [%lu], both in its own units. */\n"
               "void @_predict(const float *x, float *y);\n\n"
               "#ifdef __cplusplus\n"
               "}\n"
               "#endif\n"
               "#endif\n\n",
               (unsigned long)layer_of(w, bp_network_layers(w->network) - 1).outputs, (unsigned long)layer_of(w, 0).inputs);
}

/* gcc knows no FP_CONTRACT, and outside of -std=c99 it contracts unless told otherwise. */
static void write_opening(writing *w)
{
    bp_c_code(&w->c, "#ifndef @_DECLARATIONS\n"
                     "#include <math.h>\n"
                     "#include <stddef.h>\n"
                     "#include <stdint.h>\n\n"
                     "#if defined(__GNUC__) && !defined(__clang__)\n"
                     "#pragma GCC optimize(\"fp-contract=off\")\n"
                     "#else\n"
                     "#pragma STDC FP_CONTRACT OFF\n"
                     "#endif\n\n");
}

/* ------------------------------------------------------------------------------------------------------------- weights */

static void end_number(writing *w, size_t i, size_t count)
{
    bp_c_code(&w->c, i + 1 == count ? "};\n\n" : (i + 1) % PER_LINE ? ", " : ",\n    ");
}

static void write_floats(writing *w, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bp_c_f32(&w->c, values[i]);
        end_number(w, i, count);
    }
}

/* Term t of up to 32 weights that follow each other. */
static const uint16_t *terms_of(writing *w, const float *weights, size_t count, unsigned t)
{
    memset(w->rows, 0, BP_BLOCK_TERM * sizeof *w->rows);
    memcpy(w->rows, weights, count * sizeof *weights);
    w->arithmetic.blocks->pack[BP_PACK_LEFT](w->arithmetic.terms, 1, count, w->rows, w->terms);
    return w->terms + t * BP_BLOCK_TERM;
}

static void write_terms(writing *w, const float *values, size_t count)
{
    size_t all = count * w->arithmetic.terms;
    char number[16];

    for (size_t done = 0; done < all;) {
        size_t place = done % count, some = bp_size_min(32, count - place);
        const uint16_t *terms = terms_of(w, values + place, some, (unsigned)(done / count));
        for (size_t i = 0; i < some; i++, done++) {
            bp_c_put(&w->c, number, (size_t)snprintf(number, sizeof number, "0x%04x", terms[i]));
            end_number(w, done, all);
        }
    }
}

static void write_layer(writing *w, uint32_t layer)
{
    bp_layer_info info = layer_of(w, layer);
    size_t weights = (size_t)info.inputs * info.outputs;
    unsigned terms = w->arithmetic.terms;

    (void)bp_network_get(w->network, layer, w->W, w->b, NULL); /* there is such a layer */
    if (terms)
        bp_c_print(&w->c, "static const uint16_t @_w%lu[%zu] = { /* [%u terms][%lu][%lu] */\n    ", (unsigned long)layer + 1,
                   weights * terms, terms, (unsigned long)info.inputs, (unsigned long)info.outputs);
    else
        bp_c_print(&w->c, "static const float @_w%lu[%zu] = { /* [%lu][%lu] */\n    ", (unsigned long)layer + 1, weights,
                   (unsigned long)info.inputs, (unsigned long)info.outputs);
    (terms ? write_terms : write_floats)(w, w->W, weights);
    bp_c_print(&w->c, "static const float @_b%lu[%lu] = {\n    ", (unsigned long)layer + 1, (unsigned long)info.outputs);
    write_floats(w, w->b, info.outputs);
}

/* ----------------------------------------------------------------------------------------------------------- predicting */

static void write_call(writing *w, uint32_t layer)
{
    static const char *const arrays[] = {"a", "b"};
    uint32_t layers = bp_network_layers(w->network), number = layer + 1;
    bp_layer_info info = layer_of(w, layer);
    const char *from = layer ? arrays[(layer - 1) % 2] : "x", *to = number < layers ? arrays[layer % 2] : "y";
    const char *function =
        number < layers ? bp_c_activation((bp_activation)info.activation) : bp_c_prediction(bp_network_loss(w->network));

    bp_c_print(&w->c, "    @_layer(@_w%lu, @_b%lu, %lu, %lu, %s, %s);\n", (unsigned long)number, (unsigned long)number,
               (unsigned long)info.inputs, (unsigned long)info.outputs, from, to);
    if (function)
        bp_c_print(&w->c, "    for (j = 0; j < %lu; j++)\n        %s[j] = @_%s(%s[j]);\n", (unsigned long)info.outputs, to,
                   function, to);
    if (number == layers && bp_network_loss(w->network) == BP_CROSS_ENTROPY)
        bp_c_print(&w->c, "    @_softmax(%lu, y);\n", (unsigned long)info.outputs);
}

static void write_predict(writing *w)
{
    uint32_t layers = bp_network_layers(w->network);
    size_t widest[2];

    widths_of(w, widest);
    bp_c_code(&w->c, "void @_predict(const float *x, float *y)\n{\n");
    if (widest[0])
        bp_c_print(&w->c, "    float a[%zu];\n", widest[0]);
    if (widest[1])
        bp_c_print(&w->c, "    float b[%zu];\n", widest[1]);
    if (bp_c_prediction(bp_network_loss(w->network)) || (layers > 1 && bp_c_activation(bp_model_activation(w->network))))
        bp_c_code(&w->c, "    size_t j;\n");
    bp_c_code(&w->c, "\n");
    for (uint32_t i = 0; i < layers; i++)
        write_call(w, i);
    bp_c_code(&w->c, "}\n\n");
}

/* --------------------------------------------------------------------------------------------------------------- whole */

static void carve(writing *w, bp_arena *arena)
{
    size_t weights = 0, widest = 0;

    for (uint32_t i = 0; i < bp_network_layers(w->network); i++) {
        bp_layer_info info = layer_of(w, i);
        weights = bp_size_max(weights, (size_t)info.inputs * info.outputs);
        widest = bp_size_max(widest, info.outputs);
    }
    w->W = bp_arena_take(arena, weights, sizeof *w->W);
    w->b = bp_arena_take(arena, widest, sizeof *w->b);
    w->rows = bp_arena_take(arena, BP_BLOCK_TERM, sizeof *w->rows);
    w->terms = bp_arena_take(arena, BP_TERMS_MAX * BP_BLOCK_TERM, sizeof *w->terms);
}

static bp_status take_memory(writing *w, bp_error *error)
{
    bp_arena arena = {.base = NULL};

    carve(w, &arena);
    w->memory = bp_arena_commit(&arena, &w->c.allocator, &w->memory_size);
    if (!w->memory)
        return bp_fail(error, BP_NO_MEMORY, "%zu bytes of memory were refused", w->memory_size);
    carve(w, &arena);
    return BP_OK;
}

static bp_status write_all(writing *w, bp_error *error)
{
    BP_TRY(bp_network_check_encoder(w->network, w->encoder, error));
    BP_TRY(bp_arithmetic_choose(bp_network_precision(w->network), BP_ISA_SCALAR, &w->arithmetic, error));
    BP_TRY(take_memory(w, error));
    if (w->encoder)
        BP_TRY(bp_c_columns_make(&w->columns, error));
    write_heading(w);
    write_declarations(w);
    write_opening(w);
    bp_c_functions(&w->c, w->network, w->arithmetic.terms);
    for (uint32_t i = 0; i < bp_network_layers(w->network); i++)
        write_layer(w, i);
    write_predict(w);
    if (w->encoder)
        bp_c_columns_define(&w->c, &w->columns);
    bp_c_code(&w->c, "#endif\n");
    return w->c.status;
}

/* "models/Iris 2.c" is iris_2. */
static void name_by_path(const char *path, bp_c_name name)
{
    const char *slash = strrchr(path, '/');
    char base[256];

    snprintf(base, sizeof base, "%s", slash ? slash + 1 : path);
    base[strcspn(base, ".")] = '\0';
    bp_c_name_make(name, base, "model");
}

bp_status bp_export_c(const char *path, const bp_network *network, const bp_encoder *encoder, const char *prefix, bp_error *error)
{
    bp_allocator memory = bp_allocator_or_default(NULL);
    bp_c_name name;
    writing w = {.c = {.allocator = memory, .prefix = prefix ? prefix : name, .error = error},
                 .network = network,
                 .encoder = encoder,
                 .columns = {.pool = {.allocator = memory}, .encoder = encoder, .loss = bp_network_loss(network)}};

    name_by_path(path, name);
    if (!bp_c_name_is_valid(w.c.prefix))
        return bp_fail(error, BP_INVALID,
                       "\"%.100s\" cannot begin the names of C: letters, digits and '_', at most %d, no reserved word", w.c.prefix,
                       BP_C_NAME_MAX - 1);
    bp_status status = write_all(&w, error);
    if (status == BP_OK)
        status = bp_file_replace(path, &(bp_file_piece){w.c.bytes, w.c.length}, 1, error);
    bp_release(&memory, w.memory, w.memory_size);
    bp_pool_release(&w.columns.pool);
    bp_c_text_free(&w.c);
    return status;
}
