// A plugin's configuration: from the table of settings to JSON Schema, and from JSON to the struct.

#pragma once

#include "easysight.h"

/// The schema of all settings.
void es_settings_schema(const es_plugin *plugin, plugin_string_t *schema);

/// Fills `config` with defaults and with what is given. Answers why that is not possible, or NULL.
const char *es_settings_parse(const es_plugin *plugin, const plugin_string_t *given, void *config);
