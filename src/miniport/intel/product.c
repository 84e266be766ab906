/* SPDX-License-Identifier: MIT */
/* The table of product.h. The numbers are those of the public product data sheets. */
#include "miniport/intel/product.h"

#include <stddef.h>

#define GIB (1ull << 30)
#define TIB (1ull << 40)

/* The upper half of a 48-bit address space: four 4 GiB heaps, then two large ones. */
#define HIGH_BASE (1ull << 47)
#define HIGH_END (1ull << 48)
#define HEAP32(index)                                                                                                  \
    {                                                                                                                  \
        HIGH_BASE + (index)*4 * GIB, HIGH_BASE + ((index) + 1) * 4 * GIB - 1                                           \
    }

/* Tiger Lake LP, GT2 with 96 execution units. */
static const struct udxg_intel_adapter_info tiger_lake_gt2 = {
    .header =
        {
            .magic = UDXG_INTEL_MAGIC,
            .version = UDXG_INTEL_VERSION,
            .struct_id = UDXG_INTEL_ADAPTER_INFO,
            .size_bytes = sizeof(struct udxg_intel_adapter_info),
        },
    .product_family = 33,
    .render_core = 18,
    .display_core = 18,
    .device_id = 0x9a49,
    .revision = 1,
    .features = UDXG_INTEL_FEATURE_PPGTT | UDXG_INTEL_FEATURE_SVM | UDXG_INTEL_FEATURE_THREAD_GROUP_PREEMPTION |
                UDXG_INTEL_FEATURE_MID_BATCH_PREEMPTION | UDXG_INTEL_FEATURE_GPU_MMU | UDXG_INTEL_FEATURE_L3_COHERENCY |
                UDXG_INTEL_FEATURE_WIDE_PTES | UDXG_INTEL_FEATURE_TILE_Y | UDXG_INTEL_FEATURE_STANDARD_MIP_TAIL,
    .max_frequency_mhz = 1350,
    .eu_count = 96,
    .thread_count = 96 * 7,
    .slice_count = 1,
    .subslice_count = 6,
    .dual_subslice_count = 6,
    .max_slices = 1,
    .max_subslices = 6,
    .max_dual_subslices = 6,
    .max_eus_per_subslice = 16,
    .l3_bank_count = 8,
    .max_fill_rate = 16,
    .csr_size_mb = 8,
    .ps_threads_windower = 64,
    .pci_device = 2,
    .l3_size_kb = 3840,
    .heaps =
        {
            .svm = {0, HIGH_BASE - 1},
            .heap32 = {HEAP32(0), HEAP32(1), HEAP32(2), HEAP32(3)},
            .standard = {HIGH_BASE + TIB, HIGH_BASE + 64 * TIB - 1},
            .standard64k = {HIGH_BASE + 64 * TIB, HIGH_END - 1},
        },
};

/* DG1, the discrete card of the same generation: 96 execution units, and memory of its own. */
static const struct udxg_intel_adapter_info dg1 = {
    .header =
        {
            .magic = UDXG_INTEL_MAGIC,
            .version = UDXG_INTEL_VERSION,
            .struct_id = UDXG_INTEL_ADAPTER_INFO,
            .size_bytes = sizeof(struct udxg_intel_adapter_info),
        },
    .product_family = 1210,
    .render_core = 18,
    .display_core = 18,
    .device_id = 0x4905,
    .revision = 1,
    .features = UDXG_INTEL_FEATURE_PPGTT | UDXG_INTEL_FEATURE_SVM | UDXG_INTEL_FEATURE_THREAD_GROUP_PREEMPTION |
                UDXG_INTEL_FEATURE_MID_BATCH_PREEMPTION | UDXG_INTEL_FEATURE_GPU_MMU | UDXG_INTEL_FEATURE_L3_COHERENCY |
                UDXG_INTEL_FEATURE_WIDE_PTES | UDXG_INTEL_FEATURE_TILE_Y | UDXG_INTEL_FEATURE_STANDARD_MIP_TAIL |
                UDXG_INTEL_FEATURE_LOCAL_MEMORY,
    .max_frequency_mhz = 1650,
    .eu_count = 96,
    .thread_count = 96 * 7,
    .slice_count = 1,
    .subslice_count = 6,
    .dual_subslice_count = 6,
    .max_slices = 1,
    .max_subslices = 6,
    .max_dual_subslices = 6,
    .max_eus_per_subslice = 16,
    .l3_bank_count = 8,
    .max_fill_rate = 16,
    .csr_size_mb = 8,
    .ps_threads_windower = 64,
    .pci_bus = 3,
    .l3_size_kb = 16384,
    .heaps =
        {
            .svm = {0, HIGH_BASE - 1},
            .heap32 = {HEAP32(0), HEAP32(1), HEAP32(2), HEAP32(3)},
            .standard = {HIGH_BASE + TIB, HIGH_BASE + 64 * TIB - 1},
            .standard64k = {HIGH_BASE + 64 * TIB, HIGH_END - 1},
        },
};

const struct udxg_intel_adapter_info *udxg_intel_product(uint16_t device_id)
{
    static const struct udxg_intel_adapter_info *const products[] = {&tiger_lake_gt2, &dg1};

    for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++)
        if (products[i]->device_id == device_id) return products[i];
    return NULL;
}
