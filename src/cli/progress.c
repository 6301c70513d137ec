/* The progress line: one line on a terminal, redrawn.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"

#define LINE_MAX_SHOWN 256

bool bp_progress_wanted(const bp_arguments *arguments)
{
    const char *terminal = getenv("TERM");

    if (arguments->option[BP_OPTION_QUIET] || arguments->option[BP_OPTION_NO_PROGRESS] || !isatty(STDERR_FILENO))
        return false;
    return !terminal || strcmp(terminal, "dumb") != 0; /* such a one cannot clear a line */
}

/* A line that is wrapped cannot be redrawn. */
static int columns(void)
{
    struct winsize size = {.ws_col = 0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : LINE_MAX_SHOWN;
}

double bp_progress_rate(const bp_progress *progress, const bp_progress *first)
{
    double seconds = progress->seconds - first->seconds;
    return seconds > 0 ? (double)(progress->examples - first->examples) / seconds : 0;
}

/* "1:05:09", "5:09" */
static void print_time(double seconds, char text[32])
{
    unsigned long whole = seconds < 1e9 ? (unsigned long)seconds : 999999999UL;

    if (whole >= 3600)
        snprintf(text, 32, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, 32, "%lu:%02lu", whole / 60, whole % 60);
}

/* With a part of the running one, unless its rows are gone through more than once: an iteration of lbfgs does. */
static double epochs_done(const bp_progress *progress)
{
    double whole = (double)progress->epoch, passes = progress->rows ? (double)progress->examples / (double)progress->rows : 0.0;
    return passes <= whole + 1.0 ? passes : whole;
}

void bp_progress_draw(const bp_progress *progress, const bp_progress *first, bp_task task)
{
    double rate = bp_progress_rate(progress, first);
    double done = epochs_done(progress), all = (double)progress->epochs * (double)progress->rows;
    double left = rate > 0 ? (all - done * (double)progress->rows) / rate : 0;
    const bp_metrics *validation = &progress->validation;
    char time[32], metric[64] = "", line[LINE_MAX_SHOWN];

    print_time(left, time);
    if (validation->rows && task == BP_TASK_REGRESSION)
        snprintf(metric, sizeof metric, "  validation rmse %.4g", validation->rmse);
    else if (validation->rows)
        snprintf(metric, sizeof metric, "  validation accuracy %.4f", validation->accuracy);
    snprintf(line, sizeof line, "epoch %.1f/%llu  %.0f examples/s  loss %.4g%s  %s left", done,
             (unsigned long long)progress->epochs, rate, progress->train_loss, metric, time);
    fprintf(stderr, "\r%.*s\033[K", columns(), line);
    fflush(stderr);
    bp_message_line_is_open(true);
}

void bp_progress_clear(void)
{
    fputs("\r\033[K", stderr);
    bp_message_line_is_open(false);
}
