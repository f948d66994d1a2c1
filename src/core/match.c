/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The section a directive stands in, read from the configuration tree (the
 * path in cmd_parms is that of the innermost section only, which may be a
 * <Files>), and its real directory for a request. */
#include "core/match.h"

#include <string.h>
#include <strings.h>

#include <apr_file_info.h>
#include <apr_fnmatch.h>
#include <apr_strings.h>
#include <httpd.h>

static const mp_section server_section = {MP_SECTION_SERVER, NULL, NULL, 0};

static const char *with_slash(apr_pool_t *p, const char *path)
{
    apr_size_t length = strlen(path);

    if (length > 0 && path[length - 1] == '/') {
        return path;
    }
    return apr_pstrcat(p, path, "/", NULL);
}

const char *mp_canonical_dir(apr_pool_t *p, const char *path)
{
    const char *root, *rest = path;
    char *merged;

    if (apr_filepath_root(&root, &rest, 0, p) != APR_SUCCESS
        || apr_filepath_merge(&merged, NULL, path, 0, p) != APR_SUCCESS) {
        return NULL;
    }
    return with_slash(p, merged);
}

/* Directory part of a file name, with its slash. */
static const char *directory_of(apr_pool_t *p, const char *filename)
{
    const char *slash = strrchr(filename, '/');

    if (slash == NULL) {
        return "/";
    }
    return apr_pstrndup(p, filename, (apr_size_t)(slash + 1 - filename));
}

static mp_section *section_new(apr_pool_t *p, mp_section_kind kind,
                               const char *path)
{
    mp_section *section = apr_pcalloc(p, sizeof(*section));

    section->kind = kind;
    section->path = path;
    return section;
}

static const mp_section *htaccess_section(cmd_parms *cmd)
{
    mp_section *section;
    const char *path = cmd->path;

    if (cmd->directive->parent != NULL || path == NULL) {
        path = directory_of(cmd->pool, cmd->directive->filename);
    }
    section = section_new(cmd->pool, MP_SECTION_DIRECTORY,
                          with_slash(cmd->pool, path));
    section->htaccess = 1;
    return section;
}

/* <Directory path> or, pattern or "~" given, <DirectoryMatch regex>; path
 * is treated as httpd treats it. */
static const mp_section *directory_section(apr_pool_t *p, int is_regex,
                                           const char *path)
{
    mp_section *section;
    char *merged;

    if (is_regex) {
        section = section_new(p, MP_SECTION_REGEX, path);
        section->regex = ap_pregcomp(p, path, AP_REG_EXTENDED);
        return section;
    }
    /* relative to the working directory; wildcards give APR_EPATHWILD on some
     * systems and are merged all the same */
    merged = NULL;
    apr_filepath_merge(&merged, NULL, path, APR_FILEPATH_TRUENAME, p);
    path = with_slash(p, merged != NULL ? merged : path);
    return section_new(p,
                       apr_fnmatch_test(path) ? MP_SECTION_WILDCARD
                                              : MP_SECTION_DIRECTORY,
                       path);
}

/* The section that node of the configuration tree opens, NULL when it has no
 * place of its own. */
static const mp_section *section_of_node(apr_pool_t *p,
                                         const ap_directive_t *node)
{
    int is_directory = strcasecmp(node->directive, "<Directory") == 0;
    int is_match = strcasecmp(node->directive, "<DirectoryMatch") == 0;
    int is_location = strcasecmp(node->directive, "<Location") == 0
                      || strcasecmp(node->directive, "<LocationMatch") == 0;
    const char *args, *word;
    apr_size_t length;

    if (!is_directory && !is_match && !is_location) {
        return NULL;
    }
    length = strlen(node->args);
    if (length > 0 && node->args[length - 1] == '>') {
        length--;
    }
    args = apr_pstrndup(p, node->args, length);
    word = ap_getword_conf(p, &args);
    if (strcmp(word, "~") == 0) {
        is_match = is_directory;
        word = ap_getword_conf(p, &args);
    }
    return is_location ? section_new(p, MP_SECTION_LOCATION, word)
                       : directory_section(p, is_match, word);
}

const mp_section *mp_section_of(cmd_parms *cmd)
{
    const ap_directive_t *node;
    const mp_section *section = NULL;

    /* this is how httpd itself tells .htaccess from its own files */
    if (cmd->pool == cmd->temp_pool) {
        return htaccess_section(cmd);
    }
    for (node = cmd->directive->parent; node != NULL && section == NULL;
         node = node->parent) {
        section = section_of_node(cmd->pool, node);
    }
    return section != NULL ? section : &server_section;
}

/* Does this leading part of a file name, which ends in a slash, match? */
static int part_matches(const mp_section *section, char *part,
                        apr_size_t length)
{
    int matches;

    if (section->kind == MP_SECTION_WILDCARD) {
        return apr_fnmatch(section->path, part, APR_FNM_PATHNAME)
               == APR_SUCCESS;
    }
    if (section->regex == NULL) {
        return 0;
    }
    if (ap_regexec(section->regex, part, 0, NULL, 0) == 0) {
        return 1;
    }
    if (length < 2) {
        return 0;
    }
    /* "^/srv/[a-z]+$" means the directory, slash or not */
    part[length - 1] = '\0';
    matches = ap_regexec(section->regex, part, 0, NULL, 0) == 0;
    part[length - 1] = '/';
    return matches;
}

/* The shortest leading part of filename, or all of it, that matches. */
static const char *pattern_directory(const mp_section *section,
                                     const char *filename, apr_pool_t *p)
{
    const char *end = filename + strlen(filename);
    int is_dir = end > filename && end[-1] == '/';
    char *part = apr_pstrcat(p, filename, is_dir ? "" : "/", NULL);
    char *slash;

    for (slash = strchr(part, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        char next = slash[1];

        if (next == '\0' && !is_dir && section->kind == MP_SECTION_REGEX) {
            break; /* this slash is not in the file name */
        }
        slash[1] = '\0';
        if (part_matches(section, part, (apr_size_t)(slash + 1 - part))) {
            return part;
        }
        slash[1] = next;
    }
    /* httpd matches regular expressions with the name of the file too */
    if (section->regex != NULL
        && ap_regexec(section->regex, filename, 0, NULL, 0) == 0) {
        return directory_of(p, filename);
    }
    return NULL;
}

const char *mp_section_directory(const mp_section *section,
                                 const char *filename, apr_pool_t *p)
{
    switch (section->kind) {
    case MP_SECTION_DIRECTORY:
        return section->path;
    case MP_SECTION_WILDCARD:
    case MP_SECTION_REGEX:
        return filename != NULL ? pattern_directory(section, filename, p)
                                : NULL;
    case MP_SECTION_SERVER:
    case MP_SECTION_LOCATION:
        break;
    }
    return NULL;
}
