/* SPDX-License-Identifier: MIT */
/* Table and JSON. They say the same: what was measured, the number that is judged, and the verdict. */
#include "report.h"

#include <jansson.h>
#include <string.h>

#include "measure.h"

enum column { ID, WHAT, OURS, ANCHOR, VALUE, MUST, GOAL, VERDICT, COLUMNS };

static const char *const titles[COLUMNS] = {"id", "what", "ours", "anchor", "ratio", "must", "goal", "verdict"};
static const bool to_the_right[COLUMNS] = {[OURS] = true, [VALUE] = true, [MUST] = true, [GOAL] = true};

#define CELL_CHARS 160
#define NUMBER_CHARS 32

struct line {
    char cells[COLUMNS][CELL_CHARS];
};

static bool meets_must(const struct result *result)
{
    return row_meets(result->row, row_value(result->row, &result->figures), result->row->must);
}

static bool meets_goal(const struct result *result)
{
    return row_meets(result->row, row_value(result->row, &result->figures), result->row->goal);
}

/* ---- numbers for people ---- */

static void time_text(double ns, char text[static NUMBER_CHARS])
{
    if (ns < 1000)
        snprintf(text, NUMBER_CHARS, ns < 10 ? "%.2f ns" : "%.0f ns", ns);
    else
        snprintf(text, NUMBER_CHARS, "%.2f us", ns / 1000);
}

static void figure_text(const struct row *row, double figure, char text[static NUMBER_CHARS])
{
    switch (row->kind) {
    case ROW_RATIO:
    case ROW_EXCESS:
    case ROW_TIME:
    case ROW_SPEEDUP:
        time_text(figure, text);
        break;
    case ROW_BYTES:
        snprintf(text, NUMBER_CHARS, "%.0f B", figure);
        break;
    case ROW_PERCENTAGE:
        snprintf(text, NUMBER_CHARS, "%.1f %%", figure);
        break;
    }
}

/* A value, or a limit for it: what is far below one reads better as a fraction. */
static void value_text(const struct row *row, double value, char text[static NUMBER_CHARS])
{
    switch (row->kind) {
    case ROW_RATIO:
        if (row->must < 0.5 || value < 0.1)
            snprintf(text, NUMBER_CHARS, value > 0.001 ? "1/%.3g" : "1/%.0f", 1 / value);
        else
            snprintf(text, NUMBER_CHARS, "%.3gx", value);
        break;
    case ROW_EXCESS:
        snprintf(text, NUMBER_CHARS, "%+.0f ns", value);
        break;
    case ROW_SPEEDUP:
        snprintf(text, NUMBER_CHARS, "%.2fx", value);
        break;
    case ROW_TIME:
    case ROW_BYTES:
    case ROW_PERCENTAGE:
        figure_text(row, value, text);
        break;
    }
}

static const char *verdict(const struct result *result)
{
    if (!meets_must(result)) return "must missed";
    return meets_goal(result) ? "goal" : "must, goal missed";
}

/* ---- the table ---- */

static void fill_line(const struct result *result, struct line *line)
{
    const struct row *row = result->row;
    memset(line, 0, sizeof *line);
    snprintf(line->cells[ID], CELL_CHARS, "%s", row->id);
    snprintf(line->cells[WHAT], CELL_CHARS, "%s", row->what);
    value_text(row, row->must, line->cells[MUST]);
    value_text(row, row->goal, line->cells[GOAL]);
    if (result->state != RESULT_MEASURED) {
        snprintf(line->cells[ANCHOR], CELL_CHARS, "%s", row->anchor);
        snprintf(line->cells[VERDICT], CELL_CHARS, "%s",
                 result->state == RESULT_FAILED ? "failed" : result->figures.skipped);
        return;
    }
    figure_text(row, result->figures.ours, line->cells[OURS]);
    if (*row->anchor) {
        char text[NUMBER_CHARS];
        figure_text(row, result->figures.anchor, text);
        snprintf(line->cells[ANCHOR], CELL_CHARS, "%s, %s", text, row->anchor);
    }
    value_text(row, row_value(row, &result->figures), line->cells[VALUE]);
    snprintf(line->cells[VERDICT], CELL_CHARS, "%s", verdict(result));
}

static void print_line(FILE *out, const struct line *line, const int widths[COLUMNS])
{
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (column + 1 == COLUMNS)
            fprintf(out, "%s\n", line->cells[column]);
        else
            fprintf(out, to_the_right[column] ? "%*s  " : "%-*s  ", widths[column], line->cells[column]);
    }
}

static void widen(const struct line *line, int widths[COLUMNS])
{
    for (unsigned column = 0; column < COLUMNS; column++) {
        int width = (int)strlen(line->cells[column]);
        if (width > widths[column]) widths[column] = width;
    }
}

void report_table(FILE *out, const struct conditions *conditions, const struct result *results, unsigned count)
{
    struct line line = {0};
    int widths[COLUMNS] = {0};
    for (unsigned column = 0; column < COLUMNS; column++) strcpy(line.cells[column], titles[column]);
    widen(&line, widths);
    for (unsigned i = 0; i < count; i++) {
        fill_line(&results[i], &line);
        widen(&line, widths);
    }
    fprintf(out, "udxg %s, %s, %u CPUs, on CPU %d; minimum of at least %u repetitions, ours and anchor in turns\n\n",
            UDXG_VERSION, conditions->processor, conditions->cpus, conditions->cpu, conditions->repetitions);
    for (unsigned column = 0; column < COLUMNS; column++) strcpy(line.cells[column], titles[column]);
    print_line(out, &line, widths);
    for (unsigned i = 0; i < count; i++) {
        fill_line(&results[i], &line);
        print_line(out, &line, widths);
    }
}

/* ---- JSON ---- */

static const char *unit_of(const struct row *row)
{
    switch (row->kind) {
    case ROW_BYTES:
        return "bytes";
    case ROW_PERCENTAGE:
        return "percent";
    case ROW_RATIO:
    case ROW_EXCESS:
    case ROW_TIME:
    case ROW_SPEEDUP:
        break;
    }
    return "ns";
}

static const char *rule_of(const struct row *row)
{
    switch (row->kind) {
    case ROW_RATIO:
        return "ours / anchor <=";
    case ROW_EXCESS:
        return "ours - anchor <=";
    case ROW_SPEEDUP:
        return "anchor / ours >=";
    case ROW_PERCENTAGE:
        return "ours >=";
    case ROW_TIME:
    case ROW_BYTES:
        break;
    }
    return "ours <=";
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value)) measure_die("out of memory");
}

static json_t *result_json(const struct result *result)
{
    static const char *const states[] = {"measured", "skipped", "failed"};
    const struct row *row = result->row;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "id", row->id, "what", row->what, "state",
                               states[result->state], "unit", unit_of(row), "rule", rule_of(row), "must", row->must,
                               "goal", row->goal);
    if (*row->anchor) set(object, "anchor_what", json_string(row->anchor));
    if (result->state == RESULT_SKIPPED) set(object, "reason", json_string(result->figures.skipped));
    if (result->state != RESULT_MEASURED) return object;
    set(object, "ours", json_real(result->figures.ours));
    if (*row->anchor) set(object, "anchor", json_real(result->figures.anchor));
    set(object, "value", json_real(row_value(row, &result->figures)));
    set(object, "must_met", json_boolean(meets_must(result)));
    set(object, "goal_met", json_boolean(meets_goal(result)));
    return object;
}

void report_json(FILE *out, const struct conditions *conditions, const struct result *results, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        if (json_array_append_new(list, result_json(&results[i]))) measure_die("out of memory");
    json_t *document = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:o}", "schema", "udxg.bench/1", "version",
                                 UDXG_VERSION, "processor", conditions->processor, "cpus", (int)conditions->cpus, "cpu",
                                 conditions->cpu, "repetitions", (int)conditions->repetitions, "rows", list);
    if (!document || json_dumpf(document, out, JSON_INDENT(2))) measure_die("cannot write JSON");
    fputc('\n', out);
    json_decref(document);
}
