/* SPDX-License-Identifier: MIT */
/*
 * Registering for trim and budget-change notifications. A process that is alone is never over its budget, so that
 * what is told, and when, is the unit tests' to see.
 */
#include "fixture.h"

#include <unistd.h>

static unsigned trims, budgets;

static void APIENTRY on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    (void)notification;
    __atomic_fetch_add(&trims, 1, __ATOMIC_RELAXED);
}

static void APIENTRY on_other_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    on_trim(notification);
}

static void APIENTRY on_budget(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    (void)notification;
    __atomic_fetch_add(&budgets, 1, __ATOMIC_RELAXED);
}

/* Asking takes handles: once for each process. */
static LUID known_luid(void)
{
    static LUID luid;
    if (!luid.LowPart) luid = first_luid();
    return luid;
}

static D3DKMT_REGISTERTRIMNOTIFICATION trim_args(D3DKMT_HANDLE device)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = {0};
    args.AdapterLuid = known_luid();
    args.hDevice = device;
    args.Callback = on_trim;
    args.Handle = (void *)(uintptr_t)SENTINEL64;
    return args;
}

static D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget_args(D3DKMT_HANDLE device)
{
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = {0};
    args.hDevice = device;
    args.Callback = on_budget;
    args.Handle = (void *)(uintptr_t)SENTINEL64;
    return args;
}

static void *register_trim(D3DKMT_HANDLE device)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = trim_args(device);
    require_success(D3DKMTRegisterTrimNotification(&args));
    return args.Handle;
}

static void *register_budget(D3DKMT_HANDLE device)
{
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = budget_args(device);
    require_success(D3DKMTRegisterBudgetChangeNotification(&args));
    return args.Handle;
}

static NTSTATUS unregister_trim(void *handle, PFND3DKMT_TRIMNOTIFICATIONCALLBACK callback)
{
    D3DKMT_UNREGISTERTRIMNOTIFICATION args = {0};
    args.Handle = handle;
    args.Callback = callback;
    return D3DKMTUnregisterTrimNotification(&args);
}

static NTSTATUS unregister_budget(void *handle)
{
    D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION args = {0};
    args.Handle = handle;
    return D3DKMTUnregisterBudgetChangeNotification(&args);
}

/* ---- what is refused ---- */

static void refuse_trim(const D3DKMT_REGISTERTRIMNOTIFICATION *wrong)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = *wrong;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTRegisterTrimNotification(&args));
    check_true(!memcmp(&args, wrong, sizeof(args)));
}

static void refuse_budget(const D3DKMT_REGISTERBUDGETCHANGENOTIFICATION *wrong)
{
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = *wrong;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTRegisterBudgetChangeNotification(&args));
    check_true(!memcmp(&args, wrong, sizeof(args)));
}

static void refused(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE gone = create_device(adapter);
    D3DKMT_DESTROYDEVICE destroy = {gone};
    require_success(D3DKMTDestroyDevice(&destroy));
    udxg_case("NULL and zeros") {
        const D3DKMT_REGISTERTRIMNOTIFICATION trim = {0};
        const D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTRegisterTrimNotification(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUnregisterTrimNotification(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTRegisterBudgetChangeNotification(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUnregisterBudgetChangeNotification(NULL));
        refuse_trim(&trim);
        refuse_budget(&budget);
        check_status(STATUS_INVALID_PARAMETER, unregister_trim(NULL, NULL));
        check_status(STATUS_INVALID_PARAMETER, unregister_budget(NULL));
    }
    const D3DKMT_HANDLE bad[] = {0, BAD_HANDLE, adapter, gone};
    udxg_case("no device") {
        for (size_t i = 0; i < LENGTH_OF(bad); i++) {
            D3DKMT_REGISTERTRIMNOTIFICATION trim = trim_args(bad[i]);
            D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = budget_args(bad[i]);
            refuse_trim(&trim);
            refuse_budget(&budget);
        }
    }
    udxg_case("no callback") {
        D3DKMT_REGISTERTRIMNOTIFICATION trim = trim_args(device);
        D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = budget_args(device);
        trim.Callback = NULL;
        budget.Callback = NULL;
        refuse_trim(&trim);
        refuse_budget(&budget);
    }
    udxg_case("not the adapter's LUID") {
        D3DKMT_REGISTERTRIMNOTIFICATION trim = trim_args(device);
        trim.AdapterLuid.HighPart++;
        refuse_trim(&trim);
        memset(&trim.AdapterLuid, 0, sizeof(trim.AdapterLuid));
        refuse_trim(&trim);
    }
}

static void another_adapter(void)
{
    udxg_case("the LUID of another adapter than the device's") {
        D3DKMT_ADAPTERINFO infos[2];
        D3DKMT_ENUMADAPTERS2 enumerate = {0};
        enumerate.NumAdapters = 2;
        enumerate.pAdapters = infos;
        require_success(D3DKMTEnumAdapters2(&enumerate));
        require_u64(2, enumerate.NumAdapters);
        D3DKMT_HANDLE device = create_device(infos[0].hAdapter);
        D3DKMT_REGISTERTRIMNOTIFICATION trim = trim_args(device);
        trim.AdapterLuid = infos[1].AdapterLuid;
        refuse_trim(&trim);
        trim.AdapterLuid = infos[0].AdapterLuid;
        check_status(STATUS_SUCCESS, D3DKMTRegisterTrimNotification(&trim));
        check_status(STATUS_SUCCESS, unregister_trim(trim.Handle, on_trim));
    }
}

/* ---- registrations ---- */

static void registrations(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("each has a handle of its own, which is no D3DKMT_HANDLE") {
        known_luid();
        D3DKMT_HANDLE before = next_handle(device);
        void *handles[6];
        for (int i = 0; i < 6; i++) handles[i] = i % 2 ? register_budget(device) : register_trim(device);
        check_u64(before + 0x40, next_handle(device)); /* the one that next_handle() took */
        for (int i = 0; i < 6; i++) {
            check_true(handles[i] != NULL);
            for (int k = 0; k < i; k++) check_true(handles[i] != handles[k]);
        }
        for (int i = 6; i-- > 0;)
            check_status(STATUS_SUCCESS, i % 2 ? unregister_budget(handles[i]) : unregister_trim(handles[i], on_trim));
    }
    udxg_case("once, as what it was registered for") {
        void *trim = register_trim(device), *budget = register_budget(device);
        check_status(STATUS_INVALID_PARAMETER, unregister_budget(trim));
        check_status(STATUS_INVALID_PARAMETER, unregister_trim(budget, NULL));
        check_status(STATUS_INVALID_PARAMETER, unregister_trim(trim, on_other_trim));
        check_status(STATUS_SUCCESS, unregister_trim(trim, on_trim));
        check_status(STATUS_INVALID_PARAMETER, unregister_trim(trim, on_trim));
        check_status(STATUS_SUCCESS, unregister_budget(budget));
        check_status(STATUS_INVALID_PARAMETER, unregister_budget(budget));
    }
    udxg_case("without its callback") {
        check_status(STATUS_SUCCESS, unregister_trim(register_trim(device), NULL));
    }
    udxg_case("a device in error may register") {
        D3DKMT_HANDLE broken = create_device(open_adapter());
        D3DKMT_MARKDEVICEASERROR args = {0};
        args.hDevice = broken;
        args.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
        require_success(D3DKMTMarkDeviceAsError(&args));
        check_status(STATUS_SUCCESS, unregister_trim(register_trim(broken), on_trim));
    }
    udxg_case("what is forgotten ends with the device") {
        D3DKMT_HANDLE other = create_device(open_adapter());
        void *trim = register_trim(other), *budget = register_budget(other), *mine = register_trim(device);
        D3DKMT_DESTROYDEVICE args = {other};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        check_status(STATUS_INVALID_PARAMETER, unregister_trim(trim, on_trim));
        check_status(STATUS_INVALID_PARAMETER, unregister_budget(budget));
        check_status(STATUS_SUCCESS, unregister_trim(mine, on_trim));
    }
}

static void nothing_to_tell(void)
{
    udxg_case("a process that is alone and within its budget hears nothing") {
        struct gpu gpu;
        gpu_open(&gpu);
        void *trim = register_trim(gpu.device), *budget = register_budget(gpu.device);
        D3DKMT_CHANGEVIDEOMEMORYRESERVATION reserve = {0};
        reserve.hAdapter = gpu.adapter;
        reserve.Reservation = MIB(64);
        for (int i = 0; i < 20; i++) {
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(1));
            reserve.Reservation ^= MIB(64);
            check_status(STATUS_SUCCESS, D3DKMTChangeVideoMemoryReservation(&reserve));
            check_status(STATUS_SUCCESS, evict(gpu.device, buffer.allocation));
        }
        usleep(50000);
        check_u64(0, __atomic_load_n(&trims, __ATOMIC_RELAXED));
        check_u64(0, __atomic_load_n(&budgets, __ATOMIC_RELAXED));
        check_status(STATUS_SUCCESS, unregister_trim(trim, on_trim));
        check_status(STATUS_SUCCESS, unregister_budget(budget));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"refused", ON_EACH, refused},
        {"another adapter", ON_BOTH, another_adapter},
        {"registrations", ON_EACH, registrations},
        {"nothing to tell", ON_EACH, nothing_to_tell},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
