/* SPDX-License-Identifier: MIT */
/*
 * DXCore: three COM interfaces over the adapters of the kernel, as tables of C functions in the order of
 * dxcore_interface.h, which is C++ only (tests/packaging has a C++ program that calls every one of them).
 *
 * All that is said of adapters the kernel has said (DescribeAdapter); what is constant is asked once. Factory and
 * adapters are constant too and count no references: an adapter stands for a place in the kernel's list and knows
 * nothing itself. A list holds the choice that its filter made and is counted. An object of C++ is a pointer to its
 * table first.
 *
 * A forked child has another kernel, or another session with it. So it asks again, and an adapter of its parent's is
 * the one at the same place of its own list, or none. No locks, which a fork could find taken.
 */
#include "client/dxcore.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

enum {
    S_OK_ = 0,
    E_NOINTERFACE_ = (int32_t)0x80004002,
    E_POINTER_ = (int32_t)0x80004003,
    E_OUTOFMEMORY_ = (int32_t)0x8007000E,
    E_INVALIDARG_ = (int32_t)0x80070057,
    DXGI_ERROR_UNSUPPORTED_ = (int32_t)0x887A0004,
    DXGI_ERROR_DEVICE_REMOVED_ = (int32_t)0x887A0005,
};

/* A GUID as it lies in memory. */
struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

static const struct guid iid_unknown = {0x00000000, 0x0000, 0x0000, {0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46}};
static const struct guid iid_factory = {0x78ee5945, 0xc36e, 0x4b13, {0xa6, 0x69, 0x00, 0x5d, 0xd1, 0x1c, 0x0f, 0x06}};
static const struct guid iid_list = {0x526c7776, 0x40e9, 0x459b, {0xb7, 0x11, 0xf3, 0x2a, 0xd7, 0x6d, 0xfc, 0x28}};
static const struct guid iid_adapter = {0xf0db4c7f, 0xfe5a, 0x42a2, {0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e}};
/* DXCORE_ADAPTER_ATTRIBUTE_D3D12_CORE_COMPUTE: the one thing that every adapter of ours does. */
static const struct guid core_compute = {0x248e2800, 0xa793, 0x4724, {0xab, 0xaa, 0x23, 0xa6, 0xde, 0x1b, 0xe0, 0x90}};

static bool same_guid(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct guid)) == 0;
}

enum property {
    PROPERTY_INSTANCE_LUID,
    PROPERTY_DRIVER_VERSION,
    PROPERTY_DRIVER_DESCRIPTION,
    PROPERTY_HARDWARE_ID,
    PROPERTY_KMD_MODEL_VERSION,
    PROPERTY_COMPUTE_PREEMPTION_GRANULARITY,
    PROPERTY_GRAPHICS_PREEMPTION_GRANULARITY,
    PROPERTY_DEDICATED_ADAPTER_MEMORY,
    PROPERTY_DEDICATED_SYSTEM_MEMORY,
    PROPERTY_SHARED_SYSTEM_MEMORY,
    PROPERTY_ACG_COMPATIBLE,
    PROPERTY_IS_HARDWARE,
    PROPERTY_IS_INTEGRATED,
    PROPERTY_IS_DETACHABLE,
    PROPERTY_HARDWARE_ID_PARTS,
    PROPERTY_COUNT,
};

enum { STATE_DRIVER_UPDATE, STATE_MEMORY_BUDGET };

struct hardware_id {
    uint32_t vendor, device, sub_system, revision;
};

struct hardware_id_parts {
    uint32_t vendor, device, sub_system, sub_vendor, revision;
};

struct budget_query {
    uint32_t node, group;
};

struct budget_answer {
    uint64_t budget, usage, available_for_reservation, reservation;
};

struct factory {
    const struct factory_table *table;
};

struct adapter {
    const struct adapter_table *table;
};

struct list {
    const struct list_table *table;
    atomic_uint refs;
    uint32_t count;
    struct adapter *adapters[MAX_ENUM_ADAPTERS];
};

struct factory_table {
    int32_t (*query_interface)(struct factory *self, const void *iid, void **ret);
    uint32_t (*add_ref)(struct factory *self);
    uint32_t (*release)(struct factory *self);
    int32_t (*create_adapter_list)(struct factory *self, uint32_t count, const struct guid *attributes, const void *iid,
                                   void **ret);
    int32_t (*get_adapter_by_luid)(struct factory *self, const LUID *luid, const void *iid, void **ret);
    bool (*is_notification_supported)(struct factory *self, uint32_t type);
    int32_t (*register_notification)(struct factory *self, void *object, uint32_t type, void *callback, void *context,
                                     uint32_t *ret_cookie);
    int32_t (*unregister_notification)(struct factory *self, uint32_t cookie);
};

struct list_table {
    int32_t (*query_interface)(struct list *self, const void *iid, void **ret);
    uint32_t (*add_ref)(struct list *self);
    uint32_t (*release)(struct list *self);
    int32_t (*get_adapter)(struct list *self, uint32_t index, const void *iid, void **ret);
    uint32_t (*get_adapter_count)(struct list *self);
    bool (*is_stale)(struct list *self);
    int32_t (*get_factory)(struct list *self, const void *iid, void **ret);
    int32_t (*sort)(struct list *self, uint32_t count, const uint32_t *preferences);
    bool (*is_preference_supported)(struct list *self, uint32_t preference);
};

struct adapter_table {
    int32_t (*query_interface)(struct adapter *self, const void *iid, void **ret);
    uint32_t (*add_ref)(struct adapter *self);
    uint32_t (*release)(struct adapter *self);
    bool (*is_valid)(struct adapter *self);
    bool (*is_attribute_supported)(struct adapter *self, const struct guid *attribute);
    bool (*is_property_supported)(struct adapter *self, uint32_t property);
    int32_t (*get_property)(struct adapter *self, uint32_t property, size_t bytes, void *data);
    int32_t (*get_property_size)(struct adapter *self, uint32_t property, size_t *ret_bytes);
    bool (*is_query_state_supported)(struct adapter *self, uint32_t state);
    int32_t (*query_state)(struct adapter *self, uint32_t state, size_t in_bytes, const void *in, size_t out_bytes,
                           void *out);
    bool (*is_set_state_supported)(struct adapter *self, uint32_t state);
    int32_t (*set_state)(struct adapter *self, uint32_t state, size_t details_bytes, const void *details, size_t bytes,
                         const void *data);
    int32_t (*get_factory)(struct adapter *self, const void *iid, void **ret);
};

/* What objects that live for ever answer to AddRef and Release. */
enum { ETERNAL = 1 };

static int32_t answer_interface(const void *iid, const struct guid *own, void *self, void **ret)
{
    if (!ret) return E_POINTER_;
    *ret = NULL;
    if (!iid) return E_POINTER_;
    if (!same_guid(iid, own) && !same_guid(iid, &iid_unknown)) return E_NOINTERFACE_;
    *ret = self;
    return S_OK_;
}

/* ---- what the kernel says ---- */

/* Of every adapter; IsStopped is as old as the rest and not looked at. */
struct facts {
    uint32_t count;
    struct udxg_describe_adapter adapters[MAX_ENUM_ADAPTERS];
};

/* NULL until somebody asks, and in the child of a fork; what is there stays for good. */
static _Atomic(const struct facts *) the_facts;

static void forget(void)
{
    atomic_store(&the_facts, NULL);
}

/* Before there is anything to forget. That two threads may both do it does no harm. */
static bool hook_fork(void)
{
    static atomic_bool hooked;

    if (atomic_load(&hooked)) return true;
    if (pthread_atfork(NULL, NULL, forget)) return false;
    atomic_store(&hooked, true);
    return true;
}

static udxg_status describe(uint32_t index, struct udxg_describe_adapter *description)
{
    *description = (struct udxg_describe_adapter){.Index = index};
    return udxg_call(UDXG_THUNK_DescribeAdapter, description);
}

/* A kernel has at least one adapter. */
static bool ask_for_facts(struct facts *facts)
{
    do {
        if (udxg_failed(describe(facts->count, &facts->adapters[facts->count]))) return false;
    } while (++facts->count < facts->adapters[0].AdapterCount && facts->count < MAX_ENUM_ADAPTERS);
    return true;
}

/* E_OUTOFMEMORY. Of two threads that are the first to ask, one does so in vain. */
static int32_t get_facts(const struct facts **ret_facts)
{
    const struct facts *known = atomic_load(&the_facts);
    struct facts *fresh;

    if (!known) {
        fresh = hook_fork() ? calloc(1, sizeof *fresh) : NULL;
        if (!fresh || !ask_for_facts(fresh)) {
            free(fresh);
            return E_OUTOFMEMORY_;
        }
        if (atomic_compare_exchange_strong(&the_facts, &known, fresh))
            known = fresh;
        else
            free(fresh);
    }
    *ret_facts = known;
    return S_OK_;
}

/* ---- IDXCoreAdapter ---- */

/* One for each place in the kernel's list, whether there are so many or not; below, after their table. */
static struct adapter the_adapters[MAX_ENUM_ADAPTERS];

static uint32_t index_of(const struct adapter *self)
{
    return (uint32_t)(self - the_adapters);
}

/* DXGI_ERROR_DEVICE_REMOVED for what a forked child's kernel lacks. */
static int32_t get_description(const struct adapter *self, const struct udxg_describe_adapter **ret_description)
{
    const struct facts *facts;
    int32_t result = get_facts(&facts);

    if (result) return result;
    if (index_of(self) >= facts->count) return DXGI_ERROR_DEVICE_REMOVED_;
    *ret_description = &facts->adapters[index_of(self)];
    return S_OK_;
}

static int32_t adapter_query_interface(struct adapter *self, const void *iid, void **ret)
{
    return answer_interface(iid, &iid_adapter, self, ret);
}

static uint32_t adapter_add_ref(struct adapter *self)
{
    (void)self;
    return ETERNAL;
}

static uint32_t adapter_release(struct adapter *self)
{
    (void)self;
    return ETERNAL;
}

static bool adapter_is_valid(struct adapter *self)
{
    struct udxg_describe_adapter now;

    return !udxg_failed(describe(index_of(self), &now)) && !now.IsStopped;
}

static bool adapter_is_attribute_supported(struct adapter *self, const struct guid *attribute)
{
    (void)self;
    return attribute && same_guid(attribute, &core_compute);
}

static bool adapter_is_property_supported(struct adapter *self, uint32_t property)
{
    (void)self;
    return property < PROPERTY_COUNT;
}

static size_t property_bytes(const struct udxg_describe_adapter *description, uint32_t property)
{
    static const uint8_t sizes[PROPERTY_COUNT] = {
        [PROPERTY_INSTANCE_LUID] = sizeof(LUID),
        [PROPERTY_DRIVER_VERSION] = sizeof(uint64_t),
        [PROPERTY_HARDWARE_ID] = sizeof(struct hardware_id),
        [PROPERTY_KMD_MODEL_VERSION] = sizeof(uint32_t),
        [PROPERTY_COMPUTE_PREEMPTION_GRANULARITY] = sizeof(uint16_t),
        [PROPERTY_GRAPHICS_PREEMPTION_GRANULARITY] = sizeof(uint16_t),
        [PROPERTY_DEDICATED_ADAPTER_MEMORY] = sizeof(uint64_t),
        [PROPERTY_DEDICATED_SYSTEM_MEMORY] = sizeof(uint64_t),
        [PROPERTY_SHARED_SYSTEM_MEMORY] = sizeof(uint64_t),
        [PROPERTY_ACG_COMPATIBLE] = sizeof(bool),
        [PROPERTY_IS_HARDWARE] = sizeof(bool),
        [PROPERTY_IS_INTEGRATED] = sizeof(bool),
        [PROPERTY_IS_DETACHABLE] = sizeof(bool),
        [PROPERTY_HARDWARE_ID_PARTS] = sizeof(struct hardware_id_parts),
    };

    return property == PROPERTY_DRIVER_DESCRIPTION ? strlen(description->Description) + 1 : sizes[property];
}

static int32_t adapter_get_property_size(struct adapter *self, uint32_t property, size_t *ret_bytes)
{
    const struct udxg_describe_adapter *description;
    int32_t result;

    if (!ret_bytes) return E_POINTER_;
    if (property >= PROPERTY_COUNT) return DXGI_ERROR_UNSUPPORTED_;
    result = get_description(self, &description);
    if (result) return result;
    *ret_bytes = property_bytes(description, property);
    return S_OK_;
}

/* The values that are not texts; each as large as property_bytes() says. */
union property_value {
    LUID luid;
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
    bool boolean;
    struct hardware_id id;
    struct hardware_id_parts parts;
};

static void property_value(const struct udxg_describe_adapter *d, uint32_t property, union property_value *value)
{
    memset(value, 0, sizeof *value); /* also what preemption, ACG and detachability say: none */
    switch (property) {
    case PROPERTY_INSTANCE_LUID:
        value->luid = d->AdapterLuid;
        break;
    case PROPERTY_DRIVER_VERSION:
        value->u64 = d->DriverVersion;
        break;
    case PROPERTY_HARDWARE_ID:
        value->id =
            (struct hardware_id){d->VendorId, d->DeviceId, d->SubSystemId << 16 | d->SubVendorId, d->RevisionId};
        break;
    case PROPERTY_HARDWARE_ID_PARTS:
        value->parts =
            (struct hardware_id_parts){d->VendorId, d->DeviceId, d->SubSystemId, d->SubVendorId, d->RevisionId};
        break;
    case PROPERTY_KMD_MODEL_VERSION:
        value->u32 = d->WddmVersion;
        break;
    case PROPERTY_DEDICATED_ADAPTER_MEMORY:
        value->u64 = d->DedicatedVideoBytes;
        break;
    case PROPERTY_DEDICATED_SYSTEM_MEMORY:
        value->u64 = d->DedicatedSystemBytes;
        break;
    case PROPERTY_SHARED_SYSTEM_MEMORY:
        value->u64 = d->SharedSystemBytes;
        break;
    case PROPERTY_IS_HARDWARE:
        value->boolean = d->IsHardware;
        break;
    case PROPERTY_IS_INTEGRATED:
        value->boolean = d->DedicatedVideoBytes == 0;
        break;
    }
}

static int32_t adapter_get_property(struct adapter *self, uint32_t property, size_t bytes, void *data)
{
    const struct udxg_describe_adapter *description;
    union property_value value;
    size_t needed;
    int32_t result;

    if (property >= PROPERTY_COUNT) return DXGI_ERROR_UNSUPPORTED_;
    result = get_description(self, &description);
    if (result) return result;
    if (!data) return E_POINTER_;
    needed = property_bytes(description, property);
    if (bytes < needed) return E_INVALIDARG_;
    if (property == PROPERTY_DRIVER_DESCRIPTION) {
        memcpy(data, description->Description, needed);
        return S_OK_;
    }
    property_value(description, property, &value);
    memcpy(data, &value, needed);
    return S_OK_;
}

static bool adapter_is_query_state_supported(struct adapter *self, uint32_t state)
{
    (void)self;
    return state == STATE_DRIVER_UPDATE || state == STATE_MEMORY_BUDGET;
}

/* Anew each time: a handle that is kept would be of an era of the adapter that may be over. */
static udxg_status ask_for_budget(LUID luid, uint32_t group, D3DKMT_QUERYVIDEOMEMORYINFO *ret_info)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = luid};
    D3DKMT_CLOSEADAPTER close;
    udxg_status status = udxg_call(UDXG_THUNK_OpenAdapterFromLuid, &open);

    if (udxg_failed(status)) return status;
    *ret_info = (D3DKMT_QUERYVIDEOMEMORYINFO){.hAdapter = open.hAdapter,
                                              .MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)group};
    status = udxg_call(UDXG_THUNK_QueryVideoMemoryInfo, ret_info);
    close.hAdapter = open.hAdapter;
    (void)udxg_call(UDXG_THUNK_CloseAdapter, &close); /* the budget is known, or is not, either way */
    return status;
}

static int32_t query_budget(struct adapter *self, const struct budget_query *query, struct budget_answer *answer)
{
    const struct udxg_describe_adapter *description;
    D3DKMT_QUERYVIDEOMEMORYINFO info;
    udxg_status status;
    int32_t result;

    if (query->node || query->group > D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL) return E_INVALIDARG_;
    result = get_description(self, &description);
    if (result) return result;
    status = ask_for_budget(description->AdapterLuid, query->group, &info);
    if (status == STATUS_DEVICE_REMOVED) return DXGI_ERROR_DEVICE_REMOVED_;
    if (udxg_failed(status)) return E_OUTOFMEMORY_;
    *answer =
        (struct budget_answer){info.Budget, info.CurrentUsage, info.AvailableForReservation, info.CurrentReservation};
    return S_OK_;
}

static int32_t adapter_query_state(struct adapter *self, uint32_t state, size_t in_bytes, const void *in,
                                   size_t out_bytes, void *out)
{
    if (!adapter_is_query_state_supported(self, state)) return DXGI_ERROR_UNSUPPORTED_;
    if (!out) return E_POINTER_;
    if (state == STATE_DRIVER_UPDATE) {
        if (out_bytes < 1) return E_INVALIDARG_;
        *(uint8_t *)out = 0; /* no update is under way */
        return S_OK_;
    }
    if (!in) return E_POINTER_;
    if (in_bytes < sizeof(struct budget_query) || out_bytes < sizeof(struct budget_answer)) return E_INVALIDARG_;
    return query_budget(self, in, out);
}

static bool adapter_is_set_state_supported(struct adapter *self, uint32_t state)
{
    (void)self;
    (void)state;
    return false;
}

static int32_t adapter_set_state(struct adapter *self, uint32_t state, size_t details_bytes, const void *details,
                                 size_t bytes, const void *data)
{
    (void)self;
    (void)state;
    (void)details_bytes;
    (void)details;
    (void)bytes;
    (void)data;
    return DXGI_ERROR_UNSUPPORTED_;
}

static int32_t adapter_get_factory(struct adapter *self, const void *iid, void **ret)
{
    (void)self;
    return udxg_dxcore_create_factory(iid, ret);
}

static const struct adapter_table adapter_table = {
    .query_interface = adapter_query_interface,
    .add_ref = adapter_add_ref,
    .release = adapter_release,
    .is_valid = adapter_is_valid,
    .is_attribute_supported = adapter_is_attribute_supported,
    .is_property_supported = adapter_is_property_supported,
    .get_property = adapter_get_property,
    .get_property_size = adapter_get_property_size,
    .is_query_state_supported = adapter_is_query_state_supported,
    .query_state = adapter_query_state,
    .is_set_state_supported = adapter_is_set_state_supported,
    .set_state = adapter_set_state,
    .get_factory = adapter_get_factory,
};

static struct adapter the_adapters[] = {[0 ... MAX_ENUM_ADAPTERS - 1] = {&adapter_table}};

/* ---- IDXCoreAdapterList ---- */

static int32_t list_query_interface(struct list *self, const void *iid, void **ret)
{
    int32_t result = answer_interface(iid, &iid_list, self, ret);

    if (!result) atomic_fetch_add(&self->refs, 1);
    return result;
}

static uint32_t list_add_ref(struct list *self)
{
    return atomic_fetch_add(&self->refs, 1) + 1;
}

static uint32_t list_release(struct list *self)
{
    uint32_t left = atomic_fetch_sub(&self->refs, 1) - 1;

    if (!left) free(self);
    return left;
}

static int32_t list_get_adapter(struct list *self, uint32_t index, const void *iid, void **ret)
{
    if (!ret) return E_POINTER_;
    *ret = NULL;
    if (index >= self->count) return E_INVALIDARG_;
    return adapter_query_interface(self->adapters[index], iid, ret);
}

static uint32_t list_get_adapter_count(struct list *self)
{
    return self->count;
}

static bool list_is_stale(struct list *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (!adapter_is_valid(self->adapters[i])) return true;
    return false;
}

static int32_t list_get_factory(struct list *self, const void *iid, void **ret)
{
    (void)self;
    return udxg_dxcore_create_factory(iid, ret);
}

static int by_hardware(const void *a, const void *b, void *context)
{
    const struct facts *facts = context;
    uint32_t x = index_of(*(struct adapter *const *)a), y = index_of(*(struct adapter *const *)b);

    if (facts->adapters[x].IsHardware != facts->adapters[y].IsHardware) return facts->adapters[x].IsHardware ? -1 : 1;
    return (x > y) - (x < y);
}

enum { PREFERENCE_HARDWARE };

static bool list_is_preference_supported(struct list *self, uint32_t preference)
{
    (void)self;
    return preference == PREFERENCE_HARDWARE;
}

static int32_t list_sort(struct list *self, uint32_t count, const uint32_t *preferences)
{
    const struct facts *facts;
    int32_t result;

    if (!count) return E_INVALIDARG_;
    if (!preferences) return E_POINTER_;
    for (uint32_t i = 0; i < count; i++)
        if (!list_is_preference_supported(self, preferences[i])) return DXGI_ERROR_UNSUPPORTED_;
    result = get_facts(&facts);
    if (result) return result;
    qsort_r(self->adapters, self->count, sizeof self->adapters[0], by_hardware, (void *)facts);
    return S_OK_;
}

static const struct list_table list_table = {
    .query_interface = list_query_interface,
    .add_ref = list_add_ref,
    .release = list_release,
    .get_adapter = list_get_adapter,
    .get_adapter_count = list_get_adapter_count,
    .is_stale = list_is_stale,
    .get_factory = list_get_factory,
    .sort = list_sort,
    .is_preference_supported = list_is_preference_supported,
};

/* ---- IDXCoreAdapterFactory ---- */

static int32_t factory_query_interface(struct factory *self, const void *iid, void **ret)
{
    return answer_interface(iid, &iid_factory, self, ret);
}

static uint32_t factory_add_ref(struct factory *self)
{
    (void)self;
    return ETERNAL;
}

static uint32_t factory_release(struct factory *self)
{
    (void)self;
    return ETERNAL;
}

static bool has_all(struct adapter *adapter, uint32_t count, const struct guid *attributes)
{
    for (uint32_t i = 0; i < count; i++)
        if (!adapter_is_attribute_supported(adapter, &attributes[i])) return false;
    return true;
}

/* Puts those of the first ADAPTERS adapters into LIST that are there now and have all COUNT attributes. */
static int32_t choose(struct list *list, uint32_t adapters, uint32_t count, const struct guid *attributes)
{
    struct udxg_describe_adapter now;

    for (uint32_t i = 0; i < adapters; i++) {
        if (udxg_failed(describe(i, &now))) return E_OUTOFMEMORY_;
        if (!now.IsStopped && has_all(&the_adapters[i], count, attributes))
            list->adapters[list->count++] = &the_adapters[i];
    }
    return S_OK_;
}

static int32_t factory_create_adapter_list(struct factory *self, uint32_t count, const struct guid *attributes,
                                           const void *iid, void **ret)
{
    const struct facts *facts;
    struct list *list;
    int32_t result;

    (void)self;
    if (!ret || !iid || !attributes) return E_POINTER_;
    *ret = NULL;
    if (!count) return E_INVALIDARG_;
    result = get_facts(&facts);
    if (result) return result;
    list = calloc(1, sizeof *list);
    if (!list) return E_OUTOFMEMORY_;
    list->table = &list_table;
    atomic_init(&list->refs, 1);
    result = choose(list, facts->count, count, attributes);
    if (!result) result = list_query_interface(list, iid, ret);
    list_release(list);
    return result;
}

static int32_t factory_get_adapter_by_luid(struct factory *self, const LUID *luid, const void *iid, void **ret)
{
    const struct facts *facts;
    int32_t result;

    (void)self;
    if (!ret || !iid || !luid) return E_POINTER_;
    *ret = NULL;
    result = get_facts(&facts);
    if (result) return result;
    for (uint32_t i = 0; i < facts->count; i++)
        if (!memcmp(&facts->adapters[i].AdapterLuid, luid, sizeof *luid))
            return adapter_query_interface(&the_adapters[i], iid, ret);
    return E_INVALIDARG_;
}

static bool factory_is_notification_supported(struct factory *self, uint32_t type)
{
    (void)self;
    (void)type;
    return false;
}

static int32_t factory_register_notification(struct factory *self, void *object, uint32_t type, void *callback,
                                             void *context, uint32_t *ret_cookie)
{
    (void)self;
    (void)type;
    (void)context;
    if (!object || !callback || !ret_cookie) return E_POINTER_;
    return DXGI_ERROR_UNSUPPORTED_;
}

static int32_t factory_unregister_notification(struct factory *self, uint32_t cookie)
{
    (void)self;
    (void)cookie;
    return E_INVALIDARG_; /* no cookie was ever given */
}

static const struct factory_table factory_table = {
    .query_interface = factory_query_interface,
    .add_ref = factory_add_ref,
    .release = factory_release,
    .create_adapter_list = factory_create_adapter_list,
    .get_adapter_by_luid = factory_get_adapter_by_luid,
    .is_notification_supported = factory_is_notification_supported,
    .register_notification = factory_register_notification,
    .unregister_notification = factory_unregister_notification,
};

int32_t udxg_dxcore_create_factory(const void *iid, void **ret_factory)
{
    static struct factory factory = {&factory_table};

    return factory_query_interface(&factory, iid, ret_factory);
}
