/* Softmax with cross entropy, its gradient in the same pass, and softmax alone.
 *
 * Short rows are turned, VL at a time, as all losses are (loss.inc.h); long rows of classes are taken as they lie.
 *
 * SPDX-License-Identifier: Apache-2.0 */

/* --------------------------------------------------------------------------------------------------- VL rows, turned */

/* Sum of y and of y z, which is all that cross entropy needs of y: L = log(sum e^z) sum y - sum y z. Zeros of a one-hot y are
 * passed over, so that 0 x infinity is no NaN. */
typedef struct weighed {
    row_sums mass, inner;
} weighed;

INLINED void weigh_block(const turned *t, weighed *w)
{
    vd mass[HALVES], inner[HALVES];

    sums_open(&w->mass, mass);
    sums_open(&w->inner, inner);
    for (size_t j = 0; j < t->columns; j++)
        UNROLLED
        for (size_t h = 0; h < HALVES; h++) {
            vd y = v_load_wide(t->block_d[j] + h * DL), z = v_load_wide(t->block_z[j] + h * DL);
            mass[h] = mass[h] + y;
            inner[h] = inner[h] + d_select(y == d_set(0.0), d_set(0.0), y * z);
        }
    sums_close(&w->mass, t->columns, mass);
    sums_close(&w->inner, t->columns, inner);
}

INLINED vf larger(vf a, vf b) { return v_select(v_lt(a, b), b, a); }

/* max z of each row. */
INLINED vf weigh_rows(turned *t, weighed *w)
{
    vf most[LANES];

    for (size_t l = 0; l < LANES; l++)
        most[l] = v_set(-__builtin_inff());
    sums_start(&w->mass);
    sums_start(&w->inner);
    for (size_t column = 0; column < t->n; column += VL) {
        bring(t, column, true);
        for (size_t j = 0; j < t->columns; j++) {
            vf *lane = &most[(column + j) % LANES];
            *lane = larger(*lane, v_load(t->block_z[j]));
        }
        weigh_block(t, w);
    }
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t l = 0; l < apart; l++)
            most[l] = larger(most[l], most[l + apart]);
    return most[0];
}

INLINED void exponentials_of(size_t ways, turned *t, size_t j, vf max)
{
    vf x[WAYS];

    EACH(w)
        x[w] = v_sub(v_load(t->block_z[j + w]), max);
    v_exp(ways, x);
    EACH(w)
        v_store(t->e[j + w], x[w]);
}

/* e = exp(z - max) of the block. */
INLINED void exponentials(turned *t, vf max)
{
    size_t j = 0;

    for (; j + WAYS <= t->columns; j += WAYS)
        exponentials_of(WAYS, t, j, max);
    for (; j < t->columns; j++)
        exponentials_of(1, t, j, max);
}

/* Sum of exp(z - max) of each row; those of the last block stay in e. */
INLINED vf sum_rows_of_exponentials(turned *t, vf max)
{
    vf total[LANES];

    for (size_t l = 0; l < LANES; l++)
        total[l] = v_set(0.0f);
    for (size_t column = 0; column < t->n; column += VL) {
        bring(t, column, false);
        exponentials(t, max);
        for (size_t j = 0; j < t->columns; j++) {
            vf *lane = &total[(column + j) % LANES];
            *lane = v_add(*lane, v_load(t->e[j]));
        }
    }
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t l = 0; l < apart; l++)
            total[l] = v_add(total[l], total[l + apart]);
    return total[0];
}

/* Exponentials are made again where not all of a row is held: there is no buffer for them, since d holds y still. */
INLINED void descend_rows(turned *t, vf max, vf sum)
{
    for (size_t column = 0; column < t->n; column += VL) {
        bool held = t->column == column;
        bring(t, column, true);
        if (!held)
            exponentials(t, max);
        for (size_t j = 0; j < t->columns; j++) {
            vf difference = v_sub(v_div(v_load(t->e[j]), sum), v_load(t->block_d[j]));
            v_store(t->block_d[j], v_mul(difference, t->weight));
        }
        turn_back(t, t->block_d, PLACE(t->d, t->panel, column));
    }
}

static void cross_entropy_turned(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses)
{
    turned t;
    weighed w;
    float most[VL], sums_of[VL];
    vd loss[HALVES];

    for (size_t first = 0; first < m; first += VL) {
        next_rows(&t, first, m, n, panel, z, weight, d);
        vf max = weigh_rows(&t, &w), sum = sum_rows_of_exponentials(&t, max);
        v_store(most, max);
        v_store(sums_of, sum);
        for (size_t h = 0; h < HALVES; h++)
            loss[h] = (v_load_wide(most + h * DL) + d_log(v_load_wide(sums_of + h * DL))) * sums_total(&w.mass, h) -
                      sums_total(&w.inner, h);
        end_rows(&t, loss, losses + first);
        descend_rows(&t, max, sum);
    }
}

/* -------------------------------------------------------------------------------------------------------- row by row */

/* value where the vector's columns lie below n, else `otherwise`. Only the last vector of a row can differ. */
INLINED vf below(size_t column, size_t n, vf value, float otherwise)
{
    float keep[VL];

    if (column + VL <= n)
        return value;
    for (size_t j = 0; j < VL; j++)
        keep[j] = column + j < n ? 1.0f : 0.0f;
    return v_select(v_lt(v_set(0.0f), v_load(keep)), value, v_set(otherwise));
}

/* Sixteen lanes in as many vectors as that takes. */
typedef struct lanes {
    vf v[LANES / VL];
} lanes;

INLINED float larger_of(float a, float b) { return a < b ? b : a; }
INLINED float sum_of(float a, float b) { return a + b; }

/* Lanes fold 8, 4, 2, 1 apart. */
INLINED float fold(const lanes *l, float (*join)(float, float))
{
    float f[LANES];

    for (size_t v = 0; v < LANES / VL; v++)
        v_store(f + v * VL, l->v[v]);
    for (size_t apart = LANES / 2; apart; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            f[j] = join(f[j], f[j + apart]);
    return f[0];
}

INLINED float row_max(size_t n, size_t panel, const float *z)
{
    lanes most;

    for (size_t v = 0; v < LANES / VL; v++)
        most.v[v] = v_set(-__builtin_inff());
    for (size_t column = 0; column < n; column += VL) {
        vf *lane = &most.v[column / VL % (LANES / VL)];
        vf value = below(column, n, v_load(PLACE(z, panel, column)), -__builtin_inff());
        *lane = larger(*lane, value);
    }
    return fold(&most, larger_of);
}

/* Columns behind the last one's count nothing. */
INLINED void row_exponentials_of(size_t ways, size_t column, size_t n, size_t panel, const float *z, float max, float *e,
                                 lanes *sum)
{
    vf x[WAYS];

    EACH(w)
        x[w] = v_sub(v_load(PLACE(z, panel, column + w * VL)), v_set(max));
    v_exp(ways, x);
    EACH(w) {
        size_t at = column + w * VL;
        vf *lane = &sum->v[at / VL % (LANES / VL)];
        x[w] = below(at, n, x[w], 0.0f);
        v_store(PLACE(e, panel, at), x[w]);
        *lane = v_add(*lane, x[w]);
    }
}

/* e = exp(z - max) is left in `e`; returns its sum. */
INLINED float row_exponentials(size_t n, size_t panel, const float *z, float max, float *e)
{
    size_t column = 0;
    lanes sum;

    for (size_t v = 0; v < LANES / VL; v++)
        sum.v[v] = v_set(0.0f);
    for (; column + WAYS * VL <= n; column += WAYS * VL)
        row_exponentials_of(WAYS, column, n, panel, z, max, e, &sum);
    for (; column < n; column += VL)
        row_exponentials_of(1, column, n, panel, z, max, e, &sum);
    return fold(&sum, sum_of);
}

INLINED bool has_some(vf y) { return vm_any(v_not_le(v_abs(y), v_set(0.0f))); }

/* What is not 0 in a row of y: of a class, one element. */
#define HITS 8
typedef struct hits {
    size_t count;
    size_t column[HITS];
    float y[HITS];
} hits;

/* False where there are too many. */
static bool find_hits(size_t n, size_t panel, const float *d, hits *found)
{
    found->count = 0;
    for (size_t column = 0; column < n; column += VL) {
        const float *y = PLACE(d, panel, column);
        for (size_t j = 0; j < VL && column + j < n && has_some(v_load(y)); j++) {
            if (y[j] == 0.0f)
                continue;
            if (found->count == HITS)
                return false;
            found->column[found->count] = column + j;
            found->y[found->count++] = y[j];
        }
    }
    return true;
}

/* mass and inner of one row: zeros change no chain and no node of the tree. */
static void weigh_hits(const hits *found, size_t panel, const float *z, double *mass, double *inner)
{
    bp_sum masses, products;

    bp_sum_start(&masses);
    bp_sum_start(&products);
    for (size_t i = 0; i < found->count; i++) {
        bp_sum_skip(&masses, found->column[i]);
        bp_sum_skip(&products, found->column[i]);
        bp_sum_add(&masses, (double)found->y[i]);
        bp_sum_add(&products, (double)found->y[i] * (double)*PLACE(z, panel, found->column[i]));
    }
    *mass = bp_sum_total(&masses);
    *inner = bp_sum_total(&products);
}

/* d, which holds e^(z - max): (e / sum - y) weight, with y 0 but for some. */
static void descend_row(size_t n, size_t panel, const hits *found, float sum, float weight, float *d)
{
    float at_hit[HITS];

    for (size_t i = 0; i < found->count; i++)
        at_hit[i] = (*PLACE(d, panel, found->column[i]) / sum - found->y[i]) * weight;
    for (size_t column = 0; column < n; column += VL) {
        vf p = v_div(v_load(PLACE(d, panel, column)), v_set(sum));
        v_store(PLACE(d, panel, column), below(column, n, v_mul(p, v_set(weight)), 0.0f));
    }
    for (size_t i = 0; i < found->count; i++)
        *PLACE(d, panel, found->column[i]) = at_hit[i];
}

/* log(sum e^z) is made of its parts in a vector's first lane, which has the bits of every other. */
INLINED double log_of(float sum)
{
    double lane[DL];

    d_store(lane, d_log(d_set((double)sum)));
    return lane[0];
}

/* Rows of classes are taken as they lie where they are long: nothing need be turned, and d has room for the exponentials. */
#define LONG_ROW (4 * LANES)

static bool cross_entropy_row(size_t n, size_t panel, const float *z, float weight, float *d, double *loss)
{
    hits found;
    double mass, inner;

    if (n < LONG_ROW || !find_hits(n, panel, d, &found))
        return false;
    float max = row_max(n, panel, z), sum = row_exponentials(n, panel, z, max, d);
    weigh_hits(&found, panel, z, &mass, &inner);
    descend_row(n, panel, &found, sum, weight, d);
    *loss = (double)weight * (((double)max + log_of(sum)) * mass - inner);
    return true;
}

/* Rows are turned together, as many as there are between two that are not. */
static void cross_entropy(size_t m, size_t n, size_t panel, const float *z, const float *weight, float *d, double *losses,
                          float shape)
{
    size_t first = 0; /* the first row that waits */
    (void)shape;

    for (size_t r = 0; r <= m; r++) {
        bool alone = r < m && cross_entropy_row(n, panel, z + 32 * r, weight ? weight[r] : 1.0f, d + 32 * r, losses + r);
        if ((alone || r == m) && first < r)
            cross_entropy_turned(r - first, n, panel, z + 32 * first, weight ? weight + first : NULL, d + 32 * first,
                                 losses + first);
        if (alone)
            first = r + 1;
    }
}

static void softmax(size_t n, size_t panel, float *z)
{
    float sum = row_exponentials(n, panel, z, row_max(n, panel, z), z);

    for (size_t column = 0; column < n; column += VL)
        v_store(PLACE(z, panel, column), v_div(v_load(PLACE(z, panel, column)), v_set(sum)));
}
