/* SPDX-License-Identifier: MIT */
/* DXCore for C: what DXCoreCreateAdapterFactory of libdxcore.so leads to. */
#ifndef UDXG_CLIENT_DXCORE_H
#define UDXG_CLIENT_DXCORE_H

#include <stdint.h>

/*
 * The adapter factory as the interface IID (16 bytes) asks for it: IDXCoreAdapterFactory or IUnknown. Returns
 * an HRESULT: S_OK, E_POINTER, E_NOINTERFACE. *ret_factory is a reference of the caller's, or NULL.
 */
__attribute__((visibility("default"))) int32_t udxg_dxcore_create_factory(const void *iid, void **ret_factory);

#endif
