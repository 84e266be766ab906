/* SPDX-License-Identifier: MIT */
/*
 * Says who waits for what when a worker has not moved for too long, and ends the test: nobody may wait for ever, and
 * nobody may starve. It looks at what the workers write down and at values that the kernel maps for clients, and takes
 * no lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/thunk.h"
#include "property.h"

static pthread_t thread;
static atomic_bool over;

static void print_room(const char *name, const struct room *room)
{
    printf("  %s:%s%s, about %llu KiB listed;", name, room->is_open ? "" : " closed",
           atomic_load(&room->lost) ? " lost" : "", (unsigned long long)atomic_load(&room->listed_bytes) >> 10);
    for (unsigned i = 0; i < LANES; i++) {
        const struct lane *lane = &room->lanes[i];
        if (lane->fence_value)
            printf(" lane %u %s at %llu of %llu%s", i, lane->is_queue ? "(queue)" : "(context)",
                   (unsigned long long)*lane->fence_value, (unsigned long long)lane->next,
                   lane->claimed ? " claimed;" : ";");
    }
    for (unsigned i = 0; i < QUEUES; i++)
        if (room->pagings[i].value) printf(" paging %u at %llu;", i, (unsigned long long)*room->pagings[i].value);
    printf("\n");
}

static void print_all(unsigned stuck)
{
    printf("seed %llu: worker %u has not moved for %u s\n", (unsigned long long)world.seed, stuck, world.patience_s);
    for (unsigned i = 0; i < world.workers; i++) {
        const struct worker *one = &world.worker[i];
        const char *doing = atomic_load(&one->doing);
        int call = atomic_load(&one->call);
        printf("worker %u, step %llu, %s%s%s%s\n", i, (unsigned long long)atomic_load(&one->step),
               doing ? doing : "nothing", atomic_load(&one->waits) ? ", waits for the others" : "",
               call < 0 ? "" : ", in call ", call < 0 ? "" : udxg_thunks[call].name);
        print_room("its own room", &one->room);
    }
    for (unsigned i = 0; i < world.processes; i++) print_room("a shared room", &world.process[i].shared);
    fflush(stdout);
}

static bool is_moving(const struct worker *one, uint64_t *last)
{
    uint64_t moves = atomic_load(&one->moves);
    bool moving = moves != *last || atomic_load(&one->waits);
    *last = moves;
    return moving;
}

static void *watch(void *unused)
{
    uint64_t last[MAX_WORKERS] = {0};
    unsigned quiet_s[MAX_WORKERS] = {0};
    (void)unused;
    while (!atomic_load(&over)) {
        sleep(1);
        for (unsigned i = 0; i < world.workers; i++) {
            quiet_s[i] = is_moving(&world.worker[i], &last[i]) ? 0 : quiet_s[i] + 1;
            if (quiet_s[i] < world.patience_s || atomic_load(&over)) continue;
            print_all(i);
            abort();
        }
    }
    return NULL;
}

void watchdog_start(void)
{
    if (pthread_create(&thread, NULL, watch, NULL)) fail("no thread");
}

void watchdog_stop(void)
{
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}
