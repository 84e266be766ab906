/* SPDX-License-Identifier: MIT */
/*
 * The walk over real rows and real memory: what handlers see, what clients get back, and one wrong thing at a
 * time. Bad memory is a page without rights behind a good one, so that one byte too many is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../sanitizer.h"
#include "abi/shape.h"
#include "abi/thunk.h"
#include "base/os.h"

#define PAGE UDXG_PAGE_SIZE

/* COUNT good pages between two without rights. */
static unsigned char *guarded_pages(size_t count)
{
    unsigned char *start = mmap(NULL, (count + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(start != MAP_FAILED);
    assert_int_equal(mprotect(start + PAGE, count * PAGE, PROT_READ | PROT_WRITE), 0);
    return start + PAGE;
}

static void *at_end(unsigned char *pages, size_t count, size_t size)
{
    return pages + count * PAGE - size;
}

static udxg_status enter(enum udxg_thunk_id id, const void *args, struct udxg_frame *frame, void *ret_args)
{
    void *copy = NULL;
    memset(frame, 0xa5, sizeof(*frame)); /* it needs no initialisation */
    udxg_status status = udxg_thunk_enter(id, args, frame, &copy);
    assert_int_equal(status == STATUS_SUCCESS, copy != NULL);
    *(void **)ret_args = copy;
    return status;
}

static void refused(enum udxg_thunk_id id, const void *args, udxg_status expected)
{
    static struct udxg_frame frame;
    void *copy;
    assert_int_equal(enter(id, args, &frame, &copy), expected);
}

static void rows_without_a_handler(void **state)
{
    (void)state;
    for (int id = 0; id < UDXG_THUNK_COUNT; id++) {
        int anything = 0;
        refused(id, NULL, STATUS_INVALID_PARAMETER);
        if (!udxg_thunks[id].implemented) refused(id, &anything, STATUS_NOT_SUPPORTED);
    }
    refused(UDXG_THUNK_COUNT, "x", STATUS_INVALID_PARAMETER);
    refused((enum udxg_thunk_id)-1, "x", STATUS_INVALID_PARAMETER);
}

static void arguments_that_are_not_there(void **state)
{
    (void)state;
    unsigned char *pages = guarded_pages(1);
    for (int id = 0; id < UDXG_THUNK_COUNT; id++) {
        if (!udxg_thunks[id].implemented) continue;
        refused(id, (void *)8, STATUS_INVALID_PARAMETER);
        refused(id, (void *)UINTPTR_MAX, STATUS_INVALID_PARAMETER);
        refused(id, (void *)0x8000000000000000, STATUS_INVALID_PARAMETER);
        refused(id, at_end(pages, 1, udxg_thunks[id].size - 1), STATUS_INVALID_PARAMETER);
    }
}

/* The blob and the elements of one CreateAllocation2 call, all at ends of pages. */
struct creation {
    D3DKMT_CREATEALLOCATION *args;
    D3DDDI_ALLOCATIONINFO2 *infos;
    unsigned char *runtime, *driver, *data[3];
};

static struct creation valid_creation(void)
{
    struct creation c = {
        .args = at_end(guarded_pages(1), 1, sizeof(*c.args)),
        .infos = at_end(guarded_pages(1), 1, 3 * sizeof(*c.infos)),
        .runtime = at_end(guarded_pages(1), 1, 5),
        .driver = at_end(guarded_pages(1), 1, 7),
    };
    *c.args = (D3DKMT_CREATEALLOCATION){
        .hDevice = 0x40000040,
        .hGlobalShare = 0x1eadbeed,
        .pPrivateRuntimeData = c.runtime,
        .PrivateRuntimeDataSize = 5,
        .pPrivateDriverData = c.driver,
        .PrivateDriverDataSize = 7,
        .NumAllocations = 3,
        .pAllocationInfo2 = c.infos,
        .Flags.CreateResource = 1,
        .hPrivateRuntimeResourceHandle = (HANDLE)0xdeadbeef,
    };
    memset(c.runtime, 0x11, 5);
    memset(c.driver, 0x22, 7);
    for (unsigned i = 0; i < 3; i++) {
        size_t size = 100u * (i + 1);
        c.data[i] = at_end(guarded_pages(1), 1, size);
        memset(c.data[i], 0x30 + (int)i, size);
        memset(&c.infos[i], 0xff, sizeof(c.infos[i])); /* clients leave most of it as it was */
        c.infos[i].pSystemMem = NULL;
        c.infos[i].pPrivateDriverData = c.data[i];
        c.infos[i].PrivateDriverDataSize = (UINT)size;
        c.infos[i].VidPnSourceId = i;
    }
    return c;
}

static void creation_is_copied_in_and_out(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    struct creation c = valid_creation();
    D3DKMT_CREATEALLOCATION *copy;
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation2, c.args, &frame, &copy), STATUS_SUCCESS);

    assert_int_equal(copy->hDevice, 0x40000040);
    assert_int_equal(copy->hGlobalShare, 0);
    assert_null(copy->hPrivateRuntimeResourceHandle);
    assert_memory_equal(copy->pPrivateRuntimeData, c.runtime, 5);
    assert_memory_equal(copy->pPrivateDriverData, c.driver, 7);
    assert_ptr_equal(udxg_thunk_client_address(&frame, copy), c.args);
    assert_ptr_equal(udxg_thunk_client_address(&frame, &copy->NumAllocations), &c.args->NumAllocations);
    assert_null(udxg_thunk_client_address(&frame, NULL));
    for (unsigned i = 0; i < 3; i++) {
        const D3DDDI_ALLOCATIONINFO2 *info = &copy->pAllocationInfo2[i];
        assert_int_equal(info->hAllocation, 0);
        assert_int_equal(info->GpuVirtualAddress, 0);
        assert_int_equal(info->Flags.Value, 7); /* the bits that mean something, of a word of ones */
        assert_int_equal(info->VidPnSourceId, i);
        assert_int_equal(info->Reserved[4], 0);
        assert_memory_equal(info->pPrivateDriverData, c.data[i], info->PrivateDriverDataSize);
        assert_ptr_equal(udxg_thunk_client_address(&frame, info), &c.infos[i]);
        assert_ptr_equal(udxg_thunk_client_address(&frame, info->pPrivateDriverData), c.data[i]);
    }

    copy->hDevice = 1; /* not an output */
    copy->hResource = 0x40000080;
    copy->pAllocationInfo2[2].hAllocation = 0x40000140;
    copy->pAllocationInfo2[2].VidPnSourceId = 77; /* not an output */
    memset(copy->pAllocationInfo2[2].pPrivateDriverData, 0x99, 300);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    assert_int_equal(c.args->hDevice, 0x40000040);
    assert_int_equal(c.args->hResource, 0x40000080);
    assert_int_equal(c.args->hGlobalShare, 0);
    assert_ptr_equal(c.args->hPrivateRuntimeResourceHandle, (HANDLE)0xdeadbeef);
    assert_ptr_equal(c.args->pAllocationInfo2, c.infos);
    assert_int_equal(c.infos[2].hAllocation, 0x40000140);
    assert_int_equal(c.infos[2].VidPnSourceId, 2);
    assert_int_equal(c.infos[2].Flags.Value, UINT32_MAX);
    assert_int_equal(c.infos[2].GpuVirtualAddress, 0);
    assert_true(c.infos[2].Reserved[4] == UINT64_MAX);
    assert_int_equal(c.data[2][0], 0x99);
    assert_int_equal(c.data[2][299], 0x99);
    assert_int_equal(c.data[1][0], 0x31);
}

static void failure_writes_nothing(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    struct creation c = valid_creation();
    D3DKMT_CREATEALLOCATION *copy, args = *c.args;
    D3DDDI_ALLOCATIONINFO2 infos[3];
    memcpy(infos, c.infos, sizeof(infos));
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation2, c.args, &frame, &copy), STATUS_SUCCESS);
    copy->hResource = copy->pAllocationInfo2[0].hAllocation = 0x40000080;
    memset(copy->pAllocationInfo2[0].pPrivateDriverData, 0x99, 100);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
    assert_memory_equal(c.args, &args, sizeof(args));
    assert_memory_equal(c.infos, infos, sizeof(infos));
    assert_int_equal(c.data[0][0], 0x30);
}

static void success_codes_write(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_HANDLE handle = 0x40000040;
    D3DDDI_MAKERESIDENT args = {.NumAllocations = 1, .AllocationList = &handle}, *copy;
    args.NumBytesToTrim = args.PagingFenceValue = 99;
    assert_int_equal(enter(UDXG_THUNK_MakeResident, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->PagingFenceValue, 0);
    copy->PagingFenceValue = 7;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_PENDING), STATUS_PENDING);
    assert_int_equal(args.PagingFenceValue, 7);
}

/* Fields that are written always hold the client's value until the handler has another. */
static void some_failures_write(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_HANDLE handle = 0x40000040;
    D3DDDI_MAKERESIDENT args = {.NumAllocations = 1, .AllocationList = &handle}, *copy;
    args.NumBytesToTrim = args.PagingFenceValue = 99;
    assert_int_equal(enter(UDXG_THUNK_MakeResident, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_INVALID_PARAMETER), STATUS_INVALID_PARAMETER);
    assert_int_equal(args.NumBytesToTrim, 99);
    assert_int_equal(args.NumAllocations, 1);

    assert_int_equal(enter(UDXG_THUNK_MakeResident, &args, &frame, &copy), STATUS_SUCCESS);
    copy->PagingFenceValue = 8;
    copy->NumBytesToTrim = 4096;
    copy->NumAllocations = 0;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
    assert_int_equal(args.PagingFenceValue, 99);
    assert_int_equal(args.NumBytesToTrim, 4096);
    assert_int_equal(args.NumAllocations, 0);
}

static void one_wrong_thing_in_a_creation(void **state)
{
    (void)state;
    struct creation c = valid_creation();
    const D3DKMT_CREATEALLOCATION good = *c.args;
    const D3DDDI_ALLOCATIONINFO2 good_info = c.infos[2];
    unsigned char *read_only = guarded_pages(1);
    assert_int_equal(mprotect(read_only, PAGE, PROT_READ), 0);
    static struct udxg_frame frame;
    void *copy;

#define WRONG(change)                                                                   \
    *c.args = good;                                                                     \
    c.infos[2] = good_info;                                                             \
    c.change;                                                                           \
    refused(UDXG_THUNK_CreateAllocation2, c.args, STATUS_INVALID_PARAMETER)
    WRONG(args->Flags.CreateProtected = 1);
    WRONG(args->Flags.CreateWriteCombined = 1);
    WRONG(args->Flags.CreateCached = 1);
    WRONG(args->Flags.OpenCrossAdapter = 1);
    WRONG(args->Flags.Reserved = 1);
    WRONG(args->Flags.Reserved = 0x200);
    WRONG(args->Flags.StandardAllocation = 1); /* PrivateDriverDataSize is not 0 */
    WRONG(args->NumAllocations = 4);           /* reaches into the page without rights */
    WRONG(args->NumAllocations = UDXG_MAX_ALLOCATIONS + 1);
    WRONG(args->NumAllocations = UINT32_MAX);
    WRONG(args->NumAllocations = 0xaaaaaaab);  /* times 96 is 2^32 times 64 and a little */
    WRONG(args->pAllocationInfo2 = NULL);
    WRONG(args->pAllocationInfo2 = (void *)16);
    WRONG(args->pAllocationInfo2 = c.infos + 1);
    WRONG(args->pPrivateRuntimeData = NULL);
    WRONG(args->pPrivateRuntimeData = c.runtime + 1);
    WRONG(args->PrivateRuntimeDataSize = 6);
    WRONG(args->PrivateRuntimeDataSize = UDXG_MAX_PRIVATE_DATA + 1);
    WRONG(args->PrivateRuntimeDataSize = UINT32_MAX);
    WRONG(args->pPrivateDriverData = NULL);
    WRONG(args->PrivateDriverDataSize = 8);
    WRONG(infos[2].pPrivateDriverData = NULL);
    WRONG(infos[2].PrivateDriverDataSize = 301);
    WRONG(infos[2].PrivateDriverDataSize = UINT32_MAX);
    WRONG(infos[2].pPrivateDriverData = read_only); /* it is written, too */
#undef WRONG
    *c.args = good;
    c.infos[2] = good_info;
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation2, c.args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
}

static void flags_that_are_legal(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    void *copy;
    unsigned legal = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        D3DKMT_CREATEALLOCATION args = {.hDevice = 1};
        UINT word = 1u << bit;
        D3DKMT_CREATESTANDARDALLOCATION standard = {.Flags.Value = UINT32_MAX};
        memcpy(&args.Flags, &word, sizeof(word));
        if (args.Flags.StandardAllocation) args.pStandardAllocation = &standard;
        udxg_status status = enter(UDXG_THUNK_CreateAllocation, &args, &frame, &copy);
        if (status == STATUS_SUCCESS) legal |= word;
        if (status == STATUS_SUCCESS) assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    }
    D3DKMT_CREATEALLOCATIONFLAGS refused_ones = {
        .CreateProtected = 1, .CreateWriteCombined = 1, .CreateCached = 1, .OpenCrossAdapter = 1, .Reserved = 0x3ff};
    unsigned word;
    memcpy(&word, &refused_ones, sizeof(word));
    assert_int_equal(legal, ~word);
}

static void standard_allocations_have_their_own_struct(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    struct creation c = valid_creation();
    D3DKMT_CREATEALLOCATION *copy;
    D3DKMT_CREATESTANDARDALLOCATION *standard = at_end(guarded_pages(1), 1, sizeof(*standard));
    *standard = (D3DKMT_CREATESTANDARDALLOCATION){
        .Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP, .ExistingHeapData.Size = 0x10000, .Flags.Value = 0xffff};
    c.args->Flags.StandardAllocation = 1;
    c.args->pStandardAllocation = standard;
    c.args->PrivateDriverDataSize = 0;
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation2, c.args, &frame, &copy), STATUS_SUCCESS);
    assert_ptr_not_equal(copy->pStandardAllocation, standard);
    assert_int_equal(copy->pStandardAllocation->ExistingHeapData.Size, 0x10000);
    assert_int_equal(copy->pStandardAllocation->Flags.Value, 0);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(standard->Flags.Value, 0xffff);

    c.args->pStandardAllocation = (void *)((char *)standard + 1);
    refused(UDXG_THUNK_CreateAllocation2, c.args, STATUS_INVALID_PARAMETER);
    c.args->pStandardAllocation = NULL;
    refused(UDXG_THUNK_CreateAllocation2, c.args, STATUS_INVALID_PARAMETER);
}

static void version_one_uses_its_own_stride(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    unsigned char *pages = guarded_pages(1);
    D3DDDI_ALLOCATIONINFO *infos = at_end(pages, 1, 2 * sizeof(*infos));
    D3DKMT_CREATEALLOCATION args = {.NumAllocations = 2, .pAllocationInfo = infos}, *copy;
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation, &args, &frame, &copy), STATUS_SUCCESS);
    copy->pAllocationInfo[1].hAllocation = 0x40000040;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(infos[1].hAllocation, 0x40000040);
    refused(UDXG_THUNK_CreateAllocation2, &args, STATUS_INVALID_PARAMETER); /* 96 bytes each do not fit */
}

static void counts_of_zero(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = 1, .phAllocationList = (void *)16}, *copy;
    assert_int_equal(enter(UDXG_THUNK_DestroyAllocation2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_non_null(copy->phAllocationList);
    assert_ptr_not_equal(copy->phAllocationList, (void *)16);
    assert_null(udxg_thunk_client_address(&frame, copy->phAllocationList));
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    args.phAllocationList = NULL;
    assert_int_equal(enter(UDXG_THUNK_DestroyAllocation2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_null(copy->phAllocationList);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    args.AllocationCount = 1;
    refused(UDXG_THUNK_DestroyAllocation2, &args, STATUS_INVALID_PARAMETER);
    args.hResource = 0x40000080; /* then the list is not looked at */
    args.phAllocationList = (void *)16;
    assert_int_equal(enter(UDXG_THUNK_DestroyAllocation2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_null(copy->phAllocationList);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    D3DKMT_EVICT none = {.hDevice = 1};
    refused(UDXG_THUNK_Evict, &none, STATUS_INVALID_PARAMETER);
}

static void only_what_was_counted_comes_back(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_ADAPTERINFO *infos = at_end(guarded_pages(1), 1, 3 * sizeof(*infos));
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 3, .pAdapters = infos}, *copy;
    memset(infos, 0xee, 3 * sizeof(*infos));
    assert_int_equal(enter(UDXG_THUNK_EnumAdapters2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->pAdapters[2].hAdapter, 0);
    copy->pAdapters[0].hAdapter = 0x40000000;
    copy->NumAdapters = 1;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(args.NumAdapters, 1);
    assert_int_equal(infos[0].hAdapter, 0x40000000);
    assert_int_equal(infos[0].NumOfSources, 0);
    assert_int_equal(infos[1].hAdapter, 0xeeeeeeee);

    args = (D3DKMT_ENUMADAPTERS2){.NumAdapters = 3, .pAdapters = infos};
    assert_int_equal(enter(UDXG_THUNK_EnumAdapters2, &args, &frame, &copy), STATUS_SUCCESS);
    copy->NumAdapters = 4000; /* a handler's mistake writes no more than there was room for */
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    args = (D3DKMT_ENUMADAPTERS2){.NumAdapters = 0xcccccccc}; /* NULL asks, the number is garbage */
    assert_int_equal(enter(UDXG_THUNK_EnumAdapters2, &args, &frame, &copy), STATUS_SUCCESS);
    copy->NumAdapters = 34;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(args.NumAdapters, 34);

    args = (D3DKMT_ENUMADAPTERS2){.NumAdapters = 4, .pAdapters = infos};
    refused(UDXG_THUNK_EnumAdapters2, &args, STATUS_INVALID_PARAMETER);
    args.NumAdapters = UDXG_MAX_ADAPTERS + 1;
    refused(UDXG_THUNK_EnumAdapters2, &args, STATUS_INVALID_PARAMETER);
}

static void unions_follow_their_selector(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args, *copy;
    memset(&args, 0xff, sizeof(args));
    args.Info.Flags.Value = 0;
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.MonitoredFence.InitialFenceValue = 5;
    assert_int_equal(enter(UDXG_THUNK_CreateSynchronizationObject2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->Info.MonitoredFence.InitialFenceValue, 5);
    assert_null(copy->Info.MonitoredFence.FenceValueCPUVirtualAddress);
    copy->Info.MonitoredFence.FenceValueGPUVirtualAddress = 0x1000;
    copy->hSyncObject = 0x40000040;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(args.hSyncObject, 0x40000040);
    assert_int_equal(args.Info.SharedHandle, 0);
    assert_int_equal(args.Info.MonitoredFence.FenceValueGPUVirtualAddress, 0x1000);
    assert_int_equal(args.Info.MonitoredFence.InitialFenceValue, 5);

    memset(&args, 0xff, sizeof(args));
    args.Info.Flags.Value = 0;
    args.Info.Type = D3DDDI_SEMAPHORE;
    args.Info.Semaphore.MaxCount = 3;
    assert_int_equal(enter(UDXG_THUNK_CreateSynchronizationObject2, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->Info.Semaphore.MaxCount, 3);
    copy->Info.MonitoredFence.FenceValueGPUVirtualAddress = 0x1000; /* not of this type */
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_true(args.Info.MonitoredFence.FenceValueGPUVirtualAddress == UINT64_MAX);

    args.Info.Flags.Reserved = 1;
    refused(UDXG_THUNK_CreateSynchronizationObject2, &args, STATUS_INVALID_PARAMETER);
}

static void arrays_inside_of_the_struct(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_SUBMITCOMMAND args, *copy;
    memset(&args, 0xff, sizeof(args));
    memset(&args.Flags, 0, sizeof(args.Flags));
    args.BroadcastContextCount = 2;
    args.NumPrimaries = args.NumHistoryBuffers = args.PrivateDriverDataSize = 0;
    assert_int_equal(enter(UDXG_THUNK_SubmitCommand, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->BroadcastContext[1], UINT32_MAX);
    assert_int_equal(copy->BroadcastContext[2], 0);
    assert_int_equal(copy->BroadcastContext[63], 0);
    assert_int_equal(copy->WrittenPrimaries[0], 0);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    args.BroadcastContextCount = UDXG_MAX_BROADCAST;
    args.NumPrimaries = 16;
    assert_int_equal(enter(UDXG_THUNK_SubmitCommand, &args, &frame, &copy), STATUS_SUCCESS);
    assert_int_equal(copy->BroadcastContext[63], UINT32_MAX);
    assert_int_equal(copy->WrittenPrimaries[15], UINT32_MAX);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);

    args.NumPrimaries = 17;
    refused(UDXG_THUNK_SubmitCommand, &args, STATUS_INVALID_PARAMETER);
    args.NumPrimaries = 0;
    args.BroadcastContextCount = UDXG_MAX_BROADCAST + 1;
    refused(UDXG_THUNK_SubmitCommand, &args, STATUS_INVALID_PARAMETER);
    args.BroadcastContextCount = 0;
    refused(UDXG_THUNK_SubmitCommand, &args, STATUS_INVALID_PARAMETER);
}

/* Many elements with memory of their own: more spans than a frame has, more bytes than it holds. */
static void what_does_not_fit_is_on_the_heap(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    enum { COUNT = UDXG_MAX_ALLOCATIONS, SIZE = 200 };
    D3DDDI_ALLOCATIONINFO2 *infos = calloc(COUNT, sizeof(*infos));
    unsigned char *data = malloc((size_t)COUNT * SIZE);
    assert_non_null(infos);
    assert_non_null(data);
    for (unsigned i = 0; i < COUNT; i++) {
        infos[i].pPrivateDriverData = data + (size_t)i * SIZE;
        infos[i].PrivateDriverDataSize = SIZE;
        memset(infos[i].pPrivateDriverData, (int)i, SIZE);
    }
    D3DKMT_CREATEALLOCATION args = {.NumAllocations = COUNT, .pAllocationInfo2 = infos}, *copy;
    assert_int_equal(enter(UDXG_THUNK_CreateAllocation2, &args, &frame, &copy), STATUS_SUCCESS);
    for (unsigned i = 0; i < COUNT; i++) {
        D3DDDI_ALLOCATIONINFO2 *info = &copy->pAllocationInfo2[i];
        assert_memory_equal(info->pPrivateDriverData, data + (size_t)i * SIZE, SIZE);
        memset(info->pPrivateDriverData, ~(int)i, SIZE);
        info->hAllocation = i + 1;
    }
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(infos[i].hAllocation, i + 1);
        assert_int_equal(data[(size_t)i * SIZE + SIZE - 1], (unsigned char)~i);
    }

    /* All bytes that one call points to have a limit of their own. */
    unsigned char *large = calloc(1, UDXG_MAX_PRIVATE_DATA);
    assert_non_null(large);
    for (unsigned i = 0; i < COUNT; i++) {
        infos[i].pPrivateDriverData = large;
        infos[i].PrivateDriverDataSize = UDXG_MAX_PRIVATE_DATA;
    }
    refused(UDXG_THUNK_CreateAllocation2, &args, STATUS_NO_MEMORY);
    free(large);
    free(data);
    free(infos);
}

static void largest_buffers(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    size_t pages = UDXG_MAX_ADAPTER_INFO / PAGE;
    unsigned char *data = guarded_pages(pages);
    D3DKMT_QUERYADAPTERINFO args = {
        .pPrivateDriverData = data, .PrivateDriverDataSize = UDXG_MAX_ADAPTER_INFO}, *copy;
    assert_int_equal(enter(UDXG_THUNK_QueryAdapterInfo, &args, &frame, &copy), STATUS_SUCCESS);
    memset(copy->pPrivateDriverData, 0x77, UDXG_MAX_ADAPTER_INFO);
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(data[0], 0x77);
    assert_int_equal(data[UDXG_MAX_ADAPTER_INFO - 1], 0x77);
    args.pPrivateDriverData = data + 1;
    refused(UDXG_THUNK_QueryAdapterInfo, &args, STATUS_INVALID_PARAMETER);
    args.pPrivateDriverData = data;
    args.PrivateDriverDataSize++;
    refused(UDXG_THUNK_QueryAdapterInfo, &args, STATUS_INVALID_PARAMETER);
}

/* A client that changes the size while the call runs: the copy agrees with itself, whatever was read. */
#if !WITH_TSAN /* a race on purpose */
struct flipper {
    _Atomic UINT *size;
    atomic_bool stop;
};

static void *flip(void *argument)
{
    struct flipper *flipper = argument;
    while (!atomic_load(&flipper->stop)) {
        atomic_store(flipper->size, 8);
        atomic_store(flipper->size, UDXG_MAX_PRIVATE_DATA);
        atomic_store(flipper->size, UINT32_MAX);
    }
    return NULL;
}

static void sizes_that_change_under_our_feet(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    unsigned char *data = at_end(guarded_pages(1), 1, 8);
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = data, .PrivateDriverDataSize = 8};
    D3DKMT_CREATEALLOCATION args = {.NumAllocations = 1, .pAllocationInfo2 = &info}, *copy;
    struct flipper flipper = {.size = (_Atomic UINT *)&info.PrivateDriverDataSize};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
    unsigned good = 0, bad = 0;
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    do {
        udxg_status status = enter(UDXG_THUNK_CreateAllocation2, &args, &frame, &copy);
        if (status == STATUS_SUCCESS) {
            assert_int_equal(copy->pAllocationInfo2->PrivateDriverDataSize, 8);
            assert_int_equal(frame.spans[frame.span_count - 1].bytes, 8);
            assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
            good++;
        } else {
            assert_int_equal(status, STATUS_INVALID_PARAMETER);
            bad++;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((!good || !bad || good + bad < 2000) && now.tv_sec < end.tv_sec + 20);
    atomic_store(&flipper.stop, true);
    pthread_join(thread, NULL);
    assert_true(good && bad);
}
#endif

/* An address in the copy of one buffer comes out as the client's own of the same byte, and no other does. */
static void addresses_within_come_out_as_the_clients(void **state)
{
    static struct udxg_frame frame;
    char total[64];
    D3DDDI_OPENALLOCATIONINFO infos[3];
    D3DKMT_OPENRESOURCE args = {.NumAllocations = 3,
                                .pOpenAllocationInfo = infos,
                                .pTotalPrivateDriverDataBuffer = total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};
    D3DKMT_OPENRESOURCE *copy;

    (void)state;
    memset(infos, 0xff, sizeof infos);
    memset(total, 'x', sizeof total);
    assert_int_equal(udxg_thunk_enter(UDXG_THUNK_OpenResource, &args, &frame, (void **)&copy), STATUS_SUCCESS);
    assert_null(copy->pOpenAllocationInfo[0].pPrivateDriverData);
    copy->pOpenAllocationInfo[0].pPrivateDriverData = copy->pTotalPrivateDriverDataBuffer;
    copy->pOpenAllocationInfo[1].pPrivateDriverData = (char *)copy->pTotalPrivateDriverDataBuffer + 9;
    memset(copy->pTotalPrivateDriverDataBuffer, 'y', sizeof total);
    copy->TotalPrivateDriverDataBufferSize = 12;
    udxg_thunk_leave(&frame, STATUS_SUCCESS);
    assert_ptr_equal(infos[0].pPrivateDriverData, total);
    assert_ptr_equal(infos[1].pPrivateDriverData, total + 9);
    assert_null(infos[2].pPrivateDriverData);
    assert_int_equal(args.TotalPrivateDriverDataBufferSize, 12);
    assert_int_equal(total[11], 'y');
    assert_int_equal(total[12], 'x');
}

/* Counts of 16 bits: what stands beside them is not theirs. */
static void short_counts_are_short(void **state)
{
    static struct udxg_frame frame;
    USHORT text[2] = {'a', 'b'};
    UNICODE_STRING string = {.Length = sizeof text, .MaximumLength = UINT16_MAX, .Buffer = text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &string};
    D3DKMT_OPENNTHANDLEFROMNAME args = {.pObjAttrib = &attributes}, *copy;

    (void)state;
    assert_int_equal(udxg_thunk_enter(UDXG_THUNK_OpenNtHandleFromName, &args, &frame, (void **)&copy), STATUS_SUCCESS);
    assert_int_equal(copy->pObjAttrib->ObjectName->Length, sizeof text);
    assert_ptr_not_equal(copy->pObjAttrib->ObjectName->Buffer, text);
    assert_memory_equal(copy->pObjAttrib->ObjectName->Buffer, text, sizeof text);
    assert_int_equal(frame.spans[frame.span_count - 1].bytes, sizeof text);
    udxg_thunk_leave(&frame, STATUS_OBJECT_NAME_NOT_FOUND);
    string.Buffer = NULL;
    assert_int_equal(udxg_thunk_enter(UDXG_THUNK_OpenNtHandleFromName, &args, &frame, (void **)&copy),
                     STATUS_INVALID_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_within_come_out_as_the_clients),
        cmocka_unit_test(short_counts_are_short),
        cmocka_unit_test(rows_without_a_handler),
        cmocka_unit_test(arguments_that_are_not_there),
        cmocka_unit_test(creation_is_copied_in_and_out),
        cmocka_unit_test(failure_writes_nothing),
        cmocka_unit_test(success_codes_write),
        cmocka_unit_test(some_failures_write),
        cmocka_unit_test(one_wrong_thing_in_a_creation),
        cmocka_unit_test(flags_that_are_legal),
        cmocka_unit_test(standard_allocations_have_their_own_struct),
        cmocka_unit_test(version_one_uses_its_own_stride),
        cmocka_unit_test(counts_of_zero),
        cmocka_unit_test(only_what_was_counted_comes_back),
        cmocka_unit_test(unions_follow_their_selector),
        cmocka_unit_test(arrays_inside_of_the_struct),
        cmocka_unit_test(what_does_not_fit_is_on_the_heap),
        cmocka_unit_test(largest_buffers),
#if !WITH_TSAN
        cmocka_unit_test(sizes_that_change_under_our_feet),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
