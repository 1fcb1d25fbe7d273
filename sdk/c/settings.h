// A plugin's configuration. These functions make a JSON Schema from the table of settings, and fill the struct from
// JSON.

#pragma once

#include "easysight.h"

/// Writes the schema of all settings.
void es_settings_schema(const es_plugin *plugin, plugin_string_t *schema);

/// Fills `config` with the defaults and then with the given values. Returns NULL, or the reason if the given values
/// are invalid.
const char *es_settings_parse(const es_plugin *plugin, const plugin_string_t *given, void *config);
