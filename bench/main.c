/* SPDX-License-Identifier: MIT */
/*
 * udxg-bench: measures the rows of bench/row.c, each in a process of its own, so that none inherits another's heap,
 * pools or mistakes, and prints one table. The exit status is 0, 1 when a row failed or, with --gate, missed its
 * "must", and 2 for a wrong command line.
 */
#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "report.h"
#include "row.h"
#include "scaling.h"

#define PROGRESS_AFTER_NS 300000000u

enum { EXIT_FINDING = 1, EXIT_USAGE = 2 };

struct options {
    const char *filter; /* ids, with commas; NULL: all */
    unsigned repetitions;
    bool json, gate, scaling;
};

const char *argp_program_version = "udxg-bench " UDXG_VERSION;

/* ---- command line ---- */

static const struct argp_option options_table[] = {
    {"filter", 'f', "IDS", 0, "Measure these rows only, as in P1,P5; P17 stands for P17a and P17b", 0},
    {"repetitions", 'r', "N", 0, "Repeat each side at least N times, N being 11 or more; the default is 51", 0},
    {"json", 'j', NULL, 0, "Write one JSON document, schema udxg.bench/1", 0},
    {"gate", 'g', NULL, 0, "Exit with status 1 when a row misses its \"must\"", 0},
    {"scaling", 's', NULL, 0, "Instead, write the cost of a residency decision by the number of allocations, as CSV",
     0},
    {0},
};

static const char documentation[] =
    "Measures udxg against plain programs that do the same, in the same run, and says which goals are met."
    "\vTimes are worth something from a build without sanitizers on a machine without other work. Rows with a million "
    "allocations take about a gigabyte of memory.\n\n"
    "Examples:\n"
    "  udxg-bench --filter P1,P5\n"
    "  udxg-bench --json --gate >bench.json\n";

/* True when the list IDS of LENGTH names ID: the whole of it, or all but the letter at its end. */
static bool names(const char *item, size_t length, const char *id)
{
    size_t id_length = strlen(id);
    if (strncasecmp(item, id, length) != 0 || length > id_length) return false;
    return length == id_length || (length + 1 == id_length && id[length] >= 'a');
}

static bool is_chosen(const char *filter, const char *id)
{
    if (!filter) return true;
    for (const char *item = filter;; item++) {
        size_t length = strcspn(item, ",");
        if (length && names(item, length, id)) return true;
        item += length;
        if (!*item) return false;
    }
}

/* Each name of the list must mean something: a typing error is not an empty table. */
static void check_filter(const char *filter, struct argp_state *state)
{
    for (const char *item = filter;; item++) {
        size_t length = strcspn(item, ",");
        bool known = false;
        for (unsigned i = 0; i < row_count; i++) known |= length && names(item, length, rows[i].id);
        if (!known) argp_error(state, "there is no row '%.*s'", (int)length, item);
        item += length;
        if (!*item) return;
    }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end;
    switch (key) {
    case 'f':
        check_filter(argument, state);
        options->filter = argument;
        return 0;
    case 'r': {
        unsigned long wanted = strtoul(argument, &end, 10);
        if (*end || wanted < MEASURE_LEAST_REPETITIONS || wanted > 100000)
            argp_error(state, "'%s' is not a number from %u to 100000", argument, MEASURE_LEAST_REPETITIONS);
        options->repetitions = (unsigned)wanted;
        return 0;
    }
    case 'j':
        options->json = true;
        return 0;
    case 'g':
        options->gate = true;
        return 0;
    case 's':
        options->scaling = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- rows ---- */

static _Noreturn void run_in_child(const struct row *row, unsigned repetitions, int to_parent)
{
    struct row_figures figures = {0};
    measure_pin(0);
    row->run(repetitions, &figures);
    _exit(write(to_parent, &figures, sizeof figures) == sizeof figures ? EXIT_SUCCESS : EXIT_FAILURE);
}

static struct result run(const struct row *row, unsigned repetitions)
{
    struct result result = {.row = row, .state = RESULT_FAILED};
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC)) measure_die("cannot make a pipe");
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) measure_die("cannot fork");
    if (child == 0) run_in_child(row, repetitions, ends[1]);
    close(ends[1]);
    bool answered = read(ends[0], &result.figures, sizeof result.figures) == sizeof result.figures;
    close(ends[0]);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && answered)
        result.state = *result.figures.skipped ? RESULT_SKIPPED : RESULT_MEASURED;
    return result;
}

static void show_progress(const struct row *row, uint64_t start_ns)
{
    if (!isatty(STDERR_FILENO) || measure_now_ns() - start_ns < PROGRESS_AFTER_NS) return;
    fprintf(stderr, "\r\033[K%s%s", row ? "measuring " : "", row ? row->id : "");
}

static unsigned run_chosen(const struct options *options, struct result *results)
{
    uint64_t start_ns = measure_now_ns();
    unsigned count = 0;
    for (unsigned i = 0; i < row_count; i++) {
        if (!is_chosen(options->filter, rows[i].id)) continue;
        show_progress(&rows[i], start_ns);
        results[count++] = run(&rows[i], options->repetitions);
    }
    show_progress(NULL, start_ns);
    return count;
}

/* ---- the whole ---- */

static void find_processor(char *text, size_t text_bytes)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(text, text_bytes, "unknown processor");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        const char *name = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
        if (!name) continue;
        snprintf(text, text_bytes, "%.*s", (int)strcspn(name + 2, "\n"), name + 2);
        break;
    }
    fclose(file);
}

/* The CPU that run_in_child() will take; this process itself may run anywhere. */
static int first_choice(void)
{
    int status;
    pid_t child = fork();
    if (child < 0) measure_die("cannot fork");
    if (child == 0) _exit(measure_pin(0) & 0xff);
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static bool is_finding(const struct result *result, bool gate)
{
    if (result->state == RESULT_FAILED) return true;
    if (!gate || result->state != RESULT_MEASURED) return false;
    return !row_meets(result->row, row_value(result->row, &result->figures), result->row->must);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.options = options_table, .parser = parse_option, .doc = documentation};
    struct options options = {.repetitions = 51};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.scaling) {
        scaling_print();
        return 0;
    }

    struct conditions conditions = {.repetitions = options.repetitions, .cpus = measure_cpus()};
    conditions.cpu = first_choice();
    find_processor(conditions.processor, sizeof conditions.processor);

    struct result *results = calloc(row_count, sizeof *results);
    if (!results) measure_die("out of memory");
    unsigned count = run_chosen(&options, results);
    (options.json ? report_json : report_table)(stdout, &conditions, results, count);

    bool finding = false;
    for (unsigned i = 0; i < count; i++) finding |= is_finding(&results[i], options.gate);
    free(results);
    return finding ? EXIT_FINDING : EXIT_SUCCESS;
}
