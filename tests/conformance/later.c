/* SPDX-License-Identifier: MIT */
/*
 * Calls whose time has not come: exported, and honest about it. A line leaves this list with the change that
 * brings the call.
 */
#include "fixture.h"

#define NOT_YET(call, type)                                                                                            \
    udxg_case(#call) {                                                                                                 \
        type args;                                                                                                     \
        memset(&args, 0, sizeof(args));                                                                                \
        check_status(STATUS_NOT_SUPPORTED, D3DKMT##call(&args));                                                       \
        check_true(filled_with(&args, sizeof(args), 0));                                                               \
    }

static void not_yet(void)
{
    NOT_YET(OpenSynchronizationObject, D3DKMT_OPENSYNCHRONIZATIONOBJECT)
    NOT_YET(OpenSyncObjectFromNtHandle, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE)
    NOT_YET(OpenSyncObjectFromNtHandle2, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2)
    NOT_YET(CreateKeyedMutex, D3DKMT_CREATEKEYEDMUTEX)
    NOT_YET(CreateKeyedMutex2, D3DKMT_CREATEKEYEDMUTEX2)
    NOT_YET(OpenKeyedMutex, D3DKMT_OPENKEYEDMUTEX)
    NOT_YET(OpenKeyedMutex2, D3DKMT_OPENKEYEDMUTEX2)
    NOT_YET(AcquireKeyedMutex, D3DKMT_ACQUIREKEYEDMUTEX)
    NOT_YET(AcquireKeyedMutex2, D3DKMT_ACQUIREKEYEDMUTEX2)
    NOT_YET(ReleaseKeyedMutex, D3DKMT_RELEASEKEYEDMUTEX)
    NOT_YET(ReleaseKeyedMutex2, D3DKMT_RELEASEKEYEDMUTEX2)
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {{"not yet", ON_DISCRETE, not_yet}};
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
