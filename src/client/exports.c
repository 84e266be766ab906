/* SPDX-License-Identifier: MIT */
/*
 * The exported D3DKMT names, one for each row of src/abi/thunks.def. They hold no state and decide nothing:
 * libdxg and libdxcore both contain them and share the kernel behind udxg_call(). Where a prototype has
 * parameters of its own, they are put into a struct here; the table names no type for those.
 *
 * The compiler checks the prototypes: each is declared again here, and a declaration that differs from the one
 * in the public headers does not compile.
 */
#include "abi/control.h"
#include "client/client.h"

#define EXPORT __attribute__((visibility("default")))

#define CALL(name, constness, type)                        \
    EXPORT NTSTATUS APIENTRY D3DKMT##name(constness type *args); \
    NTSTATUS APIENTRY D3DKMT##name(constness type *args)   \
    {                                                      \
        return udxg_call(UDXG_THUNK_##name, args);         \
    }

#define THUNK(number, name, constness) CALL(name, constness, T)
#define THUNK_END
#define THUNK_ODD(number, name)
#define NOT_YET(number, name, constness, type) CALL(name, constness, type)
#define NOT_YET_OPAQUE(number, name, constness, type) CALL(name, constness, type)
#include "abi/thunks.def"

EXPORT NTSTATUS APIENTRY D3DKMTShareObjects(UINT cObjects, const D3DKMT_HANDLE *hObjects,
                                            POBJECT_ATTRIBUTES pObjectAttributes, DWORD dwDesiredAccess,
                                            HANDLE *phSharedNtHandle)
{
    if (!hObjects || !phSharedNtHandle) return STATUS_INVALID_PARAMETER;
    D3DKMT_SHAREOBJECTS args = {
        .ObjectCount = cObjects,
        .ObjectHandleArray = hObjects,
        .pObjectAttributes = pObjectAttributes,
        .DesiredAccess = dwDesiredAccess,
        .pSharedNtHandle = phSharedNtHandle,
    };
    return udxg_call(UDXG_THUNK_ShareObjects, &args);
}

struct present_queue_event_args {
    D3DKMT_HANDLE adapter;
    HANDLE *ret_event;
};

EXPORT NTSTATUS APIENTRY D3DKMTGetPresentQueueEvent(D3DKMT_HANDLE hAdapter, HANDLE *phEvent)
{
    if (!phEvent) return STATUS_INVALID_PARAMETER;
    struct present_queue_event_args args = {.adapter = hAdapter, .ret_event = phEvent};
    return udxg_call(UDXG_THUNK_GetPresentQueueEvent, &args);
}

EXPORT NTSTATUS APIENTRY D3DKMTGetProcessSchedulingPriorityClass(HANDLE hProcess,
                                                                 D3DKMT_SCHEDULINGPRIORITYCLASS *pPriority)
{
    struct udxg_process_class args = {.Process = hProcess};
    NTSTATUS status;

    if (!pPriority) return STATUS_INVALID_PARAMETER;
    status = udxg_call(UDXG_THUNK_GetProcessSchedulingPriorityClass, &args);
    if (status == STATUS_SUCCESS) *pPriority = args.Class;
    return status;
}

EXPORT NTSTATUS APIENTRY D3DKMTSetProcessSchedulingPriorityClass(HANDLE hProcess,
                                                                 D3DKMT_SCHEDULINGPRIORITYCLASS Priority)
{
    struct udxg_process_class args = {.Process = hProcess, .Class = Priority};
    return udxg_call(UDXG_THUNK_SetProcessSchedulingPriorityClass, &args);
}

EXPORT NTSTATUS APIENTRY D3DKMTReleaseProcessVidPnSourceOwners(HANDLE hProcess)
{
    return udxg_call(UDXG_THUNK_ReleaseProcessVidPnSourceOwners, &hProcess);
}

EXPORT BOOLEAN APIENTRY D3DKMTCheckExclusiveOwnership(VOID)
{
    return FALSE; /* there are no displays, so nobody owns one */
}

EXPORT VOID APIENTRY D3DKMTCloseDxCoreDevice(VOID)
{
    /* Microsoft's library closes its device file here, between tests and a fork. We have none. */
}
