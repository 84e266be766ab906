/* SPDX-License-Identifier: MIT */
/*
 * Nothing here is needed for the daemon to be right; all of it makes a mistake of ours cost less. So what a system does
 * not have is left out and said, and only rights that we must not have at all are a reason not to start.
 *
 * Landlock holds for the thread that asks and those it starts: hence no other may be there before.
 */
#include "daemon/guard.h"

#include <linux/capability.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/build.h"
#include "daemon/filter.h"
#include "daemon/listen.h"
#include "daemon/log.h"

#if defined(UDXG_SANITIZED) /* it reads /proc when the program ends */
#define NO_LANDLOCK "this is a build with a sanitizer"
#elif defined(SYS_landlock_create_ruleset) && __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#else
#define NO_LANDLOCK "this is a build without its headers"
#endif

bool udxg_guard_is_privileged(void)
{
    return getuid() != geteuid() || getgid() != getegid();
}

void udxg_guard_begin(void)
{
    struct rlimit none = {0, 0}, files;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef UDXG_SANITIZED /* the search for leaks looks into us from a thread that counts as another process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    setrlimit(RLIMIT_CORE, &none);
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* Root has them; who is not root has none to lose. */
static const char *drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) ? strerror(errno) : NULL;
}

#ifndef NO_LANDLOCK

static bool allow_below(int ruleset, int folder_fd, uint64_t access)
{
    struct landlock_path_beneath_attr below = {.allowed_access = access, .parent_fd = folder_fd};
    return folder_fd < 0 || !syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
}

/* Everything of the file system is forbidden but what udxg_listener_close does. */
static const char *forbid_files(const struct udxg_listener *listener)
{
    struct landlock_ruleset_attr rules = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1) return strerror(errno);
#ifdef LANDLOCK_ACCESS_FS_REFER
    if (version >= 2) rules.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
    if (version >= 3) rules.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
    UDXG_AUTO_CLOSE int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.handled_access_fs), 0);
    bool done = ruleset >= 0 && allow_below(ruleset, listener->folder_fd, LANDLOCK_ACCESS_FS_REMOVE_FILE) &&
                allow_below(ruleset, listener->parent_fd, LANDLOCK_ACCESS_FS_REMOVE_DIR) &&
                !syscall(SYS_landlock_restrict_self, ruleset, 0);
    return done ? NULL : strerror(errno);
}

#else

static const char *forbid_files(const struct udxg_listener *listener)
{
    (void)listener;
    return NO_LANDLOCK;
}

#endif

static void say(const char *what, const char *missing)
{
    if (missing)
        udxg_log(UDXG_LOG_INFO, "%s: no, %s", what, missing);
    else
        udxg_log(UDXG_LOG_DEBUG, "%s: yes", what);
}

void udxg_guard_confine(const struct udxg_listener *listener)
{
    say("without capabilities", drop_capabilities());
    say("without files, by Landlock", forbid_files(listener));
    say("with a filter of system calls", udxg_filter_install());
}
