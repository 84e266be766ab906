/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <string.h>
#include <unistd.h>
#include "core/kernel.h"
#include "daemon/service.h"
#include "miniport/miniports.h"
static struct udxg_kernel *kernel;
static struct wire_spinners spinners = {.most = 1};
static void *run(void *fd)
{
    const char *why = udxg_service_run(kernel, &spinners, (int)(intptr_t)fd, 1, 0);
    fprintf(stderr, "session ended: %s\n", why);
    close((int)(intptr_t)fd);
    return NULL;
}
int main(int argc, char **argv)
{
    char error[512];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)argc;
    strcpy(a.sun_path, argv[1]);
    unlink(argv[1]);
    int l = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(l, (void *)&a, sizeof a) || listen(l, 5)) return 1;
    if (udxg_kernel_create(getenv("UDXG_ADAPTERS"), udxg_miniports, error, sizeof error, &kernel) < 0) return 1;
    if (udxg_kernel_inject(kernel, getenv("UDXG_INJECT"), error, sizeof error) < 0) return 1;
    for (;;) {
        int fd = accept4(l, 0, 0, SOCK_CLOEXEC);
        pthread_t t;
        pthread_create(&t, 0, run, (void *)(intptr_t)fd);
        pthread_detach(t);
    }
}
