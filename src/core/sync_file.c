/* SPDX-License-Identifier: MIT */
/*
 * Sync files: a fence and a value behind a descriptor that can be polled. It is an NT handle turned round: the client
 * has the reading end of the pipe, and there is a byte to read when the fence has reached the value, or never will.
 * Every copy of the descriptor is the same sync file. It keeps its fence, which can be opened from it, for waits; it
 * only watches it. No lock of its own.
 */
#include <stdlib.h>

#include "core/context.h"
#include "core/handlers.h"

enum mark_state { UNMARKED, MARKING, MARKED, CLOSED };

/* What marks the descriptor; it outlives the file while the fence is just being signalled. */
struct file_wait {
    struct udxg_nt_handles *nt_handles; /* constant once it is started, like what follows; there until it is CLOSED */
    uint64_t inode;                     /* of the pipe */
    const struct udxg_shared *file;     /* not referenced */
    _Atomic uint32_t state;             /* enum mark_state */
    struct udxg_wait wait;
};

struct sync_file {
    struct udxg_shared shared;
    struct udxg_sync *sync; /* referenced, and watched; constant, like the rest */
    uint64_t value;
    struct file_wait *wait; /* a reference */
};

/* Nobody marks it any more: when the kernel ends, what would be marked goes next. */
static void close_wait(struct file_wait *wait)
{
    uint32_t state = UNMARKED;

    if (atomic_compare_exchange_strong(&wait->state, &state, CLOSED)) return;
    while (atomic_load(&wait->state) == MARKING) udxg_os_futex_wait(&wait->state, MARKING);
}

/* On a thread that marks nothing, without locks. */
static void file_destroy(struct udxg_shared *shared)
{
    struct sync_file *file = udxg_container_of(shared, struct sync_file, shared);

    close_wait(file->wait);
    udxg_wait_cancel(&file->wait->wait);
    udxg_wait_unref(&file->wait->wait);
    udxg_sync_unwatch(file->sync);
    udxg_sync_unref(file->sync);
    free(file);
}

static const struct udxg_shared_class sync_file_class = {.kind = UDXG_SHARED_SYNC_FILE, .destroy = file_destroy};

static void file_wait_free(struct udxg_wait *wait)
{
    free(udxg_container_of(wait, struct file_wait, wait));
}

static bool mark(struct udxg_wait *wait)
{
    struct file_wait *file = udxg_container_of(wait, struct file_wait, wait);

    uint32_t state = UNMARKED;

    if (!atomic_compare_exchange_strong(&file->state, &state, MARKING)) return true;
    udxg_nt_mark_readable(file->nt_handles, file->inode, file->file);
    atomic_store(&file->state, MARKED);
    udxg_os_futex_wake(&file->state);
    return true;
}

/* The wait is not started yet. */
static udxg_status file_create(struct udxg_process *process, struct udxg_sync *sync, uint64_t value,
                               struct sync_file **ret_file)
{
    static const struct udxg_wait_ops ops = {mark, file_wait_free};
    struct sync_file *file = calloc(1, sizeof *file);
    struct file_wait *wait = file ? malloc(udxg_wait_bytes(offsetof(struct file_wait, wait), 1)) : NULL;

    if (!wait) {
        free(file);
        return STATUS_NO_MEMORY;
    }
    wait->nt_handles = &process->kernel->nt_handles;
    atomic_init(&wait->state, UNMARKED);
    udxg_wait_init(&wait->wait, 1, &sync, &value, false, NULL, &ops);
    udxg_shared_init(&file->shared, &sync_file_class, true);
    udxg_sync_ref(sync);
    udxg_sync_watch(sync);
    file->sync = sync;
    file->value = value;
    wait->file = &file->shared;
    file->wait = wait;
    *ret_file = file;
    return STATUS_SUCCESS;
}

/* Makes the descriptor, and has it marked when the time comes. */
static udxg_status give_out(struct udxg_process *process, struct sync_file *file, int *ret_fd)
{
    const struct udxg_nt_request request = {.access = D3DDDI_SYNC_OBJECT_WAIT,
                                            .readable = true,
                                            .account = process->account};
    const struct udxg_name no_name = {0};
    struct udxg_shared *objects[] = {&file->shared};
    struct udxg_os_pipe_end end;
    udxg_status status = udxg_nt_share(&process->kernel->nt_handles, 1, objects, &no_name, &request, ret_fd);

    if (udxg_failed(status)) return status;
    /* Somebody who closes descriptors that are not his has closed it: nobody can poll it any more. */
    if (!udxg_os_pipe_end(*ret_fd, &end)) return STATUS_SUCCESS;
    file->wait->inode = end.inode;
    udxg_wait_start(&file->wait->wait);
    return STATUS_SUCCESS;
}

static udxg_status create(struct udxg_process *process, struct udxg_sync *sync, uint64_t value, UINT64 *ret_fd)
{
    struct sync_file *file;
    udxg_status status;
    int fd;

    if (!udxg_sync_is_monitored(sync)) return STATUS_INVALID_PARAMETER;
    status = file_create(process, sync, value, &file);
    if (udxg_failed(status)) return status;
    status = give_out(process, file, &fd);
    udxg_shared_close(&file->shared); /* the descriptor's reference stays */
    if (!udxg_failed(status)) *ret_fd = (UINT64)fd;
    return status;
}

udxg_status thunk_CreateSyncFile(struct udxg_process *process, D3DKMT_CREATESYNCFILE *args)
{
    struct udxg_device *device;
    struct udxg_sync *sync;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    udxg_device_put(device);
    status = udxg_syncs_get(process, 1, &args->hMonitoredFence, UDXG_SYNC_WAIT, &sync);
    if (udxg_failed(status)) return status;
    status = create(process, sync, args->FenceValue, &args->hSyncFile);
    udxg_sync_unref(sync);
    return status;
}

/* The sync file behind a descriptor; anything else is STATUS_INVALID_PARAMETER, as on Linux. */
static udxg_status find(struct udxg_process *process, UINT64 fd, struct udxg_nt_found *ret_found,
                        struct sync_file **ret_file)
{
    if (fd > INT32_MAX) return STATUS_INVALID_PARAMETER;
    if (udxg_failed(udxg_nt_find(&process->kernel->nt_handles, (intptr_t)fd, UDXG_SHARED_SYNC_FILE, ret_found)))
        return STATUS_INVALID_PARAMETER;
    *ret_file = udxg_container_of(ret_found->objects[0], struct sync_file, shared);
    return STATUS_SUCCESS;
}

udxg_status thunk_WaitSyncFile(struct udxg_process *process, D3DKMT_WAITSYNCFILE *args)
{
    struct udxg_context *context;
    struct udxg_nt_found found;
    struct udxg_packet *packet;
    struct sync_file *file;
    udxg_status status = udxg_contexts_get(process, 1, &args->hContext, &context);

    if (udxg_failed(status)) return status;
    status = find(process, args->hSyncFile, &found, &file);
    if (!udxg_failed(status)) {
        status = udxg_packet_make_wait(&context->lane, 1, &file->sync, &file->value, &packet);
        if (!udxg_failed(status)) status = udxg_packets_submit(1, &packet);
        udxg_nt_forget(&found);
    }
    udxg_context_put(context);
    return status;
}

static udxg_status open_fence(struct udxg_process *process, const struct sync_file *file, struct udxg_sync_open *how,
                              D3DKMT_OPENSYNCOBJECTFROMSYNCFILE *args)
{
    struct udxg_sync_opening *opening;
    uint32_t handle;
    udxg_status status;

    status = udxg_sync_open_shared(process, file->sync, how, &opening, &handle);
    if (udxg_failed(status)) return status;
    args->FenceValue = file->value;
    args->FenceValueCPUVirtualAddress = (void *)opening->cpu;
    args->FenceValueGPUVirtualAddress = opening->gpu_va;
    args->hSyncObject = handle;
    udxg_sync_opening_publish(opening, handle);
    return STATUS_SUCCESS;
}

udxg_status thunk_OpenSyncObjectFromSyncFile(struct udxg_process *process, D3DKMT_OPENSYNCOBJECTFROMSYNCFILE *args)
{
    struct udxg_sync_open how = {.access = D3DDDI_SYNC_OBJECT_WAIT, .watches = true};
    struct udxg_nt_found found;
    struct sync_file *file;
    udxg_status status = udxg_device_get(process, args->hDevice, &how.device);

    if (udxg_failed(status)) return status;
    status = find(process, args->hSyncFile, &found, &file);
    if (!udxg_failed(status)) {
        status = open_fence(process, file, &how, args);
        udxg_nt_forget(&found);
    }
    udxg_device_put(how.device);
    return status;
}
