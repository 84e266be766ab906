/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong on purpose, phase by phase: calls that fail by a rule, calls that find no memory, engines that fault
 * or hang, an adapter that is taken away. Calls that failed have changed nothing, so they are made again and must do
 * then.
 */
#include <stdio.h>

#include "abi/control.h"
#include "heap.h"
#include "property.h"

#define HASTY_MS 200u /* an adapter that gives up so early may have engines that hang */

static atomic_bool starving; /* a phase of calls without memory */

/* ---- memory ---- */

void trouble_starve(void)
{
    heap_starve(atomic_load(&starving) && one_in(8) ? 1 + (int)below(3) : 0);
}

bool trouble_feed(void)
{
    return heap_feed();
}

/* ---- rules ---- */

static void set_rules(const char *rules)
{
    char error[256] = "";
    if (udxg_failed(udxg_kernel_inject(world.kernel, rules, error, sizeof error))) fail("%s: %s", rules, error);
}

/* Any call, now and then. */
static void fail_calls(struct random *random)
{
    char rules[128];
    snprintf(rules, sizeof rules, "*:status=STATUS_UNSUCCESSFUL:when=%u+%u", 1 + (unsigned)random_below(random, 50),
             2 + (unsigned)random_below(random, 50));
    set_rules(rules);
}

static void fail_engines(struct random *random)
{
    static const char *const kinds[] = {"fault", "hang"};
    bool hasty = world.adapter->caps.tdr_delay_ms <= HASTY_MS;
    char rules[128];
    snprintf(rules, sizeof rules, "engine:%s:when=%u+%u", kinds[hasty && random_below(random, 2)],
             1 + (unsigned)random_below(random, 20), 20 + (unsigned)random_below(random, 80));
    set_rules(rules);
    atomic_store(&world.loss, LOSS_ENGINE);
}

void trouble_begin(uint64_t phase)
{
    struct random random = {world.seed * 31 + phase};
    uint64_t choice = random_below(&random, 4);
    bool loss = world.loss_every && phase % world.loss_every == world.loss_every - 1;
    if (loss && choice < 2) fail_engines(&random);
    if (loss && choice >= 2) atomic_store(&world.loss, LOSS_ADAPTER);
    if (!loss && choice == 0) fail_calls(&random);
    if (!loss && choice == 1) atomic_store(&starving, true);
}

void trouble_step(void)
{
    struct udxg_stop_adapter args = {.AdapterLuid = world.adapter->luid};
    if (worker->id || atomic_load(&world.loss) != LOSS_ADAPTER || !one_in(world.check_every / 2 + 1)) return;
    CHECK(CALL(&worker->room, StopAdapter, &args) == STATUS_SUCCESS);
}

/* ---- afterwards ---- */

/* Its handles say so from then on. */
static bool is_adapter_lost(void)
{
    D3DKMT_QUERYVIDEOMEMORYINFO args = {.hAdapter = world.process[0].adapter};
    udxg_status status = CALL(&world.process[0].shared, QueryVideoMemoryInfo, &args);
    CHECK(status == STATUS_SUCCESS || status == STATUS_DEVICE_REMOVED);
    return status == STATUS_DEVICE_REMOVED;
}

static void find_lost(struct room *room)
{
    if (room->is_open && !atomic_load(&room->lost)) room_is_alive(room);
}

static void close_lost(struct room *room)
{
    if (room->is_open && !atomic_load(&room->lost)) return;
    room_close(room);
    worker->rebirths++;
}

static void open_closed(struct room *room)
{
    if (!room->is_open && !room_open(room)) fail("a new device is lost");
}

static void bring_adapter_back(void)
{
    struct udxg_start_adapter start = {.AdapterLuid = world.adapter->luid};
    for (unsigned i = 0; i < world.processes; i++) {
        D3DKMT_CLOSEADAPTER close = {.hAdapter = world.process[i].adapter};
        CHECK(CALL(&world.process[i].shared, CloseAdapter, &close) == STATUS_SUCCESS);
    }
    CHECK(CALL(&world.process[0].shared, StartAdapter, &start) == STATUS_SUCCESS);
    for (unsigned i = 0; i < world.processes; i++) world_open_adapter(&world.process[i]);
}

void trouble_end(void)
{
    set_rules(NULL);
    atomic_store(&starving, false);
    if (atomic_load(&world.loss)) world_each_room(find_lost);
    world_each_room(close_lost);
    if (atomic_load(&world.loss) && is_adapter_lost()) bring_adapter_back();
    atomic_store(&world.loss, LOSS_NONE);
    world_each_room(open_closed);
}
