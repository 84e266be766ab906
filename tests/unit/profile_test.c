/* SPDX-License-Identifier: MIT */
/* Profiles: the built-in ones, every kind of value, and one wrong thing at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ddi/profile.h"
#include "ddi/validate.h"

#define ADAPTER                                                                                                        \
    "[adapter]\n"                                                                                                      \
    "description = A test\n"                                                                                           \
    "miniport = soft\n"                                                                                                \
    "wddm = 2700\n"                                                                                                    \
    "gpu_va_bits = 48\n"                                                                                               \
    "clock = 1 GHz\n"
#define APERTURE                                                                                                       \
    "[segment.1]\n"                                                                                                    \
    "size = 1 GiB\n"                                                                                                   \
    "flags = aperture\n"
#define NODE                                                                                                           \
    "[node.0]\n"                                                                                                       \
    "type = 3d\n"                                                                                                      \
    "name = 3D\n"

static void refused(const char *text, const char *expected)
{
    struct udxg_adapter_caps caps, untouched;
    char error[256] = "";
    memset(&caps, 0xa5, sizeof(caps));
    memset(&untouched, 0xa5, sizeof(untouched));
    assert_int_equal(udxg_profile_parse(text, "t.ini", "t", &caps, error, sizeof(error)), STATUS_INVALID_PARAMETER);
    assert_string_equal(error, expected);
    assert_memory_equal(&caps, &untouched, sizeof(caps));
}

static void accepted(const char *text, struct udxg_adapter_caps *caps)
{
    char error[256] = "";
    udxg_status status = udxg_profile_parse(text, "t.ini", "t", caps, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(status, STATUS_SUCCESS);
}

static void minimal_profile(void **state)
{
    struct udxg_adapter_caps caps;
    (void)state;
    accepted(ADAPTER APERTURE NODE, &caps);
    assert_string_equal(caps.name, "t");
    assert_string_equal(caps.description, "A test");
    assert_string_equal(caps.miniport, "soft");
    assert_int_equal(caps.wddm_version, 2700);
    assert_int_equal(caps.gpu_va_bits, 48);
    assert_int_equal(caps.clock_hz, 1000000000);
    assert_int_equal(caps.segment_count, 1);
    assert_int_equal(caps.segments[0].size_bytes, UINT64_C(1) << 30);
    assert_int_equal(caps.segments[0].flags, UDXG_SEGMENT_APERTURE);
    assert_int_equal(caps.node_count, 1);
    assert_int_equal(caps.nodes[0].engine_type, DXGK_ENGINE_TYPE_3D);
    assert_string_equal(caps.nodes[0].name, "3D");
    assert_false(caps.is_hardware);
    assert_int_equal(caps.aperture_commit_limit_bytes, 0);
}

static void every_key(void **state)
{
    struct udxg_adapter_caps caps;
    (void)state;
    accepted(ADAPTER "vendor_id = 0x8086\ndevice_id = 39497\nsub_vendor_id = 0xFFFF\nsub_system_id = 1\n"
                     "revision_id = 255\nhardware = yes\ndriver_version = 30.0.100.9805\n"
                     "aperture_commit_limit = 12MiB\nsystem_commit_limit = 2 TiB\n"
                     "[segment.1]\nsize = 256 MiB\nflags = cpu_visible use_64kb_pages,local_budget_group\n"
                     "[segment.2]\nsize = 1048576\nflags = aperture, cache_coherent\ncommit_limit = 64KiB\n"
                     "[node.0]\ntype = copy\nname = Copy\n[node.1]\ntype = video_encode\nname = Video\n",
             &caps);
    assert_int_equal(caps.vendor_id, 0x8086);
    assert_int_equal(caps.device_id, 0x9a49);
    assert_int_equal(caps.sub_vendor_id, 0xffff);
    assert_int_equal(caps.sub_system_id, 1);
    assert_int_equal(caps.revision_id, 255);
    assert_true(caps.is_hardware);
    assert_int_equal(caps.driver_version, UINT64_C(30) << 48 | UINT64_C(100) << 16 | 9805);
    assert_int_equal(caps.aperture_commit_limit_bytes, 12 << 20);
    assert_int_equal(caps.system_commit_limit_bytes, UINT64_C(2) << 40);
    assert_int_equal(caps.segment_count, 2);
    assert_int_equal(caps.segments[0].flags,
                     UDXG_SEGMENT_CPU_VISIBLE | UDXG_SEGMENT_USE_64KB_PAGES | UDXG_SEGMENT_LOCAL_BUDGET_GROUP);
    assert_int_equal(caps.segments[1].size_bytes, 1 << 20);
    assert_int_equal(caps.segments[1].commit_limit_bytes, 64 << 10);
    assert_int_equal(caps.nodes[1].engine_type, DXGK_ENGINE_TYPE_VIDEO_ENCODE);
}

static void bad_values(void **state)
{
    (void)state;
    refused("[adapter]\nwddm = new\n", "t.ini:2: [adapter] wddm: not a number");
    refused("[adapter]\nwddm =\n", "t.ini:2: [adapter] wddm: not a number");
    refused("[adapter]\nwddm = -1\n", "t.ini:2: [adapter] wddm: not a number");
    refused("[adapter]\nwddm = 0x\n", "t.ini:2: [adapter] wddm: not a number");
    refused("[adapter]\nwddm = 2700 or so\n", "t.ini:2: [adapter] wddm: something follows the number");
    refused("[adapter]\nwddm = 4294967296\n", "t.ini:2: [adapter] wddm: the number does not fit its field");
    refused("[adapter]\nvendor_id = 0x10000\n", "t.ini:2: [adapter] vendor_id: the number does not fit its field");
    refused("[adapter]\nclock = 5 s\n", "t.ini:2: [adapter] clock: a clock is in Hz, kHz, MHz or GHz");
    refused("[adapter]\nclock = 5\n", "t.ini:2: [adapter] clock: a clock is in Hz, kHz, MHz or GHz");
    refused("[adapter]\nhardware = true\n", "t.ini:2: [adapter] hardware: say yes or no");
    refused("[adapter]\ndescription =\n", "t.ini:2: [adapter] description: the text is empty");
    refused("[adapter]\nminiport = 0123456789012345678901234567890123456789\n",
            "t.ini:2: [adapter] miniport: the text is too long");
    refused("[adapter]\ndriver_version = 1.2.3\n",
            "t.ini:2: [adapter] driver_version: a driver version is four numbers up to 65535 with dots between");
    refused("[adapter]\ndriver_version = 1.2.3.65536\n",
            "t.ini:2: [adapter] driver_version: a driver version is four numbers up to 65535 with dots between");
    refused("[segment.1]\nsize = 4 GB\n", "t.ini:2: [segment.1] size: a size is in bytes, KiB, MiB, GiB or TiB");
    refused("[segment.1]\nsize = 16777216 TiB\n", "t.ini:2: [segment.1] size: the number is above 2^64 - 1");
    refused("[segment.1]\nsize = 99999999999999999999\n", "t.ini:2: [segment.1] size: the number is above 2^64 - 1");
    refused("[segment.1]\nflags = aperture, fast\n", "t.ini:2: [segment.1] flags: a segment has no such flag");
    refused("[node.0]\ntype = quantum\n", "t.ini:2: [node.0] type: there is no such engine type");
}

#define NO_SECTION "a section is adapter, segment.1 to segment.31 or node.0 to node.15, in order"

static void bad_structure(void **state)
{
    (void)state;
    refused("; a comment\nsize = 1\n", "t.ini:2: []: " NO_SECTION);
    refused("[gpu]\nsize = 1\n", "t.ini:2: [gpu]: " NO_SECTION);
    refused("[segment.0]\nsize = 1\n", "t.ini:2: [segment.0]: " NO_SECTION);
    refused("[segment.2]\nsize = 1\n", "t.ini:2: [segment.2]: " NO_SECTION);
    refused("[segment.1x]\nsize = 1\n", "t.ini:2: [segment.1x]: " NO_SECTION);
    refused("[node.1]\ntype = 3d\n", "t.ini:2: [node.1]: " NO_SECTION);
    refused("[adapter]\ncolour = red\n", "t.ini:2: [adapter] colour: there is no such key");
    refused("[adapter]\nwddm = 2700\nwddm = 2700\n", "t.ini:3: [adapter] wddm: is given twice");
    refused("[adapter]\nnonsense\nwddm = x\n", "t.ini:2: a line is [section], key = value or ; comment");
    refused("[adapter\n", "t.ini:1: a line is [section], key = value or ; comment");
    char line[512] = "[adapter]\ndescription = ", expected[128];
    memset(line + strlen(line), 'x', 400);
    struct udxg_adapter_caps caps;
    char error[256];
    assert_int_equal(udxg_profile_parse(line, "t.ini", "t", &caps, error, sizeof(error)), STATUS_INVALID_PARAMETER);
    snprintf(expected, sizeof(expected), "t.ini:2: ");
    assert_memory_equal(error, expected, strlen(expected));
}

static void incomplete(void **state)
{
    (void)state;
    refused("", "t.ini: [adapter] description: is missing");
    refused("[adapter]\ndescription = x\n", "t.ini: [adapter] miniport: is missing");
    refused(ADAPTER "[segment.1]\nflags = aperture\n" NODE, "t.ini: [segment.1] size: is missing");
    refused(ADAPTER APERTURE "[node.0]\nname = x\n", "t.ini: [node.0] type: is missing");
    refused(ADAPTER NODE, "t.ini: SEGMENT-COUNT: an adapter has 1 to 31 segments");
    refused(ADAPTER APERTURE, "t.ini: NODE-COUNT: an adapter has 1 to 16 nodes");
    refused(ADAPTER "[segment.1]\nsize = 1 GiB\n" NODE,
            "t.ini: SEGMENT-APERTURE: an adapter has exactly one aperture segment");
    char error[256];
    struct udxg_adapter_caps caps;
    assert_int_equal(udxg_profile_parse(ADAPTER APERTURE NODE, "f", "", &caps, error, sizeof(error)),
                     STATUS_INVALID_PARAMETER);
    assert_string_equal(error, "f: a profile's name has 1 to 63 bytes");
}

static void builtins_parse(void **state)
{
    static const char *const wanted[] = {"soft-discrete", "soft-uma", "intel-tgl"};
    struct udxg_adapter_caps caps[16];
    uint32_t count = 0;
    char error[256] = "";
    (void)state;
    udxg_status status = udxg_profile_load(NULL, caps, 16, &count, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(status, STATUS_SUCCESS);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < count; i++) assert_string_equal(caps[i].name, wanted[i]);
    for (const struct udxg_profile_text *profile = udxg_profile_texts; profile->name; profile++)
        assert_int_equal(udxg_profile_load(profile->name, caps, 1, &count, error, sizeof(error)), STATUS_SUCCESS);
    assert_null(udxg_profile_builtin("soft"));
}

/* What Intel's runtime insists on. */
static void is_for_intels_runtime(const char *name, uint16_t device_id, struct udxg_adapter_caps *ret_caps)
{
    struct udxg_adapter_caps caps;
    uint32_t count;
    char error[256];

    assert_int_equal(udxg_profile_load(name, &caps, 1, &count, error, sizeof(error)), STATUS_SUCCESS);
    assert_non_null(strstr(caps.description, "Intel"));
    assert_true(caps.is_hardware);
    assert_int_equal(caps.vendor_id, 0x8086);
    assert_int_equal(caps.device_id, device_id);
    assert_int_equal(caps.gpu_va_bits, 48);
    assert_true(caps.wddm_version >= 2700);
    assert_true(caps.node_count >= 3);
    assert_int_equal(caps.nodes[0].engine_type, DXGK_ENGINE_TYPE_3D);
    assert_int_equal(caps.nodes[2].engine_type, DXGK_ENGINE_TYPE_COPY);
    *ret_caps = caps;
}

static void intel_profiles(void **state)
{
    struct udxg_adapter_caps caps;

    (void)state;
    is_for_intels_runtime("intel-tgl", 0x9a49, &caps);
    assert_true(caps.segments[0].flags & UDXG_SEGMENT_APERTURE);
    is_for_intels_runtime("intel-dg1", 0x4905, &caps);
    assert_false(caps.segments[0].flags & (UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_CPU_VISIBLE));
    assert_true(caps.segments[0].flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP);
    assert_true(caps.segments[1].flags & UDXG_SEGMENT_APERTURE);
}

static void lists(void **state)
{
    struct udxg_adapter_caps caps[2];
    uint32_t count = 77;
    char error[256];
    (void)state;
    assert_int_equal(udxg_profile_load(" soft-uma , soft-uma", caps, 2, &count, error, sizeof(error)), STATUS_SUCCESS);
    assert_int_equal(count, 2);
    assert_string_equal(caps[1].name, "soft-uma");
    count = 77;
    assert_int_equal(udxg_profile_load("soft-uma,nosuch", caps, 2, &count, error, sizeof(error)),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_string_equal(error,
                        "nosuch: no profile has this name; there are intel-dg1 intel-tgl soft-discrete soft-uma");
    assert_int_equal(udxg_profile_load("soft-uma,", caps, 2, &count, error, sizeof(error)),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(udxg_profile_load("soft-uma,soft-uma,soft-uma", caps, 2, &count, error, sizeof(error)),
                     STATUS_INVALID_PARAMETER);
    assert_string_equal(error, "soft-uma: there are at most 2 adapters");
    assert_int_equal(udxg_profile_load("/nonexistent/x.ini", caps, 2, &count, error, sizeof(error)),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(count, 77);
    char tiny[8];
    assert_int_equal(udxg_profile_load("nosuch", caps, 2, &count, tiny, sizeof(tiny)), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_string_equal(tiny, "nosuch:");
}

static void files(void **state)
{
    struct udxg_adapter_caps caps;
    uint32_t count;
    char path[] = "udxg-profile-XXXXXX.ini", error[256] = "";
    (void)state;
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(ADAPTER APERTURE NODE, file);
    fclose(file);
    udxg_status good = udxg_profile_load(path, &caps, 1, &count, error, sizeof(error));
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 70000; i++) fputc('\n', file);
    fclose(file);
    udxg_status large = udxg_profile_load(path, &caps, 1, &count, error, sizeof(error));
    unlink(path);
    assert_int_equal(good, STATUS_SUCCESS);
    assert_memory_equal(caps.name, path, strlen(path) - 4);
    assert_int_equal(strlen(caps.name), strlen(path) - 4);
    assert_int_equal(large, STATUS_INVALID_PARAMETER);
    assert_non_null(strstr(error, "a profile is text of at most 65536 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal_profile), cmocka_unit_test(every_key),  cmocka_unit_test(bad_values),
        cmocka_unit_test(bad_structure),   cmocka_unit_test(incomplete), cmocka_unit_test(builtins_parse),
        cmocka_unit_test(intel_profiles),  cmocka_unit_test(lists),      cmocka_unit_test(files),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
