/* SPDX-License-Identifier: MIT */
/*
 * Calls every virtual function of DXCore's interfaces through Microsoft's own C++ declarations, which our tables
 * of C functions must match, slot by slot. A slot that is wrong answers something else, or crashes. Prints TAP.
 */
#define INITGUID
#include <wsl/winadapter.h>
#include <directx/dxcore.h>

#include <cstdio>
#include <cstring>

static unsigned points;
static bool failed;

static void point(bool good, const char *title)
{
    std::printf("%s %u - %s\n", good ? "ok" : "not ok", ++points, title);
    failed |= !good;
}

static void callback(DXCoreNotificationType, IUnknown *, void *)
{
}

static void check_factory(IDXCoreAdapterFactory *factory)
{
    void *again = nullptr;
    point(factory->QueryInterface(IID_IDXCoreAdapterFactory, &again) == S_OK && again == factory,
          "the factory is what it says");
    point(factory->QueryInterface(IID_IDXCoreAdapter, &again) == E_NOINTERFACE && !again,
          "it is no adapter, and the output says so");
    ULONG references = factory->AddRef();
    point(references >= 1 && factory->Release() <= references, "the factory counts references");
    uint32_t cookie = 0;
    bool notifies = factory->IsNotificationTypeSupported(DXCoreNotificationType::AdapterListStale);
    HRESULT registered = factory->RegisterEventNotification(factory, DXCoreNotificationType::AdapterListStale,
                                                            callback, nullptr, &cookie);
    point(notifies == SUCCEEDED(registered), "a notification can be registered if and only if it is supported");
    point(SUCCEEDED(factory->UnregisterEventNotification(cookie)) == SUCCEEDED(registered),
          "only what was registered can be taken back");
}

template <class T> static bool property(IDXCoreAdapter *adapter, DXCoreAdapterProperty which, T *ret_value)
{
    size_t bytes = 0;
    return adapter->IsPropertySupported(which) && adapter->GetPropertySize(which, &bytes) == S_OK &&
           bytes == sizeof(T) && adapter->GetProperty(which, bytes, ret_value) == S_OK &&
           FAILED(adapter->GetProperty(which, bytes - 1, ret_value));
}

static void check_adapter(IDXCoreAdapterFactory *factory, IDXCoreAdapter *adapter)
{
    void *again = nullptr;
    point(adapter->QueryInterface(IID_IDXCoreAdapter, &again) == S_OK && again == adapter, "the adapter is one");
    ULONG references = adapter->AddRef();
    point(references >= 1 && adapter->Release() <= references, "the adapter counts references");
    point(adapter->IsValid(), "the adapter is valid");
    point(adapter->IsAttributeSupported(DXCORE_ADAPTER_ATTRIBUTE_D3D12_CORE_COMPUTE) &&
              !adapter->IsAttributeSupported(IID_IDXCoreAdapter),
          "it computes, and has no attribute that is none");

    LUID luid = {};
    DXCoreHardwareID id = {};
    DXCoreHardwareIDParts parts = {};
    bool hardware = false;
    char text[256] = "";
    size_t bytes = 0;
    point(property(adapter, DXCoreAdapterProperty::InstanceLuid, &luid), "its LUID");
    point(property(adapter, DXCoreAdapterProperty::HardwareID, &id) &&
              property(adapter, DXCoreAdapterProperty::HardwareIDParts, &parts) && id.vendorID == parts.vendorID &&
              id.deviceID == parts.deviceID && id.vendorID != 0,
          "its ids, twice");
    point(property(adapter, DXCoreAdapterProperty::IsHardware, &hardware), "whether it is hardware");
    point(adapter->GetPropertySize(DXCoreAdapterProperty::DriverDescription, &bytes) == S_OK && bytes > 1 &&
              bytes <= sizeof(text) &&
              adapter->GetProperty(DXCoreAdapterProperty::DriverDescription, bytes, text) == S_OK &&
              std::strlen(text) == bytes - 1,
          "its description");
    point(!adapter->IsPropertySupported(static_cast<DXCoreAdapterProperty>(99)) &&
              FAILED(adapter->GetPropertySize(static_cast<DXCoreAdapterProperty>(99), &bytes)),
          "a property that is none");

    DXCoreAdapterMemoryBudgetNodeSegmentGroup group = {0, DXCoreSegmentGroup::Local};
    DXCoreAdapterMemoryBudget budget = {};
    point(adapter->IsQueryStateSupported(DXCoreAdapterState::AdapterMemoryBudget) &&
              adapter->QueryState(DXCoreAdapterState::AdapterMemoryBudget, sizeof(group), &group, sizeof(budget),
                                  &budget) == S_OK &&
              budget.budget > 0 && budget.currentUsage <= budget.budget,
          "its memory budget");
    point(!adapter->IsSetStateSupported(DXCoreAdapterState::AdapterMemoryBudget) &&
              FAILED(adapter->SetState(DXCoreAdapterState::AdapterMemoryBudget, sizeof(group), &group, sizeof(budget),
                                       &budget)),
          "a state that cannot be set");
    again = nullptr;
    point(adapter->GetFactory(IID_IDXCoreAdapterFactory, &again) == S_OK && again == factory, "its factory");

    void *by_luid = nullptr;
    point(factory->GetAdapterByLuid(luid, IID_IDXCoreAdapter, &by_luid) == S_OK && by_luid, "the adapter of a LUID");
    LUID other = {};
    point(by_luid && property(static_cast<IDXCoreAdapter *>(by_luid), DXCoreAdapterProperty::InstanceLuid, &other) &&
              std::memcmp(&luid, &other, sizeof(luid)) == 0,
          "has that LUID");
    luid.HighPart ^= 0x1234;
    point(FAILED(factory->GetAdapterByLuid(luid, IID_IDXCoreAdapter, &by_luid)) && !by_luid, "a LUID of nobody");
    if (by_luid) static_cast<IDXCoreAdapter *>(by_luid)->Release();
}

static void check_list(IDXCoreAdapterFactory *factory, IDXCoreAdapterList *list)
{
    void *again = nullptr;
    point(list->QueryInterface(IID_IDXCoreAdapterList, &again) == S_OK && again == list, "the list is one");
    ULONG fewer = list->Release(), more = list->AddRef();
    point(fewer >= 1 && more == fewer + 1 && list->Release() == fewer, "the list counts references");
    point(list->GetAdapterCount() > 0 && list->GetAdapterCount() <= 16, "the list has adapters");
    point(!list->IsStale(), "the list is fresh");
    again = nullptr;
    point(list->GetFactory(IID_IDXCoreAdapterFactory, &again) == S_OK && again == factory, "the list's factory");
    DXCoreAdapterPreference preference = DXCoreAdapterPreference::Hardware;
    uint32_t before = list->GetAdapterCount();
    point(list->IsAdapterPreferenceSupported(preference) == SUCCEEDED(list->Sort(1, &preference)) &&
              list->GetAdapterCount() == before,
          "the list can be sorted by what it supports, and loses nothing");
    again = list;
    point(FAILED(list->GetAdapter(before, IID_IDXCoreAdapter, &again)) && !again, "there is no adapter past the last");
    for (uint32_t i = 0; i < before; i++) {
        again = nullptr;
        point(list->GetAdapter(i, IID_IDXCoreAdapter, &again) == S_OK && again, "an adapter of the list");
        if (!again) return;
        check_adapter(factory, static_cast<IDXCoreAdapter *>(again));
        static_cast<IDXCoreAdapter *>(again)->Release();
    }
}

int main()
{
    void *pointer = nullptr;
    point(DXCoreCreateAdapterFactory(IID_IDXCoreAdapterFactory, &pointer) == S_OK && pointer, "there is a factory");
    auto *factory = static_cast<IDXCoreAdapterFactory *>(pointer);
    if (!factory) return 1;
    void *nothing = &pointer;
    point(DXCoreCreateAdapterFactory(IID_IDXCoreAdapterList, &nothing) == E_NOINTERFACE && !nothing,
          "a factory is no list, and the output says so");
    check_factory(factory);

    void *list = nullptr;
    const GUID attributes[] = {DXCORE_ADAPTER_ATTRIBUTE_D3D12_CORE_COMPUTE};
    point(factory->CreateAdapterList(1, attributes, IID_IDXCoreAdapterList, &list) == S_OK && list, "there is a list");
    if (list) {
        check_list(factory, static_cast<IDXCoreAdapterList *>(list));
        static_cast<IDXCoreAdapterList *>(list)->Release();
    }
    factory->Release();
    std::printf("1..%u\n", points);
    return failed;
}
