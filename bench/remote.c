/* SPDX-License-Identifier: MIT */
/*
 * P10 to P13: what it costs that the kernel is in another process. The clients are stations; the daemon has a CPU of
 * its own for P10 and P12, and the client's for P11 and P13. The anchors are two threads, or two processes, that do
 * nothing but hand each other as many bytes.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"
#include "measure.h"
#include "row.h"
#include "served.h"
#include "station.h"

#define SIZE_BYTES 65536u
#define PAIRS 500u
#define MESSAGE_BYTES 256u /* about what a create is, there and back; a destroy is less */

/* ---- ours ---- */

struct load {
    struct client client;
    uint32_t batch;
    int shared_fd;
};

static void *make_load(const void *batch)
{
    struct load *load = calloc(1, sizeof *load);
    if (!load) measure_die("out of memory");
    client_open(&load->client);
    load->batch = *(const uint32_t *)batch;
    return load;
}

static double create_destroy(void *state)
{
    const struct load *load = state;
    D3DKMT_HANDLE allocations[CLIENT_BATCH];
    uint32_t calls = PAIRS / load->batch + 1;
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < calls; i++) {
        client_create(&load->client, load->batch, SIZE_BYTES, false, allocations);
        client_destroy(&load->client, load->batch, allocations);
    }
    return (double)(measure_now_ns() - start) / ((double)calls * load->batch);
}

/* ---- anchors: round trips ---- */

struct trip {
    _Alignas(64) _Atomic uint32_t turn; /* even: the asker's */
    _Alignas(64) unsigned char message[MESSAGE_BYTES];
    bool sleeps;
    unsigned cpu;
};

static void await(struct trip *trip, uint32_t parity)
{
    uint32_t now;
    while (((now = atomic_load_explicit(&trip->turn, memory_order_acquire)) & 1) != parity) {
        if (trip->sleeps)
            syscall(SYS_futex, &trip->turn, FUTEX_WAIT, now, NULL, NULL, 0);
        else
            __builtin_ia32_pause();
    }
}

static void pass(struct trip *trip)
{
    atomic_fetch_add_explicit(&trip->turn, 1, memory_order_release);
    if (trip->sleeps) syscall(SYS_futex, &trip->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void *answer(void *state)
{
    struct trip *trip = state;
    unsigned char bytes[MESSAGE_BYTES];
    measure_pin(trip->cpu);
    for (;;) {
        await(trip, 1);
        memcpy(bytes, trip->message, sizeof bytes);
        MEASURE_KEEP(bytes);
        memcpy(trip->message, bytes, sizeof bytes);
        pass(trip);
    }
    return NULL;
}

static void *make_trip(const void *wanted)
{
    pthread_t thread;
    struct trip *trip = aligned_alloc(64, sizeof *trip);
    if (!trip) measure_die("out of memory");
    *trip = *(const struct trip *)wanted;
    if (pthread_create(&thread, NULL, answer, trip)) measure_die("cannot start a thread");
    return trip;
}

/* Two round trips, as a create and a destroy are. */
static double two_trips(void *state)
{
    struct trip *trip = state;
    unsigned char bytes[MESSAGE_BYTES] = {0};
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < 2 * PAIRS; i++) {
        memcpy(trip->message, bytes, sizeof bytes);
        pass(trip);
        await(trip, 0);
        memcpy(bytes, trip->message, sizeof bytes);
        MEASURE_KEEP(bytes);
    }
    return (double)(measure_now_ns() - start) / PAIRS;
}

static bool begin(unsigned cpu_index, struct row_figures *ret)
{
    if (measure_cpus() <= cpu_index) {
        snprintf(ret->skipped, sizeof ret->skipped, "needs two CPUs");
        return false;
    }
    int cpu = measure_pin(cpu_index);
    bool started = served_start(cpu);
    measure_pin(0);
    if (!started) snprintf(ret->skipped, sizeof ret->skipped, "udxgd does not start");
    return started;
}

static void against_trips(unsigned cpu_index, bool sleeps, unsigned repetitions, struct row_figures *ret)
{
    struct trip wanted = {.sleeps = sleeps, .cpu = cpu_index};
    if (!begin(cpu_index, ret)) return;
    struct station *ours = station_start(make_load, &(uint32_t){1}, create_destroy);
    struct station *anchor = station_start(make_trip, &wanted, two_trips);
    struct measure_best best = measure_pair((struct measure_side){station_run, ours},
                                            (struct measure_side){station_run, anchor}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
    station_stop(anchor);
    station_stop(ours);
    served_stop();
}

void row_remote_spinning(unsigned repetitions, struct row_figures *ret)
{
    against_trips(1, false, repetitions, ret);
}

void row_remote_sleeping(unsigned repetitions, struct row_figures *ret)
{
    against_trips(0, true, repetitions, ret);
}

void row_remote_batch(unsigned repetitions, struct row_figures *ret)
{
    if (!begin(1, ret)) return;
    struct station *many = station_start(make_load, &(uint32_t){CLIENT_BATCH}, create_destroy);
    struct station *one = station_start(make_load, &(uint32_t){1}, create_destroy);
    struct measure_best best = measure_pair((struct measure_side){station_run, many},
                                            (struct measure_side){station_run, one}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
    station_stop(one);
    station_stop(many);
    served_stop();
}

/* ---- P13 ---- */

/* Another process makes the resource and stays; what comes back is an NT handle of it. */
static int from_another_process(void)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets)) measure_die("no socket");
    pid_t child = fork();
    if (child < 0) measure_die("cannot fork");
    if (child == 0) {
        struct client client;
        char byte;
        int fd;
        client_open(&client);
        client_create_shared(&client, SIZE_BYTES, &fd);
        client_send_descriptor(sockets[1], fd);
        close(sockets[0]);
        while (read(sockets[1], &byte, 1) > 0) continue; /* until the other side is gone */
        _exit(0);
    }
    close(sockets[1]);
    return client_receive_descriptor(sockets[0]);
}

static void *make_opener(const void *unused)
{
    (void)unused;
    struct load *load = calloc(1, sizeof *load);
    if (!load) measure_die("out of memory");
    load->shared_fd = from_another_process();
    client_open(&load->client);
    return load;
}

static double open_lock_close(void *state)
{
    const struct load *load = state;
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < PAIRS / 10; i++) {
        D3DKMT_HANDLE allocation, resource = client_open_shared(&load->client, load->shared_fd, &allocation);
        MEASURE_KEEP(client_lock(&load->client, allocation));
        client_destroy_resource(&load->client, resource);
    }
    return (double)(measure_now_ns() - start) / (PAIRS / 10);
}

struct courier {
    int sockets[2], memory;
};

static void *make_courier(const void *unused)
{
    (void)unused;
    struct courier *courier = calloc(1, sizeof *courier);
    if (!courier || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, courier->sockets)) measure_die("no socket");
    courier->memory = memfd_create("anchor", MFD_CLOEXEC);
    if (courier->memory < 0 || ftruncate(courier->memory, SIZE_BYTES)) measure_die("no memory file");
    return courier;
}

static double receive_map_close(void *state)
{
    const struct courier *courier = state;
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < PAIRS / 10; i++) {
        client_send_descriptor(courier->sockets[0], courier->memory);
        int fd = client_receive_descriptor(courier->sockets[1]);
        void *memory = mmap(NULL, SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        MEASURE_KEEP(memory);
        munmap(memory, SIZE_BYTES);
        close(fd);
    }
    return (double)(measure_now_ns() - start) / (PAIRS / 10);
}

void row_remote_open(unsigned repetitions, struct row_figures *ret)
{
    if (!begin(0, ret)) return;
    struct station *ours = station_start(make_opener, NULL, open_lock_close);
    struct station *anchor = station_start(make_courier, NULL, receive_map_close);
    struct measure_best best = measure_pair((struct measure_side){station_run, ours},
                                            (struct measure_side){station_run, anchor}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
    station_stop(anchor);
    station_stop(ours);
    served_stop();
}
