/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Handler entries and their lists. All memory is of the pool given; lists of a
 * merged configuration are shared with those it was made from and never
 * changed again. */
#include "core/handler_list.h"

#include <string.h>

#include <apr_strings.h>

/* Entries of the server configuration so far; it is read by one thread. */
static int slots;

int mp_handler_next_slot(void)
{
    return slots++;
}

void mp_handler_reset_slots(void)
{
    slots = 0;
}

int mp_handler_slot_count(void)
{
    return slots;
}

/* What to write instead of spec; NULL when it is right. */
static const char *check_spec(apr_pool_t *p, const char *spec)
{
    const char *colons = strstr(spec, "::");

    if (*spec == '\0') {
        return "a handler is empty: write module or module::object";
    }
    if (colons == spec) {
        return apr_psprintf(p,
                            "handler \"%s\" names no module: write "
                            "module%s",
                            spec, spec);
    }
    if (colons != NULL && colons[2] == '\0') {
        return apr_psprintf(p,
                            "handler \"%s\" names no object: write "
                            "%sobject or %.*s",
                            spec, spec, (int)(colons - spec), spec);
    }
    if (colons != NULL && strstr(colons + 2, "::") != NULL) {
        return apr_psprintf(p,
                            "handler \"%s\" has more than one \"::\": "
                            "write module::object, with dots in object "
                            "for what is inside it",
                            spec);
    }
    return NULL;
}

mp_handler *mp_handler_make(apr_pool_t *p, const char *spec,
                            const char *function, const mp_section *section,
                            int silent, int slot, const char **error)
{
    mp_handler *handler;
    const char *colons;

    *error = check_spec(p, spec);
    if (*error != NULL) {
        return NULL;
    }
    colons = strstr(spec, "::");

    handler = apr_pcalloc(p, sizeof(*handler));
    handler->spec = apr_pstrdup(p, spec);
    if (colons == NULL) {
        handler->module = handler->spec;
    }
    else {
        handler->module = apr_pstrndup(p, spec, (apr_size_t)(colons - spec));
        handler->object = handler->spec + (colons + 2 - spec);
    }
    handler->function = function;
    handler->section = section;
    if (section->kind == MP_SECTION_DIRECTORY) {
        handler->directory = section->path;
    }
    handler->silent = silent;
    handler->slot = slot;
    handler->callable = -1;
    return handler;
}

static int same_ext(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The list of exactly this extension (NULL: the plain one), or NULL. */
static const mp_handler_list *list_of(const mp_handler_list *lists,
                                      const char *ext)
{
    while (lists != NULL && !same_ext(lists->ext, ext)) {
        lists = lists->next;
    }
    return lists;
}

void mp_handler_list_add(apr_pool_t *p, mp_handler_list **lists,
                         const char *ext, mp_handler *entry)
{
    mp_handler_list **end = lists;

    while (*end != NULL && !same_ext((*end)->ext, ext)) {
        end = &(*end)->next;
    }
    if (*end == NULL) {
        *end = apr_pcalloc(p, sizeof(**end));
        (*end)->ext = ext;
        (*end)->entries = apr_array_make(p, 2, sizeof(mp_handler *));
    }
    if (entry == NULL) {
        apr_array_clear((*end)->entries);
    }
    else {
        APR_ARRAY_PUSH((*end)->entries, mp_handler *) = entry;
    }
}

mp_handler_list *mp_handler_list_merge(apr_pool_t *p, mp_handler_list *base,
                                       mp_handler_list *add)
{
    mp_handler_list *merged = add;

    if (add == NULL) {
        return base;
    }
    for (; base != NULL; base = base->next) {
        if (list_of(add, base->ext) == NULL) {
            mp_handler_list *copy = apr_pmemdup(p, base, sizeof(*base));

            copy->next = merged;
            merged = copy;
        }
    }
    return merged;
}

int mp_handler_list_has_entries(const mp_handler_list *lists)
{
    for (; lists != NULL; lists = lists->next) {
        if (lists->entries->nelts > 0) {
            return 1;
        }
    }
    return 0;
}

/* The same as list_of(), without the lists that "None" has switched off. */
static const mp_handler_list *live_list_of(const mp_handler_list *lists,
                                           const char *ext)
{
    const mp_handler_list *list = list_of(lists, ext);

    return list != NULL && list->entries->nelts > 0 ? list : NULL;
}

const char *mp_handler_first_dot(const char *filename)
{
    const char *slash = strrchr(filename, '/');

    return strchr(slash != NULL ? slash + 1 : filename, '.');
}

const mp_handler_list *mp_handler_list_match(const mp_handler_list *lists,
                                             const char *filename,
                                             const char **ext_out)
{
    const char *dot = NULL;

    *ext_out = NULL;
    if (filename != NULL) {
        dot = mp_handler_first_dot(filename);
    }
    for (; dot != NULL; dot = strchr(dot + 1, '.')) {
        const mp_handler_list *list = live_list_of(lists, dot);

        if (list != NULL) {
            *ext_out = list->ext;
            return list;
        }
    }
    return live_list_of(lists, NULL);
}
