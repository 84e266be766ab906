/* SPDX-License-Identifier: MIT */
/*
 * Windows, on shelves by their number. A pane is written with the lock; its base last, its size before: who reads a
 * base has the size that belongs to it, as numbers are never used again.
 */
#include "client/view.h"

#include <stdlib.h>

#include "base/os.h"

#define PATIENCE_NS 100000000u

void udxg_view_init(struct udxg_view *view)
{
    pthread_mutex_init(&view->lock, NULL);
    udxg_os_cond_init(&view->changed);
}

/* NULL: there is no such number, or no shelf for it yet. */
static struct udxg_pane *pane_of(struct udxg_view *view, uint32_t id)
{
    struct udxg_pane *shelf;

    if (id / UDXG_VIEW_SHELF >= UDXG_VIEW_SHELVES) return NULL;
    shelf = atomic_load_explicit(&view->shelves[id / UDXG_VIEW_SHELF], memory_order_acquire);
    return shelf ? &shelf[id % UDXG_VIEW_SHELF] : NULL;
}

static struct udxg_pane *make_pane_locked(struct udxg_view *view, uint32_t id)
{
    struct udxg_pane *shelf;

    if (id / UDXG_VIEW_SHELF >= UDXG_VIEW_SHELVES) return NULL;
    if (!pane_of(view, id)) {
        shelf = calloc(UDXG_VIEW_SHELF, sizeof *shelf);
        atomic_store_explicit(&view->shelves[id / UDXG_VIEW_SHELF], shelf, memory_order_release);
    }
    return pane_of(view, id);
}

static char *base_of(const struct udxg_pane *pane)
{
    return __atomic_load_n(&pane->base, __ATOMIC_ACQUIRE);
}

udxg_status udxg_view_add(struct udxg_view *view, uint32_t id, int fd, uint64_t size_bytes, bool writable)
{
    struct udxg_pane *pane;
    bool kept = false;
    void *base;
    udxg_status status = udxg_os_map(fd, 0, size_bytes, writable, &base);

    if (udxg_failed(status)) return status;
    pthread_mutex_lock(&view->lock);
    pane = make_pane_locked(view, id);
    if (pane && !pane->gone) {
        kept = true;
        pane->size_bytes = size_bytes;
        __atomic_store_n(&pane->base, base, __ATOMIC_RELEASE);
    }
    pthread_cond_broadcast(&view->changed);
    pthread_mutex_unlock(&view->lock);
    if (!kept) udxg_os_unmap(base, size_bytes);
    return pane ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void udxg_view_remove(struct udxg_view *view, uint32_t id)
{
    struct udxg_pane *pane, old = {0};

    pthread_mutex_lock(&view->lock);
    pane = make_pane_locked(view, id);
    if (pane) {
        old = *pane;
        pane->gone = true;
        __atomic_store_n(&pane->base, NULL, __ATOMIC_RELEASE);
    }
    pthread_cond_broadcast(&view->changed);
    pthread_mutex_unlock(&view->lock);
    if (old.base) udxg_os_unmap(old.base, old.size_bytes);
}

static char *wait_for_base(struct udxg_view *view, uint32_t id, bool (*is_over)(void *user), void *user)
{
    struct udxg_pane *pane;
    char *base = NULL;

    pthread_mutex_lock(&view->lock);
    while (!(pane = pane_of(view, id)) || !(base = base_of(pane))) {
        if ((pane && pane->gone) || is_over(user)) break;
        udxg_os_cond_wait_until(&view->changed, &view->lock, udxg_os_now_ns() + PATIENCE_NS);
    }
    pthread_mutex_unlock(&view->lock);
    return base;
}

void *udxg_view_address(struct udxg_view *view, uint32_t id, uint64_t offset, bool (*is_over)(void *user), void *user)
{
    struct udxg_pane *pane = pane_of(view, id);
    char *base = pane ? base_of(pane) : NULL;

    if (!base) base = wait_for_base(view, id, is_over, user);
    if (!base || offset >= pane_of(view, id)->size_bytes) return NULL;
    return base + offset;
}

static bool shelf_owns(const struct udxg_pane *shelf, const char *address)
{
    for (uint32_t i = 0; i < UDXG_VIEW_SHELF; i++) {
        const char *base = base_of(&shelf[i]);
        if (base && address >= base && address < base + shelf[i].size_bytes) return true;
    }
    return false;
}

bool udxg_view_owns(struct udxg_view *view, const void *address)
{
    for (uint32_t i = 0; i < UDXG_VIEW_SHELVES; i++) {
        const struct udxg_pane *shelf = atomic_load_explicit(&view->shelves[i], memory_order_acquire);
        if (!shelf) break; /* numbers go up */
        if (shelf_owns(shelf, address)) return true;
    }
    return false;
}
