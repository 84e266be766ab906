/* SPDX-License-Identifier: MIT */
/* udxg top on a terminal. It draws, and says which key was pressed; it knows neither the daemon nor the clock. */
#ifndef UDXG_CLI_TOP_SCREEN_H
#define UDXG_CLI_TOP_SCREEN_H

#include "cli/top_model.h"

/* What is shown, and how. */
struct udxg_top_state {
    enum udxg_top_order order;
    bool backward, paused, help, lost; /* lost: the daemon has gone, and what is shown is old */
    uint32_t interval_ms;
    int only_adapter; /* -1: all */
    size_t scroll;    /* rows above the first one that is shown */
};

/* False, with the reason on stderr, where standard input or output is no terminal that this can be done on. */
bool udxg_screen_open(void);
void udxg_screen_close(void);
/* TOP may be NULL: nothing has come yet. Takes scroll back to where there is something. */
void udxg_screen_draw(const struct udxg_top *top, struct udxg_top_state *state);

enum udxg_top_key { UDXG_KEY_NONE, UDXG_KEY_CHANGED, UDXG_KEY_INTERVAL, UDXG_KEY_QUIT };
/* Takes one key that was pressed, and changes STATE by it. NONE: there is no more. */
enum udxg_top_key udxg_screen_key(struct udxg_top_state *state);

#endif
