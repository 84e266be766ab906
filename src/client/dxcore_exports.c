/* SPDX-License-Identifier: MIT */
/* The one name that libdxcore.so has beyond those of libdxg. */
#include "client/dxcore.h"

__attribute__((visibility("default"))) int32_t DXCoreCreateAdapterFactory(const void *iid, void **factory);

int32_t DXCoreCreateAdapterFactory(const void *iid, void **factory)
{
    return udxg_dxcore_create_factory(iid, factory);
}
