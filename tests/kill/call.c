/* SPDX-License-Identifier: MIT */
/*
 * A victim that makes one valid call. It is killed by the daemon's side around the handler, or kills itself: at once
 * before the call, or at once after it.
 */
#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "world.h"

typedef NTSTATUS call_function(void *args);

#define THUNK(number, id, constness)                                                                                   \
    NTSTATUS APIENTRY D3DKMT##id(constness T *args);                                                                   \
    static NTSTATUS call_##id(void *args)                                                                              \
    {                                                                                                                  \
        return D3DKMT##id((T *)args);                                                                                  \
    }
#define THUNK_END
#define THUNK_ODD(number, id)
#define CONTROL(id)
#include "abi/control.h"
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
#include "abi/thunks.def"
};

void call_main(unsigned index, const char *moment)
{
    static struct world world;
    struct talk talk = {.kind = TALK_READY};
    const struct sweep_case *test = &sweep_cases[index];

    world_make(&world);
    void *args = world_take(&world, udxg_thunks[test->id].size);
    test->set_up(&world, args);
    if (!talk_ask(TALK_FD, &talk, TALK_GO)) exit(EXIT_FAILURE);
    if (!strcmp(moment, "before")) raise(SIGKILL);
    NTSTATUS status = callers[test->id](args);
    if (!strcmp(moment, "after")) raise(SIGKILL);
    if (status != test->status && status != STATUS_DEVICE_REMOVED && status != STATUS_PENDING) {
        fprintf(stderr, "%s %s: status 0x%08x\n", udxg_thunks[test->id].name, test->name, (unsigned)status);
        exit(EXIT_FAILURE);
    }
    await_death();
}
