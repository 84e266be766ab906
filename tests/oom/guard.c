/* SPDX-License-Identifier: MIT */
/* See guard.h. Threads of the kernel run meanwhile, but whoever is here waits for them. */
#include "guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dispatch.h"
#include "faults.h"
#include "vidmm/adapter.h"
#include "miniport/miniports.h"

struct world world;

static bool armed;
static const char *last_call = "nothing";

void guard_fail(const char *format, ...)
{
    va_list arguments;
    faults_off();
    va_start(arguments, format);
    printf("# ");
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n#   first fault: %s; points so far: %llu; last call: %s\n", faults_first(),
           (unsigned long long)faults_points(), last_call);
    exit(1);
}

bool guard_is_armed(void)
{
    return armed;
}

void guard_disarm(void)
{
    armed = false;
}

void guard_arm(void)
{
    armed = true;
}

/* ---- the world ---- */

struct udxg_process_adapter *world_pa(void)
{
    return world.process ? atomic_load(&world.process->adapters[0]) : NULL;
}

void world_check(void)
{
    struct udxg_process_adapter *pa = world_pa();
    const char *wrong = udxg_handle_table_check(&world.process->handles);
    if (!wrong && pa) wrong = vidmm_process_check(pa->vidmm);
    if (!wrong && pa) wrong = vidmm_adapter_check(pa->adapter->vidmm);
    if (wrong) guard_fail("a recount says: %s", wrong);
}

static LUID luid_of_first(void)
{
    return world.kernel->adapters[0]->luid;
}

void world_open(const char *adapters)
{
    char error[512] = "";
    D3DKMT_OPENADAPTERFROMLUID open = {0};
    udxg_status status = udxg_kernel_create(adapters, udxg_miniports, error, sizeof error, &world.kernel);
    if (udxg_failed(status)) guard_fail("no kernel: %s %s", udxg_status_name(status), error);
    status = udxg_process_create(world.kernel, NULL, &world.process);
    if (udxg_failed(status)) guard_fail("no process: %s", udxg_status_name(status));
    open.AdapterLuid = luid_of_first();
    PLAIN(OpenAdapterFromLuid, &open);
    world.adapter = open.hAdapter;
}

void world_close(void)
{
    udxg_process_destroy(world.process);
    udxg_kernel_destroy(world.kernel);
    world = (struct world){0};
}

/* ---- what a failed call must leave as it was ---- */

enum { SLABS = 3 };

struct picture {
    uint32_t next_handle, handles;
    uint64_t allocations, commit_bytes;
    size_t slab_objects[SLABS]; /* in use: slabs give nothing back, so that a lost object shows nowhere else */
};

static uint32_t next_handle(void)
{
    struct udxg_handle_table *table = &world.process->handles;
    uint32_t index;
    udxg_lock(HANDLE, &table->stripes[0].lock);
    index = table->stripes[0].free_first;
    udxg_unlock(HANDLE, &table->stripes[0].lock);
    return index * UDXG_HANDLE_STEP;
}

static void count_handle(uint32_t handle, void *object, void *user)
{
    (void)handle, (void)object;
    ++*(uint32_t *)user;
}

static struct picture take_picture(void)
{
    struct udxg_process_adapter *pa = world_pa();
    struct vidmm_usage usage = {0};
    struct picture picture = {.next_handle = next_handle()};
    udxg_handle_for_each(&world.process->handles, UDXG_HANDLE_NONE, count_handle, &picture.handles);
    if (!pa) return picture;
    vidmm_process_usage(pa->vidmm, &usage);
    picture.allocations = usage.allocations;
    picture.commit_bytes = usage.commit_bytes;
    picture.slab_objects[0] = udxg_slab_in_use(&pa->births);
    picture.slab_objects[1] = udxg_slab_in_use(&pa->adapter->vidmm->extents);
    picture.slab_objects[2] = udxg_slab_in_use(&pa->adapter->vidmm->va_nodes);
    return picture;
}

static void compare_pictures(const struct picture *before)
{
    struct picture after = take_picture();
    if (after.next_handle != before->next_handle)
        guard_fail("the next handle was %#x and is %#x", before->next_handle, after.next_handle);
    if (after.handles != before->handles) guard_fail("%u handles became %u", before->handles, after.handles);
    if (after.allocations != before->allocations || after.commit_bytes != before->commit_bytes)
        guard_fail("%llu allocations with %llu bytes became %llu with %llu", (unsigned long long)before->allocations,
                   (unsigned long long)before->commit_bytes, (unsigned long long)after.allocations,
                   (unsigned long long)after.commit_bytes);
    for (int i = 0; i < SLABS; i++)
        if (after.slab_objects[i] != before->slab_objects[i])
            guard_fail("%zu objects of slab %d became %zu", before->slab_objects[i], i, after.slab_objects[i]);
}

/* A copy of all spans, one after the other. */
static char *copy_spans(const struct iovec *spans)
{
    size_t bytes = 0;
    char *copy, *at;
    for (const struct iovec *span = spans; span->iov_base; span++) bytes += span->iov_len;
    copy = at = malloc(bytes);
    NEED(copy);
    for (const struct iovec *span = spans; span->iov_base; at += span->iov_len, span++)
        memcpy(at, span->iov_base, span->iov_len);
    return copy;
}

/* The one call that writes when it fails: it says that nothing was done and how much is to be trimmed, which is
 * nothing when it is our own memory that is out. */
static void undo_outputs(enum udxg_thunk_id id, void *args, const char *copy)
{
    D3DDDI_MAKERESIDENT *resident = args;
    if (id != UDXG_THUNK_MakeResident) return;
    NEED(resident->NumBytesToTrim == 0);
    resident->NumBytesToTrim = ((const D3DDDI_MAKERESIDENT *)(const void *)copy)->NumBytesToTrim;
    if (resident->NumAllocations == 0)
        resident->NumAllocations = ((const D3DDDI_MAKERESIDENT *)(const void *)copy)->NumAllocations;
}

static void compare_spans(const struct iovec *spans, const char *copy)
{
    for (unsigned i = 0; spans[i].iov_base; copy += spans[i].iov_len, i++)
        if (memcmp(copy, spans[i].iov_base, spans[i].iov_len))
            guard_fail("the call failed and changed %s", i ? "what its arguments point to" : "its argument struct");
}

/* ---- the call ---- */

/* What is made resident comes in place on the paging thread, which has points of its own. */
static udxg_status dispatch(enum udxg_thunk_id id, const void *args)
{
    udxg_status status = udxg_dispatch(world.process, id, args);
    const D3DDDI_MAKERESIDENT *resident = args;
    if (id == UDXG_THUNK_MakeResident && status == STATUS_PENDING)
        while (*world.queue_value < resident->PagingFenceValue) usleep(50);
    return status;
}

void guard_plain(enum udxg_thunk_id id, const void *args)
{
    udxg_status status = dispatch(id, args);
    if (udxg_failed(status)) guard_fail("%s, without faults -> %s", udxg_thunks[id].name, udxg_status_name(status));
}

static udxg_status dispatch_with_faults(enum udxg_thunk_id id, const void *args)
{
    udxg_status status;
    faults_on();
    status = dispatch(id, args);
    faults_off();
    return status;
}

void guard_judge(udxg_status status)
{
    if (!faults_fired()) guard_fail("%s, without any fault", udxg_status_name(status));
    if (status != STATUS_NO_MEMORY && status != STATUS_GRAPHICS_NO_VIDEO_MEMORY)
        guard_fail("a lack of memory became %s", udxg_status_name(status));
}

void guard_call(enum udxg_thunk_id id, void *args, const struct iovec *spans)
{
    struct picture before;
    udxg_status status;
    char *copy;

    last_call = udxg_thunks[id].name;
    if (!armed) {
        guard_plain(id, args);
        return;
    }
    before = take_picture();
    copy = copy_spans(spans);
    status = dispatch_with_faults(id, args);
    if (udxg_failed(status)) {
        armed = false;
        guard_judge(status);
        undo_outputs(id, args, copy);
        compare_spans(spans, copy);
        compare_pictures(&before);
        world_check();
        status = dispatch(id, args);
        if (udxg_failed(status)) guard_fail("without faults it still says %s", udxg_status_name(status));
    }
    world_check();
    free(copy);
}
