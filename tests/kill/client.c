/* SPDX-License-Identifier: MIT */
/*
 * A client of the test's daemon, to be killed or to witness it:
 *
 *     kill_client call INDEX MOMENT    makes a valid call of the table when told to: tests/sweep/cases.c
 *     kill_client work SEED WHAT       several threads that use and share everything, until WHAT happens
 *     kill_client half SEED            speaks the protocol itself, and stops in the middle
 *     kill_client witness              shares with all of them, and looks whether what it has is what it was
 *     kill_client wait                 does nothing: what a victim becomes
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

atomic_bool client_is_broken;

void await_death(void)
{
    for (;;) pause();
}

void need(NTSTATUS status, const char *what)
{
    if (status == STATUS_SUCCESS) return;
    if (status == STATUS_DEVICE_REMOVED || client_is_broken) await_death();
    fprintf(stderr, "client %d: %s: status 0x%08x\n", (int)getpid(), what, (unsigned)status);
    _exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 4 && !strcmp(what, "call")) call_main((unsigned)strtoul(argv[2], NULL, 10), argv[3]);
    if (argc == 4 && !strcmp(what, "work")) work_main(strtoull(argv[2], NULL, 10), argv[3]);
    if (argc == 3 && !strcmp(what, "half")) half_main(strtoull(argv[2], NULL, 10), getenv("UDXG_SERVER"));
    if (argc == 2 && !strcmp(what, "witness")) witness_main();
    if (argc == 2 && !strcmp(what, "wait")) await_death();
    fprintf(stderr, "%s is started by the test of kills\n", argv[0]);
    return EXIT_FAILURE;
}
