/* SPDX-License-Identifier: MIT */
/* Keeps no state but the environment's. */
#include "cli/adapters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "ddi/profile.h"

#define MAX_ADAPTERS 16u /* D3DKMTEnumAdapters returns no more */

bool udxg_adapters_choose(const char *names)
{
    if (names && setenv("UDXG_ADAPTERS", names, 1)) {
        udxg_report(NULL, "cannot prepare the environment: %s", strerror(errno));
        return false;
    }
    UDXG_AUTO_FREE struct udxg_adapter_caps *caps = calloc(MAX_ADAPTERS, sizeof(*caps));
    uint32_t count = 0;
    char error[512] = "", text[UDXG_STATUS_CHARS];
    if (!caps) {
        udxg_report(NULL, "cannot read profiles: %s", strerror(ENOMEM));
        return false;
    }
    udxg_status status =
        udxg_profile_load(getenv("UDXG_ADAPTERS"), caps, MAX_ADAPTERS, &count, error, sizeof(error));
    if (!udxg_failed(status)) return true;
    udxg_report("--adapter and UDXG_ADAPTERS take built-in profiles and paths that end in .ini, with commas between; "
                "the built-in ones are " UDXG_PROFILE_DEFAULT_LIST,
                "%s", *error ? error : udxg_status_text(status, text));
    return false;
}
