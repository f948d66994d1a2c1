/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Handler entries as configured: what to call, from where, for which file
 * extensions. Made by the directives, read-only afterwards. */
#ifndef MP_CORE_HANDLER_LIST_H
#define MP_CORE_HANDLER_LIST_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "core/match.h"
#include "core/phase.h"

/* One handler. Entries of httpd.conf live as long as the configuration, those
 * of .htaccess and req.add_handler() as long as the request. */
typedef struct mp_handler {
    const char *spec;          /* "module::object" as written */
    const char *module;        /* "module" */
    const char *object;        /* "object", NULL: default of the phase */
    const char *function;      /* default object for this entry */
    const mp_section *section; /* where the directive stands, never NULL */
    const char *directory;     /* canonical, trailing slash; NULL when there is
                                  none or the section has a pattern: then
                                  mp_section_directory() finds it */
    int silent;                /* skip quietly when the object is missing */
    int slot;                  /* index of its cache line in an interpreter
                                  (of known .htaccess lines: behind those of
                                  httpd.conf), -1: look up by value */
    int callable;              /* index into the request object's callables
                                  (req.add_handler(phase, func)), else -1 */
} mp_handler;

/* The handlers for one extension (or for every file name: ext NULL). */
typedef struct mp_handler_list {
    const char *ext;             /* ".html", NULL: the plain list */
    apr_array_header_t *entries; /* of mp_handler *, never NULL; empty:
                                    switched off by "None" */
    struct mp_handler_list *next;
} mp_handler_list;

/* Splits "module::object" and makes an entry.
 * @param slot see mp_handler.slot; pass mp_handler_next_slot() for entries of
 *        the server configuration without a pattern section, else -1
 * @return NULL when spec is empty or has an empty module or object; *error
 *         then says what to write instead (allocated from p) */
mp_handler *mp_handler_make(apr_pool_t *p, const char *spec,
                            const char *function, const mp_section *section,
                            int silent, int slot, const char **error);

/* Slots are numbered from 0 again with each reading of the configuration. */
int mp_handler_next_slot(void);
void mp_handler_reset_slots(void);
/* How many there are after the configuration was read. */
int mp_handler_slot_count(void);

/* Appends an entry to the list of ext in *lists (made when missing; ext must
 * live as long as p). entry NULL leaves that list empty: "None". Not for
 * merged lists: those are shared. */
void mp_handler_list_add(apr_pool_t *p, mp_handler_list **lists,
                         const char *ext, mp_handler *entry);

/* base with each list that add has replaced. Shares what it can. Lists that
 * "None" emptied stay in, because httpd merges sections in any grouping:
 * (a + b) + c must be a + (b + c).
 * @return NULL when both are NULL */
mp_handler_list *mp_handler_list_merge(apr_pool_t *p, mp_handler_list *base,
                                       mp_handler_list *add);

/* 1 when any list has an entry, else 0. */
int mp_handler_list_has_entries(const mp_handler_list *lists);

/* Where the extensions of a file name begin, NULL: it has none. */
const char *mp_handler_first_dot(const char *filename);

/* mp_handler_list_find() for lists with extensions. */
const mp_handler_list *mp_handler_list_match(const mp_handler_list *lists,
                                             const char *filename,
                                             const char **ext_out);

/* The list for a file name (NULL: none yet): extensions of its last path
 * component from the longest (".b.abc") to the shortest (".abc"), then the
 * plain list. A list that "None" switched off counts as missing.
 * @param ext_out the matched extension, NULL: the plain list or none
 * @return NULL when no list applies */
static inline const mp_handler_list *
mp_handler_list_find(const mp_handler_list *lists, const char *filename,
                     const char **ext_out)
{
    if (lists != NULL && (lists->next != NULL || lists->ext != NULL)) {
        return mp_handler_list_match(lists, filename, ext_out);
    }
    *ext_out = NULL; /* nearly always: no extensions */
    return lists != NULL && lists->entries->nelts > 0 ? lists : NULL;
}

#endif
