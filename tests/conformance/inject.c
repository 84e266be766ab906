/* SPDX-License-Identifier: MIT */
/* Faults on purpose: the rules of udxg_inject(), of UDXG_INJECT and of profiles; and what a fault leaves to read. */
#include "endpoint.h"
#include "queue.h"

#include <stdlib.h>
#include <unistd.h>

#include <udxg/udxg.h>

static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

static NTSTATUS new_device(D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = adapter;
    return D3DKMTCreateDevice(&args);
}

static D3DKMT_DEVICEPAGEFAULT_STATE fault_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_PAGE_FAULT;
    require_success(D3DKMTGetDeviceState(&args));
    return args.PageFaultState;
}

/* --------------------------------------------------------------------------------------------------- rules */

static void rules(void)
{
    static const char *const good[] = {
        "",
        "CreateDevice:status=NO_MEMORY",
        "CreateDevice:status=STATUS_NO_MEMORY:when=1",
        "CreateAllocation2:status=NO_VIDEO_MEMORY:when=3+",
        "*:status=0xc0000017:when=2+7",
        "engine:fault, engine:hang:when=4,engine:stuck:when=18446744073709551615",
        "adapter:remove:when=1000",
        "adapter:remove:after=4000000000",
    };
    static const char *const bad[] = {
        "CreateDevice",
        "CreateDevice:",
        "CreateDevice:status=",
        "CreateDevice:status=NO_SUCH_STATUS",
        "CreateDevice:status=SUCCESS",
        "CreateDevice:status=0x1c0000017",
        "CreateDevice:status=NO_MEMORY:when=0",
        "CreateDevice:status=NO_MEMORY:when=",
        "CreateDevice:status=NO_MEMORY:when=1+0",
        "CreateDevice:status=NO_MEMORY:when=1+x",
        "CreateDevice:status=NO_MEMORY:when=18446744073709551616",
        "CreateDevice:status=NO_MEMORY:after=1",
        "CreateDevice:status=NO_MEMORY,",
        "D3DKMTCreateDevice:status=NO_MEMORY",
        "SetStablePowerState:status=NO_MEMORY",
        "StopAdapter:status=NO_MEMORY",
        "engine:explode",
        "engine:",
        "adapter:remove",
        "adapter:remove:when=2+",
        "adapter:remove:after=soon",
        "adapter:break:when=1",
        ":",
    };
    for (size_t i = 0; i < LENGTH_OF(good); i++)
        udxg_case("good: %s", good[i]) check_status(STATUS_SUCCESS, udxg_inject(good[i]));
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("bad: %s", bad[i]) {
            D3DKMT_HANDLE adapter = open_adapter();
            require_success(udxg_inject("CreateDevice:status=ILLEGAL_INSTRUCTION:when=1"));
            check_status(STATUS_INVALID_PARAMETER, udxg_inject(bad[i]));
            check_status(STATUS_ILLEGAL_INSTRUCTION, new_device(adapter)); /* the rules are what they were */
            check_status(STATUS_SUCCESS, new_device(adapter));
        }
    }
    udxg_case("33 rules") {
        char text[33 * 16] = "";
        for (int i = 0; i < 32; i++) strcat(text, i ? ",engine:fault" : "engine:fault");
        check_status(STATUS_SUCCESS, udxg_inject(text));
        strcat(text, ",engine:fault");
        check_status(STATUS_INVALID_PARAMETER, udxg_inject(text));
    }
}

static void calls(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    const struct {
        const char *when;
        unsigned failing; /* bit i: the call i + 1 */
    } rows[] = {{"", 0xff}, {":when=3", 1 << 2}, {":when=3+", 0xfc}, {":when=2+3", 1 << 1 | 1 << 4 | 1 << 7}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("a call%s", rows[i].when) {
            char text[128] = "CreateDevice:status=GRAPHICS_NO_VIDEO_MEMORY";
            require_success(udxg_inject(strcat(text, rows[i].when)));
            for (unsigned call = 0; call < 8; call++) {
                D3DKMT_CREATEDEVICE args = {0};
                args.hAdapter = adapter;
                args.hDevice = SENTINEL;
                bool fails = rows[i].failing >> call & 1;
                check_status(fails ? STATUS_GRAPHICS_NO_VIDEO_MEMORY : STATUS_SUCCESS, D3DKMTCreateDevice(&args));
                if (fails) check_u64(SENTINEL, args.hDevice);
                D3DKMT_QUERYVIDEOMEMORYINFO other = {0};
                other.hAdapter = adapter;
                check_status(STATUS_SUCCESS, D3DKMTQueryVideoMemoryInfo(&other));
            }
        }
    }
    udxg_case("every call, but for ours") {
        LUID luid = first_luid();
        require_success(udxg_inject("*:status=ACCESS_DENIED"));
        check_status(STATUS_ACCESS_DENIED, new_device(adapter));
        D3DKMT_CLOSEADAPTER close = {adapter};
        check_status(STATUS_ACCESS_DENIED, D3DKMTCloseAdapter(&close));
        check_status(STATUS_SUCCESS, udxg_start_adapter(luid));
        check_status(STATUS_SUCCESS, udxg_inject(NULL));
        check_status(STATUS_SUCCESS, new_device(adapter));
    }
    udxg_case("two rules for one call: the first wins, both count") {
        require_success(udxg_inject("CreateDevice:status=NO_MEMORY:when=1,CreateDevice:status=ACCESS_DENIED:when=1+1"));
        check_status(STATUS_NO_MEMORY, new_device(adapter));
        check_status(STATUS_ACCESS_DENIED, new_device(adapter));
    }
    udxg_case("calls that are not in shape do not count") {
        require_success(udxg_inject("CreateDevice:status=NO_MEMORY:when=1"));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(NULL));
        check_status(STATUS_NO_MEMORY, new_device(adapter));
    }
}

/* ------------------------------------------------------------------------------------------------- engines */

static void engines(void)
{
    struct gpu gpu;
    udxg_case("the second packet faults") {
        gpu_open(&gpu);
        UINT64 va = put_commands(&gpu, &nop, sizeof(nop)).va;
        D3DKMT_SUBMITCOMMAND args = {0};
        args.Commands = va;
        args.CommandLength = sizeof(nop);
        args.BroadcastContextCount = 1;
        args.BroadcastContext[0] = gpu.context;
        require_success(udxg_inject("engine:fault:when=2"));
        require_success(D3DKMTSubmitCommand(&args));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        require_success(D3DKMTSubmitCommand(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        check_u64(va, fault_of(gpu.device).FaultedVirtualAddress);
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, D3DKMTSubmitCommand(&args));
        struct gpu next; /* and all is well on another device */
        gpu_open_on(&next, gpu.adapter);
        require_success(submit(&next, &nop, sizeof(nop)));
        gpu_finish(&next);
    }
    udxg_case("one hangs until the rules change, and then runs") {
        gpu_open(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, 4, 77);
        require_success(udxg_inject("engine:hang:when=1"));
        require_success(submit(&gpu, &fill, sizeof(fill)));
        require_success(signal_gpu(gpu.context, gpu.done.handle, ++gpu.last));
        usleep(20000);
        check_u64(0, *gpu.done.value);
        require_success(udxg_inject(NULL));
        require_success(wait_cpu(gpu.device, gpu.done.handle, gpu.last, -1));
        check_u64(77, *(const uint32_t *)lock(gpu.device, buffer.allocation));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
    }
    udxg_case("one that hangs ends with its device") {
        gpu_open(&gpu);
        D3DKMT_DESTROYDEVICE destroy = {gpu.device};
        require_success(udxg_inject("engine:hang:when=1"));
        require_success(submit(&gpu, &nop, sizeof(nop)));
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&destroy));
        struct gpu next;
        gpu_open_on(&next, gpu.adapter);
        require_success(submit(&next, &nop, sizeof(nop)));
        gpu_finish(&next);
    }
}

/* ------------------------------------------------------------------------------------------------ adapters */

static void adapters(void)
{
    udxg_case("it goes before the third call") {
        D3DKMT_HANDLE adapter = open_adapter();
        LUID luid = first_luid();
        require_success(udxg_inject("adapter:remove:when=3"));
        check_status(STATUS_SUCCESS, new_device(adapter));
        check_status(STATUS_SUCCESS, new_device(adapter));
        check_status(STATUS_DEVICE_REMOVED, new_device(adapter));
        check_status(STATUS_DEVICE_REMOVED, new_device(adapter));
        require_success(udxg_start_adapter(luid));
        check_status(STATUS_DEVICE_REMOVED, new_device(adapter));
        check_status(STATUS_SUCCESS, new_device(open_adapter()));
    }
    udxg_case("it goes after a time") {
        D3DKMT_HANDLE adapter = open_adapter();
        D3DKMT_HANDLE device = create_device(adapter);
        struct fence fence = create_fence(device, 0);
        require_success(udxg_inject("adapter:remove:after=50"));
        check_status(STATUS_SUCCESS, new_device(adapter));
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, 1, -1)); /* the end of it releases who waits */
        check_status(STATUS_DEVICE_REMOVED, new_device(adapter));
        require_success(udxg_start_adapter(first_luid()));
    }
    udxg_case("rules that are gone remove nothing") {
        D3DKMT_HANDLE adapter = open_adapter();
        require_success(udxg_inject("adapter:remove:after=50"));
        require_success(udxg_inject(NULL));
        usleep(100000);
        check_status(STATUS_SUCCESS, new_device(adapter));
    }
}

/* ------------------------------------------------------------------------------- environment and profiles */

static void environment(void)
{
    udxg_case("UDXG_INJECT") {
        endpoint_set("UDXG_INJECT", "CreateDevice:status=NO_MEMORY:when=2");
        D3DKMT_HANDLE adapter = open_adapter();
        check_status(STATUS_SUCCESS, new_device(adapter));
        check_status(STATUS_NO_MEMORY, new_device(adapter));
        check_status(STATUS_SUCCESS, new_device(adapter));
    }
}

static void wrong_environment(void)
{
    udxg_case("UDXG_INJECT that is wrong: there is no kernel") {
        endpoint_set("UDXG_INJECT", "CreateDevice:status=NO_MEMORIES");
        D3DKMT_ENUMADAPTERS2 args = {0};
        check_status(on_daemon() ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_INVALID_PARAMETER, D3DKMTEnumAdapters2(&args));
    }
}

static void profile(void)
{
    udxg_case("a profile's rules are for its adapter") {
        endpoint_set("UDXG_ADAPTERS", "soft-discrete," PROFILES "/faulty.ini");
        D3DKMT_ADAPTERINFO infos[2];
        D3DKMT_ENUMADAPTERS2 args = {0};
        args.NumAdapters = 2;
        args.pAdapters = infos;
        require_success(D3DKMTEnumAdapters2(&args));
        require_u64(2, args.NumAdapters);
        struct gpu sound, faulty;
        gpu_open_on(&sound, infos[0].hAdapter);
        gpu_open_on(&faulty, infos[1].hAdapter);
        require_success(submit(&sound, &nop, sizeof(nop)));
        gpu_finish(&sound);
        require_success(submit(&faulty, &nop, sizeof(nop)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(faulty.device));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(sound.device));
    }
}

/* -------------------------------------------------------------------------------------------- fault records */

static void records(void)
{
    struct gpu gpu;
    udxg_case("a device that is well") {
        gpu_open(&gpu);
        D3DKMT_DEVICEPAGEFAULT_STATE state = fault_of(gpu.device);
        check_true(filled_with(&state, sizeof(state), 0));
    }
    udxg_case("the third command faults: the whole record, and what works after it") {
        gpu_open(&gpu);
        struct {
            struct udxg_soft_command nops[2];
            struct udxg_soft_fault fault;
        } commands;
        memset(&commands, 0, sizeof(commands));
        commands.nops[0] = commands.nops[1] = nop;
        commands.fault.header = udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof(commands.fault));
        commands.fault.va = 0x123456789000;
        commands.fault.error_code = 0x4321;
        commands.fault.write = 1;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        require_success(submit(&gpu, &commands, sizeof(commands)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        D3DKMT_DEVICEPAGEFAULT_STATE state = fault_of(gpu.device);
        check_u64(3, state.FaultedPrimitiveAPISequenceNumber);
        check_u64(DXGK_RENDER_PIPELINE_STAGE_UNKNOWN, state.FaultedPipelineStage);
        check_u64(DXGK_BIND_TABLE_ENTRY_UNKNOWN, state.FaultedBindTableEntry);
        check_u64(DXGK_PAGE_FAULT_WRITE, state.PageFaultFlags);
        check_u64(1, state.FaultErrorCode.IsDeviceSpecificCode);
        check_u64(0x4321, state.FaultErrorCode.DeviceSpecificCode);
        check_u64(0x123456789000, state.FaultedVirtualAddress);
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, signal_gpu(gpu.context, gpu.done.handle, 1));
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, wait_gpu(gpu.context, gpu.done.handle, 1));
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
        D3DKMT_DESTROYCONTEXT context = {gpu.context};
        D3DKMT_DESTROYDEVICE device = {gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&context));
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&device));
    }
    udxg_case("an unmapped address is the record's, and the first fault stays") {
        gpu_open(&gpu);
        struct udxg_soft_fill fill = udxg_soft_fill_command(0x7ab000000000, 4, 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        D3DKMT_MARKDEVICEASERROR mark = {0};
        mark.hDevice = gpu.device;
        mark.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
        check_status(STATUS_SUCCESS, D3DKMTMarkDeviceAsError(&mark));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, execution_state(gpu.device));
        check_u64(1, fault_of(gpu.device).FaultedPrimitiveAPISequenceNumber);
        check_u64(0x7ab000000000, fault_of(gpu.device).FaultedVirtualAddress);
        check_u64(UDXG_SOFT_ERROR_ACCESS, fault_of(gpu.device).FaultErrorCode.DeviceSpecificCode);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"rules", ON_UMA, rules},
        {"calls", ON_UMA, calls},
        {"engines", ON_EACH, engines},
        {"adapters", ON_EACH, adapters},
        {"environment", ON_UMA, environment},
        {"wrong environment", ON_UMA, wrong_environment},
        {"profile", ON_UMA, profile},
        {"records", ON_EACH, records},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
