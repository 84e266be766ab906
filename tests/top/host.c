/* SPDX-License-Identifier: MIT */
/*
 * A kernel with two processes that do something, and its monitor: what the tests of udxg top and udxg ps look at.
 *
 *     host SOCKET [busy]
 *
 * Says "ready" on standard output, and ends when standard input does. SOCKET is the path that a daemon would have. The
 * processes are "alpha", number 1001, with 96 MiB resident, of which 32 are reserved, and "beta", number 1002, whose
 * name has an escape sequence in it, with 16 MiB. With "busy" beta also pages and computes without end.
 */
#include "../unit/core_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "daemon/monitor.h"

#define MIB (UINT64_C(1) << 20)

static atomic_bool stop;

static struct udxg_process *start_process(struct udxg_kernel *kernel, uint32_t pid, const char *name)
{
    struct udxg_process *process = make_process(kernel);
    process->pid = pid; /* they are all in this one */
    udxg_process_introduce(process, getuid(), name);
    return process;
}

static void reserve(const struct gpu *g, UINT64 bytes)
{
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {.hAdapter = g->adapter, .Reservation = bytes};
    DO(g->process, ChangeVideoMemoryReservation, &args);
}

/* Fills a buffer on the engine, then looks at it on the CPU, which takes it out of video memory, and back it goes. */
static void *work(void *argument)
{
    const struct gpu *g = argument;
    struct buffer buffer = make_buffer(g, 8 * MIB), commands = make_buffer(g, 4096);
    struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, 8 * MIB, 0x12345678);
    D3DKMT_SUBMITCOMMAND args = {.Commands = commands.va, .CommandLength = sizeof fill, .BroadcastContextCount = 1};
    D3DKMT_UNLOCK2 unlock = {.hDevice = g->device, .hAllocation = buffer.allocation};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = g->queue,
                                    .NumAllocations = 1,
                                    .AllocationList = &buffer.allocation};

    memcpy(lock(g, commands.allocation), &fill, sizeof fill);
    args.BroadcastContext[0] = g->context;
    while (!atomic_load(&stop)) {
        for (int i = 0; i < 8; i++) DO(g->process, SubmitCommand, &args);
        wait_idle(g);
        (void)lock(g, buffer.allocation);
        DO(g->process, Unlock2, &unlock);
        if (udxg_failed(evict(g, buffer.allocation))) return NULL;
        if (CALL(g->process, MakeResident, &resident) == STATUS_PENDING)
            wait_cpu(g, g->queue_fence, resident.PagingFenceValue);
        usleep(20000);
    }
    return NULL;
}

static void wait_for_end(void)
{
    char byte;
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
}

int main(int argc, char **argv)
{
    bool busy = argc > 2 && strcmp(argv[2], "busy") == 0;
    struct udxg_monitor *monitor;
    pthread_t thread;
    char path[4096], error[256];

    if (argc < 2) return 2;
    struct udxg_kernel *kernel = make_kernel(SMALL ",soft-uma");
    struct udxg_process *alpha = start_process(kernel, 1001, "alpha"),
                        *beta = start_process(kernel, 1002, "be\033[7mta");
    struct gpu one = open_gpu(alpha), two = open_gpu(beta);
    for (int i = 0; i < 3; i++) make_buffer(&one, 32 * MIB);
    make_buffer(&two, 16 * MIB);
    reserve(&one, 32 * MIB);
    if (busy && pthread_create(&thread, NULL, work, &two)) return 1;
    snprintf(path, sizeof path, "%s" UDXG_MONITOR_SUFFIX, argv[1]);
    if (udxg_failed(udxg_monitor_open(kernel, path, error, sizeof error, &monitor)) ||
        udxg_failed(udxg_monitor_run(monitor))) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    wait_for_end();
    atomic_store(&stop, true);
    if (busy) pthread_join(thread, NULL);
    udxg_monitor_stop(monitor);
    udxg_process_destroy(alpha);
    udxg_process_destroy(beta);
    udxg_kernel_destroy(kernel);
    return 0;
}
