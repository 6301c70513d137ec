/* The product with few columns: vectors run over the rows of a, where product_rows would leave most of a vector's columns unused.
 *
 * Four steps of VL rows are loaded as four vectors, one for each step; each is multiplied by one number of b for each column. The
 * sums of two groups of rows are in flight, or of one where many columns are chains enough.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* Groups of rows in flight, so that there are some eight chains, and all stay in registers. */
#if VL == 1
#define GROUPS(N) ((N) <= 2 ? 4 : (N) <= 4 ? 2 : 1)
#else
#define GROUPS(N) ((N) <= 4 ? 2 : 1)
#endif
#define GROUPS_MOST 4

/* One call's matrices. */
typedef struct narrow {
    size_t k, a_panel;
    const float *b;
    bp_chain chain;
    bp_end end;
} narrow;

/* Column j of up to VL rows of c or its like; behind the last row that one again. */
INLINED vf take_column(size_t rows, const float *first, size_t j)
{
    float lanes[VL];

    UNROLLED
    for (size_t r = 0; r < VL; r++)
        lanes[r] = first[32 * (r < rows ? r : rows - 1) + j];
    return v_load(lanes);
}

INLINED void put_column(size_t rows, vf column, float *first, size_t j)
{
    float lanes[VL];

    v_store(lanes, column);
    UNROLLED
    for (size_t r = 0; r < VL; r++)
        if (r < rows)
            first[32 * r + j] = lanes[r];
}

/* VL rows of a panel: of a short group a copy, so that nothing is read behind the last row. What the copy has behind it is 0. */
INLINED const float *whole_group(size_t rows, const float *a, float copy[VL * 32])
{
    if (VL == 1 || rows == VL)
        return a;
    for (size_t i = 0; i < 32 * rows; i += VL)
        v_store(copy + i, v_load(a + i));
    return copy;
}

/* Up to four steps of a group. b: their numbers for column 0. */
INLINED void narrow_steps(size_t n, size_t steps, const float *a, const float *b, vf sums[])
{
    vf step[4];

    v_load_four(a, 32, step);
    UNROLLED
    for (size_t s = 0; s < 4; s++)
        if (s < steps)
            UNROLLED
            for (size_t j = 0; j < n; j++)
                sums[j] = v_fma(step[s], v_set(b[32 * j + s]), sums[j]);
}

INLINED void keep_slopes(const bp_end *end, size_t n, size_t rows, size_t first, float *z)
{
    float slopes[BP_NARROW * VL];

    end->activate(n * VL, z, slopes);
    for (size_t j = 0; j < n; j++)
        put_column(rows, v_load(slopes + j * VL), end->slopes + 32 * first, j);
}

/* + (+0), or the bias and it, then activation and slope over all columns of the group at once: as in product.inc.h. */
INLINED void narrow_end(const bp_end *end, size_t n, size_t rows, size_t first, vf sums[])
{
    float z[BP_NARROW * VL], a[BP_NARROW * VL];

    UNROLLED
    for (size_t j = 0; j < n; j++) {
        v_store(z + j * VL, v_add(sums[j], v_set(end->bias ? end->bias[j] + 0.0f : 0.0f)));
        if (end->slope)
            v_store(a + j * VL, take_column(rows, end->a + 32 * first, j));
    }
    /* These are content with whole vectors. */
    if (end->activate && end->slopes)
        keep_slopes(end, n, rows, first, z);
    else if (end->activate)
        end->activate(n * VL, z, NULL);
    if (end->slope)
        end->slope(n * VL, a, z);
    UNROLLED
    for (size_t j = 0; j < n; j++)
        sums[j] = v_load(z + j * VL);
}

/* `groups` groups of rows, of which the last may be short. */
INLINED void narrow_rows(const narrow *p, size_t n, size_t groups, size_t rows, size_t first, const float *a, float *c)
{
    float copy[VL * 32];
    vf sums[GROUPS_MOST][BP_NARROW];
    size_t last = rows - (groups - 1) * VL; /* rows of the last group */
    const float *b = p->b;

    for (size_t i = VL == 1 ? sizeof copy / sizeof *copy : 32 * last; i < 32 * VL; i += VL)
        v_store(copy + i, v_set(0.0f));
    UNROLLED
    for (size_t g = 0; g < groups; g++)
        UNROLLED
        for (size_t j = 0; j < n; j++)
            sums[g][j] = p->chain & BP_CHAIN_FIRST ? v_set(0.0f) : take_column(g + 1 < groups ? VL : last, c + 32 * VL * g, j);
    for (size_t done = 0; done < p->k; done += 32, a += p->a_panel, b += 32 * n) {
        size_t steps = p->k - done < 32 ? p->k - done : 32, s = 0;
        const float *last_group = whole_group(last, a + 32 * VL * (groups - 1), copy);
        for (; s + 4 <= steps; s += 4)
            UNROLLED
            for (size_t g = 0; g < groups; g++)
                narrow_steps(n, 4, (g + 1 < groups ? a + 32 * VL * g : last_group) + s, b + s, sums[g]);
        if (s < steps)
            UNROLLED
            for (size_t g = 0; g < groups; g++)
                narrow_steps(n, steps - s, (g + 1 < groups ? a + 32 * VL * g : last_group) + s, b + s, sums[g]);
    }
    UNROLLED
    for (size_t g = 0; g < groups; g++) {
        size_t own = g + 1 < groups ? VL : last;
        if (p->chain & BP_CHAIN_LAST)
            narrow_end(&p->end, n, own, first + g * VL, sums[g]);
        UNROLLED
        for (size_t j = 0; j < n; j++)
            put_column(own, sums[g][j], c + 32 * VL * g, j);
    }
}

/* All rows from `first` on, as long as they fill more than one group less than that many. */
INLINED size_t narrow_groups(const narrow *p, size_t n, size_t groups, size_t m, size_t first, const float *a, float *c)
{
    while (m - first > (groups - 1) * VL) {
        size_t rows = m - first < groups * VL ? m - first : groups * VL;
        narrow_rows(p, n, groups, rows, first, a + 32 * first, c + 32 * first);
        first += rows;
    }
    return first;
}

typedef void narrow_function(const narrow *p, size_t m, const float *a, float *c);

/* One function for each number of columns, since sums must be registers. */
#define NARROW(N)                                                                    \
    OUT_OF_LINE void narrow_##N(const narrow *p, size_t m, const float *a, float *c) \
    {                                                                                \
        size_t first = narrow_groups(p, N, GROUPS(N), m, 0, a, c);                   \
        narrow_groups(p, N, 1, m, first, a, c);                                      \
    }

NARROW(1)
NARROW(2)
NARROW(3)
NARROW(4)
NARROW(5)
NARROW(6)
NARROW(7)
NARROW(8)

static narrow_function *const narrow_functions[BP_NARROW] = {narrow_1, narrow_2, narrow_3, narrow_4,
                                                             narrow_5, narrow_6, narrow_7, narrow_8};

static void product_narrow(size_t m, size_t k, const float *a, size_t a_panel, const float *b, size_t columns, bp_chain chain,
                           const bp_end *end, float *c)
{
    narrow p = {.k = k, .a_panel = a_panel, .b = b, .chain = chain};

    if (end)
        p.end = *end;
    narrow_functions[columns - 1](&p, m, a, c);
}
