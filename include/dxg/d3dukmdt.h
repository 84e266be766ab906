/* SPDX-License-Identifier: MIT */
/*
 * d3dukmdt.h - WDDM types that user mode and kernel mode share.
 *
 * The names and the layouts are Microsoft's, the text is ours. Layouts are those of x86-64 Linux, where WCHAR has
 * 4 bytes; everything else is as on 64-bit Windows. What an argument means is written at the function that takes it,
 * in d3dkmthk.h.
 */
#ifndef DXG_D3DUKMDT_H
#define DXG_D3DUKMDT_H

#include <wsl/winadapter.h>

/* Anonymous structs, enum constants above INT_MAX and 64-bit bit fields are part of this interface. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

/* A pointer in a struct, and its 8 bytes as a number: Name and Name_Align. */
#ifndef D3DKMT_PTR
#define D3DKMT_PTR(Type, Name)                                                                                         \
    union {                                                                                                            \
        UINT64 Name##_Align;                                                                                           \
        Type Name;                                                                                                     \
    }
#endif

/*
 * Interface versions.
 *
 * DXGKDDI_* counts the interface to kernel-mode drivers, D3D_UMD_* the one to user-mode drivers. Code that was
 * written for several versions of Microsoft's headers tests these.
 */

#define DXGKDDI_INTERFACE_VERSION_VISTA 0x1052
#define DXGKDDI_INTERFACE_VERSION_VISTA_SP1 0x1053
#define DXGKDDI_INTERFACE_VERSION_WIN7 0x2005
#define DXGKDDI_INTERFACE_VERSION_WIN8 0x300e
#define DXGKDDI_INTERFACE_VERSION_WDDM1_3 0x4002
#define DXGKDDI_INTERFACE_VERSION_WDDM1_3_PATH_INDEPENDENT_ROTATION 0x4003
#define DXGKDDI_INTERFACE_VERSION_WDDM2_0 0x5023
#define DXGKDDI_INTERFACE_VERSION_WDDM2_1 0x6003
#define DXGKDDI_INTERFACE_VERSION_WDDM2_1_5 0x6010
#define DXGKDDI_INTERFACE_VERSION_WDDM2_1_6 0x6011
#define DXGKDDI_INTERFACE_VERSION_WDDM2_2 0x700a
#define DXGKDDI_INTERFACE_VERSION_WDDM2_3 0x8001
#define DXGKDDI_INTERFACE_VERSION_WDDM2_4 0x9006
#define DXGKDDI_INTERFACE_VERSION_WDDM2_5 0xa00b
#define DXGKDDI_INTERFACE_VERSION_WDDM2_6 0xb004
#define DXGKDDI_INTERFACE_VERSION_WDDM2_7 0xc004
#define DXGKDDI_INTERFACE_VERSION_WDDM2_8 0xd001
#define DXGKDDI_INTERFACE_VERSION_WDDM2_9 0xe003
#define DXGKDDI_INTERFACE_VERSION_WDDM3_0 0xf003

/* The interface that these headers describe. */
#ifndef DXGKDDI_INTERFACE_VERSION
#define DXGKDDI_INTERFACE_VERSION DXGKDDI_INTERFACE_VERSION_WDDM3_0
#endif

#define D3D_UMD_INTERFACE_VERSION_VISTA 0xc
#define D3D_UMD_INTERFACE_VERSION_WIN7 0x2003
#define D3D_UMD_INTERFACE_VERSION_WIN8_M3 0x3001
#define D3D_UMD_INTERFACE_VERSION_WIN8_CP 0x3002
#define D3D_UMD_INTERFACE_VERSION_WIN8_RC 0x3003
#define D3D_UMD_INTERFACE_VERSION_WIN8 0x3004
#define D3D_UMD_INTERFACE_VERSION_WDDM1_3 0x4002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_0_M1 0x5000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_0_M1_3 0x5001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_0_M2_2 0x5002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_0 0x5002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_1_1 0x6000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_1_2 0x6001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_1_3 0x6002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_1_4 0x6003
#define D3D_UMD_INTERFACE_VERSION_WDDM2_1 0x6003
#define D3D_UMD_INTERFACE_VERSION_WDDM2_2_1 0x7000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_2_2 0x7001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_2 0x7001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_3_1 0x8000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_3_2 0x8001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_3 0x8001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_4_1 0x9000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_4_2 0x9001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_4 0x9001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_5_1 0xa000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_5_2 0xa001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_5_3 0xa002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_5 0xa002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_6_1 0xb000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_6_2 0xb001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_6_3 0xb002
#define D3D_UMD_INTERFACE_VERSION_WDDM2_6_4 0xb003
#define D3D_UMD_INTERFACE_VERSION_WDDM2_6 0xb003
#define D3D_UMD_INTERFACE_VERSION_WDDM2_7_1 0xc000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_7_2 0xc001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_7 0xc001
#define D3D_UMD_INTERFACE_VERSION_WDDM2_8_1 0xd000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_8 0xd000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_9_1 0xe000
#define D3D_UMD_INTERFACE_VERSION_WDDM2_9 0xe000
#define D3D_UMD_INTERFACE_VERSION_WDDM3_0_1 0xf000
#define D3D_UMD_INTERFACE_VERSION_WDDM3_0 0xf000

#ifndef D3D_UMD_INTERFACE_VERSION
#define D3D_UMD_INTERFACE_VERSION D3D_UMD_INTERFACE_VERSION_WDDM3_0
#endif

/*
 * Scalars and identifiers.
 *
 * A D3DKMT_HANDLE names one object of the calling process: an adapter, a device, a resource, an allocation, a
 * context, a paging queue and so on; 0 is "none". A global handle, which names a shared object for every process, has
 * the same type and other low bits (see D3DKMTShareObjects() for the better way to share).
 */

typedef UINT D3DKMT_HANDLE;
typedef UINT64 D3DKMT_SIZE_T;
typedef UINT64 D3DKMT_UINT_PTR;
typedef UINT64 D3DKMT_ULONG_PTR;

typedef union _D3DKMT_PTR_TYPE {
    UINT64 Ptr_Align;
    HANDLE Ptr;
} D3DKMT_PTR_TYPE;

typedef UINT D3DDDI_VIDEO_PRESENT_SOURCE_ID;
typedef UINT D3DDDI_VIDEO_PRESENT_TARGET_ID;
#define D3DDDI_ID_UNINITIALIZED 0xffffffff
#define D3DDDI_ID_NOTAPPLICABLE 0
#define D3DDDI_ID_ANY 0xfffffffe
#define D3DDDI_ID_ALL 0xfffffffd
#define D3DKMDT_MAX_VIDPN_SOURCES_BITCOUNT 4
#define D3DKMDT_MAX_VIDPN_SOURCES 16
#define D3DDDI_MAX_WRITTEN_PRIMARIES 16         /* primaries that one submission may write */
#define D3DDDI_MAX_MPO_PRESENT_DIRTY_RECTS 4095 /* rectangles in one present */

typedef struct _D3DDDI_RATIONAL {
    UINT Numerator;
    UINT Denominator;
} D3DDDI_RATIONAL;

typedef struct _D3DDDIRECT {
    LONG left;
    LONG top;
    LONG right;
    LONG bottom;
} D3DDDIRECT;

/*
 * Pixel formats and display enumerations.
 */

/* The numbers are Direct3D 9's; four-character codes are little-endian. */
typedef enum _D3DDDIFORMAT {
    D3DDDIFMT_UNKNOWN = 0,
    D3DDDIFMT_R8G8B8 = 20,
    D3DDDIFMT_A8R8G8B8 = 21,
    D3DDDIFMT_X8R8G8B8 = 22,
    D3DDDIFMT_R5G6B5 = 23,
    D3DDDIFMT_X1R5G5B5 = 24,
    D3DDDIFMT_A1R5G5B5 = 25,
    D3DDDIFMT_A4R4G4B4 = 26,
    D3DDDIFMT_R3G3B2 = 27,
    D3DDDIFMT_A8 = 28,
    D3DDDIFMT_A8R3G3B2 = 29,
    D3DDDIFMT_X4R4G4B4 = 30,
    D3DDDIFMT_A2B10G10R10 = 31,
    D3DDDIFMT_A8B8G8R8 = 32,
    D3DDDIFMT_X8B8G8R8 = 33,
    D3DDDIFMT_G16R16 = 34,
    D3DDDIFMT_A2R10G10B10 = 35,
    D3DDDIFMT_A16B16G16R16 = 36,
    D3DDDIFMT_A8P8 = 40,
    D3DDDIFMT_P8 = 41,
    D3DDDIFMT_L8 = 50,
    D3DDDIFMT_A8L8 = 51,
    D3DDDIFMT_A4L4 = 52,
    D3DDDIFMT_V8U8 = 60,
    D3DDDIFMT_L6V5U5 = 61,
    D3DDDIFMT_X8L8V8U8 = 62,
    D3DDDIFMT_Q8W8V8U8 = 63,
    D3DDDIFMT_V16U16 = 64,
    D3DDDIFMT_W11V11U10 = 65,
    D3DDDIFMT_A2W10V10U10 = 67,
    D3DDDIFMT_UYVY = 0x59565955,
    D3DDDIFMT_R8G8_B8G8 = 0x47424752,
    D3DDDIFMT_YUY2 = 0x32595559,
    D3DDDIFMT_G8R8_G8B8 = 0x42475247,
    D3DDDIFMT_DXT1 = 0x31545844,
    D3DDDIFMT_DXT2 = 0x32545844,
    D3DDDIFMT_DXT3 = 0x33545844,
    D3DDDIFMT_DXT4 = 0x34545844,
    D3DDDIFMT_DXT5 = 0x35545844,
    D3DDDIFMT_D16_LOCKABLE = 70,
    D3DDDIFMT_D32 = 71,
    D3DDDIFMT_D15S1 = 73,
    D3DDDIFMT_D24S8 = 75,
    D3DDDIFMT_D24X8 = 77,
    D3DDDIFMT_D24X4S4 = 79,
    D3DDDIFMT_D16 = 80,
    D3DDDIFMT_D32F_LOCKABLE = 82,
    D3DDDIFMT_D24FS8 = 83,
    D3DDDIFMT_D32_LOCKABLE = 84,
    D3DDDIFMT_S8_LOCKABLE = 85,
    D3DDDIFMT_S1D15 = 72,
    D3DDDIFMT_S8D24 = 74,
    D3DDDIFMT_X8D24 = 76,
    D3DDDIFMT_X4S4D24 = 78,
    D3DDDIFMT_L16 = 81,
    D3DDDIFMT_G8R8 = 91,
    D3DDDIFMT_R8 = 92,
    D3DDDIFMT_VERTEXDATA = 100,
    D3DDDIFMT_INDEX16 = 101,
    D3DDDIFMT_INDEX32 = 102,
    D3DDDIFMT_Q16W16V16U16 = 110,
    D3DDDIFMT_MULTI2_ARGB8 = 0x3154454d,
    D3DDDIFMT_R16F = 111,
    D3DDDIFMT_G16R16F = 112,
    D3DDDIFMT_A16B16G16R16F = 113,
    D3DDDIFMT_R32F = 114,
    D3DDDIFMT_G32R32F = 115,
    D3DDDIFMT_A32B32G32R32F = 116,
    D3DDDIFMT_CxV8U8 = 117,
    D3DDDIFMT_A1 = 118,
    D3DDDIFMT_A2B10G10R10_XR_BIAS = 119,
    D3DDDIFMT_DXVACOMPBUFFER_BASE = 150,
    D3DDDIFMT_PICTUREPARAMSDATA = 150,
    D3DDDIFMT_MACROBLOCKDATA = 151,
    D3DDDIFMT_RESIDUALDIFFERENCEDATA = 152,
    D3DDDIFMT_DEBLOCKINGDATA = 153,
    D3DDDIFMT_INVERSEQUANTIZATIONDATA = 154,
    D3DDDIFMT_SLICECONTROLDATA = 155,
    D3DDDIFMT_BITSTREAMDATA = 156,
    D3DDDIFMT_MOTIONVECTORBUFFER = 157,
    D3DDDIFMT_FILMGRAINBUFFER = 158,
    D3DDDIFMT_DXVA_RESERVED9 = 159,
    D3DDDIFMT_DXVA_RESERVED10 = 160,
    D3DDDIFMT_DXVA_RESERVED11 = 161,
    D3DDDIFMT_DXVA_RESERVED12 = 162,
    D3DDDIFMT_DXVA_RESERVED13 = 163,
    D3DDDIFMT_DXVA_RESERVED14 = 164,
    D3DDDIFMT_DXVA_RESERVED15 = 165,
    D3DDDIFMT_DXVA_RESERVED16 = 166,
    D3DDDIFMT_DXVA_RESERVED17 = 167,
    D3DDDIFMT_DXVA_RESERVED18 = 168,
    D3DDDIFMT_DXVA_RESERVED19 = 169,
    D3DDDIFMT_DXVA_RESERVED20 = 170,
    D3DDDIFMT_DXVA_RESERVED21 = 171,
    D3DDDIFMT_DXVA_RESERVED22 = 172,
    D3DDDIFMT_DXVA_RESERVED23 = 173,
    D3DDDIFMT_DXVA_RESERVED24 = 174,
    D3DDDIFMT_DXVA_RESERVED25 = 175,
    D3DDDIFMT_DXVA_RESERVED26 = 176,
    D3DDDIFMT_DXVA_RESERVED27 = 177,
    D3DDDIFMT_DXVA_RESERVED28 = 178,
    D3DDDIFMT_DXVA_RESERVED29 = 179,
    D3DDDIFMT_DXVA_RESERVED30 = 180,
    D3DDDIFMT_DXVA_RESERVED31 = 181,
    D3DDDIFMT_DXVACOMPBUFFER_MAX = 181,
    D3DDDIFMT_BINARYBUFFER = 199,
    D3DDDIFMT_FORCE_UINT = 0x7fffffff,
} D3DDDIFORMAT;

typedef struct _D3DDDI_MULTISAMPLINGMETHOD {
    UINT NumSamples;
    UINT NumQualityLevels;
} D3DDDI_MULTISAMPLINGMETHOD;

typedef enum _D3DDDI_VIDEO_SIGNAL_SCANLINE_ORDERING {
    D3DDDI_VSSLO_UNINITIALIZED = 0,
    D3DDDI_VSSLO_PROGRESSIVE = 1,
    D3DDDI_VSSLO_INTERLACED_UPPERFIELDFIRST = 2,
    D3DDDI_VSSLO_INTERLACED_LOWERFIELDFIRST = 3,
    D3DDDI_VSSLO_OTHER = 255,
} D3DDDI_VIDEO_SIGNAL_SCANLINE_ORDERING;

typedef enum _D3DDDI_ROTATION {
    D3DDDI_ROTATION_IDENTITY = 1,
    D3DDDI_ROTATION_90 = 2,
    D3DDDI_ROTATION_180 = 3,
    D3DDDI_ROTATION_270 = 4,
} D3DDDI_ROTATION;

typedef enum D3DDDI_FLIPINTERVAL_TYPE {
    D3DDDI_FLIPINTERVAL_IMMEDIATE = 0,
    D3DDDI_FLIPINTERVAL_ONE = 1,
    D3DDDI_FLIPINTERVAL_TWO = 2,
    D3DDDI_FLIPINTERVAL_THREE = 3,
    D3DDDI_FLIPINTERVAL_FOUR = 4,
    D3DDDI_FLIPINTERVAL_IMMEDIATE_ALLOW_TEARING = 5,
} D3DDDI_FLIPINTERVAL_TYPE;

/*
 * GPU virtual addresses and page tables.
 *
 * Addresses are those of the calling process on one adapter. Sizes and offsets come in bytes or in pages of 4 KiB, as
 * the names say.
 */

typedef ULONGLONG D3DGPU_VIRTUAL_ADDRESS;
typedef ULONGLONG D3DGPU_SIZE_T;
#define D3DGPU_NULL 0 /* no address */
/* in DriverProtection: never merge this mapping with another */
#define D3DGPU_UNIQUE_DRIVER_PROTECTION 0x8000000000000000ULL
#define DXGK_MAX_PAGE_TABLE_LEVEL_COUNT 6
#define DXGK_MIN_PAGE_TABLE_LEVEL_COUNT 2

typedef struct _D3DGPU_PHYSICAL_ADDRESS {
    UINT SegmentId; /* 0: system memory */
    UINT Padding;
    UINT64 SegmentOffset; /* bytes */
} D3DGPU_PHYSICAL_ADDRESS;

typedef enum _DXGK_PTE_PAGE_SIZE {
    DXGK_PTE_PAGE_TABLE_PAGE_4KB = 0,
    DXGK_PTE_PAGE_TABLE_PAGE_64KB = 1,
} DXGK_PTE_PAGE_SIZE;

/* One entry of a GPU page table, in the form that the kernel and a driver share. */
typedef struct _DXGK_PTE {
    union {
        struct {
            ULONGLONG Valid : 1;
            ULONGLONG Zero : 1; /* reads give 0, writes vanish */
            ULONGLONG CacheCoherent : 1;
            ULONGLONG ReadOnly : 1;
            ULONGLONG NoExecute : 1;
            ULONGLONG Segment : 5;   /* 0: system memory */
            ULONGLONG LargePage : 1; /* covers a whole page table of the level below */
            ULONGLONG PhysicalAdapterIndex : 6;
            ULONGLONG PageTablePageSize : 2; /* DXGK_PTE_PAGE_SIZE of the page table that this entry points to */
            ULONGLONG SystemReserved0 : 1;
            ULONGLONG Reserved : 44;
        };
        ULONGLONG Flags;
    };
    union {
        ULONGLONG PageAddress;      /* in pages of 4 KiB */
        ULONGLONG PageTableAddress; /* in pages of 4 KiB */
    };
} DXGK_PTE;

/* What the GPU may do in a mapped range. Reading is always allowed, except with NoAccess. */
typedef struct _D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE {
    union {
        struct {
            UINT64 Write : 1;
            UINT64 Execute : 1;
            UINT64 Zero : 1;          /* no memory behind it: reads give 0, writes vanish; excludes an allocation */
            UINT64 NoAccess : 1;      /* any access is a page fault; excludes an allocation */
            UINT64 SystemUseOnly : 1; /* 0 from user mode */
            UINT64 Reserved : 59;
        };
        UINT64 Value;
    };
} D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE;

typedef enum _D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE {
    D3DDDIGPUVIRTUALADDRESS_RESERVE_NO_ACCESS = 0, /* any access is a page fault */
    D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO = 1,      /* reads give 0, writes vanish */
    D3DDDIGPUVIRTUALADDRESS_RESERVE_NO_COMMIT = 2, /* not from user mode */
} D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE;

/* For D3DKMTReserveGpuVirtualAddress(). */
typedef struct D3DDDI_RESERVEGPUVIRTUALADDRESS {
    union {
        D3DKMT_HANDLE hPagingQueue; /* in, from WDDM 2.0 on */
        D3DKMT_HANDLE hAdapter;     /* in, the older form of the same field */
    };
    D3DGPU_VIRTUAL_ADDRESS BaseAddress;    /* in: the wanted address, or 0 to let the kernel choose */
    D3DGPU_VIRTUAL_ADDRESS MinimumAddress; /* in: lowest address, where BaseAddress is 0 */
    D3DGPU_VIRTUAL_ADDRESS MaximumAddress; /* in: end of the range to choose from; 0: no limit */
    D3DGPU_SIZE_T Size;                    /* in: bytes, a multiple of 64 KiB */
    union {
        D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE ReservationType; /* in */
        UINT Reserved0;
    };
    union {
        UINT64 DriverProtection; /* in: passed to the driver */
        UINT64 Reserved1;
    };
    D3DGPU_VIRTUAL_ADDRESS VirtualAddress; /* out: the start of the range */
    union {
        UINT64 PagingFenceValue; /* out: 0, or the paging queue's value at which the range is usable */
        UINT64 Reserved2;
    };
} D3DDDI_RESERVEGPUVIRTUALADDRESS;

/* For D3DKMTMapGpuVirtualAddress(). */
typedef struct D3DDDI_MAPGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hPagingQueue;                         /* in */
    D3DGPU_VIRTUAL_ADDRESS BaseAddress;                 /* in: inside a reserved range or free; 0: the kernel chooses */
    D3DGPU_VIRTUAL_ADDRESS MinimumAddress;              /* in: lowest address, where BaseAddress is 0 */
    D3DGPU_VIRTUAL_ADDRESS MaximumAddress;              /* in: end of the range to choose from; 0: no limit */
    D3DKMT_HANDLE hAllocation;                          /* in: 0 with Protection.Zero or NoAccess */
    D3DGPU_SIZE_T OffsetInPages;                        /* in: where in the allocation, 4 KiB pages */
    D3DGPU_SIZE_T SizeInPages;                          /* in: 4 KiB pages */
    D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE Protection; /* in */
    UINT64 DriverProtection;                            /* in: passed to the driver */
    UINT Reserved0;
    UINT64 Reserved1;
    D3DGPU_VIRTUAL_ADDRESS VirtualAddress; /* out: where it was mapped */
    UINT64 PagingFenceValue;               /* out: 0, or the paging queue's value at which the mapping holds */
} D3DDDI_MAPGPUVIRTUALADDRESS;

typedef enum _D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE {
    D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP = 0,
    D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP = 1,
    D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY = 2,
    D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT = 3,
} D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE;

/* One step of D3DKMTUpdateGpuVirtualAddress(). Addresses, offsets and sizes are in bytes, multiples of 4 KiB. */
typedef struct _D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION {
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE OperationType;
    union {
        struct {
            D3DGPU_VIRTUAL_ADDRESS BaseAddress;
            D3DGPU_SIZE_T SizeInBytes;
            D3DKMT_HANDLE hAllocation;
            D3DGPU_SIZE_T AllocationOffsetInBytes;
            D3DGPU_SIZE_T AllocationSizeInBytes; /* 0: SizeInBytes; smaller: this part of the allocation repeats */
        } Map;
        struct {
            D3DGPU_VIRTUAL_ADDRESS BaseAddress;
            D3DGPU_SIZE_T SizeInBytes;
            D3DKMT_HANDLE hAllocation;
            D3DGPU_SIZE_T AllocationOffsetInBytes;
            D3DGPU_SIZE_T AllocationSizeInBytes; /* 0: SizeInBytes; smaller: this part of the allocation repeats */
            D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE Protection;
            UINT64 DriverProtection; /* passed to the driver */
        } MapProtect;
        struct {
            D3DGPU_VIRTUAL_ADDRESS BaseAddress;
            D3DGPU_SIZE_T SizeInBytes;
            D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE Protection; /* Zero, NoAccess, or neither: as reserved */
        } Unmap;
        struct {
            D3DGPU_VIRTUAL_ADDRESS SourceAddress;
            D3DGPU_SIZE_T SizeInBytes;
            D3DGPU_VIRTUAL_ADDRESS DestAddress;
        } Copy;
    };
} D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION;

/*
 * Allocations.
 *
 * An allocation has a size that only the adapter's driver knows: it reads it from the private driver data.
 */

#define D3DDDI_ALLOCATIONPRIORITY_MINIMUM 0x28000000
#define D3DDDI_ALLOCATIONPRIORITY_LOW 0x50000000
#define D3DDDI_ALLOCATIONPRIORITY_NORMAL 0x78000000
#define D3DDDI_ALLOCATIONPRIORITY_HIGH 0xa0000000
#define D3DDDI_ALLOCATIONPRIORITY_MAXIMUM 0xc8000000
#define D3DKMT_CROSS_ADAPTER_RESOURCE_PITCH_ALIGNMENT 128 /* bytes */
#define D3DKMT_CROSS_ADAPTER_RESOURCE_HEIGHT_ALIGNMENT 4  /* rows */

/* Up to five segments, the best first. Ids count from 1, 0 is "none"; a direction of 1 allocates from the end. */
typedef struct _D3DDDI_SEGMENTPREFERENCE {
    union {
        struct {
            UINT SegmentId0 : 5;
            UINT Direction0 : 1;
            UINT SegmentId1 : 5;
            UINT Direction1 : 1;
            UINT SegmentId2 : 5;
            UINT Direction2 : 1;
            UINT SegmentId3 : 5;
            UINT Direction3 : 1;
            UINT SegmentId4 : 5;
            UINT Direction4 : 1;
            UINT Reserved : 2;
        };
        UINT Value;
    };
} D3DDDI_SEGMENTPREFERENCE;

/* One element of the array that D3DKMTCreateAllocation() takes. */
typedef struct _D3DDDI_ALLOCATIONINFO {
    D3DKMT_HANDLE hAllocation;                    /* out */
    D3DKMT_PTR(const VOID *, pSystemMem);         /* in: the caller's memory to use, or NULL */
    D3DKMT_PTR(VOID *, pPrivateDriverData);       /* in/out: what the driver reads, and may change */
    UINT PrivateDriverDataSize;                   /* in: bytes */
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId; /* in: for a primary only */
    union {
        struct {
            UINT Primary : 1; /* shown on VidPnSourceId */
            UINT Stereo : 1;  /* a primary with two images */
            UINT Reserved : 30;
        };
        UINT Value;
    } Flags;
} D3DDDI_ALLOCATIONINFO;

/*
 * One element of the array that D3DKMTCreateAllocation2() takes. The layout begins as D3DDDI_ALLOCATIONINFO's does.
 */
typedef struct _D3DDDI_ALLOCATIONINFO2 {
    D3DKMT_HANDLE hAllocation; /* out */
    union {
        UINT64 pSystemMem_hSection_Align;
        HANDLE hSection;        /* in, with ExistingSection: a file descriptor of the memory to use */
        const VOID *pSystemMem; /* in: the caller's memory to use, page aligned, whole pages; NULL: video memory */
    };
    D3DKMT_PTR(VOID *, pPrivateDriverData);       /* in/out: what the driver reads, and may change */
    UINT PrivateDriverDataSize;                   /* in: bytes */
    D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId; /* in: for a primary only */
    union {
        struct {
            UINT Primary : 1;          /* shown on VidPnSourceId */
            UINT Stereo : 1;           /* a primary with two images */
            UINT OverridePriority : 1; /* Priority replaces the driver's choice */
            UINT Reserved : 29;
        };
        UINT Value;
    } Flags;
    D3DGPU_VIRTUAL_ADDRESS GpuVirtualAddress; /* out: 0 on adapters whose addresses are mapped by call */
    union {
        UINT Priority; /* in, with OverridePriority: D3DDDI_ALLOCATIONPRIORITY_* */
        ULONG_PTR Unused;
    };
    ULONG_PTR Reserved[5]; /* ignored: Microsoft's own sample leaves it unset */
} D3DDDI_ALLOCATIONINFO2;

/* One element of the array that D3DKMTOpenResource() fills. */
typedef struct _D3DDDI_OPENALLOCATIONINFO {
    D3DKMT_HANDLE hAllocation;                    /* out */
    D3DKMT_PTR(const VOID *, pPrivateDriverData); /* out: points into the caller's total buffer */
    UINT PrivateDriverDataSize;                   /* out: bytes */
} D3DDDI_OPENALLOCATIONINFO;

/* One element of the array that D3DKMTOpenResource2() and D3DKMTOpenResourceFromNtHandle() fill. */
typedef struct _D3DDDI_OPENALLOCATIONINFO2 {
    D3DKMT_HANDLE hAllocation;                    /* out */
    D3DKMT_PTR(const VOID *, pPrivateDriverData); /* out: points into the caller's total buffer */
    UINT PrivateDriverDataSize;                   /* out: bytes */
    D3DGPU_VIRTUAL_ADDRESS GpuVirtualAddress;     /* out: 0 on adapters whose addresses are mapped by call */
    ULONG_PTR Reserved[6];
} D3DDDI_OPENALLOCATIONINFO2;

/* An allocation that a command buffer of D3DKMTRender() touches. */
typedef struct _D3DDDI_ALLOCATIONLIST {
    D3DKMT_HANDLE hAllocation;
    union {
        struct {
            UINT WriteOperation : 1;
            UINT DoNotRetireInstance : 1;
            UINT OfferPriority : 3;
            UINT Reserved : 27;
        };
        UINT Value;
    };
} D3DDDI_ALLOCATIONLIST;

/* A place in such a buffer where an address has to be written. */
typedef struct _D3DDDI_PATCHLOCATIONLIST {
    UINT AllocationIndex;
    union {
        struct {
            UINT SlotId : 24;
            UINT Reserved : 8;
        };
        UINT Value;
    };
    UINT DriverId;
    UINT AllocationOffset;
    UINT PatchOffset;
    UINT SplitOffset;
} D3DDDI_PATCHLOCATIONLIST;

/* How D3DKMTLock() locks. */
typedef struct _D3DDDICB_LOCKFLAGS {
    union {
        struct {
            UINT ReadOnly : 1; /* excludes WriteOnly */
            UINT WriteOnly : 1;
            UINT DonotWait : 1;           /* fail rather than wait for the GPU */
            UINT IgnoreSync : 1;          /* do not look whether the GPU uses it */
            UINT LockEntire : 1;          /* all pages, not a list of them */
            UINT DonotEvict : 1;          /* fail rather than move it */
            UINT AcquireAperture : 1;     /* through an unswizzling aperture */
            UINT Discard : 1;             /* the old contents may go; may rename */
            UINT NoExistingReference : 1; /* with Discard: nothing queued refers to it */
            UINT UseAlternateVA : 1;      /* with AcquireAperture: at an address of its own */
            UINT IgnoreReadSync : 1;      /* wait for GPU writes only */
            UINT Reserved : 21;
        };
        UINT Value;
    };
} D3DDDICB_LOCKFLAGS;

/* All zero. */
typedef struct _D3DDDICB_LOCK2FLAGS {
    union {
        struct {
            UINT Reserved : 32;
        };
        UINT Value;
    };
} D3DDDICB_LOCK2FLAGS;

typedef struct _D3DDDICB_DESTROYALLOCATION2FLAGS {
    union {
        struct {
            UINT AssumeNotInUse : 1;     /* no queued work uses it: free at once; a lie ends in a page fault */
            UINT SynchronousDestroy : 1; /* return only when the memory is back */
            UINT Reserved : 29;
            UINT SystemUseOnly : 1; /* 0 from user mode */
        };
        UINT Value;
    };
} D3DDDICB_DESTROYALLOCATION2FLAGS;

typedef struct _D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA {
    D3DKMT_HANDLE hResource;
    UINT PrivateDriverDataSize; /* in/out: bytes */
    D3DKMT_PTR(PVOID, pPrivateDriverData);
} D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA;

/*
 * Residency, offer and reclaim.
 *
 * Residency counts: an allocation is resident on a device for as long as it was made resident more often than evicted
 * there.
 */

typedef enum D3DDDI_PAGINGQUEUE_PRIORITY {
    D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL = -1,
    D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL = 0,
    D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL = 1,
} D3DDDI_PAGINGQUEUE_PRIORITY;

typedef struct D3DDDI_DESTROYPAGINGQUEUE {
    D3DKMT_HANDLE hPagingQueue;
} D3DDDI_DESTROYPAGINGQUEUE;

typedef struct D3DDDI_MAKERESIDENT_FLAGS {
    union {
        struct {
            UINT CantTrimFurther : 1; /* may exceed the current budget, not the largest possible one */
            UINT MustSucceed : 1;     /* with CantTrimFurther: a failure puts the device in error */
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DDDI_MAKERESIDENT_FLAGS;

/* For D3DKMTMakeResident(). */
typedef struct D3DDDI_MAKERESIDENT {
    D3DKMT_HANDLE hPagingQueue; /* in: a queue of the device that owns the allocations */
    UINT NumAllocations;        /* in: elements of AllocationList; out: how many were made resident, all or 0 */
    D3DKMT_PTR(const D3DKMT_HANDLE *, AllocationList); /* in: a handle that occurs twice counts twice */
    D3DKMT_PTR(const UINT *, PriorityList);            /* ignored, may be NULL */
    D3DDDI_MAKERESIDENT_FLAGS Flags;                   /* in */
    UINT64 PagingFenceValue;                           /* out: 0 when done, else the paging queue's value to wait for */
    UINT64 NumBytesToTrim;                             /* out, on failure: bytes above the budget */
} D3DDDI_MAKERESIDENT;

typedef struct D3DDDI_EVICT_FLAGS {
    union {
        struct {
            UINT EvictOnlyIfNecessary : 1; /* keep the bytes until the memory is needed */
            UINT NotWrittenTo : 1;         /* not written since made resident: no need to copy it back */
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DDDI_EVICT_FLAGS;

/* What a trim notification asks for. */
typedef struct D3DDDI_TRIMRESIDENCYSET_FLAGS {
    union {
        struct {
            UINT PeriodicTrim : 1;        /* drop what was not used since the last periodic trim */
            UINT RestartPeriodicTrim : 1; /* only restart that period */
            UINT TrimToBudget : 1;        /* free NumBytesToTrim bytes */
            UINT Reserved : 29;
        };
        UINT Value;
    };
} D3DDDI_TRIMRESIDENCYSET_FLAGS;

typedef struct D3DDDI_UPDATEALLOCPROPERTY_FLAGS {
    union {
        struct {
            UINT AccessedPhysically : 1; /* the GPU reads it by physical address */
            UINT Unmoveable : 1;         /* pin it where it is */
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DDDI_UPDATEALLOCPROPERTY_FLAGS;

/* For D3DKMTUpdateAllocationProperty(). */
typedef struct D3DDDI_UPDATEALLOCPROPERTY {
    D3DKMT_HANDLE hPagingQueue;                /* in */
    D3DKMT_HANDLE hAllocation;                 /* in: stand-alone, of the queue's device */
    UINT SupportedSegmentSet;                  /* in: bit 0 is segment 1 */
    D3DDDI_SEGMENTPREFERENCE PreferredSegment; /* in */
    D3DDDI_UPDATEALLOCPROPERTY_FLAGS Flags;    /* in */
    UINT64 PagingFenceValue;                   /* out: 0 when done, else the paging queue's value to wait for */
    union {
        struct {
            UINT SetAccessedPhysically : 1; /* which of the properties change */
            UINT SetSupportedSegmentSet : 1;
            UINT SetPreferredSegment : 1;
            UINT SetUnmoveable : 1;
            UINT Reserved : 28;
        };
        UINT PropertyMaskValue;
    };
} D3DDDI_UPDATEALLOCPROPERTY;

typedef enum _D3DDDI_OFFER_PRIORITY {
    D3DDDI_OFFER_PRIORITY_NONE = 0,
    D3DDDI_OFFER_PRIORITY_LOW = 1,
    D3DDDI_OFFER_PRIORITY_NORMAL = 2,
    D3DDDI_OFFER_PRIORITY_HIGH = 3,
    D3DDDI_OFFER_PRIORITY_AUTO = 4,
} D3DDDI_OFFER_PRIORITY;

typedef struct D3DDDI_OFFER_FLAGS {
    union {
        struct {
            UINT AllowDecommit : 1; /* the backing memory may go too, not only the contents */
            UINT Reserved : 31;
        };
        UINT Value;
    };
} D3DDDI_OFFER_FLAGS;

typedef enum _D3DDDI_RECLAIM_RESULT {
    D3DDDI_RECLAIM_RESULT_OK = 0,            /* the contents are there */
    D3DDDI_RECLAIM_RESULT_DISCARDED = 1,     /* the contents are lost */
    D3DDDI_RECLAIM_RESULT_NOT_COMMITTED = 2, /* no memory for it: still offered, not usable */
} D3DDDI_RECLAIM_RESULT;

/*
 * Synchronisation objects.
 *
 * A monitored fence is a 64-bit value that only grows; a wait for N ends when the value has reached N. The kernel
 * maps the value into the process, for reading on the CPU.
 */

#define D3DDDI_MAX_OBJECT_WAITED_ON 32
#define D3DDDI_MAX_OBJECT_SIGNALED 32
#define D3DDDI_MAX_BROADCAST_CONTEXT 64
#define D3DDDI_SYNC_OBJECT_WAIT 1   /* right to wait for it */
#define D3DDDI_SYNC_OBJECT_SIGNAL 2 /* right to signal it */

/* Both rights above and all standard ones, for D3DKMTShareObjects(). */
#define D3DDDI_SYNC_OBJECT_ALL_ACCESS 0x001f0003

typedef enum _D3DDDI_SYNCHRONIZATIONOBJECT_TYPE {
    D3DDDI_SYNCHRONIZATION_MUTEX = 1,
    D3DDDI_SEMAPHORE = 2,
    D3DDDI_FENCE = 3,
    D3DDDI_CPU_NOTIFICATION = 4,
    D3DDDI_MONITORED_FENCE = 5,
    D3DDDI_PERIODIC_MONITORED_FENCE = 6,
    D3DDDI_SYNCHRONIZATION_TYPE_LIMIT = 7,
} D3DDDI_SYNCHRONIZATIONOBJECT_TYPE;

typedef struct _D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS {
    union {
        struct {
            UINT Shared : 1;                /* other processes may open it */
            UINT NtSecuritySharing : 1;     /* with Shared: by NT handle, not by global handle */
            UINT CrossAdapter : 1;          /* other adapters may open it */
            UINT TopOfPipeline : 1;         /* a wait is satisfied before the engine starts, a signal is too */
            UINT NoSignal : 1;              /* may not be signalled through this handle; excludes NoWait */
            UINT NoWait : 1;                /* may not be waited for through this handle */
            UINT NoSignalMaxValueOnTdr : 1; /* a reset does not signal it */
            UINT NoGPUAccess : 1;           /* no GPU mapping; the value has 64 bits on every adapter */
            UINT SignalByKmd : 1;           /* a CPU notification that the driver signals */
            UINT Reserved : 22;
            UINT Reserved0 : 1;
        };
        UINT Value;
    };
} D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS;

/* For D3DKMTCreateSynchronizationObject(): mutexes and semaphores. */
typedef struct _D3DDDI_SYNCHRONIZATIONOBJECTINFO {
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE Type;
    union {
        struct {
            BOOL InitialState; /* TRUE: owned at first */
        } SynchronizationMutex;
        struct {
            UINT MaxCount;
            UINT InitialCount;
        } Semaphore;
        struct {
            UINT Reserved[16];
        } Reserved;
    };
} D3DDDI_SYNCHRONIZATIONOBJECTINFO;

/* For D3DKMTCreateSynchronizationObject2(): every type. */
typedef struct _D3DDDI_SYNCHRONIZATIONOBJECTINFO2 {
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE Type;
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS Flags;
    union {
        struct {
            BOOL InitialState; /* TRUE: owned at first */
        } SynchronizationMutex;
        struct {
            UINT MaxCount;
            UINT InitialCount;
        } Semaphore;
        struct {
            UINT64 FenceValue; /* in: the first value */
        } Fence;
        struct {
            D3DKMT_PTR(HANDLE, Event); /* in: an eventfd */
        } CPUNotification;
        struct {
            UINT64 InitialFenceValue;                           /* in */
            D3DKMT_PTR(VOID *, FenceValueCPUVirtualAddress);    /* out: the 64-bit value, for reading */
            D3DGPU_VIRTUAL_ADDRESS FenceValueGPUVirtualAddress; /* out: the same value on the GPU */
            UINT EngineAffinity;                                /* in: which physical adapters map it; 0: the first */
            UINT Padding;
        } MonitoredFence;
        struct {
            D3DKMT_HANDLE hAdapter;                             /* in */
            D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;       /* in */
            UINT64 Time;                                        /* in: 100 ns units after the vertical sync */
            D3DKMT_PTR(VOID *, FenceValueCPUVirtualAddress);    /* out: the 64-bit value, for reading */
            D3DGPU_VIRTUAL_ADDRESS FenceValueGPUVirtualAddress; /* out: the same value on the GPU */
            UINT EngineAffinity;                                /* in */
            UINT Padding;
        } PeriodicMonitoredFence;
        struct {
            UINT64 Reserved[8];
        } Reserved;
    };
    D3DKMT_HANDLE SharedHandle; /* out: the global handle, with Shared and without NtSecuritySharing */
} D3DDDI_SYNCHRONIZATIONOBJECTINFO2;

typedef struct _D3DDDICB_SIGNALFLAGS {
    union {
        struct {
            UINT SignalAtSubmission : 1; /* when the packet is submitted, not when it is done */
            UINT EnqueueCpuEvent : 1;    /* signal an event and no object: ObjectCount is 0 */
            UINT AllowFenceRewind : 1;   /* the value may become smaller */
            UINT Reserved : 28;
            UINT DXGK_SIGNAL_FLAG_INTERNAL0 : 1;
        };
        UINT Value;
    };
} D3DDDICB_SIGNALFLAGS;

typedef struct _D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS {
    union {
        struct {
            UINT WaitAny : 1; /* one object is enough; otherwise all */
            UINT Reserved : 31;
        };
        UINT Value;
    };
} D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS;

/*
 * Contexts and hardware queues.
 */

typedef struct _D3DDDI_CREATECONTEXTFLAGS {
    union {
        struct {
            UINT NullRendering : 1;       /* take commands and run none */
            UINT InitialData : 1;         /* the private data is a context's saved state */
            UINT DisableGpuTimeout : 1;   /* long work is no hang */
            UINT SynchronizationOnly : 1; /* waits and signals only */
            UINT HwQueueSupported : 1;    /* work comes through hardware queues */
            UINT NoKmdAccess : 1;         /* the driver is not told */
            UINT Reserved : 26;
        };
        UINT Value;
    };
} D3DDDI_CREATECONTEXTFLAGS;

typedef struct _D3DDDI_CREATEHWCONTEXTFLAGS {
    union {
        struct {
            UINT Reserved : 32;
        };
        UINT Value;
    };
} D3DDDI_CREATEHWCONTEXTFLAGS;

typedef struct _D3DDDI_CREATEHWQUEUEFLAGS {
    union {
        struct {
            UINT DisableGpuTimeout : 1; /* long work is no hang */
            UINT NoBroadcastSignal : 1; /* no signal to several queues at once */
            UINT NoBroadcastWait : 1;   /* no wait of several queues at once */
            UINT NoKmdAccess : 1;       /* the driver is not told */
            UINT Reserved : 28;
        };
        UINT Value;
    };
} D3DDDI_CREATEHWQUEUEFLAGS;

/*
 * Escapes and the registry.
 */

typedef struct _D3DDDI_ESCAPEFLAGS {
    union {
        struct {
            UINT HardwareAccess : 1; /* the driver may touch the hardware: no other call runs meanwhile */
            UINT DeviceStatusQuery : 1;
            UINT ChangeFrameLatency : 1;
            UINT NoAdapterSynchronization : 1; /* the driver does its own locking */
            UINT Reserved : 1;
            UINT VirtualMachineData : 1;
            UINT DriverKnownEscape : 1;  /* the data starts with a D3DDDI_DRIVERESCAPETYPE */
            UINT DriverCommonEscape : 1; /* an escape that all drivers know */
            UINT Reserved2 : 24;
        };
        UINT Value;
    };
} D3DDDI_ESCAPEFLAGS;

typedef enum _D3DDDI_DRIVERESCAPETYPE {
    D3DDDI_DRIVERESCAPETYPE_TRANSLATEALLOCATIONHANDLE = 0,
    D3DDDI_DRIVERESCAPETYPE_TRANSLATERESOURCEHANDLE = 1,
    D3DDDI_DRIVERESCAPETYPE_CPUEVENTUSAGE = 2,
    D3DDDI_DRIVERESCAPETYPE_MAX = 3,
} D3DDDI_DRIVERESCAPETYPE;

typedef struct _D3DDDI_DRIVERESCAPE_TRANSLATEALLOCATIONEHANDLE {
    D3DDDI_DRIVERESCAPETYPE EscapeType;
    D3DKMT_HANDLE hAllocation;
} D3DDDI_DRIVERESCAPE_TRANSLATEALLOCATIONEHANDLE;

typedef struct _D3DDDI_DRIVERESCAPE_TRANSLATERESOURCEHANDLE {
    D3DDDI_DRIVERESCAPETYPE EscapeType;
    D3DKMT_HANDLE hResource;
} D3DDDI_DRIVERESCAPE_TRANSLATERESOURCEHANDLE;

typedef struct D3DDDI_DRIVERESCAPE_CPUEVENTUSAGE {
    D3DDDI_DRIVERESCAPETYPE EscapeType;
    D3DKMT_HANDLE hSyncObject;
    UINT64 hKmdCpuEvent;
    UINT Usage[8];
} D3DDDI_DRIVERESCAPE_CPUEVENTUSAGE;

typedef struct _D3DDDI_QUERYREGISTRY_FLAGS {
    union {
        struct {
            UINT TranslatePath : 1;
            UINT MutableValue : 1;
            UINT Reserved : 30;
        };
        UINT Value;
    };
} D3DDDI_QUERYREGISTRY_FLAGS;

typedef enum _D3DDDI_QUERYREGISTRY_TYPE {
    D3DDDI_QUERYREGISTRY_SERVICEKEY = 0,      /* of the driver's service */
    D3DDDI_QUERYREGISTRY_ADAPTERKEY = 1,      /* of the adapter's driver */
    D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH = 2, /* where the driver's files are */
    D3DDDI_QUERYREGISTRY_DRIVERIMAGEPATH = 3, /* where the kernel driver is */
    D3DDDI_QUERYREGISTRY_MAX = 4,
} D3DDDI_QUERYREGISTRY_TYPE;

typedef enum _D3DDDI_QUERYREGISTRY_STATUS {
    D3DDDI_QUERYREGISTRY_STATUS_SUCCESS = 0,
    D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW = 1,
    D3DDDI_QUERYREGISTRY_STATUS_FAIL = 2,
    D3DDDI_QUERYREGISTRY_STATUS_MAX = 3,
} D3DDDI_QUERYREGISTRY_STATUS;

/* The answer is stored from OutputDword on. Where Status says overflow, ask again with OutputValueSize more bytes. */
typedef struct _D3DDDI_QUERYREGISTRY_INFO {
    D3DDDI_QUERYREGISTRY_TYPE QueryType;
    D3DDDI_QUERYREGISTRY_FLAGS QueryFlags;
    WCHAR ValueName[MAX_PATH];          /* in */
    ULONG ValueType;                    /* in: the registry's REG_* number */
    ULONG PhysicalAdapterIndex;         /* in */
    ULONG OutputValueSize;              /* out: bytes of the value */
    D3DDDI_QUERYREGISTRY_STATUS Status; /* out */
    union {
        DWORD OutputDword;
        UINT64 OutputQword;
        WCHAR OutputString[1];
        BYTE OutputBinary[1];
    };
} D3DDDI_QUERYREGISTRY_INFO;

/*
 * After WDDM 3.0.
 *
 * Newer than the interface version above: features and native fences of WDDM 3.2, laid out as Microsoft's pages say.
 */

/* The argument of D3DKMTIsFeatureEnabled(). The numbers between are reserved by Microsoft. */
typedef enum _DXGK_FEATURE_ID {
    DXGK_FEATURE_HWSCH = 0,
    DXGK_FEATURE_HWFLIPQUEUE = 1,
    DXGK_FEATURE_LDA_GPUPV = 2,
    DXGK_FEATURE_KMD_SIGNAL_CPU_EVENT = 3,
    DXGK_FEATURE_USER_MODE_SUBMISSION = 4,
    DXGK_FEATURE_SHARE_BACKING_STORE_WITH_KMD = 5,
    DXGK_FEATURE_SAMPLE = 31,
    DXGK_FEATURE_PAGE_BASED_MEMORY_MANAGER = 32,
    DXGK_FEATURE_KERNEL_MODE_TESTING = 33,
    DXGK_FEATURE_64K_PT_DEMOTION_FIX = 34,
    DXGK_FEATURE_GPUPV_PRESENT_HWQUEUE = 35,
    DXGK_FEATURE_GPUVAIOMMU = 36,
    DXGK_FEATURE_NATIVE_FENCE = 37,
} DXGK_FEATURE_ID;

typedef UINT16 DXGK_FEATURE_VERSION;

typedef struct _DXGK_ISFEATUREENABLED_RESULT {
    DXGK_FEATURE_VERSION Version; /* the newest that kernel and driver both know */
    union {
        struct {
            UINT16 Enabled : 1;
            UINT16 KnownFeature : 1; /* the kernel knows the number */
            UINT16 SupportedByDriver : 1;
            UINT16 SupportedOnCurrentConfig : 1;
            UINT16 Reserved : 12;
        };
        UINT16 Value;
    };
} DXGK_ISFEATUREENABLED_RESULT;

typedef enum _D3DDDI_NATIVEFENCE_TYPE {
    D3DDDI_NATIVEFENCE_TYPE_DEFAULT = 0,   /* CPU and GPU wait and signal */
    D3DDDI_NATIVEFENCE_TYPE_INTRA_GPU = 1, /* engines of one GPU only */
} D3DDDI_NATIVEFENCE_TYPE;

/* Where a native fence is seen in the process. */
typedef struct _D3DDDI_NATIVEFENCEMAPPING {
    D3DKMT_PTR(VOID *, CurrentValueCpuVa);      /* for reading */
    D3DGPU_VIRTUAL_ADDRESS CurrentValueGpuVa;   /* what the GPU signals */
    D3DGPU_VIRTUAL_ADDRESS MonitoredValueGpuVa; /* the value from which on a signal interrupts the CPU */
    BYTE Reserved[32];
} D3DDDI_NATIVEFENCEMAPPING;

typedef struct _D3DDDI_NATIVEFENCEINFO {
    UINT64 InitialFenceValue;                     /* in */
    UINT EngineAffinity;                          /* in: a mask of physical adapters */
    D3DDDI_NATIVEFENCE_TYPE Type;                 /* in */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS Flags;     /* in */
    D3DDDI_NATIVEFENCEMAPPING NativeFenceMapping; /* out */
    UINT PhysicalAdapterIndex;                    /* in: reserved in the first pages about it */
    BYTE Reserved[24];
} D3DDDI_NATIVEFENCEINFO;

#define D3DDDI_NATIVE_FENCE_PDD_SIZE 64 /* bytes of private driver data */

#pragma GCC diagnostic pop

#endif
