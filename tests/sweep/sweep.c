/* SPDX-License-Identifier: MIT */
/*
 * The sweep: every row of the table, one wrong thing at a time, then thousands of random ones. Calls go through
 * the exported names; what is wrong, and what status it must give, comes from the table.
 *
 * Each case runs in a process of its own. Its valid call is prepared first; then, from a copy of the arguments,
 * calls that must fail are made, and after each one all of the client's memory is as it was. When all have
 * failed, no handle has been used up and no descriptor is open that was not before, and the valid call, with
 * garbage in everything the table says is not looked at, succeeds: so nothing was destroyed on the way.
 *
 * Prints TAP. Arguments: the seed of the random rounds (default: the time, printed), then the number of rounds
 * for each case (default 2000).
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/control.h"
#include "abi/shape.h"
#include "abi/thunk.h"
#include "cases.h"
#include "world.h"

#define SECONDS_FOR_A_CASE 120u
#define BATCHES 4u
#define SHOWN 20u /* findings of one case; there may be hundreds */

typedef NTSTATUS call_function(void *args);

/* Calls by row; NULL where the parameters are not one struct. */
#define CALLER(id, type)                                                                                               \
    static NTSTATUS call_##id(void *args)                                                                              \
    {                                                                                                                  \
        return D3DKMT##id((type *)args);                                                                               \
    }
#define DECLARE(id, constness, type)                                                                                   \
    NTSTATUS APIENTRY D3DKMT##id(constness type *args);                                                                \
    CALLER(id, type)
#define THUNK(number, id, constness) DECLARE(id, constness, T)
#define THUNK_END
#define THUNK_ODD(number, id)
#define CONTROL(id) /* our own calls have no D3DKMT name; tests/conformance and tests/unit make them */
#define NOT_YET(number, id, constness, type) DECLARE(id, constness, type)
#define NOT_YET_OPAQUE(number, id, constness, type) DECLARE(id, constness, type)
#include "abi/thunks.def"

static NTSTATUS call_ShareObjects(void *arguments)
{
    const D3DKMT_SHAREOBJECTS *args = arguments;
    return D3DKMTShareObjects(args->ObjectCount, args->ObjectHandleArray, args->pObjectAttributes, args->DesiredAccess,
                              args->pSharedNtHandle);
}

static NTSTATUS call_GetProcessSchedulingPriorityClass(void *arguments)
{
    struct udxg_process_class *args = arguments;
    return D3DKMTGetProcessSchedulingPriorityClass(args->Process, &args->Class);
}

static NTSTATUS call_SetProcessSchedulingPriorityClass(void *arguments)
{
    const struct udxg_process_class *args = arguments;
    return D3DKMTSetProcessSchedulingPriorityClass(args->Process, args->Class);
}

static call_function *const callers[UDXG_THUNK_COUNT] = {
#define THUNK(number, id, constness) [UDXG_THUNK_##id] = call_##id,
#define THUNK_END
#define CONTROL(id)
#define NOT_YET(number, id, constness, type) [UDXG_THUNK_##id] = call_##id,
#define NOT_YET_OPAQUE(number, id, constness, type) [UDXG_THUNK_##id] = call_##id,
#include "abi/thunks.def"
};

/* Rows whose struct is the exporter's own: the client cannot give a wrong address for it. */
static const bool has_no_struct[UDXG_THUNK_COUNT] = {
#define THUNK_ODD(number, id) [UDXG_THUNK_##id] = true,
#include "abi/thunks.def"
};

struct run {
    struct world world;
    const struct sweep_case *test;
    unsigned char *args;               /* in the arena */
    unsigned char valid[ARENA_BYTES];  /* the arena when the arguments were valid */
    unsigned char before[ARENA_BYTES]; /* the arena before the current call */
    unsigned findings, attempts;
};

static const struct udxg_thunk *thunk_of(const struct run *run)
{
    return &udxg_thunks[run->test->id];
}

static void found(struct run *run, const char *field, const char *what, const char *problem, NTSTATUS got)
{
    if (run->findings++ < SHOWN)
        printf("# %s %s: %s %s: %s (status %#010x)\n", thunk_of(run)->name, run->test->name, field, what, problem,
               (unsigned)got);
}

/* ---- the client's memory ---- */

static uint32_t load32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static unsigned char *load_pointer(const void *from)
{
    unsigned char *value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static void store_pointer(void *to, const void *value)
{
    memcpy(to, &value, sizeof(value));
}

static bool applies(const struct udxg_field *field, const unsigned char *base)
{
    const struct udxg_when *when = &field->when;
    return ((load32(base + when->offset) & when->mask) == when->value) != when->negate;
}

/* What a marked pointer leads to is written whatever happens: NULL for a handle that there is not. */
static void allow_target(struct run *run, const struct udxg_field *field)
{
    size_t offset = (size_t)(load_pointer(run->args + field->offset) - run->world.arena);
    if (offset <= ARENA_BYTES - field->element_size)
        memcpy(run->before + offset, run->world.arena + offset, field->element_size);
}

/* A lack of memory may write outputs that the table marks; any other failure writes nothing. */
static bool unchanged(struct run *run, NTSTATUS status)
{
    const struct udxg_shape *shape = thunk_of(run)->shape;
    size_t start = (size_t)(run->args - run->world.arena);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        if (!(field->direction & UDXG_ALWAYS)) continue;
        if (field->kind == UDXG_KIND_POINTER) allow_target(run, field);
        if (status != STATUS_NO_MEMORY) continue;
        memcpy(run->before + start + field->offset, run->args + field->offset, field->size);
    }
    return memcmp(run->before, run->world.arena, ARENA_BYTES) == 0;
}

static NTSTATUS call(struct run *run)
{
    memcpy(run->before, run->world.arena, ARENA_BYTES);
    return callers[run->test->id](run->args);
}

static NTSTATUS expected_status(const struct run *run, const char *field, const char *what, NTSTATUS usual)
{
    for (size_t i = 0; i < sweep_exception_count; i++) {
        const struct sweep_exception *exception = &sweep_exceptions[i];
        bool same = exception->id == run->test->id && strcmp(exception->field, field) == 0;
        if (same && (!exception->what || strcmp(exception->what, what) == 0)) return exception->status;
    }
    return usual;
}

/*
 * Makes the call as it stands in the arena; it must fail with EXPECTED, where nothing in cases.c knows better.
 * Then makes the arguments valid again. A call that is not supported as a whole may say so first.
 */
static void attempt(struct run *run, const char *field, const char *what, NTSTATUS expected)
{
    run->attempts++;
    expected = expected_status(run, field, what, expected);
    NTSTATUS status = call(run);
    bool not_supported = status == STATUS_NOT_SUPPORTED && run->test->status == STATUS_NOT_SUPPORTED;
    if (status != expected && !not_supported) {
        char problem[64];
        snprintf(problem, sizeof(problem), "wanted %#010x", (unsigned)expected);
        found(run, field, what, problem, status);
    }
    if (status < 0 && !unchanged(run, status)) found(run, field, what, "memory of the client changed", status);
    memcpy(run->world.arena, run->valid, ARENA_BYTES);
}

/* ---- one wrong thing ---- */

static D3DKMT_HANDLE wrong_kind(const struct run *run, const struct udxg_field *field)
{
    bool takes_adapter = field->handle == UDXG_IS_ADAPTER || field->handle == UDXG_IS_PAGING_QUEUE_OR_ADAPTER;
    return takes_adapter ? run->world.device : run->world.adapter;
}

static void sweep_handle_at(struct run *run, const struct udxg_field *field, unsigned char *at)
{
    const struct {
        const char *what;
        D3DKMT_HANDLE value;
    } wrong[] = {
        {"dead", run->world.dead[field->handle]},
        {"of the wrong kind", wrong_kind(run, field)},
        {"global", 0x40000002},
        {"global, of a live object", run->world.alive[field->handle] | 2},
        {"never given out", 0x7fffffc0},
        {"all ones", 0xffffffff},
        {"zero", 0},
    };
    size_t count = sizeof(wrong) / sizeof(wrong[0]) - field->optional;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, &wrong[i].value, sizeof(wrong[i].value));
        attempt(run, field->name, wrong[i].what, STATUS_INVALID_PARAMETER);
    }
}

/* True when the arguments name an allocation or a resource, which are nothing to any other device. */
static bool names_memory(const struct udxg_shape *shape, const unsigned char *base)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        bool memory = field->handle == UDXG_IS_ALLOCATION || field->handle == UDXG_IS_RESOURCE;
        if (!memory || !(field->direction & UDXG_IN) || !applies(field, base)) continue;
        bool counted = field->kind != UDXG_KIND_HANDLE;
        if (load32(base + (counted ? field->count_offset : field->offset))) return true;
    }
    return false;
}

static void sweep_handle(struct run *run, const struct udxg_shape *shape, const struct udxg_field *field,
                         unsigned char *base)
{
    if (!(field->direction & UDXG_IN)) return;
    sweep_handle_at(run, field, base + field->offset);
    if (field->handle != UDXG_IS_DEVICE || !names_memory(shape, base)) return;
    memcpy(base + field->offset, &run->world.other_device, sizeof(run->world.other_device));
    attempt(run, field->name, "another one", STATUS_INVALID_PARAMETER);
}

static void sweep_bits(struct run *run, const struct udxg_field *field, unsigned char *at)
{
    for (unsigned bit = 0; bit < 8u * field->size; bit++) {
        if (field->mask >> bit & 1) continue;
        char what[32];
        snprintf(what, sizeof(what), "bit %u", bit);
        at[bit / 8] |= (unsigned char)(1u << bit % 8);
        attempt(run, field->name, what, STATUS_INVALID_PARAMETER);
    }
}

static void sweep_descriptor(struct run *run, const struct udxg_field *field, unsigned char *at)
{
    const uint64_t wrong[] = {0x7fffffff, 0xdeadbeef, 0x100000000, INT64_MAX}; /* all ones is the current process */
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(at, &wrong[i], sizeof(wrong[i]));
        attempt(run, field->name, "bad descriptor",
                strcmp(field->name, "hSyncFile") ? STATUS_INVALID_HANDLE : STATUS_INVALID_PARAMETER);
    }
}

static void store_count(unsigned char *base, const struct udxg_field *field, uint32_t value)
{
    memcpy(base + field->count_offset, &value, field->short_count ? sizeof(uint16_t) : sizeof(value));
}

static uint32_t load_count(const unsigned char *base, const struct udxg_field *field)
{
    uint32_t value = 0;
    if (field->count_offset == UDXG_NO_COUNT) return 1;
    memcpy(&value, base + field->count_offset, field->short_count ? sizeof(uint16_t) : sizeof(value));
    return value;
}

static void sweep_pointer_values(struct run *run, const struct udxg_field *field, unsigned char *base, size_t bytes)
{
    unsigned char *at = base + field->offset;
    const struct {
        const char *what;
        const void *value;
    } wrong[] = {
        {"NULL", NULL},
        {"8", (void *)8},
        {"not canonical", (void *)0x8000000000000000},
        {"kernel", (void *)0xffff888000000000},
        {"the last byte of all", (void *)UINTPTR_MAX},
        {"without rights", run->world.no_rights},
        {"one byte too near to the end", run->world.no_rights - bytes + 1},
    };
    for (size_t i = field->optional; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        store_pointer(at, wrong[i].value);
        attempt(run, field->name, wrong[i].what, STATUS_INVALID_PARAMETER);
    }
    if (!(field->direction & UDXG_OUT)) return;
    unsigned char *page = run->world.read_only;
    store_pointer(at, page);
    attempt(run, field->name, "read-only", STATUS_INVALID_PARAMETER);
}

static void sweep_counts(struct run *run, const struct udxg_field *field, unsigned char *base)
{
    store_count(base, field, field->maximum + 1);
    attempt(run, field->name, "count over the limit", STATUS_INVALID_PARAMETER);
    store_count(base, field, UINT32_MAX);
    attempt(run, field->name, "count of all ones", STATUS_INVALID_PARAMETER);
    if (field->element_size > 1) {
        store_count(base, field, UINT32_MAX / field->element_size + 2);
        attempt(run, field->name, "count times size over 32 bits", STATUS_INVALID_PARAMETER);
    }

    /* At the limit, with zeros: no handle is 0, and no allocation has no private data. */
    bool judged = field->handle || (field->element && field->direction & UDXG_IN);
    if (!judged || (size_t)field->maximum * field->element_size > ROOM_BYTES) return;
    store_count(base, field, field->maximum);
    store_pointer(base + field->offset, run->world.room);
    attempt(run, field->name, "the limit of zeros", STATUS_INVALID_PARAMETER);
}

static void sweep_struct(struct run *run, const struct udxg_shape *shape, unsigned char *base);

static void sweep_pointer(struct run *run, const struct udxg_field *field, unsigned char *base)
{
    bool counted = field->count_offset != UDXG_NO_COUNT && !field->short_count; /* no 16 bits are over a limit */
    uint32_t count = load_count(base, field);
    unsigned char *target = load_pointer(base + field->offset);
    if (target && count) sweep_pointer_values(run, field, base, (size_t)count * field->element_size);
    if (counted && (target || !field->optional)) sweep_counts(run, field, base);
    if (!target || !count) return;
    for (uint32_t i = 0; field->element && field->direction & UDXG_IN && i < count; i++)
        sweep_struct(run, field->element, target + (size_t)i * field->element_size);
    for (uint32_t i = 0; field->handle && i < count; i++)
        sweep_handle_at(run, field, target + (size_t)i * field->element_size);
}

static void sweep_handles_here(struct run *run, const struct udxg_field *field, unsigned char *base)
{
    uint32_t count = load32(base + field->count_offset);
    store_count(base, field, field->maximum + 1);
    attempt(run, field->name, "count over the room", STATUS_INVALID_PARAMETER);
    store_count(base, field, UINT32_MAX);
    attempt(run, field->name, "count of all ones", STATUS_INVALID_PARAMETER);
    for (uint32_t i = 0; i < count; i++)
        sweep_handle_at(run, field, base + field->offset + (size_t)i * field->element_size);
}

static void sweep_field(struct run *run, const struct udxg_shape *shape, const struct udxg_field *field,
                        unsigned char *base)
{
    unsigned char *at = base + field->offset;
    switch ((enum udxg_field_kind)field->kind) {
    case UDXG_KIND_HANDLE:
        sweep_handle(run, shape, field, base);
        break;
    case UDXG_KIND_FLAGS:
    case UDXG_KIND_RESERVED:
        sweep_bits(run, field, at);
        break;
    case UDXG_KIND_COUNT:
        if (!field->minimum) break;
        memset(at, 0, field->size);
        attempt(run, field->name, "zero", STATUS_INVALID_PARAMETER);
        break;
    case UDXG_KIND_NT_HANDLE:
    case UDXG_KIND_PROCESS:
        if (field->direction & UDXG_IN) sweep_descriptor(run, field, at);
        break;
    case UDXG_KIND_POINTER:
        sweep_pointer(run, field, base);
        break;
    case UDXG_KIND_HANDLES:
        sweep_handles_here(run, field, base);
        break;
    case UDXG_KIND_VALUE:
    case UDXG_KIND_HINTS:
    case UDXG_KIND_IGNORED:
    case UDXG_KIND_REST:
    case UDXG_KIND_ADDRESS:
    case UDXG_KIND_CALLBACK:
    case UDXG_KIND_WITHIN:
    case UDXG_KIND_MAPPED:
        break;
    }
}

static void sweep_struct(struct run *run, const struct udxg_shape *shape, unsigned char *base)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (applies(&shape->fields[i], base)) sweep_field(run, shape, &shape->fields[i], base);
    }
}

static void sweep_arguments(struct run *run)
{
    unsigned char *args = run->args;
    const struct {
        const char *what;
        void *value;
    } wrong[] = {
        {"NULL", NULL},
        {"8", (void *)8},
        {"not canonical", (void *)0x8000000000000000},
        {"without rights", run->world.no_rights},
        {"one byte too near to the end", run->world.no_rights - thunk_of(run)->size + 1},
    };
    if (has_no_struct[run->test->id]) return;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(run->before, run->world.arena, ARENA_BYTES);
        run->args = wrong[i].value;
        NTSTATUS status = callers[run->test->id](run->args);
        run->args = args;
        run->attempts++;
        if (status != STATUS_INVALID_PARAMETER) found(run, "the arguments", wrong[i].what, "wanted 0xc000000d", status);
        if (memcmp(run->before, run->world.arena, ARENA_BYTES) != 0)
            found(run, "the arguments", wrong[i].what, "memory of the client changed", status);
    }
}

/* ---- what must stay as it was ---- */

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    if (!folder) return -1;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* Two opens in a row differ by one step; a call that failed has no place between them. */
static void check_handles(struct run *run, D3DKMT_HANDLE first)
{
    D3DKMT_HANDLE second = world_open_adapter(&run->world);
    if (second != first + 0x40) {
        char problem[64];
        snprintf(problem, sizeof(problem), "%#x came after %#x", second, first);
        found(run, "handles", "were used up", problem, STATUS_SUCCESS);
    }
}

/* Garbage wherever the table says that nobody looks. Bytes of other fields that apply are left alone. */
static void spoil(const struct udxg_shape *shape, unsigned char *base)
{
    unsigned char mine[1024];
    memset(mine, 0, sizeof(mine));
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        if (applies(field, base) && field->direction) memset(mine + field->offset, 1, field->size);
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        bool output = field->direction && !(field->direction & UDXG_IN) && field->kind != UDXG_KIND_POINTER;
        if (!applies(field, base)) continue;
        if (field->kind == UDXG_KIND_HINTS) {
            uint32_t bits = load32(base + field->offset) | (uint32_t)~field->mask;
            memcpy(base + field->offset, &bits, sizeof(bits));
        }
        bool ignored = field->kind == UDXG_KIND_IGNORED || field->kind == UDXG_KIND_REST;
        for (uint32_t j = field->offset; (ignored || output) && j < (uint32_t)field->offset + field->size; j++) {
            if (output || !mine[j]) base[j] = 0xdb;
        }
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        if (!field->element || !(field->direction & UDXG_IN) || !applies(field, base)) continue;
        uint32_t count = load_count(base, field);
        unsigned char *target = load_pointer(base + field->offset);
        for (uint32_t j = 0; target && j < count; j++) spoil(field->element, target + (size_t)j * field->element_size);
    }
}

/* STATUS_PENDING is a success of the calls that return a fence value to wait for. */
static bool may_pend(const struct udxg_shape *shape)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (strcmp(shape->fields[i].name, "PagingFenceValue") == 0) return true;
    }
    return false;
}

static void check_valid_call(struct run *run)
{
    spoil(thunk_of(run)->shape, run->args);
    NTSTATUS status = call(run);
    if (status == STATUS_PENDING && may_pend(thunk_of(run)->shape)) status = STATUS_SUCCESS;
    if (status != run->test->status)
        found(run, "the valid call", "with garbage where nobody looks", "another status was wanted", status);
}

/* ---- random rounds ---- */

static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(random64() >> 32) % limit;
}

/* An address that is no accident waiting to happen: nothing of ours but the arena and the pages for this. */
static const void *random_address(struct run *run)
{
    switch (below(8)) {
    case 0:
        return NULL;
    case 1:
        return (void *)(uintptr_t)below(PAGE);
    case 2:
        return (void *)(random64() | 0x8000000000000000);
    case 3:
        return run->world.no_rights + below(PAGE);
    case 4:
        return run->world.read_only + below(PAGE);
    case 5:
        return run->world.no_rights - below(256);
    case 6:
        return run->world.room + below(ROOM_BYTES / PAGE) * PAGE;
    default:
        return run->world.arena + below(ARENA_BYTES);
    }
}

static D3DKMT_HANDLE random_handle(struct run *run)
{
    uint32_t kind = 1 + below(UDXG_HANDLE_KIND_COUNT - 1);
    switch (below(5)) {
    case 0:
        return (D3DKMT_HANDLE)random64();
    case 1:
        return run->world.dead[kind];
    case 2:
        return 0x40000000 + 0x40 * below(64);
    default:
        return run->world.alive[kind];
    }
}

static uint64_t random_number(void)
{
    static const uint64_t edges[] = {0, 1, 2, 0xfff, 0x1000, 0x10000, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    switch (below(4)) {
    case 0:
        return edges[below(sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return below(64);
    case 2:
        return UINT64_C(1) << below(64);
    default:
        return random64();
    }
}

static void mutate_memory(unsigned char *target, uint32_t bytes)
{
    for (unsigned i = 0; i <= below(4); i++) target[below(bytes)] = (unsigned char)random64();
}

static void mutate_struct(struct run *run, const struct udxg_shape *shape, unsigned char *base);

static void mutate_pointer(struct run *run, const struct udxg_field *field, unsigned char *base)
{
    bool single = field->count_offset == UDXG_NO_COUNT;
    uint32_t count = single ? 1 : load32(base + field->count_offset);
    unsigned char *target = load_pointer(base + field->offset), *arena = run->world.arena;
    bool ours = target >= arena && target < arena + ARENA_BYTES && count <= 64 &&
                (size_t)count * field->element_size <= (size_t)(arena + ARENA_BYTES - target);
    if (below(3) == 0 || !ours || !count)
        store_pointer(base + field->offset, random_address(run));
    else if (field->element)
        mutate_struct(run, field->element, target + (size_t)below(count) * field->element_size);
    else
        mutate_memory(target, count * field->element_size);
}

static void mutate_field(struct run *run, const struct udxg_field *field, unsigned char *base)
{
    unsigned char *at = base + field->offset;
    uint64_t number = random_number();
    D3DKMT_HANDLE handle = random_handle(run);
    if (!strcmp(field->name, "pTimeout")) return; /* without it, or with a long one, the call may wait for ever */
    switch ((enum udxg_field_kind)field->kind) {
    case UDXG_KIND_POINTER:
        mutate_pointer(run, field, base);
        break;
    case UDXG_KIND_ADDRESS:
        store_pointer(at, random_address(run));
        break;
    case UDXG_KIND_HANDLE:
    case UDXG_KIND_HANDLES:
        memcpy(at + below(field->size / sizeof(handle)) * sizeof(handle), &handle, sizeof(handle));
        break;
    case UDXG_KIND_PROCESS:
    case UDXG_KIND_NT_HANDLE: /* never NULL: some calls would wait for ever */
        number = below(2) ? number | UINT64_C(1) << 40 : (uint64_t)run->world.event;
        memcpy(at, &number, sizeof(number));
        break;
    case UDXG_KIND_CALLBACK: /* anything else would be called one day */
        break;
    case UDXG_KIND_REST: /* may share its bytes with a pointer, and then a number is an address by chance */
        break;
    default:
        memcpy(at, &number, field->size < sizeof(number) ? field->size : sizeof(number));
        break;
    }
}

static void mutate_struct(struct run *run, const struct udxg_shape *shape, unsigned char *base)
{
    for (unsigned i = 0; i <= below(3); i++) {
        const struct udxg_field *field = &shape->fields[below(shape->field_count)];
        if (applies(field, base)) mutate_field(run, field, base);
    }
}

/* Random bytes, but no random address: it might lead to something that is needed. */
static void randomize(struct run *run)
{
    const struct udxg_shape *shape = thunk_of(run)->shape;
    for (uint32_t i = 0; i < shape->size; i++) run->args[i] = (unsigned char)random64();
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        bool address = field->kind == UDXG_KIND_POINTER || field->kind == UDXG_KIND_ADDRESS;
        if (field->kind == UDXG_KIND_CALLBACK) store_pointer(run->args + field->offset, NULL);
        if (address) store_pointer(run->args + field->offset, random_address(run));
    }
}

static bool is_documented(NTSTATUS status)
{
    static const NTSTATUS documented[] = {
        STATUS_SUCCESS,
        STATUS_PENDING,
        STATUS_TIMEOUT,
        STATUS_INVALID_PARAMETER,
        STATUS_INVALID_HANDLE,
        STATUS_NO_MEMORY,
        STATUS_NOT_SUPPORTED,
        STATUS_ACCESS_DENIED,
        STATUS_BUFFER_TOO_SMALL,
        STATUS_GRAPHICS_NO_VIDEO_MEMORY,
        STATUS_DEVICE_REMOVED,
        STATUS_GRAPHICS_DRIVER_MISMATCH,
        STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE,
        STATUS_OBJECT_NAME_INVALID,
        STATUS_OBJECT_NAME_NOT_FOUND,
        STATUS_OBJECT_NAME_COLLISION,
        STATUS_OBJECT_TYPE_MISMATCH,
        STATUS_ILLEGAL_INSTRUCTION,
        STATUS_GRAPHICS_ALLOCATION_BUSY,
        STATUS_GRAPHICS_TOO_MANY_REFERENCES,
    };
    for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++) {
        if (status == documented[i]) return true;
    }
    return false;
}

static void random_round(struct run *run, unsigned round)
{
    memcpy(run->world.arena, run->valid, ARENA_BYTES);
    if (round == 0)
        memset(run->args, 0, thunk_of(run)->size);
    else if (round % 4 == 0)
        randomize(run);
    else
        mutate_struct(run, thunk_of(run)->shape, run->args);
    NTSTATUS status = call(run);
    run->attempts++;
    char what[32];
    snprintf(what, sizeof(what), "%u", round);
    if (!is_documented(status)) found(run, "random round", what, "not a documented status", status);
    if (status < 0 && !unchanged(run, status)) found(run, "random round", what, "memory of the client changed", status);
}

/* ---- processes and TAP ---- */

static void prepare(struct run *run, const struct sweep_case *test)
{
    alarm(SECONDS_FOR_A_CASE);
    world_make(&run->world);
    run->test = test;
    run->args = world_take(&run->world, thunk_of(run)->size);
    test->set_up(&run->world, run->args);
    memcpy(run->valid, run->world.arena, ARENA_BYTES);
}

static int sweep(const struct sweep_case *test)
{
    static struct run run;
    prepare(&run, test);
    D3DKMT_HANDLE first = world_open_adapter(&run.world);
    int descriptors = open_descriptors();
    sweep_arguments(&run);
    sweep_struct(&run, thunk_of(&run)->shape, run.args);
    if (open_descriptors() != descriptors) found(&run, "descriptors", "were left open", "", STATUS_SUCCESS);
    check_handles(&run, first);
    check_valid_call(&run);
    if (run.findings > SHOWN) printf("# and %u more\n", run.findings - SHOWN);
    printf("# %u wrong calls\n", run.attempts);
    return run.findings != 0;
}

static unsigned rounds = 2000;
static uint64_t seed;

static int fuzz(const struct sweep_case *test)
{
    static struct run run;
    prepare(&run, test);
    for (unsigned round = 0; round < rounds / BATCHES; round++) random_round(&run, round);
    if (run.findings) printf("# seed %" PRIu64 "\n", seed);
    return run.findings != 0;
}

/* True when TEST returned 0 in a process of its own. */
static bool alone(int (*function)(const struct sweep_case *test), const struct sweep_case *test)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) exit(function(test));
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    if (WIFSIGNALED(status))
        printf("# killed by signal %d%s\n", WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ": too slow" : "");
    else if (WEXITSTATUS(status) > 1)
        printf("# exit status %d\n", WEXITSTATUS(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static unsigned points, failures;

static void point(bool good, const char *what, const char *name, const char *detail)
{
    failures += !good;
    printf("%sok %u - %s %s%s%s\n", good ? "" : "not ", ++points, what, name, *detail ? ", " : "", detail);
}

static bool fuzz_batches(const struct sweep_case *test)
{
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        random_state = seed * 1000003 + (uint64_t)(test - sweep_cases) * 101 + batch + 1;
        for (int i = 0; i < 20; i++) random64();
        if (!alone(fuzz, test)) {
            printf("# seed %" PRIu64 ", batch %u\n", seed, batch);
            return false;
        }
    }
    return true;
}

/* Rows that are not there yet look at nothing. */
static int call_what_is_not_there(const struct sweep_case *test)
{
    (void)test;
    struct world world;
    int wrong = 0;
    world_make(&world);
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        if (udxg_thunks[i].implemented || !callers[i]) continue;
        NTSTATUS null = callers[i](NULL), other = callers[i](world.no_rights);
        if (null == STATUS_INVALID_PARAMETER && other == STATUS_NOT_SUPPORTED) continue;
        printf("# %s: NULL %#010x, otherwise %#010x\n", udxg_thunks[i].name, (unsigned)null, (unsigned)other);
        wrong = 1;
    }
    return wrong;
}

static bool has_case(size_t id)
{
    for (size_t i = 0; i < sweep_case_count; i++) {
        if ((size_t)sweep_cases[i].id == id) return true;
    }
    return false;
}

static void every_row_has_a_case(void)
{
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        if (udxg_thunks[i].implemented && !udxg_thunks[i].control && !has_case(i))
            point(false, "has no case:", udxg_thunks[i].name, "");
    }
    point(failures == 0, "every implemented row", "has a case", "");
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    if (argc > 2) rounds = (unsigned)strtoul(argv[2], NULL, 0);
    setenv("UDXG_ADAPTERS", "soft-discrete", 1);
    printf("# seed %" PRIu64 ", %u random rounds a case\n", seed, rounds);
    every_row_has_a_case();
    point(alone(call_what_is_not_there, NULL), "what is not there yet", "says so", "");
    for (size_t i = 0; i < sweep_case_count; i++) {
        const struct sweep_case *test = &sweep_cases[i];
        point(alone(sweep, test), "one wrong thing:", udxg_thunks[test->id].name, test->name);
        point(fuzz_batches(test), "random:", udxg_thunks[test->id].name, test->name);
    }
    printf("1..%u\n", points);
    return failures != 0;
}
