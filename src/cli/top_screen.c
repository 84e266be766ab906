/* SPDX-License-Identifier: MIT */
/*
 * Everything is drawn anew each time, from top to bottom, and ncurses sends what has changed. Adapters get what room
 * they need as long as six rows of processes remain; otherwise each shrinks to one line, and what is left over is cut.
 */
#include "cli/top_screen.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/cli.h"

#define LEAST_ROWS 6 /* of processes, before adapters are made shorter */
#define LABEL 24     /* columns before a bar */
#define NUMBERS 20   /* columns after it */

enum colour { PLAIN, TITLE, GOOD, FULL, OVER, SOFT, ACCENT };

static struct {
    SCREEN *screen;
    bool colours, blocks; /* blocks: the terminal shows UTF-8 */
} terminal;

static const uint32_t intervals[] = {100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
#define INTERVAL_COUNT (sizeof(intervals) / sizeof(intervals[0]))

static const struct {
    char key;
    const char *name, *words;
} orders[UDXG_TOP_ORDERS] = {
    [UDXG_TOP_BY_USAGE] = {'u', "usage", "usage"},
    [UDXG_TOP_BY_BUDGET] = {'b', "budget", "budget"},
    [UDXG_TOP_BY_RESIDENT] = {'r', "resident", "bytes that are resident"},
    [UDXG_TOP_BY_TRAFFIC] = {'t', "traffic", "paging traffic"},
    [UDXG_TOP_BY_BUSY] = {'e', "engines", "time on engines"},
    [UDXG_TOP_BY_QUEUE] = {'w', "waiting", "packets that wait in queues"},
    [UDXG_TOP_BY_PID] = {'i', "pid", "number"},
    [UDXG_TOP_BY_NAME] = {'n', "name", "name"},
};

/* ---- the terminal ---- */

static void set_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    terminal.colours = !(no_color && *no_color) && has_colors() && start_color() == OK;
    if (!terminal.colours) return;
    int background = use_default_colors() == OK ? -1 : COLOR_BLACK;
    init_pair(TITLE, COLOR_BLACK, COLOR_CYAN);
    init_pair(GOOD, COLOR_GREEN, (short)background);
    init_pair(FULL, COLOR_YELLOW, (short)background);
    init_pair(OVER, COLOR_RED, (short)background);
    init_pair(SOFT, COLOR_BLUE, (short)background);
    init_pair(ACCENT, COLOR_CYAN, (short)background);
}

bool udxg_screen_open(void)
{
    const char *name = getenv("TERM");
    setlocale(LC_ALL, "");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        udxg_report("udxg top --once prints a table, udxg top --json writes a line for each moment",
                    "the live view needs a terminal");
        return false;
    }
    terminal.screen = newterm(name, stdout, stdin);
    if (!terminal.screen) {
        udxg_report("udxg top --once needs none", "the terminal '%s' is not known", name ? name : "");
        return false;
    }
    terminal.blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    set_colours();
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    return true;
}

void udxg_screen_close(void)
{
    if (!terminal.screen) return;
    endwin();
    delscreen(terminal.screen);
    terminal.screen = NULL;
}

/* ---- pieces ---- */

static attr_t look_of(enum colour colour)
{
    if (terminal.colours && colour != PLAIN) return (attr_t)COLOR_PAIR(colour);
    return colour == TITLE ? A_REVERSE : colour == OVER ? A_BOLD : A_NORMAL;
}

/* At most WIDTH columns of TEXT, which may be UTF-8; the rest is left as it is. */
static void put(int y, int x, int width, attr_t look, const char *text)
{
    wchar_t wide[512];
    size_t length = mbstowcs(wide, text, sizeof(wide) / sizeof(wide[0]) - 1);
    int used = 0;
    if (length == (size_t)-1 || y >= LINES || x >= COLS) return;
    if (width > COLS - x) width = COLS - x;
    size_t fits = 0;
    for (; fits < length; fits++) {
        int columns = wcwidth(wide[fits]);
        if (columns < 0) wide[fits] = L'?';
        columns = columns < 0 ? 1 : columns;
        if (used + columns > width) break;
        used += columns;
    }
    attrset(look);
    mvaddnwstr(y, x, wide, (int)fits);
    attrset(A_NORMAL);
}

__attribute__((format(printf, 5, 6))) static void print(int y, int x, int width, attr_t look, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put(y, x, width, look, text);
}

static void fill_line(int y, attr_t look)
{
    attrset(look);
    mvhline(y, 0, ' ', COLS);
    attrset(A_NORMAL);
}

static enum colour colour_of_share(double share)
{
    return share >= 0.9 ? OVER : share >= 0.7 ? FULL : GOOD;
}

/* Eighths of a column where the terminal has them. */
static void draw_bar(int y, int x, int width, double share)
{
    static const wchar_t eighths[] = L" \u258f\u258e\u258d\u258c\u258b\u258a\u2589";
    double columns = (share < 0 ? 0 : share > 1 ? 1 : share) * width;
    int whole = (int)columns, part = (int)((columns - whole) * 8);
    attr_t look = look_of(colour_of_share(share)), empty = terminal.colours ? look_of(SOFT) : A_DIM;
    if (share > 0 && !whole && !part) part = 1; /* what is there can be seen */
    for (int i = 0; i < width; i++) {
        bool filled = i < whole || (i == whole && part);
        wchar_t piece = i < whole ? L'\u2588' : filled ? eighths[part] : L'\u2500';
        if (!terminal.blocks) piece = filled ? L'#' : L'.';
        attrset(filled ? look : empty);
        mvaddnwstr(y, x + i, &piece, 1);
    }
    attrset(A_NORMAL);
}

/* ---- adapters ---- */

static double share_of(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void draw_filling(int y, const char *label, uint64_t part, uint64_t whole)
{
    char used[UDXG_SHORT_CHARS], all[UDXG_SHORT_CHARS], share[UDXG_SHORT_CHARS];
    int width = COLS - LABEL - NUMBERS;
    put(y, 2, LABEL - 3, A_NORMAL, label);
    if (width > 4) draw_bar(y, LABEL, width, share_of(part, whole));
    print(y, COLS - NUMBERS + 1, NUMBERS - 1, A_NORMAL, "%6s /%6s %4s", udxg_short_size(part, used),
          udxg_short_size(whole, all), udxg_short_share(share_of(part, whole), share));
}

static void draw_segment(int y, const struct udxg_top_segment *segment)
{
    char label[48];
    const char *group = strcmp(segment->group, "non_local") == 0 ? "non-local" : segment->group;
    snprintf(label, sizeof(label), "%" PRIu32 " %-8s %s", segment->id, segment->aperture ? "aperture" : "memory",
             group);
    draw_filling(y, label, segment->resident_bytes, segment->capacity_bytes);
}

static void draw_name(int y, uint32_t index, const struct udxg_top_adapter *adapter)
{
    print(y, 1, 20, look_of(ACCENT) | A_BOLD, "%" PRIu32 " %s", index, adapter->name);
    int x = 5 + (int)strlen(adapter->name);
    put(y, x, COLS - x - 10, A_NORMAL, adapter->description);
    if (adapter->stopped) put(y, COLS - 9, 8, look_of(OVER) | A_BOLD, "STOPPED");
}

/* Engines from the left, paging to the right. */
static void draw_engines(int y, const struct udxg_top_adapter *adapter)
{
    char in[UDXG_SHORT_CHARS], out[UDXG_SHORT_CHARS], share[UDXG_SHORT_CHARS];
    int x = 2, right = COLS - 33;
    for (uint32_t i = 0; i < adapter->node_count; i++) {
        const struct udxg_top_node *node = &adapter->nodes[i];
        char text[80];
        int length = snprintf(text, sizeof(text), "%s %s", node->name, udxg_short_share(node->busy, share));
        if (node->queued) length += snprintf(text + length, sizeof(text) - (size_t)length, " +%" PRIu64, node->queued);
        if (x + length > right) break;
        put(y, x, length, node->busy > 0.005 ? look_of(GOOD) : A_NORMAL, text);
        x += length + 3;
    }
    bool moves = adapter->paging.in_rate > 0 || adapter->paging.out_rate > 0;
    print(y, right, COLS - right - 1, moves ? look_of(FULL) : A_NORMAL, "paging in %6s/s  out %6s/s",
          udxg_short_rate(adapter->paging.in_rate, in), udxg_short_rate(adapter->paging.out_rate, out));
}

static int draw_whole(int y, uint32_t index, const struct udxg_top_adapter *adapter)
{
    draw_name(y++, index, adapter);
    for (uint32_t i = 0; i < adapter->segment_count; i++) draw_segment(y++, &adapter->segments[i]);
    draw_engines(y++, adapter);
    return y;
}

/* Its fullest segment says most. */
static int draw_short(int y, uint32_t index, const struct udxg_top_adapter *adapter)
{
    const struct udxg_top_segment *fullest = NULL;
    char label[80];
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct udxg_top_segment *segment = &adapter->segments[i];
        if (!fullest || share_of(segment->resident_bytes, segment->capacity_bytes) >
                            share_of(fullest->resident_bytes, fullest->capacity_bytes))
            fullest = segment;
    }
    snprintf(label, sizeof(label), "%" PRIu32 " %s%s", index, adapter->name, adapter->stopped ? " STOPPED" : "");
    if (fullest)
        draw_filling(y, label, fullest->resident_bytes, fullest->capacity_bytes);
    else
        put(y, 2, COLS - 2, A_NORMAL, label);
    return y + 1;
}

static bool is_shown(const struct udxg_top_state *state, uint32_t index)
{
    return state->only_adapter < 0 || (uint32_t)state->only_adapter == index;
}

static int draw_adapters(int y, const struct udxg_top *top, const struct udxg_top_state *state)
{
    int room = LINES - y - 3 - LEAST_ROWS, needed = 0;
    for (uint32_t i = 0; i < top->adapter_count; i++)
        if (is_shown(state, i)) needed += 2 + (int)top->adapters[i].segment_count;
    for (uint32_t i = 0; i < top->adapter_count; i++) {
        if (!is_shown(state, i)) continue;
        if (needed > room && y + 6 >= LINES) break;
        y = needed <= room ? draw_whole(y, i, &top->adapters[i]) : draw_short(y, i, &top->adapters[i]);
    }
    return y;
}

/* ---- processes ---- */

/* Beyond 80 columns there is more to say. */
struct column {
    const char *title;
    int width, from; /* from: the least width of the screen */
};

static const struct column columns[] = {
    {"PID", 7, 0},      {"NAME", -15, 0},    {"GPU", 3, 0},   {"USAGE", 6, 0}, {"BUDGET", 6, 0},  {"RESID", 6, 0},
    {"QUEUE", 5, 0},    {"BUSY", 5, 0},      {"IN/s", 7, 0},  {"OUT/s", 7, 0}, {"COMMIT", 7, 90}, {"RSRVD", 7, 98},
    {"ALLOCS", 8, 107}, {"HANDLES", 8, 116}, {"DEV", 4, 121}, {"CTX", 4, 126},
};
#define COLUMN_COUNT ((int)(sizeof(columns) / sizeof(columns[0])))
enum { COLUMN_TEXT = 32 };

static void say_row(const struct udxg_top_row *row, char text[COLUMN_COUNT][COLUMN_TEXT])
{
    char size[UDXG_SHORT_CHARS];
    int i = 0;
    snprintf(text[i++], COLUMN_TEXT, "%" PRIu32, row->pid);
    snprintf(text[i++], COLUMN_TEXT, "%s", *row->name ? row->name : "-");
    snprintf(text[i++], COLUMN_TEXT, row->adapter < 0 ? "-" : "%d", row->adapter);
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_size(row->usage_bytes, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_size(row->budget_bytes, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_size(row->resident_bytes, size));
    snprintf(text[i++], COLUMN_TEXT, "%" PRIu64, row->queued);
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_share(row->busy, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_rate(row->paging.in_rate, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_rate(row->paging.out_rate, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_size(row->commit_bytes, size));
    snprintf(text[i++], COLUMN_TEXT, "%s", udxg_short_size(row->reservation_bytes, size));
    snprintf(text[i++], COLUMN_TEXT, "%" PRIu64, row->allocations);
    snprintf(text[i++], COLUMN_TEXT, "%" PRIu64, row->handles);
    snprintf(text[i++], COLUMN_TEXT, "%" PRIu64, row->devices);
    snprintf(text[i], COLUMN_TEXT, "%" PRIu64, row->contexts);
}

static const enum udxg_top_order column_orders[] = {
    UDXG_TOP_BY_PID,      UDXG_TOP_BY_NAME,  UDXG_TOP_ORDERS,  UDXG_TOP_BY_USAGE,   UDXG_TOP_BY_BUDGET,
    UDXG_TOP_BY_RESIDENT, UDXG_TOP_BY_QUEUE, UDXG_TOP_BY_BUSY, UDXG_TOP_BY_TRAFFIC, UDXG_TOP_BY_TRAFFIC,
};

static void draw_titles(int y, const struct udxg_top_state *state)
{
    attr_t look = look_of(TITLE);
    int x = 0;
    fill_line(y, look);
    for (int i = 0; i < COLUMN_COUNT && COLS >= columns[i].from; i++) {
        bool sorted = i < (int)(sizeof(column_orders) / sizeof(column_orders[0])) && column_orders[i] == state->order;
        print(y, x, COLS, look | (sorted ? A_BOLD | A_UNDERLINE : 0), "%*s", columns[i].width, columns[i].title);
        x += abs(columns[i].width) + 1;
    }
}

/* Over its budget a process is asked to trim: that should be seen. */
static attr_t look_of_cell(const struct udxg_top_row *row, int column)
{
    if (column == 3 && row->usage_bytes > row->budget_bytes) return look_of(OVER) | A_BOLD;
    if (column == 7 && row->busy > 0.005) return look_of(GOOD);
    if ((column == 8 && row->paging.in_rate > 0) || (column == 9 && row->paging.out_rate > 0)) return look_of(FULL);
    return A_NORMAL;
}

static void draw_row(int y, const struct udxg_top_row *row)
{
    char text[COLUMN_COUNT][COLUMN_TEXT];
    int x = 0;
    say_row(row, text);
    for (int i = 0; i < COLUMN_COUNT && COLS >= columns[i].from; i++) {
        print(y, x, abs(columns[i].width) + (i > 1 ? 1 : 0), look_of_cell(row, i), "%*s", columns[i].width, text[i]);
        x += abs(columns[i].width) + 1;
    }
}

static void draw_rows(int y, const struct udxg_top *top, struct udxg_top_state *state)
{
    size_t shown = 0, room = y < LINES - 1 ? (size_t)(LINES - 1 - y) : 0, index = 0;
    for (size_t i = 0; i < top->row_count; i++)
        shown += top->rows[i].adapter < 0 || is_shown(state, (uint32_t)top->rows[i].adapter);
    size_t most = shown > room ? shown - room : 0;
    if (state->scroll > most) state->scroll = most;
    for (size_t i = 0; i < top->row_count && y < LINES - 1; i++) {
        const struct udxg_top_row *row = &top->rows[i];
        if (row->adapter >= 0 && !is_shown(state, (uint32_t)row->adapter)) continue;
        if (index++ < state->scroll) continue;
        draw_row(y++, row);
    }
    if (!shown && y < LINES - 1) put(y, 2, COLS - 2, A_DIM, "no process");
}

/* ---- frame ---- */

static void draw_head(const struct udxg_top *top, const struct udxg_top_state *state)
{
    attr_t look = look_of(TITLE);
    const char *mood = state->lost ? "DAEMON GONE" : state->paused ? "PAUSED" : "";
    fill_line(0, look);
    if (top)
        print(0, 1, COLS - 2, look | A_BOLD,
              "udxg top   daemon %" PRIu64 "   %" PRIu32 " adapter%s   %" PRIu32 " process%s", top->server_pid,
              top->adapter_count, top->adapter_count == 1 ? "" : "s", top->process_count,
              top->process_count == 1 ? "" : "es");
    else
        put(0, 1, COLS - 2, look | A_BOLD, "udxg top   waiting for the daemon");
    print(0, COLS - 21, 20, look | A_BOLD, "%11s %6.1f s", mood, state->interval_ms / 1000.0);
}

static void draw_foot(const struct udxg_top_state *state)
{
    char text[160];
    fill_line(LINES - 1, look_of(TITLE));
    snprintf(text, sizeof(text), "q quit  h help  p pause  + - interval  a adapter  s sort: %s%s  o order",
             orders[state->order].name, state->backward ? " up" : "");
    put(LINES - 1, 1, COLS - 2, look_of(TITLE), text);
}

static void draw_help(void)
{
    static const char *const lines[] = {
        "q             quit",
        "h ?           this help",
        "p space       stop and go on",
        "+ -           longer interval, shorter interval",
        "a             next adapter, or all",
        "up down pgup pgdn home    move through processes",
        "s             next order of processes",
        "o             the other way round",
    };
    int count = (int)(sizeof(lines) / sizeof(lines[0])), y = 2;
    for (int i = 1; i < LINES - 1; i++) fill_line(i, A_NORMAL);
    for (int i = 0; i < count && y < LINES - 1; i++) put(y++, 3, COLS - 3, A_NORMAL, lines[i]);
    put(++y < LINES - 1 ? y++ : LINES - 2, 3, COLS - 3, A_BOLD, "Order by");
    for (int i = 0; i < UDXG_TOP_ORDERS && y < LINES - 1; i++)
        print(y++, 3, COLS - 3, A_NORMAL, "%c             %s", orders[i].key, orders[i].words);
}

void udxg_screen_draw(const struct udxg_top *top, struct udxg_top_state *state)
{
    if (top && state->only_adapter >= (int)top->adapter_count) state->only_adapter = -1;
    erase();
    if (top && LINES >= 4) {
        int y = draw_adapters(1, top, state);
        draw_titles(y + 1 < LINES - 1 ? y + 1 : y, state);
        draw_rows(y + 2, top, state);
    }
    if (state->help) draw_help();
    draw_head(top, state);
    if (LINES > 1) draw_foot(state);
    refresh();
}

/* ---- keys ---- */

static uint32_t next_interval(uint32_t interval_ms, bool longer)
{
    if (longer) {
        for (size_t i = 0; i < INTERVAL_COUNT; i++)
            if (intervals[i] > interval_ms) return intervals[i];
    } else {
        for (size_t i = INTERVAL_COUNT; i--;)
            if (intervals[i] < interval_ms) return intervals[i];
    }
    return interval_ms;
}

static void scroll_by(struct udxg_top_state *state, int rows)
{
    if (rows < 0 && state->scroll < (size_t)-rows)
        state->scroll = 0;
    else
        state->scroll += (size_t)rows;
}

static bool set_order(struct udxg_top_state *state, int key)
{
    for (int i = 0; i < UDXG_TOP_ORDERS; i++) {
        if (orders[i].key != key) continue;
        state->order = (enum udxg_top_order)i;
        return true;
    }
    return false;
}

static void move_by_key(struct udxg_top_state *state, int key)
{
    int page = LINES > 12 ? LINES / 2 : 4;
    if (key == KEY_UP) scroll_by(state, -1);
    if (key == KEY_DOWN) scroll_by(state, 1);
    if (key == KEY_PPAGE) scroll_by(state, -page);
    if (key == KEY_NPAGE) scroll_by(state, page);
    if (key == KEY_HOME) state->scroll = 0;
}

enum udxg_top_key udxg_screen_key(struct udxg_top_state *state)
{
    int key = getch();
    switch (key) {
    case ERR:
        return UDXG_KEY_NONE;
    case 'q':
    case 3: /* where the terminal makes no signal of it */
        return UDXG_KEY_QUIT;
    case 'h':
    case '?':
        state->help = !state->help;
        return UDXG_KEY_CHANGED;
    case 27:
        state->help = false;
        return UDXG_KEY_CHANGED;
    case 'p':
    case ' ':
        state->paused = !state->paused;
        return UDXG_KEY_CHANGED;
    case '+':
    case '=':
    case '-':
        state->interval_ms = next_interval(state->interval_ms, key != '-');
        return UDXG_KEY_INTERVAL;
    case 'a':
        state->only_adapter++; /* who draws takes it back to all */
        return UDXG_KEY_CHANGED;
    case 's':
        state->order = (enum udxg_top_order)((state->order + 1) % UDXG_TOP_ORDERS);
        return UDXG_KEY_CHANGED;
    case 'o':
        state->backward = !state->backward;
        return UDXG_KEY_CHANGED;
    default:
        if (!set_order(state, key)) move_by_key(state, key);
        return UDXG_KEY_CHANGED;
    }
}
