/* SPDX-License-Identifier: MIT */
/*
 * A slot is one atomic word, one object pointer and its owner's note. The word says everything that a look-up must
 * know, so that a look-up is one compare-and-swap:
 *
 *     63                                        8        7      6      5..2    1..0
 *     pins                                       CLOSING  LIVE   type   generation
 *
 *     free or reserved                 publish()                close()
 *     type NONE, no pin  ------------------------->  LIVE  ---------------->  CLOSING, pins may be left
 *           ^                                                                     |
 *           +------------------- finish(), by whoever sees no pin ----------------+
 *
 * Pins are added to LIVE slots only, so that pins of a CLOSING slot only fall: exactly one thread sees 0, and
 * from then on the slot is that thread's. The rest of the slot is written by such a sole owner, and read by
 * those who hold a pin.
 *
 * A look-up that was overtaken by three closings of its slot finds its own generation again. It then returns
 * the object that the same number means now, which is what the client asked for.
 *
 * Chunks of slots are mapped once and stay until the table's end: the first ones one by one, then 64 together in a
 * block that is one large page where the system has those, because among a million handles finding the page costs as
 * much as finding the slot. The directory is 144 KiB of address space, touched only where there are chunks. Neighbours
 * by number do not lie in one cache line: numbers that follow each other are often two devices', which two threads pin
 * and unpin all the time.
 *
 * Locks: a stripe's HANDLE, for its queue of free slots; SLOTS around it, for growth, and for whoever needs the slots
 * of several stripes: what one such call has in its hands no other can miss. Look-ups take none.
 */
#include "object/handle.h"

#include <string.h>

#include "base/leak_check.h"
#include "base/os.h"

#define GENERATION_MASK UINT64_C(3)
#define TYPE_SHIFT 2
#define TYPE_MASK (UINT64_C(15) << TYPE_SHIFT)
#define LIVE (UINT64_C(1) << 6)
#define CLOSING (UINT64_C(1) << 7)
#define STATE_MASK (PIN_ONE - 1)
#define PIN_ONE (UINT64_C(1) << 8)

#define INDEX_SHIFT 6
#define GENERATION_SHIFT 30
#define CHUNK_LIMIT (UDXG_HANDLE_INDEX_LIMIT / UDXG_HANDLE_CHUNK)
#define DIRECTORY_BYTES (CHUNK_LIMIT * (sizeof(struct udxg_handle_slot *) + 1))
#define CHUNK_BYTES (UDXG_HANDLE_CHUNK * sizeof(struct udxg_handle_slot))
#define BLOCK_CHUNKS 64u /* of 2 MiB together */
#define NO_INDEX UINT32_MAX

_Static_assert(UDXG_HANDLE_TYPE_COUNT <= 16, "a type has four bits");
_Static_assert(UDXG_HANDLE_INDEX_LIMIT % (BLOCK_CHUNKS * UDXG_HANDLE_CHUNK) == 0, "the limit is reached exactly");

struct udxg_handle_slot {
    _Atomic uint64_t word;
    union {
        void *object;       /* LIVE, CLOSING */
        uint32_t next_free; /* free: index of the next in its stripe's queue, NO_INDEX at its end; guarded by HANDLE */
    };
    _Alignas(8) char note[UDXG_HANDLE_NOTE_BYTES];
};

static uint32_t index_of(uint32_t handle)
{
    return handle >> INDEX_SHIFT & (UDXG_HANDLE_INDEX_LIMIT - 1);
}

static uint64_t generation_of(uint32_t handle)
{
    return handle >> GENERATION_SHIFT;
}

static uint32_t make_handle(uint32_t index, uint64_t generation)
{
    return index << INDEX_SHIFT | (uint32_t)generation << GENERATION_SHIFT;
}

static uint64_t next_generation(uint64_t generation)
{
    return generation == GENERATION_MASK ? 1 : generation + 1;
}

static uint64_t live_word(uint64_t generation, enum udxg_handle_type type)
{
    return LIVE | (uint64_t)type << TYPE_SHIFT | generation;
}

static enum udxg_handle_type type_of(uint64_t word)
{
    return (enum udxg_handle_type)((word & TYPE_MASK) >> TYPE_SHIFT);
}

/* Where in its chunk: line 0 has numbers 0 and 512, line 1 has 1 and 513, ... */
static uint32_t place_of(uint32_t index)
{
    const uint32_t line_slots = 64 / sizeof(struct udxg_handle_slot), lines = UDXG_HANDLE_CHUNK / line_slots;
    return index % lines * line_slots + index % UDXG_HANDLE_CHUNK / lines;
}

/* NULL for an index that the table has not grown to. */
static struct udxg_handle_slot *find_slot(const struct udxg_handle_table *table, uint32_t index)
{
    struct udxg_handle_slot *chunk =
        atomic_load_explicit(&table->chunks[index / UDXG_HANDLE_CHUNK], memory_order_acquire);
    return chunk ? &chunk[place_of(index)] : NULL;
}

/* Of a slot that exists. */
static struct udxg_handle_stripe *stripe_of(struct udxg_handle_table *table, uint32_t index)
{
    return &table->stripes[table->chunk_stripes[index / UDXG_HANDLE_CHUNK]];
}

udxg_status udxg_handle_table_init(struct udxg_handle_table *table)
{
    void *directory;
    udxg_status status = udxg_os_map_anonymous(DIRECTORY_BYTES, &directory);
    if (udxg_failed(status)) return status;
    memset(table, 0, sizeof(*table));
    table->chunks = directory;
    table->chunk_stripes = (uint8_t *)(table->chunks + CHUNK_LIMIT);
    udxg_mutex_init_SLOTS(&table->lock);
    table->slot_limit = UDXG_HANDLE_INDEX_LIMIT;
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        udxg_mutex_init_HANDLE(&table->stripes[i].lock);
        udxg_lock(HANDLE, &table->stripes[i].lock);
        table->stripes[i].free_first = table->stripes[i].free_last = NO_INDEX;
        udxg_unlock(HANDLE, &table->stripes[i].lock);
    }
    return STATUS_SUCCESS;
}

void udxg_handle_table_limit(struct udxg_handle_table *table, uint32_t slots)
{
    uint64_t limit = ((uint64_t)slots + UDXG_HANDLE_CHUNK - 1) / UDXG_HANDLE_CHUNK * UDXG_HANDLE_CHUNK;

    table->slot_limit = limit < UDXG_HANDLE_INDEX_LIMIT ? (uint32_t)limit : UDXG_HANDLE_INDEX_LIMIT;
}

/* ---- a stripe's queue of free slots ---- */

/* Appends COUNT slots, which are linked from FIRST to LAST. */
static void append_free_locked(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe, uint32_t first,
                               uint32_t last, uint32_t count) UDXG_REQUIRES(HANDLE)
{
    find_slot(table, last)->next_free = NO_INDEX;
    if (stripe->free_last == NO_INDEX) {
        stripe->free_first = first;
    } else {
        find_slot(table, stripe->free_last)->next_free = first;
    }
    stripe->free_last = last;
    stripe->free_count += count;
}

static void prepend_free_locked(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe, uint32_t index)
    UDXG_REQUIRES(HANDLE)
{
    find_slot(table, index)->next_free = stripe->free_first;
    stripe->free_first = index;
    if (stripe->free_last == NO_INDEX) stripe->free_last = index;
    stripe->free_count++;
}

static uint32_t take_free_locked(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe)
    UDXG_REQUIRES(HANDLE)
{
    struct udxg_handle_slot *slot = find_slot(table, stripe->free_first);
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    uint32_t handle = make_handle(stripe->free_first, word & GENERATION_MASK);
    stripe->free_first = slot->next_free;
    if (stripe->free_first == NO_INDEX) stripe->free_last = NO_INDEX;
    stripe->free_count--;
    return handle;
}

/* Takes COUNT numbers and leaves at least SPARE, or takes none. */
static bool take_with_spare(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe, uint32_t count,
                            uint32_t *ret_handles)
{
    udxg_lock(HANDLE, &stripe->lock);
    bool enough = stripe->free_count >= (uint64_t)count + UDXG_HANDLE_SPARE;
    for (uint32_t i = 0; enough && i < count; i++) ret_handles[i] = take_free_locked(table, stripe);
    udxg_unlock(HANDLE, &stripe->lock);
    return enough;
}

/* Takes up to COUNT numbers; returns how many. */
static uint32_t take_some(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe, uint32_t count,
                          uint32_t *ret_handles)
{
    uint32_t taken = 0;
    udxg_lock(HANDLE, &stripe->lock);
    while (taken < count && stripe->free_count) ret_handles[taken++] = take_free_locked(table, stripe);
    udxg_unlock(HANDLE, &stripe->lock);
    return taken;
}

static uint32_t count_free(struct udxg_handle_stripe *stripe)
{
    udxg_lock(HANDLE, &stripe->lock);
    uint32_t count = stripe->free_count;
    udxg_unlock(HANDLE, &stripe->lock);
    return count;
}

/* ---- growth ---- */

/* How many chunks the one of that number is mapped with, 0 when it lies in a block that another has begun. */
static uint32_t chunks_mapped_with(uint32_t chunk)
{
    if (chunk < BLOCK_CHUNKS) return 1;
    return chunk % BLOCK_CHUNKS ? 0 : BLOCK_CHUNKS;
}

/* Memory for the next chunk; NULL when there is none. */
static struct udxg_handle_slot *find_memory_locked(struct udxg_handle_table *table) UDXG_REQUIRES(SLOTS)
{
    uint32_t chunk = table->slot_count / UDXG_HANDLE_CHUNK, chunks = chunks_mapped_with(chunk);
    void *memory;
    if (!chunks) return atomic_load_explicit(&table->chunks[chunk - 1], memory_order_relaxed) + UDXG_HANDLE_CHUNK;
    udxg_status status =
        chunks == 1 ? udxg_os_map_anonymous(CHUNK_BYTES, &memory) : udxg_os_map_large(chunks * CHUNK_BYTES, &memory);
    if (udxg_failed(status)) return NULL;
    UDXG_POINTERS_MAPPED(memory, chunks * CHUNK_BYTES);
    return memory;
}

/* One chunk more for a stripe. */
static bool grow_locked(struct udxg_handle_table *table, unsigned stripe) UDXG_REQUIRES(SLOTS)
{
    uint32_t first = table->slot_count, last = first + UDXG_HANDLE_CHUNK - 1;
    if (first >= table->slot_limit) return false;
    struct udxg_handle_slot *chunk = find_memory_locked(table);
    if (!chunk) return false;

    for (uint32_t index = first; index <= last; index++) {
        struct udxg_handle_slot *slot = &chunk[place_of(index)];
        atomic_init(&slot->word, 1);
        slot->next_free = index + 1;
    }
    table->chunk_stripes[first / UDXG_HANDLE_CHUNK] = (uint8_t)stripe;
    atomic_store_explicit(&table->chunks[first / UDXG_HANDLE_CHUNK], chunk, memory_order_release);
    table->slot_count += UDXG_HANDLE_CHUNK;
    udxg_lock(HANDLE, &table->stripes[stripe].lock);
    append_free_locked(table, &table->stripes[stripe], first, last, UDXG_HANDLE_CHUNK);
    udxg_unlock(HANDLE, &table->stripes[stripe].lock);
    return true;
}

/* The stripe is short: it grows, and where it cannot, takes what it has left and then what others have. */
static udxg_status reserve_locked(struct udxg_handle_table *table, unsigned stripe, uint32_t count,
                                  uint32_t *ret_handles) UDXG_REQUIRES(SLOTS)
{
    uint64_t wanted = (uint64_t)count + UDXG_HANDLE_SPARE, possible = table->slot_limit - table->slot_count;
    for (unsigned i = 0; i < UDXG_STRIPES; i++) possible += count_free(&table->stripes[i]);
    if (count > possible) return STATUS_NO_MEMORY;
    while (count_free(&table->stripes[stripe]) < wanted && grow_locked(table, stripe)) continue;

    uint32_t taken = 0;
    for (unsigned i = 0; i < UDXG_STRIPES && taken < count; i++)
        taken += take_some(table, &table->stripes[(stripe + i) % UDXG_STRIPES], count - taken, ret_handles + taken);
    if (taken == count) return STATUS_SUCCESS;
    udxg_handle_cancel(table, taken, ret_handles);
    return STATUS_NO_MEMORY;
}

udxg_status udxg_handle_reserve_in(struct udxg_handle_table *table, unsigned stripe, uint32_t count,
                                   uint32_t *ret_handles)
{
    if (take_with_spare(table, &table->stripes[stripe], count, ret_handles)) return STATUS_SUCCESS;
    udxg_lock(SLOTS, &table->lock);
    udxg_status status = reserve_locked(table, stripe, count, ret_handles);
    udxg_unlock(SLOTS, &table->lock);
    return status;
}

void udxg_handle_cancel(struct udxg_handle_table *table, uint32_t count, const uint32_t *handles)
{
    for (uint32_t i = count; i > 0; i--) {
        struct udxg_handle_stripe *stripe = stripe_of(table, index_of(handles[i - 1]));
        udxg_lock(HANDLE, &stripe->lock);
        prepend_free_locked(table, stripe, index_of(handles[i - 1]));
        udxg_unlock(HANDLE, &stripe->lock);
    }
}

/* ---- the life of a slot ---- */

void udxg_handle_publish(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type, void *object)
{
    struct udxg_handle_slot *slot = find_slot(table, index_of(handle));
    slot->object = object;
    atomic_store_explicit(&slot->word, live_word(generation_of(handle), type), memory_order_release);
}

/* The caller is the last who knows the slot. */
static void finish(struct udxg_handle_table *table, struct udxg_handle_slot *slot, uint32_t index)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    void (*release)(void *) = table->release[type_of(word)];

    if (release) release(slot->object);
    atomic_store_explicit(&slot->word, next_generation(word & GENERATION_MASK), memory_order_relaxed);
    struct udxg_handle_stripe *stripe = stripe_of(table, index);
    udxg_lock(HANDLE, &stripe->lock);
    append_free_locked(table, stripe, index, index, 1);
    udxg_unlock(HANDLE, &stripe->lock);
}

/* Adds a pin to the slot as long as its state is EXPECTED. */
static bool pin(struct udxg_handle_slot *slot, uint64_t expected)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    while ((word & STATE_MASK) == expected) {
        if (atomic_compare_exchange_weak_explicit(&slot->word, &word, word + PIN_ONE, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static void unpin(struct udxg_handle_table *table, struct udxg_handle_slot *slot, uint32_t index)
{
    uint64_t before = atomic_fetch_sub_explicit(&slot->word, PIN_ONE, memory_order_acq_rel);
    if (before / PIN_ONE == 1 && (before & CLOSING)) finish(table, slot, index);
}

/* The slot that HANDLE could be in, NULL for a number that was never handed out. */
static struct udxg_handle_slot *slot_of(const struct udxg_handle_table *table, uint32_t handle)
{
    if (handle & (UDXG_HANDLE_STEP - 1)) return NULL;
    return find_slot(table, index_of(handle));
}

void udxg_handle_prefetch(const struct udxg_handle_table *table, uint32_t handle)
{
    const struct udxg_handle_slot *slot = find_slot(table, index_of(handle));
    if (slot) __builtin_prefetch(slot, 1);
}

void *udxg_handle_get(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type)
{
    struct udxg_handle_slot *slot = slot_of(table, handle);
    if (!slot || !pin(slot, live_word(generation_of(handle), type))) return NULL;
    return slot->object;
}

void *udxg_handle_get_noted(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type,
                            void **ret_note)
{
    struct udxg_handle_slot *slot = slot_of(table, handle);
    if (!slot || !pin(slot, live_word(generation_of(handle), type))) return NULL;
    *ret_note = slot->note;
    return slot->object;
}

void udxg_handle_put(struct udxg_handle_table *table, uint32_t handle)
{
    uint32_t index = index_of(handle);
    unpin(table, find_slot(table, index), index);
}

void *udxg_handle_note(const struct udxg_handle_table *table, uint32_t handle)
{
    return find_slot(table, index_of(handle))->note;
}

bool udxg_handle_close(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type)
{
    struct udxg_handle_slot *slot = slot_of(table, handle);
    if (!slot) return false;
    uint64_t expected = live_word(generation_of(handle), type);
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    do {
        if ((word & STATE_MASK) != expected) return false;
    } while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, (word ^ LIVE) | CLOSING, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (word < PIN_ONE) finish(table, slot, index_of(handle));
    return true;
}

/* ---- all of them ---- */

static uint32_t slots(struct udxg_handle_table *table)
{
    udxg_lock(SLOTS, &table->lock);
    uint32_t count = table->slot_count;
    udxg_unlock(SLOTS, &table->lock);
    return count;
}

void udxg_handle_for_each(struct udxg_handle_table *table, enum udxg_handle_type type,
                          void (*visit)(uint32_t handle, void *object, void *user), void *user)
{
    uint32_t count = slots(table);
    for (uint32_t index = 0; index < count; index++) {
        struct udxg_handle_slot *slot = find_slot(table, index);
        uint64_t state = atomic_load_explicit(&slot->word, memory_order_relaxed) & STATE_MASK;
        bool wanted = type == UDXG_HANDLE_NONE || type_of(state) == type;
        if (!(state & LIVE) || !wanted || !pin(slot, state)) continue;
        visit(make_handle(index, state & GENERATION_MASK), slot->object, user);
        unpin(table, slot, index);
    }
}

static void close_visited(uint32_t handle, void *object, void *user)
{
    struct udxg_handle_table *table = user;
    uint64_t word = atomic_load_explicit(&find_slot(table, index_of(handle))->word, memory_order_relaxed);
    (void)object;
    udxg_handle_close(table, handle, type_of(word));
}

void udxg_handle_table_fini(struct udxg_handle_table *table)
{
    if (!table->chunks) return;
    udxg_handle_for_each(table, UDXG_HANDLE_NONE, close_visited, table);
    for (uint32_t i = 0; i < CHUNK_LIMIT; i++) {
        struct udxg_handle_slot *chunk = atomic_load_explicit(&table->chunks[i], memory_order_relaxed);
        if (!chunk) break; /* chunks are filled in from the first on */
        if (chunks_mapped_with(i)) {
            UDXG_POINTERS_UNMAPPED(chunk, chunks_mapped_with(i) * CHUNK_BYTES);
            udxg_os_unmap(chunk, chunks_mapped_with(i) * CHUNK_BYTES);
        }
    }
    udxg_os_unmap(table->chunks, DIRECTORY_BYTES);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) udxg_mutex_fini_HANDLE(&table->stripes[i].lock);
    udxg_mutex_fini_SLOTS(&table->lock);
    table->chunks = NULL;
}

static const char *check_queue_locked(struct udxg_handle_table *table, struct udxg_handle_stripe *stripe)
    UDXG_REQUIRES(SLOTS) UDXG_REQUIRES(HANDLE)
{
    uint32_t seen = 0, last = NO_INDEX;
    for (uint32_t index = stripe->free_first; index != NO_INDEX; seen++) {
        if (index >= table->slot_count) return "a free slot is beyond the table";
        if (seen == stripe->free_count) return "more slots are queued than free_count says, or the queue is a ring";
        if (stripe_of(table, index) != stripe) return "a free slot is queued in another stripe than its own";
        struct udxg_handle_slot *slot = find_slot(table, index);
        if (atomic_load_explicit(&slot->word, memory_order_relaxed) & ~GENERATION_MASK) {
            return "a free slot has a type, a state or pins";
        }
        last = index;
        index = slot->next_free;
    }
    if (seen != stripe->free_count) return "fewer slots are queued than free_count says";
    if (last != stripe->free_last) return "free_last is not the end of the queue";
    return NULL;
}

static const char *check_slots_locked(const struct udxg_handle_table *table, uint64_t free_count) UDXG_REQUIRES(SLOTS)
{
    uint32_t held = 0;
    for (uint32_t index = 0; index < table->slot_count; index++) {
        struct udxg_handle_slot *slot = find_slot(table, index);
        if (!slot) return "a chunk is missing";
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
        bool live = word & LIVE, closing = word & CLOSING;
        if (!(word & GENERATION_MASK)) return "a slot has generation 0";
        if (live && closing) return "a slot is live and closing";
        if (closing && word < PIN_ONE) return "a closing slot has no pin: nobody will finish it";
        if ((live || closing) != (type_of(word) != UDXG_HANDLE_NONE)) return "a slot's type contradicts its state";
        held += live || closing;
    }
    if (held + free_count > table->slot_count) return "slots are held and free at once";
    if (table->slot_count < UDXG_HANDLE_INDEX_LIMIT && find_slot(table, table->slot_count)) {
        return "there is a chunk beyond slot_count";
    }
    return NULL;
}

static const char *check_locked(struct udxg_handle_table *table) UDXG_REQUIRES(SLOTS)
{
    const char *wrong = NULL;
    uint64_t free_count = 0;
    for (unsigned i = 0; i < UDXG_STRIPES && !wrong; i++) {
        udxg_lock(HANDLE, &table->stripes[i].lock);
        wrong = check_queue_locked(table, &table->stripes[i]);
        free_count += table->stripes[i].free_count;
        udxg_unlock(HANDLE, &table->stripes[i].lock);
    }
    return wrong ? wrong : check_slots_locked(table, free_count);
}

uint32_t udxg_handle_count(struct udxg_handle_table *table)
{
    uint32_t free_count = 0;
    udxg_lock(SLOTS, &table->lock);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        udxg_lock(HANDLE, &table->stripes[i].lock);
        free_count += table->stripes[i].free_count;
        udxg_unlock(HANDLE, &table->stripes[i].lock);
    }
    uint32_t count = table->slot_count > free_count ? table->slot_count - free_count : 0; /* others go on meanwhile */
    udxg_unlock(SLOTS, &table->lock);
    return count;
}

const char *udxg_handle_table_check(struct udxg_handle_table *table)
{
    udxg_lock(SLOTS, &table->lock);
    const char *wrong = check_locked(table);
    udxg_unlock(SLOTS, &table->lock);
    return wrong;
}
