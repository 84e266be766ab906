/* SPDX-License-Identifier: MIT */
/*
 * The registry of windows. Invariants: a window that is in the tree is in the list of added ones exactly while it has
 * a descriptor; one that is not in the tree is in the list of gone ones. Lock: WINDOW, for a few instructions: nodes
 * and descriptors are made before and given back after. A window says nothing about whether the memory is still
 * there: who removes it keeps the memory until then.
 */
#include "vidmm/window.h"

#include <stdlib.h>

#include "base/os.h"

struct window {
    struct udxg_range_node node;
    struct udxg_list link UDXG_GUARDED_BY(WINDOW); /* of one of the two lists */
    uint32_t id;                                   /* constant once it is in the tree */
    bool writable;                                 /* constant */
    uint32_t uses UDXG_GUARDED_BY(WINDOW);         /* additions that were not removed */
    int fd UDXG_GUARDED_BY(WINDOW);                /* -1: it has been shown */
};

static struct window *of_node(struct udxg_range_node *node)
{
    return node ? udxg_container_of(node, struct window, node) : NULL;
}

static struct window *of_link(struct udxg_list *link)
{
    return link ? udxg_container_of(link, struct window, link) : NULL;
}

static void window_destroy(struct window *window) UDXG_NO_TSA
{
    if (!window) return;
    udxg_os_close(window->fd);
    free(window);
}

void vidmm_windows_init(struct vidmm_windows *windows, bool remote) UDXG_NO_TSA
{
    *windows = (struct vidmm_windows){.remote = remote};
    udxg_mutex_init_WINDOW(&windows->lock);
    udxg_list_init(&windows->added);
    udxg_list_init(&windows->gone);
}

void vidmm_windows_fini(struct vidmm_windows *windows) UDXG_NO_TSA
{
    struct udxg_range_node *node;

    while ((node = udxg_range_tree_first(&windows->tree))) {
        udxg_range_tree_remove(&windows->tree, node);
        window_destroy(of_node(node));
    }
    for (struct udxg_list *link; (link = udxg_list_pop(&windows->gone));) window_destroy(of_link(link));
    udxg_mutex_fini_WINDOW(&windows->lock);
}

bool vidmm_windows_are_remote(const struct vidmm_windows *windows)
{
    return windows->remote;
}

static void note_news_locked(struct vidmm_windows *windows) UDXG_REQUIRES(WINDOW)
{
    bool news = !udxg_list_empty(&windows->added) || !udxg_list_empty(&windows->gone);

    atomic_store_explicit(&windows->news, news, memory_order_release);
}

/* ---- add, remove, find ---- */

static udxg_status window_create(const void *base, uint64_t size_bytes, int fd, bool writable,
                                 struct window **ret) UDXG_NO_TSA
{
    struct window *window = calloc(1, sizeof *window);
    udxg_status status = STATUS_NO_MEMORY;

    if (window) status = udxg_os_dup(fd, &window->fd);
    if (udxg_failed(status)) {
        free(window);
        return status;
    }
    window->node.start = (uintptr_t)base;
    window->node.size = size_bytes;
    window->writable = writable;
    window->uses = 1;
    *ret = window;
    return STATUS_SUCCESS;
}

/* Takes FRESH, or counts what is there already and leaves it. */
static udxg_status add_locked(struct vidmm_windows *windows, struct window **fresh) UDXG_REQUIRES(WINDOW)
{
    struct window *window = of_node(udxg_range_tree_find(&windows->tree, (*fresh)->node.start));

    if (window && window->node.start == (*fresh)->node.start) {
        window->uses++;
        return STATUS_SUCCESS;
    }
    if (windows->count == VIDMM_WINDOWS_MOST || windows->last_id + 1 == VIDMM_WINDOW_IDS) return STATUS_NO_MEMORY;
    if (!udxg_range_tree_insert(&windows->tree, &(*fresh)->node)) return STATUS_INVALID_PARAMETER;
    (*fresh)->id = ++windows->last_id;
    windows->count++;
    udxg_list_append(&windows->added, &(*fresh)->link);
    note_news_locked(windows);
    *fresh = NULL;
    return STATUS_SUCCESS;
}

udxg_status vidmm_window_add(struct vidmm_windows *windows, const void *base, uint64_t size_bytes, int fd,
                             bool writable)
{
    struct window *window;
    udxg_status status;

    if (!windows->remote) return STATUS_SUCCESS;
    status = window_create(base, size_bytes, fd, writable, &window);
    if (udxg_failed(status)) return status;
    udxg_lock(WINDOW, &windows->lock);
    status = add_locked(windows, &window);
    udxg_unlock(WINDOW, &windows->lock);
    window_destroy(window);
    return status;
}

bool vidmm_window_add_use(struct vidmm_windows *windows, const void *base)
{
    struct window *window;
    bool found;

    udxg_lock(WINDOW, &windows->lock);
    window = of_node(udxg_range_tree_find(&windows->tree, (uintptr_t)base));
    found = window && window->node.start == (uintptr_t)base && window->writable;
    if (found) window->uses++;
    udxg_unlock(WINDOW, &windows->lock);
    return found;
}

/* Returns what nobody knows any more. */
static struct window *remove_locked(struct vidmm_windows *windows, const void *base) UDXG_REQUIRES(WINDOW)
{
    struct window *window = of_node(udxg_range_tree_find(&windows->tree, (uintptr_t)base));

    if (!window || window->node.start != (uintptr_t)base || --window->uses) return NULL;
    udxg_range_tree_remove(&windows->tree, &window->node);
    windows->count--;
    bool shown = window->fd == -1;
    if (shown)
        udxg_list_append(&windows->gone, &window->link);
    else
        udxg_list_remove(&window->link);
    note_news_locked(windows);
    return shown ? NULL : window;
}

void vidmm_window_remove(struct vidmm_windows *windows, const void *base)
{
    struct window *window;

    if (!windows->remote) return;
    udxg_lock(WINDOW, &windows->lock);
    window = remove_locked(windows, base);
    udxg_unlock(WINDOW, &windows->lock);
    window_destroy(window);
}

bool vidmm_window_find(struct vidmm_windows *windows, const void *address, uint32_t *ret_id, uint64_t *ret_offset)
{
    const struct window *window;

    if (!windows->remote) return false;
    udxg_lock(WINDOW, &windows->lock);
    window = of_node(udxg_range_tree_find(&windows->tree, (uintptr_t)address));
    if (window) {
        *ret_id = window->id;
        *ret_offset = (uintptr_t)address - window->node.start;
    }
    udxg_unlock(WINDOW, &windows->lock);
    return window != NULL;
}

/* ---- what an endpoint takes ---- */

bool vidmm_window_take_added(struct vidmm_windows *windows, struct vidmm_window *ret)
{
    struct window *window;

    if (!atomic_load_explicit(&windows->news, memory_order_acquire)) return false;
    udxg_lock(WINDOW, &windows->lock);
    window = of_link(udxg_list_pop(&windows->added));
    if (window) {
        *ret = (struct vidmm_window){window->id, window->writable, window->node.size, window->fd};
        window->fd = -1;
        note_news_locked(windows);
    }
    udxg_unlock(WINDOW, &windows->lock);
    return window != NULL;
}

bool vidmm_window_take_gone(struct vidmm_windows *windows, uint32_t *ret_id)
{
    struct window *window;

    if (!atomic_load_explicit(&windows->news, memory_order_acquire)) return false;
    udxg_lock(WINDOW, &windows->lock);
    window = of_link(udxg_list_pop(&windows->gone));
    if (window) {
        *ret_id = window->id;
        note_news_locked(windows);
    }
    udxg_unlock(WINDOW, &windows->lock);
    window_destroy(window);
    return window != NULL;
}
