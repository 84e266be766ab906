/* SPDX-License-Identifier: MIT */
/* DXCore called from C: interfaces, and the methods that tests call, by their places in dxcore_interface.h. */
#ifndef UDXG_TEST_DXCORE_FIXTURE_H
#define UDXG_TEST_DXCORE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "client/dxcore.h"

#define DXCORE_OUT_OF_MEMORY ((int32_t)0x8007000E)
#define DXCORE_INVALID_ARGUMENT ((int32_t)0x80070057)
#define DXCORE_DEVICE_REMOVED ((int32_t)0x887A0005)

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

static const struct guid iid_factory = {0x78ee5945, 0xc36e, 0x4b13, {0xa6, 0x69, 0x00, 0x5d, 0xd1, 0x1c, 0x0f, 0x06}};
static const struct guid iid_list = {0x526c7776, 0x40e9, 0x459b, {0xb7, 0x11, 0xf3, 0x2a, 0xd7, 0x6d, 0xfc, 0x28}};
static const struct guid iid_adapter = {0xf0db4c7f, 0xfe5a, 0x42a2, {0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e}};
static const struct guid core_compute = {0x248e2800, 0xa793, 0x4724, {0xab, 0xaa, 0x23, 0xa6, 0xde, 0x1b, 0xe0, 0x90}};

static inline void (*dxcore_method(void *object, unsigned place))(void)
{
    return (*(void (***)(void))object)[place];
}

/* NULL when there is none. */
static inline void *dxcore_factory(void)
{
    void *factory;

    return udxg_dxcore_create_factory(&iid_factory, &factory) ? NULL : factory;
}

static inline uint32_t dxcore_release(void *object)
{
    return ((uint32_t(*)(void *))dxcore_method(object, 2))(object);
}

static inline int32_t dxcore_create_list(void **ret_list)
{
    typedef int32_t method(void *self, uint32_t count, const void *attributes, const void *iid, void **ret);
    void *factory = dxcore_factory();

    return ((method *)dxcore_method(factory, 3))(factory, 1, &core_compute, &iid_list, ret_list);
}

static inline int32_t dxcore_find_adapter(LUID luid, void **ret_adapter)
{
    typedef int32_t method(void *self, const LUID *luid, const void *iid, void **ret);
    void *factory = dxcore_factory();

    return ((method *)dxcore_method(factory, 4))(factory, &luid, &iid_adapter, ret_adapter);
}

/* NULL when the list has no such place. */
static inline void *dxcore_list_at(void *list, uint32_t index)
{
    typedef int32_t method(void *self, uint32_t index, const void *iid, void **ret);
    void *adapter;

    return ((method *)dxcore_method(list, 3))(list, index, &iid_adapter, &adapter) ? NULL : adapter;
}

static inline uint32_t dxcore_list_count(void *list)
{
    return ((uint32_t(*)(void *))dxcore_method(list, 4))(list);
}

static inline bool dxcore_list_is_stale(void *list)
{
    return ((bool (*)(void *))dxcore_method(list, 5))(list);
}

/* Hardware first. */
static inline int32_t dxcore_list_sort(void *list)
{
    typedef int32_t method(void *self, uint32_t count, const uint32_t *preferences);
    uint32_t hardware = 0;

    return ((method *)dxcore_method(list, 7))(list, 1, &hardware);
}

static inline bool dxcore_is_valid(void *adapter)
{
    return ((bool (*)(void *))dxcore_method(adapter, 3))(adapter);
}

static inline int32_t dxcore_property(void *adapter, uint32_t property, size_t bytes, void *data)
{
    typedef int32_t method(void *self, uint32_t property, size_t bytes, void *data);

    return ((method *)dxcore_method(adapter, 6))(adapter, property, bytes, data);
}

static inline int32_t dxcore_property_size(void *adapter, uint32_t property, size_t *ret_bytes)
{
    typedef int32_t method(void *self, uint32_t property, size_t *ret_bytes);

    return ((method *)dxcore_method(adapter, 7))(adapter, property, ret_bytes);
}

static inline int32_t dxcore_query_state(void *adapter, uint32_t state, size_t in_bytes, const void *in,
                                         size_t out_bytes, void *out)
{
    typedef int32_t method(void *self, uint32_t state, size_t in_bytes, const void *in, size_t out_bytes, void *out);

    return ((method *)dxcore_method(adapter, 9))(adapter, state, in_bytes, in, out_bytes, out);
}

#endif
