/* SPDX-License-Identifier: MIT */
/* See recount.h. Locks of the kernel are taken one at a time, but for the checks, which take their own. */
#include "recount.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/process.h"
#include "host.h"
#include "vidmm/adapter.h"
#include "vidmm/process.h"

static void add(struct recount *recount, const char *name, int index, uint64_t number)
{
    unsigned i = recount->count;

    if (i == RECOUNT_MOST) {
        recount->wrong = "there is no room for all numbers";
        return;
    }
    if (index < 0)
        snprintf(recount->lines[i].name, sizeof recount->lines[i].name, "%s", name);
    else
        snprintf(recount->lines[i].name, sizeof recount->lines[i].name, "%s %d", name, index);
    recount->lines[i].number = number;
    recount->count++;
}

static void note(struct recount *recount, const char *wrong)
{
    if (wrong && !recount->wrong) recount->wrong = wrong;
}

static uint64_t length(const struct udxg_list *list)
{
    uint64_t count = 0;

    udxg_list_for_each(link, list) count++;
    return count;
}

/* ---- what the system keeps for us ---- */

static unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

static bool is_thread(const char *number, const char *name)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.16s/comm", number);
    FILE *file = fopen(path, "re");
    bool is = file && fgets(text, sizeof text, file) && !strncmp(text, name, strlen(name));

    if (file) fclose(file);
    return is;
}

/* Threads of the daemon that belong to clients; others come when they are first needed, and stay. */
static uint64_t threads_of(const char *name)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    uint64_t count = 0;

    while (folder && (entry = readdir(folder))) count += is_thread(entry->d_name, name);
    if (folder) closedir(folder);
    return count;
}

/* Mappings of memory files, and how much that is. */
static void add_mappings(struct recount *recount)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uint64_t count = 0, bytes = 0;
    char line[512];

    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long long start, end;
        if (!strstr(line, "/memfd:") || sscanf(line, "%llx-%llx", &start, &end) != 2) continue;
        count++;
        bytes += end - start;
    }
    if (maps) fclose(maps);
    add(recount, "mappings of memory files", -1, count);
    add(recount, "bytes of these", -1, bytes);
}

/* ---- the kernel ---- */

static void add_kernel(struct recount *recount, struct udxg_kernel *kernel)
{
    udxg_lock(REGISTRY, &kernel->registry.lock);
    add(recount, "processes", -1, kernel->registry.count);
    add(recount, "processes on the list", -1, length(&kernel->registry.entries));
    udxg_unlock(REGISTRY, &kernel->registry.lock);
    udxg_lock(NT, &kernel->nt_handles.lock);
    add(recount, "NT handles", -1, length(&kernel->nt_handles.open));
    add(recount, "NT handles by number", -1, kernel->nt_handles.by_inode.count);
    add(recount, "names", -1, kernel->nt_handles.names.count);
    udxg_unlock(NT, &kernel->nt_handles.lock);
    udxg_lock(GLOBAL, &kernel->globals.lock);
    add(recount, "global handles", -1, kernel->globals.table.count);
    udxg_unlock(GLOBAL, &kernel->globals.lock);
}

static void add_adapter(struct recount *recount, struct udxg_adapter *adapter)
{
    struct vidmm_adapter *vidmm = adapter->vidmm;
    int i = (int)adapter->index;

    udxg_lock(ADAPTER, &adapter->lock);
    add(recount, "devices of adapter", i, length(&adapter->devices));
    udxg_unlock(ADAPTER, &adapter->lock);
    udxg_lock(VIDMM, &vidmm->lock);
    add(recount, "processes of adapter", i, vidmm->process_count);
    add(recount, "commit of adapter", i, vidmm->commit_bytes);
    add(recount, "waiters of adapter", i, vidmm->waiters);
    add(recount, "reserved on adapter", i, vidmm->reserved_bytes[0] + vidmm->reserved_bytes[1]);
    add(recount, "aperture of adapter", i, vidmm->aperture_bytes);
    add(recount, "waiting on adapter", i, length(&vidmm->waiting) + length(&vidmm->arriving));
    add(recount, "orders of adapter", i, vidmm->orders);
    udxg_unlock(VIDMM, &vidmm->lock);
    add(recount, "GPU address nodes of adapter", i, udxg_slab_in_use(&vidmm->va_nodes));
    add(recount, "offers of adapter", i, udxg_slab_in_use(&vidmm->offers));
    note(recount, vidmm_adapter_check(vidmm));
}

/* ---- the survivor ---- */

static void count_handle(uint32_t handle, void *object, void *user)
{
    (void)handle, (void)object;
    ++*(uint64_t *)user;
}

static void add_process_adapter(struct recount *recount, struct udxg_process_adapter *pa, int i)
{
    struct vidmm_usage usage;

    vidmm_process_usage(pa->vidmm, &usage);
    add(recount, "survivor's allocations", i, usage.allocations);
    add(recount, "survivor's commit", i, usage.commit_bytes);
    add(recount, "survivor's references", i, atomic_load(&pa->refs));
    add(recount, "survivor's births", i, udxg_slab_in_use(&pa->births));
    add(recount, "survivor's openings", i, udxg_slab_in_use(&pa->openings));
    add(recount, "survivor's events", i, atomic_load(&pa->events));
    add(recount, "survivor's devices", i, atomic_load(&pa->devices));
    add(recount, "survivor's contexts", i, atomic_load(&pa->contexts));
    note(recount, vidmm_process_check(pa->vidmm));
}

static void add_survivor(struct recount *recount, struct udxg_process *process)
{
    for (int type = 0; type < UDXG_HANDLE_TYPE_COUNT; type++) {
        uint64_t count = 0;
        udxg_handle_for_each(&process->handles, (enum udxg_handle_type)type, count_handle, &count);
        add(recount, "survivor's handles of type", type, count);
    }
    for (int i = 0; i < (int)UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa = atomic_load(&process->adapters[i]);
        if (pa) add_process_adapter(recount, pa, i);
    }
    note(recount, udxg_handle_table_check(&process->handles));
}

static struct udxg_process *find(struct udxg_kernel *kernel, pid_t pid)
{
    struct udxg_process *found = NULL;

    udxg_lock(REGISTRY, &kernel->registry.lock);
    udxg_list_for_each(link, &kernel->registry.entries)
    {
        struct udxg_process *process = udxg_container_of(link, struct udxg_process, entry.link);
        if (process->pid == (uint32_t)pid) found = process;
    }
    udxg_unlock(REGISTRY, &kernel->registry.lock);
    return found;
}

/* ---- all of it ---- */

void recount_take(struct recount *recount, pid_t survivor)
{
    struct udxg_process *process = find(host_kernel, survivor);

    recount->count = 0;
    recount->wrong = process ? NULL : "the survivor is not there";
    add(recount, "sessions", -1, host_sessions());
    add(recount, "threads of sessions", -1, threads_of("udxgd-session"));
    add(recount, "threads of links", -1, threads_of("udxg-link"));
    add(recount, "descriptors", -1, entries("/proc/self/fd"));
    add_mappings(recount);
    add_kernel(recount, host_kernel);
    for (uint32_t i = 0; i < host_kernel->adapter_count; i++) add_adapter(recount, host_kernel->adapters[i]);
    if (process) add_survivor(recount, process);
}

bool recount_equal(const struct recount *a, const struct recount *b)
{
    if (a->wrong || b->wrong || a->count != b->count) return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->lines[i].number != b->lines[i].number) return false;
    return true;
}

static void tell_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    char target[256];

    while (folder && (entry = readdir(folder))) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length > 0) fprintf(stderr, "    descriptor %s: %.*s\n", entry->d_name, (int)length, target);
    }
    if (folder) closedir(folder);
}

void recount_tell(const struct recount *before, const struct recount *now)
{
    if (now->wrong) fprintf(stderr, "    %s\n", now->wrong);
    for (unsigned i = 0; i < now->count && i < before->count; i++) {
        if (before->lines[i].number == now->lines[i].number) continue;
        fprintf(stderr, "    %s: %llu, was %llu\n", now->lines[i].name, (unsigned long long)now->lines[i].number,
                (unsigned long long)before->lines[i].number);
    }
    tell_descriptors();
}
