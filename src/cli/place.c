/* SPDX-License-Identifier: MIT */
/* Looks at files only: which folder is ours, and what kind of program a name stands for. */
#include "cli/place.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool holds_libraries(const char *folder)
{
    static const char *const names[] = {"udxg-audit.so", "libdxcore.so", "libdxg.so.1"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path)) return false;
        if (access(path, R_OK)) return false;
    }
    return true;
}

/* The folder of the running command. */
static bool find_self(char self[static PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", self, PATH_MAX - 1);
    if (length <= 0) return false;
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}

char *udxg_place_libraries(void)
{
    char self[PATH_MAX];
    if (!find_self(self)) return NULL;

    static const char *const from_command[] = {".", UDXG_LIBRARIES_FROM_COMMAND};
    for (size_t i = 0; i < sizeof(from_command) / sizeof(from_command[0]); i++) {
        char folder[PATH_MAX + sizeof(UDXG_LIBRARIES_FROM_COMMAND) + 1];
        snprintf(folder, sizeof(folder), "%s/%s", self, from_command[i]);
        if (holds_libraries(folder)) return realpath(folder, NULL);
    }
    return NULL;
}

char *udxg_place_daemon(void)
{
    char self[PATH_MAX], *path;
    if (!find_self(self) || asprintf(&path, "%s/udxgd", self) < 0) return NULL;
    if (!access(path, X_OK)) return path;
    free(path);
    return NULL;
}

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* The file that execvp would take; false when there is none. */
static bool find_program(const char *name, char path[static PATH_MAX])
{
    if (strchr(name, '/')) return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && is_program(path);
    const char *folders = getenv("PATH");
    if (!folders) folders = "/bin:/usr/bin";
    for (;;) {
        size_t length = strcspn(folders, ":");
        int written = length ? snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folders, name)
                             : snprintf(path, PATH_MAX, "%s", name);
        if (written < PATH_MAX && is_program(path)) return true;
        if (!folders[length]) return false;
        folders += length + 1;
    }
}

enum udxg_program_kind udxg_place_program(const char *name)
{
    char path[PATH_MAX];
    if (!find_program(name, path)) return UDXG_PROGRAM_UNKNOWN;
    UDXG_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) return UDXG_PROGRAM_UNKNOWN;
    bool changes_user = (status.st_mode & S_ISUID) && status.st_uid != getuid();
    bool changes_group = (status.st_mode & S_ISGID) && status.st_gid != getgid();
    if (changes_user || changes_group) return UDXG_PROGRAM_SETUID;

    Elf64_Ehdr header;
    ssize_t got = pread(fd, &header, sizeof(header), 0);
    if (got < EI_NIDENT || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return UDXG_PROGRAM_ORDINARY;
    if (got < (ssize_t)sizeof(header) || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
        return UDXG_PROGRAM_FOREIGN;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        off_t offset = (off_t)(header.e_phoff + (uint64_t)i * header.e_phentsize);
        if (pread(fd, &segment, sizeof(segment), offset) != (ssize_t)sizeof(segment)) return UDXG_PROGRAM_UNKNOWN;
        if (segment.p_type == PT_INTERP) return UDXG_PROGRAM_ORDINARY;
    }
    return UDXG_PROGRAM_STATIC;
}
