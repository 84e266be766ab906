/* SPDX-License-Identifier: MIT */
/* The kernel: made once from profiles, constant after that. */
#include "core/kernel.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/adapter.h"
#include "ddi/profile.h"

void udxg_kernel_destroy(struct udxg_kernel *kernel)
{
    const struct udxg_inject_rules none = {0};

    if (!kernel) return;
    (void)udxg_inject_set(kernel, &none);      /* what hangs by a rule ends; this needs no memory */
    udxg_nt_handles_fini(&kernel->nt_handles); /* first: what they keep belongs to adapters */
    bool alone = true;
    for (uint32_t i = 0; i < kernel->adapter_count; i++) alone &= udxg_adapter_destroy(kernel->adapters[i]);
    if (!alone) return; /* an engine is inside a miniport that keeps it, and looks at us when it comes out */
    udxg_inject_fini(&kernel->inject);
    udxg_globals_fini(&kernel->globals);
    udxg_registry_fini(&kernel->registry);
    free(kernel);
}

static udxg_status start_adapters(struct udxg_kernel *kernel, const struct udxg_miniport *const *miniports,
                                  const struct udxg_adapter_caps *caps, uint32_t count, char *error, size_t error_bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        udxg_status status = udxg_adapter_create(&caps[i], miniports, i, &kernel->inject, &kernel->adapters[i]);
        if (udxg_failed(status)) {
            snprintf(error, error_bytes, "adapter %s -> %s: it did not start (miniport \"%s\")", caps[i].name,
                     udxg_status_name(status), caps[i].miniport);
            return status;
        }
        kernel->adapter_count++;
    }
    return STATUS_SUCCESS;
}

udxg_status udxg_kernel_create(const char *adapters, const struct udxg_miniport *const *miniports, char *error,
                               size_t error_bytes, struct udxg_kernel **ret_kernel) UDXG_NO_TSA
{
    struct udxg_adapter_caps *caps = calloc(UDXG_KERNEL_ADAPTERS, sizeof *caps);
    struct udxg_kernel *kernel = calloc(1, sizeof *kernel);
    udxg_status status = caps && kernel ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    uint32_t count = 0;

    if (kernel) {
        udxg_nt_handles_init(&kernel->nt_handles);
        udxg_globals_init(&kernel->globals);
        udxg_inject_init(&kernel->inject);
        udxg_registry_init(&kernel->registry);
    }
    if (!udxg_failed(status))
        status = udxg_profile_load(adapters ? adapters : UDXG_PROFILE_DEFAULT_LIST, caps, UDXG_KERNEL_ADAPTERS, &count,
                                   error, error_bytes);
    if (!udxg_failed(status)) status = start_adapters(kernel, miniports, caps, count, error, error_bytes);
    free(caps);
    if (!udxg_failed(status)) status = udxg_kernel_inject(kernel, NULL, error, error_bytes);
    if (udxg_failed(status)) {
        udxg_kernel_destroy(kernel);
        return status;
    }
    *ret_kernel = kernel;
    return STATUS_SUCCESS;
}

udxg_status udxg_kernel_inject(struct udxg_kernel *kernel, const char *text, char *error, size_t error_bytes)
{
    struct udxg_inject_rules rules = {0};
    const char *broken = NULL;

    for (uint32_t i = 0; i < kernel->adapter_count && !broken; i++)
        broken = udxg_inject_parse(kernel->adapters[i]->caps.inject, i, &rules);
    if (!broken && text) broken = udxg_inject_parse(text, UDXG_INJECT_ALL, &rules);
    if (broken) {
        snprintf(error, error_bytes, "UDXG_INJECT=%s: %s", text ? text : "", broken);
        return STATUS_INVALID_PARAMETER;
    }
    return udxg_inject_set(kernel, &rules);
}
