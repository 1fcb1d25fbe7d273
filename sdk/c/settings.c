// The host checks a configuration against the schema before it is parsed here. So the parser accepts only what a
// table of settings can describe, an object of numbers and booleans, and refuses everything else.

#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// A growable string.
typedef struct {
    char *text;
    size_t length, room;
} buffer;

static void add_char(buffer *to, char c) {
    if (to->length == to->room) {
        to->room = to->room ? 2 * to->room : 256;
        to->text = realloc(to->text, to->room);
        if (!to->text) abort();
    }
    to->text[to->length++] = c;
}

static void add(buffer *to, const char *text) {
    for (; *text; text += 1) add_char(to, *text);
}

static void add_quoted(buffer *to, const char *text) {
    add_char(to, '"');
    for (; *text; text += 1) {
        if (*text == '"' || *text == '\\') add_char(to, '\\');
        // A line break in a description becomes a space.
        add_char(to, (unsigned char)*text < ' ' ? ' ' : *text);
    }
    add_char(to, '"');
}

static void add_number(buffer *to, const char *key, double value) {
    char text[64];
    snprintf(text, sizeof text, ",\"%s\":%.15g", key, value);
    add(to, text);
}

void es_settings_schema(const es_plugin *plugin, plugin_string_t *schema) {
    static const char *const types[] = {"number", "integer", "boolean"};
    buffer text = {0};
    add(&text, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (size_t at = 0; at < plugin->setting_count; at += 1) {
        const es_setting *setting = &plugin->settings[at];
        if (at > 0) add_char(&text, ',');
        add_quoted(&text, setting->name);
        add(&text, ":{\"type\":");
        add_quoted(&text, types[setting->kind]);
        add(&text, ",\"description\":");
        add_quoted(&text, setting->description);
        if (setting->kind == ES_KIND_BOOLEAN) {
            add(&text, setting->fallback != 0 ? ",\"default\":true" : ",\"default\":false");
        } else {
            add_number(&text, "default", setting->fallback);
            add_number(&text, "minimum", setting->minimum);
            add_number(&text, "maximum", setting->maximum);
            add(&text, ",\"unit\":");
            add_quoted(&text, setting->unit);
        }
        add_char(&text, '}');
    }
    add(&text, "}}");
    plugin_string_dup_n(schema, text.text, text.length);
}

static void set(void *config, const es_setting *setting, double value) {
    char *field = (char *)config + setting->offset;
    switch (setting->kind) {
    case ES_KIND_NUMBER: *(double *)(void *)field = value; break;
    case ES_KIND_INTEGER: *(int32_t *)(void *)field = (int32_t)value; break;
    case ES_KIND_BOOLEAN: *(bool *)(void *)field = value != 0; break;
    }
}

static const char *after_space(const char *text) {
    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') text += 1;
    return text;
}

/// Reads a number or a boolean. Returns NULL if the text has no value of the setting's kind.
static const char *value_of(const char *text, const es_setting *setting, double *value) {
    bool wants_truth = setting->kind == ES_KIND_BOOLEAN;
    if (strncmp(text, "true", 4) == 0) {
        *value = 1;
        return wants_truth ? text + 4 : NULL;
    }
    if (strncmp(text, "false", 5) == 0) {
        *value = 0;
        return wants_truth ? text + 5 : NULL;
    }
    // strtod accepts more than JSON does: nan, infinity, hexadecimal.
    if (wants_truth || !(*text == '-' || (*text >= '0' && *text <= '9'))) return NULL;
    char *end;
    *value = strtod(text, &end);
    if (end == text || *value < setting->minimum || *value > setting->maximum) return NULL;
    return end;
}

static const es_setting *setting_named(const es_plugin *plugin, const char *name, size_t length) {
    for (size_t at = 0; at < plugin->setting_count; at += 1) {
        const es_setting *setting = &plugin->settings[at];
        if (strlen(setting->name) == length && memcmp(setting->name, name, length) == 0) return setting;
    }
    return NULL;
}

const char *es_settings_parse(const es_plugin *plugin, const plugin_string_t *given, void *config) {
    for (size_t at = 0; at < plugin->setting_count; at += 1) {
        set(config, &plugin->settings[at], plugin->settings[at].fallback);
    }
    char *copy = malloc(given->len + 1);
    if (!copy) abort();
    memcpy(copy, given->ptr, given->len);
    copy[given->len] = '\0';
    const char *text = after_space(copy);
    if (*text++ != '{') return "the configuration is not a JSON object";
    text = after_space(text);
    while (*text != '}') {
        if (*text++ != '"') return "the configuration is not a JSON object";
        const char *end = strchr(text, '"');
        if (!end) return "the configuration is not a JSON object";
        const es_setting *setting = setting_named(plugin, text, (size_t)(end - text));
        if (!setting) return "the configuration has an unknown setting";
        text = after_space(end + 1);
        if (*text++ != ':') return "the configuration is not a JSON object";
        double value;
        text = value_of(after_space(text), setting, &value);
        if (!text) return "the value of a setting has the wrong type or is out of range";
        set(config, setting, value);
        text = after_space(text);
        if (*text == ',') {
            text = after_space(text + 1);
            if (*text == '}') return "the configuration is not a JSON object";
        } else if (*text != '}') {
            return "the configuration is not a JSON object";
        }
    }
    return NULL;
}
