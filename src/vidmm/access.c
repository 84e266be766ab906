/* SPDX-License-Identifier: MIT */
/*
 * The memory of a process as engines see it. An access is done in chunks: each is resolved under the locks,
 * which pins what it touches (access_count), and done without them; who wants to move or free the memory waits
 * for the chunk to end, and a chunk waits for a move to end. A chunk pins all it needs at once or nothing, so
 * two engines and two moves never wait for each other.
 *
 * Nothing here raises a signal: what may not be there, the caller's own memory, goes through the system.
 */
#include <string.h>

#include "base/foreign.h"
#include "vidmm/alloc.h"
#include "vidmm/offer.h"

#define CHUNK_BYTES (UINT64_C(2) << 20)
#define BOUNCE_BYTES 16384u

enum backing {
    BACKING_MEMORY,  /* ours: readable and writable at its address */
    BACKING_FOREIGN, /* the caller's: may vanish */
    BACKING_ZERO,    /* reads zero, drops writes */
    BACKING_SYSTEM,  /* a fence word, or part of one */
};

/* One contiguous piece that a chunk touches. */
struct window {
    uint64_t va;
    bool write;
    enum backing backing;
    uint64_t size_bytes; /* from va on */
    char *address;
    const struct udxg_foreign *foreign; /* with BACKING_FOREIGN */
    struct vidmm_alloc *alloc;
    struct vidmm_va_system *system;
};

/* ---- resolution ---- */

/*
 * Whether VIEW's work may reach what BINDING has mapped: its allocation has to be listed, by the same opening (or was
 * evicted after the work was submitted), or for one that another device of the process mapped, by any; and no offer
 * may be in effect. The one place for this rule.
 */
static bool is_reachable_locked(const struct vidmm_view *view, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    if (vidmm_offer_in_effect_locked(binding->alloc)) return false;
    if (binding->device != view->device) return binding->alloc->resident_count;
    return binding->hold->count || binding->evicted > view->evictions;
}

static void aim_at_segment_locked(struct window *window, uint64_t offset) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_extent *extent = window->alloc->extents;
    for (; offset >= extent->size_bytes; extent = extent->next) offset -= extent->size_bytes;
    window->address = extent->address + offset;
    if (window->size_bytes > extent->size_bytes - offset) window->size_bytes = extent->size_bytes - offset;
}

static udxg_status aim_at_alloc_locked(const struct vidmm_view *view, const struct vidmm_va_node *node,
                                       struct window *window) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = node->binding->alloc;
    if (!is_reachable_locked(view, node->binding)) return STATUS_ACCESS_VIOLATION;
    bool read_only = !(node->protection & VIDMM_VA_WRITE) || node->binding->read_only || alloc->read_only;
    if (window->write && read_only) return STATUS_ACCESS_VIOLATION;
    window->alloc = alloc;
    if (vidmm_alloc_is_moving_locked(alloc)) return STATUS_PENDING;
    uint64_t offset = vidmm_va_offset(node, window->va);
    window->backing = vidmm_alloc_is_foreign(alloc) && !alloc->sealed ? BACKING_FOREIGN : BACKING_MEMORY;
    window->foreign = alloc->foreign;
    window->address = (char *)alloc->home + offset;
    if (alloc->place == VIDMM_PLACE_SEGMENT) aim_at_segment_locked(window, offset);
    return STATUS_SUCCESS;
}

/* A word at a time, so that the word's owner learns of each. */
static void aim_at_system(struct vidmm_va_node *node, struct window *window)
{
    uint64_t offset = window->va - node->range.start;
    window->backing = BACKING_SYSTEM;
    window->system = udxg_container_of(node, struct vidmm_va_system, node);
    window->address = window->system->address + offset;
    if (window->size_bytes > 8 - offset % 8) window->size_bytes = 8 - offset % 8;
}

/* STATUS_PENDING when it is on the move. */
static udxg_status aim_locked(const struct vidmm_view *view, struct window *window) UDXG_REQUIRES(VIDMM)
    UDXG_REQUIRES(VASPACE)
{
    uint64_t length;
    struct vidmm_va_node *node = vidmm_va_find_locked(&view->device->process->va, window->va, &length);
    if (!node || (node->protection & VIDMM_VA_PROTECT_NO_ACCESS)) return STATUS_ACCESS_VIOLATION;
    if (window->size_bytes > length) window->size_bytes = length;
    if (node->kind == VIDMM_VA_SYSTEM) {
        aim_at_system(node, window);
        return STATUS_SUCCESS;
    }
    if (node->binding) return aim_at_alloc_locked(view, node, window);
    window->backing = BACKING_ZERO;
    return STATUS_SUCCESS;
}

static void pin_locked(struct window *window) UDXG_REQUIRES(VIDMM)
{
    if (window->system) window->system->access_count++;
    if (!window->alloc) return;
    window->alloc->access_count++;
    if (window->write) window->alloc->clean = false;
}

static udxg_status aim_all_locked(const struct vidmm_view *view, unsigned count, struct window *windows,
                                  uint64_t *ret_fault_va) UDXG_REQUIRES(VIDMM)
{
    udxg_status status = STATUS_SUCCESS;
    udxg_lock(VASPACE, &view->device->process->va.lock);
    for (unsigned i = 0; i < count && status == STATUS_SUCCESS; i++) {
        struct window *window = &windows[i];
        *window = (struct window){.va = window->va, .write = window->write, .size_bytes = window->size_bytes};
        status = aim_locked(view, window);
        if (udxg_failed(status)) *ret_fault_va = window->va;
    }
    udxg_unlock(VASPACE, &view->device->process->va.lock);
    return status;
}

/* Resolves and pins COUNT windows together, at most SIZE bytes of each; *ret_size says how many of all. */
static udxg_status open_windows(const struct vidmm_view *view, unsigned count, struct window *windows,
                                uint64_t size_bytes, uint64_t *ret_size, uint64_t *ret_fault_va)
{
    struct vidmm_adapter *adapter = view->device->process->adapter;
    if (size_bytes > CHUNK_BYTES) size_bytes = CHUNK_BYTES;
    udxg_status status = STATUS_PENDING;
    udxg_lock(VIDMM, &adapter->lock);
    while (status == STATUS_PENDING) {
        for (unsigned i = 0; i < count; i++) windows[i].size_bytes = size_bytes;
        status = aim_all_locked(view, count, windows, ret_fault_va);
        if (status == STATUS_PENDING) vidmm_adapter_wait_locked(adapter);
    }
    for (unsigned i = 0; i < count && !udxg_failed(status); i++) {
        pin_locked(&windows[i]);
        if (windows[i].size_bytes < size_bytes) size_bytes = windows[i].size_bytes;
    }
    udxg_unlock(VIDMM, &adapter->lock);
    *ret_size = size_bytes;
    return status;
}

static void unpin_allocs(struct vidmm_adapter *adapter, unsigned count, const struct window *windows)
{
    udxg_lock(VIDMM, &adapter->lock);
    for (unsigned i = 0; i < count; i++)
        if (windows[i].alloc) windows[i].alloc->access_count--;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

static void unpin_system(struct vidmm_adapter *adapter, struct vidmm_va_system *system)
{
    udxg_lock(VIDMM, &adapter->lock);
    system->access_count--;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/*
 * The owner of a word that was written is told when no allocation is pinned any more: work may retire with it, and
 * with the work an allocation go that the same chunk has touched.
 */
static void close_windows(const struct vidmm_view *view, unsigned count, const struct window *windows)
{
    struct vidmm_adapter *adapter = view->device->process->adapter;
    unpin_allocs(adapter, count, windows);
    for (unsigned i = 0; i < count; i++) {
        struct vidmm_va_system *system = windows[i].system;
        if (!system) continue;
        if (windows[i].write && system->written)
            system->written(system->user, (uint64_t)(windows[i].address - system->address));
        unpin_system(adapter, system);
    }
}

/* ---- bytes of an open window ---- */

/* Words that clients poll have to arrive whole. */
static void load(void *to, const void *from, uint64_t size_bytes)
{
    uintptr_t at = (uintptr_t)from;
    if (size_bytes == 8 && at % 8 == 0) {
        uint64_t value = __atomic_load_n((const uint64_t *)from, __ATOMIC_ACQUIRE);
        memcpy(to, &value, 8);
    } else if (size_bytes == 4 && at % 4 == 0) {
        uint32_t value = __atomic_load_n((const uint32_t *)from, __ATOMIC_ACQUIRE);
        memcpy(to, &value, 4);
    } else {
        memcpy(to, from, size_bytes);
    }
}

static void store(void *to, const void *from, uint64_t size_bytes)
{
    uintptr_t at = (uintptr_t)to;
    if (size_bytes == 8 && at % 8 == 0) {
        uint64_t value;
        memcpy(&value, from, 8);
        __atomic_store_n((uint64_t *)to, value, __ATOMIC_RELEASE);
    } else if (size_bytes == 4 && at % 4 == 0) {
        uint32_t value;
        memcpy(&value, from, 4);
        __atomic_store_n((uint32_t *)to, value, __ATOMIC_RELEASE);
    } else {
        memmove(to, from, size_bytes);
    }
}

/* Both say how much was done before caller's memory ended. */
static uint64_t get(const struct window *window, void *buffer, uint64_t size_bytes)
{
    size_t done = size_bytes;
    if (window->backing == BACKING_ZERO)
        memset(buffer, 0, size_bytes);
    else if (window->backing != BACKING_FOREIGN)
        load(buffer, window->address, size_bytes);
    else if (!udxg_failed(udxg_foreign_read(window->foreign, buffer, window->address, size_bytes, &done)))
        done = size_bytes;
    return done;
}

static uint64_t put(const struct window *window, const void *buffer, uint64_t size_bytes)
{
    size_t done = size_bytes;
    if (window->backing == BACKING_FOREIGN) {
        if (!udxg_failed(udxg_foreign_write(window->foreign, window->address, buffer, size_bytes, &done)))
            done = size_bytes;
    } else if (window->backing != BACKING_ZERO) {
        store(window->address, buffer, size_bytes);
    }
    return done;
}

/* ---- read, write ---- */

typedef uint64_t transfer(const struct window *window, char *buffer, uint64_t size_bytes);

static uint64_t transfer_in(const struct window *window, char *buffer, uint64_t size_bytes)
{
    return get(window, buffer, size_bytes);
}

static uint64_t transfer_out(const struct window *window, char *buffer, uint64_t size_bytes)
{
    return put(window, buffer, size_bytes);
}

static udxg_status transfer_all(const struct vidmm_view *view, uint64_t va, bool write, char *buffer,
                                uint64_t size_bytes, transfer *how, uint64_t *ret_fault_va)
{
    while (size_bytes) {
        struct window window = {.va = va, .write = write};
        uint64_t chunk;
        udxg_status status = open_windows(view, 1, &window, size_bytes, &chunk, ret_fault_va);
        if (udxg_failed(status)) return status;
        uint64_t done = how(&window, buffer, chunk);
        close_windows(view, 1, &window);
        if (done < chunk) {
            *ret_fault_va = va + done;
            return STATUS_ACCESS_VIOLATION;
        }
        va += chunk;
        buffer += chunk;
        size_bytes -= chunk;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS gpu_read(void *context, uint64_t va, void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    return transfer_all(context, va, false, buffer, size_bytes, transfer_in, ret_fault_va);
}

/* The buffer is only read: transfer_out() does not write it. */
static NTSTATUS gpu_write(void *context, uint64_t va, const void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    return transfer_all(context, va, true, (char *)(uintptr_t)buffer, size_bytes, transfer_out, ret_fault_va);
}

/* ---- fill ---- */

static void fill_bytes(char *to, uint64_t size_bytes, uint32_t pattern, uint64_t phase)
{
    pattern = phase % 4 ? pattern >> (8 * (phase % 4)) | pattern << (32 - 8 * (phase % 4)) : pattern;
    uint64_t words = size_bytes / 4;
    for (uint64_t i = 0; i < words; i++) memcpy(to + 4 * i, &pattern, 4);
    memcpy(to + 4 * words, &pattern, size_bytes % 4);
}

/* The pattern begins anew at the fill's first address; PHASE is how far from there the window is. */
static uint64_t fill_window(const struct window *window, uint64_t size_bytes, uint32_t pattern, uint64_t phase)
{
    if (window->backing == BACKING_ZERO) return size_bytes;
    if (window->backing == BACKING_MEMORY && size_bytes > 8) {
        fill_bytes(window->address, size_bytes, pattern, phase);
        return size_bytes;
    }
    char bounce[BOUNCE_BYTES];
    struct window rest = *window;
    uint64_t done = 0;
    while (done < size_bytes) {
        uint64_t part = size_bytes - done < BOUNCE_BYTES ? size_bytes - done : BOUNCE_BYTES;
        fill_bytes(bounce, part, pattern, phase + done);
        uint64_t put_bytes = put(&rest, bounce, part);
        done += put_bytes;
        rest.address += put_bytes;
        if (put_bytes < part) break;
    }
    return done;
}

static NTSTATUS gpu_fill(void *context, uint64_t va, uint32_t pattern, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    uint64_t phase = 0;
    while (phase < size_bytes) {
        struct window window = {.va = va + phase, .write = true};
        uint64_t chunk;
        udxg_status status = open_windows(context, 1, &window, size_bytes - phase, &chunk, ret_fault_va);
        if (udxg_failed(status)) return status;
        uint64_t done = fill_window(&window, chunk, pattern, phase);
        close_windows(context, 1, &window);
        phase += done;
        if (done < chunk) {
            *ret_fault_va = va + phase;
            return STATUS_ACCESS_VIOLATION;
        }
    }
    return STATUS_SUCCESS;
}

/* ---- copy ---- */

/* How far it came, and whose fault it was that it came no further. */
struct progress {
    uint64_t done;
    bool read_failed;
};

static void advance(struct window *window, uint64_t size_bytes)
{
    if (window->backing != BACKING_ZERO) window->address += size_bytes;
}

static struct progress copy_bounced(const struct window *to, const struct window *from, uint64_t size_bytes)
{
    char bounce[BOUNCE_BYTES];
    struct window source = *from, destination = *to;
    uint64_t done = 0;
    while (done < size_bytes) {
        uint64_t part = size_bytes - done < BOUNCE_BYTES ? size_bytes - done : BOUNCE_BYTES;
        uint64_t got = get(&source, bounce, part);
        uint64_t written = got ? put(&destination, bounce, got) : 0;
        done += written;
        if (written < part) return (struct progress){.done = done, .read_failed = written == got};
        advance(&source, part);
        advance(&destination, part);
    }
    return (struct progress){.done = done};
}

/* Straight when one side is ours: the system copies to and from it. */
static struct progress copy_window(const struct window *to, const struct window *from, uint64_t size_bytes)
{
    if (to->backing == BACKING_MEMORY && size_bytes > 8) {
        if (from->backing != BACKING_MEMORY)
            return (struct progress){.done = get(from, to->address, size_bytes), .read_failed = true};
        memmove(to->address, from->address, size_bytes);
        return (struct progress){.done = size_bytes};
    }
    if (from->backing == BACKING_MEMORY && to->backing == BACKING_FOREIGN)
        return (struct progress){.done = put(to, from->address, size_bytes)};
    return copy_bounced(to, from, size_bytes);
}

static NTSTATUS gpu_copy(void *context, uint64_t to_va, uint64_t from_va, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    while (size_bytes) {
        struct window windows[2] = {{.va = from_va}, {.va = to_va, .write = true}};
        uint64_t chunk;
        udxg_status status = open_windows(context, 2, windows, size_bytes, &chunk, ret_fault_va);
        if (udxg_failed(status)) return status;
        struct progress progress = copy_window(&windows[1], &windows[0], chunk);
        close_windows(context, 2, windows);
        if (progress.done < chunk) {
            *ret_fault_va = (progress.read_failed ? from_va : to_va) + progress.done;
            return STATUS_ACCESS_VIOLATION;
        }
        to_va += chunk;
        from_va += chunk;
        size_bytes -= chunk;
    }
    return STATUS_SUCCESS;
}

/* ---- atomics ---- */

/* One engine at a time on caller's memory: no instruction of ours is atomic there and safe. */
static void enter_foreign(struct vidmm_adapter *adapter)
{
    udxg_lock(VIDMM, &adapter->lock);
    while (adapter->foreign_atomic) vidmm_adapter_wait_locked(adapter);
    adapter->foreign_atomic = true;
    udxg_unlock(VIDMM, &adapter->lock);
}

static void leave_foreign(struct vidmm_adapter *adapter)
{
    udxg_lock(VIDMM, &adapter->lock);
    adapter->foreign_atomic = false;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

static bool add_foreign(const struct window *window, uint64_t value, uint32_t size_bytes, uint64_t *ret_old)
{
    uint64_t sum = 0;
    *ret_old = 0;
    if (get(window, ret_old, size_bytes) < size_bytes) return false; /* little endian: the low bytes */
    sum = *ret_old + value;
    return put(window, &sum, size_bytes) == size_bytes;
}

static bool add_to_window(struct vidmm_adapter *adapter, const struct window *window, uint64_t value,
                          uint32_t size_bytes, uint64_t *ret_old)
{
    bool done = true;
    switch (window->backing) {
    case BACKING_ZERO:
        *ret_old = 0;
        break;
    case BACKING_FOREIGN:
        enter_foreign(adapter);
        done = add_foreign(window, value, size_bytes, ret_old);
        leave_foreign(adapter);
        break;
    case BACKING_MEMORY:
    case BACKING_SYSTEM:
        if (size_bytes == 8)
            *ret_old = __atomic_fetch_add((uint64_t *)(void *)window->address, value, __ATOMIC_ACQ_REL);
        else
            *ret_old = __atomic_fetch_add((uint32_t *)(void *)window->address, (uint32_t)value, __ATOMIC_ACQ_REL);
        break;
    }
    return done;
}

static NTSTATUS gpu_fetch_add(void *context, uint64_t va, uint64_t value, uint32_t size_bytes, uint64_t *ret_old,
                              uint64_t *ret_fault_va)
{
    const struct vidmm_view *view = context;
    struct window window = {.va = va, .write = true};
    uint64_t chunk;
    *ret_fault_va = va;
    if ((size_bytes != 4 && size_bytes != 8) || va % size_bytes) return STATUS_INVALID_PARAMETER;
    udxg_status status = open_windows(view, 1, &window, size_bytes, &chunk, ret_fault_va);
    if (udxg_failed(status)) return status;
    bool done = add_to_window(view->device->process->adapter, &window, value, size_bytes, ret_old);
    close_windows(view, 1, &window);
    return done ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

void vidmm_gpu_memory(struct vidmm_device *device, struct vidmm_view *view, struct udxg_gpu_memory *memory)
{
    view->device = device;
    view->evictions = atomic_load_explicit(&device->evictions, memory_order_relaxed);
    *memory = (struct udxg_gpu_memory){
        .context = view,
        .read = gpu_read,
        .write = gpu_write,
        .copy = gpu_copy,
        .fill = gpu_fill,
        .fetch_add = gpu_fetch_add,
    };
}
