/* SPDX-License-Identifier: MIT */
/* A child and a socket: a byte goes in, a double comes out. The child ends with the socket, so also with its parent. */
#include "station.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct station {
    int socket;
    pid_t child;
};

static _Noreturn void serve(int socket, void *state, measure_run *work)
{
    char order;
    double result = 0; /* the first answer: ready */
    do {
        if (write(socket, &result, sizeof result) != sizeof result || read(socket, &order, 1) != 1) _exit(0);
        result = work(state);
    } while (1);
}

static double wait_for(const struct station *station)
{
    double result;
    if (read(station->socket, &result, sizeof result) != sizeof result) measure_die("a station has ended");
    return result;
}

struct station *station_start(void *(*make)(const void *argument), const void *argument, measure_run *work)
{
    int sockets[2];
    struct station *station = malloc(sizeof *station);
    if (!station || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        measure_die("cannot start a station");
    station->child = fork();
    if (station->child < 0) measure_die("cannot fork");
    if (station->child == 0) {
        close(sockets[0]);
        serve(sockets[1], make(argument), work);
    }
    close(sockets[1]);
    station->socket = sockets[0];
    wait_for(station);
    return station;
}

double station_run(void *state)
{
    const struct station *station = state;
    if (write(station->socket, "", 1) != 1) measure_die("a station has ended");
    return wait_for(station);
}

void station_stop(struct station *station)
{
    shutdown(station->socket, SHUT_RDWR); /* stations that were started later have a copy of our end */
    close(station->socket);
    waitpid(station->child, NULL, 0);
    free(station);
}
