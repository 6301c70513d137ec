/* SPDX-License-Identifier: Apache-2.0 */
#include "c_functions.h"

#include "kernels.h"
#include "model.h"

/* ------------------------------------------------------------------------------------------------------ of one number */

static const char flush_code[] = "/* Numbers too small to be normal are 0. */\n"
                                 "static float @_flush(float x)\n"
                                 "{\n"
                                 "    return x > -0x1p-126f && x < 0x1p-126f ? 0.0f : x;\n"
                                 "}\n\n";

static const char relu_code[] = "static float @_relu(float z)\n"
                                "{\n"
                                "    return z <= 0.0f ? 0.0f : z;\n"
                                "}\n\n";

static const char leaky_relu_code[] = "static float @_leaky_relu(float z)\n"
                                      "{\n"
                                      "    return z <= 0.0f ? z * 0.01f : z;\n"
                                      "}\n\n";

static const char exp_code[] =
    "/* e^x of x <= 88: x = n ln 2 + r, e^r by its series, times 2^n; below -88 it is 0. */\n"
    "static float @_exp(float x)\n"
    "{\n"
    "    static const float series[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};\n"
    "    const float magic = 0x1.8p23f + 127; /* adding it rounds to a whole number, and leaves n + 127 in the low bits */\n"
    "    union { float f; uint32_t bits; } power;\n"
    "    float e = 1.0f / 5040;\n"
    "    int i;\n"
    "\n"
    "    x = x < -88.0f ? -88.0f : x;\n"
    "    power.f = fmaf(x, 0x1.715476p+0f, magic);\n"
    "    x = fmaf(power.f - magic, -0x1.62e400p-1f, x);\n"
    "    x = fmaf(power.f - magic, -0x1.7f7d1cp-20f, x);\n"
    "    for (i = 0; i < 7; i++)\n"
    "        e = fmaf(e, x, series[i]);\n"
    "    power.bits <<= 23;\n"
    "    return @_flush(e * power.f);\n"
    "}\n\n";

static const char sigmoid_code[] = "static float @_sigmoid(float x)\n"
                                   "{\n"
                                   "    float e = @_exp(0.0f - (x < 0.0f ? -x : x)), whole = 1.0f + e;\n"
                                   "    float s = (0.0f <= x ? 1.0f : e) / whole, lost = (whole - 1.0f) - e;\n"
                                   "    return fmaf(lost * s, 0.0f <= x ? s : 1.0f - s, s);\n"
                                   "}\n\n";

static const char tanh_code[] =
    "static float @_tanh(float x)\n"
    "{\n"
    "    float size = x < 0.0f ? -x : x, twice = size + size, square = x * x, series = -5.70498872745e-3f;\n"
    "\n"
    "    if (!(size < 0.625f)) {\n"
    "        float a = 1.0f - 2.0f / (@_exp(32.0f < twice ? 32.0f : twice) + 1.0f);\n"
    "        return x < 0.0f ? -a : a;\n"
    "    }\n"
    "    series = fmaf(series, square, 2.06390887954e-2f);\n"
    "    series = fmaf(series, square, -5.37397155531e-2f);\n"
    "    series = fmaf(series, square, 1.33314422036e-1f);\n"
    "    series = fmaf(series, square, -3.33332819422e-1f);\n"
    "    return fmaf(series * square, x, x);\n"
    "}\n\n";

static const char parts_code[] =
    "/* e^(x + low) in two parts, -88 <= x <= 0: power = 2^n, and e^r - 1 is returned. */\n"
    "static float @_parts(float x, float low, float *power)\n"
    "{\n"
    "    static const float series[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f};\n"
    "    const float magic = 0x1.8p23f + 127;\n"
    "    union { float f; uint32_t bits; } whole;\n"
    "    float e = 1.0f / 40320;\n"
    "    int i;\n"
    "\n"
    "    whole.f = fmaf(x, 0x1.715476p+0f, magic);\n"
    "    x = fmaf(whole.f - magic, -0x1.62e400p-1f, x);\n"
    "    x = fmaf(whole.f - magic, -0x1.7f7d1cp-20f, low) + x;\n"
    "    for (i = 0; i < 6; i++)\n"
    "        e = fmaf(e, x, series[i]);\n"
    "    whole.bits <<= 23;\n"
    "    *power = whole.f;\n"
    "    return fmaf(e * x, x, x);\n"
    "}\n\n";

static const char less_code[] =
    "/* e^-|x| */\n"
    "static float @_less(float x)\n"
    "{\n"
    "    float e = 0.0f - (x < 0.0f ? -x : x), power, r = @_parts(e < -88.0f ? -88.0f : e, 0.0f, &power);\n"
    "    return @_flush(fmaf(r, power, power));\n"
    "}\n\n";

static const char elu_code[] = "static float @_elu(float z)\n"
                               "{\n"
                               "    float power, r;\n"
                               "\n"
                               "    if (!(z <= 0.0f))\n"
                               "        return z;\n"
                               "    r = @_parts(z < -32.0f ? -32.0f : z, 0.0f, &power);\n"
                               "    return @_flush(fmaf(r, power, power - 1.0f));\n"
                               "}\n\n";

static const char gelu_code[] =
    "static float @_gelu(float z)\n"
    "{\n"
    "    static const float near[] = {0x1.66db72p-13f, -0x1.438a5ap-10f, 0x1.473208p-7f, -0x1.10592ep-4f, 0x1.988454p-2f};\n"
    "    static const float far[] = {0x1.bdfdc4p-14f, 0x1.c9c202p-11f, -0x1.085db6p-10f, -0x1.6a99c4p-8f, 0x1.b139d4p-6f,\n"
    "                                -0x1.024738p-4f, 0x1.9adbb2p-4f, -0x1.c41df6p-4f, 0x1.2dda04p-4f, 0x1.82b4bcp-2f};\n"
    "    float size = z < 0.0f ? -z : z, t = 0.0f, over, u, square, power, r;\n"
    "    int i;\n"
    "\n"
    "    if (size < 0.6f) {\n"
    "        for (i = 0; i < 5; i++)\n"
    "            t = fmaf(t, z * z, near[i]);\n"
    "        return @_flush(z * fmaf(z, t, 0.5f));\n"
    "    }\n"
    "    size = 13.25f < size ? 13.25f : size;\n"
    "    over = 1.0f / (size * (size + 4.0f)) * size;\n"
    "    u = (size - 4.0f) * over;\n"
    "    u = fmaf(over, fmaf(0.0f - u, size, fmaf(u + 1.0f, -4.0f, size)), u);\n"
    "    for (i = 0; i < 10; i++)\n"
    "        t = fmaf(t, u, far[i]);\n"
    "    square = size * size;\n"
    "    r = @_parts(square * -0.5f, fmaf(size, size, 0.0f - square) * -0.5f, &power);\n"
    "    return @_flush((z <= 0.0f ? 0.0f : z) - @_flush(fmaf(t, r, t) * power));\n"
    "}\n\n";

static const char silu_code[] = "static float @_silu(float z)\n"
                                "{\n"
                                "    float e = @_less(z), whole = 1.0f + e, s = (0.0f <= z ? 1.0f : e) / whole, a = z * s;\n"
                                "    float lost = ((whole - 1.0f) - e) * (0.0f <= z ? s : 1.0f - s);\n"
                                "    return @_flush(fmaf(lost, a, fmaf(z, s, 0.0f - a)) + a);\n"
                                "}\n\n";

static const char softplus_code[] =
    "static float @_softplus(float z)\n"
    "{\n"
    "    static const float series[] = {-0x1.af49cep-9f, 0x1.4917cep-6f, -0x1.d6b08cp-5f, 0x1.b4ae08p-4f, -0x1.3a435ep-3f,\n"
    "                                   0x1.934b54p-3f, -0x1.ff23e6p-3f, 0x1.554dd0p-2f, -0x1.ffffd2p-2f};\n"
    "    float e = @_less(z), q = 0.0f;\n"
    "    int i;\n"
    "\n"
    "    for (i = 0; i < 9; i++)\n"
    "        q = fmaf(q, e, series[i]);\n"
    "    return @_flush((z <= 0.0f ? 0.0f : z) + fmaf(e * q, e, e));\n"
    "}\n\n";

/* A function, and what it calls. */
typedef enum callee { NOTHING = 0, EXP = 1, PARTS = 2, LESS = 4 } callee;

typedef struct function {
    const char *name;
    const char *code;
    int calls; /* callees */
} function;

static const function activations[BP_ACTIVATIONS] = {
    [BP_IDENTITY] = {NULL, NULL, NOTHING},
    [BP_RELU] = {"relu", relu_code, NOTHING},
    [BP_LEAKY_RELU] = {"leaky_relu", leaky_relu_code, NOTHING},
    [BP_SIGMOID] = {"sigmoid", sigmoid_code, EXP},
    [BP_TANH] = {"tanh", tanh_code, EXP},
    [BP_ELU] = {"elu", elu_code, PARTS},
    [BP_GELU] = {"gelu", gelu_code, PARTS},
    [BP_SILU] = {"silu", silu_code, PARTS | LESS},
    [BP_SOFTPLUS] = {"softplus", softplus_code, PARTS | LESS},
};

static const char count_code[] = "/* The mean of a count: e^z. */\n"
                                 "static float @_count(float z)\n"
                                 "{\n"
                                 "    return 88.0f < z ? INFINITY : @_exp(z);\n"
                                 "}\n\n";

static const function count = {"count", count_code, EXP};

/* Of the prediction, by the loss. */
static const function *prediction_of(bp_loss loss)
{
    if (loss == BP_POISSON)
        return &count;
    return loss == BP_BINARY_CROSS_ENTROPY ? &activations[BP_SIGMOID] : &activations[BP_IDENTITY];
}

const char *bp_c_activation(bp_activation activation)
{
    return activations[activation].name;
}

const char *bp_c_prediction(bp_loss loss)
{
    return prediction_of(loss)->name;
}

/* --------------------------------------------------------------------------------------------------------- of one row */

/* Zeros are passed over: with finite weights they change no bit of a chain that ends with + 0. */
static const char layer_code[] =
    "/* y [n] = x [k] w [k][n] + b [n]: a sum is one chain of fused multiply-adds in ascending order. */\n"
    "static void @_layer(const float *w, const float *b, size_t k, size_t n, const float *x, float *y)\n"
    "{\n"
    "    size_t i, j;\n"
    "\n"
    "    for (j = 0; j < n; j++)\n"
    "        y[j] = 0.0f;\n"
    "    for (i = 0; i < k; i++, w += n) {\n"
    "        float a = @_flush(x[i]);\n"
    "        for (j = 0; j < n && a != 0.0f; j++)\n"
    "            y[j] = fmaf(a, w[j], y[j]);\n"
    "    }\n"
    "    for (j = 0; j < n; j++)\n"
    "        y[j] = @_flush((y[j] + 0.0f) + b[j]);\n"
    "}\n\n";

static const char bf16_code[] =
    "/* The nearest number of 8 significant bits, ties to even. */\n"
    "static float @_bf16(float x)\n"
    "{\n"
    "    union { float f; uint32_t bits; } number;\n"
    "\n"
    "    number.f = @_flush(x);\n"
    "    if (x != x)\n"
    "        return x;\n"
    "    number.bits = (number.bits + 0x7fffu + (number.bits >> 16 & 1u)) & 0xffff0000u;\n"
    "    return number.f;\n"
    "}\n\n"
    "/* The float whose upper half these bits are. */\n"
    "static float @_wide(uint16_t half)\n"
    "{\n"
    "    union { float f; uint32_t bits; } number;\n"
    "\n"
    "    number.bits = (uint32_t)half << 16;\n"
    "    return number.f;\n"
    "}\n\n"
    "/* y [n] += a [count] w [count][n], count <= 32: numbers of even index, and those of odd index, each in a chain. */\n"
    "static void @_step(const uint16_t *w, size_t count, size_t n, const float *a, float *y)\n"
    "{\n"
    "    size_t i, j;\n"
    "\n"
    "    for (j = 0; j < n; j++) {\n"
    "        float even = 0.0f, odd = 0.0f;\n"
    "        for (i = 0; i < count; i += 2)\n"
    "            even = fmaf(a[i], @_wide(w[i * n + j]), even);\n"
    "        for (i = 1; i < count; i += 2)\n"
    "            odd = fmaf(a[i], @_wide(w[i * n + j]), odd);\n"
    "        y[j] = y[j] + (even + odd);\n"
    "    }\n"
    "}\n\n";

static const char mixed_code[] =
    "/* y [n] = x [k] w + b [n], with w [%u][k][n] the terms of the weights, and as many of x. */\n"
    "static void @_layer(const uint16_t *w, const float *b, size_t k, size_t n, const float *x, float *y)\n"
    "{\n"
    "    static const unsigned char pairs[][2] = {%s}; /* which terms are multiplied: small products come first */\n"
    "    float a[%u][32];\n"
    "    size_t i, j, t, first;\n"
    "\n"
    "    for (j = 0; j < n; j++)\n"
    "        y[j] = 0.0f;\n"
    "    for (first = 0; first < k; first += 32) {\n"
    "        size_t count = k - first < 32 ? k - first : 32;\n"
    "        for (i = 0; i < count; i++) {\n"
    "            float rest = x[first + i];\n"
    "            for (t = 0; t < %u; t++) {\n"
    "                a[t][i] = @_bf16(rest);\n"
    "                rest -= a[t][i];\n"
    "            }\n"
    "        }\n"
    "        for (t = 0; t < sizeof pairs / sizeof *pairs; t++)\n"
    "            @_step(w + (pairs[t][1] * k + first) * n, count, n, a[pairs[t][0]], y);\n"
    "    }\n"
    "    for (j = 0; j < n; j++)\n"
    "        y[j] = @_flush((y[j] + 0.0f) + b[j]);\n"
    "}\n\n";

/* The sum of exponentials goes over 16 lanes, as wide as the widest vector that trains. */
static const char softmax_code[] = "static void @_softmax(size_t n, float *z)\n"
                                   "{\n"
                                   "    float lane[16] = {0.0f}, most = z[0];\n"
                                   "    size_t j, apart;\n"
                                   "\n"
                                   "    for (j = 1; j < n; j++)\n"
                                   "        most = most < z[j] ? z[j] : most;\n"
                                   "    for (j = 0; j < n; j++) {\n"
                                   "        z[j] = @_exp(z[j] - most);\n"
                                   "        lane[j % 16] += z[j];\n"
                                   "    }\n"
                                   "    for (apart = 8; apart > 0; apart /= 2)\n"
                                   "        for (j = 0; j < apart; j++)\n"
                                   "            lane[j] += lane[j + apart];\n"
                                   "    for (j = 0; j < n; j++)\n"
                                   "        z[j] = @_flush(z[j] / lane[0]);\n"
                                   "}\n\n";

/* --------------------------------------------------------------------------------------------------------------- whole */

static void add_layer(bp_c_text *c, unsigned terms)
{
    static const char *const pairs[] = {"{0, 0}", "{1, 0}, {0, 1}, {0, 0}", "{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}"};

    if (!terms) {
        bp_c_code(c, layer_code);
        return;
    }
    bp_c_code(c, bf16_code);
    bp_c_print(c, mixed_code, terms, pairs[terms - 1], terms, terms);
}

void bp_c_functions(bp_c_text *c, const bp_network *network, unsigned terms)
{
    bp_loss loss = bp_network_loss(network);
    const function *hidden = &activations[bp_model_activation(network)], *last = prediction_of(loss);

    int calls = hidden->calls | last->calls | (loss == BP_CROSS_ENTROPY ? EXP : NOTHING);

    bp_c_code(c, flush_code);
    if (calls & EXP)
        bp_c_code(c, exp_code);
    if (calls & PARTS)
        bp_c_code(c, parts_code);
    if (calls & LESS)
        bp_c_code(c, less_code);
    if (hidden->code)
        bp_c_code(c, hidden->code);
    if (last->code && last != hidden)
        bp_c_code(c, last->code);
    if (loss == BP_CROSS_ENTROPY)
        bp_c_code(c, softmax_code);
    add_layer(c, terms);
}
