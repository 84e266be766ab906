/* SPDX-License-Identifier: MIT */
/* The registry of windows: numbers, counting, what an endpoint is told, and descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "vidmm/window.h"

#define PAGE UINT64_C(4096)

/* Addresses that nobody looks at. */
static const void *at(uint64_t page)
{
    return (const void *)(uintptr_t)((page + 1) * PAGE);
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static int memory_file(void)
{
    int fd;

    assert_int_equal(udxg_os_memfd("udxg-test", PAGE, &fd), STATUS_SUCCESS);
    return fd;
}

static void assert_window(struct vidmm_windows *windows, uint64_t page, uint32_t id, uint64_t offset)
{
    uint32_t found;
    uint64_t at_offset;

    assert_true(vidmm_window_find(windows, (const char *)at(page) + offset, &found, &at_offset));
    assert_int_equal(found, id);
    assert_int_equal(at_offset, offset);
}

static void assert_no_window(struct vidmm_windows *windows, const void *address)
{
    uint32_t id;
    uint64_t offset;

    assert_false(vidmm_window_find(windows, address, &id, &offset));
}

static void assert_added(struct vidmm_windows *windows, uint32_t id, bool writable, uint64_t size_bytes, int same_as)
{
    struct stat theirs, ours;
    struct vidmm_window window;

    assert_true(vidmm_window_take_added(windows, &window));
    assert_int_equal(window.id, id);
    assert_int_equal(window.writable, writable);
    assert_int_equal(window.size_bytes, size_bytes);
    assert_int_equal(fstat(window.fd, &theirs), 0);
    assert_int_equal(fstat(same_as, &ours), 0);
    assert_int_equal(theirs.st_ino, ours.st_ino);
    assert_int_equal(fcntl(window.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(window.fd);
}

static void assert_nothing_new(struct vidmm_windows *windows)
{
    struct vidmm_window window;
    uint32_t id;

    assert_false(vidmm_window_take_added(windows, &window));
    assert_false(vidmm_window_take_gone(windows, &id));
}

static void in_process_there_are_none(void **state)
{
    struct vidmm_windows windows;
    (void)state;

    vidmm_windows_init(&windows, false);
    assert_false(vidmm_windows_are_remote(&windows));
    assert_int_equal(vidmm_window_add(&windows, at(0), PAGE, -1, true), STATUS_SUCCESS);
    assert_no_window(&windows, at(0));
    vidmm_window_remove(&windows, at(0));
    assert_nothing_new(&windows);
    vidmm_windows_fini(&windows);
}

static void shown_and_gone(void **state)
{
    int before = descriptors(), file = memory_file(), other = memory_file();
    struct vidmm_windows windows;
    uint32_t id;
    (void)state;

    vidmm_windows_init(&windows, true);
    assert_true(vidmm_windows_are_remote(&windows));
    assert_nothing_new(&windows);
    assert_int_equal(vidmm_window_add(&windows, at(10), 4 * PAGE, file, true), STATUS_SUCCESS);
    assert_int_equal(vidmm_window_add(&windows, at(2), PAGE, other, false), STATUS_SUCCESS);
    assert_window(&windows, 10, 1, 0);
    assert_window(&windows, 10, 1, 4 * PAGE - 1);
    assert_window(&windows, 2, 2, 8);
    assert_no_window(&windows, at(9));
    assert_no_window(&windows, at(14));
    assert_no_window(&windows, NULL);
    assert_added(&windows, 1, true, 4 * PAGE, file);
    assert_added(&windows, 2, false, PAGE, other);
    assert_nothing_new(&windows);
    vidmm_window_remove(&windows, at(10));
    assert_no_window(&windows, at(10));
    assert_true(vidmm_window_take_gone(&windows, &id));
    assert_int_equal(id, 1);
    assert_nothing_new(&windows);
    /* The place is free for another, which has another number. */
    assert_int_equal(vidmm_window_add(&windows, at(10), 4 * PAGE, file, true), STATUS_SUCCESS);
    assert_window(&windows, 10, 3, 0);
    vidmm_windows_fini(&windows);
    close(file);
    close(other);
    assert_int_equal(descriptors(), before);
}

static void one_that_was_never_shown(void **state)
{
    int before = descriptors(), file = memory_file();
    struct vidmm_windows windows;
    (void)state;

    vidmm_windows_init(&windows, true);
    assert_int_equal(vidmm_window_add(&windows, at(0), PAGE, file, true), STATUS_SUCCESS);
    vidmm_window_remove(&windows, at(0));
    assert_nothing_new(&windows);
    close(file);
    assert_int_equal(descriptors(), before);
    vidmm_windows_fini(&windows);
}

static void counted(void **state)
{
    int file = memory_file();
    struct vidmm_windows windows;
    uint32_t id;
    (void)state;

    vidmm_windows_init(&windows, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vidmm_window_add(&windows, at(0), PAGE, file, true), STATUS_SUCCESS);
    assert_added(&windows, 1, true, PAGE, file);
    assert_nothing_new(&windows);
    for (unsigned i = 0; i < 2; i++) vidmm_window_remove(&windows, at(0));
    assert_nothing_new(&windows);
    assert_window(&windows, 0, 1, 0);
    vidmm_window_remove(&windows, at(0));
    assert_true(vidmm_window_take_gone(&windows, &id));
    vidmm_window_remove(&windows, at(0)); /* nothing is there any more */
    assert_nothing_new(&windows);
    vidmm_windows_fini(&windows);
    close(file);
}

static void refused(void **state)
{
    int before, file = memory_file();
    struct vidmm_windows windows;
    (void)state;

    vidmm_windows_init(&windows, true);
    assert_int_equal(vidmm_window_add(&windows, at(4), 4 * PAGE, file, true), STATUS_SUCCESS);
    before = descriptors();
    assert_int_equal(vidmm_window_add(&windows, at(2), 3 * PAGE, file, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_window_add(&windows, at(5), PAGE, file, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_window_add(&windows, at(20), PAGE, -1, true), STATUS_INVALID_HANDLE);
    assert_int_equal(descriptors(), before);
    vidmm_window_remove(&windows, at(5)); /* inside of one, not its beginning */
    assert_window(&windows, 4, 1, PAGE);
    vidmm_windows_fini(&windows);
    close(file);
}

/* As many as there can be, each shown; and not one more, until one is gone. */
static void as_many_as_there_can_be(void **state) UDXG_NO_TSA
{
    int file = memory_file();
    struct vidmm_windows windows;
    (void)state;

    vidmm_windows_init(&windows, true);
    for (uint64_t i = 0; i < VIDMM_WINDOWS_MOST; i++) {
        assert_int_equal(vidmm_window_add(&windows, at(i), PAGE, file, true), STATUS_SUCCESS);
        assert_added(&windows, (uint32_t)i + 1, true, PAGE, file);
    }
    assert_int_equal(vidmm_window_add(&windows, at(VIDMM_WINDOWS_MOST), PAGE, file, true), STATUS_NO_MEMORY);
    assert_int_equal(vidmm_window_add(&windows, at(3), PAGE, file, true), STATUS_SUCCESS); /* one that is there */
    vidmm_window_remove(&windows, at(7));
    assert_int_equal(vidmm_window_add(&windows, at(VIDMM_WINDOWS_MOST), PAGE, file, true), STATUS_SUCCESS);
    windows.last_id = VIDMM_WINDOW_IDS - 2;
    vidmm_window_remove(&windows, at(8));
    vidmm_window_remove(&windows, at(9));
    assert_int_equal(vidmm_window_add(&windows, at(8), PAGE, file, true), STATUS_SUCCESS);
    assert_window(&windows, 8, VIDMM_WINDOW_IDS - 1, 0);
    assert_int_equal(vidmm_window_add(&windows, at(9), PAGE, file, true), STATUS_NO_MEMORY);
    vidmm_windows_fini(&windows);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_process_there_are_none),
        cmocka_unit_test(shown_and_gone),
        cmocka_unit_test(one_that_was_never_shown),
        cmocka_unit_test(counted),
        cmocka_unit_test(refused),
        cmocka_unit_test(as_many_as_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
