/* SPDX-License-Identifier: MIT */
/*
 * d3dkmthk.h - the D3DKMT functions: how user mode talks to WDDM's graphics kernel.
 *
 * The names and the layouts are Microsoft's, the text is ours. Microsoft's page about a function is
 * nf-d3dkmthk-NAME in lower case, about a struct ns-d3dkmthk-_NAME; the statuses named here are those of that page and,
 * where it is silent, what Windows was seen to return. STATUS_ is left out of their names. Every function may also
 * return others, and STATUS_INVALID_PARAMETER for NULL.
 *
 * In comments on fields, "in" is read, "out" is written on success, and what says neither depends on the type of the
 * question. Sizes are in bytes. An NT handle is a file descriptor in a HANDLE, an event is an eventfd.
 *
 * Which of these functions this library carries out is written in docs/thunks.md; the others return
 * STATUS_NOT_SUPPORTED.
 */
#ifndef DXG_D3DKMTHK_H
#define DXG_D3DKMTHK_H

#include "d3dukmdt.h"
#include "d3dkmdt.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

/*
 * Object names and access rights.
 *
 * Only what D3DKMTShareObjects() and the calls that open by name take.
 */

/* Guarded by the names that other headers with these structs use, so that both can be included. */
#ifndef __UNICODE_STRING_DEFINED
#define __UNICODE_STRING_DEFINED
typedef struct _UNICODE_STRING {
    USHORT Length;        /* bytes of the string, without a terminating zero */
    USHORT MaximumLength; /* bytes of the buffer */
    PUSHORT Buffer;       /* UTF-16, although WCHAR has 4 bytes on Linux */
} UNICODE_STRING, *PUNICODE_STRING;
#endif

#ifndef __OBJECT_ATTRIBUTES_DEFINED
#define __OBJECT_ATTRIBUTES_DEFINED
typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;                   /* sizeof(OBJECT_ATTRIBUTES) */
    HANDLE RootDirectory;           /* NULL: the name is absolute */
    PUNICODE_STRING ObjectName;     /* NULL: no name */
    ULONG Attributes;               /* OBJ_* */
    PVOID SecurityDescriptor;       /* NULL: the default one */
    PVOID SecurityQualityOfService; /* NULL */
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;
#endif

#ifndef InitializeObjectAttributes
#define InitializeObjectAttributes(Object, Name, Flags, Root, Security)                                                \
    do {                                                                                                               \
        (Object)->Length = sizeof(OBJECT_ATTRIBUTES);                                                                  \
        (Object)->RootDirectory = (Root);                                                                              \
        (Object)->ObjectName = (Name);                                                                                 \
        (Object)->Attributes = (Flags);                                                                                \
        (Object)->SecurityDescriptor = (Security);                                                                     \
        (Object)->SecurityQualityOfService = NULL;                                                                     \
    } while (0)
#endif

#ifndef OBJ_INHERIT
#define OBJ_INHERIT 0x00000002
#endif
#ifndef OBJ_PERMANENT
#define OBJ_PERMANENT 0x00000010
#endif
#ifndef OBJ_EXCLUSIVE
#define OBJ_EXCLUSIVE 0x00000020
#endif
#ifndef OBJ_CASE_INSENSITIVE
#define OBJ_CASE_INSENSITIVE 0x00000040
#endif
#ifndef OBJ_OPENIF
#define OBJ_OPENIF 0x00000080
#endif

#ifndef READ_CONTROL
#define READ_CONTROL 0x00020000
#endif
#ifndef WRITE_DAC
#define WRITE_DAC 0x00040000
#endif
#ifndef WRITE_OWNER
#define WRITE_OWNER 0x00080000
#endif
#ifndef SYNCHRONIZE
#define SYNCHRONIZE 0x00100000
#endif
#ifndef STANDARD_RIGHTS_REQUIRED
#define STANDARD_RIGHTS_REQUIRED 0x000f0000
#endif
#ifndef STANDARD_RIGHTS_READ
#define STANDARD_RIGHTS_READ 0x00020000
#endif
#ifndef STANDARD_RIGHTS_WRITE
#define STANDARD_RIGHTS_WRITE 0x00020000
#endif
#ifndef STANDARD_RIGHTS_EXECUTE
#define STANDARD_RIGHTS_EXECUTE 0x00020000
#endif
#ifndef STANDARD_RIGHTS_ALL
#define STANDARD_RIGHTS_ALL 0x001f0000
#endif
#ifndef GENERIC_ALL
#define GENERIC_ALL 0x10000000
#endif
#ifndef GENERIC_EXECUTE
#define GENERIC_EXECUTE 0x20000000
#endif
#ifndef GENERIC_WRITE
#define GENERIC_WRITE 0x40000000
#endif
#ifndef GENERIC_READ
#define GENERIC_READ 0x80000000
#endif

#define SHARED_ALLOCATION_WRITE 1 /* access to a shared resource; without it the opener only reads */

/*
 * Limits.
 */

#define MAX_ENUM_ADAPTERS 16
#define D3DKMT_MAX_SEGMENT_COUNT 32
#define D3DKMT_MAX_OBJECTS_PER_HANDLE 3
#define D3DKMT_MAX_BUNDLE_OBJECTS_PER_HANDLE 16
#define D3DKMT_GDI_STYLE_HANDLE_DECORATION 2

/*
 * Adapters.
 *
 * Each enumeration and each open returns a new handle, which the caller closes with D3DKMTCloseAdapter().
 */

typedef struct _D3DKMT_ADAPTERINFO {
    D3DKMT_HANDLE hAdapter; /* out: to close */
    LUID AdapterLuid;       /* names the adapter for every process */
    ULONG NumOfSources;     /* video present sources; 0: no display */
    BOOL bPrecisePresentRegionsPreferred;
} D3DKMT_ADAPTERINFO;

typedef struct _D3DKMT_ENUMADAPTERS {
    ULONG NumAdapters; /* out: used elements of Adapters */
    D3DKMT_ADAPTERINFO Adapters[MAX_ENUM_ADAPTERS];
} D3DKMT_ENUMADAPTERS;

/* Opens every adapter, up to MAX_ENUM_ADAPTERS of them. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTEnumAdapters(const D3DKMT_ENUMADAPTERS *);

typedef struct _D3DKMT_ENUMADAPTERS2 {
    ULONG NumAdapters; /* in: elements of pAdapters; out: adapters, or with NULL how many elements suffice */
    D3DKMT_PTR(D3DKMT_ADAPTERINFO *, pAdapters);
} D3DKMT_ENUMADAPTERS2;

/*
 * Opens every adapter that can render or display. The argument is written, const notwithstanding. pAdapters NULL asks
 * for the number of elements only. Fails with BUFFER_TOO_SMALL, INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTEnumAdapters2(const D3DKMT_ENUMADAPTERS2 *);

typedef union _D3DKMT_ENUMADAPTERS_FILTER {
    struct {
        ULONGLONG IncludeComputeOnly : 1; /* adapters without graphics too */
        ULONGLONG IncludeDisplayOnly : 1; /* adapters that cannot render too */
        ULONGLONG Reserved : 62;
    };
    ULONGLONG Value;
} D3DKMT_ENUMADAPTERS_FILTER;

typedef struct _D3DKMT_ENUMADAPTERS3 {
    D3DKMT_ENUMADAPTERS_FILTER Filter;
    ULONG NumAdapters; /* in: elements of pAdapters; out: adapters, or with NULL how many elements suffice */
    D3DKMT_PTR(D3DKMT_ADAPTERINFO *, pAdapters);
} D3DKMT_ENUMADAPTERS3;

/* As D3DKMTEnumAdapters2(), with a choice of kinds. Fails with BUFFER_TOO_SMALL, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTEnumAdapters3(D3DKMT_ENUMADAPTERS3 *);

typedef struct _D3DKMT_OPENADAPTERFROMLUID {
    LUID AdapterLuid;       /* in */
    D3DKMT_HANDLE hAdapter; /* out */
} D3DKMT_OPENADAPTERFROMLUID;

/*
 * Opens the adapter that the LUID names. The argument is written, const notwithstanding. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenAdapterFromLuid(const D3DKMT_OPENADAPTERFROMLUID *);

typedef struct _D3DKMT_OPENADAPTERFROMDEVICENAME {
    D3DKMT_PTR(PCWSTR, pDeviceName); /* in */
    D3DKMT_HANDLE hAdapter;          /* out */
    LUID AdapterLuid;                /* out */
} D3DKMT_OPENADAPTERFROMDEVICENAME;

/* Opens an adapter by the path of its device interface. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenAdapterFromDeviceName(D3DKMT_OPENADAPTERFROMDEVICENAME *);

typedef struct _D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME {
    WCHAR DeviceName[32];                         /* in */
    D3DKMT_HANDLE hAdapter;                       /* out */
    LUID AdapterLuid;                             /* out */
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId; /* out */
} D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME;

/*
 * Opens the adapter behind a display of the desktop. Windows says UNSUCCESSFUL for a name that is none. Fails with
 * INVALID_PARAMETER, UNSUCCESSFUL.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenAdapterFromGdiDisplayName(D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME *);

typedef struct _D3DKMT_OPENADAPTERFROMHDC {
    D3DKMT_PTR(HDC, hDc);                         /* in */
    D3DKMT_HANDLE hAdapter;                       /* out */
    LUID AdapterLuid;                             /* out */
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId; /* out */
} D3DKMT_OPENADAPTERFROMHDC;

/* Opens the adapter behind a GDI device context. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenAdapterFromHdc(D3DKMT_OPENADAPTERFROMHDC *);

typedef struct _D3DKMT_CLOSEADAPTER {
    D3DKMT_HANDLE hAdapter;
} D3DKMT_CLOSEADAPTER;

/* Gives one handle back. What was created through it lives on. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCloseAdapter(const D3DKMT_CLOSEADAPTER *);

typedef struct _D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT {
    D3DKMT_PTR(HANDLE, hProcess); /* in */
    LUID AdapterLuid;             /* in */
    BOOLEAN Support;              /* out */
} D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT;

/* Tells whether a process copes with the loss of the adapter. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetProcessDeviceRemovalSupport(D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT *);

/* Microsoft's Linux library closes its file descriptor of /dev/dxg here. Not on Windows. */
EXTERN_C VOID APIENTRY D3DKMTCloseDxCoreDevice(VOID);

/*
 * What an adapter says of itself.
 */

/*
 * The number of the question and with it the struct of the answer. _RENDER asks the rendering half of a pair of
 * adapters.
 */
typedef enum _KMTQUERYADAPTERINFOTYPE {
    KMTQAITYPE_UMDRIVERPRIVATE = 0,                           /* a struct of the driver's own */
    KMTQAITYPE_UMDRIVERNAME = 1,                              /* D3DKMT_UMDFILENAMEINFO */
    KMTQAITYPE_UMOPENGLINFO = 2,                              /* D3DKMT_OPENGLINFO */
    KMTQAITYPE_GETSEGMENTSIZE = 3,                            /* D3DKMT_SEGMENTSIZEINFO */
    KMTQAITYPE_ADAPTERGUID = 4,                               /* GUID */
    KMTQAITYPE_FLIPQUEUEINFO = 5,                             /* D3DKMT_FLIPQUEUEINFO */
    KMTQAITYPE_ADAPTERADDRESS = 6,                            /* D3DKMT_ADAPTERADDRESS */
    KMTQAITYPE_SETWORKINGSETINFO = 7,                         /* D3DKMT_WORKINGSETINFO */
    KMTQAITYPE_ADAPTERREGISTRYINFO = 8,                       /* D3DKMT_ADAPTERREGISTRYINFO */
    KMTQAITYPE_CURRENTDISPLAYMODE = 9,                        /* D3DKMT_CURRENTDISPLAYMODE */
    KMTQAITYPE_MODELIST = 10,                                 /* D3DKMT_DISPLAYMODE[] */
    KMTQAITYPE_CHECKDRIVERUPDATESTATUS = 11,                  /* BOOL: an update waits for a restart */
    KMTQAITYPE_VIRTUALADDRESSINFO = 12,                       /* D3DKMT_VIRTUALADDRESSINFO */
    KMTQAITYPE_DRIVERVERSION = 13,                            /* D3DKMT_DRIVERVERSION */
    KMTQAITYPE_ADAPTERTYPE = 15,                              /* D3DKMT_ADAPTERTYPE */
    KMTQAITYPE_OUTPUTDUPLCONTEXTSCOUNT = 16,                  /* D3DKMT_OUTPUTDUPLCONTEXTSCOUNT */
    KMTQAITYPE_WDDM_1_2_CAPS = 17,                            /* D3DKMT_WDDM_1_2_CAPS */
    KMTQAITYPE_UMD_DRIVER_VERSION = 18,                       /* D3DKMT_UMD_DRIVER_VERSION */
    KMTQAITYPE_DIRECTFLIP_SUPPORT = 19,                       /* D3DKMT_DIRECTFLIP_SUPPORT */
    KMTQAITYPE_MULTIPLANEOVERLAY_SUPPORT = 20,                /* D3DKMT_MULTIPLANEOVERLAY_SUPPORT */
    KMTQAITYPE_DLIST_DRIVER_NAME = 21,                        /* D3DKMT_DLIST_DRIVER_NAME */
    KMTQAITYPE_WDDM_1_3_CAPS = 22,                            /* D3DKMT_WDDM_1_3_CAPS */
    KMTQAITYPE_MULTIPLANEOVERLAY_HUD_SUPPORT = 23,            /* D3DKMT_MULTIPLANEOVERLAY_HUD_SUPPORT */
    KMTQAITYPE_WDDM_2_0_CAPS = 24,                            /* D3DKMT_WDDM_2_0_CAPS */
    KMTQAITYPE_NODEMETADATA = 25,                             /* D3DKMT_NODEMETADATA */
    KMTQAITYPE_CPDRIVERNAME = 26,                             /* D3DKMT_CPDRIVERNAME */
    KMTQAITYPE_XBOX = 27,                                     /* D3DKMT_XBOX */
    KMTQAITYPE_INDEPENDENTFLIP_SUPPORT = 28,                  /* D3DKMT_INDEPENDENTFLIP_SUPPORT */
    KMTQAITYPE_MIRACASTCOMPANIONDRIVERNAME = 29,              /* D3DKMT_MIRACASTCOMPANIONDRIVERNAME */
    KMTQAITYPE_PHYSICALADAPTERCOUNT = 30,                     /* D3DKMT_PHYSICAL_ADAPTER_COUNT */
    KMTQAITYPE_PHYSICALADAPTERDEVICEIDS = 31,                 /* D3DKMT_QUERY_DEVICE_IDS */
    KMTQAITYPE_DRIVERCAPS_EXT = 32,                           /* D3DKMT_DRIVERCAPS_EXT */
    KMTQAITYPE_QUERY_MIRACAST_DRIVER_TYPE = 33,               /* D3DKMT_QUERY_MIRACAST_DRIVER_TYPE */
    KMTQAITYPE_QUERY_GPUMMU_CAPS = 34,                        /* D3DKMT_QUERY_GPUMMU_CAPS */
    KMTQAITYPE_QUERY_MULTIPLANEOVERLAY_DECODE_SUPPORT = 35,   /* D3DKMT_MULTIPLANEOVERLAY_DECODE_SUPPORT */
    KMTQAITYPE_QUERY_HW_PROTECTION_TEARDOWN_COUNT = 36,       /* UINT */
    KMTQAITYPE_QUERY_ISBADDRIVERFORHWPROTECTIONDISABLED = 37, /* D3DKMT_ISBADDRIVERFORHWPROTECTIONDISABLED */
    KMTQAITYPE_MULTIPLANEOVERLAY_SECONDARY_SUPPORT = 38,      /* D3DKMT_MULTIPLANEOVERLAY_SECONDARY_SUPPORT */
    KMTQAITYPE_INDEPENDENTFLIP_SECONDARY_SUPPORT = 39,        /* D3DKMT_INDEPENDENTFLIP_SECONDARY_SUPPORT */
    KMTQAITYPE_PANELFITTER_SUPPORT = 40,                      /* D3DKMT_PANELFITTER_SUPPORT */
    KMTQAITYPE_PHYSICALADAPTERPNPKEY = 41,                    /* D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY */
    KMTQAITYPE_GETSEGMENTGROUPSIZE = 42,                      /* D3DKMT_SEGMENTGROUPSIZEINFO */
    KMTQAITYPE_MPO3DDI_SUPPORT = 43,                          /* D3DKMT_MPO3DDI_SUPPORT */
    KMTQAITYPE_HWDRM_SUPPORT = 44,                            /* D3DKMT_HWDRM_SUPPORT */
    KMTQAITYPE_MPOKERNELCAPS_SUPPORT = 45,                    /* D3DKMT_MPOKERNELCAPS_SUPPORT */
    KMTQAITYPE_MULTIPLANEOVERLAY_STRETCH_SUPPORT = 46,        /* D3DKMT_MULTIPLANEOVERLAY_STRETCH_SUPPORT */
    KMTQAITYPE_GET_DEVICE_VIDPN_OWNERSHIP_INFO = 47,          /* D3DKMT_GET_DEVICE_VIDPN_OWNERSHIP_INFO */
    KMTQAITYPE_QUERYREGISTRY = 48,                            /* D3DDDI_QUERYREGISTRY_INFO */
    KMTQAITYPE_KMD_DRIVER_VERSION = 49,                       /* D3DKMT_KMD_DRIVER_VERSION */
    KMTQAITYPE_BLOCKLIST_KERNEL = 50,                         /* D3DKMT_BLOCKLIST_INFO */
    KMTQAITYPE_BLOCKLIST_RUNTIME = 51,                        /* D3DKMT_BLOCKLIST_INFO */
    KMTQAITYPE_ADAPTERGUID_RENDER = 52,
    KMTQAITYPE_ADAPTERADDRESS_RENDER = 53,
    KMTQAITYPE_ADAPTERREGISTRYINFO_RENDER = 54,
    KMTQAITYPE_CHECKDRIVERUPDATESTATUS_RENDER = 55,
    KMTQAITYPE_DRIVERVERSION_RENDER = 56,
    KMTQAITYPE_ADAPTERTYPE_RENDER = 57,
    KMTQAITYPE_WDDM_1_2_CAPS_RENDER = 58,
    KMTQAITYPE_WDDM_1_3_CAPS_RENDER = 59,
    KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID = 60, /* D3DKMT_QUERY_ADAPTER_UNIQUE_GUID */
    KMTQAITYPE_NODEPERFDATA = 61,              /* D3DKMT_NODE_PERFDATA */
    KMTQAITYPE_ADAPTERPERFDATA = 62,           /* D3DKMT_ADAPTER_PERFDATA */
    KMTQAITYPE_ADAPTERPERFDATA_CAPS = 63,      /* D3DKMT_ADAPTER_PERFDATACAPS */
    KMTQUITYPE_GPUVERSION = 64,                /* D3DKMT_GPUVERSION; the name is Microsoft's */
    KMTQAITYPE_DRIVER_DESCRIPTION = 65,        /* D3DKMT_DRIVER_DESCRIPTION */
    KMTQAITYPE_DRIVER_DESCRIPTION_RENDER = 66,
    KMTQAITYPE_SCANOUT_CAPS = 67,                 /* D3DKMT_QUERY_SCANOUT_CAPS */
    KMTQAITYPE_DISPLAY_UMDRIVERNAME = 71,         /* D3DKMT_DISPLAY_UMD_FILENAMEINFO */
    KMTQAITYPE_PARAVIRTUALIZATION_RENDER = 68,    /* D3DKMT_PARAVIRTUALIZATION */
    KMTQAITYPE_SERVICENAME = 69,                  /* WCHAR[]: the driver's service */
    KMTQAITYPE_WDDM_2_7_CAPS = 70,                /* D3DKMT_WDDM_2_7_CAPS */
    KMTQAITYPE_TRACKEDWORKLOAD_SUPPORT = 72,      /* D3DKMT_TRACKEDWORKLOAD_SUPPORT */
    KMTQAITYPE_HYBRID_DLIST_DLL_SUPPORT = 73,     /* D3DKMT_HYBRID_DLIST_DLL_SUPPORT */
    KMTQAITYPE_DISPLAY_CAPS = 74,                 /* D3DKMT_DISPLAY_CAPS */
    KMTQAITYPE_WDDM_2_9_CAPS = 75,                /* D3DKMT_WDDM_2_9_CAPS */
    KMTQAITYPE_CROSSADAPTERRESOURCE_SUPPORT = 76, /* D3DKMT_CROSSADAPTERRESOURCE_SUPPORT */
    KMTQAITYPE_WDDM_3_0_CAPS = 77,                /* D3DKMT_WDDM_3_0_CAPS */
} KMTQUERYADAPTERINFOTYPE;

typedef struct _D3DKMT_QUERYADAPTERINFO {
    D3DKMT_HANDLE hAdapter;
    KMTQUERYADAPTERINFOTYPE Type;           /* in */
    D3DKMT_PTR(VOID *, pPrivateDriverData); /* in/out: the struct that belongs to Type */
    UINT PrivateDriverDataSize;             /* in: bytes */
} D3DKMT_QUERYADAPTERINFO;

/*
 * Answers one question about an adapter into the caller's struct. The argument itself is only read. Windows refuses a
 * NULL or short struct with INVALID_PARAMETER. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryAdapterInfo(const D3DKMT_QUERYADAPTERINFO *);

/*
 * Answers of QueryAdapterInfo: memory.
 *
 * All sizes are in bytes.
 */

typedef struct _D3DKMT_SEGMENTSIZEINFO {
    ULONGLONG DedicatedVideoMemorySize;  /* memory that only the GPU has */
    ULONGLONG DedicatedSystemMemorySize; /* system memory set aside for the GPU */
    ULONGLONG SharedSystemMemorySize;    /* system memory that the GPU may use at most */
} D3DKMT_SEGMENTSIZEINFO;

typedef struct _D3DKMT_SEGMENTGROUPSIZEINFO {
    UINT32 PhysicalAdapterIndex; /* in */
    D3DKMT_SEGMENTSIZEINFO LegacyInfo;
    ULONGLONG LocalMemory;     /* budget group LOCAL */
    ULONGLONG NonLocalMemory;  /* budget group NON_LOCAL */
    ULONGLONG NonBudgetMemory; /* segments of neither group */
} D3DKMT_SEGMENTGROUPSIZEINFO;

typedef struct _D3DKMT_WORKINGSETFLAGS {
    UINT UseDefault : 1;
    UINT Reserved : 31;
} D3DKMT_WORKINGSETFLAGS;

typedef struct _D3DKMT_WORKINGSETINFO {
    D3DKMT_WORKINGSETFLAGS Flags;
    ULONG MinimumWorkingSetPercentile;
    ULONG MaximumWorkingSetPercentile;
} D3DKMT_WORKINGSETINFO;

typedef struct _D3DKMT_VIRTUALADDRESSFLAGS {
    UINT VirtualAddressSupported : 1;
    UINT Reserved : 31;
} D3DKMT_VIRTUALADDRESSFLAGS;

typedef struct _D3DKMT_VIRTUALADDRESSINFO {
    D3DKMT_VIRTUALADDRESSFLAGS VirtualAddressFlags;
} D3DKMT_VIRTUALADDRESSINFO;

typedef struct _D3DKMT_GPUMMU_CAPS {
    union {
        struct {
            UINT ReadOnlyMemorySupported : 1;
            UINT NoExecuteMemorySupported : 1;
            UINT CacheCoherentMemorySupported : 1;
            UINT Reserved : 29;
        };
        UINT Value;
    } Flags;
    UINT VirtualAddressBitCount; /* width of a GPU address */
} D3DKMT_GPUMMU_CAPS;

typedef struct _D3DKMT_QUERY_GPUMMU_CAPS {
    UINT PhysicalAdapterIndex; /* in */
    D3DKMT_GPUMMU_CAPS Caps;   /* out */
} D3DKMT_QUERY_GPUMMU_CAPS;

/* What an adapter can do with a resource that another one made; each tier contains the one before. */
typedef enum D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER {
    D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER_NONE = 0,
    D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER_COPY = 1,
    D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER_TEXTURE = 2,
    D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER_SCANOUT = 3,
} D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER;

typedef struct D3DKMT_CROSSADAPTERRESOURCE_SUPPORT {
    D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER SupportTier;
} D3DKMT_CROSSADAPTERRESOURCE_SUPPORT;

/*
 * Answers of QueryAdapterInfo: identity and driver.
 *
 * Strings have 4-byte characters on Linux, 2-byte ones on Windows: these structs are larger here.
 */

typedef struct _D3DKMT_ADAPTERADDRESS {
    UINT BusNumber; /* PCI */
    UINT DeviceNumber;
    UINT FunctionNumber;
} D3DKMT_ADAPTERADDRESS;

typedef struct _D3DKMT_ADAPTERREGISTRYINFO {
    WCHAR AdapterString[MAX_PATH];
    WCHAR BiosString[MAX_PATH];
    WCHAR DacType[MAX_PATH];
    WCHAR ChipType[MAX_PATH];
} D3DKMT_ADAPTERREGISTRYINFO;

typedef struct _D3DKMT_ADAPTERTYPE {
    union {
        struct {
            UINT RenderSupported : 1;  /* can render or compute */
            UINT DisplaySupported : 1; /* has a display */
            UINT SoftwareDevice : 1;   /* renders on the CPU */
            UINT PostDevice : 1;       /* shows the firmware's screen */
            UINT HybridDiscrete : 1;
            UINT HybridIntegrated : 1;
            UINT IndirectDisplayDevice : 1;
            UINT Paravirtualized : 1; /* lives in the host of this virtual machine */
            UINT ACGSupported : 1;
            UINT SupportSetTimingsFromVidPn : 1;
            UINT Detachable : 1;
            UINT ComputeOnly : 1; /* no graphics, only compute */
            UINT Prototype : 1;
            UINT RuntimePowerManagement : 1;
            UINT Reserved : 18;
        };
        UINT Value;
    };
} D3DKMT_ADAPTERTYPE;

/* Which driver model the adapter's driver is written for. Compare with >=. */
typedef enum _D3DKMT_DRIVERVERSION {
    KMT_DRIVERVERSION_WDDM_1_0 = 1000,
    KMT_DRIVERVERSION_WDDM_1_1_PRERELEASE = 1102,
    KMT_DRIVERVERSION_WDDM_1_1 = 1105,
    KMT_DRIVERVERSION_WDDM_1_2 = 1200,
    KMT_DRIVERVERSION_WDDM_1_3 = 1300,
    KMT_DRIVERVERSION_WDDM_2_0 = 2000,
    KMT_DRIVERVERSION_WDDM_2_1 = 2100,
    KMT_DRIVERVERSION_WDDM_2_2 = 2200,
    KMT_DRIVERVERSION_WDDM_2_3 = 2300,
    KMT_DRIVERVERSION_WDDM_2_4 = 2400,
    KMT_DRIVERVERSION_WDDM_2_5 = 2500,
    KMT_DRIVERVERSION_WDDM_2_6 = 2600,
    KMT_DRIVERVERSION_WDDM_2_7 = 2700,
    KMT_DRIVERVERSION_WDDM_2_8 = 2800,
    KMT_DRIVERVERSION_WDDM_2_9 = 2900,
    KMT_DRIVERVERSION_WDDM_3_0 = 3000,
} D3DKMT_DRIVERVERSION;

typedef enum _KMTUMDVERSION {
    KMTUMDVERSION_DX9 = 0,
    KMTUMDVERSION_DX10 = 1,
    KMTUMDVERSION_DX11 = 2,
    KMTUMDVERSION_DX12 = 3,
    NUM_KMTUMDVERSIONS = 4,
} KMTUMDVERSION;

typedef struct _D3DKMT_UMDFILENAMEINFO {
    KMTUMDVERSION Version;
    WCHAR UmdFileName[MAX_PATH];
} D3DKMT_UMDFILENAMEINFO;

typedef enum _KMT_DISPLAY_UMD_VERSION {
    KMT_DISPLAY_UMDVERSION_1 = 0,
    NUM_KMT_DISPLAY_UMDVERSIONS = 1,
} KMT_DISPLAY_UMD_VERSION;

typedef struct _D3DKMT_DISPLAY_UMD_FILENAMEINFO {
    KMT_DISPLAY_UMD_VERSION Version;
    WCHAR UmdFileName[MAX_PATH];
} D3DKMT_DISPLAY_UMD_FILENAMEINFO;

typedef struct _D3DKMT_OPENGLINFO {
    WCHAR UmdOpenGlIcdFileName[MAX_PATH];
    ULONG Version;
    ULONG Flags;
} D3DKMT_OPENGLINFO;

typedef struct _D3DKMT_UMD_DRIVER_VERSION {
    LARGE_INTEGER DriverVersion;
} D3DKMT_UMD_DRIVER_VERSION;

typedef struct _D3DKMT_KMD_DRIVER_VERSION {
    LARGE_INTEGER DriverVersion;
} D3DKMT_KMD_DRIVER_VERSION;

typedef struct D3DKMT_DRIVER_DESCRIPTION {
    WCHAR DriverDescription[4096];
} D3DKMT_DRIVER_DESCRIPTION;

typedef struct _D3DKMT_DLIST_DRIVER_NAME {
    WCHAR DListFileName[MAX_PATH];
} D3DKMT_DLIST_DRIVER_NAME;

typedef struct _D3DKMT_CPDRIVERNAME {
    WCHAR ContentProtectionFileName[MAX_PATH];
} D3DKMT_CPDRIVERNAME;

typedef struct _D3DKMT_PHYSICAL_ADAPTER_COUNT {
    UINT Count;
} D3DKMT_PHYSICAL_ADAPTER_COUNT;

typedef struct _D3DKMT_DEVICE_IDS {
    UINT VendorID;
    UINT DeviceID;
    UINT SubVendorID;
    UINT SubSystemID;
    UINT RevisionID;
    UINT BusType;
} D3DKMT_DEVICE_IDS;

typedef struct _D3DKMT_QUERY_DEVICE_IDS {
    UINT PhysicalAdapterIndex;   /* in */
    D3DKMT_DEVICE_IDS DeviceIds; /* out */
} D3DKMT_QUERY_DEVICE_IDS;

typedef enum _D3DKMT_PNP_KEY_TYPE {
    D3DKMT_PNP_KEY_HARDWARE = 1,
    D3DKMT_PNP_KEY_SOFTWARE = 2,
} D3DKMT_PNP_KEY_TYPE;

typedef struct _D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY {
    UINT PhysicalAdapterIndex;      /* in */
    D3DKMT_PNP_KEY_TYPE PnPKeyType; /* in */
    D3DKMT_PTR(WCHAR *, pDest);     /* out: the path */
    D3DKMT_PTR(UINT *, pCchDest);   /* in/out: characters */
} D3DKMT_QUERY_PHYSICAL_ADAPTER_PNP_KEY;

typedef struct _D3DKMT_QUERY_ADAPTER_UNIQUE_GUID {
    WCHAR AdapterUniqueGUID[40];
} D3DKMT_QUERY_ADAPTER_UNIQUE_GUID;

typedef struct _D3DKMT_GPUVERSION {
    UINT32 PhysicalAdapterIndex; /* in */
    WCHAR BiosVersion[DXGK_MAX_GPUVERSION_NAME_LENGTH];
    WCHAR GpuArchitecture[DXGK_MAX_GPUVERSION_NAME_LENGTH];
} D3DKMT_GPUVERSION;

typedef struct _D3DKMT_PARAVIRTUALIZATION {
    BOOLEAN SecureContainer;
} D3DKMT_PARAVIRTUALIZATION;

typedef struct _D3DKMT_XBOX {
    BOOL IsXBOX;
} D3DKMT_XBOX;

typedef struct _D3DKMT_BLOCKLIST_INFO {
    UINT Size;
    WCHAR BlockList[1];
} D3DKMT_BLOCKLIST_INFO;

typedef struct _D3DKMT_ISBADDRIVERFORHWPROTECTIONDISABLED {
    BOOL Disabled;
} D3DKMT_ISBADDRIVERFORHWPROTECTIONDISABLED;

typedef struct _D3DKMT_HWDRM_SUPPORT {
    BOOLEAN Supported;
} D3DKMT_HWDRM_SUPPORT;

#define D3DKMT_COMPONENTIZED_INDICATOR 35

typedef struct D3DKMT_HYBRID_DLIST_DLL_SUPPORT {
    BOOL Supported;
} D3DKMT_HYBRID_DLIST_DLL_SUPPORT;

typedef enum _D3DKMT_GPU_PREFERENCE_QUERY_STATE {
    D3DKMT_GPU_PREFERENCE_STATE_UNINITIALIZED = 0,
    D3DKMT_GPU_PREFERENCE_STATE_HIGH_PERFORMANCE = 1,
    D3DKMT_GPU_PREFERENCE_STATE_MINIMUM_POWER = 2,
    D3DKMT_GPU_PREFERENCE_STATE_UNSPECIFIED = 3,
    D3DKMT_GPU_PREFERENCE_STATE_NOT_FOUND = 4,
    D3DKMT_GPU_PREFERENCE_STATE_USER_SPECIFIED_GPU = 5,
} D3DKMT_GPU_PREFERENCE_QUERY_STATE;

typedef enum _D3DKMT_GPU_PREFERENCE_QUERY_TYPE {
    D3DKMT_GPU_PREFERENCE_TYPE_IHV_DLIST = 0,
    D3DKMT_GPU_PREFERENCE_TYPE_DX_DATABASE = 1,
    D3DKMT_GPU_PREFERENCE_TYPE_USER_PREFERENCE = 2,
} D3DKMT_GPU_PREFERENCE_QUERY_TYPE;

typedef struct _D3DKMT_HYBRID_LIST {
    D3DKMT_GPU_PREFERENCE_QUERY_STATE State;
    LUID AdapterLuid;
    BOOL bUserPreferenceQuery;
    D3DKMT_GPU_PREFERENCE_QUERY_TYPE QueryType;
} D3DKMT_HYBRID_LIST;

/*
 * Answers of QueryAdapterInfo: performance.
 *
 * Frequencies in Hz, temperatures in tenths of a degree Celsius.
 */

typedef struct _D3DKMT_NODE_PERFDATA {
    UINT32 NodeOrdinal;          /* in */
    UINT32 PhysicalAdapterIndex; /* in */
    ULONGLONG Frequency;
    ULONGLONG MaxFrequency;
    ULONGLONG MaxFrequencyOC;       /* overclocked */
    ULONG Voltage;                  /* mV */
    ULONG VoltageMax;               /* mV */
    ULONG VoltageMaxOC;             /* mV, overclocked */
    ULONGLONG MaxTransitionLatency; /* 100 ns units */
} D3DKMT_NODE_PERFDATA;

typedef struct _D3DKMT_ADAPTER_PERFDATA {
    UINT32 PhysicalAdapterIndex; /* in */
    ULONGLONG MemoryFrequency;
    ULONGLONG MaxMemoryFrequency;
    ULONGLONG MaxMemoryFrequencyOC; /* overclocked */
    ULONGLONG MemoryBandwidth;      /* bytes moved */
    ULONGLONG PCIEBandwidth;        /* bytes moved */
    ULONG FanRPM;
    ULONG Power; /* tenths of a percent of the limit */
    ULONG Temperature;
    UCHAR PowerStateOverride; /* 1: the GPU is powered on */
} D3DKMT_ADAPTER_PERFDATA;

typedef struct _D3DKMT_ADAPTER_PERFDATACAPS {
    UINT32 PhysicalAdapterIndex;  /* in */
    ULONGLONG MaxMemoryBandwidth; /* bytes per second */
    ULONGLONG MaxPCIEBandwidth;   /* bytes per second */
    ULONG MaxFanRPM;
    ULONG TemperatureMax;     /* above it comes damage */
    ULONG TemperatureWarning; /* above it the clocks go down */
} D3DKMT_ADAPTER_PERFDATACAPS;

/*
 * Answers of QueryAdapterInfo: display.
 *
 * An adapter without a display answers most of these with zeroes.
 */

typedef enum _D3DKMDT_MODE_PRUNING_REASON {
    D3DKMDT_MPR_UNINITIALIZED = 0,
    D3DKMDT_MPR_ALLCAPS = 1,
    D3DKMDT_MPR_DESCRIPTOR_MONITOR_SOURCE_MODE = 2,
    D3DKMDT_MPR_DESCRIPTOR_MONITOR_FREQUENCY_RANGE = 3,
    D3DKMDT_MPR_DESCRIPTOR_OVERRIDE_MONITOR_SOURCE_MODE = 4,
    D3DKMDT_MPR_DESCRIPTOR_OVERRIDE_MONITOR_FREQUENCY_RANGE = 5,
    D3DKMDT_MPR_DEFAULT_PROFILE_MONITOR_SOURCE_MODE = 6,
    D3DKMDT_MPR_DRIVER_RECOMMENDED_MONITOR_SOURCE_MODE = 7,
    D3DKMDT_MPR_MONITOR_FREQUENCY_RANGE_OVERRIDE = 8,
    D3DKMDT_MPR_CLONE_PATH_PRUNED = 9,
    D3DKMDT_MPR_MAXVALID = 10,
} D3DKMDT_MODE_PRUNING_REASON;

typedef struct _D3DKMDT_DISPLAYMODE_FLAGS {
    UINT ValidatedAgainstMonitorCaps : 1;
    UINT RoundedFakeMode : 1;
    UINT : 0; /* what follows begins a new word */
    D3DKMDT_MODE_PRUNING_REASON ModePruningReason : 4;
    UINT Stereo : 1;
    UINT AdvancedScanCapable : 1;
    UINT PreferredTiming : 1;
    UINT PhysicalModeSupported : 1;
    UINT VirtualRefreshRate : 1;
    UINT Reserved : 23;
} D3DKMDT_DISPLAYMODE_FLAGS;

typedef struct _D3DKMT_DISPLAYMODE {
    UINT Width;
    UINT Height;
    D3DDDIFORMAT Format;
    UINT IntegerRefreshRate;
    D3DDDI_RATIONAL RefreshRate;
    D3DDDI_VIDEO_SIGNAL_SCANLINE_ORDERING ScanLineOrdering;
    D3DDDI_ROTATION DisplayOrientation;
    UINT DisplayFixedOutput;
    D3DKMDT_DISPLAYMODE_FLAGS Flags;
} D3DKMT_DISPLAYMODE;

typedef struct _D3DKMT_CURRENTDISPLAYMODE {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    D3DKMT_DISPLAYMODE DisplayMode;
} D3DKMT_CURRENTDISPLAYMODE;

typedef struct _D3DKMT_FLIPINFOFLAGS {
    UINT FlipInterval : 1;
    UINT Reserved : 31;
} D3DKMT_FLIPINFOFLAGS;

typedef struct _D3DKMT_FLIPQUEUEINFO {
    UINT MaxHardwareFlipQueueLength;
    UINT MaxSoftwareFlipQueueLength;
    D3DKMT_FLIPINFOFLAGS FlipFlags;
} D3DKMT_FLIPQUEUEINFO;

typedef struct _D3DKMT_OUTPUTDUPLCONTEXTSCOUNT {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    UINT OutputDuplicationCount;
} D3DKMT_OUTPUTDUPLCONTEXTSCOUNT;

typedef struct _D3DKMT_DIRECTFLIP_SUPPORT {
    BOOL Supported;
} D3DKMT_DIRECTFLIP_SUPPORT;

typedef struct _D3DKMT_MULTIPLANEOVERLAY_SUPPORT {
    BOOL Supported;
} D3DKMT_MULTIPLANEOVERLAY_SUPPORT;

typedef struct _D3DKMT_MULTIPLANEOVERLAY_HUD_SUPPORT {
    UINT VidPnSourceId;
    BOOL Update;
    BOOL KernelSupported;
    BOOL HudSupported;
} D3DKMT_MULTIPLANEOVERLAY_HUD_SUPPORT;

typedef struct _D3DKMT_MULTIPLANEOVERLAY_DECODE_SUPPORT {
    BOOL Supported;
} D3DKMT_MULTIPLANEOVERLAY_DECODE_SUPPORT;

typedef struct _D3DKMT_MULTIPLANEOVERLAY_SECONDARY_SUPPORT {
    BOOL Supported;
} D3DKMT_MULTIPLANEOVERLAY_SECONDARY_SUPPORT;

typedef struct _D3DKMT_MULTIPLANEOVERLAY_STRETCH_SUPPORT {
    UINT VidPnSourceId;
    BOOL Update;
    BOOL Supported;
} D3DKMT_MULTIPLANEOVERLAY_STRETCH_SUPPORT;

typedef struct _D3DKMT_MPO3DDI_SUPPORT {
    BOOL Supported;
} D3DKMT_MPO3DDI_SUPPORT;

typedef struct _D3DKMT_MPOKERNELCAPS_SUPPORT {
    BOOL Supported;
} D3DKMT_MPOKERNELCAPS_SUPPORT;

typedef struct _D3DKMT_INDEPENDENTFLIP_SUPPORT {
    BOOL Supported;
} D3DKMT_INDEPENDENTFLIP_SUPPORT;

typedef struct _D3DKMT_INDEPENDENTFLIP_SECONDARY_SUPPORT {
    BOOL Supported;
} D3DKMT_INDEPENDENTFLIP_SECONDARY_SUPPORT;

typedef struct _D3DKMT_PANELFITTER_SUPPORT {
    BOOL Supported;
} D3DKMT_PANELFITTER_SUPPORT;

typedef struct _D3DKMT_QUERY_SCANOUT_CAPS {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    UINT Caps;
} D3DKMT_QUERY_SCANOUT_CAPS;

typedef struct _D3DKMT_GET_DEVICE_VIDPN_OWNERSHIP_INFO {
    D3DKMT_HANDLE hDevice;
    BOOLEAN bFailedDwmAcquireVidPn;
} D3DKMT_GET_DEVICE_VIDPN_OWNERSHIP_INFO;

typedef struct _D3DKMT_MIRACASTCOMPANIONDRIVERNAME {
    WCHAR MiracastCompanionDriverName[MAX_PATH];
} D3DKMT_MIRACASTCOMPANIONDRIVERNAME;

typedef enum _D3DKMT_MIRACAST_DRIVER_TYPE {
    D3DKMT_MIRACAST_DRIVER_NOT_SUPPORTED = 0,
    D3DKMT_MIRACAST_DRIVER_IHV = 1,
    D3DKMT_MIRACAST_DRIVER_MS = 2,
} D3DKMT_MIRACAST_DRIVER_TYPE;

typedef struct _D3DKMT_QUERY_MIRACAST_DRIVER_TYPE {
    D3DKMT_MIRACAST_DRIVER_TYPE MiracastDriverType;
} D3DKMT_QUERY_MIRACAST_DRIVER_TYPE;

/*
 * Devices.
 *
 * A device owns all that is created with it: contexts, queues, resources, allocations, paging queues. A device in
 * error takes no more work; it can be asked for its state and destroyed.
 */

typedef struct _D3DKMT_CREATEDEVICEFLAGS {
    UINT LegacyMode : 1; /* never more memory than the segments hold */
    UINT RequestVSync : 1;
    UINT DisableGpuTimeout : 1; /* long work is no hang */
    UINT Reserved : 29;
} D3DKMT_CREATEDEVICEFLAGS;

/* The last six fields are of WDDM 1: NULL and 0 on return. */
typedef struct _D3DKMT_CREATEDEVICE {
    union {
        D3DKMT_HANDLE hAdapter; /* in */
        VOID *pAdapter;         /* of kernel callers */
        UINT64 pAdapter_Align;
    };
    D3DKMT_CREATEDEVICEFLAGS Flags; /* in */
    D3DKMT_HANDLE hDevice;          /* out */
    D3DKMT_PTR(VOID *, pCommandBuffer);
    UINT CommandBufferSize;
    D3DKMT_PTR(D3DDDI_ALLOCATIONLIST *, pAllocationList);
    UINT AllocationListSize;
    D3DKMT_PTR(D3DDDI_PATCHLOCATIONLIST *, pPatchLocationList);
    UINT PatchLocationListSize;
} D3DKMT_CREATEDEVICE;

/* Creates a device on an adapter; the caller owns it. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateDevice(D3DKMT_CREATEDEVICE *);

typedef struct _D3DKMT_DESTROYDEVICE {
    D3DKMT_HANDLE hDevice;
} D3DKMT_DESTROYDEVICE;

/*
 * Destroys a device and all that it owns. Shared resources live on where others hold them. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyDevice(const D3DKMT_DESTROYDEVICE *);

/* Whether a device takes work, and if not, why. */
typedef enum _D3DKMT_DEVICEEXECUTION_STATE {
    D3DKMT_DEVICEEXECUTION_ACTIVE = 1, /* all is well */
    D3DKMT_DEVICEEXECUTION_RESET = 2,
    D3DKMT_DEVICEEXECUTION_HUNG = 3,
    D3DKMT_DEVICEEXECUTION_STOPPED = 4,
    D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY = 5, /* what had to be resident did not fit */
    D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT = 6,
    D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT = 7, /* see D3DKMT_DEVICESTATE_PAGE_FAULT */
} D3DKMT_DEVICEEXECUTION_STATE;

typedef struct _D3DKMT_DEVICERESET_STATE {
    union {
        struct {
            UINT DesktopSwitched : 1;
            UINT Reserved : 31;
        };
        UINT Value;
    };
} D3DKMT_DEVICERESET_STATE;

typedef struct _D3DKMT_PRESENT_STATS {
    UINT PresentCount;
    UINT PresentRefreshCount;
    UINT SyncRefreshCount;
    LARGE_INTEGER SyncQPCTime;
    LARGE_INTEGER SyncGPUTime;
} D3DKMT_PRESENT_STATS;

typedef struct _D3DKMT_DEVICEPRESENT_STATE {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    D3DKMT_PRESENT_STATS PresentStats;
} D3DKMT_DEVICEPRESENT_STATE;

typedef struct _D3DKMT_PRESENT_STATS_DWM {
    UINT PresentCount;
    UINT PresentRefreshCount;
    LARGE_INTEGER PresentQPCTime;
    UINT SyncRefreshCount;
    LARGE_INTEGER SyncQPCTime;
    UINT CustomPresentDuration;
} D3DKMT_PRESENT_STATS_DWM;

typedef struct _D3DKMT_DEVICEPRESENT_STATE_DWM {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    D3DKMT_PRESENT_STATS_DWM PresentStatsDWM;
} D3DKMT_DEVICEPRESENT_STATE_DWM;

typedef struct _D3DKMT_DEVICEPAGEFAULT_STATE {
    UINT64 FaultedPrimitiveAPISequenceNumber; /* the draw or dispatch, 0 if unknown */
    DXGK_RENDER_PIPELINE_STAGE FaultedPipelineStage;
    UINT FaultedBindTableEntry; /* or DXGK_BIND_TABLE_ENTRY_UNKNOWN */
    DXGK_PAGE_FAULT_FLAGS PageFaultFlags;
    DXGK_FAULT_ERROR_CODE FaultErrorCode;
    D3DGPU_VIRTUAL_ADDRESS FaultedVirtualAddress; /* 0 if unknown */
} D3DKMT_DEVICEPAGEFAULT_STATE;

typedef struct _D3DKMT_DEVICEPRESENT_QUEUE_STATE {
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    BOOLEAN bQueuedPresentLimitReached;
} D3DKMT_DEVICEPRESENT_QUEUE_STATE;

typedef enum _D3DKMT_DEVICESTATE_TYPE {
    D3DKMT_DEVICESTATE_EXECUTION = 1,
    D3DKMT_DEVICESTATE_PRESENT = 2,
    D3DKMT_DEVICESTATE_RESET = 3,
    D3DKMT_DEVICESTATE_PRESENT_DWM = 4,
    D3DKMT_DEVICESTATE_PAGE_FAULT = 5,
    D3DKMT_DEVICESTATE_PRESENT_QUEUE = 6,
} D3DKMT_DEVICESTATE_TYPE;

typedef struct _D3DKMT_GETDEVICESTATE {
    D3DKMT_HANDLE hDevice;             /* in */
    D3DKMT_DEVICESTATE_TYPE StateType; /* in: which of the following is the answer */
    union {
        D3DKMT_DEVICEEXECUTION_STATE ExecutionState;
        D3DKMT_DEVICEPRESENT_STATE PresentState;
        D3DKMT_DEVICERESET_STATE ResetState;
        D3DKMT_DEVICEPRESENT_STATE_DWM PresentStateDWM;
        D3DKMT_DEVICEPAGEFAULT_STATE PageFaultState;
        D3DKMT_DEVICEPRESENT_QUEUE_STATE PresentQueueState;
    };
} D3DKMT_GETDEVICESTATE;

/* Tells one aspect of a device's state, also of a device in error. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetDeviceState(D3DKMT_GETDEVICESTATE *);

typedef enum _D3DKMT_DEVICE_ERROR_REASON {
    D3DKMT_DEVICE_ERROR_REASON_GENERIC = 0x80000000,
    D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR = 0x80000006,
} D3DKMT_DEVICE_ERROR_REASON;

typedef struct _D3DKMT_MARKDEVICEASERROR {
    D3DKMT_HANDLE hDevice;             /* in */
    D3DKMT_DEVICE_ERROR_REASON Reason; /* in */
} D3DKMT_MARKDEVICEASERROR;

/* Puts a device in error. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTMarkDeviceAsError(D3DKMT_MARKDEVICEASERROR *);

typedef struct _D3DKMT_WAITFORIDLE {
    D3DKMT_HANDLE hDevice;
} D3DKMT_WAITFORIDLE;

/* Waits until a device has no work queued. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitForIdle(const D3DKMT_WAITFORIDLE *);

typedef struct _D3DKMT_FLUSHHEAPTRANSITIONS {
    D3DKMT_HANDLE hAdapter;
} D3DKMT_FLUSHHEAPTRANSITIONS;

/* Flushes the heap transitions of an adapter, says the page, which lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTFlushHeapTransitions(D3DKMT_FLUSHHEAPTRANSITIONS *);

/*
 * Allocations.
 *
 * Creating an allocation makes it exist, zeroed, with a home in system memory. It does not make it resident: see the
 * residency calls, and GPU addresses are mapped with calls of their own.
 */

/* An allocation that needs no private driver data. */
typedef enum _D3DKMT_STANDARDALLOCATIONTYPE {
    D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP = 1,         /* the caller's memory */
    D3DKMT_STANDARDALLOCATIONTYPE_INTERNALBACKINGSTORE = 2, /* not from user mode */
    D3DKMT_STANDARDALLOCATIONTYPE_MAX = 3,
} D3DKMT_STANDARDALLOCATIONTYPE;

typedef struct _D3DKMT_STANDARDALLOCATION_EXISTINGHEAP {
    D3DKMT_SIZE_T Size; /* in: bytes, whole pages */
} D3DKMT_STANDARDALLOCATION_EXISTINGHEAP;

typedef struct _D3DKMT_CREATESTANDARDALLOCATIONFLAGS {
    union {
        struct {
            UINT Reserved : 32;
        };
        UINT Value;
    };
} D3DKMT_CREATESTANDARDALLOCATIONFLAGS;

typedef struct _D3DKMT_CREATESTANDARDALLOCATION {
    D3DKMT_STANDARDALLOCATIONTYPE Type;                      /* in */
    D3DKMT_STANDARDALLOCATION_EXISTINGHEAP ExistingHeapData; /* in */
    D3DKMT_CREATESTANDARDALLOCATIONFLAGS Flags;              /* in: 0 */
} D3DKMT_CREATESTANDARDALLOCATION;

typedef struct _D3DKMT_CREATEALLOCATIONFLAGS {
    UINT CreateResource : 1;       /* make a resource that holds the allocations */
    UINT CreateShared : 1;         /* with CreateResource: others may open it */
    UINT NonSecure : 1;            /* any process may open it */
    UINT CreateProtected : 1;      /* not from user mode */
    UINT RestrictSharedAccess : 1; /* who may open it is said by D3DKMTConfigureSharedResource() */
    UINT ExistingSysMem : 1;       /* with StandardAllocation: pSystemMem is the memory */
    UINT NtSecuritySharing : 1;    /* with CreateShared: shared by NT handle, without a global one */
    UINT ReadOnly : 1;             /* the GPU only reads it */
    UINT CreateWriteCombined : 1;  /* not from user mode */
    UINT CreateCached : 1;         /* not from user mode */
    UINT SwapChainBackBuffer : 1;
    UINT CrossAdapter : 1;          /* other adapters may open it: linear, in system memory */
    UINT OpenCrossAdapter : 1;      /* not from user mode */
    UINT PartialSharedCreation : 1; /* part of a larger shared resource */
    UINT Zeroed : 1;                /* out: made of zeroed pages */
    UINT WriteWatch : 1;            /* note which pages the CPU writes */
    UINT StandardAllocation : 1;    /* pStandardAllocation, not pPrivateDriverData */
    UINT ExistingSection : 1;       /* with StandardAllocation: hSection is the memory */
    UINT AllowNotZeroed : 1;        /* the first contents do not matter */
    UINT PhysicallyContiguous : 1;  /* in one piece */
    UINT NoKmdAccess : 1;           /* the driver is not told */
    UINT SharedDisplayable : 1;     /* may be shown by another process */
    UINT Reserved : 10;             /* 0 */
} D3DKMT_CREATEALLOCATIONFLAGS;

/* For D3DKMTCreateAllocation() and D3DKMTCreateAllocation2(). */
typedef struct _D3DKMT_CREATEALLOCATION {
    D3DKMT_HANDLE hDevice;      /* in */
    D3DKMT_HANDLE hResource;    /* in: 0, or the resource to add to; out, with CreateResource: the new one */
    D3DKMT_HANDLE hGlobalShare; /* out: the global handle, with CreateShared and without NtSecuritySharing; else 0 */
    D3DKMT_PTR(const VOID *, pPrivateRuntimeData); /* in: kept with the resource, for who opens it */
    UINT PrivateRuntimeDataSize;                   /* in: bytes */
    union {
        D3DKMT_CREATESTANDARDALLOCATION *pStandardAllocation; /* in, with StandardAllocation */
        const VOID *pPrivateDriverData;                       /* in: the driver's data about the whole resource */
        UINT64 AlignUnionTo64_1;
    };
    UINT PrivateDriverDataSize; /* in: bytes; 0 with StandardAllocation */
    UINT NumAllocations;        /* in: elements of the array below */
    union {
        D3DDDI_ALLOCATIONINFO *pAllocationInfo;   /* in/out: of D3DKMTCreateAllocation() */
        D3DDDI_ALLOCATIONINFO2 *pAllocationInfo2; /* in/out: of D3DKMTCreateAllocation2() */
        UINT64 AlignUnionTo64_2;
    };
    D3DKMT_CREATEALLOCATIONFLAGS Flags;                /* in; Zeroed is out */
    D3DKMT_PTR(HANDLE, hPrivateRuntimeResourceHandle); /* in: a cookie for traces */
} D3DKMT_CREATEALLOCATION;

/*
 * D3DKMTCreateAllocation2() with the older array, whose elements are 40 bytes apart. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER, NO_MEMORY, GRAPHICS_NO_VIDEO_MEMORY, INVALID_HANDLE.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateAllocation(D3DKMT_CREATEALLOCATION *);

/*
 * Creates allocations of system or video memory, alone or in a resource, or adds them to a resource. All or none; the
 * caller owns the handles. The size is in the private driver data, or in the standard allocation. Being created says
 * nothing of being resident. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY, GRAPHICS_NO_VIDEO_MEMORY,
 * INVALID_HANDLE, GRAPHICS_DRIVER_MISMATCH. INVALID_HANDLE is for an hResource that is none; GRAPHICS_NO_VIDEO_MEMORY
 * means that no segment could ever hold it, not that memory is short just now.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateAllocation2(D3DKMT_CREATEALLOCATION *);

typedef struct _D3DKMT_DESTROYALLOCATION {
    D3DKMT_HANDLE hDevice;                               /* in */
    D3DKMT_HANDLE hResource;                             /* in: destroy this whole resource, or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocationList); /* in: destroy these, where hResource is 0 */
    UINT AllocationCount;                                /* in */
} D3DKMT_DESTROYALLOCATION;

/* D3DKMTDestroyAllocation2() with no flag. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyAllocation(const D3DKMT_DESTROYALLOCATION *);

typedef struct _D3DKMT_DESTROYALLOCATION2 {
    D3DKMT_HANDLE hDevice;                               /* in */
    D3DKMT_HANDLE hResource;                             /* in: destroy this whole resource, or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocationList); /* in: destroy these, where hResource is 0 */
    UINT AllocationCount;                                /* in */
    D3DDDICB_DESTROYALLOCATION2FLAGS Flags;              /* in */
} D3DKMT_DESTROYALLOCATION2;

/*
 * Destroys a resource with its allocations, or a list of allocations; their handles end at once, their GPU addresses
 * too. The memory is freed when the work queued before is done. A resource whose allocations are all destroyed stays
 * until it is destroyed itself. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyAllocation2(const D3DKMT_DESTROYALLOCATION2 *);

typedef struct _D3DKMT_SETALLOCATIONPRIORITY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;                             /* in: one priority for all of it, or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocationList); /* in: where hResource is 0 */
    UINT AllocationCount;
    D3DKMT_PTR(const UINT *, pPriorities); /* in: D3DDDI_ALLOCATIONPRIORITY_* or any number between */
} D3DKMT_SETALLOCATIONPRIORITY;

/* Says how much an allocation resists eviction. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetAllocationPriority(const D3DKMT_SETALLOCATIONPRIORITY *);

typedef struct _D3DKMT_GETALLOCATIONPRIORITY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;                             /* in: or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocationList); /* in: where hResource is 0 */
    UINT AllocationCount;
    D3DKMT_PTR(UINT *, pPriorities); /* out */
} D3DKMT_GETALLOCATIONPRIORITY;

/* The opposite. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetAllocationPriority(const D3DKMT_GETALLOCATIONPRIORITY *);

/*
 * Changes the segments in which an allocation may live, or pins it; may move it. The statuses are those of
 * pfnUpdateAllocationPropertyCb: PENDING is success, and a later failure puts the device in error. Fails with
 * INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTUpdateAllocationProperty(D3DDDI_UPDATEALLOCPROPERTY *);

typedef struct _D3DKMT_GETRUNTIMEDATA {
    D3DKMT_HANDLE hAdapter;
    D3DKMT_HANDLE hGlobalShare;
    D3DKMT_PTR(VOID *, pRuntimeData);
    UINT RuntimeDataSize;
} D3DKMT_GETRUNTIMEDATA;

/* Reads a shared resource's runtime data. Reserved for system use, says its page. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetRuntimeData(const D3DKMT_GETRUNTIMEDATA *);

/* Asks the driver for the data that a present of the resource needs. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetResourcePresentPrivateDriverData(D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA *);

/*
 * CPU access.
 *
 * Lock2 and Unlock2 are those of WDDM 2: they neither wait nor rename, the caller orders its work with fences.
 */

typedef struct _D3DKMT_LOCK {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation; /* in/out: another one where Discard renamed it */
    UINT PrivateDriverData;
    UINT NumPages;                    /* in */
    D3DKMT_PTR(const UINT *, pPages); /* in: the pages to lock */
    D3DKMT_PTR(VOID *, pData);        /* out: address of the first byte */
    D3DDDICB_LOCKFLAGS Flags;
    D3DGPU_VIRTUAL_ADDRESS GpuVirtualAddress;
} D3DKMT_LOCK;

/*
 * WDDM 1: maps an allocation for the CPU, waiting for the GPU unless the flags say otherwise. Fails with
 * DEVICE_REMOVED, GRAPHICS_ALLOCATION_BUSY, GRAPHICS_CANT_EVICT_PINNED_ALLOCATION, GRAPHICS_TOO_MANY_REFERENCES,
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTLock(D3DKMT_LOCK *);

typedef struct _D3DKMT_UNLOCK {
    D3DKMT_HANDLE hDevice;
    UINT NumAllocations;
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocations);
} D3DKMT_UNLOCK;

/* Ends one lock of each allocation of the list. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTUnlock(const D3DKMT_UNLOCK *);

typedef struct _D3DKMT_LOCK2 {
    D3DKMT_HANDLE hDevice;     /* in */
    D3DKMT_HANDLE hAllocation; /* in */
    D3DDDICB_LOCK2FLAGS Flags; /* in: 0 */
    D3DKMT_PTR(PVOID, pData);  /* out: address of the first byte */
} D3DKMT_LOCK2;

/*
 * Maps an allocation for the CPU. The address holds until the allocation is destroyed, through any eviction; locks
 * count. Does not wait for the GPU. Fails with DEVICE_REMOVED, GRAPHICS_ALLOCATION_BUSY,
 * GRAPHICS_TOO_MANY_REFERENCES, INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTLock2(D3DKMT_LOCK2 *);

typedef struct _D3DKMT_UNLOCK2 {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
} D3DKMT_UNLOCK2;

/* Ends one lock. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTUnlock2(const D3DKMT_UNLOCK2 *);

typedef struct _D3DKMT_INVALIDATECACHE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
    D3DKMT_SIZE_T Offset; /* bytes */
    D3DKMT_SIZE_T Length; /* bytes */
} D3DKMT_INVALIDATECACHE;

/*
 * Makes CPU writes visible to a GPU that does not snoop, and the reverse. Does nothing, successfully, where caches
 * are coherent. The page lists no status.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTInvalidateCache(const D3DKMT_INVALIDATECACHE *);

/*
 * Residency.
 *
 * Commands may touch an allocation only while it is resident on their device. Work that needs time is done on a
 * paging queue; its fence tells when.
 */

typedef struct _D3DKMT_CREATEPAGINGQUEUE {
    D3DKMT_HANDLE hDevice;                           /* in */
    D3DDDI_PAGINGQUEUE_PRIORITY Priority;            /* in */
    D3DKMT_HANDLE hPagingQueue;                      /* out */
    D3DKMT_HANDLE hSyncObject;                       /* out: the monitored fence of the queue; the queue owns it */
    D3DKMT_PTR(VOID *, FenceValueCPUVirtualAddress); /* out: the fence's 64-bit value, for reading */
    UINT PhysicalAdapterIndex;                       /* in */
} D3DKMT_CREATEPAGINGQUEUE;

/*
 * Creates a queue for residency and mapping work. Its operations end in order, each raises the fence to the value
 * that the call returned. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreatePagingQueue(D3DKMT_CREATEPAGINGQUEUE *);

/*
 * Waits for what is queued, then destroys the queue, its fence and the mapping of the value. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyPagingQueue(D3DDDI_DESTROYPAGINGQUEUE *);

/*
 * Adds one to the residency count of each allocation, all or none. SUCCESS means resident now, PENDING (a success)
 * means resident when the queue's fence reaches PagingFenceValue. Above the budget it fails with NO_MEMORY and tells
 * how many bytes to free. Fails with INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTMakeResident(D3DDDI_MAKERESIDENT *);

typedef struct _D3DKMT_EVICT {
    D3DKMT_HANDLE hDevice;                             /* in */
    UINT NumAllocations;                               /* in */
    D3DKMT_PTR(const D3DKMT_HANDLE *, AllocationList); /* in */
    D3DDDI_EVICT_FLAGS Flags;                          /* in */
    UINT64 NumBytesToTrim;                             /* out: bytes above the budget after this */
} D3DKMT_EVICT;

/*
 * Takes one from the residency count of each allocation; at 0 the GPU may touch it no more, though the bytes may stay
 * for a while. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTEvict(D3DKMT_EVICT *);

typedef enum _D3DKMT_ALLOCATIONRESIDENCYSTATUS {
    D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY = 1,    /* in a memory segment */
    D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY = 2, /* in system memory, mapped for the GPU */
    D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT = 3,
} D3DKMT_ALLOCATIONRESIDENCYSTATUS;

typedef struct _D3DKMT_QUERYALLOCATIONRESIDENCY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;                             /* in: or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, phAllocationList); /* in: where hResource is 0 */
    UINT AllocationCount;
    /* out: one for each allocation, or the worst one of the resource */
    D3DKMT_PTR(D3DKMT_ALLOCATIONRESIDENCYSTATUS *, pResidencyStatus);
} D3DKMT_QUERYALLOCATIONRESIDENCY;

/* Tells where allocations are at this moment, whatever their count. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryAllocationResidency(const D3DKMT_QUERYALLOCATIONRESIDENCY *);

/*
 * Budgets, reservations and trimming.
 *
 * A budget belongs to a process, an adapter and a segment group. It may shrink at any time.
 */

typedef enum _D3DKMT_MEMORY_SEGMENT_GROUP {
    D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL = 0,     /* the GPU's own memory */
    D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL = 1, /* system memory */
} D3DKMT_MEMORY_SEGMENT_GROUP;

typedef struct _D3DKMT_QUERYVIDEOMEMORYINFO {
    D3DKMT_PTR(HANDLE, hProcess);                   /* in: NULL for the caller */
    D3DKMT_HANDLE hAdapter;                         /* in */
    D3DKMT_MEMORY_SEGMENT_GROUP MemorySegmentGroup; /* in */
    UINT64 Budget;                                  /* out: bytes that the process should stay below */
    UINT64 CurrentUsage;                            /* out: bytes */
    UINT64 CurrentReservation;                      /* out: bytes */
    UINT64 AvailableForReservation;                 /* out: bytes */
    UINT PhysicalAdapterIndex;                      /* in */
} D3DKMT_QUERYVIDEOMEMORYINFO;

/*
 * Tells a process's budget and use. On Linux hProcess holds a process id. Windows needs the right to query the other
 * process. Fails with ACCESS_DENIED, INVALID_HANDLE, INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryVideoMemoryInfo(D3DKMT_QUERYVIDEOMEMORYINFO *);

typedef struct _D3DKMT_CHANGEVIDEOMEMORYRESERVATION {
    D3DKMT_PTR(HANDLE, hProcess); /* in: NULL for the caller */
    D3DKMT_HANDLE hAdapter;
    D3DKMT_MEMORY_SEGMENT_GROUP MemorySegmentGroup;
    UINT64 Reservation;        /* in: bytes, 0 to AvailableForReservation */
    UINT PhysicalAdapterIndex; /* in */
} D3DKMT_CHANGEVIDEOMEMORYRESERVATION;

/* Says how much of its budget a process cannot do without. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTChangeVideoMemoryReservation(const D3DKMT_CHANGEVIDEOMEMORYRESERVATION *);

typedef struct _D3DKMT_TRIMNOTIFICATION {
    D3DKMT_PTR(VOID *, Context);
    D3DDDI_TRIMRESIDENCYSET_FLAGS Flags;
    UINT64 NumBytesToTrim; /* with TrimToBudget */
} D3DKMT_TRIMNOTIFICATION;

typedef VOID(APIENTRY *PFND3DKMT_TRIMNOTIFICATIONCALLBACK)(D3DKMT_TRIMNOTIFICATION *);

typedef struct _D3DKMT_REGISTERTRIMNOTIFICATION {
    LUID AdapterLuid;
    D3DKMT_HANDLE hDevice;
    PFND3DKMT_TRIMNOTIFICATIONCALLBACK Callback;
    D3DKMT_PTR(VOID *, Context); /* in: for the callback */
    D3DKMT_PTR(VOID *, Handle);  /* out: to unregister with */
} D3DKMT_REGISTERTRIMNOTIFICATION;

/*
 * Asks for a callback when the process should free memory. Callbacks come on a thread of the library's own and may
 * call back. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTRegisterTrimNotification(D3DKMT_REGISTERTRIMNOTIFICATION *);

typedef struct _D3DKMT_UNREGISTERTRIMNOTIFICATION {
    D3DKMT_PTR(VOID *, Handle);
    D3DKMT_PTR(PFND3DKMT_TRIMNOTIFICATIONCALLBACK, Callback);
} D3DKMT_UNREGISTERTRIMNOTIFICATION;

/*
 * Ends that; no callback runs when it returns, unless it is called inside one. To be called before the device is
 * destroyed. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTUnregisterTrimNotification(D3DKMT_UNREGISTERTRIMNOTIFICATION *);

typedef struct _D3DKMT_BUDGETCHANGENOTIFICATION {
    D3DKMT_PTR(VOID *, Context);
    UINT64 Budget; /* bytes */
} D3DKMT_BUDGETCHANGENOTIFICATION;

typedef VOID(APIENTRY *PFND3DKMT_BUDGETCHANGENOTIFICATIONCALLBACK)(D3DKMT_BUDGETCHANGENOTIFICATION *);

typedef struct _D3DKMT_REGISTERBUDGETCHANGENOTIFICATION {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(PFND3DKMT_BUDGETCHANGENOTIFICATIONCALLBACK, Callback);
    D3DKMT_PTR(VOID *, Context); /* in: for the callback */
    D3DKMT_PTR(VOID *, Handle);  /* out: to unregister with */
} D3DKMT_REGISTERBUDGETCHANGENOTIFICATION;

typedef struct _D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION {
    D3DKMT_PTR(VOID *, Handle);
} D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION;

typedef union _D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS {
    struct {
        UINT Lazy : 1;
        UINT OnlyRepurposed : 1;
        UINT Reserved : 30;
    };
    UINT Value;
} D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS;

typedef struct _D3DKMT_TRIMPROCESSCOMMITMENT {
    ULONG cbSize;                 /* in: of this struct */
    D3DKMT_PTR(HANDLE, hProcess); /* in */
    D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS Flags;
    UINT64 DecommitRequested;   /* in: bytes */
    UINT64 NumBytesDecommitted; /* out: bytes */
} D3DKMT_TRIMPROCESSCOMMITMENT;

/*
 * Takes backing memory from a process's allocations that were offered with AllowDecommit. The page lists no status.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTTrimProcessCommitment(D3DKMT_TRIMPROCESSCOMMITMENT *);

typedef struct _D3DKMT_QUERYPROCESSOFFERINFO {
    ULONG cbSize;                 /* in: of this struct */
    D3DKMT_PTR(HANDLE, hProcess); /* in */
    UINT64 DecommitUniqueness;    /* out */
    UINT64 DecommittableBytes;    /* out: bytes */
} D3DKMT_QUERYPROCESSOFFERINFO;

/* Tells how much the call above could take. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryProcessOfferInfo(D3DKMT_QUERYPROCESSOFFERINFO *);

/*
 * Offer and reclaim.
 *
 * To offer is to say "the contents may be thrown away when memory is short". A reclaim tells whether they were.
 */

typedef enum _D3DKMT_OFFER_PRIORITY {
    D3DKMT_OFFER_PRIORITY_LOW = 1, /* discarded first */
    D3DKMT_OFFER_PRIORITY_NORMAL = 2,
    D3DKMT_OFFER_PRIORITY_HIGH = 3,
    D3DKMT_OFFER_PRIORITY_AUTO = 4, /* the kernel chooses */
} D3DKMT_OFFER_PRIORITY;

typedef struct _D3DKMT_OFFER_FLAGS {
    union {
        struct {
            UINT OfferImmediately : 1; /* do not wait for the work that is queued */
            UINT AllowDecommit : 1;    /* the backing memory may go too, not only the contents */
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DKMT_OFFER_FLAGS;

typedef struct _D3DKMT_OFFERALLOCATIONS {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResources);       /* in: or NULL */
    D3DKMT_PTR(const D3DKMT_HANDLE *, HandleList); /* in: allocations, where pResources is NULL */
    UINT NumAllocations;                           /* in: elements of the one or the other */
    D3DKMT_OFFER_PRIORITY Priority;
    D3DKMT_OFFER_FLAGS Flags;
} D3DKMT_OFFERALLOCATIONS;

/*
 * Says that contents may be discarded. An offered allocation cannot be locked and must not be used. Fails with
 * DEVICE_REMOVED, INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOfferAllocations(const D3DKMT_OFFERALLOCATIONS *);

typedef struct _D3DKMT_RECLAIMALLOCATIONS {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResources);       /* in: or NULL */
    D3DKMT_PTR(const D3DKMT_HANDLE *, HandleList); /* in: allocations, where pResources is NULL */
    D3DKMT_PTR(BOOL *, pDiscarded);                /* out: one for each, or NULL */
    UINT NumAllocations;
} D3DKMT_RECLAIMALLOCATIONS;

/* Takes an offer back and tells which contents are lost. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTReclaimAllocations(const D3DKMT_RECLAIMALLOCATIONS *);

typedef struct _D3DKMT_RECLAIMALLOCATIONS2 {
    D3DKMT_HANDLE hPagingQueue;                    /* in */
    UINT NumAllocations;                           /* in: elements of the one or the other */
    D3DKMT_PTR(D3DKMT_HANDLE *, pResources);       /* in: or NULL */
    D3DKMT_PTR(const D3DKMT_HANDLE *, HandleList); /* in: allocations, where pResources is NULL */
    union {
        BOOL *pDiscarded;                /* out: one for each; or NULL: all count as lost */
        D3DDDI_RECLAIM_RESULT *pResults; /* out: the same place, read as D3DDDI_RECLAIM_RESULT */
        UINT64 AlignUnionTo64;
    };
    UINT64 PagingFenceValue; /* out: 0, or the paging queue's value at which the GPU may use them */
} D3DKMT_RECLAIMALLOCATIONS2;

/*
 * The same, with the memory paged in on a queue. The CPU may lock at once. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTReclaimAllocations2(D3DKMT_RECLAIMALLOCATIONS2 *);

/*
 * GPU virtual addresses.
 *
 * Reserve, map, update, free. The address space belongs to the process and the adapter, and is shared by its devices.
 */

/*
 * Sets a range of GPU addresses aside, without memory. PENDING is success. Fails with INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTReserveGpuVirtualAddress(D3DDDI_RESERVEGPUVIRTUALADDRESS *);

/*
 * Maps a part of an allocation, or nothing, at GPU addresses that are free, reserved or mapped. It need not be
 * resident to be mapped. PENDING is success: the mapping holds when the queue's fence reaches PagingFenceValue. A
 * mapping ends with its allocation. Fails with INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTMapGpuVirtualAddress(D3DDDI_MAPGPUVIRTUALADDRESS *);

typedef struct _D3DKMT_UPDATEGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hContext;                                             /* in: the operations run in its order */
    D3DKMT_HANDLE hFenceObject;                                         /* in: a monitored fence */
    UINT NumOperations;                                                 /* in */
    D3DKMT_PTR(D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *, Operations); /* in */
    D3DKMT_SIZE_T Reserved0;                                            /* 0 */
    UINT64 Reserved1;                                                   /* 0 */
    UINT64 FenceValue; /* in: wait for this value, then signal the next */
    union {
        struct {
            UINT DoNotWait : 1; /* do not wait for FenceValue */
            UINT Reserved : 31;
        };
        UINT Value;
    } Flags;
} D3DKMT_UPDATEGPUVIRTUALADDRESS;

/*
 * Queues map, unmap and copy operations inside reserved ranges: one range that all of them change, one that all copies
 * read. They run in order when the fence has reached FenceValue; then it is set to FenceValue + 1. Memory is looked up
 * when it is used, mappings to copy when the copy runs. Blocks while more than 128 operations of the context wait.
 * Fails with INVALID_PARAMETER, NO_MEMORY, ACCESS_DENIED, GRAPHICS_GPU_EXCEPTION_ON_DEVICE.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTUpdateGpuVirtualAddress(const D3DKMT_UPDATEGPUVIRTUALADDRESS *);

typedef struct _D3DKMT_FREEGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hAdapter;
    D3DGPU_VIRTUAL_ADDRESS BaseAddress; /* in */
    D3DGPU_SIZE_T Size;                 /* in: bytes, a multiple of 4 KiB */
} D3DKMT_FREEGPUVIRTUALADDRESS;

/*
 * Frees a range, mapped or reserved, before it returns. The caller knows that the GPU no longer uses it. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTFreeGpuVirtualAddress(const D3DKMT_FREEGPUVIRTUALADDRESS *);

/*
 * Sharing resources.
 *
 * Two ways: a global handle (CreateShared), which any process may use that knows the number, and an NT handle
 * (CreateShared with NtSecuritySharing), which on Linux is a file descriptor and the one to prefer. Who opens asks
 * for sizes first, and gives them back exactly.
 */

/* The arguments of D3DKMTShareObjects() as the kernel takes them. */
typedef struct _D3DKMT_SHAREOBJECTS {
    UINT ObjectCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    D3DKMT_PTR(PVOID, pObjectAttributes);
    DWORD DesiredAccess;
    D3DKMT_PTR(HANDLE *, pSharedNtHandle);
} D3DKMT_SHAREOBJECTS;

/*
 * Makes one NT handle (on Linux a file descriptor, the caller's to close) for a resource, a sync object, or a
 * resource with a keyed mutex and a sync object, in this order. Each was created with NtSecuritySharing. The
 * attributes may name it. The handle keeps the objects alive. Fails with INVALID_PARAMETER, OBJECT_NAME_COLLISION,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTShareObjects(UINT cObjects, const D3DKMT_HANDLE *hObjects,
                                              POBJECT_ATTRIBUTES pObjectAttributes, DWORD dwDesiredAccess,
                                              HANDLE *phSharedNtHandle);

typedef struct _D3DKMT_SHAREOBJECTWITHHOST {
    D3DKMT_HANDLE hDevice; /* in */
    D3DKMT_HANDLE hObject; /* in */
    UINT64 Reserved;
    UINT64 hVailProcessNtHandle; /* out: the host's handle */
} D3DKMT_SHAREOBJECTWITHHOST;

/* Shares an object with the host of a virtual machine. Fails with INVALID_PARAMETER, NOT_SUPPORTED. */
EXTERN_C NTSTATUS APIENTRY D3DKMTShareObjectWithHost(D3DKMT_SHAREOBJECTWITHHOST *);

typedef struct _D3DKMT_QUERYRESOURCEINFO {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hGlobalShare;              /* in */
    D3DKMT_PTR(VOID *, pPrivateRuntimeData); /* ignored: the data comes with the open */
    UINT PrivateRuntimeDataSize;             /* out: bytes */
    UINT TotalPrivateDriverDataSize;         /* out: bytes, of all allocations */
    UINT ResourcePrivateDriverDataSize;      /* out: bytes */
    UINT NumAllocations;                     /* out */
} D3DKMT_QUERYRESOURCEINFO;

/*
 * Tells the sizes that an open by global handle needs. Fails with DEVICE_REMOVED, INTEGER_OVERFLOW,
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryResourceInfo(D3DKMT_QUERYRESOURCEINFO *);

typedef struct _D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(HANDLE, hNtHandle);           /* in */
    D3DKMT_PTR(VOID *, pPrivateRuntimeData); /* ignored: the data comes with the open */
    UINT PrivateRuntimeDataSize;             /* out: bytes */
    UINT TotalPrivateDriverDataSize;         /* out: bytes, of all allocations */
    UINT ResourcePrivateDriverDataSize;      /* out: bytes */
    UINT NumAllocations;                     /* out */
} D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE;

/*
 * Tells the sizes that an open by NT handle needs. Fails with INVALID_PARAMETER, INVALID_HANDLE,
 * OBJECT_TYPE_MISMATCH.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryResourceInfoFromNtHandle(D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *);

typedef struct _D3DKMT_OPENRESOURCE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hGlobalShare; /* in */
    UINT NumAllocations;        /* in: as queried */
    union {
        D3DDDI_OPENALLOCATIONINFO *pOpenAllocationInfo;   /* out: of D3DKMTOpenResource() */
        D3DDDI_OPENALLOCATIONINFO2 *pOpenAllocationInfo2; /* out: of D3DKMTOpenResource2() */
        UINT64 AlignUnionTo64;
    };
    D3DKMT_PTR(VOID *, pPrivateRuntimeData);           /* out */
    UINT PrivateRuntimeDataSize;                       /* in: as queried, exactly */
    D3DKMT_PTR(VOID *, pResourcePrivateDriverData);    /* out */
    UINT ResourcePrivateDriverDataSize;                /* in: as queried, exactly */
    D3DKMT_PTR(VOID *, pTotalPrivateDriverDataBuffer); /* out: the elements' data points in here */
    UINT TotalPrivateDriverDataBufferSize;             /* in: at least as queried; out: used */
    D3DKMT_HANDLE hResource;                           /* out */
} D3DKMT_OPENRESOURCE;

/*
 * Opens a shared resource by its global handle: new handles for it and its allocations, which the caller owns. Fails
 * with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenResource(D3DKMT_OPENRESOURCE *);

/* The same with the newer array. Reserved for system use, says its page. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenResource2(D3DKMT_OPENRESOURCE *);

typedef struct _D3DKMT_OPENRESOURCEFROMNTHANDLE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(HANDLE, hNtHandle);                                  /* in: stays the caller's */
    UINT NumAllocations;                                            /* in: as queried */
    D3DKMT_PTR(D3DDDI_OPENALLOCATIONINFO2 *, pOpenAllocationInfo2); /* out */
    UINT PrivateRuntimeDataSize;                                    /* in: as queried, exactly */
    D3DKMT_PTR(VOID *, pPrivateRuntimeData);                        /* out */
    UINT ResourcePrivateDriverDataSize;                             /* in: as queried, exactly */
    D3DKMT_PTR(VOID *, pResourcePrivateDriverData);                 /* out */
    UINT TotalPrivateDriverDataBufferSize;                          /* in: at least as queried; out: used */
    D3DKMT_PTR(VOID *, pTotalPrivateDriverDataBuffer);              /* out: the elements' data points in here */
    D3DKMT_HANDLE hResource;                                        /* out */
    D3DKMT_HANDLE hKeyedMutex;                                      /* out: 0 if it was not shared along */
    D3DKMT_PTR(VOID *, pKeyedMutexPrivateRuntimeData);              /* in: given to a mutex that has none; or NULL */
    UINT KeyedMutexPrivateRuntimeDataSize;                          /* in/out: bytes */
    D3DKMT_HANDLE hSyncObject;                                      /* out: 0 if it was not shared along */
} D3DKMT_OPENRESOURCEFROMNTHANDLE;

/*
 * Opens what D3DKMTShareObjects() shared. Windows says NO_MEMORY for a total buffer that is too small. Fails with
 * INVALID_PARAMETER, INVALID_HANDLE, NO_MEMORY, OBJECT_TYPE_MISMATCH.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenResourceFromNtHandle(D3DKMT_OPENRESOURCEFROMNTHANDLE *);

typedef struct _D3DKMT_OPENNTHANDLEFROMNAME {
    DWORD dwDesiredAccess;                       /* in */
    D3DKMT_PTR(OBJECT_ATTRIBUTES *, pObjAttrib); /* in: the name */
    D3DKMT_PTR(HANDLE, hNtHandle);               /* out: the caller's to close */
} D3DKMT_OPENNTHANDLEFROMNAME;

/*
 * Finds a shared resource by its name; letter case does not matter. Fails with INVALID_PARAMETER,
 * OBJECT_NAME_NOT_FOUND, ACCESS_DENIED.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenNtHandleFromName(D3DKMT_OPENNTHANDLEFROMNAME *);

typedef struct _D3DKMT_GETSHAREDRESOURCEADAPTERLUID {
    D3DKMT_HANDLE hGlobalShare;    /* in: or 0 */
    D3DKMT_PTR(HANDLE, hNtHandle); /* in: where hGlobalShare is 0 */
    LUID AdapterLuid;              /* out */
} D3DKMT_GETSHAREDRESOURCEADAPTERLUID;

/* Tells on which adapter a shared resource was made. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetSharedResourceAdapterLuid(D3DKMT_GETSHAREDRESOURCEADAPTERLUID *);

typedef struct _D3DKMT_CONFIGURESHAREDRESOURCE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    BOOLEAN IsDwm;
    D3DKMT_PTR(HANDLE, hProcess);
    BOOLEAN AllowAccess;
} D3DKMT_CONFIGURESHAREDRESOURCE;

/*
 * Says which process may open a resource that was created with RestrictSharedAccess. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTConfigureSharedResource(const D3DKMT_CONFIGURESHAREDRESOURCE *);

typedef struct _D3DKMT_CHECKSHAREDRESOURCEACCESS {
    D3DKMT_HANDLE hResource;
    UINT ClientPid;
} D3DKMT_CHECKSHAREDRESOURCEACCESS;

/* Tells whether a process may. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckSharedResourceAccess(const D3DKMT_CHECKSHAREDRESOURCEACCESS *);

typedef struct _D3DKMT_GETSHAREDPRIMARYHANDLE {
    D3DKMT_HANDLE hAdapter;
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    D3DKMT_HANDLE hSharedPrimary;
} D3DKMT_GETSHAREDPRIMARYHANDLE;

/* Gives the global handle of a video present source's primary. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetSharedPrimaryHandle(D3DKMT_GETSHAREDPRIMARYHANDLE *);

typedef union _D3DKMT_PINRESOURCEFLAGS {
    struct {
        UINT DirectFlipResources : 1;
        UINT Reserved : 31;
    };
    UINT Value;
} D3DKMT_PINRESOURCEFLAGS;

typedef struct _D3DKMT_PINRESOURCES {
    D3DKMT_HANDLE hDevice;
    UINT ResourceCount;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResourceList);
    D3DKMT_PINRESOURCEFLAGS Flags;
    D3DKMT_HANDLE hPagingQueue;
    UINT64 PagingFence;
} D3DKMT_PINRESOURCES;

typedef struct _D3DKMT_UNPINRESOURCES {
    D3DKMT_HANDLE hDevice;
    UINT ResourceCount;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResourceList);
    UINT Reserved;
} D3DKMT_UNPINRESOURCES;

typedef struct _D3DKMT_PINDIRECTFLIPRESOURCES {
    D3DKMT_HANDLE hDevice;
    UINT ResourceCount;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResourceList);
} D3DKMT_PINDIRECTFLIPRESOURCES;

typedef struct _D3DKMT_UNPINDIRECTFLIPRESOURCES {
    D3DKMT_HANDLE hDevice;
    UINT ResourceCount;
    D3DKMT_PTR(D3DKMT_HANDLE *, pResourceList);
} D3DKMT_UNPINDIRECTFLIPRESOURCES;

/*
 * Synchronisation objects.
 *
 * Waits and signals exist in three forms: on the CPU, queued to contexts, and (further down) queued to hardware
 * queues.
 */

typedef struct _D3DKMT_CREATESYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hDevice;                 /* in */
    D3DDDI_SYNCHRONIZATIONOBJECTINFO Info; /* in */
    D3DKMT_HANDLE hSyncObject;             /* out */
} D3DKMT_CREATESYNCHRONIZATIONOBJECT;

/* Creates a mutex or a semaphore. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateSynchronizationObject(D3DKMT_CREATESYNCHRONIZATIONOBJECT *);

typedef struct _D3DKMT_CREATESYNCHRONIZATIONOBJECT2 {
    D3DKMT_HANDLE hDevice;                  /* in */
    D3DDDI_SYNCHRONIZATIONOBJECTINFO2 Info; /* in/out */
    D3DKMT_HANDLE hSyncObject;              /* out */
} D3DKMT_CREATESYNCHRONIZATIONOBJECT2;

/*
 * Creates a sync object of any type; the caller owns it. A CPU notification without an event is INVALID_HANDLE. Fails
 * with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY, INVALID_HANDLE.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateSynchronizationObject2(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *);

typedef struct _D3DKMT_DESTROYSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hSyncObject;
} D3DKMT_DESTROYSYNCHRONIZATIONOBJECT;

/* Gives up one handle; the object goes with the last one, local or NT. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroySynchronizationObject(const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *);

typedef struct _D3DKMT_OPENSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hSharedHandle; /* in */
    D3DKMT_HANDLE hSyncObject;   /* out */
    UINT64 Reserved[8];
} D3DKMT_OPENSYNCHRONIZATIONOBJECT;

/* Opens a sync object by its global handle. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenSynchronizationObject(D3DKMT_OPENSYNCHRONIZATIONOBJECT *);

typedef struct _D3DKMT_OPENSYNCOBJECTFROMNTHANDLE {
    D3DKMT_PTR(HANDLE, hNtHandle); /* in */
    D3DKMT_HANDLE hSyncObject;     /* out */
} D3DKMT_OPENSYNCOBJECTFROMNTHANDLE;

/* Opens a sync object by NT handle, for no device. Fails with INVALID_PARAMETER, INVALID_HANDLE. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenSyncObjectFromNtHandle(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE *);

typedef struct _D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 {
    D3DKMT_PTR(HANDLE, hNtHandle);            /* in: stays the caller's */
    D3DKMT_HANDLE hDevice;                    /* in */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS Flags; /* in */
    D3DKMT_HANDLE hSyncObject;                /* out */
    union {
        struct {
            D3DKMT_PTR(VOID *, FenceValueCPUVirtualAddress);    /* out: the 64-bit value, for reading */
            D3DGPU_VIRTUAL_ADDRESS FenceValueGPUVirtualAddress; /* out: the same value on the GPU */
            UINT EngineAffinity;                                /* in */
        } MonitoredFence;
        UINT64 Reserved[8];
    };
} D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2;

/*
 * Opens a sync object by NT handle for a device, with the mappings that a monitored fence has. Fails with
 * INVALID_PARAMETER, INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenSyncObjectFromNtHandle2(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *);

typedef struct _D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME {
    DWORD dwDesiredAccess;
    D3DKMT_PTR(OBJECT_ATTRIBUTES *, pObjAttrib);
    D3DKMT_PTR(HANDLE, hNtHandle); /* out: the caller's to close */
} D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME;

/*
 * Finds a shared sync object by its name; letter case does not matter. Fails with INVALID_PARAMETER,
 * OBJECT_NAME_NOT_FOUND, ACCESS_DENIED.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenSyncObjectNtHandleFromName(D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME *);

typedef struct _D3DKMT_WAITFORSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount;
    D3DKMT_HANDLE ObjectHandleArray[D3DDDI_MAX_OBJECT_WAITED_ON];
} D3DKMT_WAITFORSYNCHRONIZATIONOBJECT;

/* Makes a context wait for mutexes and semaphores. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitForSynchronizationObject(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT *);

typedef struct _D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount;
    D3DKMT_HANDLE ObjectHandleArray[D3DDDI_MAX_OBJECT_WAITED_ON];
    union {
        struct {
            UINT64 FenceValue;
        } Fence;
        UINT64 Reserved[8];
    };
} D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2;

/* Makes a context wait for sync objects, a fence among them. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitForSynchronizationObject2(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 *);

typedef struct _D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU {
    D3DKMT_HANDLE hDevice;
    UINT ObjectCount;                                     /* in: at least 1 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray); /* in: monitored fences */
    D3DKMT_PTR(const UINT64 *, FenceValueArray);          /* in: one for each */
    D3DKMT_PTR(HANDLE, hAsyncEvent);                      /* in: an eventfd to signal; NULL: block until then */
    D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS Flags;
} D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU;

/*
 * Waits on the CPU for one or all of several monitored fences, or asks for an event when that is so. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY
D3DKMTWaitForSynchronizationObjectFromCpu(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *);

typedef struct _D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount; /* in: at most D3DDDI_MAX_OBJECT_WAITED_ON */
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    union {
        const UINT64 *MonitoredFenceValueArray; /* in: one for each monitored fence */
        UINT64 FenceValue;                      /* in: of a legacy fence */
        UINT64 Reserved[8];
    };
} D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU;

/* Makes what is submitted to a context from now on wait. Returns at once. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY
D3DKMTWaitForSynchronizationObjectFromGpu(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *);

typedef struct _D3DKMT_SIGNALSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount;
    D3DKMT_HANDLE ObjectHandleArray[D3DDDI_MAX_OBJECT_SIGNALED];
    D3DDDICB_SIGNALFLAGS Flags;
} D3DKMT_SIGNALSYNCHRONIZATIONOBJECT;

/*
 * Signals mutexes and semaphores when what a context has queued is done. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTSignalSynchronizationObject(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT *);

typedef struct _D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount;
    D3DKMT_HANDLE ObjectHandleArray[D3DDDI_MAX_OBJECT_SIGNALED];
    D3DDDICB_SIGNALFLAGS Flags;
    ULONG BroadcastContextCount;
    D3DKMT_HANDLE BroadcastContext[D3DDDI_MAX_BROADCAST_CONTEXT];
    union {
        struct {
            UINT64 FenceValue;
        } Fence;
        HANDLE CpuEventHandle;
        UINT64 Reserved[8];
    };
} D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2;

/* The same for several contexts, fences and an event. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSignalSynchronizationObject2(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 *);

typedef struct _D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU {
    D3DKMT_HANDLE hDevice;
    UINT ObjectCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    D3DKMT_PTR(const UINT64 *, FenceValueArray);
    D3DDDICB_SIGNALFLAGS Flags;
} D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU;

/*
 * Sets monitored fences at once and wakes who waits. A smaller value needs AllowFenceRewind. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTSignalSynchronizationObjectFromCpu(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *);

typedef struct _D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU {
    D3DKMT_HANDLE hContext;
    UINT ObjectCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    union {
        const UINT64 *MonitoredFenceValueArray;
        UINT64 Reserved[8];
    };
} D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU;

/* Sets fences when what a context has queued is done. Returns at once. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSignalSynchronizationObjectFromGpu(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *);

typedef struct _D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 {
    UINT ObjectCount; /* in: at most D3DDDI_MAX_OBJECT_SIGNALED; 0 with EnqueueCpuEvent */
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    D3DDDICB_SIGNALFLAGS Flags;
    ULONG BroadcastContextCount;                              /* in: at most D3DDDI_MAX_BROADCAST_CONTEXT */
    D3DKMT_PTR(const D3DKMT_HANDLE *, BroadcastContextArray); /* in: the signal waits for all of them */
    union {
        UINT64 FenceValue;                      /* in: of a legacy fence */
        HANDLE CpuEventHandle;                  /* in, with EnqueueCpuEvent: an eventfd */
        const UINT64 *MonitoredFenceValueArray; /* in: one for each */
        UINT64 Reserved[8];
    };
} D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2;

/* The same for several contexts, or for an event. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY
D3DKMTSignalSynchronizationObjectFromGpu2(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *);

typedef struct _D3DKMT_CREATESYNCFILE {
    D3DKMT_HANDLE hDevice;         /* in */
    D3DKMT_HANDLE hMonitoredFence; /* in */
    UINT64 FenceValue;             /* in */
    UINT64 hSyncFile;              /* out: a file descriptor, the caller's to close */
} D3DKMT_CREATESYNCFILE;

/*
 * Linux only: makes a sync file that is signalled when the fence reaches the value. Fails with INVALID_PARAMETER,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateSyncFile(D3DKMT_CREATESYNCFILE *);

/*
 * Keyed mutexes.
 *
 * A mutex with a 64-bit key: an acquire with key K waits until somebody has released with key K. Times are in 100 ns
 * units, negative ones relative. They belong to the process, not to a device.
 */

typedef struct _D3DKMT_CREATEKEYEDMUTEX {
    UINT64 InitialValue;         /* in: the key it can be acquired with at first */
    D3DKMT_HANDLE hSharedHandle; /* out: the global handle */
    D3DKMT_HANDLE hKeyedMutex;   /* out */
} D3DKMT_CREATEKEYEDMUTEX;

/* Creates a keyed mutex that is shared by global handle. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateKeyedMutex(D3DKMT_CREATEKEYEDMUTEX *);

typedef struct _D3DKMT_CREATEKEYEDMUTEX2_FLAGS {
    union {
        struct {
            UINT NtSecuritySharing : 1; /* shared by NT handle, together with a resource */
            UINT Reserved : 31;
        };
        UINT Value;
    };
} D3DKMT_CREATEKEYEDMUTEX2_FLAGS;

typedef struct _D3DKMT_CREATEKEYEDMUTEX2 {
    UINT64 InitialValue;                     /* in: the key it can be acquired with at first */
    D3DKMT_HANDLE hSharedHandle;             /* out: the global handle; 0 with NtSecuritySharing */
    D3DKMT_HANDLE hKeyedMutex;               /* out */
    D3DKMT_PTR(VOID *, pPrivateRuntimeData); /* in: kept with the mutex */
    UINT PrivateRuntimeDataSize;
    D3DKMT_CREATEKEYEDMUTEX2_FLAGS Flags;
} D3DKMT_CREATEKEYEDMUTEX2;

/*
 * The same with private runtime data and a choice of sharing. Fails with DEVICE_REMOVED, INVALID_PARAMETER,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateKeyedMutex2(D3DKMT_CREATEKEYEDMUTEX2 *);

typedef struct _D3DKMT_OPENKEYEDMUTEX {
    D3DKMT_HANDLE hSharedHandle;
    D3DKMT_HANDLE hKeyedMutex;
} D3DKMT_OPENKEYEDMUTEX;

/* Opens one by global handle. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenKeyedMutex(D3DKMT_OPENKEYEDMUTEX *);

typedef struct _D3DKMT_OPENKEYEDMUTEX2 {
    D3DKMT_HANDLE hSharedHandle;
    D3DKMT_HANDLE hKeyedMutex;
    D3DKMT_PTR(VOID *, pPrivateRuntimeData);
    UINT PrivateRuntimeDataSize;
} D3DKMT_OPENKEYEDMUTEX2;

/*
 * The same for one with private runtime data, which Windows checks for size and does not copy. Fails with
 * DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenKeyedMutex2(D3DKMT_OPENKEYEDMUTEX2 *);

typedef struct _D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE {
    D3DKMT_PTR(HANDLE, hNtHandle);
    D3DKMT_HANDLE hKeyedMutex;
    D3DKMT_PTR(VOID *, pPrivateRuntimeData);
    UINT PrivateRuntimeDataSize;
} D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE;

/* Opens one by NT handle. Fails with INVALID_PARAMETER, INVALID_HANDLE, OBJECT_TYPE_MISMATCH. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenKeyedMutexFromNtHandle(D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE *);

typedef struct _D3DKMT_DESTROYKEYEDMUTEX {
    D3DKMT_HANDLE hKeyedMutex;
} D3DKMT_DESTROYKEYEDMUTEX;

/*
 * Gives up one handle. If its owner does so, the mutex is abandoned and every acquire says ABANDONED. Fails with
 * INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyKeyedMutex(const D3DKMT_DESTROYKEYEDMUTEX *);

typedef struct _D3DKMT_ACQUIREKEYEDMUTEX {
    D3DKMT_HANDLE hKeyedMutex;
    UINT64 Key; /* in */
    /* in: NULL: for ever, 0: not at all, negative: from now, positive: until then */
    D3DKMT_PTR(PLARGE_INTEGER, pTimeout);
    UINT64 FenceValue; /* out: as the release gave it */
} D3DKMT_ACQUIREKEYEDMUTEX;

/*
 * Waits until somebody has released the mutex with this key, then owns it. TIMEOUT and ABANDONED are successes that
 * own nothing. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTAcquireKeyedMutex(D3DKMT_ACQUIREKEYEDMUTEX *);

typedef struct _D3DKMT_ACQUIREKEYEDMUTEX2 {
    D3DKMT_HANDLE hKeyedMutex;
    UINT64 Key; /* in */
    /* in: NULL: for ever, 0: not at all, negative: from now, positive: until then */
    D3DKMT_PTR(PLARGE_INTEGER, pTimeout);
    UINT64 FenceValue;                       /* out: as the release gave it */
    D3DKMT_PTR(VOID *, pPrivateRuntimeData); /* out */
    UINT PrivateRuntimeDataSize;             /* in: exactly what the mutex has */
} D3DKMT_ACQUIREKEYEDMUTEX2;

/*
 * The same, with the private runtime data that the release left. Fails with DEVICE_REMOVED, INVALID_PARAMETER,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTAcquireKeyedMutex2(D3DKMT_ACQUIREKEYEDMUTEX2 *);

typedef struct _D3DKMT_RELEASEKEYEDMUTEX {
    D3DKMT_HANDLE hKeyedMutex;
    UINT64 Key;        /* in: what the next owner acquires with */
    UINT64 FenceValue; /* in: for the next owner */
} D3DKMT_RELEASEKEYEDMUTEX;

/* Gives the mutex up for the next owner. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTReleaseKeyedMutex(D3DKMT_RELEASEKEYEDMUTEX *);

typedef struct _D3DKMT_RELEASEKEYEDMUTEX2 {
    D3DKMT_HANDLE hKeyedMutex;
    UINT64 Key;
    UINT64 FenceValue;
    D3DKMT_PTR(VOID *, pPrivateRuntimeData);
    UINT PrivateRuntimeDataSize;
} D3DKMT_RELEASEKEYEDMUTEX2;

/* The same, and leaves private runtime data. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTReleaseKeyedMutex2(D3DKMT_RELEASEKEYEDMUTEX2 *);

/*
 * Contexts and submission.
 *
 * A packet of a device runs when all that was made resident on that device is resident, and the waits before it are
 * satisfied.
 */

/* Which API a context belongs to, for traces and drivers. */
typedef enum _D3DKMT_CLIENTHINT {
    D3DKMT_CLIENTHINT_UNKNOWN = 0,
    D3DKMT_CLIENTHINT_OPENGL = 1,
    D3DKMT_CLIENTHINT_CDD = 2,
    D3DKMT_CLIENTHINT_OPENCL = 3,
    D3DKMT_CLIENTHINT_VULKAN = 4,
    D3DKMT_CLIENTHINT_CUDA = 5,
    D3DKMT_CLIENTHINT_RESERVED = 6,
    D3DKMT_CLIENTHINT_DX7 = 7,
    D3DKMT_CLIENTHINT_DX8 = 8,
    D3DKMT_CLIENTHINT_DX9 = 9,
    D3DKMT_CLIENTHINT_DX10 = 10,
    D3DKMT_CLIENTHINT_DX11 = 11,
    D3DKMT_CLIENTHINT_DX12 = 12,
    D3DKMT_CLIENTHINT_9ON12 = 13,
    D3DKMT_CLIENTHINT_11ON12 = 14,
    D3DKMT_CLIENTHINT_MFT_ENCODE = 15,
    D3DKMT_CLIENTHINT_GLON12 = 16,
    D3DKMT_CLIENTHINT_CLON12 = 17,
    D3DKMT_CLIENTHINT_DML_TENSORFLOW = 18,
    D3DKMT_CLIENTHINT_ONEAPI_LEVEL0 = 19,
    D3DKMT_CLIENTHINT_MAX = 20,
} D3DKMT_CLIENTHINT;

/* The fields from pCommandBuffer on are the buffers of WDDM 1 for D3DKMTRender(). */
typedef struct _D3DKMT_CREATECONTEXT {
    D3DKMT_HANDLE hDevice;
    UINT NodeOrdinal;    /* in */
    UINT EngineAffinity; /* in: a mask of physical adapters */
    D3DDDI_CREATECONTEXTFLAGS Flags;
    D3DKMT_PTR(VOID *, pPrivateDriverData);
    UINT PrivateDriverDataSize;
    D3DKMT_CLIENTHINT ClientHint;
    D3DKMT_HANDLE hContext; /* out */
    D3DKMT_PTR(VOID *, pCommandBuffer);
    UINT CommandBufferSize;
    D3DKMT_PTR(D3DDDI_ALLOCATIONLIST *, pAllocationList);
    UINT AllocationListSize;
    D3DKMT_PTR(D3DDDI_PATCHLOCATIONLIST *, pPatchLocationList);
    UINT PatchLocationListSize;
    D3DGPU_VIRTUAL_ADDRESS CommandBuffer;
} D3DKMT_CREATECONTEXT;

/*
 * Creates a context of WDDM 1, whose commands the driver patches. Fails with DEVICE_REMOVED, INVALID_PARAMETER,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateContext(D3DKMT_CREATECONTEXT *);

typedef struct _D3DKMT_CREATECONTEXTVIRTUAL {
    D3DKMT_HANDLE hDevice;                  /* in */
    UINT NodeOrdinal;                       /* in */
    UINT EngineAffinity;                    /* in: a mask of physical adapters; 0: the first */
    D3DDDI_CREATECONTEXTFLAGS Flags;        /* in */
    D3DKMT_PTR(VOID *, pPrivateDriverData); /* in */
    UINT PrivateDriverDataSize;             /* in: bytes */
    D3DKMT_CLIENTHINT ClientHint;           /* in */
    D3DKMT_HANDLE hContext;                 /* out */
} D3DKMT_CREATECONTEXTVIRTUAL;

/*
 * Creates a context of WDDM 2, whose commands use GPU addresses. Fails with DEVICE_REMOVED, INVALID_PARAMETER,
 * NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateContextVirtual(D3DKMT_CREATECONTEXTVIRTUAL *);

typedef struct _D3DKMT_DESTROYCONTEXT {
    D3DKMT_HANDLE hContext;
} D3DKMT_DESTROYCONTEXT;

/* Destroys a context after what it has queued. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyContext(const D3DKMT_DESTROYCONTEXT *);

typedef struct _D3DKMT_RENDERFLAGS {
    UINT ResizeCommandBuffer : 1;
    UINT ResizeAllocationList : 1;
    UINT ResizePatchLocationList : 1;
    UINT NullRendering : 1;
    UINT PresentRedirected : 1;
    UINT RenderKm : 1;
    UINT RenderKmReadback : 1;
    UINT Reserved : 25;
} D3DKMT_RENDERFLAGS;

typedef struct _D3DKMT_RENDER {
    union {
        D3DKMT_HANDLE hDevice;
        D3DKMT_HANDLE hContext;
    };
    UINT CommandOffset;
    UINT CommandLength;
    UINT AllocationCount;
    UINT PatchLocationCount;
    D3DKMT_PTR(VOID *, pNewCommandBuffer);
    UINT NewCommandBufferSize;
    D3DKMT_PTR(D3DDDI_ALLOCATIONLIST *, pNewAllocationList);
    UINT NewAllocationListSize;
    D3DKMT_PTR(D3DDDI_PATCHLOCATIONLIST *, pNewPatchLocationList);
    UINT NewPatchLocationListSize;
    D3DKMT_RENDERFLAGS Flags;
    ULONGLONG PresentHistoryToken;
    ULONG BroadcastContextCount;
    D3DKMT_HANDLE BroadcastContext[D3DDDI_MAX_BROADCAST_CONTEXT];
    ULONG QueuedBufferCount;
    D3DGPU_VIRTUAL_ADDRESS NewCommandBuffer;
    D3DKMT_PTR(VOID *, pPrivateDriverData);
    UINT PrivateDriverDataSize;
} D3DKMT_RENDER;

/*
 * WDDM 1: hands the current command buffer over and returns the next. Fails with DEVICE_REMOVED,
 * GRAPHICS_ALLOCATION_INVALID, INVALID_HANDLE, INVALID_PARAMETER, NO_MEMORY, PRIVILEGED_INSTRUCTION.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTRender(D3DKMT_RENDER *);

typedef struct _D3DKMT_SUBMITCOMMANDFLAGS {
    UINT NullRendering : 1;     /* count it as done, run nothing */
    UINT PresentRedirected : 1; /* part of a redirected present */
    UINT NoKmdAccess : 1;       /* the driver is not told */
    UINT Reserved : 29;
} D3DKMT_SUBMITCOMMANDFLAGS;

typedef struct _D3DKMT_SUBMITCOMMAND {
    D3DGPU_VIRTUAL_ADDRESS Commands; /* in: GPU address */
    UINT CommandLength;              /* in: bytes */
    D3DKMT_SUBMITCOMMANDFLAGS Flags;
    ULONGLONG PresentHistoryToken; /* in, with PresentRedirected */
    UINT BroadcastContextCount;    /* in: 1 to D3DDDI_MAX_BROADCAST_CONTEXT */
    D3DKMT_HANDLE BroadcastContext[D3DDDI_MAX_BROADCAST_CONTEXT];
    D3DKMT_PTR(VOID *, pPrivateDriverData);                       /* in */
    UINT PrivateDriverDataSize;                                   /* in: bytes */
    UINT NumPrimaries;                                            /* in: at most D3DDDI_MAX_WRITTEN_PRIMARIES */
    D3DKMT_HANDLE WrittenPrimaries[D3DDDI_MAX_WRITTEN_PRIMARIES]; /* in: allocations, resident */
    UINT NumHistoryBuffers;
    D3DKMT_PTR(D3DKMT_HANDLE *, HistoryBufferArray); /* in: allocations for time stamps */
} D3DKMT_SUBMITCOMMAND;

/*
 * Queues a command buffer to one or more contexts. It makes nothing resident. On a device in error it fails with
 * GRAPHICS_GPU_EXCEPTION_ON_DEVICE. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitCommand(const D3DKMT_SUBMITCOMMAND *);

typedef struct _D3DKMT_CREATEHWCONTEXT {
    D3DKMT_HANDLE hDevice;
    UINT NodeOrdinal;
    UINT EngineAffinity;
    D3DDDI_CREATEHWCONTEXTFLAGS Flags;
    UINT PrivateDriverDataSize;
    D3DKMT_PTR(VOID *, pPrivateDriverData);
    D3DKMT_HANDLE hHwContext;
} D3DKMT_CREATEHWCONTEXT;

/* Creates a context for hardware scheduling. Fails with DEVICE_REMOVED, INVALID_PARAMETER, NO_MEMORY. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateHwContext(D3DKMT_CREATEHWCONTEXT *);

typedef struct _D3DKMT_DESTROYHWCONTEXT {
    D3DKMT_HANDLE hHwContext;
} D3DKMT_DESTROYHWCONTEXT;

/* Destroys one. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyHwContext(const D3DKMT_DESTROYHWCONTEXT *);

typedef struct _D3DKMT_CREATEHWQUEUE {
    D3DKMT_HANDLE hHwContext;                                     /* in: a context with HwQueueSupported */
    D3DDDI_CREATEHWQUEUEFLAGS Flags;                              /* in */
    UINT PrivateDriverDataSize;                                   /* in: bytes */
    D3DKMT_PTR(VOID *, pPrivateDriverData);                       /* in/out */
    D3DKMT_HANDLE hHwQueue;                                       /* out */
    D3DKMT_HANDLE hHwQueueProgressFence;                          /* out: a monitored fence; the queue owns it */
    D3DKMT_PTR(VOID *, HwQueueProgressFenceCPUVirtualAddress);    /* out: its 64-bit value, for reading */
    D3DGPU_VIRTUAL_ADDRESS HwQueueProgressFenceGPUVirtualAddress; /* out: the same value on the GPU */
} D3DKMT_CREATEHWQUEUE;

/*
 * Creates a queue that the hardware schedules, with a fence that each submission raises. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER, NO_MEMORY.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateHwQueue(D3DKMT_CREATEHWQUEUE *);

typedef struct _D3DKMT_DESTROYHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
} D3DKMT_DESTROYHWQUEUE;

/* Destroys it with its fence. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyHwQueue(const D3DKMT_DESTROYHWQUEUE *);

typedef struct _D3DKMT_SUBMITCOMMANDTOHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
    UINT64 HwQueueProgressFenceId;        /* in: the value that the progress fence gets */
    D3DGPU_VIRTUAL_ADDRESS CommandBuffer; /* in: GPU address */
    UINT CommandLength;                   /* in: bytes */
    UINT PrivateDriverDataSize;
    D3DKMT_PTR(VOID *, pPrivateDriverData);
    UINT NumPrimaries;
    D3DKMT_PTR(const D3DKMT_HANDLE *, WrittenPrimaries);
} D3DKMT_SUBMITCOMMANDTOHWQUEUE;

/* Queues a command buffer to a hardware queue. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitCommandToHwQueue(const D3DKMT_SUBMITCOMMANDTOHWQUEUE *);

typedef struct _D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
    UINT ObjectCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    D3DKMT_PTR(const UINT64 *, FenceValueArray);
} D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE;

/* Makes what is submitted to a hardware queue from now on wait for monitored fences. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitWaitForSyncObjectsToHwQueue(const D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE *);

typedef struct _D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE {
    D3DDDICB_SIGNALFLAGS Flags;
    ULONG BroadcastHwQueueCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, BroadcastHwQueueArray);
    UINT ObjectCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ObjectHandleArray);
    D3DKMT_PTR(const UINT64 *, FenceValueArray);
} D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE;

/* Sets monitored fences when what the hardware queues have queued is done. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitSignalSyncObjectsToHwQueue(const D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE *);

typedef enum _D3DKMT_QUEUEDLIMIT_TYPE {
    D3DKMT_SET_QUEUEDLIMIT_PRESENT = 1,
    D3DKMT_GET_QUEUEDLIMIT_PRESENT = 2,
} D3DKMT_QUEUEDLIMIT_TYPE;

typedef struct _D3DKMT_SETQUEUEDLIMIT {
    D3DKMT_HANDLE hDevice;
    D3DKMT_QUEUEDLIMIT_TYPE Type;
    union {
        UINT QueuedPresentLimit; /* in/out */
        D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    };
    UINT QueuedPendingFlipLimit;
} D3DKMT_SETQUEUEDLIMIT;

/* Sets or asks for the number of presents that a device may queue. Fails with DEVICE_REMOVED, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetQueuedLimit(const D3DKMT_SETQUEUEDLIMIT *);

/*
 * Scheduling and clocks.
 */

#define D3DKMT_SETCONTEXTSCHEDULINGPRIORITY_ABSOLUTE 0x40000000 /* added to Priority: not relative to the process */

typedef struct _D3DKMT_SETCONTEXTSCHEDULINGPRIORITY {
    D3DKMT_HANDLE hContext;
    INT Priority;
} D3DKMT_SETCONTEXTSCHEDULINGPRIORITY;

/* Sets a context's priority, -7 to 7 around its process's class. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetContextSchedulingPriority(const D3DKMT_SETCONTEXTSCHEDULINGPRIORITY *);

typedef struct _D3DKMT_GETCONTEXTSCHEDULINGPRIORITY {
    D3DKMT_HANDLE hContext;
    INT Priority;
} D3DKMT_GETCONTEXTSCHEDULINGPRIORITY;

/* Gets it. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetContextSchedulingPriority(D3DKMT_GETCONTEXTSCHEDULINGPRIORITY *);

typedef struct _D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY {
    D3DKMT_HANDLE hContext;
    INT Priority;
} D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY;

/* Sets a context's priority among those of its process. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY
D3DKMTSetContextInProcessSchedulingPriority(const D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY *);

typedef struct _D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY {
    D3DKMT_HANDLE hContext;
    INT Priority;
} D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY;

/* Gets it. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetContextInProcessSchedulingPriority(D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY *);

typedef enum _D3DKMT_SCHEDULINGPRIORITYCLASS {
    D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE = 0,
    D3DKMT_SCHEDULINGPRIORITYCLASS_BELOW_NORMAL = 1,
    D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL = 2,
    D3DKMT_SCHEDULINGPRIORITYCLASS_ABOVE_NORMAL = 3,
    D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH = 4,
    D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME = 5,
} D3DKMT_SCHEDULINGPRIORITYCLASS;

/* Sets the class around which a process's contexts have their priorities. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetProcessSchedulingPriorityClass(HANDLE, D3DKMT_SCHEDULINGPRIORITYCLASS);

/* Gets it. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetProcessSchedulingPriorityClass(HANDLE, D3DKMT_SCHEDULINGPRIORITYCLASS *);

/* Reads a node's clock and the CPU's at the same moment. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryClockCalibration(D3DKMT_QUERYCLOCKCALIBRATION *);

typedef struct _D3DKMT_SETSTABLEPOWERSTATE {
    D3DKMT_HANDLE hAdapter;
    BOOL Enabled;
} D3DKMT_SETSTABLEPOWERSTATE;

/* Asks for clocks that do not change, for measurements. Fails with INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetStablePowerState(const D3DKMT_SETSTABLEPOWERSTATE *);

/*
 * Statistics.
 *
 * Counters since the start of the adapter or process, for tools. Byte counts are bytes, times are in the unit of the
 * adapter's clock unless said otherwise. Microsoft documents the fields only by name.
 */

typedef enum D3DKMT_QUERYRESULT_PREEMPTION_ATTEMPT_RESULT {
    D3DKMT_PreemptionAttempt = 0,
    D3DKMT_PreemptionAttemptSuccess = 1,
    D3DKMT_PreemptionAttemptMissNoCommand = 2,
    D3DKMT_PreemptionAttemptMissNotEnabled = 3,
    D3DKMT_PreemptionAttemptMissNextFence = 4,
    D3DKMT_PreemptionAttemptMissPagingCommand = 5,
    D3DKMT_PreemptionAttemptMissSplittedCommand = 6,
    D3DKMT_PreemptionAttemptMissFenceCommand = 7,
    D3DKMT_PreemptionAttemptMissRenderPendingFlip = 8,
    D3DKMT_PreemptionAttemptMissNotMakingProgress = 9,
    D3DKMT_PreemptionAttemptMissLessPriority = 10,
    D3DKMT_PreemptionAttemptMissRemainingQuantum = 11,
    D3DKMT_PreemptionAttemptMissRemainingPreemptionQuantum = 12,
    D3DKMT_PreemptionAttemptMissAlreadyPreempting = 13,
    D3DKMT_PreemptionAttemptMissGlobalBlock = 14,
    D3DKMT_PreemptionAttemptMissAlreadyRunning = 15,
    D3DKMT_PreemptionAttemptStatisticsMax = 16,
} D3DKMT_QUERYRESULT_PREEMPTION_ATTEMPT_RESULT;

typedef enum D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE {
    D3DKMT_ClientRenderBuffer = 0,
    D3DKMT_ClientPagingBuffer = 1,
    D3DKMT_SystemPagingBuffer = 2,
    D3DKMT_SystemPreemptionBuffer = 3,
    D3DKMT_DmaPacketTypeMax = 4,
} D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE;

typedef enum D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE {
    D3DKMT_RenderCommandBuffer = 0,
    D3DKMT_DeferredCommandBuffer = 1,
    D3DKMT_SystemCommandBuffer = 2,
    D3DKMT_MmIoFlipCommandBuffer = 3,
    D3DKMT_WaitCommandBuffer = 4,
    D3DKMT_SignalCommandBuffer = 5,
    D3DKMT_DeviceCommandBuffer = 6,
    D3DKMT_SoftwareCommandBuffer = 7,
    D3DKMT_QueuePacketTypeMax = 8,
} D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE;

typedef enum D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS {
    D3DKMT_AllocationPriorityClassMinimum = 0,
    D3DKMT_AllocationPriorityClassLow = 1,
    D3DKMT_AllocationPriorityClassNormal = 2,
    D3DKMT_AllocationPriorityClassHigh = 3,
    D3DKMT_AllocationPriorityClassMaximum = 4,
    D3DKMT_MaxAllocationPriorityClass = 5,
} D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS;

#define D3DKMT_QUERYRESULT_PREEMPTION_ATTEMPT_RESULT_MAX 16
#define D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_MAX 4
#define D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE_MAX 8
#define D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX 5
#define D3DKMT_QUERYSTATISTICS_SEGMENT_PREFERENCE_MAX 5

typedef struct D3DKMT_QUERYSTATISTICS_COUNTER {
    ULONG Count;
    ULONGLONG Bytes;
} D3DKMT_QUERYSTATISTICS_COUNTER;

typedef struct D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_INFORMATION {
    ULONG PacketSubmited;
    ULONG PacketCompleted;
    ULONG PacketPreempted;
    ULONG PacketFaulted;
} D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE_INFORMATION {
    ULONG PacketSubmited;
    ULONG PacketCompleted;
} D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PACKET_INFORMATION {
    D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE_INFORMATION QueuePacket[D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE_MAX];
    D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_INFORMATION DmaPacket[D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_MAX];
} D3DKMT_QUERYSTATISTICS_PACKET_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PREEMPTION_INFORMATION {
    ULONG PreemptionCounter[D3DKMT_QUERYRESULT_PREEMPTION_ATTEMPT_RESULT_MAX];
} D3DKMT_QUERYSTATISTICS_PREEMPTION_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION {
    LARGE_INTEGER RunningTime;
    ULONG ContextSwitch;
    D3DKMT_QUERYSTATISTICS_PREEMPTION_INFORMATION PreemptionStatistics;
    D3DKMT_QUERYSTATISTICS_PACKET_INFORMATION PacketStatistics;
    UINT64 Reserved[8];
} D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_NODE_INFORMATION {
    D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION GlobalInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION SystemInformation;
    D3DKMT_NODE_PERFDATA NodePerfData;
    UINT32 Reserved[3];
} D3DKMT_QUERYSTATISTICS_NODE_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE_INFORMATION {
    ULONG Frame;
    ULONG CancelledFrame;
    ULONG QueuedPresent;
    UINT Padding;
    UINT64 IsVSyncEnabled;
    UINT64 VSyncOnTotalTimeMs;
    UINT64 VSyncOffKeepPhaseTotalTimeMs;
    UINT64 VSyncOffNoPhaseTotalTimeMs;
    UINT64 Reserved[4];
} D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_VIDPNSOURCE_INFORMATION {
    D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE_INFORMATION GlobalInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE_INFORMATION SystemInformation;
    UINT64 Reserved[8];
} D3DKMT_QUERYSTATISTICS_VIDPNSOURCE_INFORMATION;

typedef struct D3DKMT_QUERYSTATSTICS_REFERENCE_DMA_BUFFER {
    ULONG NbCall;
    ULONG NbAllocationsReferenced;
    ULONG MaxNbAllocationsReferenced;
    ULONG NbNULLReference;
    ULONG NbWriteReference;
    ULONG NbRenamedAllocationsReferenced;
    ULONG NbIterationSearchingRenamedAllocation;
    ULONG NbLockedAllocationReferenced;
    ULONG NbAllocationWithValidPrepatchingInfoReferenced;
    ULONG NbAllocationWithInvalidPrepatchingInfoReferenced;
    ULONG NbDMABufferSuccessfullyPrePatched;
    ULONG NbPrimariesReferencesOverflow;
    ULONG NbAllocationWithNonPreferredResources;
    ULONG NbAllocationInsertedInMigrationTable;
} D3DKMT_QUERYSTATSTICS_REFERENCE_DMA_BUFFER;

typedef struct D3DKMT_QUERYSTATSTICS_RENAMING {
    ULONG NbAllocationsRenamed;
    ULONG NbAllocationsShrinked;
    ULONG NbRenamedBuffer;
    ULONG MaxRenamingListLength;
    ULONG NbFailuresDueToRenamingLimit;
    ULONG NbFailuresDueToCreateAllocation;
    ULONG NbFailuresDueToOpenAllocation;
    ULONG NbFailuresDueToLowResource;
    ULONG NbFailuresDueToNonRetiredLimit;
} D3DKMT_QUERYSTATSTICS_RENAMING;

typedef struct D3DKMT_QUERYSTATSTICS_PREPRATION {
    ULONG BroadcastStall;
    ULONG NbDMAPrepared;
    ULONG NbDMAPreparedLongPath;
    ULONG ImmediateHighestPreparationPass;
    D3DKMT_QUERYSTATISTICS_COUNTER AllocationsTrimmed;
} D3DKMT_QUERYSTATSTICS_PREPRATION;

typedef struct D3DKMT_QUERYSTATSTICS_PAGING_FAULT {
    D3DKMT_QUERYSTATISTICS_COUNTER Faults;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsFirstTimeAccess;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsReclaimed;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsMigration;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsIncorrectResource;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsLostContent;
    D3DKMT_QUERYSTATISTICS_COUNTER FaultsEvicted;
    D3DKMT_QUERYSTATISTICS_COUNTER AllocationsMEM_RESET;
    D3DKMT_QUERYSTATISTICS_COUNTER AllocationsUnresetSuccess;
    D3DKMT_QUERYSTATISTICS_COUNTER AllocationsUnresetFail;
    ULONG AllocationsUnresetSuccessRead;
    ULONG AllocationsUnresetFailRead;
    D3DKMT_QUERYSTATISTICS_COUNTER Evictions;
    D3DKMT_QUERYSTATISTICS_COUNTER EvictionsDueToPreparation;
    D3DKMT_QUERYSTATISTICS_COUNTER EvictionsDueToLock;
    D3DKMT_QUERYSTATISTICS_COUNTER EvictionsDueToClose;
    D3DKMT_QUERYSTATISTICS_COUNTER EvictionsDueToPurge;
    D3DKMT_QUERYSTATISTICS_COUNTER EvictionsDueToSuspendCPUAccess;
} D3DKMT_QUERYSTATSTICS_PAGING_FAULT;

typedef struct D3DKMT_QUERYSTATSTICS_PAGING_TRANSFER {
    ULONGLONG BytesFilled;
    ULONGLONG BytesDiscarded;
    ULONGLONG BytesMappedIntoAperture;
    ULONGLONG BytesUnmappedFromAperture;
    ULONGLONG BytesTransferredFromMdlToMemory;
    ULONGLONG BytesTransferredFromMemoryToMdl;
    ULONGLONG BytesTransferredFromApertureToMemory;
    ULONGLONG BytesTransferredFromMemoryToAperture;
} D3DKMT_QUERYSTATSTICS_PAGING_TRANSFER;

typedef struct D3DKMT_QUERYSTATSTICS_SWIZZLING_RANGE {
    ULONG NbRangesAcquired;
    ULONG NbRangesReleased;
} D3DKMT_QUERYSTATSTICS_SWIZZLING_RANGE;

typedef struct D3DKMT_QUERYSTATSTICS_LOCKS {
    ULONG NbLocks;
    ULONG NbLocksWaitFlag;
    ULONG NbLocksDiscardFlag;
    ULONG NbLocksNoOverwrite;
    ULONG NbLocksNoReadSync;
    ULONG NbLocksLinearization;
    ULONG NbComplexLocks;
} D3DKMT_QUERYSTATSTICS_LOCKS;

typedef struct D3DKMT_QUERYSTATSTICS_ALLOCATIONS {
    D3DKMT_QUERYSTATISTICS_COUNTER Created;
    D3DKMT_QUERYSTATISTICS_COUNTER Destroyed;
    D3DKMT_QUERYSTATISTICS_COUNTER Opened;
    D3DKMT_QUERYSTATISTICS_COUNTER Closed;
    D3DKMT_QUERYSTATISTICS_COUNTER MigratedSuccess;
    D3DKMT_QUERYSTATISTICS_COUNTER MigratedFail;
    D3DKMT_QUERYSTATISTICS_COUNTER MigratedAbandoned;
} D3DKMT_QUERYSTATSTICS_ALLOCATIONS;

typedef struct D3DKMT_QUERYSTATSTICS_TERMINATIONS {
    D3DKMT_QUERYSTATISTICS_COUNTER TerminatedShared;
    D3DKMT_QUERYSTATISTICS_COUNTER TerminatedNonShared;
    D3DKMT_QUERYSTATISTICS_COUNTER DestroyedShared;
    D3DKMT_QUERYSTATISTICS_COUNTER DestroyedNonShared;
} D3DKMT_QUERYSTATSTICS_TERMINATIONS;

typedef struct D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION_FLAGS {
    union {
        struct {
            UINT64 NumberOfMemoryGroups : 2;
            UINT64 SupportsDemotion : 1;
            UINT64 Reserved : 61;
        };
        UINT64 Value;
    };
} D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION_FLAGS;

typedef struct D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION {
    ULONG NbSegments;
    ULONG NodeCount;
    ULONG VidPnSourceCount;
    ULONG VSyncEnabled;
    ULONG TdrDetectedCount;
    LONGLONG ZeroLengthDmaBuffers;
    ULONGLONG RestartedPeriod;
    D3DKMT_QUERYSTATSTICS_REFERENCE_DMA_BUFFER ReferenceDmaBuffer;
    D3DKMT_QUERYSTATSTICS_RENAMING Renaming;
    D3DKMT_QUERYSTATSTICS_PREPRATION Preparation;
    D3DKMT_QUERYSTATSTICS_PAGING_FAULT PagingFault;
    D3DKMT_QUERYSTATSTICS_PAGING_TRANSFER PagingTransfer;
    D3DKMT_QUERYSTATSTICS_SWIZZLING_RANGE SwizzlingRange;
    D3DKMT_QUERYSTATSTICS_LOCKS Locks;
    D3DKMT_QUERYSTATSTICS_ALLOCATIONS Allocations;
    D3DKMT_QUERYSTATSTICS_TERMINATIONS Terminations;
    D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION_FLAGS Flags;
    UINT64 Reserved[7];
} D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER_INFORMATION {
    D3DKMT_ADAPTER_PERFDATA AdapterPerfData;
    D3DKMT_ADAPTER_PERFDATACAPS AdapterPerfDataCaps;
    D3DKMT_GPUVERSION GpuVersion;
} D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_SYSTEM_MEMORY {
    ULONGLONG BytesAllocated;
    ULONGLONG BytesReserved;
    ULONG SmallAllocationBlocks;
    ULONG LargeAllocationBlocks;
    ULONGLONG WriteCombinedBytesAllocated;
    ULONGLONG WriteCombinedBytesReserved;
    ULONGLONG CachedBytesAllocated;
    ULONGLONG CachedBytesReserved;
    ULONGLONG SectionBytesAllocated;
    ULONGLONG SectionBytesReserved;
    ULONGLONG BytesZeroed;
} D3DKMT_QUERYSTATISTICS_SYSTEM_MEMORY;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION {
    ULONG NodeCount;
    ULONG VidPnSourceCount;
    D3DKMT_QUERYSTATISTICS_SYSTEM_MEMORY SystemMemory;
    UINT64 Reserved[7];
} D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_DMA_BUFFER {
    D3DKMT_QUERYSTATISTICS_COUNTER Size;
    ULONG AllocationListBytes;
    ULONG PatchLocationListBytes;
} D3DKMT_QUERYSTATISTICS_DMA_BUFFER;

typedef struct D3DKMT_QUERYSTATISTICS_COMMITMENT_DATA {
    UINT64 TotalBytesEvictedFromProcess;
    UINT64 BytesBySegmentPreference[D3DKMT_QUERYSTATISTICS_SEGMENT_PREFERENCE_MAX];
} D3DKMT_QUERYSTATISTICS_COMMITMENT_DATA;

typedef struct D3DKMT_QUERYSTATISTICS_POLICY {
    ULONGLONG PreferApertureForRead[D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX];
    ULONGLONG PreferAperture[D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX];
    ULONGLONG MemResetOnPaging;
    ULONGLONG RemovePagesFromWorkingSetOnPaging;
    ULONGLONG MigrationEnabled;
} D3DKMT_QUERYSTATISTICS_POLICY;

#define D3DKMT_QUERYSTATISTICS_PROCESS_INTERFERENCE_BUCKET_COUNT 9

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_INTERFERENCE_COUNTERS {
    UINT64 InterferenceCount[D3DKMT_QUERYSTATISTICS_PROCESS_INTERFERENCE_BUCKET_COUNT];
} D3DKMT_QUERYSTATISTICS_PROCESS_INTERFERENCE_COUNTERS;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION {
    ULONG NbSegments;
    ULONG NodeCount;
    ULONG VidPnSourceCount;
    ULONG VirtualMemoryUsage;
    D3DKMT_QUERYSTATISTICS_DMA_BUFFER DmaBuffer;
    D3DKMT_QUERYSTATISTICS_COMMITMENT_DATA CommitmentData;
    D3DKMT_QUERYSTATISTICS_POLICY _Policy;
    D3DKMT_QUERYSTATISTICS_PROCESS_INTERFERENCE_COUNTERS ProcessInterferenceCounters;
    D3DKMT_CLIENTHINT ClientHint;
} D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_MEMORY {
    ULONGLONG TotalBytesEvicted;
    ULONG AllocsCommitted;
    ULONG AllocsResident;
} D3DKMT_QUERYSTATISTICS_MEMORY;

typedef struct D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION {
    ULONGLONG CommitLimit;    /* bytes */
    ULONGLONG BytesCommitted; /* bytes of the allocations whose first choice it is */
    ULONGLONG BytesResident;  /* bytes of those that do */
    D3DKMT_QUERYSTATISTICS_MEMORY Memory;
    ULONG Aperture; /* 1: system memory mapped for the GPU */
    ULONGLONG TotalBytesEvictedByPriority[D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX];
    UINT64 SystemMemoryEndAddress;
    struct {
        UINT64 PreservedDuringStandby : 1;
        UINT64 PreservedDuringHibernate : 1;
        UINT64 PartiallyPreservedDuringHibernate : 1;
        UINT64 Reserved : 61;
    } PowerFlags;
    struct {
        UINT64 SystemMemory : 1;
        UINT64 PopulatedByReservedDDRByFirmware : 1;
        UINT64 Reserved : 62;
    } SegmentProperties;
    UINT64 Reserved[5];
} D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_VIDEO_MEMORY {
    ULONG AllocsCommitted;
    /* by rank of preference */
    D3DKMT_QUERYSTATISTICS_COUNTER AllocsResidentInP[D3DKMT_QUERYSTATISTICS_SEGMENT_PREFERENCE_MAX];
    D3DKMT_QUERYSTATISTICS_COUNTER AllocsResidentInNonPreferred;
    ULONGLONG TotalBytesEvictedDueToPreparation;
} D3DKMT_QUERYSTATISTICS_VIDEO_MEMORY;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_POLICY {
    ULONGLONG UseMRU;
} D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_POLICY;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION {
    ULONGLONG BytesCommitted;
    ULONGLONG MaximumWorkingSet;
    ULONGLONG MinimumWorkingSet;
    ULONG NbReferencedAllocationEvictedInPeriod;
    UINT Padding;
    D3DKMT_QUERYSTATISTICS_VIDEO_MEMORY VideoMemory;
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_POLICY _Policy;
    UINT64 Reserved[8];
} D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION;

typedef struct D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION {
    UINT64 Budget;    /* bytes */
    UINT64 Requested; /* bytes that the process wants resident */
    UINT64 Usage;     /* bytes resident */
    /* bytes per priority class that are not where they prefer to be */
    UINT64 Demoted[D3DKMT_QUERYSTATISTICS_ALLOCATION_PRIORITY_CLASS_MAX];
} D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION;

/* What is counted; it decides which member of the result is filled, and which of the query is read. */
typedef enum D3DKMT_QUERYSTATISTICS_TYPE {
    D3DKMT_QUERYSTATISTICS_ADAPTER = 0,
    D3DKMT_QUERYSTATISTICS_PROCESS = 1,
    D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER = 2,
    D3DKMT_QUERYSTATISTICS_SEGMENT = 3,
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT = 4,
    D3DKMT_QUERYSTATISTICS_NODE = 5,
    D3DKMT_QUERYSTATISTICS_PROCESS_NODE = 6,
    D3DKMT_QUERYSTATISTICS_VIDPNSOURCE = 7,
    D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE = 8,
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP = 9,
    D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER = 10,
} D3DKMT_QUERYSTATISTICS_TYPE;

typedef struct D3DKMT_QUERYSTATISTICS_QUERY_SEGMENT {
    ULONG SegmentId;
} D3DKMT_QUERYSTATISTICS_QUERY_SEGMENT;

typedef struct D3DKMT_QUERYSTATISTICS_QUERY_NODE {
    ULONG NodeId;
} D3DKMT_QUERYSTATISTICS_QUERY_NODE;

typedef struct D3DKMT_QUERYSTATISTICS_QUERY_VIDPNSOURCE {
    ULONG VidPnSourceId;
} D3DKMT_QUERYSTATISTICS_QUERY_VIDPNSOURCE;

typedef struct D3DKMT_QUERYSTATISTICS_QUERY_PHYSICAL_ADAPTER {
    ULONG PhysicalAdapterIndex;
} D3DKMT_QUERYSTATISTICS_QUERY_PHYSICAL_ADAPTER;

typedef union D3DKMT_QUERYSTATISTICS_RESULT {
    D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION AdapterInformation;
    D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER_INFORMATION PhysAdapterInformation;
    D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION SegmentInformation;
    D3DKMT_QUERYSTATISTICS_NODE_INFORMATION NodeInformation;
    D3DKMT_QUERYSTATISTICS_VIDPNSOURCE_INFORMATION VidPnSourceInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION ProcessInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION ProcessAdapterInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION ProcessSegmentInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION ProcessNodeInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE_INFORMATION ProcessVidPnSourceInformation;
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION ProcessSegmentGroupInformation;
} D3DKMT_QUERYSTATISTICS_RESULT;

typedef struct D3DKMT_QUERYSTATISTICS {
    D3DKMT_QUERYSTATISTICS_TYPE Type;          /* in */
    LUID AdapterLuid;                          /* in */
    D3DKMT_PTR(HANDLE, hProcess);              /* in, for the types of a process: NULL for the caller */
    D3DKMT_QUERYSTATISTICS_RESULT QueryResult; /* out */
    union {
        D3DKMT_QUERYSTATISTICS_QUERY_SEGMENT QuerySegment;
        D3DKMT_QUERYSTATISTICS_QUERY_SEGMENT QueryProcessSegment;
        D3DKMT_MEMORY_SEGMENT_GROUP QueryProcessSegmentGroup;
        D3DKMT_QUERYSTATISTICS_QUERY_NODE QueryNode;
        D3DKMT_QUERYSTATISTICS_QUERY_NODE QueryProcessNode;
        D3DKMT_QUERYSTATISTICS_QUERY_VIDPNSOURCE QueryVidPnSource;
        D3DKMT_QUERYSTATISTICS_QUERY_VIDPNSOURCE QueryProcessVidPnSource;
        D3DKMT_QUERYSTATISTICS_QUERY_PHYSICAL_ADAPTER QueryPhysAdapter;
    };
} D3DKMT_QUERYSTATISTICS;

/*
 * Reads counters. On Linux hProcess holds a process id. Reserved for system use, says its page, which lists no
 * status.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryStatistics(const D3DKMT_QUERYSTATISTICS *);

/*
 * Escapes.
 *
 * A door for everything that has no call of its own. The first word of the data is usually a type.
 */

typedef enum _D3DKMT_ESCAPETYPE {
    D3DKMT_ESCAPE_DRIVERPRIVATE = 0,  /* between the user-mode and the kernel-mode driver */
    D3DKMT_ESCAPE_VIDMM = 1,          /* D3DKMT_VIDMM_ESCAPE */
    D3DKMT_ESCAPE_TDRDBGCTRL = 2,     /* D3DKMT_TDRDBGCTRL_ESCAPE */
    D3DKMT_ESCAPE_VIDSCH = 3,         /* D3DKMT_VIDSCH_ESCAPE */
    D3DKMT_ESCAPE_DEVICE = 4,         /* D3DKMT_DEVICE_ESCAPE */
    D3DKMT_ESCAPE_DMM = 5,            /* D3DKMT_DMM_ESCAPE */
    D3DKMT_ESCAPE_DEBUG_SNAPSHOT = 6, /* D3DKMT_DEBUG_SNAPSHOT_ESCAPE */
    D3DKMT_ESCAPE_DRT_TEST = 8,
    D3DKMT_ESCAPE_DIAGNOSTICS = 9,
    D3DKMT_ESCAPE_OUTPUTDUPL_SNAPSHOT = 10,
    D3DKMT_ESCAPE_OUTPUTDUPL_DIAGNOSTICS = 11,
    D3DKMT_ESCAPE_BDD_PNP = 12,
    D3DKMT_ESCAPE_BDD_FALLBACK = 13,           /* D3DKMT_BDDFALLBACK_CTL */
    D3DKMT_ESCAPE_ACTIVATE_SPECIFIC_DIAG = 14, /* D3DKMT_ACTIVATE_SPECIFIC_DIAG_ESCAPE */
    D3DKMT_ESCAPE_MODES_PRUNED_OUT = 15,
    D3DKMT_ESCAPE_WHQL_INFO = 16,
    D3DKMT_ESCAPE_BRIGHTNESS = 17,
    D3DKMT_ESCAPE_EDID_CACHE = 18,
    D3DKMT_ESCAPE_MIRACAST_DISPLAY_REQUEST = 20,
    D3DKMT_ESCAPE_HISTORY_BUFFER_STATUS = 21, /* D3DKMT_HISTORY_BUFFER_STATUS */
    D3DKMT_ESCAPE_MIRACAST_ADAPTER_DIAG_INFO = 23,
    D3DKMT_ESCAPE_FORCE_BDDFALLBACK_HEADLESS = 24,
    D3DKMT_ESCAPE_REQUEST_MACHINE_CRASH = 25, /* D3DKMT_REQUEST_MACHINE_CRASH_ESCAPE */
    D3DKMT_ESCAPE_SOFTGPU_ENABLE_DISABLE_HMD = 27,
    D3DKMT_ESCAPE_PROCESS_VERIFIER_OPTION = 28, /* D3DKMT_PROCESS_VERIFIER_OPTION */
    D3DKMT_ESCAPE_ADAPTER_VERIFIER_OPTION = 29, /* D3DKMT_ADAPTER_VERIFIER_OPTION */
    D3DKMT_ESCAPE_IDD_REQUEST = 30,
    D3DKMT_ESCAPE_DOD_SET_DIRTYRECT_MODE = 31, /* D3DKMT_DOD_SET_DIRTYRECT_MODE */
    D3DKMT_ESCAPE_LOG_CODEPOINT_PACKET = 32,
    D3DKMT_ESCAPE_LOG_USERMODE_DAIG_PACKET = 33,
    D3DKMT_ESCAPE_GET_EXTERNAL_DIAGNOSTICS = 34,
    D3DKMT_ESCAPE_GET_DISPLAY_CONFIGURATIONS = 36,
    D3DKMT_ESCAPE_QUERY_IOMMU_STATUS = 37,
    D3DKMT_ESCAPE_CCD_DATABASE = 38,
    D3DKMT_ESCAPE_QUERY_DMA_REMAPPING_STATUS = 39,
    D3DKMT_ESCAPE_WIN32K_START = 1024,
    D3DKMT_ESCAPE_WIN32K_HIP_DEVICE_INFO = 1024,
    D3DKMT_ESCAPE_WIN32K_QUERY_CD_ROTATION_BLOCK = 1025,
    D3DKMT_ESCAPE_WIN32K_DPI_INFO = 1026,
    D3DKMT_ESCAPE_WIN32K_PRESENTER_VIEW_INFO = 1027,
    D3DKMT_ESCAPE_WIN32K_SYSTEM_DPI = 1028,
    D3DKMT_ESCAPE_WIN32K_BDD_FALLBACK = 1029,
    D3DKMT_ESCAPE_WIN32K_DDA_TEST_CTL = 1030,
    D3DKMT_ESCAPE_WIN32K_USER_DETECTED_BLACK_SCREEN = 1031,
    D3DKMT_ESCAPE_WIN32K_DISPBROKER_TEST = 1035,
    D3DKMT_ESCAPE_WIN32K_COLOR_PROFILE_INFO = 1036,
    D3DKMT_ESCAPE_WIN32K_SET_DIMMED_STATE = 1037,
    D3DKMT_ESCAPE_WIN32K_SPECIALIZED_DISPLAY_TEST = 1038,
} D3DKMT_ESCAPETYPE;

typedef struct _D3DKMT_ESCAPE {
    D3DKMT_HANDLE hAdapter;                 /* in */
    D3DKMT_HANDLE hDevice;                  /* in: or 0 */
    D3DKMT_ESCAPETYPE Type;                 /* in */
    D3DDDI_ESCAPEFLAGS Flags;               /* in */
    D3DKMT_PTR(VOID *, pPrivateDriverData); /* in/out */
    UINT PrivateDriverDataSize;             /* in: bytes */
    D3DKMT_HANDLE hContext;                 /* in: or 0 */
} D3DKMT_ESCAPE;

/*
 * Passes data to the driver or to a part of the kernel, and back. Fails with DEVICE_REMOVED, ILLEGAL_INSTRUCTION,
 * INVALID_PARAMETER, NO_MEMORY, PRIVILEGED_INSTRUCTION.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTEscape(const D3DKMT_ESCAPE *);

/*
 * Escapes to the video memory manager.
 *
 * Type D3DKMT_ESCAPE_VIDMM: look at and steer the memory manager, for tests and tools.
 */

typedef enum _D3DKMT_VIDMMESCAPETYPE {
    D3DKMT_VIDMMESCAPETYPE_SETFAULT = 0,
    D3DKMT_VIDMMESCAPETYPE_RUN_COHERENCY_TEST = 1,
    D3DKMT_VIDMMESCAPETYPE_RUN_UNMAP_TO_DUMMY_PAGE_TEST = 2,
    D3DKMT_VIDMMESCAPETYPE_APERTURE_CORRUPTION_CHECK = 3,
    D3DKMT_VIDMMESCAPETYPE_SUSPEND_CPU_ACCESS_TEST = 4,
    D3DKMT_VIDMMESCAPETYPE_EVICT = 5,
    D3DKMT_VIDMMESCAPETYPE_EVICT_BY_NT_HANDLE = 6,
    D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO = 7,
    D3DKMT_VIDMMESCAPETYPE_SET_BUDGET = 8,
    D3DKMT_VIDMMESCAPETYPE_SUSPEND_PROCESS = 9,
    D3DKMT_VIDMMESCAPETYPE_RESUME_PROCESS = 10,
    D3DKMT_VIDMMESCAPETYPE_GET_BUDGET = 11,
    D3DKMT_VIDMMESCAPETYPE_SET_TRIM_INTERVALS = 12,
    D3DKMT_VIDMMESCAPETYPE_EVICT_BY_CRITERIA = 13,
    D3DKMT_VIDMMESCAPETYPE_WAKE = 14,
    D3DKMT_VIDMMESCAPETYPE_DEFRAG = 15,
    D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION = 16,
    D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY = 17,
    D3DKMT_VIDMMESCAPETYPE_SET_EVICTION_CONFIG = 18,
} D3DKMT_VIDMMESCAPETYPE;

typedef enum _D3DKMT_VAD_ESCAPE_COMMAND {
    D3DKMT_VAD_ESCAPE_GETNUMVADS = 0,
    D3DKMT_VAD_ESCAPE_GETVAD = 1,
    D3DKMT_VAD_ESCAPE_GETVADRANGE = 2,
    D3DKMT_VAD_ESCAPE_GET_PTE = 3,
    D3DKMT_VAD_ESCAPE_GET_GPUMMU_CAPS = 4,
    D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS = 5,
} D3DKMT_VAD_ESCAPE_COMMAND;

typedef enum _D3DKMT_DEFRAG_ESCAPE_OPERATION {
    D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS = 0,
    D3DKMT_DEFRAG_ESCAPE_DEFRAG_UPWARD = 1,
    D3DKMT_DEFRAG_ESCAPE_DEFRAG_DOWNWARD = 2,
    D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS = 3,
    D3DKMT_DEFRAG_ESCAPE_VERIFY_TRANSFER = 4,
} D3DKMT_DEFRAG_ESCAPE_OPERATION;

#define D3DKMT_GET_PTE_MAX 64

typedef struct _D3DKMT_VAD_DESC {
    UINT VadIndex;        /* in: 0xffffffff: use VadAddress */
    UINT64 VadAddress;    /* in */
    UINT NumMappedRanges; /* out */
    UINT VadType;         /* out: 0: reserved, 1: mapped */
    UINT64 StartAddress;  /* out */
    UINT64 EndAddress;    /* out */
} D3DKMT_VAD_DESC;

typedef struct _D3DKMT_VA_RANGE_DESC {
    UINT64 VadAddress;         /* in */
    UINT VaRangeIndex;         /* in */
    UINT PhysicalAdapterIndex; /* in */
    UINT64 StartAddress;       /* out */
    UINT64 EndAddress;         /* out */
    UINT64 DriverProtection;
    UINT OwnerType; /* out: what is mapped */
    UINT64 pOwner;
    UINT64 OwnerOffset; /* out: bytes */
    UINT Protection;
} D3DKMT_VA_RANGE_DESC;

typedef struct _D3DKMT_EVICTION_CRITERIA {
    UINT64 MinimumSize; /* bytes */
    UINT64 MaximumSize; /* bytes */
    union {
        struct {
            UINT Primary : 1;
            UINT Reserved : 31;
        } Flags;
        UINT Value;
    };
} D3DKMT_EVICTION_CRITERIA;

typedef struct _D3DKMT_PAGE_TABLE_LEVEL_DESC {
    UINT IndexBitCount;
    UINT64 IndexMask;
    UINT64 IndexShift;
    UINT64 LowerLevelsMask;
    UINT64 EntryCoverageInPages; /* 4 KiB pages */
} D3DKMT_PAGE_TABLE_LEVEL_DESC;

typedef struct _DXGK_ESCAPE_GPUMMUCAPS {
    BOOLEAN ReadOnlyMemorySupported;
    BOOLEAN NoExecuteMemorySupported;
    BOOLEAN ZeroInPteSupported;
    BOOLEAN CacheCoherentMemorySupported;
    BOOLEAN LargePageSupported;
    BOOLEAN DualPteSupported;
    BOOLEAN AllowNonAlignedLargePageAddress;
    UINT VirtualAddressBitCount;
    UINT PageTableLevelCount;
    D3DKMT_PAGE_TABLE_LEVEL_DESC PageTableLevelDesk[DXGK_MAX_PAGE_TABLE_LEVEL_COUNT];
} DXGK_ESCAPE_GPUMMUCAPS;

typedef struct _D3DKMT_GET_GPUMMU_CAPS {
    UINT PhysicalAdapterIndex;
    DXGK_ESCAPE_GPUMMUCAPS GpuMmuCaps;
} D3DKMT_GET_GPUMMU_CAPS;

typedef struct _D3DKMT_GET_PTE {
    UINT PhysicalAdapterIndex;                            /* in */
    UINT PageTableLevel;                                  /* in */
    UINT PageTableIndex[DXGK_MAX_PAGE_TABLE_LEVEL_COUNT]; /* in: for each level */
    BOOLEAN b64KBPte;                 /* in/out: the page table of 64 KiB pages, where there are two */
    UINT NumPtes;                     /* in: how many to fill, at most D3DKMT_GET_PTE_MAX; out: filled */
    DXGK_PTE Pte[D3DKMT_GET_PTE_MAX]; /* out */
    UINT NumValidEntries;             /* out */
} D3DKMT_GET_PTE;

typedef struct _D3DKMT_SEGMENT_CAPS {
    UINT64 Size;             /* bytes */
    UINT PageSize;           /* bytes */
    ULONG SegmentId;         /* counts from 1 */
    BOOLEAN bAperture;       /* system memory mapped for the GPU */
    BOOLEAN bReservedSysMem; /* system memory set aside */
    D3DKMT_MEMORY_SEGMENT_GROUP BudgetGroup;
} D3DKMT_SEGMENT_CAPS;

typedef struct _D3DKMT_GET_SEGMENT_CAPS {
    UINT PhysicalAdapterIndex;                                 /* in */
    UINT NumSegments;                                          /* out */
    D3DKMT_SEGMENT_CAPS SegmentCaps[D3DKMT_MAX_SEGMENT_COUNT]; /* out */
} D3DKMT_GET_SEGMENT_CAPS;

typedef struct _D3DKMT_VIDMM_ESCAPE {
    D3DKMT_VIDMMESCAPETYPE Type; /* in: which of the following */
    union {
        /* faults to provoke */
        struct {
            union {
                struct {
                    ULONG ProbeAndLock : 1;
                    ULONG SplitPoint : 1;
                    ULONG NoDemotion : 1;
                    ULONG SwizzlingAperture : 1;
                    ULONG PagingPathLockSubRange : 1;
                    ULONG PagingPathLockMinRange : 1;
                    ULONG ComplexLock : 1;
                    ULONG FailVARotation : 1;
                    ULONG NoWriteCombined : 1;
                    ULONG NoPrePatching : 1;
                    ULONG AlwaysRepatch : 1;
                    ULONG ExpectPreparationFailure : 1;
                    ULONG FailUserModeVAMapping : 1;
                    ULONG NeverDiscardOfferedAllocation : 1;
                    ULONG AlwaysDiscardOfferedAllocation : 1;
                    ULONG Reserved : 17;
                };
                ULONG Value;
            };
        } SetFault;
        struct {
            D3DKMT_HANDLE ResourceHandle;
            D3DKMT_HANDLE AllocationHandle;
            D3DKMT_PTR(HANDLE, hProcess); /* NULL: the caller */
        } Evict;
        struct {
            UINT64 NtHandle;
        } EvictByNtHandle;
        struct {
            union {
                struct {
                    UINT NumVads;
                } GetNumVads;
                D3DKMT_VAD_DESC GetVad;
                D3DKMT_VA_RANGE_DESC GetVadRange;
                D3DKMT_GET_GPUMMU_CAPS GetGpuMmuCaps;
                D3DKMT_GET_PTE GetPte;
                D3DKMT_GET_SEGMENT_CAPS GetSegmentCaps;
            };
            D3DKMT_VAD_ESCAPE_COMMAND Command;
            int32_t Status; /* out */
        } GetVads;
        struct {
            ULONGLONG LocalMemoryBudget;  /* bytes */
            ULONGLONG SystemMemoryBudget; /* bytes */
        } SetBudget;
        struct {
            D3DKMT_PTR(HANDLE, hProcess);
            BOOL bAllowWakeOnSubmission;
        } SuspendProcess;
        struct {
            D3DKMT_PTR(HANDLE, hProcess);
        } ResumeProcess;
        struct {
            UINT64 NumBytesToTrim; /* out */
        } GetBudget;
        struct {
            ULONG MinTrimInterval;  /* 100 ns units */
            ULONG MaxTrimInterval;  /* 100 ns units */
            ULONG IdleTrimInterval; /* 100 ns units */
        } SetTrimIntervals;
        D3DKMT_EVICTION_CRITERIA EvictByCriteria;
        struct {
            BOOL bFlush;
        } Wake;
        struct {
            D3DKMT_DEFRAG_ESCAPE_OPERATION Operation;
            UINT SegmentId;
            ULONGLONG TotalCommitted;   /* out: bytes */
            ULONGLONG TotalFree;        /* out: bytes */
            ULONGLONG LargestGapBefore; /* out: bytes */
            ULONGLONG LargestGapAfter;  /* out: bytes */
        } Defrag;
        struct {
            D3DKMT_HANDLE hPagingQueue;
            UINT PhysicalAdapterIndex;
            ULONG Milliseconds;
            ULONGLONG PagingFenceValue; /* out */
        } DelayExecution;
        struct {
            UINT SegmentId;
        } VerifyIntegrity;
        struct {
            LONGLONG TimerValue;
        } DelayedEvictionConfig;
    };
} D3DKMT_VIDMM_ESCAPE;

/*
 * Escapes to the scheduler and others.
 */

typedef enum _D3DKMT_VIDSCHESCAPETYPE {
    D3DKMT_VIDSCHESCAPETYPE_PREEMPTIONCONTROL = 0,
    D3DKMT_VIDSCHESCAPETYPE_SUSPENDSCHEDULER = 1,
    D3DKMT_VIDSCHESCAPETYPE_TDRCONTROL = 2,
    D3DKMT_VIDSCHESCAPETYPE_SUSPENDRESUME = 3,
    D3DKMT_VIDSCHESCAPETYPE_ENABLECONTEXTDELAY = 4,
    D3DKMT_VIDSCHESCAPETYPE_CONFIGURE_TDR_LIMIT = 5,
    D3DKMT_VIDSCHESCAPETYPE_VGPU_RESET = 6,
    D3DKMT_VIDSCHESCAPETYPE_PFN_CONTROL = 7,
    D3DKMT_VIDSCHESCAPETYPE_VIRTUAL_REFRESH_RATE = 8,
} D3DKMT_VIDSCHESCAPETYPE;

typedef enum _D3DKMT_ESCAPE_PFN_CONTROL_COMMAND {
    D3DKMT_ESCAPE_PFN_CONTROL_DEFAULT = 0,
    D3DKMT_ESCAPE_PFN_CONTROL_FORCE_CPU = 1,
    D3DKMT_ESCAPE_PFN_CONTROL_FORCE_GPU = 2,
} D3DKMT_ESCAPE_PFN_CONTROL_COMMAND;

typedef enum _D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE {
    D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE_SET_BASE_DESKTOP_DURATION = 0,
    D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE_SET_VSYNC_MULTIPLIER = 1,
    D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE_SET_PROCESS_BOOST_ELIGIBLE = 2,
} D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE;

typedef struct _D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE {
    D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE_TYPE Type;
    UINT VidPnSourceId;
    BOOLEAN ProcessBoostEligible;
    UINT VSyncMultiplier;
    UINT BaseDesktopDuration;
    UCHAR Reserved[16];
} D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE;

typedef struct _D3DKMT_VIDSCH_ESCAPE {
    D3DKMT_VIDSCHESCAPETYPE Type;
    union {
        BOOL PreemptionControl;
        BOOL EnableContextDelay;
        struct {
            ULONG TdrControl;
            ULONG NodeOrdinal;
        } TdrControl2;
        BOOL SuspendScheduler;
        ULONG TdrControl;
        ULONG SuspendTime;
        struct {
            UINT Count;
            UINT Time;
        } TdrLimit;
        D3DKMT_ESCAPE_PFN_CONTROL_COMMAND PfnControl;
    };
    D3DKMT_ESCAPE_VIRTUAL_REFRESH_RATE VirtualRefreshRateControl;
} D3DKMT_VIDSCH_ESCAPE;

typedef enum _D3DKMT_TDRDBGCTRLTYPE {
    D3DKMT_TDRDBGCTRLTYPE_FORCETDR = 0,
    D3DKMT_TDRDBGCTRLTYPE_DISABLEBREAK = 1,
    D3DKMT_TDRDBGCTRLTYPE_ENABLEBREAK = 2,
    D3DKMT_TDRDBGCTRLTYPE_UNCONDITIONAL = 3,
    D3DKMT_TDRDBGCTRLTYPE_VSYNCTDR = 4,
    D3DKMT_TDRDBGCTRLTYPE_GPUTDR = 5,
    D3DKMT_TDRDBGCTRLTYPE_FORCEDODTDR = 6,
    D3DKMT_TDRDBGCTRLTYPE_FORCEDODVSYNCTDR = 7,
    D3DKMT_TDRDBGCTRLTYPE_ENGINETDR = 8,
} D3DKMT_TDRDBGCTRLTYPE;

typedef struct _D3DKMT_TDRDBGCTRL_ESCAPE {
    D3DKMT_TDRDBGCTRLTYPE TdrControl;
    ULONG NodeOrdinal;
} D3DKMT_TDRDBGCTRL_ESCAPE;

typedef enum _D3DKMT_DEVICEESCAPE_TYPE {
    D3DKMT_DEVICEESCAPE_VIDPNFROMALLOCATION = 0,
    D3DKMT_DEVICEESCAPE_RESTOREGAMMA = 1,
} D3DKMT_DEVICEESCAPE_TYPE;

typedef struct _D3DKMT_DEVICE_ESCAPE {
    D3DKMT_DEVICEESCAPE_TYPE Type;
    struct {
        D3DKMT_HANDLE hPrimaryAllocation;
        D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    } VidPnFromAllocation;
} D3DKMT_DEVICE_ESCAPE;

typedef enum _D3DKMT_DMMESCAPETYPE {
    D3DKMT_DMMESCAPETYPE_UNINITIALIZED = 0,
    D3DKMT_DMMESCAPETYPE_GET_SUMMARY_INFO = 1,
    D3DKMT_DMMESCAPETYPE_GET_VIDEO_PRESENT_SOURCES_INFO = 2,
    D3DKMT_DMMESCAPETYPE_GET_VIDEO_PRESENT_TARGETS_INFO = 3,
    D3DKMT_DMMESCAPETYPE_GET_ACTIVEVIDPN_INFO = 4,
    D3DKMT_DMMESCAPETYPE_GET_MONITORS_INFO = 5,
    D3DKMT_DMMESCAPETYPE_RECENTLY_COMMITTED_VIDPNS_INFO = 6,
    D3DKMT_DMMESCAPETYPE_RECENT_MODECHANGE_REQUESTS_INFO = 7,
    D3DKMT_DMMESCAPETYPE_RECENTLY_RECOMMENDED_VIDPNS_INFO = 8,
    D3DKMT_DMMESCAPETYPE_RECENT_MONITOR_PRESENCE_EVENTS_INFO = 9,
    D3DKMT_DMMESCAPETYPE_ACTIVEVIDPN_SOURCEMODESET_INFO = 10,
    D3DKMT_DMMESCAPETYPE_ACTIVEVIDPN_COFUNCPATHMODALITY_INFO = 11,
    D3DKMT_DMMESCAPETYPE_GET_LASTCLIENTCOMMITTEDVIDPN_INFO = 12,
    D3DKMT_DMMESCAPETYPE_GET_VERSION_INFO = 13,
    D3DKMT_DMMESCAPETYPE_VIDPN_MGR_DIAGNOSTICS = 14,
} D3DKMT_DMMESCAPETYPE;

typedef struct _D3DKMT_DMM_ESCAPE {
    D3DKMT_DMMESCAPETYPE Type;
    D3DKMT_SIZE_T ProvidedBufferSize;
    D3DKMT_SIZE_T MinRequiredBufferSize;
    UCHAR Data[1];
} D3DKMT_DMM_ESCAPE;

enum {
    D3DKMT_MAX_DMM_ESCAPE_DATASIZE = 102400, /* bytes */
};

typedef struct _D3DKMT_BDDFALLBACK_CTL {
    BOOLEAN ForceBddHeadlessNextFallback;
} D3DKMT_BDDFALLBACK_CTL;

typedef struct _D3DKMT_REQUEST_MACHINE_CRASH_ESCAPE {
    D3DKMT_ULONG_PTR Param1;
    D3DKMT_ULONG_PTR Param2;
    D3DKMT_ULONG_PTR Param3;
} D3DKMT_REQUEST_MACHINE_CRASH_ESCAPE;

typedef struct _D3DKMT_HISTORY_BUFFER_STATUS {
    BOOLEAN Enabled;
    UINT Reserved;
} D3DKMT_HISTORY_BUFFER_STATUS;

typedef struct _D3DKMT_DOD_SET_DIRTYRECT_MODE {
    BOOL bForceFullScreenDirty;
} D3DKMT_DOD_SET_DIRTYRECT_MODE;

typedef struct _D3DKMT_DEBUG_SNAPSHOT_ESCAPE {
    ULONG Length;
    BYTE Buffer[1];
} D3DKMT_DEBUG_SNAPSHOT_ESCAPE;

typedef enum _D3DKMT_ACTIVATE_SPECIFIC_DIAG_TYPE {
    D3DKMT_ACTIVATE_SPECIFIC_DIAG_TYPE_EXTRA_CCD_DATABASE_INFO = 0,
    D3DKMT_ACTIVATE_SPECIFIC_DIAG_TYPE_MODES_PRUNED = 15,
} D3DKMT_ACTIVATE_SPECIFIC_DIAG_TYPE;

typedef struct _D3DKMT_ACTIVATE_SPECIFIC_DIAG_ESCAPE {
    D3DKMT_ACTIVATE_SPECIFIC_DIAG_TYPE Type;
    BOOL Activate;
} D3DKMT_ACTIVATE_SPECIFIC_DIAG_ESCAPE;

typedef enum _D3DKMT_VERIFIER_OPTION_MODE {
    D3DKMT_VERIFIER_OPTION_QUERY = 0,
    D3DKMT_VERIFIER_OPTION_SET = 1,
} D3DKMT_VERIFIER_OPTION_MODE;

typedef enum _D3DKMT_PROCESS_VERIFIER_OPTION_TYPE {
    D3DKMT_PROCESS_VERIFIER_OPTION_VIDMM_FLAGS = 1000,
    D3DKMT_PROCESS_VERIFIER_OPTION_VIDMM_RESTRICT_BUDGET = 1001,
} D3DKMT_PROCESS_VERIFIER_OPTION_TYPE;

typedef union _D3DKMT_PROCESS_VERIFIER_VIDMM_FLAGS {
    struct {
        UINT ForceSynchronousEvict : 1;
        UINT NeverDeferEvictions : 1;
        UINT AlwaysFailCommitOnReclaim : 1;
        UINT AlwaysPlaceInDemotedLocation : 1;
        UINT Reserved : 28;
    };
    UINT32 Value;
} D3DKMT_PROCESS_VERIFIER_VIDMM_FLAGS;

typedef struct _D3DKMT_PROCESS_VERIFIER_VIDMM_RESTRICT_BUDGET {
    UINT64 LocalBudget;
    UINT64 NonLocalBudget;
} D3DKMT_PROCESS_VERIFIER_VIDMM_RESTRICT_BUDGET;

typedef union _D3DKMT_PROCESS_VERIFIER_OPTION_DATA {
    D3DKMT_PROCESS_VERIFIER_VIDMM_FLAGS VidMmFlags;
    D3DKMT_PROCESS_VERIFIER_VIDMM_RESTRICT_BUDGET VidMmRestrictBudget;
} D3DKMT_PROCESS_VERIFIER_OPTION_DATA;

typedef struct _D3DKMT_PROCESS_VERIFIER_OPTION {
    D3DKMT_PTR(HANDLE, hProcess);
    D3DKMT_PROCESS_VERIFIER_OPTION_TYPE Type;
    D3DKMT_VERIFIER_OPTION_MODE Mode;
    D3DKMT_PROCESS_VERIFIER_OPTION_DATA Data;
} D3DKMT_PROCESS_VERIFIER_OPTION;

typedef enum _D3DKMT_ADAPTER_VERIFIER_OPTION_TYPE {
    D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_FLAGS = 1000,
    D3DKMT_ADAPTER_VERIFIER_OPTION_VIDMM_TRIM_INTERVAL = 1001,
} D3DKMT_ADAPTER_VERIFIER_OPTION_TYPE;

typedef union _D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS {
    struct {
        UINT AlwaysRepatch : 1;
        UINT FailSharedPrimary : 1;
        UINT FailProbeAndLock : 1;
        UINT AlwaysDiscardOffer : 1;
        UINT NeverDiscardOffer : 1;
        UINT ForceComplexLock : 1;
        UINT NeverPrepatch : 1;
        UINT ExpectPreparationFailure : 1;
        UINT TakeSplitPoint : 1;
        UINT FailAcquireSwizzlingRange : 1;
        UINT PagingPathLockSubrange : 1;
        UINT PagingPathLockMinrange : 1;
        UINT FailVaRotation : 1;
        UINT NoDemotion : 1;
        UINT FailDefragPass : 1;
        UINT AlwaysProcessOfferList : 1;
        UINT AlwaysDecommitOffer : 1;
        UINT NeverMoveDefrag : 1;
        UINT AlwaysRelocateDisplayableResources : 1;
        UINT AlwaysFailGrowVPRMoves : 1;
        UINT Reserved : 12;
    };
    UINT32 Value;
} D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS;

typedef struct _D3DKMT_ADAPTER_VERIFIER_VIDMM_TRIM_INTERVAL {
    UINT64 MinimumTrimInterval;
    UINT64 MaximumTrimInterval;
    UINT64 IdleTrimInterval;
} D3DKMT_ADAPTER_VERIFIER_VIDMM_TRIM_INTERVAL;

typedef union _D3DKMT_ADAPTER_VERIFIER_OPTION_DATA {
    D3DKMT_ADAPTER_VERIFIER_VIDMM_FLAGS VidMmFlags;
    D3DKMT_ADAPTER_VERIFIER_VIDMM_TRIM_INTERVAL VidMmTrimInterval;
} D3DKMT_ADAPTER_VERIFIER_OPTION_DATA;

typedef struct _D3DKMT_ADAPTER_VERIFIER_OPTION {
    D3DKMT_ADAPTER_VERIFIER_OPTION_TYPE Type;
    D3DKMT_VERIFIER_OPTION_MODE Mode;
    D3DKMT_ADAPTER_VERIFIER_OPTION_DATA Data;
} D3DKMT_ADAPTER_VERIFIER_OPTION;

/*
 * Protected sessions.
 */

typedef enum _D3DKMT_PROTECTED_SESSION_STATUS {
    D3DKMT_PROTECTED_SESSION_STATUS_OK = 0,
    D3DKMT_PROTECTED_SESSION_STATUS_INVALID = 1,
} D3DKMT_PROTECTED_SESSION_STATUS;

typedef struct _D3DKMT_CREATEPROTECTEDSESSION {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hSyncObject;
    D3DKMT_PTR(const VOID *, pPrivateDriverData);
    UINT PrivateDriverDataSize;
    D3DKMT_PTR(const VOID *, pPrivateRuntimeData);
    UINT PrivateRuntimeDataSize;
    D3DKMT_HANDLE hHandle;
} D3DKMT_CREATEPROTECTEDSESSION;

/* Creates a session for protected content. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateProtectedSession(D3DKMT_CREATEPROTECTEDSESSION *);

typedef struct _D3DKMT_DESTROYPROTECTEDSESSION {
    D3DKMT_HANDLE hHandle;
} D3DKMT_DESTROYPROTECTEDSESSION;

/* Destroys one. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyProtectedSession(D3DKMT_DESTROYPROTECTEDSESSION *);

typedef struct _D3DKMT_QUERYPROTECTEDSESSIONSTATUS {
    D3DKMT_HANDLE hHandle;
    D3DKMT_PROTECTED_SESSION_STATUS Status;
} D3DKMT_QUERYPROTECTEDSESSIONSTATUS;

/* Tells whether a session is still valid. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryProtectedSessionStatus(D3DKMT_QUERYPROTECTEDSESSIONSTATUS *);

typedef struct _D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE {
    D3DKMT_PTR(HANDLE, hNtHandle);
    D3DKMT_PTR(const VOID *, pPrivateDriverData);
    UINT PrivateDriverDataSize;
    D3DKMT_PTR(const VOID *, pPrivateRuntimeData);
    UINT PrivateRuntimeDataSize;
} D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE;

/* Tells the sizes of a shared session's data. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryProtectedSessionInfoFromNtHandle(D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE *);

typedef struct _D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE {
    D3DKMT_PTR(HANDLE, hNtHandle);
    D3DKMT_HANDLE hHandle;
} D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE;

/* Opens a shared session. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenProtectedSessionFromNtHandle(D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE *);

typedef struct _D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY {
    D3DKMT_HANDLE hAdapter;
    BOOL Recovered;
} D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY;

/* Says that hardware protection works again after it was torn down. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetHwProtectionTeardownRecovery(D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY *);

/*
 * Tracked workloads.
 */

#define D3DKMT_MAX_TRACKED_WORKLOAD_INSTANCE_PAIRS 32

typedef enum _D3DKMT_TRACKEDWORKLOADPOLICY {
    D3DKMT_TRACKEDWORKLOADPOLICY_NORMAL = 0,
    D3DKMT_TRACKEDWORKLOADPOLICY_ENERGY_EFFICIENT = 1,
    D3DKMT_TRACKEDWORKLOADPOLICY_HIGH_SPEED = 2,
} D3DKMT_TRACKEDWORKLOADPOLICY;

typedef enum _D3DKMT_TRACKEDWORKLOADDEADLINETYPE {
    D3DKMT_TRACKEDWORKLOADDEADLINETYPE_ABSOLUTE = 0,
    D3DKMT_TRACKEDWORKLOADDEADLINETYPE_VBLANK = 1,
} D3DKMT_TRACKEDWORKLOADDEADLINETYPE;

typedef struct _D3DKMT_TRACKEDWORKLOADDEADLINE {
    union {
        UINT64 VBlankOffsetHundredsNS;
        UINT64 AbsoluteQPC;
    };
} D3DKMT_TRACKEDWORKLOADDEADLINE;

typedef struct _D3DKMT_TRACKEDWORKLOADFLAGS {
    union {
        struct {
            UINT Periodic : 1;
            UINT SimilarLoad : 1;
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DKMT_TRACKEDWORKLOADFLAGS;

typedef struct _D3DKMT_CREATETRACKEDWORKLOAD {
    ULONG cbSize;
    ULONG ContextCount;
    D3DKMT_PTR(const D3DKMT_HANDLE *, ContextArray);
    D3DKMT_TRACKEDWORKLOADDEADLINETYPE DeadlineType;
    UINT32 VidPnTargetId;
    D3DKMT_TRACKEDWORKLOADFLAGS Flags;
    D3DKMT_TRACKEDWORKLOADPOLICY Policy;
    UINT MaxInstances;
    UINT MaxInstancePairs;
    D3DKMT_HANDLE hResourceQueryTimestamps;
    D3DKMT_HANDLE hTrackedWorkload;
} D3DKMT_CREATETRACKEDWORKLOAD;

typedef struct _D3DKMT_DESTROYTRACKEDWORKLOAD {
    ULONG cbSize;
    D3DKMT_HANDLE hTrackedWorkload;
} D3DKMT_DESTROYTRACKEDWORKLOAD;

typedef struct _D3DKMT_UPDATETRACKEDWORKLOAD {
    ULONG cbSize;
    D3DKMT_HANDLE hTrackedWorkload;
    D3DKMT_TRACKEDWORKLOADDEADLINE FinishDeadline;
    UINT BeginTrackedWorkloadIndex;
    UINT EndTrackedWorkloadIndex;
    BOOL Resume;
    BOOL Suspend;
    UINT64 PairID;
    UINT64 FenceSubmissionValue;
    UINT64 FenceCompletedValue;
    UINT64 GPUTimestampFrequency;
    UINT64 GPUCalibrationTimestamp;
    UINT64 CPUCalibrationTimestamp;
    UINT64 TimestampArray[2 * D3DKMT_MAX_TRACKED_WORKLOAD_INSTANCE_PAIRS];
    BOOL TimestampArrayProcessed;
} D3DKMT_UPDATETRACKEDWORKLOAD;

typedef struct _D3DKMT_GETAVAILABLETRACKEDWORKLOADINDEX {
    ULONG cbSize;
    D3DKMT_HANDLE hTrackedWorkload;
    UINT64 FenceCompletedValue;
    UINT64 TimestampArray[2 * D3DKMT_MAX_TRACKED_WORKLOAD_INSTANCE_PAIRS];
    UINT AvailableTrackedWorkloadIndex;
    BOOL TimestampArrayProcessed;
} D3DKMT_GETAVAILABLETRACKEDWORKLOADINDEX;

typedef struct _D3DKMT_TRACKEDWORKLOADSTATEFLAGS {
    union {
        struct {
            UINT Saturated : 1;
            UINT NotEnoughSamples : 1;
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DKMT_TRACKEDWORKLOADSTATEFLAGS;

typedef struct _D3DKMT_TRACKEDWORKLOAD_STATISTICS {
    INT64 Mean;
    INT64 Minimum;
    INT64 Maximum;
    INT64 Variance;
    UINT64 Count;
} D3DKMT_TRACKEDWORKLOAD_STATISTICS;

typedef struct _D3DKMT_GETTRACKEDWORKLOADSTATISTICS {
    ULONG cbSize;
    D3DKMT_HANDLE hTrackedWorkload;
    UINT64 FenceCompletedValue;
    UINT64 TimestampArray[2 * D3DKMT_MAX_TRACKED_WORKLOAD_INSTANCE_PAIRS];
    BOOL TimestampArrayProcessed;
    D3DKMT_TRACKEDWORKLOAD_STATISTICS DeadlineOffsetHundredsNS;
    UINT64 MissedDeadlines;
    D3DKMT_TRACKEDWORKLOADSTATEFLAGS Flags;
} D3DKMT_GETTRACKEDWORKLOADSTATISTICS;

typedef struct _D3DKMT_RESETTRACKEDWORKLOADSTATISTICS {
    ULONG cbSize;
    D3DKMT_HANDLE hTrackedWorkload;
} D3DKMT_RESETTRACKEDWORKLOADSTATISTICS;

/*
 * Who owns a video present source.
 */

typedef enum _D3DKMT_VIDPNSOURCEOWNER_TYPE {
    D3DKMT_VIDPNSOURCEOWNER_UNOWNED = 0,
    D3DKMT_VIDPNSOURCEOWNER_SHARED = 1,
    D3DKMT_VIDPNSOURCEOWNER_EXCLUSIVE = 2,
    D3DKMT_VIDPNSOURCEOWNER_EXCLUSIVEGDI = 3,
    D3DKMT_VIDPNSOURCEOWNER_EMULATED = 4,
} D3DKMT_VIDPNSOURCEOWNER_TYPE;

typedef struct _D3DKMT_VIDPNSOURCEOWNER_FLAGS {
    union {
        struct {
            UINT AllowOutputDuplication : 1;
            UINT DisableDWMVirtualMode : 1;
            UINT UseNtHandles : 1;
            UINT Reserved : 29;
        };
        UINT Value;
    };
} D3DKMT_VIDPNSOURCEOWNER_FLAGS;

typedef struct _D3DKMT_SETVIDPNSOURCEOWNER {
    D3DKMT_HANDLE hDevice;
    D3DKMT_PTR(const D3DKMT_VIDPNSOURCEOWNER_TYPE *, pType);
    D3DKMT_PTR(const D3DDDI_VIDEO_PRESENT_SOURCE_ID *, pVidPnSourceId);
    UINT VidPnSourceCount;
} D3DKMT_SETVIDPNSOURCEOWNER;

/*
 * Takes or gives up video present sources for a device; a count of 0 gives up all. Fails with DEVICE_REMOVED,
 * INVALID_PARAMETER, GRAPHICS_VIDPN_SOURCE_IN_USE.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetVidPnSourceOwner(const D3DKMT_SETVIDPNSOURCEOWNER *);

typedef struct _D3DKMT_SETVIDPNSOURCEOWNER1 {
    D3DKMT_SETVIDPNSOURCEOWNER Version0;
    D3DKMT_VIDPNSOURCEOWNER_FLAGS Flags;
} D3DKMT_SETVIDPNSOURCEOWNER1;

/* The same with flags. Fails with DEVICE_REMOVED, INVALID_PARAMETER, GRAPHICS_VIDPN_SOURCE_IN_USE. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetVidPnSourceOwner1(const D3DKMT_SETVIDPNSOURCEOWNER1 *);

typedef struct _D3DKMT_SETVIDPNSOURCEOWNER2 {
    D3DKMT_SETVIDPNSOURCEOWNER1 Version1;
    D3DKMT_PTR(const D3DKMT_PTR_TYPE *, pVidPnSourceNtHandles);
} D3DKMT_SETVIDPNSOURCEOWNER2;

/*
 * The same with NT handles of the primaries. Fails with DEVICE_REMOVED, INVALID_PARAMETER,
 * GRAPHICS_VIDPN_SOURCE_IN_USE.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetVidPnSourceOwner2(const D3DKMT_SETVIDPNSOURCEOWNER2 *);

typedef struct _D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP {
    D3DKMT_HANDLE hAdapter;
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
} D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP;

/*
 * SUCCESS where nobody owns the source exclusively. Fails with INVALID_PARAMETER, GRAPHICS_PRESENT_OCCLUDED,
 * GRAPHICS_PRESENT_UNOCCLUDED.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckVidPnExclusiveOwnership(const D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP *);

typedef struct _D3DKMT_QUERYVIDPNEXCLUSIVEOWNERSHIP {
    D3DKMT_PTR(HANDLE, hProcess);
    D3DKMT_PTR(HWND, hWindow);
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
    LUID AdapterLuid;
    D3DKMT_VIDPNSOURCEOWNER_TYPE OwnerType;
} D3DKMT_QUERYVIDPNEXCLUSIVEOWNERSHIP;

/* Tells who owns a source exclusively. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryVidPnExclusiveOwnership(D3DKMT_QUERYVIDPNEXCLUSIVEOWNERSHIP *);

/* TRUE where any source has an exclusive owner. */
EXTERN_C BOOLEAN APIENTRY D3DKMTCheckExclusiveOwnership(VOID);

/* Takes every source from a process. */
EXTERN_C NTSTATUS APIENTRY D3DKMTReleaseProcessVidPnSourceOwners(HANDLE);

/*
 * Display, declared only.
 *
 * Their structs are incomplete here: a program that calls one of these brings its own.
 */

typedef struct _D3DKMT_ADJUSTFULLSCREENGAMMA D3DKMT_ADJUSTFULLSCREENGAMMA;
typedef struct _D3DKMT_CANCEL_PRESENTS D3DKMT_CANCEL_PRESENTS;
typedef struct _D3DKMT_CHANGESURFACEPOINTER D3DKMT_CHANGESURFACEPOINTER;
typedef struct _D3DKMT_CHECKMONITORPOWERSTATE D3DKMT_CHECKMONITORPOWERSTATE;
typedef struct _D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT;
typedef struct _D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT2 D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT2;
typedef struct _D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT3 D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT3;
typedef struct _D3DKMT_CHECKOCCLUSION D3DKMT_CHECKOCCLUSION;
typedef struct _D3DKMT_CREATEDCFROMMEMORY D3DKMT_CREATEDCFROMMEMORY;
typedef struct _D3DKMT_CREATEOVERLAY D3DKMT_CREATEOVERLAY;
typedef struct _D3DKMT_CREATE_OUTPUTDUPL D3DKMT_CREATE_OUTPUTDUPL;
typedef struct _D3DKMT_DESTROYDCFROMMEMORY D3DKMT_DESTROYDCFROMMEMORY;
typedef struct _D3DKMT_DESTROYOVERLAY D3DKMT_DESTROYOVERLAY;
typedef struct _D3DKMT_DESTROY_OUTPUTDUPL D3DKMT_DESTROY_OUTPUTDUPL;
typedef struct _D3DKMT_FLIPOVERLAY D3DKMT_FLIPOVERLAY;
typedef struct _D3DKMT_GETDISPLAYMODELIST D3DKMT_GETDISPLAYMODELIST;
typedef struct _D3DKMT_GETMULTISAMPLEMETHODLIST D3DKMT_GETMULTISAMPLEMETHODLIST;
typedef struct _D3DKMT_GETOVERLAYSTATE D3DKMT_GETOVERLAYSTATE;
typedef struct _D3DKMT_GETPRESENTHISTORY D3DKMT_GETPRESENTHISTORY;
typedef struct _D3DKMT_GETSCANLINE D3DKMT_GETSCANLINE;
typedef struct _D3DKMT_GETVERTICALBLANKEVENT D3DKMT_GETVERTICALBLANKEVENT;
typedef struct _D3DKMT_GET_MULTIPLANE_OVERLAY_CAPS D3DKMT_GET_MULTIPLANE_OVERLAY_CAPS;
typedef struct _D3DKMT_GET_POST_COMPOSITION_CAPS D3DKMT_GET_POST_COMPOSITION_CAPS;
typedef struct _D3DKMT_INVALIDATEACTIVEVIDPN D3DKMT_INVALIDATEACTIVEVIDPN;
typedef struct _D3DKMT_OUTPUTDUPLPRESENT D3DKMT_OUTPUTDUPLPRESENT;
typedef struct _D3DKMT_OUTPUTDUPLPRESENTTOHWQUEUE D3DKMT_OUTPUTDUPLPRESENTTOHWQUEUE;
typedef struct _D3DKMT_OUTPUTDUPL_GET_FRAMEINFO D3DKMT_OUTPUTDUPL_GET_FRAMEINFO;
typedef struct _D3DKMT_OUTPUTDUPL_GET_POINTER_SHAPE_DATA D3DKMT_OUTPUTDUPL_GET_POINTER_SHAPE_DATA;
typedef struct _D3DKMT_OUTPUTDUPL_METADATA D3DKMT_OUTPUTDUPL_METADATA;
typedef struct _D3DKMT_OUTPUTDUPL_RELEASE_FRAME D3DKMT_OUTPUTDUPL_RELEASE_FRAME;
typedef struct _D3DKMT_POLLDISPLAYCHILDREN D3DKMT_POLLDISPLAYCHILDREN;
typedef struct _D3DKMT_PRESENT D3DKMT_PRESENT;
typedef struct D3DKMT_PRESENT_MULTIPLANE_OVERLAY D3DKMT_PRESENT_MULTIPLANE_OVERLAY;
typedef struct _D3DKMT_PRESENT_MULTIPLANE_OVERLAY2 D3DKMT_PRESENT_MULTIPLANE_OVERLAY2;
typedef struct _D3DKMT_PRESENT_MULTIPLANE_OVERLAY3 D3DKMT_PRESENT_MULTIPLANE_OVERLAY3;
typedef struct _D3DKMT_PRESENT_REDIRECTED D3DKMT_PRESENT_REDIRECTED;
typedef struct _D3DKMT_QUERYFSEBLOCK D3DKMT_QUERYFSEBLOCK;
typedef struct _D3DKMT_QUERYREMOTEVIDPNSOURCEFROMGDIDISPLAYNAME D3DKMT_QUERYREMOTEVIDPNSOURCEFROMGDIDISPLAYNAME;
typedef struct _D3DKMT_SETDISPLAYMODE D3DKMT_SETDISPLAYMODE;
typedef struct _D3DKMT_SETDISPLAYPRIVATEDRIVERFORMAT D3DKMT_SETDISPLAYPRIVATEDRIVERFORMAT;
typedef struct _D3DKMT_SETFSEBLOCK D3DKMT_SETFSEBLOCK;
typedef struct _D3DKMT_SETGAMMARAMP D3DKMT_SETGAMMARAMP;
typedef struct _D3DKMT_SETSYNCREFRESHCOUNTWAITTARGET D3DKMT_SETSYNCREFRESHCOUNTWAITTARGET;
typedef struct _D3DKMT_SETVIDPNSOURCEHWPROTECTION D3DKMT_SETVIDPNSOURCEHWPROTECTION;
typedef struct _D3DKMT_SET_COLORSPACE_TRANSFORM D3DKMT_SET_COLORSPACE_TRANSFORM;
typedef struct _D3DKMT_SHAREDPRIMARYLOCKNOTIFICATION D3DKMT_SHAREDPRIMARYLOCKNOTIFICATION;
typedef struct _D3DKMT_SHAREDPRIMARYUNLOCKNOTIFICATION D3DKMT_SHAREDPRIMARYUNLOCKNOTIFICATION;
typedef struct _D3DKMT_SUBMITPRESENTBLTTOHWQUEUE D3DKMT_SUBMITPRESENTBLTTOHWQUEUE;
typedef struct _D3DKMT_SUBMITPRESENTTOHWQUEUE D3DKMT_SUBMITPRESENTTOHWQUEUE;
typedef struct _D3DKMT_UPDATEOVERLAY D3DKMT_UPDATEOVERLAY;
typedef struct _D3DKMT_WAITFORVERTICALBLANKEVENT D3DKMT_WAITFORVERTICALBLANKEVENT;
typedef struct _D3DKMT_WAITFORVERTICALBLANKEVENT2 D3DKMT_WAITFORVERTICALBLANKEVENT2;

/* Adjusts the gamma of a full-screen owner. */
EXTERN_C NTSTATUS APIENTRY D3DKMTAdjustFullscreenGamma(D3DKMT_ADJUSTFULLSCREENGAMMA *);
/* Takes queued presents back. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCancelPresents(D3DKMT_CANCEL_PRESENTS *);
/* Changes what a GDI surface draws on. */
EXTERN_C NTSTATUS APIENTRY D3DKMTChangeSurfacePointer(const D3DKMT_CHANGESURFACEPOINTER *);
/* Tells whether the monitor of a source is on. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckMonitorPowerState(const D3DKMT_CHECKMONITORPOWERSTATE *);
/* Tells whether the display can show these planes. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckMultiPlaneOverlaySupport(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT *);
/* The same, with color spaces. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckMultiPlaneOverlaySupport2(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT2 *);
/* The same, with post-composition. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckMultiPlaneOverlaySupport3(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT3 *);
/* Tells whether a window is covered. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCheckOcclusion(const D3DKMT_CHECKOCCLUSION *);
/* Makes a GDI device context over the caller's memory. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateDCFromMemory(D3DKMT_CREATEDCFROMMEMORY *);
/* Starts the duplication of an output. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateOutputDupl(const D3DKMT_CREATE_OUTPUTDUPL *);
/* Creates a kernel-mode overlay. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateOverlay(D3DKMT_CREATEOVERLAY *);
/* Ends such a device context. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyDCFromMemory(const D3DKMT_DESTROYDCFROMMEMORY *);
/* Ends the duplication of an output. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyOutputDupl(const D3DKMT_DESTROY_OUTPUTDUPL *);
/* Destroys an overlay. */
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyOverlay(const D3DKMT_DESTROYOVERLAY *);
/* Shows another allocation in an overlay. */
EXTERN_C NTSTATUS APIENTRY D3DKMTFlipOverlay(const D3DKMT_FLIPOVERLAY *);
/* Gives the compositor's event of a vertical blank. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetDWMVerticalBlankEvent(const D3DKMT_GETVERTICALBLANKEVENT *);
/* Lists the modes of a source. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetDisplayModeList(D3DKMT_GETDISPLAYMODELIST *);
/* Tells what a source's planes can do. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetMultiPlaneOverlayCaps(D3DKMT_GET_MULTIPLANE_OVERLAY_CAPS *);
/* Lists the multisample methods of a format. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetMultisampleMethodList(D3DKMT_GETMULTISAMPLEMETHODLIST *);
/* Tells whether an overlay is enabled. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetOverlayState(D3DKMT_GETOVERLAYSTATE *);
/* Tells how far a source can scale after composition. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetPostCompositionCaps(D3DKMT_GET_POST_COMPOSITION_CAPS *);
/* Reads the tokens of redirected presents. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetPresentHistory(D3DKMT_GETPRESENTHISTORY *);
/* Gives an event for room in the queue of presents. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetPresentQueueEvent(D3DKMT_HANDLE hAdapter, HANDLE *);
/* Tells the line that is being scanned out. */
EXTERN_C NTSTATUS APIENTRY D3DKMTGetScanLine(D3DKMT_GETSCANLINE *);
/* Makes the kernel choose its modes anew. */
EXTERN_C NTSTATUS APIENTRY D3DKMTInvalidateActiveVidPn(const D3DKMT_INVALIDATEACTIVEVIDPN *);
/* Waits for the next frame of a duplicated output. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplGetFrameInfo(D3DKMT_OUTPUTDUPL_GET_FRAMEINFO *);
/* Reads what moved and what changed in it. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplGetMetaData(D3DKMT_OUTPUTDUPL_METADATA *);
/* Reads the shape of the pointer. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplGetPointerShapeData(D3DKMT_OUTPUTDUPL_GET_POINTER_SHAPE_DATA *);
/* Copies the frame. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplPresent(const D3DKMT_OUTPUTDUPLPRESENT *);
/* Copies the frame on a hardware queue. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplPresentToHwQueue(const D3DKMT_OUTPUTDUPLPRESENTTOHWQUEUE *);
/* Gives the frame back. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOutputDuplReleaseFrame(D3DKMT_OUTPUTDUPL_RELEASE_FRAME *);
/* Looks for monitors. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPollDisplayChildren(const D3DKMT_POLLDISPLAYCHILDREN *);
/* Shows an allocation. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPresent(D3DKMT_PRESENT *);
/* Shows planes. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPresentMultiPlaneOverlay(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY *);
/* The same, with color spaces. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPresentMultiPlaneOverlay2(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY2 *);
/* The same, with post-composition. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPresentMultiPlaneOverlay3(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY3 *);
/* Shows an allocation through the compositor. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPresentRedirected(D3DKMT_PRESENT_REDIRECTED *);
/* Tells whether full-screen exclusive mode is blocked. */
EXTERN_C NTSTATUS APIENTRY D3DKMTQueryFSEBlock(D3DKMT_QUERYFSEBLOCK *);
/* Finds the source of a remote display. */
EXTERN_C NTSTATUS APIENTRY
D3DKMTQueryRemoteVidPnSourceFromGdiDisplayName(D3DKMT_QUERYREMOTEVIDPNSOURCEFROMGDIDISPLAYNAME *);
/* Sets the mode of a source. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetDisplayMode(const D3DKMT_SETDISPLAYMODE *);
/* Sets a source's private format. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetDisplayPrivateDriverFormat(const D3DKMT_SETDISPLAYPRIVATEDRIVERFORMAT *);
/* Blocks full-screen exclusive mode. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetFSEBlock(const D3DKMT_SETFSEBLOCK *);
/* Sets a gamma ramp. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetGammaRamp(const D3DKMT_SETGAMMARAMP *);
/* Sets a color transform. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetMonitorColorSpaceTransform(D3DKMT_SET_COLORSPACE_TRANSFORM *);
/* Sets the refresh for which the next wait waits. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetSyncRefreshCountWaitTarget(const D3DKMT_SETSYNCREFRESHCOUNTWAITTARGET *);
/* Protects what a source shows. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSetVidPnSourceHwProtection(D3DKMT_SETVIDPNSOURCEHWPROTECTION *);
/* Tells that GDI locks the primary. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSharedPrimaryLockNotification(const D3DKMT_SHAREDPRIMARYLOCKNOTIFICATION *);
/* Tells that GDI unlocks it. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSharedPrimaryUnLockNotification(const D3DKMT_SHAREDPRIMARYUNLOCKNOTIFICATION *);
/* Shows by copy, on a hardware queue. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitPresentBltToHwQueue(const D3DKMT_SUBMITPRESENTBLTTOHWQUEUE *);
/* Shows by flip, on a hardware queue. */
EXTERN_C NTSTATUS APIENTRY D3DKMTSubmitPresentToHwQueue(D3DKMT_SUBMITPRESENTTOHWQUEUE *);
/* Moves an overlay. */
EXTERN_C NTSTATUS APIENTRY D3DKMTUpdateOverlay(const D3DKMT_UPDATEOVERLAY *);
/* Waits for a vertical blank. */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitForVerticalBlankEvent(const D3DKMT_WAITFORVERTICALBLANKEVENT *);
/* The same, or for one of several objects. */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitForVerticalBlankEvent2(const D3DKMT_WAITFORVERTICALBLANKEVENT2 *);

/*
 * After WDDM 3.0.
 *
 * Newer than the interface version of d3dukmdt.h, or absent from Microsoft's public Linux header. The layouts are
 * those of Microsoft's pages (native fences, features: WDDM 3.2) and of the Linux kernel interface (sync files,
 * processes).
 */

typedef struct _D3DKMT_ISFEATUREENABLED {
    D3DKMT_HANDLE hAdapter;              /* in: 0 for a feature of the kernel */
    DXGK_FEATURE_ID FeatureId;           /* in */
    DXGK_ISFEATUREENABLED_RESULT Result; /* out */
} D3DKMT_ISFEATUREENABLED;

/*
 * Tells whether a feature is known, supported and enabled. An unknown number is SUCCESS with
 * KnownFeature 0. Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTIsFeatureEnabled(D3DKMT_ISFEATUREENABLED *);

typedef struct _D3DKMT_ENUMPROCESSES {
    LUID AdapterLuid;            /* in */
    D3DKMT_PTR(ULONG *, Buffer); /* out: process ids */
    UINT64 BufferCount;          /* in: elements of Buffer, at least 1; out: used */
} D3DKMT_ENUMPROCESSES;

/*
 * Lists the processes that have the adapter open. No page; the layout is that of the Linux kernel
 * interface (number 0x48). Fails with BUFFER_TOO_SMALL, INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTEnumProcesses(D3DKMT_ENUMPROCESSES *);

typedef struct _D3DKMT_WAITSYNCFILE {
    UINT64 hSyncFile;       /* in: a file descriptor, stays the caller's */
    D3DKMT_HANDLE hContext; /* in */
    UINT Reserved;
} D3DKMT_WAITSYNCFILE;

/*
 * Linux only (0x46): makes what is submitted to a context from now on wait for a sync file. Fails
 * with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTWaitSyncFile(const D3DKMT_WAITSYNCFILE *);

typedef struct _D3DKMT_OPENSYNCOBJECTFROMSYNCFILE {
    UINT64 hSyncFile;                                   /* in: a file descriptor, stays the caller's */
    D3DKMT_HANDLE hDevice;                              /* in */
    D3DKMT_HANDLE hSyncObject;                          /* out */
    UINT64 FenceValue;                                  /* out: the value at which the sync file is signalled */
    D3DKMT_PTR(VOID *, FenceValueCPUVirtualAddress);    /* out: the 64-bit value, for reading */
    D3DGPU_VIRTUAL_ADDRESS FenceValueGPUVirtualAddress; /* out: the same value on the GPU */
} D3DKMT_OPENSYNCOBJECTFROMSYNCFILE;

/*
 * Linux only (0x47): opens the monitored fence from which D3DKMTCreateSyncFile() made a sync file.
 * Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenSyncObjectFromSyncFile(D3DKMT_OPENSYNCOBJECTFROMSYNCFILE *);

typedef struct _D3DKMT_CREATENATIVEFENCE_FLAGS {
    union {
        struct {
            UINT Reserved : 32;
        };
        UINT Value;
    };
} D3DKMT_CREATENATIVEFENCE_FLAGS;

typedef struct _D3DKMT_CREATENATIVEFENCE {
    D3DKMT_HANDLE hDevice;                                /* in */
    D3DKMT_HANDLE hSyncObject;                            /* out */
    BYTE PrivateDriverData[D3DDDI_NATIVE_FENCE_PDD_SIZE]; /* in/out */
    D3DDDI_NATIVEFENCEINFO Info;                          /* in/out */
    D3DKMT_CREATENATIVEFENCE_FLAGS Flags;                 /* in: 0 */
    BYTE Reserved[28];
} D3DKMT_CREATENATIVEFENCE;

/*
 * Creates a fence that GPU engines signal and wait for by themselves; the caller owns it. It is
 * destroyed with D3DKMTDestroySynchronizationObject(). Fails with INVALID_PARAMETER.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateNativeFence(D3DKMT_CREATENATIVEFENCE *);

typedef struct _D3DKMT_OPENNATIVEFENCEFROMNTHANDLE {
    D3DKMT_PTR(HANDLE, hNtHandle);                        /* in: stays the caller's */
    D3DKMT_HANDLE hDevice;                                /* in */
    UINT EngineAffinity;                                  /* in: a mask of physical adapters */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS Flags;             /* in */
    D3DKMT_HANDLE hSyncObject;                            /* out */
    D3DDDI_NATIVEFENCEMAPPING NativeFenceMapping;         /* out */
    BYTE PrivateDriverData[D3DDDI_NATIVE_FENCE_PDD_SIZE]; /* in/out */
    BYTE Reserved[32];
} D3DKMT_OPENNATIVEFENCEFROMNTHANDLE;

/* Opens one that was shared by NT handle. Fails with INVALID_HANDLE, INVALID_PARAMETER. */
EXTERN_C NTSTATUS APIENTRY D3DKMTOpenNativeFenceFromNtHandle(D3DKMT_OPENNATIVEFENCEFROMNTHANDLE *);

/*
 * Asks for a callback when the budget of a process changes. Callbacks come on a thread of the
 * library's own. The page lists no status.
 */
EXTERN_C NTSTATUS APIENTRY D3DKMTRegisterBudgetChangeNotification(D3DKMT_REGISTERBUDGETCHANGENOTIFICATION *);

/* Ends that; no callback runs when it returns. The page lists no status. */
EXTERN_C NTSTATUS APIENTRY D3DKMTUnregisterBudgetChangeNotification(D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION *);

/* Keeps resources resident, for flips without a process. Microsoft's Linux library exports it undeclared. */
EXTERN_C NTSTATUS APIENTRY D3DKMTPinResources(D3DKMT_PINRESOURCES *);

/* Ends that. */
EXTERN_C NTSTATUS APIENTRY D3DKMTUnpinResources(const D3DKMT_UNPINRESOURCES *);

/* The six calls on tracked workloads; Microsoft's Linux library exports them undeclared. */
EXTERN_C NTSTATUS APIENTRY D3DKMTCreateTrackedWorkload(D3DKMT_CREATETRACKEDWORKLOAD *);
EXTERN_C NTSTATUS APIENTRY D3DKMTDestroyTrackedWorkload(D3DKMT_DESTROYTRACKEDWORKLOAD *);
EXTERN_C NTSTATUS APIENTRY D3DKMTUpdateTrackedWorkload(D3DKMT_UPDATETRACKEDWORKLOAD *);
EXTERN_C NTSTATUS APIENTRY D3DKMTGetAvailableTrackedWorkloadIndex(D3DKMT_GETAVAILABLETRACKEDWORKLOADINDEX *);
EXTERN_C NTSTATUS APIENTRY D3DKMTGetTrackedWorkloadStatistics(D3DKMT_GETTRACKEDWORKLOADSTATISTICS *);
EXTERN_C NTSTATUS APIENTRY D3DKMTResetTrackedWorkloadStatistics(const D3DKMT_RESETTRACKEDWORKLOADSTATISTICS *);

/*
 * Types of pointers to the functions.
 *
 * For programs that look the functions up with dlsym().
 */

typedef NTSTATUS(APIENTRY *PFND3DKMT_ACQUIREKEYEDMUTEX)(D3DKMT_ACQUIREKEYEDMUTEX *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ACQUIREKEYEDMUTEX2)(D3DKMT_ACQUIREKEYEDMUTEX2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ADJUSTFULLSCREENGAMMA)(D3DKMT_ADJUSTFULLSCREENGAMMA *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CANCELPRESENTS)(D3DKMT_CANCEL_PRESENTS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHANGESURFACEPOINTER)(const D3DKMT_CHANGESURFACEPOINTER *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHANGEVIDEOMEMORYRESERVATION)(const D3DKMT_CHANGEVIDEOMEMORYRESERVATION *);
typedef BOOLEAN(APIENTRY *PFND3DKMT_CHECKEXCLUSIVEOWNERSHIP)(VOID);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKMONITORPOWERSTATE)(const D3DKMT_CHECKMONITORPOWERSTATE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT)(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT2)(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT3)(D3DKMT_CHECKMULTIPLANEOVERLAYSUPPORT3 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKOCCLUSION)(const D3DKMT_CHECKOCCLUSION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKSHAREDRESOURCEACCESS)(const D3DKMT_CHECKSHAREDRESOURCEACCESS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP)(const D3DKMT_CHECKVIDPNEXCLUSIVEOWNERSHIP *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CLOSEADAPTER)(const D3DKMT_CLOSEADAPTER *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CONFIGURESHAREDRESOURCE)(const D3DKMT_CONFIGURESHAREDRESOURCE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEALLOCATION)(D3DKMT_CREATEALLOCATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEALLOCATION2)(D3DKMT_CREATEALLOCATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATECONTEXT)(D3DKMT_CREATECONTEXT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATECONTEXTVIRTUAL)(D3DKMT_CREATECONTEXTVIRTUAL *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEDCFROMMEMORY)(D3DKMT_CREATEDCFROMMEMORY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEDEVICE)(D3DKMT_CREATEDEVICE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEHWQUEUE)(D3DKMT_CREATEHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEKEYEDMUTEX)(D3DKMT_CREATEKEYEDMUTEX *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEKEYEDMUTEX2)(D3DKMT_CREATEKEYEDMUTEX2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEOUTPUTDUPL)(const D3DKMT_CREATE_OUTPUTDUPL *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEOVERLAY)(D3DKMT_CREATEOVERLAY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEPAGINGQUEUE)(D3DKMT_CREATEPAGINGQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATEPROTECTEDSESSION)(D3DKMT_CREATEPROTECTEDSESSION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATESYNCHRONIZATIONOBJECT)(D3DKMT_CREATESYNCHRONIZATIONOBJECT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATESYNCHRONIZATIONOBJECT2)(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYALLOCATION)(const D3DKMT_DESTROYALLOCATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYALLOCATION2)(const D3DKMT_DESTROYALLOCATION2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYCONTEXT)(const D3DKMT_DESTROYCONTEXT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYDCFROMMEMORY)(const D3DKMT_DESTROYDCFROMMEMORY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYDEVICE)(const D3DKMT_DESTROYDEVICE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYHWQUEUE)(const D3DKMT_DESTROYHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYKEYEDMUTEX)(const D3DKMT_DESTROYKEYEDMUTEX *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYOUTPUTDUPL)(const D3DKMT_DESTROY_OUTPUTDUPL *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYOVERLAY)(const D3DKMT_DESTROYOVERLAY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYPAGINGQUEUE)(D3DDDI_DESTROYPAGINGQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYPROTECTEDSESSION)(D3DKMT_DESTROYPROTECTEDSESSION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_DESTROYSYNCHRONIZATIONOBJECT)(const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ENUMADAPTERS)(const D3DKMT_ENUMADAPTERS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ENUMADAPTERS2)(const D3DKMT_ENUMADAPTERS2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ENUMADAPTERS3)(D3DKMT_ENUMADAPTERS3 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ESCAPE)(const D3DKMT_ESCAPE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_EVICT)(D3DKMT_EVICT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_FLIPOVERLAY)(const D3DKMT_FLIPOVERLAY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_FLUSHHEAPTRANSITIONS)(D3DKMT_FLUSHHEAPTRANSITIONS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_FREEGPUVIRTUALADDRESS)(const D3DKMT_FREEGPUVIRTUALADDRESS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETALLOCATIONPRIORITY)(const D3DKMT_GETALLOCATIONPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY)(
    D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETCONTEXTSCHEDULINGPRIORITY)(D3DKMT_GETCONTEXTSCHEDULINGPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETDWMVERTICALBLANKEVENT)(const D3DKMT_GETVERTICALBLANKEVENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETDEVICESTATE)(D3DKMT_GETDEVICESTATE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETDISPLAYMODELIST)(D3DKMT_GETDISPLAYMODELIST *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETMULTIPLANEOVERLAYCAPS)(D3DKMT_GET_MULTIPLANE_OVERLAY_CAPS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETMULTISAMPLEMETHODLIST)(D3DKMT_GETMULTISAMPLEMETHODLIST *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETOVERLAYSTATE)(D3DKMT_GETOVERLAYSTATE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETPOSTCOMPOSITIONCAPS)(D3DKMT_GET_POST_COMPOSITION_CAPS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETPRESENTHISTORY)(D3DKMT_GETPRESENTHISTORY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETPROCESSDEVICEREMOVALSUPPORT)(D3DKMT_GETPROCESSDEVICEREMOVALSUPPORT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETPROCESSSCHEDULINGPRIORITYCLASS)(HANDLE, D3DKMT_SCHEDULINGPRIORITYCLASS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETRESOURCEPRESENTPRIVATEDRIVERDATA)(D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETRUNTIMEDATA)(const D3DKMT_GETRUNTIMEDATA *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETSCANLINE)(D3DKMT_GETSCANLINE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETSHAREDPRIMARYHANDLE)(D3DKMT_GETSHAREDPRIMARYHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_GETSHAREDRESOURCEADAPTERLUID)(D3DKMT_GETSHAREDRESOURCEADAPTERLUID *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_INVALIDATEACTIVEVIDPN)(const D3DKMT_INVALIDATEACTIVEVIDPN *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_INVALIDATECACHE)(const D3DKMT_INVALIDATECACHE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_LOCK)(D3DKMT_LOCK *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_LOCK2)(D3DKMT_LOCK2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_MAKERESIDENT)(D3DDDI_MAKERESIDENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_MAPGPUVIRTUALADDRESS)(D3DDDI_MAPGPUVIRTUALADDRESS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_MARKDEVICEASERROR)(D3DKMT_MARKDEVICEASERROR *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OFFERALLOCATIONS)(const D3DKMT_OFFERALLOCATIONS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENADAPTERFROMDEVICENAME)(D3DKMT_OPENADAPTERFROMDEVICENAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENADAPTERFROMGDIDISPLAYNAME)(D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENADAPTERFROMHDC)(D3DKMT_OPENADAPTERFROMHDC *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENADAPTERFROMLUID)(const D3DKMT_OPENADAPTERFROMLUID *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENKEYEDMUTEX)(D3DKMT_OPENKEYEDMUTEX *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENKEYEDMUTEX2)(D3DKMT_OPENKEYEDMUTEX2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENKEYEDMUTEXFROMNTHANDLE)(D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENNTHANDLEFROMNAME)(D3DKMT_OPENNTHANDLEFROMNAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE)(D3DKMT_OPENPROTECTEDSESSIONFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENRESOURCE)(D3DKMT_OPENRESOURCE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENRESOURCE2)(D3DKMT_OPENRESOURCE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENRESOURCEFROMNTHANDLE)(D3DKMT_OPENRESOURCEFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENSYNCOBJECTFROMNTHANDLE)(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENSYNCOBJECTFROMNTHANDLE2)(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME)(D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENSYNCHRONIZATIONOBJECT)(D3DKMT_OPENSYNCHRONIZATIONOBJECT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLGETFRAMEINFO)(D3DKMT_OUTPUTDUPL_GET_FRAMEINFO *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLGETMETADATA)(D3DKMT_OUTPUTDUPL_METADATA *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLGETPOINTERSHAPEDATA)(D3DKMT_OUTPUTDUPL_GET_POINTER_SHAPE_DATA *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLPRESENT)(const D3DKMT_OUTPUTDUPLPRESENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLPRESENTTOHWQUEUE)(const D3DKMT_OUTPUTDUPLPRESENTTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OUTPUTDUPLRELEASEFRAME)(D3DKMT_OUTPUTDUPL_RELEASE_FRAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_POLLDISPLAYCHILDREN)(const D3DKMT_POLLDISPLAYCHILDREN *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_PRESENT)(D3DKMT_PRESENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_PRESENTMULTIPLANEOVERLAY)(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_PRESENTMULTIPLANEOVERLAY2)(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_PRESENTMULTIPLANEOVERLAY3)(const D3DKMT_PRESENT_MULTIPLANE_OVERLAY3 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYADAPTERINFO)(const D3DKMT_QUERYADAPTERINFO *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYALLOCATIONRESIDENCY)(const D3DKMT_QUERYALLOCATIONRESIDENCY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYCLOCKCALIBRATION)(D3DKMT_QUERYCLOCKCALIBRATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYFSEBLOCK)(D3DKMT_QUERYFSEBLOCK *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYPROCESSOFFERINFO)(D3DKMT_QUERYPROCESSOFFERINFO *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE)(
    D3DKMT_QUERYPROTECTEDSESSIONINFOFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYPROTECTEDSESSIONSTATUS)(D3DKMT_QUERYPROTECTEDSESSIONSTATUS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYREMOTEVIDPNSOURCEFROMGDIDISPLAYNAME)(
    D3DKMT_QUERYREMOTEVIDPNSOURCEFROMGDIDISPLAYNAME *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYRESOURCEINFO)(D3DKMT_QUERYRESOURCEINFO *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYRESOURCEINFOFROMNTHANDLE)(D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYSTATISTICS)(const D3DKMT_QUERYSTATISTICS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYVIDPNEXCLUSIVEOWNERSHIP)(D3DKMT_QUERYVIDPNEXCLUSIVEOWNERSHIP *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_QUERYVIDEOMEMORYINFO)(D3DKMT_QUERYVIDEOMEMORYINFO *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RECLAIMALLOCATIONS)(const D3DKMT_RECLAIMALLOCATIONS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RECLAIMALLOCATIONS2)(D3DKMT_RECLAIMALLOCATIONS2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_REGISTERTRIMNOTIFICATION)(D3DKMT_REGISTERTRIMNOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RELEASEKEYEDMUTEX)(D3DKMT_RELEASEKEYEDMUTEX *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RELEASEKEYEDMUTEX2)(D3DKMT_RELEASEKEYEDMUTEX2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RELEASEPROCESSVIDPNSOURCEOWNERS)(HANDLE);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RENDER)(D3DKMT_RENDER *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_RESERVEGPUVIRTUALADDRESS)(D3DDDI_RESERVEGPUVIRTUALADDRESS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETALLOCATIONPRIORITY)(const D3DKMT_SETALLOCATIONPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY)(
    const D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETCONTEXTSCHEDULINGPRIORITY)(const D3DKMT_SETCONTEXTSCHEDULINGPRIORITY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETDISPLAYMODE)(const D3DKMT_SETDISPLAYMODE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETDISPLAYPRIVATEDRIVERFORMAT)(const D3DKMT_SETDISPLAYPRIVATEDRIVERFORMAT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETFSEBLOCK)(const D3DKMT_SETFSEBLOCK *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETGAMMARAMP)(const D3DKMT_SETGAMMARAMP *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY)(D3DKMT_SETHWPROTECTIONTEARDOWNRECOVERY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETPROCESSSCHEDULINGPRIORITYCLASS)(HANDLE, D3DKMT_SCHEDULINGPRIORITYCLASS);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETQUEUEDLIMIT)(const D3DKMT_SETQUEUEDLIMIT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETSTABLEPOWERSTATE)(const D3DKMT_SETSTABLEPOWERSTATE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETSYNCREFRESHCOUNTWAITTARGET)(const D3DKMT_SETSYNCREFRESHCOUNTWAITTARGET *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETVIDPNSOURCEHWPROTECTION)(D3DKMT_SETVIDPNSOURCEHWPROTECTION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETVIDPNSOURCEOWNER)(const D3DKMT_SETVIDPNSOURCEOWNER *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETVIDPNSOURCEOWNER1)(const D3DKMT_SETVIDPNSOURCEOWNER1 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SETVIDPNSOURCEOWNER2)(const D3DKMT_SETVIDPNSOURCEOWNER2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SHAREOBJECTS)(UINT, const D3DKMT_HANDLE *, POBJECT_ATTRIBUTES, DWORD, HANDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SHAREDPRIMARYLOCKNOTIFICATION)(const D3DKMT_SHAREDPRIMARYLOCKNOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SHAREDPRIMARYUNLOCKNOTIFICATION)(const D3DKMT_SHAREDPRIMARYUNLOCKNOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SIGNALSYNCHRONIZATIONOBJECT)(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SIGNALSYNCHRONIZATIONOBJECT2)(const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU)(
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU)(
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2)(
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITCOMMAND)(const D3DKMT_SUBMITCOMMAND *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITCOMMANDTOHWQUEUE)(const D3DKMT_SUBMITCOMMANDTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITPRESENTBLTTOHWQUEUE)(const D3DKMT_SUBMITPRESENTBLTTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITPRESENTTOHWQUEUE)(D3DKMT_SUBMITPRESENTTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE)(const D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE)(
    const D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_TRIMPROCESSCOMMITMENT)(D3DKMT_TRIMPROCESSCOMMITMENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UNLOCK)(const D3DKMT_UNLOCK *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UNLOCK2)(const D3DKMT_UNLOCK2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UNREGISTERTRIMNOTIFICATION)(D3DKMT_UNREGISTERTRIMNOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UPDATEALLOCATIONPROPERTY)(D3DDDI_UPDATEALLOCPROPERTY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UPDATEGPUVIRTUALADDRESS)(const D3DKMT_UPDATEGPUVIRTUALADDRESS *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UPDATEOVERLAY)(const D3DKMT_UPDATEOVERLAY *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORIDLE)(const D3DKMT_WAITFORIDLE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORSYNCHRONIZATIONOBJECT)(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORSYNCHRONIZATIONOBJECT2)(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU)(
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU)(
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORVERTICALBLANKEVENT)(const D3DKMT_WAITFORVERTICALBLANKEVENT *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_WAITFORVERTICALBLANKEVENT2)(const D3DKMT_WAITFORVERTICALBLANKEVENT2 *);

typedef NTSTATUS(APIENTRY *PFND3DKMT_REGISTERBUDGETCHANGENOTIFICATION)(D3DKMT_REGISTERBUDGETCHANGENOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION)(D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_PINRESOURCES)(D3DKMT_PINRESOURCES *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_UNPINRESOURCES)(const D3DKMT_UNPINRESOURCES *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ISFEATUREENABLED)(D3DKMT_ISFEATUREENABLED *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_ENUMPROCESSES)(D3DKMT_ENUMPROCESSES *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_CREATENATIVEFENCE)(D3DKMT_CREATENATIVEFENCE *);
typedef NTSTATUS(APIENTRY *PFND3DKMT_OPENNATIVEFENCEFROMNTHANDLE)(D3DKMT_OPENNATIVEFENCEFROMNTHANDLE *);

#pragma GCC diagnostic pop

#endif
