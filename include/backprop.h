/* backprop: trains feed-forward networks by minibatch backpropagation on multicore CPUs.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Read from top to bottom: things stand in the order in which data flows.
 *
 *     data set -> encoder -> examples -> network -> trainer -> evaluate, predict -> model file
 *
 * Errors. Every function that can fail returns a bp_status and takes a bp_error of the caller's as its last argument; it
 * may be NULL. On any status but BP_OK nothing has been written to a result argument unless its function says so, and what
 * was half built is freed. The library never prints and never exits.
 *
 * Memory. What a _create, _read, _fit or _load function hands out belongs to the caller and is given back to the
 * matching _free, which accepts NULL. No other handle, array or result argument may be NULL unless its function says so.
 * A bp_allocator is copied into the handle; NULL stands for aligned_alloc and free. Text and arrays handed in are copied
 * unless "borrow" is said. Nothing is allocated during a step. Memory that is refused is BP_NO_MEMORY, except to three things that
 * the library stands on and that end the process themselves: hwloc, which looks at the machine, jansson, within a number of a
 * header, and OpenMP's runtime, which starts teams. Room for the first two and threads for the last are tried beforehand, so what
 * remains is another thread that takes them in that moment, or memory refused for a team larger than any before.
 *
 * Threads. Functions on different handles may run at once; on one handle, only those that take it as const. One thread
 * is used unless settings say more. Callbacks run on the calling thread, outside any parallel region.
 *
 * Numbers. Matrices are row-major, W is [inputs, outputs]. Results depend on data, settings and seed alone: not on
 * threads, instruction set or gradient strategy, nor on the caller's floating-point state (direction of rounding, subnormals,
 * traps), which is as it was afterwards. */
#ifndef BACKPROP_H
#define BACKPROP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_VERSION_MAJOR 0
#define BP_VERSION_MINOR 1
#define BP_VERSION_PATCH 0

#if defined(_WIN32)
#error "backprop is for Linux"
#endif
#ifndef BP_API
#define BP_API __attribute__((visibility("default")))
#endif

/* The version of the library that runs, "0.1.0"; static text. */
BP_API const char *bp_version(void);

/* ------------------------------------------------------------------------------------------------- status and error */

typedef enum bp_status {
    BP_OK = 0,
    BP_INVALID = 1,   /* an argument or a setting that makes no sense here */
    BP_NO_MEMORY = 2, /* the allocator refused */
    BP_IO = 3,        /* the system refused to open, read, write, sync or rename */
    BP_BAD_FILE = 4,  /* a file's content is damaged or not what was asked for */
    BP_DIVERGED = 5,  /* a loss or a gradient is not finite */
    BP_CANCELLED = 6, /* bp_trainer_cancel or a callback asked to stop */
    BP_FORKED = 7     /* a handle of the parent is used in a child of fork; so ends a fit in a child that its own callback forked */
} bp_status;

/* What went wrong, and where. `text` is a whole sentence that names the cause and includes the place. */
typedef struct bp_error {
    int32_t status;  /* a bp_status */
    int32_t system;  /* errno where the system refused, else 0 */
    uint64_t line;   /* line of a text file, counted from 1; 0: not known */
    uint64_t offset; /* byte of a binary file, where `line` is 0 */
    uint64_t step;   /* BP_DIVERGED: the step, counted from 1 */
    int32_t layer;   /* BP_DIVERGED: the layer counted from 1 whose gradient it is; 0: the loss */
    int32_t reserved;
    char text[1000];
} bp_error;

/* A status in two or three words; static text. */
BP_API const char *bp_status_text(bp_status status);

/* Memory for one handle. `allocate` returns `size` bytes at a multiple of `alignment` (a power of two), or NULL; it need
 * not clear them. `release` gets the same size. Both are called on the thread that calls a function on the handle, by those
 * that create, free, fit, evaluate, save and load, and never inside a step. */
typedef struct bp_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size, size_t alignment);
    void (*release)(void *context, void *memory, size_t size);
} bp_allocator;

/* --------------------------------------------------------------------------------------------------------- settings */

typedef enum bp_task { BP_TASK_AUTO, BP_TASK_REGRESSION, BP_TASK_BINARY, BP_TASK_MULTICLASS } bp_task;
typedef enum bp_scale { BP_SCALE_AUTO, BP_SCALE_STANDARD, BP_SCALE_RANGE, BP_SCALE_NONE } bp_scale;
typedef enum bp_missing_targets { BP_MISSING_TARGETS_ERROR, BP_MISSING_TARGETS_SKIP } bp_missing_targets;
typedef enum bp_header { BP_HEADER_AUTO, BP_HEADER_YES, BP_HEADER_NO } bp_header;
typedef enum bp_decimal { BP_DECIMAL_POINT, BP_DECIMAL_COMMA } bp_decimal;

/* g(z) and g'(z), torch.nn's with its defaults:
 *   identity     z                           1
 *   relu         z > 0 ? z : 0               z > 0 ? 1 : 0
 *   leaky_relu   z > 0 ? z : z / 100         z > 0 ? 1 : 1 / 100
 *   sigmoid      s = 1 / (1 + e^-z)          s (1 - s)
 *   tanh         a = tanh z                  1 - a^2
 *   elu          z > 0 ? z : e^z - 1         z > 0 ? 1 : e^z
 *   gelu         z P(z)                      P(z) + z p(z), p = e^(-z^2 / 2) / sqrt(2 pi), P = (1 + erf(z / sqrt 2)) / 2
 *   silu         z s, s = 1 / (1 + e^-z)     s + z s (1 - s)
 *   softplus     log(1 + e^z)                1 / (1 + e^-z) */
typedef enum bp_activation {
    BP_IDENTITY,
    BP_RELU,
    BP_LEAKY_RELU,
    BP_SIGMOID,
    BP_TANH,
    BP_ELU,
    BP_GELU,
    BP_SILU,
    BP_SOFTPLUS
} bp_activation;

/* L of one example, summed over its n outputs; y^ is the last layer's z, which has no activation.
 *   squared_error          1/2 sum (y^ - y)^2
 *   cross_entropy          -sum y log softmax(y^)                 y one-hot, or any distribution; n >= 2
 *   binary_cross_entropy   sum max(y^, 0) - y^ y + log(1 + e^-|y^|)           y in [0, 1]
 *   absolute_error         sum |y^ - y|                            dL/dy^ is the sign, 0 where y^ = y
 *   huber                  sum |e| <= delta ? e^2 / 2 : delta (|e| - delta / 2), e = y^ - y           (torch's HuberLoss)
 *   quantile               sum max(q (y - y^), (q - 1) (y - y^)); dL/dy^ is -q below y, 1 - q above, 0 at y^ = y
 *   poisson                sum e^y^ - y y^       y >= 0, not standardised; the prediction is e^y^     (torch's PoissonNLLLoss)
 * The last four are for numbers.
 *   auto                   by task: regression, multiclass, binary; squared_error where task is auto too */
typedef enum bp_loss {
    BP_LOSS_AUTO,
    BP_SQUARED_ERROR,
    BP_CROSS_ENTROPY,
    BP_BINARY_CROSS_ENTROPY,
    BP_ABSOLUTE_ERROR,
    BP_HUBER,
    BP_QUANTILE,
    BP_POISSON
} bp_loss;

/* torch.optim's formulas and defaults: sgd (momentum 0, nesterov no), adam and adamw (beta1 0.9, beta2 0.999, epsilon
 * 1e-8), rmsprop (alpha 0.99, epsilon 1e-8, momentum 0, not centred). On W only, not on b: weight decay, decay w added to the
 * gradient, decoupled in adamw; l1 sign(w), 0 at w = 0, added to the gradient.
 *
 * Two take all rows for each update, 4,096 of them at a time, and have no rate, momentum, l1 or minibatches; an epoch is an
 * iteration, and weight decay d adds d / 2 sum W^2 to J:
 *   lbfgs   directions from the last 10 steps, step lengths that meet the strong Wolfe conditions (c1 1e-4, c2 0.9, 25 tries),
 *           which take a pass over the rows each; over when the gradient's 2-norm is 1e-7 or no smaller J is to be found (Nocedal,
 *           Wright: Numerical Optimization, 2006, algorithms 3.5, 3.6, 7.5)
 *   rprop   iRPROP+: steps of each parameter's own size, by the gradient's sign: 0.1 at first, times 1.2 where the sign stays,
 *           times 0.5 where it turns, from 1e-6 to 50; a step that turned a sign is taken back where J grew (Igel, Huesken 2000) */
typedef enum bp_optimizer { BP_SGD, BP_ADAM, BP_ADAMW, BP_LBFGS, BP_RPROP, BP_RMSPROP } bp_optimizer;

/* The rate of update t of n = epochs x updates of an epoch, t = 0, 1, ...; a warm-up of w updates first takes (t + 1) / w of it.
 * Behind it, with e the whole epochs in t - w updates:
 *   constant   1 | linear  1 - (t - w) / (n - w) | cosine  (1 + cos(pi (t - w) / (n - w))) / 2
 *   step         factor^floor(e / every)        every 30 epochs, factor 0.1
 *   exponential  factor^e                       factor 0.95
 *   plateau      factor^r, r the times that more than `patience` epochs in a row had no better metric (the one that early stopping
 *                watches, on the validation rows, which it needs)      patience 4, factor 0.1
 * These are torch.optim.lr_scheduler's StepLR, ExponentialLR and ReduceLROnPlateau with threshold 0; its patience of 10 would never
 * be reached before early stopping's. */
typedef enum bp_schedule { BP_CONSTANT, BP_LINEAR, BP_COSINE, BP_STEP, BP_EXPONENTIAL, BP_PLATEAU } bp_schedule;

/* First weights, uniform in (-u, u): he u = sqrt(6 / k), glorot sqrt(6 / (k + n)), lecun sqrt(3 / k); biases 0. auto: he
 * before relu and its kin (leaky_relu, elu, gelu, silu, softplus), glorot before sigmoid and tanh, lecun before identity; where
 * settings.task says regression, whose targets are standardised, the last layer takes a tenth of it: first predictions are near
 * the mean. */
typedef enum bp_init_scheme { BP_INIT_AUTO, BP_INIT_HE, BP_INIT_GLOROT, BP_INIT_LECUN } bp_init_scheme;

/* How good a network is. Early stopping watches one, on the validation rows. auto: the loss. All but the loss count each row
 * once, whatever its weight: shares and errors are of the rows that somebody will see.
 *
 *   loss                            1/m sum w L, in network units
 *   of classes:
 *   accuracy                        share of rows whose most likely class is right
 *   precision, recall, f1           of a class: right answers among the rows taken for it; among its rows; their harmonic mean
 *                                   2 right / (rows taken for it + its rows). 0 where there is nothing to divide by. Here their
 *                                   plain mean (macro) over the classes that a row has or was taken for; weighted_: weighted by
 *                                   the classes' rows
 *   balanced_accuracy               mean of recall over the classes that a row has
 *   auc                             area under the ROC curve of the probabilities that predict gives, by ranks, ties counted half;
 *                                   of several classes each against the others, and the mean over those that some rows have and
 *                                   some do not
 *   log_loss                        mean of -log of the true class's probability; needs a cross-entropy as loss
 *   of numbers, in the target's own unit, over all outputs:
 *   rmse, mae                       root of the mean square, and mean, of the error
 *   r2                              1 - squares of the errors / squares about the mean; mean over outputs
 *   error_5, 25, 50, 75, 95         quantiles of |error|, so many per cent of which are below; between two errors in proportion
 *                                   (Hyndman and Fan's type 7, as numpy)
 *
 * As scikit-learn's functions of these names, with zero_division 0. */
typedef enum bp_metric {
    BP_METRIC_AUTO,
    BP_METRIC_LOSS,
    BP_METRIC_ACCURACY,
    BP_METRIC_RMSE,
    BP_METRIC_MAE,
    BP_METRIC_R2,
    BP_METRIC_BALANCED_ACCURACY,
    BP_METRIC_PRECISION,
    BP_METRIC_RECALL,
    BP_METRIC_F1,
    BP_METRIC_WEIGHTED_PRECISION,
    BP_METRIC_WEIGHTED_RECALL,
    BP_METRIC_WEIGHTED_F1,
    BP_METRIC_AUC,
    BP_METRIC_LOG_LOSS,
    BP_METRIC_ERROR_5,
    BP_METRIC_ERROR_25,
    BP_METRIC_ERROR_50,
    BP_METRIC_ERROR_75,
    BP_METRIC_ERROR_95
} bp_metric;

#define BP_METRICS 20

/* "rmse"; NULL behind the last. Static text. */
BP_API const char *bp_metric_name(int32_t metric);

/* 1 where more is better. */
BP_API int bp_metric_rises(int32_t metric);

/* The order of an epoch. blocks: rows 0 ... 8191 of the data set are a block, the next 8192 another; blocks come in random turns,
 * and the chosen rows of each in random places within it. It is the order for data larger than memory, and means the same in
 * memory. */
typedef enum bp_shuffle { BP_SHUFFLE_FULL, BP_SHUFFLE_NONE, BP_SHUFFLE_BLOCKS } bp_shuffle;

/* How a product of matrices takes its f32 operands: as they are, or rounded to bf16, or split into sums of two or three bf16 terms,
 * t0 = bf16(x), t1 = bf16(x - t0), t2 = bf16(x - t0 - t1), each to nearest, ties to even. Products of terms and their sums are
 * f32's, as the processor's TDPBF16PS makes them on every instruction set: 32 of the summed index at a time, for each 32 of it over
 * the pairs of terms (a's, b's)
 *
 *      bf16     (0,0)                                          error of a product about 4e-3 of sum |a| |b| at most
 *      bf16x2   (1,0) (0,1) (0,0)                              1e-6
 *      bf16x3   (2,0) (1,0) (1,1) (0,1) (0,2) (0,0)            2e-7, as good as f32's own
 *
 * even = the fused multiply-adds over p = 0, 2, ... 30 from +0, odd = those over p = 1, 3, ... 31, sum = sum + (even + odd);
 * what is no multiple of 32 is padded with +0. Infinities become NaN by splitting. Weights, biases, state of the optimizer,
 * activations, loss and sums of gradients are f32 in all of them. */
typedef enum bp_precision { BP_F32, BP_BF16, BP_BF16X2, BP_BF16X3 } bp_precision;

/* How minibatch gradients meet: in buffers of each thread's own, or computed tile by tile by the tiles' owners. */
typedef enum bp_gradient { BP_GRADIENT_AUTO, BP_GRADIENT_BUFFERS, BP_GRADIENT_TILES } bp_gradient;

/* The upper limit on the instruction set: scalar, avx2, avx512 and amx on x86-64, scalar and neon on aarch64. amx is avx512, with
 * tiles for the products of mixed precision. Auto leaves them out where the system does not permit them, and bp_trainer_plan says
 * so. */
typedef enum bp_isa { BP_ISA_AUTO, BP_ISA_SCALAR, BP_ISA_AVX2, BP_ISA_AVX512, BP_ISA_NEON, BP_ISA_AMX } bp_isa;

#define BP_HIDDEN_MAX 64
#define BP_TEXT_MAX 4096

/* Everything that can be chosen, in one place. Fill it by bp_settings_init, then by field or by bp_settings_set; each
 * field's key is its name with '-' for '_'. bp_setting_at lists keys, ranges and defaults. */
typedef struct bp_settings {
    uint64_t size;  /* sizeof(bp_settings), for binaries that are older than the library */
    uint64_t given; /* bit i: bp_settings_set was called for entry i of the table */

    /* data */
    char target[BP_TEXT_MAX];         /* NAME[,NAME] */
    char target_file[BP_TEXT_MAX];    /* path */
    char ignore_columns[BP_TEXT_MAX]; /* NAME[,NAME] */
    char weight_column[BP_TEXT_MAX];  /* NAME */
    char class_weight[BP_TEXT_MAX];   /* "", "balanced", or NAME=W[,NAME=W]; see bp_encoder_fit */
    char group[BP_TEXT_MAX];          /* NAME */
    char categorical[BP_TEXT_MAX];    /* NAME[,NAME] */
    char delimiter[BP_TEXT_MAX];      /* of CSV: "auto", "tab", or a character */
    char missing[BP_TEXT_MAX];        /* of CSV: TEXT[,TEXT] */
    int32_t header;                   /* bp_header */
    int32_t decimal;                  /* of CSV: bp_decimal */
    int32_t scale;                    /* bp_scale */
    int32_t task;                     /* bp_task */
    double validation_split;          /* [0, 1); 0: none */
    uint64_t max_index;               /* highest index of a LIBSVM file */
    uint64_t max_categories;          /* inputs that columns of categories may become, in all */
    int32_t missing_targets;          /* bp_missing_targets */

    /* network */
    uint32_t hidden[BP_HIDDEN_MAX]; /* units of each hidden layer */
    uint32_t hidden_count;
    int32_t activation;  /* bp_activation, of the hidden layers */
    int32_t loss;        /* bp_loss */
    int32_t init_scheme; /* bp_init_scheme */
    double huber_delta;
    double quantile; /* q */

    /* training */
    int32_t optimizer;          /* bp_optimizer */
    int32_t nesterov;           /* 0 or 1 */
    int32_t schedule;           /* bp_schedule; set by text as NAME[:KEY=VALUE,...] with warmup, every, factor, patience */
    uint64_t warmup;            /* updates */
    uint64_t schedule_every;    /* epochs; of step */
    uint64_t schedule_patience; /* epochs; of plateau */
    double schedule_factor;     /* in (0, 1); of step, exponential, plateau; 0: the schedule's own */
    double learning_rate;       /* 0: by optimizer, sgd 0.01, others 0.001 */
    double momentum;
    double beta1;
    double beta2;
    double epsilon;
    double alpha; /* rmsprop */
    double weight_decay;
    double l1;
    double dropout;         /* p in [0, 1): in training each activation of a hidden layer is 0 with probability p, else divided by
                            1 - p, as by torch.nn.Dropout; evaluating and predicting leave it out */
    double label_smoothing; /* e in [0, 1): a training step's targets are (1 - e) y + e / n with cross_entropy of n classes, as by
                               torch.nn.CrossEntropyLoss, (1 - e) y + e / 2 with binary_cross_entropy: in bp_trainer_fit's training
                               rows and its training loss, in _step, trainers_step and _loss. Metrics, the loss of validation rows
                               and of bp_network_evaluate are without it */
    double clip_norm;       /* 0: none; else a gradient (of all W and b together) whose 2-norm N is larger is multiplied by
                            clip_norm / (N + 1e-6), as by torch.nn.utils.clip_grad_norm_; before weight decay */
    uint64_t batch_size;    /* rows of a minibatch; 0: all */
    uint64_t accumulate;    /* minibatches of an update: J is the mean over all of their rows; an epoch's last may have fewer */
    uint64_t epochs;
    uint64_t patience; /* epochs without a better metric; 0: no early stopping */
    int32_t metric;    /* bp_metric */
    int32_t shuffle;   /* bp_shuffle */
    uint64_t seed;

    /* how it is computed: nothing here changes a result, but for precision */
    uint32_t threads; /* an upper limit; 0: as many as the machine, affinity mask and quota give */
    int32_t exact_threads;
    int32_t precision; /* bp_precision */
    int32_t gradient;  /* bp_gradient */
    int32_t isa;       /* bp_isa */
    int32_t reserved;
    uint64_t memory; /* bytes that data may take; 0: as much as the machine and its control groups leave */
} bp_settings;

/* One entry of the settings table; texts are static. */
typedef struct bp_setting {
    const char *key;
    const char *values;  /* "N", "F", "NAME[,NAME...]" or the names to choose from, "a|b|c" */
    const char *initial; /* the default, as text */
    const char *help;
    int32_t fixes_result; /* 1 where the trained network depends on it */
    int32_t reserved;
} bp_setting;

/* Every field at its default. `size` is sizeof(bp_settings). */
BP_API void bp_settings_init(bp_settings *settings, size_t size);

/* Sets one key from text, as on the command line: "learning-rate", "0.01". BP_INVALID names the key, the text and what
 * would be right. */
BP_API bp_status bp_settings_set(bp_settings *settings, const char *key, const char *text, bp_error *error);

/* Writes one key's value as bp_settings_set would read it, NUL-terminated, cut at `capacity`. */
BP_API bp_status bp_settings_get(const bp_settings *settings, const char *key, char *text, size_t capacity, bp_error *error);

/* Entry `index` of the table; NULL behind the last. */
BP_API const bp_setting *bp_setting_at(size_t index);

/* Refuses settings out of range, and settings given by bp_settings_set that have no effect beside the others, such as a
 * momentum for adam. The create functions call it. */
BP_API bp_status bp_settings_check(const bp_settings *settings, bp_error *error);

/* --------------------------------------------------------------------------------------------------------- data set */

typedef enum bp_type { BP_TYPE_U8, BP_TYPE_I32, BP_TYPE_F32, BP_TYPE_F64 } bp_type;

/* A matrix of the caller's. Element (r, c) is at data + r * stride + c * size of the type. */
typedef struct bp_array {
    const void *data;
    int32_t type; /* bp_type */
    int32_t reserved;
    uint64_t rows;
    uint64_t columns;
    uint64_t stride; /* bytes from row to row; 0: columns are contiguous and rows follow each other */
} bp_array;

/* Rows of a data set: indices counted from 0, or all of them where `index` is NULL. */
typedef struct bp_rows {
    const uint64_t *index; /* [count] */
    uint64_t count;        /* where index is NULL: not looked at */
} bp_rows;

/* Columns of inputs, targets and perhaps weights, each in a type of its own, as the file has them. */
typedef struct bp_dataset bp_dataset;

/* What a file that is read has to have. */
typedef enum bp_need {
    BP_NEED_TARGET,  /* a target, and every column that the settings name; the error lists the columns */
    BP_NEED_NOTHING, /* names that no column has are passed over, since a model's may be those of another file */
    BP_NEED_NAMES    /* every column that the settings name, but there may be no target */
} bp_need;

/* Reads a file. By its name: .csv, .tsv, .npy, .libsvm, .svm, *-ubyte or .idx, each also with .gz, and .bpd; "-" is CSV on standard
 * input. Settings used: target, target-file, ignore-columns, weight-column, group, missing-targets, task; for CSV categorical,
 * delimiter, decimal, missing, header, threads; max-index for LIBSVM, memory for .bpd. An IDX file of images finds its labels by
 * name. `need` is a bp_need. A library built with BP_EMBEDDED reads .bpd alone; others are BP_INVALID.
 *
 * Nobody need vouch for the file: counts are held against its length before memory is asked for. At once that is 4 MiB at most and,
 * for each byte of the file (unpacked), 2000 bytes in CSV (columns with hardly a row), 500 in IDX and NPY, 40 in .bpd. In LIBSVM it
 * is 100, and 100 more for each column: an index makes columns up to itself, so it is max-index that bounds what a file of twelve
 * bytes may ask for, 100 MB with 1,000,000. An encoder and a network then take what as many inputs need. */
BP_API bp_status bp_dataset_read(const char *path, const bp_settings *settings, int need, const bp_allocator *allocator,
                                 bp_dataset **result, bp_error *error);

/* A data set over arrays of the caller's, borrowed: they must outlive it. `weight` may be NULL; `y` may be NULL where
 * only predictions are wanted. Columns are named x1, x2, ... and y1, y2, ... */
BP_API bp_status bp_dataset_borrow(const bp_array *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                                   bp_dataset **result, bp_error *error);

BP_API uint64_t bp_dataset_rows(const bp_dataset *dataset);

/* Rows of the file that missing-targets skip left out. */
BP_API uint64_t bp_dataset_skipped(const bp_dataset *dataset);

/* 1 where a .bpd file is larger than settings.memory. The file then stays open, and inputs are read from it in parts, ahead of
 * need, by a thread that lives within one call of fit, apply, evaluate and the like; targets and weights are in memory. Examples of
 * it need their encoder as long as they live; rows to fit an encoder on have to ascend; training shuffles by blocks, or not. */
BP_API int bp_dataset_is_paged(const bp_dataset *dataset);

/* BP_INVALID where bp_trainer_fit would refuse the rows for the order that settings.shuffle asks for: full takes them from
 * everywhere, so that none of a paged data set would be at hand. Before the encoder's passes over it. */
BP_API bp_status bp_dataset_check_shuffle(const bp_dataset *dataset, const bp_settings *settings, bp_error *error);

/* One column: its name, and for a column of categories how many there are. Static while the data set lives. */
typedef struct bp_column_info {
    const char *name;
    int32_t role;        /* 0 input, 1 target, 2 weight, 3 not used */
    int32_t categorical; /* 1: categories, 0: numbers */
    int32_t type;        /* bp_type in memory; of categories, that of their codes */
    int32_t has_missing; /* 1 where a value is missing */
    uint64_t categories; /* how many */
} bp_column_info;

BP_API uint64_t bp_dataset_columns(const bp_dataset *dataset);
BP_API bp_status bp_dataset_column(const bp_dataset *dataset, uint64_t column, bp_column_info *result, bp_error *error);

/* A category's text; NULL behind the last, or in a column of numbers. Static while the data set lives. */
BP_API const char *bp_dataset_category(const bp_dataset *dataset, uint64_t column, uint64_t category);

#define BP_FREQUENT 5

/* What a column holds, over all rows. */
typedef struct bp_column_summary {
    uint64_t missing;
    double low; /* of numbers that are there, else NaN */
    double high;
    double mean;
    double deviation;
    uint64_t rare;                       /* categories that one row has */
    uint64_t frequent[BP_FREQUENT];      /* the categories that most rows have, the most frequent first */
    uint64_t frequent_rows[BP_FREQUENT]; /* how many */
    uint64_t frequent_count;
    uint64_t inputs;  /* what it would become by bp_encoder_fit; 0 for what is no input */
    int32_t constant; /* 1: no two rows differ */
    int32_t unique;   /* 1: whole numbers or categories of which no two are the same: an identifier, perhaps */
} bp_column_summary;

/* summaries [columns]. Time goes with the values, but for whole numbers that may be unique, which are sorted. `threads` is an upper
 * limit; 0: as many as the machine gives. */
BP_API bp_status bp_dataset_summarise(const bp_dataset *dataset, uint32_t threads, const bp_allocator *allocator,
                                      bp_column_summary *summaries, bp_error *error);

/* The text of one field, as it would stand in a CSV file without quotes; cut at `capacity`, NUL-terminated. */
BP_API bp_status bp_dataset_text(const bp_dataset *dataset, uint64_t row, uint64_t column, char *text, size_t capacity,
                                 bp_error *error);

/* Writes a .bpd file (docs/bpd-format.md): all columns with their types, names and categories, as they were read, and
 * which of them are targets. Read again it is the same data set. Replaced atomically and durably, or left as it
 * was. */
BP_API bp_status bp_dataset_pack(const bp_dataset *dataset, const char *path, bp_error *error);
BP_API void bp_dataset_free(bp_dataset *dataset);

typedef struct bp_pack_counts {
    uint64_t rows;
    uint64_t columns;
} bp_pack_counts;

/* The same from file to file, byte for byte what bp_dataset_read with BP_NEED_NAMES and bp_dataset_pack write. A CSV file is read
 * in parts, so that memory holds a few thousand rows and each column's categories, however many rows there are, but for the text of
 * one that comes through gzip or a pipe, and for settings.missing_targets skip; so is an NPY file of C order; data of other kinds
 * are in memory whole. *result, unless NULL, is filled once all has been read: a BP_IO after that is the new file's. BP_INVALID
 * with BP_EMBEDDED. */
BP_API bp_status bp_pack(const char *data, const bp_settings *settings, const char *path, const bp_allocator *allocator,
                         bp_pack_counts *result, bp_error *error);

/* Splits rows of `dataset` (ascending) in training and validation rows by settings.validation_split and seed,
 * stratified by class where the target is text, integers of a format whose integers are classes (IDX), or settings.task
 * says classes. Both are written in ascending order: training [rows], validation [rows]; the counts say how many each
 * got. Every class keeps a row to train on, and each side has a row where there are two. With settings.group whole groups go to
 * either side, and classes are not looked at. */
BP_API bp_status bp_dataset_split(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, uint64_t *training,
                                  uint64_t *training_count, uint64_t *validation, uint64_t *validation_count, bp_error *error);

#define BP_FOLDS_MAX 1000

/* fold [rows]: which of 2 ... BP_FOLDS_MAX folds, counted from 0, each row is in, by seed; stratified as above, sizes differ by one
 * row at most. With settings.group, groups stay whole: large ones first, each goes to the fold with the fewest rows. */
BP_API bp_status bp_dataset_folds(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds, uint32_t *fold,
                                  bp_error *error);

/* ---------------------------------------------------------------------------------------------------------- encoder */

/* What turns columns into a network's numbers: types, categories, means and scales, class names. Fitted on training rows
 * only, kept in the model file. */
typedef struct bp_encoder bp_encoder;

typedef struct bp_encoder_info {
    int32_t task; /* bp_task, never auto */
    int32_t reserved;
    uint32_t inputs;  /* of the network: bp_encoder_input names them */
    uint32_t outputs; /* of the network: one per target, one per class; one for two classes */
    uint32_t classes; /* 0 in a regression */
    uint32_t targets; /* target columns */
} bp_encoder_info;

/* Settings used: scale, task, class-weight, max-categories, threads, and loss, which poisson's targets are not scaled for. A number
 * becomes (x - mean) / scale, computed in double and rounded once to f32; columns of LIBSVM are divided by their largest magnitude.
 * A category becomes an input of its own, 1 or 0, where at least two of the rows have it; those that one row has share the
 * input "NAME=other", into which categories fall that were not seen here. Where rows lack a value, its column has an input
 * "NAME=missing"; the mean stands for the number. BP_BAD_FILE names the row of a target or weight that is missing.
 *
 * An example weighs its own weight times its class's, scaled once so that the mean over the rows given here is 1. class-weight
 * balanced is n / (classes x rows of the class), n rows in all, whatever the examples weigh (scikit-learn's compute_class_weight);
 * classes that a list does not name weigh 1. Weights of both kinds count wherever the encoder is applied with targets: in the loss
 * of validation rows and of bp_network_evaluate too, and in no other metric. BP_INVALID for a class-weight of a regression, and for
 * a class that there is not: names those that there are. */
BP_API bp_status bp_encoder_fit(const bp_dataset *dataset, bp_rows rows, const bp_settings *settings, const bp_allocator *allocator,
                                bp_encoder **result, bp_error *error);

/* An upper limit on the threads that apply it; 0: as many as the machine gives. As the settings said after fitting, 1 after
 * loading. The bits are the same. */
BP_API void bp_encoder_set_threads(bp_encoder *encoder, uint32_t threads);

BP_API void bp_encoder_describe(const bp_encoder *encoder, bp_encoder_info *info);

/* What auto and "all" become for data of this encoder and so many training rows: task, loss, batch_size. bp_settings_check may
 * refuse what has come of them. */
BP_API void bp_encoder_settle(const bp_encoder *encoder, uint64_t training_rows, bp_settings *settings);

/* A class's name; NULL behind the last, or in a regression. Static while the encoder lives. */
BP_API const char *bp_encoder_class(const bp_encoder *encoder, uint32_t index);

/* Input columns of the data set, each of which becomes one network input or more. */
BP_API uint32_t bp_encoder_columns(const bp_encoder *encoder);

/* A network input's name: the column's, or "column=category", "column=missing", "column=other". Static while the encoder lives. */
BP_API const char *bp_encoder_input(const bp_encoder *encoder, uint32_t index);

/* A target column's name. Static while the encoder lives. */
BP_API const char *bp_encoder_target(const bp_encoder *encoder, uint32_t index);

/* y [m, outputs] from network units to the target's own, in place; nothing is done to classes. */
BP_API void bp_encoder_decode(const bp_encoder *encoder, uint64_t m, double *y);
BP_API void bp_encoder_free(bp_encoder *encoder);

/* Rows as a network sees them: inputs x in u8 or f32, targets and weights in f32. */
typedef struct bp_examples bp_examples;

/* Applies the encoder to all rows of a data set, columns found by name. Bytes that only need dividing stay bytes in the
 * data set's memory, which must then outlive the examples; so it must always outlive them. `with_targets` 0: y is left
 * out; else one that is missing is BP_BAD_FILE, as is a class never seen in fitting. See bp_examples_strange for inputs. */
BP_API bp_status bp_encoder_apply(const bp_encoder *encoder, const bp_dataset *dataset, int with_targets,
                                  const bp_allocator *allocator, bp_examples **result, bp_error *error);

/* Values of inputs that fitting gave no place of their own. */
typedef struct bp_strange {
    uint64_t missing;    /* values, of columns that had none missing: a number is the mean, a category "other" or all zeros */
    uint64_t categories; /* never seen, of columns without "other": all zeros */
} bp_strange;
BP_API void bp_examples_strange(const bp_examples *examples, bp_strange *result);

/* Examples over arrays of the caller's, already in network units, borrowed: x [rows, inputs] f32 or u8 (then divided by
 * 255), y [rows, outputs] f32 or NULL, weight [rows, 1] f32 or NULL. Weights are scaled to mean 1. */
BP_API bp_status bp_examples_borrow(const bp_array *x, const bp_array *y, const bp_array *weight, const bp_allocator *allocator,
                                    bp_examples **result, bp_error *error);

/* A matrix that is mostly 0, by rows: entries first[r] ... first[r + 1] - 1 are row r's, in ascending order of their columns, which
 * count from 0. What is left out is 0. */
typedef struct bp_csr {
    const uint64_t *first;  /* [rows + 1] */
    const uint32_t *column; /* [first[rows]] */
    const float *value;     /* [first[rows]] */
    uint64_t rows;
    uint64_t columns;
} bp_csr;

/* The same with sparse x: the first layer's products then cost as much as the entries that there are. Results have the bits of the
 * same matrix with its zeros. */
BP_API bp_status bp_examples_borrow_sparse(const bp_csr *x, const bp_array *y, const bp_array *weight,
                                           const bp_allocator *allocator, bp_examples **result, bp_error *error);
BP_API uint64_t bp_examples_rows(const bp_examples *examples);

/* One row as the network sees it: x [inputs], y [outputs]; either may be NULL. BP_INVALID where there is no such row, or
 * y is asked for and there is none. */
BP_API bp_status bp_examples_row(const bp_examples *examples, uint64_t row, float *x, float *y, bp_error *error);
BP_API void bp_examples_free(bp_examples *examples);

/* ---------------------------------------------------------------------------------------------------------- network */

/* Layers of weights W [k, n] and biases b [n]; hidden layers with the settings' activation, the last one with none. */
typedef struct bp_network bp_network;

/* A network inputs - hidden... - outputs with first weights by init_scheme and seed. Settings used: hidden, activation,
 * loss, huber-delta, quantile, task, init-scheme, seed. */
BP_API bp_status bp_network_create(const bp_settings *settings, uint32_t inputs, uint32_t outputs, const bp_allocator *allocator,
                                   bp_network **result, bp_error *error);
BP_API void bp_network_free(bp_network *network);

typedef struct bp_layer_info {
    uint32_t inputs;    /* k */
    uint32_t outputs;   /* n */
    int32_t activation; /* bp_activation */
    int32_t reserved;
} bp_layer_info;

/* Layers are counted from 0. */
BP_API uint32_t bp_network_layers(const bp_network *network);
BP_API bp_status bp_network_layer(const bp_network *network, uint32_t layer, bp_layer_info *result, bp_error *error);
BP_API bp_loss bp_network_loss(const bp_network *network);
BP_API double bp_network_loss_shape(const bp_network *network);      /* huber's delta, quantile's q; else 0 */
BP_API bp_precision bp_network_precision(const bp_network *network); /* see bp_trainer_create */
BP_API uint64_t bp_network_parameters(const bp_network *network);    /* weights and biases */

/* Copies: W [k, n], b [n]; either may be NULL. Not while a trainer steps this network. After bp_network_set call
 * bp_trainer_sync on a trainer that holds the network. */
BP_API bp_status bp_network_get(const bp_network *network, uint32_t layer, float *W, float *b, bp_error *error);
BP_API bp_status bp_network_set(bp_network *network, uint32_t layer, const float *W, const float *b, bp_error *error);

/* A model file: safetensors, readable by torch's load_state_dict; see docs/model-format.md. The encoder may be NULL; so
 * may the settings, which are kept as metadata where they fix the result. Replaced atomically and durably, or left as it
 * was. */
BP_API bp_status bp_model_save(const char *path, const bp_network *network, const bp_encoder *encoder, const bp_settings *settings,
                               bp_error *error);

/* Any of the three results may be NULL; the whole file is checked all the same. A model without an encoder gives *encoder =
 * NULL. `settings` comes from bp_settings_init; what the file says is set in it, and `given` stays. Reading a model or a checkpoint
 * asks for 1 MiB and 400 bytes for each of the file's at most: most of that is the tree of a header of many small entries. */
BP_API bp_status bp_model_load(const char *path, const bp_allocator *allocator, bp_network **network, bp_encoder **encoder,
                               bp_settings *settings, bp_error *error);

/* The same from bytes in memory. */
BP_API bp_status bp_model_parse(const void *bytes, size_t size, const bp_allocator *allocator, bp_network **network,
                                bp_encoder **encoder, bp_settings *settings, bp_error *error);

/* Python source of the equal torch.nn.Sequential, of the scaling around it, and of a predict function, in the caller's
 * buffer, NUL-terminated, cut at `capacity`. The encoder may be NULL. Returns the length of the whole. */
BP_API size_t bp_model_pytorch(const bp_network *network, const bp_encoder *encoder, char *text, size_t capacity);

/* The model in another form, by the end of the path's name; see docs/export.md. Replaced as bp_model_save does it.
 *   .c             C99 source, with the bits of bp_network_predict and the encoder's. All identifiers begin with `prefix`,
 *                  NULL: the file's name made an identifier
 *   .npz           arrays for NumPy: W1 [inputs, outputs], b1 [outputs], W2, ... in f32; the encoder's mean, scale and the like in
 *                  f64
 *   .onnx          a graph of operator set 13, with what the encoder does to numbers before and after it
 *   .safetensors   what bp_model_save writes; the settings, which may be NULL, are for it alone, and prefix is NULL
 * The encoder may be NULL. BP_INVALID for another end, for a prefix that is no identifier, and for .npz with BP_EMBEDDED. */
BP_API bp_status bp_model_export(const char *path, const bp_network *network, const bp_encoder *encoder,
                                 const bp_settings *settings, const char *prefix, bp_error *error);

/* What predicting needs besides the network: activations of a block of rows for each of `threads` threads, 65536 at most (0:
 * as many as the machine gives). It serves every network of the same layers and precision; one for each caller's thread. */
typedef struct bp_workspace bp_workspace;
BP_API bp_status bp_workspace_create(const bp_network *network, uint32_t threads, bp_isa isa, const bp_allocator *allocator,
                                     bp_workspace **result, bp_error *error);
BP_API void bp_workspace_free(bp_workspace *workspace);

/* y [m, outputs] from x [m, inputs], both in network units: softmax or logistic applied where the loss has it. A row has
 * the same bits alone or among others. Any m. x and y may not overlap. */
BP_API bp_status bp_network_predict(const bp_network *network, bp_workspace *workspace, uint64_t m, const float *x, float *y,
                                    bp_error *error);

/* The same for chosen rows of examples: y [rows, outputs]. */
BP_API bp_status bp_network_predict_rows(const bp_network *network, bp_workspace *workspace, const bp_examples *examples,
                                         bp_rows rows, float *y, bp_error *error);

/* The class that a row's prediction y [outputs] stands for, counted from 0: of one output the second where y is above one half, of
 * several the first of the largest. All metrics of classes go by it. */
BP_API uint32_t bp_predicted_class(const float *y, uint32_t outputs);

typedef struct bp_metrics {
    uint64_t rows;
    double loss;     /* 1/m sum w L, in network units */
    double accuracy; /* of classes, else NaN: share of rows whose most likely class is right */
    double rmse;     /* of numbers, else NaN, as mae and r2: in the target's own unit, over all outputs */
    double mae;
    double r2;                /* mean over outputs; NaN where a target is constant */
    double baseline_accuracy; /* of the rows' majority class */
    double baseline_rmse;     /* of the rows' mean */
    double watched;           /* by a fit, whose settings.metric it is; else NaN */
} bp_metrics;

/* Metrics over chosen rows. Targets are classes where the loss is a cross-entropy or the examples' encoder has classes, else
 * numbers. `encoder` gives the target's unit; NULL: network units. BP_INVALID where it is not for as many
 * inputs and outputs as the network has. */
BP_API bp_status bp_network_evaluate(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                                     const bp_examples *examples, bp_rows rows, bp_metrics *result, bp_error *error);

/* Every metric, of a model and of the best constant answer to the same rows, indexed by bp_metric; NaN where there is none.
 * The constant is the one that the rows themselves ask for, so that nothing beats it by chance: the majority class, for auc and
 * log_loss the shares of the classes; the mean for rmse and r2, the median for mae and the quantiles. It has no loss. */
typedef struct bp_scores {
    double model[BP_METRICS];
    double baseline[BP_METRICS];
} bp_scores;

/* One class; of outputs that answer a question each, one output's yes. */
typedef struct bp_class_scores {
    uint64_t rows;      /* that have it */
    uint64_t predicted; /* that are taken for it */
    uint64_t right;     /* both */
    double precision, recall, f1, auc;
    double baseline_precision, baseline_recall, baseline_f1;
} bp_class_scores;

/* One output of numbers, by what bp_metric says of them. */
typedef struct bp_number_scores {
    double rmse, mae, r2, quantile[5]; /* of |error|: 5, 25, 50, 75, 95 per cent */
    double mean_error;                 /* of prediction - target: what it is off by on the whole */
    double mean, median;               /* of the targets */
    double baseline_rmse, baseline_mae, baseline_quantile[5];
} bp_number_scores;

/* Chosen rows judged by everything that there is. Classes take 8 bytes a row; and while it is made, 16 more and 4 for each output,
 * numbers 32 for each output. bp_network_evaluate takes next to nothing. */
typedef struct bp_evaluation bp_evaluation;
BP_API bp_status bp_evaluation_create(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                                      const bp_examples *examples, bp_rows rows, const bp_allocator *allocator,
                                      bp_evaluation **result, bp_error *error);
BP_API void bp_evaluation_free(bp_evaluation *evaluation);

BP_API void bp_evaluation_metrics(const bp_evaluation *evaluation, bp_metrics *result); /* as bp_network_evaluate's */
BP_API void bp_evaluation_scores(const bp_evaluation *evaluation, bp_scores *result);

/* 0 in a regression. A network with one output for yes and no has two, no being the first. */
BP_API uint32_t bp_evaluation_classes(const bp_evaluation *evaluation);
BP_API bp_status bp_evaluation_class(const bp_evaluation *evaluation, uint32_t index, bp_class_scores *result, bp_error *error);

/* counts [classes, classes]: rows of the class of the line, taken for the class of the column. BP_INVALID in a regression, and
 * of outputs that answer a question each. */
BP_API bp_status bp_evaluation_confusion(const bp_evaluation *evaluation, uint64_t *counts, bp_error *error);

/* Outputs of numbers; 0 of classes. */
BP_API uint32_t bp_evaluation_outputs(const bp_evaluation *evaluation);
BP_API bp_status bp_evaluation_output(const bp_evaluation *evaluation, uint32_t index, bp_number_scores *result, bp_error *error);

/* What one input column is worth. */
typedef struct bp_importance {
    const char *column; /* static while the encoder lives */
    double mean;        /* of the repeats: by how much the metric is worse */
    double deviation;   /* of the repeats, by n - 1; NaN of one */
    uint64_t place;     /* of the column among the inputs, from 0 */
} bp_importance;

/* Permutation importance on chosen rows, which should not be the training rows: a column's values are dealt out anew among the rows
 * `repeats` times, by seed, and the metric (BP_METRIC_AUTO: accuracy, or r2) is looked at again. All that is encoded from a column
 * moves together; of two columns that say the same, each seems dispensable. result [bp_encoder_columns], the most important first;
 * score, which may be NULL, gets the metric as it is. Takes 4 bytes for each row and network input, and repeats x columns
 * evaluations. */
BP_API bp_status bp_network_importance(const bp_network *network, bp_workspace *workspace, const bp_encoder *encoder,
                                       const bp_examples *examples, bp_rows rows, int32_t metric, uint32_t repeats, uint64_t seed,
                                       const bp_allocator *allocator, bp_importance *result, double *score, bp_error *error);

/* ---------------------------------------------------------------------------------------------------------- trainer */

/* Trains a network in place; the network is borrowed and must outlive the trainer. Settings used: training and how. */
typedef struct bp_trainer bp_trainer;

/* Bytes that bp_trainer_create carves, for those who bring the memory. */
BP_API bp_status bp_trainer_size(const bp_network *network, const bp_settings *settings, size_t *bytes, bp_error *error);

/* `memory` [bytes] at a multiple of 64, the caller's and to outlive the trainer, or NULL: the allocator's. A minibatch has
 * settings.batch_size rows at most (0 is refused here: say how many rows "all" are; lbfgs and rprop do not look at it). The
 * settings' dropout becomes the network's, whose model file names its modules by it, and so does their precision: it is predicted
 * with and evaluated in the precision in which it was trained last, and its model file says so. */
BP_API bp_status bp_trainer_create(bp_network *network, const bp_settings *settings, void *memory, size_t bytes,
                                   const bp_allocator *allocator, bp_trainer **result, bp_error *error);
BP_API void bp_trainer_free(bp_trainer *trainer);

/* One step on a minibatch of the caller's: forward, loss, backward, update. m may be less than batch_size: x [m, inputs],
 * y [m, outputs], weight [m] or NULL, as they are used once, 1/m sum w L. With accumulate, m is up to accumulate x batch_size,
 * taken batch_size rows at a time. J may be NULL. BP_DIVERGED: a loss that is not finite has not been used for an update. */
BP_API bp_status bp_trainer_step(bp_trainer *trainer, uint64_t m, const float *x, const float *y, const float *weight, double *J,
                                 bp_error *error);

/* One trainer's part in a call of bp_trainers_step, and what came of it. Arrays are borrowed for the call. */
typedef struct bp_turn {
    bp_trainer *trainer;
    const float *x;      /* [rows, inputs] */
    const float *y;      /* [rows, outputs] */
    const float *weight; /* [rows] as they are, or NULL */
    uint64_t rows;       /* any number: taken accumulate x batch_size at a time, in their order, each such part one step */
    double J;            /* written where status is BP_OK: 1/rows sum w L, of each row before its own step's update */
    int32_t status;      /* written: bp_status */
    int32_t reserved;
} bp_turn;

/* Steps many trainers, each with the bits that bp_trainer_step gives it. Networks are partitioned over the threads and each is
 * stepped by one thread, whatever its own settings say of threads. One parallel region a call; what takes less than some 100 us
 * in all stays on the caller's thread, and so does a call inside a parallel region of the caller's.
 *
 *   turns    [count]  no two of them with the same trainer, or with trainers of the same network; x and y may be shared
 *   threads  at most so many, at least 1; see bp_machine_threads
 *
 * Every turn is taken, whatever came of the others; one that fails stops at its own failure, as bp_trainer_step does. The result
 * is BP_OK where all are; else the first turn's that is not, in their order, with its error, whose text begins "turn 3 of
 * 1000:", counted from 1. A trainer of the parent's in a child of fork is BP_FORKED, of the child's own is stepped, on one
 * thread. BP_INVALID for threads 0: then no turn is taken and none written. Not while another call uses one of the trainers. */
BP_API bp_status bp_trainers_step(bp_turn *turns, uint64_t count, uint32_t threads, bp_error *error);

/* The largest team that makes sense in this process, which threads = 0 in the settings stands for: a thread for each physical
 * core in the affinity mask, and no more than the container's quota. `reason` gets which of them it was, NUL-terminated, cut
 * at `capacity`; may be NULL where capacity is 0. Takes milliseconds: ask once. */
BP_API uint32_t bp_machine_threads(char *reason, size_t capacity);

/* The same in parts, for those who have a loss of their own; parts give the bits of the whole.
 *   forward    y_hat [m, outputs] is the last layer's z, before any softmax; may be NULL
 *   loss       the network's own, of the rows given to forward; weight and J may be NULL
 *   backward   d_y_hat [m, outputs] is dL/dy^ of each example, not divided by m, or NULL after bp_trainer_loss;
 *              d_x [m, inputs] gets dL/dx of each example; may be NULL. A second backward replaces the first.
 *   gradient   dJ/dW [k, n] and dJ/db [n] of one layer, read and replaced; either may be NULL
 *   update     clipping, and one step of the optimizer; rate <= 0: the settings' rate and schedule
 * With dropout each forward is a minibatch of its own and draws anew. They are refused with accumulate, which would have to hold
 * what callers can add for themselves by gradient_get and _set. BP_DIVERGED: after loss there is nothing to go back from; after
 * backward the gradient and d_x can be looked at, and the gradient replaced; after update the weights hold what is not finite. */
BP_API bp_status bp_trainer_forward(bp_trainer *trainer, uint64_t m, const float *x, float *y_hat, bp_error *error);
BP_API bp_status bp_trainer_loss(bp_trainer *trainer, const float *y, const float *weight, double *J, bp_error *error);
BP_API bp_status bp_trainer_backward(bp_trainer *trainer, const float *d_y_hat, float *d_x, bp_error *error);
BP_API bp_status bp_trainer_gradient_get(const bp_trainer *trainer, uint32_t layer, float *dW, float *db, bp_error *error);
BP_API bp_status bp_trainer_gradient_set(bp_trainer *trainer, uint32_t layer, const float *dW, const float *db, bp_error *error);
BP_API bp_status bp_trainer_update(bp_trainer *trainer, double rate, bp_error *error);

/* Takes up weights that bp_network_set has changed. */
BP_API void bp_trainer_sync(bp_trainer *trainer);

/* target = (1 - tau) target + tau network, tau in (0, 1]; 1 copies. For readers that predict while training goes on, and
 * for soft targets. The two networks have the same layers. */
BP_API bp_status bp_trainer_publish(const bp_trainer *trainer, double tau, bp_network *target, bp_error *error);

/* Where a fit stands. */
typedef struct bp_progress {
    uint64_t epoch;        /* finished epochs */
    uint64_t step;         /* finished steps, of all epochs */
    uint64_t examples;     /* rows used, of all epochs */
    uint64_t epochs;       /* as the settings say */
    uint64_t steps;        /* of one epoch */
    uint64_t rows;         /* of one epoch */
    double seconds;        /* since the fit began or was resumed */
    double train_loss;     /* mean over the rows of this epoch so far; at an epoch's end, of it */
    double learning_rate;  /* of the last update; 0 before the first; of lbfgs: the step length, of rprop: 0 */
    bp_metrics validation; /* of the last finished epoch; when early stopping is done, of the best; rows 0: none */
    uint64_t best_epoch;   /* counted from 1; 0: none yet */
} bp_progress;

/* Both may be NULL; a non-zero answer stops the fit as bp_trainer_cancel does. `epoch` is called after each epoch, `pause`
 * after every pause_steps steps or pause_seconds seconds (0: not by this), but never with lbfgs and rprop, whose update ends an
 * epoch. Both may call bp_trainer_checkpoint. */
typedef struct bp_callbacks {
    void *context;
    int (*epoch)(void *context, const bp_progress *progress);
    int (*pause)(void *context, const bp_progress *progress);
    uint64_t pause_steps;
    double pause_seconds;
} bp_callbacks;

/* Trains for settings.epochs on the training rows, each epoch in an order of its own by seed. With validation examples, metrics
 * follow each epoch, training stops after `patience` epochs without a better one, and the best weights are restored. Goes on where
 * a resumed trainer stands. `encoder` gives the metrics' unit; it, validation, callbacks and result may be NULL. BP_DIVERGED: the
 * network holds the weights of the last epoch's end (the first weights before any), and fit and checkpoint of this trainer are
 * refused from then on. BP_CANCELLED: the network is as far as it came, and bp_trainer_checkpoint can save it exactly; with
 * accumulate a fit stops and pauses between updates alone. *result is written with these two as well. */
BP_API bp_status bp_trainer_fit(bp_trainer *trainer, const bp_encoder *encoder, const bp_examples *training, bp_rows training_rows,
                                const bp_examples *validation, bp_rows validation_rows, const bp_callbacks *callbacks,
                                bp_progress *result, bp_error *error);

/* Asks a running fit to stop after its step. From any thread, and from a signal handler. */
BP_API void bp_trainer_cancel(bp_trainer *trainer);

/* Everything that training depends on, for a later process: weights, optimizer state, counters, best weights,
 * fingerprints of the data and the settings that fix the result. During or after a fit. */
BP_API bp_status bp_trainer_checkpoint(const bp_trainer *trainer, const char *path, bp_error *error);

/* Takes it up, before bp_trainer_fit; weights that the network had give way to the checkpoint's. BP_INVALID names the first setting
 * that differs; fit refuses other training rows, other validation rows and an encoder of other names, categories or scales.
 * Checkpoints from version 4 on, which the first release writes, can be resumed by it and all later ones; one of a newer version is
 * BP_BAD_FILE. */
BP_API bp_status bp_trainer_resume(bp_trainer *trainer, const char *path, bp_error *error);

/* How steps are computed, and why, as text in the caller's buffer, cut at `capacity`. Returns the length of the whole. */
BP_API size_t bp_trainer_plan(const bp_trainer *trainer, char *text, size_t capacity);
BP_API uint32_t bp_trainer_threads(const bp_trainer *trainer); /* of the team; a fit steps on one while that is faster */
BP_API const char *bp_trainer_isa(const bp_trainer *trainer);  /* "avx512"; static text */

/* ---------------------------------------------------------------------------------------------- folds and trials */

/* What training without one fold, and judging on it, came to. */
typedef struct bp_fold_result {
    uint64_t training_rows;
    uint64_t validation_rows; /* of the other folds, for early stopping */
    uint64_t test_rows;       /* of this fold */
    uint64_t epochs;
    uint64_t best_epoch; /* counted from 1; 0: no validation rows */
    double seconds;
    bp_scores scores; /* on the test rows */
} bp_fold_result;

/* Cross-validation: for each fold of bp_dataset_folds a network of its own is trained on the other folds' rows and judged on this
 * one's. Everything is made of the other folds' rows alone: encoder, validation split, early stopping. Each has the bits that it
 * has alone, whatever runs beside it. `settings` are those of bp_trainer_fit, with task and loss by the target where they are auto,
 * and batch_size 0 for all training rows. Folds are trained side by side where that is sooner done than with a team for each, on
 * settings.threads (0: as many as the machine gives); the allocator is then called on all of them, and there is an encoded copy of
 * the data for each. result [folds]. The error of a fold begins with "fold 2 of 5:". */
BP_API bp_status bp_cross_validate(const bp_dataset *dataset, const bp_settings *settings, uint32_t folds,
                                   const bp_allocator *allocator, bp_fold_result *result, bp_error *error);

/* A mean and its standard error, the deviation (by n - 1) divided by sqrt(n); NaN of none, and the error of one. */
typedef struct bp_mean {
    double mean;
    double error;
} bp_mean;

/* Over the folds that have the metric. `baseline` may be NULL. */
BP_API void bp_folds_mean(const bp_fold_result *fold, uint32_t folds, int32_t metric, bp_mean *model, bp_mean *baseline);

#define BP_TRIALS_MAX 10000

/* One trial of a search, and how far it came. */
typedef struct bp_trial {
    uint32_t number; /* from 1, as they were drawn */
    uint32_t rung;   /* the last that it trained in, from 1 */
    int32_t status;  /* BP_OK or BP_DIVERGED */
    uint32_t hidden_count;
    uint32_t hidden[BP_HIDDEN_MAX];
    double learning_rate;
    double weight_decay;
    double dropout;
    uint64_t epochs;
    uint64_t best_epoch; /* counted from 1; 0: none */
    double watched; /* settings.metric on the validation rows: at its best epoch; with patience 0, as of its network, at the last */
    double seconds;
} bp_trial;

/* Searches settings by successive halving: all trials train for a few epochs, the better third of them goes on to three times as
 * many, and so on, until the last has settings.epochs; early stopping holds as in bp_trainer_fit. Trial 1 is the settings as they
 * are. The others draw by seed what bp_settings_set has not been given: hidden (1 to 3 layers of 16 ... 256 units), learning_rate
 * (the optimizer's own / 10 ... * 10), weight_decay (0, 1e-6 ... 1e-2) and dropout (0 ... 0.5). The network is to the bit what
 * training with its settings alone gives. Trials are trained side by side as the folds of bp_cross_validate are; at most a third of
 * them, or one, and one more for each thread have a network and a trainer at a time. A trial that diverges is out; where all do
 * that are in the last rung, the best of those that were out before trains as long in their place, and so on. BP_DIVERGED: all
 * have.
 *
 *   result  [trials], best first, those that have diverged last
 *   best    the winner's settings, with task, loss, and batch size as they were used; with patience 0, metric is auto */
BP_API bp_status bp_tune(const bp_settings *settings, const bp_encoder *encoder, const bp_examples *examples, bp_rows training,
                         bp_rows validation, uint32_t trials, const bp_allocator *allocator, bp_trial *result, bp_settings *best,
                         bp_network **network, bp_error *error);

/* ---------------------------------------------------------------------------------------------- trace and gradcheck */

/* One layer of one example, in double: vectors [n], dL_dW [k, n]. */
typedef struct bp_trace_layer {
    uint32_t inputs;  /* k */
    uint32_t outputs; /* n */
    const double *z;
    const double *a;
    const double *dL_da;
    const double *dL_dz;
    const double *dL_dW;
    const double *dL_db;
} bp_trace_layer;

/* Forward and backward pass of one example by the reference, with all that it computes on the way. */
typedef struct bp_trace bp_trace;
BP_API bp_status bp_trace_create(const bp_network *network, const float *x, const float *y, const bp_allocator *allocator,
                                 bp_trace **result, bp_error *error);
BP_API double bp_trace_loss(const bp_trace *trace);
BP_API bp_status bp_trace_at(const bp_trace *trace, uint32_t layer, bp_trace_layer *result, bp_error *error);
BP_API void bp_trace_free(bp_trace *trace);

/* Relative errors |u - v| / max(|u|, |v|, floor) of one layer's dJ/dW and dJ/db, the largest; floor is 1e-3 times the layer's
 * largest entry, so that rounding in entries that cancel to nothing does not count. */
typedef struct bp_gradcheck_layer {
    double engine;      /* f32 engine against the reference */
    double differences; /* reference against central differences */
    uint64_t checked;   /* entries compared with differences */
    uint64_t skipped;   /* entries left out: a ReLU changed sides within the difference */
} bp_gradcheck_layer;

/* Over one minibatch of the caller's, m <= settings.batch_size; layers [bp_network_layers]. At most `entries` parameters of
 * each layer are compared with differences, evenly spread; 0: all. */
BP_API bp_status bp_gradcheck(bp_network *network, const bp_settings *settings, uint64_t m, const float *x, const float *y,
                              uint64_t entries, const bp_allocator *allocator, bp_gradcheck_layer *layers, bp_error *error);

#ifdef __cplusplus
}
#endif

#endif
