/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Where a directive stands and which real directory that is for a request;
 * extensions of file names. */
#ifndef MP_CORE_MATCH_H
#define MP_CORE_MATCH_H

#include <apr_pools.h>
#include <httpd.h>
#include <http_config.h>

typedef enum mp_section_kind {
    MP_SECTION_SERVER,    /* outside any section that has a place */
    MP_SECTION_DIRECTORY, /* <Directory /plain/path> or .htaccess */
    MP_SECTION_WILDCARD,  /* a path with wildcards, see fnmatch(3) */
    MP_SECTION_REGEX,     /* <Directory ~ x>, <DirectoryMatch x> */
    MP_SECTION_LOCATION   /* <Location>, <LocationMatch> */
} mp_section_kind;

typedef struct mp_section {
    mp_section_kind kind;
    const char *path;    /* DIRECTORY, WILDCARD: canonical with trailing slash;
                            LOCATION, REGEX: as written; SERVER: NULL */
    ap_regex_t *regex;   /* REGEX only */
    int htaccess;        /* in a .htaccess file */
} mp_section;

/* The section around a directive: Files, FilesMatch, If, Limit and such have
 * the place of the section around them.
 * @return never NULL; lives as long as cmd->pool */
const mp_section *mp_section_of(cmd_parms *cmd);

/* The real directory of a section for this file name, with trailing slash:
 * DIRECTORY its path; patterns the shortest leading part of filename that
 * matches (a regular expression that matches nothing but the name of the file:
 * the directory of that).
 * @return NULL for SERVER and LOCATION, without a file name, or no match;
 *         p is used for pattern results only */
const char *mp_section_directory(const mp_section *section,
                                 const char *filename, apr_pool_t *p);

/* path made canonical: absolute, forward slashes, no "." or "..", trailing
 * slash. Symbolic links stay.
 * @return NULL when path is not absolute or cannot be made canonical */
const char *mp_canonical_dir(apr_pool_t *p, const char *path);

#endif
