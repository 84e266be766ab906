/* SPDX-License-Identifier: MIT */
/*
 * What stands at the other end of a daemon, for tests:
 *
 *   peer connect PATH             connects, says "connected", and "closed" when it was hung up on
 *   peer listen PATH PROGRAM...   becomes PROGRAM with a socket at PATH handed over, as a service manager does it
 *   peer notify PATH              stands for the manager at NOTIFY_SOCKET: writes what it is told, until STOPPING=1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GIVEN_FD 3

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static int connect_to(const struct sockaddr_un *address)
{
    char byte;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address))) return fail("connect");
    puts("connected");
    fflush(stdout);
    if (recv(fd, &byte, 1, 0) != 0) return fail("recv");
    puts("closed");
    return 0;
}

static int listen_for(const struct sockaddr_un *address, char **program)
{
    char pid[16];
    int fd = socket(AF_UNIX, getenv("PEER_STREAM") ? SOCK_STREAM : SOCK_SEQPACKET, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, 8)) return fail("listen");
    if (fd != GIVEN_FD && dup2(fd, GIVEN_FD) < 0) return fail("dup2");
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 0); /* a test may have said another */
    setenv("LISTEN_FDS", "1", 0);
    execv(program[0], program);
    return fail(program[0]);
}

static int be_notified(const struct sockaddr_un *address)
{
    char text[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address))) return fail("bind");
    do {
        ssize_t got = recv(fd, text, sizeof(text) - 1, 0);
        if (got < 0) return fail("recv");
        text[got] = '\0';
        puts(text);
        fflush(stdout);
    } while (!strstr(text, "STOPPING=1"));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    struct sockaddr_un address = address_of(argv[2]);
    if (strcmp(argv[1], "connect") == 0) return connect_to(&address);
    if (strcmp(argv[1], "listen") == 0 && argc > 3) return listen_for(&address, argv + 3);
    if (strcmp(argv[1], "notify") == 0) return be_notified(&address);
    return 2;
}
