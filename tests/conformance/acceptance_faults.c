/* SPDX-License-Identifier: MIT */
/*
 * Every fault there is, each provoked once: what the device's state says, that its waiters are released and nothing
 * more is taken, that all of it can be given back, that others go on, and how to begin again: with another device, or
 * after the loss of the adapter with another handle of it.
 */
#include "lab.h"

#include "creation.h"

#include <unistd.h>

#include <udxg/udxg.h>

#define SIZE KIB(256)
#define LOCAL UDXG_SOFT_SEGMENT_LOCAL

static const struct small_adapter small = {.mib = 16, .tdr_ms = 200};
static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

/* A device with some of everything on it, and a witness beside it. */
struct scene {
    struct lab lab, witness;
    struct gpu_buffer buffer; /* listed */
    struct gpu_buffer locked; /* twice */
    D3DKMT_HANDLE second;     /* context */
    struct fence waited;      /* nobody signals it */
    int event_fd;             /* set when that has come to 1 */
};

static void open_scene(struct scene *scene)
{
    use_small(&small);
    lab_open(&scene->lab, SIZE);
    lab_open_on(&scene->witness, open_adapter(), 1, SIZE);
    D3DKMT_HANDLE device = scene->lab.gpu.device;
    scene->buffer = lab_buffer(&scene->lab, SIZE, LOCAL, 0);
    require_success(lab_list(&scene->lab, &scene->buffer.allocation, 1, 0, NULL));
    scene->locked = lab_buffer(&scene->lab, SIZE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
    for (int i = 0; i < 2; i++) lock(device, scene->locked.allocation);
    scene->second = create_context(device, 1);
    scene->waited = create_fence(device, 0);
    scene->event_fd = create_event();
    require_success(wait_cpu(device, scene->waited.handle, 1, scene->event_fd));
    require_success(wait_gpu(scene->second, scene->waited.handle, 1));
}

static NTSTATUS destroy_context(D3DKMT_HANDLE context)
{
    D3DKMT_DESTROYCONTEXT args = {context};
    return D3DKMTDestroyContext(&args);
}

/* Everything of a device that is lost, one by one. */
static void gives_back(struct scene *scene)
{
    D3DKMT_HANDLE device = scene->lab.gpu.device;
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT fence = {scene->waited.handle};
    D3DDDI_DESTROYPAGINGQUEUE queue = {scene->lab.gpu.queue.handle};
    for (int i = 0; i < 2; i++) check_status(STATUS_SUCCESS, unlock(device, scene->locked.allocation));
    check_status(STATUS_SUCCESS, destroy_context(scene->second));
    check_status(STATUS_SUCCESS, destroy_context(scene->lab.gpu.context));
    check_status(STATUS_SUCCESS, destroy_allocation(device, scene->locked.allocation));
    check_status(STATUS_SUCCESS, destroy_allocation(device, scene->buffer.allocation));
    check_status(STATUS_SUCCESS, D3DKMTDestroySynchronizationObject(&fence));
    check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&queue));
    check_status(STATUS_SUCCESS, destroy_device(device));
    close(scene->event_fd);
}

static void works(struct lab *lab)
{
    uint64_t hash = 0;
    struct gpu_buffer buffer = lab_buffer(lab, SIZE, LOCAL, 0);
    require_success(lab_list(lab, &buffer.allocation, 1, 0, NULL));
    require_success(lab_fill(lab, &buffer, 0x600d));
    require_success(lab_hash(lab, &buffer, &hash));
    check_u64(hash_fill(SIZE, 0x600d), hash);
    check_status(STATUS_SUCCESS, destroy_allocation(lab->gpu.device, buffer.allocation));
}

/* Asks on either context: neither may take anything. */
static void takes_nothing(struct scene *scene, NTSTATUS want)
{
    D3DKMT_HANDLE contexts[2] = {scene->lab.gpu.context, scene->second};
    for (int i = 0; i < 2; i++) {
        scene->lab.gpu.context = contexts[i];
        check_status(want, lab_submit(&scene->lab, &nop, sizeof(nop)));
    }
    scene->lab.gpu.context = contexts[0];
}

/* After the fault; STATE is what it must have come to. Closes the scene. */
static void only_this_device_is_lost(struct scene *scene, D3DKMT_DEVICEEXECUTION_STATE state)
{
    D3DKMT_WAITFORIDLE idle = {scene->lab.gpu.device};
    check_u64(state, wait_for_error(scene->lab.gpu.device));
    check_true(event_is_set(scene->event_fd, 5000));
    check_u64(UINT64_MAX, *scene->waited.value);
    takes_nothing(scene, STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE);
    check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
    check_u64(state, execution_state(scene->lab.gpu.device));
    works(&scene->witness);
    gives_back(scene);
    works(&scene->witness);
    struct lab next;
    lab_open_on(&next, scene->witness.gpu.adapter, 0, SIZE);
    works(&next);
    lab_close(&next);
    lab_close(&scene->witness);
}

/* ----------------------------------------------------------------------------------------- faults of engines */

/* Two commands, of which the second one faults. Where it did is checked here. */
static void faults_at(struct scene *scene, UINT64 va, bool by_write)
{
    struct {
        struct udxg_soft_command first;
        struct udxg_soft_copy second;
    } commands;
    UINT64 good = scene->lab.window.va;
    commands.first = nop;
    commands.second = udxg_soft_copy_command(by_write ? va : good, by_write ? good : va, 64);
    require_success(lab_submit(&scene->lab, &commands, sizeof(commands)));
    check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(scene->lab.gpu.device));
    D3DKMT_DEVICEPAGEFAULT_STATE fault = fault_of(scene->lab.gpu.device);
    check_u64(va, fault.FaultedVirtualAddress);
    check_u64(by_write ? DXGK_PAGE_FAULT_WRITE : 0, fault.PageFaultFlags & DXGK_PAGE_FAULT_WRITE);
    check_u64(2, fault.FaultedPrimitiveAPISequenceNumber);
    check_u64(UDXG_SOFT_ERROR_ACCESS, fault.FaultErrorCode.DeviceSpecificCode);
    check_u64(1, fault.FaultErrorCode.IsDeviceSpecificCode);
    only_this_device_is_lost(scene, D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
}

static UINT64 reserve(struct scene *scene)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = scene->lab.gpu.queue.handle;
    args.Size = KIB(64);
    args.ReservationType = D3DDDIGPUVIRTUALADDRESS_RESERVE_NO_ACCESS;
    NTSTATUS status = D3DKMTReserveGpuVirtualAddress(&args);
    require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    wait_paging(&scene->lab.gpu.queue, args.PagingFenceValue);
    return args.VirtualAddress;
}

static UINT64 map_read_only(struct scene *scene)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = scene->lab.gpu.queue.handle;
    args.hAllocation = scene->buffer.allocation;
    args.SizeInPages = 1;
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
    require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    wait_paging(&scene->lab.gpu.queue, args.PagingFenceValue);
    return args.VirtualAddress;
}

static void addresses(void)
{
    struct scene scene;
    for (int by_write = 0; by_write < 2; by_write++) {
        const char *how = by_write ? "written" : "read";
        udxg_case("no address, %s", how) {
            open_scene(&scene);
            D3DKMT_FREEGPUVIRTUALADDRESS args = {scene.lab.gpu.adapter, scene.buffer.va, SIZE};
            require_success(D3DKMTFreeGpuVirtualAddress(&args));
            faults_at(&scene, scene.buffer.va, by_write);
        }
        udxg_case("a reserved address without access, %s", how) {
            open_scene(&scene);
            faults_at(&scene, reserve(&scene), by_write);
        }
        udxg_case("never resident, %s", how) {
            open_scene(&scene);
            faults_at(&scene, scene.locked.va, by_write);
        }
        udxg_case("evicted, but kept as long as there is room, %s", how) {
            open_scene(&scene);
            require_success(lab_unlist(&scene.lab, &scene.buffer.allocation, 1, 1, NULL));
            faults_at(&scene, scene.buffer.va, by_write);
        }
    }
    udxg_case("written where only reading is allowed") {
        open_scene(&scene);
        faults_at(&scene, map_read_only(&scene), true);
    }
}

static void commands(void)
{
    struct scene scene;
    udxg_case("a fault on purpose") {
        struct udxg_soft_fault fault;
        open_scene(&scene);
        fault.header = udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof(fault));
        fault.va = 0x123456789000;
        fault.error_code = 77;
        fault.write = 1;
        require_success(lab_submit(&scene.lab, &fault, sizeof(fault)));
        wait_for_error(scene.lab.gpu.device);
        D3DKMT_DEVICEPAGEFAULT_STATE record = fault_of(scene.lab.gpu.device);
        check_u64(0x123456789000, record.FaultedVirtualAddress);
        check_u64(77, record.FaultErrorCode.DeviceSpecificCode);
        check_u64(1, record.FaultedPrimitiveAPISequenceNumber);
        check_u64(DXGK_PAGE_FAULT_WRITE, record.PageFaultFlags & DXGK_PAGE_FAULT_WRITE);
        check_u64(DXGK_RENDER_PIPELINE_STAGE_UNKNOWN, record.FaultedPipelineStage);
        check_u64(DXGK_BIND_TABLE_ENTRY_UNKNOWN, record.FaultedBindTableEntry);
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
    }
    udxg_case("an illegal command") {
        struct udxg_soft_command unknown = {0xffff, sizeof(unknown)};
        open_scene(&scene);
        require_success(lab_submit(&scene.lab, &unknown, sizeof(unknown)));
        wait_for_error(scene.lab.gpu.device);
        check_u64(UDXG_SOFT_ERROR_COMMAND, fault_of(scene.lab.gpu.device).FaultErrorCode.DeviceSpecificCode);
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
    }
    udxg_case("an engine that faults by itself") {
        open_scene(&scene);
        require_success(udxg_inject("engine:fault:when=1"));
        require_success(lab_submit(&scene.lab, &nop, sizeof(nop)));
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
    }
    udxg_case("a command that has no end") {
        struct udxg_soft_spin spin = udxg_soft_spin_command(UINT64_MAX);
        open_scene(&scene);
        require_success(lab_submit(&scene.lab, &spin, sizeof(spin)));
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_HUNG);
    }
    udxg_case("an engine that hangs, and can be stopped") {
        open_scene(&scene);
        require_success(udxg_inject("engine:hang:when=1"));
        require_success(lab_submit(&scene.lab, &nop, sizeof(nop)));
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_HUNG);
    }
}

/* ------------------------------------------------------------------------------------------ faults of memory */

/* More than there is, by pieces each of which fits. */
static void must_succeed(struct scene *scene, D3DDDI_MAKERESIDENT *ret_args)
{
    D3DKMT_HANDLE list[17];
    for (size_t i = 0; i < LENGTH_OF(list); i++) list[i] = lab_buffer(&scene->lab, MIB(1), LOCAL, 0).allocation;
    check_status(STATUS_NO_MEMORY, lab_list(&scene->lab, list, LENGTH_OF(list), 3, ret_args));
    for (size_t i = 0; i < LENGTH_OF(list); i++) {
        check_status(STATUS_INVALID_PARAMETER, lab_unlist(&scene->lab, &list[i], 1, 0, NULL));
        check_status(STATUS_SUCCESS, destroy_allocation(scene->lab.gpu.device, list[i]));
    }
}

static void memory(void)
{
    struct scene scene;
    udxg_case("MustSucceed that fails") {
        D3DDDI_MAKERESIDENT args;
        open_scene(&scene);
        must_succeed(&scene, &args);
        check_true(args.NumBytesToTrim > 0);
        check_u64(0, args.NumAllocations);
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY);
    }
    udxg_case("a client that gives up its device") {
        D3DKMT_MARKDEVICEASERROR args = {0};
        open_scene(&scene);
        args.hDevice = scene.lab.gpu.device;
        args.Reason = D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR;
        check_status(STATUS_SUCCESS, D3DKMTMarkDeviceAsError(&args));
        only_this_device_is_lost(&scene, execution_state(scene.lab.gpu.device));
    }
}

/*
 * All of it is within the budget, and yet what has to lie in one piece finds none that is large enough: the call is
 * accepted, and fails later.
 */
static void no_place(void)
{
    struct scene scene;
    udxg_case("what cannot be brought in") {
        D3DKMT_HANDLE list[14];
        open_scene(&scene);
        for (size_t i = 0; i < LENGTH_OF(list); i++) {
            list[i] = lab_buffer(&scene.lab, MIB(1), LOCAL, UDXG_SOFT_ACCESSED_PHYSICALLY).allocation;
            require_success(lab_list(&scene.lab, &list[i], 1, 0, NULL));
        }
        for (size_t i = 0; i < LENGTH_OF(list); i += 2) {
            require_success(lab_unlist(&scene.lab, &list[i], 1, 0, NULL));
            require_true(leaves(scene.lab.gpu.device, list[i]));
        }
        struct gpu_buffer large = lab_buffer(&scene.lab, MIB(6), LOCAL, UDXG_SOFT_ACCESSED_PHYSICALLY);
        D3DKMT_HANDLE device = scene.lab.gpu.device;
        D3DDDI_MAKERESIDENT args = {0};
        args.hPagingQueue = scene.lab.gpu.queue.handle;
        args.NumAllocations = 1;
        args.AllocationList = &large.allocation;
        check_status(STATUS_PENDING, D3DKMTMakeResident(&args));
        only_this_device_is_lost(&scene, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY);
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(device, large.allocation));
    }
}

/* --------------------------------------------------------------------------------------- faults of adapters */

enum loss { STOPPED, TAKEN_AT_A_CALL, TAKEN_LATER, ENGINE_STUCK, LOSSES };

static const char *const losses[LOSSES] = {
    "stopped",
    "taken away at a call",
    "taken away at some time",
    "an engine that cannot be stopped",
};

static NTSTATUS state_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    return D3DKMTGetDeviceState(&args);
}

static NTSTATUS new_device(D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = adapter;
    return D3DKMTCreateDevice(&args);
}

static void lose(struct scene *scene, enum loss loss, LUID luid)
{
    if (loss == STOPPED) require_success(udxg_stop_adapter(luid));
    if (loss == TAKEN_AT_A_CALL) require_success(udxg_inject("adapter:remove:when=2"));
    if (loss == TAKEN_LATER) require_success(udxg_inject("adapter:remove:after=20"));
    if (loss == ENGINE_STUCK) {
        require_success(udxg_inject("engine:stuck:when=1"));
        require_success(lab_submit(&scene->lab, &nop, sizeof(nop)));
    }
    for (int i = 0; i < 5000 && state_of(scene->lab.gpu.device) == STATUS_SUCCESS; i++) usleep(1000);
}

static void says_removed(struct scene *scene)
{
    D3DKMT_HANDLE device = scene->lab.gpu.device, adapter = scene->lab.gpu.adapter;
    struct creation creation;
    void *data = NULL;
    D3DKMT_ALLOCATIONRESIDENCYSTATUS where;
    D3DKMT_QUERYALLOCATIONRESIDENCY residency = {0};
    residency.hDevice = device;
    residency.phAllocationList = &scene->buffer.allocation;
    residency.AllocationCount = 1;
    residency.pResidencyStatus = &where;
    D3DKMT_OFFERALLOCATIONS offer = {0};
    offer.hDevice = device;
    offer.HandleList = &scene->buffer.allocation;
    offer.NumAllocations = 1;
    offer.Priority = D3DKMT_OFFER_PRIORITY_LOW;
    check_status(STATUS_DEVICE_REMOVED, state_of(device));
    check_status(STATUS_DEVICE_REMOVED, state_of(scene->witness.gpu.device));
    check_status(STATUS_DEVICE_REMOVED, new_device(adapter));
    creation_buffers(&creation, 2, device, 1);
    creation_fails(&creation, STATUS_DEVICE_REMOVED);
    check_status(STATUS_DEVICE_REMOVED, try_lock(device, scene->buffer.allocation, &data));
    check_status(STATUS_DEVICE_REMOVED, D3DKMTQueryAllocationResidency(&residency));
    check_status(STATUS_DEVICE_REMOVED, D3DKMTOfferAllocations(&offer));
    /* Their pages have no word for it. */
    NTSTATUS status = lab_submit(&scene->lab, &nop, sizeof(nop));
    check_true(status == STATUS_DEVICE_REMOVED || status == STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE);
    status = lab_list(&scene->lab, &scene->buffer.allocation, 1, 0, NULL);
    check_true(status == STATUS_DEVICE_REMOVED || status == STATUS_INVALID_PARAMETER);
}

static void adapters(void)
{
    struct scene scene;
    struct lab next;
    for (enum loss loss = STOPPED; loss < LOSSES; loss++) {
        udxg_case("%s", losses[loss]) {
            open_scene(&scene);
            LUID luid = first_luid();
            lose(&scene, loss, luid);
            says_removed(&scene);
            check_true(event_is_set(scene.event_fd, 5000));
            check_u64(UINT64_MAX, *scene.waited.value);
            check_u64(UINT64_MAX, *scene.lab.gpu.done.value);
            check_u64(UINT64_MAX, *scene.witness.gpu.done.value);
            gives_back(&scene);
            lab_close(&scene.witness);
            D3DKMT_CLOSEADAPTER close_args = {scene.lab.gpu.adapter};
            check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&close_args));
            require_success(udxg_inject(NULL));
            if (loss != ENGINE_STUCK) check_status(STATUS_DEVICE_REMOVED, new_device(open_adapter()));
            if (loss != ENGINE_STUCK) require_success(udxg_start_adapter(luid));
            for (int i = 0; i < 5000; i++) { /* a reset takes its time */
                D3DKMT_CREATEDEVICE args = {0};
                args.hAdapter = open_adapter();
                if (D3DKMTCreateDevice(&args) == STATUS_SUCCESS && destroy_device(args.hDevice) == STATUS_SUCCESS)
                    break;
                usleep(1000);
            }
            lab_open(&next, SIZE);
            works(&next);
            lab_close(&next);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"addresses", ON_EACH, addresses},   {"commands", ON_EACH, commands}, {"memory", ON_EACH, memory},
        {"no place", ON_DISCRETE, no_place}, /* system memory has no gaps for an engine */
        {"adapters", ON_EACH, adapters},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
