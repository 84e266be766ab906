/* SPDX-License-Identifier: MIT */
/* The list of processes; the rules stand in the header. */
#include "core/registry.h"

#include <stdlib.h>
#include <string.h>

#include "abi/carry.h"
#include "base/os.h"
#include "core/adapter.h"
#include "core/handlers.h"
#include "core/process.h"

_Static_assert(UDXG_REGISTRY_ADAPTERS == UDXG_KERNEL_ADAPTERS, "a process may use all adapters");

static struct udxg_process *process_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct udxg_process, entry.link);
}

void udxg_registry_init(struct udxg_registry *registry) UDXG_NO_TSA
{
    udxg_mutex_init_REGISTRY(&registry->lock);
    udxg_list_init(&registry->entries);
}

void udxg_registry_fini(struct udxg_registry *registry)
{
    udxg_mutex_fini_REGISTRY(&registry->lock);
}

void udxg_registry_add(struct udxg_process *process)
{
    struct udxg_registry *registry = &process->kernel->registry;

    udxg_lock(REGISTRY, &registry->lock);
    process->entry.serial = ++registry->made;
    udxg_list_append(&registry->entries, &process->entry.link);
    registry->count++;
    udxg_unlock(REGISTRY, &registry->lock);
}

void udxg_registry_remove(struct udxg_process *process)
{
    struct udxg_registry *registry = &process->kernel->registry;

    udxg_lock(REGISTRY, &registry->lock);
    udxg_list_remove(&process->entry.link);
    registry->count--;
    udxg_unlock(REGISTRY, &registry->lock);
}

/* A client chooses its name, and terminals obey some: what is not plain becomes a question mark. */
static void copy_name(const char *from, char *to)
{
    size_t i = 0;

    for (; i + 1 < UDXG_PROCESS_NAME_CHARS && from[i]; i++) to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    memset(to + i, 0, UDXG_PROCESS_NAME_CHARS - i);
}

void udxg_process_introduce(struct udxg_process *process, uint32_t uid, const char *name)
{
    udxg_lock(REGISTRY, &process->kernel->registry.lock);
    process->entry.has_uid = true;
    process->entry.uid = uid;
    copy_name(name, process->entry.name);
    udxg_unlock(REGISTRY, &process->kernel->registry.lock);
}

bool udxg_registry_has(struct udxg_kernel *kernel, uint32_t pid, bool (*is_wanted)(void *user, uint64_t serial),
                       void *user)
{
    bool found = false;

    udxg_lock(REGISTRY, &kernel->registry.lock);
    udxg_list_for_each(it, &kernel->registry.entries) if (process_of(it)->pid == pid &&
                                                          is_wanted(user, process_of(it)->entry.serial)) found = true;
    udxg_unlock(REGISTRY, &kernel->registry.lock);
    return found;
}

/* ---- copies ---- */

static void copy_locked(struct udxg_process *process, struct udxg_present *ret) UDXG_REQUIRES(REGISTRY)
{
    const struct udxg_registry_entry *entry = &process->entry;

    *ret = (struct udxg_present){
        .serial = entry->serial,
        .pid = process->pid,
        .has_uid = entry->has_uid,
        .uid = entry->uid,
        .handles = udxg_handle_count(&process->handles),
    };
    memcpy(ret->name, entry->name, sizeof ret->name);
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        ret->adapters[i] = atomic_load_explicit(&process->adapters[i], memory_order_acquire);
        if (ret->adapters[i]) udxg_process_adapter_ref(ret->adapters[i]);
    }
}

void udxg_present_fini(struct udxg_present *present)
{
    for (uint32_t i = 0; i < UDXG_REGISTRY_ADAPTERS; i++)
        if (present->adapters[i]) udxg_process_adapter_unref(present->adapters[i]);
}

static uint32_t count_of(struct udxg_registry *registry)
{
    udxg_lock(REGISTRY, &registry->lock);
    uint32_t count = registry->count;
    udxg_unlock(REGISTRY, &registry->lock);
    return count;
}

/* Copies all if there is room for them. */
static bool copy_all(struct udxg_registry *registry, struct udxg_present *processes, uint32_t room, uint32_t *ret_count)
{
    uint32_t count = 0;

    udxg_lock(REGISTRY, &registry->lock);
    bool fits = registry->count <= room;
    if (fits) udxg_list_for_each(it, &registry->entries) copy_locked(process_of(it), &processes[count++]);
    udxg_unlock(REGISTRY, &registry->lock);
    *ret_count = count;
    return fits;
}

udxg_status udxg_registry_list(struct udxg_kernel *kernel, struct udxg_present **ret_processes, uint32_t *ret_count)
{
    for (;;) {
        uint32_t room = count_of(&kernel->registry) + 4; /* who comes meanwhile */
        struct udxg_present *processes = calloc(room, sizeof *processes);

        if (!processes) return STATUS_NO_MEMORY;
        if (copy_all(&kernel->registry, processes, room, ret_count)) {
            *ret_processes = processes;
            return STATUS_SUCCESS;
        }
        free(processes);
    }
}

void udxg_registry_free(struct udxg_present *processes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) udxg_present_fini(&processes[i]);
    free(processes);
}

/* ---- other processes ---- */

static bool may_see_locked(const struct udxg_process *process, const struct udxg_process *other) UDXG_REQUIRES(REGISTRY)
{
    return process->entry.has_uid == other->entry.has_uid && process->entry.uid == other->entry.uid;
}

static bool find(struct udxg_process *process, uint32_t pid, struct udxg_present *ret)
{
    struct udxg_registry *registry = &process->kernel->registry;
    bool found = false;

    udxg_lock(REGISTRY, &registry->lock);
    udxg_list_for_each(it, &registry->entries)
    {
        struct udxg_process *other = process_of(it);

        if (found || other->pid != pid || !may_see_locked(process, other)) continue;
        copy_locked(other, ret);
        found = true;
    }
    udxg_unlock(REGISTRY, &registry->lock);
    return found;
}

/* The descriptors of a process elsewhere are looked at by its endpoint, which sends the number. */
static bool pid_of(const struct udxg_process *process, HANDLE handle, uint32_t *ret_pid)
{
    if (!process->endpoint) return udxg_os_pidfd_pid((intptr_t)handle, ret_pid);
    *ret_pid = (uint32_t)(uintptr_t)handle;
    return (uintptr_t)handle >> 32 == UDXG_PROCESS_BY_NUMBER >> 32;
}

udxg_status udxg_process_by_handle(struct udxg_process *process, HANDLE handle, bool *ret_is_caller,
                                   struct udxg_present *ret_other)
{
    uint32_t pid = process->pid;

    *ret_other = (struct udxg_present){0};
    if (udxg_failed(udxg_check_process_handle(handle)) && !pid_of(process, handle, &pid)) return STATUS_INVALID_HANDLE;
    *ret_is_caller = pid == process->pid;
    return *ret_is_caller || find(process, pid, ret_other) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

udxg_status udxg_registry_with(struct udxg_process *process, HANDLE handle,
                               void (*work)(struct udxg_process *meant, void *user), void *user)
{
    struct udxg_registry *registry = &process->kernel->registry;
    struct udxg_process *meant = NULL;
    uint32_t pid = process->pid;

    if (udxg_failed(udxg_check_process_handle(handle)) && !pid_of(process, handle, &pid)) return STATUS_INVALID_HANDLE;
    udxg_lock(REGISTRY, &registry->lock);
    if (pid == process->pid) {
        meant = process;
    } else {
        udxg_list_for_each(it, &registry->entries) if (!meant && process_of(it)->pid == pid &&
                                                       may_see_locked(process, process_of(it))) meant = process_of(it);
    }
    if (meant) work(meant, user);
    udxg_unlock(REGISTRY, &registry->lock);
    return meant ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* An adapter is used by who has, or had, a device on it, or has asked for its memory there. */
static bool uses_locked(struct udxg_process *other, const struct udxg_adapter *adapter)
{
    return atomic_load_explicit(&other->adapters[adapter->index], memory_order_acquire) != NULL;
}

udxg_status thunk_EnumProcesses(struct udxg_process *process, D3DKMT_ENUMPROCESSES *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);
    struct udxg_registry *registry = &process->kernel->registry;
    uint64_t count = 0;

    if (!adapter || !args->BufferCount) return STATUS_INVALID_PARAMETER;
    udxg_lock(REGISTRY, &registry->lock);
    udxg_list_for_each(it, &registry->entries)
    {
        struct udxg_process *other = process_of(it);

        if (!may_see_locked(process, other) || !uses_locked(other, adapter)) continue;
        if (count < args->BufferCount) args->Buffer[count] = other->pid;
        count++;
    }
    udxg_unlock(REGISTRY, &registry->lock);
    if (count > args->BufferCount) return STATUS_BUFFER_TOO_SMALL;
    args->BufferCount = count;
    return STATUS_SUCCESS;
}
