/* SPDX-License-Identifier: MIT */
/*
 * Engines that do not come back in time, on an adapter with little patience: who is told to stop, who is lost with
 * whom, who is not, and how to go on. Removal by hand, too, where it differs from removed.c: coming back.
 */
#include "endpoint.h"
#include "gate.h"
#include "queue.h"

#include <stdlib.h>
#include <unistd.h>

#include <udxg/udxg.h>

#define LIMIT_MS 200u /* of hasty.ini, both of them */
#define MS(n) ((uint64_t)(n)*1000000u)
#define RESETS 5u /* that an adapter survives in a minute */

static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

static void open_hasty(struct gpu *gpu)
{
    endpoint_set("UDXG_ADAPTERS", PROFILES "/hasty.ini");
    gpu_open(gpu);
}

/* Where an engine that was told to stop has two minutes for it. */
static void open_lenient(struct gpu *gpu)
{
    endpoint_set("UDXG_ADAPTERS", PROFILES "/lenient.ini");
    gpu_open(gpu);
}

static NTSTATUS new_device(D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = adapter;
    return D3DKMTCreateDevice(&args);
}

static NTSTATUS state_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    return D3DKMTGetDeviceState(&args);
}

static NTSTATUS destroy_device(D3DKMT_HANDLE device)
{
    D3DKMT_DESTROYDEVICE args = {device};
    return D3DKMTDestroyDevice(&args);
}

static NTSTATUS spin(struct gpu *gpu, D3DKMT_HANDLE context, uint64_t duration_ns)
{
    struct udxg_soft_spin command = udxg_soft_spin_command(duration_ns);
    return submit_to(gpu, context, &command, sizeof(command));
}

static void works(struct gpu *gpu)
{
    require_success(submit(gpu, &nop, sizeof(nop)));
    gpu_finish(gpu);
    check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu->device));
}

/* Waits end after the last packet of the device, which may come a moment after the device is seen to be lost. */
static void check_let_go(const struct gpu *gpu)
{
    for (int i = 0; i < 5000 && *gpu->done.value != UINT64_MAX; i++) usleep(1000);
    check_u64(UINT64_MAX, *gpu->done.value);
}

static void wait_for_next_era(void)
{
    for (int i = 0; i < 10000 && new_device(open_adapter()) != STATUS_SUCCESS; i++) usleep(1000);
}

/* The adapter is reset by a packet that cannot be stopped, of GPU; returns when that is over. */
static void get_stuck(struct gpu *gpu)
{
    require_success(udxg_inject("engine:stuck:when=1"));
    require_success(submit(gpu, &nop, sizeof(nop)));
    for (int i = 0; i < 10000 && state_of(gpu->device) == STATUS_SUCCESS; i++) usleep(1000);
    require_status(STATUS_DEVICE_REMOVED, state_of(gpu->device));
    wait_for_next_era();
}

/* -------------------------------------------------------------------------------------------- engine resets */

static void engine_reset(void)
{
    struct gpu gpu, other;
    udxg_case("a command that waits for ever: its device is hung, another on the same engine is not") {
        open_hasty(&gpu);
        gpu_open_on(&other, gpu.adapter);
        struct gpu_buffer never = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct udxg_soft_wait wait = hold(never.va);
        double start_ms = now_ms();
        require_success(submit(&gpu, &wait, sizeof(wait)));
        require_success(signal_gpu(gpu.context, gpu.done.handle, 1));
        require_success(submit(&other, &nop, sizeof(nop)));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(gpu.device));
        check_true(now_ms() - start_ms >= LIMIT_MS);
        require_success(wait_cpu(gpu.device, gpu.done.handle, 1, -1));
        check_u64(UINT64_MAX, *gpu.done.value);
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, submit(&gpu, &nop, sizeof(nop)));
        D3DKMT_WAITFORIDLE idle = {gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
        gpu_finish(&other);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(other.device));
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, never.allocation));
        check_status(STATUS_SUCCESS, destroy_device(gpu.device));
        check_status(STATUS_SUCCESS, new_device(gpu.adapter)); /* the adapter is what it was */
    }
    udxg_case("many commands that are short each") {
        open_hasty(&gpu);
        for (int i = 0; i < 6; i++) require_success(spin(&gpu, gpu.context, MS(LIMIT_MS / 3)));
        works(&gpu);
    }
    udxg_case("a fence that asked for it is left alone") {
        open_hasty(&gpu);
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
        args.hDevice = gpu.device;
        args.Info.Type = D3DDDI_MONITORED_FENCE;
        args.Info.Flags.NoSignalMaxValueOnTdr = 1;
        args.Info.MonitoredFence.InitialFenceValue = 3;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        require_success(spin(&gpu, gpu.context, UINT64_MAX));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(gpu.device));
        require_success(wait_cpu(gpu.device, gpu.done.handle, UINT64_MAX, -1));
        check_u64(3, *(const volatile UINT64 *)args.Info.MonitoredFence.FenceValueCPUVirtualAddress);
    }
    udxg_case("a hardware queue hangs as well") {
        open_hasty(&gpu);
        struct hw_queue queue = create_hw_queue(create_hw_context(gpu.device, 0), 0);
        struct udxg_soft_spin command = udxg_soft_spin_command(UINT64_MAX);
        require_success(submit_to_queue(&gpu, queue.handle, 1, &command, sizeof(command)));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(gpu.device));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, queue.progress.handle, UINT64_MAX, -1));
    }
}

/* A function of its own: a process has its adapters for good. */
static void lenient(void)
{
    struct gpu gpu, other;
    udxg_case("an engine hangs while another one is given time to stop") {
        open_lenient(&gpu);
        gpu_open_on(&other, gpu.adapter);
        D3DKMT_HANDLE on_1 = create_context(other.device, 1);
        require_success(udxg_inject("engine:stuck:when=1"));
        require_success(submit(&gpu, &nop, sizeof(nop)));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(gpu.device));
        double start_ms = now_ms();
        require_success(spin(&other, on_1, UINT64_MAX));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(other.device));
        check_true(now_ms() - start_ms < 50 * LIMIT_MS);
        require_success(udxg_inject(NULL));
    }
}

/* Longer than both limits together, and yet nobody minds. */
static void disabled(void)
{
    struct gpu gpu;
    udxg_case("DisableGpuTimeout of the device") {
        open_hasty(&gpu);
        D3DKMT_CREATEDEVICE args = {0};
        args.hAdapter = gpu.adapter;
        args.Flags.DisableGpuTimeout = 1;
        require_success(D3DKMTCreateDevice(&args));
        gpu.device = args.hDevice;
        gpu.queue = create_paging_queue(gpu.device);
        gpu.context = create_context(gpu.device, 0);
        gpu.done = create_fence(gpu.device, 0);
        require_success(spin(&gpu, gpu.context, MS(5 * LIMIT_MS / 2)));
        works(&gpu);
    }
    udxg_case("DisableGpuTimeout of the context, and not of its neighbour") {
        open_hasty(&gpu);
        D3DKMT_CREATECONTEXTVIRTUAL args = {0};
        args.hDevice = gpu.device;
        args.Flags.DisableGpuTimeout = 1;
        require_success(D3DKMTCreateContextVirtual(&args));
        require_success(spin(&gpu, args.hContext, MS(5 * LIMIT_MS / 2)));
        works(&gpu);
        require_success(spin(&gpu, gpu.context, UINT64_MAX));
        check_u64(D3DKMT_DEVICEEXECUTION_HUNG, wait_for_error(gpu.device));
    }
    udxg_case("DisableGpuTimeout of the hardware queue") {
        open_hasty(&gpu);
        struct hw_queue queue = create_hw_queue(create_hw_context(gpu.device, 0), 1);
        struct udxg_soft_spin command = udxg_soft_spin_command(MS(5 * LIMIT_MS / 2));
        require_success(submit_to_queue(&gpu, queue.handle, 1, &command, sizeof(command)));
        finish_queue(&gpu, &queue, 1);
        works(&gpu);
    }
}

/* ------------------------------------------------------------------------------------------- adapter resets */

static void adapter_reset(void)
{
    struct gpu gpu, other, next;
    udxg_case("a packet that cannot be stopped: everything of before is removed, and what is opened anew works") {
        open_hasty(&gpu);
        gpu_open_on(&other, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&other, PAGE_BYTES);
        D3DKMT_HANDLE on_1 = create_context(other.device, 1);
        require_success(spin(&other, on_1, MS(100))); /* innocent, on another engine */
        get_stuck(&gpu);
        check_status(STATUS_DEVICE_REMOVED, state_of(other.device));
        check_status(STATUS_DEVICE_REMOVED, new_device(gpu.adapter));
        check_let_go(&gpu);
        check_let_go(&other);
        /* Its thread is still inside: another serves the engine. */
        gpu_open(&next);
        works(&next);
        require_success(udxg_inject(NULL));
        check_status(STATUS_SUCCESS, destroy_allocation(other.device, buffer.allocation));
        check_status(STATUS_SUCCESS, destroy_device(gpu.device));
        check_status(STATUS_SUCCESS, destroy_device(other.device));
        D3DKMT_CLOSEADAPTER close = {gpu.adapter};
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&close));
        works(&next);
    }
    udxg_case("who waits is released, and the device is idle") {
        open_hasty(&gpu);
        gpu_open_on(&other, gpu.adapter);
        struct fence gate = create_fence(other.device, 0);
        int event = create_event();
        require_success(wait_gpu(other.context, gate.handle, 1));
        require_success(wait_cpu(other.device, other.done.handle, 1, event));
        get_stuck(&gpu);
        check_true(event_is_set(event, 5000));
        D3DKMT_WAITFORIDLE guilty = {gpu.device}, innocent = {other.device};
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&guilty));
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&innocent));
    }
    udxg_case("nobody who waits is let go while the command still runs") {
        open_hasty(&gpu);
        require_success(udxg_inject("engine:stuck:when=1"));
        require_success(submit(&gpu, &nop, sizeof(nop)));
        require_success(signal_gpu(gpu.context, gpu.done.handle, 1));
        require_success(wait_cpu(gpu.device, gpu.done.handle, 1, -1));
        check_u64(UINT64_MAX, *gpu.done.value);
        /* It was told to stop, and did not: only the reset of the adapter has ended it. */
        check_status(STATUS_DEVICE_REMOVED, state_of(gpu.device));
        wait_for_next_era();
        require_success(udxg_inject(NULL));
    }
    udxg_case("a device that is destroyed while its packet is stuck, and had no timeout") {
        open_hasty(&gpu);
        D3DKMT_CREATECONTEXTVIRTUAL args = {0};
        args.hDevice = gpu.device;
        args.Flags.DisableGpuTimeout = 1;
        require_success(D3DKMTCreateContextVirtual(&args));
        require_success(udxg_inject("engine:stuck:when=1"));
        require_success(submit_to(&gpu, args.hContext, &nop, sizeof(nop)));
        usleep(20000);
        check_status(STATUS_SUCCESS, destroy_device(gpu.device));
        for (int i = 0; i < 5000 && new_device(gpu.adapter) == STATUS_SUCCESS; i++) usleep(1000);
        check_status(STATUS_DEVICE_REMOVED, new_device(gpu.adapter));
        require_success(udxg_inject(NULL));
    }
}

static void too_many(void)
{
    udxg_case("more resets in a minute than an adapter survives") {
        struct gpu gpu;
        open_hasty(&gpu);
        LUID luid = first_luid();
        for (UINT i = 0; i < RESETS; i++) {
            if (i > 0) gpu_open(&gpu);
            get_stuck(&gpu);
        }
        gpu_open(&gpu);
        require_success(udxg_inject("engine:stuck:when=1"));
        require_success(submit(&gpu, &nop, sizeof(nop)));
        for (int i = 0; i < 5000 && state_of(gpu.device) == STATUS_SUCCESS; i++) usleep(1000);
        usleep(2 * LIMIT_MS * 1000);
        check_status(STATUS_DEVICE_REMOVED, new_device(open_adapter()));
        check_status(STATUS_SUCCESS, udxg_start_adapter(luid));
        require_success(udxg_inject(NULL));
        gpu_open(&gpu);
        works(&gpu);
    }
}

/* ------------------------------------------------------------------------------------------------- contents */

static void contents(void)
{
    udxg_case("what the GPU wrote to video memory is lost, the home is not") {
        struct gpu gpu;
        gpu_open(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        require_success(evict(gpu.device, buffer.allocation));
        uint8_t *home = (uint8_t *)lock(gpu.device, buffer.allocation);
        memset(home, 0x11, KIB(64));
        require_success(unlock(gpu.device, buffer.allocation));
        make_resident(&gpu.queue, buffer.allocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 0x22222222);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        require_success(udxg_stop_adapter(first_luid()));
        check_true(filled_with(home, KIB(64), on_discrete() ? 0x11 : 0x22)); /* the address is good for its life */
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
    }
}

static void starting(void)
{
    udxg_case("an adapter that is there") {
        struct gpu gpu;
        gpu_open(&gpu);
        check_status(STATUS_SUCCESS, udxg_start_adapter(first_luid()));
        works(&gpu);
    }
    udxg_case("a LUID that is none") {
        LUID luid = first_luid();
        luid.HighPart ^= 0x40000000;
        check_status(STATUS_INVALID_PARAMETER, udxg_start_adapter(luid));
    }
    udxg_case("what was opened before the end stays removed, also what was opened after it") {
        struct gpu gpu, next;
        gpu_open(&gpu);
        LUID luid = first_luid();
        require_success(udxg_stop_adapter(luid));
        D3DKMT_HANDLE between = open_adapter();
        check_status(STATUS_DEVICE_REMOVED, new_device(between));
        check_status(STATUS_SUCCESS, udxg_start_adapter(luid));
        check_status(STATUS_DEVICE_REMOVED, new_device(gpu.adapter));
        check_status(STATUS_DEVICE_REMOVED, new_device(between));
        check_status(STATUS_DEVICE_REMOVED, state_of(gpu.device));
        gpu_open(&next);
        works(&next);
        check_status(STATUS_SUCCESS, destroy_device(gpu.device));
        works(&next);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"engine reset", ON_DISCRETE, engine_reset},
        {"lenient", ON_DISCRETE, lenient},
        {"disabled", ON_DISCRETE, disabled},
        {"adapter reset", ON_DISCRETE, adapter_reset},
        {"too many", ON_DISCRETE, too_many},
        {"contents", ON_EACH, contents},
        {"starting", ON_EACH, starting},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
