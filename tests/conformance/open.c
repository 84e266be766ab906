/* SPDX-License-Identifier: MIT */
/*
 * Opening a shared resource: what each of the three calls says of the sizes, one short, one long, and what an opening
 * is: its own handles, its own residency, the same memory, whatever becomes of the others.
 */
#include "opening.h"

#include <unistd.h>

static struct opening opening, second;
static struct creation creation;

/* A resource of COUNT allocations, shared as CALL opens it. */
static HANDLE share_for(enum open_call call, D3DKMT_HANDLE device, UINT count, UINT more_flags, UINT access)
{
    create_shared(&creation, device, count, (call == OPEN_NT ? SHARE_NT : SHARE_GLOBAL) | more_flags);
    return call == OPEN_NT ? share_resource(creation.args.hResource, access) : NULL;
}

static void prepare(enum open_call call, D3DKMT_HANDLE device, D3DKMT_HANDLE opener, UINT count)
{
    HANDLE nt = share_for(call, device, count, 0, ACCESS_ALL);
    open_prepare(&opening, call, opener, creation.args.hGlobalShare, nt);
}

static void succeeds(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int call = 1; call <= OPEN_CALLS; call++) {
        for (UINT count = 1; count <= CREATION_MAX; count++) {
            udxg_case("%d/%u allocations", call, count) {
                prepare((enum open_call)call, device, device, count);
                open_succeeds(&opening, &creation);
                check_u64(*fields_of(&opening).resource + 0x40, opened_allocation(&opening, 0));
            }
        }
        udxg_case("%d/exactly enough room", call) {
            prepare((enum open_call)call, device, device, 2);
            *fields_of(&opening).total_bytes = 2 * sizeof(struct udxg_soft_allocation);
            open_succeeds(&opening, &creation);
        }
        udxg_case("%d/without runtime data or data of the resource", call) {
            creation_buffers(&creation, 2, device, 1);
            creation_set_flags(&creation, call == OPEN_NT ? SHARE_NT : SHARE_GLOBAL);
            require_success(creation_issue(&creation));
            HANDLE nt = call == OPEN_NT ? share_resource(creation.args.hResource, ACCESS_ALL) : NULL;
            open_prepare(&opening, (enum open_call)call, device, creation.args.hGlobalShare, nt);
            *fields_of(&opening).runtime = *fields_of(&opening).private_data = NULL;
            require_success(open_issue(&opening));
        }
        udxg_case("%d/again and again, new handles each time", call) {
            D3DKMT_HANDLE last = 0;
            HANDLE nt = share_for((enum open_call)call, device, 1, 0, ACCESS_ALL);
            for (int i = 0; i < 5; i++) {
                open_prepare(&opening, (enum open_call)call, device, creation.args.hGlobalShare, nt);
                open_succeeds(&opening, &creation);
                check_true(*fields_of(&opening).resource > last);
                last = opened_allocation(&opening, 0);
            }
        }
    }
}

struct wrong {
    const char *name;
    void (*spoil)(struct opening_fields *f);
    NTSTATUS want;
};

static void no_device(struct opening_fields *f)
{
    *f->device = 0;
}
static void no_allocations(struct opening_fields *f)
{
    *f->count = 0;
}
static void one_allocation_less(struct opening_fields *f)
{
    --*f->count;
}
static void one_allocation_more(struct opening_fields *f)
{
    ++*f->count;
}
static void no_elements(struct opening_fields *f)
{
    *f->elements = NULL;
}
static void runtime_short(struct opening_fields *f)
{
    --*f->runtime_bytes;
}
static void runtime_long(struct opening_fields *f)
{
    ++*f->runtime_bytes;
}
static void no_runtime(struct opening_fields *f)
{
    *f->runtime = NULL;
}
static void no_runtime_at_all(struct opening_fields *f)
{
    *f->runtime = NULL;
    *f->runtime_bytes = 0;
}
static void private_short(struct opening_fields *f)
{
    --*f->private_bytes;
}
static void private_long(struct opening_fields *f)
{
    ++*f->private_bytes;
}
static void no_private(struct opening_fields *f)
{
    *f->private_data = NULL;
}
static void total_short(struct opening_fields *f)
{
    *f->total_bytes = 2 * sizeof(struct udxg_soft_allocation) - 1;
}
static void total_empty(struct opening_fields *f)
{
    *f->total_bytes = 0;
}
static void no_total(struct opening_fields *f)
{
    *f->total = NULL;
}
static void no_total_at_all(struct opening_fields *f)
{
    *f->total = NULL;
    *f->total_bytes = 0;
}

static const struct wrong wrongs[] = {
    {"no device", no_device, STATUS_INVALID_PARAMETER},
    {"no allocations", no_allocations, STATUS_INVALID_PARAMETER},
    {"one allocation less", one_allocation_less, STATUS_INVALID_PARAMETER},
    {"one allocation more", one_allocation_more, STATUS_INVALID_PARAMETER},
    {"no elements", no_elements, STATUS_INVALID_PARAMETER},
    {"runtime data one short", runtime_short, STATUS_INVALID_PARAMETER},
    {"runtime data one long", runtime_long, STATUS_INVALID_PARAMETER},
    {"no runtime data", no_runtime, STATUS_INVALID_PARAMETER},
    {"no runtime data, no size", no_runtime_at_all, STATUS_INVALID_PARAMETER},
    {"private data one short", private_short, STATUS_INVALID_PARAMETER},
    {"private data one long", private_long, STATUS_INVALID_PARAMETER},
    {"no private data", no_private, STATUS_INVALID_PARAMETER},
    {"total one short", total_short, STATUS_NO_MEMORY},
    {"total of nothing", total_empty, STATUS_NO_MEMORY},
    {"no total", no_total, STATUS_INVALID_PARAMETER},
    {"no total, no size", no_total_at_all, STATUS_INVALID_PARAMETER},
};

static void fails(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int call = 1; call <= OPEN_CALLS; call++) {
        for (size_t i = 0; i < LENGTH_OF(wrongs); i++) {
            udxg_case("%d/%s", call, wrongs[i].name) {
                prepare((enum open_call)call, device, device, 2);
                struct opening_fields f = fields_of(&opening);
                wrongs[i].spoil(&f);
                D3DKMT_HANDLE before = next_handle(device);
                open_fails(&opening, wrongs[i].want);
                check_u64(before + 0x40, next_handle(device));
            }
        }
        udxg_case("%d/a resource that is gone", call) {
            prepare((enum open_call)call, device, device, 1);
            require_success(destroy_resource(device, creation.args.hResource));
            if (call == OPEN_NT) close_handle(opening.nt.hNtHandle);
            open_fails(&opening, call == OPEN_NT ? STATUS_INVALID_HANDLE : STATUS_INVALID_PARAMETER);
        }
    }
    udxg_case("a local handle for a global one") {
        prepare(OPEN_RESOURCE, device, device, 1);
        opening.args.hGlobalShare = creation.args.hResource;
        open_fails(&opening, STATUS_INVALID_PARAMETER);
    }
    udxg_case("a number beside the global one") {
        prepare(OPEN_RESOURCE, device, device, 1);
        opening.args.hGlobalShare += 0x40;
        open_fails(&opening, STATUS_INVALID_PARAMETER);
    }
    udxg_case("an event for an NT handle") {
        prepare(OPEN_NT, device, device, 1);
        opening.nt.hNtHandle = fd_handle(create_event());
        open_fails(&opening, STATUS_INVALID_HANDLE);
    }
    udxg_case("a pipe of the client's for an NT handle") {
        int ends[2];
        prepare(OPEN_NT, device, device, 1);
        require_true(pipe(ends) == 0);
        opening.nt.hNtHandle = fd_handle(ends[1]);
        open_fails(&opening, STATUS_INVALID_HANDLE);
    }
    udxg_case("mutex data without a size of 0") {
        prepare(OPEN_NT, device, device, 1);
        opening.nt.KeyedMutexPrivateRuntimeDataSize = 20;
        open_fails(&opening, STATUS_INVALID_PARAMETER);
    }
}

/* The same bytes, by CPU, whoever has what left. */
static void shares_memory(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter), other = create_device(adapter);
    for (int call = 1; call <= OPEN_CALLS; call++) {
        udxg_case("%d/two devices see the same bytes", call) {
            prepare((enum open_call)call, device, other, 2);
            open_succeeds(&opening, &creation);
            uint32_t *mine = (uint32_t *)lock(device, creation_handle(&creation, 1));
            uint32_t *theirs = (uint32_t *)lock(other, opened_allocation(&opening, 1));
            mine[7] = 0x1234567;
            check_u64(0x1234567, theirs[7]);
        }
        udxg_case("%d/handles are of their device", call) {
            prepare((enum open_call)call, device, other, 1);
            open_succeeds(&opening, &creation);
            check_true(is_alive(other, opened_allocation(&opening, 0)));
            check_true(!is_alive(device, opened_allocation(&opening, 0)));
            check_true(!is_alive(other, creation_handle(&creation, 0)));
        }
        udxg_case("%d/an opened resource goes alone", call) {
            prepare((enum open_call)call, device, other, 1);
            open_succeeds(&opening, &creation);
            check_status(STATUS_SUCCESS, destroy_resource(other, *fields_of(&opening).resource));
            check_true(!is_alive(other, opened_allocation(&opening, 0)));
            check_true(is_alive(device, creation_handle(&creation, 0)));
            check_status(STATUS_INVALID_PARAMETER, destroy_resource(other, *fields_of(&opening).resource));
            check_status(STATUS_SUCCESS, destroy_resource(device, creation.args.hResource));
        }
        udxg_case("%d/the creator's goes alone", call) {
            prepare((enum open_call)call, device, other, 1);
            open_succeeds(&opening, &creation);
            *(uint32_t *)lock(device, creation_handle(&creation, 0)) = 99;
            require_success(unlock(device, creation_handle(&creation, 0)));
            check_status(STATUS_SUCCESS, destroy_resource(device, creation.args.hResource));
            check_u64(99, *(uint32_t *)lock(other, opened_allocation(&opening, 0)));
        }
        udxg_case("%d/nothing is added, no member goes alone", call) {
            prepare((enum open_call)call, device, other, 2);
            open_succeeds(&opening, &creation);
            check_true(!is_live_resource(other, *fields_of(&opening).resource));
            check_status(STATUS_INVALID_PARAMETER, destroy_allocation(other, opened_allocation(&opening, 0)));
        }
        udxg_case("%d/an opening is not resident", call) {
            struct paging_queue queue = create_paging_queue(device), theirs = create_paging_queue(other);
            prepare((enum open_call)call, device, other, 1);
            open_succeeds(&opening, &creation);
            make_resident(&queue, creation_handle(&creation, 0));
            check_status(STATUS_INVALID_PARAMETER, evict(other, opened_allocation(&opening, 0)));
            make_resident(&theirs, opened_allocation(&opening, 0));
            check_status(STATUS_SUCCESS, evict(device, creation_handle(&creation, 0)));
            check_status(STATUS_SUCCESS, evict(other, opened_allocation(&opening, 0)));
        }
    }
}

/* Copies FROM to TO on the GPU: it succeeds, or it is a page fault. */
static void copy_on(struct gpu *gpu, D3DKMT_HANDLE to, D3DKMT_HANDLE from, bool succeeds)
{
    make_resident(&gpu->queue, to);
    make_resident(&gpu->queue, from);
    struct udxg_soft_copy copy =
        udxg_soft_copy_command(map(&gpu->queue, to, CREATION_BYTES), map(&gpu->queue, from, CREATION_BYTES), 4096);
    require_success(submit(gpu, &copy, sizeof(copy)));
    if (succeeds)
        gpu_finish(gpu);
    else
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu->device));
}

static void rights(void)
{
    static const struct {
        UINT access;
        bool writes;
    } rows[] = {{0, false},           {ACCESS_READ, false}, {0x1f0000, false},   {0x80000000u, false},
                {ACCESS_WRITE, true}, {ACCESS_ALL, true},   {0x40000000u, true}, {ACCESS_READ | ACCESS_WRITE, true}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("access 0x%x %s", rows[i].access, rows[i].writes ? "writes" : "reads") {
            struct gpu gpu;
            gpu_open(&gpu);
            struct gpu_buffer own = create_gpu_buffer(&gpu, CREATION_BYTES);
            HANDLE nt = share_for(OPEN_NT, gpu.device, 1, 0, rows[i].access);
            open_prepare(&opening, OPEN_NT, gpu.device, 0, nt);
            open_succeeds(&opening, &creation);
            copy_on(&gpu, own.allocation, opened_allocation(&opening, 0), true);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
            copy_on(&gpu, opened_allocation(&opening, 0), own.allocation, rows[i].writes);
        }
    }
    udxg_case("who may only read hands on no more") {
        struct gpu gpu;
        gpu_open(&gpu);
        struct gpu_buffer own = create_gpu_buffer(&gpu, CREATION_BYTES);
        HANDLE nt = share_for(OPEN_NT, gpu.device, 1, 0, ACCESS_READ);
        open_prepare(&second, OPEN_NT, gpu.device, 0, nt);
        open_succeeds(&second, &creation);
        open_prepare(&opening, OPEN_NT, gpu.device, 0, share_resource(second.nt.hResource, ACCESS_ALL));
        open_succeeds(&opening, &creation);
        copy_on(&gpu, opened_allocation(&opening, 0), own.allocation, false);
    }
    udxg_case("of a ReadOnly allocation nobody writes") {
        struct gpu gpu;
        gpu_open(&gpu);
        struct gpu_buffer own = create_gpu_buffer(&gpu, CREATION_BYTES);
        HANDLE nt = share_for(OPEN_NT, gpu.device, 1, READ_ONLY, ACCESS_ALL);
        open_prepare(&opening, OPEN_NT, gpu.device, 0, nt);
        open_succeeds(&opening, &creation);
        copy_on(&gpu, opened_allocation(&opening, 0), own.allocation, false);
    }
}

static void heaps(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int call = 1; call <= OPEN_CALLS; call++) {
        udxg_case("%d/a heap has private data of the miniport's", call) {
            void *heap = map_pages(CREATION_BYTES / PAGE_BYTES);
            creation_heap(&creation, 2, device, heap, CREATION_BYTES);
            creation_set_flags(&creation, creation_flags(&creation) | (call == OPEN_NT ? SHARE_NT : SHARE_GLOBAL));
            require_success(creation_issue(&creation));
            HANDLE nt = call == OPEN_NT ? share_resource(creation.args.hResource, ACCESS_ALL) : NULL;
            open_prepare(&opening, (enum open_call)call, device, creation.args.hGlobalShare, nt);
            require_success(open_issue(&opening));
            check_u64(sizeof(struct udxg_soft_allocation), *fields_of(&opening).total_bytes);
            check_true(lock(device, opened_allocation(&opening, 0)) == heap);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"succeeds", ON_EACH, succeeds}, {"fails", ON_DISCRETE, fails}, {"memory", ON_EACH, shares_memory},
        {"rights", ON_EACH, rights},     {"heaps", ON_EACH, heaps},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
