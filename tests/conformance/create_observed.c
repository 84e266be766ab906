/* SPDX-License-Identifier: MIT */
/*
 * What Windows was seen to do with the one kind of allocation that needs no driver: existing heap memory as a
 * standard allocation. Every row starts from a call that is right in everything (B) and spoils one thing.
 * Windows was watched through version 1 of the call; version 2 is held to the same.
 */
#include "fixture.h"

#define HEAP_BYTES 0x10000u

/* B, independent of the version of the call. */
struct call {
    D3DKMT_CREATEALLOCATION args;
    D3DKMT_CREATESTANDARDALLOCATION standard[2];
    void *memory[2];
    UINT private_bytes; /* per allocation, of private_data */
    uint8_t private_data[6];
    uint8_t runtime_data[4];
    D3DDDI_ALLOCATIONINFO info[2];
    D3DDDI_ALLOCATIONINFO2 info2[2];
};

static void call_init(struct call *call, D3DKMT_HANDLE device)
{
    memset(call, 0, sizeof(*call));
    for (int i = 0; i < 2; i++) {
        call->standard[i].Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP;
        call->standard[i].ExistingHeapData.Size = HEAP_BYTES;
        call->memory[i] = map_pages(HEAP_BYTES / PAGE_BYTES);
    }
    memcpy(call->private_data, "driver", sizeof(call->private_data));
    memcpy(call->runtime_data, "rtd", sizeof(call->runtime_data));
    call->args.hDevice = device;
    call->args.hGlobalShare = SENTINEL;
    call->args.NumAllocations = 1;
    call->args.pStandardAllocation = call->standard;
    call->args.Flags.ExistingSysMem = 1;
    call->args.Flags.StandardAllocation = 1;
    call->args.hPrivateRuntimeResourceHandle = (HANDLE)(uintptr_t)0xdeadbeef;
}

static void with_data(struct call *call)
{
    call->args.pPrivateRuntimeData = call->runtime_data;
    call->args.PrivateRuntimeDataSize = sizeof(call->runtime_data);
    call->private_bytes = sizeof(call->private_data);
}

static NTSTATUS issue(struct call *call, int version)
{
    for (int i = 0; i < 2; i++) {
        call->info[i].hAllocation = SENTINEL;
        call->info[i].pSystemMem = call->memory[i];
        call->info[i].pPrivateDriverData = call->private_bytes > 0 ? call->private_data : NULL;
        call->info[i].PrivateDriverDataSize = call->private_bytes;
        call->info2[i].hAllocation = SENTINEL;
        call->info2[i].pSystemMem = call->memory[i];
        call->info2[i].pPrivateDriverData = call->private_bytes > 0 ? call->private_data : NULL;
        call->info2[i].PrivateDriverDataSize = call->private_bytes;
        call->info2[i].GpuVirtualAddress = SENTINEL64;
    }
    if (version == 1) {
        call->args.pAllocationInfo = call->info;
        return D3DKMTCreateAllocation(&call->args);
    }
    call->args.pAllocationInfo2 = call->info2;
    return D3DKMTCreateAllocation2(&call->args);
}

static D3DKMT_HANDLE allocation_of(const struct call *call, int version, int index)
{
    return version == 1 ? call->info[index].hAllocation : call->info2[index].hAllocation;
}

/* ------------------------------------------------------------------------------------------------ success */

static void no_change(struct call *call)
{
    (void)call;
}

static void private_data(struct call *call)
{
    call->private_bytes = sizeof(call->private_data);
}

static void runtime_data(struct call *call)
{
    call->args.pPrivateRuntimeData = call->runtime_data;
    call->args.PrivateRuntimeDataSize = sizeof(call->runtime_data);
}

static void resource(struct call *call)
{
    call->args.Flags.CreateResource = 1;
}

static void shared(struct call *call)
{
    call->args.Flags.CreateResource = 1;
    call->args.Flags.CreateShared = 1;
}

static void nt_shared(struct call *call)
{
    call->args.Flags.CreateResource = 1;
    call->args.Flags.CreateShared = 1;
    call->args.Flags.NtSecuritySharing = 1;
}

static const struct {
    const char *name;
    void (*change)(struct call *call);
    bool resource, global;
} successes[] = {
    {"B", no_change, false, false},
    {"B and 6 bytes of private data", private_data, false, false},
    {"B and 4 bytes of runtime data, no resource", runtime_data, false, false},
    {"B and CreateResource", resource, true, false},
    {"B and CreateResource, CreateShared", shared, true, true},
    {"B and CreateResource, CreateShared, NtSecuritySharing", nt_shared, true, false},
};

static void succeeds(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(successes); i++) {
            udxg_case("v%d/%s", version, successes[i].name) {
                struct call call;
                call_init(&call, device);
                successes[i].change(&call);
                D3DKMT_HANDLE next = next_handle(device) + 0x40;
                UINT flags;
                memcpy(&flags, &call.args.Flags, sizeof(flags));
                require_success(issue(&call, version));

                if (successes[i].resource) {
                    check_local(call.args.hResource);
                    check_u64(next, call.args.hResource);
                    next += 0x40;
                } else {
                    check_u64(0, call.args.hResource);
                }
                D3DKMT_HANDLE allocation = allocation_of(&call, version, 0);
                check_local(allocation);
                check_u64(next, allocation);
                if (successes[i].global)
                    check_global(call.args.hGlobalShare);
                else
                    check_u64(0, call.args.hGlobalShare);

                /* What is not an output keeps what it held. */
                check_u64(0xdeadbeef, (uintptr_t)call.args.hPrivateRuntimeResourceHandle);
                check_u64(call.args.pPrivateRuntimeData != NULL ? 4 : 0, call.args.PrivateRuntimeDataSize);
                check_u64(0, call.args.PrivateDriverDataSize);
                check_u64(1, call.args.NumAllocations);
                check_true(memcmp(&flags, &call.args.Flags, sizeof(flags)) == 0);
                check_true(memcmp(call.private_data, "driver", sizeof(call.private_data)) == 0);
                check_true(memcmp(call.runtime_data, "rtd", sizeof(call.runtime_data)) == 0);
                check_u64(call.private_bytes,
                          version == 1 ? call.info[0].PrivateDriverDataSize : call.info2[0].PrivateDriverDataSize);
                check_true((version == 1 ? call.info[0].pSystemMem : call.info2[0].pSystemMem) == call.memory[0]);
                check_u64(SENTINEL, allocation_of(&call, version, 1));
                if (version == 2) check_u64(0, call.info2[0].GpuVirtualAddress);
                /* The other version's array was not looked at. */
                check_u64(SENTINEL, allocation_of(&call, version == 1 ? 2 : 1, 0));
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------------ failure */

static void bad_device(struct call *call)
{
    call->args.hDevice = 0;
}

static void bad_resource(struct call *call)
{
    call->args.hResource = SENTINEL;
}

static void bad_resource_created(struct call *call)
{
    call->args.hResource = SENTINEL;
    call->args.Flags.CreateResource = 1;
}

static void no_allocation(struct call *call)
{
    call->args.NumAllocations = 0;
}

static void no_allocation_created(struct call *call)
{
    call->args.NumAllocations = 0;
    call->args.Flags.CreateResource = 1;
}

static void two_allocations(struct call *call)
{
    call->args.NumAllocations = 2;
}

static void two_allocations_created(struct call *call)
{
    call->args.NumAllocations = 2;
    call->args.Flags.CreateResource = 1;
}

static void top_level_data(struct call *call)
{
    call->args.PrivateDriverDataSize = 64;
}

static void type_0(struct call *call)
{
    call->standard[0].Type = (D3DKMT_STANDARDALLOCATIONTYPE)0;
}

static void type_2(struct call *call)
{
    call->standard[0].Type = D3DKMT_STANDARDALLOCATIONTYPE_INTERNALBACKINGSTORE;
}

static void type_3(struct call *call)
{
    call->standard[0].Type = D3DKMT_STANDARDALLOCATIONTYPE_MAX;
}

static void no_memory(struct call *call)
{
    call->memory[0] = NULL;
}

static void odd_memory(struct call *call)
{
    call->memory[0] = (uint8_t *)call->memory[0] + 16;
    call->standard[0].ExistingHeapData.Size = HEAP_BYTES - PAGE_BYTES;
}

static void size_0x1100(struct call *call)
{
    call->standard[0].ExistingHeapData.Size = 0x1100;
}

static void size_0(struct call *call)
{
    call->standard[0].ExistingHeapData.Size = 0;
}

static void size_wraps(struct call *call)
{
    call->standard[0].ExistingHeapData.Size = ~(UINT64)0 & ~(PAGE_BYTES - 1);
}

static void no_existing_flag(struct call *call)
{
    call->args.Flags.ExistingSysMem = 0;
}

static void no_standard_flag(struct call *call)
{
    call->args.Flags.StandardAllocation = 0;
}

static void no_standard(struct call *call)
{
    call->args.pStandardAllocation = NULL;
}

static void section_too(struct call *call)
{
    call->args.Flags.ExistingSection = 1;
}

static void shared_alone(struct call *call)
{
    call->args.Flags.CreateShared = 1;
}

static void nt_without_shared(struct call *call)
{
    call->args.Flags.CreateResource = 1;
    call->args.Flags.NtSecuritySharing = 1;
}

static void runtime_null(struct call *call)
{
    call->args.pPrivateRuntimeData = NULL;
}

static const struct {
    const char *name;
    void (*spoil)(struct call *call);
    NTSTATUS want;
} failures[] = {
    {"hDevice 0", bad_device, STATUS_INVALID_PARAMETER},
    {"hResource 0x1eadbeed", bad_resource, STATUS_INVALID_HANDLE},
    {"hResource 0x1eadbeed, CreateResource", bad_resource_created, STATUS_INVALID_HANDLE},
    {"NumAllocations 0", no_allocation, STATUS_INVALID_PARAMETER},
    {"NumAllocations 0, CreateResource", no_allocation_created, STATUS_INVALID_PARAMETER},
    {"NumAllocations 2", two_allocations, STATUS_INVALID_PARAMETER},
    {"NumAllocations 2, CreateResource", two_allocations_created, STATUS_INVALID_PARAMETER},
    {"top-level PrivateDriverDataSize 64", top_level_data, STATUS_INVALID_PARAMETER},
    {"standard type 0", type_0, STATUS_INVALID_PARAMETER},
    {"standard type 2, from user mode", type_2, STATUS_INVALID_PARAMETER},
    {"standard type 3", type_3, STATUS_INVALID_PARAMETER},
    {"pSystemMem NULL", no_memory, STATUS_INVALID_PARAMETER},
    {"pSystemMem not at a page", odd_memory, STATUS_INVALID_PARAMETER},
    {"Size 0x1100", size_0x1100, STATUS_INVALID_PARAMETER},
    {"Size 0", size_0, STATUS_INVALID_PARAMETER},
    {"Size that wraps around", size_wraps, STATUS_INVALID_PARAMETER},
    {"no ExistingSysMem", no_existing_flag, STATUS_INVALID_PARAMETER},
    {"no StandardAllocation", no_standard_flag, STATUS_INVALID_PARAMETER},
    {"pStandardAllocation NULL", no_standard, STATUS_INVALID_PARAMETER},
    {"ExistingSection too", section_too, STATUS_INVALID_PARAMETER},
    {"CreateShared without CreateResource", shared_alone, STATUS_INVALID_PARAMETER},
    {"NtSecuritySharing without CreateShared", nt_without_shared, STATUS_INVALID_PARAMETER},
    {"4 bytes of runtime data at NULL", runtime_null, STATUS_INVALID_PARAMETER},
};

static void fails(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(failures); i++) {
            udxg_case("v%d/%s", version, failures[i].name) {
                struct call call, before;
                call_init(&call, device);
                with_data(&call);
                failures[i].spoil(&call);
                D3DKMT_HANDLE last = next_handle(device);
                /* issue() fills the infos: once in vain, so that BEFORE has them too. */
                issue(&call, version);
                before = call;
                check_status(failures[i].want, issue(&call, version));
                check_true(memcmp(&before, &call, sizeof(call)) == 0);
                check_u64(SENTINEL, call.args.hGlobalShare);
                check_u64(SENTINEL, allocation_of(&call, version, 0));
                check_u64(last + 0x40, next_handle(device));
            }
        }
        udxg_case("v%d/NULL", version) {
            check_status(STATUS_INVALID_PARAMETER,
                         version == 1 ? D3DKMTCreateAllocation(NULL) : D3DKMTCreateAllocation2(NULL));
        }
        udxg_case("v%d/zeroed", version) {
            D3DKMT_CREATEALLOCATION args = {0};
            check_status(STATUS_INVALID_PARAMETER,
                         version == 1 ? D3DKMTCreateAllocation(&args) : D3DKMTCreateAllocation2(&args));
        }
        udxg_case("v%d/adding to a valid resource", version) {
            struct call call;
            call_init(&call, device);
            call.args.Flags.CreateResource = 1;
            require_success(issue(&call, version));
            D3DKMT_HANDLE existing = call.args.hResource;
            D3DKMT_HANDLE first = allocation_of(&call, version, 0);
            call_init(&call, device);
            call.args.hResource = existing;
            check_status(STATUS_INVALID_PARAMETER, issue(&call, version));
            check_u64(existing, call.args.hResource);
            check_u64(SENTINEL, allocation_of(&call, version, 0));
            check_true(is_alive(device, first));
        }
    }
}

/* -------------------------------------------------------------------------------------------- after creation */

static void uses(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("Lock2 gives the heap itself") {
        struct call call;
        call_init(&call, device);
        memset(call.memory[0], 0x77, HEAP_BYTES);
        require_success(issue(&call, 2));
        check_true(lock(device, call.info2[0].hAllocation) == call.memory[0]);
        check_true(filled_with(call.memory[0], HEAP_BYTES, 0x77));
    }
    udxg_case("destroying leaves the heap and its bytes") {
        struct call call;
        call_init(&call, device);
        memset(call.memory[0], 0x78, HEAP_BYTES);
        require_success(issue(&call, 2));
        check_status(STATUS_SUCCESS, destroy_allocation(device, call.info2[0].hAllocation));
        check_true(filled_with(call.memory[0], HEAP_BYTES, 0x78));
        memset(call.memory[0], 0x79, HEAP_BYTES);
    }
    udxg_case("the same heap serves again after destroy") {
        struct call call;
        call_init(&call, device);
        require_success(issue(&call, 2));
        require_success(destroy_allocation(device, call.info2[0].hAllocation));
        call.args.hGlobalShare = SENTINEL;
        check_status(STATUS_SUCCESS, issue(&call, 2));
    }
    udxg_case("twenty failures in a row consume no handle") {
        struct call call;
        D3DKMT_HANDLE last = next_handle(device);
        for (size_t i = 0; i < LENGTH_OF(failures); i++) {
            call_init(&call, device);
            with_data(&call);
            failures[i].spoil(&call);
            check_status(failures[i].want, issue(&call, 1 + (int)(i & 1)));
        }
        call_init(&call, device);
        call.args.Flags.CreateResource = 1;
        require_success(issue(&call, 1));
        check_u64(last + 0x40, call.args.hResource);
        check_u64(last + 0x80, call.info[0].hAllocation);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"succeeds", ON_EACH, succeeds},
        {"fails", ON_EACH, fails},
        {"uses", ON_EACH, uses},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
